//! A P-256 key of an identity provider outside of Google, made at the start, and the JWTs that it signs.
//! Unlike the RSA keys of `keys`, it is made in no time.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::keys;

/// An ES256 key and its id.
#[derive(Debug)]
pub(crate) struct Es256 {
    pair: EcdsaKeyPair,
    id: String,
}

impl Es256 {
    pub(crate) fn generate() -> Es256 {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .expect("the system has random numbers, and the curve is known");
        let id = keys::hex(&keys::hash_bytes(pair.public_key().as_ref())[..20]);
        Es256 { pair, id }
    }

    /// A signed JWT of these claims.
    pub(crate) fn jwt(&self, claims: &Map<String, Value>) -> String {
        let header = json!({"alg": "ES256", "kid": self.id, "typ": "JWT"}).to_string();
        let payload = serde_json::to_string(claims).expect("a JSON value can be written");
        let head = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&SystemRandom::new(), head.as_bytes());
        let signature = signature.expect("a key that was just made signs");
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The set of its one public key.
    pub(crate) fn jwks(&self) -> Value {
        // A byte that says "not compressed", then the two coordinates.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [{"kid": self.id, "alg": "ES256", "use": "sig", "kty": "EC", "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]})
    }

    /// The private key as a credentials file has it, and its id.
    pub(crate) fn file(&self) -> (String, &str) {
        let der = self.pair.to_pkcs8v1().expect("a key we made can be written");
        (keys::pem("PRIVATE KEY", der.as_ref()), &self.id)
    }
}
