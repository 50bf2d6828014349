//! Why a metadata server gives no token, and what to do about it where it runs: on a virtual machine, in a cluster, in a
//! serverless service or in Cloud Shell. It answers in forms of its own, and often with a sentence that says more than
//! its status.

use crate::{
    http::{ApiError, ErrorKind},
    local::env::Hosting,
};

/// What is known of an account on the metadata server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Yes,
    No,
    /// The list couldn't be read.
    Unknown,
}

/// A failed request for a token of `account`: the sentence and the next step.
pub(crate) fn explain(error: ApiError, account: &str, presence: Presence, hosting: Hosting) -> ApiError {
    let body = words(&error);
    let status = error.status;
    let of = |kind, sentence: String, next: &str| ApiError::new(kind, sentence).with_next(next);
    let mut told = match (status, presence) {
        // GKE passes on what IAM said.
        (Some(404), _) if body.contains("IAM returned") => of(
            ErrorKind::NotFound,
            format!("The metadata server couldn't get a token for “{account}”{body}."),
            "Check the account that the Kubernetes service account is annotated with.",
        ),
        (Some(404), Presence::Yes) => of(
            ErrorKind::NotFound,
            format!(
                "“{account}” is attached to this machine, but its metadata server has no token for it{body}."
            ),
            without_token(hosting),
        ),
        (Some(404), Presence::No | Presence::Unknown) => of(
            ErrorKind::NotFound,
            format!("The account “{account}” isn't attached to this machine."),
            "Use default, or the email of an attached account; if there is none, attach one and restart.",
        ),
        (Some(403), _) => of(
            ErrorKind::Denied,
            format!("The metadata server refused a token for “{account}”{body}."),
            denied(hosting),
        ),
        (Some(400), _) => {
            ApiError::new(ErrorKind::Invalid, format!("The metadata server rejected the request{body}."))
        }
        (Some(500..), _) => return error.with_next(STARTING),
        (None | Some(_), _) => return error,
    };
    told.status = status;
    told
}

/// A failed request for the token of the machine's default account, which is the caller, or for the account itself.
pub(super) fn caller(error: ApiError, presence: Presence, hosting: Hosting) -> ApiError {
    match (error.status, presence) {
        (Some(404), Presence::Yes) => explain(error, "default", presence, hosting),
        (Some(404), _) => {
            let sentence = format!("This machine's metadata server has no service account{}.", words(&error));
            let mut told = ApiError::new(ErrorKind::NotFound, sentence).with_next(without_account(hosting));
            told.status = error.status;
            told
        }
        // What IAM denied stays as it is, for the doctor; so does its advice where it names the Kubernetes account.
        (Some(403), _) if error.refusal.as_ref().is_some_and(|said| said.names_kubernetes()) => error,
        (Some(401 | 403), _) => error.with_next(denied(hosting)),
        (Some(500..), _) => error.with_next(STARTING),
        (None | Some(_), _) => error,
    }
}

pub(crate) const STARTING: &str =
    "Try again in a moment: a metadata server that is still starting responds like this, as in a new pod.";

fn without_token(hosting: Hosting) -> &'static str {
    match hosting {
        Hosting::Cluster | Hosting::Unknown => {
            "Try again if the pod or machine is seconds old. On GKE, also check that its Kubernetes service account has the annotation iam.gke.io/gcp-service-account: without a Google service account, there are no ID tokens."
        }
        Hosting::Google => "Check that the service account still exists and is enabled, then try again.",
        Hosting::Shell => "Authorize Cloud Shell when it asks, or log in: `gcloud auth login`.",
    }
}

fn without_account(hosting: Hosting) -> &'static str {
    match hosting {
        Hosting::Unknown => {
            "Stop the machine and attach one: `gcloud compute instances set-service-account INSTANCE --service-account=ACCOUNT --scopes=cloud-platform`; or log in: `gcloud auth application-default login`."
        }
        Hosting::Cluster => {
            "Try again if the pod is seconds old. Otherwise its node pool needs Workload Identity (`--workload-metadata=GKE_METADATA`), or its nodes a service account."
        }
        Hosting::Google => {
            "Run the service as a service account, such as with `--service-account=ACCOUNT` on Cloud Run."
        }
        Hosting::Shell => "Authorize Cloud Shell when it asks, or log in: `gcloud auth login`.",
    }
}

fn denied(hosting: Hosting) -> &'static str {
    match hosting {
        Hosting::Cluster | Hosting::Unknown => {
            "On GKE, the Kubernetes service account needs roles/iam.workloadIdentityUser on the account; elsewhere the metadata server might be concealed."
        }
        Hosting::Google => {
            "Check that the service account is enabled, and that the service agent of this service still has its role."
        }
        Hosting::Shell => "Authorize Cloud Shell when it asks, or log in: `gcloud auth login`.",
    }
}

/// What to do when a token of the machine isn't accepted.
pub(super) const REMEDY: &str = "Check the service account of this machine and its scopes; to change them, stop the machine first: `gcloud compute instances set-service-account`. On GKE, check the Kubernetes service account and its annotation iam.gke.io/gcp-service-account.";

/// The server's own words, to follow a sentence. A page is nothing to quote.
fn words(error: &ApiError) -> String {
    let message = error.refusal.as_ref().map(|refusal| refusal.message.trim()).unwrap_or_default();
    let first = message.lines().next().unwrap_or_default().trim_end_matches(['.', ':']);
    if first.is_empty() || first.starts_with("a web page came back") {
        String::new()
    } else {
        format!(": {first}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::denial::RequestContext;

    fn answer(status: u16, body: &str) -> ApiError {
        ApiError::from_answer(status, body.as_bytes(), &RequestContext::new("metadata", "metadata.token"))
    }

    #[test]
    fn a_missing_token_is_explained_by_what_is_attached_and_where() {
        use Presence::{No, Unknown, Yes};
        for (status, body, attached, hosting, sentence, next) in [
            (404, "", Yes, Hosting::Cluster, "“default” is attached", "iam.gke.io/gcp-service-account"),
            (
                404,
                "KSA apps/web has no annotation.\nmore",
                Yes,
                Hosting::Cluster,
                ": KSA apps/web has no annotation.",
                "seconds old",
            ),
            (404, "<html><title>404</title></html>", Yes, Hosting::Unknown, "no token for it.", "ID tokens"),
            (404, "gone", Yes, Hosting::Google, ": gone.", "still exists"),
            (404, "", No, Hosting::Cluster, "isn't attached", "Use default"),
            (404, "", Unknown, Hosting::Google, "isn't attached", "Use default"),
            (
                404,
                "Unable to get a token; IAM returned 404 Not Found: Gaia id not found",
                Yes,
                Hosting::Cluster,
                "Gaia id not found",
                "annotated with",
            ),
            (
                403,
                "IAM returned 403 Forbidden: x",
                Yes,
                Hosting::Cluster,
                "refused a token",
                "roles/iam.workloadIdentityUser",
            ),
            (403, "no", Yes, Hosting::Google, "refused a token for “default”: no.", "service agent"),
            (403, "no", Yes, Hosting::Shell, "refused a token", "Authorize Cloud Shell"),
            (400, "bad audience", Yes, Hosting::Unknown, "rejected the request: bad audience.", ""),
            (503, "loading", Unknown, Hosting::Cluster, "503", "still starting"),
        ] {
            let told = explain(answer(status, body), "default", attached, hosting);
            assert!(told.sentence().contains(sentence), "{}", told.sentence());
            assert!(told.next().unwrap_or_default().contains(next), "{told:?}");
            assert_eq!(told.status, Some(status));
        }
    }

    #[test]
    fn a_caller_without_a_token_is_told_what_its_machine_needs_and_never_to_log_in_to_gcloud() {
        use Presence::{No, Yes};
        for (status, body, attached, hosting, sentence, next) in [
            (404, "", No, Hosting::Unknown, "no service account", "set-service-account"),
            (404, "no SA", No, Hosting::Cluster, ": no SA.", "Workload Identity"),
            (404, "", No, Hosting::Google, "no service account", "--service-account=ACCOUNT"),
            (404, "not annotated", Yes, Hosting::Cluster, "attached to this machine, but", "annotation"),
            (
                403,
                "IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied",
                Yes,
                Hosting::Cluster,
                "iam.serviceAccounts.getAccessToken",
                "workloadIdentityUser",
            ),
            (401, "who?", Yes, Hosting::Google, "", "enabled"),
            (500, "oops", Yes, Hosting::Unknown, "500", "Try again"),
        ] {
            let told = caller(answer(status, body), attached, hosting);
            assert!(told.sentence().contains(sentence), "{}", told.sentence());
            let said = told.next().unwrap_or_default();
            assert!(said.contains(next) && !said.contains("gcloud auth login"), "{said}");
        }
    }
}
