//! `impersona exec`: a command that finds the account's credentials wherever it looks.
//!
//! On Unix the command takes the place of this process, so that terminal, job control, signals and exit code are its
//! own. The server is a process of its own behind it: in another session, so that nothing typed at the terminal reaches
//! it, and not the command's child, which might wait for every child it has. It ends when the command's process does,
//! however that ends. Elsewhere the server runs in this process, and the command is its child.

use std::ffi::OsString;
use std::process::Command;

use super::args::running::Exec;
use super::output;
use super::running::impersonation;
use crate::http::{ApiError, ErrorKind};
use crate::local::env::Env;
use crate::serve::REMOVED;
use crate::session::Failure;
use crate::session::args::Global;

#[cfg(unix)]
pub(super) use behind::serve;
#[cfg(not(unix))]
pub(super) use beside::run_child;

/// Which part of the work this process does; set between our own processes only.
const PART: &str = "IMPERSONA_EXEC_PART";

/// What this process does for `exec`.
#[cfg(unix)]
pub(super) enum Part {
    /// It becomes the command.
    Command,
    /// It starts the server, and ends, so that the server isn't the command's child.
    Between,
    /// It serves for this process.
    Server(rustix::process::Pid),
}

#[cfg(unix)]
impl Part {
    pub(super) fn of(env: &Env) -> Part {
        let pid = |text: &str| rustix::process::Pid::from_raw(text.parse().ok()?);
        match env.get(PART).and_then(|text| text.split_once(' ')) {
            Some(("between", _)) => Part::Between,
            Some(("server", text)) => pid(text).map_or(Part::Command, Part::Server),
            _ => Part::Command,
        }
    }
}

/// Whether `exec` replaces this process.
pub(super) fn replaces(env: &Env) -> bool {
    cfg!(unix) && env.get(PART).is_none()
}

/// The command with an environment that leads to the account and nowhere else.
fn command(words: &[OsString], set: impl IntoIterator<Item = (String, String)>) -> Result<Command, Failure> {
    let (name, arguments) =
        words.split_first().ok_or_else(|| Failure::usage("exec needs a command after --"))?;
    let mut command = Command::new(name);
    command.args(arguments).env_remove(PART);
    REMOVED.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.envs(set);
    Ok(command)
}

/// Says that the command can't be run; the exit code is what shells give.
fn cannot_run(words: &[OsString], error: &std::io::Error, json: bool) -> Failure {
    let name = words.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (code, message, next) = match error.kind() {
        std::io::ErrorKind::NotFound => {
            (127, format!("{name}: command not found."), "Check its name and your PATH.")
        }
        _ => (126, format!("{name} can't be run: {error}."), "Check that it is an executable file."),
    };
    output::error(&ApiError::new(ErrorKind::Other, message).with_next(next), json);
    Failure::Told(code)
}

#[cfg(unix)]
pub(super) use front::{between, replace};

/// The processes before the command runs.
#[cfg(unix)]
mod front {
    use std::collections::BTreeMap;
    use std::io::Read as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Stdio;

    use super::*;

    /// This program again, with the same arguments, for another part of the work. Its stdin is ours, because it may ask
    /// whether to trust a file, or read an access token.
    fn again(part: &str) -> Result<Command, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::io("starting", &error))?;
        let mut command = Command::new(program);
        command.args(std::env::args_os().skip(1)).env(PART, part).stdout(Stdio::piped());
        Ok(command)
    }

    /// Starts `command` and reads what it prints until it closes its stdout.
    fn said(mut command: Command) -> Result<(std::process::Child, String), Failure> {
        let io = |error| Failure::io("starting the metadata server", &error);
        let mut child = command.spawn().map_err(io)?;
        let mut text = String::new();
        child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut text)).map_err(io)?;
        Ok((child, text))
    }

    /// Starts the server, and becomes the command. It only returns if it can't.
    ///
    /// # Errors
    /// What keeps it from running, already said.
    pub(crate) fn replace(exec: &Exec, global: &Global) -> Result<(), Failure> {
        // What is wrong with the request is said before anything is started.
        impersonation(&exec.who)?;
        let (mut child, text) = said(again(&format!("between {}", std::process::id()))?)?;
        let status = child.wait().map_err(|error| Failure::io("starting the metadata server", &error))?;
        let Ok(set) = serde_json::from_str::<BTreeMap<String, String>>(&text) else {
            // It has said why.
            return Err(Failure::Told(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)));
        };
        let mut command = command(&exec.command, set)?;
        Err(cannot_run(&exec.command, &command.exec(), global.json))
    }

    /// Starts the server, passes on what it says, and leaves it behind; or waits for the exit code of one that couldn't
    /// start.
    ///
    /// # Errors
    /// The server's exit code: it has said why.
    pub(crate) fn between(env: &Env) -> Result<(), Failure> {
        let pid = env.get(PART).and_then(|text| text.split_once(' ')).map_or("", |(_, pid)| pid);
        let (mut child, text) = said(again(&format!("server {pid}"))?)?;
        if text.is_empty() {
            let status = child.wait().map_err(|error| Failure::io("starting the metadata server", &error))?;
            return Err(Failure::Told(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)));
        }
        output::line(text.trim_end())
    }
}

/// The process behind the command.
#[cfg(unix)]
mod behind {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::pin::pin;
    use std::time::Duration;

    use rustix::process::Pid;

    use super::*;
    use crate::cli::running::Running;
    use crate::cli::stop::Stop;
    use crate::session::setup::Setup;

    /// How often it is asked whether the command still runs, where the system doesn't tell.
    const LOOK: Duration = Duration::from_millis(250);

    /// Serves until the process ends, and takes everything away.
    ///
    /// # Errors
    /// What keeps the server from starting.
    pub(crate) async fn serve(
        exec: &Exec,
        setup: &Setup,
        pid: Pid,
        global: &Global,
        env: &Env,
    ) -> Result<(), Failure> {
        let io = |error| Failure::io("starting the metadata server", &error);
        let ended = Ended::of(pid);
        let mut told = pin!(Stop::listen().told());
        let project = global.project();
        let mut running = tokio::select! {
            started = Running::start(setup, impersonation(&exec.who)?, 0, project, env) => started?,
            () = &mut told => return Err(Failure::Told(1)),
        };
        // What is typed at the terminal is for the command.
        rustix::process::setsid().map_err(|error| io(error.into()))?;
        let set: BTreeMap<&String, &String> = running.env.iter().map(|(name, value)| (name, value)).collect();
        output::line(&output::to_json(&set))?;
        // A reader of stdout and a writer to stdin wait for the command and not for us.
        let null = File::options().read(true).write(true).open("/dev/null").map_err(io)?;
        rustix::stdio::dup2_stdin(&null).map_err(|error| io(error.into()))?;
        rustix::stdio::dup2_stdout(&null).map_err(|error| io(error.into()))?;
        tokio::select! {
            failure = running.report(global.verbose) => Err(failure),
            () = told => Ok(()),
            () = ended.wait() => Ok(()),
        }
    }

    /// The end of a process that isn't our child.
    struct Ended {
        pid: Pid,
        /// Linux tells it, and takes no other process that gets the number later for this one.
        #[cfg(target_os = "linux")]
        handle: Option<std::os::fd::OwnedFd>,
    }

    impl Ended {
        fn of(pid: Pid) -> Ended {
            Ended {
                pid,
                #[cfg(target_os = "linux")]
                handle: rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok(),
            }
        }

        #[cfg(target_os = "linux")]
        #[expect(
            deprecated,
            reason = "an owned descriptor stays open, and what replaces this is unsafe code"
        )]
        async fn wait(mut self) {
            use tokio::io::unix::AsyncFd;
            let handle = self.handle.take().and_then(|handle| AsyncFd::new(handle).ok());
            match handle {
                Some(handle) => drop(handle.readable().await),
                None => self.look().await,
            }
        }

        #[cfg(not(target_os = "linux"))]
        async fn wait(self) {
            self.look().await;
        }

        async fn look(&self) {
            while rustix::process::test_kill_process(self.pid).is_ok() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// The command as a child, where a process can't be replaced.
#[cfg(not(unix))]
mod beside {
    use super::*;
    use crate::cli::running::Running;
    use crate::session::setup::Setup;

    /// Runs the command to its end; what is typed to stop it reaches it by itself.
    ///
    /// # Errors
    /// What keeps it from running, and its exit code unless that is 0.
    pub(crate) async fn run_child(
        exec: &Exec,
        setup: &Setup,
        global: &Global,
        env: &Env,
    ) -> Result<(), Failure> {
        let mut running = Running::start(setup, impersonation(&exec.who)?, 0, global.project(), env).await?;
        let command = command(&exec.command, running.env.clone())?;
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|error| cannot_run(&exec.command, &error, global.json))?;
        loop {
            tokio::select! {
                failure = running.report(global.verbose) => return Err(failure),
                _ = tokio::signal::ctrl_c() => {}
                status = child.wait() => {
                    let status = status.map_err(|error| Failure::io("waiting for the command", &error))?;
                    return match status.code() {
                        Some(0) => Ok(()),
                        code => Err(Failure::Told(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(command: &Command) -> Vec<(String, Option<String>)> {
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        command.get_envs().map(|(name, value)| (text(name), value.map(text))).collect()
    }

    #[test]
    fn command_gets_what_is_set_and_loses_every_other_credential() {
        let words: Vec<OsString> = ["terraform", "plan", "-v"].map(OsString::from).into();
        let set = [("GCE_METADATA_HOST".to_owned(), "127.0.0.1:1".to_owned())];
        let command = command(&words, set).map_err(|_| ()).unwrap();
        assert_eq!(command.get_program(), "terraform");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["plan", "-v"]);
        let vars = vars(&command);
        assert!(vars.contains(&("GCE_METADATA_HOST".to_owned(), Some("127.0.0.1:1".to_owned()))));
        for name in ["GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN", PART] {
            assert!(vars.contains(&(name.to_owned(), None)), "{name}");
        }
    }

    #[test]
    fn missing_command_and_one_that_cannot_run_are_told_apart_as_shells_do() {
        let words = [OsString::from("x")];
        let code = |kind: std::io::ErrorKind| cannot_run(&words, &kind.into(), false).exit_code();
        assert_eq!(code(std::io::ErrorKind::NotFound), 127);
        assert_eq!(code(std::io::ErrorKind::PermissionDenied), 126);
    }
}
