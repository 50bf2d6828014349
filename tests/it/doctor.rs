//! Explaining and fixing denials by keys alone, in a terminal and over real HTTP; and what inspecting a token sends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    io::Write,
    process::{Output, Stdio},
};

use crate::{
    support::{DEPLOYER, EmulatorProcess, Home, proxy},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

/// Leaves the form, then explains. Sent together, the two keys would be alt-x.
fn explain(terminal: &mut Terminal) {
    terminal.press("esc");
    terminal.wait_until("the form left", |screen| !screen.contains("tab field"));
    terminal.press("x");
}

fn explorer(home: &Home, arguments: &[&str]) -> Terminal {
    Terminal::start(home, SIZE, arguments, &[])
}

#[test]
fn from_a_denial_through_the_grant_to_a_token_by_keys_alone() {
    let home = Home::new();
    let mut terminal = explorer(&home, &["--demo", "editable@acme-prod"]);
    terminal.wait_for("✓ edit policy");
    terminal.press("t a ctrl-s");
    terminal.wait_for("✗ missing iam.serviceAccounts.getAccessToken");
    terminal.wait_for("You don't have");
    explain(&mut terminal);
    terminal.wait_for("you don't have iam.serviceAccounts.getAccessToken on editable@acme-prod.");
    terminal.wait_for("can't mint, but its members");
    terminal.wait_for("a  stage and review the grant: Service Account Token Creator on editable@acme-prod");
    terminal.wait_for("not the scope");
    terminal.wait_for("not the API");
    terminal.press("a");
    terminal.wait_for("Grant on editable@acme-prod");
    terminal.press("ctrl-s");
    terminal.wait_for("+ user:dev@example.com");
    terminal.press("s");
    terminal.wait_for("Write these changes to editable@acme-prod");
    terminal.press("enter");
    terminal.wait_for("Your grant on editable@acme-prod is in effect");
    terminal.press("T");
    terminal.wait_for("Minted access token for editable@acme-prod");
}

#[test]
fn an_api_that_is_off_is_enabled_after_a_question_and_the_mint_then_works() {
    let home = Home::new();
    let mut terminal = explorer(&home, &["--demo", "nightly@acme-dark"]);
    terminal.wait_for("nightly@acme-dark.iam.gserviceaccount.com");
    terminal.press("i");
    terminal.wait_for("impersonate nightly@acme-dark");
    terminal.type_text("impersonate nightly");
    terminal.press("enter");
    terminal.wait_for("via dev@example.com");
    terminal.press("t a ctrl-s");
    terminal.wait_for("is not enabled in project");
    explain(&mut terminal);
    terminal.wait_for("e  enable iamcredentials.googleapis.com in project");
    terminal.wait_for("Service Usage confirms");
    terminal.press("e");
    terminal.wait_for("Enable iamcredentials.googleapis.com in project");
    terminal.press("n");
    let screen = terminal.wait_until("the question gone", |screen| !screen.contains("Enable iamcredentials"));
    assert!(!screen.contains("enabling"), "no is no\n{screen}");
    terminal.press("e y");
    terminal.wait_for("enabling");
    terminal.wait_for("is enabled now, but wasn't at the time of the call");
    terminal.press("T");
    terminal.wait_for("Minted access token for nightly@acme-dark");
}

#[test]
fn of_a_chain_the_hop_that_is_missing_is_named_and_granting_it_is_the_step() {
    let home = Home::new();
    let mut terminal = explorer(&home, &["--demo", "ci@acme-ci"]);
    terminal.wait_for("ci@acme-ci.iam.gserviceaccount.com");
    terminal.press("t a tab tab");
    terminal.type_text("relay-a@acme-ci.iam.gserviceaccount.com");
    terminal.press("ctrl-s");
    terminal.wait_for("A delegate in the chain doesn't have");
    explain(&mut terminal);
    terminal.wait_for("the chain stops at relay-a@acme-ci");
    terminal.wait_for("✓ you > relay-a@acme-ci");
    terminal.wait_for("? relay-a@acme-ci > ci@acme-ci");
    terminal.wait_for("to relay-a@acme-ci, 1h");
    terminal.press("a");
    terminal.wait_for("serviceAccount:relay-a@acme-ci.iam.gserviceaccount.com");
}

/// Variables for the program with an access token of this scope.
fn with_token(home: &Home, emulator: &EmulatorProcess, scope: &str) -> Vec<(String, String)> {
    let mut command = home.command(&["token", "access", DEPLOYER, "--scope", scope]);
    let minted = command.envs(emulator.env()).output().unwrap();
    let token = String::from_utf8(minted.stdout).unwrap().trim().to_owned();
    assert!(token.starts_with("ya29."), "{}", String::from_utf8_lossy(&minted.stderr));
    let mut env = emulator.env();
    env.retain(|(name, _)| name != "GOOGLE_APPLICATION_CREDENTIALS");
    env.push(("CLOUDSDK_AUTH_ACCESS_TOKEN".into(), token));
    env
}

#[test]
fn a_scope_that_is_missing_looks_different_from_a_role_that_is() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    for (scope, ruled_out, cause) in [
        ("devstorage.read_only", "not a role: the call never reached IAM", "doesn't have the scope"),
        (
            "cloud-platform",
            "not the scope: your token has cloud-platform",
            "iam.serviceAccounts.getAccessToken",
        ),
    ] {
        let env = with_token(&home, &emulator, scope);
        let mut terminal = Terminal::start(&home, SIZE, &["vault@acme-prod"], &env);
        terminal.wait_for("vault@acme-prod.iam.gserviceaccount.com");
        terminal.press("t a ctrl-s");
        // The overview has its own sentence with the next step.
        terminal.wait_for("[ mint ]");
        let next = |screen: &str| ["Log in again", "Ask for"].iter().any(|next| screen.contains(next));
        terminal.wait_until("the next step", next);
        explain(&mut terminal);
        terminal.wait_for(ruled_out);
        terminal.wait_for(cause);
    }
}

#[test]
fn the_last_failure_is_kept_for_the_command_line_and_holds_no_credential() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let run = |arguments: &[&str]| home.command(arguments).envs(emulator.env()).output().unwrap();
    assert_eq!(run(&["doctor"]).status.code(), Some(5), "nothing was denied yet");
    assert_eq!(run(&["token", "access", "vault@acme-prod"]).status.code(), Some(4));
    let kept = std::fs::read_to_string(home.path("state").join("last-failure.json")).unwrap();
    assert!(kept.contains("getAccessToken") && !kept.contains("ya29."), "{kept}");
    let told: serde_json::Value = serde_json::from_slice(&run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(told["cause"], "permission_missing");
    assert!(told["evidence"].to_string().contains("roles/viewer (project acme-prod)"), "{told}");
    assert!(told["next"].to_string().contains("roles/iam.serviceAccountTokenCreator"), "{told}");
    assert!(told["evidence"].to_string().contains("denied just now"), "it says when\n{told}");
    // A success in between leaves it, and so does the doctor.
    assert_eq!(run(&["token", "access", DEPLOYER]).status.code(), Some(0));
    assert_eq!(run(&["doctor"]).status.code(), Some(0));
}

fn fed(home: &Home, arguments: &[&str], vars: &[(String, String)], text: &str) -> Output {
    let mut command = home.command(arguments);
    command.envs(vars.iter().cloned()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn an_error_that_somebody_has_is_explained_without_asking_anybody() {
    let home = Home::new();
    let (address, asked) = proxy();
    let vars: Vec<_> =
        ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name.to_owned(), address.clone())).into();
    let body = r#"HTTP/2 403

{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com","metadata":{"consumer":"projects/8667575547","service":"iamcredentials.googleapis.com"}}]}}"#;
    let output = fed(&home, &["doctor", "-"], &vars, body);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success()
            && text.contains("gcloud services enable iamcredentials.googleapis.com --project=8667575547"),
        "{text}"
    );
    let output = fed(&home, &["doctor", "-"], &vars, "hello");
    assert_eq!(output.status.code(), Some(8));
    assert!(asked.try_recv().is_err(), "nothing was sent");
}

#[test]
fn inspecting_sends_nothing_until_a_key_asks_and_then_never_what_is_not_googles_to_see() {
    let home = Home::new();
    let (address, asked) = proxy();
    // Every remote host would be reached through it, and no one is logged in.
    let vars: Vec<_> =
        ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name.to_owned(), address.clone())).into();
    let mut terminal = Terminal::start(&home, SIZE, &["--pane", "inspect"], &vars);
    terminal.wait_for("Paste a token here");
    let google = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ.c2ln";
    let foreign = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0.c2ln";
    let api_key = format!("AI{}{}", "za", "x".repeat(35));
    let kinds = [
        (google, "signed JWT"),
        (foreign, "signed JWT"),
        ("1//0example-refresh-token-of-nobody", "Google refresh token"),
        (api_key.as_str(), "Google API key"),
        ("ya29.c.example-token-of-nobody", "Google access token"),
    ];
    for (token, name) in kinds {
        terminal.paste(token);
        terminal.wait_for(name);
        terminal.press("v v");
    }
    for (token, name) in [kinds[1], kinds[2], kinds[3]] {
        terminal.paste(token);
        terminal.wait_for(name);
        terminal.press("enter");
        terminal.wait_for("signature not checked");
    }
    assert!(asked.try_recv().is_err(), "no key that may ask was pressed");
    terminal.paste(google);
    terminal.wait_for("accounts.google.com");
    terminal.press("enter");
    let line = asked.recv_timeout(crate::support::PATIENCE).unwrap();
    assert!(line.contains("www.googleapis.com:443"), "the signer's keys, and nothing else: {line}");
}
