//! The domain, pure: accounts, permissions, roles, scopes, lifetimes, credentials, tokens, and what a denial means.
//! Nothing here does IO, reads a clock or knows a screen, and nothing here imports another part of the crate.

pub mod account;
pub mod caller;
pub mod certificate;
pub mod chain;
pub mod claims;
pub mod clock;
pub mod condition;
pub mod credential;
pub mod denial;
pub mod doctor;
pub mod filter;
pub mod jwt;
pub mod lifetime;
pub mod member;
pub mod nearest;
pub mod permission;
pub mod policy;
pub mod project;
pub mod role;
pub mod scopes;
pub mod secret;
pub mod shell;
pub mod signed_url;
pub mod visible;
