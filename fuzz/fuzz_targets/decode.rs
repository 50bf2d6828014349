//! Any text may be pasted: it is read to its end, nothing in it is trusted, and of a credential that is no JWT there
//! is nothing to show but facts. The input is a text; with NUL in it, it is also the header and claims of a token.
#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use impersona::model::jwt::{self, Around, Expectation, Form, Reading, Section, State, decode, judge};
use impersona::text::safe::{is_unsafe, safe_line};
use libfuzzer_sys::fuzz_target;

/// A public key of a standard (RFC 7515, A.3), with which no input was signed.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    hold(&jwt::read(&text));
    if let Some(at) = data.iter().position(|byte| *byte == 0) {
        let (header, claims) = (&data[..at], &data[at + 1..]);
        hold(&jwt::read(&format!("{}.{}.aGk", B64.encode(header), B64.encode(claims))));
    }
});

fn hold(reading: &Reading) {
    let now = "2027-01-15T08:00:00Z".parse().expect("a time");
    for finding in jwt::findings(reading, now) {
        assert!(!finding.message.is_empty());
    }
    for wanted in ["", "https://a.run.app/x", "storage", "https://www.googleapis.com/x"] {
        let expectation = Expectation::calling(wanted).expect("a URL or an API");
        for check in jwt::checks(reading, &expectation, &Around::at(now)) {
            assert!(!check.message.is_empty());
        }
    }
    let _ = Expectation::calling(reading.token.expose());
    for section in [&reading.header, &reading.claims] {
        section.duplicates();
        for member in section.members() {
            let said = jwt::meaning(member, reading, &|_| None).unwrap_or_default();
            assert!(!safe_line(&said).contains(is_unsafe));
            // Of several the last counts.
            assert_eq!(section.find(&member.name).map(|found| &found.name), Some(&member.name));
        }
    }
    decode::pretty(reading);
    judge::uncheckable(reading);
    let verdict = jwt::verify(reading, KEYS, "the keys");
    assert!(verdict.state != State::Verified, "nobody signed this");
    if !matches!(reading.form, Form::Jws | Form::Jwe) {
        assert_eq!((&reading.header, &reading.claims), (&Section::Absent, &Section::Absent));
        assert!(reading.inner.is_none() && reading.signature.is_none());
    }
    assert!(!reading.facts.iter().any(|(_, value)| value.contains("-----BEGIN ")));
    assert_eq!(reading.form.may_ask_google(), reading.form == Form::GoogleAccessToken);
    if let Some(inner) = &reading.inner {
        hold(inner);
    }
}
