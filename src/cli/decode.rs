//! `impersona decode`: a token from a file or stdin, taken apart and judged. Needs no credentials; asks the network
//! for public keys only, and for none with `--offline` or `--jwks`.

use std::path::Path;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::args::Decode;
use super::input;
use super::output::{self, columns};
use crate::api::oauth::KeySource;
use crate::model::jwt::{
    self, Around, Check, Expectation, Finding, Reading, Section, Severity, Signer, State, Verdict, judge,
    meaning,
};
use crate::session::Failure;
use crate::session::setup::Setup;
use crate::text::width::truncate;

/// For people, of long values only this many cells; `--json` prints all.
const MAX_SHOWN: usize = 1_000;

/// Of endless input only this much is read; the reader itself stops much earlier and says so.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

pub(super) async fn run(
    wish: Decode,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    json: bool,
) -> Result<(), Failure> {
    let expectation = expectation(&wish)?;
    let text = text(&wish.file)?;
    // With `--json` it is a form like any other: scripts depend on that.
    if !json && text.trim().is_empty() {
        return Err(Failure::refused("Empty input: paste or pipe a token".to_owned()));
    }
    let reading = jwt::read(&text);
    let (verdict, skew) = match judge::uncheckable(&reading) {
        Some(verdict) => (verdict, None),
        None => check(&reading, &wish, setup).await?,
    };
    let now = super::now();
    let (findings, checks) = judged(&reading, now, &expectation, skew);
    if json {
        return output::line(&to_json(&reading, &verdict, &findings, now));
    }
    lines(&reading, &verdict, &findings, &checks).iter().try_for_each(|line| output::line(line))
}

/// Everything worth knowing: about the token itself, and about what is expected of it.
fn judged(
    reading: &Reading,
    now: Timestamp,
    expectation: &Expectation,
    skew: Option<i64>,
) -> (Vec<Finding>, Vec<Check>) {
    let checks = jwt::checks(reading, expectation, &Around { skew, ..Around::at(now) });
    let mut findings = jwt::findings(reading, now);
    // What the token alone tells has been said.
    let new = |finding: &Finding| !findings.iter().any(|known| known.code == finding.code);
    let more: Vec<Finding> = checks.iter().filter_map(Check::finding).filter(new).collect();
    findings.extend(more);
    (findings, checks)
}

/// What `--audience` and `--url` say.
fn expectation(wish: &Decode) -> Result<Expectation, Failure> {
    let calling = Expectation::calling(wish.url.as_deref().unwrap_or_default()).map_err(Failure::refused)?;
    Ok(Expectation { audience: wish.audience.clone(), ..calling })
}

async fn check(
    reading: &Reading,
    wish: &Decode,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
) -> Result<(Verdict, Option<i64>), Failure> {
    if let Some(path) = &wish.jwks {
        let whose = format!("the keys in {}", path.display());
        return Ok((jwt::verify(reading, &text(path)?, &whose), None));
    }
    if wish.offline {
        return Ok((Verdict::not_checked("--offline: no keys were fetched"), None));
    }
    let signer = jwt::signer(reading);
    let who = match &signer {
        Signer::Other(Some(issuer)) => format!("issued by {issuer}"),
        _ => "it has no issuer".to_owned(),
    };
    let Some(source) = KeySource::of(signer) else {
        let why = format!("{who}: pass the issuer's keys with --jwks FILE");
        return Ok((Verdict::not_checked(why), None));
    };
    // Kept to the end: in the demo it is what answers.
    let setup = setup().await?;
    let client = &setup.client;
    let whose = source.whose(client.endpoints());
    let verdict = match client.signing_keys(source).await {
        Ok(keys) => jwt::verify(reading, &keys, &whose),
        Err(error) => Verdict::not_checked(format!("{whose} can't be fetched: {error}")),
    };
    Ok((verdict, client.skew()))
}

/// The text of a file, or of stdin for `-`; it may be a secret.
fn text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    input::any_text(path, MAX_INPUT, "paste a token")
}

fn to_json(reading: &Reading, verdict: &Verdict, findings: &[Finding], now: Timestamp) -> String {
    let times = reading.times;
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| json!({"code": finding.code, "severity": finding.severity.word(), "message": finding.message}))
        .collect();
    let remaining = times.exp.map(|exp| exp.saturating_sub(now.as_second()).max(0));
    #[derive(serde::Serialize)]
    struct Printed<'a> {
        form: &'a str,
        header: Raw<'a>,
        claims: Raw<'a>,
        times: serde_json::Value,
        verdict: serde_json::Value,
        findings: Vec<serde_json::Value>,
    }
    let printed = Printed {
        form: reading.form.word(),
        header: Raw(&reading.header),
        claims: Raw(&reading.claims),
        times: json!({"iat": times.iat, "exp": times.exp, "nbf": times.nbf, "remainingSeconds": remaining}),
        verdict: json!({"state": verdict.state.word(), "reason": verdict.reason, "key": verdict.key}),
        findings,
    };
    output::to_json(&printed).to_string()
}

/// A part of a token as JSON: numbers as written, the last of duplicates, anything but an object as a string.
struct Raw<'a>(&'a Section);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Section::Absent => serializer.serialize_none(),
            Section::Text(text) => serializer.serialize_str(text),
            Section::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                let mut later: std::collections::HashSet<&str> = std::collections::HashSet::new();
                let mut kept: Vec<_> =
                    members.list.iter().rev().filter(|member| later.insert(&member.name)).collect();
                kept.reverse();
                for member in kept {
                    let raw: &RawValue =
                        serde_json::from_str(&member.json).map_err(serde::ser::Error::custom)?;
                    map.serialize_entry(&member.name, raw)?;
                }
                map.end()
            }
        }
    }
}

fn lines(reading: &Reading, verdict: &Verdict, findings: &[Finding], checks: &[Check]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut part = Some(reading);
    while let Some(reading) = part {
        lines.push(reading.form.name().to_owned());
        lines.extend(
            reading
                .facts
                .iter()
                .map(|(label, text)| columns(&[("", 0), (label, 14), (&truncate(text, MAX_SHOWN), 0)])),
        );
        lines.extend(sections(reading));
        part = reading.inner.as_deref();
    }
    let (mark, word) = match verdict.state {
        State::Verified => ("✓", "verified"),
        State::Failed => ("✗", "failed"),
        State::NotChecked => ("?", "not checked"),
    };
    lines.push(columns(&[("signature", 9), (mark, 1), (&format!("{word}: {}", verdict.reason), 0)]));
    for finding in findings {
        let mark = match finding.severity {
            Severity::Error => "✗",
            Severity::Warning => "!",
            Severity::Info => "·",
        };
        lines.push(columns(&[(finding.severity.word(), 9), (mark, 1), (&finding.message, 0)]));
    }
    let fine: Vec<&str> =
        checks.iter().filter(|check| check.severity.is_none()).map(|check| check.message.as_str()).collect();
    if !fine.is_empty() {
        lines.push(columns(&[("fine", 9), ("✓", 1), (&fine.join(", "), 0)]));
    }
    lines
}

/// Header and claims, one member a line.
fn sections(reading: &Reading) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, section) in [("header", &reading.header), ("claims", &reading.claims)] {
        match section {
            Section::Absent => continue,
            Section::Text(text) => lines.push(columns(&[(name, 8), (&truncate(text, MAX_SHOWN), 0)])),
            Section::Object(members) => {
                lines.push(name.to_owned());
                for member in &members.list {
                    let value = member.text().unwrap_or_else(|| member.json.clone());
                    let said = meaning(member, reading, &|_| None).unwrap_or_default();
                    lines.push(columns(&[
                        ("", 0),
                        (&member.name, 14),
                        (&truncate(&value, MAX_SHOWN), 44),
                        (&said, 0),
                    ]));
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

    fn reading(claims: &str) -> Reading {
        jwt::read(&format!("{}.{}.c2ln", B64.encode(r#"{"alg":"RS256"}"#), B64.encode(claims)))
    }

    fn printed(claims: &str) -> String {
        let reading = reading(claims);
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        to_json(&reading, &Verdict::not_checked("why"), &jwt::findings(&reading, now), now)
    }

    #[test]
    fn numbers_stay_as_written_and_of_duplicates_the_last_is_kept_and_said() {
        let text = printed(r#"{"a":1,"n":12345678901234567890123,"a":1e400,"exp":1700000060}"#);
        assert!(
            text.contains(r#""claims":{"n":12345678901234567890123,"a":1e400,"exp":1700000060}"#),
            "{text}"
        );
        assert!(text.contains(r#""code":"duplicate_claim""#), "{text}");
        assert!(
            text.contains(r#""times":{"iat":null,"exp":1700000060,"nbf":null,"remainingSeconds":60}"#),
            "{text}"
        );
        assert!(text.contains(r#""verdict":{"state":"not_checked","reason":"why","key":null}"#), "{text}");
        assert!(text.starts_with(r#"{"form":"jws","header":{"alg":"RS256"},"claims":"#), "{text}");
    }

    #[test]
    fn audience_and_url_are_both_checked_and_nothing_is_said_twice() {
        let reading = reading(r#"{"iss":"https://accounts.google.com","aud":"https://a.run.app","exp":1}"#);
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let codes = |audience: Option<&str>, url: Option<&str>| {
            let wish = Decode {
                file: "-".into(),
                audience: audience.map(str::to_owned),
                url: url.map(str::to_owned),
                jwks: None,
                offline: true,
            };
            let (findings, _) = judged(&reading, now, &expectation(&wish).ok().unwrap(), None);
            findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        let (right, wrong) = ("https://a.run.app", "https://b.run.app");
        let fine = vec!["expired", "no_email"];
        assert_eq!(codes(None, None), fine);
        let with = |more: &[&'static str]| [fine.as_slice(), more].concat();
        assert_eq!(codes(Some(right), Some("https://a.run.app/x")), fine);
        // Where both are given, the audience that the service expects decides.
        assert_eq!(codes(Some(right), Some(wrong)), fine);
        assert_eq!(codes(Some(wrong), Some(right)), with(&["audience_mismatch"]));
        let google = with(&["id_token_for_google_api"]);
        assert_eq!(codes(Some(right), Some("https://storage.googleapis.com/b")), google);
    }

    #[test]
    fn odd_payloads_are_strings_or_null() {
        assert!(printed("[1]").contains(r#""claims":"[1]""#));
        assert!(printed("").contains(r#""claims":null"#));
    }

    #[test]
    fn nothing_in_a_token_reaches_the_terminal_as_a_control_sequence() {
        let claims = "{\"sub\":\"a\\u001b[2J\",\"x\u{202e}\":\"\u{9b}\",\"y\":[\"\u{7f}\"]}";
        let reading = reading(claims);
        let text = lines(&reading, &Verdict::not_checked("\u{1b}"), &[], &[]).join("\n");
        for output in [text, printed(claims)] {
            assert!(!output.contains(|c: char| c != '\n' && crate::text::safe::is_unsafe(c)), "{output:?}");
        }
    }

    #[test]
    fn people_read_values_with_their_meaning() {
        let reading = reading(r#"{"iss":"https://accounts.google.com","n":[1]}"#);
        let lines = lines(&reading, &Verdict::not_checked("why"), &[], &[]);
        assert_eq!(lines[0], "signed JWT");
        assert!(lines.iter().any(|line| line.starts_with("  iss") && line.ends_with("Google")), "{lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("signature  ?  not checked: why"));
    }
}
