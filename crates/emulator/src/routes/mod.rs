//! From a request to a handler and back: routing, the caller, faults, the log. Each service has a file with
//! its table of routes and its handlers; none of them knows connections or faults.

mod account_keys;
mod account_writes;
mod activities;
mod analysis;
mod api;
mod assets;
mod broken;
mod caller;
mod certs;
mod control;
mod credentials;
mod deny_policies;
mod distributed;
mod external;
mod iam;
mod metadata;
mod oauth;
mod paging;
mod pattern;
pub(crate) mod payload;
mod policies;
mod pools;
mod projects;
mod projects_v1;
mod roles;
mod services;
mod sts;
mod troubleshooter;
mod unserved;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::MutexGuard;

use super::check::{self, Field, Query};
use super::clock;
use super::connection::ConnectionCutter;
use super::error::{ApiResult, Failure, FaultContext, Place};
use super::fault::{Fault, Outcome};
use super::front::{Host, Parameters};
use super::partial::ResponseFormat;
use super::reply;
use super::state::{Shared, State};
use caller::{ApiCaller, signed_by};
use paging::{page, paged};
use payload::BodyError;

pub(crate) use api::{Api, CLOUD_PLATFORM};
pub(crate) use control::PATH as CONTROL;
#[cfg(test)]
pub(super) use unserved::DOCUMENTED;

/// A method that is served.
pub(super) struct Route {
    pub(super) api: Api,
    pub(super) verb: &'static str,
    pub(super) path: &'static str,
    /// The short name, which faults and the log use.
    pub(super) name: &'static str,
    /// The gRPC name, which error details use.
    grpc: &'static str,
    run: fn(ApiCall) -> BoxFuture<'static, ApiResult>,
}

/// A table: groups of routes that share an API, the start of their paths and the start of their gRPC names, and in each a
/// line for each route: its short name, its verb, the rest of its path, the rest of its gRPC name if it has one, and its
/// handler.
macro_rules! routes {
    ($(
        $api:ident $base:literal $service:literal;
        $($name:literal $verb:ident $path:literal $($method:literal)? => $run:expr;)*
    )*) => {
        &[$($($crate::routes::Route {
            api: $crate::routes::Api::$api,
            verb: stringify!($verb),
            path: concat!($base, $path),
            name: $name,
            grpc: concat!($service $(, $method)?),
            run: |call| Box::pin($run(call)),
        },)*)*]
    };
}
use routes;

const TABLES: &[&[Route]] = &[
    credentials::ROUTES,
    iam::ROUTES,
    account_keys::ROUTES,
    account_writes::ROUTES,
    pools::ROUTES,
    deny_policies::ROUTES,
    roles::ROUTES,
    projects::ROUTES,
    projects_v1::ROUTES,
    services::ROUTES,
    troubleshooter::ROUTES,
    assets::ROUTES,
    analysis::ROUTES,
    activities::ROUTES,
    oauth::ROUTES,
    sts::ROUTES,
    certs::ROUTES,
    metadata::ROUTES,
    external::ROUTES,
    distributed::ROUTES,
];

impl Route {
    fn place(&self) -> Place {
        Place { method: self.grpc, ..self.api.place() }
    }

    /// The collection that follows the version in the path, as `projects` in `/v3/projects/{id}`.
    fn collection(&self) -> &'static str {
        self.path.split('/').nth(2).unwrap_or_default()
    }

    /// Whether a scope for reading does not do. Discovery counts looking at Service Usage's operations among these.
    fn writes(&self) -> bool {
        ["setIamPolicy", ".enable", ".disable", ".batchEnable", "operations.get"]
            .iter()
            .any(|end| self.name.ends_with(end))
    }

    fn matches(&self, verb: &Method, segments: &[String]) -> Option<HashMap<&'static str, String>> {
        if self.verb == verb.as_str() { pattern::parameters(self.path, segments) } else { None }
    }
}

/// The name of a request without a method, in faults and in the log.
pub(crate) const UNROUTED: &str = "unrouted";

/// The short names of all methods, and that of unrouted requests.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|route| route.name).chain([UNROUTED])
}

/// Whether calls of a method bring a token that may have ended: to be called with, or to be exchanged.
pub(crate) fn takes_a_token(method: &str) -> bool {
    const OTHERS: [&str; 5] =
        ["oauth2.token", "oauth2.userinfo", "sts.token", "sts.oauthtoken", "external.authenticate"];
    OTHERS.contains(&method) || all().any(|route| route.name == method && route.api.speaks_json())
}

pub(super) fn all() -> impl Iterator<Item = &'static Route> {
    TABLES.iter().copied().flatten().chain(metadata::REST)
}

fn find(verb: &Method, uri: &Uri, host: Host) -> Option<(&'static Route, HashMap<&'static str, String>)> {
    let segments = pattern::segments(uri)?;
    // A row with a custom verb comes first: `{project}` alone would swallow it.
    let mut plain = None;
    for route in TABLES.iter().copied().flatten().filter(|route| host.has(route.api)) {
        if let Some(params) = route.matches(verb, &segments) {
            if route.path.contains("}:") {
                return Some((route, params));
            }
            plain.get_or_insert((route, params));
        }
    }
    if plain.is_none()
        && host.has(Api::Metadata)
        && verb == Method::GET
        && metadata::is_served_path(&segments)
    {
        plain = Some((&metadata::REST[0], HashMap::from([("path", uri.path().to_owned())])));
    }
    plain.filter(|(route, _)| !pattern::lacks_a_verb(route.path, &segments))
}

/// What a handler can read.
struct ApiCall {
    shared: Arc<Shared>,
    route: &'static Route,
    params: HashMap<&'static str, String>,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    token_expired: bool,
    stale_read: bool,
}

impl ApiCall {
    fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    fn query(&self, allowed: &[&str]) -> Result<Query, Failure> {
        Query::parse(&self.query).only(allowed)
    }

    /// The body, checked against its fields, as a struct of them. A form is taken for parameters of the query, whatever
    /// is in it: that is what curl sends by default.
    fn body<T: serde::de::DeserializeOwned>(&self, fields: &[Field]) -> Result<T, Failure> {
        let is_form = self
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        if is_form {
            Query::parse(&String::from_utf8_lossy(&self.body)).only(&[])?;
        }
        let map = check::body(&self.body, fields)?;
        Ok(serde_json::from_value(Value::Object(map)).expect("the body was checked against its fields"))
    }

    async fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().await
    }

    fn now(&self) -> i64 {
        self.shared.clock.now()
    }

    fn place(&self) -> Place {
        self.route.place()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
    }
}

/// Marks an answer as one of Google's APIs or their front end, and not of the metadata server or of others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FromGoogle {
    /// Whether a fault was applied: then the answer is sent as the fault states it.
    pub(crate) fault_applied: bool,
}

/// Serves one request that the front end let through.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    cutter: &ConnectionCutter,
    parts: Parts,
    body: Result<Bytes, BodyError>,
    host: Host,
) -> Response {
    let path = parts.uri.path().to_owned();
    let now = shared.clock.now();
    let control = shared.control.load(Ordering::Relaxed) && path.starts_with(CONTROL);
    if control && host == Host::Loopback {
        let response = match body {
            Ok(body) => control::serve(shared, &parts, &body).await,
            Err(BodyError::TooLarge) => {
                reply::plain(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.\n")
            }
            Err(BodyError::Broken) => reply::page(StatusCode::BAD_REQUEST, &path),
        };
        return dated(response, now);
    }
    let on_cloud = shared.state.lock().await.metadata.is_some();
    let found =
        find(&parts.method, &parts.uri, host).filter(|(route, _)| on_cloud || route.api != Api::Metadata);
    let (name, api) = found.as_ref().map_or((UNROUTED, None), |(route, _)| (route.name, Some(route.api)));
    let (fault, number) = {
        let mut state = shared.state.lock().await;
        (state.faults.apply(name, &path, now), state.arrived(name, path))
    };
    let answer = run(shared, found, &parts, body, fault.as_ref(), host);
    let mut response = match &fault {
        Some(fault) => broken::deliver(fault, cutter, parts.uri.path(), answer).await,
        None => answer.await,
    };
    let status = if cutter.is_cut() { 0 } else { response.status().as_u16() };
    shared.state.lock().await.answered(number, status);
    if !matches!(api, Some(Api::Metadata | Api::External)) {
        response.extensions_mut().insert(FromGoogle { fault_applied: fault.is_some() });
    }
    let skewed = fault.as_ref().map_or(0, |fault| fault.adds.date_offset_seconds);
    dated(response, now.saturating_add(skewed))
}

/// An answer of this time, and without a body where its status has none.
pub(crate) fn dated(mut response: Response, now: i64) -> Response {
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response = reply::bodiless(response);
    }
    let date = HeaderValue::from_str(&clock::http_date(now)).expect("a date is ASCII");
    response.headers_mut().insert(header::DATE, date);
    response
}

/// The number of the project that a refusal by a fault names: the one that the request charges, else the world's first.
fn charged(state: &State, headers: &HeaderMap) -> String {
    let named = headers.get("x-goog-user-project").and_then(|value| value.to_str().ok());
    let found = named.and_then(|name| state.project(name)).or((!state.projects.is_empty()).then_some(0));
    found.map_or_else(|| "0".to_owned(), |i| state.projects[i].number.to_string())
}

/// What a path of Resource Manager or Cloud Asset is about, as `projects/p`.
fn resource(route: &Route, params: &HashMap<&'static str, String>) -> String {
    match params.get("id") {
        Some(id) if route.api == Api::ResourceManager => format!("{}/{id}", route.collection()),
        Some(id) if route.api == Api::CloudAsset => {
            format!("{}/{id}", params.get("kind").map_or("", String::as_str))
        }
        _ => String::new(),
    }
}

async fn run(
    shared: &Arc<Shared>,
    found: Option<(&'static Route, HashMap<&'static str, String>)>,
    parts: &Parts,
    body: Result<Bytes, BodyError>,
    fault: Option<&Fault>,
    host: Host,
) -> Response {
    let Some((route, params)) = found else {
        if matches!(body, Err(BodyError::TooLarge)) {
            return reply::page(StatusCode::PAYLOAD_TOO_LARGE, parts.uri.path());
        }
        let refusal = fault
            .and_then(broken::stated)
            .or_else(|| unserved::find_refusal(&parts.method, &parts.uri, host));
        return refusal.map_or_else(|| reply::not_found(parts.uri.path()), Failure::into_response);
    };
    let body = match body {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            return Failure::invalid("Request payload size exceeds the limit: 10485760 bytes.")
                .into_response();
        }
        Err(BodyError::Broken) => return reply::page(StatusCode::BAD_REQUEST, parts.uri.path()),
    };
    let refusal = match fault {
        Some(fault) => {
            let state = shared.state.lock().await;
            let (consumer, resource) = (charged(&state, &parts.headers), resource(route, &params));
            let context = FaultContext {
                at: route.place(),
                method: route.name,
                consumer: &consumer,
                resource: &resource,
                per_minute: fault.calls.per_minute,
            };
            broken::find_refusal(fault, route, &context)
        }
        None => None,
    };
    let call = ApiCall {
        shared: Arc::clone(shared),
        route,
        params,
        query: match parts.extensions.get::<Parameters>() {
            Some(Parameters(form)) => form.clone(),
            None => parts.uri.query().unwrap_or("").to_owned(),
        },
        headers: parts.headers.clone(),
        body,
        token_expired: fault.is_some_and(|fault| fault.outcome == Outcome::TokenExpired),
        stale_read: fault.is_some_and(|fault| fault.outcome == Outcome::StaleRead),
    };
    let form = if route.api.speaks_json() {
        ResponseFormat::parse(&Query::parse(&call.query))
    } else {
        Ok(ResponseFormat::default())
    };
    let (form, refusal) = match form {
        Ok(form) => (form, refusal),
        Err(failure) => (ResponseFormat::default(), refusal.or(Some(failure))),
    };
    let answer = match refusal {
        // A metadata server has no form for errors; what the world states word for word is as it is.
        Some(failure)
            if route.api == Api::Metadata
                && !fault.is_some_and(|fault| matches!(fault.outcome, Outcome::Answer { .. })) =>
        {
            Ok(failure.into_plain())
        }
        Some(failure) => Err(failure),
        None => (route.run)(call).await,
    };
    let response = answer.unwrap_or_else(Failure::into_response);
    #[cfg(feature = "checked")]
    let response = super::conforming::look(&shared.base, route, fault, response).await;
    match route.api {
        Api::Metadata => metadata::sealed(response).await,
        _ if form.is_usual() => response,
        _ => reply::shaped(response, &form).await,
    }
}

#[cfg(test)]
mod strictness_tests;
