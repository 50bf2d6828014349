//! The signals that the program answers.

use std::io;

use super::HANGUP;

/// What a signal asks for.
pub(super) enum Heard {
    /// To end with this exit code: 128 and the signal's number, as shells count.
    End(u8),
    /// To stop until SIGCONT, with the terminal given back.
    Stop,
    /// To go on: somebody stopped us, perhaps without a word, and had the terminal meanwhile.
    GoOn,
}

/// The signals that the program answers.
pub(super) struct Signals {
    #[cfg(unix)]
    kinds: [tokio::signal::unix::Signal; 6],
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        // tokio has no name for this one and the last.
        let tstp = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
        Ok(Signals {
            kinds: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
                signal(tstp)?,
                signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            ],
        })
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {})
    }

    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> Heard {
        let [int, term, hup, quit, tstp, cont] = &mut self.kinds;
        // In this order: what came while we were stopped is heard before that we are no more.
        tokio::select! {
            biased;
            _ = int.recv() => Heard::End(130),
            _ = term.recv() => Heard::End(143),
            _ = hup.recv() => Heard::End(HANGUP),
            _ = quit.recv() => Heard::End(131),
            _ = tstp.recv() => Heard::Stop,
            _ = cont.recv() => Heard::GoOn,
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> Heard {
        let _ = tokio::signal::ctrl_c().await;
        Heard::End(130)
    }
}
