//! JWTs of providers: signature, issuer, audience and times are checked; everything else is taken as it is said.

use serde_json::{Map, Value};

use super::super::error::Failure;
use super::super::es256::Es256;
use super::super::identity::Oidc;
use super::super::jwks;
use super::super::keys::Jwt;

/// How far clocks may differ.
const SKEW: i64 = 300;
const DAY: i64 = 86_400;
/// How long the emulator's own subject tokens last.
const HOURS: i64 = 6 * 3_600;

/// The claims of a JWT that a provider signed for this audience.
pub fn claims(
    trusted: &Oidc,
    name: &str,
    key: Option<&Es256>,
    token: &str,
    now: i64,
) -> Result<Map<String, Value>, Failure> {
    let refused = |text: String| Err(Failure::invalid_grant(&text));
    let Some(jwt) = Jwt::read(token) else {
        return Err(Failure::invalid_request("The subject token is no JWT of RS256 or ES256."));
    };
    let set = key.map(Es256::jwks).or_else(|| trusted.jwks.clone()).unwrap_or_default();
    // Nothing of what it says is worth telling before it is known who says it.
    if !jwks::verifies(&set, &jwt) {
        return refused("Invalid JWT signature: no key of the issuer verifies it.".into());
    }
    let issuer = jwt.text("iss").unwrap_or_default();
    if issuer != trusted.issuer {
        let expected = &trusted.issuer;
        return refused(format!(
            "The issuer in ID Token {issuer} does not match the expected ones: {expected}."
        ));
    }
    if !audiences(&jwt).iter().any(|audience| is_accepted(trusted, name, audience)) {
        let audiences = audiences(&jwt).join(", ");
        return refused(format!(
            "The audience in ID Token [{audiences}] does not match the expected audience."
        ));
    }
    let (Some(issued), Some(expires)) = (jwt.time("iat"), jwt.time("exp")) else {
        return refused("The ID Token has to say when it was issued and when it expires.".into());
    };
    if expires + SKEW <= now || issued < now - DAY || issued > now + SKEW {
        return refused(format!("ID Token issued at {issued} is stale to sign-in."));
    }
    Ok(jwt.claims)
}

/// A JWT is for one audience or for several.
fn audiences<'a>(jwt: &'a Jwt<'_>) -> Vec<&'a str> {
    match jwt.claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_accepted(trusted: &Oidc, name: &str, audience: &str) -> bool {
    if trusted.audiences.is_empty() {
        return audience.strip_prefix("https:").unwrap_or(audience) == name;
    }
    trusted.audiences.iter().any(|accepted| accepted == audience)
}

/// The claims of a subject token that a generated provider gives to one of its identities, and when it ends.
pub fn claims_of(
    trusted: &Oidc,
    name: &str,
    identity: &Map<String, Value>,
    now: i64,
) -> (Map<String, Value>, i64) {
    let audience = trusted.audiences.first().cloned().unwrap_or_else(|| format!("https:{name}"));
    let mut claims = identity.clone();
    claims.insert("iss".into(), trusted.issuer.clone().into());
    claims.insert("aud".into(), audience.into());
    claims.insert("iat".into(), now.into());
    claims.insert("exp".into(), (now + HOURS).into());
    (claims, now + HOURS)
}
