//! What a caller's credentials are: a file for each type, with how it is read, what it says about itself without asking
//! anyone, and how it gets a token.

mod access_token;
mod authorized_user;
mod external_account_authorized_user;
mod impersonated_service_account;
mod service_account;
mod several;

use futures_util::future::BoxFuture;

use super::{
    Source,
    exchange::Granted,
    external::{External, Subject},
    fields::Fields,
    gcloud, machine,
};
use crate::{
    http::{ApiError, transport::Http},
    local::env::Env,
    model::secret::Secret,
};
use authorized_user::AuthorizedUser;
use external_account_authorized_user::ExternalAccountAuthorizedUser;
pub(super) use impersonated_service_account::{Impersonated, impersonated};
use service_account::ServiceAccount;

#[derive(Clone, Debug)]
pub(super) enum Credentials {
    /// A token as it is: it can't be renewed here.
    AccessToken(Secret),
    /// A person's login, from `gcloud auth application-default login`.
    User(AuthorizedUser),
    /// A service account's key.
    ServiceAccount(ServiceAccount),
    /// An account that other credentials mint for, through delegates.
    Impersonated(Impersonated),
    /// Workload and workforce identity federation.
    External(Box<External>),
    /// A workforce user who has logged in.
    Workforce(ExternalAccountAuthorizedUser),
    /// The default account of the metadata server.
    Machine,
    Gcloud(gcloud::Login),
    /// The first of these that is there; only asking tells which.
    Any(Vec<Credentials>),
}

/// Whose the token will be, as far as the credentials say.
pub(super) enum Identity {
    /// That of the account whose key it is.
    Key(String),
    /// That of an account that it is minted for.
    Minted(String),
    /// One of a Security Token Service.
    Federated(Option<String>),
    /// Any other: a name is a hint only.
    Hint(Option<String>),
}

/// What credentials say about themselves.
pub(super) struct Facts<'a> {
    /// `user`, `service account`, `federated`, …
    pub(super) kind: &'static str,
    pub(super) identity: Identity,
    /// The addresses of the file that get a secret.
    pub(super) to: Vec<&'a str>,
    /// Those that give one.
    pub(super) from: Vec<&'a str>,
    /// Where a foreign token comes from, and the address that it is sent to.
    pub(super) subject: Option<(&'a Subject, &'a str)>,
}

impl Facts<'_> {
    /// Of credentials that name no address: everything is asked of Google.
    pub(super) fn at_google(kind: &'static str, identity: Identity) -> Self {
        Facts { kind, identity, to: Vec::new(), from: Vec::new(), subject: None }
    }
}

/// A type of credentials.
pub(super) trait CredentialsType {
    fn facts(&self) -> Facts<'_>;

    /// What to do if they aren't accepted.
    fn remedy(&self, source: &Source) -> String;

    /// What to do about an error of theirs that isn't about their validity.
    fn next_step(&self, _error: &ApiError, _source: &Source) -> Option<String> {
        None
    }

    /// Gets an access token: one call or a few, nothing remembered, nothing retried.
    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>>;
}

impl Credentials {
    /// The file of their type.
    pub(super) fn of_type(&self) -> &dyn CredentialsType {
        match self {
            Credentials::AccessToken(token) => token,
            Credentials::User(user) => user,
            Credentials::ServiceAccount(account) => account,
            Credentials::Impersonated(account) => account,
            Credentials::External(external) => external.as_ref(),
            Credentials::Workforce(user) => user,
            Credentials::Machine => &machine::Machine,
            Credentials::Gcloud(login) => login,
            Credentials::Any(sources) => sources,
        }
    }

    /// Reads what is left of a file of this type. `within` reads credentials in it.
    pub(super) fn read(
        kind: &str,
        fields: Fields,
        within: impl FnOnce(Fields) -> Result<Credentials, String>,
    ) -> Result<Credentials, String> {
        Ok(match kind {
            "authorized_user" => Credentials::User(authorized_user::read(fields)?),
            "service_account" => Credentials::ServiceAccount(service_account::read(fields)?),
            "impersonated_service_account" => {
                Credentials::Impersonated(impersonated_service_account::read(fields, within)?)
            }
            "external_account" => Credentials::External(Box::new(super::external::read(fields)?)),
            "external_account_authorized_user" => {
                Credentials::Workforce(external_account_authorized_user::read(fields)?)
            }
            "gdch_service_account" => {
                return Err(
                    "has the type “gdch_service_account”: it is for Google Distributed Cloud, which isn't supported"
                        .to_owned(),
                );
            }
            other => {
                let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(format!("has the unknown type “{shown}” in its field “type”"));
            }
        })
    }

    pub(super) fn kind(&self) -> &'static str {
        self.of_type().facts().kind
    }

    /// Whom they say they belong to.
    pub(super) fn principal(&self) -> Option<String> {
        match self.of_type().facts().identity {
            Identity::Key(name) | Identity::Minted(name) => Some(name),
            Identity::Federated(name) | Identity::Hint(name) => name,
        }
    }

    /// Whether they are bound to what they name: a login's name is a hint only.
    pub(super) fn name_themselves(&self) -> bool {
        matches!(self.of_type().facts().identity, Identity::Key(_) | Identity::Minted(_))
    }

    /// Whether getting a token takes minting one.
    pub(super) fn impersonates(&self) -> bool {
        matches!(self.of_type().facts().identity, Identity::Minted(_))
    }

    /// Whether their token is one of a Security Token Service.
    pub(super) fn is_federated(&self) -> bool {
        matches!(self.of_type().facts().identity, Identity::Federated(_))
    }

    /// The program that it would run.
    pub(super) fn program(&self) -> Option<String> {
        match self.of_type().facts().subject?.0 {
            Subject::Executable(executable) => Some(executable.argv.join(" ")),
            Subject::File { .. } | Subject::Url { .. } | Subject::Aws(_) => None,
        }
    }

    /// The refresh token of the login in it, which a service may replace.
    pub(super) fn refresh_token(&mut self) -> Option<&mut Secret> {
        match self {
            Credentials::User(user) => Some(&mut user.refresh_token),
            Credentials::Workforce(user) => Some(&mut user.refresh_token),
            Credentials::Impersonated(account) => account.source.refresh_token(),
            Credentials::AccessToken(_)
            | Credentials::ServiceAccount(_)
            | Credentials::External(_)
            | Credentials::Machine
            | Credentials::Gcloud(_)
            | Credentials::Any(_) => None,
        }
    }

    pub(super) fn with_environment(&mut self, env: &Env) {
        match self {
            Credentials::External(external) => external.with_environment(env),
            Credentials::Impersonated(account) => account.source.with_environment(env),
            Credentials::AccessToken(_)
            | Credentials::User(_)
            | Credentials::ServiceAccount(_)
            | Credentials::Workforce(_)
            | Credentials::Machine
            | Credentials::Gcloud(_)
            | Credentials::Any(_) => {}
        }
    }
}
