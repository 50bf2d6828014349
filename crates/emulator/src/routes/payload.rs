//! Reads the body of a request, up to a limit.

use axum::body::{Body, Bytes};
use futures_util::StreamExt;

/// More than any request needs. What is larger is refused by the API that it is for, with the limit in its words, or as
/// Google's front end refuses where it is for none.
const LARGEST: usize = 10 * 1024 * 1024;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// It ended too early, or is not in the form in which bodies are sent.
    Broken,
}

pub(crate) async fn read_body(body: Body) -> Result<Bytes, BodyError> {
    let mut parts = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| BodyError::Broken)?;
        if whole.len() + part.len() > LARGEST {
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.into())
}
