//! A program on a terminal of its own: keys in, and the time until the screen is as it should be.

use std::{
    io::{Read, Write},
    num::NonZero,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::Outcome;

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
const COLS: NonZero<u16> = NonZero::new(120).unwrap();

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program, what it has written, and the screen that makes.
pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    bytes: mpsc::Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    /// Bytes so far.
    pub written: usize,
    /// Before the program was started.
    pub since: Instant,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// 120 by 40 cells.
    pub fn start(command: CommandBuilder) -> Outcome<Screen> {
        let pair =
            native_pty_system().openpty(PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 })?;
        let mut reader = pair.master.try_clone_reader()?;
        let keys = pair.master.take_writer()?;
        let (sender, bytes) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 65_536];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if sender.send((Instant::now(), chunk[..length].to_vec())).is_err() {
                    break;
                }
            }
        });
        let since = Instant::now();
        let child = pair.slave.spawn_command(command)?;
        let parser = vt100::Parser::new(ROWS, COLS, 0);
        Ok(Screen { child, keys, bytes, parser, written: 0, since, _master: pair.master })
    }

    /// The process.
    pub fn pid(&self) -> Outcome<u32> {
        self.child.process_id().ok_or_else(|| "the program has no number".into())
    }

    pub fn send(&mut self, keys: &str) -> Outcome<()> {
        self.keys.write_all(keys.as_bytes())?;
        Ok(self.keys.flush()?)
    }

    /// When the screen was first as it should be.
    pub fn wait(&mut self, is_right: impl Fn(&vt100::Screen) -> bool) -> Outcome<Instant> {
        let deadline = Instant::now() + PATIENCE;
        let mut at = Instant::now();
        while !is_right(self.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let (when, bytes) = self.bytes.recv_timeout(left).map_err(|_| {
                format!("this was never shown; the screen:\n{}", self.parser.screen().contents())
            })?;
            self.take(&bytes);
            at = when;
        }
        Ok(at)
    }

    /// Takes in what comes, until nothing comes for so long; ten times as long where something always does.
    pub fn settle(&mut self, quiet: Duration) {
        let end = Instant::now() + 10 * quiet;
        while Instant::now() < end
            && let Ok((_, bytes)) = self.bytes.recv_timeout(quiet)
        {
            self.take(&bytes);
        }
    }

    /// Takes in what comes in so much time.
    pub fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok((_, bytes)) = self.bytes.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.take(&bytes);
        }
    }

    /// The screen as it is.
    pub fn shown(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.written += bytes.len();
        self.parser.process(bytes);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a text is anywhere.
pub fn shows(text: &str) -> impl Fn(&vt100::Screen) -> bool + '_ {
    move |screen| screen.contents().contains(text)
}

/// The row in which the cursor of a list stands.
pub fn marked(screen: &vt100::Screen) -> Option<u16> {
    let rows = ROWS.get();
    (0..rows).find(|row| (0..4).any(|col| screen.cell(*row, col).is_some_and(|cell| cell.contents() == "▌")))
}
