//! Public keys as people have them: JWK sets, lone JWKs, maps of key ID to certificate, PEM, certificates. Whatever a
//! usable key can be read from is used; every other key is kept with the reason, because a signature that such a key
//! could have made can't be said to have failed.

use std::str::FromStr;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{decode::decode, quoted};

/// The sizes of RSA keys that can be used, in bits; shorter ones can be forged (RFC 7518, 3.3).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// Larger public exponents are not supported, in bits.
const MAX_EXPONENT_BITS: usize = 33;

/// Only this many keys of one text are read.
const MAX_KEYS: usize = 1_000;

/// Names of members that hold a key without naming it.
const PLAIN_NAMES: [&str; 9] =
    ["jwk", "jwks", "key", "public_key", "publicKey", "cert", "certificate", "pem", "x509"];

/// What a text with keys has to be, as the end of a sentence.
const ACCEPTED: &str = "pass a JWK set, a map of key ID to certificate, or PEM";

/// The keys of a text.
#[derive(Default)]
pub(super) struct KeySet {
    pub(super) usable: Vec<Key>,
    pub(super) unusable: Vec<Unusable>,
}

/// A key that signatures can be checked with.
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// The one that the set says it is for.
    alg: Option<Algorithm>,
    kind: Kind,
    pub(super) key: DecodingKey,
}

/// A key that can't be used.
pub(super) struct Unusable {
    pub(super) id: Option<String>,
    /// The end of a sentence that starts with “it”.
    pub(super) why: String,
    /// Which signatures it could have made.
    makes: Makes,
}

/// Which signatures an unusable key could have made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Makes {
    /// None: it is for something else.
    Nothing,
    Only(AlgorithmFamily),
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    /// A certificate or key that only makes PSS signatures.
    RsaPss,
    P256,
    P384,
    Ed25519,
}

/// Why a key can't be used, and what it could have signed.
type Problem = (Makes, String);

impl Key {
    /// Whether it makes signatures by this algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let fits = match self.kind {
            Kind::Rsa => algorithm.family() == AlgorithmFamily::Rsa,
            Kind::RsaPss => matches!(algorithm, Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512),
            Kind::P256 => algorithm == Algorithm::ES256,
            Kind::P384 => algorithm == Algorithm::ES384,
            Kind::Ed25519 => algorithm == Algorithm::EdDSA,
        };
        fits && self.alg.is_none_or(|alg| alg == algorithm)
    }
}

impl Unusable {
    /// Whether a signature by this algorithm could be its own.
    pub(super) fn could_make(&self, algorithm: Algorithm) -> bool {
        match self.makes {
            Makes::Nothing => false,
            Makes::Only(family) => family == algorithm.family(),
            Makes::Unknown => true,
        }
    }
}

/// The keys of a text.
///
/// # Errors
/// What the text is instead, as the end of a sentence.
pub(super) fn read(text: &str) -> Result<KeySet, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut set = KeySet::default();
    if text.is_empty() {
        return Err(format!("it is empty: {ACCEPTED}"));
    }
    if text.starts_with(['{', '[', '"']) {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        set.take_json(&value)?;
    } else if !set.take_encoded(None, text) {
        if let Some(inside) = text_inside(text).and_then(|inside| read(&inside).ok()) {
            return Ok(inside);
        }
        return Err(match text {
            ssh if ssh.starts_with("ssh-") || ssh.starts_with("ecdsa-sha2-") => {
                "it is an SSH public key: convert it with ssh-keygen -e -m PKCS8 -f FILE".to_owned()
            }
            _ => format!("it is neither JSON nor PEM: {ACCEPTED}"),
        });
    }
    Ok(set)
}

/// JSON or PEM in base64, or after other lines: the headers of an answer, what a program printed.
fn text_inside(text: &str) -> Option<String> {
    let is_keys = |text: &str| text.trim_start().starts_with(['{', '[']) || text.contains("-----BEGIN ");
    if let Some(inner) = unspaced(text).and_then(|bytes| String::from_utf8(bytes).ok()) {
        return Some(inner).filter(|inner| is_keys(inner));
    }
    let at = ["\n{", "\n["].iter().filter_map(|start| text.find(start)).min()?;
    Some(text[at..].to_owned())
}

impl KeySet {
    fn is_empty(&self) -> bool {
        self.usable.is_empty() && self.unusable.is_empty()
    }

    fn add(&mut self, id: Option<&str>, alg: Option<Algorithm>, key: Result<(Kind, DecodingKey), Problem>) {
        if self.usable.len() + self.unusable.len() >= MAX_KEYS {
            return;
        }
        let id = id.map(str::to_owned);
        match key {
            Ok((kind, key)) => self.usable.push(Key { id, alg, kind, key }),
            Err((makes, why)) => self.unusable.push(Unusable { id, why, makes }),
        }
    }

    fn take_json(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) if self.take_encoded(None, text) => Ok(()),
            // JSON in a string, as variables and secrets hold it.
            Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
                let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
                self.take_json(&value)
            }
            Value::Array(list) if !list.is_empty() => {
                list.iter().for_each(|item| self.take_item(item));
                Ok(())
            }
            Value::Object(object) => {
                if let Some(keys) = object.get("keys").filter(|keys| !keys.is_string()) {
                    return self.take_keys(keys);
                }
                if object.contains_key("kty") || object.contains_key("x5c") {
                    self.take_jwk(None, value);
                    return Ok(());
                }
                for (name, member) in object {
                    self.take_member(name, member);
                }
                match object.get("jwks_uri").and_then(Value::as_str) {
                    Some(uri) if self.is_empty() => Err(format!(
                        "it is a discovery document without keys: pass the file that its jwks_uri names ({})",
                        quoted(uri)
                    )),
                    _ if self.is_empty() && object.contains_key("keys") => {
                        Err("its “keys” isn't a list".to_owned())
                    }
                    _ if self.is_empty() && !object.is_empty() => {
                        Err(format!("there are no public keys in it: {ACCEPTED}"))
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(format!("it isn't a JSON object or a list of keys: {ACCEPTED}")),
        }
    }

    fn take_keys(&mut self, keys: &Value) -> Result<(), String> {
        match keys {
            Value::Array(list) => list.iter().for_each(|item| self.take_item(item)),
            Value::Object(map) if !map.is_empty() => {
                map.iter().for_each(|(name, member)| self.take_member(name, member));
            }
            _ => return Err("its “keys” isn't a list".to_owned()),
        }
        Ok(())
    }

    /// An item of a list of keys.
    fn take_item(&mut self, item: &Value) {
        match item {
            Value::String(text) if self.take_encoded(None, text) => {}
            Value::Object(_) => self.take_jwk(None, item),
            _ => self.add(None, None, Err((Makes::Nothing, "isn't a JWK".to_owned()))),
        }
    }

    /// A member of an object that can be a map of key ID to key, or something around a set.
    fn take_member(&mut self, name: &str, member: &Value) {
        let id = Some(name).filter(|name| !PLAIN_NAMES.contains(name));
        match member {
            Value::String(text) => drop(self.take_encoded(id, text)),
            Value::Object(object) if object.contains_key("kty") || object.contains_key("x5c") => {
                self.take_jwk(id, member);
            }
            Value::Object(object) => {
                if let Some(keys) = object.get("keys") {
                    drop(self.take_keys(keys));
                }
            }
            Value::Array(list) if list.iter().any(|item| item.get("kty").is_some()) => {
                list.iter().for_each(|item| self.take_item(item));
            }
            _ => {}
        }
    }

    /// PEM, or the same in base64 without the lines around it; whether it is that.
    fn take_encoded(&mut self, id: Option<&str>, text: &str) -> bool {
        if text.contains("-----BEGIN ") {
            for (label, body) in blocks(text).take(MAX_KEYS) {
                self.add(id, None, from_block(label, &body));
            }
            return true;
        }
        let Some(der) = unspaced(text).filter(|der| der.len() > 32) else { return false };
        let key = from_der(&der);
        let is_key = key.is_some();
        if let Some(key) = key {
            self.add(id, None, key);
        }
        is_key
    }

    fn take_jwk(&mut self, name: Option<&str>, jwk: &Value) {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let id = text("kid").or(name);
        self.add(id, text("alg").and_then(algorithm), from_jwk(jwk));
    }
}

/// The algorithm of this name. Names of other vocabularies, such as a key service's, restrict nothing.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name.to_ascii_uppercase().as_str() {
        // RFC 9864 renames EdDSA to its curve.
        "EDDSA" | "ED25519" => Some(Algorithm::EdDSA),
        name => Algorithm::from_str(name).ok(),
    }
}

fn from_jwk(jwk: &Value) -> Result<(Kind, DecodingKey), Problem> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let nothing = |why: String| (Makes::Nothing, why);
    if let Some(usage) = text("use").filter(|usage| !usage.eq_ignore_ascii_case("sig")) {
        return Err(nothing(format!("is for another use ({}), not for signatures", quoted(usage))));
    }
    let for_encryption = |alg: &&str| {
        ["RSA-OAEP", "RSA1_5", "ECDH-ES"].iter().any(|name| alg.to_ascii_uppercase().starts_with(name))
    };
    if let Some(alg) = text("alg").filter(for_encryption) {
        return Err(nothing(format!("is for encryption ({}), not for signatures", quoted(alg))));
    }
    if let Some(ops) = jwk.get("key_ops").and_then(Value::as_array) {
        let ops: Vec<&str> = ops.iter().filter_map(Value::as_str).collect();
        if !ops.is_empty() && !ops.iter().any(|op| matches!(*op, "verify" | "sign")) {
            return Err(nothing(format!("isn't for verifying (key_ops {})", quoted(&ops.join(", ")))));
        }
    }
    let certificate = || {
        let first = jwk.get("x5c")?.get(0).or_else(|| jwk.get("x5c"))?.as_str()?;
        unspaced(first).and_then(|der| from_der(&der))
    };
    let key = match text("kty").map(str::to_ascii_uppercase).as_deref() {
        Some("RSA") => rsa_of_jwk(jwk),
        Some("EC") => ec_of_jwk(jwk),
        Some("OKP") => okp_of_jwk(jwk),
        Some("OCT") => return Err(nothing("is a shared secret (kty “oct”), not a public key".to_owned())),
        Some(_) => {
            let kind = quoted(text("kty").unwrap_or_default());
            return Err(nothing(format!("has a type that isn't supported (kty {kind})")));
        }
        None => Err((Makes::Unknown, "has no type (kty)".to_owned())),
    };
    key.or_else(|problem| certificate().unwrap_or(Err(problem)))
}

/// A number or a coordinate of a JWK, without zeros in front, which some libraries write and none needs.
fn bytes(jwk: &Value, name: &str, what: &str) -> Result<Vec<u8>, String> {
    let bytes = match jwk.get(name) {
        Some(Value::String(text)) => {
            unspaced(text).ok_or_else(|| format!("has {what} ({name}) that isn't base64"))?
        }
        // 65537, as numbers are written elsewhere.
        Some(Value::Number(number)) => {
            number.as_u64().map(|number| number.to_be_bytes().to_vec()).unwrap_or_default()
        }
        _ => return Err(format!("is incomplete: it has no {}", name)),
    };
    Ok(bytes)
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..]
}

fn rsa_of_jwk(jwk: &Value) -> Result<(Kind, DecodingKey), Problem> {
    let number = |name, what| bytes(jwk, name, what).map_err(|why| (Makes::Only(AlgorithmFamily::Rsa), why));
    Ok((Kind::Rsa, rsa(&number("n", "a modulus")?, &number("e", "an exponent")?)?))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<DecodingKey, Problem> {
    let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
    let bits =
        |number: &[u8]| number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize);
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let problem = match bits(modulus) {
        0 => "has an empty modulus (n)".to_owned(),
        few if few < *RSA_BITS.start() => {
            format!("has {few} bits; at least {} are required", RSA_BITS.start())
        }
        many if many > *RSA_BITS.end() => {
            format!("has {many} bits; at most {} are supported", RSA_BITS.end())
        }
        _ if !odd(modulus) => "isn't an RSA key: its modulus (n) is even".to_owned(),
        _ if !odd(exponent) || exponent == [1] => {
            "isn't an RSA key: its exponent (e) can't be one".to_owned()
        }
        _ if bits(exponent) > MAX_EXPONENT_BITS => {
            format!("has an exponent (e) of over {MAX_EXPONENT_BITS} bits, which isn't supported")
        }
        _ => return Ok(DecodingKey::from_rsa_raw_components(modulus, exponent)),
    };
    Err((Makes::Only(AlgorithmFamily::Rsa), problem))
}

fn ec_of_jwk(jwk: &Value) -> Result<(Kind, DecodingKey), Problem> {
    let problem = |why| (Makes::Only(AlgorithmFamily::Ec), why);
    let curve = jwk.get("crv").and_then(Value::as_str).unwrap_or_default();
    let size: usize = match curve {
        "P-256" => 32,
        "P-384" => 48,
        "" => return Err(problem("is incomplete: it has no crv".to_owned())),
        other => return Err(problem(format!("is on a curve that isn't supported ({})", quoted(other)))),
    };
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = bytes(jwk, name, "a coordinate").map_err(problem)?;
        let coordinate = without_zeros(&coordinate);
        let Some(missing) = size.checked_sub(coordinate.len()) else {
            return Err(problem(format!("has a coordinate ({name}) that is too long for {curve}")));
        };
        point.resize(point.len() + missing, 0);
        point.extend_from_slice(coordinate);
    }
    ec(curve, &point)
}

fn ec(curve: &str, point: &[u8]) -> Result<(Kind, DecodingKey), Problem> {
    let (kind, parsed) = match curve {
        "P-256" => (Kind::P256, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)),
        _ => (Kind::P384, ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)),
    };
    let wrong = |_| (Makes::Only(AlgorithmFamily::Ec), format!("is not a point on its curve ({curve})"));
    parsed.map_err(wrong)?;
    Ok((kind, DecodingKey::from_ec_der(point)))
}

fn okp_of_jwk(jwk: &Value) -> Result<(Kind, DecodingKey), Problem> {
    match jwk.get("crv").and_then(Value::as_str).unwrap_or_default() {
        "Ed25519" => {
            let x = bytes(jwk, "x", "a value").map_err(|why| (Makes::Only(AlgorithmFamily::Ed), why))?;
            ed25519(&x)
        }
        curve @ ("X25519" | "X448") => {
            Err((Makes::Nothing, format!("is for key agreement ({curve}), not for signatures")))
        }
        "" => Err((Makes::Only(AlgorithmFamily::Ed), "is incomplete: it has no crv".to_owned())),
        other => Err((
            Makes::Only(AlgorithmFamily::Ed),
            format!("is on a curve that isn't supported ({})", quoted(other)),
        )),
    }
}

fn ed25519(x: &[u8]) -> Result<(Kind, DecodingKey), Problem> {
    let wrong = || (Makes::Only(AlgorithmFamily::Ed), "is not an Ed25519 key of 32 bytes".to_owned());
    // Its bytes aren't a number: only a zero too many can be removed.
    let x = x.strip_prefix(&[0]).filter(|rest| rest.len() == 32).unwrap_or(x);
    ParsedPublicKey::new(&ED25519, x).map_err(|_| wrong())?;
    Ok((Kind::Ed25519, DecodingKey::from_ed_der(x)))
}

/// The blocks of PEM in a text, with their labels: in lines, on one line, or with line breaks written as `\n`.
fn blocks(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.split("-----BEGIN ").skip(1).filter_map(|rest| {
        let (label, rest) = rest.split_once("-----")?;
        let body = rest.split("-----END").next().unwrap_or(rest);
        let body = body.replace("\\r", "").replace("\\n", "\n");
        Some((label, body.lines().filter(|line| !line.contains(':')).collect()))
    })
}

fn from_block(label: &str, body: &str) -> Result<(Kind, DecodingKey), Problem> {
    if label.contains("PRIVATE KEY") {
        return Err((Makes::Unknown, "is a private key: use the public key only".to_owned()));
    }
    let is_key = label.ends_with("PUBLIC KEY") || label.ends_with("CERTIFICATE");
    if !is_key || label.starts_with("SSH2") {
        return Err((Makes::Nothing, format!("is a PEM block of another kind ({})", quoted(label))));
    }
    let unreadable = || (Makes::Unknown, format!("is damaged: its {} can't be read", label.to_lowercase()));
    let der = unspaced(body).ok_or_else(unreadable)?;
    from_der(&der).unwrap_or_else(|| Err(unreadable()))
}

/// The key in DER: of a certificate, or a public key in either of its forms; `None` for anything else.
fn from_der(der: &[u8]) -> Option<Result<(Kind, DecodingKey), Problem>> {
    if let Ok((_, certificate)) = X509Certificate::from_der(der) {
        return Some(from_info(certificate.public_key()));
    }
    if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(der) {
        return Some(from_info(&info));
    }
    let (_, key) = RSAPublicKey::from_der(der).ok()?;
    Some(rsa(key.modulus, key.exponent).map(|key| (Kind::Rsa, key)))
}

fn from_info(info: &SubjectPublicKeyInfo<'_>) -> Result<(Kind, DecodingKey), Problem> {
    let key = &info.subject_public_key.data;
    match info.algorithm.algorithm.to_id_string().as_str() {
        id @ ("1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10") => {
            let kind = if id.ends_with(".10") { Kind::RsaPss } else { Kind::Rsa };
            let damaged = |_| (Makes::Only(AlgorithmFamily::Rsa), "isn't an RSA key".to_owned());
            let (_, key) = RSAPublicKey::from_der(key).map_err(damaged)?;
            Ok((kind, rsa(key.modulus, key.exponent)?))
        }
        "1.2.840.10045.2.1" => {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            match curve.map(|curve| curve.to_id_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => ec("P-256", key),
                Some("1.3.132.0.34") => ec("P-384", key),
                other => Err((
                    Makes::Only(AlgorithmFamily::Ec),
                    format!("is on a curve that isn't supported ({})", quoted(other.unwrap_or("unnamed"))),
                )),
            }
        }
        "1.3.101.112" => ed25519(key),
        other => Err((Makes::Nothing, format!("has an algorithm that isn't supported ({})", quoted(other)))),
    }
}

/// Base64 of either alphabet, padded or not, with white space anywhere in it.
fn unspaced(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    decode(&text).filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
