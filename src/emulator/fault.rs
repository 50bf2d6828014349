//! Faults: what goes wrong, as data. It owns the counting (which call is hit); carrying a fault out is for the routes
//! and the connection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that goes wrong with a method's calls. Delays come first; of the others the first that is set happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Fault {
    /// The method, as `iamcredentials.generateAccessToken`; `iam.*` is every method of a service, `*` every method.
    pub method: String,
    /// Only requests whose path contains this; empty is any.
    pub path: String,
    /// The first call that is hit, counted from 1 (0 means 1).
    pub nth: u32,
    /// How many calls are hit from there on; all if left out.
    pub times: Option<u32>,
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
    /// Answers with a body that never ends.
    pub endless: bool,
    /// Answers with an HTML page; its status is 502 unless `status` says otherwise.
    pub html: bool,
    /// The caller's token is treated as expired.
    pub token_expired: bool,
    /// A write meets another etag.
    pub etag_conflict: bool,
    /// A named error, as `UNAVAILABLE` or `RATE_LIMIT_EXCEEDED`.
    pub error: Option<String>,
    /// A status of its own, with `body`.
    pub status: Option<u16>,
    /// The body that goes with `status`; alone, it is sent with 200.
    pub body: Option<Value>,
    /// Adds a `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
}

/// The faults of an emulator, with their counts.
#[derive(Debug, Default)]
pub struct Faults {
    armed: Vec<(Fault, u32)>,
}

impl Faults {
    /// Arms a fault.
    pub fn add(&mut self, fault: Fault) {
        self.armed.push((fault, 0));
    }

    /// Disarms all.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// The fault that hits this call, if any: the first armed one. Every fault that fits counts the call.
    pub fn strike(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut hit = None;
        for (fault, calls) in &mut self.armed {
            if !fault.fits(method, path) {
                continue;
            }
            *calls += 1;
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
    fn fits(&self, method: &str, path: &str) -> bool {
        let named = match self.method.strip_suffix('*') {
            Some(start) => method.starts_with(start),
            None => method == self.method,
        };
        named && path.contains(&self.path)
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
            (0..4).map(|_| faults.strike("iam.serviceAccounts.get", "/").is_some()).collect();
        assert_eq!(hits, [false, true, false, false]);
        assert!(faults.strike("oauth2.token", "/token").is_none());
    }
}
