//! Calling as somebody else: credentials are loaded off the loop, a file in doubt is asked about, and from then on
//! everything is asked by another client.

use std::io;

use tokio::task::AbortHandle;

use super::Loop;
use crate::{
    api::Client,
    auth::{self, Source, trust::Doubt},
    http::{ApiError, ErrorKind},
    model::caller::{Caller, Charge, Switch},
    session::setup::Connector,
    tui::app::msg::{Msg, Switched},
};

/// What became of a wish to call as somebody else.
pub(super) enum Loaded {
    /// They can be asked with.
    Ready(Callers, Box<Client>, Box<Caller>, Box<Connector>),
    /// A file that has to be confirmed first.
    Doubted(Doubt, Switch),
    /// They cannot: nothing changes.
    Failed(ApiError),
}

/// What came of a wish, and of which.
pub(super) type Outcome = (u64, Loaded);

/// The wish under way: a later one takes its place, and what comes of an earlier one counts for nothing.
#[derive(Default)]
pub(super) struct Wish {
    number: u64,
    task: Option<AbortHandle>,
}

impl Loop {
    /// Loads the credentials that were wished for, off the loop: a disk may hang, and they are taken only when a token
    /// could be got with them, so that nobody ends up as nobody.
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

    /// What came of a wish.
    pub(super) fn loaded(&mut self, (number, loaded): Outcome) -> io::Result<()> {
        if number == self.wish.number { self.switched(loaded) } else { Ok(()) }
    }

    /// From here on everything is asked as somebody else.
    fn switched(&mut self, loaded: Loaded) -> io::Result<()> {
        let outcome = match loaded {
            Loaded::Failed(error) => Err(error),
            Loaded::Doubted(doubt, wish) => {
                let question = doubt.question();
                self.doubt = Some(doubt);
                return self.handle(Msg::Doubted { question, wish: Some(wish) });
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
        self.handle(Msg::Switched(outcome))
    }

    /// The file in doubt was confirmed: on with the wish, or with the caller of the start.
    pub(super) fn trust(&mut self, wish: Option<Switch>) -> io::Result<()> {
        if let Some(doubt) = self.doubt.take()
            && let Err(error) = self.connector.confirm(&doubt)
        {
            let message = format!("Couldn't save the confirmation: {error}.");
            return self.handle(Msg::Switched(Err(ApiError::new(ErrorKind::Other, message))));
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
    // What is charged was chosen for one caller.
    connector.charged = match &wish {
        Switch::Charge(charge) => Some(charge.clone()),
        // The same person mints: what was left out for good reason stays so.
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
        Ok(Err(doubt)) => Loaded::Doubted(doubt, wish),
        Ok(Ok(client)) => match wish {
            Switch::Become(_) | Switch::To(_) => match client.caller().await {
                Ok(caller) => Loaded::Ready(callers, Box::new(client), Box::new(caller), Box::new(connector)),
                Err(error) => Loaded::Failed(error),
            },
            // It has called before.
            Switch::Back | Switch::Charge(_) => {
                let caller = Box::new(client.known_caller());
                Loaded::Ready(callers, Box::new(client), caller, Box::new(connector))
            }
        },
    }
}

/// The callers of this run: each became the next.
#[derive(Clone)]
pub(super) struct Callers(Vec<Result<Source, ApiError>>);

impl Callers {
    pub(super) fn new(first: Result<Source, ApiError>) -> Callers {
        Callers(vec![first])
    }

    fn present(&self) -> Result<&Source, ApiError> {
        self.0.last().expect("there is always one").as_ref().map_err(ApiError::clone)
    }

    /// Whether the present one is an account that another one became.
    fn became(&self) -> bool {
        self.0.len() > 1
    }

    /// What those are called who became somebody else.
    fn before(&self) -> Vec<String> {
        let name = |source: &Source| source.principal.clone().unwrap_or_else(|| source.label.clone());
        let earlier = &self.0[..self.0.len() - 1];
        earlier.iter().filter_map(|source| source.as_ref().ok()).map(name).collect()
    }

    /// Who calls after a switch. Reads files.
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
