//! What the Activity pane shows about each request: time, destination, outcome, and both bodies with every field that
//! isn't known to be harmless replaced by its length. It observes; it must never delay or change a request, and never
//! hold a credential.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    http::{
        ApiError,
        clock::now,
        error::plain,
        request_spec::{Body, Method, RequestSpec},
    },
    model::shell::quote,
};

/// One request. It is sent when the request starts, and again under the same ID when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts requests in the order they start, over all callers.
    pub id: u64,
    /// When it started.
    pub started: Timestamp,
    /// `GET`, `POST`.
    pub method: &'static str,
    /// `https`, or `http` for this machine.
    pub scheme: &'static str,
    /// `iam.googleapis.com`, with the port if there is one.
    pub host: String,
    /// Path and query, percent-encoded; URLs contain no credentials.
    pub path: String,
    /// The gRPC name: `google.iam.admin.v1.IAM.ListServiceAccounts`.
    pub call: Cow<'static, str>,
    /// How it ended, or that it is still running.
    pub outcome: Outcome,
    /// The HTTP status of the last answer, if there was one.
    pub status: Option<u16>,
    /// From start to end, including waits between attempts; `None` while it runs.
    pub latency: Option<Duration>,
    /// How often it was sent.
    pub tries: u32,
    /// Whether it carried the caller's token.
    pub bearer: bool,
    /// The quota project it was charged to.
    pub charged: Option<String>,
    /// The type of the request body, if there was one.
    pub content: Option<Content>,
    /// The request body, redacted; for a form, one field a line; empty without a body.
    pub request: String,
    /// The response body, redacted; empty without a body.
    pub response: String,
    /// The size of the response as read, in bytes.
    pub response_bytes: u64,
    /// How far this machine's clock is behind the server's, in milliseconds, by its `Date`; negative if it is ahead.
    pub skew: Option<i64>,
}

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A JSON value.
    Json,
    /// A form.
    Form,
}

impl Content {
    /// The value of `Content-Type`.
    pub(crate) fn mime(self) -> &'static str {
        match self {
            Content::Json => "application/json",
            Content::Form => "application/x-www-form-urlencoded",
        }
    }
}

impl Record {
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.path)
    }

    /// The fields of a form, still redacted; empty for any other body.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let form = if self.content == Some(Content::Form) { self.request.as_str() } else { "" };
        form.lines().map(|line| line.split_once('=').unwrap_or((line, "")))
    }

    /// The request as a curl command for a POSIX shell, with `$TOKEN` in place of the caller's token. The body is the
    /// redacted one: what is hidden on screen isn't copied either.
    pub fn curl(&self) -> String {
        let mut words = vec![format!("curl -sS -X {}", self.method)];
        if self.bearer {
            words.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
        }
        let charged = self.charged.as_ref();
        words.extend(charged.map(|id| format!("-H {}", quote(&format!("x-goog-user-project: {id}")))));
        if self.call.starts_with("metadata.") {
            words.push("-H 'Metadata-Flavor: Google'".to_owned());
        }
        match self.content {
            Some(Content::Json) => {
                words.push(format!(
                    "-H 'Content-Type: {}' -d {}",
                    Content::Json.mime(),
                    quote(&self.request)
                ));
            }
            // curl sets the content type and encodes the values itself.
            Some(Content::Form) => words.extend(
                self.fields()
                    .map(|(name, value)| format!("--data-urlencode {}", quote(&format!("{name}={value}")))),
            ),
            None => {}
        }
        // Without data curl sends no length, and Google's front end rejects a POST without one.
        let carries_nothing = match self.content {
            Some(Content::Json) => false,
            Some(Content::Form) => self.fields().next().is_none(),
            None => true,
        };
        if carries_nothing && self.method != "GET" {
            words.push("-d ''".to_owned());
        }
        words.push(quote(&self.url()));
        words.join(" ")
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Still in flight.
    Running,
    /// With a successful answer.
    Done,
    /// With a denial or without an answer: the sentence.
    Failed(String),
    /// Its caller no longer wanted it.
    Cancelled,
}

static IDS: AtomicU64 = AtomicU64::new(0);

/// Where records go: a bounded channel that never makes anyone wait.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    sender: Option<mpsc::Sender<Record>>,
    lost: AtomicU64,
}

impl Recorder {
    pub(crate) fn new(sender: Option<mpsc::Sender<Record>>) -> Recorder {
        Recorder { sender, ..Recorder::default() }
    }

    /// Whether anyone listens; if not, redacting bodies would be a waste.
    fn listens(&self) -> bool {
        self.sender.is_some()
    }

    fn send(&self, record: Record) {
        if let Some(sender) = &self.sender
            && sender.try_send(record).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// A request as it is sent.
pub(super) struct Sent {
    pub(super) method: &'static str,
    pub(super) scheme: &'static str,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) bearer: bool,
    pub(super) charged: Option<String>,
}

/// Follows one request and reports its start, each retry, and its end. If it is dropped before the end, the request was
/// cancelled.
pub(super) struct Watch<'a> {
    recorder: &'a Recorder,
    record: Record,
    since: Instant,
    ended: bool,
    /// Whether the whole response can be secret, whatever its field names: a foreign token from where a file says it
    /// is.
    secret: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn start(recorder: &'a Recorder, spec: &RequestSpec, sent_as: Sent) -> Watch<'a> {
        let Sent { method, scheme, host, path, bearer, charged } = sent_as;
        let record = Record {
            // The whole program shares one sequence: requests of one caller never replace those of another.
            id: IDS.fetch_add(1, Ordering::Relaxed) + 1,
            started: now(),
            method,
            scheme,
            host,
            path,
            call: spec.asked.method.clone(),
            outcome: Outcome::Running,
            status: None,
            latency: None,
            tries: 0,
            bearer,
            charged,
            content: match &spec.body {
                Body::Empty => None,
                Body::Json(_) => Some(Content::Json),
                Body::Form { .. } => Some(Content::Form),
            },
            request: if recorder.listens() { sent(&spec.body) } else { String::new() },
            response: String::new(),
            response_bytes: 0,
            skew: None,
        };
        recorder.send(record.clone());
        let secret = spec.address.is_some() && !matches!(spec.method, Method::Post);
        Watch { recorder, record, since: Instant::now(), ended: false, secret }
    }

    /// Another attempt: the result of the previous one is void.
    pub(super) fn tried(&mut self) {
        self.record.tries += 1;
        self.record.status = None;
        self.record.response.clear();
        self.record.response_bytes = 0;
    }

    /// Before another attempt: says how many seconds it will wait.
    pub(super) fn waits(&self) {
        self.recorder.send(self.record.clone());
    }

    pub(super) fn status(&mut self, status: u16) {
        self.record.status = Some(status);
    }

    pub(super) fn skew(&mut self, skew: Option<i64>) {
        self.record.skew = skew;
    }

    /// The response: its size, and the text without what we sent.
    pub(super) fn body(&mut self, size: usize, clean: &[u8]) {
        self.record.response_bytes = size as u64;
        if self.recorder.listens() {
            self.record.response = if self.secret { length(clean.len()) } else { redacted(clean) };
        }
    }

    pub(super) fn end(mut self, error: Option<&ApiError>) {
        self.finish(error.map_or(Outcome::Done, |error| Outcome::Failed(error.sentence())));
    }

    fn finish(&mut self, outcome: Outcome) {
        self.ended = true;
        self.record.outcome = outcome;
        self.record.latency = Some(self.since.elapsed());
        self.recorder.send(self.record.clone());
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.finish(Outcome::Cancelled);
        }
    }
}

/// Fields whose values can be shown. Any other field is shown as its length, so that a new one of Google's stays hidden
/// until someone has looked at it.
static SHOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "
        accounts name projectId uniqueId email displayName description etag oauth2ClientId disabled
        keys keyAlgorithm keyOrigin keyType validAfterTime validBeforeTime disableReason permissions
        delegates scope lifetime audience includeEmail organizationNumberIncluded expireTime keyId
        projects parent state createTime updateTime deleteTime directoryCustomerId
        grant_type expires_in token_type exp azp aud sub email_verified access_type
        error_description error_subtype error_uri
        kty alg use kid
        error code message status errors domain reason details @type metadata service method consumer permission resource
        quota_metric quota_limit quota_limit_value uid retryDelay fieldViolations field links url serviceTitle activationUrl
        containerInfo locale resourceType resourceName
        policy version bindings role members condition title expression location updateMask options requestedPolicyVersion
        auditConfigs auditLogConfigs logType exemptedMembers
        fullResourceName pageSize roles includedPermissions stage deleted
        lintResults level validationUnitName severity fieldName locationOffset debugMessage
    "
    .split_ascii_whitespace()
    .collect()
});

/// Larger bodies are shown as their length only.
const BODY_LIMIT: usize = 256 * 1024;

/// A body as it was sent.
fn sent(body: &Body) -> String {
    match body {
        Body::Empty => String::new(),
        Body::Json(value) => redacted(value.to_string().as_bytes()),
        Body::Form { plain, secret } => {
            let plain = plain.iter().map(|(name, value)| format!("{name}={value}"));
            let secret = secret.iter().map(|(name, value)| format!("{name}={}", length(value.len())));
            plain.chain(secret).collect::<Vec<_>>().join("\n")
        }
    }
}

/// A JSON body with every unlisted value replaced; any other body as its length.
fn redacted(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) if body.len() <= BODY_LIMIT && value.is_object() => {
            redact(&mut value);
            serde_json::to_string_pretty(&value).unwrap_or_else(|_| length(body.len()))
        }
        _ => length(body.len()),
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if SHOWN.contains(name.as_str()) { redact(value) } else { *value = hidden(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::String(text) => *text = plain(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn hidden(value: &Value) -> Value {
    let chars = match value {
        Value::String(text) => text.chars().count(),
        other => other.to_string().chars().count(),
    };
    Value::String(length(chars))
}

/// `…(1,043 chars)`
fn length(chars: usize) -> String {
    let digits = chars.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("…({grouped} chars)")
}

#[cfg(test)]
impl Record {
    /// A read of IAM with this outcome, for tests.
    pub(crate) fn of_a_read(outcome: Outcome) -> Record {
        Record {
            id: 1,
            started: Timestamp::UNIX_EPOCH,
            method: "GET",
            scheme: "https",
            host: "iam.googleapis.com".into(),
            path: "/v1".into(),
            call: "a.b.C".into(),
            outcome,
            status: None,
            latency: Some(Duration::ZERO),
            tries: 1,
            bearer: true,
            charged: None,
            content: None,
            request: String::new(),
            response: String::new(),
            response_bytes: 0,
            skew: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_is_shown_as_its_length_and_its_end_in_full() {
        let token = "x".repeat(1_043);
        let body = format!(r#"{{"accessToken":"{token}","expireTime":"2026-08-26T00:57:30Z"}}"#);
        assert_eq!(
            redacted(body.as_bytes()),
            "{\n  \"accessToken\": \"…(1,043 chars)\",\n  \"expireTime\": \"2026-08-26T00:57:30Z\"\n}"
        );
    }

    #[test]
    fn nothing_below_an_unlisted_field_is_shown() {
        let shown =
            redacted(br#"{"secretThing":{"name":"hunter2"},"accounts":[{"email":"a@b","newField":7}]}"#);
        assert!(
            !shown.contains("hunter2") && shown.contains("a@b") && shown.contains("…(1 chars)"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_json_object_is_shown_as_its_length() {
        assert_eq!(redacted(b""), "");
        assert_eq!(redacted(b"<html>"), "…(6 chars)");
        assert_eq!(redacted(br#""ya29.secret""#), "…(13 chars)");
    }

    #[test]
    fn a_full_channel_loses_records_and_counts_them() {
        let (sender, _receiver) = mpsc::channel(1);
        let recorder = Recorder::new(Some(sender));
        let record = Record::of_a_read(Outcome::Running);
        recorder.send(record.clone());
        recorder.send(record);
        assert_eq!(recorder.lost(), 1);
    }
}
