//! Tests of the life of service accounts and their keys, as tests of other programs set them up.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const HERE: &str = "v1/projects/shop/serviceAccounts";
const BOT: &str = "mail-bot@shop.iam.gserviceaccount.com";

/// A project of dev's own, in which dev mints, too.
async fn own(change: impl FnOnce(&mut Value)) -> TestClient {
    let roles = ["roles/owner", CREATOR, "roles/cloudasset.viewer"];
    let bindings: Vec<Value> = roles.iter().map(|role| json!({"role": role, "members": [DEV]})).collect();
    let mut world = json!({
        "organizations": [{"number": 1, "domain": "example.com"}],
        "users": [{"email": "dev@example.com"}, {"email": "eve@example.com"}],
        "groups": [{"email": "bots@example.com", "members": [format!("serviceAccount:{BOT}")]}],
        "projects": [{"id": "shop", "number": 2, "parent": "organizations/1", "policy": {"bindings": bindings}}]
    });
    change(&mut world);
    let mut api = TestClient::of(World::parse(&world.to_string()).unwrap()).await;
    api.project = "shop";
    api
}

impl TestClient {
    async fn create(&self, id: &str) -> TestResponse {
        self.post(HERE, json!({"accountId": id, "serviceAccount": {"displayName": "Mail"}})).await
    }

    async fn on(&self, verb: Method, rest: &str, body: Option<Value>) -> TestResponse {
        self.send(verb, &format!("v1/projects/-/serviceAccounts/{BOT}{rest}"), body).await.unwrap()
    }

    async fn mint_as_bot(&self) -> TestResponse {
        self.on(Method::POST, ":generateAccessToken", Some(json!({"scope": [CLOUD]}))).await
    }

    /// The members of the bindings of the project that have a role.
    async fn members(&self, role: &str) -> Value {
        let policy = self.post("v3/projects/shop:getIamPolicy", json!({})).await.json;
        let bindings = policy["bindings"].as_array().unwrap().clone();
        bindings.iter().find(|binding| binding["role"] == role).map_or(Value::Null, |b| b["members"].clone())
    }

    async fn grant_role(&self, role: &str, member: &str) {
        let mut policy = self.post("v3/projects/shop:getIamPolicy", json!({})).await.json;
        policy["bindings"].as_array_mut().unwrap().push(json!({"role": role, "members": [member]}));
        let set = self.post("v3/projects/shop:setIamPolicy", json!({"policy": policy})).await;
        assert_eq!(set.status, 200, "{}", set.text);
    }

    /// What the token endpoint says to a JWT that a key file signs.
    pub(super) async fn log_in(&self, file: &Value) -> TestResponse {
        let now = self.emulator.handle().now();
        let claims = json!({"iss": file["client_email"], "scope": CLOUD, "iat": now, "exp": now + 3_600,
            "aud": "https://oauth2.googleapis.com/token"});
        let pem = file["private_key"].as_str().unwrap();
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = file["private_key_id"].as_str().map(str::to_owned);
        let assertion = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.post("token", json!({"grant_type": grant, "assertion": assertion})).await
    }

    async fn make_key(&self) -> Value {
        let made = self.on(Method::POST, "/keys", Some(json!({}))).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let file = STANDARD.decode(made.json["privateKeyData"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&file).unwrap()
    }
}

#[tokio::test]
async fn account_works_everywhere_once_it_is_made() {
    let api = own(|_| ()).await;
    let made = api.create("mail-bot").await;
    assert_eq!((made.status.as_u16(), &made.json["email"]), (200, &json!(BOT)), "{}", made.text);
    assert_eq!(api.get(&format!("{HERE}/{BOT}")).await.json, made.json);
    assert_eq!(api.get(HERE).await.json["accounts"], json!([made.json]));
    assert_eq!(api.on(Method::POST, ":getIamPolicy", None).await.json, json!({"etag": "ACAB"}));
    assert!(api.mint_as_bot().await.json["accessToken"].is_string());
    let signed = api.on(Method::POST, ":signJwt", Some(json!({"payload": "{}"}))).await;
    let keys = api.get(&format!("service_accounts/v1/metadata/jwk/{BOT}")).await;
    verified(signed.json["signedJwt"].as_str().unwrap(), &keys.json);
    let listed = api.on(Method::GET, "/keys", None).await;
    assert_eq!(listed.json["keys"][0]["keyType"], "SYSTEM_MANAGED");
    let found = api.get("v1/projects/shop:searchAllResources?query=mail-bot").await;
    assert_eq!(found.json["results"][0]["additionalAttributes"]["email"], BOT, "{}", found.text);
    api.grant_role("roles/viewer", &format!("serviceAccount:{BOT}")).await;
}

#[tokio::test]
async fn account_id_has_to_be_one_and_to_be_free() {
    let api = own(|world| world["projects"][0]["accountQuota"] = 2.into()).await;
    for (id, words) in [
        ("short", "The account ID \"short\" does not have a length between 6 and 30."),
        (&"x".repeat(31), "does not have a length between 6 and 30."),
        ("1mail-bot", "does not match the pattern"),
        ("mail-bot-", "does not match the pattern"),
        ("Mail-Bot", "does not match the pattern"),
        ("", "does not have a length"),
    ] {
        let refused = api.create(id).await;
        assert!(refused.status == 400 && refused.message().contains(words), "{id}: {}", refused.text);
    }
    assert_eq!(api.create("mail-bot").await.status, 200);
    let twice = api.create("mail-bot").await;
    assert_eq!(twice.message(), "Service account mail-bot already exists within project projects/shop.");
    let info = &twice.json["error"]["details"][0];
    assert_eq!(info["resourceName"], format!("projects/shop/serviceAccounts/{BOT}"));
    assert_eq!((twice.status.as_u16(), &twice.json["error"]["status"]), (409, &json!("ALREADY_EXISTS")));
    assert_eq!(api.create("another").await.status, 200);
    let full = api.create("one-too-many").await;
    assert_eq!((full.status.as_u16(), &full.json["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    let long = json!({"accountId": "long-one", "serviceAccount": {"description": "ü".repeat(129)}});
    assert_eq!(api.post(HERE, long).await.status, 400);
}

#[tokio::test]
async fn stranger_changes_no_account() {
    let mut api = own(|_| ()).await;
    api.create("mail-bot").await;
    api.project = "";
    api.token = api.emulator.handle().mint("user:eve@example.com", &[CLOUD], 3600).await.unwrap();
    let here = format!("{HERE}/{BOT}");
    for (verb, path, permission) in [
        (Method::POST, HERE, "iam.serviceAccounts.create"),
        (Method::PATCH, &here, "iam.serviceAccounts.update"),
        (Method::PUT, &here, "iam.serviceAccounts.update"),
        (Method::DELETE, &here, "iam.serviceAccounts.delete"),
        (Method::POST, &format!("{here}:disable"), "iam.serviceAccounts.disable"),
        (Method::POST, &format!("{here}:enable"), "iam.serviceAccounts.enable"),
        (Method::POST, &format!("{here}:undelete"), "iam.serviceAccounts.undelete"),
        (Method::POST, &format!("{here}/keys"), "iam.serviceAccountKeys.create"),
        (Method::DELETE, &format!("{here}/keys/x"), "iam.serviceAccountKeys.delete"),
        (Method::POST, &format!("{here}/keys/x:disable"), "iam.serviceAccountKeys.disable"),
        (Method::POST, &format!("{here}/keys/x:enable"), "iam.serviceAccountKeys.enable"),
    ] {
        let request = api.http.request(verb.clone(), format!("{}{path}", api.emulator.base_url()));
        let body = if verb == Method::DELETE { String::new() } else { "{}".to_owned() };
        let answer = request.bearer_auth(&api.token).body(body).header("content-type", "application/json");
        let refused: Value = answer.send().await.unwrap().json().await.unwrap();
        let named = &refused["error"]["details"][0]["metadata"]["permission"];
        assert_eq!((&refused["error"]["code"], named), (&json!(403), &json!(permission)), "{refused}");
    }
}

#[tokio::test]
async fn account_is_changed_as_its_mask_says() {
    let api = own(|_| ()).await;
    api.create("mail-bot").await;
    let both = json!({"displayName": "M", "description": "d"});
    let patched =
        api.on(Method::PATCH, "", Some(json!({"serviceAccount": both, "updateMask": "description"}))).await;
    assert_eq!(patched.json["displayName"], "Mail");
    assert_eq!(patched.json["description"], "d");
    let cleared = api.on(Method::PATCH, "", Some(json!({"updateMask": "display_name"}))).await;
    assert!(cleared.json["displayName"].is_null() && cleared.json["description"] == "d", "{}", cleared.text);
    let replaced = api.on(Method::PUT, "", Some(json!({"displayName": "N", "etag": "MDEwMjE5MjA="}))).await;
    assert_eq!((&replaced.json["displayName"], &replaced.json["description"]), (&json!("N"), &json!("d")));
    for (body, status) in [
        (json!({"serviceAccount": both, "updateMask": "email"}), 400),
        (json!({"serviceAccount": {"displayName": "x".repeat(101)}}), 400),
        (json!({"serviceAccount": {"displayName": "M", "etag": "AAAA"}}), 409),
    ] {
        assert_eq!(api.on(Method::PATCH, "", Some(body.clone())).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn disabled_account_mints_nothing_until_it_is_enabled() {
    let mut api = own(|_| ()).await;
    api.create("mail-bot").await;
    let file = api.make_key().await;
    let token = api.mint_as_bot().await.json["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(api.on(Method::POST, ":disable", Some(json!({}))).await.json, json!({}));
    assert_eq!(api.on(Method::GET, "", None).await.json["disabled"], true);
    assert_eq!(api.mint_as_bot().await.reason(), "ACCOUNT_STATE_INVALID");
    assert_eq!(api.log_in(&file).await.json["error_description"], "Robot is disabled.");
    let dev = std::mem::replace(&mut api.token, token.clone());
    assert_eq!(api.get(HERE).await.reason(), "ACCOUNT_STATE_INVALID");
    api.token = dev;
    api.on(Method::POST, ":enable", Some(json!({}))).await;
    assert!(api.mint_as_bot().await.json["accessToken"].is_string());
    assert!(api.log_in(&file).await.json["access_token"].is_string());
}

#[tokio::test]
async fn deleted_account_stays_in_policies_and_comes_back() {
    let mut api = own(|_| ()).await;
    let made = api.create("mail-bot").await.json;
    let id = made["uniqueId"].as_str().unwrap().to_owned();
    let member = format!("serviceAccount:{BOT}");
    api.grant_role("roles/iam.serviceAccountViewer", &member).await;
    api.grant_role("roles/browser", "group:bots@example.com").await;
    let (file, token) = (api.make_key().await, api.mint_as_bot().await.json["accessToken"].clone());
    let before = api.post("v3/projects/shop:getIamPolicy", json!({})).await.json;
    assert_eq!(api.on(Method::DELETE, "", None).await.json, json!({}));

    let deleted = format!("deleted:{member}?uid={id}");
    assert_eq!(api.members("roles/iam.serviceAccountViewer").await, json!([deleted]));
    assert_eq!(api.get(&format!("{HERE}/{BOT}")).await.status, 404);
    assert_eq!(api.get(HERE).await.json, json!({}));
    assert_eq!(api.log_in(&file).await.json["error_description"], "Invalid grant: account not found");
    assert_eq!(api.get(&format!("service_accounts/v1/metadata/jwk/{BOT}")).await.status, 404);
    // What was read before cannot be written: nobody is there to be granted it.
    let again = api.post("v3/projects/shop:setIamPolicy", json!({"policy": before})).await;
    assert_eq!(again.message(), format!("Service account {BOT} does not exist."));
    let while_deleted = api.post("v3/projects/shop:getIamPolicy", json!({})).await.json;

    let back = api.post(&format!("v1/projects/-/serviceAccounts/{id}:undelete"), json!({})).await;
    assert_eq!(back.json["restoredAccount"], made, "{}", back.text);
    assert_eq!(api.members("roles/iam.serviceAccountViewer").await, json!([member]));
    assert!(api.log_in(&file).await.json["access_token"].is_string());
    // And what was read in between names the account that is there again.
    let set = api.post("v3/projects/shop:setIamPolicy", json!({"policy": while_deleted})).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(api.members("roles/iam.serviceAccountViewer").await, json!([member]));
    api.token = token.as_str().unwrap().to_owned();
    api.project = "shop";
    let request = api.http.get(format!("{}{HERE}", api.emulator.base_url())).bearer_auth(&api.token);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let request =
        api.http.get(format!("{}v3/projects/shop", api.emulator.base_url())).bearer_auth(&api.token);
    assert_eq!(request.send().await.unwrap().status(), 200, "the group has it again");
}

#[tokio::test]
async fn account_made_again_inherits_nothing() {
    let mut api = own(|_| ()).await;
    let first = api.create("mail-bot").await.json["uniqueId"].clone();
    api.grant_role("roles/iam.serviceAccountViewer", &format!("serviceAccount:{BOT}")).await;
    let (file, token) = (api.make_key().await, api.mint_as_bot().await.json["accessToken"].clone());
    let key =
        api.on(Method::GET, "/keys?keyTypes=SYSTEM_MANAGED", None).await.json["keys"][0]["name"].clone();
    api.on(Method::DELETE, "", None).await;
    let second = api.create("mail-bot").await.json["uniqueId"].clone();
    assert_ne!(first, second);
    let keys = api.on(Method::GET, "/keys", None).await.json["keys"].clone();
    assert!(keys.as_array().unwrap().len() == 1 && keys[0]["name"] != key, "{keys}");
    assert_eq!(api.log_in(&file).await.json["error_description"], "Invalid JWT Signature.");
    let member = format!("deleted:serviceAccount:{BOT}?uid={}", first.as_str().unwrap());
    assert_eq!(api.members("roles/iam.serviceAccountViewer").await, json!([member]));
    let taken = api.post(&format!("{HERE}/{}:undelete", first.as_str().unwrap()), json!({})).await;
    assert_eq!((taken.status.as_u16(), &taken.json["error"]["status"]), (409, &json!("ALREADY_EXISTS")));
    let there = api.post(&format!("{HERE}/{}:undelete", second.as_str().unwrap()), json!({})).await;
    assert_eq!(there.json["error"]["status"], "FAILED_PRECONDITION");
    api.token = token.as_str().unwrap().to_owned();
    assert_eq!(api.get(HERE).await.reason(), "ACCOUNT_STATE_INVALID");
}

#[tokio::test]
async fn token_is_not_downscoped_when_its_account_was_made_again() {
    use super::downscope::{boundary, rule};
    let api = own(|_| ()).await;
    let less = boundary(&[rule("//cloudresourcemanager.googleapis.com/projects/shop", &["roles/viewer"])]);
    api.create("mail-bot").await;
    let minted = api.mint_as_bot().await.json;
    let token = minted["accessToken"].as_str().unwrap();
    assert_eq!(api.downscoped(token, &less).await.status, 200);
    api.on(Method::DELETE, "", None).await;
    assert_eq!(api.downscoped(token, &less).await.json["error"], "invalid_grant");
    api.create("mail-bot").await;
    assert_eq!(api.downscoped(token, &less).await.json["error"], "invalid_grant");
}

#[tokio::test]
async fn deleted_account_is_gone_after_thirty_days() {
    let mut api = own(|_| ()).await;
    let made = api.create("mail-bot").await.json;
    api.on(Method::DELETE, "", None).await;
    assert!(api.emulator.handle().advance_clock(30 * 86_400));
    api.token = api.emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap();
    let path = format!("{HERE}/{}:undelete", made["uniqueId"].as_str().unwrap());
    let late = api.post(&path, json!({})).await;
    assert_eq!((late.status.as_u16(), late.message()), (404, "Unknown service account"));
}

#[tokio::test]
async fn delegation_to_an_account_is_not_inherited_by_its_namesake() {
    let api = own(|world| {
        world["projects"][0]["accounts"] = json!([{"email": "mail-bot"}]);
        world["workspace"] = json!({"domains": ["example.com"],
            "delegations": [{"account": BOT, "scopes": [CLOUD]}]});
    })
    .await;
    let stand_in = async || {
        let now = api.emulator.handle().now();
        let claims = json!({"iss": BOT, "sub": "eve@example.com", "scope": CLOUD, "iat": now,
            "exp": now + 3_600, "aud": "https://oauth2.googleapis.com/token"});
        let signed = api.on(Method::POST, ":signJwt", Some(json!({"payload": claims.to_string()}))).await;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        api.post("token", json!({"grant_type": grant, "assertion": signed.json["signedJwt"]})).await
    };
    assert!(stand_in().await.json["access_token"].is_string());
    api.on(Method::DELETE, "", None).await;
    api.create("mail-bot").await;
    assert_eq!(stand_in().await.json["error"], "unauthorized_client");
}

#[tokio::test]
async fn key_logs_in_until_it_is_disabled_or_deleted() {
    let api = own(|_| ()).await;
    api.create("mail-bot").await;
    let file = api.make_key().await;
    assert_eq!(file["token_uri"], format!("{}token", api.emulator.base_url()));
    assert!(api.log_in(&file).await.json["access_token"].is_string());
    let id = file["private_key_id"].as_str().unwrap();
    let listed = api.on(Method::GET, &format!("/keys/{id}?publicKeyType=TYPE_X509_PEM_FILE"), None).await;
    assert_eq!(
        (&listed.json["keyType"], &listed.json["keyOrigin"]),
        (&json!("USER_MANAGED"), &json!("GOOGLE_PROVIDED"))
    );
    assert!(listed.json["publicKeyData"].is_string() && listed.json["privateKeyData"].is_null());
    let published = async || api.get(&format!("robot/v1/metadata/x509/{BOT}")).await.json[id].is_string();
    assert!(published().await);
    api.on(Method::POST, &format!("/keys/{id}:disable"), Some(json!({}))).await;
    assert_eq!(api.on(Method::GET, &format!("/keys/{id}"), None).await.json["disabled"], true);
    assert_eq!(api.log_in(&file).await.json["error_description"], "Invalid JWT Signature.");
    assert!(!published().await);
    api.on(Method::POST, &format!("/keys/{id}:enable"), Some(json!({}))).await;
    assert!(api.log_in(&file).await.json["access_token"].is_string());
    assert_eq!(api.on(Method::DELETE, &format!("/keys/{id}"), None).await.json, json!({}));
    assert_eq!(api.log_in(&file).await.json["error_description"], "Invalid JWT Signature.");
    let gone = api.on(Method::DELETE, &format!("/keys/{id}"), None).await;
    assert_eq!(
        (gone.status.as_u16(), gone.message()),
        (404, format!("Service account key {id} does not exist.").as_str())
    );
}

#[tokio::test]
async fn key_of_a_callers_file_can_be_deleted_too() {
    let api = TestClient::demo().await;
    let mut api = TestClient { project: "acme-ci", ..api };
    api.token = api.emulator.handle().mint("user:owner@example.com", &[CLOUD], 3600).await.unwrap();
    let number = api.emulator.callers().iter().position(|caller| caller.kind == "service_account").unwrap();
    let file = api.file(number);
    assert!(api.log_in(&file).await.json["access_token"].is_string());
    let path = format!(
        "v1/projects/-/serviceAccounts/{}/keys/{}",
        file["client_email"].as_str().unwrap(),
        file["private_key_id"].as_str().unwrap()
    );
    let deleted = api.send(Method::DELETE, &path, None).await.unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    assert_eq!(api.log_in(&file).await.json["error_description"], "Invalid JWT Signature.");
}

#[tokio::test]
async fn keys_are_refused_where_there_may_be_no_more() {
    let stated = |i: usize| json!({"created": format!("2026-01-{:02}T00:00:00Z", i + 1)});
    let api = own(|world| {
        let keys: Vec<Value> = (0..9).map(stated).collect();
        world["projects"][0]["accounts"] = json!([{"email": "mail-bot", "keys": keys}]);
    })
    .await;
    api.make_key().await;
    let full = api.on(Method::POST, "/keys", Some(json!({}))).await;
    let said = (&full.json["error"]["status"], full.message());
    assert_eq!(said, (&json!("FAILED_PRECONDITION"), "Precondition check failed."));
    for kind in [json!({"privateKeyType": "TYPE_PKCS12_FILE"}), json!({"keyAlgorithm": "KEY_ALG_RSA_1024"})] {
        assert_eq!(api.on(Method::POST, "/keys", Some(kind.clone())).await.status, 501, "{kind}");
    }
    let closed = own(|world| world["organizations"][0]["keyCreationDisabled"] = true.into()).await;
    closed.create("mail-bot").await;
    let refused = closed.on(Method::POST, "/keys", Some(json!({}))).await;
    let violation = &refused.json["error"]["details"][0]["violations"][0];
    assert_eq!(violation["type"], "constraints/iam.disableServiceAccountKeyCreation", "{}", refused.text);
    assert_eq!(refused.message(), "Key creation is not allowed on this service account.");
}
