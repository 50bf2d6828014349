//! Signed JWTs: `signJwt`, over claims as they were typed.

use serde::Deserialize;
use serde_json::json;

use super::{CredentialKind, MintContext, Sent, expiry, gcloud::Gcloud, unchecked};
use crate::{
    http::{
        ApiError,
        answer::decode,
        endpoints::{self, Service},
        handed_out::{HandedOut, key_id},
    },
    model::{claims, credential::Credential, shell::quote},
};

pub(super) struct SignedJwt<'a> {
    pub(super) claims: &'a str,
    pub(super) lifetime_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    key_id: String,
    signed_jwt: HandedOut,
}

impl SignedJwt<'_> {
    /// The claims with the times of now.
    fn payload(&self, cx: &MintContext) -> Result<String, String> {
        let checked =
            claims::check(self.claims, self.lifetime_seconds, &cx.request.account, cx.at.as_second())?;
        Ok(checked.text)
    }
}

impl CredentialKind for SignedJwt<'_> {
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        let body = json!({ "payload": self.payload(cx)? });
        Ok(cx.iam("signJwt", "google.iam.credentials.v1.IAMCredentials.SignJwt", body))
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        let from = endpoints::name(Service::Credentials);
        let answer: Answer = decode(body, from)?;
        let jwt = answer.signed_jwt.jwt(from)?;
        let signing_input = jwt.expose().rsplit_once('.').map_or("", |(input, _)| input);
        let signed = Some(unchecked(key_id(answer.key_id, from)?, signing_input.as_bytes()));
        let expires = expiry(&jwt);
        Ok(Credential { signed, ..cx.made(jwt, expires) })
    }

    fn curl_differs(&self) -> &'static str {
        if self.lifetime_seconds.is_some() { "its iat and exp are set to the current time" } else { "" }
    }

    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String> {
        let input = Some(format!("printf %s {}", quote(&self.payload(cx)?)));
        Ok(Gcloud { input, ..cx.signing("sign-jwt", "/dev/stdin") })
    }
}
