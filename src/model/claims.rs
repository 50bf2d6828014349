//! Claims to be signed by an account (`signJwt`): templates to start from, the API's rules, warnings about what is
//! allowed but doubtful, and the two claims that can be computed on sending. It works on text: what was typed is sent
//! as typed, not as a parser would write it.

use serde_json::Value;

use super::{
    jwt::{
        decode::members,
        time::{self, Unit},
    },
    lifetime::{DEFAULT_SECONDS, MAX_SECONDS, countdown},
};

/// Longer claims make a token that doesn't fit into a header.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// The clock difference that is mentioned, in seconds.
const SKEW: i64 = 60;

/// The `aud` of a JWT that is exchanged at the token endpoint, in Google's own universe.
#[cfg(test)]
pub(crate) const TOKEN_AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// Claims to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// `Google API`
    pub(crate) name: &'static str,
    /// What it is for, and what comes next.
    pub(crate) about: &'static str,
    /// The claims, with `ACCOUNT` in place of the email; `iat` and `exp` are added on sending.
    text: &'static str,
}

/// The templates, in display order.
pub const TEMPLATES: [Template; 7] = [
    Template {
        name: "Google API",
        about: "sent as the bearer token itself; at most 1h",
        text: "{\n  \"iss\": \"ACCOUNT\",\n  \"sub\": \"ACCOUNT\",\n  \"aud\": \"https://storage.googleapis.com/\"\n}",
    },
    Template {
        name: "domain-wide delegation",
        about: "exchange it for an access token of the Workspace user in sub",
        text: "{\n  \"iss\": \"ACCOUNT\",\n  \"sub\": \"user@example.com\",\n  \"scope\": \"https://www.googleapis.com/auth/drive.readonly\",\n  \"aud\": \"https://oauth2.googleapis.com/token\"\n}",
    },
    Template {
        name: "service to service",
        about: "for your own service that verifies the account's keys",
        text: "{\n  \"iss\": \"ACCOUNT\",\n  \"sub\": \"ACCOUNT\",\n  \"email\": \"ACCOUNT\",\n  \"aud\": \"https://service.example.com\"\n}",
    },
    Template {
        name: "API Gateway",
        about: "aud must match x-google-audiences in the API definition",
        text: "{\n  \"iss\": \"ACCOUNT\",\n  \"sub\": \"ACCOUNT\",\n  \"email\": \"ACCOUNT\",\n  \"aud\": \"https://gateway.example.com\"\n}",
    },
    Template {
        name: "identity provider",
        about: "identifies another user to services that trust this account's keys",
        text: "{\n  \"iss\": \"https://idp.example.com\",\n  \"sub\": \"user-1234\",\n  \"aud\": \"client-id\"\n}",
    },
    Template {
        name: "IAP",
        about: "sent to an application behind Identity-Aware Proxy; at most 1h",
        text: "{\n  \"iss\": \"ACCOUNT\",\n  \"sub\": \"ACCOUNT\",\n  \"aud\": \"https://app.example.com/*\"\n}",
    },
    Template { name: "blank", about: "claims of your own", text: "{\n}" },
];

impl Template {
    /// Its claims for this account.
    pub fn claims(self, account: &str) -> String {
        self.text.replace("ACCOUNT", account)
    }
}

/// Claims that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The text to send.
    pub(crate) text: String,
    /// The `exp`, in seconds since 1970.
    pub(crate) expires: Option<i64>,
    /// Warnings that stop nothing, each a clause.
    pub(crate) warnings: Vec<String>,
}

/// Checks claims for an account at a time (seconds since 1970); with a lifetime (in seconds), missing `iat` and `exp`
/// are added. It rejects only what the API rejects (`projects.serviceAccounts.signJwt`): anything but a JSON object, an
/// `exp` that isn't an integer, is in the past or over 12 hours ahead.
///
/// # Errors
/// One clause: line and column for invalid JSON, else the rule.
pub(crate) fn check(text: &str, lifetime: Option<u32>, account: &str, now: i64) -> Result<Checked, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("line 1, column 1: no claims yet; enter at least {}".into());
    }
    if text.len() > MAX_BYTES {
        return Err("the claims are over 64 KiB, too large for a header".to_owned());
    }
    let value: Value = serde_json::from_str(text).map_err(|error| placed(text, &error))?;
    let Value::Object(claims) = &value else {
        return Err(format!("the claims are {}, but must be a JSON object: {{\"sub\": …}}", sort(&value)));
    };
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    let mut added = Vec::new();
    if let Some(lifetime) = lifetime {
        if !claims.contains_key("iat") {
            added.push(format!("\"iat\": {now}"));
        }
        if !claims.contains_key("exp") {
            added.push(format!("\"exp\": {}", now + i64::from(lifetime)));
        }
    }
    if let Some(wrong) = unit(claims, "exp") {
        return Err(wrong);
    }
    let expires = match (claims.get("exp"), lifetime) {
        (Some(_), _) => {
            Some(seconds("exp").ok_or("exp must be whole seconds since 1970, such as 1800000000")?)
        }
        (None, lifetime) => lifetime.map(|lifetime| now + i64::from(lifetime)),
    };
    if let Some(exp) = expires {
        let left = exp.saturating_sub(now);
        if left <= 0 {
            return Err(format!(
                "exp is {} in the past: Google won't sign an expired JWT",
                countdown(left.saturating_neg())
            ));
        }
        if left > i64::from(MAX_SECONDS) {
            return Err(format!("exp is {} ahead: Google signs for at most 12h", countdown(left)));
        }
    }
    let mut warnings = Vec::new();
    if lifetime.is_some() && claims.contains_key("exp") {
        warnings.push("the claims already have an exp: the lifetime isn't used".into());
    }
    doubt_times(claims, expires, now, &mut warnings);
    doubt_names(claims, account, &mut warnings);
    let names: Vec<String> = members(text).0.list.into_iter().map(|member| member.name).collect();
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        warnings.push(format!("{} appears twice; readers may use either", twice.1));
    }
    Ok(Checked { text: spliced(text, claims.is_empty(), &added), expires, warnings })
}

type Claims = serde_json::Map<String, Value>;

/// Says that a time is in another unit than seconds.
fn unit(claims: &Claims, name: &str) -> Option<String> {
    let time = time::of_number(&claims.get(name)?.to_string()).filter(|time| time.unit != Unit::Seconds)?;
    let (unit, seconds) = (time.unit.name(), time.seconds);
    Some(format!("{name} is in {unit}; it must be in seconds since 1970, here {seconds}"))
}

fn doubt_times(claims: &Claims, expires: Option<i64>, now: i64, warnings: &mut Vec<String>) {
    match expires {
        None => warnings.push("no exp: most services refuse a JWT that never ends".into()),
        Some(exp) if exp - now > i64::from(DEFAULT_SECONDS) && audiences(claims).any(is_googles) => {
            warnings.push("exp is over 1h ahead, which Google's APIs and token endpoint refuse".into());
        }
        Some(_) => {}
    }
    let iat = claims.get("iat").and_then(Value::as_i64);
    let units: Vec<String> = ["iat", "nbf"].iter().filter_map(|name| unit(claims, name)).collect();
    let iat = iat.filter(|_| units.is_empty());
    warnings.extend(units);
    if iat.is_some_and(|iat| iat.saturating_sub(now) > SKEW) {
        warnings.push("iat is in the future: refused until then".into());
    }
}

fn doubt_names(claims: &Claims, account: &str, warnings: &mut Vec<String>) {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    match text("iss") {
        None => warnings.push("no iss: no one can tell whose keys to check it with".into()),
        Some(iss) if iss != account => warnings
            .push("iss is not this account: meant for an identity provider; Google's APIs reject it".into()),
        Some(_) if text("sub").is_some_and(|sub| sub != account) => warnings
            .push("sub is not this account: meant for domain-wide delegation and identity providers".into()),
        Some(_) => {}
    }
    if audiences(claims).next().is_none() {
        warnings.push("no aud: most services refuse a JWT without an audience".into());
    }
}

/// `aud` can be a string or a list of them (RFC 7519, section 4.1.3).
fn audiences(claims: &Claims) -> impl Iterator<Item = &str> {
    let aud = claims.get("aud");
    let list = aud.and_then(Value::as_array).into_iter().flatten();
    aud.into_iter().chain(list).filter_map(Value::as_str)
}

fn is_googles(audience: &str) -> bool {
    let host = audience.split_once("://").map_or(audience, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    host.ends_with(".googleapis.com") || host == "accounts.google.com"
}

/// The user and the scopes that these claims request from the token endpoint, if they are meant for it.
pub fn delegation(text: &str) -> Option<(String, Vec<String>)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let claims = value.as_object()?;
    let scopes = claims.get("scope")?.as_str()?.split_whitespace().map(str::to_owned).collect();
    let for_tokens = audiences(claims).any(|audience| audience.ends_with("/token"));
    let subject = claims.get("sub").or_else(|| claims.get("iss"))?.as_str()?.to_owned();
    for_tokens.then_some((subject, scopes))
}

/// The parser counts bytes; people count characters, from 1.
fn placed(text: &str, error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = line.char_indices().take_while(|(at, _)| *at < error.column()).count();
    format!("line {}, column {}: {what}", error.line().max(1), before.max(1))
}

/// The line and column in such a message.
pub(crate) fn place(sentence: &str) -> Option<(usize, usize)> {
    let (line, rest) = sentence.strip_prefix("line ")?.split_once(", column ")?;
    Some((line.parse().ok()?, rest.split_once(':')?.0.parse().ok()?))
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::String(_) => "a string",
        Value::Number(_) => "a number",
        Value::Bool(_) | Value::Null => "a single word",
        Value::Object(_) => "an object",
    }
}

/// The text with claims added before its last brace; everything else stays as typed.
fn spliced(text: &str, empty: bool, added: &[String]) -> String {
    let text = text.trim();
    if added.is_empty() {
        return text.to_owned();
    }
    let before = text.strip_suffix('}').unwrap_or(text).trim_end();
    let comma = if empty { "" } else { "," };
    let (gap, end) = if text.contains('\n') { ("\n  ", "\n}") } else { (" ", " }") };
    format!("{before}{comma}{gap}{}{end}", added.join(&format!(",{gap}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = impersona_emulator::names::DEPLOYER;
    const NOW: i64 = 1_800_000_000;

    fn at(text: &str, lifetime: Option<u32>) -> Result<Checked, String> {
        check(text, lifetime, ACCOUNT, NOW)
    }

    #[test]
    fn every_template_is_accepted_with_the_computed_times() {
        for template in TEMPLATES {
            let checked = at(&template.claims(ACCOUNT), Some(3_600)).expect(template.name);
            let claims: Value = serde_json::from_str(&checked.text).expect(template.name);
            assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(NOW), Some(NOW + 3_600)));
            assert_eq!(checked.expires, Some(NOW + 3_600));
            let meant_so = ["domain-wide delegation", "identity provider", "blank"].contains(&template.name);
            assert_eq!(!checked.warnings.is_empty(), meant_so, "{}: {:?}", template.name, checked.warnings);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_line_and_column() {
        assert_eq!(at("{\n  \"sub\": x\n}", None).unwrap_err(), "line 2, column 10: expected value");
        assert!(at("", None).unwrap_err().contains("no claims yet"));
        assert!(at("{} {}", None).unwrap_err().starts_with("line 1, column 4: trailing"));
        let accented = at("{\"a\": \"ééé\" x}", None).unwrap_err();
        assert_eq!(place(&accented), place(&at("{\"a\": \"eee\" x}", None).unwrap_err()));
        for (text, sort) in
            [("[]", "a list"), ("\"x\"", "a string"), ("1", "a number"), ("null", "a single word")]
        {
            assert!(at(text, None).unwrap_err().contains(sort), "{text}");
        }
        assert!(at(&format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500)), None).is_err());
        assert!(
            at(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES)), None).unwrap_err().contains("64 KiB")
        );
    }

    #[test]
    fn an_exp_that_google_refuses_is_refused_before_it_is_sent() {
        let exp = |value: &str| at(&format!("{{\"exp\":{value}}}"), None);
        assert!(exp("1799999999").unwrap_err().contains("exp is 1s in the past"));
        assert!(exp(&NOW.to_string()).unwrap_err().contains("in the past"));
        assert!(exp("-9223372036854775808").unwrap_err().contains("in the past"));
        assert!(exp(&(NOW + 43_201).to_string()).unwrap_err().contains("at most 12h"));
        assert_eq!(exp(&(NOW + 43_200).to_string()).unwrap().expires, Some(NOW + 43_200));
        let milliseconds = exp("1800003600000").unwrap_err();
        assert_eq!(milliseconds, "exp is in milliseconds; it must be in seconds since 1970, here 1800003600");
        for wrong in ["\"soon\"", "1.5", "null", "1e99", "99999999999999999999"] {
            assert!(exp(wrong).unwrap_err().contains("whole seconds"), "{wrong}");
        }
    }

    #[test]
    fn what_is_doubtful_is_said_and_not_refused() {
        let said = |text: &str, words: &str| {
            let warnings = at(text, None).unwrap().warnings;
            assert!(warnings.iter().any(|warning| warning.contains(words)), "{text}: {warnings:?}");
        };
        let exp = NOW + 7_200;
        said(&format!("{{\"exp\":{exp},\"aud\":\"https://storage.googleapis.com/\"}}"), "over 1h");
        said(&format!("{{\"exp\":{exp},\"aud\":[\"x\",\"{TOKEN_AUDIENCE}\"]}}"), "over 1h");
        said("{}", "no exp");
        said("{}", "no aud");
        said("{}", "no iss");
        said("{\"iss\":\"https://idp.example.com\"}", "iss is not this account");
        said(&format!("{{\"iss\":\"{ACCOUNT}\",\"sub\":\"user@example.com\"}}"), "sub is not this account");
        said("{\"iat\":1800000100}", "iat is in the future");
        said("{\"aud\":\"a\",\"aud\":\"b\"}", "aud appears twice");
        said(
            "{\"iat\":1800000000000}",
            "iat is in milliseconds; it must be in seconds since 1970, here 1800000000",
        );
        let own = format!("{{\"iss\":\"{ACCOUNT}\",\"exp\":{exp},\"aud\":\"https://own.example\"}}");
        assert_eq!(at(&own, None).unwrap().warnings, Vec::<String>::new());
    }

    #[test]
    fn what_was_typed_is_sent_as_it_was_typed() {
        let text = "  {\"b\":1e2, \"a\" : 12345678901234567890123, \"c\":\"\\u00e9\"}\n";
        assert_eq!(at(text, None).unwrap().text, text.trim());
        let added = at(text, Some(60)).unwrap().text;
        assert_eq!(
            added,
            "{\"b\":1e2, \"a\" : 12345678901234567890123, \"c\":\"\\u00e9\", \"iat\": 1800000000, \"exp\": 1800000060 }"
        );
        assert_eq!(at("{}", Some(60)).unwrap().text, "{ \"iat\": 1800000000, \"exp\": 1800000060 }");
        // Existing claims are kept, and a message says that the lifetime has no effect.
        let own = at("{\"exp\": 1800000001}", Some(60)).unwrap();
        assert!(own.warnings.iter().any(|warning| warning.contains("lifetime isn't used")));
        assert_eq!((own.expires, own.text.matches("exp").count()), (Some(1_800_000_001), 1));
    }

    #[test]
    fn a_delegation_is_known_by_its_audience_and_scope() {
        let text = TEMPLATES[1].claims(ACCOUNT);
        let (subject, scopes) = delegation(&text).expect("it is one");
        assert_eq!((subject.as_str(), scopes.len()), ("user@example.com", 1));
        assert_eq!(delegation(&TEMPLATES[0].claims(ACCOUNT)), None);
        assert_eq!(delegation("[]"), None);
    }
}
