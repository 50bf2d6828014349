//! Who may look into the program while it runs: nobody of the same user. Root always may, so that root asks as somebody
//! else here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Some user that is not root; it need not exist.
const NOBODY: u32 = 65_534;

/// A folder that everybody may use, with the program in it.
struct Public(TempDir);

impl Public {
    fn new() -> Public {
        let folder = TempDir::new().unwrap();
        let everybody = || fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), everybody()).unwrap();
        let public = Public(folder);
        fs::copy(env!("CARGO_BIN_EXE_impersona"), public.program()).unwrap();
        fs::set_permissions(public.program(), everybody()).unwrap();
        public
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn program(&self) -> PathBuf {
        self.path().join("impersona")
    }

    /// The emulator, which runs until it is ended, and has said that it does.
    fn start(&self, vars: &[(&str, &str)]) -> Running {
        let mut command = not_as_root(self.program());
        command.arg("emulator").env_clear().env("TMPDIR", self.path()).envs(vars.iter().copied());
        let mut child = command.current_dir(self.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("\"port\""), "{line}");
        Running(child)
    }
}

/// A command of somebody who is not root.
fn not_as_root(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

struct Running(Child);

impl Running {
    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0.id())
    }

    /// Whether the same user is let in: the variables of a process are told to whom its memory is.
    fn can_be_read(&self) -> bool {
        let cat = not_as_root("/bin/cat").arg(self.file("environ")).stderr(Stdio::null()).output().unwrap();
        cat.status.success() && String::from_utf8_lossy(&cat.stdout).contains("TMPDIR")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nobody_of_the_same_user_reads_the_memory_of_the_program() {
    let public = Public::new();
    assert!(!public.start(&[]).can_be_read());
    let asked_for = public.start(&[("IMPERSONA_DEBUG_TRACEABLE", "1")]);
    assert_eq!(asked_for.can_be_read(), cfg!(debug_assertions), "only a debug build has this door");
}

#[test]
fn no_core_is_ever_written() {
    let public = Public::new();
    let limits = fs::read_to_string(public.start(&[]).file("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{limits}");
}
