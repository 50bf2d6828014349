//! What a caller's credentials are, and what each kind says of itself without asking anybody: whom it belongs to, which
//! addresses it names, which program it runs.

use super::{external, gcloud};
use crate::{local::env::Env, model::secret::Secret};

/// The credentials themselves.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    /// A token as it is: nobody here can renew it.
    AccessToken(Secret),
    /// A person's login, from `gcloud auth application-default login`.
    User {
        /// A name that some files hold; a hint only.
        account: Option<String>,
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
        /// Proof of a recent log-in, where the organization wants one.
        rapt: Option<Secret>,
    },
    /// A service account's key.
    ServiceAccount { email: String, key_id: Option<String>, private_key: Secret },
    /// An account that other credentials mint for, through these delegates.
    Impersonated {
        account: String,
        delegates: Vec<String>,
        source: Box<Credentials>,
        /// The project that the source's own minting is charged to: the one that the source names, and never the
        /// account's, which the source might not be allowed to use.
        source_project: Option<String>,
    },
    /// Workload and workforce identity federation.
    External(Box<external::External>),
    /// A workforce user who has logged in.
    Workforce {
        token_url: String,
        introspect_url: Option<String>,
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
    },
    /// The default account of the metadata server.
    Machine,
    /// A gcloud login.
    Gcloud(gcloud::Login),
    /// The first of these that is there, which only asking tells.
    Any(Vec<Credentials>),
}

impl Credentials {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Credentials::AccessToken(_) => "access token",
            Credentials::User { .. } => "user",
            Credentials::ServiceAccount { .. } => "service account",
            Credentials::Impersonated { .. } => "impersonated account",
            Credentials::External(external) if external.account().is_some() => "federated, impersonating",
            Credentials::External(_) => "federated",
            Credentials::Workforce { .. } => "workforce user",
            Credentials::Machine => "service account",
            Credentials::Gcloud(login) => login.kind(),
            Credentials::Any(_) => "caller",
        }
    }

    /// Whom they say they belong to.
    pub(super) fn principal(&self) -> Option<String> {
        match self {
            Credentials::User { account, .. } => account.clone(),
            Credentials::ServiceAccount { email, .. } => Some(email.clone()),
            Credentials::Impersonated { account, .. } => Some(account.clone()),
            Credentials::External(external) => external.account(),
            Credentials::Gcloud(login) => login.principal(),
            Credentials::AccessToken(_)
            | Credentials::Workforce { .. }
            | Credentials::Machine
            | Credentials::Any(_) => None,
        }
    }

    /// Whether they are bound to what they name: a login's name is a hint only.
    pub(super) fn name_themselves(&self) -> bool {
        match self {
            Credentials::ServiceAccount { .. } | Credentials::Impersonated { .. } => true,
            Credentials::External(external) => external.account().is_some(),
            _ => false,
        }
    }

    /// Whether getting a token takes minting one.
    pub(super) fn impersonates(&self) -> bool {
        match self {
            Credentials::Impersonated { .. } => true,
            Credentials::External(external) => external.account().is_some(),
            _ => false,
        }
    }

    /// The addresses of the file: those that get a secret, and those that give one.
    pub(super) fn addresses(&self) -> (Vec<&str>, Vec<&str>) {
        match self {
            Credentials::External(external) => external.addresses(),
            Credentials::Workforce { token_url, introspect_url, .. } => {
                (std::iter::once(token_url.as_str()).chain(introspect_url.as_deref()).collect(), Vec::new())
            }
            Credentials::Impersonated { source, .. } => source.addresses(),
            _ => Default::default(),
        }
    }

    /// Whether their token is one of a Security Token Service.
    pub(super) fn is_federated(&self) -> bool {
        match self {
            Credentials::External(external) => external.account().is_none(),
            Credentials::Workforce { .. } => true,
            // A workforce login of gcloud's.
            Credentials::Gcloud(login) => login.kind() == "federated",
            _ => false,
        }
    }

    /// Takes in the refresh token that takes the place of the one in use.
    pub(super) fn rotate(&mut self, rotated: &Secret) {
        match self {
            Credentials::Workforce { refresh_token, .. } | Credentials::User { refresh_token, .. } => {
                *refresh_token = rotated.clone();
            }
            Credentials::Impersonated { source, .. } => source.rotate(rotated),
            _ => {}
        }
    }

    /// Whether a person's login is in it.
    pub(super) fn holds_a_login(&self) -> bool {
        match self {
            Credentials::User { .. } | Credentials::Workforce { .. } => true,
            Credentials::Impersonated { source, .. } => source.holds_a_login(),
            _ => false,
        }
    }

    /// The program that it would run.
    pub(super) fn program(&self) -> Option<String> {
        match self {
            Credentials::External(external) => match &external.subject {
                external::Subject::Executable(executable) => Some(executable.argv.join(" ")),
                _ => None,
            },
            Credentials::Impersonated { source, .. } => source.program(),
            _ => None,
        }
    }

    pub(super) fn with_environment(&mut self, env: &Env) {
        match self {
            Credentials::External(external) => external.with_environment(env),
            Credentials::Impersonated { source, .. } => source.with_environment(env),
            _ => {}
        }
    }
}
