//! Whether a policy lets one member do one thing, as far as reading it can tell. It looks at one policy only; what is
//! inherited is asked of the levels above, and deny policies cannot be seen here at all.

use jiff::Timestamp;

use super::{Member, Policy, gives::Lookup};
use crate::model::{condition::State, role};

/// What a policy says, the surest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// This role gives it.
    Granted(String),
    /// A binding may give it: why that cannot be told.
    Unclear(String),
    /// No binding seen gives it.
    NotSeen,
}

/// Whether a role gives a permission, by its name; none where neither the table of predefined roles nor the lookup knows
/// the role.
pub fn gives(role: &str, permission: &str, custom: Lookup<'_>) -> Option<bool> {
    match role::find(role) {
        Some(role) => Some(role.permissions().any(|given| given == permission)),
        None => custom(role).map(|given| given.iter().any(|given| given == permission)),
    }
}

/// Whether `member` has `permission` (`iam.serviceAccounts.…`) by this policy now.
pub fn access(
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
        let gives = match gives(binding.role, permission, custom) {
            Some(gives) => gives,
            None => return Access::Unclear(format!("what {} gives is not known here", binding.role)),
        };
        match (gives, binding.condition.map(|condition| condition.evaluate(now))) {
            (false, _) | (_, Some(State::Ended { .. } | State::NotYet { .. } | State::Never)) => {
                Access::NotSeen
            }
            (true, Some(State::Unknown)) => Access::Unclear(format!(
                "{} is bound under a condition that depends on more than time",
                binding.role
            )),
            (true, None | Some(State::Holds { .. })) if named => Access::Granted(binding.role.to_owned()),
            (true, None | Some(State::Holds { .. })) => {
                let among = among.map(Member::short).unwrap_or_default();
                Access::Unclear(format!("it may be in {among}, whose members are not visible"))
            }
        }
    };
    policy.bindings().map(of_binding).min().unwrap_or(Access::NotSeen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::permission::{GET_OPEN_ID_TOKEN, IMPLICIT_DELEGATION};
    use serde_json::json;

    const RELAY: &str = "serviceAccount:relay-a@acme-ci.iam.gserviceaccount.com";
    const CREATOR: &str = "roles/iam.serviceAccountTokenCreator";

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
    fn the_last_hop_may_be_served_by_a_narrower_role() {
        let policy = Policy::parse(
            json!({"bindings": [{"role": "roles/iam.serviceAccountOpenIdTokenCreator", "members": [RELAY]}]}),
        )
        .unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let found = access(&policy, &Member::read(RELAY), GET_OPEN_ID_TOKEN.name, &|_| None, now);
        assert!(matches!(found, Access::Granted(_)));
    }
}
