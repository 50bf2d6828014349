//! Credentials and related texts from servers. They come over plain HTTP from a metadata server, or from wherever an
//! endpoint was moved to, and go to terminals, clipboards, files and headers. Their characters are therefore checked
//! once, here: answers are decoded into [`HandedOut`], and every way out of it checks an alphabet.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer};

use crate::{
    http::{ApiError, ErrorKind},
    model::{secret::Secret, visible::is_unsafe},
};

/// A text from an answer, not yet checked.
#[derive(Debug)]
pub(crate) struct HandedOut(Secret);

impl<'de> Deserialize<'de> for HandedOut {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(HandedOut)
    }
}

/// An alphabet, and what a text of it is called.
#[derive(Clone, Copy)]
struct Alphabet {
    name: &'static str,
    takes: fn(u8) -> bool,
}

/// Any caller's token must be this already: one word that fits into a header.
const BEARER: Alphabet = Alphabet { name: "access token", takes: |b| b.is_ascii_graphic() };
const REFRESH: Alphabet = Alphabet { name: "refresh token", ..BEARER };
/// Parts in base64url with dots between them (RFC 7515, section 3.1).
const JWT: Alphabet =
    Alphabet { name: "JWT", takes: |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') };
/// RFC 4648, section 4.
const BASE64: Alphabet =
    Alphabet { name: "signature", takes: |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=') };
const KEY_ID: Alphabet = Alphabet { name: "key ID", ..JWT };
const WORD: Alphabet = Alphabet { name: "name", takes: |b| b.is_ascii_graphic() };
const LABEL: Alphabet =
    Alphabet { name: "region", takes: |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' };
/// Base64 with optional line breaks, as in SAML responses.
const SUBJECT: Alphabet =
    Alphabet { name: "subject token", takes: |b| b.is_ascii_graphic() || b.is_ascii_whitespace() };

impl Alphabet {
    fn check(self, text: &str, from: &str) -> Result<(), ApiError> {
        let wrong = |why: String| unusable(self, from, &why);
        if text.trim_ascii().is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        match text.bytes().position(|b| !(self.takes)(b)) {
            Some(at) => Err(wrong(format!("byte {} isn't allowed, so it was discarded", at + 1))),
            None => Ok(()),
        }
    }
}

fn unusable(alphabet: Alphabet, from: &str, why: &str) -> ApiError {
    ApiError::new(ErrorKind::Server, format!("{from} returned no usable {}: {why}.", alphabet.name))
        .with_next("Check the endpoint and proxy settings: the response might not be Google's.")
}

/// Three parts in base64url, of which the first is a JSON object: the compact form of RFC 7515, section 3.1.
fn is_signed_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    // Four characters make three bytes; a single one makes none. Claims and signature are not decoded, because that
    // would copy them.
    let whole = |part: &&str| !part.is_empty() && part.len() % 4 != 1;
    let header = parts.first().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    parts.len() == 3
        && parts.iter().all(whole)
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&header).is_ok()
}

impl From<Secret> for HandedOut {
    fn from(secret: Secret) -> HandedOut {
        HandedOut(secret)
    }
}

impl HandedOut {
    /// From an answer that consists of it alone.
    pub(crate) fn text(text: &str) -> HandedOut {
        HandedOut(Secret::new(text))
    }

    fn made_of(self, alphabet: Alphabet, from: &str) -> Result<Secret, ApiError> {
        alphabet.check(self.0.expose(), from)?;
        Ok(self.0)
    }

    /// An access token.
    ///
    /// # Errors
    /// [`ErrorKind::Server`], naming where it is `from` and never its content; the same for all of these.
    pub(crate) fn bearer(self, from: &str) -> Result<Secret, ApiError> {
        self.made_of(BEARER, from)
    }

    pub(crate) fn refresh(self, from: &str) -> Result<Secret, ApiError> {
        self.made_of(REFRESH, from)
    }

    /// An ID token, or another signed JWT.
    pub(crate) fn jwt(self, from: &str) -> Result<Secret, ApiError> {
        let jwt = self.made_of(JWT, from)?;
        if !is_signed_jwt(jwt.expose()) {
            return Err(unusable(JWT, from, "it isn't a header, claims and a signature separated by dots"));
        }
        Ok(jwt)
    }

    /// A signature in base64, unchanged.
    pub(crate) fn base64(self, from: &str) -> Result<Secret, ApiError> {
        self.made_of(BASE64, from)
    }

    /// A token from outside Google, for the Security Token Service.
    pub(crate) fn subject(self, from: &str) -> Result<Secret, ApiError> {
        self.made_of(SUBJECT, from)
    }

    /// A secret word other than a token: an AWS key.
    pub(crate) fn word(self, from: &str) -> Result<Secret, ApiError> {
        self.made_of(WORD, from)
    }
}

/// The ID of a key; some answers have none.
///
/// # Errors
/// As for [`HandedOut::bearer`].
pub(crate) fn key_id(id: String, from: &str) -> Result<String, ApiError> {
    if !id.is_empty() {
        KEY_ID.check(&id, from)?;
    }
    Ok(id)
}

/// One word that names something: an account, a scope, a region.
///
/// # Errors
/// As for [`HandedOut::bearer`].
pub(crate) fn name(name: String, from: &str) -> Result<String, ApiError> {
    WORD.check(&name, from)?;
    Ok(name)
}

/// A part of a host name: a region.
///
/// # Errors
/// As for [`HandedOut::bearer`].
pub(crate) fn label(name: &str, from: &str) -> Result<String, ApiError> {
    LABEL.check(name, from)?;
    Ok(name.to_owned())
}

/// The same for a list of names.
///
/// # Errors
/// As for [`HandedOut::bearer`].
pub(crate) fn names<'a>(
    names: impl IntoIterator<Item = &'a str>,
    from: &str,
) -> Result<Vec<String>, ApiError> {
    names.into_iter().map(|one| name(one.to_owned(), from)).collect()
}

/// Who a token says it belongs to; `None` if that couldn't be shown or put into a policy.
pub(crate) fn principal(name: Option<String>) -> Option<String> {
    name.filter(|name| !name.trim().is_empty() && !name.contains(is_unsafe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a hostile server could put into a text, each surrounded by good characters.
    const HOSTILE: [&str; 12] = [
        "ya29.a\x1b]52;c;ZXZpbA==\x07",
        "ya29.a\u{9b}31m",
        "ya29.a\r\nX-Evil: 1",
        "ya29.a b",
        "ya29.a\n",
        "ya29.a\0",
        "ya29.a\u{202e}b",
        "ya29.\u{e0041}",
        "ya29.\u{ff41}",
        "",
        " ",
        "\u{feff}ya29.a",
    ];

    #[test]
    fn a_credential_is_made_of_its_alphabet_or_refused() {
        type Out = fn(HandedOut, &str) -> Result<Secret, ApiError>;
        let ways: [(Out, &str, &str); 5] = [
            (HandedOut::bearer, "ya29.c.b0Aaek-_~+/==", ""),
            (HandedOut::refresh, "1//0e-x_Y", ""),
            (HandedOut::jwt, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln-_", "e30=.e30.x"),
            (HandedOut::base64, "AAEC+/8=", "AA-_"),
            (HandedOut::word, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""),
        ];
        for (out, good, other) in ways {
            assert_eq!(out(HandedOut::text(good), "x").unwrap().expose(), good);
            for bad in HOSTILE.into_iter().chain([other]) {
                let error = out(HandedOut::text(bad), "IAM Credentials").unwrap_err();
                assert_eq!((error.kind, error.kind.exit_code()), (ErrorKind::Server, 7), "{bad:?}");
                let said = error.sentence();
                assert!(
                    said.starts_with("IAM Credentials returned no usable ") && !said.contains("ya29"),
                    "{said}"
                );
            }
        }
        assert!(HandedOut::text("PHg+\r\nPHg+").subject("x").is_ok());
        assert!(HandedOut::text("PHg+\x1b").subject("x").is_err());
    }

    #[test]
    fn a_jwt_has_three_parts_and_a_header_or_is_refused() {
        // {"alg":"RS256"}, {}, and "sig".
        let good = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
        assert!(HandedOut::text(good).jwt("x").is_ok());
        for bad in [
            "ya29word",
            "eyJhbGciOiJSUzI1NiJ9.e30",
            "eyJhbGciOiJSUzI1NiJ9.e30.",
            "eyJhbGciOiJSUzI1NiJ9..c2ln",
            ".e30.c2ln",
            "eyJhbGciOiJSUzI1NiJ9.e30.c2ln.c2ln",
            // A list, a text, and half a header.
            "W10.e30.c2ln",
            "IngiCg.e30.c2ln",
            "eyJhbGci.e30.c2ln",
            // Not a whole number of bytes.
            "eyJhbGciOiJSUzI1NiJ9.e30.c",
        ] {
            let error = HandedOut::text(bad).jwt("IAM Credentials").unwrap_err();
            assert_eq!(error.kind.exit_code(), 7, "{bad}");
            assert!(!error.sentence().contains(bad), "{error}");
        }
    }

    #[test]
    fn what_is_told_with_a_credential_is_looked_at_too() {
        assert_eq!(key_id(String::new(), "x").as_deref(), Ok(""));
        for bad in HOSTILE.into_iter().filter(|text| !text.is_empty()) {
            assert!(key_id(bad.to_owned(), "x").is_err() && name(bad.to_owned(), "x").is_err(), "{bad:?}");
            assert!(principal(Some(bad.to_owned())).is_none_or(|name| name.starts_with("ya29.")), "{bad:?}");
        }
        assert_eq!(names("openid https://a/b".split(' '), "x").unwrap(), ["openid", "https://a/b"]);
        assert!(names(["openid", "a\x1b"], "x").is_err());
    }

    proptest! {
        #[test]
        fn nothing_else_gets_through(text in any::<String>()) {
            if let Ok(token) = HandedOut::text(&text).bearer("x") {
                prop_assert!(!token.is_empty() && token.expose().bytes().all(|b| b.is_ascii_graphic()));
            }
            if let Some(name) = principal(Some(text)) {
                prop_assert!(!name.contains(is_unsafe));
            }
        }
    }
}
