//! The panes: each owns its state, turns actions into calls and answers into state, and draws itself without
//! changing anything. What two of them need is in [`crate::tui::app::shared::Shared`].

pub(crate) mod accounts;
pub(crate) mod activity;
pub(crate) mod inspect;
pub(crate) mod mint;
pub(crate) mod overview;
pub(crate) mod policy;

use std::cell::Cell;

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use crate::{
    http::ApiError,
    keymap::{Action, Place},
    ops::{Part, Reply},
    tui::{
        app::{
            msg::{Effect, Now, PaneId, ReqId},
            shared::{Cx, Shared},
        },
        widgets::{
            input::{TextEdit, TextInput},
            list::Move,
            theme::Theme,
        },
    },
};

/// What drawing reads, and the cursor position it reports.
pub(crate) struct Look<'a> {
    /// The state that panes share.
    pub(crate) shared: &'a Shared,
    pub(crate) theme: &'a Theme,
    /// When this frame is drawn.
    pub(crate) now: Now,
    /// The position of the terminal's cursor, if any.
    pub(crate) cursor: Cell<Option<Position>>,
}

/// The interface of a pane to the root.
pub(crate) trait Pane {
    /// The keyboard's place when this pane has the focus.
    fn place(&self) -> Place;

    /// The pane is shown.
    fn on_show(&mut self, _cx: &mut Cx) {}

    /// Handles an action that the root didn't; returns whether it did.
    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool;

    /// Handles typed or pasted text, only in a text place.
    fn on_text(&mut self, _edit: &TextEdit, _cx: &mut Cx) {}

    /// The line being edited, unless it belongs to a form.
    fn line(&self) -> Option<&TextInput> {
        None
    }

    /// An answer to one of this pane's calls.
    fn on_reply(&mut self, _req: ReqId, _reply: Result<Reply, ApiError>, _cx: &mut Cx) {}

    /// A page of an answer to one of this pane's calls.
    fn on_part(&mut self, _req: ReqId, _part: Part, _cx: &mut Cx) {}

    /// An account has another name by now: its email instead of its unique id.
    fn renamed(&mut self, _from: &str, _to: &str, _shared: &Shared) {}

    /// Adapts to the size: called before drawing whenever it may have changed, with the time to lay out for.
    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp);

    /// The entries of the copy menu here; the first is the default.
    fn copies(&self, _shared: &Shared) -> Vec<Action> {
        Vec::new()
    }

    /// Performs one of [`Pane::copies`]; a request that contains a time is copied as it would be sent now.
    ///
    /// # Errors
    /// A sentence, if there is nothing to copy.
    fn copy(&self, _action: Action, _shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        Err("Nothing to copy here".into())
    }

    /// The error that this pane shows, for the doctor.
    fn denial<'a>(&'a self, _shared: &'a Shared) -> Option<&'a ApiError> {
        None
    }

    /// Whether a countdown is visible.
    fn counts_down(&self, _shared: &Shared, _now: Now) -> bool {
        false
    }

    /// The title of this pane, without the tabs.
    fn title(&self, look: &Look) -> String;

    /// Draws the inside of the pane.
    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool);
}

/// All panes, by name.
#[derive(Default)]
pub(crate) struct Panes {
    /// The list on the left.
    pub(crate) accounts: accounts::Accounts,
    pub(crate) overview: overview::Overview,
    /// Who may do what.
    pub(crate) policy: policy::PolicyPane,
    pub(crate) mint: mint::Mint,
    pub(crate) inspect: inspect::Inspect,
    pub(crate) activity: activity::Activity,
}

impl Panes {
    pub(crate) fn get(&self, id: PaneId) -> &dyn Pane {
        match id {
            PaneId::Accounts => &self.accounts,
            PaneId::Overview => &self.overview,
            PaneId::Policy => &self.policy,
            PaneId::Mint => &self.mint,
            PaneId::Inspect => &self.inspect,
            PaneId::Activity => &self.activity,
        }
    }

    /// One of them, to change it.
    pub(crate) fn get_mut(&mut self, id: PaneId) -> &mut dyn Pane {
        match id {
            PaneId::Accounts => &mut self.accounts,
            PaneId::Overview => &mut self.overview,
            PaneId::Policy => &mut self.policy,
            PaneId::Mint => &mut self.mint,
            PaneId::Inspect => &mut self.inspect,
            PaneId::Activity => &mut self.activity,
        }
    }
}

/// The move of a list that an action stands for, if any.
pub(crate) fn as_move(action: Action) -> Option<Move> {
    Some(match action {
        Action::Down => Move::Down,
        Action::Up => Move::Up,
        Action::Top => Move::Top,
        Action::Bottom => Move::Bottom,
        Action::HalfDown => Move::HalfDown,
        Action::HalfUp => Move::HalfUp,
        Action::PageDown => Move::PageDown,
        Action::PageUp => Move::PageUp,
        _ => return None,
    })
}
