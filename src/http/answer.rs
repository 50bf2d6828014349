//! Reads answers: the body of a success, decoded with a plain message for everything that can be wrong with it, and the
//! headers that matter. It sends nothing and quotes nothing, because a body can be a token.

use std::{collections::HashMap, time::Duration};

use reqwest::header;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use zeroize::Zeroizing;

use crate::http::{ApiError, ErrorKind, clock::now};

#[derive(Debug)]
pub(crate) struct Answer {
    /// Wiped on drop, because it can be a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// How long it can be cached, from `Cache-Control: max-age`.
    pub(crate) max_age: Option<Duration>,
}

/// Decodes a JSON answer, which at Google is always an object. An object with an error in place of the requested
/// content counts as a failure, whatever its status: proxies and wrappers answer everything with 200.
///
/// # Errors
/// [`ErrorKind::Server`], naming the place and never the content, which can be a token.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8], service: &str) -> Result<T, ApiError> {
    #[derive(Deserialize)]
    struct Failed {
        error: Option<IgnoredAny>,
    }
    let failed = || serde_json::from_slice::<Failed>(body).is_ok_and(|answer| answer.error.is_some());
    if is_object(body) && failed() {
        return Err(unusable(service, "reports success but contains an error"));
    }
    decode_with_error(body, service)
}

/// The same for an answer that has an error field of its own, such as a long-running operation.
///
/// # Errors
/// As for [`decode`].
pub(crate) fn decode_with_error<T: DeserializeOwned>(body: &[u8], service: &str) -> Result<T, ApiError> {
    if body.trim_ascii_start().is_empty() {
        return Err(unusable(service, "is empty"));
    }
    if !is_object(body) {
        return Err(unusable(service, "isn't a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_eof() { "is cut off" } else { "has an unexpected form" };
        unusable(service, &format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}

/// The same for a list, whose field is missing when the list is empty. An object can be empty, but one with fields has
/// one that is `known`; anything else is another kind of answer, such as a failure in a form of its own.
///
/// # Errors
/// As for [`decode`].
pub(crate) fn decode_list<T: DeserializeOwned>(
    body: &[u8],
    service: &str,
    known: &[&str],
) -> Result<T, ApiError> {
    let list = decode(body, service)?;
    let fields: HashMap<String, IgnoredAny> = serde_json::from_slice(body).unwrap_or_default();
    let is_known = |field: &String| known.contains(&field.as_str());
    if !fields.is_empty() && !fields.keys().any(is_known) {
        let what = known.first().copied().unwrap_or("list");
        return Err(lacks(service, &format!("field “{what}”")));
    }
    Ok(list)
}

/// An answer without a field that every such answer has; for a write this counts as a lost answer.
pub(crate) fn lacks(service: &str, what: &str) -> ApiError {
    unusable(service, &format!("contains no {what}"))
}

/// serde would accept a list for a struct, field by field.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
}

fn unusable(service: &str, what: &str) -> ApiError {
    ApiError::new(ErrorKind::Server, format!("The response from {service} {what}."))
        .with_next("Try again; if the error stays, check the endpoint settings.")
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::from_secs(u64::try_from(date.as_second() - now().as_second()).unwrap_or(0)))
}

/// How far this machine's clock is behind the sender's, in milliseconds, from `Date`; negative if it is ahead. A date
/// has whole seconds, so the result is accurate to half a second; the answer travelled for half of `took`.
pub(super) fn skew(headers: &header::HeaderMap, received: jiff::Timestamp, took: Duration) -> Option<i64> {
    // A cached answer is as old as it says; a slow one tells little.
    if headers.contains_key(header::AGE) || took > Duration::from_secs(4) {
        return None;
    }
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let halfway = i64::try_from(took.as_millis() / 2).ok()?;
    Some(date.as_millisecond() + 500 - (received.as_millisecond() - halfway))
}

pub(super) fn max_age(headers: &header::HeaderMap) -> Option<Duration> {
    let text = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let seconds = text.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_compared_with_the_senders() {
        let mut headers = header::HeaderMap::new();
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        assert_eq!(skew(&headers, at("1994-11-06T08:49:37Z"), Duration::ZERO), None);
        headers.insert(header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        assert_eq!(skew(&headers, at("1994-11-06T08:49:37.5Z"), Duration::ZERO), Some(0));
        assert_eq!(skew(&headers, at("1994-11-06T08:49:38.5Z"), Duration::from_secs(2)), Some(0));
        assert_eq!(skew(&headers, at("1994-11-06T08:48:37.5Z"), Duration::ZERO), Some(60_000));
    }

    #[test]
    fn a_success_that_holds_an_error_is_none() {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct List {
            items: Vec<String>,
        }
        for body in [
            r#"{"error":{"code":403,"message":"no"}}"#,
            r#"{"error":"invalid_grant","items":["a"]}"#,
            r#" {"\u0065rror":1}"#,
            r#"{"items":["a"],"error":{}}"#,
        ] {
            let error = decode::<List>(body.as_bytes(), "IAM").unwrap_err();
            assert_eq!((error.kind, error.leaves_doubt()), (ErrorKind::Server, true), "{body}");
        }
        for body in [
            r#"{"items":["error"]}"#,
            r#"{"error":null,"items":["a"]}"#,
            r#"{"items":["a"],"x":{"error":1}}"#,
        ] {
            assert_eq!(decode::<List>(body.as_bytes(), "IAM").unwrap().items.len(), 1, "{body}");
        }
        assert!(decode_with_error::<List>(br#"{"error":{}}"#, "Service Usage").is_ok());
    }

    #[test]
    fn a_list_has_a_known_field_or_none_at_all() {
        let read = |body: &str| decode_list::<serde_json::Value>(body.as_bytes(), "IAM", &["items", "next"]);
        for body in ["{}", " {} ", r#"{"items":[]}"#, r#"{"next":"x","new":1}"#] {
            assert!(read(body).is_ok(), "{body}");
        }
        for body in [r#"{"errors":[{"reason":"x"}]}"#, r#"{"message":"no","code":403}"#, r#"{"Items":[]}"#] {
            let error = read(body).unwrap_err();
            assert!(error.leaves_doubt(), "{body}");
            assert!(error.sentence().contains("contains no field “items”"), "{error}");
        }
    }

    #[test]
    fn retry_after_may_be_a_date() {
        let mut headers = header::HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::ZERO));
        headers.insert(header::RETRY_AFTER, "soon".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }
}
