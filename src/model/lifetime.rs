//! Lengths of time as people type and read them, and the rule for the lifetime of an access token. It works in seconds,
//! without a clock.

/// The lifetime that every account can have.
pub(crate) const DEFAULT_SECONDS: u32 = 3_600;

/// The lifetime that no account can exceed.
pub(crate) const MAX_SECONDS: u32 = 43_200;

/// Shown wherever a lifetime over one hour is chosen, and again if Google rejects it.
pub(crate) const EXTENSION: &str = "over 1h works only for accounts that the organization lists in \
     constraints/iam.allowServiceAccountCredentialLifetimeExtension";

/// Parses a lifetime: `600s`, `10m`, `1h`, `1h 30m`, or plain seconds.
///
/// # Errors
/// One sentence with the rule.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let shown: String = text.trim().chars().take(40).collect();
    match seconds(text) {
        Some(0) => Err(format!("“{shown}” is too short: the minimum is 1s (use e.g. 600s, 10m, 1h 30m)")),
        Some(seconds) => u32::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= MAX_SECONDS)
            .ok_or_else(|| format!("“{shown}” is too long: the maximum is 12h (use e.g. 600s, 10m, 1h 30m)")),
        None => Err(format!("Invalid lifetime “{shown}”: use 1s to 12h, such as 600s, 10m, 1h or 1h 30m")),
    }
}

/// The seconds of `1h 30m` and the like, without a limit; units must get smaller, so each appears once. `None` for
/// anything else.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    read(text, &UNITS[1..])
}

/// Like [`seconds`], with days: `7d`, `1d 12h`. For what can live longer than any token.
pub(crate) fn seconds_or_days(text: &str) -> Option<u64> {
    read(text, &UNITS)
}

/// Units by their letter, in seconds.
const UNITS: [(u8, u64); 4] = [(b'd', 86_400), (b'h', 3_600), (b'm', 60), (b's', 1)];

fn read(text: &str, units: &[(u8, u64)]) -> Option<u64> {
    let text = text.trim();
    if let Ok(plain) = text.parse() {
        return Some(plain);
    }
    let (mut total, mut last_unit, mut rest) = (0u64, u64::MAX, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let (_, unit) = *units.iter().find(|(letter, _)| *letter == rest.as_bytes()[digits])?;
        if unit >= last_unit {
            return None;
        }
        total = total.checked_add(number.checked_mul(unit)?)?;
        (last_unit, rest) = (unit, rest[digits + 1..].trim_start());
    }
    (last_unit != u64::MAX).then_some(total)
}

/// Whether the organization must allow it: see [`EXTENSION`].
pub(crate) fn needs_extension(seconds: u32) -> bool {
    seconds > DEFAULT_SECONDS
}

/// A length in its shortest form: `1h`, `1h 30m`, `2d 3h`, `0s`.
pub(crate) fn words(seconds: impl Into<i64>) -> String {
    let seconds = seconds.into();
    let parts: Vec<String> =
        split(seconds).into_iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// A length whose text keeps its width while it counts down: `54m 12s`, `12m 03s`, `1h 02m 03s`, `3d 04h`. Never below
/// zero.
pub(crate) fn countdown(seconds: impl Into<i64>) -> String {
    let [(d, _), (h, _), (m, _), (s, _)] = split(seconds.into());
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, _) => format!("{m}m {s:02}s"),
        (0, _, _) => format!("{h}h {m:02}m {s:02}s"),
        _ => format!("{d}d {h:02}h"),
    }
}

fn split(seconds: i64) -> [(i64, char); 4] {
    let all = seconds.max(0);
    [(all / 86_400, 'd'), (all / 3_600 % 24, 'h'), (all / 60 % 60, 'm'), (all % 60, 's')]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read_the_way_people_write_them() {
        for (text, seconds) in [
            ("600s", 600),
            ("10m", 600),
            ("1h", 3_600),
            ("1h 30m", 5_400),
            ("1h30m5s", 5_405),
            (" 3600 ", 3_600),
            ("12h", 43_200),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_lifetime_is_refused_with_the_rule() {
        let endless = format!("{}h", u64::MAX);
        for wrong in [
            "", "0", "0s", "43201", "13h", "-5m", "1.5h", "h", "1h 1h", "30m 1h", "1d", "10 m", "1h,", "é",
            &endless,
        ] {
            let rule = match wrong {
                "0" | "0s" => "the minimum is 1s",
                "43201" | "13h" => "the maximum is 12h",
                _ => "use 1s to 12h",
            };
            assert!(parse(wrong).unwrap_err().contains(rule), "{wrong}");
        }
    }

    #[test]
    fn days_are_read_only_where_they_are_asked_for() {
        assert_eq!([seconds("7d"), seconds("1d 2h")], [None, None]);
        assert_eq!([seconds_or_days("7d"), seconds_or_days("1d 2h")], [Some(604_800), Some(93_600)]);
        assert_eq!([seconds_or_days("2h 1d"), seconds_or_days("1d1d")], [None, None]);
    }

    #[test]
    fn only_what_is_over_an_hour_needs_the_organization() {
        assert!(!needs_extension(3_600) && needs_extension(3_601));
        assert!(EXTENSION.contains("constraints/iam.allowServiceAccountCredentialLifetimeExtension"));
    }

    #[test]
    fn lengths_read_as_on_a_clock() {
        assert_eq!(
            [words(3_600), words(5_400), words(0), words(90_061)],
            ["1h", "1h 30m", "0s", "1d 1h 1m 1s"]
        );
        assert_eq!(
            [countdown(3_252), countdown(723), countdown(9), countdown(-4)],
            ["54m 12s", "12m 03s", "9s", "0s"]
        );
        assert_eq!([countdown(3_723), countdown(273_600)], ["1h 02m 03s", "3d 04h"]);
        assert!(countdown(i64::MAX).ends_with('h'));
    }
}
