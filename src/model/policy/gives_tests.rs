use super::super::testing::{World, policy};
use super::*;
use impersona_emulator::names::{CREATOR, OPEN_ID};
use serde_json::json;

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
    assert_eq!(note("roles/owner"), Some("can't mint, but its members can grant themselves access"));
    assert_eq!(note("roles/editor"), Some("can't mint, but its members can create keys"));
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
    assert_eq!(add(OPEN_ID, "allUsers"), "lets anyone on the internet mint ID tokens as deployer");
    assert_eq!(
        add("roles/owner", "domain:Example.com"),
        "lets everyone in example.com attach it to resources, create keys for it, and see and change its policy"
    );
    assert_eq!(
        add("roles/browser", "user:a@b.c"),
        "grants no permission to mint for, use or administer this account"
    );
    assert_eq!(add("roles/martian", "user:a@b.c"), "the permissions of roles/martian are unknown");
    let condition = Some(Condition::expires("2026-05-01T13:00:00Z".parse().unwrap(), "expires in 1 h"));
    let add = Change { condition, ..change(Op::Add, OPEN_ID, "user:a@b.c") };
    assert_eq!(
        say(&add, json!([]), &world),
        "lets this user mint ID tokens as deployer (“expires in 1 h”: met, until 13:00Z)"
    );
    let other = Change { op: Op::Change, ..add };
    assert_eq!(
        say(&other, json!([]), &world),
        "changes when this user can mint ID tokens as deployer: before, always; then, “expires in 1 h”: met, until 13:00Z"
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
        "ends their minting of ID tokens here; what they have through folder 4711 is unknown"
    );
    let ended = json!([{"role": OPEN_ID, "members": ["user:old@example.com"],
        "condition": {"title": "t", "expression": r#"request.time < timestamp("2020-01-01T00:00:00Z")"#}}]);
    assert_eq!(say(&remove, ended, &World::new()), "ends their minting of ID tokens here");
}

// Each word by itself.

/// Permission, word, what a grant allows, what a revocation takes.
const EACH: [(&str, &str, &str, &str); 9] = [
    (
        "iam.serviceAccounts.getAccessToken",
        "access",
        "mint access tokens as deployer",
        "minting of access tokens",
    ),
    ("iam.serviceAccounts.getOpenIdToken", "id", "mint ID tokens as deployer", "minting of ID tokens"),
    ("iam.serviceAccounts.signJwt", "jwt", "sign JWTs as deployer", "signing of JWTs"),
    ("iam.serviceAccounts.signBlob", "blob", "sign blobs as deployer", "signing of blobs"),
    ("iam.serviceAccounts.implicitDelegation", "delegate", "delegate as deployer", "delegating"),
    ("iam.serviceAccounts.actAs", "actAs", "attach it to resources", "attaching it to resources"),
    ("iam.serviceAccountKeys.create", "keys", "create keys for it", "key creation"),
    ("iam.serviceAccounts.getIamPolicy", "see", "see its policy", "reading of its policy"),
    ("iam.serviceAccounts.setIamPolicy", "edit", "change its policy", "changing of its policy"),
];

const CUSTOM: &str = "projects/acme-prod/roles/x";

fn giving(permissions: &[&str]) -> Gives {
    let names: Vec<String> = permissions.iter().map(|name| (*name).to_owned()).collect();
    Gives::of(CUSTOM, &|role| (role == CUSTOM).then(|| names.clone())).unwrap()
}

#[test]
fn each_permission_that_matters_has_its_word_and_its_sentences() {
    for (i, (permission, word, verb, noun)) in EACH.into_iter().enumerate() {
        let gives = giving(&["iam.roles.get", permission]);
        assert_eq!(gives.words(), word);
        assert_eq!((gives.mints(), gives.is_nothing()), (i < 5, false), "{permission}");
        assert_eq!((gives.verbs("deployer").as_str(), gives.nouns().as_str()), (verb, noun));
        let note = match word {
            "edit" => Some("can't mint, but its members can grant themselves access"),
            "keys" => Some("can't mint, but its members can create keys"),
            _ => None,
        };
        assert_eq!(gives.note(), note, "{permission}");
        // A role that can mint needs no note.
        assert_eq!(giving(&["iam.serviceAccounts.signBlob", permission]).note(), None, "{permission}");

        let names = |level| {
            let world = World::new().under("project acme-prod", level);
            let lookup = |_: &str| Some(vec![permission.to_owned()]);
            let cx = Context { custom: &lookup, ..world.cx() };
            let nothing = policy(json!({}));
            sentence(&change(Op::Remove, CUSTOM, "user:old@example.com"), &nothing, &cx)
        };
        assert_eq!(names(Some(json!([]))), format!("ends their {noun} here"));
        let kept = json!([{"role": CUSTOM, "members": ["user:old@example.com"]}]);
        assert_eq!(
            names(Some(kept)),
            format!("ends their {noun} here; they keep it through project acme-prod ({CUSTOM})")
        );
    }
    let all: Vec<&str> = EACH.map(|(permission, ..)| permission).to_vec();
    assert_eq!(giving(&all).words(), EACH.map(|(_, word, ..)| word).join(" "));
    assert_eq!(
        giving(&all).verbs("deployer"),
        "mint access and ID tokens, sign JWTs and blobs, and delegate as deployer; also attach it to resources, \
         create keys for it, and see and change its policy"
    );
    assert!(giving(&[]).is_nothing() && giving(&["iam.serviceAccounts.get"]).is_nothing());
}

#[test]
fn has_is_asked_of_each_permission_by_itself() {
    for has in crate::model::permission::MATRIX {
        let gives = giving(&[has.name]);
        for asked in crate::model::permission::MATRIX {
            let known = EACH.iter().any(|(name, ..)| *name == asked.name);
            assert_eq!(gives.has(asked), known && asked.name == has.name, "{} of {}", asked.name, has.name);
        }
    }
}

#[test]
fn what_two_give_is_either_and_what_one_gives_more_is_the_rest() {
    let all: Vec<&str> = EACH.map(|(permission, ..)| permission).to_vec();
    for (i, (permission, ..)) in EACH.into_iter().enumerate() {
        let rest = [&all[..i], &all[i + 1..]].concat();
        assert_eq!(giving(&rest).union(giving(&[permission])), giving(&all));
        assert_eq!(giving(&all).without(giving(&rest)), giving(&[permission]));
        assert!(giving(&[permission]).without(giving(&all)).is_nothing());
        assert_eq!(giving(&all).intersection(giving(&[permission])), giving(&[permission]));
        assert!(giving(&rest).intersection(giving(&[permission])).is_nothing());
    }
}

#[test]
fn each_kind_of_member_is_called_what_it_is() {
    for (member, who) in [
        ("user:a@example.com", "this user"),
        ("group:a@example.com", "this group"),
        ("serviceAccount:a@acme-ci.iam.gserviceaccount.com", "this service account"),
        ("serviceAccount:acme-prod.svc.id.goog[shop/mail]", "this Kubernetes account"),
        ("domain:Example.com", "everyone in example.com"),
        ("principal://iam.googleapis.com/x", "this federated identity"),
        ("principalSet://iam.googleapis.com/x", "all of these identities"),
        ("projectOwner:acme-prod", "everyone with this role on the project"),
        ("allUsers", "anyone on the internet"),
        ("allAuthenticatedUsers", "anyone with a Google account"),
        ("martian:x", "this member"),
    ] {
        let said = say(&change(Op::Add, OPEN_ID, member), json!([]), &World::new());
        assert_eq!(said, format!("lets {who} mint ID tokens as deployer"));
    }
    let deleted =
        say(&change(Op::Add, OPEN_ID, "deleted:user:a@example.com?uid=1"), json!([]), &World::new());
    assert_eq!(deleted, "gives nothing to anyone: this principal was deleted");
}

#[test]
fn lists_are_read_out_as_people_do() {
    let of = |count: usize| list(&["a", "b", "c", "d"].map(str::to_owned)[..count]);
    assert_eq!([of(0), of(1), of(2), of(3), of(4)], ["", "a", "a and b", "a, b, and c", "a, b, c, and d"]);
}

#[test]
fn a_change_of_any_kind_by_a_role_that_is_not_known_or_gives_nothing_says_so() {
    let world = World::new();
    let said = |op, role| say(&change(op, role, "user:a@b.c"), json!([]), &world);
    assert_eq!(said(Op::Add, CUSTOM), format!("the permissions of {CUSTOM} are unknown"));
    assert_eq!(said(Op::Remove, CUSTOM), format!("the permissions of {CUSTOM} are unknown"));
    assert_eq!(said(Op::Change, CUSTOM), "changes when this user holds it: before, always; then, always");
    let nothing = "no permission to mint for, use or administer this account";
    assert_eq!(said(Op::Add, "roles/browser"), format!("grants {nothing}"));
    assert_eq!(said(Op::Remove, "roles/browser"), format!("granted {nothing}"));
    assert_eq!(said(Op::Change, "roles/browser"), format!("grants {nothing}"));
}

#[test]
fn only_what_the_same_member_surely_holds_is_kept() {
    let remove = change(Op::Remove, OPEN_ID, "user:old@example.com");
    let ends = "ends their minting of ID tokens here";
    let bound = |member: &str, expression: &str| {
        let mut binding = json!({"role": CREATOR, "members": [member]});
        if !expression.is_empty() {
            binding["condition"] = json!({"title": "t", "expression": expression});
        }
        json!([binding])
    };
    for (member, expression, kept) in [
        ("user:old@example.com", "", true),
        ("user:OLD@example.com", r#"request.time < timestamp("2030-01-01T00:00:00Z")"#, true),
        ("user:old@example.com", r#"request.time < timestamp("2020-01-01T00:00:00Z")"#, false),
        ("user:old@example.com", r#"request.time > timestamp("2030-01-01T00:00:00Z")"#, false),
        ("user:old@example.com", r#"resource.name == "x""#, false),
        ("user:new@example.com", "", false),
        ("allUsers", "", false),
    ] {
        let here = say(&remove, bound(member, expression), &World::new());
        let world = World::new().under("folder 1", Some(bound(member, expression)));
        let above = say(&remove, json!([]), &world);
        let keeps = |place: &str| {
            if kept { format!("{ends}; they keep it {place} ({CREATOR})") } else { ends.to_owned() }
        };
        assert_eq!((here, above), (keeps("here"), keeps("through folder 1")), "{member} {expression}");
    }
    // What is kept in one place isn't repeated for the next, and nothing is hidden if all of it is kept.
    let twice =
        World::new().under("folder 1", Some(bound("user:old@example.com", ""))).under("folder 2", None);
    let told = say(&remove, bound("user:old@example.com", ""), &twice);
    assert_eq!(told, format!("{ends}; they keep it here ({CREATOR})"));
}
