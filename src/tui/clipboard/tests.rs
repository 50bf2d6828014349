mod worker;

use self::Seen::{Emptied, Looked, Put};
use super::*;

/// A fake desktop clipboard that records what is done with it.
struct Fake {
    content: Option<String>,
    /// What another program copies right after we checked our copy.
    theirs: Option<&'static str>,
    /// How many copies it accepts; it rejects the others.
    takes: usize,
    /// Signalled when a copy arrives.
    begins: mpsc::Sender<()>,
    /// A copy waits for a signal from here, or for its close.
    gate: mpsc::Receiver<()>,
    seen: mpsc::Sender<Seen>,
    /// Whether it takes a moment to be emptied.
    slow: bool,
}

impl Desktop for Fake {
    fn put(&mut self, clip: &Clip) -> bool {
        let _ = self.begins.send(());
        let _ = self.gate.recv();
        self.seen.send(Put).unwrap();
        let takes = self.takes > 0;
        if takes {
            self.takes -= 1;
            self.content = Some(clip.content().expose().to_owned());
        }
        takes
    }

    fn holds(&mut self, text: &Secret) -> bool {
        self.seen.send(Looked).unwrap();
        let held = self.content.as_deref() == Some(text.expose());
        if let Some(theirs) = self.theirs.take() {
            self.content = Some(theirs.to_owned());
        }
        held
    }

    fn empty(&mut self) -> bool {
        if self.slow {
            thread::sleep(SHORT);
        }
        self.seen.send(Emptied).unwrap();
        self.content = None;
        true
    }
}

#[derive(Debug, PartialEq)]
enum Seen {
    Put,
    Looked,
    Emptied,
}

struct Stage {
    clipboard: Clipboard,
    outcomes: tokio::sync::mpsc::UnboundedReceiver<Outcome>,
    seen: mpsc::Receiver<Seen>,
    begun: mpsc::Receiver<()>,
    gate: mpsc::Sender<()>,
}

impl Stage {
    /// A clipboard with a fake desktop, on which a credential stays this long. Nothing is copied before the gate
    /// is opened.
    fn closed(stays: Duration, change: impl FnOnce(&mut Fake)) -> Stage {
        Stage::at(Surroundings::default(), stays, change)
    }

    fn at(surroundings: Surroundings, stays: Duration, change: impl FnOnce(&mut Fake)) -> Stage {
        let (gate, gated) = mpsc::channel();
        let (seen_in, seen) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        let (outcomes_in, outcomes) = tokio::sync::mpsc::unbounded_channel();
        let mut fake = Fake {
            content: None,
            theirs: None,
            takes: usize::MAX,
            begins,
            gate: gated,
            seen: seen_in,
            slow: false,
        };
        change(&mut fake);
        let clipboard = Clipboard::with(surroundings, stays, fake, outcomes_in);
        Stage { clipboard, outcomes, seen, begun, gate }
    }

    fn new(stays: Duration, change: impl FnOnce(&mut Fake)) -> Stage {
        let mut stage = Stage::closed(stays, change);
        stage.open();
        stage
    }

    fn open(&mut self) {
        self.gate = mpsc::channel().0;
    }

    fn ask_for(&mut self, text: &str, sensitive: bool) {
        self.clipboard.copy(match sensitive {
            true => Clip::credential(Secret::new(text), text),
            false => Clip::line(text, text),
        });
    }

    /// The next outcome, wiped or not. A test without one fails; it does not hang.
    #[track_caller]
    fn told(&mut self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let told = runtime.block_on(async { tokio::time::timeout(LIMIT, self.outcomes.recv()).await });
        told.expect("an outcome in time").expect("the clipboard's thread lives")
    }

    #[track_caller]
    fn outcome(&mut self) -> Option<Copied> {
        self.told().since_no_wipe()
    }

    #[track_caller]
    fn copy(&mut self, text: &str, sensitive: bool) -> Copied {
        self.ask_for(text, sensitive);
        self.outcome().unwrap()
    }

    #[track_caller]
    fn sees(&self, expected: &[Seen]) {
        for seen in expected {
            assert_eq!(self.seen.recv_timeout(LIMIT).as_ref(), Ok(seen));
        }
    }

    /// Everything that happens until the end, and at the end.
    #[track_caller]
    fn quit(self) -> Vec<Seen> {
        drop(self.clipboard);
        let mut all = Vec::new();
        loop {
            match self.seen.recv_timeout(LIMIT) {
                Ok(seen) => all.push(seen),
                Err(RecvTimeoutError::Disconnected) => return all,
                Err(RecvTimeoutError::Timeout) => panic!("the desktop's thread does not end: {all:?}"),
            }
        }
    }
}

/// The bound for anything to happen.
const LIMIT: Duration = Duration::from_secs(20);

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_credential_is_cleared_after_its_time_and_only_once() {
    let mut stage = Stage::new(SHORT, |_| {});
    assert!(matches!(stage.copy("token", true), Copied::Done(_)));
    stage.sees(&[Put, Looked, Looked, Emptied]);
    assert_eq!(stage.quit(), []);
}

#[test]
fn a_credential_is_cleared_on_quitting_before_its_time() {
    let mut stage = Stage::new(LONG, |_| {});
    stage.copy("token", true);
    assert_eq!(stage.quit(), [Put, Looked, Looked, Emptied]);
}

#[test]
fn what_another_program_copied_since_is_left_after_the_time_and_on_quitting() {
    for stays in [SHORT, LONG] {
        let mut stage = Stage::new(stays, |fake| fake.theirs = Some("theirs"));
        stage.copy("token", true);
        if stays == SHORT {
            stage.sees(&[Put, Looked, Looked]);
            assert_eq!(stage.quit(), []);
        } else {
            assert_eq!(stage.quit(), [Put, Looked, Looked]);
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the time itself is what is tested")]
fn a_second_copy_starts_the_time_again() {
    let stays = 20 * SHORT;
    let mut stage = Stage::new(stays, |_| {});
    stage.copy("first", true);
    thread::sleep(stays / 5);
    let began = std::time::Instant::now();
    stage.copy("second", true);
    stage.sees(&[Put, Looked, Put, Looked, Looked, Emptied]);
    assert!(began.elapsed() >= stays, "{:?}", began.elapsed());
}

#[test]
fn what_is_no_credential_stays() {
    let mut stage = Stage::new(Duration::ZERO, |_| {});
    for _ in 0..20 {
        stage.copy("an address", false);
    }
    assert!(!stage.quit().contains(&Emptied));
}

#[test]
fn a_credential_is_taken_back_when_the_next_copy_goes_elsewhere() {
    let mut stage = Stage::new(LONG, |fake| fake.takes = 1);
    stage.copy("token", true);
    assert!(matches!(stage.copy("an address", false), Copied::ByTerminal(..)));
    assert_eq!(stage.quit(), [Put, Looked, Put, Looked, Emptied]);
}

#[test]
fn late_copy_of_a_hanging_desktop_is_still_cleared() {
    let mut stage = Stage::closed(LONG, |_| {});
    assert!(matches!(stage.copy("token", true), Copied::ByTerminal(..)));
    stage.open();
    assert_eq!(stage.quit(), [Put, Looked, Looked, Emptied]);
}

#[test]
fn what_was_copied_before_a_wipe_arrives_nowhere_after_it() {
    let mut stage = Stage::closed(LONG, |_| {});
    // The desktop hangs with the first copy; the second is queued.
    stage.ask_for("token", true);
    stage.ask_for("another token", true);
    stage.begun.recv_timeout(LIMIT).unwrap();
    stage.clipboard.clear();
    stage.ask_for("an address", false);
    let arrived = stage.outcome();
    assert!(
        matches!(&arrived, Some(Copied::ByTerminal(text, _)) if text.expose() == "an address"),
        "{arrived:?}"
    );
    stage.open();
    // The first copy is in the desktop already and is cleared again; the address is left alone.
    let seen = stage.quit();
    assert_eq!(seen, [Put, Looked, Looked, Emptied, Put, Looked]);
}

#[test]
fn an_outcome_that_is_told_before_a_wipe_and_heard_after_it_is_none() {
    let mut stage = Stage::closed(LONG, |_| {});
    stage.ask_for("token", true);
    let told = stage.told();
    stage.clipboard.forget();
    assert!(told.since_no_wipe().is_none());
}

#[test]
fn a_wipe_is_not_meant_for_what_is_no_credential() {
    let mut stage = Stage::new(LONG, |_| {});
    stage.ask_for("an address", false);
    stage.clipboard.forget();
    assert!(matches!(stage.outcome(), Some(Copied::Done(_))));
}

// Over SSH.

#[test]
fn desktop_of_a_remote_machine_is_left_alone() {
    for sensitive in [true, false] {
        let surroundings = Surroundings { ssh: true, tmux: false };
        let mut stage = Stage::at(surroundings, LONG, |_| {});
        stage.open();
        match stage.copy("token", sensitive) {
            Copied::ByTerminal(text, _) => assert_eq!(text.expose(), "token"),
            done => panic!("{done:?}"),
        }
        stage.clipboard.clear();
        stage.copy("another", sensitive);
        // Neither set, read nor cleared, both in time and on quit.
        assert_eq!(stage.quit(), []);
    }
}

#[test]
fn each_variable_that_tells_where_we_are_is_enough_by_itself() {
    let of = |names: &[&str]| Surroundings::of(&Env::from_vars(names.iter().map(|name| (*name, "x"))));
    for (names, ssh, tmux) in [
        (&[][..], false, false),
        (&["SSH_CONNECTION"], true, false),
        (&["SSH_TTY"], true, false),
        (&["TMUX"], false, true),
        (&["SSH_TTY", "TMUX"], true, true),
        (&["SSH_CLIENT_VERSION", "TMUX_PANE", "DISPLAY"], false, false),
    ] {
        assert_eq!(of(names), Surroundings { ssh, tmux }, "{names:?}");
    }
}

// Tests of the desktop's thread alone.

/// A desktop with fixed answers.
struct Scripted {
    puts: bool,
    holds: bool,
    empties: bool,
    seen: mpsc::Sender<Seen>,
}

impl Desktop for Scripted {
    fn put(&mut self, _: &Clip) -> bool {
        self.seen.send(Put).unwrap();
        self.puts
    }

    fn holds(&mut self, _: &Secret) -> bool {
        self.seen.send(Looked).unwrap();
        self.holds
    }

    fn empty(&mut self) -> bool {
        self.seen.send(Emptied).unwrap();
        self.empties
    }
}

/// The calls to the desktop for these requests, and the outcome of each.
fn served(asks: Vec<Ask>, [puts, holds, empties]: [bool; 3]) -> (Vec<Seen>, Vec<bool>) {
    let (seen_in, seen) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let (asks_in, asked) = mpsc::channel();
    for ask in asks {
        asks_in.send((ask, tell.clone())).unwrap();
    }
    // Without requesters it ends.
    drop((asks_in, tell));
    serve(Scripted { puts, holds, empties, seen: seen_in }, &asked);
    (seen.iter().collect(), told.iter().collect())
}

/// The permit of a copy requested after so many wipes, when there have been two; none for text that isn't a credential.
fn leave(before: Option<u64>) -> Leave {
    Leave { wipes: Arc::new(AtomicU64::new(2)), before }
}

fn credential() -> Clip {
    Clip::credential(Secret::new("token"), "token")
}

#[test]
fn leave_stands_until_the_next_wipe() {
    for (before, stands) in [(None, true), (Some(2), true), (Some(1), false), (Some(0), false)] {
        assert_eq!(leave(before).stands(), stands, "{before:?}");
    }
}

#[test]
fn copy_that_was_wiped_while_it_waited_is_not_put() {
    for before in [0, 1] {
        let ask = Ask::Copy(credential(), leave(Some(before)));
        assert_eq!(served(vec![ask], [true; 3]), (vec![], vec![false]));
    }
    for standing in [None, Some(2)] {
        let ask = Ask::Copy(credential(), leave(standing));
        assert_eq!(served(vec![ask], [true; 3]), (vec![Put, Looked], vec![true]));
    }
}

#[test]
fn desktop_did_it_only_where_it_took_the_copy_and_still_has_it() {
    let yes = true;
    for (answers, seen, done) in [
        ([true, true, yes], vec![Put, Looked], true),
        ([true, false, yes], vec![Put, Looked], false),
        ([false, true, yes], vec![Put], false),
        ([false, false, yes], vec![Put], false),
    ] {
        let ask = Ask::Copy(credential(), leave(None));
        assert_eq!(served(vec![ask], answers), (seen, vec![done]), "{answers:?}");
    }
    for (answers, seen, done) in [
        ([yes, true, true], vec![Looked, Emptied], true),
        ([yes, true, false], vec![Looked, Emptied], false),
        ([yes, false, true], vec![Looked], false),
        ([yes, false, false], vec![Looked], false),
    ] {
        let ask = Ask::Clear(Secret::new("token"));
        assert_eq!(served(vec![ask], answers), (seen, vec![done]), "{answers:?}");
    }
}

#[test]
fn requests_are_served_in_order_even_if_no_one_waits() {
    let (asks_in, asked) = mpsc::channel();
    let (seen_in, seen) = mpsc::channel();
    for ask in [Ask::Copy(credential(), leave(None)), Ask::Clear(Secret::new("token"))] {
        // The requester is gone.
        asks_in.send((ask, mpsc::channel().0)).unwrap();
    }
    drop(asks_in);
    serve(Scripted { puts: true, holds: true, empties: true, seen: seen_in }, &asked);
    assert_eq!(seen.iter().collect::<Vec<_>>(), [Put, Looked, Looked, Emptied]);
}

// The real desktop, which no test of this kind may touch.

#[test]
fn desktop_that_was_never_opened_holds_nothing_and_is_not_opened_to_be_emptied() {
    let mut desktop = Native::default();
    assert!(!desktop.holds(&Secret::new("")) && !desktop.empty());
    assert!(desktop.0.is_none());
}

// The end.

#[test]
fn dropping_it_waits_until_what_is_ours_is_taken_back() {
    let mut stage = Stage::new(LONG, |fake| fake.slow = true);
    stage.copy("token", true);
    drop(stage.clipboard);
    assert_eq!(stage.seen.try_iter().collect::<Vec<_>>(), [Put, Looked, Looked, Emptied]);
}

#[test]
fn clearing_takes_the_copy_off_and_its_outcome_back() {
    let mut stage = Stage::new(LONG, |_| {});
    stage.ask_for("token", true);
    let told = stage.told();
    stage.clipboard.clear();
    assert!(told.since_no_wipe().is_none());
    stage.sees(&[Put, Looked, Looked, Emptied]);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the time itself is what is tested")]
fn nobody_is_waited_for_where_nothing_was_copied() {
    let stage = Stage::new(LONG, |_| {});
    let began = std::time::Instant::now();
    drop(stage.clipboard);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn only_a_credential_is_said_to_be_cleared() {
    let mut stage = Stage::new(LONG, |_| {});
    for sensitive in [true, false] {
        match stage.copy("token", sensitive) {
            Copied::Done(said) => assert_eq!(said.contains("60 s"), sensitive, "{said}"),
            other => panic!("{other:?}"),
        }
    }
}
