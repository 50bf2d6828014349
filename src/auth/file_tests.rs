//! Thirty and more broken files, and what each of them says.

use super::*;
use crate::{
    auth::{
        credentials::impersonated,
        trust::{self, Reason},
    },
    http::{ApiError, ErrorKind},
    local::env::Env,
};

fn read_bytes(content: &[u8]) -> Result<Source, ApiError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    std::fs::write(&path, content).unwrap();
    read(&path, "ADC")
}

/// The sentence for a broken file: it names the file, and repeats nothing that stands in it.
fn wrong(content: &[u8]) -> String {
    let error = read_bytes(content).unwrap_err();
    assert!(error.message.contains("key.json") && error.kind == ErrorKind::Credentials, "{error}");
    assert!(!error.message.contains("hunter2"), "{error}");
    assert_eq!(error.kind.exit_code(), 3);
    error.message
}

fn good(content: &str) -> Source {
    read_bytes(content.as_bytes()).unwrap()
}

fn doubt(content: &str) -> Option<trust::TrustPrompt> {
    trust::doubt(&good(content), &Env::default())
}

/// The addresses in doubt.
fn foreign(content: &str) -> Vec<String> {
    let reasons = doubt(content).map(|doubt| doubt.reasons).unwrap_or_default();
    let addresses = reasons.into_iter().filter_map(|reason| match reason {
        Reason::Addresses(addresses) => Some(addresses),
        _ => None,
    });
    addresses.flatten().collect()
}

const USER: &str = r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"}"#;

/// An `external_account` with this source.
fn external(source: &str) -> String {
    format!(
        r#"{{"type":"external_account","audience":"//iam.googleapis.com/x","subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"https://sts.googleapis.com/v1/token","credential_source":{source}}}"#
    )
}

fn key() -> String {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use base64::{Engine, engine::general_purpose::STANDARD};
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn every_broken_file_is_one_sentence_with_file_and_field_and_never_the_content() {
    let impersonated = |rest: &str| format!(r#"{{"type":"impersonated_service_account"{rest}}}"#);
    let url = r#","service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken""#;
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "isn't valid JSON (line 1, column 0)"),
        (b"{\n \"type\": hunter2 }".to_vec(), "isn't valid JSON (line 2, column 10)"),
        (b"\xff\xfe\x00".to_vec(), "isn't valid JSON"),
        (b"{\"type\":\"authorized_user\"".to_vec(), "isn't valid JSON"),
        (b"[]".to_vec(), "isn't a JSON object"),
        (b"7".to_vec(), "isn't a JSON object"),
        (b"{}".to_vec(), "is missing the field “type”"),
        (br#"{"type":7}"#.to_vec(), "has a number in its field “type”"),
        (br#"{"type":-7.5}"#.to_vec(), "has a number in its field “type”"),
        (br#"{"type":{"a":{"b":[true]}}}"#.to_vec(), "has an object in its field “type”"),
        (br#"{"type":true}"#.to_vec(), "has a boolean in its field “type”"),
        (br#"{"type":null}"#.to_vec(), "is missing the field “type”"),
        (br#"{"type":""}"#.to_vec(), "is missing the field “type”"),
        (br#"{"type":"hunter"}"#.to_vec(), "unknown type “hunter”"),
        (br#"{"type":"gdch_service_account"}"#.to_vec(), "Google Distributed Cloud"),
        (
            br#"{"type":"authorized_user","client_id":"x","client_secret":"hunter2"}"#.to_vec(),
            "is missing the field “refresh_token”",
        ),
        (
            br#"{"type":"authorized_user","client_secret":"hunter2"}"#.to_vec(),
            "is missing the field “client_id”",
        ),
        (br#"{"type":"authorized_user","client_id":"x"}"#.to_vec(), "is missing the field “client_secret”"),
        (
            br#"{"type":"authorized_user","client_id":["hunter2"]}"#.to_vec(),
            "a list in its field “client_id”",
        ),
        (
            br#"{"type":"service_account","private_key":"hunter2"}"#.to_vec(),
            "is missing the field “client_email”",
        ),
        (
            br#"{"type":"service_account","client_email":"a@b"}"#.to_vec(),
            "is missing the field “private_key”",
        ),
        (
            br#"{"type":"service_account","client_email":"a@b","private_key":"hunter2"}"#.to_vec(),
            "no RSA key in PEM form in its field “private_key”",
        ),
        (impersonated("").into(), "is missing the field “service_account_impersonation_url”"),
        (
            impersonated(r#","service_account_impersonation_url":"https://hunter2/""#).into(),
            "“service_account_impersonation_url”, which must end in",
        ),
        (impersonated(url).into(), "is missing the field “source_credentials”"),
        (
            impersonated(&format!(r#"{url},"source_credentials":{{}}"#)).into(),
            "is missing the field “source_credentials.type”",
        ),
        (
            impersonated(&format!(
                r#"{url},"source_credentials":{{"type":"authorized_user","client_id":"i"}}"#
            ))
            .into(),
            "is missing the field “source_credentials.client_secret”",
        ),
        (
            impersonated(&format!(r#"{url},"delegates":["hunter2"],"source_credentials":{USER}"#)).into(),
            "has an invalid account in its field “delegates”",
        ),
        (impersonated(&format!(r#"{url},"delegates":"x""#)).into(), "has a string in its field “delegates”"),
        (br#"{"type":"external_account"}"#.to_vec(), "is missing the field “subject_token_type”"),
        (
            br#"{"type":"external_account","subject_token_type":"hunter2"}"#.to_vec(),
            "has an unsupported type in its field “subject_token_type”",
        ),
        (external("null").into(), "is missing the field “credential_source”"),
        (external("{}").into(), "has no source"),
        (external(r#"{"file":7}"#).into(), "has a number in its field “credential_source.file”"),
        (external(r#"{"file":"/x","url":"https://hunter2"}"#).into(), "several sources"),
        (external(r#"{"file":"/x","format":{"type":"xml"}}"#).into(), "“credential_source.format.type”"),
        (
            external(r#"{"file":"/x","format":{"type":"json"}}"#).into(),
            "is missing the field “credential_source.format.subject_token_field_name”",
        ),
        (external(r#"{"url":"https://x","headers":{"A":7}}"#).into(), "“credential_source.headers.A”"),
        (
            external(r#"{"executable":{}}"#).into(),
            "is missing the field “credential_source.executable.command”",
        ),
        (
            external(r#"{"executable":{"command":"/x","timeout_millis":1}}"#).into(),
            "“credential_source.executable.timeout_millis”",
        ),
        (external(r#"{"certificate":{}}"#).into(), "mutual TLS and isn't supported"),
        (external(r#"{"environment_id":"aws2"}"#).into(), "“credential_source.environment_id”"),
        (
            external(r#"{"environment_id":"aws1"}"#).into(),
            "is missing the field “credential_source.regional_cred_verification_url”",
        ),
        (
            br#"{"type":"external_account_authorized_user","token_url":"https://x"}"#.to_vec(),
            "is missing the field “client_id”",
        ),
    ];
    assert!(cases.len() >= 30);
    for (content, part) in cases {
        let message = wrong(&content);
        assert!(message.contains(part), "{message}: {part}");
    }
}

#[test]
fn what_is_no_file_of_credentials_at_all_is_said_to_be_that() {
    assert!(wrong(&vec![b' '; 10 * 1024 * 1024]).contains("over 1 MiB"));
    let dir = tempfile::tempdir().unwrap();
    assert!(read(dir.path(), "ADC").unwrap_err().message.contains("is a directory"));
    assert!(read(&dir.path().join("gone"), "ADC").unwrap_err().message.contains("does not exist"));
    #[cfg(unix)]
    if !rustix::process::geteuid().is_root() {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join("closed");
        std::fs::write(&path, USER).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        assert!(read(&path, "ADC").unwrap_err().message.contains("isn't readable by you"));
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_tolerated() {
    let mut content = b"\xef\xbb\xbf".to_vec();
    content.extend(USER.replace(',', ",\r\n").as_bytes());
    let source = read_bytes(&content).unwrap();
    assert_eq!((source.kind(), source.principal), ("user", None));
    let text = serde_json::json!({"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com",
        "private_key": key().replace('\n', "\r\n")});
    assert_eq!(good(&text.to_string()).kind(), "service account");
}

#[test]
fn of_a_field_that_stands_twice_the_last_counts_as_with_googles_libraries() {
    let text = r#"{"type":"x","type":"authorized_user","client_id":"i","client_secret":"a\u0062","refresh_token":"r","extra":[1,{"a":null}]}"#;
    let Credentials::User(user) = good(text).credentials else { panic!("a user login") };
    assert_eq!(user.client_secret.expose(), "ab");
}

#[test]
fn a_file_that_names_no_universe_is_googles_and_its_secrets_go_to_no_other() {
    let universe = |field: &str| good(&external(&format!(r#"{{"file":"/x"}}{field}"#))).universe;
    let elsewhere = Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example")]);
    let made = |universe: Option<String>| {
        crate::http::endpoints::Endpoints::new(&elsewhere, universe.as_deref()).map_err(|error| error.kind)
    };
    for field in ["", r#","universe_domain":"""#, r#","universe_domain":null"#] {
        assert_eq!(universe(field).as_deref(), Some(GOOGLE));
        assert_eq!(made(universe(field)), Err(ErrorKind::Config));
    }
    assert!(made(universe(r#","universe_domain":"cloud.example""#)).is_ok());
    assert!(made(None).is_ok());
}

#[test]
fn every_kind_says_what_it_is_and_whom_it_names() {
    let inner = format!(
        r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a%40p.iam.gserviceaccount.com:generateAccessToken","delegates":["projects/-/serviceAccounts/d@p.iam.gserviceaccount.com"],"source_credentials":{USER}}}"#
    );
    let source = good(&inner);
    assert_eq!(
        (source.kind(), source.principal.as_deref()),
        ("impersonated account", Some("a@p.iam.gserviceaccount.com"))
    );
    let Credentials::Impersonated(account) = &source.credentials else { panic!("it is one") };
    assert_eq!(account.delegates, ["d@p.iam.gserviceaccount.com"]);

    let federated = good(&external(r#"{"file":"/var/run/token"}"#));
    assert_eq!((federated.kind(), federated.principal), ("federated", None));
    let impersonating = external(
        r#"{"file":"/x"},"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken""#,
    );
    let source = good(&impersonating);
    assert_eq!(
        (source.kind(), source.principal.as_deref()),
        ("federated, impersonating", Some("a@p.iam.gserviceaccount.com"))
    );
    let workforce = good(WORKFORCE);
    assert_eq!(workforce.kind(), "workforce user");
}

#[test]
fn credentials_within_credentials_end_somewhere() {
    let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken";
    let mut text = USER.to_owned();
    for _ in 0..50 {
        text = format!(
            r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"{url}","source_credentials":{text}}}"#
        );
    }
    assert!(wrong(text.as_bytes()).contains("too deeply"));
}

#[test]
fn a_file_that_sends_secrets_elsewhere_is_in_doubt_and_googles_own_is_not() {
    assert_eq!(doubt(USER), None);
    assert_eq!(doubt(&external(r#"{"file":"/x"}"#)), None);
    let aws = external(
        r#"{"environment_id":"aws1","region_url":"http://169.254.169.254/zone","url":"http://169.254.169.254/keys","regional_cred_verification_url":"https://sts.{region}.amazonaws.com"}"#,
    );
    assert_eq!(doubt(&aws), None, "what the machine says, it says to every program on it");
    let other = aws.replace("http://169.254.169.254/keys", "http://10.0.0.1/keys");
    assert_eq!(foreign(&other), ["http://10.0.0.1/keys"]);
    // Keys and region of the environment: nobody is asked.
    let vars = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let env = Env::from_vars(vars);
    assert_eq!(trust::doubt(&good(&other).with_environment(&env), &env), None);
    let elsewhere = external(r#"{"url":"https://idp.example.com/token"}"#);
    let one = doubt(&elsewhere).expect("not Google's");
    assert!(one.question().contains("https://idp.example.com/token"), "{}", one.question());
    let moved = elsewhere.replace("https://sts.googleapis.com", "https://sts.googleapis.com.evil.example");
    assert_eq!(foreign(&moved).len(), 2);
    // Another byte is another file.
    assert_ne!(doubt(&moved).unwrap().hash, one.hash);
}

#[test]
fn a_file_does_not_vouch_for_its_own_universe() {
    let file = external(r#"{"file":"/x"},"universe_domain":"evil.example""#)
        .replace("https://sts.googleapis.com", "https://sts.evil.example");
    assert_eq!(foreign(&file).len(), 1);
    // The environment is trusted, because only the user sets it.
    let env = Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "evil.example")]);
    assert_eq!(trust::doubt(&good(&file), &env), None);
    // A login would be sent to its hosts.
    let login = USER.replace("{", r#"{"universe_domain":"evil.example","#);
    assert!(wrong(login.as_bytes()).contains("“universe_domain”"));
}

#[test]
fn an_impersonation_url_is_one_and_nothing_that_looks_like_one() {
    for url in [
        "https://www.googleapis.com/upload/storage/v1/b/x/o?name=x/sa@p.iam.gserviceaccount.com:generateAccessToken",
        "https://x/#/sa@p.iam.gserviceaccount.com:generateAccessToken",
        "sa@p.iam.gserviceaccount.com:generateAccessToken",
    ] {
        assert!(impersonated(url).is_err(), "{url}");
    }
}

#[test]
fn printing_a_source_prints_no_secret() {
    let text = external(
        r#"{"url":"https://x","headers":{"X-Key":"hunter2"}},"client_id":"c","client_secret":"hunter2""#,
    );
    assert!(!format!("{:?}", good(&text)).contains("hunter2"));
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_SESSION_TOKEN", "hunter2"),
    ];
    let aws = good(&external(
        r#"{"environment_id":"aws1","regional_cred_verification_url":"https://sts.amazonaws.com"}"#,
    ));
    assert!(!format!("{:?}", aws.with_environment(&Env::from_vars(keys))).contains("hunter2"));
}

const WORKFORCE: &str = r#"{"type":"external_account_authorized_user","token_url":"https://sts.googleapis.com/v1/oauthtoken","client_id":"c","client_secret":"s","refresh_token":"r"}"#;

/// An `impersonated_service_account` around these credentials, with more fields.
fn impersonating(source: &str, more: &str) -> String {
    format!(
        r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken","source_credentials":{source}{more}}}"#
    )
}

/// The same file with one more field at its beginning.
fn with(field: &str, content: &str) -> String {
    content.replacen('{', &format!("{{{field},"), 1)
}

#[test]
fn another_universe_is_in_doubt_whatever_the_type_of_file() {
    let strange = r#""universe_domain":"cloud.strange.example""#;
    let federated = external(r#"{"file":"/x"}"#);
    let key = serde_json::json!({"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": key()}).to_string();
    for content in [
        with(strange, &federated),
        with(strange, &key),
        with(strange, &impersonating(&federated, "")),
        impersonating(&with(strange, &key), ""),
        impersonating(&impersonating(&with(strange, &key), ""), ""),
    ] {
        let doubt = doubt(&content).unwrap_or_else(|| panic!("{content}"));
        assert_eq!(doubt.reasons, [Reason::Universe("cloud.strange.example".into())]);
        assert!(doubt.question().contains("cloud.strange.example"), "{}", doubt.question());
        let env = Env::from_vars([("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.strange.example")]);
        assert_eq!(trust::doubt(&good(&content), &env), None, "the environment says so, too");
    }
    let googles = r#""universe_domain":"googleapis.com""#;
    assert_eq!(doubt(&with(googles, &impersonating(&with(googles, &federated), ""))), None);
}

#[test]
fn a_persons_login_is_refused_in_another_universe() {
    let strange = r#""universe_domain":"cloud.strange.example""#;
    for login in [USER, WORKFORCE] {
        for content in [
            with(strange, login),
            with(strange, &impersonating(login, "")),
            impersonating(&with(strange, login), ""),
        ] {
            let said = wrong(content.as_bytes());
            assert!(said.contains("user login") && said.contains("universe_domain"), "{said}");
        }
    }
}

#[test]
fn a_universe_that_only_looks_like_one_is_refused() {
    for universe in [
        "googleapis.com.",
        "GoogleAPIs.com",
        "googleapis.com/",
        "googleapis.com:443",
        "x@googleapis.com",
        "googleapis.com@evil.example",
        "evil.example#.googleapis.com",
        "evil.example?googleapis.com",
        "googleapis\u{ff0e}com",
        "googleap\u{456}s.com",
        "googleapis.com\n",
        " googleapis.com",
        "google\u{200b}apis.com",
        "10.0.0.1",
        "localhost",
        "..",
    ] {
        let mut file: serde_json::Value = serde_json::from_str(&external(r#"{"file":"/x"}"#)).unwrap();
        file["universe_domain"] = universe.into();
        assert!(wrong(file.to_string().as_bytes()).contains("“universe_domain”"), "{universe}");
    }
    let two = with(
        r#""universe_domain":"a.example""#,
        &impersonating(&with(r#""universe_domain":"b.example""#, &external(r#"{"file":"/x"}"#)), ""),
    );
    assert!(wrong(two.as_bytes()).contains("“source_credentials.universe_domain”"));
}

#[test]
fn an_address_that_nothing_can_be_sent_to_is_refused() {
    for address in
        ["ftp://127.0.0.1/", "file:///etc/passwd", "javascript:1", "127.0.0.1:1/x", "//x/y", "data:,x"]
    {
        for content in [
            external(r#"{"file":"/x"}"#).replace("https://sts.googleapis.com/v1/token", address),
            external(&format!(r#"{{"url":"{address}"}}"#)),
            external(&format!(r#"{{"file":"/x"}},"token_info_url":"{address}""#)),
            external(&format!(
                r#"{{"environment_id":"aws1","regional_cred_verification_url":"https://sts.x","imdsv2_session_token_url":"{address}"}}"#
            )),
            WORKFORCE.replace("https://sts.googleapis.com/v1/oauthtoken", address),
        ] {
            assert!(
                wrong(content.as_bytes()).contains("has no https:// address in its field “"),
                "{content}"
            );
        }
    }
}

#[test]
fn a_file_sets_no_header_that_belongs_to_the_connection() {
    let headers = |headers: &str| external(&format!(r#"{{"url":"http://127.0.0.1/x","headers":{headers}}}"#));
    assert!(read_bytes(headers(r#"{"Metadata":"true","X-Api-Key":"k"}"#).as_bytes()).is_ok());
    for name in
        ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "Upgrade", "TE", "Expect", "Keep-Alive"]
    {
        let said = wrong(headers(&format!(r#"{{"{name}":"hunter2"}}"#)).as_bytes());
        assert!(said.contains(&format!("“credential_source.headers.{name}”")), "{said}");
    }
    for (other, part) in [
        (r#"{"a b":"hunter2"}"#, "name not allowed for a header"),
        (r#"{"a":"hunter2\r\nx: y"}"#, "characters not allowed in a header"),
        (r#"{"a":"x","A":"hunter2"}"#, "twice"),
    ] {
        assert!(wrong(headers(other).as_bytes()).contains(part), "{other}");
    }
}

#[test]
fn a_file_of_google_and_a_listener_here_is_asked_about() {
    let account = "v1/projects/-/serviceAccounts/sa@p-1234.iam.gserviceaccount.com:generateAccessToken";
    let file = |token: &str, minting: Option<&str>, info: Option<&str>| {
        let mut file: serde_json::Value = serde_json::from_str(&external(r#"{"file":"/x"}"#)).unwrap();
        file["token_url"] = format!("{token}/v1/token").into();
        file["service_account_impersonation_url"] = minting.map(|host| format!("{host}/{account}")).into();
        file["token_info_url"] = info.map(|host| format!("{host}/v1/introspect")).into();
        let source = good(&file.to_string());
        let all = trust::doubt(&source, &Env::default()).map(|doubt| doubt.reasons).unwrap_or_default();
        all.into_iter().any(|reason| matches!(reason, Reason::Mixed { .. }))
    };
    let (sts, iam) = ("https://sts.googleapis.com", "https://iamcredentials.googleapis.com");
    let here = "http://127.0.0.1:8787";
    assert!(file(sts, Some(here), None) && file(here, Some(iam), None));
    assert!(file(sts, None, Some("http://[::1]:1")) && file(here, None, Some(sts)));
    assert!(file("https://idp.example.com", Some("http://localhost:1"), None));
    assert!(!file(sts, Some(iam), Some(sts)) && !file(here, Some("http://localhost:1"), Some(here)));
}

#[test]
fn what_only_its_user_has_goes_to_no_listener_here_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (dir.path().join("mine"), dir.path().join("other"));
    for folder in [&own, &other] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("token"), "eyJ").unwrap();
    }
    let doubt = |token: &Path, to: &str| {
        let source = serde_json::json!({ "file": token }).to_string();
        let path = own.join("file.json");
        std::fs::write(&path, external(&source).replace("https://sts.googleapis.com", to)).unwrap();
        trust::doubt(&read(&path, "ADC").unwrap(), &Env::default())
    };
    let here = "http://localhost:8787";
    assert_eq!(doubt(&own.join("token"), here), None);
    assert_eq!(doubt(&other.join("token"), "https://sts.googleapis.com"), None, "Google is no listener here");
    for token in [other.join("token"), own.join("../other/token"), own.join("missing")] {
        let doubt = doubt(&token, here).unwrap_or_else(|| panic!("{token:?}"));
        assert!(doubt.question().contains(token.to_str().unwrap()), "{}", doubt.question());
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(other.join("token"), own.join("link")).unwrap();
        assert!(doubt(&own.join("link"), here).is_some());
    }
    // What lies deeper, or in a home, is there for other reasons.
    let inner = own.join("deep");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("key"), "x").unwrap();
    assert!(doubt(&inner.join("key"), here).is_some());
    assert_eq!(doubt(&own.join("token"), here), None);
    let env = |home: &Path| Env::from_vars([("HOME", home.to_str().unwrap())]);
    let in_home = |file: &Path, home: &Path| trust::doubt(&read(file, "ADC").unwrap(), &env(home)).is_some();
    // The home itself, a folder of downloads, and one that homes lie in; under other names as well.
    let home_in = own.join("deep");
    for home in [&own, &own.join("../mine"), &dir.path().to_owned(), &home_in] {
        assert!(in_home(&own.join("file.json"), home), "{home:?}");
        assert!(in_home(&own.join("../mine/file.json"), home), "{home:?}");
    }
    assert!(!in_home(&own.join("file.json"), &other));
    // A project has a folder of its own, but not a hidden one.
    for (project, asked) in [("mine/deep", false), (".config/tool", true)] {
        let project = dir.path().join(project);
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("key"), "x").unwrap();
        let file = external(&serde_json::json!({ "file": project.join("key") }).to_string());
        std::fs::write(project.join("file.json"), file.replace("https://sts.googleapis.com", here)).unwrap();
        assert_eq!(in_home(&project.join("file.json"), dir.path()), asked, "{project:?}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&own, dir.path().join("alias")).unwrap();
        assert!(in_home(&own.join("file.json"), &dir.path().join("alias")));
        assert!(in_home(&dir.path().join("alias/file.json"), &own));
    }
    let env = Env::from_vars([("AWS_ACCESS_KEY_ID", "")]);
    assert_eq!(trust::doubt(&read(&own.join("file.json"), "ADC").unwrap(), &env), None);
    let aws = external(
        r#"{"environment_id":"aws1","regional_cred_verification_url":"https://sts.{region}.amazonaws.com"}"#,
    )
    .replace("https://sts.googleapis.com", here);
    assert_eq!(trust::doubt(&good(&aws), &Env::default()), None);
    let env = Env::from_vars([("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")]);
    let reasons = trust::doubt(&good(&aws).with_environment(&env), &env).unwrap().reasons;
    assert!(matches!(&reasons[..], [Reason::Local { .. }]), "{reasons:?}");
}
