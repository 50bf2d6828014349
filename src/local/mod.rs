//! What enters from this machine and what stays on it: variables and folders, files, what is remembered, signals, and who
//! else may read our memory.

pub mod env;
pub mod files;
pub mod history;
pub mod process;
#[cfg(unix)]
pub(crate) mod signals;
pub mod state;
