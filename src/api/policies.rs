//! Allow policies: those of accounts, read and written, those of projects, folders and organizations, only read.
//! Builders of requests and readers of answers, pure, and the client's methods over them. A policy goes out under the
//! etag it was read with or not at all; what a change means is for the model.

use serde::Deserialize;
use serde_json::json;

use crate::{
    api::Client,
    http::{
        ApiError, CallKind, ErrorKind,
        answer::{decode, decode_list, lacks},
        endpoints::{self, Endpoints, Service},
        request_spec::{Body, Priority, RequestSpec, segment},
    },
    model::{account::Account, condition::Condition, denial::RequestContext, policy::Policy, shell::quote},
};

/// One thing Google says about a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// `ERROR`, `WARNING`, `NOTICE`, `INFO`, `DEPRECATED`.
    pub(crate) severity: String,
    pub(crate) message: String,
    /// Where in the expression, in characters from its start.
    pub(crate) offset: u32,
}

impl Lint {
    /// Whether the condition would be refused.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == "ERROR"
    }
}

/// What a write changes. The audit configurations are not among it: they stay as they are.
const MASK: &str = "bindings,etag";

/// The first version that tells conditions; below it they come mangled into the roles' names.
const VERSION: u8 = 3;

fn asked(
    base: Service,
    method: &'static str,
    resource: &str,
    permission: Option<&'static str>,
) -> RequestContext {
    RequestContext {
        resource: resource.to_owned(),
        permission: permission.map(Into::into),
        ..RequestContext::new(endpoints::service(base), method)
    }
}

/// `projects/-` lets the email alone name the account, wherever it lives.
fn account_path(account: &str, verb: &str) -> String {
    format!("/v1/projects/-/serviceAccounts/{}:{verb}", segment(account))
}

/// IAM's reading of a policy takes its version from the query and has no body.
fn get_spec(account: &str) -> RequestSpec {
    let permission = Some("iam.serviceAccounts.getIamPolicy");
    let asked = asked(Service::Iam, "google.iam.admin.v1.IAM.GetIAMPolicy", account, permission);
    let path = account_path(account, "getIamPolicy");
    RequestSpec {
        query: vec![("options.requestedPolicyVersion", VERSION.to_string())],
        body: Body::Empty,
        ..RequestSpec::post(CallKind::Read, Service::Iam, path, json!(null), asked)
    }
}

fn set_spec(account: &str, policy: &Policy) -> Result<RequestSpec, String> {
    if policy.etag().is_none_or(str::is_empty) {
        return Err(
            "A policy without an etag is never written: it would overwrite whatever is there.".to_owned()
        );
    }
    let permission = Some("iam.serviceAccounts.setIamPolicy");
    let asked = asked(Service::Iam, "google.iam.admin.v1.IAM.SetIAMPolicy", account, permission);
    let body = json!({ "policy": policy.to_write()?, "updateMask": MASK });
    Ok(RequestSpec::post(CallKind::Write, Service::Iam, account_path(account, "setIamPolicy"), body, asked))
}

/// The request for the policy of a level; `None` unless `name` is a project, folder or organization.
fn level_spec(name: &str) -> Option<RequestSpec> {
    let (sort, id) = name.split_once('/')?;
    let (method, permission) = match sort {
        "projects" => {
            ("google.cloudresourcemanager.v3.Projects.GetIamPolicy", "resourcemanager.projects.getIamPolicy")
        }
        "folders" => {
            ("google.cloudresourcemanager.v3.Folders.GetIamPolicy", "resourcemanager.folders.getIamPolicy")
        }
        "organizations" => (
            "google.cloudresourcemanager.v3.Organizations.GetIamPolicy",
            "resourcemanager.organizations.getIamPolicy",
        ),
        _ => return None,
    };
    let asked = asked(Service::Projects, method, name, Some(permission));
    let body = json!({ "options": { "requestedPolicyVersion": VERSION } });
    let path = format!("/v3/{sort}/{}:getIamPolicy", segment(id));
    Some(RequestSpec {
        priority: Some(Priority::Front),
        ..RequestSpec::post(CallKind::Read, Service::Projects, path, body, asked)
    })
}

fn lint_spec(account: &str, full_name: Option<&str>, condition: &Condition) -> RequestSpec {
    let asked = asked(Service::Iam, "google.iam.admin.v1.IAM.LintPolicy", account, None);
    let mut body = json!({ "condition": condition.to_json() });
    // Where the full name is not known the condition is judged on its own.
    if let Some(name) = full_name {
        body["fullResourceName"] = name.into();
    }
    RequestSpec::post(CallKind::Read, Service::Iam, "/v1/iamPolicies:lintPolicy".to_owned(), body, asked)
}

fn read_policy(body: &[u8], base: Service) -> Result<Policy, ApiError> {
    let service = endpoints::name(base);
    let value: serde_json::Value = decode(body, service)?;
    let policy = Policy::parse(value).map_err(|problem| {
        let problem = problem.trim_end_matches('.');
        ApiError::new(ErrorKind::Server, format!("The response from {service} isn't a policy: {problem}."))
            .with_next("Try again; if the error stays, check the endpoint settings.")
    })?;
    // Every policy has one, even one that was never written: without it the answer says nothing about who has access.
    if policy.etag().is_none_or(str::is_empty) {
        return Err(lacks(service, "policy with an etag"));
    }
    Ok(policy)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LintAnswer {
    lint_results: Vec<LintResult>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LintResult {
    severity: String,
    debug_message: String,
    location_offset: u32,
}

fn read_lints(body: &[u8]) -> Result<Vec<Lint>, ApiError> {
    let answer: LintAnswer = decode_list(body, endpoints::name(Service::Iam), &["lintResults"])?;
    let lint = |result: LintResult| Lint {
        severity: result.severity,
        message: result.debug_message,
        offset: result.location_offset,
    };
    Ok(answer.lint_results.into_iter().map(lint).collect())
}

/// Reading a policy and writing this one, as two curl commands for a POSIX shell. The caller's token comes from gcloud,
/// which is kept from writing it to its log; where the services are moved, from `$TOKEN`.
///
/// # Errors
/// One sentence when the policy must not be written.
pub fn curl(account: &str, policy: &Policy, endpoints: &Endpoints) -> Result<String, String> {
    let token = if endpoints.overridden().is_empty() {
        "$(CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud auth print-access-token)"
    } else {
        "$TOKEN"
    };
    let url = |verb: &str| format!("{}{}", endpoints.url(Service::Iam), account_path(account, verb));
    let read = quote(&format!("{}?options.requestedPolicyVersion={VERSION}", url("getIamPolicy")));
    let body = quote(&json!({ "policy": policy.to_write()?, "updateMask": MASK }).to_string());
    let head = format!("curl -sS -X POST -H \"Authorization: Bearer {token}\"");
    // Without data curl says no length, and Google's front end refuses a POST without one.
    Ok(format!(
        "{head} -d '' {read}\n{head} -H 'Content-Type: application/json' -d {body} {}",
        quote(&url("setIamPolicy"))
    ))
}

impl Client {
    /// The allow policy of an account (email or unique ID), with conditions and with every field that came.
    ///
    /// # Errors
    /// As for every call.
    pub async fn get_policy(&self, account: &str) -> Result<Policy, ApiError> {
        read_policy(&self.send(get_spec(account)).await?.body, Service::Iam)
    }

    /// The same as one question of a scan, paced behind all others: see [`crate::http::rate_limiter`].
    ///
    /// # Errors
    /// As for every call.
    pub(crate) async fn scan_policy(&self, account: &str) -> Result<Policy, ApiError> {
        let spec = RequestSpec { priority: Some(Priority::Back), ..get_spec(account) };
        read_policy(&self.send(spec).await?.body, Service::Iam)
    }

    /// Writes the allow policy of an account under the policy's own etag and gives back what is stored then. Sent
    /// once: again only after a 401, which says that nothing was carried out. Who changes a policy calls
    /// [`crate::flows::apply_policy`], which saves, merges and finds out what became of a lost answer.
    ///
    /// # Errors
    /// As for every call, [`ErrorKind::Conflict`] if someone else changed it first, and [`ErrorKind::Invalid`] before
    /// anything is sent for a policy without an etag or one that can't be written without a loss.
    pub(crate) async fn set_policy(&self, account: &str, policy: &Policy) -> Result<Policy, ApiError> {
        let spec = set_spec(account, policy).map_err(|problem| ApiError::new(ErrorKind::Invalid, problem))?;
        read_policy(&self.send(spec).await?.body, Service::Iam)
    }

    /// The allow policy of `projects/x`, `folders/1` or `organizations/2`. Paced, see [`crate::http::rate_limiter`].
    ///
    /// # Errors
    /// As for every call, and [`ErrorKind::Invalid`] for another name.
    pub(crate) async fn level_policy(&self, name: &str) -> Result<Policy, ApiError> {
        let spec = level_spec(name).ok_or_else(|| {
            let shown: String = name.chars().take(80).collect();
            ApiError::new(ErrorKind::Invalid, format!("“{shown}” isn't a project, folder or organization: use projects/ID, folders/NUMBER or organizations/NUMBER."))
        })?;
        read_policy(&self.send(spec).await?.body, Service::Projects)
    }

    /// What Google says about a condition that is meant for an account; nothing when it has nothing to say.
    ///
    /// # Errors
    /// As for every call.
    pub(crate) async fn lint_condition(
        &self,
        account: &str,
        condition: &Condition,
    ) -> Result<Vec<Lint>, ApiError> {
        let name = Account::named(account).full_name();
        read_lints(&self.send(lint_spec(account, name.as_deref(), condition)).await?.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{Server, answer, ok};

    const SA: &str = "sa@my-proj.iam.gserviceaccount.com";
    const CONFLICT: &str = r#"{"error":{"code":409,"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","errors":[{"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","domain":"global","reason":"aborted"}],"status":"ABORTED"}}"#;
    const UNAVAILABLE: &str =
        r#"{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}"#;

    fn policy() -> Policy {
        Policy::from_slice(br#"{"version":1,"etag":"BwWWja0YfJA=","bindings":[{"role":"roles/a","members":["user:a@x.com"]}]}"#)
            .unwrap()
    }

    #[test]
    fn a_policy_that_nobody_wrote_is_an_etag_alone() {
        let policy = read_policy(b"{\n  \"etag\": \"ACAB\"\n}\n", Service::Iam).unwrap();
        assert_eq!((policy.etag(), policy.version(), policy.triples().len()), (Some("ACAB"), 0, 0));
    }

    #[test]
    fn what_is_no_policy_is_the_servers_trouble() {
        for body in [
            &br#"{"bindings":"none"}"#[..],
            b"[]",
            b"",
            b"{",
            b"{}",
            br#"{"error":{"code":403}}"#,
            br#"{"x":1}"#,
        ] {
            assert_eq!(read_policy(body, Service::Iam).unwrap_err().kind, ErrorKind::Server);
        }
    }

    #[tokio::test]
    async fn a_policy_is_asked_for_with_its_conditions_and_without_a_body() {
        let server = Server::start([ok(r#"{"etag":"ACAB"}"#)]).await;
        server.client().get_policy(SA).await.unwrap();
        let request = &server.requests().await[0];
        assert!(
            request.starts_with(
                "POST /v1/projects/-/serviceAccounts/sa%40my-proj.iam.gserviceaccount.com:getIamPolicy?options.requestedPolicyVersion=3 HTTP/1.1\r\n"
            ),
            "{request}"
        );
        assert!(
            request.ends_with("\r\n\r\n") && !request.to_ascii_lowercase().contains("content-type"),
            "{request}"
        );
    }

    #[tokio::test]
    async fn a_write_carries_etag_version_and_mask() {
        let server = Server::start([ok(r#"{"version":1,"etag":"BwX2"}"#)]).await;
        let stored = server.client().set_policy(SA, &policy()).await.unwrap();
        assert_eq!(stored.etag(), Some("BwX2"));
        let request = &server.requests().await[0];
        assert!(request.contains("gserviceaccount.com:setIamPolicy HTTP/1.1"), "{request}");
        let body: serde_json::Value =
            serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(
            body,
            json!({"policy": {"version": 3, "etag": "BwWWja0YfJA=", "bindings": [{"role": "roles/a", "members": ["user:a@x.com"]}]},
                "updateMask": "bindings,etag"})
        );
    }

    #[tokio::test]
    async fn a_write_is_sent_once_whatever_comes_back() {
        for (status, body, kind) in
            [(409, CONFLICT, ErrorKind::Conflict), (503, UNAVAILABLE, ErrorKind::Server)]
        {
            let server = Server::start([answer(status, "", body)]).await;
            assert_eq!(server.client().set_policy(SA, &policy()).await.unwrap_err().kind, kind);
            assert_eq!(server.requests().await.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_policy_without_an_etag_or_read_without_its_conditions_is_never_sent() {
        let server = Server::start([ok("{}")]).await;
        let mangled = br#"{"etag":"BwX1","bindings":[{"role":"roles/a_withcond_0123456789abcdef0123","members":["user:a@x"]}]}"#;
        for body in [&b"{}"[..], br#"{"etag":""}"#, mangled] {
            let policy = Policy::from_slice(body).unwrap();
            assert_eq!(server.client().set_policy(SA, &policy).await.unwrap_err().kind, ErrorKind::Invalid);
        }
        assert!(server.requests().await.is_empty());
    }

    #[tokio::test]
    async fn the_policies_above_are_asked_of_resource_manager() {
        let server = Server::start([ok(r#"{"version":1,"etag":"BwX1"}"#)]).await;
        for name in ["projects/acme-prod", "folders/310000000003", "organizations/2"] {
            server.client().level_policy(name).await.unwrap();
            let request = server.requests().await.pop().unwrap();
            assert!(request.starts_with(&format!("POST /v3/{name}:getIamPolicy HTTP/1.1\r\n")), "{request}");
            assert!(request.ends_with(r#"{"options":{"requestedPolicyVersion":3}}"#), "{request}");
        }
        for wrong in ["", "acme-prod", "billingAccounts/1"] {
            assert_eq!(server.client().level_policy(wrong).await.unwrap_err().kind, ErrorKind::Invalid);
        }
    }

    #[test]
    fn what_google_says_of_a_condition_is_read_and_nothing_is_an_empty_object() {
        assert_eq!(read_lints(b"{}").unwrap(), []);
        let body = br#"{"lintResults":[{"level":"CONDITION","validationUnitName":"lintValidationUnits/ConditionComplexityCheck",
            "severity":"ERROR","fieldName":"condition.expression","locationOffset":12,"debugMessage":"Too complex."}]}"#;
        let lints = read_lints(body).unwrap();
        assert!(lints[0].is_error() && lints[0].offset == 12 && lints[0].message == "Too complex.");
        let spec = lint_spec(SA, Account::named(SA).full_name().as_deref(), &Condition::new("t", "true"));
        let Body::Json(body) = spec.body else { panic!("a JSON body") };
        assert_eq!(
            body["fullResourceName"],
            format!("//iam.googleapis.com/projects/my-proj/serviceAccounts/{SA}")
        );
        assert_eq!(body["condition"]["expression"], "true");
    }
}
