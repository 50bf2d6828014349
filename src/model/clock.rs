//! Two clocks: this machine's, and Google's, which decides when a credential starts and expires.

use jiff::{SignedDuration, Timestamp};

use super::lifetime;

/// Clocks within this difference agree, in milliseconds: the measured difference isn't more accurate.
const AGREE: i64 = 5_000;

/// What Google's clock shows when this machine's shows `here`; `behind` is how far this machine's is behind, in
/// milliseconds, if known.
pub(crate) fn at_google(here: Timestamp, behind: Option<i64>) -> Timestamp {
    let apart = behind.filter(|behind| behind.unsigned_abs() > AGREE.unsigned_abs()).unwrap_or(0);
    here.checked_add(SignedDuration::from_millis(apart)).unwrap_or(here)
}

/// The difference between the clocks, as a clause, if there is one.
pub(crate) fn apart(behind: Option<i64>) -> Option<String> {
    let behind = behind.filter(|behind| behind.unsigned_abs() > AGREE.unsigned_abs())?;
    let way = if behind > 0 { "behind" } else { "ahead of" };
    let seconds = i64::try_from(behind.unsigned_abs() / 1_000).unwrap_or(i64::MAX);
    Some(format!("This machine's clock is {} {way} Google's", lifetime::words(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_nearly_agree_are_one_and_others_are_told_apart() {
        let here = Timestamp::UNIX_EPOCH;
        let shown = |behind| at_google(here, behind).as_millisecond();
        assert_eq!([shown(None), shown(Some(5_000)), shown(Some(-5_000))], [0, 0, 0]);
        assert_eq!([shown(Some(3_600_000)), shown(Some(-5_001))], [3_600_000, -5_001]);
        assert_eq!((apart(None), apart(Some(-5_000))), (None, None));
        assert_eq!(apart(Some(-86_400_000)).as_deref(), Some("This machine's clock is 1d ahead of Google's"));
        assert_eq!(apart(Some(90_500)).as_deref(), Some("This machine's clock is 1m 30s behind Google's"));
        assert_eq!(at_google(here, Some(i64::MIN)), here, "no clock is off by that much");
    }
}
