//! A remote value: the last one read stays during a refresh and after a failure, and an
//! answer that is no longer awaited is dropped.

use super::msg::ReqId;
use crate::{
    http::{ApiError, ErrorKind},
    ops::Reply,
};

/// The last value, the last error, and the awaited request.
#[derive(Clone, Debug)]
pub struct Remote<T> {
    /// The last value read.
    pub value: Option<T>,
    /// Why the last read failed; cleared by a successful one.
    pub error: Option<ApiError>,
    /// The awaited request.
    pub awaiting: Option<ReqId>,
}

impl<T> Default for Remote<T> {
    fn default() -> Self {
        Remote { value: None, error: None, awaiting: None }
    }
}

impl<T> Remote<T> {
    /// Awaits this request; returns the one it supersedes, to be cancelled.
    pub fn start(&mut self, req: ReqId) -> Option<ReqId> {
        self.awaiting.replace(req)
    }

    /// Whether this request is awaited.
    pub fn awaits(&self, req: ReqId) -> bool {
        self.awaiting == Some(req)
    }

    /// Takes the answer of `req`; returns whether it was awaited.
    pub fn settle(&mut self, req: ReqId, answer: Result<T, ApiError>) -> bool {
        if !self.awaits(req) {
            return false;
        }
        self.awaiting = None;
        match answer {
            Ok(value) => {
                self.value = Some(value);
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        true
    }

    /// The same for an answer from the runtime; `pick` takes the value out of the expected kind.
    pub fn settle_as(
        &mut self,
        req: ReqId,
        answer: Result<Reply, ApiError>,
        pick: fn(Reply) -> Option<T>,
    ) -> bool {
        let other = || ApiError::new(ErrorKind::Other, "Unexpected kind of answer (a bug)");
        self.settle(req, answer.and_then(|reply| pick(reply).ok_or_else(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superseded_answer_is_dropped_and_a_failure_keeps_the_old_value() {
        let mut remote = Remote::default();
        assert_eq!(remote.start(ReqId(1)), None);
        assert_eq!(remote.start(ReqId(2)), Some(ReqId(1)));
        assert!(!remote.settle(ReqId(1), Ok("late")));
        assert!(remote.settle(ReqId(2), Ok("right")));
        remote.start(ReqId(3));
        assert!(remote.settle(ReqId(3), Err(ApiError::new(ErrorKind::Cancelled, ""))));
        assert_eq!((remote.value, remote.error.is_some()), (Some("right"), true));
    }
}
