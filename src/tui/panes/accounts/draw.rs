//! Drawing the list: rows with their marks, and the text shown without any.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{Accounts, Look};
use crate::{
    keymap::{Action, PaneId},
    model::{
        account::{self, Account},
        permission::{GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN, SIGN_BLOB, SIGN_JWT},
    },
    text::{
        safe::safe_line,
        width::{pad_right, truncate_middle},
    },
    tui::widgets::text::wrapped,
};

impl Accounts {
    pub(super) fn draw_empty(&self, area: Rect, buf: &mut Buffer, look: &Look) {
        let keys = &look.shared.keymap;
        let by_name = format!("Press {} to open an account by name.", keys.key(Action::TypeAccount));
        let text = if let (None, Some(error)) =
            (look.shared.session.caller.value(), look.shared.session.caller.error())
        {
            let key = keys.key(Action::Show(PaneId::Inspect));
            let next = error.next().unwrap_or_default();
            format!("{} {next} The inspector ({key}) works without credentials.", error.sentence())
        } else if let Some(error) = self.listing.error() {
            format!("{} {by_name}", error.sentence())
        } else if self.listing.is_awaiting() {
            "listing the accounts…".to_owned()
        } else if look.shared.workspace.project.is_none() {
            format!("No project selected. Press {} to pick one. {by_name}", keys.key(Action::Project))
        } else if !self.filter.is_empty() {
            match account::parse(self.input.text()) {
                Ok(name) => {
                    format!(
                        "No listed account matches. Press enter, then {} to open {name}.",
                        keys.key(Action::Open)
                    )
                }
                Err(_) => "No listed account matches the filter. Press esc to clear it.".to_owned(),
            }
        } else {
            format!("This project has no service accounts. {by_name}")
        };
        wrapped(&text, area, buf, look.theme.dim);
    }
}

pub(super) fn draw_row(
    account: &Account,
    area: Rect,
    buf: &mut Buffer,
    look: &Look,
    selected: bool,
    focused: bool,
) {
    let (theme, shared) = (look.theme, look.shared);
    let opened = shared.workspace.opened.as_deref() == Some(account.email.as_str());
    let width = usize::from(area.width);
    let wide = width >= 60;
    let draft = if shared.workspace.has_draft(&account.email) { "*" } else { " " };
    let mark = marks(account, wide, look);
    let mark_width = if wide { 26 } else { 4 };
    let star = if shared.remembered.favourites.contains(&account.email) { theme.glyphs.star } else { " " };
    let name_room = width.saturating_sub(mark_width + 5);
    let safe = safe_line(&account.short()).into_owned();
    let name = pad_right(&truncate_middle(&safe, name_room), name_room);
    let base = match (selected, account.disabled) {
        (true, _) if focused => theme.selected,
        (_, true) => theme.dim,
        _ => Style::new(),
    };
    let name_style = if opened { base.add_modifier(Modifier::BOLD) } else { base };
    let bar = if selected { theme.glyphs.cursor } else { " " };
    let line = Line::from(vec![
        Span::styled(bar, theme.accent),
        Span::styled(star, theme.warning),
        Span::styled(name, name_style),
        Span::raw(" "),
        mark,
        Span::styled(format!(" {draft}"), theme.warning),
    ]);
    buf.set_line(area.x, area.y, &line, area.width);
}

/// What the caller can mint, for tested accounts; blank if unknown.
fn marks(account: &Account, wide: bool, look: &Look) -> Span<'static> {
    let theme = look.theme;
    if account.disabled {
        return Span::styled(if wide { pad_right("disabled", 26) } else { pad_right("off", 4) }, theme.dim);
    }
    let Some(granted) = look.shared.workspace.granted(&account.email) else {
        return Span::raw(" ".repeat(if wide { 26 } else { 4 }));
    };
    let can =
        [(GET_ACCESS_TOKEN, "access"), (GET_OPEN_ID_TOKEN, "id"), (SIGN_JWT, "jwt"), (SIGN_BLOB, "blob")];
    let words: Vec<_> =
        can.iter().filter(|(permission, _)| granted.has(*permission)).map(|(_, word)| *word).collect();
    let (glyph, style) =
        if words.is_empty() { (theme.glyphs.no, theme.bad) } else { (theme.glyphs.yes, theme.good) };
    let text =
        if wide { pad_right(&format!("{glyph} {}", words.join(" ")), 26) } else { pad_right(glyph, 4) };
    Span::styled(text, style)
}
