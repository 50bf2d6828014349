use super::*;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

fn jws(header: &str, claims: &str) -> String {
    format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn names(section: &Section) -> Vec<&str> {
    section.members().iter().map(|member| member.name.as_str()).collect()
}

#[test]
fn a_token_is_found_whatever_was_copied_around_it() {
    let token = jws(r#"{"alg":"RS256"}"#, r#"{"iss":"x"}"#);
    let (half, rest) = token.split_at(9);
    for text in [
        format!("  {token}\n"),
        format!("Bearer {token}"),
        format!("authorization: bearer  {token}\r\n"),
        format!("'Authorization: Bearer {token}'"),
        format!("\"{token}\""),
        format!("{half}\n    {rest}"),
        format!(r#"{{"accessToken":"{token}","expireTime":"2026-01-01T00:00:00Z"}}"#),
        format!("{{ \"id_token\": \"{token}\" }}"),
        format!("{{\"signedJwt\":\"{half}\\n{rest}\",\"keyId\":\"1\"}}"),
    ] {
        let reading = read(&text);
        assert_eq!(reading.token.expose(), token, "{text}");
        assert_eq!((reading.form, reading.signature), (Form::Jws, Some(3)), "{text}");
    }
}

#[test]
fn forms_are_told_apart_by_their_looks() {
    let key = format!("AIza{}", "x".repeat(35));
    for (text, form) in [
        ("", Form::Empty),
        (" \n", Form::Empty),
        ("ya29.c.abc", Form::GoogleAccessToken),
        ("1//0abc", Form::RefreshToken),
        (key.as_str(), Form::ApiKey),
        ("AIza-too-short", Form::Opaque),
        ("some words", Form::Opaque),
        ("{}", Form::Opaque),
        ("www.example.com", Form::Opaque),
        ("eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", Form::Jwe),
        ("eyJ", Form::Jws),
    ] {
        assert_eq!(read(text).form, form, "{text}");
    }
}

#[test]
fn claims_stay_as_they_are_written() {
    let reading = read(&jws(
        r#"{"alg":"none","x":null}"#,
        r#"{"b":1e400,"a":123456789012345678901234567890,"b":[1, {"c":2}],"\u0061":"é"}"#,
    ));
    assert_eq!(names(&reading.claims), ["b", "a", "b", "a"]);
    assert_eq!(reading.claims.members()[0].json, "1e400");
    assert_eq!(reading.claims.members()[1].json, "123456789012345678901234567890");
    assert_eq!(reading.claims.members()[2].json, r#"[1, {"c":2}]"#);
    assert_eq!(reading.claims.text("a").as_deref(), Some("é"));
    assert_eq!(reading.claims.duplicates(), ["a", "b"]);
    assert_eq!(reading.header.text("alg").as_deref(), Some("none"));
}

#[test]
fn only_numbers_are_times() {
    let times = |claims: &str| read(&jws("{}", claims)).times;
    assert_eq!(
        times(r#"{"iat":1700000000,"exp":1.7e9}"#),
        Times { iat: Some(1_700_000_000), exp: Some(1_700_000_000), nbf: None }
    );
    assert_eq!(times(r#"{"iat":"1700000000","exp":1e300,"nbf":[1]}"#), Times::default());
    assert_eq!(times(r#"{"exp":-5,"nbf":12.9}"#), Times { exp: Some(-5), nbf: Some(12), iat: None });
}

#[test]
fn payloads_that_are_no_objects_are_kept_as_text() {
    for payload in ["[1,2]", "\"hello\"", "plain words", "42"] {
        let reading = read(&jws(r#"{"alg":"RS256"}"#, payload));
        assert_eq!(reading.claims, Section::Text(payload.to_owned()));
        assert_eq!(reading.remarks[0].0, "not_an_object");
    }
    assert_eq!(read("eyJhbGciOiJSUzI1NiJ9..c2ln").claims, Section::Absent);
}

#[test]
fn broken_parts_show_what_can_be_read() {
    let cut = read(&jws(r#"{"alg":"RS256"}"#, r#"{"iss":"x","aud":"unfini"#));
    assert_eq!(names(&cut.claims), ["iss"]);
    assert_eq!(cut.remarks[0].0, "json");
    let odd = read("eyJhbGciOiJSUzI1NiJ9.%%%.c2ln");
    assert_eq!(odd.claims, Section::Text("%%%".into()));
    let padded = read(&format!(
        "{}.{}.c2ln",
        STANDARD.encode(r#"{"alg":"RS256" }"#),
        STANDARD.encode(r#"{"a":"??>"}"#)
    ));
    assert_eq!(names(&padded.claims), ["a"]);
    assert_eq!(read("eyJhbGciOiJSUzI1NiJ9.e30").remarks[0].0, "parts");
    assert_eq!(read("eyJhbGciOiJSUzI1NiJ9.e30.").signature, None);
}

#[test]
fn an_encrypted_token_shows_its_header_only() {
    let reading =
        read(&format!("{}.a.b.c.d", URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)));
    assert_eq!((reading.form, names(&reading.header)), (Form::Jwe, vec!["alg", "enc"]));
    assert_eq!((reading.claims, reading.signature), (Section::Absent, None));
}

#[test]
fn huge_input_is_bounded_and_what_fits_is_shown() {
    let long = jws(r#"{"alg":"RS256"}"#, &format!(r#"{{"iss":"x","pad":"{}"}}"#, "y".repeat(2 * MAX_BYTES)));
    let reading = read(&long);
    assert_eq!(reading.too_long, Some(long.len()));
    assert_eq!((names(&reading.header), names(&reading.claims)), (vec!["alg"], vec!["iss"]));
    assert!(reading.token.len() <= MAX_BYTES);

    let many: Vec<String> = (0..MAX_MEMBERS + 500).map(|i| format!("\"c{i}\":{i}")).collect();
    let reading = read(&jws("{}", &format!("{{{}}}", many.join(","))));
    let Section::Object(members) = &reading.claims else { panic!("an object") };
    assert_eq!((members.list.len(), members.total), (MAX_MEMBERS, MAX_MEMBERS + 500));
    assert_eq!(reading.remarks[0].0, "truncated");

    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(names(&read(&jws("{}", &deep)).claims), ["a"]);
}

#[test]
fn a_copied_token_is_json_as_it_was_written() {
    let reading = read(&jws(r#"{"alg":"RS256"}"#, r#"{"n":12345678901234567890123,"n":1}"#));
    assert_eq!(
        pretty(&reading),
        "{\n  \"header\": {\n    \"alg\": \"RS256\"\n  },\n  \"claims\": {\n    \"n\": 12345678901234567890123,\n    \"n\": 1\n  }\n}"
    );
    assert!(pretty(&read("ya29.x")).contains("\"claims\": null"));
}

#[test]
fn a_reading_never_prints_its_token() {
    let token = jws(r#"{"alg":"RS256"}"#, r#"{"iss":"x"}"#);
    assert!(!format!("{:?}", read(&token)).contains("c2ln"));
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn nothing_token_like_makes_the_reader_panic(a in any::<Vec<u8>>(), b in any::<Vec<u8>>(), tail in "[.A-Za-z0-9+/=_-]{0,40}") {
        read(&format!("{}.{}.{tail}", URL_SAFE_NO_PAD.encode(a), URL_SAFE_NO_PAD.encode(b)));
        read(&format!("eyJ{}.{tail}", STANDARD.encode(b"x")));
    }
}

#[test]
fn a_token_is_found_inside_a_longer_text() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    for text in [
        format!("curl -H 'Authorization: Bearer {token}' https://svc.example.com/path"),
        format!("curl https://svc.example.com \\\n  -H \"authorization: bearer {token}\""),
        format!("export TOKEN={token}"),
        format!("{{\"data\":{{\"id_token\":\"{token}\"}}}}"),
    ] {
        let reading = read(&text);
        assert_eq!((reading.form, reading.token.expose()), (Form::Jws, token), "{text}");
    }
    assert_eq!(read("a plain sentence about nothing in particular").form, Form::Opaque);
}
