use super::*;

#[tokio::test]
async fn a_body_without_end_is_read_to_a_limit() {
    let server = Server::start([Turn::Flood]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Server);
    assert!(error.sentence().contains("8 MiB"), "{error}");
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_body_of_eight_mebibytes_is_read_and_one_more_byte_is_too_much() {
    const MOST: usize = 8_388_608;
    let (whole, over) = ("x".repeat(MOST), "x".repeat(MOST + 1));
    // With its length announced, and without.
    let untold = |body: &str| Turn::Say(format!("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{body}"));
    for (turn, fits) in
        [(ok(&whole), true), (untold(&whole), true), (ok(&over), false), (untold(&over), false)]
    {
        let server = Server::start([turn]).await;
        let outcome = http(&server, None).send(&read(None), None).await;
        match outcome {
            Ok(answer) => assert!(fits && answer.body.len() == MOST, "{}", answer.body.len()),
            Err(error) => assert!(!fits && error.sentence().contains("8 MiB"), "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_asked_for_again_and_then_told() {
    let short = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"email\":";
    let server = Server::start([Turn::Say(short.into())]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Network, TRIES));
    assert!(error.sentence().contains("broke before the response was complete"), "{error}");
}

#[tokio::test]
async fn web_pages_redirects_and_nonsense_are_plain_sentences() {
    let page = "<!DOCTYPE html><html><title>Sign in to the hotel</title></html>";
    for (turn, part) in [
        (ok(page), "a web page came back"),
        (answer(302, "Location: https://evil.example/\r\n", ""), "redirects aren't followed"),
        (ok("{\"email\": \"a"), "is cut off"),
        (ok("{\"email\": []}"), "has an unexpected form (line 1, column 10)"),
        (ok(""), "is empty"),
        (ok("[]"), "isn't a JSON object"),
    ] {
        let server = Server::start([turn]).await;
        let error = server.client().get_account("x").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server);
        assert!(error.sentence().contains(part), "{error}");
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_listening_is_a_network_error() {
    let server = Server::start([Turn::Close]).await;
    let settings = server.settings(bare_token());
    drop(server);
    let error = Client::new(settings).get_account("x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network);
    assert!(error.sentence().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn an_end_that_is_told_as_so_many_seconds_from_now_is_counted_by_the_clock_of_whoever_tells_it() {
    let of_1970 = "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    let body = r#"{"access_token":"ya29.a0x","expires_in":3599,"token_type":"Bearer"}"#;
    let server = Server::start([answer(200, of_1970, body)]).await;
    let what = What::Delegated { subject: "alice@example.com".into(), scopes: vec!["openid".into()] };
    let request = MintRequest { what, ..mint() };
    let client = Client::new(server.settings(bare_token()));
    let held = client.exchange(&request, &Secret::new("eyJ.eyJ.x")).await.expect("a token");
    let end = held.expires.expect("an end").as_second();
    assert!((3_500..3_700).contains(&end), "{end}");
}

#[tokio::test]
async fn where_endpoints_are_moved_a_refusal_names_who_was_asked_and_not_google() {
    for (caller, turns) in [
        (bare_token(), vec![answer(500, "", UNAVAILABLE)]),
        // The token endpoint is called first.
        (user(), vec![answer(500, "", UNAVAILABLE)]),
        (user(), vec![ok(TOKEN), answer(500, "", UNAVAILABLE)]),
    ] {
        let server = Server::start(turns).await;
        let host = server.url.trim_start_matches("http://").to_owned();
        let error = Client::new(server.settings(caller)).get_account("x").await.unwrap_err();
        let said = format!("{}{}", error.sentence(), error.next_words());
        assert!(said.starts_with(&format!("{host} returned 500")), "{said}");
        assert!(!said.contains("google"), "{said}");
    }
}

#[tokio::test]
async fn every_page_is_followed_and_a_page_that_comes_twice_is_refused() {
    let first = r#"{"accounts":[{"email":"a@p.iam.gserviceaccount.com"}],"nextPageToken":"t/1"}"#;
    let server =
        Server::start([ok(first), ok(r#"{"accounts":[{"email":"b@p.iam.gserviceaccount.com"}]}"#)]).await;
    let mut seen = Vec::new();
    server.client().list_accounts("p", &mut |page| seen.extend(page)).await.unwrap();
    assert_eq!(seen.len(), 2);
    let requests = server.requests().await;
    assert!(requests[0].contains("?pageSize=100 ") && requests[1].contains("?pageSize=100&pageToken=t%2F1 "));

    let server = Server::start([ok(first)]).await;
    let error = server.client().list_accounts("p", &mut |_| {}).await.unwrap_err();
    assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Server, 2));
}

#[tokio::test]
async fn ancestors_end_at_the_organization_or_at_the_first_level_that_is_hidden() {
    let folder = r#"{"name":"folders/1","parent":"organizations/2","displayName":"F"}"#;
    let server =
        Server::start([ok(folder), ok(r#"{"name":"organizations/2","displayName":"example.com"}"#)]).await;
    let above = server.client().ancestors("folders/1").await.unwrap();
    assert_eq!(above.iter().map(|a| a.display_name.as_str()).collect::<Vec<_>>(), ["F", "example.com"]);

    let denied = r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#;
    let server = Server::start([ok(folder), answer(403, "", denied)]).await;
    let above = server.client().ancestors("folders/1").await.unwrap();
    assert_eq!(
        (above.len(), above[1].name.as_str(), above[1].display_name.as_str()),
        (2, "organizations/2", "")
    );
}

#[tokio::test]
async fn the_caller_is_known_from_tokeninfo_and_unknown_where_nobody_tells() {
    let info = r#"{"scope":"a b","exp":"1893456000","email":"dev@example.com","email_verified":"true"}"#;
    let server = Server::start([ok(info)]).await;
    let caller = server.client().caller().await.unwrap();
    assert_eq!((caller.principal.as_deref(), caller.scopes.len()), (Some("dev@example.com"), 2));
    let request = &server.requests().await[0];
    assert!(
        request.starts_with("POST /tokeninfo HTTP") && request.ends_with("access_token=ya29.bare"),
        "{request}"
    );
    assert!(!request.to_ascii_lowercase().contains("authorization"));

    let server = Server::start([ok(r#"{"scope":"a"}"#), answer(403, "", "{}")]).await;
    assert_eq!(server.client().caller().await.unwrap().principal, None);

    let server =
        Server::start([answer(400, "", r#"{"error":"invalid_token","error_description":"Invalid Value"}"#)])
            .await;
    assert_eq!(server.client().caller().await.unwrap_err().kind, ErrorKind::Credentials);
}

#[tokio::test]
async fn keys_are_kept_as_long_as_their_sender_allows_and_fetched_without_a_token() {
    let keys = r#"{"keys":[]}"#;
    let server = Server::start([answer(200, "Cache-Control: public, max-age=600\r\n", keys)]).await;
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(client.signing_keys(KeySource::Google).await.as_deref(), Ok(keys));
    }
    assert_eq!(server.requests().await.len(), 1);
    assert!(!server.requests().await[0].to_ascii_lowercase().contains("authorization"));

    let server = Server::start([ok(keys)]).await;
    let client = server.client();
    for _ in 0..2 {
        client.signing_keys(KeySource::Google).await.unwrap();
    }
    assert_eq!(server.requests().await.len(), 2);
}
