//! A value that lives elsewhere: the last one read stays during a refresh and after a failure, and an answer that is no
//! longer awaited is dropped.

use crate::{
    http::ApiError,
    ops::{Listed, Output, Pending, Reply, ReqId},
};

/// The last value, the last error, and the awaited request. `A` is the type of the answer, where that is not the value:
/// a list arrives page by page.
#[derive(Clone, Debug)]
pub(crate) struct Slot<T, A = T> {
    value: Option<T>,
    error: Option<ApiError>,
    awaiting: Option<Pending<A>>,
    /// Whether nothing of the awaited answer has arrived.
    fresh: bool,
}

impl<T, A> Default for Slot<T, A> {
    fn default() -> Self {
        Slot { value: None, error: None, awaiting: None, fresh: false }
    }
}

impl<T, A> Slot<T, A> {
    pub(crate) fn of(value: T) -> Slot<T, A> {
        Slot { value: Some(value), ..Slot::default() }
    }

    pub(crate) fn failed(error: ApiError) -> Slot<T, A> {
        Slot { error: Some(error), ..Slot::default() }
    }

    /// The last value read.
    pub(crate) fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The same, to add what else became known.
    pub(crate) fn value_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }

    /// Why the last read failed; none after a successful one.
    pub(crate) fn error(&self) -> Option<&ApiError> {
        self.error.as_ref()
    }

    pub(crate) fn is_awaiting(&self) -> bool {
        self.awaiting.is_some()
    }

    /// The awaited request.
    pub(crate) fn awaited(&self) -> Option<ReqId> {
        self.awaiting.map(|pending| pending.id)
    }

    /// The value became known in another way.
    pub(crate) fn set(&mut self, value: T) {
        (self.value, self.error) = (Some(value), None);
    }

    /// What is known is outdated; an awaited answer is still awaited.
    pub(crate) fn forget(&mut self) {
        (self.value, self.error) = (None, None);
    }

    /// No longer awaits an answer; returns the request, to be cancelled.
    pub(crate) fn stop(&mut self) -> Option<ReqId> {
        self.awaiting.take().map(|pending| pending.id)
    }

    /// Awaits this request; returns the one it supersedes, to be cancelled.
    pub(crate) fn start(&mut self, pending: Pending<A>) -> Option<ReqId> {
        self.fresh = true;
        self.awaiting.replace(pending).map(|old| old.id)
    }

    /// Takes in another reading of the same value, where this one has none; returns the request that is made twice.
    pub(crate) fn merge(&mut self, other: Slot<T, A>) -> Option<ReqId> {
        if self.value.is_none() && (other.value.is_some() || self.error.is_none()) {
            (self.value, self.error) = (other.value, other.error);
        }
        match self.awaiting {
            Some(_) => other.awaiting.map(|twice| twice.id),
            None => {
                self.awaiting = other.awaiting;
                None
            }
        }
    }

    /// Whether this request is awaited.
    pub(crate) fn awaits(&self, req: ReqId) -> bool {
        self.awaiting.is_some_and(|pending| pending == req)
    }
}

impl<T: Output> Slot<T> {
    /// Takes the answer of `req`; returns whether it was awaited.
    pub(crate) fn settle(&mut self, req: ReqId, answer: Result<Reply, ApiError>) -> bool {
        let Some(pending) = self.awaiting.take_if(|pending| *pending == req) else { return false };
        match pending.open(answer) {
            Ok(value) => {
                self.value = Some(value);
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        true
    }
}

impl<T> Slot<Vec<T>, Listed> {
    /// Takes a page of the awaited list; the first one replaces what was listed before.
    pub(crate) fn add_page(&mut self, page: Vec<T>) {
        if std::mem::take(&mut self.fresh) {
            self.value = None;
        }
        self.value.get_or_insert_default().extend(page);
    }

    /// The list ended. No page at all is an answer too; a failure keeps what was listed before.
    pub(crate) fn end_list(&mut self, failed: Option<ApiError>) {
        self.awaiting = None;
        if failed.is_none() && std::mem::take(&mut self.fresh) {
            self.value = Some(Vec::new());
        }
        self.error = failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::ErrorKind, ops};

    #[test]
    fn slot_drops_a_superseded_answer_and_keeps_its_value_when_a_read_fails() {
        let ask = |id| ops::get_signing_keys(crate::api::oauth::KeySource::Google).pending(ReqId(id));
        let answer = |text: &str| Ok(text.to_owned().into_reply());
        let mut slot: Slot<String> = Slot::default();
        assert_eq!(slot.start(ask(1)), None);
        assert_eq!(slot.start(ask(2)), Some(ReqId(1)));
        assert!(!slot.settle(ReqId(1), answer("late")));
        assert!(slot.settle(ReqId(2), answer("right")));
        slot.start(ask(3));
        assert!(slot.settle(ReqId(3), Err(ApiError::new(ErrorKind::Cancelled, ""))));
        assert_eq!((slot.value.as_deref(), slot.error.is_some()), (Some("right"), true));
    }
}
