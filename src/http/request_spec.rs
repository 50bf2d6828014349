//! Requests as data, made by the builders of each service: complete but for the caller's token. Nothing is sent here.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    http::{CallKind, endpoints::Service},
    model::{caller::Charge, denial::RequestContext, secret::Secret},
};

/// A request, complete but for the caller's token: pure data, made by the builders of each service.
#[derive(Clone, Debug)]
pub struct RequestSpec {
    /// What it may do, which decides whether it is repeated or, in read-only mode, refused.
    pub kind: CallKind,
    /// `GET`, `POST` or `PUT`.
    pub method: Method,
    /// The service.
    pub base: Service,
    /// Below the base URL, starting with `/` (empty for [`Service::Token`]), parts encoded by [`segment`].
    pub path: String,
    /// A whole address in place of base and path: from a credentials file, and trusted before it got here.
    pub address: Option<String>,
    /// Further headers; their values may be secrets and are shown nowhere.
    pub headers: Vec<(String, Secret)>,
    /// Names and plain values; encoded when sent.
    pub query: Vec<(&'static str, String)>,
    /// What is sent along.
    pub body: Body,
    /// Whether it goes out with the caller's token.
    pub auth: bool,
    /// Who is charged where a token goes along and the service charges projects: see [`Service::charges`].
    pub charge: Charge,
    /// In which row it waits, if it is one of many questions and therefore paced: see [`super::rate_limiter`].
    pub priority: Option<Priority>,
    /// What it is about, for the explanation of a refusal.
    pub asked: RequestContext,
}

/// Two rows for the questions that are paced. What is found at the back waits with one question at a time, so that the
/// front is never behind a long row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for the answer.
    Front,
    /// One of a scan.
    Back,
}

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A JSON value, without secrets.
    Json(Value),
    /// A form: fields that may be shown, and fields that may not.
    Form {
        /// Shown in records.
        plain: Vec<(&'static str, String)>,
        /// Shown as their length.
        secret: Vec<(&'static str, Secret)>,
    },
}

impl RequestSpec {
    /// A `GET` with the caller's token.
    pub fn get(base: Service, path: String, asked: RequestContext) -> RequestSpec {
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

    /// Whether the answer's `Date` is that of one of Google's own APIs: not of a cache, a machine or a stranger.
    pub(super) fn tells_the_time(&self) -> bool {
        self.address.is_none() && !matches!(self.base, Service::Certs | Service::Metadata)
    }

    /// Whether the answer may hold a credential: of a mint, or of what a caller's token comes from. Such answers are asked
    /// for as they are, for whoever unpacks one keeps it in memory of its own.
    pub(super) fn may_bring_a_secret(&self) -> bool {
        self.kind == CallKind::Mint || !self.auth
    }

    /// A `POST` with the caller's token.
    pub fn post(
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
    pub fn form(
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

/// What may stand unencoded in a path segment (RFC 3986, “unreserved”).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same with `@`, which RFC 3986 allows there as well.
const WITH_AT: &AsciiSet = &SEGMENT.remove(b'@');

/// One part of a path of the metadata server, where Google's libraries send the `@` of an email as it is.
pub fn metadata_segment(text: &str) -> String {
    utf8_percent_encode(text, WITH_AT).to_string()
}

/// One part of a path, percent-encoded: the only way a name gets into a URL.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
