//! Tests of Service Usage: what is on, and turning it on and off.

use super::names::path::NIGHTLY;
use super::*;

const DARK: &str = "v1/projects/acme-dark/services";
const CREDENTIALS: &str = "v1/projects/acme-dark/services/iamcredentials.googleapis.com";

/// A desk whose calls acme-dark pays for, where IAM Credentials is off.
async fn dark(change: impl FnOnce(&mut World)) -> TestClient {
    let mut world = World::demo();
    change(&mut world);
    TestClient { project: "acme-dark", ..TestClient::of(world).await }
}

impl TestClient {
    async fn mint_nightly(&self) -> TestResponse {
        self.post(&format!("{NIGHTLY}:generateAccessToken"), json!({"scope": [CLOUD]})).await
    }

    async fn state_of(&self, service: &str) -> Value {
        self.get(&format!("{DARK}/{service}")).await.json["state"].clone()
    }

    async fn poll(&self, operation: &TestResponse) -> TestResponse {
        self.get(&format!("v1/{}", operation.json["name"].as_str().unwrap())).await
    }
}

#[tokio::test]
async fn an_api_is_on_once_its_operation_has_come_to_its_end() {
    let api = dark(|_| ()).await;
    assert_eq!(api.mint_nightly().await.reason(), "SERVICE_DISABLED");
    let started = api.post(&format!("{CREDENTIALS}:enable"), json!({})).await;
    let name = started.json["name"].as_str().unwrap();
    assert!(name.starts_with("operations/acat.p2-415104041265-") && name.len() == 68, "{name}");
    assert_eq!(
        started.json["metadata"],
        json!({"@type": "type.googleapis.com/google.api.serviceusage.v1.OperationMetadata",
            "resourceNames": ["projects/415104041265/services/iamcredentials.googleapis.com"]})
    );
    assert!(started.json.get("done").is_none());
    assert!(api.poll(&started).await.json.get("done").is_none());
    assert_eq!(api.mint_nightly().await.reason(), "SERVICE_DISABLED");
    let ended = api.poll(&started).await.json;
    assert_eq!(ended["done"], true);
    let kind = "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse";
    assert_eq!(
        (&ended["response"]["@type"], &ended["response"]["service"]["state"]),
        (&json!(kind), &json!("ENABLED"))
    );
    assert_eq!(api.mint_nightly().await.status, 200);
    assert_eq!(api.poll(&started).await.json, ended);
    let again = api.post(&format!("{CREDENTIALS}:enable"), json!({})).await.json;
    assert_eq!((&again["name"], &again["done"]), (&json!("operations/noop.DONE_OPERATION"), &json!(true)));
}

#[tokio::test]
async fn the_world_says_how_long_an_operation_and_its_echo_take() {
    let api = dark(|world| {
        world.operation_polls = Some(0);
        world.activation_seconds = 120;
    })
    .await;
    assert_eq!(api.post(&format!("{CREDENTIALS}:enable"), json!({})).await.json["done"], true);
    assert_eq!(api.state_of("iamcredentials.googleapis.com").await, "ENABLED");
    assert_eq!(api.mint_nightly().await.reason(), "SERVICE_DISABLED");
    api.emulator.handle().advance_clock(120);
    assert_eq!(api.mint_nightly().await.status, 200);
}

#[tokio::test]
async fn an_operation_of_old_does_not_undo_what_was_done_since() {
    let api = dark(|world| world.operation_polls = Some(0)).await;
    let enabled = api.post(&format!("{CREDENTIALS}:enable"), json!({})).await;
    let disabled = api.post(&format!("{CREDENTIALS}:disable"), json!({})).await.json;
    assert_eq!(disabled["response"]["service"]["state"], "DISABLED");
    assert_eq!(api.poll(&enabled).await.json["done"], true);
    assert_eq!(api.state_of("iamcredentials.googleapis.com").await, "DISABLED");
    let twice = api.post(&format!("{CREDENTIALS}:disable"), json!({"checkIfServiceHasUsage": "SKIP"})).await;
    assert_eq!((twice.status.as_u16(), &twice.json["error"]["status"]), (400, &json!("FAILED_PRECONDITION")));
}

#[tokio::test]
async fn services_are_listed_in_pages_by_state_and_read_by_name() {
    let api = dark(|_| ()).await;
    let off = api.get(&format!("{DARK}?filter=state:DISABLED")).await.json;
    let expected = json!([{"name": "projects/415104041265/services/iamcredentials.googleapis.com",
        "parent": "projects/415104041265", "state": "DISABLED",
        "config": {"name": "iamcredentials.googleapis.com", "title": "IAM Service Account Credentials API"}}]);
    assert_eq!(off["services"], expected);
    let first = api.get(&format!("{DARK}?filter=state:ENABLED&pageSize=5")).await.json;
    let next = first["nextPageToken"].as_str().unwrap();
    let rest = api.get(&format!("{DARK}?filter=state:ENABLED&pageToken={next}")).await.json;
    let count = |page: &Value| page["services"].as_array().unwrap().len();
    assert!(count(&first) == 5 && count(&rest) >= 10 && rest.get("nextPageToken").is_none());
    assert_eq!(api.get(&format!("{DARK}?filter=on")).await.status, 400);
    let names = "names=projects/acme-dark/services/iam.googleapis.com&names=projects/415104041265/services/run.googleapis.com";
    let both = api.get(&format!("{DARK}:batchGet?{names}")).await.json;
    assert_eq!((count(&both), &both["services"][1]["config"]["title"]), (2, &json!("Cloud Run Admin API")));
    let elsewhere =
        api.get(&format!("{DARK}:batchGet?names=projects/acme-ci/services/iam.googleapis.com")).await;
    assert_eq!(elsewhere.status, 400);
    let many = vec!["names=projects/acme-dark/services/iam.googleapis.com"; 31].join("&");
    assert_eq!(api.get(&format!("{DARK}:batchGet?{many}")).await.status, 400);
}

#[tokio::test]
async fn a_batch_is_turned_on_whole_or_not_at_all() {
    let api = dark(|world| {
        let dark = world.projects.iter_mut().find(|p| p.id == "acme-dark").unwrap();
        dark.disabled_services.push("run.googleapis.com".into());
        dark.billing = Some(false);
        world.operation_polls = Some(0);
    })
    .await;
    let enable =
        async |ids: &[&str]| api.post(&format!("{DARK}:batchEnable"), json!({"serviceIds": ids})).await;
    let unpaid = enable(&["iamcredentials.googleapis.com", "run.googleapis.com"]).await;
    assert_eq!((unpaid.status.as_u16(), unpaid.reason()), (400, "UREQ_PROJECT_BILLING_NOT_FOUND"));
    assert_eq!(unpaid.json["error"]["details"][0]["violations"][0]["type"], "googleapis.com/billing-enabled");
    let unknown = enable(&["iamcredentials.googleapis.com", "no-such.googleapis.com"]).await;
    assert_eq!(unknown.reason(), "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED");
    assert_eq!(api.state_of("iamcredentials.googleapis.com").await, "DISABLED");
    assert_eq!(enable(&["iam.googleapis.com"; 21]).await.status, 400);
    let both = enable(&["iamcredentials.googleapis.com", "iam.googleapis.com"]).await.json;
    let kind = "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse";
    assert_eq!(both["response"]["@type"], kind);
    assert_eq!(both["response"]["services"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_may_not_turn_it_on_is_told_so() {
    let mut api = dark(|_| ()).await;
    let acme_prod = "v1/projects/acme-prod/services/iam.googleapis.com";
    assert_eq!(api.get(acme_prod).await.status, 200);
    let denied = api.post(&format!("{acme_prod}:disable"), json!({})).await;
    assert_eq!((denied.status.as_u16(), denied.reason()), (403, "AUTH_PERMISSION_DENIED"));
    assert_eq!(api.get("v1/projects/nowhere/services").await.reason(), "RESOURCES_NOT_FOUND");
    let read_only = "https://www.googleapis.com/auth/cloud-platform.read-only";
    api.token = api.emulator.handle().mint(DEV, &[read_only], 3600).await.unwrap();
    assert_eq!(api.get(CREDENTIALS).await.status, 200);
    let narrow = api.post(&format!("{CREDENTIALS}:enable"), json!({})).await;
    assert_eq!(narrow.reason(), "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}

#[tokio::test]
async fn service_usage_may_be_off_itself() {
    let api = dark(|world| {
        let dark = world.projects.iter_mut().find(|p| p.id == "acme-dark").unwrap();
        dark.disabled_services.push("serviceusage.googleapis.com".into());
    })
    .await;
    let off = api.post(&format!("{CREDENTIALS}:enable"), json!({})).await;
    assert_eq!(off.reason(), "SERVICE_DISABLED");
    assert!(off.message().starts_with("Service Usage API has not been used in project 415104041265"));
}

#[tokio::test]
async fn in_the_demo_dev_meets_an_api_that_is_off_as_nightly_and_may_turn_it_on() {
    let api = TestClient::demo().await;
    let token = api.mint_nightly().await.json["accessToken"].as_str().unwrap().to_owned();
    let send = async |path: &str, body: Value| {
        let url = format!("{}{path}", api.emulator.base_url());
        let answer = api.http.post(url).bearer_auth(&token).json(&body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let mint = async || send(&format!("{NIGHTLY}:generateAccessToken"), json!({"scope": [CLOUD]})).await;
    assert_eq!(mint().await["error"]["details"][1]["metadata"]["consumer"], "projects/415104041265");
    let operation = send(&format!("{CREDENTIALS}:enable"), json!({})).await;
    for _ in 0..2 {
        api.get(&format!("v1/{}", operation["name"].as_str().unwrap())).await;
    }
    assert!(mint().await["accessToken"].is_string());
}
