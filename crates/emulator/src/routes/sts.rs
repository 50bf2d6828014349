//! The Security Token Service: exchanges identities from outside of Google for federated tokens and access
//! tokens for downscoped ones, introspects these, and refreshes the logins of workforce pools. All errors
//! have the form of OAuth.

use std::sync::Arc;

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::oauth::{parameters, required_parameter};
use super::{ApiCall, Route, routes};
use crate::boundary::Boundary;
use crate::check;
use crate::error::{ApiResult, Failure};
use crate::reply;
use crate::state::State;
use crate::subject;
use crate::tokens::{Principal, Token, is_scope, secret};

pub(super) const ROUTES: &[Route] = routes! {
    Sts "" "google.identity.sts.v1.SecurityTokenService.";
        "sts.token" POST "/v1/token" "ExchangeToken" => exchange;
    Sts "" "";
        "sts.introspect" POST "/v1/introspect" => introspect;
        "sts.oauthtoken" POST "/v1/oauthtoken" => refresh;
        "sts.revoke" POST "/v1/revoke" => revoke;
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The fields of an exchange in JSON (discovery document), and those of a client.
const FIELDS: &[&str] = &[
    "grantType",
    "audience",
    "scope",
    "requestedTokenType",
    "subjectToken",
    "subjectTokenType",
    "actorToken",
    "actorTokenType",
    "options",
    "clientId",
    "clientSecret",
];
/// Who issued every token of this service.
const ISSUER: &str = "https://sts.googleapis.com/";
const LIFETIME: i64 = 3_600;
const LEFT: i64 = 3_599;
/// gcloud's own client, with which it asks about tokens that no client of the user's was involved in.
const GCLOUD: &str = "32555940559.apps.googleusercontent.com";

/// A field of a request, in the spelling of forms or of JSON.
fn required_field(parameters: &Map<String, Value>, snake: &str, camel: &str) -> Result<String, Failure> {
    required_parameter(parameters, camel).or_else(|_| required_parameter(parameters, snake))
}

/// Who the client is: an id and its secret, in a header or in the body. One that is not known is refused.
async fn client(
    call: &ApiCall,
    parameters: &Map<String, Value>,
) -> Result<Option<(String, String)>, Failure> {
    let named = match call.header("authorization").and_then(|value| value.split_once(' ')) {
        Some((kind, text)) if kind.eq_ignore_ascii_case("basic") => {
            let pair = STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
            let (id, secret) = pair.ok_or_else(Failure::invalid_client)?;
            Some((id.to_owned(), secret.to_owned()))
        }
        Some(_) => return Err(Failure::invalid_client()),
        None => required_parameter(parameters, "client_id")
            .and_then(|id| Ok((id, required_parameter(parameters, "client_secret")?)))
            .ok(),
    };
    let Some(named) = named else { return Ok(None) };
    let known = named.0 == GCLOUD || call.state().await.grants.values().any(|grant| grant.client == named);
    if known { Ok(Some(named)) } else { Err(Failure::invalid_client()) }
}

/// Refuses what the API does not have, in JSON, and what the emulator does not do. A form may hold more: OAuth says to
/// pass over it.
fn check_names(call: &ApiCall, parameters: &Map<String, Value>) -> Result<(), Failure> {
    let json = call.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    // Google's Python client sends `alt=json` here as everywhere.
    let known = |name: &str| FIELDS.contains(&camel(name).as_str()) || check::is_system(name);
    if let Some(name) = parameters.keys().find(|name| json && !known(name)) {
        let problem = format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
        return Err(Failure::invalid_request(&problem));
    }
    if json {
        let body = String::from_utf8_lossy(&call.body);
        if serde_json::from_str::<Map<String, Value>>(&body).is_err() {
            return Err(Failure::invalid_request("Invalid JSON payload received. Unexpected token."));
        }
        if let Some((name, value)) =
            parameters.iter().find(|(_, value)| !value.is_string() && !value.is_null())
        {
            let problem = format!("Invalid value at '{name}' (TYPE_STRING), {value}");
            return Err(Failure::invalid_request(&problem));
        }
    }
    match required_field(parameters, "actor_token", "actorToken") {
        Ok(_) => Err(Failure::invalid_request("The emulator does not take actor tokens.")),
        Err(_) => Ok(()),
    }
}

fn camel(snake: &str) -> String {
    let mut parts = snake.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| match part.split_at_checked(1) {
        Some((head, rest)) => name + &head.to_ascii_uppercase() + rest,
        None => name,
    })
}

async fn exchange(call: ApiCall) -> ApiResult {
    let parameters = parameters(&call);
    check_names(&call, &parameters)?;
    let client = client(&call, &parameters).await?;
    let grant = required_field(&parameters, "grant_type", "grantType")?;
    if grant != EXCHANGE {
        return Err(Failure::unsupported_grant(&grant));
    }
    if required_field(&parameters, "requested_token_type", "requestedTokenType")? != ACCESS_TOKEN {
        return Err(Failure::invalid_request("Only access tokens can be requested (requested_token_type)."));
    }
    let kind = required_field(&parameters, "subject_token_type", "subjectTokenType")?;
    let subject_token = required_field(&parameters, "subject_token", "subjectToken")?;
    if kind == ACCESS_TOKEN {
        return downscope(&call, &parameters, &subject_token).await;
    }
    let audience = required_parameter(&parameters, "audience")?;
    if !is_audience(&audience) {
        return Err(Failure::invalid_audience());
    }
    let scopes = required_parameter(&parameters, "scope").map_err(|_| Failure::missing_scopes())?;
    let scopes: Vec<String> = scopes.split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() {
        return Err(Failure::missing_scopes());
    }
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(Failure::invalid_scope());
    }
    if call.token_expired {
        return Err(Failure::invalid_grant("ID Token issued at 1 is stale to sign-in."));
    }
    let now = call.now();
    let mut state = call.state().await;
    let (pool, provider, key) = state.provider(&audience).ok_or_else(Failure::invalid_target)?;
    if pool.disabled || provider.disabled {
        return Err(Failure::invalid_target());
    }
    let (who, lasts) = subject::judge(pool, provider, key, (&kind, &subject_token), now)?;
    let user_project = user_project(&state, &parameters, who.is_workforce())?;
    let pays =
        client.map(|(id, _)| id).or(user_project).or_else(|| pool.project.map(|number| number.to_string()));
    let token = Token {
        principal: Principal::Federated(Box::new(who)),
        scopes,
        expires: now + lasts,
        client: pays.unwrap_or_default(),
        boundary: None,
    };
    Ok(exchanged(&state.tokens.issue(token, now), Some(lasts)))
}

/// The answer to an exchange. A token that is as good as over has no `expires_in` (measured in 2026), nor has one whose
/// end the asker is not told.
fn exchanged(access: &str, lasts: Option<i64>) -> Response {
    let mut answer =
        json!({"access_token": access, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"});
    if let Some(left) = lasts.map(|lasts| (lasts - 1).min(LEFT)).filter(|left| *left > 0) {
        answer["expires_in"] = left.into();
    }
    reply::exact(axum::http::StatusCode::OK, &answer)
}

/// An access token of Google's against one that can do less, and lasts as long. Of a person's the end is not told
/// (discovery document). What is refused has words of ours.
async fn downscope(call: &ApiCall, parameters: &Map<String, Value>, subject: &str) -> ApiResult {
    let options = options(parameters)?;
    if let Some(other) = options.keys().find(|name| *name != "accessBoundary") {
        return Err(bad_option(&format!("{other} cannot be given to an access token here.")));
    }
    let boundary = options.get("accessBoundary").cloned();
    let boundary =
        boundary.ok_or_else(|| bad_option("an access token is exchanged for an accessBoundary."))?;
    let boundary: Boundary =
        serde_json::from_value(boundary).map_err(|why| bad_option(&format!("accessBoundary: {why}.")))?;
    let now = call.now();
    let mut state = call.state().await;
    boundary.check(&state).map_err(|problem| bad_option(&problem))?;
    let known = state.tokens.find(subject).filter(|token| token.expires > now && !call.token_expired);
    let known = known.filter(|token| match &token.principal {
        Principal::Account(email) => state.issued_to(email, &token.client).is_some(),
        Principal::User(_) | Principal::Federated(_) => true,
    });
    let source = known.cloned().ok_or_else(|| Failure::invalid_grant("The access token is not valid."))?;
    if source.boundary.is_some() {
        return Err(Failure::invalid_request("The access token already has an access boundary."));
    }
    let lasts = (!matches!(source.principal, Principal::User(_))).then_some(source.expires - now);
    let token = Token { boundary: Some(Arc::new(boundary)), ..source };
    Ok(exchanged(&state.tokens.issue(token, now), lasts))
}

/// Whether a text is the full resource name of some provider, there or not.
fn is_audience(text: &str) -> bool {
    let parts: Vec<&str> =
        text.strip_prefix("//iam.googleapis.com/").unwrap_or_default().split('/').collect();
    let named = match parts[..] {
        ["projects", number, "locations", "global", "workloadIdentityPools", pool, "providers", provider] => {
            number.parse::<u64>().is_ok().then_some((pool, provider))
        }
        ["locations", "global", "workforcePools", pool, "providers", provider] => Some((pool, provider)),
        _ => None,
    };
    named.is_some_and(|(pool, provider)| !pool.is_empty() && !provider.is_empty())
}

fn bad_option(problem: &str) -> Failure {
    Failure::invalid_request(&format!("Invalid value for \"options\": {problem}"))
}

/// The options of an exchange: JSON, as it is or percent-encoded once more.
fn options(parameters: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let Ok(text) = required_parameter(parameters, "options") else { return Ok(Map::new()) };
    let text = match text.trim_start().starts_with('{') {
        true => text,
        false => percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned(),
    };
    serde_json::from_str(&text).map_err(|_| bad_option("it is not a JSON object."))
}

/// The number of the project that pays, which people of workforce pools may name in the options.
fn user_project(
    state: &State,
    parameters: &Map<String, Value>,
    workforce: bool,
) -> Result<Option<String>, Failure> {
    let options = options(parameters)?;
    if let Some(other) = options.keys().find(|name| *name != "userProject") {
        return Err(bad_option(&format!("the emulator does not know {other}.")));
    }
    let Some(project) = options.get("userProject") else { return Ok(None) };
    if !workforce {
        return Err(bad_option("userProject is for workforce pools only."));
    }
    let found = project.as_str().and_then(|name| state.project(name));
    let found = found.ok_or_else(|| bad_option("userProject is not a project."))?;
    Ok(Some(state.projects[found].number.to_string()))
}

/// Describes a token of this service. Any other token is inactive, which is not an error.
async fn introspect(call: ApiCall) -> ApiResult {
    let parameters = parameters(&call);
    client(&call, &parameters).await?;
    let text = required_parameter(&parameters, "token")?;
    let state = call.state().await;
    let known = state.tokens.find(&text).filter(|token| token.expires > call.now() && token.is_exchanged());
    let answer = match known {
        Some(token) => {
            let username = match &token.principal {
                Principal::Federated(who) => who.member(),
                Principal::User(email) | Principal::Account(email) => email.clone(),
            };
            let mut answer = json!({"active": true, "exp": token.expires, "iss": ISSUER, "username": username,
                "scope": token.scopes.join(" "), "token_type": "Bearer"});
            if !token.client.is_empty() {
                answer["client_id"] = token.client.clone().into();
            }
            answer
        }
        None => json!({"active": false}),
    };
    Ok(reply::exact(axum::http::StatusCode::OK, &answer))
}

/// Exchanges a refresh token of a workforce pool's user for a federated token, and perhaps a new refresh token.
async fn refresh(call: ApiCall) -> ApiResult {
    let parameters = parameters(&call);
    let client = client(&call, &parameters).await?.ok_or_else(Failure::invalid_client)?;
    let grant = required_parameter(&parameters, "grant_type")?;
    if grant != "refresh_token" {
        return Err(Failure::unsupported_grant(&grant));
    }
    let old = required_parameter(&parameters, "refresh_token")?;
    let now = call.now();
    let mut state = call.state().await;
    let grant = state.grants.get(&old).filter(|grant| is_federated(&grant.principal));
    let grant = grant.cloned().ok_or_else(|| Failure::invalid_grant("Bad Request"))?;
    if grant.client != client {
        return Err(Failure::invalid_client());
    }
    grant.check()?;
    if call.token_expired {
        return Err(Failure::grant_ended());
    }
    let token = Token {
        principal: grant.principal.clone(),
        scopes: grant.scopes.clone(),
        expires: now + LIFETIME,
        client: client.0,
        boundary: None,
    };
    let mut answer = json!({"access_token": state.tokens.issue(token, now), "expires_in": LEFT,
        "scope": grant.scopes.join(" "), "token_type": "Bearer"});
    if grant.rotates {
        let new = format!("1//EMULATOR-{}", secret());
        answer["refresh_token"] = new.clone().into();
        state.grants.insert(new, grant);
        state.end_grant(&old);
    }
    Ok(reply::exact(axum::http::StatusCode::OK, &answer))
}

/// Revokes a token of this service. An unknown one is not an error (RFC 7009).
async fn revoke(call: ApiCall) -> ApiResult {
    let parameters = parameters(&call);
    let client = client(&call, &parameters).await?.ok_or_else(Failure::invalid_client)?;
    let text = required_parameter(&parameters, "token")?;
    let mut state = call.state().await;
    if state.tokens.find(&text).is_some_and(Token::is_exchanged) {
        state.tokens.revoke(&text);
    }
    match state.grants.get(&text).filter(|grant| is_federated(&grant.principal)) {
        Some(grant) if grant.client != client => return Err(Failure::invalid_client()),
        Some(_) => {
            state.end_grant(&text);
        }
        None => {}
    }
    Ok(Response::default())
}

fn is_federated(principal: &Principal) -> bool {
    matches!(principal, Principal::Federated(_))
}
