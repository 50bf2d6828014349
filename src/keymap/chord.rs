//! A key with its modifiers, in the notation of configuration and help: `ctrl-d`, `shift-tab`, `PgDn`, `?`.

use std::{fmt, str::FromStr};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key press. A shifted letter is its capital; `shift` is written only where a key has no other form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd)]
pub(crate) struct Chord {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

impl Chord {
    pub(crate) const fn char(c: char) -> Chord {
        Chord { code: KeyCode::Char(c), ctrl: false, alt: false }
    }

    /// Whether it types a letter that keyboards of Latin layouts don't have.
    pub(crate) fn is_of_other_layout(self) -> bool {
        const LATIN: [std::ops::RangeInclusive<char>; 2] = ['\0'..='\u{36f}', '\u{1e00}'..='\u{1eff}'];
        matches!(self.code, KeyCode::Char(c) if c.is_alphabetic() && !LATIN.iter().any(|latin| latin.contains(&c)))
    }

    /// The character it types into a text field, if any.
    pub(crate) fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

impl From<KeyEvent> for Chord {
    fn from(event: KeyEvent) -> Chord {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        let code = match event.code {
            KeyCode::Char(c) => KeyCode::Char(narrow(c)),
            code => code,
        };
        let code = match code {
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            // Some terminals report the letter and the modifier, some only the capital.
            KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::SHIFT) && !ctrl => {
                KeyCode::Char(c.to_uppercase().next().unwrap_or(c))
            }
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            code => code,
        };
        Chord { code, ctrl, alt }
    }
}

/// Input methods for East Asian languages type ASCII in a wide form too.
fn narrow(c: char) -> char {
    const SHIFT: u32 = '！' as u32 - '!' as u32;
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - SHIFT).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

const NAMES: [(&str, KeyCode); 18] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("F1", KeyCode::F(1)),
    ("F2", KeyCode::F(2)),
    ("F5", KeyCode::F(5)),
    ("delete", KeyCode::Delete),
];

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Chord, String> {
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl-").filter(|tail| !tail.is_empty()) {
                (rest, ctrl) = (tail, true);
            } else if let Some(tail) = rest.strip_prefix("alt-").filter(|tail| !tail.is_empty()) {
                (rest, alt) = (tail, true);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => KeyCode::Char(c),
            _ => match NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)) {
                Some((_, code)) => *code,
                None => {
                    return Err(format!(
                        "Unknown key “{text}”: write it like j, ctrl-d, shift-tab, PgDn, enter or F5"
                    ));
                }
            },
        };
        Ok(Chord { code, ctrl, alt })
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, code) => write!(f, "{code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_reads_back_as_it_is_written() {
        for text in ["j", "G", "ctrl-d", "shift-tab", "PgDn", "?", "F1", "+", "space", "*", "-", "ctrl--"] {
            assert_eq!(text.parse::<Chord>().map(|chord| chord.to_string()).as_deref(), Ok(text));
        }
        assert!(
            "ctrl-".parse::<Chord>().is_err()
                && "nokey".parse::<Chord>().is_err()
                && "".parse::<Chord>().is_err()
        );
    }

    #[test]
    fn both_ways_a_terminal_reports_a_capital_are_one_chord() {
        let with = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::SHIFT);
        let without = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::NONE);
        assert_eq!(Chord::from(with), Chord::from(without));
        assert_eq!(Chord::from(without).typed(), Some('G'));
    }

    #[test]
    fn wide_letters_are_ascii_and_other_letters_are_of_other_layouts() {
        let typed = |c: char| Chord::from(KeyEvent::from(KeyCode::Char(c)));
        let narrow = ['ｑ', 'Ｐ', '？', '～', '\u{3000}'].map(|c| typed(c).typed());
        assert_eq!(narrow, [Some('q'), Some('P'), Some('?'), Some('~'), Some(' ')]);
        assert!(['ц', 'ω', 'ש', 'ﻝ', 'ツ', 'ㅈ'].into_iter().all(|c| typed(c).is_of_other_layout()));
        assert!(
            !['w', 'Ｗ', 'ø', 'ẞ', 'ạ', '§', '7', '€'].into_iter().any(|c| typed(c).is_of_other_layout())
        );
    }
}
