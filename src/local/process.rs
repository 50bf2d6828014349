//! Who else can read this process's memory. A core file would contain every token, and so does the memory that a
//! debugger of the same user reads. On Linux only root can read it; elsewhere a debugger of the same user still can.

use crate::local::env::Env;

/// Disables core files (Unix), and denies other processes of the same user access to our memory (Linux). Errors are
/// ignored: nothing better can be done about them.
///
/// A limit of zero is not enough: if core files are piped to a program, as with systemd and on Ubuntu, Linux ignores
/// the limit. A process that isn't dumpable is never dumped, and no debugger can attach. In debug builds
/// `IMPERSONA_DEBUG_TRACEABLE` skips that, for debuggers and for the test that measures what a wipe leaves.
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
