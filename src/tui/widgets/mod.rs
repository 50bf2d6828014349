//! Widgets that know only ratatui and the theme: lists, text fields, forms, countdowns, and the escaping
//! that text from outside needs before it is shown.

pub mod countdown;
pub mod editor;
pub mod form;
pub mod frame;
pub mod input;
pub mod list;
pub mod text;
pub mod theme;

#[cfg(test)]
mod shown_tests;
