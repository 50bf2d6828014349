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

/// A text that only looks like a credential: made here, so that no scanner takes this file for a leak.
fn fake(start: &str, length: usize) -> String {
    format!("{start}{}", "EXAMPLE0".repeat(length.div_ceil(8))).chars().take(length).collect()
}

fn fact<'r>(reading: &'r Reading, label: &str) -> Option<&'r str> {
    reading.facts.iter().find(|(name, _)| *name == label).map(|(_, value)| value.as_str())
}

fn codes(reading: &Reading) -> Vec<&str> {
    reading.remarks.iter().map(|(code, _)| *code).collect()
}

#[test]
fn a_token_is_found_whatever_tool_wrote_it() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    let (half, rest) = token.split_at(30);
    for text in [
        format!("Proxy-Authorization: Bearer {token}"),
        format!("X-Goog-IAP-JWT-Assertion: {half}\r\n  {rest}"),
        format!("export ID_TOKEN=\"{token}\""),
        format!("$env:ID_TOKEN = '{half}\n{rest}'"),
        format!("`{token}`"),
        format!("“{token}”,"),
        format!("https://a.example/cb#id_token={token}&state=1"),
        format!("id_token={}&state=1", token.replace('.', "%2E")),
        format!("Cookie: a=1; session={token}; b=2"),
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{{\"id_token\": \"{token}\"}}"),
        format!("WARNING: This command is using impersonation.\n{token}\n"),
        format!("The token is {token}."),
        format!("level=info msg=\"token:\\n{token}\\n\""),
        format!("{{\\\"token\\\":\\\"{token}\\\"}}"),
        format!("apiVersion: v1\nusers:\n- user:\n    token: {token}\n"),
        format!("{token}\n{token}\n"),
        format!("{half}\u{200b}{rest}\u{0}"),
    ] {
        let reading = read(&text);
        assert_eq!((reading.form, reading.token.expose()), (Form::Jws, token), "{text:?}");
    }
}

#[test]
fn opaque_credentials_are_named_wherever_they_stand() {
    let access = fake("ya29.c.", 60);
    let code = fake("4/0", 70);
    for (text, form, token) in [
        (
            format!("curl -H 'Authorization: Bearer {access}' https://x.example"),
            Form::GoogleAccessToken,
            &access,
        ),
        (format!("{{\"access_token\":\"{access}\",\"expires_in\":3599}}"), Form::GoogleAccessToken, &access),
        (format!("access_token={access}&token_type=Bearer"), Form::GoogleAccessToken, &access),
        (
            format!("https://a.example/?code={}&scope=x", code.replace('/', "%2F")),
            Form::AuthorizationCode,
            &code,
        ),
        (fake("GOCSPX-", 35), Form::ClientSecret, &fake("GOCSPX-", 35)),
        (format!("https://maps.example/js?key={}", fake("AIza", 39)), Form::ApiKey, &fake("AIza", 39)),
        (format!("x-goog-api-key: {}", fake("AQ.", 53)), Form::BoundApiKey, &fake("AQ.", 53)),
        (format!("refresh: {} (keep)", fake("1//0", 90)), Form::RefreshToken, &fake("1//0", 90)),
        (format!("GITHUB_TOKEN={}", fake("ghp_", 40)), Form::Foreign, &fake("ghp_", 40)),
        (format!("aws_access_key_id = {}\nregion = x", fake("AKIA", 20)), Form::Foreign, &fake("AKIA", 20)),
    ] {
        let reading = read(&text);
        assert_eq!((reading.form, reading.token.expose()), (form, token.as_str()), "{text}");
    }
    assert_eq!(fact(&read(&access), "likely owner"), Some("a service account"));
    assert_eq!(fact(&read(&fake("ghp_", 40)), "kind"), Some("GitHub personal access token"));
}

#[test]
fn an_encrypted_or_signed_token_may_be_written_as_json() {
    let flat = r#"{"payload":"eyJpc3MiOiJ4In0","protected":"eyJhbGciOiJFUzI1NiJ9","header":{"kid":"k"},"signature":"c2ln"}"#;
    let reading = read(flat);
    assert_eq!(
        (reading.form, reading.token.expose()),
        (Form::Jws, "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln")
    );
    assert_eq!((names(&reading.header), names(&reading.claims)), (vec!["alg", "kid"], vec!["iss"]));
    assert_eq!(codes(&reading), ["json_serialization", "unprotected"]);

    let general =
        r#"{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJFUzI1NiJ9","signature":"c2ln"},{},{}]}"#;
    let reading = read(general);
    assert_eq!((reading.form, names(&reading.header)), (Form::Jws, vec!["alg"]));
    assert!(reading.remarks[0].1.contains("3 signatures"), "{:?}", reading.remarks);

    let jwe =
        r#"{"protected":"eyJlbmMiOiJBMTI4R0NNIn0","encrypted_key":"a","iv":"b","ciphertext":"c","tag":"d"}"#;
    let reading = read(jwe);
    assert_eq!((reading.form, names(&reading.header)), (Form::Jwe, vec!["enc"]));
    assert_eq!(reading.token.expose(), "eyJlbmMiOiJBMTI4R0NNIn0.a.b.c.d");
}

#[test]
fn a_token_inside_a_token_is_read_too() {
    let inner = jws(r#"{"alg":"RS256"}"#, r#"{"iss":"inner"}"#);
    let outer = jws(r#"{"alg":"ES256","cty":"JWT"}"#, &inner);
    let reading = read(&outer);
    assert_eq!((&reading.claims, codes(&reading)), (&Section::Absent, vec!["nested"]));
    let found = reading.inner.expect("a token");
    assert_eq!((found.token.expose(), found.claims.text("iss").as_deref()), (inner.as_str(), Some("inner")));

    let deep = (0..10).fold(inner, |token, _| jws("{}", &token));
    let mut reading = read(&deep);
    let mut depth = 0;
    while let Some(inner) = reading.inner.take() {
        (reading, depth) = (*inner, depth + 1);
    }
    assert_eq!(depth, MAX_NESTED);
    assert!(reading.remarks[0].1.contains("are read"), "{:?}", reading.remarks);
}

#[test]
fn a_payload_that_is_elsewhere_or_not_encoded_is_said() {
    let detached = read("eyJhbGciOiJFUzI1NiJ9..c2ln");
    assert!(detached.is_detached());
    assert_eq!((codes(&detached), detached.signature), (vec!["detached"], Some(3)));
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#);
    let plain = read(&format!("{header}.$.02.c2ln"));
    assert!(plain.is_unencoded());
    assert_eq!((codes(&plain), &plain.claims), (vec!["unencoded"], &Section::Text("$.02".into())));
}

#[test]
fn credentials_files_are_named_and_nothing_secret_of_them_is_kept_to_show() {
    let hush = "hush".repeat(8);
    let key = format!("-----BEGIN {} KEY-----\\n{hush}\\n-----END {} KEY-----\\n", "PRIVATE", "PRIVATE");
    let account = format!(
        r#"{{"type": "service_account", "project_id": "acme-prod", "private_key_id": "0123abcd",
            "private_key": "{key}", "client_email": "deployer@acme-prod.iam.gserviceaccount.com", "client_id": "1093"}}"#
    );
    let user = format!(
        r#"{{"type":"authorized_user","client_id":"7.apps","client_secret":"{hush}","refresh_token":"{hush}"}}"#
    );
    let encoded = STANDARD.encode(&account);
    let wrapped: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let escaped = Value::from(account.as_str()).to_string();
    for (text, form, label, value) in [
        (account.clone(), Form::ServiceAccountKey, "account", "deployer@acme-prod.iam.gserviceaccount.com"),
        (format!("export KEY='{account}'"), Form::ServiceAccountKey, "project", "acme-prod"),
        (format!("Here it is:\n{account}\nbye"), Form::ServiceAccountKey, "key ID", "0123abcd"),
        (encoded.clone(), Form::ServiceAccountKey, "unique ID", "1093"),
        (wrapped.join("\n"), Form::ServiceAccountKey, "project", "acme-prod"),
        (URL_SAFE_NO_PAD.encode(account.replace(": ", ":")), Form::ServiceAccountKey, "project", "acme-prod"),
        (format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(&account)), Form::ServiceAccountKey, "project", "acme-prod"),
        (format!("key.json: {encoded}\nother: x"), Form::ServiceAccountKey, "project", "acme-prod"),
        (escaped, Form::ServiceAccountKey, "project", "acme-prod"),
        (account[..account.len() - 60].to_owned(), Form::ServiceAccountKey, "project", "acme-prod"),
        (format!(r#"{{"name":"projects/p/k","privateKeyData":"{encoded}"}}"#), Form::ServiceAccountKey, "project", "acme-prod"),
        (user.clone(), Form::UserCredentials, "client", "7.apps"),
        (user.replace("\"type\":\"authorized_user\",", ""), Form::UserCredentials, "client", "7.apps"),
        (
            format!(r#"{{"type":"impersonated_service_account","source_credentials":{user},"delegates":["d@p"],
                "service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/ci@acme:generateAccessToken"}}"#),
            Form::ImpersonatedCredentials,
            "account",
            "ci@acme",
        ),
        (
            r#"{"type":"external_account","audience":"//iam.googleapis.com/x","credential_source":{"file":"/t"}}"#.into(),
            Form::FederatedCredentials,
            "source",
            "a file",
        ),
        (
            format!(r#"{{"type":"external_account_authorized_user","audience":"//iam","refresh_token":"{hush}"}}"#),
            Form::FederatedUserCredentials,
            "audience",
            "//iam",
        ),
        (format!(r#"{{"installed":{{"client_id":"7.apps","client_secret":"{hush}"}}}}"#), Form::OauthClient, "client", "7.apps"),
        (key.replace("\\n", "\n"), Form::PrivateKey, "kind", "private key"),
        (format!(r#"{{"kty":"RSA","kid":"a","d":"{hush}"}}"#), Form::PrivateKey, "key IDs", "a"),
        (format!(r#"{{"keys":[{{"kty":"RSA","kid":"a"}},{{"kty":"oct","k":"{hush}"}}]}}"#), Form::PrivateKey, "keys", "2"),
        (r#"{"keys":[{"kty":"RSA","kid":"a"},{"kty":"EC","kid":"b"}]}"#.into(), Form::PublicKeys, "key IDs", "a, b"),
    ] {
        let reading = read(&text);
        assert_eq!((reading.form, fact(&reading, label)), (form, Some(value)), "{text}");
        assert!(!format!("{reading:?}").contains("hush"), "{text}");
        assert_eq!((&reading.header, &reading.claims), (&Section::Absent, &Section::Absent), "{text}");
    }
}

#[test]
fn what_is_public_beside_a_token_or_in_it_does_not_hide_the_token() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n";
    let token = jws(r#"{"alg":"RS256"}"#, &serde_json::json!({"iss": "x", "chain": pem}).to_string());
    assert_eq!((read(&token).form, names(&read(&token).claims)), (Form::Jws, vec!["iss", "chain"]));
    let config = format!("certificate-authority-data: {}\n    token: {token}\n", STANDARD.encode(pem));
    assert_eq!((read(&config).form, read(&config).token.expose()), (Form::Jws, token.as_str()));
    assert_eq!(read(&format!("{pem}{token}")).form, Form::Jws);
}

#[test]
fn a_fact_is_no_place_for_a_credential() {
    let odd = format!(
        r#"{{"type":"service_account","client_email":"{}","project_id":"{}"}}"#,
        fake("1//0", 60),
        jws("{}", "{}")
    );
    assert_eq!(read(&odd).facts, []);
}

#[test]
fn a_certificate_tells_whose_it_is_and_how_long() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2026, 1, 2);
    params.not_after = rcgen::date_time_ymd(2031, 5, 6);
    params.distinguished_name.push(rcgen::DnType::CommonName, "example");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    for text in [pem.clone(), format!("-----BEGIN X-----\n{pem}"), pem.replace('\n', "\\n")] {
        let reading = read(&text);
        assert_eq!(reading.form, Form::Certificate);
        assert!(
            fact(&reading, "subject").is_some_and(|name| name.contains("CN=example")),
            "{:?}",
            reading.facts
        );
        assert_eq!(reading.times.exp, Some(1_935_792_000));
    }
    let map = serde_json::json!({"k1": pem, "k2": pem}).to_string();
    let reading = read(&map);
    assert_eq!((reading.form, fact(&reading, "key IDs")), (Form::PublicKeys, Some("k1, k2")));
    assert_eq!(read(&format!("{pem}{}", key.serialize_pem())).form, Form::PrivateKey);
}

#[test]
fn a_signed_url_tells_who_signed_what_until_when() {
    let url = "https://storage.googleapis.com/bucket/a%20b.txt?X-Goog-Algorithm=GOOG4-RSA-SHA256\
        &X-Goog-Credential=ci%40acme.iam.gserviceaccount.com%2F20260102%2Fauto%2Fstorage%2Fgoog4_request\
        &X-Goog-Date=20260102T030405Z&X-Goog-Expires=600&X-Goog-SignedHeaders=host&X-Goog-Signature=0a1b";
    for text in [
        url.to_owned(),
        format!("curl '{url}' -o file"),
        url.replace('&', "&amp;"),
        format!(r#"{{"signedUrl":"{}"}}"#, url.replace('&', "\\u0026")),
    ] {
        let reading = read(&text);
        assert_eq!(reading.form, Form::SignedUrl, "{text}");
        assert_eq!(fact(&reading, "account"), Some("ci@acme.iam.gserviceaccount.com"));
        assert_eq!(fact(&reading, "address"), Some("https://storage.googleapis.com/bucket/a b.txt"));
        assert_eq!(fact(&reading, "ends"), Some("2026-01-02T03:14:05Z"));
        assert_eq!((reading.times.iat, reading.times.exp), (Some(1_767_323_045), Some(1_767_323_645)));
        assert!(!format!("{reading:?}").contains("0a1b"));
    }
    let second = read(
        "https://storage.googleapis.com/b/o?GoogleAccessId=ci%40acme&Expires=1767323645&Signature=x%2By",
    );
    assert_eq!((second.form, second.times.exp), (Form::SignedUrl, Some(1_767_323_645)));
    let foreign = read("https://b.s3.amazonaws.com/o?X-Amz-Date=20260102T030405Z&X-Amz-Signature=0a1b");
    assert_eq!((foreign.form, fact(&foreign, "kind")), (Form::Foreign, Some("AWS signed URL")));
}
