//! Switching callers: credentials are loaded off the loop, untrusted files need a confirmation, and after the switch
//! all calls use a new client.

use std::io;

use tokio::task::AbortHandle;

use super::Loop;
use crate::{
    api::Client,
    auth::{self, Source, trust::TrustPrompt},
    http::{ApiError, ErrorKind},
    model::caller::{Caller, Charge, Switch},
    session::setup::Connector,
    tui::app::msg::{Msg, Switched},
};

/// The outcome of loading another caller.
pub(super) enum Loaded {
    Ready(Callers, Box<Client>, Box<Caller>, Box<Connector>),
    /// A file that the user has to trust first.
    TrustNeeded(TrustPrompt, Switch),
    /// They don't: nothing changes.
    Failed(ApiError),
}

/// The outcome, with the request it belongs to.
pub(super) type Outcome = (u64, Loaded);

/// The switch in progress: a later one replaces it, and an earlier outcome is dropped.
#[derive(Default)]
pub(super) struct SwitchRequest {
    number: u64,
    task: Option<AbortHandle>,
    /// Why the user's confirmation of the file can't be remembered: told when the switch is done.
    unsaved: Option<String>,
}

impl Loop {
    /// Loads the requested credentials off the loop, because a disk may hang. They are used only after they
    /// yielded a token, so that no one ends up without a caller.
    pub(super) fn switch(&mut self, wish: Switch) {
        let (connector, callers, sender) =
            (self.connector.clone(), self.callers.clone(), self.loaded.0.clone());
        self.wish.number += 1;
        let number = self.wish.number;
        let task = self.tasks.spawn(async move {
            let loaded = load(wish, callers, connector).await;
            let _ = sender.send((number, loaded)).await;
            None
        });
        if let Some(earlier) = self.wish.task.replace(task) {
            earlier.abort();
        }
    }

    /// Handles the outcome of a switch.
    pub(super) fn loaded(&mut self, (number, loaded): Outcome) -> io::Result<()> {
        if number == self.wish.number { self.switched(loaded) } else { Ok(()) }
    }

    /// Makes all further calls as the new caller.
    fn switched(&mut self, loaded: Loaded) -> io::Result<()> {
        let outcome = match loaded {
            Loaded::Failed(error) => Err(error),
            Loaded::TrustNeeded(doubt, wish) => {
                let question = doubt.question();
                self.doubt = Some(doubt);
                return self.handle(Msg::TrustNeeded { question, wish: Some(wish) });
            }
            Loaded::Ready(callers, client, caller, connector) => {
                self.connector.charged.clone_from(&connector.charged);
                self.lost_before += self.client.lost_records();
                self.client = *client;
                self.callers = callers;
                Ok(Box::new(Switched {
                    caller: *caller,
                    endpoints: self.client.endpoints().clone(),
                    before: self.callers.before(),
                }))
            }
        };
        let unsaved = outcome.is_ok().then(|| self.wish.unsaved.take()).flatten();
        self.handle(Msg::Switched(outcome))?;
        unsaved.map_or(Ok(()), |why| self.handle(Msg::Saved(Err(why))))
    }

    /// The user trusts the file: continues with the switch, or with the initial caller.
    pub(super) fn trust(&mut self, wish: Option<Switch>) -> io::Result<()> {
        if let Some(doubt) = self.doubt.take() {
            self.wish.unsaved = self.connector.confirm(&doubt).err();
        }
        match wish {
            Some(wish) => self.switch(wish),
            None => {
                let callers = self.callers.clone();
                let connected = self.connector.connect(callers.0[0].clone(), false);
                self.switched(match connected {
                    Ok(client) => {
                        let caller = Box::new(client.known_caller());
                        Loaded::Ready(callers, Box::new(client), caller, Box::new(self.connector.clone()))
                    }
                    Err(error) => Loaded::Failed(error),
                })?;
            }
        }
        Ok(())
    }
}

async fn load(wish: Switch, callers: Callers, mut connector: Connector) -> Loaded {
    let (kept, makes) = (wish.clone(), connector.clone());
    // A quota project was chosen for one caller only.
    connector.charged = match &wish {
        Switch::Charge(charge) => Some(charge.clone()),
        // The same person mints: an omitted quota project stays omitted.
        Switch::Become(_) | Switch::Back => connector.charged.filter(|charge| *charge == Charge::Unnamed),
        Switch::To(_) => None,
    };
    let loaded = tokio::task::spawn_blocking(move || callers.after(&kept, &makes)).await;
    let callers = match loaded {
        Ok(Ok(callers)) => callers,
        Ok(Err(error)) => return Loaded::Failed(error),
        Err(_) => {
            return Loaded::Failed(ApiError::new(ErrorKind::Other, "Couldn't read the credentials."));
        }
    };
    let connected = callers.present().and_then(|source| match connector.doubt(source) {
        Some(doubt) => Ok(Err(doubt)),
        None => connector.connect(Ok(source.clone()), callers.became()).map(Ok),
    });
    match connected {
        Err(error) => Loaded::Failed(error),
        Ok(Err(doubt)) => Loaded::TrustNeeded(doubt, wish),
        Ok(Ok(client)) => match wish {
            Switch::Become(_) | Switch::To(_) => match client.caller().await {
                Ok(caller) => Loaded::Ready(callers, Box::new(client), Box::new(caller), Box::new(connector)),
                Err(error) => Loaded::Failed(error),
            },
            // It has made calls before.
            Switch::Back | Switch::Charge(_) => {
                let caller = Box::new(client.known_caller());
                Loaded::Ready(callers, Box::new(client), caller, Box::new(connector))
            }
        },
    }
}

/// The callers of this run: each impersonates the next.
#[derive(Clone)]
pub(super) struct Callers(Vec<Result<Source, ApiError>>);

impl Callers {
    pub(super) fn new(first: Result<Source, ApiError>) -> Callers {
        Callers(vec![first])
    }

    fn present(&self) -> Result<&Source, ApiError> {
        self.0.last().expect("there is always one").as_ref().map_err(ApiError::clone)
    }

    /// Whether the current one is impersonated by another.
    fn became(&self) -> bool {
        self.0.len() > 1
    }

    /// The names of the callers before.
    fn before(&self) -> Vec<String> {
        let name = |source: &Source| source.principal.clone().unwrap_or_else(|| source.label.clone());
        let earlier = &self.0[..self.0.len() - 1];
        earlier.iter().filter_map(|source| source.as_ref().ok()).map(name).collect()
    }

    /// The callers after a switch. Reads files.
    fn after(mut self, wish: &Switch, connector: &Connector) -> Result<Callers, ApiError> {
        match wish {
            Switch::To(how) => self = Callers::new(Ok(auth::load(how, &connector.env, &connector.options)?)),
            Switch::Become(account) => {
                let present = self.present()?;
                let next = present.becoming(account, &[], connector.quota_project(present, self.became()));
                self.0.push(Ok(next));
            }
            Switch::Charge(_) => {}
            Switch::Back => {
                if self.0.len() > 1 {
                    self.0.pop();
                }
            }
        }
        Ok(self)
    }
}
