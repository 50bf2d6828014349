//! What is sent and how the answer is read, one condition at a time.

use super::*;

/// A transport to this server alone, which also serves as the metadata server.
fn with_metadata(server: &Server) -> Http {
    let host = server.url.trim_start_matches("http://").to_owned();
    let url = |variable: &str| (variable.to_owned(), server.url.clone());
    let vars = [
        ("GCE_METADATA_HOST".to_owned(), host),
        url("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM"),
        url("IMPERSONA_CERTS_ENDPOINT"),
    ];
    let endpoints = Endpoints::new(&crate::local::env::Env::from_vars(vars), None).unwrap();
    wired(|wire| wire.endpoints = endpoints)
}

/// A transport to Google that was changed before anything was sent.
fn wired(change: impl FnOnce(&mut Wire)) -> Http {
    let mut wire = Wire {
        endpoints: Endpoints::new(&crate::local::env::Env::default(), None).unwrap(),
        charge: Charge::AsCredentials,
        timeout: Duration::from_secs(5),
        read_only: false,
        use_proxy: true,
        recorder: Recorder::new(None),
        rate_limiter: RateLimiter::new(None),
    };
    change(&mut wire);
    Http::new(wire)
}

fn of(base: Service) -> RequestSpec {
    RequestSpec::get(base, "/v1/x".into(), RequestContext::default())
}

/// The head of the only request, in lower case, with a line break before and after each line.
async fn head(server: &Server) -> String {
    let requests = server.requests().await;
    assert_eq!(requests.len(), 1);
    let (head, _) = requests[0].split_once("\r\n\r\n").unwrap();
    format!("{}\r\n", head.to_ascii_lowercase())
}

#[tokio::test]
async fn each_request_says_what_it_wants_back_and_how() {
    let headers = |spec: RequestSpec| RequestSpec {
        headers: vec![
            ("X-One".into(), Secret::new("first")),
            ("Authorization".into(), Secret::new("Basic eDp5")),
        ],
        auth: false,
        ..spec
    };
    let mints = RequestSpec { kind: CallKind::Mint, ..of(Service::Iam) };
    let bare = RequestSpec { auth: false, ..of(Service::Iam) };
    let json = "\r\naccept: application/json\r\n";
    let (flavor, as_it_is, zipped) = (
        "\r\nmetadata-flavor: google\r\n",
        "\r\naccept-encoding: identity\r\n",
        "\r\naccept-encoding: gzip\r\n",
    );
    let (one, basic) = ("\r\nx-one: first\r\n", "\r\nauthorization: basic edp5\r\n");
    for (spec, lines) in [
        (of(Service::Iam), vec![json, zipped]),
        (of(Service::Certs), vec![json, zipped]),
        (of(Service::Metadata), vec![flavor, zipped]),
        (RequestSpec { auth: false, ..of(Service::Metadata) }, vec![flavor, as_it_is]),
        // Answers that can be credentials must not be compressed.
        (mints, vec![json, as_it_is]),
        (bare, vec![json, as_it_is]),
        (headers(of(Service::Iam)), vec![json, as_it_is, one, basic]),
    ] {
        let server = Server::start([ok("{}")]).await;
        let _ = with_metadata(&server).send(&spec, None).await;
        let head = head(&server).await;
        for line in [json, flavor, as_it_is, zipped, one, basic] {
            assert_eq!(head.contains(line), lines.contains(&line), "{line:?} in {head}");
        }
    }
}

#[tokio::test]
async fn only_the_metadata_server_must_say_what_it_is_and_may_answer_with_a_page() {
    let (json, page) = ("{}", "<!DOCTYPE html><html></html>");
    for (base, flavor, body, taken) in [
        (Service::Metadata, "Metadata-Flavor: Google\r\n", json, true),
        (Service::Metadata, "Metadata-Flavor: Google\r\n", page, true),
        (Service::Metadata, "", json, false),
        (Service::Metadata, "Metadata-Flavor: Amazon\r\n", json, false),
        (Service::Metadata, "Metadata-Flavor: \r\n", json, false),
        (Service::Metadata, "Metadata-Flavor: google\r\n", json, false),
        (Service::Metadata, "X-Metadata-Flavor: Google\r\n", json, false),
        (Service::Iam, "", json, true),
        (Service::Iam, "Metadata-Flavor: Amazon\r\n", json, true),
        (Service::Iam, "", page, false),
    ] {
        for status in [200, 404] {
            let server = Server::start([answer(status, flavor, body)]).await;
            let outcome = with_metadata(&server).send(&of(base), None).await.map(drop);
            assert_eq!(outcome.is_ok(), taken && status == 200, "{base:?} {flavor:?} {body} {status}");
            let says = outcome.err().map(|error| error.sentence()).unwrap_or_default();
            let stranger = base == Service::Metadata && !taken;
            assert_eq!(
                says.contains("doesn't identify itself as Google's metadata server"),
                stranger,
                "{says}"
            );
        }
    }
}

#[tokio::test]
async fn only_an_answer_of_googles_own_tells_the_time() {
    let (records, mut told) = mpsc::channel(64);
    let google = "Metadata-Flavor: Google\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    let page = "<!DOCTYPE html><html></html>";
    for (base, status, headers, body, tells) in [
        (Service::Iam, 200, google, "{}", true),
        (Service::Iam, 404, google, "{}", true),
        (Service::Iam, 200, "", "{}", false),
        (Service::Iam, 200, google, page, false),
        (Service::Iam, 404, google, page, false),
        (Service::Certs, 200, google, "{}", false),
        (Service::Metadata, 200, google, "{}", false),
    ] {
        let server = Server::start([answer(status, headers, body)]).await;
        let recorder = Recorder::new(Some(records.clone()));
        let endpoints = with_metadata(&server).endpoints().clone();
        let http = wired(|wire| (wire.endpoints, wire.recorder) = (endpoints, recorder));
        assert_eq!(http.skew(), None, "nobody has told yet");
        let _ = http.send(&of(base), None).await;
        let (_, end) = (told.recv().await.unwrap(), told.recv().await.unwrap());
        assert_eq!(
            (http.skew().is_some(), end.skew),
            (tells, http.skew()),
            "{base:?} {status} {headers} {body}"
        );
        // Decades behind.
        assert!(http.skew().is_none_or(|skew| skew < -1_000_000_000_000), "{:?}", http.skew());
    }
}

#[tokio::test]
async fn records_that_found_no_room_are_counted() {
    let server = Server::start([ok("{}")]).await;
    for (room, lost) in [(1, 3), (3, 1), (4, 0)] {
        let (sender, _records) = mpsc::channel(room);
        let recorder = Recorder::new(Some(sender));
        let http = wired(|wire| (wire.endpoints, wire.recorder) = (server.endpoints(), recorder));
        // Two each.
        for _ in 0..2 {
            http.send(&read(None), None).await.unwrap();
        }
        assert_eq!(http.lost_records(), lost);
    }
}

#[test]
fn record_says_how_it_was_sent_and_whom_a_token_charged() {
    let (sender, mut records) = mpsc::channel(64);
    let http = wired(|wire| {
        wire.recorder = Recorder::new(Some(sender));
        wire.charge = Charge::Project("p".into());
    });
    for (url, bearer, scheme, charged) in [
        ("https://iam.googleapis.com/v1/x", true, "https", Some("p")),
        ("https://iam.googleapis.com/v1/x", false, "https", None),
        ("http://127.0.0.1:1/v1/x", true, "http", Some("p")),
        ("http://127.0.0.1:1/v1/x", false, "http", None),
    ] {
        drop(http.watch(&of(Service::Iam), &Url::parse(url).unwrap(), bearer));
        let record = records.try_recv().unwrap();
        assert_eq!((record.scheme, record.bearer, record.url().as_str()), (scheme, bearer, url));
        assert_eq!(record.charged.as_deref(), charged, "{url} {bearer}");
        records.try_recv().unwrap();
    }
}

#[tokio::test]
async fn there_is_room_for_the_whole_answer_before_it_is_read() {
    let body = "x".repeat(5_000);
    let untold = Turn::Say(format!("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{body}"));
    for (turn, room) in [(ok(&body), 5_000), (untold, 65_536)] {
        let server = Server::start([turn]).await;
        let answer = http(&server, None).send(&read(None), None).await.unwrap();
        // A buffer that grows leaves a copy of a token behind.
        assert_eq!((answer.body.len(), answer.body.capacity()), (5_000, room));
    }
}

#[tokio::test]
async fn proxies_are_for_others_than_this_machine_and_its_metadata_server() {
    for (base, url, beyond) in [
        (Service::Iam, "https://iam.googleapis.com/x", true),
        (Service::Token, "https://sts.example.com/x", true),
        (Service::Iam, "http://10.0.0.1/x", true),
        (Service::Iam, "http://127.0.0.1:1/x", false),
        (Service::Token, "http://localhost/x", false),
        (Service::Token, "http://169.254.169.254/x", false),
        (Service::Metadata, "http://metadata.google.internal/x", false),
        (Service::Metadata, "http://10.0.0.1/x", false),
        (Service::Metadata, "http://127.0.0.1:1/x", false),
    ] {
        for use_proxy in [true, false] {
            let http = wired(|wire| wire.use_proxy = use_proxy);
            let client = http.client(base, &Url::parse(url).unwrap()).await.unwrap();
            let pools = [http.0.proxied.lock().await.is_some(), http.0.direct.lock().await.is_some()];
            let proxied = beyond && use_proxy;
            assert_eq!(pools, [proxied, !proxied], "{url} {use_proxy}");
            // It supports proxies, whether or not this machine has one.
            assert_eq!(format!("{client:?}").contains("proxies"), proxied, "{client:?}");
            http.disconnect().await;
            let pools = [http.0.proxied.lock().await.is_some(), http.0.direct.lock().await.is_some()];
            assert_eq!(pools, [false, false]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_closed_only_after_an_answer_that_did_not_come_in_time() {
    for (turn, kept) in [
        (Turn::Hang, false),
        (Turn::Close, true),
        (answer(503, "", UNAVAILABLE), true),
        (answer(404, "", "{}"), true),
        (ok("{}"), true),
    ] {
        let server = Server::start([turn]).await;
        let http = http(&server, None);
        let _ = http.send(&read(None), None).await;
        assert_eq!(http.0.direct.lock().await.is_some(), kept);
    }
    // An unreachable host holds up no other connection.
    let server = Server::start([Turn::Hang]).await;
    let http = http(&server, None);
    let hasty = reqwest::Client::builder().no_proxy().connect_timeout(Duration::ZERO);
    http.connect_through(hasty.tls_certs_only([]).build().unwrap()).await;
    let error = http.send(&read(None), None).await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::Timeout, None));
    assert!(error.sentence().contains("connecting timed out"), "{error}");
    assert!(http.0.direct.lock().await.is_some());
}

#[tokio::test]
async fn broken_request_is_told_by_its_innermost_cause_or_by_none() {
    let server = Server::start([answer(404, "", "{}")]).await;
    let client = build(false).unwrap();
    // An error without a cause below it.
    let refused = client.get(&server.url).send().await.unwrap().error_for_status().unwrap_err();
    assert_eq!(root_cause(&refused), "");
    // A port on which nothing listens any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let none = client.get(&url).send().await.unwrap_err();
    let cause = root_cause(&none);
    assert!(cause.starts_with(": ") && cause.contains("refused") && !cause.contains("os error"), "{cause}");
    let http = wired(|_| {});
    let url = Url::parse(&url).unwrap();
    let told = http.broken(&none, &url);
    assert!(told.sentence().contains(&format!("can't be reached{cause}.")), "{told}");
    let unbuilt = client.get("nonsense").build().unwrap_err();
    let told = http.broken(&unbuilt, &url);
    assert_eq!(told.kind, ErrorKind::Invalid);
    assert!(told.sentence().contains("couldn't be built"), "{told}");
}

#[tokio::test]
async fn length_of_what_is_still_coming_is_not_told_as_nothing() {
    let server = Server::start([ok("{}")]).await;
    let stream = build(false).unwrap().get(&server.url).send().await.unwrap();
    let mut request = reqwest::Request::new(reqwest::Method::POST, Url::parse(&server.url).unwrap());
    *request.body_mut() = Some(reqwest::Body::from(stream));
    assert!(!with_length(request).headers().contains_key(header::CONTENT_LENGTH));
}
