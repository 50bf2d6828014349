//! The table, and what is said at its end. No check can keep the others from being made.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use crate::{Checked, known};

/// The longest that a check may take: the library repeats for a minute what it takes for a passing trouble.
const PATIENCE: Duration = Duration::from_secs(45);

/// Gives up on a check that takes too long.
pub async fn in_time(check: impl Future<Output = Checked>) -> Checked {
    tokio::time::timeout(PATIENCE, check).await.unwrap_or_else(|_| Err(format!("not within {PATIENCE:?}")))
}

/// All that has been found so far.
#[derive(Default)]
pub struct Report {
    passed: usize,
    failed: usize,
    /// How often each known difference was met.
    met: BTreeMap<String, usize>,
}

impl Report {
    /// Makes a check and prints its line.
    pub async fn check(&mut self, name: &str, check: impl Future<Output = Checked>) {
        let outcome = in_time(check).await;
        self.line(name, outcome);
    }

    /// Keeps what is different between two readings of one file; what nobody knows of is an error.
    pub fn differs(&mut self, differences: Vec<String>) -> Result<(), String> {
        let mut new = Vec::new();
        for difference in differences {
            match known::reason(&difference) {
                Some(_) => *self.met.entry(difference).or_default() += 1,
                None => new.push(difference),
            }
        }
        if new.is_empty() { Ok(()) } else { Err(format!("unknown differences: {}", new.join("; "))) }
    }

    /// Prints the line of a check that was made.
    pub fn line(&mut self, name: &str, outcome: Checked) {
        let (word, count, text) = match outcome {
            Ok(text) => ("ok", &mut self.passed, text),
            Err(text) => ("FAILED", &mut self.failed, text),
        };
        *count += 1;
        println!("{word:6}  {name:46}  {text}");
    }

    /// Says what is known to differ, that each of it still does, and how many checks failed.
    pub fn end(mut self) -> ExitCode {
        println!("\nKnown differences, and in how many files they are met:");
        for (difference, count) in std::mem::take(&mut self.met) {
            println!("{count:6}  {difference}\n        {}", known::reason(&difference).unwrap_or_default());
            self.met.insert(difference, count);
        }
        println!();
        for (difference, _) in known::DIFFERENCES {
            if !self.met.contains_key(*difference) {
                self.line("a known difference is gone", Err((*difference).to_owned()));
            }
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
