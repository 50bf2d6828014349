//! Google's own Rust libraries, unchanged, against `impersona emulator`: a credentials file must mean the same to them
//! as to impersona, and what works at Google must work here, in a form that these libraries understand.
//!
//! ```text
//! cargo run --locked --manifest-path tests/conformance/rust/Cargo.toml -- PATH-OF-IMPERSONA
//! ```

mod accounts;
mod ask;
mod callers;
mod commands;
mod compare;
mod credentials;
mod emulator;
mod http;
mod id_tokens;
mod known;
mod recorder;
mod report;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use emulator::Emulator;
use report::Report;

/// The outcome of a check: what there is to say of it, or what is wrong.
type Checked = Result<String, String>;

/// Whatever an error says, with what it comes from.
fn said(error: impl std::error::Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

/// Goes on if it is so, and otherwise says what was there instead.
fn ensure(is_so: bool, otherwise: impl std::fmt::Debug) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("{otherwise:?}")) }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    match arguments.as_slice() {
        [flag, question] if flag == ask::FLAG => {
            println!("{}", runtime.block_on(ask::answer(question)));
            ExitCode::SUCCESS
        }
        [flag, binary] if flag == BARE => match runtime.block_on(all(Path::new(binary))) {
            Ok(report) => report.end(),
            Err(problem) => failed(&problem),
        },
        [binary] => bare(binary).unwrap_or_else(|error| failed(&error.to_string())),
        _ => failed("usage: impersona-conformance PATH-OF-IMPERSONA"),
    }
}

/// Says that the environment has been left behind.
const BARE: &str = "--bare";

/// Runs the checks in a process that has nothing of whoever runs this: neither credentials nor a proxy, through which
/// the library would look for the emulator.
fn bare(binary: &str) -> io::Result<ExitCode> {
    let kept = ["PATH", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut checks = Command::new(std::env::current_exe()?);
    let status = checks.args([BARE, binary]).env_clear().envs(kept).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn failed(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}

async fn all(binary: &Path) -> Result<Report, String> {
    let emulator = Emulator::start(binary)?;
    let mut report = Report::default();
    callers::run(&emulator, &mut report).await;
    id_tokens::run(&emulator, &mut report).await;
    credentials::run(&emulator, &mut report).await;
    accounts::run(&emulator, &mut report).await;
    commands::run(&emulator, &mut report).await;
    Ok(report)
}
