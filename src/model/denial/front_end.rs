//! Answers of Google's front end, before any API has seen a request: it knows addresses, methods, lengths and sizes,
//! and nothing about IAM.

use super::{Cause, Refusal};

/// The cause of an answer of the front end.
pub(super) fn cause(refusal: &Refusal) -> Cause {
    match refusal.status {
        404 => Cause::NotFoundOrHidden,
        429 => Cause::RateLimited,
        408 | 500.. => Cause::ServerTrouble,
        401 | 403 => Cause::Unknown,
        _ => Cause::InvalidRequest,
    }
}

/// Whether we have a sentence for exactly this status.
fn is_known(status: u16) -> bool {
    matches!(status, 401 | 403 | 404 | 405 | 408 | 411 | 413 | 414 | 429 | 431 | 500..)
}

/// The sentence and the next step.
pub(super) fn explain(refusal: &Refusal) -> (String, String) {
    let (what, next) = match refusal.status {
        404 => (
            "doesn't know this address",
            "Check the endpoint settings: the host, and the API's path and version.",
        ),
        405 => ("doesn't accept this method at this address", "Check the method and the address."),
        411 => (
            "refused a request without a length",
            "Send Content-Length, even where there is no body (curl: -d ''); a proxy may have removed it.",
        ),
        413 => ("refused the request: it is too large", "Send less at a time."),
        414 => (
            "refused the request: its address is too long",
            "Shorten the query, or send it in the body of a POST with x-http-method-override: GET.",
        ),
        431 => ("refused the request: its headers are too large", "Send fewer or shorter headers."),
        401 | 403 => (
            "refused the request before any API saw it, so IAM did not deny it",
            "Check the address, and whether Google can be reached from this network and country.",
        ),
        429 => (
            "refused the request: too many requests come from this network",
            "Wait a minute, then try again.",
        ),
        502 => (
            "got no answer from the API behind it",
            "Try again in half a minute; status.cloud.google.com lists outages.",
        ),
        408 | 500.. => {
            ("has a problem", "Try again in half a minute; status.cloud.google.com lists outages.")
        }
        _ => (
            "refused a malformed request",
            "Check the address, the headers, and whether a proxy changed them.",
        ),
    };
    let who = match &refusal.asked.instead {
        Some(host) => format!("{host}, in the words of Google's front end,"),
        None => "Google's front end".to_owned(),
    };
    let next = match &refusal.asked.instead {
        // Independent of what Google's hosts do.
        Some(host) if matches!(refusal.status, 408 | 500..) => {
            format!("Try again in a moment; {host} stands in for Google here.")
        }
        _ => next.to_owned(),
    };
    // Google's own words say no more than ours, and repeat the address as it was sent.
    let words = match refusal.message.trim_end_matches('.') {
        "" => String::new(),
        _ if is_known(refusal.status) => String::new(),
        words => format!(": {words}"),
    };
    (format!("{who} {what} ({}{words}).", refusal.status), next)
}
