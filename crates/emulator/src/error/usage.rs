//! Refusals of Service Usage, each with its own number.

use serde_json::{Value, json};

use super::Failure;

impl Failure {
    /// A refusal of Service Usage, which has a number of its own for each (captures of gcloud and Terraform, 2023 to
    /// 2026). The help token that follows the message there is left out: only Google can read it.
    fn service_usage(failure: Failure, subject: &str, reason: &str, metadata: &Value) -> Failure {
        let mut info = json!({"reason": reason, "domain": "serviceusage.googleapis.com"});
        if !metadata.is_null() {
            info["metadata"] = metadata.clone();
        }
        failure
            .detail(
                "PreconditionFailure",
                json!({"violations": [{"type": "googleapis.com", "subject": subject}]}),
            )
            .detail("ErrorInfo", info)
    }

    /// What the caller is not allowed to do with Service Usage, as `enable service [compute.googleapis.com]`. The
    /// capture is of `enable`; the wording of `list` was seen without its details, those of `get` and `disable`
    /// follow them.
    pub(crate) fn service_usage_denied(what: &str) -> Failure {
        let failure = Failure::google(403, "PERMISSION_DENIED", format!("Permission denied to {what}"));
        Failure::service_usage(failure, "110002", "AUTH_PERMISSION_DENIED", &Value::Null)
    }

    /// A project that Service Usage does not know, or hides from the caller (recalled).
    pub(crate) fn unknown_consumer(project: &str) -> Failure {
        let message = format!("Project '{project}' not found or permission denied.");
        Failure::service_usage(
            Failure::google(403, "PERMISSION_DENIED", message),
            &format!("?error_code=210002&type=Project&resource_id={project}"),
            "RESOURCES_NOT_FOUND",
            &json!({"resource_id": project, "type": "Project"}),
        )
    }

    /// Services that do not exist (recalled).
    pub(crate) fn unknown_services(names: &str) -> Failure {
        let message = format!("Not found or permission denied for service(s): {names}.");
        Failure::service_usage(
            Failure::google(403, "PERMISSION_DENIED", message),
            &format!("?error_code=220002&services={names}"),
            "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            &json!({"services": names}),
        )
    }

    /// An API that needs billing, in a project without (capture of `gcloud services enable`, 2023). Firebase's tools
    /// look for the violation type `serviceusage/billing-enabled` or for this reason; which one is sent today is not
    /// known, so ours is the captured one.
    pub(crate) fn billing_required(project: u64, services: &[String]) -> Failure {
        let all = services.join(",");
        let message = format!(
            "Billing account for project '{project}' is not found. Billing must be enabled for activation of \
             service(s) '{all}' to proceed."
        );
        let subject: String = services.iter().map(|name| format!("&services={name}")).collect();
        Failure::google(400, "FAILED_PRECONDITION", message)
            .detail(
                "PreconditionFailure",
                json!({"violations": [{"type": "googleapis.com/billing-enabled",
                    "subject": format!("?error_code=390001&project={project}{subject}")}]}),
            )
            .info(
                "UREQ_PROJECT_BILLING_NOT_FOUND",
                "serviceusage.googleapis.com/billing-enabled",
                json!({"project": project.to_string(), "services": all}),
            )
    }

    /// A service that is to be turned off and is not on: the status is documented, the text is ours.
    pub(crate) fn not_enabled(service: &str, project: u64) -> Failure {
        let message = format!("The service {service} is not enabled for project {project}.");
        Failure::google(400, "FAILED_PRECONDITION", message)
    }
}
