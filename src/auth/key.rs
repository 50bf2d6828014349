//! A service account's key: the assertion that the token endpoint takes, or a JWT that is a bearer token itself.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    http::{ApiError, ErrorKind},
    model::secret::Secret,
};

/// What an account's key asks for: everything its IAM roles allow.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The longest life of an assertion that Google accepts, in seconds.
pub(super) const LIFE: i64 = 3_600;

/// The assertion for the token endpoint, whose `aud` is Google's name for it wherever it is reached.
pub(super) fn assertion(
    email: &str,
    key_id: Option<&str>,
    private_key: &Secret,
    audience: &str,
    now: i64,
) -> Result<Secret, ApiError> {
    let claims = json!({ "iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + LIFE });
    sign(&claims, key_id, private_key)
}

/// A JWT that is sent as the bearer token: universes other than Google's own have no token endpoint for keys
/// (google-auth does the same there).
pub(super) fn self_signed(
    email: &str,
    key_id: Option<&str>,
    private_key: &Secret,
    now: i64,
) -> Result<Secret, ApiError> {
    let claims = json!({ "iss": email, "sub": email, "scope": SCOPE, "iat": now, "exp": now + LIFE });
    sign(&claims, key_id, private_key)
}

fn sign(claims: &Value, key_id: Option<&str>, private_key: &Secret) -> Result<Secret, ApiError> {
    let broken = || ApiError::new(ErrorKind::Credentials, "The private key in the credentials can't sign.");
    let key = EncodingKey::from_rsa_pem(private_key.expose().as_bytes()).map_err(|_| broken())?;
    let header = Header { kid: key_id.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, &key).map(Secret::new).map_err(|_| broken())
}

/// Whether this is a private RSA key as credentials files hold it.
pub(super) fn is_key(private_key: &Secret) -> bool {
    EncodingKey::from_rsa_pem(private_key.expose().as_bytes()).is_ok()
}
