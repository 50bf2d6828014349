//! Refusals of methods that change service accounts and their keys.

use serde_json::json;

use super::Failure;

impl Failure {
    /// An id that another account of the project has (quoted by users of Terraform).
    pub(crate) fn account_exists(id: &str, project: &str, name: &str) -> Failure {
        let message = format!("Service account {id} already exists within project projects/{project}.");
        Failure::google(409, "ALREADY_EXISTS", message).detail("ResourceInfo", json!({"resourceName": name}))
    }

    /// A project at its limit of accounts (captured by Kubeflow's tests in 2019).
    pub(crate) fn too_many_accounts() -> Failure {
        Failure::google(429, "RESOURCE_EXHAUSTED", "Maximum number of service accounts on project reached.")
            .detail("RetryInfo", json!({"retryDelay": "86401s"}))
    }

    /// An account that is changed under the etag of another state of it. The words are ours.
    pub(crate) fn account_conflict() -> Failure {
        Failure::google(409, "ABORTED", "The etag of the service account is not the current one.")
    }

    /// The message for one key too many (captured by firebase-tools in 2023).
    pub(crate) fn failed_precondition() -> Failure {
        Failure::google(400, "FAILED_PRECONDITION", "Precondition check failed.")
    }

    /// An organization that allows no keys (gcloud's output, quoted in many issues).
    pub(crate) fn key_creation_disabled(account: &str) -> Failure {
        let message = "Key creation is not allowed on this service account.";
        let email = account.rsplit('/').next().unwrap_or_default().replace('@', "%40");
        Failure::google(400, "FAILED_PRECONDITION", message).detail(
            "PreconditionFailure",
            json!({"violations": [{"type": "constraints/iam.disableServiceAccountKeyCreation",
                "subject": format!("{account}?configvalue={email}"), "description": message}]}),
        )
    }
}
