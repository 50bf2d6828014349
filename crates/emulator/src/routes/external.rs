//! Services outside of Google: one that issues subject tokens, and the metadata server of an AWS machine.
//! Both belong to providers of the world's identity pools, below `/external/OWNER/POOL/PROVIDER`, where OWNER
//! is the project, or `-` for a workforce pool.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{ApiCall, Route, routes};
use crate::clock;
use crate::error::{ApiResult, Failure};
use crate::es256::Es256;
use crate::identity::{Aws, AwsRole, Pool, Provider, ProviderKind};
use crate::keys;
use crate::reply;
use crate::state::State;
use crate::subject::{HEADER, issue_subject_token};

pub(super) const ROUTES: &[Route] = routes! {
    External "/external/{owner}/{pool}/{provider}" "";
        "external.subjectToken" GET "/identities/{number}" => subject_token;
        "external.discovery" GET "/.well-known/openid-configuration" => discovery;
        "external.jwks" GET "/jwks" => jwks;
        "external.awsSession" PUT "/latest/api/token" => aws_session;
        "external.awsZone" GET "/latest/meta-data/placement/availability-zone" => aws_zone;
        "external.awsRole" GET "/latest/meta-data/iam/security-credentials" => aws_role;
        "external.awsCredentials" GET "/latest/meta-data/iam/security-credentials/{role}" => aws_credentials;
};

fn provider<'a>(call: &ApiCall, state: &'a State) -> Option<(&'a Pool, &'a Provider)> {
    let is_pool = |pool: &&Pool| pool.owner == call.param("owner") && pool.id == call.param("pool");
    let pool = state.pools.iter().find(is_pool)?;
    Some((pool, pool.providers.iter().find(|provider| provider.id == call.param("provider"))?))
}

fn aws_machine<'a>(call: &ApiCall, state: &'a State) -> Option<(&'a Aws, &'a AwsRole)> {
    let ProviderKind::Aws(aws) = &provider(call, state)?.1.kind else { return None };
    Some((aws, aws.roles.first()?))
}

fn nothing_here() -> Response {
    reply::plain(StatusCode::NOT_FOUND, "404 - Not Found")
}

/// The issuer of a provider, under its own name and with its keys here. The emulator never asks it: trusted keys are
/// in the world. It is for verifiers of the subject tokens.
async fn discovery(call: ApiCall) -> ApiResult {
    let state = call.state().await;
    let Some(ProviderKind::Oidc(oidc)) = provider(&call, &state).map(|(_, provider)| &provider.kind) else {
        return Ok(nothing_here());
    };
    let part = |name: &str| call.param(name).to_owned();
    let keys =
        format!("{}external/{}/{}/{}/jwks", call.shared.base, part("owner"), part("pool"), part("provider"));
    let document = json!({"issuer": oidc.issuer, "jwks_uri": keys, "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256", "RS256"]});
    Ok(reply::exact(StatusCode::OK, &document))
}

/// The keys that a provider's subject tokens are verified with.
async fn jwks(call: ApiCall) -> ApiResult {
    let state = call.state().await;
    let found = provider(&call, &state).and_then(|(pool, provider)| {
        let ProviderKind::Oidc(oidc) = &provider.kind else { return None };
        oidc.jwks.clone().or_else(|| state.made_key(pool, provider).map(Es256::jwks))
    });
    Ok(found.map_or_else(nothing_here, |keys| reply::exact(StatusCode::OK, &keys)))
}

/// A fresh subject token for one of the identities that the world states.
async fn subject_token(call: ApiCall) -> ApiResult {
    if !call.header(HEADER.0).is_some_and(|value| value.eq_ignore_ascii_case(HEADER.1)) {
        let refused = json!({"error": "invalid_request", "error_description": "Required metadata header not specified"});
        return Err(Failure::verbatim(400, refused));
    }
    let state = call.state().await;
    let Some((pool, provider)) = provider(&call, &state) else { return Ok(nothing_here()) };
    let number = call.param("number").parse().unwrap_or(usize::MAX);
    let Some(given) = issue_subject_token(pool, provider, state.made_key(pool, provider), number, call.now())
    else {
        return Ok(nothing_here());
    };
    Ok(reply::exact(
        StatusCode::OK,
        &json!({"access_token": given.token, "expires_on": given.expires.to_string()}),
    ))
}

/// The one session token of a machine's metadata server, made from its name: it protects from forged
/// requests, not from other processes on the machine.
fn session_token(call: &ApiCall) -> String {
    let name = [call.param("owner"), call.param("pool"), call.param("provider")].join("/");
    keys::hex(&keys::hash(&format!("{}{name}", call.shared.base))[..20])
}

async fn aws_session(call: ApiCall) -> ApiResult {
    let seconds =
        call.header("x-aws-ec2-metadata-token-ttl-seconds").and_then(|text| text.parse::<u32>().ok());
    if !seconds.is_some_and(|seconds| (1..=21_600).contains(&seconds)) {
        return Ok(reply::plain(StatusCode::BAD_REQUEST, "400 - Bad Request"));
    }
    if aws_machine(&call, &*call.state().await).is_none() {
        return Ok(nothing_here());
    }
    Ok(reply::plain(StatusCode::OK, &session_token(&call)))
}

/// Answers about the machine to a request with the session token.
async fn answer_with_session(
    call: &ApiCall,
    tell: impl FnOnce(&Aws, &AwsRole) -> Option<Response>,
) -> ApiResult {
    if call.header("x-aws-ec2-metadata-token") != Some(session_token(call).as_str()) {
        return Ok(reply::plain(StatusCode::UNAUTHORIZED, "401 - Unauthorized"));
    }
    let state = call.state().await;
    let machine = aws_machine(call, &state);
    Ok(machine.and_then(|(aws, role)| tell(aws, role)).unwrap_or_else(nothing_here))
}

async fn aws_zone(call: ApiCall) -> ApiResult {
    answer_with_session(&call, |aws, _| Some(reply::plain(StatusCode::OK, &aws.zone))).await
}

async fn aws_role(call: ApiCall) -> ApiResult {
    answer_with_session(&call, |_, role| Some(reply::plain(StatusCode::OK, &role.name))).await
}

async fn aws_credentials(call: ApiCall) -> ApiResult {
    let now = call.now();
    answer_with_session(&call, |_, role| (call.param("role") == role.name).then(|| credentials(role, now)))
        .await
}

fn credentials(role: &AwsRole, now: i64) -> Response {
    let mut told = json!({"Code": "Success", "LastUpdated": clock::rfc3339(now), "Type": "AWS-HMAC",
        "AccessKeyId": role.access_key_id, "SecretAccessKey": role.secret_access_key,
        "Token": role.session_token, "Expiration": clock::rfc3339(now + 6 * 3_600)});
    if role.session_token.is_empty() {
        told["Token"] = Value::Null;
    }
    reply::exact(StatusCode::OK, &told)
}
