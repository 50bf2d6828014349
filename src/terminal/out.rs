//! Frames on their way to the terminal: each goes out in one write, and nobody ever waits for a terminal that does not
//! read. What it has not taken yet holds back the next frame and nothing else.

use std::{
    fs::File,
    io::{self, ErrorKind},
};

use zeroize::Zeroize;

use super::tty::Tty;

/// A full frame of a large screen fits, so that it is not moved while it grows.
const FRAME_BYTES: usize = 256 * 1024;

/// Ends whatever sequence was cut short, even one that holds text (ST).
pub(super) const END_OF_STRING: &[u8] = b"\x1b\\";

/// What is drawn, until the terminal has taken it.
pub(super) struct Out {
    bytes: Vec<u8>,
    sent: usize,
    tty: Tty,
}

impl Out {
    pub(super) fn new(tty: Tty) -> Out {
        Out { bytes: Vec::with_capacity(FRAME_BYTES), sent: 0, tty }
    }

    /// What has to be sent next.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the terminal has taken everything.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the terminal has taken a part, which may end in the middle of a sequence.
    pub(super) fn is_cut(&self) -> bool {
        self.sent > 0
    }

    /// Sends as much as the terminal takes now.
    pub(super) fn send(&mut self) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            match self.tty.take(&self.bytes[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.forget();
        Ok(())
    }

    /// Gives up what was not sent, and wipes it: a frame may show a secret.
    pub(super) fn forget(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
        self.sent = 0;
    }

    /// The terminal, to be watched for room.
    pub(super) fn watched(&self) -> io::Result<File> {
        self.tty.watched()
    }
}
