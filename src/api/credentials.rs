//! IAM Credentials: the requests that mint, what they look like before they are sent, and the answers. Pure
//! builders and readers, and the client's method over them; the texts that are copied hold no token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    api::{
        ApiError, CallKind, Client,
        answer::decode,
        endpoints::{self, Base, Endpoints},
        http::{Ticket, now, segment},
    },
    model::{
        credential::{Credential, Kind, MintRequest, What},
        denial::Asked,
        permission,
        secret::Secret,
        shell::quote,
    },
};

/// An operation of IAM Credentials, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Mint a credential.
    Mint(MintRequest),
}

/// A request as it will be sent, for the form that shows it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// `POST`
    pub method: &'static str,
    /// `/v1/projects/-/serviceAccounts/a%40p.iam.gserviceaccount.com:generateAccessToken`
    pub url_path: String,
    /// The JSON body, field by field as it is sent.
    pub body: Value,
}

/// The scope that needs no flag at gcloud.
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What will be sent for this request.
pub fn preview(request: &MintRequest) -> Preview {
    // The project must be the wildcard: the API refuses a real one.
    let account = segment(&request.account);
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
    };
    if !request.delegates.is_empty() {
        let names = request.delegates.iter().map(|delegate| format!("projects/-/serviceAccounts/{delegate}"));
        body["delegates"] = names.collect();
    }
    Preview { method: "POST", url_path: format!("/v1/projects/-/serviceAccounts/{account}:{verb}"), body }
}

/// The same request as a curl command for a POSIX shell. The caller's token comes from gcloud when it runs, which
/// is kept from writing it to its log; where the services are moved, from `$TOKEN`, for gcloud knows no token there.
pub fn curl(request: &MintRequest, endpoints: &Endpoints) -> String {
    let Preview { method, url_path, body } = preview(request);
    let token = if endpoints.overridden().is_empty() {
        "$(CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud auth print-access-token)"
    } else {
        "$TOKEN"
    };
    let url = quote(&format!("{}{url_path}", endpoints.url(Base::Credentials)));
    let body = quote(&body.to_string());
    format!(
        "curl -sS -X {method} -H \"Authorization: Bearer {token}\" -H 'Content-Type: application/json' -d {body} {url}"
    )
}

/// The gcloud command that comes nearest, for a POSIX shell. It carries the endpoints where they are moved.
pub fn gcloud(request: &MintRequest, endpoints: &Endpoints) -> String {
    let mut words = vec!["CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true".to_owned()];
    // gcloud knows nothing of our own variables.
    let moved = endpoints.as_env().into_iter().filter(|(name, _)| name.starts_with("CLOUDSDK_"));
    words.extend(moved.map(|(name, url)| format!("{name}={}", quote(&url))));
    // gcloud reads a list: the delegates in order, then the account itself.
    let chain: Vec<&str> = request.delegates.iter().chain([&request.account]).map(String::as_str).collect();
    let impersonate = format!("--impersonate-service-account={}", quote(&chain.join(",")));
    match &request.what {
        What::AccessToken { scopes, lifetime_seconds } => {
            words.extend(["gcloud auth print-access-token".to_owned(), impersonate]);
            words.push(format!("--lifetime={lifetime_seconds}s"));
            if *scopes != [CLOUD_PLATFORM] {
                words.push(format!("--scopes={}", quote(&scopes.join(","))));
            }
        }
        What::IdToken { audience, include_email, .. } => {
            words.extend(["gcloud auth print-identity-token".to_owned(), impersonate]);
            words.push(format!("--audiences={}", quote(audience)));
            if *include_email {
                words.push("--include-email".to_owned());
            }
        }
    }
    words.join(" ")
}

fn ticket(request: &MintRequest) -> Ticket {
    let Preview { url_path, body, .. } = preview(request);
    let (method, permission, lifetime_seconds) = match &request.what {
        What::AccessToken { lifetime_seconds, .. } => (
            "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
            permission::GET_ACCESS_TOKEN,
            Some(*lifetime_seconds),
        ),
        What::IdToken { .. } => {
            ("google.iam.credentials.v1.IAMCredentials.GenerateIdToken", permission::GET_OPEN_ID_TOKEN, None)
        }
    };
    let asked = Asked {
        service: endpoints::service(Base::Credentials),
        method,
        resource: request.account.clone(),
        permission: Some(permission.name),
        lifetime_seconds,
        delegates: request.delegates.len(),
    };
    Ticket::post(CallKind::Mint, Base::Credentials, url_path, body, asked)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessTokenAnswer {
    access_token: Secret,
    /// Any RFC 3339 time. One that cannot be read is no reason to withhold the token.
    expire_time: Option<String>,
}

#[derive(Deserialize)]
struct IdTokenAnswer {
    token: Secret,
}

fn read(request: &MintRequest, body: &[u8], minted: Timestamp) -> Result<Credential, ApiError> {
    let service = endpoints::name(Base::Credentials);
    let (secret, expires) = match request.kind() {
        Kind::AccessToken => {
            let answer: AccessTokenAnswer = decode(body, service)?;
            (answer.access_token, answer.expire_time.and_then(|end| end.parse().ok()))
        }
        Kind::IdToken => {
            let answer: IdTokenAnswer = decode(body, service)?;
            let expires = expiry(&answer.token);
            (answer.token, expires)
        }
    };
    Ok(Credential { request: request.clone(), secret, expires, minted })
}

/// The `exp` of a JWT; none where it cannot be read.
fn expiry(token: &Secret) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = token.expose().split('.').nth(1)?;
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

impl Client {
    /// Mints a credential. May be repeated: each time makes a new one and changes nothing else.
    ///
    /// # Errors
    /// As for every call.
    pub async fn mint(&self, request: &MintRequest) -> Result<Credential, ApiError> {
        let answer = self.send(ticket(request)).await?;
        read(request, &answer.body, now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;

    fn access(delegates: &[&str]) -> MintRequest {
        MintRequest {
            account: "sa@p.iam.gserviceaccount.com".into(),
            delegates: delegates.iter().map(|d| (*d).to_owned()).collect(),
            what: What::AccessToken { scopes: vec![CLOUD_PLATFORM.into()], lifetime_seconds: 3_600 },
        }
    }

    fn id(audience: &str) -> MintRequest {
        let what =
            What::IdToken { audience: audience.into(), include_email: true, organization_number: false };
        MintRequest { what, ..access(&[]) }
    }

    fn google() -> Endpoints {
        Endpoints::new(&Env::default(), None).unwrap()
    }

    #[test]
    fn the_preview_is_the_request_with_delegates_only_when_there_are_some() {
        let shown = preview(&access(&[]));
        assert_eq!(
            shown.url_path,
            "/v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com:generateAccessToken"
        );
        assert_eq!(
            shown.body.to_string(),
            r#"{"scope":["https://www.googleapis.com/auth/cloud-platform"],"lifetime":"3600s"}"#
        );
        let shown = preview(&access(&["d1@p.iam.gserviceaccount.com"]));
        assert_eq!(
            shown.body["delegates"],
            json!(["projects/-/serviceAccounts/d1@p.iam.gserviceaccount.com"])
        );
        assert_eq!(
            preview(&id("https://a.example")).body,
            json!({"audience": "https://a.example", "includeEmail": true})
        );
    }

    #[test]
    fn an_access_token_is_read_with_any_fraction_in_its_end() {
        for end in ["2021-08-26T00:57:30Z", "2021-08-26T00:57:30.000123Z"] {
            let body =
                format!("{{\n  \"accessToken\": \"ya29.c.c0AY_VpZ\",\n  \"expireTime\": \"{end}\"\n}}\n");
            let credential = read(&access(&[]), body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(credential.expires.map(|end| end.as_second()), Some(1_629_939_450));
            assert_eq!(credential.secret.expose(), "ya29.c.c0AY_VpZ");
        }
    }

    #[test]
    fn the_end_of_an_id_token_is_read_from_its_claims() {
        let claims =
            URL_SAFE_NO_PAD.encode(br#"{"aud":"https://a.example","exp":1603550806,"iat":1603547206}"#);
        let body = format!(r#"{{"token":"eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln"}}"#);
        let credential = read(&id("https://a.example"), body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(credential.expires.map(|end| end.as_second()), Some(1_603_550_806));
        let credential = read(&id("x"), br#"{"token":"opaque"}"#, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(credential.expires, None);
    }

    #[test]
    fn an_answer_without_a_token_is_an_error_that_does_not_quote_it() {
        let error =
            read(&access(&[]), br#"{"accessTokn":"ya29.c.secret"}"#, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(!error.sentence().contains("secret"), "{error}");
    }

    #[test]
    fn copied_commands_hold_no_token_and_keep_gcloud_from_logging_one() {
        let text = curl(&access(&[]), &google());
        assert!(
            text.contains("$(CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud auth print-access-token)"),
            "{text}"
        );
        assert!(text.ends_with(
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com:generateAccessToken"
        ));
        assert_eq!(
            gcloud(&access(&["d1@p.iam.gserviceaccount.com"]), &google()),
            "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud auth print-access-token \
             --impersonate-service-account=d1@p.iam.gserviceaccount.com,sa@p.iam.gserviceaccount.com --lifetime=3600s"
        );
    }

    #[test]
    fn what_is_copied_against_a_moved_service_says_so() {
        let variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";
        let moved = Endpoints::new(&Env::from_vars([(variable, "http://127.0.0.1:8787")]), None).unwrap();
        assert!(gcloud(&access(&[]), &moved).contains(&format!("{variable}=http://127.0.0.1:8787/ gcloud")));
        let text = curl(&access(&[]), &moved);
        assert!(text.contains("Bearer $TOKEN\"") && text.contains("http://127.0.0.1:8787/v1/"), "{text}");
    }

    #[test]
    fn nothing_typed_can_break_out_of_a_copied_command() {
        let audience = "it's $(rm -rf ~); `x` \"y\"\n";
        let text = gcloud(&id(audience), &google());
        assert!(text.contains(r#"--audiences='it'\''s $(rm -rf ~); `x` "y""#), "{text}");
        assert_eq!(quote(""), "''");
    }
}
