//! What the Activity pane shows of each request: when, where to, how it ended, and both bodies with every field
//! that is not known to be harmless replaced by its length. It observes; it must never hold back or change a
//! request, and never hold a credential.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};

use crate::api::{
    ApiError,
    error::plain,
    http::{Body, Ticket, now},
};

/// One request. It is sent when the request starts, and again under the same id when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts up from 1 in the order of starting.
    pub id: u64,
    /// When it started.
    pub started: Timestamp,
    /// `GET`, `POST`.
    pub method: &'static str,
    /// `iam.googleapis.com`, with the port where there is one.
    pub host: String,
    /// Path and query, percent-encoded; URLs hold no credentials.
    pub path: String,
    /// The gRPC name: `google.iam.admin.v1.IAM.ListServiceAccounts`.
    pub call: &'static str,
    /// How it ended, or that it has not.
    pub outcome: Outcome,
    /// The HTTP status of the last answer, if there was one.
    pub status: Option<u16>,
    /// From start to end, waits between tries included; none while it runs.
    pub latency: Option<Duration>,
    /// How often it was sent.
    pub tries: u32,
    /// What was sent, redacted; empty for no body.
    pub request: String,
    /// What came back, redacted; empty for no body.
    pub response: String,
    /// The size of the answer as read, in bytes.
    pub response_bytes: u64,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not: it is in flight.
    Running,
    /// With an answer that is a success.
    Done,
    /// With a refusal or without an answer: the sentence.
    Failed(String),
    /// Its caller no longer wanted it.
    Cancelled,
}

/// Where records go: a bounded channel that is never waited for.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    sender: Option<mpsc::Sender<Record>>,
    ids: AtomicU64,
    lost: AtomicU64,
}

impl Recorder {
    pub(super) fn new(sender: Option<mpsc::Sender<Record>>) -> Recorder {
        Recorder { sender, ..Recorder::default() }
    }

    /// Whether anybody listens; redacting bodies for nobody is waste.
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

/// Follows one request and tells of it at its start and end. Dropped before the end, the request was given up.
pub(super) struct Watch<'a> {
    recorder: &'a Recorder,
    record: Record,
    since: Instant,
    ended: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn start(
        recorder: &'a Recorder,
        method: &'static str,
        host: String,
        path: String,
        ticket: &Ticket,
    ) -> Watch<'a> {
        let record = Record {
            id: recorder.ids.fetch_add(1, Ordering::Relaxed) + 1,
            started: now(),
            method,
            host,
            path,
            call: ticket.asked.method,
            outcome: Outcome::Running,
            status: None,
            latency: None,
            tries: 0,
            request: if recorder.listens() { sent(&ticket.body) } else { String::new() },
            response: String::new(),
            response_bytes: 0,
        };
        recorder.send(record.clone());
        Watch { recorder, record, since: Instant::now(), ended: false }
    }

    /// Another try: what the one before brought is void.
    pub(super) fn tried(&mut self) {
        self.record.tries += 1;
        self.record.status = None;
        self.record.response.clear();
        self.record.response_bytes = 0;
    }

    pub(super) fn status(&mut self, status: u16) {
        self.record.status = Some(status);
    }

    pub(super) fn body(&mut self, body: &[u8]) {
        self.record.response_bytes = body.len() as u64;
        if self.recorder.listens() {
            self.record.response = redacted(body);
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

/// Fields whose values may be shown. A field that is not here is shown as its length, so that a new one of Google's
/// is hidden until somebody has looked at it.
const SHOWN: &str = "
    accounts name projectId uniqueId email displayName description etag oauth2ClientId disabled
    keys keyAlgorithm keyOrigin keyType validAfterTime validBeforeTime disableReason permissions
    delegates scope lifetime audience includeEmail organizationNumberIncluded expireTime
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
";

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
                if SHOWN.split_ascii_whitespace().any(|shown| shown == name) {
                    redact(value)
                } else {
                    *value = hidden(value)
                }
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
        let record = Record {
            id: 1,
            started: Timestamp::UNIX_EPOCH,
            method: "GET",
            host: String::new(),
            path: String::new(),
            call: "",
            outcome: Outcome::Running,
            status: None,
            latency: None,
            tries: 1,
            request: String::new(),
            response: String::new(),
            response_bytes: 0,
        };
        recorder.send(record.clone());
        recorder.send(record);
        assert_eq!(recorder.lost(), 1);
    }
}
