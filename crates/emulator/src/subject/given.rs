//! Subject tokens that the emulator gives out in the name of providers outside of Google: JWTs of the keys it made,
//! and the SAML responses of the world.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::es256::Es256;
use super::super::identity::{Pool, Provider, ProviderKind};
use super::{JWT, SAML2, oidc};

/// The header without which no subject token is given over HTTP: a page in a browser cannot send it.
pub const HEADER: (&str, &str) = ("Metadata", "True");

/// How long a SAML response is said to last.
const HOUR: i64 = 3_600;

/// A subject token, its type, and when it ends.
pub struct GivenToken {
    /// The text.
    pub token: String,
    /// As `urn:ietf:params:oauth:token-type:jwt`.
    pub kind: &'static str,
    /// In seconds since the epoch.
    pub expires: i64,
}

/// The subject token of the identity with that number, if the provider gives any.
pub fn given(
    pool: &Pool,
    provider: &Provider,
    key: Option<&Es256>,
    number: usize,
    now: i64,
) -> Option<GivenToken> {
    match &provider.kind {
        ProviderKind::Oidc(trusted) => {
            let identity = trusted.identities.get(number)?;
            let (claims, expires) = oidc::claims_of(trusted, &pool.audience(provider), identity, now);
            Some(GivenToken { token: key?.jwt(&claims), kind: JWT, expires })
        }
        ProviderKind::Saml(trusted) => {
            let response = trusted.responses.get(number)?;
            Some(GivenToken { token: STANDARD.encode(&response.text), kind: SAML2, expires: now + HOUR })
        }
        ProviderKind::Aws(_) | ProviderKind::Unclear => None,
    }
}
