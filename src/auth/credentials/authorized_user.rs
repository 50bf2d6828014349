//! `authorized_user`: a person's login, from `gcloud auth application-default login`.

use futures_util::future::BoxFuture;

use super::{CredentialsType, Facts, Identity};
use crate::{
    auth::{
        Source,
        exchange::{Granted, token_endpoint},
        fields::Fields,
    },
    http::{ApiError, transport::Http},
    model::{denial::LOGIN, secret::Secret},
};

#[derive(Clone, Debug)]
pub(in crate::auth) struct AuthorizedUser {
    /// A name that some files hold; a hint only.
    account: Option<String>,
    client_id: String,
    pub(in crate::auth) client_secret: Secret,
    pub(in crate::auth) refresh_token: Secret,
    /// Proof of a recent login, if the organization wants one.
    rapt: Option<Secret>,
}

pub(super) fn read(mut fields: Fields) -> Result<AuthorizedUser, String> {
    Ok(AuthorizedUser {
        account: fields.optional("account")?,
        client_id: fields.required("client_id")?,
        client_secret: fields.secret("client_secret")?,
        refresh_token: fields.secret("refresh_token")?,
        rapt: fields.optional("rapt_token")?.map(Secret::new),
    })
}

impl CredentialsType for AuthorizedUser {
    fn facts(&self) -> Facts<'_> {
        Facts::at_google("user", Identity::Hint(self.account.clone()))
    }

    fn remedy(&self, _: &Source) -> String {
        format!("Log in again: `{LOGIN}`.")
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        let plain = vec![("grant_type", "refresh_token".to_owned()), ("client_id", self.client_id.clone())];
        let mut secret = vec![
            ("client_secret", self.client_secret.clone()),
            ("refresh_token", self.refresh_token.clone()),
        ];
        secret.extend(self.rapt.iter().map(|rapt| ("rapt", rapt.clone())));
        Box::pin(token_endpoint(plain, secret, http))
    }
}
