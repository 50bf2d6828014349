//! An allow policy as it was read, every field of it. The view of bindings, members and conditions is made from the
//! JSON on demand and never written back, so that fields unknown to impersona survive.

pub(crate) mod access;
pub mod diff;
pub mod edit;
pub mod export;
pub(crate) mod gives;
pub(crate) mod guard;
pub mod limits;
pub mod merge;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::condition::Condition;
use super::member::Member;

/// An allow policy with every field that was read, in the order it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    fields: Map<String, Value>,
}

/// One binding, as a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding<'a> {
    /// `roles/iam.serviceAccountTokenCreator`
    pub(crate) role: &'a str,
    /// In the order as read, including duplicates.
    pub(crate) members: Vec<Member>,
    /// `None` if it always holds.
    pub(crate) condition: Option<Condition>,
}

/// The unit of access: this member has this role, under this condition. Compared normalized.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Triple {
    /// `roles/iam.serviceAccountTokenCreator`
    pub role: String,
    /// The member.
    pub member: Member,
    /// `None` if it always holds.
    pub condition: Option<Condition>,
}

/// A level above the account, whose policy the account inherits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Level {
    /// `project acme-prod`, `folder 4711`, `organization 123`
    pub(crate) name: String,
    /// `None` if it couldn't be read.
    pub(crate) policy: Option<Policy>,
}

/// What tells bindings apart: the same role can be bound without a condition and under several.
type Key = (String, Option<Condition>);

impl Policy {
    /// From JSON in the form of an allow policy; unknown fields are kept.
    ///
    /// # Errors
    /// One sentence that says what is malformed.
    pub fn parse(value: Value) -> Result<Policy, String> {
        let Value::Object(fields) = value else {
            return Err("an allow policy is a JSON object, but this isn't one".to_owned());
        };
        let wrong = |what: &str| Err(format!("not an allow policy: {what}"));
        let absent_or =
            |name: &str, is: fn(&Value) -> bool| fields.get(name).is_none_or(|v| v.is_null() || is(v));
        if !absent_or("etag", Value::is_string) {
            return wrong("etag is not a string");
        }
        if !absent_or("version", Value::is_i64) {
            return wrong("version is not a number");
        }
        if !absent_or("bindings", Value::is_array) {
            return wrong("bindings is not a list");
        }
        let policy = Policy { fields };
        for (i, binding) in policy.raw_bindings().iter().enumerate() {
            check_binding(binding)
                .map_err(|what| format!("not an allow policy: in bindings[{i}], {what}"))?;
        }
        Ok(policy)
    }

    /// From the bytes of an answer or a file.
    ///
    /// # Errors
    /// As [`Policy::parse`], and for invalid JSON.
    pub fn from_slice(bytes: &[u8]) -> Result<Policy, String> {
        let value = serde_json::from_slice(bytes).map_err(|error| format!("not valid JSON: {error}"))?;
        Policy::parse(value)
    }

    /// The policy as read, every field.
    pub fn to_json(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    /// The version of the policy; `None` if none was read.
    pub fn etag(&self) -> Option<&str> {
        self.fields.get("etag").and_then(Value::as_str).filter(|etag| !etag.is_empty())
    }

    /// The same under another etag: today's, for a file or a snapshot that is to replace today's policy.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn with_etag(mut self, etag: &str) -> Policy {
        self.fields.insert("etag".to_owned(), etag.into());
        self
    }

    /// 0 when absent, as in the empty policy (`{"etag":"ACAB"}`).
    pub(crate) fn version(&self) -> i64 {
        self.fields.get("version").and_then(Value::as_i64).unwrap_or_default()
    }

    /// The bindings in the order as read.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = Binding<'_>> {
        self.raw_bindings().iter().map(|binding| Binding {
            role: role_of(binding),
            members: members_of(binding).collect(),
            condition: condition_of(binding),
        })
    }

    /// The audit configurations as read.
    pub(crate) fn audit_configs(&self) -> Option<&Value> {
        self.fields.get("auditConfigs")
    }

    /// Each (role, member, condition) once, in the order as read, with the member's first spelling.
    pub(crate) fn triples(&self) -> Vec<Triple> {
        let mut seen = HashSet::new();
        let mut triples = Vec::new();
        for Binding { role, members, condition } in self.bindings() {
            for member in members {
                let triple = Triple { role: role.to_owned(), member, condition: condition.clone() };
                if seen.insert(triple.clone()) {
                    triples.push(triple);
                }
            }
        }
        triples
    }

    /// Whether a changed version of it can be written without losing anything.
    ///
    /// # Errors
    /// One sentence that says why not: no etag (the write would overwrite whatever is there), a role mangled to
    /// `…_withcond_…` (how IAM hides conditions from readers of version 1), a version other than 0, 1 and 3, or a
    /// number that would lose digits.
    pub(crate) fn editable(&self) -> Result<(), String> {
        if self.etag().is_none() {
            return Err("it has no etag, so a write could overwrite someone else's change".to_owned());
        }
        if let Some(hidden) = self.raw_bindings().iter().map(role_of).find(|role| role.contains("_withcond_"))
        {
            return Err(format!(
                "it was read without its conditions ({hidden}); writing it back would lose them"
            ));
        }
        if !matches!(self.version(), 0 | 1 | 3) {
            return Err(format!("its version is {}, which impersona doesn't support", self.version()));
        }
        if self.fields.values().any(has_fraction) {
            return Err("it contains a number that impersona can't write back exactly".to_owned());
        }
        Ok(())
    }

    /// The `policy` to send: version 3, the etag and every field that was read, without bindings that have no members
    /// (IAM rejects those).
    ///
    /// # Errors
    /// As [`Policy::editable`].
    pub fn to_write(&self) -> Result<Value, String> {
        self.editable()?;
        let mut fields = self.fields.clone();
        fields.insert("version".to_owned(), 3.into());
        if let Some(Value::Array(bindings)) = fields.get_mut("bindings") {
            bindings.retain(|binding| members_of(binding).next().is_some());
        }
        Ok(Value::Object(fields))
    }

    fn raw_bindings(&self) -> &[Value] {
        self.fields.get("bindings").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Removes some triples (in all their spellings) and adds others; nothing else is touched. A member joins the first
    /// binding of its role and condition that has members; a binding left empty is removed.
    fn with(&self, removed: &HashSet<Triple>, added: &[Triple]) -> Policy {
        let mut bindings = self.raw_bindings().to_vec();
        let mut present = HashSet::new();
        let mut homes: HashMap<Key, usize> = HashMap::new();
        let mut emptied = HashSet::new();
        for (i, binding) in bindings.iter_mut().enumerate() {
            let (role, condition) = (role_of(binding).to_owned(), condition_of(binding));
            let Some(Value::Array(members)) = binding.get_mut("members") else { continue };
            if members.is_empty() {
                continue;
            }
            members.retain(|member| {
                let member = Member::read(member.as_str().unwrap_or_default());
                let triple = Triple { role: role.clone(), member, condition: condition.clone() };
                let stays = !removed.contains(&triple);
                if stays {
                    present.insert(triple);
                }
                stays
            });
            if members.is_empty() {
                emptied.insert(i);
            }
            homes.entry((role, condition)).or_insert(i);
        }
        for triple in added {
            if !present.insert(triple.clone()) {
                continue;
            }
            let key = (triple.role.clone(), triple.condition.clone());
            let home = *homes.entry(key).or_insert_with(|| {
                bindings.push(new_binding(triple));
                bindings.len() - 1
            });
            emptied.remove(&home);
            if let Some(Value::Array(members)) = bindings[home].get_mut("members") {
                members.push(triple.member.as_str().into());
            }
        }
        let kept = bindings.into_iter().enumerate().filter(|(i, _)| !emptied.contains(i));
        let bindings: Vec<Value> = kept.map(|(_, binding)| binding).collect();

        let mut policy = self.clone();
        if !bindings.is_empty() || policy.fields.get("bindings").is_some_and(Value::is_array) {
            policy.fields.insert("bindings".to_owned(), bindings.into());
        }
        policy
    }
}

fn check_binding(binding: &Value) -> Result<(), String> {
    if !binding.get("role").is_some_and(Value::is_string) {
        return Err("role is not a string".to_owned());
    }
    let texts = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    if !binding.get("members").is_none_or(|members| members.is_null() || texts(members)) {
        return Err("members is not a list of strings".to_owned());
    }
    binding.get("condition").filter(|v| !v.is_null()).map_or(Ok(()), |v| Condition::read(v).map(|_| ()))
}

fn role_of(binding: &Value) -> &str {
    binding.get("role").and_then(Value::as_str).unwrap_or_default()
}

fn members_of(binding: &Value) -> impl Iterator<Item = Member> {
    binding
        .get("members")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(Member::read)
}

fn condition_of(binding: &Value) -> Option<Condition> {
    binding.get("condition").and_then(|condition| Condition::read(condition).ok())
}

fn new_binding(triple: &Triple) -> Value {
    let mut binding = json!({"role": triple.role, "members": []});
    if let Some(condition) = &triple.condition {
        binding["condition"] = condition.to_json();
    }
    binding
}

/// Whole numbers of 64 bits are kept exactly; others are not.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
