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

    fn remedy(&self, source: &Source) -> String {
        let login = self.iter().find(|one| !matches!(one, Credentials::Machine));
        login.unwrap_or(&Credentials::Machine).of_type().remedy(source)
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(async move {
            let mut last = ApiError::new(ErrorKind::Credentials, "No credentials found.");
            for source in self {
                match (source.of_type().grant(http).await, source) {
                    // No answer, or one from something other than a metadata server (a portal that catches every
                    // name).
                    (Err(error), Credentials::Machine) if error.status.is_none() => last = nothing_found(),
                    // A machine without an account, or without a token for it.
                    (Err(error), Credentials::Machine) if error.kind == ErrorKind::NotFound => last = error,
                    (outcome, _) => return outcome,
                }
            }
            Err(last)
        })
    }
}
