//! The files that the explorer writes: favourites and recents, the last failure, and what the user saves. One task writes
//! them in order, off the loop.

use std::{io, path::PathBuf};

use tokio::sync::mpsc;

use crate::{
    http::without_numbers,
    local::{
        files,
        state::{Remembered, Store},
    },
    model::secret::Secret,
    session::{Failure, failure::LastFailure},
    tui::app::msg::Msg,
};

/// Reads what is remembered, off the loop: a disk may hang. The demo remembers nothing.
pub(super) async fn open_store(
    folder: &Option<PathBuf>,
    demo: bool,
) -> Result<(Option<Store>, Option<String>), Failure> {
    if demo {
        return Ok((None, None));
    }
    let folder = folder.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(folder.as_deref())).await;
    let (store, remark) =
        opened.map_err(|error| Failure::io("reading favourites and recents", &io::Error::other(error)))?;
    Ok((Some(store), remark))
}

/// Something for a file.
pub(super) enum Keep {
    /// A new file of the user's.
    Save(String, Secret),
    Remember(Box<Remembered>),
    /// A failure, for the command line.
    Failure(PathBuf, Box<LastFailure>),
}

/// Writes files in order until the channel closes; reports the outcome for the user's own files, and what has to be said
/// about the others.
pub(super) async fn keep_files(
    mut store: Option<Store>,
    mut jobs: mpsc::UnboundedReceiver<Keep>,
    saved: mpsc::UnboundedSender<Msg>,
) {
    while let Some(job) = jobs.recv().await {
        let mut lent = store.take();
        let work = tokio::task::spawn_blocking(move || (job.carry_out(&mut lent), lent));
        let Ok((msg, back)) = work.await else { return };
        store = back;
        if let Some(msg) = msg {
            let _ = saved.send(msg);
        }
    }
}

impl Keep {
    fn carry_out(self, store: &mut Option<Store>) -> Option<Msg> {
        match self {
            Keep::Save(name, text) => {
                let saved = files::write_private_beside(&name, text.expose().as_bytes());
                Some(Msg::Saved(saved.map_err(|error| {
                    format!("Couldn't save {name}: {}", without_numbers(&error.to_string()))
                })))
            }
            Keep::Remember(remembered) => {
                let remark = store.as_mut()?.save(*remembered)?;
                tracing::warn!(remark = remark.escape_default().to_string(), "favourites and recents");
                Some(Msg::Saved(Err(without_numbers(&remark))))
            }
            Keep::Failure(path, failure) => {
                if let Err(error) = failure.save(&path) {
                    tracing::warn!(%error, "the last failure was not kept");
                }
                None
            }
        }
    }
}
