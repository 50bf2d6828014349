//! Tests of what a policy may hold when it is written, and of where the law of a project ends.

use super::*;

const BOT: &str = "bot@shop-1.iam.gserviceaccount.com";

/// Dev owns one project of an organization and one of none, and may mint in both; `change` makes the world another.
async fn own(change: impl FnOnce(&mut Value)) -> TestClient {
    let roles = ["roles/owner", CREATOR, "roles/cloudasset.viewer"];
    let bindings: Vec<Value> = roles.iter().map(|role| json!({"role": role, "members": [DEV]})).collect();
    let policy = json!({"bindings": bindings});
    let mut world = json!({
        "organizations": [{"number": 1, "domain": "example.com"}],
        "users": [{"email": "dev@example.com"}, {"email": "ann@example.com"}],
        "projects": [
            {"id": "shop-1", "number": 2, "parent": "organizations/1", "policy": policy,
                "accounts": [{"email": "bot"}, {"email": "robot"}]},
            {"id": "alone", "number": 3, "policy": policy, "accounts": [{"email": "out"}],
                "roles": [{"id": "lister", "permissions": ["iam.serviceAccounts.list"]}]}
        ]
    });
    change(&mut world);
    let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    api.project = "alone";
    api
}

impl TestClient {
    /// Writes the policy of the bot with these bindings besides.
    async fn bind(&self, bindings: Value) -> TestResponse {
        let path = format!("v1/projects/-/serviceAccounts/{BOT}:setIamPolicy");
        self.post(&path, json!({"policy": {"version": 3, "bindings": bindings}})).await
    }

    /// Adds a binding to the policy of a project.
    async fn add(&self, project: &str, binding: Value) -> TestResponse {
        let version = json!({"options": {"requestedPolicyVersion": 3}});
        let mut policy = self.post(&format!("v3/projects/{project}:getIamPolicy"), version).await.json;
        policy["bindings"].as_array_mut().unwrap().push(binding);
        self.post(&format!("v3/projects/{project}:setIamPolicy"), json!({"policy": policy})).await
    }
}

#[tokio::test]
async fn every_predefined_role_is_read_and_granted_and_no_other() {
    let api = own(|_| ()).await;
    let real = api.get("v1/roles/storage.objectViewer").await;
    assert_eq!((real.status.as_u16(), &real.json["stage"]), (200, &json!("GA")), "{}", real.text);
    assert_eq!(api.get("v1/roles/storage.objectGazer").await.status, 404);
    let granted =
        api.add("shop-1", json!({"role": "roles/storage.objectViewer", "members": ["user:ann@example.com"]}));
    assert_eq!(granted.await.status, 200);
    for role in
        ["roles/totally.madeUpRole", "roles/viewer_withcond_0123456789", "projects/alone/roles/lister"]
    {
        let refused = api.add("shop-1", json!({"role": role, "members": [DEV]})).await;
        let message = format!("Role ({role}) does not exist in the resource's hierarchy.");
        assert_eq!((refused.status.as_u16(), refused.message()), (400, message.as_str()));
    }
    let own = api.add("alone", json!({"role": "projects/alone/roles/lister", "members": [DEV]})).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let off = api.post("v1/projects/shop-1/services/run.googleapis.com:disable", json!({})).await;
    assert_eq!(off.status, 200, "an owner turns a service off: {}", off.text);
}

#[tokio::test]
async fn more_groups_conditions_and_operators_than_google_admits_are_refused() {
    let api = own(|_| ()).await;
    let groups = |count| {
        let all: Vec<String> = (0..count).map(|i| format!("group:g{i}@other.example.org")).collect();
        json!([{"role": CREATOR, "members": all}])
    };
    let conditions = |count| {
        let one = |i| json!({"role": CREATOR, "members": [DEV], "condition": {"title": format!("t{i}"), "expression": "true"}});
        Value::from((0..count).map(one).collect::<Vec<Value>>())
    };
    let expression = |text: &str| json!([{"role": CREATOR, "members": [DEV], "condition": {"title": "t", "expression": text}}]);
    let operators = |count: usize| expression(&vec!["true"; count + 1].join(" && "));
    for (fine, refused, problem) in [
        (groups(250), groups(251), "(251)"),
        (conditions(20), conditions(21), "under more than 20 conditions"),
        (operators(12), operators(13), "has 13 logical operators"),
        (expression("true"), expression("this is not CEL ("), "cannot be compiled: Syntax error"),
        (expression("true"), expression("request.time < '2027'"), "no matching overload"),
    ] {
        assert_eq!(api.bind(fine).await.status, 200, "{problem}");
        let refused = api.bind(refused).await;
        assert!(refused.status == 400 && refused.message().contains(problem), "{problem}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_member_that_cannot_be_one_is_refused() {
    let api = own(|_| ()).await;
    for member in ["principal://nonsense", "user:@", "user:a b@example.org", "deleted:bogus?uid=", "domain:x"]
    {
        let refused = api.bind(json!([{"role": CREATOR, "members": [member]}])).await;
        assert!(refused.status == 400 && refused.message().contains(member), "{member}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_person_of_another_domain_becomes_no_owner_without_an_invitation() {
    let api = own(|world| {
        let before = json!({"role": "roles/owner", "members": ["user:old@gmail.com"]});
        world["projects"][0]["policy"]["bindings"].as_array_mut().unwrap().push(before);
    })
    .await;
    let owner = |member: &str| json!({"role": "roles/owner", "members": [member]});
    for (project, kind) in
        [("shop-1", "ORG_MUST_INVITE_EXTERNAL_OWNERS"), ("alone", "SOLO_MUST_INVITE_OWNERS")]
    {
        let refused = api.add(project, owner("user:stranger@gmail.com")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.message()),
            (400, "Request contains an invalid argument.")
        );
        let expected = json!([{"@type": "type.googleapis.com/google.cloudresourcemanager.v1.ProjectIamPolicyError",
            "member": "user:stranger@gmail.com", "role": "roles/owner", "type": kind}]);
        assert_eq!(refused.json["error"]["details"], expected);
        let account = api.add(project, owner(&format!("serviceAccount:{BOT}"))).await;
        assert_eq!(account.status, 200, "{}", account.text);
    }
    assert_eq!(api.add("shop-1", owner("user:ann@example.com")).await.status, 200);
}

#[tokio::test]
async fn a_policy_that_was_emptied_never_reads_like_one_that_nobody_wrote() {
    let api = own(|_| ()).await;
    let path = format!("v1/projects/-/serviceAccounts/{BOT}");
    let virgin = api.send(Method::POST, &format!("{path}:getIamPolicy"), None).await.unwrap().json;
    assert_eq!(virgin, json!({"etag": "ACAB"}));
    let bindings = json!([{"role": CREATOR, "members": [DEV]}]);
    api.bind(bindings.clone()).await;
    let emptied = api.bind(json!([])).await;
    assert_ne!(emptied.json["etag"], "ACAB", "{}", emptied.text);
    let stale = json!({"policy": {"bindings": bindings, "etag": "ACAB"}});
    let refused = api.post(&format!("{path}:setIamPolicy"), stale).await;
    assert_eq!(refused.json["error"]["status"], "ABORTED");
}

#[tokio::test]
async fn audit_configs_are_written_over_conditions_under_any_version() {
    let api = own(|_| ()).await;
    let condition = json!({"title": "t", "expression": "true"});
    api.bind(json!([{"role": CREATOR, "members": [DEV], "condition": condition}])).await;
    let audit = json!([{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]);
    let path = format!("v1/projects/-/serviceAccounts/{BOT}:setIamPolicy");
    let written =
        api.post(&path, json!({"policy": {"auditConfigs": audit}, "updateMask": "auditConfigs"})).await;
    assert_eq!((written.status.as_u16(), &written.json["auditConfigs"]), (200, &audit), "{}", written.text);
    let policy = api.emulator.handle().policy_of(BOT).await.unwrap();
    assert!(policy.bindings[0].condition.is_some());
}

#[tokio::test]
async fn lint_finds_what_is_wrong_with_a_condition_and_nothing_else() {
    let api = own(|_| ()).await;
    let lint = async |expression: &str| {
        let body = json!({"condition": {"title": "t", "expression": expression}});
        api.post("v1/iamPolicies:lintPolicy", body).await.json["lintResults"].clone()
    };
    for fine in [
        "request.time.getHours(\"Europe/Berlin\") >= 9",
        "resource.name.extract(\"projects/{p}/\") == \"x\"",
        "resource.type in [\"a\", \"b\"]",
        "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/viewer'])",
        "resource.matchTag(\"1/env\", \"prod\")",
        "request.time < timestamp(\"2027-01-01T00:00:00Z\") - duration(\"3600s\")",
        "resource.service != \"a && b || c\" ? true : false",
    ] {
        assert_eq!(lint(fine).await, Value::Null, "{fine}");
    }
    let long = vec!["true"; 14].join(" && ");
    for (wrong, unit, offset) in [
        ("true && request.time < \"2027\"", "ConditionCompilationCheck", Some(21)),
        ("true && resource.nam == 'x'", "ConditionCompilationCheck", Some(8)),
        ("", "ConditionCompilationCheck", None),
        (&long, "ConditionComplexityCheck", None),
    ] {
        let found = lint(wrong).await;
        assert_eq!(found[0]["validationUnitName"], format!("lintValidationUnits/{unit}"), "{wrong}: {found}");
        assert_eq!(found[0]["locationOffset"].as_u64(), offset, "{wrong}: {found}");
        assert_eq!(found[0]["severity"], "ERROR");
    }
}

#[tokio::test]
async fn an_account_is_found_in_its_own_project_only() {
    let api = own(|_| ()).await;
    let test = json!({"permissions": ["iam.serviceAccounts.getAccessToken"]});
    let grantable = |project: &str| json!({"fullResourceName": format!("//iam.googleapis.com/projects/{project}/serviceAccounts/{BOT}"), "pageSize": 1});
    for (project, there) in
        [("-", true), ("shop-1", true), ("2", true), ("alone", false), ("nonsense", false)]
    {
        let path = format!("v1/projects/{project}/serviceAccounts/{BOT}:testIamPermissions");
        let may = api.post(&path, test.clone()).await;
        assert_eq!(may.status, if there { 200 } else { 404 }, "{project}");
        let asked = api.post("v1/roles:queryGrantableRoles", grantable(project)).await;
        assert_eq!(asked.status, if there { 200 } else { 400 }, "{project}: {}", asked.text);
    }
}

#[tokio::test]
async fn an_id_token_that_has_ended_is_no_longer_told_about() {
    let api = own(|_| ()).await;
    let path = format!("v1/projects/-/serviceAccounts/{BOT}:generateIdToken");
    let token = api.post(&path, json!({"audience": "https://a.example"})).await.json["token"].clone();
    let info = format!("tokeninfo?id_token={}", token.as_str().unwrap());
    assert_eq!(api.get(&info).await.json["aud"], "https://a.example");
    assert!(api.emulator.handle().advance_clock(3_600));
    let over = api.get(&info).await;
    assert_eq!((over.status.as_u16(), &over.json["error"]), (400, &json!("invalid_token")));
}

#[tokio::test]
async fn a_perimeter_holds_for_what_a_body_a_chain_or_a_scope_names() {
    let api = own(|world| {
        let services = ["iam", "cloudasset", "policytroubleshooter", "iamcredentials"];
        let services: Vec<String> = services.iter().map(|name| format!("{name}.googleapis.com")).collect();
        world["perimeters"] = json!([{"name": "x", "projects": ["shop-1"], "services": services}]);
    })
    .await;
    let tuple = |project: &str| {
        json!({"accessTuple": {"principal": "dev@example.com", "permission": "resourcemanager.projects.get",
            "fullResourceName": format!("//cloudresourcemanager.googleapis.com/projects/{project}")}})
    };
    let named = |project: &str| json!({"fullResourceName": format!("//cloudresourcemanager.googleapis.com/projects/{project}")});
    for (project, kept_out) in [("shop-1", true), ("alone", false)] {
        let mut answers = Vec::new();
        for search in ["searchAllIamPolicies", "searchAllResources"] {
            answers.push(api.get(&format!("v1/projects/{project}:{search}")).await);
        }
        for version in ["v1", "v2alpha1", "v3"] {
            answers.push(api.post(&format!("{version}/iam:troubleshoot"), tuple(project)).await);
        }
        answers.push(api.post("v1/roles:queryGrantableRoles", named(project)).await);
        answers.push(api.post("v1/permissions:queryTestablePermissions", named(project)).await);
        answers.push(api.post("v1/iamPolicies:lintPolicy", named(project)).await);
        let delegate = if kept_out { BOT } else { "out@alone.iam.gserviceaccount.com" };
        let mint = "v1/projects/-/serviceAccounts/out@alone.iam.gserviceaccount.com:generateAccessToken";
        answers.push(api.post(mint, json!({"scope": [CLOUD], "delegates": [delegate]})).await);
        for (i, answer) in answers.iter().enumerate() {
            let reason = answer.reason() == "SECURITY_POLICY_VIOLATED";
            assert_eq!(reason, kept_out, "{project}, {i}: {}", answer.text);
        }
    }
}
