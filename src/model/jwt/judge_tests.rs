use super::*;
use crate::model::jwt::{
    decode::MAX_BYTES,
    read,
    testing::{self, FOREIGN, KEY, certificate, signature},
};
use aws_lc_rs::signature::{self as how, EcdsaKeyPair, KeyPair as _, RsaEncoding};
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

fn sign(header: Value) -> String {
    testing::jwt(&KEY, &header, r#"{"iss":"x"}"#)
}

fn jwk(kid: Option<&str>) -> Value {
    let mut key = testing::jwk(&KEY);
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
    assert_eq!(judged(&token, &set(&[])).state, State::NotChecked);
    assert_eq!(judged(&token, &set(&[foreign("b")])).state, State::Failed);
}

#[test]
fn what_cannot_be_checked_says_why() {
    let keys = set(&[jwk(Some("a"))]);
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    for (text, keys, word) in [
        ("ya29.c.x", keys.as_str(), "only a signed JWT"),
        (token.as_str(), "<html>", "can't be read"),
        (token.as_str(), "[]", "isn't a JSON object"),
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
    let pem = certificate(&KEY, 2031);
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    let verdict = judged(&token, &json!({ "b": "no PEM", "a": pem }).to_string());
    assert_eq!((verdict.state, verdict.key.as_deref()), (State::Verified, Some("a")));
}

// Each condition by itself.

/// This key with some fields changed; `null` takes one away.
fn key_with(changes: Value) -> Value {
    let mut key = jwk(Some("a"));
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(key.as_object_mut().expect("an object").shift_remove(name)),
            value => key[name] = value.clone(),
        }
    }
    key
}

fn foreign(kid: &str) -> Value {
    let mut key = testing::jwk(&FOREIGN);
    key["kid"] = json!(kid);
    key
}

/// The P-256 key of RFC 7517, appendix A.1.
fn elliptic(kid: &str) -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

#[test]
fn signature_of_bytes_is_verified_only_by_the_key_that_is_named() {
    let message = b"report.csv";
    let good = signature(&KEY, message);
    let keys = [
        set(&[foreign("b"), jwk(Some("a"))]),
        json!({
            "b": certificate(&FOREIGN, 2031), "a": certificate(&KEY, 2031)
        })
        .to_string(),
    ];
    for keys in &keys {
        let judged = |message: &[u8], signature: &[u8], key: &str| {
            verify_bytes(message, signature, key, keys, "the test's keys")
        };
        let verdict = judged(message, &good, "a");
        assert_eq!((verdict.state, verdict.key.as_deref()), (State::Verified, Some("a")));
        assert_eq!(verdict.reason, "key a of the test's keys");

        let mut flipped = good.clone();
        flipped[0] ^= 1;
        let longer = [&good[..], &[0]].concat();
        let by_another = signature(&FOREIGN, message);
        for (what, message, signature, key) in [
            ("the right key under another's id", &message[..], &good[..], "b"),
            ("an id that nobody has", message, &good, "c"),
            ("no id", message, &good, ""),
            ("another's signature", message, &by_another, "a"),
            ("another message", b"report.csw", &good, "a"),
            ("a longer message", b"report.csv\n", &good, "a"),
            ("a shorter message", b"report.cs", &good, "a"),
            ("no message", b"", &good, "a"),
            ("no signature", message, b"", "a"),
            ("a byte", message, &good[..1], "a"),
            ("a signature without its end", message, &good[..good.len() - 1], "a"),
            ("a signature without its start", message, &good[1..], "a"),
            ("a longer signature", message, &longer, "a"),
            ("a signature with another bit", message, &flipped, "a"),
            ("zeros", message, &[0; 256], "a"),
        ] {
            let verdict = judged(message, signature, key);
            assert_eq!((verdict.state, verdict.key), (State::Failed, None), "{what}: {}", verdict.reason);
            let is_missing = verdict.reason.contains("is not among the test's keys");
            assert_eq!(is_missing, !["a", "b"].contains(&key), "{what}: {}", verdict.reason);
        }
    }
}

#[test]
fn signature_of_bytes_is_verified_by_no_key_that_is_not_for_it() {
    let message = b"report.csv";
    let good = signature(&KEY, message);
    let judged = |keys: &str| verify_bytes(message, &good, "a", keys, "the test's keys");
    // The key that did sign is in the set each time, under another ID or under none.
    for (wrong, state) in [
        (elliptic("a"), State::Failed),
        (foreign("a"), State::Failed),
        // What can't be used can't have failed either.
        (key_with(json!({"use": "enc"})), State::NotChecked),
        (key_with(json!({"n": null})), State::NotChecked),
    ] {
        for other in [jwk(Some("b")), jwk(None)] {
            assert_eq!(judged(&set(&[wrong.clone(), other])).state, state, "{wrong}");
        }
    }
    for how in [&how::RSA_PSS_SHA256 as &'static dyn RsaEncoding, &how::RSA_PKCS1_SHA512] {
        let other = testing::signature_by(&KEY, how, message);
        let verdict = verify_bytes(message, &other, "a", &set(&[jwk(Some("a"))]), "the test's keys");
        assert_eq!(verdict.state, State::Failed, "signBlob signs in one way only");
    }
    for unreadable in ["", "<html>", "[]", "7", "null", r#"{"keys":{}}"#, r#"{"keys":"a"}"#] {
        let verdict = judged(unreadable);
        assert_eq!((verdict.state, verdict.key), (State::NotChecked, None), "{unreadable}");
        assert!(verdict.reason.starts_with("the test's keys can't be read: "), "{}", verdict.reason);
    }
    assert_eq!(judged("{}").state, State::NotChecked);
}

#[test]
fn each_algorithm_is_verified_as_itself_and_as_no_other() {
    let ways: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &how::RSA_PKCS1_SHA256),
        ("RS384", &how::RSA_PKCS1_SHA384),
        ("RS512", &how::RSA_PKCS1_SHA512),
        ("PS256", &how::RSA_PSS_SHA256),
        ("PS384", &how::RSA_PSS_SHA384),
        ("PS512", &how::RSA_PSS_SHA512),
    ];
    let any = set(&[key_with(json!({"alg": null}))]);
    for (said, _) in ways {
        let message = format!("{}.{}", B64.encode(json!({"alg": said}).to_string()), B64.encode("{}"));
        for (made, how) in ways {
            let token =
                format!("{message}.{}", B64.encode(testing::signature_by(&KEY, how, message.as_bytes())));
            let expected = if said == made { State::Verified } else { State::Failed };
            assert_eq!(judged(&token, &any).state, expected, "says {said}, is {made}");
            // A key for RS256 is for nothing else.
            let expected = if said == made && said == "RS256" { State::Verified } else { State::Failed };
            assert_eq!(judged(&token, &set(&[jwk(None)])).state, expected, "says {said}, is {made}");
        }
    }
    let pair = EcdsaKeyPair::generate(&how::ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = &pair.public_key().as_ref()[1..];
    let key =
        json!({"kty": "EC", "crv": "P-256", "x": B64.encode(&point[..32]), "y": B64.encode(&point[32..])});
    let message = format!("{}.{}", B64.encode(r#"{"alg":"ES256"}"#), B64.encode("{}"));
    let made = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), message.as_bytes()).expect("signs");
    let token = format!("{message}.{}", B64.encode(made));
    assert_eq!(judged(&token, &set(&[jwk(None), key])).state, State::Verified);
    assert_eq!(judged(&token, &set(&[jwk(None), elliptic("a")])).state, State::Failed);
}

#[test]
fn key_of_a_set_is_taken_only_if_it_is_for_this_signature() {
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    for (changes, state) in [
        (json!({}), State::Verified),
        (json!({"use": null}), State::Verified),
        (json!({"alg": null}), State::Verified),
        (json!({"use": "enc"}), State::NotChecked),
        (json!({"alg": "RS512"}), State::Failed),
        (json!({"alg": "PS256"}), State::Failed),
        (json!({"kid": "A"}), State::Failed),
        (json!({"kid": "ab"}), State::Failed),
        // Without an ID it may be the one.
        (json!({"kid": null}), State::Verified),
        (json!({"kid": 1}), State::Verified),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), State::NotChecked),
        (json!({"e": null}), State::NotChecked),
    ] {
        let key = key_with(changes.clone());
        assert_eq!(judged(&token, &set(&[key])).state, state, "{changes}");
    }
    // A foreign key of the same ID neither verifies nor gets in the way.
    assert_eq!(judged(&token, &set(&[foreign("a")])).state, State::Failed);
    assert_eq!(judged(&token, &set(&[foreign("a"), jwk(Some("a"))])).state, State::Verified);
    // The token's key ID decides, not the actual signer.
    assert_eq!(judged(&token, &set(&[foreign("a"), jwk(Some("b"))])).state, State::Failed);
    let nameless = sign(json!({"alg": "RS256"}));
    assert_eq!(judged(&nameless, &set(&[foreign("a")])).state, State::Failed);
    let verdict = judged(&nameless, &set(&[foreign("a"), jwk(None)]));
    assert_eq!((verdict.state, verdict.key), (State::Verified, None));
    assert_eq!(verdict.reason, "a key without an ID of the test's keys");
    assert_eq!(judged(&nameless, "{}").reason, "the test's keys contain no keys");
}

#[test]
fn each_reason_not_to_look_at_keys_is_found_by_itself() {
    let with = |name: &str, value: Value| {
        let mut header = json!({"alg": "RS256", "kid": "a"});
        header[name] = value;
        sign(header)
    };
    let good = sign(json!({"alg": "RS256", "kid": "a"}));
    let (message, _) = good.rsplit_once('.').expect("three parts");
    let long = format!("{}.{}", "e30", "e30.".repeat(MAX_BYTES / 4 + 1));
    let mut rows = vec![
        (String::new(), State::NotChecked, "only a signed JWT"),
        ("1//0example-refresh-token".to_owned(), State::NotChecked, "only a signed JWT"),
        (long, State::NotChecked, ""),
        (with("alg", json!(7)), State::NotChecked, "has no algorithm"),
        (with("alg", Value::Null), State::NotChecked, "has no algorithm"),
        (format!("{message}."), State::Failed, "no signature"),
        (message.to_owned(), State::Failed, "no signature"),
        (with("b64", json!(false)), State::NotChecked, "b64 is false"),
    ];
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!("exp"), Value::Null] {
        rows.push((with("crit", crit), State::NotChecked, "crit"));
    }
    for none in ["none", "None", "NONE", "nOnE"] {
        rows.push((with("alg", json!(none)), State::Failed, "anyone could have written it"));
    }
    for shared in ["HS256", "HS384", "HS512"] {
        rows.push((with("alg", json!(shared)), State::NotChecked, "shared secret"));
    }
    for unknown in ["", "rs256", "RS1", "RSA256", "ES256K", "ES512", "none ", "A128KW", "dir"] {
        rows.push((with("alg", json!(unknown)), State::NotChecked, "isn't supported"));
    }
    for (text, state, word) in rows {
        let told = uncheckable(&read(&text)).unwrap_or_else(|| panic!("{text:.60} can be checked"));
        assert_eq!((told.state, told.key.is_none()), (state, true), "{text:.60}: {}", told.reason);
        assert!(told.reason.contains(word), "{text:.60}: {}", told.reason);
        // Keys change nothing about it, not even the right one.
        assert_eq!(judged(&text, &set(&[jwk(Some("a"))])), told);
    }
    for fine in [good.clone(), with("b64", json!(true)), with("typ", json!("at+jwt"))] {
        assert_eq!(uncheckable(&read(&fine)), None, "{fine:.60}");
        assert_eq!(judged(&fine, &set(&[jwk(Some("a"))])).state, State::Verified);
    }
    // Too long, and fine in every other way.
    let cut = Reading { too_long: Some(MAX_BYTES + 1), ..read(&good) };
    assert!(uncheckable(&cut).is_some_and(|told| told.reason.contains("too long")));
    // Signed as it is, with dots where only one part is expected.
    for token in [format!("{good}.e30"), format!("e30.{good}")] {
        let told = Reading { token: crate::model::secret::Secret::new(token), ..read(&good) };
        assert_eq!(uncheckable(&told), Some(Verdict::not_checked("the token doesn't have three parts")));
    }
}

#[test]
fn detached_payload_is_not_said_to_have_been_changed() {
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    let parts: Vec<&str> = token.split('.').collect();
    let detached = format!("{}..{}", parts[0], parts[2]);
    let verdict = judged(&detached, &set(&[jwk(Some("a"))]));
    assert!(verdict.state == State::NotChecked && verdict.reason.contains("detached"), "{verdict:?}");
    // An empty payload can be what was signed.
    let empty = testing::jwt(&KEY, &json!({"alg": "RS256", "kid": "a"}), "");
    assert_eq!(judged(&empty, &set(&[jwk(Some("a"))])).state, State::Verified);
}

#[test]
fn issuer_is_an_account_only_where_it_is_its_whole_email() {
    let of = |issuer: Value| {
        let claims = json!({ "iss": issuer }).to_string();
        signer(&read(&format!("e30.{}.c2ln", B64.encode(claims))))
    };
    for google in ["https://accounts.google.com", "accounts.google.com"] {
        assert_eq!(of(json!(google)), Signer::Google);
    }
    for account in ["a@acme-prod.iam.gserviceaccount.com", "1-compute@developer.gserviceaccount.com"] {
        assert_eq!(of(json!(account)), Signer::Account(account.to_owned()));
    }
    for other in [
        "",
        "http://accounts.google.com",
        "https://accounts.google.com/",
        "HTTPS://ACCOUNTS.GOOGLE.COM",
        "serviceAccount:a@acme-prod.iam.gserviceaccount.com",
        " a@acme-prod.iam.gserviceaccount.com",
        "a@acme-prod",
        "A@acme-prod.iam.gserviceaccount.com",
        "a@acme-prod.iam.gserviceaccount.com.evil.example",
        "a@evilgserviceaccount.com",
        "a@b@acme-prod.iam.gserviceaccount.com",
        "alice@example.com",
        "107517467455664443765",
    ] {
        assert_eq!(of(json!(other)), Signer::Other(Some(other.to_owned())));
    }
    for untold in [json!(7), json!(["https://accounts.google.com"]), Value::Null] {
        assert_eq!(of(untold), Signer::Other(None));
    }
}

#[test]
fn key_id_is_cut_from_thirteen_letters_on() {
    for (id, shown) in [
        ("", ""),
        ("0123456789ab", "0123456789ab"),
        ("0123456789abc", "0123…9abc"),
        ("éééééééééééé", "éééééééééééé"),
        ("ééééxxxxxéééé", "éééé…éééé"),
    ] {
        assert_eq!(brief(id), shown);
    }
    let words = [State::Verified, State::Failed, State::NotChecked].map(State::word);
    assert_eq!(words, ["verified", "failed", "not_checked"]);
}

#[test]
fn signature_that_is_no_base64_is_nobodys() {
    let token = sign(json!({"alg": "RS256", "kid": "a"}));
    let (message, good) = token.rsplit_once('.').unwrap();
    let keys = set(&[jwk(Some("a"))]);
    assert_eq!(judged(&token, &keys).state, State::Verified);
    for signature in
        ["A", "A=", "AA==", "====", "+/+/", "AA AA", "é", "\u{0}", &format!("{good}="), &format!("{good}A")]
    {
        let token = format!("{message}.{signature}");
        assert_ne!(judged(&token, &keys).state, State::Verified, "{signature}");
    }
}

#[test]
fn key_is_for_algorithms_of_its_family_even_where_it_names_none() {
    let mut key = jwk(Some("a"));
    key.as_object_mut().unwrap().remove("alg");
    let keys = set(&[key]);
    for (alg, word) in [
        ("RS256", ""),
        ("RS512", "the signature doesn't match"),
        ("ES256", "the header says ES256, but the key in the test's keys is for another algorithm"),
        ("EdDSA", "the header says EdDSA, but the key in the test's keys is for another algorithm"),
    ] {
        let verdict = judged(&sign(json!({"alg": alg, "kid": "a"})), &keys);
        assert_eq!(verdict.state == State::Verified, word.is_empty(), "{alg}");
        assert!(verdict.reason.contains(word), "{alg}: {}", verdict.reason);
    }
}
