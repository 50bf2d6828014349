//! The same question about many accounts: so many at once, at the client's pace, each answer told as it comes. What fails
//! in passing is asked once more at the end; what fails for every account alike ends the scan. May be dropped at any time:
//! what was told stays true, and a scan of the rest goes on from there.

use std::sync::Arc;

use futures_util::{StreamExt, stream::FuturesUnordered};

use crate::{
    api::Client,
    http::{ApiError, ErrorKind},
    model::{permission::Granted, policy::Policy},
};

/// Questions under way at the same time. At the usual pace there are never so many; it bounds the connections.
pub const AT_ONCE: usize = 64;

/// So many failures in a row are nothing that concerns single accounts.
pub const IN_A_ROW: usize = 20;

/// What is asked about each account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What the caller may do with it.
    Permissions,
    /// Its allow policy.
    Policy,
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Found {
    /// What the caller may do with it.
    Granted(Granted),
    /// Its allow policy.
    Policy(Box<Policy>),
}

/// One account of a scan, done.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// Its place in the list that was asked about.
    pub(crate) at: usize,
    /// As it was named there.
    pub(crate) account: String,
    /// The answer, or why there is none.
    pub(crate) found: Result<Found, ApiError>,
}

/// How a scan ended.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Accounts with an answer.
    pub answered: usize,
    pub(crate) failed: usize,
    /// Why the first of them has none.
    pub(crate) first_failure: Option<ApiError>,
}

/// Asks about each account (email or unique ID), in this order but for what has to be asked again.
///
/// # Errors
/// What ended it early: credentials that do not work, and twenty failures in a row. What was told before stays told.
pub async fn scan(
    client: &Client,
    accounts: Arc<[String]>,
    question: Question,
    at_once: usize,
    told: &mut (dyn FnMut(Scanned) + Send),
) -> Result<Tally, ApiError> {
    let mut tally = Tally::default();
    let mut again = Vec::new();
    pass(client, &accounts, 0..accounts.len(), question, at_once, &mut |scanned| match &scanned.found {
        Err(error) if is_passing(error) => again.push(scanned),
        _ => tally.tell(scanned, told),
    })
    .await?;
    if tally.answered == 0 {
        // Nobody had an answer, and each was asked often enough.
        again.drain(..).for_each(|scanned| tally.tell(scanned, told));
    }
    let again: Vec<usize> = again.into_iter().map(|scanned| scanned.at).collect();
    pass(client, &accounts, again.into_iter(), question, at_once, &mut |scanned| tally.tell(scanned, told))
        .await?;
    Ok(tally)
}

/// Asks about each once.
async fn pass(
    client: &Client,
    accounts: &[String],
    mut waiting: impl Iterator<Item = usize> + Send,
    question: Question,
    at_once: usize,
    told: &mut (dyn FnMut(Scanned) + Send),
) -> Result<(), ApiError> {
    let mut running = FuturesUnordered::new();
    let mut in_a_row = 0;
    loop {
        let room = at_once.max(1).saturating_sub(running.len());
        running.extend(waiting.by_ref().take(room).map(|at| ask(client, at, &accounts[at], question)));
        let Some(scanned) = running.next().await else { return Ok(()) };
        match &scanned.found {
            Err(error) if concerns_all(error) => return Err(error.clone()),
            // One that is gone since it was listed says nothing about the others.
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => {
                in_a_row += 1;
                if in_a_row == IN_A_ROW {
                    let error = error.clone();
                    told(scanned);
                    return Err(error);
                }
            }
            Ok(_) => in_a_row = 0,
        }
        told(scanned);
    }
}

async fn ask(client: &Client, at: usize, account: &str, question: Question) -> Scanned {
    let found = match question {
        Question::Permissions => client.scan_permissions(account).await.map(Found::Granted),
        Question::Policy => client.scan_policy(account).await.map(|policy| Found::Policy(Box::new(policy))),
    };
    Scanned { at, account: account.to_owned(), found }
}

impl Tally {
    fn tell(&mut self, scanned: Scanned, told: &mut (dyn FnMut(Scanned) + Send)) {
        match &scanned.found {
            Ok(_) => self.answered += 1,
            Err(error) => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| error.clone());
            }
        }
        told(scanned);
    }
}

/// Whether it may be over in a moment.
fn is_passing(error: &ApiError) -> bool {
    matches!(error.kind, ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::Quota)
}

/// Whether no other account would get another answer; a denial without an answer is the pace's, which asks no more.
fn concerns_all(error: &ApiError) -> bool {
    match error.kind {
        ErrorKind::Credentials | ErrorKind::Config => true,
        ErrorKind::Denied => error.status.is_none(),
        _ => false,
    }
}
