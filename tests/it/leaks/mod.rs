//! Credentials stay where they belong: after scripted runs that make every kind of them, none is in any file, argument,
//! variable, log, panic or title, and none is on the screen before it is revealed.

#[cfg(target_os = "linux")]
mod dumps;
mod files;
#[cfg(target_os = "linux")]
mod memory;
mod traces;
mod using;

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::Signal;
use serde_json::json;
use traces::{Traces, assert_absent};

use crate::{
    support::{EmulatorProcess, Home, eventually, mode},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

/// A credential to be made: its name, the keys that open a form, keys and a paste that fill it.
struct Mint(&'static str, &'static str, &'static str, &'static str);

/// Every kind that has a form, in an order that leaves a JWT for domain-wide delegation on top.
const MINTS: [Mint; 8] = [
    Mint("access token", "t a", "", ""),
    Mint("ID token", "t i", "", "https://svc.run.app"),
    Mint("signed JWT", "t j", "", ""),
    Mint("signed blob", "t b", "tab", "hello"),
    Mint("signed URL", "t u", "", "acme-drop/report.csv"),
    Mint("access token of the machine", "t m", "", ""),
    Mint("ID token of the machine", "t m", "space tab tab", "https://svc.run.app"),
    Mint("assertion", "t j", "space tab down down ctrl-k", "  \"sub\": \"alice@example.com\","),
];

/// The variable that lets a debug build be looked into by whoever started it.
fn traceable() -> (String, String) {
    ("IMPERSONA_DEBUG_TRACEABLE".into(), "1".into())
}

/// Whether the program can be looked into at all: into a release build only root looks.
fn may_be_traced() -> bool {
    cfg!(debug_assertions) || rustix::process::geteuid().is_root()
}

/// Makes one of each by keys alone, and exchanges the last; `each` is called with the name and number of each.
fn mint_all(terminal: &mut Terminal, mut each: impl FnMut(&mut Terminal, &str, usize)) {
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter");
    for (made, Mint(name, open, fill, text)) in (1..).zip(&MINTS) {
        terminal.press(open);
        terminal.press(fill);
        terminal.paste(text);
        terminal.press("ctrl-s");
        terminal.wait_for(&format!("Shelf {made} "));
        each(terminal, name, made);
    }
    terminal.press("E");
    terminal.wait_for(&format!("Shelf {} ", MINTS.len() + 1));
    each(terminal, "user's access token", MINTS.len() + 1);
}

/// The same, and learns each from a copy.
fn mint_and_copy_all(terminal: &mut Terminal) -> Traces {
    let mut traces = Traces::default();
    mint_all(terminal, |terminal, name, made| {
        terminal.press("y y");
        traces.add(name, &terminal.wait_for_copy(made));
    });
    traces
}

/// Looks at all of them in every other way there is, and copies all that is said to be no secret; gives those texts.
fn look_at_all(terminal: &mut Terminal) -> Vec<String> {
    let known = terminal.copies().len();
    for _ in 0..=MINTS.len() {
        terminal.press("enter v v 3 j");
    }
    // The first, an access token, is last on the shelf; before it is an ID token.
    terminal.press("y c y g k y d 6 enter y c s");
    terminal.wait_for("Saved impersona-");
    terminal.copies().split_off(known)
}

/// What the terminal got, but for what it was given to copy.
fn shown(raw: &[u8]) -> Vec<u8> {
    let raw = String::from_utf8_lossy(raw);
    let mut parts = raw.split("\x1b]52;");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    parts.filter_map(|part| part.split_once("\x1b\\")).for_each(|(_, rest)| shown.push_str(rest));
    shown.into_bytes()
}

#[track_caller]
fn assert_in_no_file(traces: &Traces, homes: &[&Home]) {
    for (path, content) in homes.iter().flat_map(|home| home.files()) {
        assert_absent(traces, &content, &path.display().to_string());
    }
}

/// Arguments and variables of a process and of all that it started, where there is such a thing.
#[track_caller]
fn assert_in_no_process(traces: &Traces, pid: u32) {
    for name in ["cmdline", "environ"] {
        let path = Path::new("/proc").join(pid.to_string()).join(name);
        assert_absent(traces, &fs::read(path).unwrap_or_default(), name);
    }
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            assert_in_no_process(traces, child);
        }
    }
}

#[track_caller]
fn assert_nowhere(traces: &Traces, terminal: &mut Terminal, homes: &[&Home]) {
    assert_in_no_file(traces, homes);
    if cfg!(target_os = "linux") && may_be_traced() {
        let sees = fs::read(format!("/proc/{}/environ", terminal.pid())).is_ok();
        assert!(sees, "the program is started as one that may be looked into");
    }
    assert_in_no_process(traces, terminal.pid());
    assert_absent(traces, &shown(terminal.raw()), "what the terminal got");
    assert_eq!(terminal.titles(), 0, "no title is ever set");
}

#[test]
fn after_a_run_with_log_memory_and_har_no_credential_is_anywhere() {
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    let mut vars = emulator.env();
    vars.extend([("RUST_LOG".into(), "trace".into()), traceable()]);
    let mut terminal = Terminal::start(&here, SIZE, &["--verbose"], &vars);
    let traces = mint_and_copy_all(&mut terminal);
    let plain = look_at_all(&mut terminal);
    assert!(plain.iter().any(|text| text.contains("curl ")), "{plain:?}");
    for text in plain {
        assert_absent(&traces, text.as_bytes(), "what was copied as no secret");
    }
    let log = here.path("state").join("impersona.log");
    eventually("the log tells of the last exchange", || {
        fs::read_to_string(&log).ok().filter(|text| text.matches("call=\"token\"").count() > 1)
    });
    eventually("the audience is remembered", || {
        fs::read_to_string(here.path("state").join("remembered.json"))
            .ok()
            .filter(|text| text.contains("svc.run.app"))
    });
    let har = here.files().into_iter().find(|(path, _)| path.extension().is_some_and(|end| end == "har"));
    let har = String::from_utf8(har.expect("the archive").1).unwrap();
    for call in
        ["GenerateAccessToken", "GenerateIdToken", "SignJwt", "SignBlob", "metadata.token", "assertion"]
    {
        assert!(har.contains(call), "the archive tells of {call}");
    }
    assert_nowhere(&traces, &mut terminal, &[&here, &there]);
    assert_eq!(mode(&log), 0o600);
    terminal.press("q");
    terminal.ends_with(0);
    assert_absent(&traces, &shown(terminal.raw()), "what the terminal got at the end");
    assert_in_no_file(&traces, &[&here, &there]);
}

#[test]
fn however_the_demo_ends_no_credential_is_anywhere_and_no_file_is_left() {
    for (keys, signal, code) in [("q", None, 0), ("ctrl-c", None, 130), ("", Some(Signal::TERM), 143)] {
        let home = Home::new();
        let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &[traceable()]);
        let traces = mint_and_copy_all(&mut terminal);
        assert_nowhere(&traces, &mut terminal, &[&home]);
        terminal.press(keys);
        signal.into_iter().for_each(|signal| terminal.signal(signal));
        terminal.ends_with(code);
        assert_absent(&traces, &shown(terminal.raw()), "what the terminal got at the end");
        let left: Vec<_> = home.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(left, [home.path("config.toml")], "the demo leaves nothing behind");
    }
}

#[test]
fn a_panic_with_all_that_is_known_in_its_text_tells_no_credential() {
    if !cfg!(debug_assertions) {
        return; // The switch that makes it panic is for debug builds.
    }
    let home = Home::new();
    let switch = [("IMPERSONA_DEBUG_PANIC".to_owned(), "state".to_owned())];
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &switch);
    let traces = mint_and_copy_all(&mut terminal);
    terminal.resize((100, 30));
    terminal.ends_with(101);
    terminal.wait_for("impersona crashed (a bug)");
    let shown = shown(terminal.raw());
    let told = String::from_utf8_lossy(&shown);
    assert!(!told.contains("asked for: at"), "a text made of data is not told: {told}");
    assert_absent(&traces, &shown, "what the panic told");
    assert_in_no_file(&traces, &[&home]);
}

#[test]
fn no_program_that_copies_for_us_gets_a_credential_as_argument_or_variable() {
    let (home, tmux) = (Home::new(), Home::new());
    let script =
        "cat /proc/$$/cmdline /proc/$$/environ >> \"$0.told\"; cat >> \"$0.got\"; echo >> \"$0.got\"";
    let mut vars = tmux.stand_in("tmux", script);
    let callers = "ya29.a0EMULATOR-q83vASNFZ4mrze8BI0VniavN7wEjRWeJ";
    vars.push(("CLOUDSDK_AUTH_ACCESS_TOKEN".into(), callers.into()));
    let mut terminal = Terminal::start(&home, SIZE, &["--demo"], &vars);
    let got = tmux.path("bin").join("tmux.got");
    let mut traces = Traces::of("caller's token", callers);
    mint_all(&mut terminal, |terminal, name, made| {
        terminal.press("y y");
        let whole = |all: &String| all.matches('\n').count() == made;
        let all = eventually("a copy", || fs::read_to_string(&got).ok().filter(whole));
        traces.add(name, all.lines().last().unwrap());
    });
    terminal.press("q");
    terminal.ends_with(0);
    let told = fs::read(tmux.path("bin").join("tmux.told")).unwrap();
    assert!(String::from_utf8_lossy(&told).contains("load-buffer"), "tmux was asked");
    assert_absent(&traces, &told, "arguments and variables of tmux");
    assert_absent(&traces, terminal.raw(), "what the terminal got");
}

#[test]
fn no_program_that_a_credentials_file_names_is_told_another_callers_token() {
    let home = Home::new();
    let script = r#"cat /proc/$$/cmdline /proc/$$/environ >> "$0.told"; echo '{"version": 1, "success": false, "code": "no"}'"#;
    home.stand_in("helper", script);
    let helper = home.path("bin").join("helper");
    let file = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"executable": {"command": helper.to_str()}},
    });
    let file = home.file("caller.json", file.to_string());
    let token = "ya29.a0EMULATOR-q83vASNFZ4mrze8BI0VniavN7wEjRWeJ";
    let mut command = home.command(&["--credentials", &file, "whoami"]);
    command.env("CLOUDSDK_AUTH_ACCESS_TOKEN", token).env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("code no"), "{said}");
    let told = fs::read(home.path("bin").join("helper.told")).unwrap();
    assert!(String::from_utf8_lossy(&told).contains("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"), "it was run");
    assert_absent(&Traces::of("caller's token", token), &told, "arguments and variables of the program");
}

#[test]
fn a_secret_is_on_the_screen_only_between_two_presses_of_the_star() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    mint_all(&mut terminal, |terminal, name, made| {
        terminal.press("y y");
        let credential = terminal.wait_for_copy(made);
        let traces = Traces::of(name, &credential);
        assert_absent(&traces, terminal.screen().as_bytes(), "the screen at first");
        terminal.press("*");
        terminal.wait_until("revealed", |screen| traces.found_in(screen.as_bytes()).is_some());
        terminal.press("*");
        terminal.wait_until("masked again", |screen| traces.found_in(screen.as_bytes()).is_none());
    });
}

#[test]
fn what_the_terminal_is_given_to_copy_is_all_that_is_left_out_of_the_search() {
    let (home, mut all) = (Home::new(), Vec::new());
    let mut terminal = Terminal::demo(&home, SIZE);
    mint_all(&mut terminal, |terminal, _, made| {
        terminal.press("y y");
        all.push(terminal.wait_for_copy(made));
    });
    let sent: usize = all.iter().map(|copy| STANDARD.encode(copy).len() + "\x1b]52;c;\x1b\\".len()).sum();
    let raw = terminal.raw();
    assert_eq!(raw.len() - shown(raw).len(), sent);
}
