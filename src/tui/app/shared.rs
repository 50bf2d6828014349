//! State that several panes need: the caller, the project, the opened account, what is known about each
//! account, the shelf, and how to make calls.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::{
    msg::{self, Effect, Intent, Now, Owner, PaneId, ReqId},
    shelf::Shelf,
    slot::Slot,
    writes::Writes,
};
use crate::{
    api::{
        metadata::Machine,
        roles::{RoleDetails, RoleSummary},
    },
    flows,
    http::{ApiError, endpoints::Endpoints},
    keymap::Keymap,
    local::state::Remembered,
    model::{
        account::{Account, AccountKey, project_of},
        caller::{Caller, Choice},
        clock::at_google,
        credential::MintRequest,
        member::Member,
        permission::Granted,
        policy::{Level, Policy, edit::Staged},
        project::{Ancestor, Project},
        secret::Secret,
    },
    ops::{self, Listed, Operation, Pending},
};

/// What was read about one account.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The account itself.
    pub account: Slot<Account>,
    /// The caller's permissions on it.
    pub granted: Slot<Granted>,
    /// Its user-managed keys.
    pub keys: Slot<Vec<AccountKey>>,
    /// Its allow policy.
    pub policy: Slot<Policy>,
    /// When the policy was read.
    pub policy_read: Option<Timestamp>,
    /// The policies above it, nearest first.
    pub above: Slot<Vec<flows::Level>>,
    /// Staged edits, never sent before their review.
    pub staged: Option<Staged>,
    /// The roles that can be granted on it.
    pub grantable: Slot<Vec<RoleSummary>>,
}

impl Facts {
    /// The unique id, 21 digits; empty until the account is read.
    pub fn unique_id(&self) -> String {
        self.account.value.as_ref().map(|account| account.unique_id.clone()).unwrap_or_default()
    }

    /// How many changes are staged.
    pub fn staged_changes(&self) -> usize {
        self.staged.as_ref().map_or(0, |staged| staged.changes().len())
    }
}

/// The badge for endpoints that aren't Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointBadge {
    /// The host used instead.
    pub host: String,
    /// Whether only some services go there, the dangerous case.
    pub only_some: bool,
}

/// A call in flight.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    /// When it began, by the monotonic clock.
    pub since: Duration,
    /// The recipient of the answer.
    pub owner: Owner,
}

/// The state that panes share.
#[derive(Debug)]
pub struct Shared {
    /// Who calls.
    pub caller: Slot<Caller>,
    /// Callers that can be switched to, as far as they were searched for.
    pub choices: Vec<Choice>,
    /// The callers before, the first one first.
    pub callers_before: Vec<String>,
    /// The listed project; none until one is picked.
    pub project: Option<String>,
    /// What is known about it.
    pub project_info: Slot<Project>,
    /// Its ancestors.
    pub ancestors: Slot<Vec<Ancestor>>,
    /// The projects that the caller can find.
    pub projects: Slot<Vec<Project>, Listed>,
    /// The opened account: its email or unique id.
    pub opened: Option<String>,
    /// What was read about accounts, by the name they were opened with.
    pub facts: HashMap<String, Facts>,
    /// The caller's permissions on accounts tested in bulk, by email.
    pub tested: HashMap<String, Granted>,
    /// Permissions of roles that the table of predefined ones doesn't contain, by name.
    pub roles: HashMap<String, Slot<RoleDetails>>,
    /// Writes under way.
    pub writes: Writes,
    /// Projects where a write asks the user to type a name.
    pub production: Vec<String>,
    /// Facts from this machine's metadata server.
    pub machine: Slot<Machine>,
    /// Minted credentials.
    pub shelf: Shelf,
    /// The credential that was copied last.
    pub copied: Option<Secret>,
    /// The last request to mint.
    pub last_mint: Option<MintRequest>,
    /// Accounts with a half-filled form; for staged edits see also [`Shared::has_draft`].
    pub drafts: Vec<String>,
    /// Recents and favourites.
    pub remembered: Remembered,
    /// The keys.
    pub keymap: Keymap,
    /// The endpoints, for copied curl commands.
    pub endpoints: Endpoints,
    /// Whether this is the demo.
    pub demo: bool,
    /// Read-only mode: no writes are sent.
    pub read_only: bool,
    /// The rate limit of bulk reads, in calls per second.
    pub questions_per_second: u32,
    /// Endpoints that are not Google's.
    pub badge: Option<EndpointBadge>,
    /// How far this machine's clock is behind Google's, in milliseconds, by the last answer; negative if ahead.
    pub skew: Option<i64>,
    /// Calls under way.
    pub awaited: HashMap<ReqId, Awaited>,
    /// The last request id.
    pub last_req: u64,
}

impl Shared {
    /// What is known about the opened account.
    pub fn opened_facts(&self) -> Option<(&str, &Facts)> {
        let name = self.opened.as_deref()?;
        Some((name, self.facts.get(name)?))
    }

    /// Whether this account has something begun and not sent: a half-filled form or staged edits.
    pub fn has_draft(&self, account: &str) -> bool {
        let staged = || self.facts.get(account).is_some_and(|facts| facts.staged_changes() > 0);
        self.drafts.iter().any(|draft| draft == account) || staged()
    }

    /// Renames an account that was opened by its unique id once its email is known.
    pub fn call_by_email(&mut self, email: &str) {
        let id = |facts: &Facts| facts.account.value.as_ref().is_some_and(|account| account.email == email);
        let Some(name) =
            self.facts.iter().find(|(name, facts)| *name != email && id(facts)).map(|(name, _)| name.clone())
        else {
            return;
        };
        if let Some(facts) = self.facts.remove(&name) {
            self.facts.insert(email.to_owned(), facts);
        }
        let names = self.opened.iter_mut().chain(&mut self.drafts).chain(&mut self.remembered.accounts);
        names.filter(|other| **other == name).for_each(|other| *other = email.to_owned());
    }

    /// The time by Google's clock, as far as it is known: credentials expire by that clock.
    pub fn at_google(&self, now: Timestamp) -> Timestamp {
        at_google(now, self.skew)
    }

    /// The caller's permissions on an account, as far as they were tested.
    pub fn granted(&self, account: &str) -> Option<Granted> {
        let alone = self.facts.get(account).and_then(|facts| facts.granted.value);
        alone.or_else(|| self.tested.get(account).copied())
    }

    /// Permissions of a role that the table doesn't contain; none while unknown.
    pub fn role_permissions(&self, role: &str) -> Option<Vec<String>> {
        self.roles.get(role)?.value.as_ref().map(|role| role.permissions.clone())
    }

    /// What is known of the policies above an account.
    pub fn levels(&self, account: &str) -> Vec<Level> {
        let above = self.facts.get(account).and_then(|facts| facts.above.value.as_ref());
        above.into_iter().flatten().map(flows::Level::to_model).collect()
    }

    /// The project for a command about an account: its own, else the listed one, else empty.
    pub fn project_for(&self, account: &str) -> String {
        project_of(account).or_else(|| self.project.clone()).unwrap_or_default()
    }

    /// Whether an account lives in a project that the configuration marks as production.
    pub fn production(&self, account: &str) -> bool {
        let known = self.facts.get(account).and_then(|facts| facts.account.value.as_ref());
        let project = known.map(|account| account.project.clone()).or_else(|| project_of(account));
        project.is_some_and(|project| self.production.contains(&project))
    }

    /// The caller as a policy member; none while its identity is unknown.
    pub fn caller_member(&self) -> Option<Member> {
        self.caller.value.as_ref()?.member().map(|member| Member::read(&member))
    }

    /// See [`crate::model::caller::Caller::other_login`].
    pub fn other_login(&self) -> Option<&str> {
        self.caller.value.as_ref()?.other_login(&self.choices)
    }

    /// Whether something has been awaited for long enough to show a spinner.
    pub fn slow(&self, now: Now) -> bool {
        self.awaited.values().any(|call| now.mono.saturating_sub(call.since) >= super::SLOW)
    }
}

/// A pane's context while it handles something: the shared state, and ways to ask for effects and intents.
pub struct Cx<'a> {
    /// The state that panes share.
    pub shared: &'a mut Shared,
    /// When the message was received.
    pub now: Now,
    /// Effects and intents so far.
    pub out: &'a mut Out,
}

/// The results of a message.
#[derive(Debug, Default)]
pub struct Out {
    /// Effects, for the runtime.
    pub effects: Vec<Effect>,
    /// Intents, for the root.
    pub intents: Vec<Intent>,
}

impl Cx<'_> {
    /// Makes a call; its answer goes to `owner`.
    pub fn call<T>(&mut self, owner: Owner, operation: Operation<T>) -> Pending<T> {
        self.shared.last_req += 1;
        let req = ReqId(self.shared.last_req);
        self.shared.awaited.insert(req, Awaited { since: self.now.mono, owner });
        let pending = operation.pending(req);
        self.out.effects.push(Effect::Call { req, owner, call: operation.call });
        pending
    }

    /// Tests the caller's permissions on an account, listed or not; the answer goes to its facts.
    pub fn test_permissions(&mut self, account: &str) {
        let req = self.call(Owner::Pane(PaneId::Overview), ops::test_permissions(account.to_owned()));
        let old = self.shared.facts.entry(account.to_owned()).or_default().granted.start(req);
        self.cancel(old);
    }

    /// The same after something that may have changed the answer: until the new one arrives, the permissions are unknown,
    /// in the list as well.
    pub fn test_permissions_anew(&mut self, account: &str) {
        let facts = self.shared.facts.entry(account.to_owned()).or_default();
        facts.granted.value = None;
        facts.granted.error = None;
        let email = facts.account.value.as_ref().map(|account| account.email.as_str());
        self.shared.tested.remove(email.unwrap_or(account));
        self.shared.tested.remove(account);
        self.test_permissions(account);
    }

    /// Cancels a call.
    pub fn cancel(&mut self, req: Option<impl Into<ReqId>>) {
        if let Some(req) = req.map(Into::into) {
            self.shared.awaited.remove(&req);
            self.out.effects.push(Effect::Cancel(req));
        }
    }

    /// Adds an effect.
    pub fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    /// Adds an intent.
    pub fn intend(&mut self, intent: Intent) {
        self.out.intents.push(intent);
    }

    /// Shows a notice.
    pub fn notice(&mut self, level: msg::Level, text: impl Into<String>) {
        self.intend(Intent::Notice(level, text.into()));
    }

    /// Shows an error in one sentence, with its next step.
    pub fn complain(&mut self, error: &ApiError) {
        self.notice(msg::Level::Error, format!("{}{}", error.sentence(), error.next_words()));
    }
}
