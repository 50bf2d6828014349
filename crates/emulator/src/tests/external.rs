//! Tests of the callers' files that point outside of Google, and of what they point at.

use super::federation::{POOL, audience};
use super::*;

const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";

impl TestClient {
    /// A GET below the address of a provider outside of Google.
    async fn outside(&self, provider: &str, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        let url = format!("{}external/{provider}/{path}", self.emulator.base_url());
        self.fetched(&url, headers).await
    }

    async fn fetched(&self, url: &str, headers: &[(&str, &str)]) -> TestResponse {
        let request =
            headers.iter().fold(self.http.get(url), |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        TestResponse { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Whom the subject token of a file is exchanged for.
    async fn whose(&self, file: &Value, token: &str) -> String {
        let asked = json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": file["audience"], "scope": CLOUD, "subject_token": token,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": file["subject_token_type"]});
        let answer = self.form("v1/token", asked.as_object().unwrap(), None).await;
        self.username(answer.json["access_token"].as_str().expect(&answer.text)).await
    }
}

#[tokio::test]
async fn the_callers_of_the_demo_are_listed_with_principal_kind_and_target() {
    let api = TestClient::demo().await;
    let runner = format!("principal://iam.googleapis.com/{POOL}/subject/{SUBJECT}");
    let role = format!(
        "principal://iam.googleapis.com/{POOL}/subject/arn:aws:sts::123456789012:assumed-role/ci-runner/i-0abc1234def567890"
    );
    let wendy =
        "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/wendy@partner.example";
    let deployer = Some("deployer@acme-prod.iam.gserviceaccount.com");
    let expected = [
        ("1-dev", "authorized_user", DEV, None),
        ("2-viewer-only", "authorized_user", "user:viewer-only@example.com", None),
        ("3-ci", "service_account", "serviceAccount:ci@acme-ci.iam.gserviceaccount.com", None),
        ("4-github-file", "external_account", &runner, None),
        ("5-github-file-as-deployer", "external_account", &runner, deployer),
        ("6-github-file-json", "external_account", &runner, None),
        ("7-github-file-json-as-deployer", "external_account", &runner, deployer),
        ("8-github-url", "external_account", &runner, None),
        ("9-github-url-as-deployer", "external_account", &runner, deployer),
        ("10-github-executable", "external_account", &runner, None),
        ("11-github-executable-as-deployer", "external_account", &runner, deployer),
        ("12-aws", "external_account", &role, None),
        ("13-aws-as-deployer", "external_account", &role, deployer),
        ("14-wendy", "external_account_authorized_user", wendy, None),
        (
            "15-dev-as-vault",
            "impersonated_service_account",
            DEV,
            Some("vault@acme-prod.iam.gserviceaccount.com"),
        ),
        ("16-edge-agent", "gdch_service_account", "system:serviceaccount:acme-edge:edge-agent", None),
        ("17-owner", "authorized_user", "user:owner@example.com", None),
    ];
    let line = first_line(&api.emulator);
    assert_eq!(line["callers"].as_array().unwrap().len(), expected.len());
    for (told, (name, kind, principal, target)) in line["callers"].as_array().unwrap().iter().zip(expected) {
        let path = std::path::Path::new(told["path"].as_str().unwrap());
        assert_eq!(path.file_stem().unwrap(), name);
        assert_eq!((&told["kind"], &told["principal"]), (&json!(kind), &json!(principal)), "{name}");
        assert_eq!(told["impersonates"].as_str(), target, "{name}");
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(file["type"], kind, "{name}");
        if kind == "external_account" {
            let url = file["service_account_impersonation_url"].as_str();
            let base = api.emulator.base_url();
            let expected =
                target.map(|t| format!("{base}v1/projects/-/serviceAccounts/{t}:generateAccessToken"));
            assert_eq!(url, expected.as_deref(), "{name}");
            assert_eq!(file["token_url"], format!("{base}v1/token"));
            assert_eq!(file["token_info_url"], format!("{base}v1/introspect"));
        }
    }
    assert_eq!(line["endpoints"]["sts"], api.emulator.base_url());
}

#[tokio::test]
async fn subject_tokens_come_from_files_from_an_address_and_from_a_program() {
    let api = TestClient::demo().await;
    let runner = format!("principal://iam.googleapis.com/{POOL}/subject/{SUBJECT}");
    let read = |path: &Value| std::fs::read_to_string(path.as_str().unwrap()).unwrap();
    let text = api.file_called("-github-file.json");
    assert_eq!(text["credential_source"]["format"], json!({"type": "text"}));
    assert_eq!(api.whose(&text, &read(&text["credential_source"]["file"])).await, runner);

    let json_file = api.file_called("-github-file-json.json");
    let source = &json_file["credential_source"];
    let content: Value = serde_json::from_str(&read(&source["file"])).unwrap();
    let field = source["format"]["subject_token_field_name"].as_str().unwrap();
    assert_eq!(api.whose(&json_file, content[field].as_str().unwrap()).await, runner);

    let url = api.file_called("-github-url.json");
    let source = &url["credential_source"];
    let headers: Vec<(&str, &str)> = source["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str().unwrap()))
        .collect();
    let given = api.fetched(source["url"].as_str().unwrap(), &headers).await.json;
    let field = source["format"]["subject_token_field_name"].as_str().unwrap();
    assert_eq!(api.whose(&url, given[field].as_str().unwrap()).await, runner);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let executable = api.file_called("-github-executable.json");
        let command = executable["credential_source"]["executable"]["command"].as_str().unwrap();
        assert_eq!(std::fs::metadata(command).unwrap().permissions().mode() & 0o777, 0o700);
        let output = std::process::Command::new(command).output().unwrap();
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&printed["version"], &printed["success"]), (&json!(1), &json!(true)));
        assert_eq!(printed["token_type"], executable["subject_token_type"]);
        assert!(printed["expiration_time"].as_i64().unwrap() > api.emulator.handle().now() + 3_600);
        assert_eq!(api.whose(&executable, printed["id_token"].as_str().unwrap()).await, runner);
    }
}

#[tokio::test]
async fn the_address_of_subject_tokens_wants_its_header_and_has_what_the_world_states() {
    let api = TestClient::demo().await;
    let header = ("Metadata", "True");
    let github = "acme-ci/ci-pool/github";
    let bare = api.outside(github, "identities/0", &[]).await;
    assert_eq!((bare.status.as_u16(), &bare.json["error"]), (400, &json!("invalid_request")));
    assert_eq!(api.outside(github, "identities/0", &[header]).await.status, 200);
    for (provider, path) in [
        (github, "identities/1"),
        (github, "identities/x"),
        ("acme-ci/ci-pool/gitlab", "identities/0"),
        ("acme-prod/ci-pool/github", "identities/0"),
        ("acme-ci/ci-pool/aws", "identities/0"),
    ] {
        assert_eq!(api.outside(provider, path, &[header]).await.status, 404, "{provider} {path}");
    }
}

#[tokio::test]
async fn the_machine_of_aws_tells_its_region_role_and_key_to_those_with_a_session() {
    let api = TestClient::demo().await;
    let file = api.file_called("-aws.json");
    let source = &file["credential_source"];
    assert_eq!((&source["environment_id"], &file["audience"]), (&json!("aws1"), &json!(audience("aws"))));
    let address = |name: &str| source[name].as_str().unwrap().to_owned();
    let put = async |seconds: &str| {
        let request = api.http.put(address("imdsv2_session_token_url"));
        let response = request.header("X-aws-ec2-metadata-token-ttl-seconds", seconds).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!((put("0").await.0, put("x").await.0), (400, 400));
    let (status, session) = put("300").await;
    assert_eq!(status, 200);
    let header = [("X-aws-ec2-metadata-token", session.as_str())];
    let role = address("url");
    assert_eq!(api.fetched(&address("region_url"), &header).await.text, "eu-west-1a");
    assert_eq!(api.fetched(&role, &header).await.text, "ci-runner");
    let told = api.fetched(&format!("{role}/ci-runner"), &header).await.json;
    assert_eq!((&told["Code"], &told["AccessKeyId"]), (&json!("Success"), &json!("ASIAIOSFODNN7EXAMPLE")));
    assert_eq!(told["Token"], "example+session/token==");
    assert!(told["SecretAccessKey"].is_string() && told["Expiration"].is_string());
    assert_eq!(api.fetched(&format!("{role}/other"), &header).await.status, 404);
    for url in [address("region_url"), role.clone(), format!("{role}/ci-runner")] {
        assert_eq!(api.fetched(&url, &[]).await.status, 401);
        assert_eq!(api.fetched(&url, &[("X-aws-ec2-metadata-token", "other")]).await.status, 401);
    }
}

#[tokio::test]
async fn the_file_of_an_account_reached_through_others_names_the_chain_and_its_source() {
    let api = TestClient::demo().await;
    let file = api.file_called("-dev-as-vault.json");
    let (source, delegates) = (&file["source_credentials"], &file["delegates"]);
    assert_eq!(source["type"], "authorized_user");
    let body = json!({"grant_type": "refresh_token", "client_id": source["client_id"],
        "client_secret": source["client_secret"], "refresh_token": source["refresh_token"]});
    let login = api.post("token", body).await;
    let token = login.json["access_token"].as_str().unwrap();
    let url = file["service_account_impersonation_url"].as_str().unwrap();
    let path = url.strip_prefix(&api.emulator.base_url()).unwrap();
    let minted = api.bare(path, token, Some(json!({"scope": [CLOUD], "delegates": delegates}))).await;
    assert_eq!(minted.status, 200, "{}", minted.text);
    let short = api.bare(path, token, Some(json!({"scope": [CLOUD]}))).await;
    assert_eq!(short.status, 403, "the chain is needed");
}

#[cfg(unix)]
#[tokio::test]
async fn a_saml_response_comes_from_a_program_and_a_person_names_the_project_that_pays() {
    let wendy =
        "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/wendy@partner.example";
    let mut world = World::demo();
    let saml = json!({"id": "partner-saml", "saml": {"responses": [{"text": "<samlp:Response/>",
        "claims": {"sub": "wendy@partner.example"}}]}});
    world.identity_pools.workforce[0].providers = vec![serde_json::from_value(saml).unwrap()];
    world.identity_pools.workforce[0].providers[0].mapping.subject = "sub".into();
    let caller = json!({"principal": wendy, "source": "executable", "quotaProject": "acme-ci"});
    world.callers = vec![serde_json::from_value(caller).unwrap()];
    let api = TestClient::of(world).await;
    let file = api.file(0);
    assert_eq!(file["workforce_pool_user_project"], "acme-ci");
    let command = file["credential_source"]["executable"]["command"].as_str().unwrap();
    let printed = std::process::Command::new(command).output().unwrap().stdout;
    let printed: Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(printed["token_type"], "urn:ietf:params:oauth:token-type:saml2");
    assert_eq!(api.whose(&file, printed["saml_response"].as_str().unwrap()).await, wendy);
}

#[cfg(unix)]
#[tokio::test]
async fn every_file_of_a_caller_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let api = TestClient::demo().await;
    let folder = api.emulator.callers()[0].path.parent().unwrap().to_owned();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let program = entry.path().extension().is_some_and(|end| end == "sh");
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if program { 0o700 } else { 0o600 }, "{:?}", entry.path());
        files += 1;
    }
    assert_eq!(files, 17 + 6, "a file for each caller, and six that hold subject tokens");
}

#[tokio::test]
async fn distributed_cloud_takes_the_jwt_of_its_own_account() {
    use crate::callers::Caller;
    let other = Caller { principal: "system:serviceaccount:acme-edge:other".into(), ..Caller::default() };
    let mut world = World::demo();
    world.callers.push(other);
    let api = TestClient::of(world).await;
    let (file, other) = (api.file_called("-edge-agent.json"), api.file_called("-other.json"));
    let now = api.emulator.handle().now();
    let sign = |file: &Value, change: Value| {
        let name = "system:serviceaccount:acme-edge:edge-agent";
        let mut claims =
            json!({"iss": name, "sub": name, "aud": file["token_uri"], "iat": now, "exp": now + 3_600});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = file["private_key_id"].as_str().map(str::to_owned);
        let key = jsonwebtoken::EncodingKey::from_ec_pem(file["private_key"].as_str().unwrap().as_bytes());
        jsonwebtoken::encode(&header, &claims, &key.unwrap()).unwrap()
    };
    let ask = async |token: String, change: Value| {
        let mut body = json!({"grant_type": "urn:ietf:params:oauth:token-type:token-exchange",
            "audience": "https://edge.example", "subject_token": token,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:k8s:params:oauth:token-type:serviceaccount"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        api.post("authenticate", body).await
    };
    let given = ask(sign(&file, json!({})), json!({})).await;
    assert_eq!((&given.json["expires_in"], &given.json["token_type"]), (&json!(3599), &json!("Bearer")));
    let token = given.json["access_token"].as_str().expect(&given.text);
    assert_eq!(api.bare(DEPLOYER, token, None).await.reason(), "ACCESS_TOKEN_TYPE_UNSUPPORTED");
    for (token, change, error) in [
        (sign(&other, json!({})), json!({}), "invalid_grant"),
        (sign(&file, json!({"aud": "https://edge.example"})), json!({}), "invalid_grant"),
        (sign(&file, json!({"sub": "system:serviceaccount:acme-edge:other"})), json!({}), "invalid_grant"),
        (sign(&file, json!({"iat": now - 60, "exp": now - 1})), json!({}), "invalid_grant"),
        (sign(&file, json!({"exp": now + 7_200})), json!({}), "invalid_grant"),
        ("opaque".into(), json!({}), "invalid_grant"),
        (sign(&file, json!({})), json!({"audience": ""}), "invalid_request"),
        (sign(&file, json!({})), json!({"grant_type": "refresh_token"}), "unsupported_grant_type"),
    ] {
        let refused = ask(token, change.clone()).await;
        assert_eq!((refused.status.as_u16(), &refused.json["error"]), (400, &json!(error)), "{change}");
    }
}
