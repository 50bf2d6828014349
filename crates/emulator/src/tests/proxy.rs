//! Tests of the emulator as a proxy, through clients that know Google's addresses only.

use reqwest::{Certificate, Proxy};

use super::*;

struct Tunnelled {
    emulator: Emulator,
    client: Client,
    token: String,
}

impl Tunnelled {
    async fn start() -> Tunnelled {
        let options = Options { port: 0, world: World::demo() };
        let emulator = Emulator::start_with_proxy(options).await.unwrap();
        let token = emulator.handle().mint(DEV, &[CLOUD], 3600).await.unwrap();
        let client = client(&emulator, true);
        Tunnelled { emulator, client, token }
    }

    async fn get(&self, url: &str) -> reqwest::Response {
        let request =
            self.client.get(url).bearer_auth(&self.token).header("x-goog-user-project", "acme-prod");
        request.send().await.unwrap()
    }
}

fn client(emulator: &Emulator, believes: bool) -> Client {
    let proxy = Proxy::https(emulator.base_url()).unwrap();
    let mut builder = Client::builder().proxy(proxy);
    if believes {
        let pem = std::fs::read(emulator.certificate().unwrap()).unwrap();
        builder = builder.tls_certs_only([Certificate::from_pem(&pem).unwrap()]);
    }
    builder.build().unwrap()
}

#[tokio::test]
async fn proxy_serves_each_host_of_googles_what_is_there() {
    let emulator = Tunnelled::start().await;
    let account = format!("{DEPLOYER}?alt=json");
    for (url, status) in [
        (format!("https://iam.googleapis.com/{account}"), 200),
        (format!("https://iam.mtls.googleapis.com/{account}"), 200),
        ("https://cloudresourcemanager.googleapis.com/v3/projects/acme-prod".to_owned(), 200),
        ("https://www.googleapis.com/oauth2/v3/certs".to_owned(), 200),
        ("https://accounts.google.com/.well-known/openid-configuration".to_owned(), 200),
        // A path of another service is not found, as at Google.
        ("https://iam.googleapis.com/v3/projects/acme-prod".to_owned(), 404),
        (format!("https://cloudresourcemanager.googleapis.com/{account}"), 404),
        ("https://iam.googleapis.com/_emulator/requests".to_owned(), 404),
        ("https://iam.googleapis.com/computeMetadata/v1/".to_owned(), 404),
    ] {
        let answer = emulator.get(&url).await;
        assert_eq!((answer.status().as_u16(), answer.version()), (status, reqwest::Version::HTTP_2), "{url}");
    }
    let document: Value = emulator
        .get("https://accounts.google.com/.well-known/openid-configuration")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(document["token_endpoint"], "https://oauth2.googleapis.com/token");
    assert_eq!(document["jwks_uri"], "https://www.googleapis.com/oauth2/v3/certs");
}

#[tokio::test]
async fn proxy_leads_nowhere_else() {
    let emulator = Tunnelled::start().await;
    let port = emulator.emulator.addr().port();
    let api = TestClient {
        http: emulator.client.clone(),
        token: String::new(),
        project: "",
        emulator: emulator.emulator,
    };
    for target in [
        "example.com:443".to_owned(),
        "iam.googleapis.com:80".to_owned(),
        "iam.googleapis.com.evil.example:443".to_owned(),
        "evil.example%00iam.googleapis.com:443".to_owned(),
        "storage.googleapis.com:443".to_owned(),
        "169.254.169.254:80".to_owned(),
        format!("127.0.0.1:{port}"),
        "iam.googleapis.com.:443".to_owned(),
    ] {
        let line = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
        let answer = super::transport::told(&api, &line).await;
        assert!(
            answer.starts_with("HTTP/1.1 403 ") || answer.starts_with("HTTP/1.1 400 "),
            "{target}: {answer}"
        );
        assert!(!answer.contains("HTTP/1.1 200"), "{target}: {answer}");
    }
    // Neither does a request by its whole address, as one for another proxy would be.
    let line = "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
    assert!(super::transport::told(&api, line).await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn tunnel_serves_only_the_host_that_it_was_asked_for() {
    let emulator = Tunnelled::start().await;
    for host in ["evil.example", "localhost", "oauth2.googleapis.com"] {
        let http_1 = {
            let pem = std::fs::read(emulator.emulator.certificate().unwrap()).unwrap();
            let proxy = Proxy::https(emulator.emulator.base_url()).unwrap();
            let builder = Client::builder().proxy(proxy).http1_only();
            builder.tls_certs_only([Certificate::from_pem(&pem).unwrap()]).build().unwrap()
        };
        let request = http_1.get("https://iam.googleapis.com/v1/roles").header("host", host);
        assert_eq!(request.send().await.unwrap().status(), 403, "{host}");
    }
}

#[tokio::test]
async fn authority_is_believed_by_those_who_are_told_of_it_only() {
    let emulator = Tunnelled::start().await;
    let certs = "https://www.googleapis.com/oauth2/v3/certs";
    let other = Emulator::start_with_proxy(Options { port: 0, world: World::demo() }).await.unwrap();
    let stranger = client(&emulator.emulator, false);
    assert!(stranger.get(certs).send().await.unwrap_err().is_connect());
    let pem = std::fs::read(other.certificate().unwrap()).unwrap();
    let proxy = Proxy::https(emulator.emulator.base_url()).unwrap();
    let builder = Client::builder().proxy(proxy).tls_certs_only([Certificate::from_pem(&pem).unwrap()]);
    assert!(builder.build().unwrap().get(certs).send().await.unwrap_err().is_connect());
    // Nothing of the key is in the folder.
    let path = emulator.emulator.certificate().unwrap().to_owned();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let is_account = text.contains("\"service_account\"") || text.contains("gdch");
        assert!(is_account || !text.contains("PRIVATE KEY"));
    }
    drop(emulator);
    assert!(!path.exists());
}

#[tokio::test]
async fn tunnels_end_with_the_emulator() {
    let Tunnelled { emulator, client, .. } = Tunnelled::start().await;
    let certs = "https://www.googleapis.com/oauth2/v3/certs";
    client.get(certs).send().await.unwrap().bytes().await.unwrap();
    drop(emulator);
    assert!(client.get(certs).send().await.is_err());
}

#[tokio::test]
async fn files_of_a_proxy_are_as_googles_own() {
    let emulator = Tunnelled::start().await.emulator;
    let mut kinds = std::collections::BTreeSet::new();
    for caller in emulator.callers() {
        let text = std::fs::read_to_string(&caller.path).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let source = file.get("source_credentials").unwrap_or(&file);
        for (field, host) in [
            ("token_uri", "https://oauth2.googleapis.com/"),
            ("token_url", "https://sts.googleapis.com/"),
            ("token_info_url", "https://sts.googleapis.com/"),
            ("service_account_impersonation_url", "https://iamcredentials.googleapis.com/"),
            ("client_x509_cert_url", "https://www.googleapis.com/"),
        ] {
            let is_elsewhere = caller.kind == "gdch_service_account";
            for file in [&file, source] {
                let named = file[field].as_str().unwrap_or(host);
                assert!(is_elsewhere || named.starts_with(host), "{}: {field} {named}", caller.kind);
            }
        }
        kinds.insert(caller.kind.as_str());
    }
    assert!(kinds.len() >= 5, "{kinds:?}");
    let env: std::collections::BTreeMap<_, _> = emulator.shell_env().into_iter().collect();
    assert!(!env.keys().any(|name| name.contains("OVERRIDES") || name.contains("ENDPOINT")), "{env:?}");
    let certificate = emulator.certificate().unwrap().display().to_string();
    for name in AUTHORITY {
        assert_eq!(env[name], certificate);
    }
    assert_eq!(env["HTTPS_PROXY"], format!("http://{}", emulator.addr()));
    assert_eq!(env["GOOGLE_APPLICATION_CREDENTIALS"], emulator.callers()[0].path.display().to_string());
}
