//! The types of conditions: of each name, and of the operands of each function and operator. This file owns
//! the list of attributes that conditions can use (Google's attribute reference for conditions); `value`
//! evaluates.

use super::syntax::{Expr, ExprKind};
use super::{Unreadable, value};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// Known only when it is evaluated.
    Any,
    /// `null`.
    Null,
    Flag,
    Int,
    /// A whole number that is not negative.
    Uint,
    Double,
    Text,
    /// A point in time.
    Time,
    /// A length of time.
    Span,
    List(Box<Type>),
}

impl Type {
    /// As CEL's own messages write it.
    fn name(&self) -> String {
        let plain = match self {
            Type::Any => "dyn",
            Type::Null => "null",
            Type::Flag => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::Text => "string",
            Type::Time => "timestamp",
            Type::Span => "duration",
            Type::List(of) => return format!("list({})", of.name()),
        };
        plain.to_owned()
    }

    /// Whether this type accepts a value of another one.
    fn takes(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, _) | (_, Type::Any) => true,
            (Type::List(a), Type::List(b)) => a.takes(b),
            _ => self == other,
        }
    }
}

/// The type of a name; `None` for an unknown one.
fn declared(name: &str) -> Option<Type> {
    Some(match name {
        "request.time" => Type::Time,
        "resource.name"
        | "resource.type"
        | "resource.service"
        | "request.path"
        | "request.host"
        | "request.auth.principal"
        | "destination.ip" => Type::Text,
        "destination.port" => Type::Int,
        "request.auth.access_levels" => Type::List(Box::new(Type::Text)),
        "request.auth.claims" => Type::Any,
        name if name.starts_with("request.auth.claims.") => Type::Any,
        _ => return None,
    })
}

/// The result type of a function for its arguments, the target of a method first; `None` if it does not take them.
fn function(name: &str, args: &[Type]) -> Option<Type> {
    use Type::{Double, Flag, Int, Span, Text, Time, Uint};
    let has = |wanted: &[Type]| {
        wanted.len() == args.len() && wanted.iter().zip(args).all(|(wanted, arg)| wanted.takes(arg))
    };
    let one_of = |wanted: &[Type]| wanted.iter().any(|wanted| has(std::slice::from_ref(wanted)));
    let list = || Type::List(Box::new(Type::Any));
    let (fits, gives) = match name {
        "timestamp" => (one_of(&[Text, Time, Int]), Time),
        "duration" => (one_of(&[Text, Span]), Span),
        "string" => (one_of(&[Text, Int, Uint, Double, Flag, Time, Span]), Text),
        "int" => (one_of(&[Int, Uint, Double, Text, Time]), Int),
        "dyn" => (args.len() == 1, Type::Any),
        "size" => (one_of(&[Text, list()]), Int),
        "startsWith" | "endsWith" | "contains" | "matches" => (has(&[Text, Text]), Flag),
        "extract" => (has(&[Text, Text]), Text),
        "hasOnly" => (has(&[list(), list()]), Flag),
        "getFullYear" | "getMonth" | "getDate" | "getDayOfMonth" | "getDayOfWeek" | "getDayOfYear" => {
            (has(&[Time]) || has(&[Time, Text]), Int)
        }
        "getHours" | "getMinutes" | "getSeconds" | "getMilliseconds" => {
            (has(&[Time]) || has(&[Time, Text]) || has(&[Span]), Int)
        }
        _ => return None,
    };
    fits.then_some(gives)
}

const FUNCTIONS: &[&str] = &["timestamp", "duration", "string", "int", "dyn", "size", "matches"];
const METHODS: &[&str] = &[
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "extract",
    "hasOnly",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// The operands and results of `+` and `-`, except for lists.
fn sums(sign: &str) -> Vec<(Type, Type, Type)> {
    use Type::{Double, Int, Span, Text, Time, Uint};
    let same = |of: Type| (of.clone(), of.clone(), of);
    let mut all = [Int, Uint, Double, Span].map(same).to_vec();
    all.push((Time, Span, Time));
    if sign == "-" {
        all.push((Time, Time, Span));
    } else {
        all.extend([(Span, Time, Time), same(Text)]);
    }
    all
}

/// The result type of an operator.
fn pair(sign: &str, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Any, Double, Flag, Int, Span, Text, Time, Uint};
    let both = |all: &[Type]| all.iter().any(|of| of.takes(left) && of.takes(right));
    let same = || if *left == Any { right.clone() } else { left.clone() };
    match sign {
        "&&" | "||" => both(&[Flag]).then_some(Flag),
        "==" | "!=" => left.takes(right).then_some(Flag),
        "<" | "<=" | ">" | ">=" => both(&[Flag, Int, Uint, Double, Text, Time, Span]).then_some(Flag),
        "in" => match right {
            Type::List(of) => of.takes(left).then_some(Flag),
            Any => Some(Flag),
            _ => None,
        },
        "+" if matches!((left, right), (Type::List(_), Type::List(_) | Any) | (Any, Type::List(_))) => {
            left.takes(right).then(same)
        }
        "+" | "-" => {
            let fits = |(a, b, _): &(Type, Type, Type)| a.takes(left) && b.takes(right);
            let mut gives = sums(sign).into_iter().filter(fits).map(|(.., gives)| gives);
            let first = gives.next()?;
            // What is known only when it is evaluated may make several of it.
            Some(if gives.all(|other| other == first) { first } else { Any })
        }
        "%" => both(&[Int, Uint]).then(same),
        _ => both(&[Int, Uint, Double]).then(same),
    }
}

/// The type of an expression, or what is wrong with it.
pub(crate) fn type_of(expr: &Expr) -> Result<Type, Unreadable> {
    let problem = |problem: String| Unreadable { offset: expr.at, problem };
    let overload = |name: &str, args: &[Type]| {
        let args: Vec<String> = args.iter().map(Type::name).collect();
        problem(format!("found no matching overload for '{name}' applied to '({})'", args.join(", ")))
    };
    let wanted = |inner: &Expr, type_: Type, name: &str| {
        let found = type_of(inner)?;
        if type_.takes(&found) { Ok(found) } else { Err(overload(name, &[found])) }
    };
    Ok(match &expr.node {
        ExprKind::Null => Type::Null,
        ExprKind::Flag(_) => Type::Flag,
        ExprKind::Int(_) => Type::Int,
        ExprKind::Uint(_) => Type::Uint,
        ExprKind::Double(_) => Type::Double,
        ExprKind::Text(_) => Type::Text,
        ExprKind::Name(name) => {
            declared(name).ok_or_else(|| problem(format!("undeclared reference to '{name}'")))?
        }
        ExprKind::List(items) => {
            let mut all: Option<Type> = None;
            for item in items {
                let found = type_of(item)?;
                all = Some(match all {
                    Some(one) if one != found => Type::Any,
                    _ => found,
                });
            }
            Type::List(Box::new(all.unwrap_or(Type::Any)))
        }
        ExprKind::Part(whole, name) => match type_of(whole)? {
            Type::Any => Type::Any,
            other => return Err(problem(format!("type '{}' has no field '{name}'", other.name()))),
        },
        ExprKind::Index(whole, index) => match (type_of(whole)?, type_of(index)?) {
            (Type::List(of), Type::Int | Type::Any) => *of,
            (Type::Any, _) => Type::Any,
            (whole, index) => return Err(overload("_[_]", &[whole, index])),
        },
        ExprKind::Not(inner) => wanted(inner, Type::Flag, "!_").map(|_| Type::Flag)?,
        ExprKind::Minus(inner) => match type_of(inner)? {
            number @ (Type::Int | Type::Double | Type::Any) => number,
            other => return Err(overload("-_", &[other])),
        },
        ExprKind::Choice(condition, yes, no) => {
            wanted(condition, Type::Flag, "_?_:_")?;
            let (yes, no) = (type_of(yes)?, type_of(no)?);
            if !yes.takes(&no) {
                return Err(overload("_?_:_", &[Type::Flag, yes, no]));
            }
            if yes == Type::Any { no } else { yes }
        }
        ExprKind::Pair(sign, left, right) => {
            let (left, right) = (type_of(left)?, type_of(right)?);
            pair(sign, &left, &right).ok_or_else(|| overload(&format!("_{sign}_"), &[left, right]))?
        }
        ExprKind::Call(Some(target), name, args) if is_name(target, "resource") => {
            let args = args.iter().map(type_of).collect::<Result<Vec<_>, _>>()?;
            let count = match name.as_str() {
                "matchTag" | "matchTagId" => 2,
                "hasTagKey" | "hasTagKeyId" => 1,
                _ => return Err(problem(format!("undeclared reference to 'resource.{name}'"))),
            };
            if args.len() != count || !args.iter().all(|arg| Type::Text.takes(arg)) {
                return Err(overload(&format!("resource.{name}"), &args));
            }
            Type::Flag
        }
        ExprKind::Call(Some(target), name, args) if is_name(target, "api") && name == "getAttribute" => {
            let args = args.iter().map(type_of).collect::<Result<Vec<_>, _>>()?;
            match args.as_slice() {
                // Its type is the default's.
                [Type::Text, default] => default.clone(),
                _ => return Err(overload("api.getAttribute", &args)),
            }
        }
        ExprKind::Call(target, name, args) => {
            let known = if target.is_some() { METHODS } else { FUNCTIONS };
            if !known.contains(&name.as_str()) {
                return Err(problem(format!("undeclared reference to '{name}'")));
            }
            // A time that is none would fail each time it is looked at. Whether Google says so at once is not known.
            if let ("timestamp" | "duration", [Expr { at, node: ExprKind::Text(text) }]) =
                (name.as_str(), args.as_slice())
                && !value::reads(name, text)
            {
                return Err(Unreadable { offset: *at, problem: format!("{text:?} is not a {name}") });
            }
            let args = target.iter().map(|t| &**t).chain(args).map(type_of).collect::<Result<Vec<_>, _>>()?;
            function(name, &args).ok_or_else(|| overload(name, &args))?
        }
    })
}

/// Whether an expression is this name and nothing more.
pub(crate) fn is_name(expr: &Expr, wanted: &str) -> bool {
    matches!(&expr.node, ExprKind::Name(name) if name == wanted)
}
