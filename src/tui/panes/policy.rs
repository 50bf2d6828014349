//! Who can do what with the opened account: its allow policy and inherited grants, staged edits, their review, and
//! the outcome of writes. Edits are always staged first; staged edits belong to their account.

mod draw;
pub(crate) mod grant;
mod history;
mod reading;
pub(crate) mod review;
pub(crate) mod rows;
mod staging;
mod writing;

use std::collections::HashSet;

use jiff::Timestamp;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{Look, Pane, as_move};
use crate::{
    api::policies::{self, Lint},
    flows::{Applied, Watched, Watching},
    http::ApiError,
    keymap::{Action, Place},
    model::{
        filter::Filter,
        member::Member,
        permission::{Permission, SET_IAM_POLICY},
        policy::{
            Triple,
            diff::{Change, Op},
            edit::{Edit, Staged},
            export,
        },
    },
    ops::{Part, Pending, Reply},
    tui::{
        app::{
            msg::{Clip, Effect, Level, Owner, PaneId, ReqId},
            shared::{Cx, Shared},
        },
        widgets::{
            form::Accepted,
            input::{TextEdit, TextInput},
            list::{ListCursor, Move},
        },
    },
};
use grant::Grant;
use history::History;
use review::Review;
use rows::{By, Entry, Mark, Origin, Row, Shown};

/// The part that has the keyboard.
#[derive(Debug, Default)]
enum Mode {
    /// The list of grants.
    #[default]
    Browse,
    Grant(Box<Grant>),
    /// The review of what is about to be written.
    Review(Review),
    /// Earlier versions of the policy.
    History(History),
}

/// A condition being checked by Google, and the edit to stage if it is valid.
#[derive(Debug)]
struct Linting {
    req: Pending<Vec<Lint>>,
    account: String,
    edit: Edit,
}

/// A grant to the caller that is watched until it works.
#[derive(Debug)]
struct Watch {
    req: Pending<Watched>,
    account: String,
    progress: Watching,
}

/// A write in progress.
#[derive(Debug)]
struct Writing {
    req: Pending<Applied>,
    account: String,
    changes: Vec<Change>,
}

#[derive(Default)]
pub(crate) struct PolicyPane {
    /// Selects and orders the rows.
    shown: Shown,
    rows: Vec<Row>,
    /// How many changes are staged for this account.
    staged: usize,
    /// Rows marked for revoking together.
    marked: HashSet<Triple>,
    /// The grant staged last: the cursor goes there.
    follow: Option<Triple>,
    cursor: ListCursor,
    input: TextInput,
    typing: bool,
    mode: Mode,
    scroll: ListCursor,
    linting: Option<Linting>,
    watch: Option<Watch>,
    writing: Option<Writing>,
    /// Edits made before the policy was read: staged when it arrives.
    ahead: Vec<(String, Edit)>,
}

const OWNER: Owner = Owner::Pane(PaneId::Policy);

impl PolicyPane {
    /// Opens the guided grant for the opened account, for this member (else the caller) and this permission. If the
    /// caller can't edit the policy, it ends in a request to an administrator.
    pub(crate) fn open_grant(&mut self, permission: Option<Permission>, member: Option<Member>, cx: &mut Cx) {
        let Some((account, facts)) = cx.shared.workspace.opened_facts() else {
            return cx.notice(Level::Warning, "No account is open. Open one in the list first");
        };
        let asks = facts.granted.value().is_some_and(|granted| granted.answer(SET_IAM_POLICY) == Some(false));
        let account = account.to_owned();
        if !asks && facts.policy.value().is_none() && !facts.policy.is_awaiting() {
            self.read(cx);
        }
        self.mode = Mode::Grant(Box::new(Grant::new(
            member.or_else(|| cx.shared.session.caller_member()),
            permission,
            asks,
        )));
        self.ask_roles(account, cx);
        self.complete(cx.shared);
    }

    fn complete(&mut self, shared: &Shared) {
        let Mode::Grant(grant) = &mut self.mode else { return };
        let facts = shared.workspace.opened_facts().map(|(_, facts)| facts);
        let mut members: Vec<_> = shared.session.caller_member().into_iter().collect();
        members.extend(facts.and_then(|facts| facts.policy.value()).map(rows::members).unwrap_or_default());
        let mut seen = HashSet::new();
        members.retain(|member| seen.insert(member.clone()));
        let listed = facts.and_then(|facts| facts.grantable.value());
        let roles = match listed {
            Some(list) => list.iter().map(|role| (role.name.clone(), role.title.clone())).collect(),
            None => grant::usual_roles(),
        };
        grant.complete(&members, &roles);
    }

    /// The account whose policy is being written.
    pub(crate) fn writes_to(&self) -> Option<&str> {
        self.writing.as_ref().map(|writing| writing.account.as_str())
    }

    /// Rebuilds the rows, keeping the cursor in its place.
    fn rebuild(&mut self, shared: &Shared) {
        self.staged = 0;
        let Some((account, facts)) = shared.workspace.opened_facts() else {
            self.rows.clear();
            return self.cursor.set_len(0);
        };
        let levels = shared.workspace.levels(account);
        let unread = facts.above.value().into_iter().flatten().filter_map(|level| {
            let error = level.policy.as_ref().err()?;
            Some(format!("{}  ? can't read its policy: {}", level.to_model().name, error.sentence()))
        });
        let changes = facts.staged.as_ref().map(Staged::changes).unwrap_or_default();
        self.staged = changes.len();
        let entries = match (&facts.staged, facts.policy.value()) {
            (Some(staged), _) => rows::entries(staged.base(), &changes, &levels),
            (None, Some(policy)) => rows::entries(policy, &[], &levels),
            (None, None) => levels_only(&levels),
        };
        let kept = self.selected().cloned();
        self.rows = rows::rows(entries, unread.collect(), &self.shown);
        self.cursor.set_len(self.rows.len());
        let follow = self.follow.take();
        let staged = |row: &Row| matches!((row, &follow), (Row::Entry(entry), Some(triple)) if entry.triple == *triple && entry.origin == Origin::Here);
        let same = |row: &Row| kept.as_ref().is_some_and(|kept| rows::same_place(row, kept));
        if let Some(at) = self.rows.iter().position(staged).or_else(|| self.rows.iter().position(same)) {
            self.cursor.go(at);
        }
    }

    fn selected(&self) -> Option<&Row> {
        self.rows.get(self.cursor.at()?)
    }

    fn entry(&self) -> Option<&Entry> {
        match self.selected()? {
            Row::Entry(entry) => Some(entry),
            _ => None,
        }
    }

    fn on_browse(&mut self, action: Action, cx: &mut Cx) -> bool {
        if let Some(step) = as_move(action) {
            return self.cursor.step(step);
        }
        match action {
            Action::Accept => self.typing = false,
            Action::Filter => self.typing = true,
            Action::Back if self.typing || !self.input.text().is_empty() => {
                self.typing = false;
                self.input.set("");
                self.shown.filter = Filter::default();
                self.rebuild(cx.shared);
            }
            // Without rows there is nothing to fold or to order.
            Action::Fold | Action::ToggleView | Action::Sort | Action::SortDirection
                if self.rows.is_empty() =>
            {
                return false;
            }
            Action::Fold => self.fold(None, cx),
            Action::FocusLeft if matches!(self.selected(), Some(Row::Head { open: true, .. })) => {
                self.fold(Some(false), cx)
            }
            Action::FocusRight if matches!(self.selected(), Some(Row::Head { open: false, .. })) => {
                self.fold(Some(true), cx)
            }
            Action::ToggleView => {
                self.shown.by = if self.shown.by == By::Role { By::Member } else { By::Role };
                self.rebuild(cx.shared);
                self.cursor.step(Move::Top);
            }
            Action::Sort => {
                self.shown.sort = self.shown.sort.next();
                self.rebuild(cx.shared);
            }
            Action::SortDirection => {
                self.shown.descending = !self.shown.descending;
                self.rebuild(cx.shared);
            }
            Action::Mark => self.mark(cx),
            Action::Grant => self.open_grant(None, None, cx),
            Action::Revoke => self.revoke(cx),
            Action::EditGrant => self.edit(cx),
            Action::Undo => self.undo(false, cx),
            Action::Redo => self.undo(true, cx),
            Action::Review => self.open_review(cx),
            Action::History => self.open_history(cx),
            Action::Refresh => self.read(cx),
            _ => return false,
        }
        true
    }

    /// Toggles the mark of the row under the cursor and moves to the next.
    fn mark(&mut self, cx: &mut Cx) {
        match self.entry() {
            Some(Entry { origin: Origin::Here, triple, .. }) => {
                let triple = triple.clone();
                if !self.marked.remove(&triple) {
                    self.marked.insert(triple);
                }
                self.cursor.step(Move::Down);
            }
            _ => cx.notice(Level::Warning, "You can mark only grants on this account itself"),
        }
    }

    fn fold(&mut self, open: Option<bool>, cx: &mut Cx) {
        let Some(Row::Head { key, open: now, .. }) = self.selected() else { return };
        if open.unwrap_or(!now) {
            self.shown.collapsed.remove(&key.clone());
        } else {
            self.shown.collapsed.insert(key.clone());
        }
        self.rebuild(cx.shared);
    }

    fn on_grant(&mut self, action: Action, cx: &mut Cx) -> bool {
        let Mode::Grant(grant) = &mut self.mode else { return false };
        let form = &mut grant.form;
        match action {
            Action::NextField => form.next(),
            Action::PreviousField => form.previous(),
            Action::Down | Action::Up => {
                form.choose(action == Action::Down);
                return true;
            }
            Action::Toggle => {
                form.toggle();
            }
            Action::Accept => {
                if form.accept() == Accepted::Submit {
                    self.submit_grant(cx);
                    return true;
                }
            }
            Action::Submit => {
                self.submit_grant(cx);
                return true;
            }
            Action::Back => {
                self.linting = None;
                self.mode = Mode::Browse;
                return true;
            }
            _ => return false,
        }
        self.complete(cx.shared);
        true
    }

    fn on_review(&mut self, action: Action, cx: &mut Cx) -> bool {
        if let Some(step) = as_move(action) {
            return self.scroll.scroll(step);
        }
        match action {
            Action::Write | Action::Accept => self.write(cx),
            Action::Back => match &mut self.mode {
                // One step back, which also takes back the acceptance.
                Mode::Review(review) if review.accepted => {
                    review.accepted = false;
                    review.typed.set("");
                }
                _ => self.mode = Mode::Browse,
            },
            Action::CopyGcloud => match self.copy(Action::CopyGcloud, cx.shared, cx.now.utc) {
                Ok(effect) => cx.effect(effect),
                Err(why) => cx.notice(Level::Warning, why),
            },
            _ => return false,
        }
        true
    }

    /// Whether a name is being typed to accept a guard.
    fn types_to_accept(&self) -> bool {
        matches!(&self.mode, Mode::Review(review) if review.accepted)
    }

    fn staged_changes(shared: &Shared) -> Vec<Change> {
        shared
            .workspace
            .opened_facts()
            .and_then(|(_, facts)| facts.staged.as_ref())
            .map(Staged::changes)
            .unwrap_or_default()
    }
}

/// Inherited grants are shown even if the account's own policy couldn't be read.
fn levels_only(levels: &[crate::model::policy::Level]) -> Vec<Entry> {
    let empty = crate::model::policy::Policy::parse(serde_json::json!({}));
    empty.map(|empty| rows::entries(&empty, &[], levels)).unwrap_or_default()
}

impl Pane for PolicyPane {
    fn place(&self) -> Place {
        match &self.mode {
            Mode::Browse if self.typing => Place::Text,
            Mode::Browse => Place::Policy,
            Mode::Grant(_) => Place::Form,
            Mode::Review(_) if self.types_to_accept() => Place::ReviewTyping,
            Mode::Review(_) => Place::Review,
            Mode::History(_) => Place::History,
        }
    }

    fn on_show(&mut self, cx: &mut Cx) {
        let unread = cx
            .shared
            .workspace
            .opened_facts()
            .is_some_and(|(_, facts)| facts.policy.value().is_none() && !facts.policy.is_awaiting());
        if unread {
            self.read(cx);
        }
        self.rebuild(cx.shared);
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        match &self.mode {
            Mode::Browse => self.on_browse(action, cx),
            Mode::Grant(_) => self.on_grant(action, cx),
            Mode::Review(_) => self.on_review(action, cx),
            Mode::History(_) => self.on_history(action, cx),
        }
    }

    fn on_text(&mut self, edit: &TextEdit, cx: &mut Cx) {
        match &mut self.mode {
            Mode::Browse => {
                if self.input.edit(edit) {
                    self.shown.filter = Filter::new(self.input.text());
                    self.rebuild(cx.shared);
                    self.cursor.step(Move::Top);
                }
            }
            Mode::Grant(grant) => {
                if grant.form.edit(edit) {
                    self.complete(cx.shared);
                }
            }
            Mode::Review(review) => {
                review.typed.edit(edit);
            }
            Mode::History(_) => {}
        }
    }

    fn line(&self) -> Option<&TextInput> {
        match &self.mode {
            Mode::Browse => Some(&self.input),
            Mode::Review(review) => Some(&review.typed),
            Mode::Grant(_) | Mode::History(_) => None,
        }
    }

    fn on_part(&mut self, req: ReqId, part: Part, _cx: &mut Cx) {
        if let (Part::Watching(progress), Some(watch)) = (part, &mut self.watch)
            && watch.req == req
        {
            watch.progress = progress;
        }
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        self.settle(req, reply, cx);
    }

    fn renamed(&mut self, from: &str, to: &str, shared: &Shared) {
        let writing = self.writing.iter_mut().map(|writing| &mut writing.account);
        let watch = self.watch.iter_mut().map(|watch| &mut watch.account);
        let linting = self.linting.iter_mut().map(|linting| &mut linting.account);
        let ahead = self.ahead.iter_mut().map(|(account, _)| account);
        let names = writing.chain(watch).chain(linting).chain(ahead);
        names.filter(|name| *name == from).for_each(|name| *name = to.to_owned());
        self.rebuild(shared);
    }

    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        let line = u16::from(self.typing || !self.input.text().is_empty());
        self.cursor.set_height(usize::from(area.height.saturating_sub(line + 1)));
        self.fit_popup(area, shared, now);
    }

    fn copies(&self, shared: &Shared) -> Vec<Action> {
        if self.entry().is_some() || !Self::staged_changes(shared).is_empty() {
            vec![Action::CopyRaw, Action::CopyGcloud, Action::CopyTerraform, Action::CopyCurl]
        } else {
            Vec::new()
        }
    }

    fn copy(&self, action: Action, shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let account = shared.workspace.opened.as_deref().ok_or("No account is open")?;
        let project = shared.workspace.project_for(account);
        // In the review all staged changes; in the list the row under the cursor.
        let changes = match (&self.mode, self.entry()) {
            (Mode::Browse, Some(entry)) => {
                let op = if entry.mark == Mark::Remove { Op::Remove } else { Op::Add };
                vec![Change::of(op, entry.triple.clone())]
            }
            _ => Self::staged_changes(shared),
        };
        let each = |text: &dyn Fn(&Change) -> String| changes.iter().map(text).collect::<Vec<_>>().join("\n");
        let (text, what) = match action {
            Action::CopyRaw => {
                let members = changes.iter().map(|change| change.member.as_str());
                return Ok(Effect::Copy(Clip::words(members, "member")));
            }
            Action::CopyGcloud => {
                (each(&|change| export::gcloud(change, account, &project)), "gcloud command")
            }
            Action::CopyTerraform => {
                let blocks = changes.iter().filter_map(|change| change.added().or_else(|| change.removed()));
                let blocks: Vec<String> =
                    blocks.map(|triple| export::terraform(&triple, account, &project)).collect();
                (blocks.join("\n"), "Terraform block")
            }
            Action::CopyCurl => {
                let facts = shared.workspace.facts.get(account);
                let policy = facts.and_then(|facts| {
                    facts.staged.as_ref().map(Staged::result).or_else(|| facts.policy.value().cloned())
                });
                let policy = policy.ok_or("The policy hasn't been read")?;
                (policies::curl(account, &policy, shared.session.endpoints())?, "both requests as curl")
            }
            _ => return Err("Can't copy that here".into()),
        };
        Clip::text(&text, what).map(Effect::Copy)
    }

    fn denial<'a>(&'a self, shared: &'a Shared) -> Option<&'a ApiError> {
        shared.workspace.opened_facts()?.1.policy.error()
    }

    fn title(&self, look: &Look) -> String {
        self.title_words(look)
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        self.draw_pane(area, buf, look, focused);
    }
}
