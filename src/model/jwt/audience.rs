//! Audiences: who an ID token is meant for. The rule for one that is asked for, and in which way one that was
//! found differs from one that is wanted: services compare exactly, and the difference is often one character.

use super::quoted;

/// Longer than any address a service has.
const MAX_BYTES: usize = 2_048;

/// Checks an audience that somebody typed; gives it back trimmed. There is no default: a wrong one would be
/// refused by the service later, with less to read.
///
/// # Errors
/// One sentence with the rule.
pub fn check(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(
            "an audience is missing: give what the service expects, mostly its URL without a path, such as \
                    https://service.a.run.app, or an OAuth client id"
                .to_owned(),
        );
    }
    if text.len() > MAX_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "{} is no audience: it has neither spaces nor control characters and at most {MAX_BYTES} bytes",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

/// The audience of claims that somebody typed, the first of several; none where they name none.
pub fn of_claims(claims: &str) -> Option<String> {
    let claims: serde_json::Value = serde_json::from_str(claims).ok()?;
    let audience = claims.get("aud")?;
    audience.as_str().or_else(|| audience.get(0)?.as_str()).map(str::to_owned)
}

/// The audience that a service at this URL expects when it was told no other: the URL without path and query.
pub fn of_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let port = if scheme == "https" { ":443" } else { ":80" };
    Some(format!("{scheme}://{}", host.strip_suffix(port).unwrap_or(&host)))
}

/// In which way `found` is not `wanted`, as the end of a sentence that starts with `aud`; none when they are equal.
pub fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let client_id = |text: &str| text.ends_with(".apps.googleusercontent.com");
    let bare = |text: &str| text.split_once("://").map_or(text, |(_, rest)| rest).to_owned();
    let slashless = |text: &str| text.trim_end_matches('/').to_owned();
    Some(if slashless(found) == slashless(wanted) {
        match found.len() > wanted.len() {
            true => format!("has a trailing slash that {} has not; services compare exactly", quoted(wanted)),
            false => format!("lacks the trailing slash of {}; services compare exactly", quoted(wanted)),
        }
    } else if found.eq_ignore_ascii_case(wanted) {
        format!("differs from {} in upper and lower case only; services compare exactly", quoted(wanted))
    } else if bare(found) == bare(wanted) {
        match (found.split_once("://"), wanted.split_once("://")) {
            (Some((is, _)), Some((should, _))) => {
                format!("starts with {is}:// where {should}:// is expected")
            }
            (None, _) => format!("lacks the scheme: {} is expected", quoted(wanted)),
            (_, None) => format!("has a scheme, {} without one is expected", quoted(wanted)),
        }
    } else if client_id(found) != client_id(wanted) {
        let (is, should) =
            if client_id(found) { ("an OAuth client id", "a URL") } else { ("no OAuth client id", "one") };
        format!("is {is}, {should} is expected: {}", quoted(wanted))
    } else if of_url(found).is_some() && of_url(found) == of_url(wanted) {
        format!("has another path than {}; services compare exactly", quoted(wanted))
    } else {
        format!("is {}, {} is expected", quoted(found), quoted(wanted))
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
        assert!(check("").unwrap_err().contains("missing"));
        for wrong in ["a b", "a\u{1b}b", "a\nb", &"x".repeat(3_000)] {
            assert!(check(wrong).unwrap_err().contains("audience"), "{wrong:.9}");
        }
    }

    #[test]
    fn each_way_to_miss_an_audience_has_its_own_words() {
        let wanted = "https://svc-a.run.app";
        assert_eq!(difference(wanted, wanted), None);
        for (found, word) in [
            ("https://svc-a.run.app/", "has a trailing slash"),
            ("http://svc-a.run.app", "http:// where https://"),
            ("svc-a.run.app", "lacks the scheme"),
            ("https://Svc-a.run.app", "lower case"),
            ("https://svc-a.run.app/hello", "path"),
            ("1-x.apps.googleusercontent.com", "client id"),
            ("https://other.run.app", "is expected"),
        ] {
            let sentence = difference(found, wanted).expect("they differ");
            assert!(sentence.contains(word), "{found}: {sentence}");
        }
        assert!(
            difference(wanted, "https://svc-a.run.app/")
                .expect("they differ")
                .contains("lacks the trailing slash")
        );
        assert!(
            difference(wanted, "1-x.apps.googleusercontent.com")
                .expect("they differ")
                .contains("no OAuth client id")
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
