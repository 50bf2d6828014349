//! Operations of several calls that return a value: if a decision is due, the one who called takes it. A flow knows the
//! API and the model, reports its progress through a sink, and never waits for a person.

mod apply_policy;
mod chain;
mod custom_roles;
mod enable_service;
mod examine;
mod inherited;
mod mint;
mod read_keys;
mod scan;
mod watch_grant;

pub use apply_policy::{Applied, Mode, Request, apply_policy, apply_policy_if, whose};
pub use chain::{check_chain, probe_chain};
pub(crate) use custom_roles::custom_roles;
pub(crate) use enable_service::{Enabled, Enabling, PATIENCE as ENABLING_PATIENCE, enable_service};
pub use examine::examine;
pub(crate) use inherited::{Level, inherited};
pub use mint::mint;
pub(crate) use read_keys::read_keys;
pub use scan::{AT_ONCE, Found, IN_A_ROW, Question, Scanned, Tally, scan};
pub(crate) use watch_grant::{Patience, Watched, Watching, watch_grant};

use crate::http::clock::now;

#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod tests;
