//! The documents tell the truth: the README's keys are the key table, its commands and flags exist.

use std::{fs, path::Path, process::Command};

use impersona::keymap::docs;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a document of the project")
}

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_impersona"))
        .args(arguments)
        .arg("--help")
        .output()
        .expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_readmes_keys_are_the_key_table() {
    let readme = read("README.md");
    let block = readme
        .split("checked by a test -->\n")
        .nth(1)
        .and_then(|rest| rest.split("<!-- end of keys -->").next());
    assert_eq!(block, Some(docs::markdown().as_str()), "the block must be what docs::markdown makes");
}

#[test]
fn every_command_and_flag_of_the_readme_exists() {
    let readme = read("README.md");
    let section =
        readme.split("## Command line").nth(1).and_then(|rest| rest.split("## Configuration").next());
    let section = section.expect("the section is there");
    let everywhere = help(&[]);
    let mut seen = 0;
    for line in section.lines().filter(|line| line.starts_with("| `impersona ")) {
        let usage = line.split('`').nth(1).expect("a command");
        let words: Vec<&str> = usage
            .split_whitespace()
            .skip(1)
            .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
            .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
            .collect();
        let own = help(&words);
        let flag =
            |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-').to_owned();
        for flag in usage.split([' ', '[', ']']).filter(|word| word.starts_with("--")).map(flag) {
            assert!(own.contains(&flag) || everywhere.contains(&flag), "{flag} of {words:?}");
            seen += 1;
        }
    }
    assert!(seen > 8, "the table was read");
    for flag in section.split('`').filter(|word| word.starts_with("--")) {
        let name = flag.split(' ').next().unwrap_or_default();
        assert!(everywhere.contains(name), "{name}");
    }
}

#[test]
fn the_readme_gives_the_two_commands_first() {
    let readme = read("README.md");
    let first = readme.split("```").nth(1).expect("a block");
    assert!(first.contains("cargo run --release -- --demo") && first.contains("cargo test"), "{first}");
}

#[test]
fn no_document_names_a_path_of_one_machine() {
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(name);
        assert!(!text.contains("/home/") && !text.contains("/root/") && !text.contains("/tmp/"), "{name}");
    }
}
