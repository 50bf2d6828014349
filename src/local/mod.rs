//! What comes from this machine and stays on it: variables and folders, files, what is remembered, signals, access to
//! our memory, and whose program a connection comes from.

pub mod env;
pub(crate) mod files;
pub mod history;
pub(crate) mod peer;
pub mod process;
#[cfg(unix)]
pub(crate) mod signals;
pub mod state;
