//! Finds the credential in copied text: removes quotes, header names, line wraps and percent-encoding, and looks into
//! curl commands, query strings, cookies and logs. Each step looks at each byte a fixed number of times.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::decode::decode;
use super::form::{Form, LOOKS, is_opaque_byte, look_of};
use super::parts;

/// The least length of a credential found by searching; shorter words only look like one.
const LEAST: usize = 20;

/// How JSON objects begin in base64: `{"`, `{` and a new line, `{ "`.
const OBJECTS: [&str; 5] = ["eyJ", "ewo", "ew0", "eyA", "ewk"];

/// What was found in a text.
pub(super) struct Found {
    pub(crate) form: Form,
    pub(crate) token: String,
    /// Whether other text surrounded it.
    pub(crate) inside: bool,
    /// How many more like it the text has.
    pub(crate) others: usize,
    /// How many invisible characters were removed.
    pub(crate) invisible: usize,
    /// Whether dots or the like stand where the rest of it was.
    pub(crate) cut: bool,
}

/// Looks for the credential in a text.
pub(super) fn extract(original: &str) -> Found {
    let text = percent_decoded(original);
    let text = unwrap(&text);
    let (whole, invisible) = joined(text);
    let (whole, cut) = match before_gap(&whole) {
        Some(begin) => (begin.to_owned(), true),
        None => (whole, false),
    };
    let found = |form, token| Found { form, token, inside: false, others: 0, invisible, cut };
    let form = form_of(&whole);
    let is_jwt = matches!(form, Form::Jws | Form::Jwe);
    let words = has_words(text);
    // Text beside a JWT is removed if a whole JWT remains.
    let clean = whole.bytes().all(|byte| is_jwt_byte(byte) || byte == b'~');
    if form == Form::Empty || (form != Form::Opaque && !words && (clean || !is_jwt)) {
        return found(form, whole);
    }
    match search(text) {
        Some(hit) if is_whole(hit.token) || !is_jwt => Found {
            form: hit.form,
            token: hit.token.to_owned(),
            inside: hit.token.len() < text.len(),
            others: hit.others,
            invisible,
            cut: hit.cut,
        },
        _ if is_jwt => found(form, whole),
        // Of unknown form: only quotes can be removed for certain.
        _ => Found { cut: false, ..found(Form::Opaque, joined(trim(original)).0) },
    }
}

/// The beginning of a JWT whose rest was replaced by dots, as logs and people shorten tokens; `None` if it is whole.
fn before_gap(token: &str) -> Option<&str> {
    let trimmed = token.trim_end_matches('.');
    // A JWT without claims and signature ends with two dots.
    let at_end = (token.len() - trimmed.len() >= 2 && trimmed.contains('.')).then_some(trimmed.len());
    let gap = ["...", "…"].iter().filter_map(|gap| token.find(gap)).chain(at_end).min()?;
    let begin = token[..gap].trim_end_matches('.');
    let is_jwt = begin.len() >= 4 && matches!(form_of(begin), Form::Jws | Form::Jwe);
    (is_jwt && !parts::has_unencoded_payload(begin)).then_some(begin)
}

/// Whether a text that follows a token says that something was left out.
fn begins_gap(text: &str) -> bool {
    ["...", "…", "[...", "[…", "<...", "***", "[trunc", "<trunc", "(trunc", "[REDACTED", "<REDACTED"]
        .iter()
        .any(|mark| text.starts_with(mark))
}

/// The text without quotes and white space around it.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace() || c.is_control() || is_invisible(c) || "\"'`“”‘’".contains(c)
    })
}

/// Removes white space, quotes and what HTTP, YAML and shells write before a token, in any order and number.
pub(super) fn unwrap(text: &str) -> &str {
    let mut text = text;
    loop {
        let before = text.len();
        text = trim(text).trim_matches(['<', '>', ',', ';', '\\']);
        if let Some((name, rest)) = text.split_once(':')
            && is_name(name)
            && !rest.starts_with('/')
        {
            text = rest;
        }
        // Padding of base64 is followed by more of it, a dot or nothing.
        if let Some((name, rest)) = text.split_once('=')
            && is_name(name)
            && !rest.is_empty()
            && !rest.starts_with(['=', '.'])
        {
            text = rest;
        }
        for prefix in ["bearer ", "dpop ", "token ", "export ", "set "] {
            if text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
                text = &text[prefix.len()..];
            }
        }
        if text.len() == before {
            return text;
        }
    }
}

/// Whether this names a header, a field or a variable.
fn is_name(text: &str) -> bool {
    let text = text.trim_end();
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_$".contains(&b))
}

/// Characters that web pages and chats insert between letters, for line breaking or for no reason.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text without the white space that mail and terminals insert, and how many invisible characters were removed. One
/// allocation, because it can be a secret.
pub(super) fn joined(text: &str) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut invisible = 0;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        if c.is_control() || is_invisible(c) {
            invisible += 1;
        } else {
            out.push(c);
        }
    }
    (out, invisible)
}

/// Whether the text is more than one word with line breaks in it.
fn has_words(text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.clone().next().unwrap_or_default();
    // A second token can start right below the first.
    let next = |line: &str| line.starts_with("eyJ") || look_of(line).is_some();
    lines.clone().any(|line| line.contains(char::is_whitespace))
        || (is_whole(first) && lines.skip(1).any(next))
}

/// Decodes percent-encoding from a URL or a form, repeatedly if it was applied twice.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    let is_encoded = |text: &str| {
        text.as_bytes()
            .windows(3)
            .any(|three| three[0] == b'%' && three[1].is_ascii_hexdigit() && three[2].is_ascii_hexdigit())
    };
    let mut text = Cow::Borrowed(text);
    for _ in 0..3 {
        if !is_encoded(&text) {
            break;
        }
        let once = Zeroizing::new(percent_decode_str(&text).collect::<Vec<u8>>());
        text = Cow::Owned(String::from_utf8_lossy(&once).into_owned());
    }
    text
}

/// The form of a one-word text.
pub(super) fn form_of(token: &str) -> Form {
    if token.is_empty() {
        return Form::Empty;
    }
    if let Some(look) = look_of(token) {
        return look.form;
    }
    let has_header = || {
        token.split_once('.').is_some_and(|(first, _)| {
            let starts = |bytes: Vec<u8>| {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
                bytes.trim_ascii_start().starts_with(b"{")
            };
            decode(first).is_some_and(starts)
        })
    };
    if !token.starts_with("eyJ") && !has_header() {
        return Form::Opaque;
    }
    let is_encrypted = || parts::is_encrypted(token.split('.').next().unwrap_or_default());
    if token.bytes().filter(|byte| *byte == b'.').count() == 4 && is_encrypted() {
        Form::Jwe
    } else {
        Form::Jws
    }
}

/// Whether this is a JWT with every part that makes it usable.
fn is_whole(token: &str) -> bool {
    matches!(form_of(token), Form::Jws | Form::Jwe)
        && token.split('.').filter(|part| !part.is_empty()).count() >= 3
}

/// A credential in a text.
struct Hit<'t> {
    form: Form,
    token: &'t str,
    others: usize,
    cut: bool,
}

/// The credential in a text with other words: a whole JWT before an access token before anything else, the first of
/// several.
fn search(text: &str) -> Option<Hit<'_>> {
    let mut best: Option<(u8, Hit<'_>)> = None;
    let starts = OBJECTS.iter().map(|start| (*start, true));
    for (start, jwt) in starts.chain(LOOKS.iter().map(|look| (look.start, false))) {
        let mut from = 0;
        while let Some(at) = text[from..].find(start).map(|at| from + at) {
            from = at + start.len();
            if !begins_word(&text[..at]) {
                continue;
            }
            let token = if jwt { jwt_at(&text[at..]) } else { opaque_at(&text[at..], start) };
            from = at + token.len().max(start.len());
            let begin = if jwt { before_gap(token) } else { None };
            let cut = jwt && (begin.is_some() || begins_gap(&text[at + token.len()..]));
            let token = begin.unwrap_or(token);
            let form = form_of(token);
            let rank = match form {
                Form::Opaque | Form::Empty => continue,
                _ if token.len() < LEAST => continue,
                _ if is_whole(token) => 4,
                Form::GoogleAccessToken => 3,
                Form::Jws | Form::Jwe => 1,
                _ => 2,
            };
            match &mut best {
                Some((known, hit)) if *known == rank => hit.others += usize::from(hit.token != token),
                Some((known, _)) if *known > rank => {}
                _ => best = Some((rank, Hit { form, token, others: 0, cut })),
            }
        }
    }
    best.map(|(_, hit)| hit)
}

/// Whether a word can begin after this text; `\n` and the like, as JSON and logs write them, end one.
fn begins_word(before: &str) -> bool {
    let mut last = before.bytes().rev();
    match last.next() {
        None => true,
        Some(b'n' | b'r' | b't') if last.next() == Some(b'\\') => true,
        Some(byte) => !is_opaque_byte(byte),
    }
}

/// The letters of a JWT, in either alphabet of base64.
fn is_jwt_byte(byte: u8) -> bool {
    is_opaque_byte(byte) || matches!(byte, b'=' | b'+' | b'/')
}

fn jwt_at(text: &str) -> &str {
    let end = text.bytes().position(|byte| !is_jwt_byte(byte)).unwrap_or(text.len());
    let token = &text[..end];
    // A sentence's full stop doesn't belong to the token.
    match token.bytes().filter(|byte| *byte == b'.').count() {
        3 => token.strip_suffix('.').unwrap_or(token),
        _ => token,
    }
}

fn opaque_at<'t>(text: &'t str, start: &str) -> &'t str {
    let rest = &text[start.len()..];
    let end = rest.bytes().position(|byte| !is_opaque_byte(byte)).unwrap_or(rest.len());
    text[..start.len() + end].trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_before_a_token_is_taken_off() {
        for text in [
            "  x\n",
            "Bearer x",
            "authorization: bearer  x",
            "'Authorization: Bearer x'",
            "Proxy-Authorization: Bearer x",
            "X-Goog-Iap-Jwt-Assertion: x",
            "export TOKEN='x'",
            "$env:TOKEN = \"x\";",
            "\u{feff}“x”,",
            "token: x",
            "set TOKEN=x",
        ] {
            assert_eq!(unwrap(text), "x", "{text}");
        }
        assert_eq!(unwrap("https://example.com"), "https://example.com");
    }

    #[test]
    fn a_text_of_one_word_may_be_broken_over_lines() {
        assert!(!has_words("eyJh\n  bGci\nOiJ"));
        assert!(has_words("eyJh bGci"));
        let token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
        assert!(has_words(&format!("{token}\n{token}")), "two tokens are two words");
    }

    #[test]
    fn percent_signs_are_taken_out_as_often_as_they_were_put_in() {
        assert_eq!(percent_decoded("a%2Eb"), "a.b");
        assert_eq!(percent_decoded("a%252Eb"), "a.b");
        assert_eq!(percent_decoded("100% of %zz"), "100% of %zz");
    }

    #[test]
    fn a_text_full_of_beginnings_is_read_once() {
        for text in ["eyJ/", "ya29.", "/1//", "eyJeyJ", " AKIA", "%25", "=eyJ.", "{\"", "\\neyJ"] {
            let _ = extract(&text.repeat(super::super::decode::MAX_BYTES / text.len()));
        }
    }
}
