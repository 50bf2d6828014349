use futures_util::FutureExt;

use super::*;

/// How long the last of that many requests, all made now, has to wait.
fn wait_for(bucket: &mut Bucket, questions: usize, now: Instant) -> f64 {
    (0..questions).map(|_| bucket.take(now)).last().unwrap_or_default().as_secs_f64()
}

#[test]
fn a_burst_of_twenty_is_free_and_then_it_is_twenty_a_second() {
    let mut bucket = Bucket::new(20.0);
    let start = Instant::now();
    assert!(wait_for(&mut bucket, 20, start) < 0.001);
    let wait = wait_for(&mut bucket, 40, start);
    assert!((1.99..2.01).contains(&wait), "{wait}");
    let later = start + Duration::from_secs(3_600);
    assert!(wait_for(&mut bucket, 20, later) < 0.001, "an hour of silence saves up one burst, no more");
    assert!(wait_for(&mut bucket, 1, later) > 0.0);
}

#[test]
fn a_complaint_halves_the_rate_and_good_answers_bring_it_back() {
    let mut bucket = Bucket::new(20.0);
    let start = Instant::now();
    // Many requests in flight together are rejected together.
    (0..10).for_each(|_| bucket.slow_down(start));
    let wait = wait_for(&mut bucket, 20, start);
    assert!((1.99..2.01).contains(&wait), "{wait}");
    (1..10).for_each(|n| bucket.slow_down(start + ONE_COMPLAINT * n));
    assert_eq!(bucket.rate, SLOWEST);
    let later = start + ONE_COMPLAINT * 20;
    (0..100_000).for_each(|_| bucket.recover(later));
    assert_eq!(bucket.rate, 20.0);
}

#[test]
fn after_a_complaint_the_rate_comes_back_fast_to_just_below_and_slowly_from_there() {
    let mut bucket = Bucket::new(200.0);
    let start = Instant::now();
    bucket.slow_down(start);
    assert_eq!(bucket.rate, 100.0);
    (0..1_000).for_each(|_| bucket.recover(start + ONE_COMPLAINT / 2));
    assert_eq!(bucket.rate, 100.0, "so soon nothing is known");
    let answers_until = |bucket: &mut Bucket, rate: f64| {
        let mut answers = 0;
        while bucket.rate < rate {
            bucket.recover(start + ONE_COMPLAINT);
            answers += 1;
        }
        answers
    };
    assert!(answers_until(&mut bucket, 189.0) < 50);
    assert!(answers_until(&mut bucket, 200.0) > 150);
}

#[test]
fn one_complaint_while_little_is_asked_is_forgotten_after_a_few_answers() {
    let (mut bucket, start) = (Bucket::new(20.0), Instant::now());
    for n in 0..10 {
        let now = start + Duration::from_secs(60) * n;
        assert!(bucket.take(now).is_zero());
        bucket.recover(now);
    }
    let complained = start + Duration::from_secs(600);
    bucket.slow_down(complained);
    (0..60).for_each(|_| bucket.recover(complained + ONE_COMPLAINT));
    assert!(bucket.rate >= 19.0, "{}", bucket.rate);
    (0..200).for_each(|_| bucket.recover(complained + ONE_COMPLAINT));
    assert_eq!(bucket.rate, 20.0);
}

#[test]
fn after_a_while_of_nothing_but_complaints_it_soon_asks_as_fast_as_before() {
    let (mut bucket, mut now) = (Bucket::new(20.0), Instant::now());
    for _ in 0..400 {
        now += bucket.take(now);
        bucket.recover(now);
    }
    let end = now + Duration::from_secs(6);
    while now < end {
        now += bucket.take(now);
        bucket.slow_down(now);
    }
    assert!(bucket.rate < 2.0, "{}", bucket.rate);
    let minute = now + Duration::from_secs(60);
    while now < minute {
        now += bucket.take(now);
        bucket.recover(now);
    }
    assert!(bucket.rate > 15.0, "{}", bucket.rate);
}

/// Sends without a pause until that many are answered, by a server that decides at each moment whether it still
/// answers. Returns the seconds that takes, and how many were rejected.
fn asked(count: usize, rate: f64, mut answers: impl FnMut(Duration) -> bool) -> (f64, usize) {
    let (mut bucket, start) = (Bucket::new(rate), Instant::now());
    let (mut now, mut answered, mut refused) = (start, 0, 0);
    while answered < count {
        now += bucket.take(now);
        if answers(now - start) {
            answered += 1;
            bucket.recover(now);
        } else {
            refused += 1;
            bucket.slow_down(now);
        }
    }
    ((now - start).as_secs_f64(), refused)
}

#[track_caller]
fn assert_kept_to((time, refused): (f64, usize), count: usize, least: f64) {
    assert!(time < least * 1.1, "{time} s of {least}");
    assert!(refused * 20 < count, "{refused} of {count} refused");
}

#[test]
fn what_a_quota_gives_is_found_out_and_kept_to() {
    for (count, rate, quota) in [
        (10_000, 200.0, 100.0),
        (3_000, 120.0, 100.0),
        (3_000, 200.0, 190.0),
        (1_000, 20.0, 5.0),
        (1_000, 20.0, 19.0),
    ] {
        // A second's worth at once.
        let (mut left, mut at) = (quota, Duration::ZERO);
        let told = asked(count, rate, |now| {
            left = (left + (now - at).as_secs_f64() * quota).min(quota);
            at = now;
            let answers = left >= 1.0;
            left -= if answers { 1.0 } else { 0.0 };
            answers
        });
        assert_kept_to(told, count, count as f64 / quota - 1.0);
    }
}

#[test]
fn a_quota_that_is_counted_by_the_minute_is_kept_to_as_well() {
    for (count, rate, a_minute) in [(30_000, 200.0, 6_000), (30_000, 120.0, 6_000), (3_000, 20.0, 600)] {
        let (mut minute, mut used) = (0, 0);
        let told = asked(count, rate, |now| {
            if now.as_secs() / 60 != minute {
                (minute, used) = (now.as_secs() / 60, 0);
            }
            let answers = used < a_minute;
            used += usize::from(answers);
            answers
        });
        assert_kept_to(told, count, (count / a_minute * 60) as f64);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_while_waiting_gives_its_turn_back() {
    let limiter = RateLimiter::new(Some(20.0));
    let waiting = (0..200).filter(|_| limiter.admit(Priority::Front).now_or_never().is_none()).count();
    assert!(waiting > 100, "{waiting}");
    assert!(limiter.bucket.as_ref().unwrap().lock().await.tokens > -1.0);
}

#[tokio::test(start_paused = true)]
async fn a_scan_stands_behind_everybody_else_with_one_question() {
    let limiter = RateLimiter::new(Some(20.0));
    for _ in 0..20 {
        limiter.admit(Priority::Back).await.unwrap();
    }
    let mut scan: Vec<_> = (0..64).map(|_| Box::pin(limiter.admit(Priority::Back))).collect();
    assert!(scan.iter_mut().all(|turn| turn.now_or_never().is_none()));
    let tokens = limiter.bucket.as_ref().unwrap().lock().await.tokens;
    assert!((-2.0..0.0).contains(&tokens), "one waits, and sixty-three wait for it: {tokens}");
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_is_denied_keeps_nobody_from_asking() {
    let limiter = RateLimiter::new(Some(20.0));
    let denied = ApiError::new(ErrorKind::Denied, "no");
    for _ in 0..20 {
        limiter.observe(Priority::Back, Some(&denied)).await;
    }
    assert!(limiter.admit(Priority::Back).await.is_err());
    assert!(limiter.admit(Priority::Front).await.is_ok());
}

fn denied() -> ApiError {
    ApiError::new(ErrorKind::Denied, "no")
}

async fn observe(limiter: &RateLimiter, priority: Priority, times: usize, error: Option<&ApiError>) {
    for _ in 0..times {
        limiter.observe(priority, error).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_twenty_denials_in_a_row_nothing_is_asked_until_reset() {
    for priority in [Priority::Front, Priority::Back] {
        let limiter = RateLimiter::new(Some(20.0));
        observe(&limiter, priority, 19, Some(&denied())).await;
        assert_eq!(limiter.admit(priority).await, Ok(()));
        observe(&limiter, priority, 1, Some(&denied())).await;
        let error = limiter.admit(priority).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.sentence().starts_with("20 calls in a row were denied"), "{error}");
        // More of them change nothing.
        observe(&limiter, priority, 5, Some(&denied())).await;
        assert!(limiter.admit(priority).await.is_err());
        limiter.reset();
        observe(&limiter, priority, 19, Some(&denied())).await;
        assert_eq!(limiter.admit(priority).await, Ok(()));
        observe(&limiter, priority, 1, Some(&denied())).await;
        assert!(limiter.admit(priority).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_yes_forgets_the_denials_before_it_and_those_of_its_lane_only() {
    for (priority, other) in [(Priority::Front, Priority::Back), (Priority::Back, Priority::Front)] {
        let limiter = RateLimiter::new(Some(20.0));
        observe(&limiter, priority, 19, Some(&denied())).await;
        limiter.observe(priority, None).await;
        observe(&limiter, priority, 19, Some(&denied())).await;
        assert_eq!(limiter.admit(priority).await, Ok(()));
        // Success elsewhere says nothing about these.
        limiter.observe(other, None).await;
        observe(&limiter, priority, 1, Some(&denied())).await;
        assert!(limiter.admit(priority).await.is_err());
        assert_eq!(limiter.admit(other).await, Ok(()));
    }
}

/// An error of this kind and status.
fn failed(kind: ErrorKind, status: Option<u16>) -> ApiError {
    let mut error = ApiError::new(kind, "x");
    error.status = status;
    error
}

#[tokio::test(start_paused = true)]
async fn what_is_neither_yes_nor_no_nor_a_complaint_changes_nothing() {
    for error in [
        failed(ErrorKind::Server, Some(503)),
        failed(ErrorKind::Server, Some(500)),
        failed(ErrorKind::Network, None),
        failed(ErrorKind::Timeout, None),
        failed(ErrorKind::NotFound, Some(404)),
        failed(ErrorKind::Invalid, Some(400)),
        failed(ErrorKind::Invalid, Some(428)),
        failed(ErrorKind::Credentials, Some(401)),
    ] {
        let limiter = RateLimiter::new(Some(20.0));
        observe(&limiter, Priority::Front, 19, Some(&denied())).await;
        observe(&limiter, Priority::Front, 30, Some(&error)).await;
        assert_eq!(limiter.admit(Priority::Front).await, Ok(()), "{error:?} is no denial");
        assert_eq!(limiter.bucket.as_ref().unwrap().lock().await.rate, 20.0, "{error:?} is no complaint");
        observe(&limiter, Priority::Front, 1, Some(&denied())).await;
        assert!(limiter.admit(Priority::Front).await.is_err(), "{error:?} is no yes");
    }
}

#[tokio::test(start_paused = true)]
async fn googles_quota_and_anybodys_429_slow_down() {
    for (error, rate) in [
        (failed(ErrorKind::Quota, Some(429)), 10.0),
        // Some quotas are reported as a denial.
        (failed(ErrorKind::Quota, Some(403)), 10.0),
        (failed(ErrorKind::Quota, None), 10.0),
        // A proxy's.
        (failed(ErrorKind::Server, Some(429)), 10.0),
        (failed(ErrorKind::Denied, Some(403)), 20.0),
    ] {
        let limiter = RateLimiter::new(Some(20.0));
        limiter.observe(Priority::Back, Some(&error)).await;
        assert_eq!(limiter.bucket.as_ref().unwrap().lock().await.rate, rate, "{error:?}");
        // Complaints don't count as denials.
        observe(&limiter, Priority::Back, 30, Some(&error)).await;
        assert_eq!(limiter.admit(Priority::Back).await.is_ok(), error.kind != ErrorKind::Denied, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_yes_gives_back_a_little_once_the_complaint_is_a_second_old() {
    let limiter = RateLimiter::new(Some(20.0));
    let rate = async || limiter.bucket.as_ref().unwrap().lock().await.rate;
    limiter.observe(Priority::Front, Some(&failed(ErrorKind::Quota, Some(429)))).await;
    limiter.observe(Priority::Front, None).await;
    tokio::time::advance(ONE_COMPLAINT - Duration::from_millis(1)).await;
    limiter.observe(Priority::Front, None).await;
    assert_eq!(rate().await, 10.0);
    // One more complaint within the second belongs to the same burst, and makes the answers wait for another second.
    limiter.observe(Priority::Front, Some(&failed(ErrorKind::Quota, Some(429)))).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    limiter.observe(Priority::Front, None).await;
    assert_eq!(rate().await, 10.0);
    tokio::time::advance(ONE_COMPLAINT).await;
    limiter.observe(Priority::Front, None).await;
    let given_back = rate().await;
    assert!(given_back > 10.0 && given_back < 11.0, "{given_back}");
    limiter.observe(Priority::Front, Some(&failed(ErrorKind::Quota, Some(429)))).await;
    assert_eq!(rate().await, given_back / 2.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_admitted_waits_for_its_turn_and_without_a_rate_for_nothing() {
    for (rate, questions, wait) in
        [(Some(20.0), 20, 0), (Some(20.0), 30, 500), (Some(1.0), 3, 2_000), (None, 1_000, 0)]
    {
        for priority in [Priority::Front, Priority::Back] {
            let (limiter, since) = (RateLimiter::new(rate), Instant::now());
            for _ in 0..questions {
                limiter.admit(priority).await.unwrap();
            }
            let took = since.elapsed().as_millis();
            // Each timer is accurate to a millisecond.
            assert!((wait..=wait + 20).contains(&took), "{rate:?} {questions}: {took}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_while_the_others_are_denied_is_not_admitted() {
    let limiter = RateLimiter::new(Some(1.0));
    limiter.admit(Priority::Front).await.unwrap();
    let no = denied();
    let (admitted, ()) =
        tokio::join!(limiter.admit(Priority::Front), observe(&limiter, Priority::Front, 20, Some(&no)));
    assert_eq!(admitted.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test(start_paused = true)]
async fn denials_are_counted_where_nothing_is_delayed_as_well() {
    let limiter = RateLimiter::new(None);
    observe(&limiter, Priority::Front, 19, Some(&denied())).await;
    limiter.observe(Priority::Front, Some(&failed(ErrorKind::Quota, Some(429)))).await;
    assert_eq!(limiter.admit(Priority::Front).await, Ok(()));
    observe(&limiter, Priority::Front, 1, Some(&denied())).await;
    assert!(limiter.admit(Priority::Front).await.is_err());
}

fn after(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn answers_are_counted_anew_every_two_seconds_while_something_waits() {
    let start = Instant::now();
    let mut answers = Answers::default();
    answers.count(start);
    assert_eq!((answers.count, answers.since), (0, None), "nothing waits");
    answers.wait(start);
    // The first that waits records since when.
    answers.wait(start + after(700));
    for at in [0, 1_000, 1_999] {
        answers.count(start + after(at));
    }
    assert_eq!((answers.count, answers.since, answers.before), (3, Some(start), None));
    answers.count(start + after(2_000));
    assert_eq!((answers.count, answers.since, answers.before), (0, Some(start + after(2_000)), Some(2.0)));
    (0..3).for_each(|_| answers.count(start + after(2_100)));
    answers.count(start + after(10_000));
    assert_eq!((answers.count, answers.before), (0, Some(0.5)), "four in eight seconds");
}

#[test]
fn rate_of_answers_is_told_from_half_a_second_on_and_before_by_what_was_counted_before() {
    let start = Instant::now();
    for before in [None, Some(7.0)] {
        let answers = Answers { since: Some(start), count: 3, before };
        for (at, rate) in
            [(0, before), (499, before), (500, Some(6.0)), (1_000, Some(3.0)), (1_500, Some(2.0))]
        {
            assert_eq!(answers.per_second(start + after(at)), rate, "{at}");
        }
        assert_eq!(Answers { since: None, ..answers }.per_second(start + after(1_000)), None);
    }
}

#[test]
fn questions_wait_from_the_first_token_that_there_is_not_until_one_is_left_over() {
    let start = Instant::now();
    let mut bucket = Bucket::new(4.0);
    for (tokens, waits) in
        [(3.0, false), (2.0, false), (1.0, false), (0.0, false), (-1.0, true), (-2.0, true)]
    {
        bucket.take(start);
        assert_eq!((bucket.tokens, bucket.answers.since.is_some()), (tokens, waits));
    }
    bucket.answers.count = 5;
    // Seven quarters of a second later, less than one is left over, and then exactly one.
    for (at, tokens, count) in [(750, 0.0, 5), (1_187, 0.748, 5), (1_500, 1.0, 0)] {
        bucket.take(start + after(at));
        assert!((bucket.tokens - tokens).abs() < 0.001, "{at}: {}", bucket.tokens);
        assert_eq!((bucket.answers.count, bucket.answers.since.is_some()), (count, count > 0), "{at}");
    }
}

#[test]
fn what_is_bearable_is_learned_from_each_complaint() {
    let start = Instant::now();
    // The request rate, the rate believed bearable, the answers in the second before; then the new bearable rate and
    // the rate it continues at.
    for (rate, bearable, answers, learned, then) in [
        // Too little was counted: below the least that is known to be too much.
        (20.0, 20.0, None, 19.0, 10.0),
        (10.0, 20.0, None, 9.5, 5.0),
        (20.0, 10.0, None, 9.5, 9.5),
        // The rate served, whatever was believed before, but never more than was asked for.
        (20.0, 20.0, Some(8), 7.6, 7.6),
        (20.0, 4.0, Some(8), 7.6, 7.6),
        (20.0, 4.0, Some(40), 19.0, 10.0),
        (10.0, 4.0, Some(40), 9.5, 5.0),
        // No answers at all say nothing about a quota.
        (20.0, 16.0, Some(0), 16.0, 10.0),
        (20.0, 4.0, Some(0), 4.0, 4.0),
    ] {
        let mut bucket = Bucket { rate, bearable, ..Bucket::new(20.0) };
        if let Some(count) = answers {
            bucket.answers = Answers { since: Some(start), count, before: None };
        }
        bucket.slow_down(start + after(1_000));
        assert_eq!((bucket.bearable, bucket.rate), (learned, then), "{rate} {bearable} {answers:?}");
        assert_eq!((bucket.answers.since, bucket.answers.count), (None, 0));
    }
}
