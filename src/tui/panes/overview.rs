//! The opened account: its details, its keys, and the "You can" matrix. Opening an account makes three calls at
//! once; each is shown, and fails, by itself.

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{Look, Pane, as_move};
use crate::{
    http::{ApiError, ErrorKind},
    keymap::{Action, Place},
    model::{
        account::{AccountKey, short},
        permission::{Granted, MATRIX, Permission},
    },
    ops::{self, Reply},
    text::safe::safe_line,
    tui::{
        app::{
            msg::{Clip, Effect, Owner, PaneId, ReqId},
            shared::{Cx, Facts, Shared},
        },
        widgets::{list::ListCursor, text::fold, theme::Theme},
    },
};

/// The pane holds only the scroll position and the cursor: its data is shared.
#[derive(Default)]
pub(crate) struct Overview {
    scroll: ListCursor,
    /// The selected cell of the matrix, for `a`.
    cell: usize,
    width: u16,
}

impl Overview {
    /// Reads everything about the opened account.
    pub(crate) fn read(&mut self, cx: &mut Cx) {
        let Some(account) = cx.shared.workspace.opened.clone() else { return };
        let owner = Owner::Pane(PaneId::Overview);
        cx.read(owner, ops::get_account(account.clone()), |shared| {
            &mut shared.workspace.facts_mut(&account).account
        });
        cx.test_permissions(&account);
        cx.read(owner, ops::list_keys(account.clone()), |shared| {
            &mut shared.workspace.facts_mut(&account).keys
        });
    }

    /// The permission under the cursor if the caller lacks it, else the first one missing for minting.
    pub(crate) fn missing(&self, shared: &Shared) -> Option<Permission> {
        let granted = shared.workspace.opened_facts()?.1.granted.value()?;
        let lacking = |permission: &Permission| granted.answer(*permission) == Some(false);
        MATRIX.get(self.cell).copied().filter(lacking).or_else(|| MATRIX.into_iter().find(lacking))
    }

    fn lines(&self, shared: &Shared, now: Timestamp, theme: &Theme) -> Vec<Line<'static>> {
        let Some((name, facts)) = shared.workspace.opened_facts() else {
            let text = "Open an account on the left to see its keys and your access to it.";
            return fold(vec![Line::styled(text, theme.dim)], self.width);
        };
        let mut lines = about(name, facts, now, theme);
        lines.push(Line::default());
        lines.extend(matrix(facts, shared, self.cell, self.width, theme));
        fold(lines, self.width)
    }
}

impl Pane for Overview {
    fn place(&self) -> Place {
        Place::Reading
    }

    fn on_show(&mut self, _cx: &mut Cx) {
        self.scroll.go(0);
    }

    fn on_action(&mut self, action: Action, cx: &mut Cx) -> bool {
        match action {
            // The cursor moves through the matrix; beyond its ends the text scrolls.
            Action::Down if self.cell + 1 < MATRIX.len() => {
                self.cell += 1;
                return true;
            }
            Action::Up if self.cell > 0 && self.scroll.window().start == 0 => {
                self.cell -= 1;
                return true;
            }
            _ => {}
        }
        if let Some(step) = as_move(action) {
            return self.scroll.scroll(step);
        }
        match action {
            Action::Refresh => self.read(cx),
            _ => return false,
        }
        true
    }

    fn on_reply(&mut self, req: ReqId, reply: Result<Reply, ApiError>, cx: &mut Cx) {
        let mut rename = None;
        // Answers go to the account they are about, whichever is open by now.
        let asked = |facts: &&mut Facts| {
            facts.account.awaits(req) || facts.granted.awaits(req) || facts.keys.awaits(req)
        };
        let Some(facts) = cx.shared.workspace.facts.values_mut().find(asked) else { return };
        if facts.account.awaits(req) {
            let read = reply.is_ok();
            facts.account.settle(req, reply);
            rename = facts.account.value().filter(|_| read).map(|account| account.email.clone());
        } else if facts.granted.awaits(req) {
            facts.granted.settle(req, reply);
        } else {
            facts.keys.settle(req, reply);
        }
        if let Some(email) = rename {
            cx.call_by_email(&email);
        }
    }

    fn fit(&mut self, area: Rect, shared: &Shared, now: Timestamp) {
        self.width = area.width;
        self.scroll.set_height(usize::from(area.height));
        self.scroll.set_len(self.lines(shared, now, &Theme::default()).len());
    }

    fn copies(&self, shared: &Shared) -> Vec<Action> {
        if shared.workspace.opened.is_some() { vec![Action::CopyRaw] } else { Vec::new() }
    }

    fn copy(&self, _action: Action, shared: &Shared, _now: Timestamp) -> Result<Effect, String> {
        let name = shared.workspace.opened.as_deref().ok_or("No account is open")?;
        let what = format!("name of {}", short(name));
        Ok(Effect::Copy(Clip::line(name, what)))
    }

    fn denial<'a>(&'a self, shared: &'a Shared) -> Option<&'a ApiError> {
        let (_, facts) = shared.workspace.opened_facts()?;
        facts.account.error().or(facts.granted.error()).or(facts.keys.error())
    }

    fn title(&self, look: &Look) -> String {
        look.shared.workspace.opened.as_deref().map(|name| short(name).into_owned()).unwrap_or_default()
    }

    fn draw(&self, area: Rect, buf: &mut Buffer, look: &Look, _focused: bool) {
        let lines = self.lines(look.shared, look.now.utc, look.theme);
        let from = self.scroll.window().start;
        for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(from)) {
            buf.set_line(area.x, y, line, area.width);
        }
    }
}

fn about(name: &str, facts: &Facts, now: Timestamp, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(safe_line(name).into_owned(), theme.strong)];
    let mut row = |label: &'static str, spans: Vec<Span<'static>>| {
        let mut line = vec![Span::styled(format!("{label:<13}"), theme.dim)];
        line.extend(spans);
        lines.push(Line::from(line));
    };
    match (facts.account.value(), facts.account.error()) {
        (Some(account), _) => {
            let text = |text: &str| vec![Span::raw(safe_line(text).into_owned())];
            let state = if account.disabled {
                Span::styled(
                    format!("{} disabled: no one can authenticate as it", theme.glyphs.no),
                    theme.bad,
                )
            } else {
                Span::styled("enabled", theme.good)
            };
            row("unique ID", text(account.unique_id.as_deref().unwrap_or_default()));
            row("state", vec![state]);
            row("project", text(account.project.as_deref().unwrap_or_default()));
            for (label, value) in [("name", &account.display_name), ("description", &account.description)] {
                if !value.is_empty() {
                    row(label, text(value));
                }
            }
        }
        (None, Some(error)) => row("account", vec![Span::styled(error.sentence(), theme.bad)]),
        (None, None) => row("account", vec![Span::styled("loading…", theme.dim)]),
    }
    match (facts.keys.value(), facts.keys.error()) {
        (Some(keys), _) if keys.is_empty() => row("keys", vec![Span::raw("no user-managed keys")]),
        (Some(keys), _) => {
            for (at, key) in keys.iter().enumerate() {
                row(if at == 0 { "keys" } else { "" }, key_spans(key, now, theme));
            }
        }
        // A denial doesn't mean "none": there may be keys that the caller can't see.
        (None, Some(error)) if error.kind == ErrorKind::Denied => {
            row("keys", vec![Span::styled("not visible to you (iam.serviceAccountKeys.list)", theme.dim)]);
        }
        (None, Some(error)) => row("keys", vec![Span::styled(error.sentence(), theme.bad)]),
        (None, None) => row("keys", vec![Span::styled("loading…", theme.dim)]),
    }
    for sentence in old(facts) {
        let text = format!("Showing data read earlier: {sentence}");
        lines.push(Line::styled(text, theme.bad));
    }
    lines
}

/// Why the account or its keys couldn't be refreshed.
fn old(facts: &Facts) -> Vec<String> {
    let account = facts.account.error().filter(|_| facts.account.value().is_some());
    let keys = facts.keys.error().filter(|_| facts.keys.value().is_some());
    let mut sentences: Vec<String> = account.into_iter().chain(keys).map(ApiError::sentence).collect();
    sentences.dedup();
    sentences
}

fn key_spans(key: &AccountKey, now: Timestamp, theme: &Theme) -> Vec<Span<'static>> {
    let days = |from: Timestamp, to: Timestamp| (to.as_second() - from.as_second()) / 86_400;
    let id: String = safe_line(&key.id).chars().take(8).collect();
    let mut spans = vec![Span::raw(format!("{id}… user-managed"))];
    if let Some(created) = key.created {
        let age = days(created, now);
        let style = if age > 365 { theme.warning } else { theme.dim };
        spans.push(Span::styled(format!(", {age} d old"), style));
    }
    match key.expires {
        None => spans.push(Span::styled(", no expiry", theme.dim)),
        Some(end) if end <= now => spans.push(Span::styled(", expired", theme.dim)),
        Some(end) => spans.push(Span::styled(format!(", expires in {} d", days(now, end)), theme.dim)),
    }
    if key.disabled {
        spans.push(Span::styled(", disabled", theme.dim));
    }
    spans
}

fn matrix(facts: &Facts, shared: &Shared, cell: usize, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let needs = if width >= 56 { "needs" } else { "" };
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{:<17}", "You can"), theme.strong),
        Span::styled(format!("{:<15}{needs}", "(per IAM)"), theme.dim),
    ])];
    let granted = facts.granted.value().copied();
    for (at, permission) in MATRIX.into_iter().enumerate() {
        let (glyph, word, style) = match granted.and_then(|granted| granted.answer(permission)) {
            Some(true) => (theme.glyphs.yes, "yes", theme.good),
            Some(false) => (theme.glyphs.no, "no", theme.bad),
            None => ("?", if facts.granted.is_awaiting() { "checking…" } else { "unknown" }, theme.dim),
        };
        let needs = match granted.and_then(|granted| granted.answer(permission)) {
            Some(false) => permission.role.to_owned(),
            _ => permission.name.to_owned(),
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{glyph} "), style),
            Span::styled(
                format!("{:<15}", permission.label),
                if at == cell { theme.accent } else { Style::new() },
            ),
            Span::styled(format!("{word:<15}"), style),
            Span::styled(needs, theme.dim),
        ]));
    }
    if let Some(sentence) = remark(facts, granted, shared) {
        lines.push(Line::default());
        lines.push(Line::styled(sentence, theme.dim));
    }
    lines
}

/// The remark below the matrix.
fn remark(facts: &Facts, granted: Option<Granted>, shared: &Shared) -> Option<String> {
    if let Some(error) = facts.granted.error() {
        return Some(format!("{}{}", error.sentence(), error.next_words()));
    }
    if granted?.is_none() && facts.account.error().is_some() {
        return Some(
            "You don't have access, or the account doesn't exist (Google doesn't say which).".into(),
        );
    }
    let (mint, grant) = (shared.keymap.key(Action::MintMenu), shared.keymap.key(Action::Grant));
    Some(format!(
        "“yes” covers IAM only: a disabled API, missing scopes, VPC Service Controls or grant propagation can still block the call. {mint} mints; {grant} grants missing access or prepares a request for it."
    ))
}
