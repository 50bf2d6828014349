//! Whether a JWT was signed by a key of a given JWK set, RS256 or ES256. It believes no claims.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::keys::Jwt;

/// What is wrong with a JWK set; `None` if it can be used.
pub(crate) fn problem(set: &Value) -> Option<String> {
    let keys = match set["keys"].as_array() {
        Some(keys) if !keys.is_empty() => keys,
        _ => return Some("a JWK set has a list of keys".into()),
    };
    keys.iter().enumerate().find_map(|(i, key)| {
        let of = |names: &[&str]| names.iter().all(|name| bytes(key, name).is_some());
        let fine = match key["kty"].as_str() {
            Some("RSA") => of(&["n", "e"]),
            Some("EC") => key["crv"] == "P-256" && of(&["x", "y"]),
            _ => false,
        };
        let fine = fine && key["kid"].is_string();
        (!fine).then(|| format!("keys[{i}] needs a kid, and n and e (RSA) or x and y (P-256)"))
    })
}

/// The result of verifying a signature with the keys of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// It was made by the key that the JWT names.
    Valid,
    Forged,
    /// The set has no key of that name and for that algorithm.
    UnknownKey,
}

/// Verifies a JWT with the key that it names.
pub(crate) fn verify(set: &Value, jwt: &Jwt<'_>) -> Signature {
    let keys = set["keys"].as_array().into_iter().flatten();
    let named = keys.filter(|key| jwt.kid.is_some() && key["kid"].as_str() == jwt.kid.as_deref());
    match named.filter_map(|key| verifies_one(key, jwt)).max() {
        Some(true) => Signature::Valid,
        Some(false) => Signature::Forged,
        None => Signature::UnknownKey,
    }
}

/// Nothing if the key is for another algorithm.
fn verifies_one(key: &Value, jwt: &Jwt<'_>) -> Option<bool> {
    let (message, signature) = (jwt.signed.as_bytes(), &jwt.signature);
    Some(match (jwt.alg.as_str(), key["kty"].as_str()?) {
        ("RS256", "RSA") => {
            let parts = PublicKeyComponents { n: bytes(key, "n")?, e: bytes(key, "e")? };
            parts.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
        }
        ("ES256", "EC") => {
            let point = [vec![4], bytes(key, "x")?, bytes(key, "y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
        }
        _ => return None,
    })
}

fn bytes(key: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::es256::Es256;
    use crate::keys;

    fn by(set: &Value, token: &str) -> bool {
        verify(set, &Jwt::parse(token).unwrap()) == Signature::Valid
    }

    #[tokio::test]
    async fn rs256_and_es256_are_verified_by_the_key_that_is_named() {
        let claims = Map::from_iter([("sub".to_owned(), json!("me"))]);
        let (mine, other) = (Es256::generate(), Es256::generate());
        assert!(by(&mine.jwks(), &mine.jwt(&claims)) && !by(&other.jwks(), &mine.jwt(&claims)));
        let rsa = keys::key_of("jwks@test").await;
        let set = json!({"keys": [mine.jwks()["keys"][0], rsa.jwk()]});
        assert!(by(&set, &rsa.jwt("{}")) && by(&set, &mine.jwt(&claims)));
        let mut renamed = set.clone();
        renamed["keys"][1]["kid"] = "other".into();
        let said = |set: &Value, token: &str| verify(set, &Jwt::parse(token).unwrap());
        assert_eq!(said(&renamed, &rsa.jwt("{}")), Signature::UnknownKey, "the key is found by its name");
        renamed["keys"][0]["kid"] = rsa.id.clone().into();
        assert_eq!(said(&renamed, &rsa.jwt("{}")), Signature::UnknownKey, "it is for another algorithm");
        let mut forged = rsa.jwt("{}");
        forged.replace_range(forged.len() - 8.., "AAAAAAAA");
        assert_eq!(said(&set, &forged), Signature::Forged);
    }

    #[test]
    fn a_set_that_cannot_be_used_is_told_apart() {
        assert_eq!(problem(&Es256::generate().jwks()), None);
        for set in [
            json!({}),
            json!({"keys": []}),
            json!({"keys": [{"kty": "oct", "kid": "a", "k": "AA"}]}),
            json!({"keys": [{"kty": "RSA", "kid": "a", "n": "AA"}]}),
            json!({"keys": [{"kty": "EC", "kid": "a", "crv": "P-384", "x": "AA", "y": "AA"}]}),
            json!({"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB"}]}),
        ] {
            assert!(problem(&set).is_some(), "{set}");
        }
    }
}
