//! `impersonated_service_account`: an account that other credentials mint for, through delegates.

use futures_util::future::BoxFuture;

use super::{Credentials, CredentialsType, Facts, Identity};
use crate::{
    auth::{
        Source,
        exchange::{Granted, Target, impersonate},
        fields::Fields,
    },
    http::{ApiError, transport::Http},
    model::{
        account,
        caller::Charge,
        denial::{Cause, LOGIN, Refusal, SHARED_CLIENT_PROJECTS},
    },
};

#[derive(Clone, Debug)]
pub(in crate::auth) struct Impersonated {
    pub(in crate::auth) account: String,
    pub(in crate::auth) delegates: Vec<String>,
    pub(in crate::auth) source: Box<Credentials>,
    /// The project that the source's own minting is charged to: the one that the source names, and never the
    /// account's, which the source might not be allowed to use.
    pub(in crate::auth) source_project: Option<String>,
}

pub(super) fn read(
    mut fields: Fields,
    within: impl FnOnce(Fields) -> Result<Credentials, String>,
) -> Result<Impersonated, String> {
    let account = impersonated(&fields.required("service_account_impersonation_url")?)?;
    let delegates = fields.texts("delegates")?;
    let delegates = delegates.iter().map(|name| bare(name)).collect::<Result<_, _>>()?;
    let mut inner = fields.object("source_credentials")?.ok_or_else(|| fields.lacks("source_credentials"))?;
    let source_project = inner.optional("quota_project_id")?;
    Ok(Impersonated { account, delegates, source: Box::new(within(inner)?), source_project })
}

/// The account in an address of `generateAccessToken`.
pub(in crate::auth) fn impersonated(url: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .filter(|url| url.query().is_none() && url.fragment().is_none());
    let name = url
        .as_ref()
        .and_then(|url| url.path().rsplit_once('/'))
        .and_then(|(_, last)| last.strip_suffix(":generateAccessToken"))
        .map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned());
    match name.as_deref().map(account::parse) {
        Some(Ok(account)) => Ok(account),
        Some(Err(why)) if name.as_deref().is_some_and(account::is_googles) => {
            Err(format!("can't be used, because of its field “service_account_impersonation_url”: {why}"))
        }
        _ => Err(
            "has no account in its field “service_account_impersonation_url”, which must end in ACCOUNT:generateAccessToken"
                .to_owned(),
        ),
    }
}

/// A delegate, by its email alone or by its resource name.
fn bare(name: &str) -> Result<String, String> {
    let name = name.rsplit_once('/').map_or(name, |(_, last)| last);
    account::parse(name).map_err(|_| "has an invalid account in its field “delegates”".to_owned())
}

impl CredentialsType for Impersonated {
    fn facts(&self) -> Facts<'_> {
        let identity = Identity::Minted(self.account.clone());
        Facts { kind: "impersonated account", identity, ..self.source.of_type().facts() }
    }

    fn remedy(&self, source: &Source) -> String {
        format!("Check {}: its source credentials might have expired: `{LOGIN}`.", source.origin)
    }

    /// The source's minting is not charged to the project that the file names for the account.
    fn next_step(&self, error: &ApiError, source: &Source) -> Option<String> {
        let shared = |refusal: &Refusal| {
            refusal.consumer().is_some_and(|consumer| SHARED_CLIENT_PROJECTS.contains(&consumer))
        };
        let is_shared =
            error.cause() == Some(Cause::ApiDisabled) && error.refusal.as_deref().is_some_and(shared);
        let origin = &source.origin;
        is_shared.then(|| {
            format!("Add quota_project_id, with a project of yours, to source_credentials in {origin}.")
        })
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(async move {
            let caller = self.source.of_type().grant(http).await?;
            // google-auth sends the project that the source names, and never the file's own.
            let charge = self.source_project.clone().map_or(Charge::Unnamed, Charge::Project);
            let Impersonated { account, delegates, .. } = self;
            let target = Target { account, delegates, lifetime_seconds: 3_600, address: None, charge };
            let granted = impersonate(target, &caller.secret, http).await?;
            Ok(Granted { rotated: caller.rotated, ..granted })
        })
    }
}
