//! What the whole program costs, beside the least that the same work can cost (a bare list, bare sockets, a bare HTTP
//! client: this very file, started as another program) and beside other tools, where they are installed. Ratios of one run
//! on one machine; nothing is asserted, for machines are noisy.
//!
//! ```sh
//! IMPERSONA_BIN=target/release/impersona cargo bench --bench program
//! cargo bench --bench program -- scan    # only what has that word in its name
//! ```

#![allow(clippy::disallowed_methods, reason = "time is what is measured here")]

mod commands;
mod floor;
mod scan;
mod screen;
mod server;
mod table;
mod tui;

use std::error::Error;

/// What can go wrong: the machine lacks something, and the word says what.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// The program that is measured: the one of `IMPERSONA_BIN`, else the one that was built along with this.
fn app() -> String {
    std::env::var("IMPERSONA_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_impersona").to_owned())
}

type Part = (&'static str, fn() -> Outcome<()>);

const PARTS: [Part; 12] = [
    ("size", commands::size),
    ("start", tui::start),
    ("keys", tui::keys),
    ("filter", tui::filter),
    ("burst", tui::burst),
    ("at work", tui::at_work),
    ("mint in the explorer", tui::mint),
    ("idle and memory", tui::idle),
    ("mint", commands::mint),
    ("decode", commands::decode),
    ("scan", scan::scan),
    ("quota", scan::quota),
];

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let Some(("floor", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return floor::run(rest);
    }
    for (name, part) in PARTS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            println!("\n{name}");
            if let Err(error) = part() {
                println!("  not measured: {error}");
            }
        }
    }
    Ok(())
}
