//! Text that is copied into a shell: any text becomes one word, and nothing runs before the user presses enter.

use super::visible::is_unsafe;

/// Replaces a word that no quoting can express: one with NUL, which no program can be given, or with a line break at
/// its end, which `$(…)` strips. A text that contains this is never copied.
pub(crate) const UNQUOTABLE: char = '\0';

/// A word for a POSIX shell: unchanged if it is plainly harmless, else in single quotes. Characters that act on a
/// terminal or hide (a paste can be cut off by them, and the rest is run) are written so that `printf` makes them when
/// the command runs. `$'\x1b'` would be shorter, but dash and other shells that implement only POSIX.1-2017 take it
/// literally.
pub(crate) fn quote(text: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@,%+=".contains(&b);
    // In zsh a word that begins with `=` is the path of a program.
    if !text.is_empty() && !text.starts_with('=') && text.bytes().all(harmless) {
        text.to_owned()
    } else if !text.contains(is_unsafe) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else if text.contains('\0') || text.ends_with('\n') {
        UNQUOTABLE.to_string()
    } else {
        format!("\"$(printf %b '{}')\"", escaped(text))
    }
}

/// As `printf %b` reads it. Quotes and what shells interpret within double quotes are escaped as well.
fn escaped(text: &str) -> String {
    let mut word = String::with_capacity(text.len() * 2);
    let mut bytes = [0; 4];
    for c in text.chars() {
        if is_unsafe(c) || matches!(c, '\'' | '"' | '!' | '\\' | '`' | '$' | '(' | ')') {
            word.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\0{byte:03o}")));
        } else {
            word.push(c);
        }
    }
    word
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
