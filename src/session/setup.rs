//! The one place that turns arguments, environment and configuration into a client, for subcommands and explorer
//! alike; in the demo also into an emulator, which then is the whole world: nothing of the real environment is seen.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::auth::trust::{self, TrustPrompt};
use crate::auth::{self, FindOptions, Source};
use crate::local::env::Env;
use crate::model::caller::{Caller, Charge, Choice, CredentialSource};
use crate::model::{project, secret::Secret};
use crate::session::Failure;
use crate::session::args::Global;
use crate::session::config::Config;
use crate::text::decode::decode;
use crate::{
    api::{Client, Settings},
    http::{ApiError, ErrorKind, Record, endpoints::Endpoints, rate_limiter},
};
use impersona_emulator::{Emulator, Options, World};

/// Longer than any access token.
const MAX_TOKEN: u64 = 64 * 1024;

/// Makes clients: one for each caller, with the same settings otherwise.
#[derive(Clone)]
pub(crate) struct Connector {
    /// The environment that callers are looked for in.
    pub(crate) env: Env,
    /// What the command line adds to the search.
    pub(crate) options: FindOptions,
    /// Credentials files of the demo's callers.
    pub(crate) examples: Vec<PathBuf>,
    /// Where confirmed files are remembered.
    pub(crate) folder: Option<PathBuf>,
    /// The files that were confirmed in this run, by their hash.
    confirmed: HashSet<String>,
    charge: Charge,
    /// The project chosen for this very caller, which always wins.
    pub(crate) charged: Option<Charge>,
    timeout: Option<Duration>,
    read_only: bool,
    use_proxy: bool,
    /// How many questions of those that are asked by the dozen go out in a second.
    pub(crate) questions_per_second: u32,
    records: Option<mpsc::Sender<Record>>,
}

impl Connector {
    /// A client for these credentials. The quota project of flags and environment is the first caller's: an account
    /// that a caller became is charged to itself.
    ///
    /// # Errors
    /// Endpoints that cannot be used with them.
    pub(crate) fn connect(&self, source: Result<Source, ApiError>, became: bool) -> Result<Client, ApiError> {
        let found = source.as_ref().ok();
        let endpoints = Endpoints::new(&self.env, found.and_then(|source| source.universe.as_deref()))?;
        let mut settings = Settings::new(endpoints, source);
        settings.charge = self.charge(became);
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        settings.read_only = self.read_only;
        settings.use_proxy = self.use_proxy;
        settings.rate = Some(f64::from(self.questions_per_second));
        settings.records = self.records.clone();
        Ok(Client::new(settings))
    }

    fn charge(&self, became: bool) -> Charge {
        match (&self.charged, &self.charge) {
            (Some(chosen), _) => chosen.clone(),
            (None, Charge::Project(_)) if became => Charge::AsCredentials,
            (None, charge) => charge.clone(),
        }
    }

    /// The project that this caller's calls are charged to, as far as it is known without asking anybody.
    pub(crate) fn quota_project(&self, source: &Source, became: bool) -> Option<String> {
        match self.charge(became) {
            Charge::AsCredentials => source.quota_project.clone(),
            Charge::Project(project) => Some(project),
            Charge::Unnamed => None,
        }
    }

    /// Everybody whom one can call as. Reads files.
    pub(crate) fn callers(&self) -> Vec<Choice> {
        let mut found = auth::all(&self.env, &self.options);
        let known: Vec<CredentialSource> = found.iter().map(|choice| choice.how.clone()).collect();
        for path in &self.examples {
            let how = CredentialSource::File(path.clone());
            if !known.contains(&how) {
                found.push(auth::choice(how, &self.env, &self.options));
            }
        }
        found
    }

    /// What has to be confirmed before these credentials are used.
    pub(crate) fn doubt(&self, source: &Source) -> Option<TrustPrompt> {
        let doubt = trust::doubt(source, &self.env).filter(|doubt| !self.confirmed.contains(&doubt.hash))?;
        match trust::is_confirmed(self.folder.as_deref(), &doubt) {
            Ok(true) => None,
            Ok(false) => Some(doubt),
            Err(why) => Some(TrustPrompt { remark: Some(why), ..doubt }),
        }
    }

    /// Confirms it: for this run, and for later ones where there is a folder to remember it in.
    ///
    /// # Errors
    /// One sentence: why it can't be remembered; for this run it is confirmed anyway.
    pub(crate) fn confirm(&mut self, doubt: &TrustPrompt) -> Result<(), String> {
        self.confirmed.insert(doubt.hash.clone());
        let saved = self.folder.as_deref().map_or(Ok(()), |folder| trust::confirm(folder, doubt));
        saved.map_err(|error| format!("Trusted for this run only: couldn't save the confirmation ({error})."))
    }
}

/// Said in place of credentials that are in doubt, with the `folder` that confirmations are remembered in.
fn doubted(doubt: &TrustPrompt, folder: Option<&Path>) -> ApiError {
    let command = folder.and_then(|folder| trust::command(folder, doubt));
    let beforehand =
        command.map(|command| format!("; in scripts, `{command}` does the same")).unwrap_or_default();
    ApiError::new(ErrorKind::Credentials, doubt.refusal()).with_next(format!(
        "If you trust it, confirm it once: run `impersona whoami` in a terminal, or open the explorer{beforehand}."
    ))
}

/// What everything else works with.
pub(crate) struct Setup {
    pub(crate) connector: Connector,
    /// The credentials that were found.
    pub(crate) source: Result<Source, ApiError>,
    /// What keeps them from being used until someone confirms it.
    pub(crate) doubt: Option<TrustPrompt>,
    /// The one way to Google.
    pub(crate) client: Client,
    /// The caller as far as it is known without asking; or why there is none.
    pub(crate) caller: Result<Caller, ApiError>,
    /// The project to look at: from the flag, the environment, the configuration, the credentials, in this order.
    pub(crate) project: Option<String>,
    pub(crate) config: Config,
    /// The environment that the client was made from: in the demo, the emulator's own and nothing else.
    pub(crate) env: Env,
    /// In the demo, what answers; it stops when dropped.
    pub(crate) emulator: Option<Emulator>,
}

impl Setup {
    /// Sets everything up. Missing or broken credentials don't fail yet: each call that needs some says so.
    ///
    /// # Errors
    /// Flags, configuration or endpoints that cannot be used; an emulator that does not start.
    pub(crate) async fn make(
        global: &Global,
        env: &Env,
        records: Option<mpsc::Sender<Record>>,
    ) -> Result<Setup, Failure> {
        let mut config = {
            let (global, env) = (global.clone(), env.clone());
            off_thread(move || config(&global, &env)).await?
        };
        let named = global.project().map(project::parse).transpose().map_err(Failure::refused)?;
        let quota = global.quota_project.as_deref().map(quota_project).transpose()?;
        let mut env = env.clone();
        let mut running = None;
        let mut examples = Vec::new();
        let folder = if global.demo { None } else { env.state_dir() };
        if global.demo {
            if global.credentials.is_some() {
                return Err(Failure::usage("--demo has its own callers: leave out --credentials"));
            }
            let emulator = emulator(0, None, false, global).await?;
            env = Env::from_vars(emulator.env());
            examples = emulator.callers().iter().map(|caller| caller.path.clone()).collect();
            // They name real projects.
            (config.project, config.quota_project) = (None, None);
            running = Some(emulator);
        }
        let (global_flags, found_in) = (global.clone(), env.clone());
        let (options, source) = off_thread(move || {
            let options = find_options(&global_flags)?;
            let source = auth::find(&found_in, &options);
            Ok((options, source))
        })
        .await?;
        let found = source.as_ref().ok();
        let quota_from_env = env.get("GOOGLE_CLOUD_QUOTA_PROJECT").map(str::to_owned);
        let project = named
            .or_else(|| env.project().map(str::to_owned))
            .or_else(|| config.project.clone())
            .or_else(|| found.and_then(|source| source.project.clone()));
        let charged = quota.or(quota_from_env).or_else(|| config.quota_project.clone());
        let charge = match (global.no_quota_project, charged) {
            (true, _) => Charge::Unnamed,
            (false, Some(project)) => Charge::Project(project),
            (false, None) => Charge::AsCredentials,
        };
        let connector = Connector {
            confirmed: HashSet::new(),
            charge,
            charged: None,
            timeout: global.timeout,
            read_only: global.read_only,
            use_proxy: !global.demo,
            questions_per_second: config.questions_per_second.unwrap_or(rate_limiter::RATE),
            env: env.clone(),
            options,
            examples,
            folder,
            records,
        };
        let doubt = found.and_then(|source| connector.doubt(source));
        let usable = match &doubt {
            Some(doubt) => Err(doubted(doubt, connector.folder.as_deref())),
            None => source.clone(),
        };
        let nobody = usable.as_ref().err().cloned();
        let client = connector.connect(usable, false)?;
        let caller = nobody.map_or_else(|| Ok(client.known_caller()), Err);
        Ok(Setup { connector, source, doubt, client, caller, project, config, env, emulator: running })
    }

    /// Confirms the file in doubt, and connects with it. Returns why the confirmation can't be remembered, if so.
    ///
    /// # Errors
    /// Endpoints that cannot be used.
    pub(crate) fn trust(&mut self) -> Result<Option<String>, Failure> {
        let Some(doubt) = self.doubt.take() else { return Ok(None) };
        let unsaved = self.connector.confirm(&doubt).err();
        self.client = self.connector.connect(self.source.clone(), false)?;
        self.caller = Ok(self.client.known_caller());
        Ok(unsaved)
    }

    /// The project, where there must be one.
    ///
    /// # Errors
    /// A sentence with the ways to name one.
    pub(crate) fn project(&self) -> Result<&str, Failure> {
        self.project.as_deref().ok_or_else(|| {
            Failure::usage("no project: pass --project, or set CLOUDSDK_CORE_PROJECT or project in the configuration file")
        })
    }
}

/// Reads where that does not hold back those who listen for signals: a file may be a pipe that nobody writes to, or lie
/// on a disk that does not answer.
async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read,
        Err(error) => Err(Failure::io("reading the credentials", &io::Error::other(error))),
    }
}

/// `--quota-project PROJECT`. An empty value doesn't leave it out, because in scripts that is usually an unset
/// variable.
fn quota_project(text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::refused("--quota-project is empty: name a project, or pass --no-quota-project"));
    }
    project::parse(text).map_err(Failure::refused)
}

/// The configuration file, read.
///
/// # Errors
/// File, line and key of what cannot be used.
pub(crate) fn config(global: &Global, env: &Env) -> Result<Config, Failure> {
    Config::load(env, global.config.as_deref()).map_err(|error| Failure::usage(error.to_string()))
}

/// Starts an emulator: with the world of a file, else with the example organization; as a proxy where that is asked for.
///
/// # Errors
/// A file that cannot be read or holds no world; a port that cannot be had.
pub(crate) async fn emulator(
    port: u16,
    world: Option<&Path>,
    proxy: bool,
    global: &Global,
) -> Result<Emulator, Failure> {
    let mut world = match world {
        None => World::demo(),
        Some(path) => {
            let about = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
            let bytes = fs::read(path).map_err(|error| about(error.to_string()))?;
            let text = decode(&bytes).map_err(|why| about(why.to_owned()))?;
            World::parse(&text).map_err(|error| about(error.to_string()))?
        }
    };
    if let Some(count) = global.demo_accounts {
        let project = world.projects.first().map(|project| project.id.clone());
        let project =
            project.ok_or_else(|| Failure::usage("--demo-accounts needs a world with a project"))?;
        world = world.with_generated_accounts(count as usize, &project);
    }
    let options = Options { port, world };
    let started =
        if proxy { Emulator::start_with_proxy(options).await } else { Emulator::start(options).await };
    started.map_err(|error| Failure::usage(error.to_string()))
}

/// `--credentials FILE`, or `-` for an access token on stdin.
fn find_options(global: &Global) -> Result<FindOptions, Failure> {
    match &global.credentials {
        Some(path) if path == Path::new("-") => {
            let failed = |why: String| {
                Failure::usage(format!("--credentials -: reading an access token from stdin: {why}"))
            };
            let mut bytes = Zeroizing::new(Vec::new());
            let read = io::stdin().lock().take(MAX_TOKEN).read_to_end(&mut bytes);
            read.map_err(|error| failed(error.to_string()))?;
            let token = decode(&bytes).map_err(|why| failed(format!("it {why}")))?;
            Ok(FindOptions { stdin_token: Some(Secret::new(token.as_str())), ..FindOptions::default() })
        }
        path => Ok(FindOptions { credentials_file: path.clone(), ..FindOptions::default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(global: Global, vars: &[(&str, &str)]) -> Result<Setup, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let env = Env::from_vars(vars.iter().copied());
        runtime.block_on(Setup::make(&global, &env, None))
    }

    fn code<T>(outcome: Result<T, Failure>) -> u8 {
        outcome.err().map_or(0, |failure| failure.exit_code())
    }

    #[test]
    fn a_project_comes_from_the_flag_before_the_environment() {
        let vars = [("GOOGLE_CLOUD_PROJECT", "from-env")];
        let global = Global { projects: vec!["from-flag".into()], ..Global::default() };
        assert_eq!(make(global, &vars).ok().and_then(|setup| setup.project).as_deref(), Some("from-flag"));
        assert_eq!(
            make(Global::default(), &vars).ok().and_then(|setup| setup.project).as_deref(),
            Some("from-env")
        );
        assert_eq!(make(Global::default(), &[]).ok().map(|setup| code(setup.project())), Some(2));
    }

    #[test]
    fn a_quota_project_is_left_out_by_its_switch_alone() {
        let vars = [("GOOGLE_CLOUD_QUOTA_PROJECT", "from-env"), ("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.x")];
        let quota = |global| make(global, &vars).map(|setup| setup.client.known_caller().quota_project);
        assert_eq!(quota(Global::default()).ok().flatten().as_deref(), Some("from-env"));
        let without = Global { no_quota_project: true, ..Global::default() };
        assert_eq!(quota(without).ok(), Some(None));
        for empty in ["", " "] {
            let refused = quota(Global { quota_project: Some(empty.into()), ..Global::default() });
            let said = refused.err().map(|failure| format!("{failure:?}")).unwrap_or_default();
            assert!(said.contains("--no-quota-project"), "{said}");
        }
    }

    #[test]
    fn caller_is_connected_when_the_confirmation_cant_be_saved() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("trusted-files")).unwrap();
        let file = folder.path().join("adc.json");
        let content = serde_json::json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.not-google.example/v1/token",
            "credential_source": {"file": "/token"},
        });
        std::fs::write(&file, content.to_string()).unwrap();
        let global = Global { credentials: Some(file), ..Global::default() };
        let state = folder.path().to_str().unwrap();
        let mut setup = make(global, &[("IMPERSONA_STATE_DIR", state)]).expect("it starts");
        assert!(setup.doubt.is_some() && setup.caller.is_err());
        let unsaved = setup.trust().expect("it connects").unwrap_or_default();
        assert!(unsaved.contains("couldn't save the confirmation"), "{unsaved}");
        assert!(setup.doubt.is_none() && setup.caller.is_ok());
    }

    #[test]
    fn what_cannot_be_used_is_said_at_once() {
        assert_eq!(code(make(Global { projects: vec!["No".into()], ..Global::default() }, &[])), 8);
        assert_eq!(code(make(Global::default(), &[("IMPERSONA_CERTS_ENDPOINT", "http://example.com/")])), 2);
        let demo = Global { demo: true, credentials: Some("x.json".into()), ..Global::default() };
        assert_eq!(code(make(demo, &[])), 2);
    }

    #[test]
    fn the_demo_sees_nothing_of_the_real_environment() {
        let vars = [("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.real"), ("GOOGLE_CLOUD_PROJECT", "real-project")];
        let setup = make(Global { demo: true, ..Global::default() }, &vars).expect("it starts");
        assert_eq!(setup.env.get("CLOUDSDK_AUTH_ACCESS_TOKEN"), None);
        assert_ne!(setup.project.as_deref(), Some("real-project"));
        assert!(setup.emulator.is_some() && !setup.client.endpoints().partly_overridden());
    }
}
