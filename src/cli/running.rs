//! What `exec`, `serve` and the credential helpers have in common: as whom, the server with its files, and what is said
//! of it on stderr.

use tempfile::TempDir;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::args::running::As;
use super::output;
use crate::flows;
use crate::http::{ApiError, ErrorKind};
use crate::local::env::Env;
use crate::local::files::{private_folder, write_private};
use crate::model::credential::{Credential, MintRequest, What};
use crate::model::{account, lifetime, scopes};
use crate::serve::{Event, Impersonation, Points, Server, Wanted, adc_file, environment};
use crate::session::Failure;
use crate::session::setup::Setup;

/// How many lines may wait to be written.
const LINES: usize = 256;

/// As whom, checked by the rules of the domain.
///
/// # Errors
/// The first rule that is broken.
pub(super) fn impersonation(who: &As) -> Result<Impersonation, Failure> {
    let parsed = || -> Result<Impersonation, String> {
        Ok(Impersonation {
            account: account::parse(&who.account)?,
            delegates: who.delegates.iter().map(|name| account::parse(name)).collect::<Result<_, _>>()?,
            scopes: who.scopes.iter().map(|scope| scopes::expand(scope)).collect::<Result<_, _>>()?,
            lifetime_seconds: lifetime::parse(&who.lifetime)?,
        })
    };
    parsed().map_err(Failure::refused)
}

/// A server, with what points programs at it: a folder that goes when this is dropped.
pub(super) struct Running {
    pub(super) server: Server,
    pub(super) env: Vec<(String, String)>,
    events: mpsc::Receiver<Event>,
    /// Held for its drop, which removes the files.
    _folder: TempDir,
}

impl Running {
    /// Starts it. An account that is named by its unique ID is looked up first, because clients want its email.
    ///
    /// # Errors
    /// No such account, a port that can't be had, files that can't be written.
    pub(super) async fn start(
        setup: &Setup,
        mut whose: Impersonation,
        port: u16,
        project: Option<&str>,
        env: &Env,
    ) -> Result<Running, Failure> {
        if let Err(error) = &setup.caller {
            return Err(error.clone().into());
        }
        if !whose.account.contains('@') {
            whose.account = setup.client.get_account(&whose.account).await?.email;
        }
        let (sender, events) = mpsc::channel(LINES);
        let server = Server::start(setup.client.clone(), whose, port, sender).await.map_err(|error| {
            Failure::usage(format!("the metadata server can't listen on 127.0.0.1:{port}: {error}"))
        })?;
        let io = |error| Failure::io("preparing the environment", &error);
        let mut builder = tempfile::Builder::new();
        builder.prefix("impersona-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir().map_err(io)?;
        let file = folder.path().join("credentials.json");
        let gcloud = folder.path().join("gcloud");
        write_private(&file, adc_file(&server).as_bytes()).map_err(io)?;
        private_folder(&gcloud).map_err(io)?;
        let env = environment(&server, Points { file: &file, gcloud: &gcloud, project }, env).await;
        Ok(Running { server, env, events, _folder: folder })
    }

    /// What is in the credentials file.
    pub(super) fn file_content(&self) -> Zeroizing<String> {
        adc_file(&self.server)
    }

    /// Says on stderr what happens; it doesn't end.
    pub(super) async fn report(&mut self, verbose: bool) -> Failure {
        let account = self.server.impersonation().account.clone();
        while let Some(event) = self.events.recv().await {
            match event {
                Event::NotMinted { wanted, error } => {
                    let what = named(&wanted);
                    output::remark(&format!("impersona: no {what} for {account}: {}", error.sentence()));
                    if let Some(next) = error.next() {
                        output::remark(&format!("  next: {next}"));
                    }
                }
                Event::Served { wanted, left } if verbose => output::remark(&format!(
                    "impersona: served an {} as {account}, {} left",
                    named(&wanted),
                    lifetime::words(left)
                )),
                Event::Refused(why) if verbose => {
                    output::remark(&format!("impersona: refused a request: {why}"));
                }
                Event::Served { .. } | Event::Refused(_) => {}
            }
        }
        ApiError::new(ErrorKind::Other, "the metadata server has stopped").into()
    }
}

fn named(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Scopes(scopes) => {
            let list: Vec<&str> = scopes.iter().map(|scope| scopes::short(scope)).collect();
            format!("access token ({})", list.join(", "))
        }
        Wanted::Audience(audience) => format!("ID token for {audience}"),
    }
}

/// One access token, with these full scopes unless others are given, and cloud-platform without any.
///
/// # Errors
/// Those of [`flows::mint`].
pub(super) async fn access_token(
    setup: &Setup,
    whose: Impersonation,
    usual: &[&str],
) -> Result<Credential, Failure> {
    let Impersonation { account, delegates, scopes: given, lifetime_seconds } = whose;
    let usual = if usual.is_empty() { &[scopes::DEFAULT] } else { usual };
    let scopes =
        if given.is_empty() { usual.iter().map(|scope| (*scope).to_owned()).collect() } else { given };
    let what = What::AccessToken { scopes, lifetime_seconds };
    Ok(flows::mint(&setup.client, &MintRequest { account, delegates, what }).await?)
}
