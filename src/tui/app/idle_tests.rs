//! Wiping credentials when idle, by keys and clocks.

use std::time::Duration;

use crossterm::event::Event;
use jiff::Timestamp;

use super::{
    Start,
    msg::{Effect, Level, Msg, TimerId},
    testing::{Screen, start},
    writes::Write,
};
use crate::{ops::Call, tui::app::msg::ReqId};

const LIMIT: u64 = 15 * 60;

/// A screen with a token on the shelf and an idle limit of 15 minutes.
fn screen() -> Screen {
    let mut screen = Screen::with(Start { idle_wipe: Some(Duration::from_secs(LIMIT)), ..start() });
    screen.app.shared.workspace.opened = Some(super::testing::DEPLOYER.into());
    screen.keys("t a ctrl-s");
    screen.answer_mint();
    assert_eq!(held(&screen), 1);
    screen
}

fn held(screen: &Screen) -> usize {
    screen.app.shared.shelf.items().len()
}

/// The requested timers, in seconds.
fn waits(screen: &Screen) -> Vec<u64> {
    let wait = |effect: &Effect| match effect {
        Effect::After(TimerId::Idle, wait) => Some(wait.as_secs()),
        _ => None,
    };
    screen.effects.iter().filter_map(wait).collect()
}

fn wipes(screen: &Screen) -> usize {
    screen.effects.iter().filter(|effect| matches!(effect, Effect::ClearClipboard)).count()
}

fn idle(screen: &mut Screen) {
    screen.send(Msg::Timer(TimerId::Idle));
}

#[test]
fn after_its_time_without_a_key_all_that_is_held_is_wiped_and_said_until_a_key_is_pressed() {
    let mut screen = screen();
    screen.keys("4");
    screen.send(Msg::Input(Event::Paste("eyJhbGciOiJSUzI1NiJ9.e30.c2ln".into())));
    screen.keys("3 * y y");
    assert!(screen.app.shared.shelf.revealed().is_some() && screen.app.shared.shelf.copied().is_some());
    screen.wait(LIMIT);
    idle(&mut screen);
    assert!(held(&screen) == 0 && screen.app.shared.shelf.revealed().is_none());
    assert!(screen.app.panes.inspect.is_empty() && screen.app.shared.shelf.copied().is_none());
    assert_eq!(wipes(&screen), 1);
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Forget)));
    assert!(screen.notice().contains("Wiped after 15m of inactivity"), "{}", screen.notice());
    let id = screen.app.notice.as_ref().unwrap().id;
    assert!(
        !screen
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::After(TimerId::Notice(of), _) if *of == id)),
        "it does not go away by itself"
    );
    assert_eq!(screen.app.notice.as_ref().map(|notice| notice.level), Some(Level::Warning));
    screen.keys("j");
    assert_eq!(screen.notice(), "");
}

#[test]
fn every_key_starts_the_time_again_and_one_timer_is_enough() {
    let mut screen = screen();
    for _ in 0..3 {
        screen.wait(LIMIT - 60);
        screen.keys("j");
    }
    assert_eq!((held(&screen), waits(&screen)), (1, vec![LIMIT]));
    screen.wait(60);
    idle(&mut screen);
    assert_eq!((held(&screen), waits(&screen)), (1, vec![LIMIT, LIMIT - 60]), "for the rest of the time");
    screen.wait(LIMIT - 60);
    idle(&mut screen);
    assert_eq!(held(&screen), 0);
}

#[test]
fn no_timer_runs_while_nothing_is_held_or_nothing_is_to_be_wiped() {
    let mut screen = screen();
    screen.keys("X y");
    let before = waits(&screen).len();
    screen.wait(LIMIT);
    idle(&mut screen);
    screen.keys("j k");
    assert_eq!((waits(&screen).len(), wipes(&screen)), (before, 1), "only the one that was asked for");
    let mut forever = Screen::with_token();
    forever.keys("j");
    forever.wait(100 * LIMIT);
    forever.keys("j");
    assert_eq!((waits(&forever), held(&forever)), (vec![], 1), "by default nothing is wiped");
}

#[test]
fn what_is_under_way_is_waited_for_and_then_all_is_wiped_at_once() {
    let mut screen = screen();
    let write = Write { what: "a policy".into(), check: "look".into() };
    screen.app.shared.requests.writes.begin(ReqId(7_777), write);
    screen.wait(LIMIT);
    idle(&mut screen);
    assert_eq!((held(&screen), waits(&screen).len()), (1, 1), "and no timer turns round and round");
    screen.app.shared.requests.writes.end(ReqId(7_777));
    screen.send(Msg::RecordsLost(1));
    assert_eq!(held(&screen), 0);
}

#[test]
fn a_mint_under_way_is_not_cut_off() {
    let mut screen = screen();
    screen.keys("T");
    screen.wait(LIMIT);
    idle(&mut screen);
    assert_eq!(held(&screen), 1);
    let mint = screen.asked(|call| matches!(call, Call::Mint { .. } | Call::ExchangeJwt { .. }));
    let cancelled = |effect: &Effect| matches!(effect, Effect::Cancel(req) if *req == mint);
    assert!(!screen.effects.iter().any(cancelled));
    screen.answer_mint();
    assert_eq!(held(&screen), 2, "the outcome hasn't been seen yet");
    screen.send(Msg::Timer(TimerId::Second));
    assert_eq!(held(&screen), 0, "and the time is over anyway");
}

#[test]
fn the_time_that_a_program_was_stopped_or_a_machine_slept_counts() {
    for slept in [false, true] {
        let mut screen = screen();
        screen.keys("*");
        screen.wait(LIMIT);
        if slept {
            screen.now.mono -= Duration::from_secs(LIMIT);
        }
        screen.send(Msg::Input(Event::Resize(120, 40)));
        assert_eq!(held(&screen), 0, "before the first frame");
    }
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_longer() {
    let mut screen = screen();
    screen.wait(LIMIT);
    screen.now.utc = Timestamp::UNIX_EPOCH;
    idle(&mut screen);
    assert_eq!(held(&screen), 0);
}

#[test]
fn late_key_counts_only_as_activity() {
    let mut screen = screen();
    screen.wait(LIMIT);
    screen.keys("Y");
    assert!(held(&screen) == 0 && screen.notice().contains("of inactivity"), "{}", screen.notice());
    assert!(!screen.effects.iter().any(|effect| matches!(effect, Effect::Copy(_))));
    screen.keys("enter t a ctrl-s");
    screen.answer_mint();
    assert_eq!(held(&screen), 1, "and from then on all is as ever");
    screen.wait(LIMIT);
    screen.keys("ctrl-c");
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(130))), "leaving is leaving");
}

#[test]
fn back_from_being_suspended_no_secret_is_shown() {
    let mut screen = Screen::with_token();
    screen.keys("*");
    assert!(screen.app.shared.shelf.revealed().is_some());
    screen.send(Msg::Resumed);
    assert!(screen.app.shared.shelf.revealed().is_none());
}
