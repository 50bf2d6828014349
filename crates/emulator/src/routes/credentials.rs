//! IAM Credentials v1: the four methods that mint, with delegation chains, and allowed locations. Signatures
//! are real.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ApiCall, ApiCaller, CLOUD_PLATFORM, Route, routes};
use crate::behaviour::{Behaviour, SignedClaims, Tolerance};
use crate::boundary::TokenHolder;
use crate::check::{self, Field, FieldType};
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::identity::Pool;
use crate::keys;
use crate::reply;
use crate::state::{Resource, State};
use crate::tokens::{Principal, Token, is_scope};
use crate::world::Account;

pub(super) const ROUTES: &[Route] = routes! {
    Credentials "/v1/projects/{project}/serviceAccounts" "google.iam.credentials.v1.IAMCredentials.";
        "iamcredentials.generateAccessToken" POST "/{account}:generateAccessToken" "GenerateAccessToken" => access_token;
        "iamcredentials.generateIdToken" POST "/{account}:generateIdToken" "GenerateIdToken" => id_token;
        "iamcredentials.signBlob" POST "/{account}:signBlob" "SignBlob" => sign_blob;
        "iamcredentials.signJwt" POST "/{account}:signJwt" "SignJwt" => sign_jwt;
        "iamcredentials.getAllowedLocations" GET "/{account}/allowedLocations" "GetAllowedLocations" => allowed_locations;
    Credentials "/v1/projects/{project}/locations/global/workloadIdentityPools" "google.iam.credentials.v1.IAMCredentials.";
        "iamcredentials.getAllowedLocationsOfPool" GET "/{pool}/allowedLocations" "GetAllowedLocations" => allowed_locations_of_pool;
    Credentials "/v1/locations/global/workforcePools" "google.iam.credentials.v1.IAMCredentials.";
        "iamcredentials.getAllowedLocationsOfPool" GET "/{pool}/allowedLocations" "GetAllowedLocations" => allowed_locations_of_pool;
};

/// One hour: the default everywhere, and the most for an access token unless the organization allows more.
const HOUR: i64 = 3_600;
const HALF_A_DAY: i64 = 12 * HOUR;

/// The account to mint for, once every hop of the chain is permitted: the caller needs
/// implicitDelegation on the first delegate, each delegate on the next, the last one the permission on the target. It
/// then counts as having authenticated.
fn target(
    call: &ApiCall,
    state: &mut State,
    caller: &ApiCaller,
    delegates: &[String],
    permission: &str,
) -> Result<Account, Failure> {
    let how = &state.behaviour;
    // A project's id in place of `-` is documented as invalid.
    if call.param("project") != "-" {
        let known = state.project(call.param("project")).is_some();
        if how.named_project == Tolerance::Refused || !known {
            return Err(Failure::invalid(&how.messages.named_project));
        }
    }
    // The boundary of a token limits its holder, and no delegate.
    let mut delegate_before = None;
    for delegate in delegates {
        let name = delegate.strip_prefix("projects/-/serviceAccounts/").unwrap_or(delegate);
        if name.contains('/') || name.is_empty() {
            return Err(Failure::invalid(&how.messages.delegate));
        }
        call.guard(state, caller, state.account(name).map(Resource::Account))?;
        let who = delegate_before.as_ref().map_or(caller.into(), TokenHolder::from);
        let i = step(call, state, who, name, "iam.serviceAccounts.implicitDelegation")?;
        delegate_before = Some(Principal::Account(state.accounts[i].email.clone()));
    }
    let who = delegate_before.as_ref().map_or(caller.into(), TokenHolder::from);
    let i = step(call, state, who, call.param("account"), permission)?;
    state.authenticated(i, call.now());
    Ok(state.accounts[i].clone())
}

fn step(
    call: &ApiCall,
    state: &State,
    who: TokenHolder<'_>,
    name: &str,
    permission: &str,
) -> Result<usize, Failure> {
    if !name.contains('@') && !name.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Failure::bad_account_name());
    }
    let i = state.account(name).ok_or_else(|| Failure::gaia_not_found(name))?;
    if !state.allows(who, permission, Resource::Account(i), call.now()) {
        return Err(Failure::denied(permission));
    }
    if state.accounts[i].disabled {
        return Err(Failure::account_disabled(call.place(), &state.accounts[i].email, &state.behaviour));
    }
    Ok(i)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MintBody {
    delegates: Vec<String>,
    scope: Vec<String>,
    lifetime: Option<String>,
    audience: String,
    include_email: bool,
    organization_number_included: bool,
    use_email_azp: bool,
    payload: Option<String>,
}

async fn access_token(call: ApiCall) -> ApiResult {
    const FIELDS: &[Field] =
        &[("delegates", FieldType::Texts), ("scope", FieldType::Texts), ("lifetime", FieldType::Duration)];
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: MintBody = call.body(FIELDS)?;
    let mut state = call.state().await;
    let account = target(&call, &mut state, &caller, &body.delegates, "iam.serviceAccounts.getAccessToken")?;
    let scopes = scopes(body.scope, &state.behaviour)?;
    let lifetime = lifetime(body.lifetime.as_deref(), account.extended_lifetime)?;
    let now = call.now();
    let token = Token {
        principal: Principal::Account(account.email),
        scopes,
        expires: now + lifetime,
        client: account.unique_id,
        boundary: None,
    };
    let text = state.tokens.issue(token, now);
    Ok(reply::message(json!({"accessToken": text, "expireTime": clock::rfc3339(now + lifetime)})))
}

/// The scopes of an access token. An empty one means cloud-platform (measured in 2026); none at all is
/// refused.
fn scopes(asked: Vec<String>, how: &Behaviour) -> Result<Vec<String>, Failure> {
    let named = |scope: String| if scope.is_empty() { CLOUD_PLATFORM.to_owned() } else { scope };
    let scopes: Vec<String> = asked.into_iter().map(named).collect();
    match scopes.iter().all(|scope| is_scope(scope)) {
        _ if scopes.is_empty() => Err(Failure::invalid_argument()),
        true => Ok(scopes),
        false => Err(Failure::invalid(&how.messages.scope)),
    }
}

/// The seconds that an access token lasts: from one to an hour, or to twelve for an account that the organization allows
/// it, each taken as it is (measured in 2026). A fraction makes a lifetime longer than the seconds that are given.
fn lifetime(asked: Option<&str>, is_extended: bool) -> Result<i64, Failure> {
    let most = if is_extended { HALF_A_DAY } else { HOUR };
    let Some(seconds) = asked.and_then(check::seconds) else { return Ok(HOUR) };
    if seconds < 1 {
        return Err(Failure::short_lifetime());
    }
    if seconds > most || (seconds == most && asked.is_some_and(check::has_fraction)) {
        return Err(Failure::long_lifetime(is_extended));
    }
    Ok(seconds)
}

async fn id_token(call: ApiCall) -> ApiResult {
    const FIELDS: &[Field] = &[
        ("delegates", FieldType::Texts),
        ("audience", FieldType::Text),
        ("includeEmail", FieldType::Flag),
        ("organizationNumberIncluded", FieldType::Flag),
        ("useEmailAzp", FieldType::Flag),
    ];
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: MintBody = call.body(FIELDS)?;
    let (account, organization) = {
        let mut state = call.state().await;
        let account =
            target(&call, &mut state, &caller, &body.delegates, "iam.serviceAccounts.getOpenIdToken")?;
        let on = state.account(&account.email).map(Resource::Account);
        let organization = on.and_then(|on| state.organization(on)).map(|o| o.number);
        (account, organization)
    };
    if body.audience.is_empty() {
        return Err(Failure::invalid_argument());
    }
    let mut claims = id_claims(&account, &body.audience, body.include_email, call.now());
    if body.use_email_azp {
        claims.insert("azp".into(), account.email.clone().into());
    }
    if body.organization_number_included {
        claims.insert("google".into(), json!({"organization_number": organization}));
    }
    let token = google_jwt(claims).await;
    Ok(reply::message(json!({"token": token})))
}

/// The claims of an ID token for an account.
pub(crate) fn id_claims(account: &Account, audience: &str, email: bool, now: i64) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("aud".into(), audience.into());
    claims.insert("azp".into(), account.unique_id.clone().into());
    claims.insert("exp".into(), (now + HOUR).into());
    claims.insert("iat".into(), now.into());
    claims.insert("iss".into(), "https://accounts.google.com".into());
    claims.insert("sub".into(), account.unique_id.clone().into());
    if email {
        claims.insert("email".into(), account.email.clone().into());
        claims.insert("email_verified".into(), true.into());
    }
    claims
}

/// A JWT of Google's own key, its claims in the order of the alphabet as they are served.
pub(crate) async fn google_jwt(mut claims: Map<String, Value>) -> String {
    claims.sort_keys();
    keys::key_of(keys::GOOGLE).await.jwt(&Value::Object(claims).to_string())
}

async fn sign_blob(call: ApiCall) -> ApiResult {
    const FIELDS: &[Field] = &[("delegates", FieldType::Texts), ("payload", FieldType::Bytes)];
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: MintBody = call.body(FIELDS)?;
    let (account, how) = {
        let mut state = call.state().await;
        let account = target(&call, &mut state, &caller, &body.delegates, "iam.serviceAccounts.signBlob")?;
        (account, state.behaviour.clone())
    };
    // Bytes that are empty and bytes that are absent are one and the same in proto3.
    let payload = body.payload.as_deref().and_then(check::decode).filter(|bytes| !bytes.is_empty());
    let payload = payload.ok_or_else(Failure::invalid_argument)?;
    fits_in(payload.len(), &how)?;
    let key = keys::key_of(&account.unique_id).await;
    let signed = STANDARD.encode(key.sign(&payload));
    Ok(reply::message(json!({"keyId": key.id, "signedBlob": signed})))
}

/// Refuses a payload that is too large, if there is a limit.
fn fits_in(size: usize, how: &Behaviour) -> Result<(), Failure> {
    match how.largest_payload {
        Some(most) if size > most => Err(Failure::invalid(&how.messages.large_payload)),
        _ => Ok(()),
    }
}

/// The claims are signed as they came, without the white space around them, unless the world has them serialized again;
/// nothing is added.
async fn sign_jwt(call: ApiCall) -> ApiResult {
    const FIELDS: &[Field] = &[("delegates", FieldType::Texts), ("payload", FieldType::Text)];
    call.query(&[])?;
    let caller = call.caller().await?;
    let body: MintBody = call.body(FIELDS)?;
    let (account, how) = {
        let mut state = call.state().await;
        let account = target(&call, &mut state, &caller, &body.delegates, "iam.serviceAccounts.signJwt")?;
        (account, state.behaviour.clone())
    };
    let payload = body.payload.unwrap_or_default();
    fits_in(payload.len(), &how)?;
    let mut claims: Map<String, Value> =
        serde_json::from_str(payload.trim()).map_err(|_| Failure::invalid(&how.messages.jwt_payload))?;
    if let Some(exp) = claims.get("exp") {
        let now = call.now();
        let fine = exp.as_i64().is_some_and(|exp| exp >= now && exp <= now + HALF_A_DAY);
        if !fine {
            return Err(Failure::invalid(&how.messages.jwt_expiry));
        }
    }
    let signed = match how.signed_claims {
        SignedClaims::Verbatim => payload.trim().to_owned(),
        SignedClaims::Reserialized => {
            claims.sort_keys();
            Value::Object(claims).to_string()
        }
    };
    let key = keys::key_of(&account.unique_id).await;
    Ok(reply::message(json!({"keyId": key.id, "signedJwt": key.jwt(&signed)})))
}

/// No restriction anywhere. google-auth asks for this in the background, and an error would break it.
async fn allowed_locations(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.caller().await?;
    let state = call.state().await;
    state.account(call.param("account")).ok_or_else(|| Failure::gaia_not_found(call.param("account")))?;
    Ok(reply::message(json!({"encodedLocations": "0x0"})))
}

/// The same for a pool's principals.
async fn allowed_locations_of_pool(call: ApiCall) -> ApiResult {
    call.query(&[])?;
    call.caller().await?;
    let owner = call.params.get("project");
    let state = call.state().await;
    let is_it = |pool: &Pool| {
        pool.id == call.param("pool") && pool.project.map(|number| number.to_string()).as_ref() == owner
    };
    if !state.pools.iter().any(is_it) {
        return Err(Failure::not_found());
    }
    Ok(reply::message(json!({"encodedLocations": "0x0"})))
}
