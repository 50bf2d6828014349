//! Pages of lists: their sizes, and the tokens of the next pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::check::{self, Query};
use crate::error::Failure;

/// Part of a list, and the token of the next.
pub(crate) fn page<T: Clone>(
    all: &[T],
    query: &Query,
    default: i64,
    most: i64,
) -> Result<(Vec<T>, String), Failure> {
    paged(all, query.int("pageSize")?.unwrap_or(0), query.text("pageToken").unwrap_or(""), default, most)
}

/// The same for a size and a token that came in a body. Zero is the default; more than the most is the most.
pub(crate) fn paged<T: Clone>(
    all: &[T],
    size: i64,
    token: &str,
    default: i64,
    most: i64,
) -> Result<(Vec<T>, String), Failure> {
    if size < 0 {
        return Err(Failure::invalid_argument());
    }
    let size = usize::try_from(if size == 0 { default } else { size.min(most) }).expect("sizes are small");
    let start = match token {
        "" => 0,
        token => check::decode(token)
            .and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("emulator:")?.parse().ok())
            .filter(|start| *start <= all.len())
            .ok_or_else(Failure::invalid_argument)?,
    };
    let end = all.len().min(start + size);
    let next =
        if end < all.len() { URL_SAFE_NO_PAD.encode(format!("emulator:{end}")) } else { String::new() };
    Ok((all[start..end].to_vec(), next))
}
