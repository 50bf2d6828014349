//! Every operator and function is tried on every type, and judged by the overloads that CEL's language definition and
//! Google's attribute reference for conditions list, as they write them.

use super::types::{self, Type};
use super::{Unreadable, check, syntax};

/// An expression of each type, how CEL calls it, and the type.
fn samples() -> Vec<(&'static str, &'static str, Type)> {
    let list = |of| Type::List(Box::new(of));
    vec![
        ("null", "null", Type::Null),
        ("true", "bool", Type::Flag),
        ("1", "int", Type::Int),
        ("1u", "uint", Type::Uint),
        ("1.5", "double", Type::Double),
        ("resource.name", "string", Type::Text),
        ("request.time", "timestamp", Type::Time),
        ("duration('1h')", "duration", Type::Span),
        ("[1]", "list(int)", list(Type::Int)),
        ("['a']", "list(string)", list(Type::Text)),
        ("[1, 'a']", "list(dyn)", list(Type::Any)),
        ("dyn(1)", "dyn", Type::Any),
    ]
}

/// Each operator with what it takes and gives. `T` is any type.
const OPERATORS: &[(&str, &str)] = &[
    ("&&", "bool bool bool"),
    ("||", "bool bool bool"),
    ("==", "T T bool"),
    ("!=", "T T bool"),
    ("<", ORDERED),
    ("<=", ORDERED),
    (">", ORDERED),
    (">=", ORDERED),
    ("in", "T list(T) bool"),
    (
        "+",
        "int int int, uint uint uint, double double double, string string string, duration duration duration, \
         timestamp duration timestamp, duration timestamp timestamp, list(T) list(T) list(T)",
    ),
    (
        "-",
        "int int int, uint uint uint, double double double, duration duration duration, \
         timestamp timestamp duration, timestamp duration timestamp",
    ),
    ("*", "int int int, uint uint uint, double double double"),
    ("/", "int int int, uint uint uint, double double double"),
    ("%", "int int int, uint uint uint"),
];

const ORDERED: &str = "bool bool bool, int int bool, uint uint bool, double double bool, string string bool, \
                       timestamp timestamp bool, duration duration bool";

/// Functions and what they take and give. Those with a dot before them are methods of their first argument.
const FUNCTIONS: &[(&str, &str)] = &[
    ("timestamp", "string timestamp, timestamp timestamp, int timestamp"),
    ("duration", "string duration, duration duration"),
    (
        "string",
        "string string, int string, uint string, double string, bool string, timestamp string, duration string",
    ),
    ("int", "int int, uint int, double int, string int, timestamp int"),
    ("dyn", "T dyn"),
    ("size", "string int, list(T) int"),
    ("matches", "string string bool"),
    (".size", "string int, list(T) int"),
    (".startsWith", "string string bool"),
    (".endsWith", "string string bool"),
    (".contains", "string string bool"),
    (".matches", "string string bool"),
    (".extract", "string string string"),
    (".hasOnly", "list(T) list(U) bool"),
    (".getFullYear", DATE),
    (".getMonth", DATE),
    (".getDate", DATE),
    (".getDayOfMonth", DATE),
    (".getDayOfWeek", DATE),
    (".getDayOfYear", DATE),
    (".getHours", HOUR),
    (".getMinutes", HOUR),
    (".getSeconds", HOUR),
    (".getMilliseconds", HOUR),
];

const DATE: &str = "timestamp int, timestamp string int";
const HOUR: &str = "timestamp int, timestamp string int, duration int";

/// Whether one type may stand for another; `dyn` for all.
fn alike(a: &str, b: &str) -> bool {
    let inner =
        |list: &str| list.strip_prefix("list(").and_then(|rest| rest.strip_suffix(')')).map(str::to_owned);
    match (inner(a), inner(b)) {
        _ if a == "dyn" || b == "dyn" => true,
        (Some(a), Some(b)) => alike(&a, &b),
        _ => a == b,
    }
}

/// What comes of types under overloads; several make it `dyn`.
fn gives(overloads: &str, args: &[&str]) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for overload in overloads.split(", ") {
        let mut words: Vec<&str> = overload.split(' ').collect();
        let result = words.pop().unwrap();
        if words.len() != args.len() {
            continue;
        }
        // What T stands for: the first type that says so.
        let mut letters: Vec<(char, String)> = Vec::new();
        let fits = words.iter().zip(args).all(|(word, arg)| {
            let (letter, arg) = match *word {
                "T" | "U" => (word.chars().next().unwrap(), (*arg).to_owned()),
                "list(T)" | "list(U)" if *arg == "dyn" => return true,
                "list(T)" | "list(U)" => match arg.strip_prefix("list(") {
                    Some(inner) => (word.chars().nth(5).unwrap(), inner.trim_end_matches(')').to_owned()),
                    None => return false,
                },
                word => return alike(word, arg),
            };
            match letters.iter().find(|(known, _)| *known == letter) {
                Some((_, known)) => alike(known, &arg),
                None => {
                    letters.push((letter, arg));
                    true
                }
            }
        });
        if fits {
            let letter = letters.first().map_or("dyn", |(_, of)| of);
            all.push(if result == "list(T)" { format!("list({letter})") } else { result.to_owned() });
        }
    }
    all.dedup();
    match all.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some("dyn".to_owned()),
    }
}

fn type_of(expression: &str) -> Result<Type, Unreadable> {
    types::type_of(&syntax::parse(expression)?)
}

/// The type of an expression, or the refusal of its types at its place, is what is wanted.
fn assert_type(expression: &str, wanted: Option<String>, place: usize, refusal: &str) {
    let found = type_of(expression);
    match wanted {
        Some(name) => {
            let wanted = samples().into_iter().find(|(_, known, _)| *known == name).map(|(.., type_)| type_);
            assert_eq!(found, Ok(wanted.unwrap()), "{expression}");
        }
        None => {
            let problem = format!("found no matching overload for {refusal}");
            assert_eq!(found, Err(Unreadable { offset: place, problem }), "{expression}");
        }
    }
}

#[test]
fn every_operator_takes_the_types_that_cel_lists_and_no_others() {
    for (sign, overloads) in OPERATORS {
        for (left, left_name, _) in samples() {
            for (right, right_name, _) in samples() {
                let place = left.len() + 3;
                assert_type(
                    &format!("({left}) {sign} ({right})"),
                    gives(overloads, &[left_name, right_name]),
                    place,
                    &format!("'_{sign}_' applied to '({left_name}, {right_name})'"),
                );
            }
        }
    }
}

#[test]
fn every_function_takes_the_types_that_are_listed_and_no_others() {
    for (name, overloads) in FUNCTIONS {
        let method = name.strip_prefix('.');
        let call = |args: &[(&str, &str, Type)]| {
            let texts: Vec<&str> = args.iter().map(|(text, ..)| *text).collect();
            let names: Vec<&str> = args.iter().map(|(_, name, _)| *name).collect();
            let expression = match method {
                Some(name) => format!("({}).{name}({})", texts[0], texts[1..].join(", ")),
                None => format!("{name}({})", texts.join(", ")),
            };
            let refusal = format!("'{}' applied to '({})'", method.unwrap_or(name), names.join(", "));
            assert_type(&expression, gives(overloads, &names), usize::from(method.is_some()), &refusal);
        };
        if method.is_none() {
            call(&[]);
        }
        for one in samples() {
            call(std::slice::from_ref(&one));
            for two in samples() {
                call(&[one.clone(), two.clone()]);
                call(&[one.clone(), two.clone(), two]);
            }
        }
    }
}

#[test]
fn functions_are_no_methods_and_methods_no_functions() {
    let functions = ["timestamp", "duration", "string", "int", "dyn"];
    let methods = FUNCTIONS.iter().filter_map(|(name, _)| name.strip_prefix('.'));
    for name in functions
        .map(|name| format!("resource.name.{name}"))
        .into_iter()
        .chain(["has('a')".into()])
        .chain(methods.filter(|name| !["size", "matches"].contains(name)).map(str::to_owned))
    {
        let short = name.rsplit('.').next().unwrap().trim_end_matches("('a')");
        let expression = format!("true || {}()", name.trim_end_matches("('a')"));
        let problem = format!("undeclared reference to '{short}'");
        assert_eq!(check(&expression), Err(Unreadable { offset: 8, problem }), "{expression}");
    }
}

#[test]
fn signs_before_and_choices_take_their_types() {
    for (text, name, type_) in samples() {
        let wanted = |fits: bool| fits.then(|| name.to_owned());
        let flag = ["bool", "dyn"].contains(&name);
        assert_type(
            &format!("!({text})"),
            flag.then(|| "bool".to_owned()),
            0,
            &format!("'!_' applied to '({name})'"),
        );
        let number = wanted(["int", "double", "dyn"].contains(&name));
        assert_type(&format!("-({text})"), number, 0, &format!("'-_' applied to '({name})'"));
        let choice = format!("({text}) ? 1 : 2");
        assert_type(&choice, flag.then(|| "int".to_owned()), 1, &format!("'_?_:_' applied to '({name})'"));
        for (other, other_name, other_type) in samples() {
            let choice = format!("true ? {text} : {other}");
            if alike(name, other_name) {
                let wanted = if name == "dyn" { other_type } else { type_.clone() };
                assert_eq!(type_of(&choice), Ok(wanted), "{choice}");
            } else {
                assert_type(&choice, None, 0, &format!("'_?_:_' applied to '(bool, {name}, {other_name})'"));
            }
            let index = format!("({text})[{other}]");
            let element = match name {
                "dyn" => Some("dyn".to_owned()),
                list if list.starts_with("list(") && ["int", "dyn"].contains(&other_name) => {
                    Some(list["list(".len()..].trim_end_matches(')').to_owned())
                }
                _ => None,
            };
            assert_type(&index, element, 1, &format!("'_[_]' applied to '({name}, {other_name})'"));
        }
        let part = type_of(&format!("({text}.x)"));
        match name {
            "dyn" => assert_eq!(part, Ok(Type::Any)),
            "string" | "timestamp" => {
                assert!(part.unwrap_err().problem.starts_with("undeclared reference"), "{text}")
            }
            // A point behind digits is a part of the number.
            "int" | "uint" | "double" => assert!(part.is_err(), "{text}"),
            _ => {
                let problem = format!("type '{name}' has no field 'x'");
                assert_eq!(part, Err(Unreadable { offset: 1, problem }));
            }
        }
    }
}

#[test]
fn names_are_those_of_googles_attribute_reference() {
    for (name, type_) in [
        ("request.time", Type::Time),
        ("resource.name", Type::Text),
        ("resource.type", Type::Text),
        ("resource.service", Type::Text),
        ("request.path", Type::Text),
        ("request.host", Type::Text),
        ("request.auth.principal", Type::Text),
        ("destination.ip", Type::Text),
        ("destination.port", Type::Int),
        ("request.auth.access_levels", Type::List(Box::new(Type::Text))),
        ("request.auth.claims", Type::Any),
        ("request.auth.claims.email", Type::Any),
        ("request.auth.claims.a.b", Type::Any),
    ] {
        assert_eq!(type_of(name), Ok(type_), "{name}");
    }
    for name in [
        "request",
        "resource",
        "api",
        "request.auth",
        "request.auth.claimsx",
        "x.request.auth.claims.y",
        "request.times",
        "origin.ip",
        "x",
    ] {
        let problem = format!("undeclared reference to '{name}'");
        assert_eq!(type_of(&format!(" {name}")), Err(Unreadable { offset: 1, problem }));
    }
}

#[test]
fn tags_and_attributes_of_the_api_are_asked_for_with_text() {
    for (name, count) in [("matchTag", 2), ("matchTagId", 2), ("hasTagKey", 1), ("hasTagKeyId", 1)] {
        for (args, fits) in [("", 0), ("'a'", 1), ("'a', 'b'", 2), ("'a', 'b', 'c'", 3)] {
            let found = type_of(&format!("resource.{name}({args})"));
            assert_eq!(found.is_ok(), fits == count, "{name}({args})");
            if fits == count {
                assert_eq!(found, Ok(Type::Flag));
                let number = type_of(&format!("resource.{name}({})", args.replacen("'a'", "1", 1)));
                let last = type_of(&format!("resource.{name}({}1)", &args[..args.len() - 3]));
                for refused in [number, last].map(Result::unwrap_err) {
                    assert!(
                        refused.problem.contains(&format!("'resource.{name}' applied to")),
                        "{refused:?}"
                    );
                }
            }
        }
    }
    let unknown = type_of("resource.matchTags('a', 'b')").unwrap_err();
    assert_eq!(
        (unknown.offset, unknown.problem.as_str()),
        (0, "undeclared reference to 'resource.matchTags'")
    );
    for (default, _, type_) in samples() {
        assert_eq!(type_of(&format!("api.getAttribute('a', {default})")), Ok(type_), "{default}");
    }
    for args in ["", "'a'", "1, []", "'a', [], []"] {
        let refused = type_of(&format!("api.getAttribute({args})")).unwrap_err();
        assert!(refused.problem.contains("'api.getAttribute' applied to"), "{args}: {refused:?}");
    }
    assert!(type_of("api.getAttributes('a', [])").is_err());
    // Nobody else has attributes.
    for other in ["resource.name", "request.time", "dyn(1)", "'api'", "(true ? 'a' : 'b')"] {
        let refused = type_of(&format!("({other}).getAttribute('a', [])")).unwrap_err();
        assert_eq!(refused.problem, "undeclared reference to 'getAttribute'", "{other}");
    }
}

#[test]
fn lists_of_several_types_are_of_any() {
    for (list, of) in [
        ("[]", Type::Any),
        ("[1, 2, 3]", Type::Int),
        ("[1, 'a', 1]", Type::Any),
        ("['a', 1, 1]", Type::Any),
        ("[1, 1, 'a']", Type::Any),
    ] {
        assert_eq!(type_of(list), Ok(Type::List(Box::new(of))), "{list}");
    }
    assert_eq!(type_of("[1, nobody]").unwrap_err().offset, 4);
}

#[test]
fn only_what_may_be_a_boolean_is_a_condition() {
    for (text, name, _) in samples() {
        let wanted = match name {
            "bool" | "dyn" => Ok(0),
            _ => Err(Unreadable { offset: 2, problem: "the expression is not a boolean".into() }),
        };
        assert_eq!(check(&format!("  {text}")), wanted, "{text}");
    }
}

#[test]
fn times_that_are_none_are_refused_where_they_are_written() {
    for (name, none, some) in [("timestamp", "noon", "2026-01-01T00:00:00Z"), ("duration", "1", "1s")] {
        let problem = format!("{none:?} is not a {name}");
        let found = type_of(&format!("[{name}('{none}')]"));
        assert_eq!(found, Err(Unreadable { offset: 2 + name.len(), problem }));
        assert!(
            type_of(&format!("{name}('{some}')")).is_ok()
                && type_of(&format!("{name}('{none}' + '')")).is_ok()
        );
    }
}
