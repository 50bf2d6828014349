//! A clock that tests can stop.

use std::{cell::Cell, time::Duration};

use jiff::Timestamp;

thread_local! {
    static NOW: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// The time on this thread, if a test has stopped the clock.
pub(crate) fn stopped() -> Option<Timestamp> {
    NOW.get()
}

/// Stops the clock on this thread until it is dropped; tests move it forward by hand.
pub(crate) struct Stopped(());

impl Stopped {
    pub(crate) fn now() -> Stopped {
        NOW.set(Some(crate::http::transport::now()));
        Stopped(())
    }

    pub(crate) fn forward(&self, seconds: u64) {
        NOW.set(stopped().map(|now| now + Duration::from_secs(seconds)));
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        NOW.set(None);
    }
}
