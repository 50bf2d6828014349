//! The caller: where its credentials come from, what they are, and one task that holds its access token. The order
//! of the search is that of [`find`]:
//!
//! 1. the file named by `--credentials`
//! 2. a token on stdin
//! 3. `CLOUDSDK_AUTH_ACCESS_TOKEN`
//! 4. Application Default Credentials: the file named by `GOOGLE_APPLICATION_CREDENTIALS`, then
//!    `application_default_credentials.json` in gcloud's folder, then the metadata server (unless `NO_GCE_CHECK=true`)
//! 5. the gcloud login, by running `gcloud auth print-access-token`
//!
//! [`all`] lists everything that is there, to choose from. Nothing here shows a secret or writes a file; addresses that
//! a file names are trusted by the rule of [`trust`] only.

mod choices;
#[cfg(test)]
mod contract_tests;
mod credentials;
mod exchange;
mod external;
mod fields;
mod file;
pub(crate) mod gcloud;
mod key;
mod machine;
pub(crate) mod metadata_errors;
mod other_files;
mod patience;
pub(crate) mod token_cache;
pub(crate) mod trust;

pub(crate) use choices::{all, choice, load};
pub(crate) use patience::Patience;
use std::path::{Path, PathBuf};

use crate::{
    http::{ApiError, ErrorKind},
    local::env::Env,
    model::{caller::Caller, secret::Secret},
};
use credentials::{Credentials, Impersonated};
pub(crate) use exchange::Found;

/// What the command line adds to the search.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// `--credentials FILE`
    pub(crate) credentials_file: Option<PathBuf>,
    /// An access token read from stdin.
    pub(crate) stdin_token: Option<Secret>,
}

/// Credentials of a caller, and where they came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// In a few words: `ADC`, `--credentials sa.json`, `CLOUDSDK_AUTH_ACCESS_TOKEN`.
    pub(crate) label: String,
    /// The whole path, or the variable.
    pub(crate) origin: String,
    /// Whom the credentials say they belong to; none when only Google knows.
    pub(crate) principal: Option<String>,
    /// The project that the environment or the file names.
    pub(crate) project: Option<String>,
    /// The quota project that the environment or the file names.
    pub(crate) quota_project: Option<String>,
    /// The universe of the file, which is Google's own where it names none; none for a bare token, which tells nothing.
    pub universe: Option<String>,
    token_uri: Option<String>,
    /// SHA-256 of the file, in hexadecimal.
    hash: Option<String>,
    /// Whether the file with the subject token lies elsewhere than the credentials file.
    stray: bool,
    credentials: Credentials,
}

impl Source {
    /// What sort of credentials: `user`, `service account`, `access token`, `federated`, …
    pub(crate) fn kind(&self) -> &'static str {
        self.credentials.kind()
    }

    /// The token endpoint that the file names; to be trusted only by the rule of
    /// [`crate::http::endpoints::Endpoints::with_token_uri`].
    pub(crate) fn token_uri(&self) -> Option<&str> {
        self.token_uri.as_deref()
    }

    /// What is known of the caller without asking anybody. The universe is for the endpoints to say.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            principal: self.principal.clone(),
            kind: self.kind().to_owned(),
            source: self.label.clone(),
            origin: self.origin.clone(),
            project: self.project.clone(),
            quota_project: self.quota_project.clone(),
            remedy: Some(self.remedy()),
            ..Caller::default()
        }
    }

    /// What to do where the credentials are not accepted.
    pub(crate) fn remedy(&self) -> String {
        self.credentials.of_type().remedy(self)
    }

    /// The caller turned into an account, through these delegates: whatever calls from then on calls as that account.
    /// The quota project is the first caller's to use: it is
    /// charged for the minting, and for nothing that the account does.
    pub fn becoming(&self, account: &str, delegates: &[String], quota_project: Option<String>) -> Source {
        Source {
            label: format!("impersonated by {}", self.principal.as_deref().unwrap_or(&self.label)),
            principal: Some(account.to_owned()),
            quota_project: None,
            credentials: Credentials::Impersonated(Impersonated {
                account: account.to_owned(),
                delegates: delegates.to_vec(),
                source: Box::new(self.credentials.clone()),
                source_project: quota_project,
            }),
            ..self.clone()
        }
    }

    fn new(label: &str, origin: &str, credentials: Credentials) -> Source {
        Source {
            label: label.to_owned(),
            origin: origin.to_owned(),
            principal: credentials.principal(),
            project: None,
            quota_project: None,
            universe: None,
            token_uri: None,
            hash: None,
            stray: false,
            credentials,
        }
    }

    /// From a bare access token.
    fn token(token: Secret, label: &str, env: &Env) -> Result<Source, ApiError> {
        if token.is_empty() || token.expose().bytes().any(|b| !b.is_ascii_graphic()) {
            let message = format!("The access token from {label} is invalid: it must be a single word.");
            return Err(ApiError::new(ErrorKind::Credentials, message));
        }
        Ok(Source::new(label, label, Credentials::AccessToken(token)).with_environment(env))
    }

    /// From a gcloud login.
    fn gcloud(login: gcloud::Login, env: &Env) -> Source {
        let origin = env.gcloud_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
        let label = gcloud::label(&login);
        let (project, quota_project) = (login.project.clone(), login.quota_project.clone());
        let universe = login.universe.clone();
        let source = Source::new(&label, &origin, Credentials::Gcloud(login));
        Source { project, quota_project, universe, ..source }.with_environment(env)
    }

    /// The environment's projects go before the file's, as in Google's own libraries.
    fn with_environment(mut self, env: &Env) -> Source {
        self.project = env.project().map(str::to_owned).or(self.project);
        self.quota_project = env.get("GOOGLE_CLOUD_QUOTA_PROJECT").map(str::to_owned).or(self.quota_project);
        self.credentials.with_environment(env);
        self
    }
}

/// Finds the caller's credentials, reading at most one file of credentials. See the module for the order.
///
/// # Errors
/// [`ErrorKind::Credentials`], one sentence: a file that cannot be read or used (the file and the field, never its
/// content), or nothing found.
pub fn find(env: &Env, options: &FindOptions) -> Result<Source, ApiError> {
    if let Some(path) = &options.credentials_file {
        let label = format!("--credentials {}", file_name(path));
        return Ok(file::read(path, &label)?.with_environment(env));
    }
    if let Some(token) = &options.stdin_token {
        return Source::token(Secret::new(token.expose().trim()), "stdin", env);
    }
    if let Some(token) = env.get("CLOUDSDK_AUTH_ACCESS_TOKEN") {
        return Source::token(Secret::new(token.trim()), "CLOUDSDK_AUTH_ACCESS_TOKEN", env);
    }
    if let Some(path) = env.get("GOOGLE_APPLICATION_CREDENTIALS") {
        let source = file::read(&PathBuf::from(path), "GOOGLE_APPLICATION_CREDENTIALS")?;
        return Ok(source.with_environment(env));
    }
    if let Some(path) = well_known(env) {
        return Ok(file::read(&path, "ADC")?.with_environment(env));
    }
    // As in gcloud itself: an inactive configuration is nobody's login unless it is chosen.
    let login = gcloud::logins(env).into_iter().find(|login| login.active);
    match (asks_the_machine(env), login) {
        (false, Some(login)) => Ok(Source::gcloud(login, env)),
        (false, None) => Err(exchange::nothing_found()),
        // Which of them it is, the first request tells: nothing is asked before the first frame.
        (true, login) => {
            let (label, found) = match &login {
                Some(login) => (gcloud::label(login), Some(Source::gcloud(login.clone(), env))),
                None => ("metadata server, if any".to_owned(), None),
            };
            let sources =
                std::iter::once(Credentials::Machine).chain(login.map(Credentials::Gcloud)).collect();
            let source = Source::new(&label, "metadata server, then gcloud", Credentials::Any(sources));
            // Whom to charge, the login says for itself only.
            let (project, universe) = found.map(|found| (found.project, found.universe)).unwrap_or_default();
            Ok(Source { project, universe, ..source }.with_environment(env))
        }
    }
}

/// `~/…` is what a shell would have made of it.
fn at_home(path: &Path, env: &Env) -> PathBuf {
    match (path.strip_prefix("~"), env.home()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// A file named by a setting, with the setting's name.
fn own_file(path: &Path, env: &Env) -> Result<Source, ApiError> {
    Ok(file::read(path, &named_by(path, env))?.with_environment(env))
}

/// What a file is called: by the variable or the place that Google's tools find it by, else by its own name.
fn named_by(path: &Path, env: &Env) -> String {
    if env.get("GOOGLE_APPLICATION_CREDENTIALS").is_some_and(|named| Path::new(named) == path) {
        return "GOOGLE_APPLICATION_CREDENTIALS".to_owned();
    }
    if well_known(env).is_some_and(|known| known == path) {
        return "ADC".to_owned();
    }
    format!("file {}", file_name(path))
}

fn file_name(path: &Path) -> String {
    // Never credentials that someone gave in its place.
    if other_files::is_content(&path.to_string_lossy()) {
        return "…".to_owned();
    }
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The file that `gcloud auth application-default login` writes, where it is.
fn well_known(env: &Env) -> Option<PathBuf> {
    let path = env.gcloud_dir()?.join("application_default_credentials.json");
    path.exists().then_some(path)
}

/// `NO_GCE_CHECK=true`, exactly, keeps the metadata server from being asked who we are (google-auth).
fn asks_the_machine(env: &Env) -> bool {
    env.get("NO_GCE_CHECK") != Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = r#"{"type":"authorized_user","client_id":"id.apps.googleusercontent.com","client_secret":"GOCSPX-s","refresh_token":"1//r","quota_project_id":"file-quota"}"#;

    fn error(env: &Env, options: &FindOptions) -> ApiError {
        find(env, options).unwrap_err()
    }

    #[test]
    fn with_nothing_to_be_found_the_sentence_names_what_was_looked_for_and_the_way_out() {
        let env = Env::from_vars([("HOME", "/nowhere"), ("NO_GCE_CHECK", "true")]);
        let error = error(&env, &FindOptions::default());
        assert_eq!((error.kind, error.kind.exit_code()), (ErrorKind::Credentials, 3));
        for part in ["no file", "no variable", "no metadata server", "no gcloud login"] {
            assert!(error.message.contains(part), "{error}");
        }
        let next = error.next().unwrap_or_default();
        assert!(next.contains("gcloud auth application-default login") && next.contains("--demo"), "{next}");
    }

    #[test]
    fn the_order_is_file_stdin_variable_then_adc() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("application_default_credentials.json");
        std::fs::write(&path, USER).unwrap();
        let gcloud = dir.path().display().to_string();
        let env =
            Env::from_vars([("CLOUDSDK_CONFIG", gcloud.as_str()), ("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.x")]);
        let mut options =
            FindOptions { credentials_file: Some(path), stdin_token: Some(Secret::new("ya29.y\n")) };
        assert_eq!(find(&env, &options).unwrap().label, "--credentials application_default_credentials.json");
        options.credentials_file = None;
        assert_eq!(find(&env, &options).unwrap().label, "stdin");
        options.stdin_token = None;
        assert_eq!(find(&env, &options).unwrap().label, "CLOUDSDK_AUTH_ACCESS_TOKEN");
        let env = Env::from_vars([("CLOUDSDK_CONFIG", gcloud.as_str())]);
        let source = find(&env, &options).unwrap();
        assert_eq!((source.label.as_str(), source.kind()), ("ADC", "user"));
        assert_eq!(source.quota_project.as_deref(), Some("file-quota"));
    }

    #[test]
    fn the_environments_projects_go_before_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("adc.json");
        std::fs::write(&path, USER).unwrap();
        let path = path.display().to_string();
        let env = Env::from_vars([
            ("GOOGLE_APPLICATION_CREDENTIALS", path.as_str()),
            ("GOOGLE_CLOUD_QUOTA_PROJECT", "env-quota"),
            ("GOOGLE_CLOUD_PROJECT", "env-project"),
        ]);
        let source = find(&env, &FindOptions::default()).unwrap();
        assert_eq!(source.quota_project.as_deref(), Some("env-quota"));
        assert_eq!(source.caller().project.as_deref(), Some("env-project"));
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_not_a_reason_to_look_further() {
        let env = Env::from_vars([("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")]);
        let error = error(&env, &FindOptions::default());
        assert!(
            error.message.contains("/nowhere/key.json")
                && error.message.contains("GOOGLE_APPLICATION_CREDENTIALS")
        );
    }

    #[test]
    fn a_token_of_several_words_is_refused_and_not_repeated() {
        let options = FindOptions { stdin_token: Some(Secret::new("two words")), ..FindOptions::default() };
        let error = error(&Env::default(), &options);
        assert!(error.message.contains("stdin") && !error.message.contains("words"), "{error}");
    }

    #[test]
    fn printing_a_source_prints_no_secret() {
        let source = Source::token(Secret::new("ya29.verysecret"), "stdin", &Env::default()).unwrap();
        assert!(!format!("{source:?}").contains("verysecret"));
    }
}
