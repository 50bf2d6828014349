//! Tests of the token exchange: whom the Security Token Service believes, and what the token it gives is worth.

use serde_json::Map;

use super::*;
use crate::keys;

pub const POOL: &str = "projects/415104041264/locations/global/workloadIdentityPools/ci-pool";
const STAFF: &str = "locations/global/workforcePools/staff";
const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";
const ISSUER: &str = "https://token.actions.example.com";
const IAM: &str = "https://www.googleapis.com/auth/iam";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const SAML2: &str = "urn:ietf:params:oauth:token-type:saml2";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The whole name of a provider of the demo's pool.
pub fn audience(provider: &str) -> String {
    format!("//iam.googleapis.com/{POOL}/providers/{provider}")
}

/// An exchange, with some of its parameters changed; those that are null are left out.
fn exchange(kind: &str, token: &str, change: Value) -> Map<String, Value> {
    let mut asked = json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": audience("github"), "scope": CLOUD, "requested_token_type": ACCESS_TOKEN,
        "subject_token": token, "subject_token_type": kind});
    for (name, value) in change.as_object().unwrap() {
        asked[name] = value.clone();
    }
    asked.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect()
}

impl TestClient {
    /// The demo, but the key of the provider `github` is one of which the test has the private part.
    async fn with_known_key(change: impl FnOnce(&mut World)) -> TestClient {
        let mut world = World::demo();
        let provider = &mut world.identity_pools.workload[0].providers[0];
        let ProviderKind::Oidc(oidc) = &mut provider.kind else { panic!("the demo has another provider") };
        (oidc.generated, oidc.identities) = (false, Vec::new());
        oidc.jwks = Some(json!({"keys": [keys::key_of("issuer@test").await.jwk()]}));
        world.callers.retain(|caller| !caller.principal.contains(SUBJECT));
        change(&mut world);
        TestClient::of(world).await
    }

    /// A JWT of the known key.
    async fn jwt(&self, change: Value) -> String {
        let now = self.emulator.handle().now();
        let mut claims = json!({"iss": ISSUER, "sub": SUBJECT, "aud": format!("https:{}", audience("github")),
            "iat": now, "exp": now + 600, "repository": "acme/app", "environments": ["production"]});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        keys::key_of("issuer@test").await.jwt(&claims.to_string())
    }

    /// A request as a form, without a bearer.
    pub async fn form(
        &self,
        path: &str,
        fields: &Map<String, Value>,
        client: Option<(&str, &str)>,
    ) -> TestResponse {
        let mut request = self.http.post(format!("{}{path}", self.emulator.base_url())).form(fields);
        if let Some((id, secret)) = client {
            request = request.basic_auth(id, Some(secret));
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    async fn exchanged(&self, token: &str, change: Value) -> TestResponse {
        self.form("v1/token", &exchange(JWT, token, change), None).await
    }

    /// The subject token that the demo writes into its first file of text.
    pub fn subject_token(&self) -> String {
        let file = self.file_called("-github-file.json");
        std::fs::read_to_string(file["credential_source"]["file"].as_str().unwrap()).unwrap()
    }

    /// The credentials file with that ending.
    pub fn file_called(&self, end: &str) -> Value {
        let called = |caller: &&CallerFile| caller.path.to_string_lossy().ends_with(end);
        let found = self.emulator.callers().iter().find(called).expect(end);
        serde_json::from_slice(&std::fs::read(&found.path).unwrap()).unwrap()
    }

    /// The same request with another bearer, and without a quota project.
    pub async fn bare(&self, path: &str, token: &str, body: Option<Value>) -> TestResponse {
        let url = format!("{}{path}", self.emulator.base_url());
        let request = match body {
            Some(body) => self.http.post(url).json(&body),
            None => self.http.get(url),
        };
        let response = request.bearer_auth(token).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Who holds a federated token.
    pub async fn username(&self, token: &str) -> String {
        let asked = Map::from_iter([("token".to_owned(), token.into())]);
        let told = self.form("v1/introspect", &asked, None).await.json;
        told["username"].as_str().unwrap_or_default().to_owned()
    }
}

/// The error and the status of an answer in the form of OAuth.
fn refusal(got: &TestResponse) -> (u16, &str) {
    assert!(got.json["error_description"].is_string(), "{}", got.text);
    (got.status.as_u16(), got.json["error"].as_str().unwrap())
}

#[tokio::test]
async fn a_subject_token_is_worth_a_federated_token_in_both_forms() {
    let api = TestClient::demo().await;
    let form = exchange(JWT, &api.subject_token(), json!({}));
    let camel = |name: &str| {
        let mut parts = name.split('_');
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
    };
    let body: Map<String, Value> = form.iter().map(|(name, value)| (camel(name), value.clone())).collect();
    assert!(body.contains_key("subjectTokenType"));
    let url = format!("{}v1/token", api.emulator.base_url());
    for request in [api.http.post(&url).form(&form), api.http.post(&url).json(&body)] {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["access_token"].as_str().unwrap().starts_with("ya29.d."), "{answer}");
        assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3599)));
    }
    let id_token = exchange(&JWT.replace("jwt", "id_token"), &api.subject_token(), json!({}));
    assert_eq!(api.form("v1/token", &id_token, None).await.status, 200);
}

#[tokio::test]
async fn an_exchange_in_json_may_have_the_parameters_that_every_api_has_and_no_others() {
    let api = TestClient::demo().await;
    let body = Value::Object(exchange(JWT, &api.subject_token(), json!({})));
    assert_eq!(api.bare("v1/token?alt=json&prettyPrint=false", "", Some(body.clone())).await.status, 200);
    let refused = api.bare("v1/token?alto=json", "", Some(body)).await;
    assert!(refused.status == 400 && refused.text.contains("alto"), "{}", refused.text);
}

#[tokio::test]
async fn a_federated_token_is_the_principal_in_every_service() {
    let api = TestClient::demo().await;
    let answer = api.exchanged(&api.subject_token(), json!({})).await;
    let token = answer.json["access_token"].as_str().unwrap();
    let accounts = api.bare("v1/projects/acme-ci/serviceAccounts", token, None).await;
    assert_eq!(accounts.json["accounts"].as_array().map(Vec::len), Some(3), "{}", accounts.text);
    let denied = api.bare("v1/projects/acme-prod/serviceAccounts", token, None).await;
    assert_eq!(denied.reason(), "IAM_PERMISSION_DENIED");
    assert_eq!(api.bare("v3/projects/acme-ci", token, None).await.status, 200);
    let mint = format!("{DEPLOYER}:generateAccessToken");
    let minted = api.bare(&mint, token, Some(json!({"scope": [CLOUD]}))).await;
    assert!(minted.json["accessToken"].as_str().unwrap().starts_with("ya29.c."), "{}", minted.text);
    let other = mint.replace("deployer", "reports");
    let denied = api.bare(&other, token, Some(json!({"scope": [CLOUD]}))).await;
    assert_eq!(denied.status, 403);
    let signed = api.bare(&format!("{DEPLOYER}:signBlob"), token, Some(json!({"payload": "aGVsbG8="}))).await;
    assert_eq!(signed.status, 403, "a workload identity user may not sign");
    api.emulator.handle().advance_clock(3_601);
    assert_eq!(api.bare("v3/projects/acme-ci", token, None).await.reason(), "ACCESS_TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_federated_token_opens_as_much_as_its_scopes() {
    let api = TestClient::demo().await;
    let mint = format!("{DEPLOYER}:generateAccessToken");
    for (scope, status) in [(IAM, 200), ("https://www.googleapis.com/auth/drive", 403)] {
        let answer = api.exchanged(&api.subject_token(), json!({"scope": scope})).await;
        let token = answer.json["access_token"].as_str().unwrap();
        let minted = api.bare(&mint, token, Some(json!({"scope": [CLOUD]}))).await;
        assert_eq!(minted.status, status, "{}", minted.text);
    }
}

#[tokio::test]
async fn introspection_knows_a_federated_token_and_tokeninfo_does_not() {
    let api = TestClient::demo().await;
    let now = api.emulator.handle().now();
    let answer = api.exchanged(&api.subject_token(), json!({})).await;
    let token = answer.json["access_token"].as_str().unwrap();
    let asked = |token: &str| Map::from_iter([("token".to_owned(), Value::from(token))]);
    let told = api.form("v1/introspect", &asked(token), None).await.json;
    assert_eq!(told["active"], true);
    assert_eq!(told["username"], format!("principal://iam.googleapis.com/{POOL}/subject/{SUBJECT}"));
    assert_eq!(
        (&told["iss"], &told["client_id"]),
        (&json!("https://sts.googleapis.com/"), &json!("415104041264"))
    );
    assert!((now + 3_590..now + 3_610).contains(&told["exp"].as_i64().unwrap()));
    let info = api.post("tokeninfo", json!({"access_token": token})).await;
    assert_eq!(refusal(&info), (400, "invalid_token"));
    assert_eq!(refusal(&api.bare("tokeninfo", token, None).await), (400, "invalid_token"));
    assert_eq!(api.bare("v1/userinfo", token, None).await.status, 401);
    // Neither a token of another service nor one that is over is told apart from one that never was.
    for other in [api.token.as_str(), "ya29.d.other"] {
        assert_eq!(api.form("v1/introspect", &asked(other), None).await.json, json!({"active": false}));
    }
    api.emulator.handle().advance_clock(3_601);
    assert_eq!(api.form("v1/introspect", &asked(token), None).await.json, json!({"active": false}));
    let strange = api.form("v1/introspect", &asked(token), Some(("strange", "client"))).await;
    assert_eq!(refusal(&strange), (401, "invalid_client"));
    let gcloud = Some(("32555940559.apps.googleusercontent.com", "its-own"));
    assert_eq!(api.form("v1/introspect", &asked(token), gcloud).await.status, 200);
}

#[tokio::test]
async fn an_exchange_that_asks_for_the_wrong_thing_is_refused_in_the_form_of_oauth() {
    let api = TestClient::demo().await;
    let token = api.subject_token();
    for (change, error) in [
        (json!({"grant_type": null}), "invalid_request"),
        (json!({"grant_type": "refresh_token"}), "unsupported_grant_type"),
        (json!({"requested_token_type": null}), "invalid_request"),
        (json!({"requested_token_type": JWT}), "invalid_request"),
        (json!({"subject_token": null}), "invalid_request"),
        (json!({"subject_token_type": null}), "invalid_request"),
        (json!({"subject_token_type": "urn:ietf:params:oauth:token-type:mtls"}), "invalid_request"),
        (json!({"subject_token_type": SAML2}), "invalid_request"),
        (json!({"subject_token_type": ACCESS_TOKEN}), "invalid_request"),
        (json!({"subject_token": "no.jwt"}), "invalid_grant"),
        (json!({"scope": null}), "invalid_request"),
        (json!({"scope": "everything"}), "invalid_scope"),
        (json!({"audience": null}), "invalid_request"),
        (json!({"audience": format!("https:{}", audience("github"))}), "invalid_request"),
        (json!({"audience": audience("gitlab")}), "invalid_target"),
        (json!({"audience": audience("github").replace("415104041264", "7")}), "invalid_target"),
        (json!({"actor_token": "x"}), "invalid_request"),
        (json!({"options": "{"}), "invalid_request"),
        (json!({"options": r#"{"accessBoundary":{}}"#}), "invalid_request"),
        (json!({"options": r#"{"userProject":"acme-ci"}"#}), "invalid_request"),
    ] {
        let answer = api.exchanged(&token, change.clone()).await;
        assert_eq!(refusal(&answer), (400, error), "{change}");
    }
    let answer = api.exchanged(&token, json!({"audience": "acme-ci"})).await;
    let words = "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider.";
    assert!(answer.json["error_description"].as_str().unwrap().starts_with(words), "{}", answer.text);
    let client = api.form("v1/token", &exchange(JWT, &token, json!({})), Some(("strange", "client"))).await;
    assert_eq!(refusal(&client), (401, "invalid_client"));
    let unknown = exchange(JWT, &token, json!({"lifetime": "60s"}));
    let url = format!("{}v1/token", api.emulator.base_url());
    assert_eq!(api.http.post(url).json(&unknown).send().await.unwrap().status(), 400);
    assert_eq!(api.form("v1/token", &unknown, None).await.status, 200, "a form may hold more");
    let bearer = api.post("v1/token", exchange(JWT, &token, json!({})).into()).await;
    assert_eq!(refusal(&bearer), (401, "invalid_client"), "a bearer is no client");
}

#[tokio::test]
async fn a_pool_or_a_provider_that_is_disabled_is_no_target() {
    for change in [
        |world: &mut World| world.identity_pools.workload[0].disabled = true,
        |world: &mut World| world.identity_pools.workload[0].providers[0].disabled = true,
    ] {
        let mut world = World::demo();
        change(&mut world);
        let api = TestClient::of(world).await;
        let answer = api.exchanged(&api.subject_token(), json!({})).await;
        assert_eq!(refusal(&answer), (400, "invalid_target"));
    }
}

#[tokio::test]
async fn a_jwt_has_to_be_signed_for_the_provider_by_its_issuer_and_fresh() {
    let api = TestClient::with_known_key(|_| {}).await;
    let now = api.emulator.handle().now();
    for fine in [
        json!({}),
        json!({"aud": audience("github")}),
        json!({"aud": ["other", audience("github")]}),
        json!({"iat": now - 86_000}),
    ] {
        let answer = api.exchanged(&api.jwt(fine.clone()).await, json!({})).await;
        assert_eq!(answer.status, 200, "{fine}: {}", answer.text);
    }
    let expected = format!("does not match the expected one in config: {ISSUER}.");
    let stale = |issued: i64| format!("ID Token issued at {issued} is stale to sign-in.");
    for (change, error, words) in [
        (
            json!({"iss": "https://token.example.net"}),
            "invalid_grant",
            format!("The issuer in ID Token https://token.example.net {expected}"),
        ),
        (json!({"iss": null}), "invalid_grant", format!("The issuer in ID Token null {expected}")),
        (
            json!({"aud": ["https://iam.googleapis.com/", audience("aws")]}),
            "invalid_grant",
            format!(
                "The audience in ID Token [https://iam.googleapis.com/, {}] does not match the expected audience.",
                audience("aws")
            ),
        ),
        (
            json!({"aud": null}),
            "invalid_grant",
            "The audience in ID Token [] does not match the expected audience.".into(),
        ),
        (json!({"iat": now - 3_600, "exp": now - 75}), "invalid_grant", stale(now - 3_600)),
        (json!({"iat": now - 90_000, "exp": now + 600}), "invalid_grant", stale(now - 90_000)),
        (json!({"iat": now + 119, "exp": now + 7_200}), "invalid_grant", stale(now + 119)),
        (json!({"iat": now, "exp": null}), "invalid_grant", stale(now)),
        (json!({"iat": null}), "invalid_grant", "ID Token issued at null is stale to sign-in.".into()),
        (
            json!({"sub": null}),
            "unauthorized_client",
            "Could not obtain a value for google.subject from the given credential.".into(),
        ),
        (
            json!({"sub": "x".repeat(128)}),
            "invalid_request",
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute \
             mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes."
                .into(),
        ),
    ] {
        let answer = api.exchanged(&api.jwt(change.clone()).await, json!({})).await;
        assert_eq!(refusal(&answer), (400, error), "{change}");
        assert_eq!(answer.json["error_description"], words, "{change}");
    }
    let mut forged = api.jwt(json!({})).await;
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    let other = keys::key_of("other@test").await.jwt("{}");
    for (token, words) in [
        (forged.as_str(), "Unable to verify the ID Token signature."),
        (&other, "Error connecting to the given credential's issuer."),
        ("opaque", "Unable to parse the ID Token."),
        ("x.y.z", "Unable to parse the ID Token."),
        ("e30.e30.", "Unable to parse the ID Token."),
    ] {
        let answer = api.exchanged(token, json!({})).await;
        assert_eq!(refusal(&answer), (400, "invalid_grant"));
        assert_eq!(answer.json["error_description"], words, "{token}");
    }
}

#[tokio::test]
async fn a_federated_token_lasts_no_longer_than_its_jwt() {
    let api = TestClient::with_known_key(|_| {}).await;
    let now = api.emulator.handle().now();
    for (ttl, most) in [(40, 39), (900, 899), (7_200, 3_599), (31_536_000, 3_599)] {
        let answer = api.exchanged(&api.jwt(json!({"exp": now + ttl})).await, json!({})).await;
        let left = answer.json["expires_in"].as_i64().expect(&answer.text);
        assert!((most - 15..=most).contains(&left), "{ttl}: {left}");
    }
    // Clocks may differ by a minute.
    for change in [json!({"iat": now + 55}), json!({"iat": now - 600, "exp": now - 30})] {
        let answer = api.exchanged(&api.jwt(change.clone()).await, json!({})).await;
        assert_eq!(answer.status, 200, "{change}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_provider_with_audiences_of_its_own_takes_no_others() {
    let api = TestClient::with_known_key(|world| {
        let kind = &mut world.identity_pools.workload[0].providers[0].kind;
        let ProviderKind::Oidc(oidc) = kind else { panic!("the demo has another provider") };
        oidc.audiences = vec!["acme".into()];
    })
    .await;
    let own = api.exchanged(&api.jwt(json!({"aud": "acme"})).await, json!({})).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let usual = api.exchanged(&api.jwt(json!({})).await, json!({})).await;
    assert_eq!(refusal(&usual), (400, "invalid_grant"));
}

#[tokio::test]
async fn groups_and_attributes_come_from_the_claims_that_the_mapping_names() {
    let api = TestClient::with_known_key(|world| {
        let deployer = &mut world.projects[0].accounts[0];
        deployer.policy.bindings.retain(|binding| binding.role != "roles/iam.workloadIdentityUser");
    })
    .await;
    let mint = format!("{DEPLOYER}:generateAccessToken");
    let deployer = "deployer@acme-prod.iam.gserviceaccount.com";
    for (set, claim, other) in [
        ("group/production", "environments", json!(["staging"])),
        ("attribute.repository/acme/app", "repository", json!("acme/site")),
    ] {
        let member = format!("principalSet://iam.googleapis.com/{POOL}/{set}");
        let binding = Binding {
            role: "roles/iam.workloadIdentityUser".into(),
            members: vec![member],
            ..Binding::default()
        };
        assert!(
            api.emulator.handle().set_policy_of(deployer, |policy| policy.bindings = vec![binding]).await
        );
        let mut statuses = Vec::new();
        for change in [json!({}), json!({claim: other})] {
            let answer = api.exchanged(&api.jwt(change).await, json!({})).await;
            let token = answer.json["access_token"].as_str().unwrap().to_owned();
            statuses.push(api.bare(&mint, &token, Some(json!({"scope": [CLOUD]}))).await.status.as_u16());
        }
        assert_eq!(statuses, [200, 403], "{set}");
    }
}

#[tokio::test]
async fn a_saml_response_is_believed_if_it_is_one_of_the_world_s() {
    use base64::Engine;
    let mut world = World::demo();
    let response = "<samlp:Response><saml:Subject>wendy</saml:Subject></samlp:Response>";
    let saml = json!({"id": "partner-saml", "saml": {"responses": [{"text": response,
        "claims": {"name": "wendy@partner.example", "groups": ["release-managers"]}}]},
        "mapping": {"subject": "name", "groups": "groups"}});
    world.identity_pools.workforce[0].providers.push(serde_json::from_value(saml).unwrap());
    let api = TestClient::of(world).await;
    let audience = format!("//iam.googleapis.com/{STAFF}/providers/partner-saml");
    let send = async |text: &str, options: Value| {
        let token = base64::engine::general_purpose::STANDARD.encode(text);
        let change = json!({"audience": audience, "options": options});
        api.form("v1/token", &exchange(SAML2, &token, change), None).await
    };
    let answer = send(response, json!(null)).await;
    let token = answer.json["access_token"].as_str().expect(&answer.text);
    assert_eq!(
        api.username(token).await,
        format!("principal://iam.googleapis.com/{STAFF}/subject/wendy@partner.example")
    );
    assert_eq!(api.bare("v1/projects/acme-ci/serviceAccounts", token, None).await.status, 200);
    assert_eq!(refusal(&send("<samlp:Response/>", json!(null)).await), (400, "invalid_grant"));
    let raw = exchange(SAML2, "<samlp:Response/>", json!({"audience": audience}));
    assert_eq!(refusal(&api.form("v1/token", &raw, None).await), (400, "invalid_request"));
}

#[tokio::test]
async fn the_project_that_a_person_of_a_workforce_pool_names_has_to_be_theirs_to_use() {
    let mut world = World::demo();
    world.projects[2].disabled_services = vec!["cloudresourcemanager.googleapis.com".into()];
    let api = TestClient::of(world).await;
    let token = {
        let url = "external/-/staff/partner-login/identities/0";
        let answer = api.http.get(format!("{}{url}", api.emulator.base_url())).header("Metadata", "True");
        let answer: Value = answer.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let audience = format!("//iam.googleapis.com/{STAFF}/providers/partner-login");
    let send = async |project: Value| {
        let options = json!({"userProject": project}).to_string();
        // As google-auth sends it: percent-encoded once more.
        let options = percent_encoding::utf8_percent_encode(&options, percent_encoding::NON_ALPHANUMERIC);
        let change = json!({"audience": audience, "options": options.to_string()});
        api.form("v1/token", &exchange(JWT, &token, change), None).await
    };
    let answer = send("acme-ci".into()).await;
    let own = answer.json["access_token"].as_str().expect(&answer.text);
    assert_eq!(api.bare("v1/projects/acme-ci/serviceAccounts", own, None).await.status, 200);
    assert_eq!(api.bare("v3/projects/acme-ci", own, None).await.reason(), "SERVICE_DISABLED");
    let answer = send("415104041262".into()).await;
    let other = answer.json["access_token"].as_str().unwrap();
    let denied = api.bare("v1/projects/acme-ci/serviceAccounts", other, None).await;
    assert_eq!(denied.reason(), "USER_PROJECT_DENIED");
    assert_eq!(refusal(&send("no-such-project".into()).await), (400, "invalid_request"));
}

#[tokio::test]
async fn the_pool_s_own_project_pays_for_its_workloads() {
    let mut world = World::demo();
    world.projects[2].disabled_services = vec!["iam.googleapis.com".into()];
    let api = TestClient::of(world).await;
    let answer = api.exchanged(&api.subject_token(), json!({})).await;
    let token = answer.json["access_token"].as_str().unwrap();
    let off = api.bare("v1/projects/acme-ci/serviceAccounts", token, None).await;
    assert_eq!(off.reason(), "SERVICE_DISABLED");
    assert!(off.text.contains("415104041264"), "{}", off.text);
}

#[tokio::test]
async fn the_regions_of_a_pool_are_told_to_those_who_are_of_it() {
    let api = TestClient::demo().await;
    let answer = api.exchanged(&api.subject_token(), json!({})).await;
    let token = answer.json["access_token"].as_str().unwrap();
    for pool in [POOL, STAFF] {
        let told = api.bare(&format!("v1/{pool}/allowedLocations"), token, None).await;
        assert_eq!(told.json["encodedLocations"], "0x0", "{}", told.text);
    }
    assert_eq!(api.bare(&format!("v1/{POOL}-2/allowedLocations"), token, None).await.status, 404);
}

#[tokio::test]
async fn a_fault_refuses_an_exchange_by_name() {
    let api = TestClient::demo().await;
    for (error, status, words) in [
        ("INVALID_TARGET", 400, "invalid_target"),
        ("INVALID_CLIENT", 401, "invalid_client"),
        ("ATTRIBUTE_CONDITION", 400, "rejected by the attribute condition"),
    ] {
        api.fault(fault("sts.token").error(error)).await;
        let answer = api.exchanged(&api.subject_token(), json!({})).await;
        assert_eq!(answer.status, status);
        assert!(answer.text.contains(words), "{}", answer.text);
    }
    api.fault(fault("sts.token").outcome(Outcome::TokenExpired)).await;
    let stale = api.exchanged(&api.subject_token(), json!({})).await;
    assert!(stale.text.contains("stale to sign-in"), "{}", stale.text);
}
