//! Tests of Cloud Asset's searches.

use super::*;

const ORGANIZATION: &str = "v1/organizations/123456789012";

/// The owner, who may search everywhere.
async fn api() -> TestClient {
    let api = TestClient::demo().await;
    let token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    TestClient { token, ..api }
}

fn names(got: &TestResponse, field: &str) -> Vec<String> {
    let results = got.json["results"].as_array().into_iter().flatten();
    results.map(|result| result[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn policies_are_found_by_member_with_the_bindings_that_match_alone() {
    let api = api().await;
    let query = "query=policy:contractor@example.net&assetTypes=iam.googleapis.com/ServiceAccount";
    let found = api.get(&format!("{ORGANIZATION}:searchAllIamPolicies?{query}")).await;
    let result = &found.json["results"][0];
    assert_eq!(found.json["results"].as_array().unwrap().len(), 1);
    assert_eq!(result["assetType"], "iam.googleapis.com/ServiceAccount");
    assert_eq!(
        result["resource"],
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/109300000000000004411"
    );
    assert_eq!(result["project"], "projects/415104041262");
    assert_eq!(result["folders"][0], "folders/310000000003");
    assert_eq!(result["organization"], "organizations/123456789012");
    let bindings = result["policy"]["bindings"].as_array().unwrap();
    assert_eq!((bindings.len(), &bindings[0]["members"]), (1, &json!(["user:contractor@example.net"])));
    assert!(bindings[0]["condition"]["expression"].is_string() && result.get("explanation").is_none());
}

#[tokio::test]
async fn policies_are_found_by_what_their_roles_give_and_that_is_explained() {
    let api = api().await;
    let query = "query=policy.role.permissions:iam.serviceAccounts.getOpenIdToken%20policy:dev@example.com";
    let found = api.get(&format!("v1/projects/acme-prod:searchAllIamPolicies?{query}&pageSize=500")).await;
    assert!(!found.json["results"].as_array().unwrap().is_empty());
    for result in found.json["results"].as_array().unwrap() {
        for binding in result["policy"]["bindings"].as_array().unwrap() {
            let role = binding["role"].as_str().unwrap();
            let matched = &result["explanation"]["matchedPermissions"][role]["permissions"];
            assert_eq!(matched, &json!(["iam.serviceAccounts.getOpenIdToken"]), "{role}");
            assert!(binding["members"].as_array().unwrap().contains(&json!(DEV)));
        }
    }
}

#[tokio::test]
async fn resources_are_found_by_type_and_words_sorted_and_masked() {
    let api = api().await;
    let accounts = format!("{ORGANIZATION}:searchAllResources?assetTypes=iam.googleapis.com/ServiceAccount");
    let canary = api.get(&format!("{accounts}&query=displayName:canary")).await.json["results"][0].clone();
    assert_eq!(
        (&canary["state"], &canary["parentAssetType"]),
        (&json!("DISABLED"), &json!("cloudresourcemanager.googleapis.com/Project"))
    );
    assert_eq!(canary["additionalAttributes"]["email"], "deploy-canary@acme-prod.iam.gserviceaccount.com");
    let masked = api
        .get(&format!("{accounts}&query=displayName:relay*&orderBy=displayName%20DESC&readMask=displayName"))
        .await;
    assert_eq!(masked.json["results"], json!([{"displayName": "Relay B"}, {"displayName": "Relay A"}]));
    let projects = api
        .get(&format!("{ORGANIZATION}:searchAllResources?assetTypes=.*Project&query=labels.env:prod"))
        .await;
    assert_eq!(names(&projects, "name"), ["//cloudresourcemanager.googleapis.com/projects/acme-prod"]);
    let keys =
        api.get(&format!("{ORGANIZATION}:searchAllResources?assetTypes=.*Key&query=state=DISABLED")).await;
    assert_eq!(keys.json["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn results_come_in_pages() {
    let api = api().await;
    let url =
        format!("{ORGANIZATION}:searchAllResources?assetTypes=iam.googleapis.com/ServiceAccount&pageSize=50");
    let first = api.get(&url).await;
    let next = first.json["nextPageToken"].as_str().unwrap();
    let rest = api.get(&format!("{url}&pageToken={next}")).await;
    let all: std::collections::HashSet<String> =
        names(&first, "name").into_iter().chain(names(&rest, "name")).collect();
    assert!(first.json["results"].as_array().unwrap().len() == 50 && all.len() > 60);
}

#[tokio::test]
async fn a_search_is_refused_without_the_permission_or_with_what_there_is_not() {
    let api = api().await;
    for wrong in [
        "searchAllIamPolicies?query=policy:(a%20OR%20b)",
        "searchAllIamPolicies?assetTypes=compute.googleapis.com/Disk",
        "searchAllIamPolicies?orderBy=policy",
        "searchAllResources?readMask=email",
        "searchAllResources?filter=x",
    ] {
        assert_eq!(api.get(&format!("{ORGANIZATION}:{wrong}")).await.status, 400, "{wrong}");
    }
    let token = api.emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap();
    let dev = TestClient { token, ..api };
    let denied = dev.get(&format!("{ORGANIZATION}:searchAllIamPolicies")).await;
    assert_eq!((denied.status.as_u16(), denied.reason()), (403, "IAM_PERMISSION_DENIED"));
}
