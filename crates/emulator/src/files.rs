//! The credentials files of the world's callers, written into a private folder at the start, with the
//! emulator's addresses and with secrets that are made here.

mod external;

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::CallerFile;
use super::addresses::Addresses;
use super::callers::{Caller, parse_distributed};
use super::clock;
use super::es256::Es256;
use super::keys::{self, Key, Validity};
use super::policy;
use super::routes::Api;
use super::state::{Grant, State};
use super::tokens::{self, Principal};
use super::world::{Account, AccountKey};
use external::UnwrittenFile;

/// The OAuth client of the files. Its project is that of gcloud's own client, which users without a quota project
/// really use.
pub(crate) const CLIENT_ID: &str = "764086051850-emulator.apps.googleusercontent.com";

const SCOPES: &[&str] = &[
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/cloud-platform",
];

/// A folder that only its owner can open, deleted on drop.
pub(crate) fn make_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("impersona-emulator-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Where credentials files go, and the addresses in them.
pub(crate) struct FileContext<'a> {
    /// The addresses of Google's services.
    pub(crate) addresses: &'a Addresses,
    /// `http://127.0.0.1:PORT/`, the base of identity providers.
    pub(crate) base: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) now: i64,
}

impl FileContext<'_> {
    fn mint_url(&self, target: &str) -> String {
        let base = self.addresses.of(Api::Credentials);
        format!("{base}v1/projects/-/serviceAccounts/{target}:generateAccessToken")
    }
}

/// Writes a file for each caller and lets the state know its secret.
pub(crate) async fn write_files(
    state: &mut State,
    callers: &[Caller],
    context: &FileContext<'_>,
) -> io::Result<Vec<CallerFile>> {
    let mut written = Vec::new();
    for caller in callers {
        let number = written.len() + 1;
        let made = match Principal::parse(&caller.principal) {
            Some(Principal::User(email)) => make_user_file(state, caller, &email, context),
            Some(Principal::Account(email)) => make_key_file(state, caller, &email, context).await,
            Some(Principal::Federated(who)) => external::make_file(state, caller, &who, number, context)?,
            None => make_distributed_cloud_file(state, caller, context.base),
        };
        let path = context.folder.join(format!("{number}-{}.json", file_name(&made.name)));
        let text = serde_json::to_string_pretty(&made.content).expect("a JSON value can be written");
        write_private(&path, 0o600, &text)?;
        written.push(CallerFile {
            principal: policy::fold(&caller.principal),
            kind: made.kind.to_owned(),
            impersonates: caller.impersonates.clone(),
            path,
        });
    }
    Ok(written)
}

/// The part before the `@`.
fn local_part(email: &str) -> &str {
    email.split('@').next().unwrap_or("caller")
}

/// A name with only the characters that every file system allows.
fn file_name(name: &str) -> String {
    let fine = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    name.chars().map(fine).collect()
}

/// The scopes that a login consented to.
fn granted_scopes(caller: &Caller) -> Vec<String> {
    match caller.scopes.is_empty() {
        true => SCOPES.iter().map(ToString::to_string).collect(),
        false => caller.scopes.clone(),
    }
}

/// The login of a user, alone or as the source of an impersonated account.
fn make_user_file(
    state: &mut State,
    caller: &Caller,
    email: &str,
    context: &FileContext<'_>,
) -> UnwrittenFile {
    let base = context.addresses.of(Api::OAuth);
    let (secret, refresh) = (tokens::secret(), format!("1//EMULATOR-{}", tokens::secret()));
    let grant = Grant {
        principal: Principal::User(email.to_owned()),
        client: (CLIENT_ID.to_owned(), secret.clone()),
        scopes: granted_scopes(caller),
        session: state.sessions.get(email).copied().unwrap_or_default(),
        rotates: false,
    };
    state.grants.insert(refresh.clone(), grant);
    let login = json!({"type": "authorized_user", "account": email, "client_id": CLIENT_ID,
        "client_secret": secret, "refresh_token": refresh, "token_uri": format!("{base}token"),
        "universe_domain": "googleapis.com"});
    let mut made = match &caller.impersonates {
        None => UnwrittenFile { name: local_part(email).to_owned(), kind: "authorized_user", content: login },
        Some(target) => {
            let delegates: Vec<String> =
                caller.delegates.iter().map(|email| format!("projects/-/serviceAccounts/{email}")).collect();
            let url = context.mint_url(target);
            UnwrittenFile {
                name: format!("{}-as-{}", local_part(email), local_part(target)),
                kind: "impersonated_service_account",
                content: json!({"type": "impersonated_service_account", "delegates": delegates,
                    "service_account_impersonation_url": url, "source_credentials": login,
                    "universe_domain": "googleapis.com"}),
            }
        }
    };
    if let Some(project) = &caller.quota_project {
        made.content["quota_project_id"] = project.clone().into();
    }
    made
}

/// The credentials file of a key of an account.
pub(crate) fn key_file(state: &State, account: usize, key: &Key, addresses: &Addresses) -> Value {
    let (base, certificates) = (addresses.of(Api::OAuth), addresses.of_keys());
    let Account { email, unique_id, .. } = &state.accounts[account];
    json!({"type": "service_account", "project_id": state.project_of(account).id, "private_key_id": key.id,
        "private_key": key.private_pem(), "client_email": email, "client_id": unique_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": format!("{base}token"),
        "auth_provider_x509_cert_url": format!("{certificates}oauth2/v1/certs"),
        "client_x509_cert_url": format!("{certificates}robot/v1/metadata/x509/{}", email.replace('@', "%40")),
        "universe_domain": "googleapis.com"})
}

async fn make_key_file(
    state: &mut State,
    caller: &Caller,
    email: &str,
    context: &FileContext<'_>,
) -> UnwrittenFile {
    let i = state.account(email).expect("the world was checked");
    let key = keys::key_of(&keys::user_managed(&state.accounts[i].unique_id)).await;
    let mut content = key_file(state, i, &key, context.addresses);
    let created = clock::rfc3339(Validity::of_file(context.now).from);
    state.add_key(i, AccountKey { id: key.id.clone(), created, ..AccountKey::default() }, key);
    if let Some(project) = &caller.quota_project {
        content["quota_project_id"] = project.clone().into();
    }
    UnwrittenFile { name: local_part(email).to_owned(), kind: "service_account", content }
}

/// An account of Google Distributed Cloud. No service here accepts the tokens of its endpoint.
fn make_distributed_cloud_file(state: &mut State, caller: &Caller, base: &str) -> UnwrittenFile {
    let (project, name) = parse_distributed(&caller.principal).expect("the world was checked");
    let key = Es256::generate();
    let (private_key, id) = key.file();
    let content = json!({"type": "gdch_service_account", "format_version": "1", "project": project,
        "private_key_id": id, "private_key": private_key, "name": name, "ca_cert_path": "",
        "token_uri": format!("{base}authenticate")});
    let made = UnwrittenFile { name: name.to_owned(), kind: "gdch_service_account", content };
    state.distributed.insert(caller.principal.clone(), key);
    made
}

/// Writes a file that only its owner can open.
pub(crate) fn write_private(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)?.write_all(text.as_bytes())
}
