//! Carries requests to Google or to the emulator, without knowing which. A [`request_spec::RequestSpec`] says what to
//! send; `transport::Http` sends it, retries only what is safe to send twice, limits how much it reads, and keeps a
//! [`Record`]; the result is an answer or an [`ApiError`]. Nothing here knows who calls or what for.

pub(crate) mod answer;
mod audit_entry;
mod called_answer;
pub(crate) mod clock;
pub mod endpoints;
pub(crate) mod error;
pub mod error_text;
mod error_words;
pub(crate) mod handed_out;
mod loose_json;
mod no_proxy;
pub(crate) mod rate_limiter;
pub mod record;
pub mod redact;
pub(crate) mod request_spec;
pub(crate) mod transport;
mod unwrap;
mod web_page;

pub use error::{ApiError, ErrorKind, without_numbers};
pub use record::Record;

/// The effect of a call, which decides whether it can be retried, cancelled, or sent at all with `--read-only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// Changes nothing: can be retried and cancelled.
    Read,
    /// Makes a credential and changes nothing else: can be retried and cancelled.
    Mint,
    /// Changes something at Google: never sent again without knowing what became of the first, never cancelled.
    Write,
}
