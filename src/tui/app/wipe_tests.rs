//! What is held, what the clipboard holds, and the question before both are wiped.

use crossterm::event::Event;

use super::{
    msg::{Effect, Msg},
    testing::Screen,
};
use crate::{
    model::{credential::Credential, secret::Secret},
    ops::{Call, Reply},
    tui::overlays::Overlay,
};

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";

fn question(screen: &Screen) -> &str {
    match screen.app.overlays.last() {
        Some(Overlay::Confirm { question, .. }) => question,
        other => panic!("no question: {other:?}"),
    }
}

fn paste(screen: &mut Screen, text: &str) {
    screen.send(Msg::Input(Event::Paste(text.into())));
}

fn clears(screen: &Screen) -> usize {
    screen.effects.iter().filter(|effect| matches!(effect, Effect::ClearClipboard)).count()
}

/// Two tokens on the shelf, the newer one selected, and the older one copied in the inspector.
fn copied_in_the_inspector() -> Screen {
    let mut screen = Screen::ready();
    screen.keys("enter");
    for token in [TOKEN, "ya29.c.newer"] {
        screen.keys("t a ctrl-s");
        let req = screen.asked(|call| matches!(call, Call::Mint { .. }));
        let request = screen.mints().last().map(|request| (*request).clone()).expect("it is being minted");
        let minted = Credential::new(request, Secret::new(token), None, screen.now.utc);
        screen.reply(req, Ok(Reply::from(minted)));
    }
    screen.keys("4");
    paste(&mut screen, TOKEN);
    screen.keys("y y 3");
    screen
}

#[test]
fn clipboard_is_cleared_when_the_copied_token_is_wiped() {
    let mut screen = copied_in_the_inspector();
    screen.keys("j D");
    assert_eq!((screen.app.shared.shelf.items().len(), clears(&screen)), (1, 1));
}

#[test]
fn clipboard_keeps_a_token_when_another_is_wiped() {
    let mut screen = copied_in_the_inspector();
    screen.keys("D");
    assert_eq!((screen.app.shared.shelf.items().len(), clears(&screen)), (1, 0));
}

#[test]
fn wipe_question_names_what_is_held_when_the_shelf_is_empty() {
    let mut screen = Screen::ready();
    screen.keys("4");
    paste(&mut screen, "ya29.c.test");
    screen.keys("X");
    assert!(question(&screen).starts_with("Wipe the inspected token? "), "{}", question(&screen));
    let mut screen = Screen::with_token();
    screen.keys("D T X");
    assert!(
        question(&screen).starts_with("Cancel minting and wipe the clipboard? "),
        "{}",
        question(&screen)
    );
    let mut screen = Screen::with_token();
    screen.keys("X");
    assert!(question(&screen).starts_with("Wipe 1 credential? "), "{}", question(&screen));
}
