//! The identity whose credentials impersona holds, as far as it is known, and where it came from.

use std::path::PathBuf;

use jiff::Timestamp;

/// The caller, for the header and for `whoami`. Unknown parts are `None` and are shown as unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// `dev@example.com`, `ci@acme-ci.iam.gserviceaccount.com`; `None` until known.
    pub principal: Option<String>,
    /// The kind of credentials: `user`, `service account`, `access token`.
    pub kind: String,
    /// The file or variable in a few words: `ADC`, `--credentials sa.json`, `CLOUDSDK_AUTH_ACCESS_TOKEN`.
    pub source: String,
    /// The full path or variable behind `source`.
    pub origin: String,
    /// The project the credentials or the environment name, if any.
    pub project: Option<String>,
    /// Charged and checked for API use: sent as `x-goog-user-project`.
    pub quota_project: Option<String>,
    /// `googleapis.com` except for sovereign clouds.
    pub universe: String,
    /// OAuth scopes of the current access token; empty if not known.
    pub scopes: Vec<String>,
    /// When the current access token expires, if known.
    pub expires: Option<Timestamp>,
    /// What to do if these credentials are not enough, in one sentence.
    pub remedy: Option<String>,
}

/// A caller to switch to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How to get its credentials.
    pub(crate) how: CredentialSource,
    /// Where it is from: `ADC`, `gcloud login`, `--credentials sa.json`.
    pub(crate) label: String,
    /// Its kind, and its identity as far as files tell; or why it can't be used.
    pub(crate) about: String,
    /// Its identity, as far as files tell.
    pub(crate) principal: Option<String>,
    /// Whether it is the login that gcloud uses by default.
    pub(crate) gclouds_own: bool,
}

/// A request to switch callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// To one of those found.
    To(CredentialSource),
    /// To this account: the current caller mints for it. The way back is remembered.
    Become(String),
    /// To the previous caller.
    Back,
    /// The same caller, with API calls charged otherwise.
    Charge(Charge),
}

/// The project that API calls are charged to, which is what `x-goog-user-project` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Charge {
    /// The project that the credentials name, if any.
    #[default]
    AsCredentials,
    /// This one.
    Project(String),
    /// None: Google uses the one that the credentials belong to.
    Unnamed,
}

/// Where the credentials of a [`Choice`] are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A credentials file.
    File(PathBuf),
    /// The access token from stdin.
    Stdin,
    /// `CLOUDSDK_AUTH_ACCESS_TOKEN`
    Variable,
    /// The gcloud configuration of this name.
    Gcloud(String),
    /// The metadata server of this machine.
    Machine,
}

impl Caller {
    /// The member form used in policies: `user:dev@example.com`; `None` while the principal is unknown.
    pub fn member(&self) -> Option<String> {
        let principal = self.principal.as_deref()?;
        // The names of federated principals are member forms already.
        if principal.starts_with("principal://") {
            return Some(principal.to_owned());
        }
        // A name without `@` doesn't occur in policies (a workload of Kubernetes reports its pool).
        let prefix = match principal.contains('@') {
            true if principal.ends_with(".gserviceaccount.com") => "serviceAccount",
            true => "user",
            false => return None,
        };
        Some(format!("{prefix}:{principal}"))
    }

    /// The principal as people say it. For a federated one, the subject and its pool, because the prefix
    /// (`principal://iam.googleapis.com/…`) is the same for all.
    pub(crate) fn name(&self) -> Option<String> {
        let principal = self.principal.as_deref()?;
        let federated = principal.strip_prefix("principal://").and_then(|path| path.split_once("/subject/"));
        Some(match federated {
            Some((pool, subject)) => format!("{subject} in {}", pool.rsplit('/').next().unwrap_or(pool)),
            None => principal.to_owned(),
        })
    }

    /// The gcloud login, if it differs from the caller of Application Default Credentials: the most common reason why
    /// one tool is allowed what the other isn't.
    pub(crate) fn other_login<'a>(&self, choices: &'a [Choice]) -> Option<&'a str> {
        let adc = ["ADC", "GOOGLE_APPLICATION_CREDENTIALS", "metadata server"];
        let is_adc = adc.contains(&self.source.as_str());
        let principal = self.principal.as_deref().filter(|_| is_adc)?;
        let login = choices.iter().find(|choice| choice.gclouds_own)?;
        login.principal.as_deref().filter(|account| *account != principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_a_member_only_when_known() {
        let mut caller = Caller::default();
        assert_eq!(caller.member(), None);
        caller.principal = Some("dev@example.com".into());
        assert_eq!(caller.member().as_deref(), Some("user:dev@example.com"));
        caller.principal = Some("ci@acme-ci.iam.gserviceaccount.com".into());
        assert_eq!(caller.member().as_deref(), Some("serviceAccount:ci@acme-ci.iam.gserviceaccount.com"));
        let federated =
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s";
        caller.principal = Some(federated.into());
        assert_eq!(caller.member().as_deref(), Some(federated));
        assert_eq!(caller.name().as_deref(), Some("s in p"));
        caller.principal = Some("acme-prod.svc.id.goog".into());
        assert_eq!(caller.member(), None);
    }
}
