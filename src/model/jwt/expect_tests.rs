use super::*;
use crate::model::jwt::read;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

fn jwt(claims: &Value) -> Reading {
    read(&format!("{}.{}.c2ln", B64.encode(r#"{"alg":"RS256"}"#), B64.encode(claims.to_string())))
}

/// A good ID token with some claims changed; `null` takes one away.
fn id_token(changes: Value) -> Reading {
    let mut claims = json!({"iss": "https://accounts.google.com", "aud": "https://svc-a.run.app", "azp": "1", "sub": "1",
        "email": "a@acme-prod.iam.gserviceaccount.com", "email_verified": true, "iat": NOW - 100, "exp": NOW + 3_500});
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    jwt(&claims)
}

fn calling(text: &str) -> Expectation {
    Expectation::calling(text).expect("an expectation")
}

fn looked(reading: &Reading, expectation: &Expectation) -> Vec<Check> {
    checks(reading, expectation, &Around::at(now()))
}

fn wrong(list: &[Check]) -> Vec<&str> {
    list.iter().filter(|check| check.severity.is_some()).map(|check| check.code).collect()
}

fn right(list: &[Check]) -> Vec<&str> {
    list.iter().filter(|check| check.severity.is_none()).map(|check| check.code).collect()
}

#[test]
fn what_will_be_called_is_a_url_or_an_api() {
    assert_eq!(calling("https://svc-a.run.app/x").url.as_deref(), Some("https://svc-a.run.app/x"));
    for api in [
        "storage",
        "storage.googleapis.com",
        "https://storage.googleapis.com/b/o",
        "https://bucket.storage.googleapis.com/o",
    ] {
        assert_eq!(calling(api).api.as_deref(), Some("storage"), "{api}");
    }
    for (url, api) in [
        ("https://www.googleapis.com/drive/v3", "drive"),
        ("https://www.googleapis.com/x", ""),
        ("https://storage.us-central1.rep.googleapis.com/x", "storage"),
        ("https://storage.googleapis.com:443/x", "storage"),
    ] {
        assert_eq!(calling(url).api.as_deref(), Some(api), "{url}");
        let token = read("ya29.c.b0Aaekm1K_example");
        assert!(!wrong(&looked(&token, &calling(url))).contains(&"access_token_for_service"), "{url}");
    }
    assert_eq!(calling("https://googleapis.com.evil.example/x").api, None);
    assert!(calling(" ").is_empty());
    for (wrong, word) in [
        ("svc-a.run.app", "Did you mean “https://svc-a.run.app”"),
        ("ftp://x.example", "Invalid URL"),
        ("https://x\u{1b}[31m.run.app", "control characters"),
        ("https://dev:hush@x.run.app", "password"),
        ("some words", "Unknown API"),
    ] {
        let sentence = Expectation::calling(wrong).unwrap_err();
        assert!(sentence.contains(word) && !sentence.contains("hush"), "{sentence}");
    }
    assert!(Expectation::calling("https://").is_err());
}

#[test]
fn a_token_that_fits_is_said_to_fit_in_each_way() {
    for expectation in [
        calling("https://svc-a.run.app/hello?x=1"),
        Expectation { audience: Some("https://svc-a.run.app".into()), ..Expectation::default() },
    ] {
        let list = looked(&id_token(json!({})), &expectation);
        assert_eq!(wrong(&list), Vec::<&str>::new(), "{list:?}");
        assert_eq!(right(&list), ["audience", "issuer", "email", "lifetime"]);
    }
    let several = id_token(json!({"aud": ["x", "https://svc-a.run.app"]}));
    assert_eq!(wrong(&looked(&several, &calling("https://svc-a.run.app"))), Vec::<&str>::new());
    let function = id_token(json!({"aud": "https://r-p.cloudfunctions.net/f"}));
    assert_eq!(wrong(&looked(&function, &calling("https://r-p.cloudfunctions.net/f"))), Vec::<&str>::new());
    assert!(looked(&function, &Expectation::default()).is_empty());
}

#[test]
fn each_way_to_miss_comes_with_the_token_that_would_do() {
    let service = Some(Fix::IdToken("https://svc-a.run.app".into()));
    let storage = Some(Fix::AccessToken(vec![scopes::DEFAULT.to_owned()]));
    let own = json!({"iss": "a@acme-prod.iam.gserviceaccount.com", "aud": "https://svc-a.run.app", "iat": NOW, "exp": NOW + 60});
    for (reading, expected, code, fix) in [
        (
            id_token(json!({"aud": "https://svc-a.run.app/"})),
            "https://svc-a.run.app",
            "audience_mismatch",
            service.clone(),
        ),
        (
            id_token(json!({"aud": "32555940559.apps.googleusercontent.com"})),
            "https://svc-a.run.app",
            "audience_mismatch",
            service.clone(),
        ),
        (id_token(json!({"email": null})), "https://svc-a.run.app", "no_email", service.clone()),
        (
            id_token(json!({"iss": "https://idp.example"})),
            "https://svc-a.run.app",
            "issuer_refused",
            service.clone(),
        ),
        (id_token(json!({})), "storage", "id_token_for_google_api", storage.clone()),
        (id_token(json!({"exp": NOW})), "https://svc-a.run.app", "expired", Some(Fix::Again)),
        (jwt(&own), "https://svc-a.run.app", "self_signed", service.clone()),
        (jwt(&own), "storage", "audience_mismatch", storage.clone()),
        (
            read("ya29.c.b0Aaekm1K_example"),
            "https://svc-a.run.app",
            "access_token_for_service",
            service.clone(),
        ),
        (read("ya29.c.b0Aaekm1K_example"), "storage", "scopes_unknown", None),
        (read("1//0example-refresh-token"), "storage", "not_for_calls", storage),
    ] {
        let list = looked(&reading, &calling(expected));
        let check =
            list.iter().find(|check| check.code == code).unwrap_or_else(|| panic!("{code} in {list:?}"));
        assert_eq!(check.fix, fix, "{code}");
    }
    let slash =
        looked(&id_token(json!({"aud": "https://svc-a.run.app/"})), &calling("https://svc-a.run.app"));
    assert!(
        slash[0].message.contains("ends with “/”") && slash[0].message.contains("custom audience"),
        "{slash:?}"
    );
}

#[test]
fn a_self_signed_jwt_does_for_the_api_that_it_names_and_for_an_hour() {
    let own = |aud: &str, length: i64| {
        jwt(
            &json!({"iss": "a@acme-prod.iam.gserviceaccount.com", "aud": aud, "iat": NOW, "exp": NOW + length}),
        )
    };
    assert_eq!(
        wrong(&looked(&own("https://storage.googleapis.com/", 3_600), &calling("storage"))),
        Vec::<&str>::new()
    );
    assert_eq!(
        wrong(&looked(&own("https://storage.googleapis.com", 60), &calling("storage"))),
        Vec::<&str>::new()
    );
    assert_eq!(
        wrong(&looked(&own("https://pubsub.googleapis.com/", 60), &calling("storage"))),
        ["audience_mismatch"]
    );
    let scoped = jwt(
        &json!({"iss": "a@p.iam.gserviceaccount.com", "scope": "https://www.googleapis.com/auth/devstorage.read_only", "iat": NOW, "exp": NOW + 7_200}),
    );
    let list = looked(&scoped, &calling("storage"));
    assert_eq!((right(&list), wrong(&list)), (vec!["scope"], vec!["lifetime_over_1h"]));
}

#[test]
fn scopes_decide_for_an_access_token_and_the_right_ones_are_named() {
    let read_only = ["https://www.googleapis.com/auth/devstorage.read_only".to_owned()];
    let token = read("ya29.c.b0Aaekm1K_example");
    let list = |expected: &str, scopes: &[String]| {
        checks(&token, &calling(expected), &Around { scopes: Some(scopes), ..Around::at(now()) })
    };
    assert_eq!(right(&list("storage", &read_only)), ["scope"]);
    let gmail = list("gmail", &read_only);
    assert_eq!(wrong(&gmail), ["scope_missing"]);
    // cloud-platform doesn't cover Workspace data.
    assert_eq!(gmail[0].fix, Some(Fix::AccessToken(vec!["https://mail.google.com/".into()])));
    assert_eq!(wrong(&list("gmail", &[scopes::DEFAULT.to_owned()])), ["scope_missing"]);
    assert_eq!(right(&list("iamcredentials", &[scopes::DEFAULT.to_owned()])), ["scope"]);
    assert_eq!(wrong(&list("https://nosuch.googleapis.com/x", &read_only)), ["api_unknown"]);
}

#[test]
fn a_clock_that_is_wrong_and_an_account_that_is_disabled_are_said_unasked() {
    let around = |skew| Around { skew: Some(skew), ..Around::at(now()) };
    let nothing = Expectation::default();
    let token = id_token(json!({}));
    assert!(checks(&token, &nothing, &around(200)).is_empty());
    let fine = checks(&token, &calling("https://svc-a.run.app"), &around(-240));
    assert_eq!(fine.last().map(|check| check.message.as_str()), Some("clock (skew 0.2 s)"));
    let behind = checks(&token, &nothing, &around(90_000));
    assert!(wrong(&behind) == ["clock_skew"] && behind[0].message.contains("90.0 s behind"), "{behind:?}");
    assert!(checks(&token, &nothing, &around(-90_000))[0].message.contains("ahead of"));
    let disabled = Around { disabled: true, ..Around::at(now()) };
    assert_eq!(wrong(&checks(&token, &nothing, &disabled)), ["account_disabled"]);
}
