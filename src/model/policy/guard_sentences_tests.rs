//! What each guard and remark says, word by word, and which of them ask for the name to be typed: one table.

use super::super::testing::{World, policy};
use super::*;
use serde_json::{Value, json};

const ADMIN: &str = "roles/iam.serviceAccountAdmin";
const OWNER: &str = "roles/owner";
const OPEN_ID: &str = "roles/iam.serviceAccountOpenIdTokenCreator";
const USER: &str = "roles/iam.serviceAccountUser";
const UNKNOWN: &str = "projects/elsewhere/roles/x";
const DEV: &str = "user:dev@example.com";
const ANN: &str = "user:ann@example.com";
const TEAM: &str = "group:team@example.com";
const OPS: &str = "group:ops@example.com";
const POOL: &str = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*";

type Bound<'a> = &'a [(&'a str, &'a str)];

fn of(bound: Bound<'_>) -> Policy {
    let bindings: Vec<Value> =
        bound.iter().map(|(role, member)| json!({"role": role, "members": [member]})).collect();
    policy(json!({"etag": "A", "bindings": bindings}))
}

/// A guard or remark: its sentence, and what has to be typed.
fn said(name: &str, before: Bound<'_>, after: Bound<'_>, world: &World) -> Option<(String, Option<String>)> {
    let guards = guards(&of(before), &of(after), &world.cx());
    let mut found = guards.into_iter().filter(|guard| guard.name == name);
    let first = found.next()?;
    assert_eq!(found.next(), None, "{name} is said once");
    assert_eq!(first.kind == Kind::Guard, NAMES.contains(&name), "{name}");
    Some((first.sentence, first.type_to_confirm))
}

fn unread() -> World {
    World::new().under("folder 4711", None)
}

fn stranger() -> World {
    World { caller: None, ..World::new() }
}

fn production() -> World {
    World { production: true, ..World::new() }
}

#[test]
fn each_guard_has_its_sentence_and_those_that_let_everybody_in_or_the_last_one_out_are_typed() {
    let typed = Some("deployer@acme-prod");
    type Row<'a> = (&'a str, Bound<'a>, Bound<'a>, World, Option<&'a str>, &'a str);
    let rows: Vec<Row<'_>> = vec![
        (
            "own-access",
            &[(OPEN_ID, DEV)],
            &[],
            World::new(),
            typed,
            "You (user:dev@example.com) will lose: minting of ID tokens.",
        ),
        (
            "own-access",
            &[(OPEN_ID, DEV), (ADMIN, DEV), (UNKNOWN, DEV)],
            &[(USER, DEV), ("roles/viewer", DEV)],
            World::new(),
            typed,
            "You (user:dev@example.com) will lose: minting of ID tokens and changing of its policy and the \
             permissions of projects/elsewhere/roles/x.",
        ),
        (
            "own-access",
            &[(OPEN_ID, ANN)],
            &[],
            stranger(),
            None,
            "Your identity is unknown, so it's unknown whether this removes your own access.",
        ),
        (
            "last-admin",
            &[(ADMIN, ANN)],
            &[],
            World::new(),
            typed,
            "This removes the last administrator: no one could change the policy of this account afterwards.",
        ),
        (
            "lock-out",
            &[(ADMIN, ANN)],
            &[],
            unread().under("organization 123", None),
            None,
            "No visible administrator would be left (not visible: folder 4711 and organization 123). This might \
             lock you out.",
        ),
        (
            "lock-out",
            &[(UNKNOWN, ANN)],
            &[],
            World::new(),
            None,
            "No visible administrator would be left (not visible: the permissions of a role). This might lock \
             you out.",
        ),
        (
            "lock-out",
            &[(ADMIN, TEAM), (ADMIN, ANN), (ADMIN, OPS)],
            &[(ADMIN, ANN), (ADMIN, OPS)],
            unread(),
            None,
            "This might lock you out of changing this policy (not visible: the members of group:ops@example.com, \
             the members of group:team@example.com, and the policy of folder 4711).",
        ),
        // Each group once, whatever it had and has.
        (
            "lock-out",
            &[(ADMIN, TEAM), (OWNER, TEAM), (ADMIN, ANN)],
            &[(OWNER, TEAM), (ADMIN, ANN)],
            World::new(),
            None,
            "This might lock you out of changing this policy (not visible: the members of group:team@example.com).",
        ),
        // The caller is one of several who lose it.
        (
            "lock-out",
            &[(ADMIN, DEV), (ADMIN, ANN), (ADMIN, TEAM)],
            &[(ADMIN, TEAM)],
            World::new(),
            None,
            "This might lock you out of changing this policy (not visible: the members of group:team@example.com).",
        ),
        (
            "all-users",
            &[],
            &[(USER, "allUsers"), (OPEN_ID, "allUsers")],
            World::new(),
            typed,
            "This grants anyone on the internet, without any login, \
             roles/iam.serviceAccountOpenIdTokenCreator and roles/iam.serviceAccountUser on this account.",
        ),
        (
            "all-authenticated-users",
            &[],
            &[(USER, "allAuthenticatedUsers")],
            World::new(),
            typed,
            "This grants anyone with a Google account, in any organization, roles/iam.serviceAccountUser on \
             this account.",
        ),
        (
            "whole-domain",
            &[],
            &[(USER, "domain:example.org"), (USER, "domain:example.com"), (OPEN_ID, "domain:example.com")],
            World::new(),
            None,
            "This grants a role to everyone in a whole domain: domain:example.com and domain:example.org.",
        ),
        (
            "basic-role",
            &[],
            &[("roles/owner", ANN), ("roles/viewer", ANN), ("roles/editor", ANN)],
            World::new(),
            None,
            "A basic role grants far more than access to one account needs: roles/editor (can't mint, but its \
             members can create keys), roles/owner (can't mint, but its members can grant themselves access), and \
             roles/viewer.",
        ),
        (
            "production",
            &[],
            &[(USER, ANN)],
            production(),
            typed,
            "The configuration marks this project as production.",
        ),
        // Only the guard on the caller's own access depends on who the caller is.
        (
            "last-admin",
            &[(ADMIN, ANN)],
            &[],
            stranger(),
            typed,
            "This removes the last administrator: no one could change the policy of this account afterwards.",
        ),
        (
            "all-users",
            &[],
            &[(USER, "allUsers")],
            stranger(),
            typed,
            "This grants anyone on the internet, without any login, roles/iam.serviceAccountUser on this \
             account.",
        ),
        (
            "all-authenticated-users",
            &[],
            &[(USER, "allAuthenticatedUsers")],
            stranger(),
            typed,
            "This grants anyone with a Google account, in any organization, roles/iam.serviceAccountUser on \
             this account.",
        ),
        (
            "production",
            &[],
            &[(USER, ANN)],
            World { caller: None, ..production() },
            typed,
            "The configuration marks this project as production.",
        ),
        (
            "group-members",
            &[],
            &[(USER, TEAM), (USER, POOL)],
            World::new(),
            None,
            "Members of group:team@example.com and \
             principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/* are not \
             visible.",
        ),
        (
            "minted-tokens",
            &[(OPEN_ID, ANN)],
            &[],
            World::new(),
            None,
            "Revoking doesn't end tokens that are already minted: they last up to 1h, access tokens up to 12h where \
             the organization allows it, signed JWTs until their exp.",
        ),
        (
            "terraform",
            &[],
            &[(USER, ANN)],
            World::new(),
            None,
            "If Terraform manages who has access to this account, its next apply might revert this.",
        ),
    ];
    for (name, before, after, world, typed, sentence) in rows {
        let (told, asks) = said(name, before, after, &world).unwrap_or_else(|| panic!("{name} is not said"));
        assert_eq!((told.as_str(), asks.as_deref()), (sentence, typed), "{name}");
    }
}

#[test]
fn the_first_condition_is_remarked_on_with_gclouds_flag() {
    let conditional = policy(json!({"etag": "A", "bindings": [
        {"role": USER, "members": [ANN], "condition": {"title": "t", "expression": "true"}}]}));
    let guards = guards(&of(&[]), &conditional, &World::new().cx());
    assert_eq!(
        (guards[0].name, guards[0].kind, guards[0].sentence.as_str(), &guards[0].type_to_confirm),
        (
            "first-condition",
            Kind::Remark,
            "This is the first condition here: from now on gcloud's add-iam-policy-binding asks for a \
             condition, and fails in scripts without --condition.",
            &None
        )
    );
}

#[test]
fn accept_takes_the_name_of_every_guard_and_of_no_remark() {
    // Two lists, because the last administrator and the lock-out exclude one another.
    let everything: Bound<'_> = &[
        ("roles/owner", ANN),
        (USER, "allUsers"),
        (USER, "allAuthenticatedUsers"),
        (USER, "domain:example.com"),
        (USER, TEAM),
    ];
    let before: Bound<'_> = &[(ADMIN, DEV), (OPEN_ID, DEV)];
    let world = World { production: true, ..unread() };
    let after: Vec<(&str, &str)> = everything.iter().copied().filter(|(role, _)| *role == USER).collect();
    let names = |after: Bound<'_>, world: &World| -> Vec<&'static str> {
        let guards = guards(&of(before), &of(after), &world.cx());
        guards.iter().filter(|guard| guard.kind == Kind::Guard).map(|guard| guard.name).collect()
    };
    let mut said = names(&after, &world);
    said.extend(names(&after, &production()));
    said.extend(names(everything, &production()));
    said.sort_unstable();
    said.dedup();
    let mut known = NAMES.to_vec();
    known.sort_unstable();
    assert_eq!(said, known);
}

#[test]
fn each_basic_role_is_guarded_and_its_neighbours_are_not() {
    for role in [
        "roles/owner",
        "roles/editor",
        "roles/viewer",
        "roles/admin",
        "roles/writer",
        "roles/reader",
        "roles/iam.admin",
        "roles/iam.editor",
        "roles/iam.viewer",
    ] {
        let (sentence, typed) = said("basic-role", &[], &[(role, ANN)], &World::new()).expect(role);
        assert!(sentence.contains(&format!(": {role}")) && typed.is_none(), "{sentence}");
        // Only additions count.
        assert_eq!(said("basic-role", &[(role, ANN)], &[], &World::new()), None, "{role}");
        assert_eq!(said("basic-role", &[(role, ANN)], &[(role, ANN), (USER, ANN)], &World::new()), None);
    }
    for role in
        ["roles/browser", "roles/Owner", "owner", "roles/iam.owner", "roles/owner2", "roles/run.viewer"]
    {
        assert_eq!(said("basic-role", &[], &[(role, ANN)], &World::new()), None, "{role}");
    }
}

#[test]
fn each_member_that_is_many_is_remarked_on_and_no_other() {
    for (member, hidden) in [
        (TEAM, true),
        (POOL, true),
        ("principalHierarchy://iam.googleapis.com/x", true),
        (ANN, false),
        ("serviceAccount:ci@acme-ci.iam.gserviceaccount.com", false),
        ("serviceAccount:acme-prod.svc.id.goog[shop/mail]", false),
        (
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s",
            false,
        ),
        ("domain:example.com", false),
        ("deleted:group:team@example.com?uid=1", false),
        ("allUsers", false),
    ] {
        assert_eq!(
            said("group-members", &[], &[(USER, member)], &World::new()).is_some(),
            hidden,
            "{member}"
        );
        assert_eq!(said("group-members", &[(USER, member)], &[], &World::new()), None, "{member}");
    }
}

#[test]
fn minted_tokens_are_remarked_on_for_each_role_that_mints_or_that_nobody_knows() {
    let table: [(&str, bool); 11] = [
        ("iam.serviceAccounts.getAccessToken", true),
        ("iam.serviceAccounts.getOpenIdToken", true),
        ("iam.serviceAccounts.signJwt", true),
        ("iam.serviceAccounts.signBlob", true),
        ("iam.serviceAccounts.implicitDelegation", true),
        ("iam.serviceAccounts.actAs", false),
        ("iam.serviceAccountKeys.create", false),
        ("iam.serviceAccounts.getIamPolicy", false),
        ("iam.serviceAccounts.setIamPolicy", false),
        ("resourcemanager.projects.get", false),
        ("", true),
    ];
    for (permission, remarked) in table {
        let world = World::new();
        let custom = |_: &str| (!permission.is_empty()).then(|| vec![permission.to_owned()]);
        let cx = Context { custom: &custom, ..world.cx() };
        let names = |before: Bound<'_>, after: Bound<'_>| -> Vec<&str> {
            guards(&of(before), &of(after), &cx).iter().map(|guard| guard.name).collect()
        };
        let revoked = names(&[(UNKNOWN, ANN)], &[]);
        assert_eq!(revoked.contains(&"minted-tokens"), remarked, "{permission:?}: {revoked:?}");
        assert!(!names(&[], &[(UNKNOWN, ANN)]).contains(&"minted-tokens"), "{permission:?}");
    }
}
