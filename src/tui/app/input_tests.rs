//! Keys without a binding, characters that come too fast for keys, and editing words.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::{
    Focus,
    msg::{Effect, Msg, PaneId},
    testing::Screen,
};
use crate::keymap::Place;

/// {"alg":"none"} . {"sub":"quay","aud":"https://rushed.example"} .
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJxdWF5IiwiYXVkIjoiaHR0cHM6Ly9ydXNoZWQuZXhhbXBsZSJ9.";

fn burst(screen: &mut Screen, text: &str) {
    screen.send(Msg::Burst(text.into()));
}

fn press(screen: &mut Screen, code: KeyCode, modifiers: KeyModifiers) {
    screen.send(Msg::Input(Event::Key(KeyEvent::new(code, modifiers))));
}

/// The text of the field that has the keyboard.
fn text(screen: &Screen) -> &str {
    screen.app.line().expect("a line is edited").text()
}

#[test]
fn burst_outside_text_is_refused_like_a_paste() {
    for (keys, place) in [
        ("", Place::Accounts),
        ("1", Place::Reading),
        ("6", Place::Activity),
        ("t", Place::MintMenu),
        ("X", Place::Confirm),
        ("?", Place::Help),
    ] {
        let mut screen = Screen::with_token();
        screen.keys("0").keys(keys);
        assert_eq!(screen.app.place(), place);
        screen.effects.clear();
        burst(&mut screen, &format!("{TOKEN}\r"));
        assert!(screen.notice().starts_with("Paste ignored"), "{place:?}: {}", screen.notice());
        assert_eq!(screen.app.place(), place, "nothing was opened, closed or answered");
        assert!(
            screen.effects.iter().all(|effect| matches!(effect, Effect::After(..))),
            "{:?}",
            screen.effects
        );
    }
}

#[test]
fn burst_in_the_inspector_is_its_token() {
    let mut screen = Screen::ready();
    screen.keys("4");
    burst(&mut screen, &format!("{TOKEN}\r"));
    assert_eq!(screen.app.place(), Place::Inspect);
    assert!(!screen.app.panes.inspect.is_empty() && screen.notice().is_empty(), "{}", screen.notice());
}

#[test]
fn burst_in_a_text_field_is_its_text_and_ends_as_typed() {
    let mut screen = Screen::ready();
    screen.keys("/");
    burst(&mut screen, "deployer@acme-prod\rX");
    assert_eq!(text(&screen), "deployer@acme-prod X", "a line break inside is none");
    screen.keys("ctrl-u");
    burst(&mut screen, "deployer@acme-prod\r\r");
    assert_eq!(
        (screen.app.place(), screen.app.focus),
        (Place::Accounts, Focus::List),
        "one line break at the end"
    );
    // What opens a filter may come first.
    screen.keys("esc");
    burst(&mut screen, "/deployer@acme-prod");
    assert_eq!(text(&screen), "deployer@acme-prod");
    screen.keys("esc esc enter t i");
    burst(&mut screen, "https://rushed.example\t");
    let form = screen.app.place();
    screen.keys("ctrl-s");
    assert_eq!((form, screen.mints().len()), (Place::Form, 1));
}

#[test]
fn burst_of_a_credential_is_kept_out_of_text_fields() {
    let mut screen = Screen::ready();
    screen.keys("/");
    burst(&mut screen, &format!("{TOKEN}\r"));
    assert_eq!((screen.app.place(), text(&screen)), (Place::Text, ""));
    assert!(screen.notice().contains("looks like a credential"), "{}", screen.notice());
}

#[test]
fn key_without_a_binding_says_so_outside_text() {
    let mut screen = Screen::ready();
    screen.keys("w");
    assert_eq!(screen.notice(), "“w” does nothing here · ? help");
    let said = screen.effects.len();
    screen.keys("w w w");
    assert_eq!(screen.effects.len(), said, "a key that is held down says it once");
    press(&mut screen, KeyCode::Char('b'), KeyModifiers::ALT);
    assert_eq!(screen.notice(), "“alt-b” does nothing here · ? help");
    press(&mut screen, KeyCode::F(9), KeyModifiers::NONE);
    assert_eq!(screen.notice(), "“F9” does nothing here · ? help");
    screen.keys("enter t w");
    assert_eq!(screen.notice(), "“w” does nothing here · F1 help");
    screen.keys("esc 0");
    screen.expire_notice();
    screen.keys("/").typed("wй");
    assert_eq!((text(&screen), screen.notice()), ("wй", ""));
}

#[test]
fn key_of_another_layout_says_what_to_do_and_a_wide_letter_is_its_letter() {
    let mut screen = Screen::ready();
    for letter in ["й", "θ", "ש"] {
        screen.typed(letter);
        assert_eq!(screen.notice(), format!("“{letter}” isn't a key here: switch the keyboard layout"));
    }
    screen.typed("４");
    assert_eq!((screen.app.pane, screen.app.place()), (PaneId::Inspect, Place::Inspect));
    screen.typed("０").typed("／").typed("ｄe");
    assert_eq!(text(&screen), "ｄe", "text is as it was typed");
}

#[test]
fn words_are_moved_over_and_deleted_in_every_text_field() {
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    let open = |keys: &str| {
        let mut screen = Screen::ready();
        screen.keys(keys).typed("one two three");
        screen
    };
    for keys in ["/", ":"] {
        for (code, modifiers) in [(KeyCode::Char('b'), ALT), (KeyCode::Left, ALT), (KeyCode::Left, CTRL)] {
            let mut screen = open(keys);
            press(&mut screen, code, modifiers);
            screen.typed("<");
            assert_eq!(text(&screen), "one two <three", "{code:?}");
        }
        for (code, modifiers) in [(KeyCode::Char('f'), ALT), (KeyCode::Right, ALT), (KeyCode::Right, CTRL)] {
            let mut screen = open(keys);
            screen.keys("ctrl-a");
            press(&mut screen, code, modifiers);
            screen.typed("<");
            assert_eq!(text(&screen), "one <two three", "{code:?}");
        }
        let mut screen = open(keys);
        press(&mut screen, KeyCode::Backspace, ALT);
        assert_eq!(text(&screen), "one two ");
        screen.keys("ctrl-w ctrl-a");
        press(&mut screen, KeyCode::Char('d'), ALT);
        assert_eq!(text(&screen), "");
        screen.typed("one two").keys("ctrl-a").typed("0 ").keys("ctrl-e").typed("!");
        assert_eq!(text(&screen), "0 one two!");
        screen.keys("ctrl-u");
        assert_eq!(text(&screen), "");
    }
}
