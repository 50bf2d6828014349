//! Faults: what goes wrong, as data, and the counting that selects the calls. `routes::broken` and the
//! connection carry a fault out.

mod json;

use std::collections::HashMap;

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error;
use super::routes::{self, UNROUTED};

/// The largest offset of a `Date`, in seconds: a hundred years.
const LONGEST: i64 = 3_155_695_200;

/// What only some methods feel: its field, what is said of a method that does not, and whether a method does.
type Needs = (&'static str, &'static str, fn(&str) -> bool);

/// Something that goes wrong with a method's calls. In a world and over the control endpoint it is a flat object:
/// `{"method": "iam.*", "times": 2, "error": "UNAVAILABLE"}`.
///
/// ```
/// use impersona_emulator::Fault;
/// let fault = Fault::on("iam.*").times(2).error("UNAVAILABLE").retry_after(1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "json::Fault", into = "json::Fault")]
pub struct Fault {
    pub(crate) calls: Selector,
    pub(crate) outcome: Outcome,
    pub(crate) delivery: Delivery,
    pub(crate) adds: Additions,
}

/// Which calls a fault hits.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Selector {
    method: String,
    path: String,
    nth: u32,
    times: Option<u32>,
    pub(crate) per_minute: Option<u32>,
}

/// What a fault adds to whatever else happens.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Additions {
    pub(crate) delay_ms: u64,
    pub(crate) date_offset_seconds: i64,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) retry_delay_ms: Option<u64>,
}

/// What a call that is hit comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Outcome {
    /// What it comes to without the fault.
    #[default]
    Usual,
    /// The caller's token is treated as expired.
    TokenExpired,
    /// A policy reads as it was before the last write, with its etag at that time.
    StaleRead,
    /// A write meets another etag.
    EtagConflict,
    /// A named error, as `UNAVAILABLE` or `RATE_LIMIT_EXCEEDED`.
    Error(String),
    /// This answer. A text is sent as it is, not as JSON in quotes, under the type that it looks like.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body, `{}` if left out.
        body: Option<Value>,
    },
}

/// How the answer to a call that is hit arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As it does without the fault.
    #[default]
    Usual,
    /// Never.
    Hang,
    /// The connection closes with no byte of an answer, before any work.
    ResetBefore,
    /// The work is carried out, then the connection closes with no byte of an answer.
    ResetAfter,
    /// An HTML page arrives in its place.
    Html {
        /// The HTTP status; 502 in JSON that states none.
        status: u16,
    },
    /// A redirect arrives in its place.
    Redirect {
        /// The HTTP status; 302 in JSON that states none.
        status: u16,
        /// The URL.
        to: String,
    },
    /// The work is carried out, then nothing arrives but a status, without body and type.
    Empty {
        /// Another status than the answer's own.
        status: Option<u16>,
    },
    /// It ends in the middle of the declared length.
    Truncate,
    /// The first half of the body arrives as if that were all of it.
    Half,
    /// It arrives 16 bytes at a time.
    Drip {
        /// The pause before each 16 bytes.
        pause_ms: u64,
    },
    /// A body that never ends arrives in its place.
    Endless,
    /// Four megabytes that unpack to over six hundred arrive in its place.
    GzipBomb,
}

/// The faults of an emulator, with their counts.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    calls: u32,
    /// The minute and the calls in it, by method.
    minutes: HashMap<String, (i64, u32)>,
}

impl Armed {
    /// Whether a call of that method is beyond what a minute has room for.
    fn is_over(&mut self, method: &str, now: i64) -> bool {
        let Some(room) = self.fault.calls.per_minute else { return true };
        let minute = self.minutes.entry(method.to_owned()).or_default();
        if minute.0 != now.div_euclid(60) {
            *minute = (now.div_euclid(60), 0);
        }
        minute.1 += 1;
        minute.1 > room
    }
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.armed.push(Armed { fault, calls: 0, minutes: HashMap::new() });
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    /// The fault that hits this call, if any: the first armed one. Every fault that fits counts the call.
    pub(crate) fn apply(&mut self, method: &str, path: &str, now: i64) -> Option<Fault> {
        let mut hit = None;
        for armed in &mut self.armed {
            if !armed.fault.fits(method, path) || !armed.is_over(method, now) {
                continue;
            }
            armed.calls += 1;
            if armed.fault.calls.includes(armed.calls) && hit.is_none() {
                hit = Some(armed.fault.clone());
            }
        }
        hit
    }
}

impl Fault {
    /// A fault of the calls of a method, as `iamcredentials.generateAccessToken`, by which nothing happens yet.
    /// `iam.*` is every method of a service, `*` every method; `unrouted`, which no `*` means, is what no method is
    /// served for.
    pub fn on(method: &str) -> Fault {
        Fault::default().method(method)
    }

    /// The same fault of another method.
    pub fn method(mut self, method: &str) -> Fault {
        method.clone_into(&mut self.calls.method);
        self
    }

    /// Hits only requests whose path contains this.
    pub fn path(mut self, part: &str) -> Fault {
        part.clone_into(&mut self.calls.path);
        self
    }

    /// Hits from this call on, counted from 1.
    pub fn nth(mut self, first: u32) -> Fault {
        self.calls.nth = first;
        self
    }

    /// Hits so many calls, and not all from then on.
    pub fn times(mut self, times: u32) -> Fault {
        self.calls.times = Some(times);
        self
    }

    /// Hits only what comes after so many calls of one method in one minute; if nothing else happens, that is
    /// `RATE_LIMIT_EXCEEDED`.
    pub fn per_minute(mut self, room: u32) -> Fault {
        self.calls.per_minute = Some(room);
        self
    }

    /// What a call that is hit comes to.
    pub fn outcome(mut self, outcome: Outcome) -> Fault {
        self.outcome = outcome;
        self
    }

    /// A named error.
    pub fn error(self, name: &str) -> Fault {
        self.outcome(Outcome::Error(name.to_owned()))
    }

    /// An answer, word for word.
    pub fn answer(self, status: u16, body: Value) -> Fault {
        self.outcome(Outcome::Answer { status, body: Some(body) })
    }

    /// How the answer arrives.
    pub fn delivery(mut self, delivery: Delivery) -> Fault {
        self.delivery = delivery;
        self
    }

    /// Waits before anything else.
    pub fn delay_ms(mut self, delay: u64) -> Fault {
        self.adds.delay_ms = delay;
        self
    }

    /// Adds seconds to the time in the `Date` header, and to nothing else; at most a hundred years.
    pub fn date_offset_seconds(mut self, offset: i64) -> Fault {
        self.adds.date_offset_seconds = offset;
        self
    }

    /// Sends the answer under another type.
    pub fn content_type(mut self, kind: &str) -> Fault {
        self.adds.content_type = Some(kind.to_owned());
        self
    }

    /// Adds a `Retry-After` header, in seconds.
    pub fn retry_after(mut self, seconds: u64) -> Fault {
        self.adds.retry_after = Some(seconds);
        self
    }

    /// Adds `google.rpc.RetryInfo` to the details of a refusal in Google's form.
    pub fn retry_delay_ms(mut self, pause: u64) -> Fault {
        self.adds.retry_delay_ms = Some(pause);
        self
    }

    /// Whether it can happen and has what it names; else the field and what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let Fault { calls, adds, outcome, delivery } = self;
        if calls.times == Some(0) {
            return Err(("times", "0 calls are none, and this fault never strikes".into()));
        }
        if let Outcome::Error(name) = outcome
            && !error::is_name(name)
        {
            return Err(("error", format!("there is no error called {name}")));
        }
        if let Some(status) = self.status().filter(|status| !(200..=599).contains(status)) {
            return Err(("status", format!("{status} isn't an HTTP status")));
        }
        if !(-LONGEST..=LONGEST).contains(&adds.date_offset_seconds) {
            let problem = format!("{} is more than a hundred years", adds.date_offset_seconds);
            return Err(("dateOffsetSeconds", problem));
        }
        let redirect = if let Delivery::Redirect { to, .. } = delivery { Some(to) } else { None };
        for (field, text) in [("contentType", adds.content_type.as_ref()), ("redirect", redirect)] {
            if let Some(text) = text.filter(|text| text.is_empty() || HeaderValue::from_str(text).is_err()) {
                return Err((field, format!("{text:?} cannot stand in a header")));
            }
        }
        if self.does_nothing() {
            return Err(("method", "this fault says when it strikes, and not what goes wrong".into()));
        }
        if !routes::names().any(|name| calls.has_method(name)) {
            return Err(("method", format!("there is no method called {:?}", calls.method)));
        }
        if let Some((field, doing, _)) = outcome.needs()
            && !routes::names().any(|name| self.matters_to(name))
        {
            return Err((field, format!("{:?} {doing}", calls.method)));
        }
        let without_form = match outcome {
            Outcome::Error(_) => Some("error"),
            _ if self.is_quota_alone() => Some("perMinute"),
            _ => None,
        };
        if let Some(field) = without_form.filter(|_| calls.method == UNROUTED) {
            let problem = "where no method is served no error has a form: state a status and a body";
            return Err((field, problem.into()));
        }
        Ok(())
    }

    /// The fault, or what is wrong with it in one line.
    pub(crate) fn checked(self) -> Result<Fault, String> {
        self.check().map_err(|(field, problem)| format!("{field}: {problem}"))?;
        Ok(self)
    }

    fn status(&self) -> Option<u16> {
        match (&self.delivery, &self.outcome) {
            (Delivery::Html { status } | Delivery::Redirect { status, .. }, _)
            | (Delivery::Empty { status: Some(status) }, _)
            | (_, Outcome::Answer { status, .. }) => Some(*status),
            _ => None,
        }
    }

    /// Whether the answer is what it is without the fault, and arrives as it does.
    fn is_usual(&self) -> bool {
        self.outcome == Outcome::Usual && self.is_delivered_as_usual()
    }

    fn is_delivered_as_usual(&self) -> bool {
        self.delivery == Delivery::Usual && self.adds.content_type.is_none()
    }

    /// Whether it says which calls it hits, and nothing of what happens then.
    fn does_nothing(&self) -> bool {
        let Additions { delay_ms, date_offset_seconds, .. } = self.adds;
        self.is_usual() && self.calls.per_minute.is_none() && delay_ms == 0 && date_offset_seconds == 0
    }

    /// Whether it says how many calls there is room for, and not what becomes of the others.
    pub(crate) fn is_quota_alone(&self) -> bool {
        self.calls.per_minute.is_some() && self.is_usual()
    }

    /// Whether a call of that method would feel it.
    fn matters_to(&self, method: &str) -> bool {
        let is_felt = || self.outcome.needs().is_none_or(|(.., feels)| feels(method));
        self.calls.has_method(method) && (!self.is_delivered_as_usual() || is_felt())
    }

    /// Whether a call counts: one that would not feel the fault does not use it up.
    fn fits(&self, method: &str, path: &str) -> bool {
        self.matters_to(method) && path.contains(&self.calls.path)
    }
}

impl Outcome {
    fn needs(&self) -> Option<Needs> {
        match self {
            Outcome::Error(name) if error::is_oauth(name) => {
                Some(("error", "gives no tokens", error::speaks_oauth))
            }
            Outcome::EtagConflict => {
                Some(("etagConflict", "writes no policy", |name| name.ends_with("setIamPolicy")))
            }
            Outcome::StaleRead => {
                Some(("staleRead", "reads no policy", |name| name.ends_with("getIamPolicy")))
            }
            Outcome::TokenExpired => Some(("tokenExpired", "takes no token", routes::takes_a_token)),
            Outcome::Usual | Outcome::Error(_) | Outcome::Answer { .. } => None,
        }
    }
}

impl Selector {
    fn has_method(&self, method: &str) -> bool {
        match self.method.strip_suffix('*') {
            Some(start) => method != UNROUTED && method.starts_with(start),
            None => method == self.method,
        }
    }

    /// Whether the call with that number, counted from 1, is one of those that are hit.
    fn includes(&self, call: u32) -> bool {
        let first = self.nth.max(1);
        call >= first && self.times.is_none_or(|times| call < first.saturating_add(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_from_its_nth_call_as_many_times_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault::on("iam.*").nth(2).times(1));
        let hits: Vec<bool> =
            (0..4).map(|_| faults.apply("iam.serviceAccounts.get", "/", 0).is_some()).collect();
        assert_eq!(hits, [false, true, false, false]);
        assert!(faults.apply("oauth2.token", "/token", 0).is_none());
    }

    #[test]
    fn a_minute_has_room_for_so_many_calls_of_each_method() {
        let mut faults = Faults::default();
        faults.add(Fault::on("*").per_minute(2));
        let mut calls =
            |method: &str, now| (0..3).map(|_| faults.apply(method, "/", now).is_some()).collect();
        let over: Vec<bool> = calls("a", 0);
        assert_eq!(over, [false, false, true]);
        assert_eq!(calls("b", 59), over);
        assert_eq!(calls("a", 60), over);
    }
}
