//! The terminal itself: raw mode, alternate screen, bracketed paste, and giving all of it back however the
//! program ends. Every frame is one write.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    mem::ManuallyDrop,
    panic,
    sync::atomic::{AtomicBool, Ordering},
};

use crossterm::{
    Command,
    clipboard::CopyToClipboard,
    cursor,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
};
use tokio::sync::{Notify, futures::Notified};

use ratatui::{Frame, Terminal, backend::CrosstermBackend, layout::Size};

/// A full frame of a large screen fits, so that it goes out in one write.
const FRAME_BYTES: usize = 256 * 1024;

/// Whether the terminal is ours and has to be given back.
static OURS: AtomicBool = AtomicBool::new(false);

type Out = BufWriter<File>;

/// The terminal while it is ours.
pub struct Screen {
    /// Never dropped: ratatui's own drop prints where there may be nobody to print to, and panics then.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Out>>>,
}

/// stdout as a file: the standard library's own buffer is smaller than a frame and splits it at line ends.
fn stdout() -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        io::stdout().as_fd().try_clone_to_owned().map(File::from)
    }
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle;
        io::stdout().as_handle().try_clone_to_owned().map(File::from)
    }
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is no terminal, or it does not do as it is told.
    pub fn enter() -> io::Result<Screen> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            let text = "the explorer needs a terminal on stdin and stdout; subcommands do without (impersona --help)";
            return Err(io::Error::other(text));
        }
        take()?;
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, stdout()?)));
        terminal.map(|terminal| Screen { terminal: ManuallyDrop::new(terminal) }).inspect_err(|_| restore())
    }

    /// Its size in cells.
    pub fn size(&self) -> Size {
        self.terminal.size().unwrap_or(Size::new(80, 24))
    }

    /// Draws a frame, unless the terminal was given back already.
    ///
    /// # Errors
    /// The terminal has gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        if OURS.load(Ordering::SeqCst) {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }

    /// Asks the terminal to put text on its clipboard (OSC 52). It does not say whether it did.
    ///
    /// # Errors
    /// The terminal has gone.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut sequence = String::new();
        CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).map_err(io::Error::other)?;
        let sequence = zeroize::Zeroizing::new(sequence);
        let out = self.terminal.backend_mut();
        out.write_all(sequence.as_bytes())?;
        Write::flush(out)
    }

    /// Gives the terminal back, stops the program, and takes the terminal again when it goes on.
    ///
    /// # Errors
    /// The terminal does not do as it is told.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        #[cfg(unix)]
        // SIGTSTP is ours to hear, see the loop; SIGSTOP is what stops.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        take()?;
        // The alternate screen is empty again: so is what the next frame is compared with. ratatui's own clear asks
        // the terminal where its cursor is, and the answer would go to whoever reads the keys.
        self.terminal.swap_buffers();
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
        // Both frame buffers may show a secret.
        self.terminal.current_buffer_mut().reset();
        self.terminal.swap_buffers();
        self.terminal.current_buffer_mut().reset();
    }
}

fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    OURS.store(true, Ordering::SeqCst);
    let taken =
        stdout().and_then(|mut out| execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide));
    taken.inspect_err(|_| restore())
}

/// Gives the terminal back, once; may be called from anywhere, at any time, with the terminal gone.
pub fn restore() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    // Into memory first: one write, and a terminal that has gone is nobody's problem any more.
    let _ = queue!(bytes, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = stdout().and_then(|mut out| out.write_all(&bytes));
    let _ = terminal::disable_raw_mode();
}

/// Says a line after the terminal was given back; nobody minds when there is nobody to hear it.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "impersona: {}", crate::widgets::safe::safe_line(line));
}

/// Tells when the terminal has gone. Without a signal nobody else does: crossterm reads nothing from it, again and
/// again, for ever. The thread waits for nothing but the hang-up and ends with the process.
pub fn gone() -> tokio::sync::oneshot::Receiver<()> {
    let (tell, heard) = tokio::sync::oneshot::channel();
    #[cfg(unix)]
    let _ = std::thread::Builder::new().name("hang-up".into()).spawn(move || {
        use rustix::event::{PollFd, PollFlags, poll};
        let stdin = io::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::empty())];
        while poll(&mut fds, None) == Err(rustix::io::Errno::INTR) {}
        if fds[0].revents().contains(PollFlags::HUP) {
            let _ = tell.send(());
        }
    });
    #[cfg(not(unix))]
    drop(tell);
    heard
}

/// Wakes the loop after a panic on any thread: those that are not its own tasks would go unheard.
static PANICKED: Notify = Notify::const_new();

/// Waits for a panic on any thread.
pub fn panicked() -> Notified<'static> {
    PANICKED.notified()
}

/// From now on a panic anywhere gives the terminal back first and then says where it was, in one line. What it
/// says is a place in the source and at most a fixed text of ours: nothing that was held at run time.
pub fn restore_on_panic() {
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
        let _ = writeln!(
            io::stderr(),
            "impersona stopped by a bug of its own{place}{text}; the terminal is as it was"
        );
    }));
}
