use super::*;
use serde_json::json;

fn policy(value: Value) -> Policy {
    Policy::parse(value).unwrap()
}

fn people(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{kind}:m{i}@example.com")).collect()
}

#[test]
fn a_policy_at_its_limits_is_fine_and_one_over_is_not() {
    let of = |users, groups| {
        policy(json!({"bindings": [
            {"role": "a", "members": people("user", users)},
            {"role": "b", "members": people("group", groups)},
        ]}))
    };
    assert!(limits(&of(1_250, 250)).is_empty());
    assert!(limits(&of(1_251, 250))[0].contains("1501 members"));
    assert!(limits(&of(0, 251))[0].contains("251 groups"));
}

#[test]
fn every_occurrence_counts_and_so_do_exemptions_from_audit_logs() {
    let members = people("user", 750);
    let mut value =
        json!({"bindings": [{"role": "a", "members": members}, {"role": "b", "members": members}]});
    assert!(limits(&policy(value.clone())).is_empty());
    value["auditConfigs"] = json!([{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:x@y.z"]}]}]);
    assert!(limits(&policy(value))[0].contains("1501"));
}

#[test]
fn conditions_may_be_neither_too_complex_nor_too_many() {
    let long = ["true"; 14].join(" && ");
    let value = json!({"bindings": [{"role": "a", "members": ["user:a@b.c"], "condition": {"title": "long", "expression": long}}]});
    assert!(limits(&policy(value))[0].contains("“long” has 13"));
    let many: Vec<Value> = (0..21)
        .map(|i| json!({"role": "a", "members": ["user:a@b.c"], "condition": {"title": i.to_string(), "expression": "true"}}))
        .collect();
    assert!(limits(&policy(json!({"bindings": many[..20]}))).is_empty());
    assert!(limits(&policy(json!({"bindings": many})))[0].contains("21 times"));
}

fn under(role: &str, member: &str, title: &str, expression: &str) -> Value {
    json!({"role": role, "members": [member], "condition": {"title": title, "expression": expression}})
}

const USER: &str = "roles/iam.serviceAccountUser";

#[test]
fn only_groups_count_as_groups_and_only_occurrences_count() {
    for (kind, counts) in [("group", true), ("user", false), ("deleted:group", false), ("domain", false)] {
        let policy = policy(json!({"bindings": [{"role": "a", "members": people(kind, 251)}]}));
        assert_eq!(limits(&policy).len(), usize::from(counts), "{kind}");
    }
    // Exempted groups are groups, and the same group twice counts twice.
    let mut value = json!({"bindings": [{"role": "a", "members": people("group", 249)}, {"role": "b", "members": ["group:m0@example.com"]}]});
    assert!(limits(&policy(value.clone())).is_empty());
    value["auditConfigs"] = json!([{}, {"auditLogConfigs": [{"exemptedMembers": ["group:x@example.com"]}]}]);
    assert_eq!(
        limits(&policy(value)),
        ["The policy would have 251 groups; IAM allows up to 250, counting every occurrence."]
    );
}

#[test]
fn a_policy_with_too_many_of_everything_is_told_everything() {
    let value = json!({"bindings": [{"role": "a", "members": people("group", 1_501)}]});
    assert_eq!(
        limits(&policy(value)),
        [
            "The policy would have 1501 members; IAM allows up to 1500, counting every occurrence.",
            "The policy would have 1501 groups; IAM allows up to 250, counting every occurrence.",
        ]
    );
}

#[test]
fn a_condition_takes_twelve_operators_and_each_that_is_over_is_told_once() {
    let of = |operators: usize| vec!["true"; operators + 1].join(" || ");
    assert!(limits(&policy(json!({"bindings": [under(USER, "user:a@b.c", "t", &of(12))]}))).is_empty());
    let value = json!({"bindings": [
        under(USER, "user:a@b.c", "two", &of(14)),
        under(USER, "user:b@b.c", "one", &of(13)),
        under("roles/browser", "user:a@b.c", "one", &of(13)),
    ]});
    assert_eq!(
        limits(&policy(value)),
        [
            "The condition “one” has 13 logical operators; IAM allows up to 12.",
            "The condition “two” has 14 logical operators; IAM allows up to 12.",
        ]
    );
}

#[test]
fn conditions_are_counted_for_each_role_of_each_member_by_itself() {
    let titled = |role: &str, member: &str, titles: std::ops::Range<u32>| -> Vec<Value> {
        titles.map(|i| under(role, member, &i.to_string(), "true")).collect()
    };
    let many = |lists: [Vec<Value>; 2]| policy(json!({"bindings": lists.concat()}));
    let (a, b) = ("user:a@b.c", "user:b@b.c");
    assert!(limits(&many([titled(USER, a, 0..20), titled("roles/browser", a, 0..20)])).is_empty());
    assert!(limits(&many([titled(USER, a, 0..20), titled(USER, b, 0..20)])).is_empty());
    // The same binding twice counts once.
    assert!(limits(&many([titled(USER, a, 0..20), titled(USER, a, 0..20)])).is_empty());
    assert_eq!(
        limits(&many([titled(USER, a, 0..20), titled(USER, "user:A@b.c", 20..21)])),
        [format!("{a} would have {USER} 21 times under different conditions; IAM allows up to 20.")]
    );
    // The grant without a condition is one of them.
    let plain = vec![json!({"role": USER, "members": [a]})];
    assert_eq!(limits(&many([titled(USER, a, 0..20), plain])).len(), 1);
}

#[test]
fn basic_roles_and_everybody_stand_under_no_condition() {
    let someone = "user:a@example.com";
    for (role, member, takes) in [
        ("roles/owner", someone, false),
        ("roles/editor", someone, false),
        ("roles/viewer", someone, false),
        (USER, "allUsers", false),
        (USER, "allAuthenticatedUsers", false),
        ("roles/owner", "allUsers", false),
        (USER, someone, true),
        (USER, "group:team@example.com", true),
        (USER, "domain:example.com", true),
        ("roles/browser", someone, true),
        ("roles/run.viewer", someone, true),
        ("projects/p/roles/owner", someone, true),
    ] {
        let plain = json!({"role": role, "members": [member]});
        assert!(limits(&policy(json!({"bindings": [plain]}))).is_empty(), "{role} for {member}");
        // With another role beside it, and under any condition.
        let other = under(USER, "user:other@example.com", "t", "true");
        let found = limits(&policy(json!({"bindings": [other, under(role, member, "t", "true")]})));
        let sentence = format!(
            "{role} for {member} can't have a condition: IAM allows none on basic roles or for allUsers and allAuthenticatedUsers."
        );
        assert_eq!(found, if takes { vec![] } else { vec![sentence] }, "{role} for {member}");
    }
}
