use super::*;
use jiff::ToSpan;
use serde::Deserialize;

const SIGNER: &str = impersona_emulator::names::DEPLOYER;

fn at() -> Timestamp {
    "2026-11-21T22:22:20.9Z".parse().unwrap()
}

/// Stands in for a signature; the vectors were made with the same bytes.
const SIGNATURE: [u8; 16] = [240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255];

/// A line of `signed_url_vectors.jsonl`: the input, and what Google's library makes of it for [`SIGNER`] at [`at`], by
/// google-cloud-storage 3.17.1 from PyPI, with `Blob.generate_signed_url(version="v4")`, its clock stopped and a signer
/// that returns [`SIGNATURE`] and records what it was given. `tests/conformance/credentials.py --vectors` makes the
/// outputs again from the inputs, and its checks compare them at every run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    method: String,
    object: String,
    expires: String,
    headers: Vec<String>,
    query: Vec<String>,
    virtual_host: bool,
    /// The last line of the text to sign: the SHA-256 of the canonical request, in hex.
    hash: String,
    url: String,
}

impl Vector {
    fn read(&self) -> SignedUrl {
        let (bucket, object) = parse_object(&self.object).unwrap();
        SignedUrl {
            method: parse_method(&self.method).unwrap(),
            bucket,
            object,
            expires_seconds: parse_expires(&self.expires).unwrap(),
            headers: self.headers.iter().map(|text| parse_header(text).unwrap()).collect(),
            query: self.query.iter().map(|text| parse_query(text).unwrap()).collect(),
            virtual_host: self.virtual_host,
        }
    }
}

fn vectors() -> Vec<Vector> {
    include_str!("signed_url_vectors.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A plain read of an object, 15 minutes long.
fn plain() -> SignedUrl {
    vectors()[0].read()
}

#[test]
fn urls_are_byte_for_byte_those_of_googles_library() {
    let vectors = vectors();
    assert!(vectors.len() >= 36);
    for vector in &vectors {
        let url = vector.read();
        assert_eq!(url.check(), Ok(()), "{}", vector.name);
        let unsigned = url.prepare(SIGNER, "googleapis.com", at());
        assert_eq!(unsigned.finish(&SIGNATURE), vector.url, "{}", vector.name);
        assert_eq!(unsigned.to_sign().lines().last(), Some(&*vector.hash), "{}", vector.name);
    }
}

#[test]
fn the_text_to_sign_has_four_lines() {
    let unsigned = plain().prepare(SIGNER, "googleapis.com", at());
    assert_eq!(
        unsigned.to_sign(),
        "GOOG4-RSA-SHA256\n20261121T222220Z\n20261121/auto/storage/goog4_request\n\
         8a32b7d379e250e7579f1954402943cfb3c4ee665fbb218ace0bb75e2c28763c"
    );
}

#[test]
fn a_url_ends_its_seconds_after_the_whole_second_it_names() {
    let start: Timestamp = "2026-11-21T22:22:20Z".parse().unwrap();
    for (seconds, end) in [(1, start + 1.second()), (MAX_SECONDS, start + 168.hours())] {
        let url = SignedUrl { expires_seconds: seconds, ..plain() };
        assert_eq!(url.prepare(SIGNER, "googleapis.com", at()).expires(), end);
    }
}

#[test]
fn another_universe_has_its_own_host() {
    let url = plain().prepare(SIGNER, "example.cloud", at()).finish(&[]);
    assert!(url.starts_with("https://storage.example.cloud/acme-reports/2026/summary.csv?X-Goog-"), "{url}");
    let url = SignedUrl { virtual_host: true, ..plain() }.prepare(SIGNER, "example.cloud", at()).finish(&[]);
    assert!(url.starts_with("https://acme-reports.storage.example.cloud/2026/summary.csv?X-Goog-"), "{url}");
}

#[test]
fn parameters_are_sorted_by_name_even_where_one_name_starts_with_another() {
    let query = ["a1=x", "a-b=x", "a=x"].map(|text| parse_query(text).unwrap()).to_vec();
    let url = SignedUrl { query, ..plain() }.prepare(SIGNER, "googleapis.com", at()).finish(&[]);
    assert!(url.contains("&a=x&a-b=x&a1=x&X-Goog-Signature="), "{url}");
}

#[test]
fn objects_are_read_with_all_their_odd_characters() {
    for (text, object) in [
        ("gs://b-1/a/b.txt", "a/b.txt"),
        ("gs://b-1//a", "/a"),
        ("gs://b-1/ what? is#this%20 ", " what? is#this%20 "),
        ("gs://b-1/gs://b-1/a", "gs://b-1/a"),
    ] {
        assert_eq!(parse_object(text), Ok(("b-1".to_owned(), object.to_owned())), "{text}");
    }
    assert!(parse_object(&format!("gs://b-1/{}", "é".repeat(512))).is_ok());
    let long = format!("gs://b-1/{}", "é".repeat(513));
    for wrong in [
        "",
        "b-1/a",
        "https://storage.googleapis.com/b-1/a",
        "GS://b-1/a",
        "gs://b-1",
        "gs://b-1/",
        "gs://b-1/a\nb",
        "gs://b-1/a\r",
        "gs://b-1/.",
        "gs://b-1/..",
        "gs://b-1/.well-known/acme-challenge/x",
        &long,
    ] {
        assert!(parse_object(wrong).unwrap_err().contains("Invalid object"), "{wrong}");
    }
}

#[test]
fn buckets_are_named_as_google_names_them() {
    let part = "x".repeat(63);
    let dotted = format!("{part}.{part}.{part}.{}", "y".repeat(30));
    for sound in ["abc", "0-_9", "data.example.com", "gcp-public-data-landsat", &part, &dotted] {
        assert!(parse_object(&format!("gs://{sound}/a")).is_ok(), "{sound}");
    }
    for wrong in [
        "",
        "ab",
        "Abc",
        "-abc",
        "abc_",
        "a b",
        "a..b",
        ".abc",
        "192.168.5.4",
        "bücher",
        "a@b",
        "a?b",
        "abc:443",
        &format!("{part}x"),
        &format!("{part}x.com"),
        &format!("{dotted}y"),
    ] {
        let error = parse_object(&format!("gs://{wrong}/a")).unwrap_err();
        assert!(error.contains("use 3 to 63"), "{wrong}: {error}");
    }
}

#[test]
fn methods_are_read_in_either_case() {
    assert_eq!(parse_method(" put "), Ok("PUT".to_owned()));
    for wrong in ["", "PATCH", "RESUMABLE", "GET /", "OPTIONS"] {
        assert!(parse_method(wrong).unwrap_err().contains("GET, HEAD, PUT, POST or DELETE"), "{wrong}");
    }
}

#[test]
fn a_url_lives_from_a_second_to_seven_days() {
    for (text, seconds) in
        [("1", 1), ("15m", 900), ("1h 30m", 5_400), ("7d", MAX_SECONDS), ("6d 24h", MAX_SECONDS)]
    {
        assert_eq!(parse_expires(text), Ok(seconds), "{text}");
    }
    for (wrong, rule) in ["", "1w", "-1h", "1.5h", "1h 1d"]
        .map(|wrong| (wrong, "use 1s to 7d"))
        .into_iter()
        .chain(["0", "0s"].map(|wrong| (wrong, "the minimum is 1s")))
        .chain(["604801", "7d 1s", "8d", "4294967297"].map(|wrong| (wrong, "the maximum is 7d")))
    {
        assert!(parse_expires(wrong).unwrap_err().contains(rule), "{wrong}");
    }
}

#[test]
fn headers_are_kept_as_typed_and_their_breaks_refused() {
    let read = |text: &str| parse_header(text).unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(read("Content-Type:text/csv"), pair("Content-Type", "text/csv"));
    assert_eq!(read(" X-A :  a: b  c\t"), pair("X-A", "a: b  c"));
    assert_eq!(read("X-A:"), pair("X-A", ""));
    for wrong in ["", "X-A", "X-A=b", ":b", "X A: b", "X-Ä: b", "X-A\r\nX-B: c", "\nX-A: b", "X-A: b\nX-B: c"]
    {
        assert!(parse_header(wrong).unwrap_err().contains("header"), "{wrong:?}");
    }
    for wrong in ["X-A: b\r", "X-A: \u{7}", "X-A: ä", "X-A: \u{a0}b", "X-A: b\0", "X-A: \u{7f}"] {
        assert!(parse_header(wrong).unwrap_err().contains("must be ASCII"), "{wrong:?}");
    }
}

#[test]
fn parameters_are_kept_as_typed_and_their_breaks_refused() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(parse_query("a=b=c d "), Ok(pair("a", "b=c d ")));
    assert_eq!(parse_query("acl="), Ok(pair("acl", "")));
    for wrong in ["", "acl", "=b", "a b=c", "a\n=b", "a=b\r\nc", "a=\u{1b}"] {
        assert!(parse_query(wrong).unwrap_err().contains("query parameter"), "{wrong:?}");
    }
}

#[test]
fn nothing_given_can_replace_what_signing_sets() {
    for name in OURS {
        for name in [name.to_owned(), name.to_uppercase()] {
            assert!(parse_header(&format!("{name}: x")).unwrap_err().contains("set when signing"), "{name}");
            assert!(parse_query(&format!("{name}=x")).unwrap_err().contains("set when signing"), "{name}");
        }
    }
    assert!(parse_header("HOST: x").unwrap_err().contains("set when signing"));
    assert!(parse_header("Authorization: Bearer x").unwrap_err().contains("no authorization header"));
    // A query parameter of that name has nothing to do with headers.
    assert!(parse_query("host=x").is_ok());
}

#[test]
fn the_whole_is_checked_by_the_same_rules() {
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (wrong, word) in [
        (SignedUrl { method: "get".into(), ..plain() }, "upper case"),
        (SignedUrl { method: "PATCH".into(), ..plain() }, "Invalid method"),
        (SignedUrl { bucket: "B".into(), ..plain() }, "Invalid bucket"),
        (SignedUrl { object: String::new(), ..plain() }, "Invalid object"),
        (SignedUrl { expires_seconds: 0, ..plain() }, "the minimum is 1s"),
        (SignedUrl { expires_seconds: MAX_SECONDS + 1, ..plain() }, "the maximum is 7d"),
        (SignedUrl { headers: pair("host", "x"), ..plain() }, "set when signing"),
        (SignedUrl { query: pair("X-Goog-Date", "x"), ..plain() }, "set when signing"),
        (SignedUrl { query: [pair("a", "x"), pair("a", "y")].concat(), ..plain() }, "given twice"),
    ] {
        assert!(wrong.check().unwrap_err().contains(word), "{word}");
    }
}

#[test]
fn every_url_comes_with_what_nobody_can_promise() {
    let said = remarks(&plain(), SIGNER);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("can't be revoked"), "{said:?}");
    assert!(said[1].contains(SIGNER) && said[1].contains("GET needs storage.objects.get on"), "{said:?}");
    assert!(!said.concat().contains("guarantee"));
}

#[test]
fn a_key_may_be_replaced_before_a_long_url_ends() {
    let of = |expires_seconds| remarks(&SignedUrl { expires_seconds, ..plain() }, SIGNER).join("\n");
    assert!(!of(43_200).contains("12h") && of(43_201).contains("over 12h"));
    assert!(of(MAX_SECONDS).contains("before its 7d are over"));
}

#[test]
fn headers_that_must_be_sent_are_named_but_no_key_is() {
    let headers = ["Content-Type:  text/csv", "X-Goog-Encryption-Key: c2VjcmV0"];
    let headers = headers.iter().map(|text| parse_header(text).unwrap()).collect();
    let said = remarks(&SignedUrl { method: "PUT".into(), headers, ..plain() }, SIGNER).join("\n");
    assert!(said.contains("must send exactly: content-type: text/csv; x-goog-encryption-key: …"), "{said}");
    assert!(said.contains("storage.objects.create, and storage.objects.delete to overwrite, on"), "{said}");
}

#[test]
fn traps_of_method_host_and_path_are_said() {
    let said = |url: SignedUrl| remarks(&url, SIGNER).join("\n");
    let post = SignedUrl { method: "POST".into(), ..plain() };
    assert!(said(post.clone()).contains("resumable"));
    let headers = vec![("X-Goog-Resumable".to_owned(), "start".to_owned())];
    assert!(!said(SignedUrl { headers, ..post }).contains("only start"));
    let dotted = SignedUrl { bucket: "data.example.com".into(), ..plain() };
    assert!(!said(dotted.clone()).contains("certificate"));
    assert!(said(SignedUrl { virtual_host: true, ..dotted }).contains("certificate"));
    assert!(said(SignedUrl { object: "a/../b".into(), ..plain() }).contains("resolve"));
    assert!(!said(SignedUrl { object: "a/...".into(), ..plain() }).contains("resolve"));
    let generation = said(SignedUrl { object: "exports/till.csv#1719490000000001".into(), ..plain() });
    assert!(generation.contains("--query generation=1719490000000001"), "{generation}");
    for plain_name in ["notes#2", "#", "a#1719490000000001/b", "a#17194900000x0001"] {
        assert!(
            !said(SignedUrl { object: plain_name.into(), ..plain() }).contains("--query"),
            "{plain_name}"
        );
    }
}
