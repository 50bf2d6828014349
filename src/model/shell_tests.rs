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
