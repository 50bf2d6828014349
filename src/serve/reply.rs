//! Answers as Google's metadata server and its APIs write them.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// What a client gets.
pub(super) struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: Zeroizing<String>,
    location: Option<String>,
}

impl Reply {
    fn new(status: StatusCode, content_type: &'static str, body: impl Into<String>) -> Reply {
        Reply { status, content_type, body: Zeroizing::new(body.into()), location: None }
    }

    /// A value of the metadata server.
    pub(super) fn text(body: impl Into<String>) -> Reply {
        Reply::new(StatusCode::OK, "application/text", body)
    }

    /// An ID token: of this type, word for word, because a library takes such an answer as the token itself.
    pub(super) fn id_token(body: impl Into<String>) -> Reply {
        Reply::new(StatusCode::OK, "text/html", body)
    }

    /// google-auth reads JSON only where the type is this, word for word.
    pub(super) fn json(value: &Value) -> Reply {
        Reply::new(StatusCode::OK, "application/json", value.to_string())
    }

    /// A refusal of the metadata server.
    pub(super) fn refusal(status: StatusCode, text: impl Into<String>) -> Reply {
        Reply::new(status, "text/plain; charset=UTF-8", text)
    }

    /// The page of a path that doesn't exist.
    pub(super) fn not_found(path: &str) -> Reply {
        let shown: String = path.chars().filter(|c| !matches!(c, '<' | '>' | '&' | '"')).collect();
        let page = format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> <ins>That’s an \
             error.</ins>\n  <p>The requested URL <code>{shown}</code> was not found on this server.  <ins>That’s all we \
             know.</ins>\n"
        );
        Reply::new(StatusCode::NOT_FOUND, "text/html; charset=UTF-8", page)
    }

    /// The same path with a slash at its end.
    pub(super) fn moved(location: String) -> Reply {
        let reply = Reply::new(StatusCode::MOVED_PERMANENTLY, "text/html; charset=UTF-8", "");
        Reply { location: Some(location), ..reply }
    }

    /// An error of one of Google's APIs.
    pub(super) fn api_error(status: StatusCode, code: &str, message: &str) -> Reply {
        let error = json!({"error": {"code": status.as_u16(), "message": message, "status": code}});
        Reply::new(status, "application/json; charset=UTF-8", error.to_string())
    }

    /// The answer with the headers that every answer of a metadata server has. No header allows a page of another
    /// origin to read it.
    pub(super) fn into_response(mut self) -> Response {
        let body = std::mem::take(&mut *self.body);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
        let etag: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("metadata-flavor"), "Google"),
            (header::SERVER, "Metadata Server for VM"),
            (header::X_XSS_PROTECTION, "0"),
            (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in [(header::ETAG, Some(etag)), (header::LOCATION, self.location)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
