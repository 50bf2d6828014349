//! Any bytes may come from a terminal, in any pieces and at any pace: what they do doesn't depend on the pieces, and no later key
//! is lost. The input is bytes; each 0xF5, which is no part of a character, cuts them, and the byte after it is the pause.
#![no_main]

use std::time::Duration;

use crossterm::event::{Event, KeyCode};
use impersona::tui::terminal::decoder::{Decoder, Input, LONGEST};
use libfuzzer_sys::fuzz_target;

const CUT: u8 = 0xf5;

/// What is heard of pieces, each after so many milliseconds, and then nothing more.
fn heard<'a>(pieces: impl Iterator<Item = (u64, &'a [u8])>) -> Vec<Input> {
    let (mut decoder, mut now) = (Decoder::default(), Duration::ZERO);
    for (pause, piece) in pieces {
        now += Duration::from_millis(pause);
        decoder.expire(now);
        decoder.feed(now, piece);
    }
    decoder.expire(now + LONGEST);
    assert_eq!(decoder.deadline(), None, "nothing is pending after a silence");
    decoder.collect()
}

/// The same with pasted text as one list of characters, in which it doesn't matter how it was recognized.
fn text(found: &[Input]) -> String {
    found
        .iter()
        .map(|input| match input {
            Input::Burst(text) | Input::Event(Event::Paste(text)) => text.clone(),
            Input::Event(Event::Key(key)) if key.modifiers.is_empty() => match key.code {
                KeyCode::Char(c) => c.to_string(),
                KeyCode::Enter => "\r".into(),
                KeyCode::Tab => "\t".into(),
                code => format!("<{code:?}>"),
            },
            Input::Event(Event::Key(key)) => match key.code {
                KeyCode::Char(c) if c.is_uppercase() && key.modifiers.bits() == 1 => c.to_string(),
                // A line feed in a burst, and the key by itself.
                KeyCode::Char('j') if key.modifiers.bits() == 2 => "\n".into(),
                _ => format!("<{key:?}>"),
            },
            Input::Event(event) => format!("<{event:?}>"),
        })
        .collect()
}

fuzz_target!(|data: &[u8]| {
    let mut pieces: Vec<(u64, &[u8])> = Vec::new();
    for (nth, part) in data.split(|byte| *byte == CUT).enumerate() {
        match part {
            [pause, rest @ ..] if nth > 0 => pieces.push((u64::from(*pause) * 2, rest)),
            _ => pieces.push((0, part)),
        }
    }
    let whole = pieces.iter().map(|(_, piece)| *piece).collect::<Vec<_>>().concat();
    let quick = pieces.iter().map(|(_, piece)| (0, *piece));
    assert_eq!(text(&heard(quick)), text(&heard([(0, &whole[..])].into_iter())));
    let later = pieces.iter().copied().chain([(301, &b"\x1b[B"[..])]);
    let last = heard(later).pop();
    assert!(matches!(last, Some(Input::Event(Event::Key(key))) if key.code == KeyCode::Down), "{last:?}");
});
