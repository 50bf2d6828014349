//! `service_account`: a service account's key.

use futures_util::future::BoxFuture;
use jiff::SignedDuration;

use super::{CredentialsType, Facts, Identity};
use crate::{
    auth::{
        Source,
        exchange::{Granted, token_endpoint},
        fields::Fields,
        key,
    },
    http::{ApiError, clock::now, endpoints::GOOGLE, transport::Http},
    model::secret::Secret,
};

#[derive(Clone, Debug)]
pub(in crate::auth) struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    private_key: Secret,
}

pub(super) fn read(mut fields: Fields) -> Result<ServiceAccount, String> {
    let email = fields.required("client_email")?;
    let private_key = fields.secret("private_key")?;
    if !key::is_key(&private_key) {
        return Err("has no RSA key in PEM form in its field “private_key”".to_owned());
    }
    Ok(ServiceAccount { email, key_id: fields.optional("private_key_id")?, private_key })
}

impl CredentialsType for ServiceAccount {
    fn facts(&self) -> Facts<'_> {
        Facts::at_google("service account", Identity::Key(self.email.clone()))
    }

    /// A login doesn't help if the key is at fault.
    fn remedy(&self, source: &Source) -> String {
        format!(
            "Check that the account and its key in {} still exist and are enabled, and that this machine's clock is right.",
            source.origin
        )
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(async move {
            let ServiceAccount { email, key_id, private_key } = self;
            let (key_id, at) = (key_id.as_deref(), now());
            if http.endpoints().universe() != GOOGLE {
                let secret = key::self_signed(email, key_id, private_key, at.as_second())?;
                let expires = at.checked_add(SignedDuration::from_secs(key::LIFE)).ok();
                let scopes = vec![key::SCOPE.to_owned()];
                return Ok(Granted { expires, scopes, ..Granted::new(secret) });
            }
            let audience = http.endpoints().token_audience();
            let assertion = key::assertion(email, key_id, private_key, &audience, at.as_second())?;
            let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            let plain = vec![("grant_type", grant.to_owned())];
            token_endpoint(plain, vec![("assertion", assertion)], http).await
        })
    }
}
