//! Small changes of the code that must never be wrong, each tried against the tests: a condition dropped or turned round, a
//! bound moved, an item left out of a list, a step not done. A change that no test notices is a rule that nobody holds.
//!
//! All of them are built into one copy of the project, behind a switch that is told when a test program starts, so that
//! thousands cost one build; and each is tried only with the tests that reach it. What is known already is not tried again
//! while its file is the same (caught) or while everything is (missed): a run that was stopped goes on.
//!
//! `files.txt` is the list of files; `survivors.tsv` those that may live, each with its reason.

mod lists;
mod reach;
mod report;
mod sites;
mod tree;
mod weave;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reach::{Program, Test, Told, nearest_first};
use report::Verdict;
use tree::{Source, Tree};

/// The test programs in the order in which they are asked, the next one only of what the ones before did not notice: the
/// name of the target, of the stage, and how it is told.
const STAGES: [(&str, &str, Told); 3] = [
    ("impersona", "unit", Told::ByEnvironment),
    ("impersona_emulator", "emulator", Told::ByEnvironment),
    ("it", "whole", Told::ByFile),
];

const USAGE: &str = "mutants [--list] [--fresh] [--units] [PATH…]
  --list   says which changes there are, and tries none
  --fresh  forgets what earlier runs found
  --units  tries unit tests only, not the tests of the whole program
  PATH     only files whose path holds this";

fn main() -> ExitCode {
    let mut paths = Vec::new();
    let (mut list, mut fresh, mut units) = (false, false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--list" => list = true,
            "--fresh" => fresh = true,
            "--units" => units = true,
            path if !path.starts_with('-') => paths.push(path.to_owned()),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match run(&paths, list, fresh, units) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(paths: &[String], list: bool, fresh: bool, units: bool) -> Result<bool, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).ok_or("the project stands two folders up")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let work = target.join("mutants");
    fs::create_dir_all(&work).map_err(|error| error.to_string())?;
    let files = fs::read_to_string(here.join("files.txt")).map_err(|error| format!("files.txt: {error}"))?;
    let files =
        files.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(ToOwned::to_owned);
    let mut tree = Tree::new(root, &target, &files.collect::<Vec<_>>())?;
    let asked =
        |source: &Source| paths.is_empty() || paths.iter().any(|path| source.path.contains(path.as_str()));
    if list {
        for source in tree.sources.iter().filter(|source| asked(source)) {
            for (at, mutant) in source.mutants.iter().enumerate() {
                let unviable = tree.unviable.contains(&(source.first + at));
                let mark = if unviable { " (does not compile)" } else { "" };
                println!("{}:{} {}: {}{mark}", source.path, mutant.line, mutant.within, mutant.what);
            }
        }
        return Ok(true);
    }
    let programs = tree.build(units)?;
    // Many tests wait more than they work.
    let jobs = std::thread::available_parallelism().map_or(1, usize::from) * 2;
    let path =
        |name: &str| programs.get(name).cloned().ok_or_else(|| format!("no test program {name} was built"));
    let results = Results::open(&work.join("results.tsv"), fresh)?;
    let mutants: Vec<(&Source, usize)> = tree
        .sources
        .iter()
        .filter(|source| asked(source))
        .flat_map(|source| (0..source.mutants.len()).map(move |at| (source, at)))
        .filter(|(source, at)| !tree.unviable.contains(&(source.first + at)))
        .collect();
    let mut left = mutants.clone();
    for (name, stage, told) in STAGES {
        if units && told == Told::ByFile {
            continue;
        }
        let program = Program { path: path(name)?, copy: tree.copy.clone(), told };
        let bytes = fs::read(&program.path).map_err(|error| error.to_string())?;
        let stamp = tree::hash(&bytes);
        let tests = program.reached(&work.join(format!("reach-{stage}.json")), stamp, jobs)?;
        eprintln!("        {} {stage} tests", tests.len());
        try_all(&left, &program, &tests, stamp, &results, stage, jobs);
        left.retain(|(source, at)| results.best(source, *at) != Verdict::Caught);
    }
    let reasons = fs::read_to_string(here.join("survivors.tsv")).unwrap_or_default();
    let verdicts = mutants.iter().map(|(source, at)| (*source, *at, results.best(source, *at)));
    Ok(report::print(&verdicts.collect::<Vec<_>>(), &reasons, paths.is_empty()))
}

fn try_all(
    mutants: &[(&Source, usize)],
    program: &Program,
    tests: &[Test],
    stamp: u64,
    results: &Results,
    stage: &str,
    jobs: usize,
) {
    let open: Vec<&(&Source, usize)> =
        mutants.iter().filter(|(source, at)| !results.is_known(source, *at, stage, stamp)).collect();
    eprintln!("        {} of {} to try with {stage} tests", open.len(), mutants.len());
    let next = AtomicUsize::new(0);
    let jobs = if program.told == Told::ByFile { 1 } else { jobs };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((source, at)) = open.get(index).map(|open| **open) else { break };
                    let number = source.first + at;
                    let groups = nearest_first(tests, number, &source.path);
                    let verdict = match groups.is_empty() {
                        true => Verdict::Unreached,
                        false if groups.iter().any(|group| program.notices(number, group)) => Verdict::Caught,
                        false => Verdict::Missed,
                    };
                    results.put(source, at, stage, stamp, verdict);
                    if index % 100 == 99 {
                        eprintln!("        {} tried", index + 1);
                    }
                }
            });
        }
    });
}

/// What was found, kept line by line in a file.
struct Results {
    known: Mutex<BTreeMap<String, (u64, u64, Verdict)>>,
    file: Mutex<fs::File>,
}

impl Results {
    fn open(path: &Path, fresh: bool) -> Result<Self, String> {
        if fresh {
            let _ = fs::remove_file(path);
        }
        let mut known = BTreeMap::new();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let mut fields = line.splitn(4, '\t');
            let mut field = || fields.next().unwrap_or_default();
            let (hash, stamp, verdict) = (field().parse(), field().parse(), Verdict::of(field()));
            if let (Ok(hash), Ok(stamp), Some(verdict)) = (hash, stamp, verdict) {
                known.insert(field().to_owned(), (hash, stamp, verdict));
            }
        }
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Results { known: Mutex::new(known), file: Mutex::new(file) })
    }

    fn is_known(&self, source: &Source, at: usize, stage: &str, stamp: u64) -> bool {
        let known = self.known.lock().expect("no thread panics");
        let found = known.get(&format!("{stage}\t{}", source.key(at)));
        found.is_some_and(|(hash, stamped, verdict)| {
            (*verdict == Verdict::Caught && *hash == source.hash) || *stamped == stamp
        })
    }

    fn of(&self, source: &Source, at: usize, stage: &str) -> Option<Verdict> {
        let known = self.known.lock().expect("no thread panics");
        known.get(&format!("{stage}\t{}", source.key(at))).map(|(_, _, verdict)| *verdict)
    }

    /// Caught by any, missed where one reaches it.
    fn best(&self, source: &Source, at: usize) -> Verdict {
        let each = STAGES.map(|(_, stage, _)| self.of(source, at, stage).unwrap_or(Verdict::Unreached));
        each.into_iter().max().expect("there are three")
    }

    fn put(&self, source: &Source, at: usize, stage: &str, stamp: u64, verdict: Verdict) {
        let key = format!("{stage}\t{}", source.key(at));
        let line = format!("{}\t{stamp}\t{}\t{key}\n", source.hash, verdict.word());
        let _ = self.file.lock().expect("no thread panics").write_all(line.as_bytes());
        self.known.lock().expect("no thread panics").insert(key, (source.hash, stamp, verdict));
    }
}
