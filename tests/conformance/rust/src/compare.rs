//! Two readings of one file side by side: what each sends, without the secrets and the moments in it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::http::Request;

/// What can be said of a request: `field grant_type` is `refresh_token`, `body` is `form`.
type Facts = BTreeMap<String, String>;

/// Headers that are the business of the transport, and what a client calls itself.
const TRANSPORT: [&str; 7] =
    ["host", "connection", "accept", "accept-encoding", "content-length", "user-agent", "x-goog-api-client"];

/// Says how the requests of Google's library differ from ours, one sentence each. Each is compared with our next one to
/// the same place.
pub fn differences(googles: &[Request], ours: &[Request]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest: Vec<(usize, &Request)> = ours.iter().enumerate().collect();
    let mut last = 0;
    for theirs in googles {
        let place = place(theirs);
        let Some(next) = rest.iter().position(|(_, request)| self::place(request) == place) else {
            found.push(format!("{place}: only Google's library asks"));
            continue;
        };
        let (at, own) = rest.remove(next);
        if at < last {
            found.push(format!("{place}: impersona asks it earlier"));
        }
        last = at;
        compare(&place, &facts(theirs), &facts(own), &mut found);
    }
    found.extend(rest.iter().map(|(_, request)| format!("{}: only impersona asks", place(request))));
    found
}

fn compare(place: &str, theirs: &Facts, own: &Facts, found: &mut Vec<String>) {
    for (fact, value) in theirs {
        match own.get(fact) {
            None => found.push(format!(
                "{place}: {fact} is {} at Google's library, missing at impersona",
                brief(value)
            )),
            Some(other) if other != value => found.push(format!(
                "{place}: {fact} is {} at Google's library, {} at impersona",
                brief(value),
                brief(other)
            )),
            Some(_) => {}
        }
    }
    for (fact, value) in own.iter().filter(|(fact, _)| !theirs.contains_key(*fact)) {
        found.push(format!("{place}: {fact} is missing at Google's library, {} at impersona", brief(value)));
    }
}

fn brief(value: &str) -> String {
    format!("“{}”", value.chars().take(200).collect::<String>())
}

/// Method and path, without what differs from file to file.
fn place(request: &Request) -> String {
    let path = request.target.split('?').next().unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path = match path.split_once("/serviceAccounts/").and_then(|(_, rest)| rest.split_once(':')) {
        Some((_, method)) => format!("…:{method}"),
        None => path.into_owned(),
    };
    format!("{} {path}", request.method)
}

fn facts(request: &Request) -> Facts {
    let mut facts = Facts::new();
    for (name, value) in &request.headers {
        if !TRANSPORT.contains(&name.as_str()) {
            // The token that was got before is another one each time.
            let value = if value.starts_with("Bearer ") { "Bearer …" } else { value };
            facts.insert(format!("header {name}"), value.to_owned());
        }
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    facts.insert("path".into(), path.to_owned());
    for (name, value) in pairs(query) {
        facts.insert(format!("query {name}"), value);
    }
    let body = String::from_utf8_lossy(&request.body);
    match serde_json::from_str::<Value>(&body) {
        Ok(Value::Object(fields)) => {
            for (name, value) in fields {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                field(&mut facts, &format!("field {name}"), value);
            }
        }
        _ => {
            for (name, value) in pairs(&body) {
                field(&mut facts, &format!("field {name}"), value);
            }
        }
    }
    facts
}

/// Notes a field; a subject token of AWS is a whole request, of which each part is a field.
fn field(facts: &mut Facts, name: &str, value: String) {
    let decoded = percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
    let Ok(Value::Object(signed)) = serde_json::from_str(&decoded) else {
        facts.insert(name.to_owned(), claims(&value).unwrap_or(value));
        return;
    };
    let spaces = if value.contains('+') { "+" } else { "%20" };
    facts.insert(format!("{name} space"), spaces.to_owned());
    for (part, value) in signed {
        for header in value.as_array().into_iter().flatten() {
            let key = header["key"].as_str().unwrap_or_default();
            facts.insert(format!("{name} {part} {}", key.to_lowercase()), steady(key, &header["value"]));
        }
        if let Some(text) = value.as_str() {
            facts.insert(format!("{name} {part}"), text.to_owned());
        }
    }
}

/// A header that AWS signs, without moment and signature.
fn steady(key: &str, value: &Value) -> String {
    let value = value.as_str().unwrap_or_default();
    match key.to_lowercase().as_str() {
        "x-amz-date" => value.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect(),
        "authorization" => {
            let unsigned = value.split("Signature=").next().unwrap_or_default();
            let is_day = |part: &str| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit());
            unsigned
                .split('/')
                .map(|part| if is_day(part) { "day" } else { part })
                .collect::<Vec<_>>()
                .join("/")
        }
        _ => value.to_owned(),
    }
}

/// What a JWT says, without its moments and its signature, which may be new each time; none if it is no JWT.
fn claims(value: &str) -> Option<String> {
    let mut parts = value.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let claims_of = claims.as_object_mut()?;
    claims_of.retain(|name, _| !matches!(name.as_str(), "iat" | "exp" | "nbf" | "jti"));
    Some(claims.to_string())
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(n, v)| (plain(n), plain(v))).collect()
}
