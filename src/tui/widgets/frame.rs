//! Borders with a one-line title, and pop-ups: a cleared rectangle in the middle.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::Line,
    widgets::{Block, Clear, Widget},
};

use crate::tui::widgets::theme::Theme;

/// Draws a border with a title; returns the area inside, with one column of padding on each side.
pub(crate) fn pane(area: Rect, buf: &mut Buffer, title: Line<'_>, focused: bool, theme: &Theme) -> Rect {
    let block = Block::bordered()
        .border_set(theme.glyphs.border)
        .border_style(if focused { theme.accent } else { theme.dim })
        .title(title);
    let inner = block.inner(area);
    block.render(area, buf);
    padded(inner)
}

/// One column less on each side.
pub(crate) fn padded(area: Rect) -> Rect {
    Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(2), ..area }
}

/// Draws a pop-up of at most this size in the middle of `screen`; returns the area inside.
pub(crate) fn popup(
    screen: Rect,
    width: u16,
    height: u16,
    buf: &mut Buffer,
    title: Line<'_>,
    theme: &Theme,
) -> Rect {
    let area = popup_area(screen, width, height);
    Clear.render(area, buf);
    pane(area, buf, title, true, theme)
}

/// The area of a pop-up of at most this size.
pub(crate) fn popup_area(screen: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    }
}
