//! A terminal that knows nothing but what we say on purpose: any other byte sequence is a find.

/// Modes that are switched: the cursor, the alternate screen, bracketed paste.
const MODES: [&str; 6] = ["?25h", "?25l", "?1049h", "?1049l", "?2004h", "?2004l"];

/// The first thing in these bytes that neither ratatui nor crossterm writes for us, with what is around it.
pub fn first_trick(raw: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(raw) else { return Some("bytes that are no UTF-8".into()) };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let known = match c {
            '\u{1b}' => sequence(&rest[1..]).map(|length| 1 + length),
            c if is_trick(c) => None,
            c => Some(c.len_utf8()),
        };
        let Some(length) = known else {
            let at = text.len() - rest.len();
            let before: String =
                text[..at].chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect();
            return Some(format!("{before:?} and then {:?}", rest.chars().take(40).collect::<String>()));
        };
        rest = &rest[length..];
    }
    None
}

/// The first thing on these lines of plain text that is not plain.
pub fn first_trick_in_lines(text: &str) -> Option<String> {
    let trick = text.chars().find(|c| *c != '\n' && *c != '\r' && is_trick(*c))?;
    Some(format!("{trick:?} in {text:?}"))
}

/// How long a known sequence is, after its escape.
fn sequence(text: &str) -> Option<usize> {
    let text = text.strip_prefix('[')?;
    let end = text.find(|c: char| !matches!(c, '0'..='9' | ';' | '?'))?;
    let (numbers, last) = (&text[..end], text[end..].chars().next()?);
    let known = match last {
        'H' => numbers.split_once(';').is_some_and(|(row, column)| is_number(row) && is_number(column)),
        'J' => numbers == "2",
        'm' => numbers.split(';').all(is_number),
        'h' | 'l' => MODES.contains(&&text[..=end]),
        _ => false,
    };
    known.then_some(1 + end + 1)
}

fn is_number(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Controls, and what reorders, hides or joins: from the tables of Unicode, and not from the program's own.
fn is_trick(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[test]
fn the_strict_terminal_knows_what_we_say_and_nothing_else() {
    assert_eq!(first_trick("\u{1b}[?1049h\u{1b}[2J\u{1b}[12;1H数\u{1b}[38;5;12;49m␛[2J".as_bytes()), None);
    for trick in [
        "\u{1b}]0;x\u{7}",
        "\u{1b}[3J",
        "\u{1b}[?1000h",
        "\u{1b}[6n",
        "\u{1b}c",
        "\u{1b}P",
        "\u{1b}[1;2r",
        "\u{9b}2J",
        "\r",
        "\u{8}",
        "a\u{202e}",
        "\u{1b}",
        "\u{1b}[38;5",
        "\u{1b}[H",
    ] {
        assert!(first_trick(format!("before{trick}").as_bytes()).is_some(), "{trick:?}");
    }
    assert!(first_trick(b"\x9b2J").is_some());
}
