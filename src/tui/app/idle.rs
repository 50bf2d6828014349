//! What is held while nobody is there: wiped when no key was pressed for as long as the configuration allows. A timer runs
//! only while something is held; whatever comes first after that time, a timer or a key or the end of a suspension, wipes.

use std::time::Duration;

use crossterm::event::{Event, KeyEventKind};
use jiff::Timestamp;

use super::{
    AppState,
    msg::{Effect, Level, Msg, Now, TimerId},
    notice::Notice,
    shared::{Cx, Out},
};
use crate::{
    keymap::{Action, Chord},
    model::lifetime,
};

/// When somebody was last there.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// How long secrets are held without a key; none: for ever.
    limit: Option<Duration>,
    /// The last key, by both clocks: the one that does not jump stands still while a machine sleeps.
    last: Option<Now>,
    /// Whether a timer is under way.
    timed: bool,
}

impl Idle {
    pub(super) fn new(limit: Option<Duration>) -> Idle {
        Idle { limit, ..Idle::default() }
    }

    /// How long nobody has pressed a key.
    fn lasted(&self, now: Now) -> Duration {
        let Some(last) = self.last else { return Duration::ZERO };
        let utc = |last: Timestamp| Duration::try_from(now.utc.duration_since(last)).unwrap_or_default();
        now.mono.saturating_sub(last.mono).max(utc(last.utc))
    }

    /// How long it may go on; zero when the time is over, none without a limit.
    fn left(&self, now: Now) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.lasted(now)))
    }
}

impl AppState {
    /// Looks at the clock before anything else is done with a message. Says whether the message is used up: a key that
    /// comes too late was meant for what is gone, and only says that somebody is there again.
    pub(super) fn look_at_idle(&mut self, now: Now, msg: &Msg, out: &mut Out) -> bool {
        if matches!(msg, Msg::Timer(TimerId::Idle)) {
            self.idle.timed = false;
        }
        let over = self.idle.left(now).is_some_and(|left| left.is_zero());
        let wiped = over && self.holds_secrets() && !self.needs_time();
        if wiped {
            self.wipe_idle(now, out);
        }
        let key = match msg {
            Msg::Input(Event::Key(key)) if key.kind != KeyEventKind::Release => Some(*key),
            Msg::Input(Event::Paste(_)) => None,
            Msg::Start => {
                self.idle.last = Some(now);
                return false;
            }
            _ => return false,
        };
        self.idle.last = Some(now);
        let leaves = key.and_then(|key| self.shared.keymap.action(self.place(), Chord::from(key)));
        wiped && leaves != Some(Action::Leave)
    }

    /// One timer at most, and none while there is nothing to wipe.
    pub(super) fn time_idle(&mut self, now: Now, out: &mut Out) {
        if let Some(left) = self.idle.left(now)
            && !self.idle.timed
            && self.holds_secrets()
            // What is under way ends with a message, and that looks at the clock.
            && !(left.is_zero() && self.needs_time())
        {
            self.idle.timed = true;
            out.effects.push(Effect::After(TimerId::Idle, left));
        }
    }

    fn holds_secrets(&self) -> bool {
        !self.shared.shelf.items().is_empty()
            || !self.panes.inspect.is_empty()
            || self.shared.copied.is_some()
    }

    /// Whether something is under way that may not be cut off: it ends by itself, with an answer or without.
    fn needs_time(&self) -> bool {
        !self.shared.writes.is_empty() || self.panes.mint.minting()
    }

    fn wipe_idle(&mut self, now: Now, out: &mut Out) {
        self.forget_secrets(now, out);
        let limit = self.idle.limit.unwrap_or_default().as_secs();
        let text = format!(
            "Wiped after {} of inactivity: shelf, inspector, and clipboard where possible",
            lifetime::words(u32::try_from(limit).unwrap_or(u32::MAX))
        );
        // It stays until somebody is there to read it.
        self.notices += 1;
        self.notice = Some(Notice { id: self.notices, level: Level::Warning, text });
        self.dirty = true;
    }

    /// Forgets every credential that is held for the person at the screen. The caller's own are not among them: nothing
    /// could be asked any more.
    pub(super) fn forget_secrets(&mut self, now: Now, out: &mut Out) {
        self.shared.shelf.wipe();
        self.shared.copied = None;
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.inspect.wipe(&mut cx);
        self.panes.mint.cancel(&mut cx);
        out.effects.extend([Effect::ClearClipboard, Effect::Forget]);
    }
}
