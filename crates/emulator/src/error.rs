//! Google's known refusals, one constructor for each, in the wording seen on the wire. This file owns their
//! bodies; when to refuse is decided elsewhere.

mod accounts;
mod named;
mod oauth;
mod usage;

pub(crate) use named::{FaultContext, is_name, is_oauth, names, speaks_oauth};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::behaviour::{Behaviour, DisabledAccount};
use super::reply;

/// The usual message for a refused argument (issue golang/oauth2#537).
pub(crate) const INVALID_ARGUMENT: &str = "Request contains an invalid argument.";

/// A refusal, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The whole body: JSON, or a text that is sent as it is, which only the world can state.
    pub(crate) body: Value,
    challenge: Option<&'static str>,
}

/// What every handler ends with.
pub(crate) type ApiResult = Result<Response, Failure>;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response: Response<Body> = match &self.body {
            Value::String(text) => reply::text(self.status, text),
            body => reply::exact(self.status, body),
        };
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// The API and the gRPC name of the method, which many details repeat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// As `iamcredentials.googleapis.com`.
    pub(crate) service: &'static str,
    /// As `IAM Service Account Credentials API`.
    pub(crate) title: &'static str,
    /// As `google.iam.credentials.v1.IAMCredentials.SignJwt`.
    pub(crate) method: &'static str,
}

const BAD_TOKEN: &str = r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#;
const NO_TOKEN: &str = r#"Bearer realm="https://accounts.google.com/""#;
const SIGN_IN: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. \
    See https://developers.google.com/identity/sign-in/web/devconsole-project.";

impl Failure {
    fn google(status: u16, name: &str, message: impl Into<String>) -> Failure {
        Failure {
            status: StatusCode::from_u16(status).expect("the statuses in this file are valid"),
            body: json!({"error": {"code": status, "message": message.into(), "status": name}}),
            challenge: None,
        }
    }

    fn oauth(status: u16, error: &str, description: &str) -> Failure {
        let mut failure = Failure::google(status, "", "");
        failure.body = json!({"error": error, "error_description": description});
        failure
    }

    /// A refusal whose body the world states word for word.
    pub(crate) fn verbatim(status: u16, body: Value) -> Failure {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Failure { status, body, challenge: None }
    }

    /// The same refusal in other words, if these are its words.
    pub(crate) fn reworded(mut self, words: &str, others: &str) -> Failure {
        if self.body["error"]["message"] == words {
            self.body["error"]["message"] = others.into();
        }
        self
    }

    fn detail(mut self, kind: &str, mut detail: Value) -> Failure {
        let error = &mut self.body["error"];
        if error["details"].is_null() {
            error["details"] = json!([]);
        }
        let mut tagged = serde_json::Map::new();
        tagged.insert("@type".into(), format!("type.googleapis.com/google.rpc.{kind}").into());
        tagged.append(detail.as_object_mut().expect("details are objects"));
        error["details"].as_array_mut().expect("details were just made").push(tagged.into());
        self
    }

    fn info(self, reason: &str, domain: &str, metadata: Value) -> Failure {
        self.detail("ErrorInfo", json!({"reason": reason, "domain": domain, "metadata": metadata}))
    }

    /// The older `errors` list, which some answers still carry beside `details`.
    fn old_style(mut self, reason: &str) -> Failure {
        let message = self.body["error"]["message"].clone();
        let status = self.body["error"]["status"].take();
        let error = self.body["error"].as_object_mut().expect("an error is an object");
        error.shift_remove("status");
        error.insert("errors".into(), json!([{"message": message, "domain": "global", "reason": reason}]));
        error.insert("status".into(), status);
        self
    }

    fn violation(self, field: &str, description: &str) -> Failure {
        let violation = if field.is_empty() {
            json!({"description": description})
        } else {
            json!({"field": field, "description": description})
        };
        self.detail("BadRequest", json!({"fieldViolations": [violation]}))
    }

    /// IAM's own denial (issue google-github-actions/auth#340).
    pub(crate) fn denied(permission: &str) -> Failure {
        let message = format!("Permission '{permission}' denied on resource (or it may not exist).");
        Failure::google(403, "PERMISSION_DENIED", message).info(
            "IAM_PERMISSION_DENIED",
            "iam.googleapis.com",
            json!({"permission": permission}),
        )
    }

    /// Resource Manager's denial with its details (recalled).
    pub(crate) fn denied_on(permission: &str, resource: &str) -> Failure {
        let message =
            format!("Permission '{permission}' denied on resource '{resource}' (or it may not exist).");
        Failure::google(403, "PERMISSION_DENIED", message).info(
            "IAM_PERMISSION_DENIED",
            "cloudresourcemanager.googleapis.com",
            json!({"permission": permission, "resource": resource}),
        )
    }

    /// What Cloud Asset says to a caller without a permission on a scope, as `folders/5` (seen in a public test; the
    /// details are a guess).
    pub(crate) fn asset_denied(permission: &str, scope: &str) -> Failure {
        let resource = format!("//cloudresourcemanager.googleapis.com/{scope}");
        let message =
            format!("Permission '{permission}' denied on resource '{resource}' (or it may not exist).");
        Failure::google(403, "PERMISSION_DENIED", message).info(
            "IAM_PERMISSION_DENIED",
            "cloudasset.googleapis.com",
            json!({"permission": permission, "resource": resource}),
        )
    }

    /// What Cloud Asset said in its place (captures of 2021 to 2023).
    pub(crate) fn denied_by_cloud_iam() -> Failure {
        let manager = "https://cloud.google.com/resource-manager/docs";
        let links = json!([
            {"description": "To check permissions required for this RPC:",
                "url": "https://cloud.google.com/asset-inventory/docs/access-control#required_permissions"},
            {"description": "To get a valid organization id:", "url": format!(
                "{manager}/creating-managing-organization#retrieving_your_organization_id")},
            {"description": "To get a valid folder or project id:", "url": format!(
                "{manager}/creating-managing-folders#viewing_or_listing_folders_and_projects")}]);
        Failure::google(403, "PERMISSION_DENIED", "Request denied by Cloud IAM.")
            .detail("Help", json!({"links": links}))
    }

    /// What Resource Manager says about policies, even of a project that does not exist.
    pub(crate) fn caller_denied() -> Failure {
        Failure::google(403, "PERMISSION_DENIED", "The caller does not have permission")
    }

    /// An account that does not exist (issue hashicorp/terraform-provider-google#9249).
    pub(crate) fn gaia_not_found(email: &str) -> Failure {
        let message = format!("Not found; Gaia id not found for email {email}");
        Failure::google(404, "NOT_FOUND", message).old_style("notFound")
    }

    /// What IAM says of an account that a known project does not have.
    pub(crate) fn unknown_account() -> Failure {
        Failure::google(404, "NOT_FOUND", "Unknown service account")
    }

    /// Something that does not exist, without its name (issue googleapis/google-cloud-cpp#6637).
    pub(crate) fn not_found() -> Failure {
        Failure::google(404, "NOT_FOUND", "Requested entity was not found.")
    }

    /// A key that does not exist (as Terraform's users quote it).
    pub(crate) fn key_not_found(id: &str) -> Failure {
        Failure::google(404, "NOT_FOUND", format!("Service account key {id} does not exist."))
    }

    /// A role that does not exist ("seen on the wire" for `roles.get`).
    pub(crate) fn role_not_found(name: &str) -> Failure {
        Failure::google(404, "NOT_FOUND", format!("The role named {name} was not found."))
    }

    /// A token without the scopes of the API (issue fluent/fluent-bit#5410).
    pub(crate) fn scope_insufficient(at: Place) -> Failure {
        Failure::google(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.").info(
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "googleapis.com",
            json!({"service": at.service, "method": at.method}),
        )
    }

    fn unauthenticated(at: Place, reason: &str) -> Failure {
        let message = format!("Request had invalid authentication credentials. {SIGN_IN}");
        let mut failure = Failure::google(401, "UNAUTHENTICATED", message).info(
            reason,
            "googleapis.com",
            json!({"method": at.method, "service": at.service}),
        );
        failure.challenge = Some(BAD_TOKEN);
        failure
    }

    /// A 401 for a bad token, without a reason.
    fn bare_unauthenticated() -> Failure {
        let message = format!("Request had invalid authentication credentials. {SIGN_IN}");
        let mut failure = Failure::google(401, "UNAUTHENTICATED", message);
        failure.challenge = Some(BAD_TOKEN);
        failure
    }

    pub(crate) fn expired(at: Place) -> Failure {
        Failure::unauthenticated(at, "ACCESS_TOKEN_EXPIRED")
    }

    /// A bearer other than an access token of ours.
    pub(crate) fn unsupported_token(at: Place) -> Failure {
        Failure::unauthenticated(at, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
    }

    /// The token of an account that was disabled or deleted since.
    pub(crate) fn account_state(at: Place) -> Failure {
        Failure::unauthenticated(at, "ACCOUNT_STATE_INVALID")
    }

    /// A call without credentials (quoted in public issues).
    pub(crate) fn no_credentials(at: Place) -> Failure {
        let message = format!("Request is missing required authentication credential. {SIGN_IN}");
        let mut failure = Failure::google(401, "UNAUTHENTICATED", message);
        failure.body["error"]["errors"] = json!([{"message": "Login Required.", "domain": "global",
            "reason": "required", "location": "Authorization", "locationType": "header"}]);
        let mut failure = failure.info(
            "CREDENTIALS_MISSING",
            "googleapis.com",
            json!({"method": at.method, "service": at.service}),
        );
        failure.challenge = Some(NO_TOKEN);
        failure
    }

    /// An API that is off in the project that pays (as public repositories quote it). `consumer` is a project number.
    pub(crate) fn service_disabled(at: Place, consumer: &str) -> Failure {
        let Place { service, title, .. } = at;
        let url =
            format!("https://console.developers.google.com/apis/api/{service}/overview?project={consumer}");
        let message = format!(
            "{title} has not been used in project {consumer} before or it is disabled. Enable it by visiting {url} \
             then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our \
             systems and retry."
        );
        Failure::google(403, "PERMISSION_DENIED", message)
            .detail(
                "Help",
                json!({"links": [{"description": "Google developers console API activation", "url": url}]}),
            )
            .info(
                "SERVICE_DISABLED",
                "googleapis.com",
                json!({"consumer": format!("projects/{consumer}"), "service": service}),
            )
    }

    /// An API that is off in the project of a user's OAuth client, which pays where no quota project is named (issue
    /// GoogleCloudPlatform/cloud-foundation-fabric#2621).
    pub(crate) fn quota_project_required(service: &str, consumer: &str) -> Failure {
        let message = format!(
            "Your application is authenticating by using local Application Default Credentials. The {service} API \
             requires a quota project, which is not set by default. To learn how to set your quota project, see \
             https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds ."
        );
        Failure::google(403, "PERMISSION_DENIED", message).info(
            "SERVICE_DISABLED",
            "googleapis.com",
            json!({"consumer": format!("projects/{consumer}"), "service": service}),
        )
    }

    /// A quota project that the caller isn't allowed to use (issue google-github-actions/auth#250).
    pub(crate) fn user_project_denied(service: &str, project: &str) -> Failure {
        let url = format!("https://console.developers.google.com/iam-admin/iam/project?project={project}");
        let message = format!(
            "Caller does not have required permission to use project {project}. Grant the caller the \
             roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use \
             permission, by visiting {url} and then retry. Propagation of the new permission may take a few minutes."
        );
        Failure::google(403, "PERMISSION_DENIED", message)
            .detail(
                "Help",
                json!({"links": [{"description": "Google developer console IAM admin", "url": url}]}),
            )
            .info(
                "USER_PROJECT_DENIED",
                "googleapis.com",
                json!({"consumer": format!("projects/{project}"), "service": service}),
            )
    }

    /// A quota project that does not exist (quoted in public issues).
    pub(crate) fn consumer_invalid(service: &str, project: &str) -> Failure {
        let message = format!("Permission denied on resource project {project}.");
        Failure::google(403, "PERMISSION_DENIED", message.clone())
            .info(
                "CONSUMER_INVALID",
                "googleapis.com",
                json!({"containerInfo": project, "service": service, "consumer": format!("projects/{project}")}),
            )
            .detail("LocalizedMessage", json!({"locale": "en-US", "message": message}))
            .detail(
                "Help",
                json!({"links": [{"description": "Google developers console",
                    "url": "https://console.developers.google.com"}]}),
            )
    }

    /// A wrong argument, without details (issue golang/oauth2#537).
    pub(crate) fn invalid_argument() -> Failure {
        Failure::invalid(INVALID_ARGUMENT)
    }

    /// A refused argument in other words (a member or a policy version, among others).
    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure::google(400, "INVALID_ARGUMENT", message)
    }

    /// A permission that does not apply to the resource on which it was tested (as tools that try many quote it).
    pub(crate) fn not_testable(permission: &str) -> Failure {
        Failure::invalid(format!("Permission {permission} is not valid for this resource."))
    }

    /// A field that the message does not have (issue GoogleCloudPlatform/cloud-foundation-toolkit#149).
    /// `at` is the path of the enclosing message, empty at the root.
    pub(crate) fn unknown_field(name: &str, at: &str) -> Failure {
        let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
        let message =
            format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
        Failure::invalid(message.clone()).violation(at, &message)
    }

    /// A parameter that the method does not have (issue pulumi/pulumi-google-native#836).
    pub(crate) fn unknown_query(name: &str) -> Failure {
        let message = format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. \
             Field '{name}' could not be found in request message."
        );
        Failure::invalid(message.clone()).violation("", &message)
    }

    /// A value of the wrong type or form (recalled). `field` is the path in snake case, `problem` what follows it.
    pub(crate) fn invalid_value(field: &str, problem: &str) -> Failure {
        let message = format!("Invalid value at '{field}' {problem}");
        Failure::invalid(message.clone()).violation(field, &message)
    }

    /// A field mask that cannot be read (recalled).
    pub(crate) fn bad_fields(mask: &str) -> Failure {
        let problem =
            format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{mask}'.");
        Failure::invalid_argument().violation("fields", &problem)
    }

    /// A body that is not JSON (recalled).
    pub(crate) fn malformed(problem: &str) -> Failure {
        let message = format!("Invalid JSON payload received. {problem}");
        Failure::invalid(message.clone()).violation("", &message)
    }

    /// A stale etag (issue DataBiosphere/leonardo#737).
    pub(crate) fn conflict() -> Failure {
        Failure::google(
            409,
            "ABORTED",
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
        )
        .old_style("aborted")
    }

    /// A policy with more members than it can have (issue hashicorp/terraform-provider-google#25093).
    /// `count` has been written with thousands commas.
    pub(crate) fn too_many_members(count: &str) -> Failure {
        Failure::invalid(format!(
            "The number of members in the policy ({count}) is larger than the maximum allowed size 1,500."
        ))
    }

    /// New owners, who have to be invited in the console (issue hashicorp/terraform-provider-google#4276).
    pub(crate) fn uninvited_owners(members: &[String], role: &str, kind: &str) -> Failure {
        let mut failure = Failure::invalid_argument();
        let details = members.iter().map(|member| {
            json!({"@type": "type.googleapis.com/google.cloudresourcemanager.v1.ProjectIamPolicyError",
                "member": member, "role": role, "type": kind})
        });
        failure.body["error"]["details"] = details.collect();
        failure
    }

    /// An exhausted quota (issue GoogleCloudPlatform/java-docs-samples#1570, with today's metadata).
    /// `metric` is its title and its id, `limit` the id of the limit.
    fn quota(service: &str, consumer: &str, metric: (&str, &str), limit: &str, value: u32) -> Failure {
        let (title, metric) = metric;
        let message = format!(
            "Quota exceeded for quota metric '{title}' and limit '{title} per minute' of service '{service}' for \
             consumer 'project_number:{consumer}'."
        );
        Failure::google(429, "RESOURCE_EXHAUSTED", message)
            .info(
                "RATE_LIMIT_EXCEEDED",
                "googleapis.com",
                json!({"service": service, "quota_metric": format!("{service}/{metric}"),
                    "quota_location": "global", "quota_limit": limit,
                    "quota_limit_value": value.to_string(), "consumer": format!("projects/{consumer}")}),
            )
            .detail(
                "Help",
                json!({"links": [{"description": "Request a higher quota limit.",
                    "url": "https://cloud.google.com/docs/quota#requesting_higher_quota"}]}),
            )
    }

    /// A member whom an organization policy keeps out (quoted in public issues). There are two blanks.
    pub(crate) fn not_permitted_customer() -> Failure {
        Failure::invalid(
            "One or more users named in the policy do not belong to a permitted customer,  perhaps due to an \
             organization policy.",
        )
    }

    /// An analysis of policies that asks for what cannot be asked (quoted in a public issue).
    pub(crate) fn invalid_analysis(field: &str, problem: &str) -> Failure {
        Failure::invalid("Some specified value(s) are invalid.").violation(field, problem)
    }

    /// An exhausted quota, without a reason.
    pub(crate) fn exhausted() -> Failure {
        Failure::google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
    }

    /// A documented method that the emulator does not serve. The words are ours.
    pub(crate) fn not_served(method: &str) -> Failure {
        let message = format!(
            "the emulator does not serve {method}; a fault of the method \"unrouted\" can answer in its place"
        );
        Failure::google(501, "UNIMPLEMENTED", message)
    }

    /// A malformed name of an account (issue googleapis/google-cloud-cpp#6480).
    pub(crate) fn bad_account_name() -> Failure {
        Failure::invalid(
            "The name should be in the form \"projects/{project_id}/serviceAccounts/{account}\".",
        )
    }

    /// A service that is temporarily unavailable (recalled).
    pub(crate) fn unavailable() -> Failure {
        Failure::google(503, "UNAVAILABLE", "The service is currently unavailable.")
    }

    /// An internal error (recalled).
    pub(crate) fn internal() -> Failure {
        Failure::google(500, "INTERNAL", "Internal error encountered.")
    }

    /// A lifetime of zero or less (measured in 2026).
    pub(crate) fn short_lifetime() -> Failure {
        Failure::invalid("Lifetime of access token must be larger then zero.")
    }

    /// A lifetime over the maximum. What was measured in 2026 begins with "can not": the subject is ours, and so
    /// is the sentence for an account that has the extension already.
    pub(crate) fn long_lifetime(is_extended: bool) -> Failure {
        Failure::invalid(match is_extended {
            false => {
                "Access tokens can not have lifetimes of more than 1 hour. Use the Org Policy Constraint \
                 constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours."
            }
            true => "Access tokens can not have lifetimes of more than 12 hours.",
        })
    }

    /// A mint for a disabled account. The exact body is not known: status and text are the world's, the reason is ours.
    pub(crate) fn account_disabled(at: Place, email: &str, how: &Behaviour) -> Failure {
        let (status, name) = match how.disabled_account {
            DisabledAccount::FailedPrecondition => (400, "FAILED_PRECONDITION"),
            DisabledAccount::PermissionDenied => (403, "PERMISSION_DENIED"),
        };
        Failure::google(status, name, how.messages.disabled_account.replace("{email}", email)).info(
            "ACCOUNT_STATE_INVALID",
            "googleapis.com",
            json!({"service": at.service, "method": at.method, "email": email}),
        )
    }

    /// VPC Service Controls (ErrorInfo reason and keys from error_reason.proto, the violation recalled). `uid` is what
    /// an administrator finds the refusal by.
    pub(crate) fn perimeter(service: &str, consumer: &str, uid: &str) -> Failure {
        let message = format!(
            "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: {uid}"
        );
        Failure::google(403, "PERMISSION_DENIED", message)
            .detail(
                "PreconditionFailure",
                json!({"violations": [{"type": "VPC_SERVICE_CONTROLS", "description": uid}]}),
            )
            .info(
                "SECURITY_POLICY_VIOLATED",
                "googleapis.com",
                json!({"uid": uid, "consumer": format!("projects/{consumer}"), "service": service}),
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_is_not_there_reads_as_it_was_captured() {
        let failure = Failure::gaia_not_found("x@p.iam.gserviceaccount.com");
        let message = "Not found; Gaia id not found for email x@p.iam.gserviceaccount.com";
        let expected = json!({"error": {"code": 404, "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "notFound"}], "status": "NOT_FOUND"}});
        assert_eq!(failure.body.to_string(), expected.to_string());
    }

    #[test]
    fn a_nested_unknown_field_names_where_it_was() {
        let failure = Failure::unknown_field("x", "service_account");
        assert_eq!(
            failure.body["error"]["message"],
            "Invalid JSON payload received. Unknown name \"x\" at 'service_account': Cannot find field."
        );
        assert_eq!(failure.body["error"]["details"][0]["fieldViolations"][0]["field"], "service_account");
    }
}
