//! Figures as lines: what, how much, and how many times the first one it is.

use std::{path::PathBuf, time::Duration};

/// Values in ascending order; what is asked is a percentile.
pub struct Sample(Vec<f64>);

impl Sample {
    /// Of times, in milliseconds.
    pub fn of_times(times: &[Duration]) -> Sample {
        Sample::new(times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect())
    }

    pub fn new(mut values: Vec<f64>) -> Sample {
        values.sort_by(f64::total_cmp);
        Sample(values)
    }

    /// The value that so many of a hundred do not exceed; 0 for none.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(at).copied().unwrap_or_default()
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }
}

/// Lines about one thing. The first is what the others are compared with.
pub struct Table {
    unit: &'static str,
    first: Option<f64>,
}

impl Table {
    pub fn new(what: &str, unit: &'static str) -> Table {
        println!("  {what}, {unit}");
        Table { unit, first: None }
    }

    /// A figure, and its ratio to the first.
    pub fn line(&mut self, who: &str, figure: f64, more: &str) {
        let first = *self.first.get_or_insert(figure);
        let ratio = if first > 0.0 { format!("{:.2}x", figure / first) } else { String::new() };
        let figure = match self.unit {
            "bytes" | "MiB" => format!("{figure:.0}"),
            _ => format!("{figure:.3}"),
        };
        println!("    {who:<34} {figure:>12} {ratio:>8}  {more}");
    }

    /// A tool that is not installed.
    pub fn absent(&self, who: &str) {
        println!("    {who:<34} {:>12}", "not installed");
    }
}

/// Where a tool is, if it is there.
pub fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file())
}

/// Whether a tool is there.
pub fn installed(tool: &str) -> bool {
    find(tool).is_some()
}
