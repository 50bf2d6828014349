//! Tests of the metadata server.

use super::names::{API, REPORTS};
use super::*;

const ACCOUNTS: &str = "computeMetadata/v1/instance/service-accounts";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const STORAGE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// The demo on another machine.
fn world(change: impl FnOnce(&mut Metadata)) -> World {
    let mut world = World::demo();
    change(world.metadata.as_mut().unwrap());
    world
}

/// A pod of acme-prod whose annotation names an account.
fn pod(account: &str, workload: Option<&str>) -> World {
    world(|machine| {
        machine.platform = Platform::Gke;
        machine.workload = workload.map(str::to_owned);
        let scopes = vec![CLOUD.into(), EMAIL.into()];
        let account = format!("{account}@acme-prod.iam.gserviceaccount.com");
        machine.accounts = vec![Attached { account, scopes }];
    })
}

impl TestClient {
    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut request = client.get(format!("{}{path}", self.emulator.base_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    async fn metadata(&self, path: &str) -> TestResponse {
        self.ask(path, &[("metadata-flavor", "Google")]).await
    }

    /// What tokeninfo says of the token at a path.
    async fn info(&self, path: &str) -> Value {
        let got = self.metadata(path).await;
        self.post("tokeninfo", json!({"access_token": got.json["access_token"]})).await.json
    }
}

fn header<'a>(got: &'a TestResponse, name: &str) -> &'a str {
    got.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_ping_needs_no_header_and_everything_else_does() {
    let api = TestClient::demo().await;
    let ping = api.ask("", &[]).await;
    assert_eq!((ping.status.as_u16(), ping.text.as_str()), (200, "computeMetadata/\n"));
    for path in
        ["computeMetadata/v1/project/project-id", &format!("{ACCOUNTS}/default/token"), "computeMetadata/x"]
    {
        for headers in [&[][..], &[("metadata-flavor", "google")]] {
            let refused = api.ask(path, headers).await;
            let text = "Missing required header \"Metadata-Flavor\": \"Google\"";
            assert_eq!((refused.status.as_u16(), refused.text.as_str()), (403, text), "{path}");
            assert_eq!(header(&refused, "metadata-flavor"), "Google");
        }
        let forwarded = [("metadata-flavor", "Google"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(api.ask(path, &forwarded).await.status, 403);
    }
    assert_eq!(api.ask("", &[("x-forwarded-for", "192.0.2.1")]).await.status, 403);
}

#[tokio::test]
async fn every_answer_says_that_it_is_the_metadata_server_s() {
    let api = TestClient::demo().await;
    let identity = format!("{ACCOUNTS}/default/identity?audience=a");
    for (path, kind) in [
        ("", "application/text"),
        ("computeMetadata/v1/instance/", "application/text"),
        ("computeMetadata/v1/instance/?recursive=true", "application/json"),
        ("computeMetadata/v1/instance/zone", "application/text"),
        (&format!("{ACCOUNTS}/default/token"), "application/json"),
        (&identity, "text/html"),
        ("computeMetadata/v1/instance/no-such", "text/html; charset=UTF-8"),
    ] {
        let got = api.metadata(path).await;
        assert_eq!(header(&got, "content-type"), kind, "{path}");
        assert_eq!(header(&got, "metadata-flavor"), "Google", "{path}");
        assert_eq!(header(&got, "server"), "Metadata Server for VM", "{path}");
        assert_eq!(header(&got, "x-xss-protection"), "0", "{path}");
        assert_eq!(header(&got, "x-frame-options"), "SAMEORIGIN", "{path}");
        let etag = header(&got, "etag");
        assert!(etag.len() == 16 && etag.bytes().all(|b| b.is_ascii_hexdigit()), "{path}: {etag}");
    }
    let etag = async |path: &str| header(&api.metadata(path).await, "etag").to_owned();
    let (zone, name) = ("computeMetadata/v1/instance/zone", "computeMetadata/v1/instance/name");
    assert!(etag(zone).await == etag(zone).await && etag(zone).await != etag(name).await);
}

#[tokio::test]
async fn the_machine_tells_what_it_is() {
    let api = TestClient::demo().await;
    for (path, text) in [
        ("", "v1/\n"),
        ("v1/", "instance/\nproject/\nuniverse/\n"),
        ("v1/project/project-id", "acme-prod"),
        ("v1/project/numeric-project-id", "415104041262"),
        ("v1/project/attributes/on-call", "oncall@example.com"),
        ("v1/universe/universe-domain", "googleapis.com"),
        ("v1/instance/id", "4815162342108150001"),
        ("v1/instance/name", "api-1"),
        ("v1/instance/hostname", "api-1.europe-west1-b.c.acme-prod.internal"),
        ("v1/instance/zone", "projects/415104041262/zones/europe-west1-b"),
        ("v1/instance/attributes/", "startup-channel\n"),
        ("v1/instance/service-accounts/default/", "aliases\nemail\nidentity\nscopes\ntoken\n"),
        ("v1/instance/service-accounts/default/email", API),
        ("v1/instance/service-accounts/default/aliases", "default\n"),
        ("v1/instance/service-accounts/reports%40acme-prod.iam.gserviceaccount.com/email", REPORTS),
        ("v1/instance/zone?alt=json", "\"projects/415104041262/zones/europe-west1-b\""),
        ("v1/project/numeric-project-id?alt=json", "415104041262"),
        ("v1/project/?alt=json", "[\"attributes/\",\"numeric-project-id\",\"project-id\"]"),
        (
            "v1/project/?recursive=true&alt=text",
            "attributes/on-call oncall@example.com\nnumeric-project-id 415104041262\nproject-id acme-prod\n",
        ),
    ] {
        let got = api.metadata(&format!("computeMetadata/{path}")).await;
        assert_eq!((got.status.as_u16(), got.text.as_str()), (200, text), "{path}");
    }
    let accounts = api.metadata(&format!("{ACCOUNTS}/")).await.text;
    assert_eq!(accounts, format!("default/\n{API}/\n{REPORTS}/\n"));
    let scopes = api.metadata(&format!("{ACCOUNTS}/{REPORTS}/scopes")).await.text;
    assert_eq!(scopes, format!("{STORAGE}\n"));
}

#[tokio::test]
async fn everything_below_is_told_at_once_but_for_tokens() {
    let api = TestClient::demo().await;
    let default = api.metadata(&format!("{ACCOUNTS}/default/?recursive=true")).await.json;
    assert_eq!(default, json!({"aliases": ["default"], "email": API, "scopes": [CLOUD]}));
    let all = api.metadata("computeMetadata/v1/?recursive=true").await.json;
    assert_eq!(all["instance"]["serviceAccounts"]["default"], default);
    assert_eq!(all["instance"]["serviceAccounts"][REPORTS]["aliases"], json!([]));
    assert_eq!(all["instance"]["attributes"], json!({"startup-channel": "stable"}), "people's names stay");
    assert_eq!(all["project"]["numericProjectId"], 415_104_041_262_u64);
    assert_eq!(all["universe"]["universeDomain"], "googleapis.com");
    assert!(!all.to_string().contains("ya29.") && !all.to_string().contains("token"));
}

#[tokio::test]
async fn a_directory_without_its_slash_is_elsewhere_and_what_is_not_there_is_google_s_page() {
    let api = TestClient::demo().await;
    for (path, location) in [
        ("computeMetadata", "/computeMetadata/"),
        ("computeMetadata/v1/instance", "/computeMetadata/v1/instance/"),
        (&format!("{ACCOUNTS}/default?recursive=true"), &format!("/{ACCOUNTS}/default/?recursive=true")),
    ] {
        let moved = api.metadata(path).await;
        assert_eq!((moved.status.as_u16(), header(&moved, "location")), (301, location));
    }
    for path in [
        "computeMetadata/v1/instance/no-such",
        "computeMetadata/v1/instance/zone/",
        "computeMetadata/v1//instance/",
        "computeMetadata/v1beta1/instance/",
        &format!("{ACCOUNTS}/default/token/"),
        &format!("{ACCOUNTS}/deployer@acme-prod.iam.gserviceaccount.com/token"),
        &format!("{ACCOUNTS}/deployer@acme-prod.iam.gserviceaccount.com/?recursive=true"),
    ] {
        let page = api.metadata(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text.contains("<title>Error 404 (Not Found)!!1</title>"), "{path}");
        assert!(page.text.contains(&format!("<code>/{path}</code>")), "{}", page.text);
    }
}

#[tokio::test]
async fn a_virtual_machine_ignores_the_scopes_that_are_asked_for() {
    let mut api = TestClient::demo().await;
    let asked = api.metadata(&format!("{ACCOUNTS}/default/token?scopes={EMAIL}")).await;
    let fields: Vec<&String> = asked.json.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["access_token", "expires_in", "token_type"]);
    assert_eq!((&asked.json["expires_in"], &asked.json["token_type"]), (&json!(3599), &json!("Bearer")));
    let info = api.info(&format!("{ACCOUNTS}/default/token?scopes={EMAIL}")).await;
    assert_eq!((&info["scope"], &info["access_type"]), (&json!(CLOUD), &json!("online")));
    assert_eq!(api.info(&format!("{ACCOUNTS}/{REPORTS}/token")).await["scope"], STORAGE);

    // The token is worth what the account may and its scopes allow.
    api.token = asked.json["access_token"].as_str().unwrap().to_owned();
    let list = format!("{}v1/projects/acme-prod/serviceAccounts", api.emulator.base_url());
    let status = async |token: &str| api.http.get(&list).bearer_auth(token).send().await.unwrap().status();
    assert_eq!(status(&api.token).await, 200);
    let narrow = api.metadata(&format!("{ACCOUNTS}/{REPORTS}/token")).await.json["access_token"].clone();
    assert_eq!(status(narrow.as_str().unwrap()).await, 403);
}

#[tokio::test]
async fn other_machines_honour_the_scopes_that_are_asked_for() {
    for platform in [Platform::Gke, Platform::Serverless] {
        let api = TestClient::of(world(|machine| machine.platform = platform)).await;
        let path = format!("{ACCOUNTS}/default/token");
        let asked =
            format!("{path}?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdevstorage.read_only,openid");
        assert_eq!(api.info(&asked).await["scope"], format!("{STORAGE} openid"));
        assert_eq!(api.info(&path).await["scope"], CLOUD);
        assert_eq!(api.metadata(&format!("{path}?scopes=everything")).await.status, 400);
    }
}

#[test]
fn an_account_without_stated_scopes_has_those_of_kubernetes_engine() {
    let text = r#"{"projects":[{"id":"p","number":1,"accounts":[{"email":"a"}]}],"metadata":{"platform":"gke",
        "project":"p","accounts":[{"account":"a@p.iam.gserviceaccount.com"}]}}"#;
    let machine = World::parse(text).unwrap().metadata.unwrap();
    assert_eq!(machine.accounts[0].scopes, [CLOUD, EMAIL]);
}

#[tokio::test]
async fn a_token_is_given_again_until_it_is_almost_over() {
    let api = TestClient::demo().await;
    let token = async || api.metadata(&format!("{ACCOUNTS}/default/token")).await.json;
    let first = token().await["access_token"].clone();
    api.emulator.handle().advance_clock(3_000);
    let again = token().await;
    assert_eq!(again["access_token"], first);
    assert!((590..=599).contains(&again["expires_in"].as_i64().unwrap()), "{}", again["expires_in"]);
    let by_email = api.metadata(&format!("{ACCOUNTS}/{API}/token")).await.json;
    assert_eq!(by_email["access_token"], first, "it is the same account");
    api.emulator.handle().advance_clock(400);
    let next = token().await;
    assert!(next["access_token"] != first && next["expires_in"] == 3599);
    api.post("revoke", json!({"token": next["access_token"]})).await;
    assert_ne!(token().await["access_token"], next["access_token"], "what was revoked is not given again");
}

#[tokio::test]
async fn an_identity_token_is_google_s_and_tells_of_the_machine_when_asked() {
    let api = TestClient::demo().await;
    let jwks = api.get("oauth2/v3/certs").await.json;
    let path = format!("{ACCOUNTS}/default/identity");
    let claims = async |query: &str| {
        let got = api.metadata(&format!("{path}?{query}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        verified(&got.text, &jwks)
    };
    let standard = claims("audience=https%3A%2F%2Fa.example&format=standard&licenses=FALSE").await;
    assert_eq!((&standard["aud"], &standard["email"]), (&json!("https://a.example"), &json!(API)));
    assert_eq!(standard["iss"], "https://accounts.google.com");
    assert_eq!(standard["exp"].as_i64().unwrap() - standard["iat"].as_i64().unwrap(), 3600);
    assert!(standard["azp"] == standard["sub"] && standard["google"].is_null());
    let full = claims("audience=a&format=full").await;
    let machine = json!({"instance_creation_timestamp": 1_789_912_800, "instance_id": "4815162342108150001",
        "instance_name": "api-1", "project_id": "acme-prod", "project_number": 415_104_041_262_u64,
        "zone": "europe-west1-b"});
    assert_eq!(full["google"]["compute_engine"], machine);
    let licensed = claims("audience=a&format=full&licenses=TRUE").await;
    assert_eq!(licensed["google"]["compute_engine"]["license_id"], json!(["5926592092274602096"]));
    for query in ["", "?audience=", "?format=full"] {
        let refused = api.metadata(&format!("{path}{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text.trim()),
            (400, "non-empty audience parameter required")
        );
    }
    assert_eq!(api.metadata(&format!("{path}?audience=a&format=long")).await.status, 400);
    let posted = api.http.post(format!("{}{path}?audience=a", api.emulator.base_url()));
    let posted = posted.header("metadata-flavor", "Google").json(&json!({"certificate_chain": ""}));
    assert_eq!(posted.send().await.unwrap().status(), 200);

    let run = TestClient::of(world(|machine| machine.platform = Platform::Serverless)).await;
    let got = run.metadata(&format!("{path}?audience=a&format=full")).await;
    assert!(verified(&got.text, &jwks)["google"].is_null(), "there is no machine to tell of");
}

#[tokio::test]
async fn a_workload_that_may_not_is_refused_in_the_words_of_kubernetes_engine() {
    let path = format!("{ACCOUNTS}/default/token");
    let workload = "serviceAccount:acme-prod.svc.id.goog[shop/mail]";
    let api = TestClient::of(pod("api", Some(workload))).await;
    let refused = api.metadata(&path).await;
    let text = "Unable to generate access token; IAM returned 403 Forbidden: Permission \
        'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\n\
        This error could be caused by a missing IAM policy binding on the target IAM service account.\n\
        For more information, refer to the Workload Identity documentation:\n\
        \thttps://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to\n\n";
    assert_eq!((refused.status.as_u16(), refused.text.as_str()), (403, text));
    assert!(header(&refused, "content-type").starts_with("text/plain"));

    let binding = Binding {
        role: "roles/iam.workloadIdentityUser".into(),
        members: vec![workload.into()],
        condition: None,
    };
    assert!(api.emulator.handle().set_policy_of(API, |policy| policy.bindings.push(binding)).await);
    assert_eq!(api.info(&path).await["scope"], format!("{CLOUD} {EMAIL}"));
    assert_eq!(api.metadata(&format!("{ACCOUNTS}/default/identity?audience=a")).await.status, 200);

    // The demo lets this workload have ID tokens of this account and no access tokens.
    let api = TestClient::of(pod("mail-reader", Some(workload))).await;
    assert_eq!(api.metadata(&path).await.status, 403);
    assert_eq!(api.metadata(&format!("{ACCOUNTS}/default/identity?audience=a")).await.status, 200);
    let api = TestClient::of(pod("search-writer", Some(workload))).await;
    let identity = api.metadata(&format!("{ACCOUNTS}/default/identity?audience=a")).await;
    assert!(identity.status == 403 && identity.text.contains("'iam.serviceAccounts.getOpenIdToken'"));
    let api = TestClient::of(pod("search-writer", None)).await;
    assert_eq!(api.metadata(&path).await.status, 200, "without a workload nobody asks IAM");
}

#[tokio::test]
async fn what_iam_says_of_an_account_or_of_its_api_comes_through_a_pod() {
    let path = format!("{ACCOUNTS}/default/token");
    let gone = TestClient::of(pod("gone", None)).await.metadata(&path).await;
    let text = "Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not found for email \
        gone@acme-prod.iam.gserviceaccount.com\n";
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (404, text));
    let disabled = TestClient::of(pod("deploy-canary", None)).await.metadata(&path).await;
    assert!(
        disabled.status == 400 && disabled.text.contains("IAM returned 400 Bad Request: Account disabled")
    );
    let mut world = pod("api", None);
    world.projects[0].disabled_services.push("iamcredentials.googleapis.com".into());
    let off = TestClient::of(world).await.metadata(&path).await;
    assert_eq!(off.status, 403);
    assert!(
        off.text.contains("IAM Service Account Credentials API has not been used in project 415104041262")
    );
}

#[tokio::test]
async fn a_disabled_account_gets_no_token_but_is_still_there() {
    let canary = "deploy-canary@acme-prod.iam.gserviceaccount.com";
    for platform in [Platform::Compute, Platform::Serverless] {
        let api = TestClient::of(world(|machine| {
            machine.platform = platform;
            machine.accounts[0].account = canary.into();
        }))
        .await;
        for path in ["token", "identity?audience=a"] {
            let refused = api.metadata(&format!("{ACCOUNTS}/default/{path}")).await;
            let text = format!("The service account {canary} is disabled.\n");
            assert_eq!((refused.status.as_u16(), refused.text), (403, text));
        }
        assert_eq!(api.metadata(&format!("{ACCOUNTS}/default/email")).await.text, canary);
    }
}

#[tokio::test]
async fn off_google_cloud_there_is_no_metadata_server() {
    let api = TestClient::of(World { metadata: None, ..World::demo() }).await;
    for path in ["", "computeMetadata/v1/project/project-id", &format!("{ACCOUNTS}/default/token")] {
        let page = api.metadata(path).await;
        assert_eq!((page.status.as_u16(), header(&page, "metadata-flavor")), (404, ""), "{path}");
    }
    assert_eq!(api.emulator.handle().request_log().await.last().unwrap().method, "unrouted");
    let bare = world(|machine| machine.accounts.clear());
    let bare = TestClient::of(bare).await;
    assert_eq!(bare.metadata(&format!("{ACCOUNTS}/default/token")).await.status, 404);
    assert_eq!(bare.metadata(&format!("{ACCOUNTS}/")).await.text, "");
}

#[tokio::test]
async fn the_log_names_what_was_asked_of_the_machine_and_faults_hit_it() {
    let api = TestClient::demo().await;
    let path = format!("{ACCOUNTS}/default");
    for one in ["token?scopes=x", "identity?audience=a", "email"] {
        api.metadata(&format!("{path}/{one}")).await;
    }
    let log = api.emulator.handle().request_log().await;
    let names: Vec<&str> = log.iter().map(|served| served.method.as_str()).collect();
    assert_eq!(names, ["metadata.token", "metadata.identity", "metadata.read"]);
    assert!(log.iter().all(|served| served.status == 200 && !served.path.contains('?')));

    api.fault(fault("metadata.token").outcome(Outcome::Answer { status: 503, body: None }).retry_after(1))
        .await;
    let busy = api.metadata(&format!("{path}/token")).await;
    assert_eq!((busy.status.as_u16(), header(&busy, "retry-after")), (503, "1"));
    assert_eq!(header(&busy, "metadata-flavor"), "Google", "it is still the metadata server that says so");
    api.fault(fault("metadata.*").outcome(Outcome::Answer { status: 500, body: None })).await;
    assert_eq!(api.metadata("").await.status, 500);
    api.fault(fault("metadata.identity").delivery(Delivery::Truncate)).await;
    let url = format!("{}{path}/identity?audience=a", api.emulator.base_url());
    let cut = api.http.get(url).header("metadata-flavor", "Google").send().await.unwrap();
    assert!(cut.text().await.is_err());
    assert_eq!(api.metadata(&format!("{path}/token")).await.status, 200);
}

#[tokio::test]
async fn no_token_lasts_longer_than_a_new_one_even_if_the_clock_goes_back() {
    let api = TestClient::demo().await;
    let token = format!("{ACCOUNTS}/default/token");
    let before = api.metadata(&token).await.json;
    api.emulator.handle().advance_clock(-365 * 86_400);
    let after = api.metadata(&token).await.json;
    let left = after["expires_in"].as_i64().unwrap();
    assert!((1..=3_599).contains(&left), "{left}");
    assert_ne!(before["access_token"], after["access_token"]);
}
