//! What tmux is asked, by a program in its place.

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
    // More than a pipe holds: the pipe breaks if nobody reads it.
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
