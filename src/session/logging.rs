//! The log of the explorer: one line for each request and for what went wrong, in a file of the state folder.
//! What it is given was redacted before; it never sees a credential.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
};

use crate::{
    http::{Record, record::Outcome},
    local::files,
};

/// Beyond this size the log starts over, because it is for looking at what just happened.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The log in the state folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("impersona.log")
}

/// Starts logging into the folder. A log that can't be written doesn't prevent the start.
pub(crate) fn start(folder: &Path, verbose: bool) {
    let path = file(folder);
    let anew = fs::metadata(&path).is_ok_and(|meta| meta.len() > MAX_BYTES);
    let file = files::open_private(&path, anew);
    if let Ok(file) = file {
        // A second logger in one process is a test's; the first goes on.
        let _ = tracing::subscriber::set_global_default(log(file, verbose));
    }
}

/// Takes in what this crate says, and nobody else: the libraries below would tell of headers and bodies.
fn log(file: File, verbose: bool) -> impl tracing::Subscriber + Send + Sync {
    let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let lines = tracing_subscriber::fmt::layer().with_writer(Arc::new(file)).with_ansi(false);
    tracing_subscriber::registry()
        .with(lines)
        .with(Targets::new().with_target(env!("CARGO_CRATE_NAME"), level))
}

/// Notes a request that ended.
pub(crate) fn request(record: &Record) {
    let millis = record.latency.map_or(0, |latency| latency.as_millis());
    let status = record.status.unwrap_or_default();
    match &record.outcome {
        Outcome::Running if record.tries > 0 => {
            tracing::debug!(id = record.id, call = record.call.as_ref(), status, "to be repeated")
        }
        Outcome::Running => tracing::debug!(id = record.id, call = record.call.as_ref(), "sent"),
        Outcome::Done => {
            tracing::info!(id = record.id, call = record.call.as_ref(), status, millis, tries = record.tries)
        }
        Outcome::Cancelled => {
            tracing::info!(id = record.id, call = record.call.as_ref(), millis, "cancelled")
        }
        Outcome::Failed(why) => tracing::warn!(
            id = record.id,
            call = record.call.as_ref(),
            status,
            millis,
            tries = record.tries,
            why = why.escape_default().to_string()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_below_have_no_say_however_much_is_asked_for() {
        for (verbose, fine) in [(false, false), (true, true)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            tracing::subscriber::with_default(log(File::create(&path).unwrap(), verbose), || {
                tracing::info!("of ours");
                tracing::debug!("fine print");
                tracing::error!(target: "hyper_util::client", "of theirs");
                tracing::debug!(target: "reqwest::connect", "of theirs");
            });
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains("of ours") && !text.contains("of theirs"), "{text}");
            assert_eq!(text.contains("fine print"), fine, "{text}");
        }
    }
}
