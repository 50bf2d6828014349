//! tmux's buffer of our name, by the program itself. It may hang like any other, and is not waited for then.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::{BUFFER, Buffer, PATIENCE};
use crate::model::secret::Secret;

/// The tmux that we run inside of.
pub(super) struct Tmux;

impl Buffer for Tmux {
    fn put(&self, text: &Secret) -> bool {
        fed(&mut load(), text, PATIENCE)
    }

    fn delete(&self) {
        let _ = delete().spawn().map(|child| finish(child, PATIENCE));
    }
}

/// By stdin, never as an argument; `-w` lets tmux pass it on to the outer terminal.
fn load() -> Command {
    command(&["load-buffer", "-w", "-b", BUFFER, "-"])
}

fn delete() -> Command {
    command(&["delete-buffer", "-b", BUFFER])
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("tmux");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // tmux tells its server all variables that it has.
    command.env_remove("CLOUDSDK_AUTH_ACCESS_TOKEN");
    command
}

/// Runs a command with this on its stdin; says whether it took all of it and did well.
fn fed(command: &mut Command, text: &Secret, patience: Duration) -> bool {
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else { return false };
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(text.expose().as_bytes()));
    finish(child, patience) && matches!(written, Some(Ok(())))
}

/// Waits for a command, not for ever; says whether it did well.
fn finish(mut child: Child, patience: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(10);
    for _ in 0..patience.as_millis() / STEP.as_millis() {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(STEP),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

#[cfg(all(test, unix))]
#[path = "tmux_tests.rs"]
mod tests;
