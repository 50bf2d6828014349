//! The domain, pure: accounts, permissions, roles, scopes, lifetimes, credentials, tokens, and what a denial means.
//! Nothing here does IO, reads a clock or knows a screen, and nothing here imports another part of the crate.

pub mod account;
pub mod caller;
pub(crate) mod certificate;
pub mod chain;
pub mod claims;
pub(crate) mod clock;
pub mod condition;
pub mod credential;
pub mod denial;
pub mod doctor;
pub(crate) mod filter;
pub mod jwt;
pub(crate) mod lifetime;
pub mod member;
pub(crate) mod nearest;
pub mod permission;
pub mod policy;
pub(crate) mod principal;
pub mod project;
pub(crate) mod role;
pub(crate) mod scopes;
pub(crate) mod secret;
pub(crate) mod shell;
pub mod signed_url;
pub mod visible;
