//! Bad input is answered with one plain sentence, before anything is sent where that is possible: a test for each row
//! of the product's table of bad input.

use std::time::Duration;

use impersona::{api::Client, http::ErrorKind};
use impersona_emulator::{Delivery, Fault};
use serde_json::json;

use crate::support::{DEPLOYER, Home, access, assert_sentence, client_with, emulator_with};

const MINT: &str = "iamcredentials.generateAccessToken";

// The credentials file.

/// A content, and what is said about it beside the name of the file.
const BROKEN_FILES: [(&str, &str); 7] = [
    ("{", "isn't valid JSON (line 1"),
    ("[]", ""),
    (r#"{"client_id":"id"}"#, "“type”"),
    (r#"{"type":"martian"}"#, "unknown type “martian”"),
    (r#"{"type":"authorized_user"}"#, "“client_id”"),
    (
        r#"{"type":"authorized_user","client_id":3,"client_secret":"hush","refresh_token":"hush"}"#,
        "“client_id”",
    ),
    (r#"{"type":"service_account","client_email":"a@p.iam.gserviceaccount.com"}"#, "“private_key”"),
];

#[test]
fn a_broken_credentials_file_is_named_with_its_field_and_never_quoted() {
    for (content, part) in BROKEN_FILES {
        let home = Home::new();
        let file = home.file("key.json", content);
        let error = home.run(&["whoami", "--json", "--credentials", &file]).error(3);
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["kind"], "credentials");
        assert!(
            message.contains("key.json") && message.contains(part) && !message.contains("hush"),
            "{content}: {message}"
        );
    }
}

#[test]
fn a_credentials_file_that_is_not_there_or_no_file_is_named() {
    let home = Home::new();
    for path in ["missing.json", "."] {
        let sentence = home.run(&["whoami", "--credentials", path]).failed(3);
        assert!(sentence.starts_with("impersona: ") && sentence.contains(path), "{sentence}");
    }
}

#[cfg(unix)]
#[test]
fn with_a_broken_credentials_file_the_explorer_still_starts() {
    let home = Home::new();
    home.file("key.json", r#"{"type":"martian"}"#);
    let arguments = ["--credentials", "key.json"];
    let mut terminal = crate::terminal::Terminal::start(&home, (120, 40), &arguments, &[]);
    terminal.wait_for("key.json has the unknown type “martian”");
    terminal.press("4");
    terminal.wait_for("Paste a token here");
}

// What is asked for.

#[test]
fn an_account_typed_wrong_is_refused_with_the_two_valid_forms() {
    let home = Home::new();
    for account in
        ["deployer", "Deployer@acme-prod", "deployer@", "@acme-prod", "a b@acme-prod", "12345", ".."]
    {
        let error = home.run(&["--demo", "token", "access", account, "--json"]).error(8);
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("NAME@PROJECT.iam.gserviceaccount.com") && message.contains("unique ID"),
            "{message}"
        );
    }
}

#[test]
fn a_lifetime_out_of_range_is_refused_with_the_rule() {
    let home = Home::new();
    let none = "use 1s to 12h";
    for (lifetime, rule) in [
        ("0s", "the minimum is 1s"),
        ("13h", "the maximum is 12h"),
        ("-1s", none),
        ("1.5h", none),
        ("soon", none),
        ("99999999999999999999s", none),
        ("", none),
    ] {
        let given = format!("--lifetime={lifetime}");
        let error = home.run(&["--demo", "token", "access", DEPLOYER, "--json", &given]).error(8);
        assert!(error["message"].as_str().unwrap().contains(rule), "{lifetime}: {error}");
    }
}

#[test]
fn an_audience_or_a_scope_that_is_none_is_refused_with_the_rule() {
    let home = Home::new();
    for audience in ["", "  "] {
        let given = format!("--audience={audience}");
        let error = home.run(&["--demo", "token", "id", DEPLOYER, "--json", &given]).error(8);
        assert!(error["message"].as_str().unwrap().contains("audience"), "{error}");
    }
    let without = home.run(&["--demo", "token", "id", DEPLOYER]).failed(2);
    assert!(without.contains("--audience"), "never defaulted: {without}");
    for scope in ["no-such-scope", "two words", ""] {
        let error = home.run(&["--demo", "token", "access", DEPLOYER, "--json", "--scope", scope]).error(8);
        assert!(error["message"].as_str().unwrap().contains("scope"), "{error}");
    }
}

#[test]
fn a_project_that_can_be_none_is_refused_before_anything_is_sent() {
    let home = Home::new();
    for flag in ["--project", "--quota-project"] {
        let error = home.run(&["--demo", flag, "No Such", "accounts", "--json"]).error(8);
        assert!(error["message"].as_str().unwrap().contains("project"), "{error}");
    }
}

// The configuration.

#[test]
fn a_configuration_with_an_unknown_key_or_a_clash_refuses_the_start() {
    let home = Home::new();
    for (content, line, key) in [
        ("theme = \"dark\"\ncolour = 1\n", 2, "colour"),
        ("theme = \"pink\"\n", 1, "pink"),
        ("[keys]\nrefresh = \"q\"\n", 2, "refresh"),
        ("[keys]\nzoom = \"ctrl-y\"\nfly = \"F9\"\n", 3, "fly"),
        ("project = \n", 1, ""),
    ] {
        let file = home.file("config.toml", content);
        for arguments in
            [&["--config", &file, "whoami"][..], &["--config", &file, "keys"], &["--config", &file]]
        {
            let sentence = home.run(arguments).failed(2);
            assert!(sentence.contains(&format!("{file}:{line}: ")) && sentence.contains(key), "{sentence}");
        }
    }
}

#[test]
fn an_endpoint_that_would_send_tokens_in_the_clear_refuses_the_start() {
    let home = Home::new();
    let mut command = home.command(&["whoami"]);
    let output = command.env("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", "http://iam.example/").output().unwrap();
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{sentence}");
    assert!(sentence.contains("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM must use https"), "{sentence}");
}

// Tokens to decode.

/// A JWT with these claims, signed by nobody.
fn unsigned(claims: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn a_token_over_a_mebibyte_is_cut_and_the_size_is_said() {
    let token = unsigned(&json!({ "long": "x".repeat(2 << 20) }).to_string());
    let decoded = Home::new().run_with(&token, &["decode", "--offline", "--json"]).json();
    assert!(decoded["findings"].to_string().contains("only the first 1048576 were read"), "{decoded:.300}");
    assert_eq!(decoded["header"]["alg"], "none", "a part that is whole is read as a whole");
    let text = Home::new().run_with(&token, &["decode", "--offline"]).good();
    assert!(text.len() < 10_000, "people are shown a part: {} bytes", text.len());
}

#[test]
fn a_token_with_ten_thousand_claims_is_shown() {
    let claims: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("claim{n}"), json!(n))).collect();
    let decoded =
        Home::new().run_with(unsigned(&json!(claims).to_string()), &["decode", "--offline", "--json"]).json();
    assert_eq!(decoded["claims"]["claim9999"], 9_999);
}

#[test]
fn deep_nesting_is_shown_and_never_overflows() {
    for depth in [100, 100_000] {
        let claims = format!(r#"{{"deep":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let ran = Home::new().run_with(unsigned(&claims), &["decode", "--offline", "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.starts_with(r#"{"form":"#), "{depth} levels");
    }
}

#[test]
fn what_is_no_token_at_all_is_shown_for_what_it_is() {
    let home = Home::new();
    for (input, form) in [
        (&b"hello"[..], "opaque"),
        (b"", "empty"),
        (b"\xff\xfe\x00", "opaque"),
        (b"Bearer ya29.c.x", "google_access_token"),
        (b"a.b.c", "opaque"),
    ] {
        let decoded = home.run_with(input, &["decode", "--json"]).json();
        assert_eq!(decoded["form"], form, "{input:?}: {decoded}");
        assert_eq!(decoded["verdict"]["state"], "not_checked");
    }
}

#[cfg(unix)]
#[test]
fn a_huge_token_pasted_into_the_explorer_keeps_it_answering() {
    let home = Home::new();
    let mut terminal = crate::terminal::Terminal::demo(&home, (120, 40));
    terminal.press("4");
    terminal.wait_for("Paste a token here");
    terminal.paste(&unsigned(&json!({ "sub": "somebody", "long": "x".repeat(2 << 20) }).to_string()));
    terminal.wait_for("only the first 1048576 were read");
    terminal.press("?");
    terminal.wait_for("Inspect");
    terminal.press("ctrl-c");
    terminal.ends_with(130);
}

// Replies.

/// What is said when a mint is answered like this.
async fn answered(fault: Fault) -> impersona::http::ApiError {
    let (emulator, _) = emulator_with(fault.method(MINT)).await;
    let client: Client = client_with(&emulator, |settings| settings.timeout = Duration::from_secs(10));
    let error = client.mint(&access(DEPLOYER, &[])).await.expect_err("no answer");
    assert_sentence(&error);
    error
}

#[tokio::test]
async fn a_reply_that_is_a_web_page_is_no_answer() {
    assert_eq!(
        answered(Fault::default().delivery(Delivery::Html { status: 200 })).await.kind,
        ErrorKind::Server
    );
}

#[tokio::test]
async fn a_reply_that_is_cut_is_no_answer() {
    assert_eq!(answered(Fault::default().delivery(Delivery::Truncate)).await.kind, ErrorKind::Network);
}

#[tokio::test]
async fn a_reply_of_the_wrong_type_is_no_answer() {
    for body in
        [json!([]), json!("ya29.c.hush"), json!({"accessToken": 3}), json!({"accessToken": null}), json!({})]
    {
        let error = answered(Fault::default().answer(200, body.clone())).await;
        assert_eq!(error.kind, ErrorKind::Server, "{body}: {error}");
        assert!(!error.sentence().contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn a_reply_that_never_ends_is_read_to_a_bound() {
    let error = answered(Fault::default().delivery(Delivery::Endless)).await;
    assert_eq!(error.kind, ErrorKind::Server);
    assert!(error.sentence().contains("8 MiB"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_reply_that_makes_no_sense_is_kept_in_activity() {
    use crate::{support::EmulatorProcess, terminal::Terminal};
    let (here, there) = (Home::new(), Home::new());
    let mut world: serde_json::Value =
        serde_json::from_str(include_str!("../../crates/emulator/assets/world.json")).unwrap();
    world["faults"] = json!([{ "method": MINT, "html": true, "status": 200 }]);
    let emulator = EmulatorProcess::start(&there, &["--world", &there.file("world.json", world.to_string())]);
    let mut terminal = Terminal::start(&here, (120, 40), &[], &emulator.env());
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("web page");
    terminal.press("esc");
    terminal.wait_until("the form is left", |screen| !screen.contains("ctrl-s submit"));
    terminal.press("6");
    terminal.wait_for("GenerateAccessToken");
}
