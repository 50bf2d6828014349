//! From credentials to an access token: what the types of credentials have in common, and what an error is about.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{Source, key};
use crate::{
    http::{
        ApiError, CallKind, ErrorKind,
        answer::decode,
        clock::now,
        endpoints::{self, Service},
        handed_out::{self, HandedOut},
        request_spec::{RequestSpec, segment},
        transport::Http,
    },
    model::{
        caller::Charge,
        denial::{Cause, LOGIN, RequestContext},
        permission,
        secret::Secret,
    },
};

/// An access token, fresh.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) secret: Secret,
    pub(super) expires: Option<Timestamp>,
    pub(super) scopes: Vec<String>,
    /// Whose it is, where getting it told.
    pub(super) principal: Option<String>,
    /// Which of several possible sources it came from.
    pub(super) from: Option<Found>,
    /// The refresh token that takes the place of the one that was used.
    pub(super) rotated: Option<Secret>,
}

impl Granted {
    /// A token that tells nothing.
    pub(super) fn new(secret: Secret) -> Granted {
        Granted { secret, expires: None, scopes: Vec::new(), principal: None, from: None, rotated: None }
    }
}

/// What is only known once a token was got: of several sources the one that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// In a few words: `metadata server`, `gcloud login`.
    pub(crate) label: String,
    /// `service account`, `user`.
    pub(crate) kind: &'static str,
    /// The quota project that it names.
    pub(crate) quota_project: Option<String>,
}

/// The answer of a token endpoint.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: HandedOut,
    /// Seconds; a number, but some servers send a text.
    expires_in: Option<Value>,
    scope: Option<String>,
    refresh_token: Option<HandedOut>,
}

impl TokenAnswer {
    /// What it gives, once it was looked at. `from` names the service.
    pub(super) fn granted(self, from: &str) -> Result<Granted, ApiError> {
        let lives = self.expires_in.as_ref();
        let lives = lives.and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
        let expires = lives.and_then(|seconds| now().checked_add(SignedDuration::from_secs(seconds)).ok());
        let scopes = handed_out::names(self.scope.as_deref().unwrap_or_default().split_whitespace(), from)?;
        let secret = self.access_token.bearer(from)?;
        let rotated = self.refresh_token.map(|token| token.refresh(from)).transpose()?;
        Ok(Granted { expires, scopes, rotated, ..Granted::new(secret) })
    }
}

/// Gets an access token for these credentials; a bare token is given back as it is.
pub(super) async fn exchange(source: &Source, http: &Http) -> Result<Granted, ApiError> {
    let granted = source.credentials.of_type().grant(http).await;
    granted.map_err(|error| about_the_caller(error, source))
}

/// What is said where there is nobody to call as.
pub(super) fn nothing_found() -> ApiError {
    ApiError::new(
        ErrorKind::Credentials,
        "No credentials found: no file, no variable, no metadata server and no gcloud login.",
    )
    .with_next(format!("Log in with `{LOGIN}`, or explore with `impersona --demo`."))
}

pub(super) fn asked(method: &'static str) -> RequestContext {
    RequestContext::new(endpoints::service(Service::Token), method)
}

/// Asks the token endpoint.
pub(super) async fn token_endpoint(
    plain: Vec<(&'static str, String)>,
    secret: Vec<(&'static str, Secret)>,
    http: &Http,
) -> Result<Granted, ApiError> {
    let spec = RequestSpec::form(Service::Token, String::new(), plain, secret, asked("token"));
    let answer = http.send(&spec, None).await.map_err(|error| error.at(http.endpoints(), Service::Token))?;
    let from = endpoints::name(Service::Token);
    decode::<TokenAnswer>(&answer.body, from)?.granted(from)
}

/// The account that a token is to be minted for.
pub(super) struct Target<'a> {
    pub(super) account: &'a str,
    pub(super) delegates: &'a [String],
    pub(super) lifetime_seconds: u64,
    /// The exact address that an `external_account` file names. For an `impersonated_service_account` file, and for an
    /// account that the caller became, it is IAM Credentials as it is reached here, whatever host a file names, as
    /// google-auth does.
    pub(super) address: Option<&'a str>,
    /// Which project the minting is charged to.
    pub(super) charge: Charge,
}

/// Turns a token into one of an account.
pub(super) async fn impersonate(
    target: Target<'_>,
    caller: &Secret,
    http: &Http,
) -> Result<Granted, ApiError> {
    let Target { account, delegates, lifetime_seconds, address, charge } = target;
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        access_token: HandedOut,
        expire_time: Option<String>,
    }
    let mut body = serde_json::json!({ "scope": [key::SCOPE], "lifetime": format!("{lifetime_seconds}s") });
    if !delegates.is_empty() {
        body["delegates"] =
            delegates.iter().map(|name| format!("projects/-/serviceAccounts/{name}")).collect();
    }
    let asked = RequestContext {
        resource: account.to_owned(),
        permission: Some(permission::GET_ACCESS_TOKEN.name.into()),
        delegates: delegates.to_vec(),
        ..RequestContext::new(
            endpoints::service(Service::Credentials),
            "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
        )
    };
    let path = format!("/v1/projects/-/serviceAccounts/{}:generateAccessToken", segment(account));
    let post = RequestSpec::post(CallKind::Mint, Service::Credentials, path, body, asked);
    let spec = RequestSpec { auth: false, charge, address: address.map(str::to_owned), ..post };
    let moved = |error: ApiError| match address {
        Some(_) => error,
        None => error.at(http.endpoints(), Service::Credentials),
    };
    let answer = http.send(&spec, Some(caller)).await.map_err(moved)?;
    let from = endpoints::name(Service::Credentials);
    let answer: Answer = decode(&answer.body, from)?;
    Ok(Granted {
        expires: answer.expire_time.and_then(|end| end.parse().ok()),
        scopes: vec![key::SCOPE.to_owned()],
        principal: Some(account.to_owned()),
        ..Granted::new(answer.access_token.bearer(from)?)
    })
}

/// A refusal here is about the caller's credentials, whatever status it comes with, and the next step is the command
/// that makes them good again.
fn about_the_caller(mut error: ApiError, source: &Source) -> ApiError {
    let credentials = &source.credentials;
    if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Other) {
        error.kind = ErrorKind::Credentials;
    }
    // A denial of an impersonation is one, and names the permission.
    if error.kind == ErrorKind::Denied && !credentials.impersonates() {
        error.kind = ErrorKind::Credentials;
    }
    if let Some(next) = credentials.of_type().next_step(&error, source) {
        return error.with_next(next);
    }
    // Which part of an exchange is at fault, its refusal says better than anything said of the file in general.
    let told = error.own_next().is_some() || error.cause() == Some(Cause::Federation);
    if error.kind != ErrorKind::Credentials || told {
        return error;
    }
    error.with_next(source.remedy())
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
