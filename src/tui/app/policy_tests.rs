//! Editing a policy by keys: staging, questions before a write, and the outcome.

use crossterm::event::Event;
use serde_json::json;

use super::{
    msg::{Effect, Level, Msg, PaneId, ReqId},
    testing::{API, DEPLOYER, Screen, denied},
};
use crate::{
    flows::{self, Applied, Watched},
    http::{ApiError, ErrorKind},
    keymap::Place,
    model::{
        caller::Caller,
        permission::{Granted, MATRIX},
        policy::{
            Policy,
            diff::{Diff, Op},
            edit::{Edit, Staged},
            merge::merge,
        },
    },
    ops::{Call, Reply},
};

fn policy(etag: &str, members: &[&str]) -> Policy {
    let bindings = json!([
        {"role": "roles/iam.serviceAccountTokenCreator", "members": members},
        {"role": "roles/iam.serviceAccountAdmin", "members": ["user:admin@example.com"]},
    ]);
    Policy::parse(json!({"version": 1, "etag": etag, "bindings": bindings})).expect("a policy")
}

/// The deployer's policy is open and being read; the caller is known and can edit.
fn reading() -> Screen {
    let mut screen = Screen::ready();
    let req = screen.asked(|call| matches!(call, Call::IdentifyCaller {}));
    let caller =
        Caller { principal: Some("dev@example.com".into()), kind: "user".into(), ..Caller::default() };
    screen.reply(req, Ok(Reply::from(caller)));
    screen.keys("enter");
    let all: Vec<&str> = MATRIX.iter().map(|permission| permission.name).collect();
    let req = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    screen.reply(req, Ok(Reply::from(Granted::from_names(&all))));
    screen.keys("p");
    screen
}

/// The same with the policy read and shown.
fn editing() -> Screen {
    let mut screen = reading();
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(policy("A", &["user:a@example.com", "user:b@example.com"]))));
    let req = screen.asked(|call| matches!(call, Call::GetInherited { .. }));
    screen.reply(req, Ok(Reply::Inherited(Box::default())));
    screen
}

fn staged(screen: &Screen) -> &Staged {
    screen.app.shared.workspace.facts[DEPLOYER].staged.as_ref().expect("something is staged")
}

fn writes(screen: &Screen) -> Vec<(ReqId, flows::Request)> {
    let write = |(req, call): (ReqId, &Call)| match call {
        Call::ApplyPolicy { request } => Some((req, (**request).clone())),
        _ => None,
    };
    screen.calls().into_iter().filter_map(write).collect()
}

/// Stages a grant to the caller for an hour, reviews it and confirms.
fn written() -> (Screen, ReqId) {
    let mut screen = editing();
    screen.keys("a ctrl-s s enter");
    let req = writes(&screen).last().map(|(req, _)| *req).expect("it is being written");
    (screen, req)
}

fn applied(after: Policy) -> Reply {
    let before = policy("A", &["user:a@example.com"]);
    Reply::from(Applied::Applied { before, after, etag: "B".into(), differs: Diff::default(), saved: None })
}

#[test]
fn a_grant_is_staged_reviewed_and_only_then_written() {
    let mut screen = editing();
    screen.keys("a");
    assert_eq!(screen.app.place(), Place::Form);
    screen.keys("ctrl-s");
    assert!(writes(&screen).is_empty());
    assert_eq!(staged(&screen).changes().len(), 1);
    screen.keys("s");
    assert_eq!(screen.app.place(), Place::Review);
    assert!(writes(&screen).is_empty());
    screen.keys("enter");
    let (_, request) = writes(&screen).remove(0);
    assert_eq!((&*request.account, request.base.etag()), (DEPLOYER, Some("A")));
    let Edit::Grant(triple) = &request.edits[0] else { panic!("a grant: {:?}", request.edits) };
    assert_eq!(triple.member.as_str(), "user:dev@example.com");
    assert!(triple.condition.is_some(), "for an hour, unless another time is chosen");
}

#[test]
fn a_grant_ends_by_googles_clock_and_says_so_when_clocks_differ() {
    let end = |skew| {
        let mut screen = editing();
        screen.app.shared.session.skew = skew;
        screen.keys("a ctrl-s");
        let condition = staged(&screen).changes()[0].condition.clone().expect("for an hour");
        let end: jiff::Timestamp = condition.expression().split('"').nth(1).unwrap().parse().unwrap();
        (end.as_second(), screen.notice().to_owned())
    };
    let ((here, quiet), (there, said)) = (end(None), end(Some(-86_400_000)));
    assert_eq!(here - there, 86_400, "this machine is a day ahead");
    assert!(said.contains("1d ahead of Google's") && !quiet.contains("clock"), "{said}");
}

#[test]
fn undoing_everything_leaves_nothing_to_write_and_redoing_brings_it_back() {
    let mut screen = editing();
    screen.keys("a ctrl-s z s");
    assert_eq!(screen.app.place(), Place::Policy);
    assert!(screen.notice().contains("Nothing staged"), "{}", screen.notice());
    screen.keys("Z s");
    assert_eq!(screen.app.place(), Place::Review);
}

#[test]
fn a_paste_that_does_not_fit_leaves_the_suggested_role_as_it_is() {
    let mut screen = editing();
    screen.keys("a");
    screen.send(Msg::Input(Event::Paste("x".repeat(10_000))));
    screen.keys("ctrl-s");
    let changes = staged(&screen).changes();
    assert!(format!("{changes:?}").contains("roles/iam.serviceAccountTokenCreator"), "{changes:?}");
}

#[test]
fn revoking_the_row_under_the_cursor_stages_it_and_inherited_rows_cannot_be_changed() {
    let mut screen = editing();
    screen.keys("j D");
    let changes = staged(&screen).changes();
    assert_eq!(
        (changes.len(), changes[0].op, changes[0].member.as_str()),
        (1, Op::Remove, "user:a@example.com")
    );
    let above = flows::Level {
        name: "projects/acme-prod".into(),
        display_name: String::new(),
        policy: Ok(Policy::parse(
            json!({"bindings": [{"role": "roles/viewer", "members": ["user:v@example.com"]}]}),
        )
        .expect("a policy")),
    };
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::GetInherited { .. }));
    screen.reply(req, Ok(Reply::from(vec![above])));
    screen.keys("G D");
    assert_eq!(staged(&screen).changes().len(), 1);
    assert!(screen.notice().contains("Inherited from"), "{}", screen.notice());
}

#[test]
fn a_guard_has_to_be_accepted_and_a_public_grant_asks_for_the_name() {
    let mut screen = editing();
    screen
        .keys("a shift-tab ctrl-u")
        .typed("allUsers")
        .keys("tab tab ctrl-u")
        .typed("never")
        .keys("ctrl-s s enter");
    assert!(writes(&screen).is_empty(), "a guard stands before it");
    assert_eq!(screen.app.place(), Place::ReviewTyping);
    screen.typed("something else").keys("enter");
    assert!(writes(&screen).is_empty());
    screen.keys("ctrl-u").typed("deployer@acme-prod").keys("enter");
    assert_eq!(writes(&screen).len(), 1, "{}", screen.notice());
}

#[test]
fn a_write_that_is_done_says_so_and_the_callers_own_grant_is_watched() {
    let (mut screen, req) = written();
    let after = policy("B", &["user:a@example.com", "user:dev@example.com"]);
    screen.reply(req, Ok(applied(after)));
    assert!(screen.app.shared.workspace.facts[DEPLOYER].staged.is_none());
    assert!(screen.app.shared.requests.writes.is_empty());
    let watch = screen.asked(|call| matches!(call, Call::WatchGrant { .. }));
    screen.reply(
        watch,
        Ok(Reply::from(Watched::Works { attempts: 3, after: std::time::Duration::from_secs(4) })),
    );
    assert!(screen.notice().contains("is in effect"), "{}", screen.notice());
}

fn tests(screen: &Screen) -> Vec<ReqId> {
    let test = |call: &Call| matches!(call, Call::TestPermissions { .. });
    screen.calls().into_iter().filter(|(_, call)| test(call)).map(|(req, _)| req).collect()
}

/// Old permissions are shown neither in the matrix nor in the list, and one test is in flight.
fn asks_anew(screen: &mut Screen, asked_before: usize) {
    let asked = tests(screen);
    assert_eq!(asked.len(), asked_before + 1, "once");
    assert_eq!(screen.app.shared.workspace.granted(DEPLOYER), None, "what was said before the write is old");
    screen.reply(asked[asked_before], Ok(Reply::from(Granted::from_names::<&str>(&[]))));
    assert!(screen.app.shared.workspace.granted(DEPLOYER).is_some_and(|granted| granted.is_none()));
}

#[test]
fn permissions_are_tested_again_after_any_write() {
    let mut screen = editing();
    let all: Vec<&str> = MATRIX.iter().map(|permission| permission.name).collect();
    screen.app.shared.workspace.tested.insert(DEPLOYER.into(), Granted::from_names(&all));
    screen.keys("j D s enter enter");
    let (req, request) = writes(&screen).pop().expect("it is being written");
    assert!(matches!(request.edits[..], [Edit::Revoke(_)]), "{:?}", request.edits);
    let before = tests(&screen).len();
    screen.reply(req, Ok(applied(policy("B", &["user:b@example.com"]))));
    asks_anew(&mut screen, before);
}

#[test]
fn permissions_are_tested_again_when_a_write_is_unknown() {
    let (mut screen, req) = written();
    let before = tests(&screen).len();
    let lost = ApiError::new(ErrorKind::Timeout, "no answer came");
    let unknown = Applied::Unknown { lost: lost.clone(), read_again: lost, check: String::new() };
    screen.reply(req, Ok(Reply::from(unknown)));
    asks_anew(&mut screen, before);
}

#[test]
fn permissions_are_tested_again_when_a_watch_ends() {
    let after = std::time::Duration::from_secs(4);
    let ends = [
        Ok(Reply::from(Watched::Works { attempts: 3, after })),
        Ok(Reply::from(Watched::NotYet { attempts: 9, after })),
        Err(ApiError::new(ErrorKind::Timeout, "no answer came")),
    ];
    for end in ends {
        let (mut screen, req) = written();
        screen.reply(req, Ok(applied(policy("B", &["user:a@example.com", "user:dev@example.com"]))));
        let watch = screen.asked(|call| matches!(call, Call::WatchGrant { .. }));
        let before = tests(&screen).len();
        screen.reply(watch, end);
        asks_anew(&mut screen, before);
    }
}

#[test]
fn a_conflict_comes_back_to_the_review_with_mine_over_theirs_and_nothing_is_sent_again() {
    let (mut screen, req) = written();
    let base = staged(&screen).base().clone();
    let mine = staged(&screen).result();
    let theirs = policy("T", &["user:a@example.com", "user:b@example.com", "user:theirs@example.com"]);
    let merged = merge(&base, &mine, &theirs);
    screen.reply(req, Ok(Reply::from(Applied::Conflict { theirs, merged })));
    assert_eq!(screen.app.place(), Place::Review);
    assert_eq!((staged(&screen).base().etag(), staged(&screen).changes().len()), (Some("T"), 1));
    assert_eq!(writes(&screen).len(), 1);
    screen.keys("enter");
    assert_eq!(writes(&screen)[1].1.base.etag(), Some("T"));
}

#[test]
fn a_refused_write_keeps_what_is_staged() {
    let (mut screen, req) = written();
    screen.reply(req, Err(denied()));
    assert_eq!(staged(&screen).changes().len(), 1);
    assert_eq!(screen.app.notice.as_ref().map(|notice| notice.level), Some(Level::Error));
}

#[test]
fn a_lost_answer_is_said_with_the_command_that_checks_it() {
    let (mut screen, req) = written();
    let lost = ApiError::new(ErrorKind::Timeout, "no answer came");
    let unknown = Applied::Unknown {
        lost: lost.clone(),
        read_again: lost,
        check: "impersona policy get deployer@acme-prod".into(),
    };
    screen.reply(req, Ok(Reply::from(unknown)));
    assert!(screen.notice().contains("impersona policy get"), "{}", screen.notice());
}

#[test]
fn a_slow_write_goes_on_while_the_user_navigates_and_holds_quitting_back() {
    let (mut screen, req) = written();
    screen.keys("1 3 4 0 j");
    assert!(
        !screen.effects.iter().any(|effect| matches!(effect, Effect::Cancel(cancelled) if *cancelled == req))
    );
    screen.keys("q");
    assert_eq!(screen.app.place(), Place::Confirm);
    screen.keys("esc ctrl-c");
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::GiveBack(_))));
    assert!(!screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(_))), "it is waited for");
    screen.reply(req, Ok(applied(policy("B", &[]))));
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(130))));
}

#[test]
fn a_second_ctrl_c_abandons_the_write_and_says_what_is_not_known() {
    let (mut screen, _) = written();
    screen.keys("ctrl-c");
    screen.send(Msg::Leave(130));
    let line = screen
        .effects
        .iter()
        .find_map(|effect| if let Effect::Farewell(line) = effect { Some(line) } else { None });
    assert!(line.is_some_and(|line| line.contains("impersona policy get")), "{line:?}");
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(130))));
}

#[test]
fn quitting_with_something_staged_asks() {
    let mut screen = editing();
    screen.keys("a ctrl-s q");
    assert_eq!(screen.app.place(), Place::Confirm);
    screen.keys("n q y");
    assert!(screen.effects.iter().any(|effect| matches!(effect, Effect::Quit(0))));
}

#[test]
fn what_is_staged_belongs_to_its_account_and_the_list_marks_it() {
    let mut screen = editing();
    screen.keys("a ctrl-s 0 j enter p");
    assert_eq!(screen.app.shared.workspace.opened.as_deref(), Some(API));
    assert!(screen.app.shared.workspace.facts[API].staged.is_none());
    assert_eq!([DEPLOYER, API].map(|account| screen.app.shared.workspace.has_draft(account)), [true, false]);
}

#[test]
fn grant_becomes_a_request_when_the_caller_cannot_edit() {
    let mut screen = Screen::ready();
    screen.keys("enter");
    let req = screen.asked(|call| matches!(call, Call::TestPermissions { .. }));
    screen.reply(req, Ok(Reply::from(Granted::from_names::<&str>(&[]))));
    screen.keys("a");
    assert_eq!((screen.app.pane, screen.app.place()), (PaneId::Policy, Place::Form));
    screen.keys("ctrl-s");
    // The caller is unknown here, so the member has to be typed.
    screen.typed("user:dev@example.com").keys("ctrl-s");
    let clip = screen.effects.iter().find_map(|effect| {
        if let Effect::Copy(clip) = effect { Some(clip.content().expose().to_owned()) } else { None }
    });
    let text = clip.expect("a request to copy");
    for part in
        ["gcloud iam service-accounts add-iam-policy-binding", "google_service_account_iam_member", DEPLOYER]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(writes(&screen).is_empty());
}

#[test]
fn read_only_writes_nothing_from_the_screen_either() {
    let mut screen = editing();
    screen.app.shared.session.read_only = true;
    screen.keys("a ctrl-s s enter");
    assert!(writes(&screen).is_empty() && screen.notice().contains("read-only"));
}

#[test]
fn a_policy_that_is_read_again_keeps_what_is_staged() {
    let mut screen = editing();
    screen.keys("a ctrl-s r");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(policy("N", &["user:new@example.com"]))));
    assert_eq!((staged(&screen).base().etag(), staged(&screen).changes().len()), (Some("N"), 1));
}

#[test]
fn a_grant_made_ahead_of_the_policy_is_staged_when_the_policy_is_there() {
    let mut screen = reading();
    screen.keys("a ctrl-s");
    assert!(
        screen.app.shared.workspace.facts[DEPLOYER].staged.is_none() && screen.notice().contains("Reading")
    );
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(policy("N", &["user:new@example.com"]))));
    assert_eq!((staged(&screen).base().etag(), staged(&screen).changes().len()), (Some("N"), 1));
    assert!(writes(&screen).is_empty());
}

#[test]
fn a_grant_made_ahead_of_a_policy_that_cannot_be_read_is_said_to_be_lost() {
    let mut screen = reading();
    screen.keys("a ctrl-s");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Err(denied()));
    assert!(screen.app.shared.workspace.facts[DEPLOYER].staged.is_none());
    assert!(screen.notice().contains("Nothing staged"), "{}", screen.notice());
}

#[test]
fn a_policy_that_gcloud_mangled_cannot_be_edited() {
    let mut screen = editing();
    let mangled = json!({"etag": "A", "bindings": [{"role": "roles/viewer_withcond_abc", "members": ["user:a@example.com"]}]});
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(Policy::parse(mangled).expect("a policy"))));
    screen.keys("a ctrl-s s");
    assert_eq!(screen.app.place(), Place::Policy);
    assert!(writes(&screen).is_empty());
}

#[test]
fn marked_grants_are_revoked_together() {
    let mut screen = editing();
    screen.keys("j space space D");
    let changes = staged(&screen).changes();
    assert_eq!((changes.len(), changes.iter().all(|change| change.op == Op::Remove)), (2, true));
}

#[test]
fn every_guard_stops_the_first_enter() {
    // Each grant or revocation, and what the review must say before it can be written.
    let grant = |who: &str, role: &str| format!("{who} {role}");
    let cases = [
        (grant("allUsers", "roles/iam.serviceAccountUser"), "all-users"),
        (grant("allAuthenticatedUsers", "roles/iam.serviceAccountUser"), "all-authenticated-users"),
        (grant("domain:example.com", "roles/iam.serviceAccountUser"), "whole-domain"),
        (grant("user:x@example.com", "roles/viewer"), "basic-role"),
    ];
    for (what, name) in cases {
        let mut screen = editing();
        let (who, role) = what.split_once(' ').expect("two words");
        screen.keys("a shift-tab ctrl-u").typed(who).keys("tab ctrl-u").typed(role).keys("ctrl-s s");
        assert_eq!(screen.app.place(), Place::Review, "{name}: {}", screen.notice());
        screen.keys("enter");
        assert!(writes(&screen).is_empty(), "{name} must stop the first enter");
    }
    // The last administrator: revoking may also lock the caller out.
    let mut screen = editing();
    screen.keys("G D s enter");
    assert!(writes(&screen).is_empty(), "the last administrator");
    // Production asks for the name even without other warnings.
    let mut screen = editing();
    screen.app.shared.session.production.push("acme-prod".into());
    screen.keys("a ctrl-s s enter");
    assert_eq!((writes(&screen).len(), screen.app.place()), (0, Place::ReviewTyping));
}

#[test]
fn taking_ones_own_access_or_what_cannot_be_seen_to_be_safe_stops_the_first_enter() {
    // The caller is the administrator and would lose their own access.
    let own = json!({"version": 1, "etag": "A", "bindings": [
        {"role": "roles/iam.serviceAccountAdmin", "members": ["user:dev@example.com", "user:admin@example.com"]}]});
    let mut screen = editing();
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(Policy::parse(own).expect("a policy"))));
    screen.keys("g j D s enter");
    assert_eq!(
        (writes(&screen).len(), screen.app.place()),
        (0, Place::ReviewTyping),
        "own access asks for the name"
    );
    // The last administrator here, with an unreadable level above: it might lock everyone out.
    let mut screen = editing();
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::GetInherited { .. }));
    let closed =
        flows::Level { name: "folders/1".into(), display_name: String::new(), policy: Err(denied()) };
    screen.reply(req, Ok(Reply::from(vec![closed])));
    screen.keys("G k D s enter");
    assert!(writes(&screen).is_empty(), "it may lock out");
}

#[path = "policy_renaming_tests.rs"]
mod renaming;
#[path = "policy_staging_tests.rs"]
mod staging;
#[path = "policy_writing_tests.rs"]
mod writing;
