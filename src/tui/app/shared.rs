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
pub(crate) struct Facts {
    pub(crate) account: Slot<Account>,
    /// The caller's permissions on it.
    pub(crate) granted: Slot<Granted>,
    pub(crate) keys: Slot<Vec<AccountKey>>,
    pub(crate) policy: Slot<Policy>,
    /// When the policy was read.
    pub(crate) policy_read: Option<Timestamp>,
    /// The policies above it, nearest first.
    pub(crate) above: Slot<Vec<flows::Level>>,
    /// Staged edits, never sent before their review.
    pub(crate) staged: Option<Staged>,
    /// The roles that can be granted on it.
    pub(crate) grantable: Slot<Vec<RoleSummary>>,
}

impl Facts {
    /// The unique id, 21 digits; empty until the account is read.
    pub(crate) fn unique_id(&self) -> String {
        self.account.value().map(|account| account.unique_id.clone()).unwrap_or_default()
    }

    /// How many changes are staged.
    pub(crate) fn staged_changes(&self) -> usize {
        self.staged.as_ref().map_or(0, |staged| staged.changes().len())
    }

    /// Takes in what was read about the same account under its other name, and the edits that were staged there; returns
    /// the requests that are made twice.
    fn merge(&mut self, mut other: Facts) -> Vec<ReqId> {
        // Edits stay on the policy that they are based on; of two policies, the later one counts.
        let rank = |facts: &Facts| (facts.staged_changes() > 0, facts.policy_read);
        if rank(&other) > rank(self) {
            std::mem::swap(self, &mut other);
        }
        match (&mut self.staged, other.staged) {
            (Some(staged), Some(further)) => further.edits().iter().for_each(|edit| {
                staged.stage(edit.clone());
            }),
            (None, staged) => self.staged = staged,
            (Some(_), None) => {}
        }
        self.policy_read = self.policy_read.or(other.policy_read);
        let twice = [
            self.account.merge(other.account),
            self.granted.merge(other.granted),
            self.keys.merge(other.keys),
            self.policy.merge(other.policy),
            self.above.merge(other.above),
            self.grantable.merge(other.grantable),
        ];
        twice.into_iter().flatten().collect()
    }
}

/// The badge for endpoints that aren't Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointBadge {
    /// The host used instead.
    pub(crate) host: String,
    /// Whether only some services go there, the dangerous case.
    pub(crate) only_some: bool,
}

/// A call in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaited {
    /// When it began, by the monotonic clock.
    pub(crate) since: Duration,
    /// The recipient of the answer.
    pub(crate) owner: Owner,
}

/// The state that panes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) caller: Slot<Caller>,
    /// Callers that can be switched to, as far as they were searched for.
    pub(crate) choices: Vec<Choice>,
    /// The callers before, the first one first.
    pub(crate) callers_before: Vec<String>,
    /// The listed project; none until one is picked.
    pub(crate) project: Option<String>,
    /// What is known about it.
    pub(crate) project_info: Slot<Project>,
    pub(crate) ancestors: Slot<Vec<Ancestor>>,
    /// The projects that the caller can find.
    pub(crate) projects: Slot<Vec<Project>, Listed>,
    /// The opened account: its email or unique id.
    pub(crate) opened: Option<String>,
    /// What was read about accounts, by the name they were opened with.
    pub(crate) facts: HashMap<String, Facts>,
    /// The caller's permissions on accounts tested in bulk, by email.
    pub(crate) tested: HashMap<String, Granted>,
    /// Permissions of roles that the table of predefined ones doesn't contain, by name.
    pub(crate) roles: HashMap<String, Slot<RoleDetails>>,
    pub(crate) writes: Writes,
    /// Projects where a write asks the user to type a name.
    pub(crate) production: Vec<String>,
    /// Facts from this machine's metadata server.
    pub(crate) machine: Slot<Machine>,
    pub(crate) shelf: Shelf,
    /// The credential that was copied last.
    pub(crate) copied: Option<Secret>,
    /// The last request to mint.
    pub(crate) last_mint: Option<MintRequest>,
    /// Accounts with a half-filled form; for staged edits see also [`Shared::has_draft`].
    pub(crate) drafts: Vec<String>,
    pub(crate) remembered: Remembered,
    pub(crate) keymap: Keymap,
    /// The endpoints, for copied curl commands.
    pub(crate) endpoints: Endpoints,
    /// Whether this is the demo.
    pub(crate) demo: bool,
    /// Read-only mode: no writes are sent.
    pub(crate) read_only: bool,
    /// The rate limit of bulk reads, in calls per second.
    pub(crate) questions_per_second: u32,
    /// Endpoints that are not Google's.
    pub(crate) badge: Option<EndpointBadge>,
    /// How far this machine's clock is behind Google's, in milliseconds, by the last answer; negative if ahead.
    pub(crate) skew: Option<i64>,
    pub(crate) awaited: HashMap<ReqId, Awaited>,
    /// The last request id.
    pub(crate) last_req: u64,
}

impl Shared {
    /// What is known about the opened account.
    pub(crate) fn opened_facts(&self) -> Option<(&str, &Facts)> {
        let name = self.opened.as_deref()?;
        Some((name, self.facts.get(name)?))
    }

    /// What is known about an account, to add to it.
    pub(crate) fn facts_mut(&mut self, account: &str) -> &mut Facts {
        self.facts.entry(account.to_owned()).or_default()
    }

    /// Whether this account has something begun and not sent: a half-filled form or staged edits.
    pub(crate) fn has_draft(&self, account: &str) -> bool {
        let staged = || self.facts.get(account).is_some_and(|facts| facts.staged_changes() > 0);
        self.drafts.iter().any(|draft| draft == account) || staged()
    }

    /// Renames an account that was opened by its unique id once its email is known. What is known under the email already
    /// is kept. Returns the old name, and the requests that are made twice.
    pub(crate) fn call_by_email(&mut self, email: &str) -> Option<(String, Vec<ReqId>)> {
        let id = |facts: &Facts| facts.account.value().is_some_and(|account| account.email == email);
        let (name, _) = self.facts.iter().find(|(name, facts)| *name != email && id(facts))?;
        let name = name.clone();
        let facts = self.facts.remove(&name)?;
        let twice = self.facts.entry(email.to_owned()).or_default().merge(facts);
        for names in [&mut self.drafts, &mut self.remembered.accounts] {
            let known = names.iter().any(|other| other == email);
            names.retain(|other| !(known && *other == name));
            names.iter_mut().filter(|other| **other == name).for_each(|other| *other = email.to_owned());
        }
        self.opened.iter_mut().filter(|other| **other == name).for_each(|other| *other = email.to_owned());
        Some((name, twice))
    }

    /// The time by Google's clock, as far as it is known: credentials expire by that clock.
    pub(crate) fn at_google(&self, now: Timestamp) -> Timestamp {
        at_google(now, self.skew)
    }

    /// The caller's permissions on an account, as far as they were tested.
    pub(crate) fn granted(&self, account: &str) -> Option<Granted> {
        let alone = self.facts.get(account).and_then(|facts| facts.granted.value().copied());
        alone.or_else(|| self.tested.get(account).copied())
    }

    /// Permissions of a role that the table doesn't contain; none while unknown.
    pub(crate) fn role_permissions(&self, role: &str) -> Option<Vec<String>> {
        self.roles.get(role)?.value().map(|role| role.permissions.clone())
    }

    /// What is known of the policies above an account.
    pub(crate) fn levels(&self, account: &str) -> Vec<Level> {
        let above = self.facts.get(account).and_then(|facts| facts.above.value());
        above.into_iter().flatten().map(flows::Level::to_model).collect()
    }

    /// The project for a command about an account: its own, else the listed one, else empty.
    pub(crate) fn project_for(&self, account: &str) -> String {
        project_of(account).or_else(|| self.project.clone()).unwrap_or_default()
    }

    /// Whether an account lives in a project that the configuration marks as production.
    pub(crate) fn production(&self, account: &str) -> bool {
        let known = self.facts.get(account).and_then(|facts| facts.account.value());
        let project = known.map(|account| account.project.clone()).or_else(|| project_of(account));
        project.is_some_and(|project| self.production.contains(&project))
    }

    /// The caller as a policy member; none while its identity is unknown.
    pub(crate) fn caller_member(&self) -> Option<Member> {
        self.caller.value()?.member().map(|member| Member::read(&member))
    }

    /// See [`crate::model::caller::Caller::other_login`].
    pub(crate) fn other_login(&self) -> Option<&str> {
        self.caller.value()?.other_login(&self.choices)
    }

    /// Whether something has been awaited for long enough to show a spinner.
    pub(crate) fn slow(&self, now: Now) -> bool {
        self.awaited.values().any(|call| now.mono.saturating_sub(call.since) >= super::SLOW)
    }
}

/// A pane's context while it handles something: the shared state, and ways to ask for effects and intents.
pub(crate) struct Cx<'a> {
    /// The state that panes share.
    pub(crate) shared: &'a mut Shared,
    /// When the message was received.
    pub(crate) now: Now,
    /// Effects and intents so far.
    pub(crate) out: &'a mut Out,
}

/// The results of a message.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// Effects, for the runtime.
    pub(crate) effects: Vec<Effect>,
    /// Intents, for the root.
    pub(crate) intents: Vec<Intent>,
}

impl Cx<'_> {
    /// Makes a call; its answer goes to `owner`.
    pub(crate) fn call<T>(&mut self, owner: Owner, operation: Operation<T>) -> Pending<T> {
        self.shared.last_req += 1;
        let req = ReqId(self.shared.last_req);
        self.shared.awaited.insert(req, Awaited { since: self.now.mono, owner });
        let pending = operation.pending(req);
        self.out.effects.push(Effect::Call { req, owner, call: operation.call });
        pending
    }

    /// Reads a shared value; its answer goes to `owner`, and an earlier request for it is cancelled.
    pub(crate) fn read<T, A>(
        &mut self,
        owner: Owner,
        operation: Operation<A>,
        slot: impl FnOnce(&mut Shared) -> &mut Slot<T, A>,
    ) {
        let pending = self.call(owner, operation);
        let old = slot(self.shared).start(pending);
        self.cancel(old);
    }

    /// The same for a value of the owner's own.
    pub(crate) fn read_into<T, A>(&mut self, slot: &mut Slot<T, A>, owner: Owner, operation: Operation<A>) {
        let pending = self.call(owner, operation);
        self.cancel(slot.start(pending));
    }

    /// Tests the caller's permissions on an account, listed or not; the answer goes to its facts.
    pub(crate) fn test_permissions(&mut self, account: &str) {
        let test = ops::test_permissions(account.to_owned());
        self.read(Owner::Pane(PaneId::Overview), test, |shared| &mut shared.facts_mut(account).granted);
    }

    /// The same after something that may have changed the answer: until the new one arrives, the permissions are unknown,
    /// in the list as well.
    pub(crate) fn test_permissions_anew(&mut self, account: &str) {
        let facts = self.shared.facts.entry(account.to_owned()).or_default();
        facts.granted.forget();
        let email = facts.account.value().map(|account| account.email.as_str());
        self.shared.tested.remove(email.unwrap_or(account));
        self.shared.tested.remove(account);
        self.test_permissions(account);
    }

    /// See [`Shared::call_by_email`]; the panes rename what they hold of the account.
    pub(crate) fn call_by_email(&mut self, email: &str) {
        let Some((from, twice)) = self.shared.call_by_email(email) else { return };
        twice.into_iter().for_each(|req| self.cancel(Some(req)));
        self.intend(Intent::Renamed { from, to: email.to_owned() });
    }

    pub(crate) fn cancel(&mut self, req: Option<impl Into<ReqId>>) {
        if let Some(req) = req.map(Into::into) {
            self.shared.awaited.remove(&req);
            self.out.effects.push(Effect::Cancel(req));
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    pub(crate) fn intend(&mut self, intent: Intent) {
        self.out.intents.push(intent);
    }

    pub(crate) fn notice(&mut self, level: msg::Level, text: impl Into<String>) {
        self.intend(Intent::Notice(level, text.into()));
    }

    /// Shows an error in one sentence, with its next step.
    pub(crate) fn complain(&mut self, error: &ApiError) {
        self.notice(msg::Level::Error, format!("{}{}", error.sentence(), error.next_words()));
    }
}
