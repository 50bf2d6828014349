//! The difference between two policies: triples, and separately the fields that impersona only carries along.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Condition, Key, Member, Policy, Triple, condition_of, members_of, role_of};

/// `+`, `-` or `~`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Added.
    Add,
    /// Removed.
    Remove,
    /// The same role and member under another condition.
    Change,
}

/// One triple that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub op: Op,
    /// The role.
    pub role: String,
    /// The member.
    pub member: Member,
    /// The condition afterwards; for a removal, before.
    pub condition: Option<Condition>,
    /// For [`Op::Change`] the condition before, else `None`.
    pub was: Option<Condition>,
}

/// The place of a field that isn't about access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the top, such as `auditConfigs`.
    Policy,
    /// In the binding of this role and condition.
    Binding(String, Option<Condition>),
    /// In the condition of this role's binding.
    Condition(String, Condition),
}

/// A carried field that differs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldChange {
    pub(crate) place: Place,
    /// `auditConfigs`
    pub(crate) name: String,
    /// `None` if it was absent.
    pub(crate) before: Option<Value>,
    /// `None` if it was removed.
    pub(crate) after: Option<Value>,
}

/// The whole difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Triples, sorted by role, then member.
    pub changes: Vec<Change>,
    /// Fields, except etag and version.
    pub(crate) fields: Vec<FieldChange>,
}

impl Change {
    /// A triple to add or remove: what is copied from a row, and what a request asks an administrator for.
    pub fn of(op: Op, triple: Triple) -> Change {
        Change { op, role: triple.role, member: triple.member, condition: triple.condition, was: None }
    }

    pub(crate) fn removed(&self) -> Option<Triple> {
        match self.op {
            Op::Add => None,
            Op::Remove => Some(self.triple(&self.condition)),
            Op::Change => Some(self.triple(&self.was)),
        }
    }

    pub(crate) fn added(&self) -> Option<Triple> {
        (self.op != Op::Remove).then(|| self.triple(&self.condition))
    }

    /// `{op, role, member, condition}`, the contract of the command line, with `op` one of `add`, `remove` and
    /// `change`; a change also has the condition `before`.
    pub(crate) fn to_json(&self) -> Value {
        let op = match self.op {
            Op::Add => "add",
            Op::Remove => "remove",
            Op::Change => "change",
        };
        let condition = |condition: &Option<Condition>| condition.as_ref().map(Condition::to_json);
        let mut json = json!({
            "op": op,
            "role": self.role,
            "member": self.member.as_str(),
            "condition": condition(&self.condition),
        });
        if self.op == Op::Change {
            json["before"] = json!(condition(&self.was));
        }
        json
    }

    fn triple(&self, condition: &Option<Condition>) -> Triple {
        Triple { role: self.role.clone(), member: self.member.clone(), condition: condition.clone() }
    }
}

impl Diff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.fields.is_empty()
    }

    /// Whether a write with the default update mask (`bindings, etag`) would write all of it.
    ///
    /// # Errors
    /// One sentence that names the fields it would silently leave unchanged, such as `auditConfigs`.
    pub(crate) fn writable(&self) -> Result<(), String> {
        let left: Vec<&str> = self
            .fields
            .iter()
            .filter(|field| field.place == Place::Policy)
            .map(|field| field.name.as_str())
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} would change too, but impersona writes bindings only", left.join(", ")))
        }
    }

    /// The policy with all of it applied, including fields.
    pub fn apply_to(&self, policy: &Policy) -> Policy {
        let mut policy = apply(policy, &self.changes);
        for field in &self.fields {
            field.apply_to(&mut policy);
        }
        policy
    }
}

impl FieldChange {
    fn apply_to(&self, policy: &mut Policy) {
        if self.place == Place::Policy {
            return self.set(&mut policy.fields);
        }
        let Some(Value::Array(bindings)) = policy.fields.get_mut("bindings") else { return };
        for binding in bindings {
            let key = (role_of(binding).to_owned(), condition_of(binding));
            let Value::Object(fields) = binding else { continue };
            match &self.place {
                Place::Binding(role, condition) if (role, condition) == (&key.0, &key.1) => self.set(fields),
                Place::Condition(role, condition) if (role, Some(condition)) == (&key.0, key.1.as_ref()) => {
                    if let Some(Value::Object(fields)) = fields.get_mut("condition") {
                        self.set(fields);
                    }
                }
                _ => {}
            }
        }
    }

    fn set(&self, fields: &mut Map<String, Value>) {
        match &self.after {
            Some(value) => fields.insert(self.name.clone(), value.clone()),
            None => fields.shift_remove(&self.name),
        };
    }
}

/// What turns `before` into `after`: the triples first, then the fields that still differ.
pub fn diff(before: &Policy, after: &Policy) -> Diff {
    let changes = between(before.triples(), after.triples());
    let fields = fields_between(&carried(&apply(before, &changes)), carried(after));
    Diff { changes, fields }
}

/// The policy with these changes and nothing else touched. Changes that are already there do nothing.
pub(crate) fn apply(policy: &Policy, changes: &[Change]) -> Policy {
    let removed = changes.iter().filter_map(Change::removed).collect();
    let added: Vec<Triple> = changes.iter().filter_map(Change::added).collect();
    policy.with(&removed, &added)
}

/// The changes from one set of triples to another, by role, then member. One condition replaced by one other is a
/// change; anything else is additions and removals.
pub(super) fn between(
    before: impl IntoIterator<Item = Triple>,
    after: impl IntoIterator<Item = Triple>,
) -> Vec<Change> {
    let before: BTreeSet<Triple> = before.into_iter().collect();
    let after: BTreeSet<Triple> = after.into_iter().collect();
    let mut pairs: BTreeMap<(&str, &Member), [Vec<&Triple>; 2]> = BTreeMap::new();
    for (side, triples) in
        [before.difference(&after).collect::<Vec<_>>(), after.difference(&before).collect()]
            .into_iter()
            .enumerate()
    {
        for triple in triples {
            pairs.entry((&triple.role, &triple.member)).or_default()[side].push(triple);
        }
    }
    let change = |op, triple: &Triple, was: Option<Condition>| Change {
        op,
        role: triple.role.clone(),
        member: triple.member.clone(),
        condition: triple.condition.clone(),
        was,
    };
    pairs
        .into_values()
        .flat_map(|[removed, added]| match (removed.as_slice(), added.as_slice()) {
            ([old], [new]) => vec![change(Op::Change, new, old.condition.clone())],
            _ => {
                let removed = removed.into_iter().map(|triple| change(Op::Remove, triple, None));
                removed.chain(added.into_iter().map(|triple| change(Op::Add, triple, None))).collect()
            }
        })
        .collect()
}

/// The fields that impersona only carries along, in the order as read. If several bindings have the same role and
/// condition, the first with a field speaks for all; one without members doesn't count.
type Carried = Vec<(Place, Map<String, Value>)>;

fn carried(policy: &Policy) -> Carried {
    let without = |fields: &Map<String, Value>, known: &[&str]| -> Map<String, Value> {
        let unknown = fields.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        unknown.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let mut carried = vec![(Place::Policy, without(&policy.fields, &["bindings", "etag", "version"]))];
    for binding in policy.raw_bindings() {
        let Value::Object(fields) = binding else { continue };
        if members_of(binding).next().is_none() {
            continue;
        }
        let (role, condition): Key = (role_of(binding).to_owned(), condition_of(binding));
        if let Some(condition) = &condition {
            let unknown = condition.unknown().map(|(name, value)| (name.clone(), value.clone())).collect();
            add(&mut carried, Place::Condition(role.clone(), condition.clone()), unknown);
        }
        // The place already has the role, so it never differs.
        let unknown = without(fields, &["members", "condition"]);
        add(&mut carried, Place::Binding(role, condition), unknown);
    }
    carried
}

fn add(carried: &mut Carried, place: Place, fields: Map<String, Value>) {
    match carried.iter_mut().find(|(other, _)| *other == place) {
        Some((_, known)) => {
            for (name, value) in fields {
                known.entry(name).or_insert(value);
            }
        }
        None => carried.push((place, fields)),
    }
}

fn fields_between(before: &Carried, after: Carried) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    for (place, after) in after {
        let nothing = Map::new();
        let before = before.iter().find(|(other, _)| *other == place).map_or(&nothing, |(_, fields)| fields);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
            changes.push(FieldChange {
                place: place.clone(),
                name: name.clone(),
                before: before.get(name).cloned(),
                after: after.get(name).cloned(),
            });
        }
    }
    changes
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
