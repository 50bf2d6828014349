//! One exchange at the token endpoint: a refresh token or a signed assertion in, an access token out. It remembers
//! nothing and retries nothing itself.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Credentials, Source};
use crate::{
    api::{
        ApiError, ErrorKind,
        answer::decode,
        endpoints::{self, Base},
        http::{Http, Ticket, now},
    },
    model::{
        denial::{Asked, LOGIN},
        secret::Secret,
    },
};

/// What an account's key asks for: everything its IAM roles allow.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The longest life of an assertion that Google accepts, in seconds.
const ASSERTION_LIFE: i64 = 3_600;

/// An access token fresh from the endpoint.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) secret: Secret,
    pub(super) expires: Option<Timestamp>,
    pub(super) scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    /// Seconds; a number, but some servers send a text.
    expires_in: Option<Value>,
    scope: Option<String>,
}

/// Gets an access token for these credentials; a bare token is given back as it is.
pub(super) async fn exchange(source: &Source, http: &Http) -> Result<Granted, ApiError> {
    let (plain, secret) = match &source.credentials {
        Credentials::AccessToken(token) => {
            return Ok(Granted { secret: token.clone(), expires: None, scopes: vec![] });
        }
        Credentials::User { client_id, client_secret, refresh_token } => (
            vec![("grant_type", "refresh_token".to_owned()), ("client_id", client_id.clone())],
            vec![("client_secret", client_secret.clone()), ("refresh_token", refresh_token.clone())],
        ),
        Credentials::ServiceAccount { email, key_id, private_key } => {
            let audience = http.endpoints().token_audience();
            let assertion = assertion(email, key_id.clone(), private_key, &audience, now().as_second())?;
            (
                vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned())],
                vec![("assertion", assertion)],
            )
        }
    };
    let asked = Asked { service: endpoints::service(Base::Token), method: "token", ..Asked::default() };
    let ticket = Ticket::form(Base::Token, String::new(), plain, secret, asked);
    let answer = http.send(&ticket, None).await.map_err(|error| about_the_caller(error, source))?;
    let answer: Answer = decode(&answer.body, endpoints::name(Base::Token))?;
    let lives =
        answer.expires_in.as_ref().and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let expires = lives.and_then(|seconds| now().checked_add(jiff::SignedDuration::from_secs(seconds)).ok());
    let scopes = answer.scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Ok(Granted { secret: answer.access_token, expires, scopes })
}

/// A refusal of the token endpoint is about the caller's credentials, whatever status it comes with.
fn about_the_caller(mut error: ApiError, source: &Source) -> ApiError {
    if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Other) {
        error.kind = ErrorKind::Credentials;
    }
    match (&source.credentials, error.kind) {
        // A login does not help where a key is the matter.
        (Credentials::ServiceAccount { .. }, ErrorKind::Credentials) => error.with_next(format!(
            "Check that the account and its key in {} still exist and are enabled, and that this machine's clock is right.",
            source.origin
        )),
        (Credentials::User { .. }, ErrorKind::Credentials) => {
            error.with_next(format!("Log in again: `{LOGIN}`."))
        }
        _ => error,
    }
}

fn assertion(
    email: &str,
    key_id: Option<String>,
    private_key: &Secret,
    audience: &str,
    now: i64,
) -> Result<Secret, ApiError> {
    let broken = || ApiError::new(ErrorKind::Credentials, "The private key of the credentials cannot sign.");
    let key = EncodingKey::from_rsa_pem(private_key.expose().as_bytes()).map_err(|_| broken())?;
    let header = Header { kid: key_id, ..Header::new(Algorithm::RS256) };
    let claims =
        json!({ "iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + ASSERTION_LIFE });
    jsonwebtoken::encode(&header, &claims, &key).map(Secret::new).map_err(|_| broken())
}

/// Whether this is a private RSA key as credentials files hold it.
pub(super) fn is_key(private_key: &Secret) -> bool {
    EncodingKey::from_rsa_pem(private_key.expose().as_bytes()).is_ok()
}
