//! What the terminal sends, as a machine of bytes and time: it reads nothing and has no clock. Its rules:
//!
//! - **A sequence may come in pieces.** The next piece has to come within [`SEQUENCE`], after a single ESC within [`ESCAPE`]:
//!   without one, that was the key. A sequence that isn't finished in time presses no key, and a control character ends it.
//! - **Answers press no key**: what a program before us asked the terminal, the mouse, the focus.
//! - **A bracketed paste** ends with its mark, or after a silence ([`PASTE`]). If there is ctrl-c in a paste that ended without its
//!   mark, that is the key; what follows it is dropped.
//! - **A burst** is a paste without brackets: at least [`BURST`] characters, each of which came within [`RUSH`] of the one before,
//!   which is faster than anyone types. Line breaks belong to it, and so do tabs, except after a few characters only; any other
//!   key ends it, or a silence ([`PAUSE`]). Up to two different keys, however many, are keys that someone holds down. Characters
//!   that come together but are fewer are keys, once nothing follows within [`RUSH`]. One character is a key at once; if more
//!   rush in after it, they make the burst without it.
//! - **Characters in front of the mark that ends a bracketed paste** are the rest of one that was cut by a silence.

use std::{collections::VecDeque, mem, str, time::Duration};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::sequences;

/// How long after ESC the rest of a sequence may come.
pub const ESCAPE: Duration = Duration::from_millis(50);

/// How long the next byte of a sequence or character may take.
pub const SEQUENCE: Duration = Duration::from_millis(100);

/// How long a sequence may take altogether.
pub const LONGEST: Duration = Duration::from_secs(3);

/// The silence that ends a bracketed paste without its mark.
pub const PASTE: Duration = Duration::from_millis(300);

/// The silence that ends a burst.
pub const PAUSE: Duration = Duration::from_millis(100);

/// The longest time between two characters of a burst, until it is known as one.
pub const RUSH: Duration = Duration::from_millis(5);

/// Least characters of a burst.
pub const BURST: usize = 16;

/// Characters in front of a tab that is a key.
const BEFORE_TAB: usize = 3;

/// Most characters held back before it is known what they are; only two keys in turn are so many and no burst.
const HELD: usize = 64;

/// Most bytes kept of a paste, far more than anything here takes in.
const PASTE_BYTES: usize = 8 * 1024 * 1024;

/// Most bytes kept of the middle of a sequence: no key has so many.
const MIDDLE: usize = 64;

/// Most bytes of an answer.
const ANSWER: u32 = 64 * 1024;

const ESC: u8 = 0x1b;
const CTRL_C: u8 = 0x03;
const END_OF_PASTE: &[u8] = b"\x1b[201~";

/// Something that the user did.
#[derive(Debug, PartialEq)]
pub enum Input {
    /// A key, or a bracketed paste.
    Event(Event),
    /// Characters that came faster than anyone types.
    Burst(String),
}

#[derive(Default)]
enum State {
    #[default]
    Ground,
    /// After ESC, or after two.
    Escape {
        twice: bool,
    },
    /// In a character of several bytes.
    Character {
        alt: bool,
        bytes: Vec<u8>,
    },
    /// After `ESC [` or `ESC O`, perhaps with one more ESC before.
    Sequence {
        single_shift: bool,
        escaped: bool,
        middle: Vec<u8>,
    },
    /// Before so many bytes that tell the place of the mouse.
    Mouse(u8),
    /// In a text, such as the answer about a colour: how it was opened, its length, and whether ESC came last.
    Text {
        opener: u8,
        length: u32,
        ends: bool,
    },
    Paste(Vec<u8>),
}

/// The machine.
#[derive(Default)]
pub struct Decoder {
    state: State,
    /// When the last bytes came.
    last: Duration,
    /// When the sequence began.
    began: Duration,
    /// Characters that are keys or a burst.
    run: String,
    /// The last character that was a key, and when.
    typed: Option<(char, Duration)>,
    found: VecDeque<Input>,
}

impl Iterator for Decoder {
    type Item = Input;

    /// What was found so far.
    fn next(&mut self) -> Option<Input> {
        self.found.pop_front()
    }
}

impl Decoder {
    /// Takes in bytes that came at this time. If there was silence before, [`Decoder::expire`] has to hear of it first.
    pub fn feed(&mut self, at: Duration, bytes: &[u8]) {
        self.last = at;
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest {
            if let State::Paste(text) = &mut self.state {
                let end = memchr::memchr(b'~', rest).map_or(rest.len(), |end| end + 1);
                text.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
                self.end_paste();
            } else {
                self.byte(*byte);
                rest = tail;
            }
        }
        if matches!(self.state, State::Ground) && !self.is_held() {
            self.release();
        }
    }

    /// When silence will mean something.
    pub fn deadline(&self) -> Option<Duration> {
        let wait = match &self.state {
            State::Ground if self.run.is_empty() => return None,
            State::Ground if is_burst(&self.run) => PAUSE,
            State::Ground => RUSH,
            State::Escape { .. } => ESCAPE,
            State::Paste(_) => PASTE,
            State::Character { .. } | State::Sequence { .. } | State::Mouse(_) | State::Text { .. } => {
                SEQUENCE
            }
        };
        let due = self.last + wait;
        let is_bounded = matches!(self.state, State::Sequence { .. } | State::Text { .. });
        Some(if is_bounded { due.min(self.began + LONGEST) } else { due })
    }

    /// Nothing more came until now.
    pub fn expire(&mut self, now: Duration) {
        while self.deadline().is_some_and(|due| due <= now) {
            match mem::take(&mut self.state) {
                State::Ground => self.release(),
                state => self.give_up(state),
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        match mem::take(&mut self.state) {
            State::Ground | State::Paste(_) => self.ground(byte, false),
            State::Escape { twice } => self.after_escape(byte, twice),
            State::Character { alt, bytes } => self.character(bytes, byte, alt),
            State::Sequence { single_shift, escaped, middle } => {
                self.sequence(single_shift, escaped, middle, byte);
            }
            // A control character is none of its bytes.
            State::Mouse(_) if byte < b' ' => self.ground(byte, false),
            State::Mouse(left) if left > 1 => self.state = State::Mouse(left - 1),
            State::Mouse(_) => {}
            State::Text { opener, length, ends } => self.text(opener, length, ends, byte),
        }
    }

    fn ground(&mut self, byte: u8, alt: bool) {
        match byte {
            ESC => self.state = State::Escape { twice: false },
            b'\r' | b'\n' | b'\t' if !alt && self.continues_with(byte) => self.run.push(char::from(byte)),
            0..b' ' | 0x7f => self.press(sequences::control(byte), alt),
            b' '..0x7f => self.typed(char::from(byte), alt),
            _ => self.character(Vec::new(), byte, alt),
        }
    }

    /// Whether a line break or tab belongs to the characters before it.
    fn continues_with(&self, byte: u8) -> bool {
        let is_line = self.run.contains(['\r', '\n']);
        !self.run.is_empty() && (byte != b'\t' || is_line || self.run.chars().nth(BEFORE_TAB).is_some())
    }

    fn after_escape(&mut self, byte: u8, twice: bool) {
        self.began = self.last;
        if byte == ESC {
            if twice {
                self.press(KeyCode::Esc.into(), false);
            }
            self.state = State::Escape { twice: true };
            return;
        }
        if matches!(byte, b'[' | b'O') {
            let single_shift = byte == b'O';
            self.state = State::Sequence { single_shift, escaped: twice, middle: Vec::new() };
            return;
        }
        if twice {
            self.press(KeyCode::Esc.into(), false);
        }
        match byte {
            b']' | b'P' | b'_' | b'^' | b'X' => {
                self.state = State::Text { opener: byte, length: 0, ends: false };
            }
            // It leaves, however soon it comes after the key that would go back.
            CTRL_C => {
                self.press(KeyCode::Esc.into(), false);
                self.ground(byte, false);
            }
            _ => self.ground(byte, true),
        }
    }

    fn character(&mut self, mut bytes: Vec<u8>, byte: u8, alt: bool) {
        bytes.push(byte);
        match str::from_utf8(&bytes) {
            Ok(text) => text.chars().for_each(|c| self.typed(c, alt)),
            Err(error) if error.error_len().is_none() => self.state = State::Character { alt, bytes },
            Err(_) => {
                self.typed(char::REPLACEMENT_CHARACTER, alt);
                if bytes.len() > 1 {
                    self.ground(byte, false);
                }
            }
        }
    }

    fn sequence(&mut self, single_shift: bool, escaped: bool, mut middle: Vec<u8>, byte: u8) {
        let is_console = byte == b'[' && middle.is_empty() && !single_shift;
        match byte {
            b' '..b'@' | b'[' if byte != b'[' || is_console => {
                if middle.len() < MIDDLE {
                    middle.push(byte);
                }
                self.state = State::Sequence { single_shift, escaped, middle };
            }
            b'@'..0x7f => self.finish(single_shift, escaped, &middle, byte),
            _ => {
                self.give_up(State::Sequence { single_shift, escaped, middle });
                self.ground(byte, false);
            }
        }
    }

    fn finish(&mut self, single_shift: bool, escaped: bool, middle: &[u8], last: u8) {
        if let Some(key) = sequences::key(single_shift, middle, last) {
            return self.press(key, escaped);
        }
        // What isn't a key has no ESC before it: that one was pressed.
        if escaped {
            self.press(KeyCode::Esc.into(), false);
        }
        match (middle, last) {
            _ if single_shift => {}
            (b"200", b'~') => {
                self.release();
                self.state = State::Paste(Vec::new());
            }
            (b"201", b'~') if !self.run.is_empty() => {
                let text = mem::take(&mut self.run);
                self.found.push_back(Input::Event(Event::Paste(text)));
            }
            (b"", b'M') => self.state = State::Mouse(3),
            _ => {}
        }
    }

    fn text(&mut self, opener: u8, length: u32, ends: bool, byte: u8) {
        match byte {
            b'\\' if ends => {}
            _ if ends && byte >= b' ' => {
                self.give_up(State::Text { opener, length, ends });
                self.after_escape(byte, false);
            }
            ESC if !ends => self.state = State::Text { opener, length, ends: true },
            // BEL ends it, CAN cancels it.
            0x07 | 0x18 => {}
            0..b' ' | 0x7f => {
                self.give_up(State::Text { opener, length, ends });
                self.ground(byte, false);
            }
            _ if length == ANSWER => {}
            _ => self.state = State::Text { opener, length: length + 1, ends },
        }
    }

    /// What was begun and isn't finished: the key that begins like it, if there is one.
    fn give_up(&mut self, state: State) {
        match state {
            State::Escape { twice } => {
                for _ in 0..=u8::from(twice) {
                    self.press(KeyCode::Esc.into(), false);
                }
            }
            State::Character { alt, .. } => self.typed(char::REPLACEMENT_CHARACTER, alt),
            State::Sequence { escaped: true, .. } => self.press(KeyCode::Esc.into(), false),
            State::Text { opener, length: 0, .. } => self.typed(char::from(opener), true),
            State::Paste(text) => self.give_up_paste(&text),
            State::Ground | State::Sequence { .. } | State::Mouse(_) | State::Text { .. } => {}
        }
    }

    fn end_paste(&mut self) {
        let State::Paste(text) = &mut self.state else { return };
        if let Some(text) = text.strip_suffix(END_OF_PASTE) {
            self.found.push_back(pasted(text));
            self.state = State::Ground;
        } else if text.len() > 2 * PASTE_BYTES {
            // With a part of the mark that may be at its end.
            text.drain(PASTE_BYTES..text.len() - END_OF_PASTE.len());
        }
    }

    fn give_up_paste(&mut self, text: &[u8]) {
        let (text, leaves) = match memchr::memchr(CTRL_C, text) {
            Some(at) => (&text[..at], true),
            None => {
                let part = (1..END_OF_PASTE.len()).rev().find(|part| text.ends_with(&END_OF_PASTE[..*part]));
                (&text[..text.len() - part.unwrap_or(0)], false)
            }
        };
        if !text.is_empty() {
            self.found.push_back(pasted(text));
        }
        if leaves {
            self.press(sequences::control(CTRL_C), false);
        }
    }

    /// A character, alone or as part of a run.
    fn typed(&mut self, c: char, alt: bool) {
        match c {
            '\u{80}'..'\u{a0}' => {}
            _ if alt => self.press(sequences::character(c), true),
            _ if self.run.len() >= PASTE_BYTES => {}
            _ => self.run.push(c),
        }
    }

    /// A key, after the characters before it.
    fn press(&mut self, mut key: KeyEvent, alt: bool) {
        self.release();
        if alt {
            key.modifiers |= KeyModifiers::ALT;
        }
        self.found.push_back(Input::Event(Event::Key(key)));
    }

    /// Whether it is too early to tell if the run is a burst.
    fn is_held(&self) -> bool {
        let rushed = self.typed.filter(|(_, at)| self.last <= *at + RUSH).map(|(c, _)| c);
        let differs = |first: char| self.run.chars().any(|c| c != first);
        let has_several = rushed.or_else(|| self.run.chars().next()).is_some_and(differs);
        has_several && (self.run.len() < HELD || is_burst(&self.run))
    }

    /// Passes on the run as what it is.
    fn release(&mut self) {
        let run = mem::take(&mut self.run);
        if is_burst(&run) {
            self.typed = None;
            self.found.push_back(Input::Burst(run));
            return;
        }
        if let Some(c) = run.chars().next_back() {
            self.typed = Some((c, self.last));
        }
        self.found.extend(run.chars().map(|c| {
            let key = u8::try_from(c).ok().filter(u8::is_ascii_control).map(sequences::control);
            Input::Event(Event::Key(key.unwrap_or_else(|| sequences::character(c))))
        }));
    }
}

fn pasted(text: &[u8]) -> Input {
    Input::Event(Event::Paste(String::from_utf8_lossy(text).into_owned()))
}

/// Whether no one typed this.
fn is_burst(run: &str) -> bool {
    if run.chars().filter(|c| !c.is_control()).nth(BURST - 1).is_none() {
        return false;
    }
    let first = run.chars().next();
    let second = run.chars().find(|c| Some(*c) != first);
    let others = || run.chars().any(|c| Some(c) != first && Some(c) != second);
    second.is_some_and(char::is_control) || others()
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
