//! What the policies say about the caller and the missing permission, binding by binding.

use std::collections::{HashMap, HashSet};

use super::{HERE, Known, member};
use crate::model::{
    account::is_name,
    condition::State,
    denial::Refusal,
    member::Member,
    permission::SET_IAM_POLICY,
    policy::{Binding, Policy, access::gives},
};

/// A binding that matters for the denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// `here`, `project acme-prod`
    pub(crate) place: String,
    pub(crate) role: String,
    /// Whether it applies to the caller.
    pub(crate) how: Confidence,
}

/// Whether a grant applies to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Confidence {
    /// It names the caller, and holds now.
    Holds,
    /// It names the caller, and doesn't hold now: `“x” ended 2020-01-01`.
    NotNow(String),
    /// It names the caller, under a condition that only Google can judge: its title.
    Unclear(String),
    /// It names a group or domain, whose members are not visible: which one.
    Perhaps(String),
}

/// What the readable policies contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Bindings that give the missing permission, to the caller or to many.
    pub(crate) grants: Vec<Grant>,
    /// Roles of the caller that don't give it, with their place.
    pub(crate) others: Vec<(String, String)>,
    /// Members who can change the policy, and so grant it, each once, ordered by level.
    pub(crate) granters: Vec<Member>,
    /// Custom roles of the caller whose permissions are unknown, with their place.
    pub(crate) unknown: Vec<(String, String)>,
    /// Whether every level was read, and every role of the caller in it understood.
    pub(crate) complete: bool,
    /// Whether it is about an account, rather than a project or something above it.
    pub(crate) of_account: bool,
    seen: HashSet<Member>,
}

impl Found {
    pub(super) fn look(refusal: &Refusal, known: &Known<'_>) -> Found {
        let seen = known.examined;
        let of_account = is_name(&refusal.asked.resource);
        let (me, permission) = (member(known), refusal.permission());
        // Without the caller's name, no binding can be matched to the caller.
        let read = !of_account || seen.policy.is_some();
        let mut found = Found {
            complete: me.is_some() && read && !seen.above.is_empty(),
            of_account,
            ..Found::default()
        };
        let here = seen.policy.as_ref().map(|policy| (HERE.to_owned(), Some(policy)));
        let above = seen.above.iter().map(|level| (level.name.clone(), level.policy.as_ref()));
        for (place, policy) in here.into_iter().chain(above) {
            match policy {
                Some(policy) => found.level(&place, policy, me.as_ref(), permission, known),
                None => found.complete = false,
            }
        }
        found
    }

    fn level(
        &mut self,
        place: &str,
        policy: &Policy,
        me: Option<&Member>,
        permission: Option<&str>,
        known: &Known<'_>,
    ) {
        let custom = lookup(&known.examined.roles);
        for binding in policy.bindings() {
            let state = binding.condition.as_ref().map(|condition| condition.evaluate(known.now));
            let holds = state.is_none_or(State::holds);
            if holds
                && sets_policies(place, self.of_account)
                    .any(|it| gives(binding.role, it, &custom) == Some(true))
            {
                for member in binding.members.iter().filter(|member| !member.is_deleted()) {
                    if self.seen.insert(member.clone()) {
                        self.granters.push(member.clone());
                    }
                }
            }
            let mine = me.is_some_and(|me| binding.members.contains(me))
                || binding.members.iter().any(Member::is_public);
            let many = binding.members.iter().find(|member| member.is_opaque());
            let gives = permission.and_then(|permission| gives(binding.role, permission, &custom));
            match (gives, mine, many) {
                (Some(true), true, _) => {
                    let how = how(&binding, state, known);
                    self.grants.push(Grant { place: place.to_owned(), role: binding.role.to_owned(), how });
                }
                (Some(true), false, Some(many)) if holds => {
                    let how = Confidence::Perhaps(many.short());
                    self.grants.push(Grant { place: place.to_owned(), role: binding.role.to_owned(), how });
                }
                (Some(false), true, _) => self.others.push((binding.role.to_owned(), place.to_owned())),
                (None, true, _) if permission.is_some() => {
                    self.complete = false;
                    self.unknown.push((binding.role.to_owned(), place.to_owned()));
                }
                _ => {}
            }
        }
    }
}

/// The permissions to change the policy of a place, and so to grant what is missing.
fn sets_policies(place: &str, of_account: bool) -> impl Iterator<Item = &'static str> {
    let own = match place.split_once(' ') {
        Some(("project", _)) => Some("resourcemanager.projects.setIamPolicy"),
        Some(("folder", _)) => Some("resourcemanager.folders.setIamPolicy"),
        Some(("organization", _)) => Some("resourcemanager.organizations.setIamPolicy"),
        _ => None,
    };
    own.into_iter().chain(of_account.then_some(SET_IAM_POLICY.name))
}

fn how(binding: &Binding<'_>, state: Option<State>, known: &Known<'_>) -> Confidence {
    let title = binding.condition.as_ref().map(|condition| condition.title()).unwrap_or_default();
    match state {
        None | Some(State::Holds { .. }) => Confidence::Holds,
        Some(State::Unknown) => Confidence::Unclear(title.to_owned()),
        Some(state) => Confidence::NotNow(format!("“{title}” {}", state.words(known.now))),
    }
}

fn lookup(roles: &HashMap<String, Vec<String>>) -> impl Fn(&str) -> Option<Vec<String>> {
    |name| roles.get(name).cloned()
}
