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
pub(crate) use field::Field;
use field::{Row, Value, draw_row, said_height};
pub(crate) use named::Form;

mod field;
mod named;

use crate::tui::widgets::theme::Theme;

/// Most completions shown at once.
pub(crate) const COMPLETIONS: usize = 6;

/// A completion for a text field: its text and a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The text to insert.
    pub(crate) text: String,
    pub(crate) about: String,
}

/// Fields, a button, and the completions for the field being edited: all of a form but the names of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    rows: Vec<Row>,
    /// Index of the field with the focus; the button comes after the last.
    focus: usize,
    button: &'static str,
    completions: Vec<Completion>,
    chosen: Option<usize>,
}

/// The effect of `enter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// The text of the field with the focus changed: by a completion or a new line.
    Edited,
    /// The focus moved on.
    Next,
    /// The button was pressed.
    Submit,
}

impl Sheet {
    fn new(button: &'static str, rows: Vec<Row>) -> Sheet {
        Sheet { rows, focus: 0, button, completions: Vec::new(), chosen: None }
    }

    /// The error of the first field that has one.
    pub(crate) fn first_reason(&self) -> Option<&str> {
        self.rows.iter().find_map(|row| row.error.as_deref())
    }

    /// Puts the focus on the first field with an error; returns the error.
    pub(crate) fn focus_on_error(&mut self) -> Option<&str> {
        let wrong = self.rows.iter().position(|row| row.error.is_some())?;
        self.move_focus(wrong);
        self.rows[wrong].error.as_deref()
    }

    /// Moves the cursor of the multi-line field with the focus to this place, counted from 1.
    pub(crate) fn go(&mut self, line: usize, column: usize) {
        if let Some(Value::Area(editor)) = self.rows.get_mut(self.focus).map(|row| &mut row.value) {
            editor.go(line, column);
        }
    }

    /// Takes over the warnings of a copy that was checked.
    pub(crate) fn set_all_warnings(&mut self, checked: &Sheet) {
        for (row, checked) in self.rows.iter_mut().zip(&checked.rows) {
            row.warnings.clone_from(&checked.warnings);
        }
    }

    /// The text of the text field with the focus.
    fn edited_text(&self) -> Option<&str> {
        match &self.rows.get(self.focus)?.value {
            Value::Text(input) => Some(input.text()),
            _ => None,
        }
    }

    /// Whether the text field with the focus is empty.
    pub(crate) fn is_blank(&self) -> bool {
        self.edited_text().is_none_or(|text| text.trim().is_empty())
    }

    /// Offers completions for the field being edited. With `first`, the first one is preselected, so that `enter`
    /// accepts it: right if the typed text is invalid as it is.
    pub(crate) fn offer(&mut self, completions: Vec<Completion>, first: bool) {
        self.completions = completions;
        self.completions.truncate(COMPLETIONS);
        self.chosen = (first && !self.completions.is_empty()).then_some(0);
    }

    /// Puts the focus on the first field.
    pub(crate) fn focus_first(&mut self) {
        let first = self.rows.iter().position(|row| !row.hidden);
        self.move_focus(first.unwrap_or(self.rows.len()));
    }

    /// Moves to the next field, then the button, then around.
    pub(crate) fn next(&mut self) {
        self.step(1);
    }

    pub(crate) fn previous(&mut self) {
        self.step(self.rows.len());
    }

    /// Moves by so many places, skipping hidden fields.
    fn step(&mut self, by: usize) {
        let places = self.rows.len() + 1;
        let mut to = (self.focus + by) % places;
        while self.rows.get(to).is_some_and(|row| row.hidden) {
            to = (to + by) % places;
        }
        self.move_focus(to);
    }

    /// Moves among the completions; without any, between fields, or between the lines of a multi-line field.
    pub(crate) fn choose(&mut self, down: bool) {
        if let Some(Value::Area(editor)) = self.rows.get_mut(self.focus).map(|row| &mut row.value) {
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
    pub(crate) fn toggle(&mut self) -> bool {
        match self.rows.get_mut(self.focus).map(|row| &mut row.value) {
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
    pub(crate) fn accept(&mut self) -> Accepted {
        let chosen = self.chosen.and_then(|at| self.completions.get(at)).cloned();
        if let (Some(completion), Some(row)) = (chosen, self.rows.get_mut(self.focus))
            && let Value::Text(input) = &mut row.value
        {
            let before = input.text().rfind([',', ' ']).map_or("", |at| &input.text()[..=at]);
            let gap = if before.is_empty() || before.ends_with(' ') { "" } else { " " };
            let text = format!("{before}{gap}{}", completion.text);
            input.set(&text);
            row.error = None;
            self.offer(Vec::new(), false);
            return Accepted::Edited;
        }
        if self.focus == self.rows.len() {
            return Accepted::Submit;
        }
        if matches!(self.rows[self.focus].value, Value::Area(_)) {
            self.edit(&TextEdit::Key(KeyCode::Enter.into()));
            return Accepted::Edited;
        }
        self.next();
        Accepted::Next
    }

    /// Types into the field with the focus; returns whether its text changed.
    pub(crate) fn edit(&mut self, edit: &TextEdit) -> bool {
        let Some(row) = self.rows.get_mut(self.focus) else { return false };
        let input = match &mut row.value {
            Value::Text(input) => input,
            Value::Area(editor) => {
                if let TextEdit::Paste(text) = edit
                    && let Some(why) = editor.refuses(text)
                {
                    row.error = Some(why);
                    return false;
                }
                let changed = editor.edit(edit);
                if changed {
                    row.error = None;
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
        let replaces = row.suggested && types;
        if let TextEdit::Paste(text) = edit {
            let refused = if replaces { TextInput::default().refuses(text) } else { input.refuses(text) };
            if refused.is_some() {
                row.error = refused;
                return false;
            }
        }
        row.suggested = false;
        if replaces {
            input.set("");
        }
        let changed = input.edit(edit);
        if changed {
            row.error = None;
        }
        changed
    }

    fn move_focus(&mut self, to: usize) {
        self.focus = to;
        self.offer(Vec::new(), false);
    }

    /// The height needed at a width: fields, button, completions, errors and warnings.
    pub(crate) fn height(&self, width: u16) -> u16 {
        let shown = self.rows.iter().filter(|row| !row.hidden);
        let rows: u16 = shown.map(|row| row.height(width) + said_height(row, width)).sum();
        u16::try_from(self.completions.len() + 1).unwrap_or(u16::MAX).saturating_add(rows)
    }

    /// Draws the form; returns the position of the cursor.
    pub(crate) fn draw(&self, area: Rect, buf: &mut Buffer, active: bool, theme: &Theme) -> Option<Position> {
        let (mut y, mut cursor) = (area.y, None);
        for (at, row) in self.rows.iter().enumerate().skip(self.first_shown(area)) {
            let focused = active && at == self.focus;
            let rest =
                |y: u16| Rect { y: y.min(area.bottom()), height: area.bottom().saturating_sub(y), ..area };
            if row.hidden {
                continue;
            }
            if rest(y).is_empty() {
                return cursor;
            }
            // A multi-line field leaves space for its messages.
            let said = said_height(row, area.width);
            let height = row.height(area.width).min(rest(y).height.saturating_sub(said).max(1));
            cursor = draw_row(row, Rect { height, ..rest(y) }, buf, focused, theme).or(cursor);
            y += height;
            if let Some(error) = &row.error {
                y += wrapped(&format!("{} {error}", theme.glyphs.no), beside_label(rest(y)), buf, theme.bad);
            } else if focused {
                y += self.draw_completions(beside_label(rest(y)), buf, theme);
            }
            for warning in &row.warnings {
                y += wrapped(&format!("! {warning}"), beside_label(rest(y)), buf, theme.warning);
            }
        }
        if y < area.bottom() {
            let button = beside_label(Rect { y, height: 1, ..area });
            let focused = active && self.focus == self.rows.len();
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
        let end = (self.focus + 1).min(self.rows.len());
        let heights = self.rows[..end].iter().map(|row| match row.hidden {
            true => 0,
            false => row.height(area.width) + said_height(row, area.width),
        });
        let button = u16::from(self.focus == self.rows.len());
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
pub(crate) const LABEL: u16 = 14;

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
        assert_eq!(form.accept(), Accepted::Edited);
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
