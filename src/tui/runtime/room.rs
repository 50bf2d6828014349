//! Waiting for a slow terminal, so that the loop can handle everything else meanwhile.

use crate::tui::terminal::Screen;

/// Reports when the terminal can take more.
#[derive(Default)]
pub(super) struct Room {
    #[cfg(unix)]
    watched: Option<tokio::io::unix::AsyncFd<std::fs::File>>,
}

impl Room {
    #[cfg(unix)]
    #[expect(deprecated, reason = "a file keeps its descriptor, and what replaces this is unsafe code")]
    pub(super) fn of(screen: &Screen) -> Room {
        use tokio::io::{Interest, unix::AsyncFd};
        let watched = screen.watched().and_then(|file| AsyncFd::with_interest(file, Interest::WRITABLE));
        Room { watched: watched.ok() }
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Screen) -> Room {
        Room::default()
    }

    /// Waits until the terminal may take more; the caller has to try.
    pub(super) async fn writable(&self) {
        #[cfg(unix)]
        if let Some(watched) = &self.watched
            && let Ok(mut ready) = watched.writable().await
        {
            // Edge-triggered: armed again only after a partial write.
            ready.clear_ready();
            return;
        }
        // If it can't be watched, try now and then.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
