//! Which method of HTTP a request really means: HEAD is GET without the body, and a POST may say that it stands for another
//! one, as Google's API clients do where the address would grow too long.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri, header};

use super::super::routes::payload::Unread;

type Body = Result<Bytes, Unread>;

const OVERRIDE: &str = "x-http-method-override";

/// Makes a request what it means, and gives what it carries then.
pub fn settle(parts: &mut Parts, body: Body) -> Body {
    let body = overridden(parts, body);
    head_as_get(parts, body)
}

/// HEAD is answered as GET is; the server leaves the body out by itself.
fn head_as_get(parts: &mut Parts, body: Body) -> Body {
    if parts.method == Method::HEAD {
        parts.method = Method::GET;
    }
    body
}

/// A POST that names the method that it stands for. What a form carries are the parameters of the address then.
fn overridden(parts: &mut Parts, body: Body) -> Body {
    let named = parts.headers.get(OVERRIDE).and_then(|value| value.to_str().ok());
    let meant = named.and_then(|name| name.trim().to_ascii_uppercase().parse::<Method>().ok());
    let (Some(meant), true) = (meant, parts.method == Method::POST) else { return body };
    parts.method = meant;
    parts.headers.remove(OVERRIDE);
    let is_form = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
    });
    let Ok(form) = &body else { return body };
    if !is_form {
        return body;
    }
    let Some(uri) = std::str::from_utf8(form).ok().and_then(|form| with_query(&parts.uri, form)) else {
        return Err(Unread::Broken);
    };
    parts.uri = uri;
    parts.headers.remove(header::CONTENT_TYPE);
    Ok(Bytes::new())
}

fn with_query(uri: &Uri, form: &str) -> Option<Uri> {
    let form = form.trim();
    let query = match uri.query() {
        Some(query) if !query.is_empty() && !form.is_empty() => format!("{query}&{form}"),
        Some(query) if !query.is_empty() => query.to_owned(),
        _ => form.to_owned(),
    };
    let mut whole = uri.clone().into_parts();
    whole.path_and_query = Some(format!("{}?{query}", uri.path()).parse::<PathAndQuery>().ok()?);
    Uri::from_parts(whole).ok()
}
