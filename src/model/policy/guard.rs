//! What to say before a policy is written: guards, which have to be accepted one by one, and remarks, which stop
//! nothing. Each is about the change, never about what was there already.

use jiff::Timestamp;

use super::diff::{Change, diff};
use super::gives::{Gives, Lookup, kept, list};
use super::{Level, Member, Policy, Triple};
use crate::model::account;
use crate::model::condition::{Condition, State};
use crate::model::member;
use crate::model::permission::SET_IAM_POLICY;

/// IAM's basic roles, with today's names and those it is adding.
const BASIC: [&str; 9] = [
    "roles/owner",
    "roles/editor",
    "roles/viewer",
    "roles/admin",
    "roles/writer",
    "roles/reader",
    "roles/iam.admin",
    "roles/iam.editor",
    "roles/iam.viewer",
];

/// What is known around the policy.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) account: &'a str,
    /// The caller as a member; `None` if the caller is unknown.
    pub(crate) caller: Option<&'a Member>,
    /// The levels above the account.
    pub(crate) levels: &'a [Level],
    /// Whether the configuration marks the account's project as production.
    pub(crate) production: bool,
    /// The permissions of custom roles.
    pub(crate) custom: Lookup<'a>,
    /// The time of the review.
    pub(crate) now: Timestamp,
}

/// The names that `--accept` takes.
pub(crate) const NAMES: [&str; 8] = [
    "own-access",
    "last-admin",
    "lock-out",
    "all-users",
    "all-authenticated-users",
    "whole-domain",
    "basic-role",
    "production",
];

/// Whether it stops a write until accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Must be accepted: `--accept NAME`, or in the review.
    Guard,
    Remark,
}

/// A guard or remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// `own-access`, `last-admin`, `lock-out`, `all-users`, `all-authenticated-users`, `whole-domain`,
    /// `basic-role`, `production`; remarks: `deleted-principal`, `never-met`,
    /// `group-members`, `first-condition`, `minted-tokens`, `terraform`.
    pub(crate) name: &'static str,
    pub(crate) sentence: String,
    /// Whether it stops a write.
    pub(crate) kind: Kind,
    /// What must be typed to accept it.
    pub(crate) type_to_confirm: Option<String>,
}

impl Context<'_> {
    /// The levels above that couldn't be read.
    pub(crate) fn unread(&self) -> Vec<String> {
        self.levels.iter().filter(|level| level.policy.is_none()).map(|level| level.name.clone()).collect()
    }
}

/// Everything to say about going from `before` to `after`, guards first. Empty if nothing changes.
pub(crate) fn guards(before: &Policy, after: &Policy, cx: &Context<'_>) -> Vec<Guard> {
    let changes = diff(before, after).changes;
    if changes.is_empty() {
        return Vec::new();
    }
    let review = Review {
        removed: changes.iter().filter_map(Change::removed).collect(),
        added: changes.iter().filter_map(Change::added).collect(),
        before,
        after,
        cx,
    };
    let guards = [
        ("own-access", review.own_access()),
        ("last-admin", review.last_admin()),
        ("lock-out", review.lock_out()),
        ("all-users", review.public(member::Kind::AllUsers)),
        ("all-authenticated-users", review.public(member::Kind::AllAuthenticatedUsers)),
        ("whole-domain", review.whole_domain()),
        ("basic-role", review.basic_role()),
        ("production", review.production()),
    ];
    let remarks = [
        ("deleted-principal", review.deleted_principal()),
        ("never-met", review.never_met()),
        ("group-members", review.group_members()),
        ("first-condition", review.first_condition()),
        ("minted-tokens", review.minted_tokens()),
        (
            "terraform",
            Some(
                "If Terraform manages who has access to this account, its next apply might revert this."
                    .to_owned(),
            ),
        ),
    ];
    let say = |kind, (name, sentence): (&'static str, Option<String>)| {
        // Letting everybody in, or the last administrator out, must not happen by one careless key. Losing your own
        // access asks for the name only if it is certain.
        let known = name != "own-access" || cx.caller.is_some();
        let typed = ["own-access", "last-admin", "all-users", "all-authenticated-users", "production"];
        let typed = known && typed.contains(&name);
        let type_to_confirm = typed.then(|| account::short(cx.account).into_owned());
        sentence.map(|sentence| Guard { name, sentence, kind, type_to_confirm })
    };
    let guards = guards.into_iter().filter_map(|guard| say(Kind::Guard, guard));
    guards.chain(remarks.into_iter().filter_map(|remark| say(Kind::Remark, remark))).collect()
}

struct Review<'a> {
    removed: Vec<Triple>,
    added: Vec<Triple>,
    before: &'a Policy,
    after: &'a Policy,
    cx: &'a Context<'a>,
}

impl Review<'_> {
    fn own_access(&self) -> Option<String> {
        let Some(caller) = self.cx.caller else {
            let taken = self.removed.iter().any(|triple| !triple.member.is_deleted());
            return taken.then(|| {
                "Your identity is unknown, so it's unknown whether this removes your own access.".to_owned()
            });
        };
        let own = self.removed.iter().filter(|triple| triple.member == *caller && self.may_hold(triple));
        let (mut lost, mut unknown) = (Gives::default(), Vec::new());
        for triple in own {
            match Gives::of(&triple.role, self.cx.custom) {
                Some(gives) => lost = lost.union(gives),
                None if self.has_now(triple) => {}
                None => unknown.push(format!("the permissions of {}", triple.role)),
            }
        }
        let kept = kept(caller, lost, self.after, self.cx);
        let lost = kept.into_iter().fold(lost, |lost, (_, _, gives)| lost.without(gives));
        let mut what = if lost.is_nothing() { Vec::new() } else { vec![lost.nouns()] };
        what.extend(unknown);
        (!what.is_empty()).then(|| format!("You ({}) will lose: {}.", caller.as_str(), list(&what)))
    }

    /// Certain only if every level was read and every role is known.
    fn last_admin(&self) -> Option<String> {
        let known = self.cx.unread().is_empty()
            && self.lost_admins().iter().all(|triple| self.edits(triple) == Some(true));
        (self.nobody_left() && known).then(|| {
            "This removes the last administrator: no one could change the policy of this account afterwards."
                .to_owned()
        })
    }

    /// Unread levels, groups or unknown roles can hide whether the caller, or anyone, can still change it.
    fn lock_out(&self) -> Option<String> {
        let lost = self.lost_admins();
        if self.last_admin().is_some() {
            return None;
        }
        let unread = self.cx.unread();
        if self.nobody_left() {
            let hidden =
                if unread.is_empty() { vec!["the permissions of a role".to_owned()] } else { unread };
            return Some(format!(
                "No visible administrator would be left (not visible: {}). This might lock you out.",
                list(&hidden)
            ));
        }
        let caller = self.cx.caller?;
        let left = self.admins_left();
        if left.contains(caller) {
            return None;
        }
        let mut groups: Vec<&Member> =
            lost.iter().map(|triple| &triple.member).filter(|m| m.is_opaque()).collect();
        if groups.is_empty() && !lost.iter().any(|triple| triple.member == *caller) {
            return None;
        }
        groups.extend(left.iter().filter(|member| member.is_opaque()));
        groups.sort();
        groups.dedup();
        let mut hidden: Vec<String> =
            groups.iter().map(|group| format!("the members of {}", group.as_str())).collect();
        hidden.extend(unread.iter().map(|level| format!("the policy of {level}")));
        (!hidden.is_empty()).then(|| {
            format!("This might lock you out of changing this policy (not visible: {}).", list(&hidden))
        })
    }

    fn public(&self, kind: member::Kind) -> Option<String> {
        let roles = self.roles_added(|triple| triple.member.kind() == kind);
        let who = if kind == member::Kind::AllUsers {
            "anyone on the internet, without any login,"
        } else {
            "anyone with a Google account, in any organization,"
        };
        (!roles.is_empty()).then(|| format!("This grants {who} {} on this account.", list(&roles)))
    }

    fn whole_domain(&self) -> Option<String> {
        let domains = self.members_added(|member| member.kind() == member::Kind::Domain);
        (!domains.is_empty())
            .then(|| format!("This grants a role to everyone in a whole domain: {}.", list(&domains)))
    }

    fn basic_role(&self) -> Option<String> {
        let roles = self.roles_added(|triple| BASIC.contains(&triple.role.as_str()));
        let said: Vec<String> = roles
            .into_iter()
            .map(|role| match Gives::of(&role, self.cx.custom).and_then(Gives::note) {
                Some(note) => format!("{role} ({note})"),
                None => role,
            })
            .collect();
        (!said.is_empty()).then(|| {
            format!("A basic role grants far more than access to one account needs: {}.", list(&said))
        })
    }

    fn production(&self) -> Option<String> {
        self.cx.production.then(|| "The configuration marks this project as production.".to_owned())
    }

    fn group_members(&self) -> Option<String> {
        let groups = self.members_added(|member| {
            matches!(member.kind(), member::Kind::Group | member::Kind::PrincipalSet)
        });
        (!groups.is_empty()).then(|| format!("Members of {} are not visible.", list(&groups)))
    }

    fn deleted_principal(&self) -> Option<String> {
        let deleted = self.members_added(Member::is_deleted);
        (!deleted.is_empty()).then(|| {
            format!(
                "This gives nothing to anyone: {} {} deleted, and a new principal of the same name is another one.",
                list(&deleted),
                if deleted.len() == 1 { "was" } else { "were" }
            )
        })
    }

    fn never_met(&self) -> Option<String> {
        let never = |condition: &Condition| {
            matches!(condition.evaluate(self.cx.now), State::Never | State::Ended { .. })
        };
        let conditions = self.added.iter().filter_map(|triple| triple.condition.as_ref());
        let titles = unique(conditions.filter(|condition| never(condition)).map(|condition| {
            match condition.names_other_resource() {
                true => format!("“{}” is about another resource than this account", condition.title()),
                false => format!("“{}” is over or contradicts itself", condition.title()),
            }
        }));
        (!titles.is_empty()).then(|| {
            format!("This gives nothing to anyone, because its condition never holds: {}.", list(&titles))
        })
    }

    fn first_condition(&self) -> Option<String> {
        let conditional = |policy: &Policy| policy.bindings().any(|binding| binding.condition.is_some());
        (!conditional(self.before) && conditional(self.after)).then(|| {
            "This is the first condition here: from now on gcloud's add-iam-policy-binding asks for a condition, \
             and fails in scripts without --condition."
                .to_owned()
        })
    }

    fn minted_tokens(&self) -> Option<String> {
        let mints = |triple: &Triple| Gives::of(&triple.role, self.cx.custom).is_none_or(Gives::mints);
        self.removed.iter().any(mints).then(|| {
            "Revoking doesn't end tokens that are already minted: they last up to 1h, access tokens up to 12h where the \
             organization allows it, signed JWTs until their exp."
                .to_owned()
        })
    }

    /// What was taken from members who can change the policy, or might be able to.
    fn lost_admins(&self) -> Vec<&Triple> {
        let admin = |triple: &&Triple| {
            self.edits(triple) != Some(false) && self.may_hold(triple) && !self.has_now(triple)
        };
        self.removed.iter().filter(admin).collect()
    }

    fn nobody_left(&self) -> bool {
        !self.lost_admins().is_empty() && self.admins_left().is_empty()
    }

    /// Who can certainly change the policy afterwards, here or through a level above that was read.
    fn admins_left(&self) -> Vec<Member> {
        let above = self.cx.levels.iter().filter_map(|level| level.policy.as_ref());
        std::iter::once(self.after)
            .chain(above)
            .flat_map(Policy::triples)
            .filter(|triple| {
                self.edits(triple) == Some(true) && self.holds(triple) && !triple.member.is_deleted()
            })
            .map(|triple| triple.member)
            .collect()
    }

    /// Whether a role lets its members change the policy; `None` for an unknown role.
    fn edits(&self, triple: &Triple) -> Option<bool> {
        Gives::of(&triple.role, self.cx.custom).map(|gives| gives.has(SET_IAM_POLICY))
    }

    /// Whether the added grants give the same member the same role at this moment.
    fn has_now(&self, triple: &Triple) -> bool {
        self.added.iter().any(|new| new.role == triple.role && new.member == triple.member && self.holds(new))
    }

    fn holds(&self, triple: &Triple) -> bool {
        triple.condition.as_ref().is_none_or(|condition| condition.evaluate(self.cx.now).holds())
    }

    fn may_hold(&self, triple: &Triple) -> bool {
        let may = |condition: &super::Condition| {
            let state = condition.evaluate(self.cx.now);
            state.holds() || state == State::Unknown
        };
        !triple.member.is_deleted() && triple.condition.as_ref().is_none_or(may)
    }

    fn roles_added(&self, wanted: impl Fn(&Triple) -> bool) -> Vec<String> {
        unique(self.added.iter().filter(|triple| wanted(triple)).map(|triple| triple.role.clone()))
    }

    fn members_added(&self, wanted: impl Fn(&Member) -> bool) -> Vec<String> {
        let members = self.added.iter().map(|triple| &triple.member).filter(|member| wanted(member));
        unique(members.map(|member| member.as_str().to_owned()))
    }
}

fn unique(items: impl Iterator<Item = String>) -> Vec<String> {
    items.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
#[path = "guard_conditions_tests.rs"]
mod conditions_tests;
#[cfg(test)]
#[path = "guard_sentences_tests.rs"]
mod sentences_tests;
#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
