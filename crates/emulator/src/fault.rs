//! Faults: what goes wrong, as data. It owns the counting (which call is hit); carrying a fault out is for the routes
//! and the connection.

use std::collections::HashMap;

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error;
use super::routes::{self, UNROUTED};

/// The furthest that a `Date` may be off, in seconds: a hundred years.
const LONGEST: i64 = 3_155_695_200;

/// Something that only some methods feel: its field, what is said of the others, and whether one feels it.
type Narrow = (&'static str, &'static str, fn(&str) -> bool);

/// Something that goes wrong with a method's calls. Delays come first; of the others the first that is set happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Fault {
    /// The method, as `iamcredentials.generateAccessToken`; `iam.*` is every method of a service, `*` every method.
    /// `unrouted`, which no `*` means, is what no method is served for.
    pub method: String,
    /// Only requests whose path contains this; empty is any.
    pub path: String,
    /// The first call that is hit, counted from 1 (0 means 1).
    pub nth: u32,
    /// How many calls are hit from there on; all if left out.
    pub times: Option<u32>,
    /// Hits only what comes after so many calls of one method in one minute; without anything else that is
    /// `RATE_LIMIT_EXCEEDED`.
    pub per_minute: Option<u32>,
    /// Waits before anything else.
    pub delay_ms: u64,
    /// Never answers.
    pub hang: bool,
    /// Closes the connection with no byte of an answer, before any work.
    pub reset_before: bool,
    /// Carries the work out, then closes the connection with no byte of an answer.
    pub reset_after: bool,
    /// Answers as usual, but ends in the middle of the declared length.
    pub truncate: bool,
    /// Answers as usual, but with the first half of the body as if that were all of it.
    pub half: bool,
    /// Answers with a body that never ends.
    pub endless: bool,
    /// Answers with an HTML page; its status is 502 unless `status` says otherwise.
    pub html: bool,
    /// Answers with a redirect to this URL; its status is 302 unless `status` says otherwise.
    pub redirect: Option<String>,
    /// Carries the work out, then answers without a body and without a type; with `status`, if that is there.
    pub empty: bool,
    /// Answers as usual under another type.
    pub content_type: Option<String>,
    /// Answers as usual, but 16 bytes at a time with this pause before each.
    pub drip_ms: u64,
    /// Answers with four megabytes that unpack to over six hundred.
    pub gzip_bomb: bool,
    /// Adds seconds to the time in the `Date` header, and to nothing else; at most a hundred years.
    pub date_offset_seconds: i64,
    /// The caller's token is treated as expired.
    pub token_expired: bool,
    /// A policy reads as it was before the last write, with the etag of then.
    pub stale_read: bool,
    /// A write meets another etag.
    pub etag_conflict: bool,
    /// A named error, as `UNAVAILABLE` or `RATE_LIMIT_EXCEEDED`.
    pub error: Option<String>,
    /// A status of its own, with `body`.
    pub status: Option<u16>,
    /// The body that goes with `status`; alone, it is sent with 200. A text is sent as it is, not as JSON in quotes, under
    /// the type that it looks like.
    pub body: Option<Value>,
    /// Adds a `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
    /// Adds `google.rpc.RetryInfo` to the details of a refusal in Google's form, in milliseconds.
    pub retry_delay_ms: Option<u64>,
}

/// The faults of an emulator, with their counts.
#[derive(Debug, Default)]
pub struct Faults {
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
        let Some(room) = self.fault.per_minute else { return true };
        let minute = self.minutes.entry(method.to_owned()).or_default();
        if minute.0 != now.div_euclid(60) {
            *minute = (now.div_euclid(60), 0);
        }
        minute.1 += 1;
        minute.1 > room
    }
}

impl Faults {
    /// Arms a fault.
    pub fn add(&mut self, fault: Fault) {
        self.armed.push(Armed { fault, calls: 0, minutes: HashMap::new() });
    }

    /// Disarms all.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// The fault that hits this call, if any: the first armed one. Every fault that fits counts the call.
    pub fn strike(&mut self, method: &str, path: &str, now: i64) -> Option<Fault> {
        let mut hit = None;
        for armed in &mut self.armed {
            if !armed.fault.fits(method, path) || !armed.is_over(method, now) {
                continue;
            }
            armed.calls += 1;
            let Armed { fault, calls, .. } = armed;
            let first = fault.nth.max(1);
            if *calls >= first
                && fault.times.is_none_or(|times| *calls < first.saturating_add(times))
                && hit.is_none()
            {
                hit = Some(fault.clone());
            }
        }
        hit
    }
}

impl Fault {
    /// Whether it can strike and has what it names; else the field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.times == Some(0) {
            return Err(("times", "0 calls are none, and this fault never strikes".into()));
        }
        if let Some(name) = self.error.as_ref().filter(|name| !error::is_name(name)) {
            return Err(("error", format!("there is no error called {name}")));
        }
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return Err(("status", format!("{status} is no status")));
        }
        if !(-LONGEST..=LONGEST).contains(&self.date_offset_seconds) {
            let problem = format!("{} is more than a hundred years", self.date_offset_seconds);
            return Err(("dateOffsetSeconds", problem));
        }
        for (field, text) in [("contentType", &self.content_type), ("redirect", &self.redirect)] {
            if let Some(text) =
                text.as_ref().filter(|text| text.is_empty() || HeaderValue::from_str(text).is_err())
            {
                return Err((field, format!("{text:?} cannot stand in a header")));
            }
        }
        if self.does_nothing() {
            return Err(("method", "this fault says when it strikes, and not what goes wrong".into()));
        }
        if !routes::names().any(|name| self.hits(name)) {
            return Err(("method", format!("there is no method called {:?}", self.method)));
        }
        if let (false, Some((field, doing, _))) =
            (routes::names().any(|name| self.matters_to(name)), self.narrow().next())
        {
            return Err((field, format!("{:?} {doing}", self.method)));
        }
        if self.method == UNROUTED && (self.error.is_some() || self.is_quota_alone()) {
            let field = if self.error.is_some() { "error" } else { "perMinute" };
            let problem = "where no method is served no error has a form: state a status and a body";
            return Err((field, problem.into()));
        }
        Ok(())
    }

    /// The fault, or what is wrong with it in one line.
    pub fn checked(self) -> Result<Fault, String> {
        self.check().map_err(|(field, problem)| format!("{field}: {problem}"))?;
        Ok(self)
    }

    /// Whether `status` is only the status of an answer that the fault shapes in another way.
    pub fn answers_otherwise(&self) -> bool {
        self.html || self.redirect.is_some() || self.empty
    }

    /// Whether it says when it strikes, and nothing of what happens then.
    fn does_nothing(&self) -> bool {
        self.when() == *self
    }

    /// When it strikes, and what only goes with a refusal.
    fn when(&self) -> Fault {
        Fault {
            method: self.method.clone(),
            path: self.path.clone(),
            nth: self.nth,
            times: self.times,
            retry_after: self.retry_after,
            retry_delay_ms: self.retry_delay_ms,
            ..Fault::default()
        }
    }

    /// The same, and what waits or counts or moves the clock.
    fn alongside(&self) -> Fault {
        Fault {
            per_minute: self.per_minute,
            delay_ms: self.delay_ms,
            date_offset_seconds: self.date_offset_seconds,
            ..self.when()
        }
    }

    /// Whether the world states its body, or that there is none.
    pub fn states_a_body(&self) -> bool {
        self.error.is_none() && (self.status.is_some() || self.body.is_some())
    }

    /// Whether it says how many calls there is room for, and not what becomes of the others.
    pub fn is_quota_alone(&self) -> bool {
        self.per_minute.is_some() && self.alongside() == *self
    }

    /// What it does that only some methods feel: the field, what to say of a method that does not, and whether one does.
    fn narrow(&self) -> impl Iterator<Item = Narrow> {
        let is_oauth = self.error.as_deref().is_some_and(error::is_oauth);
        let all: [(bool, Narrow); 4] = [
            (is_oauth, ("error", "gives no tokens", error::speaks_oauth)),
            (self.etag_conflict, ("etagConflict", "writes no policy", |name| name.ends_with("setIamPolicy"))),
            (self.stale_read, ("staleRead", "reads no policy", |name| name.ends_with("getIamPolicy"))),
            (self.token_expired, ("tokenExpired", "takes no token", routes::takes_a_token)),
        ];
        all.into_iter().filter_map(|(is_set, narrow)| is_set.then_some(narrow))
    }

    /// Whether a call of that method would feel it. What waits or counts or moves the clock only goes with the rest.
    fn matters_to(&self, method: &str) -> bool {
        let narrow_alone = Fault {
            etag_conflict: self.etag_conflict,
            stale_read: self.stale_read,
            token_expired: self.token_expired,
            error: self.error.clone().filter(|name| error::is_oauth(name)),
            ..self.alongside()
        } == *self;
        let mut narrow = self.narrow().peekable();
        self.hits(method)
            && (!narrow_alone || narrow.peek().is_none() || narrow.any(|(.., feels)| feels(method)))
    }

    /// Whether a call counts: one that would not feel the fault does not use it up.
    fn fits(&self, method: &str, path: &str) -> bool {
        self.matters_to(method) && path.contains(&self.path)
    }

    fn hits(&self, method: &str) -> bool {
        match self.method.strip_suffix('*') {
            Some(start) => method != UNROUTED && method.starts_with(start),
            None => method == self.method,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_from_its_nth_call_as_many_times_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault { method: "iam.*".into(), nth: 2, times: Some(1), ..Fault::default() });
        let hits: Vec<bool> =
            (0..4).map(|_| faults.strike("iam.serviceAccounts.get", "/", 0).is_some()).collect();
        assert_eq!(hits, [false, true, false, false]);
        assert!(faults.strike("oauth2.token", "/token", 0).is_none());
    }

    #[test]
    fn a_minute_has_room_for_so_many_calls_of_each_method() {
        let mut faults = Faults::default();
        faults.add(Fault { method: "*".into(), per_minute: Some(2), ..Fault::default() });
        let mut calls =
            |method: &str, now| (0..3).map(|_| faults.strike(method, "/", now).is_some()).collect();
        let over: Vec<bool> = calls("a", 0);
        assert_eq!(over, [false, false, true]);
        assert_eq!(calls("b", 59), over);
        assert_eq!(calls("a", 60), over);
    }
}
