//! Arguments, environment and configuration, put together into a client and its caller; how failures and logs are told.

pub(crate) mod args;
pub(crate) mod config;
mod error;
pub(crate) mod failure;
pub(crate) mod logging;
pub(crate) mod setup;

pub(crate) use error::Failure;
