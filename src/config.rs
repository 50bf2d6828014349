//! The configuration file: a few documented settings, read strictly. An unknown key, a wrong value or two actions
//! on one key refuse the start with file, line and key.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::Spanned;

use crate::{env::Env, keymap::Keymap, view::theme::Mode};

/// Quotas can be raised, but not beyond reason.
const MOST_PER_SECOND: i64 = 1_000;

/// A small file; anything larger is not one of ours.
const MAX_BYTES: u64 = 256 * 1024;

/// A day; no credential lives longer but signed URLs.
const MOST_IDLE_MINUTES: i64 = 24 * 60;

/// The settings, each with its meaning.
#[derive(Debug, Default)]
pub struct Config {
    /// The project to list at start, when neither flag nor environment names one.
    pub project: Option<String>,
    /// The project charged for API use, when neither flag nor environment names one.
    pub quota_project: Option<String>,
    /// Projects where writing a policy asks for the account's name to be typed.
    pub production_projects: Vec<String>,
    /// After so long without a key all credentials that are held are wiped; none: they are held until the end.
    pub idle_wipe: Option<Duration>,
    /// How many questions of those that are asked by the dozen go out in a second, where it is set.
    pub questions_per_second: Option<u32>,
    /// Colours: `dark`, `light` or `none`.
    pub theme: Mode,
    /// The keys: the built-in table with the changes of `[keys]`.
    pub keymap: Keymap,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    project: Option<String>,
    quota_project: Option<String>,
    production_projects: Vec<String>,
    idle_wipe_minutes: Option<i64>,
    questions_per_second: Option<i64>,
    theme: Option<Mode>,
    keys: toml::map::Map<String, toml::Value>,
}

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {sentence}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    sentence: String,
}

impl Config {
    /// Reads the file that was named, else the one of the platform if it is there.
    ///
    /// # Errors
    /// One sentence with file, line and key. A named file must be there; the platform's need not.
    pub fn load(env: &Env, named: Option<&Path>) -> Result<Config, ConfigError> {
        let must_exist = named.is_some() || env.get("IMPERSONA_CONFIG").is_some();
        let Some(path) = named.map(Path::to_owned).or_else(|| env.config_file()) else {
            return Ok(Config::default());
        };
        let refuse = |sentence: String| ConfigError { path: path.clone(), line: None, sentence };
        match fs::metadata(&path) {
            Ok(meta) if meta.len() > MAX_BYTES => {
                return Err(refuse(format!("{} bytes are no configuration", meta.len())));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                return Ok(Config::default());
            }
            _ => {}
        }
        let text = fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
        Config::parse(&text).map_err(|(line, sentence)| ConfigError { path, line, sentence })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line, counted from 1, and a sentence.
    fn parse(text: &str) -> Result<Config, (Option<usize>, String)> {
        let line_of = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
        let file: File = toml::from_str(text).map_err(|error| {
            (error.span().and_then(|span| line_of(span.start)), error.message().trim_end().to_owned())
        })?;
        let places = key_places(text);
        let mut rebind = Vec::new();
        for (name, value) in &file.keys {
            let at = places
                .iter()
                .find(|place| place.get_ref() == name)
                .and_then(|place| line_of(place.span().start));
            let keys = match value {
                toml::Value::String(keys) => keys.clone(),
                toml::Value::Array(list) if list.iter().all(toml::Value::is_str) => {
                    list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(" ")
                }
                _ => {
                    return Err((
                        at,
                        format!("keys.{name}: give a key such as \"ctrl-r\", or a list of keys"),
                    ));
                }
            };
            rebind.push((name.clone(), keys));
        }
        let keymap = Keymap::new(&rebind).map_err(|(index, sentence)| {
            let name = rebind.get(index).map(|(name, _)| name.as_str()).unwrap_or_default();
            let at = places
                .iter()
                .find(|place| place.get_ref() == name)
                .and_then(|place| line_of(place.span().start));
            (at, format!("keys.{name}: {sentence}"))
        })?;
        let checked =
            |name: &str, value: Option<String>| match value.as_deref().map(crate::model::project::parse) {
                Some(Err(sentence)) => {
                    let at = text.find(name).and_then(line_of);
                    Err((at, format!("{name}: {sentence}")))
                }
                Some(Ok(project)) => Ok(Some(project)),
                None => Ok(None),
            };
        let idle_wipe = match file.idle_wipe_minutes {
            None | Some(0) => None,
            Some(minutes @ 1..=MOST_IDLE_MINUTES) => Some(Duration::from_secs(minutes.unsigned_abs() * 60)),
            Some(minutes) => {
                let at = text.find("idle_wipe_minutes").and_then(line_of);
                let most = MOST_IDLE_MINUTES;
                return Err((
                    at,
                    format!("idle_wipe_minutes: {minutes} is not among 1 to {most}; 0 wipes never"),
                ));
            }
        };
        let questions_per_second = match file.questions_per_second {
            None => None,
            Some(rate @ 1..=MOST_PER_SECOND) => u32::try_from(rate).ok(),
            Some(rate) => {
                let at = text.find("questions_per_second").and_then(line_of);
                return Err((
                    at,
                    format!(
                        "questions_per_second: {rate} is not from 1 to {MOST_PER_SECOND}; Google's quota is 100"
                    ),
                ));
            }
        };
        Ok(Config {
            questions_per_second,
            project: checked("project", file.project)?,
            quota_project: checked("quota_project", file.quota_project)?,
            production_projects: file.production_projects,
            idle_wipe,
            theme: file.theme.unwrap_or_default(),
            keymap,
        })
    }
}

/// Where the names under `[keys]` stand, for the line in an error.
fn key_places(text: &str) -> Vec<Spanned<String>> {
    #[derive(Deserialize)]
    struct Places {
        #[serde(default)]
        keys: std::collections::HashMap<Spanned<String>, toml::Value>,
    }
    toml::from_str::<Places>(text).map(|places| places.keys.into_keys().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::{Action, Chord, Place};

    #[test]
    fn every_setting_is_read() {
        let text = "project = \"acme-prod\"\nidle_wipe_minutes = 15\nquestions_per_second = 50\ntheme = \"light\"\n[keys]\nrefresh = [\"F5\", \"r\"]\n";
        let config = Config::parse(text).expect("good");
        assert_eq!(config.questions_per_second, Some(50));
        assert_eq!((config.project.as_deref(), config.theme), (Some("acme-prod"), Mode::Light));
        assert_eq!(config.idle_wipe, Some(Duration::from_secs(15 * 60)));
        assert_eq!(Config::parse("idle_wipe_minutes = 0").expect("good").idle_wipe, None);
        assert_eq!(
            config.keymap.action(Place::Accounts, "F5".parse::<Chord>().expect("a key")),
            Some(Action::Refresh)
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let cases = [
            ("project = \"acme-prod\"\ncolour = 1\n", 2, "colour"),
            ("theme = \"pink\"\n", 1, "pink"),
            ("\nidle_wipe_minutes = 1441\n", 2, "1 to 1440"),
            ("idle_wipe_minutes = -1\n", 1, "-1"),
            ("idle_wipe_minutes = \"15m\"\n", 1, "string"),
            ("[keys]\nrefresh = \"q\"\n", 2, "quit"),
            ("[keys]\nzoom = \"z\"\nfly = \"ctrl-y\"\n", 3, "fly"),
            ("[keys]\nzoom = 3\n", 2, "zoom"),
            ("\nproject = \"A B\"\n", 2, "project"),
            ("project = \n", 1, ""),
            ("theme = \"dark\"\nquestions_per_second = 0\n", 2, "1 to 1000"),
        ];
        for (text, line, word) in cases {
            let (at, sentence) = Config::parse(text).expect_err(text);
            assert_eq!(at, Some(line), "{text}: {sentence}");
            assert!(sentence.contains(word), "{sentence}");
        }
    }

    #[test]
    fn a_missing_file_is_no_configuration_unless_it_was_named() {
        let env = Env::from_vars([("HOME", "/nonexistent")]);
        assert!(Config::load(&env, None).is_ok());
        assert!(Config::load(&env, Some(Path::new("/nonexistent/config.toml"))).is_err());
    }
}
