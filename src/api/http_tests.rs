use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::model::denial::Asked;
use crate::{
    api::{
        Client, Settings,
        oauth::KeySource,
        record::Outcome,
        testing::{CLOSED, Server, Turn, answer, bare_token, ok, user},
    },
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

/// A write, of which this issue has none of its own.
fn write() -> Ticket {
    Ticket::post(CallKind::Write, Base::Iam, "/v1/x:write".into(), serde_json::json!({}), Asked::default())
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
async fn read_only_refuses_a_write_before_anything_is_sent_and_lets_mints_pass() {
    let server =
        Server::start([ok(r#"{"accessToken":"ya29.c.x","expireTime":"2030-01-01T00:00:00Z"}"#)]).await;
    let client = Client::new(Settings { read_only: true, ..server.settings(bare_token()) });
    assert_eq!(client.send(write()).await.unwrap_err().kind, ErrorKind::ReadOnly);
    assert_eq!(server.requests().await.len(), 0);
    assert!(client.mint(&mint()).await.is_ok());
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
async fn a_body_without_end_is_read_to_a_limit() {
    let server = Server::start([Turn::Flood]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Server);
    assert!(error.sentence().contains("8 MiB"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_then_told() {
    let short = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"email\":";
    let server = Server::start([Turn::Say(short.into())]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Network, TRIES));
    assert!(error.sentence().contains("broke before the answer was complete"), "{error}");
}

#[tokio::test]
async fn web_pages_redirects_and_nonsense_are_plain_sentences() {
    let page = "<!DOCTYPE html><html><title>Sign in to the hotel</title></html>";
    for (turn, part) in [
        (ok(page), "a web page came back"),
        (answer(302, "Location: https://evil.example/\r\n", ""), "redirects are not followed"),
        (ok("{\"email\": \"a"), "stops short"),
        (ok("{\"email\": []}"), "is not what it should be (line 1, column 10)"),
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

#[tokio::test]
async fn nobody_listening_is_a_network_error() {
    let server = Server::start([Turn::Close]).await;
    let settings = server.settings(bare_token());
    drop(server);
    let error = Client::new(settings).get_account("x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network);
    assert!(error.sentence().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_server_that_quotes_the_token_does_not_get_it_into_the_error() {
    let body = r#"{"error":{"code":400,"message":"no good: ya29.bare!","status":"INVALID_ARGUMENT"}}"#;
    let server = Server::start([answer(400, "", body)]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!(error.message, "no good: …!");
}

/// Everything that is recorded while `work` is done.
async fn recorded<F: Future>(
    server: &Server,
    source: Result<crate::auth::Source, ApiError>,
    work: impl FnOnce(Client) -> F,
) -> (Vec<crate::api::Record>, F::Output) {
    let (sender, mut records) = mpsc::channel(64);
    let output = work(Client::new(Settings { records: Some(sender), ..server.settings(source) })).await;
    let mut all = Vec::new();
    while let Ok(record) = records.try_recv() {
        all.push(record);
    }
    (all, output)
}

#[tokio::test]
async fn a_quoted_bearer_without_a_form_of_its_own_reaches_neither_record_nor_error() {
    let bearer = || {
        let options = crate::auth::FindOptions {
            stdin_token: Some(Secret::new("opaque/hush+word=")),
            ..crate::auth::FindOptions::default()
        };
        crate::auth::find(&crate::env::Env::default(), &options)
    };
    for quoted in [
        "opaque/hush+word=",
        "opaque\\/hush+word\\u003d",
        "opaque%2Fhush%2Bword%3D",
        r"opaque\u002fhush+word=",
    ] {
        for (status, body) in [
            (
                400,
                format!(r#"{{"error":{{"code":400,"message":"no: {quoted}","status":"INVALID_ARGUMENT"}}}}"#),
            ),
            (400, format!(r#"{{"error":"invalid_request","error_description":"no: {quoted}"}}"#)),
            (403, format!("who is {quoted}?")),
            (200, format!(r#"{{"email":"a@b","description":"{quoted}"}}"#)),
        ] {
            // What is no JSON has no escapes of JSON.
            if status == 403 && quoted.contains('\\') {
                continue;
            }
            let server = Server::start([answer(status, "", &body)]).await;
            let (records, outcome) =
                recorded(&server, bearer(), |client| async move { client.get_account("x").await }).await;
            let last = records.last().unwrap();
            assert_eq!(last.response_bytes, body.len() as u64);
            let told = outcome.err().map(|error| format!("{error} {error:?}"));
            let text = format!("{records:?} {told:?}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_quoted_secret_of_a_form_reaches_neither_record_nor_error() {
    let body =
        r#"{"error":"invalid_grant","error_description":"Bad 1//refresh-hush or 1%2F%2Frefresh-hush"}"#;
    let server = Server::start([answer(400, "", body)]).await;
    let (records, outcome) =
        recorded(&server, user(), |client| async move { client.get_account("x").await }).await;
    let text = format!("{records:?} {outcome:?}");
    assert!(text.contains("Bad … or …") && !text.contains("hush"), "{text}");
}

#[tokio::test]
async fn a_quoted_assertion_reaches_neither_record_nor_error_however_it_is_quoted() {
    let (claims, signature) = ("eyJzdWIiOiJhbGljZUBleGFtcGxlLmNvbSJ9", "c2lnbmF0dXJlLW9mLXRoZS1hc3NlcnRpb24");
    let assertion = format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{claims}.{signature}");
    let of = |text: &str| STANDARD.encode(text);
    let quotes = [
        assertion.clone(),
        format!("assertion={assertion}"),
        format!("assertion%3D{assertion}%26x"),
        format!("[token:{}", &assertion[..60]),
        format!("the signature {signature} is wrong"),
        of(&assertion),
        of(&format!("a={assertion}&b")),
        of(&format!("ab={assertion}")),
    ];
    // What must not be found: pieces of what was quoted.
    let mut pieces: Vec<String> = [&claims[20..], &signature[4..24]].map(str::to_owned).to_vec();
    pieces.extend(["", "a=", "ab="].map(|before| of(&format!("{before}{assertion}"))[60..100].to_owned()));
    let request = MintRequest {
        what: What::Delegated { subject: "alice@example.com".into(), scopes: vec!["openid".into()] },
        ..mint()
    };
    for quoted in quotes {
        let bodies = [
            format!(r#"{{"error":"invalid_grant","error_description":"Bad: {quoted}"}}"#),
            format!(r#"{{"error":{{"code":400,"message":"Bad {quoted}","status":"INVALID_ARGUMENT"}}}}"#),
            format!("Bad {quoted}"),
        ];
        for body in bodies {
            let server = Server::start([answer(400, "", &body)]).await;
            let (request, assertion) = (&request, Secret::new(assertion.clone()));
            let work = |client: Client| async move { client.exchange(request, &assertion).await };
            let (records, outcome) = recorded(&server, bare_token(), work).await;
            let text = format!("{records:?} {outcome:?} {}", outcome.as_ref().unwrap_err());
            assert!(text.contains("Bad"), "{text}");
            let found: Vec<_> = pieces.iter().filter(|piece| text.contains(piece.as_str())).collect();
            assert!(found.is_empty(), "{found:?} of {quoted} in {text}");
        }
    }
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
        // The token endpoint is the first to be asked.
        (user(), vec![answer(500, "", UNAVAILABLE)]),
        (user(), vec![ok(TOKEN), answer(500, "", UNAVAILABLE)]),
    ] {
        let server = Server::start(turns).await;
        let host = server.url.trim_start_matches("http://").to_owned();
        let error = Client::new(server.settings(caller)).get_account("x").await.unwrap_err();
        let said = format!("{}{}", error.sentence(), error.next_words());
        assert!(said.starts_with(&format!("{host} answered 500")), "{said}");
        assert!(!said.contains("google"), "{said}");
    }
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
async fn a_name_of_dots_cannot_climb_in_the_path() {
    let server = Server::start([ok("{}")]).await;
    assert_eq!(server.client().get_account("..").await.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(server.requests().await.len(), 0);
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

#[tokio::test]
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
    // Numbers are given to whoever asks in this program: other tests do as well.
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

#[tokio::test]
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
    let source = crate::auth::find(&crate::env::Env::default(), &options);
    let work = |client: Client| async move { client.get_account("x").await.map(drop) };
    let (records, _) = recorded(&server, source, work).await;
    let asked = server.requests().await;
    assert!(asked[0].contains("code=hush-code") && asked[1].contains("hush-subject"), "{asked:?}");
    assert!(records.iter().any(|record| record.path == "/subject?…"), "{records:?}");
    assert!(!format!("{records:?}").contains("hush"), "{records:?}");
}

#[tokio::test]
async fn connections_are_closed_when_asked_and_the_next_request_opens_one_anew() {
    let stays = Turn::Stay(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ACCOUNT}", ACCOUNT.len()));
    let server = Server::start([stays, ok(ACCOUNT)]).await;
    let client = server.client();
    client.get_account("x").await.unwrap();
    client.disconnect().await;
    let closed = async {
        while !server.requests().await.iter().any(|request| request == CLOSED) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed).await.expect("it is closed");
    client.get_account("x").await.unwrap();
    assert_eq!(server.requests().await.len(), 3);
}

#[tokio::test]
async fn a_connection_that_gave_no_answer_is_not_kept() {
    let server = Server::start([Turn::Stay(String::new()), ok("{}")]).await;
    let http = Http::new(Wire {
        endpoints: server.endpoints(),
        charge: Charge::AsCredentials,
        timeout: Duration::from_millis(50),
        read_only: false,
        use_proxy: false,
        recorder: Recorder::new(None),
        pace: Pace::new(None),
    });
    let ticket = Ticket::get(Base::Iam, "/v1/x".into(), Asked::default());
    let error = http.send(&ticket, None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(http.0.direct.lock().await.is_none());
}
