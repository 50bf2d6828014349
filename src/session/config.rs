//! The configuration file: a few documented settings, read strictly. An unknown key, a wrong value or two actions
//! on one key refuse the start with file, line and key.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::{keymap::Keymap, local::env::Env, text::decode::decode};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Mode {
    /// ANSI colours that read on a dark background.
    #[default]
    Dark,
    /// ANSI colours that read on a light background.
    Light,
    /// No colour at all.
    None,
}

/// Quotas can be raised, but not beyond reason.
const MOST_PER_SECOND: i64 = 1_000;

/// A small file; anything larger is not one of ours.
const MAX_BYTES: u64 = 256 * 1024;

/// A day; no credential lives longer but signed URLs.
const MOST_IDLE_MINUTES: i64 = 24 * 60;

/// The settings, each with its meaning.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// The project to list at start, when neither flag nor environment names one.
    pub(crate) project: Option<String>,
    /// The project charged for API use, when neither flag nor environment names one.
    pub(crate) quota_project: Option<String>,
    /// Projects where writing a policy asks for the account's name to be typed.
    pub(crate) production_projects: Vec<String>,
    /// After so long without a key all credentials that are held are wiped; none: they are held until the end.
    pub(crate) idle_wipe: Option<Duration>,
    /// How many questions of those that are asked by the dozen go out in a second, where it is set.
    pub(crate) questions_per_second: Option<u32>,
    /// Colours: `dark`, `light` or `none`.
    pub(crate) theme: Mode,
    /// The keys: the built-in table with the changes of `[keys]`.
    pub(crate) keymap: Keymap,
}

/// A setting as it stands in the file: of which sort it is is looked at here, so that a wrong one is told by its name.
type Setting = Option<Spanned<Value>>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    project: Setting,
    quota_project: Setting,
    production_projects: Setting,
    idle_wipe_minutes: Setting,
    questions_per_second: Setting,
    theme: Setting,
    keys: Setting,
}

/// What is wrong, and where in the text.
type Wrong = (Option<usize>, String);

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {sentence}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    sentence: String,
}

impl Config {
    /// Reads the file that was named, else the one of the platform if it is there.
    ///
    /// # Errors
    /// One sentence with file, line and key. A named file must be there; the platform's need not.
    pub(crate) fn load(env: &Env, named: Option<&Path>) -> Result<Config, ConfigError> {
        let must_exist = named.is_some() || env.get("IMPERSONA_CONFIG").is_some();
        let Some(path) = named.map(Path::to_owned).or_else(|| env.config_file()) else {
            return Ok(Config::default());
        };
        let refuse = |sentence: String| ConfigError { path: path.clone(), line: None, sentence };
        match fs::metadata(&path) {
            Ok(meta) if meta.len() > MAX_BYTES => {
                return Err(refuse(format!("{} bytes is too large for a configuration file", meta.len())));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                return Ok(Config::default());
            }
            _ => {}
        }
        let bytes = fs::read(&path).map_err(|error| refuse(error.to_string()))?;
        let text = decode(&bytes).map_err(|why| refuse(why.to_owned()))?;
        Config::parse(&text).map_err(|(line, sentence)| ConfigError { path, line, sentence })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line, counted from 1, and a sentence.
    fn parse(text: &str) -> Result<Config, (Option<usize>, String)> {
        let line_of = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
        let file: Result<File, Wrong> = toml::from_str(text)
            .map_err(|error| (error.span().map(|span| span.start), error.message().trim_end().to_owned()));
        let config = file.and_then(|file| file.read(text));
        config.map_err(|(at, sentence)| (at.and_then(line_of), sentence))
    }
}

impl File {
    fn read(self, text: &str) -> Result<Config, Wrong> {
        let keymap = keymap(self.keys, text)?;
        let project = |name: &str, setting| match string(name, setting)? {
            Some((at, text)) => {
                let project = crate::model::project::parse(&text);
                project.map(Some).map_err(|sentence| (Some(at), format!("{name}: {sentence}")))
            }
            None => Ok(None),
        };
        let idle_wipe = match number("idle_wipe_minutes", self.idle_wipe_minutes)? {
            None | Some((_, 0)) => None,
            Some((_, minutes @ 1..=MOST_IDLE_MINUTES)) => {
                Some(Duration::from_secs(minutes.unsigned_abs() * 60))
            }
            Some((at, minutes)) => {
                let most = MOST_IDLE_MINUTES;
                let sentence = format!("idle_wipe_minutes: use 1 to {most}, not {minutes}; 0 never wipes");
                return Err((Some(at), sentence));
            }
        };
        let questions_per_second = match number("questions_per_second", self.questions_per_second)? {
            None => None,
            Some((_, rate @ 1..=MOST_PER_SECOND)) => u32::try_from(rate).ok(),
            Some((at, rate)) => {
                let sentence = format!(
                    "questions_per_second: use 1 to {MOST_PER_SECOND}, not {rate}; Google's quota is 100"
                );
                return Err((Some(at), sentence));
            }
        };
        let theme = match string("theme", self.theme)? {
            None => Mode::default(),
            Some((at, name)) => name
                .parse()
                .map_err(|_| (Some(at), format!("theme: use dark, light or none, not “{name}”")))?,
        };
        Ok(Config {
            questions_per_second,
            project: project("project", self.project)?,
            quota_project: project("quota_project", self.quota_project)?,
            production_projects: strings("production_projects", self.production_projects)?,
            idle_wipe,
            theme,
            keymap,
        })
    }
}

fn keymap(keys: Setting, text: &str) -> Result<Keymap, Wrong> {
    let Some(keys) = keys else { return Ok(Keymap::default()) };
    let table = match keys.get_ref() {
        Value::Table(table) => table,
        other => {
            return Err(sort("keys", "a table, [keys], of actions and their keys", keys.span().start, other));
        }
    };
    let places = key_places(text);
    let at = |name: &str| places.iter().find(|place| place.get_ref() == name).map(|place| place.span().start);
    let mut rebind = Vec::new();
    for (name, value) in table {
        let keys = match value {
            Value::String(keys) => keys.clone(),
            Value::Array(list) if list.iter().all(Value::is_str) => {
                list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
            }
            _ => {
                let sentence = format!("keys.{name}: use a key such as \"ctrl-r\", or a list of keys");
                return Err((at(name), sentence));
            }
        };
        rebind.push((name.clone(), keys));
    }
    Keymap::new(&rebind).map_err(|(index, sentence)| {
        let name = rebind.get(index).map(|(name, _)| name.as_str()).unwrap_or_default();
        (at(name), format!("keys.{name}: {sentence}"))
    })
}

/// A setting that is a text, and where it stands.
fn string(name: &str, setting: Setting) -> Result<Option<(usize, String)>, Wrong> {
    let Some(setting) = setting else { return Ok(None) };
    let at = setting.span().start;
    match setting.into_inner() {
        Value::String(text) => Ok(Some((at, text))),
        other => Err(sort(name, "a string in quotes", at, &other)),
    }
}

/// A setting that is a whole number, and where it stands.
fn number(name: &str, setting: Setting) -> Result<Option<(usize, i64)>, Wrong> {
    let Some(setting) = setting else { return Ok(None) };
    let at = setting.span().start;
    match setting.into_inner() {
        Value::Integer(number) => Ok(Some((at, number))),
        other => Err(sort(name, "a whole number", at, &other)),
    }
}

fn strings(name: &str, setting: Setting) -> Result<Vec<String>, Wrong> {
    let Some(setting) = setting else { return Ok(Vec::new()) };
    let wanted = "a list of strings such as [\"acme-prod\"]";
    let at = setting.span().start;
    let list = match setting.into_inner() {
        Value::Array(list) => list,
        other => return Err(sort(name, wanted, at, &other)),
    };
    let text = |item| match item {
        Value::String(text) => Ok(text),
        other => Err(sort(name, wanted, at, &Value::Array(vec![other]))),
    };
    list.into_iter().map(text).collect()
}

/// A value of another sort than its setting takes.
fn sort(name: &str, wanted: &str, at: usize, value: &Value) -> Wrong {
    let is = match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date or time",
        Value::Array(list) => match list.first() {
            Some(item) if !item.is_str() => "a list with something else in it",
            _ => "a list",
        },
        Value::Table(_) => "a table",
    };
    (Some(at), format!("{name}: use {wanted}, not {is}"))
}

/// Where the names under `[keys]` stand, for the line in an error.
fn key_places(text: &str) -> Vec<Spanned<String>> {
    #[derive(Deserialize)]
    struct Places {
        #[serde(default)]
        keys: std::collections::HashMap<Spanned<String>, Value>,
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
            ("idle_wipe_minutes = \"15m\"\n", 1, "idle_wipe_minutes"),
            ("[keys]\nrefresh = \"q\"\n", 2, "quit"),
            ("[keys]\nzoom = \"z\"\nfly = \"ctrl-y\"\n", 3, "fly"),
            ("[keys]\nzoom = 3\n", 2, "zoom"),
            ("[keys]\nzoom = [\"ctrl-y\", \"ctrl-y\"]\n", 2, "ctrl-y is listed twice for “zoom”"),
            ("[keys]\n\nquit = \"й й\"\n", 3, "й is listed twice for “quit”"),
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
    fn a_value_of_another_sort_is_refused_with_its_key_in_plain_words() {
        let cases = [
            ("theme = \"dark\"\nidle_wipe_minutes = 1.5\n", 2, "idle_wipe_minutes: use a whole number"),
            ("questions_per_second = true\n", 1, "questions_per_second: use a whole number"),
            ("project = 3\n", 1, "project: use a string"),
            ("\n\nquota_project = [\"a\"]\n", 3, "quota_project: use a string"),
            ("production_projects = \"acme-prod\"\n", 1, "production_projects: use a list of strings"),
            ("production_projects = [\n\"a\",\n2]\n", 1, "production_projects: use a list of strings"),
            ("theme = \"pink\"\n", 1, "theme: use dark, light or none, not “pink”"),
            ("theme = 1979-05-27\n", 1, "theme: use a string"),
            ("keys = 3\n", 1, "keys: use a table"),
        ];
        for (text, line, words) in cases {
            let (at, sentence) = Config::parse(text).expect_err(text);
            assert_eq!(at, Some(line), "{text}: {sentence}");
            assert!(sentence.starts_with(words), "{sentence}");
            for rust in ["i64", "invalid type", "expected", "variant", "sequence", "map"] {
                assert!(!sentence.contains(rust), "{sentence}");
            }
        }
    }

    #[test]
    fn the_line_is_that_of_the_setting_and_not_of_a_comment_about_it() {
        let cases = [
            ("# project: the one to list\nquota_project = \"acme-prod\"\nproject = \"A B\"\n", 3),
            ("# not idle_wipe_minutes = 15\n\nidle_wipe_minutes = 2000\n", 3),
            ("theme = \"dark\" # questions_per_second\nquestions_per_second = 0\n", 2),
            ("quota_project = \"acme-prod\"\nproject = \"A B\"\n", 2),
        ];
        for (text, line) in cases {
            let (at, sentence) = Config::parse(text).expect_err(text);
            assert_eq!(at, Some(line), "{text}: {sentence}");
        }
    }

    #[test]
    fn a_missing_file_is_no_configuration_unless_it_was_named() {
        let env = Env::from_vars([("HOME", "/nonexistent")]);
        assert!(Config::load(&env, None).is_ok());
        assert!(Config::load(&env, Some(Path::new("/nonexistent/config.toml"))).is_err());
    }
}
