//! A panic on demand, in debug builds only.

use std::time::Duration;

use crossterm::event::Event;
use tokio::task::JoinSet;

use super::Done;
use crate::{
    local::env::Env,
    tui::app::{AppState, msg::Msg},
};

/// Debug builds can be told to panic, to prove that the terminal comes back: `IMPERSONA_DEBUG_PANIC` is `task`, `thread`,
/// `update` (at the first key), `draw` (at the first frame after it) or `state` (at the first change of size after it, with
/// all that is shared in the text, to prove that no panic tells a secret).
#[derive(Default)]
pub(super) struct PanicSwitch {
    at: Option<String>,
    key_seen: bool,
}

impl PanicSwitch {
    pub(super) fn new(env: &Env) -> PanicSwitch {
        let at = env.get("IMPERSONA_DEBUG_PANIC").filter(|_| cfg!(debug_assertions)).map(str::to_owned);
        PanicSwitch { at, key_seen: false }
    }

    pub(super) fn in_a_task(&self, tasks: &mut JoinSet<Done>) {
        if self.at.as_deref() == Some("task") {
            tasks.spawn(async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                panic!("asked for: in a task")
            });
        }
        if self.at.as_deref() == Some("thread") {
            // Not one of the loop's tasks: nobody joins it.
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                panic!("asked for: in a thread")
            });
        }
    }

    pub(super) fn in_update(&mut self, msg: &Msg, app: &AppState) {
        self.key_seen |= matches!(msg, Msg::Input(Event::Key(_)));
        assert!(!(self.key_seen && self.at.as_deref() == Some("update")), "asked for: in update");
        if self.key_seen
            && self.at.as_deref() == Some("state")
            && matches!(msg, Msg::Input(Event::Resize(..)))
        {
            panic!("asked for: at {msg:?} with {:?}", app.shared);
        }
    }

    pub(super) fn in_draw(&self) {
        assert!(!(self.key_seen && self.at.as_deref() == Some("draw")), "asked for: in draw");
    }
}
