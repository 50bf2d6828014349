//! Minting: the requests that make credentials, what they look like before they are sent, and the answers. Each kind
//! of credential is one request: four methods of IAM Credentials, two paths of the metadata server, and the token
//! endpoint for a JWT that is exchanged. What is checked afterwards is `flows::mint`'s business.

use aws_lc_rs::digest;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    api::{Client, metadata},
    http::{
        ApiError, CallKind, ErrorKind,
        answer::decode,
        endpoints::{self, Endpoints, Service},
        handed_out::{HandedOut, key_id},
        request_spec::{RequestSpec, segment},
        transport::now,
    },
    model::{
        claims,
        clock::at_google,
        credential::{Credential, MintRequest, Payload, Signed, What},
        denial::{Delegation, RequestContext},
        jwt::Verdict,
        permission::{self, Permission},
        secret::Secret,
        signed_url::Unsigned,
    },
};

/// A request as it will be sent, for the form that shows it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// `POST`; `GET` at the metadata server.
    pub method: &'static str,
    /// The service.
    pub base: Service,
    /// `/v1/projects/-/serviceAccounts/a%40p.iam.gserviceaccount.com:generateAccessToken`, with the query, if any.
    pub url_path: String,
    /// The JSON body, field by field as it is sent; none for a `GET`.
    pub body: Option<Value>,
}

/// What will be sent for this request at this time, which decides claims and URLs that hold a time.
///
/// # Errors
/// One sentence: claims that the API would refuse, or a request that cannot be sent by itself.
pub fn preview(request: &MintRequest, endpoints: &Endpoints, at: Timestamp) -> Result<Preview, String> {
    let account = &request.account;
    let (verb, mut body) = match &request.what {
        What::AccessToken { scopes, lifetime_seconds } => {
            ("generateAccessToken", json!({ "scope": scopes, "lifetime": format!("{lifetime_seconds}s") }))
        }
        What::IdToken { audience, include_email, organization_number } => {
            let mut body = json!({ "audience": audience, "includeEmail": include_email });
            if *organization_number {
                body["organizationNumberIncluded"] = json!(true);
            }
            ("generateIdToken", body)
        }
        What::SignedJwt { claims, lifetime_seconds } => {
            let checked = claims::check(claims, *lifetime_seconds, account, at.as_second())?;
            ("signJwt", json!({ "payload": checked.text }))
        }
        What::SignedBlob(Payload::Bytes(bytes)) => ("signBlob", json!({ "payload": STANDARD.encode(bytes) })),
        What::SignedBlob(Payload::File(path)) => {
            ("signBlob", json!({ "payload": format!("base64 of {}", path.display()) }))
        }
        What::SignedUrl(_) => {
            let text = unsigned(request, endpoints, at).map(|url| STANDARD.encode(url.to_sign()));
            ("signBlob", json!({ "payload": text }))
        }
        What::MetadataAccess { .. } | What::MetadataId { .. } => {
            return Ok(Preview {
                method: "GET",
                base: Service::Metadata,
                url_path: metadata::path_and_query(request),
                body: None,
            });
        }
        What::Delegated { .. } => {
            return Err(
                "a user's token is made from a signed JWT: sign a new one, then exchange it".to_owned()
            );
        }
    };
    if !request.delegates.is_empty() {
        let names = request.delegates.iter().map(|delegate| format!("projects/-/serviceAccounts/{delegate}"));
        body["delegates"] = names.collect();
    }
    // The project must be the wildcard: the API refuses a real one.
    let url_path = format!("/v1/projects/-/serviceAccounts/{}:{verb}", segment(account));
    Ok(Preview { method: "POST", base: Service::Credentials, url_path, body: Some(body) })
}

/// What a signed URL is made from at this time; none for any other kind.
fn unsigned(request: &MintRequest, endpoints: &Endpoints, at: Timestamp) -> Option<Unsigned> {
    match &request.what {
        What::SignedUrl(url) => Some(url.prepare(&request.account, endpoints.universe(), at)),
        _ => None,
    }
}

/// The gRPC name of the method behind a request, and the permission it needs on the account.
fn method(what: &What) -> (&'static str, Option<Permission>) {
    match what {
        What::AccessToken { .. } => (
            "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
            Some(permission::GET_ACCESS_TOKEN),
        ),
        What::IdToken { .. } => {
            ("google.iam.credentials.v1.IAMCredentials.GenerateIdToken", Some(permission::GET_OPEN_ID_TOKEN))
        }
        What::SignedJwt { .. } => {
            ("google.iam.credentials.v1.IAMCredentials.SignJwt", Some(permission::SIGN_JWT))
        }
        What::SignedBlob(_) | What::SignedUrl(_) => {
            ("google.iam.credentials.v1.IAMCredentials.SignBlob", Some(permission::SIGN_BLOB))
        }
        What::MetadataAccess { .. } => ("metadata.token", None),
        What::MetadataId { .. } => ("metadata.identity", None),
        What::Delegated { .. } => ("token", None),
    }
}

fn spec(request: &MintRequest, endpoints: &Endpoints, at: Timestamp) -> Result<RequestSpec, ApiError> {
    let preview = preview(request, endpoints, at).map_err(|why| ApiError::new(ErrorKind::Invalid, why))?;
    let (method, permission) = method(&request.what);
    let lifetime_seconds = match request.what {
        What::AccessToken { lifetime_seconds, .. } => Some(lifetime_seconds),
        _ => None,
    };
    let asked = RequestContext {
        service: endpoints::service(preview.base),
        method: method.into(),
        resource: request.account.clone(),
        permission: permission.map(|permission| permission.name.into()),
        lifetime_seconds,
        delegates: request.delegates.clone(),
        ..RequestContext::default()
    };
    Ok(match preview.body {
        Some(body) => RequestSpec::post(CallKind::Mint, preview.base, preview.url_path, body, asked),
        None => metadata::token_spec(request, asked),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessTokenAnswer {
    access_token: HandedOut,
    /// Any RFC 3339 time. An unreadable one doesn't justify withholding the token.
    expire_time: Option<String>,
}

#[derive(Deserialize)]
struct IdTokenAnswer {
    token: HandedOut,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedJwtAnswer {
    #[serde(default)]
    key_id: String,
    signed_jwt: HandedOut,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedBlobAnswer {
    #[serde(default)]
    key_id: String,
    signed_blob: HandedOut,
}

/// The answer of an OAuth token endpoint, that of the metadata server included.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: HandedOut,
    /// Seconds; a number, but some servers send a text.
    expires_in: Option<Value>,
}

impl TokenAnswer {
    fn expires(&self, at: Timestamp) -> Option<Timestamp> {
        let value = self.expires_in.as_ref()?;
        let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
        at.checked_add(SignedDuration::from_secs(seconds)).ok()
    }
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
    let service = endpoints::name(Service::Credentials);
    let made = |secret, expires| Credential::new(request.clone(), secret, expires, at);
    Ok(match &request.what {
        What::AccessToken { .. } => {
            let answer: AccessTokenAnswer = decode(body, service)?;
            made(answer.access_token.bearer(service)?, answer.expire_time.and_then(|end| end.parse().ok()))
        }
        What::IdToken { .. } => {
            let answer: IdTokenAnswer = decode(body, service)?;
            let token = answer.token.jwt(service)?;
            let expires = expiry(&token);
            made(token, expires)
        }
        What::SignedJwt { .. } => {
            let answer: SignedJwtAnswer = decode(body, service)?;
            let jwt = answer.signed_jwt.jwt(service)?;
            let signing_input = jwt.expose().rsplit_once('.').map_or("", |(input, _)| input);
            let signed = Some(unchecked(key_id(answer.key_id, service)?, signing_input.as_bytes()));
            let expires = expiry(&jwt);
            Credential { signed, ..made(jwt, expires) }
        }
        What::SignedBlob(payload) => {
            let answer: SignedBlobAnswer = decode(body, service)?;
            let bytes = if let Payload::Bytes(bytes) = payload { bytes.as_slice() } else { &[] };
            let (blob, _) = signature(answer.signed_blob, service)?;
            let signed = Some(unchecked(key_id(answer.key_id, service)?, bytes));
            Credential { signed, ..made(blob, None) }
        }
        What::SignedUrl(_) => {
            let answer: SignedBlobAnswer = decode(body, service)?;
            let url = unsigned(request, endpoints, at).expect("it is a signed URL");
            let (_, signature) = signature(answer.signed_blob, service)?;
            let signed = Some(unchecked(key_id(answer.key_id, service)?, url.to_sign().as_bytes()));
            let secret = Secret::new(url.finish(&signature));
            Credential { signed, ..made(secret, Some(url.expires())) }
        }
        What::MetadataAccess { .. } | What::Delegated { .. } => {
            let service = endpoints::name(metadata_or_token(&request.what));
            let answer: TokenAnswer = decode(body, service)?;
            let expires = answer.expires(at);
            made(answer.access_token.bearer(service)?, expires)
        }
        What::MetadataId { .. } => {
            let token = HandedOut::text(metadata::text(body)?).jwt(endpoints::name(Service::Metadata))?;
            let expires = expiry(&token);
            made(token, expires)
        }
    })
}

fn metadata_or_token(what: &What) -> Service {
    if matches!(what, What::Delegated { .. }) { Service::Token } else { Service::Metadata }
}

/// A signature in base64, and its bytes.
fn signature(base64: HandedOut, service: &str) -> Result<(Secret, Zeroizing<Vec<u8>>), ApiError> {
    let base64 = base64.base64(service)?;
    match STANDARD.decode(base64.expose()).map(Zeroizing::new) {
        Ok(bytes) if !bytes.is_empty() => Ok((base64, bytes)),
        _ => Err(ApiError::new(ErrorKind::Server, format!("The response from {service} has no signature."))),
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
        let answer = self.send(spec(request, self.endpoints(), at)?).await;
        let answer = answer.map_err(|error| metadata::explain(error, request))?;
        Ok(self.counted(read(request, self.endpoints(), &answer.body, at)?))
    }

    /// An end that was counted from our clock, as Google's shows it: all ends are compared by that one.
    fn counted(&self, mut credential: Credential) -> Credential {
        if matches!(credential.request.what, What::MetadataAccess { .. } | What::Delegated { .. }) {
            credential.expires = credential.expires.map(|end| at_google(end, self.skew()));
        }
        credential
    }

    /// Gives a signed JWT to the token endpoint. `request` says what is expected of it, for the shelf and for the
    /// explanation of a refusal. The caller's own token is not sent along.
    ///
    /// # Errors
    /// As for every call; what Workspace refuses is explained by the setting at fault.
    pub async fn exchange(&self, request: &MintRequest, assertion: &Secret) -> Result<Credential, ApiError> {
        let delegation = match &request.what {
            What::Delegated { subject, scopes } => {
                Some(Delegation { subject: subject.clone(), scopes: scopes.clone() })
            }
            _ => None,
        };
        let asked = RequestContext {
            service: endpoints::service(Service::Token),
            method: "token".into(),
            resource: request.account.clone(),
            delegation,
            ..RequestContext::default()
        };
        let grant = vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned())];
        let secret = vec![("assertion", assertion.clone())];
        let at = now();
        let answer =
            self.send(RequestSpec::form(Service::Token, String::new(), grant, secret, asked)).await?;
        Ok(self.counted(read(request, self.endpoints(), &answer.body, at)?))
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
