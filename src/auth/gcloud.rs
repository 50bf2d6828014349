//! The gcloud login: which configurations there are, read from gcloud's own folder, and an access token, got by running
//! gcloud in the background. It writes no log of it: gcloud keeps printed tokens in a file that others may read, unless
//! it is told not to.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::{
    Source,
    credentials::{CredentialsType, Facts, Identity},
    exchange::{Found, Granted},
};
use crate::{
    http::{ApiError, ErrorKind, error::plain, transport::Http},
    local::env::{Env, Platform},
    model::secret::Secret,
    text::decode::decode_lossy,
};

/// How long its output is read on once it has ended.
const AFTER_THE_END: Duration = Duration::from_millis(500);

/// No access token is longer (STS tokens have up to 12,288 bytes).
const LONGEST: u64 = 64 * 1024;

/// A login of gcloud's, by its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// `default`
    pub(crate) name: String,
    /// Whether it is the one that gcloud uses when no other is named.
    pub(crate) active: bool,
    /// Who is logged in there.
    pub(crate) account: Option<String>,
    /// `core/project`
    pub(crate) project: Option<String>,
    /// `auth/impersonate_service_account`: what gcloud mints for instead, the last of a chain.
    pub(crate) impersonates: Option<String>,
    /// `billing/quota_project`, where it names one.
    pub(crate) quota_project: Option<String>,
    /// `core/universe_domain`, where it names one.
    pub(crate) universe: Option<String>,
    program: PathBuf,
}

impl Login {
    /// What sort of caller its tokens belong to.
    fn kind(&self) -> &'static str {
        match self.principal() {
            Some(name) if name.ends_with(".gserviceaccount.com") => "service account",
            Some(name) if name.starts_with("principal://") => "federated",
            _ => "user",
        }
    }

    /// Whom its tokens belong to.
    fn principal(&self) -> Option<String> {
        match &self.impersonates {
            Some(chain) => chain.rsplit(',').next().map(|account| account.trim().to_owned()),
            None => self.account.clone(),
        }
    }
}

impl CredentialsType for Login {
    fn facts(&self) -> Facts<'_> {
        let (kind, principal) = (self.kind(), self.principal());
        // A workforce login of gcloud's.
        let identity =
            if kind == "federated" { Identity::Federated(principal) } else { Identity::Hint(principal) };
        Facts::at_google(kind, identity)
    }

    fn remedy(&self, _: &Source) -> String {
        "Log in again: `gcloud auth login`.".to_owned()
    }

    fn grant<'a>(&'a self, http: &'a Http) -> BoxFuture<'a, Result<Granted, ApiError>> {
        Box::pin(grant(self, http))
    }
}

/// Every gcloud configuration with a login, the active one first. `None` if gcloud isn't installed.
pub(crate) fn logins(env: &Env) -> Vec<Login> {
    let (Some(program), Some(folder)) = (program(env), env.gcloud_dir()) else { return Vec::new() };
    let active = env
        .get("CLOUDSDK_ACTIVE_CONFIG_NAME")
        .map(str::to_owned)
        .or_else(|| text(&folder.join("active_config")))
        .map_or_else(|| "default".to_owned(), |name| name.trim().to_owned());
    let mut found: Vec<Login> = Vec::new();
    for entry in fs::read_dir(folder.join("configurations")).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_prefix("config_") else { continue };
        let properties = text(&entry.path()).map(|text| properties(&text)).unwrap_or_default();
        let is_active = name == active;
        let property = |section: &str, name: &str| {
            // A variable holds for the active configuration, as in gcloud itself.
            let variable = format!("CLOUDSDK_{}_{}", section.to_uppercase(), name.to_uppercase());
            let named = env.get(&variable).filter(|_| is_active).map(str::to_owned);
            named.or_else(|| properties.get(&format!("{section}/{name}")).cloned())
        };
        found.push(Login {
            name: name.to_owned(),
            active: is_active,
            account: property("core", "account"),
            project: property("core", "project"),
            impersonates: property("auth", "impersonate_service_account"),
            // LEGACY and the like aren't projects, and this word is core/project.
            quota_project: match property("billing", "quota_project") {
                Some(word) if word == "CURRENT_PROJECT" => property("core", "project"),
                other => other.filter(|name| !name.chars().any(|c| c.is_ascii_uppercase())),
            },
            universe: property("core", "universe_domain"),
            program: program.clone(),
        });
    }
    found.retain(|login| login.account.is_some());
    found.sort_by_key(|login| (!login.active, login.name.clone()));
    found
}

/// A file of gcloud's, which people edit, too.
fn text(path: &Path) -> Option<String> {
    Some(decode_lossy(&fs::read(path).ok()?).to_string())
}

/// gcloud's own INI: `[section]`, `name = value`, comments behind `#` or `;`.
fn properties(text: &str) -> HashMap<String, String> {
    let mut section = String::new();
    let mut found = HashMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_owned();
        } else if !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once(['=', ':'])
            && !value.trim().is_empty()
        {
            found.insert(format!("{section}/{}", name.trim()), value.trim().to_owned());
        }
    }
    found
}

/// Where gcloud is, by `PATH`.
fn program(env: &Env) -> Option<PathBuf> {
    let names: &[&str] =
        if env.platform() == Platform::Windows { &["gcloud.cmd", "gcloud.exe"] } else { &["gcloud"] };
    let folders = env.get("PATH")?;
    std::env::split_paths(folders)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Runs gcloud. It may be given up at any time, and is killed then.
async fn grant(login: &Login, http: &Http) -> Result<Granted, ApiError> {
    let mut command = tokio::process::Command::new(&login.program);
    command
        .args(["auth", "print-access-token", "--quiet"])
        .env("CLOUDSDK_ACTIVE_CONFIG_NAME", &login.name)
        .env("CLOUDSDK_CORE_DISABLE_FILE_LOGGING", "true")
        .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
        .env("CLOUDSDK_SURVEY_DISABLE_PROMPTS", "1")
        // It would be given back in place of the login's.
        .env_remove("CLOUDSDK_AUTH_ACCESS_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // gcloud is a script that starts Python: both have to be ended.
    #[cfg(unix)]
    command.process_group(0);
    if !login.active {
        // Variables hold for the active configuration; gcloud would take them for the one it is told to use.
        for name in [
            "CORE_ACCOUNT",
            "AUTH_IMPERSONATE_SERVICE_ACCOUNT",
            "AUTH_ACCESS_TOKEN_FILE",
            "AUTH_CREDENTIAL_FILE_OVERRIDE",
        ] {
            command.env_remove(format!("CLOUDSDK_{name}"));
        }
    }
    let failed = |why: String| {
        ApiError::new(ErrorKind::Credentials, format!("gcloud returned no access token: {why}."))
    };
    let mut child = command.spawn().map_err(|error| failed(format!("it doesn't start ({error})")))?;
    let mut out = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let mut said = Zeroizing::new(Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    #[cfg(unix)]
    let group = Group(child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())));
    let work = async {
        let reading = async { tokio::try_join!(all_of(stdout, &mut out), all_of(stderr, &mut said)) };
        tokio::pin!(reading);
        tokio::select! {
            read = &mut reading => {
                read?;
                child.wait().await
            }
            ended = child.wait() => {
                // What it said is there by now; who else holds its output open is not waited for.
                let _ = tokio::time::timeout(AFTER_THE_END, &mut reading).await;
                ended
            }
        }
    };
    let patience = http.timeout();
    let status = tokio::time::timeout(patience, work)
        .await
        .map_err(|_| {
            failed(format!("it took longer than {} s", patience.as_secs_f32()))
                .with_next("Try again, or allow more time with --timeout.")
        })?
        .map_err(|error| failed(error.to_string()))?;
    #[cfg(unix)]
    group.let_go();
    if !status.success() {
        return Err(failed(reason(&String::from_utf8_lossy(&said))));
    }
    let token = std::str::from_utf8(&out).map(str::trim).unwrap_or_default();
    if token.is_empty() || token.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(failed("its output isn't a token".to_owned()));
    }
    // gcloud does not tell when it ends; a refusal renews it.
    Ok(Granted {
        principal: login.principal(),
        from: Some(Found {
            label: label(login),
            kind: login.kind(),
            quota_project: login.quota_project.clone(),
        }),
        ..Granted::new(Secret::new(token))
    })
}

/// Reads what a pipe gives, up to more than any token has.
async fn all_of(pipe: Option<impl tokio::io::AsyncRead + Unpin>, into: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(pipe) = pipe {
        pipe.take(LONGEST).read_to_end(into).await?;
    }
    Ok(())
}

/// The processes of a program, which end with this.
#[cfg(unix)]
struct Group(Option<rustix::process::Pid>);

#[cfg(unix)]
impl Group {
    /// It has ended by itself.
    fn let_go(mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// How a login is called: `gcloud login`, `gcloud configuration “work”`.
pub(super) fn label(login: &Login) -> String {
    let name = if login.active {
        "gcloud login".to_owned()
    } else {
        format!("gcloud configuration “{}”", login.name)
    };
    match (&login.impersonates, &login.account) {
        (Some(_), Some(account)) => format!("{name} of {account}, auth/impersonate_service_account"),
        _ => name,
    }
}

/// The sentence of gcloud's error, without its name of the command.
fn reason(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("ERROR:")).unwrap_or("it failed");
    let line = line.trim_start_matches("ERROR:").trim();
    let sentence = match line.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(line, |(_, sentence)| sentence),
        None => line,
    };
    let plain: String = plain(sentence).chars().take(200).collect();
    plain.trim_end_matches(['.', ':']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with gcloud's files, and a `gcloud` beside them.
    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Env) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("configurations")).unwrap();
        for (name, text) in files.iter().chain(&[("gcloud", "")]) {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let path = dir.path().display().to_string();
        let env = Env::from_vars([("CLOUDSDK_CONFIG", path.as_str()), ("PATH", path.as_str())]);
        (dir, env)
    }

    const DEFAULT: &str = "[core]\naccount = dev@example.com\nproject = acme-prod\n";
    const WORK: &str = "# a comment\n[core]\naccount: ops@example.com\nuniverse_domain = cloud.example\n\n[auth]\nimpersonate_service_account = a@p.iam.gserviceaccount.com, b@p.iam.gserviceaccount.com\n[billing]\nquota_project = acme-quota\n";

    #[test]
    fn configurations_are_listed_with_the_active_one_first() {
        let files = [
            ("configurations/config_default", DEFAULT),
            ("configurations/config_work", WORK),
            ("configurations/config_empty", "[core]\nproject = x\n"),
            ("active_config", "work"),
        ];
        let (_dir, env) = folder(&files);
        let found = logins(&env);
        assert_eq!(found.iter().map(|login| login.name.as_str()).collect::<Vec<_>>(), ["work", "default"]);
        assert!(found[0].active && !found[1].active);
        assert_eq!(found[0].principal().as_deref(), Some("b@p.iam.gserviceaccount.com"));
        assert_eq!(found[0].quota_project.as_deref(), Some("acme-quota"));
        assert_eq!(found[1].principal().as_deref(), Some("dev@example.com"));
        assert_eq!(found[1].project.as_deref(), Some("acme-prod"));
        assert_eq!(
            (found[0].universe.as_deref(), found[1].universe.as_deref()),
            (Some("cloud.example"), None)
        );
    }

    #[test]
    fn variables_hold_for_the_active_configuration_only() {
        let (_dir, env) =
            folder(&[("configurations/config_default", DEFAULT), ("configurations/config_work", WORK)]);
        let mut vars: Vec<(String, String)> = ["CLOUDSDK_CONFIG", "PATH"]
            .map(|name| (name.to_owned(), env.get(name).unwrap().to_owned()))
            .to_vec();
        vars.push(("CLOUDSDK_ACTIVE_CONFIG_NAME".into(), "work".into()));
        vars.push(("CLOUDSDK_CORE_ACCOUNT".into(), "other@example.com".into()));
        let found = logins(&Env::from_vars(vars));
        assert_eq!(found[0].account.as_deref(), Some("other@example.com"));
        assert_eq!(found[1].account.as_deref(), Some("dev@example.com"));
    }

    #[test]
    fn without_gcloud_there_is_no_login_whatever_its_folder_holds() {
        let (dir, _) = folder(&[("configurations/config_default", DEFAULT)]);
        let path = dir.path().display().to_string();
        assert_eq!(logins(&Env::from_vars([("CLOUDSDK_CONFIG", path.as_str())])), []);
        assert_eq!(logins(&Env::from_vars([("CLOUDSDK_CONFIG", path.as_str()), ("PATH", "/nowhere")])), []);
    }

    #[test]
    fn the_reason_is_gclouds_own_sentence() {
        let text = "WARNING: x\nERROR: (gcloud.auth.print-access-token) You do not currently have an active account selected.\nPlease run:\n";
        assert_eq!(reason(text), "You do not currently have an active account selected");
        assert_eq!(reason("nothing of use"), "it failed");
    }
}
