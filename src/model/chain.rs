//! The hops of a delegation chain and what is known of each, as data. Finding it out takes calls and is a flow.

use super::permission::Permission;

/// One step of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The account that acts; none for the caller.
    pub from: Option<String>,
    /// The account that is acted as.
    pub to: String,
    /// What `from` needs on `to`.
    pub permission: Permission,
    /// What is known.
    pub state: HopState,
}

/// What is known of a hop, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HopState {
    /// It is granted.
    Yes(String),
    /// IAM, or a mint that was tried, says no.
    No(String),
    /// No policy that was read grants it.
    NoGrantSeen,
    /// A policy that decides could not be read.
    Unread(String),
    /// It cannot be told.
    CannotTell(String),
}
