//! The terminal's device, written without blocking, and its job control.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    process::Signal,
    termios::{self, QueueSelector},
};

use super::out::SPOIL;

/// A terminal that polls as ready takes this much without blocking: half of what POSIX guarantees for a pipe.
const PIECE: usize = 256;

/// How long restoring waits for a terminal that doesn't read.
const PATIENCE: Duration = Duration::from_millis(250);

/// A stream to write to without blocking.
pub(super) fn of<T: AsFd>(stream: &T) -> BorrowedFd<'_> {
    stream.as_fd()
}

/// The device behind stdout.
pub(super) struct Tty {
    file: File,
    /// Whether a write could block: the device couldn't be opened again, and stdout is shared, so it must
    /// not be made non-blocking. Then only pieces are written that it is sure to take.
    waits: bool,
}

impl Tty {
    /// The device behind stdout, opened once more.
    pub(super) fn stdout() -> io::Result<Tty> {
        let stdout = io::stdout();
        let anew = termios::ttyname(&stdout, Vec::new()).and_then(|path| {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty())
        });
        match anew {
            Ok(fd) => Ok(Tty { file: fd.into(), waits: false }),
            Err(_) => Tty::shared(stdout.as_fd()),
        }
    }

    /// Counts writes, for tests.
    #[cfg(test)]
    pub(super) fn stand_in(fd: std::os::fd::OwnedFd) -> Tty {
        Tty { file: fd.into(), waits: false }
    }

    fn shared(fd: BorrowedFd) -> io::Result<Tty> {
        Ok(Tty { file: fd.try_clone_to_owned()?.into(), waits: true })
    }

    /// Writes as much as the terminal takes now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.waits {
            return self.file.write(bytes);
        }
        if !has_room(self.file.as_fd(), Duration::ZERO) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.file.write(&bytes[..bytes.len().min(PIECE)])
    }

    pub(super) fn watched(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Whether a piece can be written within this time; true for a terminal that is gone, because it fails at once.
pub(super) fn has_room(fd: BorrowedFd, within: Duration) -> bool {
    is_ready(fd, PollFlags::OUT, Some(within))
}

/// Whether there is something to read now; true for a terminal that is gone.
pub(crate) fn has_input() -> bool {
    is_ready(io::stdin().as_fd(), PollFlags::IN, Some(Duration::ZERO))
}

/// Waits until there is something to read, or the terminal is gone. In the background a read would stop us even if there is
/// nothing to read.
pub(super) fn wait_for_input() {
    is_ready(io::stdin().as_fd(), PollFlags::IN, None);
}

fn is_ready(fd: BorrowedFd, what: PollFlags, within: Option<Duration>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, what)];
    let within = within.and_then(|within| Timespec::try_from(within).ok());
    loop {
        match poll(&mut fds, within.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            found => return found.is_ok_and(|count| count > 0),
        }
    }
}

/// Writes a few last words. If a terminal takes nothing for a while, its pending input is discarded to make
/// space for them; one that takes nothing even then doesn't get them.
pub(super) fn tell(fd: BorrowedFd, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::from(fd.try_clone_to_owned()?);
    let mut cleared = false;
    for piece in bytes.chunks(PIECE) {
        while !has_room(fd, PATIENCE) {
            if cleared || !in_foreground() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            termios::tcflush(fd, QueueSelector::OFlush)?;
            // What it has received may end anywhere, even in a copy.
            file.write_all(SPOIL)?;
            cleared = true;
        }
        file.write_all(piece)?;
    }
    Ok(())
}

/// Whether we are in the foreground. A background process must not change the terminal's settings: the system would
/// stop it.
pub(crate) fn in_foreground() -> bool {
    // Without an answer it is a terminal without job control.
    termios::tcgetpgrp(io::stdin()).map_or(true, |group| group == rustix::process::getpgrp())
}

/// Suspends us, or our whole job, until SIGCONT. Not by SIGSTOP: this
/// signal does nothing if no shell waits that could resume us.
pub(crate) fn stop(job: bool) -> io::Result<()> {
    match job {
        true => rustix::process::kill_current_process_group(Signal::TTOU)?,
        false => rustix::process::kill_process(rustix::process::getpid(), Signal::TTOU)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// A terminal: the side that reads, and the side that programs write to.
    fn pair() -> (File, File) {
        let master =
            rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let path = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut raw = termios::tcgetattr(&slave).unwrap();
        raw.make_raw();
        termios::tcsetattr(&slave, termios::OptionalActions::Now, &raw).unwrap();
        (master.into(), slave.into())
    }

    #[test]
    fn a_terminal_that_could_not_be_opened_anew_is_never_waited_for_either() {
        let (mut reads, slave) = pair();
        let mut tty = Tty::shared(slave.as_fd()).unwrap();
        let mut sent = 0;
        let full = loop {
            match tty.take(&[b'x'; 10_000]) {
                Ok(count) => sent += count,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let mut read = vec![0; sent];
        reads.read_exact(&mut read).unwrap();
        assert_eq!(read, vec![b'x'; sent], "nothing was lost");
        assert!(tty.take(b"y").is_ok());
    }

    #[test]
    fn last_words_reach_a_terminal_that_has_not_read_for_long() {
        let (mut reads, slave) = pair();
        let mut tty = Tty::shared(slave.as_fd()).unwrap();
        // The kernel moves on what it has for a moment: full is what has no room for as long as it will be waited for.
        while has_room(slave.as_fd(), PATIENCE) {
            while tty.take(&[b'x'; 10_000]).is_ok() {}
        }
        tell(slave.as_fd(), b"goodbye").unwrap();
        drop((tty, slave));
        let (mut all, mut buffer) = (Vec::new(), [0; 4_096]);
        while let Ok(count @ 1..) = reads.read(&mut buffer) {
            all.extend_from_slice(&buffer[..count]);
        }
        assert!(
            all.ends_with(b"x!\x18\x1b\\goodbye"),
            "{}",
            String::from_utf8_lossy(&all[all.len().saturating_sub(80)..])
        );
    }
}
