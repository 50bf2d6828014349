//! A multi-line text editor: ratatui's text area with a bound, with paste as text, and without its colours.

use crate::{
    keymap::Action,
    text::safe::{is_unsafe, safe_line},
};
use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};
use ratatui_textarea::{CursorMove, TextArea};

use super::{input::TextEdit, text::thousands};
use crate::tui::widgets::theme::Theme;

/// More than any text here needs; a larger paste isn't inserted.
const MOST_BYTES: usize = 64 * 1024;

const MOST_LINES: u16 = 9;

/// A text of several lines with a cursor.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    area: TextArea<'static>,
    least: u16,
}

impl Editor {
    /// An editor with this text, the cursor at its start, and at least so many lines.
    pub(crate) fn with(text: &str, least: u16) -> Editor {
        let mut area = TextArea::new(text.split('\n').map(str::to_owned).collect());
        area.set_cursor_line_style(Style::new());
        area.set_tab_length(2);
        Editor { area, least }
    }

    /// The text, its lines joined.
    pub(crate) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether the text is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    pub(crate) fn set(&mut self, text: &str) {
        *self = Editor::with(text, self.least);
    }

    /// Moves the cursor to this line and column, both counted from 1.
    pub(crate) fn go(&mut self, line: usize, column: usize) {
        let place = |n: usize| u16::try_from(n.saturating_sub(1)).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(place(line), place(column)));
    }

    /// Line and column of the cursor, counted from 1.
    pub(crate) fn place(&self) -> (usize, usize) {
        let at = self.area.cursor();
        (at.0 + 1, at.1 + 1)
    }

    /// Applies an edit; returns whether the text changed.
    pub(crate) fn edit(&mut self, edit: &TextEdit) -> bool {
        let room = MOST_BYTES.saturating_sub(self.area.lines().iter().map(|line| line.len() + 1).sum());
        match edit {
            TextEdit::Key(key) => {
                let types = matches!(key.code, KeyCode::Char(_) | KeyCode::Enter)
                    && !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
                (!types || room > 4) && self.area.input(*key)
            }
            TextEdit::Word(action) => match action {
                Action::DeleteWordLeft => self.area.delete_word(),
                Action::DeleteWordRight => self.area.delete_next_word(),
                _ => {
                    let back = *action == Action::WordLeft;
                    self.area.move_cursor(if back { CursorMove::WordBack } else { CursorMove::WordForward });
                    false
                }
            },
            TextEdit::Paste(text) => {
                let text = lines_of(text);
                self.refuses(&text).is_none() && !text.is_empty() && self.area.insert_str(text)
            }
        }
    }

    /// Why a text can't be pasted unchanged, if it can't: what is signed must be what was pasted.
    pub(crate) fn refuses(&self, text: &str) -> Option<String> {
        let text = lines_of(text);
        let held: usize = self.area.lines().iter().map(|line| line.len() + 1).sum();
        if held + text.len() > MOST_BYTES {
            return Some(format!(
                "Pasted {} bytes, not inserted: the maximum is 64 KiB. Use a file for more",
                thousands(text.len())
            ));
        }
        let control = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'))?;
        Some(format!(
            "Paste not inserted: it contains the control character U+{:04X}. Use a file, hex or base64",
            u32::from(control)
        ))
    }

    /// The height it needs.
    pub(crate) fn height(&self) -> u16 {
        u16::try_from(self.area.lines().len()).unwrap_or(u16::MAX).clamp(self.least, MOST_LINES)
    }

    /// Draws the text; the cursor only with the focus.
    pub(crate) fn draw(&self, area: Rect, buf: &mut Buffer, focused: bool, theme: &Theme) {
        if !focused {
            for (line, y) in self.area.lines().iter().zip(area.y..area.bottom()) {
                buf.set_stringn(area.x, y, safe_line(line), usize::from(area.width), Style::new());
            }
            return;
        }
        // Invisible characters are shown as a one-column mark, so that the cursor stays in its place.
        let mark = |c: char| if c != '\t' && is_unsafe(c) { '\u{fffd}' } else { c };
        let lines = self.area.lines().iter().map(|line| line.chars().map(mark).collect()).collect();
        let mut shown = TextArea::new(lines);
        shown.set_tab_length(2);
        shown.set_cursor_line_style(Style::new());
        let (row, column) = self.place();
        let place = |n: usize| u16::try_from(n - 1).unwrap_or(u16::MAX);
        shown.move_cursor(CursorMove::Jump(place(row), place(column)));
        shown.set_style(theme.strong);
        shown.set_cursor_style(theme.selected);
        (&shown).render(area, buf);
    }
}

/// Terminals paste different line ends; here they are line feeds.
fn lines_of(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_is_a_newline_and_a_tab_a_tab() {
        let mut editor = Editor::with("", 1);
        editor.edit(&TextEdit::Paste("{\r\n\t\"a\": 1".into()));
        editor.edit(&TextEdit::Key(KeyCode::Enter.into()));
        editor.edit(&TextEdit::Key(KeyCode::Char('}').into()));
        assert_eq!(editor.text(), "{\n\t\"a\": 1\n}");
        assert_eq!(Editor::with("hello\n", 1).text(), "hello\n", "the last line end stays");
    }

    #[test]
    fn what_cannot_be_pasted_whole_is_not_pasted_at_all() {
        let mut editor = Editor::with("x", 1);
        for (text, part) in [("a\u{1b}[31m".to_owned(), "U+001B"), ("y".repeat(1 << 20), "64 KiB")] {
            assert!(!editor.edit(&TextEdit::Paste(text.clone())));
            assert!(editor.refuses(&text).is_some_and(|why| why.contains(part)));
        }
        assert_eq!(editor.text(), "x");
    }

    #[test]
    fn words_are_moved_over_and_deleted() {
        let mut editor = Editor::with("one two three", 1);
        editor.edit(&TextEdit::Word(Action::WordRight));
        assert_eq!(editor.place(), (1, 5));
        editor.edit(&TextEdit::Word(Action::DeleteWordRight));
        editor.edit(&TextEdit::Word(Action::WordLeft));
        assert_eq!((editor.place(), editor.text().as_str()), ((1, 1), "one  three"));
        editor.go(1, 99);
        editor.edit(&TextEdit::Word(Action::DeleteWordLeft));
        assert_eq!(editor.text(), "one  ");
    }

    #[test]
    fn an_editor_is_bounded_and_can_still_be_emptied() {
        let mut editor = Editor::with("", 1);
        editor.edit(&TextEdit::Paste("x".repeat(MOST_BYTES - 2)));
        let full = editor.text().len();
        editor.edit(&TextEdit::Key(KeyCode::Char('y').into()));
        assert!(editor.text().len() <= full + 1);
        assert!(editor.edit(&TextEdit::Key(KeyCode::Backspace.into())));
    }

    #[test]
    fn a_long_text_scrolls_to_its_cursor() {
        let text: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        let mut editor = Editor::with(&text, 1);
        editor.go(40, 1);
        let area = Rect::new(0, 0, 20, 5);
        let mut buf = Buffer::empty(area);
        editor.draw(area, &mut buf, true, &Theme::default());
        let shown: String = buf.content().iter().map(|cell| cell.symbol()).collect();
        assert!(shown.contains("line 40"), "{shown}");
    }
}
