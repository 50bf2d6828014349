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
    let written =
        child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.expose().as_bytes()).is_ok());
    finish(child, patience) && written
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
mod tests {
    use super::*;

    /// Far more than any of the commands below takes.
    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn tmux_is_called_with_its_arguments_and_without_the_token_of_the_environment() {
        for (command, arguments) in [
            (load(), &["load-buffer", "-w", "-b", "impersona", "-"][..]),
            (delete(), &["delete-buffer", "-b", "impersona"]),
        ] {
            assert_eq!(command.get_program(), "tmux");
            assert_eq!(command.get_args().collect::<Vec<_>>(), arguments);
            let token = ("CLOUDSDK_AUTH_ACCESS_TOKEN".as_ref(), None);
            assert_eq!(command.get_envs().collect::<Vec<_>>(), [token]);
        }
    }

    #[test]
    fn command_did_well_only_where_it_took_all_and_says_so() {
        for (script, done) in [
            (r#"test "$(cat)" = hush"#, true),
            (r#"test "$(cat)" = other"#, false),
            ("cat >/dev/null; exit 1", false),
            ("cat >/dev/null; kill -9 $$", false),
        ] {
            assert_eq!(fed(&mut shell(script), &Secret::new("hush"), LONG), done, "{script}");
        }
        assert!(!fed(&mut Command::new("/nonexistent"), &Secret::new("hush"), LONG));
        // More than a pipe holds: whoever does not read it breaks it.
        let long = Secret::new("x".repeat(1 << 20));
        assert!(fed(&mut shell("cat >/dev/null"), &long, LONG));
        assert!(!fed(&mut shell("exit 0"), &long, LONG));
    }

    #[test]
    fn command_that_hangs_is_ended() {
        let mut child = shell("exec sleep 2").spawn().unwrap();
        let patience = Duration::from_millis(50);
        assert!(!finish(child, patience), "it was not waited for, or it would have done well");
        child = shell("exit 0").spawn().unwrap();
        assert!(finish(child, LONG));
    }
}
