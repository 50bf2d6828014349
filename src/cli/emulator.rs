//! `impersona emulator`: the local double, alone, until it is told to stop.

use std::path::Path;

use super::output;
use super::stop::Stop;
use crate::session::Failure;
use crate::session::args::Global;
use crate::session::setup;
use impersona_emulator::first_line;

/// What it serves besides Google's services.
pub(super) struct Serve {
    pub(super) control: bool,
    /// Tunnels to Google's hosts.
    pub(super) proxy: bool,
}

pub(super) async fn run(
    port: u16,
    world: Option<&Path>,
    Serve { control, proxy }: Serve,
    global: &Global,
) -> Result<(), Failure> {
    let emulator = setup::emulator(port, world, proxy, global).await?;
    if control {
        emulator.open_control();
    }
    // Set up before the first line is printed: a reader of that line can stop us at once, and our files must go then
    // too.
    let stop = Stop::listen();
    output::line(&output::to_json(&first_line(&emulator)))?;
    stop.told().await;
    Ok(())
}
