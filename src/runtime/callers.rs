//! Calling as somebody else: credentials are loaded off the loop, a file in doubt is asked about, and from then on
//! everything is asked by another client.

use std::io;

use super::Loop;
use crate::{
    api::{ApiError, Client, ErrorKind},
    app::msg::{Msg, Switched},
    auth::{
        self, Source,
        trust::{self, Doubt},
    },
    cli::setup::Connector,
    model::caller::Switch,
};

/// What became of a wish to call as somebody else.
pub(super) enum Loaded {
    /// They can be asked with.
    Ready(Callers, Box<Client>),
    /// A file that has to be confirmed first.
    Doubted(Doubt, Switch),
    /// They cannot: nothing changes.
    Failed(ApiError),
}

impl Loop {
    /// Loads the credentials that were wished for, off the loop: a disk may hang, and an account is become only when a
    /// token of its own could be got.
    pub(super) fn switch(&mut self, wish: Switch) {
        let (connector, callers, sender) =
            (self.connector.clone(), self.callers.clone(), self.loaded.0.clone());
        self.tasks.spawn(async move {
            let loaded = load(wish, callers, connector).await;
            let _ = sender.send(loaded).await;
            None
        });
    }

    /// From here on everything is asked as somebody else.
    pub(super) fn switched(&mut self, loaded: Loaded) -> io::Result<()> {
        let outcome = match loaded {
            Loaded::Failed(error) => Err(error),
            Loaded::Doubted(doubt, wish) => {
                let question = doubt.question();
                self.doubt = Some(doubt);
                return self.handle(Msg::Doubted { question, wish: Some(wish) });
            }
            Loaded::Ready(callers, client) => {
                self.client = *client;
                self.lost = 0;
                self.callers = callers;
                Ok(Box::new(Switched {
                    caller: self.client.known_caller(),
                    endpoints: self.client.endpoints().clone(),
                    before: self.callers.before(),
                }))
            }
        };
        self.handle(Msg::Switched(outcome))
    }

    /// The file in doubt was confirmed: on with the wish, or with the caller of the start.
    pub(super) fn trust(&mut self, wish: Option<Switch>) -> io::Result<()> {
        if let (Some(doubt), Some(folder)) = (self.doubt.take(), &self.connector.folder)
            && let Err(error) = trust::confirm(folder, &doubt)
        {
            let message = format!("The confirmation cannot be remembered: {error}.");
            return self.handle(Msg::Switched(Err(ApiError::new(ErrorKind::Other, message))));
        }
        match wish {
            Some(wish) => self.switch(wish),
            None => {
                let callers = self.callers.clone();
                let connected = self.connector.connect(callers.0[0].clone(), false);
                self.switched(match connected {
                    Ok(client) => Loaded::Ready(callers, Box::new(client)),
                    Err(error) => Loaded::Failed(error),
                })?;
            }
        }
        Ok(())
    }
}

async fn load(wish: Switch, callers: Callers, connector: Connector) -> Loaded {
    let (kept, makes) = (wish.clone(), connector.clone());
    let loaded = tokio::task::spawn_blocking(move || callers.after(&kept, &makes)).await;
    let callers = match loaded {
        Ok(Ok(callers)) => callers,
        Ok(Err(error)) => return Loaded::Failed(error),
        Err(_) => {
            return Loaded::Failed(ApiError::new(ErrorKind::Other, "The credentials could not be read."));
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
            Switch::Become(_) => match client.caller().await {
                Ok(_) => Loaded::Ready(callers, Box::new(client)),
                Err(error) => Loaded::Failed(error),
            },
            Switch::To(_) | Switch::Back => Loaded::Ready(callers, Box::new(client)),
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
                let next = self.present()?.becoming(account, &[]);
                self.0.push(Ok(next));
            }
            Switch::Back => {
                if self.0.len() > 1 {
                    self.0.pop();
                }
            }
        }
        Ok(self)
    }
}
