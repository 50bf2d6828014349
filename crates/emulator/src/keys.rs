//! Real RSA-2048 keys, made when first needed and kept for the life of the process, and their signatures. It
//! knows owners by name only; the routes decide who can sign.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, PublicKeyData};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, OnceCell};

/// The owner of the key behind Google's own ID tokens.
pub(crate) const GOOGLE: &str = "google";

/// The name under which the key in an account's credentials file is kept. Accounts go by their unique ids here.
pub(crate) fn user_managed(unique_id: &str) -> String {
    format!("{unique_id} (file)")
}

type Slot = Arc<OnceCell<Arc<Key>>>;

/// Keys by owner. One ring serves every emulator of the process: a key takes up to half a second to make, and two
/// emulators that agree on an account's key do no harm.
static RING: LazyLock<Mutex<HashMap<String, Slot>>> = LazyLock::new(Mutex::default);

/// The key of an owner, made now if this is the first time it is wanted.
pub(crate) async fn key_of(owner: &str) -> Arc<Key> {
    let slot = RING.lock().await.entry(owner.to_owned()).or_default().clone();
    slot.get_or_init(fresh).await.clone()
}

pub(crate) async fn fresh() -> Arc<Key> {
    let made = tokio::task::spawn_blocking(Key::generate).await;
    Arc::new(made.expect("making a key does not panic, and the runtime outlives its requests"))
}

/// The key of an owner if it was made before: without it there are no signatures.
pub(crate) async fn existing_key_of(owner: &str) -> Option<Arc<Key>> {
    RING.lock().await.get(owner).and_then(|slot| slot.get().cloned())
}

/// The validity of a key, in seconds since the epoch; lists and certificates have to agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

const DAY: i64 = 86_400;

/// How Google writes the end of a key that has none: the last second that four digits of a year can tell.
pub(crate) const NEVER: &str = "9999-12-31T23:59:59Z";
const NEVER_SECONDS: i64 = 253_402_300_799;

impl Validity {
    /// Of a key that Google manages and will replace: 18 whole days that began yesterday. Whole days, so that a list
    /// and a certificate read one after the other say the same.
    pub(crate) fn of_google(now: i64) -> Validity {
        let from = now - now.rem_euclid(DAY) - DAY;
        Validity { from, until: from + 18 * DAY }
    }

    /// Of the key in a credentials file, which never ends.
    pub(crate) fn of_file(now: i64) -> Validity {
        Validity { until: NEVER_SECONDS, ..Validity::of_google(now) }
    }
}

/// An RSA key and its id.
pub(crate) struct Key {
    pair: KeyPair,
    /// The id: 40 hexadecimal digits, of the public key's hash.
    pub(crate) id: String,
}

impl Key {
    fn generate() -> Key {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("2048 is a size that RSA keys have");
        let hash = digest::digest(&digest::SHA256, pair.public_key().as_ref());
        Key { id: hex(&hash.as_ref()[..20]), pair }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut out)
            .expect("the buffer is as long as the modulus");
        out
    }

    /// Whether a signature is this key's.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, self.public())
            .verify(bytes, signature)
            .is_ok()
    }

    /// A signed JWT with the payload as given and the header Google writes.
    pub(crate) fn jwt(&self, payload: &str) -> String {
        let header = json!({"alg": "RS256", "kid": self.id, "typ": "JWT"}).to_string();
        let head = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(head.as_bytes()));
        format!("{head}.{signature}")
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let (n, e) = components(self.public());
        json!({"kid": self.id, "alg": "RS256", "use": "sig", "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)})
    }

    /// The public key in a self-signed certificate, as PEM.
    pub(crate) fn certificate(&self, subject: &str, valid: Validity) -> String {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let after = |seconds: i64| epoch + Duration::from_secs(seconds.unsigned_abs());
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.not_before = after(valid.from);
        params.not_after = after(valid.until);
        params.self_signed(self).expect("a name and two dates make a certificate").pem()
    }

    /// The public key as PEM of the PKIX form, base64 as the `raw` address serves it.
    pub(crate) fn raw(&self) -> String {
        STANDARD.encode(pem("PUBLIC KEY", &self.subject_public_key_info()))
    }

    /// The private key as a credentials file has it.
    pub(crate) fn private_pem(&self) -> String {
        let der = AsDer::<Pkcs8V1Der>::as_der(&self.pair).expect("a key we made can be written");
        pem("PRIVATE KEY", der.as_ref())
    }

    fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.public()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Key::sign(self, bytes))
    }
}

/// A parsed JWT, not yet verified.
pub(crate) struct Jwt<'a> {
    /// The key that it says signed it.
    pub(crate) kid: Option<String>,
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    /// How it says that it was signed: `RS256` or `ES256`.
    pub(crate) alg: String,
    pub(crate) signed: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Jwt<'a>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Map<String, Value> =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let kid = header.get("kid").and_then(Value::as_str).map(str::to_owned);
        let alg =
            header.get("alg").and_then(Value::as_str).filter(|alg| matches!(*alg, "RS256" | "ES256"))?;
        let alg = alg.to_owned();
        Some(Jwt { kid, header, claims, alg, signed, signature: URL_SAFE_NO_PAD.decode(signature).ok()? })
    }

    pub(crate) fn is_signed_by(&self, key: &Key) -> bool {
        self.alg == "RS256"
            && self.kid.as_ref().is_none_or(|kid| *kid == key.id)
            && key.verifies(self.signed.as_bytes(), &self.signature)
    }

    /// A claim that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim that is a time.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(|v| v.as_i64().or_else(|| v.as_f64().map(|f| f as i64)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A stable hash for ids that the world leaves out.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    hash_bytes(text.as_bytes())
}

pub(crate) fn hash_bytes(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Modulus and exponent of a PKCS#1 `RSAPublicKey`: a sequence of two positive integers.
fn components(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = element(der);
    let (n, rest) = element(sequence);
    let (e, _) = element(rest);
    (n.strip_prefix(&[0]).unwrap_or(n), e.strip_prefix(&[0]).unwrap_or(e))
}

/// The content of the first DER element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            (der[2..2 + count].iter().fold(0, |sum, b| sum << 8 | usize::from(*b)), 2 + count)
        }
    };
    (&der[start..start + length], &der[start + length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_jwt_is_verified_by_the_key_that_signed_it_and_by_no_other() {
        let (mine, other) = (key_of("mine@test").await, key_of("other@test").await);
        let token = mine.jwt(r#"{"aud":"x"}"#);
        let jwt = Jwt::parse(&token).unwrap();
        assert!(jwt.is_signed_by(&mine) && !jwt.is_signed_by(&other));
        assert_eq!(jwt.text("aud"), Some("x"));
        assert_eq!(mine.id.len(), 40);
    }

    #[tokio::test]
    async fn the_jwk_has_a_modulus_of_256_bytes_and_the_usual_exponent() {
        let jwk = key_of("mine@test").await.jwk();
        assert_eq!(URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap().len(), 256);
        assert_eq!(jwk["e"], "AQAB");
    }

    #[tokio::test]
    async fn the_certificate_is_pem_and_the_key_of_an_owner_stays_the_same() {
        let key = key_of("mine@test").await;
        let valid = Validity::of_google(1_700_000_000);
        assert!(key.certificate("mine", valid).starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(key.id, key_of("mine@test").await.id);
    }
}
