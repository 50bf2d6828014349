//! Suspending like any job of a shell, and resuming: the terminal is restored before and taken over again after, only
//! when the shell allows it. In the background the terminal isn't touched.

use std::{io, time::Duration};

use crossterm::event::Event;
use tokio::time::sleep;

use super::{
    Loop,
    signals::{JobSignal, Signals},
};
use crate::tui::{
    app::msg::Msg,
    terminal::{self, in_foreground},
};

/// How long a signal may take to suspend us. Without a waiting shell, it doesn't.
const EFFECT: Duration = Duration::from_millis(200);

#[derive(Clone, Copy)]
pub(super) enum Stopping {
    /// The whole job, as with the shell's own ctrl-z: a script that we run in has to stop too, or the
    /// shell would wait for it.
    Job,
    /// Only us: the others got the signal themselves.
    Us,
}

/// Suspends until the shell gives us the terminal; returns the exit code if we are told to end instead.
pub(super) async fn until_in_foreground(signals: &mut Signals) -> Option<u8> {
    while !in_foreground() {
        // As the system does with a process that uses the terminal from the background.
        if let Some(code) = stopped(false, signals).await {
            return Some(code);
        }
    }
    None
}

/// Waits for a signal to end and returns the exit code, while waiting for something that may never come.
/// Suspends meanwhile when told to, unless the terminal is ours already.
pub(super) async fn until_told_to_end(signals: &mut Signals, stops: bool) -> u8 {
    loop {
        match signals.next().await {
            JobSignal::End(code) => return code,
            JobSignal::Stop if stops => {
                if let Some(code) = stopped(false, signals).await {
                    return code;
                }
            }
            JobSignal::Stop | JobSignal::GoOn | JobSignal::Resize => {}
        }
    }
}

/// Suspends; returns the exit code if we were told to end meanwhile.
async fn stopped(job: bool, signals: &mut Signals) -> Option<u8> {
    // If it can't be suspended, it goes on.
    let _ = terminal::stop(job);
    loop {
        // Another thread may take the signal: this one runs on for a moment.
        tokio::select! {
            biased;
            heard = signals.next() => match heard {
                JobSignal::End(code) => return Some(code),
                JobSignal::GoOn => return None,
                JobSignal::Stop | JobSignal::Resize => {}
            },
            () = sleep(EFFECT) => return None,
        }
    }
}

impl Loop {
    /// Restores the terminal, suspends, and takes over the terminal again on resume.
    pub(super) async fn stop(&mut self, who: Stopping, signals: &mut Signals) -> io::Result<()> {
        terminal::restore();
        match stopped(matches!(who, Stopping::Job), signals).await {
            Some(code) => self.handle(Msg::Leave(code)),
            None => self.go_on(signals).await,
        }
    }

    /// Takes over the terminal again, in whatever state and size it is, and draws everything; unless it was restored for
    /// good and only a write is awaited.
    pub(super) async fn go_on(&mut self, signals: &mut Signals) -> io::Result<()> {
        if self.app.is_leaving() {
            return Ok(());
        }
        if let Some(code) = until_in_foreground(signals).await {
            return self.handle(Msg::Leave(code));
        }
        self.screen.take()?;
        self.resize()?;
        self.handle(Msg::Resumed)
    }

    /// The terminal has another size, or had one for a moment.
    pub(super) fn resize(&mut self) -> io::Result<()> {
        let size = self.screen.size();
        self.handle(Msg::Input(Event::Resize(size.width, size.height)))
    }
}
