//! Refusals that a fault can select by name, each as the method that is hit would word it: with its own
//! permission and quota, and in OAuth's form where the service uses that.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Failure, Place};
use crate::reply;

/// Where a named refusal happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultContext<'a> {
    /// The API and the gRPC name of the method.
    pub(crate) at: Place,
    /// The short name of the method, as `iamcredentials.signJwt`.
    pub(crate) method: &'a str,
    /// The number of the project that is charged.
    pub(crate) consumer: &'a str,
    /// What the path is about in Resource Manager, as `projects/p`; empty elsewhere.
    pub(crate) resource: &'a str,
    /// How many calls a minute there is room for, if the world says so.
    pub(crate) per_minute: Option<u32>,
}

/// A named refusal: its name, what it is, and how it reads.
type Named = (&'static str, &'static str, fn(&FaultContext<'_>) -> Failure);

/// What any of Google's APIs may answer.
const GENERAL: &[Named] = &[
    ("PERMISSION_DENIED", "403, without the permission", |_| Failure::caller_denied()),
    ("IAM_PERMISSION_DENIED", "403, the method's own permission is missing", Failure::denied_here),
    ("CREDENTIALS_MISSING", "401, no credentials", |context| Failure::no_credentials(context.at)),
    ("UNAUTHENTICATED", "401, without a reason", |_| Failure::bare_unauthenticated()),
    ("ACCESS_TOKEN_EXPIRED", "401", |context| Failure::expired(context.at)),
    ("ACCESS_TOKEN_TYPE_UNSUPPORTED", "401, not an access token of Google's", |context| {
        Failure::unsupported_token(context.at)
    }),
    ("ACCOUNT_STATE_INVALID", "401, the account was disabled", |context| Failure::account_state(context.at)),
    ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "403", |context| Failure::scope_insufficient(context.at)),
    ("SERVICE_DISABLED", "403, the API is off in the project that is charged", |context| {
        Failure::service_disabled(context.at, context.consumer)
    }),
    ("USER_PROJECT_DENIED", "403, the caller can't use that project", |context| {
        Failure::user_project_denied(context.at.service, context.consumer)
    }),
    ("CONSUMER_INVALID", "403, there is no such project", |context| {
        Failure::consumer_invalid(context.at.service, context.consumer)
    }),
    ("SECURITY_POLICY_VIOLATED", "403, VPC Service Controls", |context| {
        Failure::perimeter(context.at.service, context.consumer, "EMULATORperimeter0001")
    }),
    ("INVALID_ARGUMENT", "400", |_| Failure::invalid_argument()),
    ("FAILED_PRECONDITION", "400", |_| Failure::failed_precondition()),
    ("OUT_OF_RANGE", "400", |_| Failure::google(400, "OUT_OF_RANGE", "The value is out of range.")),
    ("NOT_FOUND", "404", |_| Failure::not_found()),
    ("ABORTED", "409, someone else wrote the policy", |_| Failure::conflict()),
    ("ALREADY_EXISTS", "409", |_| Failure::google(409, "ALREADY_EXISTS", "Requested entity already exists")),
    ("RATE_LIMIT_EXCEEDED", "429, the method's own quota", Failure::quota_here),
    ("RESOURCE_EXHAUSTED", "429, without a reason", |_| Failure::exhausted()),
    ("CANCELLED", "499", |_| Failure::google(499, "CANCELLED", "The operation was cancelled.")),
    ("INTERNAL", "500", |_| Failure::internal()),
    ("UNKNOWN", "500", |_| Failure::google(500, "UNKNOWN", "Unknown Error.")),
    ("DATA_LOSS", "500", |_| Failure::google(500, "DATA_LOSS", "Unrecoverable data loss or corruption.")),
    ("UNIMPLEMENTED", "501", |_| {
        Failure::google(501, "UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled.")
    }),
    ("UNAVAILABLE", "503", |_| Failure::unavailable()),
    ("DEADLINE_EXCEEDED", "504", |_| {
        Failure::google(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
    }),
];

/// What only the token endpoint and the Security Token Service answer.
const OF_OAUTH: &[Named] = &[
    ("INVALID_RAPT", "400 of the token endpoint, the user has to reauthenticate", |_| {
        Failure::invalid_rapt()
    }),
    ("INVALID_GRANT", "400 of the token endpoint, the login has ended", |_| Failure::grant_ended()),
    ("INVALID_SCOPE", "400 of the token endpoint", |_| Failure::invalid_scope()),
    ("INVALID_TARGET", "400 of the Security Token Service, no such pool or provider", |_| {
        Failure::invalid_target()
    }),
    ("INVALID_CLIENT", "401 of the token endpoint, no such OAuth client", |_| Failure::invalid_client()),
    ("UNAUTHORIZED_CLIENT", "401 of the token endpoint, no domain-wide delegation", |_| {
        Failure::unauthorized_client()
    }),
    (
        "ATTRIBUTE_CONDITION",
        "400 of the Security Token Service, the provider's condition does not hold",
        |_| Failure::attribute_condition(),
    ),
];

/// Reasons of `google.api.ErrorReason` that are PERMISSION_DENIED with a consumer and a service.
const FORBIDDEN: &[&str] = &[
    "ACCOUNT_TYPE_UNSUPPORTED",
    "API_KEY_SERVICE_BLOCKED",
    "BILLING_DISABLED",
    "CONSUMER_SUSPENDED",
    "CREDENTIAL_TYPE_UNSUPPORTED",
    "ENDPOINT_USAGE_RESTRICTION_VIOLATED",
    "GCP_SUSPENDED",
    "LOCATION_ORG_POLICY_VIOLATED",
    "LOCATION_POLICY_VIOLATED",
    "LOCATION_TAX_POLICY_VIOLATED",
    "ORG_RESTRICTION_VIOLATION",
    "RESOURCE_USAGE_RESTRICTION_VIOLATED",
    "SERVICE_NOT_VISIBLE",
    "TLS_ORG_POLICY_VIOLATED",
    "USER_BLOCKED_BY_ADMIN",
];

/// Every name, and what it is.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_families = GENERAL.iter().chain(OF_OAUTH).map(|(name, what, _)| (*name, *what));
    of_families.chain(FORBIDDEN.iter().map(|reason| (*reason, "403")))
}

/// Whether there is a refusal of that name.
pub(crate) fn is_name(name: &str) -> bool {
    names().any(|(known, _)| known == name)
}

/// Whether a method may refuse in OAuth's form: the token service and the userinfo endpoints do.
pub(crate) fn speaks_oauth(method: &str) -> bool {
    method.starts_with("oauth2.") || method.starts_with("sts.")
}

/// Whether only the token endpoint and the Security Token Service refuse in that form.
pub(crate) fn is_oauth(name: &str) -> bool {
    OF_OAUTH.iter().any(|(known, ..)| *known == name)
}

impl Failure {
    pub(crate) fn named(name: &str, context: &FaultContext<'_>) -> Option<Failure> {
        if let Some(failure) = Failure::of_oauth(name, context) {
            return Some(failure);
        }
        if let Some((.., refusal)) = GENERAL.iter().chain(OF_OAUTH).find(|(known, ..)| *known == name) {
            return Some(refusal(context));
        }
        let reason = FORBIDDEN.iter().find(|reason| **reason == name)?;
        let FaultContext { at, consumer, .. } = *context;
        let failure = Failure::google(403, "PERMISSION_DENIED", forbidden(reason, at.service, consumer));
        let metadata = json!({"consumer": format!("projects/{consumer}"), "service": at.service});
        Some(failure.info(reason, "googleapis.com", metadata))
    }

    /// What the token endpoint and the Security Token Service say in OAuth's form where others say it in Google's. The
    /// codes for server trouble are those that google-auth tries again for; what the Security Token Service
    /// says when it throttles is on Google's troubleshooting pages, the other texts are ours.
    fn of_oauth(name: &str, context: &FaultContext<'_>) -> Option<Failure> {
        let sts = context.at.service == "sts.googleapis.com";
        if !(sts || context.method == "oauth2.token") {
            return None;
        }
        let (throttled, why) = match sts {
            true => (
                "quota_exceeded",
                "The request was throttled due to rate limit: sts.googleapis.com/requests. Please retry after a few \
                 seconds.",
            ),
            false => (
                "rate_limit_exceeded",
                "The request was throttled due to rate limit. Please retry after a few seconds.",
            ),
        };
        let (status, error, description) = match name {
            "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => {
                (400, "invalid_request", "Bad Request")
            }
            "UNAUTHENTICATED" => (401, "invalid_client", "Unauthorized"),
            "PERMISSION_DENIED" => (403, "access_denied", "The caller does not have permission"),
            "RATE_LIMIT_EXCEEDED" | "RESOURCE_EXHAUSTED" => (429, throttled, why),
            "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => (500, "internal_failure", "Internal error encountered."),
            "UNAVAILABLE" => (503, "temporarily_unavailable", "The service is currently unavailable."),
            "DEADLINE_EXCEEDED" => (504, "server_error", "Deadline expired before operation could complete."),
            _ => return None,
        };
        Some(Failure::oauth(status, error, description))
    }

    /// The denial as the service of the method words it, with the permission that the method needs.
    fn denied_here(context: &FaultContext<'_>) -> Failure {
        let (api, rest) = context.method.split_once('.').unwrap_or((context.method, ""));
        match api {
            "cloudresourcemanager" if !context.resource.is_empty() => Failure::denied_on(
                &permission(context.method),
                &format!("//cloudresourcemanager.googleapis.com/{}", context.resource),
            ),
            "cloudasset" if !context.resource.is_empty() => {
                Failure::asset_denied(&permission(context.method), context.resource)
            }
            "serviceusage" => {
                Failure::service_usage_denied(&rest.trim_start_matches("services.").replace('.', " "))
            }
            _ => Failure::denied(&permission(context.method)),
        }
    }

    /// The method's own quota, exhausted: what the metric and its limit are called, and the limits, are known for some of
    /// the services only (quota pages of IAM); the others have the general one.
    fn quota_here(context: &FaultContext<'_>) -> Failure {
        let service = context.at.service;
        let method = context.method.rsplit('.').next().unwrap_or_default();
        let (title, metric, limit, value) = match service {
            "iamcredentials.googleapis.com" if method.starts_with("sign") => {
                ("Sign JWT or blob request", "sign_jwt_or_blob", "SignJwtOrBlob", 60_000)
            }
            "iamcredentials.googleapis.com" => {
                ("Generate credentials request", "generate_credentials", "GenerateCredentials", 60_000)
            }
            "iam.googleapis.com" if WRITES.iter().any(|verb| method.starts_with(verb)) => {
                ("Write requests", "write_requests", "WriteRequests", 600)
            }
            "iam.googleapis.com" => ("Read requests", "read_requests", "ReadRequests", 6_000),
            // Of Cloud Asset the titles and the figures are known (issue GoogleCloudPlatform/professional-services#808, its
            // quotas page), the ids follow the titles.
            "cloudasset.googleapis.com" if method == "searchAllIamPolicies" => (
                "SearchAllIamPolicies Requests",
                "search_all_iam_policies_requests",
                "SearchAllIamPoliciesRequests",
                400,
            ),
            "cloudasset.googleapis.com" if method == "searchAllResources" => (
                "SearchAllResources Requests",
                "search_all_resources_requests",
                "SearchAllResourcesRequests",
                400,
            ),
            "cloudasset.googleapis.com" => {
                ("AnalyzeIamPolicy Requests", "analyze_iam_policy_requests", "AnalyzeIamPolicyRequests", 100)
            }
            _ => ("Default requests", "default_requests", "DefaultRequests", 900),
        };
        Failure::quota(
            service,
            context.consumer,
            (title, metric),
            &format!("{limit}PerMinutePerProject"),
            context.per_minute.unwrap_or(value),
        )
    }

    /// A refusal with the pause that the server asks for, if it is in Google's form.
    pub(crate) fn retry_info(self, milliseconds: Option<u64>) -> Failure {
        match milliseconds {
            Some(pause) if self.body["error"].is_object() => {
                let delay = match pause % 1_000 {
                    0 => format!("{}s", pause / 1_000),
                    rest => format!("{}.{rest:03}s", pause / 1_000),
                };
                self.detail("RetryInfo", json!({"retryDelay": delay}))
            }
            _ => self,
        }
    }

    /// The refusal of a service without a form for errors: its text alone.
    pub(crate) fn into_plain(self) -> Response {
        let text = format!("{}\n", self.text());
        let mut plain = reply::plain(self.status, &text);
        let whole = self.into_response();
        for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
            if let Some(value) = whole.headers().get(&name) {
                plain.headers_mut().insert(name, value.clone());
            }
        }
        plain
    }

    fn text(&self) -> &str {
        let error = &self.body["error"];
        let told = [&error["message"], &self.body["error_description"], error];
        told.into_iter().find_map(Value::as_str).unwrap_or_default()
    }
}

/// The prefixes of IAM's methods that change something.
const WRITES: [&str; 8] = ["set", "create", "patch", "update", "delete", "undelete", "disable", "enable"];

/// The message for one of the reasons of `FORBIDDEN`. Two were seen on the wire, of the second only how it calls an API
/// key; the texts of the others are ours.
fn forbidden(reason: &str, service: &str, consumer: &str) -> String {
    match reason {
        "BILLING_DISABLED" => format!(
            "This API method requires billing to be enabled. Please enable billing on project #{consumer} by visiting \
             https://console.developers.google.com/billing/enable?project={consumer} then retry. If you enabled billing \
             for this project recently, wait a few minutes for the action to propagate to our systems and retry."
        ),
        "CONSUMER_SUSPENDED" => {
            format!("Permission denied: Consumer 'project_number:{consumer}' has been suspended.")
        }
        _ => format!("The request was refused by {service} ({reason})."),
    }
}

/// The permission that a method needs, by the method's short name.
fn permission(method: &str) -> String {
    let (api, rest) = method.split_once('.').unwrap_or((method, ""));
    // The older versions of Resource Manager and of the troubleshooter say so in their names.
    let rest = match rest.split_once('.') {
        Some((version, rest))
            if version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit()) =>
        {
            rest
        }
        _ => rest,
    };
    match (api, rest) {
        ("iamcredentials", "generateAccessToken") => "iam.serviceAccounts.getAccessToken".to_owned(),
        ("iamcredentials", "generateIdToken") => "iam.serviceAccounts.getOpenIdToken".to_owned(),
        ("iamcredentials", "signBlob" | "signJwt") => format!("iam.serviceAccounts.{rest}"),
        ("iamcredentials", _) => "iam.serviceAccounts.get".to_owned(),
        ("iam", "roles.queryGrantableRoles") => "iam.roles.list".to_owned(),
        ("iam", _) if rest.starts_with("keys.") => rest.replacen("keys", "iam.serviceAccountKeys", 1),
        ("iam", _) if rest.contains("roles.") => {
            format!("iam.roles.{}", rest.rsplit('.').next().unwrap_or_default())
        }
        ("iam", "serviceAccounts.patch") => "iam.serviceAccounts.update".to_owned(),
        ("iam", _) if rest.starts_with("denyPolicies.") => format!("iam.{}", rest.to_lowercase()),
        ("iam", _) if rest.starts_with("work") => format!("iam.googleapis.com/{rest}"),
        ("iam", _) => format!("iam.{rest}"),
        ("cloudresourcemanager", _) => {
            let (collection, action) = rest.split_once('.').unwrap_or((rest, "get"));
            let action = if matches!(action, "search" | "getAncestry") { "get" } else { action };
            format!("resourcemanager.{collection}.{action}")
        }
        ("cloudasset", _) => format!("cloudasset.assets.{rest}"),
        ("policyanalyzer", _) => "policyanalyzer.serviceAccountLastAuthenticationActivities.query".to_owned(),
        ("policytroubleshooter", _) => "iam.policies.troubleshoot".to_owned(),
        _ => method.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    fn named(name: &str, service: &'static str, method: &str, per_minute: Option<u32>) -> Failure {
        let at = Place { service, title: "X", method: "google.X" };
        let context = FaultContext { at, method, consumer: "7", resource: "projects/p", per_minute };
        Failure::named(name, &context).unwrap()
    }

    #[test]
    fn every_name_of_the_list_is_a_refusal_with_the_status_it_says() {
        for (name, told) in names() {
            let failure = named(name, "iam.googleapis.com", "iam.roles.get", None);
            assert!(told.starts_with(failure.status.as_str()), "{name}: {} {told}", failure.status);
        }
        assert!(!is_name("TEAPOT"));
    }

    #[test]
    fn a_denial_names_the_permission_of_the_method_that_is_hit() {
        for (service, method, permission) in [
            ("iamcredentials.googleapis.com", "iamcredentials.signJwt", "iam.serviceAccounts.signJwt"),
            (
                "iamcredentials.googleapis.com",
                "iamcredentials.generateIdToken",
                "iam.serviceAccounts.getOpenIdToken",
            ),
            ("iam.googleapis.com", "iam.serviceAccounts.setIamPolicy", "iam.serviceAccounts.setIamPolicy"),
            ("iam.googleapis.com", "iam.keys.list", "iam.serviceAccountKeys.list"),
            ("iam.googleapis.com", "iam.serviceAccounts.patch", "iam.serviceAccounts.update"),
            ("iam.googleapis.com", "iam.denyPolicies.get", "iam.denypolicies.get"),
            ("iam.googleapis.com", "iam.workforcePools.list", "iam.googleapis.com/workforcePools.list"),
            ("iam.googleapis.com", "iam.projects.roles.get", "iam.roles.get"),
            (
                "cloudresourcemanager.googleapis.com",
                "cloudresourcemanager.v1.projects.getIamPolicy",
                "resourcemanager.projects.getIamPolicy",
            ),
            (
                "cloudasset.googleapis.com",
                "cloudasset.searchAllResources",
                "cloudasset.assets.searchAllResources",
            ),
        ] {
            let body = named("IAM_PERMISSION_DENIED", service, method, None).body;
            assert_eq!(body["error"]["details"][0]["metadata"]["permission"], permission, "{method}");
            assert!(body["error"]["message"].as_str().unwrap().contains(permission), "{method}");
        }
        let body = named(
            "IAM_PERMISSION_DENIED",
            "serviceusage.googleapis.com",
            "serviceusage.services.enable",
            None,
        );
        assert_eq!(body.body["error"]["details"][1]["reason"], "AUTH_PERMISSION_DENIED");
        // A permission that is made of a name has its shape.
        for name in routes::names().filter(|name| name.starts_with("iam") || name.starts_with("cloud")) {
            let permission = permission(name);
            let short = permission.replacen("iam.googleapis.com/", "iam.", 1);
            assert_eq!(short.matches('.').count(), 2, "{name}: {permission}");
        }
    }

    #[test]
    fn a_quota_is_the_one_of_the_method_and_of_the_world() {
        let metric = |service, method, per_minute| {
            let body = named("RATE_LIMIT_EXCEEDED", service, method, per_minute).body;
            let metadata = &body["error"]["details"][0]["metadata"];
            assert_eq!(
                (&metadata["service"], &metadata["consumer"]),
                (&json!(service), &json!("projects/7"))
            );
            format!(
                "{} {}",
                metadata["quota_metric"].as_str().unwrap(),
                metadata["quota_limit_value"].as_str().unwrap()
            )
        };
        let iam = "iam.googleapis.com";
        assert_eq!(metric(iam, "iam.serviceAccounts.get", None), "iam.googleapis.com/read_requests 6000");
        for write in ["iam.serviceAccounts.setIamPolicy", "iam.serviceAccounts.undelete", "iam.keys.create"] {
            assert_eq!(metric(iam, write, Some(2)), "iam.googleapis.com/write_requests 2", "{write}");
        }
        let asset = |method| metric("cloudasset.googleapis.com", method, None);
        for (method, expected) in [
            ("cloudasset.searchAllIamPolicies", "search_all_iam_policies_requests 400"),
            ("cloudasset.searchAllResources", "search_all_resources_requests 400"),
            ("cloudasset.analyzeIamPolicy", "analyze_iam_policy_requests 100"),
        ] {
            assert_eq!(asset(method), format!("cloudasset.googleapis.com/{expected}"));
        }
        let told = named(
            "RATE_LIMIT_EXCEEDED",
            "cloudasset.googleapis.com",
            "cloudasset.searchAllIamPolicies",
            None,
        );
        assert_eq!(
            told.body["error"]["message"],
            "Quota exceeded for quota metric 'SearchAllIamPolicies Requests' and limit 'SearchAllIamPolicies Requests per \
             minute' of service 'cloudasset.googleapis.com' for consumer 'project_number:7'."
        );
        let other = metric("policyanalyzer.googleapis.com", "policyanalyzer.activities.query", None);
        assert_eq!(other, "policyanalyzer.googleapis.com/default_requests 900");
    }

    #[test]
    fn what_speaks_oauth_refuses_in_its_form_and_in_words_that_clients_try_again_for() {
        for (service, method, throttled) in [
            ("oauth2.googleapis.com", "oauth2.token", "rate_limit_exceeded"),
            ("sts.googleapis.com", "sts.token", "quota_exceeded"),
        ] {
            for (name, status, error) in [
                ("UNAVAILABLE", 503, "temporarily_unavailable"),
                ("INTERNAL", 500, "internal_failure"),
                ("RATE_LIMIT_EXCEEDED", 429, throttled),
                ("INVALID_SCOPE", 400, "invalid_scope"),
            ] {
                let failure = named(name, service, method, None);
                assert_eq!(
                    (failure.status.as_u16(), &failure.body["error"]),
                    (status, &json!(error)),
                    "{method}"
                );
            }
        }
    }

    #[test]
    fn a_pause_is_told_with_its_milliseconds_where_the_form_has_room_for_it() {
        let failure =
            named("UNAVAILABLE", "iam.googleapis.com", "iam.roles.get", None).retry_info(Some(1_500));
        let detail = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"});
        assert_eq!(failure.body["error"]["details"], json!([detail]));
        let failure =
            named("INVALID_GRANT", "oauth2.googleapis.com", "oauth2.token", None).retry_info(Some(2_000));
        assert!(!failure.body.to_string().contains("RetryInfo"));
    }
}
