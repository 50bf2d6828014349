use super::*;

const EXHAUSTED: &str = r#"{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED"}}"#;
const RETRY_INFO: &str = r#"{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;

#[tokio::test(start_paused = true)]
async fn an_unavailable_server_is_asked_again_and_then_answers() {
    let server = Server::start([answer(503, "", UNAVAILABLE), Turn::Close, ok(ACCOUNT)]).await;
    assert!(server.client().get_account("x").await.is_ok());
    assert_eq!(server.requests().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn after_four_tries_the_last_error_is_told() {
    let server = Server::start([answer(503, "", UNAVAILABLE)]).await;
    let error = server.client().mint(&mint()).await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::Server, Some(503)));
    assert_eq!(server.requests().await.len(), TRIES);
}

/// A request and how long it took, by a clock that advances while everything waits.
async fn asked_of(server: &Server) -> (Result<(), ApiError>, Duration) {
    let (client, since) = (server.client(), Instant::now());
    let outcome = client.get_account("x").await.map(drop);
    (outcome, since.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_is_kept_and_one_over_thirty_seconds_is_told_instead() {
    for (headers, body, least, most) in [
        ("Retry-After: 2\r\n", "{}", 2, 3),
        ("Retry-After: 30\r\n", "{}", 30, 31),
        ("", RETRY_INFO, 7, 8),
        // The header wins.
        ("Retry-After: 3\r\n", RETRY_INFO, 3, 4),
        // Without a request for more, ours applies.
        ("Retry-After: soon\r\n", "{}", 1, 2),
    ] {
        let server = Server::start([answer(429, headers, body), ok(ACCOUNT)]).await;
        let (outcome, took) = asked_of(&server).await;
        assert_eq!(outcome, Ok(()));
        let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
        assert!(took >= least && took < most, "{headers}{body}: {took:?}");
    }
    for seconds in [31, 3_600] {
        // Waiting would have produced a good answer.
        let turn = answer(429, &format!("Retry-After: {seconds}\r\n"), "{}");
        let server = Server::start([turn, ok(ACCOUNT)]).await;
        let (outcome, took) = asked_of(&server).await;
        let error = outcome.unwrap_err();
        // Nothing in `{}` identifies it as Google's.
        assert_eq!((error.kind, error.retry_after), (ErrorKind::Server, Some(Duration::from_secs(seconds))));
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowded_server_is_left_alone_for_a_second_and_a_failing_one_for_less() {
    for (turn, is_crowded) in [
        // Google's own, and a proxy's.
        (answer(429, "", EXHAUSTED), true),
        (answer(429, "", "{}"), true),
        (answer(429, "", "Too many"), true),
        (answer(503, "", UNAVAILABLE), false),
        (answer(500, "", "{}"), false),
        (Turn::Close, false),
    ] {
        let server = Server::start([turn, ok(ACCOUNT)]).await;
        let (outcome, took) = asked_of(&server).await;
        assert_eq!((outcome, server.requests().await.len()), (Ok(()), 2));
        assert!(took >= FIRST_WAIT, "{took:?}");
        assert_eq!(took >= Duration::from_secs(1), is_crowded, "{took:?}");
    }
    // A server that asks for less than a second gets that.
    let server = Server::start([answer(429, "Retry-After: 0\r\n", "{}"), ok(ACCOUNT)]).await;
    assert!(asked_of(&server).await.1 < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn waits_double_from_a_quarter_of_a_second_up() {
    let server = Server::start([answer(503, "", UNAVAILABLE)]).await;
    let (outcome, took) = asked_of(&server).await;
    assert_eq!(outcome.unwrap_err().status, Some(503));
    assert_eq!(server.requests().await.len(), 4);
    // 250 ms, 500 ms and a second, each with jitter up to twice as long.
    assert!((Duration::from_millis(1_750)..Duration::from_millis(3_600)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_waits_for_its_turn_like_any_other_question() {
    for (priority, least, most) in [
        (Some(Priority::Front), 1_000, 1_500),
        (Some(Priority::Back), 1_000, 1_500),
        // Requests without rate limit wait for the server only.
        (None, 250, 900),
    ] {
        let server = Server::start([answer(503, "", UNAVAILABLE), ok("{}")]).await;
        // A bucket of one, which takes a second to fill.
        let http = http(&server, Some(1.0));
        let since = Instant::now();
        assert!(http.send(&read(priority), None).await.is_ok());
        assert_eq!(server.requests().await.len(), 2);
        let took = since.elapsed();
        assert!((least..most).contains(&took.as_millis()), "{priority:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_not_sent_when_the_others_were_denied_meanwhile() {
    let server = Server::start([answer(503, "", UNAVAILABLE), ok("{}")]).await;
    let http = http(&server, None);
    let spec = read(Some(Priority::Front));
    let denied = ApiError::new(ErrorKind::Denied, "no");
    let others = async {
        for _ in 0..20 {
            http.rate_limiter().observe(Priority::Front, Some(&denied)).await;
        }
    };
    let (outcome, ()) = tokio::join!(http.send(&spec, None), others);
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.status, server.requests().await.len()), (ErrorKind::Denied, None, 1));
}

#[test]
fn only_what_changes_nothing_is_repeated_and_only_where_that_may_help() {
    let of_status = |status: u16| ApiError::from_answer(status, b"{}", &RequestContext::default());
    for status in 400..=599 {
        let helps = [429, 500, 502, 503, 504].contains(&status);
        for kind in [CallKind::Read, CallKind::Mint, CallKind::Write] {
            let wanted = helps && kind != CallKind::Write;
            assert_eq!(may_repeat(kind, &of_status(status)), wanted, "{kind:?} {status}");
        }
    }
    // Without an answer, only a broken connection is retried.
    for kind in [
        ErrorKind::Config,
        ErrorKind::Credentials,
        ErrorKind::Denied,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::Network,
        ErrorKind::Timeout,
        ErrorKind::Server,
        ErrorKind::Invalid,
        ErrorKind::Quota,
        ErrorKind::ReadOnly,
        ErrorKind::Cancelled,
        ErrorKind::Other,
    ] {
        let error = ApiError::new(kind, "x");
        let helps = kind == ErrorKind::Network;
        assert_eq!(may_repeat(CallKind::Read, &error), helps, "{kind:?}");
        assert_eq!(may_repeat(CallKind::Mint, &error), helps, "{kind:?}");
        assert!(!may_repeat(CallKind::Write, &error), "{kind:?}");
    }
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
    for turn in [
        answer(500, "", "{}"),
        answer(502, "", "{}"),
        answer(503, "", UNAVAILABLE),
        answer(504, "", "{}"),
        answer(429, "", "{}"),
        answer(429, "", EXHAUSTED),
        answer(429, "Retry-After: 0\r\n", "{}"),
        Turn::Close,
    ] {
        let server = Server::start([turn, ok("{}")]).await;
        assert!(server.client().send(write()).await.is_err());
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_a_401_refused_is_sent_a_second_time_and_no_third() {
    let writes = |requests: &[String]| {
        requests.iter().filter(|request| request.starts_with("POST /v1/x:write ")).count()
    };
    let refused = || answer(401, "", UNAUTHENTICATED);
    // The second attempt is carried out, rejected again, or lost.
    for (second, is_ok) in
        [(ok("{}"), true), (refused(), false), (answer(503, "", UNAVAILABLE), false), (Turn::Close, false)]
    {
        let server = Server::start([ok(TOKEN), refused(), ok(TOKEN), second, ok("{}")]).await;
        let outcome = Client::new(server.settings(user())).send(write()).await;
        assert_eq!(outcome.is_ok(), is_ok);
        let requests = server.requests().await;
        assert_eq!((writes(&requests), requests.len()), (2, 4), "{requests:?}");
    }
    // Without another token there is no second attempt.
    let server = Server::start([refused(), ok("{}")]).await;
    assert!(server.client().send(write()).await.is_err());
    assert_eq!(writes(&server.requests().await), 1);
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
    assert!(error.next().unwrap().contains("Pass a fresh access token"));
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test(start_paused = true)]
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
