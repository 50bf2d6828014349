use std::time::Duration;

use super::MARGIN;
use crate::{
    api::{
        Client,
        testing::{Server, Turn, answer, later, ok, user},
    },
    auth::{self, FindOptions},
    http::{ErrorKind, clock::Stopped},
    local::env::Env,
};

const ACCOUNT: &str = r#"{"email":"x@p.iam.gserviceaccount.com"}"#;
const REVOKED: &str = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;

fn token(name: &str, seconds: u32) -> String {
    format!(r#"{{"access_token":"ya29.a0{name}","expires_in":{seconds},"token_type":"Bearer"}}"#)
}

async fn exchanges(server: &Server) -> usize {
    server.requests().await.iter().filter(|request| request.starts_with("POST /token ")).count()
}

/// Longer than anybody here waits for, and shorter than a client does.
const LATE: Duration = Duration::from_secs(30);

fn late(turn: Turn) -> Turn {
    let Turn::Say(text) = turn else { panic!("an answer") };
    Turn::Late(LATE, text)
}

/// Lets what comes late come, once the server has been asked so often.
async fn release(server: &Server, asked: usize) {
    server.asked(asked).await;
    later(LATE).await;
}

#[tokio::test]
async fn ten_askers_at_once_share_one_exchange() {
    let server = Server::start([late(ok(&token("one", 3_599))), ok(ACCOUNT)]).await;
    let client = Client::new(server.settings(user()));
    let all = futures_util::future::join_all((0..10).map(|_| client.get_account("x")));
    let (answers, ()) = tokio::join!(all, release(&server, 1));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(exchanges(&server).await, 1);
}

#[tokio::test]
async fn an_asker_that_goes_away_does_not_stop_the_exchange() {
    let server = Server::start([late(ok(&token("one", 3_599))), ok(ACCOUNT)]).await;
    let client = Client::new(server.settings(user()));
    tokio::select! {
        answer = client.get_account("x") => panic!("before the exchange: {answer:?}"),
        () = server.asked(1) => {}
    }
    let (answer, ()) = tokio::join!(client.get_account("x"), release(&server, 1));
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(exchanges(&server).await, 1);
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_use() {
    // A short life is renewed from its half on.
    for (life, kept) in [(3_599, 3_599 - MARGIN.as_secs()), (100, 50)] {
        let turns =
            [ok(&token("one", life)), ok(ACCOUNT), ok(ACCOUNT), ok(&token("two", 3_599)), ok(ACCOUNT)];
        let server = Server::start(turns).await;
        let clock = Stopped::now();
        let client = Client::new(server.settings(user()));
        client.get_account("x").await.unwrap();
        clock.forward(kept - 1);
        client.get_account("x").await.unwrap();
        assert!(server.requests().await[2].contains("ya29.a0one"), "{life}");
        clock.forward(1);
        client.get_account("x").await.unwrap();
        assert!(server.requests().await[4].contains("ya29.a0two"), "{life}");
    }
}

#[tokio::test]
async fn a_failed_exchange_names_the_login_and_is_tried_anew_by_the_next() {
    let server = Server::start([answer(400, "", REVOKED), ok(&token("one", 3_599)), ok(ACCOUNT)]).await;
    let client = Client::new(server.settings(user()));
    let error = client.get_account("x").await.unwrap_err();
    assert_eq!((error.kind, error.kind.exit_code()), (ErrorKind::Credentials, 3));
    assert!(error.next().unwrap().contains("gcloud auth application-default login"), "{error}");
    assert!(client.get_account("x").await.is_ok());
}

#[tokio::test]
async fn ten_refusals_of_one_token_lead_to_one_renewal() {
    let unauthenticated = r#"{"error":{"code":401,"message":"x","status":"UNAUTHENTICATED"}}"#;
    let mut turns = vec![ok(&token("one", 3_599)), ok(ACCOUNT)];
    turns.extend((0..10).map(|_| late(answer(401, "", unauthenticated))));
    turns.extend([late(ok(&token("two", 3_599))), ok(ACCOUNT)]);
    let server = Server::start(turns).await;
    let client = Client::new(server.settings(user()));
    client.get_account("x").await.unwrap();
    let all = futures_util::future::join_all((0..10).map(|_| client.get_account("x")));
    // All ten are refused at once, and then the renewal is late, too.
    let refusals_and_renewal = async {
        release(&server, 2 + 10).await;
        release(&server, 2 + 10 + 1).await;
    };
    let (answers, ()) = tokio::join!(all, refusals_and_renewal);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(exchanges(&server).await, 2);
}

#[tokio::test]
async fn a_key_signs_an_assertion_for_googles_audience_wherever_the_endpoint_is() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sa.json");
    let file = serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "abc", "private_key": key.serialize_pem(),
        "client_email": "ci@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let options = FindOptions { credentials_file: Some(path), ..FindOptions::default() };
    let source = auth::find(&Env::default(), &options);

    let server = Server::start([ok(&token("one", 3_599))]).await;
    let client = Client::new(server.settings(source));
    assert_eq!(
        client.known_caller().member().as_deref(),
        Some("serviceAccount:ci@p.iam.gserviceaccount.com")
    );
    let caller = client.caller().await.unwrap();
    assert!(caller.expires.is_some() && caller.kind == "service account");
    let requests = server.requests().await;
    assert_eq!(requests.len(), 1, "the file tells who it is; nobody else is asked");
    let assertion = requests[0].rsplit_once("assertion=").unwrap().1;
    let part = |n: usize| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(assertion.split('.').nth(n).unwrap()).unwrap())
            .unwrap()
    };
    assert_eq!((part(0)["alg"].as_str(), part(0)["kid"].as_str()), (Some("RS256"), Some("abc")));
    assert_eq!(part(1)["aud"], "https://oauth2.googleapis.com/token");
    assert_eq!(part(1)["iss"], "ci@p.iam.gserviceaccount.com");
}

#[tokio::test]
async fn without_credentials_every_call_tells_why_and_nothing_is_sent() {
    let server = Server::start([ok(ACCOUNT)]).await;
    let nobody = auth::find(&Env::default(), &FindOptions::default());
    let error = Client::new(server.settings(nobody)).get_account("x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Credentials);
    assert_eq!(server.requests().await.len(), 0);
}

#[tokio::test]
async fn a_login_that_rotates_shows_its_newest_token() {
    let answer = |refresh: &str| {
        format!(
            r#"{{"access_token":"ya29.d.x","expires_in":2,"token_type":"Bearer","refresh_token":"{refresh}"}}"#
        )
    };
    let server = Server::start([ok(&answer("second")), ok(ACCOUNT), ok(&answer("third")), ok(ACCOUNT)]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("login.json");
    let file = serde_json::json!({
        "type": "external_account_authorized_user", "client_id": "c", "client_secret": "s",
        "refresh_token": "first", "token_url": format!("{}/token", server.url),
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let options = FindOptions { credentials_file: Some(path), ..FindOptions::default() };
    let clock = Stopped::now();
    let client = Client::new(server.settings(auth::find(&Env::default(), &options)));
    client.get_account("x").await.unwrap();
    clock.forward(2);
    client.get_account("x").await.unwrap();
    let requests = server.requests().await;
    assert!(
        requests[0].contains("refresh_token=first") && requests[2].contains("refresh_token=second"),
        "{requests:?}"
    );
}
