//! JWTs of providers: signature, issuer, audience and times are checked; all other claims are believed.

use serde_json::{Map, Value};

use crate::error::Failure;
use crate::es256::Es256;
use crate::identity::Oidc;
use crate::jwks::{self, Signature};
use crate::keys::Jwt;

/// How far clocks may differ, either way (measured at Google, 2026).
const SKEW: i64 = 60;
const DAY: i64 = 86_400;
/// How long the emulator's own subject tokens last.
const HOURS: i64 = 6 * 3_600;

/// The claims of a JWT that a provider signed for this audience, and for how many seconds it lasts. What is refused
/// reads as it was measured at Google in 2026; a claim that is missing is `null` there.
pub(crate) fn verify(
    trusted: &Oidc,
    name: &str,
    key: Option<&Es256>,
    token: &str,
    now: i64,
) -> Result<(Map<String, Value>, i64), Failure> {
    let refused = |text: String| Err(Failure::invalid_grant(&text));
    let Some(jwt) = Jwt::parse(token) else {
        return refused("Unable to parse the ID Token.".into());
    };
    let set = key.map(Es256::jwks).or_else(|| trusted.jwks.clone()).unwrap_or_default();
    // Its claims are reported only once its signature is verified.
    match jwks::verify(&set, &jwt) {
        Signature::Valid => {}
        Signature::Forged => return refused("Unable to verify the ID Token signature.".into()),
        // Google looks for a key that it does not have at the issuer, and finds none there.
        Signature::UnknownKey => {
            return refused("Error connecting to the given credential's issuer.".into());
        }
    }
    if jwt.text("iss") != Some(&trusted.issuer) {
        let (issuer, expected) = (jwt.text("iss").unwrap_or("null"), &trusted.issuer);
        return refused(format!(
            "The issuer in ID Token {issuer} does not match the expected one in config: {expected}."
        ));
    }
    if !audiences(&jwt).iter().any(|audience| is_accepted(trusted, name, audience)) {
        let audiences = audiences(&jwt).join(", ");
        return refused(format!(
            "The audience in ID Token [{audiences}] does not match the expected audience."
        ));
    }
    let (issued, expires) = (jwt.time("iat"), jwt.time("exp"));
    let is_fresh =
        |issued: i64, expires: i64| expires + SKEW >= now && (now - DAY..=now + SKEW).contains(&issued);
    match (issued, expires) {
        (Some(issued), Some(expires)) if is_fresh(issued, expires) => {
            Ok((jwt.claims, (expires - now).abs().max(1)))
        }
        _ => {
            let issued = issued.map_or_else(|| "null".to_owned(), |issued| issued.to_string());
            refused(format!("ID Token issued at {issued} is stale to sign-in."))
        }
    }
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
pub(crate) fn claims_of(
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
