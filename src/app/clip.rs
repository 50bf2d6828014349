//! What goes to the clipboard. Pasted into a terminal, text can act: end the paste and run what follows, or look like
//! something else. So nothing gets into a [`Clip`] but by its constructors, which take out what does not show what it is;
//! commands were quoted so that nothing has to be taken out of them.

use crate::model::{secret::Secret, shell::UNQUOTABLE, visible::is_unsafe};

/// Something to put on the clipboard.
#[derive(Clone, Debug)]
pub struct Clip {
    text: Secret,
    what: String,
    sensitive: bool,
}

impl Clip {
    /// One line from outside, such as a name. `what` it is, for the notice: `the e-mail of deployer@acme-prod`.
    pub fn line(text: &str, what: impl Into<String>) -> Clip {
        Clip::lines([text], what)
    }

    /// Several of them, a line each.
    pub fn lines<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, what: impl Into<String>) -> Clip {
        let mut removed = 0;
        let lines: Vec<String> =
            texts.into_iter().map(|text| without(text.as_ref(), is_unsafe, &mut removed)).collect();
        Clip::new(Secret::new(lines.join("\n")), what.into(), false, removed)
    }

    /// A text of ours, whose line breaks are ours as well: commands, a block, a message.
    ///
    /// # Errors
    /// One sentence, for a command with a word that no shell can be given.
    pub fn text(text: &str, what: impl Into<String>) -> Result<Clip, String> {
        let what = what.into();
        if text.contains(UNQUOTABLE) {
            return Err(format!(
                "{what} was not copied: a name in it holds characters that no shell can be given"
            ));
        }
        let mut removed = 0;
        let text = without(text, |c| c != '\n' && is_unsafe(c), &mut removed);
        Ok(Clip::new(Secret::new(text), what, false, removed))
    }

    /// A credential, or a line that holds one: cleared again after a while.
    pub fn credential(text: Secret, what: impl Into<String>) -> Clip {
        if !text.expose().contains(is_unsafe) {
            return Clip::new(text, what.into(), true, 0);
        }
        let mut removed = 0;
        let text = Secret::new(without(text.expose(), is_unsafe, &mut removed));
        Clip::new(text, what.into(), true, removed)
    }

    fn new(text: Secret, what: String, sensitive: bool, removed: usize) -> Clip {
        let what = match removed {
            0 => what,
            1 => format!("{what}, without 1 control or invisible character"),
            count => format!("{what}, without {count} control or invisible characters"),
        };
        Clip { text, what, sensitive }
    }

    /// The text, secret or not: one type for all.
    pub fn content(&self) -> &Secret {
        &self.text
    }

    /// What it is, and what it lacks, for the notice.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether it is cleared again after a while.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
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
        let clip = Clip::lines(["a\u{202e}", "b"], "both");
        assert_eq!(
            (clip.content().expose(), clip.what()),
            ("a\nb", "both, without 1 control or invisible character")
        );
        let clip = Clip::text("a\u{9b}\n  b\n", "the block").unwrap();
        assert_eq!((clip.content().expose(), clip.is_sensitive()), ("a\n  b\n", false));
        let clip = Clip::credential(Secret::new("ya29.x\x07\n"), "the token");
        assert_eq!((clip.content().expose(), clip.is_sensitive()), ("ya29.x", true));
        assert_eq!(Clip::line("plain", "it").what(), "it");
    }

    #[test]
    fn a_command_that_no_shell_can_be_given_is_refused() {
        let command = format!("gcloud x {}", crate::model::shell::quote("a\0b"));
        assert!(Clip::text(&command, "the command").unwrap_err().contains("was not copied"));
    }
}
