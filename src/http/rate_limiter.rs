//! Modest probing. Questions that are asked by the dozen go through a token bucket, slow down when the server
//! says so, and stop when the answer is no again and again: calls are audited and repeated denials alarm people.
//! It delays and refuses; it sends nothing. One client charges one project, so a bucket for each client is one for
//! each consumer project.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use crate::http::{ApiError, ErrorKind, request_spec::Priority};

/// Questions a second, unless another rate is asked for, until the server complains.
pub const RATE: u32 = 20;
/// Never slower than this: one question a second.
const SLOWEST: f64 = 1.0;
/// How much of the full rate each good answer gives back after a complaint.
const RECOVERY: f64 = 0.01;
/// How much of that is given back above the rate that is thought to be bearable: from there on it is tried out.
const TRYING: f64 = 0.03;
/// The part that is thought to be bearable of the rate at which there were good answers while somebody complained.
const BEARABLE: f64 = 0.95;
/// Complaints that come this close together are about one burst and slow down once; nothing is given back so soon.
const ONE_COMPLAINT: Duration = Duration::from_secs(1);
/// The time over which good answers are counted, and the least of it that tells a rate.
const COUNTED: Duration = Duration::from_secs(2);
const TELLING: Duration = Duration::from_millis(500);
/// Denials in a row after which there are no more questions.
const DENIALS: u32 = 20;

/// The bucket of one client.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// None where nothing is delayed.
    bucket: Option<Mutex<Bucket>>,
    /// In a row, for each priority: a scan that is denied keeps nobody from asking about one account.
    denials: [AtomicU32; 2],
    /// Held by the one question of a scan that waits for its turn; the others of the scan wait for this.
    back: Mutex<()>,
}

/// Tokens by time: pure, the time is given.
#[derive(Debug)]
struct Bucket {
    /// Tokens a second while nobody complains.
    full: f64,
    /// Tokens a second; also how many it holds at most.
    rate: f64,
    /// Below zero: that many questions wait already.
    tokens: f64,
    /// When `tokens` was true; none before the first question.
    filled: Option<Instant>,
    /// Up to here nobody is known to complain: it is gone back to quickly, and left slowly.
    bearable: f64,
    /// When it last slowed down.
    slowed: Option<Instant>,
    /// When somebody last complained.
    complained: Option<Instant>,
    answers: Answers,
}

/// How fast good answers come while questions wait for their turn: what a server gives while it complains about the rest
/// is what it can give. Where nothing waits, few answers only mean that few questions were asked.
#[derive(Debug, Default)]
struct Answers {
    /// Since when questions have waited; none while none does.
    since: Option<Instant>,
    count: u32,
    /// A second, in the time before.
    before: Option<f64>,
}

impl Answers {
    /// A question has to wait.
    fn wait(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    fn count(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        self.count += 1;
        if now.saturating_duration_since(since) >= COUNTED {
            *self = Answers { since: Some(now), count: 0, before: self.per_second(now) };
        }
    }

    /// None as long as too few were counted.
    fn per_second(&self, now: Instant) -> Option<f64> {
        let time = now.saturating_duration_since(self.since?);
        if time < TELLING { self.before } else { Some(f64::from(self.count) / time.as_secs_f64()) }
    }
}

impl Bucket {
    fn new(full: f64) -> Bucket {
        Bucket {
            full,
            rate: full,
            tokens: full,
            filled: None,
            bearable: full,
            slowed: None,
            complained: None,
            answers: Answers::default(),
        }
    }

    /// Takes a token and tells how long to wait before using it.
    fn take(&mut self, now: Instant) -> Duration {
        let since = self.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        self.tokens = (self.tokens + since.as_secs_f64() * self.rate).min(self.rate) - 1.0;
        self.filled = Some(now);
        if self.tokens < 0.0 {
            self.answers.wait(now);
        } else if self.tokens >= 1.0 {
            self.answers = Answers::default();
        }
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    fn slow_down(&mut self, now: Instant) {
        self.complained = Some(now);
        if is_fresh(self.slowed, now) {
            return;
        }
        self.slowed = Some(now);
        match self.answers.per_second(now) {
            None => self.bearable = self.bearable.min(self.rate) * BEARABLE,
            Some(given) if given > 0.0 => self.bearable = given.min(self.rate) * BEARABLE,
            // Nothing at all is given: that is no quota, and tells nothing of one.
            Some(_) => {}
        }
        self.rate = (self.rate / 2.0).min(self.bearable).max(SLOWEST.min(self.full));
        self.tokens = self.tokens.min(0.0);
        self.answers = Answers::default();
    }

    /// Learns of a good answer.
    fn recover(&mut self, now: Instant) {
        self.answers.count(now);
        if is_fresh(self.complained, now) {
            return;
        }
        let step = self.full * RECOVERY * if self.rate < self.bearable { 1.0 } else { TRYING };
        self.rate = (self.rate + step).min(self.full);
    }
}

fn is_fresh(complaint: Option<Instant>, now: Instant) -> bool {
    complaint.is_some_and(|at| now.saturating_duration_since(at) < ONE_COMPLAINT)
}

/// A place in the row of those that wait; given back by whoever goes away before it is used.
struct Turn<'a> {
    bucket: &'a Mutex<Bucket>,
    used: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Somebody else may be at the bucket this very moment: then the turn is lost, and all wait a little longer.
        if let (false, Ok(mut bucket)) = (self.used, self.bucket.try_lock()) {
            bucket.tokens += 1.0;
        }
    }
}

impl RateLimiter {
    /// At most `rate` questions a second; without one there is no delay.
    pub(crate) fn new(rate: Option<f64>) -> RateLimiter {
        RateLimiter {
            bucket: rate.map(|rate| Mutex::new(Bucket::new(rate))),
            denials: Default::default(),
            back: Mutex::default(),
        }
    }

    /// Waits for this question's turn.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] after too many denials in a row, until [`RateLimiter::reset`].
    pub(crate) async fn admit(&self, priority: Priority) -> Result<(), ApiError> {
        self.check(priority)?;
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let _row = match priority {
            Priority::Front => None,
            Priority::Back => Some(self.back.lock().await),
        };
        let mut turn = Turn { bucket, used: true };
        let wait = bucket.lock().await.take(Instant::now());
        turn.used = false;
        tokio::time::sleep(wait).await;
        turn.used = true;
        // The ones before it may have been denied in the meantime.
        self.check(priority)
    }

    /// Learns from how a question ended.
    pub(crate) async fn observe(&self, priority: Priority, error: Option<&ApiError>) {
        match error.map(|error| error.kind) {
            Some(ErrorKind::Denied) => {
                self.denials[priority as usize].fetch_add(1, Ordering::Relaxed);
            }
            // A proxy's 429 too, which is no quota of Google's.
            _ if error.is_some_and(|e| e.kind == ErrorKind::Quota || e.status == Some(429)) => {
                if let Some(bucket) = &self.bucket {
                    bucket.lock().await.slow_down(Instant::now());
                }
            }
            Some(_) => {}
            None => {
                self.denials[priority as usize].store(0, Ordering::Relaxed);
                if let Some(bucket) = &self.bucket {
                    bucket.lock().await.recover(Instant::now());
                }
            }
        }
    }

    /// Somebody asked anew: the denials so far are forgotten.
    pub(crate) fn reset(&self) {
        self.denials.iter().for_each(|priority| priority.store(0, Ordering::Relaxed));
    }

    fn check(&self, priority: Priority) -> Result<(), ApiError> {
        if self.denials[priority as usize].load(Ordering::Relaxed) < DENIALS {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorKind::Denied,
            format!("{DENIALS} calls in a row were denied, so no more are sent: each one is audited."),
        )
        .with_next("Refresh to try again."))
    }
}

#[cfg(test)]
#[path = "rate_limiter_tests.rs"]
mod tests;
