//! Text that is copied into a shell.

/// A word for a POSIX shell, in single quotes unless it is plainly harmless.
pub fn quote(text: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@,%+=".contains(&b);
    if !text.is_empty() && text.bytes().all(harmless) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
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
    }
}
