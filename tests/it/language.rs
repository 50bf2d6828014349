//! The rules of language in CONTRIBUTING.md that a search can find, for Markdown, and for the comments and string
//! literals of the product. Tests don't count.
//!
//! Not searched yet: the comments of `crates/emulator/src`.

use std::fs;

use super::docs::pages;
use crate::support::sources;

/// Phrases that are ambiguous or sound translated, with what to write.
const AVOIDED: [(&str, &str); 6] = [
    ("may not", "can't, or isn't allowed to; might not, for a possibility"),
    ("whoever", "anyone who"),
    ("somebody", "someone"),
    ("anew", "again"),
    ("nothing but", "only"),
    ("all the same", "anyway"),
];

/// Words that make a plain sentence of “is no …” and “are no …”.
const PLAIN: [&str; 4] = ["longer", "more", "less", "such"];

/// Sentences of Google's, and words about words.
const QUOTED: [&str; 3] = ["(or it may not exist)", "“may not” is ambiguous", "| somebody |"];
/// What should be worded in another way.
fn avoided(text: &str) -> Vec<String> {
    let text = QUOTED.iter().fold(text.to_owned(), |text, quoted| text.replace(quoted, "…"));
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let starts = |phrase: &str| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            words.get(at..at + phrase.len()).is_some_and(|words| same(words, &phrase))
        };
        for (phrase, better) in AVOIDED {
            if starts(phrase) {
                found.push(format!("“{phrase}”: {better}"));
            }
        }
        let defined = starts("is no") || starts("are no");
        let there = at > 0 && same(&words[at - 1..at], &["there"]);
        let next = words.get(at + 2).copied().unwrap_or_default();
        if defined && !there && next.starts_with(char::is_lowercase) && !PLAIN.contains(&letters(next)) {
            found.push(format!("“{word} no {next}”: say what it is, or isn't"));
        }
    }
    found
}

/// Whether these words are the phrase, but for what stands before and after it.
fn same(words: &[&str], phrase: &[&str]) -> bool {
    let last = phrase.len() - 1;
    words.iter().zip(phrase).enumerate().all(|(at, (word, wanted))| {
        let word = if at == 0 { word.trim_start_matches(|c: char| !c.is_alphanumeric()) } else { word };
        let word = if at == last { letters(word) } else { word };
        word.eq_ignore_ascii_case(wanted)
    })
}

fn letters(word: &str) -> &str {
    word.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// The comments and the string literals of some Rust.
fn prose(mut code: &str) -> (Vec<String>, Vec<String>) {
    let (mut comments, mut literals): (Vec<String>, Vec<String>) = Default::default();
    let mut in_comment = false;
    while let Some(at) = code.find(['"', '/', '\'']) {
        let before = &code[..at];
        code = &code[at..];
        if let Some(comment) = code.strip_prefix("//") {
            let (line, rest) = comment.split_once('\n').unwrap_or((comment, ""));
            let line = line.trim_start_matches(['/', '!']);
            match comments.last_mut().filter(|_| in_comment && before.trim().is_empty()) {
                Some(text) => text.push_str(line),
                None => comments.push(line.to_owned()),
            }
            (in_comment, code) = (true, rest);
            continue;
        }
        in_comment = false;
        if code.starts_with('"') {
            let hashes = before.len() - before.trim_end_matches('#').len();
            let end = if before.trim_end_matches('#').ends_with('r') {
                code[1..].find(&format!("\"{}", "#".repeat(hashes)))
            } else {
                let mut escaped = false;
                code[1..].find(|c: char| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                })
            };
            let end = 1 + end.expect("a literal ends");
            literals.push(code[1..end].replace("\\\n", " "));
            code = &code[end + 1..];
        } else {
            let quoted = ["'\"'", "'\\''", "'\\\"'", "'/'"].into_iter().find(|c| code.starts_with(c));
            code = &code[quoted.map_or(1, str::len)..];
        }
    }
    (comments, literals)
}

#[test]
fn phrases_are_found_in_every_form() {
    for bad in ["this is no word", "**May not**.", "“whoever”", "somebody's", "they are no\nlists"] {
        assert_eq!(avoided(bad).len(), 1, "{bad}");
    }
    for good in
        ["there is no word", "it is no longer", "X is no Y", "may. Not", "denied (or it may not exist)."]
    {
        assert_eq!(avoided(good), [""; 0], "{good}");
    }
    let code =
        "/// One\n/// two.\nlet anew = ['\"', '/']; // three\nf(r#\"a \"b\" c\"#, \"d \\\"e\\\n  f\");";
    let (comments, literals) = prose(code);
    assert_eq!(comments, [" One two.", " three"]);
    assert_eq!(literals, ["a \"b\" c", "d \\\"e   f"]);
}

#[test]
fn documentation_is_worded_plainly() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        assert_eq!(avoided(&text), [""; 0], "{}", page.display());
    }
}

#[test]
fn product_speaks_plainly() {
    let is_test =
        |name: &str| name.contains("/tests") || name.contains("_tests") || name.ends_with("/testing.rs");
    let (mut seen, mut wrong) = (0, Vec::new());
    for (name, text) in sources("src", "rs").into_iter().chain(sources("crates/emulator/src", "rs")) {
        if is_test(&name) {
            continue;
        }
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let (comments, literals) = prose(product);
        for text in comments.iter().chain(&literals) {
            if !avoided(text).is_empty() {
                wrong.push(format!("{name}: {text} {:?}", avoided(text)));
            }
        }
        seen += literals.len();
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 3_000, "the literals are found: {seen}");
}
