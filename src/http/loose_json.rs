//! Objects and lists in a text, in the notation of any language: JSON, Python's repr, Rust's Debug, Node's inspect,
//! Java's toString, protobuf's text. It reads each part of a text a bounded number of times and never fails.

use serde_json::{Map, Value};

/// The deepest nesting that is read.
const DEPTH: usize = 24;

/// The most values that are read from one text.
const MOST: usize = 64;

/// The outermost objects and lists of a text.
pub(super) fn values(text: &str) -> Vec<Value> {
    let (mut found, mut at) = (Vec::new(), 0);
    // Attempts that fail are what could cost more than one pass.
    let mut budget = text.len().saturating_mul(4) + 1024;
    while found.len() < MOST
        && budget > 0
        && let Some(next) = text[at..].find(['{', '['])
    {
        let begin = at + next;
        let mut reader = Reader { text, at: begin, end: begin + budget.min(text.len() - begin) };
        match reader.value(0) {
            Some(value) if !is_empty(&value) => {
                found.push(value);
                at = reader.at;
            }
            _ => at = begin + 1,
        }
        budget = budget.saturating_sub((reader.at - begin).max(1));
    }
    found
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        // `[x]` in prose is not a list.
        Value::Array(list) => !list.iter().any(|value| value.is_object() || value.is_array()),
        _ => true,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        if self.at < self.end { &self.text[self.at..] } else { "" }
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let it = self.peek() == Some(c);
        if it {
            self.at += c.len_utf8();
        }
        it
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        if depth > DEPTH {
            return None;
        }
        match self.peek()? {
            '{' => self.object(depth),
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '"' | '\'' | '`' => self.string().map(Value::String),
            _ => self.word(depth),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take('{');
        let mut map = Map::new();
        loop {
            self.separators();
            if self.take('}') {
                return Some(Value::Object(map));
            }
            let key = match self.peek()? {
                '"' | '\'' => self.string()?,
                _ => self.name()?.to_owned(),
            };
            self.space();
            let paired = self.take(':') || self.take('=');
            self.take('>');
            self.space();
            // protobuf's text: `metadata { key: "a" value: "b" }`
            if !paired && self.peek() != Some('{') {
                return None;
            }
            let value = self.value(depth + 1)?;
            insert(&mut map, key, value);
        }
    }

    fn separators(&mut self) {
        self.space();
        while self.take(',') || self.take(';') {
            self.space();
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.separators();
            if self.take(close) {
                return Some(Value::Array(list));
            }
            // google-api-core's block: `[reason: "…" domain: "…" metadata { … }]`
            if list.is_empty() && close == ']' && self.is_pair() {
                return self.block(depth);
            }
            list.push(self.value(depth + 1)?);
        }
    }

    fn is_pair(&self) -> bool {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
        end > 0 && rest[end..].starts_with(": \"")
    }

    /// Pairs up to the end of the list, as one object in it.
    fn block(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        loop {
            self.separators();
            if self.take(']') {
                return Some(Value::Array(vec![Value::Object(map)]));
            }
            let key = self.name()?.to_owned();
            self.space();
            if !self.take(':') && self.peek() != Some('{') {
                return None;
            }
            let value = self.value(depth + 1)?;
            insert(&mut map, key, value);
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_@$.-/".contains(c))).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| &rest[..end])
    }

    /// A quoted text. A quote that nothing follows that could follow a text is part of it.
    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.at += 1;
        let mut out = String::new();
        let mut escaped = false;
        let rest = self.rest();
        for (index, c) in rest.char_indices() {
            match c {
                _ if self.at + index >= self.end => return None,
                _ if escaped => {
                    escaped = false;
                    match c {
                        'n' => out.push('\n'),
                        't' => out.push('\t'),
                        'r' => {}
                        'u' => match rest.get(index + 1..index + 5).and_then(code) {
                            // The four digits are skipped by `strip_codes`.
                            Some(c) => {
                                out.push(c);
                                out.push(SKIP);
                            }
                            None => out.push_str("\\u"),
                        },
                        c => out.push(c),
                    }
                }
                '\\' => escaped = true,
                c if c == quote && ends(&rest[index + 1..]) => {
                    self.at += index + 1;
                    return Some(strip_codes(&out));
                }
                c => out.push(c),
            }
        }
        self.at = self.end;
        None
    }

    /// A word without quotes: `true`, `None`, `403`, and the constructors of Debug (`Some("x")`, `Object {…}`).
    fn word(&mut self, depth: usize) -> Option<Value> {
        let begin = self.at;
        let rest = self.rest();
        let end = rest.find([',', '}', ']', ')', '\n', '{', '(', '[', '"', '\'']).unwrap_or(rest.len());
        let word = rest[..end].trim();
        self.at += end;
        let next = self.peek();
        match next {
            // Python's prefixes of a string, and what has a name before it.
            Some('"' | '\'') if word.len() <= 2 => return self.string().map(Value::String),
            Some('{' | '[') if word.chars().all(|c| c.is_alphanumeric() || "_.:<>".contains(c)) => {
                return self.value(depth + 1);
            }
            Some('(') => {
                return match self.value(depth + 1)? {
                    Value::Array(mut list) if list.len() == 1 => list.pop(),
                    other => Some(other),
                };
            }
            _ => {}
        }
        match word {
            "" => None,
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            "null" | "Null" | "None" | "nil" | "undefined" => Some(Value::Null),
            // Pairs without commas: only the first word belongs to the value.
            _ if word.contains(": ") || word.contains(" = ") => {
                let first = word.split(char::is_whitespace).next()?;
                self.at = begin + rest.find(first)? + first.len();
                Some(number(first))
            }
            _ => Some(number(word)),
        }
    }
}

const SKIP: char = '\u{f8ff}';

/// Removes the digits of codes that were already read.
fn strip_codes(text: &str) -> String {
    if !text.contains(SKIP) {
        return text.to_owned();
    }
    let mut parts = text.split(SKIP);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.get(4..).unwrap_or_default());
    }
    out
}

fn code(hex: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(hex, 16).ok()?)
}

fn number(word: &str) -> Value {
    word.parse::<u64>().map_or_else(|_| Value::String(word.to_owned()), Value::from)
}

/// Whether a text can end here: the end of a value, a line or the input follows.
fn ends(rest: &str) -> bool {
    let after = rest.trim_start();
    let next = after.chars().next();
    next.is_none_or(|c| ",:}])=;".contains(c)) || rest.starts_with(['\n', ' ']) && is_next_pair(after)
}

/// `key: "…" value: "…"`: the next name of protobuf's text.
fn is_next_pair(after: &str) -> bool {
    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
    end > 0 && (after[end..].starts_with(": ") || after[end..].starts_with(" {"))
}

/// Adds a pair. Entries of a protobuf map come one by one.
fn insert(map: &mut Map<String, Value>, key: String, value: Value) {
    let entry = match &value {
        Value::Object(entry) if entry.len() == 2 => entry
            .get("key")
            .and_then(Value::as_str)
            .zip(entry.get("value"))
            .map(|(k, v)| (k.to_owned(), v.clone())),
        _ => None,
    };
    match entry {
        Some((name, value)) => {
            let entries = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(entries) = entries {
                entries.insert(name, value);
            }
        }
        None => drop(map.insert(key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_read_in_the_notation_of_any_language() {
        let expected = json!({"error": {"code": 403, "message": "it's", "gone": null}});
        for text in [
            r#"{"error":{"code":403,"message":"it's","gone":null}}"#,
            r#"got {'error': {'code': 403, 'message': "it's", 'gone': None}} there"#,
            r#"Object {"error": Object {"code": Number(403), "message": String("it's"), "gone": Null}}"#,
            r#"{ error: { code: 403, message: "it's", gone: undefined } }"#,
            r#"{"error" => {"code" => 403, "message" => "it's", "gone" => nil}}"#,
        ] {
            assert_eq!(values(text).first(), Some(&expected), "{text}");
        }
        let block = "403 no. [reason: \"A_B\"\ndomain: \"x.com\"\nmetadata {\n  key: \"a\"\n  value: \"b\"\n}\nmetadata {\n  key: \"c\"\n  value: \"d\"\n}\n]";
        assert_eq!(
            values(block),
            [json!([{"reason": "A_B", "domain": "x.com", "metadata": {"a": "b", "c": "d"}}])]
        );
    }

    #[test]
    fn what_is_no_value_costs_little() {
        for text in
            ["{".repeat(1 << 20), "{\"".repeat(1 << 19), "[[{'a':".repeat(1 << 17), "{}[x] { y".into()]
        {
            assert!(values(&text).is_empty(), "{text:.9}");
        }
    }
}
