//! Filters of Resource Manager's lists and searches: `field:value` and `field=value`, values in quotes where
//! they have spaces, joined by AND, OR and NOT (or a minus), in parentheses. Terms without a word between
//! them form one group, and the caller says how they combine. It parses and compares texts and knows no
//! resources.

use serde::{Deserialize, Serialize};

/// How deep parentheses can be nested.
const DEEPEST: usize = 32;

/// What terms without a word between them mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SideBySide {
    /// Any of them is enough, as the reference says of projects; but those about the parent and those that are negated
    /// narrow what the others find ("parent.type:folder parent.id:123" is what lies in that folder).
    Any,
    /// All of them have to match.
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Every part fits; without parts everything does.
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Term(FilterTerm),
}

/// A field and the value to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterTerm {
    /// The field in lower case.
    pub(crate) field: String,
    value: String,
}

impl FilterTerm {
    /// Whether a text is the value, or begins with it where it ends in `*`. Case does not matter.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        match self.value.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == self.value,
        }
    }

    /// Whether a text has every word of the value, as the display names of folders are searched.
    pub(crate) fn words_fit(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let has = |word: &str| text.split_whitespace().any(|one| one == word);
        self.fits(&text) || (self.value.contains(' ') && self.value.split_whitespace().all(has))
    }
}

impl Filter {
    /// Parses a filter; AND binds closer than OR.
    pub(crate) fn parse(text: &str, group: SideBySide) -> Option<Filter> {
        let mut reader = FilterParser { rest: text.trim(), group };
        if reader.rest.is_empty() {
            return Some(Filter::All(Vec::new()));
        }
        let filter = reader.alternatives(0)?;
        reader.rest.trim_start().is_empty().then_some(filter)
    }

    /// Whether it fits; `fits` judges a single term.
    pub(crate) fn holds(&self, fits: &impl Fn(&FilterTerm) -> bool) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.holds(fits)),
            Filter::Any(parts) => parts.iter().any(|part| part.holds(fits)),
            Filter::Not(part) => !part.holds(fits),
            Filter::Term(term) => fits(term),
        }
    }

    fn narrows(&self) -> bool {
        match self {
            Filter::Not(_) => true,
            Filter::Term(term) => term.field.starts_with("parent"),
            Filter::All(_) | Filter::Any(_) => false,
        }
    }
}

struct FilterParser<'a> {
    rest: &'a str,
    group: SideBySide,
}

impl FilterParser<'_> {
    fn alternatives(&mut self, depth: usize) -> Option<Filter> {
        let mut parts = vec![self.conjunction(depth)?];
        while self.takes_word("OR") {
            parts.push(self.conjunction(depth)?);
        }
        Some(one_or(parts, Filter::Any))
    }

    fn conjunction(&mut self, depth: usize) -> Option<Filter> {
        let mut parts = vec![self.side_by_side(depth)?];
        while self.takes_word("AND") {
            parts.push(self.side_by_side(depth)?);
        }
        Some(one_or(parts, Filter::All))
    }

    fn side_by_side(&mut self, depth: usize) -> Option<Filter> {
        let mut parts = vec![self.factor(depth)?];
        while !self.is_at_end() && !self.is_at_word("AND") && !self.is_at_word("OR") {
            parts.push(self.factor(depth)?);
        }
        if self.group == SideBySide::All || parts.len() == 1 {
            return Some(one_or(parts, Filter::All));
        }
        let (mut narrowing, finding): (Vec<_>, Vec<_>) = parts.into_iter().partition(Filter::narrows);
        if !finding.is_empty() {
            narrowing.push(one_or(finding, Filter::Any));
        }
        Some(one_or(narrowing, Filter::All))
    }

    fn factor(&mut self, depth: usize) -> Option<Filter> {
        if self.takes_word("NOT") || self.takes('-') {
            return Some(Filter::Not(Box::new(self.factor_once(depth)?)));
        }
        self.factor_once(depth)
    }

    fn factor_once(&mut self, depth: usize) -> Option<Filter> {
        if !self.takes('(') {
            return self.term();
        }
        let inside = (depth < DEEPEST).then(|| self.alternatives(depth + 1))??;
        self.takes(')').then_some(inside)
    }

    fn term(&mut self) -> Option<Filter> {
        self.rest = self.rest.trim_start();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        let field = self.run(is_name).to_lowercase();
        let asked = !field.is_empty() && (self.takes(':') || self.takes('='));
        let value = asked.then(|| self.value())??.to_lowercase();
        (!value.is_empty()).then_some(Filter::Term(FilterTerm { field, value }))
    }

    /// A value in quotes, in which a backslash takes what follows as it is, or up to a blank or a parenthesis.
    fn value(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        if !self.takes('"') {
            return Some(self.run(|c| !c.is_whitespace() && c != '(' && c != ')').to_owned());
        }
        let mut value = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                c => value.push(c),
            }
        }
        None
    }

    fn run(&mut self, is_inside: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !is_inside(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn is_at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty() || self.rest.starts_with(')')
    }

    fn takes(&mut self, c: char) -> bool {
        match self.rest.trim_start().strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn is_at_word(&self, word: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '(', ')', '-']))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there = self.is_at_word(word);
        if is_there {
            self.rest = &self.rest.trim_start()[word.len()..];
        }
        is_there
    }
}

fn one_or(mut parts: Vec<Filter>, several: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 { parts.remove(0) } else { several(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a project `id=app`, `name=My App`, `parent.type=folder`, `parent.id=12` fits.
    fn fits(text: &str, group: SideBySide) -> Option<bool> {
        let has = |term: &FilterTerm| match term.field.as_str() {
            "id" => term.fits("app"),
            "name" => term.fits("My App"),
            "parent.type" => term.fits("folder"),
            "parent.id" => term.fits("12"),
            _ => false,
        };
        Some(Filter::parse(text, group)?.holds(&has))
    }

    #[test]
    fn words_parentheses_and_quotes_mean_what_they_say() {
        for (text, wanted) in [
            ("", true),
            ("id:app", true),
            ("ID=APP", true),
            ("id = app", true),
            ("name:\"my app\"", true),
            (r#"name="My \App""#, true),
            ("name:my*", true),
            ("name:app", false),
            ("id:app AND parent.id=12", true),
            ("id:app AND parent.id=13", false),
            ("id:x OR parent.id=12", true),
            ("NOT id:app", false),
            ("-id:x", true),
            ("id:app AND NOT name:x*", true),
            ("id:x AND id:y OR parent.id:12", true),
            ("id:x AND (id:y OR parent.id:12)", false),
            ("(id:app)AND(parent.id:12)", true),
            ("NOT (id:app OR id:x)", false),
        ] {
            assert_eq!(fits(text, SideBySide::All), Some(wanted), "{text}");
            assert_eq!(fits(text, SideBySide::Any), Some(wanted), "{text}");
        }
    }

    #[test]
    fn terms_side_by_side_widen_or_narrow_as_whoever_asks_has_it() {
        assert_eq!(fits("id:x name:my*", SideBySide::Any), Some(true));
        assert_eq!(fits("id:x name:my*", SideBySide::All), Some(false));
        // The parent is a restriction either way.
        assert_eq!(fits("parent.type:folder parent.id:13", SideBySide::Any), Some(false));
        assert_eq!(fits("id:app parent.id:13", SideBySide::Any), Some(false));
        assert_eq!(fits("id:app -name:my*", SideBySide::Any), Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be() {
        let deep = format!("{}id:a{}", "(".repeat(10_000), ")".repeat(10_000));
        for text in [
            "app",
            "id:",
            ":app",
            "(id:app",
            "id:app)",
            "id:app AND",
            "OR id:app",
            "name:\"my",
            "id!=a",
            &deep,
        ] {
            assert_eq!(fits(text, SideBySide::Any), None, "{text}");
        }
    }
}
