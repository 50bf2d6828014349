//! What holds whatever the policies are: who may do what, against a second and naive evaluator; etags; pages. All over
//! HTTP, as a client sees it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};

use super::names::GET_ACCESS_TOKEN as MINT;
use super::*;

/// Cases for each property; each is an emulator and a few dozen requests.
const CASES: u32 = 24;
/// How far the clock is moved to see what conditions make of it, in seconds.
const LATER: i64 = 10_000;

const ACCOUNTS: [&str; 3] = ["a", "b", "c"];
/// Levels above all of them, the nearest first.
const ABOVE: [&str; 4] = ["project", "inner", "outer", "organization"];
/// Where a policy is: an account, a level above, or a project and a folder that are above none of them.
const PLACES: [&str; 9] = ["a", "b", "c", "project", "inner", "outer", "organization", "beside", "side"];
const WHO: [&str; 6] = [
    "user:ann@example.com",
    "user:bob@example.org",
    "serviceAccount:a@p.iam.gserviceaccount.com",
    "serviceAccount:b@p.iam.gserviceaccount.com",
    "serviceAccount:c@p.iam.gserviceaccount.com",
    "principal://iam.googleapis.com/projects/4/locations/global/workloadIdentityPools/ci/subject/build",
];
const POOL: &str = "principalSet://iam.googleapis.com/projects/4/locations/global/workloadIdentityPools/ci/*";
/// A role of the project's own, which may stand on it and on its accounts: it delegates, and does not mint.
const OWN: &str = "projects/p/roles/own";
const ADMIN: &str = "user:admin@example.net";

const DELEGATE: &str = "iam.serviceAccounts.implicitDelegation";
const OTHERS: [&str; 3] =
    ["iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.signJwt", "iam.serviceAccounts.actAs"];

/// A role given to one member at one place.
#[derive(Debug, Clone, PartialEq)]
struct Grant {
    place: &'static str,
    role: &'static str,
    member: &'static str,
    when: When,
}

/// Permissions taken away by a rule of a deny policy, which is never on an account.
#[derive(Debug, Clone)]
struct Deny {
    place: &'static str,
    /// Whom it hits and whom it spares, as a deny policy says it and as an allow policy would.
    hits: (&'static str, &'static str),
    spares: (&'static str, &'static str),
    /// Which permissions it takes, by their last part; a star is all.
    takes: &'static str,
    leaves: &'static str,
    when: When,
}

/// Under which condition, by the two moments at which it is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Always,
    Before,
    After,
    Between,
    Never,
}

impl When {
    fn holds(self, later: bool) -> bool {
        match self {
            When::Always => true,
            When::Before => !later,
            When::After | When::Between => later,
            When::Never => false,
        }
    }

    /// The condition, where the moment between the two is this one.
    fn condition(self, middle: i64) -> Value {
        let at = |seconds: i64| format!("timestamp(\"{}\")", crate::clock::rfc3339(seconds));
        let (middle, end) = (at(middle), at(middle + 2 * LATER));
        let expression = match self {
            When::Always => return Value::Null,
            When::Before => format!("request.time < {middle}"),
            When::After => format!("!(request.time < {middle})"),
            When::Between => format!("request.time >= {middle} && request.time < {end}"),
            When::Never => format!("request.time < {middle} && request.time > {end}"),
        };
        json!({"title": format!("{self:?}"), "expression": expression})
    }
}

/// What the roles give, as Google's documents say; nothing is taken from the emulator's table.
fn gives(role: &str, permission: &str) -> bool {
    match role {
        CREATOR => permission != "iam.serviceAccounts.actAs",
        "roles/iam.serviceAccountOpenIdTokenCreator" => permission == "iam.serviceAccounts.getOpenIdToken",
        "roles/iam.serviceAccountUser" => permission == "iam.serviceAccounts.actAs",
        OWN => [DELEGATE, "iam.serviceAccounts.signJwt"].contains(&permission),
        _ => panic!("no such role here: {role}"),
    }
}

/// Whom a member means. Ann is in the inner group, which is in the outer one.
fn means(member: &str, who: &str) -> bool {
    match member {
        "allUsers" => true,
        "allAuthenticatedUsers" => !who.starts_with("principal:"),
        POOL => who.starts_with("principal:"),
        "group:inner@example.com" => who.starts_with("user:ann"),
        "group:outer@example.com" => who.starts_with("user:ann") || who.starts_with("serviceAccount:c@"),
        "domain:example.com" => who == "user:ann@example.com",
        "user:Ann@Example.com" => who == "user:ann@example.com",
        _ => member == who,
    }
}

fn may(
    (grants, denies): (&[Grant], &[Deny]),
    who: &str,
    permission: &str,
    account: &str,
    later: bool,
) -> bool {
    let given = grants.iter().any(|grant| {
        (grant.place == account || ABOVE.contains(&grant.place))
            && gives(grant.role, permission)
            && means(grant.member, who)
            && grant.when.holds(later)
    });
    let names = |verb: &str| verb == "*" || permission.ends_with(&format!(".{verb}"));
    let taken = denies.iter().any(|deny| {
        ABOVE.contains(&deny.place)
            && names(deny.takes)
            && !names(deny.leaves)
            && means(deny.hits.1, who)
            && !means(deny.spares.1, who)
            && deny.when.holds(later)
    });
    given && !taken
}

fn grants() -> impl Strategy<Value = Grant> {
    let roles = [CREATOR, OWN, "roles/iam.serviceAccountOpenIdTokenCreator", "roles/iam.serviceAccountUser"];
    let members = [
        WHO[0],
        "user:Ann@Example.com",
        WHO[1],
        WHO[2],
        WHO[3],
        "group:inner@example.com",
        "group:outer@example.com",
        "domain:example.com",
        "allUsers",
        "allAuthenticatedUsers",
        WHO[5],
        POOL,
    ];
    (select(PLACES.to_vec()), select(roles.to_vec()), select(members.to_vec()), whens()).prop_map(
        |(place, role, member, when)| {
            let knows_own = place == "project" || ACCOUNTS.contains(&place);
            Grant { place, role: if role == OWN && !knows_own { CREATOR } else { role }, member, when }
        },
    )
}

fn whens() -> impl Strategy<Value = When> {
    select(vec![When::Always, When::Always, When::Before, When::After, When::Between, When::Never])
}

fn denies() -> impl Strategy<Value = Deny> {
    let principals = [
        ("principalSet://goog/public:all", "allUsers"),
        ("principal://goog/subject/ann@example.com", WHO[0]),
        ("principal://iam.googleapis.com/projects/-/serviceAccounts/c@p.iam.gserviceaccount.com", WHO[4]),
        ("principalSet://goog/group/outer@example.com", "group:outer@example.com"),
        (WHO[5], WHO[5]),
        (POOL, POOL),
    ];
    // Nobody else is of the other's domain; all but everybody may be spared.
    let spared =
        select([&[("principal://goog/subject/admin@example.net", ADMIN)], &principals[1..]].concat());
    let verbs = ["*", "getAccessToken", "implicitDelegation", "signJwt"];
    let above = select(PLACES[ACCOUNTS.len()..].to_vec());
    let what = (select(verbs.to_vec()), select(["nothing", "getAccessToken", "signJwt"].to_vec()));
    (above, select(principals.to_vec()), spared, what, whens()).prop_map(
        |(place, hits, spares, (takes, leaves), when)| Deny { place, hits, spares, takes, leaves, when },
    )
}

/// The deny policies of a place. The administrator of the tests is always spared.
fn deny_policies(denies: &[Deny], place: &str, middle: i64) -> Value {
    let here = denies.iter().filter(|deny| deny.place == place);
    let verb = |verb: &str| format!("iam.googleapis.com/serviceAccounts.{verb}");
    let rules: Vec<Value> = here
        .map(|deny| {
            let mut rule = json!({"deniedPrincipals": [deny.hits.0], "deniedPermissions": [verb(deny.takes)],
                "exceptionPrincipals": ["principal://goog/subject/admin@example.net", deny.spares.0],
                "exceptionPermissions": [verb(deny.leaves)]});
            if let condition @ Value::Object(_) = deny.when.condition(middle) {
                rule["denialCondition"] = condition;
            }
            rule
        })
        .collect();
    // A rule for itself, and the others together.
    let (first, rest) = rules.split_at(rules.len().min(1));
    json!([{"id": "first", "rules": first}, {"id": "rest", "rules": rest}])
}

fn policy(grants: &[Grant], place: &str, middle: i64) -> Value {
    let here = grants.iter().filter(|grant| grant.place == place);
    let bindings: Vec<Value> = here
        .map(|grant| {
            let mut binding = json!({"role": grant.role, "members": [grant.member]});
            if let condition @ Value::Object(_) = grant.when.condition(middle) {
                binding["condition"] = condition;
            }
            binding
        })
        .collect();
    json!({"version": 3, "bindings": bindings})
}

/// Three accounts in a project in a folder in a folder in an organization, with these grants and denials.
fn world(grants: &[Grant], denies: &[Deny], middle: i64) -> World {
    let at = |place: &str| policy(grants, place, middle);
    let denied = |place: &str| deny_policies(denies, place, middle);
    let mut top = at("organization");
    let admin = json!({"role": "roles/iam.serviceAccountAdmin", "members": [ADMIN]});
    top["bindings"].as_array_mut().unwrap().push(admin);
    let accounts = ACCOUNTS.map(|name| json!({"email": name, "policy": at(name)}));
    let text = json!({
        "organizations": [{"number": 1, "domain": "example.com", "policy": top,
            "denyPolicies": denied("organization")}],
        "folders": [{"number": 2, "name": "outer", "parent": "organizations/1", "policy": at("outer"),
            "denyPolicies": denied("outer")},
            {"number": 6, "name": "side", "parent": "organizations/1", "policy": at("side"),
            "denyPolicies": denied("side")},
            {"number": 3, "name": "inner", "parent": "folders/2", "policy": at("inner"),
            "denyPolicies": denied("inner")}],
        "projects": [{"id": "p", "number": 4, "parent": "folders/3", "policy": at("project"),
            "denyPolicies": denied("project"),
            "roles": [{"id": "own", "permissions": [DELEGATE, "iam.serviceAccounts.signJwt"]}], "accounts": accounts},
            {"id": "beside", "number": 5, "parent": "folders/3", "policy": at("beside"),
            "denyPolicies": denied("beside")}],
        "users": [{"email": "ann@example.com"}, {"email": "bob@example.org"}, {"email": "admin@example.net"}],
        "groups": [{"email": "inner@example.com", "members": [WHO[0]]},
            {"email": "outer@example.com", "members": ["group:inner@example.com", WHO[4]]}],
    });
    World::parse(&text.to_string()).unwrap()
}

/// A desk that many may sit at.
struct Room {
    api: TestClient,
    tokens: Vec<(&'static str, String)>,
}

impl Room {
    async fn of(world: World) -> Room {
        let api = TestClient::of(world).await;
        let mut tokens = Vec::new();
        for who in WHO.into_iter().chain([ADMIN]) {
            tokens.push((who, api.emulator.handle().mint(who, &[CLOUD], 10 * LATER).await.unwrap()));
        }
        Room { api, tokens }
    }

    /// Asks as somebody, on nobody's account but their own.
    async fn ask(&self, who: &str, path: &str, body: &Value) -> (u16, Value) {
        let token = &self.tokens.iter().find(|(name, _)| *name == who).unwrap().1;
        let url = format!("{}v1/projects/-/serviceAccounts/{path}", self.api.emulator.base_url());
        let response = self.api.http.post(url).bearer_auth(token).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn policy(&self, account: &str) -> Value {
        let path =
            format!("{account}@p.iam.gserviceaccount.com:getIamPolicy?options.requestedPolicyVersion=3");
        self.ask(ADMIN, &path, &json!({})).await.1
    }

    async fn write(&self, account: &str, policy: &Value) -> (u16, Value) {
        let path = format!("{account}@p.iam.gserviceaccount.com:setIamPolicy");
        self.ask(ADMIN, &path, &json!({"policy": policy, "updateMask": "bindings,auditConfigs,etag"})).await
    }

    /// Everybody is asked about everything, before and after the moment in the middle.
    async fn agrees(&self, grants: &[Grant], denies: &[Deny]) -> Result<(), TestCaseError> {
        let permissions: Vec<&str> = [MINT, DELEGATE].into_iter().chain(OTHERS).collect();
        for later in [false, true] {
            for (who, account) in WHO.iter().flat_map(|who| ACCOUNTS.map(|account| (*who, account))) {
                let path = format!("{account}@p.iam.gserviceaccount.com:testIamPermissions");
                let (_, said) = self.ask(who, &path, &json!({"permissions": permissions})).await;
                let expected: Vec<Value> = permissions
                    .iter()
                    .filter(|permission| may((grants, denies), who, permission, account, later))
                    .map(|permission| (*permission).into())
                    .collect();
                let said = said["permissions"].as_array().cloned().unwrap_or_default();
                prop_assert_eq!(said, expected, "{} on {}, later: {}", who, account, later);
            }
            self.api.emulator.handle().advance_clock(if later { -LATER } else { LATER });
        }
        Ok(())
    }
}

/// Tries a property on cases of a strategy.
pub(super) fn holds<S: Strategy>(
    strategy: &S,
    property: impl AsyncFn(S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(strategy, |case| runtime.block_on(property(case)));
    outcome.unwrap_or_else(|why| panic!("{why}"));
}

/// The moment between now and later.
fn middle() -> i64 {
    crate::clock::Clock::default().now() + LATER / 2
}

#[test]
fn who_may_do_what_is_what_the_grants_and_denials_on_the_way_up_say_after_every_grant_and_revocation() {
    // Grants to begin with, denials, and grants that are given where they are lacking and else taken away.
    holds(
        &(vec(grants(), 0..8), vec(denies(), 0..4), vec(grants(), 0..4)),
        async |(mut now, denies, changes)| {
            let middle = middle();
            let room = Room::of(world(&now, &denies, middle)).await;
            room.agrees(&now, &denies).await?;
            let changes = changes.into_iter().map(|change| match ACCOUNTS.contains(&change.place) {
                true => change,
                false => Grant { place: "b", ..change },
            });
            for change in changes {
                let before = now.clone();
                now.retain(|grant| *grant != change);
                if now.len() == before.len() {
                    now.push(change.clone());
                }
                let mut policy = policy(&now, change.place, middle);
                policy["etag"] = room.policy(change.place).await["etag"].clone();
                prop_assert_eq!(room.write(change.place, &policy).await.0, 200);
                room.agrees(&now, &denies).await?;
            }
            Ok(())
        },
    );
}

/// Denials that close a chain: of what its hops need, to one of its accounts or to everybody.
fn denials_of_hops() -> impl Strategy<Value = Deny> {
    const ADMIN_SPARED: (&str, &str) = ("principal://goog/subject/admin@example.net", ADMIN);
    let hits = [
        ("principal://iam.googleapis.com/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com", WHO[2]),
        ("principal://iam.googleapis.com/projects/-/serviceAccounts/b@p.iam.gserviceaccount.com", WHO[3]),
        ("principal://iam.googleapis.com/projects/-/serviceAccounts/c@p.iam.gserviceaccount.com", WHO[4]),
        ("principalSet://goog/group/outer@example.com", "group:outer@example.com"),
    ];
    let takes = select(vec!["*", "getAccessToken", "implicitDelegation"]);
    (select(PLACES[ACCOUNTS.len()..].to_vec()), select(hits.to_vec()), takes).prop_map(
        |(place, hits, takes)| Deny {
            place,
            hits,
            spares: ADMIN_SPARED,
            takes,
            leaves: "nothing",
            when: When::Always,
        },
    )
}

/// Who asks, and the accounts one after the other, the last being the one that is minted for.
type Chain = (&'static str, Vec<&'static str>);

/// The hops of a chain: who, on which account.
fn hops((caller, chain): &Chain) -> Vec<(String, &'static str)> {
    let mut who = (*caller).to_owned();
    let hop = |hop: &&'static str| {
        (std::mem::replace(&mut who, format!("serviceAccount:{hop}@p.iam.gserviceaccount.com")), *hop)
    };
    chain.iter().map(hop).collect()
}

/// What opens a chain that is asked for by one of [`WHO`].
fn opens(chain: &Chain) -> impl Iterator<Item = Grant> {
    hops(chain).into_iter().filter_map(|(who, place)| {
        let member = WHO.into_iter().find(|member| *member == who)?;
        Some(Grant { place, role: CREATOR, member, when: When::Always })
    })
}

#[test]
fn a_chain_is_open_where_each_may_delegate_to_the_next_and_the_last_may_mint() {
    let on_accounts = (select(ACCOUNTS.to_vec()), select(vec![CREATOR, CREATOR, OWN]), grants())
        .prop_map(|(place, role, grant)| Grant { place, role, when: When::Always, ..grant });
    let chains = vec((select(WHO.to_vec()), vec(select(ACCOUNTS.to_vec()), 1..4)), 8);
    // Half of the chains are open, but for what denials close.
    holds(
        &(vec(on_accounts, 0..4), vec(denials_of_hops(), 0..3), chains),
        async |(mut grants, denies, chains)| {
            chains.iter().take(4).for_each(|chain| grants.extend(opens(chain)));
            let room = Room::of(world(&grants, &denies, middle())).await;
            for chain in chains {
                let (caller, (target, delegates)) = (chain.0, chain.1.split_last().unwrap());
                let hops = hops(&chain);
                let last = hops.len() - 1;
                let open = hops.iter().enumerate().all(|(i, (who, hop))| {
                    may((&grants, &denies), who, if i == last { MINT } else { DELEGATE }, hop, false)
                });
                let names: Vec<String> = delegates
                    .iter()
                    .map(|d| format!("projects/-/serviceAccounts/{d}@p.iam.gserviceaccount.com"))
                    .collect();
                let path = format!("{target}@p.iam.gserviceaccount.com:generateAccessToken");
                let (status, said) =
                    room.ask(caller, &path, &json!({"scope": [CLOUD], "delegates": names})).await;
                prop_assert_eq!(status, if open { 200 } else { 403 }, "{:?}: {}", chain, said);
            }
            Ok(())
        },
    );
}

/// What a policy comes to: who has which role under which condition, and what is logged.
fn effect(policy: &Value) -> (std::collections::BTreeSet<String>, Value) {
    let mut triples = std::collections::BTreeSet::new();
    for binding in policy["bindings"].as_array().into_iter().flatten() {
        for member in binding["members"].as_array().into_iter().flatten() {
            let member = member.as_str().unwrap().to_lowercase();
            triples.insert(format!("{} {member} {}", binding["role"], binding["condition"]));
        }
    }
    (triples, policy["auditConfigs"].as_array().cloned().unwrap_or_default().into())
}

#[test]
fn an_etag_changes_with_what_the_policy_comes_to_and_with_nothing_else() {
    let audit = select(vec![
        json!([]),
        json!([{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]),
    ]);
    let some = vec(grants().prop_map(|grant| Grant { place: "a", ..grant }), 3..6);
    // Parts of a few grants in some order, often the same ones.
    let policies = some.prop_flat_map(move |some| {
        let part = subsequence(some.clone(), 0..=some.len()).prop_shuffle();
        vec((part, audit.clone(), any::<bool>()), 2..6)
    });
    holds(&policies, async |writes| {
        let middle = middle();
        let room = Room::of(world(&[], &[], middle)).await;
        let mut stored = room.policy("a").await;
        for (grants, audit, stale) in writes {
            let mut wanted = policy(&grants, "a", middle);
            wanted["auditConfigs"] = audit;
            wanted["etag"] = if stale { "BwAAAAAAAAA=".into() } else { stored["etag"].clone() };
            let (status, said) = room.write("a", &wanted).await;
            prop_assert_eq!(status, if stale { 409 } else { 200 }, "{}", said);
            let read = room.policy("a").await;
            let expected = if stale { effect(&stored) } else { effect(&wanted) };
            prop_assert_eq!(effect(&read), expected);
            prop_assert_eq!(
                read["etag"] == stored["etag"],
                effect(&read) == effect(&stored),
                "{} {}",
                stored,
                read
            );
            prop_assert!(stale || said == read, "what is told is what is stored");
            stored = read;
        }
        Ok(())
    });
}

/// Lists as the demo has them: path, field, and whether the page is named in the body.
const LISTS: [(&str, &str, bool); 10] = [
    ("v1/projects/acme-prod/serviceAccounts", "accounts", false),
    ("v1/roles", "roles", false),
    ("v1/projects/acme-prod/roles", "roles", false),
    ("v1/organizations/123456789012/roles", "roles", false),
    ("v1/projects", "projects", false),
    ("v3/projects:search", "projects", false),
    ("v3/folders:search", "folders", false),
    ("v3/organizations:search", "organizations", false),
    ("v1/projects/acme-dark/services", "services", false),
    ("v1/roles:queryGrantableRoles", "roles", true),
];

/// All pages of a list, one after the other.
async fn pages(api: &TestClient, (path, field, in_body): (&str, &str, bool), size: usize) -> Vec<Vec<Value>> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let got = if in_body {
            let name = "//iam.googleapis.com/projects/acme-prod/serviceAccounts/api@acme-prod.iam.gserviceaccount.com";
            api.post(path, json!({"fullResourceName": name, "pageSize": size, "pageToken": token})).await
        } else {
            api.get(&format!("{path}?pageSize={size}&pageToken={token}")).await
        };
        assert_eq!(got.status, 200, "{}", got.text);
        all.push(got.json[field].as_array().cloned().unwrap_or_default());
        match got.json["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return all,
        }
    }
}

#[test]
fn pages_hold_everything_once_and_in_the_same_order_whatever_their_size() {
    holds(&(select(LISTS.to_vec()), 1..=70_usize, 1..=70_usize), async |(list, one, other)| {
        let mut api = TestClient::demo().await;
        api.token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
        let (one, other) = ((pages(&api, list, one).await, one), (pages(&api, list, other).await, other));
        for (pages, size) in [&one, &other] {
            let (last, full) = pages.split_last().unwrap();
            prop_assert!(full.iter().all(|page| page.len() == *size), "{:?}", list);
            prop_assert!(last.len() <= *size && (full.is_empty() || !last.is_empty()), "{:?}", list);
        }
        let all = one.0.concat();
        prop_assert_eq!(&all, &other.0.concat());
        let names: std::collections::BTreeSet<String> = all.iter().map(Value::to_string).collect();
        prop_assert!(!all.is_empty() && names.len() == all.len(), "{:?}", list);
        if list.1 == "accounts" {
            let project =
                World::demo().projects.into_iter().find(|project| project.id == "acme-prod").unwrap();
            prop_assert_eq!(all.len(), project.accounts.len());
        }
        Ok(())
    });
}
