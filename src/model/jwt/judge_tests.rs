use super::*;
use crate::model::jwt::read;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::json;
use std::sync::LazyLock;

static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"));

fn sign(header: Value) -> String {
    let message = format!("{}.{}", B64.encode(header.to_string()), B64.encode(r#"{"iss":"x"}"#));
    let mut bytes = vec![0; KEY.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    KEY.sign(&signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut bytes).expect("signs");
    format!("{message}.{}", B64.encode(bytes))
}

fn jwk(kid: Option<&str>) -> Value {
    let public = KEY.public_key();
    let mut key = json!({"kty": "RSA", "use": "sig", "alg": "RS256",
        "n": B64.encode(public.modulus().big_endian_without_leading_zero()),
        "e": B64.encode(public.exponent().big_endian_without_leading_zero())});
    if let Some(kid) = kid {
        key["kid"] = json!(kid);
    }
    key
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn judged(token: &str, keys: &str) -> Verdict {
    verify(&read(token), keys, "the test's keys")
}

#[test]
fn keys_are_looked_for_with_google_the_account_or_nobody() {
    let of = |claims: &str| signer(&read(&format!("e30.{}.c2ln", B64.encode(claims))));
    assert_eq!(of(r#"{"iss":"https://accounts.google.com"}"#), Signer::Google);
    let email = "a@acme-prod.iam.gserviceaccount.com";
    assert_eq!(of(&format!(r#"{{"iss":"{email}"}}"#)), Signer::Account(email.to_owned()));
    for odd in [
        "../x@a.gserviceaccount.com",
        "a@acme-prod",
        "107517467455664443765",
        "https://accounts.google.com.evil.example",
    ] {
        assert_eq!(of(&format!(r#"{{"iss":"{odd}"}}"#)), Signer::Other(Some(odd.to_owned())));
    }
    assert_eq!(of("[]"), Signer::Other(None));
}

#[test]
fn a_signature_by_a_trusted_key_is_verified_and_the_key_is_named() {
    let token = sign(json!({"alg": "RS256", "kid": "0123456789abcdef"}));
    let verdict = judged(&token, &set(&[json!({"kty": "odd"}), jwk(Some("0123456789abcdef"))]));
    assert_eq!((verdict.state, verdict.key.as_deref()), (State::Verified, Some("0123456789abcdef")));
    assert_eq!(verdict.reason, "key 0123…cdef of the test's keys");
}

#[test]
fn without_a_key_id_every_key_is_tried() {
    let token = sign(json!({"alg": "RS256"}));
    assert_eq!(judged(&token, &set(&[jwk(Some("a"))])).state, State::Verified);
    assert_eq!(judged(&token, &set(&[jwk(None)])).state, State::Verified);
    assert_eq!(judged(&token, &jwk(None).to_string()).state, State::Verified, "one key and no set");
}

#[test]
fn a_changed_token_a_foreign_key_and_another_algorithm_fail() {
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    let changed = token.replacen(&B64.encode(r#"{"iss":"x"}"#), &B64.encode(r#"{"iss":"y"}"#), 1);
    assert_eq!(judged(&changed, &set(&[jwk(Some("a"))])).state, State::Failed);
    let foreign = judged(&token, &set(&[jwk(Some("b"))]));
    assert!(foreign.state == State::Failed && foreign.reason.contains("not among the test's keys"));
    let other = sign(json!({"alg": "PS256", "kid": "a"}));
    assert!(judged(&other, &set(&[jwk(Some("a"))])).reason.contains("PS256"));
    let other = sign(json!({"alg": "ES256", "kid": "a"}));
    assert_eq!(judged(&other, &set(&[jwk(Some("a"))])).state, State::Failed);
}

#[test]
fn no_public_key_ever_verifies_none_or_a_shared_secret() {
    let keys = set(&[json!({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}), jwk(Some("a"))]);
    for (alg, state) in [
        ("none", State::Failed),
        ("None", State::Failed),
        ("HS256", State::NotChecked),
        ("ES256K", State::NotChecked),
    ] {
        assert_eq!(judged(&sign(json!({"alg": alg, "kid": "a"})), &keys).state, state, "{alg}");
    }
}

#[test]
fn keys_inside_the_token_are_ignored() {
    let token = sign(json!({"alg": "RS256", "jwk": jwk(Some("a")), "jku": "https://evil.example/keys"}));
    assert_eq!(judged(&token, &set(&[])).state, State::Failed);
}

#[test]
fn what_cannot_be_checked_says_why() {
    let keys = set(&[jwk(Some("a"))]);
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    for (text, keys, word) in [
        ("ya29.c.x", keys.as_str(), "only a signed JWT"),
        (token.as_str(), "<html>", "cannot be read"),
        (token.as_str(), "[]", "no JSON object"),
        (&sign(json!({"alg": "RS256", "crit": ["b64"]})), &keys, "crit"),
        (&sign(json!({"typ": "JWT"})), &keys, "no algorithm"),
    ] {
        let verdict = judged(text, keys);
        assert!(verdict.state == State::NotChecked && verdict.reason.contains(word), "{verdict:?}");
    }
    assert_eq!(judged("eyJhbGciOiJSUzI1NiJ9.e30.", &keys).state, State::Failed);
}

#[test]
fn the_certificate_map_that_google_publishes_serves_too() {
    let der: Pkcs8V1Der<'_> = KEY.as_der().expect("encodes");
    let pair = rcgen::KeyPair::try_from(der.as_ref()).expect("the same key");
    let pem =
        rcgen::CertificateParams::new(vec![]).expect("parameters").self_signed(&pair).expect("signs").pem();
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    let verdict = judged(&token, &json!({ "b": "no PEM", "a": pem }).to_string());
    assert_eq!((verdict.state, verdict.key.as_deref()), (State::Verified, Some("a")));
}
