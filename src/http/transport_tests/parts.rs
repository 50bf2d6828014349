//! The parts of the transport, without a server.

use super::*;

#[test]
fn what_may_be_a_secret_is_marked_so_that_libraries_do_not_print_or_index_it() {
    let bearer = authorization(&Secret::new("ya29.hush")).unwrap();
    assert!(bearer.is_sensitive());
    assert_eq!(bearer.as_bytes(), b"Bearer ya29.hush");
    let header = sensitive(&Secret::new("hush")).unwrap();
    assert!(header.is_sensitive());
    assert_eq!(header.as_bytes(), b"hush");
    assert!(!format!("{bearer:?} {header:?}").contains("hush"));
    for unusable in ["hush\r\nx: y", "hush\n", "hush\0", "hush\u{7f}"] {
        for error in [authorization(&Secret::new(unusable)), sensitive(&Secret::new(unusable))] {
            let error = error.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Credentials);
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}

#[test]
fn near_are_this_machine_and_the_addresses_of_its_metadata_to_the_bound() {
    for host in [
        "localhost",
        "LocalHost",
        "127.0.0.1",
        "127.255.255.255",
        "::1",
        "[::1]",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "fe80::",
        "[fe80::1]",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        // AWS's address for instance metadata.
        "[fd00:ec2::254]",
        "fd00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ] {
        assert!(is_near(host), "{host}");
    }
    for host in [
        "",
        "metadata.google.internal",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "169.254.169.254.example.com",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "10.0.0.1",
        "0.0.0.0",
        "::",
        "::2",
        "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fec0::",
        "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fd01::",
        "2001:db8::1",
    ] {
        assert!(!is_near(host), "{host}");
    }
}

#[test]
fn only_what_may_carry_a_body_and_carries_none_is_told_its_length() {
    let url = || Url::parse("https://iam.googleapis.com/v1/x").unwrap();
    let told = |method: &str, body: Option<&'static str>| {
        let mut request = reqwest::Request::new(method.parse().unwrap(), url());
        *request.body_mut() = body.map(reqwest::Body::from);
        let request = with_length(request);
        request.headers().get(header::CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned())
    };
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(told(method, None).as_deref(), Some("0"), "{method}");
        assert_eq!(told(method, Some("")).as_deref(), Some("0"), "{method}");
        // The library knows the length of a present body.
        assert_eq!(told(method, Some("x")), None, "{method}");
    }
    for method in ["GET", "DELETE", "HEAD", "OPTIONS"] {
        assert_eq!(told(method, None), None, "{method}");
    }
}

/// A transport to Google's real addresses, which sends nothing here.
fn to_google(charge: Charge) -> Http {
    Http::new(Wire {
        endpoints: Endpoints::new(&crate::local::env::Env::default(), None).unwrap(),
        charge,
        timeout: Duration::from_secs(5),
        read_only: false,
        use_proxy: false,
        recorder: Recorder::new(None),
        rate_limiter: RateLimiter::new(None),
    })
}

#[test]
fn each_name_that_would_make_another_address_is_refused() {
    let http = to_google(Charge::Unnamed);
    let url = |base: Service, path: &str| {
        http.url(&RequestSpec {
            query: vec![],
            ..RequestSpec::get(base, path.into(), RequestContext::default())
        })
    };
    assert_eq!(url(Service::Iam, "/v1/x").unwrap().as_str(), "https://iam.googleapis.com/v1/x");
    for path in
        ["/v1//x", "/v1/x//", "/v1/:sign", "/v1/x/", "/v1/../x", "/v1/./x", "/v1/x/..", "/v1/%2e%2e/x"]
    {
        assert_eq!(url(Service::Iam, path).unwrap_err().kind, ErrorKind::Invalid, "{path}");
    }
    // Folders of the metadata server end in a slash.
    assert!(url(Service::Metadata, "/computeMetadata/v1/").is_ok());
    for path in ["/computeMetadata//v1/", "/computeMetadata/../v1/"] {
        assert_eq!(url(Service::Metadata, path).unwrap_err().kind, ErrorKind::Invalid, "{path}");
    }
    let query = vec![("a", "b&c=d#e?".to_owned())];
    let spec =
        RequestSpec { query, ..RequestSpec::get(Service::Iam, "/v1/x".into(), RequestContext::default()) };
    assert_eq!(http.url(&spec).unwrap().query(), Some("a=b%26c%3Dd%23e%3F"));
}

#[test]
fn an_address_of_a_file_is_one_of_http() {
    let http = to_google(Charge::Unnamed);
    let url = |address: &str| {
        http.url(&RequestSpec {
            address: Some(address.into()),
            ..RequestSpec::get(Service::Token, String::new(), RequestContext::default())
        })
    };
    for address in ["https://sts.googleapis.com/v1/token", "http://127.0.0.1:1/x", "HTTPS://h/"] {
        assert!(url(address).is_ok(), "{address}");
    }
    for address in [
        "",
        "sts.googleapis.com",
        "ftp://h/",
        "ws://h/",
        "file:///etc/passwd",
        "data:,x",
        "https://",
        "unix:/x",
    ] {
        let error = url(address).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Credentials, "{address}");
    }
}

#[test]
fn a_project_is_charged_where_the_service_charges_and_nobody_left_it_out() {
    let of = |base: Service, charge: Charge| RequestSpec {
        charge,
        ..RequestSpec::get(base, "/v1/x".into(), RequestContext::default())
    };
    let named = || Charge::Project("spec-p".into());
    for (wire, spec, charged) in [
        (Charge::AsCredentials, Charge::AsCredentials, Some("file-p")),
        (Charge::AsCredentials, named(), Some("spec-p")),
        (Charge::AsCredentials, Charge::Unnamed, None),
        (Charge::Project("wire-p".into()), Charge::AsCredentials, Some("wire-p")),
        (Charge::Project("wire-p".into()), named(), Some("spec-p")),
        (Charge::Project("wire-p".into()), Charge::Unnamed, None),
        (Charge::Unnamed, Charge::AsCredentials, None),
        (Charge::Unnamed, named(), None),
        (Charge::Unnamed, Charge::Unnamed, None),
    ] {
        let http = to_google(wire.clone());
        http.charge("file-p");
        // What was named first stays.
        http.charge("later-p");
        for base in [
            Service::Iam,
            Service::Credentials,
            Service::Projects,
            Service::Services,
            Service::Troubleshooter,
        ] {
            let got = http.charged(&of(base, spec.clone()));
            assert_eq!(got.as_deref(), charged, "{wire:?} {spec:?} {base:?}");
        }
        for base in [Service::Token, Service::Tokeninfo, Service::Userinfo, Service::Certs, Service::Metadata]
        {
            assert_eq!(http.charged(&of(base, spec.clone())), None, "{wire:?} {spec:?} {base:?}");
        }
    }
}

#[test]
fn an_error_names_who_was_asked_only_where_that_is_not_google() {
    let http = to_google(Charge::Unnamed);
    let instead = |address: Option<&str>| {
        let address = address.map(str::to_owned);
        http.host_instead(&RequestSpec {
            address,
            ..RequestSpec::get(Service::Token, String::new(), RequestContext::default())
        })
    };
    for (address, host) in [
        (None, None),
        (Some("https://sts.googleapis.com/v1/token"), None),
        (Some("https://idp.example.com/token"), Some("idp.example.com")),
        (Some("https://idp.example.com:8443/token"), Some("idp.example.com:8443")),
        (Some("http://127.0.0.1:8787/token"), Some("127.0.0.1:8787")),
        (Some("http://sts.googleapis.com/v1/token"), Some("sts.googleapis.com")),
    ] {
        assert_eq!(instead(address).as_deref(), host, "{address:?}");
    }
}
