//! What we sent, taken out of what came back: servers quote, and what is shown, kept or explained has passed here first.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    api::ticket::{Body, Ticket, segment},
    model::secret::Secret,
};

/// A body as text, with what we sent taken out in every form in which it may be quoted: as it is, percent-encoded,
/// and behind any escapes that JSON allows.
pub(super) fn without_secrets(body: &[u8], ticket: &Ticket, bearer: Option<&Secret>) -> Zeroizing<String> {
    let sent = match &ticket.body {
        Body::Form { secret, .. } => secret.as_slice(),
        Body::Empty | Body::Json(_) => &[],
    };
    let mut text = Zeroizing::new(String::from_utf8_lossy(body).into_owned());
    let headers = ticket.headers.iter().map(|(_, secret)| secret);
    // A header such as `true` is no secret, and taking it out would spoil what is shown.
    let headers = headers.filter(|value| value.len() >= 8);
    let sent = sent.iter().map(|(_, secret)| secret);
    let secrets: Vec<&Secret> =
        sent.chain(headers).chain(bearer).filter(|secret| !secret.is_empty()).collect();
    hide(&mut text, &secrets);
    if text.contains('\\')
        && let Ok(mut value) = serde_json::from_str::<Value>(&text)
        && hide_within(&mut value, &secrets)
    {
        text = Zeroizing::new(value.to_string());
    }
    text
}

/// Replaces every occurrence; says whether there was one.
fn hide(text: &mut String, secrets: &[&Secret]) -> bool {
    let mut found = false;
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        if text.contains(form.as_str()) {
            let mut old = Zeroizing::new(text.replace(form.as_str(), "…"));
            std::mem::swap(text, &mut *old);
            found = true;
        }
    }
    found
}

/// Shorter parts are not looked for alone: they are words like any other.
const PART: usize = 16;

/// How a secret may be quoted, the longest first: whole, percent-encoded, in base64 (alone or in the middle of more),
/// and of one with dots each part.
fn forms(secret: &Secret) -> Vec<Zeroizing<String>> {
    let text = secret.expose();
    let encoded = segment(text);
    let lower = encoded.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d");
    let mut forms = vec![encoded.replace('%', "%25"), lower, encoded, text.to_owned()];
    // What stands before it shifts it by one byte or two; the digits at both ends depend on what is around.
    for skip in (0..3).filter(|_| text.len() > PART) {
        let bytes = &text.as_bytes()[skip..];
        let whole = STANDARD.encode(&bytes[..bytes.len() / 3 * 3]);
        forms.push(whole.replace('+', "-").replace('/', "_"));
        forms.push(whole);
    }
    forms.extend(
        text.split('.').filter(|part| part.len() >= PART && part.len() < text.len()).map(str::to_owned),
    );
    forms.into_iter().map(Zeroizing::new).collect()
}

fn hide_within(value: &mut Value, secrets: &[&Secret]) -> bool {
    match value {
        Value::String(text) => hide(text, secrets),
        // Each of them, not only the first that has one.
        Value::Array(items) => items.iter_mut().fold(false, |found, item| hide_within(item, secrets) | found),
        Value::Object(fields) => {
            fields.values_mut().fold(false, |found, item| hide_within(item, secrets) | found)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
