//! Checks every answer of an emulator against Google's discovery documents: successes against the schema of
//! the response, refusals against their JSON form. This needs the feature `checked`, which only the project's
//! own tests enable.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use serde_json::Value;

use super::error::speaks_oauth;
use super::fault::{Fault, Outcome};
use super::routes::Route;
use impersona_contract::{Method, contract, refusal};

/// Where Google's servers are known to return more than the documents: the method, the field, and how that is known.
pub(crate) const BEYOND: [(&str, &str, &str); 1] = [(
    "oauth2.v2.tokeninfo",
    "access_type",
    "it is in every answer seen on the wire; the document is of 2020",
)];

/// The service whose documents have a route: `iam`.
pub(crate) fn service(route: &Route) -> &'static str {
    route.api.host().split('.').next().unwrap_or_default()
}

/// What the documents say of a route, if they have it.
pub(crate) fn documented(route: &Route) -> Option<&'static Method> {
    // A name in braces takes one part of the path, as a star does there.
    let parts = route.path.split('/').map(|part| match part.split_once('}') {
        Some((_, verb)) => format!("x{verb}"),
        None => part.to_owned(),
    });
    contract().find(service(route), route.verb, &parts.collect::<Vec<_>>().join("/"))
}

/// Looks at an answer of the emulator at `base`. What a fault states word for word is not checked.
pub(crate) async fn look(base: &str, route: &Route, fault: Option<&Fault>, response: Response) -> Response {
    let is_stated = fault.is_some_and(|fault| matches!(fault.outcome, Outcome::Answer { .. }));
    let Some(method) = documented(route).filter(|_| !is_stated) else { return response };
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("an answer of the emulator can be read");
    let wrong = match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut value) if parts.status.is_success() => {
            for (_, field, _) in BEYOND.iter().filter(|(name, ..)| *name == method.name) {
                value.as_object_mut().and_then(|fields| fields.remove(*field));
            }
            contract().answer(method, &value)
        }
        Ok(value) if value["error"].is_string() && speaks_oauth(route.name) => Vec::new(),
        Ok(value) => refusal(parts.status.as_u16(), &value),
        Err(why) => vec![format!("no JSON: {why}")],
    };
    let wrong = wrong.into_iter().map(|wrong| format!("{} {}: {wrong}", method.name, parts.status.as_u16()));
    report(base, wrong.collect());
    Response::from_parts(parts, Body::from(bytes))
}

/// A test fails when its emulator ends, so that all problems are reported at once.
#[cfg(test)]
use super::tests::contract::report;

/// Panics, so that no client gets such an answer.
#[cfg(not(test))]
fn report(base: &str, wrong: Vec<String>) {
    assert!(
        wrong.is_empty(),
        "{base} would give an answer that Google's documents do not allow:\n{}",
        wrong.join("\n")
    );
}
