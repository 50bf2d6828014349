//! Policies to test with, made by hand and generated: with unknown fields, conditions that differ in their description
//! only, duplicates, spellings, deleted members, audit configurations, and a great many members.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::edit::Edit;
use super::guard::Context;
use super::{Condition, Level, Member, Policy, Triple};

pub(crate) const ROLES: [&str; 3] = [
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountAdmin",
    "projects/acme-prod/roles/signer",
];

const MEMBERS: [&str; 8] = [
    "user:dev@example.com",
    "user:Dev@Example.COM",
    "group:oncall@example.com",
    "serviceAccount:ci@acme-ci.iam.gserviceaccount.com",
    "serviceAccount:acme-prod.svc.id.goog[shop/mail]",
    "deleted:user:ghost@example.com?uid=6052",
    "deleted:user:Ghost@example.com?uid=6052",
    "allUsers",
];

/// A policy from valid JSON.
pub(crate) fn policy(value: Value) -> Policy {
    Policy::parse(value).unwrap()
}

/// A triple for `user:dev@example.com` without a condition.
pub(crate) fn triple(role: &str, member: &str) -> Triple {
    Triple { role: role.to_owned(), member: Member::read(member), condition: None }
}

/// Each triple once, sorted.
pub(crate) fn triples(policy: &Policy) -> std::collections::BTreeSet<Triple> {
    policy.triples().into_iter().collect()
}

fn conditions() -> Vec<Value> {
    let expression = r#"request.time < timestamp("2027-01-01T00:00:00Z")"#;
    vec![
        Value::Null,
        json!({"title": "tmp", "expression": expression}),
        json!({"expression": expression, "title": "tmp", "location": ""}),
        json!({"title": "tmp", "description": "why", "expression": expression}),
        json!({"title": "tmp", "expression": expression, "future": {"kept": [1, "é"]}}),
        json!({"title": "other", "expression": "resource.name == \"x\""}),
    ]
}

fn binding() -> impl Strategy<Value = Value> {
    let few = prop::collection::vec(select(MEMBERS.to_vec()).prop_map(str::to_owned), 0..5);
    let many =
        (0u32..3).prop_map(|kind| (0..1_500).map(|i| format!("user:m{i}.{kind}@example.com")).collect());
    let members = prop_oneof![200 => few, 1 => many];
    (select(ROLES.to_vec()), members, select(conditions()), prop::option::of(select(vec!["a", "b"])))
        .prop_map(|(role, members, condition, unknown)| {
            let mut binding = json!({"members": members, "role": role});
            if !condition.is_null() {
                binding["condition"] = condition;
            }
            if let Some(unknown) = unknown {
                binding["bindingId"] = unknown.into();
            }
            binding
        })
}

/// Any policy that can be written.
pub(crate) fn policies() -> impl Strategy<Value = Policy> {
    let bindings = prop::option::weighted(0.9, prop::collection::vec(binding(), 0..6));
    let audit = prop::option::of(select(vec!["user:x@example.com", "group:Y@example.com"]));
    (bindings, audit, prop::option::of(0..3u64), "[A-Za-z]{1,6}=").prop_map(
        |(bindings, audit, unknown, etag)| {
            let mut value = json!({"version": 1, "etag": etag});
            if let Some(unknown) = unknown {
                value["aFieldOfTheFuture"] =
                    json!({"n": unknown, "nested": [null, true, 9_007_199_254_740_993u64]});
            }
            if let Some(bindings) = bindings {
                value["bindings"] = bindings.into();
            }
            if let Some(exempted) = audit {
                value["auditConfigs"] = json!([{"service": "allServices", "auditLogConfigs": [
                    {"logType": "DATA_READ", "exemptedMembers": [exempted]}
                ]}]);
            }
            policy(value)
        },
    )
}

fn any_triple() -> impl Strategy<Value = Triple> {
    (select(ROLES.to_vec()), select(MEMBERS.to_vec()), select(conditions())).prop_map(
        |(role, member, condition)| {
            let condition = (!condition.is_null()).then(|| Condition::read(&condition).unwrap());
            Triple { condition, ..triple(role, member) }
        },
    )
}

pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        any_triple().prop_map(Edit::Grant),
        any_triple().prop_map(Edit::Revoke),
        (any_triple(), any_triple()).prop_map(|(old, new)| Edit::Replace { old, new }),
    ];
    prop::collection::vec(edit, 0..6)
}

/// The context of the policy of deployer@acme-prod for `user:dev@example.com` at noon: one custom role, every level
/// read, nothing inherited.
pub(crate) struct World {
    pub(crate) caller: Option<Member>,
    pub(crate) levels: Vec<Level>,
    pub(crate) production: bool,
}

impl World {
    pub(crate) fn new() -> World {
        World { caller: Some(Member::read("user:dev@example.com")), levels: Vec::new(), production: false }
    }

    /// Adds a level with these bindings above it; `None` for an unread one.
    pub(crate) fn under(mut self, name: &str, bindings: Option<Value>) -> World {
        let policy = bindings.map(|bindings| policy(json!({"etag": "A", "bindings": bindings})));
        self.levels.push(Level { name: name.to_owned(), policy });
        self
    }

    pub(crate) fn cx(&self) -> Context<'_> {
        Context {
            account: "deployer@acme-prod.iam.gserviceaccount.com",
            caller: self.caller.as_ref(),
            levels: &self.levels,
            production: self.production,
            custom: &|role| {
                (role == "projects/acme-prod/roles/signer")
                    .then(|| vec!["iam.serviceAccounts.signJwt".to_owned()])
            },
            now: "2026-05-01T12:00:00Z".parse().unwrap(),
        }
    }
}
