//! The last failure, kept for `impersona doctor`: what Google refused and what was asked, never a credential. The demo
//! keeps nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{http::ApiError, local::files, model::denial::Refusal};

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastFailure {
    pub(crate) time: Timestamp,
    /// What Google said, and what it was asked.
    pub(crate) refusal: Refusal,
    /// What to run to be let in again, where the caller's credentials told.
    pub(crate) remedy: Option<String>,
    /// Who was refused, where that is known.
    pub(crate) caller: Option<String>,
    /// The base URL of IAM: another one is another world.
    pub(crate) endpoint: String,
}

impl LastFailure {
    /// From an error, if it is a refusal: whatever else fails explains itself.
    pub(crate) fn of(error: &ApiError, time: Timestamp) -> Option<LastFailure> {
        let refusal = (**error.refusal.as_ref()?).clone();
        let remedy = error.own_next().map(str::to_owned);
        Some(LastFailure { time, refusal, remedy, caller: None, endpoint: String::new() })
    }

    /// The same with who was refused, and where.
    #[must_use]
    pub(crate) fn by(self, caller: Option<String>, endpoint: String) -> LastFailure {
        LastFailure { caller, endpoint, ..self }
    }

    /// Reads the file; a missing one means that nothing failed.
    ///
    /// # Errors
    /// One sentence: the file can't be read.
    pub(crate) fn load(path: &Path) -> Result<Option<LastFailure>, String> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| format!("{} can't be read: {error}.", path.display()))?,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let (path, line, column) = (path.display(), error.line(), error.column());
            format!("The last denial can't be read: {path} is damaged (line {line}, column {column}).")
        })
    }

    /// Replaces the file in one step, readable by its owner only.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        files::replace_private(path, self)
    }
}

/// Its file in that folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("last-failure.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::denial::RequestContext;

    #[test]
    fn a_failure_comes_back_as_it_was_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(&folder.path().join("new"));
        assert_eq!(LastFailure::load(&path), Ok(None));
        let asked = RequestContext {
            resource: "sa@p".into(),
            delegates: vec!["d@p".into()],
            ..RequestContext::default()
        };
        let body = br#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#;
        let error = ApiError::from_answer(403, body, &asked).with_next("Log in again.");
        let failure = LastFailure::of(&error, Timestamp::UNIX_EPOCH).expect("a refusal");
        failure.save(&path).expect("saved");
        assert_eq!(LastFailure::load(&path), Ok(Some(failure)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        for broken in ["", "{", "[]", "\0\0", "{\"time\":7}"] {
            fs::write(&path, broken).expect("broken");
            let why = LastFailure::load(&path).expect_err(broken);
            assert!(why.contains("last-failure.json is damaged (line 1"), "{why}");
        }
    }
}
