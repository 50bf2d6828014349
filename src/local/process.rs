//! Who else may read this process's memory: on Linux nobody but root. A core file would hold every token, and so does the
//! memory that a debugger of the same user reads; elsewhere such a debugger is not kept out.

use crate::local::env::Env;

/// No core file is written from now on (on Unix), and no process of the same user may read our memory (on Linux, which
/// alone is asked for that). What the system refuses here it has refused before.
///
/// A limit of zero alone is not enough: where core files are piped to a program, as systemd and Ubuntu have it, Linux does
/// not look at the limit. A process that is not dumpable is dumped nowhere, and no debugger attaches to it; in debug
/// builds `IMPERSONA_DEBUG_TRACEABLE` leaves that out, for debuggers and for the test that measures what a wipe leaves.
pub fn disable_core_dumps(env: &Env) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    let traceable = cfg!(debug_assertions) && env.get("IMPERSONA_DEBUG_TRACEABLE").is_some();
    #[cfg(target_os = "linux")]
    if !traceable {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = traceable;
}
