//! What terminals send, and what it does: in pieces, without brackets, without an end, and on terminals that can't do much.

use crate::{
    support::{Home, eventually},
    terminal::Terminal,
};

const SIZE: (u16, u16) = (120, 40);

/// {"alg":"none"} . {"sub":"quay","aud":"https://rushed.example"} .
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJxdWF5IiwiYXVkIjoiaHR0cHM6Ly9ydXNoZWQuZXhhbXBsZSJ9.";

fn demo(home: &Home) -> Terminal {
    let mut terminal = Terminal::demo(home, SIZE);
    terminal.wait_for_quiet();
    terminal
}

#[test]
fn a_paste_without_an_end_lets_ctrl_c_leave_and_ends_by_itself() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.type_text("\u{1b}[200~an unfinished");
    terminal.wait_for("Paste ignored");
    terminal.press("?");
    terminal.wait_for("┌ Help ");
    terminal.type_text("\u{1b}[200~q");
    terminal.press("ctrl-c");
    terminal.ends_with(130);
}

#[test]
fn an_arrow_that_comes_in_pieces_is_an_arrow() {
    let home = Home::new();
    let mut terminal = demo(&home);
    let row = |screen: &str| screen.lines().position(|line| line.contains('▌'));
    let before = row(&terminal.screen());
    // Tried again if this test itself was too slow.
    eventually("the row below", || {
        terminal.type_text("\u{1b}");
        std::thread::sleep(std::time::Duration::from_millis(10));
        terminal.type_text("[B");
        terminal.press("?");
        terminal.wait_for("┌ Help ");
        terminal.press("?");
        let screen = terminal.wait_until("no help", |screen| !screen.contains("┌ Help "));
        (row(&screen) > before).then_some(())
    });
}

#[test]
fn late_answers_and_unfinished_sequences_press_nothing() {
    let home = Home::new();
    let mut terminal = demo(&home);
    let before = terminal.screen();
    for sent in [
        "\u{1b}[?62;22c\u{1b}[>1;10;0c\u{1b}P!|00000000\u{1b}\\\u{1b}[12;40R",
        "\u{1b}]11;rgb:1e1e/1e1e/2e2e\u{1b}\\\u{1b}]4;1;rgb:ffff/0000/0000\u{7}\u{1b}[?2026;2$y",
        "\u{1b}P>|kitty(0.35.2)\u{1b}\\\u{1b}[?0u\u{1b}[I\u{1b}[O\u{1b}[M qq\u{1b}[<35;9;9M\u{1b}[<0;9;9m",
        "\u{1b}]10;rgb:qq",
    ] {
        terminal.type_text(sent);
    }
    // Ends the last one, which nothing else did.
    terminal.type_text("\u{1b}OP");
    terminal.wait_for("┌ Help ");
    terminal.press("?");
    terminal.wait_until("the screen as it was", |screen| screen == before);
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn a_token_sent_without_brackets_is_never_run_as_keys() {
    let home = Home::new();
    let mut terminal = demo(&home);
    let list = |screen: &str| screen.lines().take(20).map(str::to_owned).collect::<Vec<_>>();
    let before = list(&terminal.screen());
    terminal.type_text(&format!("{TOKEN}\r"));
    let screen = terminal.wait_for("Paste ignored");
    assert_eq!(list(&screen), before);
    terminal.press("4");
    terminal.wait_for("Paste a token here");
    terminal.type_text(&format!("{TOKEN}\r"));
    let screen = terminal.wait_for("https://rushed.example");
    assert!(!screen.contains("I will call"), "{screen}");
    terminal.press("q");
    terminal.ends_with(0);
}

#[test]
fn words_are_moved_over_with_alt() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("/");
    terminal.type_text("one two three");
    terminal.wait_for("one two three");
    terminal.type_text("\u{1b}b<");
    terminal.wait_for("one two <three");
    terminal.type_text("\u{1b}b\u{1b}b>");
    terminal.wait_for(">one two <three");
}

#[test]
fn the_cursor_stands_behind_joined_emoji() {
    let home = Home::new();
    let mut terminal = demo(&home);
    terminal.press("/");
    let cursor = |terminal: &mut Terminal| terminal.cursor().1;
    terminal.type_text("|");
    terminal.wait_until("the filter", |screen| screen.contains("/|") || screen.contains("|"));
    let start = cursor(&mut terminal);
    terminal.type_text("👨\u{200d}👩\u{200d}👧 e\u{301}中|");
    let screen = terminal.wait_until("all of it", |screen| screen.contains("中|"));
    assert!(screen.contains('👧'), "{screen}");
    // Three emoji and two marks, a blank, a letter, a wide one and the bar.
    assert_eq!(cursor(&mut terminal) - start, 8 + 1 + 1 + 2 + 1);
}

#[test]
fn a_terminal_that_cannot_place_the_cursor_is_refused_in_a_sentence() {
    for arguments in [&["--demo"][..], &[]] {
        let home = Home::new();
        let dumb = [("TERM".to_owned(), "dumb".to_owned())];
        let mut terminal = Terminal::start(&home, SIZE, arguments, &dumb);
        terminal.ends_with(2);
        terminal.wait_for("a terminal that can place the cursor (TERM is dumb)");
        assert!(!terminal.raw().contains(&b'\x1b'), "nothing but words was written");
    }
}

#[test]
fn a_token_piped_into_the_explorer_is_sent_to_the_subcommand() {
    let sentence = Home::new().run_with(TOKEN, &[]).failed(2);
    assert!(sentence.contains("impersona decode"), "{sentence}");
}
