//! Switching callers: the effects, and what is read again.

use super::{
    msg::{Effect, Msg, Owner, PaneId, Switched},
    testing::{API, DEPLOYER, Screen, start},
};
use crate::{
    http::{ApiError, ErrorKind},
    keymap::Place,
    model::{
        account::Account,
        caller::{Caller, Choice, CredentialSource, Switch},
        permission::{Granted, MATRIX},
    },
    ops::{Call, Reply},
    tui::overlays::Overlay,
};

fn choice(label: &str, principal: Option<&str>, how: CredentialSource) -> Choice {
    let gclouds_own = matches!(how, CredentialSource::Gcloud(_));
    Choice {
        how,
        label: label.into(),
        about: "user".into(),
        principal: principal.map(str::to_owned),
        gclouds_own,
    }
}

fn wish(effect: &Effect) -> Option<&Switch> {
    match effect {
        Effect::Switch(wish) => Some(wish),
        _ => None,
    }
}

fn wishes(screen: &Screen) -> Vec<&Switch> {
    screen.effects.iter().filter_map(wish).collect()
}

fn switched(screen: &mut Screen, principal: &str, before: &[&str]) {
    let caller = Caller { principal: Some(principal.into()), source: "key.json".into(), ..Caller::default() };
    let endpoints = start().endpoints;
    let before = before.iter().map(|name| (*name).to_owned()).collect();
    screen.send(Msg::Switched(Ok(Box::new(Switched { caller, endpoints, before }))));
}

/// A screen with a known caller from ADC.
fn known() -> Screen {
    let mut screen = Screen::ready();
    let req = screen.asked(|call| matches!(call, Call::IdentifyCaller {}));
    let caller =
        Caller { principal: Some("dev@example.com".into()), source: "ADC".into(), ..Caller::default() };
    screen.reply(req, Ok(Reply::from(caller)));
    screen
}

#[test]
fn callers_are_searched_at_start_and_when_the_picker_opens() {
    let mut screen = Screen::ready();
    let looked = |screen: &Screen| {
        screen.effects.iter().filter(|effect| matches!(effect, Effect::FindCallers)).count()
    };
    assert_eq!(looked(&screen), 1);
    screen.keys("i");
    assert_eq!((looked(&screen), screen.app.place()), (2, Place::Text));
    let ops = choice("gcloud login", Some("ops@example.com"), CredentialSource::Gcloud("default".into()));
    screen.send(Msg::Callers(vec![choice("ADC", None, CredentialSource::File("/adc.json".into())), ops]));
    screen.typed("gcloud").keys("enter");
    assert_eq!(wishes(&screen), [&Switch::To(CredentialSource::Gcloud("default".into()))]);
}

#[test]
fn a_file_of_ones_own_is_named_by_its_path() {
    let mut screen = Screen::ready();
    screen.keys("i").typed("/keys/ci.json").keys("enter");
    assert_eq!(wishes(&screen), [&Switch::To(CredentialSource::File("/keys/ci.json".into()))]);
}

#[test]
fn caller_impersonates_an_account_and_switches_back() {
    let mut screen = known();
    screen.keys("enter i").typed("impersonate").keys("enter");
    assert_eq!(wishes(&screen), [&Switch::Become(DEPLOYER.into())]);
    switched(&mut screen, DEPLOYER, &["dev@example.com"]);
    assert!(screen.notice().contains("Calling as deployer@acme-prod"), "{}", screen.notice());
    screen.keys("i").typed("back to dev").keys("enter");
    assert_eq!(wishes(&screen).last(), Some(&&Switch::Back));
    // The palette can do it as well.
    screen.keys("ctrl-p").typed("switch to the previous").keys("enter");
    assert_eq!(wishes(&screen).len(), 3);
    switched(&mut screen, "dev@example.com", &[]);
    screen.keys("ctrl-p").typed("switch to the previous").keys("enter");
    assert_eq!(wishes(&screen).len(), 3, "there is no caller to switch back to");
}

#[test]
fn what_is_open_is_read_again_as_the_new_caller_and_old_answers_count_for_nothing() {
    let mut screen = known();
    screen.keys("enter");
    let req = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    let all: Vec<&str> = MATRIX.iter().map(|permission| permission.name).collect();
    screen.reply(req, Ok(Reply::from(Granted::from_names(&all))));
    screen.keys("r");
    let old = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    let before = screen.calls().len();
    switched(&mut screen, "ci@acme-ci.iam.gserviceaccount.com", &[]);
    assert_eq!(screen.app.shared.workspace.granted(DEPLOYER), None, "that answer was another caller's");
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(DEPLOYER));
    let asked: Vec<&Call> = screen.calls()[before..].iter().map(|(_, call)| *call).collect();
    assert!(asked.iter().any(|call| matches!(call, Call::ListAccounts { .. })));
    assert!(asked.iter().any(|call| matches!(call, Call::GetAccount { account } if account == DEPLOYER)));
    assert!(asked.iter().any(|call| matches!(call, Call::IdentifyCaller {})));
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(req) if *req == old)));
    screen.reply(old, Ok(Reply::from(Granted::from_names(&all))));
    assert_eq!(screen.app.shared.workspace.granted(DEPLOYER), None, "it comes too late");
    assert!(!screen.notice().contains("switched."), "cancelled calls cause no complaints");
}

#[test]
fn the_shelf_stays_and_so_do_staged_edits() {
    let mut screen = Screen::with_token();
    switched(&mut screen, "ci@acme-ci.iam.gserviceaccount.com", &[]);
    assert_eq!(screen.app.shared.shelf.items().len(), 1);
}

#[test]
fn a_switch_that_fails_changes_nothing() {
    let mut screen = known();
    screen.keys("enter");
    let error = ApiError::new(ErrorKind::Denied, "The caller lacks it.").with_next("Ask for it.");
    screen.send(Msg::Switched(Err(error)));
    assert!(screen.notice().contains("The caller lacks it. Ask for it."));
    let caller = screen.app.shared.session.caller.value().and_then(|caller| caller.principal.as_deref());
    assert_eq!(caller, Some("dev@example.com"));
}

#[test]
fn a_file_in_doubt_is_used_only_after_a_yes() {
    let mut screen = known();
    let wish = Switch::To(CredentialSource::File("/x.json".into()));
    let doubted = || Msg::TrustNeeded { question: "Trust it?".into(), wish: Some(wish.clone()) };
    screen.send(doubted());
    assert!(
        matches!(screen.app.overlays.last(), Some(Overlay::Confirm { question, .. }) if question == "Trust it?")
    );
    screen.keys("n");
    let trusted =
        |screen: &Screen| screen.effects.iter().any(|effect| matches!(effect, Effect::Trust(Some(_))));
    assert!(!trusted(&screen));
    screen.send(doubted());
    screen.keys("y");
    assert!(trusted(&screen));
}

#[test]
fn two_people_in_one_terminal_are_said_once() {
    let mut screen = known();
    let ops =
        || vec![choice("gcloud login", Some("ops@example.com"), CredentialSource::Gcloud("default".into()))];
    screen.send(Msg::Callers(ops()));
    assert!(screen.notice().contains("gcloud is logged in as ops@example.com"), "{}", screen.notice());
    screen.keys("j");
    screen.send(Msg::Callers(ops()));
    assert_eq!(screen.notice(), "", "once is enough; the header keeps saying it");
    assert_eq!(screen.app.shared.session.other_login(), Some("ops@example.com"));
    // The same person isn't reported.
    let mut screen = known();
    screen.send(Msg::Callers(vec![choice(
        "gcloud login",
        Some("dev@example.com"),
        CredentialSource::Gcloud("d".into()),
    )]));
    assert_eq!((screen.notice(), screen.app.shared.session.other_login()), ("", None));
}

#[test]
fn caller_cannot_be_switched_during_a_write() {
    let mut screen = known();
    let write = super::writes::Write { what: "the policy of api@acme-prod".into(), check: String::new() };
    screen.app.shared.requests.writes.begin(super::msg::ReqId(9_999), write);
    screen.keys("i").typed("/keys/ci.json").keys("enter");
    assert!(wishes(&screen).is_empty());
    assert!(screen.notice().contains("Still writing the policy of api@acme-prod"), "{}", screen.notice());
}

#[test]
fn panes_that_waited_do_not_wait_for_ever() {
    let mut screen = known();
    screen.keys("enter 2");
    assert!(screen.calls().iter().any(|(_, call)| matches!(call, Call::GetPolicy { .. })));
    switched(&mut screen, "ci@acme-ci.iam.gserviceaccount.com", &[]);
    // The pending call was made as the new caller, and its answer is taken.
    let req = screen.asked(|call| matches!(call, Call::GetAccount { .. }));
    assert_eq!(screen.owner(req), Owner::Pane(PaneId::Overview));
    screen.reply(req, Ok(Reply::from(Account::named(DEPLOYER))));
    assert!(
        screen.app.shared.workspace.facts.get(DEPLOYER).is_some_and(|facts| facts.account.value().is_some())
    );
    assert_ne!(DEPLOYER, API);
}

#[test]
fn a_write_that_began_while_a_switch_was_loading_is_not_given_up() {
    use super::writes::Write;
    let mut screen = known();
    screen.keys("enter");
    let read = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    let write = screen.asked(|call| matches!(call, Call::GetAccount { .. }));
    let about = Write { what: "a policy".into(), check: "look".into() };
    screen.app.shared.requests.writes.begin(write, about);
    switched(&mut screen, "ci@acme-ci.iam.gserviceaccount.com", &[]);
    let cancelled: Vec<_> = screen
        .effects
        .iter()
        .filter_map(|effect| if let Effect::Cancel(req) = effect { Some(*req) } else { None })
        .collect();
    assert!(cancelled.contains(&read) && !cancelled.contains(&write), "{cancelled:?}");
    assert!(!screen.app.shared.requests.writes.is_empty());
}
