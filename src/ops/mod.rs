//! Operations as data, for the explorer. One table has a row for each: what it may do, what it asks, what comes back, and
//! the function that does it. From it are made [`Call`], its constructors (which know the type of the answer), and
//! [`perform`]. An answer is opened in one place, [`Pending::open`], by the type that the question had.

#[cfg(test)]
pub(crate) mod contract_tests;
#[cfg(test)]
mod fault_tests;
mod reply;
mod table;

pub use reply::{Listed, Output, Part, Reply};
pub use table::*;

use std::{fmt, marker::PhantomData};

use crate::http::{ApiError, ErrorKind};

/// Names a request; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReqId(pub u64);

/// A call, with the type of its answer.
pub(crate) struct Operation<T> {
    /// The call as data.
    pub(crate) call: Call,
    output: PhantomData<fn() -> T>,
}

/// A request under way, with the type of its answer.
pub(crate) struct Pending<T> {
    pub(crate) id: ReqId,
    output: PhantomData<fn() -> T>,
}

impl<T> Operation<T> {
    fn new(call: Call) -> Operation<T> {
        Operation { call, output: PhantomData }
    }

    /// The same operation, sent under this name.
    pub(crate) fn pending(&self, id: ReqId) -> Pending<T> {
        Pending { id, output: PhantomData }
    }
}

impl<T: Output> Pending<T> {
    /// The answer as the type that was asked for.
    ///
    /// # Errors
    /// That of the call. An answer of another type cannot come: [`perform`] makes it from the same row of the table.
    pub(crate) fn open(self, answer: Result<Reply, ApiError>) -> Result<T, ApiError> {
        let other = || ApiError::new(ErrorKind::Other, "Unexpected kind of answer (a bug)");
        answer.and_then(|reply| T::from_reply(reply).ok_or_else(other))
    }
}

// Derived, they would ask the same of `T`.
impl<T> Clone for Pending<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pending<T> {}

impl<T> PartialEq<ReqId> for Pending<T> {
    fn eq(&self, id: &ReqId) -> bool {
        self.id == *id
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl<T> From<Pending<T>> for ReqId {
    fn from(pending: Pending<T>) -> ReqId {
        pending.id
    }
}
