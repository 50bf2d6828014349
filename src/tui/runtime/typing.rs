//! What the user does, from what the terminal sends.

use tokio::sync::mpsc::Receiver;

use crate::tui::{
    app::msg::Msg,
    terminal::{self, Sent},
};

#[cfg(unix)]
use super::{Instant, time_of};
#[cfg(unix)]
use crate::tui::terminal::decoder::{Decoder, Input};

/// Keys, pastes and bursts, in order.
pub(super) struct Typing {
    sent: Receiver<Sent>,
    #[cfg(unix)]
    decoder: Decoder,
    #[cfg(unix)]
    began: Instant,
}

#[cfg(unix)]
impl Typing {
    /// Starts reading the terminal.
    pub(super) fn listen() -> Typing {
        Typing { sent: terminal::listen(), decoder: Decoder::default(), began: Instant::now() }
    }

    /// The next one; none if the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Msg> {
        loop {
            if let Some(msg) = self.found() {
                return Some(msg);
            }
            let due = self.decoder.deadline().map(|due| self.began + due);
            tokio::select! {
                biased;
                sent = self.sent.recv() => self.take(sent?),
                // It isn't silence if we are the ones that are late.
                () = time_of(due), if due.is_some() => match terminal::has_input() {
                    true => {
                        let sent = self.sent.recv().await?;
                        self.take(sent);
                    }
                    false => self.decoder.expire(self.began.elapsed()),
                },
            }
        }
    }

    /// The next one, if it is here already.
    pub(super) fn try_next(&mut self) -> Option<Msg> {
        loop {
            if let Some(msg) = self.found() {
                return Some(msg);
            }
            let sent = self.sent.try_recv().ok()?;
            self.take(sent);
        }
    }

    fn found(&mut self) -> Option<Msg> {
        self.decoder.next().map(|input| match input {
            Input::Event(event) => Msg::Input(event),
            Input::Burst(text) => Msg::Burst(text),
        })
    }

    fn take(&mut self, sent: Sent) {
        let at = sent.at.saturating_duration_since(self.began);
        if sent.after_silence {
            self.decoder.expire(at);
        }
        self.decoder.feed(at, &sent.bytes);
    }
}

#[cfg(not(unix))]
impl Typing {
    /// Starts reading the console.
    pub(super) fn listen() -> Typing {
        Typing { sent: terminal::listen() }
    }

    /// The next one; none if the console is gone.
    pub(super) async fn next(&mut self) -> Option<Msg> {
        self.sent.recv().await.map(Msg::Input)
    }

    /// The next one, if it is here already.
    pub(super) fn try_next(&mut self) -> Option<Msg> {
        self.sent.try_recv().ok().map(Msg::Input)
    }
}
