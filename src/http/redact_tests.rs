use proptest::prelude::*;

use super::*;
use crate::{http::endpoints::Service, model::denial::RequestContext};

/// Signs that URLs, JSON and base64 each write in their own way, and no part that would be hidden alone.
const SECRET: &str = "opaque/hush+word=";

fn spec() -> RequestSpec {
    RequestSpec::get(Service::Iam, "/v1/x".into(), RequestContext::default())
}

/// A body without what was sent as the caller's token.
fn clean(body: &str, bearer: &str) -> String {
    without_secrets(body.as_bytes(), &spec(), Some(&Secret::new(bearer))).to_string()
}

/// Signs written as `%XX`: those that `chosen` says, in capitals where `capital` says so of the n-th sign.
fn percent(text: &str, chosen: impl Fn(u8) -> bool, capital: impl Fn(usize) -> bool) -> String {
    text.bytes()
        .enumerate()
        .map(|(index, byte)| match (chosen(byte), capital(index)) {
            (false, _) => char::from(byte).to_string(),
            (true, true) => format!("%{byte:02X}"),
            (true, false) => format!("%{byte:02x}"),
        })
        .collect()
}

fn reserved(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// The text as `\u….` of each letter.
fn unicode_escapes(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[test]
fn each_percent_encoding_alone_is_hidden() {
    let upper = percent(SECRET, reserved, |_| true);
    let lower = percent(SECRET, reserved, |_| false);
    assert_eq!((upper.as_str(), lower.as_str()), ("opaque%2Fhush%2Bword%3D", "opaque%2fhush%2bword%3d"));
    for quoted in [
        SECRET.to_owned(),
        upper.clone(),
        lower.clone(),
        // Both cases in one.
        "opaque%2Fhush%2bword%3D".to_owned(),
        "opaque%2fhush%2Bword%3d".to_owned(),
        // Each sign alone.
        "opaque%2fhush+word=".to_owned(),
        "opaque/hush%2bword=".to_owned(),
        "opaque/hush+word%3d".to_owned(),
        // Twice and three times.
        upper.replace('%', "%25"),
        lower.replace('%', "%25"),
        "opaque%252Fhush%252bword%253D".to_owned(),
        "opaque%2Fhush%252Bword=".to_owned(),
        upper.replace('%', "%2525"),
        // What needs no encoding may have one.
        percent(SECRET, |_| true, |_| true),
        percent(SECRET, |_| true, |index| index % 2 == 0),
        percent(SECRET, |byte| byte == b'o', |_| false),
    ] {
        assert_eq!(clean(&format!("a {quoted}!"), SECRET), "a …!", "{quoted}");
        assert_eq!(clean(&quoted, SECRET), "…");
        assert_eq!(clean(&format!("%{quoted}{quoted}%"), SECRET), "%……%");
    }
}

#[test]
fn what_only_resembles_a_secret_is_left_as_it_is() {
    for text in [
        "",
        "%",
        "%%%2",
        "opaque/hush+word",
        "paque/hush+word=",
        "opaque hush word ",
        "OPAQUE/HUSH+WORD=",
        "opaque%2hush+word=",
        "opaque%2Ehush+word=",
        "opaque%25hush+word=",
        "opaque%+fhush+word=",
        "opaque%2F%2Fhush+word=",
        "€opaque%2Fhush%2Bword%3",
        r#"{"a":"\u006fpaque","b":["\/"]}"#,
    ] {
        assert_eq!(clean(text, SECRET), text);
    }
}

#[test]
fn each_escape_of_json_alone_is_hidden() {
    for quoted in [
        r"opaque\/hush+word=",
        r"opaque\u002fhush+word=",
        r"opaque\u002Fhush+word=",
        r"opaque/hush\u002bword=",
        r"opaque/hush+word\u003D",
        r"\u006fpaque/hush+word=",
        &unicode_escapes(SECRET),
        // Encoded for a URL first.
        r"opaque\u00252fhush+word=",
        &unicode_escapes("opaque%2fhush%252Bword="),
    ] {
        for (body, wanted) in [
            (format!(r#"{{"m":"a {quoted}!"}}"#), r#"{"m":"a …!"}"#),
            (format!(r#"{{"{quoted}":1}}"#), r#"{"…":1}"#),
            (format!(r#"["{quoted}"]"#), r#"["…"]"#),
            (format!(r#""{quoted}""#), r#""…""#),
            (
                format!(r#"{{"a":[[{{"b":null,"c":"{quoted}","d":true,"e":7}}]]}}"#),
                r#"{"a":[[{"b":null,"c":"…","d":true,"e":7}]]}"#,
            ),
        ] {
            assert_eq!(clean(&body, SECRET), wanted, "{body}");
        }
        // Servers pass on what another one said, as text within their own.
        let inner = format!(r#"{{"m":"{quoted}"}}"#);
        let outer = serde_json::json!({ "error": inner }).to_string();
        let twice = serde_json::json!([outer]).to_string();
        for body in [outer, twice] {
            let text = clean(&body, SECRET);
            assert!(text.contains('…') && !text.contains("hush") && !text.contains("0068"), "{text}");
        }
    }
}

#[test]
fn every_one_of_several_is_hidden() {
    let (one, two) = (r"opaque\/hush+word=", r"opaque\u002fhush+word=");
    for (body, wanted) in [
        (format!(r#"["{one}","{two}"]"#), r#"["…","…"]"#),
        (format!(r#"["{one}","{two}","{one}"]"#), r#"["…","…","…"]"#),
        (format!(r#"["x","{two}"]"#), r#"["x","…"]"#),
        (format!(r#"["{two}","x"]"#), r#"["…","x"]"#),
        (format!(r#"[["{one}"],["{two}"]]"#), r#"[["…"],["…"]]"#),
        (format!(r#"{{"a":"{one}","b":"{two}"}}"#), r#"{"a":"…","b":"…"}"#),
        (format!(r#"{{"a":"x","b":"{two}"}}"#), r#"{"a":"x","b":"…"}"#),
        (format!(r#"{{"a":"{two}","b":"x"}}"#), r#"{"a":"…","b":"x"}"#),
        (format!(r#"{{"{one}":"{two}","c":["{one}"]}}"#), r#"{"…":"…","c":["…"]}"#),
        (format!(r#"{{"{one}":[],"d":"x"}}"#), r#"{"…":[],"d":"x"}"#),
        (format!(r#"{{"a":"{one} and {two} and {SECRET}"}}"#), r#"{"a":"… and … and …"}"#),
    ] {
        assert_eq!(clean(&body, SECRET), wanted, "{body}");
    }
}

#[test]
fn each_thing_that_was_sent_is_hidden_and_what_is_no_secret_is_not() {
    let secret = |text: &str| Secret::new(text);
    let form = RequestSpec::form(
        Service::Token,
        String::new(),
        vec![("grant_type", "plain-field".into())],
        vec![
            ("refresh_token", secret("first-field")),
            ("client_secret", secret("pin")),
            ("empty", secret("")),
        ],
        RequestContext::default(),
    );
    let headers = [("A", "eight888"), ("B", "seven77"), ("C", "another-header")];
    let headers = headers.map(|(name, value)| (name.to_owned(), secret(value))).to_vec();
    let spec = RequestSpec { headers, ..form };
    for (sent, is_hidden) in [
        ("first-field", true),
        // A short field of a form is still a secret.
        ("pin", true),
        ("eight888", true),
        ("another-header", true),
        ("the-bearer", true),
        ("seven77", false),
        ("plain-field", false),
        ("", false),
    ] {
        let text = without_secrets(sent.as_bytes(), &spec, Some(&secret("the-bearer")));
        assert_eq!(*text, if is_hidden { "…" } else { sent }, "{sent}");
    }
    let all = "first-field pin eight888 another-header the-bearer";
    assert_eq!(*without_secrets(all.as_bytes(), &spec, Some(&secret("the-bearer"))), "… … … … …");
    assert_eq!(*without_secrets(b"the-bearer", &spec, None), "the-bearer");
    assert_eq!(*without_secrets(b"\xffpin\xff", &spec, None), "\u{fffd}…\u{fffd}");
}

#[test]
fn a_part_of_sixteen_letters_is_hidden_alone_and_one_of_fifteen_is_a_word() {
    let (long, short) = ("aaaaaaaaaaaaaaa1", "bbbbbbbbbbbbbb2");
    assert_eq!((long.len(), short.len()), (16, 15));
    for secret in [
        format!("{long}.{short}"),
        format!("{short}.{long}"),
        format!("x.{long}.{short}"),
        format!("Basic {long}.{short}"),
        format!("{short} {long}"),
    ] {
        assert_eq!(clean(&format!("[{long}]"), &secret), "[…]", "{secret}");
        assert_eq!(clean(&format!("[{short}]"), &secret), format!("[{short}]"), "{secret}");
        assert_eq!(clean(&secret, &secret), "…");
    }
    // A part that has reserved signs of its own.
    assert_eq!(clean("aaaa%2faaaa%2Baaaa%3d%3d", "x.aaaa/aaaa+aaaa=="), "…");
}

#[test]
fn a_secret_in_base64_is_hidden_whatever_stands_before_it() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    // Seventeen letters; with `?` and `~` there are `/` and `+` among the digits.
    let secret = "~~~hush??>>hush~~";
    assert_eq!(secret.len(), 17);
    for before in ["", "a", "ab", "abc"] {
        let whole = format!("{before}{secret}");
        let digits = STANDARD.encode(&whole);
        assert!(digits.contains('/') || digits.contains('+'), "{digits}");
        for quoted in [
            digits.clone(),
            URL_SAFE_NO_PAD.encode(&whole),
            percent(&digits, reserved, |_| false),
            digits.replace('/', r"\/"),
        ] {
            let text = clean(&format!(r#"{{"m":"{quoted}"}}"#), secret);
            // What is left tells of the first and the last two bytes at most: up to four digits at each end.
            let left = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
            assert!(text.contains('…') && left.len() <= r#"{"m":"…"}"#.len() + 8, "{quoted}: {text}");
        }
    }
    // One letter less is too short to be looked for: words could be taken for it.
    let short = &secret[..16];
    assert_eq!(clean(&STANDARD.encode(short), short), STANDARD.encode(short));
}

proptest! {
    /// Each sign in a way of its own, as a chain of careless programs would leave it.
    #[test]
    fn a_secret_is_hidden_however_its_signs_are_mixed(
        signs in prop::collection::vec(("[!-$&-~]", 0..6_usize), 4..40),
    ) {
        let secret: String = signs.iter().map(|(sign, _)| sign.as_str()).collect();
        let quoted: String = signs
            .iter()
            .map(|(sign, way)| match way {
                0 | 1 => sign.clone(),
                2 => percent(sign, |_| true, |_| true),
                3 => percent(sign, |_| true, |_| false),
                4 => percent(sign, |_| true, |_| true).replace('%', "%25"),
                _ => percent(sign, |_| true, |_| false).replace('%', "%2525"),
            })
            .collect();
        prop_assert_eq!(clean(&format!("é {quoted} é"), &secret), "é … é");
        let json = serde_json::json!({ "m": unicode_escapes(&quoted) }).to_string().replace(r"\\u", r"\u");
        prop_assert_eq!(clean(&json, &secret), r#"{"m":"…"}"#);
    }
}

#[test]
fn empty_secret_hides_nothing() {
    for text in ["", "a", "%", r#"{"a":"\u0062"}"#] {
        assert_eq!(clean(text, ""), text);
    }
}

#[test]
fn secret_with_percent_signs_of_its_own_is_hidden_as_it_is_and_encoded() {
    let secret = "opaque%25hush%2Fword";
    for quoted in [secret, "opaque%2525hush%252Fword", "opaque%252525hush%2525%32Fword"] {
        assert_eq!(clean(&format!("a {quoted}!"), secret), "a …!", "{quoted}");
    }
    assert_eq!(clean("a %25hush-hush %2525hush-hush!", "%25hush-hush"), "a … …!");
    // What it stands for is another text.
    assert_eq!(clean("opaque%hush/word", secret), "opaque%hush/word");
}

#[test]
fn json_that_quotes_no_secret_keeps_its_form() {
    for body in [
        r#"{ "a": null, "b": true, "c": 7, "d": "\/" }"#,
        r#"[ null, "\/" ]"#,
        r#"[ false, "\/" ]"#,
        r#"[ 1.0, "\/" ]"#,
        r#"{ "\/": {}, "b": [] }"#,
    ] {
        assert_eq!(clean(body, SECRET), body);
    }
}
