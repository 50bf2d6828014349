//! A credentials file that calls this server, for libraries in which a person's own file would win over a metadata
//! server, and the answers to who reads it: workload identity federation with this server as identity provider, token
//! service and IAM at once (AIP-4117). A secret in the file authenticates its reader.

use axum::{
    body::{Body, to_bytes},
    http::{Method, StatusCode, header, request::Parts},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    Server, Shared,
    metadata::{granted, mint, status},
    minting::Wanted,
    reply::Reply,
};
use crate::{http::clock::now, model::secret::Secret};

/// The header that a reader of the file sends.
const HEADER: &str = "x-impersona-session";

/// Far more than any client posts here.
const LARGEST: usize = 64 * 1024;

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The file's content. It names no project in its audience, because Google's library for Node would ask Google about
/// it before the first token.
pub(crate) fn file(server: &Server) -> Zeroizing<String> {
    let Shared { address, session, impersonation, .. } = &*server.shared;
    let base = format!("http://{address}");
    let account = &impersonation.account;
    let content = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/impersona",
        "subject_token_type": JWT,
        "token_url": format!("{base}/v1/token"),
        "service_account_impersonation_url":
            format!("{base}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"),
        "credential_source": {
            "url": format!("{base}/subject"),
            "headers": {HEADER: session.expose()},
            "format": {"type": "json", "subject_token_field_name": "id_token"},
        },
        "universe_domain": server.shared.client.endpoints().universe(),
    });
    Zeroizing::new(format!("{content:#}\n"))
}

/// The answer to a request outside the metadata tree.
pub(super) async fn answer(shared: &Shared, parts: &Parts, path: &str, body: Body) -> Reply {
    let own = format!("/v1/projects/-/serviceAccounts/{}:generateAccessToken", shared.impersonation.account);
    match (&parts.method, path) {
        (&Method::GET, "/subject") if shows(shared, header_text(parts, HEADER)) => {
            Reply::json(&json!({"id_token": shared.session.expose()}))
        }
        (&Method::GET, "/subject") => {
            let why = "The credentials file isn't this server's: its session has ended.\n";
            Reply::refusal(StatusCode::FORBIDDEN, why)
        }
        (&Method::POST, "/v1/token") => exchange(shared, body).await,
        (&Method::POST, path) if path.replace("%40", "@") == own => {
            let bearer = header_text(parts, header::AUTHORIZATION.as_str());
            match shows(shared, bearer.and_then(|text| text.strip_prefix("Bearer "))) {
                true => impersonate(shared, body).await,
                false => unauthenticated(),
            }
        }
        _ => Reply::not_found(path),
    }
}

fn header_text<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// Whether this is the session's secret.
fn shows(shared: &Shared, text: Option<&str>) -> bool {
    text.is_some_and(|text| Secret::new(text) == shared.session)
}

fn unauthenticated() -> Reply {
    let message = "The credentials file isn't this server's: its session has ended.";
    Reply::api_error(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
}

/// The token exchange (RFC 8693). What it gives opens this server only.
async fn exchange(shared: &Shared, body: Body) -> Reply {
    let bytes = to_bytes(body, LARGEST).await.unwrap_or_default();
    let form = std::str::from_utf8(&bytes).unwrap_or_default();
    let subject = form.split('&').find_map(|pair| pair.strip_prefix("subject_token="));
    match shows(shared, subject) {
        true => Reply::json(&json!({
            "access_token": shared.session.expose(),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3_600,
        })),
        false => unauthenticated(),
    }
}

/// `generateAccessToken` as the file's own account. The lifetime is this server's; the answer says when it ends.
async fn impersonate(shared: &Shared, body: Body) -> Reply {
    let bytes = to_bytes(body, LARGEST).await.unwrap_or_default();
    let asked: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let invalid = |why: &str| Reply::api_error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", why);
    if asked["delegates"].as_array().is_some_and(|delegates| !delegates.is_empty()) {
        return invalid("The delegates are set where this server is started.");
    }
    let scopes = asked["scope"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let scopes = match granted(&shared.impersonation.scopes, scopes) {
        Ok(scopes) => scopes,
        Err(why) => return invalid(&why),
    };
    match mint(shared, Wanted::Scopes(scopes)).await {
        Ok((credential, left)) => {
            let ends = credential.expires.unwrap_or_else(|| now() + jiff::SignedDuration::from_secs(left));
            let ends = jiff::Timestamp::from_second(ends.as_second()).unwrap_or(ends);
            Reply::json(&json!({"accessToken": credential.secret.expose(), "expireTime": ends.to_string()}))
        }
        Err(error) => {
            let status = status(&error);
            let code = error.code().unwrap_or("PERMISSION_DENIED");
            Reply::api_error(status, code, &format!("{}{}", error.sentence(), error.next_words()))
        }
    }
}
