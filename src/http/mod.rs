//! What carries requests to Google, or to the emulator: nothing here knows which. A [`request_spec::RequestSpec`] says what to send,
//! `transport::Http` sends it, repeats only what may be sent twice, reads at most so much, and keeps a [`Record`]; what
//! comes back is an answer or an [`ApiError`]. Nothing here knows who calls or what for.

pub(crate) mod answer;
mod called_answer;
#[cfg(test)]
pub(crate) mod clock;
pub mod endpoints;
pub mod error;
pub mod error_text;
pub(crate) mod handed_out;
pub mod rate_limiter;
pub mod record;
mod redact;
pub mod request_spec;
pub mod transport;
mod web_page;

pub use error::{ApiError, ErrorKind, without_numbers};
pub use record::Record;

/// What a call may do, which decides whether it may be repeated, cancelled, or allowed at all with `--read-only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Changes nothing: may be repeated and cancelled.
    Read,
    /// Makes a credential and changes nothing else: may be repeated and cancelled.
    Mint,
    /// Changes something at Google: never sent again without knowing the first one's fate, never cancelled.
    Write,
}
