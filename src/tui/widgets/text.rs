//! Styled text that wraps at words, and numbers with thousands separators.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::text::safe::safe_line;
use crate::text::width::width;

/// Wraps lines at words so that none is wider than `columns`; a longer word is cut. Continuation lines are
/// indented like their first line.
pub(crate) fn fold(lines: Vec<Line<'static>>, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns.max(1));
    let mut out = Vec::with_capacity(lines.len());
    for line in lines {
        if line_width(&line) <= columns {
            out.push(line);
        } else {
            let first = line.spans.first();
            let indent = first.map_or(0, |span| span.content.len() - span.content.trim_start().len());
            fold_one(&line, columns, indent, &mut out);
        }
    }
    out
}

/// The same for one line, with this indent for continuation lines.
pub(crate) fn fold_hanging(line: Line<'static>, columns: u16, indent: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns.max(1));
    if line_width(&line) <= columns {
        return vec![line];
    }
    let mut out = Vec::new();
    fold_one(&line, columns, usize::from(indent), &mut out);
    out
}

/// Measured as it is drawn: letter by letter, because some letters would join.
fn line_width(line: &Line) -> usize {
    line.spans.iter().map(|span| width(&span.content)).sum()
}

fn fold_one(line: &Line<'static>, columns: usize, indent: usize, out: &mut Vec<Line<'static>>) {
    // Room for one wide character stays.
    let indent = " ".repeat(indent.min(columns / 2).min(columns.saturating_sub(2)));
    let (mut row, mut used): (Vec<Span<'static>>, usize) = (Vec::new(), 0);
    for span in &line.spans {
        let style = line.style.patch(span.style);
        for word in span.content.split_inclusive(' ') {
            let (mut rest, mut long) = (word, width(word.trim_end()));
            // A word longer than a line is cut in place.
            if used + long > columns && used > indent.len() && indent.len() + long <= columns {
                out.push(Line::from(std::mem::take(&mut row)));
                row.push(Span::raw(indent.clone()));
                used = indent.len();
            }
            while used + long > columns {
                // A blank beyond the edge is dropped, with zero-width letters after it.
                let mut end = columns.checked_sub(used).map_or(0, |room| cut(rest, room));
                if end == 0 && used <= indent.len() {
                    // Wider than any line: one character is written anyway.
                    end = rest.chars().next().map_or(rest.len(), char::len_utf8);
                }
                // Measured on the way, so that a word of a mebibyte is read only once.
                long = long.saturating_sub(width(&rest[..end]));
                row.push(Span::styled(rest[..end].to_owned(), style));
                out.push(Line::from(std::mem::take(&mut row)));
                row.push(Span::raw(indent.clone()));
                (rest, used) = (&rest[end..], indent.len());
            }
            row.push(Span::styled(rest.to_owned(), style));
            used += width(rest);
        }
    }
    out.push(Line::from(row));
}

/// Where to cut so that what comes before is at most `columns` wide.
fn cut(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > columns {
            return at;
        }
    }
    text.len()
}

/// Draws a sentence over as many lines as it needs; returns how many.
pub(crate) fn wrapped(text: &str, area: Rect, buf: &mut Buffer, style: Style) -> u16 {
    let lines = fold(vec![Line::styled(safe_line(text).into_owned(), style)], area.width);
    let mut taken = 0;
    for (y, line) in (area.y..area.bottom()).zip(&lines) {
        buf.set_line(area.x, y, line, area.width);
        taken += 1;
    }
    taken
}

/// How many lines [`wrapped`] takes.
pub(crate) fn wrapped_height(text: &str, columns: u16) -> u16 {
    let lines = fold(vec![Line::raw(safe_line(text).into_owned())], columns).len();
    u16::try_from(lines).unwrap_or(u16::MAX)
}

/// `1204` → `1,204`
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_words_and_keep_their_indent() {
        let folded = fold(vec![Line::raw("  one two three four")], 10);
        let texts: Vec<String> = folded.iter().map(Line::to_string).collect();
        assert_eq!(texts, ["  one two ", "  three ", "  four"]);
    }

    #[test]
    fn letter_without_width_goes_to_the_next_line_with_its_word() {
        // The blank behind `abc` hangs over the edge, and the word after it is too long for any line.
        let folded = fold(vec![Line::raw("abc \u{1161}日日")], 3);
        let texts: Vec<String> = folded.iter().map(Line::to_string).collect();
        assert_eq!(texts, ["abc ", "\u{1161}日", "日"]);
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1_204, 1_000_000].map(thousands), ["0", "999", "1,204", "1,000,000"]);
    }

    #[test]
    fn lines_are_cut_where_the_next_letter_would_not_fit() {
        for (text, columns, end) in [
            ("abc", 0, 0),
            ("abc", 2, 2),
            ("abc", 3, 3),
            ("abc", 9, 3),
            ("日a", 0, 0),
            ("日a", 1, 0),
            ("日a", 2, 3),
            ("日a", 3, 4),
            // A mark goes with the letter before it.
            ("e\u{301}x", 1, 3),
            ("\u{301}", 0, 2),
        ] {
            assert_eq!(cut(text, columns), end, "{text:?} at {columns}");
        }
    }

    #[test]
    fn indent_leaves_room_for_a_wide_letter() {
        for (columns, indent) in [(1, 0), (2, 0), (3, 1), (4, 2), (5, 2), (8, 4), (20, 6)] {
            let folded = fold_hanging(Line::raw("abcdefghijklmnopqrstuvwxyz"), columns, 6);
            let second = folded[1].to_string();
            assert_eq!(second.len() - second.trim_start().len(), indent, "{columns} columns");
        }
    }

    #[test]
    fn sentences_take_the_lines_they_say_and_stay_in_their_area() {
        let text = "one two\nthree";
        for (height, taken) in [(0, 0), (1, 1), (2, 2), (3, 3), (5, 3)] {
            let mut buf = Buffer::empty(Rect::new(0, 0, 9, 7));
            let area = Rect::new(2, 1, 5, height);
            assert_eq!(wrapped(text, area, &mut buf, Style::new()), taken);
            let rows: Vec<String> = (0..7).map(|y| (0..9).map(|x| buf[(x, y)].symbol()).collect()).collect();
            let shown = ["  one t  ", "  wo⏎th  ", "  ree    "];
            for (y, row) in rows.iter().enumerate() {
                let here = y.checked_sub(1).filter(|y| *y < usize::from(taken));
                assert_eq!(row, here.map_or("         ", |y| shown[y]), "line {y} of {height}");
            }
        }
        assert_eq!([1, 5, 12, 13, 0].map(|columns| wrapped_height(text, columns)), [12, 3, 2, 1, 12]);
    }

    /// Letters and their styles.
    fn letters(line: &Line) -> Vec<(char, Style)> {
        let span =
            |span: &Span| span.content.chars().map(|c| (c, line.style.patch(span.style))).collect::<Vec<_>>();
        line.spans.iter().flat_map(span).collect()
    }

    proptest! {
        // The properties that readers expect of wrapped lines.
        #[test]
        fn folded_lines_are_full_lose_nothing_and_split_no_word_that_fits(
            words in proptest::collection::vec("[a-c日]{0,9} {0,2}", 0..12), columns in 1_u16..24, indent in 0_u16..12
        ) {
            use ratatui::style::Color;
            let styles = [Style::new(), Style::new().fg(Color::Red)];
            let spans = words.iter().enumerate().map(|(i, word)| Span::styled(word.clone(), styles[i % 2]));
            // A word is of one span, so that none begins in one and ends in another.
            let spans = spans.filter(|span| span.content.ends_with(' '));
            let line = Line::from(spans.collect::<Vec<_>>()).style(Style::new().bg(Color::Blue));
            let folded = fold_hanging(line.clone(), columns, indent);
            let columns = usize::from(columns);
            if line_width(&line) <= columns {
                prop_assert_eq!(folded, [line]);
                return Ok(());
            }
            let indent = usize::from(indent).min(columns / 2).min(columns.saturating_sub(2));
            let (text, mut all) = (line.to_string(), letters(&folded[0]));
            for pair in folded.windows(2) {
                let [above, below] = [pair[0].to_string(), pair[1].to_string()];
                prop_assert!(below.starts_with(&" ".repeat(indent)), "{below:?} is indented by {indent}");
                let rest = &below[indent..];
                let word = rest.split(' ').next().unwrap();
                if above.ends_with(' ') && !rest.is_empty() {
                    prop_assert!(width(&above) + width(word) > columns || above.trim().is_empty(), "{word:?} fits behind {above:?}");
                } else {
                    let broken = text.char_indices().nth(all.len()).map_or(text.len(), |(at, _)| at);
                    let (before, after) = text.split_at(broken);
                    let whole = format!("{}{}", before.rsplit(' ').next().unwrap(), after.split(' ').next().unwrap());
                    prop_assert!(indent + width(&whole) > columns, "{whole:?} fits in a line");
                    let next = rest.chars().next().map_or(0, |c| width(&c.to_string()));
                    prop_assert!(width(&above) + next > columns, "{above:?} has room for more");
                }
                all.extend(letters(&pair[1]).into_iter().skip(indent));
            }
            prop_assert_eq!(all, letters(&line));
            for line in &folded {
                let one = line.to_string().trim().chars().count() == 1;
                prop_assert!(width(line.to_string().trim_end()) <= columns || one, "{line:?}");
            }
        }

        #[test]
        fn nothing_is_lost_and_nothing_is_too_wide(text in "[a-zé日 ]{0,80}", columns in 2u16..40) {
            let folded = fold(vec![Line::raw(text.clone())], columns);
            for line in &folded {
                prop_assert!(line.to_string().trim_end().chars().count() == 0 || width(line.to_string().trim_end()) <= usize::from(columns));
            }
            let letters = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
            let all: String = folded.iter().map(Line::to_string).collect();
            prop_assert_eq!(letters(&all), letters(&text));
        }
    }
}
