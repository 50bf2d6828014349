//! The one task that holds the caller's access token and renews it. Everything that needs the token asks it over a
//! bounded channel. However many ask, one renewal runs at a time; an asker that goes away doesn't stop it; a failed
//! renewal is reported to those who waited for it and tried again for the next. The token lives in memory only.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{OnceCell, mpsc, oneshot},
    task::JoinSet,
};

use super::{Credentials, Found, Source, exchange, machine};
use crate::{
    http::{ApiError, ErrorKind, clock::now, transport::Http},
    model::secret::Secret,
};

/// A token is renewed when less than this is left, or half of a life shorter than twice this.
const MARGIN: Duration = Duration::from_secs(4 * 60);

/// How many may wait for an answer before asking itself waits.
const WAITING: usize = 64;

/// The token in use.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) secret: Secret,
    /// When it ends; none when nobody told.
    pub(crate) expires: Option<Timestamp>,
    /// Its scopes; empty when nobody told.
    pub(crate) scopes: Vec<String>,
    /// Whose it is, where getting it told.
    pub(crate) principal: Option<String>,
    /// Which of several possible sources it came from.
    pub(crate) from: Option<Found>,
    /// From Google's token endpoint, and no bare token of unknown make.
    exchanged: bool,
    /// The refresh token that the next renewal has to show.
    rotated: Option<Secret>,
    /// Counts renewals, so that ten refusals of one token lead to one renewal.
    generation: u64,
    /// From when on it is renewed.
    renew: Option<Timestamp>,
}

impl Token {
    /// Whether it may be shown to Google's tokeninfo: no foreign token is sent anywhere.
    pub(crate) fn is_googles(&self) -> bool {
        self.exchanged || self.secret.expose().starts_with("ya29.")
    }
}

struct Ask {
    /// The generation that was refused, if one was.
    refused: Option<u64>,
    answer: oneshot::Sender<Result<Token, ApiError>>,
}

pub(crate) struct TokenCache {
    source: Result<Arc<Source>, ApiError>,
    http: Http,
    task: OnceCell<Task>,
}

/// The channel to the task, and the task itself, which ends with its owner.
struct Task {
    asks: mpsc::Sender<Ask>,
    _running: JoinSet<()>,
}

impl TokenCache {
    /// Starts nothing: the task begins with the first question.
    pub(crate) fn new(source: Result<Source, ApiError>, http: Http) -> TokenCache {
        TokenCache { source: source.map(Arc::new), http, task: OnceCell::new() }
    }

    /// A token that is good for a while.
    pub(crate) async fn token(&self) -> Result<Token, ApiError> {
        self.ask(None).await
    }

    /// Another token than this one, which was refused; none where nobody here can renew it.
    pub(crate) async fn another(&self, refused: &Token) -> Result<Option<Token>, ApiError> {
        if refused.exchanged { self.ask(Some(refused.generation)).await.map(Some) } else { Ok(None) }
    }

    /// Whether the credentials are bound to the account they name. A login file's name is a hint only.
    pub(crate) fn names_itself(&self) -> bool {
        matches!(&self.source, Ok(source) if source.credentials.name_themselves())
    }

    /// See [`Source::remedy`].
    pub(crate) fn remedy(&self) -> Option<String> {
        Some(self.source.as_ref().ok()?.remedy())
    }

    /// Whether what it has came from a Security Token Service, whatever it looks like.
    pub(crate) fn is_federated(&self) -> bool {
        matches!(&self.source, Ok(source) if source.credentials.is_federated())
    }

    async fn ask(&self, refused: Option<u64>) -> Result<Token, ApiError> {
        let source = self.source.clone()?;
        let task = self.task.get_or_init(|| async {
            let (asks, questions) = mpsc::channel(WAITING);
            let mut running = JoinSet::new();
            running.spawn(keep(source, self.http.clone(), questions));
            Task { asks, _running: running }
        });
        let gone = |_| ApiError::new(ErrorKind::Other, "The task that renews your access token has stopped.");
        let (answer, reply) = oneshot::channel();
        task.await.asks.send(Ask { refused, answer }).await.map_err(|_| gone(()))?;
        reply.await.map_err(|_| gone(()))?
    }
}

/// The task's whole life.
async fn keep(mut source: Arc<Source>, http: Http, mut questions: mpsc::Receiver<Ask>) {
    let mut held: Option<Token> = None;
    while let Some(ask) = questions.recv().await {
        if let Some(token) = held.as_ref().filter(|token| good(token, ask.refused)) {
            // An asker that is gone no longer needs it.
            let _ = ask.answer.send(Ok(token.clone()));
            continue;
        }
        let generation = held.as_ref().map_or(0, |token| token.generation + 1);
        let mut waiting = vec![ask];
        let outcome = {
            let renewal = renew(&source, &http, generation);
            tokio::pin!(renewal);
            loop {
                tokio::select! {
                    outcome = &mut renewal => break outcome,
                    Some(ask) = questions.recv() => waiting.push(ask),
                }
            }
        };
        if let Ok(token) = &outcome {
            held = Some(token.clone());
            source = settled(source, token, &http);
        }
        for ask in waiting {
            // A token whose early renewal failed is as good as before until it ends.
            let usable = held
                .as_ref()
                .filter(|token| ask.refused.is_none() && token.expires.is_some_and(|end| end > now()));
            let answer = match (&outcome, usable) {
                (Err(error), Some(token)) if error.kind != ErrorKind::Credentials => Ok(token.clone()),
                _ => outcome.clone(),
            };
            let _ = ask.answer.send(answer);
        }
    }
}

/// What is known after the first token: the refresh token of the next renewal, if a service issues a new one each time,
/// and which of several possible sources answered. It stays that one: a metadata server that is slow once doesn't
/// change who the caller is.
fn settled(mut source: Arc<Source>, token: &Token, http: &Http) -> Arc<Source> {
    if let Some(rotated) = &token.rotated
        && let Some(refresh_token) = Arc::make_mut(&mut source).credentials.refresh_token()
    {
        *refresh_token = rotated.clone();
    }
    let (Some(found), Credentials::Any(all)) = (&token.from, &source.credentials) else { return source };
    if let Some(project) = &found.quota_project {
        http.charge(project);
    }
    let is_machine = found.label == machine::LABEL;
    match all.iter().find(|one| matches!(one, Credentials::Machine) == is_machine) {
        Some(one) => Arc::new(Source { credentials: one.clone(), ..Source::clone(&source) }),
        None => source,
    }
}

fn good(token: &Token, refused: Option<u64>) -> bool {
    refused != Some(token.generation) && token.renew.is_none_or(|renew| now() < renew)
}

async fn renew(source: &Source, http: &Http, generation: u64) -> Result<Token, ApiError> {
    let exchange::Granted { secret, expires, scopes, principal, from, rotated } =
        exchange::exchange(source, http).await?;
    let renew = expires.map(|end| {
        let life = Duration::try_from(end.duration_since(now())).unwrap_or_default();
        end - MARGIN.min(life / 2)
    });
    Ok(Token {
        secret,
        expires,
        scopes,
        principal,
        from,
        exchanged: !matches!(source.credentials, Credentials::AccessToken(_)),
        rotated,
        generation,
        renew,
    })
}

#[cfg(test)]
#[path = "token_cache_tests.rs"]
mod tests;
