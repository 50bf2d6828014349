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
    desk.fault(Fault { reset_before: true, ..fault("iam.serviceAccounts.setIamPolicy") }).await;
    assert!(desk.send(Method::POST, &url, Some(set.clone())).await.is_err());
    assert_eq!(bindings().await, before);
    desk.fault(Fault { reset_after: true, ..fault("iam.serviceAccounts.setIamPolicy") }).await;
    assert!(desk.send(Method::POST, &url, Some(set)).await.is_err());
    assert_eq!(bindings().await, 1);
    assert_eq!(desk.emulator.handle().request_log().await.last().unwrap().status, 0);
}

#[tokio::test]
async fn faults_break_answers_as_they_say() {
    let desk = Desk::demo().await;
    desk.fault(Fault { truncate: true, ..fault("iam.serviceAccounts.get") }).await;
    assert!(desk.send(Method::GET, DEPLOYER, None).await.is_err());
    desk.fault(Fault { html: true, ..fault("*") }).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 502);
    let quota = Fault { error: Some("RATE_LIMIT_EXCEEDED".into()), retry_after: Some(2), ..fault("iam.*") };
    desk.fault(quota).await;
    let limited = desk.get(DEPLOYER).await;
    assert_eq!((limited.status.as_u16(), limited.headers["retry-after"].to_str().unwrap()), (429, "2"));
    desk.fault(Fault { token_expired: true, ..fault("iam.*") }).await;
    assert_eq!(desk.get(DEPLOYER).await.reason(), "ACCESS_TOKEN_EXPIRED");
    desk.fault(Fault { status: Some(418), body: Some(json!({"error": 1})), ..fault("iam.*") }).await;
    assert_eq!(desk.get(DEPLOYER).await.status, 418);
    assert_eq!(desk.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn a_hanging_call_hangs_alone() {
    let desk = Desk::demo().await;
    desk.fault(Fault { hang: true, times: None, ..fault("iam.serviceAccounts.get") }).await;
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
