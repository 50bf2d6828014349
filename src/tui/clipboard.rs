//! The clipboard: the desktop's where there is one, tmux's buffer inside tmux, else the terminal's by OSC 52. It says
//! what really happened, and takes back what is ours. Two threads, because all of these block: one decides and keeps
//! the time, the other asks the desktop and may hang with it.

use std::{
    io::Write,
    mem,
    process::{Child, Command, Stdio},
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

/// What became of a copy.
#[derive(Debug)]
pub enum Copied {
    /// It is there: a sentence.
    Done(String),
    /// Only the terminal itself can take it: to be written between two frames, then this sentence.
    ByTerminal(Secret, String),
}

/// What became of a copy, as long as it may still arrive.
#[derive(Debug)]
pub struct Outcome {
    copied: Copied,
    leave: Leave,
}

impl Outcome {
    /// What became of the copy, unless everything was wiped since it was asked for.
    pub fn since_no_wipe(self) -> Option<Copied> {
        self.leave.stands().then_some(self.copied)
    }
}

/// The leave to copy. A wipe takes it back from every credential on its way, wherever that has got to: it is not to
/// arrive after it was said to be gone.
#[derive(Clone, Debug)]
struct Leave {
    wipes: Arc<AtomicU64>,
    /// How many wipes there had been; without a number the text is no credential, and no wipe is meant for it.
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

/// The way to the clipboard's threads. Dropping it takes back what is ours, after a panic too.
pub struct Clipboard {
    /// Starts the threads, until the first copy has.
    idle: Option<Box<dyn FnOnce() + Send>>,
    jobs: mpsc::Sender<Job>,
    /// How often everything was wiped.
    wipes: Arc<AtomicU64>,
    /// Closed when both threads have ended.
    ended: mpsc::Receiver<()>,
}

/// Facts about where the program runs that decide which clipboard is meant.
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
    pub fn new(env: &Env, outcomes: UnboundedSender<Outcome>) -> Clipboard {
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
            let worker = Worker { surroundings, stays, asks, ours: Ours::default() };
            let worker_ends = ends.clone();
            // Without a thread nothing is copied by it, and nothing false is said.
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

    /// Copies; the outcome comes through the channel.
    pub fn copy(&mut self, clip: Clip) {
        if let Some(start) = self.idle.take() {
            start();
        }
        let before = clip.is_sensitive().then(|| self.wipes.load(Ordering::SeqCst));
        let leave = Leave { wipes: self.wipes.clone(), before };
        // The thread ends only with us; a job that nobody takes is a copy that did not happen, and says nothing false.
        let _ = self.jobs.send(Job::Copy(clip, leave));
    }

    /// From now on no credential arrives anywhere that was copied before.
    pub fn forget(&self) {
        self.wipes.fetch_add(1, Ordering::SeqCst);
    }

    /// Empties the clipboard, if what is on it is ours, and lets nothing arrive there that was copied before.
    pub fn clear(&self) {
        self.forget();
        let _ = self.jobs.send(Job::Clear);
    }
}

impl Drop for Clipboard {
    fn drop(&mut self) {
        // Where nothing was ever copied, nobody is waited for: this closes the channel.
        self.idle = None;
        let _ = self.jobs.send(Job::Quit);
        // A display or a tmux that hangs must not hold the shell back.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

/// Where the last copy may be. One that took too long may have arrived all the same.
#[derive(Default)]
struct Ours {
    desktop: Option<Secret>,
    tmux: bool,
    sensitive: bool,
}

/// Decides where a copy goes and when it is taken back.
struct Worker {
    surroundings: Surroundings,
    stays: Duration,
    asks: mpsc::Sender<(Ask, mpsc::Sender<bool>)>,
    ours: Ours,
}

impl Worker {
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

    /// Says what became of it, unless it was wiped meanwhile.
    fn copy(&mut self, clip: &Clip, leave: &Leave) -> Option<Copied> {
        if !leave.stands() {
            return None;
        }
        let desktop = !self.surroundings.ssh && self.ask(Ask::Copy(clip.clone(), leave.clone()));
        let tmux = !desktop && self.surroundings.tmux && leave.stands();
        let in_tmux = tmux && give_to_tmux(clip.content());
        let text = (!self.surroundings.ssh).then(|| clip.content().clone());
        let before =
            mem::replace(&mut self.ours, Ours { desktop: text, tmux, sensitive: clip.is_sensitive() });
        // What was copied before is taken back where this copy has not replaced it, or it would be forgotten about.
        if before.sensitive {
            self.take_back(Ours {
                desktop: before.desktop.filter(|_| !desktop),
                tmux: before.tmux && !in_tmux,
                ..before
            });
        }
        if !leave.stands() {
            // What is there already, or comes late, goes with the rest.
            self.clear();
            return None;
        }
        let what = clip.what();
        let clears = "in 60 s and on quit";
        Some(match (desktop, in_tmux, clip.is_sensitive()) {
            (true, _, true) => Copied::Done(format!("Copied {what} (clears {clears})")),
            (true, _, false) => Copied::Done(format!("Copied {what}")),
            (_, true, true) => Copied::Done(format!(
                "Copied {what} to tmux's buffer “{BUFFER}” (deleted {clears}); a copy that tmux passes to the terminal stays"
            )),
            (_, true, false) => Copied::Done(format!(
                "Copied {what} to tmux's buffer “{BUFFER}”, and to the terminal if tmux allows it"
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
            // What cannot be cleared now is gone with us.
            self.ask(Ask::Clear(text));
        }
        if ours.tmux {
            let _ = tmux(&["delete-buffer", "-b", BUFFER]).spawn().map(finish);
        }
    }

    /// Whether the desktop did it in time. It does everything in order, so that a copy that comes late is still
    /// cleared later.
    fn ask(&self, ask: Ask) -> bool {
        let (tell, told) = mpsc::channel();
        self.asks.send((ask, tell)).is_ok() && told.recv_timeout(PATIENCE).unwrap_or(false)
    }
}

/// What the desktop is asked for.
enum Ask {
    Copy(Clip, Leave),
    /// To empty its clipboard, if this is on it.
    Clear(Secret),
}

/// Asks the desktop one thing after the other. Its display may hang, and so may the program that owns the clipboard.
fn serve(mut desktop: impl Desktop, asked: &mpsc::Receiver<(Ask, mpsc::Sender<bool>)>) {
    for (ask, tell) in asked {
        let done = match ask {
            // Read back, for a display takes what it is sent without a word, even when it hangs.
            Ask::Copy(clip, leave) => leave.stands() && desktop.put(&clip) && desktop.holds(clip.content()),
            Ask::Clear(text) => desktop.holds(&text) && desktop.empty(),
        };
        // Whoever asked may have stopped waiting.
        let _ = tell.send(done);
    }
}

/// A clipboard of a desktop; all of it may block.
trait Desktop {
    /// Puts something on it; says whether that went well.
    fn put(&mut self, clip: &Clip) -> bool;
    /// Whether this is on it.
    fn holds(&mut self, text: &Secret) -> bool;
    /// Takes off whatever is on it; says whether that went well.
    fn empty(&mut self) -> bool;
}

/// The real one. One connection for the program's life: on X11 what was copied is gone with it.
#[derive(Default)]
struct Native(Option<arboard::Clipboard>);

impl Desktop for Native {
    fn put(&mut self, clip: &Clip) -> bool {
        if self.0.is_none() {
            self.0 = arboard::Clipboard::new().ok();
        }
        let Some(desktop) = &mut self.0 else { return false };
        let set = desktop.set();
        // Clipboard histories are asked not to keep credentials.
        #[cfg(target_os = "linux")]
        let set = if clip.is_sensitive() { arboard::SetExtLinux::exclude_from_history(set) } else { set };
        #[cfg(target_os = "macos")]
        let set = if clip.is_sensitive() { arboard::SetExtApple::exclude_from_history(set) } else { set };
        #[cfg(windows)]
        let set = if clip.is_sensitive() { arboard::SetExtWindows::exclude_from_history(set) } else { set };
        let done = set.text(clip.content().expose()).is_ok();
        if !done {
            // A display that went away may come back.
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

fn tmux(arguments: &[&str]) -> Command {
    let mut command = Command::new("tmux");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // tmux tells its server all variables that it has.
    command.env_remove("CLOUDSDK_AUTH_ACCESS_TOKEN");
    command
}

/// Waits for a command, not for ever; says whether it did well.
fn finish(mut child: Child) -> bool {
    const STEP: Duration = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(STEP),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Hands text to tmux by stdin, never as an argument; `-w` lets tmux pass it on to the outer terminal.
fn give_to_tmux(text: &Secret) -> bool {
    let child = tmux(&["load-buffer", "-w", "-b", BUFFER, "-"]).stdin(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return false };
    let written =
        child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.expose().as_bytes()).is_ok());
    finish(child) && written
}

#[cfg(test)]
mod tests;
