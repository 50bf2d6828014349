//! Tests of mistakes in a world: each is found at the start and named by its field.

use super::*;

fn problem(text: &str) -> String {
    World::parse(text).err().map(|error| error.to_string()).unwrap_or_default()
}

/// What is wrong with a world of one project that has these fields besides.
fn of_project(fields: &Value) -> String {
    let mut project = json!({"id": "p", "number": 1});
    project.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    problem(&json!({"projects": [project]}).to_string())
}

#[test]
fn a_list_of_values_is_no_object_wherever_one_belongs() {
    for (text, field) in [
        ("[]", "the whole world"),
        (r#"{"organizations": [[1, "example.com"]]}"#, "organizations[0]"),
        (
            r#"{"projects": [{"id": "p", "number": 1, "accounts": [{"email": "a"}, ["b"]]}]}"#,
            "projects[0].accounts[1]",
        ),
        (r#"{"behaviour": []}"#, "behaviour"),
        (r#"{"faults": [["iam.*", "", 0, 1, null, 5]]}"#, "faults[0]"),
        (r#"{"projects": [{"id": "p", "number": 1, "policy": [3]}]}"#, "projects[0].policy"),
    ] {
        let problem = problem(text);
        assert!(problem.contains(&format!("{field}: expected an object")), "{text}: {problem:?}");
    }
}

#[test]
fn an_api_that_there_is_not_cannot_be_off() {
    for name in ["iamcredential.googleapis.com", "IAM.googleapis.com", ".googleapis.com", "iam"] {
        for text in [
            json!({"projects": [{"id": "p", "number": 1, "disabledServices": [name]}]}),
            json!({"clientProjects": [{"number": 1, "disabledServices": [name]}]}),
        ] {
            let problem = problem(&text.to_string());
            assert!(problem.contains("rojects[0].disabledServices[0]: "), "{text}: {problem:?}");
        }
    }
    for name in ["iamcredentials.googleapis.com", "dataflow.googleapis.com", "sqladmin.googleapis.com"] {
        assert_eq!(of_project(&json!({"disabledServices": [name]})), "");
    }
}

#[test]
fn a_permission_that_there_is_not_is_in_no_custom_role() {
    let role = |permission: &str| of_project(&json!({"roles": [{"id": "own", "permissions": [permission]}]}));
    for typo in [
        "iam.serviceAccounts.getAcessToken",
        "iam.serviceAccounts.getaccesstoken",
        "iam.serviceAccountKeys.lst",
        "iam.serviceAccounts.*",
        "storage..get",
        "Storage.objects.get",
        "storage.objects.get,list",
    ] {
        assert!(role(typo).contains("projects[0].roles[0].permissions: "), "{typo}: {:?}", role(typo));
    }
    for fine in ["iam.serviceAccounts.getAccessToken", "storage.objects.get", "a.b.c.d"] {
        assert_eq!(role(fine), "");
    }
}

#[test]
fn a_policy_has_a_version_that_there_is_and_that_its_conditions_need() {
    let bindings = json!([{"role": "roles/viewer", "members": [DEV],
        "condition": {"title": "t", "expression": "true"}}]);
    for version in [2, 4, -1] {
        let problem = of_project(&json!({"policy": {"version": version}}));
        assert!(problem.contains("projects[0].policy.version: "), "{version}: {problem:?}");
    }
    for (version, is_fine) in [(0, true), (1, false), (3, true)] {
        let problem = of_project(&json!({"policy": {"version": version, "bindings": bindings}}));
        assert_eq!(problem.contains("projects[0].policy.version: "), !is_fine, "{version}: {problem:?}");
    }
}

#[test]
fn folders_lie_in_each_other_only_so_deep() {
    // The deepest comes first, so that every walk is as long as it can be.
    let chain = |count: u64| {
        let one = |n: u64| match n {
            1 => json!({"number": 1, "parent": "organizations/1"}),
            n => json!({"number": n, "parent": format!("folders/{}", n - 1)}),
        };
        let folders: Vec<Value> = (1..=count).rev().map(one).collect();
        problem(&json!({"organizations": [{"number": 1}], "folders": folders}).to_string())
    };
    assert_eq!(chain(100), "");
    let deep = chain(101);
    assert!(deep.contains("folders[0].parent: more than 100 folders"), "{deep:?}");
}
