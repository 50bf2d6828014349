//! The host that a request is for. A page elsewhere can make a browser send requests here under its own name;
//! those are refused.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

use crate::routes::Api;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// This machine: every service at once.
    Loopback,
    /// A host of Google's that a tunnel leads to: the service that is there.
    Google(Api),
}

impl Host {
    /// Whether a service is reached under it.
    pub(crate) fn has(self, api: Api) -> bool {
        match self {
            Host::Loopback => true,
            Host::Google(own) => own == api,
        }
    }
}

impl Host {
    /// The same for a service that its documents call `iam`.
    pub(crate) fn has_named(self, name: &str) -> bool {
        match self {
            Host::Loopback => true,
            Host::Google(own) => own.host().strip_suffix(".googleapis.com") == Some(name),
        }
    }
}

/// The services that are reached at hosts of Google's over TLS.
const SERVED: [Api; 9] = [
    Api::Iam,
    Api::Credentials,
    Api::ResourceManager,
    Api::ServiceUsage,
    Api::Troubleshooter,
    Api::PolicyAnalyzer,
    Api::CloudAsset,
    Api::OAuth,
    Api::Sts,
];

/// Further hosts of sign-in: addresses of tokens, keys and people that libraries have compiled in.
const SIGN_IN: [&str; 3] = ["www.googleapis.com", "openidconnect.googleapis.com", "accounts.google.com"];

/// The hosts of Google's that are served, each with its service: its own name, and that for clients with a certificate.
pub(crate) fn googles() -> impl Iterator<Item = (String, Api)> {
    let own = SERVED.into_iter().flat_map(|api| {
        let name = api.host().split('.').next().unwrap_or_default();
        [(api.host().to_owned(), api), (format!("{name}.mtls.googleapis.com"), api)]
    });
    own.chain(SIGN_IN.map(|host| (host.to_owned(), Api::OAuth)))
}

/// The service at a host of Google's.
pub(crate) fn service(host: &str) -> Option<Api> {
    googles().find(|(name, _)| name.eq_ignore_ascii_case(host)).map(|(_, api)| api)
}

/// Why a request is not for one of our hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misdirected {
    /// It names several hosts, and readers would disagree on which (RFC 9112, 3.2).
    Several,
    /// It names another one.
    Elsewhere,
}

/// Whom a request is for; through a tunnel, for the host that the tunnel was asked for.
pub(crate) fn find_host(parts: &Parts, tunnel: Option<Host>) -> Result<Host, Misdirected> {
    if parts.headers.get_all(header::HOST).iter().count() > 1 {
        return Err(Misdirected::Several);
    }
    let name = name(&parts.headers, &parts.uri);
    let host = match tunnel {
        Some(Host::Google(api)) => (service(name) == Some(api)).then_some(Host::Google(api)),
        _ => is_loopback(name).then_some(Host::Loopback),
    };
    host.ok_or(Misdirected::Elsewhere)
}

/// The host that a request names, without its port. HTTP/2 names it in the address and has no header for it.
fn name<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let host = match headers.get(header::HOST) {
        Some(host) => host.to_str().unwrap_or(""),
        None => uri.authority().map_or("", |authority| authority.as_str()),
    };
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}
