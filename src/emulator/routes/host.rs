//! For which host a request is. A page elsewhere may make a browser send requests here under its own name; those are not
//! served.

use axum::http::{HeaderMap, Uri, header};

/// Whether a request names this machine. HTTP/2 names the host in the address and has no header for it.
pub fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = match headers.get(header::HOST) {
        Some(host) => host.to_str().unwrap_or(""),
        None => uri.authority().map_or("", |authority| authority.as_str()),
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}
