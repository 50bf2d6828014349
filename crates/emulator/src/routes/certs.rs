//! Public keys: Google's own and each account's, as JWK sets, certificates and raw keys. No credentials are needed to
//! read them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{ApiCall, Route, routes};
use crate::error::{ApiResult, Failure};
use crate::keys::{self, Key, Validity};
use crate::reply;

pub(super) const ROUTES: &[Route] = routes! {
    OAuth "" "";
        "oauth2.discovery" GET "/.well-known/openid-configuration" => discovery;
    OAuth "" "google.identity.oauth2.";
        "oauth2.certs" GET "/oauth2/v3/certs" "Certs" => google_jwks;
        "oauth2.certs" GET "/oauth2/v1/certs" "Certs" => google_certificates;
    OAuth "" "";
        "certs.jwk" GET "/service_accounts/v1/metadata/jwk/{account}" => jwks;
        "certs.jwk" GET "/service_accounts/v1/jwk/{account}" => jwks;
        "certs.jwk" GET "/robot/v1/metadata/jwk/{account}" => jwks;
        "certs.x509" GET "/service_accounts/v1/metadata/x509/{account}" => certificates;
        "certs.x509" GET "/robot/v1/metadata/x509/{account}" => certificates;
        "certs.raw" GET "/service_accounts/v1/metadata/raw/{account}" => raw;
};

/// How long Google lets its own keys be kept.
const GOOGLE_AGE: u32 = 20_000;
/// How long an account's keys may be kept: shorter, for they change.
const ACCOUNT_AGE: u32 = 3_600;

fn set(keys: &[Arc<Key>]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

fn map(keys: &[(Arc<Key>, Validity)], of: impl Fn(&Key, Validity) -> String) -> Value {
    let told = keys.iter().map(|(key, valid)| (key.id.clone(), Value::String(of(key, *valid))));
    told.collect::<Map<_, _>>().into()
}

/// Google's issuer as OpenID Connect Discovery 1.0 describes one: it keeps its name, and its addresses are here. What is
/// not served here is not named.
async fn discovery(call: ApiCall) -> ApiResult {
    let (base, keys) = (call.shared.addresses.of(call.route.api), call.shared.addresses.of_keys());
    let document = json!({"issuer": "https://accounts.google.com", "token_endpoint": format!("{base}token"),
        "userinfo_endpoint": format!("{base}v1/userinfo"), "revocation_endpoint": format!("{base}revoke"),
        "jwks_uri": format!("{keys}oauth2/v3/certs"), "response_types_supported": ["none"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "sub"],
        "grant_types_supported": ["refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]});
    Ok(reply::cached(&document, ACCOUNT_AGE))
}

async fn google_jwks(_: ApiCall) -> ApiResult {
    Ok(reply::cached(&set(&[keys::key_of(keys::GOOGLE).await]), GOOGLE_AGE))
}

async fn google_certificates(call: ApiCall) -> ApiResult {
    let key = keys::key_of(keys::GOOGLE).await;
    let valid = Validity::of_google(call.now());
    Ok(reply::cached(
        &map(&[(key, valid)], |key, valid| key.certificate("emulator.example.com", valid)),
        GOOGLE_AGE,
    ))
}

/// Google's key of the account, made if need be, and those that it may sign with in addition, each with how long it
/// is good. An unknown account is 404; the body of that is not known.
async fn of_account(call: &ApiCall) -> Result<(Vec<(Arc<Key>, Validity)>, String), Failure> {
    let (subject, user_managed) = {
        let state = call.state().await;
        let i = state.account(call.param("account")).ok_or_else(Failure::not_found)?;
        (state.accounts[i].unique_id.clone(), state.keys_in_use(i, call.now()))
    };
    let mut keys = vec![(keys::key_of(&subject).await, Validity::of_google(call.now()))];
    keys.extend(user_managed);
    Ok((keys, subject))
}

async fn jwks(call: ApiCall) -> ApiResult {
    let (keys, _) = of_account(&call).await?;
    let keys: Vec<Arc<Key>> = keys.into_iter().map(|(key, _)| key).collect();
    Ok(reply::cached(&set(&keys), ACCOUNT_AGE))
}

async fn certificates(call: ApiCall) -> ApiResult {
    let (keys, subject) = of_account(&call).await?;
    Ok(reply::cached(&map(&keys, |key, valid| key.certificate(&subject, valid)), ACCOUNT_AGE))
}

async fn raw(call: ApiCall) -> ApiResult {
    let (keys, _) = of_account(&call).await?;
    Ok(reply::cached(&map(&keys, |key, _| key.raw()), ACCOUNT_AGE))
}
