//! The signals that the program answers.

use std::io;

use super::HANGUP;

/// What a signal asks for.
pub(super) enum Heard {
    /// To end with this exit code: 128 and the signal's number, as shells count.
    End(u8),
    /// To stop until SIGCONT, with the terminal given back.
    Stop,
}

/// The signals that the program answers.
pub(super) struct Signals {
    #[cfg(unix)]
    kinds: [tokio::signal::unix::Signal; 5],
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        // tokio has no name for it.
        let tstp = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
        Ok(Signals {
            kinds: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
                signal(tstp)?,
            ],
        })
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {})
    }

    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> Heard {
        let [int, term, hup, quit, tstp] = &mut self.kinds;
        tokio::select! {
            _ = int.recv() => Heard::End(130),
            _ = term.recv() => Heard::End(143),
            _ = hup.recv() => Heard::End(HANGUP),
            _ = quit.recv() => Heard::End(131),
            _ = tstp.recv() => Heard::Stop,
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> Heard {
        let _ = tokio::signal::ctrl_c().await;
        Heard::End(130)
    }
}
