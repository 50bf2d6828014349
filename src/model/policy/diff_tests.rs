use super::super::testing::{policies, policy, triples};
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
