//! The corpus: what people paste, and how it has to be read. `tests/corpus/tokens.jsonl` has one case a line, written
//! for this project. Whatever in it is a secret has the word `hush` in it, so that one search finds a leak.
//!
//! A text may hold `<<how:what>>`, so that the file shows what is inside a token and holds nothing that looks like a
//! credential. It is made from the innermost out: `b64` and `std` are the two alphabets of base64, `hex` base64url of
//! bytes, `fake` a credential by its beginning and length, `pem` a block of PEM, `char` a character by its number,
//! `line` the same with the line breaks written as `\n`.
#![allow(clippy::unwrap_used, reason = "a case that cannot be made must fail")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use impersona::{
    model::jwt::{self, Form, Reading, Section},
    text::safe::is_unsafe,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::support::Home;

/// When the corpus is read, in seconds since 1970.
const NOW: i64 = 1_800_000_000;

/// Each secret in the corpus has it.
const HUSH: &str = "hush";

fn cases() -> Vec<Value> {
    include_str!("../corpus/tokens.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect()
}

/// The text of a case with everything in it made.
fn made(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(start) = text.rfind("<<") {
        let end = start + text[start..].find(">>").unwrap_or_else(|| panic!("no end: {text}"));
        let (how, what) = text[start + 2..end].split_once(':').unwrap_or_else(|| panic!("no colon: {text}"));
        let new = match how {
            "b64" => URL_SAFE_NO_PAD.encode(what),
            "std" => STANDARD.encode(what),
            "hex" => {
                let bytes =
                    (0..what.len()).step_by(2).map(|at| u8::from_str_radix(&what[at..at + 2], 16).unwrap());
                URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>())
            }
            "fake" => {
                let (start, length) = what.split_once(',').unwrap();
                let length = length.parse().unwrap();
                format!("{start}{}", HUSH.repeat(60)).chars().take(length).collect()
            }
            "pem" => {
                let body = STANDARD.encode(HUSH.repeat(12));
                format!("-----BEGIN {what}-----\n{}{HUSH}\n-----END {what}-----\n", body.replace('=', ""))
            }
            "line" => what.replace('\n', "\\n"),
            "char" => char::from_u32(u32::from_str_radix(what, 16).unwrap()).unwrap().to_string(),
            other => panic!("{other} is not known: {text}"),
        };
        text.replace_range(start..end + 2, &new);
    }
    text
}

/// The members as an object, a number beside a name that is there more than once.
fn members(section: &Section) -> Value {
    match section {
        Section::Absent => Value::Null,
        Section::Text(text) => Value::from(text.as_str()),
        Section::Object(members) => {
            let mut object = Map::new();
            for member in &members.list {
                let count = (1..).find(|n| !object.contains_key(&named(&member.name, *n))).unwrap_or(1);
                let value = member.text().unwrap_or_else(|| format!("={}", member.json));
                object.insert(named(&member.name, count), value.into());
            }
            object.into()
        }
    }
}

fn named(name: &str, count: usize) -> String {
    if count == 1 { name.to_owned() } else { format!("{name} ({count})") }
}

/// What there is to know about a reading, without the token and without sentences.
fn told(reading: &Reading) -> Value {
    let now = Timestamp::from_second(NOW).unwrap();
    // What is about the token inside is told there.
    let inside = reading.inner.as_deref().map_or(0, |inner| jwt::findings(inner, now).len());
    let mut findings = jwt::findings(reading, now);
    findings.truncate(findings.len() - inside);
    let findings = findings.into_iter().map(|finding| finding.code);
    // What is remarked when reading comes again among the findings.
    let remarks: Vec<&str> = reading.remarks.iter().map(|(code, _)| *code).collect();
    let findings: Vec<&str> = findings.filter(|code| !remarks.contains(code)).collect();
    let facts: Map<String, Value> =
        reading.facts.iter().map(|(label, value)| ((*label).to_owned(), value.as_str().into())).collect();
    let verdict = jwt::judge::uncheckable(reading).map_or("to be checked", |verdict| verdict.state.word());
    let mut told = json!({ "form": reading.form.word() });
    let mut add = |name: &str, value: Value| {
        let nothing = value.is_null() || value == json!([]) || value == json!({});
        if !nothing {
            told[name] = value;
        }
    };
    add("facts", facts.into());
    add("header", members(&reading.header));
    add("claims", members(&reading.claims));
    add("signature", reading.signature.into());
    add("remarks", remarks.into());
    add("findings", findings.into());
    add("verdict", if reading.form == Form::Jws { verdict.into() } else { Value::Null });
    add("inner", reading.inner.as_deref().map_or(Value::Null, self::told));
    told
}

#[test]
fn each_case_is_read_as_it_has_to_be() {
    let cases = cases();
    assert!(cases.len() >= 90, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let text = made(case["text"].as_str().unwrap());
        let reading = jwt::read(&text);
        let told = told(&reading);
        if told != case["reading"] {
            wrong.push(format!("{}: {told}\n  not {}", case["name"], case["reading"]));
        }
        assert!(!format!("{reading:?}").contains(HUSH), "{}", case["name"]);
        assert_eq!(
            reading.form.may_ask_google(),
            reading.form.word() == "google_access_token",
            "{}",
            case["name"]
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_that_decode_prints_acts_on_a_terminal_or_tells_a_secret() {
    let home = Home::new();
    for case in cases() {
        for arguments in [&["decode", "--offline"][..], &["decode", "--offline", "--json"]] {
            let text = made(case["text"].as_str().unwrap());
            // For people, nothing at all is refused.
            let is_nothing = text.trim().is_empty() && arguments.len() == 2;
            let ran = home.run_with(text, arguments);
            let out = if is_nothing { ran.failed(8) } else { ran.good() };
            let bad: Vec<char> = out.chars().filter(|c| *c != '\n' && is_unsafe(*c)).collect();
            assert!(bad.is_empty(), "{}: {bad:?}", case["name"]);
            assert!(!out.contains(HUSH), "{}: {out}", case["name"]);
        }
    }
}

/// What is too big to be kept in a file: what it is, its text, and how many members its claims have at most.
fn big() -> Vec<(&'static str, String, usize)> {
    let jws = |claims: &str| {
        format!(
            "{}.{}.hushhush",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
            URL_SAFE_NO_PAD.encode(claims)
        )
    };
    let deep = |depth: usize| format!(r#"{{"iss":"x","a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let many = |member: fn(usize) -> String| {
        format!("{{{}}}", (0..10_000).map(member).collect::<Vec<_>>().join(","))
    };
    let megabyte = |unit: &str| unit.repeat(1024 * 1024 / unit.len());
    vec![
        ("depth 1,000", jws(&deep(1_000)), 2),
        ("depth 100,000", jws(&deep(100_000)), 2),
        ("10,000 claims", jws(&many(|n| format!(r#""c{n}":{n}"#))), 10_000),
        ("10,000 times the same claim", jws(&many(|n| format!(r#""exp":{n}"#))), 10_000),
        (
            "10,000 subjects, which mean something beside others",
            jws(&many(|n| format!(r#""sub":"{n}""#))),
            10_000,
        ),
        ("a claim of 700 kB", jws(&format!(r#"{{"iss":"{}"}}"#, "x".repeat(700_000))), 1),
        ("2 MiB of claims", jws(&format!(r#"{{"iss":"x","pad":"{}"}}"#, "y".repeat(2 << 20))), 1),
        ("1 MiB of dots", megabyte("."), 0),
        ("1 MiB of beginnings of tokens", megabyte("eyJ."), 0),
        ("1 MiB of beginnings of keys", megabyte("-----BEGIN "), 0),
        ("1 MiB of braces", megabyte("{\"private_key\":"), 0),
        ("1 MiB of escapes", megabyte("\\\"kty"), 0),
        ("1 MiB of percent signs", megabyte("%25"), 0),
        ("1 MiB of zero-width spaces", megabyte("\u{200b}"), 0),
        ("1 MiB of disclosures", format!("{}{}", jws("{}"), "~WyJ".repeat(200_000)), 0),
        (
            "JSON with many signatures",
            format!(r#"{{"payload":"e30","signatures":[{}{{}}]}}"#, "{},".repeat(100_000)),
            0,
        ),
        ("30 tokens inside each other", (0..30).fold(jws("{}"), |inner, _| jws(&inner)), 0),
        (
            "bad UTF-8, as a file holds it",
            String::from_utf8_lossy(&[0xff, 0x00, 0xc3, 0x28].repeat(1_000)).into(),
            0,
        ),
    ]
}

/// What this thread has computed so far: a busy machine doesn't count, unlike with the time of day.
#[cfg(unix)]
fn used() -> std::time::Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}

#[cfg(not(unix))]
fn used() -> std::time::Duration {
    std::time::Duration::ZERO
}

#[test]
fn big_texts_are_read_at_once_and_shown_without_a_trick() {
    let home = Home::new();
    for (name, text, members) in big() {
        let start = used();
        let reading = jwt::read(&text);
        let told: usize = reading
            .claims
            .members()
            .iter()
            .filter_map(|member| jwt::meaning(member, &reading, &|_| None))
            .count();
        // A debug build; quadratic behaviour takes minutes.
        let took = used().saturating_sub(start);
        assert!(took.as_secs() < 10, "{name}: {took:?}");
        assert!(reading.claims.members().len() <= members && told <= members, "{name}");
        let out = home.run_with(&text, &["decode", "--offline"]).good();
        assert!(!out.contains(|c: char| c != '\n' && is_unsafe(c)) && !out.contains(HUSH), "{name}");
    }
}
