//! Requests as data, made by each service's builders: complete except for the caller's token. Nothing is sent here.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    http::{CallKind, endpoints::Service},
    model::{caller::Charge, denial::RequestContext, secret::Secret},
};

/// A request, complete except for the caller's token: pure data, made by each service's builders.
#[derive(Clone, Debug)]
pub(crate) struct RequestSpec {
    /// Its effect, which decides whether it is retried or, in read-only mode, refused.
    pub(crate) kind: CallKind,
    /// `GET`, `POST` or `PUT`.
    pub(crate) method: Method,
    pub(crate) base: Service,
    /// The path below the base URL, starting with `/` (empty for [`Service::Token`]), parts encoded by [`segment`].
    pub(crate) path: String,
    /// A whole address in place of base and path: from a credentials file, and confirmed before it got here.
    pub(crate) address: Option<String>,
    /// Further headers; their values can be secrets and are never shown.
    pub(crate) headers: Vec<(String, Secret)>,
    /// Names and plain values; encoded when sent.
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// Whether it carries the caller's token.
    pub(crate) auth: bool,
    /// Which project is charged, if it carries a token and the service charges projects: see [`Service::charges`].
    pub(crate) charge: Charge,
    /// Its priority, if it is one of many requests and therefore rate-limited: see [`super::rate_limiter`].
    pub(crate) priority: Option<Priority>,
    /// What it is about, to explain a denial.
    pub(crate) asked: RequestContext,
}

/// Two priorities of rate-limited requests. A scan waits with one request at a time, so that the others never queue
/// behind a long scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// A person waits for the answer.
    Front,
    /// One request of a scan.
    Back,
}

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    /// A JSON value, without secrets.
    Json(Value),
    /// A form: fields that can be shown, and fields that can't.
    Form {
        plain: Vec<(&'static str, String)>,
        /// Shown as their length.
        secret: Vec<(&'static str, Secret)>,
    },
}

impl RequestSpec {
    /// A `GET` with the caller's token.
    pub(crate) fn get(base: Service, path: String, asked: RequestContext) -> RequestSpec {
        RequestSpec {
            kind: CallKind::Read,
            method: Method::Get,
            base,
            path,
            address: None,
            headers: vec![],
            query: vec![],
            body: Body::Empty,
            auth: true,
            charge: Charge::AsCredentials,
            priority: None,
            asked,
        }
    }

    /// Whether the answer's `Date` is Google's own: not a cache's, a machine's or a foreign server's.
    pub(super) fn tells_the_time(&self) -> bool {
        self.address.is_none() && !matches!(self.base, Service::Certs | Service::Metadata)
    }

    /// Whether the answer can contain a credential: from a mint, or from what a caller's token is made of. Such answers
    /// are requested uncompressed, because a decompressor keeps a copy in its own memory.
    pub(super) fn may_bring_a_secret(&self) -> bool {
        self.kind == CallKind::Mint || !self.auth
    }

    /// A `POST` with the caller's token.
    pub(crate) fn post(
        kind: CallKind,
        base: Service,
        path: String,
        body: Value,
        asked: RequestContext,
    ) -> RequestSpec {
        RequestSpec {
            kind,
            method: Method::Post,
            body: Body::Json(body),
            ..RequestSpec::get(base, path, asked)
        }
    }

    /// A form `POST` that changes nothing, without the caller's token.
    pub(crate) fn form(
        base: Service,
        path: String,
        plain: Vec<(&'static str, String)>,
        secret: Vec<(&'static str, Secret)>,
        asked: RequestContext,
    ) -> RequestSpec {
        let body = Body::Form { plain, secret };
        RequestSpec { method: Method::Post, body, auth: false, ..RequestSpec::get(base, path, asked) }
    }
}

/// Characters that stay unencoded in a path segment (RFC 3986, “unreserved”).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same with `@`, which RFC 3986 allows there too.
const WITH_AT: &AsciiSet = &SEGMENT.remove(b'@');

/// One part of a path of the metadata server, where Google's libraries send the `@` of an email unencoded.
pub(crate) fn metadata_segment(text: &str) -> String {
    utf8_percent_encode(text, WITH_AT).to_string()
}

/// One part of a path, percent-encoded: the only way for a name to get into a URL.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A query as it is sent and shown, without `?`: the only way for values to get into one.
pub(crate) fn encode_query(pairs: &[(&'static str, String)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value)));
    pairs.collect::<Vec<_>>().join("&")
}
