//! Policies as they were before we wrote over them: one snapshot for each write, in the state folder's `policies/`, or
//! in memory for the demo. This module keeps, lists and returns snapshots; it leaves their meaning, and restoring them,
//! to others.
//!
//! A snapshot belongs to an endpoint and an account. Accounts are told apart by their unique ID, because a name can be
//! reused for another account. If the ID wasn't available, the email decides, and restoring says so.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::local::files;

/// How many snapshots an account keeps.
pub(crate) const KEPT: usize = 50;

/// The account and endpoint that a snapshot belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Whose {
    /// The host of IAM's endpoint, with the port if there is one.
    pub(crate) endpoint: String,
    /// The account's email; empty if only its unique ID is known.
    pub(crate) account: String,
    /// 21 digits; empty if not known.
    pub(crate) unique_id: String,
}

/// A policy as it was read right before a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Identifies it among the snapshots of its account: digits and hyphens, ordered by time.
    #[serde(skip)]
    pub(crate) id: String,
    /// When it was saved.
    pub(crate) time: Timestamp,
    /// The account it belongs to.
    #[serde(flatten)]
    pub(crate) whose: Whose,
    /// What was about to be written, as diff lines against `policy`.
    pub(crate) change: Vec<String>,
    /// What of it was a grant: each role with the member, for the doctor. Earlier versions didn't save this.
    #[serde(default)]
    pub(crate) granted: Vec<(String, String)>,
    /// The policy, every field as it was read.
    pub(crate) policy: Value,
}

/// The store of snapshots. Clones share it.
#[derive(Clone, Debug)]
pub struct Snapshots(Arc<Place>);

#[derive(Debug)]
enum Place {
    /// There is no state folder: nothing can be saved, so nothing is allowed to be written.
    Nowhere,
    /// The demo, for as long as it runs.
    Memory(Mutex<Vec<Snapshot>>),
    /// One folder for each endpoint, one file for each snapshot.
    Folder(PathBuf),
}

impl Whose {
    /// Whether that snapshot shows up in this account's history: the same account, or the same name if one of the two
    /// unique IDs is not known.
    fn covers(&self, other: &Whose) -> bool {
        let same = |a: &str, b: &str| !a.is_empty() && a == b;
        self.endpoint == other.endpoint
            && if self.unique_id.is_empty() || other.unique_id.is_empty() {
                same(&self.account, &other.account)
            } else {
                self.unique_id == other.unique_id
            }
    }
}

impl Snapshot {
    /// Checks that the snapshot belongs to that account, before it is restored there.
    ///
    /// # Errors
    /// One sentence: it belongs to another account, possibly one with the same name.
    pub(crate) fn belongs_to(&self, whose: &Whose) -> Result<(), String> {
        if whose.covers(&self.whose) {
            return Ok(());
        }
        if self.whose.endpoint != whose.endpoint {
            return Err(format!("It was read from {}, not from {}.", self.whose.endpoint, whose.endpoint));
        }
        let now = if whose.unique_id.is_empty() {
            "has another name".to_owned()
        } else {
            format!("is {}", whose.unique_id)
        };
        Err(format!(
            "It is the policy of another account (unique ID {}); this account {now}. A policy is never restored to another account.",
            if self.whose.unique_id.is_empty() { "unknown" } else { &self.whose.unique_id },
        ))
    }

    /// What stands in for a file that can't be read: it is listed, and can't be restored.
    fn damaged(whose: Whose, id: String, why: &str) -> Snapshot {
        let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S-%f", &id).ok();
        let time = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let time = time.map_or(Timestamp::UNIX_EPOCH, |time| time.timestamp());
        Snapshot { id, time, whose, change: vec![why.to_owned()], granted: Vec::new(), policy: Value::Null }
    }

    /// Why it can't be restored, if its file can't be read.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.change.first().filter(|_| self.policy.is_null()).map(String::as_str)
    }

    /// Whether it could belong to an earlier account of the same name.
    pub(crate) fn is_doubtful(&self, whose: &Whose) -> bool {
        self.whose.unique_id.is_empty() || whose.unique_id.is_empty()
    }
}

impl Snapshots {
    /// In the state folder; without one, nothing can be saved.
    pub(crate) fn in_state_folder(state: Option<PathBuf>) -> Snapshots {
        Snapshots(Arc::new(state.map_or(Place::Nowhere, |state| Place::Folder(state.join("policies")))))
    }

    /// In memory, for the demo and tests.
    pub fn in_memory() -> Snapshots {
        Snapshots(Arc::new(Place::Memory(Mutex::default())))
    }

    /// Keeps a snapshot and returns its ID; the account's oldest snapshots beyond [`KEPT`] are removed.
    ///
    /// # Errors
    /// One sentence that says why it couldn't be saved.
    pub(crate) async fn save(&self, mut snapshot: Snapshot) -> Result<String, String> {
        match &*self.0 {
            Place::Nowhere => Err("there is no state folder: set IMPERSONA_STATE_DIR".to_owned()),
            Place::Memory(all) => {
                let mut all = all.lock().await;
                snapshot.id = free_id(snapshot.time, |id| all.iter().any(|kept| kept.id == id));
                let id = snapshot.id.clone();
                let whose = snapshot.whose.clone();
                all.push(snapshot);
                let of_it = all.iter().filter(|kept| whose.covers(&kept.whose)).count();
                if of_it > KEPT
                    && let Some(oldest) = all.iter().position(|kept| whose.covers(&kept.whose))
                {
                    all.remove(oldest);
                }
                Ok(id)
            }
            Place::Folder(folder) => {
                let folder = folder.clone();
                let shown = folder.display().to_string();
                let saved = blocking(move || write(&folder, &snapshot)).await;
                saved.map_err(|error| format!("{shown}: {error}"))
            }
        }
    }

    /// Removes a snapshot whose write never happened. One that can't be removed stays, which does no harm.
    pub(crate) async fn take_back(&self, whose: &Whose, id: &str) {
        match &*self.0 {
            Place::Nowhere => {}
            Place::Memory(all) => all.lock().await.retain(|kept| kept.id != id || !whose.covers(&kept.whose)),
            Place::Folder(folder) => {
                let path = folder.join(name(&whose.endpoint)).join(file_name(whose, id));
                let _ = blocking(move || fs::remove_file(path)).await;
            }
        }
    }

    /// The snapshots of an account, newest first; of a file that can't be read, only why (see [`Snapshot::damage`]).
    ///
    /// # Errors
    /// One sentence that says why the folder couldn't be read.
    pub(crate) async fn list(&self, whose: &Whose) -> Result<Vec<Snapshot>, String> {
        let mut found = self.find(whose.clone(), None).await?;
        found.retain(|snapshot| whose.covers(&snapshot.whose));
        found.sort_by(|a, b| b.id.cmp(&a.id));
        Ok(found)
    }

    /// One snapshot of an account, by its ID.
    ///
    /// # Errors
    /// One sentence: it doesn't exist, or belongs to another account, see [`Snapshot::belongs_to`].
    pub(crate) async fn load(&self, whose: &Whose, id: &str) -> Result<Snapshot, String> {
        let shown: String = id.chars().take(60).collect();
        let found = self.find(whose.clone(), Some(id.to_owned())).await?;
        // Of two with the same ID, this account's is meant.
        let snapshot = found.iter().find(|found| whose.covers(&found.whose)).or(found.first());
        let snapshot = snapshot
            .ok_or_else(|| format!("This account has no saved version “{shown}”: its history lists them."))?;
        snapshot.belongs_to(whose)?;
        if let Some(damage) = snapshot.damage() {
            return Err(format!("The saved version “{shown}” {damage}: choose another one."));
        }
        Ok(snapshot.clone())
    }

    /// Every snapshot at that endpoint with the account's name or unique ID, or with `id` every one with this ID.
    async fn find(&self, whose: Whose, id: Option<String>) -> Result<Vec<Snapshot>, String> {
        let endpoint = whose.endpoint.clone();
        let wanted = move |other: &Whose, its: &str| match &id {
            Some(id) => id == its && whose.endpoint == other.endpoint,
            None => whose.covers(other),
        };
        match &*self.0 {
            Place::Nowhere => Ok(Vec::new()),
            Place::Memory(all) => {
                let all = all.lock().await;
                Ok(all.iter().filter(|kept| wanted(&kept.whose, &kept.id)).cloned().collect())
            }
            Place::Folder(folder) => {
                let shown = folder.display().to_string();
                let place = folder.join(name(&endpoint));
                let read = blocking(move || read(&place, &endpoint, wanted)).await;
                read.map_err(|error| format!("{shown}: {error}"))
            }
        }
    }
}

/// The files are small and local, but a home on a network can hang: that must not block the executor.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Characters that are safe in a file name: no separators, nothing that a system reserves.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'@');

const ENDING: &str = ".json";

fn name(part: &str) -> String {
    utf8_percent_encode(part, NAME).to_string()
}

/// `UNIQUE_ID,EMAIL,ID.json`: tells the owner without opening the file.
fn file_name(whose: &Whose, id: &str) -> String {
    format!("{},{},{id}{ENDING}", name(&whose.unique_id), name(&whose.account))
}

/// The reverse of [`file_name`]; `None` for a file that isn't ours.
fn parse_name(endpoint: &str, file: &str) -> Option<(Whose, String)> {
    let mut parts = file.strip_suffix(ENDING)?.split(',');
    let mut part = || Some(percent_decode_str(parts.next()?).decode_utf8().ok()?.into_owned());
    let (unique_id, account, id) = (part()?, part()?, part()?);
    is_id(&id).then(|| (Whose { endpoint: endpoint.to_owned(), account, unique_id }, id))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// `20261121-213500-123456`: UTC down to the microsecond; later ones are greater, also as text.
fn free_id(time: Timestamp, taken: impl Fn(&str) -> bool) -> String {
    let id = |time: Timestamp| time.strftime("%Y%m%d-%H%M%S-%6f").to_string();
    let mut time = time;
    while taken(&id(time)) {
        time += jiff::SignedDuration::from_micros(1);
    }
    id(time)
}

fn write(folder: &Path, snapshot: &Snapshot) -> io::Result<String> {
    // A host name never consists of dots only, so it can't lead out of the folder.
    let place = folder.join(name(&snapshot.whose.endpoint));
    files::private_folder(&place)?;
    let mut text = serde_json::to_vec_pretty(snapshot)?;
    text.push(b'\n');
    let mut mine = Vec::new();
    let mut ids = Vec::new();
    for (whose, id) in names(&place, &snapshot.whose.endpoint)? {
        if snapshot.whose.covers(&whose) {
            mine.push((id.clone(), place.join(file_name(&whose, &id))));
        }
        ids.push(id);
    }
    let id = free_id(snapshot.time, |id| ids.iter().any(|other| other == id));
    files::write_private(&place.join(file_name(&snapshot.whose, &id)), &text)?;
    mine.sort();
    let over = (mine.len() + 1).saturating_sub(KEPT);
    for (_, path) in mine.iter().take(over) {
        // Whatever stays behind now is removed with the next one.
        let _ = fs::remove_file(path);
    }
    Ok(id)
}

/// The owners of the snapshots in that folder, from the names of the files.
fn names(place: &Path, endpoint: &str) -> io::Result<Vec<(Whose, String)>> {
    let entries = fs::read_dir(place)?;
    let names = entries.flatten().filter_map(|entry| parse_name(endpoint, entry.file_name().to_str()?));
    Ok(names.collect())
}

fn read(place: &Path, endpoint: &str, wanted: impl Fn(&Whose, &str) -> bool) -> io::Result<Vec<Snapshot>> {
    let names = match names(place, endpoint) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };
    let wanted = names.into_iter().filter(|(whose, id)| wanted(whose, id));
    let snapshot = |(whose, id): (Whose, String)| {
        let path = place.join(file_name(&whose, &id));
        let read = match fs::read(&path) {
            // Another instance has removed it since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.to_string()),
            Ok(bytes) => serde_json::from_slice::<Snapshot>(&bytes)
                .map_err(|error| format!("damaged at line {}, column {}", error.line(), error.column())),
        };
        Some(match read {
            Ok(snapshot) if !snapshot.policy.is_null() => Snapshot { id, ..snapshot },
            Ok(_) => {
                Snapshot::damaged(whose, id, &format!("can't be read (no policy in it): {}", path.display()))
            }
            Err(why) => Snapshot::damaged(whose, id, &format!("can't be read ({why}): {}", path.display())),
        })
    };
    Ok(wanted.filter_map(snapshot).collect())
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
