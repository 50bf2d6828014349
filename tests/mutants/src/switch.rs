//! Becomes the module `mutant` of the copy: which change is switched on, and which are reached. Both are told by the
//! environment, or by a file beside the copy's manifest where a test clears the environment of the program it runs.
#![allow(missing_docs, dead_code)]

use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ACTIVE: LazyLock<u32> =
    LazyLock::new(|| told("MUTANT").and_then(|number| number.trim().parse().ok()).unwrap_or(0));
static REACHING: LazyLock<Option<String>> = LazyLock::new(|| told("MUTANT_REACH"));
static REACHED: LazyLock<Vec<AtomicBool>> =
    LazyLock::new(|| (0..1 << 16).map(|_| AtomicBool::new(false)).collect());

fn told(name: &str) -> Option<String> {
    let beside = || std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).ok();
    std::env::var(name).ok().or_else(beside).filter(|told| !told.trim().is_empty())
}

/// The change of these numbers that is switched on, or 0.
pub fn active(numbers: std::ops::Range<u32>) -> u32 {
    if let Some(path) = &*REACHING
        && !REACHED[numbers.start as usize].swap(true, Ordering::Relaxed)
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path.trim())
    {
        let _ = file.write_all(format!("{} {}\n", numbers.start, numbers.end).as_bytes());
    }
    if numbers.contains(&*ACTIVE) { *ACTIVE } else { 0 }
}

pub fn is(number: u32) -> bool {
    active(number..number + 1) == number
}
