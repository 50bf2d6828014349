//! The emulator's clock: the machine's, moved by an offset that tests may advance. The only file that reads the time.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// The range of the clock: the years 1971 to 9998. A certificate that began yesterday and a token that ends
/// tomorrow can be written then.
const RANGE: Range<i64> = 31_536_000..253_370_764_800;

/// The first second of the year 1.
const YEAR_ONE: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// A clock that can be moved.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset: AtomicI64,
}

impl Clock {
    /// Seconds since the epoch.
    #[allow(clippy::disallowed_methods)] // the emulator has a clock of its own, like any server
    pub(crate) fn now(&self) -> i64 {
        Timestamp::now().as_second() + self.offset.load(Ordering::Relaxed)
    }

    /// Microseconds since the epoch, of which etags are made.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn micros(&self) -> i64 {
        Timestamp::now().as_microsecond() + self.offset.load(Ordering::Relaxed) * 1_000_000
    }

    /// Moves the clock; false, and nothing is moved, where that would leave the years 1971 to 9998.
    pub(crate) fn advance(&self, seconds: i64) -> bool {
        let now = self.now();
        let moved = |offset: i64| {
            now.checked_add(seconds).filter(|then| RANGE.contains(then))?;
            offset.checked_add(seconds)
        };
        self.offset.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved).is_ok()
    }
}

/// RFC 3339 in whole seconds and `Z`: google-auth and gcloud parse nothing else.
pub(crate) fn rfc3339(seconds: i64) -> String {
    moment(seconds).to_string()
}

/// A time as protobuf reads it: RFC 3339, in the years 1 to 9999.
pub(crate) fn stated(text: &str) -> Option<Timestamp> {
    let starts = text.len() >= 20 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    let time = text.parse().ok().filter(|_| starts && matches!(text.as_bytes()[10], b'T' | b't'))?;
    in_years(time)
}

/// A time in the years that protobuf has, from 1 to 9999; `None` for an earlier one (there is no later one).
pub(crate) fn in_years(time: Timestamp) -> Option<Timestamp> {
    (time >= YEAR_ONE).then_some(time)
}

/// The same as protobuf writes it: in `Z`, with 0, 3, 6 or 9 digits of a second. Any other text stays as it is.
pub(crate) fn canonical(text: &str) -> String {
    let Some(time) = stated(text) else { return text.to_owned() };
    match time.subsec_nanosecond() {
        0 => format!("{time:.0}"),
        nanos if nanos % 1_000_000 == 0 => format!("{time:.3}"),
        nanos if nanos % 1_000 == 0 => format!("{time:.6}"),
        _ => format!("{time:.9}"),
    }
}

/// The form of a `Date` header. A time out of range becomes the first or last time of the clock.
pub(crate) fn http_date(seconds: i64) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&moment(seconds.clamp(RANGE.start, RANGE.end)))
        .expect("a year of four digits can be written")
}

/// A point in time; far out of range it is the epoch.
pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_time_is_told_as_google_tells_times() {
        assert_eq!(canonical("2026-01-01T02:00:00+02:00"), "2026-01-01T00:00:00Z");
        assert_eq!(canonical("2026-01-01t00:00:00.5z"), "2026-01-01T00:00:00.500Z");
        assert_eq!(canonical("2026-01-01T00:00:00.000001Z"), "2026-01-01T00:00:00.000001Z");
        for none in ["2026-01-01 00:00Z", "-000001-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "noon"] {
            assert_eq!(stated(none), None, "{none}");
        }
        assert_eq!(canonical("9999-12-31T23:59:59Z"), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn times_have_no_fraction_and_end_in_z() {
        assert_eq!(rfc3339(1_629_939_450), "2021-08-26T00:57:30Z");
        assert_eq!(http_date(1_629_939_450), "Thu, 26 Aug 2021 00:57:30 GMT");
    }

    #[test]
    fn the_clock_stays_where_it_is_rather_than_leave_the_years_that_can_be_written() {
        let clock = Clock::default();
        for far in [i64::MAX, i64::MIN, RANGE.end, -RANGE.end] {
            assert!(!clock.advance(far), "{far}");
        }
        let before = clock.now();
        assert!(clock.advance(7_000 * 31_556_952) && clock.now() > before);
        assert!(!clock.advance(1_000 * 31_556_952));
        assert_eq!(http_date(i64::MAX), "Fri, 01 Jan 9999 00:00:00 GMT");
        assert_eq!(http_date(i64::MIN), "Fri, 01 Jan 1971 00:00:00 GMT");
    }
}
