//! Tokens as text: pasted text, decoded and judged. Decode first ([`decode`]), explain the claims ([`mod@meaning`]),
//! judge after ([`judge`], [`mod@findings`], [`expect`]). Nothing is rejected, nothing is trusted, nothing is sent
//! anywhere.

pub(crate) mod audience;
pub mod decode;
mod destination;
mod document;
mod exchange;
pub(crate) mod expect;
mod extract;
pub mod findings;
pub(crate) mod form;
pub mod judge;
mod keys;
pub mod meaning;
mod parts;
mod terms;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod time;

pub use decode::{Member, Members, Reading, Section, Times, read};
pub(crate) use destination::wanted_at;
pub use expect::{Around, Check, Expectation, Fix, checks};
pub use findings::{Finding, Severity, findings};
pub use form::Form;
pub use judge::{Signer, State, Verdict, signer, verify};
pub use meaning::{meaning, relative};

/// Text from a token inside a sentence: in quotes, with its end cut off if it is long.
fn quoted(text: &str) -> String {
    const MOST: usize = 120;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("“{shown}”")
}

/// Whether an issuer is Google's for ID tokens.
fn is_google(issuer: &str) -> bool {
    matches!(issuer, "https://accounts.google.com" | "accounts.google.com")
}

/// Whether this is the email of a service account.
fn is_account(text: &str) -> bool {
    text.contains('@') && text.ends_with(".gserviceaccount.com")
}

/// Whether this is a unique ID: 21 digits, of an account or a user.
fn is_unique_id(text: &str) -> bool {
    text.len() == 21 && text.bytes().all(|b| b.is_ascii_digit())
}
