//! The form of an answer that a request asks for: `prettyPrint`, `alt` and `fields`, which every API of
//! Google's takes. This file owns the grammar of field masks; it does not know the fields of any answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::Query;
use super::error::Failure;

/// How deep parentheses can be nested.
const DEEPEST: usize = 32;

/// The form of an answer.
#[derive(Debug, Default)]
pub(crate) struct ResponseFormat {
    /// Whether it has no line ends and blanks between its parts.
    pub(crate) compact: bool,
    /// The field mask; everything without one.
    pub(crate) fields: Option<FieldMask>,
}

/// The selected fields, each with a mask of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldMask(BTreeMap<String, FieldMask>);

impl ResponseFormat {
    /// Reads the query, or refuses it.
    pub(crate) fn parse(query: &Query) -> Result<ResponseFormat, Failure> {
        let either = |name: &str| query.text(name).or_else(|| query.text(&format!("${name}")));
        // Clients made of protocol buffers ask for `json;enum-encoding=int`.
        match either("alt").map(|alt| alt.split(';').next().unwrap_or_default()) {
            None | Some("json" | "media") => {}
            Some("proto") => {
                return Err(Failure::invalid("The emulator answers in JSON, not with alt=proto."));
            }
            Some(other) => return Err(Failure::invalid_value("alt", &format!("(alt), \"{other}\""))),
        }
        let fields = match either("fields") {
            None => None,
            Some(text) => Some(FieldMask::parse(text).ok_or_else(|| Failure::bad_fields(text))?),
        };
        let compact = query.text("prettyPrint").is_some() && !query.flag("prettyPrint")?;
        Ok(ResponseFormat { compact, fields })
    }

    /// Whether an answer stays as it is.
    pub(crate) fn is_usual(&self) -> bool {
        !self.compact && self.fields.is_none()
    }
}

impl FieldMask {
    /// Reads `a,b/c,d(e,f)`; a `*` stands for every field.
    fn parse(text: &str) -> Option<FieldMask> {
        let (mask, rest) = list(text, 0)?;
        rest.is_empty().then_some(mask)
    }

    /// The selected part of a value; of a list, of each item.
    pub(crate) fn apply(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.apply(item)).collect(),
            Value::Object(fields) if !self.0.is_empty() => fields
                .into_iter()
                .filter_map(|(name, value)| {
                    let wanted = self.0.get(&name).or_else(|| self.0.get("*"))?;
                    Some((name, wanted.apply(value)))
                })
                .collect::<Map<_, _>>()
                .into(),
            other => other,
        }
    }

    fn add(&mut self, path: &[&str], below: FieldMask) {
        match path.split_first() {
            Some((first, rest)) => self.0.entry((*first).to_owned()).or_default().add(rest, below),
            None => self.0.extend(below.0),
        }
    }
}

fn list(text: &str, depth: usize) -> Option<(FieldMask, &str)> {
    let mut mask = FieldMask::default();
    let mut rest = text;
    loop {
        let end = rest.find([',', '(', ')']).unwrap_or(rest.len());
        let path: Vec<&str> = rest[..end].trim().split('/').collect();
        let is_name = |name: &&str| {
            *name == "*" || !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !path.iter().all(is_name) {
            return None;
        }
        rest = &rest[end..];
        let mut below = FieldMask::default();
        if let Some(inside) = rest.strip_prefix('(') {
            let (inner, after) = (depth < DEEPEST).then(|| list(inside, depth + 1))??;
            (below, rest) = (inner, after.strip_prefix(')')?);
        }
        mask.add(&path, below);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((mask, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mask_leaves_what_it_names_in_lists_and_below() {
        let value = json!({"accounts": [{"email": "a", "name": "n", "keys": {"x": 1, "y": 2}}], "next": "t"});
        for (mask, wanted) in [
            ("next", json!({"next": "t"})),
            ("accounts/email", json!({"accounts": [{"email": "a"}]})),
            (
                "accounts(email,keys/x),next",
                json!({"accounts": [{"email": "a", "keys": {"x": 1}}], "next": "t"}),
            ),
            ("accounts/*/x", json!({"accounts": [{"email": "a", "name": "n", "keys": {"x": 1}}]})),
            ("*", value.clone()),
            ("nothing", json!({})),
        ] {
            assert_eq!(FieldMask::parse(mask).unwrap().apply(value.clone()), wanted, "{mask}");
        }
        let deep = format!("{}a{}", "a(".repeat(10_000), ")".repeat(10_000));
        for wrong in ["", "a,", "a(b", "a)b", "a//b", "a b", &deep] {
            assert_eq!(FieldMask::parse(wrong), None, "{wrong}");
        }
    }
}
