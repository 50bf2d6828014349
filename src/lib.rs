//! impersona: see who can impersonate a Google Cloud service account, mint every kind of short-lived credential, and
//! understand the result, without leaving the terminal.
//!
//! | module | owns |
//! |---|---|
//! | [`model`] | the domain, pure: accounts, permissions, scopes, credentials, tokens, refusals |
//! | [`keymap`] | the one table of keys |
//! | [`text`] | outside text made harmless, and measured in cells |
//! | [`local`] | what enters from this machine and stays on it |
//! | [`http`] | what carries requests: one transport, with retries, limits, records and errors |
//! | [`auth`] | the caller: where its credentials come from, and one task that refreshes its token |
//! | [`api`] | one typed async method for each operation at Google |
//! | [`flows`] | operations of several calls that end in a value: apply a policy, read what is inherited, watch a grant |
//! | [`ops`] | operations as data, for the explorer |
//! | [`session`] | arguments, environment and configuration, put together into a client and its caller |
//! | [`serve`] | the local metadata server, which mints as one account for programs on this machine |
//! | [`tui`] | the explorer: its state and `update`, panes, overlays, drawing, the terminal, the clipboard, and the loop |
//! | [`cli`] | subcommands, printing, exit codes |
#![warn(missing_docs, unreachable_pub)]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "these pages are for those who work on it, with --document-private-items"
)]

pub mod api;
pub mod auth;
pub mod cli;
pub mod flows;
pub mod http;
pub mod keymap;
pub mod local;
pub mod model;
pub mod ops;
pub(crate) mod serve;
pub mod session;
pub mod text;
pub mod tui;
