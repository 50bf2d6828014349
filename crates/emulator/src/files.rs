//! The credentials files of the world's callers: written at the start into a private folder, all addresses in them
//! pointing at the emulator. The secrets are made here and known to nobody else.

mod external;

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::CallerFile;
use super::addresses::Addresses;
use super::callers::{Caller, distributed};
use super::clock;
use super::es256::Es256;
use super::keys::{self, Key, Validity};
use super::policy;
use super::routes::Api;
use super::state::{Grant, State};
use super::tokens::{self, Principal};
use super::world::{Account, AccountKey};
use external::Made;

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

/// Where files go, and what they say of the emulator.
pub struct Desk<'a> {
    /// Where Google's services are, as they are told.
    pub addresses: &'a Addresses,
    /// `http://127.0.0.1:PORT/`: where the services of others are, whom Google trusts.
    pub base: &'a str,
    /// The private folder.
    pub folder: &'a Path,
    /// The emulator's time.
    pub now: i64,
}

impl Desk<'_> {
    fn mint_url(&self, target: &str) -> String {
        let base = self.addresses.of(Api::Credentials);
        format!("{base}v1/projects/-/serviceAccounts/{target}:generateAccessToken")
    }
}

/// Writes a file for each caller and lets the state know its secret.
pub async fn write(state: &mut State, callers: &[Caller], desk: &Desk<'_>) -> io::Result<Vec<CallerFile>> {
    let mut written = Vec::new();
    for caller in callers {
        let number = written.len() + 1;
        let made = match Principal::parse(&caller.principal) {
            Some(Principal::User(email)) => person(state, caller, &email, desk),
            Some(Principal::Account(email)) => account(state, caller, &email, desk).await,
            Some(Principal::Federated(who)) => external::make(state, caller, &who, number, desk)?,
            None => distributed_cloud(state, caller, desk.base),
        };
        let path = desk.folder.join(format!("{number}-{}.json", plain(&made.name)));
        let text = serde_json::to_string_pretty(&made.content).expect("a JSON value can be written");
        private(&path, 0o600, &text)?;
        written.push(CallerFile {
            principal: policy::fold(&caller.principal),
            kind: made.kind.to_owned(),
            impersonates: caller.impersonates.clone(),
            path,
        });
    }
    Ok(written)
}

/// What stands before the `@`.
fn local(email: &str) -> &str {
    email.split('@').next().unwrap_or("caller")
}

/// A name that is one of a file anywhere.
fn plain(name: &str) -> String {
    let fine = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    name.chars().map(fine).collect()
}

/// The scopes that a login consented to.
fn granted(caller: &Caller) -> Vec<String> {
    match caller.scopes.is_empty() {
        true => SCOPES.iter().map(ToString::to_string).collect(),
        false => caller.scopes.clone(),
    }
}

/// The login of a person, by itself or as the source of an account.
fn person(state: &mut State, caller: &Caller, email: &str, desk: &Desk<'_>) -> Made {
    let base = desk.addresses.of(Api::OAuth);
    let (secret, refresh) = (tokens::secret(), format!("1//EMULATOR-{}", tokens::secret()));
    let grant = Grant {
        principal: Principal::User(email.to_owned()),
        client: (CLIENT_ID.to_owned(), secret.clone()),
        scopes: granted(caller),
        session: state.sessions.get(email).copied().unwrap_or_default(),
        rotates: false,
    };
    state.grants.insert(refresh.clone(), grant);
    let login = json!({"type": "authorized_user", "account": email, "client_id": CLIENT_ID,
        "client_secret": secret, "refresh_token": refresh, "token_uri": format!("{base}token"),
        "universe_domain": "googleapis.com"});
    let mut made = match &caller.impersonates {
        None => Made { name: local(email).to_owned(), kind: "authorized_user", content: login },
        Some(target) => {
            let delegates: Vec<String> =
                caller.delegates.iter().map(|email| format!("projects/-/serviceAccounts/{email}")).collect();
            let url = desk.mint_url(target);
            Made {
                name: format!("{}-as-{}", local(email), local(target)),
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
pub fn key_file(state: &State, account: usize, key: &Key, addresses: &Addresses) -> Value {
    let (base, certificates) = (addresses.of(Api::OAuth), addresses.of_keys());
    let Account { email, unique_id, .. } = &state.accounts[account];
    json!({"type": "service_account", "project_id": state.project_of(account).id, "private_key_id": key.id,
        "private_key": key.private_pem(), "client_email": email, "client_id": unique_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": format!("{base}token"),
        "auth_provider_x509_cert_url": format!("{certificates}oauth2/v1/certs"),
        "client_x509_cert_url": format!("{certificates}robot/v1/metadata/x509/{}", email.replace('@', "%40")),
        "universe_domain": "googleapis.com"})
}

async fn account(state: &mut State, caller: &Caller, email: &str, desk: &Desk<'_>) -> Made {
    let i = state.account(email).expect("the world was checked");
    let key = keys::of(&keys::user_managed(&state.accounts[i].unique_id)).await;
    let mut content = key_file(state, i, &key, desk.addresses);
    let created = clock::rfc3339(Validity::of_file(desk.now).from);
    state.add_key(i, AccountKey { id: key.id.clone(), created, ..AccountKey::default() }, key);
    if let Some(project) = &caller.quota_project {
        content["quota_project_id"] = project.clone().into();
    }
    Made { name: local(email).to_owned(), kind: "service_account", content }
}

/// An account of Google Distributed Cloud. There is no such cloud here: what its endpoint gives opens nothing.
fn distributed_cloud(state: &mut State, caller: &Caller, base: &str) -> Made {
    let (project, name) = distributed(&caller.principal).expect("the world was checked");
    let key = Es256::generate();
    let (private_key, id) = key.file();
    let content = json!({"type": "gdch_service_account", "format_version": "1", "project": project,
        "private_key_id": id, "private_key": private_key, "name": name, "ca_cert_path": "",
        "token_uri": format!("{base}authenticate")});
    let made = Made { name: name.to_owned(), kind: "gdch_service_account", content };
    state.distributed.insert(caller.principal.clone(), key);
    made
}

/// Writes a file that only its owner may open.
pub fn private(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)?.write_all(text.as_bytes())
}
