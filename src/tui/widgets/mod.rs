//! Widgets that know only ratatui and the theme: lists, text fields, forms, countdowns, and the escaping
//! that text from outside needs before it is shown.

pub(crate) mod countdown;
pub(crate) mod editor;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod text;
pub mod theme;

#[cfg(test)]
mod shown_tests;
