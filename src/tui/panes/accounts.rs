//! The list of accounts: pages as they stream in, filter, sort, favourites. Moving the cursor never calls Google;
//! `enter` opens an account.

mod draw;
mod testing_all;

use jiff::Timestamp;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use std::cmp::Reverse;

use super::{Look, Pane, as_move};
use crate::{
    http::ApiError,
    keymap::{Action, Place},
    local::state::toggle,
    model::{
        account::{Account, AccountRef},
        filter::Filter,
    },
    ops::{self, Listed, Part, Reply},
    tui::{
        app::{
            msg::{Clip, Effect, Intent, Level, Owner, PaneId, ReqId},
            shared::{Cx, Shared},
            slot::Slot,
        },
        overlays::Overlay,
        widgets::{
            input::{TextEdit, TextInput},
            list::{ListCursor, Move},
            text::thousands,
        },
    },
};

use testing_all::{Testing, may_mint};

/// The sort order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SortBy {
    #[default]
    Listed,
    Name,
    DisplayName,
    Disabled,
    /// By what the caller can mint, the most first; untested accounts last.
    Granted,
}

impl SortBy {
    fn next(self) -> SortBy {
        match self {
            SortBy::Listed => SortBy::Name,
            SortBy::Name => SortBy::DisplayName,
            SortBy::DisplayName => SortBy::Disabled,
            SortBy::Disabled => SortBy::Granted,
            SortBy::Granted => SortBy::Listed,
        }
    }

    fn word(self) -> &'static str {
        match self {
            SortBy::Listed => "",
            SortBy::Name => "name",
            SortBy::DisplayName => "display name",
            SortBy::Disabled => "disabled",
            SortBy::Granted => "access",
        }
    }
}

/// One account, with the text that the filter searches.
#[derive(Debug)]
struct Row {
    account: Account,
    hay: Box<str>,
}

impl Row {
    fn new(account: Account) -> Row {
        // A separator that no one types keeps a word from matching across two fields. The email begins with its short
        // form.
        let hay = [
            &account.short(),
            &*account.email,
            account.unique_id.as_deref().unwrap_or_default(),
            &account.display_name,
        ]
        .join("\u{1}");
        Row { account, hay: hay.to_lowercase().into() }
    }
}

#[derive(Default)]
pub(crate) struct Accounts {
    rows: Vec<Row>,
    /// Rows of a refresh in progress: they replace the old ones once it is complete.
    fresh: Option<Vec<Row>>,
    listing: Slot<Listed>,
    view: Vec<u32>,
    cursor: ListCursor,
    filter: Filter,
    input: TextInput,
    typing: bool,
    /// Whether the user moved the cursor since the project was opened.
    moved: bool,
    sort: SortBy,
    descending: bool,
    testing: Option<Testing>,
}

impl Accounts {
    /// Starts to list another project.
    pub(crate) fn open_project(&mut self, cx: &mut Cx) {
        self.give_up_testing(cx);
        self.rows.clear();
        self.fresh = None;
        self.input.set("");
        self.filter = Filter::default();
        self.typing = false;
        self.moved = false;
        self.listing.forget();
        self.rebuild(None, cx.shared);
        self.cursor.go(0);
        self.list(cx);
    }

    fn list(&mut self, cx: &mut Cx) {
        let Some(project) = cx.shared.workspace.project.clone() else { return };
        cx.read_into(&mut self.listing, Owner::Pane(PaneId::Accounts), ops::list_accounts(project));
        self.fresh = (!self.rows.is_empty()).then(Vec::new);
    }

    /// The account under the cursor.
    pub(crate) fn selected(&self) -> Option<&Account> {
        let row = self.rows.get(*self.view.get(self.cursor.at()?)? as usize)?;
        Some(&row.account)
    }

    /// Names of known accounts that contain all these words, for completions.
    pub(crate) fn find(&self, words: &str, most: usize) -> Vec<&Account> {
        let filter = Filter::new(words);
        self.rows.iter().filter(|row| filter.matches(&row.hay)).take(most).map(|row| &row.account).collect()
    }

    /// Names of listed accounts for the picker, bounded because each becomes an item there.
    fn names(&self) -> Vec<String> {
        self.rows.iter().take(2_000).map(|row| row.account.email.clone()).collect()
    }

    fn add_page(&mut self, page: Vec<Account>) {
        if let Some(fresh) = &mut self.fresh {
            fresh.extend(page.into_iter().map(Row::new));
            return;
        }
        // Only the new page is matched; earlier pages aren't matched again.
        let first = self.rows.len();
        self.rows.extend(page.into_iter().map(Row::new));
        let hits = (first..self.rows.len()).filter(|at| self.filter.matches(&self.rows[*at].hay));
        self.view.extend(hits.map(|at| at as u32));
        self.cursor.set_len(self.view.len());
    }

    fn finish(&mut self, shared: &Shared) {
        // The rows change, the cursor stays on its account; until the user moves it, that is the opened one.
        let kept = if self.moved { self.kept() } else { shared.workspace.opened.clone() };
        if let Some(fresh) = self.fresh.take() {
            self.rows = fresh;
        }
        // The vector grew by doubling and is final now.
        self.rows.shrink_to_fit();
        self.rebuild(kept, shared);
    }

    fn kept(&self) -> Option<String> {
        self.selected().map(|account| account.email.clone())
    }

    fn refilter(&mut self, shared: &Shared) {
        let filter = Filter::new(self.input.text());
        if filter.narrows(&self.filter) {
            let rows = &self.rows;
            self.view.retain(|at| filter.matches(&rows[*at as usize].hay));
            self.filter = filter;
            self.cursor.set_len(self.view.len());
        } else {
            self.filter = filter;
            let kept = self.kept();
            self.rebuild(kept, shared);
        }
    }

    /// Matches and sorts everything, and puts the cursor back on this account.
    fn rebuild(&mut self, kept: Option<String>, shared: &Shared) {
        let all = 0..self.rows.len() as u32;
        self.view = all.filter(|at| self.filter.matches(&self.rows[*at as usize].hay)).collect();
        let rows = &self.rows;
        let account = |at: &u32| &rows[*at as usize].account;
        match self.sort {
            SortBy::Listed => {}
            SortBy::Name => self.view.sort_by(|a, b| account(a).email.cmp(&account(b).email)),
            SortBy::DisplayName => {
                self.view.sort_by(|a, b| account(a).display_name.cmp(&account(b).display_name))
            }
            SortBy::Disabled => self.view.sort_by_key(|at| !account(at).disabled),
            SortBy::Granted => self
                .view
                .sort_by_cached_key(|at| Reverse(shared.workspace.granted(&account(at).email).map(may_mint))),
        }
        if self.descending {
            self.view.reverse();
        }
        let favourites = &shared.remembered.favourites;
        if !favourites.is_empty() {
            self.view.sort_by_key(|at| !favourites.contains(&account(at).email));
        }
        self.cursor.set_len(self.view.len());
        if let Some(at) = kept.and_then(|email| self.view.iter().position(|at| account(at).email == email)) {
            self.cursor.go(at);
        }
    }

    /// Sorts again after a change of what the order depends on.
    fn sort_again(&mut self, shared: &Shared) {
        if self.sort == SortBy::Granted {
            self.rebuild(self.kept(), shared);
        }
    }

    fn open(&mut self, cx: &mut Cx) {
        if let Some(account) = self.selected() {
            let account = AccountRef::read(&account.email);
            cx.intend(Intent::OpenAccount(account));
            return;
        }
        // Nothing matches, but the typed text may name an account.
        match AccountRef::parse(self.input.text()) {
            Ok(name) => cx.intend(Intent::OpenAccount(name)),
            Err(_) if self.input.text().is_empty() && cx.shared.session.caller.value().is_none() => {}
            Err(_) if self.input.text().is_empty() => {
                cx.intend(Intent::Open(Overlay::account_by_name(&self.names(), cx.shared)))
            }
            Err(sentence) => cx.notice(Level::Error, sentence),
        }
    }
}

impl Pane for Accounts {
    fn place(&self) -> Place {
        if self.typing { Place::Text } else { Place::Accounts }
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        if let Some(step) = as_move(action) {
            self.moved = true;
            return self.cursor.step(step);
        }
        match action {
            Action::Accept => self.typing = false,
            Action::Open => self.open(cx),
            Action::Filter => self.typing = true,
            // The notice about the test promised this meaning of the key.
            Action::Back if self.testing.is_some() && !self.typing => self.stop_testing(cx),
            Action::Back if self.typing || !self.filter.is_empty() || !self.input.text().is_empty() => {
                self.typing = false;
                self.input.set("");
                self.refilter(cx.shared);
            }
            Action::Back if self.listing.is_awaiting() => {
                cx.cancel(self.listing.stop());
                self.finish(cx.shared);
                cx.notice(Level::Warning, "Stopped listing; the list is incomplete");
            }
            Action::Sort => {
                self.sort = self.sort.next();
                self.rebuild(self.kept(), cx.shared);
            }
            Action::SortDirection => {
                self.descending = !self.descending;
                self.rebuild(self.kept(), cx.shared);
            }
            Action::Favourite => {
                let Some(email) = self.selected().map(|account| account.email.clone()) else { return false };
                toggle(&mut cx.shared.remembered.favourites, &email);
                cx.effect(Effect::Remember(cx.shared.remembered.clone()));
                self.rebuild(self.kept(), cx.shared);
            }
            Action::TypeAccount => {
                cx.intend(Intent::Open(Overlay::account_by_name(&self.names(), cx.shared)))
            }
            Action::Refresh => self.list(cx),
            Action::TestAll => self.test_all(cx),
            _ => return false,
        }
        true
    }

    fn on_text(&mut self, edit: &TextEdit, cx: &mut Cx) {
        if self.input.edit(edit) {
            self.refilter(cx.shared);
            self.cursor.step(Move::Top);
        }
    }

    fn line(&self) -> Option<&TextInput> {
        Some(&self.input)
    }

    fn on_part(&mut self, req: ReqId, part: Part, cx: &mut Cx) {
        match part {
            Part::Accounts(page) if self.listing.awaits(req) => self.add_page(page),
            Part::Scanned(scanned) => self.on_tested(req, scanned, cx),
            _ => {}
        }
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        if self.tests(req) {
            return self.tested_all(reply, cx);
        }
        let failed = reply.as_ref().err().cloned();
        if !self.listing.settle(req, reply) {
            return;
        }
        match failed {
            None => self.finish(cx.shared),
            Some(error) => {
                // A partial list is kept; after a failed refresh the old list stays.
                self.fresh = None;
                if !self.rows.is_empty() {
                    cx.complain(&error);
                }
            }
        }
    }

    fn fit(&mut self, area: Rect, _shared: &Shared, _now: Timestamp) {
        let line = u16::from(self.typing);
        self.cursor.set_height(usize::from(area.height.saturating_sub(line)));
    }

    fn copies(&self, _shared: &Shared) -> Vec<Action> {
        if self.selected().is_some() { vec![Action::CopyRaw] } else { Vec::new() }
    }

    fn copy(&self, _action: Action, _shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let account = self.selected().ok_or("No account selected")?;
        let what = format!("email of {}", account.short());
        Ok(Effect::Copy(Clip::line(&account.email, what)))
    }

    fn denial<'a>(&'a self, shared: &'a Shared) -> Option<&'a ApiError> {
        shared.session.caller.error().or(self.listing.error())
    }

    fn title(&self, look: &Look) -> String {
        let count = thousands(self.rows.len());
        let count =
            if self.filter.is_empty() { count } else { format!("{} of {count}", thousands(self.view.len())) };
        // A list that broke off is incomplete.
        let count = match (self.listing.error(), self.rows.is_empty()) {
            (Some(_), false) => format!("{count}, incomplete"),
            _ => count,
        };
        let filter = if self.typing || self.input.text().is_empty() {
            String::new()
        } else {
            format!(" /{}", self.input.text())
        };
        let sort = match (self.sort.word(), self.descending) {
            ("", false) => String::new(),
            ("", true) => " reversed".into(),
            (word, false) => format!(" by {word}"),
            (word, true) => format!(" by {word}, reversed"),
        };
        let more = if self.listing.is_awaiting() && look.shared.requests.slow(look.now) {
            " listing…"
        } else {
            ""
        };
        let testing = self.testing.as_ref().map(Testing::title).unwrap_or_default();
        // A narrow title is cut at the end: the least important comes last.
        format!("Accounts {count}{testing}{filter}{sort}{more}")
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let mut area = area;
        if self.typing {
            let line = Rect { height: 1.min(area.height), ..area };
            buf.set_string(line.x, line.y, "/", look.theme.accent);
            let text = Rect { x: line.x + 1, width: line.width.saturating_sub(1), ..line };
            let cursor = self.input.draw(text, buf, Style::new(), focused);
            look.cursor.set(cursor.filter(|_| focused).or(look.cursor.get()));
            area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        }
        if self.view.is_empty() {
            return self.draw_empty(area, buf, look);
        }
        for (line, at) in self.cursor.window().enumerate() {
            let y = area.y + line as u16;
            if y >= area.bottom() {
                break;
            }
            let account = &self.rows[self.view[at] as usize].account;
            draw::draw_row(
                account,
                Rect { y, height: 1, ..area },
                buf,
                look,
                self.cursor.at() == Some(at),
                focused,
            );
        }
    }
}
