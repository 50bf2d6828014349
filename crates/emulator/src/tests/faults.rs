//! Tests of faults.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_reset_gives_no_byte_and_the_work_is_done_or_not() {
    let desk = Desk::demo().await;
    let set = json!({"policy": {"version": 3, "bindings": [{"role": CREATOR, "members": [DEV]}]}});
    let url = format!("{EDITABLE}:setIamPolicy");
    let bindings = || async {
        desk.emulator
            .handle()
            .policy_of("editable@acme-prod.iam.gserviceaccount.com")
            .await
            .unwrap()
            .bindings
            .len()
    };
    let before = bindings().await;
    desk.fault(fault("iam.serviceAccounts.setIamPolicy").delivery(Delivery::ResetBefore)).await;
    assert!(desk.send(Method::POST, &url, Some(set.clone())).await.is_err());
    assert_eq!(bindings().await, before);
    desk.fault(fault("iam.serviceAccounts.setIamPolicy").delivery(Delivery::ResetAfter)).await;
    assert!(desk.send(Method::POST, &url, Some(set)).await.is_err());
    assert_eq!(bindings().await, 1);
    assert_eq!(desk.emulator.handle().request_log().await.last().unwrap().status, 0);
}

#[tokio::test]
async fn faults_break_answers_as_they_say() {
    let desk = Desk::demo().await;
    desk.fault(fault("iam.serviceAccounts.get").delivery(Delivery::Truncate)).await;
    assert!(desk.send(Method::GET, DEPLOYER, None).await.is_err());
    desk.fault(fault("*").delivery(Delivery::Html { status: 502 })).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 502);
    let quota = fault("iam.*").error("RATE_LIMIT_EXCEEDED").retry_after(2);
    desk.fault(quota).await;
    let limited = desk.get(DEPLOYER).await;
    assert_eq!((limited.status.as_u16(), limited.headers["retry-after"].to_str().unwrap()), (429, "2"));
    desk.fault(fault("iam.*").outcome(Outcome::TokenExpired)).await;
    assert_eq!(desk.get(DEPLOYER).await.reason(), "ACCESS_TOKEN_EXPIRED");
    desk.fault(fault("iam.*").answer(418, json!({"error": 1}))).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 418);
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_text_is_sent_as_it_is() {
    let desk = Desk::demo().await;
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
        desk.fault(fault(method).answer(403, json!(text))).await;
        let url = format!("{}{path}", desk.emulator.base_url());
        let request = desk.client.get(url).bearer_auth(&desk.token).header("metadata-flavor", "Google");
        let answer = request.send().await.unwrap();
        let found = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(answer.status() == 403 && found.starts_with(kind), "{method}: {found}");
        assert_eq!(answer.text().await.unwrap(), text);
    }
    let typed = fault("iam.*").answer(200, json!("ok")).content_type("application/text");
    desk.fault(typed).await;
    let answer = desk.get(DEPLOYER).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (200, "ok"));
    assert_eq!(answer.headers["content-type"], "application/text");
}

#[tokio::test]
async fn a_hanging_call_hangs_alone() {
    let desk = Desk::demo().await;
    desk.fault(Fault::on("iam.serviceAccounts.get").delivery(Delivery::Hang)).await;
    let url = format!("{}{DEPLOYER}", desk.emulator.base_url());
    let hanging = desk.client.get(&url).timeout(Duration::from_millis(100)).send().await;
    assert!(hanging.unwrap_err().is_timeout());
    desk.emulator.handle().clear_faults().await;
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
}

#[test]
fn a_world_may_not_ask_for_an_error_that_there_is_not() {
    let error = World::parse(r#"{"faults":[{"method":"*","error":"TEAPOT"}]}"#).unwrap_err().to_string();
    assert!(error.contains("faults[0].error") && error.contains("TEAPOT"), "{error}");
}

#[tokio::test]
async fn an_answer_may_be_html_under_200_a_redirect_empty_or_of_another_type() {
    let desk = Desk::demo().await;
    desk.fault(fault("iam.*").delivery(Delivery::Html { status: 200 })).await;
    let page = desk.get(DEPLOYER).await;
    assert!(page.status == 200 && page.text.contains("<title>Error 200 (OK)!!1</title>"), "{}", page.text);
    desk.fault(fault("iam.*").delivery(Delivery::Html { status: 404 })).await;
    assert!(desk.get(DEPLOYER).await.text.contains("Error 404 (Not Found)!!1"));
    let elsewhere = format!("{}elsewhere", desk.emulator.base_url());
    desk.fault(fault("iam.*").delivery(Delivery::Redirect { status: 307, to: elsewhere.clone() })).await;
    let still = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let moved = still.get(format!("{}{DEPLOYER}", desk.emulator.base_url())).send().await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()),
        (307, elsewhere.as_str())
    );
    desk.fault(fault("iam.*").delivery(Delivery::Empty { status: None })).await;
    let nothing = desk.get(DEPLOYER).await;
    assert!(
        nothing.status == 200 && nothing.text.is_empty() && !nothing.headers.contains_key("content-type")
    );
    desk.fault(fault("iam.*").delivery(Delivery::Empty { status: Some(503) })).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 503);
    desk.fault(fault("iam.*").content_type("text/plain")).await;
    let other = desk.get(DEPLOYER).await;
    assert!(other.headers["content-type"] == "text/plain" && other.json["uniqueId"].is_string());
}

#[tokio::test]
async fn a_dripping_answer_is_whole_in_the_end() {
    let desk = Desk::demo().await;
    let whole = desk.get(DEPLOYER).await.text;
    desk.fault(fault("iam.*").delivery(Delivery::Drip { pause_ms: 1 })).await;
    let url = format!("{}{DEPLOYER}", desk.emulator.base_url());
    let mut answer = desk.client.get(url).bearer_auth(&desk.token).send().await.unwrap();
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
    let desk = Desk::demo().await;
    desk.fault(fault("iam.*").delivery(Delivery::GzipBomb)).await;
    let url = format!("{}{DEPLOYER}", desk.emulator.base_url());
    let mut answer = desk.client.get(url).bearer_auth(&desk.token).send().await.unwrap();
    let mut grown = 0;
    while grown < 64 * 1024 * 1024 {
        let part = answer.chunk().await.unwrap().expect("there is more");
        assert!(part.iter().all(|byte| *byte == b' '));
        grown += part.len();
    }
}

#[tokio::test]
async fn a_quota_has_room_for_so_many_calls_a_minute_and_tells_no_time_unless_asked() {
    let desk = Desk::demo().await;
    desk.fault(Fault::on("iam.serviceAccounts.get").per_minute(2)).await;
    let calls = [desk.get(DEPLOYER).await, desk.get(DEPLOYER).await, desk.get(DEPLOYER).await];
    assert_eq!(calls.each_ref().map(|call| call.status.as_u16()), [200, 200, 429]);
    assert_eq!(calls[2].reason(), "RATE_LIMIT_EXCEEDED");
    assert!(!calls[2].headers.contains_key("retry-after"));
    desk.emulator.handle().advance_clock(60);
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn every_reason_can_be_had_by_its_name() {
    let desk = Desk::demo().await;
    for (name, status) in [
        ("IAM_PERMISSION_DENIED", 403),
        ("USER_PROJECT_DENIED", 403),
        ("CONSUMER_INVALID", 403),
        ("BILLING_DISABLED", 403),
        ("ORG_RESTRICTION_VIOLATION", 403),
        ("CREDENTIALS_MISSING", 401),
        ("ACCESS_TOKEN_TYPE_UNSUPPORTED", 401),
    ] {
        desk.fault(fault("iam.*").error(name)).await;
        let refused = desk.get(DEPLOYER).await;
        assert_eq!((refused.status.as_u16(), refused.reason()), (status, name));
    }
    for (name, status) in [("ABORTED", 409), ("ALREADY_EXISTS", 409), ("DEADLINE_EXCEEDED", 504)] {
        desk.fault(fault("iam.*").error(name)).await;
        assert_eq!(desk.get(DEPLOYER).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_refusal_speaks_as_the_service_that_is_hit() {
    let desk = Desk::demo().await;
    let hit = async |method: &str, path: &str, name: &str| {
        desk.fault(fault(method).error(name)).await;
        desk.post(path, json!({})).await
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
    desk.fault(slow).await;
    let slow = desk.get(DEPLOYER).await;
    assert_eq!(
        (slow.status.as_u16(), &slow.json["error"]["details"][0]["retryDelay"]),
        (429, &json!("0.250s"))
    );
    desk.fault(fault("metadata.token").error("UNAVAILABLE")).await;
    let text = desk.get("computeMetadata/v1/instance/service-accounts/default/token").await;
    assert_eq!((text.status.as_u16(), text.text.as_str()), (503, "The service is currently unavailable.\n"));
}

#[tokio::test]
async fn a_token_is_refused_once_or_for_ever() {
    let desk = Desk::demo().await;
    desk.fault(fault("iam.*").outcome(Outcome::TokenExpired)).await;
    assert_eq!([desk.get(DEPLOYER).await.status, desk.get(DEPLOYER).await.status], [401, 200]);
    desk.fault(Fault::on("iam.*").outcome(Outcome::TokenExpired)).await;
    let refused = desk.get(DEPLOYER).await;
    assert!(refused.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(desk.get(DEPLOYER).await.status, 401);
}

#[tokio::test]
async fn a_grant_reads_as_written_and_works_only_once_it_has_spread() {
    let desk = Desk::of(World { propagation_seconds: 60, ..World::demo() }).await;
    let mint = async || {
        let body = json!({"scope": [CLOUD]});
        desk.post(&format!("{EDITABLE}:generateAccessToken"), body).await.status.as_u16()
    };
    let set = async |bindings: Value| {
        let policy = json!({"policy": {"version": 3, "bindings": bindings}});
        assert_eq!(desk.post(&format!("{EDITABLE}:setIamPolicy"), policy).await.status, 200);
    };
    let admin = json!({"role": "roles/iam.serviceAccountAdmin", "members": [DEV]});
    set(json!([admin, {"role": CREATOR, "members": [DEV]}])).await;
    let read = desk.post(&format!("{EDITABLE}:getIamPolicy"), json!({})).await.json;
    assert_eq!(read["bindings"].as_array().unwrap().len(), 2);
    assert_eq!(mint().await, 403);
    desk.emulator.handle().advance_clock(30);
    set(json!([admin])).await;
    desk.emulator.handle().advance_clock(30);
    assert_eq!(mint().await, 200, "the grant has spread, its end has not");
    desk.emulator.handle().advance_clock(30);
    assert_eq!(mint().await, 403);
}

/// The number of bindings and the etag, as they read.
async fn read(desk: &Desk) -> (usize, String) {
    let policy =
        desk.post(&format!("{EDITABLE}:getIamPolicy?options.requestedPolicyVersion=3"), json!({})).await.json;
    (policy["bindings"].as_array().unwrap().len(), policy["etag"].as_str().unwrap().to_owned())
}

/// Writes a policy with so many bindings under an etag.
async fn write(desk: &Desk, members: &[&str], etag: &str) -> Got {
    let admin = json!({"role": "roles/iam.serviceAccountAdmin", "members": [DEV]});
    let mut bindings = vec![admin];
    bindings.extend(members.iter().map(|member| json!({"role": CREATOR, "members": [member]})));
    let policy = json!({"policy": {"version": 3, "etag": etag, "bindings": bindings}});
    desk.post(&format!("{EDITABLE}:setIamPolicy"), policy).await
}

#[tokio::test]
async fn a_policy_reads_for_a_while_as_it_was_while_what_was_written_works_already() {
    let desk = Desk::of(World { stale_read_seconds: 60, ..World::demo() }).await;
    let before = read(&desk).await;
    let written = write(&desk, &[DEV], &before.1).await;
    assert_eq!(written.status, 200, "{}", written.text);
    assert_eq!(read(&desk).await, before, "the old bindings under the old etag");
    assert_eq!(
        desk.post(&format!("{EDITABLE}:generateAccessToken"), json!({"scope": [CLOUD]})).await.status,
        200
    );
    // Who writes what was read so has not seen the last write.
    assert_eq!(write(&desk, &[], &before.1).await.status, 409);
    desk.emulator.handle().advance_clock(61);
    let after = read(&desk).await;
    assert_eq!((after.0, json!(after.1)), (2, written.json["etag"].clone()));
}

#[tokio::test]
async fn a_fault_makes_a_read_stale_as_often_as_it_says() {
    let desk = Desk::demo().await;
    let before = read(&desk).await;
    desk.fault(fault("iam.serviceAccounts.getIamPolicy").outcome(Outcome::StaleRead).times(2)).await;
    assert_eq!(read(&desk).await, before, "nothing was written yet");
    let written = write(&desk, &[DEV], &before.1).await.json;
    assert_eq!(read(&desk).await, before);
    assert_eq!(json!(read(&desk).await.1), written["etag"]);
}

#[tokio::test]
async fn the_troubleshooter_explains_what_is_enforced_and_not_what_was_written() {
    let desk = Desk::of(World { propagation_seconds: 60, ..World::demo() }).await;
    let before = read(&desk).await;
    assert_eq!(write(&desk, &[DEV], &before.1).await.status, 200);
    let full =
        "//iam.googleapis.com/projects/acme-prod/serviceAccounts/editable@acme-prod.iam.gserviceaccount.com";
    let tuple = json!({"principal": "dev@example.com", "fullResourceName": full,
        "permission": "iam.serviceAccounts.getAccessToken"});
    let explained = async || {
        let told = desk.post("v1/iam:troubleshoot", json!({"accessTuple": tuple})).await.json;
        (told["access"].clone(), told["explainedPolicies"][0]["policy"]["etag"].clone())
    };
    let (access, etag) = explained().await;
    assert_ne!(access, "GRANTED");
    assert_eq!(etag, json!(before.1));
    desk.emulator.handle().advance_clock(61);
    let (access, etag) = explained().await;
    assert_eq!(access, "GRANTED");
    assert_ne!(etag, json!(before.1));
}

#[tokio::test]
async fn the_clock_may_be_off_altogether_or_in_the_date_header_alone() {
    let date = async |desk: &Desk| {
        let header = desk.get(DEPLOYER).await.headers["date"].to_str().unwrap().to_owned();
        let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&header).unwrap();
        time.as_second() - desk.emulator.handle().now()
    };
    let world = World { clock_offset_seconds: -7200, ..World::demo() };
    let start = Clock::default().now();
    let desk = Desk::of(world).await;
    assert!(date(&desk).await.abs() <= 2);
    assert!((start - 7200 - desk.emulator.handle().now()).abs() <= 10);
    desk.fault(fault("iam.*").date_offset_seconds(3600)).await;
    assert!((date(&desk).await - 3600).abs() <= 2);
    assert!(date(&desk).await.abs() <= 2);
}

#[tokio::test]
async fn a_call_that_would_not_feel_a_fault_does_not_use_it_up() {
    let desk = Desk::demo().await;
    desk.fault(fault("*").delivery(Delivery::Html { status: 502 })).await;
    assert_eq!(desk.get("favicon.ico").await.status, 404, "what is no method is not among all methods");
    assert_eq!(desk.get(DEPLOYER).await.status, 502);
    let before = read(&desk).await;
    desk.fault(fault("iam.*").outcome(Outcome::EtagConflict)).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
    assert_eq!(write(&desk, &[], &before.1).await.status, 409);
    desk.fault(fault("*").outcome(Outcome::TokenExpired)).await;
    assert_eq!(desk.get("oauth2/v3/certs").await.status, 200);
    assert_eq!(desk.get(DEPLOYER).await.status, 401);
    let written = write(&desk, &[DEV], &before.1).await;
    assert_eq!(written.status, 200, "{}", written.text);
    desk.fault(fault("iam.*").outcome(Outcome::StaleRead)).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
    assert_eq!(read(&desk).await, before);
}

#[tokio::test]
async fn what_no_method_is_served_for_is_answered_as_a_fault_states() {
    let desk = Desk::demo().await;
    let body = json!({"error": "gone fishing"});
    desk.fault(fault("unrouted").answer(503, body.clone())).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
    let answer = desk.get("no/such/path").await;
    assert_eq!((answer.status.as_u16(), answer.json), (503, body));
    assert_eq!(desk.get("no/such/path").await.status, 404);
}

#[tokio::test]
async fn every_answer_that_a_fault_shapes_says_when_to_ask_again() {
    let desk = Desk::demo().await;
    for shaped in [
        fault("iam.*").delivery(Delivery::Html { status: 502 }),
        fault("iam.*").delivery(Delivery::Redirect { status: 308, to: "/elsewhere".into() }),
        fault("iam.*").delivery(Delivery::Empty { status: Some(503) }),
        fault("iam.*").delivery(Delivery::GzipBomb),
        fault("iam.*").content_type("text/plain"),
        fault("iam.*").delay_ms(1),
        fault("iam.*").outcome(Outcome::Answer { status: 503, body: None }),
    ] {
        desk.fault(shaped.clone().retry_after(7)).await;
        let still = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let url = format!("{}{DEPLOYER}", desk.emulator.base_url());
        let answer = still.build().unwrap().get(url).bearer_auth(&desk.token).send().await.unwrap();
        assert_eq!(answer.headers().get("retry-after").map(|v| v.as_bytes()), Some(&b"7"[..]), "{shaped:?}");
    }
}
