//! A form: labelled fields and a button. It is one key context: letters never act in it, whatever has the focus.
//! It holds the typed values and the message beside each field; their meaning is up to its owner.

use crate::text::safe::safe_line;
use crossterm::event::KeyCode;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
};

use super::{
    input::{TextEdit, TextInput},
    text::wrapped,
};
pub use field::{Field, Value};
use field::{draw_field, said_height};

mod field;

use crate::tui::widgets::theme::Theme;

/// Most completions shown at once.
pub const COMPLETIONS: usize = 6;

/// A completion for a text field: its text and a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text to insert.
    pub text: String,
    /// The remark.
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

/// The effect of `enter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The text of the field with this id changed: by a completion or a new line.
    Edited(&'static str),
    /// The focus moved on.
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

    /// The text of a field of several lines; empty for any other.
    pub fn area(&self, id: &str) -> String {
        match self.fields.iter().find(|field| field.id == id).map(|field| &field.value) {
            Some(Value::Area(editor)) => editor.text(),
            _ => String::new(),
        }
    }

    /// The word chosen in a field; empty for any other.
    pub fn chosen(&self, id: &str) -> &'static str {
        match self.fields.iter().find(|field| field.id == id).map(|field| &field.value) {
            Some(Value::Choice(words, at)) => words[*at],
            _ => "",
        }
    }

    /// Replaces the text of a field, or chooses that word in it.
    pub fn set_text(&mut self, id: &str, text: &str) {
        match self.field_mut(id).map(|field| &mut field.value) {
            Some(Value::Text(input)) => input.set(text),
            Some(Value::Area(editor)) => editor.set(text),
            Some(Value::Choice(words, at)) => {
                *at = words.iter().position(|word| *word == text).unwrap_or(*at);
            }
            _ => {}
        }
    }

    /// Sets a box.
    pub fn set_checked(&mut self, id: &str, checked: bool) {
        if let Some(Value::Check(on)) = self.field_mut(id).map(|field| &mut field.value) {
            *on = checked;
        }
    }

    /// Moves the cursor of a multi-line field to this place, counted from 1.
    pub fn go(&mut self, id: &str, line: usize, column: usize) {
        if let Some(Value::Area(editor)) = self.field_mut(id).map(|field| &mut field.value) {
            editor.go(line, column);
        }
    }

    /// Sets the note beside a field.
    pub fn set_note(&mut self, id: &str, note: &str) {
        if let Some(field) = self.field_mut(id) {
            field.note = note.to_owned();
        }
    }

    /// Shows or hides a field.
    pub fn show(&mut self, id: &str, shown: bool) {
        if let Some(field) = self.field_mut(id) {
            field.hidden = !shown;
            if !shown {
                field.error = None;
                field.warnings.clear();
            }
        }
    }

    /// Sets the warnings of a field.
    pub fn warnings(&self, id: &str) -> Vec<String> {
        self.fields
            .iter()
            .find(|field| field.id == id)
            .map(|field| field.warnings.clone())
            .unwrap_or_default()
    }

    /// The error of a field, if any.
    pub fn error(&self, id: &str) -> Option<String> {
        self.fields.iter().find(|field| field.id == id)?.error.clone()
    }

    /// The warnings of a field.
    pub fn set_warnings(&mut self, id: &str, warnings: Vec<String>) {
        if let Some(field) = self.field_mut(id) {
            field.warnings = warnings;
        }
    }

    /// Sets or clears the error of a field.
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

    /// The first field with an error.
    pub fn first_error(&self) -> Option<&'static str> {
        self.fields.iter().find(|field| field.error.is_some()).map(|field| field.id)
    }

    /// That field's error.
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

    /// Whether the text field with the focus is empty.
    pub fn is_blank(&self) -> bool {
        self.editing().is_none_or(|id| self.text(id).trim().is_empty())
    }

    /// The field with the focus, of any kind; none on the button.
    pub fn focused(&self) -> Option<&'static str> {
        self.fields.get(self.focus).map(|field| field.id)
    }

    /// Offers completions for the field being edited. With `first`, the first one is preselected, so that `enter`
    /// accepts it: right if the typed text is invalid as it is.
    pub fn offer(&mut self, completions: Vec<Completion>, first: bool) {
        self.completions = completions;
        self.completions.truncate(COMPLETIONS);
        self.chosen = (first && !self.completions.is_empty()).then_some(0);
    }

    /// Puts the focus on the first field.
    pub fn focus_first(&mut self) {
        let first = self.fields.iter().position(|field| !field.hidden);
        self.move_focus(first.unwrap_or(self.fields.len()));
    }

    /// Moves to the next field, then the button, then around.
    pub fn next(&mut self) {
        self.step(1);
    }

    /// Moves backwards.
    pub fn previous(&mut self) {
        self.step(self.fields.len());
    }

    /// Moves by so many places, skipping hidden fields.
    fn step(&mut self, by: usize) {
        let places = self.fields.len() + 1;
        let mut to = (self.focus + by) % places;
        while self.fields.get(to).is_some_and(|field| field.hidden) {
            to = (to + by) % places;
        }
        self.move_focus(to);
    }

    /// Moves among the completions; without any, between fields, or between the lines of a multi-line field.
    pub fn choose(&mut self, down: bool) {
        if let Some(Value::Area(editor)) = self.fields.get_mut(self.focus).map(|field| &mut field.value) {
            let key = if down { KeyCode::Down } else { KeyCode::Up };
            editor.edit(&TextEdit::Key(key.into()));
            return;
        }
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

    /// `space`: toggles a box; in a text field it types a space.
    pub fn toggle(&mut self) -> bool {
        match self.fields.get_mut(self.focus).map(|field| &mut field.value) {
            Some(Value::Check(on)) => {
                *on = !*on;
                true
            }
            Some(Value::Choice(words, at)) => {
                *at = (*at + 1) % words.len();
                true
            }
            Some(_) => self.edit(&TextEdit::Key(KeyCode::Char(' ').into())),
            None => false,
        }
    }

    /// `enter`: accepts the chosen completion (for the last part of a comma-separated text), else moves on.
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
            return Accepted::Edited(id);
        }
        if self.focus == self.fields.len() {
            return Accepted::Submit;
        }
        if matches!(self.fields[self.focus].value, Value::Area(_)) {
            self.edit(&TextEdit::Key(KeyCode::Enter.into()));
            return Accepted::Edited(self.fields[self.focus].id);
        }
        self.next();
        Accepted::Next
    }

    /// Types into the field with the focus; returns whether its text changed.
    pub fn edit(&mut self, edit: &TextEdit) -> bool {
        let Some(field) = self.fields.get_mut(self.focus) else { return false };
        let input = match &mut field.value {
            Value::Text(input) => input,
            Value::Area(editor) => {
                if let TextEdit::Paste(text) = edit
                    && let Some(why) = editor.refuses(text)
                {
                    field.error = Some(why);
                    return false;
                }
                let changed = editor.edit(edit);
                if changed {
                    field.error = None;
                }
                return changed;
            }
            Value::Choice(words, at) => {
                let TextEdit::Key(key) = edit else { return false };
                match key.code {
                    KeyCode::Right => *at = (*at + 1) % words.len(),
                    KeyCode::Left => *at = (*at + words.len() - 1) % words.len(),
                    _ => return false,
                }
                return true;
            }
            Value::Check(_) => return false,
        };
        let types = matches!(edit, TextEdit::Paste(_))
            || matches!(edit, TextEdit::Key(key) if matches!(key.code, KeyCode::Char(_)) && key.modifiers.is_empty());
        let replaces = field.suggested && types;
        if let TextEdit::Paste(text) = edit {
            let refused = if replaces { TextInput::default().refuses(text) } else { input.refuses(text) };
            if refused.is_some() {
                field.error = refused;
                return false;
            }
        }
        field.suggested = false;
        if replaces {
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

    /// The height needed at a width: fields, button, completions, errors and warnings.
    pub fn height(&self, width: u16) -> u16 {
        let shown = self.fields.iter().filter(|field| !field.hidden);
        let fields: u16 = shown.map(|field| field.height(width) + said_height(field, width)).sum();
        u16::try_from(self.completions.len() + 1).unwrap_or(u16::MAX).saturating_add(fields)
    }

    /// Draws the form; returns the position of the cursor.
    pub fn draw(&self, area: Rect, buf: &mut Buffer, active: bool, theme: &Theme) -> Option<Position> {
        let (mut y, mut cursor) = (area.y, None);
        for (at, field) in self.fields.iter().enumerate().skip(self.first_shown(area)) {
            let focused = active && at == self.focus;
            let rest =
                |y: u16| Rect { y: y.min(area.bottom()), height: area.bottom().saturating_sub(y), ..area };
            if field.hidden {
                continue;
            }
            if rest(y).is_empty() {
                return cursor;
            }
            // A multi-line field leaves space for its messages.
            let said = said_height(field, area.width);
            let height = field.height(area.width).min(rest(y).height.saturating_sub(said).max(1));
            cursor = draw_field(field, Rect { height, ..rest(y) }, buf, focused, theme).or(cursor);
            y += height;
            if let Some(error) = &field.error {
                y += wrapped(&format!("{} {error}", theme.glyphs.no), beside_label(rest(y)), buf, theme.bad);
            } else if focused {
                y += self.draw_completions(beside_label(rest(y)), buf, theme);
            }
            for warning in &field.warnings {
                y += wrapped(&format!("! {warning}"), beside_label(rest(y)), buf, theme.warning);
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

    /// If not everything fits, fields are dropped from the top until the one with the focus does.
    fn first_shown(&self, area: Rect) -> usize {
        let end = (self.focus + 1).min(self.fields.len());
        let heights = self.fields[..end].iter().map(|field| match field.hidden {
            true => 0,
            false => field.height(area.width) + said_height(field, area.width),
        });
        let button = u16::from(self.focus == self.fields.len());
        let mut over = (heights.clone().sum::<u16>() + button).saturating_sub(area.height);
        let mut first = 0;
        for height in heights {
            if over == 0 || first + 1 >= end + usize::from(button) {
                break;
            }
            over = over.saturating_sub(height);
            first += 1;
        }
        first
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

/// The width of the labels.
pub const LABEL: u16 = 14;

fn beside_label(area: Rect) -> Rect {
    Rect { x: area.x + LABEL.min(area.width), width: area.width.saturating_sub(LABEL), ..area }
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
        assert_eq!(form.accept(), Accepted::Edited("scopes"));
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
