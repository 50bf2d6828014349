//! Signatures for tests, by keys made here. A key takes a while to make, so the whole process shares them.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, KeyPair as _, RsaEncoding, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Value, json};

fn make() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")
}

pub(crate) static KEY: LazyLock<RsaKeyPair> = LazyLock::new(make);
/// Another one, for signatures by the wrong key.
pub(crate) static FOREIGN: LazyLock<RsaKeyPair> = LazyLock::new(make);

/// As `signBlob` signs.
pub(crate) fn signature(key: &RsaKeyPair, message: &[u8]) -> Vec<u8> {
    signature_by(key, &signature::RSA_PKCS1_SHA256, message)
}

pub(crate) fn signature_by(key: &RsaKeyPair, how: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; key.public_modulus_len()];
    key.sign(how, &SystemRandom::new(), message, &mut bytes).expect("signs");
    bytes
}

/// A JWT whose signature is RS256, whatever its header says.
pub(crate) fn jwt(key: &RsaKeyPair, header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims));
    format!("{message}.{}", B64.encode(signature(key, message.as_bytes())))
}

/// The public key as a JWK without an id.
pub(crate) fn jwk(key: &RsaKeyPair) -> Value {
    let public = key.public_key();
    json!({"kty": "RSA", "use": "sig", "alg": "RS256",
        "n": B64.encode(public.modulus().big_endian_without_leading_zero()),
        "e": B64.encode(public.exponent().big_endian_without_leading_zero())})
}

/// A certificate of the public key that expires at the end of this year.
pub(crate) fn certificate(key: &RsaKeyPair, year: i32) -> String {
    let der: Pkcs8V1Der<'_> = key.as_der().expect("encodes");
    let pair = rcgen::KeyPair::try_from(der.as_ref()).expect("the same key");
    let mut parameters = rcgen::CertificateParams::default();
    parameters.not_after = rcgen::date_time_ymd(year, 12, 31);
    parameters.self_signed(&pair).expect("signs").pem()
}
