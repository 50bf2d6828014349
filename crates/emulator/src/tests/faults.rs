//! Tests of faults.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_reset_gives_no_byte_and_the_work_is_done_or_not() {
    let api = TestClient::demo().await;
    let set = json!({"policy": {"version": 3, "bindings": [{"role": CREATOR, "members": [DEV]}]}});
    let url = format!("{EDITABLE}:setIamPolicy");
    let bindings = || async {
        api.emulator
            .handle()
            .policy_of("editable@acme-prod.iam.gserviceaccount.com")
            .await
            .unwrap()
            .bindings
            .len()
    };
    let before = bindings().await;
    api.fault(fault("iam.serviceAccounts.setIamPolicy").delivery(Delivery::ResetBefore)).await;
    assert!(api.send(Method::POST, &url, Some(set.clone())).await.is_err());
    assert_eq!(bindings().await, before);
    api.fault(fault("iam.serviceAccounts.setIamPolicy").delivery(Delivery::ResetAfter)).await;
    assert!(api.send(Method::POST, &url, Some(set)).await.is_err());
    assert_eq!(bindings().await, 1);
    assert_eq!(api.emulator.handle().request_log().await.last().unwrap().status, 0);
}

#[tokio::test]
async fn faults_break_answers_as_they_say() {
    let api = TestClient::demo().await;
    api.fault(fault("iam.serviceAccounts.get").delivery(Delivery::Truncate)).await;
    assert!(api.send(Method::GET, DEPLOYER, None).await.is_err());
    api.fault(fault("*").delivery(Delivery::Html { status: 502 })).await;
    assert_eq!(api.get(DEPLOYER).await.status, 502);
    let quota = fault("iam.*").error("RATE_LIMIT_EXCEEDED").retry_after(2);
    api.fault(quota).await;
    let limited = api.get(DEPLOYER).await;
    assert_eq!((limited.status.as_u16(), limited.headers["retry-after"].to_str().unwrap()), (429, "2"));
    api.fault(fault("iam.*").outcome(Outcome::TokenExpired)).await;
    assert_eq!(api.get(DEPLOYER).await.reason(), "ACCESS_TOKEN_EXPIRED");
    api.fault(fault("iam.*").answer(418, json!({"error": 1}))).await;
    assert_eq!(api.get(DEPLOYER).await.status, 418);
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_text_is_sent_as_it_is() {
    let api = TestClient::demo().await;
    let told = "Unable to generate access token; IAM returned 403 Forbidden\n";
    let token = "computeMetadata/v1/instance/service-accounts/default/token";
    for (method, path, text, kind) in [
        ("metadata.token", token, told, "text/plain"),
        ("iam.serviceAccounts.get", DEPLOYER, told, "text/plain"),
        ("unrouted", "nowhere", "<html>Sign in</html>", "text/html"),
        ("iam.*", DEPLOYER, "<?xml version='1.0'?><Error/>", "application/xml"),
        ("iam.*", DEPLOYER, "{\"error\":  1}", "application/json"),
        ("iam.*", DEPLOYER, "", "text/plain"),
    ] {
        api.fault(fault(method).answer(403, json!(text))).await;
        let url = format!("{}{path}", api.emulator.base_url());
        let request = api.http.get(url).bearer_auth(&api.token).header("metadata-flavor", "Google");
        let answer = request.send().await.unwrap();
        let found = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(answer.status() == 403 && found.starts_with(kind), "{method}: {found}");
        assert_eq!(answer.text().await.unwrap(), text);
    }
    let typed = fault("iam.*").answer(200, json!("ok")).content_type("application/text");
    api.fault(typed).await;
    let answer = api.get(DEPLOYER).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (200, "ok"));
    assert_eq!(answer.headers["content-type"], "application/text");
}

#[tokio::test]
async fn a_hanging_call_hangs_alone() {
    let api = TestClient::demo().await;
    api.fault(Fault::on("iam.serviceAccounts.get").delivery(Delivery::Hang)).await;
    let url = format!("{}{DEPLOYER}", api.emulator.base_url());
    let hanging = api.http.get(&url).timeout(Duration::from_millis(100)).send().await;
    assert!(hanging.unwrap_err().is_timeout());
    api.emulator.handle().clear_faults().await;
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[test]
fn a_world_may_not_ask_for_an_error_that_there_is_not() {
    let error = World::parse(r#"{"faults":[{"method":"*","error":"TEAPOT"}]}"#).unwrap_err().to_string();
    assert!(error.contains("faults[0].error") && error.contains("TEAPOT"), "{error}");
}

#[tokio::test]
async fn an_answer_may_be_html_under_200_a_redirect_empty_or_of_another_type() {
    let api = TestClient::demo().await;
    api.fault(fault("iam.*").delivery(Delivery::Html { status: 200 })).await;
    let page = api.get(DEPLOYER).await;
    assert!(page.status == 200 && page.text.contains("<title>Error 200 (OK)!!1</title>"), "{}", page.text);
    api.fault(fault("iam.*").delivery(Delivery::Html { status: 404 })).await;
    assert!(api.get(DEPLOYER).await.text.contains("Error 404 (Not Found)!!1"));
    let elsewhere = format!("{}elsewhere", api.emulator.base_url());
    api.fault(fault("iam.*").delivery(Delivery::Redirect { status: 307, to: elsewhere.clone() })).await;
    let still = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let moved = still.get(format!("{}{DEPLOYER}", api.emulator.base_url())).send().await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()),
        (307, elsewhere.as_str())
    );
    api.fault(fault("iam.*").delivery(Delivery::Empty { status: None })).await;
    let nothing = api.get(DEPLOYER).await;
    assert!(
        nothing.status == 200 && nothing.text.is_empty() && !nothing.headers.contains_key("content-type")
    );
    api.fault(fault("iam.*").delivery(Delivery::Empty { status: Some(503) })).await;
    assert_eq!(api.get(DEPLOYER).await.status, 503);
    api.fault(fault("iam.*").content_type("text/plain")).await;
    let other = api.get(DEPLOYER).await;
    assert!(other.headers["content-type"] == "text/plain" && other.json["uniqueId"].is_string());
}

#[tokio::test]
async fn a_dripping_answer_is_whole_in_the_end() {
    let api = TestClient::demo().await;
    let whole = api.get(DEPLOYER).await.text;
    api.fault(fault("iam.*").delivery(Delivery::Drip { pause_ms: 1 })).await;
    let url = format!("{}{DEPLOYER}", api.emulator.base_url());
    let mut answer = api.http.get(url).bearer_auth(&api.token).send().await.unwrap();
    let (mut read, mut drops) = (Vec::new(), 0);
    while let Some(drop) = answer.chunk().await.unwrap() {
        read.extend_from_slice(&drop);
        drops += 1;
    }
    assert_eq!(String::from_utf8(read).unwrap(), whole);
    assert!(drops > 1, "{drops}");
}

#[tokio::test]
async fn a_gzip_bomb_grows_a_hundredfold_in_the_reader_s_hands() {
    let api = TestClient::demo().await;
    api.fault(fault("iam.*").delivery(Delivery::GzipBomb)).await;
    let url = format!("{}{DEPLOYER}", api.emulator.base_url());
    let mut answer = api.http.get(url).bearer_auth(&api.token).send().await.unwrap();
    let mut grown = 0;
    while grown < 64 * 1024 * 1024 {
        let part = answer.chunk().await.unwrap().expect("there is more");
        assert!(part.iter().all(|byte| *byte == b' '));
        grown += part.len();
    }
}

#[tokio::test]
async fn a_quota_has_room_for_so_many_calls_a_minute_and_tells_no_time_unless_asked() {
    let api = TestClient::demo().await;
    api.fault(Fault::on("iam.serviceAccounts.get").per_minute(2)).await;
    let calls = [api.get(DEPLOYER).await, api.get(DEPLOYER).await, api.get(DEPLOYER).await];
    assert_eq!(calls.each_ref().map(|call| call.status.as_u16()), [200, 200, 429]);
    assert_eq!(calls[2].reason(), "RATE_LIMIT_EXCEEDED");
    assert!(!calls[2].headers.contains_key("retry-after"));
    api.emulator.handle().advance_clock(60);
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn every_reason_can_be_had_by_its_name() {
    let api = TestClient::demo().await;
    for (name, status) in [
        ("IAM_PERMISSION_DENIED", 403),
        ("USER_PROJECT_DENIED", 403),
        ("CONSUMER_INVALID", 403),
        ("BILLING_DISABLED", 403),
        ("ORG_RESTRICTION_VIOLATION", 403),
        ("CREDENTIALS_MISSING", 401),
        ("ACCESS_TOKEN_TYPE_UNSUPPORTED", 401),
    ] {
        api.fault(fault("iam.*").error(name)).await;
        let refused = api.get(DEPLOYER).await;
        assert_eq!((refused.status.as_u16(), refused.reason()), (status, name));
    }
    for (name, status) in [("ABORTED", 409), ("ALREADY_EXISTS", 409), ("DEADLINE_EXCEEDED", 504)] {
        api.fault(fault("iam.*").error(name)).await;
        assert_eq!(api.get(DEPLOYER).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_refusal_speaks_as_the_service_that_is_hit() {
    let api = TestClient::demo().await;
    let hit = async |method: &str, path: &str, name: &str| {
        api.fault(fault(method).error(name)).await;
        api.post(path, json!({})).await
    };
    let project = "v3/projects/acme-prod:getIamPolicy";
    let denied = hit("cloudresourcemanager.*", project, "IAM_PERMISSION_DENIED").await;
    let metadata = denied.json["error"]["details"][0]["metadata"].clone();
    assert_eq!(
        metadata,
        json!({"permission": "resourcemanager.projects.getIamPolicy",
            "resource": "//cloudresourcemanager.googleapis.com/projects/acme-prod"})
    );
    let quota = hit("iamcredentials.*", &format!("{DEPLOYER}:signJwt"), "RATE_LIMIT_EXCEEDED").await;
    assert!(quota.message().contains("project_number:415104041262"), "{}", quota.text);
    let down = hit("oauth2.token", "token", "UNAVAILABLE").await;
    assert_eq!((down.status.as_u16(), &down.json["error"]), (503, &json!("temporarily_unavailable")));
    let slow = fault("iam.serviceAccounts.get").error("RESOURCE_EXHAUSTED").retry_delay_ms(250);
    api.fault(slow).await;
    let slow = api.get(DEPLOYER).await;
    assert_eq!(
        (slow.status.as_u16(), &slow.json["error"]["details"][0]["retryDelay"]),
        (429, &json!("0.250s"))
    );
    api.fault(fault("metadata.token").error("UNAVAILABLE")).await;
    let text = api.get("computeMetadata/v1/instance/service-accounts/default/token").await;
    assert_eq!((text.status.as_u16(), text.text.as_str()), (503, "The service is currently unavailable.\n"));
}

#[tokio::test]
async fn a_token_is_refused_once_or_for_ever() {
    let api = TestClient::demo().await;
    api.fault(fault("iam.*").outcome(Outcome::TokenExpired)).await;
    assert_eq!([api.get(DEPLOYER).await.status, api.get(DEPLOYER).await.status], [401, 200]);
    api.fault(Fault::on("iam.*").outcome(Outcome::TokenExpired)).await;
    let refused = api.get(DEPLOYER).await;
    assert!(refused.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(api.get(DEPLOYER).await.status, 401);
}

#[tokio::test]
async fn a_grant_reads_as_written_and_works_only_once_it_has_spread() {
    let api = TestClient::of(World { propagation_seconds: 60, ..World::demo() }).await;
    let mint = async || {
        let body = json!({"scope": [CLOUD]});
        api.post(&format!("{EDITABLE}:generateAccessToken"), body).await.status.as_u16()
    };
    let set = async |bindings: Value| {
        let policy = json!({"policy": {"version": 3, "bindings": bindings}});
        assert_eq!(api.post(&format!("{EDITABLE}:setIamPolicy"), policy).await.status, 200);
    };
    let admin = json!({"role": "roles/iam.serviceAccountAdmin", "members": [DEV]});
    set(json!([admin, {"role": CREATOR, "members": [DEV]}])).await;
    let read = api.post(&format!("{EDITABLE}:getIamPolicy"), json!({})).await.json;
    assert_eq!(read["bindings"].as_array().unwrap().len(), 2);
    assert_eq!(mint().await, 403);
    api.emulator.handle().advance_clock(30);
    set(json!([admin])).await;
    api.emulator.handle().advance_clock(30);
    assert_eq!(mint().await, 200, "the grant has spread, its end has not");
    api.emulator.handle().advance_clock(30);
    assert_eq!(mint().await, 403);
}

/// The number of bindings and the etag, as they read.
async fn read(api: &TestClient) -> (usize, String) {
    let policy =
        api.post(&format!("{EDITABLE}:getIamPolicy?options.requestedPolicyVersion=3"), json!({})).await.json;
    (policy["bindings"].as_array().unwrap().len(), policy["etag"].as_str().unwrap().to_owned())
}

/// Writes a policy with so many bindings under an etag.
async fn write(api: &TestClient, members: &[&str], etag: &str) -> TestResponse {
    let admin = json!({"role": "roles/iam.serviceAccountAdmin", "members": [DEV]});
    let mut bindings = vec![admin];
    bindings.extend(members.iter().map(|member| json!({"role": CREATOR, "members": [member]})));
    let policy = json!({"policy": {"version": 3, "etag": etag, "bindings": bindings}});
    api.post(&format!("{EDITABLE}:setIamPolicy"), policy).await
}

#[tokio::test]
async fn a_policy_reads_for_a_while_as_it_was_while_what_was_written_works_already() {
    let api = TestClient::of(World { stale_read_seconds: 60, ..World::demo() }).await;
    let before = read(&api).await;
    let written = write(&api, &[DEV], &before.1).await;
    assert_eq!(written.status, 200, "{}", written.text);
    assert_eq!(read(&api).await, before, "the old bindings under the old etag");
    assert_eq!(
        api.post(&format!("{EDITABLE}:generateAccessToken"), json!({"scope": [CLOUD]})).await.status,
        200
    );
    // Who writes what was read so has not seen the last write.
    assert_eq!(write(&api, &[], &before.1).await.status, 409);
    api.emulator.handle().advance_clock(61);
    let after = read(&api).await;
    assert_eq!((after.0, json!(after.1)), (2, written.json["etag"].clone()));
}

#[tokio::test]
async fn a_fault_makes_a_read_stale_as_often_as_it_says() {
    let api = TestClient::demo().await;
    let before = read(&api).await;
    api.fault(fault("iam.serviceAccounts.getIamPolicy").outcome(Outcome::StaleRead).times(2)).await;
    assert_eq!(read(&api).await, before, "nothing was written yet");
    let written = write(&api, &[DEV], &before.1).await.json;
    assert_eq!(read(&api).await, before);
    assert_eq!(json!(read(&api).await.1), written["etag"]);
}

#[tokio::test]
async fn the_troubleshooter_explains_what_is_enforced_and_not_what_was_written() {
    let api = TestClient::of(World { propagation_seconds: 60, ..World::demo() }).await;
    let before = read(&api).await;
    assert_eq!(write(&api, &[DEV], &before.1).await.status, 200);
    let full =
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/editable@acme-prod.iam.gserviceaccount.com";
    let tuple = json!({"principal": "dev@example.com", "fullResourceName": full,
        "permission": "iam.serviceAccounts.getAccessToken"});
    let explained = async || {
        let told = api.post("v1/iam:troubleshoot", json!({"accessTuple": tuple})).await.json;
        (told["access"].clone(), told["explainedPolicies"][0]["policy"]["etag"].clone())
    };
    let (access, etag) = explained().await;
    assert_ne!(access, "GRANTED");
    assert_eq!(etag, json!(before.1));
    api.emulator.handle().advance_clock(61);
    let (access, etag) = explained().await;
    assert_eq!(access, "GRANTED");
    assert_ne!(etag, json!(before.1));
}

#[tokio::test]
async fn the_clock_may_be_off_altogether_or_in_the_date_header_alone() {
    let date = async |api: &TestClient| {
        let header = api.get(DEPLOYER).await.headers["date"].to_str().unwrap().to_owned();
        let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&header).unwrap();
        time.as_second() - api.emulator.handle().now()
    };
    let world = World { clock_offset_seconds: -7200, ..World::demo() };
    let start = Clock::default().now();
    let api = TestClient::of(world).await;
    assert!(date(&api).await.abs() <= 2);
    assert!((start - 7200 - api.emulator.handle().now()).abs() <= 10);
    api.fault(fault("iam.*").date_offset_seconds(3600)).await;
    assert!((date(&api).await - 3600).abs() <= 2);
    assert!(date(&api).await.abs() <= 2);
}

#[tokio::test]
async fn a_call_that_would_not_feel_a_fault_does_not_use_it_up() {
    let api = TestClient::demo().await;
    api.fault(fault("*").delivery(Delivery::Html { status: 502 })).await;
    assert_eq!(api.get("favicon.ico").await.status, 404, "what is no method is not among all methods");
    assert_eq!(api.get(DEPLOYER).await.status, 502);
    let before = read(&api).await;
    api.fault(fault("iam.*").outcome(Outcome::EtagConflict)).await;
    assert_eq!(api.get(DEPLOYER).await.status, 200);
    assert_eq!(write(&api, &[], &before.1).await.status, 409);
    api.fault(fault("*").outcome(Outcome::TokenExpired)).await;
    assert_eq!(api.get("oauth2/v3/certs").await.status, 200);
    assert_eq!(api.get(DEPLOYER).await.status, 401);
    let written = write(&api, &[DEV], &before.1).await;
    assert_eq!(written.status, 200, "{}", written.text);
    api.fault(fault("iam.*").outcome(Outcome::StaleRead)).await;
    assert_eq!(api.get(DEPLOYER).await.status, 200);
    assert_eq!(read(&api).await, before);
}

#[tokio::test]
async fn what_no_method_is_served_for_is_answered_as_a_fault_states() {
    let api = TestClient::demo().await;
    let body = json!({"error": "gone fishing"});
    api.fault(fault("unrouted").answer(503, body.clone())).await;
    assert_eq!(api.get(DEPLOYER).await.status, 200);
    let answer = api.get("no/such/path").await;
    assert_eq!((answer.status.as_u16(), answer.json), (503, body));
    assert_eq!(api.get("no/such/path").await.status, 404);
}

#[tokio::test]
async fn every_answer_that_a_fault_shapes_says_when_to_ask_again() {
    let api = TestClient::demo().await;
    for shaped in [
        fault("iam.*").delivery(Delivery::Html { status: 502 }),
        fault("iam.*").delivery(Delivery::Redirect { status: 308, to: "/elsewhere".into() }),
        fault("iam.*").delivery(Delivery::Empty { status: Some(503) }),
        fault("iam.*").delivery(Delivery::GzipBomb),
        fault("iam.*").content_type("text/plain"),
        fault("iam.*").delay_ms(1),
        fault("iam.*").outcome(Outcome::Answer { status: 503, body: None }),
    ] {
        api.fault(shaped.clone().retry_after(7)).await;
        let still = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let url = format!("{}{DEPLOYER}", api.emulator.base_url());
        let answer = still.build().unwrap().get(url).bearer_auth(&api.token).send().await.unwrap();
        assert_eq!(answer.headers().get("retry-after").map(|v| v.as_bytes()), Some(&b"7"[..]), "{shaped:?}");
    }
}
