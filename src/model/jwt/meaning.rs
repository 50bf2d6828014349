//! What claims and header fields mean, in a few words beside the value: mainly in Google's tokens, and in those that
//! Google exchanges. Unknown names and odd values get no meaning; times are in UTC.

use serde_json::Value;

use super::decode::{Member, Reading};
use super::form::Form;
use super::time::{self, Unit};
use super::{is_account, is_google, is_unique_id, terms};
use crate::model::account::short;
use crate::model::lifetime::words;
use crate::model::scopes;

/// The most items of a list that are shown.
const MOST_TOLD: usize = 5;

/// What a claim or header field means in this token; `None` if there is nothing to add. `name_of` returns the email of
/// a unique ID, if known.
pub fn meaning(
    member: &Member,
    reading: &Reading,
    name_of: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let text = member.text();
    let text = text.as_deref();
    Some(match member.name.as_str() {
        "alg" => algorithm(text?)?.to_owned(),
        "typ" => terms::kind(text?)?.to_owned(),
        "zip" if reading.form == Form::Jws => "compressed before it was signed".to_owned(),
        "cty" if text?.eq_ignore_ascii_case("jwt") => "the payload is itself a token".to_owned(),
        "b64" if member.json == "false" => "the payload is not encoded (RFC 7797)".to_owned(),
        "jwk" | "jku" | "x5u" | "x5c" => {
            "ignored: keys come from Google or from you, never from the token".to_owned()
        }
        "iss" => issuer(text?)?,
        "aud" => audience(member, text),
        "azp" | "sub" => identity(&member.name, text?, reading, name_of)?,
        "email" => match reading.claims.find("email_verified")?.json.as_str() {
            "true" => "verified".to_owned(),
            _ => "not verified".to_owned(),
        },
        "email_verified" => (if member.json == "true" {
            "the issuer vouches for the address"
        } else {
            "no one vouches for the address"
        })
        .to_owned(),
        "iat" | "nbf" | "exp" => when(member, reading)?,
        "auth_time" => format!("{}: when the person signed in", utc(member.seconds()?)),
        "google" => google(member)?,
        "gcip" | "firebase" => sign_in(member)?,
        "kubernetes.io" => kubernetes(member)?,
        "act" => actor(member)?,
        "cnf" => bound(member)?,
        "amr" => format!("how the person authenticated: {}", list(member)?),
        "scope" | "scp" => scope(text?, reading),
        // Plain words, which other issuers use with another meaning.
        "ref" | "environment" | "actor" | "sha" => of_a_build(&member.name, reading)?,
        name => match name.strip_prefix("kubernetes.io/serviceaccount/") {
            Some(rest) => format!("the Kubernetes service account's {}", rest.replace(['.', '/'], " ")),
            None => terms::of_name(name)?.to_owned(),
        },
    })
}

/// How long ago or until then, with one unit, two where it matters: `just now`, `34s ago`, `in 12m`, `3h 20m ago`, `5d
/// ago`. Both in seconds since 1970.
pub fn relative(at: i64, now: i64) -> String {
    let length = at.saturating_sub(now).saturating_abs();
    let unit = match length {
        0..60 => 1,
        60..86_400 => 60,
        _ => 86_400,
    };
    match at.saturating_sub(now) {
        0 => "just now".to_owned(),
        ahead if ahead > 0 => format!("in {}", words(length / unit * unit)),
        _ => format!("{} ago", words(length / unit * unit)),
    }
}

fn algorithm(alg: &str) -> Option<&'static str> {
    Some(match alg {
        "RS256" => "RSA and SHA-256, what Google signs with",
        "ES256" => "ECDSA on P-256, what Identity-Aware Proxy signs with",
        "ES384" | "ES512" => "ECDSA",
        "PS256" | "PS384" | "PS512" => "RSA with PSS",
        "EdDSA" | "Ed25519" => "Ed25519",
        "dir" => "encrypted with a shared key",
        none if none.eq_ignore_ascii_case("none") => "not signed at all",
        hmac if hmac.starts_with("HS") => "a shared secret, never used by Google",
        wrapped if wrapped.starts_with("RSA-") || wrapped.starts_with("ECDH-") => {
            "encrypted for the holder of the private key"
        }
        _ => return None,
    })
}

fn issuer(issuer: &str) -> Option<String> {
    Some(match issuer {
        _ if is_google(issuer) => "Google".to_owned(),
        _ if is_account(issuer) => format!("{} itself: signed with its own key", short(issuer)),
        _ => return terms::issuer(issuer),
    })
}

fn audience(member: &Member, one: Option<&str>) -> String {
    if let Some(one) = one {
        return terms::audience(one).unwrap_or("who it is meant for").to_owned();
    }
    let count = serde_json::from_str::<Vec<Value>>(&member.json).map_or(0, |all| all.len());
    if count > 1 { format!("who it is meant for: any of {count}") } else { "who it is meant for".to_owned() }
}

fn identity(
    name: &str,
    id: &str,
    reading: &Reading,
    name_of: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    if name == "sub" && reading.claims.text("azp").as_deref() == Some(id) {
        return Some("the same account".to_owned());
    }
    if name == "sub" && reading.claims.text("iss").as_deref() == Some(id) {
        return Some("the same account: it speaks for itself".to_owned());
    }
    if let Some(email) = name_of(id) {
        return Some(short(&email).into_owned());
    }
    if name == "sub"
        && let Some(who) = terms::subject(id)
    {
        return Some(who);
    }
    let own = reading.claims.text("email").filter(|email| is_account(email));
    match name {
        _ if is_unique_id(id) && own.is_some() => Some("the account's unique ID".to_owned()),
        "azp" if is_unique_id(id) => Some("the account's unique ID".to_owned()),
        // Users have IDs of the same form.
        _ if is_unique_id(id) => Some("the unique ID of a person or an account".to_owned()),
        "azp" if id.ends_with(".apps.googleusercontent.com") => {
            Some("the OAuth client that asked for it".to_owned())
        }
        "sub" if reading.claims.text("iss").is_some_and(|iss| is_account(&iss)) && id.contains('@') => {
            Some("the person to act for: domain-wide delegation".to_owned())
        }
        _ => None,
    }
}

fn utc(at: i64) -> String {
    let beyond = if at > 0 { "after the year 9999" } else { "before the year 1" };
    time::date(at).unwrap_or_else(|| beyond.to_owned())
}

fn when(member: &Member, reading: &Reading) -> Option<String> {
    let Some(at) = member.seconds() else {
        return time::of_text(&member.text()?).map(|at| format!("text, not a number; as a date {}", utc(at)));
    };
    let utc = utc(at);
    let unit = reading.unit(&member.name);
    if unit != Unit::Seconds {
        return Some(format!("in {}: {utc}", unit.name()));
    }
    let iat = reading.times.iat.filter(|_| reading.unit("iat") == Unit::Seconds);
    Some(match (member.name.as_str(), iat) {
        ("exp", Some(iat)) if at > iat => {
            let length = at.saturating_sub(iat);
            let google = length == 3_600 && reading.claims.text("iss").is_some_and(|iss| is_google(&iss));
            format!(
                "{utc}, {} after iat{}",
                words(length),
                if google { ", Google's fixed lifetime" } else { "" }
            )
        }
        _ => utc,
    })
}

/// Sentences about parts of one claim, separated by commas; `None` if empty.
fn told(said: Vec<String>) -> Option<String> {
    (!said.is_empty()).then(|| said.join(", "))
}

fn value(member: &Member) -> Option<Value> {
    serde_json::from_str(&member.json).ok()
}

/// A string or number in an object, by its path.
fn part(value: &Value, path: &str) -> Option<String> {
    match path.split('/').try_fold(value, |value, name| value.get(name))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Google's own claim, in ID tokens of accounts and VMs and in those of IAP.
fn google(member: &Member) -> Option<String> {
    let value = value(member)?;
    let mut said = Vec::new();
    match value.get("organization_number") {
        Some(Value::Null) => said.push("the account's project has no organization".to_owned()),
        Some(number) => said.push(format!("organization {number}")),
        None => {}
    }
    if let Some(vm) = value.get("compute_engine") {
        let part = |name| part(vm, name).unwrap_or_else(|| "?".to_owned());
        said.push(format!("made on the VM {} in {}", part("instance_name"), part("project_id")));
        if part("zone") != "?" {
            said.push(part("zone"));
        }
        if part("instance_confidentiality") == "1" {
            said.push("a Confidential VM".to_owned());
        }
        match vm.get("license_id").and_then(Value::as_array).map(Vec::len) {
            Some(0) | None => {}
            Some(1) => said.push("1 licence".to_owned()),
            Some(many) => said.push(format!("{many} licences")),
        }
    }
    match value.get("access_levels").and_then(Value::as_array) {
        Some(levels) if levels.is_empty() => said.push("meets no access level".to_owned()),
        Some(levels) => {
            // accessPolicies/N/accessLevels/NAME
            let names = levels.iter().filter_map(|level| level.as_str()?.rsplit('/').next());
            said.push(format!("meets {}", names.take(MOST_TOLD).collect::<Vec<_>>().join(" and ")));
        }
        None => {}
    }
    said.extend(part(&value, "device_id").map(|_| "from a known device".to_owned()));
    told(said)
}

/// How a user signed in with Identity Platform or Firebase; IAP nests the same one level deeper.
fn sign_in(member: &Member) -> Option<String> {
    let value = value(member)?;
    let firebase = value.get("firebase").unwrap_or(&value);
    let mut said = Vec::new();
    said.extend(part(firebase, "sign_in_provider").map(|provider| match provider.as_str() {
        "custom" => "signed in with a custom token".to_owned(),
        "anonymous" => "signed in anonymously".to_owned(),
        "password" => "signed in with a password".to_owned(),
        _ => format!("signed in with {provider}"),
    }));
    said.extend(part(firebase, "sign_in_second_factor").map(|factor| format!("second factor {factor}")));
    said.extend(part(firebase, "tenant").map(|tenant| format!("tenant {tenant}")));
    told(said)
}

fn kubernetes(member: &Member) -> Option<String> {
    let value = value(member)?;
    let mut said = Vec::new();
    if let Some(name) = part(&value, "serviceaccount/name") {
        let namespace = part(&value, "namespace").unwrap_or_else(|| "?".to_owned());
        said.push(format!("the Kubernetes service account {namespace}/{name}"));
    }
    for kind in ["pod", "node", "secret"] {
        said.extend(part(&value, &format!("{kind}/name")).map(|name| format!("{kind} {name}")));
    }
    told(said)
}

/// Who acts for the subject, and who for that one (RFC 8693, 4.1).
fn actor(member: &Member) -> Option<String> {
    let mut value = value(member)?;
    let mut chain = Vec::new();
    while chain.len() < MOST_TOLD
        && let Some(who) = part(&value, "sub")
    {
        chain.push(who);
        value = value.get("act").cloned().unwrap_or_default();
    }
    told(chain).map(|chain| format!("who actually acts: {chain}"))
}

/// What a token is bound to, so that a thief can't use it (RFC 7800, 8705, 9449).
fn bound(member: &Member) -> Option<String> {
    let value = value(member)?;
    let ways = [
        ("x5t#S256", "valid only with the client certificate it is bound to"),
        ("jkt", "valid only with proof of the key it is bound to (DPoP)"),
        ("jwk", "valid only with proof of the key in it"),
        ("kid", "valid only with proof of the key it names"),
    ];
    let said =
        ways.iter().filter(|(name, _)| value.get(name).is_some()).map(|(_, words)| (*words).to_owned());
    told(said.collect())
}

fn list(member: &Member) -> Option<String> {
    let value = value(member)?;
    told(value.as_array()?.iter().filter_map(Value::as_str).take(MOST_TOLD).map(str::to_owned).collect())
}

/// Scopes by their short names, and whether the token has them or requests them.
fn scope(text: &str, reading: &Reading) -> String {
    let short = text.split_whitespace().map(scopes::short).collect::<Vec<_>>().join(", ");
    let wants = reading.claims.text("iss").is_some_and(|iss| is_account(&iss))
        && reading.claims.text("aud").is_some_and(|aud| aud.ends_with("/token"));
    if wants { format!("{short} to be exchanged for") } else { format!("what it allows: {short}") }
}

fn of_a_build(name: &str, reading: &Reading) -> Option<String> {
    let issuer = reading.claims.text("iss")?;
    if !issuer.starts_with("https://token.actions.githubusercontent.com") && !issuer.contains("gitlab") {
        return None;
    }
    let said = match name {
        "ref" => "the branch or tag that was built",
        "environment" => "the environment that it can deploy to",
        "actor" => "who started it; no proof of who wrote the code",
        _ => "the commit that was built",
    };
    Some(said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::jwt::read;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

    fn meanings(claims: &str) -> Vec<Option<String>> {
        let reading = read(&format!("{}.{}.c2ln", B64.encode(r#"{"alg":"none"}"#), B64.encode(claims)));
        let name_of = |id: &str| {
            (id == "109300000000000004411").then(|| "deployer@acme-prod.iam.gserviceaccount.com".to_owned())
        };
        let members = reading.header.members().iter().chain(reading.claims.members());
        members.map(|member| meaning(member, &reading, &name_of)).skip(1).collect()
    }

    fn said(claims: &str) -> Vec<String> {
        meanings(claims).into_iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn a_google_id_token_reads_as_sentences() {
        assert_eq!(
            said(
                r#"{"iss":"https://accounts.google.com","aud":"https://svc-a.run.app","azp":"109300000000000004411",
                    "sub":"109300000000000004411","email":"deployer@acme-prod.iam.gserviceaccount.com","email_verified":true,
                    "iat":1700000000,"exp":1700003600,"google":{"organization_number":123456}}"#
            ),
            [
                "Google",
                "who it is meant for: a Cloud Run service",
                "deployer@acme-prod",
                "the same account",
                "verified",
                "the issuer vouches for the address",
                "2023-11-14T22:13:20Z",
                "2023-11-14T23:13:20Z, 1h after iat, Google's fixed lifetime",
                "organization 123456",
            ]
        );
    }

    #[test]
    fn a_self_signed_jwt_says_who_speaks_for_whom() {
        assert_eq!(
            said(
                r#"{"iss":"ci@acme-ci.iam.gserviceaccount.com","sub":"dev@example.com","aud":"https://oauth2.googleapis.com/token",
                    "scope":"https://www.googleapis.com/auth/cloud-platform https://mail.google.com/"}"#
            ),
            [
                "ci@acme-ci itself: signed with its own key",
                "the person to act for: domain-wide delegation",
                "Google's token endpoint: to be exchanged for an access token",
                "cloud-platform, https://mail.google.com/ to be exchanged for",
            ]
        );
    }

    #[test]
    fn odd_values_mean_nothing_and_break_nothing() {
        let odd = meanings(r#"{"iss":7,"azp":null,"sub":["x"],"exp":"1","google":1,"iat":8e15,"own":1}"#);
        assert_eq!(odd, [None, None, None, None, None, Some("after the year 9999".to_owned()), None]);
    }

    /// The meaning of one claim beside others.
    fn one(name: &str, claims: &str) -> String {
        let reading = read(&format!("e30.{}.c2ln", B64.encode(claims)));
        let member = reading.claims.find(name).expect("a claim");
        meaning(member, &reading, &|_| None).unwrap_or_default()
    }

    #[test]
    fn a_vm_says_which_it_is_and_iap_what_was_met() {
        let vm = r#"{"google":{"compute_engine":{"project_id":"acme","zone":"europe-west1-b","instance_id":"1",
            "instance_name":"web-1","instance_confidentiality":1,"license_id":["1","2"]}}}"#;
        assert_eq!(
            one("google", vm),
            "made on the VM web-1 in acme, europe-west1-b, a Confidential VM, 2 licences"
        );
        assert_eq!(
            one(
                "google",
                r#"{"google":{"access_levels":["accessPolicies/1/accessLevels/staff"],"device_id":"d"}}"#
            ),
            "meets staff, from a known device"
        );
        assert_eq!(one("google", r#"{"google":{"access_levels":[]}}"#), "meets no access level");
    }

    #[test]
    fn sign_in_tells_how_and_where() {
        assert_eq!(
            one("firebase", r#"{"firebase":{"sign_in_provider":"google.com","tenant":"t"}}"#),
            "signed in with google.com, tenant t"
        );
        assert_eq!(
            one("gcip", r#"{"gcip":{"firebase":{"sign_in_provider":"password"}}}"#),
            "signed in with a password"
        );
        assert_eq!(one("auth_time", r#"{"auth_time":0}"#), "1970-01-01T00:00:00Z: when the person signed in");
        assert_eq!(one("amr", r#"{"amr":["pwd","mfa"]}"#), "how the person authenticated: pwd, mfa");
    }

    #[test]
    fn a_pod_a_build_and_a_person_elsewhere_are_named() {
        let pod = r#"{"kubernetes.io":{"namespace":"prod","serviceaccount":{"name":"api"},"pod":{"name":"api-0"}}}"#;
        assert_eq!(one("kubernetes.io", pod), "the Kubernetes service account prod/api, pod api-0");
        assert_eq!(
            one(
                "kubernetes.io/serviceaccount/namespace",
                r#"{"kubernetes.io/serviceaccount/namespace":"x"}"#
            ),
            "the Kubernetes service account's namespace"
        );
        let build = r#"{"iss":"https://token.actions.githubusercontent.com","sub":"repo:a/b:ref:refs/heads/main","ref":"refs/heads/main"}"#;
        assert_eq!(one("ref", build), "the branch or tag that was built");
        assert_eq!(one("sub", build), "the GitHub repository a/b, at refs/heads/main");
        assert_eq!(one("ref", r#"{"iss":"https://idp.example","ref":"x"}"#), "", "an ordinary word");
        assert_eq!(one("tid", r#"{"tid":"t"}"#), "the Entra tenant");
    }

    #[test]
    fn who_acts_and_what_a_token_is_bound_to_is_said() {
        assert_eq!(one("act", r#"{"act":{"sub":"a","act":{"sub":"b"}}}"#), "who actually acts: a, b");
        assert!(one("cnf", r#"{"cnf":{"x5t#S256":"x"}}"#).contains("client certificate"));
        assert!(one("cnf", r#"{"cnf":{"jkt":"x"}}"#).contains("DPoP"));
        assert_eq!(one("scope", r#"{"scope":"openid email"}"#), "what it allows: openid, email");
        assert_eq!(one("aud", r#"{"aud":["a","b"]}"#), "who it is meant for: any of 2");
    }

    #[test]
    fn times_read_from_where_one_stands() {
        for (at, said) in [
            (1_000, "just now"),
            (966, "34s ago"),
            (1_059, "in 59s"),
            (1_000 - 755, "12m ago"),
            (1_000 + 12_059, "in 3h 20m"),
            (1_000 - 5 * 86_400 - 7_000, "5d ago"),
        ] {
            assert_eq!(relative(at, 1_000), said);
        }
        assert!(
            relative(i64::MIN, i64::MAX).ends_with("ago") && relative(i64::MAX, i64::MIN).starts_with("in ")
        );
    }
}
