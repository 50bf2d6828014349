//! The machine as caller: the default account of its metadata server.

use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::{
    Source,
    credentials::{CredentialsType, Facts, Identity},
    exchange::{Found, Granted, TokenAnswer},
    key,
    metadata_errors::{self, Presence},
};
use crate::{
    auth::Patience,
    http::{
        ApiError, ErrorKind,
        answer::decode,
        endpoints::{self, Service},
        handed_out,
        request_spec::RequestSpec,
        transport::Http,
    },
    model::denial::RequestContext,
};

/// What it is called as a source.
pub(super) const LABEL: &str = "metadata server";

const DEFAULT: &str = "/computeMetadata/v1/instance/service-accounts/default/";

/// The default account of the metadata server.
pub(super) struct Machine;

impl CredentialsType for Machine {
    fn facts(&self) -> Facts<'_> {
        Facts::at_google("service account", Identity::Hint(None))
    }

    fn remedy(&self, _: &Source) -> String {
        metadata_errors::REMEDY.to_owned()
    }

    /// On GKE, IAM's denial is about the Kubernetes service account, so nothing of this machine helps.
    fn next_step(&self, error: &ApiError, _: &Source) -> Option<String> {
        let refusal = error.refusal.as_deref()?;
        let of_iam = refusal.is_iam_denial() && refusal.names_kubernetes();
        of_iam.then(|| error.next()).flatten()
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(grant(http))
    }
}

/// Gets the default account's token. Scopes are asked for; a machine may ignore that.
async fn grant(http: &Http) -> Result<Granted, ApiError> {
    #[derive(Deserialize)]
    struct Account {
        email: String,
        #[serde(default)]
        scopes: Vec<String>,
    }
    let absent = || ApiError::new(ErrorKind::Timeout, "No metadata server responds here.");
    let recursive = vec![("recursive", "true".to_owned())];
    let asked = |path: &str, query, method: &'static str| {
        let asked = RequestContext::new(endpoints::service(Service::Metadata), method);
        RequestSpec {
            auth: false,
            query,
            ..RequestSpec::get(Service::Metadata, format!("{DEFAULT}{path}"), asked)
        }
    };
    let look = asked("", recursive, "metadata.read");
    let patience = Patience::of(http.endpoints());
    let hosting = http.endpoints().hosting();
    let account = patience.ask(|| http.send(&look, None)).await.ok_or_else(absent)?;
    let account = account.map_err(|error| metadata_errors::caller(error, Presence::No, hosting))?;
    let account: Account = decode(&account.body, endpoints::name(Service::Metadata))?;
    let scopes = vec![("scopes", key::SCOPE.to_owned())];
    let from = endpoints::name(Service::Metadata);
    let principal = (!account.email.is_empty()).then(|| handed_out::name(account.email, from)).transpose()?;
    let mut ask = asked("token", scopes, "metadata.token");
    ask.asked.resource = principal.clone().unwrap_or_default();
    let answer = http.send(&ask, None).await;
    let answer = answer.map_err(|error| metadata_errors::caller(error, Presence::Yes, hosting))?;
    let answer: TokenAnswer = decode(&answer.body, from)?;
    Ok(Granted {
        // What the machine was made with; what was asked for may have been ignored.
        scopes: handed_out::names(account.scopes.iter().map(String::as_str), from)?,
        principal,
        from: Some(Found { label: LABEL.into(), kind: "service account", quota_project: None }),
        ..answer.granted(from)?
    })
}
