//! Credentials stay where they belong: after a scripted run no minted token is in any file, argument, variable, log
//! or title, and none is on the screen before it is revealed.

use std::{fs, path::Path};

use crate::{
    support::{DEPLOYER, EmulatorProcess, Home, eventually, mode},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

/// Mints an access token and an ID token, inspects the second, copies both; gives both.
fn mint_both(terminal: &mut Terminal) -> [String; 2] {
    terminal.wait_for("deployer@acme-prod");
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Shelf 1");
    terminal.press("y y");
    let access = terminal.wait_for_copy(1);
    terminal.press("t i");
    terminal.wait_for("audience");
    terminal.type_text("https://svc.run.app");
    terminal.press("ctrl-s");
    terminal.wait_for("Shelf 2");
    terminal.press("y y");
    let id = terminal.wait_for_copy(2);
    terminal.press("enter");
    terminal.wait_for("signed JWT");
    assert!(access.starts_with("ya29.c.") && id.starts_with("eyJ"));
    [access, id]
}

/// The secret part of a token, in pieces: a token that is folded or cut is found, too.
fn pieces(token: &str) -> Vec<&str> {
    let secret = token.rsplit('.').next().unwrap_or(token).trim_start_matches("EMULATOR-");
    let pieces: Vec<&str> = (0..secret.len() / 12).map(|at| &secret[at * 12..(at + 1) * 12]).collect();
    assert!(!pieces.is_empty(), "a token of some length");
    pieces
}

#[track_caller]
fn assert_absent(tokens: &[String], bytes: &[u8], place: &str) {
    let text = String::from_utf8_lossy(bytes);
    for piece in tokens.iter().flat_map(|token| pieces(token)) {
        assert!(!text.contains(piece), "a token in {place}");
    }
}

#[track_caller]
fn assert_nowhere(tokens: &[String], terminal: &mut Terminal, homes: &[&Home]) {
    for (path, content) in homes.iter().flat_map(|home| home.files()) {
        assert_absent(tokens, &content, &path.display().to_string());
    }
    // Where there is such a thing.
    for name in ["cmdline", "environ"] {
        let path = Path::new("/proc").join(terminal.pid().to_string()).join(name);
        assert_absent(tokens, &fs::read(path).unwrap_or_default(), name);
    }
    assert_absent(tokens, terminal.raw(), "what the terminal got");
    assert_eq!(terminal.titles(), 0, "no title is ever set");
}

#[test]
fn after_a_run_of_the_demo_no_token_is_anywhere() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    let tokens = mint_both(&mut terminal);
    assert_nowhere(&tokens, &mut terminal, &[&home]);
    terminal.press("q");
    terminal.ends_with(0);
    assert_absent(&tokens, terminal.raw(), "what the terminal got at the end");
    let left: Vec<_> = home.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, [home.path("config.toml")], "the demo leaves nothing behind");
}

#[test]
fn after_a_run_with_log_and_memory_no_token_is_anywhere() {
    let (here, there) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&there, &[]);
    let mut terminal = Terminal::start(&here, SIZE, &["--verbose"], &emulator.env());
    let tokens = mint_both(&mut terminal);
    let log = here.path("state").join("impersona.log");
    eventually("the log tells of the mint", || {
        fs::read_to_string(&log)
            .ok()
            .filter(|text| text.contains("GenerateIdToken") || text.contains("generateIdToken"))
    });
    eventually("the audience is remembered", || {
        fs::read_to_string(here.path("state").join("remembered.json"))
            .ok()
            .filter(|text| text.contains("svc.run.app"))
    });
    assert_nowhere(&tokens, &mut terminal, &[&here, &there]);
    assert_eq!(mode(&log), 0o600);
    terminal.press("q");
    terminal.ends_with(0);
    for (path, content) in here.files() {
        assert_absent(&tokens, &content, &path.display().to_string());
    }
}

#[test]
fn a_secret_is_on_the_screen_only_between_two_presses_of_the_star() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Shelf 1");
    terminal.press("y y");
    let token = terminal.wait_for_copy(1);
    assert!(!terminal.screen().contains("EMULATOR-"), "masked at first");
    terminal.press("*");
    terminal.wait_for(&token);
    terminal.press("*");
    terminal.wait_until("masked again", |screen| !pieces(&token).iter().any(|piece| screen.contains(piece)));
}

#[test]
fn only_save_writes_a_token_and_only_for_its_owner() {
    let home = Home::new();
    let mut terminal = Terminal::demo(&home, SIZE);
    terminal.press("enter t a ctrl-s");
    terminal.wait_for("Shelf 1");
    terminal.press("y s");
    terminal.wait_for("saved deployer-access-");
    let found: Vec<_> = home
        .files()
        .into_iter()
        .filter(|(_, content)| String::from_utf8_lossy(content).contains("ya29.c."))
        .collect();
    let [(path, _)] = found.as_slice() else { panic!("one file, not {}", found.len()) };
    assert_eq!((path.parent(), mode(path)), (Some(home.path("home").as_path()), 0o600));
}

#[test]
fn out_writes_a_token_into_its_file_and_nowhere_else() {
    let home = Home::new();
    let ran = home.run(&["--demo", "--verbose", "token", "access", DEPLOYER, "--out", "token.txt"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let path = home.path("home").join("token.txt");
    assert_eq!(mode(&path), 0o600);
    let token = fs::read_to_string(&path).unwrap();
    let token = [token.strip_suffix('\n').unwrap().to_owned()];
    assert!(token[0].starts_with("ya29.c."));
    assert_absent(&token, ran.err.as_bytes(), "stderr");
    for (other, content) in home.files().into_iter().filter(|(other, _)| *other != path) {
        assert_absent(&token, &content, &other.display().to_string());
    }

    let again = home.run(&["--demo", "token", "access", DEPLOYER, "--out", "token.txt"]).failed(8);
    assert!(again.contains("token.txt exists already"), "{again}");
    assert_eq!(fs::read_to_string(&path).unwrap().trim(), token[0], "the file is as it was");
}

#[test]
fn a_refused_mint_leaves_no_file() {
    let home = Home::new();
    home.run(&["--demo", "token", "access", "api@acme-prod", "--out", "token.txt"]).failed(4);
    assert!(!home.path("home").join("token.txt").exists());
}
