use super::*;
use proptest::prelude::*;
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn says(expression: &str, now: &str) -> State {
    Condition::new("t", expression).evaluate(at(now))
}

const NOON: &str = "2026-05-01T12:00:00Z";

#[test]
fn a_grant_that_expires_holds_until_then_and_not_at_it() {
    let condition = Condition::expires(at("2026-05-01T14:00:00.9Z"), "expires in 2 h");
    assert_eq!(condition.expression(), r#"request.time < timestamp("2026-05-01T14:00:00Z")"#);
    let end = at("2026-05-01T14:00:00Z");
    assert_eq!(condition.evaluate(at(NOON)), State::Holds { until: Some(end) });
    assert_eq!(condition.evaluate(end), State::Ended { at: end });
}

#[test]
fn a_window_is_seen_from_before_within_and_after() {
    let window = r#"request.time >= timestamp("2026-05-01T00:00:00Z") && request.time < timestamp("2026-06-01T00:00:00Z")"#;
    let (from, end) = (at("2026-05-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    assert_eq!(says(window, "2026-04-01T00:00:00Z"), State::NotYet { from });
    assert_eq!(says(window, NOON), State::Holds { until: Some(end) });
    assert_eq!(says(window, "2026-07-01T00:00:00Z"), State::Ended { at: end });
}

#[test]
fn negation_grouping_and_the_turned_comparison_are_read() {
    let begun = r#"!(request.time < timestamp('2020-01-01T01:00:00+01:00'))"#;
    assert_eq!(says(begun, NOON), State::Holds { until: None });
    let turned = r#"(timestamp("2020-01-01T00:00:00Z") >= request.time)||!!( request.time>timestamp("2030-01-01T00:00:00Z") )"#;
    assert_eq!(says(turned, NOON), State::NotYet { from: at("2030-01-01T00:00:00Z") });
    assert_eq!(
        says(turned, "2020-01-01T00:00:00Z"),
        State::Holds { until: Some(at("2020-01-01T00:00:00Z")) }
    );
}

#[test]
fn a_contradiction_never_holds() {
    let never = r#"request.time < timestamp("2020-01-01T00:00:00Z") && request.time > timestamp("2021-01-01T00:00:00Z")"#;
    assert_eq!(says(never, NOON), State::Never);
}

#[test]
fn a_condition_about_another_resource_never_holds_on_an_account() {
    let soon = r#"request.time < timestamp("2030-01-01T00:00:00Z")"#;
    for never in [
        r#"resource.name.startsWith("projects/_/buckets/till-exports")"#.to_owned(),
        r#"resource.name == 'projects/_/buckets/till-exports/objects/a.csv'"#.to_owned(),
        r#"resource.name.startsWith("//storage.googleapis.com/projects/_/buckets/till")"#.to_owned(),
        r#"resource.name == "organizations/77""#.to_owned(),
        r#"resource.type == "storage.googleapis.com/Bucket""#.to_owned(),
        r#"resource.service == "secretmanager.googleapis.com""#.to_owned(),
        format!(r#"{soon} && resource.name.startsWith("projects/8150/secrets/")"#),
        format!(r#"(resource.type == "compute.googleapis.com/Instance") && {soon}"#),
    ] {
        assert_eq!(says(&never, NOON), State::Never, "{never}");
        assert!(Condition::new("t", &never).names_other_resource(), "{never}");
    }
    for open in [
        r#"resource.name.startsWith("projects/-/serviceAccounts/1")"#,
        r#"resource.name.startsWith("projects/8150/service")"#,
        r#"resource.name.startsWith("projects/8150")"#,
        r#"resource.name.startsWith("//iam.googleapis.com/projects/-/serviceAccounts/1")"#,
        r#"resource.name.endsWith("buckets/till")"#,
        r#"resource.type == "iam.googleapis.com/ServiceAccount""#,
        r#"resource.service == "iam.googleapis.com""#,
        r#"resource.type != "storage.googleapis.com/Bucket""#,
        r#"!(resource.type == "storage.googleapis.com/Bucket")"#,
    ] {
        assert_eq!(says(open, NOON), State::Unknown, "{open}");
    }
    let either = format!(r#"resource.type == "storage.googleapis.com/Bucket" || {soon}"#);
    assert!(says(&either, NOON).holds());
    assert!(!Condition::new("t", soon).names_other_resource());
}

#[test]
fn what_depends_on_more_than_time_is_not_known() {
    for expression in [
        "",
        "true",
        "request.time",
        r#"resource.name.startsWith("x")"#,
        r#"request.time < timestamp("2030-01-01T00:00:00Z") && resource.type == "x""#,
        r#"request.time == timestamp("2030-01-01T00:00:00Z")"#,
        r#"request.time < timestamp("2030-01-01T00:00:00Z") + duration("1h")"#,
        r#"!request.time < timestamp("2030-01-01T00:00:00Z")"#,
        r#"request.time < timestamp("2030-01-01")"#,
        r#"request.time < timestamp("2030-01-01T00:00:00+01:00[Europe/Paris]")"#,
        r#"request.time < timestamp("2030-01-01T00:00:00Z"#,
        r#"request.time.getHours("Europe/Berlin") < 9"#,
        r#"request.timestamp < timestamp("2030-01-01T00:00:00Z")"#,
        r#"(request.time < timestamp("2030-01-01T00:00:00Z")"#,
        "é",
    ] {
        assert_eq!(says(expression, NOON), State::Unknown, "{expression}");
    }
    let deep = format!("{}é", "(".repeat(100_000));
    assert_eq!(says(&deep, NOON), State::Unknown);
}

#[test]
fn the_moment_is_said_as_a_time_today_and_as_a_date_otherwise() {
    let until = |text: &str| Condition::expires(at(text), "t").words(at(NOON));
    assert_eq!(until("2026-05-01T14:00:00Z"), "met, until 14:00Z");
    assert_eq!(until("2026-05-02T14:00:00Z"), "met, until 2026-05-02 14:00Z");
    assert_eq!(until("2020-01-01T00:00:00Z"), "expired 2020-01-01");
    assert_eq!(Condition::new("t", "x").words(at(NOON)), "depends on more than time");
}

#[test]
fn identity_is_every_documented_field_and_nothing_else() {
    let read = |value| Condition::read(&value).unwrap();
    let plain = read(json!({"title": "t", "expression": "e"}));
    assert_eq!(plain, read(json!({"expression": "e", "location": "", "title": "t", "description": null})));
    assert_eq!(plain, read(json!({"title": "t", "expression": "e", "future": 1})));
    assert_ne!(plain, read(json!({"title": "t", "expression": "e", "description": "d"})));
    assert_ne!(plain, read(json!({"title": "t", "expression": "e", "location": "l"})));
    assert_ne!(plain, plain.clone().described("d"));
    assert!(Condition::read(&json!({"title": 5})).unwrap_err().contains("title"));
    assert!(Condition::read(&json!("x")).is_err());
}

#[test]
fn operators_in_text_are_not_counted() {
    let count = |expression: &str| Condition::new("t", expression).operators();
    assert_eq!(count(r#"a && b || !(c != d)"#), 3);
    assert_eq!(count(r#"a == "x && \" || !" && b == '!'"#), 1);
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(expression in r#"[ ()!&|<>=a"'é]{0,40}|(request.time|timestamp\("2026-01-01T00:00:00Z"\)|<|&&|\(|\)|!| ){0,12}"#) {
        let condition = Condition::new("t", &expression);
        condition.evaluate(at(NOON));
        condition.operators();
    }

    #[test]
    fn the_flip_is_where_it_is_said_to_be(days in prop::collection::vec((1u8..28, 0usize..4, any::<bool>()), 1..5), day in 1u8..28) {
        let expression = days
            .iter()
            .map(|(day, sign, and)| {
                let sign = ["<", "<=", ">", ">="][*sign];
                format!("request.time {sign} timestamp(\"2026-05-{day:02}T00:00:00Z\") {}", if *and { "&&" } else { "||" })
            })
            .collect::<String>();
        let condition = Condition::new("t", expression.trim_end_matches(['&', '|', ' ']));
        let now = at(&format!("2026-05-{day:02}T12:00:00Z"));
        let step = SignedDuration::from_hours(12);
        let holds = |at| condition.evaluate(at).holds();
        match condition.evaluate(now) {
            // A single moment can be all that is missing, such as in `< t || > t`, or all that there is.
            State::Holds { until: Some(until) } => {
                prop_assert!(holds(until - step) && !(holds(until) && holds(until + step)));
            }
            State::Holds { until: None } => prop_assert!(holds(at("2027-01-01T00:00:00Z"))),
            State::NotYet { from } => prop_assert!(!holds(now) && (holds(from) || holds(from + step))),
            State::Ended { at: end } => prop_assert!(!holds(end + step) && (holds(end) || holds(end - step))),
            State::Never => prop_assert!(!holds(at("2020-01-01T00:00:00Z")) && !holds(at("2027-01-01T00:00:00Z"))),
            State::Unknown => prop_assert!(false, "{}", condition.expression()),
        }
    }
}

// Each operator and its combinations, judged by a second evaluator.

#[test]
fn each_sign_is_told_before_at_and_after_its_bound_both_ways_round() {
    let bound = at("2026-05-01T00:00:00Z");
    let nanosecond = SignedDuration::from_nanos(1);
    let moments = [bound - nanosecond, bound, bound + nanosecond];
    for (sign, turned, holds) in [
        ("<", ">", [true, false, false]),
        ("<=", ">=", [true, true, false]),
        (">", "<", [false, false, true]),
        (">=", "<=", [false, true, true]),
    ] {
        for expression in [
            format!(r#"request.time {sign} timestamp("2026-05-01T00:00:00Z")"#),
            format!(r#"timestamp("2026-05-01T00:00:00Z") {turned} request.time"#),
        ] {
            let condition = Condition::new("t", &expression);
            assert_eq!(moments.map(|now| condition.evaluate(now).holds()), holds, "{expression}");
        }
    }
}

#[derive(Clone, Debug)]
enum Tree {
    Compared { sign: &'static str, bound: usize, turned: bool, quote: char },
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// How many bounds there are: midnights from 2026-05-10 on.
const BOUNDS: usize = 5;

fn bound(index: usize) -> Timestamp {
    at(&format!("2026-05-{}T00:00:00Z", 10 + index))
}

/// The time line as whole numbers: odd ones are the bounds, even ones the intervals between.
fn moment_of(position: usize) -> Timestamp {
    match position % 2 {
        1 => bound(position / 2),
        _ => bound(position / 2) - SignedDuration::from_hours(12),
    }
}

impl Tree {
    fn holds(&self, position: usize) -> bool {
        match self {
            Tree::Compared { sign, bound, turned, .. } => {
                let bound = 2 * bound + 1;
                let order = if *turned { bound.cmp(&position) } else { position.cmp(&bound) };
                match *sign {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }
            }
            Tree::Not(inner) => !inner.holds(position),
            Tree::All(parts) => !parts.iter().any(|part| !part.holds(position)),
            Tree::Any(parts) => parts.iter().any(|part| part.holds(position)),
        }
    }

    /// As CEL, with parentheses only where `&&` before `||` makes them necessary.
    fn text(&self) -> String {
        match self {
            Tree::Compared { sign, bound: at, turned, quote } => {
                let bound = format!("timestamp({quote}{}{quote})", bound(*at));
                match turned {
                    true => format!("{bound} {sign} request.time"),
                    false => format!("request.time{sign}{bound}"),
                }
            }
            Tree::Not(inner) if matches!(**inner, Tree::Not(_)) => format!("!{}", inner.text()),
            Tree::Not(inner) => format!("!({})", inner.text()),
            Tree::All(parts) => {
                let within = |part: &Tree| match part {
                    Tree::Any(_) => format!("( {} )", part.text()),
                    _ => part.text(),
                };
                parts.iter().map(within).collect::<Vec<_>>().join(" && ")
            }
            Tree::Any(parts) => parts.iter().map(Tree::text).collect::<Vec<_>>().join("||"),
        }
    }

    fn operators(&self) -> usize {
        match self {
            Tree::Compared { .. } => 0,
            Tree::Not(inner) => 1 + inner.operators(),
            Tree::All(parts) | Tree::Any(parts) => {
                parts.len() - 1 + parts.iter().map(Tree::operators).sum::<usize>()
            }
        }
    }

    /// The expected state, by looking at the whole time line.
    fn state(&self, now: usize) -> State {
        // A change at a bound and one right after it are both reported at the bound.
        let told = |position: usize| bound((position - 1) / 2);
        let holds = self.holds(now);
        let flip = (now + 1..=2 * BOUNDS).find(|position| self.holds(*position) != holds).map(told);
        match (holds, flip) {
            (true, until) => State::Holds { until },
            (false, Some(from)) => State::NotYet { from },
            (false, None) => match (0..now).rfind(|position| self.holds(*position)) {
                Some(last) => State::Ended { at: told(last + 1) },
                None => State::Never,
            },
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let signs = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let quotes = prop::sample::select(vec!['"', '\'']);
    let leaf = (signs, 0..BOUNDS, any::<bool>(), quotes)
        .prop_map(|(sign, bound, turned, quote)| Tree::Compared { sign, bound, turned, quote });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            several().prop_map(Tree::All),
            several().prop_map(Tree::Any),
        ]
    })
}

proptest! {
    #[test]
    fn every_expression_about_time_is_told_as_the_second_evaluator_tells_it(tree in trees()) {
        let condition = Condition::new("t", &tree.text());
        for now in 0..=2 * BOUNDS {
            let state = condition.evaluate(moment_of(now));
            prop_assert_eq!(state, tree.state(now), "{} at {}", condition.expression(), moment_of(now));
        }
        prop_assert_eq!(condition.operators(), tree.operators(), "{}", condition.expression());
    }
}

#[test]
fn parentheses_and_negations_are_read_to_a_depth_and_no_deeper() {
    let inner = r#"request.time < timestamp("2030-01-01T00:00:00Z")"#;
    for deep in 0..=DEEPEST + 1 {
        let known = deep <= DEEPEST;
        let nested = format!("{}{inner}{}", "(".repeat(deep), ")".repeat(deep));
        assert_eq!(says(&nested, NOON) != State::Unknown, known, "{deep} parentheses");
        // The innermost negation is of parentheses, which count as well.
        let negated = format!("{}({inner})", "!".repeat(deep));
        assert_eq!(says(&negated, NOON) != State::Unknown, deep < DEEPEST, "{deep} negations");
    }
    // Side by side they are not deep.
    let wide = vec![format!("(!({inner}))"); 40].join(" || ");
    assert!(matches!(says(&wide, NOON), State::NotYet { .. }));
}

#[test]
fn moment_is_read_only_as_rfc_3339_writes_it() {
    let reads = |text: &str| says(&format!("request.time < timestamp('{text}')"), NOON) != State::Unknown;
    for good in [
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:00:00.5Z",
        "2030-01-01T00:00:00.123456789Z",
        "2030-01-01T00:00:00+00:00",
        "2030-01-01T00:00:00-08:00",
        "2030-01-01T00:00:00.5+05:30",
        "2028-02-29T23:59:59Z",
    ] {
        assert!(reads(good), "{good}");
    }
    let wrong = [
        "",
        "Z",
        "2030-01-01",
        "2030-01-01T00:00:00",
        "2030-01-01T00:00Z",
        "2030-01-01T00Z",
        "2030-01-01T00+00:00",
        "2030-01-01T00-08:00",
        "2030-01-01T00:00:61Z",
        "2030-01-01T00:00:69Z",
        "20300101T000000Z",
        "2030-0101T00:00:00Z",
        "203001-01T00:00:00Z",
        "2030-01-01T000000Z",
        "2030-01-01T00:0000Z",
        "2030-01-01T0000:00Z",
        "2030-01-01 00:00:00Z",
        "2030-01-01t00:00:00Z",
        "2030-01-01T00:00:00z",
        "2030-01-01T00:00:00+01",
        "2030-01-01T00:00:00+0100",
        "2030-01-01T00:00:00+01:00:00",
        "2030-01-01T00:00:00 01:00",
        "2030-01-01T00:00:00,5Z",
        "2030-01-01T00:00:00.Z",
        "2030-01-01T00:00:60Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:60:00Z",
        "2030-02-29T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "+002030-01-01T00:00:00Z",
        "2030-W01-1T00:00:00Z",
        "2030-01-01T00:00:00Z[UTC]",
        "2030-01-01T00:00:00+01:00[Europe/Paris]",
        " 2030-01-01T00:00:00Z",
        "2030-01-01T00:00:00Z ",
    ];
    assert_eq!(wrong.into_iter().filter(|text| reads(text)).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn comparison_that_is_not_whole_is_not_known() {
    let time = r#"timestamp("2030-01-01T00:00:00Z")"#;
    for wrong in [
        format!("request.time {time}"),
        format!("request.time = {time}"),
        format!("request.time != {time}"),
        format!("request.time < {time} &"),
        format!("request.time < {time} &&"),
        format!("request.time < {time} ||"),
        format!("|| request.time < {time}"),
        format!("request.time < {time} request.time < {time}"),
        format!("request.time < {time})"),
        "()".to_owned(),
        "!".to_owned(),
        "request.time < request.time".to_owned(),
        format!("{time} < {time}"),
        format!("{time} <"),
        time.to_owned(),
        r#"request.time < timestamp("2030-01-01T00:00:00Z')"#.to_owned(),
        "request.time < timestamp(2030-01-01T00:00:00Z)".to_owned(),
        r#"request.time < time("2030-01-01T00:00:00Z")"#.to_owned(),
        r#"request.time < "2030-01-01T00:00:00Z""#.to_owned(),
        r#"request.timer < timestamp("2030-01-01T00:00:00Z")"#.to_owned(),
    ] {
        assert_eq!(says(&wrong, NOON), State::Unknown, "{wrong}");
    }
    let spaced = " ! ( request.time\t<\n timestamp ( \"2030-01-01T00:00:00Z\" ) ) ";
    assert!(matches!(says(spaced, NOON), State::NotYet { .. }));
}

#[test]
fn each_operator_is_counted_and_nothing_that_only_looks_like_one() {
    for (expression, count) in [
        ("", 0),
        ("a && b", 1),
        ("a || b", 1),
        ("!a", 1),
        ("!!a", 2),
        ("!(a)&&!b||c", 4),
        ("a != b", 0),
        ("a!=b", 0),
        ("! a", 1),
        ("a & b", 0),
        ("a | b", 0),
        ("a &| b", 0),
        ("a < b <= c > d >= e == f", 0),
        (r#"a == "&&" && b"#, 1),
        (r"a == '||' || b", 1),
        (r#"a == "!" && !b"#, 2),
        (r#"a == "'" && b == "'""#, 1),
        (r#"a == '"' && b == '"'"#, 1),
        (r#"a == "\" && " && b"#, 1),
        (r"a == '\' || ' || b", 1),
        (r#"a == "\\" && b"#, 1),
        (r#"a == "never ends && b"#, 0),
        ("!", 1),
    ] {
        assert_eq!(Condition::new("t", expression).operators(), count, "{expression}");
    }
}

#[test]
fn each_state_has_its_words_and_only_one_of_them_holds() {
    let then = at("2026-05-01T14:00:00Z");
    for (state, holds, words) in [
        (State::Holds { until: Some(then) }, true, "met, until 14:00Z"),
        (State::Holds { until: None }, true, "met"),
        (State::NotYet { from: then }, false, "not met before 14:00Z"),
        (State::Ended { at: then }, false, "expired 14:00Z"),
        (State::Never, false, "never met"),
        (State::Unknown, false, "depends on more than time"),
    ] {
        assert_eq!((state.holds(), state.words(at(NOON)).as_str()), (holds, words));
    }
}

#[test]
fn hour_is_left_out_at_midnight_of_a_day_that_is_not_close() {
    for (then, now, shown) in [
        ("2026-05-01T00:00:00Z", NOON, "00:00Z"),
        ("2026-05-01T23:59:59Z", NOON, "23:59Z"),
        ("2026-05-02T00:00:00Z", NOON, "2026-05-02 00:00Z"),
        ("2026-04-30T23:59:00Z", NOON, "2026-04-30 23:59Z"),
        ("2027-05-01T12:00:00Z", NOON, "2027-05-01 12:00Z"),
        ("2026-06-01T12:00:00Z", NOON, "2026-06-01 12:00Z"),
        // Two days are near, a second more is not, in both directions.
        ("2026-05-03T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-03 00:00Z"),
        ("2026-05-03T00:00:00Z", "2026-04-30T23:59:59Z", "2026-05-03"),
        ("2026-05-03T00:00:00Z", "2026-05-05T00:00:00Z", "2026-05-03 00:00Z"),
        ("2026-05-03T00:00:00Z", "2026-05-05T00:00:01Z", "2026-05-03"),
        ("2026-06-01T00:00:59Z", NOON, "2026-06-01"),
        ("2026-06-01T00:01:00Z", NOON, "2026-06-01 00:01Z"),
    ] {
        assert_eq!(moment(at(then), at(now)), shown, "{then} seen from {now}");
    }
}

#[test]
fn each_documented_field_decides_identity_order_and_hash_by_itself() {
    use std::collections::HashSet;
    for field in ["title", "description", "expression", "location"] {
        let with = |value: Value| {
            let mut fields = json!({"title": "t", "description": "d", "expression": "e", "location": "l"});
            fields[field] = value;
            Condition::read(&fields)
        };
        let (one, other) = (with(json!("1")).unwrap(), with(json!("2")).unwrap());
        assert!(one != other && one < other && one == one.clone(), "{field}");
        assert_eq!(one.partial_cmp(&other), Some(Ordering::Less), "{field}");
        assert_eq!(HashSet::from([one.clone(), other.clone(), one.clone()]).len(), 2, "{field}");
        let got = [
            ("title", one.title()),
            ("description", one.description()),
            ("expression", one.expression()),
            ("location", one.location()),
        ];
        for (name, text) in got {
            assert_eq!(text, if name == field { "1" } else { &name[..1] }, "{field}");
        }
        // Absent and empty are the same.
        let (none, empty) = (with(Value::Null).unwrap(), with(json!("")).unwrap());
        assert!(none == empty && none.cmp(&empty).is_eq() && none != one, "{field}");
        assert_eq!(HashSet::from([none, empty]).len(), 1, "{field}");
        for wrong in [json!(1), json!(true), json!([]), json!({})] {
            assert_eq!(with(wrong).unwrap_err(), format!("the {field} of a condition is not a string"));
        }
    }
    for wrong in [json!(null), json!([]), json!(1), json!("request.time")] {
        assert_eq!(Condition::read(&wrong).unwrap_err(), "a condition is not an object");
    }
}

#[test]
fn only_what_is_not_documented_is_unknown() {
    let condition = Condition::read(&json!({
        "title": "t", "description": "d", "expression": "e", "location": "l", "Title": 1, "future": null, "": "x",
    }));
    let condition = condition.unwrap();
    let unknown: std::collections::BTreeSet<&str> =
        condition.unknown().map(|(name, _)| name.as_str()).collect();
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), ["", "Title", "future"]);
}

#[test]
fn conditions_that_differ_are_hashed_apart() {
    let hash = |condition: &Condition| {
        let mut hasher = std::hash::DefaultHasher::new();
        condition.hash(&mut hasher);
        hasher.finish()
    };
    let all = [("t", "e"), ("e", "t"), ("te", ""), ("", "te"), ("", "")]
        .map(|(title, text)| Condition::new(title, text));
    let hashes: std::collections::BTreeSet<u64> = all.iter().map(hash).collect();
    assert_eq!(hashes.len(), all.len());
    assert_eq!(hash(&all[0]), hash(&Condition::new("t", "e")));
    assert_ne!(hash(&all[0]), hash(&all[0].clone().described("d")));
}

#[test]
fn what_stands_side_by_side_is_read_however_much_it_is() {
    let one = r#"request.time<timestamp("2030-01-01T00:00:00Z")"#;
    let (_, bounds) = Reader::read(&vec![one; 20_000].join("||")).unwrap();
    assert_eq!(bounds.len(), 20_000);
}
