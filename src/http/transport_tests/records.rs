use super::*;

#[tokio::test]
async fn a_record_tells_how_to_send_the_request_again() {
    let server = Server::start([ok(TOKEN), ok(ACCOUNT)]).await;
    let (records, _) = recorded(&server, user(), |client| async move { client.get_account("x").await }).await;
    let [token, account] = [&records[1], &records[3]];
    let url = &server.url;
    assert_eq!(token.url(), format!("{url}/token"));
    assert!(!token.bearer && account.bearer && account.content.is_none());
    let curl = token.curl();
    assert!(curl.starts_with("curl -sS -X POST --data-urlencode grant_type=refresh_token "), "{curl}");
    assert!(curl.ends_with(&format!(" {url}/token")), "{curl}");
    for hidden in ["Authorization", "json", "x-goog-user-project", "hush"] {
        assert!(!curl.contains(hidden), "{curl}");
    }
    assert_eq!(
        account.curl(),
        format!(
            "curl -sS -X GET -H \"Authorization: Bearer $TOKEN\" -H 'x-goog-user-project: quota-1' {url}/v1/projects/-/serviceAccounts/x"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn each_request_is_recorded_at_its_start_before_it_is_repeated_and_at_its_end_without_its_secrets() {
    let body = r#"{"accessToken":"ya29.c.minted-hush","expireTime":"2030-01-01T00:00:00Z"}"#;
    let server = Server::start([ok(TOKEN), answer(503, "", UNAVAILABLE), ok(body)]).await;
    let (sender, mut records) = mpsc::channel(16);
    let client = Client::new(Settings { records: Some(sender), ..server.settings(user()) });
    client.mint(&mint()).await.unwrap();
    drop(client);
    let mut all = Vec::new();
    while let Some(record) = records.recv().await {
        all.push(record);
    }
    let states: Vec<_> = all.iter().map(|r| (r.id, r.outcome.clone(), r.tries, r.status)).collect();
    // Numbers are shared by the whole program, including other tests.
    let (first, second) = (all[0].id, all[2].id);
    assert!(first < second);
    assert_eq!(
        states,
        [
            (first, Outcome::Running, 0, None),
            (first, Outcome::Done, 1, Some(200)),
            (second, Outcome::Running, 0, None),
            (second, Outcome::Running, 1, Some(503)),
            (second, Outcome::Done, 2, Some(200)),
        ]
    );
    assert!(all[4].request.contains("\"lifetime\": \"600s\"") && all[4].response.contains("2030-01-01"));
    let text = format!("{all:?}");
    assert!(!text.contains("hush") && !text.contains("ya29"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_is_recorded_as_cancelled() {
    let server = Server::start([Turn::Hang]).await;
    let (sender, mut records) = mpsc::channel(16);
    let client = Client::new(Settings { records: Some(sender), ..server.settings(bare_token()) });
    let given_up = tokio::time::timeout(Duration::from_millis(100), client.get_account("x")).await;
    assert!(given_up.is_err());
    assert_eq!(records.recv().await.unwrap().outcome, Outcome::Running);
    assert_eq!(records.recv().await.unwrap().outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn records_of_one_caller_never_take_the_place_of_anothers() {
    let server = Server::start([ok("{}"), ok("{}")]).await;
    let ask = |client: Client| async move { client.get_account("x").await.map(drop) };
    let (one, _) = recorded(&server, bare_token(), ask).await;
    let (other, _) = recorded(&server, bare_token(), ask).await;
    assert!(one.iter().all(|record| other.iter().all(|next| next.id != record.id)));
}

#[tokio::test]
async fn what_the_source_of_a_foreign_token_is_asked_and_answers_is_recorded_nowhere() {
    let exchanged = r#"{"access_token":"ya29.d.x","expires_in":3599,"token_type":"Bearer"}"#;
    let server = Server::start([ok(r#"{"name":"hush-subject"}"#), ok(exchanged), ok("{}")]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("github.json");
    let file = serde_json::json!({
        "type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "token_url": format!("{}/sts", server.url),
        "credential_source": {
            "url": format!("{}/subject?code=hush-code", server.url),
            // A name whose values are shown elsewhere.
            "format": {"type": "json", "subject_token_field_name": "name"},
        },
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let options = crate::auth::FindOptions { credentials_file: Some(path), ..Default::default() };
    let source = crate::auth::find(&crate::local::env::Env::default(), &options);
    let work = |client: Client| async move { client.get_account("x").await.map(drop) };
    let (records, _) = recorded(&server, source, work).await;
    let asked = server.requests().await;
    assert!(asked[0].contains("code=hush-code") && asked[1].contains("hush-subject"), "{asked:?}");
    assert!(records.iter().any(|record| record.path == "/subject?…"), "{records:?}");
    assert!(!format!("{records:?}").contains("hush"), "{records:?}");
}
