use super::super::testing::{policies, policy, triple, triples};
use super::*;
use proptest::prelude::*;

fn one(value: Value) -> Policy {
    policy(json!({"etag": "A", "bindings": [value]}))
}

#[test]
fn another_condition_of_the_same_role_and_member_is_one_change() {
    let before = one(json!({"role": "a", "members": ["user:x@b.c", "user:y@b.c"]}));
    let after = policy(json!({"etag": "B", "bindings": [
        {"role": "a", "members": ["user:X@b.c"], "condition": {"title": "t", "expression": "e"}},
        {"role": "b", "members": ["user:z@b.c"]},
    ]}));
    let diff = diff(&before, &after);
    let json: Vec<Value> = diff.changes.iter().map(Change::to_json).collect();
    assert_eq!(
        json!(json),
        json!([
            {"op": "change", "role": "a", "member": "user:X@b.c", "condition": {"title": "t", "expression": "e"}, "before": null},
            {"op": "remove", "role": "a", "member": "user:y@b.c", "condition": null},
            {"op": "add", "role": "b", "member": "user:z@b.c", "condition": null},
        ])
    );
    assert!(diff.writable().is_ok());
}

#[test]
fn spelling_order_duplicates_and_the_etag_are_no_difference() {
    let before = one(json!({"role": "a", "members": ["user:x@b.c", "user:y@b.c"]}));
    let after = policy(json!({"version": 3, "etag": "B", "bindings": [
        {"role": "a", "members": ["user:Y@b.c"]},
        {"role": "a", "members": ["user:x@b.c", "user:X@b.c"]},
        {"role": "b", "members": []},
    ]}));
    assert!(diff(&before, &after).is_empty());
}

#[test]
fn a_description_tells_two_conditions_apart() {
    let condition = json!({"title": "t", "expression": "e"});
    let described = json!({"title": "t", "expression": "e", "description": "d"});
    let of = |condition| one(json!({"role": "a", "members": ["user:x@b.c"], "condition": condition}));
    assert_eq!(diff(&of(condition), &of(described)).changes[0].op, Op::Change);
}

#[test]
fn fields_that_are_only_carried_are_told_apart_from_who_has_what() {
    let before = policy(json!({"etag": "A", "auditConfigs": [1], "bindings": [
        {"role": "a", "members": ["user:x@b.c"], "bindingId": "1", "condition": {"title": "t", "future": 1}},
    ]}));
    let after = policy(json!({"etag": "A", "auditConfigs": [2], "bindings": [
        {"role": "a", "members": ["user:x@b.c"], "condition": {"title": "t", "future": 2}},
    ]}));
    let diff = diff(&before, &after);
    let told: Vec<(&str, Option<&Value>)> =
        diff.fields.iter().map(|field| (field.name.as_str(), field.after.as_ref())).collect();
    assert_eq!(told, [("auditConfigs", Some(&json!([2]))), ("future", Some(&json!(2))), ("bindingId", None)]);
    assert!(diff.changes.is_empty() && !diff.is_empty());
    assert!(diff.writable().unwrap_err().contains("auditConfigs"));
    assert_eq!(diff.apply_to(&before).to_json(), after.to_json());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_differs_from_itself(policy in policies()) {
        prop_assert!(diff(&policy, &policy).is_empty());
    }

    #[test]
    fn what_differs_applied_to_the_one_gives_the_other(before in policies(), after in policies()) {
        let result = diff(&before, &after).apply_to(&before);
        prop_assert_eq!(triples(&result), triples(&after));
        prop_assert!(diff(&result, &after).is_empty(), "{:?}", diff(&result, &after));
        prop_assert!(diff(&after, &result).is_empty(), "{:?}", diff(&after, &result));
        prop_assert_eq!(result.etag(), before.etag());
    }

    #[test]
    fn applying_twice_is_applying_once(before in policies(), after in policies()) {
        let changes = diff(&before, &after).changes;
        let once = apply(&before, &changes);
        prop_assert_eq!(apply(&once, &changes).to_json().to_string(), once.to_json().to_string());
    }
}

// One role of one member under every set of conditions, as sets of small numbers.

const CONDITIONS: [Option<&str>; 4] = [None, Some("a"), Some("b"), Some("c")];

/// A policy in which this member has this role under the conditions that these bits choose.
fn bits(role: &str, member: &str, bits: u8) -> Policy {
    let chosen = CONDITIONS.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
    let binding = |(_, title): (usize, &Option<&str>)| {
        let mut binding = json!({"role": role, "members": [member]});
        if let Some(title) = title {
            binding["condition"] = json!({"title": title, "expression": "e"});
        }
        binding
    };
    policy(json!({"etag": "A", "bindings": chosen.map(binding).collect::<Vec<_>>()}))
}

#[test]
fn one_condition_for_one_other_is_a_change_and_anything_else_comes_and_goes() {
    for before in 0..16u8 {
        for after in 0..16u8 {
            let titles = |bits: u8| -> Vec<Option<String>> {
                let chosen = CONDITIONS.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
                chosen.map(|(_, title)| title.map(str::to_owned)).collect()
            };
            let (gone, new) = (titles(before & !after), titles(after & !before));
            let expected: Vec<(Op, Option<String>, Option<String>)> = match (&gone[..], &new[..]) {
                ([old], [new]) => vec![(Op::Change, new.clone(), old.clone())],
                _ => {
                    let gone = gone.into_iter().map(|title| (Op::Remove, title, None));
                    gone.chain(new.into_iter().map(|title| (Op::Add, title, None))).collect()
                }
            };
            let found = diff(&bits("a", "user:x@b.c", before), &bits("a", "user:X@b.c", after));
            let title = |condition: &Option<Condition>| condition.as_ref().map(|c| c.title().to_owned());
            let changes: Vec<_> =
                found.changes.iter().map(|c| (c.op, title(&c.condition), title(&c.was))).collect();
            assert_eq!(changes, expected, "{before:04b} to {after:04b}");
            assert_eq!(found.is_empty(), before == after);
            assert!(found.writable().is_ok());
        }
    }
}

#[test]
fn another_role_or_another_member_is_no_change_of_condition() {
    for (role, member) in [("b", "user:x@b.c"), ("a", "user:y@b.c")] {
        let ops: Vec<Op> =
            diff(&bits("a", "user:x@b.c", 1), &bits(role, member, 2)).changes.iter().map(|c| c.op).collect();
        assert_eq!((ops.len(), ops.contains(&Op::Change)), (2, false), "{role} {member}");
    }
}

#[test]
fn a_change_takes_the_old_and_brings_the_new_and_is_told_with_both() {
    let changes =
        |before, after| diff(&bits("a", "user:x@b.c", before), &bits("a", "user:x@b.c", after)).changes;
    let titles = |change: &Change| {
        let title = |triple: Option<Triple>| triple.map(|t| t.condition.map(|c| c.title().to_owned()));
        (title(change.removed()), title(change.added()))
    };
    let (none, a, b) = (Some(None), Some(Some("a".to_owned())), Some(Some("b".to_owned())));
    assert_eq!(titles(&changes(0, 2)[0]), (None, a.clone()));
    assert_eq!(titles(&changes(2, 0)[0]), (a.clone(), None));
    assert_eq!(titles(&changes(2, 4)[0]), (a.clone(), b));
    assert_eq!(titles(&changes(1, 2)[0]), (none.clone(), a.clone()));
    assert_eq!(titles(&changes(2, 1)[0]), (a, none));
    let condition = json!({"title": "a", "expression": "e"});
    assert_eq!(
        changes(2, 1)[0].to_json(),
        json!({"op": "change", "role": "a", "member": "user:x@b.c", "condition": null, "before": condition})
    );
    assert_eq!(
        changes(2, 0)[0].to_json(),
        json!({"op": "remove", "role": "a", "member": "user:x@b.c", "condition": condition})
    );
}

#[test]
fn a_carried_field_is_told_and_put_in_its_own_place_only() {
    let binding = |role: &str, title: &str| json!({"role": role, "members": ["user:x@b.c"], "condition": {"title": title, "expression": "e"}});
    let plain = json!({"role": "a", "members": ["user:x@b.c"]});
    let bindings = json!([binding("a", "t"), binding("a", "u"), binding("b", "t"), plain]);
    let before = policy(json!({"etag": "A", "bindings": bindings}));
    for i in 0..4usize {
        for of_condition in [false, true] {
            let mut after = before.to_json();
            let place = &mut after["bindings"][i];
            if of_condition && i == 3 {
                continue;
            }
            *if of_condition { &mut place["condition"]["future"] } else { &mut place["future"] } = json!(1);
            let after = policy(after);
            let (there, back) = (diff(&before, &after), diff(&after, &before));
            assert_eq!((there.fields.len(), there.changes.len()), (1, 0), "{i} {of_condition}");
            let place = matches!(there.fields[0].place, Place::Condition(..));
            assert_eq!((place, there.fields[0].name.as_str()), (of_condition, "future"));
            assert!(there.writable().is_ok(), "bindings are written whole");
            assert_eq!(there.apply_to(&before).to_json(), after.to_json(), "{i} {of_condition}");
            assert_eq!(back.apply_to(&after).to_json(), before.to_json(), "{i} {of_condition}");
            assert_eq!((&back.fields[0].before, &back.fields[0].after), (&Some(json!(1)), &None));
        }
    }
}

#[test]
fn what_goes_and_comes_at_once_is_there_afterwards() {
    for before in 0..4 {
        let of = bits("a", "user:x@b.c", before);
        let change = |op| Change::of(op, triple("a", "user:x@b.c"));
        let both = [change(Op::Remove), change(Op::Add)];
        let after = triples(&bits("a", "user:x@b.c", before | 1));
        assert_eq!(triples(&apply(&of, &both)), after, "{before}");
        let [remove, add] = both;
        assert_eq!(triples(&apply(&of, &[add, remove])), after, "{before}");
    }
}

#[test]
fn what_is_looked_at_elsewhere_is_no_carried_field_and_every_other_is() {
    let before = json!({"etag": "A", "version": 1, "bindings": []});
    for (name, value, carried) in [
        ("etag", json!("B"), false),
        ("version", json!(3), false),
        ("auditConfigs", json!([]), true),
        ("bindingsX", json!([]), true),
    ] {
        let mut after = before.clone();
        after[name] = value;
        let diff = diff(&policy(before.clone()), &policy(after));
        assert_eq!(diff.is_empty(), !carried, "{name}");
        assert_eq!(diff.writable().err().is_some_and(|why| why.starts_with(name)), carried, "{name}");
    }
    let two = policy(json!({"etag": "A", "auditConfigs": [], "kind": "x"}));
    let why = diff(&policy(json!({"etag": "A"})), &two).writable().unwrap_err();
    assert_eq!(why, "auditConfigs, kind would change too, but impersona writes bindings only");
}

#[test]
fn a_binding_without_members_says_nothing_and_the_first_that_has_a_field_speaks_for_all() {
    let of = |first: Value, second: Value| {
        let binding = |members: &[&str], id: Value| {
            let mut binding = json!({"role": "a", "members": members});
            if !id.is_null() {
                binding["bindingId"] = id;
            }
            binding
        };
        let empty = json!({"role": "a", "members": [], "bindingId": "none"});
        let (first, second) = (binding(&["user:x@b.c"], first), binding(&["user:y@b.c"], second));
        policy(json!({"etag": "A", "bindings": [empty, first, second]}))
    };
    let base = of(json!("1"), Value::Null);
    assert!(diff(&base, &of(json!("1"), json!("2"))).is_empty());
    assert!(diff(&base, &of(Value::Null, json!("1"))).is_empty());
    assert_eq!(diff(&base, &of(json!("2"), json!("1"))).fields[0].after, Some(json!("2")));
}
