//! The binary: arguments to the library, exit code to the shell. Nothing else.

use std::process::ExitCode;

use impersona::{
    cli::{self, Invocation},
    dumps,
    env::Env,
    runtime,
};

fn main() -> ExitCode {
    let env = Env::system();
    // Before anything secret is read.
    dumps::off(&env);
    ExitCode::from(match cli::start(std::env::args_os(), &env) {
        Invocation::Done(code) => code,
        Invocation::Tui(args) => runtime::open(&args, &env),
    })
}
