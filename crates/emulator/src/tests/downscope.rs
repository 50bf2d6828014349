//! Tests of downscoped tokens: what a boundary leaves of a token, and which boundaries there may be.

use serde_json::Map;

use super::*;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const PROD: &str = "//cloudresourcemanager.googleapis.com/projects/acme-prod";
const BUCKET: &str = "//storage.googleapis.com/projects/_/buckets/reports";
const OWNER: &str = crate::names::member::DEPLOYER;

pub(super) fn rule(resource: &str, roles: &[&str]) -> Value {
    let roles: Vec<String> = roles.iter().map(|role| format!("inRole:{role}")).collect();
    json!({"availableResource": resource, "availablePermissions": roles})
}

pub(super) fn boundary(rules: &[Value]) -> Value {
    json!({"accessBoundary": {"accessBoundaryRules": rules}})
}

impl TestClient {
    pub(super) async fn downscoped(&self, token: &str, options: &Value) -> TestResponse {
        let asked = json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": ACCESS_TOKEN, "subject_token_type": ACCESS_TOKEN, "subject_token": token,
            "options": options.to_string()});
        let asked: Map<String, Value> = asked.as_object().unwrap().clone();
        self.form("v1/token", &asked, None).await
    }

    /// The token of the desk within rules.
    async fn within(&self, rules: &[Value]) -> String {
        let got = self.downscoped(&self.token, &boundary(rules)).await;
        got.json["access_token"].as_str().expect(&got.text).to_owned()
    }
}

fn refusal(got: &TestResponse) -> (u16, String) {
    (got.status.as_u16(), got.json["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_downscoped_token_lasts_as_long_as_its_source() {
    let api = TestClient::demo().await;
    let account = api.emulator.handle().mint(OWNER, &[CLOUD], 600).await.unwrap();
    let got = api.downscoped(&account, &boundary(&[rule(BUCKET, &["roles/storage.objectViewer"])])).await;
    let token = got.json["access_token"].as_str().expect(&got.text).to_owned();
    assert!(token.starts_with("ya29.dr."), "{token}");
    assert_eq!(
        (&got.json["issued_token_type"], &got.json["token_type"]),
        (&json!(ACCESS_TOKEN), &json!("Bearer"))
    );
    assert!((580..600).contains(&got.json["expires_in"].as_i64().unwrap()), "{}", got.text);
    // Of a person's token the end is not told.
    let person = api.downscoped(&api.token, &boundary(&[rule(PROD, &["roles/viewer"])])).await;
    assert!(person.status == 200 && person.json["expires_in"].is_null(), "{}", person.text);
    api.emulator.handle().advance_clock(601);
    assert_eq!(api.bare(DEPLOYER, &token, None).await.reason(), "ACCESS_TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_boundary_leaves_what_its_rules_name_and_nothing_else() {
    let api = TestClient::demo().await;
    let [see, mint] = ["iam.serviceAccounts.get", "iam.serviceAccounts.getOpenIdToken"];
    let viewer = rule(PROD, &["roles/iam.serviceAccountViewer"]);
    let minter = rule(PROD, &["roles/iam.serviceAccountOpenIdTokenCreator"]);
    let bucket = rule(BUCKET, &["roles/storage.admin"]);
    let elsewhere = rule(&PROD.replace("acme-prod", "acme-ci"), &["roles/owner", CREATOR]);
    for (rules, left) in [
        (vec![viewer.clone()], vec![see]),
        (vec![bucket.clone(), minter.clone()], vec![mint]),
        (vec![viewer, minter], vec![see, mint]),
        (vec![bucket], vec![]),
        (vec![elsewhere], vec![]),
    ] {
        let token = api.within(&rules).await;
        let status = |permission| if left.contains(&permission) { 200 } else { 403 };
        assert_eq!(api.bare(DEPLOYER, &token, None).await.status, status(see), "{rules:?}");
        let asked = Some(json!({"audience": "https://a.example"}));
        let minted = api.bare(&format!("{DEPLOYER}:generateIdToken"), &token, asked).await;
        assert_eq!(minted.status, status(mint), "{rules:?}");
        let asked = Some(json!({"permissions": [see, mint]}));
        let tested = api.bare(&format!("{DEPLOYER}:testIamPermissions"), &token, asked).await;
        let expected = if left.is_empty() { json!({}) } else { json!({"permissions": left}) };
        assert_eq!(tested.json, expected, "{rules:?}");
    }
}

#[tokio::test]
async fn a_boundary_gives_nothing_that_its_holder_does_not_have() {
    let api = TestClient::demo().await;
    let top = "//cloudresourcemanager.googleapis.com/organizations/123456789012";
    let token = api.within(&[rule(top, &["roles/owner", CREATOR])]).await;
    let denied = api.bare("v1/projects/acme-locked/serviceAccounts", &token, None).await;
    assert_eq!(denied.reason(), "IAM_PERMISSION_DENIED");
}

#[tokio::test]
async fn a_rule_is_there_as_long_as_its_condition_holds() {
    let api = TestClient::demo().await;
    let conditional = |expression: &str| {
        let mut rule = rule(PROD, &["roles/iam.serviceAccountViewer"]);
        rule["availabilityCondition"] = json!({"title": "t", "expression": expression});
        rule
    };
    let id = api.get(DEPLOYER).await.json["uniqueId"].as_str().unwrap().to_owned();
    for (expression, status) in [
        (format!("resource.name.endsWith('/{id}')"), 200),
        ("resource.name.startsWith('projects/_/buckets/reports/objects/')".into(), 403),
        ("request.time < timestamp('2020-01-01T00:00:00Z')".into(), 403),
    ] {
        let token = api.within(&[conditional(&expression)]).await;
        assert_eq!(api.bare(DEPLOYER, &token, None).await.status, status, "{expression}");
    }
}

#[tokio::test]
async fn only_the_token_service_knows_a_downscoped_token() {
    let api = TestClient::demo().await;
    let token = api.within(&[rule(PROD, &["roles/viewer"])]).await;
    assert_eq!(api.username(&token).await, "dev@example.com");
    let info = api.post("tokeninfo", json!({"access_token": token})).await;
    assert_eq!(refusal(&info), (400, "invalid_token".into()));
    assert_eq!(api.bare("v1/userinfo", &token, None).await.status, 401);
    let again = api.downscoped(&token, &boundary(&[rule(PROD, &["roles/viewer"])])).await;
    assert_eq!(refusal(&again), (400, "invalid_request".into()));
}

#[tokio::test]
async fn a_boundary_that_the_documents_do_not_admit_is_refused() {
    let api = TestClient::demo().await;
    let good = || rule(BUCKET, &["roles/storage.objectViewer"]);
    let with = |field: &str, value: Value| {
        let mut rule = good();
        rule[field] = value;
        boundary(&[rule])
    };
    assert_eq!(api.downscoped(&api.token, &boundary(&vec![good(); 10])).await.status, 200);
    let long = format!("resource.name == '{}'", "x".repeat(2_048));
    for options in [
        json!({}),
        json!({"userProject": "acme-prod"}),
        boundary(&[]),
        boundary(&vec![good(); 11]),
        json!({"accessBoundary": {"rules": []}}),
        json!({"accessBoundary": []}),
        with("availableResource", json!("reports")),
        with("availableResource", json!("//storage.googleapis.com")),
        with("availablePermissions", json!([])),
        with("availablePermissions", json!(["roles/storage.objectViewer"])),
        with("availablePermissions", json!(["storage.objects.get"])),
        with("availablePermissions", json!(["inRole:roles/storage.objectGazer"])),
        with("availabilityCondition", json!({"expression": "resource.nam == 'x'"})),
        with("availabilityCondition", json!({"expression": ""})),
        with("availabilityCondition", json!({"expression": long})),
        with("condition", json!({"expression": "true"})),
    ] {
        let got = api.downscoped(&api.token, &options).await;
        assert_eq!(refusal(&got), (400, "invalid_request".into()), "{options}: {}", got.text);
        assert!(got.text.contains("Invalid value for"), "{}", got.text);
    }
    let stranger = api.downscoped("ya29.a0-other", &boundary(&[good()])).await;
    assert_eq!(refusal(&stranger), (400, "invalid_grant".into()));
}
