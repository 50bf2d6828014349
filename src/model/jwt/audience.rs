//! Audiences: which service an ID token is for. It has the rule for requested ones, and explains how an actual audience
//! differs from the expected one: services compare exactly, and the difference is often one character.

use super::quoted;

/// Longer than any service's address.
const MAX_BYTES: usize = 2_048;

/// Checks a typed audience; returns it trimmed. There is no default: with a wrong one the service would reject the
/// token later, with a less clear message.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn check(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("enter an audience: usually the service's URL without a path, such as \
                    https://service.a.run.app, or an OAuth client ID"
            .to_owned());
    }
    if text.len() > MAX_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "Invalid audience {}: use at most {MAX_BYTES} bytes, without spaces or control characters",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

/// The audience in typed claims, the first of several; `None` if there is none.
pub(crate) fn of_claims(claims: &str) -> Option<String> {
    let claims: serde_json::Value = serde_json::from_str(claims).ok()?;
    let audience = claims.get("aud")?;
    audience.as_str().or_else(|| audience.get(0)?.as_str()).map(str::to_owned)
}

/// The audience that a service at this URL expects by default: the URL without path and query.
pub(crate) fn of_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let port = if scheme == "https" { ":443" } else { ":80" };
    Some(format!("{scheme}://{}", host.strip_suffix(port).unwrap_or(&host)))
}

/// How `found` differs from `wanted`, as the end of a sentence that starts with `aud`; `None` if they are equal.
pub(crate) fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let client_id = |text: &str| text.ends_with(".apps.googleusercontent.com");
    let bare = |text: &str| text.split_once("://").map_or(text, |(_, rest)| rest).to_owned();
    let slashless = |text: &str| text.trim_end_matches('/').to_owned();
    Some(if slashless(found) == slashless(wanted) {
        match found.len() > wanted.len() {
            true => format!("ends with “/”, {} does not; it must match exactly", quoted(wanted)),
            false => format!("doesn't end with “/”, {} does; it must match exactly", quoted(wanted)),
        }
    } else if found.eq_ignore_ascii_case(wanted) {
        format!("differs from {} only in upper and lower case; it must match exactly", quoted(wanted))
    } else if bare(found) == bare(wanted) {
        match (found.split_once("://"), wanted.split_once("://")) {
            (Some((is, _)), Some((should, _))) => {
                format!("starts with {is}://, expected {should}://")
            }
            (None, _) => format!("has no scheme, expected {}", quoted(wanted)),
            (_, None) => format!("has a scheme, expected {}", quoted(wanted)),
        }
    } else if client_id(found) != client_id(wanted) {
        let what = match client_id(found) {
            true => "is an OAuth client ID, expected",
            false => "isn't an OAuth client ID, expected",
        };
        format!("{what} {}", quoted(wanted))
    } else if of_url(found).is_some() && of_url(found) == of_url(wanted) {
        format!("has a different path from {}; it must match exactly", quoted(wanted))
    } else {
        format!("is {}, expected {}", quoted(found), quoted(wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_required_and_bounded() {
        assert_eq!(check(" https://a.run.app ").as_deref(), Ok("https://a.run.app"));
        assert_eq!(
            check("32555940559.apps.googleusercontent.com").as_deref(),
            Ok("32555940559.apps.googleusercontent.com")
        );
        assert!(check("").unwrap_err().contains("enter an audience"));
        for wrong in ["a b", "a\u{1b}b", "a\nb", &"x".repeat(3_000)] {
            assert!(check(wrong).unwrap_err().contains("audience"), "{wrong:.9}");
        }
    }

    #[test]
    fn each_way_to_miss_an_audience_has_its_own_words() {
        let wanted = "https://svc-a.run.app";
        assert_eq!(difference(wanted, wanted), None);
        for (found, word) in [
            ("https://svc-a.run.app/", "ends with “/”"),
            ("http://svc-a.run.app", "starts with http://, expected https://"),
            ("svc-a.run.app", "has no scheme"),
            ("https://Svc-a.run.app", "lower case"),
            ("https://svc-a.run.app/hello", "path"),
            ("1-x.apps.googleusercontent.com", "is an OAuth client ID, expected"),
            ("https://other.run.app", "expected “https://svc-a.run.app”"),
        ] {
            let sentence = difference(found, wanted).expect("they differ");
            assert!(sentence.contains(word), "{found}: {sentence}");
        }
        assert!(
            difference(wanted, "https://svc-a.run.app/")
                .expect("they differ")
                .contains("doesn't end with “/”")
        );
        assert!(
            difference(wanted, "1-x.apps.googleusercontent.com")
                .expect("they differ")
                .contains("isn't an OAuth client ID")
        );
    }

    #[test]
    fn the_audience_of_a_url_is_its_origin() {
        assert_eq!(of_url("HTTPS://Svc.run.app/path?q=1").as_deref(), Some("https://svc.run.app"));
        assert_eq!(of_url("https://svc.run.app:443/x").as_deref(), Some("https://svc.run.app"));
        assert_eq!(of_url("https://svc.run.app:8443/x").as_deref(), Some("https://svc.run.app:8443"));
        assert_eq!(of_url("svc.run.app"), None);
        assert_eq!(of_url("https:///x"), None);
    }
}
