//! The environment as one value: variables, the home folder and the platform, read once at start and passed on. It owns
//! the rules that turn them into paths and settings shared by several parts. It must not read files, and nothing else
//! in the crate may access the process environment.

use std::{collections::HashMap, fmt, path::PathBuf};

/// The platform whose path rules apply. It is data, so that every rule can be tested on any machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Linux and other Unixes without their own rules.
    #[default]
    Linux,
    Mac,
    Windows,
}

/// What hosts this program, according to the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hosting {
    /// Not stated: it can still be a machine at Google.
    #[default]
    Unknown,
    /// A Kubernetes cluster, Google's or any other.
    Cluster,
    /// A Google service such as Cloud Run.
    Google,
    /// Cloud Shell, whose metadata server speaks for its user.
    Shell,
}

/// A snapshot of the environment. Some variables are credentials, so only their names are ever printed.
#[derive(Clone, Default)]
pub struct Env {
    vars: HashMap<String, String>,
    home: Option<PathBuf>,
    platform: Platform,
    folders: Option<Folders>,
}

/// Our own folders on this platform (crate `directories`: XDG, Application Support, AppData).
#[derive(Clone, Debug)]
struct Folders {
    config: PathBuf,
    state: PathBuf,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self.vars.keys().map(String::as_str).collect();
        names.sort_unstable();
        let Env { vars: _, home, platform, folders } = self;
        let mut env = f.debug_struct("Env");
        env.field("vars", &names).field("home", home).field("platform", platform);
        env.field("folders", folders).finish()
    }
}

impl Env {
    /// The real environment. Variables that aren't Unicode are left out: none of our settings can be one.
    pub fn system() -> Env {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let platform = if cfg!(windows) {
            Platform::Windows
        } else if cfg!(target_os = "macos") {
            Platform::Mac
        } else {
            Platform::Linux
        };
        let folders = directories::ProjectDirs::from("", "", "impersona").map(|dirs| Folders {
            config: dirs.config_dir().to_owned(),
            state: dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned(),
        });
        Env { vars: vars.collect(), home: std::env::home_dir(), platform, folders }
    }

    /// An artificial environment for tests and the demo: only these variables, Linux rules, home from `HOME` if given,
    /// no folders of our own unless they are named.
    pub fn from_vars<K: Into<String>, V: Into<String>>(vars: impl IntoIterator<Item = (K, V)>) -> Env {
        let vars: HashMap<_, _> = vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let home = vars.get("HOME").map(PathBuf::from);
        Env { vars, home, ..Env::default() }
    }

    /// The same environment with another platform's path rules.
    #[cfg(test)]
    pub(crate) fn on(mut self, platform: Platform) -> Env {
        self.platform = platform;
        self
    }

    /// The value of a variable; an empty one counts as unset, as in Google's tools.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What hosts the program, by the documented variables of Cloud Run and its functions, App Engine, Cloud Shell and
    /// Kubernetes.
    pub(crate) fn hosting(&self) -> Hosting {
        const NAMES: [&str; 5] =
            ["K_SERVICE", "CLOUD_RUN_JOB", "CLOUD_RUN_WORKER_POOL", "FUNCTION_TARGET", "FUNCTION_NAME"];
        const SHELL: [&str; 2] = ["CLOUD_SHELL", "GOOGLE_CLOUD_SHELL"];
        let app_engine = |(name, value): (&String, &String)| name.starts_with("GAE_") && !value.is_empty();
        if NAMES.iter().any(|name| self.get(name).is_some()) || self.vars.iter().any(app_engine) {
            Hosting::Google
        } else if SHELL.iter().any(|name| self.get(name).is_some()) {
            Hosting::Shell
        } else if self.get("KUBERNETES_SERVICE_HOST").is_some() {
            Hosting::Cluster
        } else {
            Hosting::Unknown
        }
    }

    /// The home folder, if known.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.home.clone()
    }

    /// The platform whose path rules apply.
    pub(crate) fn platform(&self) -> Platform {
        self.platform
    }

    /// Where gcloud keeps its files: `$CLOUDSDK_CONFIG`, else `~/.config/gcloud` (on macOS too), else
    /// `%APPDATA%\gcloud` with `%SystemDrive%\gcloud` as the last resort (google-auth, `_cloud_sdk.py`).
    pub(crate) fn gcloud_dir(&self) -> Option<PathBuf> {
        if let Some(dir) = self.get("CLOUDSDK_CONFIG") {
            return Some(PathBuf::from(dir));
        }
        match self.platform {
            Platform::Linux | Platform::Mac => self.home().map(|home| home.join(".config").join("gcloud")),
            Platform::Windows => {
                let base = self.path("APPDATA").unwrap_or_else(|| {
                    let drive = self.get("SystemDrive").unwrap_or("C:");
                    PathBuf::from(format!("{drive}\\"))
                });
                Some(base.join("gcloud"))
            }
        }
    }

    /// The configuration file: `$IMPERSONA_CONFIG`, else `config.toml` in the platform's configuration folder.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        self.path("IMPERSONA_CONFIG")
            .or_else(|| self.folders.as_ref().map(|folders| folders.config.join("config.toml")))
    }

    /// Where recents, favourites and the log live: `$IMPERSONA_STATE_DIR`, else the platform's state folder.
    pub(crate) fn state_dir(&self) -> Option<PathBuf> {
        self.path("IMPERSONA_STATE_DIR")
            .or_else(|| self.folders.as_ref().map(|folders| folders.state.clone()))
    }

    /// The project named by Google's variables.
    pub(crate) fn project(&self) -> Option<&str> {
        self.get("CLOUDSDK_CORE_PROJECT").or_else(|| self.get("GOOGLE_CLOUD_PROJECT"))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let env = Env::from_vars([("A", ""), ("B", "b")]);
        assert_eq!((env.get("A"), env.get("B"), env.get("C")), (None, Some("b"), None));
    }

    #[test]
    fn gcloud_is_found_where_gcloud_itself_looks() {
        let env = Env::from_vars([("HOME", "/home/dev"), ("APPDATA", "/appdata")]);
        assert_eq!(env.gcloud_dir(), Some("/home/dev/.config/gcloud".into()));
        assert_eq!(env.clone().on(Platform::Mac).gcloud_dir(), Some("/home/dev/.config/gcloud".into()));
        assert_eq!(env.on(Platform::Windows).gcloud_dir(), Some("/appdata/gcloud".into()));
        let moved = Env::from_vars([("HOME", "/home/dev"), ("CLOUDSDK_CONFIG", "/elsewhere")]);
        assert_eq!(moved.gcloud_dir(), Some("/elsewhere".into()));
    }

    #[test]
    fn our_own_folders_can_be_named() {
        let named = Env::from_vars([("IMPERSONA_CONFIG", "/c.toml"), ("IMPERSONA_STATE_DIR", "/s")]);
        assert_eq!((named.config_file(), named.state_dir()), (Some("/c.toml".into()), Some("/s".into())));
    }

    #[test]
    fn a_cluster_is_googles_only_where_a_variable_of_google_says_so() {
        let hosting = |names: &[&str]| Env::from_vars(names.iter().map(|name| (*name, "x"))).hosting();
        assert_eq!(hosting(&["HOME", "GAELIC"]), Hosting::Unknown);
        assert_eq!(hosting(&["KUBERNETES_SERVICE_HOST"]), Hosting::Cluster);
        for google in ["K_SERVICE", "CLOUD_RUN_JOB", "FUNCTION_TARGET", "GAE_ENV"] {
            assert_eq!(hosting(&[google]), Hosting::Google, "{google}");
            assert_eq!(hosting(&["KUBERNETES_SERVICE_HOST", google]), Hosting::Google, "{google}");
        }
        for shell in ["CLOUD_SHELL", "GOOGLE_CLOUD_SHELL"] {
            assert_eq!(hosting(&[shell]), Hosting::Shell, "{shell}");
            assert_eq!(hosting(&["KUBERNETES_SERVICE_HOST", shell]), Hosting::Shell, "{shell}");
        }
        assert_eq!(hosting(&["CODESPACES", "GITHUB_ACTIONS"]), Hosting::Unknown);
    }

    #[test]
    fn without_a_home_there_is_no_guess() {
        assert_eq!(Env::default().gcloud_dir(), None);
        assert_eq!(Env::default().state_dir(), None);
    }
}
