//! The metadata server of a Google Cloud machine: its data, and tokens for its accounts. It exists only if
//! the world has a machine. A request that waits for a change is answered when the machine changes.

mod machine;
mod tree;

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::credentials::{google_jwt, id_claims};
use super::{Api, ApiCall, Route, routes};
use crate::check::Query;
use crate::error::{ApiResult, Failure};
use crate::keys;
use crate::metadata::{Attached, Metadata, Platform};
use crate::reply;
use crate::state::{Resource, State};
use crate::tokens::{Principal, Token, is_scope};
use crate::world::Account;
use tree::Lookup;

/// Tokens. google-auth may post to them, with a certificate to which a token is to be bound; ours never are.
pub(super) const ROUTES: &[Route] = routes! {
    Metadata "/computeMetadata/v1/instance/service-accounts/{account}" "";
        "metadata.token" GET "/token" => token;
        "metadata.token" POST "/token" => token;
        "metadata.identity" GET "/identity" => identity;
        "metadata.identity" POST "/identity" => identity;
};

/// Everything else, whatever its path.
pub(crate) static REST: &[Route] = routes! {
    Metadata "" "";
        "metadata.read" GET "/" => read;
};

/// Whether a path is the metadata server's: its root, which clients ask to find out where they are, or below.
pub(crate) fn is_served_path(segments: &[String]) -> bool {
    matches!(segments.first().map(String::as_str), Some("computeMetadata"))
        || matches!(segments, [one] if one.is_empty())
}

/// A token lives as long as Google's does when it is read, and is given again until less than this is left.
const LIFETIME: i64 = 3_599;
const LEAST_LEFT: i64 = 300;

/// A refusal of the metadata server.
enum MetadataRefusal {
    /// The page for a path that does not exist.
    NotThere,
    /// A status and a plain text.
    Told(StatusCode, String),
}

impl MetadataRefusal {
    fn with_text(status: StatusCode, text: impl Into<String>) -> MetadataRefusal {
        MetadataRefusal::Told(status, text.into())
    }

    fn into_response(self, call: &ApiCall, path: &str) -> Response {
        match self {
            MetadataRefusal::NotThere if call.query.is_empty() => reply::not_found(path),
            MetadataRefusal::NotThere => reply::not_found(&format!("{path}?{}", call.query)),
            MetadataRefusal::Told(status, text) => reply::plain(status, &text),
        }
    }
}

/// The headers of every answer. The etag is made of the body, as nothing else tells one answer from the next.
pub(crate) async fn sealed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts
        .headers
        .insert(header::ETAG, HeaderValue::from_str(&etag(&bytes)).expect("digits are a valid header"));
    for (name, value) in [
        ("metadata-flavor", "Google"),
        ("server", "Metadata Server for VM"),
        ("x-xss-protection", "0"),
        ("x-frame-options", "SAMEORIGIN"),
    ] {
        parts.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn etag(body: &[u8]) -> String {
    keys::hex(&keys::hash_bytes(body)[..8])
}

/// A request that a browser or a proxy was tricked into lacks the one header or has the other.
fn enter(call: &ApiCall) -> Result<(), MetadataRefusal> {
    if call.headers.contains_key("x-forwarded-for") {
        // The text is ours.
        return Err(MetadataRefusal::with_text(
            StatusCode::FORBIDDEN,
            "Requests that were forwarded are not served.\n",
        ));
    }
    if call.param("path") != "/" && call.header("metadata-flavor") != Some("Google") {
        let text = r#"Missing required header "Metadata-Flavor": "Google""#;
        return Err(MetadataRefusal::with_text(StatusCode::FORBIDDEN, text));
    }
    Ok(())
}

fn machine(state: &State) -> Result<&Metadata, MetadataRefusal> {
    state.metadata.as_ref().ok_or(MetadataRefusal::NotThere)
}

async fn read(call: ApiCall) -> ApiResult {
    let path = call.param("path");
    let response = match looked_up(&call, path).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(&call, path),
    };
    Ok(response)
}

/// What is at a path: at once, or, for who waits for a change, once it is another than the one they have seen, or as
/// soon as their time is up.
async fn looked_up(call: &ApiCall, path: &str) -> Result<Response, MetadataRefusal> {
    enter(call)?;
    let query = Query::parse(&call.query);
    let waits = query.flag("wait_for_change").unwrap_or(false);
    let mut changes = call.shared.machine.subscribe();
    let (mut etag, mut response) = found(call, path, &query).await?;
    let seen = query.text("last_etag").map_or_else(|| etag.clone(), str::to_owned);
    let seconds = query.text("timeout_sec").and_then(|text| text.parse().ok());
    let mut time_is_up = pin!(async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    });
    while waits && etag == seen {
        tokio::select! {
            () = &mut time_is_up => break,
            changed = changes.changed() => {
                if changed.is_err() {
                    break;
                }
            }
        }
        (etag, response) = found(call, path, &query).await?;
    }
    Ok(response)
}

/// What is at a path now, and its etag.
async fn found(call: &ApiCall, path: &str, query: &Query) -> Result<(String, Response), MetadataRefusal> {
    let state = call.state().await;
    let machine = machine(&state)?;
    let number = state.project(&machine.project).map_or(0, |i| state.projects[i].number);
    let tree = tree::build(machine, number);
    let segments: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let node = match tree.find(&segments).ok_or(MetadataRefusal::NotThere)? {
        Lookup::Here(node) => node,
        Lookup::Moved => return Ok((String::new(), moved(call, path))),
    };
    let recursive = node.is_directory() && query.flag("recursive").unwrap_or(false);
    let (body, is_json) = match (recursive, query.text("alt")) {
        (true, Some("text")) => (node.lines(), false),
        (true, _) => (node.whole().to_string(), true),
        (false, Some("json")) => (node.json().to_string(), true),
        (false, Some("text")) => (node.plain_text(), false),
        (false, _) => (node.text(), false),
    };
    let kind = if is_json { "application/json" } else { "application/text" };
    Ok((etag(body.as_bytes()), reply::with_type(StatusCode::OK, kind, body)))
}

/// google-auth reads JSON only where the type is this, word for word.
fn as_json(value: &Value) -> Response {
    reply::with_type(StatusCode::OK, "application/json", value.to_string())
}

/// To the same path with a slash at its end.
fn moved(call: &ApiCall, path: &str) -> Response {
    let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
    let mut response = reply::html(StatusCode::MOVED_PERMANENTLY, "");
    if let Ok(location) = HeaderValue::from_str(&format!("{path}/{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

async fn token(call: ApiCall) -> ApiResult {
    let path = format!("/computeMetadata/v1/instance/service-accounts/{}/token", call.param("account"));
    Ok(access(&call).await.unwrap_or_else(|refused| refused.into_response(&call, &path)))
}

async fn access(call: &ApiCall) -> Result<Response, MetadataRefusal> {
    const WHAT: &str = "access token";
    enter(call)?;
    let mut state = call.state().await;
    let machine = machine(&state)?;
    let attached = machine.attached(call.param("account")).ok_or(MetadataRefusal::NotThere)?;
    let account = usable(call, &state, machine, attached, WHAT, "iam.serviceAccounts.getAccessToken")?;
    let query = Query::parse(&call.query);
    let asked =
        query.all("scopes").into_iter().flat_map(|list| list.split(',')).filter(|one| !one.is_empty());
    let asked: Vec<String> = asked.map(str::to_owned).collect();
    let scopes = match machine.platform {
        Platform::Compute => attached.scopes.clone(),
        _ if asked.is_empty() => attached.scopes.clone(),
        _ => asked,
    };
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(pass_on_refusal(machine, WHAT, &Failure::invalid_argument()));
    }
    let now = call.now();
    let (text, left) = token_for(&mut state, account, scopes, now);
    Ok(as_json(&json!({"access_token": text, "expires_in": left, "token_type": "Bearer"})))
}

/// The token for an account and scopes, the one before as long as it is good for a while, and what it has left.
fn token_for(state: &mut State, account: Account, scopes: Vec<String>, now: i64) -> (String, i64) {
    let of = (account.unique_id.clone(), scopes.clone());
    let before = state.kept.get(&of).and_then(|text| Some((text, state.tokens.find(text)?.expires - now)));
    // More is left only of what was given before the clock went back.
    if let Some((text, left)) = before.filter(|(_, left)| (LEAST_LEFT..=LIFETIME).contains(left)) {
        return (text.clone(), left);
    }
    let principal = Principal::Account(account.email);
    let token =
        Token { principal, scopes, expires: now + LIFETIME, client: account.unique_id, boundary: None };
    let text = state.tokens.issue(token, now);
    // Any scopes can be asked for. A token that is forgotten here is minted again.
    if state.kept.len() >= 1_000 {
        state.kept.clear();
    }
    state.activity.note(&of.0, now);
    state.kept.insert(of, text.clone());
    (text, LIFETIME)
}

async fn identity(call: ApiCall) -> ApiResult {
    let path = format!("/computeMetadata/v1/instance/service-accounts/{}/identity", call.param("account"));
    let claims = identity_claims(&call).await;
    Ok(match claims {
        // This type is what the real server sends.
        Ok(claims) => reply::with_type(StatusCode::OK, "text/html", google_jwt(claims).await),
        Err(refused) => refused.into_response(&call, &path),
    })
}

/// The claims of an identity token. Both formats tell the email; only Compute Engine knows a full one.
async fn identity_claims(call: &ApiCall) -> Result<Map<String, Value>, MetadataRefusal> {
    enter(call)?;
    let state = call.state().await;
    let machine = machine(&state)?;
    let attached = machine.attached(call.param("account")).ok_or(MetadataRefusal::NotThere)?;
    let query = Query::parse(&call.query);
    let audience = query.text("audience").ok_or_else(|| {
        MetadataRefusal::with_text(StatusCode::BAD_REQUEST, "non-empty audience parameter required\n")
    })?;
    let full = match query.text("format") {
        None | Some("standard") => false,
        Some("full") => true,
        // The text is ours.
        Some(_) => {
            return Err(MetadataRefusal::with_text(StatusCode::BAD_REQUEST, "format is standard or full\n"));
        }
    };
    let account =
        usable(call, &state, machine, attached, "identity token", "iam.serviceAccounts.getOpenIdToken")?;
    let mut claims = id_claims(&account, audience, true, call.now());
    if full && machine.platform == Platform::Compute {
        let instance = &machine.instance;
        let number = state.project(&machine.project).map(|i| state.projects[i].number);
        let mut about = json!({"instance_creation_timestamp": instance.created_seconds(),
            "instance_id": instance.id.to_string(), "instance_name": instance.name,
            "project_id": machine.project, "project_number": number, "zone": instance.zone});
        let licenses = query.text("licenses").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        if licenses && !instance.licenses.is_empty() {
            about["license_id"] = instance.licenses.clone().into();
        }
        claims.insert("google".into(), json!({"compute_engine": about}));
    }
    Ok(claims)
}

/// The account, if it may have a token now. On Kubernetes Engine IAM is asked on behalf of the workload, and what it
/// refuses comes through. Elsewhere a disabled account is 403 with a text of ours: what Google answers is not known.
fn usable(
    call: &ApiCall,
    state: &State,
    machine: &Metadata,
    attached: &Attached,
    what: &str,
    permission: &str,
) -> Result<Account, MetadataRefusal> {
    let email = &attached.account;
    let refuse = |failure: Failure| pass_on_refusal(machine, what, &failure);
    let found = state.account(email);
    if machine.platform == Platform::Gke {
        let at = Api::Credentials.place();
        if state.is_disabled(at.service, &machine.project, call.now()) {
            let consumer = state.project(&machine.project).map_or(0, |i| state.projects[i].number);
            return Err(refuse(Failure::service_disabled(at, &consumer.to_string())));
        }
        let i = found.ok_or_else(|| refuse(Failure::gaia_not_found(email)))?;
        let workload = machine.workload.as_deref().and_then(Principal::parse);
        if workload.is_some_and(|who| !state.allows(&who, permission, Resource::Account(i), call.now())) {
            return Err(refuse(Failure::denied(permission)));
        }
        if state.accounts[i].disabled {
            return Err(refuse(Failure::account_disabled(at, email, &state.behaviour)));
        }
        return Ok(state.accounts[i].clone());
    }
    let account = &state.accounts[found.ok_or(MetadataRefusal::NotThere)?];
    if account.disabled {
        let text = format!("The service account {email} is disabled.\n");
        return Err(MetadataRefusal::with_text(StatusCode::FORBIDDEN, text));
    }
    Ok(account.clone())
}

/// A refusal of IAM as the machine passes it on: Kubernetes Engine says that it is one, and what may be done about a
/// missing permission.
fn pass_on_refusal(machine: &Metadata, what: &str, failure: &Failure) -> MetadataRefusal {
    let message = failure.body["error"]["message"].as_str().unwrap_or_default();
    if machine.platform != Platform::Gke {
        return MetadataRefusal::with_text(failure.status, format!("{message}\n"));
    }
    let denied = failure.body["error"]["details"][0]["reason"] == "IAM_PERMISSION_DENIED";
    let hint = if denied {
        "This error could be caused by a missing IAM policy binding on the target IAM service account.\n\
         For more information, refer to the Workload Identity documentation:\n\
         \thttps://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to\n\n"
    } else {
        ""
    };
    MetadataRefusal::with_text(
        failure.status,
        format!("Unable to generate {what}; IAM returned {}: {message}\n{hint}", failure.status),
    )
}
