//! Each condition of each expectation by itself: the findings for one token more or less, one character, one second.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

use super::*;
use crate::model::jwt::read;

const NOW: i64 = 1_700_000_000;
const SERVICE: &str = "https://svc-a.run.app";
const ACCOUNT: &str = "a@acme-prod.iam.gserviceaccount.com";
const READ_ONLY: &str = "https://www.googleapis.com/auth/devstorage.read_only";

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

fn jwt(claims: &Value) -> Reading {
    read(&format!("{}.{}.c2ln", B64.encode(r#"{"alg":"RS256"}"#), B64.encode(claims.to_string())))
}

/// These claims with some of them changed; `null` takes one away.
fn changed(mut claims: Value, changes: &Value) -> Reading {
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    jwt(&claims)
}

fn id_token(changes: &Value) -> Reading {
    let claims = json!({"iss": "https://accounts.google.com", "aud": SERVICE, "sub": "1", "email": ACCOUNT,
        "email_verified": true, "iat": NOW - 100, "exp": NOW + 3_500});
    changed(claims, changes)
}

fn self_signed(changes: &Value) -> Reading {
    let claims = json!({"iss": ACCOUNT, "sub": ACCOUNT, "aud": "https://storage.googleapis.com/", "iat": NOW, "exp": NOW + 60});
    changed(claims, changes)
}

fn calling(text: &str) -> Expectation {
    Expectation::calling(text).expect("an expectation")
}

fn audience(text: &str) -> Expectation {
    Expectation { audience: Some(text.into()), ..Expectation::default() }
}

/// All checks: `ok audience`, `error scope_missing`.
fn told(reading: &Reading, expectation: &Expectation, around: &Around<'_>) -> String {
    let list = checks(reading, expectation, around);
    let words = list.iter().map(|check| match check.severity {
        None => format!("ok {}", check.code),
        Some(severity) => format!("{severity:?} {}", check.code).to_lowercase(),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn told_now(reading: &Reading, expectation: &Expectation) -> String {
    told(reading, expectation, &Around::at(now()))
}

#[test]
fn email_counts_only_where_it_is_verified() {
    for (changes, told) in [
        (json!({}), "ok email, "),
        (json!({"email_verified": false}), ""),
        (json!({"email_verified": null}), ""),
        (json!({"email_verified": "true"}), ""),
        (json!({"email_verified": 1}), ""),
        (json!({"email_verified": "false"}), ""),
        (json!({"email_verified": [true]}), ""),
        (json!({"email": null}), "warning no_email, "),
        (json!({"email": null, "email_verified": null}), "warning no_email, "),
    ] {
        let expected = format!("ok audience, ok issuer, {told}ok lifetime");
        assert_eq!(told_now(&id_token(&changes), &calling(SERVICE)), expected, "{changes}");
    }
}

#[test]
fn issuer_is_googles_in_two_ways_and_in_no_other() {
    let rest = "ok audience, ok issuer, ok email, ok lifetime";
    for google in ["https://accounts.google.com", "accounts.google.com"] {
        assert_eq!(told_now(&id_token(&json!({"iss": google})), &calling(SERVICE)), rest);
    }
    for other in [
        "https://accounts.google.com/",
        "http://accounts.google.com",
        "https://ACCOUNTS.google.com",
        "https://accounts.google.com.evil.example",
        "https://idp.example",
        // Neither is an account: each has only half of the marks.
        "alice@example.com",
        "a.iam.gserviceaccount.com",
        "a@acme-prod.iam.gserviceaccount.com.evil.example",
    ] {
        let reading = id_token(&json!({"iss": other}));
        let expected = "ok audience, warning issuer_refused, ok lifetime";
        assert_eq!(told_now(&reading, &calling(SERVICE)), expected, "{other}");
        let list = checks(&reading, &calling(SERVICE), &Around::at(now()));
        assert_eq!(list[1].fix, Some(Fix::IdToken(SERVICE.into())), "{other}");
        assert!(list[1].message.contains(other), "{}", list[1].message);
    }
    for none in [json!({"iss": null}), json!({"iss": ""}), json!({"iss": 7})] {
        assert_eq!(told_now(&id_token(&none), &calling(SERVICE)), "ok audience, ok lifetime", "{none}");
    }
}

#[test]
fn form_of_a_token_and_what_is_known_decide_how_it_is_judged() {
    let scopes = [READ_ONLY.to_owned()];
    let known = Around { scopes: Some(&scopes), ..Around::at(now()) };
    let unknown = Around::at(now());
    // A JWT whose scopes are known is an access token, from any issuer.
    for token in [id_token(&json!({})), self_signed(&json!({})), self_signed(&json!({"aud": "x"}))] {
        assert_eq!(told(&token, &calling("storage"), &known), "ok scope");
        assert_eq!(told(&token, &calling("gmail"), &known), "error scope_missing");
        assert_eq!(told(&token, &calling(SERVICE), &known), "error access_token_for_service");
    }
    assert_eq!(
        told(&id_token(&json!({})), &calling("storage"), &unknown),
        "error id_token_for_google_api, ok lifetime"
    );
    assert_eq!(told(&self_signed(&json!({})), &calling("storage"), &unknown), "ok audience, ok lifetime");
    // No scopes at all are known scopes, too.
    let none = Around { scopes: Some(&[]), ..Around::at(now()) };
    assert_eq!(told(&id_token(&json!({})), &calling("storage"), &none), "error scope_missing");

    let of = |form: Form| Reading { form, ..read("x") };
    for (form, with, without) in [
        (Form::GoogleAccessToken, "ok scope", "info scopes_unknown"),
        (Form::Opaque, "ok scope", "error not_for_calls"),
        (Form::Empty, "", ""),
    ] {
        assert_eq!(told(&of(form), &calling("storage"), &known), with, "{form:?}");
        assert_eq!(told(&of(form), &calling("storage"), &unknown), without, "{form:?}");
    }
    for form in [
        Form::Jwe,
        Form::RefreshToken,
        Form::AuthorizationCode,
        Form::ApiKey,
        Form::BoundApiKey,
        Form::ClientSecret,
        Form::ServiceAccountKey,
        Form::UserCredentials,
        Form::ImpersonatedCredentials,
        Form::FederatedCredentials,
        Form::FederatedUserCredentials,
        Form::OauthClient,
        Form::PrivateKey,
        Form::PublicKeys,
        Form::Certificate,
        Form::SignedUrl,
        Form::Foreign,
    ] {
        for around in [&known, &unknown] {
            for (expectation, fix) in [
                (calling("storage"), Fix::AccessToken(vec![scopes::DEFAULT.into()])),
                (calling(SERVICE), Fix::IdToken(SERVICE.into())),
                (audience("x"), Fix::IdToken("x".into())),
            ] {
                let list = checks(&of(form), &expectation, around);
                assert_eq!(list.len(), 1, "{form:?}");
                assert_eq!((list[0].code, list[0].fix.as_ref()), ("not_for_calls", Some(&fix)), "{form:?}");
                assert!(list[0].message.ends_with(form.name()), "{}", list[0].message);
            }
        }
    }
}

#[test]
fn innermost_token_is_the_one_that_is_judged() {
    let inside = |inner: Reading| Reading {
        inner: Some(Box::new(inner)),
        ..id_token(&json!({"aud": "https://other.run.app"}))
    };
    let right = "ok audience, ok issuer, ok email, ok lifetime";
    assert_eq!(told_now(&inside(id_token(&json!({}))), &calling(SERVICE)), right);
    assert_eq!(told_now(&inside(inside(id_token(&json!({})))), &calling(SERVICE)), right);
}

#[test]
fn audience_fits_exactly_and_of_a_function_with_its_name() {
    let url = "https://r-p.cloudfunctions.net/f/x";
    let origin = "https://r-p.cloudfunctions.net";
    let function = "https://r-p.cloudfunctions.net/f";
    let (yes, no) = ("ok audience", "error audience_mismatch");
    for (aud, expectation, expected) in [
        (json!(origin), calling(url), no),
        (json!(url), calling(url), no),
        (json!(function), calling(url), yes),
        (json!(function), calling(&format!("{url}?a=b")), yes),
        (json!(function), calling(&format!("{function}#a")), yes),
        (json!(format!("{function}?a=b")), calling(&format!("{function}?a=b")), no),
        (json!(format!("{function}/")), calling(function), no),
        (json!(["x", function]), calling(url), yes),
        (json!([origin, "x"]), calling(url), no),
        (json!([origin, "x"]), calling(&format!("{SERVICE}/x")), no),
        (json!(["x", SERVICE]), calling(&format!("{SERVICE}/x")), yes),
        (json!(format!("{SERVICE}/x")), calling(&format!("{SERVICE}/x")), no),
        (json!(["x", "y"]), calling(url), no),
        (json!("https://R-p.cloudfunctions.net/f"), calling(url), no),
        // If the audience is given, the URL doesn't matter.
        (json!(url), Expectation { audience: Some("x".into()), ..calling(url) }, no),
        (json!(origin), Expectation { audience: Some("x".into()), ..calling(url) }, no),
        (json!("x"), Expectation { audience: Some("x".into()), ..calling(url) }, yes),
        (json!("x"), audience("x"), yes),
        (json!("X"), audience("x"), no),
    ] {
        let reading = id_token(&json!({ "aud": aud }));
        let list = checks(&reading, &expectation, &Around::at(now()));
        let found = if list[0].severity.is_none() { yes } else { no };
        assert_eq!((found, found.ends_with(list[0].code)), (expected, true), "{aud} for {expectation:?}");
        // A custom audience might explain it only if no expected one was given; functions have none.
        let custom = list[0].message.contains("custom audience");
        let is_run = expectation.url.as_deref().is_some_and(|url| url.starts_with(SERVICE));
        assert_eq!(custom, expected == no && expectation.audience.is_none() && is_run, "{}", list[0].message);
        if expected == no {
            let its = if is_run { SERVICE } else { function };
            let wanted = expectation.audience.clone().unwrap_or_else(|| its.to_owned());
            assert_eq!(list[0].fix, Some(Fix::IdToken(wanted)), "{aud}");
        }
    }
    // The findings already say that there is none.
    for none in [json!({"aud": null}), json!({"aud": []})] {
        assert_eq!(told_now(&id_token(&none), &calling(url)), "ok issuer, ok email, ok lifetime");
    }
}

#[test]
fn self_signed_jwt_is_judged_by_the_api_its_scope_or_its_audience() {
    for (changes, expectation, expected) in [
        (json!({}), calling("storage"), "ok audience, ok lifetime"),
        (json!({"aud": "https://storage.googleapis.com"}), calling("storage"), "ok audience, ok lifetime"),
        (
            json!({"aud": ["x", "https://storage.googleapis.com/"]}),
            calling("storage"),
            "ok audience, ok lifetime",
        ),
        (
            json!({"aud": "https://storage.googleapis.com/x"}),
            calling("storage"),
            "error audience_mismatch, ok lifetime",
        ),
        (
            json!({"aud": "http://storage.googleapis.com/"}),
            calling("storage"),
            "error audience_mismatch, ok lifetime",
        ),
        (
            json!({"aud": "storage.googleapis.com"}),
            calling("storage"),
            "error audience_mismatch, ok lifetime",
        ),
        (json!({"aud": null}), calling("storage"), "error audience_mismatch, ok lifetime"),
        (json!({}), calling("https://www.googleapis.com/x"), "info api_unknown, ok lifetime"),
        // With scopes its audience doesn't matter.
        (json!({"scope": READ_ONLY, "aud": null}), calling("storage"), "ok scope, ok lifetime"),
        (json!({"scope": format!("x  {READ_ONLY} y")}), calling("storage"), "ok scope, ok lifetime"),
        (json!({"scope": READ_ONLY}), calling("gmail"), "error scope_missing, ok lifetime"),
        (json!({"scope": ""}), calling("storage"), "error scope_missing, ok lifetime"),
        (json!({"scope": 7}), calling("storage"), "ok audience, ok lifetime"),
        (json!({}), calling(SERVICE), "warning self_signed, error audience_mismatch, ok lifetime"),
        (json!({"aud": SERVICE}), calling(SERVICE), "warning self_signed, ok audience, ok lifetime"),
        (
            json!({"aud": SERVICE, "scope": READ_ONLY}),
            audience(SERVICE),
            "warning self_signed, ok audience, ok lifetime",
        ),
        (
            json!({"iss": "1-compute@developer.gserviceaccount.com", "sub": "1-compute@developer.gserviceaccount.com"}),
            calling("storage"),
            "ok audience, ok lifetime",
        ),
        (
            json!({"sub": "user@example.com"}),
            calling("storage"),
            "error subject_mismatch, ok audience, ok lifetime",
        ),
        (
            json!({"aud": "https://oauth2.googleapis.com/token", "scope": READ_ONLY}),
            calling("storage"),
            "error audience_mismatch, ok lifetime",
        ),
    ] {
        assert_eq!(told_now(&self_signed(&changes), &expectation), expected, "{changes} for {expectation:?}");
    }
}

#[test]
fn scopes_fit_if_one_is_among_those_that_the_api_takes() {
    let token = read("ya29.c.b0Aaekm1K_example");
    let found = |expected: &str, has: &[&str]| {
        let scopes: Vec<String> = has.iter().map(|scope| (*scope).to_owned()).collect();
        checks(&token, &calling(expected), &Around { scopes: Some(&scopes), ..Around::at(now()) })
    };
    // By the catalogue itself: each API accepts each of its scopes, and no other API's.
    let takes = |api: &str, scope: &scopes::Scope| scope.apis.split(',').any(|name| name == api);
    // One has capitals in its name, which hosts never have.
    for api in ["storage", "gmail", "gamesConfiguration"] {
        for scope in scopes::all() {
            let list = found(api, &[scope.full]);
            let code = if takes(api, scope) { "scope" } else { "scope_missing" };
            assert_eq!((list.len(), list[0].code), (1, code), "{} for {api}", scope.full);
        }
    }
    let apis: std::collections::BTreeSet<&str> =
        scopes::all().iter().flat_map(|scope| scope.apis.split(',')).collect();
    let mut as_many_as_are_named = 0;
    for api in apis {
        let wide = found(api, &[])[0].message.clone();
        let count = scopes::all().iter().filter(|scope| takes(api, scope)).count();
        as_many_as_are_named += usize::from(count == 4);
        let named = wide.split_once('(').map_or("", |(_, list)| list.trim_end_matches(')'));
        assert_eq!(named.split(", ").filter(|name| *name != "…").count(), count.min(4), "{wide}");
        assert_eq!(named.ends_with(", …"), count > 4, "{wide}");
    }
    assert!(as_many_as_are_named > 0);
    let both = found("storage", &["x", READ_ONLY, scopes::DEFAULT]);
    assert_eq!(both[0].message, "scope (devstorage.read_only, cloud-platform)");
    let lookalike = format!("{READ_ONLY}x");
    assert_eq!(found("storage", &[&lookalike])[0].code, "scope_missing");
    assert_eq!(
        found("storage", &["devstorage.read_only"])[0].code,
        "scope_missing",
        "in full, as Google tells it"
    );
    let unknown = found("https://www.googleapis.com/x", &[READ_ONLY]);
    assert!(unknown[0].code == "api_unknown" && unknown[0].message.contains("this Google API"));
    let unknown = found("https://nosuch.googleapis.com/x", &[READ_ONLY]);
    assert!(unknown[0].code == "api_unknown" && unknown[0].message.contains("the nosuch API"));
    assert_eq!((unknown[0].severity, unknown[0].fix.as_ref()), (Some(Severity::Info), None));
}

#[test]
fn lifetime_is_right_from_a_second_to_an_hour_and_too_long_only_for_googles_apis() {
    let (right, long) = ("ok lifetime", "error lifetime_over_1h");
    for (iat, exp, api, service) in [
        (NOW, NOW + 1, right, right),
        (NOW, NOW + 3_600, right, right),
        (NOW, NOW + 3_601, long, ""),
        (NOW + 10, NOW + 10, "", ""),
        (NOW + 11, NOW + 10, "", ""),
        (i64::MIN, i64::MAX, long, ""),
    ] {
        let times = |reading: Reading| {
            let times = super::super::Times { iat: Some(iat), exp: Some(exp), nbf: None };
            Reading { times, ..reading }
        };
        for (reading, expectation, expected) in [
            (times(self_signed(&json!({"aud": "x", "scope": READ_ONLY}))), "storage", api),
            (times(self_signed(&json!({"aud": SERVICE}))), SERVICE, service),
            // If the audience is Google's, the findings already say so.
            (times(self_signed(&json!({"scope": READ_ONLY}))), "storage", if api == long { "" } else { api }),
        ] {
            let told = told_now(&reading, &calling(expectation));
            let found: Vec<&str> = told.split(", ").filter(|word| word.contains("lifetime")).collect();
            assert_eq!(found.join(", "), expected, "from {iat} to {exp} for {expectation}");
        }
    }
    for missing in [json!({"iat": null}), json!({"exp": null}), json!({"iat": null, "exp": null})] {
        assert_eq!(told_now(&self_signed(&missing), &calling("storage")), "ok audience", "{missing}");
    }
}

#[test]
fn token_has_ended_from_the_second_of_its_end_on() {
    let at = |second: i64| Some(Timestamp::from_second(second).expect("a time"));
    let opaque = read("ya29.c.b0Aaekm1K_example");
    for (exp, ends, ended) in [
        (None, None, false),
        (Some(NOW + 1), None, false),
        (Some(NOW), None, true),
        (Some(NOW - 1), None, true),
        (None, at(NOW + 1), false),
        (None, at(NOW), true),
        // The token's own content comes first.
        (Some(NOW + 1), at(NOW), false),
        (Some(NOW), at(NOW + 1), true),
    ] {
        let times = super::super::Times { iat: None, exp, nbf: None };
        let around = Around { ends, ..Around::at(now()) };
        for reading in [opaque.clone(), id_token(&json!({})), self_signed(&json!({})), read("")] {
            let reading = Reading { times, ..reading };
            let list = checks(&reading, &calling("storage"), &around);
            let said = list.iter().find(|check| check.code == "expired");
            assert_eq!(said.is_some(), ended, "{exp:?} {ends:?} {:?}", reading.form);
            assert!(
                said.is_none_or(
                    |check| check.severity == Some(Severity::Error) && check.fix == Some(Fix::Again)
                )
            );
        }
        // Without expectations, nothing is missing.
        let reading = Reading { times, ..opaque.clone() };
        assert_eq!(told(&reading, &Expectation::default(), &around), "");
    }
}

#[test]
fn clock_is_right_to_ten_seconds_either_way() {
    let token = read("");
    for (skew, expected, shown) in [
        (0, "ok clock", "(skew 0.0 s)"),
        (99, "ok clock", "(skew 0.0 s)"),
        (100, "ok clock", "(skew 0.1 s)"),
        (-240, "ok clock", "(skew 0.2 s)"),
        (9_999, "ok clock", "(skew 9.9 s)"),
        (10_000, "ok clock", "(skew 10.0 s)"),
        (-10_000, "ok clock", "(skew 10.0 s)"),
        (10_001, "warning clock_skew", "is 10.0 s behind Google's"),
        (-10_001, "warning clock_skew", "is 10.0 s ahead of Google's"),
        (61_950, "warning clock_skew", "is 61.9 s behind Google's"),
    ] {
        let around = Around { skew: Some(skew), ..Around::at(now()) };
        assert_eq!(told(&token, &calling("storage"), &around), expected, "{skew}");
        let message = checks(&token, &calling("storage"), &around)[0].message.clone();
        assert!(message.contains(shown), "{skew}: {message}");
        // Without a question, only problems are reported.
        let unasked = if expected == "ok clock" { "" } else { expected };
        assert_eq!(told(&token, &Expectation::default(), &around), unasked, "{skew}");
    }
    assert_eq!(told_now(&token, &calling("storage")), "");
}

#[test]
fn disabled_account_is_said_beside_everything_else() {
    let disabled = Around { disabled: true, skew: Some(0), ..Around::at(now()) };
    assert_eq!(told(&read(""), &Expectation::default(), &disabled), "error account_disabled");
    let expected = "ok audience, ok issuer, ok email, ok lifetime, ok clock, error account_disabled";
    assert_eq!(told(&id_token(&json!({})), &calling(SERVICE), &disabled), expected);
    let list = checks(&read(""), &Expectation::default(), &disabled);
    assert_eq!(list[0].fix, None, "no token of it would do");
    let finding = list[0].finding().expect("a finding");
    assert_eq!(
        (finding.code, finding.severity, finding.message.as_str()),
        ("account_disabled", Severity::Error, list[0].message.as_str())
    );
    let fine = checks(&id_token(&json!({})), &calling(SERVICE), &Around::at(now()));
    assert!(fine.iter().all(|check| check.finding().is_none()));
}

#[test]
fn token_that_would_do_is_for_the_api_before_the_audience() {
    let fix = |expectation: &Expectation| {
        checks(&read("1//0example-refresh-token"), expectation, &Around::at(now()))[0].fix.clone()
    };
    let access = |scope: &str| Some(Fix::AccessToken(vec![scope.to_owned()]));
    let id = |audience: &str| Some(Fix::IdToken(audience.to_owned()));
    for (expectation, expected) in [
        (calling("storage"), access(scopes::DEFAULT)),
        (calling("gmail"), access("https://mail.google.com/")),
        (calling("https://storage.googleapis.com/b"), access(scopes::DEFAULT)),
        (calling("https://www.googleapis.com/x"), access(scopes::DEFAULT)),
        (Expectation { audience: Some("x".into()), ..calling("storage") }, access(scopes::DEFAULT)),
        (calling("https://svc-a.run.app/x?y"), id(SERVICE)),
        (audience("x"), id("x")),
        (Expectation { audience: Some("x".into()), ..calling(SERVICE) }, id("x")),
    ] {
        assert_eq!(fix(&expectation), expected, "{expectation:?}");
    }
}

#[test]
fn what_will_be_called_is_read_from_each_form_and_said_again() {
    for (text, url, api, words) in [
        ("storage", None, Some("storage"), "the storage API"),
        (" Storage\n", None, Some("storage"), "the storage API"),
        ("STORAGE.googleapis.com", None, Some("storage"), "the storage API"),
        ("b.storage.googleapis.com", None, Some("storage"), "the storage API"),
        ("storage.us-central1.rep.googleapis.com", None, Some("storage"), "the storage API"),
        ("nosuch.googleapis.com", None, Some("nosuch"), "the nosuch API"),
        ("https://svc-a.run.app", Some("https://svc-a.run.app"), None, "https://svc-a.run.app"),
        ("http://127.0.0.1:8080/x", Some("http://127.0.0.1:8080/x"), None, "http://127.0.0.1:8080/x"),
        (
            "HTTPS://svc-a.run.app/a@b?c@d#e",
            Some("HTTPS://svc-a.run.app/a@b?c@d#e"),
            None,
            "HTTPS://svc-a.run.app/a@b?c@d#e",
        ),
        ("https://x.example?a@b", Some("https://x.example?a@b"), None, "https://x.example?a@b"),
        ("https://x.example#a@b", Some("https://x.example#a@b"), None, "https://x.example#a@b"),
        (
            "https://STORAGE.googleapis.com?x",
            Some("https://STORAGE.googleapis.com?x"),
            Some("storage"),
            "https://STORAGE.googleapis.com?x",
        ),
        (
            "https://storage.googleapis.com#x",
            Some("https://storage.googleapis.com#x"),
            Some("storage"),
            "https://storage.googleapis.com#x",
        ),
        (
            "https://www.googleapis.com/Drive?x",
            Some("https://www.googleapis.com/Drive?x"),
            Some("drive"),
            "https://www.googleapis.com/Drive?x",
        ),
        (
            "https://www.googleapis.com/drive#x",
            Some("https://www.googleapis.com/drive#x"),
            Some("drive"),
            "https://www.googleapis.com/drive#x",
        ),
        (
            "https://www.googleapis.com",
            Some("https://www.googleapis.com"),
            Some(""),
            "https://www.googleapis.com",
        ),
        // The path matters on `www` only.
        (
            "https://storage.googleapis.com/drive",
            Some("https://storage.googleapis.com/drive"),
            Some("storage"),
            "https://storage.googleapis.com/drive",
        ),
        (
            "https://googleapis.com/drive",
            Some("https://googleapis.com/drive"),
            None,
            "https://googleapis.com/drive",
        ),
        (
            "https://storage-googleapis.com/",
            Some("https://storage-googleapis.com/"),
            None,
            "https://storage-googleapis.com/",
        ),
        (
            "https://storage.googleapis.com.evil.example/",
            Some("https://storage.googleapis.com.evil.example/"),
            None,
            "https://storage.googleapis.com.evil.example/",
        ),
    ] {
        let expectation = calling(text);
        assert_eq!((expectation.url.as_deref(), expectation.api.as_deref()), (url, api), "{text}");
        assert_eq!(expectation.words(), words);
        assert!(!expectation.is_empty() && expectation.audience.is_none(), "{text}");
    }
    assert_eq!(audience("x").words(), "a service that expects x");
    assert_eq!(Expectation::default().words(), "");
    assert!(!audience("x").is_empty() && calling("\t").is_empty());
}

#[test]
fn each_thing_that_cannot_be_called_is_told_by_its_own_rule() {
    let (form, sign) = ("use https://HOST/…", "can't contain spaces or control characters");
    for (text, word) in [
        ("ftp://x.example", form),
        ("httpss://x.example", form),
        ("://x.example", form),
        ("https://", form),
        ("https:///x", form),
        ("https://?x", form),
        ("https://x.example/a b", sign),
        ("https://x.example/\u{a0}b", sign),
        ("https://x.example/\u{7f}b", sign),
        ("https://x.example/a\tb", sign),
        ("https://dev@x.example", "before the @"),
        ("https://dev:hush@x.example/", "before the @"),
        ("https://@x.example?y", "before the @"),
        ("www.googleapis.com", "Did you mean “https://www.googleapis.com”"),
        ("x.example", "Did you mean “https://x.example”"),
        ("x.example y", "Unknown API"),
        ("nosuch", "Unknown API"),
        ("storage drive", "Unknown API"),
    ] {
        let sentence = Expectation::calling(text).unwrap_err();
        assert!(sentence.contains(word) && !sentence.contains("hush"), "{text}: {sentence}");
    }
}
