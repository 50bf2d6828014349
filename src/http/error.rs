//! What can go wrong with a call, as one value for the pane or the command line: a kind, the server's facts, one
//! sentence and the next step. It reads error bodies in every form that Google sends, and must never hold a credential
//! or a control character.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::Value;

use super::{
    endpoints::{Endpoints, Service},
    web_page,
};
use crate::model::denial::{self, Answerer, Cause, Refusal, RequestContext};

/// Kinds of failure, each with an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Wrong settings: an endpoint, a universe.
    Config,
    /// Missing, broken, expired or revoked caller credentials.
    Credentials,
    /// Permission denied.
    Denied,
    /// Not found.
    NotFound,
    /// Someone else changed it, or it already exists.
    Conflict,
    /// No connection, or a broken one.
    Network,
    /// The answer took too long.
    Timeout,
    /// An error of the server, or an answer that makes no sense.
    Server,
    /// The server refused the input.
    Invalid,
    /// Too many calls.
    Quota,
    /// Refused here, because of `--read-only`.
    ReadOnly,
    /// Stopped before it finished.
    Cancelled,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// The exit code of the command line (`docs/exit-codes.md`).
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Config => 2,
            ErrorKind::Credentials => 3,
            ErrorKind::Denied => 4,
            ErrorKind::NotFound => 5,
            ErrorKind::Conflict => 6,
            ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::Quota => 7,
            ErrorKind::Invalid | ErrorKind::ReadOnly => 8,
            ErrorKind::Cancelled | ErrorKind::Other => 1,
        }
    }

    /// The word in `{"error": {"kind": …}}`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ErrorKind::Config => "config",
            ErrorKind::Credentials => "credentials",
            ErrorKind::Denied => "denied",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Network => "network",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Server => "server",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Quota => "quota",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Other => "other",
        }
    }
}

/// `No such file or directory (os error 2)` without the number, which is only for programmers.
pub fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => out.push_str(rest),
            _ => out.extend([" (os error ", part]),
        }
    }
    out
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The server's own words, or ours if there was no answer. For people, [`ApiError::sentence`] is better.
    pub(crate) message: String,
    /// How long the server asked us to wait.
    pub retry_after: Option<Duration>,
    /// The facts of the server's denial; `None` if the failure is on this side.
    pub refusal: Option<Box<Refusal>>,
    next: Option<Box<str>>,
    /// Whether not even a connection was established.
    unsent: bool,
}

impl ApiError {
    /// A failure on this side: one plain sentence without credentials.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> ApiError {
        let message = without_numbers(&message.into());
        ApiError { kind, status: None, message, retry_after: None, refusal: None, next: None, unsent: false }
    }

    /// The same, when nothing was sent.
    pub(crate) fn before_sending(self) -> ApiError {
        ApiError { unsent: true, ..self }
    }

    /// The same, naming the host if the environment moved this service.
    pub(crate) fn at(mut self, endpoints: &Endpoints, base: Service) -> ApiError {
        if let Some(refusal) = &mut self.refusal {
            refusal.asked.instead = endpoints.moved_to(base);
        }
        self
    }

    /// The same with a next step.
    pub(crate) fn with_next(mut self, next: impl Into<String>) -> ApiError {
        self.next = Some(next.into().into_boxed_str());
        self
    }

    /// From an answer that isn't a success, whatever its body is.
    pub fn from_answer(status: u16, body: &[u8], asked: &RequestContext) -> ApiError {
        let parsed = serde_json::from_slice::<Value>(body).ok();
        // Streaming endpoints wrap the object in an array of one.
        let parsed = match parsed {
            Some(Value::Array(mut list)) if list.len() == 1 => list.pop(),
            other => other,
        };
        let mut facts = match parsed.as_ref().and_then(|value| value.get("error").map(|error| (value, error)))
        {
            Some((_, Value::Object(error))) if !error.is_empty() => rpc_status(error),
            Some((whole, Value::String(code))) if is_oauth_code(code) => oauth(whole, code),
            _ => unreadable(body, asked),
        };
        // Google's own front ends answer 401 without a body, too.
        if status == 401 && body.trim_ascii().is_empty() {
            facts.refusal.by = Answerer::Api;
        }
        facts.refusal.status = status;
        facts.refusal.asked = asked.clone();
        facts.refusal.complete();
        let kind = kind(&facts.refusal);
        ApiError {
            kind,
            status: Some(status),
            message: facts.refusal.message.clone(),
            retry_after: facts.retry_after,
            refusal: Some(Box::new(facts.refusal)),
            next: None,
            unsent: false,
        }
    }

    /// A denial that wasn't an answer by itself: from the end of an operation, or saved earlier.
    pub(crate) fn refused(kind: ErrorKind, refusal: Refusal) -> ApiError {
        ApiError {
            kind,
            status: Some(refusal.status).filter(|status| *status > 0),
            message: refusal.message.clone(),
            retry_after: None,
            refusal: Some(Box::new(refusal)),
            next: None,
            unsent: false,
        }
    }

    /// Whether a retry could succeed: no answer, an unusable one, or too many calls.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.kind, ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::Quota)
    }

    /// Whether a write that failed like this might still have been carried out: no answer, half an answer, or a server
    /// error. Without a connection, or if no API saw the request, it was not.
    pub(crate) fn leaves_doubt(&self) -> bool {
        let lost = matches!(self.kind, ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Server);
        let early = |refusal: &Refusal| refusal.by == Answerer::FrontEnd && refusal.status < 500;
        lost && !self.unsent && !self.refusal.as_deref().is_some_and(early)
    }

    /// One plain sentence for people.
    pub fn sentence(&self) -> String {
        match &self.refusal {
            Some(refusal) => denial::explain(refusal).sentence,
            None => self.message.clone(),
        }
    }

    /// What to do about it, in one sentence.
    pub fn next(&self) -> Option<String> {
        match (&self.next, &self.refusal) {
            (Some(next), _) => Some(next.to_string()),
            (None, Some(refusal)) => Some(denial::explain(refusal).next),
            (None, None) => None,
        }
    }

    /// The next step that was set because it is better than what the cause alone suggests.
    pub(crate) fn own_next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// What to do about it, as a sentence that follows another: ` Check the name.`, or empty.
    pub(crate) fn next_words(&self) -> String {
        self.next().map(|next| format!(" {next}")).unwrap_or_default()
    }

    /// The cause out of the closed list, for a denial.
    pub fn cause(&self) -> Option<Cause> {
        self.refusal.as_deref().map(|refusal| denial::explain(refusal).cause)
    }

    /// The canonical code (`PERMISSION_DENIED`) or the OAuth one (`invalid_grant`).
    pub(crate) fn code(&self) -> Option<&str> {
        self.refusal.as_deref().map(|refusal| refusal.code.as_str()).filter(|code| !code.is_empty())
    }

    /// The machine-readable reason (`IAM_PERMISSION_DENIED`).
    pub fn reason(&self) -> Option<&str> {
        self.refusal.as_deref().and_then(|refusal| refusal.reason.as_deref())
    }

    /// The metadata that came with the reason.
    pub(crate) fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        self.refusal.as_deref().map(|refusal| &refusal.metadata)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for ApiError {}

/// What a body says, before status and request are added.
#[derive(Default)]
struct Facts {
    refusal: Refusal,
    retry_after: Option<Duration>,
}

/// The longest text kept from a server, in characters, and the most entries kept of a list or map.
const TEXT_LIMIT: usize = 2_000;

/// The longest plain-text answer that is shown, in characters. Activity has all of it.
const PLAIN_LIMIT: usize = 300;
const ENTRY_LIMIT: usize = 32;

/// `{"error": {"code", "message", "status", "errors": […], "details": […]}}`
fn rpc_status(error: &serde_json::Map<String, Value>) -> Facts {
    let mut facts = Facts::default();
    let refusal = &mut facts.refusal;
    refusal.message = text(error.get("message")).unwrap_or_default();
    refusal.code = text(error.get("status")).unwrap_or_default();
    for detail in list(error.get("details")) {
        match detail.get("@type").and_then(Value::as_str).and_then(|name| name.rsplit('.').next()) {
            Some("ErrorInfo") => {
                refusal.reason = text(detail.get("reason"));
                refusal.domain = text(detail.get("domain"));
                if let Some(Value::Object(metadata)) = detail.get("metadata") {
                    let pairs = metadata.iter().take(ENTRY_LIMIT);
                    refusal.metadata.extend(pairs.filter_map(|(k, v)| Some((plain(k), text(Some(v))?))));
                }
            }
            Some("RetryInfo") => {
                facts.retry_after = detail.get("retryDelay").and_then(Value::as_str).and_then(seconds)
            }
            // “Request contains an invalid argument.” says nothing; the violation says which one and why.
            Some("BadRequest") => {
                if let Some(violation) = list(detail.get("fieldViolations")).next()
                    && let Some(description) = text(violation.get("description"))
                    && description != refusal.message
                {
                    refusal.message = match text(violation.get("field")) {
                        Some(field) => format!("{} {field}: {description}", refusal.message),
                        None => format!("{} {description}", refusal.message),
                    };
                }
            }
            Some("PreconditionFailure") => {
                let first = list(detail.get("violations")).next();
                refusal.violation = first.and_then(|violation| text(violation.get("type")));
                let words = first.and_then(|violation| text(violation.get("description")));
                // `projects/p/serviceAccounts/a@b?configvalue=…`, `orgpolicy:projects/p`
                let subject = first.and_then(|violation| text(violation.get("subject"))).unwrap_or_default();
                let subject = subject.strip_prefix("orgpolicy:").unwrap_or(&subject).split('?').next();
                if let Some(name) = subject.filter(|name| name.starts_with("projects/")) {
                    refusal.metadata.entry("resource".to_owned()).or_insert(name.to_owned());
                }
                refusal.violator = words.clone().filter(|words| *words != refusal.message);
                if refusal.violation.as_deref() == Some("VPC_SERVICE_CONTROLS")
                    && let Some(uid) = words
                {
                    refusal.metadata.entry("uid".to_owned()).or_insert(uid);
                }
            }
            Some("ProjectIamPolicyError") => refusal.violation = text(detail.get("type")),
            _ => {}
        }
    }
    if refusal.reason.is_none() {
        refusal.reason = list(error.get("errors")).next().and_then(|first| text(first.get("reason")));
    }
    let numbered = error.get("code").is_some_and(Value::is_u64);
    if refusal.code.is_empty() && refusal.reason.is_none() && !numbered {
        refusal.by = Answerer::Stranger;
    }
    facts
}

/// `{"error": "invalid_grant", "error_description": …, "error_subtype": …}`
fn oauth(whole: &Value, code: &str) -> Facts {
    let description = text(whole.get("error_description")).unwrap_or_default();
    let refusal = Refusal {
        code: plain(code),
        reason: text(whole.get("error_subtype")),
        message: description,
        ..Refusal::default()
    };
    Facts { refusal, retry_after: None }
}

/// `invalid_grant`, but not the `Forbidden` of other servers.
fn is_oauth_code(code: &str) -> bool {
    !code.is_empty()
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn unreadable(body: &[u8], asked: &RequestContext) -> Facts {
    let page = web_page::find(&String::from_utf8_lossy(body));
    // An answer from in front of a Google-hosted service didn't come from an API.
    if let Some(page) = page.filter(|page| page.by == Answerer::FrontEnd) {
        let refusal = Refusal { message: page.words, by: page.by, ..Refusal::default() };
        return Facts { refusal, retry_after: None };
    }
    let service = if asked.service.is_empty() { "the server" } else { &asked.service };
    let message = if body.trim_ascii().is_empty() {
        String::new()
    } else if is_html(body) {
        format!(
            "a web page came back instead of {service}'s response: check the address, and whether a proxy is in between"
        )
    } else if body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[") {
        "the error details can't be read".to_owned()
    } else {
        let text = plain(&String::from_utf8_lossy(&body[..body.len().min(TEXT_LIMIT)]));
        match text.char_indices().nth(PLAIN_LIMIT) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    };
    // GKE's metadata server passes on IAM's answer as plain text.
    let of_iam = message.contains("IAM returned 40");
    let permission = quoted_permission(&message).filter(|_| of_iam);
    let metadata = permission.map(|name| ("permission".to_owned(), name.to_owned()));
    let metadata = metadata.into_iter().collect();
    Facts {
        refusal: Refusal {
            message,
            metadata,
            by: if of_iam { Answerer::Api } else { Answerer::Stranger },
            ..Refusal::default()
        },
        retry_after: None,
    }
}

/// The permission in `Permission 'iam.serviceAccounts.getAccessToken' denied on …`, if no detail has it.
fn quoted_permission(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Permission '")?;
    rest.split_once('\'').map(|(name, _)| name).filter(|name| name.contains('.'))
}

/// Google's canonical codes: gRPC's number (used by operations), the name, and the HTTP status (google/rpc/code.proto).
pub(crate) const CODES: [(u64, &str, u16); 14] = [
    (3, "INVALID_ARGUMENT", 400),
    (9, "FAILED_PRECONDITION", 400),
    (11, "OUT_OF_RANGE", 400),
    (16, "UNAUTHENTICATED", 401),
    (7, "PERMISSION_DENIED", 403),
    (5, "NOT_FOUND", 404),
    (10, "ABORTED", 409),
    (6, "ALREADY_EXISTS", 409),
    (8, "RESOURCE_EXHAUSTED", 429),
    (13, "INTERNAL", 500),
    (15, "DATA_LOSS", 500),
    (12, "UNIMPLEMENTED", 501),
    (14, "UNAVAILABLE", 503),
    (4, "DEADLINE_EXCEEDED", 504),
];

/// Whether a body is a web page, whatever its content type says.
pub(super) fn is_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    start.starts_with(b"<")
}

fn kind(refusal: &Refusal) -> ErrorKind {
    match refusal.code.as_str() {
        "invalid_grant" | "invalid_client" | "deleted_client" | "unauthorized_client" | "invalid_token" => {
            return ErrorKind::Credentials;
        }
        _ => {}
    }
    match refusal.status {
        _ if refusal.is_somebody_elses() => ErrorKind::Server,
        // No API judged the caller.
        401 | 403 if refusal.by == Answerer::FrontEnd => ErrorKind::Server,
        401 => ErrorKind::Credentials,
        403 if matches!(denial::explain(refusal).cause, Cause::RateLimited) => ErrorKind::Quota,
        403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::Quota,
        400..=428 => ErrorKind::Invalid,
        500.. => ErrorKind::Server,
        _ => ErrorKind::Other,
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten().take(ENTRY_LIMIT)
}

pub(super) fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(plain).filter(|text| !text.is_empty())
}

/// A protobuf `Duration` in JSON: `"2s"`, `"1.5s"`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

/// Prepares server text for an error or a record: limits its length, removes control characters, and replaces anything
/// that looks like a Google credential, because servers do repeat what they were sent.
pub(crate) fn plain(text: &str) -> String {
    let clean: String =
        text.chars().take(TEXT_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let mut out = String::with_capacity(clean.len());
    for word in clean.split_inclusive(|c: char| c.is_whitespace() || "\"'`,;:()[]{}<>=&?|\\".contains(c)) {
        // What is quoted can be preceded by `%3D` and the like.
        let begins = ["ya29.", "eyJ", "AIza", "GOCSPX-"].iter().filter_map(|prefix| word.find(prefix)).min();
        let begins = if word.starts_with("1//") { Some(0) } else { begins };
        match (begins, word.char_indices().next_back()) {
            (Some(begin), Some((end, last))) if word.len() - begin > 12 => {
                out.push_str(&word[..begin]);
                out.push('…');
                if !last.is_alphanumeric() {
                    out.push_str(&word[end..]);
                }
            }
            _ => out.push_str(word),
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
