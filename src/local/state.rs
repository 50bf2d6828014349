//! What is remembered between runs: favourites and recents, by name only, never a secret. The demo remembers in memory
//! only.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::local::files;

/// How many recent names are kept.
const RECENT: usize = 20;

/// Favourite and recent names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Accounts marked as favourites.
    pub(crate) favourites: Vec<String>,
    /// Recently opened accounts, newest first.
    pub(crate) accounts: Vec<String>,
    /// Recently chosen projects, newest first.
    pub(crate) projects: Vec<String>,
    /// Audiences of recent ID tokens, newest first.
    pub(crate) audiences: Vec<String>,
    /// Audiences marked as favourites.
    pub(crate) favourite_audiences: Vec<String>,
    /// Scope sets of recent access tokens, as typed, newest first.
    pub(crate) scopes: Vec<String>,
    /// Sets of scopes marked as favourites.
    pub(crate) favourite_scopes: Vec<String>,
}

impl Remembered {
    /// Reads the file; a missing or broken one is empty, because nothing depends on it.
    pub(crate) fn load(path: &Path) -> Remembered {
        fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Replaces the file atomically, readable by its owner only.
    ///
    /// # Errors
    /// The file system's error.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        files::replace_private(path, self)
    }
}

/// Toggles a name in a list of favourites; returns whether it is in the list now.
pub(crate) fn toggle(favourites: &mut Vec<String>, name: &str) -> bool {
    match favourites.iter().position(|other| other == name) {
        Some(at) => {
            favourites.remove(at);
            false
        }
        None => {
            favourites.push(name.to_owned());
            true
        }
    }
}

/// Moves a name to the front of a list of recent ones.
pub(crate) fn touch(recent: &mut Vec<String>, name: &str) {
    recent.retain(|other| other != name);
    recent.insert(0, name.to_owned());
    recent.truncate(RECENT);
}

/// The file of [`Remembered`] in that folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("remembered.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_survives_a_run_and_a_broken_file_is_no_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(&folder.path().join("new"));
        let mut memory = Remembered::default();
        assert!(toggle(&mut memory.favourites, "deployer@acme-prod.iam.gserviceaccount.com"));
        touch(&mut memory.projects, "acme-prod");
        memory.save(&path).expect("saved");
        assert_eq!(Remembered::load(&path), memory);
        fs::write(&path, "{").expect("broken");
        assert_eq!(Remembered::load(&path), Remembered::default());
    }

    #[test]
    fn the_last_name_comes_first_and_once() {
        let mut recent = Vec::new();
        for name in ["a", "b", "a"] {
            touch(&mut recent, name);
        }
        assert_eq!(recent, ["a", "b"]);
    }
}
