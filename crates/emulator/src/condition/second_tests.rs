//! A second evaluator, deliberately naive, for random expressions. It knows no text, only the trees that it
//! makes itself, and evaluates them for every possible value.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Facts, evaluate};

/// The names that a fact may be stated for, and two that no fact is ever stated for.
const NAMES: [&str; 4] = ["resource.name", "resource.type", "resource.service", "request.path"];

/// A boolean, made of texts and numbers.
#[derive(Debug, Clone)]
enum Made {
    Flag(bool),
    /// A failure: division by zero.
    Fails,
    Not(Box<Made>),
    And(Box<Made>, Box<Made>),
    Or(Box<Made>, Box<Made>),
    Choice(Box<Made>, Box<Made>, Box<Made>),
    Same(Box<Made>, Box<Made>),
    Texts(&'static str, Text, Text),
    In(Text, Vec<Text>),
    HasOnly(Vec<Text>, Vec<Text>),
    Numbers(&'static str, Number, Number),
}

#[derive(Debug, Clone)]
enum Text {
    Just(&'static str),
    Name(usize),
    Joined(Box<Text>, Box<Text>),
}

#[derive(Debug, Clone)]
enum Number {
    Just(i64),
    Size(Text),
    Pair(char, Box<Number>, Box<Number>),
    Minus(Box<Number>),
}

/// What a thing comes to: nothing while it is open, or a failure.
type Outcome<T> = Result<Option<T>, ()>;

fn text() -> impl Strategy<Value = Text> {
    let leaf = prop_oneof![
        select(vec!["", "a", "ab", "ba", "b"]).prop_map(Text::Just),
        (0..4_usize).prop_map(Text::Name)
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        (inner.clone(), inner).prop_map(|(a, b)| Text::Joined(Box::new(a), Box::new(b)))
    })
}

fn number() -> impl Strategy<Value = Number> {
    let leaf = prop_oneof![
        (-3..4_i64).prop_map(Number::Just),
        select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX]).prop_map(Number::Just),
        text().prop_map(Number::Size),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (select(vec!['+', '-', '*', '/', '%']), inner.clone(), inner.clone())
                .prop_map(|(sign, a, b)| Number::Pair(sign, Box::new(a), Box::new(b))),
            inner.prop_map(|a| Number::Minus(Box::new(a))),
        ]
    })
}

fn made() -> impl Strategy<Value = Made> {
    let texts = || proptest::collection::vec(text(), 0..3);
    let methods = vec!["==", "!=", "<", "<=", ">", ">=", "startsWith", "endsWith", "contains"];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Made::Flag),
        Just(Made::Fails),
        (select(methods), text(), text()).prop_map(|(sign, a, b)| Made::Texts(sign, a, b)),
        (text(), texts()).prop_map(|(one, all)| Made::In(one, all)),
        (texts(), texts()).prop_map(|(all, allowed)| Made::HasOnly(all, allowed)),
        (select(vec!["==", "!=", "<", "<=", ">", ">="]), number(), number())
            .prop_map(|(sign, a, b)| Made::Numbers(sign, a, b)),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            one().prop_map(Made::Not),
            (one(), one()).prop_map(|(a, b)| Made::And(a, b)),
            (one(), one()).prop_map(|(a, b)| Made::Or(a, b)),
            (one(), one()).prop_map(|(a, b)| Made::Same(a, b)),
            (one(), one(), one()).prop_map(|(a, b, c)| Made::Choice(a, b, c)),
        ]
    })
}

impl Text {
    fn written(&self) -> String {
        match self {
            Text::Just(text) => format!("'{text}'"),
            Text::Name(i) => NAMES[*i].to_owned(),
            Text::Joined(a, b) => format!("({} + {})", a.written(), b.written()),
        }
    }

    fn value(&self, facts: &[Option<String>; 4]) -> Option<String> {
        match self {
            Text::Just(text) => Some((*text).to_owned()),
            Text::Name(i) => facts[*i].clone(),
            Text::Joined(a, b) => Some(a.value(facts)? + &b.value(facts)?),
        }
    }
}

fn list(texts: &[Text]) -> String {
    format!("[{}]", texts.iter().map(Text::written).collect::<Vec<_>>().join(", "))
}

fn values(texts: &[Text], facts: &[Option<String>; 4]) -> Option<Vec<String>> {
    texts.iter().map(|text| text.value(facts)).collect()
}

impl Number {
    fn written(&self) -> String {
        match self {
            Number::Just(number) => format!("({number})"),
            Number::Size(text) => format!("size({})", text.written()),
            Number::Pair(sign, a, b) => format!("({} {sign} {})", a.written(), b.written()),
            Number::Minus(a) => format!("(-{})", a.written()),
        }
    }

    /// Reckoned with more room than there is, and then looked at whether it fits.
    fn value(&self, facts: &[Option<String>; 4]) -> Outcome<i64> {
        let wide = match self {
            Number::Just(number) => i128::from(*number),
            Number::Size(text) => match text.value(facts) {
                Some(text) => text.len() as i128,
                None => return Ok(None),
            },
            Number::Pair(sign, a, b) => {
                let (Some(a), Some(b)) = (a.value(facts)?, b.value(facts)?) else { return Ok(None) };
                let (a, b) = (i128::from(a), i128::from(b));
                match sign {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ if b == 0 => return Err(()),
                    '/' => a / b,
                    // The lowest number by -1 has no rest, but its quotient does not fit.
                    _ if i64::try_from(a / b).is_err() => return Err(()),
                    _ => a % b,
                }
            }
            Number::Minus(a) => match a.value(facts)? {
                Some(a) => -i128::from(a),
                None => return Ok(None),
            },
        };
        i64::try_from(wide).map(Some).map_err(drop)
    }
}

fn compared<T: PartialOrd>(sign: &str, a: &T, b: &T) -> bool {
    match sign {
        "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    }
}

impl Made {
    fn written(&self) -> String {
        match self {
            Made::Flag(flag) => flag.to_string(),
            Made::Fails => "(1 / 0 == 1)".to_owned(),
            Made::Not(a) => format!("!{}", a.written()),
            Made::And(a, b) => format!("({} && {})", a.written(), b.written()),
            Made::Or(a, b) => format!("({} || {})", a.written(), b.written()),
            Made::Same(a, b) => format!("({} == {})", a.written(), b.written()),
            Made::Choice(a, b, c) => format!("({} ? {} : {})", a.written(), b.written(), c.written()),
            Made::Texts(sign, a, b) if sign.len() > 2 => format!("{}.{sign}({})", a.written(), b.written()),
            Made::Texts(sign, a, b) => format!("({} {sign} {})", a.written(), b.written()),
            Made::In(one, all) => format!("({} in {})", one.written(), list(all)),
            Made::HasOnly(all, allowed) => format!("{}.hasOnly({})", list(all), list(allowed)),
            Made::Numbers(sign, a, b) => format!("({} {sign} {})", a.written(), b.written()),
        }
    }

    fn value(&self, facts: &[Option<String>; 4]) -> Outcome<bool> {
        Ok(match self {
            Made::Flag(flag) => Some(*flag),
            Made::Fails => return Err(()),
            Made::Not(a) => a.value(facts)?.map(|a| !a),
            Made::And(a, b) => {
                let both = [a.value(facts), b.value(facts)];
                match () {
                    () if both.contains(&Ok(Some(false))) => Some(false),
                    () if both.contains(&Ok(None)) => None,
                    () if both.contains(&Err(())) => return Err(()),
                    () => Some(true),
                }
            }
            // As de Morgan has it.
            Made::Or(a, b) => {
                let not = |one: &Made| Box::new(Made::Not(Box::new(one.clone())));
                Made::And(not(a), not(b)).value(facts)?.map(|neither| !neither)
            }
            Made::Same(a, b) => match (a.value(facts)?, b.value(facts)?) {
                (Some(a), Some(b)) => Some(a == b),
                _ => None,
            },
            Made::Choice(a, b, c) => match a.value(facts)? {
                Some(true) => b.value(facts)?,
                Some(false) => c.value(facts)?,
                None => None,
            },
            Made::Texts(sign, a, b) => match (a.value(facts), b.value(facts)) {
                (Some(a), Some(b)) => Some(match *sign {
                    "startsWith" => a.len() >= b.len() && a[..b.len()] == b,
                    "endsWith" => a.len() >= b.len() && a[a.len() - b.len()..] == b,
                    "contains" => (0..=a.len()).any(|at| a[at..].starts_with(&b)),
                    sign => compared(sign, &a, &b),
                }),
                _ => None,
            },
            Made::In(one, all) => match (one.value(facts), values(all, facts)) {
                (Some(one), Some(all)) => Some(all.contains(&one)),
                _ => None,
            },
            Made::HasOnly(all, allowed) => match (values(all, facts), values(allowed, facts)) {
                (Some(all), Some(allowed)) => Some(!all.iter().any(|one| !allowed.contains(one))),
                _ => None,
            },
            Made::Numbers(sign, a, b) => match (a.value(facts)?, b.value(facts)?) {
                (Some(a), Some(b)) => Some(compared(sign, &a, &b)),
                _ => None,
            },
        })
    }
}

fn stated() -> impl Strategy<Value = [Option<String>; 3]> {
    let one = || proptest::option::of(select(vec!["", "a", "ab", "b"]).prop_map(str::to_owned));
    [one(), one(), one()]
}

fn facts_of([name, kind, service]: [Option<String>; 3]) -> Facts {
    Facts { now: None, name, kind, service }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_evaluators_agree(made in made(), stated in stated()) {
        let [name, kind, service] = stated.clone();
        let text = made.written();
        let found = evaluate(&text, &facts_of(stated)).map_err(drop);
        prop_assert_eq!(found, made.value(&[name, kind, service, None]), "{}", text);
    }

    // An answer given before all facts are known is one that no fact changes.
    #[test]
    fn what_is_decided_early_is_decided_for_good(made in made(), few in stated(), more in stated()) {
        let text = made.written();
        let all = std::array::from_fn(|i| few[i].clone().or_else(|| more[i].clone()));
        if let Ok(Some(early)) = evaluate(&text, &facts_of(few.clone())) {
            prop_assert_eq!(evaluate(&text, &facts_of(all)), Ok(Some(early)), "{}", text);
        }
    }
}
