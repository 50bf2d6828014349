//! Operations of several calls that end in a value: a decision, if one is due, is taken by whoever gets it. A flow
//! knows the API and the model, tells of its progress through a sink, and never waits for a person.

mod apply_policy;
mod chain;
mod enable_service;
mod examine;
mod inherited;
mod mint;
mod read_keys;
mod scan;
mod watch_grant;

pub use apply_policy::{Applied, Mode, Request, apply_policy, apply_policy_if, whose};
pub use chain::{check_chain, probe_chain};
pub use enable_service::{Enabled, Enabling, PATIENCE as ENABLING_PATIENCE, enable_service};
pub use examine::examine;
pub use inherited::{Level, inherited};
pub use mint::mint;
pub use read_keys::read_keys;
pub use scan::{AT_ONCE, Found, IN_A_ROW, Question, Scanned, Tally, scan};
pub use watch_grant::{Patience, Watched, Watching, watch_grant};

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;

use crate::{
    http::CallKind,
    model::{caller::Caller, denial::Refusal, permission::Permission},
};

/// A flow, as data.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// The policies above the accounts of a project.
    Inherited {
        /// Id or number.
        account_project: String,
    },
    /// Changes the policy of an account.
    ApplyPolicy(Box<Request>),
    /// Asks until a grant to the caller works.
    WatchGrant {
        /// Email or unique ID.
        account: String,
        /// What the grant should give.
        permissions: Vec<Permission>,
    },
    /// What is known of each hop of a chain, without minting anything.
    CheckChain {
        /// The account at its end.
        account: String,
        /// Those between the caller and it, nearest to the caller first.
        delegates: Vec<String>,
        /// What the last hop needs.
        permission: Permission,
    },
    /// Mints access tokens through a chain, and drops them: only after consent, for each is audited.
    ProbeChain {
        /// The account at its end.
        account: String,
        /// Those between the caller and it, nearest to the caller first.
        delegates: Vec<String>,
        /// What the last hop needs.
        permission: Permission,
    },
    /// Switches an API on in a project.
    EnableService {
        /// Id, number or `projects/…`.
        project: String,
        /// `iamcredentials.googleapis.com`
        service: String,
    },
    /// Looks around a refusal.
    Examine {
        /// What was refused.
        refusal: Box<Refusal>,
        /// Who was refused, as far as known.
        caller: Option<Box<Caller>>,
        /// Whether Policy Troubleshooter is asked in any case.
        deep: bool,
    },
    /// The same question about many accounts.
    Scan {
        /// Emails or unique IDs.
        accounts: Arc<[String]>,
        /// What is asked about each.
        question: Question,
    },
    /// Public keys out of a file, to check signatures with. Nothing is asked of Google.
    ReadKeys {
        /// A JWKS, or a map of key id to certificate.
        path: PathBuf,
    },
    /// The saved policies of an account. Nothing is asked of Google.
    History {
        /// Its email; may be empty where the unique ID is known.
        account: String,
        /// Empty when not known.
        unique_id: String,
    },
}

impl Call {
    /// What the flow may do.
    pub fn kind(&self) -> CallKind {
        match self {
            Call::ApplyPolicy(_) | Call::EnableService { .. } => CallKind::Write,
            Call::ProbeChain { .. } => CallKind::Mint,
            Call::Inherited { .. }
            | Call::WatchGrant { .. }
            | Call::Examine { .. }
            | Call::Scan { .. }
            | Call::ReadKeys { .. }
            | Call::CheckChain { .. }
            | Call::History { .. } => CallKind::Read,
        }
    }
}

/// The clock of the flows: conditions depend on the time.
#[allow(clippy::disallowed_methods, reason = "a flow has no loop that could stamp it with the time")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod tests;
