//! What client libraries say by themselves: no credentials found, a metadata server that answers otherwise than they
//! expect, a universe that doesn't fit. No API was asked, so no status says anything.

use super::{Cause, Refusal};

/// A kind of such a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The metadata server has no token for the account, or no such account.
    MetadataMissing,
    /// The metadata server can't be reached.
    MetadataUnreachable,
    /// The metadata server has a problem of its own.
    MetadataBusy,
    /// A request without the header that the metadata server demands.
    MetadataHeader,
    /// Another answer of the metadata server.
    Metadata,
    /// A job of GitHub's that can't request an ID token.
    NoIdToken,
    NoCredentials,
    Universe,
    /// A person has to log in again.
    Reauthentication,
}

/// Phrases that only a kind of these sentences has, in lower case; the first that fits decides.
const WORDS: [(&str, Trouble); 45] = [
    ("actions_id_token_request_", Trouble::NoIdToken),
    ("missing metadata-flavor", Trouble::MetadataHeader),
    ("reauthunattended", Trouble::Reauthentication),
    ("cannot prompt during non-interactive execution", Trouble::Reauthentication),
    ("reauthentication is needed", Trouble::Reauthentication),
    ("reauthentication required", Trouble::Reauthentication),
    ("reauthentication is required", Trouble::Reauthentication),
    ("reauthentication failed", Trouble::Reauthentication),
    ("reauthentication challenge", Trouble::Reauthentication),
    ("reauth related error", Trouble::Reauthentication),
    ("run `gcloud auth application-default login` to reauthenticate", Trouble::Reauthentication),
    ("to reauthenticate", Trouble::Reauthentication),
    ("reauth is needed", Trouble::Reauthentication),
    ("invalid_rapt", Trouble::Reauthentication),
    ("rapt_required", Trouble::Reauthentication),
    ("universe domain", Trouble::Universe),
    ("universe_domain", Trouble::Universe),
    ("credentials were not found", Trouble::NoCredentials),
    ("could not automatically determine credentials", Trouble::NoCredentials),
    ("could not find default credentials", Trouble::NoCredentials),
    ("could not load the default credentials", Trouble::NoCredentials),
    ("could not construct applicationdefaultcredentials", Trouble::NoCredentials),
    ("could not load credentials from any providers", Trouble::NoCredentials),
    ("application default credentials are not available", Trouble::NoCredentials),
    ("do not currently have an active account selected", Trouble::NoCredentials),
    ("no credentials were found", Trouble::NoCredentials),
    ("defaultcredentialserror", Trouble::NoCredentials),
    ("your default credentials", Trouble::NoCredentials),
    ("compute engine metadata server unavailable", Trouble::MetadataUnreachable),
    ("cannot find the metadata server", Trouble::MetadataUnreachable),
    ("compute engine metadata", Trouble::Metadata),
    ("gce metadata", Trouble::Metadata),
    ("google compute engine metadata", Trouble::Metadata),
    ("metadata service", Trouble::Metadata),
    ("metadata server", Trouble::Metadata),
    ("metadataserver", Trouble::Metadata),
    ("metadata.google.internal", Trouble::Metadata),
    ("169.254.169.254", Trouble::Metadata),
    ("computemetadata/v1", Trouble::Metadata),
    ("compute engine built-in service account", Trouble::Metadata),
    ("instance/service-accounts", Trouble::Metadata),
    ("compute engine credentials", Trouble::Metadata),
    ("unable to retrieve a token from metadata", Trouble::Metadata),
    ("could not refresh access token: unsuccessful", Trouble::Metadata),
    ("gke metadata", Trouble::Metadata),
];

const MISSING: [&str; 6] = ["not defined", "404", "not found", "notfound", "no service account", "no such"];
const BUSY: [&str; 6] =
    ["code 500", "code 503", "status: 500", "status: 503", "internal server error", "service unavailable"];
const UNREACHABLE: [&str; 13] = [
    "unavailable",
    "timed out",
    "timeout",
    "refused",
    "no route",
    "no such host",
    "name or service not known",
    "unreachable",
    "enotfound",
    "getaddrinfo",
    "deadline exceeded",
    "failed to resolve",
    "max retries",
];

/// See [`super::telling_phrases`].
pub(super) fn phrases() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(words, _)| *words)
}

impl Trouble {
    /// The kind that a text is of; `None` for anything else.
    pub(super) fn named(text: &str) -> Option<Trouble> {
        let lower = text.to_lowercase();
        let found = WORDS.iter().find(|(words, _)| lower.contains(words)).map(|(_, trouble)| *trouble)?;
        let has = |words: &[&str]| words.iter().any(|words| lower.contains(words));
        match found {
            Trouble::Universe if !has(&["match", "differ", "expected"]) => None,
            Trouble::Metadata if has(&["iam returned"]) => None,
            // The server answered, whatever its words are.
            Trouble::Metadata if has(&BUSY) => Some(Trouble::MetadataBusy),
            Trouble::Metadata if has(&UNREACHABLE) => Some(Trouble::MetadataUnreachable),
            Trouble::Metadata if has(&MISSING) => Some(Trouble::MetadataMissing),
            found => Some(found),
        }
    }
}

/// Where the sentence begins that has one of the phrases.
pub(super) fn begin(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let at = WORDS.iter().find_map(|(words, _)| lower.find(words))?;
    let before = &line[..at];
    let last = |ends: &[&str]| ends.iter().filter_map(|end| Some(before.rfind(end)? + end.len())).max();
    let begin = last(&[": ", "\"", "'", "("]).unwrap_or(0);
    // A name or an address in quotes is part of a longer sentence.
    let quoted = line[begin..].split(['\'', '"', ')']).next().unwrap_or_default();
    let begin = if quoted.contains(' ') { begin } else { last(&[": "]).unwrap_or(0) };
    if line[begin..].starts_with("http") {
        return Some(before[..begin].rfind(": ").map_or(0, |end| end + 2));
    }
    Some(begin)
}

pub(super) fn cause(refusal: &Refusal) -> Cause {
    match Trouble::named(&refusal.message) {
        Some(
            Trouble::MetadataMissing
            | Trouble::MetadataUnreachable
            | Trouble::MetadataBusy
            | Trouble::MetadataHeader
            | Trouble::Metadata,
        ) => Cause::MetadataServer,
        Some(Trouble::NoIdToken) => Cause::Federation,
        Some(Trouble::NoCredentials) => Cause::NoCredentials,
        Some(Trouble::Universe) => Cause::UniverseMismatch,
        Some(Trouble::Reauthentication) => Cause::LoginAgain,
        None => Cause::Unknown,
    }
}

/// The sentence and the next step.
pub(super) fn explain(refusal: &Refusal) -> (String, String) {
    let login = refusal.login();
    match Trouble::named(&refusal.message) {
        Some(Trouble::MetadataMissing) => (
            "The metadata server answered 404: it has no token for this service account.".to_owned(),
            "Attach a service account to the machine; on GKE, try again if the pod is seconds old, then check that the Kubernetes service account has the annotation iam.gke.io/gcp-service-account and that its node pool has Workload Identity; ID tokens need that annotation.".to_owned(),
        ),
        Some(Trouble::MetadataUnreachable) => (
            "No metadata server can be reached, so this machine has no attached service account.".to_owned(),
            format!("Outside Google Cloud, log in (`{login}`) or name a credentials file in GOOGLE_APPLICATION_CREDENTIALS; on GKE, a new pod has to wait a few seconds and network policies have to allow 169.254.169.254 and 169.254.169.252."),
        ),
        Some(Trouble::MetadataBusy) => (
            "The metadata server has a problem of its own.".to_owned(),
            "Try again in a few seconds; on GKE, if it stays, check the pod gke-metadata-server of the node (namespace kube-system) and the annotation iam.gke.io/gcp-service-account.".to_owned(),
        ),
        Some(Trouble::MetadataHeader) => (
            "The metadata server only answers requests with the header Metadata-Flavor.".to_owned(),
            "Send it: `curl -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/email`; a proxy in between can remove it.".to_owned(),
        ),
        Some(Trouble::NoIdToken) => (
            "GitHub gives this job no ID token, so there is nothing to exchange.".to_owned(),
            "Add `permissions: {contents: read, id-token: write}` to the job or workflow; pull requests from forks can't have it.".to_owned(),
        ),
        Some(Trouble::Metadata) => (
            "The metadata server doesn't give out a token.".to_owned(),
            "Check that a service account is attached and has the scope cloud-platform; on GKE, that the Kubernetes service account has the annotation iam.gke.io/gcp-service-account and roles/iam.workloadIdentityUser on that account.".to_owned(),
        ),
        Some(Trouble::NoCredentials) => (
            "The library found no credentials.".to_owned(),
            format!("Log in (`{login}`), name a credentials file in GOOGLE_APPLICATION_CREDENTIALS, or attach a service account to the machine; on GKE, a new pod has to wait for the metadata server."),
        ),
        Some(Trouble::Universe) => (
            "The universe domain in the client's settings and the one in the credentials differ.".to_owned(),
            "Unset GOOGLE_CLOUD_UNIVERSE_DOMAIN (or the client's universe_domain), or use credentials of that universe.".to_owned(),
        ),
        Some(Trouble::Reauthentication) => (
            "Your organization requires you to log in again.".to_owned(),
            format!("Log in again: `{login}`."),
        ),
        None => super::words::unknown(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_libraries_are_told_apart() {
        for (text, trouble) in [
            (
                "metadata: GCE metadata \"instance/service-accounts/default/token\" not defined",
                Trouble::MetadataMissing,
            ),
            (
                "Failed to retrieve http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/ from the Google Compute Engine metadata service. Status: 404",
                Trouble::MetadataMissing,
            ),
            ("Compute Engine Metadata server unavailable due to: timed out", Trouble::MetadataUnreachable),
            ("dial tcp: lookup metadata.google.internal: no such host", Trouble::MetadataUnreachable),
            (
                "Your default credentials were not found. To set up Application Default Credentials, see x",
                Trouble::NoCredentials,
            ),
            ("google: could not find default credentials.", Trouble::NoCredentials),
            (
                "The configured universe domain (a) does not match the universe domain found in the credentials (b).",
                Trouble::Universe,
            ),
            (
                "Reauthentication is needed. Please run `gcloud auth application-default login` to reauthenticate.",
                Trouble::Reauthentication,
            ),
        ] {
            assert_eq!(Trouble::named(text), Some(trouble), "{text}");
        }
        assert_eq!(Trouble::named("the metadata of the object"), None);
    }
}
