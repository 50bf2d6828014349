//! Conditions of bindings: a small reader of the CEL that policies really contain, comparisons of time and resource
//! joined by `&&`, `||` and `!`. What it cannot read holds for nobody; what depends on a fact that was not stated stays
//! open. It never looks at policies.

use jiff::Timestamp;

use super::clock;

/// What an expression may speak of, as far as it is stated.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `request.time`, in seconds.
    pub now: Option<i64>,
    /// `resource.name`.
    pub name: Option<String>,
    /// `resource.type`.
    pub kind: Option<String>,
    /// `resource.service`.
    pub service: Option<String>,
}

/// An expression that could not be read: where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Offset in bytes.
    pub offset: usize,
    /// One sentence.
    pub problem: String,
}

/// How deep parentheses and negations may go; the reader calls itself for each.
const DEEPEST: usize = 32;

/// Whether an expression holds; what cannot be read or is open does not.
pub fn holds(expression: &str, facts: &Facts) -> bool {
    evaluate(expression, facts) == Ok(Some(true))
}

/// Evaluates an expression; nothing where it depends on a fact that was not stated.
pub fn evaluate(expression: &str, facts: &Facts) -> Result<Option<bool>, Unreadable> {
    let mut reader = Reader { text: expression, at: 0, depth: 0, facts };
    let value = reader.any()?;
    reader.spaces();
    if reader.at < expression.len() {
        return Err(reader.unreadable("there is more than one expression"));
    }
    value.flag().map_err(|_| reader.unreadable("the expression is not a boolean"))
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Operand {
    Flag(bool),
    Text(String),
    Time(Timestamp),
    Open,
}

/// What is no boolean.
struct NoFlag;

impl Operand {
    fn flag(&self) -> Result<Option<bool>, NoFlag> {
        match self {
            Operand::Flag(flag) => Ok(Some(*flag)),
            Operand::Open => Ok(None),
            _ => Err(NoFlag),
        }
    }

    fn of(flag: Option<bool>) -> Operand {
        flag.map_or(Operand::Open, Operand::Flag)
    }

    fn text(text: Option<&String>) -> Operand {
        text.map_or(Operand::Open, |text| Operand::Text(text.clone()))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    facts: &'a Facts,
}

type Read = Result<Operand, Unreadable>;

impl Reader<'_> {
    fn unreadable(&self, problem: &str) -> Unreadable {
        Unreadable { offset: self.at, problem: problem.to_owned() }
    }

    fn spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.spaces();
        let found = self.text[self.at..].starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Unreadable> {
        if self.take(sign) { Ok(()) } else { Err(self.unreadable(&format!("expected {sign}"))) }
    }

    fn any(&mut self) -> Read {
        self.joined("||", Self::all, true)
    }

    fn all(&mut self) -> Read {
        self.joined("&&", Self::comparison, false)
    }

    /// Parts of which one that is `decisive` settles it, whatever the others are.
    fn joined(&mut self, sign: &str, part: fn(&mut Self) -> Read, decisive: bool) -> Read {
        let mut left = part(self)?;
        while self.take(sign) {
            let right = part(self)?;
            let (Ok(a), Ok(b)) = (left.flag(), right.flag()) else {
                return Err(self.unreadable(&format!("{sign} joins booleans")));
            };
            left = Operand::of(match (a, b) {
                (Some(flag), _) | (_, Some(flag)) if flag == decisive => Some(decisive),
                (Some(_), Some(_)) => Some(!decisive),
                _ => None,
            });
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Read {
        let left = self.operand()?;
        for sign in ["<=", ">=", "==", "!=", "<", ">"] {
            if self.take(sign) {
                let right = self.operand()?;
                if left == Operand::Open || right == Operand::Open {
                    return Ok(Operand::Open);
                }
                if std::mem::discriminant(&left) != std::mem::discriminant(&right) {
                    return Err(self.unreadable("the two sides are of different types"));
                }
                return Ok(Operand::Flag(match sign {
                    "<=" => left <= right,
                    ">=" => left >= right,
                    "==" => left == right,
                    "!=" => left != right,
                    "<" => left < right,
                    _ => left > right,
                }));
            }
        }
        Ok(left)
    }

    fn operand(&mut self) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.unreadable("the expression is nested too deeply"));
        }
        let value = self.nested();
        self.depth -= 1;
        value
    }

    fn nested(&mut self) -> Read {
        if self.take("!") {
            let value = self.operand()?.flag();
            let not = value.map(|flag| Operand::of(flag.map(|flag| !flag)));
            return not.map_err(|_| self.unreadable("! wants a boolean"));
        }
        if self.take("(") {
            let value = self.any()?;
            self.expect(")")?;
            return Ok(value);
        }
        self.spaces();
        if self.text[self.at..].starts_with(['"', '\'']) {
            return Ok(Operand::Text(self.quoted()?));
        }
        let rest = &self.text[self.at..];
        let length =
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        let word = rest[..length].to_owned();
        let value = match word.as_str() {
            "true" | "false" => Operand::Flag(word == "true"),
            "request.time" => self.facts.now.map_or(Operand::Open, |now| Operand::Time(clock::moment(now))),
            "resource.name" => Operand::text(self.facts.name.as_ref()),
            "resource.type" => Operand::text(self.facts.kind.as_ref()),
            "resource.service" => Operand::text(self.facts.service.as_ref()),
            "timestamp" => {
                self.at += length;
                return self.timestamp();
            }
            "resource.name.startsWith" | "resource.name.endsWith" => {
                self.at += length;
                self.expect("(")?;
                self.spaces();
                let part = self.quoted()?;
                self.expect(")")?;
                let has = |name: &String| match word.ends_with("startsWith") {
                    true => name.starts_with(&part),
                    false => name.ends_with(&part),
                };
                return Ok(Operand::of(self.facts.name.as_ref().map(has)));
            }
            _ => return Err(self.unreadable(&format!("undeclared reference to '{word}'"))),
        };
        self.at += length;
        Ok(value)
    }

    fn timestamp(&mut self) -> Read {
        self.expect("(")?;
        self.spaces();
        let text = self.quoted()?;
        self.expect(")")?;
        text.parse().map(Operand::Time).map_err(|_| self.unreadable("not an RFC 3339 time"))
    }

    fn quoted(&mut self) -> Result<String, Unreadable> {
        let rest = &self.text[self.at..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = quote.and_then(|q| rest[1..].split_once(q));
        let Some((inner, _)) = inner else {
            return Err(self.unreadable("expected a string"));
        };
        self.at += inner.len() + 2;
        Ok(inner.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: &str, expression: &str) -> bool {
        let facts = Facts { now: Some(now.parse::<Timestamp>().unwrap().as_second()), ..Facts::default() };
        holds(expression, &facts)
    }

    #[test]
    fn a_condition_on_time_holds_until_its_end() {
        let until = r#"request.time < timestamp("2027-01-01T00:00:00Z")"#;
        assert!(at("2026-12-31T23:59:59Z", until));
        assert!(!at("2027-01-01T00:00:00Z", until));
    }

    #[test]
    fn parts_are_joined_negated_and_grouped() {
        let window = r#"request.time >= timestamp("2026-01-01T00:00:00Z") && !(request.time > timestamp('2026-02-01T00:00:00Z'))"#;
        assert!(at("2026-01-15T00:00:00Z", window));
        assert!(!at("2026-03-15T00:00:00Z", window));
        assert!(at("2026-01-15T00:00:00Z", "false || true && true"));
    }

    #[test]
    fn what_cannot_be_read_holds_for_nobody() {
        for expression in [
            "",
            "request.time",
            "inIpRange(origin.ip, 'x')",
            "true true",
            "\"a\" < true",
            "\"é",
            &"(".repeat(10_000),
        ] {
            assert!(!at("2026-01-01T00:00:00Z", expression), "{expression}");
        }
    }

    #[test]
    fn the_resource_can_be_asked_for() {
        let facts = Facts { name: Some("projects/-/serviceAccounts/1".into()), ..Facts::default() };
        assert!(holds(r#"resource.name.endsWith("/1")"#, &facts));
    }

    #[test]
    fn what_depends_on_a_fact_that_was_not_stated_is_open_unless_the_rest_decides() {
        let nothing = Facts::default();
        let name = r#"resource.name == "x""#;
        assert_eq!(evaluate(name, &nothing), Ok(None));
        assert_eq!(evaluate(&format!("!({name}) && true"), &nothing), Ok(None));
        assert_eq!(evaluate(&format!("{name} || true"), &nothing), Ok(Some(true)));
        assert_eq!(evaluate(&format!("{name} && false"), &nothing), Ok(Some(false)));
    }
}
