//! Signatures as the standards print them, and forgeries as RFC 8725 warns of them.
//!
//! `tests/corpus/vectors.jsonl` has the vectors, byte for byte: RFC 7515 (appendices A and E), 7519, 7797 and 7520 as the
//! tests of jwcrypto 1.6.1 and joserfc 1.8.0 have them, and RFC 8037; jwcrypto verified each that has to be verified.
//! The keys in it are those that the standards print, the public halves only; shared secrets are there to show that
//! having one changes nothing. What no document prints as it is needed here (a nested token that is not encrypted, a
//! detached one signed with RSA) is made with a key of the test's own.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be read must fail")]

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, KeyPair, RsaKeyPair},
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use impersona::model::jwt::{self, State, Verdict};
use serde_json::{Value, json};

/// The key that everybody here trusts, and one that nobody does.
static TRUSTED: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static FOREIGN: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

const CLAIMS: &str = r#"{"iss":"https://accounts.google.com","aud":"x"}"#;

fn jwk(key: &RsaKeyPair) -> Value {
    let public = key.public_key();
    json!({"kty": "RSA", "kid": "k", "alg": "RS256",
        "n": B64.encode(public.modulus().big_endian_without_leading_zero()),
        "e": B64.encode(public.exponent().big_endian_without_leading_zero())})
}

fn der() -> Vec<u8> {
    let public: PublicKeyX509Der<'_> = TRUSTED.public_key().as_der().unwrap();
    public.as_ref().to_vec()
}

fn pem() -> String {
    let lines: Vec<String> = STANDARD
        .encode(der())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into())
        .collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

fn unsigned(header: &str, payload: &str) -> String {
    format!("{}.{}", B64.encode(header), B64.encode(payload))
}

/// Signed with RSA and SHA-256, whatever the header says.
fn signed(key: &RsaKeyPair, header: &str, payload: &str) -> String {
    let message = unsigned(header, payload);
    format!("{message}.{}", B64.encode(rs256(key, &message)))
}

fn rs256(key: &RsaKeyPair, message: &str) -> Vec<u8> {
    let mut bytes = vec![0; key.public_modulus_len()];
    key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut bytes).unwrap();
    bytes
}

/// The verdict with the keys that are trusted.
fn judged(token: &str) -> Verdict {
    jwt::verify(&jwt::read(token), &json!({ "keys": [jwk(&TRUSTED)] }).to_string(), "the trusted keys")
}

#[test]
fn what_the_standards_print_gets_the_verdict_it_has_to() {
    let vectors = include_str!("../corpus/vectors.jsonl").lines();
    let mut count = 0;
    for line in vectors {
        let vector: Value = serde_json::from_str(line).unwrap();
        let reading = jwt::read(vector["token"].as_str().unwrap());
        let verdict = jwt::verify(&reading, &vector["keys"].to_string(), "the keys of the standard");
        assert_eq!(verdict.state.word(), vector["state"], "{}: {}", vector["source"], verdict.reason);
        let says = vector["says"].as_str().unwrap();
        assert!(verdict.reason.contains(says), "{}: {}", vector["source"], verdict.reason);
        count += 1;
    }
    assert_eq!(count, 40);
}

#[test]
fn a_token_signed_by_a_trusted_key_is_verified() {
    let token = signed(&TRUSTED, r#"{"alg":"RS256","kid":"k"}"#, CLAIMS);
    assert_eq!(judged(&token).state, State::Verified);
    assert_eq!(
        judged(&signed(&TRUSTED, r#"{"alg":"RS256"}"#, "")).state,
        State::Verified,
        "an empty payload"
    );
}

// RFC 8725, 2.1 and 3.1: the algorithm is not the forger's to choose.

#[test]
fn none_is_never_verified_however_it_is_written() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = json!({ "alg": alg, "kid": "k" }).to_string();
        let real = signed(&TRUSTED, &header, CLAIMS);
        for token in [format!("{}.", unsigned(&header, CLAIMS)), unsigned(&header, CLAIMS), real] {
            assert_eq!(judged(&token).state, State::Failed, "{token}");
        }
    }
    for odd in ["", " none", "none\u{0}", "RS256 ", "rs256"] {
        let header = json!({ "alg": odd, "kid": "k" }).to_string();
        assert_ne!(judged(&signed(&TRUSTED, &header, CLAIMS)).state, State::Verified, "{odd:?}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let modulus = B64.decode(jwk(&TRUSTED)["n"].as_str().unwrap()).unwrap();
    for secret in [
        pem().into_bytes(),
        pem().trim().as_bytes().to_vec(),
        der(),
        modulus,
        jwk(&TRUSTED).to_string().into(),
    ] {
        for (alg, hash) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let message = unsigned(&json!({ "alg": alg, "kid": "k" }).to_string(), CLAIMS);
            let tag = hmac::sign(&hmac::Key::new(hash, &secret), message.as_bytes());
            let token = format!("{message}.{}", B64.encode(tag.as_ref()));
            assert_eq!(judged(&token).state, State::NotChecked, "{alg}");
            // Not even when a key set holds it as a secret.
            let keys = json!({"keys": [{"kty": "oct", "kid": "k", "alg": alg, "k": B64.encode(&secret)}]});
            let verdict = jwt::verify(&jwt::read(&token), &keys.to_string(), "odd keys");
            assert_eq!(verdict.state, State::NotChecked, "{alg}");
        }
    }
}

#[test]
fn a_key_is_used_for_what_it_is_for() {
    for alg in ["PS256", "RS384", "RS512", "ES256", "EdDSA"] {
        let header = json!({ "alg": alg, "kid": "k" }).to_string();
        assert_eq!(judged(&signed(&TRUSTED, &header, CLAIMS)).state, State::Failed, "{alg}");
    }
    let token = signed(&TRUSTED, r#"{"alg":"RS256","kid":"k"}"#, CLAIMS);
    let mut key = jwk(&TRUSTED);
    key["use"] = json!("enc");
    let verdict =
        jwt::verify(&jwt::read(&token), &json!({ "keys": [key] }).to_string(), "keys for encryption");
    // It made the signature, so that saying it failed would be wrong, too.
    assert_eq!(verdict.state, State::NotChecked, "{}", verdict.reason);
    assert!(verdict.reason.contains("for another use (“enc”)"), "{}", verdict.reason);
}

// RFC 8725, 2.8 to 2.10 and 3.10: keys and addresses of keys in the token are the forger's.

#[test]
fn keys_that_a_token_brings_are_never_used() {
    let own = jwk(&FOREIGN);
    for header in [
        json!({"alg": "RS256", "jwk": own}),
        json!({"alg": "RS256", "kid": "k", "jwk": own}),
        json!({"alg": "RS256", "jku": "https://evil.example/jwks.json"}),
        json!({"alg": "RS256", "x5u": "https://evil.example/chain.pem"}),
        json!({"alg": "RS256", "x5c": [STANDARD.encode(der())]}),
        json!({"alg": "RS256", "kid": "../../k"}),
        json!({"alg": "RS256", "kid": "k' OR '1'='1"}),
        json!({"alg": "RS256", "kid": ""}),
    ] {
        let token = signed(&FOREIGN, &header.to_string(), CLAIMS);
        assert_eq!(judged(&token).state, State::Failed, "{header}");
        let json =
            json!({"payload": B64.encode(CLAIMS), "header": header, "signature": token.rsplit('.').next()});
        assert_eq!(judged(&json.to_string()).state, State::Failed, "{json}");
    }
}

#[test]
fn what_is_written_twice_decides_nothing() {
    let last = signed(&TRUSTED, r#"{"alg":"RS256","alg":"none"}"#, CLAIMS);
    assert_eq!(judged(&last).state, State::Failed);
    let signature = B64.encode(rs256(&TRUSTED, &unsigned(r#"{"alg":"RS256","kid":"k"}"#, CLAIMS)));
    let protected = B64.encode(r#"{"alg":"RS256","kid":"k"}"#);
    let beside = json!({"protected": protected, "header": {"alg": "none"}, "payload": B64.encode(CLAIMS), "signature": signature});
    assert_eq!(judged(&beside.to_string()).state, State::Failed);
}

// RFC 8725, 2.3 and 3.2: signatures that are none.

#[test]
fn a_signature_of_zeros_or_of_another_form_is_none() {
    let ec = json!({"kty": "EC", "crv": "P-256", "kid": "k",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let message = unsigned(r#"{"alg":"ES256","kid":"k"}"#, CLAIMS);
    for bytes in [vec![0; 64], vec![0xff; 64], vec![0; 1], vec![0x30, 6, 2, 1, 1, 2, 1, 1], vec![0; 132]] {
        let token = format!("{message}.{}", B64.encode(&bytes));
        let verdict = jwt::verify(&jwt::read(&token), &json!({ "keys": [ec] }).to_string(), "the keys");
        assert_eq!(verdict.state, State::Failed, "{bytes:?}");
    }
    let token = signed(&TRUSTED, r#"{"alg":"RS256","kid":"k"}"#, CLAIMS);
    for changed in [token[..token.len() - 4].to_owned(), format!("{token}AAAA"), token.replacen('.', "..", 1)]
    {
        assert_ne!(judged(&changed).state, State::Verified, "{changed}");
    }
    assert_eq!(judged(&format!("{token}.x")).state, State::NotChecked, "four parts are no JWT");
}

// RFC 8725, 2.7 and 3.11: a token of one kind is not one of another. The signature is right; the reader says what it is.

#[test]
fn a_token_for_something_else_is_verified_and_named() {
    for (typ, word) in [("at+jwt", "not an ID token"), ("logout+jwt", "end a session"), ("dpop+jwt", "proof")]
    {
        let token = signed(&TRUSTED, &json!({"alg": "RS256", "kid": "k", "typ": typ}).to_string(), CLAIMS);
        assert_eq!(judged(&token).state, State::Verified);
        let reading = jwt::read(&token);
        let said = jwt::meaning(reading.header.find("typ").unwrap(), &reading, &|_| None).unwrap();
        assert!(said.contains(word), "{typ}: {said}");
    }
}

// RFC 7519, A.2 without its encryption, RFC 7515, appendix F, and RFC 7797, made here.

#[test]
fn a_nested_token_is_judged_by_itself() {
    let inner = signed(&TRUSTED, r#"{"alg":"RS256","kid":"k"}"#, CLAIMS);
    let outer = signed(&FOREIGN, r#"{"alg":"RS256","kid":"k","cty":"JWT"}"#, &inner);
    assert_eq!(judged(&outer).state, State::Failed);
    let reading = jwt::read(&outer).inner.unwrap();
    let keys = json!({ "keys": [jwk(&TRUSTED)] }).to_string();
    assert_eq!(jwt::verify(&reading, &keys, "the trusted keys").state, State::Verified);
    assert_eq!(reading.claims.text("aud").as_deref(), Some("x"));
}

#[test]
fn what_is_not_here_or_not_encoded_is_not_checked() {
    let token = signed(&TRUSTED, r#"{"alg":"RS256","kid":"k"}"#, CLAIMS);
    let detached = format!("{}..{}", token.split('.').next().unwrap(), token.rsplit('.').next().unwrap());
    let verdict = judged(&detached);
    assert!(verdict.state == State::NotChecked && verdict.reason.contains("detached"), "{verdict:?}");
    let header = B64.encode(r#"{"alg":"RS256","kid":"k","b64":false,"crit":["b64"]}"#);
    let message = format!("{header}.$.02");
    let plain = format!("{message}.{}", B64.encode(rs256(&TRUSTED, &message)));
    let verdict = judged(&plain);
    assert!(verdict.state == State::NotChecked && verdict.reason.contains("crit"), "{verdict:?}");
}
