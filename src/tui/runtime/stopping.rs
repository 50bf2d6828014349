//! Stopping like any job of a shell, and going on: the terminal is given back before and taken again after, by
//! nobody's leave but the shell's. In the background the terminal is not touched.

use std::{io, time::Duration};

use crossterm::event::Event;
use tokio::time::sleep;

use super::{
    Loop,
    signals::{Heard, Signals},
};
use crate::tui::{
    app::msg::Msg,
    terminal::{self, in_foreground},
};

/// How long a signal may take to stop us. Where no shell waits, it does not.
const EFFECT: Duration = Duration::from_millis(200);

/// Who stops.
#[derive(Clone, Copy)]
pub(super) enum Stopping {
    /// All whom the shell sees as one job, as its own ctrl-z does: a script that we run in has to stop too, or the
    /// shell would wait for it.
    Job,
    /// We alone: the others got the signal themselves.
    Us,
}

/// Stops until the shell gives us the terminal; gives the exit code when we are told to end instead.
pub(super) async fn until_in_foreground(signals: &mut Signals) -> Option<u8> {
    while !in_foreground() {
        // As the system does with whoever touches a terminal that is somebody else's.
        if let Some(code) = stopped(false, signals).await {
            return Some(code);
        }
    }
    None
}

/// Waits for a signal to end, and gives the exit code: for as long as something is waited for that may never come.
/// Stops on the way when told to, unless the terminal is ours already.
pub(super) async fn until_told_to_end(signals: &mut Signals, stops: bool) -> u8 {
    loop {
        match signals.next().await {
            Heard::End(code) => return code,
            Heard::Stop if stops => {
                if let Some(code) = stopped(false, signals).await {
                    return code;
                }
            }
            Heard::Stop | Heard::GoOn => {}
        }
    }
}

/// Stops; gives the exit code when we were told to end meanwhile.
async fn stopped(job: bool, signals: &mut Signals) -> Option<u8> {
    // What cannot stop goes on.
    let _ = terminal::stop(job);
    loop {
        // Another thread may be the one that takes the signal: this one runs on for a moment.
        tokio::select! {
            biased;
            heard = signals.next() => match heard {
                Heard::End(code) => return Some(code),
                Heard::GoOn => return None,
                Heard::Stop => {}
            },
            () = sleep(EFFECT) => return None,
        }
    }
}

impl Loop {
    /// Gives the terminal back, stops, and takes it again when we may go on.
    pub(super) async fn stop(&mut self, who: Stopping, signals: &mut Signals) -> io::Result<()> {
        terminal::restore();
        match stopped(matches!(who, Stopping::Job), signals).await {
            Some(code) => self.handle(Msg::Leave(code)),
            None => self.go_on(signals).await,
        }
    }

    /// Takes the terminal again, in whatever state and size it is, and draws everything; unless it was given back for
    /// good, and only a write is waited for.
    pub(super) async fn go_on(&mut self, signals: &mut Signals) -> io::Result<()> {
        if self.app.is_leaving() {
            return Ok(());
        }
        if let Some(code) = until_in_foreground(signals).await {
            return self.handle(Msg::Leave(code));
        }
        self.screen.take()?;
        let size = self.screen.size();
        self.handle(Msg::Input(Event::Resize(size.width, size.height)))?;
        self.handle(Msg::Resumed)
    }
}
