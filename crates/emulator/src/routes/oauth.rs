//! The token endpoint, tokeninfo, userinfo and revocation. Tokens are given only for refresh tokens and keys
//! that the emulator made; unknown credentials are never recorded.

use serde_json::{Map, Value, json};

use super::credentials::{google_jwt, id_claims};
use super::{ApiCall, Route, routes, signed_by};
use crate::check::Query;
use crate::error::{ApiResult, Failure};
use crate::keys::{self, Jwt};
use crate::reply;
use crate::tokens::{Principal, Token, is_scope};
use crate::world::{Account, unique_id};

pub(super) const ROUTES: &[Route] = routes! {
    OAuth "" "google.identity.oauth2.";
        "oauth2.token" POST "/token" "Token" => token;
        "oauth2.token" POST "/oauth2/v4/token" "Token" => token;
        "oauth2.revoke" POST "/revoke" "Revoke" => revoke;
        "oauth2.tokeninfo" GET "/tokeninfo" "Tokeninfo" => info_strings;
        "oauth2.tokeninfo" POST "/tokeninfo" "Tokeninfo" => info_strings;
        "oauth2.tokeninfo" GET "/oauth2/v3/tokeninfo" "Tokeninfo" => info_strings;
        "oauth2.tokeninfo" POST "/oauth2/v3/tokeninfo" "Tokeninfo" => info_strings;
        "oauth2.tokeninfo" GET "/oauth2/v1/tokeninfo" "Tokeninfo" => info_numbers;
        "oauth2.tokeninfo" POST "/oauth2/v1/tokeninfo" "Tokeninfo" => info_numbers;
        "oauth2.tokeninfo" GET "/oauth2/v2/tokeninfo" "Tokeninfo" => info_numbers;
        "oauth2.tokeninfo" POST "/oauth2/v2/tokeninfo" "Tokeninfo" => info_numbers;
        "oauth2.userinfo" GET "/v1/userinfo" "Userinfo" => user_openid;
        "oauth2.userinfo" GET "/oauth2/v3/userinfo" "Userinfo" => user_openid;
        "oauth2.userinfo" GET "/oauth2/v1/userinfo" "Userinfo" => user_plain;
        "oauth2.userinfo" GET "/oauth2/v2/userinfo" "Userinfo" => user_plain;
        "oauth2.userinfo" GET "/userinfo/v2/me" "Userinfo" => user_plain;
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const LIFETIME: i64 = 3_600;
/// What a fresh token has left by the time it is read, as Google writes it.
const LEFT: i64 = 3_599;

/// The parameters of a call, from a form or a JSON body, then the query.
pub(crate) fn parameters(call: &ApiCall) -> Map<String, Value> {
    let json = call.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let text = String::from_utf8_lossy(&call.body);
    let mut read = Query::parse(&call.query).into_map();
    read.extend(match json {
        true => serde_json::from_str(&text).unwrap_or_default(),
        false => Query::parse(&text).into_map(),
    });
    read
}

fn optional_parameter<'a>(parameters: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    parameters.get(name).and_then(Value::as_str).filter(|value| !value.is_empty())
}

pub(crate) fn required_parameter(parameters: &Map<String, Value>, name: &str) -> Result<String, Failure> {
    optional_parameter(parameters, name).map(str::to_owned).ok_or_else(|| Failure::missing_parameter(name))
}

/// The same, in the words of the token endpoint.
fn required_at_token_endpoint(parameters: &Map<String, Value>, name: &str) -> Result<String, Failure> {
    optional_parameter(parameters, name)
        .map(str::to_owned)
        .ok_or_else(|| Failure::missing_at_token_endpoint(name))
}

async fn token(call: ApiCall) -> ApiResult {
    if call.token_expired {
        return Err(Failure::grant_ended());
    }
    let parameters = parameters(&call);
    match required_at_token_endpoint(&parameters, "grant_type")?.as_str() {
        "refresh_token" => refresh(&call, &parameters).await,
        JWT_BEARER => assertion(&call, &required_at_token_endpoint(&parameters, "assertion")?).await,
        other => Err(Failure::unsupported_grant(other)),
    }
}

async fn refresh(call: &ApiCall, parameters: &Map<String, Value>) -> ApiResult {
    let client = (
        required_at_token_endpoint(parameters, "client_id")?,
        required_at_token_endpoint(parameters, "client_secret")?,
    );
    let secret = required_at_token_endpoint(parameters, "refresh_token")?;
    let now = call.now();
    let (grant, scopes, access) = {
        let mut state = call.state().await;
        let grant = state.grants.get(&secret).filter(|grant| matches!(grant.principal, Principal::User(_)));
        let grant = grant.cloned().ok_or_else(|| Failure::invalid_grant("Bad Request"))?;
        if grant.client != client {
            return Err(Failure::invalid_client());
        }
        grant.check()?;
        let scopes = match optional_parameter(parameters, "scope") {
            Some(asked) => asked.split_whitespace().map(full_scope).collect(),
            None => grant.scopes.clone(),
        };
        if scopes.iter().any(|scope| !grant.scopes.contains(scope)) {
            return Err(Failure::invalid_scope());
        }
        let access = state.tokens.issue(
            Token {
                principal: grant.principal.clone(),
                scopes: scopes.clone(),
                expires: now + LIFETIME,
                client: grant.client.0.clone(),
                boundary: None,
            },
            now,
        );
        (grant, scopes, access)
    };
    let mut answer = json!({"access_token": access, "expires_in": LEFT, "scope": scopes.join(" "),
        "token_type": "Bearer"});
    if scopes.iter().any(|scope| scope == "openid") {
        let email = grant.principal.email();
        let mut claims = person(email);
        claims.insert("aud".into(), client.0.clone().into());
        claims.insert("azp".into(), client.0.into());
        claims.insert("iss".into(), "https://accounts.google.com".into());
        claims.insert("iat".into(), now.into());
        claims.insert("exp".into(), (now + LIFETIME).into());
        answer["id_token"] = google_jwt(claims).await.into();
    }
    Ok(reply::exact(axum::http::StatusCode::OK, &answer))
}

fn full_scope(scope: &str) -> String {
    match scope {
        "email" | "profile" => format!("https://www.googleapis.com/auth/userinfo.{scope}"),
        other => other.to_owned(),
    }
}

/// Google's claims about a user.
fn person(email: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), unique_id(email).into());
    claims.insert("email".into(), email.into());
    claims.insert("email_verified".into(), true.into());
    if let Some((_, domain)) = email.rsplit_once('@') {
        claims.insert("hd".into(), domain.into());
    }
    claims
}

/// An access token or an ID token for an assertion that an account signed. The audience may be Google's own endpoint:
/// google-auth writes that even when it was pointed elsewhere.
async fn assertion(call: &ApiCall, text: &str) -> ApiResult {
    const SHORT: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
         Check your iat and exp values in the JWT claim.";
    let bad = Failure::invalid_grant;
    let jwt = Jwt::parse(text).ok_or_else(|| bad("Bad Request"))?;
    let (account, keys) = {
        let state = call.state().await;
        let found = jwt.text("iss").and_then(|iss| state.account(iss));
        let i = found.ok_or_else(|| bad("Invalid grant: account not found"))?;
        (state.accounts[i].clone(), state.keys_in_use(i, call.now()))
    };
    let key = signed_by(&jwt, &account.unique_id, &keys).await;
    let key = key.ok_or_else(|| bad("Invalid JWT Signature."))?;
    let now = call.now();
    {
        let mut state = call.state().await;
        [&key, &account.unique_id].into_iter().for_each(|id| state.activity.note(id, now));
    }
    let (issued, expires) = (jwt.time("iat").unwrap_or(0), jwt.time("exp").unwrap_or(0));
    if issued > now + 300 || expires <= now || expires > issued + LIFETIME {
        return Err(bad(SHORT));
    }
    let own = format!("{}token", call.shared.base);
    let audiences = [
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
        own.as_str(),
    ];
    if !jwt.text("aud").is_some_and(|aud| audiences.contains(&aud)) {
        return Err(bad("Invalid JWT: Failed audience check."));
    }
    if account.disabled {
        return Err(bad("Robot is disabled."));
    }
    if let Some(audience) = jwt.text("target_audience") {
        let id_token = google_jwt(id_claims(&account, audience, true, now)).await;
        return Ok(reply::exact(axum::http::StatusCode::OK, &json!({"id_token": id_token})));
    }
    let scopes: Vec<String> = jwt.text("scope").unwrap_or("").split_whitespace().map(full_scope).collect();
    if scopes.is_empty() || !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(Failure::invalid_scope());
    }
    let principal = stands_for(call, &jwt, &account, &scopes).await?;
    let token =
        Token { principal, scopes, expires: now + LIFETIME, client: account.unique_id, boundary: None };
    let access = call.state().await.tokens.issue(token, now);
    let answer = json!({"access_token": access, "expires_in": LEFT, "token_type": "Bearer"});
    Ok(reply::exact(axum::http::StatusCode::OK, &answer))
}

/// The account itself, or the user of its `sub` (domain-wide delegation). The delegation is checked before the
/// existence of the user, so that a stranger learns nothing about users.
async fn stands_for(
    call: &ApiCall,
    jwt: &Jwt<'_>,
    account: &Account,
    scopes: &[String],
) -> Result<Principal, Failure> {
    let Some(subject) = jwt.text("sub").filter(|sub| !sub.eq_ignore_ascii_case(&account.email)) else {
        return Ok(Principal::Account(account.email.clone()));
    };
    let subject = subject.to_lowercase();
    let state = call.state().await;
    if !state.workspace.allows(&account.unique_id, scopes) {
        return Err(Failure::unauthorized_client());
    }
    if !state.workspace.holds(&subject) || !state.users.contains_key(&subject) {
        return Err(Failure::invalid_grant("Invalid email or User ID"));
    }
    Ok(Principal::User(subject))
}

async fn revoke(call: ApiCall) -> ApiResult {
    let token = required_parameter(&parameters(&call), "token")?;
    let mut state = call.state().await;
    if state.tokens.revoke(&token) || state.end_grant(&token) {
        return Ok(reply::exact(axum::http::StatusCode::OK, &json!({})));
    }
    Err(Failure::invalid_token())
}

/// Every value is a string, as on the host oauth2 and in version 3.
async fn info_strings(call: ApiCall) -> ApiResult {
    let fields = info(&call).await?;
    let text = |value: Value| match value {
        Value::String(text) => Value::String(text),
        other => Value::String(other.to_string()),
    };
    let fields: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, text(value))).collect();
    Ok(reply::exact(axum::http::StatusCode::OK, &fields.into()))
}

/// The older names, with real numbers.
async fn info_numbers(call: ApiCall) -> ApiResult {
    let names = [
        ("azp", "issued_to"),
        ("aud", "audience"),
        ("sub", "user_id"),
        ("scope", "scope"),
        ("expires_in", "expires_in"),
        ("email", "email"),
        ("email_verified", "verified_email"),
        ("access_type", "access_type"),
    ];
    Ok(renamed(info(&call).await?, &names))
}

/// The answer of an older version: some of the fields, under other names.
fn renamed(mut fields: Map<String, Value>, names: &[(&str, &str)]) -> axum::response::Response {
    let renamed = names.iter().filter_map(|(from, to)| Some(((*to).to_owned(), fields.remove(*from)?)));
    let old: Map<String, Value> = renamed.collect();
    reply::exact(axum::http::StatusCode::OK, &old.into())
}

/// What is known of a token, with real numbers; `invalid_token` for one that is not known or over. The token is a
/// parameter or, as Google's library for Node sends it, the bearer of a request that has none.
async fn info(call: &ApiCall) -> Result<Map<String, Value>, Failure> {
    check_query(call)?;
    let parameters = parameters(call);
    if let Some(text) = optional_parameter(&parameters, "id_token") {
        return id_info(text, call.now()).await;
    }
    let named = optional_parameter(&parameters, "access_token").map(str::to_owned);
    let text = named.or_else(|| call.bearer()).ok_or_else(Failure::invalid_token)?;
    let now = call.now();
    let state = call.state().await;
    // Tokens of the Security Token Service are not known here.
    let known = |token: &&Token| token.expires > now && !token.is_exchanged();
    let token = state.tokens.find(&text).filter(known).ok_or_else(Failure::invalid_token)?;
    let mut fields = Map::new();
    fields.insert("azp".into(), token.client.clone().into());
    fields.insert("aud".into(), token.client.clone().into());
    let user = matches!(token.principal, Principal::User(_));
    if user {
        fields.insert("sub".into(), unique_id(token.principal.email()).into());
    }
    fields.insert("scope".into(), token.scopes.join(" ").into());
    fields.insert("exp".into(), token.expires.into());
    fields.insert("expires_in".into(), (token.expires - now).into());
    if token.scopes.iter().any(|scope| scope == EMAIL || scope == "email") {
        fields.insert("email".into(), token.principal.email().into());
        fields.insert("email_verified".into(), true.into());
    }
    // An account asks again each time, for itself or for a user: only the login of a user lasts.
    let lasts = state.account(&token.client).is_none();
    fields.insert("access_type".into(), if lasts { "offline" } else { "online" }.into());
    Ok(fields)
}

async fn id_info(text: &str, now: i64) -> Result<Map<String, Value>, Failure> {
    let jwt = Jwt::parse(text).ok_or_else(Failure::invalid_token)?;
    let key = keys::existing_key_of(keys::GOOGLE).await.ok_or_else(Failure::invalid_token)?;
    if !jwt.is_signed_by(&key) || jwt.time("exp").is_none_or(|exp| exp <= now) {
        return Err(Failure::invalid_token());
    }
    let mut fields = jwt.claims;
    fields.extend(jwt.header);
    Ok(fields)
}

async fn user_openid(call: ApiCall) -> ApiResult {
    let fields = user(&call).await?;
    Ok(reply::exact(axum::http::StatusCode::OK, &fields.into()))
}

/// The names of the OAuth2 API, versions 1 and 2.
async fn user_plain(call: ApiCall) -> ApiResult {
    let names = [
        ("sub", "id"),
        ("email", "email"),
        ("email_verified", "verified_email"),
        ("name", "name"),
        ("hd", "hd"),
    ];
    Ok(renamed(user(&call).await?, &names))
}

/// Version 2 has a discovery document, and refuses what is not in it.
fn check_query(call: &ApiCall) -> Result<(), Failure> {
    if call.route.path.contains("/v2/") {
        call.query(&["access_token", "id_token"])?;
    }
    Ok(())
}

async fn user(call: &ApiCall) -> Result<Map<String, Value>, Failure> {
    check_query(call)?;
    let caller = call.caller().await?;
    if matches!(caller.principal, Principal::Federated(_)) || caller.boundary.is_some() {
        return Err(Failure::unsupported_token(call.place()));
    }
    let has = |scope: &str| caller.scopes.iter().any(|s| s == scope);
    let profile = has("https://www.googleapis.com/auth/userinfo.profile") || has("profile");
    if !(has(EMAIL) || has("email") || has("openid") || profile) {
        return Err(Failure::scope_insufficient(call.place()));
    }
    let state = call.state().await;
    let email = caller.principal.email();
    let mut fields = match state.account(email) {
        Some(i) => {
            let mut fields = person(email);
            fields.shift_remove("hd");
            fields.insert("sub".into(), state.accounts[i].unique_id.clone().into());
            fields
        }
        None => person(email),
    };
    if !(has(EMAIL) || has("email")) {
        fields.shift_remove("email");
        fields.shift_remove("email_verified");
    }
    if let Some(name) = state.users.get(email).filter(|name| profile && !name.is_empty()) {
        fields.insert("name".into(), name.clone().into());
    }
    Ok(fields)
}
