//! A one-line text input: tui-input with a bound, with paste as text, and drawn so that the cursor stays
//! visible.

use crossterm::event::{Event, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};
use tui_input::{Input, InputRequest, backend::crossterm::EventHandler};

use super::text::thousands;
use crate::text::safe::safe_line;

/// More than any field here needs; a larger paste isn't inserted, because half a text is a different text.
const MOST_CHARS: usize = 8_192;

/// An edit of a text field.
#[derive(Clone, Debug)]
pub(crate) enum TextEdit {
    /// A key without a binding.
    Key(KeyEvent),
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
        let width = usize::from(area.width).saturating_sub(1);
        let scroll = self.0.visual_scroll(width);
        let (mut skipped, mut shown) = (0, String::new());
        for c in safe_line(self.0.value()).chars() {
            if skipped < scroll {
                skipped += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
            } else {
                shown.push(c);
            }
        }
        buf.set_stringn(area.x, area.y, &shown, usize::from(area.width), style);
        let cursor = self.0.visual_cursor().saturating_sub(scroll).min(width);
        focused.then(|| Position::new(area.x + u16::try_from(cursor).unwrap_or(area.width), area.y))
    }
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
}
