//! Being told to stop, for what must be put away before the end: the files of an emulator go when it is dropped,
//! and a process that a signal ends drops nothing.

/// Ctrl-c, SIGTERM, SIGHUP.
pub(super) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Stop {
    #[cfg(unix)]
    pub(super) fn listen() -> std::io::Result<Stop> {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Stop { signals })
    }

    #[cfg(unix)]
    pub(super) async fn told(self) {
        let [mut int, mut term, mut hup] = self.signals;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> std::io::Result<Stop> {
        Ok(Stop {})
    }

    #[cfg(not(unix))]
    pub(super) async fn told(self) {
        // What cannot be listened for stops at once rather than never.
        let _ = tokio::signal::ctrl_c().await;
    }
}
