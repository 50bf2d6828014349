//! What policies were before we wrote over them: one snapshot for each write, in the state folder's `policies/`, or in
//! memory for the demo. It keeps, lists and gives back; what a policy means, and putting one back, is for others.
//!
//! A snapshot belongs to an endpoint and an account. Accounts are told apart by their unique ID, for a name can be
//! given again to another account; where the id was not to be had, by their email, and whoever restores says so.

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

/// How many are kept of one account.
pub const KEPT: usize = 50;

/// Which account, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Whose {
    /// The host of IAM's endpoint, with the port where there is one.
    pub endpoint: String,
    /// The account's email; empty where only its unique ID is known.
    pub account: String,
    /// 21 digits; empty when not known.
    pub unique_id: String,
}

/// A policy as it was read, right before it was written over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Names it among the snapshots of its account: digits and hyphens, in the order of time.
    #[serde(skip)]
    pub id: String,
    /// When it was saved.
    pub time: Timestamp,
    /// Whose policy.
    #[serde(flatten)]
    pub whose: Whose,
    /// What was about to be written, as lines of a diff against `policy`.
    pub change: Vec<String>,
    /// The policy, every field as it was read.
    pub policy: Value,
}

/// Where snapshots are kept. Clones share it.
#[derive(Clone, Debug)]
pub struct Snapshots(Arc<Place>);

#[derive(Debug)]
enum Place {
    /// There is no state folder: nothing can be saved, so nothing may be written.
    Nowhere,
    /// The demo, for as long as it runs.
    Memory(Mutex<Vec<Snapshot>>),
    /// One folder for each endpoint in here, one file for each snapshot.
    Folder(PathBuf),
}

impl Whose {
    /// Whether that snapshot shows up in this account's history: the same account, or the same name where one of the
    /// two unique IDs is not known.
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
    /// Whether it may be put back on that account.
    ///
    /// # Errors
    /// One sentence: it is another account's, be it one of the same name.
    pub fn belongs_to(&self, whose: &Whose) -> Result<(), String> {
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

    /// Whether nobody can tell if it is of this very account or of an earlier one of the same name.
    pub fn is_doubtful(&self, whose: &Whose) -> bool {
        self.whose.unique_id.is_empty() || whose.unique_id.is_empty()
    }
}

impl Snapshots {
    /// In the state folder; without one nothing can be saved.
    pub fn in_state_folder(state: Option<PathBuf>) -> Snapshots {
        Snapshots(Arc::new(state.map_or(Place::Nowhere, |state| Place::Folder(state.join("policies")))))
    }

    /// In memory, for the demo and tests.
    pub fn in_memory() -> Snapshots {
        Snapshots(Arc::new(Place::Memory(Mutex::default())))
    }

    /// Keeps a snapshot and gives its id; of its account's the oldest above [`KEPT`] go.
    ///
    /// # Errors
    /// One sentence why it could not be saved.
    pub async fn save(&self, mut snapshot: Snapshot) -> Result<String, String> {
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

    /// Forgets a snapshot again: nothing was written over the policy it holds. What cannot be removed stays, and does no
    /// harm.
    pub async fn take_back(&self, whose: &Whose, id: &str) {
        match &*self.0 {
            Place::Nowhere => {}
            Place::Memory(all) => all.lock().await.retain(|kept| kept.id != id || !whose.covers(&kept.whose)),
            Place::Folder(folder) => {
                let path = folder.join(name(&whose.endpoint)).join(file_name(whose, id));
                let _ = blocking(move || fs::remove_file(path)).await;
            }
        }
    }

    /// The snapshots of an account, the newest first. One that cannot be read is left out.
    ///
    /// # Errors
    /// One sentence why the folder could not be read.
    pub async fn list(&self, whose: &Whose) -> Result<Vec<Snapshot>, String> {
        let mut found = self.find(whose.clone(), None).await?;
        found.retain(|snapshot| whose.covers(&snapshot.whose));
        found.sort_by(|a, b| b.id.cmp(&a.id));
        Ok(found)
    }

    /// One snapshot of an account, by its id.
    ///
    /// # Errors
    /// One sentence: there is none, or it is another account's, see [`Snapshot::belongs_to`].
    pub async fn load(&self, whose: &Whose, id: &str) -> Result<Snapshot, String> {
        let shown: String = id.chars().take(60).collect();
        let found = self.find(whose.clone(), Some(id.to_owned())).await?;
        // Of two with one id the one of this account is meant.
        let snapshot = found.iter().find(|found| whose.covers(&found.whose)).or(found.first());
        let snapshot = snapshot
            .ok_or_else(|| format!("This account has no saved version “{shown}”: its history lists them."))?;
        snapshot.belongs_to(whose)?;
        Ok(snapshot.clone())
    }

    /// Every snapshot at that endpoint that has the account's name or unique ID, or with `id` every one with this id.
    async fn find(&self, whose: Whose, id: Option<String>) -> Result<Vec<Snapshot>, String> {
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
                let folder = folder.clone();
                let shown = folder.display().to_string();
                let read = blocking(move || read(&folder, wanted)).await;
                read.map_err(|error| format!("{shown}: {error}"))
            }
        }
    }
}

/// Files are small and on this machine, yet a home on a network may hang: it must not hold back the executor.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// What may stand in a file name as it is: no separator, nothing that a system reserves.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'@');

const ENDING: &str = ".json";

fn name(part: &str) -> String {
    utf8_percent_encode(part, NAME).to_string()
}

/// `UNIQUE_ID,EMAIL,ID.json`: whose it is can be told without opening it.
fn file_name(whose: &Whose, id: &str) -> String {
    format!("{},{},{id}{ENDING}", name(&whose.unique_id), name(&whose.account))
}

/// The reverse of [`file_name`]; none for a file that is not ours.
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
    // A host name is never only dots, so it cannot lead out of the folder.
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
        // What stays behind now goes with the next one.
        let _ = fs::remove_file(path);
    }
    Ok(id)
}

/// Whose snapshots are in that folder, by the names of the files.
fn names(place: &PathBuf, endpoint: &str) -> io::Result<Vec<(Whose, String)>> {
    let entries = fs::read_dir(place)?;
    let names = entries.flatten().filter_map(|entry| parse_name(endpoint, entry.file_name().to_str()?));
    Ok(names.collect())
}

fn read(folder: &PathBuf, wanted: impl Fn(&Whose, &str) -> bool) -> io::Result<Vec<Snapshot>> {
    let endpoints = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for place in endpoints.flatten() {
        let file = place.file_name();
        let Some(endpoint) = file.to_str().and_then(|name| percent_decode_str(name).decode_utf8().ok())
        else {
            continue;
        };
        for (whose, id) in names(&place.path(), &endpoint).unwrap_or_default() {
            if !wanted(&whose, &id) {
                continue;
            }
            let bytes = fs::read(place.path().join(file_name(&whose, &id)));
            if let Some(snapshot) = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                found.push(Snapshot { id, ..snapshot });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MAIL: &str = impersona_emulator::names::EDITABLE;

    fn whose(unique_id: &str) -> Whose {
        Whose { endpoint: "127.0.0.1:8787".into(), account: MAIL.into(), unique_id: unique_id.into() }
    }

    fn snapshot(whose: Whose, second: i64) -> Snapshot {
        Snapshot {
            id: String::new(),
            time: Timestamp::from_second(1_800_000_000 + second).unwrap(),
            whose,
            change: vec!["+ roles/a user:a@x".into()],
            policy: json!({"etag": "BwX=", "newField": [1, {"deep": true}], "version": 1}),
        }
    }

    /// The same in memory and on disk.
    async fn in_both(test: impl AsyncFn(&Snapshots)) {
        test(&Snapshots::in_memory()).await;
        let folder = tempfile::tempdir().unwrap();
        test(&Snapshots::in_state_folder(Some(folder.path().join("state")))).await;
    }

    #[tokio::test]
    async fn what_was_saved_is_listed_newest_first_and_comes_back_with_every_field() {
        in_both(async |snapshots| {
            let first = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
            let second = snapshots.save(snapshot(whose("1"), 5)).await.unwrap();
            snapshots.save(snapshot(Whose { endpoint: "other".into(), ..whose("1") }, 9)).await.unwrap();
            let ids: Vec<String> =
                snapshots.list(&whose("1")).await.unwrap().into_iter().map(|s| s.id).collect();
            assert_eq!(ids, [second, first.clone()]);
            let loaded = snapshots.load(&whose("1"), &first).await.unwrap();
            assert_eq!(loaded, Snapshot { id: first, ..snapshot(whose("1"), 0) });
        })
        .await;
    }

    #[tokio::test]
    async fn two_in_one_instant_are_two() {
        in_both(async |snapshots| {
            let first = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
            let second = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
            assert!(first < second, "{first} {second}");
            assert_eq!(first, "20270115-080000-000000");
        })
        .await;
    }

    #[tokio::test]
    async fn fifty_are_kept_of_an_account_and_the_oldest_goes() {
        in_both(async |snapshots| {
            let other = snapshots.save(snapshot(whose("2"), 0)).await.unwrap();
            for second in 0..=KEPT {
                snapshots.save(snapshot(whose("1"), second as i64)).await.unwrap();
            }
            let kept = snapshots.list(&whose("1")).await.unwrap();
            assert_eq!(kept.len(), KEPT);
            assert_eq!(kept.last().map(|last| last.time), Some(snapshot(whose("1"), 1).time));
            assert!(snapshots.load(&whose("2"), &other).await.is_ok());
        })
        .await;
    }

    #[tokio::test]
    async fn a_snapshot_of_another_account_of_the_same_name_is_refused() {
        in_both(async |snapshots| {
            let old = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
            assert!(snapshots.list(&whose("2")).await.unwrap().is_empty());
            let refusal = snapshots.load(&whose("2"), &old).await.unwrap_err();
            assert!(refusal.contains("another account (unique ID 1);"), "{refusal}");
            let missing = snapshots.load(&whose("1"), "../../etc/passwd").await.unwrap_err();
            assert!(missing.contains("no saved version"), "{missing}");
        })
        .await;
    }

    #[tokio::test]
    async fn without_a_unique_id_the_name_counts_and_the_doubt_is_told() {
        in_both(async |snapshots| {
            let unknown = snapshots.save(snapshot(whose(""), 0)).await.unwrap();
            let loaded = snapshots.load(&whose("2"), &unknown).await.unwrap();
            assert!(loaded.is_doubtful(&whose("2")));
            assert_eq!(snapshots.list(&whose("")).await.unwrap().len(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn without_a_place_nothing_is_saved_and_the_sentence_says_what_helps() {
        let nowhere = Snapshots::in_state_folder(None);
        let refusal = nowhere.save(snapshot(whose("1"), 0)).await.unwrap_err();
        assert!(refusal.contains("IMPERSONA_STATE_DIR"), "{refusal}");
        assert!(nowhere.list(&whose("1")).await.unwrap().is_empty());
    }

    #[test]
    fn an_account_covers_its_own_and_with_a_number_unknown_its_name() {
        let of = |endpoint: &str, account: &str, unique_id: &str| Whose {
            endpoint: endpoint.into(),
            account: account.into(),
            unique_id: unique_id.into(),
        };
        for (one, other, covers) in [
            // Both numbers are known: they alone count.
            (of("e", "a", "1"), of("e", "a", "1"), true),
            (of("e", "a", "1"), of("e", "b", "1"), true),
            (of("e", "", "1"), of("e", "a", "1"), true),
            (of("e", "a", "1"), of("e", "a", "2"), false),
            (of("e", "", "1"), of("e", "", "2"), false),
            // One is not: the name counts.
            (of("e", "a", "1"), of("e", "a", ""), true),
            (of("e", "a", ""), of("e", "a", ""), true),
            (of("e", "a", "1"), of("e", "b", ""), false),
            (of("e", "a", ""), of("e", "b", ""), false),
            // Without a name nothing is the same.
            (of("e", "", "1"), of("e", "", ""), false),
            (of("e", "", ""), of("e", "", ""), false),
            (of("e", "", "1"), of("e", "a", ""), false),
        ] {
            assert_eq!(one.covers(&other), covers, "{one:?} {other:?}");
            assert_eq!(other.covers(&one), covers, "{other:?} {one:?}");
            // Another endpoint is another world.
            let elsewhere = Whose { endpoint: "f".into(), ..other };
            assert!(!one.covers(&elsewhere) && !elsewhere.covers(&one), "{one:?} {elsewhere:?}");
        }
    }

    #[tokio::test]
    async fn what_is_taken_back_is_gone_and_nothing_else_is() {
        in_both(async |snapshots| {
            let mine = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
            let older = snapshots.save(snapshot(whose("1"), -5)).await.unwrap();
            let theirs = snapshots.save(snapshot(whose("2"), 0)).await.unwrap();
            let count = async |id: &str| snapshots.list(&whose(id)).await.unwrap().len();
            // By another account, or at another endpoint, it is not found.
            snapshots.take_back(&whose("2"), &mine).await;
            snapshots.take_back(&whose("1"), &theirs).await;
            snapshots.take_back(&Whose { endpoint: "other".into(), ..whose("1") }, &mine).await;
            snapshots.take_back(&whose("1"), "20000101-000000-000000").await;
            assert_eq!((count("1").await, count("2").await), (2, 1));
            snapshots.take_back(&whose("1"), &mine).await;
            let left: Vec<String> =
                snapshots.list(&whose("1")).await.unwrap().into_iter().map(|s| s.id).collect();
            assert_eq!((left, count("2").await), (vec![older], 1));
            assert!(snapshots.load(&whose("1"), &mine).await.is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn one_id_of_two_accounts_or_endpoints_is_each_ones_own() {
        // In memory and in a folder ids differ within an endpoint; files may have been put there by hand.
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
        let elsewhere = Whose { endpoint: "other:1".into(), ..whose("1") };
        let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        assert_eq!(snapshots.save(snapshot(elsewhere.clone(), 0)).await.unwrap(), id);
        let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
        let foreign = Snapshot { change: vec!["theirs".into()], ..snapshot(whose("2"), 0) };
        fs::write(place.join(file_name(&whose("2"), &id)), serde_json::to_vec(&foreign).unwrap()).unwrap();
        for of in [whose("1"), whose("2"), elsewhere.clone()] {
            let loaded = snapshots.load(&of, &id).await.unwrap();
            assert_eq!(loaded.whose, of);
        }
        snapshots.take_back(&whose("1"), &id).await;
        // What is left is another's: it is named as such, and the other endpoint's is not even seen.
        let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
        assert!(refusal.contains("unique ID 2"), "{refusal}");
        snapshots.take_back(&whose("2"), &id).await;
        let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
        assert!(refusal.contains("no saved version"), "{refusal}");
        assert!(snapshots.load(&elsewhere, &id).await.is_ok());
    }

    #[tokio::test]
    async fn another_endpoints_snapshot_is_not_found_by_its_id() {
        in_both(async |snapshots| {
            let other = Whose { endpoint: "other".into(), ..whose("1") };
            let id = snapshots.save(snapshot(other.clone(), 0)).await.unwrap();
            let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
            assert!(refusal.contains("no saved version"), "{refusal}");
            let loaded = snapshots.load(&other, &id).await.unwrap();
            // Given one all the same, it says where it was read.
            let refusal = loaded.belongs_to(&whose("1")).unwrap_err();
            assert!(refusal.contains("from other, not from 127.0.0.1:8787"), "{refusal}");
        })
        .await;
    }

    #[test]
    fn an_id_is_digits_and_hyphens_and_a_file_of_any_other_name_is_no_snapshot() {
        for (file, id) in [
            ("1,x,20270115-080000-000000.json", Some("20270115-080000-000000")),
            ("1,x,7.json", Some("7")),
            (",x,7.json", Some("7")),
            ("1,,7.json", Some("7")),
            ("1,x,.json", None),
            ("1,x,notes.json", None),
            ("1,x,7a.json", None),
            ("1,x,7_.json", None),
            ("1,x,7", None),
            ("1,x,7.json.bak", None),
            ("1,x.json", None),
            ("7.json", None),
            ("", None),
        ] {
            let found = parse_name("e", file).map(|(_, id)| id);
            assert_eq!(found.as_deref(), id, "{file}");
        }
    }

    #[tokio::test]
    async fn a_snapshot_in_a_file_of_another_name_is_left_out_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
        let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
        let notes = place.join(format!("1,{},notes.json", name(MAIL)));
        fs::copy(place.join(file_name(&whose("1"), &id)), &notes).unwrap();
        assert_eq!(snapshots.list(&whose("1")).await.unwrap().len(), 1);
        assert!(snapshots.load(&whose("1"), "notes").await.is_err());
        snapshots.take_back(&whose("1"), &id).await;
        assert!(notes.exists());
    }

    #[tokio::test]
    async fn a_file_under_anothers_name_is_listed_for_neither_and_given_to_neither() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
        let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
        fs::rename(place.join(file_name(&whose("1"), &id)), place.join(file_name(&whose("2"), &id))).unwrap();
        for of in ["1", "2"] {
            assert_eq!(snapshots.list(&whose(of)).await.unwrap(), [], "{of}");
        }
        let refusal = snapshots.load(&whose("2"), &id).await.unwrap_err();
        assert!(refusal.contains("another account, unique id 1;"), "{refusal}");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_with_its_place_and_is_no_empty_history() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
        let file = folder.path().join("policies");
        fs::write(&file, "a file where a folder should be").unwrap();
        for refusal in [
            snapshots.list(&whose("1")).await.unwrap_err(),
            snapshots.load(&whose("1"), "1").await.unwrap_err(),
            snapshots.save(snapshot(whose("1"), 0)).await.unwrap_err(),
        ] {
            assert!(refusal.starts_with(&format!("{}: ", file.display())), "{refusal}");
        }
    }

    #[tokio::test]
    async fn a_snapshot_is_a_text_file_that_ends_its_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
        let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
        let text = fs::read_to_string(place.join(file_name(&whose("1"), &id))).unwrap();
        assert!(text.ends_with("}\n") && !text.ends_with("\n\n"), "{text:?}");
    }

    #[tokio::test]
    async fn where_there_is_no_folder_nothing_is_listed_and_nothing_goes_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for snapshots in
            [Snapshots::in_state_folder(None), Snapshots::in_state_folder(Some(folder.path().join("none")))]
        {
            assert!(snapshots.list(&whose("1")).await.unwrap().is_empty());
            assert!(snapshots.load(&whose("1"), "1").await.unwrap_err().contains("no saved version"));
            snapshots.take_back(&whose("1"), "1").await;
        }
    }

    #[test]
    fn who_cannot_tell_two_accounts_of_a_name_apart_says_so() {
        let of = |one: &str, other: &str| snapshot(whose(one), 0).is_doubtful(&whose(other));
        assert_eq!([of("1", "1"), of("1", ""), of("", "1"), of("", "")], [false, true, true, true]);
        let refusal = |one: &str, other: Whose| snapshot(whose(one), 0).belongs_to(&other).unwrap_err();
        let stranger = Whose { account: "other@x".into(), ..whose("") };
        let refused = refusal("", stranger.clone());
        assert!(refused.contains("unique ID unknown); this account has another name"), "{refused}");
        assert!(refusal("1", stranger).contains("unique ID 1); this account has another name"));
        assert!(refusal("1", whose("2")).contains("unique ID 1); this account is 2"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_and_folders_are_for_their_owner_and_their_names_are_safe() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
        let odd = Whose { endpoint: "[::1]:80/..".into(), account: "../a,b c".into(), unique_id: "1".into() };
        let id = snapshots.save(snapshot(odd.clone(), 0)).await.unwrap();
        let place = folder.path().join("policies");
        let host = place.join("%5B%3A%3A1%5D%3A80%2F..");
        let file = host.join(format!("1,..%2Fa%2Cb%20c,{id}.json"));
        assert_eq!((mode(&place), mode(&host), mode(&file)), (0o700, 0o700, 0o600));
        assert_eq!(snapshots.load(&odd, &id).await.unwrap().whose, odd);
        fs::write(host.join("1,x,20270115-080000-000001.json"), "{").unwrap();
        fs::write(host.join("notes.txt"), "").unwrap();
        assert_eq!(snapshots.list(&odd).await.unwrap().len(), 1);
    }
}
