//! Credentials other than tokens: key files and other credentials files, PEM, JWK, signed URLs. Only what identifies
//! each is extracted, as facts; no other part of the text can ever be shown.

use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::decode::{Section, Times, decode, members};
use super::extract::{form_of, joined};
use super::form::Form;
use super::time::{self, Time, Unit};

/// Only this many characters of a fact are kept.
const MAX_FACT: usize = 300;

/// The search for a JSON object in a text stops after this many candidates.
const MAX_BRACES: usize = 16;

/// How deep JSON in strings of JSON is searched.
const MAX_ESCAPED: usize = 2;

/// The least length of a document in base64.
const MIN_ENCODED: usize = 40;

/// A credential other than a token.
pub(super) struct Document {
    pub(crate) form: Form,
    /// What can be shown of it: a label of one or two words and a value.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// From when and until when it is valid, if it says so.
    pub(crate) times: Times,
}

impl Document {
    fn new(form: Form) -> Document {
        Document { form, facts: Vec::new(), times: Times::default() }
    }

    /// Adds a fact, unless it is empty.
    fn fact(mut self, label: &'static str, value: Option<String>) -> Document {
        // A credential in the wrong field is still a credential.
        let tells = |text: &str| form_of(text) == Form::Opaque && !text.contains("-----BEGIN ");
        if let Some(value) = value.filter(|value| tells(value)) {
            self.facts.push((label, value.chars().take(MAX_FACT).collect()));
        }
        self
    }
}

/// The document that a text is or contains; `None` for anything else.
pub(super) fn of(text: &str) -> Option<Document> {
    object_in(text).or_else(|| signed_url(text)).or_else(|| pem(text)).or_else(|| encoded(text))
}

/// The document in a JSON object of this text: the whole text, after something else, or in a string of JSON.
fn object_in(text: &str) -> Option<Document> {
    const WORDS: [&str; 5] = ["private_key", "refresh_token", "client_secret", "privateKeyData", "\"kty"];
    if let Some(document) = object(text) {
        return Some(document);
    }
    let mut text = Zeroizing::new(text.to_owned());
    for _ in 0..=MAX_ESCAPED {
        if WORDS.iter().any(|word| text.contains(word)) {
            let mut braces = text.match_indices('{').take(MAX_BRACES);
            if let Some(document) = braces.find_map(|(at, _)| object(&text[at..])) {
                return Some(document);
            }
        }
        if !text.contains("\\\"") {
            break;
        }
        text = Zeroizing::new(text.replace("\\\"", "\"").replace("\\\\", "\\"));
    }
    None
}

/// The document in base64: the whole text, with or without line breaks, or a long word of it, as environment variables
/// and Kubernetes secrets hold key files.
fn encoded(text: &str) -> Option<Document> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let whole = Zeroizing::new(joined(text).0);
    let words = text.split(|c| !is_base64(c)).map(|word| word.trim_start_matches('='));
    std::iter::once(whole.as_str()).chain(words.filter(|word| word.len() >= MIN_ENCODED)).find_map(|word| {
        let bytes = Zeroizing::new(decode(word)?);
        let inner = std::str::from_utf8(&bytes).ok()?.trim_start();
        object(inner).or_else(|| pem(inner))
    })
}

/// The document in this JSON object, ignoring what follows it.
pub(super) fn object(json: &str) -> Option<Document> {
    if !json.starts_with('{') {
        return None;
    }
    of_members(&Section::Object(members(json).0))
}

/// The document that these members make.
pub(super) fn of_members(object: &Section) -> Option<Document> {
    let has = |name| object.find(name).is_some();
    let kind = object.text("type");
    let universe = object.text("universe_domain").filter(|domain| domain != "googleapis.com");
    let document = match kind.as_deref() {
        Some("service_account") => Document::new(Form::ServiceAccountKey)
            .fact("account", object.text("client_email"))
            .fact("project", object.text("project_id"))
            .fact("key ID", object.text("private_key_id"))
            .fact("unique ID", object.text("client_id")),
        Some("gdch_service_account") => Document::new(Form::ServiceAccountKey)
            .fact("account", object.text("name"))
            .fact("project", object.text("project"))
            .fact("key ID", object.text("private_key_id")),
        Some("impersonated_service_account") => {
            let source: Option<Value> =
                object.find("source_credentials").and_then(|member| serde_json::from_str(&member.json).ok());
            let source = source.as_ref().and_then(|source| source.get("type")?.as_str());
            Document::new(Form::ImpersonatedCredentials)
                .fact("account", impersonated(object))
                .fact("through", list(object, "delegates"))
                .fact("source", source.map(str::to_owned))
        }
        Some("external_account") => Document::new(Form::FederatedCredentials)
            .fact("audience", object.text("audience"))
            .fact("account", impersonated(object))
            .fact("source", source(object)),
        Some("external_account_authorized_user") => {
            Document::new(Form::FederatedUserCredentials).fact("audience", object.text("audience"))
        }
        Some("authorized_user") => user(object),
        _ if has("refresh_token") && has("client_secret") => user(object),
        _ if has("client_secret") && has("client_id") => client(object, "OAuth client"),
        _ => return other(object),
    };
    Some(document.fact("quota project", object.text("quota_project_id")).fact("universe", universe))
}

/// The document in an object without a known `type`.
fn other(object: &Section) -> Option<Document> {
    for kind in ["installed", "web"] {
        if let Some(inner) = object.find(kind).filter(|inner| inner.json.contains("client_id")) {
            return Some(client(&Section::Object(members(&inner.json).0), kind));
        }
    }
    // The answer to creating a key: the whole file in base64.
    if let Some(data) = object.text("privateKeyData").map(Zeroizing::new) {
        let file = decode(&data).map(Zeroizing::new);
        let inner = file.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(self::object);
        return Some(
            inner.unwrap_or_else(|| Document::new(Form::ServiceAccountKey).fact("key", object.text("name"))),
        );
    }
    if object.text("private_key").is_some_and(|text| text.contains("PRIVATE KEY-----")) {
        return Some(Document::new(Form::PrivateKey));
    }
    if let Some(keys) = object.find("keys") {
        let keys: Vec<Value> = serde_json::from_str(&keys.json).ok()?;
        return jwks(&keys);
    }
    if object.text("kty").is_some() {
        let fields = ["kty", "kid", "alg", "d", "k"];
        let value = fields.iter().filter_map(|name| Some(((*name).to_owned(), object.text(name)?.into())));
        return jwks(&[Value::Object(value.collect())]);
    }
    let is_certificate = |json: &str| json.contains("-----BEGIN CERTIFICATE-----");
    let all = object.members();
    (!all.is_empty() && all.iter().all(|member| is_certificate(&member.json))).then(|| {
        let ids = all.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ");
        Document::new(Form::PublicKeys).fact("keys", Some(all.len().to_string())).fact("key IDs", Some(ids))
    })
}

fn user(object: &Section) -> Document {
    Document::new(Form::UserCredentials)
        .fact("account", object.text("account"))
        .fact("client", object.text("client_id"))
}

fn client(object: &Section, kind: &str) -> Document {
    Document::new(Form::OauthClient)
        .fact("kind", Some(kind.to_owned()))
        .fact("client", object.text("client_id"))
        .fact("project", object.text("project_id"))
}

/// A key is private if it has a part that only its owner has: `d` of a pair, `k` of a shared secret (RFC 7518, 6).
fn jwks(keys: &[Value]) -> Option<Document> {
    let text = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
    if keys.is_empty() || !keys.iter().all(|key| key.get("kty").is_some()) {
        return None;
    }
    let private = keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some());
    let all = |name: &str| {
        let all: Vec<String> = keys.iter().filter_map(|key| text(key, name)).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let form = if private { Form::PrivateKey } else { Form::PublicKeys };
    Some(
        Document::new(form)
            .fact("keys", Some(keys.len().to_string()))
            .fact("kind", all("kty"))
            .fact("key IDs", all("kid")),
    )
}

/// The account that a credentials file impersonates: the last part of the address, before the verb.
fn impersonated(object: &Section) -> Option<String> {
    let url = object.text("service_account_impersonation_url")?;
    Some(url.rsplit('/').next()?.split(':').next()?.to_owned())
}

fn list(object: &Section, name: &str) -> Option<String> {
    let all: Vec<String> = serde_json::from_str(&object.find(name)?.json).ok()?;
    Some(all.join(", "))
}

/// Where the foreign token comes from, by the fields of `credential_source`.
fn source(object: &Section) -> Option<String> {
    let source = Section::Object(members(&object.find("credential_source")?.json).0);
    let kinds = [
        ("environment_id", "AWS"),
        ("executable", "a program"),
        ("certificate", "a certificate"),
        ("file", "a file"),
        ("url", "a URL"),
    ];
    kinds.iter().find(|(name, _)| source.find(name).is_some()).map(|(_, kind)| (*kind).to_owned())
}

/// Keys and certificates in PEM, anywhere in a text; a private key before anything else.
fn pem(text: &str) -> Option<Document> {
    let labels: Vec<&str> = text
        .split("-----BEGIN ")
        .skip(1)
        .take(MAX_BRACES * 16)
        .filter_map(|rest| rest.split_once("-----").map(|(label, _)| label))
        .filter(|label| label.len() <= 40)
        .collect();
    if let Some(label) = labels.iter().find(|label| label.contains("PRIVATE KEY")) {
        return Some(Document::new(Form::PrivateKey).fact("kind", Some(label.to_lowercase())));
    }
    if labels.contains(&"CERTIFICATE") {
        return Some(certificate(text));
    }
    let label = labels.iter().find(|label| label.ends_with("PUBLIC KEY"))?;
    Some(Document::new(Form::PublicKeys).fact("kind", Some(label.to_lowercase())))
}

fn certificate(text: &str) -> Document {
    // JSON and environment variables write the line breaks as two letters.
    let text = text.replace("\\n", "\n");
    let start = text.find("-----BEGIN CERTIFICATE-----").unwrap_or(0);
    let mut document = Document::new(Form::Certificate);
    let Some(Ok(pem)) = Pem::iter_from_buffer(&text.as_bytes()[start..]).next() else { return document };
    let Ok(certificate) = pem.parse_x509() else { return document };
    let validity = certificate.validity();
    document.times.nbf = Some(validity.not_before.timestamp());
    document.times.exp = Some(validity.not_after.timestamp());
    document
        .fact("subject", Some(certificate.subject().to_string()))
        .fact("issuer", Some(certificate.issuer().to_string()))
        .fact("serial", Some(certificate.raw_serial_as_string()))
}

/// A signed URL of Cloud Storage, V4 or V2, or of AWS; `&` can be escaped as in HTML, JSON and shells.
fn signed_url(text: &str) -> Option<Document> {
    const SIGNATURES: [&str; 3] = ["x-goog-signature=", "x-amz-signature=", "googleaccessid="];
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let at = SIGNATURES.iter().find_map(|name| lower.find(name))?;
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let start =
        text[..at].rfind(is_end).map_or(0, |end| end + text[end..].chars().next().map_or(1, char::len_utf8));
    let end = text[at..].find(is_end).map_or(text.len(), |end| at + end);
    let url =
        Zeroizing::new(text[start..end].replace("&amp;", "&").replace("\\u0026", "&").replace('\\', ""));
    let (address, query) = url.split_once('?')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| decoded(value))
    };
    if value("X-Amz-Signature").is_some() {
        return Some(Document::new(Form::Foreign).fact("kind", Some("AWS signed URL".to_owned())));
    }
    let mut document = Document::new(Form::SignedUrl);
    let mut ends = None;
    if let Some(date) = value("X-Goog-Date").as_deref().and_then(stamp) {
        document.times.iat = Some(date);
        let seconds = value("X-Goog-Expires").and_then(|text| text.parse::<u32>().ok());
        document.times.exp = seconds.and_then(|seconds| date.checked_add(i64::from(seconds)));
        ends = document.times.exp.and_then(time::date);
    } else if let Some(text) = value("Expires") {
        document.times.exp = text.parse().ok();
        ends = time::of_number(&text).map(end_of);
    }
    let credential = value("X-Goog-Credential");
    let account = credential.as_deref().and_then(|text| text.split('/').next()).map(str::to_owned);
    Some(
        document
            .fact("account", account.or_else(|| value("GoogleAccessId")))
            .fact("address", Some(decoded(address)))
            .fact("headers", value("X-Goog-SignedHeaders").map(|names| names.replace(';', ", ")))
            .fact("ends", ends),
    )
}

/// The end of a signed URL, in words. Cloud Storage reads seconds, whatever unit was meant.
fn end_of(time: Time) -> String {
    let date = time::date(time.seconds);
    match (time.unit, date) {
        (Unit::Seconds, Some(date)) => date,
        (Unit::Seconds, None) => "after the year 9999".to_owned(),
        (unit, date) => format!(
            "after the year 9999: its number is in {}, as if for {}, but Cloud Storage reads seconds",
            unit.name(),
            date.unwrap_or_default()
        ),
    }
}

/// The time of `20260102T030405Z`, in seconds since 1970.
fn stamp(text: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}
