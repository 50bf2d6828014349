//! What comes from this machine and stays on it: variables and folders, files, what is remembered, signals, and access
//! to our memory.

pub mod env;
pub(crate) mod files;
pub mod history;
pub mod process;
#[cfg(unix)]
pub(crate) mod signals;
pub mod state;
