//! The metadata server of the machine: whether there is one, which accounts are attached, and what a request for a
//! token looks like. Its answers are JSON, text and HTML, so nothing here goes through the reader of Google's APIs;
//! `Metadata-Flavor: Google` is sent and asked for in return.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    api::Client,
    auth::Patience,
    http::{
        ApiError, CallKind, ErrorKind,
        answer::decode,
        endpoints::{self, Service},
        handed_out,
        request_spec::{RequestSpec, metadata_segment, segment},
    },
    model::{
        credential::{Kind, MintRequest, What},
        denial::RequestContext,
    },
};

const ROOT: &str = "/computeMetadata/v1";

/// What a metadata server says about its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Where the server is: `metadata.google.internal`, or what `GCE_METADATA_HOST` names.
    pub host: String,
    /// The id of the project.
    pub project: String,
    /// `googleapis.com`, or the domain of a sovereign cloud.
    pub universe: String,
    /// The accounts attached to it, the default one first.
    pub accounts: Vec<Attached>,
}

/// An account that is attached to the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Its email.
    pub email: String,
    /// Other names for it here: `default`.
    pub aliases: Vec<String>,
    /// The scopes that its tokens get when none are asked for, in full.
    pub scopes: Vec<String>,
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
    RequestContext {
        service: endpoints::service(Service::Metadata),
        method: method.into(),
        ..RequestContext::default()
    }
}

/// Path and query of a token. Compute Engine ignores `scopes`; App Engine, Cloud Run and Cloud Run functions do not.
fn token(request: &MintRequest) -> (String, Vec<(&'static str, String)>) {
    let path = format!("{ROOT}/instance/service-accounts/{}", metadata_segment(&request.account));
    match &request.what {
        What::MetadataId { audience, full, licenses } => {
            let mut query = vec![("audience", audience.clone())];
            let format = if *full { "full" } else { "standard" };
            query.push(("format", format.to_owned()));
            if *full && *licenses {
                query.push(("licenses", "TRUE".to_owned()));
            }
            (format!("{path}/identity"), query)
        }
        What::MetadataAccess { scopes } if !scopes.is_empty() => {
            (format!("{path}/token"), vec![("scopes", scopes.join(","))])
        }
        _ => (format!("{path}/token"), Vec::new()),
    }
}

/// The request for a token as one text: path and query.
pub(super) fn path_and_query(request: &MintRequest) -> String {
    let (path, query) = token(request);
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
}

/// The request for a token.
pub(super) fn token_spec(request: &MintRequest, asked: RequestContext) -> RequestSpec {
    let (path, query) = token(request);
    RequestSpec { kind: CallKind::Mint, ..get(path, query, asked) }
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

/// The metadata server refuses in its own forms, which [`ApiError::from_answer`] does not know: what it means is said
/// for the requests that went there, all others stay as they are.
pub(super) fn explain(error: ApiError, request: &MintRequest) -> ApiError {
    if request.kind() != Kind::Metadata {
        return error;
    }
    let account = &request.account;
    let status = error.status;
    let mut told = match status {
        // GKE passes on what IAM said.
        Some(404) if words(&error).contains("IAM returned") => ApiError::new(
            ErrorKind::NotFound,
            format!("The metadata server couldn't get a token for “{account}”{}.", words(&error)),
        )
        .with_next("Check the account that the Kubernetes service account is annotated with."),
        Some(404) => ApiError::new(
            ErrorKind::NotFound,
            format!("The account “{account}” isn't attached to this machine."),
        )
        .with_next("Use default, or the email of an attached account; if there is none, attach one and restart."),
        Some(403) => ApiError::new(
            ErrorKind::Denied,
            format!("The metadata server refused a token for “{account}”{}.", words(&error)),
        )
        .with_next(
            "On GKE, the Kubernetes service account needs roles/iam.workloadIdentityUser on the account; elsewhere the metadata server might be concealed.",
        ),
        Some(400) => ApiError::new(
            ErrorKind::Invalid,
            format!("The metadata server rejected the request{}.", words(&error)),
        ),
        None | Some(_) => return error,
    };
    told.status = status;
    told
}

fn words(error: &ApiError) -> String {
    let message = error.refusal.as_ref().map(|refusal| refusal.message.trim()).unwrap_or_default();
    let first = message.lines().next().unwrap_or_default().trim_end_matches(['.', ':']);
    if first.is_empty() { String::new() } else { format!(": {first}") }
}

/// On a machine outside Google it is normal that nothing answers.
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
        _ => error,
    }
}

impl Client {
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
        let read = async |path: &str, query| {
            self.send(get(format!("{ROOT}/{path}"), query, asked("metadata.read"))).await
        };
        let recursive = vec![("recursive", "true".to_owned())];
        let (project, universe, accounts) = tokio::join!(
            read("project/project-id", Vec::new()),
            read("universe/universe-domain", Vec::new()),
            read("instance/service-accounts/", recursive)
        );
        let project = text(&project?.body)?.to_owned();
        // Older servers know no universe, and then there is only one.
        let universe = universe.ok().and_then(|answer| text(&answer.body).map(str::to_owned).ok());
        // A machine without an account has no such folder.
        let accounts = match accounts {
            Ok(answer) => attached(&answer.body)?,
            Err(error) if error.status == Some(404) => Vec::new(),
            Err(error) => return Err(error),
        };
        let host = self.endpoints().url(Service::Metadata);
        Ok(Machine {
            host: host.trim_start_matches("http://").to_owned(),
            project,
            universe: universe.unwrap_or_else(|| endpoints::GOOGLE.to_owned()),
            accounts,
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

    fn request(what: What) -> MintRequest {
        MintRequest { account: "default".into(), delegates: vec![], what }
    }

    #[test]
    fn a_token_is_asked_for_by_path_and_query() {
        let path = |what| path_and_query(&request(what));
        let scopes = vec!["https://a/b".to_owned(), "openid".to_owned()];
        assert_eq!(
            path(What::MetadataAccess { scopes }),
            "/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fa%2Fb%2Copenid"
        );
        assert_eq!(
            path(What::MetadataAccess { scopes: vec![] }),
            "/computeMetadata/v1/instance/service-accounts/default/token"
        );
        let id = |full, licenses| What::MetadataId { audience: "https://a.example".into(), full, licenses };
        assert!(path(id(false, true)).ends_with("identity?audience=https%3A%2F%2Fa.example&format=standard"));
        assert!(path(id(true, true)).ends_with("&format=full&licenses=TRUE"));
    }

    #[test]
    fn an_email_goes_into_the_path_as_googles_libraries_send_it() {
        let named = |account: &str| {
            let what = What::MetadataAccess { scopes: vec![] };
            path_and_query(&MintRequest { account: account.into(), delegates: vec![], what })
        };
        let folder = "/computeMetadata/v1/instance/service-accounts";
        assert_eq!(
            named("a@p.iam.gserviceaccount.com"),
            format!("{folder}/a@p.iam.gserviceaccount.com/token")
        );
        assert_eq!(named("a/../b?c"), format!("{folder}/a%2F..%2Fb%3Fc/token"));
    }

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
