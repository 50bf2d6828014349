//! The emulator's own endpoint, for tests in other languages: faults, the clock, the log, the methods. It is
//! served only once it has been opened.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::UNROUTED;
use crate::clock;
use crate::error;
use crate::fault::Fault;
use crate::metadata::Metadata;
use crate::reply;
use crate::state::Shared;

pub(crate) const PATH: &str = "/_emulator/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AdvanceClockBody {
    advance_seconds: i64,
}

/// A change of the machine; what is left out stays.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeMachineBody {
    maintenance_event: Option<String>,
    preempted: Option<bool>,
    attributes: Option<BTreeMap<String, String>>,
}

impl ChangeMachineBody {
    fn change(self, machine: &mut Metadata) {
        let instance = &mut machine.instance;
        instance.maintenance_event = self.maintenance_event.unwrap_or(instance.maintenance_event.clone());
        instance.preempted = self.preempted.unwrap_or(instance.preempted);
        instance.attributes = self.attributes.unwrap_or(std::mem::take(&mut instance.attributes));
    }
}

/// Answers a request below the path.
pub(crate) async fn serve(shared: &Shared, parts: &Parts, body: &Bytes) -> Response {
    let what = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    // A page in a browser can send every type but this one.
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if parts.method == Method::POST && !kind.starts_with("application/json") {
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the header Content-Type: application/json");
    }
    match (&parts.method, what) {
        (&Method::POST, "faults") => match parse_object::<Fault>(body).and_then(Fault::checked) {
            Ok(fault) => {
                shared.state.lock().await.faults.add(fault);
                reply::exact(StatusCode::OK, &json!({}))
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, &error),
        },
        (&Method::DELETE, "faults") => {
            shared.state.lock().await.faults.clear();
            reply::exact(StatusCode::OK, &json!({}))
        }
        (&Method::POST, "clock") => match parse_object::<AdvanceClockBody>(body) {
            Ok(AdvanceClockBody { advance_seconds }) if !shared.clock.advance(advance_seconds) => problem(
                StatusCode::BAD_REQUEST,
                "advanceSeconds: the clock cannot leave the years 1971 to 9998",
            ),
            Ok(_) => {
                let now = clock::rfc3339(shared.clock.now());
                reply::exact(StatusCode::OK, &json!({"now": now}))
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, &error),
        },
        (&Method::POST, "machine") => match parse_object::<ChangeMachineBody>(body) {
            Ok(told) => {
                if shared.change_machine(|machine| told.change(machine)).await {
                    reply::exact(StatusCode::OK, &json!({}))
                } else {
                    problem(StatusCode::BAD_REQUEST, "the world has no metadata section")
                }
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, &error),
        },
        (&Method::GET, "requests") => {
            let log = shared.state.lock().await.log();
            let requests: Vec<Value> = log
                .iter()
                .map(|one| json!({"method": one.method, "path": one.path, "status": one.status}))
                .collect();
            reply::exact(StatusCode::OK, &json!({"requests": requests}))
        }
        (&Method::GET, "methods") => {
            let methods = super::all().map(|route| {
                json!({"method": route.name, "service": route.api.host(), "verb": route.verb,
                    "path": route.path})
            });
            let none = json!({"method": UNROUTED, "service": "", "verb": "", "path": ""});
            let methods: Vec<Value> = methods.chain([none]).collect();
            reply::exact(StatusCode::OK, &json!({"methods": methods}))
        }
        (&Method::GET, "errors") => {
            let errors: Vec<Value> =
                error::names().map(|(name, what)| json!({"error": name, "what": what})).collect();
            reply::exact(StatusCode::OK, &json!({"errors": errors}))
        }
        _ => problem(
            StatusCode::NOT_FOUND,
            "this endpoint has POST and DELETE faults, POST clock, POST machine, GET requests, GET methods and GET errors",
        ),
    }
}

/// A request as an object of its fields; serde would take a list of their values as well.
fn parse_object<T: DeserializeOwned>(body: &Bytes) -> Result<T, String> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err("expected a JSON object, not a list".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn problem(status: StatusCode, what: &str) -> Response {
    reply::exact(status, &json!({"error": what}))
}
