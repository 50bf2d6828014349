//! Tests of what stands before the APIs, in bytes: what Google's front end refuses whoever sent it, and what it adds.

use std::io::Read;

use super::*;

const NAMED: &str = "Host: localhost\r\nConnection: close";
/// A body that stops short: the connection is closed before its end.
const CUT: &str = "\r\nContent-Length: 9";

/// The head and the body of what comes back for these lines and this body.
async fn told(api: &TestClient, line: &str, headers: &str, body: &str) -> (String, String) {
    let named = if headers == CUT { "Host: localhost" } else { NAMED };
    let answer =
        super::transport::told(api, &format!("{line} HTTP/1.1\r\n{named}{headers}\r\n\r\n{body}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn front_end_refuses_with_a_page_of_googles() {
    let api = TestClient::demo().await;
    let policy = format!("/{DEPLOYER}:getIamPolicy");
    let long = format!("/v1/projects/acme-prod/serviceAccounts?pageToken={}", "a".repeat(16 * 1024));
    let edge = format!("/{}", "a".repeat(16 * 1024 - 1));
    let large = format!("\r\nX-Large: {}", "a".repeat(64 * 1024));
    for (line, headers, body, status, sentence) in [
        (
            format!("POST {policy}"),
            "",
            "",
            411,
            "POST requests require a <code>Content-length</code> header.",
        ),
        ("POST /token".into(), "", "", 411, "POST requests require"),
        ("POST /nowhere".into(), "", "", 411, "POST requests require"),
        ("PUT /v1/x".into(), "", "", 411, "PUT requests require"),
        ("PATCH /v1/x".into(), "", "", 411, "PATCH requests require"),
        ("PUT /v1/x".into(), "\r\nContent-Length: 0", "", 404, "/v1/x</code> was not found on this server."),
        ("DELETE /v1/x".into(), "", "", 404, "was not found"),
        ("GET /v1/<b>&\"".into(), "", "", 400, ""),
        ("GET /v1/%3Cb%3E".into(), "", "", 404, "/v1/%3Cb%3E</code> was not found"),
        (
            "TRACE /v1/x".into(),
            "",
            "",
            405,
            "method <code>TRACE</code> is inappropriate for the URL <code>/v1/x</code>.",
        ),
        ("PURGE /token".into(), "", "", 405, "method <code>PURGE</code> is inappropriate"),
        (format!("GET {long}"), "", "", 414, "... is too large to process."),
        (format!("GET {edge}"), "", "", 404, "was not found"),
        ("GET /oauth2/v3/certs".into(), large.as_str(), "", 413, "issued a request that was too large."),
        (
            "GET /oauth2/v3/certs".into(),
            "\r\nHost: iam.googleapis.com",
            "",
            400,
            "malformed or illegal request.",
        ),
        ("GET /computeMetadata/v1/".into(), "\r\nHost: localhost", "", 400, "malformed or illegal request."),
        (format!("POST {policy}"), CUT, "{", 400, "malformed or illegal request."),
        (
            format!("POST {policy}"),
            "\r\nTransfer-Encoding: chunked",
            "zz\r\n",
            400,
            "malformed or illegal request.",
        ),
    ] {
        let short = &line[..line.len().min(60)];
        let (head, page) = told(&api, &line, headers, body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{short}: {head}");
        if sentence.is_empty() {
            continue;
        }
        assert!(
            page.contains(&format!("<title>Error {status} (")) && page.contains(")!!1</title>"),
            "{short}: {page}"
        );
        assert!(page.contains(sentence), "{short}: {page}");
        assert!(head.contains("\r\ncontent-type: text/html; charset=UTF-8"), "{short}: {head}");
    }
    // A body that says its length is what an API gets to see, be it nothing.
    let bearer = format!("\r\nAuthorization: Bearer {}\r\nContent-Length: 0", api.token);
    let (head, policy) = told(&api, &format!("POST {policy}"), &bearer, "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {policy}");
}

#[tokio::test]
async fn front_end_refuses_over_every_version() {
    let api = TestClient::demo().await;
    let post =
        format!("POST /{DEPLOYER}:getIamPolicy HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = super::transport::told(&api, &post).await;
    assert!(answer.contains(" 411 Length Required\r\n"), "{answer}");
    let lower = "get /oauth2/v3/certs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(super::transport::told(&api, lower).await.starts_with("HTTP/1.1 405 "));
    for (choice, status) in [("refused", 411), ("accepted", 200)] {
        let mut world = World::demo();
        world.behaviour = serde_json::from_value(json!({"unsizedHttp2": choice})).unwrap();
        let api = TestClient::of(world).await;
        let path = format!("/{DEPLOYER}:getIamPolicy");
        assert_eq!(over_http_2(&api, "POST", &path).await, status, "{choice}");
        assert_eq!(over_http_2(&api, "GET", &format!("/{DEPLOYER}")).await, 200);
    }
}

/// The status of a request over HTTP/2 that ends with its head and says no length: what curl sends for `-X POST`.
async fn over_http_2(api: &TestClient, verb: &str, path: &str) -> u16 {
    let stream = tokio::net::TcpStream::connect(api.emulator.addr()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    // Ends with this function.
    let mut driven = tokio::task::JoinSet::new();
    driven.spawn(connection);
    let request = axum::http::Request::builder()
        .method(verb)
        .uri(format!("http://localhost{path}"))
        .header("authorization", format!("Bearer {}", api.token))
        .header("x-goog-user-project", api.project)
        .body(())
        .unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    answer.await.unwrap().status().as_u16()
}

#[tokio::test]
async fn bodies_that_are_too_large_for_nobody_are_refused_by_the_front_end() {
    let api = TestClient::demo().await;
    let large = json!({"x": "A".repeat(10 * 1024 * 1024)});
    let page = api.post("nowhere/at/all", large).await;
    assert!(
        page.status == 413 && page.text.contains("issued a request that was too large."),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn front_end_leaves_alone_what_is_not_googles() {
    let api = TestClient::demo().await;
    api.emulator.open_control();
    for (line, status) in [
        // As the metadata servers of Amazon's machines are asked for a session.
        ("PUT /external/123456789012/acme/aws/latest/api/token", 400),
        ("POST /_emulator/clock", 415),
        ("POST /computeMetadata/v1/instance/", 404),
        // Only Google's APIs let a POST stand for another method.
        ("POST /computeMetadata/v1/project/project-id", 404),
    ] {
        let (head, page) =
            told(&api, line, "\r\nX-HTTP-Method-Override: GET\r\nMetadata-Flavor: Google", "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {head} {page}");
    }
}

#[tokio::test]
async fn requests_without_a_length_are_in_the_log() {
    let api = TestClient::demo().await;
    told(&api, &format!("POST /{DEPLOYER}:getIamPolicy"), "", "").await;
    let log = api.emulator.handle().request_log().await;
    let last = log.last().unwrap();
    assert_eq!((last.method.as_str(), last.status), ("unrouted", 411));
    assert_eq!(last.path, format!("/{DEPLOYER}:getIamPolicy"));
}

#[tokio::test]
async fn body_of_a_refused_request_does_not_end_its_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let api = TestClient::demo().await;
    let mut stream = tokio::net::TcpStream::connect(api.emulator.addr()).await.unwrap();
    let body = "x".repeat(100_000);
    let head = format!("PUT /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in body.as_bytes().chunks(30_000) {
        stream.write_all(part).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.write_all(format!("GET /oauth2/v3/certs HTTP/1.1\r\n{NAMED}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 404 ") && answers.contains("HTTP/1.1 200 OK"), "{answers}");
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let api = TestClient::demo().await;
    // Keys take their time to make, and a client that has closed its half is not waited for.
    assert_eq!(api.get("oauth2/v3/certs").await.status, 200);
    let (head, body) = told(&api, "HEAD /oauth2/v3/certs", "", "").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\ncontent-length: "), "{head}");
    assert_eq!(body, "");
    let flavor = "\r\nMetadata-Flavor: Google";
    let (head, body) = told(&api, "HEAD /computeMetadata/v1/instance/id", flavor, "").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("server: Metadata Server for VM"), "{head}");
    assert_eq!(body, "");
    let (head, _) = told(&api, "HEAD /token", "", "").await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}

#[tokio::test]
async fn post_stands_for_the_method_that_it_names() {
    let api = TestClient::demo().await;
    let list = "v1/projects/acme-prod/serviceAccounts";
    let wanted = api.get(&format!("{list}?pageSize=2")).await;
    let post = |path: String, kind: &'static str, body: &'static str, method: &'static str| {
        let url = format!("{}{path}", api.emulator.base_url());
        let request = api.http.post(url).bearer_auth(&api.token).header("x-goog-user-project", "acme-prod");
        request
            .header("content-type", kind)
            .header("x-http-method-override", method)
            .header("content-length", body.len())
            .body(body)
    };
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for (path, body, method) in [
        (list.to_owned(), "pageSize=2", "GET"),
        (format!("{list}?pageSize=2"), "", "get"),
        (format!("{list}?alt=json"), "pageSize=2&prettyPrint=true", "GET"),
    ] {
        let answer = post(path.clone(), form, body, method).send().await.unwrap();
        assert_eq!(
            (answer.status(), answer.text().await.unwrap()),
            (StatusCode::OK, wanted.text.clone()),
            "{path}"
        );
    }
    let many = format!("pageSize=2&prettyPrint=true{}", "&key=a%7Cb".repeat(10_000));
    let url = format!("{}{list}", api.emulator.base_url());
    let request = api.http.post(url).bearer_auth(&api.token).header("x-goog-user-project", "acme-prod");
    let request = request.header("content-type", form).header("x-http-method-override", "GET").body(many);
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, wanted.text.clone()));
    for odd in ["HEAD", "FROB", "GET, POST"] {
        let answer = post(list.to_owned(), form, "", odd).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{odd}");
    }
    // Of a method with a body the body stays what it is.
    let unknown = post(list.to_owned(), "application/json", "{}", "DELETE").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let plain = api.post(&format!("{list}?pageSize=2"), json!({})).await;
    assert_ne!(plain.status, 200, "a POST that names nothing stays one: {}", plain.text);
}

#[tokio::test]
async fn answers_of_googles_have_its_headers_and_are_compressed_on_request() {
    let api = TestClient::demo().await;
    // Keys take their time to make, and a client that has closed its half is not waited for.
    assert_eq!(api.get("oauth2/v3/certs").await.status, 200);
    let (head, _) = told(&api, "GET /oauth2/v3/certs", "", "").await;
    for header in ["server: ESF", "vary: Origin", "vary: X-Origin", "vary: Referer", "x-xss-protection: 0"] {
        assert!(head.contains(&format!("\r\n{header}")), "{header}: {head}");
    }
    assert!(!head.contains("content-encoding"), "{head}");
    let url = format!("{}oauth2/v3/certs", api.emulator.base_url());
    let plain = api.http.get(&url).send().await.unwrap().bytes().await.unwrap();
    let raw = Client::builder().no_proxy().no_gzip().build().unwrap();
    let gzipped = raw.get(&url).header("accept-encoding", "br, gzip").send().await.unwrap();
    assert_eq!(gzipped.headers()["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    let bytes = gzipped.bytes().await.unwrap();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    // A machine's own server does not, and what a fault states comes as it is.
    let metadata = format!("{}computeMetadata/v1/instance/?recursive=true", api.emulator.base_url());
    let asked =
        |url: &str| raw.get(url).header("accept-encoding", "gzip").header("metadata-flavor", "Google");
    let answer = asked(&metadata).send().await.unwrap();
    assert!(answer.status() == 200 && !answer.headers().contains_key("content-encoding"));
    api.fault(fault("oauth2.certs").delivery(Delivery::Half)).await;
    assert!(!asked(&url).send().await.unwrap().headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn grpc_is_told_that_it_is_not_served() {
    let api = TestClient::demo().await;
    let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let url = format!("http://{}/google.iam.admin.v1.IAM/ListServiceAccounts", api.emulator.addr());
    for kind in ["application/grpc", "application/grpc+proto"] {
        let answer = client.post(&url).header("content-type", kind).body("").send().await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["grpc-status"]),
            (StatusCode::OK, &"12".parse().unwrap())
        );
        assert!(answer.headers()["grpc-message"].to_str().unwrap().contains("transport=%22rest%22"));
    }
}
