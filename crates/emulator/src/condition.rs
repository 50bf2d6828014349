//! Conditions of bindings: the CEL of Google's attribute reference for conditions, parsed, type-checked and
//! evaluated. What cannot be parsed is never met; what depends on an unstated fact stays open. It never looks
//! at policies.

#[cfg(test)]
mod second_tests;
mod syntax;
#[cfg(test)]
mod syntax_tests;
mod types;
#[cfg(test)]
mod types_tests;
mod value;
#[cfg(test)]
mod value_tests;

use syntax::{Expr, ExprKind};
use types::Type;

/// The attributes in an expression, as far as they are stated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// `request.time`, in seconds.
    pub(crate) now: Option<i64>,
    /// `resource.name`.
    pub(crate) name: Option<String>,
    /// `resource.type`.
    pub(crate) kind: Option<String>,
    /// `resource.service`.
    pub(crate) service: Option<String>,
}

/// An expression that could not be read or evaluated: where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) offset: usize,
    pub(crate) problem: String,
}

/// The most logical operators that an expression may have (quotas page of IAM).
pub(crate) const MOST_OPERATORS: usize = 12;

/// Whether an expression holds; one that cannot be parsed or stays open does not.
pub(crate) fn holds(expression: &str, facts: &Facts) -> bool {
    evaluate(expression, facts) == Ok(Some(true))
}

/// Evaluates an expression; `None` if it depends on an unstated fact.
pub(crate) fn evaluate(expression: &str, facts: &Facts) -> Result<Option<bool>, Unreadable> {
    value::flag(&read(expression)?, facts)
}

/// How many logical operators an expression has, or why it cannot be parsed.
pub(crate) fn check(expression: &str) -> Result<usize, Unreadable> {
    read(expression).map(|expr| operators(&expr))
}

/// Parses an expression that is a boolean.
fn read(expression: &str) -> Result<Expr, Unreadable> {
    let expr = syntax::parse(expression)?;
    match types::type_of(&expr)? {
        Type::Flag | Type::Any => Ok(expr),
        _ => {
            let problem = "the expression is not a boolean".to_owned();
            Err(Unreadable { offset: expr.at, problem })
        }
    }
}

fn operators(expr: &Expr) -> usize {
    let own = matches!(&expr.node, ExprKind::Not(_) | ExprKind::Pair("&&" | "||", ..));
    let inner: usize = match &expr.node {
        ExprKind::Not(a) | ExprKind::Minus(a) | ExprKind::Part(a, _) => operators(a),
        ExprKind::Index(a, b) | ExprKind::Pair(_, a, b) => operators(a) + operators(b),
        ExprKind::Choice(a, b, c) => operators(a) + operators(b) + operators(c),
        ExprKind::List(all) => all.iter().map(operators).sum(),
        ExprKind::Call(target, _, args) => target.iter().map(|t| &**t).chain(args).map(operators).sum(),
        _ => 0,
    };
    usize::from(own) + inner
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Words and signs of the language, and some that only begin like one.
    const PARTS: &[&str] = &[
        "request.time",
        "resource.name",
        ".getHours('x:2000000000')",
        ".getMonth(\"-2147483648:-2147483648\")",
        ".extract('{a}/')",
        ".extract('a{')",
        ".hasOnly(['a'])",
        "request.auth.claims.x",
        "timestamp(",
        "duration('1h')",
        "duration('-9e9h')",
        "int(9e17)",
        "9223372036854775807",
        "-",
        "+",
        "*",
        "/",
        "%",
        "0",
        "1u",
        "2.5",
        "0x1f",
        "'\\x4'",
        "r'\\'",
        "\"\"\"a\n\"\"\"",
        "'ä'",
        "(",
        ")",
        "[",
        "]",
        ",",
        "in",
        "?",
        ":",
        "!",
        "&&",
        "||",
        "==",
        "<=",
        "<",
        "true",
        "null",
        "// end",
    ];

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
            "[",
            "a.",
            "true ? true",
            "request.time.getHours('0:2000000000') == 0",
            "'\\q' == ''",
            "1e == 1.0",
            &"(".repeat(10_000),
            &"!".repeat(10_000),
            &"[".repeat(10_000),
            &"true && ".repeat(10_000),
            &format!("{}true", "true && ".repeat(10_000)),
            &format!("request.auth.claims{} == 1", "[0]".repeat(10_000)),
        ] {
            assert!(!at("2026-01-01T00:00:00Z", expression), "{expression}");
        }
    }

    #[test]
    fn what_googles_documents_show_of_conditions_is_read_and_decides() {
        let facts = Facts {
            now: Some("2026-03-02T22:30:00Z".parse::<Timestamp>().unwrap().as_second()),
            name: Some("projects/p/zones/z-1/instances/i".into()),
            kind: Some("iam.googleapis.com/ServiceAccount".into()),
            service: Some("iam.googleapis.com".into()),
        };
        for (expression, value) in [
            ("request.time.getHours('Europe/Berlin') >= 23", Some(true)),
            (
                "request.time.getHours(\"-08:00\") == 14 && request.time.getMinutes(\"+05:30\") == 0",
                Some(true),
            ),
            ("request.time.getFullYear('UTC') < 2030 && request.time.getMonth() == 2", Some(true)),
            ("request.time.getDayOfWeek() in [0, 6]", Some(false)),
            ("request.time.getDate() == 2 && request.time.getDayOfMonth() == 1", Some(true)),
            ("request.time.getDayOfYear() == 60", Some(true)),
            ("request.time < timestamp('2026-03-02T23:00:00Z') - duration('3600s')", Some(false)),
            ("request.time - timestamp('2026-03-02T22:00:00Z') < duration(\"1h30m\")", Some(true)),
            ("duration('90m').getHours() == 1", Some(true)),
            ("resource.name.extract(\"zones/{zone}/\") == 'z-1'", Some(true)),
            ("resource.name.extract('disks/{disk}') == ''", Some(true)),
            ("resource.type in ['a', \"iam.googleapis.com/ServiceAccount\"]", Some(true)),
            ("resource.service != 'x' ? resource.name.contains('zones') : false", Some(true)),
            ("resource.matchTag('1/env', 'prod') || resource.hasTagKeyId('tagKeys/1')", Some(false)),
            (
                "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/viewer'])",
                None,
            ),
            ("'level' in request.auth.access_levels || false", None),
            ("request.auth.claims.email.endsWith('@example.com')", None),
            ("destination.port == 22 && destination.ip == '10.0.0.1'", None),
            ("request.path.startsWith('/admin') && resource.name == 'x'", Some(false)),
            ("'a'.matches('a')", None),
            ("size('äb') == 2 && 'a' + r'\\b' == \"a\\\\b\" && '\\x41' == 'A'", Some(true)),
            ("-7 / 2 == -3 && 7 % 4 == 3 && 1 + 2 * 3 == 7 && int('5') == 5", Some(true)),
            ("['a', 'b'].hasOnly(['b', 'a']) && ['a'][0] == 'a' && !('c' in ['a'])", Some(true)),
            ("1 / 0 == 1 || true // CEL leaves it to the other side", Some(true)),
        ] {
            assert_eq!(evaluate(expression, &facts), Ok(value), "{expression}");
        }
        assert!(evaluate("1 / 0 == 1", &facts).is_err() && evaluate("['a'][1] == 'a'", &facts).is_err());
    }

    #[test]
    fn what_has_the_wrong_type_or_is_not_declared_is_found_with_its_place() {
        for (expression, offset, problem) in [
            ("request.time < '2027'", 13, "'_<_' applied to '(timestamp, string)'"),
            ("true && request.time", 5, "'_&&_' applied to '(bool, timestamp)'"),
            ("true || resource.nam == 'x'", 8, "undeclared reference to 'resource.nam'"),
            ("resource.name.startswith('x')", 0, "undeclared reference to 'startswith'"),
            ("resource.name.startsWith(1)", 0, "'startsWith' applied to '(string, int)'"),
            ("!'x'", 0, "'!_' applied to '(string)'"),
            ("resource.type in 'a'", 14, "'_in_' applied to '(string, string)'"),
            ("resource.type in [1]", 14, "'_in_' applied to '(string, list(int))'"),
            ("resource.matchTag('a')", 0, "'resource.matchTag' applied to '(string)'"),
            ("request.time + 1 == request.time", 13, "'_+_' applied to '(timestamp, int)'"),
            ("request.time", 0, "the expression is not a boolean"),
            ("request.time < timestamp('2027')", 25, "\"2027\" is not a timestamp"),
            ("duration('1 hour') < duration('1h')", 9, "\"1 hour\" is not a duration"),
            ("true &&", 7, "Syntax error"),
            ("this is not CEL (", 5, "Syntax error: unexpected 'i'"),
        ] {
            let found = check(expression).unwrap_err();
            assert!(found.offset == offset && found.problem.contains(problem), "{expression}: {found:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn whatever_is_written_is_read_or_refused_and_what_is_read_has_a_value_or_a_problem(
            parts in vec(prop_oneof![select(PARTS.to_vec()).prop_map(str::to_owned), "\\PC{0,3}"], 0..14)
        ) {
            let text = parts.join(" ");
            let facts = Facts { now: Some(0), name: Some("ä/b".into()), ..Facts::default() };
            match check(&text) {
                Ok(_) => drop(evaluate(&text, &facts)),
                Err(unreadable) => prop_assert!(unreadable.offset <= text.len(), "{text:?}: {unreadable:?}"),
            }
        }
    }

    #[test]
    fn logical_operators_are_counted_where_they_are_operators() {
        let long = vec!["true"; 200].join(" && ");
        assert_eq!((check(&long), evaluate(&long, &Facts::default())), (Ok(199), Ok(Some(true))));
        assert_eq!(check("!(true && false) || resource.name == 'a && b || !c'"), Ok(3));
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
