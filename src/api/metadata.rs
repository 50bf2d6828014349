//! The metadata server of the machine: whether there is one, and which accounts are attached. Its answers are JSON, text
//! and HTML, so nothing here goes through the reader of Google's APIs; `Metadata-Flavor: Google` is sent and asked for in
//! return.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    api::Client,
    auth::{
        Patience,
        metadata_errors::{Presence, STARTING},
    },
    http::{
        ApiError, ErrorKind,
        answer::decode,
        endpoints::{self, Service},
        handed_out,
        request_spec::RequestSpec,
    },
    model::denial::RequestContext,
};

pub(super) const ROOT: &str = "/computeMetadata/v1";

/// What a metadata server says about its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Where the server is: `metadata.google.internal`, or what `GCE_METADATA_HOST` names.
    pub(crate) host: String,
    /// The id of the project.
    pub project: String,
    /// `googleapis.com`, or the domain of a sovereign cloud.
    pub(crate) universe: String,
    /// The accounts attached to it, the default one first.
    pub accounts: Vec<Attached>,
}

/// An account that is attached to the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    pub(crate) email: String,
    /// Other names for it here: `default`.
    pub aliases: Vec<String>,
    /// The scopes that its tokens get when none are asked for, in full.
    pub(crate) scopes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AttachedAnswer {
    email: String,
    aliases: Vec<String>,
    scopes: Vec<String>,
}

fn get(path: String, query: Vec<(&'static str, String)>, asked: RequestContext) -> RequestSpec {
    RequestSpec { auth: false, query, ..RequestSpec::get(Service::Metadata, path, asked) }
}

fn asked(method: &'static str) -> RequestContext {
    RequestContext::new(endpoints::service(Service::Metadata), method)
}

/// An answer that is plain text.
///
/// # Errors
/// [`ErrorKind::Server`] for anything but text, or an empty text.
pub(super) fn text(body: &[u8]) -> Result<&str, ApiError> {
    let text = std::str::from_utf8(body).map(str::trim).unwrap_or_default();
    if text.is_empty() || text.bytes().any(|b| !b.is_ascii_graphic()) {
        let message = "The metadata server's response has an unexpected form.";
        return Err(ApiError::new(ErrorKind::Server, message)
            .with_next("Try again; if the error stays, check GCE_METADATA_HOST."));
    }
    Ok(text)
}

/// No server answers: on a machine outside Google that is expected.
fn absent(error: ApiError, named: Option<&str>) -> ApiError {
    match (error.kind, named) {
        (ErrorKind::Network | ErrorKind::Timeout, Some(host)) => {
            let message = format!("No metadata server responds at {host} (set by GCE_METADATA_HOST).");
            ApiError::new(error.kind, message).with_next("Check that it is running.")
        }
        (ErrorKind::Network | ErrorKind::Timeout, None) => {
            ApiError::new(error.kind, "Not on Google Cloud: no metadata server responds here.")
                .with_next("To use another one, such as an emulator's, set GCE_METADATA_HOST.")
        }
        _ if error.status.is_some_and(|status| status >= 500) => error.with_next(STARTING),
        _ => error,
    }
}

impl Client {
    /// Whether the metadata server lists that account, by its email or an alias.
    pub(super) async fn presence(&self, account: &str) -> Presence {
        let named = |one: &Attached| one.email == account || one.aliases.iter().any(|alias| alias == account);
        match self.attached().await {
            Ok(list) if list.iter().any(named) => Presence::Yes,
            Ok(_) => Presence::No,
            Err(_) => Presence::Unknown,
        }
    }

    async fn attached(&self) -> Result<Vec<Attached>, ApiError> {
        let path = format!("{ROOT}/instance/service-accounts/");
        let list = get(path, vec![("recursive", "true".to_owned())], asked("metadata.read"));
        match self.send(list).await {
            Ok(answer) => attached(&answer.body),
            // A machine without an account has no such folder.
            Err(error) if error.status == Some(404) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What the metadata server says about this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] or [`ErrorKind::Network`] where there is none: at once, or after a time that depends on what environment and hardware say of the machine.
    pub async fn machine(&self) -> Result<Machine, ApiError> {
        let moved = self.endpoints().overridden();
        let named = moved.iter().find(|(name, _)| *name == endpoints::name(Service::Metadata));
        let named = named.map(|(_, host)| host.as_str());
        let found = Patience::of(self.endpoints()).ask(|| self.look()).await;
        let found = found.unwrap_or_else(|| Err(ApiError::new(ErrorKind::Timeout, "")));
        found.map_err(|error| absent(error, named))
    }

    async fn look(&self) -> Result<Machine, ApiError> {
        let read = async |path: &str| {
            self.send(get(format!("{ROOT}/{path}"), Vec::new(), asked("metadata.read"))).await
        };
        let (project, universe, accounts) =
            tokio::join!(read("project/project-id"), read("universe/universe-domain"), self.attached());
        let project = text(&project?.body)?.to_owned();
        // Older servers know no universe, and then there is only one.
        let universe = universe.ok().and_then(|answer| text(&answer.body).map(str::to_owned).ok());
        let host = self.endpoints().url(Service::Metadata);
        Ok(Machine {
            host: host.trim_start_matches("http://").to_owned(),
            project,
            universe: universe.unwrap_or_else(|| endpoints::GOOGLE.to_owned()),
            accounts: accounts?,
        })
    }
}

/// Each account is listed under its email and again under each alias.
fn attached(body: &[u8]) -> Result<Vec<Attached>, ApiError> {
    let all: BTreeMap<String, AttachedAnswer> = decode(body, endpoints::name(Service::Metadata))?;
    let mut found: Vec<Attached> = Vec::new();
    for AttachedAnswer { email, aliases, scopes } in all.into_values() {
        let from = endpoints::name(Service::Metadata);
        let scopes = handed_out::names(scopes.iter().map(String::as_str), from)?;
        let aliases = handed_out::names(aliases.iter().map(String::as_str), from)?;
        if !email.is_empty() && found.iter().all(|account| account.email != email) {
            found.push(Attached { email: handed_out::name(email, from)?, aliases, scopes });
        }
    }
    found.sort_by_key(|account| !account.aliases.iter().any(|alias| alias == "default"));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_listed_once_with_the_default_one_first() {
        let body = br#"{"a@p.iam.gserviceaccount.com":{"aliases":[],"email":"a@p.iam.gserviceaccount.com","scopes":[]},
            "default":{"aliases":["default"],"email":"z@p.iam.gserviceaccount.com","scopes":["https://s"]},
            "z@p.iam.gserviceaccount.com":{"aliases":["default"],"email":"z@p.iam.gserviceaccount.com","scopes":["https://s"]}}"#;
        let found = attached(body).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].email.as_str(), found[0].aliases.as_slice()),
            ("z@p.iam.gserviceaccount.com", &["default".to_owned()][..])
        );
    }

    #[test]
    fn text_that_is_a_page_or_nothing_is_no_answer() {
        assert_eq!(text(b" acme-prod\n").unwrap(), "acme-prod");
        for wrong in [&b""[..], b"<!DOCTYPE html>\n<html>", b"\xff\xfe"] {
            assert!(text(wrong).is_err());
        }
    }
}
