use self::Seen::{Emptied, Looked, Put};
use super::*;

/// A desktop's clipboard that tells what is done with it.
struct Fake {
    content: Option<String>,
    /// What another program copies as soon as we have looked at our copy.
    theirs: Option<&'static str>,
    /// How many copies it takes; it refuses the others.
    takes: usize,
    /// Told when it comes to a copy.
    begins: mpsc::Sender<()>,
    /// A copy waits for word from here, or for its end.
    gate: mpsc::Receiver<()>,
    seen: mpsc::Sender<Seen>,
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
    /// A clipboard over a fake desktop, on which a credential stays this long. Nothing is copied before the gate
    /// is opened.
    fn closed(stays: Duration, change: impl FnOnce(&mut Fake)) -> Stage {
        let (gate, gated) = mpsc::channel();
        let (seen_in, seen) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        let (outcomes_in, outcomes) = tokio::sync::mpsc::unbounded_channel();
        let mut fake =
            Fake { content: None, theirs: None, takes: usize::MAX, begins, gate: gated, seen: seen_in };
        change(&mut fake);
        let clipboard = Clipboard::with(Surroundings::default(), stays, fake, outcomes_in);
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

    fn outcome(&mut self) -> Option<Copied> {
        self.outcomes.blocking_recv().unwrap().since_no_wipe()
    }

    fn copy(&mut self, text: &str, sensitive: bool) -> Copied {
        self.ask_for(text, sensitive);
        self.outcome().unwrap()
    }

    #[track_caller]
    fn sees(&self, expected: &[Seen]) {
        for seen in expected {
            assert_eq!(self.seen.recv_timeout(20 * PATIENCE).as_ref(), Ok(seen));
        }
    }

    /// What happens until the end, and at it.
    fn quit(self) -> Vec<Seen> {
        drop(self.clipboard);
        self.seen.iter().collect()
    }
}

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
fn a_desktop_that_hangs_is_not_waited_for_and_what_it_takes_late_is_cleared_all_the_same() {
    let mut stage = Stage::closed(LONG, |_| {});
    assert!(matches!(stage.copy("token", true), Copied::ByTerminal(..)));
    stage.open();
    assert_eq!(stage.quit(), [Put, Looked, Looked, Emptied]);
}

#[test]
fn what_was_copied_before_a_wipe_arrives_nowhere_after_it() {
    let mut stage = Stage::closed(LONG, |_| {});
    // The desktop hangs with the first; the second waits behind it.
    stage.ask_for("token", true);
    stage.ask_for("another token", true);
    stage.begun.recv().unwrap();
    stage.clipboard.clear();
    stage.ask_for("an address", false);
    let arrived = stage.outcome();
    assert!(
        matches!(&arrived, Some(Copied::ByTerminal(text, _)) if text.expose() == "an address"),
        "{arrived:?}"
    );
    stage.open();
    // The first is on its way inside the desktop already, and taken off again; the address is left alone.
    let seen = stage.quit();
    assert_eq!(seen, [Put, Looked, Looked, Emptied, Put, Looked]);
}

#[test]
fn an_outcome_that_is_told_before_a_wipe_and_heard_after_it_is_none() {
    let mut stage = Stage::closed(LONG, |_| {});
    stage.ask_for("token", true);
    let told = stage.outcomes.blocking_recv().unwrap();
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
