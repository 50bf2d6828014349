//! The hops of a delegation chain and what is known about each, as data. Finding that out takes calls and is a flow.

use super::permission::Permission;

/// One step of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The account that impersonates; `None` for the caller.
    pub(crate) from: Option<String>,
    /// The account that is impersonated.
    pub(crate) to: String,
    /// What `from` needs on `to`.
    pub(crate) permission: Permission,
    /// What is known.
    pub state: HopState,
}

/// What is known about a hop, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HopState {
    /// It is granted.
    Yes(String),
    /// IAM, or a test mint, says no.
    No(String),
    /// No readable policy grants it.
    NoGrantSeen,
    /// A policy that decides couldn't be read.
    Unread(String),
    /// Unknown.
    CannotTell(String),
}
