use super::*;

#[test]
fn what_a_shell_would_read_as_more_than_a_word_is_quoted() {
    assert_eq!(
        quote("deployer@acme-prod.iam.gserviceaccount.com"),
        "deployer@acme-prod.iam.gserviceaccount.com"
    );
    assert_eq!(quote("a b; rm -rf $HOME"), "'a b; rm -rf $HOME'");
    assert_eq!(quote("it's"), r"'it'\''s'");
    assert_eq!(quote(""), "''");
    assert_eq!(quote("=ls"), "'=ls'");
}

#[test]
fn what_acts_on_a_terminal_is_made_when_the_command_runs() {
    assert_eq!(quote("a\x1b[201~\nb"), r#""$(printf %b 'a\0033[201~\0012b')""#);
    assert_eq!(
        quote("it's\t!x \\ é\u{202e}"),
        r#""$(printf %b 'it\0047s\0011\0041x \0134 é\0342\0200\0256')""#
    );
    for word in ["a\0b", "a\n", "\n"] {
        assert_eq!(quote(word), UNQUOTABLE.to_string());
    }
}

/// Characters that need no quotes by POSIX.1-2024, section 2.2: all that it doesn't list among those that must or might
/// have to be quoted. Of those, `%`, `=` and `,` matter only where none of our words occur, and `=` at the start of a
/// word in zsh.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte)
}

#[test]
fn each_ascii_character_alone_and_between_letters_is_quoted_unless_it_is_plain() {
    for byte in 0..128_u8 {
        let c = char::from(byte);
        for word in [format!("{c}"), format!("{c}b"), format!("a{c}"), format!("a{c}b")] {
            let plain = is_plain(byte) && !word.starts_with('=');
            let quoted = quote(&word);
            // NUL's replacement looks like it, and is never copied.
            assert!((quoted == word) == plain || word == "\0", "{word:?} is {quoted}");
            if plain {
                continue;
            }
            let expected = match c {
                '\0' => UNQUOTABLE.to_string(),
                '\n' if word.ends_with('\n') => UNQUOTABLE.to_string(),
                '\'' => format!("'{}'", word.replace('\'', r"'\''")),
                _ if c.is_ascii_control() => {
                    format!("\"$(printf %b '{}')\"", word.replace(c, &format!("\\0{byte:03o}")))
                }
                _ => format!("'{word}'"),
            };
            assert_eq!(quoted, expected, "{word:?}");
        }
    }
}

#[test]
fn each_sign_that_acts_within_double_quotes_is_escaped_beside_a_control() {
    for byte in b' '..=b'~' {
        let c = char::from(byte);
        // Characters that end a quote, start an expansion or substitution, or refer to the shell's history.
        let acts = r#"'"!\`$()"#.contains(c);
        let inner = if acts { format!("\\0{byte:03o}") } else { c.to_string() };
        assert_eq!(quote(&format!("\x1b{c}1")), format!("\"$(printf %b '\\0033{inner}1')\""));
    }
}

#[test]
fn nothing_that_is_quoted_acts_on_a_terminal() {
    let acting = ['\0'..='\x1f', '\x7f'..='\u{a0}', '\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}'];
    for c in acting.into_iter().flatten().chain(['\u{61c}', '\u{feff}', '\u{2066}', '\u{2069}']) {
        let quoted = quote(&format!("a{c}b"));
        let shown = c == '\u{a0}' || quoted == UNQUOTABLE.to_string() || !quoted.contains(c);
        assert!(shown, "{:x}: {quoted:?}", c as u32);
    }
}

/// What real shells make of it.
#[cfg(unix)]
mod in_shells {
    use std::process::Command;

    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

    use super::*;

    /// The words as each available shell passes them to a program. POSIX requires `sh`; others are tried if installed.
    #[track_caller]
    fn assert_come_through(words: &[String]) {
        let folder = tempfile::tempdir().unwrap();
        // Files for patterns to match: one character, and any between letters.
        for name in ["x", "axb", "ab", "a"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
        for shell in ["sh", "bash", "dash", "ksh", "zsh", "mksh", "yash"] {
            let mut command = Command::new(shell);
            command.arg("-c").arg(format!("printf '%s\\0' {}", quoted.join(" "))).current_dir(&folder);
            command.env("HOME", folder.path());
            let Ok(output) = command.output() else {
                assert_ne!(shell, "sh", "there is a POSIX shell");
                continue;
            };
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
            let mut got: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
            assert_eq!(got.pop(), Some(&b""[..]), "{shell}");
            for ((word, quoted), got) in words.iter().zip(&quoted).zip(&got) {
                assert_eq!(String::from_utf8_lossy(got), *word, "{shell} of {quoted}");
            }
            assert_eq!(got.len(), words.len(), "{shell}");
        }
    }

    #[test]
    fn each_ascii_character_comes_through_alone_and_beside_others() {
        let words = (1..128_u8).flat_map(|byte| {
            let c = char::from(byte);
            ["{}", "{}b", "a{}", "a{}b", "{}{}", "{}\x1b", "\x1b{}1", "{}''"]
                .map(|form| form.replace("{}", &c.to_string()))
        });
        let words: Vec<String> = words.filter(|word| !word.ends_with('\n')).collect();
        assert_come_through(&words);
    }

    #[test]
    fn each_word_that_a_shell_expands_comes_through() {
        let words = [
            "",
            "~",
            "~root",
            "$HOME",
            "${HOME}",
            "$$",
            "$?",
            "$1",
            "$(id)",
            "`id`",
            "*",
            "?",
            "a?b",
            "[ax]",
            "a[x]b",
            "{a,b}",
            "#x",
            "x#",
            "a;b",
            "a|b",
            "a&b",
            "<x",
            ">y",
            "!!",
            "!1",
            "^a^b",
            "-n",
            "--",
            "-e",
            "%s",
            "%b",
            "\\n",
            "\\0101",
            "\\",
            "\\\\",
            "'",
            "''",
            "\"",
            "a'b'c",
            "é",
            "日本",
            "a\u{202e}b",
            "\u{feff}",
            "1\x1b1",
            "\x1b[31m07",
            "a\tb",
            "a\nb",
            "a\r\nb",
            "=ls",
            "a=b",
            "PATH=x",
            "if",
            "then",
            "%1",
        ];
        assert_come_through(&words.map(str::to_owned));
    }

    #[test]
    fn words_of_any_kind_come_through() {
        let kinds = r#"([ -~]|[\x01-\x1f\x7f]|['"\\$`!()]|[0-7]|\\0|[é日\u{202e}\u{200b}]){0,12}"#;
        let mut runner = TestRunner::deterministic();
        let words = (0..300).map(|_| kinds.new_tree(&mut runner).unwrap().current());
        let words: Vec<String> = words.filter(|word| !word.ends_with('\n')).collect();
        assert_come_through(&words);
    }
}
