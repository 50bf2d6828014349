//! What is remembered between runs: favourites and recents, by name only, never a secret. The demo remembers in memory
//! only.
//!
//! Several instances share the file. Each writes only what it changed since its last write, on top of what the file has
//! by then. A file that can't be used is kept beside the new one; fields that this version doesn't know stay in it.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, error::Category};

use crate::{local::files, text::decode::decode};

/// How many recent names are kept.
const RECENT: usize = 20;

/// The version of the file's form. A newer one is read as far as it can be.
const VERSION: u64 = 1;

/// Far more than all lists can grow to.
const MAX_BYTES: u64 = 1024 * 1024;

/// How often, and after which pauses, another instance's lock is waited for: it writes a few kilobytes under it.
const LOCK_TRIES: usize = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Favourite and recent names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    version: u64,
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
    /// Fields of a newer version.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Remembered {
    /// Applies the changes between two states of this instance, keeping what others wrote meanwhile.
    fn apply(&mut self, before: &Remembered, after: &Remembered) {
        marked(&mut self.favourites, &before.favourites, &after.favourites);
        marked(&mut self.favourite_audiences, &before.favourite_audiences, &after.favourite_audiences);
        marked(&mut self.favourite_scopes, &before.favourite_scopes, &after.favourite_scopes);
        used(&mut self.accounts, &before.accounts, &after.accounts);
        used(&mut self.projects, &before.projects, &after.projects);
        used(&mut self.audiences, &before.audiences, &after.audiences);
        used(&mut self.scopes, &before.scopes, &after.scopes);
        self.version = self.version.max(VERSION);
    }
}

/// Applies the changes of a list of favourites: a name added elsewhere stays, and one removed elsewhere stays removed.
fn marked(theirs: &mut Vec<String>, before: &[String], after: &[String]) {
    theirs.retain(|name| !before.contains(name) || after.contains(name));
    let added: Vec<_> =
        after.iter().filter(|name| !before.contains(name) && !theirs.contains(name)).collect();
    theirs.extend(added.into_iter().cloned());
}

/// Applies the changes of a list of recent names: those that came to the front do so there, too.
fn used(theirs: &mut Vec<String>, before: &[String], after: &[String]) {
    // What wasn't used since is the longest end that is still in the old order.
    let (mut earlier, mut at) = (before, after.len());
    while let Some(found) = at.checked_sub(1).and_then(|at| earlier.iter().rposition(|old| *old == after[at]))
    {
        (earlier, at) = (&earlier[..found], at - 1);
    }
    // A full list drops its oldest name, which nobody removed.
    let removed = |name: &String| after.len() < RECENT && before.contains(name) && !after.contains(name);
    theirs.retain(|name| !after[..at].contains(name) && !removed(name));
    theirs.splice(..0, after[..at].iter().cloned());
    theirs.truncate(RECENT);
}

/// The file of [`Remembered`], as this instance uses it.
pub(crate) struct Store {
    /// None if nothing can be kept.
    path: Option<PathBuf>,
    /// The last state of this instance that was written.
    written: Remembered,
    /// Whether it was said that nothing can be kept.
    said: bool,
}

impl Store {
    /// Reads the file in that folder. A missing one is empty. Also returns what has to be said about it.
    pub(crate) fn open(folder: Option<&Path>) -> (Store, Option<String>) {
        let path = folder.map(file);
        let mut store = Store { path, written: Remembered::default(), said: false };
        let Some(path) = store.path.as_deref() else { return (store, None) };
        let _lock = lock(path);
        let (found, remark) = match read(path) {
            Ok(found) if found.version > VERSION => {
                let remark = keep_newer(path, found.version);
                (found, remark)
            }
            Ok(found) => (found, None),
            Err(why) => match set_aside(path) {
                Ok(kept) => {
                    let remark = format!(
                        "{} {why}, so favourites and recents start empty. It is kept as {}: to use it again, correct it and rename it back while impersona isn't running.",
                        path.display(),
                        kept.display()
                    );
                    (Remembered::default(), Some(remark))
                }
                Err(error) => {
                    let remark = format!(
                        "{} {why} and can't be moved aside ({error}), so favourites and recents last until you quit. Correct or remove the file.",
                        path.display()
                    );
                    (store.path, store.said) = (None, true);
                    (Remembered::default(), Some(remark))
                }
            },
        };
        store.written = found;
        (store, remark)
    }

    /// What was read, or written last.
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.written
    }

    /// Writes the changes since the last time. Returns what has to be said: why nothing can be kept is said once.
    pub(crate) fn save(&mut self, now: Remembered) -> Option<String> {
        let saved = match &self.path {
            Some(path) => write(path, &self.written, &now),
            None => Err("There is no state folder".to_owned()),
        };
        match saved {
            Ok(remark) => {
                self.written = now;
                remark
            }
            Err(_) if self.said => None,
            Err(why) => {
                self.said = true;
                Some(format!(
                    "{why}, so favourites and recents last until you quit. To keep them, set IMPERSONA_STATE_DIR to a folder that you can write to."
                ))
            }
        }
    }
}

/// Applies the changes to the file. Returns what has to be said about what was there.
fn write(path: &Path, before: &Remembered, after: &Remembered) -> Result<Option<String>, String> {
    let failed = |error: io::Error| format!("Couldn't write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        files::private_folder(folder).map_err(failed)?;
    }
    let _lock = lock(path);
    let (mut theirs, remark) = match read(path) {
        Ok(theirs) => (theirs, None),
        Err(why) => {
            let kept = set_aside(path).map_err(failed)?;
            let remark = format!(
                "{} {why}. It is kept as {}, and a new one has what this window remembers.",
                path.display(),
                kept.display()
            );
            (before.clone(), Some(remark))
        }
    };
    theirs.apply(before, after);
    files::replace_private(path, &theirs).map_err(failed)?;
    Ok(remark)
}

/// The file's content; a missing file is empty.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that starts with its path.
fn read(path: &Path) -> Result<Remembered, String> {
    let unreadable = |error: io::Error| format!("can't be read ({error})");
    match fs::metadata(path) {
        // A folder that can't be there is said when something is to be written.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Remembered::default());
        }
        Err(error) => return Err(unreadable(error)),
        Ok(found) if !found.is_file() => return Err("isn't a file".to_owned()),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is over 1 MiB".to_owned());
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Remembered, String> {
    let text = decode(bytes)?;
    if text.trim_matches(['\0', ' ', '\t', '\r', '\n']).is_empty() {
        return Err(if text.contains('\0') {
            "has only zero bytes".to_owned()
        } else {
            "is empty".to_owned()
        });
    }
    serde_json::from_str(&text).map_err(|error| {
        if let Some(line) = text.lines().position(|line| line.starts_with("<<<<<<<")) {
            return format!("has the marks of a merge conflict (line {})", line + 1);
        }
        let place = format!("(line {}, column {})", error.line(), error.column());
        match error.classify() {
            Category::Eof => format!("is cut off {place}"),
            Category::Data if is_newer(&text) => "was written by a newer impersona".to_owned(),
            Category::Data => format!("has a value of the wrong type {place}"),
            Category::Syntax | Category::Io => format!("isn't valid JSON {place}"),
        }
    })
}

fn is_newer(text: &str) -> bool {
    let version = serde_json::from_str::<Value>(text).ok().and_then(|whole| whole.get("version")?.as_u64());
    version.is_some_and(|version| version > VERSION)
}

/// Moves a file that can't be used aside; one that was kept earlier stays.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let free = |kept: &PathBuf| fs::symlink_metadata(kept).is_err();
    let numbered = (2..1000).map(|number| beside(path, &format!("broken-{number}")));
    let kept = std::iter::once(beside(path, "broken")).chain(numbered).find(free);
    let kept = kept.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(path, &kept)?;
    Ok(kept)
}

/// Keeps a copy of a newer version's file before anything is written into it, and says so once.
fn keep_newer(path: &Path, version: u64) -> Option<String> {
    let kept = beside(path, &format!("v{version}"));
    if fs::symlink_metadata(&kept).is_ok() {
        return None;
    }
    let copied = match fs::copy(path, &kept) {
        Ok(_) => format!("a copy is kept as {}", kept.display()),
        Err(error) => format!("no copy can be kept ({error})"),
    };
    Some(format!(
        "{} was written by a newer impersona (version {version} of the file): {copied}. What this one doesn't know stays in it; update impersona to use all of it.",
        path.display()
    ))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Waits for the other instances; the lock ends with the file. Without one, as on some network file systems, what is
/// read right before a write is still merged.
fn lock(path: &Path) -> Option<File> {
    let file = files::open_private(&path.with_extension("lock"), false).ok()?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(fs::TryLockError::Error(_)) => break,
        }
    }
    None
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

/// The file of [`Remembered`] in that folder; where it is a link, the file that it leads to.
fn file(folder: &Path) -> PathBuf {
    let path = folder.join("remembered.json");
    path.canonicalize().unwrap_or(path)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
