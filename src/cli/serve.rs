//! `impersona serve`: the metadata server without a command, for an IDE or a program that runs already. The first line
//! on stdout says how to reach it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::args::running::{As, Serve};
use super::output;
use super::running::{Running, impersonation};
use super::stop::Stop;
use crate::local::env::Env;
use crate::local::files::write_private;
use crate::session::Failure;
use crate::session::args::Global;
use crate::session::setup::Setup;

/// Serves until it is told to stop.
///
/// # Errors
/// What keeps it from starting.
pub(super) async fn run(serve: &Serve, setup: &Setup, global: &Global, env: &Env) -> Result<(), Failure> {
    // Set up first: our files must go however early we are told.
    let stop = Stop::listen();
    let mut running = start(&serve.who, serve.port, setup, global, env).await?;
    let vars: BTreeMap<&String, &String> = running.env.iter().map(|(name, value)| (name, value)).collect();
    output::line(&output::to_json(&json!({ "port": running.server.port(), "env": vars })))?;
    until_told(&mut running, stop, global).await
}

/// The same, with the credentials file in place of the variables: it is good for as long as this runs.
///
/// # Errors
/// What keeps it from starting, a file that exists already.
pub(super) async fn external_account(
    who: &As,
    out: Option<&Path>,
    setup: &Setup,
    global: &Global,
    env: &Env,
) -> Result<(), Failure> {
    let stop = Stop::listen();
    let mut running = start(who, 0, setup, global, env).await?;
    let content = running.file_content();
    let written = match out {
        None => {
            output::line(content.trim_end())?;
            None
        }
        Some(path) => Some(Written::new(path, content.as_bytes())?),
    };
    if let Some(Written(path)) = &written {
        output::remark(&format!("impersona: serving {} until ctrl-c", path.display()));
    }
    until_told(&mut running, stop, global).await
}

async fn start(who: &As, port: u16, setup: &Setup, global: &Global, env: &Env) -> Result<Running, Failure> {
    Running::start(setup, impersonation(who)?, port, global.project(), env).await
}

async fn until_told(running: &mut Running, stop: Stop, global: &Global) -> Result<(), Failure> {
    tokio::select! {
        failure = running.report(global.verbose) => Err(failure),
        () = stop.told() => Ok(()),
    }
}

/// A file that is worth nothing once the server has stopped: it goes with it.
struct Written<'a>(&'a Path);

impl Written<'_> {
    fn new<'a>(path: &'a Path, content: &[u8]) -> Result<Written<'a>, Failure> {
        write_private(path, content).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::refused(format!(
                "{} already exists; credentials never overwrite a file",
                path.display()
            )),
            _ => Failure::refused(format!("{} can't be created: {error}", path.display())),
        })?;
        Ok(Written(path))
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        // Ours: it was new.
        let _ = std::fs::remove_file(self.0);
    }
}
