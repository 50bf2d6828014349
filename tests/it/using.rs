//! Running something as an account: what the command gets and what it doesn't, who else is served, and how it ends. The
//! server is asked by hand, byte for byte.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use impersona_emulator::names::{API, DEPLOYER, EDITABLE, RELAY_A, RELAY_B, VAULT};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    support::{EmulatorProcess, Home, eventually, mode},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);
const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const IDENTITY: &str =
    "/computeMetadata/v1/instance/service-accounts/default/identity?audience=https://svc.run.app";

/// Prints its environment, waits for a line, and ends with 5.
const SCRIPT: &str = r#"env; echo "PID=$$"; echo END; read line; exit 5"#;

/// What a server answers: status and body. None where nothing listens any more.
pub fn ask(port: u16, path: &str, lines: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text.split_once("\r\n\r\n")?.1.to_owned()))
}

pub const FLAVOR: &str = "Metadata-Flavor: Google\r\n";

/// A command that runs as an account, and waits.
pub struct Used {
    pub child: Child,
    pub vars: BTreeMap<String, String>,
}

impl Used {
    pub fn start(home: &Home, emulator: &EmulatorProcess, flags: &[&str], vars: &[(&str, &str)]) -> Used {
        let arguments: Vec<&str> =
            ["exec"].iter().chain(flags).chain(&["--", "sh", "-c", SCRIPT]).copied().collect();
        let mut command = home.command(&arguments);
        command.envs(emulator.env()).env("PATH", "/usr/bin:/bin").envs(vars.iter().copied());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take_while(|line| line != "END").collect();
        let vars = said.iter().filter_map(|line| line.split_once('='));
        Used { child, vars: vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    pub fn port(&self) -> u16 {
        self.vars["GCE_METADATA_IP"].rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        ask(self.port(), path, FLAVOR).expect("it serves")
    }

    pub fn token(&self, path: &str) -> String {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{body}");
        let token: Value = serde_json::from_str(&body).unwrap();
        token["access_token"].as_str().unwrap().to_owned()
    }

    /// The folder with the credentials file.
    pub fn folder(&self) -> PathBuf {
        Path::new(&self.vars["GOOGLE_APPLICATION_CREDENTIALS"]).parent().unwrap().to_owned()
    }

    /// Nothing of the server is left.
    pub fn is_gone(&self) {
        let (port, folder) = (self.port(), self.folder());
        eventually("the server ends", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
        eventually("its folder goes", || (!folder.exists()).then_some(()));
    }

    /// Ends the command by a line on its stdin; gives the exit code and what was said on stderr.
    pub fn finish(mut self) -> (i32, String) {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        self.is_gone();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (code, said)
    }
}

/// An emulator, and what it says of a token.
fn emulator(home: &Home) -> EmulatorProcess {
    EmulatorProcess::start(home, &["--control"])
}

fn info(emulator: &EmulatorProcess, token: &str) -> Value {
    let port = u16::try_from(emulator.first["port"].as_u64().unwrap()).unwrap();
    serde_json::from_str(&ask(port, &format!("/tokeninfo?access_token={token}"), "").unwrap().1).unwrap()
}

/// How often a method was asked.
fn asked(emulator: &EmulatorProcess, method: &str) -> usize {
    let port = u16::try_from(emulator.first["port"].as_u64().unwrap()).unwrap();
    let served: Value = serde_json::from_str(&ask(port, "/_emulator/requests", "").unwrap().1).unwrap();
    served["requests"].as_array().unwrap().iter().filter(|one| one["method"] == method).count()
}

#[test]
fn command_is_led_to_the_account_and_to_no_other_credentials() {
    let home = Home::new();
    let emulator = emulator(&home);
    let others = [
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.other"),
        ("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "/x"),
        ("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", "x@y"),
        ("CLOUDSDK_CORE_ACCOUNT", "x@y"),
        ("GOOGLE_CREDENTIALS", "{}"),
        ("google_application_credentials", "/x"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("NO_PROXY", ".corp.example"),
        ("MINE", "kept"),
    ];
    let used = Used::start(&home, &emulator, &[DEPLOYER], &others);
    for (name, _) in &others[..6] {
        assert!(!used.vars.contains_key(*name), "{name}");
    }
    assert!(!used.vars.contains_key("NO_GCE_CHECK"));
    assert!(!used.vars.keys().any(|name| name.starts_with("IMPERSONA_EXEC")));
    let here = format!("127.0.0.1:{}", used.port());
    for (name, wanted) in [
        ("GCE_METADATA_HOST", here.as_str()),
        ("GCE_METADATA_ROOT", &here),
        ("GCE_METADATA_IP", &here),
        ("METADATA_SERVER_DETECTION", "assume-present"),
        ("NO_PROXY", ".corp.example,127.0.0.1,localhost"),
        ("no_proxy", ".corp.example,127.0.0.1,localhost"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("GOOGLE_CLOUD_PROJECT", "acme-prod"),
        ("MINE", "kept"),
    ] {
        assert_eq!(used.vars.get(name).map(String::as_str), Some(wanted), "{name}");
    }
    let file = Path::new(&used.vars["GOOGLE_APPLICATION_CREDENTIALS"]);
    assert_eq!((mode(file), mode(&used.folder())), (0o600, 0o700));
    let gcloud = Path::new(&used.vars["CLOUDSDK_CONFIG"]);
    assert_eq!(std::fs::read_dir(gcloud).unwrap().count(), 0);
    assert_eq!(used.vars["PID"], used.child.id().to_string(), "the command is the process that was started");
    assert_eq!(used.finish(), (5, String::new()));
}

#[test]
fn tokens_are_the_accounts_and_minted_when_asked_for_only() {
    let home = Home::new();
    let emulator = emulator(&home);
    let used = Used::start(&home, &emulator, &[DEPLOYER, "-v"], &[]);
    let mint = "iamcredentials.generateAccessToken";
    assert_eq!((asked(&emulator, mint), asked(&emulator, "oauth2.token")), (0, 0));
    let token = used.token(TOKEN);
    assert_eq!(used.token(TOKEN), token);
    assert_eq!(asked(&emulator, mint), 1);
    let found = info(&emulator, &token);
    assert_eq!(found["scope"], "https://www.googleapis.com/auth/cloud-platform");
    let narrow = used.token(&format!("{TOKEN}?scopes=https://www.googleapis.com/auth/devstorage.read_only"));
    assert_eq!(info(&emulator, &narrow)["scope"], "https://www.googleapis.com/auth/devstorage.read_only");
    let (status, id) = used.get(IDENTITY);
    assert!(status == 200 && id.starts_with("eyJ"), "{id}");
    assert_eq!(asked(&emulator, mint), 2);
    let (_, said) = used.finish();
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("impersona: served ")).collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(
        lines[0].starts_with(&format!("impersona: served an access token (cloud-platform) as {DEPLOYER}, "))
    );
    assert!(lines[3].contains("ID token for https://svc.run.app"), "{said}");
}

#[test]
fn fixed_scopes_hold_whatever_is_requested() {
    let home = Home::new();
    let emulator = emulator(&home);
    let used = Used::start(&home, &emulator, &[DEPLOYER, "--scope", "devstorage.read_only"], &[]);
    let token = used.token(&format!("{TOKEN}?scopes=https://www.googleapis.com/auth/cloud-platform"));
    assert_eq!(info(&emulator, &token)["scope"], "https://www.googleapis.com/auth/devstorage.read_only");
    used.finish();
}

#[test]
fn chain_reaches_its_end_and_a_denial_is_told_to_both() {
    let home = Home::new();
    let emulator = emulator(&home);
    let chain = [VAULT, "--delegate", RELAY_A, "--delegate", RELAY_B];
    let used = Used::start(&home, &emulator, &chain, &[]);
    assert!(used.token(TOKEN).starts_with("ya29."));
    assert_eq!(used.finish().1, "");

    let denied = Used::start(&home, &emulator, &[EDITABLE], &[]);
    for _ in 0..3 {
        let (status, body) = denied.get(TOKEN);
        assert_eq!(status, 403);
        assert!(body.starts_with("Unable to generate access token; IAM returned 403: "), "{body}");
    }
    let (status, _) = denied.get(IDENTITY);
    assert_eq!(status, 404, "gcloud carries on without an ID token only then");
    let (_, said) = denied.finish();
    assert_eq!(said.matches("no access token (cloud-platform) for").count(), 1, "{said}");
    assert!(said.contains("iam.serviceAccounts.getAccessToken") && said.contains("  next: "), "{said}");
}

#[test]
fn what_keeps_it_from_starting_is_said_with_its_exit_code() {
    let home = Home::new();
    let emulator = emulator(&home);
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.envs(emulator.env()).env("PATH", "/usr/bin:/bin");
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["exec", DEPLOYER, "--", "no-such-command"]);
    assert_eq!(
        (code, said.lines().next()),
        (Some(127), Some("impersona: no-such-command: command not found."))
    );
    let folder = home.path("home").display().to_string();
    let (code, said) = run(&["exec", DEPLOYER, "--", &folder]);
    assert!(code == Some(126) && said.contains("can't be run"), "{said}");
    assert_eq!(run(&["exec", "deployer", "--", "true"]).0, Some(8));
    assert_eq!(run(&["exec", DEPLOYER, "--lifetime", "13h", "--", "true"]).0, Some(8));
    assert_eq!(run(&["exec", DEPLOYER]).0, Some(2));
    let none = home.run(&["exec", DEPLOYER, "--", "true"]);
    assert!(none.code == 3 && none.err.contains("next:"), "{}", none.err);
    assert_eq!(none.out, "");
}

#[test]
fn stdin_arguments_and_exit_code_are_the_commands() {
    let home = Home::new();
    let emulator = emulator(&home);
    let script = r#"cat; echo "$@"; ulimit -Hc; cat "/proc/$$/task/$$/children" 2>/dev/null; exit 3"#;
    // What looks like a credential is the command's own business.
    let arguments = ["exec", DEPLOYER, "--", "sh", "-c", script, "sh", "--json", "eyJx", "--"];
    let mut command = home.command(&arguments);
    command.envs(emulator.env()).env("PATH", "/usr/bin:/bin").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"in\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((output.status.code(), &lines[..2]), (Some(3), &["in", "--json eyJx --"][..]));
    let limit = Command::new("sh").args(["-c", "ulimit -Hc"]).output().unwrap().stdout;
    assert_eq!(lines[2], String::from_utf8(limit).unwrap().trim(), "the limit of core files");
    // The one child is the `cat` that looks.
    assert!(lines.get(3).is_none_or(|children| children.split_whitespace().count() <= 1), "{lines:?}");
    assert_eq!(home.run(&["exec", "eyJx", "--", "true"]).code, 2, "but not before it");
}

#[test]
fn foreign_requests_are_refused() {
    let home = Home::new();
    let emulator = emulator(&home);
    let used = Used::start(&home, &emulator, &[DEPLOYER, "-v"], &[]);
    let port = used.port();
    for lines in [
        "",
        "Metadata-Flavor: Google\r\nX-Forwarded-For: 10.0.0.1\r\n",
        "Metadata-Flavor: Google\r\nOrigin: https://evil.example\r\n",
        "Metadata-Flavor: Google\r\nSec-Fetch-Site: cross-site\r\n",
        "Metadata-Flavor: Google\r\nHost: evil.example\r\n",
    ] {
        let (status, body) = ask(port, TOKEN, lines).unwrap();
        assert!(matches!(status, 400 | 403) && !body.contains("ya29"), "{lines:?}: {status} {body}");
    }
    assert_eq!(asked(&emulator, "iamcredentials.generateAccessToken"), 0);
    assert!(used.finish().1.contains("impersona: refused a request: "));
}

/// Some user that is not root; it need not exist.
const NOBODY: u32 = 65_534;

#[cfg(target_os = "linux")]
#[test]
fn program_of_another_user_is_refused() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() || !Path::new("/bin/bash").exists() {
        // Only root can be someone else.
        return;
    }
    let home = Home::new();
    let emulator = emulator(&home);
    let used = Used::start(&home, &emulator, &[DEPLOYER], &[]);
    let port = used.port();
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {TOKEN} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nConnection: \
         close\\r\\nMetadata-Flavor: Google\\r\\n\\r\\n' >&3; cat <&3"
    );
    let got = |uid| {
        let mut command = Command::new("/bin/bash");
        let output = command.args(["-c", &script]).current_dir("/").uid(uid).gid(uid).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = got(NOBODY);
    assert!(
        refused.starts_with("HTTP/1.1 403") && refused.contains("Only programs of the user"),
        "{refused}"
    );
    assert!(got(0).contains("ya29."));
    used.finish();
}

// How it ends.

#[test]
fn server_ends_with_a_command_that_is_killed() {
    let home = Home::new();
    let emulator = emulator(&home);
    // No SIGINT: where the tests run in the background of a shell, it is ignored, by the command as well.
    for signal in [Signal::KILL, Signal::TERM, Signal::USR1] {
        let mut used = Used::start(&home, &emulator, &[DEPLOYER], &[]);
        used.token(TOKEN);
        kill_process(Pid::from_child(&used.child), signal).unwrap();
        let status = used.child.wait().unwrap();
        let got = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(got, Some(signal.as_raw()), "as if there were no one between");
        used.is_gone();
    }
}

#[test]
fn server_ends_with_the_command_though_something_of_it_lives_on() {
    let home = Home::new();
    let emulator = emulator(&home);
    let script = r#"echo "$GCE_METADATA_IP"; sleep 1000 >/dev/null 2>&1 & echo $!"#;
    let mut command = home.command(&["exec", DEPLOYER, "--", "sh", "-c", script]);
    let output = command.envs(emulator.env()).env("PATH", "/usr/bin:/bin").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (address, pid) = text.trim().split_once('\n').unwrap();
    eventually("the server ends", || TcpStream::connect(address).is_err().then_some(()));
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_ok(), "it does live on");
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn server_that_is_stopped_takes_its_files_away_and_the_command_goes_on() {
    let home = Home::new();
    let emulator = emulator(&home);
    let mut used = Used::start(&home, &emulator, &[DEPLOYER], &[]);
    let named = |pid: &str| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.starts_with(env!("CARGO_BIN_EXE_impersona")) && line.contains(" exec ")
    };
    let environ = |pid: &str| std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let part = format!("IMPERSONA_EXEC_PART=server {}", used.child.id());
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let server = all
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find(|pid| named(pid) && environ(pid).split(|byte| *byte == 0).any(|var| var == part.as_bytes()));
    // Only root can look into it, and only Linux lists it.
    let Some(server) = server else {
        used.finish();
        return;
    };
    kill_process(Pid::from_raw(server.parse().unwrap()).unwrap(), Signal::TERM).unwrap();
    used.is_gone();
    assert_eq!(used.child.try_wait().unwrap(), None);
    used.finish();
}

/// Runs a command as an account, reports how it ended, and goes on.
fn in_terminal(home: &Home, emulator: &EmulatorProcess, script: &str) -> Terminal {
    Terminal::start_script(home, SIZE, script, &[DEPLOYER], &emulator.env())
}

#[test]
fn ctrl_c_reaches_the_command_and_nothing_else() {
    let home = Home::new();
    let emulator = emulator(&home);
    let script = r#""$0" exec "$1" -- sh -c 'trap "echo caught; exit 7" INT; echo ready; while :; do sleep 0.1; done'; echo "ended with $?""#;
    let mut terminal = in_terminal(&home, &emulator, script);
    terminal.wait_for("ready");
    terminal.press("ctrl-c");
    terminal.wait_for("caught");
    terminal.wait_for("ended with 7");
}

#[test]
fn ctrl_z_stops_the_command_as_a_job_of_the_shell_and_fg_goes_on() {
    let home = Home::new();
    let emulator = emulator(&home);
    let script = r#""$0" exec "$1" -- sh -c 'echo ready; read line; echo "got $line"; exit 4'; echo "stopped with $?"; read go; fg >/dev/null; echo "ended with $?""#;
    let mut terminal = in_terminal(&home, &emulator, script);
    terminal.wait_for("ready");
    terminal.press("ctrl-z");
    terminal.wait_for("stopped with 148");
    terminal.press("enter");
    terminal.type_text("hello\r");
    terminal.wait_for("got hello");
    terminal.wait_for("ended with 4");
}

#[test]
fn nothing_is_left_when_the_terminal_is_closed() {
    let home = Home::new();
    let emulator = emulator(&home);
    let script =
        r#""$0" exec "$1" -- sh -c 'echo "$GCE_METADATA_IP there"; while :; do sleep 1; echo .; done'"#;
    let mut terminal = in_terminal(&home, &emulator, script);
    let screen = terminal.wait_until("its address", |screen| screen.contains(" there"));
    let (address, _) = screen.split_once(" there").unwrap();
    let address = address.split_whitespace().last().unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok(), "{screen}");
    terminal.close();
    eventually("the server ends", || TcpStream::connect(&address).is_err().then_some(()));
}

// Without a command.

#[test]
fn serve_says_how_to_reach_it_and_leaves_nothing_behind() {
    let home = Home::new();
    let emulator = emulator(&home);
    for (arguments, signal) in [(&["serve", DEPLOYER][..], Signal::TERM), (&["serve", API], Signal::INT)] {
        let mut child = home.command(arguments).envs(emulator.env()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let first: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(crate::support::names(&first), ["port", "env"]);
        let port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        assert_eq!(first["env"]["GCE_METADATA_HOST"], format!("127.0.0.1:{port}"));
        assert_eq!(ask(port, "/computeMetadata/v1/project/project-id", FLAVOR).unwrap().1, "acme-prod");
        let taken =
            home.command(&["serve", DEPLOYER, "--port", &port.to_string()]).envs(emulator.env()).output();
        assert_eq!(taken.unwrap().status.code(), Some(2));
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(eventually("it ends", || child.try_wait().unwrap()).code(), Some(0));
        assert!(!Path::new(first["env"]["CLOUDSDK_CONFIG"].as_str().unwrap()).exists());
    }
}

#[test]
fn credentials_file_is_private_and_goes_with_its_server() {
    let home = Home::new();
    let emulator = emulator(&home);
    let path = home.path("home").join("adc.json");
    let arguments = ["credential", "external-account", DEPLOYER, "--out", path.to_str().unwrap()];
    let mut child = home.command(&arguments).envs(emulator.env()).spawn().unwrap();
    let content =
        eventually("the file", || serde_json::from_slice::<Value>(&std::fs::read(&path).ok()?).ok());
    assert_eq!((content["type"].as_str(), mode(&path)), (Some("external_account"), 0o600));
    let again = home.command(&arguments).envs(emulator.env()).output().unwrap();
    assert_eq!(again.status.code(), Some(8), "an existing file stays");
    assert!(path.exists());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(eventually("it ends", || child.try_wait().unwrap()).code(), Some(0));
    assert!(!path.exists());
}

// One token.

#[test]
fn shell_that_evaluates_the_lines_has_the_token_even_joined_to_one() {
    let home = Home::new();
    let emulator = emulator(&home);
    for script in [
        r#"eval "$("$0" env "$1")"; echo "$GOOGLE_OAUTH_ACCESS_TOKEN $CLOUDSDK_AUTH_ACCESS_TOKEN $GOOGLE_CLOUD_PROJECT""#,
        r#"eval $("$0" env "$1"); echo "$GOOGLE_OAUTH_ACCESS_TOKEN $CLOUDSDK_AUTH_ACCESS_TOKEN $GOOGLE_CLOUD_PROJECT""#,
    ] {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_impersona"), DEPLOYER]);
        let output = command.env_clear().envs(home.env()).envs(emulator.env()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!((words.len(), words[0] == words[1], words[2]), (3, true, "acme-prod"), "{text}");
        assert_eq!(info(&emulator, words[0])["scope"], "https://www.googleapis.com/auth/cloud-platform");
    }
    for (shell, assignment, comment) in [
        ("posix", "export GOOGLE_OAUTH_ACCESS_TOKEN='ya29.", "# "),
        ("fish", "set -gx GOOGLE_OAUTH_ACCESS_TOKEN 'ya29.", "# "),
        ("powershell", "$env:GOOGLE_OAUTH_ACCESS_TOKEN = 'ya29.", "# "),
        ("cmd", "set \"GOOGLE_OAUTH_ACCESS_TOKEN=ya29.", "rem "),
    ] {
        let mut command = home.command(&["env", DEPLOYER, "--shell", shell]);
        let output = command.envs(emulator.env()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().any(|line| line.starts_with(assignment)), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with(comment) && last.contains("expires 2"), "{text}");
    }
}

#[test]
fn kubectl_and_docker_are_answered_in_their_own_protocols() {
    let home = Home::new();
    let emulator = emulator(&home);
    let run = |arguments: &[&str], vars: &[(&str, &str)], input: &str| {
        let mut command = home.command(arguments);
        command.envs(emulator.env()).envs(vars.iter().copied()).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may not read what it doesn't need.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let info_of = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"interactive":false}}"#;
    let kubectl = ["credential", "kubectl", DEPLOYER];
    let (code, text) = run(&kubectl, &[("KUBERNETES_EXEC_INFO", info_of)], "");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, answer["apiVersion"].as_str()), (0, Some("client.authentication.k8s.io/v1beta1")));
    assert_eq!(answer["kind"], "ExecCredential");
    assert!(answer["status"]["expirationTimestamp"].as_str().is_some_and(|end| end.ends_with('Z')), "{text}");
    let token = answer["status"]["token"].as_str().unwrap();
    let scope = info(&emulator, token)["scope"].as_str().unwrap().to_owned();
    assert!(scope.contains("userinfo.email") && scope.contains("cloud-platform"), "{scope}");
    assert_eq!(run(&kubectl, &[("KUBERNETES_EXEC_INFO", "{}")], "").0, 8);

    let docker = |action| ["credential", "docker", DEPLOYER, action];
    let (code, text) = run(&docker("get"), &[], "https://europe-docker.pkg.dev\n");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(crate::support::names(&answer), ["ServerURL", "Username", "Secret"]);
    assert_eq!((code, answer["Username"].as_str()), (0, Some("oauth2accesstoken")));
    assert!(info(&emulator, answer["Secret"].as_str().unwrap())["scope"].is_string());
    let elsewhere = run(&docker("get"), &[], "https://index.docker.io/v1/");
    assert_eq!(elsewhere, (1, "credentials not found in native keychain\n".to_owned()));
    assert_eq!(run(&docker("list"), &[], ""), (0, "{}\n".to_owned()));
    assert_eq!(run(&docker("store"), &[], "{}"), (0, String::new()));
    assert_eq!(run(&docker("erase"), &[], "x"), (0, String::new()));
}
