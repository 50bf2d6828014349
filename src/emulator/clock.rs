//! The emulator's clock: the machine's, moved by an offset that tests may advance. The only file that reads the time.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// A clock that can be moved.
#[derive(Debug, Default)]
pub struct Clock {
    offset: AtomicI64,
}

impl Clock {
    /// Seconds since the epoch.
    #[allow(clippy::disallowed_methods)] // the emulator has a clock of its own, like any server
    pub fn now(&self) -> i64 {
        Timestamp::now().as_second() + self.offset.load(Ordering::Relaxed)
    }

    /// Microseconds since the epoch, of which etags are made.
    #[allow(clippy::disallowed_methods)]
    pub fn micros(&self) -> i64 {
        Timestamp::now().as_microsecond() + self.offset.load(Ordering::Relaxed) * 1_000_000
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.offset.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// RFC 3339 in whole seconds and `Z`: google-auth and gcloud parse nothing else.
pub fn rfc3339(seconds: i64) -> String {
    moment(seconds).to_string()
}

/// The form of a `Date` header.
pub fn http_date(seconds: i64) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&moment(seconds))
        .expect("a year of four digits can be written")
}

/// A point in time; far out of range it is the epoch.
pub fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_fraction_and_end_in_z() {
        assert_eq!(rfc3339(1_629_939_450), "2021-08-26T00:57:30Z");
        assert_eq!(http_date(1_629_939_450), "Thu, 26 Aug 2021 00:57:30 GMT");
    }
}
