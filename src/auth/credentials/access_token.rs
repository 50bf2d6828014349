//! A token as it is: from stdin or a variable. It can't be renewed here.

use futures_util::future::BoxFuture;

use super::{CredentialsType, Facts, Identity};
use crate::{
    auth::{Source, exchange::Granted},
    http::{ApiError, transport::Http},
    model::secret::Secret,
};

impl CredentialsType for Secret {
    fn facts(&self) -> Facts<'_> {
        Facts::at_google("access token", Identity::Hint(None))
    }

    fn remedy(&self, source: &Source) -> String {
        if source.label == "CLOUDSDK_AUTH_ACCESS_TOKEN" {
            "Renew CLOUDSDK_AUTH_ACCESS_TOKEN, which overrides every login, or unset it.".to_owned()
        } else {
            "Pass a fresh access token: this one can't be renewed.".to_owned()
        }
    }

    fn grant<'a>(&'a self, _: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(async { Ok(Granted::new(self.clone())) })
    }
}
