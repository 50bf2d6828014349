//! Escapes text from servers, tokens and files for a terminal. Whatever could act as a control sequence, reorder
//! the line, hide, or pile up becomes a visible mark of one cell; everything else is unchanged. Used where text
//! enters a widget or a line of output, and once more over each finished frame ([`scrub`]).

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::model::visible::is_unsafe;

/// The mark for characters that Unicode has no picture for.
const MARK: char = '\u{fffd}';

/// Carries combining marks that have no base character.
const BASE: char = '◌';

/// No language uses more combining marks in a row; longer runs only overflow the line.
const MAX_COMBINING: usize = 4;

/// The text with every unsafe character replaced by a mark; new lines and tabs count as unsafe.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    // Starts at the limit, because a mark at the very start would attach to a letter before the text.
    let mut combining = None;
    for c in text.chars() {
        if is_unsafe(c) {
            clean.push(picture(c));
            combining = Some(0);
        } else if c.width() != Some(0) {
            clean.push(c);
            combining = Some(0);
        } else {
            if combining.is_none() {
                clean.push(BASE);
            }
            let row = combining.unwrap_or(0);
            match row {
                0..MAX_COMBINING => clean.push(c),
                MAX_COMBINING => clean.push(MARK),
                _ => {}
            }
            combining = Some(row + 1);
        }
    }
    set_apart(&mut clean);
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// Some letters of several characters take fewer cells than the characters one by one (an emoji with a skin tone,
/// letters written below another). Terminals disagree on which to count, which would shift what follows. A mark between
/// the characters makes all terminals count the same.
fn set_apart(text: &mut String) {
    let counts =
        |letter: &str| letter.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() == letter.width();
    if text.graphemes(true).all(counts) {
        return;
    }
    let mut apart = String::with_capacity(text.len() + 16);
    for letter in text.graphemes(true) {
        let joined = !counts(letter);
        for (at, c) in letter.char_indices() {
            if joined && at > 0 && c.width() != Some(0) {
                apart.push(MARK);
            }
            apart.push(c);
        }
    }
    *text = apart;
}

/// For one line: a line break becomes `⏎`, a tab a space.
pub fn safe_line(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\t']) {
        return safe(text);
    }
    Cow::Owned(safe(&text.replace("\r\n", "⏎").replace('\n', "⏎").replace('\t', " ")).into_owned())
}

/// For several lines: each line separately, a tab as four spaces.
pub(crate) fn safe_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(|line| match line.contains('\t') {
        true => Cow::Owned(safe(&line.replace('\t', "    ")).into_owned()),
        false => safe(line),
    })
}

/// The last pass over a frame: replaces what the code before missed. Cheap, because nearly all cells are ASCII.
pub(crate) fn scrub(buf: &mut Buffer) {
    for cell in &mut buf.content {
        let symbol = cell.symbol();
        if matches!(symbol.as_bytes(), [b' '..=b'~']) {
            continue;
        }
        if let Cow::Owned(_) = safe(symbol) {
            // A wide character covers cells to its right: the mark takes one and leaves the others blank.
            cell.set_char(MARK);
        }
    }
}

/// Unicode's own pictures of control characters, the mark for all others.
fn picture(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).expect("U+2400 to U+241F are assigned"),
        '\x7f' => '␡',
        _ => MARK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn control_sequences_and_bidi_tricks_become_visible() {
        assert_eq!(safe("a\x1b[31mb\x07\x7f\u{9b}c"), "a␛[31mb␇␡\u{fffd}c");
        for c in [
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{200d}',
            '\u{ad}',
            '\u{e0041}',
            '\u{2028}',
            '\u{fe0f}',
            '\u{3164}',
        ] {
            assert_eq!(safe(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
    }

    #[test]
    fn ordinary_text_of_any_language_stays() {
        for text in [
            "deployer@acme-prod",
            "Zoë Ångström",
            "数据管道",
            "résumé",
            "हिन्दी",
            "שלום",
            "🚀 launch",
            "│ ▸ ✓ ●",
        ] {
            assert!(matches!(safe(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn combining_marks_are_bounded_and_never_sit_on_what_was_there_before() {
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(safe(&zalgo), format!("a{}\u{fffd}b", "\u{301}".repeat(4)));
        assert_eq!(safe("\u{301}x"), "◌\u{301}x");
    }

    #[test]
    fn letters_that_terminals_count_differently_are_set_apart_by_a_mark() {
        assert_eq!(safe("👍🏽!"), "👍\u{fffd}🏽!");
        assert_eq!(safe("ក្ក"), "ក្\u{fffd}ក");
        assert!(matches!(safe("क्ष 🇩🇪 한 لا"), Cow::Borrowed(_)), "all count these the same");
        // Beside one that is set apart, too.
        assert_eq!(safe("क्ष 👍🏽 🇩🇪 한 لا"), "क्ष 👍\u{fffd}🏽 🇩🇪 한 لا");
    }

    #[test]
    fn lines_are_shown_or_kept_as_the_place_wants() {
        assert_eq!(safe_line("a\r\nb\nc\td\x1b"), "a⏎b⏎c d␛");
        assert_eq!(safe_lines("a\r\n\tb\n\x1b").collect::<Vec<_>>(), ["a", "    b", "␛"]);
    }

    #[test]
    fn scrubbing_replaces_unsafe_cells_only() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 1));
        buf[(0, 0)].set_symbol("\x1b[2J");
        buf[(1, 0)].set_symbol("数");
        buf[(3, 0)].set_symbol("e\u{202e}");
        scrub(&mut buf);
        let symbols: Vec<&str> = buf.content.iter().map(|cell| cell.symbol()).collect();
        assert_eq!(symbols, ["\u{fffd}", "数", " ", "\u{fffd}"]);
    }

    proptest! {
        #[test]
        fn nothing_unsafe_comes_through(text in any::<String>()) {
            let clean = safe(&text);
            prop_assert!(!clean.chars().any(is_unsafe));
            prop_assert_eq!(safe(&clean), clean.as_ref(), "cleaning twice changes nothing");
            prop_assert!(!safe_line(&text).chars().any(is_unsafe));
            prop_assert!(!safe_lines(&text).any(|line| line.chars().any(is_unsafe)));
        }
    }

    #[test]
    fn every_unsafe_character_becomes_one_mark_of_one_cell() {
        for c in ('\0'..=char::MAX).filter(|c| is_unsafe(*c)) {
            let clean = safe(&format!("a{c}b")).into_owned();
            let mark = clean.strip_prefix('a').and_then(|rest| rest.strip_suffix('b')).unwrap();
            assert!(mark.chars().count() == 1 && mark.width() == 1, "{c:?}: {clean:?}");
        }
    }

    #[test]
    fn each_control_has_its_own_picture() {
        let controls: String = ('\0'..=' ').chain('~'..='\u{a0}').collect();
        let pictures = "␀␁␂␃␄␅␆␇␈␉␊␋␌␍␎␏␐␑␒␓␔␕␖␗␘␙␚␛␜␝␞␟ ~␡";
        assert_eq!(safe(&controls), format!("{pictures}{}\u{a0}", "\u{fffd}".repeat(32)));
    }

    #[test]
    fn four_marks_may_sit_on_each_letter() {
        let full = format!("a{0}b{0}", "\u{301}".repeat(4));
        assert!(matches!(safe(&full), Cow::Borrowed(_)));
        assert_eq!(safe(&format!("{full}\u{301}c")), format!("{full}\u{fffd}c"));
        // Nor do they overflow a cell without a letter, or a mark.
        let (five, four) = ("\u{301}".repeat(5), "\u{301}".repeat(4));
        assert_eq!(safe(&five), format!("◌{four}\u{fffd}"));
        assert_eq!(safe(&format!("\x1b{five}")), format!("␛{four}\u{fffd}"));
    }

    #[test]
    fn line_breaks_and_tabs_are_each_shown_in_one_line() {
        for (text, shown) in
            [("a\nb", "a⏎b"), ("a\r\nb", "a⏎b"), ("a\rb", "a␍b"), ("a\tb", "a b"), ("\n\n", "⏎⏎")]
        {
            assert_eq!(safe_line(text), shown, "{text:?}");
        }
        assert_eq!(safe_lines("a\tb\x07\nc\x07").collect::<Vec<_>>(), ["a    b␇", "c␇"]);
    }

    #[test]
    fn scrubbing_leaves_no_cell_that_is_unsafe() {
        for c in ('\0'..='\u{ff}').chain(['\u{202e}', '\u{301}', '\u{2fffe}', '数', '│']) {
            let mut buf = Buffer::empty(Rect::new(0, 0, 2, 1));
            buf[(0, 0)].set_symbol(&c.to_string());
            scrub(&mut buf);
            let kept = !is_unsafe(c) && c != '\u{301}';
            assert_eq!(buf[(0, 0)].symbol(), if kept { c } else { MARK }.to_string(), "{c:?}");
        }
    }
}
