//! From a subject token to a principal: what somebody outside of Google sent is judged by the provider it is meant
//! for, and its claims are mapped. Each kind of token has a file; none of them knows of HTTP.

mod aws;
mod given;
mod oidc;
mod saml;

use serde_json::{Map, Value};

use super::error::Failure;
use super::es256::Es256;
use super::federated::Federated;
use super::identity::{Mapping, Pool, Provider};
use super::identity_check::LONGEST_SUBJECT;

pub use given::{HEADER, given};

/// The kinds of subject tokens, by their full names.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The same as a JWT to the token service.
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// A SAML response, in base64.
pub const SAML2: &str = "urn:ietf:params:oauth:token-type:saml2";
/// A signed request of AWS.
pub const AWS4: &str = "urn:ietf:params:aws:token-type:aws4_request";

/// Judges a subject token.
pub fn judge(
    pool: &Pool,
    provider: &Provider,
    key: Option<&Es256>,
    (kind, token): (&str, &str),
    now: i64,
) -> Result<Federated, Failure> {
    let claims = match (kind, &provider.oidc, &provider.saml, &provider.aws) {
        (JWT | ID_TOKEN, Some(trusted), ..) => {
            oidc::claims(trusted, &pool.audience(provider), key, token, now)?
        }
        (SAML2, _, Some(trusted), _) => saml::claims(trusted, token)?,
        (AWS4, .., Some(trusted)) => aws::claims(trusted, &pool.audience(provider), token, now)?,
        (JWT | ID_TOKEN | SAML2 | AWS4, ..) => {
            let problem =
                format!("The provider {} does not take a subject token of type {kind}.", provider.id);
            return Err(Failure::invalid_request(&problem));
        }
        _ => {
            return Err(Failure::invalid_request(&format!(
                "Invalid value for \"subject_token_type\": {kind}."
            )));
        }
    };
    principal(pool, &provider.mapping, &claims)
}

/// The principal that a provider's mapping makes of claims.
pub fn principal(pool: &Pool, mapping: &Mapping, claims: &Map<String, Value>) -> Result<Federated, Failure> {
    let text = |claim: &str| match claims.get(claim) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(plain @ (Value::Number(_) | Value::Bool(_))) => Some(plain.to_string()),
        _ => None,
    };
    let subject = text(&mapping.subject).ok_or_else(|| {
        Failure::invalid_grant("Could not obtain a value for google.subject from the given credential.")
    })?;
    if subject.len() > LONGEST_SUBJECT {
        return Err(Failure::invalid_grant(
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute \
             mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.",
        ));
    }
    let groups = mapping.groups.as_ref().and_then(|claim| claims.get(claim)?.as_array());
    let groups = groups.into_iter().flatten().filter_map(|group| group.as_str().map(str::to_owned)).collect();
    let attributes =
        mapping.attributes.iter().filter_map(|(name, claim)| Some((name.clone(), text(claim)?))).collect();
    Ok(Federated { pool: pool.name.clone(), subject, groups, attributes })
}
