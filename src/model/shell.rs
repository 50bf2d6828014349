//! Text that is copied into a shell: any text as one word, and no word that does anything before it is sent off.

use super::visible::is_unsafe;

/// Stands in place of a word that no form of quoting can carry: one with NUL in it, which no program can be given, or with
/// a line break at its end, which `$(…)` takes away. Nothing that holds this is copied.
pub const UNQUOTABLE: char = '\0';

/// A word for a POSIX shell: as it is where it is plainly harmless, else in single quotes. Where characters act on a
/// terminal or hide (a paste may be cut off by them, and what follows is run), `printf` makes them when the command runs.
/// `$'\x1b'` would be shorter, but dash and other shells that only do what POSIX.1-2017 says read it as it stands.
pub fn quote(text: &str) -> String {
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

/// As `printf %b` reads it. Quotes and what shells look for within double quotes are escaped as well.
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
