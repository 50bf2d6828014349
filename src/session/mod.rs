//! Arguments, environment and configuration, put together into a client and its caller; how failures and logs are told.

pub mod args;
pub mod config;
mod error;
pub mod failure;
pub mod logging;
pub mod setup;

pub use error::Failure;
