//! The JSON mapping of values (protobuf's “ProtoJSON”), by the types that discovery documents know.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde_json::Value;

use super::Way;

/// The type of a field or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Flag,
    /// A whole number of this range, as a number.
    Whole(i64, i64),
    /// A whole number of 64 bits, as a text.
    Long,
    Real,
    /// Base64.
    Bytes,
    /// RFC 3339, in UTC.
    Time,
    /// Seconds, and `s`.
    Duration,
    /// Paths of fields, with commas between them.
    Mask,
    /// A name out of these, the first of which is the default.
    Enum(Vec<String>),
    /// A message of this schema.
    Message(String),
    List(Box<Type>),
    Map(Box<Type>),
    /// Whatever JSON can say.
    Any,
}

impl Type {
    /// Reads the short form that `scripts/discovery` writes.
    pub fn parse(text: &str) -> Type {
        let inner = |text: &str| Box::new(Type::parse(&text[1..text.len() - 1]));
        match text {
            "string" => Type::Text,
            "boolean" => Type::Flag,
            "int32" => Type::Whole(i32::MIN.into(), i32::MAX.into()),
            "uint32" => Type::Whole(0, u32::MAX.into()),
            "int64" => Type::Long,
            "double" | "float" => Type::Real,
            "byte" => Type::Bytes,
            "datetime" => Type::Time,
            "duration" => Type::Duration,
            "fieldmask" => Type::Mask,
            "any" => Type::Any,
            _ if text.starts_with('[') => Type::List(inner(text)),
            _ if text.starts_with('{') => Type::Map(inner(text)),
            _ => match (text.strip_prefix('#'), text.strip_prefix("enum:")) {
                (Some(schema), _) => Type::Message(schema.to_owned()),
                (None, Some(names)) => Type::Enum(names.split('|').map(str::to_owned).collect()),
                (None, None) => panic!("the table has a type that nobody knows: {text}"),
            },
        }
    }

    /// Checks a single value; lists, maps and messages are taken apart before.
    pub fn value(&self, at: &str, value: &Value, way: Way, wrong: &mut Vec<String>) {
        let text = value.as_str();
        let is = |check: fn(&str) -> bool| text.is_some_and(check);
        let good = match self {
            Type::Any => true,
            Type::Text => value.is_string(),
            Type::Flag => value.is_boolean(),
            Type::Whole(least, most) => {
                value.as_i64().is_some_and(|number| (*least..=*most).contains(&number))
            }
            Type::Long => is(|text| text.parse::<i64>().is_ok()),
            Type::Real => value.is_number(),
            // Servers write the standard alphabet, and read both.
            Type::Bytes => {
                is(|text| STANDARD.decode(text).is_ok())
                    || (way == Way::Sent && is(|text| URL_SAFE.decode(text).is_ok()))
            }
            Type::Time => is(is_time),
            Type::Duration => is(is_duration),
            Type::Mask => is(is_mask),
            Type::Enum(names) => text.is_some_and(|text| names.iter().any(|name| name == text)),
            Type::Message(_) | Type::List(_) | Type::Map(_) => false,
        };
        if !good {
            wrong.push(format!("{at}: {value} is no {self:?}"));
        }
    }

    /// A value of a single type.
    pub fn example(&self) -> Value {
        match self {
            Type::Flag => true.into(),
            Type::Whole(..) => 1.into(),
            Type::Real => 0.5.into(),
            Type::Long => "1".into(),
            Type::Bytes => "AAAA".into(),
            Type::Time => "2026-01-02T03:04:05Z".into(),
            Type::Duration => "60s".into(),
            Type::Mask => "bindings".into(),
            Type::Enum(names) => names.last().cloned().into(),
            Type::Text | Type::Any | Type::Message(_) | Type::List(_) | Type::Map(_) => "x".into(),
        }
    }

    /// Checks a parameter of a query, where everything is text.
    pub fn text(&self, at: &str, text: &str, wrong: &mut Vec<String>) {
        let value = match self {
            Type::Flag | Type::Whole(..) | Type::Real => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            _ => Value::from(text),
        };
        self.value(at, &value, Way::Sent, wrong);
    }
}

/// Whether a field has the value that it also has where it is not there. A message that is there says so by being there.
pub fn is_default(kind: &Type, value: &Value) -> bool {
    match kind {
        Type::Any | Type::Message(_) => false,
        Type::Enum(names) => value.as_str() == names.first().map(String::as_str),
        Type::Long => value == "0",
        _ => match value {
            Value::Null => true,
            Value::Bool(flag) => !flag,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
        },
    }
}

/// `2026-01-02T03:04:05Z`, with three, six or nine digits of a second or none.
fn is_time(text: &str) -> bool {
    let Some((whole, fraction)) =
        text.strip_suffix('Z').map(|text| text.split_once('.').unwrap_or((text, "")))
    else {
        return false;
    };
    let shape: String = whole.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00"
        && matches!(fraction.len(), 0 | 3 | 6 | 9)
        && fraction.bytes().all(|digit| digit.is_ascii_digit())
}

/// `3600s`, `0.250s`
fn is_duration(text: &str) -> bool {
    let Some(number) = text.strip_suffix('s') else { return false };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction) && fraction.len() <= 9
}

/// `bindings,auditConfigs.service`
fn is_mask(text: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    text.split(',').all(|path| path.split('.').all(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is(kind: &str, value: Value) -> bool {
        let mut wrong = Vec::new();
        Type::parse(kind).value("x", &value, Way::Told, &mut wrong);
        wrong.is_empty()
    }

    #[test]
    fn every_type_has_its_form() {
        for (kind, good, bad) in [
            ("int32", json!(-1), json!("1")),
            ("uint32", json!(1), json!(-1)),
            ("int64", json!("109300000000000004"), json!(1)),
            ("byte", json!("+/8="), json!("-_8=")),
            ("datetime", json!("9999-12-31T23:59:59Z"), json!("2026-01-02T03:04:05+00:00")),
            ("datetime", json!("2026-01-02T03:04:05.123Z"), json!("2026-01-02T03:04:05.1Z")),
            ("duration", json!("3600s"), json!("3600")),
            ("fieldmask", json!("bindings,auditConfigs"), json!("audit_configs")),
            ("enum:A|B", json!("B"), json!("C")),
            ("boolean", json!(true), json!("true")),
            ("double", json!(0.5), json!("0.5")),
            ("string", json!(""), json!(null)),
        ] {
            assert!(is(kind, good.clone()), "{kind} {good}");
            assert!(!is(kind, bad.clone()), "{kind} {bad}");
        }
    }
}
