//! Subject tokens that the emulator issues for providers outside of Google: JWTs signed with keys that it
//! made, and the SAML responses of the world.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{JWT, SAML2, oidc};
use crate::es256::Es256;
use crate::identity::{Pool, Provider, ProviderKind};

/// The header without which no subject token is given over HTTP: a page in a browser cannot send it.
pub(crate) const HEADER: (&str, &str) = ("Metadata", "True");

/// How long a SAML response is said to last.
const HOUR: i64 = 3_600;

/// A subject token, its type, and when it ends.
pub(crate) struct SubjectToken {
    pub(crate) token: String,
    /// As `urn:ietf:params:oauth:token-type:jwt`.
    pub(crate) kind: &'static str,
    /// In seconds since the epoch.
    pub(crate) expires: i64,
}

/// The subject token of the identity with that number, if the provider gives any.
pub(crate) fn issue_subject_token(
    pool: &Pool,
    provider: &Provider,
    key: Option<&Es256>,
    number: usize,
    now: i64,
) -> Option<SubjectToken> {
    match &provider.kind {
        ProviderKind::Oidc(trusted) => {
            let identity = trusted.identities.get(number)?;
            let (claims, expires) = oidc::claims_of(trusted, &pool.audience(provider), identity, now);
            Some(SubjectToken { token: key?.jwt(&claims), kind: JWT, expires })
        }
        ProviderKind::Saml(trusted) => {
            let response = trusted.responses.get(number)?;
            Some(SubjectToken { token: STANDARD.encode(&response.text), kind: SAML2, expires: now + HOUR })
        }
        ProviderKind::Aws(_) | ProviderKind::Unclear => None,
    }
}
