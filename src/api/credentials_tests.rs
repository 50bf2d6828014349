//! What is sent and read for each kind of credential, from bytes as Google sends them.

use serde_json::json;

use super::*;
use crate::{
    local::env::Env,
    model::{credential::Payload, scopes, signed_url::SignedUrl},
};

fn access(delegates: &[&str]) -> MintRequest {
    MintRequest {
        account: "sa@p.iam.gserviceaccount.com".into(),
        delegates: delegates.iter().map(|d| (*d).to_owned()).collect(),
        what: What::AccessToken { scopes: vec![scopes::DEFAULT.into()], lifetime_seconds: 3_600 },
    }
}

fn id(audience: &str) -> MintRequest {
    let what = What::IdToken { audience: audience.into(), include_email: true, organization_number: false };
    MintRequest { what, ..access(&[]) }
}

fn google() -> Endpoints {
    Endpoints::new(&Env::default(), None).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn shown(request: &MintRequest) -> Preview {
    preview(request, &google(), at(1_800_000_000)).unwrap()
}

fn answered(request: &MintRequest, body: &[u8]) -> Result<Credential, ApiError> {
    read(request, &google(), body, at(1_800_000_000))
}

fn with(what: What) -> MintRequest {
    MintRequest { what, ..access(&[]) }
}

#[test]
fn the_preview_is_the_request_with_delegates_only_when_there_are_some() {
    let plain = shown(&access(&[]));
    assert_eq!(
        plain.url_path,
        "/v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com:generateAccessToken"
    );
    assert_eq!(
        plain.body.unwrap().to_string(),
        r#"{"scope":["https://www.googleapis.com/auth/cloud-platform"],"lifetime":"3600s"}"#
    );
    let chained = shown(&access(&["d1@p.iam.gserviceaccount.com"]));
    assert_eq!(
        chained.body.unwrap()["delegates"],
        json!(["projects/-/serviceAccounts/d1@p.iam.gserviceaccount.com"])
    );
    assert_eq!(
        shown(&id("https://a.example")).body.unwrap(),
        json!({"audience": "https://a.example", "includeEmail": true})
    );
}

#[test]
fn what_is_signed_is_sent_as_text_for_claims_and_as_base64_for_bytes() {
    let claims = r#"{"aud": "x"}"#.to_owned();
    let jwt = shown(&with(What::SignedJwt { claims: claims.clone(), lifetime_seconds: None }));
    assert!(jwt.url_path.ends_with(":signJwt"));
    assert_eq!(jwt.body.unwrap(), json!({ "payload": claims }));
    let timed = shown(&with(What::SignedJwt { claims, lifetime_seconds: Some(60) }));
    assert_eq!(
        timed.body.unwrap()["payload"],
        json!(r#"{"aud": "x", "iat": 1800000000, "exp": 1800000060 }"#)
    );
    let blob = shown(&with(What::SignedBlob(Payload::Bytes(b"hello".to_vec()))));
    assert!(blob.url_path.ends_with(":signBlob"));
    assert_eq!(blob.body.unwrap(), json!({ "payload": "aGVsbG8=" }));
}

#[test]
fn blob_is_not_sent_when_its_file_was_not_read() {
    let file = with(What::SignedBlob(Payload::File("artifact".into())));
    assert_eq!(shown(&file).body.unwrap(), json!({ "payload": "base64 of artifact" }));
    assert_eq!(spec(&file, &google(), at(1_800_000_000)).unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn claims_that_the_api_refuses_are_not_sent() {
    let ended = with(What::SignedJwt { claims: r#"{"exp": 1}"#.into(), lifetime_seconds: None });
    let error = spec(&ended, &google(), at(1_800_000_000)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.sentence().contains("in the past"));
}

#[test]
fn a_signature_is_read_with_its_key_and_the_hash_of_what_was_signed() {
    let blob = with(What::SignedBlob(Payload::Bytes(b"hello".to_vec())));
    let body = br#"{"keyId":"3a088d4f","signedBlob":"AAEC"}"#;
    let credential = answered(&blob, body).unwrap();
    let signed = credential.signed.unwrap();
    assert_eq!((credential.secret.expose(), signed.key_id.as_str()), ("AAEC", "3a088d4f"));
    assert_eq!(signed.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!((credential.expires, signed.key_ends), (None, None));

    let payload = URL_SAFE_NO_PAD.encode(r#"{"exp":1800000060}"#);
    let body = format!(r#"{{"keyId":"3a088d4f","signedJwt":"e30.{payload}.c2ln"}}"#);
    let jwt = with(What::SignedJwt { claims: r#"{"exp":1800000060}"#.into(), lifetime_seconds: None });
    let credential = answered(&jwt, body.as_bytes()).unwrap();
    assert_eq!(credential.expires, Some(at(1_800_000_060)));
}

#[test]
fn a_signed_url_is_put_together_from_the_signature() {
    let url = SignedUrl {
        method: "GET".into(),
        bucket: "acme-drop".into(),
        object: "report.csv".into(),
        expires_seconds: 900,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    };
    let request = with(What::SignedUrl(url));
    assert!(shown(&request).url_path.ends_with(":signBlob"));
    let credential = answered(&request, br#"{"keyId":"k","signedBlob":"AAEC"}"#).unwrap();
    let text = credential.secret.expose();
    assert!(text.starts_with("https://storage.googleapis.com/acme-drop/report.csv?"), "{text}");
    assert!(text.ends_with("&X-Goog-Signature=000102"), "{text}");
    assert_eq!(credential.expires, Some(at(1_800_000_900)));
    assert!(answered(&request, br#"{"keyId":"k","signedBlob":"%"}"#).is_err());
}

#[test]
fn a_metadata_token_is_read_from_json_and_an_identity_from_text() {
    let access = with(What::MetadataAccess { scopes: vec![] });
    assert_eq!((shown(&access).method, shown(&access).body), ("GET", None));
    let body = br#"{"access_token":"ya29.c.x","expires_in":3599,"token_type":"Bearer"}"#;
    assert_eq!(answered(&access, body).unwrap().expires, Some(at(1_800_003_599)));
    let body = br#"{"access_token":"ya29.c.x","expires_in":"60"}"#;
    assert_eq!(answered(&access, body).unwrap().expires, Some(at(1_800_000_060)));
    let body = br#"{"access_token":"ya29.c.x","expires_in":9223372036854775807}"#;
    assert_eq!(answered(&access, body).unwrap().expires, None);

    let id = with(What::MetadataId { audience: "https://a.example".into(), full: false, licenses: false });
    let payload = URL_SAFE_NO_PAD.encode(r#"{"exp":1800000060}"#);
    let credential = answered(&id, format!("e30.{payload}.c2ln\n").as_bytes()).unwrap();
    assert_eq!(credential.expires, Some(at(1_800_000_060)));
    assert!(!credential.secret.expose().ends_with('\n'));
    assert!(answered(&id, b"<!DOCTYPE html> <title>404</title>").is_err());
}

#[test]
fn a_users_token_cannot_be_asked_for_without_a_new_jwt() {
    let request = with(What::Delegated { subject: "user@example.com".into(), scopes: vec![] });
    assert!(preview(&request, &google(), at(0)).unwrap_err().contains("sign a new one"));
    let body = br#"{"access_token":"ya29.a0x","expires_in":3599,"token_type":"Bearer"}"#;
    assert_eq!(answered(&request, body).unwrap().expires, Some(at(1_800_003_599)));
}

#[test]
fn an_access_token_is_read_with_any_fraction_in_its_end() {
    for end in ["2021-08-26T00:57:30Z", "2021-08-26T00:57:30.000123Z"] {
        let body = format!("{{\n  \"accessToken\": \"ya29.c.c0AY_VpZ\",\n  \"expireTime\": \"{end}\"\n}}\n");
        let credential = answered(&access(&[]), body.as_bytes()).unwrap();
        assert_eq!(credential.expires.map(|end| end.as_second()), Some(1_629_939_450));
        assert_eq!(credential.secret.expose(), "ya29.c.c0AY_VpZ");
    }
}

#[test]
fn the_end_of_an_id_token_is_read_from_its_claims() {
    let claims = URL_SAFE_NO_PAD.encode(br#"{"aud":"https://a.example","exp":1603550806,"iat":1603547206}"#);
    let body = format!(r#"{{"token":"eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln"}}"#);
    let credential = answered(&id("https://a.example"), body.as_bytes()).unwrap();
    assert_eq!(credential.expires.map(|end| end.as_second()), Some(1_603_550_806));
    let credential = answered(&id("x"), br#"{"token":"eyJhbGciOiJSUzI1NiJ9.b3Bh.c2ln"}"#).unwrap();
    assert_eq!(credential.expires, None);
}

#[test]
fn an_answer_without_a_token_is_an_error_that_does_not_quote_it() {
    let error = answered(&access(&[]), br#"{"accessTokn":"ya29.c.secret"}"#).unwrap_err();
    assert!(!error.sentence().contains("secret"), "{error}");
}

/// Puts a text where an answer has its credential.
type Answering = fn(&str) -> String;

/// Every kind of credential, with the answer that makes one of a text: the text stands where the credential does.
fn kinds() -> Vec<(MintRequest, Answering)> {
    let url = SignedUrl {
        method: "GET".into(),
        bucket: "b".into(),
        object: "o".into(),
        expires_seconds: 900,
        headers: vec![],
        query: vec![],
        virtual_host: false,
    };
    let oauth = |text: &str| json!({"access_token": text, "expires_in": 60}).to_string();
    let blob = |text: &str| json!({"keyId": "k", "signedBlob": text}).to_string();
    vec![
        (access(&[]), |text| json!({"accessToken": text, "expireTime": "2027-01-01T00:00:00Z"}).to_string()),
        (id("x"), |text| json!({ "token": text }).to_string()),
        (with(What::SignedJwt { claims: "{}".into(), lifetime_seconds: None }), |text| {
            json!({"keyId": "k", "signedJwt": text}).to_string()
        }),
        (with(What::SignedBlob(Payload::Bytes(vec![1]))), blob),
        (with(What::SignedUrl(url)), blob),
        (with(What::MetadataAccess { scopes: vec![] }), oauth),
        (with(What::Delegated { subject: "u@example.com".into(), scopes: vec![] }), oauth),
        (with(What::MetadataId { audience: "x".into(), full: false, licenses: false }), str::to_owned),
    ]
}

#[test]
fn a_credential_that_could_act_on_a_terminal_or_shell_is_refused() {
    for (request, answer) in kinds() {
        let is_good = |good: &str| answered(&request, answer(good).as_bytes()).is_ok();
        assert!(is_good("AAEC") || is_good("e30.e30.c2ln"), "{request:?}");
        for hostile in [
            "",
            " ",
            "a\x1b]52;c;ZXZpbA==\x07b",
            "a\u{9b}b",
            "a b",
            "a\r\nb",
            "a\0b",
            "a\u{202e}b",
            "x'; touch y; '",
        ] {
            let error = answered(&request, answer(hostile).as_bytes()).unwrap_err();
            assert_eq!(
                (error.kind, error.kind.exit_code()),
                (ErrorKind::Server, 7),
                "{request:?} {hostile:?}"
            );
            assert!(!error.sentence().contains("touch"), "{error}");
        }
    }
}

#[test]
fn a_key_id_that_is_none_is_refused() {
    for what in [
        What::SignedBlob(Payload::Bytes(vec![1])),
        What::SignedJwt { claims: "{}".into(), lifetime_seconds: None },
    ] {
        let body = r#"{"keyId":"k\u001b[2J","signedBlob":"AAEC","signedJwt":"e30.e30.c2ln"}"#;
        assert_eq!(answered(&with(what), body.as_bytes()).unwrap_err().kind, ErrorKind::Server);
    }
}
