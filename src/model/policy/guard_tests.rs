use super::super::testing::{World, policy};
use super::*;
use impersona_emulator::names::{ADMIN, CREATOR, DEV};
use serde_json::{Value, json};

const ANN: &str = "user:ann@example.com";
const TEAM: &str = "group:team@example.com";

fn bind(role: &str, members: &[&str]) -> Value {
    json!({"role": role, "members": members})
}

fn all(before: &[Value], after: &[Value], world: &World) -> Vec<Guard> {
    let of = |bindings: &[Value]| policy(json!({"etag": "A", "bindings": bindings}));
    guards(&of(before), &of(after), &world.cx())
}

fn names(before: &[Value], after: &[Value], world: &World) -> Vec<&'static str> {
    let guards = all(before, after, world);
    guards.iter().filter(|guard| guard.kind == Kind::Guard).map(|guard| guard.name).collect()
}

fn remarks(before: &[Value], after: &[Value]) -> Vec<&'static str> {
    let guards = all(before, after, &World::new());
    guards.iter().filter(|guard| guard.kind == Kind::Remark).map(|guard| guard.name).collect()
}

#[test]
fn a_grant_that_gives_nothing_says_so() {
    let said = |before: &[Value], after: &[Value]| -> Vec<String> {
        let guards = all(before, after, &World::new());
        let nothing = guards.into_iter().filter(|guard| guard.sentence.contains("nothing to anyone"));
        nothing.map(|guard| format!("{}: {}", guard.name, guard.sentence)).collect()
    };
    let gone = "deleted:serviceAccount:till@shop-prod.iam.gserviceaccount.com?uid=104";
    let deleted = said(&[bind(CREATOR, &[ANN])], &[bind(CREATOR, &[ANN, gone])]);
    assert!(deleted.len() == 1 && deleted[0].starts_with("deleted-principal: "), "{deleted:?}");
    assert!(deleted[0].contains(gone), "{deleted:?}");
    assert!(said(&[bind(CREATOR, &[gone])], &[]).is_empty());
    let under = |expression: &str| {
        let condition = json!({"title": "exports", "expression": expression});
        said(&[], &[json!({"role": CREATOR, "members": [ANN], "condition": condition})])
    };
    let bucket = under("resource.name.startsWith('projects/_/buckets/till')");
    assert!(bucket.len() == 1 && bucket[0].contains("“exports” is about another resource"), "{bucket:?}");
    assert!(under("request.time < timestamp('2019-01-01T00:00:00Z')")[0].contains("is over"));
    assert!(under("request.time < timestamp('2099-01-01T00:00:00Z')").is_empty());
}

#[test]
fn no_change_needs_no_guard() {
    let here = [bind(ADMIN, &["allUsers", DEV])];
    let world = World { production: true, ..World::new() };
    assert!(all(&here, &here, &world).is_empty());
}

#[test]
fn taking_ones_own_access_is_guarded_unless_one_surely_keeps_it() {
    let before = [bind(CREATOR, &[DEV, ANN])];
    let guards = all(&before, &[bind(CREATOR, &[ANN])], &World::new());
    assert_eq!(guards[0].name, "own-access");
    assert!(guards[0].sentence.contains("minting of access and ID tokens"), "{}", guards[0].sentence);
    assert_eq!(names(&before, &[bind(CREATOR, &[DEV])], &World::new()), Vec::<&str>::new());
    let inherits = World::new().under("project acme-prod", Some(json!([bind(CREATOR, &[DEV])])));
    assert_eq!(names(&before, &[bind(CREATOR, &[ANN])], &inherits), Vec::<&str>::new());
}

#[test]
fn a_condition_that_does_not_hold_takes_access_and_one_that_holds_does_not() {
    let under = |year: u16| {
        let expression = format!("request.time < timestamp(\"{year}-01-01T00:00:00Z\")");
        json!({"role": CREATOR, "members": [DEV], "condition": {"title": "t", "expression": expression}})
    };
    let before = [bind(CREATOR, &[DEV])];
    assert_eq!(names(&before, &[under(2020)], &World::new()), ["own-access"]);
    assert_eq!(names(&before, &[under(2030)], &World::new()), Vec::<&str>::new());
    assert_eq!(names(&[under(2020)], &[], &World::new()), Vec::<&str>::new());
}

#[test]
fn a_caller_who_is_not_known_cannot_be_told_whether_it_is_theirs() {
    let unknown = World { caller: None, ..World::new() };
    let guards = all(&[bind(CREATOR, &[ANN])], &[], &unknown);
    assert_eq!(guards[0].name, "own-access");
    assert!(guards[0].sentence.contains("it's unknown whether"));
    assert_eq!(names(&[], &[bind(CREATOR, &[ANN])], &unknown), Vec::<&str>::new());
}

#[test]
fn the_last_administrator_is_guarded_when_every_level_is_read() {
    assert_eq!(names(&[bind(ADMIN, &[ANN])], &[], &World::new()), ["last-admin"]);
    assert_eq!(names(&[bind(ADMIN, &[DEV])], &[], &World::new()), ["own-access", "last-admin"]);
    assert_eq!(names(&[bind(ADMIN, &[ANN, DEV])], &[bind(ADMIN, &[DEV])], &World::new()), Vec::<&str>::new());
    let owned = World::new().under("project acme-prod", Some(json!([bind("roles/owner", &[DEV])])));
    assert_eq!(names(&[bind(ADMIN, &[ANN])], &[], &owned), Vec::<&str>::new());
}

#[test]
fn a_deleted_administrator_counts_neither_before_nor_after() {
    let ghost = "deleted:user:ghost@example.com?uid=1";
    assert_eq!(names(&[bind(ADMIN, &[ghost])], &[], &World::new()), Vec::<&str>::new());
    assert_eq!(names(&[bind(ADMIN, &[ghost, ANN])], &[bind(ADMIN, &[ghost])], &World::new()), ["last-admin"]);
}

#[test]
fn where_a_level_is_unread_or_a_group_hides_the_answer_it_may_lock_out() {
    let unread = World::new().under("folder 4711", None);
    let guards = all(&[bind(ADMIN, &[ANN])], &[], &unread);
    assert_eq!(guards[0].name, "lock-out");
    assert!(guards[0].sentence.contains("folder 4711"), "{}", guards[0].sentence);

    let by_group = names(&[bind(ADMIN, &[DEV, TEAM])], &[bind(ADMIN, &[TEAM])], &World::new());
    assert_eq!(by_group, ["own-access", "lock-out"]);
    let guards = all(&[bind(ADMIN, &[ANN, TEAM])], &[bind(ADMIN, &[ANN])], &World::new());
    assert_eq!(guards[0].name, "lock-out");
    assert!(guards[0].sentence.contains(TEAM), "{}", guards[0].sentence);
    let stays = names(&[bind(ADMIN, &[DEV, TEAM])], &[bind(ADMIN, &[DEV])], &World::new());
    assert_eq!(stays, Vec::<&str>::new());
}

#[test]
fn a_role_that_nobody_knows_may_have_been_the_administrators() {
    let guards = all(&[bind("projects/p/roles/x", &[ANN])], &[], &World::new());
    assert_eq!(guards[0].name, "lock-out");
    assert!(guards[0].sentence.contains("the permissions of a role"), "{}", guards[0].sentence);
    let own = all(
        &[bind("projects/p/roles/x", &[DEV]), bind(ADMIN, &[DEV])],
        &[bind(ADMIN, &[DEV])],
        &World::new(),
    );
    assert!(own[0].name == "own-access" && own[0].sentence.contains("projects/p/roles/x"), "{own:?}");
}

#[test]
fn public_grants_ask_for_the_name_to_be_typed() {
    for (member, name) in [("allUsers", "all-users"), ("allAuthenticatedUsers", "all-authenticated-users")] {
        let guards = all(&[], &[bind(CREATOR, &[member])], &World::new());
        assert_eq!(guards[0].name, name);
        assert_eq!(guards[0].type_to_confirm.as_deref(), Some("deployer@acme-prod"));
        assert_eq!(names(&[bind(CREATOR, &[member])], &[], &World::new()), Vec::<&str>::new());
    }
}

#[test]
fn domains_basic_roles_and_production_are_guarded() {
    assert_eq!(names(&[], &[bind(CREATOR, &["domain:example.com"])], &World::new()), ["whole-domain"]);
    let owner = all(&[], &[bind("roles/owner", &[ANN])], &World::new());
    assert_eq!(owner[0].name, "basic-role");
    assert!(owner[0].sentence.contains("can grant themselves access"), "{}", owner[0].sentence);
    let production = World { production: true, ..World::new() };
    let guards = all(&[], &[bind(CREATOR, &[ANN])], &production);
    assert_eq!(guards[0].name, "production");
    assert_eq!(guards[0].type_to_confirm.as_deref(), Some("deployer@acme-prod"));
}

#[test]
fn remarks_are_said_and_stop_nothing() {
    assert_eq!(remarks(&[], &[bind(CREATOR, &[ANN])]), ["terraform"]);
    assert_eq!(remarks(&[], &[bind(CREATOR, &[TEAM])]), ["group-members", "terraform"]);
    assert_eq!(remarks(&[bind(CREATOR, &[ANN])], &[]), ["minted-tokens", "terraform"]);
    assert_eq!(remarks(&[bind("roles/viewer", &[ANN])], &[]), ["terraform"]);
    let mut first = bind(CREATOR, &[ANN]);
    first["condition"] = json!({"title": "t", "expression": "e"});
    assert_eq!(remarks(&[], &[first.clone()]), ["first-condition", "terraform"]);
    assert_eq!(remarks(&[first.clone()], &[first, bind(CREATOR, &[ANN])]), ["terraform"]);
}
