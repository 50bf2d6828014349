//! What was caught and missed, by file; then every survivor, with the reason why it may live.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::Source;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No test comes there.
    Unreached,
    /// Tests come there, and pass.
    Missed,
    /// A test fails, or hangs.
    Caught,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Unreached => "unreached",
            Verdict::Missed => "missed",
            Verdict::Caught => "caught",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        [Verdict::Unreached, Verdict::Missed, Verdict::Caught]
            .into_iter()
            .find(|verdict| verdict.word() == word)
    }
}

/// The least that is to be caught, of a hundred.
const LEAST: usize = 95;

/// True if enough were caught and every survivor has its reason. `whole` says that all files were tried, so that reasons
/// for what is caught, or is there no more, are named, too.
pub fn print(verdicts: &[(&Source, usize, Verdict)], reasons: &str, whole: bool) -> bool {
    let reasons: BTreeMap<&str, &str> = reasons
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once("\t— "))
        .collect();
    let mut modules: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut survivors = Vec::new();
    let mut used = BTreeSet::new();
    for (source, at, verdict) in verdicts {
        let (caught, all) = modules.entry(&source.path).or_default();
        *all += 1;
        if *verdict == Verdict::Caught {
            *caught += 1;
            continue;
        }
        let key = source.key(*at);
        let reason = reasons.get_key_value(key.as_str());
        used.extend(reason.map(|(key, _)| *key));
        survivors.push((*source, *at, *verdict, reason.map(|(_, reason)| *reason)));
    }
    println!("caught  of all  missed  file");
    for (path, (caught, all)) in &modules {
        println!("{caught:6}  {all:6}  {:6}  {path}", all - caught);
    }
    let caught: usize = modules.values().map(|(caught, _)| caught).sum();
    let all = verdicts.len();
    println!(
        "{caught:6}  {all:6}  {:6}  {:.1} % caught",
        all - caught,
        caught as f64 * 100.0 / all.max(1) as f64
    );
    let mut without = 0;
    for (source, at, verdict, reason) in &survivors {
        let mutant = &source.mutants[*at];
        let mark = if *verdict == Verdict::Unreached { " (no test comes there)" } else { "" };
        let which = source
            .key(*at)
            .rsplit('\t')
            .next()
            .filter(|last| last.parse::<usize>().is_ok())
            .map(|n| format!(" [{n}]"));
        println!(
            "{}:{} {}: {}{}{mark}",
            source.path,
            mutant.line,
            mutant.within,
            mutant.what,
            which.unwrap_or_default()
        );
        match reason {
            Some(reason) => println!("        may live: {reason}"),
            None => without += 1,
        }
    }
    let stale: Vec<&&str> = reasons.keys().filter(|key| whole && !used.contains(*key)).collect();
    for key in &stale {
        println!("no survivor any more: {key}");
    }
    println!("{} survivors, {without} without a reason", survivors.len());
    caught * 100 >= all * LEAST && without == 0 && stale.is_empty()
}
