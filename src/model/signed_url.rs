//! Signed URLs for Cloud Storage, V4 with RSA: the canonical request, the text that the account signs, and the
//! resulting URL. It calls nothing: it gives out the bytes to sign and takes the signature.
//!
//! The rules are those of Google's documents “V4 signing process” and “Canonical requests”. The result equals that of
//! Google's Python library byte for byte, except for one order of parameters (see [`SignedUrl::prepare`]).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use aws_lc_rs::digest;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::lifetime;

/// The longest lifetime of a V4 signed URL: 7 days, in seconds.
pub(crate) const MAX_SECONDS: u32 = 604_800;

/// How long Google promises to keep the key behind a signature valid: 12 hours, in seconds (reference of
/// `SignBlobResponse.key_id`).
pub(crate) const KEY_SECONDS: u32 = 43_200;

/// RSA PKCS#1 v1.5 over SHA-256, which is how `signBlob` signs.
const ALGORITHM: &str = "GOOG4-RSA-SHA256";

/// The parameters that a signed URL sets by itself. Setting one of these would decide what is signed.
const OURS: [&str; 6] = [
    "x-goog-algorithm",
    "x-goog-credential",
    "x-goog-date",
    "x-goog-expires",
    "x-goog-signature",
    "x-goog-signedheaders",
];

/// The methods that Cloud Storage accepts in signed requests.
pub(crate) const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "POST", "DELETE"];

/// All but the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, except slashes: a path is not normalized, so each of them is part of the name.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// What is signed: everything that decides the URL except the time and the signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// `GET`, `HEAD`, `PUT`, `POST` or `DELETE`: the URL works for this method only.
    pub method: String,
    /// The bucket's name, without `gs://`.
    pub bucket: String,
    /// The object's name, not encoded.
    pub object: String,
    /// The lifetime in whole seconds: 1 to [`MAX_SECONDS`].
    pub expires_seconds: u32,
    /// Further headers that requests must send, as typed.
    pub headers: Vec<(String, String)>,
    /// Further query parameters, as typed, not encoded.
    pub query: Vec<(String, String)>,
    /// `bucket.storage.googleapis.com/object` instead of `storage.googleapis.com/bucket/object`.
    pub virtual_host: bool,
}

/// The text to sign and what it takes to finish the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsigned {
    to_sign: String,
    url: String,
    expires: Timestamp,
}

impl SignedUrl {
    /// Checks everything by the rules that the readers in this module apply to its parts, and that no query parameter
    /// appears twice: Google documents no order for two of the same name.
    ///
    /// # Errors
    /// One sentence with the first broken rule.
    pub(crate) fn check(&self) -> Result<(), String> {
        if parse_method(&self.method)? != self.method {
            return Err(format!("{} must be upper case", quoted(&self.method)));
        }
        check_bucket(&self.bucket)?;
        check_object(&self.object)?;
        if !(1..=MAX_SECONDS).contains(&self.expires_seconds) {
            return Err(wrong_expiry(&self.expires_seconds.to_string(), Some(self.expires_seconds.into())));
        }
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        self.query.iter().try_for_each(|(name, value)| check_query(name, value))?;
        for (at, (name, _)) in self.query.iter().enumerate() {
            if self.query[..at].iter().any(|(other, _)| other == name) {
                return Err(format!("the query parameter {} is given twice: give it once", quoted(name)));
            }
        }
        Ok(())
    }

    /// The text that the account `signer_email` must sign for a URL valid from `at`, cut to whole seconds; `universe`
    /// is `googleapis.com` or the domain of a sovereign cloud.
    ///
    /// Parameters are sorted by their encoded names, as Google documents it and as its libraries for other languages
    /// do. The Python library sorts `name=value` as one text, which differs if one name starts with another and
    /// continues with a digit, `-`, `.` or an encoded character.
    pub(crate) fn prepare(&self, signer_email: &str, universe: &str, at: Timestamp) -> Unsigned {
        let (host, path) = self.place(universe);
        let headers = self.canonical_headers(&host);
        let names = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let payload = headers.get("x-goog-content-sha256").map_or("UNSIGNED-PAYLOAD", String::as_str);

        let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/auto/storage/goog4_request", &time[..8]);
        let credential = format!("{signer_email}/{scope}");
        let expires = self.expires_seconds.to_string();
        let query = self.canonical_query(&[
            ("X-Goog-Algorithm", ALGORITHM),
            ("X-Goog-Credential", &credential),
            ("X-Goog-Date", &time),
            ("X-Goog-Expires", &expires),
            ("X-Goog-SignedHeaders", &names),
        ]);

        // Each header line ends in its own newline, so an empty line comes before the names.
        let request = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", self.method);
        let hash = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let end = at.as_second() + i64::from(self.expires_seconds);
        Unsigned {
            to_sign: format!("{ALGORITHM}\n{time}\n{scope}\n{hash}"),
            url: format!("https://{host}{path}?{query}"),
            expires: Timestamp::from_second(end).unwrap_or(Timestamp::MAX),
        }
    }

    /// Host and path. A bucket's name needs no encoding: its rules leave only unreserved characters.
    fn place(&self, universe: &str) -> (String, String) {
        let object = utf8_percent_encode(&self.object, PATH);
        match self.virtual_host {
            true => (format!("{}.storage.{universe}", self.bucket), format!("/{object}")),
            false => (format!("storage.{universe}"), format!("/{}/{object}", self.bucket)),
        }
    }

    /// Names in lower case and sorted, white space trimmed and collapsed, values of one name joined with commas.
    fn canonical_headers(&self, host: &str) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::from([("host".to_owned(), host.to_owned())]);
        for (name, value) in &self.headers {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            headers
                .entry(name.trim().to_ascii_lowercase())
                .and_modify(|so_far| {
                    so_far.push(',');
                    so_far.push_str(&value);
                })
                .or_insert(value);
        }
        headers
    }

    fn canonical_query(&self, ours: &[(&str, &str)]) -> String {
        let encode = |text: &str| utf8_percent_encode(text, STRICT).to_string();
        let further = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut all: Vec<_> =
            ours.iter().copied().chain(further).map(|(name, value)| (encode(name), encode(value))).collect();
        all.sort();
        all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

impl Unsigned {
    /// The text to sign: its bytes go to `signBlob`. ASCII, four lines, not secret.
    pub(crate) fn to_sign(&self) -> &str {
        &self.to_sign
    }

    /// The URL with its signature, which from then on opens the object to anyone who has it.
    pub(crate) fn finish(&self, signature: &[u8]) -> String {
        format!("{}&X-Goog-Signature={}", self.url, *zeroize::Zeroizing::new(hex(signature)))
    }

    pub(crate) fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// Parses `gs://BUCKET/OBJECT`. Everything after the bucket is the object's name, unchanged.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn parse_object(text: &str) -> Result<(String, String), String> {
    let (bucket, object) = text
        .strip_prefix("gs://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| format!("Invalid object {}: enter gs://BUCKET/OBJECT", quoted(text)))?;
    check_bucket(bucket)?;
    check_object(object)?;
    Ok((bucket.to_owned(), object.to_owned()))
}

/// Parses a method, in upper or lower case.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn parse_method(text: &str) -> Result<String, String> {
    let upper = text.trim().to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Ok(upper);
    }
    Err(format!("Invalid method {}: use GET, HEAD, PUT, POST or DELETE", quoted(text)))
}

/// Parses the lifetime of a URL: `15m`, `7d`, `1h 30m`, or plain seconds.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn parse_expires(text: &str) -> Result<u32, String> {
    let seconds = lifetime::seconds_or_days(text);
    seconds
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (1..=MAX_SECONDS).contains(seconds))
        .ok_or_else(|| wrong_expiry(text, seconds))
}

/// Parses one header: `Name: value`.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| format!("Invalid header {}: use 'Name: value'", quoted(text)))?;
    // Trims only spaces and tabs: a line break is for the check to find.
    let (name, value) = (name.trim_matches(' '), value.trim_matches([' ', '\t']));
    check_header(name, value)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses one query parameter: `name=value`, not encoded; the value can be empty.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn parse_query(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        format!("Invalid query parameter {}: use name=value, or name= for an empty value", quoted(text))
    })?;
    check_query(name, value)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Remarks that stop nothing, each a sentence, about a URL that `account` signs.
pub(crate) fn remarks(url: &SignedUrl, account: &str) -> Vec<String> {
    let mut remarks = vec![
        "a signed URL can't be revoked: anyone who has it can use it until it expires".to_owned(),
        format!(
            "it works only if {account} has access itself: {} needs {} on the object, which Cloud Storage checks only \
             when the URL is used",
            url.method,
            permission(&url.method)
        ),
    ];
    if url.expires_seconds > KEY_SECONDS {
        remarks.push(format!(
            "over 12h: Google keeps the signing key valid for at least 12h and might replace it later, so this URL \
             might stop working before its {} are over",
            lifetime::words(url.expires_seconds)
        ));
    }
    // Every request has the host anyway.
    let headers = url.canonical_headers("");
    let shown: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "host")
        .map(|(name, value)| match name.as_str() {
            "x-goog-encryption-key" => format!("{name}: …"),
            _ => format!("{name}: {value}"),
        })
        .collect();
    if !shown.is_empty() {
        remarks.push(format!("requests must send exactly: {}", shown.join("; ")));
    }
    if url.method == "POST" && !headers.contains_key("x-goog-resumable") {
        remarks.push(
            "a signed POST can only start a resumable upload, which needs the header x-goog-resumable: start"
                .to_owned(),
        );
    }
    if url.virtual_host && url.bucket.contains('.') {
        remarks.push(format!(
            "Google's certificate covers one name below storage.googleapis.com, so HTTPS to {}.storage.googleapis.com \
             fails in most clients",
            url.bucket
        ));
    }
    // gsutil and gcloud write the generation of an object so, and an object can have any name.
    if let Some((name, generation)) = url.object.rsplit_once('#')
        && generation.len() >= 10
        && generation.bytes().all(|b| b.is_ascii_digit())
    {
        remarks.push(format!(
            "this signs an object whose name ends in #{generation}: for this generation of {name}, name the object \
             without it and add the query parameter generation={generation} (--query generation={generation})"
        ));
    }
    if url.object.split('/').any(|part| matches!(part, "." | "..")) {
        remarks.push(
            "most clients resolve . and .. in a path before they send it, so the signature won't match"
                .to_owned(),
        );
    }
    remarks
}

/// The permission that the XML API needs for an object itself (Google's table “IAM permissions for XML requests”).
fn permission(method: &str) -> &'static str {
    match method {
        "PUT" => "storage.objects.create, and storage.objects.delete to overwrite,",
        "POST" => "storage.objects.create",
        "DELETE" => "storage.objects.delete",
        _ => "storage.objects.get",
    }
}

/// Google's “Bucket name requirements” as far as they apply to existing buckets. The rule that a new name can't start
/// with `goog` or contain `google` doesn't.
fn check_bucket(name: &str) -> Result<(), String> {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let most = if name.contains('.') { 222 } else { 63 };
    let sound = (3..=most).contains(&bytes.len())
        && bytes.iter().all(|b| alphanumeric(b) || b"-_.".contains(b))
        && bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && name.split('.').all(|part| (1..=63).contains(&part.len()))
        && name.parse::<Ipv4Addr>().is_err();
    if sound {
        return Ok(());
    }
    Err(format!(
        "Invalid bucket {}: use 3 to 63 lowercase letters, digits, - and _ with a letter or digit at both ends, or such \
         parts separated by dots, at most 222 characters, not an IP address",
        quoted(name)
    ))
}

/// Google's “Object name requirements”.
fn check_object(name: &str) -> Result<(), String> {
    let sound = (1..=1024).contains(&name.len())
        && !name.contains(['\r', '\n'])
        && !matches!(name, "." | "..")
        && !name.starts_with(".well-known/acme-challenge/");
    if sound {
        return Ok(());
    }
    Err(format!(
        "Invalid object name {}: use 1 to 1024 bytes without line breaks, not . or .., and not below \
         .well-known/acme-challenge/",
        quoted(name)
    ))
}

/// RFC 9110: a name is a token; a value has visible ASCII, spaces and tabs only, because nothing else can be signed.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!(
            "Invalid header name {}: use letters, digits and -, without spaces",
            quoted(name)
        ));
    }
    if !value.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic()) {
        return Err(format!(
            "the value of the header {} must be ASCII, without line breaks or other control characters",
            quoted(name)
        ));
    }
    let lower = name.to_ascii_lowercase();
    if lower == "host" || OURS.contains(&lower.as_str()) {
        return Err(format!("the header {} is set when signing: leave it out", quoted(name)));
    }
    if lower == "authorization" {
        return Err("a signed URL needs no authorization header: the signature replaces it".to_owned());
    }
    Ok(())
}

fn check_query(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "Invalid query parameter name {}: use at least one character, without spaces or control characters",
            quoted(name)
        ));
    }
    if value.contains(char::is_control) {
        return Err(format!(
            "the value of the query parameter {} can't contain line breaks or other control characters",
            quoted(name)
        ));
    }
    if OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("the query parameter {} is set when signing: leave it out", quoted(name)));
    }
    Ok(())
}

fn wrong_expiry(text: &str, seconds: Option<u64>) -> String {
    match seconds {
        Some(0) => format!("{} is too short: the minimum is 1s (use e.g. 15m, 1h 30m, 7d)", quoted(text)),
        Some(_) => format!("{} is too long: the maximum is 7d (use e.g. 15m, 1h 30m, 7d)", quoted(text)),
        None => format!("Invalid lifetime {}: use 1s to 7d, such as 15m, 1h 30m or 7d", quoted(text)),
    }
}

/// What was typed, in quotes, with its end cut off if it is long.
fn quoted(text: &str) -> String {
    format!("“{}”", text.trim().chars().take(80).collect::<String>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "signed_url_tests.rs"]
mod tests;
