//! The clipboard, on a thread of its own because its calls block: the desktop's where there is one, tmux's buffer
//! inside tmux, else the terminal's by OSC 52. It says what really happened, and takes back what is ours.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use tokio::sync::mpsc::UnboundedSender;

use crate::{app::msg::Clip, env::Env, model::secret::Secret};

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

enum Job {
    Copy(Clip),
    Clear,
    Quit,
}

/// The way to the clipboard's thread.
pub struct Clipboard {
    jobs: mpsc::Sender<Job>,
    /// Closed when the thread has ended.
    ended: mpsc::Receiver<()>,
}

/// Facts about where the program runs that decide which clipboard is meant.
#[derive(Clone, Copy, Debug)]
struct Surroundings {
    ssh: bool,
    tmux: bool,
}

impl Clipboard {
    /// Starts the thread; outcomes go to `outcomes`. Nothing is opened before the first copy.
    pub fn start(env: &Env, outcomes: UnboundedSender<Copied>) -> Clipboard {
        let surroundings = Surroundings {
            ssh: env.get("SSH_CONNECTION").is_some() || env.get("SSH_TTY").is_some(),
            tmux: env.get("TMUX").is_some(),
        };
        let (jobs, queue) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let work = move || {
            let _ends: mpsc::Sender<()> = ends;
            Worker { surroundings, desktop: None, ours: None, sensitive: false }.run(&queue, &outcomes);
        };
        // Without the thread nothing is copied, and nothing false is said: its outcomes never come.
        let _ = thread::Builder::new().name("clipboard".into()).spawn(work);
        Clipboard { jobs, ended }
    }

    /// Copies; the outcome comes through the channel.
    pub fn copy(&self, clip: Clip) {
        // The thread ends only with us; a job that nobody takes is a copy that did not happen, and says nothing false.
        let _ = self.jobs.send(Job::Copy(clip));
    }

    /// Empties the clipboard, if what is on it is ours.
    pub fn clear(&self) {
        let _ = self.jobs.send(Job::Clear);
    }

    /// Takes back what is ours and ends the thread.
    pub fn quit(self) {
        let _ = self.jobs.send(Job::Quit);
        // A display or a tmux that hangs must not hold the shell back.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

/// Where the last copy went.
enum Ours {
    Desktop(Secret),
    Tmux,
}

struct Worker {
    surroundings: Surroundings,
    /// One connection for the program's life: on X11 what was copied is gone with it.
    desktop: Option<arboard::Clipboard>,
    ours: Option<Ours>,
    sensitive: bool,
}

impl Worker {
    fn run(mut self, queue: &mpsc::Receiver<Job>, outcomes: &UnboundedSender<Copied>) {
        loop {
            let job = if self.ours.is_some() && self.sensitive {
                queue.recv_timeout(STAYS)
            } else {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match job {
                Ok(Job::Copy(clip)) => {
                    let outcome = self.copy(&clip);
                    let _ = outcomes.send(outcome);
                }
                Ok(Job::Clear) | Err(RecvTimeoutError::Timeout) => self.clear(),
                Ok(Job::Quit) | Err(RecvTimeoutError::Disconnected) => {
                    if self.sensitive {
                        self.clear();
                    }
                    return;
                }
            }
        }
    }

    fn copy(&mut self, clip: &Clip) -> Copied {
        let what = &clip.what;
        let until = if clip.sensitive { "; cleared again in 60 s and on quitting" } else { "" };
        // What was copied before and can still be taken back is, or it would be forgotten about.
        if self.sensitive {
            self.clear();
        }
        self.sensitive = clip.sensitive;
        if !self.surroundings.ssh && self.give_to_desktop(clip) {
            self.ours = Some(Ours::Desktop(clip.text.clone()));
            return Copied::Done(format!("copied {what}{until}"));
        }
        if self.surroundings.tmux && give_to_tmux(&clip.text) {
            self.ours = Some(Ours::Tmux);
            return Copied::Done(format!(
                "copied {what} to tmux's buffer “{BUFFER}”, and to the terminal where tmux may{until}"
            ));
        }
        self.ours = None;
        Copied::ByTerminal(
            clip.text.clone(),
            format!(
                "sent {what} to the terminal's clipboard, which does not say whether it took it and cannot be cleared from here"
            ),
        )
    }

    fn give_to_desktop(&mut self, clip: &Clip) -> bool {
        if self.desktop.is_none() {
            self.desktop = arboard::Clipboard::new().ok();
        }
        let Some(desktop) = &mut self.desktop else { return false };
        let set = desktop.set();
        // Clipboard histories are asked not to keep credentials.
        #[cfg(target_os = "linux")]
        let set = if clip.sensitive { arboard::SetExtLinux::exclude_from_history(set) } else { set };
        #[cfg(target_os = "macos")]
        let set = if clip.sensitive { arboard::SetExtApple::exclude_from_history(set) } else { set };
        #[cfg(windows)]
        let set = if clip.sensitive { arboard::SetExtWindows::exclude_from_history(set) } else { set };
        let done = set.text(clip.text.expose()).is_ok();
        if !done {
            // A display that went away may come back.
            self.desktop = None;
        }
        done
    }

    fn clear(&mut self) {
        match self.ours.take() {
            Some(Ours::Desktop(text)) => {
                if let Some(desktop) = &mut self.desktop
                    && desktop
                        .get_text()
                        .is_ok_and(|now| zeroize::Zeroizing::new(now).as_str() == text.expose())
                {
                    // What cannot be cleared now is gone with us.
                    let _ = desktop.clear();
                }
            }
            Some(Ours::Tmux) => {
                let _ = tmux(&["delete-buffer", "-b", BUFFER]).spawn().map(finish);
            }
            None => {}
        }
    }
}

fn tmux(arguments: &[&str]) -> Command {
    let mut command = Command::new("tmux");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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
