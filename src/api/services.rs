//! Service Usage: whether an API is on in a project, and switching it on. Builders of requests and readers of answers,
//! pure, and the client's methods over them. Switching on takes a while: waiting for it is a flow.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::Client,
    http::{
        ApiError, CallKind, ErrorKind,
        answer::{decode, decode_with_error},
        endpoints::{self, Service},
        error::{CODES, plain},
        request_spec::{RequestSpec, segment},
    },
    model::denial::{Refusal, RequestContext},
};

/// A long-running operation as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// `operations/acat.p2-1-…`
    pub(crate) name: String,
    /// Whether it has ended.
    pub(crate) done: bool,
    /// Why it failed, when it did: code and words.
    pub(crate) error: Option<Refusal>,
}

fn asked(method: &'static str, resource: &str, permission: &'static str) -> RequestContext {
    RequestContext {
        resource: resource.to_owned(),
        permission: Some(permission.into()),
        ..RequestContext::new(endpoints::service(Service::Services), method)
    }
}

/// `project` is an id or a number, with or without the leading `projects/` that ErrorInfo's `consumer` has.
fn path(project: &str, rest: &str) -> String {
    format!("/v1/projects/{}/{rest}", segment(project.trim_start_matches("projects/")))
}

fn get_spec(project: &str, service: &str) -> RequestSpec {
    let asked =
        asked("google.api.serviceusage.v1.ServiceUsage.GetService", project, "serviceusage.services.get");
    RequestSpec::get(Service::Services, path(project, &format!("services/{}", segment(service))), asked)
}

fn enable_spec(project: &str, services: &[String]) -> RequestSpec {
    let asked = asked(
        "google.api.serviceusage.v1.ServiceUsage.BatchEnableServices",
        project,
        "serviceusage.services.enable",
    );
    let body = json!({ "serviceIds": services });
    RequestSpec::post(CallKind::Write, Service::Services, path(project, "services:batchEnable"), body, asked)
}

fn operation_spec(name: &str) -> Result<RequestSpec, ApiError> {
    let id = name.strip_prefix("operations/").filter(|id| !id.is_empty()).ok_or_else(no_operation)?;
    let asked = asked("google.longrunning.Operations.GetOperation", name, "serviceusage.operations.get");
    Ok(RequestSpec::get(Service::Services, format!("/v1/operations/{}", segment(id)), asked))
}

fn no_operation() -> ApiError {
    ApiError::new(ErrorKind::Server, "Service Usage returned an invalid operation name.")
        .with_next("Check again in a few minutes; an enabled API isn't enabled twice.")
}

fn read_state(body: &[u8]) -> Result<bool, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct ServiceState {
        state: String,
    }
    decode::<ServiceState>(body, endpoints::name(Service::Services)).map(|service| service.state == "ENABLED")
}

fn read_operation(body: &[u8]) -> Result<Operation, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        name: String,
        done: bool,
        error: Option<Value>,
        response: Value,
    }
    let answer: Answer = decode_with_error(body, endpoints::name(Service::Services))?;
    // What cannot be asked about would be waited for in vain.
    if !answer.done && answer.name.is_empty() {
        return Err(no_operation());
    }
    let error = answer.error.map(|error| {
        // An operation's error is a google.rpc.Status whose code is gRPC's number, not HTTP's, and has no name.
        let number = error.get("code").and_then(Value::as_u64);
        let code = CODES.iter().find(|(code, ..)| Some(*code) == number);
        let mut wrapped = json!({ "error": error });
        wrapped["error"]["status"] = code.map(|(_, name, _)| *name).into();
        let status = code.map_or(500, |(.., status)| *status);
        let refusal =
            ApiError::from_answer(status, wrapped.to_string().as_bytes(), &RequestContext::default()).refusal;
        *refusal.expect("every answer but a success is a refusal")
    });
    // A batch may end with some services on and others not: each failure has its own words.
    let failure = answer.response.get("failures").and_then(|failures| failures.get(0));
    let failed = failure.and_then(|failure| failure.get("errorMessage")).and_then(Value::as_str);
    let error = error.or(failed.map(|words| Refusal {
        status: 400,
        code: "FAILED_PRECONDITION".into(),
        message: plain(words),
        ..Refusal::default()
    }));
    Ok(Operation { name: plain(&answer.name), done: answer.done, error })
}

impl Client {
    /// Whether an API (`iam.googleapis.com`) is on in a project (id, number, or `projects/…`).
    ///
    /// # Errors
    /// As for every call.
    pub(crate) async fn is_enabled(&self, project: &str, service: &str) -> Result<bool, ApiError> {
        read_state(&self.send(get_spec(project, service)).await?.body)
    }

    /// Begins to switch APIs on in a project, all or none of them.
    ///
    /// # Errors
    /// As for every write: one that goes unanswered is of unknown fate, and is not sent again.
    pub(crate) async fn enable(&self, project: &str, services: &[String]) -> Result<Operation, ApiError> {
        read_operation(&self.send(enable_spec(project, services)).await?.body)
    }

    /// How far an operation of Service Usage is (`operations/…`).
    ///
    /// # Errors
    /// As for every call.
    pub(crate) async fn operation(&self, name: &str) -> Result<Operation, ApiError> {
        read_operation(&self.send(operation_spec(name)?).await?.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_of_an_error_names_the_project_that_is_asked_about() {
        let spec = get_spec("projects/8667575547", "iamcredentials.googleapis.com");
        assert_eq!(spec.path, "/v1/projects/8667575547/services/iamcredentials.googleapis.com");
        let spec = enable_spec("acme/../x", &["iam.googleapis.com".into()]);
        assert_eq!(spec.path, "/v1/projects/acme%2F..%2Fx/services:batchEnable");
        assert_eq!(spec.kind, CallKind::Write);
        assert_eq!(operation_spec("operations/acat.p2-1-x").unwrap().path, "/v1/operations/acat.p2-1-x");
        assert!(operation_spec("other/acat").is_err() && operation_spec("operations/").is_err());
    }

    #[test]
    fn a_service_is_on_only_when_google_says_so() {
        let body = |state: &str| {
            format!(
                r#"{{"name":"projects/1/services/iam.googleapis.com","parent":"projects/1","state":"{state}"}}"#
            )
        };
        assert!(read_state(body("ENABLED").as_bytes()).unwrap());
        assert!(!read_state(body("DISABLED").as_bytes()).unwrap());
        assert!(!read_state(b"{}").unwrap() && read_state(b"[]").is_err());
    }

    #[test]
    fn an_operation_is_under_way_done_or_failed() {
        let started = br#"{"name":"operations/acat.p2-153288813308-7f675593-6ea2-4bcc-ac0c-09b4d227de62","metadata":{"@type":"type.googleapis.com/google.api.serviceusage.v1.OperationMetadata","resourceNames":["projects/153288813308/services/iam.googleapis.com"]}}"#;
        let operation = read_operation(started).unwrap();
        assert!(!operation.done && operation.error.is_none() && operation.name.ends_with("27de62"));
        let failed = br#"{"name":"operations/x","done":true,"error":{"code":9,"message":"Billing must be enabled.","details":[{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"serviceusage/billing-enabled","subject":"billing-enabled","description":"x"}]}]}}"#;
        let error = read_operation(failed).unwrap().error.unwrap();
        assert!(
            error.message.contains("Billing")
                && error.violation.as_deref() == Some("serviceusage/billing-enabled")
        );
        let partly = br#"{"name":"operations/x","done":true,"response":{"failures":[{"serviceId":"iam.googleapis.com","errorMessage":"no"}]}}"#;
        assert_eq!(read_operation(partly).unwrap().error.unwrap().message, "no");
        let done = br#"{"name":"operations/noop.DONE_OPERATION","done":true,"response":{}}"#;
        assert!(read_operation(done).unwrap().error.is_none());
        assert_eq!(read_operation(b"{}").unwrap_err().kind, ErrorKind::Server);
    }
}
