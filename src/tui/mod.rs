//! The explorer. [`app`] is its state and `update`, the only way to change it, which is pure; [`panes`] and [`overlays`] hold
//! their own part of both, and [`view`] draws; they know each other, for a pane opens overlays and overlays act on panes.
//! [`runtime`] is the loop, events in, effects out, and the only file here that awaits.

pub mod app;
pub(crate) mod clipboard;
pub(crate) mod overlays;
pub(crate) mod panes;
pub mod runtime;
pub mod terminal;
pub mod view;
pub mod widgets;
