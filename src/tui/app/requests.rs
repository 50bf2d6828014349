//! The requests under way: a number for each that is never used twice, who awaits the answer, and which of them write.

use std::{collections::HashMap, time::Duration};

use super::{
    msg::{Now, Owner, ReqId},
    writes::Writes,
};

/// A call in flight.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    /// When it began, by the monotonic clock.
    since: Duration,
    /// The recipient of the answer.
    owner: Owner,
}

/// The calls in flight.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    awaited: HashMap<ReqId, Awaited>,
    last: u64,
    pub(crate) writes: Writes,
}

impl Requests {
    /// A call begins.
    pub(crate) fn begin(&mut self, owner: Owner, now: Now) -> ReqId {
        self.last += 1;
        let req = ReqId(self.last);
        self.awaited.insert(req, Awaited { since: now.mono, owner });
        req
    }

    /// A call ended or was cancelled; returns whether it was awaited.
    pub(crate) fn end(&mut self, req: ReqId) -> bool {
        self.awaited.remove(&req).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The calls that can be cancelled: all but writes.
    pub(crate) fn cancellable(&self) -> Vec<(ReqId, Owner)> {
        let reads = self.awaited.iter().filter(|(req, _)| !self.writes.holds(**req));
        reads.map(|(req, call)| (*req, call.owner)).collect()
    }

    /// Whether something has been awaited for long enough to show a spinner.
    pub(crate) fn slow(&self, now: Now) -> bool {
        self.awaited.values().any(|call| now.mono.saturating_sub(call.since) >= super::SLOW)
    }
}
