//! The one reader of text that a person hands over: files and stdin, of any making. Editors, PowerShell and logs write
//! UTF-8 with a byte order mark, UTF-16 with and without one, and colours around what matters; all of that is removed
//! here, so that no form or command has to. Line ends stay as they are: every format read here accepts CRLF.

use zeroize::Zeroizing;

/// Only the beginning of a text decides its encoding.
const PROBE: usize = 4_096;

/// A byte order mark that was read as Latin-1 and written as UTF-8.
const MISREAD_MARK: &str = "\u{ef}\u{bb}\u{bf}";

/// Why bytes are not text, as the end of a sentence that starts with the file.
pub(crate) const NOT_TEXT: &str = "isn't text in UTF-8 or UTF-16";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { little: bool },
    Utf32 { little: bool },
}

/// The text in these bytes. It can be a secret.
///
/// # Errors
/// [`NOT_TEXT`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    let (text, exact) = read(bytes);
    if exact { Ok(text) } else { Err(NOT_TEXT) }
}

/// Like [`decode`]; what is not text becomes U+FFFD, because a token can be next to it.
pub(crate) fn decode_lossy(bytes: &[u8]) -> Zeroizing<String> {
    read(bytes).0
}

/// The text without the escape sequences that terminals, CI and loggers put around words: colours, links, titles.
pub(crate) fn without_escapes(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find(['\u{1b}', '\u{9b}']) {
        out.push_str(&rest[..at]);
        rest = after_escape(&rest[at..]);
    }
    out.push_str(rest);
    out
}

/// What follows the escape sequence that this text starts with (ECMA-48, 5.4 and 5.6).
fn after_escape(text: &str) -> &str {
    let mut chars = text.char_indices();
    let introduced = match chars.next() {
        Some((_, '\u{9b}')) => Some('['),
        _ => chars.next().map(|(_, c)| c),
    };
    let body = chars.as_str();
    match introduced {
        Some('[') => {
            let end = body.find(|c: char| !matches!(c, ' '..='?')).unwrap_or(body.len());
            let last = body[end..].chars().next().filter(|c| matches!(c, '@'..='~'));
            &body[end + last.map_or(0, char::len_utf8)..]
        }
        // A string ends with BEL or ST; one that never ends is only its introducer.
        Some(']' | 'P' | '_' | '^' | 'X') => match body.find(['\u{7}', '\u{1b}', '\u{9c}']) {
            Some(end) => body[end..]
                .strip_prefix("\u{1b}\\")
                .unwrap_or_else(|| body[end..].strip_prefix(['\u{7}', '\u{9c}']).unwrap_or(&body[end..])),
            None => body,
        },
        Some('(' | ')' | '*' | '+' | '#' | '%') => chars.next().map_or("", |_| chars.as_str()),
        Some('0'..='~') => body,
        // The escape character alone.
        _ => &text['\u{1b}'.len_utf8()..],
    }
}

fn read(bytes: &[u8]) -> (Zeroizing<String>, bool) {
    let (encoding, mark) = encoding(bytes);
    let bytes = &bytes[mark..];
    let (text, exact) = match encoding {
        Encoding::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => (Zeroizing::new(text.to_owned()), true),
            // A limit can cut the last character.
            Err(_) => (Zeroizing::new(String::from_utf8_lossy(bytes).into_owned()), false),
        },
        Encoding::Utf16 { little } => {
            let unit = if little { u16::from_le_bytes } else { u16::from_be_bytes };
            let units = bytes.chunks_exact(2).map(|two| unit([two[0], two[1]]));
            collect(char::decode_utf16(units).map(Result::ok).chain(left_over(bytes, 2)), bytes)
        }
        Encoding::Utf32 { little } => {
            let unit = if little { u32::from_le_bytes } else { u32::from_be_bytes };
            let units = bytes.chunks_exact(4).map(|four| unit([four[0], four[1], four[2], four[3]]));
            collect(units.map(char::from_u32).chain(left_over(bytes, 4)), bytes)
        }
    };
    let marked = |c: char| c == '\u{feff}';
    let bare = text.trim_start_matches(marked);
    let bare = bare.strip_prefix(MISREAD_MARK).unwrap_or(bare).trim_start_matches(marked);
    if bare.len() < text.len() || text.contains(['\u{1b}', '\u{9b}']) {
        return (without_escapes(bare), exact);
    }
    (text, exact)
}

/// An incomplete unit at the end: half a character, unless something added a line end of one byte.
fn left_over(bytes: &[u8], unit: usize) -> Option<Option<char>> {
    let rest = &bytes[bytes.len() - bytes.len() % unit..];
    (!rest.iter().all(u8::is_ascii_whitespace)).then_some(None)
}

/// One allocation, because the text can be a secret.
fn collect(chars: impl Iterator<Item = Option<char>>, bytes: &[u8]) -> (Zeroizing<String>, bool) {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3 / 2));
    let mut exact = true;
    for c in chars {
        exact &= c.is_some();
        text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    (text, exact)
}

/// The encoding of these bytes, and the length of their byte order mark.
fn encoding(bytes: &[u8]) -> (Encoding, usize) {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        [0xff, 0xfe, 0, 0, ..] if bytes.len().is_multiple_of(4) => (Encoding::Utf32 { little: true }, 4),
        [0, 0, 0xfe, 0xff, ..] => (Encoding::Utf32 { little: false }, 4),
        [0xff, 0xfe, ..] => (Encoding::Utf16 { little: true }, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16 { little: false }, 2),
        _ => (without_mark(&bytes[..bytes.len().min(PROBE)]), 0),
    }
}

/// The encoding of bytes without a mark: in UTF-16 every second byte of ASCII is zero, in UTF-32 three of four are, and
/// text has no zero bytes elsewhere.
fn without_mark(bytes: &[u8]) -> Encoding {
    let zeros = |offset: usize, step: usize| {
        bytes.iter().skip(offset).step_by(step).filter(|byte| **byte == 0).count()
    };
    let (even, odd, units) = (zeros(0, 2), zeros(1, 2), bytes.len() / 2);
    if units == 0 || even + odd == 0 {
        return Encoding::Utf8;
    }
    // The most significant byte is always zero, and the next one is for most characters.
    let wide = |high: usize, next: usize| {
        bytes.len().is_multiple_of(4) && zeros(high, 4) == units / 2 && zeros(next, 4) * 10 >= units / 2 * 9
    };
    if wide(3, 2) {
        return Encoding::Utf32 { little: true };
    }
    if wide(0, 1) {
        return Encoding::Utf32 { little: false };
    }
    // A text in another script has ASCII for its punctuation and line ends.
    let enough = |count: usize| count * 4 >= units && count >= 2;
    match () {
        () if enough(odd) && even == 0 => Encoding::Utf16 { little: true },
        () if enough(even) && odd == 0 => Encoding::Utf16 { little: false },
        () => Encoding::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        let bytes = if little { u16::to_le_bytes } else { u16::to_be_bytes };
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn utf32(text: &str, little: bool) -> Vec<u8> {
        let bytes = if little { u32::to_le_bytes } else { u32::to_be_bytes };
        text.chars().flat_map(|c| bytes(u32::from(c))).collect()
    }

    /// Every way in which a program writes this text.
    fn written(text: &str) -> Vec<(&'static str, Vec<u8>)> {
        let marked = format!("\u{feff}{text}");
        vec![
            ("UTF-8", text.as_bytes().to_vec()),
            ("UTF-8, marked", marked.as_bytes().to_vec()),
            ("UTF-8, marked twice", format!("\u{feff}{marked}").into_bytes()),
            ("UTF-8, its mark misread", format!("{MISREAD_MARK}{text}").into_bytes()),
            ("UTF-16LE", utf16(text, true)),
            ("UTF-16LE, marked", utf16(&marked, true)),
            ("UTF-16BE", utf16(text, false)),
            ("UTF-16BE, marked", utf16(&marked, false)),
            ("UTF-32LE, marked", utf32(&marked, true)),
            ("UTF-32BE, marked", utf32(&marked, false)),
            ("UTF-32LE", utf32(text, true)),
            ("UTF-32BE", utf32(text, false)),
        ]
    }

    #[test]
    fn text_is_the_same_however_it_was_written() {
        for text in [
            "eyJhbGciOiJSUzI1NiJ9.e30.c2ln\r\n",
            "{\"type\": \"service_account\",\r\n \"name\": \"é 漢字 👍\"}\r\n",
            "-----BEGIN PUBLIC KEY-----\r\nAAAA\r\n-----END PUBLIC KEY-----\r\n",
        ] {
            for (how, bytes) in written(text) {
                assert_eq!(decode(&bytes).as_deref().map(String::as_str), Ok(text), "{how}");
                assert_eq!(*decode_lossy(&bytes), text, "{how}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_or_replaced() {
        for bytes in [&[0xff, 0x00, 0xc3, 0x28][..], b"a\xffb", &[0xff, 0xfe, 0x00, 0xd8]] {
            assert_eq!(decode(bytes).map(|text| text.to_string()), Err(NOT_TEXT), "{bytes:?}");
            assert!(decode_lossy(bytes).contains('\u{fffd}'), "{bytes:?}");
        }
        for plain in ["", "a", "a\0", "token\0", "\0\0", "a\0b"] {
            assert_eq!(decode(plain.as_bytes()).as_deref().map(String::as_str), Ok(plain), "{plain:?}");
        }
        // Half of the last character, where a limit cut it.
        assert_eq!(*decode_lossy(&utf16("\u{feff}ab", true)[..5]), "a\u{fffd}");
        assert_eq!(*decode_lossy(&[&utf16("\u{feff}ab", true)[..], b"\n"].concat()), "ab");
    }

    #[test]
    fn colours_links_and_titles_around_words_are_removed() {
        for (text, bare) in [
            ("\u{1b}[32meyJ.e30.x\u{1b}[0m", "eyJ.e30.x"),
            ("\u{1b}[1;38;5;208mtoken\u{1b}[m:\u{1b}[K eyJ", "token: eyJ"),
            ("\u{1b}]8;;https://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}(Bx\u{1b}=y\u{1b}7z", "xyz"),
            ("\u{9b}31mx", "x"),
            ("a\u{1b}", "a"),
            ("a\u{1b}[31", "a"),
            ("\u{1b}]never ends", "never ends"),
            ("\u{1b}[3\u{1b}[0mx", "x"),
            ("\u{1b}é", "é"),
        ] {
            assert_eq!(*without_escapes(text), bare, "{text:?}");
            assert_eq!(*decode_lossy(text.as_bytes()), bare, "{text:?}");
            assert_eq!(*decode_lossy(&utf16(&format!("\u{feff}{text}"), true)), bare, "{text:?}");
        }
        let many = "\u{1b}]".repeat(200_000);
        assert!(without_escapes(&many).len() <= many.len());
    }
}
