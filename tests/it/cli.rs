//! The command line as other people's scripts see it: what is printed where, the fields of `--json` in their order,
//! and the exit codes.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use impersona_emulator::names::{API, CAROL, EDITABLE};
use serde_json::{Value, json};

use crate::support::{DEPLOYER, EmulatorProcess, Home, names};

const SERVICE: &str = "https://svc.run.app";

/// Runs a subcommand in the demo.
fn demo(arguments: &[&str]) -> crate::support::Ran {
    let arguments: Vec<&str> = ["--demo"].iter().chain(arguments).copied().collect();
    Home::new().run(&arguments)
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && text.ends_with('Z'))
}

/// An ID token of the demo.
fn id_token() -> String {
    demo(&["token", "id", DEPLOYER, "--audience", SERVICE]).good()
}

// What each subcommand prints.

#[test]
fn whoami_says_who_calls_and_from_where() {
    let caller = demo(&["whoami", "--json"]).json();
    assert_eq!(
        names(&caller),
        ["principal", "source", "project", "quotaProject", "universe", "scopes", "expireTime"]
    );
    assert_eq!(caller["principal"], "dev@example.com");
    assert_eq!((&caller["project"], &caller["quotaProject"]), (&json!("acme-prod"), &json!("acme-prod")));
    assert_eq!(caller["universe"], "googleapis.com");
    assert!(is_time(&caller["expireTime"]) && caller["scopes"].is_array(), "{caller}");

    let text = demo(&["whoami"]).good();
    assert!(text.starts_with("principal      dev@example.com\n"), "{text}");
}

#[test]
fn accounts_prints_one_account_a_line() {
    let lines = demo(&["accounts", "--json"]).good();
    let accounts: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(accounts.len(), 60);
    for account in &accounts {
        assert_eq!(
            names(account),
            ["email", "uniqueId", "displayName", "description", "disabled", "project"]
        );
    }
    let disabled = accounts.iter().filter(|account| account["disabled"] == true).count();
    assert_eq!(
        (&accounts[0]["email"], &accounts[0]["project"], disabled),
        (&json!(DEPLOYER), &json!("acme-prod"), 1)
    );

    let text = demo(&["accounts", "--project", "acme-stage"]).good();
    assert!(text.lines().all(|line| line.contains("@acme-stage.iam.gserviceaccount.com ")), "{text}");
}

#[test]
fn can_answers_for_every_permission_of_the_matrix() {
    let answer = demo(&["can", "api@acme-prod", "--json"]).json();
    assert_eq!(names(&answer), ["account", "permissions"]);
    assert_eq!(answer["account"], API);
    let all = [
        "getAccessToken",
        "getOpenIdToken",
        "signJwt",
        "signBlob",
        "implicitDelegation",
        "actAs",
        "getIamPolicy",
        "setIamPolicy",
    ];
    assert_eq!(names(&answer["permissions"]), all.map(|name| format!("iam.serviceAccounts.{name}")));
    let may = |name: &str| &answer["permissions"][format!("iam.serviceAccounts.{name}")];
    assert_eq!((may("getOpenIdToken"), may("getAccessToken")), (&json!(true), &json!(false)));

    let text = demo(&["can", "api@acme-prod"]).good();
    assert!(text.contains("yes ") && text.contains("needs roles/iam.serviceAccountTokenCreator"), "{text}");
}

/// The accounts that lines of `--json` are about.
fn accounts_of(lines: &str) -> Vec<String> {
    let account = |line: &str| {
        let object: Value = serde_json::from_str(line).expect("an object a line");
        object["account"].as_str().map(str::to_owned)
    };
    lines.lines().filter_map(account).collect()
}

#[test]
fn can_check_ends_with_4_where_an_answer_is_no() {
    assert_eq!(demo(&["can", DEPLOYER, "--check", "access,jwt"]).code, 0);
    for check in ["access", "id,access", "iam.serviceAccounts.getAccessToken"] {
        let ran = demo(&["can", API, "--check", check, "--json"]);
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(answer["account"], API);
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!((ran.code, &error["error"]["kind"]), (4, &json!("denied")), "{check}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("getAccessToken") && !message.contains("getOpenIdToken"), "{message}");
    }
    let wrong = demo(&["can", API, "--check", "acces"]);
    assert!(wrong.code == 2 && wrong.err.contains("access"), "{}", wrong.err);
}

#[test]
fn can_all_answers_for_every_account_of_each_project() {
    let lines = demo(&["can", "--all", "--json"]).good();
    assert_eq!(accounts_of(&lines).len(), 60);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(names(&first), ["account", "permissions"]);

    let minting = accounts_of(&demo(&["can", "--all", "--only", "access,blob", "--json"]).good());
    let expected = lines.lines().filter(|line| {
        ["getAccessToken", "signBlob"]
            .iter()
            .any(|name| line.contains(&format!("iam.serviceAccounts.{name}\":true")))
    });
    let (mut expected, mut found) = (accounts_of(&expected.collect::<Vec<_>>().join("\n")), minting.clone());
    expected.sort();
    found.sort();
    assert!(!found.is_empty() && found == expected, "{found:?} {expected:?}");

    let both = ["can", "--all", "--project", "acme-prod", "--project", "acme-stage", "--json"];
    let both = accounts_of(&demo(&both).good());
    let of = |project: &str| both.iter().filter(|name| name.contains(&format!("@{project}."))).count();
    assert!(of("acme-prod") == 60 && of("acme-stage") > 0, "{both:?}");
}

#[test]
fn project_that_cannot_be_listed_fails_can_all_after_the_others() {
    let ran = demo(&["can", "--all", "--project", "acme-nowhere", "--project", "acme-stage"]);
    assert!(ran.code == 5 && ran.out.contains("@acme-stage."), "{} {}", ran.code, ran.out);
    assert!(ran.err.contains("acme-nowhere: "), "{}", ran.err);
    let twice = demo(&["accounts", "--project", "acme-prod", "--project", "acme-stage"]);
    assert!(twice.code == 2 && twice.err.contains("can --all"), "{}", twice.err);
}

#[test]
fn a_write_says_how_to_undo_it() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let run = |line: &[&str]| {
        let output = home.command(line).envs(emulator.env()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let binding = ["--member", CAROL, "--role", "roles/iam.serviceAccountUser"];
    let grant = [&["policy", "grant", EDITABLE], &binding[..]].concat();
    let (code, err) = run(&grant);
    assert_eq!(code, Some(0), "{err}");
    let command = err.split('`').nth(1).unwrap().to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert_eq!(words[..2], ["policy", "restore"]);
    let (code, err) = run(&words);
    assert_eq!(code, Some(0), "{err}");
    let (_, again) = run(&[&["policy", "revoke", EDITABLE], &binding[..]].concat());
    assert!(again.contains("Nothing to do"), "{again}");
}

#[test]
fn shells_and_man_get_what_the_arguments_say() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.run(&["completions", shell]).good();
        assert!(script.contains("take-current-etag") && script.contains("metadata"), "{shell}");
    }
    assert!(home.run(&["man"]).good().contains("impersona"));
    let page = home.run(&["man", "policy", "grant"]).good();
    assert!(page.contains("impersona\\-policy\\-grant") && page.contains("expires"), "{page}");
    let wrong = home.run(&["man", "polcy"]);
    assert!(wrong.code == 2 && wrong.err.contains("Did you mean policy?"), "{}", wrong.err);
}

#[test]
fn info_names_the_files_and_asks_nobody() {
    let home = Home::new();
    let info = home.run(&["info", "--json"]).json();
    assert_eq!(names(&info), ["version", "configuration", "state", "log", "theme", "caller", "source"]);
    assert_eq!((&info["version"], &info["theme"]), (&json!(env!("CARGO_PKG_VERSION")), &json!("dark")));
    let log = info["log"].as_str().unwrap();
    assert!(log.starts_with(info["state"].as_str().unwrap()), "{info}");
    assert!(home.run(&["info"]).good().contains(log));
}

#[test]
fn what_nobody_can_say_is_null_and_the_failure_follows() {
    let home = Home::new();
    let ran = home.run(&["can", DEPLOYER, "--json"]);
    assert_eq!(ran.code, 3);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(answer["permissions"].as_object().unwrap().values().all(Value::is_null), "{answer}");
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["kind"], "credentials");
}

#[test]
fn token_access_prints_the_token_alone() {
    let token = demo(&["token", "access", "deployer@acme-prod", "--lifetime", "600s"]).good();
    assert!(token.starts_with("ya29.c.") && token.ends_with('\n') && token.lines().count() == 1);

    let relays = ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"];
    let minted = demo(&[
        "token",
        "access",
        "vault@acme-prod",
        "--scope",
        "cloud-platform",
        "--scope",
        "email", //
        "--delegate",
        "relay-a@acme-ci",
        "--delegate",
        relays[1],
        "--json",
    ])
    .json();
    assert_eq!(names(&minted), ["kind", "account", "token", "expireTime", "scopes", "delegates"]);
    assert_eq!((&minted["kind"], &minted["delegates"]), (&json!("access"), &json!(relays)));
    let scopes =
        ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"];
    assert_eq!(minted["scopes"], json!(scopes));
    assert!(is_time(&minted["expireTime"]), "{}", minted["expireTime"]);
}

#[test]
fn token_id_prints_the_token_alone() {
    let token = id_token();
    assert!(token.starts_with("eyJ") && token.ends_with('\n') && token.lines().count() == 1);

    let minted =
        demo(&["token", "id", "deployer@acme-prod", "--audience", SERVICE, "--no-email", "--json"]).json();
    assert_eq!(names(&minted)[..5], ["kind", "account", "token", "expireTime", "audience"]);
    assert_eq!(
        (&minted["kind"], &minted["account"], &minted["audience"]),
        (&json!("id"), &json!(DEPLOYER), &json!(SERVICE))
    );
    let decoded =
        Home::new().run_with(minted["token"].as_str().unwrap(), &["decode", "--offline", "--json"]).json();
    assert_eq!(decoded["claims"].get("email"), None);
}

#[test]
fn keys_prints_the_table() {
    let home = Home::new();
    assert!(home.run(&["keys"]).good().contains("quit"));
    let rows = home.run(&["keys", "--json"]).json();
    assert!(
        rows.as_array().unwrap().iter().any(|row| row["name"] == "mint-menu" && row["keys"] == json!(["t"])),
        "{rows}"
    );
}

// Decoding.

#[test]
fn decode_needs_neither_credentials_nor_network() {
    let home = Home::new();
    let token = id_token();
    let decoded = home.run_with(&token, &["decode", "--offline", "--json"]).json();
    assert_eq!(names(&decoded), ["form", "header", "claims", "times", "verdict", "findings"]);
    assert_eq!(names(&decoded["times"]), ["iat", "exp", "nbf", "remainingSeconds"]);
    assert_eq!(names(&decoded["verdict"]), ["state", "reason", "key"]);
    assert_eq!((&decoded["form"], &decoded["header"]["alg"]), (&json!("jws"), &json!("RS256")));
    assert_eq!((&decoded["claims"]["aud"], &decoded["claims"]["email"]), (&json!(SERVICE), &json!(DEPLOYER)));
    assert_eq!(decoded["verdict"]["state"], "not_checked");

    let file = home.file("token.jwt", &token);
    let text = home.run(&["decode", "--offline", &file]).good();
    assert!(text.starts_with("signed JWT\n") && text.contains("not checked"), "{text}");
}

#[test]
fn decode_refuses_empty_input_with_exit_code_8() {
    let home = Home::new();
    for empty in ["", " \r\n"] {
        let said = home.run_with(empty, &["decode", "--offline", "-"]).failed(8);
        assert!(said.contains("Empty input: paste or pipe a token"), "{said}");
    }
}

#[test]
fn decode_says_what_the_service_would_refuse() {
    let decoded = Home::new()
        .run_with(id_token(), &["decode", "--offline", "--json", "--audience", "https://other.run.app"])
        .json();
    let findings = decoded["findings"].as_array().unwrap();
    assert_eq!(names(&findings[0]), ["code", "severity", "message"]);
    assert!(findings.iter().any(|finding| finding["severity"] == "error"), "{findings:?}");
}

#[test]
fn decode_checks_with_the_keys_of_a_file_or_of_the_services() {
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    let with = |arguments: &[&str]| here.command(arguments).envs(emulator.env()).output().unwrap().stdout;
    let token = here.file("token.jwt", with(&["token", "id", DEPLOYER, "--audience", SERVICE]));

    let decoded: Value = serde_json::from_slice(&with(&["decode", "--json", &token])).unwrap();
    assert_eq!(decoded["verdict"]["state"], "verified", "{decoded}");
    assert!(
        decoded["verdict"]["key"].is_string()
            && decoded["verdict"]["reason"].as_str().unwrap().contains("EMULATOR")
    );

    let stranger = here.file("keys.json", r#"{"keys":[]}"#);
    let decoded = here.run(&["decode", "--json", "--jwks", &stranger, &token]).json();
    assert_ne!(decoded["verdict"]["state"], "verified", "{decoded}");
}

#[test]
fn decode_reaches_the_keys_of_the_demo_too() {
    let verdict = Home::new().run_with(id_token(), &["--demo", "decode", "--json"]).json()["verdict"].clone();
    // The demo makes new keys at each start: a token of another run is signed by none of them.
    assert_ne!(verdict["state"], "verified");
    assert!(!verdict["reason"].as_str().unwrap().contains("cannot be"), "{verdict}");
}

#[test]
fn a_token_as_an_argument_is_refused_and_not_repeated() {
    let home = Home::new();
    for argument in ["eyJhbGciOiJub25lIn0.e30.c2VjcmV0", "ya29.c.c2VjcmV0", "--audience=eyJc2VjcmV0"] {
        let sentence = home.run(&["decode", argument]).failed(2);
        assert!(
            sentence.contains("others on this machine can read arguments") && !sentence.contains("c2VjcmV0"),
            "{sentence}"
        );
    }
}

// How it ends.

#[test]
fn a_failure_is_one_object_with_its_kind_and_the_exit_code_that_goes_with_it() {
    let deployer = "deployer@acme-prod";
    for (arguments, code, kind, reason) in [
        (&["accounts", "--json", "--no-such-flag"][..], 2, "config", Value::Null),
        (&["can", "--json"], 2, "config", Value::Null),
        (&["token", "access", API, "--json"], 4, "denied", json!("IAM_PERMISSION_DENIED")),
        (&["accounts", "--project", "acme-locked", "--json"], 4, "denied", json!("IAM_PERMISSION_DENIED")),
        (
            &["token", "access", deployer, "--quota-project", "acme-dark", "--json"],
            4,
            "denied",
            json!("SERVICE_DISABLED"),
        ),
        (&["accounts", "--project", "no-such-project", "--json"], 5, "not_found", Value::Null),
        (&["token", "access", deployer, "--lifetime", "13h", "--json"], 8, "invalid", Value::Null),
        (&["token", "access", deployer, "--lifetime", "2h", "--json"], 8, "invalid", Value::Null),
    ] {
        let error = demo(arguments).error(code);
        assert_eq!((&error["kind"], &error["reason"]), (&json!(kind), &reason), "{arguments:?}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 20), "{error}");
    }
}

#[test]
fn without_credentials_it_ends_with_3_and_the_way_to_get_some() {
    let error = Home::new().run(&["whoami", "--json"]).error(3);
    assert_eq!(error["kind"], "credentials");
    assert!(error["next"].as_str().unwrap().contains("gcloud auth application-default login"), "{error}");
}

#[test]
fn without_a_project_it_ends_with_2_and_the_ways_to_name_one() {
    let home = Home::new();
    let mut command = home.command(&["accounts", "--json", "--credentials", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"ya29.some-token").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && text.contains("--project") && !text.contains("some-token"),
        "{text}"
    );
}

#[test]
fn a_server_that_is_not_there_ends_with_7() {
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    let adc =
        emulator.env().into_iter().find(|(name, _)| name == "GOOGLE_APPLICATION_CREDENTIALS").unwrap().1;
    // The files go with the emulator.
    let adc = here.file("adc.json", std::fs::read(adc).unwrap());
    let env = emulator.env();
    drop(emulator);
    let output = here.command(&["whoami", "--json", "--credentials", &adc]).envs(env).output().unwrap();
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &error["error"]["kind"]), (Some(7), &json!("network")), "{error}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let mut child =
        home.command(&["--demo", "--demo-accounts", "3000", "accounts", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_subcommand_of_the_demo_that_is_told_to_stop_takes_its_files_away_first() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let home = Home::new();
        let has_files = || home.files().iter().any(|(path, _)| path.starts_with(home.path("tmp")));
        // More than a pipe holds: it cannot have ended before it is told.
        let mut child = home.command(&["--demo", "--demo-accounts", "3000", "accounts"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut String::new()).unwrap();
        assert!(has_files());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{signal:?}: {said}");
        assert!(said.contains("stopped") && rest.lines().count() < 2_999, "{signal:?}: {said}");
        assert!(!has_files(), "{signal:?}");
    }
}

#[test]
fn the_exit_codes_are_in_the_help() {
    let help = Home::new().run(&["--help"]).good();
    for text in ["Exit codes: 0 success", "3 missing", "8 invalid input", "--quota-project"] {
        assert!(help.contains(text), "{text}\n{help}");
    }
}

// The emulator as a process.

#[test]
fn the_emulator_says_first_where_it_is_and_another_process_can_use_it() {
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    assert_eq!(names(&emulator.first), ["port", "endpoints", "env", "callers", "projects"]);
    let port = emulator.first["port"].as_u64().unwrap();
    let endpoints = emulator.first["endpoints"].as_object().unwrap();
    assert!(
        endpoints.values().all(|url| url.as_str().unwrap().starts_with(&format!("http://127.0.0.1:{port}/")))
    );
    assert_eq!(emulator.first["projects"][0], "acme-prod");

    for env in [emulator.env(), emulator.shell_env()] {
        let output = here.command(&["token", "access", DEPLOYER]).envs(env).output().unwrap();
        assert!(output.status.success() && output.stdout.starts_with(b"ya29.c."), "{output:?}");
    }
    // Google's libraries take a person's login to Google and an account's key to where its file says.
    let shell: std::collections::HashMap<String, String> = emulator.shell_env().into_iter().collect();
    let adc = std::fs::read_to_string(&shell["GOOGLE_APPLICATION_CREDENTIALS"]).unwrap();
    let adc: Value = serde_json::from_str(&adc).unwrap();
    assert_eq!(adc["type"], "service_account");
    assert_eq!(adc["token_uri"], format!("http://127.0.0.1:{port}/token"));
    assert_eq!(shell["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"], "1");
    let output = here.command(&["accounts", "--project", "acme-prod"]).envs(&shell).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let callers = emulator.first["callers"].as_array().unwrap();
    let ours = |caller: &&Value| caller["kind"] == "authorized_user" || caller["kind"] == "service_account";
    assert_eq!(callers.iter().filter(ours).count(), 4);
    for caller in callers.iter().filter(ours) {
        let path = caller["path"].as_str().unwrap();
        let output =
            here.command(&["whoami", "--json", "--credentials", path]).envs(emulator.env()).output().unwrap();
        let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
        let principal = caller["principal"].as_str().unwrap().split_once(':').unwrap().1;
        assert_eq!(seen["principal"], principal);
    }
}

#[cfg(unix)]
#[test]
fn the_emulator_that_is_told_to_stop_takes_its_files_away() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::SYS] {
        let home = Home::new();
        let has_files = || home.files().iter().any(|(path, _)| path.starts_with(home.path("tmp")));
        let emulator = EmulatorProcess::start(&home, &[]);
        assert!(has_files());
        assert_eq!(emulator.stop(signal), 0, "{signal:?}");
        assert!(!has_files());
    }
}

#[test]
fn a_token_on_stdin_is_a_caller() {
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    // Whose it is, is told by a token with this scope only.
    let mint = ["token", "access", DEPLOYER, "--scope", "email"];
    let caller = here.command(&mint).envs(emulator.env()).output().unwrap().stdout;
    let mut command = here.command(&["whoami", "--json", "--credentials", "-"]);
    let mut child = command.envs(emulator.env()).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &caller).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&seen["source"], &seen["principal"]), (&json!("stdin"), &json!(DEPLOYER)));
}

#[test]
fn what_the_system_says_of_a_file_comes_without_its_number() {
    let home = Home::new();
    let missing = home.path("missing").display().to_string();
    let folder = home.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.display().to_string();
    let cases: [&[&str]; 6] = [
        &["--demo", "token", "blob", DEPLOYER, &missing],
        &["--demo", "token", "blob", DEPLOYER, &folder],
        &["--demo", "token", "access", DEPLOYER, "--out", &format!("{missing}/token")],
        &["--demo", "decode", &missing],
        &["--config", &missing, "whoami"],
        &["emulator", "--world", &missing],
    ];
    for case in cases {
        let ran = home.run(case);
        assert_ne!(ran.code, 0, "{case:?}");
        let told = ran.err.contains("No such file or directory") || ran.err.contains("Is a directory");
        assert!(told && !ran.err.contains("os error"), "{case:?}: {}", ran.err);
    }
}
