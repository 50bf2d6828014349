//! The documentation is true: its keys are the key table, its commands and flags exist, its links lead somewhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use impersona::keymap::docs;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("a document of the project")
}

/// Every page of `docs/`, and the Markdown beside it.
pub(crate) fn pages() -> Vec<PathBuf> {
    let names = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let mut pages: Vec<PathBuf> = names.iter().map(|name| root().join(name)).collect();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
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
fn the_documented_keys_are_the_key_table() {
    let page = read("docs/keys.md");
    let block = page
        .split("checked by a test -->\n")
        .nth(1)
        .and_then(|rest| rest.split("<!-- end of keys -->").next());
    assert_eq!(block, Some(docs::markdown().as_str()), "the block must be what docs::markdown makes");
}

#[test]
fn every_documented_command_and_flag_exists() {
    let section = read("docs/commands.md");
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
fn the_readme_stays_short() {
    assert!(read("README.md").len() <= 9 * 1024, "the rest belongs into docs/");
}

#[test]
fn no_document_names_a_path_of_one_machine() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let named = ["/home/", "/root/", "/tmp/"].into_iter().find(|path| text.contains(path));
        assert_eq!(named, None, "{}", page.display());
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let folder = page.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { folder.join(file) };
            assert!(target.is_file(), "{link} in {}", page.display());
            let there = heading.is_empty()
                || fs::read_to_string(&target)
                    .expect("a page")
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line) == heading);
            assert!(there, "{link} in {}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 40, "the links were found");
}

/// The anchor that GitHub and mdBook give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.replace(' ', "-").chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = read("docs/SUMMARY.md");
    let docs = root().join("docs");
    for page in pages() {
        let Ok(name) = page.strip_prefix(&docs) else { continue };
        let name = name.to_string_lossy().replace('\\', "/");
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name}");
    }
}
