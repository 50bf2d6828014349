//! `impersona emulator`: the local double, alone, until it is told to stop.

use std::path::Path;

use super::args::Global;
use super::output::{self, Failure};
use super::setup;
use crate::emulator::first_line;

pub(super) async fn run(port: u16, world: Option<&Path>, global: &Global) -> Result<(), Failure> {
    let emulator = setup::emulator(port, world, global).await?;
    // The first line is what scripts wait for: whoever reads it may connect.
    output::line(&output::to_json(&first_line(&emulator)))?;
    stopped().await.map_err(|error| Failure::io("waiting for a signal", &error))
}

/// Until ctrl-c, or on Unix SIGTERM.
async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = tokio::signal::ctrl_c() => outcome,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
