//! The one task that mints what clients request and keeps it in memory. However many ask for the same, one mint runs;
//! an asker that goes away doesn't stop it, because some clients wait half a second only and then ask again.

use std::collections::{BTreeSet, HashMap};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Event, Impersonation};
use crate::{
    api::Client,
    flows,
    http::{ApiError, ErrorKind, clock::now},
    model::{
        clock::at_google,
        credential::{Credential, MintRequest, What},
    },
};

/// One is minted again when less than this is left, in seconds, or half of a life shorter than twice this. Google's
/// libraries renew theirs when less than five minutes are left, so an older one would be fetched for every call.
const MARGIN: i64 = 6 * 60;

/// A failed renewal hides behind an old credential that has at least this left, in seconds.
const LEAST: i64 = 30;

/// How many different ones are kept: any audience can be requested.
const KEPT: usize = 256;

/// How many may wait for an answer before asking itself waits.
const WAITING: usize = 64;

/// What a client requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    /// An access token for these full scopes.
    Scopes(BTreeSet<String>),
    /// An ID token for this audience.
    Audience(String),
}

impl Wanted {
    fn what(&self, lifetime_seconds: u32) -> What {
        match self {
            Wanted::Scopes(scopes) => {
                What::AccessToken { scopes: scopes.iter().cloned().collect(), lifetime_seconds }
            }
            Wanted::Audience(audience) => {
                What::IdToken { audience: audience.clone(), include_email: true, organization_number: false }
            }
        }
    }
}

/// A credential and the whole seconds that it has left.
pub(super) type Minted = (Credential, i64);

type Outcome = Result<Minted, ApiError>;

struct Ask {
    wanted: Wanted,
    answer: oneshot::Sender<Outcome>,
}

/// The way to the task.
pub(super) struct Minter(mpsc::Sender<Ask>);

impl Minter {
    /// Starts the task among `running`. It mints nothing yet.
    pub(super) fn start(
        client: Client,
        impersonation: Impersonation,
        events: mpsc::Sender<Event>,
        running: &mut JoinSet<()>,
    ) -> Minter {
        let (asks, questions) = mpsc::channel(WAITING);
        running.spawn(keep(client, impersonation, events, questions));
        Minter(asks)
    }

    /// One that is good for a while.
    ///
    /// # Errors
    /// Those of [`flows::mint`].
    pub(super) async fn mint(&self, wanted: Wanted) -> Outcome {
        let gone = || ApiError::new(ErrorKind::Other, "The task that mints for this server has stopped.");
        let (answer, reply) = oneshot::channel();
        self.0.send(Ask { wanted, answer }).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())?
    }
}

#[derive(Default)]
struct Held {
    credential: Option<Credential>,
    /// Those who wait for the mint that is running; empty when none is.
    waiting: Vec<oneshot::Sender<Outcome>>,
    /// The refusal that was told last.
    told: Option<String>,
}

impl Held {
    /// The credential, if `least` allows what it has left of its life.
    fn usable(&self, client: &Client, least: impl Fn(i64) -> i64) -> Option<Minted> {
        let credential = self.credential.as_ref()?;
        let life = credential.remaining(credential.minted)?;
        let left = credential.remaining(at_google(now(), client.skew()))?;
        (left >= least(life).max(1)).then(|| (credential.clone(), left))
    }
}

/// The task's whole life.
async fn keep(
    client: Client,
    impersonation: Impersonation,
    events: mpsc::Sender<Event>,
    mut questions: mpsc::Receiver<Ask>,
) {
    let mut held: HashMap<Wanted, Held> = HashMap::new();
    let mut mints = JoinSet::new();
    loop {
        tokio::select! {
            ask = questions.recv() => {
                let Some(Ask { wanted, answer }) = ask else { return };
                if held.len() >= KEPT && !held.contains_key(&wanted) {
                    held.retain(|_, one| !one.waiting.is_empty());
                }
                let one = held.entry(wanted.clone()).or_default();
                if let Some(minted) = one.usable(&client, |life| MARGIN.min(life / 2)) {
                    // An asker that is gone no longer needs it.
                    let _ = answer.send(Ok(minted));
                    continue;
                }
                if one.waiting.is_empty() {
                    mints.spawn(mint(client.clone(), impersonation.clone(), wanted));
                }
                one.waiting.push(answer);
            }
            Some(ended) = mints.join_next() => {
                let (wanted, outcome) = match ended {
                    Ok(ended) => ended,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                };
                let one = held.entry(wanted.clone()).or_default();
                settle(one, wanted, outcome, &client, &events);
            }
        }
    }
}

async fn mint(
    client: Client,
    impersonation: Impersonation,
    wanted: Wanted,
) -> (Wanted, Result<Credential, ApiError>) {
    let Impersonation { account, delegates, lifetime_seconds, .. } = impersonation;
    let request = MintRequest { account, delegates, what: wanted.what(lifetime_seconds) };
    let minted = flows::mint(&client, &request).await;
    (wanted, minted)
}

/// Gives a mint's outcome to all who waited for it.
fn settle(
    one: &mut Held,
    wanted: Wanted,
    minted: Result<Credential, ApiError>,
    client: &Client,
    events: &mpsc::Sender<Event>,
) {
    let outcome = match minted {
        Ok(credential) => {
            one.told = None;
            let left = credential.remaining(at_google(now(), client.skew())).unwrap_or(0);
            one.credential = Some(credential.clone());
            Ok((credential, left))
        }
        Err(error) => {
            let sentence = error.sentence();
            if one.told.as_ref() != Some(&sentence) {
                one.told = Some(sentence);
                let error = Box::new(error.clone());
                let _ = events.try_send(Event::NotMinted { wanted, error });
            }
            let old = one.usable(client, |_| LEAST).filter(|_| error.passes());
            old.ok_or(error)
        }
    };
    for answer in one.waiting.drain(..) {
        let _ = answer.send(outcome.clone());
    }
}

#[cfg(test)]
#[path = "minting_tests.rs"]
mod tests;
