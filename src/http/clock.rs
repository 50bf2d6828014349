//! The clock of everything below the screen, which tests can stop.

use jiff::Timestamp;
#[cfg(test)]
pub(crate) use stopping::Stopped;

/// The time. Only the loop of the screen stamps what happens with it; nothing pure calls this.
#[allow(clippy::disallowed_methods, reason = "calls, flows and the command line need the real time")]
pub(crate) fn now() -> Timestamp {
    #[cfg(test)]
    if let Some(now) = stopping::stopped() {
        return now;
    }
    Timestamp::now()
}

#[cfg(test)]
mod stopping {
    use std::{cell::Cell, time::Duration};

    use jiff::Timestamp;

    thread_local! {
        static NOW: Cell<Option<Timestamp>> = const { Cell::new(None) };
    }

    /// The time on this thread, if a test has stopped the clock.
    pub(super) fn stopped() -> Option<Timestamp> {
        NOW.get()
    }

    /// Stops the clock on this thread until it is dropped; tests move it forward by hand.
    pub(crate) struct Stopped(());

    impl Stopped {
        pub(crate) fn now() -> Stopped {
            NOW.set(Some(super::now()));
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
}
