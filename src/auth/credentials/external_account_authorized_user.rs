//! `external_account_authorized_user`: a workforce user who has logged in.

use futures_util::future::BoxFuture;

use super::{CredentialsType, Facts, Identity};
use crate::{
    auth::{
        Source,
        exchange::{Granted, TokenAnswer, asked},
        external::{basic, introspect},
        fields::Fields,
    },
    http::{ApiError, answer::decode, endpoints::Service, request_spec::RequestSpec, transport::Http},
    model::secret::Secret,
};

#[derive(Clone, Debug)]
pub(in crate::auth) struct ExternalAccountAuthorizedUser {
    token_url: String,
    introspect_url: Option<String>,
    client: (String, Secret),
    pub(super) refresh_token: Secret,
}

pub(super) fn read(mut fields: Fields) -> Result<ExternalAccountAuthorizedUser, String> {
    Ok(ExternalAccountAuthorizedUser {
        token_url: fields.required_url("token_url")?,
        introspect_url: fields.optional_url("token_info_url")?,
        client: (fields.required("client_id")?, fields.secret("client_secret")?),
        refresh_token: fields.secret("refresh_token")?,
    })
}

impl CredentialsType for ExternalAccountAuthorizedUser {
    fn facts(&self) -> Facts<'_> {
        let to = std::iter::once(self.token_url.as_str()).chain(self.introspect_url.as_deref()).collect();
        Facts { to, ..Facts::at_google("workforce user", Identity::Federated(None)) }
    }

    fn remedy(&self, _: &Source) -> String {
        "Log in again: `gcloud auth application-default login --login-config=FILE`.".to_owned()
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(async move {
            let asked = asked("google.identity.sts.v1.SecurityTokenService.RefreshToken");
            let plain = vec![("grant_type", "refresh_token".to_owned())];
            let secret = vec![("refresh_token", self.refresh_token.clone())];
            let (id, client_secret) = &self.client;
            let spec = RequestSpec {
                address: Some(self.token_url.clone()),
                headers: vec![basic(id, client_secret)],
                ..RequestSpec::form(Service::Token, String::new(), plain, secret, asked)
            };
            let answer = http.send(&spec, None).await?;
            let answer: TokenAnswer = decode(&answer.body, "the Security Token Service")?;
            let granted = answer.granted("the Security Token Service")?;
            let principal = match &self.introspect_url {
                Some(url) => introspect(url, Some(&self.client), &granted.secret, http).await,
                None => None,
            };
            Ok(Granted { principal, ..granted })
        })
    }
}
