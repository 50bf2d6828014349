use super::testing::{policies, policy};
use super::*;
use proptest::prelude::*;

const RAW: &str = r#"{"kind":"iam#policy","version":3,"etag":"BwWWja0YfJA=","bindings":[{"bindingId":"7f","role":"roles/iam.serviceAccountTokenCreator","condition":{"location":"","expression":"request.time < timestamp(\"2027-01-01T00:00:00Z\")","future":null,"title":"tmp"},"members":["user:Dev@Example.com","user:dev@example.com"]},{"members":[],"role":"roles/viewer"}],"auditConfigs":[{"service":"allServices","auditLogConfigs":[{"logType":"DATA_READ"}]}],"number":18446744073709551615}"#;

#[test]
fn every_field_that_was_read_comes_back_in_its_place() {
    let policy = Policy::from_slice(RAW.as_bytes()).unwrap();
    assert_eq!(policy.to_json().to_string(), RAW);
    let sent = policy.to_write().unwrap().to_string();
    assert_eq!(sent, RAW.replace(r#",{"members":[],"role":"roles/viewer"}"#, ""));
}

#[test]
fn the_view_says_what_was_read() {
    let policy = Policy::from_slice(RAW.as_bytes()).unwrap();
    assert_eq!((policy.etag(), policy.version()), (Some("BwWWja0YfJA="), 3));
    assert_eq!(policy.bindings().map(|binding| binding.members.len()).collect::<Vec<_>>(), [2, 0]);
    let triples = policy.triples();
    assert_eq!(triples.len(), 1, "two spellings are one member");
    assert_eq!(triples[0].member.as_str(), "user:Dev@Example.com");
    assert!(policy.audit_configs().is_some());
}

#[test]
fn the_empty_policy_is_a_policy() {
    let empty = Policy::from_slice(br#"{"etag":"ACAB"}"#).unwrap();
    assert!(empty.triples().is_empty() && empty.version() == 0);
    assert_eq!(empty.to_write().unwrap(), json!({"etag": "ACAB", "version": 3}));
}

#[test]
fn what_would_lose_something_is_never_written() {
    for (value, why) in [
        (json!({}), "no etag"),
        (json!({"etag": ""}), "no etag"),
        (
            json!({"etag": "A", "bindings": [{"role": "roles/x_withcond_0123", "members": ["user:a@b.c"]}]}),
            "_withcond_",
        ),
        (json!({"etag": "A", "version": 4}), "version is 4"),
        (json!({"etag": "A", "unknown": [{"n": 0.1}]}), "number"),
    ] {
        let sentence = policy(value).to_write().unwrap_err();
        assert!(sentence.contains(why), "{sentence}");
    }
}

#[test]
fn what_has_not_the_shape_of_a_policy_is_refused_with_the_place() {
    for (text, why) in [
        ("<html>", "not valid JSON"),
        ("[]", "JSON object"),
        (r#"{"etag":1}"#, "etag"),
        (r#"{"version":"3"}"#, "version"),
        (r#"{"bindings":{}}"#, "bindings is not a list"),
        (r#"{"bindings":[{"role":"a"},{"members":[]}]}"#, "bindings[1], role"),
        (r#"{"bindings":[{"role":"a","members":[1]}]}"#, "bindings[0], members"),
        (r#"{"bindings":[{"role":"a","members":["user:a@b.c",1]}]}"#, "bindings[0], members"),
        (r#"{"bindings":[{"role":"a","members":"user:a@b.c"}]}"#, "bindings[0], members"),
        (r#"{"bindings":[{"role":"a","members":{}}]}"#, "bindings[0], members"),
        (r#"{"bindings":[{"role":"a","members":7}]}"#, "bindings[0], members"),
        (r#"{"bindings":[{"role":"a","members":true}]}"#, "bindings[0], members"),
        (r#"{"bindings":[{"role":"a","condition":"x"}]}"#, "bindings[0], a condition"),
        (r#"{"bindings":[{"role":"a","condition":{"expression":[]}}]}"#, "the expression"),
    ] {
        let sentence = Policy::from_slice(text.as_bytes()).unwrap_err();
        assert!(sentence.contains(why), "{text}: {sentence}");
    }
}

#[test]
fn each_version_and_each_number_is_written_back_or_refused_by_itself() {
    for (version, known) in [(-1, false), (0, true), (1, true), (2, false), (3, true), (4, false)] {
        assert_eq!(policy(json!({"etag": "A", "version": version})).to_write().is_ok(), known, "{version}");
    }
    for (number, exact) in [
        (json!(0.5), false),
        (json!(1e30), false),
        (json!(-1), true),
        (json!(u64::MAX), true),
        (json!(i64::MIN), true),
        (json!("0.5"), true),
        (json!(true), true),
        (json!(null), true),
    ] {
        for nested in [
            number.clone(),
            json!([1, number]),
            json!({"a": 1, "n": number}),
            json!([{"n": [{"n": number}]}]),
        ] {
            let value = json!({"etag": "A", "auditConfigs": nested});
            assert_eq!(policy(value).to_write().is_ok(), exact, "{nested}");
        }
    }
    let in_binding =
        |n: Value| json!({"etag": "A", "bindings": [{"role": "a", "members": ["user:a@b.c"], "x": n}]});
    assert!(policy(in_binding(json!(1))).to_write().is_ok());
    assert!(policy(in_binding(json!(1.5))).to_write().is_err());
}

#[test]
fn a_role_whose_condition_is_hidden_is_found_in_whichever_binding_it_is() {
    for (roles, hidden) in [
        (["roles/x_withcond_0123", "roles/y"], true),
        (["roles/y", "roles/x_withcond_0123"], true),
        (["roles/y", "roles/withcond"], false),
    ] {
        let bindings = roles.map(|role| json!({"role": role, "members": ["user:a@b.c"]}));
        let policy = policy(json!({"etag": "A", "bindings": bindings}));
        assert_eq!(policy.editable().is_err(), hidden, "{roles:?}");
    }
}

#[test]
fn absent_and_null_are_the_same_to_a_reader_and_come_back_as_they_were() {
    for text in [
        r#"{"etag":"A","version":null,"bindings":null}"#,
        r#"{"etag":"A","bindings":[{"role":"a","members":null,"condition":null}]}"#,
        r#"{"etag":"A","bindings":[{"role":"a"}]}"#,
    ] {
        let policy = Policy::from_slice(text.as_bytes()).unwrap();
        assert_eq!(policy.to_json().to_string(), text);
        assert_eq!((policy.version(), policy.triples().len()), (0, 0), "{text}");
    }
    let null = Policy::from_slice(br#"{"etag":null}"#).unwrap();
    assert!(null.etag().is_none() && null.to_write().is_err());
    assert_eq!(null.with_etag("B").etag(), Some("B"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_read_is_kept_to_the_byte(policy in policies()) {
        let bytes = policy.to_json().to_string();
        prop_assert_eq!(Policy::from_slice(bytes.as_bytes()).unwrap().to_json().to_string(), bytes);
    }

    #[test]
    fn what_is_written_has_every_field_but_bindings_without_members(policy in policies()) {
        let sent = Policy::parse(policy.to_write().unwrap()).unwrap();
        prop_assert!(diff::diff(&policy, &sent).is_empty());
        prop_assert!(sent.bindings().all(|binding| !binding.members.is_empty()));
        prop_assert_eq!((sent.etag(), sent.version()), (policy.etag(), 3));
    }
}
