//! The headers on every answer of Google's, and whether an answer is compressed.

use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use tower_http::compression::Predicate;

use super::hosts::Host;
use crate::routes::FromGoogle;

/// As they were seen on answers of Google's APIs. Only Google's real hosts announce another protocol.
pub(crate) fn dress(response: &mut Response, version: Version, host: Host) {
    if response.extensions().get::<FromGoogle>().is_none() {
        return;
    }
    let headers = response.headers_mut();
    for (name, value) in [("server", "ESF"), ("x-xss-protection", "0"), ("x-frame-options", "SAMEORIGIN")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for what in ["Origin", "X-Origin", "Referer"] {
        headers.append(header::VARY, HeaderValue::from_static(what));
    }
    if host != Host::Loopback && version == Version::HTTP_11 {
        headers.insert(header::ALT_SVC, HeaderValue::from_static("h3=\":443\"; ma=2592000"));
    }
}

/// Whether an answer is compressed for those who ask for it. gRPC compresses within its messages.
#[derive(Clone, Copy)]
pub(crate) struct MayBeCompressed;

impl Predicate for MayBeCompressed {
    fn should_compress<B: http_body::Body>(&self, response: &axum::http::Response<B>) -> bool {
        let headers = response.headers();
        response.extensions().get::<FromGoogle>().is_some_and(|mark| !mark.fault_applied)
            && !headers.contains_key("grpc-status")
            && response.body().size_hint().exact() != Some(0)
    }
}
