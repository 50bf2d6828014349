//! Conditions of bindings: a small reader of the CEL that policies really contain, comparisons of time and resource
//! joined by `&&`, `||` and `!`. What it cannot read holds for nobody. It never looks at policies.

use jiff::Timestamp;

use super::clock;

/// What an expression may speak of.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `request.time`, in seconds.
    pub now: i64,
    /// `resource.name`.
    pub name: String,
    /// `resource.type`.
    pub kind: String,
    /// `resource.service`.
    pub service: String,
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

/// Whether an expression holds; unreadable is false.
pub fn holds(expression: &str, facts: &Facts) -> bool {
    evaluate(expression, facts).unwrap_or(false)
}

/// Evaluates an expression.
pub fn evaluate(expression: &str, facts: &Facts) -> Result<bool, Unreadable> {
    let mut reader = Reader { text: expression, at: 0, depth: 0, facts };
    let value = reader.any()?;
    reader.spaces();
    if reader.at < expression.len() {
        return Err(reader.unreadable("there is more than one expression"));
    }
    value.flag().ok_or_else(|| reader.unreadable("the expression is not a boolean"))
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Operand {
    Flag(bool),
    Text(String),
    Time(Timestamp),
}

impl Operand {
    fn flag(&self) -> Option<bool> {
        match self {
            Operand::Flag(flag) => Some(*flag),
            _ => None,
        }
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
        self.joined("||", Self::all, |a, b| a || b)
    }

    fn all(&mut self) -> Read {
        self.joined("&&", Self::comparison, |a, b| a && b)
    }

    fn joined(&mut self, sign: &str, part: fn(&mut Self) -> Read, join: fn(bool, bool) -> bool) -> Read {
        let mut left = part(self)?;
        while self.take(sign) {
            let right = part(self)?;
            let (Some(a), Some(b)) = (left.flag(), right.flag()) else {
                return Err(self.unreadable(&format!("{sign} joins booleans")));
            };
            left = Operand::Flag(join(a, b));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Read {
        let left = self.operand()?;
        for sign in ["<=", ">=", "==", "!=", "<", ">"] {
            if self.take(sign) {
                let right = self.operand()?;
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
            return value.map(|v| Operand::Flag(!v)).ok_or_else(|| self.unreadable("! wants a boolean"));
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
            "request.time" => Operand::Time(clock::moment(self.facts.now)),
            "resource.name" => Operand::Text(self.facts.name.clone()),
            "resource.type" => Operand::Text(self.facts.kind.clone()),
            "resource.service" => Operand::Text(self.facts.service.clone()),
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
                let name = &self.facts.name;
                return Ok(Operand::Flag(if word.ends_with("startsWith") {
                    name.starts_with(&part)
                } else {
                    name.ends_with(&part)
                }));
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
        let facts = Facts { now: now.parse::<Timestamp>().unwrap().as_second(), ..Facts::default() };
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
        let facts = Facts { name: "projects/-/serviceAccounts/1".into(), ..Facts::default() };
        assert!(holds(r#"resource.name.endsWith("/1")"#, &facts));
    }
}
