//! What becomes of an edit: staged, kept until the policy is read, or refused, with what is said and what is asked.

use super::*;
use crate::{local::history::Snapshot, model::account::Account, tui::app::slot::Slot};

/// How often the policy was asked for.
fn readings(screen: &Screen) -> usize {
    let get = |call: &Call| matches!(call, Call::GetPolicy { .. });
    screen.calls().into_iter().filter(|(_, call)| get(call)).count()
}

/// Answers the last question for a policy.
fn answer(screen: &mut Screen, policy: Result<Policy, ApiError>) {
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, policy.map(Reply::from));
}

/// Changes staged; none where nothing was ever staged.
fn count(screen: &Screen) -> Option<usize> {
    screen.app.shared.workspace.facts[DEPLOYER].staged.as_ref().map(|staged| staged.changes().len())
}

/// What is staged, as `+user:a@example.com`.
fn signs(screen: &Screen) -> Vec<String> {
    let sign = |op| match op {
        Op::Add => '+',
        Op::Remove => '-',
        Op::Change => '~',
    };
    let staged = screen.app.shared.workspace.facts[DEPLOYER].staged.as_ref();
    let changes = staged.map(Staged::changes).unwrap_or_default();
    changes.iter().map(|change| format!("{}{}", sign(change.op), change.member.as_str())).collect()
}

/// The sentence and how loud it is.
fn said(screen: &Screen) -> (Option<Level>, String) {
    (screen.app.notice.as_ref().map(|notice| notice.level), screen.notice().to_owned())
}

fn mangled() -> Policy {
    let binding = json!({"role": "roles/viewer_withcond_abc", "members": ["user:a@example.com"]});
    Policy::parse(json!({"etag": "A", "bindings": [binding]})).expect("a policy")
}

/// The policy read, with a grant of a project's at the end of the list.
fn inheriting() -> Screen {
    let mut screen = editing();
    let binding = json!({"role": "roles/viewer", "members": ["user:v@example.com"]});
    let level = flows::Level {
        name: "projects/acme-prod".into(),
        display_name: String::new(),
        policy: Ok(Policy::parse(json!({"bindings": [binding]})).expect("a policy")),
    };
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::GetInherited { .. }));
    screen.reply(req, Ok(Reply::from(vec![level])));
    answer(&mut screen, Ok(policy("A", &["user:a@example.com", "user:b@example.com"])));
    screen
}

#[test]
fn what_becomes_of_a_grant_goes_by_what_is_known_of_the_policy_when_it_is_sent() {
    let form = |mut screen: Screen| {
        screen.keys("a");
        screen
    };
    let answered = |policy| {
        let mut screen = form(reading());
        answer(&mut screen, policy);
        screen
    };
    let before = |keys: &str| {
        let mut screen = editing();
        screen.keys(keys);
        form(screen)
    };
    let read = || policy("A", &["user:a@example.com"]);
    // The form is open; what is staged after it was sent, what is said, and how often the policy was asked for.
    let states = [
        ("read", form(editing()), Some(1), Level::Info, "Staged. Press s to review and write", 1),
        ("read meanwhile", answered(Ok(read())), Some(1), Level::Info, "Staged. Press s", 1),
        ("being read", form(reading()), None, Level::Info, "Reading the policy first", 1),
        ("refused", answered(Err(denied())), None, Level::Info, "Reading the policy first", 2),
        ("mangled", answered(Ok(mangled())), None, Level::Error, "_withcond_", 1),
        ("staged already", before("a ctrl-s"), Some(1), Level::Warning, "Nothing staged", 1),
        ("staged and undone", before("a ctrl-s z"), Some(1), Level::Info, "Staged. Press s", 1),
        ("more staged", before("j D"), Some(2), Level::Info, "Staged. Press s", 1),
    ];
    for (state, mut screen, staged, level, words, asked) in states {
        screen.keys("ctrl-s");
        let (loud, text) = said(&screen);
        assert_eq!(
            (count(&screen), loud, readings(&screen)),
            (staged, Some(level), asked),
            "{state}: {text}"
        );
        assert!(text.contains(words), "{state}: {text}");
        assert_eq!(screen.app.place(), Place::Policy, "{state}");
        assert!(writes(&screen).is_empty(), "{state}");
    }
}

#[test]
fn a_grant_sent_after_a_refusal_is_staged_or_lost_by_the_second_answer() {
    let mut screen = reading();
    screen.keys("a");
    answer(&mut screen, Err(denied()));
    screen.keys("ctrl-s");
    answer(&mut screen, Ok(policy("N", &["user:new@example.com"])));
    assert_eq!((count(&screen), staged(&screen).base().etag()), (Some(1), Some("N")));

    let mut screen = reading();
    screen.keys("a");
    answer(&mut screen, Err(denied()));
    screen.keys("ctrl-s");
    answer(&mut screen, Err(denied()));
    assert_eq!(count(&screen), None);
    assert_eq!(said(&screen).0, Some(Level::Error));
    assert!(screen.notice().contains("Nothing staged: the policy couldn't be read"), "{}", screen.notice());
    // What was lost is not staged by a third.
    screen.keys("r");
    answer(&mut screen, Ok(policy("N", &[])));
    assert_eq!(count(&screen), None);
}

#[test]
fn several_grants_made_ahead_are_staged_in_their_order() {
    let mut screen = reading();
    for who in ["user:x@example.com", "user:y@example.com", "user:x@example.com"] {
        screen.keys("a shift-tab ctrl-u").typed(who).keys("tab tab ctrl-u").typed("never").keys("ctrl-s");
    }
    assert_eq!((readings(&screen), count(&screen)), (1, None));
    answer(&mut screen, Ok(policy("N", &["user:y@example.com"])));
    assert_eq!(signs(&screen), ["+user:x@example.com"], "one was there, and one came twice");
}

#[test]
fn a_policy_that_cannot_be_read_loses_nothing_where_nothing_was_ahead_of_it() {
    let mut screen = reading();
    answer(&mut screen, Err(denied()));
    assert!(!screen.notice().contains("staged"), "{}", screen.notice());
}

#[test]
fn what_is_ahead_of_one_policy_waits_for_no_other() {
    let mut screen = reading();
    let of_deployer = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.keys("a ctrl-s 0 j enter p");
    answer(&mut screen, Err(denied()));
    assert!(!screen.notice().contains("Nothing staged"), "{}", screen.notice());
    screen.keys("r");
    answer(&mut screen, Ok(policy("X", &["user:a@example.com"])));
    assert!(screen.app.shared.workspace.facts[API].staged.is_none());
    let own = policy("N", &["user:new@example.com"]);
    screen.reply(of_deployer, Ok(Reply::from(own)));
    assert_eq!((count(&screen), staged(&screen).base().etag()), (Some(1), Some("N")));
}

#[test]
fn nothing_is_staged_over_a_policy_that_is_under_another_name_by_now() {
    let mut screen = editing();
    screen.keys("a tab tab").typed(r#"resource.name == "x""#).keys("tab").typed("mine").keys("ctrl-s");
    let lint = screen.asked(|call| matches!(call, Call::LintCondition { .. }));
    // An account goes by its e-mail from when that is known, and with it all that was read.
    let known = Account::named("known@acme-prod.iam.gserviceaccount.com");
    screen.app.shared.workspace.facts.get_mut(DEPLOYER).expect("it is open").account.set(known);
    screen.app.shared.call_by_email("known@acme-prod.iam.gserviceaccount.com");
    screen.reply(lint, Ok(Reply::Lints(Box::default())));
    assert_eq!(said(&screen).0, Some(Level::Error));
    assert!(screen.notice().contains("hasn't been read"), "{}", screen.notice());
    assert_eq!((readings(&screen), screen.app.place()), (1, Place::Policy));
    assert!(screen.app.shared.workspace.facts.values().all(|facts| facts.staged.is_none()));
}

#[test]
fn only_who_is_known_not_to_edit_is_held_back_and_told_what_is_left() {
    let all = || MATRIX.iter().map(|permission| permission.name);
    let set = "iam.serviceAccounts.setIamPolicy";
    let every: Vec<&str> = all().collect();
    let but: Vec<&str> = all().filter(|name| *name != set).collect();
    let of = |names: &[&str]| Some(Granted::from_names(names));
    // What IAM said about this account, what it said by the dozen, and whether the caller may edit for all that.
    let answers = [
        (None, None, true),
        (of(&every), None, true),
        (of(&[set]), None, true),
        (of(&but), None, false),
        (of(&[]), None, false),
        (None, of(&but), false),
        (None, of(&every), true),
        (of(&every), of(&but), true),
        (of(&but), of(&every), false),
    ];
    for (alone, by_dozen, may) in answers {
        let screen = || {
            let mut screen = editing();
            screen.app.shared.workspace.facts_mut(DEPLOYER).granted =
                alone.map_or_else(Default::default, Slot::of);
            screen.app.shared.workspace.tested.extend(by_dozen.map(|granted| (DEPLOYER.to_owned(), granted)));
            screen.keys("g j");
            screen
        };
        let case = format!("{alone:?} {by_dozen:?}");
        for (keys, place, changes) in
            [("D", Place::Policy, 1), ("space D", Place::Policy, 1), ("e", Place::Form, 0)]
        {
            let mut screen = screen();
            screen.keys(keys);
            let expected = if may { (place, changes) } else { (Place::Policy, 0) };
            assert_eq!((screen.app.place(), signs(&screen).len()), expected, "{keys}: {case}");
            let refusal = "You can't edit this policy. Press a to prepare a request";
            assert_eq!(screen.notice().starts_with(refusal), !may, "{keys}: {case}: {}", screen.notice());
            assert!(may || said(&screen).0 == Some(Level::Warning), "{keys}: {case}");
        }
    }
}

#[test]
fn each_row_is_changed_or_revoked_or_says_why_not() {
    // Where the cursor is, what `e` says (nothing: the form is open), what `D` says (nothing: it is staged).
    let rows = [
        ("g", "Select the grant to edit first", "Select the member to revoke first"),
        ("g j", "", ""),
        ("G", "Inherited from project acme-prod", "Inherited from project acme-prod"),
        ("g j D", "Select the grant to edit first", "Already staged for removal"),
    ];
    for (at, edit, revoke) in rows {
        for (key, words) in [("e", edit), ("D", revoke)] {
            let mut screen = inheriting();
            screen.keys(at);
            let before = signs(&screen);
            screen.keys(key);
            let place = if key == "e" && words.is_empty() { Place::Form } else { Place::Policy };
            let staged = key == "D" && words.is_empty();
            assert_eq!(
                (screen.app.place(), signs(&screen) != before),
                (place, staged),
                "{at} {key}: {}",
                screen.notice()
            );
            if !words.is_empty() {
                assert_eq!(said(&screen).0, Some(Level::Warning), "{at} {key}");
                assert!(screen.notice().contains(words), "{at} {key}: {}", screen.notice());
            }
        }
    }
    // Before any account is open there is no row at all.
    let mut screen = Screen::with(crate::tui::app::testing::start());
    screen.keys("p e");
    assert_eq!(screen.app.shared.workspace.opened, None);
    assert!(screen.notice().contains("Select the grant to edit first"), "{}", screen.notice());
}

#[test]
fn the_form_of_a_change_asks_for_the_roles_once_and_offers_lengths() {
    let mut screen = editing();
    screen.keys("g j e");
    let roles = |screen: &Screen| {
        let asks = |call: &Call| matches!(call, Call::ListGrantableRoles { account } if account == DEPLOYER);
        screen.calls().into_iter().filter(|(_, call)| asks(call)).count()
    };
    assert_eq!(roles(&screen), 1);
    // The first that is offered: a quarter of an hour.
    screen.keys("Down enter ctrl-s");
    let change = staged(&screen).changes().remove(0);
    assert_eq!((change.op, change.member.as_str()), (Op::Change, "user:a@example.com"));
    let condition = change.condition.expect("for a while");
    assert!(condition.expression().contains("2027-01-15T08:15:00Z"), "{}", condition.expression());
    screen.keys("e esc");
    assert_eq!(roles(&screen), 1, "once");
}

#[test]
fn undo_and_redo_say_so_only_where_there_is_nothing_left() {
    let table = [
        ("z", 0, "Nothing to undo"),
        ("Z", 0, "Nothing to redo"),
        ("a ctrl-s z", 0, ""),
        ("a ctrl-s z z", 0, "Nothing to undo"),
        ("a ctrl-s Z", 1, "Nothing to redo"),
        ("a ctrl-s z Z", 1, ""),
        ("a ctrl-s z Z Z", 1, "Nothing to redo"),
        ("a ctrl-s g j D z", 1, ""),
        ("a ctrl-s g j D z z", 0, ""),
        ("a ctrl-s g j D z z Z", 1, ""),
        ("a ctrl-s g j D z z z", 0, "Nothing to undo"),
    ];
    for (keys, changes, words) in table {
        let mut screen = editing();
        screen.keys(keys);
        assert_eq!(signs(&screen).len(), changes, "{keys}");
        let (level, text) = said(&screen);
        if words.is_empty() {
            assert!(!text.contains("Nothing to"), "{keys}: {text}");
        } else {
            assert_eq!((level, text), (Some(Level::Warning), words.to_owned()), "{keys}");
        }
    }
}

#[test]
fn what_is_staged_and_what_is_half_filled_in_mark_an_account_each_by_itself() {
    let marked =
        |screen: &Screen| [DEPLOYER, API].map(|account| screen.app.shared.workspace.has_draft(account));
    let mut screen = editing();
    assert_eq!(marked(&screen), [false, false]);
    screen.keys("a ctrl-s");
    assert_eq!(marked(&screen), [true, false], "staged");
    screen.keys("t i").typed("https://draft.example").keys("esc p z");
    assert_eq!(marked(&screen), [true, false], "undone, and the form is half filled in");
    screen.keys("Z t i ctrl-s");
    screen.answer_mint();
    assert_eq!(marked(&screen), [true, false], "the form is sent, and a grant staged again");
    screen.keys("p z");
    assert_eq!(marked(&screen), [false, false]);
}

#[test]
fn a_grant_that_is_refused_puts_the_cursor_on_the_first_field_that_is_wrong() {
    // Keys that spoil fields and lead away from them, what is typed where the cursor then is, and what is staged.
    let (dev, creator) = ("user:dev@example.com", "roles/iam.serviceAccountTokenCreator");
    let spoil = [
        ("shift-tab ctrl-u tab tab", "user:x@example.com", "user:x@example.com", creator),
        ("ctrl-u tab tab tab", "roles/viewer", dev, "roles/viewer"),
        ("tab ctrl-u tab tab", "never", dev, creator),
    ];
    for (keys, text, member, role) in spoil {
        let mut screen = editing();
        screen.keys("a").keys(keys).keys("ctrl-s");
        assert_eq!((count(&screen), screen.app.place()), (None, Place::Form), "{keys}");
        screen.keys("ctrl-u").typed(text).keys("ctrl-s");
        let change = staged(&screen).changes().remove(0);
        assert_eq!((change.member.as_str(), change.role.as_str()), (member, role), "{keys}");
    }
}

#[test]
fn a_request_that_was_copied_closes_its_form() {
    let mut screen = editing();
    let none = Granted::from_names::<&str>(&[]);
    screen.app.shared.workspace.facts.get_mut(DEPLOYER).expect("it is open").granted.set(none);
    screen.keys("a ctrl-s");
    assert_eq!((screen.app.place(), count(&screen)), (Place::Policy, None));
    assert_eq!(screen.effects.iter().filter(|effect| matches!(effect, Effect::Copy(_))).count(), 1);
}

#[test]
fn a_review_begins_at_its_top_and_is_written_once_it_was_read_to_its_end() {
    let mut screen = editing();
    let members: Vec<String> = (10..70).map(|i| format!("user:m{i}@example.com")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    screen.keys("r");
    answer(&mut screen, Ok(policy("A", &members)));
    screen.keys("g j").keys(&"space ".repeat(members.len())).keys("D");
    assert_eq!(count(&screen), Some(members.len()));
    screen.keys("s enter");
    assert!(writes(&screen).is_empty() && screen.notice().contains("read it first"), "{}", screen.notice());
    // Read to the end, left and opened again: it begins at the top.
    screen.keys("G esc s enter");
    assert!(writes(&screen).is_empty() && screen.notice().contains("read it first"), "{}", screen.notice());
    screen.keys("G enter");
    assert_eq!(writes(&screen).len(), 1, "{}", screen.notice());
}

/// Goes back to this saved policy.
fn restored(screen: &mut Screen, policy: serde_json::Value) {
    screen.keys("H");
    let req = screen.asked(|call| matches!(call, Call::ListHistory { .. }));
    let (time, whose) = (screen.now.utc, Default::default());
    let snapshot = Snapshot { id: "1".into(), time, whose, change: vec![], granted: vec![], policy };
    screen.reply(req, Ok(Reply::from(vec![snapshot])));
    screen.keys("enter");
}

#[test]
fn going_back_stages_what_differs_from_today_and_says_how_much() {
    let (a, b, old) = ("user:a@example.com", "user:b@example.com", "user:old@example.com");
    let of = |members: &[&str]| policy("OLD", members).to_json();
    let mut audited = of(&[a, b]);
    audited["auditConfigs"] = json!([{"service": "allServices"}]);
    let same = (Level::Info, "Nothing to restore");
    // The policy that was saved, what is staged of it, and what is said.
    let saved = [
        (of(&[a, b]), None, same),
        (of(&[b, a]), None, same),
        (
            of(&[a]),
            Some(vec![format!("-{b}")]),
            (Level::Info, "Staged 1 change back to 2027-01-15 08:00Z. Press s"),
        ),
        (
            of(&[a, old]),
            Some(vec![format!("-{b}"), format!("+{old}")]),
            (Level::Info, "Staged 2 changes back to 2027-01-15 08:00Z. Press s"),
        ),
        (audited, None, (Level::Error, "auditConfigs")),
        (json!([]), None, (Level::Error, "JSON object")),
    ];
    for (policy, changes, (level, words)) in saved {
        for staged_before in [false, true] {
            let mut screen = editing();
            if staged_before {
                screen.keys("a ctrl-s");
            }
            let before = signs(&screen);
            restored(&mut screen, policy.clone());
            let case = format!("{policy} {staged_before}");
            // It takes the place of what was staged; where there is nothing to go back to, that stays.
            let expected = changes.clone().unwrap_or(before);
            assert_eq!((signs(&screen), screen.app.place()), (expected, Place::Policy), "{case}");
            assert_eq!(count(&screen).is_some(), staged_before || changes.is_some(), "{case}");
            let (loud, text) = said(&screen);
            assert_eq!((loud, text.contains(words)), (Some(level), true), "{case}: {text}");
        }
    }
}

#[test]
fn going_back_is_seen_in_the_rows_at_once() {
    let mut screen = editing();
    restored(&mut screen, policy("OLD", &["user:b@example.com"]).to_json());
    screen.keys("g j D");
    assert!(screen.notice().contains("Already staged for removal"), "{}", screen.notice());
}

#[test]
fn nothing_is_gone_back_to_before_today_is_known() {
    let mut screen = reading();
    restored(&mut screen, policy("OLD", &["user:b@example.com"]).to_json());
    assert_eq!((count(&screen), said(&screen).0), (None, Some(Level::Error)));
    assert!(screen.notice().contains("The current policy hasn't been read"), "{}", screen.notice());
}
