//! The terminal: raw mode, alternate screen, bracketed paste, and restoring all of it however the
//! program ends. Every frame is one write.

#[cfg(not(unix))]
#[path = "terminal/console.rs"]
mod tty;
#[cfg(unix)]
mod tty;

pub mod decoder;
mod keys;
mod out;
mod sequences;

use std::{
    cell::RefCell,
    fs::File,
    io::{self, IsTerminal, Write},
    mem::ManuallyDrop,
    panic,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crossterm::{
    Command,
    clipboard::CopyToClipboard,
    cursor,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    queue,
    style::{Attribute, SetAttribute},
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};
use tokio::sync::{Notify, futures::Notified};

use ratatui::{Frame, Terminal, backend::CrosstermBackend, layout::Size};

pub(crate) use keys::{Sent, listen};
use out::{Cut, Out, SharedCut};
#[cfg(unix)]
pub(crate) use tty::has_input;
pub(crate) use tty::{in_foreground, stop};

/// Whether the terminal is ours and has to be restored.
static OURS: AtomicBool = AtomicBool::new(false);

/// Whether a frame is being written right now; a panic on another thread waits for it.
static WRITING: AtomicBool = AtomicBool::new(false);

/// Whether the terminal has received part of a frame or a copy, which may end in the middle of a sequence.
static CUT: SharedCut = SharedCut::no();

/// The terminal while it is ours.
pub(crate) struct Screen {
    /// Never dropped: ratatui's drop prints, and panics if the terminal is gone.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Ink>>>,
    out: Rc<RefCell<Out>>,
    /// Whether the contents of the terminal are unknown.
    stale: bool,
}

/// The writer for ratatui, which flushes after each step; here that does nothing: a frame is one write.
struct Ink(Rc<RefCell<Out>>);

impl Write for Ink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// There is no terminal, it can't do what is needed (by `TERM`), or it can't be configured.
    pub(crate) fn enter(term: Option<&str>) -> io::Result<Screen> {
        if let Some(why) = unfit(io::stdin().is_terminal(), io::stdout().is_terminal(), term) {
            return Err(io::Error::other(why));
        }
        let out = Rc::new(RefCell::new(Out::new(tty::Tty::stdout()?)));
        let terminal = Terminal::new(CrosstermBackend::new(Ink(out.clone())))?;
        let mut screen = Screen { terminal: ManuallyDrop::new(terminal), out, stale: false };
        screen.take()?;
        Ok(screen)
    }

    /// Its size in cells.
    pub(crate) fn size(&self) -> Size {
        self.terminal.size().unwrap_or(Size::new(80, 24))
    }

    /// Whether the terminal has taken everything drawn. Until then nothing more is drawn: a terminal that reads
    /// slowly gets fewer frames, not later ones.
    pub(crate) fn is_ready(&self) -> bool {
        self.out.borrow().is_empty()
    }

    /// Draws a frame, unless the terminal was restored already: one write, or as much of it as the terminal takes.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        if OURS.load(Ordering::SeqCst) {
            if std::mem::take(&mut self.stale) {
                let size = self.size();
                self.terminal.resize(size.into())?;
            }
            self.terminal.draw(draw)?;
            self.send()?;
        }
        Ok(())
    }

    /// The terminal was resized, if only for a moment: it may have wrapped or dropped its contents, so the next
    /// frame is a full one. ratatui checks the size at each frame and misses changes in between.
    pub(crate) fn resized(&mut self) {
        self.stale = true;
    }

    /// Sends pending output, or the part that the terminal takes now.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        let mut out = self.out.borrow_mut();
        WRITING.store(true, Ordering::SeqCst);
        let ours = OURS.load(Ordering::SeqCst);
        let sent = if ours {
            let sent = out.send();
            CUT.set(out.cut());
            sent
        } else {
            Ok(())
        };
        WRITING.store(false, Ordering::SeqCst);
        if !ours {
            out.forget();
        }
        sent
    }

    /// The terminal, to watch until it is ready.
    ///
    /// # Errors
    /// Too many files are open.
    pub(crate) fn watched(&self) -> io::Result<File> {
        self.out.borrow().watched()
    }

    /// Asks the terminal to put text on its clipboard (OSC 52). It doesn't confirm that.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut sequence = String::new();
        CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).map_err(io::Error::other)?;
        let sequence = zeroize::Zeroizing::new(sequence);
        self.out.borrow_mut().add(sequence.as_bytes());
        self.send()
    }

    /// Takes over the terminal, for the first time or after others used it and left it in any state. The
    /// next frame is a full one.
    ///
    /// # Errors
    /// The terminal can't be configured.
    pub(crate) fn take(&mut self) -> io::Result<()> {
        // If it was restored before, its settings now are those to restore later. After SIGSTOP it was
        // not, and the first settings are kept.
        terminal::disable_raw_mode()?;
        terminal::enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        self.start_over()?;
        self.send()
    }

    /// Wipes pending output, which may be a frame with a secret or a copy of one, and both frames
    /// that ratatui keeps. Without pending output the next frame does that.
    ///
    /// # Errors
    /// The terminal can't be configured.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        if self.is_ready() { Ok(()) } else { self.start_over() }
    }

    /// Drops pending output; the next frame is a full one.
    fn start_over(&mut self) -> io::Result<()> {
        let mut out = self.out.borrow_mut();
        // Restoring the terminal may have ended the sequence already.
        out.start_over(CUT.get());
        let mut bytes = Vec::new();
        queue!(
            bytes,
            SetAttribute(Attribute::Reset),
            EnterAlternateScreen,
            Clear(ClearType::All),
            EnableBracketedPaste,
            cursor::Hide
        )?;
        out.add(&bytes);
        // The alternate screen is empty, and so is the frame to compare with. ratatui's own clear asks the
        // terminal for its cursor, and the answer would go to the reader of the keys.
        self.terminal.swap_buffers();
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
        // Both frame buffers may show a secret, and so may pending output.
        self.terminal.current_buffer_mut().reset();
        self.terminal.swap_buffers();
        self.terminal.current_buffer_mut().reset();
        self.out.borrow_mut().forget();
    }
}

/// Why the explorer can't run here, if it can't. Without `TERM` the terminal is taken for one of today's.
fn unfit(stdin: bool, stdout: bool, term: Option<&str>) -> Option<String> {
    if !stdin || !stdout {
        let decode = if stdin { "" } else { ", and `impersona decode` reads a token from a pipe" };
        return Some(format!(
            "the explorer needs a terminal on stdin and stdout; subcommands don't (impersona --help){decode}"
        ));
    }
    let term = term.filter(|term| ["dumb", "unknown"].iter().any(|dumb| term.eq_ignore_ascii_case(dumb)))?;
    Some(format!(
        "the explorer needs a terminal that can place the cursor (TERM is {term}); subcommands work without one (impersona --help)"
    ))
}

/// Restores the terminal, once; can be called from anywhere, at any time, even if the terminal is gone or stuck.
pub(crate) fn restore() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    // Frames never block, so this ends at once; the bound is only a safeguard.
    for _ in 0..100 {
        if !WRITING.load(Ordering::SeqCst) {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let mut bytes = CUT.get().way_out().to_vec();
    // Errors of a terminal that is gone don't matter.
    let _ = queue!(
        bytes,
        SetAttribute(Attribute::Reset),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    if tty::tell(tty::of(&io::stdout()), &bytes).is_ok() {
        CUT.set(Cut::No);
    }
    // The process in the foreground has its own settings.
    if in_foreground() {
        let _ = terminal::disable_raw_mode();
    }
}

/// Prints a line after the terminal was restored, ignoring errors.
pub(crate) fn say(line: &str) {
    let line = format!("impersona: {}\n", crate::text::safe::safe_line(line));
    let _ = tty::tell(tty::of(&io::stderr()), line.as_bytes());
}

/// Wakes the loop after a panic on any thread: it doesn't notice those outside its own tasks.
static PANICKED: Notify = Notify::const_new();

/// Waits for a panic on any thread.
pub(crate) fn panicked() -> Notified<'static> {
    PANICKED.notified()
}

/// From now on, a panic anywhere restores the terminal first and then reports its place, in one line. The line
/// contains a place in the source and at most a fixed text: never data from run time.
pub(crate) fn restore_on_panic() {
    panic::set_hook(Box::new(|panic| {
        restore();
        PANICKED.notify_one();
        let place = panic
            .location()
            .map(|place| format!(" at {}:{}", place.file(), place.line()))
            .unwrap_or_default();
        let text = panic
            .payload()
            .downcast_ref::<&'static str>()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        let line = format!("impersona crashed (a bug){place}{text}; the terminal was restored\n");
        let _ = tty::tell(tty::of(&io::stderr()), line.as_bytes());
    }));
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::{fd::OwnedFd, unix::net::UnixDatagram};

    use ratatui::{TerminalOptions, Viewport, layout::Rect, style::Color};

    use super::*;

    #[test]
    fn a_terminal_that_cannot_place_the_cursor_is_refused() {
        for term in ["dumb", "DUMB", "unknown"] {
            let why = unfit(true, true, Some(term)).unwrap();
            assert!(why.contains("place the cursor") && why.contains(term), "{why}");
        }
        for term in [Some("xterm-256color"), Some("linux"), Some("vt100"), Some(""), None] {
            assert_eq!(unfit(true, true, term), None, "{term:?}");
        }
        assert!(
            unfit(false, true, None).unwrap().contains("impersona decode"),
            "a pipe into us may hold a token"
        );
        assert!(!unfit(true, false, None).unwrap().contains("impersona decode"));
    }

    #[test]
    fn every_frame_is_one_write() {
        // Each write is a message of its own.
        let (told, heard) = UnixDatagram::pair().unwrap();
        let out = Rc::new(RefCell::new(Out::new(tty::Tty::stand_in(OwnedFd::from(told)))));
        let viewport = Viewport::Fixed(Rect::new(0, 0, 200, 60));
        let mut terminal =
            Terminal::with_options(CrosstermBackend::new(Ink(out.clone())), TerminalOptions { viewport })
                .unwrap();
        heard.set_nonblocking(true).unwrap();
        for frame in 0..3_u8 {
            terminal
                .draw(|drawn| {
                    for (at, cell) in drawn.buffer_mut().content.iter_mut().enumerate() {
                        let colour = (at % 255) as u8 ^ frame;
                        cell.set_symbol("数").set_fg(Color::Indexed(colour));
                    }
                    drawn.set_cursor_position((1, 1));
                })
                .unwrap();
            out.borrow_mut().send().unwrap();
            assert!(out.borrow().is_empty(), "all of it is sent");
            let mut buffer = vec![0; 1024 * 1024];
            assert!(heard.recv(&mut buffer).unwrap() > 10_000, "a whole frame");
            assert!(heard.recv(&mut buffer).is_err(), "in one write");
        }
        // It is never dropped: that would print to the terminal of the test run.
        std::mem::forget(terminal);
    }
}
