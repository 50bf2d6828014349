//! impersona: see who may become a Google Cloud service account, mint every kind of short-lived credential, and
//! understand the result, without leaving the terminal.
//!
//! | module | owns |
//! |---|---|
//! | [`model`] | the domain, pure: accounts, permissions, scopes, credentials, tokens, refusals |
//! | [`api`] | one typed async method for each operation at Google |
//! | [`flows`] | operations of several calls that end in a value: apply a policy, read what is inherited, watch a grant |
//! | [`history`] | policies as they were before we wrote over them |
//! | [`auth`] | the caller: where its credentials come from, and one task that refreshes its token |
//! | [`app`] | the state of the screen and `update`, its only way to change: pure |
//! | [`keymap`] | the one table of keys |
//! | [`panes`], [`overlays`], [`view`], [`widgets`] | what is on the screen |
//! | [`runtime`] | the loop: events in, effects out; the only screen file that awaits |
//! | [`terminal`], [`clipboard`] | the terminal and the clipboard themselves |
//! | [`cli`] | arguments, subcommands, exit codes |
//! | [`config`], [`state`], [`failure`], [`files`], [`mod@env`], [`logging`] | what enters from outside, and what is kept |
//! | [`dumps`] | who else may read our memory |
#![warn(missing_docs)]

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clipboard;
pub mod config;
pub mod dumps;
pub mod env;
pub mod failure;
pub mod files;
pub mod flows;
pub mod history;
pub mod keymap;
pub mod logging;
pub mod model;
pub mod overlays;
pub mod panes;
pub mod runtime;
#[cfg(unix)]
mod signals;
pub mod state;
pub mod terminal;
pub mod view;
pub mod widgets;
