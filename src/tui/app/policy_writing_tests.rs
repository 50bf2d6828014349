//! Edits during a write, and conditions that Google hasn't checked yet.

use super::*;
use crate::{api::policies::Lint, local::history::Snapshot, model::condition::Condition};

/// Two staged edits, the second undone and the first being written: both undo and redo are possible.
fn written_with_one_undone() -> (Screen, ReqId) {
    let mut screen = editing();
    screen.keys("a ctrl-s g j D z s enter");
    let req = writes(&screen).last().map(|(req, _)| *req).expect("it is being written");
    assert!(staged(&screen).clone().redo().is_some() && !staged(&screen).is_empty());
    (screen, req)
}

/// Answers the list of saved policies with one that has another member.
fn saved(screen: &mut Screen) {
    let req = screen.asked(|call| matches!(call, Call::ListHistory { .. }));
    let snapshot = Snapshot {
        id: "1".into(),
        time: screen.now.utc,
        whose: Default::default(),
        change: vec![],
        granted: vec![],
        policy: policy("OLD", &["user:old@example.com"]).to_json(),
    };
    screen.reply(req, Ok(Reply::from(vec![snapshot])));
}

/// Every way to edit, as keys.
const EDITS: [&str; 5] = ["a ctrl-s", "g j D", "g j space space D", "z", "Z"];

#[test]
fn no_key_edits_what_is_being_written() {
    for keys in EDITS {
        let (mut screen, _) = written_with_one_undone();
        let before = staged(&screen).clone();
        screen.keys(keys);
        assert_eq!(*staged(&screen), before, "{keys}");
        assert_eq!(screen.notice(), "This policy is being written: wait for the result", "{keys}");
        assert_eq!(screen.app.notice.as_ref().map(|notice| notice.level), Some(Level::Warning));
        assert_eq!(writes(&screen).len(), 1, "{keys}");
    }
}

#[test]
fn another_condition_is_not_staged_over_what_is_being_written() {
    let (mut screen, _) = written_with_one_undone();
    let before = staged(&screen).clone();
    screen.keys("g j e");
    assert_eq!(screen.app.place(), Place::Form);
    screen.typed("8h").keys("ctrl-s");
    assert_eq!(*staged(&screen), before);
    assert!(screen.notice().contains("This policy is being written"), "{}", screen.notice());
}

#[test]
fn going_back_to_a_saved_policy_is_not_staged_over_what_is_being_written() {
    let (mut screen, req) = written_with_one_undone();
    let before = staged(&screen).clone();
    screen.keys("H");
    saved(&mut screen);
    screen.keys("enter");
    assert_eq!(*staged(&screen), before);
    assert!(screen.notice().contains("This policy is being written"), "{}", screen.notice());
    // The list stays open until the answer arrives.
    assert_eq!(screen.app.place(), Place::History);
    screen.reply(req, Ok(applied(policy("B", &["user:a@example.com"]))));
    screen.keys("enter");
    let members: Vec<String> =
        staged(&screen).changes().iter().map(|c| c.member.as_str().to_owned()).collect();
    assert_eq!(members, ["user:a@example.com", "user:old@example.com"]);
    assert_eq!(staged(&screen).base().etag(), Some("B"));
}

#[test]
fn a_write_is_not_sent_twice() {
    let (mut screen, _) = written_with_one_undone();
    screen.keys("s enter");
    assert_eq!(writes(&screen).len(), 1);
    assert_eq!(screen.notice(), "A policy is already being written");
}

#[test]
fn every_key_edits_again_once_the_answer_has_come() {
    for (i, keys) in EDITS.into_iter().enumerate() {
        let (mut screen, req) = written_with_one_undone();
        let before = staged(&screen).clone();
        screen.reply(req, Err(denied()));
        screen.keys(keys);
        // A denied edit stays staged: the same grant again isn't an edit, anything else is.
        let changed = staged(&screen).changes() != before.changes();
        assert_eq!((changed, screen.notice().contains("being written")), (i != 0, false), "{keys}");
    }
}

#[test]
fn another_accounts_policy_is_edited_while_one_is_being_written() {
    let (mut screen, _) = written();
    screen.keys("0 j enter p");
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(API));
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { account } if account == API));
    screen.reply(req, Ok(Reply::from(policy("X", &["user:a@example.com"]))));
    for (keys, count) in [("a ctrl-s", 1), ("z", 0), ("Z", 1)] {
        screen.keys(keys);
        let staged = screen.app.shared.workspace.facts[API].staged.as_ref().expect("something is staged");
        assert_eq!(staged.changes().len(), count, "{keys}: {}", screen.notice());
    }
}

/// The conditions sent to Google, with their accounts.
fn lints(screen: &Screen) -> Vec<(ReqId, String, Condition)> {
    let lint = |(req, call): (ReqId, &Call)| match call {
        Call::LintCondition { account, condition } => Some((req, account.clone(), condition.clone())),
        _ => None,
    };
    screen.calls().into_iter().filter_map(lint).collect()
}

/// A submitted grant with this condition.
fn under(expression: &str) -> Screen {
    let mut screen = editing();
    screen.keys("a tab tab").typed(expression).keys("tab").typed("mine").keys("ctrl-s");
    screen
}

fn says(severity: &str) -> Lint {
    Lint { severity: severity.into(), message: format!("an {severity} of Google's"), ..Lint::default() }
}

fn is_staged(screen: &Screen) -> bool {
    screen.app.shared.workspace.facts[DEPLOYER].staged.as_ref().is_some_and(|staged| !staged.is_empty())
}

#[test]
fn a_condition_on_more_than_time_is_shown_to_google_before_it_is_staged() {
    let expression = r#"resource.name == "x""#;
    let mut screen = under(expression);
    let asked = lints(&screen);
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].1.as_str(), &asked[0].2), (DEPLOYER, &Condition::new("mine", expression)));
    assert_eq!((is_staged(&screen), screen.app.place()), (false, Place::Form));

    // An error keeps the form open to submit again.
    screen.reply(asked[0].0, Ok(Reply::from(vec![says("WARNING"), says("ERROR")])));
    assert_eq!((is_staged(&screen), screen.app.place()), (false, Place::Form));
    screen.keys("ctrl-s");
    let asked = lints(&screen);
    assert_eq!((asked.len(), is_staged(&screen)), (2, false));
    screen.reply(asked[1].0, Ok(Reply::Lints(Box::default())));
    assert_eq!(screen.app.place(), Place::Policy);
    let change = &staged(&screen).changes()[0];
    assert_eq!(change.condition, Some(Condition::new("mine", expression)));
    assert!(writes(&screen).is_empty());
}

#[test]
fn only_an_error_of_googles_holds_a_condition_back() {
    let answers = [
        (Ok(vec![]), true),
        (Ok(vec![says("WARNING"), says("NOTICE"), says("INFO"), says("DEPRECATED")]), true),
        (Ok(vec![says("ERROR")]), false),
        (Ok(vec![says("INFO"), says("ERROR")]), false),
        // A failed lint doesn't block: the write itself is checked again.
        (Err(denied()), true),
    ];
    for (answer, through) in answers {
        let mut screen = under(r#"resource.name == "x""#);
        let req = lints(&screen)[0].0;
        screen.reply(req, answer.clone().map(Reply::from));
        let place = if through { Place::Policy } else { Place::Form };
        assert_eq!((is_staged(&screen), screen.app.place()), (through, place), "{answer:?}");
    }
}

#[test]
fn a_condition_on_time_alone_is_staged_at_once() {
    let screen = under(r#"request.time < timestamp("2099-01-01T00:00:00Z")"#);
    assert_eq!((lints(&screen).len(), is_staged(&screen), screen.app.place()), (0, true, Place::Policy));
}

#[test]
fn a_form_that_was_left_stages_nothing_when_google_answers() {
    let mut screen = under(r#"resource.name == "x""#);
    let req = lints(&screen)[0].0;
    screen.keys("esc");
    screen.reply(req, Ok(Reply::Lints(Box::default())));
    assert_eq!((is_staged(&screen), screen.app.place()), (false, Place::Policy));
}

#[test]
fn a_condition_that_google_passed_is_not_staged_over_what_is_being_written() {
    let (mut screen, _) = written_with_one_undone();
    let before = staged(&screen).clone();
    screen.keys("a tab tab").typed(r#"resource.name == "x""#).keys("tab").typed("mine").keys("ctrl-s");
    let req = lints(&screen)[0].0;
    screen.reply(req, Ok(Reply::Lints(Box::default())));
    assert_eq!(*staged(&screen), before);
    assert!(screen.notice().contains("This policy is being written"), "{}", screen.notice());
}

/// The question that is asked after `q`.
fn asked_on_quitting(screen: &mut Screen) -> String {
    screen.keys("q");
    match screen.app.overlays.last() {
        Some(crate::tui::overlays::Overlay::Confirm { question, .. }) => question.clone(),
        other => panic!("no question: {other:?}"),
    }
}

#[test]
fn quit_mentions_staged_edits_when_another_policy_is_written() {
    let (mut screen, _) = written_with_one_undone();
    let alone = asked_on_quitting(&mut screen);
    assert!(alone.starts_with("Quit after the policy of deployer@acme-prod is written?"), "{alone}");
    let of_api = Staged::with(policy("X", &[]), &staged(&screen).changes());
    screen.app.shared.workspace.facts.entry(API.to_owned()).or_default().staged = Some(of_api);
    let both = asked_on_quitting(screen.keys("n"));
    assert!(
        both.contains("1 account has unwritten edits") && both.contains("is written, and discard"),
        "{both}"
    );
}
