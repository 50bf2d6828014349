//! Wipes credentials after a time without a key press, as configured. A timer runs
//! only while something is held; the first event after that time wipes: a timer, a key or the end of a suspension.

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

/// When the last key was pressed.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// How long secrets are held without a key press; none: without limit.
    limit: Option<Duration>,
    /// The last key press by both clocks: the monotonic one stops while a machine sleeps.
    last: Option<Now>,
    /// Whether a timer is running.
    timed: bool,
}

impl Idle {
    pub(super) fn new(limit: Option<Duration>) -> Idle {
        Idle { limit, ..Idle::default() }
    }

    /// The time since the last key press.
    fn lasted(&self, now: Now) -> Duration {
        let Some(last) = self.last else { return Duration::ZERO };
        let utc = |last: Timestamp| Duration::try_from(now.utc.duration_since(last)).unwrap_or_default();
        now.mono.saturating_sub(last.mono).max(utc(last.utc))
    }

    /// The time left; zero when it is over, none without a limit.
    fn left(&self, now: Now) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.lasted(now)))
    }
}

impl AppState {
    /// Checks the clock before a message is handled. Returns whether the message is used up: a key that
    /// comes too late was meant for what is wiped, and only counts as activity.
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
            Msg::Input(Event::Paste(_)) | Msg::Burst(_) => None,
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

    /// Starts a timer unless one is running or there is nothing to wipe.
    pub(super) fn time_idle(&mut self, now: Now, out: &mut Out) {
        if let Some(left) = self.idle.left(now)
            && !self.idle.timed
            && self.holds_secrets()
            // Work in progress ends with a message, and that checks the clock.
            && !(left.is_zero() && self.needs_time())
        {
            self.idle.timed = true;
            out.effects.push(Effect::After(TimerId::Idle, left));
        }
    }

    fn holds_secrets(&self) -> bool {
        !self.shared.shelf.items().is_empty()
            || !self.panes.inspect.is_empty()
            || self.shared.shelf.copied().is_some()
    }

    /// Whether something is in progress that must not be cut off; it ends by itself.
    fn needs_time(&self) -> bool {
        !self.shared.requests.writes.is_empty() || self.panes.mint.minting()
    }

    fn wipe_idle(&mut self, now: Now, out: &mut Out) {
        self.forget_secrets(now, out);
        let limit = self.idle.limit.unwrap_or_default().as_secs();
        let text = format!(
            "Wiped after {} of inactivity: shelf, inspector, and clipboard where possible",
            lifetime::words(u32::try_from(limit).unwrap_or(u32::MAX))
        );
        // It stays until the next key, so that someone can read it.
        self.notices += 1;
        self.notice = Some(Notice { id: self.notices, level: Level::Warning, text });
        self.dirty = true;
    }

    /// Drops every credential held for the user. The caller's own credentials stay: without them no
    /// call is possible.
    pub(super) fn forget_secrets(&mut self, now: Now, out: &mut Out) {
        self.shared.shelf.wipe();
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.inspect.wipe(&mut cx);
        self.panes.mint.cancel(&mut cx);
        out.effects.extend([Effect::ClearClipboard, Effect::Forget]);
    }
}
