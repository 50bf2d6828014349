//! A one-line text input: tui-input with a bound, with paste as text, and drawn so that the cursor stays
//! visible.

use crossterm::event::{Event, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};
use tui_input::{Input, InputRequest, backend::crossterm::EventHandler};
use unicode_segmentation::UnicodeSegmentation;

use super::text::thousands;
use crate::{
    keymap::Action,
    text::{safe::safe_line, width::width},
};

/// More than any field here needs; a larger paste isn't inserted, because half a text is a different text.
const MOST_CHARS: usize = 8_192;

/// An edit of a text field.
#[derive(Clone, Debug)]
pub(crate) enum TextEdit {
    /// A key without a binding.
    Key(KeyEvent),
    /// An action on words.
    Word(Action),
    /// Text pasted by the terminal: inserted, never run as keys.
    Paste(String),
}

/// A line of text with a cursor.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextInput(Input);

impl TextInput {
    /// A field with this text, the cursor at its end.
    pub(crate) fn with(text: &str) -> TextInput {
        TextInput(Input::new(text.to_owned()))
    }

    pub(crate) fn text(&self) -> &str {
        self.0.value()
    }

    /// Replaces the text; the cursor moves to its end.
    pub(crate) fn set(&mut self, text: &str) {
        self.0 = Input::new(text.to_owned());
    }

    /// Applies an edit; returns whether the text changed.
    pub(crate) fn edit(&mut self, edit: &TextEdit) -> bool {
        match edit {
            TextEdit::Key(key) => {
                let full =
                    self.length() >= MOST_CHARS && matches!(key.code, crossterm::event::KeyCode::Char(_));
                !full && self.0.handle_event(&Event::Key(*key)).is_some_and(|state| state.value)
            }
            TextEdit::Word(action) => {
                let request = match action {
                    Action::WordLeft => InputRequest::GoToPrevWord,
                    Action::WordRight => InputRequest::GoToNextWord,
                    Action::DeleteWordLeft => InputRequest::DeletePrevWord,
                    Action::DeleteWordRight => InputRequest::DeleteNextWord,
                    _ => return false,
                };
                self.0.handle(request).is_some_and(|state| state.value)
            }
            TextEdit::Paste(text) => {
                if self.refuses(text).is_some() {
                    return false;
                }
                // Line breaks become spaces: a pasted list of scopes or a wrapped name stays usable.
                let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
                for c in line {
                    self.0.handle(InputRequest::InsertChar(c));
                }
                !text.trim().is_empty()
            }
        }
    }

    /// Why a text can't be pasted whole, if it can't.
    pub(crate) fn refuses(&self, text: &str) -> Option<String> {
        let length = self.length() + text.trim().chars().count();
        (length > MOST_CHARS).then(|| {
            let (length, most) = (thousands(length), thousands(MOST_CHARS));
            format!("Paste not inserted: the line would have {length} characters (maximum {most})")
        })
    }

    fn length(&self) -> usize {
        self.0.value().chars().count()
    }

    /// Draws the text in one line; returns the position of the cursor if it has the focus.
    pub(crate) fn draw(&self, area: Rect, buf: &mut Buffer, style: Style, focused: bool) -> Option<Position> {
        if area.is_empty() {
            return None;
        }
        // Counted as it is drawn, with marks in place of what joins characters; so the parts before and after the cursor are drawn
        // by themselves.
        let most = usize::from(area.width).saturating_sub(1);
        let at = self.text().char_indices().nth(self.0.cursor()).map_or(self.text().len(), |(at, _)| at);
        let (before, after) = self.text().split_at(at);
        let before = safe_line(before);
        let shown = &before[over(&before, width(&before).saturating_sub(most))..];
        let cursor = area.x + u16::try_from(width(shown)).unwrap_or(area.width);
        buf.set_stringn(area.x, area.y, shown, usize::from(area.width), style);
        buf.set_stringn(cursor, area.y, safe_line(after), usize::from(area.right() - cursor), style);
        focused.then(|| Position::new(cursor, area.y))
    }
}

/// The bytes of the first letters that take at least so many cells.
fn over(text: &str, cells: usize) -> usize {
    let mut taken = 0;
    let mut letters = text.grapheme_indices(true);
    let rest = letters.find(|(_, letter)| {
        let is_over = taken >= cells;
        taken += width(letter);
        is_over
    });
    rest.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_text_and_never_a_line_end() {
        let mut input = TextInput::default();
        input.edit(&TextEdit::Paste("one\r\ntwo\u{1b}[31m\n".into()));
        assert_eq!(input.text(), "one  two [31m");
    }

    #[test]
    fn a_field_is_bounded() {
        let mut input = TextInput::default();
        let most = "x".repeat(MOST_CHARS);
        assert!(input.edit(&TextEdit::Paste(format!(" {most}\n"))));
        assert_eq!(input.text(), most);
        assert!(!input.edit(&TextEdit::Paste("y".into())));
        assert_eq!(input.text(), most);
        let why = input.refuses("y").unwrap_or_default();
        assert!(why.contains("8,193 characters") && why.contains("maximum 8,192"), "{why}");
        assert_eq!(TextInput::default().refuses(&"é".repeat(MOST_CHARS)), None);
    }

    /// The cells up to the cursor, and where it stands.
    fn drawn(input: &TextInput, width: u16) -> (String, u16) {
        let area = Rect::new(0, 0, width, 1);
        let mut buf = Buffer::empty(area);
        let cursor = input.draw(area, &mut buf, Style::new(), true).expect("a cursor");
        let cells = (0..cursor.x).map(|x| buf[(x, 0)].symbol());
        // A wide character covers the cell after it.
        let mut covered = 0;
        let shown = cells.filter(|symbol| {
            let is_covered = covered > 0;
            covered = if is_covered { covered - 1 } else { crate::text::width::width(symbol).max(1) - 1 };
            !is_covered
        });
        (shown.collect(), cursor.x)
    }

    #[test]
    fn the_cursor_stands_behind_what_is_drawn() {
        for (text, cells) in [
            ("abc", 3),
            ("x👩\u{200d}💻 e\u{301}数", 10),
            ("🏳\u{fe0f}\u{200d}🌈!", 6),
            ("👍🏽", 5),
            ("🇩🇪.", 3),
            ("한\u{200b}नी", 5),
        ] {
            let (shown, cursor) = drawn(&TextInput::with(text), 40);
            assert_eq!((shown.as_str(), cursor), (&*safe_line(text), cells), "{text:?}");
        }
    }

    #[test]
    fn the_end_of_a_long_text_is_shown_with_its_cursor() {
        let mut input = TextInput::with(&"数据👩\u{200d}💻".repeat(20));
        input.edit(&TextEdit::Paste("end".into()));
        for width in 4..30 {
            let (shown, cursor) = drawn(&input, width);
            assert!(
                shown.ends_with("end") && cursor < width && cursor + 2 >= width.min(180),
                "{width}: {shown}"
            );
        }
        input.edit(&TextEdit::Key(crossterm::event::KeyCode::Home.into()));
        assert_eq!(drawn(&input, 10).1, 0);
    }
}
