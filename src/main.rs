//! The binary: arguments to the library, exit code to the shell. Nothing else.

use std::process::ExitCode;

use impersona::{
    cli::{self, Invocation},
    env::Env,
    runtime,
};

fn main() -> ExitCode {
    let env = Env::system();
    ExitCode::from(match cli::start(std::env::args_os(), &env) {
        Invocation::Done(code) => code,
        Invocation::Tui(args) => runtime::open(&args, &env),
    })
}
