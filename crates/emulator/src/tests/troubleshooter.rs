//! Tests of the troubleshooter, of deny policies and of service perimeters.

use super::names::GET_ACCESS_TOKEN as TOKEN;
use super::*;

fn full(account: &str) -> String {
    format!(
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/{account}@acme-prod.iam.gserviceaccount.com"
    )
}

fn tuple(account: &str, principal: &str) -> Value {
    json!({"principal": principal, "fullResourceName": full(account), "permission": TOKEN})
}

impl TestClient {
    async fn troubleshoot(&self, version: &str, tuple: &Value) -> Value {
        self.post(&format!("{version}/iam:troubleshoot"), json!({"accessTuple": tuple})).await.json
    }

    /// The desk of somebody else.
    async fn of_member(self, member: &str) -> TestClient {
        let token = self.emulator.handle().mint(member, &[CLOUD], 3600).await.unwrap();
        TestClient { token, ..self }
    }
}

/// The demo, and an owner who may read every policy and, being in them, look into every group.
async fn api(change: impl FnOnce(&mut World)) -> TestClient {
    let mut world = World::demo();
    world.groups.iter_mut().for_each(|group| group.members.push("user:owner@example.com".into()));
    change(&mut world);
    TestClient::of(world).await.of_member("user:owner@example.com").await
}

fn until(expression: &str) -> Value {
    json!([{"id": "no-tokens", "rules": [{"deniedPrincipals": ["principal://goog/subject/dev@example.com"],
        "deniedPermissions": ["iam.googleapis.com/serviceAccounts.getAccessToken"],
        "denialCondition": {"expression": expression}}]}])
}

#[tokio::test]
async fn a_role_on_the_account_is_found_among_all_that_the_levels_say() {
    let api = api(|_| ()).await;
    let told = api.troubleshoot("v1", &tuple("deployer", "dev@example.com")).await;
    assert_eq!(told["access"], "GRANTED");
    let levels = told["explainedPolicies"].as_array().unwrap();
    let names: Vec<&str> = levels.iter().map(|level| level["fullResourceName"].as_str().unwrap()).collect();
    assert_eq!(names[0], full("deployer"));
    assert_eq!(names[1], "//cloudresourcemanager.googleapis.com/projects/acme-prod");
    assert_eq!(
        (names.len(), names[5]),
        (6, "//cloudresourcemanager.googleapis.com/organizations/123456789012")
    );
    let bindings = levels[0]["bindingExplanations"].as_array().unwrap();
    let mine = bindings.iter().find(|b| b["memberships"].get(DEV).is_some()).unwrap();
    assert_eq!(mine["rolePermission"], "ROLE_PERMISSION_INCLUDED");
    assert_eq!(mine["memberships"][DEV], json!({"membership": "MEMBERSHIP_INCLUDED", "relevance": "HIGH"}));
    let pools = bindings.iter().find(|b| b["role"] == "roles/iam.workloadIdentityUser").unwrap();
    let kinds: Vec<&Value> =
        pools["memberships"].as_object().unwrap().values().map(|m| &m["membership"]).collect();
    assert_eq!(kinds, ["MEMBERSHIP_UNKNOWN_UNSUPPORTED"; 2]);
    assert!(levels[0]["policy"]["bindings"].is_array());
}

#[tokio::test]
async fn what_the_caller_may_not_read_is_not_told() {
    let api = api(|_| ()).await.of_member(DEV).await;
    let told = api.troubleshoot("v1", &tuple("api", "ann.example@example.com")).await;
    assert_eq!(told["access"], "UNKNOWN_INFO_DENIED");
    let levels = told["explainedPolicies"].as_array().unwrap();
    let closed: Vec<&Value> =
        levels.iter().filter(|level| level["access"] == "UNKNOWN_INFO_DENIED").collect();
    assert!(!closed.is_empty());
    for level in closed.iter().filter(|level| level.get("policy").is_none()) {
        assert_eq!(**level, json!({"access": "UNKNOWN_INFO_DENIED"}));
    }
    // Ann is on call, but dev cannot look into that group.
    let on_call = &levels[0]["bindingExplanations"].as_array().unwrap()[0];
    let by_group = |told: &Value| {
        let all = told["explainedPolicies"][0]["bindingExplanations"].as_array().unwrap().clone();
        let found = all.into_iter().find_map(|b| b["memberships"].get("group:oncall@example.com").cloned());
        found.unwrap()["membership"].clone()
    };
    assert!(on_call["memberships"].is_object());
    assert_eq!(by_group(&told), "MEMBERSHIP_UNKNOWN_INFO_DENIED");
    let missing = api.troubleshoot("v1", &tuple("no-such-account", "dev@example.com")).await;
    assert_eq!(missing["explainedPolicies"][0], json!({"access": "UNKNOWN_INFO_DENIED"}));
}

#[tokio::test]
async fn deny_policies_are_told_to_those_who_may_read_them() {
    let deny = serde_json::from_value::<Vec<DenyPolicy>>(until("true")).unwrap();
    let reader =
        |role: &str, who: &str| Binding { role: role.into(), members: vec![who.into()], condition: None };
    let (all, allow) = ("user:all@example.com", "user:allow@example.com");
    let api = api(|world| {
        world.organizations[0].deny_policies = deny;
        let policy = &mut world.organizations[0].policy;
        policy.bindings.push(reader("roles/iam.securityReviewer", all));
        policy.bindings.push(reader("roles/iam.denyReviewer", all));
        policy.bindings.push(reader("roles/iam.securityReviewer", allow));
        policy.bindings.push(reader("roles/serviceusage.serviceUsageConsumer", all));
        policy.bindings.push(reader("roles/serviceusage.serviceUsageConsumer", allow));
    })
    .await;
    let asked = tuple("deployer", "dev@example.com");
    let seen = api.of_member(all).await;
    let told = seen.troubleshoot("v3", &asked).await;
    assert_eq!(told["overallAccessState"], "CANNOT_ACCESS", "{told}");
    let closed = seen.of_member(allow).await.troubleshoot("v3", &asked).await;
    assert_eq!(closed["overallAccessState"], "UNKNOWN_INFO", "{closed}");
    assert_eq!(closed["allowPolicyExplanation"]["allowAccessState"], "ALLOW_ACCESS_STATE_GRANTED");
    let denied = &closed["denyPolicyExplanation"];
    assert_eq!(denied["denyAccessState"], "DENY_ACCESS_STATE_UNKNOWN_INFO");
    let levels = denied["explainedResources"].as_array().unwrap();
    let unknown = json!({"denyAccessState": "DENY_ACCESS_STATE_UNKNOWN_INFO"});
    assert!(!levels.is_empty() && levels.iter().all(|level| *level == unknown), "{denied}");
}

#[tokio::test]
async fn what_a_custom_role_gives_is_told_to_those_who_may_read_it() {
    let mut asked = tuple("workspace-sync", "dev@example.com");
    asked["permission"] = json!("iam.serviceAccounts.signJwt");
    let binding = |told: &Value| told["explainedPolicies"][0]["bindingExplanations"][0].clone();
    // Carol may read the policies of accounts and no role.
    let carol = json!([{"role": "organizations/123456789012/roles/tokenAuditor", "members": ["user:carol@example.com"]},
        {"role": "roles/serviceusage.serviceUsageConsumer", "members": ["user:carol@example.com"]}]);
    let carol: Vec<Binding> = serde_json::from_value(carol).unwrap();
    let api = api(|world| world.projects[0].policy.bindings.extend(carol)).await;
    let seen = binding(&api.troubleshoot("v1", &asked).await);
    assert_eq!(
        (&seen["rolePermission"], &seen["access"]),
        (&json!("ROLE_PERMISSION_INCLUDED"), &json!("GRANTED"))
    );
    asked["permission"] = json!("iam.serviceAccounts.actAs");
    let not = binding(&api.troubleshoot("v1", &asked).await);
    assert_eq!(
        (&not["rolePermission"], &not["access"]),
        (&json!("ROLE_PERMISSION_NOT_INCLUDED"), &json!("NOT_GRANTED"))
    );
    let carol = api.of_member("user:carol@example.com").await;
    let hidden = binding(&carol.troubleshoot("v1", &asked).await);
    assert_eq!(hidden["rolePermission"], "ROLE_PERMISSION_UNKNOWN_INFO_DENIED");
    assert_eq!(hidden["access"], "UNKNOWN_INFO_DENIED");
}

#[tokio::test]
async fn a_condition_is_open_until_the_caller_states_the_time() {
    let api = api(|_| ()).await;
    let mut asked = tuple("reports", "dev@example.com");
    assert_eq!(api.troubleshoot("v1", &asked).await["access"], "UNKNOWN_CONDITIONAL");
    let open = api.troubleshoot("v3", &asked).await;
    assert_eq!(open["overallAccessState"], "UNKNOWN_CONDITIONAL");
    for (time, state, value) in [
        ("2026-06-01T00:00:00Z", "ALLOW_ACCESS_STATE_GRANTED", true),
        ("2100-01-01T00:00:00Z", "ALLOW_ACCESS_STATE_NOT_GRANTED", false),
    ] {
        asked["conditionContext"] = json!({"request": {"receiveTime": time}});
        let told = api.troubleshoot("v3", &asked).await;
        let binding = &told["allowPolicyExplanation"]["explainedPolicies"][0]["bindingExplanations"][0];
        assert_eq!(
            (&binding["allowAccessState"], &binding["conditionExplanation"]["value"]),
            (&json!(state), &json!(value))
        );
        assert_eq!(told["overallAccessState"], if value { "CAN_ACCESS" } else { "CANNOT_ACCESS" });
    }
    asked["conditionContext"] = json!({"request": {"receiveTime": "2100-01-01T02:00:00.5+02:00"},
        "destination": {"port": 443}});
    let context = &api.troubleshoot("v3", &asked).await["accessTuple"]["conditionContext"];
    assert_eq!(context["destination"]["port"], "443");
    assert_eq!(context["request"]["receiveTime"], "2100-01-01T00:00:00.500Z");
    asked["conditionContext"]["destination"] = json!({"ip": "192.2.2.2", "port": "8080"});
    assert_eq!(api.troubleshoot("v2alpha1", &asked).await["access"], "NOT_GRANTED");
    let refused = api.troubleshoot("v1", &asked).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("\"conditionContext\" at 'access_tuple'"));
    asked["conditionContext"] = json!({"request": {"receiveTime": "noon"}});
    assert_eq!(api.troubleshoot("v3", &asked).await["error"]["code"], 400);
}

#[tokio::test]
async fn a_deny_policy_wins_over_a_role_and_v3_says_which_rule_it_was() {
    let api =
        api(|world| world.folders[2].deny_policies = serde_json::from_value(until("true")).unwrap()).await;
    let told = api.troubleshoot("v3", &tuple("deployer", "dev@example.com")).await;
    assert_eq!(told["overallAccessState"], "CANNOT_ACCESS");
    assert_eq!(told["accessTuple"]["permissionFqdn"], "iam.googleapis.com/serviceAccounts.getAccessToken");
    assert_eq!(told["allowPolicyExplanation"]["allowAccessState"], "ALLOW_ACCESS_STATE_GRANTED");
    let denied = &told["denyPolicyExplanation"];
    assert_eq!(denied["denyAccessState"], "DENY_ACCESS_STATE_DENIED");
    assert_eq!(denied["explainedResources"].as_array().unwrap().len(), 1);
    let policy = &denied["explainedResources"][0]["explainedPolicies"][0];
    let name = "policies/cloudresourcemanager.googleapis.com%2Ffolders%2F310000000003/denypolicies/no-tokens";
    assert_eq!(policy["policy"]["name"], name);
    let rule = &policy["ruleExplanations"][0];
    assert_eq!(rule["combinedDeniedPrincipal"]["membership"], "MEMBERSHIP_MATCHED");
    assert_eq!(rule["combinedDeniedPermission"]["permissionMatchingState"], "PERMISSION_PATTERN_MATCHED");
    assert_eq!(rule["conditionExplanation"]["value"], true);
    // v1 knows of none, but the mint does.
    assert_eq!(api.troubleshoot("v1", &tuple("deployer", "dev@example.com")).await["access"], "GRANTED");
    let dev = api.of_member(DEV).await;
    let mint = dev.post(&format!("{DEPLOYER}:generateAccessToken"), json!({"scope": [CLOUD]})).await;
    assert_eq!((mint.status.as_u16(), mint.reason()), (403, "IAM_PERMISSION_DENIED"));
    assert_eq!(dev.post(&format!("{DEPLOYER}:signBlob"), json!({"payload": "aGk="})).await.status, 200);
    let asked = dev.post(&format!("{DEPLOYER}:testIamPermissions"), json!({"permissions": [TOKEN]})).await;
    assert_eq!(asked.json, json!({}));
}

#[tokio::test]
async fn a_deny_policy_ends_with_its_condition() {
    let ended = r#"request.time < timestamp("2020-01-01T00:00:00Z")"#;
    let api =
        api(|world| world.projects[0].deny_policies = serde_json::from_value(until(ended)).unwrap()).await;
    let dev = api.of_member(DEV).await;
    let mint = dev.post(&format!("{DEPLOYER}:generateAccessToken"), json!({"scope": [CLOUD]})).await;
    assert_eq!(mint.status, 200);
}

#[test]
fn a_deny_rule_in_the_form_of_an_allow_policy_is_refused() {
    let wrong = [
        ("deniedPrincipals", "user:dev@example.com"),
        ("deniedPermissions", "iam.serviceAccounts.getAccessToken"),
        ("exceptionPrincipals", "principalSet://goog/public:all"),
    ];
    for (field, value) in wrong {
        let text = format!(
            r#"{{"projects":[{{"id":"p","number":1,"denyPolicies":[{{"id":"d","rules":[{{"{field}":["{value}"]}}]}}]}}]}}"#
        );
        let error = World::parse(&text).unwrap_err().to_string();
        let place = format!("projects[0].denyPolicies[0].rules[0].{field}[0]");
        assert!(error.contains(&place) && error.contains(value), "{error}");
    }
}

#[tokio::test]
async fn a_perimeter_keeps_out_all_but_its_own_accounts_and_the_admitted() {
    let mut world = World::demo();
    world.perimeters.push(Perimeter {
        name: "prod".into(),
        projects: vec!["acme-prod".into()],
        services: vec!["iamcredentials.googleapis.com".into()],
        admitted: vec!["group:oncall@example.com".into()],
    });
    let api = TestClient::of(world).await;
    let mint = json!({"scope": [CLOUD]});
    let kept_out = api.post(&format!("{DEPLOYER}:generateAccessToken"), mint.clone()).await;
    assert_eq!((kept_out.status.as_u16(), kept_out.reason()), (403, "SECURITY_POLICY_VIOLATED"));
    let metadata = &kept_out.json["error"]["details"][1]["metadata"];
    assert!(kept_out.message().ends_with(metadata["uid"].as_str().unwrap()));
    assert_eq!(metadata["consumer"], "projects/415104041262");
    assert_eq!(api.get(DEPLOYER).await.status, 200, "IAM is not restricted");
    let nightly = "v1/projects/-/serviceAccounts/nightly@acme-dark.iam.gserviceaccount.com";
    assert_eq!(api.post(&format!("{nightly}:generateAccessToken"), mint.clone()).await.status, 200);
    let inside = api.of_member("serviceAccount:api@acme-prod.iam.gserviceaccount.com").await;
    let url = format!("{}{DEPLOYER}:generateAccessToken", inside.emulator.base_url());
    let from_inside = inside.http.post(url).bearer_auth(&inside.token).json(&mint).send().await.unwrap();
    assert!(from_inside.text().await.unwrap().contains("IAM_PERMISSION_DENIED"));
    let account = "v1/projects/-/serviceAccounts/api@acme-prod.iam.gserviceaccount.com";
    let ann = inside.of_member("user:ann.example@example.com").await;
    let url = format!("{}{account}:generateAccessToken", ann.emulator.base_url());
    let admitted = ann.http.post(url).bearer_auth(&ann.token).json(&mint).send().await.unwrap();
    assert_eq!(admitted.status(), 200);
}

#[tokio::test]
async fn in_the_demo_dev_has_a_role_on_sealed_that_a_deny_policy_takes_back() {
    let api = TestClient::demo().await;
    let sealed = "sealed@acme-locked.iam.gserviceaccount.com";
    let mint = format!("v1/projects/-/serviceAccounts/{sealed}:generateIdToken");
    let refused = api.post(&mint, json!({"audience": "https://a.example"})).await;
    assert_eq!((refused.status.as_u16(), refused.reason()), (403, "IAM_PERMISSION_DENIED"));
    let name = format!("//iam.googleapis.com/projects/acme-locked/serviceAccounts/{sealed}");
    let permission = "iam.serviceAccounts.getOpenIdToken";
    let asked = json!({"principal": "dev@example.com", "fullResourceName": name, "permission": permission});
    let told = api.troubleshoot("v3", &asked).await;
    assert_eq!(told["overallAccessState"], "CANNOT_ACCESS");
    assert_eq!(told["denyPolicyExplanation"]["denyAccessState"], "DENY_ACCESS_STATE_DENIED");
}
