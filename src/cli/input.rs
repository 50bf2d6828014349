//! What a subcommand reads: a file, or stdin for `-`, up to a bound; text in any encoding that people's tools write.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::output;
use crate::session::Failure;
use crate::text::decode;

/// The bytes of a file, or of stdin for `-`, at most `most` of them; they may be a secret. At a terminal, `hint` says
/// what to type.
///
/// # Errors
/// What the file system says, with the name of the file.
pub(super) fn bytes(path: &Path, most: u64, hint: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = if path == Path::new("-") {
        if io::stdin().is_terminal() {
            output::remark(&format!("impersona: {hint}, then end the input with ctrl-d"));
        }
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::refused(format!("reading {}: {error}", path.display())))?;
    Ok(bytes)
}

/// The text of a file, or of stdin for `-`, as [`bytes`] reads it.
///
/// # Errors
/// As [`bytes`]; anything but text.
pub(super) fn text(path: &Path, most: u64, hint: &str) -> Result<Zeroizing<String>, Failure> {
    let bytes = bytes(path, most, hint)?;
    decode::decode(&bytes).map_err(|why| Failure::refused(format!("{} {why}", path.display())))
}

/// Like [`text`], with what is not text replaced: what is looked for can be next to it.
pub(super) fn any_text(path: &Path, most: u64, hint: &str) -> Result<Zeroizing<String>, Failure> {
    Ok(decode::decode_lossy(&bytes(path, most, hint)?))
}
