//! The condition of a binding: kept as read, compared by its documented fields, and evaluated here only if it depends
//! on time alone, or is about another resource than a service account.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// A condition (`google.type.Expr`), every field kept as read. Two are equal if all documented fields are: title,
/// description, expression and location, where an absent field equals an empty one.
#[derive(Clone, Debug)]
pub struct Condition {
    fields: Map<String, Value>,
}

/// What a condition evaluates to at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Holds {
        /// The moment at which it stops; `None` if it never does.
        until: Option<Timestamp>,
    },
    /// It does not hold yet.
    NotYet {
        /// The moment at which it starts.
        from: Timestamp,
    },
    /// It has held and never will again.
    Ended {
        /// The moment at which it stopped.
        at: Timestamp,
    },
    Never,
    /// It depends on more than time.
    Unknown,
}

const DOCUMENTED: [&str; 4] = ["title", "description", "expression", "location"];

impl Condition {
    /// Parses the JSON of a binding's `condition`.
    ///
    /// # Errors
    /// One sentence if it isn't an object, or a documented field isn't text.
    pub(crate) fn read(value: &Value) -> Result<Condition, String> {
        let Value::Object(fields) = value else {
            return Err("a condition is not an object".to_owned());
        };
        match DOCUMENTED
            .into_iter()
            .find(|name| fields.get(*name).is_some_and(|v| !v.is_string() && !v.is_null()))
        {
            Some(name) => Err(format!("the {name} of a condition is not a string")),
            None => Ok(Condition { fields: fields.clone() }),
        }
    }

    /// A new condition.
    pub fn new(title: &str, expression: &str) -> Condition {
        let fields = [("title", title), ("expression", expression)];
        Condition {
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        }
    }

    /// The same with a description.
    pub fn described(mut self, description: &str) -> Condition {
        self.fields.insert("description".to_owned(), description.into());
        self
    }

    /// Holds until `at`, cut to the second.
    pub(crate) fn expires(at: Timestamp, title: &str) -> Condition {
        let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
        Condition::new(title, &format!("request.time < timestamp(\"{at}\")"))
    }

    /// Its title for people.
    pub(crate) fn title(&self) -> &str {
        self.text("title")
    }

    pub(crate) fn description(&self) -> &str {
        self.text("description")
    }

    pub(crate) fn expression(&self) -> &str {
        self.text("expression")
    }

    /// Where it comes from, for error messages; nearly always empty.
    #[cfg(test)]
    pub(crate) fn location(&self) -> &str {
        self.text("location")
    }

    /// The JSON, every field as read.
    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    pub(super) fn unknown(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.fields.iter().filter(|(name, _)| !DOCUMENTED.contains(&name.as_str()))
    }

    /// Evaluates it on a service account at this moment, if it depends on time alone: `request.time` compared by `<`, `<=`, `>` or `>=` with
    /// `timestamp("…")`, joined by `&&`, `||`, `!` and parentheses.
    pub(crate) fn evaluate(&self, now: Timestamp) -> State {
        Reader::read(self.expression()).map_or(State::Unknown, |(time, bounds)| state(&time, bounds, now))
    }

    /// Whether it never holds because of the resource that it is about.
    pub(crate) fn names_other_resource(&self) -> bool {
        Reader::read(self.expression()).is_some_and(|(time, _)| !time.is_pure())
    }

    /// [`State::words`] of [`Condition::evaluate`].
    pub(crate) fn words(&self, now: Timestamp) -> String {
        self.evaluate(now).words(now)
    }

    /// The number of `&&`, `||` and `!` in the expression; IAM accepts up to 12.
    pub(crate) fn operators(&self) -> usize {
        let mut quote = None;
        let mut count = 0;
        let mut chars = self.expression().chars().peekable();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(_), '\\') => {
                    chars.next();
                }
                (Some(open), _) if open == c => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None, '&' | '|') if chars.next_if_eq(&c).is_some() => count += 1,
                (None, '!') if chars.peek() != Some(&'=') => count += 1,
                _ => {}
            }
        }
        count
    }

    fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn identity(&self) -> [&str; 4] {
        DOCUMENTED.map(|name| self.text(name))
    }
}

impl State {
    /// Whether it certainly holds now.
    pub(crate) fn holds(self) -> bool {
        matches!(self, State::Holds { .. })
    }

    /// `met, until 14:00Z`, `ended 2020-01-01`, …: the time for today (UTC), else the date.
    pub(crate) fn words(self, now: Timestamp) -> String {
        match self {
            State::Holds { until: Some(until) } => format!("met, until {}", moment(until, now)),
            State::Holds { until: None } => "met".to_owned(),
            State::NotYet { from } => format!("not met before {}", moment(from, now)),
            State::Ended { at } => format!("expired {}", moment(at, now)),
            State::Never => "never met".to_owned(),
            State::Unknown => "depends on more than time".to_owned(),
        }
    }
}

fn moment(at: Timestamp, now: Timestamp) -> String {
    let day = at.strftime("%Y-%m-%d").to_string();
    let time = at.strftime("%H:%MZ").to_string();
    if day == now.strftime("%Y-%m-%d").to_string() {
        time
    } else if time == "00:00Z" && (at.as_second() - now.as_second()).abs() > 2 * 86_400 {
        // For a near date the hour matters.
        day
    } else {
        format!("{day} {time}")
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Condition {}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for Condition {
    fn partial_cmp(&self, other: &Condition) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Condition {
    fn cmp(&self, other: &Condition) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// An expression about time alone.
enum Time {
    /// About another resource than a service account, so it never holds on one.
    Elsewhere,
    Compared(fn(&Timestamp, &Timestamp) -> bool, Timestamp),
    Not(Box<Time>),
    Joined(bool, Vec<Time>),
}

impl Time {
    fn holds(&self, at: Timestamp) -> bool {
        match self {
            Time::Elsewhere => false,
            Time::Compared(compare, bound) => compare(&at, bound),
            Time::Not(inner) => !inner.holds(at),
            Time::Joined(true, parts) => parts.iter().all(|part| part.holds(at)),
            Time::Joined(false, parts) => parts.iter().any(|part| part.holds(at)),
        }
    }

    /// Whether all of it depends on time.
    fn is_pure(&self) -> bool {
        match self {
            Time::Elsewhere => false,
            Time::Compared(..) => true,
            Time::Not(inner) => inner.is_pure(),
            Time::Joined(_, parts) => parts.iter().all(Time::is_pure),
        }
    }
}

/// The result changes only at a bound or right after it, so evaluating at those moments is enough.
fn state(time: &Time, bounds: Vec<Timestamp>, now: Timestamp) -> State {
    let after = |bound: Timestamp| bound.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(bound);
    let mut moments = vec![(Timestamp::MIN, Timestamp::MIN)];
    moments.extend(bounds.into_iter().flat_map(|bound| [(bound, bound), (after(bound), bound)]));
    moments.sort_unstable();

    let holds = time.holds(now);
    let flip = moments.iter().find(|(at, _)| *at > now && time.holds(*at) != holds).map(|(_, bound)| *bound);
    // After the last bound nothing changes, so it never holds again.
    let last = || moments.iter().rposition(|(at, _)| time.holds(*at));
    match (holds, flip) {
        (true, until) => State::Holds { until },
        (false, Some(from)) => State::NotYet { from },
        (false, None) => match last().and_then(|last| moments.get(last + 1)) {
            Some((_, at)) => State::Ended { at: *at },
            None => State::Never,
        },
    }
}

/// How deep parentheses and negations can nest; the parser recurses for each.
const DEEPEST: usize = 32;

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    bounds: Vec<Timestamp>,
}

impl Reader<'_> {
    /// The expression and the moments in it; `None` if it contains anything but time.
    fn read(text: &str) -> Option<(Time, Vec<Timestamp>)> {
        let mut reader = Reader { rest: text, depth: 0, bounds: Vec::new() };
        let time = reader.any()?;
        reader.rest.trim_start().is_empty().then_some((time, reader.bounds))
    }

    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn any(&mut self) -> Option<Time> {
        let mut parts = vec![self.all()?];
        while self.take("||") {
            parts.push(self.all()?);
        }
        Some(Time::Joined(false, parts))
    }

    fn all(&mut self) -> Option<Time> {
        let mut parts = vec![self.part()?];
        while self.take("&&") {
            parts.push(self.part()?);
        }
        Some(Time::Joined(true, parts))
    }

    fn part(&mut self) -> Option<Time> {
        if self.take("!") {
            // `!` binds tighter than a comparison, so only a parenthesized expression can be negated.
            let negated = self.rest.trim_start().starts_with(['(', '!']);
            return negated
                .then(|| self.nested(Self::part))
                .flatten()
                // An attribute that an account doesn't have makes a condition fail, whatever is negated.
                .filter(Time::is_pure)
                .map(|inner| Time::Not(Box::new(inner)));
        }
        if self.take("(") {
            return self.nested(Self::any).filter(|_| self.take(")"));
        }
        self.elsewhere().or_else(|| self.comparison())
    }

    /// `resource.name.startsWith("projects/_/buckets/…")`, `resource.type == "…"` or `resource.service == "…"` about
    /// anything but a service account.
    fn elsewhere(&mut self) -> Option<Time> {
        let attribute =
            ["resource.name", "resource.type", "resource.service"].into_iter().find(|it| self.take(it))?;
        let begins = !self.take("==");
        if begins && !(self.take(".") && self.take("startsWith") && self.take("(")) {
            return None;
        }
        let text = self.text()?;
        let is_elsewhere = match attribute {
            "resource.name" => names_other_resource(text),
            "resource.type" => text.contains(".googleapis.com/") && !text.starts_with("iam."),
            _ => text.ends_with(".googleapis.com") && !text.starts_with("iam"),
        };
        (is_elsewhere && (!begins || self.take(")"))).then_some(Time::Elsewhere)
    }

    /// A quoted text without escapes.
    fn text(&mut self) -> Option<&str> {
        let quote = ["\"", "'"].into_iter().find(|quote| self.take(quote))?;
        let (text, rest) = self.rest.split_once(quote).filter(|(text, _)| !text.contains('\\'))?;
        self.rest = rest;
        Some(text)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Time>) -> Option<Time> {
        self.depth += 1;
        let time = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        time
    }

    /// `request.time < timestamp("…")`, or the other way round.
    fn comparison(&mut self) -> Option<Time> {
        let turned = !self.take("request.time");
        let first = if turned { Some(self.timestamp()?) } else { None };
        let sign = ["<=", ">=", "<", ">"].into_iter().find(|sign| self.take(sign))?;
        let bound = match first {
            Some(bound) => self.take("request.time").then_some(bound)?,
            None => self.timestamp()?,
        };
        self.bounds.push(bound);
        let compare: fn(&Timestamp, &Timestamp) -> bool = match (sign, turned) {
            ("<", false) | (">", true) => Timestamp::lt,
            ("<=", false) | (">=", true) => Timestamp::le,
            (">", false) | ("<", true) => Timestamp::gt,
            _ => Timestamp::ge,
        };
        Some(Time::Compared(compare, bound))
    }

    fn timestamp(&mut self) -> Option<Timestamp> {
        if !(self.take("timestamp") && self.take("(")) {
            return None;
        }
        let at = rfc3339(self.text()?)?;
        self.take(")").then_some(at)
    }
}

/// Whether the name of a resource, or its start, is that of something that isn't a service account.
fn names_other_resource(text: &str) -> bool {
    let own = text.strip_prefix("//iam.googleapis.com/").unwrap_or(text);
    let mut parts = own.split('/');
    match parts.next() {
        // `//storage.googleapis.com/…`
        Some("") => own.starts_with("//"),
        Some("projects") => parts.nth(1).is_some_and(|kind| !"serviceAccounts".starts_with(kind)),
        Some("folders" | "organizations") => true,
        _ => false,
    }
}

/// CEL accepts RFC 3339 only; jiff accepts more.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let at = |i: usize, sign: u8| bytes.get(i) == Some(&sign);
    let shaped = at(4, b'-') && at(7, b'-') && at(10, b'T') && at(13, b':') && at(16, b':');
    let zone = bytes.len().saturating_sub(6);
    let zoned = text.ends_with('Z') || at(zone, b'+') || at(zone, b'-');
    // Readers disagree about a leap second (`:60`); a comma is ISO 8601's.
    let doubtful = at(17, b'6') || text.contains(',');
    (shaped && zoned && !doubtful).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
