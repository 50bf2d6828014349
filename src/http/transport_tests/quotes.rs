use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

#[tokio::test]
async fn a_server_that_quotes_the_token_does_not_get_it_into_the_error() {
    let body = r#"{"error":{"code":400,"message":"no good: ya29.bare!","status":"INVALID_ARGUMENT"}}"#;
    let server = Server::start([answer(400, "", body)]).await;
    let error = server.client().get_account("x").await.unwrap_err();
    assert_eq!(error.message, "no good: …!");
}

#[tokio::test]
async fn a_quoted_bearer_without_a_form_of_its_own_reaches_neither_record_nor_error() {
    let bearer = || {
        let options = crate::auth::FindOptions {
            stdin_token: Some(Secret::new("opaque/hush+word=")),
            ..crate::auth::FindOptions::default()
        };
        crate::auth::find(&crate::local::env::Env::default(), &options)
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
            // Invalid JSON has no JSON escapes.
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
    // Fragments of the quoted text that must not be found.
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
