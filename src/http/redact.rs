//! Removes what we sent from what came back. Servers quote, so everything that is shown, kept or explained passes
//! through here first.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    http::request_spec::{Body, RequestSpec},
    model::secret::Secret,
};

/// A body as text, without what we sent, in every form in which it can be quoted: unchanged, percent-encoded once or
/// more often, in base64, and with any escapes that JSON allows.
pub(super) fn without_secrets(body: &[u8], spec: &RequestSpec, bearer: Option<&Secret>) -> Zeroizing<String> {
    let sent = match &spec.body {
        Body::Form { secret, .. } => secret.as_slice(),
        Body::Empty | Body::Json(_) => &[],
    };
    let headers = spec.headers.iter().map(|(_, secret)| secret);
    // A header such as `true` isn't secret, and removing it would spoil what is shown.
    let headers = headers.filter(|value| value.len() >= 8);
    let sent = sent.iter().map(|(_, secret)| secret);
    without(body, sent.chain(headers).chain(bearer).map(|secret| secret.expose()))
}

/// A body as text, without these secrets.
pub fn without<'a>(body: &[u8], secrets: impl Iterator<Item = &'a str>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::from_utf8_lossy(body).into_owned());
    let forms: Vec<_> = secrets.flat_map(forms).collect();
    hide(&mut text, &forms);
    text
}

/// Replaces every occurrence, also within JSON, where any letter can be escaped; returns whether there was one.
fn hide(text: &mut String, forms: &[Zeroizing<String>]) -> bool {
    let mut found = false;
    for form in forms {
        if let Some(clean) = replaced(text, form) {
            let mut old = Zeroizing::new(clean);
            std::mem::swap(text, &mut *old);
            found = true;
        }
    }
    if text.contains('\\')
        && let Ok(mut value) = serde_json::from_str::<Value>(text)
        && hide_within(&mut value, forms)
    {
        let mut old = Zeroizing::new(value.to_string());
        std::mem::swap(text, &mut *old);
        found = true;
    }
    found
}

/// The text with `…` in place of each quote of this; `None` if there is none, or for an empty text.
fn replaced(text: &str, form: &str) -> Option<String> {
    let (bytes, form) = (text.as_bytes(), form.as_bytes());
    let (mut clean, mut kept, mut at) = (String::new(), 0, 0);
    let first = *form.first()?;
    // Byte by byte: a faster search leaves bytes of the token on the stack, where nobody wipes them.
    while let Some(next) = bytes[at..].iter().position(|byte| [first, b'%'].contains(byte)) {
        at += next;
        let Some(length) = quote_length(&bytes[at..], form) else {
            at += 1;
            continue;
        };
        clean.push_str(&text[kept..at]);
        clean.push('…');
        at += length;
        kept = at;
    }
    if kept == 0 {
        return None;
    }
    clean.push_str(&text[kept..]);
    Some(clean)
}

/// How many bytes at the start of a text quote this, each byte unchanged or percent-encoded; the most if there are
/// several readings, as `%2525` is `%` and `%25`.
fn quote_length(text: &[u8], form: &[u8]) -> Option<usize> {
    let (mut at, mut rest) = (0, form);
    // Nearly every text differs in a byte or two, so nothing is allocated for these.
    while let [byte, others @ ..] = rest
        && *byte != b'%'
    {
        at += if text.get(at) == Some(byte) { 1 } else { lengths(&text[at..], *byte).next()? };
        rest = others;
    }
    // From a `%` on there can be several readings.
    let mut ends = BTreeSet::from([at]);
    for byte in rest {
        ends = ends.into_iter().flat_map(|at| lengths(&text[at..], *byte).map(move |n| at + n)).collect();
    }
    ends.pop_last()
}

/// The same for one byte, in each encoding: `/`, `%2F`, `%2f`, `%252F` and so on, because encoded text can be encoded
/// again.
fn lengths(text: &[u8], byte: u8) -> impl Iterator<Item = usize> {
    let literal = (text.first() == Some(&byte)).then_some(1);
    let pairs = text.strip_prefix(b"%").unwrap_or_default().chunks_exact(2).map(|pair| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        Some(digit(pair[0])? * 16 + digit(pair[1])?)
    });
    // A pair other than `%` isn't encoded again.
    let mut open = true;
    let pairs = pairs.take_while(move |pair| std::mem::replace(&mut open, *pair == Some(u32::from(b'%'))));
    let encoded = pairs.enumerate().filter(move |(_, pair)| *pair == Some(u32::from(byte)));
    literal.into_iter().chain(encoded.map(|(index, _)| 3 + 2 * index))
}

/// Shorter parts aren't searched for by themselves: they are ordinary words.
const PART: usize = 16;

/// How a secret can be quoted, longest first: whole, in base64 (alone or inside more text), and for one with dots or
/// spaces each part: those of a JWT, what follows `Basic`.
fn forms(text: &str) -> Vec<Zeroizing<String>> {
    let mut forms = vec![text.to_owned()];
    // Text before it shifts it by one or two bytes; the digits at both ends depend on what is around.
    for skip in (0..3).filter(|_| text.len() > PART) {
        let bytes = &text.as_bytes()[skip..];
        let whole = STANDARD.encode(&bytes[..bytes.len() / 3 * 3]);
        forms.push(whole.replace('+', "-").replace('/', "_"));
        forms.push(whole);
    }
    let parts = text.split(['.', ' ']).filter(|part| part.len() >= PART && part.len() < text.len());
    forms.extend(parts.map(str::to_owned));
    forms.into_iter().map(Zeroizing::new).collect()
}

fn hide_within(value: &mut Value, forms: &[Zeroizing<String>]) -> bool {
    match value {
        Value::String(text) => hide(text, forms),
        // Each of them, not only the first that has one.
        Value::Array(items) => items.iter_mut().fold(false, |found, item| hide_within(item, forms) | found),
        Value::Object(fields) => {
            let mut found = false;
            for (mut name, mut item) in std::mem::take(fields) {
                found |= hide(&mut name, forms);
                found |= hide_within(&mut item, forms);
                fields.insert(name, item);
            }
            found
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
