//! The key that a finished sequence stands for, as xterm, rxvt, the Linux console, `modifyOtherKeys` and the kitty protocol
//! write it.

use std::str;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The key of a control character.
pub(super) fn control(byte: u8) -> KeyEvent {
    let (code, ctrl) = match byte {
        b'\r' => (KeyCode::Enter, false),
        b'\t' => (KeyCode::Tab, false),
        0x1b => (KeyCode::Esc, false),
        0x7f => (KeyCode::Backspace, false),
        0 => (KeyCode::Char(' '), true),
        0x1c..=0x1f => (KeyCode::Char(char::from(byte - 0x1c + b'4')), true),
        _ => (KeyCode::Char(char::from(byte | 0x60)), true),
    };
    KeyEvent::new(code, if ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE })
}

/// The key of a character.
pub(super) fn character(c: char) -> KeyEvent {
    let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
    KeyEvent::new(KeyCode::Char(c), shift)
}

/// The key of `ESC [ middle last`, or of `ESC O middle last`. None for everything else that a terminal sends in this form:
/// answers, mouse and focus.
pub(super) fn key(single_shift: bool, middle: &[u8], last: u8) -> Option<KeyEvent> {
    if middle == b"[" {
        return matches!(last, b'A'..=b'E').then(|| KeyCode::F(last - b'A' + 1).into());
    }
    if !middle.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')) {
        return None;
    }
    let text = str::from_utf8(middle).ok()?;
    let number = |field: usize, part: usize| -> Option<u32> {
        text.split(';').nth(field)?.split(':').nth(part)?.parse().ok()
    };
    let mut mask = number(1, 0);
    let mut shifts = KeyModifiers::NONE;
    let code = match last {
        b'u' if !single_shift => return coded(number(0, 0)?, number(0, 1), mask, number(1, 1)),
        b'~' if !single_shift && number(0, 0) == Some(27) => return coded(number(2, 0)?, None, mask, None),
        b'~' | b'^' | b'@' if !single_shift => {
            shifts = match last {
                b'^' => KeyModifiers::CONTROL,
                b'@' => KeyModifiers::CONTROL | KeyModifiers::SHIFT,
                _ => KeyModifiers::NONE,
            };
            numbered(number(0, 0)?)?
        }
        b'M' if single_shift => KeyCode::Enter,
        b'j'..=b'y' if single_shift => KeyCode::Char(char::from(last - 0x40)),
        b'Z' if !single_shift => {
            shifts = KeyModifiers::SHIFT;
            KeyCode::BackTab
        }
        // `CSI row ; column R` tells where the cursor is.
        b'R' if !single_shift => return None,
        b'a'..=b'd' => {
            shifts = if single_shift { KeyModifiers::CONTROL } else { KeyModifiers::SHIFT };
            lettered(last.to_ascii_uppercase())?
        }
        _ => {
            mask = mask.or(number(0, 0));
            lettered(last)?
        }
    };
    Some(KeyEvent::new_with_kind(code, modifiers(mask) | shifts, kind(number(1, 1))))
}

fn lettered(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

fn numbered(number: u32) -> Option<KeyCode> {
    let number = u8::try_from(number).ok()?;
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23..=26 => KeyCode::F(number - 12),
        28..=29 => KeyCode::F(number - 15),
        31..=34 => KeyCode::F(number - 17),
        _ => return None,
    })
}

/// A key by its code point, and what it types together with shift.
fn coded(code: u32, shifted: Option<u32>, mask: Option<u32>, event: Option<u32>) -> Option<KeyEvent> {
    const KEYPAD: [KeyCode; 10] = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
    ];
    let nth = |first: u32| usize::try_from(code - first).ok();
    let mut modifiers = modifiers(mask);
    let code = match code {
        9 if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        9 => KeyCode::Tab,
        13 | 57_414 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        57_376..=57_398 => KeyCode::F(u8::try_from(code - 57_376).ok()? + 13),
        57_399..=57_413 => KeyCode::Char("0123456789./*-+".chars().nth(nth(57_399)?)?),
        57_415 => KeyCode::Char('='),
        57_416 => KeyCode::Char(','),
        57_417..=57_426 => KEYPAD[nth(57_417)?],
        // Modifiers by themselves, locks and media keys.
        57_344..=63_743 => return None,
        _ => {
            let c = char::from_u32(code).filter(|c| !c.is_control())?;
            let shift = modifiers.contains(KeyModifiers::SHIFT);
            match shifted.and_then(char::from_u32).filter(|_| shift) {
                Some(c) => {
                    modifiers.remove(KeyModifiers::SHIFT);
                    KeyCode::Char(c)
                }
                None if shift => KeyCode::Char(c.to_uppercase().next().unwrap_or(c)),
                None => KeyCode::Char(c),
            }
        }
    };
    Some(KeyEvent::new_with_kind(code, modifiers, kind(event)))
}

fn modifiers(mask: Option<u32>) -> KeyModifiers {
    const BITS: [KeyModifiers; 6] = [
        KeyModifiers::SHIFT,
        KeyModifiers::ALT,
        KeyModifiers::CONTROL,
        KeyModifiers::SUPER,
        KeyModifiers::HYPER,
        KeyModifiers::META,
    ];
    let mask = mask.unwrap_or(1).saturating_sub(1);
    let held = BITS.into_iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
    held.fold(KeyModifiers::NONE, |held, (_, modifier)| held | modifier)
}

fn kind(event: Option<u32>) -> KeyEventKind {
    match event {
        Some(2) => KeyEventKind::Repeat,
        Some(3) => KeyEventKind::Release,
        _ => KeyEventKind::Press,
    }
}
