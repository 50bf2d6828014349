//! From a subject token to a principal: a provider verifies a token from outside of Google, and its mapping
//! turns the claims into a principal. Each kind of token has its own file; none of them knows HTTP.

mod aws;
mod issued;
mod oidc;
mod saml;

use serde_json::{Map, Value};

use super::error::Failure;
use super::es256::Es256;
use super::federated::Federated;
use super::identity::{Mapping, Pool, Provider, ProviderKind};
use super::identity_check::LONGEST_SUBJECT;

pub(crate) use issued::{HEADER, issue_subject_token};

/// The kinds of subject tokens, by their full names.
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The same as a JWT to the token service.
pub(crate) const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// A SAML response, in base64.
pub(crate) const SAML2: &str = "urn:ietf:params:oauth:token-type:saml2";
/// A signed request of AWS.
pub(crate) const AWS4: &str = "urn:ietf:params:aws:token-type:aws4_request";

/// How long a federated token lasts at most.
pub(crate) const HOUR: i64 = 3_600;

/// Verifies a subject token: whose it is, and for how many seconds a federated token for it lasts. That is an hour, but
/// no longer than a JWT does.
pub(crate) fn judge(
    pool: &Pool,
    provider: &Provider,
    key: Option<&Es256>,
    (kind, token): (&str, &str),
    now: i64,
) -> Result<(Federated, i64), Failure> {
    let (claims, lasts) = match (kind, &provider.kind) {
        (JWT | ID_TOKEN, ProviderKind::Oidc(trusted)) => {
            oidc::verify(trusted, &pool.audience(provider), key, token, now)?
        }
        (SAML2, ProviderKind::Saml(trusted)) => (saml::verify(trusted, token)?, HOUR),
        (AWS4, ProviderKind::Aws(trusted)) => {
            (aws::verify(trusted, &pool.audience(provider), token, now)?, HOUR)
        }
        (JWT | ID_TOKEN | SAML2 | AWS4, _) => {
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
    Ok((principal(pool, &provider.mapping, &claims)?, lasts.min(HOUR)))
}

/// The principal that a provider's mapping makes of claims.
pub(crate) fn principal(
    pool: &Pool,
    mapping: &Mapping,
    claims: &Map<String, Value>,
) -> Result<Federated, Failure> {
    let text = |claim: &str| match claims.get(claim) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(plain @ (Value::Number(_) | Value::Bool(_))) => Some(plain.to_string()),
        _ => None,
    };
    let subject = text(&mapping.subject).ok_or_else(Failure::no_subject)?;
    if subject.len() > LONGEST_SUBJECT {
        return Err(Failure::long_subject());
    }
    let groups = mapping.groups.as_ref().and_then(|claim| claims.get(claim)?.as_array());
    let groups = groups.into_iter().flatten().filter_map(|group| group.as_str().map(str::to_owned)).collect();
    let attributes =
        mapping.attributes.iter().filter_map(|(name, claim)| Some((name.clone(), text(claim)?))).collect();
    Ok(Federated { pool: pool.name.clone(), subject, groups, attributes })
}
