//! One token before each destination: what is wrong there, and that what is right there is said to be right.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::jwt::{Around, Expectation, Reading, checks, read};

const NOW: i64 = 1_700_000_000;
const ACCOUNT: &str = "ci@acme-prod.iam.gserviceaccount.com";
const TOKEN: &str = "https://oauth2.googleapis.com/token";
const STS: &str = "https://sts.googleapis.com/v1/token";
const PROVIDER: &str =
    "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/ci/providers/github";

fn changed(mut claims: Value, changes: &Value) -> Reading {
    let alg = changes.get("alg").cloned().unwrap_or(json!("RS256"));
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    read(&format!("{}.{}.c2ln", B64.encode(json!({"alg": alg}).to_string()), B64.encode(claims.to_string())))
}

fn assertion(changes: &Value) -> Reading {
    let claims = json!({"iss": ACCOUNT, "aud": TOKEN, "scope": "https://mail.google.com/", "iat": NOW, "exp": NOW + 3_600});
    changed(claims, changes)
}

fn id_token(changes: &Value) -> Reading {
    let claims = json!({"iss": "https://accounts.google.com", "aud": "x", "sub": "1", "email": ACCOUNT,
        "email_verified": true, "iat": NOW, "exp": NOW + 3_600});
    changed(claims, changes)
}

fn foreign(changes: &Value) -> Reading {
    let claims = json!({"iss": "https://token.actions.githubusercontent.com", "aud": PROVIDER,
        "sub": "repo:acme/app:ref:refs/heads/main", "iat": NOW, "exp": NOW + 300});
    changed(claims, changes)
}

fn expectation(url: &str, audience: Option<&str>) -> Expectation {
    let calling = Expectation::calling(url).expect("an expectation");
    Expectation { audience: audience.map(str::to_owned), ..calling }
}

/// All checks with their messages: `ok audience`, `error scope_missing`.
fn told(reading: &Reading, expectation: &Expectation) -> (String, String) {
    let list = checks(reading, expectation, &Around::at(Timestamp::from_second(NOW).expect("a time")));
    let words = list.iter().map(|check| match check.severity {
        None => format!("ok {}", check.code),
        Some(severity) => format!("{} {}", severity.word(), check.code),
    });
    let messages = list.iter().map(|check| check.message.as_str());
    (words.collect::<Vec<_>>().join(", "), messages.collect::<Vec<_>>().join("; "))
}

#[test]
fn token_endpoint_judges_an_assertion_by_its_own_rules() {
    let good = "ok audience, ok scope, ok lifetime";
    for (changes, expected) in [
        (json!({}), good),
        (json!({"aud": [TOKEN]}), good),
        (json!({"aud": "https://www.googleapis.com/oauth2/v4/token"}), good),
        (json!({"scope": "https://www.googleapis.com/auth/devstorage.read_only openid"}), good),
        (json!({"sub": ACCOUNT}), "ok audience, ok scope, ok subject, ok lifetime"),
        (
            json!({"sub": "dev@example.com"}),
            "ok audience, ok scope, info domain_wide_delegation, ok lifetime",
        ),
        (
            json!({"sub": "other@acme-prod.iam.gserviceaccount.com"}),
            "ok audience, ok scope, error subject_mismatch, ok lifetime",
        ),
        (
            json!({"sub": "107517467455664443765"}),
            "ok audience, ok scope, error subject_mismatch, ok lifetime",
        ),
        (json!({"scope": null}), "ok audience, error scope_missing, ok lifetime"),
        (json!({"scope": " "}), "ok audience, error scope_missing, ok lifetime"),
        (json!({"scope": ["openid"]}), "ok audience, error scope_missing, ok lifetime"),
        (
            json!({"scope": null, "target_audience": "https://svc.run.app"}),
            "ok audience, ok target_audience, ok lifetime",
        ),
        (
            json!({"aud": "https://example.com/oauth2/token"}),
            "error audience_mismatch, ok scope, ok lifetime",
        ),
        (json!({"aud": format!("{TOKEN}/")}), "error audience_mismatch, ok scope, ok lifetime"),
        (json!({"aud": null}), "error audience_mismatch, ok scope, ok lifetime"),
        (json!({"exp": NOW + 3_601}), "ok audience, ok scope"),
        (
            json!({"exp": NOW + 3_601, "aud": "x"}),
            "error audience_mismatch, ok scope, error lifetime_over_1h",
        ),
        (json!({"iat": null}), "ok audience, ok scope, error time_missing"),
        (json!({"iat": null, "exp": null}), "ok audience, ok scope, error time_missing"),
        (json!({"iat": NOW * 1_000, "exp": (NOW + 3_600) * 1_000}), "ok audience, ok scope"),
        (json!({"alg": "ES256"}), "error alg_refused, ok audience, ok scope, ok lifetime"),
        (json!({"exp": NOW - 1, "iat": NOW - 10}), "ok audience, ok scope, ok lifetime, error expired"),
    ] {
        let (found, messages) = told(&assertion(&changes), &expectation(TOKEN, None));
        assert_eq!(found, expected, "{changes}: {messages}");
    }
    for host in ["oauth2", "https://oauth2.googleapis.com", "https://oauth2.googleapis.com/token/"] {
        assert_eq!(told(&assertion(&json!({})), &expectation(host, None)).0, good, "{host}");
    }
    let at = |reading: &Reading| told(reading, &expectation(TOKEN, None)).0;
    assert_eq!(at(&id_token(&json!({}))), "error assertion_expected");
    assert_eq!(at(&foreign(&json!({}))), "error assertion_expected");
    assert_eq!(at(&read("ya29.c.b0Aaekm1K_example")), "error not_for_calls");
    assert_eq!(at(&read("1//0example-refresh-token")), "ok grant");
}

#[test]
fn security_token_service_judges_the_tokens_of_other_issuers() {
    let other = "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/ci/providers/gitlab";
    for (changes, audience, expected) in [
        (json!({}), None, "ok audience, ok subject, ok lifetime"),
        (json!({"aud": format!("https:{PROVIDER}")}), None, "ok audience, ok subject, ok lifetime"),
        (json!({"aud": format!("https:{PROVIDER}")}), Some(PROVIDER), "ok audience, ok subject, ok lifetime"),
        (
            json!({"aud": "https://github.com/acme"}),
            None,
            "warning audience_mismatch, ok subject, ok lifetime",
        ),
        (json!({"aud": "sts"}), Some("sts"), "ok audience, ok subject, ok lifetime"),
        (json!({}), Some(other), "error audience_mismatch, ok subject, ok lifetime"),
        (json!({"sub": "x".repeat(127)}), None, "ok audience, ok subject, ok lifetime"),
        (json!({"sub": "x".repeat(128)}), None, "ok audience, warning subject_too_long, ok lifetime"),
        (json!({"sub": null}), None, "ok audience, warning subject_missing, ok lifetime"),
        (json!({"exp": NOW + 86_400}), None, "ok audience, ok subject, ok lifetime"),
        (json!({"exp": NOW + 86_401}), None, "ok audience, ok subject, error lifetime_over_24h"),
        (json!({"scope": "x"}), None, "ok audience, ok subject, ok lifetime"),
    ] {
        let (found, messages) = told(&foreign(&changes), &expectation(STS, audience));
        assert_eq!(found, expected, "{changes}: {messages}");
    }
    let at = |reading: &Reading| told(reading, &expectation(STS, None)).0;
    assert_eq!(at(&read("ya29.c.b0Aaekm1K_example")), "ok grant");
    assert_eq!(at(&read("AIzaSyA-example-example-example-example")), "error not_for_calls");
    assert!(at(&assertion(&json!({}))).starts_with("error issuer_refused"));
}

#[test]
fn each_service_has_its_own_audience() {
    let rest = ", ok issuer, ok email, ok lifetime";
    for (url, aud, expected, words) in [
        // Cloud Run: the address without path and traffic tag; either of its two addresses.
        (
            "https://orders-4fj2k3l5ma-uc.a.run.app/x?y",
            "https://orders-4fj2k3l5ma-uc.a.run.app",
            "ok audience",
            "",
        ),
        (
            "https://blue---orders-4fj2k3l5ma-uc.a.run.app",
            "https://orders-4fj2k3l5ma-uc.a.run.app",
            "ok audience",
            "",
        ),
        (
            "https://blue---orders-4fj2k3l5ma-uc.a.run.app",
            "https://blue---orders-4fj2k3l5ma-uc.a.run.app",
            "error audience_mismatch",
            "expected “https://orders",
        ),
        (
            "https://orders-4fj2k3l5ma-uc.a.run.app",
            "https://orders-4fj2k3l5ma-uc.a.run.app/x",
            "error audience_mismatch",
            "different path",
        ),
        (
            "https://orders-4fj2k3l5ma-uc.a.run.app",
            "https://orders-739419398126.us-central1.run.app",
            "warning audience_unknown",
            "can't tell",
        ),
        (
            "https://orders-739419398126.us-central1.run.app",
            "https://orders-4fj2k3l5ma-uc.a.run.app",
            "warning audience_unknown",
            "can't tell",
        ),
        (
            "https://orders-739419398126.us-central1.run.app",
            "https://bills-4fj2k3l5ma-uc.a.run.app",
            "error audience_mismatch",
            "expected",
        ),
        // Functions: the address with the name.
        (
            "https://us-central1-acme.cloudfunctions.net/f",
            "https://us-central1-acme.cloudfunctions.net/f",
            "ok audience",
            "",
        ),
        (
            "https://us-central1-acme.cloudfunctions.net/f/sub?a",
            "https://us-central1-acme.cloudfunctions.net/f",
            "ok audience",
            "",
        ),
        (
            "https://us-central1-acme.cloudfunctions.net/f",
            "https://us-central1-acme.cloudfunctions.net",
            "error audience_mismatch",
            "cloudfunctions.net/f”",
        ),
        (
            "https://us-central1-acme.cloudfunctions.net",
            "https://us-central1-acme.cloudfunctions.net",
            "error audience_unknown",
            "/NAME",
        ),
        // A domain can be in front of Cloud Run or Identity-Aware Proxy.
        (
            "https://orders.example.com/mcp",
            "https://orders.example.com",
            "info audience_unknown",
            "custom audience",
        ),
        (
            "https://orders.example.com/mcp",
            "https://orders-4fj2k3l5ma-uc.a.run.app",
            "info audience_unknown",
            "behind “https://orders.example.com”",
        ),
        (
            "https://orders.example.com/mcp",
            "7-x.apps.googleusercontent.com",
            "info audience_unknown",
            "Identity-Aware Proxy",
        ),
        (
            "https://orders.example.com/mcp",
            "https://bills.example.com",
            "error audience_mismatch",
            "custom audience",
        ),
        (
            "https://orders.example.com/mcp",
            "https://orders.example.com/",
            "error audience_mismatch",
            "ends with “/”",
        ),
        // Identity-Aware Proxy: its OAuth client.
        (
            "https://acme.ew.r.appspot.com/x",
            "7-x.apps.googleusercontent.com",
            "info audience_unknown",
            "fits if",
        ),
        (
            "https://acme.ew.r.appspot.com/x",
            "https://acme.ew.r.appspot.com",
            "error audience_unknown",
            "OAuth client",
        ),
        // API Gateway: what its definition lists.
        (
            "https://api-1a2b.ew.gateway.dev/v1",
            "https://api-1a2b.ew.gateway.dev",
            "info audience_unknown",
            "x-google-audiences",
        ),
        // On this machine.
        ("http://localhost:8080/x", "http://localhost:8080", "ok audience", ""),
    ] {
        let (found, messages) = told(&id_token(&json!({ "aud": aud })), &expectation(url, None));
        assert_eq!(found, format!("{expected}{rest}"), "{aud} for {url}: {messages}");
        assert!(messages.contains(words), "{aud} for {url}: {messages}");
        // What is said to be expected decides, wherever it is.
        let (found, _) = told(&id_token(&json!({ "aud": aud })), &expectation(url, Some(aud)));
        assert_eq!(found, format!("ok audience{rest}"), "{aud} for {url}");
    }
}

#[test]
fn self_signed_jwt_is_for_a_url_of_identity_aware_proxy_and_for_gateways() {
    let own = |aud: &str| {
        changed(
            json!({"iss": ACCOUNT, "sub": ACCOUNT, "iat": NOW, "exp": NOW + 3_600}),
            &json!({ "aud": aud }),
        )
    };
    for (url, aud, expected) in [
        (
            "https://app.example.com/x",
            "https://app.example.com/*",
            "warning self_signed, info audience_unknown, ok lifetime",
        ),
        (
            "https://app.example.com/x",
            "https://app.example.com/x",
            "warning self_signed, info audience_unknown, ok lifetime",
        ),
        (
            "https://app.example.com/x",
            "https://app.example.community/*",
            "warning self_signed, error audience_mismatch, ok lifetime",
        ),
        (
            "https://acme.ew.r.appspot.com/x",
            "https://acme.ew.r.appspot.com/*",
            "warning self_signed, info audience_unknown, ok lifetime",
        ),
        (
            "https://api-1a2b.ew.gateway.dev/v1",
            "https://orders.example.com",
            "info audience_unknown, ok lifetime",
        ),
    ] {
        let (found, messages) = told(&own(aud), &expectation(url, None));
        assert_eq!(found, expected, "{aud} for {url}: {messages}");
    }
    let long = changed(
        json!({"iss": ACCOUNT, "sub": ACCOUNT, "aud": "https://app.example.com/*", "iat": NOW, "exp": NOW + 7_200}),
        &json!({}),
    );
    let (found, _) = told(&long, &expectation("https://app.example.com/x", None));
    assert_eq!(found, "warning self_signed, info audience_unknown, warning lifetime_over_1h");
}
