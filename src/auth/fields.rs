//! The fields of a credentials file, however deep: each taken out once, each wrong one named by its whole path. Any of
//! them may be a secret, one that is not known here too, so all texts are wiped in the end.

use std::{collections::HashMap, fmt};

use reqwest::header::{HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::model::secret::Secret;

/// Headers that a file can't set: the address and the length of a request, and hop-by-hop headers (RFC 9110, section
/// 7.6.1).
const RESERVED: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "http2-settings",
];

/// What can be shown of a name out of a file.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}

/// An object of the file.
#[derive(Default)]
pub(super) struct Fields {
    /// Where it stands: empty, or `credential_source.`.
    path: String,
    fields: HashMap<String, Field>,
}

/// A value of the file.
pub(super) enum Field {
    Text(Zeroizing<String>),
    Null,
    Bool(bool),
    Number(f64),
    List(Vec<Field>),
    Object(HashMap<String, Field>),
}

impl Field {
    fn name(&self) -> &'static str {
        match self {
            Field::Text(_) => "a string",
            Field::Null => "nothing",
            Field::Bool(_) => "a boolean",
            Field::Number(_) => "a number",
            Field::List(_) => "a list",
            Field::Object(_) => "an object",
        }
    }
}

impl Fields {
    /// Reads a file's text; `None` if it is JSON, but not an object.
    ///
    /// # Errors
    /// The reader's own, whose text can quote the file.
    pub(super) fn read(json: &[u8]) -> Result<Option<Fields>, serde_json::Error> {
        Ok(match serde_json::from_slice(json)? {
            Field::Object(fields) => Some(Fields { path: String::new(), fields }),
            _ => None,
        })
    }

    fn take(&mut self, name: &str) -> Option<Field> {
        self.fields.remove(name).filter(|field| !matches!(field, Field::Null))
    }

    fn wrong<T>(&self, name: &str, found: &Field, wanted: &str) -> Result<T, String> {
        Err(format!("has {} in its field “{}{name}”, which must be {wanted}", found.name(), self.path))
    }

    /// Says that a field has to be there.
    pub(super) fn lacks(&self, name: &str) -> String {
        format!("is missing the field “{}{name}”", self.path)
    }

    /// A field by its whole path.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// Takes an address out, as it stands there. One that nothing can be sent to is not first found out by trying.
    pub(super) fn optional_url(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        let url = reqwest::Url::parse(&text).ok().filter(|url| url.host_str().is_some());
        match url {
            Some(url) if matches!(url.scheme(), "https" | "http") => Ok(Some(text)),
            _ => Err(format!("has no https:// address in its field “{}”", self.path_of(name))),
        }
    }

    /// The same, where it must be there.
    pub(super) fn required_url(&mut self, name: &str) -> Result<String, String> {
        self.optional_url(name)?.ok_or_else(|| self.lacks(name))
    }

    /// A text that must be there. Empty is as good as missing.
    pub(super) fn required(&mut self, name: &str) -> Result<String, String> {
        self.optional(name)?.ok_or_else(|| self.lacks(name))
    }

    /// The same, for what nobody may see: it is moved, not copied.
    pub(super) fn secret(&mut self, name: &str) -> Result<Secret, String> {
        self.required(name).map(Secret::new)
    }

    /// Takes a text out.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Field::Text(mut text)) => {
                Ok(Some(std::mem::take(&mut *text)).filter(|text| !text.is_empty()))
            }
            Some(other) => self.wrong(name, &other, "a string"),
        }
    }

    /// Takes a whole number out; some files have it as text.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        let field = match self.take(name) {
            None => return Ok(None),
            Some(field) => field,
        };
        let number = match &field {
            Field::Number(number) if *number >= 0.0 && number.fract() == 0.0 && *number < 1e15 => {
                Some(*number as u64)
            }
            Field::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => self.wrong(name, &field, "a whole number"),
        }
    }

    /// Takes true or false out.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Field::Bool(flag)) => Ok(Some(flag)),
            Some(other) => self.wrong(name, &other, "true or false"),
        }
    }

    /// Takes a list of texts out; none is as good as an empty one.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Field::List(list)) => list
                .into_iter()
                .map(|field| match field {
                    Field::Text(mut text) => Ok(std::mem::take(&mut *text)),
                    other => self.wrong(name, &other, "a list of strings"),
                })
                .collect(),
            Some(other) => self.wrong(name, &other, "a list"),
        }
    }

    /// Takes an object out; its fields are named with their whole path.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Fields>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Field::Object(fields)) => Ok(Some(Fields { path: format!("{}{name}.", self.path), fields })),
            Some(other) => self.wrong(name, &other, "an object"),
        }
    }

    /// Takes headers out: all texts, with their names. Those that say where a request goes, how long it is and what
    /// becomes of the connection are the client's to set, and with another value one request can be read as two.
    pub(super) fn headers(mut self) -> Result<Vec<(String, Secret)>, String> {
        let mut names: Vec<String> = self.fields.keys().cloned().collect();
        names.sort_unstable();
        let mut headers: Vec<(String, Secret)> = Vec::new();
        for name in names {
            let path = self.path_of(&printable(&name));
            let text = self.secret(&name)?;
            if HeaderName::try_from(&name).is_err() {
                return Err(format!("has a name not allowed for a header in its field “{path}”"));
            }
            if HeaderValue::try_from(text.expose()).is_err() {
                return Err(format!("contains characters not allowed in a header in its field “{path}”"));
            }
            if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
                return Err(format!("sets a connection header in its field “{path}”: remove it"));
            }
            if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                return Err(format!("sets the same header twice in its field “{path}”"));
            }
            headers.push((name, text));
        }
        Ok(headers)
    }

    /// Whether a field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|field| !matches!(field, Field::Null))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Field, E> {
        Ok(Field::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Field, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Field, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Field, E> {
        Ok(Field::Number(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Field::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Field, A::Error> {
        let mut fields = HashMap::new();
        // Of a field that stands twice the last counts, as with Google's libraries.
        while let Some((name, field)) = entries.next_entry()? {
            fields.insert(name, field);
        }
        Ok(Field::Object(fields))
    }
}
