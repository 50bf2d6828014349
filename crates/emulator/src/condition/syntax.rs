//! The parser for conditions: the grammar of CEL (the language definition of cel-spec) without messages, maps
//! and macros, which conditions do not use. It knows no names, types or values.

use super::Unreadable;

/// How deep an expression may be nested; the parser recurses for each level.
const DEEPEST: usize = 32;

/// How many operators, calls and the like an expression may have; what walks the tree recurses for each.
const MOST: usize = 200;

/// An expression, and where it begins; two with an operator between them are where that is.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) at: usize,
    pub(crate) node: ExprKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    Int(i64),
    /// A whole number with a `u`.
    Uint(u64),
    /// A number with a point or an exponent.
    Double(f64),
    Text(String),
    /// A name with its dots, as `request.time`.
    Name(String),
    List(Vec<Expr>),
    /// A field of an expression other than a name, as `a[0].b`.
    Part(Box<Expr>, String),
    /// A function, or a method of its target.
    Call(Option<Box<Expr>>, String, Vec<Expr>),
    /// `a[b]`.
    Index(Box<Expr>, Box<Expr>),
    /// `!a`.
    Not(Box<Expr>),
    /// `-a`.
    Minus(Box<Expr>),
    /// `a ? b : c`.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Pair(&'static str, Box<Expr>, Box<Expr>),
}

/// Operators by how close they bind, the loosest first; longer ones before their own beginnings.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["<=", ">=", "==", "!=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

pub(crate) fn parse(text: &str) -> Result<Expr, Unreadable> {
    let mut reader = CelParser { text, at: 0, depth: 0, parts: 0 };
    let expr = reader.expression()?;
    if reader.at < text.len() { Err(reader.unexpected()) } else { Ok(expr) }
}

struct CelParser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    parts: usize,
}

type Read = Result<Expr, Unreadable>;

impl CelParser<'_> {
    fn problem(&self, problem: impl Into<String>) -> Unreadable {
        Unreadable { offset: self.at, problem: problem.into() }
    }

    fn unexpected(&self) -> Unreadable {
        match self.rest().chars().next() {
            Some(c) => self.problem(format!("Syntax error: unexpected '{c}'")),
            None => self.problem("Syntax error: the expression ends too early"),
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn spaces(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.spaces();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Unreadable> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expression(&mut self) -> Read {
        self.deeper(|reader| {
            let condition = reader.level(0)?;
            if !reader.take("?") {
                return Ok(condition);
            }
            let yes = reader.level(0)?;
            reader.expect(":")?;
            let no = reader.expression()?;
            let at = condition.at;
            reader.made(at, ExprKind::Choice(Box::new(condition), Box::new(yes), Box::new(no)))
        })
    }

    /// An expression that has others in it.
    fn made(&mut self, at: usize, node: ExprKind) -> Read {
        self.parts += 1;
        if self.parts > MOST {
            Err(self.problem("the expression is too long"))
        } else {
            Ok(Expr { at, node })
        }
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Read) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.problem("the expression is nested too deeply"));
        }
        let expr = read(self);
        self.depth -= 1;
        expr
    }

    fn level(&mut self, level: usize) -> Read {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(sign) = self.operator(signs) {
            let at = self.at - sign.len();
            let right = self.level(level + 1)?;
            left = self.made(at, ExprKind::Pair(sign, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn operator(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        self.spaces();
        let rest = self.rest();
        let sign = *signs.iter().find(|sign| rest.starts_with(**sign))?;
        let joined = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if sign == "in" && rest[2..].starts_with(joined) {
            return None;
        }
        self.at += sign.len();
        Some(sign)
    }

    fn unary(&mut self) -> Read {
        self.spaces();
        let at = self.at;
        if self.take("!") {
            let inner = self.deeper(Self::unary)?;
            return self.made(at, ExprKind::Not(Box::new(inner)));
        }
        if self.take("-") {
            // The lowest number is one further from zero than the highest: there the sign belongs to the digits.
            self.spaces();
            let least = self.rest().strip_prefix("9223372036854775808");
            if let Some(rest) =
                least.filter(|rest| !rest.starts_with(|c: char| c == '.' || c.is_alphanumeric()))
            {
                self.at = self.text.len() - rest.len();
                return Ok(Expr { at, node: ExprKind::Int(i64::MIN) });
            }
            let inner = self.deeper(Self::unary)?;
            return self.made(at, ExprKind::Minus(Box::new(inner)));
        }
        self.member()
    }

    fn member(&mut self) -> Read {
        let mut expr = self.primary()?;
        loop {
            let at = expr.at;
            let node = if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                ExprKind::Index(Box::new(expr), Box::new(index))
            } else if self.take(".") {
                let name = self.word()?;
                match expr.node {
                    _ if self.take("(") => ExprKind::Call(Some(Box::new(expr)), name, self.list(")")?),
                    ExprKind::Name(start) => ExprKind::Name(format!("{start}.{name}")),
                    _ => ExprKind::Part(Box::new(expr), name),
                }
            } else {
                return Ok(expr);
            };
            expr = self.made(at, node)?;
        }
    }

    fn primary(&mut self) -> Read {
        let at = self.at;
        if self.take("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            return Ok(Expr { at, node: ExprKind::List(self.list("]")?) });
        }
        let mut signs = self.rest().chars();
        let (first, second) = (signs.next().unwrap_or(' '), signs.next().unwrap_or(' '));
        let quote = |c: char| c == '"' || c == '\'';
        let node = if quote(first) || (matches!(first, 'r' | 'R') && quote(second)) {
            ExprKind::Text(self.text()?)
        } else if first.is_ascii_digit() {
            self.number()?
        } else {
            let word = self.word()?;
            match word.as_str() {
                "true" | "false" => ExprKind::Flag(word == "true"),
                "null" => ExprKind::Null,
                _ if self.take("(") => ExprKind::Call(None, word, self.list(")")?),
                _ => ExprKind::Name(word),
            }
        };
        Ok(Expr { at, node })
    }

    /// Expressions between commas up to a sign.
    fn list(&mut self, end: &str) -> Result<Vec<Expr>, Unreadable> {
        let mut all = Vec::new();
        while !self.take(end) {
            all.push(self.expression()?);
            if !self.take(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(all)
    }

    fn word(&mut self) -> Result<String, Unreadable> {
        self.spaces();
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if length == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected());
        }
        let word = rest[..length].to_owned();
        self.at += length;
        Ok(word)
    }

    fn number(&mut self) -> Result<ExprKind, Unreadable> {
        let rest = self.rest();
        let (hex, mut before) = (rest.starts_with("0x"), ' ');
        let length = rest
            .find(|c: char| {
                let exponent = !hex && matches!(before, 'e' | 'E') && matches!(c, '+' | '-');
                before = c;
                !(c.is_ascii_alphanumeric() || c == '.' || exponent)
            })
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let whole = |digits: &str| match digits.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        };
        let node = match word.strip_suffix(['u', 'U']) {
            Some(digits) => whole(digits).map(ExprKind::Uint),
            None => match whole(word) {
                Some(number) => i64::try_from(number).ok().map(ExprKind::Int),
                // Digits alone are a whole number, which may be too large.
                None if word.bytes().all(|b| b.is_ascii_digit()) => None,
                None => word.parse().ok().filter(|n: &f64| n.is_finite()).map(ExprKind::Double),
            },
        };
        let node = node.ok_or_else(|| self.problem(format!("Syntax error: {word} is not a number")))?;
        self.at += length;
        Ok(node)
    }

    /// Text in single or double quotes, once or three times, raw or with escapes.
    fn text(&mut self) -> Result<String, Unreadable> {
        let raw = self.take("r") || self.take("R");
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.rest().starts_with(quote));
        let quote = quote.ok_or_else(|| self.unexpected())?;
        let mut at = self.at + quote.len();
        let mut out = String::new();
        loop {
            let rest = &self.text[at..];
            if rest.starts_with(quote) {
                self.at = at + quote.len();
                return Ok(out);
            }
            let Some(c) = rest.chars().next().filter(|c| *c != '\n' || quote.len() == 3) else {
                return Err(self.problem("Syntax error: a text has no end"));
            };
            at += c.len_utf8();
            if c != '\\' || raw {
                out.push(c);
                continue;
            }
            let (escaped, length) = escape(&self.text[at..])
                .ok_or_else(|| self.problem("Syntax error: unknown escape sequence"))?;
            out.push(escaped);
            at += length;
        }
    }
}

/// The text that an escape sequence is for, and the length of the sequence.
fn escape(rest: &str) -> Option<(char, usize)> {
    let first = rest.chars().next()?;
    let code = |start: usize, digits: usize, radix: u32| {
        let text = rest.get(start..start + digits).filter(|text| text.chars().all(|c| c.is_digit(radix)))?;
        let number = u32::from_str_radix(text, radix).ok()?;
        Some((char::from_u32(number)?, start + digits))
    };
    let plain = match first {
        'x' | 'X' => return code(1, 2, 16),
        'u' => return code(1, 4, 16),
        'U' => return code(1, 8, 16),
        '0'..='3' => return code(0, 3, 8),
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '"' | '\'' | '`' | '?' => first,
        _ => return None,
    };
    Some((plain, 1))
}
