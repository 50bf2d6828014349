//! The credentials files of the world's callers: written at the start into a private folder, all addresses in them
//! pointing at the emulator. The secrets are made here and known to nobody else.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::CallerFile;
use super::keys;
use super::state::{Grant, State};
use super::tokens::{self, Principal};
use super::world::Caller;

/// The OAuth client of the files. Its project is the one of gcloud's own client, which people without a quota project
/// really use.
pub const CLIENT_ID: &str = "764086051850-emulator.apps.googleusercontent.com";

const SCOPES: &[&str] = &[
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/cloud-platform",
];

/// A folder that only its owner may look into, gone when dropped.
pub fn folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("impersona-emulator-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Writes a file for each caller and lets the state know its secret.
pub async fn write(
    state: &mut State,
    callers: &[Caller],
    base: &str,
    folder: &Path,
) -> io::Result<Vec<CallerFile>> {
    let mut written = Vec::new();
    for caller in callers {
        let principal = Principal::parse(&caller.principal).expect("the world was checked");
        let (kind, content) = match &principal {
            Principal::User(email) => ("authorized_user", person(state, caller, email, base)),
            Principal::Account(email) => ("service_account", account(state, caller, email, base).await),
        };
        let number = written.len() + 1;
        let name = principal.email().split('@').next().unwrap_or("caller").to_owned();
        let path = folder.join(format!("{number}-{name}.json"));
        private(&path, &content)?;
        written.push(CallerFile { principal: principal.member(), kind: kind.to_owned(), path });
    }
    Ok(written)
}

fn person(state: &mut State, caller: &Caller, email: &str, base: &str) -> Value {
    let (secret, refresh) = (tokens::secret(), format!("1//EMULATOR-{}", tokens::secret()));
    let scopes = if caller.scopes.is_empty() {
        SCOPES.iter().map(ToString::to_string).collect()
    } else {
        caller.scopes.clone()
    };
    let grant = Grant {
        principal: Principal::User(email.to_owned()),
        client: (CLIENT_ID.to_owned(), secret.clone()),
        scopes,
    };
    state.grants.insert(refresh.clone(), grant);
    let mut content = json!({"type": "authorized_user", "account": email, "client_id": CLIENT_ID,
        "client_secret": secret, "refresh_token": refresh, "token_uri": format!("{base}token"),
        "universe_domain": "googleapis.com"});
    if let Some(project) = &caller.quota_project {
        content["quota_project_id"] = project.clone().into();
    }
    content
}

async fn account(state: &State, caller: &Caller, email: &str, base: &str) -> Value {
    let i = state.account(email).expect("the world was checked");
    let key = keys::of(&keys::user_managed(email)).await;
    let mut content = json!({"type": "service_account", "project_id": state.project_of(i).id,
        "private_key_id": key.id, "private_key": key.private_pem(), "client_email": email,
        "client_id": state.accounts[i].unique_id, "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": format!("{base}token"), "auth_provider_x509_cert_url": format!("{base}oauth2/v1/certs"),
        "client_x509_cert_url": format!("{base}robot/v1/metadata/x509/{}", email.replace('@', "%40")),
        "universe_domain": "googleapis.com"});
    if let Some(project) = &caller.quota_project {
        content["quota_project_id"] = project.clone().into();
    }
    content
}

fn private(path: &Path, content: &Value) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = serde_json::to_string_pretty(content).expect("a JSON value can be written");
    options.open(path)?.write_all(text.as_bytes())
}
