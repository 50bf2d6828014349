//! The query language of Cloud Asset's searches, as far as users type it: words, `field:words` and
//! `field=value`, joined by AND (or a space), OR and NOT, without parentheses. It compares texts and knows no
//! resources.

/// A query: alternatives, in each of which every term has to fit. AND binds closer than OR.
#[derive(Debug)]
pub(crate) struct Search(Vec<Vec<SearchTerm>>);

#[derive(Debug)]
pub(crate) struct SearchTerm {
    /// The field, if one is named.
    pub(crate) field: Option<String>,
    negated: bool,
    exact: bool,
    value: String,
}

impl Search {
    pub(crate) fn parse(text: &str) -> Option<Search> {
        let mut alternatives = vec![Vec::new()];
        let mut negated = false;
        for word in words(text)? {
            match word.as_str() {
                "AND" => {}
                "OR" => alternatives.push(Vec::new()),
                "NOT" => negated = true,
                word => {
                    let term = SearchTerm::parse(word, std::mem::take(&mut negated))?;
                    alternatives.last_mut().expect("there is one from the start").push(term);
                }
            }
        }
        let fine =
            !negated && (alternatives.len() == 1 || alternatives.iter().all(|terms| !terms.is_empty()));
        fine.then_some(Search(alternatives))
    }

    /// Whether it is empty, and everything fits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// Whether the terms fit; `fits` judges a single one by what it says, not by its negation.
    pub(crate) fn holds(&self, fits: impl Fn(&SearchTerm) -> bool) -> bool {
        self.0.iter().any(|terms| terms.iter().all(|term| fits(term) != term.negated))
    }

    /// Whether a term for which that is so is in it.
    pub(crate) fn has(&self, so: impl Fn(&SearchTerm) -> bool) -> bool {
        self.0.iter().flatten().any(so)
    }
}

impl SearchTerm {
    fn parse(word: &str, negated: bool) -> Option<SearchTerm> {
        let (negated, word) = match word.strip_prefix('-') {
            Some(rest) => (!negated, rest),
            None => (negated, word),
        };
        // A colon or an equals sign after a plain name is the field's; `user:ann@example.com` needs its field or quotes.
        let at =
            word.find([':', '=']).filter(|at| word[..*at].chars().all(|c| c.is_alphanumeric() || c == '.'));
        let (field, exact, value) = match at {
            Some(at) => (Some(word[..at].to_owned()), word[at..].starts_with('='), &word[at + 1..]),
            None => (None, false, word),
        };
        let value = value.trim_matches('"').to_owned();
        (!value.is_empty()).then_some(SearchTerm { field, negated, exact, value })
    }

    /// Whether a text is the value, or has its words one after the other, the last perhaps only begun (`dep*`). Case
    /// does not matter.
    pub(crate) fn fits(&self, text: &str) -> bool {
        if self.exact {
            return text.eq_ignore_ascii_case(&self.value);
        }
        let (open, value) = match self.value.strip_suffix('*') {
            Some(value) => (true, value),
            None => (false, self.value.as_str()),
        };
        let (wanted, there) = (plain(value), plain(text));
        let Some((last, before)) = wanted.split_last() else { return open };
        there.windows(wanted.len()).any(|window| {
            let (end, start) = window.split_last().expect("a window has the length of what is wanted");
            start == before && (end == last || (open && end.starts_with(last.as_str())))
        })
    }
}

/// The words of a text, in lower case.
fn plain(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// What stands between spaces, quotes kept whole. Parentheses and quotes without end cannot be read.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut found, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '(' | ')' if !quoted => return None,
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => found.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    found.push(word);
    found.retain(|word| !word.is_empty());
    (!quoted).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(query: &str, text: &str) -> bool {
        Search::parse(query).unwrap().holds(|term| term.fits(text))
    }

    #[test]
    fn words_fit_in_their_order_whatever_stands_between_them() {
        let member = "serviceAccount:ci@acme-ci.iam.gserviceaccount.com";
        for query in [
            "ci@acme-ci",
            "policy:ci@acme-ci.iam*",
            "acme",
            "CI",
            "policy:\"acme ci\"",
            "nobody OR ci",
            "-nobody",
        ] {
            assert!(finds(query, member), "{query}");
        }
        for query in ["iam-acme", "acm", "ci nobody", "-ci", "NOT ci", "policy=ci"] {
            assert!(!finds(query, member), "{query}");
        }
    }

    #[test]
    fn what_is_not_of_the_language_is_not_read() {
        for query in ["policy:(a OR b)", "\"open", "a OR", "NOT", "policy:"] {
            assert!(Search::parse(query).is_none(), "{query}");
        }
        assert!(Search::parse("  ").unwrap().is_empty());
    }
}
