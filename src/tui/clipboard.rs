//! The clipboard: the desktop's if there is one, tmux's buffer inside tmux, else the terminal's by OSC 52. It reports
//! what really happened, and clears its copies later. Two threads, because all of these block: one decides and keeps
//! the time, the other talks to the desktop and may hang with it.

mod tmux;

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::sync::mpsc::UnboundedSender;

use crate::{local::env::Env, model::secret::Secret, tui::app::clip::Clip};

/// How long a credential stays on a clipboard that can be cleared.
const STAYS: Duration = Duration::from_secs(60);

/// How long a clipboard may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The name of our buffer in tmux.
const BUFFER: &str = "impersona";

/// The outcome of a copy.
#[derive(Debug)]
pub(crate) enum Copied {
    /// It was copied: a sentence.
    Done(String),
    /// Only the terminal can take it: to be written between two frames, then this sentence.
    ByTerminal(Secret, String),
}

/// The outcome of a copy, while its permit is valid.
#[derive(Debug)]
pub(crate) struct Outcome {
    copied: Copied,
    leave: Leave,
}

impl Outcome {
    /// The outcome, unless everything was wiped since the copy was requested.
    pub(crate) fn since_no_wipe(self) -> Option<Copied> {
        self.leave.stands().then_some(self.copied)
    }
}

/// The permit of a copy. A wipe revokes it for every credential in transit, wherever it is: none may
/// arrive after the user was told that it is gone.
#[derive(Clone, Debug)]
struct Leave {
    wipes: Arc<AtomicU64>,
    /// The number of wipes so far; none for text that isn't a credential, which wipes don't affect.
    before: Option<u64>,
}

impl Leave {
    fn stands(&self) -> bool {
        self.before.is_none_or(|before| before == self.wipes.load(Ordering::SeqCst))
    }
}

enum Job {
    Copy(Clip, Leave),
    Clear,
    Quit,
}

/// The handle of the clipboard's threads. Dropping it clears our copies, after a panic too.
pub(crate) struct Clipboard {
    /// Starts the threads at the first copy.
    idle: Option<Box<dyn FnOnce() + Send>>,
    jobs: mpsc::Sender<Job>,
    /// How often everything was wiped.
    wipes: Arc<AtomicU64>,
    /// Closes when both threads have ended.
    ended: mpsc::Receiver<()>,
}

/// Facts about the environment that decide which clipboard to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Surroundings {
    ssh: bool,
    tmux: bool,
}

impl Surroundings {
    fn of(env: &Env) -> Surroundings {
        Surroundings {
            ssh: env.get("SSH_CONNECTION").is_some() || env.get("SSH_TTY").is_some(),
            tmux: env.get("TMUX").is_some(),
        }
    }
}

impl Clipboard {
    /// Outcomes go to `outcomes`. Nothing is started or opened before the first copy.
    pub(crate) fn new(env: &Env, outcomes: UnboundedSender<Outcome>) -> Clipboard {
        Clipboard::with(Surroundings::of(env), STAYS, Native::default(), outcomes)
    }

    fn with(
        surroundings: Surroundings,
        stays: Duration,
        desktop: impl Desktop + Send + 'static,
        outcomes: UnboundedSender<Outcome>,
    ) -> Clipboard {
        let (jobs, queue) = mpsc::channel();
        let (ends, ended) = mpsc::channel::<()>();
        let start = move || {
            let (asks, asked) = mpsc::channel();
            let worker = Worker { surroundings, stays, asks, buffer: tmux::Tmux, ours: Ours::default() };
            let worker_ends = ends.clone();
            // Without the thread nothing is copied, and nothing false is reported.
            let _ = thread::Builder::new().name("clipboard".into()).spawn(move || {
                let _ends = worker_ends;
                worker.run(&queue, &outcomes);
            });
            let _ = thread::Builder::new().name("desktop".into()).spawn(move || {
                let _ends = ends;
                serve(desktop, &asked);
            });
        };
        Clipboard { idle: Some(Box::new(start)), jobs, wipes: Arc::default(), ended }
    }

    /// Copies; the outcome goes to the channel.
    pub(crate) fn copy(&mut self, clip: Clip) {
        if let Some(start) = self.idle.take() {
            start();
        }
        let before = clip.is_sensitive().then(|| self.wipes.load(Ordering::SeqCst));
        let leave = Leave { wipes: self.wipes.clone(), before };
        // The thread ends only with us; a job that isn't taken is a copy that didn't happen and reports nothing.
        let _ = self.jobs.send(Job::Copy(clip, leave));
    }

    /// Revokes the permits of all credentials copied before.
    pub(crate) fn forget(&self) {
        self.wipes.fetch_add(1, Ordering::SeqCst);
    }

    /// Clears the clipboard, if its content is ours, and revokes the permits of copies before.
    pub(crate) fn clear(&self) {
        self.forget();
        let _ = self.jobs.send(Job::Clear);
    }
}

impl Drop for Clipboard {
    fn drop(&mut self) {
        // If nothing was ever copied, there is nothing to wait for: this closes the channel.
        self.idle = None;
        let _ = self.jobs.send(Job::Quit);
        // A hanging display or tmux must not delay the shell.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

/// Where the last copy may be. One that timed out may have arrived anyway.
#[derive(Default)]
struct Ours {
    desktop: Option<Secret>,
    tmux: bool,
    sensitive: bool,
}

/// Decides where a copy goes and when it is taken back.
struct Worker<B> {
    surroundings: Surroundings,
    stays: Duration,
    asks: mpsc::Sender<(Ask, mpsc::Sender<bool>)>,
    buffer: B,
    ours: Ours,
}

impl<B: Buffer> Worker<B> {
    fn run(mut self, queue: &mpsc::Receiver<Job>, outcomes: &UnboundedSender<Outcome>) {
        loop {
            let job = if self.ours.sensitive {
                queue.recv_timeout(self.stays)
            } else {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match job {
                Ok(Job::Copy(clip, leave)) => {
                    if let Some(copied) = self.copy(&clip, &leave) {
                        let _ = outcomes.send(Outcome { copied, leave });
                    }
                }
                Ok(Job::Clear) | Err(RecvTimeoutError::Timeout) => self.clear(),
                Ok(Job::Quit) | Err(RecvTimeoutError::Disconnected) => {
                    if self.ours.sensitive {
                        self.clear();
                    }
                    return;
                }
            }
        }
    }

    /// Reports the outcome, unless it was wiped meanwhile.
    fn copy(&mut self, clip: &Clip, leave: &Leave) -> Option<Copied> {
        if !leave.stands() {
            return None;
        }
        let desktop = !self.surroundings.ssh && self.ask(Ask::Copy(clip.clone(), leave.clone()));
        let tmux = !desktop && self.surroundings.tmux && leave.stands();
        let in_tmux = tmux && self.buffer.put(clip.content());
        let text = (!self.surroundings.ssh).then(|| clip.content().clone());
        let before =
            mem::replace(&mut self.ours, Ours { desktop: text, tmux, sensitive: clip.is_sensitive() });
        // An earlier copy that this one hasn't replaced is cleared now, or it would be forgotten.
        if before.sensitive {
            self.take_back(Ours {
                desktop: before.desktop.filter(|_| !desktop),
                tmux: before.tmux && !in_tmux,
                ..before
            });
        }
        if !leave.stands() {
            // Clears what has arrived already or arrives late.
            self.clear();
            return None;
        }
        let what = clip.what();
        let clears = "in 60 s and on quit";
        Some(match (desktop, in_tmux, clip.is_sensitive()) {
            (true, _, true) => Copied::Done(format!("Copied {what} (clears {clears})")),
            (true, _, false) => Copied::Done(format!("Copied {what}")),
            (_, true, true) => Copied::Done(format!(
                "Copied {what} to tmux buffer “{BUFFER}” (deleted {clears}); a copy that tmux passes to the terminal stays"
            )),
            (_, true, false) => Copied::Done(format!(
                "Copied {what} to tmux buffer “{BUFFER}” (and to the terminal clipboard, if tmux allows it)"
            )),
            _ => Copied::ByTerminal(
                clip.content().clone(),
                format!("Sent {what} to the terminal clipboard (OSC 52): can't confirm or clear it"),
            ),
        })
    }

    fn clear(&mut self) {
        let ours = mem::take(&mut self.ours);
        self.take_back(ours);
    }

    fn take_back(&self, ours: Ours) {
        if let Some(text) = ours.desktop {
            // What can't be cleared now disappears when we end.
            self.ask(Ask::Clear(text));
        }
        if ours.tmux {
            self.buffer.delete();
        }
    }

    /// Whether the desktop did it in time. It works in order, so that a late copy is still
    /// cleared later.
    fn ask(&self, ask: Ask) -> bool {
        let (tell, told) = mpsc::channel();
        self.asks.send((ask, tell)).is_ok() && told.recv_timeout(PATIENCE).unwrap_or(false)
    }
}

/// A request to the desktop.
enum Ask {
    Copy(Clip, Leave),
    /// To clear its clipboard, if this is its content.
    Clear(Secret),
}

/// Serves requests one after the other. The display may hang, and so may the program that owns the clipboard.
fn serve(mut desktop: impl Desktop, asked: &mpsc::Receiver<(Ask, mpsc::Sender<bool>)>) {
    for (ask, tell) in asked {
        let done = match ask {
            // Read it back, because a display accepts data silently even when it hangs.
            Ask::Copy(clip, leave) => leave.stands() && desktop.put(&clip) && desktop.holds(clip.content()),
            Ask::Clear(text) => desktop.holds(&text) && desktop.empty(),
        };
        // The requester may have stopped waiting.
        let _ = tell.send(done);
    }
}

/// The buffer of our name in tmux; it takes its time, but not for ever.
trait Buffer {
    /// Puts something into it; says whether that went well.
    fn put(&self, text: &Secret) -> bool;
    fn delete(&self);
}

/// A clipboard of a desktop; all of it may block.
trait Desktop {
    /// Sets its content; returns whether that worked.
    fn put(&mut self, clip: &Clip) -> bool;
    /// Whether this is its content.
    fn holds(&mut self, text: &Secret) -> bool;
    /// Clears it; returns whether that worked.
    fn empty(&mut self) -> bool;
}

/// The real one. One connection for the whole run: on X11 the content is lost with it.
#[derive(Default)]
struct Native(Option<arboard::Clipboard>);

impl Desktop for Native {
    fn put(&mut self, clip: &Clip) -> bool {
        if self.0.is_none() {
            self.0 = arboard::Clipboard::new().ok();
        }
        let Some(desktop) = &mut self.0 else { return false };
        let set = desktop.set();
        // Ask clipboard histories not to keep credentials.
        #[cfg(target_os = "linux")]
        let set = if clip.is_sensitive() { arboard::SetExtLinux::exclude_from_history(set) } else { set };
        #[cfg(target_os = "macos")]
        let set = if clip.is_sensitive() { arboard::SetExtApple::exclude_from_history(set) } else { set };
        #[cfg(windows)]
        let set = if clip.is_sensitive() { arboard::SetExtWindows::exclude_from_history(set) } else { set };
        let done = set.text(clip.content().expose()).is_ok();
        if !done {
            // A lost display may come back.
            self.0 = None;
        }
        done
    }

    fn holds(&mut self, text: &Secret) -> bool {
        let now = self.0.as_mut().and_then(|desktop| desktop.get_text().ok());
        now.is_some_and(|now| zeroize::Zeroizing::new(now).as_str() == text.expose())
    }

    fn empty(&mut self) -> bool {
        self.0.as_mut().is_some_and(|desktop| desktop.clear().is_ok())
    }
}

#[cfg(test)]
mod tests;
