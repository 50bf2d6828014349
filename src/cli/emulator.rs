//! `impersona emulator`: the local double, alone, until it is told to stop.

use std::path::Path;

use super::args::Global;
use super::output::{self, Failure};
use super::setup;
use crate::emulator::first_line;

pub(super) async fn run(port: u16, world: Option<&Path>, global: &Global) -> Result<(), Failure> {
    let emulator = setup::emulator(port, world, global).await?;
    // Listened for before the first line is said: whoever has read it may stop us, and our files go then too.
    let stop = Stop::listen().map_err(|error| Failure::io("listening for signals", &error))?;
    output::line(&output::to_json(&first_line(&emulator)))?;
    stop.told().await;
    Ok(())
}

/// Ctrl-c, SIGTERM, SIGHUP.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Stop {
    #[cfg(unix)]
    fn listen() -> std::io::Result<Stop> {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Stop { signals })
    }

    #[cfg(unix)]
    async fn told(self) {
        let [mut int, mut term, mut hup] = self.signals;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Stop> {
        Ok(Stop {})
    }

    #[cfg(not(unix))]
    async fn told(self) {
        // What cannot be listened for stops at once rather than never.
        let _ = tokio::signal::ctrl_c().await;
    }
}
