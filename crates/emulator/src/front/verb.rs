//! The method of HTTP that a request really means: HEAD is GET without the body, and a POST can override its
//! method, as Google's API clients do when the URL would grow too long.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;

use crate::reply;
use crate::routes::payload::BodyError;

const OVERRIDE: &str = "x-http-method-override";
/// What a POST can really be.
const MEANT: [Method; 4] = [Method::GET, Method::PUT, Method::PATCH, Method::DELETE];

/// The parameters of a request that came as a form, and not in its address: that may be too short for them.
#[derive(Debug, Clone)]
pub(crate) struct Parameters(pub(crate) String);

/// HEAD is answered as GET is; the server leaves the body out by itself.
pub(crate) fn head_as_get(parts: &mut Parts) {
    if parts.method == Method::HEAD {
        parts.method = Method::GET;
    }
}

/// Makes a POST the method that it names, if it names one; what a form carries are its parameters then.
///
/// # Errors
/// The page for a method that a POST cannot be.
#[expect(clippy::result_large_err, reason = "the page is the answer, and is sent at once")]
pub(crate) fn stand_for(parts: &mut Parts, body: &mut Result<Bytes, BodyError>) -> Result<(), Response> {
    if parts.method != Method::POST {
        return Ok(());
    }
    let Some(named) = parts.headers.remove(OVERRIDE) else { return Ok(()) };
    let named = String::from_utf8_lossy(named.as_bytes()).trim().to_ascii_uppercase();
    if named == "POST" {
        return Ok(());
    }
    let Some(meant) = MEANT.iter().find(|method| method.as_str() == named) else {
        return Err(reply::refused_verb(&named, parts.uri.path()));
    };
    parts.method = meant.clone();
    let is_form = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
    });
    if is_form && let Ok(form) = body {
        let form = String::from_utf8_lossy(form);
        let parts_of_it = [parts.uri.query().unwrap_or_default(), form.trim()];
        let given: Vec<&str> = parts_of_it.into_iter().filter(|part| !part.is_empty()).collect();
        parts.extensions.insert(Parameters(given.join("&")));
        parts.headers.remove(header::CONTENT_TYPE);
        *body = Ok(Bytes::new());
    }
    Ok(())
}
