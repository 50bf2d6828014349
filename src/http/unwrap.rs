//! What tools print around an error, removed: colours, frames, what CI and loggers put before a line, escaping and
//! masks. It is pure, makes a few passes over the text, and knows nothing about errors.

/// The most levels of escaping that are removed: JSON in JSON in a log entry in a shell's quotes.
const LEVELS: usize = 4;

/// The most prefixes removed from one line.
const PREFIXES: usize = 8;

/// The text without what was printed around it, and then the same with one level of escaping removed after another.
pub(super) fn unwrap(written: &str) -> Vec<String> {
    let mut levels = vec![lines(&without_colours(written))];
    for _ in 0..LEVELS {
        let last = levels.last().map(String::as_str).unwrap_or_default();
        let next = unescaped(&without_entities(last));
        // What stood on one line can have had frames and prefixes of its own.
        let next = if next == last { next } else { lines(&without_colours(&next)) };
        if next == last {
            break;
        }
        levels.push(next);
    }
    let masked = levels.iter().find_map(|level| unmasked(level));
    levels.extend(masked);
    levels
}

/// Removes terminal sequences (also where the escape character was lost or written out), carriage returns and other
/// control characters.
fn without_colours(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let mut rest = written.trim_start_matches('\u{feff}');
    while let Some(at) = rest.find(|c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || c == '\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = ["\u{1b}", "\u{9b}", "\\u{1b}", "\\u001b", "\\u001B", "\\x1b", "\\x1B", "\\033", "\\e"]
            .into_iter()
            .find(|escape| rest.starts_with(escape));
        let Some(escape) = escape else {
            let first = rest.chars().next().unwrap_or(' ');
            if first == '\\' {
                out.push(first);
            }
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let after = &rest[escape.len()..];
        rest = match (escape, after.as_bytes().first()) {
            ("\u{9b}", _) => after_sequence(after),
            (_, Some(b'[')) => after_sequence(&after[1..]),
            (_, Some(b']')) => after.find(['\u{7}', '\u{1b}']).map_or("", |end| &after[end + 1..]),
            ("\\e", _) => {
                out.push('\\');
                &rest[1..]
            }
            _ => after,
        };
    }
    out.push_str(rest);
    out
}

/// What follows the parameters and the final letter of a terminal sequence.
fn after_sequence(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_digit() || ";?:".contains(c))).unwrap_or(text.len());
    let rest = &text[end..];
    let letter = rest.chars().next().filter(char::is_ascii_alphabetic);
    letter.map_or(rest, |c| &rest[c.len_utf8()..])
}

/// The lines without their prefixes. Inside a frame, the lines that were broken to fit are joined.
fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut joins = false;
    for line in text.lines() {
        let (line, framed) = without_prefixes(line);
        let empty = line.is_empty();
        let apart = empty || ["at ", "... ", "Caused by", "- "].iter().any(|begin| line.starts_with(begin));
        match framed && joins && !apart {
            _ if out.is_empty() => {}
            true => out.push(' '),
            false => out.push('\n'),
        }
        out.push_str(line);
        joins = framed && !empty;
    }
    out
}

/// A line without what frames, loggers and CI put before it, and whether it was framed.
fn without_prefixes(line: &str) -> (&str, bool) {
    let (mut line, mut framed) = (line.trim(), false);
    for _ in 0..PREFIXES {
        let inside = line.trim_start_matches(['│', '╷', '╵', '┃', '║', '╭', '╰', '┌', '└', '─']).trim();
        if inside.len() != line.len() {
            (line, framed) = (inside.trim_end_matches(['│', '┃', '║']).trim(), true);
            continue;
        }
        match prefix(line) {
            Some(rest) => line = rest.trim_start(),
            None => break,
        }
    }
    (line, framed)
}

const LEVEL_WORDS: [&str; 14] = [
    "ERROR", "ERRO", "Error", "error", "WARNING", "WARN", "warn", "INFO", "FATAL", "fatal", "CRITICAL",
    "SEVERE", "DEBUG", "panic",
];

/// The line after its first prefix; `None` if it has none.
fn prefix(line: &str) -> Option<&str> {
    for known in ["##[error]", "##[debug]", "> ", "| ", "remote: ", "stderr F ", "stdout F ", "E   "] {
        if let Some(rest) = line.strip_prefix(known) {
            return Some(rest);
        }
    }
    // `::error file=x::`
    if let Some(rest) =
        line.strip_prefix("::").filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    {
        return rest.split_once("::").map(|(_, rest)| rest);
    }
    // `Step #3 - "deploy": `, `#12 4.323 `
    if let Some(rest) = line.strip_prefix("Step #") {
        let end = rest.find(": ").filter(|end| *end < 80)?;
        return Some(&rest[end + 2..]);
    }
    if let Some(rest) = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Some(rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '.'));
    }
    // `E0102 12:34:56.789012 1 main.go:12] `
    let bytes = line.as_bytes();
    if bytes.len() > 5 && b"EWIF".contains(&bytes[0]) && bytes[1..5].iter().all(u8::is_ascii_digit) {
        let end = line.find("] ").filter(|end| *end < 120)?;
        return Some(&line[end + 2..]);
    }
    time(line).or_else(|| level(line)).or_else(|| container(line))
}

/// `2027-01-15T08:00:00.123Z `, `[08:00:00] `
fn time(line: &str) -> Option<&str> {
    let inside = line.strip_prefix(['[', '(']).unwrap_or(line);
    let of_time = |c: char| c.is_ascii_digit() || "-:/.,TZ+ ".contains(c);
    let end = inside.find(|c| !of_time(c)).unwrap_or(inside.len());
    let end = inside[..end].rfind(|c: char| c.is_ascii_digit() || c == 'Z')? + 1;
    let text = &inside[..end];
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let fits = text.starts_with(|c: char| c.is_ascii_digit())
        && digits >= 6
        && text.bytes().filter(|byte| *byte == b':').count() >= 2;
    let rest = inside[end..].trim_start_matches([']', ')']);
    (fits && (rest.is_empty() || rest.starts_with([' ', '\t', ':'])))
        .then(|| rest.trim_start_matches([':', ' ']))
}

/// `ERROR: `, `[ERROR] `, `[main] ERROR c.e.App - `
fn level(line: &str) -> Option<&str> {
    let inside = line.strip_prefix('[').unwrap_or(line);
    let rest = LEVEL_WORDS.iter().find_map(|word| inside.strip_prefix(word))?;
    let rest = rest.trim_start_matches(']');
    let ends =
        rest.strip_prefix(": ").or_else(|| rest.strip_prefix(" - ")).or_else(|| rest.strip_prefix("  "));
    ends.or_else(|| line.starts_with('[').then_some(rest))
}

/// `app-1  | `, as docker compose prints.
fn container(line: &str) -> Option<&str> {
    let end = line.char_indices().take(48).find(|(_, c)| *c == '|').map(|(at, _)| at)?;
    let name = line[..end].trim_end();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!name.is_empty() && end > name.len() && name.chars().all(plain)).then(|| &line[end + 1..])
}

/// One level of the escapes that programming languages, JSON and shells write.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(c) = after.chars().next() else {
            rest = &rest[at..];
            break;
        };
        let mut used = c.len_utf8();
        match c {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' | '\n' => {}
            'u' | 'x' => {
                let length = if c == 'u' { 4 } else { 2 };
                let code = after.get(1..1 + length).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(c) => {
                        out.push(if c.is_control() && c != '\n' { ' ' } else { c });
                        used = 1 + length;
                    }
                    None => out.extend(['\\', c]),
                }
            }
            '"' | '\'' | '\\' | '/' | '`' | '$' => out.push(c),
            _ => out.extend(['\\', c]),
        }
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

/// `&quot;` and its kin, in logs that a web page showed.
fn without_entities(text: &str) -> String {
    const ENTITIES: [(&str, &str); 7] = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (shown, length) = known.map_or(("&", 1), |(entity, shown)| (*shown, entity.len()));
        out.push_str(shown);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// Restores braces that GitHub's runner masked: it masks each line of a secret, and a key file has lines with only a
/// brace.
fn unmasked(written: &str) -> Option<String> {
    let (first, rest) = written.split_once("***")?;
    let mut out = first.to_owned();
    for part in rest.split("***") {
        out.push(if part.trim_start().starts_with('"') { '{' } else { '}' });
        out.push_str(part);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_loggers_and_frames_are_removed() {
        for line in [
            "\u{1b}[31mERROR\u{1b}[0m: denied, it says",
            "2027-01-15T08:00:00.1234567Z ##[error]denied, it says",
            "[2027-01-15 08:00:00,123] ERROR: denied, it says",
            "Step #3 - \"deploy\": denied, it says",
            "#12 4.323 denied, it says",
            "app-1  | 2027-01-15 08:00:00 [ERROR] denied, it says",
            "E0115 08:00:00.789012       1 main.go:12] denied, it says",
            "2027-01-15T08:00:00.123+01:00 stderr F denied, it says",
            "::error file=x.tf,line=3::denied, it says",
            "│ Error: denied,\n│ it says\n╵",
            "> > denied, it says",
        ] {
            assert_eq!(unwrap(line)[0].trim(), "denied, it says", "{line}");
        }
        assert_eq!(unwrap("12:30 The end")[0], "12:30 The end");
    }

    #[test]
    fn escaping_is_removed_a_level_at_a_time() {
        let levels = unwrap(r#"a \"b \\\"c\\\" d\" &quot;e&quot;"#);
        assert_eq!(levels[1], r#"a "b \"c\" d" "e""#);
        assert_eq!(levels[2], r#"a "b "c" d" "e""#);
        assert_eq!(levels.len(), 3);
    }
}
