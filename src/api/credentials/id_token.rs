//! ID tokens: `generateIdToken`.

use serde::Deserialize;
use serde_json::json;

use super::{CredentialKind, MintContext, Sent, expiry, gcloud::Gcloud};
use crate::{
    http::{
        ApiError,
        answer::decode,
        endpoints::{self, Service},
        handed_out::HandedOut,
    },
    model::{credential::Credential, shell::quote},
};

pub(super) struct IdToken<'a> {
    pub(super) audience: &'a str,
    pub(super) include_email: bool,
    pub(super) organization_number: bool,
}

#[derive(Deserialize)]
struct Answer {
    token: HandedOut,
}

impl CredentialKind for IdToken<'_> {
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        let mut body = json!({ "audience": self.audience, "includeEmail": self.include_email });
        if self.organization_number {
            body["organizationNumberIncluded"] = json!(true);
        }
        Ok(cx.iam("generateIdToken", "google.iam.credentials.v1.IAMCredentials.GenerateIdToken", body))
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        let from = endpoints::name(Service::Credentials);
        let answer: Answer = decode(body, from)?;
        let token = answer.token.jwt(from)?;
        let expires = expiry(&token);
        Ok(cx.made(token, expires))
    }

    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String> {
        let mut words = vec!["gcloud auth print-identity-token".to_owned(), cx.as_account()];
        words.push(format!("--audiences={}", quote(self.audience)));
        words.extend(self.include_email.then(|| "--include-email".to_owned()));
        let differs = if self.organization_number {
            "it mints an access token first, and has no flag for the organization number"
        } else {
            "it mints an access token first"
        };
        Ok(Gcloud { words, differs, ..Gcloud::default() })
    }
}
