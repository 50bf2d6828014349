//! Tests of a running emulator through a plain HTTP client.

use reqwest::{Client, Method, StatusCode};

use super::names::path::{DEPLOYER, EDITABLE};
use super::names::{CREATOR, DEV};
use super::*;

mod accounts;
mod activities;
mod admission;
mod analysis;
mod assets;
mod aws;
mod behaviour;
pub(super) mod contract;
mod control;
mod delegation;
mod downscope;
mod external;
mod faults;
mod federation;
mod filters;
mod front;
mod logins;
mod machine;
mod metadata;
mod policies;
mod pools;
mod properties;
mod proxy;
mod search_properties;
mod services;
mod tokens;
mod transport;
mod troubleshooter;
mod unserved;
mod worlds;

const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";

struct TestClient {
    emulator: Emulator,
    http: Client,
    token: String,
    project: &'static str,
}

/// An answer, with its body read as JSON where it is that.
struct TestResponse {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    json: Value,
    text: String,
}

impl TestResponse {
    fn reason(&self) -> &str {
        let details = self.json["error"]["details"].as_array();
        details.into_iter().flatten().find_map(|detail| detail["reason"].as_str()).unwrap_or("")
    }

    fn message(&self) -> &str {
        self.json["error"]["message"].as_str().unwrap_or("")
    }
}

impl TestClient {
    async fn of(world: World) -> TestClient {
        let emulator = Emulator::start(Options { port: 0, world }).await.unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        let token = emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap();
        TestClient { emulator, http, token, project: "acme-prod" }
    }

    async fn demo() -> TestClient {
        TestClient::of(World::demo()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<TestResponse, reqwest::Error> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.emulator.base_url()))
            .bearer_auth(&self.token)
            .header("x-goog-user-project", self.project);
        request = match body {
            Some(body) => request.json(&body),
            // As every client of Google's does: the front end refuses a POST without.
            None if method == Method::POST => request.header("content-length", "0"),
            None => request,
        };
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        Ok(TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, None).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.send(Method::POST, path, Some(body)).await.unwrap()
    }

    async fn fault(&self, fault: Fault) {
        self.emulator.handle().add_fault(fault).await;
    }

    fn file(&self, number: usize) -> Value {
        serde_json::from_slice(&std::fs::read(&self.emulator.callers()[number].path).unwrap()).unwrap()
    }
}

fn fault(method: &str) -> Fault {
    Fault::on(method).times(1)
}

/// The claims of a JWT, once its signature has been checked against a key of a JWK set.
fn verified(token: &str, jwks: &Value) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys
        .iter()
        .find(|key| key["kid"] == header.kid.clone().unwrap().as_str())
        .expect("the kid is served");
    let key = jsonwebtoken::DecodingKey::from_rsa_components(
        key["n"].as_str().unwrap(),
        key["e"].as_str().unwrap(),
    )
    .unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims
}

#[tokio::test]
async fn strangers_other_hosts_and_other_paths_are_refused() {
    let mut api = TestClient::demo().await;
    let page = api.get("v1/projects/projects/acme-prod/serviceAccounts").await;
    assert!(page.status == 404 && page.text.contains("<title>Error 404 (Not Found)!!1</title>"));
    let url = format!("{}{DEPLOYER}", api.emulator.base_url());
    let rebound = api.http.get(&url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
    assert_eq!(api.get(&format!("{DEPLOYER}?optionsRequestedPolicyVersion=3")).await.status, 400);
    assert_eq!(api.http.get(&url).send().await.unwrap().status(), 401);
    api.token = "ya29.a0-somebody-elses-secret".into();
    assert_eq!(api.get(DEPLOYER).await.reason(), "ACCESS_TOKEN_TYPE_UNSUPPORTED");
    let log = api.emulator.handle().request_log().await;
    assert!(!format!("{log:?}").contains("somebody") && log.last().unwrap().status == 401);
    assert_eq!(log.last().unwrap().method, "iam.serviceAccounts.get");
}

#[tokio::test]
async fn a_verb_that_nobody_knows_is_a_page_that_is_not_there_whatever_it_is_asked_of() {
    let api = TestClient::demo().await;
    for path in [
        &format!("{DEPLOYER}:frobnicate"),
        "v1/projects/-/serviceAccounts/nobody@acme-prod.iam.gserviceaccount.com:x",
        "v1/roles/iam.serviceAccountUser:frobnicate",
        "v1/projects/acme-prod/services/iam.googleapis.com:frobnicate",
        "v3/projects/acme-prod:frobnicate",
        "v3/projects/example.com:acme:frobnicate",
        "v3/folders/310000000001:frobnicate",
    ] {
        for method in [Method::GET, Method::POST] {
            let page = api.send(method.clone(), path, None).await.unwrap();
            assert_eq!(page.status, 404, "{method} {path}: {}", page.text);
            assert!(page.text.contains("<title>Error 404 (Not Found)!!1</title>"), "{path}: {}", page.text);
        }
    }
    // A colon after a domain is part of a project's id.
    assert_eq!(api.get("v3/projects/example.com:acme").await.reason(), "IAM_PERMISSION_DENIED");
}

#[tokio::test]
async fn what_has_no_path_is_not_found_and_does_no_harm() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let api = TestClient::demo().await;
    let address = api.emulator.base_url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    for (line, status) in [("CONNECT host:1", "405"), ("OPTIONS *", "404")] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
    assert_eq!(api.emulator.handle().request_log().await.last().unwrap().method, "unrouted");
    assert_eq!(api.get(DEPLOYER).await.status, 200);
}

#[tokio::test]
async fn the_credentials_files_are_private_and_gone_with_the_emulator() {
    let api = TestClient::demo().await;
    let path = api.emulator.callers()[0].path.clone();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
    assert_eq!(api.file(0)["token_uri"], format!("{}token", api.emulator.base_url()));
    drop(api);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_first_line_says_where_everything_is() {
    let api = TestClient::demo().await;
    let line = first_line(&api.emulator);
    assert_eq!(line["port"], api.emulator.addr().port());
    assert_eq!(line["env"]["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM"], api.emulator.base_url());
    assert_eq!(line["callers"][0]["principal"], DEV);
    assert_eq!(line["projects"][0], "acme-prod");
    let metadata = |line: &Value, name: &str| line["env"][format!("GCE_METADATA_{name}")].clone();
    // Google's libraries ask Google about a person's login, wherever its file points.
    let named = line["env"]["GOOGLE_APPLICATION_CREDENTIALS"].as_str().unwrap();
    let file: Value = serde_json::from_slice(&std::fs::read(named).unwrap()).unwrap();
    assert_eq!(file["type"], "service_account");
    for name in ["HOST", "ROOT", "IP"] {
        assert_eq!(metadata(&line, name), api.emulator.addr().to_string());
    }
    let elsewhere = TestClient::of(World { metadata: None, ..World::demo() }).await;
    assert!(metadata(&first_line(&elsewhere.emulator), "HOST").is_null());
}

#[tokio::test]
async fn a_hundred_thousand_accounts_are_served_in_pages() {
    let api = TestClient::of(World::demo().with_generated_accounts(100_000, "acme-prod")).await;
    let page = api.get("v1/projects/acme-prod/serviceAccounts?pageSize=100").await;
    assert_eq!(page.json["accounts"].as_array().unwrap().len(), 100);
    let last = api.get("v1/projects/-/serviceAccounts/report-099995@acme-prod.iam.gserviceaccount.com").await;
    assert_eq!(last.status, 200);
}

#[tokio::test]
async fn a_dropped_emulator_answers_nobody_not_even_an_open_connection() {
    let TestClient { emulator, http, .. } = TestClient::demo().await;
    let url = format!("{}oauth2/v3/certs", emulator.base_url());
    http.get(&url).send().await.unwrap().bytes().await.unwrap();
    drop(emulator);
    assert!(http.get(&url).send().await.is_err());
}
