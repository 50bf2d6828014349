//! Policies and their changes as lines of text and as JSON. Whatever comes from outside is made safe here.

use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::output::{columns, time, to_json};
use crate::local::history::Snapshot;
use crate::model::condition::Condition;
use crate::model::policy::diff::{Change, Diff, FieldChange, Op, Place};
use crate::model::policy::gives;
use crate::model::policy::guard::Context;
use crate::model::policy::{Binding, Policy};

/// `{before, after, diff: [{op, role, member, condition}], etag}`
pub(super) fn object(
    before: &Policy,
    after: &Policy,
    changes: &[Change],
    etag: Option<&str>,
) -> Zeroizing<String> {
    let diff: Vec<Value> = changes.iter().map(Change::to_json).collect();
    to_json(&json!({"before": before.to_json(), "after": after.to_json(), "diff": diff, "etag": etag}))
}

/// The policy for people: by role, members below it, then whatever else it has.
pub(super) fn policy(policy: &Policy, now: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> = policy.bindings().flat_map(|binding| block(&binding, now)).collect();
    if lines.is_empty() {
        lines.push("no one has a role on the account itself".to_owned());
    }
    if let Value::Object(fields) = policy.to_json() {
        let others = fields.iter().filter(|(name, _)| *name != "bindings");
        lines.extend(others.map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            columns(&[(&format!("{name}:"), 0), (&text, 0)])
        }));
    }
    lines
}

fn block(binding: &Binding<'_>, now: Timestamp) -> Vec<String> {
    let mut lines = vec![columns(&[(binding.role, 0)])];
    if let Some(condition) = &binding.condition {
        lines.push(columns(&[("  if", 0), (&in_words(condition), 0), (&condition.words(now), 0)]));
    }
    lines.extend(binding.members.iter().map(|member| columns(&[("", 2), (member.as_str(), 0)])));
    lines
}

/// What changes, each with what it means below it.
pub(super) fn changes(changes: &[Change], after: &Policy, context: &Context<'_>) -> Vec<String> {
    let each = changes.iter().flat_map(|change| {
        let sentence = gives::sentence(change, after, context);
        [line(change), columns(&[("", 2), (&sentence, 0)])]
    });
    each.collect()
}

/// What differs, without what it means.
pub(super) fn diff(diff: &Diff) -> Vec<String> {
    diff.changes.iter().map(line).chain(diff.fields.iter().map(field)).collect()
}

fn line(change: &Change) -> String {
    let condition = |condition: &Option<Condition>| match condition {
        Some(condition) => in_words(condition),
        None => "always".to_owned(),
    };
    let when = match change.op {
        Op::Change => format!("{} → {}", condition(&change.was), condition(&change.condition)),
        _ => change.condition.as_ref().map(in_words).unwrap_or_default(),
    };
    columns(&[(sign(change.op), 1), (&change.role, 0), (change.member.as_str(), 0), (&when, 0)])
}

fn field(field: &FieldChange) -> String {
    let place = match &field.place {
        Place::Policy => String::new(),
        Place::Binding(role, _) | Place::Condition(role, _) => role.clone(),
    };
    let op = match (&field.before, &field.after) {
        (None, _) => Op::Add,
        (_, None) => Op::Remove,
        _ => Op::Change,
    };
    let value = field.after.as_ref().or(field.before.as_ref()).map(Value::to_string).unwrap_or_default();
    let name = if place.is_empty() { field.name.clone() } else { format!("{place} {}", field.name) };
    columns(&[(sign(op), 1), (&format!("{name}:"), 0), (&value, 0)])
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Remove => "-",
        Op::Change => "~",
    }
}

fn in_words(condition: &Condition) -> String {
    format!("“{}”: {}", condition.title(), condition.expression())
}

/// A saved policy: one object, or a line with what was about to be done to it below.
pub(super) fn snapshot(snapshot: &Snapshot, json: bool) -> Vec<String> {
    if json {
        let object = json!({
            "id": snapshot.id,
            "time": time(snapshot.time),
            "account": snapshot.whose.account,
            "uniqueId": snapshot.whose.unique_id,
            "change": snapshot.change,
            "policy": snapshot.policy,
        });
        return vec![to_json(&object).to_string()];
    }
    let mut lines = vec![columns(&[(&snapshot.id, 0), (&time(snapshot.time), 0), ("before", 0)])];
    lines.extend(snapshot.change.iter().map(|change| columns(&[("", 2), (change, 0)])));
    lines
}
