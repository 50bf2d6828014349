//! Private files, whatever the umask: new files for secrets (never over an existing file, never through a link), the
//! state folder, and files that are appended to there.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Creates a new file (`O_EXCL`: a link, even a dangling one, counts as existing) with mode 0600.
///
/// # Errors
/// `AlreadyExists`, or another error of the file system.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates such a file and writes all of it.
///
/// # Errors
/// As [`create_private`]; a partly written file is removed again.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        // Safe to remove: we created it a moment ago.
        let _ = std::fs::remove_file(path);
    })
}

/// Replaces a file with a value as JSON atomically, readable by its owner only; creates its folder if missing. It is on
/// the disk before it takes the old one's place: after a power cut one of the two is there, whole.
///
/// # Errors
/// The file system's error; the old file then stays.
pub(crate) fn replace_private(path: &Path, value: &impl serde::Serialize) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    private_folder(folder)?;
    // Created with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Creates a folder that only its owner can access, and its missing parents. An existing folder stays as it is: it
/// might be shared on purpose.
///
/// # Errors
/// The file system's error.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file for appending, or for writing from its start, sets its mode to 0600, and creates its folder if missing.
///
/// # Errors
/// The file system's error.
pub(crate) fn open_private(path: &Path, anew: bool) -> io::Result<File> {
    private_folder(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
    let mut options = OpenOptions::new();
    options.create(true).append(!anew).write(true).truncate(anew);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // An earlier version, or someone else, might have created it.
    #[cfg(unix)]
    let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
    Ok(file)
}

/// Why other users of this machine could have written to a file of ours; `None` if only its owner and root can.
#[cfg(unix)]
pub(crate) fn written_by_others(path: &Path) -> io::Result<Option<String>> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    for place in [Some(path), path.parent()].into_iter().flatten() {
        let found = std::fs::metadata(place)?;
        if found.uid() != me && found.uid() != 0 {
            return Ok(Some(format!("{} belongs to another user", place.display())));
        }
        if found.mode() & 0o022 != 0 {
            let name = place.display().to_string();
            let command = format!("chmod go-w {}", crate::model::shell::quote(&name));
            return Ok(Some(format!("others can write to {name}: run `{command}`")));
        }
    }
    Ok(None)
}

/// Why other users of this machine could have written to a file of ours: this can't be told here.
#[cfg(not(unix))]
pub(crate) fn written_by_others(_: &Path) -> io::Result<Option<String>> {
    Ok(None)
}

/// [`write_private`] in the current folder, under the next free name if this one is taken: `x.txt`, `x-2.txt`, …
/// Returns the whole path.
///
/// # Errors
/// The file system's error; after a hundred taken names, `AlreadyExists` for the last one.
pub(crate) fn write_private_beside(name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "txt"));
    let mut path = PathBuf::from(name);
    for number in 2..=100 {
        match write_private(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = PathBuf::from(format!("{stem}-{number}.{ending}"))
            }
            Err(error) => return Err(error),
            Ok(()) => return path.canonicalize(),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_private_and_an_old_one_or_a_link_is_left_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        write_private(&path, b"secret").expect("new");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(write_private(&path, b"other").map_err(|e| e.kind()), Err(io::ErrorKind::AlreadyExists));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).expect("a dangling link");
        assert!(write_private(&link, b"other").is_err() && !folder.path().join("elsewhere").exists());
    }
}
