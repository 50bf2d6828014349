//! Tests that a terminal shows what was laid out: the same letters in the same cells, whatever text comes from outside. The
//! terminal here counts character by character, as most do.

use proptest::prelude::*;
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    layout::Rect,
    text::Line,
    widgets::{Block, Clear, Widget},
};
use unicode_width::UnicodeWidthChar;

use super::text::fold;
use crate::text::{
    safe::{safe, safe_line, scrub},
    width::{pad_left, pad_right, truncate, truncate_middle, width},
};

/// Text that is hard to measure: joining scripts, combining marks, emoji of several characters, flags, controls.
fn hard() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(vec![
            "a", " ", "日", "é", "e\u{301}", "\u{301}", "👍🏽", "🏽", "👩\u{200d}💻", "🏳\u{fe0f}\u{200d}🌈", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}",
            "🇩🇪", "🇩", "لا", "ل", "ا", "\u{644}\u{627}\u{651}", "한", "\u{1112}\u{1161}\u{11ab}", "\u{1161}", "\u{11ab}", "क्ष", "क\u{94d}", "\u{94d}",
            "ក្ក", "\u{17d2}", "กำ", "\u{e33}", "\u{d4e}ക", "\u{1a15}\u{1a17}\u{1a10}", "ⵏ\u{2d7f}ⵏ", "\u{a4fc}\u{a4fb}", "\u{16d68}\u{16d67}",
            "\u{1f3fb}", "\u{200d}", "\u{200b}", "\u{202e}", "\u{9b}2J", "\u{1b}[2J", "\t", "\n", "\r", "…", "⏎", "\u{2e3b}", "﷽", "\u{12031}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// What a terminal shows of a buffer. It shows nothing for the mark, so another character replaces it.
fn shown(buf: &Buffer) -> vt100::Parser {
    let area = buf.area;
    let mut bytes = Vec::new();
    CrosstermBackend::new(&mut bytes).draw(Buffer::empty(area).diff(buf).into_iter()).unwrap();
    let cells = |cells: u16| std::num::NonZeroU16::new(cells).unwrap();
    let mut parser = vt100::Parser::new(cells(area.height), cells(area.width), 0);
    parser.process(String::from_utf8(bytes).unwrap().replace('\u{fffd}', "¿").as_bytes());
    parser
}

/// Without zero-width marks: a few belong to the letter after them, and some terminals attach them to the one before.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.width() != Some(0)).collect()
}

/// The same letters in the same cells.
fn agree(buf: &Buffer) -> Result<(), TestCaseError> {
    let parser = shown(buf);
    for y in 0..buf.area.height {
        let mut x = 0;
        while x < buf.area.width {
            let symbol = buf[(x, y)].symbol();
            let cells = u16::try_from(width(symbol)).unwrap().max(1);
            let seen: String =
                (x..x + cells).filter_map(|x| Some(parser.screen().cell(y, x)?.contents())).collect();
            let seen = if seen.is_empty() { " " } else { &seen };
            prop_assert_eq!(bare(seen), bare(symbol).replace('\u{fffd}', "¿"), "{},{} of {:?}", x, y, buf);
            x += cells;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_line_is_shown_as_it_is_laid_out(text in hard()) {
        // 24 pieces of at most 8 cells fit, and the end is visible.
        let mut buf = Buffer::empty(Rect::new(0, 0, 200, 1));
        let (end, _) = buf.set_line(0, 0, &Line::raw(format!("{}|", safe_line(&text))), 200);
        prop_assert_eq!(usize::from(end), width(&safe_line(&text)) + 1, "as wide as we count");
        agree(&buf)?;
    }

    #[test]
    fn a_column_is_as_wide_as_it_should_be(text in hard(), cells in 0..30_usize) {
        let clean = safe_line(&text);
        for column in [pad_right(&clean, cells), pad_left(&clean, cells)] {
            prop_assert_eq!(width(&column), cells);
            let mut buf = Buffer::empty(Rect::new(0, 0, 40, 1));
            let (end, _) = buf.set_line(0, 0, &Line::raw(format!("{column}|")), 40);
            prop_assert_eq!(usize::from(end), cells + 1);
            agree(&buf)?;
        }
        prop_assert!(width(&truncate(&clean, cells)) <= cells);
        prop_assert!(width(&truncate_middle(&clean, cells)) <= cells);
    }

    #[test]
    fn folded_lines_fit_and_lose_nothing(text in hard(), columns in 4..30_u16) {
        let clean = safe_line(&text).into_owned();
        let folded = fold(vec![Line::raw(clean.clone())], columns);
        let mut buf = Buffer::empty(Rect::new(0, 0, columns, folded.len() as u16));
        for (y, line) in folded.iter().enumerate() {
            prop_assert!(width(line.to_string().trim_end()) <= usize::from(columns), "{line:?}");
            buf.set_line(0, y as u16, line, columns);
        }
        agree(&buf)?;
        let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        let all: String = folded.iter().map(|line| line.to_string()).collect();
        prop_assert_eq!(letters(&all), letters(&clean));
    }

    #[test]
    fn what_lies_over_a_wide_letter_is_shown(text in hard(), at in 0..20_u16) {
        let mut buf = Buffer::empty(Rect::new(0, 0, 60, 3));
        for y in 0..3 {
            buf.set_line(0, y, &Line::raw(safe_line(&text)), 60);
        }
        let over = Rect::new(at, 0, 20, 3);
        Clear.render(over, &mut buf);
        Block::bordered().render(over, &mut buf);
        scrub(&mut buf);
        agree(&buf)?;
        prop_assert_eq!((buf[(at, 1)].symbol(), buf[(at + 19, 1)].symbol()), ("│", "│"));
    }

    #[test]
    fn cleaning_twice_changes_nothing(text in hard()) {
        let clean = safe(&text);
        prop_assert_eq!(safe(&clean), clean.as_ref());
    }

    #[test]
    fn uncleaned_frame_is_shown_as_laid_out(text in hard()) {
        let mut buf = Buffer::empty(Rect::new(0, 0, 60, 1));
        buf.set_line(0, 0, &Line::raw(text.replace(char::is_control, "?")), 60);
        scrub(&mut buf);
        agree(&buf)?;
    }
}
