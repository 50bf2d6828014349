//! The query language of Cloud Asset's searches: words, phrases in quotes, `field:words`, `field=value` and, for
//! times, `<` and `>`, joined by AND (or a space), OR and NOT (or a minus), in parentheses, which can also hold
//! the alternatives of one field. It parses and compares texts and knows no resources. The rules are those of the
//! page "Search query syntax" of Cloud Asset Inventory; what it leaves open is in `behaviour`.

use serde::{Deserialize, Serialize};

use super::clock;

/// The most characters and comparisons of a query.
const MOST_CHARACTERS: usize = 2_048;
const MOST_COMPARISONS: usize = 10;

/// How deep parentheses and negations can be nested.
const DEEPEST: usize = 32;

/// Which of the two words between terms binds closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Precedence {
    /// `a b OR c` is `(a b) OR c`.
    And,
    /// `a b OR c` is `a (b OR c)`, as in other filters of Google's.
    Or,
}

/// What a phrase that ends in `*` finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wildcard {
    /// Texts in which each of its words begins a word, in any order: `us-west*` is documented to find what "contains
    /// both us and west as prefixes".
    EachWord,
    /// Texts that have its words one after the other, the last one perhaps only begun.
    LastWord,
}

/// What a field can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparable {
    /// Words and whole values.
    Text,
    /// Words only.
    Words,
    /// Points in time.
    Time,
}

/// The language of one search.
pub(crate) struct Language {
    /// The fields there are.
    pub(crate) field: fn(&str) -> Option<Comparable>,
    pub(crate) precedence: Precedence,
    pub(crate) wildcard: Wildcard,
    /// Whether a field that there is not finds nothing, rather than being an error.
    pub(crate) takes_unknown_fields: bool,
}

/// A query. Without parts, `All` is every text and `Any` is none.
#[derive(Debug)]
pub(crate) enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Not(Box<Search>),
    Term(SearchTerm),
}

#[derive(Debug)]
pub(crate) struct SearchTerm {
    /// The field, if one is named.
    pub(crate) field: Option<String>,
    /// The how-manieth of its query it is.
    pub(crate) number: usize,
    value: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Phrase { words: Vec<String>, wildcard: Option<Wildcard> },
    Exactly(String),
    Time(Operator, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Has,
    Equals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The signs of the operators, each before those that it begins with.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    (":", Operator::Has),
    ("=", Operator::Equals),
];

impl Search {
    /// Parses a query; `None` for what is not of the language.
    pub(crate) fn parse(text: &str, language: &Language) -> Option<Search> {
        if text.chars().count() > MOST_CHARACTERS {
            return None;
        }
        let mut parser = SearchParser { rest: text.trim(), language, comparisons: 0 };
        if parser.rest.is_empty() {
            return Some(Search::All(Vec::new()));
        }
        let search = parser.group(None, 0)?;
        (parser.rest.is_empty() && parser.comparisons <= MOST_COMPARISONS).then_some(search)
    }

    /// Whether it asks for nothing, so that everything fits.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Search::All(parts) if parts.is_empty())
    }

    /// Whether it fits; `fits` judges a single term.
    pub(crate) fn holds(&self, fits: &impl Fn(&SearchTerm) -> bool) -> bool {
        match self {
            Search::All(parts) => parts.iter().all(|part| part.holds(fits)),
            Search::Any(parts) => parts.iter().any(|part| part.holds(fits)),
            Search::Not(part) => !part.holds(fits),
            Search::Term(term) => fits(term),
        }
    }

    /// Every term, with whether it is negated.
    pub(crate) fn terms(&self) -> Vec<(&SearchTerm, bool)> {
        match self {
            Search::All(parts) | Search::Any(parts) => parts.iter().flat_map(Search::terms).collect(),
            Search::Not(part) => part.terms().into_iter().map(|(term, negated)| (term, !negated)).collect(),
            Search::Term(term) => vec![(term, false)],
        }
    }
}

impl SearchTerm {
    /// Whether a text is the value, or has its words.
    pub(crate) fn fits(&self, text: &str) -> bool {
        match &self.value {
            Wanted::Exactly(value) => text == value,
            Wanted::Phrase { words: wanted, wildcard } => phrase_fits(wanted, *wildcard, text),
            Wanted::Time(operator, wanted) => clock::stated(text).is_some_and(|time| {
                let time = time.as_second();
                match operator {
                    Operator::Less => time < *wanted,
                    Operator::LessOrEqual => time <= *wanted,
                    Operator::Greater => time > *wanted,
                    Operator::GreaterOrEqual => time >= *wanted,
                    Operator::Has | Operator::Equals => time == *wanted,
                }
            }),
        }
    }
}

fn phrase_fits(wanted: &[String], wildcard: Option<Wildcard>, text: &str) -> bool {
    let Some((last, before)) = wanted.split_last() else { return wildcard.is_some() };
    let begins = |word: &str, start: &String| {
        word.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    if wildcard == Some(Wildcard::EachWord) {
        return wanted.iter().all(|start| words(text).any(|word| begins(word, start)));
    }
    let there: Vec<&str> = words(text).collect();
    there.windows(wanted.len()).any(|window| {
        let same = window.iter().zip(before).all(|(word, wanted)| word.eq_ignore_ascii_case(wanted));
        let end = window[before.len()];
        same && if wildcard.is_some() { begins(end, last) } else { end.eq_ignore_ascii_case(last) }
    })
}

/// The words of a text: what letters of ASCII, digits, `_` and `&` make up.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '&');
    text.split(is_between).filter(|word| !word.is_empty())
}

/// A field and how it is compared.
type Target<'a> = (&'a str, Comparable, Operator);

struct SearchParser<'a> {
    rest: &'a str,
    language: &'a Language,
    comparisons: usize,
}

/// A word between terms.
#[derive(Clone, Copy)]
enum Join {
    And,
    Or,
}

impl<'a> SearchParser<'a> {
    /// Terms and the words between them; with a target, phrases that one field is compared with.
    fn group(&mut self, target: Option<Target<'a>>, depth: usize) -> Option<Search> {
        match self.language.precedence {
            Precedence::And => self.joined(&[Join::Or, Join::And], target, depth),
            Precedence::Or => self.joined(&[Join::And, Join::Or], target, depth),
        }
    }

    fn joined(&mut self, joins: &[Join], target: Option<Target<'a>>, depth: usize) -> Option<Search> {
        let Some((join, closer)) = joins.split_first() else { return self.operand(target, depth) };
        let first = self.joined(closer, target, depth)?;
        let mut parts = vec![first];
        while self.is_joined(*join) {
            parts.push(self.joined(closer, target, depth)?);
        }
        match (parts.len(), join) {
            (1, _) => parts.pop(),
            (_, Join::And) => Some(Search::All(parts)),
            (_, Join::Or) => Some(Search::Any(parts)),
        }
    }

    fn is_joined(&mut self, join: Join) -> bool {
        match join {
            Join::Or => self.takes_keyword("OR"),
            Join::And => {
                self.takes_keyword("AND")
                    || !(self.rest.is_empty() || self.rest.starts_with(')') || self.is_at("OR"))
            }
        }
    }

    fn operand(&mut self, target: Option<Target<'a>>, depth: usize) -> Option<Search> {
        if depth >= DEEPEST || self.is_at("AND") || self.is_at("OR") {
            return None;
        }
        let minus = self.rest.strip_prefix('-').filter(|rest| !rest.starts_with(char::is_whitespace));
        if self.takes_keyword("NOT") {
            return Some(Search::Not(Box::new(self.operand(target, depth + 1)?)));
        }
        if let Some(rest) = minus {
            self.rest = rest;
            return Some(Search::Not(Box::new(self.operand(target, depth + 1)?)));
        }
        if self.takes("(") {
            let group = self.group(target, depth + 1)?;
            return self.takes(")").then_some(group);
        }
        match target {
            Some(target) => self.value(target),
            None => self.term(depth),
        }
    }

    /// A phrase of no field, or a field, its operator and its values.
    fn term(&mut self, depth: usize) -> Option<Search> {
        let end = self.rest.find(|c: char| c.is_whitespace() || "()\":=<>".contains(c));
        let name = &self.rest[..end.unwrap_or(self.rest.len())];
        let after = self.rest[name.len()..].trim_start();
        let operator = OPERATORS.iter().find(|(sign, _)| after.starts_with(sign));
        let Some((sign, operator)) = operator.filter(|_| !self.rest.starts_with('"')) else {
            return self.value(("", Comparable::Words, Operator::Has));
        };
        self.rest = after[sign.len()..].trim_start();
        let kind = (self.language.field)(name);
        let target = (name, kind.unwrap_or(Comparable::Text), *operator);
        let found = if self.takes("(") { self.grouped_values(target, depth + 1) } else { self.value(target) };
        match kind {
            Some(_) => found,
            // Its value has been parsed, so that what follows is.
            None if self.language.takes_unknown_fields && !name.is_empty() => {
                found.map(|_| Search::Any(Vec::new()))
            }
            None => None,
        }
    }

    fn grouped_values(&mut self, target: Target<'a>, depth: usize) -> Option<Search> {
        let group = self.group(Some(target), depth)?;
        self.takes(")").then_some(group)
    }

    /// A single value, which a field is compared with, or everything if the field has no name.
    fn value(&mut self, (name, kind, operator): Target<'a>) -> Option<Search> {
        let quoted = self.rest.starts_with('"');
        let text = if quoted { self.quoted()? } else { self.word()? };
        self.comparisons += 1;
        let value = match (kind, operator) {
            (Comparable::Time, Operator::Has) => return None,
            (Comparable::Time, operator) => Wanted::Time(operator, seconds(&text, quoted)?),
            (_, Operator::Has) => Wanted::Phrase {
                words: words(&text).map(str::to_owned).collect(),
                wildcard: text.ends_with('*').then_some(self.language.wildcard),
            },
            (Comparable::Text, Operator::Equals) => Wanted::Exactly(text),
            _ => return None,
        };
        let field = (!name.is_empty()).then(|| name.to_owned());
        Some(Search::Term(SearchTerm { field, number: self.comparisons, value }))
    }

    /// What stands up to a space, a parenthesis or a quote.
    fn word(&mut self) -> Option<String> {
        let end = self.rest.find(|c: char| c.is_whitespace() || "()\"".contains(c));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// What stands in quotes. That a backslash lets a quote stand in it is a guess.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest[at + 1..].trim_start();
                    return Some(text);
                }
                '\\' => text.push(chars.next()?.1),
                c => text.push(c),
            }
        }
        None
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn takes_keyword(&mut self, word: &str) -> bool {
        self.is_at(word) && self.takes(word)
    }

    fn is_at(&self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || "()\"".contains(c))
        })
    }
}

/// A point in time as queries state it: seconds since 1970, a date, or a date and a time in quotes; in UTC.
fn seconds(text: &str, quoted: bool) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    if text.contains('T') && !quoted {
        return None;
    }
    let stated = || clock::stated(text).map(|time| time.as_second());
    let civil = text.parse::<jiff::civil::DateTime>().ok();
    let civil = civil.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
    civil.map(|time| time.timestamp().as_second()).or_else(stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Option<Comparable> {
        match name {
            "policy" => Some(Comparable::Words),
            "born" => Some(Comparable::Time),
            "name" | "labels.app-tier" => Some(Comparable::Text),
            _ => None,
        }
    }

    fn language(precedence: Precedence, wildcard: Wildcard) -> Language {
        Language { field, precedence, wildcard, takes_unknown_fields: false }
    }

    fn parse(query: &str) -> Option<Search> {
        Search::parse(query, &language(Precedence::And, Wildcard::EachWord))
    }

    fn finds(query: &str, text: &str) -> bool {
        parse(query).unwrap_or_else(|| panic!("{query}")).holds(&|term| term.fits(text))
    }

    /// A term as it was read, to look at how terms are joined.
    fn shape(search: &Search) -> String {
        let all = |parts: &[Search]| parts.iter().map(shape).collect::<Vec<_>>();
        match search {
            Search::All(parts) => format!("({})", all(parts).join(" & ")),
            Search::Any(parts) => format!("({})", all(parts).join(" | ")),
            Search::Not(part) => format!("!{}", shape(part)),
            Search::Term(SearchTerm { field, value, .. }) => {
                let value = match value {
                    Wanted::Phrase { words, wildcard } => {
                        format!("{}{}", words.join("."), if wildcard.is_some() { "*" } else { "" })
                    }
                    Wanted::Exactly(value) => format!("={value}"),
                    Wanted::Time(operator, value) => format!("{operator:?}{value}"),
                };
                field.as_ref().map_or_else(|| value.clone(), |field| format!("{field}:{value}"))
            }
        }
    }

    #[test]
    fn words_fit_in_their_order_whatever_stands_between_them() {
        let member = "serviceAccount:ci-bot@acme-ci.iam.gserviceaccount.com";
        for query in [
            "ci-bot@acme-ci",
            "policy:BOT.ACME",
            "acme",
            "\"acme ci\"",
            "policy:\"acme ci\"",
            "policy:(nobody OR bot)",
            "nobody OR bot",
            "-nobody acme",
            "NOT (nobody acme)",
        ] {
            assert!(finds(query, member), "{query}");
        }
        for query in ["iam-acme", "acm", "bot nobody", "-bot", "NOT bot", "policy:(bot nobody)", "\"@\""] {
            assert!(!finds(query, member), "{query}");
        }
    }

    #[test]
    fn letters_of_ascii_digits_underscores_and_ampersands_make_up_words() {
        let found = |text: &'static str| words(text).collect::<Vec<_>>();
        assert_eq!(found("bo_b-7@EXAMPLE.com"), ["bo_b", "7", "EXAMPLE", "com"]);
        assert_eq!(found("r&d*lab %x%"), ["r&d", "lab", "x"]);
        assert_eq!((found("größe"), found("$%^*-!")), (vec!["gr", "e"], vec![]));
    }

    #[test]
    fn star_at_the_end_lets_words_be_begun_and_alone_asks_for_any_value() {
        let region = "eu-north1";
        for query in ["eu*", "eu-no*", "no-eu*", "name:\"eu-n*\"", "labels.app-tier:*"] {
            assert!(finds(query, region), "{query}");
        }
        for query in ["orth*", "eu-so*", "e*u", "name=eu*"] {
            assert!(!finds(query, region), "{query}");
        }
        let in_order = language(Precedence::And, Wildcard::LastWord);
        let finds = |query: &str| {
            Search::parse(query, &in_order).unwrap().holds(&|term| term.fits("europe-north1-b"))
        };
        assert!(finds("europe-no*") && finds("north1-*") && !finds("eu-no*") && !finds("north1-eu*"));
    }

    #[test]
    fn equals_wants_the_whole_value_in_its_case() {
        assert!(finds("name=Web-1", "Web-1") && finds("name=\"Web 1\"", "Web 1"));
        assert!(!finds("name=web-1", "Web-1") && !finds("name=Web", "Web-1"));
        assert!(finds("name=(a OR Web-1)", "Web-1"));
    }

    #[test]
    fn terms_are_joined_negated_and_grouped() {
        for (query, read) in [
            ("a b OR c", "((a & b) | c)"),
            ("a AND (b OR c)", "(a & (b | c))"),
            ("a(b)\"c d\"", "(a & b & c.d)"),
            ("NOT a -b NOT -c", "(!a & !b & !!c)"),
            ("name:(x OR -y) policy:z", "((name:x | !name:y) & policy:z)"),
            ("name : \"x y\" born >= 86400", "(name:x.y & born:GreaterOrEqual86400)"),
            ("born<2001-09-09", "born:Less999993600"),
            ("born<=\"2001-09-09T01:46:40\"", "born:LessOrEqual1000000000"),
            ("policy:user:ann@x.example", "policy:user.ann.x.example"),
            ("name=//a.example/b=c", "name:=//a.example/b=c"),
            (r#""say \"hi\"""#, "say.hi"),
            ("and or not ANDY", "(and & or & not & ANDY)"),
        ] {
            assert_eq!(parse(query).map(|search| shape(&search)).as_deref(), Some(read), "{query}");
        }
        let or_first = language(Precedence::Or, Wildcard::EachWord);
        let read = shape(&Search::parse("a b OR c d", &or_first).unwrap());
        assert_eq!(read, "(a & (b | c) & d)");
    }

    #[test]
    fn what_is_not_of_the_language_is_not_read() {
        let long = "a".repeat(2_049);
        let many = ["a"; 11].join(" ");
        let deep = format!("{}a{}", "(".repeat(40), ")".repeat(40));
        for query in [
            "name:(a OR b",
            "a)",
            "()",
            "\"open",
            "a OR",
            "OR a",
            "a AND OR b",
            "NOT",
            "name:",
            "name:()",
            ":a",
            "policy=a",
            "name<5",
            "born:5",
            "born<soon",
            "born<2001-09-09T01:46:40",
            "nme:a",
            &long,
            &many,
            &deep,
            &"-".repeat(2_000),
        ] {
            assert!(parse(query).is_none(), "{query}");
        }
        assert!(parse("  ").unwrap().is_empty() && parse(&many[2..]).is_some());
    }

    #[test]
    fn field_that_there_is_not_finds_nothing_where_it_is_taken() {
        let tolerant =
            Language { takes_unknown_fields: true, ..language(Precedence::And, Wildcard::EachWord) };
        let finds = |query: &str| Search::parse(query, &tolerant).unwrap().holds(&|term| term.fits("a"));
        assert!(!finds("nme:a") && finds("-nme:(a OR b) a"));
    }
}
