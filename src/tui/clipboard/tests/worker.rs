//! The worker alone: where a copy goes, and what is taken back.

use super::*;

/// A tmux that tells what is done with its buffer, and whether a copy was remembered as ours when it was put there.
#[derive(Default)]
struct FakeBuffer {
    refuses: bool,
    /// A wipe comes while it takes a copy.
    wiped: Option<Arc<AtomicU64>>,
    seen: std::cell::RefCell<Vec<String>>,
}

impl Buffer for FakeBuffer {
    fn put(&self, text: &Secret) -> bool {
        self.seen.borrow_mut().push(format!("put {}", text.expose()));
        if let Some(wipes) = &self.wiped {
            wipes.fetch_add(1, Ordering::SeqCst);
        }
        !self.refuses
    }

    fn delete(&self) {
        self.seen.borrow_mut().push("deleted".to_owned());
    }
}

/// A worker whose desktop has died, so that nothing is waited for.
fn worker(ssh: bool, tmux: bool) -> Worker<FakeBuffer> {
    let surroundings = Surroundings { ssh, tmux };
    let buffer = FakeBuffer::default();
    Worker { surroundings, stays: LONG, asks: mpsc::channel().0, buffer, ours: Ours::default() }
}

impl Worker<FakeBuffer> {
    /// What was done with tmux's buffer since this was last asked.
    fn seen(&self) -> Vec<String> {
        self.buffer.seen.take()
    }

    /// With a desktop that does so many things and none after them; what it is asked for comes back at the end.
    fn with_desktop(mut self, does: usize) -> (Self, thread::JoinHandle<Vec<&'static str>>) {
        let (asks, asked) = mpsc::channel::<(Ask, mpsc::Sender<bool>)>();
        self.asks = asks;
        let desktop = thread::spawn(move || {
            let answer = |(at, (ask, tell)): (usize, (Ask, mpsc::Sender<bool>))| {
                let _ = tell.send(at < does);
                match ask {
                    Ask::Copy(..) => "copy",
                    Ask::Clear(_) => "clear",
                }
            };
            asked.iter().enumerate().map(answer).collect()
        });
        (self, desktop)
    }
}

fn clip(text: &str, sensitive: bool) -> Clip {
    if sensitive { Clip::credential(Secret::new(text), text) } else { Clip::line(text, text) }
}

/// Where a copy is said to have gone.
fn place(copied: Option<Copied>) -> &'static str {
    match copied {
        None => "nowhere",
        Some(Copied::ByTerminal(..)) => "terminal",
        Some(Copied::Done(said)) if said.contains("tmux") => "tmux",
        Some(Copied::Done(_)) => "desktop",
    }
}

#[test]
fn copy_without_leave_goes_nowhere_and_is_not_remembered() {
    for (ssh, tmux) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut worker, desktop) = worker(ssh, tmux).with_desktop(0);
        worker.copy(&clip("before", true), &leave(Some(2)));
        let before = worker.ours.desktop.clone();
        worker.seen();
        assert!(worker.copy(&credential(), &leave(Some(1))).is_none());
        // Nor does it touch what is there.
        assert_eq!((worker.seen().len(), worker.ours.sensitive), (0, true));
        assert!(worker.ours.desktop == before);
        drop(worker);
        assert_eq!(desktop.join().unwrap().len(), usize::from(!ssh));
    }
}

#[test]
fn what_may_have_arrived_on_the_desktop_is_remembered_as_ours() {
    for ssh in [true, false] {
        for sensitive in [true, false] {
            let mut worker = worker(ssh, false);
            let copied = worker.copy(&clip("token", sensitive), &leave(None));
            assert!(matches!(copied, Some(Copied::ByTerminal(..))), "{copied:?}");
            let ours = worker.ours.desktop.as_ref().map(Secret::expose);
            assert_eq!(ours, (!ssh).then_some("token"));
            assert_eq!((worker.ours.sensitive, worker.ours.tmux), (sensitive, false));
            worker.clear();
            assert!(worker.ours.desktop.is_none() && !worker.ours.sensitive);
            assert_eq!(worker.seen(), [""; 0]);
        }
    }
}

#[test]
fn copy_goes_to_the_desktop_before_tmux_and_to_tmux_before_the_terminal() {
    for sensitive in [true, false] {
        for (ssh, tmux, does, refuses, wanted, put) in [
            (false, true, 1, false, "desktop", false),
            (false, false, 1, false, "desktop", false),
            (false, true, 0, false, "tmux", true),
            (true, true, 1, false, "tmux", true),
            (false, true, 0, true, "terminal", true),
            (true, true, 1, true, "terminal", true),
            (false, false, 0, false, "terminal", false),
            (true, false, 1, false, "terminal", false),
        ] {
            let (mut worker, desktop) = worker(ssh, tmux).with_desktop(does);
            worker.buffer.refuses = refuses;
            let copied = worker.copy(&clip("text", sensitive), &leave(None));
            if let Some(Copied::Done(said)) = &copied {
                assert!(said.contains("Copied text"), "{said}");
                assert_eq!(said.contains("60 s"), sensitive, "{said}");
            }
            assert_eq!(place(copied), wanted, "{ssh} {tmux} {does} {refuses}");
            assert_eq!(worker.seen(), ["put text"][..usize::from(put)]);
            // One that refused might have it anyway.
            assert_eq!(worker.ours.tmux, put);
            worker.clear();
            assert_eq!(worker.seen(), ["deleted"][..usize::from(put)]);
            worker.clear();
            assert_eq!(worker.seen(), [""; 0], "only once");
            drop(worker);
            let (copy, clear) = (["copy"].as_slice(), ["copy", "clear"].as_slice());
            assert_eq!(desktop.join().unwrap(), if ssh { &copy[..0] } else { clear });
        }
    }
}

#[test]
fn what_was_copied_before_is_deleted_only_where_it_was_one_of_ours_that_stayed() {
    // Whether the first is a credential; whether the desktop takes the second, and else whether tmux does.
    for (sensitive, desktop, refuses, wanted) in [
        (true, true, false, &["deleted"][..]),
        (true, false, true, &["put second", "deleted"]),
        // It took the place of the first.
        (true, false, false, &["put second"]),
        (false, true, false, &[]),
        (false, false, true, &["put second"]),
        (false, false, false, &["put second"]),
    ] {
        let mut first = worker(false, true);
        assert_eq!(place(first.copy(&clip("first", sensitive), &leave(None))), "tmux");
        assert_eq!(first.seen(), ["put first"]);
        let (mut worker, ended) = first.with_desktop(usize::from(desktop));
        worker.buffer.refuses = refuses;
        worker.copy(&clip("second", false), &leave(None));
        assert_eq!(worker.seen(), wanted, "{sensitive} {desktop} {refuses}");
        drop(worker);
        ended.join().unwrap();
    }
    // Nothing of tmux's is touched where nothing went there.
    let (mut worker, ended) = worker(false, true).with_desktop(1);
    worker.copy(&clip("first", true), &leave(None));
    worker.copy(&clip("second", true), &leave(None));
    assert_eq!(worker.seen(), ["put second"]);
    drop(worker);
    // The first may still be there, for the desktop did not take the second.
    assert_eq!(ended.join().unwrap(), ["copy", "copy", "clear"]);
}

#[test]
fn tmux_is_left_alone_when_it_refuses_and_held_nothing_of_ours() {
    let (mut worker, ended) = worker(false, true).with_desktop(1);
    worker.buffer.refuses = true;
    assert_eq!(place(worker.copy(&clip("first", true), &leave(None))), "desktop");
    assert_eq!(place(worker.copy(&clip("second", true), &leave(None))), "terminal");
    assert_eq!(worker.seen(), ["put second"]);
    drop(worker);
    assert_eq!(ended.join().unwrap(), ["copy", "copy", "clear"]);
}

#[test]
fn copy_that_is_wiped_while_it_is_on_its_way_is_taken_back_at_once() {
    let wipes = Arc::new(AtomicU64::new(2));
    let mut on_way = worker(true, true);
    on_way.buffer.wiped = Some(wipes.clone());
    let leave = Leave { wipes, before: Some(2) };
    assert!(on_way.copy(&credential(), &leave).is_none());
    assert_eq!(on_way.seen(), ["put token", "deleted"]);
    assert!(!on_way.ours.sensitive && !on_way.ours.tmux);
}

#[test]
fn copy_that_is_wiped_while_the_desktop_has_it_does_not_go_to_tmux() {
    let wipes = Arc::new(AtomicU64::new(2));
    let (asks, asked) = mpsc::channel::<(Ask, mpsc::Sender<bool>)>();
    let mut worker = Worker { asks, ..worker(false, true) };
    let during = wipes.clone();
    let desktop = thread::spawn(move || {
        let (ask, tell) = asked.recv().unwrap();
        during.fetch_add(1, Ordering::SeqCst);
        tell.send(false).unwrap();
        drop(ask);
    });
    assert!(worker.copy(&credential(), &Leave { wipes, before: Some(2) }).is_none());
    assert_eq!(worker.seen(), [""; 0]);
    desktop.join().unwrap();
}
