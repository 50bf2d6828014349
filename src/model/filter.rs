//! Filters as people type them: all words of plain text must match; `!word` excludes. Case doesn't matter. A longer
//! filter without `!` only narrows the result, so only the previous matches need to be looked at again.

use memchr::memmem::Finder;

/// A filter ready to be matched against lower-cased text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    text: String,
    words: Vec<(bool, Finder<'static>)>,
}

impl Filter {
    pub(crate) fn new(text: &str) -> Filter {
        let lower = text.to_lowercase();
        let words = lower
            .split_whitespace()
            .map(|word| word.strip_prefix('!').map_or((true, word), |word| (false, word)))
            .filter(|(_, word)| !word.is_empty())
            .map(|(wanted, word)| (wanted, Finder::new(word.as_bytes()).into_owned()))
            .collect();
        Filter { text: lower, words }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether lower-cased text matches.
    pub(crate) fn matches(&self, hay: &str) -> bool {
        self.words.iter().all(|(wanted, word)| word.find(hay.as_bytes()).is_some() == *wanted)
    }

    /// Whether everything this matches was matched by `before` too.
    pub(crate) fn narrows(&self, before: &Filter) -> bool {
        self.text.starts_with(&before.text) && self.words.iter().all(|(wanted, _)| *wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_words_must_occur_and_none_of_the_unwanted() {
        let filter = Filter::new("Deploy PROD !canary");
        assert!(filter.matches("deployer@acme-prod") && !filter.matches("deploy-canary@acme-prod"));
        assert!(!filter.matches("deployer@acme-stage") && Filter::new(" ! ").is_empty());
    }

    proptest! {
        #[test]
        fn what_narrows_matches_nothing_new(one in "[ab !]{0,6}", more in "[ab !]{0,4}", hay in "[ab]{0,8}") {
            let (before, after) = (Filter::new(&one), Filter::new(&format!("{one}{more}")));
            if after.narrows(&before) && after.matches(&hay) {
                prop_assert!(before.matches(&hay), "{one:?} {more:?} {hay:?}");
            }
        }
    }
}
