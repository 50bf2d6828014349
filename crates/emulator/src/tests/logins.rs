//! Tests of logins that last: of people of workforce pools, of those that have ended, and of those that ask for a
//! proof; and of JWTs that accounts sign for themselves.

use serde_json::Map;

use super::*;
use crate::keys;

const WENDY: &str =
    "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/wendy@partner.example";

fn form(fields: Value) -> Map<String, Value> {
    fields.as_object().unwrap().clone()
}

/// The client of a file, and the form of a refresh.
fn login(file: &Value) -> ((&str, &str), Map<String, Value>) {
    let client = (file["client_id"].as_str().unwrap(), file["client_secret"].as_str().unwrap());
    (client, form(json!({"grant_type": "refresh_token", "refresh_token": file["refresh_token"]})))
}

#[tokio::test]
async fn the_login_of_a_person_of_a_workforce_pool_is_refreshed_at_the_token_service() {
    let api = TestClient::demo().await;
    let file = api.file_called("-wendy.json");
    assert_eq!(file["type"], "external_account_authorized_user");
    let (client, asked) = login(&file);
    let answer = api.form("v1/oauthtoken", &asked, Some(client)).await;
    let token = answer.json["access_token"].as_str().expect(&answer.text);
    assert!(token.starts_with("ya29.d.") && answer.json["refresh_token"].is_null());
    assert_eq!((&answer.json["token_type"], &answer.json["expires_in"]), (&json!("Bearer"), &json!(3599)));
    assert_eq!(api.username(token).await, WENDY);
    assert_eq!(
        api.bare("v1/projects/acme-ci/serviceAccounts", token, None).await.status,
        200,
        "by her group"
    );
    let introspected = api.form("v1/introspect", &form(json!({"token": token})), Some(client)).await.json;
    assert_eq!(introspected["client_id"], file["client_id"]);
    let again = api.form("v1/oauthtoken", &asked, Some(client)).await;
    assert_eq!(again.status, 200, "the old refresh token still works");
}

#[tokio::test]
async fn a_refresh_at_the_token_service_needs_its_client_and_a_login_of_a_pool() {
    let api = TestClient::demo().await;
    let file = api.file_called("-wendy.json");
    let (client, asked) = login(&file);
    let error = |got: &TestResponse| (got.status.as_u16(), got.json["error"].as_str().unwrap().to_owned());
    let refused = |status: u16, name: &str| (status, name.to_owned());
    let without = api.form("v1/oauthtoken", &asked, None).await;
    assert_eq!(error(&without), refused(401, "invalid_client"));
    let wrong = api.form("v1/oauthtoken", &asked, Some((client.0, "wrong"))).await;
    assert_eq!(error(&wrong), refused(401, "invalid_client"));
    // Another login's client is known, and not this one's.
    let dev = api.file(0);
    let (dev_client, dev_asked) = login(&dev);
    let other = api.form("v1/oauthtoken", &asked, Some(dev_client)).await;
    assert_eq!(error(&other), refused(401, "invalid_client"));
    let revoked =
        api.form("v1/revoke", &form(json!({"token": file["refresh_token"]})), Some(dev_client)).await;
    assert_eq!(error(&revoked), refused(401, "invalid_client"));
    assert_eq!(api.form("v1/oauthtoken", &asked, Some(client)).await.status, 200);
    let mut code = asked.clone();
    code.insert("grant_type".into(), "authorization_code".into());
    assert_eq!(
        error(&api.form("v1/oauthtoken", &code, Some(client)).await),
        refused(400, "unsupported_grant_type")
    );
    // The login of a Google user is not for this service, nor the other way round.
    let dev_there = api.form("v1/oauthtoken", &dev_asked, Some(dev_client)).await;
    assert_eq!(error(&dev_there), refused(400, "invalid_grant"));
    let mut there = asked.clone();
    there.insert("client_id".into(), client.0.into());
    there.insert("client_secret".into(), client.1.into());
    assert_eq!(error(&api.form("token", &there, None).await), refused(400, "invalid_grant"));
}

#[tokio::test]
async fn a_login_that_rotates_gives_a_new_refresh_token_and_ends_the_old_one() {
    let mut world = World::demo();
    world.identity_pools.workforce[0].users[0].rotates = true;
    let api = TestClient::of(world).await;
    let file = api.file_called("-wendy.json");
    let (client, mut asked) = login(&file);
    let first = api.form("v1/oauthtoken", &asked, Some(client)).await;
    let old = api.form("v1/oauthtoken", &asked, Some(client)).await;
    assert_eq!(
        old.json,
        json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    );
    asked.insert("refresh_token".into(), first.json["refresh_token"].clone());
    let second = api.form("v1/oauthtoken", &asked, Some(client)).await;
    assert!(
        second.json["refresh_token"].is_string()
            && second.json["refresh_token"] != first.json["refresh_token"]
    );
}

#[tokio::test]
async fn what_is_revoked_at_the_token_service_is_worth_nothing_any_more() {
    let api = TestClient::demo().await;
    let file = api.file_called("-wendy.json");
    let (client, asked) = login(&file);
    let answer = api.form("v1/oauthtoken", &asked, Some(client)).await;
    let token = answer.json["access_token"].as_str().unwrap();
    let revoke = async |token: &str, client| {
        api.form("v1/revoke", &form(json!({"token": token, "token_type_hint": "refresh_token"})), client)
            .await
    };
    assert_eq!(revoke(token, None).await.status, 401);
    for token in [token, "ya29.d.never-was"] {
        let done = revoke(token, Some(client)).await;
        assert_eq!((done.status.as_u16(), done.text.as_str()), (200, ""));
    }
    assert_eq!(api.username(token).await, "");
    revoke(file["refresh_token"].as_str().unwrap(), Some(client)).await;
    let ended = api.form("v1/oauthtoken", &asked, Some(client)).await;
    assert_eq!(ended.json["error_description"], "Token has been expired or revoked.");
    // A token of another service stays what it is.
    revoke(&api.token, Some(client)).await;
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn a_login_that_was_revoked_has_ended_and_one_that_never_was_is_a_bad_request() {
    let api = TestClient::demo().await;
    let file = api.file(0);
    let mut asked = json!({"grant_type": "refresh_token", "client_id": file["client_id"],
        "client_secret": file["client_secret"], "refresh_token": file["refresh_token"]});
    assert_eq!(api.post("revoke", json!({"token": file["refresh_token"]})).await.status, 200);
    let ended = api.post("token", asked.clone()).await;
    let expected =
        json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
    assert_eq!((ended.status.as_u16(), ended.json), (400, expected));
    asked["refresh_token"] = "1//never-was".into();
    assert_eq!(api.post("token", asked).await.json["error_description"], "Bad Request");
}

#[tokio::test]
async fn the_world_says_what_has_become_of_a_login() {
    for (session, error) in [
        (
            Session::Ended,
            json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
        ),
        (
            Session::Reauth,
            json!({"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)",
                "error_uri": "https://support.google.com/a/answer/9368756", "error_subtype": "invalid_rapt"}),
        ),
    ] {
        let mut world = World::demo();
        world.users[0].session = session;
        world.identity_pools.workforce[0].users[0].session = session;
        let api = TestClient::of(world).await;
        let file = api.file(0);
        let asked = json!({"grant_type": "refresh_token", "client_id": file["client_id"],
            "client_secret": file["client_secret"], "refresh_token": file["refresh_token"]});
        let answer = api.post("token", asked).await;
        assert_eq!((answer.status.as_u16(), &answer.json), (400, &error));
        let file = api.file_called("-wendy.json");
        let (client, asked) = login(&file);
        let answer = api.form("v1/oauthtoken", &asked, Some(client)).await;
        assert_eq!((answer.status.as_u16(), &answer.json), (400, &error));
    }
}

#[tokio::test]
async fn a_jwt_that_an_account_signs_for_itself_lasts_an_hour_and_is_for_the_service_it_names() {
    let mut api = TestClient::demo().await;
    let ci = "ci@acme-ci.iam.gserviceaccount.com";
    let key = keys::key_of(&keys::user_managed(&crate::world::unique_id(ci))).await;
    let now = api.emulator.handle().now();
    let credentials = "https://iamcredentials.googleapis.com/";
    for (change, iam, mint) in [
        (json!({"scope": CLOUD}), 200, 200),
        (json!({"aud": "https://iam.googleapis.com/"}), 200, 401),
        (json!({"aud": credentials}), 401, 200),
        (json!({"scope": CLOUD, "exp": now + 7_200}), 401, 401),
        (json!({"scope": CLOUD, "exp": now - 1}), 401, 401),
        (json!({"scope": CLOUD, "sub": "deployer@acme-prod.iam.gserviceaccount.com"}), 401, 401),
        (json!({"scope": "https://www.googleapis.com/auth/drive"}), 403, 403),
    ] {
        let mut claims = json!({"iss": ci, "sub": ci, "iat": now, "exp": now + 3_600});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        api.token = key.jwt(&claims.to_string());
        assert_eq!(api.get(DEPLOYER).await.status, iam, "{change}");
        let minted = api.post(&format!("{DEPLOYER}:generateAccessToken"), json!({"scope": [CLOUD]})).await;
        assert_eq!(minted.status, mint, "{change}");
    }
}
