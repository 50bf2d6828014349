//! A form: labelled fields and a button. It is one key context: no letter acts in it, whatever has the focus.
//! It holds what was typed and the sentence beside each field; what the fields mean is its owner's business.

use crossterm::event::KeyCode;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
};

use super::{
    input::{TextEdit, TextInput},
    safe::safe_line,
    text::{wrapped, wrapped_height},
    width::width,
};
use crate::view::theme::Theme;

/// How many completions are shown at once.
pub const COMPLETIONS: usize = 6;

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// One line of text.
    Text(TextInput),
    /// On or off.
    Check(bool),
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// How its owner calls it.
    pub id: &'static str,
    /// What is written before it.
    pub label: &'static str,
    /// What it holds.
    pub value: Value,
    /// What is said beside it while there is no error.
    pub note: String,
    /// Why it is refused.
    pub error: Option<String>,
    /// Whether the first letter typed takes the place of what is there: a suggestion.
    suggested: bool,
}

impl Field {
    /// A text field.
    pub fn text(id: &'static str, label: &'static str, text: &str, note: &str) -> Field {
        Field {
            id,
            label,
            value: Value::Text(TextInput::with(text)),
            note: note.to_owned(),
            error: None,
            suggested: false,
        }
    }

    /// What is in the field is a suggestion: the first letter typed takes its place.
    pub fn replaced_by_typing(self) -> Field {
        Field { suggested: true, ..self }
    }

    /// A box to tick.
    pub fn check(id: &'static str, label: &'static str, on: bool, note: &str) -> Field {
        Field { id, label, value: Value::Check(on), note: note.to_owned(), error: None, suggested: false }
    }
}

/// Something that may be put into a text field: its text and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is put into the field.
    pub text: String,
    /// What it is, in a few words.
    pub about: String,
}

/// Fields, a button, and the completions for the field being edited.
#[derive(Clone, Debug)]
pub struct Form {
    fields: Vec<Field>,
    /// Index of the field with the focus; the button comes after the last.
    focus: usize,
    button: &'static str,
    completions: Vec<Completion>,
    chosen: Option<usize>,
}

/// What `enter` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A completion went into the field with this id.
    Completion(&'static str),
    /// The focus went on.
    Next,
    /// The button was pressed.
    Submit,
}

impl Form {
    /// A form with the focus on its first field.
    pub fn new(button: &'static str, fields: Vec<Field>) -> Form {
        Form { fields, focus: 0, button, completions: Vec::new(), chosen: None }
    }

    /// The text of a field; empty for boxes and unknown names.
    pub fn text(&self, id: &str) -> &str {
        match self.fields.iter().find(|field| field.id == id).map(|field| &field.value) {
            Some(Value::Text(input)) => input.text(),
            _ => "",
        }
    }

    /// Whether a box is ticked.
    pub fn checked(&self, id: &str) -> bool {
        self.fields.iter().any(|field| field.id == id && matches!(field.value, Value::Check(true)))
    }

    /// Replaces the text of a field.
    pub fn set_text(&mut self, id: &str, text: &str) {
        if let Some(Value::Text(input)) = self.field_mut(id).map(|field| &mut field.value) {
            input.set(text);
        }
    }

    /// Says why a field is refused, or that it is not.
    pub fn set_error(&mut self, id: &str, error: Option<String>) {
        if let Some(field) = self.field_mut(id) {
            field.error = error;
        }
    }

    /// Puts the focus on a field.
    pub fn focus_on(&mut self, id: &str) {
        if let Some(at) = self.fields.iter().position(|field| field.id == id) {
            self.move_focus(at);
        }
    }

    /// The first field that is refused.
    pub fn first_error(&self) -> Option<&'static str> {
        self.fields.iter().find(|field| field.error.is_some()).map(|field| field.id)
    }

    /// Why that field is refused.
    pub fn first_reason(&self) -> Option<&str> {
        self.fields.iter().find_map(|field| field.error.as_deref())
    }

    /// The text field with the focus.
    pub fn editing(&self) -> Option<&'static str> {
        self.fields
            .get(self.focus)
            .filter(|field| matches!(field.value, Value::Text(_)))
            .map(|field| field.id)
    }

    /// Offers completions for the field being edited. With `first` the first one is chosen already, so that `enter`
    /// takes it: right where what was typed cannot stand as it is.
    pub fn offer(&mut self, completions: Vec<Completion>, first: bool) {
        self.completions = completions;
        self.completions.truncate(COMPLETIONS);
        self.chosen = (first && !self.completions.is_empty()).then_some(0);
    }

    /// Puts the focus on the first field.
    pub fn focus_first(&mut self) {
        self.move_focus(0);
    }

    /// Next field, then the button, then round.
    pub fn next(&mut self) {
        self.move_focus((self.focus + 1) % (self.fields.len() + 1));
    }

    /// The other way round.
    pub fn previous(&mut self) {
        self.move_focus((self.focus + self.fields.len()) % (self.fields.len() + 1));
    }

    /// Chooses among the completions; without any, moves between fields.
    pub fn choose(&mut self, down: bool) {
        let count = self.completions.len();
        match (count, down, self.chosen) {
            (0, true, _) => self.next(),
            (0, false, _) => self.previous(),
            (_, true, None) => self.chosen = Some(0),
            (_, true, Some(at)) => self.chosen = Some((at + 1) % count),
            (_, false, None | Some(0)) => self.chosen = None,
            (_, false, Some(at)) => self.chosen = Some(at - 1),
        }
    }

    /// `space`: turns a box; in a text field it is a space.
    pub fn toggle(&mut self) -> bool {
        match self.fields.get_mut(self.focus).map(|field| &mut field.value) {
            Some(Value::Check(on)) => {
                *on = !*on;
                true
            }
            Some(Value::Text(input)) => input.edit(&TextEdit::Key(KeyCode::Char(' ').into())),
            None => false,
        }
    }

    /// `enter`: takes the chosen completion (into the last part of a comma-separated text), else goes on.
    pub fn accept(&mut self) -> Accepted {
        let chosen = self.chosen.and_then(|at| self.completions.get(at)).cloned();
        if let (Some(completion), Some(field)) = (chosen, self.fields.get_mut(self.focus))
            && let Value::Text(input) = &mut field.value
        {
            let before = input.text().rfind([',', ' ']).map_or("", |at| &input.text()[..=at]);
            let gap = if before.is_empty() || before.ends_with(' ') { "" } else { " " };
            let text = format!("{before}{gap}{}", completion.text);
            input.set(&text);
            field.error = None;
            let id = field.id;
            self.offer(Vec::new(), false);
            return Accepted::Completion(id);
        }
        if self.focus == self.fields.len() {
            return Accepted::Submit;
        }
        self.next();
        Accepted::Next
    }

    /// Types into the field with the focus; says whether its text changed.
    pub fn edit(&mut self, edit: &TextEdit) -> bool {
        let Some(field) = self.fields.get_mut(self.focus) else { return false };
        let Value::Text(input) = &mut field.value else { return false };
        let types = matches!(edit, TextEdit::Paste(_))
            || matches!(edit, TextEdit::Key(key) if matches!(key.code, KeyCode::Char(_)) && key.modifiers.is_empty());
        if std::mem::take(&mut field.suggested) && types {
            input.set("");
        }
        let changed = input.edit(edit);
        if changed {
            field.error = None;
        }
        changed
    }

    fn move_focus(&mut self, to: usize) {
        self.focus = to;
        self.offer(Vec::new(), false);
    }

    fn field_mut(&mut self, id: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|field| field.id == id)
    }

    /// Lines needed at a width: a line a field, one for the button, and what completions and errors take.
    pub fn height(&self, width: u16) -> u16 {
        let errors = self.fields.iter().filter_map(|field| field.error.as_deref());
        let errors: u16 = errors.map(|error| error_height(error, width)).sum();
        u16::try_from(self.fields.len() + 1 + self.completions.len())
            .unwrap_or(u16::MAX)
            .saturating_add(errors)
    }

    /// Draws the form; gives the place of the cursor.
    pub fn draw(&self, area: Rect, buf: &mut Buffer, active: bool, theme: &Theme) -> Option<Position> {
        let (mut y, mut cursor) = (area.y, None);
        // Where not all fits, the field with the focus does.
        let first = (self.focus + 1).saturating_sub(usize::from(area.height));
        for (at, field) in self.fields.iter().enumerate().skip(first) {
            let focused = active && at == self.focus;
            let rest = Rect { y: y.min(area.bottom()), height: area.bottom().saturating_sub(y), ..area };
            if rest.is_empty() {
                return cursor;
            }
            cursor = draw_field(field, rest, buf, focused, theme).or(cursor);
            y += 1;
            let value = beside_label(Rect {
                y: y.min(area.bottom()),
                height: area.bottom().saturating_sub(y),
                ..area
            });
            if let Some(error) = &field.error {
                y += wrapped(&format!("{} {error}", theme.glyphs.no), value, buf, theme.bad);
            } else if focused {
                y += self.draw_completions(value, buf, theme);
            }
        }
        if y < area.bottom() {
            let button = beside_label(Rect { y, height: 1, ..area });
            let focused = active && self.focus == self.fields.len();
            let style = if focused { theme.selected } else { theme.accent };
            buf.set_stringn(button.x, y, format!("[ {} ]", self.button), usize::from(button.width), style);
            if focused {
                cursor = Some(Position::new(button.x, y));
            }
        }
        cursor
    }

    fn draw_completions(&self, area: Rect, buf: &mut Buffer, theme: &Theme) -> u16 {
        let mut taken = 0;
        for ((at, completion), y) in self.completions.iter().enumerate().zip(area.y..area.bottom()) {
            let style = if self.chosen == Some(at) { theme.selected } else { Style::new() };
            let line = Line::from(vec![
                Span::styled(format!(" {} ", safe_line(&completion.text)), style),
                Span::styled(format!(" {}", safe_line(&completion.about)), theme.dim),
            ]);
            buf.set_line(area.x, y, &line, area.width);
            taken += 1;
        }
        taken
    }
}

/// Columns that labels take.
pub const LABEL: u16 = 14;

fn beside_label(area: Rect) -> Rect {
    Rect { x: area.x + LABEL.min(area.width), width: area.width.saturating_sub(LABEL), ..area }
}

fn error_height(error: &str, width: u16) -> u16 {
    wrapped_height(&format!("x {error}"), width.saturating_sub(LABEL))
}

/// Draws one field in the first line of `area`; gives the place of the cursor.
fn draw_field(field: &Field, area: Rect, buf: &mut Buffer, focused: bool, theme: &Theme) -> Option<Position> {
    let value = Rect { height: 1, ..beside_label(area) };
    let (room, y) = (usize::from(value.width), area.y);
    buf.set_stringn(
        area.x,
        y,
        field.label,
        usize::from(area.width),
        if focused { theme.accent } else { theme.dim },
    );
    // A note yields to a long text: what was typed matters more.
    let typed = match &field.value {
        Value::Text(input) => width(input.text()) + 2,
        Value::Check(_) => 5,
    };
    let note = width(&field.note);
    let shows_note = note > 0 && typed + note + 2 <= room;
    if shows_note {
        let x = value.right().saturating_sub(u16::try_from(note).unwrap_or(value.width));
        buf.set_stringn(x, y, &field.note, note, theme.dim);
    }
    match &field.value {
        Value::Text(input) => {
            let columns = if shows_note { room - note - 2 } else { room };
            if input.text().is_empty() && !focused {
                buf.set_stringn(value.x, y, "(empty)", columns, theme.dim);
            }
            let text = Rect { width: u16::try_from(columns).unwrap_or(value.width), ..value };
            input.draw(text, buf, if focused { theme.strong } else { Style::new() }, focused)
        }
        Value::Check(on) => {
            let mark = if *on { "[x]" } else { "[ ]" };
            buf.set_stringn(value.x, y, mark, room, if focused { theme.accent } else { Style::new() });
            focused.then(|| Position::new(value.x + 1, y))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::new(
            "mint",
            vec![
                Field::text("scopes", "scopes", "cloud-platform", ""),
                Field::check("email", "email", true, ""),
            ],
        )
    }

    fn completion(text: &str) -> Completion {
        Completion { text: text.into(), about: String::new() }
    }

    #[test]
    fn tab_goes_through_the_fields_and_the_button_and_round() {
        let mut form = form();
        assert_eq!(form.editing(), Some("scopes"));
        form.next();
        assert_eq!((form.editing(), form.toggle(), form.checked("email")), (None, true, false));
        form.next();
        assert_eq!(form.accept(), Accepted::Submit);
        form.next();
        assert_eq!(form.editing(), Some("scopes"));
        form.previous();
        assert_eq!(form.accept(), Accepted::Submit);
    }

    #[test]
    fn enter_takes_a_completion_only_when_one_was_chosen() {
        let mut form = form();
        form.set_text("scopes", "cloud-platform, dev");
        form.offer(vec![completion("devstorage.read_only"), completion("devstorage.full_control")], false);
        form.choose(true);
        form.choose(true);
        assert_eq!(form.accept(), Accepted::Completion("scopes"));
        assert_eq!(form.text("scopes"), "cloud-platform, devstorage.full_control");
        assert_eq!(form.accept(), Accepted::Next);
    }

    #[test]
    fn a_space_is_a_space_in_a_text_field() {
        let mut form = form();
        form.toggle();
        assert_eq!(form.text("scopes"), "cloud-platform ");
    }
}
