//! Drawing: turns the state into cells. It reads everything, changes nothing and builds only what is visible.

pub(crate) mod har;
pub(crate) mod layout;

use std::cell::Cell;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};
use strum::IntoEnumIterator as _;

use crate::tui::widgets::theme::Theme;
use crate::{
    keymap::{Action, docs},
    text::{
        safe::{safe_line, scrub},
        width::{truncate, truncate_middle},
    },
    tui::{
        app::{
            AppState, Focus,
            msg::{Level, Now, PaneId},
        },
        overlays::Overlay,
        panes::{Look, Pane},
        widgets::{frame, text::wrapped},
    },
};

/// Draws everything; returns the position of the cursor, if there is one.
pub fn draw(state: &AppState, now: Now, theme: &Theme, buf: &mut Buffer) -> Option<Position> {
    let screen = buf.area;
    if screen.width < layout::SMALLEST.0 || screen.height < layout::SMALLEST.1 {
        let (width, height) = layout::SMALLEST;
        let text = format!("Terminal too small (min {width}×{height})");
        wrapped(&text, screen, buf, theme.warning);
        return None;
    }
    if screen.as_size() != state.size {
        // The terminal was resized; its resize event is on the way, and with it the next frame.
        return None;
    }
    let look = Look { shared: &state.shared, theme, now, cursor: Cell::new(None) };
    let areas = state.areas();
    header(state, areas.header, buf, &look);
    if let Some(area) = areas.list {
        let focused = state.focus == Focus::List && state.overlays.is_empty();
        let title = format!(" {} ", safe_line(&state.panes.accounts.title(&look)));
        frame::pane(area, buf, Line::raw(title), focused, theme);
        state.panes.accounts.draw(layout::inside(area), buf, &look, focused);
    }
    if let Some(area) = areas.pane {
        let focused = state.focus == Focus::Pane && state.overlays.is_empty();
        let pane = state.panes.get(state.pane);
        frame::pane(area, buf, tabs(state, area.width, &look), focused, theme);
        pane.draw(layout::inside(area), buf, &look, focused);
    }
    if !state.overlays.is_empty() {
        look.cursor.set(None);
    }
    let over = Rect { height: areas.hints.y.saturating_sub(screen.y), ..screen };
    for overlay in &state.overlays {
        overlay.draw(over, buf, &look);
    }
    notice(state, areas.notice, buf, theme);
    hints(state, areas.hints, buf, theme);
    scrub(buf);
    if theme.glyphs.ascii {
        to_ascii(buf);
    }
    look.cursor.get().filter(|at| screen.contains(*at))
}

/// Replaces characters that a terminal without Unicode can't show by the nearest ASCII ones.
fn to_ascii(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol(match cell.symbol() {
                "…" => "~",
                "•" => "*",
                "“" | "”" => "\"",
                "×" => "x",
                "·" | "–" => "-",
                _ => "?",
            });
        }
    }
}

/// The header: caller and its source · project · badges · requests in flight.
fn header(state: &AppState, area: Rect, buf: &mut Buffer, look: &Look) {
    let (shared, theme) = (look.shared, look.theme);
    let mut right: Vec<Span> = Vec::new();
    if shared.session.read_only {
        right.push(Span::styled(" read-only", theme.warning));
    }
    match (shared.session.badge(), shared.session.demo) {
        (_, true) => right.push(Span::styled(" DEMO", theme.warning)),
        (Some(badge), false) if badge.only_some => {
            right.push(Span::styled(format!(" ! ONLY SOME ENDPOINTS {}", safe_line(&badge.host)), theme.bad));
        }
        (Some(badge), false) => {
            right.push(Span::styled(format!(" ENDPOINT {}", safe_line(&badge.host)), theme.warning))
        }
        (None, false) => {}
    }
    let universe = shared.session.endpoints().universe();
    if universe != "googleapis.com" {
        right.push(Span::styled(format!(" {}", safe_line(universe)), theme.warning));
    }
    if shared.requests.slow(look.now) {
        let frames = theme.glyphs.spinner;
        let frame = frames[(look.now.mono.as_millis() / 120) as usize % frames.len()];
        right.push(Span::raw(format!(
            "  {frame} {}{}",
            theme.glyphs.flight,
            state.panes.activity.running().max(1)
        )));
    }
    let right = Line::from(right);
    let right_width = right.width().min(usize::from(area.width));
    let left_width = usize::from(area.width).saturating_sub(right_width + 1);
    let (principal, source) = match (shared.session.caller.value(), shared.session.caller.error()) {
        (Some(caller), error) => {
            let asking = shared.session.caller.is_awaiting() && error.is_none();
            let unknown = if asking { "identifying you…" } else { "unknown identity" };
            let source = match (shared.session.callers_before(), shared.session.other_login()) {
                ([.., before], _) => format!("via {before}"),
                ([], _) if shared.session.demo && caller.source == "GOOGLE_APPLICATION_CREDENTIALS" => {
                    "demo".into()
                }
                ([], Some(login)) => {
                    format!("{} {}, ! gcloud is {}", caller.kind, caller.source, safe_line(login))
                }
                ([], None) => format!("{} {}", caller.kind, caller.source),
            };
            (caller.name().unwrap_or_else(|| unknown.into()), source)
        }
        (None, _) => ("no caller".into(), "no credentials found".into()),
    };
    let project = shared.workspace.project.clone().unwrap_or_else(|| "no project".into());
    let above = match shared.workspace.ancestors.value() {
        Some(above) if area.width >= layout::BESIDE => {
            let folders = above.iter().filter(|level| level.name.starts_with("folders/")).count();
            let top = above.last().map(|level| {
                if level.display_name.is_empty() { level.name.as_str() } else { level.display_name.as_str() }
            });
            let folders = match folders {
                0 => String::new(),
                1 => ", 1 folder deep".into(),
                count => format!(", {count} folders deep"),
            };
            top.map(|top| format!(" in {}{folders}", safe_line(top))).unwrap_or_default()
        }
        _ => String::new(),
    };
    let dot = theme.glyphs.dot;
    let spans = |principal: &str, source: &str, above: &str| {
        Line::from(vec![
            Span::styled(" impersona  ", theme.accent),
            Span::raw(principal.to_owned()),
            Span::styled(
                if source.is_empty() { "   ".into() } else { format!(" {dot} {}   ", safe_line(source)) },
                theme.dim,
            ),
            Span::styled(safe_line(&project).into_owned(), theme.strong),
            Span::styled(above.to_owned(), theme.dim),
        ])
    };
    // Where space is short, what matters least is dropped first: the project's ancestors, the caller's source, then
    // the middle of a long name.
    let principal = safe_line(&principal);
    let whole = [
        spans(&principal, &source, &above),
        spans(&principal, &source, ""),
        spans(&crate::model::account::short(&principal), &source, ""),
        spans(&principal, "", ""),
    ];
    let left = whole.into_iter().find(|line| line.width() <= left_width).unwrap_or_else(|| {
        let rest = spans("", "", "").width();
        spans(&truncate_middle(&principal, left_width.saturating_sub(rest).max(12)), "", "")
    });
    buf.set_line(area.x, area.y, &left, u16::try_from(left_width).unwrap_or(area.width));
    let x = area.right() - u16::try_from(right_width).unwrap_or(area.width);
    buf.set_line(x, area.y, &right, area.width);
}

/// The panes by number, the current one marked, with its own title where there is room.
fn tabs(state: &AppState, width_of_pane: u16, look: &Look) -> Line<'static> {
    let theme = look.theme;
    let mut spans = Vec::new();
    for id in PaneId::iter().filter(|id| *id != PaneId::Accounts) {
        let style = if id == state.pane { theme.accent } else { theme.dim };
        let key = look.shared.keymap.digit(Action::Show(id));
        spans.push(Span::styled(format!(" {key} {} ", id.name()), style));
    }
    let title = state.panes.get(state.pane).title(look);
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(width_of_pane).saturating_sub(used + 6);
    if !title.is_empty() && room > 3 {
        let rule = theme.glyphs.border.horizontal_top;
        let title = safe_line(&title).into_owned();
        spans.push(Span::styled(rule, theme.dim));
        spans.push(Span::raw(format!(" {} ", truncate(&title, room))));
    }
    Line::from(spans)
}

fn notice(state: &AppState, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let Some(notice) = state.notice.as_ref().filter(|_| !area.is_empty()) else { return };
    let (mark, style) = match notice.level {
        Level::Info => (theme.glyphs.yes, theme.good),
        Level::Warning => ("!", theme.warning),
        Level::Error => (theme.glyphs.no, theme.bad),
    };
    ratatui::widgets::Widget::render(ratatui::widgets::Clear, area, buf);
    buf.set_string(area.x + 1.min(area.width), area.y, mark, style);
    let text = Rect { x: area.x + 3.min(area.width), width: area.width.saturating_sub(4), ..area };
    wrapped(&notice.text, text, buf, style);
}

fn hints(state: &AppState, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let place = state.place();
    let mut spans = Vec::new();
    let offered = |action: Action| match state.overlays.last() {
        Some(Overlay::Menu { actions, .. }) => actions.contains(&action) || action == Action::Back,
        Some(Overlay::Doctor(doctor)) => doctor.has(action),
        _ => true,
    };
    for (keys, word) in docs::hints(&state.shared.keymap, place, usize::from(area.width), offered) {
        spans.push(Span::styled(format!(" {keys}"), theme.accent));
        spans.push(Span::styled(format!(" {word} "), theme.dim));
    }
    let line = Line::from(spans);
    buf.set_line(area.x, area.y, &line, area.width);
}

#[cfg(test)]
mod mint_tests;
#[cfg(test)]
mod palette_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;
