//! Tests of domain-wide delegation: an account that stands for a person.

use super::*;

const DRIVE: &str = "https://www.googleapis.com/auth/drive.readonly";
const DIRECTORY: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
const ALICE: &str = "alice@example.com";

impl TestClient {
    /// What the token endpoint says to claims of an account, signed through `signJwt`.
    async fn exchange(&self, account: &str, change: Value) -> TestResponse {
        let now = self.emulator.handle().now();
        let email = format!("{account}@acme-prod.iam.gserviceaccount.com");
        let mut claims = json!({"iss": email, "sub": ALICE, "scope": DRIVE, "iat": now, "exp": now + 3600,
            "aud": "https://oauth2.googleapis.com/token"});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mint = format!("v1/projects/-/serviceAccounts/{email}:signJwt");
        let signed = self.post(&mint, json!({"payload": claims.to_string()})).await;
        self.grant(signed.json["signedJwt"].as_str().unwrap()).await
    }

    async fn grant(&self, assertion: &str) -> TestResponse {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.post("token", json!({"grant_type": grant, "assertion": assertion})).await
    }
}

#[tokio::test]
async fn an_account_stands_for_a_person_with_the_scopes_it_was_allowed() {
    let api = TestClient::demo().await;
    let answer = api.exchange("deployer", json!({"scope": format!("{DRIVE} {DIRECTORY}")})).await;
    assert_eq!((answer.status.as_u16(), &answer.json["expires_in"]), (200, &json!(3599)), "{}", answer.text);
    let token = answer.json["access_token"].as_str().unwrap();
    let info = api.post("tokeninfo", json!({"access_token": token})).await.json;
    assert_eq!(info["scope"], format!("{DRIVE} {DIRECTORY}"));
    assert_eq!((&info["azp"], &info["access_type"]), (&json!("109300000000000004411"), &json!("online")));
    let alice = crate::world::unique_id(ALICE);
    assert_eq!(info["sub"], alice, "it is the person's, not the account's");
    assert_eq!(
        api.exchange("workspace-sync", json!({"scope": DIRECTORY, "sub": "Alice@Example.com"})).await.status,
        200
    );
}

#[tokio::test]
async fn the_token_of_a_person_whom_an_account_stands_for_opens_what_the_person_may() {
    let mut world = World::demo();
    world.workspace.delegations[1].scopes.push(CLOUD.into());
    let mut api = TestClient::of(world).await;
    let answer = api.exchange("deployer", json!({"scope": CLOUD, "sub": "dev@example.com"})).await;
    api.token = answer.json["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn the_account_s_own_project_pays_for_the_person_it_stands_for() {
    let mut world = World::demo();
    world.workspace.delegations[1].scopes.push(CLOUD.into());
    world.projects[0].disabled_services.push("iam.googleapis.com".into());
    let api = TestClient::of(world).await;
    let answer = api.exchange("deployer", json!({"scope": CLOUD, "sub": "dev@example.com"})).await;
    let url = format!("{}{DEPLOYER}", api.emulator.base_url());
    let bare = api.http.get(url).bearer_auth(answer.json["access_token"].as_str().unwrap());
    let text = bare.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("SERVICE_DISABLED") && text.contains("415104041262"), "{text}");
}

#[tokio::test]
async fn without_the_administrator_s_word_an_account_stands_for_nobody() {
    let api = TestClient::demo().await;
    for (account, scope) in [
        ("reports", DRIVE.to_owned()),
        ("workspace-sync", DRIVE.to_owned()),
        ("deployer", format!("{DRIVE} {CLOUD}")),
    ] {
        let refused = api.exchange(account, json!({"scope": scope})).await;
        assert_eq!(refused.status, 401, "{account}");
        let description = "Client is unauthorized to retrieve access tokens using this method, or client not \
            authorized for any of the scopes requested.";
        let expected = json!({"error": "unauthorized_client", "error_description": description});
        assert_eq!(refused.json, expected, "{account}");
    }
    let own = json!({"sub": "reports@acme-prod.iam.gserviceaccount.com"});
    assert_eq!(api.exchange("reports", own).await.status, 200, "for itself it needs nobody's word");
}

#[tokio::test]
async fn an_account_stands_for_people_of_the_domain_only() {
    let api = TestClient::demo().await;
    let ci = "ci@acme-ci.iam.gserviceaccount.com";
    for subject in ["nobody@example.com", "partner@example.net", ci, "alice"] {
        let refused = api.exchange("deployer", json!({"sub": subject})).await;
        let expected = json!({"error": "invalid_grant", "error_description": "Invalid email or User ID"});
        assert_eq!((refused.status.as_u16(), &refused.json), (400, &expected), "{subject}");
    }
}

#[tokio::test]
async fn a_claim_that_is_late_long_or_forged_stands_for_nobody() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    let lasting = api.exchange("deployer", json!({"exp": now + 7200})).await;
    let description = lasting.json["error_description"].as_str().unwrap();
    assert!(description.starts_with("Invalid JWT: Token must be a short-lived token"), "{description}");
    let early = api.exchange("deployer", json!({"iat": now + 1800, "exp": now + 3600})).await;
    assert_eq!(early.json["error"], "invalid_grant");
    // Signed by an account that may, in the name of one that may not be signed for.
    let forged =
        api.exchange("deployer", json!({"iss": "workspace-sync@acme-prod.iam.gserviceaccount.com"})).await;
    assert_eq!(forged.json["error_description"], "Invalid JWT Signature.");
}

#[tokio::test]
async fn the_key_of_a_file_is_as_good_as_the_account_s_own() {
    let mut world = World::demo();
    let ci = "ci@acme-ci.iam.gserviceaccount.com";
    world.workspace.delegations[0].account = ci.into();
    let api = TestClient::of(world).await;
    let (file, now) = (api.file(2), api.emulator.handle().now());
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    header.kid = file["private_key_id"].as_str().map(str::to_owned);
    let pem = file["private_key"].as_str().unwrap();
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let claims = json!({"iss": ci, "sub": ALICE, "scope": DIRECTORY, "iat": now, "exp": now + 3600,
        "aud": "https://oauth2.googleapis.com/token"});
    let answer = api.grant(&jsonwebtoken::encode(&header, &claims, &key).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
