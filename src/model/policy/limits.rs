//! IAM's limits for an allow policy (its page on quotas and limits), checked before it is sent, because IAM's own
//! errors about them are less clear.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Policy;
use crate::model::condition::Condition;
use crate::model::member::{Kind, Member};

/// Every occurrence counts, including members exempted from audit logging.
const MEMBERS: usize = 1_500;
const GROUPS: usize = 250;
const OPERATORS: usize = 12;
/// Bindings of the same role and member that differ in their condition only.
const CONDITIONS: usize = 20;

/// A sentence for each exceeded limit.
pub fn limits(policy: &Policy) -> Vec<String> {
    let exempted = policy.audit_configs().map(exempted).unwrap_or_default();
    let members: Vec<Member> =
        policy.bindings().flat_map(|binding| binding.members).chain(exempted).collect();
    let groups = members.iter().filter(|member| member.kind() == Kind::Group).count();
    let conditions: BTreeSet<Condition> = policy.bindings().filter_map(|binding| binding.condition).collect();
    let mut pairs: BTreeMap<(String, Member), usize> = BTreeMap::new();
    for triple in policy.triples() {
        *pairs.entry((triple.role, triple.member)).or_default() += 1;
    }

    let mut sentences = Vec::new();
    if members.len() > MEMBERS {
        sentences.push(format!(
            "The policy would have {} members; IAM allows up to {MEMBERS}, counting every occurrence.",
            members.len()
        ));
    }
    if groups > GROUPS {
        sentences.push(format!(
            "The policy would have {groups} groups; IAM allows up to {GROUPS}, counting every occurrence."
        ));
    }
    let complex = conditions.iter().filter(|condition| condition.operators() > OPERATORS);
    sentences.extend(complex.map(|condition| {
        let (title, operators) = (condition.title(), condition.operators());
        format!("The condition “{title}” has {operators} logical operators; IAM allows up to {OPERATORS}.")
    }));
    sentences.extend(pairs.into_iter().filter(|(_, count)| *count > CONDITIONS).map(|((role, member), count)| {
        let member = member.as_str();
        format!("{member} would have {role} {count} times under different conditions; IAM allows up to {CONDITIONS}.")
    }));
    // IAM's page on conditions: basic roles and public members can't have one.
    let never = policy.triples().into_iter().find(|triple| {
        let basic = ["roles/owner", "roles/editor", "roles/viewer"].contains(&triple.role.as_str());
        triple.condition.is_some() && (basic || triple.member.is_public())
    });
    sentences.extend(never.map(|triple| {
        let (role, member) = (triple.role, triple.member.as_str().to_owned());
        format!("{role} for {member} can't have a condition: IAM allows none on basic roles or for allUsers and allAuthenticatedUsers.")
    }));
    sentences
}

/// `auditConfigs[].auditLogConfigs[].exemptedMembers[]`
fn exempted(audit_configs: &Value) -> Vec<Member> {
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let configs = audit_configs.as_array().cloned().unwrap_or_default();
    configs
        .iter()
        .flat_map(|config| list(config, "auditLogConfigs"))
        .flat_map(|log| list(&log, "exemptedMembers"))
        .filter_map(|member| member.as_str().map(Member::read))
        .collect()
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
