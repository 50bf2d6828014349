//! The only two that write a credential: save and `--out`. Each writes the one that was asked for into one new file of
//! its owner's.

use std::{fs, path::PathBuf};

use super::{
    MINTS, SIZE, mint_all,
    traces::{Traces, assert_absent},
};
use crate::{
    support::{DEPLOYER, Home, Ran, eventually, mode},
    terminal::Terminal,
};

/// Ways to make each kind on the command line, without `--out`.
const COMMANDS: [(&str, &[&str]); 7] = [
    ("access token", &["token", "access", DEPLOYER]),
    ("ID token", &["token", "id", DEPLOYER, "--audience", "https://svc.run.app"]),
    ("signed JWT", &["token", "jwt", DEPLOYER, "--claims", "claims.json"]),
    ("signed blob", &["token", "blob", DEPLOYER, "blob"]),
    ("signed URL", &["sign-url", DEPLOYER, "gs://acme-drop/report.csv"]),
    ("access token of the machine", &["token", "metadata"]),
    ("ID token of the machine", &["token", "metadata", "--audience", "https://svc.run.app"]),
];

/// A home with what is signed in it.
fn home() -> Home {
    let home = Home::new();
    home.file("claims.json", format!("{{\"iss\": \"{DEPLOYER}\", \"sub\": \"{DEPLOYER}\", \"aud\": \"x\"}}"));
    home.file("blob", "hello");
    home
}

fn run(home: &Home, command: &[&str], more: &[&str]) -> Ran {
    home.run(&[&["--demo", "--verbose"], command, more].concat())
}

/// The one file of these that has the credential; it has nothing else in it and is its owner's alone.
#[track_caller]
fn assert_in_one_file(name: &str, credential: &str, files: &[(PathBuf, Vec<u8>)]) -> PathBuf {
    let traces = Traces::of(name, credential);
    let exact = |(_, content): &&(PathBuf, Vec<u8>)| *content == format!("{credential}\n").as_bytes();
    let found: Vec<_> = files.iter().filter(exact).collect();
    let [(path, _)] = found.as_slice() else { panic!("one file with the {name}, not {}", found.len()) };
    assert_eq!(mode(path), 0o600);
    for (other, content) in files.iter().filter(|(other, _)| other != path) {
        assert_absent(&traces, content, &other.display().to_string());
    }
    path.clone()
}

#[test]
fn saving_writes_exactly_the_credential_into_one_file_only_for_its_owner() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    let mut made = Vec::new();
    mint_all(&mut terminal, |terminal, name, at| {
        terminal.press("y y");
        made.push((name.to_owned(), terminal.wait_for_copy(at)));
        terminal.press("y s");
        let saved = || fs::read_dir(home.path("home")).unwrap().count();
        eventually("it is saved", || (saved() == at).then_some(()));
    });
    terminal.press("q");
    terminal.ends_with(0);
    let files = home.files();
    assert_eq!(files.len(), MINTS.len() + 2, "one file for each, and the configuration");
    for (name, credential) in &made {
        let path = assert_in_one_file(name, credential, &files);
        assert_eq!(path.parent(), Some(home.path("home").as_path()));
    }
}

#[test]
fn out_writes_a_credential_into_its_file_and_nowhere_else() {
    for (name, command) in COMMANDS {
        let home = home();
        let ran = run(&home, command, &["--out", "token.txt"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        let path = home.path("home").join("token.txt");
        let text = fs::read_to_string(&path).unwrap();
        let credential = text.strip_suffix('\n').unwrap();
        assert_eq!(assert_in_one_file(name, credential, &home.files()), path);
        assert!(ran.err.contains(" 200 "), "--verbose tells of the requests: {}", ran.err);
        assert_absent(&Traces::of(name, credential), ran.err.as_bytes(), "stderr");

        let again = run(&home, command, &["--out", "token.txt"]);
        assert!(again.code == 8 && again.err.contains("token.txt already exists"), "{}", again.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "the file is as it was");
    }
}

#[test]
fn without_out_a_credential_is_on_stdout_and_nowhere_else() {
    for (name, command) in COMMANDS {
        for more in [&[][..], &["--json"]] {
            let home = home();
            let ran = run(&home, command, more);
            assert_eq!(ran.code, 0, "{}", ran.err);
            let fields = ["token", "signature", "url"];
            let parsed = serde_json::from_str::<serde_json::Value>(&ran.out);
            let field = |value: serde_json::Value| {
                fields.iter().find_map(|field| value[*field].as_str().map(str::to_owned))
            };
            let credential = parsed.ok().and_then(field).unwrap_or_else(|| ran.out.trim_end().to_owned());
            let traces = Traces::of(name, &credential);
            assert!(traces.found_in(ran.out.as_bytes()).is_some(), "{name} on stdout");
            assert_absent(&traces, ran.err.as_bytes(), "stderr");
            for (path, content) in home.files() {
                assert_absent(&traces, &content, &path.display().to_string());
            }
        }
    }
}

#[test]
fn a_refused_mint_leaves_no_file() {
    let home = home();
    for (name, command) in COMMANDS.iter().filter(|(_, command)| command.contains(&DEPLOYER)) {
        let denied: Vec<&str> =
            command.iter().map(|word| if *word == DEPLOYER { "vault@acme-prod" } else { word }).collect();
        let ran = run(&home, &denied, &["--out", "token.txt"]);
        assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{name}: {}", ran.err);
        assert!(!home.path("home").join("token.txt").exists());
    }
}
