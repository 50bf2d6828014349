//! Addresses and names as people write them: each form by itself, at its limits.

use super::*;

#[test]
fn the_metadata_host_is_a_host_or_host_and_port() {
    for (text, url) in [
        ("metadata.google.internal", "http://metadata.google.internal"),
        ("127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("h:65535", "http://h:65535"),
        ("h:80", "http://h"),
        ("[::1]:8787", "http://[::1]:8787"),
        (" h ", "http://h"),
    ] {
        assert_eq!(metadata(text).as_deref(), Ok(url), "{text}");
        let endpoints = endpoints(&[("GCE_METADATA_HOST", text)]).unwrap();
        assert_eq!(endpoints.url(Service::Metadata), url);
    }
    for text in [
        "",
        " ",
        "/",
        "a/",
        "a/b",
        "/a",
        "//a",
        "a//",
        "a\\b",
        "u@h",
        "u:p@h",
        ":p@h",
        "u:@h",
        "h?",
        "h?x",
        "h#",
        "h#x",
        "h/?x",
        "h:x",
        "h:65536",
        "h:-1",
        "h:1:2",
        ":1",
        "a b",
        "http://h",
        "https://h:1",
        "::1",
        "[::1",
        "[x]",
    ] {
        assert!(metadata(text).is_err(), "{text}");
        // An empty variable counts as unset.
        if !text.is_empty() {
            let error = endpoints(&[("GCE_METADATA_HOST", text)]).unwrap_err();
            let wanted = "GCE_METADATA_HOST must be host or host:port, such as 127.0.0.1:8787";
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, wanted), "{text}");
        }
    }
}

#[test]
fn an_address_is_refused_for_each_thing_that_it_must_not_have() {
    for (text, why) in [
        ("", "isn't a URL"),
        ("iam.example", "isn't a URL"),
        ("https://", "isn't a URL"),
        ("https://h:x/", "isn't a URL"),
        ("https://h:65536/", "isn't a URL"),
        ("http://iam.example/", "must use https"),
        ("http://10.0.0.1/", "must use https"),
        ("http://169.254.169.254/", "must use https"),
        ("http://localhost.example.com/", "must use https"),
        ("http://0.0.0.0/", "must use https"),
        ("ftp://localhost/", "must start with https://"),
        ("ws://localhost/", "must start with https://"),
        ("file:///x", "must start with https://"),
        ("localhost:8787", "must start with https://"),
        ("https://u@h/", "a user or password"),
        ("https://:p@h/", "a user or password"),
        ("https://u:p@h/", "a user or password"),
        ("http://u@localhost/", "a user or password"),
        ("https://h/?", "without ? or #"),
        ("https://h/?a", "without ? or #"),
        ("https://h/#", "without ? or #"),
        ("https://h/#a", "without ? or #"),
        ("https://h?a", "without ? or #"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    for (text, url) in [
        ("https://h", "https://h"),
        ("https://h///", "https://h"),
        (" https://h/a/ ", "https://h/a"),
        // Pasted text brings other kinds of white space along.
        ("\u{a0}https://h/a\u{2003}", "https://h/a"),
        ("HTTPS://H:443/A", "https://h/A"),
        ("http://127.9.9.9:1/", "http://127.9.9.9:1"),
    ] {
        assert_eq!(parse(text).as_deref(), Ok(url));
    }
}

#[test]
fn this_machine_is_localhost_and_the_loopback_addresses_to_the_bound() {
    for host in [
        "localhost",
        "LOCALHOST",
        "127.0.0.0",
        "127.0.0.1",
        "127.1.2.3",
        "127.255.255.255",
        "::1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
    ] {
        assert!(is_loopback(host), "{host}");
    }
    for host in [
        "",
        "localhost.",
        "localhost.example.com",
        "xlocalhost",
        "local",
        "127.0.0.1.example.com",
        "127",
        "126.255.255.255",
        "128.0.0.0",
        "0.0.0.0",
        "169.254.169.254",
        "::",
        "::2",
        "[::1]:80",
        "1::1",
    ] {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn a_domain_has_letters_digits_and_hyphens_and_every_other_sign_is_refused() {
    for byte in 0..=127_u8 {
        let sign = char::from(byte);
        let is_letter = "abcdefghijklmnopqrstuvwxyz0123456789".contains(sign);
        assert_eq!(is_domain(&format!("a{sign}b.cd")), is_letter || "-.".contains(sign), "{sign:?}");
        assert_eq!(is_domain(&format!("ab.c{sign}d")), is_letter || "-.".contains(sign), "{sign:?}");
        for text in
            [format!("{sign}b.cd"), format!("a{sign}.cd"), format!("ab.{sign}d"), format!("ab.c{sign}")]
        {
            assert_eq!(is_domain(&text), is_letter, "{text:?}");
        }
    }
    for text in ["é.example", "a.é", "a\u{3002}b", "a\u{ff0e}b", "xn--a.example\u{200b}"] {
        assert!(!is_domain(text), "{text}");
    }
}

#[test]
fn a_domain_is_no_single_word_no_number_and_not_too_long() {
    for text in [
        "googleapis.com",
        "a.b",
        "a.b.c.d",
        "1.a",
        "1.2.3.a4",
        "a.4a",
        "a.x0",
        "xn--a.xn--b",
        "a.0y",
        "a.b0x",
        "0x.a",
    ] {
        assert!(is_domain(text), "{text}");
    }
    for text in [
        "",
        ".",
        "a",
        "localhost",
        "a..b",
        ".a.b",
        "a.b.",
        "1.2.3.4",
        "a.1",
        "a.b.127",
        "a.0x7f",
        "a.0x",
        "1.2.3.0xa",
        "::1",
    ] {
        assert!(!is_domain(text), "{text}");
    }
    let label = |length: usize| "a".repeat(length);
    assert!(is_domain(&format!("{}.b", label(63))) && is_domain(&format!("b.{}", label(63))));
    assert!(!is_domain(&format!("{}.b", label(64))) && !is_domain(&format!("b.{}", label(64))));
    // Four labels of fifty-nine and their dots make 239.
    let long = [label(59), label(59), label(59), label(59)].join(".");
    assert_eq!(long.len(), 239);
    assert!(is_domain(&format!("{long}a")));
    assert!(!is_domain(&format!("{long}aa")));
}
