//! Tests of what is said where Google has a method that the emulator does not serve.

use super::*;
use crate::routes::DOCUMENTED;

#[tokio::test]
async fn every_documented_method_is_served_or_named_in_a_refusal() {
    let api = TestClient::demo().await;
    let handle = api.emulator.handle();
    let mut named = 0;
    for method in DOCUMENTED.iter() {
        let path = method.path.replace("{}", "x");
        let (status, body) = handle.ask(method.verb, &path, "", None).await;
        let text = String::from_utf8(body).unwrap();
        assert!(!text.contains("<html"), "{}: {text}", method.id);
        if status == 501 {
            let said: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(impersona_contract::refusal(501, &said), [""; 0], "{}", method.id);
            assert_eq!(said["error"]["status"], "UNIMPLEMENTED");
            let message = said["error"]["message"].as_str().unwrap();
            assert!(message.contains(&format!("does not serve {};", method.id)), "{}: {message}", method.id);
            named += 1;
        }
    }
    assert!(DOCUMENTED.len() > 300 && named > 100, "{named} of {}", DOCUMENTED.len());
}

#[tokio::test]
async fn an_address_that_google_has_not_stays_a_page() {
    let api = TestClient::demo().await;
    for (verb, path) in [
        ("POST", "/v1/projects/acme-prod/roles:frobnicate"),
        ("PATCH", "/v1/projects/acme-prod/serviceAccounts"),
        ("PATCH", "/v1/projects/acme-prod/roles/signer:frobnicate"),
        ("POST", "/v9/projects/acme-prod/roles"),
        ("POST", "/v1/projects//roles"),
    ] {
        let (status, body) = api.emulator.handle().ask(verb, path, "", None).await;
        let page = String::from_utf8(body).unwrap();
        assert!(status == 404 && page.contains("<title>Error 404"), "{verb} {path}: {status} {page}");
    }
}

#[tokio::test]
async fn a_fault_of_unrouted_answers_for_a_method_that_is_not_served() {
    let api = TestClient::demo().await;
    let role = json!({"name": "projects/acme-prod/roles/mine"});
    api.fault(fault("unrouted").path("/projects/acme-prod/roles").answer(200, role)).await;
    let made = api.post("v1/projects/acme-prod/roles", json!({"roleId": "mine"})).await;
    assert_eq!((made.status.as_u16(), &made.json["name"]), (200, &json!("projects/acme-prod/roles/mine")));
    let again = api.post("v1/projects/acme-prod/roles", json!({"roleId": "mine"})).await;
    assert!(again.status == 501 && again.message().contains("iam.projects.roles.create"), "{}", again.text);
}
