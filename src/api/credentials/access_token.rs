//! Access tokens: `generateAccessToken`.

use serde::Deserialize;
use serde_json::json;

use super::{CredentialKind, MintContext, Sent, gcloud::Gcloud};
use crate::{
    http::{
        ApiError,
        answer::decode,
        endpoints::{self, Service},
        handed_out::HandedOut,
    },
    model::{credential::Credential, scopes, shell::quote},
};

pub(super) struct AccessToken<'a> {
    pub(super) scopes: &'a [String],
    pub(super) lifetime_seconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    access_token: HandedOut,
    /// Any RFC 3339 time. An unreadable one doesn't justify withholding the token.
    expire_time: Option<String>,
}

impl CredentialKind for AccessToken<'_> {
    fn request(&self, cx: &MintContext) -> Result<Sent, String> {
        let method = "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken";
        let body = json!({ "scope": self.scopes, "lifetime": format!("{}s", self.lifetime_seconds) });
        Ok(cx.iam("generateAccessToken", method, body))
    }

    fn lifetime_seconds(&self) -> Option<u32> {
        Some(self.lifetime_seconds)
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        let from = endpoints::name(Service::Credentials);
        let answer: Answer = decode(body, from)?;
        let expires = answer.expire_time.and_then(|end| end.parse().ok());
        Ok(cx.made(answer.access_token.bearer(from)?, expires))
    }

    fn gcloud(&self, cx: &MintContext) -> Result<Gcloud, String> {
        let lifetime = format!("--lifetime={}s", self.lifetime_seconds);
        let mut words = vec!["gcloud auth print-access-token".to_owned(), cx.as_account(), lifetime];
        let differs = if *self.scopes == [scopes::DEFAULT] {
            "it also requests openid, userinfo.email and three more scopes"
        } else {
            words.push(format!("--scopes={}", quote(&self.scopes.join(","))));
            "its --scopes also adds openid and userinfo.email"
        };
        Ok(Gcloud { words, differs, ..Gcloud::default() })
    }
}
