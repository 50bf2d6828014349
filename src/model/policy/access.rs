//! Whether a policy lets one member do one thing, as far as reading it can tell. It looks at one policy only; inherited
//! policies are separate, and deny policies are not visible here at all.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::{Member, Policy, gives::Lookup};
use crate::model::{condition::State, role};

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// This role gives it.
    Granted(String),
    /// A binding might give it: why that is unknown.
    Unclear(String),
    /// No visible binding gives it.
    NotSeen,
}

impl Access {
    /// How surely it gives access: more is surer. Roles and reasons don't count.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Access::Granted(_) => 2,
            Access::Unclear(_) => 1,
            Access::NotSeen => 0,
        }
    }
}

/// Whether a role gives a permission, by the role's name; `None` if neither the table of predefined roles nor the
/// lookup knows the role.
pub(crate) fn gives(role: &str, permission: &str, custom: Lookup<'_>) -> Option<bool> {
    match role::find(role) {
        Some(role) => Some(role.permissions().any(|given| given == permission)),
        None => custom(role).map(|given| given.iter().any(|given| given == permission)),
    }
}

/// Whether `member` has `permission` (`iam.serviceAccounts.…`) by this policy now.
pub(crate) fn access(
    policy: &Policy,
    member: &Member,
    permission: &str,
    custom: Lookup<'_>,
    now: Timestamp,
) -> Access {
    let of_binding = |binding: super::Binding<'_>| {
        let named = binding.members.iter().any(|other| other == member || other.is_public());
        let among = binding.members.iter().find(|other| other.is_opaque());
        if !named && among.is_none() {
            return Access::NotSeen;
        }
        let holds = match binding.condition.map(|condition| condition.evaluate(now)) {
            None | Some(State::Holds { .. }) => true,
            Some(State::Unknown) => false,
            // Then it doesn't matter what the role gives.
            Some(State::Ended { .. } | State::NotYet { .. } | State::Never) => return Access::NotSeen,
        };
        match (gives(binding.role, permission, custom), among) {
            (Some(false), _) => Access::NotSeen,
            (None, _) => Access::Unclear(format!("the permissions of {} are unknown", binding.role)),
            _ if !holds => {
                Access::Unclear(format!("{} has a condition that depends on more than time", binding.role))
            }
            (Some(true), Some(among)) if !named => {
                Access::Unclear(format!("it might be in {}, whose members aren't visible", among.short()))
            }
            (Some(true), _) => Access::Granted(binding.role.to_owned()),
        }
    };
    // Of those that are equally sure, the first in the policy.
    let surest = policy.bindings().map(of_binding).min_by_key(|access| Reverse(access.rank()));
    surest.unwrap_or(Access::NotSeen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::permission::{GET_OPEN_ID_TOKEN, IMPLICIT_DELEGATION};
    use impersona_emulator::names::{CREATOR, member::RELAY_A as RELAY};
    use serde_json::json;

    fn judged(bindings: serde_json::Value) -> Access {
        let policy = Policy::parse(json!({ "bindings": bindings })).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        access(&policy, &Member::read(RELAY), IMPLICIT_DELEGATION.name, &|_| None, now)
    }

    #[test]
    fn a_role_that_gives_it_is_a_grant_and_any_other_is_none() {
        let bound = |role: &str, member: &str| judged(json!([{"role": role, "members": [member]}]));
        assert_eq!(bound(CREATOR, RELAY), Access::Granted(CREATOR.into()));
        assert_eq!(
            bound(CREATOR, &RELAY.to_uppercase().replace("SERVICEACCOUNT", "serviceAccount")),
            Access::Granted(CREATOR.into())
        );
        assert_eq!(bound(CREATOR, "allAuthenticatedUsers"), Access::Granted(CREATOR.into()));
        assert_eq!(bound("roles/iam.serviceAccountOpenIdTokenCreator", RELAY), Access::NotSeen);
        assert_eq!(bound("roles/owner", RELAY), Access::NotSeen);
        assert_eq!(bound(CREATOR, "user:dev@example.com"), Access::NotSeen);
        assert_eq!(bound(CREATOR, &format!("deleted:{RELAY}?uid=1")), Access::NotSeen);
        assert!(
            matches!(bound("projects/p/roles/own", RELAY), Access::Unclear(why) if why.contains("roles/own"))
        );
    }

    #[test]
    fn a_group_hides_the_answer_and_a_grant_by_name_shows_it() {
        let group = json!({"role": CREATOR, "members": ["group:relays@example.com"]});
        assert!(matches!(judged(json!([group])), Access::Unclear(why) if why.contains("relays@example.com")));
        let own = json!({"role": CREATOR, "members": [RELAY]});
        assert_eq!(judged(json!([group, own])), Access::Granted(CREATOR.into()));
    }

    #[test]
    fn a_condition_counts_as_far_as_it_is_about_time() {
        let under = |expression: &str| {
            judged(
                json!([{"role": CREATOR, "members": [RELAY], "condition": {"title": "t", "expression": expression}}]),
            )
        };
        assert_eq!(
            under("request.time < timestamp(\"2030-01-01T00:00:00Z\")"),
            Access::Granted(CREATOR.into())
        );
        assert_eq!(under("request.time < timestamp(\"2020-01-01T00:00:00Z\")"), Access::NotSeen);
        assert!(matches!(under("resource.name == 'x'"), Access::Unclear(_)));
    }

    #[test]
    fn unknown_role_gives_nothing_when_its_condition_never_holds() {
        for (expression, holds) in WHENS {
            let found = judged(json!([binding("projects/p/roles/unknown", &[RELAY], expression)]));
            assert_eq!(found == Access::NotSeen, holds == 0, "{expression:?}: {found:?}");
        }
    }

    #[test]
    fn the_last_hop_may_be_served_by_a_narrower_role() {
        let policy = Policy::parse(
            json!({"bindings": [{"role": "roles/iam.serviceAccountOpenIdTokenCreator", "members": [RELAY]}]}),
        )
        .unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let found = access(&policy, &Member::read(RELAY), GET_OPEN_ID_TOKEN.name, &|_| None, now);
        assert!(matches!(found, Access::Granted(_)));
    }

    /// The kinds of condition, each with whether it gives access: no, perhaps, surely.
    const WHENS: [(&str, u8); 6] = [
        ("", 2),
        (r#"request.time < timestamp("2030-01-01T00:00:00Z")"#, 2),
        (r#"resource.name == "x""#, 1),
        (r#"request.time < timestamp("2020-01-01T00:00:00Z")"#, 0),
        (r#"request.time > timestamp("2030-01-01T00:00:00Z")"#, 0),
        (
            r#"request.time < timestamp("2020-01-01T00:00:00Z") && request.time > timestamp("2030-01-01T00:00:00Z")"#,
            0,
        ),
    ];

    /// The kinds of member, each with whether it is the relay: no, perhaps, surely.
    const WHO: [(&str, u8); 9] = [
        (RELAY, 2),
        ("allUsers", 2),
        ("allAuthenticatedUsers", 2),
        ("group:relays@example.com", 1),
        ("domain:example.com", 1),
        ("principalSet://iam.googleapis.com/x", 1),
        ("projectEditor:acme-ci", 1),
        ("user:dev@example.com", 0),
        ("deleted:serviceAccount:relay-a@acme-ci.iam.gserviceaccount.com?uid=1", 0),
    ];

    /// Roles, each with whether it gives the permission to delegate.
    const ROLES: [(&str, u8); 4] =
        [(CREATOR, 2), ("projects/p/roles/relay", 2), ("projects/p/roles/unknown", 1), ("roles/owner", 0)];

    fn ranked(bindings: serde_json::Value) -> u8 {
        let policy = Policy::parse(json!({ "bindings": bindings })).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let custom = |role: &str| {
            (role == "projects/p/roles/relay").then(|| vec![IMPLICIT_DELEGATION.name.to_owned()])
        };
        access(&policy, &Member::read(RELAY), IMPLICIT_DELEGATION.name, &custom, now).rank()
    }

    fn binding(role: &str, members: &[&str], expression: &str) -> serde_json::Value {
        let mut binding = json!({"role": role, "members": members});
        if !expression.is_empty() {
            binding["condition"] = json!({"title": "t", "expression": expression});
        }
        binding
    }

    #[test]
    fn a_binding_gives_as_surely_as_the_least_sure_of_member_role_and_condition() {
        for (who, named) in WHO {
            for (role, gives) in ROLES {
                for (expression, holds) in WHENS {
                    let expected = named.min(gives).min(holds);
                    let found = ranked(json!([binding(role, &[who], expression)]));
                    assert_eq!(found, expected, "{who} as {role} under {expression:?}");
                }
            }
        }
    }

    #[test]
    fn the_surest_member_and_the_surest_binding_count() {
        for (one, first) in WHO {
            for (other, second) in WHO {
                let expected = first.max(second);
                assert_eq!(ranked(json!([binding(CREATOR, &[one, other], "")])), expected, "{one} {other}");
                let apart = json!([binding(CREATOR, &[one], ""), binding(CREATOR, &[other], "")]);
                assert_eq!(ranked(apart), expected, "{one} {other}");
            }
        }
        assert_eq!(ranked(json!([])), 0);
    }

    #[test]
    fn whether_a_role_gives_a_permission_is_told_by_the_table_else_by_the_lookup() {
        let lookup = |role: &str| (role == "projects/p/roles/x").then(|| vec!["a.b.c".to_owned()]);
        assert_eq!(super::gives(CREATOR, IMPLICIT_DELEGATION.name, &lookup), Some(true));
        assert_eq!(super::gives(CREATOR, "a.b.c", &lookup), Some(false));
        assert_eq!(super::gives("projects/p/roles/x", "a.b.c", &lookup), Some(true));
        assert_eq!(super::gives("projects/p/roles/x", IMPLICIT_DELEGATION.name, &lookup), Some(false));
        assert_eq!(super::gives("projects/p/roles/y", "a.b.c", &lookup), None);
        // Each of several is given; of an empty list, nothing.
        let several = |count: usize| ["a.b.c", "d.e.f", "g.h.i"][..count].to_vec();
        for count in 0..=3 {
            let lookup = |_: &str| Some(several(count).into_iter().map(str::to_owned).collect());
            for permission in several(3) {
                let given = super::gives("projects/p/roles/x", permission, &lookup);
                assert_eq!(given, Some(several(count).contains(&permission)), "{permission} of {count}");
            }
        }
    }
}
