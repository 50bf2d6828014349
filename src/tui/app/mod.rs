//! The state of the screen and [`AppState::update`], the only way it changes: no IO, no clock, no randomness, no
//! channel. The same state and messages give the same effects.

pub mod clip;
pub mod msg;
pub(crate) mod notice;
pub(crate) mod requests;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod shelf;
pub(crate) mod slot;
pub(crate) mod workspace;
pub(crate) mod writes;

mod callers;
mod doctor;
mod idle;
mod input;
mod root;

#[cfg(test)]
mod caller_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod idle_tests;
#[cfg(test)]
mod input_tests;
#[cfg(test)]
mod leak_tests;
#[cfg(test)]
mod mint_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wipe_tests;

use std::time::Duration;

use jiff::Timestamp;
use ratatui::layout::{Rect, Size};

use crate::{
    http::{ApiError, endpoints::Endpoints},
    keymap::{Keymap, Place},
    local::state::Remembered,
    model::{account::AccountRef, caller::Caller, credential::Kind, project::Project},
    ops,
    tui::{
        overlays::{Confirmed, Overlay, Picker},
        panes::{Pane, Panes},
        view::layout::{self, Areas},
    },
};
use doctor::Denials;
use idle::Idle;
use msg::{Effect, Intent, Level, Msg, Now, Owner, PaneId, TimerId};
use notice::Notice;
use requests::Requests;
use session::Session;
use shared::{Cx, Out, Shared};
use shelf::Shelf;
use workspace::Workspace;

/// After this long, waiting is shown.
pub(crate) const SLOW: Duration = Duration::from_millis(200);

/// How fast the spinner turns.
const SPIN: Duration = Duration::from_millis(120);

/// Which half of the screen has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    /// The list of accounts.
    List,
    /// The pane on the right.
    Pane,
}

/// What is known at the start.
#[derive(Debug)]
pub struct Start {
    /// The caller, as far as files and variables tell; or why there is none.
    pub caller: Result<Caller, ApiError>,
    /// The project to list.
    pub project: Option<String>,
    /// An account to open at the start.
    pub account: Option<AccountRef>,
    /// The pane to show at the start.
    pub pane: Option<PaneId>,
    /// The keys.
    pub keymap: Keymap,
    /// Recents and favourites.
    pub remembered: Remembered,
    /// Where requests go.
    pub endpoints: Endpoints,
    /// Whether this is the demo.
    pub demo: bool,
    /// Read-only mode: no writes are sent.
    pub read_only: bool,
    /// Projects where a write asks the user to type a name.
    pub production: Vec<String>,
    /// How long secrets are held without a key press; none: until they are wiped.
    pub idle_wipe: Option<Duration>,
    /// The rate limit of bulk reads, in calls per second.
    pub questions_per_second: u32,
}

/// Which timers run.
#[derive(Default)]
struct Timers {
    /// A countdown moves on.
    second: bool,
    spinner: bool,
}

/// Everything on the screen.
pub struct AppState {
    /// The state that panes share.
    pub(crate) shared: Shared,
    pub(crate) panes: Panes,
    /// The pane shown on the right.
    pub(crate) pane: PaneId,
    /// Which half has the keyboard.
    pub(crate) focus: Focus,
    /// Whether the focused half fills the screen.
    pub(crate) zoom: bool,
    /// The stack of overlays, the top last.
    pub(crate) overlays: Vec<Overlay>,
    /// The sentence above the hints.
    pub(crate) notice: Option<Notice>,
    /// The size of the screen.
    pub(crate) size: Size,
    dirty: bool,
    timers: Timers,
    notices: u64,
    /// Idle time and its limit.
    idle: Idle,
    denials: Denials,
    start: Option<(Option<AccountRef>, Option<PaneId>)>,
}

impl AppState {
    /// The initial state.
    pub fn new(start: Start, size: Size) -> AppState {
        AppState {
            shared: Shared {
                session: Session::new(&start),
                workspace: Workspace { project: start.project, ..Workspace::default() },
                shelf: Shelf::default(),
                requests: Requests::default(),
                remembered: start.remembered,
                keymap: start.keymap,
            },
            panes: Panes::default(),
            pane: PaneId::Overview,
            focus: Focus::List,
            zoom: false,
            overlays: Vec::new(),
            notice: None,
            size,
            dirty: true,
            timers: Timers::default(),
            notices: 0,
            idle: Idle::new(start.idle_wipe),
            denials: Denials::default(),
            start: Some((start.account, start.pane)),
        }
    }

    /// Handles a message; returns the effects to carry out.
    pub fn update(&mut self, now: Now, msg: Msg) -> Vec<Effect> {
        let mut out = Out::default();
        if !self.look_at_idle(now, &msg, &mut out) {
            self.dirty |= self.on_msg(now, msg, &mut out);
        }
        // An intent may lead to more; each is carried out once, in order.
        while !out.intents.is_empty() {
            for intent in std::mem::take(&mut out.intents) {
                self.dirty = true;
                self.on_intent(now, intent, &mut out);
            }
        }
        self.leave_when_written(&mut out);
        if self.dirty {
            self.fit(now.utc);
        }
        self.ask_for_timers(now, &mut out);
        out.effects
    }

    /// Whether anything changed since the last call.
    pub(crate) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Whether the program only waits for a write, with the terminal restored.
    pub(crate) fn is_leaving(&self) -> bool {
        self.shared.requests.writes.leaving().is_some()
    }

    /// The place of the keyboard.
    pub(crate) fn place(&self) -> Place {
        match self.overlays.last() {
            Some(overlay) => overlay.place(),
            None => self.panes.get(self.focused()).place(),
        }
    }

    /// The pane with the keyboard.
    pub(crate) fn focused(&self) -> PaneId {
        match self.focus {
            Focus::List => PaneId::Accounts,
            Focus::Pane => self.pane,
        }
    }

    pub(crate) fn areas(&self) -> Areas {
        let screen = Rect::new(0, 0, self.size.width, self.size.height);
        let notice = self.notice.as_ref().map_or(0, |notice| notice.height(screen.width));
        layout::areas(screen, self.focus, self.zoom, notice)
    }

    /// Whether a pane is on screen.
    pub(crate) fn shows(&self, id: PaneId) -> bool {
        let areas = self.areas();
        match id {
            PaneId::Accounts => areas.list.is_some(),
            _ => id == self.pane && areas.pane.is_some(),
        }
    }

    /// Handles the message itself; returns whether the screen may have changed.
    fn on_msg(&mut self, now: Now, msg: Msg, out: &mut Out) -> bool {
        match msg {
            Msg::Start => self.on_start(now, out),
            Msg::Input(event) => return self.on_input(now, event, out),
            Msg::Burst(text) => return self.on_burst(now, &text, out),
            Msg::Timer(TimerId::Patience) if self.is_leaving() => self.abandon(out),
            Msg::Timer(timer) => return self.on_timer(timer),
            Msg::Reply { req, owner, reply } => {
                if !self.shared.requests.end(req) {
                    return false;
                }
                self.note_denial(req, &reply, now, out);
                match owner {
                    Owner::Root => self.on_root_reply(now, req, reply, out),
                    Owner::Pane(id) => {
                        // A failed mint is shown in its pane; if that isn't visible, as a notice.
                        let unseen = id == PaneId::Mint && !(self.shows(id) && self.overlays.is_empty());
                        let failed = reply.as_ref().err().filter(|_| unseen).cloned();
                        let mut cx = Cx { shared: &mut self.shared, now, out };
                        self.panes.get_mut(id).on_reply(req, reply, &mut cx);
                        if let Some(error) = failed {
                            cx.complain(&error);
                        }
                    }
                }
            }
            Msg::Part { req, owner, part } => match owner {
                Owner::Root => {
                    self.on_doctor_part(req, &part);
                    self.on_root_part(req, part);
                }
                Owner::Pane(id) => {
                    let mut cx = Cx { shared: &mut self.shared, now, out };
                    self.panes.get_mut(id).on_part(req, part, &mut cx);
                }
            },
            Msg::Http(record) => {
                self.shared.session.skew = record.skew.or(self.shared.session.skew);
                if record.status == Some(429) {
                    self.panes.accounts.slowed(&mut Cx { shared: &mut self.shared, now, out });
                }
                self.panes.activity.on_record(*record);
            }
            Msg::RecordsLost(count) => self.panes.activity.on_lost(count),
            Msg::Copied(outcome) => self.say_outcome(outcome, out),
            Msg::Saved(outcome) => {
                let outcome = outcome.map(|path| {
                    let folder =
                        path.parent().map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
                    let name = path.file_name().map(|name| name.display().to_string()).unwrap_or_default();
                    format!("Saved {name}{folder}, readable only by you")
                });
                self.say_outcome(outcome, out);
            }
            Msg::Callers(choices) => self.on_callers(choices, out),
            Msg::Switched(outcome) => self.on_switched(now, outcome, out),
            Msg::TrustNeeded { question, wish } => {
                self.overlays.push(Overlay::Confirm { question, yes: Confirmed::Trust(wish) });
            }
            // After an absence no secret is left on the screen.
            Msg::Resumed => self.shared.shelf.mask(),
            Msg::Leave(code) => self.leave(code, out),
        }
        true
    }

    fn say_outcome(&mut self, outcome: Result<String, String>, out: &mut Out) {
        match outcome {
            Ok(text) => self.say(Level::Info, text, out),
            Err(text) => self.say(Level::Error, text, out),
        }
    }

    /// Shows a notice; informational ones disappear by themselves.
    fn say(&mut self, level: Level, text: String, out: &mut Out) {
        self.notices += 1;
        let notice = Notice { id: self.notices, level, text };
        if let Some(stays) = notice.stays() {
            out.effects.push(Effect::After(TimerId::Notice(notice.id), stays));
        }
        self.notice = Some(notice);
    }

    fn on_timer(&mut self, timer: TimerId) -> bool {
        match timer {
            TimerId::Second => self.timers.second = false,
            TimerId::Spinner => self.timers.spinner = false,
            TimerId::Notice(id) => match &self.notice {
                Some(notice) if notice.id == id => self.notice = None,
                _ => return false,
            },
            TimerId::Mask(turn) => self.shared.shelf.mask_turn(turn),
            TimerId::Patience | TimerId::Idle => return false,
        }
        true
    }

    /// Ends the program. It first waits for a write in progress, with the terminal restored; asked twice, it doesn't.
    fn leave(&mut self, code: u8, out: &mut Out) {
        if self.shared.requests.writes.is_empty() {
            out.effects.push(Effect::Quit(code));
        } else if self.is_leaving() {
            self.abandon(out);
        } else {
            self.shared.requests.writes.leave(code);
            let seconds = writes::PATIENCE.as_secs();
            let line = format!(
                "waiting up to {seconds} s for {} to be written; ctrl-c stops waiting",
                self.shared.requests.writes.what()
            );
            out.effects.extend([Effect::GiveBack(line), Effect::After(TimerId::Patience, writes::PATIENCE)]);
        }
    }

    /// Leaves, saying for each write with an unknown outcome which command checks it.
    fn abandon(&mut self, out: &mut Out) {
        out.effects.extend(self.shared.requests.writes.unknown().into_iter().map(Effect::Farewell));
        out.effects.push(Effect::Quit(self.shared.requests.writes.leaving().unwrap_or(1)));
    }

    fn leave_when_written(&mut self, out: &mut Out) {
        if let Some(code) =
            self.shared.requests.writes.leaving().filter(|_| self.shared.requests.writes.is_empty())
        {
            let said = self.notice.take().map(|notice| Effect::Farewell(notice.text));
            out.effects.extend(said);
            out.effects.push(Effect::Quit(code));
        }
    }

    /// Tells everything visible its size.
    fn fit(&mut self, now: Timestamp) {
        let areas = self.areas();
        let inner = layout::inside;
        if let Some(area) = areas.list {
            self.panes.accounts.fit(inner(area), &self.shared, now);
        }
        if let Some(area) = areas.pane {
            self.panes.get_mut(self.pane).fit(inner(area), &self.shared, now);
        }
        let over = Rect::new(0, 0, self.size.width, areas.hints.y);
        for overlay in &mut self.overlays {
            overlay.fit(over, &self.shared);
        }
    }

    /// Timers run only while something on screen changes with time.
    fn ask_for_timers(&mut self, now: Now, out: &mut Out) {
        let counts = self.shows(self.pane) && self.panes.get(self.pane).counts_down(&self.shared, now);
        if counts && !self.timers.second {
            self.timers.second = true;
            let past = u64::try_from(now.utc.subsec_millisecond().max(0)).unwrap_or_default();
            out.effects.push(Effect::After(TimerId::Second, Duration::from_millis(1_000 - past.min(999))));
        }
        self.time_idle(now, out);
        if !self.shared.requests.is_empty() && !self.timers.spinner {
            self.timers.spinner = true;
            let wait = if self.shared.requests.slow(now) { SPIN } else { SLOW };
            out.effects.push(Effect::After(TimerId::Spinner, wait));
        }
    }

    /// The form that a mint action opens.
    fn open_form(&mut self, kind: Kind, now: Now, out: &mut Out) {
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.mint.open_form(kind, &mut cx);
        cx.intend(Intent::Show(PaneId::Mint));
    }

    fn search_projects(&mut self, now: Now, out: &mut Out) {
        let mut cx = Cx { shared: &mut self.shared, now, out };
        cx.read(Owner::Root, ops::search_projects(), |shared| &mut shared.workspace.projects);
    }

    fn refresh_pickers(&mut self) {
        for overlay in &mut self.overlays {
            if let Overlay::Picker(picker) = overlay {
                picker.refresh(&self.shared);
            }
        }
    }

    fn pick_project(&mut self, now: Now, out: &mut Out) {
        if !self.shared.workspace.projects.is_awaiting() && self.shared.session.caller.value().is_some() {
            self.search_projects(now, out);
        }
        self.overlays.push(Overlay::Picker(Box::new(Picker::projects(&self.shared))));
    }

    fn found_projects(&mut self, page: Vec<Project>) {
        self.shared.workspace.projects.add_page(page);
        self.refresh_pickers();
    }
}
