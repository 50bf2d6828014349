//! The caller: where its credentials come from, what they are, and one task that holds its access token. The order
//! of the search is that of [`find`]:
//!
//! 1. the file named by `--credentials`
//! 2. a token on stdin
//! 3. `CLOUDSDK_AUTH_ACCESS_TOKEN`
//! 4. Application Default Credentials: the file named by `GOOGLE_APPLICATION_CREDENTIALS`, then
//!    `application_default_credentials.json` in gcloud's folder
//!
//! Nothing here shows a secret, writes a file or trusts an address that a file names.

mod exchange;
mod file;
pub(crate) mod keeper;

use std::path::PathBuf;

use crate::{
    api::{ApiError, ErrorKind},
    env::Env,
    model::{caller::Caller, denial::LOGIN, secret::Secret},
};

/// What the command line adds to the search.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// `--credentials FILE`
    pub credentials_file: Option<PathBuf>,
    /// An access token read from stdin.
    pub stdin_token: Option<Secret>,
}

/// Credentials of a caller, and where they came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// In a few words: `ADC`, `--credentials sa.json`, `CLOUDSDK_AUTH_ACCESS_TOKEN`.
    pub label: String,
    /// The whole path, or the variable.
    pub origin: String,
    /// Whom the credentials say they belong to; none when only Google knows.
    pub principal: Option<String>,
    /// The project that the environment or the file names.
    pub project: Option<String>,
    /// The quota project that the environment or the file names.
    pub quota_project: Option<String>,
    /// The universe of the file, which is Google's own where it names none; none for a bare token, which tells nothing.
    pub universe: Option<String>,
    token_uri: Option<String>,
    credentials: Credentials,
}

/// The credentials themselves.
#[derive(Clone, Debug)]
enum Credentials {
    /// A token as it is: nobody here can renew it.
    AccessToken(Secret),
    /// A person's login, from `gcloud auth application-default login`.
    User { client_id: String, client_secret: Secret, refresh_token: Secret },
    /// A service account's key.
    ServiceAccount { email: String, key_id: Option<String>, private_key: Secret },
}

impl Source {
    /// What sort of credentials: `user`, `service account`, `access token`.
    pub fn kind(&self) -> &'static str {
        match self.credentials {
            Credentials::AccessToken(_) => "access token",
            Credentials::User { .. } => "user",
            Credentials::ServiceAccount { .. } => "service account",
        }
    }

    /// The token endpoint that the file names; to be trusted only by the rule of
    /// [`crate::api::endpoints::Endpoints::with_token_uri`].
    pub fn token_uri(&self) -> Option<&str> {
        self.token_uri.as_deref()
    }

    /// What is known of the caller without asking anybody. The universe is for the endpoints to say.
    pub fn caller(&self) -> Caller {
        Caller {
            principal: self.principal.clone(),
            kind: self.kind().to_owned(),
            source: self.label.clone(),
            origin: self.origin.clone(),
            project: self.project.clone(),
            quota_project: self.quota_project.clone(),
            ..Caller::default()
        }
    }

    /// From a bare access token.
    fn token(token: Secret, label: &str, env: &Env) -> Result<Source, ApiError> {
        if token.is_empty() || token.expose().bytes().any(|b| !b.is_ascii_graphic()) {
            let message = format!("What {label} gives is no access token: it must be one word.");
            return Err(ApiError::new(ErrorKind::Credentials, message));
        }
        let source = Source {
            label: label.to_owned(),
            origin: label.to_owned(),
            principal: None,
            project: None,
            quota_project: None,
            universe: None,
            token_uri: None,
            credentials: Credentials::AccessToken(token),
        };
        Ok(source.with_environment(env))
    }

    /// The environment's projects go before the file's, as in Google's own libraries.
    fn with_environment(mut self, env: &Env) -> Source {
        self.project = env.project().map(str::to_owned).or(self.project);
        self.quota_project = env.get("GOOGLE_CLOUD_QUOTA_PROJECT").map(str::to_owned).or(self.quota_project);
        self
    }
}

/// Finds the caller's credentials, reading at most one file. See the module for the order.
///
/// # Errors
/// [`ErrorKind::Credentials`], one sentence: a file that cannot be read or used (the file and the field, never its
/// content), or nothing found.
pub fn find(env: &Env, options: &FindOptions) -> Result<Source, ApiError> {
    if let Some(path) = &options.credentials_file {
        let name = path
            .file_name()
            .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        return Ok(file::read(path, &format!("--credentials {name}"))?.with_environment(env));
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
    let known = env.gcloud_dir().map(|dir| dir.join("application_default_credentials.json"));
    match known {
        Some(path) if path.exists() => Ok(file::read(&path, "ADC")?.with_environment(env)),
        _ => {
            let place = known.map_or_else(|| "gcloud's folder".to_owned(), |path| path.display().to_string());
            let message = format!(
                "No credentials found: neither --credentials, CLOUDSDK_AUTH_ACCESS_TOKEN nor GOOGLE_APPLICATION_CREDENTIALS is given, and there is no {place}."
            );
            Err(ApiError::new(ErrorKind::Credentials, message)
                .with_next(format!("Log in with `{LOGIN}`, or look around with `impersona --demo`.")))
        }
    }
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
        let error = error(&Env::from_vars([("HOME", "/nowhere")]), &FindOptions::default());
        assert_eq!((error.kind, error.kind.exit_code()), (ErrorKind::Credentials, 3));
        for part in [
            "--credentials",
            "CLOUDSDK_AUTH_ACCESS_TOKEN",
            "/nowhere/.config/gcloud/application_default_credentials.json",
        ] {
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
