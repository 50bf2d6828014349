//! One field of a form: its value, its messages, and how it is drawn.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};

use super::{LABEL, beside_label};
use crate::{
    text::width::width,
    tui::widgets::{editor::Editor, input::TextInput, text::wrapped_height, theme::Theme},
};

/// The value of a field.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// One line of text.
    Text(TextInput),
    Check(bool),
    /// Several lines of text.
    Area(Box<Editor>),
    /// One of a few words, by its index.
    Choice(&'static [&'static str], usize),
}

/// One field, without its name.
#[derive(Clone, Debug)]
pub(super) struct Row {
    label: &'static str,
    pub(super) value: Value,
    /// Shown beside it while there is no error.
    pub(super) note: String,
    pub(super) error: Option<String>,
    /// They don't block submitting.
    pub(super) warnings: Vec<String>,
    /// Whether it is hidden because it doesn't apply to the other choices.
    pub(super) hidden: bool,
    /// Whether its text is a suggestion that the first typed letter replaces.
    pub(super) suggested: bool,
}

/// One field, with the name that its owner uses.
#[derive(Clone, Debug)]
pub(crate) struct Field<Id = &'static str> {
    pub(super) id: Id,
    pub(super) row: Row,
}

impl<Id> Field<Id> {
    fn new(id: Id, label: &'static str, value: Value, note: &str) -> Field<Id> {
        let row = Row {
            label,
            value,
            note: note.to_owned(),
            error: None,
            warnings: Vec::new(),
            hidden: false,
            suggested: false,
        };
        Field { id, row }
    }

    pub(crate) fn text(id: Id, label: &'static str, text: &str, note: &str) -> Field<Id> {
        Field::new(id, label, Value::Text(TextInput::with(text)), note)
    }

    /// A multi-line field of at least so many lines; the note is shown while it is empty.
    pub(crate) fn area(id: Id, label: &'static str, text: &str, least: u16, note: &str) -> Field<Id> {
        Field::new(id, label, Value::Area(Box::new(Editor::with(text, least))), note)
    }

    /// One of a few words; the first is chosen.
    pub(crate) fn choice(
        id: Id,
        label: &'static str,
        words: &'static [&'static str],
        note: &str,
    ) -> Field<Id> {
        Field::new(id, label, Value::Choice(words, 0), note)
    }

    /// A box to tick.
    pub(crate) fn check(id: Id, label: &'static str, on: bool, note: &str) -> Field<Id> {
        Field::new(id, label, Value::Check(on), note)
    }

    /// Makes the text a suggestion: the first typed letter replaces it.
    pub(crate) fn replaced_by_typing(mut self) -> Field<Id> {
        self.row.suggested = true;
        self
    }
}

impl Row {
    /// The height at a width: a choice takes one more line if its note doesn't fit beside it.
    pub(super) fn height(&self, width: u16) -> u16 {
        match &self.value {
            Value::Area(editor) => editor.height(),
            Value::Choice(..) if !self.note.is_empty() && !self.note_fits(width) => 2,
            _ => 1,
        }
    }

    /// Whether value and note fit side by side.
    fn note_fits(&self, columns: u16) -> bool {
        let typed = match &self.value {
            Value::Text(input) => width(input.text()) + 2,
            Value::Check(_) => 5,
            Value::Choice(words, at) => width(words[*at]) + 6,
            Value::Area(_) => 0,
        };
        typed + width(&self.note) + 2 <= usize::from(columns.saturating_sub(LABEL))
    }
}

/// The height of a field's errors and warnings.
pub(super) fn said_height(row: &Row, width: u16) -> u16 {
    let said = row.error.iter().chain(&row.warnings);
    said.map(|text| wrapped_height(&format!("x {text}"), width.saturating_sub(LABEL))).sum()
}

/// Draws one field in the first line of `area`; returns the position of the cursor.
pub(super) fn draw_row(
    row: &Row,
    area: Rect,
    buf: &mut Buffer,
    focused: bool,
    theme: &Theme,
) -> Option<Position> {
    let value = Rect { height: 1, ..beside_label(area) };
    let (room, y) = (usize::from(value.width), area.y);
    buf.set_stringn(
        area.x,
        y,
        row.label,
        usize::from(area.width),
        if focused { theme.accent } else { theme.dim },
    );
    if let Value::Area(editor) = &row.value {
        let lines = Rect { height: area.height.min(editor.height()), ..beside_label(area) };
        editor.draw(lines, buf, focused, theme);
        if focused && lines.height > 1 {
            // Errors name line and column, so the cursor's are shown.
            let (line, column) = editor.place();
            buf.set_stringn(area.x, y + 1, format!("{line}:{column}"), usize::from(LABEL - 1), theme.dim);
        }
        if editor.is_empty() {
            let x = value.right().saturating_sub(u16::try_from(width(&row.note)).unwrap_or(value.width));
            buf.set_stringn(x.max(value.x + 2), y, &row.note, room.saturating_sub(2), theme.dim);
        }
        return None;
    }
    // A note yields to a long text, which matters more.
    let note = width(&row.note);
    let shows_note = note > 0 && row.note_fits(area.width);
    if shows_note {
        let x = value.right().saturating_sub(u16::try_from(note).unwrap_or(value.width));
        buf.set_stringn(x, y, &row.note, note, theme.dim);
    } else if note > 0 && area.height > 1 && matches!(row.value, Value::Choice(..)) {
        buf.set_stringn(value.x, y + 1, &row.note, room, theme.dim);
    }
    match &row.value {
        Value::Text(input) => {
            let columns = if shows_note { room - note - 2 } else { room };
            if input.text().is_empty() && !focused {
                buf.set_stringn(value.x, y, "(empty)", columns, theme.dim);
            }
            let text = Rect { width: u16::try_from(columns).unwrap_or(value.width), ..value };
            input.draw(text, buf, if focused { theme.strong } else { Style::new() }, focused)
        }
        Value::Area(_) => None,
        Value::Choice(words, at) => {
            let style = if focused { theme.accent } else { Style::new() };
            buf.set_stringn(value.x, y, format!("< {} >", words[*at]), room, style);
            focused.then(|| Position::new(value.x + 2, y))
        }
        Value::Check(on) => {
            let mark = if *on { "[x]" } else { "[ ]" };
            buf.set_stringn(value.x, y, mark, room, if focused { theme.accent } else { Style::new() });
            focused.then(|| Position::new(value.x + 1, y))
        }
    }
}
