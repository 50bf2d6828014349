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

fn of(header: &str, claims: &str) -> Vec<Finding> {
    findings(&read(&format!("{}.{}.c2ln", B64.encode(header), B64.encode(claims))), now())
}

/// The findings of the good token with some claims changed; `null` takes one away.
fn changed(changes: Value) -> Vec<Finding> {
    let mut claims = good();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    of(r#"{"alg":"RS256"}"#, &claims.to_string())
}

fn codes(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_good_id_token_gives_nothing_to_say() {
    assert_eq!(changed(json!({})), []);
    assert_eq!(changed(json!({"aud": ["x", "https://svc-a.run.app"]})), []);
}

#[test]
fn times_out_of_order_are_said_with_how_far() {
    let ended = changed(json!({"iat": NOW - 900, "exp": NOW - 123}));
    assert_eq!((codes(&ended), ended[0].message.as_str()), (vec!["expired"], "expired 2m 03s ago"));
    assert_eq!(codes(&changed(json!({"exp": NOW}))), ["expired"]);
    assert_eq!(codes(&changed(json!({"nbf": NOW + 5}))), ["not_yet_valid"]);
    assert_eq!(codes(&changed(json!({"iat": NOW + 30}))), Vec::<&str>::new());
    assert_eq!(codes(&changed(json!({"iat": NOW + 61}))), ["issued_in_future"]);
    assert_eq!(codes(&changed(json!({"exp": null}))), ["no_exp"]);
    assert_eq!(codes(&changed(json!({"exp": "1700009999"}))), ["time_not_a_number"]);
    assert_eq!(codes(&changed(json!({"iat": NOW + 50, "exp": NOW + 10}))), ["ends_before_it_starts"]);
    assert_eq!(codes(&changed(json!({"exp": i64::MIN, "iat": i64::MAX}))).len(), 3);
}

#[test]
fn over_an_hour_is_wrong_only_where_google_is_the_audience() {
    let long = json!({"iss": "a@acme-prod.iam.gserviceaccount.com", "exp": NOW + 7_200, "aud": "https://oauth2.googleapis.com/token"});
    assert_eq!(codes(&changed(long)), ["lifetime_over_1h", "self_signed"]);
    assert_eq!(codes(&changed(json!({"exp": NOW + 7_200}))), Vec::<&str>::new());
}

#[test]
fn an_audience_that_is_not_there_is_said() {
    assert_eq!(codes(&changed(json!({"aud": null}))), ["no_audience"]);
}

#[test]
fn who_made_it_and_for_whom_is_looked_at() {
    assert_eq!(codes(&changed(json!({"email": null}))), ["no_email"]);
    assert_eq!(codes(&changed(json!({"email_verified": false}))), ["email_not_verified"]);
    assert_eq!(codes(&changed(json!({"iss": "https://idp.example"}))), ["issuer_not_google"]);
    assert_eq!(codes(&changed(json!({"iss": null}))), ["no_issuer"]);
}

#[test]
fn headers_that_forgers_write_are_pointed_out() {
    let claims = good().to_string();
    assert_eq!(codes(&of(r#"{"alg":"NONE"}"#, &claims)), ["alg_none"]);
    assert_eq!(codes(&of(r#"{"alg":"HS256"}"#, &claims)), ["alg_shared_secret"]);
    assert_eq!(codes(&of(r#"{"alg":"RS256","jku":"x","jwk":{}}"#, &claims)), ["key_in_header"]);
    let twice = claims.replacen('{', r#"{"sub":"2","#, 1);
    assert_eq!(codes(&of(r#"{"alg":"RS256"}"#, &twice)), ["duplicate_claim"]);
    let said = |found: &[Finding]| found.iter().map(|finding| finding.message.clone()).collect::<String>();
    let claims_twice = said(&of(r#"{"alg":"RS256"}"#, &twice));
    assert!(claims_twice.starts_with("the claims have “sub” more than once"), "{claims_twice}");
    let header_twice = said(&of(r#"{"alg":"RS256","alg":"RS256"}"#, &claims));
    assert!(header_twice.starts_with("the header has “alg” more than once"), "{header_twice}");
}

#[test]
fn what_is_no_jwt_is_named_and_nothing_more() {
    for (text, code) in [
        ("ya29.x", "opaque"),
        ("1//x", "refresh_token"),
        ("hello", "opaque"),
        ("eyJhbGciOiJkaXIifQ.a.b.c.d", "encrypted"),
    ] {
        assert_eq!(codes(&findings(&read(text), now())), [code], "{text}");
    }
    assert_eq!(findings(&read(""), now()), []);
}
