//! The binary: arguments to the library, exit code to the shell, and the allocator, which only a binary may choose.

use std::{alloc::System, process::ExitCode};

use impersona::{
    cli::{self, Invocation},
    local::{env::Env, process},
    tui::runtime,
};
use zeroizing_alloc::ZeroAlloc;

/// What is given back is wiped first: texts that grew, and what HTTP, TLS and JSON libraries read and wrote, would
/// leave copies of credentials behind in memory that nobody owns any more.
#[global_allocator]
static WIPING: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let env = Env::system();
    let arguments: Vec<_> = std::env::args_os().collect();
    // Before anything secret is read. A command that takes our place keeps its own limits: nothing is read for it here.
    if !cli::becomes_command(&arguments, &env) {
        process::disable_core_dumps(&env);
    }
    ExitCode::from(match cli::start(arguments, &env) {
        Invocation::Done(code) => code,
        Invocation::Tui(args) => runtime::open(&args, &env).unwrap_or_else(|failure| cli::fail(&failure)),
    })
}
