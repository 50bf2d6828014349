//! Two clocks: this machine's, and that of Google, by which a credential begins and ends.

use jiff::{SignedDuration, Timestamp};

/// Clocks that are no further apart agree, in milliseconds: what is told of the difference is no more exact than that.
const AGREE: i64 = 5_000;

/// What Google's clock shows when this machine's shows `here`; `behind` is how far this machine's is behind, in
/// milliseconds, where that is known.
pub fn at_google(here: Timestamp, behind: Option<i64>) -> Timestamp {
    let apart = behind.filter(|behind| behind.unsigned_abs() > AGREE.unsigned_abs()).unwrap_or(0);
    here.checked_add(SignedDuration::from_millis(apart)).unwrap_or(here)
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
        assert_eq!(at_google(here, Some(i64::MIN)), here, "no clock is off by that much");
    }
}
