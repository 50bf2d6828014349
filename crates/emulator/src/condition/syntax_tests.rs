//! The grammar by its examples: literals at their bounds, escapes, what binds closer, and how long and deep it may get.

use super::syntax::{Expr, ExprKind, parse};
use super::{Facts, Unreadable, check, evaluate};

/// A tree with all its brackets.
fn written(expr: &Expr) -> String {
    let all = |items: &[Expr]| items.iter().map(written).collect::<Vec<_>>().join(", ");
    match &expr.node {
        ExprKind::Null => "null".into(),
        ExprKind::Flag(flag) => flag.to_string(),
        ExprKind::Int(number) => number.to_string(),
        ExprKind::Uint(number) => format!("{number}u"),
        ExprKind::Double(number) => format!("{number:?}"),
        ExprKind::Text(text) => format!("{text:?}"),
        ExprKind::Name(name) => name.clone(),
        ExprKind::List(items) => format!("[{}]", all(items)),
        ExprKind::Part(whole, part) => format!("({}.{part})", written(whole)),
        ExprKind::Call(None, name, args) => format!("{name}({})", all(args)),
        ExprKind::Call(Some(target), name, args) => format!("({}.{name}({}))", written(target), all(args)),
        ExprKind::Index(whole, index) => format!("({}[{}])", written(whole), written(index)),
        ExprKind::Not(inner) => format!("(!{})", written(inner)),
        ExprKind::Minus(inner) => format!("(-{})", written(inner)),
        ExprKind::Choice(a, b, c) => format!("({} ? {} : {})", written(a), written(b), written(c)),
        ExprKind::Pair(sign, a, b) => format!("({} {sign} {})", written(a), written(b)),
    }
}

#[test]
fn operators_bind_as_cel_has_it() {
    // The loosest first, as the language definition lists them.
    let levels: [&[&str]; 5] =
        [&["||"], &["&&"], &["==", "!=", "<", "<=", ">", ">=", "in"], &["+", "-"], &["*", "/", "%"]];
    for (i, first) in levels.iter().enumerate().flat_map(|(i, signs)| signs.iter().map(move |sign| (i, sign)))
    {
        for (j, second) in
            levels.iter().enumerate().flat_map(|(j, signs)| signs.iter().map(move |sign| (j, sign)))
        {
            let tree = written(&parse(&format!("a {first} b {second} c")).unwrap());
            let wanted = if i >= j {
                format!("((a {first} b) {second} c)")
            } else {
                format!("(a {first} (b {second} c))")
            };
            assert_eq!(tree, wanted);
        }
    }
    for (text, tree) in [
        ("!a && -b", "((!a) && (-b))"),
        ("!!a", "(!(!a))"),
        ("--a", "(-(-a))"),
        ("-a.b[0]", "(-(a.b[0]))"),
        ("!a.f(1)", "(!(a.f(1)))"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a || b ? c || d : e", "((a || b) ? (c || d) : e)"),
        ("(a ? b : c) ? d : e", "((a ? b : c) ? d : e)"),
        ("a.b.c", "a.b.c"),
        ("a . b", "a.b"),
        ("a[0].b", "((a[0]).b)"),
        ("f(a)[1](", ""),
        ("f()", "f()"),
        ("f(a, b,)", "f(a, b)"),
        ("[]", "[]"),
        ("[a,]", "[a]"),
        ("[a b]", ""),
        ("[,]", ""),
        ("a in b", "(a in b)"),
        ("a in[b]", "(a in [b])"),
        ("a inb", ""),
        ("a in_b", ""),
        ("a in2", ""),
        ("in_a", "in_a"),
        ("a//b\n&&c", "(a && c)"),
        ("// a\nb // c", "b"),
        (" a ", "a"),
        ("( a ) ", "a"),
        ("[ a , b ] ", "[a, b]"),
        ("- a", "(-a)"),
        ("! a", "(!a)"),
        ("a + // c\n b ", "(a + b)"),
        ("a & b", ""),
        ("a = b", ""),
        ("a ? b", ""),
        ("a ? b : ", ""),
        ("(a", ""),
        ("a)", ""),
        ("a[b", ""),
        ("f(a", ""),
        ("a.", ""),
        ("a.1", ""),
        ("a.b(", ""),
        ("_a1", "_a1"),
        ("é", ""),
    ] {
        let found = parse(text).map_or_else(|_| String::new(), |expr| written(&expr));
        assert_eq!(found, tree, "{text}");
    }
}

#[test]
fn numbers_are_read_up_to_their_bounds() {
    for (text, tree) in [
        ("0", "0"),
        ("007", "7"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", ""),
        ("18446744073709551615", ""),
        ("18446744073709551616", ""),
        ("-9223372036854775807", "(-9223372036854775807)"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("- 9223372036854775808", "-9223372036854775808"),
        ("-9223372036854775809", ""),
        ("-92233720368547758080", ""),
        ("-9223372036854775808u", "(-9223372036854775808u)"),
        ("0x7fffffffffffffff", "9223372036854775807"),
        ("0x8000000000000000", ""),
        ("0x1F", "31"),
        ("0x", ""),
        ("0xg", ""),
        ("0xe+1", "(14 + 1)"),
        ("0xe-1", "(14 - 1)"),
        ("1e+1", "10.0"),
        ("1E-1", "0.1"),
        ("1+1", "(1 + 1)"),
        ("1-1", "(1 - 1)"),
        ("1.5-1", "(1.5 - 1)"),
        ("2e+1-0x1", "(20.0 - 1)"),
        ("1+0xe+1", "((1 + 14) + 1)"),
        ("1e1", "10.0"),
        ("1e", ""),
        ("1.5", "1.5"),
        ("1.5.5", ""),
        ("1e308", "1e308"),
        ("1e309", ""),
        ("1u", "1u"),
        ("1U", "1u"),
        ("0x1fu", "31u"),
        ("18446744073709551615u", "18446744073709551615u"),
        ("18446744073709551616u", ""),
        ("1.5u", ""),
        ("1a", ""),
        ("1_0", ""),
    ] {
        let found = parse(text).map_or_else(|_| String::new(), |expr| written(&expr));
        assert_eq!(found, tree, "{text}");
    }
}

fn text(written: &str) -> Option<String> {
    match parse(written).ok()?.node {
        ExprKind::Text(text) => Some(text),
        _ => None,
    }
}

#[test]
fn each_escape_stands_for_its_character_and_there_are_no_others() {
    let known = [
        ('a', '\u{7}'),
        ('b', '\u{8}'),
        ('f', '\u{c}'),
        ('n', '\n'),
        ('r', '\r'),
        ('t', '\t'),
        ('v', '\u{b}'),
        ('\\', '\\'),
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('?', '?'),
    ];
    for c in ('\0'..='\u{ff}').chain(['日']) {
        let wanted = known.iter().find(|(name, _)| *name == c).map(|(_, stands)| format!("{stands}z"));
        assert_eq!(text(&format!("'''\\{c}z'''")), wanted, "{c:?}");
        // Raw, it stays as it is.
        assert_eq!(text(&format!("r'''\\{c}z'''")), Some(format!("\\{c}z")), "{c:?}");
    }
    for (escape, character) in [
        ("x41", Some("A")),
        ("X41", Some("A")),
        ("xfF", Some("ÿ")),
        ("x4", None),
        ("x+4", None),
        ("xg0", None),
        ("u65e5", Some("日")),
        ("u0041", Some("A")),
        ("u041", None),
        ("u+041", None),
        ("ud800", None),
        ("U0001f680", Some("🚀")),
        ("U0010ffff", Some("\u{10ffff}")),
        ("U00110000", None),
        ("U0001f68", None),
        ("000", Some("\0")),
        ("101", Some("A")),
        ("277", Some("\u{bf}")),
        ("377", Some("ÿ")),
        ("400", None),
        ("108", None),
        ("1", None),
        ("x4é", None),
    ] {
        for quote in ["'", "\"", "'''", "\"\"\""] {
            let found = text(&format!("{quote}\\{escape}{quote}"));
            assert_eq!(found.as_deref(), character, "{quote}{escape}");
        }
    }
}

#[test]
fn texts_end_at_the_quote_that_they_began_with() {
    for (written, wanted) in [
        ("'a\"b'", Some("a\"b")),
        ("\"a'b\"", Some("a'b")),
        ("'''a'b''c'''", Some("a'b''c")),
        ("\"\"\"a\"b\"\"c\"\"\"", Some("a\"b\"\"c")),
        ("''", Some("")),
        ("\"\"", Some("")),
        ("''''''", Some("")),
        ("'''a\nb'''", Some("a\nb")),
        ("'a\nb'", None),
        ("\"a\nb\"", None),
        ("'a\"", None),
        ("'''a'", None),
        ("r'\\n'", Some("\\n")),
        ("R\"\\n\"", Some("\\n")),
        ("r'a", None),
        ("b'a'", None),
        ("'é日'", Some("é日")),
    ] {
        assert_eq!(text(written).as_deref(), wanted, "{written}");
    }
}

#[test]
fn syntax_errors_tell_where_and_what() {
    for (expression, offset, problem) in [
        ("", 0, "Syntax error: the expression ends too early"),
        ("a &&", 4, "Syntax error: the expression ends too early"),
        ("a == 'é' x", 10, "Syntax error: unexpected 'x'"),
        ("  é", 2, "Syntax error: unexpected 'é'"),
        ("a ? b ; c", 6, "Syntax error: unexpected ';'"),
        ("[a;", 2, "Syntax error: unexpected ';'"),
        ("a == 1x", 5, "Syntax error: 1x is not a number"),
        ("1e == 1", 0, "Syntax error: 1e is not a number"),
        ("1E*1", 0, "Syntax error: 1E is not a number"),
        ("b'a'", 1, "Syntax error: unexpected '\''"),
        ("rb'a'", 2, "Syntax error: unexpected '\''"),
        ("a  ;", 3, "Syntax error: unexpected ';'"),
        ("a == 'b", 5, "Syntax error: a text has no end"),
        ("a == '\\q'", 5, "Syntax error: unknown escape sequence"),
    ] {
        let found = parse(expression).unwrap_err();
        assert_eq!(found, Unreadable { offset, problem: problem.into() }, "{expression}");
    }
}

#[test]
fn nodes_stand_where_they_begin_and_operators_where_they_are() {
    for (expression, at) in [
        (" a", 1),
        (" 'a'", 1),
        (" 12", 1),
        (" [a]", 1),
        (" f(a)", 1),
        (" a.b", 1),
        (" a.f(b)", 1),
        (" a[0]", 1),
        (" a[0].b", 1),
        (" !a", 1),
        (" -a", 1),
        (" -9223372036854775808", 1),
        (" (a)", 2),
        ("a ? b : c", 0),
        ("a == b", 2),
        ("a  && b", 3),
        ("a in b", 2),
        ("a + b + c", 6),
        ("a + b * c", 2),
        ("true", 0),
        (" null", 1),
    ] {
        assert_eq!(parse(expression).unwrap().at, at, "{expression}");
    }
}

#[test]
fn expressions_are_as_deep_and_as_long_as_they_may_be_and_no_more() {
    let deep = |open: &str, close: &str, levels: usize| {
        parse(&format!("{}a{}", open.repeat(levels), close.repeat(levels))).map(drop).map_err(|e| e.problem)
    };
    // The expression itself is a level.
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("!", ""), ("-", ""), ("a[", "]")] {
        assert_eq!(deep(open, close, 31), Ok(()), "{open}");
        assert_eq!(deep(open, close, 32), Err("the expression is nested too deeply".into()), "{open}");
    }
    // Being deep is over at the end of what is deep.
    assert!(parse(&vec!["((((a))))"; 20].join("+")).is_ok() && parse(&vec!["!!!a"; 20].join("+")).is_ok());
    for (start, part, end) in
        [("a", "+a", ""), ("a", "[0]", ""), ("a", ".b", ""), ("a", ".b()", ""), ("a", "&&a", "")]
    {
        let long =
            |parts| parse(&format!("{start}{}{end}", part.repeat(parts))).map(drop).map_err(|e| e.problem);
        assert_eq!(long(200), Ok(()), "{part}");
        assert_eq!(long(201), Err("the expression is too long".into()), "{part}");
    }
    let choices = |count| parse(&format!("{}a", "a?a:".repeat(count))).map(drop).map_err(|e| e.problem);
    assert_eq!(choices(31), Ok(()));
    assert_eq!(choices(32), Err("the expression is nested too deeply".into()));
    // Each of the other kinds counts, too.
    for (part, counts) in [("!a", 1), ("-a", 1), ("(a ? a : a)", 1), ("a", 0), ("[a]", 0), ("f(a)", 0)] {
        let rest = 200 - 1 - counts;
        let of = |sums: usize| parse(&format!("{part}{}", "+a".repeat(sums))).is_ok();
        assert!(of(rest + 1) && !of(rest + 2), "{part}");
    }
}

#[test]
fn logical_operators_are_counted_wherever_they_stand() {
    for (expression, count) in [
        ("true", 0),
        ("!true", 1),
        ("true && true", 1),
        ("true || true", 1),
        ("true == true", 0),
        ("!true && !true || true", 4),
        ("(!true) == (!true)", 2),
        ("!true ? true : true", 1),
        ("true ? !true : true", 1),
        ("true ? true : !true", 1),
        ("[!true, !true] == []", 2),
        ("[!true][0]", 1),
        ("[true][!true ? 0 : 0]", 1),
        ("dyn(!true)", 1),
        ("string(!true).contains(string(!true))", 2),
        ("-(!true ? 1 : 0) == 0", 1),
        ("dyn(!true).a", 1),
        ("'!a && b || c' == ''", 0),
    ] {
        assert_eq!(check(expression), Ok(count), "{expression}");
    }
    assert_eq!(evaluate("!false", &Facts::default()), Ok(Some(true)));
}
