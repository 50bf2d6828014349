//! A form whose fields have names: strings, or an enum of its own, so that a field of another form isn't looked up.

use std::ops::{Deref, DerefMut};

use super::{
    Field, Sheet,
    field::{Row, Value},
};

/// A form. What needs no name is done on its [`Sheet`].
#[derive(Clone, Debug)]
pub(crate) struct Form<Id = &'static str, Kept = ()> {
    ids: Vec<Id>,
    sheet: Sheet,
    /// What its owner keeps with it.
    pub(crate) kept: Kept,
}

impl<Id, Kept> Deref for Form<Id, Kept> {
    type Target = Sheet;

    fn deref(&self) -> &Sheet {
        &self.sheet
    }
}

impl<Id, Kept> DerefMut for Form<Id, Kept> {
    fn deref_mut(&mut self) -> &mut Sheet {
        &mut self.sheet
    }
}

impl<Id: Copy + PartialEq, Kept: Default> Form<Id, Kept> {
    /// A form with the focus on its first field.
    pub(crate) fn new(button: &'static str, fields: Vec<Field<Id>>) -> Form<Id, Kept> {
        let (ids, rows) = fields.into_iter().map(|field| (field.id, field.row)).unzip();
        Form { ids, sheet: Sheet::new(button, rows), kept: Kept::default() }
    }
}

impl<Id: Copy + PartialEq, Kept> Form<Id, Kept> {
    fn at(&self, id: Id) -> Option<usize> {
        self.ids.iter().position(|other| *other == id)
    }

    fn row(&self, id: Id) -> Option<&Row> {
        self.sheet.rows.get(self.at(id)?)
    }

    fn row_mut(&mut self, id: Id) -> Option<&mut Row> {
        let at = self.at(id)?;
        self.sheet.rows.get_mut(at)
    }

    /// The text of a field; empty for any but a text field.
    pub(crate) fn text(&self, id: Id) -> &str {
        match self.row(id).map(|row| &row.value) {
            Some(Value::Text(input)) => input.text(),
            _ => "",
        }
    }

    /// Whether a box is ticked.
    pub(crate) fn checked(&self, id: Id) -> bool {
        self.row(id).is_some_and(|row| matches!(row.value, Value::Check(true)))
    }

    /// The text of a field of several lines; empty for any other.
    pub(crate) fn area(&self, id: Id) -> String {
        match self.row(id).map(|row| &row.value) {
            Some(Value::Area(editor)) => editor.text(),
            _ => String::new(),
        }
    }

    /// The word chosen in a field; empty for any other.
    pub(crate) fn chosen(&self, id: Id) -> &'static str {
        match self.row(id).map(|row| &row.value) {
            Some(Value::Choice(words, at)) => words[*at],
            _ => "",
        }
    }

    /// Replaces the text of a field, or chooses that word in it.
    pub(crate) fn set_text(&mut self, id: Id, text: &str) {
        match self.row_mut(id).map(|row| &mut row.value) {
            Some(Value::Text(input)) => input.set(text),
            Some(Value::Area(editor)) => editor.set(text),
            Some(Value::Choice(words, at)) => {
                *at = words.iter().position(|word| *word == text).unwrap_or(*at);
            }
            _ => {}
        }
    }

    pub(crate) fn set_checked(&mut self, id: Id, checked: bool) {
        if let Some(Value::Check(on)) = self.row_mut(id).map(|row| &mut row.value) {
            *on = checked;
        }
    }

    /// Sets the note beside a field.
    pub(crate) fn set_note(&mut self, id: Id, note: &str) {
        if let Some(row) = self.row_mut(id) {
            row.note = note.to_owned();
        }
    }

    /// Shows or hides a field.
    pub(crate) fn show(&mut self, id: Id, shown: bool) {
        if let Some(row) = self.row_mut(id) {
            row.hidden = !shown;
            if !shown {
                row.error = None;
                row.warnings.clear();
            }
        }
    }

    /// The warnings of a field.
    #[cfg(test)]
    pub(crate) fn warnings(&self, id: Id) -> &[String] {
        self.row(id).map_or(&[], |row| &row.warnings)
    }

    /// Sets the warnings of a field.
    pub(crate) fn set_warnings(&mut self, id: Id, warnings: Vec<String>) {
        if let Some(row) = self.row_mut(id) {
            row.warnings = warnings;
        }
    }

    /// The error of a field, if any.
    pub(crate) fn error(&self, id: Id) -> Option<&str> {
        self.row(id)?.error.as_deref()
    }

    /// Sets or clears the error of a field.
    pub(crate) fn set_error(&mut self, id: Id, error: Option<String>) {
        if let Some(row) = self.row_mut(id) {
            row.error = error;
        }
    }

    /// Sets the error of a field, or returns the valid value.
    pub(crate) fn valid<T>(&mut self, id: Id, read: Result<T, String>) -> Option<T> {
        self.set_error(id, read.as_ref().err().cloned());
        read.ok()
    }

    /// Puts the focus on a field.
    pub(crate) fn focus_on(&mut self, id: Id) {
        if let Some(at) = self.at(id) {
            self.sheet.move_focus(at);
        }
    }

    /// The first field with an error.
    pub(crate) fn first_error(&self) -> Option<Id> {
        self.ids.iter().zip(&self.sheet.rows).find(|(_, row)| row.error.is_some()).map(|(id, _)| *id)
    }

    /// The text field with the focus.
    pub(crate) fn editing(&self) -> Option<Id> {
        self.sheet.edited_text().and(self.focused())
    }

    /// The field with the focus, of any kind; none on the button.
    pub(crate) fn focused(&self) -> Option<Id> {
        self.ids.get(self.sheet.focus).copied()
    }
}
