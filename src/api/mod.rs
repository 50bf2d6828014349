//! What Google offers: [`Client`] has one typed async method for each operation, in a file for each service. The command
//! line calls those; the explorer describes the same operations as data, see [`crate::ops`]. This module knows no screen.

mod client;
pub mod commands;
pub mod credentials;
pub(crate) mod iam;
pub(crate) mod metadata;
pub mod oauth;
mod pages;
pub mod policies;
pub(crate) mod projects;
pub(crate) mod roles;
pub(crate) mod services;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod troubleshooter;
mod untestable;

pub use client::{Client, Settings};
