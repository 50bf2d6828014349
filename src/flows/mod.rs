//! Operations of several calls that end in a value: a decision, if one is due, is taken by whoever gets it. A flow
//! knows the API and the model, tells of its progress through a sink, and never waits for a person.

mod apply_policy;
mod chain;
mod inherited;
mod mint;
mod watch_grant;

pub use apply_policy::{Applied, Mode, Request, apply_policy, apply_policy_if, whose};
pub use chain::{Hop, HopState, check_chain, probe_chain};
pub use inherited::{Level, inherited};
pub use mint::mint;
pub use watch_grant::{Patience, Watched, Watching, watch_grant};

use crate::{api::CallKind, model::permission::Permission};

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
        /// E-mail or unique id.
        account: String,
        /// `iam.serviceAccounts.…`, `iam.serviceAccountKeys.…`: what the grant should give.
        permissions: Vec<String>,
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
    /// The saved policies of an account. Nothing is asked of Google.
    History {
        /// Its e-mail; may be empty where the unique id is known.
        account: String,
        /// Empty when not known.
        unique_id: String,
    },
}

impl Call {
    /// What the flow may do.
    pub fn kind(&self) -> CallKind {
        match self {
            Call::ApplyPolicy(_) => CallKind::Write,
            Call::ProbeChain { .. } => CallKind::Mint,
            Call::Inherited { .. }
            | Call::WatchGrant { .. }
            | Call::CheckChain { .. }
            | Call::History { .. } => CallKind::Read,
        }
    }
}

#[cfg(test)]
mod tests;
