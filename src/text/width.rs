//! How many cells a text takes, and cutting or filling it to a number of cells. Works on what people see as one
//! letter (grapheme clusters) and never splits one. Text is expected to be safe already, see [`crate::text::safe`].

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The number of cells, counted letter by letter as ratatui draws it.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// At most `most` cells of the text; a longer one ends in `…`.
pub(crate) fn truncate(text: &str, most: usize) -> Cow<'_, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    match most {
        0 => Cow::Borrowed(""),
        _ => Cow::Owned(format!("{}…", start(text, most - 1))),
    }
}

/// At most `most` cells of the text, with `…` in the middle of a longer one: for IDs, which differ at both ends.
pub(crate) fn truncate_middle(text: &str, most: usize) -> Cow<'_, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    match most {
        0 => Cow::Borrowed(""),
        _ => Cow::Owned(format!("{}…{}", start(text, most / 2), end(text, most - 1 - most / 2))),
    }
}

/// Exactly `cells` cells: padded with spaces on the right, or cut off at the end.
pub(crate) fn pad_right(text: &str, cells: usize) -> String {
    let mut text = truncate(text, cells).into_owned();
    text.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&text))));
    text
}

/// Exactly `cells` cells: padded with spaces on the left, or cut off at the end.
pub(crate) fn pad_left(text: &str, cells: usize) -> String {
    let text = truncate(text, cells);
    format!("{}{text}", " ".repeat(cells.saturating_sub(width(&text))))
}

fn start(text: &str, most: usize) -> &str {
    &text[..taken(text.graphemes(true), most)]
}

fn end(text: &str, most: usize) -> &str {
    &text[text.len() - taken(text.graphemes(true).rev(), most)..]
}

/// How many bytes of these letters fit into that many cells.
fn taken<'a>(letters: impl Iterator<Item = &'a str>, most: usize) -> usize {
    let (mut cells, mut bytes) = (0, 0);
    for letter in letters {
        cells += letter.width();
        if cells > most {
            break;
        }
        bytes += letter.len();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_letters_count_twice_and_combining_marks_not_at_all() {
        assert_eq!([width("abc"), width("数据"), width("e\u{301}"), width("")], [3, 4, 1, 0]);
    }

    #[test]
    fn what_is_too_long_is_cut_where_asked() {
        assert_eq!(truncate("deployer@acme-prod", 9), "deployer…");
        assert_eq!(truncate_middle("3a088d4fcacc", 9), "3a08…cacc");
        assert_eq!(truncate_middle("3a088d4fcacc", 4), "3a…c");
        assert_eq!([truncate("abc", 3), truncate("abc", 1), truncate("abc", 0)], ["abc", "…", ""]);
        assert_eq!(truncate("数据管道", 4), "数…", "half a wide letter is none");
    }

    #[test]
    fn padding_gives_columns_of_one_width() {
        assert_eq!(
            [pad_right("ab", 4), pad_left("ab", 4), pad_right("数据", 3), pad_left("abcdef", 3)],
            ["ab  ", "  ab", "数…", "ab…"]
        );
    }

    proptest! {
        #[test]
        fn nothing_exceeds_its_cells_and_no_letter_is_split(text in "\\PC{0,30}", most in 0usize..20) {
            for cut in [truncate(&text, most), truncate_middle(&text, most)] {
                prop_assert!(width(&cut) <= most.max(width(&text).min(most)), "{cut:?}");
            }
            let end = truncate(&text, most);
            if let Some(kept) = end.strip_suffix('…').filter(|_| width(&text) > most) {
                let letters: Vec<&str> = text.graphemes(true).take(kept.graphemes(true).count()).collect();
                prop_assert_eq!(letters.concat(), kept);
            }
        }
    }
}
