//! What subcommands print on a terminal.

use serde_json::json;

use super::{
    flood,
    strict::{first_trick, first_trick_in_lines},
    token, trick, world,
};
use crate::{
    support::{EmulatorProcess, Home},
    terminal::Terminal,
};

/// Runs a subcommand in a terminal to its end; gives all that it wrote, which must be lines of plain text.
#[track_caller]
fn prints(home: &Home, arguments: &[&str], vars: &[(String, String)]) -> String {
    let script = r#""$0" "$@"; echo "ended with $?""#;
    let mut terminal = Terminal::start_script(home, (120, 40), script, arguments, vars);
    terminal.wait_for("ended with ");
    terminal.exit_code();
    let text = String::from_utf8(terminal.raw().to_vec()).unwrap().replace("\r\n", "\n");
    let lines = text.replace('\n', "");
    assert_eq!(first_trick(lines.as_bytes()), None, "{arguments:?}");
    text
}

#[test]
fn subcommands_print_tricks_as_marks() {
    let (here, there) = (Home::new(), Home::new());
    let refusal = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": trick(), "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": trick(), "domain": trick(), "metadata": {"permission": trick()}},
    ]}});
    let faults = json!([{"method": "iamcredentials.generateAccessToken", "status": 403, "body": refusal}]);
    let emulator =
        EmulatorProcess::start(&there, &["--world", &there.file("world.json", world(faults).to_string())]);
    let (vars, account) = (emulator.env(), "deployer@acme-prod");
    let error = here.file("error.json", refusal.to_string());
    let token = here.file("token", token());
    let junk = here.file("junk", flood());
    for arguments in [
        &["accounts", "--project", "acme-prod"][..],
        &["accounts", "--project", "acme-prod", "--json"],
        &["whoami"],
        &["can", account],
        &["policy", "get", account],
        &["policy", "get", account, "--json"],
        &[
            "policy",
            "grant",
            account,
            "--member",
            "user:x@example.com",
            "--role",
            "roles/viewer",
            "--dry-run",
            "--condition-expression",
            &text(),
            "--condition-title",
            &text(),
        ],
        &["token", "access", account],
        &["doctor"],
        &["doctor", &error],
        &["doctor", &junk],
        &["decode", &token],
        &["decode", &token, "--json"],
        &["decode", &junk],
        &["decode", &token, "--audience", &text()],
    ] {
        let printed = prints(&here, arguments, &vars);
        assert!(!printed.contains("panicked") && printed.lines().count() > 1, "{arguments:?}\n{printed}");
    }
    assert!(
        prints(&here, &["accounts", "--project", "acme-prod"], &vars).contains("␛]0;owned"),
        "it is shown"
    );
}

/// A trick that can be an argument.
fn text() -> String {
    trick().replace('\0', "")
}

#[test]
fn what_is_wrong_with_arguments_files_and_settings_is_said_in_marks() {
    let home = Home::new();
    let name = text().replace('/', "");
    let short: String = name.chars().take(60).collect();
    let file = home.file(&short, "{");
    std::fs::write(home.path("config.toml"), format!("\"{}\" = 1\n", "a\\u001b]0;x\\u202e")).unwrap();
    for arguments in [
        &["whoami"][..],
        &["--config", &name, "whoami"],
        &["--config", "/dev/null", "--credentials", &file, "whoami"],
        &["--config", "/dev/null", "--credentials", &name, "whoami"],
        &["--config", "/dev/null", "decode", &name],
        &["--config", "/dev/null", "doctor", &file],
        &["--config", "/dev/null", &name],
        &["--config", "/dev/null", "--pane", &name],
        &["--config", "/dev/null", "--timeout", &name, "whoami"],
        &["--config", "/dev/null", &format!("--{name}")],
        &["--config", "/dev/null", "can", &name],
        &["--config", "/dev/null", "token", "access", &name, "--out", &file],
        &["--config", "/dev/null", "emulator", "--world", &file],
        &["--config", "/dev/null", "emulator", "--world", &name],
    ] {
        let printed = prints(&home, arguments, &[]);
        assert!(printed.lines().count() > 1 && !printed.contains("ended with 0"), "{arguments:?}\n{printed}");
    }
}

#[test]
fn a_pipe_gets_no_tricks_either() {
    let home = Home::new();
    let token = home.file("token", token());
    for arguments in [&["decode", &token][..], &["decode", &token, "--json"]] {
        assert_eq!(first_trick_in_lines(&home.run(arguments).out), None, "{arguments:?}");
    }
}
