//! The token endpoint of Google Distributed Cloud. No service here accepts its tokens.

use axum::http::StatusCode;
use serde_json::json;

use super::oauth::{parameters, required_parameter};
use super::{ApiCall, Route, routes};
use crate::error::{ApiResult, Failure};
use crate::jwks::{self, Signature};
use crate::keys::Jwt;
use crate::reply;
use crate::tokens::secret;

pub(super) const ROUTES: &[Route] = routes! {
    External "" "";
        "external.authenticate" POST "/authenticate" => authenticate;
};

// As google-auth asks: the grant has the name of a type of tokens.
const EXCHANGE: &str = "urn:ietf:params:oauth:token-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SERVICE_ACCOUNT: &str = "urn:k8s:params:oauth:token-type:serviceaccount";
const LIFETIME: i64 = 3_600;

/// A token for a JWT that an account signed for itself and for this endpoint. The wording of refusals is ours.
async fn authenticate(call: ApiCall) -> ApiResult {
    let asked = parameters(&call);
    let grant = required_parameter(&asked, "grant_type")?;
    if grant != EXCHANGE {
        return Err(Failure::unsupported_grant(&grant));
    }
    for (name, only) in [("requested_token_type", ACCESS_TOKEN), ("subject_token_type", SERVICE_ACCOUNT)] {
        let value = required_parameter(&asked, name)?;
        if value != only {
            return Err(Failure::invalid_request(&format!("Invalid value for \"{name}\": {value}.")));
        }
    }
    required_parameter(&asked, "audience")?;
    let subject = required_parameter(&asked, "subject_token")?;
    let refused = |problem: &str| Err(Failure::invalid_grant(problem));
    let Some(jwt) = Jwt::parse(&subject) else { return refused("The subject token cannot be read.") };
    let state = call.state().await;
    let key = jwt.text("iss").and_then(|issuer| state.distributed.get(issuer));
    if !key.is_some_and(|key| jwks::verify(&key.jwks(), &jwt) == Signature::Valid) {
        return refused("The subject token is not signed by an account that is known.");
    }
    let own = format!("{}authenticate", call.shared.base);
    if jwt.text("sub") != jwt.text("iss") || jwt.text("aud") != Some(&own) {
        return refused("The subject token is not of the account itself and for this endpoint.");
    }
    let now = call.now();
    let lasts = jwt.time("iat").zip(jwt.time("exp"));
    let is_fresh = |(issued, expires): (i64, i64)| expires > now && expires <= issued + LIFETIME;
    if call.token_expired || !lasts.is_some_and(is_fresh) {
        return refused("The subject token has expired, or lasts for more than an hour.");
    }
    let answer = json!({"access_token": format!("gdch.EMULATOR-{}", secret()), "expires_in": LIFETIME - 1,
        "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"});
    Ok(reply::exact(StatusCode::OK, &answer))
}
