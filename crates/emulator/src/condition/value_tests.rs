//! What each operator and each function comes to: at bounds, one beyond, and while a fact is open.

use super::{Facts, evaluate, holds};

fn known() -> Facts {
    Facts {
        now: Some(1_772_490_600), // 2026-03-02T22:30:00Z, a Monday
        name: Some("name".into()),
        kind: Some("kind".into()),
        service: Some("service".into()),
    }
}

/// Each holds, and what is not so does not.
fn assert_all(table: &[&str]) {
    for expression in table {
        assert_eq!(evaluate(expression, &known()), Ok(Some(true)), "{expression}");
        assert_eq!(evaluate(&format!("!({expression})"), &known()), Ok(Some(false)), "{expression}");
    }
}

/// Each is a failure, at the operator or where the function begins.
fn assert_fails(table: &[(&str, usize)]) {
    for (expression, offset) in table {
        let found = evaluate(expression, &known()).unwrap_err();
        assert_eq!(found.offset, *offset, "{expression}: {found:?}");
        assert!(!holds(expression, &known()), "{expression}");
    }
}

#[test]
fn signs_of_order_agree_with_the_order_of_each_type() {
    // From the smallest to the largest.
    for values in [
        ["false", "true", "true"],
        ["-9223372036854775808", "-1", "9223372036854775807"],
        ["0u", "1u", "18446744073709551615u"],
        ["-1.5", "0.0", "1e308"],
        ["''", "'B'", "'a'"],
        ["timestamp('0001-01-01T00:00:00Z')", "timestamp(-1)", "request.time"],
        ["duration('-1h')", "duration('0s')", "duration('1ns')"],
    ] {
        for (i, left) in values.iter().enumerate() {
            for (j, right) in values.iter().enumerate() {
                let order = if left == right { std::cmp::Ordering::Equal } else { i.cmp(&j) };
                for (sign, wanted) in [
                    ("<", order.is_lt()),
                    ("<=", order.is_le()),
                    (">", order.is_gt()),
                    (">=", order.is_ge()),
                    ("==", order.is_eq()),
                    ("!=", order.is_ne()),
                ] {
                    let expression = format!("{left} {sign} {right}");
                    assert_eq!(evaluate(&expression, &known()), Ok(Some(wanted)), "{expression}");
                }
            }
        }
    }
    let nan = "0.0 / 0.0";
    for (sign, wanted) in
        [("<", false), ("<=", false), (">", false), (">=", false), ("==", false), ("!=", true)]
    {
        for pair in [format!("{nan} {sign} 1.0"), format!("1.0 {sign} {nan}"), format!("{nan} {sign} {nan}")]
        {
            assert_eq!(evaluate(&pair, &known()), Ok(Some(wanted)), "{pair}");
        }
    }
}

#[test]
fn numbers_are_reckoned_up_to_their_bounds() {
    assert_all(&[
        "2 + 3 == 5 && 2 - 3 == -1 && 2 * 3 == 6 && 7 / 2 == 3 && 7 % 4 == 3",
        "-7 / 2 == -3 && -7 % 4 == -3 && 7 % -4 == 3",
        "2u + 3u == 5u && 3u - 2u == 1u && 2u * 3u == 6u && 7u / 2u == 3u && 7u % 4u == 3u",
        "1.5 + 2.0 == 3.5 && 1.5 - 2.0 == -0.5 && 1.5 * 2.0 == 3.0 && 3.0 / 2.0 == 1.5",
        "9223372036854775806 + 1 == 9223372036854775807",
        "-9223372036854775807 - 1 == -9223372036854775808",
        "18446744073709551614u + 1u == 18446744073709551615u && 1u - 1u == 0u",
        "-(1) == -1 && -(-1) == 1 && -(1.5) == -1.5",
        "1.0 / 0.0 > 1e308",
    ]);
    assert_fails(&[
        ("9223372036854775807 + 1 == 0", 20),
        ("-9223372036854775808 - 1 == 0", 21),
        ("-9223372036854775808 * -1 == 0", 21),
        ("-9223372036854775808 / -1 == 0", 21),
        ("-9223372036854775808 % -1 == 0", 21),
        ("-(-9223372036854775808) == 0", 0),
        ("1 / 0 == 0", 2),
        ("1 % 0 == 0", 2),
        ("18446744073709551615u + 1u == 0u", 22),
        ("0u - 1u == 0u", 3),
        ("18446744073709551615u * 2u == 0u", 22),
        ("1u / 0u == 0u", 3),
        ("1u % 0u == 0u", 3),
        ("dyn('a') == 'a' && -dyn('a') == 1", 19),
        ("-dyn(1u) == 1", 0),
        ("dyn(1) < 'a'", 7),
        ("dyn(1) + 'a' == 'a'", 7),
    ]);
}

#[test]
fn texts_lists_times_and_durations_are_joined() {
    assert_all(&[
        "'a' + 'b' == 'ab' && 'a' + '' == 'a'",
        "[1] + [2] == [1, 2] && [] + [1] == [1] && [1, 2] != [2, 1]",
        "timestamp(10) + duration('5s') == timestamp(15) && duration('5s') + timestamp(10) == timestamp(15)",
        "timestamp(10) - duration('5s') == timestamp(5) && timestamp(10) - timestamp(15) == duration('-5s')",
        "timestamp(10) + duration('-5s') == timestamp(5) && timestamp(10) - duration('-5s') == timestamp(15)",
        "duration('1h') + duration('30m') == duration('90m') && duration('1h') - duration('2h') == duration('-1h')",
        "1 in [1, 2] && 2 in [1, 2] && !(3 in [1, 2]) && !(1 in [])",
        "dyn(1) in [1] && !('a' in ['ab'])",
        "[1, 2][0] == 1 && [1, 2][1] == 2 && [[1], [2]][1][0] == 2",
        "dyn('t') + 'x' == 'tx' && dyn(timestamp(1)) + duration('1s') == timestamp(2)",
    ]);
    assert_fails(&[
        ("[1, 2][2] == 1", 0),
        ("[1, 2][-1] == 1", 0),
        ("[][0] == 1", 0),
        ("dyn(1)[0] == 1", 0),
        ("dyn(1).a == 1", 0),
        ("1 in dyn('a')", 2),
        ("timestamp('0001-01-01T00:00:00Z') - duration('1ns') < request.time", 34),
        ("timestamp('0001-01-01T00:00:00Z') + duration('-1ns') < request.time", 34),
        ("request.time + duration('2540400000h') < request.time", 13),
    ]);
}

#[test]
fn durations_are_numbers_with_units() {
    assert_all(&[
        "duration('-1h') < duration('0s') && duration('-1h') == duration('0s') - duration('1h')",
        "duration('1h') == duration('60m') && duration('1m') == duration('60s')",
        "duration('1s') == duration('1000ms') && duration('1ms') == duration('1000us')",
        "duration('1us') == duration('1000ns') && duration('1h1m1s') == duration('3661s')",
        "duration('-1h30m') == duration('-90m') && duration('1.5h') == duration('90m')",
        "duration('-1.5s').getSeconds() == -1 && duration('-1.5s').getMilliseconds() == -500",
        "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90 && duration('90m').getSeconds() == 5400",
        "duration('59m').getHours() == 0 && duration('60m').getHours() == 1 && duration('-90m').getHours() == -1",
        "duration('1.999s').getSeconds() == 1 && duration('1.999s').getMilliseconds() == 999",
        "duration(duration('1h')) == duration('1h')",
    ]);
    for none in [
        "",
        "-",
        "1",
        "h",
        "1d",
        "1 h",
        "1h ",
        "+-1h",
        "--1h",
        "1h-1m",
        ".h",
        "1..5h",
        "1e3s",
        "1H",
        "99999999999999999999h",
    ] {
        let text = format!("duration('' + '{none}') == duration('0s')");
        assert_fails(&[(&text, 0)]);
        assert!(
            super::check(&format!("duration('{none}') == duration('0s')")).unwrap_err().offset == 9,
            "{none}"
        );
    }
}

#[test]
fn times_are_those_of_rfc_3339_from_year_1_on() {
    assert_all(&[
        "timestamp('1970-01-01T00:00:10Z') == timestamp(10) && timestamp('1969-12-31T23:59:59Z') == timestamp(-1)",
        "timestamp('2026-01-01T02:00:00+02:00') == timestamp('2026-01-01T00:00:00Z')",
        "timestamp('2026-01-01T00:00:00.5Z') > timestamp('2026-01-01T00:00:00Z')",
        "timestamp(timestamp(1)) == timestamp(1) && int(timestamp(10)) == 10 && int(timestamp(-10)) == -10",
        "timestamp(-62135596800) == timestamp('0001-01-01T00:00:00Z')",
        "int(request.time) == 1772490600",
    ]);
    for none in [
        "2026-01-01",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00",
        "0000-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
        "noon",
        "",
    ] {
        assert_fails(&[(&format!("timestamp('' + '{none}') < request.time"), 0)]);
    }
    assert_fails(&[
        ("timestamp(-62135596801) < request.time", 0),
        ("timestamp(9223372036854775807) > request.time", 0),
    ]);
}

#[test]
fn each_part_of_a_time_is_told_in_utc_or_a_zone() {
    for (part, utc, east) in [
        ("getFullYear", 2026, 2027),
        ("getMonth", 11, 0),
        ("getDate", 31, 1),
        ("getDayOfMonth", 30, 0),
        ("getDayOfWeek", 4, 5),
        ("getDayOfYear", 364, 0),
        ("getHours", 22, 3),
        ("getMinutes", 45, 15),
        ("getSeconds", 7, 7),
        ("getMilliseconds", 89, 89),
    ] {
        let time = "timestamp('2026-12-31T22:45:07.089Z')";
        assert_all(&[
            &format!("{time}.{part}() == {utc}"),
            &format!("{time}.{part}('UTC') == {utc}"),
            &format!("{time}.{part}('+00:00') == {utc}"),
            &format!("{time}.{part}('+04:30') == {east}"),
            &format!("{time}.{part}('04:30') == {east}"),
        ]);
        assert_fails(&[
            (&format!("{time}.{part}('nowhere') == 0"), 0),
            (&format!("{time}.{part}('') == 0"), 0),
        ]);
    }
    let new_year = "timestamp('2026-01-04T00:00:00Z')";
    assert_all(&[
        // A Sunday.
        &format!(
            "{new_year}.getDayOfWeek() == 0 && {new_year}.getMonth() == 0 && {new_year}.getDayOfYear() == 3"
        ),
        &format!("{new_year}.getMinutes('-00:30') == 30 && {new_year}.getHours('-00:30') == 23"),
        &format!("{new_year}.getMinutes('-01:30') == 30 && {new_year}.getHours('-01:30') == 22"),
        &format!("{new_year}.getHours('-08:00') == 16 && {new_year}.getHours('America/New_York') == 19"),
        // Only a sign at its beginning is that of the whole.
        &format!("{new_year}.getHours('05:-30') == 4 && {new_year}.getMinutes('05:-30') == 30"),
    ]);
    assert_fails(&[
        (&format!("{new_year}.getHours('99:00') == 0"), 0),
        (&format!("{new_year}.getHours('1:x') == 0"), 0),
        (&format!("{new_year}.getHours('x:1') == 0"), 0),
        (&format!("{new_year}.getHours('2147483647:0') == 0"), 0),
        (&format!("{new_year}.getHours('0:2147483647') == 0"), 0),
        (&format!("{new_year}.getHours('596523:2147483647') == 0"), 0),
        (&format!("{new_year}.getHours('-0:-2147483648') == 0"), 0),
    ]);
}

#[test]
fn each_function_gives_what_it_is_for() {
    assert_all(&[
        "'abc'.startsWith('ab') && 'abc'.startsWith('') && !'abc'.startsWith('bc') && !'a'.startsWith('ab')",
        "'abc'.endsWith('bc') && 'abc'.endsWith('') && !'abc'.endsWith('ab')",
        "'abc'.contains('b') && 'abc'.contains('') && !'abc'.contains('ac')",
        "size('äb') == 2 && 'äb'.size() == 2 && size('') == 0 && size([1, 2]) == 2 && [].size() == 0",
        "['a', 'b'].hasOnly(['b', 'a', 'c']) && !['a', 'b'].hasOnly(['a']) && !['a', 'b'].hasOnly(['b'])",
        "[].hasOnly([]) && [].hasOnly(['a']) && !['a'].hasOnly([])",
        "string('a') == 'a' && string(-1) == '-1' && string(1u) == '1' && string(1.5) == '1.5'",
        "string(true) == 'true' && string(false) == 'false' && string(timestamp(0)) == '1970-01-01T00:00:00Z'",
        "string(duration('1h')) == '3600s' && string(duration('-1.5s')) == '-1.5s'",
        "int(5) == 5 && int(5u) == 5 && int('5') == 5 && int('-5') == -5 && int(1.9) == 1 && int(-1.9) == -1",
        "int(9223372036854775807u) == 9223372036854775807 && int('9223372036854775807') == 9223372036854775807",
        "int(9.2233720368547748e18) == 9223372036854774784 && int(-9.2233720368547748e18) == -9223372036854774784",
        "dyn(1) == 1 && dyn('a') == 'a' && dyn(true)",
        "'a/b/c'.extract('a/{x}/c') == 'b' && 'a/b/c'.extract('{x}/b') == 'a' && 'a/b/c'.extract('a/{x}') == 'b/c'",
        "'a/b/c'.extract('x/{x}') == '' && 'a/b/c'.extract('a/{x}/x') == '' && 'a/b/c'.extract('{x}') == 'a/b/c'",
        "'a/b/a/c'.extract('a/{x}/') == 'b' && 'ä/b'.extract('ä{x}b') == '/'",
        "true ? true : false",
        "false ? false : true",
        "(true ? 1 : 1 / 0) == 1 && (false ? 1 / 0 : 1) == 1",
    ]);
    assert_fails(&[
        ("int(9223372036854775808u) == 0", 0),
        ("int('9223372036854775808') == 0", 0),
        ("int(9223372036854775808.0) == 0", 0),
        ("int(-9223372036854775808.0) == 0", 0),
        ("int(0.0 / 0.0) == 0", 0),
        ("int('') == 0", 0),
        ("int('1.0') == 0", 0),
        ("'a'.extract('a') == ''", 0),
        ("'a'.extract('{a') == ''", 0),
        ("'a'.extract('a}') == ''", 0),
        ("'a'.extract('}{') == ''", 0),
        ("size(dyn(1)) == 0", 0),
        ("dyn(1)", 0),
        ("!dyn(1)", 1),
        ("true && dyn('a')", 8),
        ("dyn(1) || false", 0),
        ("dyn(1) ? true : true", 0),
        ("dyn(1).startsWith('a')", 0),
    ]);
}

/// Facts that are stated and speak of one thing only.
fn only(name: &str) -> Facts {
    let all = known();
    match name {
        "request.time" => Facts { now: all.now, ..Facts::default() },
        "resource.name" => Facts { name: all.name, ..Facts::default() },
        "resource.type" => Facts { kind: all.kind, ..Facts::default() },
        _ => Facts { service: all.service, ..Facts::default() },
    }
}

#[test]
fn each_name_is_its_own_fact_and_open_without_it() {
    let names = ["request.time", "resource.name", "resource.type", "resource.service"];
    for (name, value) in names.into_iter().zip(["timestamp(1772490600)", "'name'", "'kind'", "'service'"]) {
        let expression = format!("{name} == {value}");
        for stated in names {
            let wanted = if stated == name { Some(true) } else { None };
            assert_eq!(evaluate(&expression, &only(stated)), Ok(wanted), "{expression} with {stated}");
        }
        assert!(!holds(&expression, &Facts::default()) && holds(&expression, &known()), "{expression}");
    }
    for never in [
        "request.path == ''",
        "request.host == ''",
        "request.auth.principal == ''",
        "destination.ip == ''",
        "destination.port == 1",
        "'a' in request.auth.access_levels",
        "request.auth.claims == 1",
        "request.auth.claims.x == 1",
        "request.auth.claims['x'] == 1",
        "request.auth.claims.x[0].y == 1",
        "request.auth.claims",
        "api.getAttribute('a', true)",
        // Anything else there is ignored.
        "api.getAttribute('a', [true][1])",
        "'a'.matches('a')",
        "matches('a', 'a')",
    ] {
        assert_eq!(evaluate(never, &known()), Ok(None), "{never}");
        assert!(!holds(never, &known()) && !holds(&format!("!({never})"), &known()), "{never}");
    }
    for tag in ["matchTag('a', 'b')", "matchTagId('a', 'b')", "hasTagKey('a')", "hasTagKeyId('a')"] {
        assert_eq!(evaluate(&format!("resource.{tag}"), &only("resource.name")), Ok(Some(false)));
        assert_eq!(evaluate(&format!("resource.{tag}"), &Facts::default()), Ok(None));
    }
}

#[test]
fn what_is_open_leaves_everything_made_of_it_open() {
    let open = Facts::default();
    for expression in [
        "!(N == 'x')",
        "N + 'a' == 'x'",
        "'a' + N == 'x'",
        "N != 'x'",
        "'x' == N",
        "N < 'x'",
        "'x' >= N",
        "N in ['x']",
        "'x' in [N]",
        "[N] == ['x']",
        "['x'] == [N]",
        "[[N]] == [['x']]",
        "['a', N] == ['a', 'x']",
        "[N, 'a'] != ['x', 'a']",
        "[N] + ['a'] == ['x', 'a']",
        "[N].hasOnly(['x'])",
        "['x'].hasOnly([N])",
        "[N][0] == 'x'",
        "['x'][int(N)] == 'x'",
        "N.startsWith('x')",
        "'x'.startsWith(N)",
        "N.endsWith('x')",
        "N.contains('x')",
        "N.extract('{a}') == 'x'",
        "'x'.extract(N) == 'x'",
        "size(N) == 1",
        "string(N) == 'x'",
        "int(N) == 1",
        "-int(N) == 1",
        "timestamp(N) == timestamp(1)",
        "duration(N) == duration('1s')",
        "dyn(N) == 'x'",
        "T.getHours() == 1",
        "timestamp(1).getHours(N) == 0",
        "T - duration('1s') < timestamp(1)",
        "T - T == duration('0s')",
        "(N == 'x') ? true : true",
        "(true ? N : 'x') == 'x'",
        "(false ? 'x' : N) == 'x'",
    ] {
        let expression = expression.replace('N', "resource.name").replace('T', "request.time");
        assert_eq!(evaluate(&expression, &open), Ok(None), "{expression}");
    }
    assert_eq!(evaluate("[resource.name, 'a'][1] == 'a'", &open), Ok(Some(true)));
    assert_eq!(evaluate("true ? true : resource.name == 'x'", &open), Ok(Some(true)));
}

#[test]
fn one_side_decides_whatever_is_on_the_other() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Side {
        Yes,
        No,
        Open,
        Fails,
    }
    use Side::{Fails, No, Open, Yes};
    let sides = [(Yes, "true"), (No, "false"), (Open, "resource.name == 'x'"), (Fails, "1 / 0 == 1")];
    for (a, left) in sides {
        for (b, right) in sides {
            for (sign, decides, other) in [("||", Yes, No), ("&&", No, Yes)] {
                let wanted = if a == decides || b == decides {
                    decides
                } else if a == Open || b == Open {
                    Open
                } else if a == Fails || b == Fails {
                    Fails
                } else {
                    other
                };
                let found = match evaluate(&format!("{left} {sign} {right}"), &Facts::default()) {
                    Ok(Some(true)) => Yes,
                    Ok(Some(false)) => No,
                    Ok(None) => Open,
                    Err(_) => Fails,
                };
                assert_eq!(found, wanted, "{left} {sign} {right}");
            }
        }
    }
    let first = evaluate("1 / 0 == 1 && 1 % 0 == 1", &Facts::default()).unwrap_err();
    assert_eq!(first.offset, 2, "the first failure is told");
}
