//! Drawing the policy pane: the list, and above it the grant, the review or the history.

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    Mode, PolicyPane,
    review::{Said, condition_words, said, title},
    rows::{Entry, Mark, Origin, Row},
};
use crate::{
    keymap::{Action, Place},
    model::{account::short, condition::State, lifetime, member::Member, policy::gives::Gives, role},
    text::{
        safe::safe_line,
        width::{pad_right, truncate, truncate_middle, width},
    },
    tui::{
        app::shared::Shared,
        panes::Look,
        widgets::{
            frame::{popup, popup_area},
            text::{fold, wrapped},
            theme::Theme,
        },
    },
};

/// The width of this pane's pop-ups.
const WIDTH: u16 = 108;

/// From this width each row shows what its role grants.
const WIDE: usize = 100;

/// How long ago, in one unit: `12s`, `3m`.
fn ago(read: Option<Timestamp>, now: Timestamp) -> String {
    let seconds = read.map_or(0, |read| now.as_second() - read.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

impl PolicyPane {
    pub(super) fn title_words(&self, look: &Look) -> String {
        let Some((account, facts)) = look.shared.workspace.opened_facts() else {
            return "no account open".into();
        };
        let review = look.shared.keymap.key(Action::Review);
        let state = if self.writing.is_some() {
            " writing…".to_owned()
        } else if let Some(watch) = self.watch.as_ref().filter(|watch| watch.account == account) {
            format!(" {}", watching(&watch.progress))
        } else if self.staged > 0 {
            format!(" {} staged ({review}: review)", self.staged)
        } else if facts.policy.is_awaiting() && look.shared.requests.slow(look.now) {
            " reading…".to_owned()
        } else {
            String::new()
        };
        format!("{}{}{state}", short(account), self.shown.sort.word())
    }

    pub(super) fn fit_popup(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        let height = |wanted: u16| popup_area(area, WIDTH, wanted).height.saturating_sub(2);
        match &mut self.mode {
            Mode::Review(_) => {
                let text = self.review_text(area, shared, now, &Theme::default());
                let lines = text.map_or(0, |(_, lines)| lines.len());
                self.scroll.set_height(usize::from(height(area.height).saturating_sub(2)));
                self.scroll.set_len(lines);
            }
            Mode::History(history) => history.cursor.set_height(usize::from(height(area.height))),
            Mode::Browse | Mode::Grant(_) => {}
        }
    }

    pub(super) fn draw_pane(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let mut area = area;
        if self.typing || !self.input.text().is_empty() {
            let line = Rect { height: 1.min(area.height), ..area };
            buf.set_string(line.x, line.y, "/", look.theme.accent);
            let text = Rect { x: line.x + 1, width: line.width.saturating_sub(1), ..line };
            let cursor = self.input.draw(text, buf, Style::new(), focused && self.typing);
            look.cursor.set(cursor.or(look.cursor.get()));
            area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        }
        self.draw_list(area, buf, look, focused && matches!(self.mode, Mode::Browse));
        match &self.mode {
            Mode::Browse => {}
            Mode::Grant(_) => self.draw_grant(area, buf, look, focused),
            Mode::Review(_) => self.draw_review(area, buf, look, focused),
            Mode::History(_) => self.draw_history(area, buf, look),
        }
    }

    fn draw_list(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let theme = look.theme;
        let Some((_, facts)) = look.shared.workspace.opened_facts() else {
            wrapped("Open an account on the left to see who can do what with it.", area, buf, theme.dim);
            return;
        };
        let mut rest = area;
        if let Some(error) = facts.policy.error() {
            let text = match facts.policy.value() {
                Some(_) => format!(
                    "{} Showing the policy read {} ago.",
                    error.sentence(),
                    ago(facts.policy_read, look.now.utc)
                ),
                None => format!(
                    "Can't read the account's own policy: {} Inherited grants are below.",
                    error.sentence()
                ),
            };
            let taken = wrapped(&text, rest, buf, theme.bad);
            rest = Rect { y: rest.y + taken, height: rest.height.saturating_sub(taken), ..rest };
        }
        if let Some(error) = facts.above.error().filter(|_| facts.above.value().is_some()) {
            let text = format!("Showing inherited grants read earlier: {}", error.sentence());
            let taken = wrapped(&text, rest, buf, theme.bad);
            rest = Rect { y: rest.y + taken, height: rest.height.saturating_sub(taken), ..rest };
        }
        let columns = Columns::of(rest.width);
        let heading = format!(
            "{}{}{}",
            pad_right("  ROLE / MEMBER", columns.name),
            pad_right("FROM", columns.from),
            if columns.gives > 0 {
                format!("{}ALLOWS", pad_right("CONDITION", columns.condition))
            } else {
                "CONDITION".into()
            },
        );
        buf.set_stringn(rest.x, rest.y, heading, usize::from(rest.width), theme.dim);
        rest = Rect { y: rest.y + 1.min(rest.height), height: rest.height.saturating_sub(1), ..rest };
        if self.rows.is_empty() {
            let keys = &look.shared.keymap;
            let text = match (facts.policy.value(), facts.policy.is_awaiting()) {
                (None, true) => "reading the policy…".to_owned(),
                (Some(_), _) if !self.shown.filter.is_empty() => "No grant matches the filter".to_owned(),
                (Some(_), _) => {
                    format!("No grants on this account itself. Press {} to add one.", keys.key(Action::Grant))
                }
                (None, false) => String::new(),
            };
            wrapped(&text, rest, buf, theme.dim);
            return;
        }
        for (at, y) in self.cursor.window().zip(rest.y..rest.bottom()) {
            let selected = self.cursor.at() == Some(at);
            let line = self.row_line(&self.rows[at], &columns, look, selected && focused);
            buf.set_line(rest.x, y, &line, rest.width);
            if selected {
                buf.set_string(rest.x, y, theme.glyphs.cursor, theme.accent);
            }
        }
    }

    fn row_line(&self, row: &Row, columns: &Columns, look: &Look, selected: bool) -> Line<'static> {
        let theme = look.theme;
        let base = if selected { theme.selected } else { Style::new() };
        match row {
            Row::Head { key, count, open } => {
                let arrow = if *open { theme.glyphs.open } else { theme.glyphs.closed };
                let name = role::title(key).map_or_else(|| key.clone(), str::to_owned);
                let name = format!(" {arrow} {}", safe_line(&name));
                let who = if *open { String::new() } else { format!("  {count}") };
                let gives = match self.shown.by {
                    super::rows::By::Role => gives_words(key, look.shared),
                    super::rows::By::Member => String::new(),
                };
                // What it grants is at the right edge; only if both don't fit does the name take its space.
                let all = columns.name + columns.from + columns.condition + columns.gives;
                let gives = truncate(&gives, all / 2).into_owned();
                let name_room = all.saturating_sub(width(&gives) + 1);
                Line::from(vec![
                    Span::styled(
                        pad_right(&truncate(&format!("{name}{who}"), name_room - 1), name_room),
                        base.patch(theme.strong),
                    ),
                    Span::styled(gives, theme.dim),
                ])
            }
            Row::Unread(text) => Line::styled(format!("   {}", safe_line(text)), theme.warning),
            Row::Entry(entry) => self.entry_line(entry, columns, look, base),
        }
    }

    fn entry_line(&self, entry: &Entry, columns: &Columns, look: &Look, base: Style) -> Line<'static> {
        let (theme, now) = (look.theme, look.shared.session.at_google(look.now.utc));
        let (mark, style) = match entry.mark {
            Mark::Add => ("+", theme.good),
            Mark::Remove => ("-", theme.bad),
            Mark::Change => ("~", theme.warning),
            Mark::None if self.marked.contains(&entry.triple) && entry.origin == Origin::Here => {
                (theme.glyphs.live, theme.accent)
            }
            Mark::None => (" ", base),
        };
        let name = match self.shown.by {
            super::rows::By::Role => entry.triple.member.short(),
            super::rows::By::Member => {
                role::title(&entry.triple.role).map_or_else(|| entry.triple.role.clone(), str::to_owned)
            }
        };
        let room = columns.name.saturating_sub(6);
        let name = truncate_middle(&safe_line(&name), room).into_owned();
        let from = match &entry.origin {
            Origin::Here => "here".to_owned(),
            // An account has one project and one organization above it; only folders need their number.
            Origin::Above(level) => match level.split_once(' ') {
                Some((kind @ ("project" | "organization"), _)) => kind.to_owned(),
                _ => level.clone(),
            },
        };
        let from = truncate(&safe_line(&from), columns.from.saturating_sub(1)).into_owned();
        let (condition, condition_style) = condition_cell(entry, look, now);
        let last = columns.condition + columns.gives;
        Line::from(vec![
            Span::styled(format!("  {mark} "), style),
            Span::styled(
                pad_right(&name, columns.name - 4),
                if entry.mark == Mark::None { base } else { style },
            ),
            Span::styled(pad_right(&from, columns.from), theme.dim),
            Span::styled(truncate(&condition, last).into_owned(), condition_style),
        ])
    }

    fn draw_grant(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let Mode::Grant(grant) = &self.mode else { return };
        let (theme, shared) = (look.theme, look.shared);
        let account = shared.workspace.opened.as_deref().map(short).unwrap_or_default();
        let words = match (&grant.replaces, grant.asks) {
            (_, true) => "Request access to",
            (Some(_), false) => "Edit grant on",
            (None, false) => "Grant on",
        };
        let height = grant.form.height(WIDTH.min(area.width).saturating_sub(4)) + 6;
        let inner =
            popup(area, WIDTH, height, buf, Line::raw(format!(" {words} {} ", safe_line(&account))), theme);
        let mut top = inner;
        if grant.asks {
            let text = "You can't edit this policy. This prepares a request for an administrator.";
            let taken = wrapped(text, inner, buf, theme.warning);
            top = Rect { y: inner.y + taken, height: inner.height.saturating_sub(taken), ..inner };
        }
        let cursor = grant.form.draw(top, buf, focused, theme);
        look.cursor.set(cursor.or(look.cursor.get()));
        let y = top.y + grant.form.height(top.width) + 1;
        if y < inner.bottom() {
            let custom = |role: &str| shared.workspace.role_permissions(role);
            let rest = Rect { y, height: inner.bottom() - y, ..inner };
            let waiting = if self.linting.is_some() { "Google is checking the condition… " } else { "" };
            wrapped(&format!("{waiting}{}", grant.gives(&custom)), rest, buf, theme.dim);
        }
    }

    /// The review, and its lines at this width.
    fn review_text(
        &self,
        area: Rect,
        shared: &Shared,
        now: Timestamp,
        theme: &Theme,
    ) -> Option<(Said, Vec<Line<'static>>)> {
        let (Mode::Review(review), Some((account, facts))) = (&self.mode, shared.workspace.opened_facts())
        else {
            return None;
        };
        let staged = facts.staged.as_ref()?;
        let said = said(account, staged, shared, now);
        let touched = |role: &str| said.changes.iter().any(|(change, _)| change.role == role);
        let others = staged.base().bindings().filter(|binding| !touched(binding.role)).count();
        let lines = review.lines(&said, &ago(facts.policy_read, now), others, now, theme);
        let lines = fold(lines, WIDTH.min(area.width).saturating_sub(4));
        Some((said, lines))
    }

    fn draw_review(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (Mode::Review(review), Some(account)) = (&self.mode, look.shared.workspace.opened.as_deref())
        else {
            return;
        };
        let (theme, keys) = (look.theme, &look.shared.keymap);
        let text = self.review_text(area, look.shared, look.shared.session.at_google(look.now.utc), theme);
        let (said, lines) = text.map(|(said, lines)| (Some(said), lines)).unwrap_or_default();
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
        let words = title(account, review.theirs.is_some());
        let inner = popup(area, WIDTH, height, buf, Line::raw(format!(" {} ", safe_line(&words))), theme);
        let text_bottom = inner.bottom().saturating_sub(2);
        for (y, line) in (inner.y..text_bottom).zip(lines.iter().skip(self.scroll.window().start)) {
            buf.set_line(inner.x, y, line, inner.width);
        }
        if self.scroll.window().end < self.scroll.len() {
            buf.set_stringn(inner.x, text_bottom, "… more below", usize::from(inner.width), theme.warning);
        }
        let y = inner.bottom().saturating_sub(1);
        match said.as_ref().and_then(|said| said.to_type()).filter(|_| review.accepted) {
            Some(text) => {
                let label = format!("type {text}: ");
                buf.set_stringn(inner.x, y, &label, usize::from(inner.width), theme.warning);
                let x = inner.x + (label.len() as u16).min(inner.width);
                let field = Rect { x, y, width: inner.right().saturating_sub(x), height: 1 };
                let cursor = review.typed.draw(field, buf, theme.strong, focused);
                look.cursor.set(cursor.or(look.cursor.get()));
            }
            None => {
                let key = |action: Action| keys.key_in(Place::Review, action);
                let (write, copy, back) = (key(Action::Write), key(Action::CopyGcloud), key(Action::Back));
                let writes = if review.accepted { "write anyway" } else { "write" };
                let line = format!("{write} {writes}   {copy} copy as gcloud   {back} keep editing");
                buf.set_stringn(inner.x, y, line, usize::from(inner.width), theme.accent);
            }
        }
    }

    fn draw_history(&self, area: Rect, buf: &mut Buffer, look: &Look) {
        let Mode::History(history) = &self.mode else { return };
        let theme = look.theme;
        let count = history.list.value().map_or(1, Vec::len);
        let height = u16::try_from(count).unwrap_or(u16::MAX).saturating_add(2).max(4);
        let inner = popup(area, WIDTH, height, buf, Line::raw(" Policy history "), theme);
        let text = match (history.list.value(), history.list.error(), history.list.is_awaiting()) {
            (_, Some(error), _) => error.sentence(),
            (None, None, true) => "loading…".to_owned(),
            (Some(list), None, _) if list.is_empty() => "No saved versions yet".to_owned(),
            _ => String::new(),
        };
        wrapped(&text, inner, buf, theme.dim);
        let Some(list) = history.list.value() else { return };
        for (at, y) in history.cursor.window().zip(inner.y..inner.bottom()) {
            let snapshot = &list[at];
            let selected = history.cursor.at() == Some(at);
            let style = if selected { theme.selected } else { Style::new() };
            let change = snapshot.change.first().map(String::as_str).unwrap_or_default();
            let more = if snapshot.change.len() > 1 {
                format!("  and {} more", snapshot.change.len() - 1)
            } else {
                String::new()
            };
            let line = Line::from(vec![
                Span::styled(snapshot.time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(), style),
                Span::raw(format!("  before {}{more}", safe_line(change))),
            ]);
            buf.set_line(inner.x, y, &line, inner.width);
        }
    }
}

/// How wide each column is.
struct Columns {
    name: usize,
    from: usize,
    condition: usize,
    gives: usize,
}

impl Columns {
    fn of(width: u16) -> Columns {
        let width = usize::from(width);
        let from = if width >= 70 { 16 } else { 10 };
        let gives = if width >= WIDE { 26 } else { 0 };
        let condition = (width / 3).clamp(12, 40);
        Columns { name: width.saturating_sub(from + condition + gives).max(12), from, condition, gives }
    }
}

/// What a role grants, for the line of the role.
fn gives_words(role: &str, shared: &Shared) -> String {
    let custom = |role: &str| shared.workspace.role_permissions(role);
    match Gives::of(role, &custom) {
        None if shared.workspace.roles.get(role).is_some_and(|role| role.is_awaiting()) => {
            "loading permissions…".into()
        }
        None => "permissions unknown".into(),
        Some(gives) => gives.note().map_or_else(|| gives.words(), str::to_owned),
    }
}

/// The remark on an entry: the present state of its condition, else warnings about its member.
fn condition_cell(entry: &Entry, look: &Look, now: Timestamp) -> (String, Style) {
    let theme = look.theme;
    let caller = look.shared.session.caller.value().and_then(|caller| caller.principal.as_deref());
    let domain = caller.and_then(|principal| principal.split_once('@')).map(|(_, domain)| domain);
    let project = look.shared.workspace.opened.as_deref().and_then(crate::model::account::project_of);
    let marks = Member::marks(&entry.triple.member, project.as_deref(), domain);
    let marks = if marks.is_empty() { String::new() } else { format!("! {}", marks.join(", ")) };
    match &entry.triple.condition {
        Some(condition) => {
            let state = condition.evaluate(now);
            let (glyph, style) = match state {
                State::Holds { .. } => (theme.glyphs.yes, theme.good),
                State::NotYet { .. } | State::Ended { .. } | State::Never => (theme.glyphs.no, theme.bad),
                State::Unknown => ("?", theme.warning),
            };
            let gap = if marks.is_empty() { "" } else { "  " };
            (
                safe_line(&format!("{glyph} {}{gap}{marks}", condition_words(condition, now))).into_owned(),
                style,
            )
        }
        None => (marks, theme.warning),
    }
}

/// How long a grant has been watched, for the title.
fn watching(progress: &crate::flows::Watching) -> String {
    format!(
        "checking your grant: {} of 3 after {}",
        progress.yeses,
        lifetime::words(progress.elapsed.as_secs() as i64)
    )
}
