//! Minting: the requests that make credentials, what they look like before they are sent, and the answers. Each kind
//! of credential is a file here, with its one request, its answer, and its forms for curl and gcloud; `kind_of` joins
//! them. What is checked afterwards is `flows::mint`'s business.

mod access_token;
mod delegated;
mod gcloud;
mod id_token;
mod metadata;
mod signed_blob;
mod signed_jwt;
mod signed_url;

use std::path::Path;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    api::Client,
    auth::metadata_errors::{self, Presence},
    http::{
        ApiError, CallKind, ErrorKind,
        answer::decode,
        clock::now,
        endpoints::{self, Endpoints, Service},
        handed_out::HandedOut,
        request_spec::{RequestSpec, encode_query, segment},
    },
    model::{
        clock::at_google,
        credential::{Credential, Kind, MintRequest, Signed, What},
        denial::RequestContext,
        jwt::Verdict,
        secret::Secret,
    },
};
pub(super) use gcloud::Gcloud;

/// A request as it will be sent, for the form that shows it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// `POST`; `GET` at the metadata server.
    pub(crate) method: &'static str,
    /// The service.
    pub base: Service,
    /// `/v1/projects/-/serviceAccounts/a%40p.iam.gserviceaccount.com:generateAccessToken`, with the query, if any.
    pub url_path: String,
    /// The JSON body, field by field as it is sent; none for a `GET`.
    pub body: Option<Value>,
}

/// What a kind of credential is made of: its request, its answer, and how it differs elsewhere.
pub(super) trait CredentialKind {
    /// What is sent.
    ///
    /// # Errors
    /// One sentence: claims that the API would refuse, or a request that cannot be sent by itself.
    fn request(&self, cx: &MintContext) -> Result<Sent, String>;

    /// What an answer makes of the request.
    ///
    /// # Errors
    /// [`ErrorKind::Server`], naming where the answer is from and never what it holds.
    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError>;

    /// The gcloud command that comes nearest.
    ///
    /// # Errors
    /// One sentence where gcloud has no such command, or the claims would be refused.
    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String>;

    /// In which way the request as curl does otherwise, as a clause.
    fn curl_differs(&self) -> &'static str {
        ""
    }

    /// The file that the payload is read from when it is sent.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// The requested lifetime, where a refusal may be about it.
    fn lifetime_seconds(&self) -> Option<u32> {
        None
    }

    /// Whether the answer tells its end in seconds from now, which is by our clock.
    fn ends_by_our_clock(&self) -> bool {
        false
    }
}

/// The file of each kind.
pub(super) fn kind_of(what: &What) -> Box<dyn CredentialKind + '_> {
    match what {
        What::AccessToken { scopes, lifetime_seconds } => {
            Box::new(access_token::AccessToken { scopes, lifetime_seconds: *lifetime_seconds })
        }
        What::IdToken { audience, include_email, organization_number } => Box::new(id_token::IdToken {
            audience,
            include_email: *include_email,
            organization_number: *organization_number,
        }),
        What::SignedJwt { claims, lifetime_seconds } => {
            Box::new(signed_jwt::SignedJwt { claims, lifetime_seconds: *lifetime_seconds })
        }
        What::SignedBlob(payload) => Box::new(signed_blob::SignedBlob(payload)),
        What::SignedUrl(url) => Box::new(signed_url::UrlToSign(url)),
        What::MetadataAccess { scopes } => Box::new(metadata::Access { scopes }),
        What::MetadataId { audience, full, licenses } => {
            Box::new(metadata::Identity { audience, full: *full, licenses: *licenses })
        }
        What::Delegated { .. } => Box::new(delegated::Delegated),
    }
}

/// What decides a request in addition to its kind: account and delegates, the services, and the time, which claims and
/// URLs hold.
pub(super) struct MintContext<'a> {
    pub(super) request: &'a MintRequest,
    pub(super) endpoints: &'a Endpoints,
    pub(super) at: Timestamp,
}

/// A request of one kind.
pub(super) struct Sent {
    /// Its name in explanations.
    method: &'static str,
    base: Service,
    path: String,
    query: Vec<(&'static str, String)>,
    /// None for a `GET`.
    body: Option<Value>,
}

impl MintContext<'_> {
    /// A method of IAM Credentials, by its verb and its gRPC name.
    fn iam(&self, verb: &str, method: &'static str, mut body: Value) -> Sent {
        let MintRequest { account, delegates, .. } = self.request;
        if !delegates.is_empty() {
            let names = delegates.iter().map(|delegate| format!("projects/-/serviceAccounts/{delegate}"));
            body["delegates"] = names.collect();
        }
        // The project must be the wildcard: the API refuses a real one.
        let path = format!("/v1/projects/-/serviceAccounts/{}:{verb}", segment(account));
        Sent { method, base: Service::Credentials, path, query: Vec::new(), body: Some(body) }
    }

    fn made(&self, secret: Secret, expires: Option<Timestamp>) -> Credential {
        Credential::new(self.request.clone(), secret, expires, self.at)
    }
}

/// What will be sent for this request at this time, which decides claims and URLs that hold a time.
///
/// # Errors
/// One sentence: claims that the API would refuse, or a request that cannot be sent by itself.
pub fn preview(request: &MintRequest, endpoints: &Endpoints, at: Timestamp) -> Result<Preview, String> {
    let Sent { base, path, query, body, .. } =
        kind_of(&request.what).request(&MintContext { request, endpoints, at })?;
    let url_path = if query.is_empty() { path } else { format!("{path}?{}", encode_query(&query)) };
    Ok(Preview { method: if body.is_some() { "POST" } else { "GET" }, base, url_path, body })
}

fn spec(request: &MintRequest, endpoints: &Endpoints, at: Timestamp) -> Result<RequestSpec, ApiError> {
    let kind = kind_of(&request.what);
    let invalid = |why: String| ApiError::new(ErrorKind::Invalid, why);
    // Its request has a placeholder for what is in the file.
    if let Some(path) = kind.file() {
        return Err(invalid(format!("{} has to be read before it can be signed.", path.display())));
    }
    let Sent { method, base, path, query, body } =
        kind.request(&MintContext { request, endpoints, at }).map_err(invalid)?;
    let asked = RequestContext {
        resource: request.account.clone(),
        permission: request.kind().permission().map(|permission| permission.name.into()),
        lifetime_seconds: kind.lifetime_seconds(),
        delegates: request.delegates.clone(),
        ..RequestContext::new(endpoints::service(base), method)
    };
    Ok(match body {
        Some(body) => RequestSpec::post(CallKind::Mint, base, path, body, asked),
        None => {
            RequestSpec { kind: CallKind::Mint, auth: false, query, ..RequestSpec::get(base, path, asked) }
        }
    })
}

/// What an answer makes of a request: a credential made only of what such a credential is made of, or an error.
///
/// # Errors
/// [`ErrorKind::Server`], naming where the answer is from and never what it holds.
pub fn read(
    request: &MintRequest,
    endpoints: &Endpoints,
    body: &[u8],
    at: Timestamp,
) -> Result<Credential, ApiError> {
    kind_of(&request.what).read(&MintContext { request, endpoints, at }, body)
}

/// The answer of an OAuth token endpoint, that of the metadata server included.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: HandedOut,
    /// Seconds; a number, but some servers send a text.
    expires_in: Option<Value>,
}

impl TokenAnswer {
    fn read(cx: &MintContext, body: &[u8], service: Service) -> Result<Credential, ApiError> {
        let from = endpoints::name(service);
        let answer: TokenAnswer = decode(body, from)?;
        let expires = answer.expires(cx.at);
        Ok(cx.made(answer.access_token.bearer(from)?, expires))
    }

    fn expires(&self, at: Timestamp) -> Option<Timestamp> {
        let value = self.expires_in.as_ref()?;
        let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
        at.checked_add(SignedDuration::from_secs(seconds)).ok()
    }
}

/// A signature that nobody has looked at yet.
fn unchecked(key_id: String, signed: &[u8]) -> Signed {
    let sha256 = digest::digest(&digest::SHA256, signed);
    let sha256 = sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Signed { key_id, sha256, verdict: Verdict::not_checked("not checked yet"), key_ends: None }
}

/// The `exp` of a JWT; none where it cannot be read.
fn expiry(token: &Secret) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    Timestamp::from_second(claims::<Claims>(token)?.exp).ok()
}

/// The claims of a JWT; none where they cannot be read. Nothing about them is checked.
pub(crate) fn claims<T: DeserializeOwned>(token: &Secret) -> Option<T> {
    let payload = token.expose().split('.').nth(1)?;
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    serde_json::from_slice(&claims).ok()
}

impl Client {
    /// Sends the one request that makes a credential. May be repeated: each time makes a new one and changes nothing
    /// else. A signature that comes back is not checked here, and a file is not read.
    ///
    /// # Errors
    /// As for every call; claims that the API would refuse are not sent.
    pub async fn mint(&self, request: &MintRequest) -> Result<Credential, ApiError> {
        let at = now();
        let answer = match self.send(spec(request, self.endpoints(), at)?).await {
            Ok(answer) => answer,
            Err(error) if request.kind() == Kind::Metadata => {
                return Err(self.machine_error(error, request).await);
            }
            Err(error) => return Err(error),
        };
        Ok(self.counted(read(request, self.endpoints(), &answer.body, at)?))
    }

    /// The metadata server refuses in its own forms, which [`ApiError::from_answer`] doesn't know.
    async fn machine_error(&self, error: ApiError, request: &MintRequest) -> ApiError {
        let presence = match error.status {
            Some(404) => self.presence(&request.account).await,
            _ => Presence::Unknown,
        };
        metadata_errors::explain(error, &request.account, presence, self.endpoints().hosting())
    }

    /// An end that was counted from our clock, as Google's shows it: all ends are compared by that one.
    fn counted(&self, mut credential: Credential) -> Credential {
        if kind_of(&credential.request.what).ends_by_our_clock() {
            credential.expires = credential.expires.map(|end| at_google(end, self.skew()));
        }
        credential
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
