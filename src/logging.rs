//! The log of the explorer: one line for each request and for what went wrong, in a file of the state folder.
//! What it is given was redacted before; it never sees a credential.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    sync::Arc,
};

use crate::api::{Record, record::Outcome};

/// Beyond this the log starts anew: it is for looking at what just happened.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Starts logging into the folder. A log that cannot be written is no reason not to start.
pub fn start(folder: &Path, verbose: bool) {
    let path = folder.join("impersona.log");
    let anew = fs::metadata(&path).is_ok_and(|meta| meta.len() > MAX_BYTES);
    let mut options = OpenOptions::new();
    options.create(true).append(!anew).write(true).truncate(anew);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = fs::create_dir_all(folder).and_then(|()| options.open(path));
    if let Ok(file) = file {
        let level = if verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
        let log = tracing_subscriber::fmt()
            .with_writer(Arc::new(file))
            .with_ansi(false)
            .with_max_level(level)
            .finish();
        // A second logger in one process is a test's; the first goes on.
        let _ = tracing::subscriber::set_global_default(log);
    }
}

/// Notes a request that ended.
pub fn request(record: &Record) {
    let millis = record.latency.map_or(0, |latency| latency.as_millis());
    let status = record.status.unwrap_or_default();
    match &record.outcome {
        Outcome::Running => tracing::debug!(id = record.id, call = record.call, "sent"),
        Outcome::Done => {
            tracing::info!(id = record.id, call = record.call, status, millis, tries = record.tries)
        }
        Outcome::Cancelled => tracing::info!(id = record.id, call = record.call, millis, "cancelled"),
        Outcome::Failed(why) => tracing::warn!(
            id = record.id,
            call = record.call,
            status,
            millis,
            tries = record.tries,
            why = why.escape_default().to_string()
        ),
    }
}
