//! When accounts and keys last authenticated, in days as Google's Activity Analyzer counts them: a day begins
//! at 07:00 UTC, and the current day is not reported. An account authenticates when something is minted for
//! it, when it logs in with a key, and when it calls with its own token; a key when it is used to log in.
//! Whether minting alone counts at Google is not known.

use std::collections::{BTreeSet, HashMap};

use super::state::State;

const DAY: i64 = 86_400;

/// When Google's days begin, in seconds after midnight (Policy Analyzer reference, `ObservationPeriod`).
const BEGINS: i64 = 7 * 3_600;

/// How long authentications are reported. How far back Google looks is not documented.
const OBSERVED: i64 = 90 * DAY;

/// The days on which something authenticated, by unique ids of accounts and ids of keys.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    days: HashMap<String, BTreeSet<i64>>,
}

/// The beginning of the day of a time.
fn day_of(seconds: i64) -> i64 {
    seconds - (seconds - BEGINS).rem_euclid(DAY)
}

/// The first and last second of the period that is reported at a time.
pub(crate) fn observed(now: i64) -> (i64, i64) {
    let end = day_of(now);
    (end - OBSERVED, end)
}

impl Activity {
    pub(crate) fn note(&mut self, id: &str, now: i64) {
        let days = self.days.entry(id.to_owned()).or_default();
        days.insert(day_of(now));
    }

    /// The beginning of the last day on which something authenticated, within the period that is reported.
    pub(crate) fn last(&self, id: &str, now: i64) -> Option<i64> {
        let (start, end) = observed(now);
        self.days.get(id)?.range(start..end).next_back().copied()
    }
}

impl State {
    /// Writes down that an account authenticated.
    pub(crate) fn authenticated(&mut self, account: usize, now: i64) {
        self.activity.note(&self.accounts[account].unique_id, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVEN: i64 = 1_800_000_000 - 1_800_000_000 % DAY + BEGINS;

    #[test]
    fn authentication_is_told_of_once_its_day_is_over() {
        let mut activity = Activity::default();
        activity.note("a", SEVEN - 1);
        assert_eq!(activity.last("a", SEVEN - 1), None);
        assert_eq!(activity.last("a", SEVEN), Some(SEVEN - DAY));
        activity.note("a", SEVEN + 5);
        assert_eq!(activity.last("a", SEVEN + 10), Some(SEVEN - DAY));
        assert_eq!(activity.last("a", SEVEN + DAY), Some(SEVEN));
        assert_eq!(activity.last("b", SEVEN + DAY), None);
    }

    #[test]
    fn authentication_is_forgotten_after_the_observed_period() {
        let mut activity = Activity::default();
        activity.note("a", SEVEN);
        assert_eq!(activity.last("a", SEVEN + OBSERVED), Some(SEVEN));
        assert_eq!(activity.last("a", SEVEN + OBSERVED + DAY), None);
    }
}
