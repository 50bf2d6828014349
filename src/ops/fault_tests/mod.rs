//! Every call through every fault of the emulator: for good, once, and, where a call makes several requests, with only one
//! of them hit. Asserted of each run: it ends; the kind; plain sentences with a next step; how often what was hit was
//! sent, and a write never again unless its fate is known; and that afterwards the same client makes the same call as if
//! nothing had been. The reports, one for each sort of fault, are what people are told.
//!
//! ```text
//! cargo test --lib fault_tests                                   # is it still so?
//! INSTA_UPDATE=always cargo test --lib fault_tests               # a sentence was changed on purpose
//! ```

mod faults;
mod report;
mod world;

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::http::CallKind;
use faults::{Sent, Wrong};
use impersona_emulator::Fault;
use report::{End, Line, Report, name, stable};
use world::{Desk, Seen};

/// Runs where seconds cost nothing: when everybody waits, time goes on to the next thing that is due. What is on its
/// way through the kernel is not waiting, so that it is given a moment to arrive first.
fn in_no_time<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(|| std::thread::sleep(Duration::from_micros(20)))
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// Longer than the most patient of all flows.
const EVER: Duration = Duration::from_secs(2 * 3_600);

/// Whether a request changes something, by its path.
fn is_write(path: &str) -> bool {
    path.ends_with(":setIamPolicy") || path.ends_with(":batchEnable")
}

/// A call as it is in good weather.
struct Sample {
    call: Call,
    /// How often each request is sent, by method and path.
    good: BTreeMap<(String, String), usize>,
}

impl Sample {
    /// The service that its first request goes to.
    fn service(&self) -> &str {
        let method = self.good.keys().next().map_or("", |(method, _)| method);
        method.split('.').next().unwrap_or_default()
    }

    fn is_single(&self) -> bool {
        self.good.len() == 1
    }

    fn is_write(&self) -> bool {
        self.call.kind() == CallKind::Write
    }

    /// Asks again and again by itself, and that is what it is for: how far it is, or whether a lost write came through.
    fn is_patient(&self) -> bool {
        matches!(&self.call, Call::WatchGrant { .. } | Call::EnableService { .. } | Call::ApplyPolicy { .. })
    }

    /// Whether what goes wrong once is nobody's business.
    fn recovers(&self, sent: Sent) -> bool {
        match sent {
            Sent::Once => false,
            Sent::FourTimes => !self.is_write() && !self.is_of_machine(),
            Sent::Renewed => self.takes_token(),
        }
    }

    /// Whether its requests carry the caller's token; keys and certificates are for everybody.
    fn takes_token(&self) -> bool {
        let open = ["oauth2.", "certs.", "metadata."];
        let mut methods = self.good.keys().map(|(method, _)| method);
        methods.any(|method| open.iter().all(|start| !method.starts_with(start)))
            && !matches!(
                self.call,
                Call::IdentifyCaller {} | Call::GetTokenFacts { .. } | Call::GetSigningKeys { .. }
            )
    }

    /// The metadata server is given less time than others.
    fn is_of_machine(&self) -> bool {
        self.good.keys().any(|(method, _)| method.starts_with("metadata."))
    }

    /// What fails is not the call's end, or is told in other words: those who look around say what they could not
    /// see, and of a metadata server people are told whether it is there.
    fn is_lenient(&self) -> bool {
        let around = matches!(self.call, Call::Examine { .. } | Call::IdentifyCaller {});
        around || self.is_patient() || self.is_of_machine()
    }
}

fn counted(seen: Seen) -> BTreeMap<(String, String), usize> {
    seen.into_iter().fold(BTreeMap::new(), |mut all, request| {
        *all.entry(request).or_default() += 1;
        all
    })
}

/// Which requests are hit, and how often.
enum Way {
    Always,
    Once,
    At(String),
}

impl Way {
    fn word(&self) -> String {
        match self {
            Way::Always => "always".to_owned(),
            Way::Once => "once".to_owned(),
            Way::At(method) => format!("at {}", method.rsplit('.').next().unwrap_or_default()),
        }
    }

    fn narrow(&self, fault: &Fault) -> Fault {
        match self {
            Way::Always => fault.clone(),
            Way::Once => fault.clone().times(1),
            Way::At(method) => fault.clone().method(method),
        }
    }
}

/// What the runs of one sort of fault came to.
#[derive(Default)]
struct Table {
    wrong: Vec<String>,
    report: Report,
    runs: usize,
}

impl Table {
    async fn of(faults: &[Wrong]) -> Table {
        let mut table = Table::default();
        let mut desk = Desk::new().await;
        let mut samples: Vec<Sample> = Vec::new();
        for call in desk.calls().await {
            let now = desk.prepare(&call).await;
            let (reply, seen) = desk.make(now).await;
            assert!(End::of(&reply).is_good(), "in good weather: {call:?}: {reply:?}");
            let sample = Sample { call, good: counted(seen) };
            // Of calls that differ in their values only, one with a single request and one with several.
            let same = |other: &Sample| {
                name(&other.call) == name(&sample.call) && other.is_single() == sample.is_single()
            };
            if !samples.iter().any(same) {
                samples.push(sample);
            }
        }
        // From here on nobody waits for what no clock of this runtime counts: keys are made, roots are read.
        tokio::time::pause();
        for wrong in faults {
            table.report.begin(&wrong.name);
            if wrong.fault.is_none() {
                desk.hang_up().await;
            }
            let mut met = Vec::new();
            for sample in &samples {
                // All read a body in the same place: what is long is read once for each service, and by all writes.
                let service = sample.service();
                if wrong.is_heavy && met.contains(&service) && !sample.is_write() {
                    continue;
                }
                met.push(service);
                for way in ways(wrong, sample) {
                    table.run(&mut desk, wrong, sample, &way).await;
                }
                if wrong.fault.is_some() {
                    table.afterwards(&mut desk, wrong, sample).await;
                }
            }
            if wrong.fault.is_none() {
                desk.pick_up().await;
                for sample in &samples {
                    table.afterwards(&mut desk, wrong, sample).await;
                }
            }
        }
        table
    }

    async fn run(&mut self, desk: &mut Desk, wrong: &Wrong, sample: &Sample, way: &Way) {
        self.runs += 1;
        Desk::a_day_later().await;
        let call = desk.prepare(&sample.call).await;
        if let Some(fault) = &wrong.fault {
            desk.arm(way.narrow(fault)).await;
        }
        let title = format!("{} through {} ({})", name(&call), wrong.name, way.word());
        let Ok((reply, seen)) = tokio::time::timeout(EVER, desk.make(call)).await else {
            self.wrong.push(format!("{title}: it does not end"));
            return;
        };
        let end = End::of(&reply);
        self.wrong.extend(end.problems().into_iter().map(|problem| format!("{title}: {problem}")));
        let seen = counted(seen);
        self.check_kind(&title, wrong, sample, way, &end);
        self.check_sent(&title, wrong, sample, &seen);
        if sample.is_write() || matches!(way, Way::Always) {
            let all: usize = seen.values().sum();
            let written = seen.iter().filter(|((_, path), _)| is_write(path));
            let sent = match sample.good.len() {
                _ if sample.is_write() => format!("w{}", written.map(|(_, times)| times).sum::<usize>()),
                1 if !sample.is_patient() => format!("{all}x"),
                _ => String::new(),
            };
            let told = |text: &String| stable(text, &desk.host);
            self.report.add(name(&sample.call), Line { way: way.word(), sent, end: end.map(told) });
        }
    }

    /// Where the request that is hit is the whole call, its error is the call's.
    fn check_kind(&mut self, title: &str, wrong: &Wrong, sample: &Sample, way: &Way, end: &End) {
        let expected = match (way, wrong.kind) {
            (_, None) => "done",
            (Way::Once, _) if sample.recovers(wrong.sent) => "done",
            (Way::Always, Some(kind)) if sample.is_single() && !sample.is_lenient() => {
                // Only the caller's token is said to have ended.
                if wrong.sent == Sent::Renewed && !sample.takes_token() {
                    return;
                }
                kind.word()
            }
            _ => return,
        };
        if end.word != expected {
            self.wrong.push(format!("{title}: {} instead of {expected}", end.word));
        }
    }

    fn check_sent(
        &mut self,
        title: &str,
        wrong: &Wrong,
        sample: &Sample,
        seen: &BTreeMap<(String, String), usize>,
    ) {
        for ((method, path), times) in seen {
            let most = match wrong.sent {
                // A token for each request that was refused.
                Sent::Renewed if method == "oauth2.token" => usize::MAX,
                Sent::Renewed => 2,
                _ if is_write(path) => 1,
                Sent::Once => 1,
                Sent::FourTimes => 4,
            };
            let usual =
                sample.good.iter().find(|((_, known), _)| known == path).map_or(1, |(_, times)| *times);
            if *times > most.saturating_mul(usual) && (is_write(path) || !sample.is_patient()) {
                self.wrong.push(format!("{title}: {method} was sent {times} times"));
            }
        }
    }

    async fn afterwards(&mut self, desk: &mut Desk, wrong: &Wrong, sample: &Sample) {
        Desk::a_day_later().await;
        let call = desk.prepare(&sample.call).await;
        let after = tokio::time::timeout(EVER, desk.make(call)).await;
        if !after.as_ref().is_ok_and(|(reply, _)| End::of(reply).is_good()) {
            self.wrong.push(format!("{} after {}: {after:?}", name(&sample.call), wrong.name));
        }
    }
}

/// The ways in which a fault meets a call.
fn ways(wrong: &Wrong, sample: &Sample) -> Vec<Way> {
    if wrong.fault.is_none() {
        return vec![Way::Always];
    }
    if wrong.is_heavy {
        return vec![Way::Once];
    }
    let mut ways = vec![Way::Always];
    if sample.is_write() || wrong.sent != Sent::Once {
        ways.push(Way::Once);
    }
    if !sample.is_single() {
        let hit = sample.good.keys().filter(|(_, path)| wrong.at_each || is_write(path));
        let mut methods: Vec<&String> = hit.map(|(method, _)| method).collect();
        methods.dedup();
        ways.extend(methods.into_iter().cloned().map(Way::At));
    }
    ways
}

fn table(faults: Vec<Wrong>) -> String {
    let Table { wrong, report, runs } = in_no_time(Table::of(&faults));
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    format!("{runs} runs\n{}", report.text())
}

#[test]
fn a_connection_that_fails_is_told_in_plain_words_and_no_write_is_repeated() {
    insta::assert_snapshot!("connections", table(faults::connections()));
}

#[test]
fn an_answer_that_is_none_is_told_in_plain_words_and_no_write_is_repeated() {
    insta::assert_snapshot!("answers", table(faults::answers()));
}

#[test]
fn a_refusal_is_told_in_plain_words_and_only_what_passes_is_asked_again() {
    insta::assert_snapshot!("refusals", table(faults::refusals()));
}

#[test]
fn every_reason_of_a_denial_is_told_in_plain_words_and_asked_once() {
    insta::assert_snapshot!("denials", table(faults::denials()));
}
