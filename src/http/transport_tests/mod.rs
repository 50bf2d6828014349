//! The transport against a server that sends what the test tells it to, byte for byte.

mod answers;
mod connections;
mod parts;
mod quotes;
mod records;
mod repeats;
mod wire;

use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::model::denial::RequestContext;
use crate::{
    api::{
        Client, Settings,
        oauth::KeySource,
        testing::{CLOSED, Server, Turn, answer, bare_token, ok, user},
    },
    http::{record::Outcome, request_spec::Priority},
    model::credential::{MintRequest, What},
};

const ACCOUNT: &str = r#"{"email":"sa@p.iam.gserviceaccount.com","projectId":"p"}"#;
const UNAVAILABLE: &str =
    r#"{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}"#;
const UNAUTHENTICATED: &str = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com"}]}}"#;
const TOKEN: &str =
    r#"{"access_token":"ya29.a0fresh","expires_in":3599,"scope":"a b","token_type":"Bearer"}"#;

fn mint() -> MintRequest {
    let what = What::AccessToken { scopes: vec!["s".into()], lifetime_seconds: 600 };
    MintRequest { account: "sa@p.iam.gserviceaccount.com".into(), delegates: vec![], what }
}

/// A write, as a service's builder makes it.
fn write() -> RequestSpec {
    RequestSpec::post(
        CallKind::Write,
        Service::Iam,
        "/v1/x:write".into(),
        serde_json::json!({}),
        RequestContext::default(),
    )
}

/// A transport by itself, without a caller, at this rate.
fn http(server: &Server, rate: Option<f64>) -> Http {
    Http::new(Wire {
        endpoints: server.endpoints(),
        charge: Charge::AsCredentials,
        timeout: Duration::from_secs(5),
        read_only: false,
        use_proxy: false,
        recorder: Recorder::new(None),
        rate_limiter: RateLimiter::new(rate),
    })
}

fn read(priority: Option<Priority>) -> RequestSpec {
    RequestSpec { priority, ..RequestSpec::get(Service::Iam, "/v1/x".into(), RequestContext::default()) }
}

#[tokio::test]
async fn a_read_carries_token_and_agent_and_asks_for_json() {
    let server = Server::start([ok(ACCOUNT)]).await;
    server.client().get_account("sa@p.iam.gserviceaccount.com").await.unwrap();
    let request = &server.requests().await[0];
    assert!(
        request.starts_with("GET /v1/projects/-/serviceAccounts/sa%40p.iam.gserviceaccount.com HTTP/1.1\r\n")
    );
    for line in ["authorization: Bearer ya29.bare", "accept: application/json", "user-agent: impersona/"] {
        assert!(request.to_ascii_lowercase().contains(&line.to_ascii_lowercase()), "{request}");
    }
    assert!(!request.contains("x-goog-user-project"));
}

#[tokio::test]
async fn the_quota_project_goes_to_the_apis_and_not_to_the_token_endpoint() {
    let server = Server::start([ok(TOKEN), ok(ACCOUNT)]).await;
    Client::new(server.settings(user())).get_account("x").await.unwrap();
    let requests = server.requests().await;
    assert!(requests[0].starts_with("POST /token") && !requests[0].contains("x-goog-user-project"));
    assert!(
        requests[0].contains("grant_type=refresh_token")
            && requests[0].contains("refresh_token=1%2F%2Frefresh-hush")
    );
    assert!(
        requests[1].contains("x-goog-user-project: quota-1") && requests[1].contains("Bearer ya29.a0fresh")
    );
}

#[tokio::test]
async fn read_only_refuses_a_write_before_anything_is_sent_and_lets_mints_pass() {
    let server =
        Server::start([ok(r#"{"accessToken":"ya29.c.x","expireTime":"2030-01-01T00:00:00Z"}"#)]).await;
    let client = Client::new(Settings { read_only: true, ..server.settings(bare_token()) });
    assert_eq!(client.send(write()).await.unwrap_err().kind, ErrorKind::ReadOnly);
    assert_eq!(server.requests().await.len(), 0);
    assert!(client.mint(&mint()).await.is_ok());
}

/// Everything that is recorded during `work`.
async fn recorded<F: Future>(
    server: &Server,
    source: Result<crate::auth::Source, ApiError>,
    work: impl FnOnce(Client) -> F,
) -> (Vec<crate::http::Record>, F::Output) {
    let (sender, mut records) = mpsc::channel(64);
    let output = work(Client::new(Settings { records: Some(sender), ..server.settings(source) })).await;
    let mut all = Vec::new();
    while let Ok(record) = records.try_recv() {
        all.push(record);
    }
    (all, output)
}

#[tokio::test]
async fn a_name_of_dots_cannot_climb_in_the_path() {
    let server = Server::start([ok("{}")]).await;
    assert_eq!(server.client().get_account("..").await.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(server.requests().await.len(), 0);
}
