//! Tests of the whole: the real binary in a real terminal, the command line, and the API layer over real HTTP.
//! Everything is hermetic: no home, proxy, credentials or network but what a test makes itself.
#![allow(missing_docs, reason = "the names of tests are their documentation")]

mod architecture;
mod bad_input;
mod callers;
mod cli;
#[cfg(target_os = "linux")]
mod clipboard;
mod corpus;
mod denials;
mod docs;
#[cfg(unix)]
mod doctor;
mod examine;
mod first_minute;
mod flows;
#[cfg(unix)]
mod giving_back;
#[cfg(unix)]
mod hostile;
mod language;
#[cfg(unix)]
mod leaks;
mod minting;
mod names;
mod pasted;
#[cfg(unix)]
mod pasting;
#[cfg(unix)]
mod private;
#[cfg(unix)]
mod pty;
#[cfg(unix)]
mod pty_input;
#[cfg(unix)]
mod remembering;
mod support;
#[cfg(unix)]
mod terminal;
mod text_files;
#[cfg(unix)]
mod using;
mod vectors;
