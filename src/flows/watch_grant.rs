//! Watching a grant to the caller come into force: IAM is asked what it says, modestly, until it has said yes three
//! times in a row, for its servers learn of a change one after another. Nothing is minted. May be dropped at any time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    api::Client,
    http::{ApiError, ErrorKind},
    model::permission::Permission,
};

/// As many yeses in a row make it believable.
const YESES: u32 = 3;

/// How long to go on, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// The wait before the second question, doubled for each further one.
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    /// When to give up. Google speaks of two minutes as usual and of seven and more for groups.
    pub(crate) limit: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(15),
            limit: Duration::from_secs(7 * 60),
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    /// Questions answered so far.
    pub(crate) attempt: u32,
    /// Since the first one.
    pub(crate) elapsed: Duration,
    /// Yeses in a row, of the three it takes.
    pub(crate) yeses: u32,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// IAM says yes.
    Works {
        /// The questions it took.
        attempts: u32,
        /// Since the first one.
        after: Duration,
    },
    /// IAM did not say yes for long enough.
    NotYet {
        /// The questions asked.
        attempts: u32,
        /// How long it was watched.
        after: Duration,
    },
}

/// Watches until the caller has all these permissions on an account (email or unique ID). A request without an answer
/// is repeated; permissions that can't be tested are not waited for.
///
/// # Errors
/// Refusals that asking again does not change: credentials, an API that is off, a name that is none; at the end of the
/// patience also that the last question went unanswered.
pub(crate) async fn watch_grant(
    client: &Client,
    account: &str,
    permissions: &[Permission],
    patience: Patience,
    progress: &mut (dyn FnMut(Watching) + Send),
) -> Result<Watched, ApiError> {
    let since = Instant::now();
    let (mut attempts, mut yeses, mut wait) = (0, 0, patience.first);
    loop {
        let (all, silence) = match client.test_permissions(account).await {
            Ok(granted) => {
                let answers: Vec<bool> =
                    permissions.iter().filter_map(|wanted| granted.answer(*wanted)).collect();
                if answers.is_empty() {
                    return Err(unobservable());
                }
                (answers.into_iter().all(|yes| yes), None)
            }
            Err(error) if error.passes() => (false, Some(error)),
            Err(error) => return Err(error),
        };
        attempts += 1;
        yeses = if all { yeses + 1 } else { 0 };
        progress(Watching { attempt: attempts, elapsed: since.elapsed(), yeses });
        if yeses == YESES {
            return Ok(Watched::Works { attempts, after: since.elapsed() });
        }
        // Once it starts to work, the rest is known soon.
        let pause = if yeses > 0 { patience.first } else { wait };
        if since.elapsed() + pause > patience.limit {
            // Who gave no answer has not said no.
            return silence.map_or(Ok(Watched::NotYet { attempts, after: since.elapsed() }), Err);
        }
        sleep(pause).await;
        wait = (wait * 2).min(patience.longest);
    }
}

fn unobservable() -> ApiError {
    ApiError::new(ErrorKind::Other, "IAM can't be asked whether this grant works.")
        .with_next("Try using it in a few minutes.")
}
