//! Every guard under every kind of condition, judged by a second, naive evaluator without policies, diffs or
//! expressions: access is a list of small values, and whether a condition holds is written down, not computed.

use std::collections::BTreeSet;

use super::super::testing::{World, policy};
use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// The kinds of condition, as of noon on 2026-05-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Always,
    Now,
    Ended,
    NotBegun,
    Never,
    MoreThanTime,
}

const WHENS: [When; 6] =
    [When::Always, When::Now, When::Ended, When::NotBegun, When::Never, When::MoreThanTime];

impl When {
    fn expression(self) -> &'static str {
        match self {
            When::Always => "",
            When::Now => r#"request.time < timestamp("2030-01-01T00:00:00Z")"#,
            When::Ended => r#"request.time < timestamp("2020-01-01T00:00:00Z")"#,
            When::NotBegun => r#"request.time >= timestamp("2030-01-01T00:00:00Z")"#,
            When::Never => {
                r#"request.time < timestamp("2020-01-01T00:00:00Z") && request.time > timestamp("2030-01-01T00:00:00Z")"#
            }
            When::MoreThanTime => r#"resource.name == "x""#,
        }
    }

    fn surely(self) -> bool {
        matches!(self, When::Always | When::Now)
    }

    fn perhaps(self) -> bool {
        self.surely() || self == When::MoreThanTime
    }
}

/// The roles, each with what it lets its members do: change the policy, mint, anything else that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Admin,
    Owner,
    OpenId,
    Browser,
    /// A custom role that couldn't be looked up.
    Unknown,
}

const ROLES: [Role; 5] = [Role::Admin, Role::Owner, Role::OpenId, Role::Browser, Role::Unknown];

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Admin => "roles/iam.serviceAccountAdmin",
            Role::Owner => "roles/owner",
            Role::OpenId => "roles/iam.serviceAccountOpenIdTokenCreator",
            Role::Browser => "roles/browser",
            Role::Unknown => "projects/elsewhere/roles/x",
        }
    }

    fn abilities(self) -> &'static [&'static str] {
        match self {
            Role::Admin => &["see", "edit"],
            Role::Owner => &["actAs", "keys", "see", "edit"],
            Role::OpenId => &["id"],
            Role::Browser | Role::Unknown => &[],
        }
    }

    fn surely_edits(self) -> bool {
        matches!(self, Role::Admin | Role::Owner)
    }

    fn perhaps_edits(self) -> bool {
        self.surely_edits() || self == Role::Unknown
    }
}

const DEV: &str = "user:dev@example.com";
const ANN: &str = "user:ann@example.com";
const TEAM: &str = "group:team@example.com";
const POOL: &str = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*";
const DOMAIN: &str = "domain:example.com";
const GHOST: &str = "deleted:user:ghost@example.com?uid=1";
const ANYBODY: &str = "allUsers";
const ANY_LOGIN: &str = "allAuthenticatedUsers";
const MEMBERS: [&str; 8] = [DEV, ANN, TEAM, POOL, DOMAIN, GHOST, ANYBODY, ANY_LOGIN];
const CROWDS: [&str; 3] = [TEAM, POOL, DOMAIN];

type Grant = (Role, &'static str, When);
type Grants = BTreeSet<Grant>;

/// Who has what before and afterwards, and what is known around it.
#[derive(Clone, Debug)]
struct Case {
    before: Grants,
    after: Grants,
    /// `None` for a level that couldn't be read.
    above: Option<Grants>,
    caller_known: bool,
    production: bool,
}

impl Case {
    fn of(before: &[Grant], after: &[Grant]) -> Case {
        Case {
            before: before.iter().copied().collect(),
            after: after.iter().copied().collect(),
            above: Some(Grants::new()),
            caller_known: true,
            production: false,
        }
    }

    /// The expected names, in order.
    fn expected(&self) -> Vec<&'static str> {
        if self.before == self.after {
            return Vec::new();
        }
        let gone: Vec<Grant> = self.before.difference(&self.after).copied().collect();
        let new: Vec<Grant> = self.after.difference(&self.before).copied().collect();
        let afterwards: Vec<Grant> = self.after.iter().chain(self.above.iter().flatten()).copied().collect();
        let in_force = |(role, who, _): &Grant| {
            new.iter().any(|(new_role, new_who, when)| (new_role, new_who) == (role, who) && when.surely())
        };

        let own_access = if self.caller_known {
            gone.iter().filter(|(_, who, when)| *who == DEV && when.perhaps()).any(|grant| {
                let keeps = |ability: &&str| {
                    afterwards.iter().any(|(role, who, when)| {
                        *who == DEV && when.surely() && role.abilities().contains(ability)
                    })
                };
                if grant.0 == Role::Unknown {
                    !in_force(grant)
                } else {
                    !grant.0.abilities().iter().all(keeps)
                }
            })
        } else {
            gone.iter().any(|(_, who, _)| *who != GHOST)
        };

        let lost: Vec<&Grant> = gone
            .iter()
            .filter(|(role, who, when)| role.perhaps_edits() && *who != GHOST && when.perhaps())
            .filter(|grant| !in_force(grant))
            .collect();
        let left: Vec<&str> = afterwards
            .iter()
            .filter(|(role, who, when)| role.surely_edits() && *who != GHOST && when.surely())
            .map(|(_, who, _)| *who)
            .collect();
        let all_seen = self.above.is_some() && lost.iter().all(|(role, _, _)| role.surely_edits());
        let last = !lost.is_empty() && left.is_empty();
        let crowd_lost = lost.iter().any(|(_, who, _)| CROWDS.contains(who));
        let touches_caller = crowd_lost || lost.iter().any(|(_, who, _)| *who == DEV);
        let hides_caller = crowd_lost || left.iter().any(|who| CROWDS.contains(who)) || self.above.is_none();
        let lock_out = if last {
            !all_seen
        } else {
            self.caller_known && !left.contains(&DEV) && touches_caller && hides_caller
        };

        let gets = |wanted: &[&str]| new.iter().any(|(_, who, _)| wanted.contains(who));
        let conditional = |grants: &Grants| grants.iter().any(|(_, _, when)| *when != When::Always);
        let said = [
            ("own-access", own_access),
            ("last-admin", last && all_seen),
            ("lock-out", lock_out),
            ("all-users", gets(&[ANYBODY])),
            ("all-authenticated-users", gets(&[ANY_LOGIN])),
            ("whole-domain", gets(&[DOMAIN])),
            ("basic-role", new.iter().any(|(role, _, _)| *role == Role::Owner)),
            ("production", self.production),
            ("deleted-principal", gets(&[GHOST])),
            ("never-met", new.iter().any(|(_, _, when)| matches!(when, When::Ended | When::Never))),
            ("group-members", gets(&[TEAM, POOL])),
            ("first-condition", !conditional(&self.before) && conditional(&self.after)),
            // A token outlives the condition under which it was minted.
            ("minted-tokens", gone.iter().any(|(role, _, _)| matches!(role, Role::OpenId | Role::Unknown))),
            ("terraform", true),
        ];
        said.into_iter().filter_map(|(name, yes)| yes.then_some(name)).collect()
    }

    fn found(&self) -> Vec<&'static str> {
        let bindings = |grants: &Grants| -> Value {
            let binding = |(role, who, when): &Grant| {
                let mut binding = json!({"role": role.name(), "members": [who]});
                if *when != When::Always {
                    binding["condition"] = json!({"title": "t", "expression": when.expression()});
                }
                binding
            };
            grants.iter().map(binding).collect()
        };
        let mut world = World::new().under("folder 4711", self.above.as_ref().map(bindings));
        world.production = self.production;
        if !self.caller_known {
            world.caller = None;
        }
        let of = |grants: &Grants| policy(json!({"etag": "A", "bindings": bindings(grants)}));
        guards(&of(&self.before), &of(&self.after), &world.cx()).iter().map(|guard| guard.name).collect()
    }

    fn check(&self) {
        assert_eq!(self.found(), self.expected(), "{self:#?}");
    }
}

/// A case in each situation: everything read, a level unread, the caller unknown, both.
fn in_every_world(case: &Case) -> [Case; 4] {
    [(true, true), (true, false), (false, true), (false, false)].map(|(caller_known, read)| Case {
        above: read.then(Grants::new),
        caller_known,
        ..case.clone()
    })
}

#[test]
fn the_kinds_of_condition_are_what_they_are_called() {
    let now = World::new().cx().now;
    let state = |when: When| crate::model::condition::Condition::new("t", when.expression()).evaluate(now);
    assert!(matches!(state(When::Now), State::Holds { .. }));
    assert!(matches!(state(When::Ended), State::Ended { .. }));
    assert!(matches!(state(When::NotBegun), State::NotYet { .. }));
    assert_eq!((state(When::Never), state(When::MoreThanTime)), (State::Never, State::Unknown));
}

#[test]
fn what_is_granted_or_revoked_is_guarded_under_every_kind_of_condition() {
    for role in ROLES {
        for who in MEMBERS {
            for when in WHENS {
                let grant = (role, who, when);
                for case in [Case::of(&[], &[grant]), Case::of(&[grant], &[])] {
                    in_every_world(&case).iter().for_each(Case::check);
                }
            }
        }
    }
}

#[test]
fn what_changes_its_condition_is_guarded_from_every_kind_to_every_other() {
    for role in [Role::Admin, Role::OpenId, Role::Unknown] {
        for who in [DEV, ANN, TEAM, GHOST] {
            for (from, to) in WHENS.into_iter().flat_map(|from| WHENS.map(|to| (from, to))) {
                let case = Case::of(&[(role, who, from)], &[(role, who, to)]);
                in_every_world(&case).iter().for_each(Case::check);
            }
        }
    }
}

#[test]
fn who_stays_counts_as_far_as_its_condition_surely_holds_here_and_above() {
    for (lost, left) in [(DEV, ANN), (ANN, DEV), (DEV, TEAM), (TEAM, ANN), (ANN, GHOST), (DEV, DEV)] {
        for role in [Role::Owner, Role::Unknown, Role::OpenId] {
            for when in WHENS {
                let (gone, stays) = ((Role::Admin, lost, When::Always), (role, left, when));
                let here = Case::of(&[gone, stays], &[stays]);
                in_every_world(&here).iter().for_each(Case::check);
                let above = Case { above: Some(Grants::from([stays])), ..Case::of(&[gone], &[]) };
                above.check();
                Case { caller_known: false, ..above }.check();
            }
        }
    }
}

#[test]
fn an_administrator_under_a_condition_counts_while_it_surely_holds() {
    let admin = |who, when| (Role::Admin, who, when);
    let names = |before: &[Grant], after: &[Grant]| {
        let mut names = Case::of(before, after).found();
        names.retain(|name| NAMES.contains(name));
        names
    };
    // Stated again without the evaluator: the sentences of the rule, each with an example.
    for (when, guarded) in [
        (When::Now, false),
        (When::Ended, true),
        (When::NotBegun, true),
        (When::Never, true),
        (When::MoreThanTime, true),
    ] {
        let expected: &[&str] = if guarded { &["last-admin"] } else { &[] };
        let stays = names(&[admin(ANN, When::Always), admin(DEV, when)], &[admin(DEV, when)]);
        assert_eq!(stays, expected, "the administrator left stands under {when:?}");
        let goes_over = names(&[admin(ANN, When::Always)], &[admin(ANN, when)]);
        assert_eq!(goes_over, expected, "the only administrator goes over to {when:?}");
    }
    let both = ["own-access", "last-admin"];
    assert_eq!(names(&[admin(DEV, When::MoreThanTime)], &[]), both, "what may have held is lost");
    for when in [When::Ended, When::NotBegun, When::Never] {
        assert_eq!(names(&[admin(DEV, when)], &[]), Vec::<&str>::new(), "{when:?} gave nothing");
    }
    assert_eq!(names(&[admin(DEV, When::Always)], &[admin(DEV, When::Now)]), Vec::<&str>::new());
}

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    prop::collection::vec((select(ROLES.to_vec()), select(MEMBERS.to_vec()), select(WHENS.to_vec())), 1..6)
}

fn cases() -> impl Strategy<Value = Case> {
    let some = |grants: Vec<Grant>| (Just(grants.clone()), subsequence(grants.clone(), 0..=grants.len()));
    let above = prop::option::weighted(
        0.7,
        prop::collection::btree_set(
            (select(ROLES.to_vec()), select(MEMBERS.to_vec()), select(WHENS.to_vec())),
            0..2,
        ),
    );
    // What stays is drawn from what was there, so that most of it stays.
    (grants().prop_flat_map(some), prop::option::of(grants()), above, any::<bool>(), any::<bool>()).prop_map(
        |((before, stays), new, above, caller_known, production)| Case {
            before: before.into_iter().collect(),
            after: stays.into_iter().chain(new.into_iter().flatten().take(2)).collect(),
            above,
            caller_known,
            production,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn whatever_is_changed_at_once_the_naive_evaluator_says_the_same(case in cases()) {
        prop_assert_eq!(case.found(), case.expected());
    }
}
