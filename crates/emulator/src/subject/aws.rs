//! Signed requests of AWS: a `GetCallerIdentity` that is never sent. Its signature is recomputed with the
//! secret of the key, as AWS would, and AWS's answer becomes the claims.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::check::Query;
use crate::error::Failure;
use crate::identity::{Aws, AwsRole};
use crate::keys;

/// For how long a signed request is good, before and after its date.
const FRESH: i64 = 15 * 60;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What stays as it is in the query of a canonical request.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Deserialize)]
struct CallerIdentityRequest {
    url: String,
    method: String,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    key: String,
    value: String,
}

/// A parsed request, not yet verified.
struct SignedRequest<'a> {
    host: &'a str,
    query: &'a str,
    headers: BTreeMap<String, String>,
    date: &'a str,
    /// `DATE/REGION/sts/aws4_request`.
    scope: Vec<&'a str>,
    names: Vec<&'a str>,
    signature: &'a str,
}

/// The claims of the signer of a request for this audience, as AWS would report them.
pub(crate) fn verify(
    trusted: &Aws,
    name: &str,
    token: &str,
    now: i64,
) -> Result<Map<String, Value>, Failure> {
    let sent = parse_request(token)?;
    let headers: BTreeMap<String, String> =
        sent.headers.iter().map(|header| (header.key.to_lowercase(), header.value.clone())).collect();
    let header = |name: &str| {
        let value = headers.get(name).map(String::as_str).filter(|value| !value.is_empty());
        value.ok_or_else(|| malformed(&format!("the header {name} is missing")))
    };
    let target = header("x-goog-cloud-target-resource")?;
    if target.strip_prefix("https:").unwrap_or(target) != name {
        return Err(Failure::invalid_grant(
            "The header x-goog-cloud-target-resource of the AWS request does not name the audience.",
        ));
    }
    let (host, query) = address(&sent)?;
    if header("host")? != host {
        return Err(malformed("the header host is not the host of the address"));
    }
    let date = header("x-amz-date")?;
    let (credential, names, signature) = authorization(header("authorization")?)?;
    let mut scope = credential.split('/');
    let key = scope.next().unwrap_or_default();
    let signed = SignedRequest {
        host,
        query,
        date,
        scope: scope.collect(),
        names: names.split(';').collect(),
        signature,
        headers: headers.clone(),
    };
    if (time(date).ok_or_else(|| malformed("x-amz-date is not a date"))? - now).abs() > FRESH {
        return Err(denied("SignatureDoesNotMatch", "the signature has expired"));
    }
    let role = trusted.roles.iter().find(|role| role.access_key_id == key);
    let role = role.ok_or_else(|| denied("InvalidClientTokenId", "the security token is invalid"))?;
    signed.check(role)?;
    Ok(trusted.claims(role))
}

/// The request is JSON, as it is or percent-encoded once more.
fn parse_request(token: &str) -> Result<CallerIdentityRequest, Failure> {
    let text = match token.trim_start().starts_with('{') {
        true => token.to_owned(),
        false => percent_decode_str(&token.replace('+', " ")).decode_utf8_lossy().into_owned(),
    };
    serde_json::from_str(&text).map_err(|_| malformed("it is not {url, method, headers: [{key, value}]}"))
}

/// Host and query of an address that only asks AWS who is calling.
fn address(sent: &CallerIdentityRequest) -> Result<(&str, &str), Failure> {
    let rest = sent.url.strip_prefix("https://").filter(|_| sent.method == "POST");
    let (place, query) =
        rest.and_then(|rest| rest.split_once('?')).ok_or_else(|| malformed("it is not a POST to AWS"))?;
    let host = place.strip_suffix('/').unwrap_or(place);
    let first = host.split('.').next().unwrap_or_default();
    if !matches!(first, "sts" | "sts-fips") || !host.ends_with(".amazonaws.com") || host.contains('/') {
        return Err(malformed("the address is not the token service of AWS"));
    }
    let asked = Query::parse(query);
    if asked.text("Action") != Some("GetCallerIdentity") || asked.text("Version") != Some("2011-06-15") {
        return Err(malformed("it does not ask for the caller's identity"));
    }
    Ok((host, query))
}

/// Credential, signed headers and signature.
fn authorization(header: &str) -> Result<(&str, &str, &str), Failure> {
    let parts = header.strip_prefix(ALGORITHM).unwrap_or_default();
    let part = |name: &str| {
        let mut parts = parts.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).filter(|value| !value.is_empty())
    };
    match (part("Credential"), part("SignedHeaders"), part("Signature")) {
        (Some(credential), Some(names), Some(signature)) => Ok((credential, names, signature)),
        _ => {
            Err(malformed("Authorization is not AWS4-HMAC-SHA256 with Credential, SignedHeaders, Signature"))
        }
    }
}

impl SignedRequest<'_> {
    fn check(&self, role: &AwsRole) -> Result<(), Failure> {
        let [day, region, "sts", "aws4_request"] = self.scope[..] else {
            return Err(denied("SignatureDoesNotMatch", "the credential is scoped to something else"));
        };
        let place = self.host.strip_suffix(".amazonaws.com").and_then(|host| host.split_once('.'));
        if !self.date.starts_with(day) || place.is_some_and(|(_, of_host)| of_host != region) {
            return Err(denied("SignatureDoesNotMatch", "the credential is scoped to another day or region"));
        }
        let temporary = self.headers.get("x-amz-security-token").map_or("", String::as_str);
        if temporary != role.session_token {
            return Err(denied("InvalidClientTokenId", "the security token is invalid"));
        }
        let mut needed = vec!["host", "x-amz-date"];
        if !temporary.is_empty() {
            needed.push("x-amz-security-token");
        }
        if !needed.iter().all(|name| self.names.contains(name)) {
            return Err(denied("SignatureDoesNotMatch", "host, date and session have to be signed"));
        }
        let mut key = format!("AWS4{}", role.secret_access_key).into_bytes();
        for part in [day, region, "sts", "aws4_request"] {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), self.text()?.as_bytes());
        if keys::hex(expected.as_ref()) != self.signature {
            return Err(denied("SignatureDoesNotMatch", "the signature is not the key's"));
        }
        Ok(())
    }

    fn text(&self) -> Result<String, Failure> {
        let mut headers = String::new();
        for name in &self.names {
            let value = self.headers.get(*name).ok_or_else(|| malformed("a signed header is missing"))?;
            let words: Vec<&str> = value.split_whitespace().collect();
            headers.push_str(&format!("{name}:{}\n", words.join(" ")));
        }
        let mut query: Vec<(String, String)> = Query::parse(self.query)
            .into_map()
            .into_iter()
            .map(|(name, value)| (encoded(&name), encoded(value.as_str().unwrap_or_default())))
            .collect();
        query.sort();
        let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let nothing = keys::hex(&keys::hash_bytes(b""));
        let request = format!("POST\n/\n{}\n{headers}\n{}\n{nothing}", query.join("&"), self.names.join(";"));
        let (date, scope, hash) = (self.date, self.scope.join("/"), keys::hex(&keys::hash(&request)));
        Ok(format!("{ALGORITHM}\n{date}\n{scope}\n{hash}"))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// `20260102T030405Z`, in seconds since the epoch.
fn time(date: &str) -> Option<i64> {
    let moment = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

fn malformed(problem: &str) -> Failure {
    Failure::invalid_request(&format!("The AWS request cannot be used: {problem}."))
}

/// What Google says when AWS has refused.
fn denied(code: &str, problem: &str) -> Failure {
    Failure::invalid_grant(&format!(
        "Received invalid AWS response of type 403 with error {code}: {problem}."
    ))
}
