//! Output to the terminal: each frame is one write, and nothing ever waits for a terminal that doesn't
//! read. Pending output delays only the next frame.

use std::{
    fs::File,
    io::{self, ErrorKind},
    sync::atomic::{AtomicU8, Ordering},
};

use zeroize::Zeroize;

use super::tty::Tty;

/// Enough for a full frame of a large screen, so that the buffer doesn't grow.
const FRAME_BYTES: usize = 256 * 1024;

/// Ends a truncated sequence: cancels it (CAN), and ends the text (ST) if that is part of it.
const CANCEL: &[u8] = b"\x18\x1b\\";

/// The same for a copy. Many terminals accept a cancelled one, which would copy the beginning of a token; with
/// a character that isn't base64 it is invalid. Outside of a text this is a character on the screen.
pub(super) const SPOIL: &[u8] = b"!\x18\x1b\\";

/// The state of the terminal, by what it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    No,
    /// In a frame, perhaps in the middle of a sequence.
    Frame,
    /// In the text of a sequence, that is, in a copy.
    Text,
}

impl Cut {
    /// The state after these bytes.
    fn after(taken: &[u8]) -> Cut {
        let last = |pair| taken.windows(2).rposition(|two| two == pair);
        // A text is between OSC and ST; frames have none.
        if last(b"\x1b]") > last(b"\x1b\\") { Cut::Text } else { Cut::Frame }
    }

    /// The bytes that end this state, so that the truncated part has no effect.
    pub(super) fn way_out(self) -> &'static [u8] {
        match self {
            Cut::No => b"",
            Cut::Frame => CANCEL,
            Cut::Text => SPOIL,
        }
    }
}

/// The same, visible to every thread.
pub(super) struct SharedCut(AtomicU8);

impl SharedCut {
    pub(super) const fn no() -> SharedCut {
        SharedCut(AtomicU8::new(Cut::No as u8))
    }

    pub(super) fn set(&self, cut: Cut) {
        self.0.store(cut as u8, Ordering::SeqCst);
    }

    pub(super) fn get(&self) -> Cut {
        let number = self.0.load(Ordering::SeqCst);
        [Cut::No, Cut::Frame].into_iter().find(|cut| *cut as u8 == number).unwrap_or(Cut::Text)
    }
}

/// Drawn output that the terminal hasn't taken yet.
pub(super) struct Out {
    bytes: Vec<u8>,
    sent: usize,
    cut: Cut,
    tty: Tty,
}

impl Out {
    pub(super) fn new(tty: Tty) -> Out {
        Out { bytes: Vec::with_capacity(FRAME_BYTES), sent: 0, cut: Cut::No, tty }
    }

    /// The bytes to send next.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the terminal has taken everything.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The state of the terminal.
    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    /// Sends as much as the terminal takes now.
    pub(super) fn send(&mut self) -> io::Result<()> {
        let outcome = self.send_what_fits();
        if self.sent == self.bytes.len() {
            self.forget();
            self.cut = Cut::No;
        } else if self.sent > 0 {
            self.cut = Cut::after(&self.bytes[..self.sent]);
        }
        // If nothing was taken, the state stays.
        outcome
    }

    fn send_what_fits(&mut self) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            match self.tty.take(&self.bytes[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Drops pending output; the next output first ends any truncated sequence.
    pub(super) fn start_over(&mut self, cut: Cut) {
        self.forget();
        self.cut = cut;
        self.add(cut.way_out());
    }

    /// Drops pending output and wipes it: a frame may show a secret.
    pub(super) fn forget(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
        self.sent = 0;
    }

    /// The terminal, to watch until it is ready.
    pub(super) fn watched(&self) -> io::Result<File> {
        self.tty.watched()
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    /// The clipboard of a terminal that accepts cancelled sequences as complete.
    #[derive(Default)]
    struct Copies(Vec<Vec<u8>>);

    impl vt100::Callbacks for Copies {
        fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
            self.0.push(data.to_vec());
        }
    }

    /// What such a terminal shows and copies.
    fn shown(bytes: &[u8]) -> (String, Vec<Vec<u8>>) {
        let mut parser = vt100::Parser::new_with_callbacks(
            4.try_into().unwrap(),
            40.try_into().unwrap(),
            0,
            Copies::default(),
        );
        parser.process(bytes);
        (parser.screen().contents(), parser.callbacks().0.clone())
    }

    /// A terminal that takes what it has room for, and the side that reads.
    fn terminal() -> (UnixStream, Out) {
        let (reads, writes) = UnixStream::pair().unwrap();
        writes.set_nonblocking(true).unwrap();
        (reads, Out::new(Tty::stand_in(OwnedFd::from(writes))))
    }

    fn copy(text: &[u8]) -> Vec<u8> {
        format!("\x1b]52;c;{}\x1b\\", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn a_copy_that_was_cut_anywhere_copies_nothing() {
        let whole = copy(b"a token");
        let end = whole.len() - b"\x1b\\".len();
        for at in 1..=end {
            let way_out = Cut::after(&whole[..at]).way_out();
            assert!(way_out.ends_with(b"\x18\x1b\\"), "it is cancelled before it is ended");
            let (screen, copies) = shown(&[&whole[..at], way_out, b"\x1b[2J\x1b[Hnext"].concat());
            assert_eq!((screen.as_str(), copies), ("next", vec![]), "cut after {at} bytes");
        }
        assert_eq!(shown(&whole).1.len(), 1, "whole, it does");
        assert_eq!(Cut::after(&[&whole, &b"a frame"[..]].concat()), Cut::Frame);
    }

    #[test]
    fn a_copy_that_is_given_up_on_a_terminal_that_does_not_read_copies_nothing() {
        let (mut reads, mut out) = terminal();
        out.add(&copy(&[b'x'; 1_000_000]));
        out.send().unwrap();
        assert_eq!(out.cut(), Cut::Text);
        out.start_over(out.cut());
        out.add(b"\x1b[2J\x1b[Hnext");
        let (mut all, mut buffer) = (Vec::new(), [0; 65_536]);
        while !out.is_empty() {
            let count = reads.read(&mut buffer).unwrap();
            all.extend_from_slice(&buffer[..count]);
            out.send().unwrap();
        }
        drop(out);
        while let Ok(count @ 1..) = reads.read(&mut buffer) {
            all.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(shown(&all), ("next".to_owned(), vec![]));
    }

    #[test]
    fn a_terminal_that_takes_nothing_more_stands_where_it_was_cut() {
        let (_reads, mut out) = terminal();
        out.add(&[b'x'; 1_000_000]);
        out.send().unwrap();
        assert_eq!(out.cut(), Cut::Frame);
        for _ in 0..2 {
            out.start_over(out.cut());
            out.add(b"a whole frame");
            out.send().unwrap();
            assert!(!out.is_empty(), "it has taken nothing of it");
            assert_eq!(out.cut(), Cut::Frame);
        }
    }
}
