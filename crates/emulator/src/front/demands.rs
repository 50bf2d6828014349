//! What Google's front end requires of a request before an API sees it, and the page with which it refuses.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::response::Response;

use crate::behaviour::Tolerance;
use crate::reply;
use crate::routes::CONTROL;
use crate::routes::payload::BodyError;

/// The longest path with its query, in bytes. Google publishes none; libraries that know of a limit turn to a POST from
/// 2,048 bytes on, and a payload of 16 KiB in the head is what operators were told.
const LONGEST_TARGET: usize = 16 * 1024;
/// The most that all headers may have, in bytes; the limit that Google documents for its load balancers.
const LARGEST_HEAD: usize = 64 * 1024;

const VERBS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Whether a path is one of Google's APIs, and not of the metadata server, an identity provider or the control endpoint.
pub(crate) fn is_googles(path: &str) -> bool {
    !["/computeMetadata", "/external/", CONTROL].iter().any(|other| path.starts_with(other))
}

/// The page that a request is refused with, if it is.
pub(crate) fn find_refusal(
    parts: &Parts,
    body: &Result<Bytes, BodyError>,
    unsized_http2: Tolerance,
) -> Option<Response> {
    let path = parts.uri.path();
    if body == &Err(BodyError::Broken) {
        return Some(reply::page(StatusCode::BAD_REQUEST, path));
    }
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        return Some(reply::page(StatusCode::URI_TOO_LONG, path));
    }
    let head: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head > LARGEST_HEAD {
        return Some(reply::page(StatusCode::PAYLOAD_TOO_LARGE, path));
    }
    if !VERBS.contains(&parts.method.as_str()) {
        return Some(reply::refused_verb(parts.method.as_str(), path));
    }
    let is_empty = body.as_ref().is_ok_and(Bytes::is_empty);
    let is_framed = parts.version > Version::HTTP_11;
    // Over HTTP/2 frames say how long a body is; whether nothing has to say so, too, is not known.
    if !has_length(parts) && (!is_framed || is_empty && unsized_http2 == Tolerance::Refused) {
        return Some(reply::length_required(parts.method.as_str()));
    }
    is_grpc(&parts.headers).then(grpc)
}

/// What may carry a body says how long it is, or that it comes in chunks.
fn has_length(parts: &Parts) -> bool {
    let carries = ["POST", "PUT", "PATCH"].contains(&parts.method.as_str());
    let says = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    !carries || says.iter().any(|name| parts.headers.contains_key(name))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// The answer to gRPC, which is not served: status 12, UNIMPLEMENTED, and a sentence, percent-encoded.
fn grpc() -> Response {
    const SENTENCE: &str =
        "The emulator serves REST, not gRPC: give the client library transport=%22rest%22.";
    let mut response = Response::default();
    let headers = response.headers_mut();
    for (name, value) in
        [("content-type", "application/grpc"), ("grpc-status", "12"), ("grpc-message", SENTENCE)]
    {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}
