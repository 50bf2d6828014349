//! The one type for anything that would let somebody act as somebody else. It is wiped when dropped, prints
//! as `…` whichever way it is printed, and is opened in few places only: `tests/it/architecture.rs` lists them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A token, key, signature or signed URL. Cloning copies the bytes; each copy is wiped on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes over the text; the caller should not keep another copy.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(SecretString::from(text.into()))
    }

    /// The text itself. Every call site is listed in the architecture test: add yours there with its reason.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// How many bytes the text has; safe to show.
    pub fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text with all but a recognizable, useless prefix replaced: `ya29.c.••••••••`, `eyJ••••••••`.
    pub fn masked(&self) -> String {
        let text = self.0.expose_secret();
        let prefix =
            ["ya29.c.", "ya29.d.", "ya29.", "eyJ", "1//", "AIza"].iter().find(|p| text.starts_with(**p));
        format!("{}••••••••", prefix.copied().unwrap_or_default())
    }
}

/// In constant time: how long it takes tells nothing about where two secrets differ.
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
    }

    #[test]
    fn a_mask_keeps_only_what_names_the_kind_of_token() {
        assert_eq!(Secret::new("ya29.c.abcdef").masked(), "ya29.c.••••••••");
        assert_eq!(Secret::new("eyJhbGciOi").masked(), "eyJ••••••••");
        assert_eq!(Secret::new("something else").masked(), "••••••••");
    }
}
