//! The command line: what was typed becomes either a wish to open the explorer or a subcommand, which is run
//! here from start to exit code. It knows no screen; subcommands do what they do through [`crate::api`] alone.

mod accounts;
pub(crate) mod args;
mod can;
mod credential;
mod decode;
mod doctor;
mod emulator;
mod exec;
mod info;
mod input;
mod keys;
pub(crate) mod output;
mod policy;
mod running;
mod serve;
mod shell_env;
mod shell_files;
mod stop;
mod token;
mod whoami;

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::pin::pin;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};
use tokio::sync::mpsc;

use crate::http::clock::now;
use crate::http::endpoints::Service;
use crate::http::record::{Outcome, Record};
use crate::http::{ApiError, ErrorKind};
use crate::local::env::Env;
use crate::model::account::AccountRef;
use crate::model::nearest::{did_you_mean, nearest};
use crate::session::Failure;
use crate::session::args::{Global, TuiArgs};
use crate::session::failure::{self, LastFailure};
use crate::session::setup::Setup;
use crate::text::safe::safe_line;
use args::running::Helper;
use args::{Args, Command};
use stop::Stop;

/// What the arguments ask for.
pub enum Invocation {
    /// Open the explorer.
    Tui(TuiArgs),
    /// All was done; the exit code.
    Done(u8),
}

/// Reads the arguments (the program's name first) and, for a subcommand, runs it.
pub fn start(arguments: impl IntoIterator<Item = OsString>, env: &Env) -> Invocation {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let args = match parse(&arguments) {
        Ok(args) => args,
        Err(code) => return Invocation::Done(code),
    };
    let json = args.global.json;
    let has_example = args.global.demo || matches!(args.command, Some(Command::Emulator { .. }));
    let outcome = match args.command {
        _ if args.global.demo_accounts.is_some() && !has_example => Err(Failure::usage(
            "--demo-accounts sets the size of the example organization: add --demo, or leave it out",
        )),
        _ if args.global.projects.len() > 1 && !takes_projects(args.command.as_ref()) => {
            Err(Failure::usage("--project can be repeated only with `can --all`: pass one"))
        }
        None => match tui(args) {
            Ok(tui) => return Invocation::Tui(tui),
            Err(failure) => Err(failure),
        },
        Some(_) if args.account.is_some() || args.pane.is_some() => {
            Err(Failure::usage("an account or --pane can't come before a subcommand: both open the explorer"))
        }
        Some(command) => run(command, &args.global, env),
    };
    Invocation::Done(outcome.map_or_else(|failure| report(&failure, json), |()| 0))
}

/// Whether it looks at several projects at once.
fn takes_projects(command: Option<&Command>) -> bool {
    matches!(command, Some(Command::Can(can)) if can.all)
}

/// Whether this process will become the command of `exec`.
pub fn becomes_command(arguments: &[OsString], env: &Env) -> bool {
    // Only those that can be it are read twice.
    let is_exec =
        || matches!(Args::try_parse_from(arguments), Ok(Args { command: Some(Command::Exec(_)), .. }));
    exec::replaces(env) && arguments.iter().any(|argument| argument == "exec") && is_exec()
}

/// Says why the explorer cannot open; gives back the exit code.
pub fn fail(failure: &Failure) -> u8 {
    report(failure, false)
}

fn report(failure: &Failure, json: bool) -> u8 {
    if let Failure::Error(error) = failure {
        output::error(error, json);
    }
    failure.exit_code()
}

/// Reads the arguments; what cannot be read is said here.
fn parse(arguments: &[OsString]) -> Result<Args, u8> {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    let json = own.clone().any(|argument| argument == "--json");
    let usage = |message: &str| {
        output::error(&ApiError::new(ErrorKind::Config, message).with_next("impersona --help"), json);
        2
    };
    let leaks = |argument: &OsString| args::is_credential(&argument.to_string_lossy());
    // What comes after `--` of exec is for the command, which anyone could run with it.
    let is_command = || {
        let parsed =
            Args::try_parse_from(arguments).is_ok_and(|args| matches!(args.command, Some(Command::Exec(_))));
        parsed && !own.skip(1).any(leaks)
    };
    if arguments.iter().skip(1).any(leaks) && !is_command() {
        return Err(usage(
            "an argument looks like a credential, and others on this machine can read arguments: \
             pass it on stdin or in a file (impersona decode -)",
        ));
    }
    Args::try_parse_from(arguments).map_err(|error| match error.exit_code() {
        // --help and --version
        0 => {
            let _ = error.print();
            0
        }
        _ if json => {
            if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                return usage("missing subcommand");
            }
            let text = error.render().to_string();
            // All of the first paragraph: what is missing stands below the sentence that something is.
            let said: Vec<&str> =
                text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
            usage(said.join(" ").trim_start_matches("error: "))
        }
        _ => {
            let _ = showable(error, arguments).print();
            2
        }
    })
}

/// The error repeats arguments unchanged, and one might be the name of someone else's file: the same arguments are
/// parsed again in a form that is safe to show.
fn showable(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let shown = arguments.iter().map(|argument| safe_line(&argument.to_string_lossy()).into_owned());
    match Args::try_parse_from(shown) {
        Err(same) => same,
        Ok(_) => Args::command().error(error.kind(), "an argument contains control characters"),
    }
}

fn tui(args: Args) -> Result<TuiArgs, Failure> {
    if args.global.json {
        return Err(Failure::usage("--json needs a subcommand"));
    }
    let account = match args.account {
        // A slip in the name of a subcommand ends up here.
        Some(word) if !word.contains('@') && !word.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(unknown_command(&word).into());
        }
        Some(name) => Some(AccountRef::parse(&name).map_err(Failure::refused)?),
        None => None,
    };
    Ok(TuiArgs { global: args.global, account, pane: args.pane })
}

/// Neither a subcommand nor an account.
fn unknown_command(word: &str) -> ApiError {
    let commands = Args::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    let message = format!("Unknown command “{word}”.{}", did_you_mean(nearest(word, names)));
    ApiError::new(ErrorKind::Config, message).with_next("impersona --help")
}

/// Runs a subcommand on a runtime of its own: one thread starts faster than many, and nothing here needs more.
fn run(command: Command, global: &Global, env: &Env) -> Result<(), Failure> {
    let command = match command {
        Command::Keys => return keys::run(global, env),
        Command::Completions { shell } => return shell_files::completions(shell),
        Command::Man { words } => return shell_files::man(&words),
        #[cfg(unix)]
        Command::Exec(exec) => match exec::Part::of(env) {
            exec::Part::Command => return exec::replace(&exec, global),
            exec::Part::Between => return exec::between(env),
            exec::Part::Server(_) => Command::Exec(exec),
        },
        command => command,
    };
    let explains = matches!(command, Command::Doctor { .. });
    let who = Cell::new(None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("starting", &error))?;
    let (sender, mut records) = mpsc::channel(1_024);
    // The demo's emulator takes its files away only when it is dropped. What serves listens for itself.
    let listens = global.demo && !serves(&command);
    let outcome = runtime.block_on(async {
        let mut told = pin!(told(listens));
        let mut work = pin!(dispatch(command, global, env, global.verbose.then_some(sender), &who));
        loop {
            tokio::select! {
                biased;
                Some(record) = records.recv() => said(&record),
                outcome = &mut work => return outcome,
                failure = &mut told => return Err(failure),
            }
        }
    });
    while let Ok(record) = records.try_recv() {
        said(&record);
    }
    if let (false, Err(Failure::Error(error))) = (explains, &outcome) {
        keep(error, who.take(), global, env);
    }
    // A look-up that hangs must not hold back the exit.
    runtime.shutdown_timeout(Duration::ZERO);
    outcome
}

/// Whether a command runs until it is told to stop, and takes its files away itself.
fn serves(command: &Command) -> bool {
    matches!(
        command,
        Command::Emulator { .. }
            | Command::Exec(_)
            | Command::Serve(_)
            | Command::Credential(Helper::ExternalAccount { .. })
    )
}

/// Keeps a refusal for `impersona doctor`; where it cannot be written, nobody minds.
fn keep(error: &ApiError, who: Option<(Option<String>, String)>, global: &Global, env: &Env) {
    let folder = env.state_dir().filter(|_| !global.demo);
    if let (Some(folder), Some(failure)) = (folder, LastFailure::of(error, now())) {
        let (caller, endpoint) = who.unwrap_or_default();
        let _ = failure.by(caller, endpoint).save(&failure::file(&folder));
    }
}

/// Waits to be told to stop; for ever where nobody listens, and a signal ends the process at once. It listens from
/// its first turn on, which is not before the work first waits: reading stdin can be stopped as ever.
async fn told(listens: bool) -> Failure {
    if !listens {
        return std::future::pending().await;
    }
    Stop::listen().told().await;
    ApiError::new(ErrorKind::Cancelled, "stopped").into()
}

async fn dispatch(
    command: Command,
    global: &Global,
    env: &Env,
    records: Option<mpsc::Sender<Record>>,
    who: &Cell<Option<(Option<String>, String)>>,
) -> Result<(), Failure> {
    if let Command::Info = command {
        return info::run(&Setup::make(global, env, records).await?, global, env);
    }
    let setup = async || {
        let setup = trusted(Setup::make(global, env, records).await?)?;
        let endpoint = setup.client.endpoints().url(Service::Iam).to_owned();
        who.set(Some((setup.client.known_caller().principal, endpoint)));
        Ok(setup)
    };
    let json = global.json;
    match command {
        Command::Whoami => whoami::run(&setup().await?, json).await,
        Command::Accounts => accounts::run(&setup().await?, json).await,
        Command::Can(wish) => can::run(wish, &global.projects, setup, json).await,
        Command::Token(token) => {
            // What is wrong with the request is said before anything is started.
            let (request, out) = token::request(token, json)?;
            token::run(&setup().await?, &request, out.as_deref(), json).await
        }
        Command::SignUrl(wish) => {
            let (request, out) = token::signed_url(&wish).map_err(Failure::refused)?;
            token::run(&setup().await?, &request, out.as_deref(), json).await
        }
        Command::Policy(wish) => policy::run(wish, setup, json).await,
        Command::Decode(wish) => decode::run(wish, setup, json).await,
        Command::Doctor { file } => {
            if global.demo && file.is_none() {
                return Err(Failure::usage(
                    "the demo keeps no failures: pass an error to explain, as FILE or - for stdin",
                ));
            }
            let folder = env.state_dir();
            doctor::run(file.as_deref(), folder, setup, json).await
        }
        Command::Emulator { port, world, control, proxy } => {
            let serve = emulator::Serve { control, proxy };
            emulator::run(port, world.as_deref(), serve, global).await
        }
        #[cfg(unix)]
        Command::Exec(wish) => {
            let exec::Part::Server(pid) = exec::Part::of(env) else {
                unreachable!("run() does the other parts without a runtime")
            };
            exec::serve(&wish, &setup().await?, pid, global, env).await
        }
        #[cfg(not(unix))]
        Command::Exec(wish) => exec::run_child(&wish, &setup().await?, global, env).await,
        Command::Serve(wish) => serve::run(&wish, &setup().await?, global, env).await,
        Command::Env(wish) => shell_env::run(&wish, &setup().await?, global).await,
        Command::Credential(Helper::Kubectl { who }) => credential::kubectl(&who, &setup().await?, env).await,
        Command::Credential(Helper::Docker { who, action }) => credential::docker(&who, action, setup).await,
        Command::Credential(Helper::ExternalAccount { who, out }) => {
            serve::external_account(&who, out.as_deref(), &setup().await?, global, env).await
        }
        Command::Info | Command::Keys | Command::Completions { .. } | Command::Man { .. } => {
            unreachable!("answered before")
        }
    }
}

/// At a terminal, a credentials file in doubt is asked about; elsewhere its refusal comes with the first call.
fn trusted(mut setup: Setup) -> Result<Setup, Failure> {
    if let Some(doubt) = &setup.doubt
        && io::stdin().is_terminal()
        && io::stderr().is_terminal()
    {
        output::remark(&format!("impersona: {} [y/N]", doubt.question()));
        let mut answer = String::new();
        let read = io::stdin().lock().take(16).read_line(&mut answer);
        if read.is_ok()
            && matches!(answer.trim(), "y" | "Y" | "yes")
            && let Some(unsaved) = setup.trust()?
        {
            output::remark(&format!("impersona: {unsaved}"));
        }
    }
    Ok(setup)
}

/// One line for each request that has ended.
fn said(record: &Record) {
    let outcome = match &record.outcome {
        Outcome::Running => return,
        Outcome::Done => String::new(),
        Outcome::Failed(sentence) => format!("  {sentence}"),
        Outcome::Cancelled => "  cancelled".to_owned(),
    };
    let status = record.status.map_or("-".to_owned(), |status| status.to_string());
    let latency = record.latency.unwrap_or_default().as_millis();
    output::remark(&format!(
        "{} {}{} {status} {latency} ms{outcome}",
        record.method, record.host, record.path
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_with(line: &[&str]) -> Invocation {
        let words = std::iter::once("impersona").chain(line.iter().copied());
        start(words.map(OsString::from), &Env::default())
    }

    fn code(line: &[&str]) -> u8 {
        match start_with(line) {
            Invocation::Done(code) => code,
            Invocation::Tui(_) => panic!("{line:?} opens the explorer"),
        }
    }

    #[test]
    fn without_a_subcommand_the_explorer_opens_where_asked() {
        let Invocation::Tui(tui) = start_with(&["deployer@acme-prod", "--pane", "mint", "--read-only"])
        else {
            panic!("the explorer")
        };
        assert_eq!(tui.account.as_deref(), Some("deployer@acme-prod.iam.gserviceaccount.com"));
        assert!(tui.pane == Some(crate::keymap::PaneId::Mint) && tui.global.read_only);
        assert!(matches!(start_with(&[]), Invocation::Tui(_)));
    }

    #[test]
    fn a_size_of_the_demo_needs_the_demo() {
        assert_eq!(code(&["--demo-accounts", "7"]), 2);
        assert_eq!(code(&["whoami", "--demo-accounts", "7", "--json"]), 2);
        assert!(matches!(start_with(&["--demo", "--demo-accounts", "7"]), Invocation::Tui(_)));
        assert_eq!(code(&["--demo", "--demo-accounts", "7", "whoami"]), 0);
    }

    #[test]
    fn wrong_usage_ends_with_2_and_refused_input_with_8() {
        assert_eq!(code(&["whoam"]), 2);
        assert_eq!(code(&["--json"]), 2);
        assert_eq!(code(&["deployer@acme-prod", "whoami"]), 2);
        assert_eq!(code(&["--no-such-flag"]), 2);
        assert_eq!(code(&["decode", "eyJhbGciOi"]), 2);
        assert_eq!(code(&["Deployer@acme-prod"]), 8);
        assert_eq!(code(&["can", "nobody"]), 8);
        assert_eq!(code(&["token", "access", "a@acme-prod", "--lifetime", "13h"]), 8);
        assert_eq!(code(&["token", "access", "a@acme-prod", "--scope", "no-such"]), 8);
        assert_eq!(code(&["token", "id", "a@acme-prod", "--audience", " "]), 8);
        assert_eq!(
            code(&["token", "id", "a@acme-prod", "--audience", "https://a.run.app", "--delegate", "x"]),
            8
        );
        assert_eq!(code(&["--version"]), 0);
    }
}
