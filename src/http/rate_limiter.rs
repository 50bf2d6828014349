//! Limits how fast bulk reads are sent. Bulk reads go through a token bucket, slow down when the server says so, and stop after
//! repeated denials: calls are audited, and repeated denials alarm people. It delays and refuses; it sends nothing. One
//! client charges one project, so a bucket for each client is a bucket for each consumer project.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use crate::http::{ApiError, ErrorKind, request_spec::Priority};

/// Requests a second until the server complains, unless another rate is set.
pub(crate) const RATE: u32 = 20;
/// The slowest rate: one request a second.
const SLOWEST: f64 = 1.0;
/// How much of the full rate each good answer gives back after a complaint.
const RECOVERY: f64 = 0.01;
/// The share of that which is given back above the known good rate: from there on, faster rates are only tried out.
const TRYING: f64 = 0.03;
/// The share of the observed rate of good answers, at a time of complaints, that counts as bearable.
const BEARABLE: f64 = 0.95;
/// Complaints this close together belong to one burst and slow down once; nothing is given back this soon either.
const ONE_COMPLAINT: Duration = Duration::from_secs(1);
/// The time over which good answers are counted, and the shortest part of it that yields a rate.
const COUNTED: Duration = Duration::from_secs(2);
const TELLING: Duration = Duration::from_millis(500);
/// The number of denials in a row after which no more requests go out.
const DENIALS: u32 = 20;

/// The bucket of one client.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// `None` if nothing is delayed.
    bucket: Option<Mutex<Bucket>>,
    /// In a row, for each priority: a denied scan doesn't keep anyone from asking about one account.
    denials: [AtomicU32; 2],
    /// Held by the one request of a scan that waits for its turn; the scan's others wait for this.
    back: Mutex<()>,
}

/// The token bucket: pure, the time is passed in.
#[derive(Debug)]
struct Bucket {
    /// Tokens a second without complaints.
    full: f64,
    /// Tokens a second; also the bucket's capacity.
    rate: f64,
    /// Negative while that many requests wait.
    tokens: f64,
    /// When `tokens` was computed; `None` before the first request.
    filled: Option<Instant>,
    /// No complaints are known up to this rate: recovery is quick below it and slow above.
    bearable: f64,
    /// When it last slowed down.
    slowed: Option<Instant>,
    /// When a server last complained.
    complained: Option<Instant>,
    answers: Answers,
}

/// How fast good answers come while requests wait for their turn: what a server serves while it rejects the rest is
/// what it can bear. If nothing waits, few answers only mean few requests.
#[derive(Debug, Default)]
struct Answers {
    /// Since when requests have waited; `None` if none waits.
    since: Option<Instant>,
    count: u32,
    /// A second, in the time before.
    before: Option<f64>,
}

impl Answers {
    /// A request has to wait.
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

    /// `None` until enough answers were counted.
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

    /// Takes a token and returns how long to wait before using it.
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
            // Without any good answers there is no quota to learn.
            Some(_) => {}
        }
        self.rate = (self.rate / 2.0).min(self.bearable).max(SLOWEST.min(self.full));
        self.tokens = self.tokens.min(0.0);
        self.answers = Answers::default();
    }

    /// Learns from a good answer.
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

/// A place in the queue; returned if it is dropped unused.
struct Turn<'a> {
    bucket: &'a Mutex<Bucket>,
    used: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // If another task holds the bucket right now, the turn is lost, and all wait a little longer.
        if let (false, Ok(mut bucket)) = (self.used, self.bucket.try_lock()) {
            bucket.tokens += 1.0;
        }
    }
}

impl RateLimiter {
    /// At most `rate` requests a second; `None` means no delay.
    pub(crate) fn new(rate: Option<f64>) -> RateLimiter {
        RateLimiter {
            bucket: rate.map(|rate| Mutex::new(Bucket::new(rate))),
            denials: Default::default(),
            back: Mutex::default(),
        }
    }

    /// Waits for this request's turn.
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
        // Those before it might have been denied in the meantime.
        self.check(priority)
    }

    /// Learns from the outcome of a request.
    pub(crate) async fn observe(&self, priority: Priority, error: Option<&ApiError>) {
        match error.map(|error| error.kind) {
            Some(ErrorKind::Denied) => {
                self.denials[priority as usize].fetch_add(1, Ordering::Relaxed);
            }
            // Includes a proxy's 429, which isn't a quota of Google's.
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

    /// Forgets the denials so far, because someone asked again.
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
