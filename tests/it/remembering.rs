//! What is remembered between runs: two explorers at once, files that can't be used, and places that can't be written.

use std::fs;

use serde_json::{Value, json};

use crate::{
    support::{EmulatorProcess, Home, eventually},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (140, 40);

fn open(home: &Home, emulator: &EmulatorProcess) -> Terminal {
    let mut terminal = Terminal::start(home, SIZE, &["--project", "acme-prod"], &emulator.env());
    terminal.wait_for("deployer@acme-prod");
    terminal
}

/// Marks the first account that a filter finds.
fn mark(terminal: &mut Terminal, name: &str) {
    terminal.press("/");
    terminal.type_text(name);
    terminal.press("enter f");
}

fn favourites(home: &Home) -> Vec<String> {
    let bytes = fs::read(home.path("state").join("remembered.json")).unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let list = value["favourites"].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|name| Some(name.as_str()?.split('@').next()?.to_owned())).collect()
}

#[test]
fn favourites_of_two_explorers_at_once_are_all_kept() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let (mut one, mut other) = (open(&home, &emulator), open(&home, &emulator));
    mark(&mut one, "deployer");
    eventually("the first is kept", || (favourites(&home) == ["deployer"]).then_some(()));
    mark(&mut other, "vault");
    eventually("both are kept", || (favourites(&home) == ["deployer", "vault"]).then_some(()));
    // Removed in the one, and not brought back by the other.
    one.press("f");
    eventually("one is left", || (favourites(&home) == ["vault"]).then_some(()));
    other.press("f f");
    for terminal in [&mut one, &mut other] {
        terminal.press("q");
        terminal.ends_with(0);
    }
    assert_eq!(favourites(&home), ["vault"]);
}

#[test]
fn a_damaged_file_is_said_and_kept_when_favourites_are_written() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let path = home.path("state").join("remembered.json");
    let damaged = "{\n<<<<<<< ours\n\"favourites\": [\"x@y\"]\n=======\n>>>>>>> theirs\n";
    fs::write(&path, damaged).unwrap();
    let mut terminal = open(&home, &emulator);
    terminal.wait_for("merge conflict (line 2)");
    terminal.wait_for("remembered.json.broken");
    mark(&mut terminal, "deployer");
    eventually("the new one is kept", || (favourites(&home) == ["deployer"]).then_some(()));
    terminal.press("q");
    terminal.ends_with(0);
    assert_eq!(fs::read_to_string(home.path("state").join("remembered.json.broken")).unwrap(), damaged);
}

#[test]
fn a_newer_files_own_fields_stay_when_favourites_are_written() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    let path = home.path("state").join("remembered.json");
    fs::write(&path, json!({"version": 9, "boards": [{"name": "b"}], "favourites": []}).to_string()).unwrap();
    let mut terminal = open(&home, &emulator);
    terminal.wait_for("newer impersona (version 9");
    mark(&mut terminal, "deployer");
    eventually("it is kept", || (favourites(&home) == ["deployer"]).then_some(()));
    let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((&value["version"], &value["boards"]), (&json!(9), &json!([{"name": "b"}])));
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn that_nothing_can_be_written_is_said_once() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    // Nothing can be written in place of a folder.
    fs::remove_dir(home.path("state")).unwrap();
    fs::write(home.path("state"), "").unwrap();
    let mut terminal = open(&home, &emulator);
    mark(&mut terminal, "deployer");
    terminal.wait_for("favourites and recents last until you quit");
    terminal.press("down");
    terminal.wait_until("it is gone", |screen| !screen.contains("last until you quit"));
    terminal.press("f f");
    terminal.press("enter");
    let screen = terminal.wait_for("unique ID");
    assert!(!screen.contains("last until you quit"), "{screen}");
    terminal.press("q");
    terminal.ends_with(0);
}
