//! The server over real connections, byte for byte, with a Google that says what a test tells it to.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::{
    api::testing::{self, Turn, answer, ok},
    http::clock::now,
};

const SA: &str = "sa@acme-prod.iam.gserviceaccount.com";
const V1: &str = "/computeMetadata/v1";

struct Served {
    google: testing::Server,
    server: Server,
    _events: mpsc::Receiver<Event>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }
}

async fn served_with(scopes: &[&str], turns: impl IntoIterator<Item = Turn>) -> Served {
    let google = testing::Server::start(turns).await;
    let impersonation = Impersonation {
        account: SA.to_owned(),
        delegates: Vec::new(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        lifetime_seconds: 3_600,
    };
    let (sender, events) = mpsc::channel(64);
    let server = Server::start(google.client(), impersonation, 0, sender).await.unwrap();
    Served { google, server, _events: events }
}

async fn served(turns: impl IntoIterator<Item = Turn>) -> Served {
    served_with(&[], turns).await
}

impl Served {
    /// Sends these bytes on a connection of their own.
    async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port())).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn request(&self, method: &str, path: &str, lines: &str, body: &str) -> Answer {
        let (port, length) = (self.server.port(), body.len());
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        ))
        .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "Metadata-Flavor: Google\r\n", "").await
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/text")), "{path}");
        answer.body
    }
}

fn token() -> Turn {
    let ends = now() + jiff::SignedDuration::from_secs(3_600);
    ok(&json!({"accessToken": "ya29.c.minted", "expireTime": ends.to_string()}).to_string())
}

fn denied(permission: &str) -> Turn {
    let message = format!("Permission '{permission}' denied on resource (or it may not exist).");
    let error = json!({"code": 403, "message": message, "status": "PERMISSION_DENIED"});
    answer(403, "", &json!({"error": error}).to_string())
}

#[tokio::test]
async fn names_scopes_project_and_universe_need_no_call_to_google() {
    let served = served([Turn::Close]).await;
    assert_eq!(served.text("/").await, "computeMetadata/\n");
    assert_eq!(served.text(&format!("{V1}/")).await, "instance/\nproject/\nuniverse/\n");
    assert_eq!(served.text(&format!("{V1}/instance/service-accounts/")).await, format!("default/\n{SA}/\n"));
    for name in ["default", SA, &SA.replace('@', "%40")] {
        let account = format!("{V1}/instance/service-accounts/{name}");
        assert_eq!(served.text(&format!("{account}/email")).await, SA);
        assert_eq!(served.text(&format!("{account}/aliases")).await, "default\n");
        assert_eq!(
            served.text(&format!("{account}/scopes")).await,
            "https://www.googleapis.com/auth/cloud-platform\n"
        );
        let whole = served.get(&format!("{account}/?recursive=true")).await;
        assert_eq!(whole.header("content-type"), Some("application/json"));
        assert_eq!(
            whole.json(),
            json!({"aliases": ["default"], "email": SA, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]})
        );
    }
    assert_eq!(served.text(&format!("{V1}/project/project-id")).await, "acme-prod");
    for spelling in ["universe-domain", "universe_domain"] {
        assert_eq!(served.text(&format!("{V1}/universe/{spelling}")).await, "googleapis.com");
    }
    assert_eq!(served.google.requests().await, [""; 0]);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_a_metadata_server_and_none_for_browsers() {
    let served = served([Turn::Close]).await;
    for path in ["/", V1, "/computeMetadata/v1/instance/zone", "/nowhere"] {
        let answer = served.get(path).await;
        assert_eq!(answer.header("metadata-flavor"), Some("Google"), "{path}");
        assert_eq!(answer.header("server"), Some("Metadata Server for VM"), "{path}");
        assert!(answer.header("etag").is_some_and(|etag| etag.len() == 16), "{path}");
        assert!(!answer.head.to_ascii_lowercase().contains("access-control"), "{path}");
    }
}

#[tokio::test]
async fn directory_without_a_slash_leads_to_the_one_with_it() {
    let served = served([Turn::Close]).await;
    let moved = served.get(&format!("{V1}/instance?recursive=true")).await;
    assert_eq!(moved.status, 301);
    assert_eq!(moved.header("location"), Some("/computeMetadata/v1/instance/?recursive=true"));
    for path in ["instance/zone", "instance/service-accounts/other@x/token", "project//project-id", "nowhere"]
    {
        let page = served.get(&format!("{V1}/{path}")).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.body.contains("was not found on this server"), "{path}");
    }
}

#[tokio::test]
async fn project_number_is_read_once_and_0_where_it_cannot_be() {
    let project = json!({"name": "projects/415104041262", "projectId": "acme-prod", "state": "ACTIVE"});
    let good = served([ok(&project.to_string()), Turn::Close]).await;
    let number = format!("{V1}/project/numeric-project-id");
    assert_eq!(
        (good.text(&number).await, good.text(&number).await),
        ("415104041262".into(), "415104041262".into())
    );
    let whole = good.get(&format!("{V1}/project/?recursive=true")).await.json();
    assert_eq!(whole, json!({"numericProjectId": 415_104_041_262_u64, "projectId": "acme-prod"}));
    assert_eq!(good.google.requests().await.len(), 1);
    let bad = served([denied("resourcemanager.projects.get")]).await;
    assert_eq!(bad.text(&number).await, "0");
}

#[tokio::test]
async fn access_token_has_the_requested_scopes_unless_others_are_fixed() {
    let path = format!("{V1}/instance/service-accounts/default/token");
    let open = served([token()]).await;
    let answer =
        open.get(&format!("{path}?scopes=openid%2Chttps%3A%2F%2Fwww.googleapis.com%2Fauth%2Fx")).await;
    let minted = answer.json();
    assert_eq!(minted["access_token"], "ya29.c.minted");
    assert_eq!(minted["token_type"], "Bearer");
    assert!(minted["expires_in"].as_i64().is_some_and(|left| (3_590..=3_600).contains(&left)), "{minted}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let asked = open.google.requests().await.remove(0);
    assert!(asked.contains(r#""scope":["https://www.googleapis.com/auth/x","openid"]"#), "{asked}");
    assert_eq!(open.get(&format!("{path}?scopes=no%20such")).await.status, 400);

    let fixed = served_with(&["openid"], [token()]).await;
    assert_eq!(fixed.get(&format!("{path}?scopes=https://www.googleapis.com/auth/x")).await.status, 200);
    assert!(fixed.google.requests().await[0].contains(r#""scope":["openid"]"#));
}

#[tokio::test]
async fn id_token_needs_an_audience_and_a_format_that_there_is() {
    let served = served([denied("iam.serviceAccounts.getOpenIdToken")]).await;
    let path = format!("{V1}/instance/service-accounts/default/identity");
    for query in ["", "?audience=", "?audience=a&format=xml", "?audience=a&format=full&licenses=maybe"] {
        assert_eq!(served.get(&format!("{path}{query}")).await.status, 400, "{query}");
    }
    assert_eq!(served.google.requests().await.len(), 0);
    // gcloud carries on without an ID token only after this one.
    let refused = served.get(&format!("{path}?audience=https://a&format=full&licenses=TRUE")).await;
    assert_eq!(refused.status, 404);
    assert!(refused.body.contains("iam.serviceAccounts.getOpenIdToken"), "{}", refused.body);
    assert!(served.google.requests().await[0].contains(r#""audience":"https://a""#));
}

#[tokio::test]
async fn denial_is_told_as_the_metadata_server_of_a_cluster_tells_it() {
    let served = served([denied("iam.serviceAccounts.getAccessToken")]).await;
    let refused = served.get(&format!("{V1}/instance/service-accounts/default/token")).await;
    assert_eq!(refused.status, 403);
    let start = "Unable to generate access token; IAM returned 403: ";
    assert!(refused.body.starts_with(start), "{}", refused.body);
}

#[tokio::test]
async fn request_without_the_flavor_or_for_another_host_gets_nothing() {
    let served = served([token()]).await;
    let path = format!("{V1}/instance/service-accounts/default/token");
    assert_eq!(served.request("GET", &path, "", "").await.status, 403);
    assert_eq!(served.request("GET", "/", "", "").await.status, 200);
    let flavor = "Metadata-Flavor: Google\r\n";
    for line in
        ["Origin: null", "Referer: http://x/", "X-Forwarded-For: 1.2.3.4", "Sec-Fetch-Site: cross-site"]
    {
        for path in [path.as_str(), "/", "/subject"] {
            let answer = served.request("GET", path, &format!("{flavor}{line}\r\n"), "").await;
            assert_eq!(answer.status, 403, "{line} {path}");
        }
    }
    for method in ["OPTIONS", "POST", "PUT", "DELETE"] {
        assert!(served.request(method, &path, flavor, "").await.status >= 400, "{method}");
    }
    let port = served.server.port();
    for host in [format!("evil.example:{port}"), "metadata.google.internal".into(), "127.0.0.1".into()] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{flavor}\r\n");
        assert_eq!(served.send(&request).await.status, 403, "{host}");
    }
    let absolute = format!(
        "GET http://evil.example{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{flavor}\r\n"
    );
    assert_eq!(served.send(&absolute).await.status, 403);
    let hostless = format!("GET {path} HTTP/1.0\r\n{flavor}\r\n");
    assert_eq!(served.send(&hostless).await.status, 403);
    assert_eq!(served.google.requests().await, [""; 0], "nothing was minted for any of them");
}

#[tokio::test]
async fn secret_prefix_leads_to_the_same_answers() {
    let served = served([Turn::Close]).await;
    let prefix = format!("/{}", served.server.shared.session.expose());
    assert_eq!(served.text(&format!("{prefix}{V1}/project/project-id")).await, "acme-prod");
    let moved = served.get(&format!("{prefix}{V1}/instance")).await;
    assert_eq!(moved.header("location"), Some(format!("{prefix}{V1}/instance/").as_str()));
    assert_eq!(served.get(&format!("/0000{V1}/project/project-id")).await.status, 404);
}

#[tokio::test]
async fn credentials_file_leads_to_a_token_and_only_with_its_secret() {
    let served = served([token()]).await;
    let file: Value = serde_json::from_str(&adc_file(&served.server)).unwrap();
    let secret = file["credential_source"]["headers"]["x-impersona-session"].as_str().unwrap();
    let header = format!("x-impersona-session: {secret}\r\n");
    let subject = served.request("GET", "/subject", &header, "").await.json();
    let subject = subject["id_token"].as_str().unwrap();
    let form = |subject: &str| format!("grant_type=x&subject_token={subject}&scope=y");
    let exchanged = served.request("POST", "/v1/token", "", &form(subject)).await.json();
    assert_eq!((&exchanged["token_type"], &exchanged["expires_in"]), (&json!("Bearer"), &json!(3_600)));
    let bearer = format!("Authorization: Bearer {}\r\n", exchanged["access_token"].as_str().unwrap());
    let path = format!("/v1/projects/-/serviceAccounts/{SA}:generateAccessToken");
    let body = r#"{"scope":["openid"],"lifetime":"3600s","delegates":[]}"#;
    let minted = served.request("POST", &path, &bearer, body).await.json();
    assert_eq!(minted["accessToken"], "ya29.c.minted");
    assert!(minted["expireTime"].as_str().is_some_and(|end| end.ends_with('Z')), "{minted}");
    // A library may write its own scopes as null, and the address with its sign escaped.
    let escaped = path.replace('@', "%40");
    assert_eq!(served.request("POST", &escaped, &bearer, r#"{"scope":null}"#).await.status, 200);

    assert_eq!(served.request("GET", "/subject", "x-impersona-session: 0\r\n", "").await.status, 403);
    assert_eq!(served.request("GET", "/subject", "", "").await.status, 403);
    assert_eq!(served.request("POST", "/v1/token", "", &form("0")).await.status, 401);
    assert_eq!(served.request("POST", &path, "Authorization: Bearer 0\r\n", body).await.status, 401);
    assert_eq!(served.request("POST", &path, "", body).await.status, 401);
    let other = path.replace("sa@", "other@");
    assert_eq!(served.request("POST", &other, &bearer, body).await.status, 404);
    let chained = r#"{"scope":["openid"],"delegates":["projects/-/serviceAccounts/x"]}"#;
    assert_eq!(served.request("POST", &path, &bearer, chained).await.status, 400);
}

#[tokio::test]
async fn default_accounts_lead_to_their_project() {
    for (email, wanted) in [
        (SA, Some("acme-prod")),
        ("acme-prod@appspot.gserviceaccount.com", Some("acme-prod")),
        ("415104041262-compute@developer.gserviceaccount.com", Some("415104041262")),
        ("x@system.gserviceaccount.com", None),
    ] {
        assert_eq!(project_named_by(email).as_deref(), wanted, "{email}");
    }
}

#[tokio::test]
async fn many_clients_at_once_cost_one_mint_and_few_looks_at_who_they_are() {
    const CLIENTS: usize = 200;
    let served = served([token()]).await;
    let path = format!("{V1}/instance/service-accounts/default/token");
    let answers = futures_util::future::join_all((0..CLIENTS).map(|_| served.get(&path))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{}", answers[0].body);
    assert_eq!(served.google.requests().await.len(), 1);
    let looks = served.server.shared.peers.begun.load(Ordering::SeqCst);
    assert!((1..CLIENTS as u64 / 2).contains(&looks), "{looks}");
}

#[tokio::test]
async fn connection_is_looked_for_in_no_list_from_before_it_was_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = listener.local_addr().unwrap();
    let peers = Peers::default();
    let mut open = Vec::new();
    for readings in 1..=3 {
        let (made, accepted) = tokio::join!(TcpStream::connect(ours), listener.accept());
        let (stream, from) = accepted.unwrap();
        let before = peers.begun.load(Ordering::SeqCst);
        let first = peers.find(from, ours, before).await;
        // The same reading serves it again.
        assert_eq!(peers.find(from, ours, before).await, first);
        assert_eq!(peers.begun.load(Ordering::SeqCst), readings);
        if cfg!(target_os = "linux") {
            assert_eq!(first, Peer::OurUser);
        }
        open.push((made, stream));
    }
}
