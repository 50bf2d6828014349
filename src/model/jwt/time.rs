//! What the times in a token mean as dates. They have to be seconds since 1970 (RFC 7519, 2), but libraries also write
//! milliseconds and finer, and text. A number is only taken for a finer unit if its date is plausible in that unit and
//! there is none in seconds, so that “never”, written as the last second of the year 9999, stays what it is.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// The last second that has a date: 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// No token is older than the year 2000.
const FIRST: i64 = 946_684_800;

/// The largest numbers of many languages, which mean “never”, are dates after 2200 in units finer than milliseconds.
const FINE_LAST: i64 = 7_258_118_400;

/// The unit that a time is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Unit {
    /// The name in a sentence.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Microseconds => "microseconds",
            Unit::Nanoseconds => "nanoseconds",
        }
    }
}

/// A time as a token has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// Since 1970, whatever the unit.
    pub(crate) seconds: i64,
    pub(crate) unit: Unit,
}

/// The time that a JSON number is; `None` for anything else.
pub(crate) fn of_number(json: &str) -> Option<Time> {
    let number: i64 = json.parse().ok().or_else(|| {
        // A JSON number doesn't have to be an integer: 1.7e9 is a valid time.
        let number: f64 = serde_json::from_str(json).ok()?;
        (number.abs() < 9e18).then_some(number.floor() as i64)
    })?;
    let finer = [
        (Unit::Milliseconds, 1_000, LAST),
        (Unit::Microseconds, 1_000_000, FINE_LAST),
        (Unit::Nanoseconds, 1_000_000_000, FINE_LAST),
    ];
    let found = finer
        .into_iter()
        .find(|(_, parts, last)| number > LAST && (FIRST..=*last).contains(&(number / parts)));
    Some(match found {
        Some((unit, parts, _)) => Time { seconds: number / parts, unit },
        None => Time { seconds: number, unit: Unit::Seconds },
    })
}

/// What text means as a time, in seconds since 1970: a number in it, or a date as RFC 3339 or RFC 2822 write it, in UTC
/// where it has no zone.
pub(super) fn of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(time) = of_number(text) {
        return Some(time.seconds).filter(|seconds| *seconds >= FIRST);
    }
    let civil = |text: &str| {
        let date = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
        Some(date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    };
    let exact = text.parse::<Timestamp>().ok().map(Timestamp::as_second);
    exact.or_else(|| civil(text)).or_else(|| Some(rfc2822::parse(text).ok()?.timestamp().as_second()))
}

/// The date of a time in UTC; `None` before the year 1 and after the year 9999.
pub(crate) fn date(seconds: i64) -> Option<String> {
    // Timestamps end a day earlier, so that every zone has a date for them.
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let date = epoch.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    (date.year() > 0).then(|| format!("{date}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_in_the_unit_that_makes_it_a_date() {
        use Unit::{Microseconds, Milliseconds, Nanoseconds, Seconds};
        for (json, unit, seconds, shown) in [
            ("1700000000", Seconds, 1_700_000_000, "2023-11-14T22:13:20Z"),
            ("1.7e9", Seconds, 1_700_000_000, "2023-11-14T22:13:20Z"),
            ("1700000000.9", Seconds, 1_700_000_000, "2023-11-14T22:13:20Z"),
            ("1503397606258", Milliseconds, 1_503_397_606, "2017-08-22T10:26:46Z"),
            ("1.503397606258e12", Milliseconds, 1_503_397_606, "2017-08-22T10:26:46Z"),
            ("1700000000123456", Microseconds, 1_700_000_000, "2023-11-14T22:13:20Z"),
            ("1700000000123456789", Nanoseconds, 1_700_000_000, "2023-11-14T22:13:20Z"),
            ("32503680000000", Milliseconds, 32_503_680_000, "3000-01-01T00:00:00Z"),
            ("253402300799000", Milliseconds, LAST, "9999-12-31T23:59:59Z"),
            ("9223372037", Seconds, 9_223_372_037, "2262-04-11T23:47:17Z"),
            ("32503680000", Seconds, 32_503_680_000, "3000-01-01T00:00:00Z"),
            ("253402300799", Seconds, LAST, "9999-12-31T23:59:59Z"),
            ("253402300800", Seconds, LAST + 1, ""),
            ("9223372036854775807", Seconds, i64::MAX, ""),
            ("9223372036854775", Seconds, 9_223_372_036_854_775, ""),
            ("-9223372036854775808", Seconds, i64::MIN, ""),
            ("0", Seconds, 0, "1970-01-01T00:00:00Z"),
            ("-1", Seconds, -1, "1969-12-31T23:59:59Z"),
            ("-0.5", Seconds, -1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(of_number(json), Some(Time { seconds, unit }), "{json}");
            assert_eq!(date(seconds).unwrap_or_default(), shown, "{json}");
        }
        for none in ["", "x", "null", "true", "[1]", "{}", "\"1700000000\"", "1e400", "99999999999999999999"]
        {
            assert_eq!(of_number(none), None, "{none}");
        }
    }

    #[test]
    fn text_is_a_time_where_it_is_a_number_or_a_date() {
        for text in [
            "1700000000",
            " 1700000000 ",
            "1700000000.0",
            "1700000000000",
            "2023-11-14T22:13:20Z",
            "2023-11-14T23:13:20+01:00",
            "2023-11-14 22:13:20",
            "2023-11-14T22:13:20.123",
            "Tue, 14 Nov 2023 22:13:20 GMT",
        ] {
            assert_eq!(of_text(text), Some(1_700_000_000), "{text}");
        }
        assert_eq!(of_text("2023-11-14"), Some(1_699_920_000));
        for none in ["", "soon", "1", "3600", "1h", "14.11.2023"] {
            assert_eq!(of_text(none), None, "{none}");
        }
    }
}
