//! Who gets in, and where to. A request that a web page, a proxy or another user's program could have made is refused
//! before anything else is looked at.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::Response,
};

use super::{Connection, Event, Shared, adc, metadata, reply::Reply};
use crate::{local::peer::Peer, model::secret::Secret};

/// What only browsers and proxies send. A page that was tricked into asking for a token has at least one of them.
const FOREIGN: [&str; 6] = ["origin", "referer", "x-forwarded-for", "x-forwarded-host", "forwarded", "via"];

/// What browsers, and no client library, say about where a request comes from.
const BROWSER: &str = "sec-";

pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let whose = connection.whose(&shared).await;
    let port = shared.address.port();
    let reply = match refusal(&parts, whose, port) {
        Some(why) => refused(&shared, StatusCode::FORBIDDEN, why),
        None => {
            let (path, shown) = without_prefix(parts.uri.path(), &shared.session);
            let is_known = shown || whose == Peer::OurUser;
            match path {
                "/" => Reply::text("computeMetadata/\n"),
                _ if path == "/computeMetadata" || path.starts_with("/computeMetadata/") => {
                    match unmet(&parts, is_known) {
                        Some((status, why)) => refused(&shared, status, why),
                        None => metadata::answer(&shared, &parts.uri, path).await,
                    }
                }
                _ => adc::answer(&shared, &parts, path, body).await,
            }
        }
    };
    reply.into_response()
}

fn refused(shared: &Shared, status: StatusCode, why: &'static str) -> Reply {
    shared.tell(Event::Refused(why));
    Reply::refusal(status, format!("{why}\n"))
}

/// Why a request is refused, whatever it is for.
fn refusal(parts: &Parts, whose: Peer, port: u16) -> Option<&'static str> {
    if whose == Peer::OtherUser {
        return Some("Only programs of the user who started this server are served.");
    }
    if !is_for_us(parts, port) {
        return Some("The Host header isn't this server's address.");
    }
    if parts.method == Method::OPTIONS || has_foreign(&parts.headers) {
        return Some("Requests from browsers and proxies aren't served.");
    }
    None
}

/// What a request for metadata lacks.
fn unmet(parts: &Parts, is_known: bool) -> Option<(StatusCode, &'static str)> {
    let flavor = parts.headers.get("metadata-flavor").map(|value| value.as_bytes());
    if flavor != Some(b"Google") {
        return Some((StatusCode::FORBIDDEN, r#"Missing required header "Metadata-Flavor": "Google""#));
    }
    if !is_known {
        return Some((StatusCode::FORBIDDEN, "The path lacks this server's secret prefix."));
    }
    // google-auth posts a certificate to which a token is to be bound: ours never are.
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "Only GET is served."));
    }
    None
}

/// Whether a request names this server: a page that was loaded from a name that now resolves to 127.0.0.1 (DNS
/// rebinding) names its own. One `Host` header, and a target in the form that isn't for proxies, or with our address.
fn is_for_us(parts: &Parts, port: u16) -> bool {
    let is_ours = |host: &str| {
        let name = host.strip_suffix(&format!(":{port}"));
        name.is_some_and(|name| name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost"))
    };
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let target = parts.uri.authority().map(|authority| authority.as_str());
    host.is_some_and(is_ours) && hosts.next().is_none() && target.is_none_or(is_ours)
}

fn has_foreign(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| FOREIGN.contains(&name.as_str()) || name.as_str().starts_with(BROWSER))
}

/// A path without this server's secret in front, and whether it was there.
fn without_prefix<'a>(path: &'a str, session: &Secret) -> (&'a str, bool) {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = match inner.find('/') {
        Some(at) => (&inner[..at], &inner[at..]),
        None => (inner, "/"),
    };
    match Secret::new(first) == *session {
        true => (rest, true),
        false => (path, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(lines: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/computeMetadata/v1/").header("host", "127.0.0.1:8080");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn with_host(host: &str) -> Parts {
        let mut parts = parts(&[]);
        parts.headers.insert(header::HOST, host.parse().unwrap());
        parts
    }

    #[test]
    fn our_own_address_is_served_under_both_names_only() {
        for host in ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080"] {
            assert_eq!(refusal(&with_host(host), Peer::OurUser, 8080), None, "{host}");
        }
        for host in [
            "127.0.0.1",
            "localhost",
            "127.0.0.1:80800",
            "127.0.0.1:080",
            "metadata.google.internal:8080",
            "evil.example:8080",
            "localhost.evil.example:8080",
            "127.0.0.1.nip.io:8080",
            "[::1]:8080",
            "0.0.0.0:8080",
            "",
        ] {
            assert!(refusal(&with_host(host), Peer::OurUser, 8080).is_some(), "{host}");
        }
        assert!(refusal(&parts(&[("host", "evil.example")]), Peer::OurUser, 8080).is_some(), "two of them");
    }

    #[test]
    fn target_of_another_server_is_refused() {
        let mut asked = parts(&[]);
        for (uri, served) in [("http://127.0.0.1:8080/", true), ("http://evil.example/", false)] {
            asked.uri = uri.parse().unwrap();
            assert_eq!(refusal(&asked, Peer::OurUser, 8080).is_none(), served, "{uri}");
        }
    }

    #[test]
    fn browsers_and_proxies_are_refused_by_what_they_send() {
        for name in [
            "Origin",
            "Referer",
            "X-Forwarded-For",
            "Forwarded",
            "Via",
            "Sec-Fetch-Site",
            "Sec-Fetch-Mode",
            "Sec-WebSocket-Key",
        ] {
            assert!(refusal(&parts(&[(name, "x")]), Peer::OurUser, 8080).is_some(), "{name}");
        }
        let mut preflight = parts(&[]);
        preflight.method = Method::OPTIONS;
        assert!(refusal(&preflight, Peer::OurUser, 8080).is_some());
        assert_eq!(refusal(&parts(&[("user-agent", "x"), ("accept", "*/*")]), Peer::OurUser, 8080), None);
    }

    #[test]
    fn program_of_another_user_is_refused_and_an_unknown_one_needs_the_prefix() {
        assert!(refusal(&parts(&[]), Peer::OtherUser, 8080).is_some());
        let asked = parts(&[("metadata-flavor", "Google")]);
        assert_eq!(refusal(&asked, Peer::Unknown, 8080), None);
        assert!(unmet(&asked, false).is_some() && unmet(&asked, true).is_none());
        assert!(unmet(&parts(&[]), true).is_some());
        assert!(unmet(&parts(&[("metadata-flavor", "google")]), true).is_some());
    }

    #[test]
    fn prefix_is_taken_off_only_if_it_is_the_secret() {
        let session = Secret::new("5e55");
        for (path, wanted) in [
            ("/5e55/computeMetadata/v1/", ("/computeMetadata/v1/", true)),
            ("/5e55", ("/", true)),
            ("/5e55/", ("/", true)),
            ("/5e5/computeMetadata", ("/5e5/computeMetadata", false)),
            ("/computeMetadata/5e55", ("/computeMetadata/5e55", false)),
            ("/", ("/", false)),
        ] {
            assert_eq!(without_prefix(path, &session), wanted, "{path}");
        }
    }
}
