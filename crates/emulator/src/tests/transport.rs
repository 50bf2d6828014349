//! Tests of what lies below a request: versions of HTTP, hosts, bodies that do not come as they should.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What comes back, to its end, for bytes after which nothing more is sent. A side that is closed may overtake the answer,
/// so it is closed only for those whose request never ends.
pub(super) async fn told(api: &TestClient, sent: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(api.emulator.addr()).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    if !sent.contains("Connection: close") {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_malformed_is_not_called_too_large() {
    let api = TestClient::demo().await;
    api.emulator.open_control();
    for path in ["token", "_emulator/faults"] {
        for rest in ["Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"] {
            let head = "Host: localhost\r\nContent-Type: application/json";
            let answer = told(&api, &format!("POST /{path} HTTP/1.1\r\n{head}\r\n{rest}")).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path} {rest:?}: {answer}");
            assert!(!answer.contains("exceeds"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_called_so() {
    let api = TestClient::demo().await;
    api.emulator.open_control();
    let large = json!({"payload": "A".repeat(10 * 1024 * 1024)});
    let refused = api.post(&format!("{DEPLOYER}:signBlob"), large.clone()).await;
    assert!(refused.status == 400 && refused.message().contains("exceeds the limit"), "{}", refused.text);
    assert_eq!(api.post("_emulator/faults", large).await.status, 413);
}

#[tokio::test]
async fn http_2_is_served_to_who_knows_that_it_is_there() {
    let api = TestClient::demo().await;
    let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let certs = |host: &str| format!("http://{host}:{}/oauth2/v3/certs", api.emulator.addr().port());
    let answer = client.get(certs("127.0.0.1")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
}

#[tokio::test]
async fn this_machine_has_its_names_in_any_case_and_with_a_dot_and_no_others() {
    let api = TestClient::demo().await;
    let url = format!("{}oauth2/v3/certs", api.emulator.base_url());
    for (host, status) in [
        ("LocalHost", 200),
        ("localhost.", 200),
        ("LOCALHOST.:8787", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8787", 200),
        ("localhost..", 403),
        ("localhost.example", 403),
        ("xlocalhost", 403),
    ] {
        let answer = api.http.get(&url).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn what_has_no_content_has_no_body_and_no_length() {
    let api = TestClient::demo().await;
    let request = "GET /oauth2/v3/certs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for status in [204, 304] {
        let stated = fault("oauth2.*").outcome(Outcome::Answer { status, body: None });
        for stated in [
            stated.clone().answer(status, json!({"a": 1})),
            stated.clone().delivery(Delivery::Truncate),
            stated.clone().delivery(Delivery::Html { status }),
            stated.delivery(Delivery::Empty { status: Some(status) }),
        ] {
            api.fault(stated.clone()).await;
            let answer = told(&api, request).await.to_ascii_lowercase();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
            assert_eq!(body, "", "{stated:?}");
            for name in ["content-length", "content-type", "transfer-encoding"] {
                assert!(!head.contains(&format!("\r\n{name}:")), "{stated:?}: {head}");
            }
        }
    }
}
