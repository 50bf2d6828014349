//! The device of a terminal: one that reads slowly or not at all, and one that others use too.
#![allow(clippy::disallowed_types, reason = "the gate is between two threads, and nobody awaits")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    process::{Pid, WaitId, WaitIdOptions, waitid},
    termios::{Action, InputModes, LocalModes, OptionalActions, OutputModes, tcflow, tcgetattr, tcsetattr},
};

use super::Terminal;
use crate::support::eventually;

/// Unlimited.
const ALL: usize = 65_536;

/// How many bytes the terminal reads at a time; zero: not at all.
pub(super) struct Gate(AtomicUsize);

impl Default for Gate {
    fn default() -> Gate {
        Gate(AtomicUsize::new(ALL))
    }
}

impl Gate {
    /// Waits until reading is allowed; returns the most bytes to read.
    pub(super) fn pass(&self) -> usize {
        loop {
            match self.0.load(Ordering::SeqCst) {
                0 => std::thread::sleep(Duration::from_millis(5)),
                bytes => return bytes,
            }
        }
    }

    pub(super) fn open(&self) {
        self.set(ALL);
    }

    fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::SeqCst);
    }
}

/// Replaces U+FFFD by `¿`: vt100 shows nothing for it, but a terminal does.
#[derive(Default)]
pub(super) struct StandIns {
    /// A possible beginning of U+FFFD.
    held: Vec<u8>,
}

impl StandIns {
    pub(super) fn put(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(chunk);
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while let Some(first) = rest.first() {
            let length = match rest {
                [0xef, 0xbf, 0xbd, ..] => {
                    out.extend_from_slice("¿".as_bytes());
                    3
                }
                [0xef] | [0xef, 0xbf] => {
                    self.held = rest.to_vec();
                    break;
                }
                _ => {
                    out.push(*first);
                    1
                }
            };
            rest = &rest[length..];
        }
        out
    }
}

impl Terminal {
    /// Stops reading, after a read in progress.
    pub fn stop_reading(&self) {
        self.gate.set(0);
    }

    /// Reads so many bytes at a time from now on.
    pub fn read_slowly(&self, bytes: usize) {
        self.gate.set(bytes);
    }

    /// Reads everything from now on.
    pub fn read_on(&self) {
        self.gate.open();
    }

    /// Stops or resumes output, as ctrl-s and ctrl-q do.
    pub fn hold(&self, takes_nothing: bool) {
        tcflow(self.device(), if takes_nothing { Action::OOff } else { Action::OOn }).unwrap();
    }

    /// Gives the program time to read what was typed, and some more until the next key; not for ever, for it may be
    /// suspended.
    pub fn is_read(&self) {
        let device = self.device();
        for _ in 0..100 {
            if rustix::io::ioctl_fionread(&device).is_ok_and(|unread| unread == 0) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    /// Whether it takes no more output.
    pub fn is_full(&self) -> bool {
        let device = self.device();
        let mut fds = [PollFd::new(&device, PollFlags::OUT)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 0
    }

    /// Lets another process reset it and its contents.
    pub fn is_reset(&mut self) {
        let device = self.device();
        let mut cooked = tcgetattr(&device).unwrap();
        cooked.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        cooked.input_modes |= InputModes::ICRNL | InputModes::IXON | InputModes::BRKINT;
        cooked.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        tcsetattr(&device, OptionalActions::Now, &cooked).unwrap();
        rustix::io::write(&device, b"\x1bcsomebody else was here").unwrap();
        self.wait_for("somebody else was here");
    }

    fn device(&self) -> std::fs::File {
        let path = self.master.as_ref().unwrap().tty_name().unwrap();
        rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap().into()
    }

    /// Waits until the program is suspended.
    pub fn is_stopped(&self) {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        let seen = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        eventually("the program is stopped", || waitid(WaitId::Pid(pid), seen).unwrap());
    }

    /// The processor time of the program, in hundredths of a second.
    #[cfg(target_os = "linux")]
    pub fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // The program's name may contain anything; after it come numbers.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}
