//! Several sources, the metadata server before the gcloud login: only asking tells which one is there.

use futures_util::future::BoxFuture;

use super::{Credentials, CredentialsType, Facts, Identity};
use crate::{
    auth::{
        Source,
        exchange::{Granted, nothing_found},
    },
    http::{ApiError, ErrorKind, transport::Http},
};

impl CredentialsType for Vec<Credentials> {
    fn facts(&self) -> Facts<'_> {
        Facts::at_google("caller", Identity::Hint(None))
    }

    fn remedy(&self, _: &Source) -> String {
        "Log in again: `gcloud auth login`.".to_owned()
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(async move {
            let mut last = ApiError::new(ErrorKind::Credentials, "No credentials found.");
            for source in self {
                match (source.of_type().grant(http).await, source) {
                    // No answer, or one from something other than a metadata server (a portal that catches every
                    // name), or from a machine without an account.
                    (Err(error), Credentials::Machine)
                        if error.status.is_none() || error.kind == ErrorKind::NotFound =>
                    {
                        last = nothing_found();
                    }
                    (outcome, _) => return outcome,
                }
            }
            Err(last)
        })
    }
}
