//! How answers are written: the JSON mapping of Google's APIs, the HTML page of an unrouted path, headers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::partial::ResponseFormat;

/// A proto3 message as Google's servers write it: fields with default values are left out, two spaces, a newline.
pub(crate) fn message(value: Value) -> Response {
    message_keeping(value, &[])
}

/// The same, but that the fields named here are told whatever they are: a `google.protobuf.Value` may be false or null.
pub(crate) fn message_keeping(value: Value, kept: &[&str]) -> Response {
    exact(StatusCode::OK, &without_defaults(value, kept))
}

/// A JSON body sent as it is.
pub(crate) fn exact(status: StatusCode, value: &Value) -> Response {
    let mut text = serde_json::to_string_pretty(value).expect("a JSON value can be written");
    text.push('\n');
    with_type(status, "application/json; charset=UTF-8", text)
}

/// The same answer in the form that was asked for. Of a refusal there are no parts.
pub(crate) async fn shaped(response: Response, form: &ResponseFormat) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let value = match &form.fields {
        Some(mask) if parts.status.is_success() => mask.apply(value),
        _ => value,
    };
    let text = if form.compact { value.to_string() } else { format!("{value:#}\n") };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(text))
}

/// A JSON document that may be cached, such as a set of keys.
pub(crate) fn cached(value: &Value, seconds: u32) -> Response {
    let mut response = exact(StatusCode::OK, value);
    let age = format!("public, max-age={seconds}, must-revalidate, no-transform");
    let age = HeaderValue::from_str(&age).expect("digits and ASCII words are a valid header");
    response.headers_mut().insert(header::CACHE_CONTROL, age);
    response
}

/// The page for a path that no API has: HTML, as Google's front end sends it.
pub(crate) fn not_found(path: &str) -> Response {
    page(StatusCode::NOT_FOUND, path)
}

/// The page of Google's front end for a status: its own title, and a sentence about the path. The
/// sentences are those seen on the web; where none is known there is the plain one of any server error.
pub(crate) fn page(status: StatusCode, path: &str) -> Response {
    let shown = inert(path);
    let sentence = match status.as_u16() {
        400 => "Your client has issued a malformed or illegal request.".to_owned(),
        403 => "Your client does not have permission to get URL <code>{}</code> from this server.".replace("{}", &shown),
        404 => format!("The requested URL <code>{shown}</code> was not found on this server."),
        413 => "Your client issued a request that was too large.".to_owned(),
        414 => {
            let start: String = shown.chars().take(80).collect();
            format!("The requested URL <code>{start}</code>... is too large to process.")
        }
        429 => "We're sorry, but your computer or network may be sending automated queries.".to_owned(),
        _ => "The server encountered a temporary error and could not complete your request.<p>Please try again in 30 \
              seconds."
            .to_owned(),
    };
    page_that_says(status, &sentence)
}

/// The page for a request that may carry a body and does not say how long it is.
pub(crate) fn length_required(verb: &str) -> Response {
    page_that_says(
        StatusCode::LENGTH_REQUIRED,
        &format!("{} requests require a <code>Content-length</code> header.", inert(verb)),
    )
}

/// The page for a method of HTTP that Google's front end does not know.
pub(crate) fn refused_verb(verb: &str, path: &str) -> Response {
    let (verb, path) = (inert(verb), inert(path));
    page_that_says(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("The request method <code>{verb}</code> is inappropriate for the URL <code>{path}</code>."),
    )
}

/// What was sent, as text within a page.
fn inert(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '<' | '>' | '&' | '"')).collect()
}

fn page_that_says(status: StatusCode, sentence: &str) -> Response {
    let code = status.as_u16();
    let reason = match code {
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        500 | 502 => "Server Error",
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    let mut response = html(
        status,
        &format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error {code} ({reason})!!1</title>\n  \
             <p><b>{code}.</b> <ins>That\u{2019}s an error.</ins>\n  <p>{sentence}  <ins>That\u{2019}s all we \
             know.</ins>\n"
        ),
    );
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(crate) fn html(status: StatusCode, text: &str) -> Response {
    with_type(status, "text/html; charset=UTF-8", text.to_owned())
}

/// A line of plain text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response {
    with_type(status, "text/plain; charset=UTF-8", text.to_owned())
}

/// A text as it is, under the type that it looks like.
pub(crate) fn text(status: StatusCode, text: &str) -> Response {
    let start = text.trim_start();
    let kind = if start.starts_with("<?xml") {
        "application/xml; charset=UTF-8"
    } else if start.starts_with('<') {
        "text/html; charset=UTF-8"
    } else if start.starts_with(['{', '[']) && serde_json::from_str::<Value>(start).is_ok() {
        "application/json; charset=UTF-8"
    } else {
        "text/plain; charset=UTF-8"
    };
    with_type(status, kind, text.to_owned())
}

/// A body under a type of its own.
pub(crate) fn with_type(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// The same answer without a body and what describes one: some statuses have none (RFC 9110, 15.3.5 and 15.4.5).
pub(crate) fn bodiless(response: Response) -> Response {
    let mut parts = response.into_parts().0;
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

/// A map: its entries are not fields, and stay even if they are empty.
const LABELS: &str = "labels";

/// Leaves out what proto3 JSON leaves out: empty text, zero, false, empty lists and objects, null.
fn without_defaults(value: Value, kept: &[&str]) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(
                |(name, value)| {
                    if name == LABELS { (name, value) } else { (name, without_defaults(value, kept)) }
                },
            )
            .filter(|(name, value)| !is_default(value) || kept.contains(&name.as_str()))
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| without_defaults(item, kept)).collect(),
        other => other,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn default_values_are_left_out_at_every_depth() {
        let value = json!({"a": "", "b": false, "c": [], "d": {"e": 0}, "f": [{"g": null, "h": 1}]});
        assert_eq!(without_defaults(value.clone(), &[]), json!({"f": [{"h": 1}]}));
        assert_eq!(without_defaults(value, &["b"]), json!({"b": false, "f": [{"h": 1}]}));
        let labelled = json!({"labels": {"team": ""}, "other": {"labels": {}}});
        assert_eq!(without_defaults(labelled, &[]), json!({"labels": {"team": ""}}));
    }
}
