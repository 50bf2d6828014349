//! Answers to questions by a caller who cannot see everything, and how they combine.

/// An answer that may be withheld, or open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Yes,
    No,
    /// The caller cannot see what decides it.
    Hidden,
    /// A condition decides it, on facts that were not stated.
    Open,
}

impl Verdict {
    /// The answer if everything is known.
    pub(crate) fn of(flag: bool) -> Verdict {
        if flag { Verdict::Yes } else { Verdict::No }
    }

    /// Yes if one is, no if none can be. What comes after a yes is not asked.
    pub(crate) fn any(all: impl IntoIterator<Item = Verdict>) -> Verdict {
        let mut so_far = Verdict::No;
        for next in all {
            so_far = so_far.or(next);
            if so_far == Verdict::Yes {
                break;
            }
        }
        so_far
    }

    /// Yes if one of them is; no if neither can be; else what keeps it from being known, a secret before a condition.
    #[must_use]
    pub(crate) fn or(self, other: Verdict) -> Verdict {
        !((!self).and(!other))
    }

    /// Yes if both are; no if one cannot be; else what keeps it from being known, a secret before a condition.
    #[must_use]
    pub(crate) fn and(self, other: Verdict) -> Verdict {
        use Verdict::{Hidden, No, Open, Yes};
        match (self, other) {
            (No, _) | (_, No) => No,
            (Hidden, _) | (_, Hidden) => Hidden,
            (Open, _) | (_, Open) => Open,
            (Yes, Yes) => Yes,
        }
    }
}

impl std::ops::Not for Verdict {
    type Output = Verdict;

    fn not(self) -> Verdict {
        match self {
            Verdict::Yes => Verdict::No,
            Verdict::No => Verdict::Yes,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Hidden, No, Open, Yes};
    use super::*;

    #[test]
    fn one_yes_is_enough_for_any_and_one_no_for_both_and_a_secret_hides_a_condition() {
        assert_eq!(Verdict::any([No, Hidden, Yes]), Yes);
        assert_eq!(Verdict::any([No, Open, Hidden]), Hidden);
        assert_eq!(Verdict::any([No, Open]), Open);
        assert_eq!(Verdict::any([]), No);
        let mut asked = 0;
        assert_eq!(Verdict::any([No, Yes, Hidden, Open].into_iter().inspect(|_| asked += 1)), Yes);
        assert_eq!(asked, 2);
        assert_eq!((Hidden.and(No), Hidden.and(Open), Yes.and(Open), Yes.and(Yes)), (No, Hidden, Open, Yes));
    }
}
