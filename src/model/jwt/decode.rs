//! Our own token decoder, for any text around a token and any notation. It keeps header and claims as written (order,
//! duplicates, huge numbers, odd types) and never fails: unreadable parts are shown as text, with a remark. It judges
//! nothing.

use std::fmt;
use std::io::Read;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::document::{self, Document};
use super::form::{self, Form};
use super::time::{self, Unit};
use super::{extract, parts};
use crate::model::secret::Secret;

/// Only this much of a longer text is read.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Only this many claims are kept.
pub(crate) const MAX_MEMBERS: usize = 10_000;

/// How deep tokens inside tokens are read.
const MAX_NESTED: usize = 4;

/// Fields of a JSON answer that hold a token; the first one found is used. Long-lived ones come last.
const TOKEN_FIELDS: [&str; 14] = [
    "access_token",
    "accessToken",
    "id_token",
    "idToken",
    "token",
    "signedJwt",
    "identity_token",
    "credential",
    "assertion",
    "jwt",
    "subject_token",
    "refresh_token",
    "keyString",
    "client_secret",
];

/// One member of a JSON object, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name, with its escapes resolved.
    pub name: String,
    /// The value as raw JSON text.
    pub json: String,
}

impl Member {
    /// The value, if it is a string.
    pub fn text(&self) -> Option<String> {
        serde_json::from_str(&self.json).ok()
    }

    /// The value as a time in seconds since 1970, if it is a number, whatever the unit.
    pub(crate) fn seconds(&self) -> Option<i64> {
        time::of_number(&self.json).map(|time| time.seconds)
    }
}

/// The members of a JSON object, in order, including duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// At most [`MAX_MEMBERS`] of them.
    pub list: Vec<Member>,
    /// How many there are in all.
    pub(crate) total: usize,
    /// Positions in the list by name; equal names in order.
    by_name: Vec<u32>,
}

impl Members {
    /// Called after the last was added: many claims are looked up by name, and there can be many members.
    fn sort(&mut self) {
        self.by_name = (0..).take(self.list.len()).collect();
        self.by_name.sort_by_key(|at| &self.list[*at as usize].name);
    }

    fn name(&self, at: u32) -> &str {
        &self.list[at as usize].name
    }
}

/// A part of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// The token doesn't have this part, or it is encrypted.
    Absent,
    /// A JSON object, as far as it could be read.
    Object(Members),
    /// Anything but a JSON object.
    Text(String),
}

impl Section {
    /// The members; empty unless it is an object.
    pub fn members(&self) -> &[Member] {
        match self {
            Section::Object(members) => &members.list,
            _ => &[],
        }
    }

    /// The member with this name; the last of several, as in most parsers.
    pub fn find(&self, name: &str) -> Option<&Member> {
        let Section::Object(members) = self else { return None };
        let after = members.by_name.partition_point(|at| members.name(*at) <= name);
        let last = *members.by_name[..after].last()?;
        (members.name(last) == name).then(|| &members.list[last as usize])
    }

    /// The member with this name, if it is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.find(name)?.text()
    }

    /// Names that occur more than once, each listed once.
    pub fn duplicates(&self) -> Vec<&str> {
        let Section::Object(members) = self else { return Vec::new() };
        let names = members.by_name.windows(2).map(|pair| [members.name(pair[0]), members.name(pair[1])]);
        let mut twice: Vec<&str> = names.filter(|[one, next]| one == next).map(|[one, _]| one).collect();
        twice.dedup();
        twice
    }
}

/// The times among the claims, in seconds since 1970, whatever their unit; only numbers count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub(crate) iat: Option<i64>,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
}

/// A decoded text.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The form of the text.
    pub form: Form,
    /// The token alone, without prefixes, quotes, line wraps and surrounding JSON. For a file, a key or a URL it is the
    /// whole text, of which only [`Reading::facts`] can be shown.
    pub token: Secret,
    /// What can be shown of a credential other than a JWT: a label of one or two words and a value each.
    pub facts: Vec<(&'static str, String)>,
    /// The whole size in bytes, if only the beginning was read.
    pub(crate) too_long: Option<usize>,
    /// The first part of a JWT.
    pub header: Section,
    /// The second part of a signed JWT; absent if it is [`Reading::inner`] or detached.
    pub claims: Section,
    /// The token that is the payload of this one.
    pub inner: Option<Box<Reading>>,
    /// Bytes of the signature; `None` if the token has none.
    pub signature: Option<usize>,
    /// The times among the claims, or those of a certificate or signed URL.
    pub(crate) times: Times,
    /// Oddities of the notation: a code and a sentence each.
    pub remarks: Vec<(&'static str, String)>,
}

/// Decodes a text. Never fails, whatever the text.
pub fn read(text: &str) -> Reading {
    read_nested(text, MAX_NESTED)
}

fn read_nested(text: &str, depth: usize) -> Reading {
    let too_long = (text.len() > MAX_BYTES).then_some(text.len());
    let mut reading = Reading {
        form: Form::Empty,
        token: Secret::new(String::new()),
        facts: Vec::new(),
        too_long,
        header: Section::Absent,
        claims: Section::Absent,
        inner: None,
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
    reading.take(text, depth);
    reading
}

impl Reading {
    fn remark(&mut self, code: &'static str, sentence: impl Into<String>) {
        self.remarks.push((code, sentence.into()));
    }

    /// Whether the payload is elsewhere: sent separately (RFC 7515, appendix F), or empty.
    pub(crate) fn is_detached(&self) -> bool {
        self.form == Form::Jws
            && self.signature.is_some()
            && self.claims == Section::Absent
            && self.inner.is_none()
    }

    /// Whether dots stand where the rest of the token was.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.remarks.iter().any(|(code, _)| *code == "cut_off")
    }

    /// Whether claims that aren't here can be missing from the token itself: it was read to its end.
    pub(crate) fn has_all_claims(&self) -> bool {
        let unread = self.claims == Section::Absent && self.header.text("zip").is_some();
        !self.is_detached() && !self.is_cut_off() && !unread
    }

    /// Whether the payload is not in base64url: the header says so, and that it must be understood (RFC 7797, 6).
    pub(crate) fn is_unencoded(&self) -> bool {
        parts::is_unencoded(&self.header)
    }

    /// The unit of a time among the claims.
    pub(crate) fn unit(&self, name: &str) -> Unit {
        let time = self.claims.find(name).and_then(|member| time::of_number(&member.json));
        time.map_or(Unit::Seconds, |time| time.unit)
    }

    fn take(&mut self, text: &str, depth: usize) {
        let bare = extract::unwrap(text);
        let object = if bare.starts_with('{') { Section::Object(members(bare).0) } else { Section::Absent };
        if let Some(mut written) = parts::of_json(&object) {
            self.remark("json_serialization", written.told);
            self.form = written.form;
            self.take_apart(&written.token, &written.unprotected, depth);
            self.token = Secret::new(std::mem::take(&mut *written.token));
            return;
        }
        // Private keys are recognized first, so that no part of one is shown. Many files have public parts beside a
        // token.
        if let Some(document) = document::of(bare)
            && (document.form.is_secret() || extract::extract(bare).form == Form::Opaque)
        {
            return self.take_document(document, bare);
        }
        if let Some((field, inner)) = TOKEN_FIELDS.iter().find_map(|name| Some((name, object.text(name)?))) {
            let inner = Zeroizing::new(inner);
            self.remark("from_json", format!("taken from the field {field} of a JSON object"));
            let others = TOKEN_FIELDS.iter().filter(|name| *name != field && object.text(name).is_some());
            let others = others.copied().collect::<Vec<_>>().join(", ");
            if !others.is_empty() {
                self.remark("others", format!("the object also contains {others}"));
            }
            return self.take_token(&inner, depth);
        }
        self.take_token(text, depth);
    }

    fn take_document(&mut self, document: Document, text: &str) {
        self.form = document.form;
        self.facts = document.facts;
        self.times = document.times;
        self.header = Section::Absent;
        self.token = Secret::new(text);
    }

    fn take_token(&mut self, text: &str, depth: usize) {
        let found = extract::extract(text);
        self.form = found.form;
        if found.inside {
            self.remark("found_inside", "found in a longer text");
        }
        if found.others > 0 {
            self.remark("others", format!("the first of {} in the text", found.others + 1));
        }
        if found.cut {
            self.remark("cut_off", "cut off with dots: the rest of the token is missing");
        }
        if found.invisible > 0 {
            let characters = if found.invisible == 1 { "character was" } else { "characters were" };
            self.remark("invisible", format!("{} invisible {characters} removed", found.invisible));
        }
        let mut token = Zeroizing::new(found.token);
        if found.form == Form::Opaque
            && depth > 0
            && let Some(inner) = encoded_token(text, MAX_NESTED)
        {
            self.remark("base64_of_token", "base64 of a token, as Kubernetes secrets hold it");
            return self.take_token(&inner, depth - 1);
        }
        if matches!(self.form, Form::Jws | Form::Jwe) {
            // An SD-JWT's disclosures follow it and aren't signed with it.
            if let Some((signed, disclosed)) = token.split_once('~') {
                let count = disclosed.split('~').filter(|part| !part.is_empty()).count();
                self.remark(
                    "disclosures",
                    format!("{count} disclosures after the token (SD-JWT) were ignored"),
                );
                token = Zeroizing::new(signed.to_owned());
            }
            self.take_apart(&token, &[], depth);
        } else if let Some(look) = form::look_of(&token) {
            self.facts.extend(look.whose.map(|whose| ("kind", whose.to_owned())));
            self.facts.extend(form::made_for(&token).map(|whom| ("likely owner", whom.to_owned())));
        }
        self.token = Secret::new(std::mem::take(&mut *token));
    }

    fn take_apart(&mut self, token: &str, unprotected: &[String], depth: usize) {
        let whole = self.too_long.is_none() && !self.is_cut_off();
        let parts = parts::parts(token);
        self.header = self.section("header", parts.header, whole || parts.dots > 0);
        // A key file in base64 begins like a token.
        if let Some(document) = document::of_members(&self.header) {
            return self.take_document(document, token);
        }
        for json in unprotected {
            self.add_unprotected(json);
        }
        if self.form == Form::Jwe {
            return;
        }
        let signature = parts.signature.filter(|text| !text.is_empty());
        self.signature = signature.map(|text| decode(text).map_or(text.len(), |bytes| bytes.len()));
        match parts.payload {
            Some(payload) if self.is_unencoded() => {
                self.remark(
                    "unencoded",
                    "the payload isn't in base64url (b64 is false), which JWTs don't allow (RFC 7797)",
                );
                self.claims = Section::Text(payload.to_owned());
            }
            Some("") if signature.is_some() => {
                self.remark("detached", "the payload isn't here: it is empty, or sent separately");
            }
            Some(payload) if self.header.text("zip").is_some() && !payload.is_empty() => {
                self.take_compressed(payload)
            }
            Some(payload) if !payload.is_empty() => {
                self.take_payload(payload, whole || parts.dots > 1, depth)
            }
            _ => {}
        }
        if parts.dots != 2 && whole && !self.is_unencoded() {
            self.remark(
                "parts",
                format!("a signed JWT has 3 parts separated by dots, this one has {}", parts.dots + 1),
            );
            if signature.is_some_and(|rest| rest.match_indices("eyJ").any(|(at, _)| rest[at..].contains('.')))
            {
                self.remark("two_tokens", "looks like two tokens without anything between them");
            }
        }
        let seconds = |name| self.claims.find(name).and_then(Member::seconds);
        self.times = Times { iat: seconds("iat"), exp: seconds("exp"), nbf: seconds("nbf") };
    }

    /// Claims that were compressed before they were signed, which only encrypted tokens allow (RFC 7516, 4.1.3).
    fn take_compressed(&mut self, payload: &str) {
        let way = self.header.text("zip").unwrap_or_default();
        let said = format!("the payload is compressed (zip {way}), which signed JWTs don't allow");
        let bytes = decode(payload).map(Zeroizing::new).unwrap_or_default();
        // Some name it and leave the payload as it is.
        let json = match bytes.trim_ascii_start().starts_with(b"{") {
            true => Some(bytes),
            false => inflate(&bytes),
        };
        let json = json.and_then(|bytes| Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned())));
        match json {
            Some(json) => {
                self.remark("compressed", said);
                self.claims = self.object("claims", &json);
            }
            None => self.remark("compressed", format!("{said}; it can't be read")),
        }
    }

    /// The claims, or the token in their place (RFC 7519, appendix A.2).
    fn take_payload(&mut self, payload: &str, complete: bool, depth: usize) {
        let inner = decode(payload).map(Zeroizing::new);
        let inner = inner.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let inner = inner.map(|text| text.trim().trim_matches('"'));
        let is_token =
            |text: &&str| text.contains('.') && matches!(extract::form_of(text), Form::Jws | Form::Jwe);
        match inner.filter(is_token) {
            Some(_) if depth == 0 => {
                self.remark(
                    "nested",
                    format!("the payload is another token: only {MAX_NESTED} levels are read"),
                );
            }
            Some(token) => {
                self.remark("nested", "the payload is itself a token");
                self.inner = Some(Box::new(read_nested(token, depth - 1)));
            }
            None => self.claims = self.section("claims", payload, complete),
        }
    }

    /// Unsigned header fields, which only the JSON serialization can have.
    fn add_unprotected(&mut self, json: &str) {
        let (more, _) = members(json);
        if more.list.is_empty() {
            return;
        }
        let names =
            more.list.iter().take(10).map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ");
        self.remark(
            "unprotected",
            format!("{names} in the header are not signed: anyone could have written them"),
        );
        match &mut self.header {
            Section::Object(header) => {
                header.total += more.total;
                header.list.extend(more.list);
                header.sort();
            }
            _ => self.header = Section::Object(more),
        }
    }

    fn section(&mut self, what: &str, part: &str, complete: bool) -> Section {
        if part.is_empty() {
            return Section::Absent;
        }
        if part.contains(['+', '/', '=']) {
            self.remark(
                "base64",
                format!("{what} in standard base64; JWTs use the URL-safe form without padding"),
            );
        }
        // A part can be cut anywhere: the last letter can be one that means nothing by itself.
        let whole = &part[..part.len() - usize::from(!complete && part.len() % 4 == 1)];
        let Some(bytes) = decode(whole) else {
            self.remark("base64", format!("{what} not in base64url, shown as written"));
            return Section::Text(part.to_owned());
        };
        let json = String::from_utf8_lossy(&bytes);
        if matches!(json, std::borrow::Cow::Owned(_)) {
            self.remark("utf8", format!("{what} not in valid UTF-8"));
        }
        if what == "header" && json.starts_with('\u{feff}') {
            self.remark("bom", "header with a byte order mark in front, which most readers reject");
        }
        self.object(what, json.trim_start_matches('\u{feff}'))
    }

    fn object(&mut self, what: &str, json: &str) -> Section {
        let (members, problem) = members(json);
        if !json.trim_start().starts_with('{') {
            self.remark("not_an_object", format!("{what} without a JSON object"));
            return Section::Text(json.to_owned());
        }
        if members.total > members.list.len() {
            self.remark(
                "truncated",
                format!("{what} with {} members: only the first {MAX_MEMBERS} are kept", members.total),
            );
        }
        if let Some(problem) = problem {
            self.remark("json", format!("{what} cut off or malformed: {problem}"));
            if members.list.is_empty() {
                return Section::Text(json.to_owned());
            }
        }
        Section::Object(members)
    }
}

/// The token that a text has in base64: the whole text, or a long word of it.
fn encoded_token(text: &str, depth: usize) -> Option<Zeroizing<String>> {
    const MIN_ENCODED: usize = 24;
    const MAX_WORDS: usize = 64;
    let whole = Zeroizing::new(extract::joined(extract::unwrap(text)).0);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=-_".contains(c)));
    let words = words.map(|word| word.trim_start_matches('=')).filter(|word| word.len() >= MIN_ENCODED);
    std::iter::once(whole.as_str()).chain(words.take(MAX_WORDS)).find_map(|word| {
        let bytes = Zeroizing::new(decode(word)?);
        let inner = Zeroizing::new(std::str::from_utf8(&bytes).ok()?.trim().to_owned());
        let is_text = !inner.is_empty() && !inner.contains(|c: char| c.is_control() && !c.is_whitespace());
        let form = extract::extract(&inner).form;
        // Base64 of base64 is still the same token.
        let is_token = !matches!(form, Form::Opaque | Form::Empty)
            || (depth > 0 && encoded_token(&inner, depth - 1).is_some());
        (is_text && is_token).then_some(inner)
    })
}

/// What was compressed as RFC 1951 says, or in the containers of zlib and gzip that libraries write instead, at most
/// [`MAX_BYTES`] of it.
fn inflate(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    fn all(reader: impl Read) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::new());
        reader.take(MAX_BYTES as u64).read_to_end(&mut out).ok().map(|_| out)
    }
    use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
    all(ZlibDecoder::new(bytes))
        .or_else(|| all(GzDecoder::new(bytes)))
        .or_else(|| all(DeflateDecoder::new(bytes)))
}

/// Base64 of either alphabet, padded or not.
pub(super) fn decode(part: &str) -> Option<Vec<u8>> {
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
    found.sort();
    (found, outcome.err().map(|error| error.to_string()))
}

/// Header and claims as JSON, one member a line, each value and duplicate as written in the token.
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
