use super::*;
use crate::model::jwt::read;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

fn good() -> Value {
    json!({"iss": "https://accounts.google.com", "aud": "https://svc-a.run.app", "azp": "1", "sub": "1",
        "email": "a@acme-prod.iam.gserviceaccount.com", "email_verified": true, "iat": NOW - 100, "exp": NOW + 3_500})
}

fn of(header: &str, claims: &str, expectation: Option<Expectation<'_>>) -> Vec<Finding> {
    findings(&read(&format!("{}.{}.c2ln", B64.encode(header), B64.encode(claims))), now(), expectation)
}

/// The findings of the good token with some claims changed; `null` takes one away.
fn changed(changes: Value, expectation: Option<Expectation<'_>>) -> Vec<Finding> {
    let mut claims = good();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    of(r#"{"alg":"RS256"}"#, &claims.to_string(), expectation)
}

fn codes(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_good_id_token_gives_nothing_to_say() {
    assert_eq!(changed(json!({}), Some(Expectation::Audience("https://svc-a.run.app"))), []);
    assert_eq!(changed(json!({}), Some(Expectation::Url("https://svc-a.run.app/hello?x=1"))), []);
    assert_eq!(
        changed(
            json!({"aud": ["x", "https://svc-a.run.app"]}),
            Some(Expectation::Audience("https://svc-a.run.app"))
        ),
        []
    );
    assert_eq!(
        changed(
            json!({"aud": "https://r-p.cloudfunctions.net/f"}),
            Some(Expectation::Url("https://r-p.cloudfunctions.net/f"))
        ),
        []
    );
}

#[test]
fn times_out_of_order_are_said_with_how_far() {
    let ended = changed(json!({"iat": NOW - 900, "exp": NOW - 123}), None);
    assert_eq!((codes(&ended), ended[0].message.as_str()), (vec!["expired"], "ended 2m 03s ago"));
    assert_eq!(codes(&changed(json!({"exp": NOW}), None)), ["expired"]);
    assert_eq!(codes(&changed(json!({"nbf": NOW + 5}), None)), ["not_yet_valid"]);
    assert_eq!(codes(&changed(json!({"iat": NOW + 30}), None)), Vec::<&str>::new());
    assert_eq!(codes(&changed(json!({"iat": NOW + 61}), None)), ["issued_in_future"]);
    assert_eq!(codes(&changed(json!({"exp": null}), None)), ["no_exp"]);
    assert_eq!(codes(&changed(json!({"exp": "1700009999"}), None)), ["time_not_a_number"]);
    assert_eq!(codes(&changed(json!({"iat": NOW + 50, "exp": NOW + 10}), None)), ["ends_before_it_starts"]);
    assert_eq!(codes(&changed(json!({"exp": i64::MIN, "iat": i64::MAX}), None)).len(), 3);
}

#[test]
fn over_an_hour_is_wrong_only_where_google_is_the_audience() {
    let long = json!({"iss": "a@acme-prod.iam.gserviceaccount.com", "exp": NOW + 7_200, "aud": "https://oauth2.googleapis.com/token"});
    assert_eq!(codes(&changed(long, None)), ["lifetime_over_1h", "self_signed"]);
    assert_eq!(codes(&changed(json!({"exp": NOW + 7_200}), None)), Vec::<&str>::new());
}

#[test]
fn an_audience_that_would_be_refused_is_explained() {
    let slash = changed(
        json!({"aud": "https://svc-a.run.app/"}),
        Some(Expectation::Url("https://svc-a.run.app/hello")),
    );
    assert_eq!(codes(&slash), ["audience_mismatch"]);
    assert!(slash[0].message.contains("trailing slash"), "{}", slash[0].message);
    assert_eq!(
        codes(&changed(json!({}), Some(Expectation::Url("https://storage.googleapis.com/b")))),
        ["id_token_for_google_api"]
    );
    assert_eq!(codes(&changed(json!({"aud": null}), Some(Expectation::Audience("x")))), ["no_audience"]);
}

#[test]
fn who_made_it_and_for_whom_is_looked_at() {
    assert_eq!(codes(&changed(json!({"email": null}), None)), ["no_email"]);
    assert_eq!(codes(&changed(json!({"email_verified": false}), None)), ["email_not_verified"]);
    assert_eq!(codes(&changed(json!({"iss": "https://idp.example"}), None)), ["issuer_not_google"]);
    assert_eq!(codes(&changed(json!({"iss": null}), None)), ["no_issuer"]);
}

#[test]
fn headers_that_forgers_write_are_pointed_out() {
    let claims = good().to_string();
    assert_eq!(codes(&of(r#"{"alg":"NONE"}"#, &claims, None)), ["alg_none"]);
    assert_eq!(codes(&of(r#"{"alg":"HS256"}"#, &claims, None)), ["alg_shared_secret"]);
    assert_eq!(codes(&of(r#"{"alg":"RS256","jku":"x","jwk":{}}"#, &claims, None)), ["key_in_header"]);
    let twice = claims.replacen('{', r#"{"sub":"2","#, 1);
    assert_eq!(codes(&of(r#"{"alg":"RS256"}"#, &twice, None)), ["duplicate_claim"]);
}

#[test]
fn what_is_no_jwt_is_named_and_nothing_more() {
    for (text, code) in [
        ("ya29.x", "opaque"),
        ("1//x", "refresh_token"),
        ("hello", "opaque"),
        ("eyJhbGciOiJkaXIifQ.a.b.c.d", "encrypted"),
    ] {
        assert_eq!(codes(&findings(&read(text), now(), None)), [code], "{text}");
    }
    assert_eq!(findings(&read(""), now(), None), []);
}
