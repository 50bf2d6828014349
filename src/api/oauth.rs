//! Who is calling, and the public keys that signatures are checked with. Builders of requests and readers of
//! answers, pure, and the client's methods over them. A token is sent only in a body or a header, never in a URL.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    api::Client,
    http::{
        ApiError, ErrorKind,
        answer::decode,
        endpoints::{self, Endpoints, Service},
        handed_out,
        request_spec::{RequestSpec, segment},
    },
    model::{account::short, caller::Caller, denial::RequestContext, jwt::Signer, secret::Secret},
};

/// Whose public keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// Google's own, which sign ID tokens.
    Google,
    /// Those of the account with this email, which sign its JWTs and blobs.
    Account(String),
    /// The same as certificates, which tell until when a key is published.
    Certificates(String),
}

impl KeySource {
    /// Where a signer's keys are published; none for signers whose keys Google does not publish.
    pub(crate) fn of(signer: Signer) -> Option<KeySource> {
        match signer {
            Signer::Google => Some(KeySource::Google),
            Signer::Account(email) => Some(KeySource::Account(email)),
            Signer::Other(_) => None,
        }
    }

    /// Whose keys they are, for a verdict. Keys from elsewhere than Google's hosts prove nothing about Google, and
    /// this says so.
    pub(crate) fn whose(&self, endpoints: &Endpoints) -> String {
        let whose = match self {
            KeySource::Google => "Google's OAuth certs".to_owned(),
            KeySource::Account(email) | KeySource::Certificates(email) => {
                format!("the published keys of {}", short(email))
            }
        };
        let moved =
            endpoints.overridden().into_iter().find(|(name, _)| *name == endpoints::name(Service::Certs));
        match moved {
            Some((_, host)) => format!("{whose} (EMULATOR at {host}, not Google)"),
            None => whose,
        }
    }
}

/// Key sets by owner, each until its time is over.
pub(super) type KeyCache = Mutex<HashMap<KeySource, (Instant, String)>>;

/// Keys are fetched again at least this often, whatever the server says.
const LONGEST_CACHE: Duration = Duration::from_secs(24 * 3_600);

fn asked(base: Service, method: &'static str, resource: &str) -> RequestContext {
    RequestContext { resource: resource.to_owned(), ..RequestContext::new(endpoints::service(base), method) }
}

fn tokeninfo_spec(token: Secret) -> RequestSpec {
    let asked = asked(Service::Tokeninfo, "tokeninfo", "");
    RequestSpec::form(
        Service::Tokeninfo,
        "/tokeninfo".to_owned(),
        vec![],
        vec![("access_token", token)],
        asked,
    )
}

fn userinfo_spec() -> RequestSpec {
    RequestSpec::get(Service::Userinfo, "/v1/userinfo".to_owned(), asked(Service::Userinfo, "userinfo", ""))
}

fn keys_spec(source: &KeySource) -> RequestSpec {
    let (path, asked) = match source {
        KeySource::Google => ("/oauth2/v3/certs".to_owned(), asked(Service::Certs, "certs", "")),
        KeySource::Account(email) => (
            format!("/service_accounts/v1/metadata/jwk/{}", segment(email)),
            asked(Service::Certs, "jwk", email),
        ),
        KeySource::Certificates(email) => (
            format!("/service_accounts/v1/metadata/x509/{}", segment(email)),
            asked(Service::Certs, "x509", email),
        ),
    };
    RequestSpec { auth: false, ..RequestSpec::get(Service::Certs, path, asked) }
}

/// What Google tells of an access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFacts {
    /// Whose it is, where it has the scope to say so.
    pub(crate) email: Option<String>,
    /// Full scope URLs.
    pub scopes: Vec<String>,
    pub(crate) expires: Option<Timestamp>,
    /// The OAuth client it was given to, or the unique ID of an account.
    pub(crate) audience: Option<String>,
}

/// tokeninfo's answer: every value is a string on the host oauth2. `email` is there only with the scope for it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenInfo {
    email: Option<String>,
    scope: Option<String>,
    exp: Option<String>,
    aud: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserInfo {
    email: Option<String>,
}

/// The scopes in a text; invalid words are left out.
fn scopes(text: &str) -> Vec<String> {
    let from = endpoints::name(Service::Tokeninfo);
    text.split_whitespace().filter_map(|scope| handed_out::name(scope.to_owned(), from).ok()).collect()
}

impl TokenInfo {
    fn complete(self, caller: &mut Caller) {
        caller.principal = handed_out::principal(self.email).or(caller.principal.take());
        if let Some(scope) = self.scope {
            caller.scopes = scopes(&scope);
        }
        let end = self.exp.and_then(|exp| exp.parse().ok());
        caller.expires = caller.expires.or(end.and_then(|seconds| Timestamp::from_second(seconds).ok()));
    }
}

impl Client {
    /// What tokeninfo tells of an access token, whosever it is; it goes there in a body.
    ///
    /// # Errors
    /// As for every call; [`ErrorKind::Invalid`] for one that Google does not know.
    pub async fn token_facts(&self, token: &Secret) -> Result<TokenFacts, ApiError> {
        let answer = self.send(tokeninfo_spec(token.clone())).await.map_err(|error| match error.code() {
            Some("invalid_token") => ApiError::new(
                ErrorKind::Invalid,
                "Google doesn't know this token: it has expired, was revoked, or isn't a Google access token.",
            ),
            _ => error,
        })?;
        let info: TokenInfo = decode(&answer.body, endpoints::name(Service::Tokeninfo))?;
        let expires =
            info.exp.and_then(|exp| exp.parse().ok()).and_then(|at| Timestamp::from_second(at).ok());
        Ok(TokenFacts {
            email: handed_out::principal(info.email),
            scopes: scopes(&info.scope.unwrap_or_default()),
            expires,
            audience: handed_out::principal(info.aud),
        })
    }

    /// Who is calling, as far as the credentials file, tokeninfo and userinfo tell; what nobody tells stays unknown.
    ///
    /// # Errors
    /// When there is no token to be had, or Google does not accept it.
    pub async fn caller(&self) -> Result<Caller, ApiError> {
        let token = self.token_cache().token().await?;
        let mut caller = self.known_caller();
        caller.scopes.clone_from(&token.scopes);
        caller.expires = token.expires;
        caller.principal = token.principal.clone().or(caller.principal);
        if let Some(found) = &token.from {
            (caller.source, caller.kind) = (found.label.clone(), found.kind.to_owned());
            caller.quota_project = self.quota_project().map(str::to_owned);
        }
        // tokeninfo doesn't know federated tokens; only the issuing service tells whose they are.
        if self.token_cache().names_itself() || !token.is_googles() || self.token_cache().is_federated() {
            return Ok(caller);
        }
        match self.send(tokeninfo_spec(token.secret.clone())).await {
            Ok(answer) => {
                // Half an answer tells as little as none.
                if let Ok(info) = decode::<TokenInfo>(&answer.body, endpoints::name(Service::Tokeninfo)) {
                    info.complete(&mut caller);
                }
            }
            // Asked and not accepted: nothing else will work with this token.
            Err(error) if error.kind == ErrorKind::Credentials => return Err(self.with_remedy(error)),
            Err(_) => {}
        }
        if caller.principal.is_none()
            && let Ok(answer) = self.send(userinfo_spec()).await
        {
            let info = decode::<UserInfo>(&answer.body, endpoints::name(Service::Userinfo));
            caller.principal = info.ok().and_then(|info| handed_out::principal(info.email));
        }
        Ok(caller)
    }

    /// A JSON Web Key Set, or the map of key id to certificate, as text; kept in memory for as long as its sender
    /// allows.
    ///
    /// # Errors
    /// As for every call.
    pub async fn signing_keys(&self, source: KeySource) -> Result<String, ApiError> {
        if let Some((until, keys)) = self.keys().lock().await.get(&source)
            && *until > Instant::now()
        {
            return Ok(keys.clone());
        }
        self.signing_keys_anew(source).await
    }

    /// The same, asked for whatever is kept.
    ///
    /// # Errors
    /// As for every call.
    pub(crate) async fn signing_keys_anew(&self, source: KeySource) -> Result<String, ApiError> {
        let answer = self.send(keys_spec(&source)).await?;
        let keys = match source {
            KeySource::Certificates(_) => read_certificates(&answer.body)?,
            KeySource::Google | KeySource::Account(_) => read_keys(&answer.body)?,
        };
        let mut cache = self.keys().lock().await;
        let now = Instant::now();
        cache.retain(|_, (until, _)| *until > now);
        if let Some(age) = answer.max_age {
            cache.insert(source, (now + age.min(LONGEST_CACHE), keys.clone()));
        }
        Ok(keys)
    }
}

/// The text of a map of certificates, after a look that it is one.
fn read_certificates(body: &[u8]) -> Result<String, ApiError> {
    decode::<HashMap<String, String>>(body, endpoints::name(Service::Certs))?;
    Ok(String::from_utf8_lossy(body).into_owned())
}

/// The text of a key set, after a look that it is one.
fn read_keys(body: &[u8]) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct KeySet {
        #[serde(rename = "keys")]
        _keys: Vec<serde::de::IgnoredAny>,
    }
    decode::<KeySet>(body, endpoints::name(Service::Certs))?;
    Ok(String::from_utf8_lossy(body).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request_spec::{Body, Method};

    #[test]
    fn a_token_goes_into_the_body_never_into_the_address() {
        let spec = tokeninfo_spec(Secret::new("ya29.secret"));
        assert!(spec.query.is_empty() && spec.path == "/tokeninfo" && spec.method == Method::Post);
        assert!(
            !spec.auth && matches!(spec.body, Body::Form { ref secret, .. } if secret[0].0 == "access_token")
        );
        assert!(!format!("{spec:?}").contains("ya29"));
    }

    #[test]
    fn tokeninfo_completes_what_is_known_of_the_caller() {
        let body = br#"{
  "azp": "32555940559.apps.googleusercontent.com",
  "aud": "32555940559.apps.googleusercontent.com",
  "sub": "117",
  "scope": "https://www.googleapis.com/auth/userinfo.email openid",
  "exp": "1473628884",
  "expires_in": "3469",
  "email": "dev@example.com",
  "email_verified": "true",
  "access_type": "offline"
}
"#;
        let mut caller = Caller::default();
        decode::<TokenInfo>(body, "tokeninfo").unwrap().complete(&mut caller);
        assert_eq!(caller.principal.as_deref(), Some("dev@example.com"));
        assert_eq!(
            (caller.scopes.len(), caller.expires.map(|end| end.as_second())),
            (2, Some(1_473_628_884))
        );
    }

    #[test]
    fn an_accounts_keys_are_asked_for_with_its_name_encoded_and_without_a_token() {
        let spec = keys_spec(&KeySource::Account("a/b@p.iam.gserviceaccount.com".into()));
        assert_eq!(spec.path, "/service_accounts/v1/metadata/jwk/a%2Fb%40p.iam.gserviceaccount.com");
        assert!(!spec.auth);
    }

    #[test]
    fn a_key_set_is_looked_at_before_it_is_kept() {
        let text = r#"{"keys":[{"kty":"RSA","kid":"1","n":"x","e":"AQAB"}]}"#;
        assert_eq!(read_keys(text.as_bytes()).as_deref(), Ok(text));
        assert!(read_keys(b"{}").is_err() && read_keys(b"[]").is_err());
    }
}
