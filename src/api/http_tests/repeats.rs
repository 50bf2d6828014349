use super::*;

#[tokio::test]
async fn an_unavailable_server_is_asked_again_and_then_answers() {
    let server = Server::start([answer(503, "", UNAVAILABLE), Turn::Close, ok(ACCOUNT)]).await;
    assert!(server.client().get_account("x").await.is_ok());
    assert_eq!(server.requests().await.len(), 3);
}

#[tokio::test]
async fn after_four_tries_the_last_error_is_told() {
    let server = Server::start([answer(503, "", UNAVAILABLE)]).await;
    let error = server.client().mint(&mint()).await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::Server, Some(503)));
    assert_eq!(server.requests().await.len(), TRIES);
}

#[tokio::test]
async fn retry_after_is_honoured_and_a_long_one_is_told_instead() {
    let server = Server::start([answer(429, "Retry-After: 2\r\n", "{}"), ok(ACCOUNT)]).await;
    let since = tokio::time::Instant::now();
    assert!(server.client().get_account("x").await.is_ok());
    assert!(since.elapsed() >= Duration::from_secs(2));
    let server = Server::start([answer(429, "Retry-After: 3600\r\n", "{}")]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    // Nothing in `{}` says that it is Google's.
    assert_eq!((error.kind, error.retry_after), (ErrorKind::Server, Some(Duration::from_secs(3_600))));
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_denial_is_not_asked_again() {
    let server = Server::start([answer(
        403,
        "",
        r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#,
    )])
    .await;
    assert_eq!(server.client().get_account("x").await.unwrap_err().kind, ErrorKind::Denied);
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_happens_but_for_a_401() {
    for turn in [answer(503, "", UNAVAILABLE), answer(429, "", "{}"), Turn::Close] {
        let server = Server::start([turn]).await;
        assert!(server.client().send(write()).await.is_err());
        assert_eq!(server.requests().await.len(), 1);
    }
    let server = Server::start([ok(TOKEN), answer(401, "", UNAUTHENTICATED), ok(TOKEN), ok("{}")]).await;
    assert!(Client::new(server.settings(user())).send(write()).await.is_ok());
}

#[tokio::test]
async fn a_401_renews_the_token_exactly_once() {
    let other = TOKEN.replace("fresh", "other");
    let server = Server::start([ok(TOKEN), answer(401, "", UNAUTHENTICATED), ok(&other), ok(ACCOUNT)]).await;
    assert!(Client::new(server.settings(user())).get_account("x").await.is_ok());
    let requests = server.requests().await;
    assert!(requests[1].contains("ya29.a0fresh") && requests[3].contains("ya29.a0other"));

    let server = Server::start([
        ok(TOKEN),
        answer(401, "", UNAUTHENTICATED),
        ok(TOKEN),
        answer(401, "", UNAUTHENTICATED),
    ])
    .await;
    let error = Client::new(server.settings(user())).get_account("x").await.unwrap_err();
    assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Credentials, 4));
}

#[tokio::test]
async fn a_refused_bare_token_cannot_be_renewed_and_that_is_said() {
    let server = Server::start([answer(401, "", UNAUTHENTICATED)]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!((error.status, error.reason()), (Some(401), Some("ACCESS_TOKEN_EXPIRED")));
    assert!(error.next().unwrap().contains("Give a fresh access token"));
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_ends_in_a_timeout_that_is_not_repeated() {
    let server = Server::start([Turn::Hang]).await;
    let settings = Settings { timeout: Duration::from_millis(200), ..server.settings(bare_token()) };
    let error = Client::new(settings).get_account("x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.sentence().contains("within 0.2 s"), "{error}");
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_401_of_somebody_in_between_renews_no_token_and_an_empty_one_does() {
    for (turn, requests, kind) in [
        (answer(401, "", "<html>Proxy login</html>"), 2, ErrorKind::Server),
        (answer(401, "", ""), 4, ErrorKind::Credentials),
    ] {
        let server = Server::start([ok(TOKEN), turn.clone(), ok(TOKEN), turn]).await;
        let error = Client::new(server.settings(user())).get_account("x").await.unwrap_err();
        assert_eq!((error.kind, server.requests().await.len()), (kind, requests));
    }
}

#[tokio::test]
async fn probing_stops_after_many_denials_and_goes_on_after_a_reset() {
    let denied = r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#;
    let server = Server::start([answer(403, "", denied)]).await;
    let client = server.client();
    for _ in 0..25 {
        assert_eq!(client.test_permissions("x").await.unwrap_err().kind, ErrorKind::Denied);
    }
    assert_eq!(server.requests().await.len(), 20);
    client.reset_probing();
    assert!(client.test_permissions("x").await.is_err());
    assert_eq!(server.requests().await.len(), 21);
}
