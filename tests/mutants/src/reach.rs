//! Which test reaches which change, and how long each takes: each test is run once by itself, with nothing switched on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// One test that passes with nothing switched on.
#[derive(Clone)]
pub struct Test {
    pub name: String,
    pub takes: Duration,
    pub reaches: BTreeSet<usize>,
}

/// How a test program is told: unit tests by the environment, several at once; whole programs by files beside the copy's
/// manifest, for they clear the environment of what they start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Told {
    ByEnvironment,
    ByFile,
}

pub struct Program {
    pub path: PathBuf,
    pub copy: PathBuf,
    pub told: Told,
}

impl Program {
    pub fn command(&self, name: &str, value: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.copy).stdin(Stdio::null()).stderr(Stdio::null());
        match self.told {
            Told::ByEnvironment => _ = command.env(name, value),
            Told::ByFile => _ = fs::write(self.copy.join(name), value),
        }
        command
    }

    fn quiet(&self, name: &str) {
        if self.told == Told::ByFile {
            let _ = fs::remove_file(self.copy.join(name));
        }
    }

    pub fn tests(&self) -> Result<Vec<String>, String> {
        let output = Command::new(&self.path).arg("--list").current_dir(&self.copy).output();
        let output = output.map_err(|error| format!("{}: {error}", self.path.display()))?;
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(ToOwned::to_owned).collect())
    }

    fn reach(&self, test: &str, told: &Path) -> Option<Test> {
        let _ = fs::remove_file(told);
        let began = Instant::now();
        let mut command = self.command("MUTANT_REACH", &told.to_string_lossy());
        let ended = command.args(["--exact", test, "--test-threads=1"]).stdout(Stdio::null()).status();
        self.quiet("MUTANT_REACH");
        let takes = began.elapsed();
        let reached = fs::read_to_string(told).unwrap_or_default();
        let _ = fs::remove_file(told);
        let ranges = reached.lines().filter_map(|line| {
            let (from, to) = line.split_once(' ')?;
            Some(from.parse::<usize>().ok()?..to.parse::<usize>().ok()?)
        });
        let reaches = ranges.flatten().collect();
        ended.is_ok_and(|ended| ended.success()).then(|| Test { name: test.to_owned(), takes, reaches })
    }

    /// All tests that pass; kept in a file for as long as the program is the same.
    pub fn reached(&self, kept: &Path, stamp: u64, jobs: usize) -> Result<Vec<Test>, String> {
        if let Some(tests) = fs::read_to_string(kept).ok().and_then(|text| read(&text, stamp)) {
            return Ok(tests);
        }
        let names = self.tests()?;
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let jobs = if self.told == Told::ByFile { 1 } else { jobs };
        std::thread::scope(|scope| {
            for job in 0..jobs {
                let (names, next, found) = (&names, &next, &found);
                let told = kept.with_extension(format!("told{job}"));
                scope.spawn(move || {
                    while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.reach(name, &told) {
                            Some(test) => found.lock().expect("no thread panics").push(test),
                            None => eprintln!("        fails with nothing switched on, left out: {name}"),
                        }
                    }
                });
            }
        });
        let mut tests = found.into_inner().expect("no thread panics");
        tests.sort_by(|one, other| one.name.cmp(&other.name));
        fs::write(kept, written(&tests, stamp)).map_err(|error| error.to_string())?;
        Ok(tests)
    }

    /// Runs tests with one change switched on until one fails. True if one did, or if they hang.
    pub fn notices(&self, number: usize, tests: &[&Test]) -> bool {
        if tests.is_empty() {
            return false;
        }
        let usual: Duration = tests.iter().map(|test| test.takes).sum();
        let mut command = self.command("MUTANT", &number.to_string());
        command
            .args(["--exact", "--test-threads=1"])
            .args(tests.iter().map(|test| &test.name))
            .stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else { return false };
        let output = child.stdout.take().expect("it is piped");
        let (told, failed) = std::sync::mpsc::channel();
        // Ends with the program's output.
        std::thread::spawn(move || {
            let failed =
                BufReader::new(output).lines().map_while(Result::ok).any(|line| line.ends_with("FAILED"));
            let _ = told.send(failed);
        });
        let heard = failed.recv_timeout(usual * 8 + Duration::from_secs(10));
        if heard != Ok(false) {
            let _ = child.kill();
        }
        let ended = child.wait();
        self.quiet("MUTANT");
        // A program that ends before all its tests are done fails, too.
        heard != Ok(false) || !ended.is_ok_and(|ended| ended.success())
    }
}

fn written(tests: &[Test], stamp: u64) -> String {
    let tests: Vec<Value> = tests
        .iter()
        .map(
            |test| json!({ "name": test.name, "ms": test.takes.as_millis() as u64, "reaches": test.reaches }),
        )
        .collect();
    json!({ "stamp": stamp, "tests": tests }).to_string()
}

fn read(text: &str, stamp: u64) -> Option<Vec<Test>> {
    let value: Value = serde_json::from_str(text).ok()?;
    if value["stamp"].as_u64() != Some(stamp) {
        return None;
    }
    let tests = value["tests"].as_array()?.iter().map(|test| {
        let reaches =
            test["reaches"].as_array()?.iter().filter_map(Value::as_u64).map(|number| number as usize);
        let takes = Duration::from_millis(test["ms"].as_u64()?);
        Some(Test { name: test["name"].as_str()?.to_owned(), takes, reaches: reaches.collect() })
    });
    tests.collect()
}

/// Slower tests are not tried: what only they would notice counts as missed.
const SLOW: Duration = Duration::from_secs(3);
/// What all tests of one change may take.
const PATIENCE: Duration = Duration::from_secs(25);

/// Of the tests that reach a change: those that stand nearest to it, then the others, as far as patience goes; in groups,
/// so that few are run where the first notice it.
pub fn nearest_first<'a>(tests: &'a [Test], number: usize, path: &str) -> Vec<Vec<&'a Test>> {
    let mut reaching: Vec<&Test> = tests.iter().filter(|test| test.reaches.contains(&number)).collect();
    let module: Vec<&str> = path.trim_end_matches(".rs").split('/').skip(1).collect();
    let distance = |test: &Test| {
        let shared = test.name.split("::").zip(&module).take_while(|(one, other)| one == *other).count();
        (std::cmp::Reverse(shared), test.takes)
    };
    reaching.sort_by_key(|test| distance(test));
    let mut left = PATIENCE;
    reaching.retain(|test| {
        left = left.saturating_sub(test.takes);
        test.takes < SLOW && !left.is_zero()
    });
    let mut groups: Vec<Vec<&Test>> = Vec::new();
    let mut takes = Duration::ZERO;
    let mut limit = Duration::from_millis(300);
    for test in reaching {
        if groups.is_empty() || takes + test.takes > limit {
            groups.push(Vec::new());
            if takes > Duration::ZERO {
                limit *= 4;
            }
            takes = Duration::ZERO;
        }
        takes += test.takes;
        groups.last_mut().expect("one was put there").push(test);
    }
    groups
}
