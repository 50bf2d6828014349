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
    assert_eq!(until("2026-05-01T14:00:00Z"), "holds now, until 14:00Z");
    assert_eq!(until("2026-05-02T14:00:00Z"), "holds now, until 2026-05-02 14:00Z");
    assert_eq!(until("2020-01-01T00:00:00Z"), "ended 2020-01-01");
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
            // A single moment may be all that is missing, such as in `< t || > t`, or all that there is.
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
