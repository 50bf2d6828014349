//! Tests of what can be read of identity pools and of deny policies.

use super::*;

const CI: &str = "v1/projects/acme-ci/locations/global/workloadIdentityPools";
const STAFF: &str = "v1/locations/global/workforcePools";

async fn owner() -> TestClient {
    let mut api = TestClient::demo().await;
    api.token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    api
}

#[tokio::test]
async fn pools_and_providers_are_told_as_the_world_has_them() {
    let api = owner().await;
    let listed = api.get(CI).await.json;
    let name = "projects/415104041264/locations/global/workloadIdentityPools/ci-pool";
    assert_eq!(listed, json!({"workloadIdentityPools": [{"name": name, "state": "ACTIVE"}]}));
    assert_eq!(api.get(&format!("{CI}/ci-pool")).await.json, listed["workloadIdentityPools"][0]);
    let first = api.get(&format!("{CI}/ci-pool/providers?pageSize=1")).await.json;
    let github = &first["workloadIdentityPoolProviders"][0];
    assert_eq!(github["name"], format!("{name}/providers/github"));
    assert_eq!(
        github["attributeMapping"],
        json!({"google.subject": "assertion.sub",
        "google.groups": "assertion.environments", "attribute.repository": "assertion.repository"})
    );
    assert_eq!(github["oidc"]["issuerUri"], "https://token.actions.example.com");
    let keys: Value = serde_json::from_str(github["oidc"]["jwksJson"].as_str().unwrap()).unwrap();
    assert_eq!(keys["keys"][0]["alg"], "ES256");
    let token = first["nextPageToken"].as_str().unwrap();
    let second = api.get(&format!("{CI}/ci-pool/providers?pageToken={token}")).await.json;
    assert_eq!(second["workloadIdentityPoolProviders"][0]["aws"], json!({"accountId": "123456789012"}));
    let aws = api.get(&format!("{CI}/ci-pool/providers/aws")).await.json;
    assert_eq!(aws, second["workloadIdentityPoolProviders"][0]);
}

#[tokio::test]
async fn workforce_pools_are_those_of_an_organization() {
    let api = owner().await;
    let listed = api.get(&format!("{STAFF}?parent=organizations/123456789012")).await.json;
    let pool = json!({"name": "locations/global/workforcePools/staff", "parent": "organizations/123456789012",
        "state": "ACTIVE"});
    assert_eq!(listed, json!({"workforcePools": [pool]}));
    assert_eq!(api.get(&format!("{STAFF}/staff")).await.json, pool);
    let providers = api.get(&format!("{STAFF}/staff/providers")).await.json;
    let provider = &providers["workforcePoolProviders"][0];
    assert_eq!(provider["oidc"]["clientId"], "acme-console");
    assert_eq!(api.get(&format!("{STAFF}/staff/providers/partner-login")).await.json, *provider);
    for wrong in ["", "?parent=projects/acme-ci"] {
        assert_eq!(api.get(&format!("{STAFF}{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn pool_that_is_not_there_is_missed_only_by_those_who_may_look() {
    let mut api = owner().await;
    for path in [
        format!("{CI}/nothing"),
        format!("{CI}/ci-pool/providers/nothing"),
        CI.replace("global", "europe-west1") + "/ci-pool",
        "v1/projects/acme-prod/locations/global/workloadIdentityPools/ci-pool".to_owned(),
        format!("{CI}/staff"),
    ] {
        assert_eq!(api.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(api.get(&CI.replace("global", "europe-west1")).await.json, json!({}));
    api.token = api.emulator.handle().mint("user:nobody@example.net", &[CLOUD], 3600).await.unwrap();
    api.project = "acme-prod";
    for (path, permission) in [
        (CI.to_owned(), "workloadIdentityPools.list"),
        (format!("{CI}/ci-pool"), "workloadIdentityPools.get"),
        (format!("{CI}/nothing/providers"), "workloadIdentityPoolProviders.list"),
        (format!("{STAFF}/staff/providers/x"), "workforcePoolProviders.get"),
        (format!("{STAFF}/nothing"), "workforcePools.get"),
    ] {
        let url = format!("{}{path}", api.emulator.base_url());
        let refused: Value =
            api.http.get(url).bearer_auth(&api.token).send().await.unwrap().json().await.unwrap();
        let named = &refused["error"]["details"][0]["metadata"]["permission"];
        assert_eq!(*named, format!("iam.googleapis.com/{permission}"), "{path}: {refused}");
    }
}

#[tokio::test]
async fn deny_policies_are_read_where_they_are_attached() {
    let api = owner().await;
    let at = |node: &str| format!("v2/policies/cloudresourcemanager.googleapis.com%2F{node}/denypolicies");
    let listed = api.get(&at("projects%2Facme-locked")).await.json;
    let policy = &listed["policies"][0];
    let start = "policies/cloudresourcemanager.googleapis.com%2Fprojects%2F";
    assert!(policy["name"].as_str().unwrap().starts_with(start), "{listed}");
    assert_eq!(
        (&policy["kind"], &policy["displayName"]),
        (&json!("DenyPolicy"), &json!("No ID tokens from here"))
    );
    assert!(policy["rules"].is_null() && policy["etag"].is_null());
    let whole = api.get(&format!("v2/{}", policy["name"].as_str().unwrap())).await.json;
    let rule = &whole["rules"][0]["denyRule"];
    assert_eq!(rule["deniedPermissions"], json!(["iam.googleapis.com/serviceAccounts.getOpenIdToken"]));
    assert!(whole["etag"].is_string() && rule["denialCondition"].is_null());
    assert_eq!(whole["uid"], policy["uid"]);
    assert_eq!(api.get(&at("organizations%2F123456789012")).await.json, json!({}));
    assert_eq!(api.get(&format!("{}/nothing", at("projects%2Facme-locked"))).await.status, 404);
    let other = "v2/policies/iam.googleapis.com%2Fprojects%2Facme-locked/denypolicies";
    assert_eq!(api.get(other).await.status, 400);
    // The slashes of the name have to be escaped; gcloud does it twice.
    let open = "v2/policies/cloudresourcemanager.googleapis.com/projects/acme-locked/denypolicies";
    assert_eq!(api.get(open).await.status, 404);
    let twice = api.get(&at("projects%2Facme-locked").replace("%2F", "%252F")).await;
    assert_eq!(twice.json, listed);
    assert_eq!(api.get(&at("projects%2Fnothing")).await.reason(), "IAM_PERMISSION_DENIED");
}

#[tokio::test]
async fn deleted_account_is_denied_under_its_deleted_name() {
    let mut world = World::demo();
    let project = world.projects.iter_mut().find(|project| project.id == "acme-locked").unwrap();
    let account = "deployer@acme-prod.iam.gserviceaccount.com";
    let named = format!("principal://iam.googleapis.com/projects/-/serviceAccounts/{account}");
    project.deny_policies[0].rules[0].denied_principals = vec![named.clone()];
    let mut api = TestClient::of(world).await;
    api.token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    let path =
        "v2/policies/cloudresourcemanager.googleapis.com%2Fprojects%2Facme-locked/denypolicies/no-id-tokens";
    let denied = async || api.get(path).await.json["rules"][0]["denyRule"]["deniedPrincipals"][0].clone();
    assert_eq!(denied().await, named);
    api.send(Method::DELETE, DEPLOYER, None).await.unwrap();
    assert_eq!(denied().await, format!("deleted:{named}?uid=109300000000000004411"));
}
