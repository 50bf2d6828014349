//! Who may do what: each level of a hierarchy, each kind of member and each condition of the answer by itself.

use serde_json::{Value, json};

use super::boundary::{Boundary, TokenHolder};
use super::deny::DenyPolicy;
use super::federated::Federated;
use super::state::{Resource, State};
use super::tokens::Principal;
use super::verdict::Verdict::{self, Hidden, No, Yes};
use super::world::World;

const NOW: i64 = 1_700_000_000;
const MINT: &str = "iam.serviceAccounts.getAccessToken";
const MINTER: &str = "roles/iam.serviceAccountTokenCreator";

/// An account in a project in a folder in an organization, and one of each beside them, with this policy in one place.
fn state(place: &str, policy: &Value) -> State {
    let at = |name: &str| if name == place { policy.clone() } else { json!({}) };
    let account = |email: &str, name: &str| json!({"email": email, "policy": at(name)});
    let world = json!({
        "organizations": [{"number": 1, "domain": "example.com", "policy": at("organizations/1")},
                          {"number": 9, "domain": "example.org", "policy": at("organizations/9")}],
        "folders": [{"number": 5, "name": "f", "parent": "organizations/1", "policy": at("folders/5")},
                    {"number": 6, "name": "g", "parent": "organizations/1", "policy": at("folders/6")}],
        "groups": [{"email": "outer@example.com", "members": ["group:inner@example.com", "user:bob@example.com"]},
                   {"email": "inner@example.com", "members": ["user:ann@example.com"]},
                   {"email": "empty@example.com", "members": []}],
        "projects": [{"id": "p", "number": 2, "parent": "folders/5", "policy": at("projects/2"),
                      "roles": [{"id": "minter", "permissions": [MINT]}],
                      "accounts": [account("a", "a"), account("c", "c")]},
                     {"id": "q", "number": 3, "parent": "organizations/9", "policy": at("projects/3"),
                      "accounts": [account("b", "b")]}],
    });
    State::new(World::parse(&world.to_string()).unwrap(), 0)
}

fn bare() -> State {
    state("", &json!({}))
}

fn ann() -> Principal {
    Principal::User("ann@example.com".into())
}

fn account(name: &str, project: &str) -> Principal {
    Principal::Account(format!("{name}@{project}.iam.gserviceaccount.com"))
}

fn of_a(state: &State) -> Resource {
    Resource::Account(state.account("a@p.iam.gserviceaccount.com").unwrap())
}

fn granted(role: &str, member: &str, condition: Option<&str>) -> Value {
    let mut binding = json!({"role": role, "members": [member]});
    if let Some(expression) = condition {
        binding["condition"] = json!({"title": "t", "expression": expression});
    }
    json!({"bindings": [binding]})
}

#[test]
fn grants_work_from_each_level_above_and_from_nowhere_else() {
    for (place, may) in [
        ("a", true),
        ("projects/2", true),
        ("folders/5", true),
        ("organizations/1", true),
        ("b", false),
        ("c", false),
        ("projects/3", false),
        ("folders/6", false),
        ("organizations/9", false),
    ] {
        let state = state(place, &granted(MINTER, "user:ann@example.com", None));
        assert_eq!(state.allows(&ann(), MINT, of_a(&state), NOW), may, "granted on {place}");
        // Nor does a grant below give anything above.
        let project = state.node("projects/2").unwrap();
        assert_eq!(state.allows(&ann(), MINT, project, NOW), may && place != "a", "granted on {place}");
    }
}

#[test]
fn role_member_condition_and_permission_must_each_be_right() {
    let now_on = "request.time > timestamp('2020-01-01T00:00:00Z')";
    for (role, member, condition, permission, may) in [
        (MINTER, "user:ann@example.com", Some(now_on), MINT, true),
        ("projects/p/roles/minter", "user:ann@example.com", Some(now_on), MINT, true),
        ("projects/p/roles/minter", "user:ann@example.com", None, "iam.serviceAccounts.signJwt", false),
        ("roles/viewer", "user:ann@example.com", Some(now_on), MINT, false),
        (MINTER, "user:bob@example.com", Some(now_on), MINT, false),
        (
            MINTER,
            "user:ann@example.com",
            Some("request.time < timestamp('2020-01-01T00:00:00Z')"),
            MINT,
            false,
        ),
        (MINTER, "user:ann@example.com", Some("request.auth.claims.x == 1"), MINT, false),
        (MINTER, "user:ann@example.com", Some("!(request.auth.claims.x == 1)"), MINT, false),
        (MINTER, "user:ann@example.com", Some("1 / 0 == 1"), MINT, false),
        (
            "projects/p/roles/minter",
            "user:ann@example.com",
            Some(now_on),
            "iam.serviceAccounts.delete",
            false,
        ),
    ] {
        let policy = granted(role, member, condition);
        let state = state("a", &policy);
        assert_eq!(state.allows(&ann(), permission, of_a(&state), NOW), may, "{policy} {permission}");
    }
}

#[test]
fn deny_policies_work_from_each_level_above_the_account() {
    let deny = |change: Value| {
        let mut rule = json!({"deniedPrincipals": ["principal://goog/subject/ann@example.com"],
            "deniedPermissions": ["iam.googleapis.com/serviceAccounts.getAccessToken"]});
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value::<Vec<DenyPolicy>>(json!([{"id": "d", "rules": [{}, rule]}])).unwrap()
    };
    let place = |state: &mut State, name: &str, policies: Vec<DenyPolicy>| match state.node(name).unwrap() {
        Resource::Project(i) => state.projects[i].deny_policies = policies,
        Resource::Folder(i) => state.folders[i].deny_policies = policies,
        Resource::Organization(i) => state.organizations[i].deny_policies = policies,
        Resource::Account(_) => unreachable!("accounts have none"),
    };
    let granted = || state("a", &granted(MINTER, "user:ann@example.com", None));
    for (name, may) in [
        ("projects/2", false),
        ("folders/5", false),
        ("organizations/1", false),
        ("projects/3", true),
        ("folders/6", true),
        ("organizations/9", true),
    ] {
        let mut state = granted();
        place(&mut state, name, deny(json!({})));
        assert_eq!(state.allows(&ann(), MINT, of_a(&state), NOW), may, "denied on {name}");
    }
    for (change, may) in [
        (json!({"denialCondition": {"title": "t", "expression": "resource.type != ''"}}), false),
        (json!({"denialCondition": {"title": "t", "expression": "resource.type == ''"}}), true),
        (json!({"deniedPermissions": ["iam.googleapis.com/serviceAccounts.signJwt"]}), true),
        (json!({"deniedPrincipals": ["principal://goog/subject/bob@example.com"]}), true),
        (json!({"exceptionPrincipals": ["principal://goog/subject/ann@example.com"]}), true),
        (json!({"exceptionPermissions": ["iam.googleapis.com/serviceAccounts.getAccessToken"]}), true),
    ] {
        let mut state = granted();
        place(&mut state, "projects/2", deny(change.clone()));
        assert_eq!(state.allows(&ann(), MINT, of_a(&state), NOW), may, "{change}");
    }
}

#[test]
fn boundaries_leave_what_was_granted_and_give_nothing() {
    let boundary = |role: &str| {
        let rule = json!({"availableResource": "//cloudresourcemanager.googleapis.com/projects/p",
            "availablePermissions": [format!("inRole:{role}")]});
        serde_json::from_value::<Boundary>(json!({"accessBoundaryRules": [rule]})).unwrap()
    };
    let granted = state("a", &granted(MINTER, "user:ann@example.com", None));
    let who = ann();
    for (state, role, may) in
        [(&granted, MINTER, true), (&granted, "roles/viewer", false), (&bare(), MINTER, false)]
    {
        let boundary = boundary(role);
        let holder = TokenHolder { who: &who, within: Some(&boundary) };
        assert_eq!(state.allows(holder, MINT, of_a(state), NOW), may, "{role}");
    }
}

fn runner() -> Principal {
    let member = "principal://iam.googleapis.com/projects/2/locations/global/workloadIdentityPools/ci/subject/ann@example.com";
    Principal::Federated(Box::new(Federated::parse(member).unwrap()))
}

#[test]
fn each_kind_of_member_includes_whom_it_says_and_nobody_else() {
    let state = bare();
    let (a, b) = (account("a", "p"), account("b", "q"));
    let (bob, outside) =
        (Principal::User("bob@example.com".into()), Principal::User("ann@example.org".into()));
    let everybody = [&ann(), &bob, &outside, &a, &b, &runner()];
    let sets =
        |top: &str| format!("principalSet://cloudresourcemanager.googleapis.com/{top}/type/ServiceAccount");
    // Ann, Bob, the Ann of another domain, an account of each project, and an Ann of a pool.
    for (member, included) in [
        ("allUsers".to_owned(), [true, true, true, true, true, true]),
        ("allAuthenticatedUsers".into(), [true, true, true, true, true, false]),
        ("allusers".into(), [false; 6]),
        ("user:ann@example.com".into(), [true, false, false, false, false, false]),
        ("user:ANN@Example.com".into(), [true, false, false, false, false, false]),
        ("serviceAccount:ann@example.com".into(), [false; 6]),
        ("group:ann@example.com".into(), [false; 6]),
        ("ann@example.com".into(), [false; 6]),
        (a.member(), [false, false, false, true, false, false]),
        (format!("user:{}", a.email()), [false; 6]),
        ("domain:example.com".into(), [true, true, false, false, false, false]),
        ("domain:EXAMPLE.com".into(), [true, true, false, false, false, false]),
        ("domain:ple.com".into(), [false; 6]),
        ("domain:p.iam.gserviceaccount.com".into(), [false; 6]),
        ("group:outer@example.com".into(), [true, true, false, false, false, false]),
        ("group:OUTER@example.com".into(), [true, true, false, false, false, false]),
        ("group:inner@example.com".into(), [true, false, false, false, false, false]),
        ("group:empty@example.com".into(), [false; 6]),
        ("group:unknown@example.com".into(), [false; 6]),
        ("deleted:user:ann@example.com?uid=1".into(), [false; 6]),
        (runner().member(), [false, false, false, false, false, true]),
        (sets("projects/2"), [false, false, false, true, false, false]),
        (sets("projects/3"), [false, false, false, false, true, false]),
        (sets("folders/5"), [false, false, false, true, false, false]),
        (sets("folders/6"), [false; 6]),
        (sets("organizations/1"), [false, false, false, true, false, false]),
        (sets("organizations/9"), [false, false, false, false, true, false]),
        (sets("projects/4"), [false; 6]),
        (sets("projects/2").replace("/type/ServiceAccount", ""), [false; 6]),
        (sets("projects/2").replace("/type/ServiceAccount", "/type/User"), [false; 6]),
    ] {
        let found = everybody.map(|who| state.includes(&member, who, None) == Yes);
        assert_eq!(found, included, "{member}");
    }
    assert_eq!(state.includes(&sets("projects/2"), &account("deleted", "p"), None), No);
    // Whose address has no domain is in none.
    for domain in ["domain:example.com", "domain:nobody", "domain:"] {
        assert_eq!(state.includes(domain, &Principal::User("nobody".into()), None), No, "{domain}");
    }
}

#[test]
fn groups_are_seen_by_those_who_ask_for_themselves_or_are_in_them() {
    let state = bare();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| Principal::User(format!("{name}@example.com")));
    let seen = |group: &str, who: &Principal, asks: Option<&Principal>| -> Verdict {
        state.includes(&format!("group:{group}@example.com"), who, asks)
    };
    for (group, who, asks, verdict) in [
        ("outer", &ann, None, Yes),
        ("outer", &eve, None, No),
        // For themselves.
        ("outer", &ann, Some(&ann), Yes),
        ("outer", &eve, Some(&eve), No),
        // Bob is in the outer group and not in the inner one, where Ann is.
        ("outer", &ann, Some(&bob), Hidden),
        ("outer", &bob, Some(&ann), Yes),
        ("inner", &ann, Some(&bob), Hidden),
        ("inner", &bob, Some(&ann), No),
        ("outer", &eve, Some(&ann), No),
        ("outer", &ann, Some(&eve), Hidden),
        ("unknown", &ann, None, No),
        ("unknown", &ann, Some(&eve), Hidden),
    ] {
        assert_eq!(seen(group, who, asks), verdict, "{group}: {who:?} for {asks:?}");
    }
}

#[test]
fn conditions_are_told_what_each_resource_is() {
    let state = bare();
    let project = "cloudresourcemanager.googleapis.com";
    let Resource::Account(i) = of_a(&state) else { unreachable!() };
    let account = format!("projects/-/serviceAccounts/{}", state.accounts[i].unique_id);
    for (on, name, kind, service) in [
        (of_a(&state), account.as_str(), "iam.googleapis.com/ServiceAccount", "iam.googleapis.com"),
        (
            state.node("projects/2").unwrap(),
            "projects/2",
            "cloudresourcemanager.googleapis.com/Project",
            project,
        ),
        (
            state.node("folders/5").unwrap(),
            "folders/5",
            "cloudresourcemanager.googleapis.com/Folder",
            project,
        ),
        (
            state.node("organizations/1").unwrap(),
            "organizations/1",
            "cloudresourcemanager.googleapis.com/Organization",
            project,
        ),
    ] {
        let facts = state.facts(on, NOW);
        let told = [facts.name.as_deref(), facts.kind.as_deref(), facts.service.as_deref()];
        assert_eq!((facts.now, told), (Some(NOW), [Some(name), Some(kind), Some(service)]));
    }
}

#[test]
fn role_that_there_is_not_gives_nothing() {
    let state = bare();
    for role in ["roles/nosuch", "projects/p/roles/nosuch", "projects/nosuch/roles/minter", "", "minter"] {
        assert!(!state.role_gives(role, MINT), "{role}");
    }
    for role in [MINTER, "projects/p/roles/minter"] {
        assert!(state.role_gives(role, MINT), "{role}");
        assert!(
            !state.role_gives(role, "iam.serviceAccounts.nosuch") && !state.role_gives(role, ""),
            "{role}"
        );
    }
}
