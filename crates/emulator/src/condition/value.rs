//! Evaluates a condition over the stated facts. An unstated fact leaves its part open; a part that fails (an
//! index out of range, a number too large) leaves `||` and `&&` to the other side, as in CEL.

use std::cmp::Ordering;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::syntax::{Expr, ExprKind};
use super::types::is_name;
use super::{Facts, Unreadable};
use crate::clock;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A fact that was not stated decides it.
    Open,
    /// `null`.
    Null,
    Flag(bool),
    Int(i64),
    /// A whole number that is not negative.
    Uint(u64),
    Double(f64),
    Text(String),
    /// A point in time.
    Time(Timestamp),
    /// A length of time.
    Span(SignedDuration),
    List(Vec<Value>),
}

impl Value {
    /// The boolean that it is; nothing while it is open. A value of another type fails.
    fn flag(&self) -> Result<Option<bool>, &'static str> {
        match self {
            Value::Flag(flag) => Ok(Some(*flag)),
            Value::Open => Ok(None),
            _ => Err("the value is not a boolean"),
        }
    }

    fn of_flag(flag: Option<bool>) -> Value {
        flag.map_or(Value::Open, Value::Flag)
    }

    fn text(text: Option<&String>) -> Value {
        text.map_or(Value::Open, |text| Value::Text(text.clone()))
    }

    fn is_open(&self) -> bool {
        match self {
            Value::Open => true,
            Value::List(items) => items.iter().any(Value::is_open),
            _ => false,
        }
    }
}

type Evaluated = Result<Value, Unreadable>;

/// The boolean that an expression comes to; nothing while it is open.
pub(crate) fn flag(expr: &Expr, facts: &Facts) -> Result<Option<bool>, Unreadable> {
    let failed = |problem: &str| Unreadable { offset: expr.at, problem: problem.to_owned() };
    value_of(expr, facts)?.flag().map_err(failed)
}

/// The value of an expression whose types were found right.
fn value_of(expr: &Expr, facts: &Facts) -> Evaluated {
    let failed = |problem: &str| Unreadable { offset: expr.at, problem: problem.to_owned() };
    let value = |inner: &Expr| value_of(inner, facts);
    Ok(match &expr.node {
        ExprKind::Null => Value::Null,
        ExprKind::Flag(flag) => Value::Flag(*flag),
        ExprKind::Int(number) => Value::Int(*number),
        ExprKind::Uint(number) => Value::Uint(*number),
        ExprKind::Double(number) => Value::Double(*number),
        ExprKind::Text(text) => Value::Text(text.clone()),
        ExprKind::Name(name) => match name.as_str() {
            "request.time" => facts.now.map_or(Value::Open, |now| Value::Time(clock::moment(now))),
            "resource.name" => Value::text(facts.name.as_ref()),
            "resource.type" => Value::text(facts.kind.as_ref()),
            "resource.service" => Value::text(facts.service.as_ref()),
            _ => Value::Open,
        },
        ExprKind::List(items) => Value::List(items.iter().map(value).collect::<Result<_, _>>()?),
        ExprKind::Part(whole, _) => match value(whole)? {
            Value::Open => Value::Open,
            _ => return Err(failed("the value has no fields")),
        },
        ExprKind::Index(whole, index) => match (value(whole)?, value(index)?) {
            (Value::List(items), Value::Int(i)) => {
                let item = usize::try_from(i).ok().and_then(|i| items.get(i).cloned());
                item.ok_or_else(|| failed("index out of bounds"))?
            }
            (Value::Open, _) | (_, Value::Open) => Value::Open,
            _ => return Err(failed("the value has no such part")),
        },
        ExprKind::Not(inner) => Value::of_flag(flag(inner, facts)?.map(|flag| !flag)),
        ExprKind::Minus(inner) => match value(inner)? {
            Value::Int(number) => Value::Int(number.checked_neg().ok_or_else(|| failed("integer overflow"))?),
            Value::Double(number) => Value::Double(-number),
            Value::Open => Value::Open,
            _ => return Err(failed("the value cannot be negated")),
        },
        ExprKind::Choice(condition, yes, no) => match flag(condition, facts)? {
            Some(flag) => value(if flag { yes } else { no })?,
            None => Value::Open,
        },
        ExprKind::Pair(sign @ ("&&" | "||"), left, right) => {
            let decisive = *sign == "||";
            match (flag(left, facts), flag(right, facts)) {
                (Ok(Some(one)), _) | (_, Ok(Some(one))) if one == decisive => Value::Flag(one),
                // A failure leaves it to the other side, and that is open.
                (Ok(None), _) | (_, Ok(None)) => Value::Open,
                (Err(error), _) | (_, Err(error)) => return Err(error),
                (Ok(_), Ok(_)) => Value::Flag(!decisive),
            }
        }
        ExprKind::Pair(sign, left, right) => {
            let (left, right) = (value(left)?, value(right)?);
            if left.is_open() || right.is_open() {
                return Ok(Value::Open);
            }
            joined(sign, &left, &right).ok_or_else(|| failed("the value cannot be computed"))?
        }
        // Nothing here has tags.
        ExprKind::Call(Some(target), ..) if is_name(target, "resource") => {
            Value::of_flag(facts.name.as_ref().map(|_| false))
        }
        // API attributes are not served here.
        ExprKind::Call(Some(target), ..) if is_name(target, "api") => Value::Open,
        ExprKind::Call(target, name, args) => {
            let args: Vec<Value> =
                target.iter().map(|t| &**t).chain(args).map(value).collect::<Result<_, _>>()?;
            if args.iter().any(Value::is_open) {
                return Ok(Value::Open);
            }
            called(name, &args).ok_or_else(|| failed(&format!("{name} fails on its argument")))?
        }
    })
}

/// Two values, neither of them open, under an operator.
fn joined(sign: &str, left: &Value, right: &Value) -> Option<Value> {
    use Value::{Double, Int, List, Span, Text, Time, Uint};
    Some(match (sign, left, right) {
        ("==", ..) => Value::Flag(left == right),
        ("!=", ..) => Value::Flag(left != right),
        ("in", one, List(items)) => Value::Flag(items.contains(one)),
        // NaN is neither smaller nor larger than any number, nor equal to one.
        ("<" | "<=" | ">" | ">=", Double(a), Double(b)) if a.is_nan() || b.is_nan() => Value::Flag(false),
        ("<" | "<=" | ">" | ">=", ..) => {
            let order = order(left, right)?;
            Value::Flag(match sign {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        ("+", Int(a), Int(b)) => Int(a.checked_add(*b)?),
        ("-", Int(a), Int(b)) => Int(a.checked_sub(*b)?),
        ("*", Int(a), Int(b)) => Int(a.checked_mul(*b)?),
        ("/", Int(a), Int(b)) => Int(a.checked_div(*b)?),
        ("%", Int(a), Int(b)) => Int(a.checked_rem(*b)?),
        ("+", Uint(a), Uint(b)) => Uint(a.checked_add(*b)?),
        ("-", Uint(a), Uint(b)) => Uint(a.checked_sub(*b)?),
        ("*", Uint(a), Uint(b)) => Uint(a.checked_mul(*b)?),
        ("/", Uint(a), Uint(b)) => Uint(a.checked_div(*b)?),
        ("%", Uint(a), Uint(b)) => Uint(a.checked_rem(*b)?),
        ("+", Double(a), Double(b)) => Double(a + b),
        ("-", Double(a), Double(b)) => Double(a - b),
        ("*", Double(a), Double(b)) => Double(a * b),
        ("/", Double(a), Double(b)) => Double(a / b),
        ("+", Text(a), Text(b)) => Text(format!("{a}{b}")),
        ("+", List(a), List(b)) => List(a.iter().chain(b).cloned().collect()),
        ("+", Time(time), Span(span)) | ("+", Span(span), Time(time)) => {
            Time(clock::in_years(time.checked_add(*span).ok()?)?)
        }
        ("-", Time(time), Span(span)) => Time(clock::in_years(time.checked_sub(*span).ok()?)?),
        ("-", Time(a), Time(b)) => Span(a.duration_since(*b)),
        ("+", Span(a), Span(b)) => Span(a.checked_add(*b)?),
        ("-", Span(a), Span(b)) => Span(a.checked_sub(*b)?),
        _ => return None,
    })
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Span(a), Value::Span(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// A function or a method, its target first. Texts are not matched with regular expressions: that stays open.
#[allow(clippy::cast_possible_truncation)] // `int` of a double cuts off what is behind the point, as CEL has it
fn called(name: &str, args: &[Value]) -> Option<Value> {
    use Value::{Double, Flag, Int, List, Span, Text, Time, Uint};
    Some(match (name, args) {
        ("matches", _) => Value::Open,
        ("dyn", [one]) => one.clone(),
        ("timestamp", [Text(text)]) => Time(clock::stated(text)?),
        ("timestamp", [Int(seconds)]) => Time(clock::in_years(Timestamp::from_second(*seconds).ok()?)?),
        ("timestamp", [Time(time)]) => Time(*time),
        ("duration", [Text(text)]) => Span(span(text)?),
        ("duration", [Span(span)]) => Span(*span),
        ("string", [Text(text)]) => Text(text.clone()),
        ("string", [Int(number)]) => Text(number.to_string()),
        ("string", [Uint(number)]) => Text(number.to_string()),
        ("string", [Double(number)]) => Text(number.to_string()),
        ("string", [Flag(flag)]) => Text(flag.to_string()),
        ("string", [Time(time)]) => Text(time.to_string()),
        ("string", [Span(span)]) => Text(format!("{}s", span.as_secs_f64())),
        ("int", [Int(number)]) => Int(*number),
        ("int", [Uint(number)]) => Int(i64::try_from(*number).ok()?),
        ("int", [Double(number)]) if number.abs() < 9_223_372_036_854_775_808.0 => Int(*number as i64),
        ("int", [Text(text)]) => Int(text.parse().ok()?),
        ("int", [Time(time)]) => Int(time.as_second()),
        ("size", [Text(text)]) => Int(i64::try_from(text.chars().count()).ok()?),
        ("size", [List(items)]) => Int(i64::try_from(items.len()).ok()?),
        ("startsWith", [Text(text), Text(part)]) => Flag(text.starts_with(part.as_str())),
        ("endsWith", [Text(text), Text(part)]) => Flag(text.ends_with(part.as_str())),
        ("contains", [Text(text), Text(part)]) => Flag(text.contains(part.as_str())),
        ("extract", [Text(text), Text(template)]) => Text(extracted(text, template)?.to_owned()),
        ("hasOnly", [List(all), List(allowed)]) => Flag(all.iter().all(|one| allowed.contains(one))),
        (part, [Span(span)]) => Int(match part {
            "getHours" => span.as_hours(),
            "getMinutes" => span.as_mins(),
            "getSeconds" => span.as_secs(),
            _ => i64::from(span.subsec_millis()),
        }),
        (part, [Time(time), zone @ ..]) => Int(part_of(&time.to_zoned(self::zone(zone)?), part)?),
        _ => return None,
    })
}

/// UTC, or the zone of a name or an offset such as `-08:00`.
fn zone(args: &[Value]) -> Option<TimeZone> {
    match args {
        [] => Some(TimeZone::UTC),
        [Value::Text(name)] => {
            let offset = name.split_once(':').and_then(|(hours, minutes)| {
                let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
                let minutes = if name.starts_with('-') { minutes.checked_neg()? } else { minutes };
                let seconds = hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?;
                jiff::tz::Offset::from_seconds(seconds).ok()
            });
            offset.map(TimeZone::fixed).or_else(|| TimeZone::get(name).ok())
        }
        _ => None,
    }
}

/// Months and days are counted from zero but for `getDate`, the week from Sunday.
fn part_of(time: &Zoned, part: &str) -> Option<i64> {
    Some(match part {
        "getFullYear" => time.year().into(),
        "getMonth" => i64::from(time.month()) - 1,
        "getDate" => time.day().into(),
        "getDayOfMonth" => i64::from(time.day()) - 1,
        "getDayOfWeek" => time.weekday().to_sunday_zero_offset().into(),
        "getDayOfYear" => i64::from(time.day_of_year()) - 1,
        "getHours" => time.hour().into(),
        "getMinutes" => time.minute().into(),
        "getSeconds" => time.second().into(),
        "getMilliseconds" => time.millisecond().into(),
        _ => return None,
    })
}

/// Whether a text is what `timestamp` or `duration` reads.
pub(crate) fn reads(name: &str, text: &str) -> bool {
    called(name, &[Value::Text(text.to_owned())]).is_some()
}

/// `1h30m`, `3600s`, `-1.5h`: numbers with units, as Go writes them.
fn span(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, size) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        seconds += number * size;
    }
    SignedDuration::try_from_secs_f64(sign * seconds).ok()
}

/// The part of a text where the template has a name in braces; empty if the rest does not match.
fn extracted<'a>(text: &'a str, template: &str) -> Option<&'a str> {
    let (before, rest) = template.split_once('{')?;
    let (_, after) = rest.split_once('}')?;
    let start = text.find(before).map(|at| &text[at + before.len()..]);
    let found = start.and_then(|rest| match after {
        "" => Some(rest),
        after => rest.find(after).map(|end| &rest[..end]),
    });
    Some(found.unwrap_or_default())
}
