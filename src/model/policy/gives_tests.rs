use super::super::testing::{World, policy};
use super::*;
use serde_json::json;

const CREATOR: &str = "roles/iam.serviceAccountTokenCreator";
const OPEN_ID: &str = "roles/iam.serviceAccountOpenIdTokenCreator";

fn words(role: &str) -> String {
    Gives::of(role, World::new().cx().custom).unwrap().words()
}

fn note(role: &str) -> Option<&'static str> {
    Gives::of(role, World::new().cx().custom).unwrap().note()
}

fn change(op: Op, role: &str, member: &str) -> Change {
    Change { op, role: role.to_owned(), member: Member::read(member), condition: None, was: None }
}

fn say(change: &Change, after: serde_json::Value, world: &World) -> String {
    sentence(change, &policy(json!({"bindings": after})), &world.cx())
}

#[test]
fn a_role_gives_what_its_permissions_say_in_short_words() {
    assert_eq!(words(CREATOR), "access id jwt blob delegate");
    assert_eq!(words(OPEN_ID), "id");
    assert_eq!(words("roles/iam.serviceAccountUser"), "actAs");
    assert_eq!(words("roles/iam.serviceAccountAdmin"), "see edit");
    assert_eq!(words("roles/owner"), "actAs keys see edit");
    assert_eq!(words("projects/acme-prod/roles/signer"), "jwt");
    assert_eq!(words("roles/browser"), "");
    assert_eq!(Gives::of("projects/acme-prod/roles/other", World::new().cx().custom), None);
}

#[test]
fn owner_and_editor_mint_nothing_but_have_a_way_to_it() {
    assert_eq!(note("roles/owner"), Some("gives no mint permission, but can grant itself"));
    assert_eq!(note("roles/editor"), Some("gives no mint permission, but can make keys"));
    assert_eq!(note(CREATOR), None);
    assert_eq!(note("roles/viewer"), None);
}

#[test]
fn a_grant_says_what_it_lets_whom_do() {
    let world = World::new();
    let add = |role, member| say(&change(Op::Add, role, member), json!([]), &world);
    assert_eq!(
        add(CREATOR, "group:oncall@example.com"),
        "lets this group mint access and ID tokens, sign JWTs and blobs, and delegate as deployer"
    );
    assert_eq!(add(OPEN_ID, "allUsers"), "lets anybody on the internet mint ID tokens as deployer");
    assert_eq!(
        add("roles/owner", "domain:Example.com"),
        "lets everybody in example.com attach it to resources, make keys for it, and see and change its policy"
    );
    assert_eq!(
        add("roles/browser", "user:a@b.c"),
        "gives no permission to mint as, use or administer this account"
    );
    assert_eq!(add("roles/martian", "user:a@b.c"), "what roles/martian gives is not known here");
    let condition = Some(Condition::expires("2026-05-01T13:00:00Z".parse().unwrap(), "expires in 1 h"));
    let add = Change { condition, ..change(Op::Add, OPEN_ID, "user:a@b.c") };
    assert_eq!(
        say(&add, json!([]), &world),
        "lets this user mint ID tokens as deployer (“expires in 1 h”: holds now, until 13:00Z)"
    );
    let other = Change { op: Op::Change, ..add };
    assert_eq!(
        say(&other, json!([]), &world),
        "changes when this user may mint ID tokens as deployer: before, always; then, “expires in 1 h”: holds now, until 13:00Z"
    );
}

#[test]
fn a_revocation_says_what_ends_and_where_they_keep_it() {
    let inherited = json!([{"role": OPEN_ID, "members": ["user:Old@example.com"]}]);
    let world = World::new().under("project acme-prod", Some(inherited));
    let remove = change(Op::Remove, OPEN_ID, "user:old@example.com");
    assert_eq!(
        say(&remove, json!([]), &world),
        format!("ends their minting of ID tokens here; they keep it through project acme-prod ({OPEN_ID})")
    );
    let most = change(Op::Remove, CREATOR, "user:old@example.com");
    assert_eq!(
        say(&most, json!([]), &world),
        format!(
            "ends their minting of access and ID tokens, signing of JWTs and blobs, and delegating here; \
             they keep minting of ID tokens through project acme-prod ({OPEN_ID})"
        )
    );
    let here = json!([{"role": CREATOR, "members": ["user:old@example.com"]}]);
    assert_eq!(
        say(&remove, here, &World::new()),
        format!("ends their minting of ID tokens here; they keep it here ({CREATOR})")
    );
}

#[test]
fn what_a_level_that_was_not_read_gives_is_said_to_be_unseen() {
    let remove = change(Op::Remove, OPEN_ID, "user:old@example.com");
    assert_eq!(
        say(&remove, json!([]), &World::new().under("folder 4711", None)),
        "ends their minting of ID tokens here; what they have through folder 4711 cannot be seen"
    );
    let ended = json!([{"role": OPEN_ID, "members": ["user:old@example.com"],
        "condition": {"title": "t", "expression": r#"request.time < timestamp("2020-01-01T00:00:00Z")"#}}]);
    assert_eq!(say(&remove, ended, &World::new()), "ends their minting of ID tokens here");
}
