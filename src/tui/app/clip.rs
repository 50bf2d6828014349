//! Text for the clipboard. Pasted into a terminal, text can do harm: end the paste and run what follows, or look like
//! something else. So a [`Clip`] is made only by its constructors, which remove characters that don't show what they are;
//! commands are quoted so that nothing has to be removed from them.

use crate::model::{
    secret::Secret,
    shell::{UNQUOTABLE, quote},
    visible::{self, is_unsafe},
};

/// Text for the clipboard, with its name for the notice.
#[derive(Clone, Debug)]
pub struct Clip {
    text: Secret,
    what: String,
    /// The credential in the text, if there is one.
    credential: Option<Secret>,
}

impl Clip {
    /// One line from outside, such as a name. `what` names it for the notice: `email of deployer@acme-prod`.
    pub(crate) fn line(text: &str, what: impl Into<String>) -> Clip {
        let mut removed = 0;
        let text = without(text, is_unsafe, &mut removed);
        Clip::new(Secret::new(text), what.into(), None, removed)
    }

    /// Several of them in one line, each quoted for a shell: a line break would run what comes before it. A single one
    /// isn't quoted.
    pub(crate) fn words<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, what: impl Into<String>) -> Clip {
        let mut removed = 0;
        let mut words: Vec<String> =
            texts.into_iter().map(|text| without(text.as_ref(), is_unsafe, &mut removed)).collect();
        let mut what = what.into();
        if words.len() > 1 {
            what = format!("{what} and {} more", words.len() - 1);
            words = words.iter().map(|word| quote(word)).collect();
        }
        Clip::new(Secret::new(words.join(" ")), what, None, removed)
    }

    /// JSON from outside, in one line, with invisible characters escaped. Given several lines, a shell would run what
    /// the strings in it say.
    pub(crate) fn json(text: &str, what: impl Into<String>) -> Clip {
        let shown = visible::json(text);
        // These line breaks aren't in strings: there they are escaped.
        let line: Vec<&str> = shown.lines().map(str::trim).collect();
        Clip::new(Secret::new(line.join(" ")), what.into(), None, 0)
    }

    /// A text made here, with its line breaks: commands, a block, a message.
    ///
    /// # Errors
    /// A sentence, for a command with a word that can't be quoted for a shell.
    pub fn text(text: &str, what: impl Into<String>) -> Result<Clip, String> {
        let what = what.into();
        if text.contains(UNQUOTABLE) {
            return Err(format!("Didn't copy {what}: it contains a name that can't be quoted for a shell"));
        }
        // Pasted into a shell, all lines but the last may run at once.
        let what = match text.trim_end().lines().count() {
            0 | 1 => what,
            count => format!("{what}, {count} lines"),
        };
        let mut removed = 0;
        let text = without(text, |c| c != '\n' && is_unsafe(c), &mut removed);
        Ok(Clip::new(Secret::new(text), what, None, removed))
    }

    /// A credential: cleared after a while.
    pub(crate) fn credential(secret: Secret, what: impl Into<String>) -> Clip {
        Clip::with_credential(secret.clone(), secret, what)
    }

    /// A text that contains this credential, such as a header: cleared after a while.
    pub(crate) fn with_credential(text: Secret, secret: Secret, what: impl Into<String>) -> Clip {
        if !text.expose().contains(is_unsafe) {
            return Clip::new(text, what.into(), Some(secret), 0);
        }
        let mut removed = 0;
        let text = Secret::new(without(text.expose(), is_unsafe, &mut removed));
        Clip::new(text, what.into(), Some(secret), removed)
    }

    fn new(text: Secret, what: String, credential: Option<Secret>, removed: usize) -> Clip {
        let what = match removed {
            0 => what,
            1 => format!("{what}, without 1 control or invisible character"),
            count => format!("{what}, without {count} control or invisible characters"),
        };
        Clip { text, what, credential }
    }

    /// The text, secret or not, in one type.
    pub fn content(&self) -> &Secret {
        &self.text
    }

    /// Its name and what was removed, for the notice.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether it is cleared after a while.
    pub(crate) fn is_sensitive(&self) -> bool {
        self.credential.is_some()
    }

    /// The credential in the text, whatever it was copied from.
    pub(crate) fn held(&self) -> Option<&Secret> {
        self.credential.as_ref()
    }
}

fn without(text: &str, unwanted: impl Fn(char) -> bool, removed: &mut usize) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        if unwanted(c) {
            *removed += 1;
        } else {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_where_it_is_pasted_is_taken_out_and_said() {
        let clip = Clip::line("user:a@b.c\x1b[201~\ntouch x\r", "the member");
        assert_eq!(clip.content().expose(), "user:a@b.c[201~touch x");
        assert_eq!(clip.what(), "the member, without 3 control or invisible characters");
        let clip = Clip::words(["a\u{202e}", "b"], "a");
        assert_eq!(
            (clip.content().expose(), clip.what()),
            ("a b", "a and 1 more, without 1 control or invisible character")
        );
        let clip = Clip::text("a\u{9b}\n  b\n", "the block").unwrap();
        assert_eq!((clip.content().expose(), clip.is_sensitive()), ("a\n  b\n", false));
        let clip = Clip::credential(Secret::new("ya29.x\x07\n"), "the token");
        assert_eq!((clip.content().expose(), clip.is_sensitive()), ("ya29.x", true));
        assert_eq!(Clip::line("plain", "it").what(), "it");
    }

    #[test]
    fn several_names_are_words_of_one_line() {
        let names = ["user:a@b.c", ";touch P;", "user:$(x)@'b'.c\n"];
        let clip = Clip::words(names, "the member");
        assert_eq!(clip.content().expose(), r"user:a@b.c ';touch P;' 'user:$(x)@'\''b'\''.c'");
        assert_eq!(Clip::words(names.into_iter().skip(1).take(1), "it").content().expose(), ";touch P;");
    }

    #[test]
    fn a_text_of_several_lines_says_so() {
        let what = |text: &str| Clip::text(text, "the block").unwrap().what().to_owned();
        assert_eq!(
            [what("a"), what("a\n"), what("a\n  b\n")],
            ["the block", "the block", "the block, 2 lines"]
        );
    }

    #[test]
    fn json_from_outside_is_one_line() {
        let text = "{\n  \"a\": \"$(touch P)\u{202e}\",\n  \"b\": [\n1 ]\n}";
        let clip = Clip::json(text, "decoded token");
        let copied = clip.content().expose();
        assert_eq!(copied, r#"{ "a": "$(touch P)\u202e", "b": [ 1 ] }"#);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(copied).unwrap(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }

    #[test]
    fn a_command_that_no_shell_can_be_given_is_refused() {
        let command = format!("gcloud x {}", crate::model::shell::quote("a\0b"));
        assert!(Clip::text(&command, "the command").unwrap_err().contains("Didn't copy"));
    }
}
