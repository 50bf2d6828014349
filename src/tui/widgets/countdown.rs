//! The remaining lifetime of a credential: in words, and as a bar that runs down.

use ratatui::text::{Line, Span};

use crate::{model::lifetime::countdown, tui::widgets::theme::Theme};

/// Cells of the bar.
const CELLS: i64 = 10;

/// The bar for `left` of `whole` seconds: green, a warning in the last fifth, empty once expired.
pub(crate) fn bar(left: i64, whole: i64, theme: &Theme) -> Span<'static> {
    let whole = whole.max(1);
    let nearest = (left.clamp(0, whole) * CELLS + whole / 2) / whole;
    let full = if left > 0 { nearest.max(1) } else { 0 };
    let (on, off) = theme.glyphs.bar;
    let text = format!("{}{}", on.repeat(full as usize), off.repeat((CELLS - full) as usize));
    Span::styled(text, if left * 5 < whole { theme.warning } else { theme.good })
}

/// Words and bar: `54m 12s ▰▰▰▰▰▰▰▰▰▱`, or `expired 2m 03s ago`.
pub(crate) fn line(left: i64, whole: i64, theme: &Theme) -> Line<'static> {
    if left <= 0 {
        return Line::from(Span::styled(format!("expired {} ago", countdown(-left)), theme.bad));
    }
    Line::from(vec![Span::raw(format!("{} ", countdown(left))), bar(left, whole, theme)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_only_at_the_end() {
        let theme = Theme::default();
        assert_eq!(bar(3600, 3600, &theme).content, "▰▰▰▰▰▰▰▰▰▰");
        assert_eq!(bar(3252, 3600, &theme).content, "▰▰▰▰▰▰▰▰▰▱");
        assert_eq!(bar(1, 3600, &theme).content, "▰▱▱▱▱▱▱▱▱▱");
        assert_eq!(bar(0, 3600, &theme).content, "▱▱▱▱▱▱▱▱▱▱");
        assert_eq!(bar(9_999_999, 3600, &theme).content, "▰▰▰▰▰▰▰▰▰▰");
    }
}
