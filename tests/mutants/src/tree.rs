//! A copy of the project with every change in it, all switched off; and those left out that do not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sites::{self, Mutant};
use crate::weave::{Piece, weave};

/// A file with changes in it.
pub struct Source {
    pub path: String,
    /// The number of its first mutant.
    pub first: usize,
    pub mutants: Vec<Mutant>,
    /// Of what is in it, unchanged.
    pub hash: u64,
    pieces: Vec<Piece>,
    text: String,
}

impl Source {
    /// What names a mutant as long as its function stays as it is: file, function, change, and which of several alike.
    pub fn key(&self, at: usize) -> String {
        let mutant = &self.mutants[at];
        let alike =
            self.mutants[..at].iter().filter(|m| m.within == mutant.within && m.what == mutant.what).count();
        let which = if alike == 0 { String::new() } else { format!("\t{}", alike + 1) };
        format!("{}\t{}\t{}{which}", self.path, mutant.within, mutant.what)
    }

    pub fn numbers(&self) -> Range<usize> {
        self.first..self.first + self.mutants.len()
    }
}

pub struct Tree {
    root: PathBuf,
    pub copy: PathBuf,
    target: PathBuf,
    pub sources: Vec<Source>,
    /// Numbers of those that do not compile.
    pub unviable: BTreeSet<usize>,
}

/// What was built: where each test program stands, by the name of its target.
pub type Programs = BTreeMap<String, PathBuf>;

/// What was built, what the compiler refused (file, place, sentence), and all that it said.
type Built = (Programs, Vec<(String, Range<usize>, String)>, String);

pub fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn write_if_new(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file has a folder"))?;
    fs::write(path, text)
}

impl Tree {
    pub fn new(root: &Path, target: &Path, files: &[String]) -> Result<Self, String> {
        let copy = target.join("mutants/tree");
        let mut tree = Tree {
            root: root.to_owned(),
            copy,
            target: target.to_owned(),
            sources: Vec::new(),
            unviable: BTreeSet::new(),
        };
        let mut first = 1;
        for path in files {
            let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
            let found = sites::find(&text, first, &|_| false).map_err(|error| format!("{path}: {error}"))?;
            let source = Source {
                path: path.clone(),
                first,
                hash: hash(text.as_bytes()),
                mutants: found.mutants,
                pieces: Vec::new(),
                text,
            };
            first += source.mutants.len();
            tree.sources.push(source);
        }
        let known = fs::read_to_string(tree.unviable_file()).unwrap_or_default();
        let known: BTreeSet<&str> = known.lines().collect();
        for source in &tree.sources {
            let numbers = (0..source.mutants.len()).filter(|at| known.contains(source.key(*at).as_str()));
            tree.unviable.extend(numbers.map(|at| source.first + at));
        }
        tree.copy_all()?;
        Ok(tree)
    }

    fn unviable_file(&self) -> PathBuf {
        self.target.join("mutants/unviable")
    }

    fn copy_all(&self) -> Result<(), String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .map_err(|error| format!("git: {error}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        // Each crate that is changed has a switch of its own.
        let roots: BTreeSet<&str> = self
            .sources
            .iter()
            .filter_map(|source| source.path.find("src/").map(|at| &source.path[..at + "src/".len()]))
            .collect();
        let mut kept = BTreeSet::new();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            if self.sources.iter().any(|source| source.path == path) {
                kept.insert(self.copy.join(path));
                continue;
            }
            let Ok(text) = fs::read(self.root.join(path)) else { continue };
            let text = match roots.iter().any(|root| path == format!("{root}lib.rs")) {
                true => [&text[..], b"\npub mod mutant;\n"].concat(),
                false => text,
            };
            write_if_new(&self.copy.join(path), &text).map_err(|error| format!("{path}: {error}"))?;
            kept.insert(self.copy.join(path));
        }
        for root in roots {
            let switch = self.copy.join(root).join("mutant.rs");
            write_if_new(&switch, include_bytes!("switch.rs")).map_err(|error| error.to_string())?;
            kept.insert(switch);
        }
        remove_others(&self.copy, &kept);
        Ok(())
    }

    /// Writes the files with the changes that may compile.
    fn weave(&mut self) -> Result<(), String> {
        for source in &mut self.sources {
            let found = sites::find(&source.text, source.first, &|number| self.unviable.contains(&number))
                .map_err(|error| format!("{}: {error}", source.path))?;
            let (text, pieces) = weave(&source.text, &found.insertions);
            source.pieces = pieces;
            write_if_new(&self.copy.join(&source.path), text.as_bytes())
                .map_err(|error| format!("{}: {error}", source.path))?;
        }
        Ok(())
    }

    /// Builds the tests, leaving out what the compiler refuses, until it refuses nothing.
    pub fn build(&mut self, units: bool) -> Result<Programs, String> {
        for round in 0..40 {
            self.weave()?;
            let (programs, errors, said) = self.cargo(units)?;
            if errors.is_empty() {
                return match programs.is_empty() {
                    true => Err(format!("the copy could not be built:\n{said}")),
                    false => Ok(programs),
                };
            }
            let before = self.unviable.len();
            for (file, place, message) in errors {
                self.leave_out(&file, place, &message)?;
            }
            eprintln!("        round {round}: {} do not compile", self.unviable.len());
            if self.unviable.len() == before {
                return Err(format!("the compiler refuses what is not ours:\n{said}"));
            }
            let keys: Vec<String> = self
                .sources
                .iter()
                .flat_map(|source| {
                    let numbers = source.numbers().filter(|number| self.unviable.contains(number));
                    numbers.map(|number| source.key(number - source.first)).collect::<Vec<_>>()
                })
                .collect();
            fs::write(self.unviable_file(), keys.join("\n")).map_err(|error| error.to_string())?;
        }
        Err("after forty rounds the compiler still refuses some".to_owned())
    }

    fn cargo(&self, units: bool) -> Result<Built, String> {
        let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
            .args(["test", "--locked", "--no-run", "--message-format=json", "--lib"])
            .args(["--package", "impersona", "--package", "impersona-emulator"])
            .args(if units { &[][..] } else { &["--test", "it"] })
            .current_dir(&self.copy)
            // A folder of its own: cargo tells the copy's build from the project's by their paths within the workspace,
            // which are the same, and would take one for the other.
            .env("CARGO_TARGET_DIR", self.target.join("mutants/build"))
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        let mut programs = Programs::new();
        let mut errors = Vec::new();
        let mut said = String::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
            if let Some(path) = message["executable"].as_str() {
                let name = message["target"]["name"].as_str().unwrap_or_default();
                if message["profile"]["test"].as_bool() == Some(true) {
                    programs.insert(name.to_owned(), path.into());
                }
            }
            let message = &message["message"];
            if message["level"].as_str() != Some("error") {
                continue;
            }
            said += message["rendered"].as_str().unwrap_or_default();
            let spans = message["spans"].as_array().into_iter().flatten();
            let mut spans: Vec<&Value> = spans.collect();
            spans.sort_by_key(|span| span["is_primary"].as_bool() != Some(true));
            // What is expanded from a macro stands where the macro is called.
            let outermost = |mut span: &'_ Value| {
                while span["expansion"]["span"].is_object() {
                    span = &span["expansion"]["span"];
                }
                let at = |name: &str| span[name].as_u64().unwrap_or(0) as usize;
                (span["file_name"].as_str().unwrap_or_default().to_owned(), at("byte_start")..at("byte_end"))
            };
            let places: Vec<(String, Range<usize>)> = spans.into_iter().map(outermost).collect();
            let inside = places.iter().find(|(file, place)| self.own_piece(file, place).is_some());
            if let Some((file, place)) = inside.or(places.first()) {
                errors.push((
                    file.clone(),
                    place.clone(),
                    message["message"].as_str().unwrap_or_default().to_owned(),
                ));
            }
        }
        Ok((if output.status.success() { programs } else { Programs::new() }, errors, said))
    }

    fn source(&self, file: &str) -> Option<&Source> {
        self.sources.iter().find(|source| Path::new(file).ends_with(&source.path))
    }

    /// The piece that was put in where an error is, if it is in one.
    fn own_piece(&self, file: &str, place: &Range<usize>) -> Option<Range<usize>> {
        let source = self.source(file)?;
        let holds =
            |piece: &&Piece| piece.own && piece.place.start <= place.start && place.start < piece.place.end;
        source.pieces.iter().find(holds).map(|piece| piece.serves.clone())
    }

    fn leave_out(&mut self, file: &str, place: Range<usize>, message: &str) -> Result<(), String> {
        let source = self.source(file).ok_or_else(|| format!("{file}: {message}"))?;
        let first = source.first;
        let serves = match self.own_piece(file, &place) {
            Some(serves) => {
                // Of several alternatives in one piece only the one at fault.
                let text =
                    fs::read_to_string(self.copy.join(&source.path)).map_err(|error| error.to_string())?;
                let number = alternative(&text, place.start);
                match number {
                    Some(number) if serves.contains(&(number.wrapping_sub(first))) => {
                        number - first..number - first + 1
                    }
                    _ => serves,
                }
            }
            None => {
                let around = source.pieces.iter().filter(|piece| {
                    !piece.own && piece.place.start <= place.start && place.end <= piece.place.end
                });
                let live = around
                    .filter(|piece| piece.serves.clone().any(|at| !self.unviable.contains(&(first + at))));
                match live.min_by_key(|piece| piece.place.len()) {
                    Some(piece) => piece.serves.clone(),
                    // The cause is not plain: the nearest one, and so on round by round.
                    None => {
                        let live = source.pieces.iter().filter(|piece| {
                            piece.serves.clone().any(|at| !self.unviable.contains(&(first + at)))
                        });
                        let nearest = live.min_by_key(|piece| piece.place.start.abs_diff(place.start));
                        nearest
                            .ok_or_else(|| format!("{file}, byte {}: {message}", place.start))?
                            .serves
                            .clone()
                    }
                }
            }
        };
        self.unviable.extend(serves.map(|at| first + at));
        Ok(())
    }
}

/// The number of the alternative that stands at a place: `… 17 => { … }`.
fn alternative(text: &str, at: usize) -> Option<usize> {
    let before = &text[..at];
    let arrow = before.rfind(" => ")?;
    let digits = before[..arrow].rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            remove_others(&path, kept);
        } else if !kept.contains(&path) {
            let _ = fs::remove_file(path);
        }
    }
}
