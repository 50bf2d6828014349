//! From credentials to an access token: one call or a few, nothing remembered, nothing retried here.

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{Credentials, Source, external, gcloud, key, machine};
use crate::{
    http::{
        ApiError, CallKind, ErrorKind,
        answer::decode,
        endpoints::{self, GOOGLE, Service},
        handed_out::{self, HandedOut},
        request_spec::{RequestSpec, segment},
        transport::{Http, now},
    },
    model::{
        caller::Charge,
        denial::{Cause, LOGIN, Refusal, RequestContext, SHARED_CLIENT_PROJECTS},
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
        Ok(Granted {
            secret: self.access_token.bearer(from)?,
            expires,
            scopes,
            principal: None,
            from: None,
            rotated: self.refresh_token.map(|token| token.refresh(from)).transpose()?,
        })
    }
}

/// Gets an access token for these credentials; a bare token is given back as it is.
pub(super) async fn exchange(source: &Source, http: &Http) -> Result<Granted, ApiError> {
    grant(&source.credentials, http).await.map_err(|error| about_the_caller(error, source))
}

/// The same for credentials within credentials.
fn grant<'a>(credentials: &'a Credentials, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
    Box::pin(async move {
        match credentials {
            Credentials::AccessToken(token) => Ok(Granted {
                secret: token.clone(),
                expires: None,
                scopes: vec![],
                principal: None,
                from: None,
                rotated: None,
            }),
            Credentials::User { client_id, client_secret, refresh_token, rapt, .. } => {
                let mut secret =
                    vec![("client_secret", client_secret.clone()), ("refresh_token", refresh_token.clone())];
                secret.extend(rapt.iter().map(|rapt| ("rapt", rapt.clone())));
                let plain =
                    vec![("grant_type", "refresh_token".to_owned()), ("client_id", client_id.clone())];
                token_endpoint(plain, secret, http).await
            }
            Credentials::ServiceAccount { email, key_id, private_key } => {
                key_token(email, key_id.as_deref(), private_key, http).await
            }
            Credentials::Impersonated { account, delegates, source, source_project } => {
                let caller = grant(source, http).await?;
                // google-auth sends the project that the source names, and never the file's own.
                let charge = source_project.clone().map_or(Charge::Unnamed, Charge::Project);
                let target = Target { account, delegates, lifetime_seconds: 3_600, address: None, charge };
                let granted = impersonate(target, &caller.secret, http).await?;
                Ok(Granted { rotated: caller.rotated, ..granted })
            }
            Credentials::External(external) => external.grant(http).await,
            Credentials::Workforce {
                token_url,
                introspect_url,
                client_id,
                client_secret,
                refresh_token,
                ..
            } => {
                let client = (client_id.clone(), client_secret.clone());
                let asked = asked("google.identity.sts.v1.SecurityTokenService.RefreshToken");
                let plain = vec![("grant_type", "refresh_token".to_owned())];
                let secret = vec![("refresh_token", refresh_token.clone())];
                let spec = RequestSpec {
                    address: Some(token_url.clone()),
                    headers: vec![external::basic(client_id, client_secret)],
                    ..RequestSpec::form(Service::Token, String::new(), plain, secret, asked)
                };
                let answer = http.send(&spec, None).await?;
                let answer: TokenAnswer = decode(&answer.body, "the Security Token Service")?;
                let granted = answer.granted("the Security Token Service")?;
                let principal = match introspect_url {
                    Some(url) => external::introspect(url, Some(&client), &granted.secret, http).await,
                    None => None,
                };
                Ok(Granted { principal, ..granted })
            }
            Credentials::Machine => machine::grant(http).await,
            Credentials::Gcloud(login) => gcloud::grant(login, http).await,
            Credentials::Any(sources) => first_of(sources, http).await,
        }
    })
}

/// The first of several sources that is there: the metadata server before the gcloud login.
async fn first_of(sources: &[Credentials], http: &Http) -> Result<Granted, ApiError> {
    let mut last = ApiError::new(ErrorKind::Credentials, "No credentials found.");
    for source in sources {
        match (grant(source, http).await, source) {
            // No answer, or one from something other than a metadata server (a portal that catches every name), or from
            // a machine without an account.
            (Err(error), Credentials::Machine)
                if error.status.is_none() || error.kind == ErrorKind::NotFound =>
            {
                last = nothing_found();
            }
            (outcome, _) => return outcome,
        }
    }
    Err(last)
}

/// What is said where there is nobody to call as.
pub(super) fn nothing_found() -> ApiError {
    ApiError::new(
        ErrorKind::Credentials,
        "No credentials found: no file, no variable, no metadata server and no gcloud login.",
    )
    .with_next(format!("Log in with `{LOGIN}`, or explore with `impersona --demo`."))
}

fn asked(method: &'static str) -> RequestContext {
    RequestContext {
        service: endpoints::service(Service::Token),
        method: method.into(),
        ..RequestContext::default()
    }
}

async fn token_endpoint(
    plain: Vec<(&'static str, String)>,
    secret: Vec<(&'static str, Secret)>,
    http: &Http,
) -> Result<Granted, ApiError> {
    let spec = RequestSpec::form(Service::Token, String::new(), plain, secret, asked("token"));
    let answer = http.send(&spec, None).await.map_err(|error| error.at(http.endpoints(), Service::Token))?;
    let from = endpoints::name(Service::Token);
    decode::<TokenAnswer>(&answer.body, from)?.granted(from)
}

async fn key_token(
    email: &str,
    key_id: Option<&str>,
    private_key: &Secret,
    http: &Http,
) -> Result<Granted, ApiError> {
    let at = now();
    if http.endpoints().universe() != GOOGLE {
        let secret = key::self_signed(email, key_id, private_key, at.as_second())?;
        let expires = at.checked_add(SignedDuration::from_secs(key::LIFE)).ok();
        let scopes = vec![key::SCOPE.to_owned()];
        return Ok(Granted { secret, expires, scopes, principal: None, from: None, rotated: None });
    }
    let audience = http.endpoints().token_audience();
    let assertion = key::assertion(email, key_id, private_key, &audience, at.as_second())?;
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    token_endpoint(vec![("grant_type", grant.to_owned())], vec![("assertion", assertion)], http).await
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
        service: endpoints::service(Service::Credentials),
        method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken".into(),
        resource: account.to_owned(),
        permission: Some(permission::GET_ACCESS_TOKEN.name.into()),
        delegates: delegates.to_vec(),
        ..RequestContext::default()
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
        secret: answer.access_token.bearer(from)?,
        expires: answer.expire_time.and_then(|end| end.parse().ok()),
        scopes: vec![key::SCOPE.to_owned()],
        principal: Some(account.to_owned()),
        from: None,
        rotated: None,
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
    // The source's minting is not charged to the project that the file names for the account.
    let shared = |refusal: &Refusal| {
        refusal.consumer().is_some_and(|consumer| SHARED_CLIENT_PROJECTS.contains(&consumer))
    };
    if matches!(credentials, Credentials::Impersonated { .. })
        && error.cause() == Some(Cause::ApiDisabled)
        && error.refusal.as_deref().is_some_and(shared)
    {
        let origin = &source.origin;
        return error.with_next(format!(
            "Add quota_project_id, with a project of yours, to source_credentials in {origin}."
        ));
    }
    // Which part of an exchange is at fault, its refusal says better than anything said of the file in general.
    let told = error.own_next().is_some() || error.cause() == Some(Cause::Federation);
    if error.kind != ErrorKind::Credentials || told {
        return error;
    }
    match source.remedy() {
        Some(next) => error.with_next(next),
        None => error,
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
