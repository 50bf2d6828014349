//! Every type of key with every defect that people meet: which verdict, and why. Each key really signed the token, so
//! “failed” would be false everywhere; a key that didn't sign it is tried beside each.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RsaKeyPair,
    },
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use serde_json::{Map, json};

use super::*;
use crate::model::jwt::{
    State, Verdict,
    judge::verify,
    read as read_token,
    testing::{self, FOREIGN, KEY},
};

const KID: &str = "signer";

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// A key with its public half as a JWK and in DER.
struct Signer {
    alg: &'static str,
    jwk: Value,
    /// SubjectPublicKeyInfo.
    info: Vec<u8>,
    sign: Box<Sign>,
}

impl Signer {
    fn token(&self, kid: Option<&str>) -> String {
        let mut header = json!({"alg": self.alg});
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        let message = format!("{}.{}", B64.encode(header.to_string()), B64.encode(r#"{"iss":"x"}"#));
        format!("{message}.{}", B64.encode((self.sign)(message.as_bytes())))
    }

    fn name(&self) -> String {
        format!("{} {}", self.alg, self.jwk["kty"])
    }

    /// The numbers of the key, by the names of their members.
    fn numbers(&self) -> &'static [&'static str] {
        match self.jwk["kty"].as_str() {
            Some("RSA") => &["n", "e"],
            Some("EC") => &["x", "y"],
            _ => &["x"],
        }
    }
}

fn rsa_signer(alg: &'static str, how: &'static dyn signature::RsaEncoding) -> Signer {
    let mut jwk = testing::jwk(&KEY);
    jwk["alg"] = json!(alg);
    let info: PublicKeyX509Der<'_> = KEY.public_key().as_der().expect("encodes");
    Signer {
        alg,
        jwk,
        info: info.as_ref().to_vec(),
        sign: Box::new(move |message| testing::signature_by(&KEY, how, message)),
    }
}

fn ec_signer(alg: &'static str, curve: &str, how: &'static signature::EcdsaSigningAlgorithm) -> Signer {
    let pair = EcdsaKeyPair::generate(how).expect("a key");
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let info: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encodes");
    Signer {
        alg,
        jwk: json!({"kty": "EC", "crv": curve, "alg": alg, "x": B64.encode(x), "y": B64.encode(y)}),
        info: info.as_ref().to_vec(),
        sign: Box::new(move |message| {
            pair.sign(&SystemRandom::new(), message).expect("signs").as_ref().to_vec()
        }),
    }
}

fn ed_signer() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let x = pair.public_key().as_ref().to_vec();
    // RFC 8410, 4: the head is the same for every key.
    let info = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &x[..]].concat();
    Signer {
        alg: "EdDSA",
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": B64.encode(&x)}),
        info,
        sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()),
    }
}

fn signers() -> Vec<Signer> {
    vec![
        rsa_signer("RS256", &signature::RSA_PKCS1_SHA256),
        rsa_signer("PS384", &signature::RSA_PSS_SHA384),
        ec_signer("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        ec_signer("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        ed_signer(),
    ]
}

fn named(jwk: &Value, kid: &str) -> Value {
    let mut jwk = jwk.clone();
    jwk["kid"] = json!(kid);
    jwk
}

fn judged(token: &str, keys: &str) -> Verdict {
    verify(&read_token(token), keys, "the keys")
}

/// The JWK with each number rewritten.
fn rewritten(signer: &Signer, rewrite: impl Fn(&[u8]) -> String) -> Value {
    let mut jwk = named(&signer.jwk, KID);
    for name in signer.numbers() {
        let bytes = B64.decode(jwk[*name].as_str().expect("a string")).expect("base64");
        jwk[*name] = json!(rewrite(&bytes));
    }
    jwk
}

fn wrapped(text: &str, width: usize) -> String {
    let lines: Vec<&str> =
        (0..text.len()).step_by(width).map(|at| &text[at..text.len().min(at + width)]).collect();
    lines.join("\r\n")
}

/// Ways to write a key that lose nothing.
fn harmless(signer: &Signer) -> Vec<(&'static str, Value)> {
    let with = |name: &str, value: Value| {
        let mut jwk = named(&signer.jwk, KID);
        jwk[name] = value;
        jwk
    };
    let mut rows = vec![
        ("as it should be", named(&signer.jwk, KID)),
        ("no kid", signer.jwk.clone()),
        ("kid is a number", with("kid", json!(7))),
        ("kid is null", with("kid", Value::Null)),
        ("padded", rewritten(signer, |bytes| base64::engine::general_purpose::URL_SAFE.encode(bytes))),
        ("ordinary base64", rewritten(signer, |bytes| STANDARD.encode(bytes))),
        ("wrapped", rewritten(signer, |bytes| wrapped(&STANDARD.encode(bytes), 16))),
        ("use SIG", with("use", json!("SIG"))),
        ("use is null", with("use", Value::Null)),
        ("key_ops verify", with("key_ops", json!(["verify"]))),
        ("key_ops empty", with("key_ops", json!([]))),
        ("no alg", with("alg", Value::Null)),
        ("a member of no standard", with("x-note", json!({"a": [1]}))),
        ("kty in small letters", with("kty", json!(signer.jwk["kty"].as_str().map(str::to_lowercase)))),
        ("x5t of something", with("x5t", json!("AAAA"))),
        ("alg in small letters", with("alg", json!(signer.alg.to_lowercase()))),
        ("alg of a key service", with("alg", json!("RSASSA_PKCS1_V1_5_SHA_256"))),
    ];
    // An Ed25519 key isn't a number.
    if signer.alg != "EdDSA" {
        let zero = |bytes: &[u8]| B64.encode([&[0], bytes].concat());
        rows.push(("zeros in front", rewritten(signer, zero)));
        let bare = |bytes: &[u8]| B64.encode(without_zeros(bytes));
        rows.push(("no zeros in front", rewritten(signer, bare)));
    }
    rows
}

/// Ways to lose the key, with what has to be said.
fn harmful(signer: &Signer) -> Vec<(&'static str, Value, &'static str)> {
    let with = |name: &str, value: Value| {
        let mut jwk = named(&signer.jwk, KID);
        jwk[name] = value;
        jwk
    };
    let last = signer.numbers()[signer.numbers().len() - 1];
    let first = signer.numbers()[0];
    let mut rows = vec![
        ("for encryption", with("use", json!("enc")), "“enc”"),
        ("an alg for encryption", with("alg", json!("RSA-OAEP-256")), "“RSA-OAEP-256”"),
        ("key_ops encrypt", with("key_ops", json!(["encrypt", "wrapKey"])), "encrypt, wrapKey"),
        ("a number missing", with(last, Value::Null), "it has no "),
        ("a number that is no base64", with(first, json!("%%%")), "isn't base64"),
        ("an unknown type", with("kty", json!("AKP")), "“AKP”"),
        ("a shared secret", json!({"kty": "oct", "kid": KID, "k": "AAAA"}), "shared secret"),
        ("no type", with("kty", Value::Null), "has no type"),
    ];
    match signer.jwk["kty"].as_str() {
        Some("RSA") => {
            let small = RSA_1024.to_owned();
            rows.push(("1024 bits", with("n", json!(small)), "has 1024 bits; at least 2048"));
            rows.push(("16384 bits", with("n", json!(B64.encode([0xff; 2048]))), "has 16384 bits; at most"));
            rows.push(("an even modulus", with("n", json!(B64.encode([0xfe; 256]))), "even"));
            rows.push(("an exponent of 1", with("e", json!("AQ")), "exponent"));
            rows.push(("an exponent of 0", with("e", json!("AA")), "exponent"));
        }
        Some("EC") => {
            rows.push(("another curve", with("crv", json!("P-521")), "“P-521”"));
            rows.push(("secp256k1", with("crv", json!("secp256k1")), "“secp256k1”"));
            rows.push(("no curve", with("crv", Value::Null), "it has no crv"));
            rows.push(("no point", with("y", json!("AQ")), "not a point"));
            rows.push(("too long", with("x", json!(B64.encode([1; 80]))), "too long"));
        }
        _ => {
            rows.push(("too short", with("x", json!(B64.encode([1; 31]))), "32 bytes"));
            rows.push(("Ed448", with("crv", json!("Ed448")), "“Ed448”"));
            rows.push(("X25519", with("crv", json!("X25519")), "key agreement"));
        }
    }
    rows
}

/// A modulus of 1024 bits, as services that were set up long ago still publish.
const RSA_1024: &str = "mxxaBM_UO1b_e9J7XV628EBcd_wlsmD5pCgI0hdW8ErwovDpLLZQXIvhVGhPTlSWsshWDOGK5ATSnwzdZZOrbdGm9FYQGk1uJl1zXp8lLDCdTSLmtNsZsBeplYQCgNmjzXrLZfXVTutmVbVBR9jPZxWemN3VAEwdW3_cFPZA13U";

/// What is around a set or a lone key.
fn containers(jwk: &Value) -> Vec<(&'static str, String)> {
    let mut by_id = Map::new();
    by_id.insert(KID.to_owned(), jwk.clone());
    vec![
        ("a set", json!({"keys": [jwk]}).to_string()),
        ("alone", jwk.to_string()),
        ("a list", json!([jwk]).to_string()),
        ("in jwks", json!({"jwks": {"keys": [jwk]}}).to_string()),
        ("in jwks as a list", json!({"jwks": [jwk], "issuer": "https://idp.example"}).to_string()),
        ("by ID", Value::Object(by_id.clone()).to_string()),
        ("keys by ID", json!({ "keys": by_id }).to_string()),
        (
            "a discovery document that holds them",
            json!({"issuer": "x", "jwks_uri": "https://idp.example/keys", "keys": [jwk]}).to_string(),
        ),
        ("as a string", json!(json!({"keys": [jwk]}).to_string()).to_string()),
        ("in base64", STANDARD.encode(json!({"keys": [jwk]}).to_string())),
        (
            "after headers",
            format!("HTTP/2 200\r\ncontent-type: application/json\r\n\r\n{}", json!({"keys": [jwk]})),
        ),
        ("with a byte order mark", format!("\u{feff}{}", json!({"keys": [jwk]}))),
        ("beside nonsense", json!({"keys": [null, 7, "x", {}, {"kty": 7}, jwk]}).to_string()),
    ]
}

#[test]
fn harmless_defect_changes_nothing_for_any_type_of_key() {
    for signer in signers() {
        for (defect, jwk) in harmless(&signer) {
            for (container, keys) in containers(&jwk) {
                for kid in [Some(KID), None] {
                    let verdict = judged(&signer.token(kid), &keys);
                    let told = format!("{}, {defect}, {container}: {}", signer.name(), verdict.reason);
                    assert_eq!(verdict.state, State::Verified, "{told}");
                }
            }
        }
    }
}

#[test]
fn harmful_defect_is_not_checked_and_says_which_key_and_why() {
    let stranger = named(&testing::jwk(&FOREIGN), "stranger");
    for signer in signers() {
        for (defect, jwk, why) in harmful(&signer) {
            let sets = [json!({"keys": [jwk]}), json!({"keys": [stranger, jwk]})];
            for keys in &sets {
                let verdict = judged(&signer.token(Some(KID)), &keys.to_string());
                let told = format!("{}, {defect}: {}", signer.name(), verdict.reason);
                assert_eq!(verdict.state, State::NotChecked, "{told}");
                assert!(verdict.reason.starts_with("key “signer” of the keys can't be used"), "{told}");
                assert!(verdict.reason.contains(why), "{told}");
            }
            // The whole key beside it is found anyway.
            let beside = json!({"keys": [jwk, signer.jwk]}).to_string();
            assert_eq!(judged(&signer.token(Some(KID)), &beside).state, State::Verified, "{defect}");
        }
        // Only where a usable set was searched.
        let others = json!({"keys": [stranger, named(&ed_signer().jwk, "other")]}).to_string();
        let verdict = judged(&signer.token(Some(KID)), &others);
        assert_eq!(verdict.state, State::Failed, "{}", verdict.reason);
        assert!(
            verdict.reason.starts_with("key “signer” is not among the keys (2 there)"),
            "{}",
            verdict.reason
        );
    }
}

#[test]
fn text_without_a_usable_key_is_not_checked_and_named() {
    let token = signers()[0].token(Some(KID));
    for (text, why) in [
        ("", "empty"),
        ("  \r\n", "empty"),
        (r#"{"keys":[]}"#, "contain no keys"),
        ("{}", "contain no keys"),
        ("[]", "isn't a JSON object"),
        ("null", "neither JSON nor PEM"),
        (r#"{"keys":{}}"#, "isn't a list"),
        (r#"{"keys":"x"}"#, "isn't a list"),
        (r#"{"keys":[null]}"#, "isn't a JWK"),
        (r#"{"error":"not_found"}"#, "no public keys in it"),
        (
            r#"{"issuer":"https://idp.example","jwks_uri":"https://idp.example/k","subject_types_supported":["public"]}"#,
            "discovery document without keys: pass the file that its jwks_uri names (“https://idp.example/k”)",
        ),
        ("<html>", "neither JSON nor PEM"),
        (r#"{"keys":["#, "EOF"),
        ("ssh-rsa AAAAB3NzaC1yc2E= me@example.com", "ssh-keygen"),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "damaged"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA", "damaged"),
        ("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----", "“DH PARAMETERS”"),
    ] {
        let verdict = judged(&token, text);
        assert_eq!(verdict.state, State::NotChecked, "{text}: {}", verdict.reason);
        assert!(verdict.reason.contains(why), "{text}: {}", verdict.reason);
    }
}

fn pem(label: &str, der: &[u8], end: &str) -> String {
    let body = wrapped(&STANDARD.encode(der), 64).replace("\r\n", end);
    format!("-----BEGIN {label}-----{end}{body}{end}-----END {label}-----{end}")
}

#[test]
fn key_in_pem_or_der_is_read_however_it_is_written() {
    for signer in signers() {
        let info = &signer.info;
        let one = pem("PUBLIC KEY", info, "\n");
        let mut rows = vec![
            ("PEM", one.clone()),
            ("PEM, CRLF", pem("PUBLIC KEY", info, "\r\n")),
            ("PEM on one line", pem("PUBLIC KEY", info, "")),
            ("PEM with written line breaks", pem("PUBLIC KEY", info, "\\n")),
            ("PEM, indented", one.replace('\n', "\n    ")),
            ("PEM as JSON", json!(one).to_string()),
            ("PEM in an object", json!({ "public_key": one }).to_string()),
            ("PEM by ID", json!({ KID: one, "other": "no key" }).to_string()),
            ("PEM in a list", json!([one]).to_string()),
            ("PEM in keys", json!({"keys": [one]}).to_string()),
            ("PEM after text", format!("subject=CN = idp\nissuer=CN = idp\n{one}trailing")),
            ("DER in base64", STANDARD.encode(info)),
            ("DER in base64, wrapped", wrapped(&STANDARD.encode(info), 76)),
            ("after another key", format!("{}{one}", pem("PUBLIC KEY", &ed_signer().info, "\n"))),
        ];
        if signer.jwk["kty"] == "RSA" {
            let pkcs1 = KEY.public_key().as_ref();
            rows.push(("PKCS #1", pem("RSA PUBLIC KEY", pkcs1, "\n")));
            rows.push(("PKCS #1 with the wrong label", pem("PUBLIC KEY", pkcs1, "\n")));
            let certificate = testing::certificate(&KEY, 2031);
            rows.push(("a certificate", certificate.clone()));
            rows.push(("certificates by ID", json!({ KID: certificate }).to_string()));
            let body: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
            rows.push(("x5c alone", json!({"kid": KID, "x5c": [body]}).to_string()));
            rows.push(("x5c and no numbers", json!({"keys": [{"kty": "RSA", "x5c": [body]}]}).to_string()));
            rows.push(("a certificate in base64", body));
        }
        for (how, keys) in rows {
            for kid in [Some(KID), None] {
                let verdict = judged(&signer.token(kid), &keys);
                assert_eq!(verdict.state, State::Verified, "{}, {how}: {}", signer.name(), verdict.reason);
            }
        }
    }
    let verdict = judged(&signers()[0].token(Some(KID)), &pem("PUBLIC KEY", &ed_signer().info, "\n"));
    assert_eq!(verdict.state, State::Failed, "{}", verdict.reason);
}

#[test]
fn rsa_key_of_another_size_is_verified() {
    let large = RsaKeyPair::generate(KeySize::Rsa3072).expect("a key");
    let token = testing::jwt(&large, &json!({"alg": "RS256"}), "{}");
    assert_eq!(judged(&token, &testing::jwk(&large).to_string()).state, State::Verified);
}

#[test]
fn many_keys_and_deep_objects_are_read_at_once() {
    let token = signers()[0].token(Some(KID));
    for text in [
        format!("{{\"keys\":[{}{{}}]}}", "{\"kty\":\"RSA\"},".repeat(50_000)),
        "-----BEGIN PUBLIC KEY-----".repeat(30_000),
        format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        "A".repeat(1 << 20),
    ] {
        assert_eq!(judged(&token, &text).state, State::NotChecked, "{text:.40}");
    }
}
