//! The one type for anything that would let someone act as someone else. It is wiped when dropped, prints as `…` in
//! every format, and is opened in few places only: `tests/it/architecture.rs` lists them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A token, key, signature or signed URL. Cloning copies the bytes; each copy is wiped on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes over the text; the caller should not keep another copy.
    pub(crate) fn new(text: impl Into<String>) -> Secret {
        Secret(SecretString::from(text.into()))
    }

    /// The text itself. The architecture test lists every call site: add yours there with its reason.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// How many bytes the text has; safe to show.
    pub(crate) fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text with everything replaced but a recognizable, useless prefix: `ya29.c.••••••••`, `eyJ••••••••`.
    pub(crate) fn masked(&self) -> String {
        let text = self.0.expose_secret();
        let prefix =
            ["ya29.c.", "ya29.d.", "ya29.", "eyJ", "1//", "AIza"].iter().find(|p| text.starts_with(**p));
        format!("{}••••••••", prefix.copied().unwrap_or_default())
    }
}

/// Compared in constant time: the duration doesn't tell where two secrets differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.expose().as_bytes(), other.expose().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret::new(text)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("ya29.c.abcdef");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "… … Some(…)");
        assert_eq!(format!("{secret:#?} {secret:>9} {secret:.2?}"), "… … …");
    }

    #[test]
    fn secrets_are_equal_exactly_when_their_texts_are() {
        let texts = ["", "\0", "a", "b", "A", "aa", "ab", "ba", "bb", "a\0", "é", "e\u{301}"];
        let long = ["x".repeat(4_096), format!("{}y", "x".repeat(4_095)), format!("y{}", "x".repeat(4_095))];
        let texts: Vec<&str> = texts.into_iter().chain(long.iter().map(String::as_str)).collect();
        for (at, one) in texts.iter().enumerate() {
            for (other_at, other) in texts.iter().enumerate() {
                let equal = Secret::new(*one) == Secret::new(*other);
                assert_eq!(equal, at == other_at, "{one:.9} and {other:.9}");
            }
        }
    }

    #[test]
    fn text_comes_out_as_it_went_in_and_is_counted_in_bytes() {
        for (text, bytes) in [("", 0), (" ", 1), ("a", 1), ("é", 2), ("ya29.c.x", 8)] {
            let read = serde_json::from_value(serde_json::json!(text)).expect("text");
            for secret in [Secret::new(text), Secret::from(text.to_owned()), read] {
                assert_eq!((secret.expose(), secret.len(), secret.is_empty()), (text, bytes, bytes == 0));
            }
        }
        assert!(serde_json::from_value::<Secret>(serde_json::json!(7)).is_err());
    }

    #[test]
    fn a_mask_keeps_only_what_names_the_kind_of_token() {
        for (text, kept) in [
            ("ya29.c.hush", "ya29.c."),
            ("ya29.d.hush", "ya29.d."),
            ("ya29.e.hush", "ya29."),
            ("ya29.hush", "ya29."),
            ("eyJhush", "eyJ"),
            ("1//hush", "1//"),
            ("AIzahush", "AIza"),
            // Look-alikes, or the beginning somewhere else.
            ("ya29", ""),
            ("YA29.c.hush", ""),
            ("eyjhush", ""),
            ("1/hush", ""),
            ("4/hush", ""),
            ("aizahush", ""),
            (" ya29.c.hush", ""),
            ("hush eyJ", ""),
            ("GOCSPX-hush", ""),
            ("something else", ""),
            ("", ""),
        ] {
            assert_eq!(Secret::new(text).masked(), format!("{kept}••••••••"), "{text}");
        }
    }
}
