//! Everything the command line prints: results on stdout, errors on stderr, credentials to stdout or to a new
//! file. Whatever comes from outside is made safe here; the one place of the command line that opens a secret.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::json;
use zeroize::Zeroizing;

use crate::http::ApiError;
use crate::local::files::create_private;
use crate::model::secret::Secret;
use crate::session::Failure;
use crate::text::safe::{is_unsafe, safe_line};

/// A value for `--json`: one line, compact. Serializing what we print cannot fail; escapes keep control
/// characters of other people's text off the terminal without changing what it means.
pub(crate) fn to_json(value: &impl Serialize) -> Zeroizing<String> {
    let text =
        Zeroizing::new(serde_json::to_string(value).expect("strings, numbers and maps with string keys"));
    if !text.contains(is_unsafe) {
        return text;
    }
    let mut escaped = Zeroizing::new(String::with_capacity(text.len() + 64));
    for c in text.chars() {
        // White space between tokens is JSON's own; inside strings it comes escaped already.
        if is_unsafe(c) && !matches!(c, '\n' | '\r' | '\t') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// One line on stdout, written at once, so that a reader of the stream gets each line when it is ready.
///
/// # Errors
/// [`Failure::Closed`] when the reader has gone.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()).map_err(
        |error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::io("writing the result", &error),
        },
    )
}

/// A line of text with a column for each part; other people's text made safe, the end trimmed.
pub(crate) fn columns(parts: &[(&str, usize)]) -> String {
    let cells: Vec<String> = parts.iter().map(|(text, cells)| pad(&safe_line(text), *cells)).collect();
    cells.join("  ").trim_end().to_owned()
}

/// Filled to a width, never cut: what is printed may be read by a program.
fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(crate::text::width::width(text))))
}

/// A time as Google prints it: UTC, whole seconds.
pub(crate) fn time(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// A remark on stderr; nobody minds when it cannot be written.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{}", safe_line(text));
}

/// How far something long is, on a line of its own that the next one replaces; empty, the line goes. Only people see it.
pub(crate) fn progress(text: &str) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r{}\x1b[K", safe_line(text)).and_then(|()| stderr.flush());
    }
}

/// An error on stderr: a sentence and the next step, or with `--json` one object.
pub(crate) fn error(error: &ApiError, json: bool) {
    let text = if json {
        to_json(&json!({"error": {
            "kind": error.kind.word(),
            "status": error.status,
            "reason": error.reason(),
            "message": error.sentence(),
            "next": error.next(),
        }}))
    } else {
        let next = error.next().map(|next| format!("\n  next: {}", safe_line(&next))).unwrap_or_default();
        Zeroizing::new(format!("impersona: {}{next}", safe_line(&error.sentence())))
    };
    let _ = writeln!(io::stderr(), "{}", *text);
}

/// A secret that will be printed: the only way the command line opens one.
pub(crate) struct Opened<'a>(pub(crate) &'a Secret);

impl Serialize for Opened<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// A line with a secret in the place of `{}`.
pub(crate) fn filled(line: &str, secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(line.replacen("{}", secret.expose(), 1))
}

/// Where a credential goes. A file is made before anything is asked of Google, so that nothing is minted in vain.
pub(crate) enum Sink {
    Stdout,
    /// A new file, taken away again when nothing comes to be written.
    File {
        file: File,
        path: PathBuf,
        /// Whether it holds what it was made for.
        done: bool,
    },
}

impl Sink {
    /// stdout, or the new file, readable by its owner only.
    ///
    /// # Errors
    /// The file exists already, be it a dangling link, or cannot be made.
    pub(crate) fn open(out: Option<&Path>) -> Result<Sink, Failure> {
        let Some(path) = out else { return Ok(Sink::Stdout) };
        if path == Path::new("-") {
            return Err(Failure::usage(
                "--out needs the name of a new file; leave it out to print to stdout",
            ));
        }
        match create_private(path) {
            Ok(file) => Ok(Sink::File { file, path: path.to_owned(), done: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::refused(format!(
                "{} already exists; credentials never overwrite a file",
                path.display()
            ))),
            Err(error) => Err(Failure::refused(format!("{} can't be created: {error}", path.display()))),
        }
    }

    /// Writes the credential: alone, or the whole answer as JSON.
    ///
    /// # Errors
    /// stdout or the file cannot be written.
    pub(crate) fn write(&mut self, secret: &Secret, json: Option<&impl Serialize>) -> Result<(), Failure> {
        let text = match json {
            Some(json) => to_json(json),
            None => Zeroizing::new(secret.expose().to_owned()),
        };
        match self {
            Sink::Stdout => line(&text),
            Sink::File { file, path, done } => {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
                    .and_then(|()| file.sync_all())
                    .map_err(|error| Failure::io(&format!("writing {}", path.display()), &error))?;
                *done = true;
                Ok(())
            }
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Sink::File { path, done: false, .. } = self {
            // Ours alone: it was made with O_EXCL. What remains if this fails is an empty file.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_loses_its_tricks() {
        let value = json!({"a": "x\u{9b}31m\u{202e}\u{e0041}é\n\u{7f}"});
        let text = to_json(&value);
        assert_eq!(*text, r#"{"a":"x\u009b31m\u202e\udb40\udc41é\n\u007f"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_credential_file_is_new_and_gone_when_nothing_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        drop(Sink::open(Some(&path)).map_err(|_| ()).unwrap());
        assert!(!path.exists());

        let mut sink = Sink::open(Some(&path)).map_err(|_| ()).unwrap();
        sink.write(&Secret::new("ya29.c.x"), None::<&()>).map_err(|_| ()).unwrap();
        drop(sink);
        assert_eq!(fs::read_to_string(&path).unwrap(), "ya29.c.x\n");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
            0o600
        );

        let Err(refused) = Sink::open(Some(&path)) else { panic!("it exists") };
        assert_eq!(refused.exit_code(), 8);
        assert_eq!(fs::read_to_string(&path).unwrap(), "ya29.c.x\n");
    }

    #[test]
    fn times_are_cut_to_the_second() {
        assert_eq!(time("2026-11-21T22:22:20.996781947Z".parse().unwrap()), "2026-11-21T22:22:20Z");
    }

    #[test]
    fn columns_are_safe_and_never_cut() {
        assert_eq!(columns(&[("a\x1b", 4), ("longer", 2), ("", 9)]), "a␛    longer");
    }
}
