//! The two notations of a JOSE token: parts between dots, and the fields of a JSON object (RFC 7515, section 7; RFC
//! 7516, section 7). The second is converted to the first.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::decode::{Member, Section, decode, members};
use super::form::Form;

/// The parts of a signed token between its dots, none of them decoded.
pub(super) struct Parts<'t> {
    /// Before the first dot.
    pub(crate) header: &'t str,
    /// Between the dots; `None` without a dot.
    pub(crate) payload: Option<&'t str>,
    /// After the second dot; `None` without one.
    pub(crate) signature: Option<&'t str>,
    /// How many dots there are.
    pub(crate) dots: usize,
}

/// Splits a token at its dots.
pub(super) fn parts(token: &str) -> Parts<'_> {
    let dots = token.bytes().filter(|byte| *byte == b'.').count();
    let Some((header, rest)) = token.split_once('.') else {
        return Parts { header: token, payload: None, signature: None, dots };
    };
    // An unencoded payload can contain dots.
    let split =
        if dots > 2 && is_unencoded(&object(header)) { rest.rsplit_once('.') } else { rest.split_once('.') };
    let (payload, signature) = split.map_or((rest, None), |(payload, signature)| (payload, Some(signature)));
    Parts { header, payload: Some(payload), signature, dots }
}

/// Whether a header, still in base64, is that of an encrypted token: it names how the content is encrypted, or how its key
/// is (RFC 7516, 4.1; RFC 7518, 4.1). A header that can't be read could be one.
pub(super) fn is_encrypted(header: &str) -> bool {
    const KEY_WAYS: [&str; 5] = ["dir", "RSA", "ECDH-", "PBES2-", "A"];
    let header = object(header);
    header.members().is_empty()
        || header.find("enc").is_some()
        || header.text("alg").is_some_and(|alg| KEY_WAYS.iter().any(|way| alg.starts_with(way)))
}

/// Whether the payload of this token isn't encoded, so that dots in it mean nothing.
pub(super) fn has_unencoded_payload(token: &str) -> bool {
    is_unencoded(&object(token.split('.').next().unwrap_or_default()))
}

fn object(part: &str) -> Section {
    let json = decode(part).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Section::Object(members(&json).0)
}

/// The first object of a list, and how many there are.
fn first(list: Option<&Member>) -> (Option<Section>, usize) {
    let all: Vec<&RawValue> = list.and_then(|list| serde_json::from_str(&list.json).ok()).unwrap_or_default();
    (all.first().map(|first| Section::Object(members(first.get()).0)), all.len())
}

/// Whether a header says that the payload is not encoded, and that this must be understood (RFC 7797, 6). Without the
/// second most readers ignore it.
pub(super) fn is_unencoded(header: &Section) -> bool {
    let crit = header.find("crit").and_then(|member| serde_json::from_str::<Vec<String>>(&member.json).ok());
    header.find("b64").is_some_and(|member| member.json == "false")
        && crit.is_some_and(|names| names.iter().any(|name| name == "b64"))
}

/// A token in the JSON notation.
pub(super) struct Serialized {
    /// The same in the compact notation.
    pub(crate) token: Zeroizing<String>,
    pub(crate) form: Form,
    /// Unsigned header fields, as JSON objects.
    pub(crate) unprotected: Vec<String>,
    /// What the compact form leaves out, in a sentence.
    pub(crate) told: String,
}

/// The token in an object; `None` if it has none.
pub(super) fn of_json(object: &Section) -> Option<Serialized> {
    let text = |name| object.text(name).map(Zeroizing::new);
    let raw = |from: &Section, name| from.find(name).map(|member| member.json.clone());
    if let Some(ciphertext) = text("ciphertext") {
        let (recipient, many) = first(object.find("recipients"));
        let recipient = recipient.as_ref().unwrap_or(object);
        let part = |name| text(name).unwrap_or_default();
        let key = Zeroizing::new(recipient.text("encrypted_key").unwrap_or_default());
        let compact = [&part("protected"), &key, &part("iv"), &ciphertext, &part("tag")];
        return Some(Serialized {
            token: Zeroizing::new(compact.map(|part| part.as_str()).join(".")),
            form: Form::Jwe,
            unprotected: raw(object, "unprotected").into_iter().chain(raw(recipient, "header")).collect(),
            told: told("JWE", many, "recipients"),
        });
    }
    // Without a payload, it is a token only if another field says so.
    let payload = text("payload");
    let (signed, many) = first(object.find("signatures"));
    let signed = signed.as_ref().unwrap_or(object);
    let protected = signed.text("protected");
    let signature = signed.text("signature").map(Zeroizing::new)?;
    if payload.is_none() && protected.is_none() {
        return None;
    }
    let payload = payload.unwrap_or_default();
    let compact = format!("{}.{}.{}", protected.unwrap_or_default(), *payload, *signature);
    Some(Serialized {
        token: Zeroizing::new(compact),
        form: Form::Jws,
        unprotected: raw(signed, "header").into_iter().collect(),
        told: told("JWS", many, "signatures"),
    })
}

fn told(kind: &str, many: usize, what: &str) -> String {
    match many {
        0 | 1 => format!("written as a JSON object ({kind} JSON serialization)"),
        many => format!(
            "written as a JSON object with {many} {what} ({kind} JSON serialization): the first is shown"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_split_at_its_first_two_dots() {
        let parts = parts("h.p.s.x");
        assert_eq!(
            (parts.header, parts.payload, parts.signature, parts.dots),
            ("h", Some("p"), Some("s.x"), 3)
        );
        let parts = super::parts("h");
        assert_eq!((parts.payload, parts.signature, parts.dots), (None, None, 0));
    }

    #[test]
    fn a_payload_that_is_not_encoded_keeps_its_dots() {
        // {"alg":"HS256","b64":false,"crit":["b64"]}
        let header = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19";
        let token = format!("{header}.$.02.c2ln");
        let parts = parts(&token);
        assert_eq!((parts.payload, parts.signature), (Some("$.02"), Some("c2ln")));
    }
}
