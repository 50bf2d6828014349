//! The refusals that a fault may name instead of spelling them out.

use serde_json::json;

use super::super::behaviour::Behaviour;
use super::{Failure, Place};

/// The consumer in errors that a fault asks for by name.
const CONSUMER: &str = "415104041262";

/// Reasons of `google.api.ErrorReason` that are PERMISSION_DENIED with a consumer and a service and whose wording was
/// never seen: the texts are ours.
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

impl Failure {
    /// The refusal of that name: a status, a reason, or an error of the token endpoint.
    pub fn named(name: &str, at: Place, how: &Behaviour) -> Option<Failure> {
        Some(match name {
            "PERMISSION_DENIED" => Failure::caller_denied(),
            "IAM_PERMISSION_DENIED" => Failure::denied("iam.serviceAccounts.getAccessToken"),
            "CREDENTIALS_MISSING" => Failure::no_credentials(at),
            "ACCESS_TOKEN_EXPIRED" => Failure::expired(at),
            "ACCESS_TOKEN_TYPE_UNSUPPORTED" => Failure::unsupported_token(at),
            "ACCOUNT_STATE_INVALID" => Failure::account_state(at),
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => Failure::scope_insufficient(at),
            "SERVICE_DISABLED" => Failure::service_disabled(at, CONSUMER),
            "USER_PROJECT_DENIED" => Failure::user_project_denied(at.service, CONSUMER),
            "CONSUMER_INVALID" => Failure::consumer_invalid(at.service, CONSUMER),
            "SECURITY_POLICY_VIOLATED" => Failure::perimeter(at.service, CONSUMER, "EMULATORperimeter0001"),
            "INVALID_ARGUMENT" => Failure::invalid_argument(),
            "FAILED_PRECONDITION" => Failure::google(400, name, "Precondition check failed."),
            "NOT_FOUND" => Failure::not_found(),
            "ABORTED" => Failure::conflict(),
            "ALREADY_EXISTS" => Failure::google(409, name, "Requested entity already exists"),
            "RATE_LIMIT_EXCEEDED" => Failure::quota(CONSUMER, at.service),
            "UNAVAILABLE" => Failure::unavailable(),
            "DEADLINE_EXCEEDED" => {
                Failure::google(504, name, "Deadline expired before operation could complete.")
            }
            "INTERNAL" => Failure::internal(),
            "INVALID_RAPT" => Failure::invalid_rapt(),
            "INVALID_GRANT" => Failure::grant_ended(),
            "INVALID_TARGET" => Failure::invalid_target(),
            "INVALID_CLIENT" => Failure::invalid_client(),
            "ATTRIBUTE_CONDITION" => Failure::attribute_condition(how.attribute_condition_status),
            reason if FORBIDDEN.contains(&reason) => {
                let message = format!("The request was refused by {} ({reason}).", at.service);
                Failure::google(403, "PERMISSION_DENIED", message).info(
                    reason,
                    "googleapis.com",
                    json!({"consumer": format!("projects/{CONSUMER}"), "service": at.service}),
                )
            }
            _ => return None,
        })
    }
}
