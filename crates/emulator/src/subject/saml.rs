//! SAML responses. No signature is checked and no XML is read: a response is one of those that the world states, word
//! for word, or it is refused.

use serde_json::{Map, Value};

use super::super::check;
use super::super::error::Failure;
use super::super::identity::Saml;

/// The claims of a response that came in base64.
pub fn claims(trusted: &Saml, token: &str) -> Result<Map<String, Value>, Failure> {
    let text = check::decode(token.trim()).and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Failure::invalid_request("The SAML response is not base64."))?;
    let known = trusted.responses.iter().find(|response| response.text == text);
    known
        .map(|response| response.claims.clone())
        .ok_or_else(|| Failure::invalid_grant("The SAML response is not the identity provider's."))
}
