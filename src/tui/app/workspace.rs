//! What is being worked on: the project, the opened account, and everything that was read about accounts as the present
//! caller, with the edits and forms begun.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{msg::ReqId, slot::Slot};
use crate::{
    api::{
        metadata::Machine,
        roles::{RoleDetails, RoleSummary},
    },
    flows,
    model::{
        account::{Account, AccountKey, UniqueId, project_of},
        permission::Granted,
        policy::{Level, Policy, edit::Staged},
        project::{Ancestor, Project},
    },
    ops::Listed,
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
    /// The unique ID; `None` until the account is read.
    pub(crate) fn unique_id(&self) -> Option<UniqueId> {
        self.account.value()?.unique_id.clone()
    }

    /// How many changes are staged.
    pub(crate) fn staged_changes(&self) -> usize {
        self.staged.as_ref().map_or(0, |staged| staged.changes().len())
    }

    /// The policy, as it was at this time.
    pub(crate) fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        self.policy.set(policy);
        self.policy_read = Some(now);
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

/// The project, the opened account, and what is known.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
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
    /// Accounts with a half-filled form; for staged edits see also [`Workspace::has_draft`].
    pub(crate) drafts: Vec<String>,
    /// Facts from this machine's metadata server.
    pub(crate) machine: Slot<Machine>,
}

impl Workspace {
    /// Another project is listed: nothing is known about it yet. Returns the request about the old one.
    pub(crate) fn open_project(&mut self, project: String) -> Option<ReqId> {
        self.project = Some(project);
        self.project_info.forget();
        std::mem::take(&mut self.ancestors).stop()
    }

    /// Drops what was read as another caller. Staged edits are kept, and moved onto the policy as the new caller reads it.
    pub(crate) fn forget_caller(&mut self) {
        self.machine = Slot::default();
        self.projects = Slot::default();
        self.tested.clear();
        self.facts.retain(|_, facts| facts.staged_changes() > 0);
        for facts in self.facts.values_mut() {
            let (staged, policy) = (facts.staged.take(), std::mem::take(&mut facts.policy));
            *facts = Facts { staged, policy, ..Facts::default() };
        }
    }

    /// How many changes are staged, over all accounts.
    pub(crate) fn staged_changes(&self) -> usize {
        self.facts.values().map(Facts::staged_changes).sum()
    }

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
        let own = project_of(account).map(|project| project.to_string());
        own.or_else(|| self.project.clone()).unwrap_or_default()
    }

    /// The caller's permissions on an account may have changed: until they are tested again, they are unknown, in the list
    /// as well.
    pub(crate) fn forget_granted(&mut self, account: &str) {
        let facts = self.facts_mut(account);
        facts.granted.forget();
        let email = facts.account.value().map(|account| account.email.clone());
        for name in [account, email.as_deref().unwrap_or(account)] {
            self.tested.remove(name);
        }
    }

    /// Renames an account that was opened by its unique id once its email is known. What is known under the email already
    /// is kept. Returns the old name, and the requests that are made twice.
    pub(crate) fn call_by_email(&mut self, email: &str) -> Option<(String, Vec<ReqId>)> {
        let id = |facts: &Facts| facts.account.value().is_some_and(|account| account.email == email);
        let (name, _) = self.facts.iter().find(|(name, facts)| *name != email && id(facts))?;
        let name = name.clone();
        let facts = self.facts.remove(&name)?;
        let twice = self.facts_mut(email).merge(facts);
        rename(&mut self.drafts, &name, email);
        self.opened.iter_mut().filter(|other| **other == name).for_each(|other| *other = email.to_owned());
        Some((name, twice))
    }
}

/// Gives a name in a list its new spelling, which may be in the list already.
pub(super) fn rename(names: &mut Vec<String>, from: &str, to: &str) {
    let known = names.iter().any(|name| name == to);
    names.retain(|name| !(known && name == from));
    names.iter_mut().filter(|name| *name == from).for_each(|name| *name = to.to_owned());
}
