//! Operations as data, for the explorer: what it asks ([`Call`]), what comes back ([`Reply`], and [`Part`] by part), and
//! the one place that joins them to the functions which do it ([`perform_with`]).

#[cfg(test)]
pub(crate) mod contract_tests;
#[cfg(test)]
mod fault_tests;
mod perform;

pub use perform::perform_with;

use crate::{
    api::{credentials, iam, metadata, oauth, policies, projects, roles},
    flows,
    http::CallKind,
    local::history::Snapshot,
    model::{
        account::{Account, AccountKey},
        caller::Caller,
        chain::Hop,
        credential::Credential,
        doctor::Examined,
        permission::Granted,
        policy::Policy,
        project::{Ancestor, Project},
    },
};

/// An operation as data, for the TUI's runtime.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Service accounts, their keys and permissions.
    Iam(iam::Call),
    /// Minting.
    Credentials(credentials::Call),
    /// Projects and what is above them.
    Projects(projects::Call),
    /// The caller, and keys to check signatures with.
    Oauth(oauth::Call),
    /// Policies and roles, read.
    Policies(policies::Call),
    /// The metadata server of the machine.
    Metadata(metadata::Call),
    /// Operations of several calls.
    Flow(flows::Call),
}

impl Call {
    /// What the call may do.
    pub fn kind(&self) -> CallKind {
        match self {
            Call::Iam(_) | Call::Projects(_) | Call::Oauth(_) | Call::Policies(_) | Call::Metadata(_) => {
                CallKind::Read
            }
            Call::Flow(flow) => flow.kind(),
            Call::Credentials(_) => CallKind::Mint,
        }
    }
}

/// The answer to a [`Call`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// Every page has been given as a [`Part`].
    Listed,
    /// One account.
    Account(Account),
    /// The user-managed keys of an account.
    Keys(Vec<AccountKey>),
    /// The "You can" matrix.
    Granted(Granted),
    /// One project.
    Project(Project),
    /// Folders and organization above a project, nearest first.
    Ancestors(Vec<Ancestor>),
    /// A fresh credential.
    Minted(Box<Credential>),
    /// What the metadata server says.
    Machine(metadata::Machine),
    /// What is known of the hops of a chain.
    Chain(Vec<Hop>),
    /// Who is calling.
    Caller(Caller),
    /// A JSON Web Key Set, as text.
    KeySet(String),
    /// What Google tells of an access token.
    TokenFacts(Box<oauth::TokenFacts>),
    /// An allow policy.
    Policy(Box<Policy>),
    /// The policies above an account, nearest first.
    Inherited(Vec<flows::Level>),
    /// Roles that can be granted.
    Roles(Vec<roles::RoleSummary>),
    /// What a role gives.
    Role(Box<roles::RoleDetails>),
    /// What Google says about a condition.
    Lints(Vec<policies::Lint>),
    /// How a change of a policy ended.
    Applied(Box<flows::Applied>),
    /// How watching a grant ended.
    Watched(flows::Watched),
    /// An API that is on now.
    Enabled(flows::Enabled),
    /// What was learned around a refusal.
    Examined(Box<Examined>),
    /// How a scan ended; what it found was given as [`Part`]s.
    Scanned(flows::Tally),
    /// The saved policies of an account, the newest first.
    History(Vec<Snapshot>),
}

/// A piece of an answer that comes in pages, or how far a flow is.
#[derive(Clone, Debug)]
pub enum Part {
    /// One page of accounts, in the server's order.
    Accounts(Vec<Account>),
    /// One page of projects.
    Projects(Vec<Project>),
    /// A grant is being watched.
    Watching(flows::Watching),
    /// An API is being switched on.
    Enabling(flows::Enabling),
    /// One account of a scan.
    Scanned(flows::Scanned),
}
