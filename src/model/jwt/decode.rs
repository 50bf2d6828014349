//! Our own reader of tokens. It keeps header and claims as they are written (order, duplicates, huge numbers,
//! odd types) and never fails: what cannot be read is shown as text, with a remark. It judges nothing.

use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::model::secret::Secret;

/// Of longer text only this much is read.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Of more claims only this many are kept.
pub const MAX_MEMBERS: usize = 10_000;

/// Fields of a JSON answer that hold a token, the first found is taken.
const TOKEN_FIELDS: [&str; 5] = ["access_token", "accessToken", "id_token", "token", "signedJwt"];

/// What a text is, by its looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A signed JWT: header, claims, signature.
    Jws,
    /// An encrypted JWT: only its header can be read.
    Jwe,
    /// `ya29.…`: opaque, Google's tokeninfo knows it.
    GoogleAccessToken,
    /// `1//…`: mints access tokens for a person until revoked; never sent anywhere.
    RefreshToken,
    /// `AIza…`, 39 characters; never sent anywhere.
    ApiKey,
    /// Anything else.
    Opaque,
    /// No text at all.
    Empty,
}

impl Form {
    /// The word used in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Form::Jws => "jws",
            Form::Jwe => "jwe",
            Form::GoogleAccessToken => "google_access_token",
            Form::RefreshToken => "refresh_token",
            Form::ApiKey => "api_key",
            Form::Opaque => "opaque",
            Form::Empty => "empty",
        }
    }

    /// The name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Form::Jws => "signed JWT",
            Form::Jwe => "encrypted JWT",
            Form::GoogleAccessToken => "Google access token",
            Form::RefreshToken => "Google refresh token",
            Form::ApiKey => "Google API key",
            Form::Opaque => "text of no known form",
            Form::Empty => "nothing",
        }
    }
}

/// One member of a JSON object, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name, its escapes resolved.
    pub name: String,
    /// The value as raw JSON text.
    pub json: String,
}

impl Member {
    /// The value, when it is a string.
    pub fn text(&self) -> Option<String> {
        serde_json::from_str(&self.json).ok()
    }

    /// The value, when it is a number that fits in whole seconds.
    pub fn seconds(&self) -> Option<i64> {
        self.json.parse().ok().or_else(|| {
            // Not every number that JSON allows is an integer: 1.7e9 is a time, too.
            let number: f64 = serde_json::from_str(&self.json).ok()?;
            (number.abs() < 9e15).then_some(number.floor() as i64)
        })
    }
}

/// The members of a JSON object, in order, duplicates included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// At most [`MAX_MEMBERS`] of them.
    pub list: Vec<Member>,
    /// How many there are in all.
    pub total: usize,
}

/// A part of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// The token has no such part, or it is encrypted.
    Absent,
    /// A JSON object; what could be read of it.
    Object(Members),
    /// Anything that is no JSON object.
    Text(String),
}

impl Section {
    /// The members, none when it is no object.
    pub fn members(&self) -> &[Member] {
        match self {
            Section::Object(members) => &members.list,
            _ => &[],
        }
    }

    /// The member with this name; the last one where there are several, as most readers take it.
    pub fn find(&self, name: &str) -> Option<&Member> {
        self.members().iter().rev().find(|member| member.name == name)
    }

    /// The member with this name, when it is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.find(name)?.text()
    }

    /// Names that occur more than once, each told once.
    pub fn duplicates(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.members().iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        let mut twice: Vec<&str> =
            names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        twice.dedup();
        twice
    }
}

/// The times among the claims, in seconds since 1970; only numbers count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Issued at.
    pub iat: Option<i64>,
    /// Ends at.
    pub exp: Option<i64>,
    /// Not valid before.
    pub nbf: Option<i64>,
}

/// A text taken apart.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What it is.
    pub form: Form,
    /// The token alone: prefixes, quotes, line wraps and the JSON around it taken off.
    pub token: Secret,
    /// The whole size in bytes, when only the beginning was read.
    pub too_long: Option<usize>,
    /// The first part of a JWT.
    pub header: Section,
    /// The second part of a signed JWT.
    pub claims: Section,
    /// Bytes of the signature; none when the token has none.
    pub signature: Option<usize>,
    /// The times among the claims.
    pub times: Times,
    /// What was odd about the writing: a code and a sentence each.
    pub remarks: Vec<(&'static str, String)>,
}

/// Takes a text apart. Never fails, whatever it is given.
pub fn read(text: &str) -> Reading {
    let too_long = (text.len() > MAX_BYTES).then_some(text.len());
    let mut reading = Reading {
        form: Form::Empty,
        token: Secret::new(String::new()),
        too_long,
        header: Section::Absent,
        claims: Section::Absent,
        signature: None,
        times: Times::default(),
        remarks: Vec::new(),
    };
    let mut text = text;
    if let Some(size) = too_long {
        let end = (0..=MAX_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text = &text[..end];
        reading.remark("too_long", format!("{size} bytes: only the first {MAX_BYTES} were read"));
    }
    let token = reading.extract(text);
    reading.form = form_of(&token);
    if matches!(reading.form, Form::Jws | Form::Jwe) {
        reading.take_apart(&token);
    }
    reading.token = Secret::new(token);
    reading
}

impl Reading {
    fn remark(&mut self, code: &'static str, sentence: String) {
        self.remarks.push((code, sentence));
    }

    /// The token in the text: out of its JSON, without what surrounds and wraps it.
    fn extract(&mut self, text: &str) -> String {
        let text = unwrap(text);
        if text.starts_with('{') {
            let (members, _) = members(text);
            let object = Section::Object(members);
            for field in TOKEN_FIELDS {
                if let Some(inner) = object.text(field).map(Zeroizing::new) {
                    self.remark("from_json", format!("taken from the field {field} of a JSON object"));
                    return joined(unwrap(&inner));
                }
            }
        }
        let whole = joined(text);
        if form_of(&whole) != Form::Opaque {
            return whole;
        }
        match find_token(text) {
            Some(token) => {
                self.remark("found_inside", "taken out of a longer text".to_owned());
                token.to_owned()
            }
            None => whole,
        }
    }

    fn take_apart(&mut self, token: &str) {
        let mut parts = token.splitn(3, '.');
        let whole = self.too_long.is_none();
        self.header = self.section("header", parts.next().unwrap_or_default(), whole || token.contains('.'));
        let dots = token.matches('.').count();
        if self.form == Form::Jwe {
            return;
        }
        if let Some(claims) = parts.next() {
            self.claims = self.section("claims", claims, whole || dots > 1);
        }
        self.signature =
            parts.next().filter(|s| !s.is_empty()).map(|s| decode(s).map_or(s.len(), |bytes| bytes.len()));
        if dots != 2 && self.too_long.is_none() {
            self.remark("parts", format!("a signed JWT has 3 parts between dots, this has {}", dots + 1));
        }
        let seconds = |name| self.claims.find(name).and_then(Member::seconds);
        self.times = Times { iat: seconds("iat"), exp: seconds("exp"), nbf: seconds("nbf") };
    }

    fn section(&mut self, what: &str, part: &str, complete: bool) -> Section {
        if part.is_empty() {
            return Section::Absent;
        }
        if part.contains(['+', '/', '=']) {
            self.remark(
                "base64",
                format!("{what} in ordinary base64, where a JWT uses the URL-safe one without padding"),
            );
        }
        // A part cut off by our own bound ends anywhere: up to three letters too many.
        let whole = &part[..part.len() - if complete { 0 } else { part.len() % 4 }];
        let Some(bytes) = decode(whole) else {
            self.remark("base64", format!("{what} not in base64url, shown as written"));
            return Section::Text(part.to_owned());
        };
        let json = String::from_utf8_lossy(&bytes);
        if matches!(json, std::borrow::Cow::Owned(_)) {
            self.remark("utf8", format!("{what} not in valid UTF-8"));
        }
        let (members, problem) = members(&json);
        if !json.trim_start().starts_with('{') {
            self.remark("not_an_object", format!("{what} without a JSON object"));
            return Section::Text(json.into_owned());
        }
        if members.total > members.list.len() {
            self.remark(
                "truncated",
                format!("{what} with {} members: only the first {MAX_MEMBERS} are kept", members.total),
            );
        }
        if let Some(problem) = problem {
            self.remark("json", format!("{what} broken off or wrong: {problem}"));
            if members.list.is_empty() {
                return Section::Text(json.into_owned());
            }
        }
        Section::Object(members)
    }
}

/// Takes off white space, quotes and what HTTP writes before a token, in any order and number.
fn unwrap(text: &str) -> &str {
    let mut text = text;
    loop {
        let before = text.len();
        text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '\u{feff}'));
        for prefix in ["authorization:", "bearer "] {
            if text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
                text = &text[prefix.len()..];
            }
        }
        if text.len() == before {
            return text;
        }
    }
}

/// The text without the white space that mail and terminals put in. One allocation: it may be a secret.
fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    out.extend(text.split_whitespace());
    out
}

fn form_of(token: &str) -> Form {
    let first = token.split('.').next().unwrap_or_default();
    let has_header = || {
        token.contains('.') && decode(first).is_some_and(|bytes| bytes.trim_ascii_start().starts_with(b"{"))
    };
    let is_jwt = token.starts_with("eyJ") || has_header();
    match token {
        "" => Form::Empty,
        _ if token.starts_with("ya29.") => Form::GoogleAccessToken,
        _ if token.starts_with("1//") => Form::RefreshToken,
        _ if token.starts_with("AIza") && token.len() == 39 => Form::ApiKey,
        _ if is_jwt && token.matches('.').count() == 4 => Form::Jwe,
        _ if is_jwt => Form::Jws,
        _ => Form::Opaque,
    }
}

/// base64 of either alphabet, padded or not.
fn decode(part: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    LENIENT.decode(part.replace('+', "-").replace('/', "_")).ok()
}

/// The members of a JSON object as far as they can be read, and what stopped the reading.
pub(in crate::model) fn members(json: &str) -> (Members, Option<String>) {
    struct Collect<'m>(&'m mut Members);

    impl<'de> Visitor<'de> for Collect<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while self.0.list.len() < MAX_MEMBERS {
                // Raw text, neither parsed nor nested: any depth and any number passes.
                let Some((name, json)) = map.next_entry::<String, &RawValue>()? else { return Ok(()) };
                self.0.list.push(Member { name, json: json.get().to_owned() });
                self.0.total += 1;
            }
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                self.0.total += 1;
            }
            Ok(())
        }
    }

    let mut found = Members::default();
    let mut reader = serde_json::Deserializer::from_str(json);
    let outcome = reader.deserialize_map(Collect(&mut found)).and_then(|()| reader.end());
    (found, outcome.err().map(|error| error.to_string()))
}

/// A token of a known form inside a longer text: a curl line, an export, nested JSON, a log.
fn find_token(text: &str) -> Option<&str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.=+/".contains(c);
    let words = text
        .split(|c: char| !inside(c))
        .flat_map(|word| [Some(word), word.split_once('=').map(|(_, value)| value)]);
    let tokens = words.flatten().filter(|word| word.len() >= 20);
    tokens
        .max_by_key(|word| match form_of(word) {
            Form::Jws | Form::Jwe if word.starts_with("eyJ") => 3,
            Form::GoogleAccessToken => 2,
            Form::RefreshToken | Form::ApiKey => 1,
            _ => 0,
        })
        .filter(|word| {
            word.starts_with("eyJ")
                || matches!(form_of(word), Form::GoogleAccessToken | Form::RefreshToken | Form::ApiKey)
        })
}

/// Header and claims as JSON, one member a line, each value and each duplicate as it is written in the token.
pub fn pretty(reading: &Reading) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let section = |section: &Section| match section {
        Section::Absent => "null".to_owned(),
        Section::Text(text) => quoted(text),
        Section::Object(members) => {
            let member = |member: &Member| format!("    {}: {}", quoted(&member.name), member.json);
            format!("{{\n{}\n  }}", members.list.iter().map(member).collect::<Vec<_>>().join(",\n"))
        }
    };
    format!("{{\n  \"header\": {},\n  \"claims\": {}\n}}", section(&reading.header), section(&reading.claims))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
