//! Whatever the organization and the query: the search for policies finds what a second and naive evaluator finds in
//! the world's JSON, page by page; a large organization is searched in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::sample::select;
use tokio::time::Instant;

use super::properties::holds;
use super::*;
use crate::role;

const SIZE: OrganizationSize = OrganizationSize { projects: 6, accounts: 30, policies: 22, members: 160 };
const PERMISSIONS: &str = "policy.role.permissions";

/// A query; `All` and `Any` have at least one part.
#[derive(Debug, Clone)]
enum Query {
    /// A field or none, whether the whole value is meant, and the value.
    Term(&'static str, bool, &'static str),
    /// Alternatives, or what must all be there, of one field.
    Values(&'static str, bool, Vec<&'static str>),
    All(Vec<Query>),
    Any(Vec<Query>),
    Not(Box<Query>),
}

const TERMS: [(&str, bool, &str); 38] = [
    ("policy", false, "person-3@example.com"),
    ("policy", false, "svc-000004@proj-00000"),
    ("policy", false, "roles/iam.serviceAccountTokenCreator"),
    ("policy", false, "user:person-7"),
    ("policy", false, "all*"),
    ("policy", false, "office hours"),
    ("policy", false, "TEAM-1"),
    ("policy", false, "person-1*"),
    ("policy", false, "former-9*"),
    ("policy", false, "until 20*"),
    ("policy", false, "*"),
    ("policy", false, "--"),
    ("roles", false, "minter"),
    ("roles", false, "iam.serviceAcc*"),
    ("roles", true, "roles/owner"),
    ("roles", true, "roles/Browser"),
    ("roles", true, "projects/proj-00001/roles/minter"),
    ("memberTypes", false, "user"),
    ("memberTypes", true, "group"),
    ("memberTypes", false, "SERVICEACCOUNT"),
    ("memberTypes", false, "principal*"),
    ("memberTypes", true, "allUsers"),
    ("resource", false, "projects/proj-00001"),
    ("resource", true, "//cloudresourcemanager.googleapis.com/projects/proj-00002"),
    ("resource", false, "organizations/900000000001"),
    ("resource", false, "iam*"),
    ("folders", false, "500000000000"),
    ("folders", true, "folders/500000000001"),
    ("organization", false, "900000000001"),
    ("project", false, "700000000002"),
    (PERMISSIONS, false, "iam.serviceAccounts.getAccessToken"),
    (PERMISSIONS, true, "iam.serviceAccounts.setIamPolicy"),
    (PERMISSIONS, false, "sign*"),
    (PERMISSIONS, false, "projects.get"),
    ("", false, "proj-00003"),
    ("", false, "team*"),
    ("", false, "500000000001"),
    ("", false, "setIamPolicy"),
];

fn queries() -> impl Strategy<Value = Query> {
    let term = select(TERMS.to_vec()).prop_map(|(field, exact, value)| Query::Term(field, exact, value));
    let values =
        (select(TERMS.to_vec()), select(TERMS.to_vec()), any::<bool>()).prop_map(|(a, b, is_any)| {
            let field = if a.0.is_empty() { "roles" } else { a.0 };
            Query::Values(field, is_any, vec![a.2, b.2])
        });
    // Ten comparisons at most, and two of them in a group of values.
    prop_oneof![3 => term, 1 => values].prop_recursive(3, 4, 2, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some().prop_map(Query::All),
            some().prop_map(Query::Any),
            inner.clone().prop_map(|one| Query::Not(Box::new(one))),
        ]
    })
}

impl Query {
    /// As it is typed; in quotes, unless the value ends in a star or has no space.
    fn text(&self) -> String {
        let quoted = |value: &str| {
            if value.contains(' ') || value.starts_with('-') {
                format!("\"{value}\"")
            } else {
                value.to_owned()
            }
        };
        let all = |parts: &[Query], join: &str| parts.iter().map(Query::text).collect::<Vec<_>>().join(join);
        match self {
            Query::Term("", _, value) => quoted(value),
            Query::Term(field, exact, value) => {
                format!("{field}{}{}", if *exact { "=" } else { ":" }, quoted(value))
            }
            Query::Values(field, is_any, values) => {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                format!("{field}:({})", values.join(if *is_any { " OR " } else { " " }))
            }
            Query::All(parts) => format!("({})", all(parts, " AND ")),
            Query::Any(parts) => format!("({})", all(parts, " OR ")),
            Query::Not(part) => format!("NOT {}", part.text()),
        }
    }

    fn holds(&self, entry: &Entry, binding: &Value) -> bool {
        match self {
            Query::Term(field, exact, value) => entry.has(field, *exact, value, binding),
            Query::Values(field, true, values) => values.iter().any(|v| entry.has(field, false, v, binding)),
            Query::Values(field, false, values) => values.iter().all(|v| entry.has(field, false, v, binding)),
            Query::All(parts) => parts.iter().all(|part| part.holds(entry, binding)),
            Query::Any(parts) => parts.iter().any(|part| part.holds(entry, binding)),
            Query::Not(part) => !part.holds(entry, binding),
        }
    }

    /// What is said about permissions, outside of negations or anywhere.
    fn about_permissions(&self, anywhere: bool) -> Vec<(bool, &'static str)> {
        match self {
            Query::Term(PERMISSIONS, exact, value) => vec![(*exact, value)],
            Query::Values(PERMISSIONS, _, values) => values.iter().map(|value| (false, *value)).collect(),
            Query::Term(..) | Query::Values(..) => Vec::new(),
            Query::All(parts) | Query::Any(parts) => {
                parts.iter().flat_map(|part| part.about_permissions(anywhere)).collect()
            }
            // Twice negated is not negated.
            Query::Not(part) => match &**part {
                Query::Not(inner) => inner.about_permissions(anywhere),
                _ if anywhere => part.about_permissions(true),
                _ => part.negations().flat_map(|part| part.about_permissions(false)).collect(),
            },
        }
    }

    /// What is negated in a query without being negated twice.
    fn negations(&self) -> Box<dyn Iterator<Item = &Query> + '_> {
        match self {
            Query::All(parts) | Query::Any(parts) => Box::new(parts.iter().flat_map(Query::negations)),
            Query::Not(part) => Box::new(std::iter::once(&**part)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// A policy where it is.
struct Entry {
    resource: String,
    project: Option<String>,
    folders: Vec<String>,
    organization: String,
    bindings: Vec<Value>,
    given: BTreeMap<String, Vec<String>>,
}

/// Its words, with one space before and after each.
fn spaced(text: &str) -> String {
    let word =
        |c: char| if c.is_ascii_alphanumeric() || "_&".contains(c) { c.to_ascii_lowercase() } else { ' ' };
    let text: String = text.chars().map(word).collect();
    format!(" {} ", text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn value_fits(text: &str, exact: bool, value: &str) -> bool {
    if exact {
        return text == value;
    }
    let (text, wanted) = (spaced(text), spaced(value));
    match (value.ends_with('*'), wanted.trim().is_empty()) {
        (star, true) => star,
        (true, false) => wanted.split_whitespace().all(|start| text.contains(&format!(" {start}"))),
        (false, false) => text.contains(&wanted),
    }
}

impl Entry {
    fn has(&self, field: &str, exact: bool, value: &str, binding: &Value) -> bool {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let members: Vec<String> = binding["members"].as_array().unwrap().iter().map(text).collect();
        let role = text(&binding["role"]);
        let mut policy = members.clone();
        policy.push(role.clone());
        policy.extend(["title", "expression"].map(|part| text(&binding["condition"][part])));
        let place: Vec<String> = (self.project.iter().chain(&self.folders)).cloned().collect();
        let texts = match field {
            "policy" => policy.into_iter().filter(|text| !text.is_empty()).collect(),
            "roles" => vec![role],
            "memberTypes" => members.iter().map(|m| m.split(':').next().unwrap().to_owned()).collect(),
            "resource" => vec![self.resource.clone()],
            "project" => self.project.iter().cloned().collect(),
            "folders" => self.folders.clone(),
            "organization" => vec![self.organization.clone()],
            PERMISSIONS => self.given[&role].clone(),
            "" => [policy, place, vec![self.resource.clone(), self.organization.clone()]].concat(),
            _ => panic!("no such field here: {field}"),
        };
        texts.iter().any(|text| value_fits(text, exact, value))
    }

    fn is_in(&self, scope: &str) -> bool {
        let id = self.resource.strip_prefix("//cloudresourcemanager.googleapis.com/");
        self.organization == scope
            || self.folders.iter().any(|folder| folder == scope)
            || self.project.as_deref() == Some(scope)
            || id == Some(scope)
            || self.resource.contains(&format!("/{scope}/"))
    }
}

/// Every policy of a world with bindings, read off its JSON.
fn entries(world: &Value) -> Vec<Entry> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut given: BTreeMap<String, Vec<String>> = (role::predefined().iter())
        .map(|(name, role)| (name.clone(), role.permissions.iter().map(ToString::to_string).collect()))
        .collect();
    let organization = &world["organizations"][0];
    let name = format!("organizations/{}", organization["number"]);
    let parents: Vec<(String, &Value)> = std::iter::once((name.clone(), organization))
        .chain(
            world["projects"].as_array().unwrap().iter().map(|p| (format!("projects/{}", text(&p["id"])), p)),
        )
        .collect();
    for (parent, of) in parents {
        for role in list(&of["roles"]) {
            let permissions = list(&role["permissions"]).iter().map(text).collect();
            given.insert(format!("{parent}/roles/{}", text(&role["id"])), permissions);
        }
    }
    let folder_parents: BTreeMap<String, String> = list(&world["folders"])
        .iter()
        .map(|folder| (format!("folders/{}", folder["number"]), text(&folder["parent"])))
        .collect();
    let chain = |from: String| {
        let up = std::iter::successors(Some(from), |at| folder_parents.get(at).cloned());
        up.filter(|at| at.starts_with("folders/")).collect::<Vec<_>>()
    };
    let manager = "//cloudresourcemanager.googleapis.com/";
    let entry = |resource: String, project: Option<String>, folders: Vec<String>, of: &Value| {
        // Bindings of the same role and condition are one.
        let mut joined: BTreeMap<(String, String), (Value, BTreeSet<String>)> = BTreeMap::new();
        for binding in list(&of["policy"]["bindings"]) {
            let key = (text(&binding["role"]), binding["condition"].to_string());
            let members = list(&binding["members"]).iter().map(text).collect::<Vec<_>>();
            joined.entry(key).or_insert((binding, BTreeSet::new())).1.extend(members);
        }
        let bindings = joined.into_values().map(|(mut binding, members)| {
            binding["members"] = members.into_iter().collect();
            binding
        });
        let bindings = bindings.collect();
        Entry { resource, project, folders, organization: name.clone(), bindings, given: given.clone() }
    };
    let mut all = vec![entry(format!("{manager}{name}"), None, Vec::new(), organization)];
    for folder in list(&world["folders"]) {
        let at = format!("folders/{}", folder["number"]);
        all.push(entry(format!("{manager}{at}"), None, chain(at), &folder));
    }
    for project in list(&world["projects"]) {
        let (id, number) = (text(&project["id"]), format!("projects/{}", project["number"]));
        let folders = chain(text(&project["parent"]));
        all.push(entry(format!("{manager}projects/{id}"), Some(number.clone()), folders.clone(), &project));
        for account in list(&project["accounts"]) {
            let name =
                format!("//iam.googleapis.com/projects/{id}/serviceAccounts/{}", text(&account["uniqueId"]));
            all.push(entry(name, Some(number.clone()), folders.clone(), &account));
        }
    }
    all
}

/// Every page of a search.
async fn pages(handle: &Handle, token: &str, scope: &str, query: &str, further: &str) -> Vec<Value> {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    let url = format!("/v1/{scope}:searchAllIamPolicies?query={query}&{further}");
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let (status, body) = handle.ask("GET", &format!("{url}&pageToken={next}"), token, None).await;
        let page: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, 200, "{page}");
        found.extend(page["results"].as_array().cloned().unwrap_or_default());
        match page["nextPageToken"].as_str() {
            Some(token) => next = token.to_owned(),
            None => return found,
        }
    }
}

/// A binding as it is compared: resource, role, condition and members.
fn told(resource: &Value, binding: &Value) -> String {
    let condition = &binding["condition"];
    format!(
        "{resource} {} {} {} {}",
        binding["role"], condition["title"], condition["expression"], binding["members"]
    )
}

/// The permissions that a query asks for, by the roles of the bindings found that give them.
fn explanation(query: &Query, result: &Value, given: &BTreeMap<String, Vec<String>>) -> Value {
    let asked = query.about_permissions(false);
    let mut explained = serde_json::Map::new();
    for binding in result["policy"]["bindings"].as_array().unwrap() {
        let role = binding["role"].as_str().unwrap();
        let fits = |name: &&String| asked.iter().any(|(exact, value)| value_fits(name, *exact, value));
        let names: Vec<&String> = given[role].iter().filter(fits).collect();
        if !names.is_empty() {
            explained.insert(role.to_owned(), json!({"permissions": names}));
        }
    }
    if explained.is_empty() { Value::Null } else { explained.into() }
}

#[test]
fn search_finds_what_a_naive_evaluator_finds_whatever_the_query() {
    let scopes = select(vec![
        "organizations/900000000001",
        "organizations/900000000001",
        "folders/500000000000",
        "folders/500000000001",
        "projects/proj-00001",
        "projects/700000000002",
    ]);
    let orders = select(vec!["", "resource", "assetType DESC, resource"]);
    let callers = select(vec![GENERATED_OWNER, GENERATED_AUDITOR]);
    let queries = proptest::collection::vec(queries(), 6);
    holds(&(any::<u64>(), queries, scopes, orders, callers, 1..9), async |case| {
        let (seed, queries, scope, order, caller, size) = case;
        let world = World::generated(seed, SIZE);
        let entries = entries(&serde_json::to_value(&world).unwrap());
        let api = TestClient::of(world).await;
        let handle = api.emulator.handle();
        let token = handle.mint(caller, &[CLOUD], 3600).await.unwrap();
        for query in queries {
            let text = query.text();
            let order_by = utf8_percent_encode(order, NON_ALPHANUMERIC);
            let further = format!("pageSize={size}&orderBy={order_by}");
            let found = pages(&handle, &token, scope, &text, &further).await;
            let is_hidden = |binding: &Value| {
                let role = binding["role"].as_str().unwrap();
                caller == GENERATED_AUDITOR
                    && !role.starts_with("roles/")
                    && !query.about_permissions(true).is_empty()
            };
            let expected: BTreeSet<String> = (entries.iter().filter(|entry| entry.is_in(scope)))
                .flat_map(|entry| entry.bindings.iter().map(move |binding| (entry, binding)))
                .filter(|(entry, binding)| !is_hidden(binding) && query.holds(entry, binding))
                .map(|(entry, binding)| told(&json!(entry.resource), binding))
                .collect();
            let bindings = |result: &Value| result["policy"]["bindings"].as_array().unwrap().clone();
            let all: Vec<String> = found
                .iter()
                .flat_map(|result| bindings(result).into_iter().map(|b| told(&result["resource"], &b)))
                .collect();
            let distinct: BTreeSet<String> = all.iter().cloned().collect();
            prop_assert_eq!(all.len(), distinct.len(), "{}: twice the same", &text);
            prop_assert_eq!(&distinct, &expected, "{} in {} by {}", &text, scope, caller);
            let keys: Vec<(std::cmp::Reverse<&str>, &str)> = found
                .iter()
                .map(|one| (if order.contains(',') { one["assetType"].as_str().unwrap() } else { "" }, one))
                .map(|(kind, one)| (std::cmp::Reverse(kind), one["resource"].as_str().unwrap()))
                .collect();
            prop_assert!(order.is_empty() || keys.is_sorted(), "{}: not in order", &text);
            for result in &found {
                let explained = &result["explanation"]["matchedPermissions"];
                prop_assert_eq!(explained, &explanation(&query, result, &entries[0].given), "{}", &text);
            }
        }
        Ok(())
    });
}

#[tokio::test]
async fn all_pages_of_a_large_organization_take_one_walk() {
    let mut shortest = Vec::new();
    for (accounts, policies) in [(10_000, 2_000), (100_000, 20_000)] {
        let size = OrganizationSize { projects: policies / 10, accounts, policies, members: policies * 2 };
        let api = TestClient::of(World::generated(3, size)).await;
        let handle = api.emulator.handle();
        let token = handle.mint(GENERATED_OWNER, &[CLOUD], 3600).await.unwrap();
        let organization = "organizations/900000000001";
        let mut took = Vec::new();
        // A busy machine gets more than one chance.
        for _ in 0..3 {
            let started = Instant::now();
            let found = pages(&handle, &token, organization, "", "pageSize=500").await;
            took.push(started.elapsed());
            assert_eq!(found.len(), policies);
            if shortest.first().is_some_and(|small: &Duration| *took.last().unwrap() < *small * 40) {
                break;
            }
        }
        shortest.push(took.into_iter().min().unwrap());
        let query = "policy:svc-000042 OR policy.role.permissions:signBlob";
        let some = pages(&handle, &token, organization, query, "pageSize=500").await;
        assert!(!some.is_empty() && some.len() < policies);
    }
    // If each page took a walk, ten times as many policies would take a hundred times as long.
    assert!(shortest[1] < shortest[0] * 40, "{shortest:?}");
}
