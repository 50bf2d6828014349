//! Answers: one variant for each type that an operation can end in.

use crate::{
    api::{metadata::Machine, oauth::TokenFacts, policies::Lint, roles::RoleDetails, roles::RoleSummary},
    flows,
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

/// A type that operations end in.
pub trait Output: Sized {
    /// The answer as a variant of [`Reply`].
    fn into_reply(self) -> Reply;

    /// What the answer holds; none where it is of another type.
    fn from_reply(reply: Reply) -> Option<Self>;
}

impl<T: Output> From<T> for Reply {
    fn from(value: T) -> Reply {
        value.into_reply()
    }
}

/// Every page has been given as a [`Part`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed;

macro_rules! replies {
    ($($(#[$doc:meta])* $variant:ident($type:ty),)*) => {
        /// The answer to a [`Call`](super::Call).
        #[derive(Clone, Debug)]
        pub enum Reply {
            $($(#[$doc])* $variant(Box<$type>),)*
        }

        $(impl Output for $type {
            fn into_reply(self) -> Reply {
                Reply::$variant(Box::new(self))
            }

            fn from_reply(reply: Reply) -> Option<Self> {
                if let Reply::$variant(value) = reply { Some(*value) } else { None }
            }
        })*
    };
}

replies! {
    /// Every page has been given.
    Listed(Listed),
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
    Minted(Credential),
    /// What the metadata server says.
    Machine(Machine),
    /// What is known of the hops of a chain.
    Chain(Vec<Hop>),
    /// Who is calling.
    Caller(Caller),
    /// A JSON Web Key Set, as text.
    KeySet(String),
    /// What Google tells of an access token.
    TokenFacts(TokenFacts),
    /// An allow policy.
    Policy(Policy),
    /// The policies above an account, nearest first.
    Inherited(Vec<flows::Level>),
    /// Roles that can be granted.
    Roles(Vec<RoleSummary>),
    /// What a role gives.
    Role(RoleDetails),
    /// What Google says about a condition.
    Lints(Vec<Lint>),
    /// How a change of a policy ended.
    Applied(flows::Applied),
    /// How watching a grant ended.
    Watched(flows::Watched),
    /// An API that is on now.
    Enabled(flows::Enabled),
    /// What was learned around a refusal.
    Examined(Examined),
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
