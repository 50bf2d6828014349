//! Strict parsing of requests: a body field, query parameter or type that the API does not have is refused,
//! as Google's front end refuses it. This file owns the grammar of the messages; the routes interpret the
//! values.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::clock;
use super::error::Failure;

/// A field of a request message: its lowerCamel name and its type.
pub(crate) type Field = (&'static str, FieldType);

/// The types that proto3 JSON has, as far as our APIs use them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldType {
    Text,
    /// A boolean; google-auth sends some as `"true"`, which is accepted.
    Flag,
    /// An integer of 32 bits, written as a number or as digits.
    Int,
    /// Seconds with an `s`.
    Duration,
    /// A point in time, RFC 3339.
    Time,
    /// Base64, either alphabet, padded or not.
    Bytes,
    Texts,
    /// An enumeration: its full name and its values in their order. Names are accepted and so are numbers, which
    /// Google's own clients send.
    Enum(&'static str, &'static [&'static str]),
    Message(&'static [Field]),
    Messages(&'static [Field]),
}

/// Reads a JSON body. Names may be camelCase or snake_case and come out as camelCase; null means absent; an empty
/// body is an empty message (gcloud posts getIamPolicy without one).
pub(crate) fn body(bytes: &[u8], fields: &[Field]) -> Result<Map<String, Value>, Failure> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| Failure::malformed("Unexpected token."))?;
    match value {
        Value::Object(map) => message(map, fields, ""),
        _ => Err(Failure::malformed("Unknown name \"\": Root element must be a message.")),
    }
}

fn message(map: Map<String, Value>, fields: &[Field], at: &str) -> Result<Map<String, Value>, Failure> {
    let mut read = Map::new();
    for (name, value) in map {
        let Some((known, kind)) = fields.iter().find(|(known, _)| *known == name || snake(known) == name)
        else {
            return Err(Failure::unknown_field(&name, at));
        };
        if value.is_null() {
            continue;
        }
        let path = if at.is_empty() { snake(known) } else { format!("{at}.{}", snake(known)) };
        read.insert((*known).to_owned(), field(value, *kind, &path)?);
    }
    Ok(read)
}

fn field(value: Value, kind: FieldType, path: &str) -> Result<Value, Failure> {
    match (kind, value) {
        (FieldType::Text, Value::String(text)) => Ok(text.into()),
        (FieldType::Flag, Value::Bool(flag)) => Ok(flag.into()),
        (FieldType::Flag, Value::String(text)) if text == "true" || text == "false" => {
            Ok((text == "true").into())
        }
        (FieldType::Int, Value::Number(number))
            if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) =>
        {
            Ok(number.into())
        }
        (FieldType::Int, Value::String(digits)) if digits.parse::<i32>().is_ok() => {
            Ok(digits.parse::<i32>().expect("just parsed").into())
        }
        (FieldType::Duration, Value::String(text)) if seconds(&text).is_some() => Ok(text.into()),
        (FieldType::Duration, _) => Err(Failure::invalid_value(
            path,
            "(type.googleapis.com/google.protobuf.Duration), Field 'lifetime', Illegal duration format; duration \
             must end with 's'",
        )),
        (FieldType::Time, Value::String(text)) if clock::stated(&text).is_some() => {
            Ok(clock::canonical(&text).into())
        }
        (FieldType::Time, value) => Err(wrong(path, "type.googleapis.com/google.protobuf.Timestamp", &value)),
        (FieldType::Bytes, Value::String(text)) => match decode(&text) {
            Some(bytes) => Ok(STANDARD.encode(bytes).into()),
            None => Err(wrong(path, "TYPE_BYTES", &Value::String("Base64 decoding failed".into()))),
        },
        (FieldType::Texts, Value::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| field(item, FieldType::Text, &format!("{path}[{i}]")))
            .collect(),
        (FieldType::Enum(_, values), Value::String(text)) if values.contains(&text.as_str()) => {
            Ok(text.into())
        }
        (FieldType::Enum(name, values), value) => {
            let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
            match number.and_then(|number| values.get(number)) {
                Some(text) => Ok((*text).into()),
                None => Err(wrong(path, &format!("type.googleapis.com/{name}"), &value)),
            }
        }
        (FieldType::Message(fields), Value::Object(map)) => Ok(message(map, fields, path)?.into()),
        (FieldType::Messages(fields), Value::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| field(item, FieldType::Message(fields), &format!("{path}[{i}]")))
            .collect(),
        (FieldType::Flag, value) => Err(wrong(path, "TYPE_BOOL", &value)),
        (FieldType::Int, value) => Err(wrong(path, "TYPE_INT32", &value)),
        (FieldType::Bytes, value) => Err(wrong(path, "TYPE_BYTES", &value)),
        (FieldType::Text | FieldType::Texts, value) => Err(wrong(path, "TYPE_STRING", &value)),
        (FieldType::Message(_) | FieldType::Messages(_), value) => Err(wrong(path, "TYPE_MESSAGE", &value)),
    }
}

fn wrong(path: &str, kind: &str, value: &Value) -> Failure {
    Failure::invalid_value(path, &format!("({kind}), {value}"))
}

/// Base64 of either alphabet, with or without padding.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    STANDARD_NO_PAD.decode(standard).ok()
}

/// The whole seconds of a `Duration`, rounded towards zero.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = match text.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.strip_suffix('s')?, "0"),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let fine = digits(fraction) && fraction.len() <= 9 && digits(whole.strip_prefix('-').unwrap_or(whole));
    if fine { whole.parse().ok() } else { None }
}

/// Whether a `Duration` has more than its whole seconds.
pub(crate) fn has_fraction(text: &str) -> bool {
    text.split_once('.').is_some_and(|(_, fraction)| fraction.contains(|c| matches!(c, '1'..='9')))
}

pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Parameters that every Google API takes; `access_token` is read by the authentication.
const SYSTEM: &[&str] = &[
    "alt",
    "$alt",
    "prettyPrint",
    "fields",
    "$fields",
    "key",
    "$key",
    "quotaUser",
    "$.xgafv",
    "access_token",
    "oauth_token",
    "callback",
    "uploadType",
    "upload_protocol",
];

/// Whether every Google API takes a parameter of that name.
pub(crate) fn is_system(name: &str) -> bool {
    SYSTEM.contains(&name)
}

/// The query of a request, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query or a form body without judging it.
    pub(crate) fn parse(raw: &str) -> Query {
        let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (plain(name), plain(value))
        });
        Query(pairs.collect())
    }

    /// Refuses a parameter that is neither the method's nor the system's.
    pub(crate) fn only(self, allowed: &[&str]) -> Result<Query, Failure> {
        let known = |name: &str| allowed.iter().any(|a| *a == name || snake(a) == name) || is_system(name);
        match self.0.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(Failure::unknown_query(name)),
            None => Ok(self),
        }
    }

    /// The parameters that are the method's own.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.0.iter().filter(|(name, _)| !is_system(name));
        own.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a parameter; empty is absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().find(|value| !value.is_empty())
    }

    /// Every value of a repeated parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let (camel, snake) = (name, snake(name));
        self.0.iter().filter(|(n, _)| n == camel || *n == snake).map(|(_, value)| value.as_str()).collect()
    }

    /// A number, or the refusal of a wrong type.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.text(name)
            .map(|text| {
                text.parse::<i32>()
                    .map(i64::from)
                    .map_err(|_| Failure::invalid_value(&snake(name), &format!("(TYPE_INT32), \"{text}\"")))
            })
            .transpose()
    }

    /// Every value of an enumeration, by name or by number, or the refusal of a wrong type.
    pub(crate) fn enums(
        &self,
        name: &str,
        of: &str,
        values: &[&'static str],
    ) -> Result<Vec<&'static str>, Failure> {
        let read = |text: &str| {
            let number = || text.parse::<usize>().ok().and_then(|number| values.get(number));
            let found = values.iter().find(|value| **value == text).or_else(number);
            let problem = || format!("(type.googleapis.com/{of}), \"{text}\"");
            found.copied().ok_or_else(|| Failure::invalid_value(&snake(name), &problem()))
        };
        self.all(name).into_iter().filter(|text| !text.is_empty()).map(read).collect()
    }

    /// A boolean; gcloud writes `True` and `False`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Failure::invalid_value(&snake(name), &format!("(TYPE_BOOL), \"{other}\""))),
        }
    }

    /// The pairs, for a form body.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0.into_iter().map(|(name, value)| (name, value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        ("scope", FieldType::Texts),
        ("includeEmail", FieldType::Flag),
        ("lifetime", FieldType::Duration),
        ("policy", FieldType::Message(&[("etag", FieldType::Bytes)])),
    ];

    fn message_of(text: &str) -> String {
        body(text.as_bytes(), FIELDS).unwrap_err().body["error"]["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn null_snake_case_and_booleans_in_text_are_accepted() {
        let read = body(br#"{"scope":null,"include_email":"true"}"#, FIELDS).unwrap();
        assert_eq!(Value::Object(read).to_string(), r#"{"includeEmail":true}"#);
        assert!(body(b"", FIELDS).unwrap().is_empty());
    }

    #[test]
    fn unknown_names_are_refused_where_they_are() {
        assert!(message_of(r#"{"x":1}"#).contains("Unknown name \"x\": Cannot find field."));
        assert!(message_of(r#"{"policy":{"x":1}}"#).contains("Unknown name \"x\" at 'policy'"));
    }

    #[test]
    fn a_duration_without_its_s_is_refused_in_google_s_words() {
        let expected = "Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), Field \
             'lifetime', Illegal duration format; duration must end with 's'";
        assert_eq!(message_of(r#"{"lifetime":"60"}"#), expected);
        assert_eq!(message_of(r#"{"lifetime":60}"#), expected);
        assert_eq!(seconds("3600.5s"), Some(3600));
        assert_eq!(["+5s", "5 s", " 5s", "5.s", "--5s", "s", "1e3s"].map(seconds), [None; 7]);
        assert!(has_fraction("3600.001s") && !has_fraction("3600.000s"));
    }

    #[test]
    fn an_unknown_query_parameter_is_refused_and_the_system_s_are_not() {
        assert!(Query::parse("alt=json&prettyPrint=false").only(&[]).is_ok());
        assert!(
            Query::parse("optionsRequestedPolicyVersion=3")
                .only(&["options.requestedPolicyVersion"])
                .is_err()
        );
        assert!(Query::parse("showDeleted=True").flag("showDeleted").unwrap());
    }
}
