//! What Google offers: [`Client`] has one typed async method for each operation, in a file for each service. The command
//! line calls those; the explorer describes the same operations as data, see [`crate::ops`]. This module knows no screen.

mod client;
pub mod commands;
pub mod credentials;
pub mod iam;
pub mod metadata;
pub mod oauth;
mod pages;
pub mod policies;
pub mod projects;
pub mod roles;
pub mod services;
#[cfg(test)]
pub(crate) mod testing;
pub mod troubleshooter;
mod untestable;

pub use client::{Client, Settings};
