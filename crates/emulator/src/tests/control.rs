//! Tests of the emulator's own endpoint.

use super::*;

async fn open() -> TestClient {
    let api = TestClient::demo().await;
    api.emulator.open_control();
    api
}

#[tokio::test]
async fn there_is_no_such_path_until_it_is_opened() {
    let api = TestClient::demo().await;
    assert_eq!(api.get("_emulator/requests").await.status, 404);
    assert!(first_line(&api.emulator).get("control").is_none());
    api.emulator.open_control();
    assert_eq!(api.get("_emulator/requests").await.status, 200);
    let expected = format!("{}_emulator/", api.emulator.base_url());
    assert_eq!(first_line(&api.emulator)["control"], expected);
}

#[tokio::test]
async fn faults_are_armed_and_disarmed_and_wrong_ones_refused() {
    let api = open().await;
    let armed = api.post("_emulator/faults", json!({"method": "iam.*", "error": "UNAVAILABLE"})).await;
    assert_eq!(armed.status, 200);
    assert_eq!(api.get(DEPLOYER).await.status, 503);
    assert_eq!(api.send(Method::DELETE, "_emulator/faults", None).await.unwrap().status, 200);
    assert_eq!(api.get(DEPLOYER).await.status, 200);
    for (body, problem) in [
        (json!({"method": "*", "hangs": true}), "hangs"),
        (json!({"method": "*", "error": "TEAPOT"}), "TEAPOT"),
        (json!({"error": "UNAVAILABLE"}), "method called"),
        (json!({"method": "iam.serviceAccount.get", "hang": true}), "iam.serviceAccount.get"),
        (json!({"method": "iam.*", "retryAfter": 3}), "method: this fault"),
        (json!({"method": "iam.*", "retryDelayMs": 3}), "method: this fault"),
        (json!({"method": "iam.*", "hang": true, "times": 0}), "times: 0 calls"),
        (json!({"method": "unrouted", "error": "UNAVAILABLE"}), "error: where no method"),
        (json!({"method": "unrouted", "perMinute": 1}), "perMinute: where no method"),
        (json!({"method": "unrouted", "tokenExpired": true}), "tokenExpired: "),
        (json!({"method": "iam.serviceAccounts.get", "etagConflict": true}), "etagConflict: "),
        (json!({"method": "iam.serviceAccounts.setIamPolicy", "staleRead": true}), "staleRead: "),
        (json!({"method": "iam.*", "error": "INVALID_GRANT"}), "error: "),
        (json!({"method": "metadata.*", "tokenExpired": true, "delayMs": 5}), "tokenExpired: "),
        (json!(["iam.*", "", 0, 1, null, 0, true]), "a JSON object"),
        (json!({"method": "iam.*", "contentType": "a\nb"}), "contentType: "),
        (json!({"method": "iam.*", "redirect": "http://x\r\nSet-Cookie: a=b"}), "redirect: "),
    ] {
        let refused = api.post("_emulator/faults", body).await;
        assert!(refused.status == 400 && refused.text.contains(problem), "{}", refused.text);
    }
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn the_clock_is_advanced_and_tokens_end() {
    let api = open().await;
    let before = api.emulator.handle().now();
    assert_eq!(api.post("_emulator/clock", json!([7200])).await.status, 400);
    assert_eq!(api.post("_emulator/clock", json!({"advanceSeconds": 3600})).await.status, 200);
    assert!(api.emulator.handle().now() >= before + 3600);
    assert_eq!(api.get(DEPLOYER).await.reason(), "ACCESS_TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_time_that_no_header_can_tell_is_refused_and_nothing_moves() {
    let api = open().await;
    let before = api.emulator.handle().now();
    for far in [i64::MAX, i64::MIN, 300_000_000_000] {
        let refused = api.post("_emulator/clock", json!({"advanceSeconds": far})).await;
        assert!(refused.status == 400 && refused.text.contains("advanceSeconds: "), "{}", refused.text);
        let fault = json!({"method": "*", "dateOffsetSeconds": far});
        let refused = api.post("_emulator/faults", fault).await;
        assert!(refused.status == 400 && refused.text.contains("dateOffsetSeconds: "), "{}", refused.text);
    }
    assert!((before..before + 60).contains(&api.emulator.handle().now()));
    // What was armed past that check breaks nothing either.
    api.fault(fault("*").date_offset_seconds(i64::MAX)).await;
    assert_eq!(api.get(DEPLOYER).await.headers["date"], "Fri, 01 Jan 9999 00:00:00 GMT");
}

#[tokio::test]
async fn the_log_tells_no_secret_and_nothing_of_itself() {
    let api = open().await;
    api.get(&format!("{DEPLOYER}?access_token=somebody-elses-secret")).await;
    api.get("_emulator/requests").await;
    let log = api.get("_emulator/requests").await;
    assert!(!log.text.contains("secret") && !log.text.contains(&api.token));
    let path = "/v1/projects/-/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com";
    let expected = json!([{"method": "iam.serviceAccounts.get", "path": path, "status": 200}]);
    assert_eq!(log.json["requests"], expected);
}

#[tokio::test]
async fn a_handle_asks_without_a_connection_what_a_connection_is_answered() {
    let api = open().await;
    let (status, body) = api.emulator.handle().ask("GET", &format!("/{DEPLOYER}"), &api.token, None).await;
    assert_eq!((status, body), (200, api.get(DEPLOYER).await.text.into_bytes()));
}

#[tokio::test]
async fn the_methods_are_listed_under_the_names_that_faults_and_the_log_use() {
    let api = open().await;
    let listed = api.get("_emulator/methods").await.json;
    let expected = json!({"method": "iam.serviceAccounts.get", "service": "iam.googleapis.com", "verb": "GET",
        "path": "/v1/projects/{project}/serviceAccounts/{account}"});
    let methods = listed["methods"].as_array().unwrap();
    assert!(methods.contains(&expected));
    assert!(methods.iter().any(|one| one["method"] == "unrouted"));
    let names: Vec<&str> = methods.iter().filter_map(|one| one["method"].as_str()).collect();
    assert_eq!(names, routes::names().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_errors_are_listed_under_the_names_that_faults_use_and_the_docs_have_them_all() {
    let api = open().await;
    let listed = api.get("_emulator/errors").await.json;
    let names: Vec<&str> =
        listed["errors"].as_array().unwrap().iter().filter_map(|one| one["error"].as_str()).collect();
    assert!(names.contains(&"RESOURCE_EXHAUSTED") && names.len() == error::names().count());
    let page = include_str!("../../../../docs/emulator/faults.md");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[tokio::test]
async fn a_page_in_a_browser_cannot_use_it() {
    let api = open().await;
    let url = format!("{}_emulator/faults", api.emulator.base_url());
    let simple = api.http.post(&url).body(r#"{"method":"*","hang":true}"#).send().await.unwrap();
    assert_eq!(simple.status(), 415);
    let rebound = api.http.delete(&url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
}

#[tokio::test]
async fn handle_tells_who_has_a_permission() {
    let api = TestClient::demo().await;
    let handle = api.emulator.handle();
    let deployer = "deployer@acme-prod.iam.gserviceaccount.com";
    let has = async |member: &str, email: &str| {
        handle.has_permission(member, crate::names::GET_ACCESS_TOKEN, email).await
    };
    assert_eq!(
        (has(DEV, deployer).await, has("user:nobody@example.net", deployer).await),
        (Some(true), Some(false))
    );
    assert_eq!(
        (has("allUsers", deployer).await, has(DEV, "gone@acme-prod.iam.gserviceaccount.com").await),
        (None, None)
    );
}
