//! The palette, through the keyboard: every row, from every place, acts or says why it doesn't.

use super::tests::{opened, picture};
use crate::{
    keymap::{Action, KeyCtx, PaneId, Place, Row, TABLE},
    ops::{Call, Reply},
    tui::app::{
        msg::Effect,
        testing::{Screen, denied},
    },
};

/// Keys that lead to each kind of place, with nothing and with something in it.
const WAYS: [(&str, &str); 15] = [
    ("the list", "0"),
    ("the overview", "1"),
    ("the policy", "p"),
    ("the policy's filter", "p /"),
    ("the grant form", "p a"),
    ("the policy's history", "p H"),
    ("an empty shelf", "3 esc"),
    ("a form", "t a"),
    ("a form of the metadata server", "t m"),
    ("an empty inspector", "4"),
    ("expectations", "4 e"),
    ("activity", "6"),
    ("the mint menu", "t"),
    ("help", "?"),
    ("the list's filter", "0 /"),
];

fn commands() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(|row| row.is_command())
}

/// What the user sees and what the program does, without the time.
fn seen(screen: &mut Screen) -> (String, usize) {
    let effects = screen.effects.iter().filter(|effect| !matches!(effect, Effect::After(..))).count();
    (picture(screen, 120, 40), effects)
}

/// Whether what the row asks for is so already.
fn is_so(screen: &Screen, row: &Row) -> bool {
    match row.action {
        Action::Show(pane) => screen.app.focused() == pane,
        Action::Open if row.ctx == KeyCtx::Accounts => screen.app.focused() != PaneId::Accounts,
        Action::FocusLeft => screen.app.focused() == PaneId::Accounts,
        Action::FocusRight => screen.app.focused() != PaneId::Accounts,
        Action::MintMenu => screen.app.place() == Place::MintMenu,
        Action::Help => screen.app.place() == Place::Help,
        Action::Grant => screen.app.focused() == PaneId::Policy && screen.app.place() == Place::Form,
        Action::MintAccess => screen.app.focused() == PaneId::Mint && screen.app.place() == Place::Form,
        _ => false,
    }
}

/// The rows that do nothing and say nothing there.
fn silent(place: &str, make: impl Fn() -> Screen) -> Vec<String> {
    let mut found = Vec::new();
    for row in commands() {
        let mut screen = make();
        screen.expire_notice();
        let before = seen(&mut screen);
        screen.keys("ctrl-p").typed(row.label).keys("enter");
        let after = seen(&mut screen);
        if before == after && !is_so(&screen, row) {
            found.push(format!("“{}” from {place}", row.label));
        }
    }
    found
}

#[test]
fn palette_row_acts_or_says_why_not_from_every_place() {
    let all = WAYS.iter().flat_map(|(place, keys)| {
        silent(place, || {
            let mut screen = opened();
            screen.keys(keys);
            screen
        })
    });
    assert_eq!(all.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn palette_row_acts_or_says_why_not_without_an_account_or_with_a_token() {
    let mut all = silent("an empty screen", Screen::ready);
    all.extend(silent("the shelf", || {
        let mut screen = Screen::with_token();
        screen.keys("3 esc");
        screen
    }));
    all.extend(silent("a token in the inspector", || {
        let mut screen = Screen::with_token();
        screen.keys("3 esc enter");
        screen
    }));
    all.extend(silent("a denied policy", || {
        let mut screen = opened();
        screen.keys("p");
        let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
        let denial: Result<Reply, _> = Err(denied());
        screen.reply(req, denial);
        screen
    }));
    assert_eq!(all, Vec::<String>::new());
}

#[test]
fn palette_labels_are_unique() {
    let mut labels: Vec<&str> = commands().map(|row| row.label).collect();
    labels.sort_unstable();
    let count = labels.len();
    labels.dedup();
    assert_eq!(labels.len(), count, "{labels:?}");
}

#[test]
fn palette_reaches_every_context_of_a_pane() {
    let of = |ctx: KeyCtx| commands().any(|row| row.ctx == ctx);
    for ctx in [KeyCtx::Accounts, KeyCtx::Policy, KeyCtx::Shelf, KeyCtx::Inspect, KeyCtx::Activity] {
        assert!(of(ctx), "{ctx:?}");
    }
}
