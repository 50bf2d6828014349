//! Patterns of paths, as `/v1/projects/{project}/serviceAccounts/{account}:disable`, and matching them. A
//! part in braces takes one segment; the verb after the colon belongs to the last.

use std::collections::HashMap;

use axum::http::Uri;
use percent_encoding::percent_decode_str;

/// The segments of a path, decoded each by itself, so that an escaped slash separates nothing. A request for a tunnel
/// names a host and has no path.
pub(crate) fn segments(uri: &Uri) -> Option<Vec<String>> {
    let path = uri.path().strip_prefix('/')?;
    Some(path.split('/').map(|s| percent_decode_str(s).decode_utf8_lossy().into_owned()).collect())
}

/// The values of the parts in braces, if the path matches the pattern.
pub(crate) fn parameters(
    pattern: &'static str,
    segments: &[String],
) -> Option<HashMap<&'static str, String>> {
    let mut parameters = HashMap::new();
    let mut parts = pattern[1..].split('/');
    for segment in segments {
        let part = parts.next()?;
        let Some((name, verb)) = part.strip_prefix('{').and_then(|part| part.split_once('}')) else {
            if part != segment {
                return None;
            }
            continue;
        };
        let value = segment.strip_suffix(verb).filter(|value| !value.is_empty())?;
        parameters.insert(name, value.to_owned());
    }
    parts.next().is_none().then_some(parameters)
}

/// Whether a path that is like a pattern ends in a custom verb that the pattern has not. Of all names only the ids of
/// some projects have a colon, after a domain: `example.com:name`.
pub(crate) fn lacks_a_verb(pattern: &str, segments: &[String]) -> bool {
    let Some(last) = segments.last().filter(|_| pattern.ends_with('}')) else { return false };
    let is_project = pattern.rsplit('/').nth(1) == Some("projects");
    let of_a_domain = last.split_once(':').is_some_and(|(domain, _)| domain.contains('.'));
    last.matches(':').count() > usize::from(is_project && of_a_domain)
}
