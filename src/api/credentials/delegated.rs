//! Access tokens of Workspace users: a signed JWT given to the token endpoint.

use super::{CredentialKind, MintContext, Sent, TokenAnswer, gcloud::Gcloud, read};
use crate::{
    api::Client,
    http::{
        ApiError,
        clock::now,
        endpoints::{self, Service},
        request_spec::RequestSpec,
    },
    model::{
        credential::{Credential, MintRequest, What},
        denial::{Delegation, RequestContext},
        secret::Secret,
    },
};

pub(super) struct Delegated;

impl CredentialKind for Delegated {
    fn request(&self, _: &MintContext) -> Result<Sent, String> {
        Err("a user's token is made from a signed JWT: sign a new one, then exchange it".to_owned())
    }

    fn read(&self, cx: &MintContext, body: &[u8]) -> Result<Credential, ApiError> {
        TokenAnswer::read(cx, body, Service::Token)
    }

    fn ends_by_our_clock(&self) -> bool {
        true
    }

    fn gcloud(&self, _: &MintContext) -> Result<Gcloud, String> {
        Err("gcloud has no command for domain-wide delegation".to_owned())
    }
}

impl Client {
    /// Gives a signed JWT to the token endpoint. `request` says what is expected of it, for the shelf and for the
    /// explanation of a refusal. The caller's own token is not sent along.
    ///
    /// # Errors
    /// As for every call; what Workspace refuses is explained by the setting at fault.
    pub async fn exchange(&self, request: &MintRequest, assertion: &Secret) -> Result<Credential, ApiError> {
        let delegation = match &request.what {
            What::Delegated { subject, scopes } => {
                Some(Delegation { subject: subject.clone(), scopes: scopes.clone() })
            }
            _ => None,
        };
        let asked = RequestContext {
            resource: request.account.clone(),
            delegation,
            ..RequestContext::new(endpoints::service(Service::Token), "token")
        };
        let grant = vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned())];
        let secret = vec![("assertion", assertion.clone())];
        let at = now();
        let answer =
            self.send(RequestSpec::form(Service::Token, String::new(), grant, secret, asked)).await?;
        Ok(self.counted(read(request, self.endpoints(), &answer.body, at)?))
    }
}
