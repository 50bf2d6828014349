//! Snapshots of the policy's screens.

use jiff::Timestamp;
use serde_json::json;

use super::tests::{opened, picture, pictures};
use crate::{
    flows::{self, Applied},
    http::{ApiError, ErrorKind},
    local::history::{Snapshot, Whose},
    model::policy::{Policy, merge::merge},
    ops::{Call, Reply},
    tui::app::testing::Screen,
};

fn policy(etag: &str, token_creators: &[&str]) -> Policy {
    let value = json!({
        "version": 3,
        "etag": etag,
        "bindings": [
            {"role": "roles/iam.serviceAccountTokenCreator", "members": token_creators},
            {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:carol@contractor.example"],
             "condition": {"title": "expired-2020", "expression": "request.time < timestamp(\"2020-01-01T00:00:00Z\")"}},
            {"role": "roles/iam.serviceAccountOpenIdTokenCreator",
             "members": ["user:old@example.com", "deleted:user:ghost@example.com?uid=605245566778899001122"]},
        ],
    });
    Policy::parse(value).expect("a policy")
}

fn level(name: &str, policy: Result<serde_json::Value, ApiError>) -> flows::Level {
    let policy = policy.map(|value| Policy::parse(value).expect("a policy"));
    flows::Level { name: name.into(), display_name: String::new(), policy }
}

fn shown() -> Screen {
    let mut screen = opened();
    screen.keys("p");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen
        .reply(req, Ok(Reply::from(policy("BwWWja0YfJA=", &["user:dev@example.com", "user:b@example.com"]))));
    let ci = json!({"bindings": [{"role": "roles/iam.serviceAccountTokenCreator", "members": ["serviceAccount:ci@acme-ci.iam.gserviceaccount.com"]}]});
    let owner = json!({"bindings": [{"role": "roles/owner", "members": ["user:owner@example.com"]}]});
    let denied = ApiError::new(ErrorKind::Denied, "resourcemanager.folders.getIamPolicy is missing.");
    let levels = vec![
        level("projects/acme-prod", Ok(ci)),
        level("folders/4711", Err(denied)),
        level("organizations/9", Ok(owner)),
    ];
    let req = screen.asked(|call| matches!(call, Call::GetInherited { .. }));
    screen.reply(req, Ok(Reply::from(levels)));
    screen.wait(12);
    screen
}

#[test]
fn a_policy_with_conditions_and_inherited_rows() {
    pictures("policy", &mut shown());
    pictures("policy_by_member", shown().keys("v"));
    pictures("policy_folded", shown().keys("enter"));
    pictures("policy_filtered", shown().keys("/").typed("ghost"));
}

/// Guards may appear and disappear with time: the layout is for the current ones.
#[test]
fn the_end_of_a_review_is_in_reach_at_any_height() {
    let own = json!({"version": 3, "etag": "A", "bindings": [
        {"role": "roles/iam.serviceAccountAdmin", "members": ["user:dev@example.com"],
         "condition": {"title": "from-2020", "expression": "request.time > timestamp(\"2020-01-01T00:00:00Z\")"}}]});
    let mut screen = opened();
    screen.keys("p");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(req, Ok(Reply::from(Policy::parse(own).expect("a policy"))));
    screen.app.shared.workspace.facts.values_mut().for_each(|facts| facts.granted.forget());
    screen.keys("g j D s");
    for height in 12..=30 {
        picture(&mut screen, 80, height);
        screen.keys("G");
        let picture = picture(&mut screen, 80, height);
        assert!(picture.contains("No other bindings."), "at {height} lines:\n{picture}");
    }
}

#[test]
fn a_policy_that_may_not_be_read_shows_what_is_above_it() {
    let mut screen = shown();
    screen.keys("r");
    let req = screen.asked(|call| matches!(call, Call::GetPolicy { .. }));
    screen.reply(
        req,
        Err(ApiError::new(ErrorKind::Denied, "The caller lacks iam.serviceAccounts.getIamPolicy.")),
    );
    pictures("policy_denied_but_known", &mut screen);
}

/// A grant for an hour and a revocation are staged.
fn staged() -> Screen {
    let mut screen = shown();
    screen.keys("j j D");
    screen.app.shared.workspace.facts.values_mut().for_each(|facts| facts.granted.forget());
    screen.keys("a shift-tab ctrl-u").typed("group:oncall@example.com").keys("ctrl-s");
    screen
}

#[test]
fn staged_edits_and_their_review() {
    pictures("policy_staged", &mut staged());
    pictures("policy_review", staged().keys("s"));
    let mut screen = staged();
    screen.keys("a shift-tab ctrl-u").typed("allAuthenticatedUsers");
    screen.keys("tab tab ctrl-u").typed("never").keys("ctrl-s s");
    pictures("policy_review_guarded", &mut screen);
    // At 80×24 the first enter scrolls; once everything was shown, the name is asked for.
    pictures("policy_review_typing", screen.keys("enter enter enter"));
}

#[test]
fn the_guided_grant() {
    let mut screen = shown();
    screen.app.shared.workspace.facts.values_mut().for_each(|facts| facts.granted.forget());
    pictures("grant", screen.keys("a"));
    pictures("grant_refused", screen.keys("tab ctrl-u").typed("soon").keys("ctrl-s"));
    let mut screen = shown();
    pictures("request_access", screen.keys("a"));
}

#[test]
fn a_conflict() {
    let mut screen = staged();
    screen.keys("s enter enter");
    let req = screen.asked(|call| matches!(call, Call::ApplyPolicy { .. }));
    let edits =
        screen.app.shared.workspace.facts.values().find_map(|facts| facts.staged.clone()).expect("staged");
    let theirs = policy("T", &["user:dev@example.com", "user:b@example.com", "user:theirs@example.com"]);
    let merged = merge(edits.base(), &edits.result(), &theirs);
    screen.reply(req, Ok(Reply::from(Applied::Conflict { theirs, merged })));
    pictures("policy_conflict", &mut screen);
}

#[test]
fn the_history() {
    let mut screen = shown();
    screen.keys("H");
    let req = screen.asked(|call| matches!(call, Call::ListHistory { .. }));
    let snapshot = |seconds: i64, change: &str| Snapshot {
        id: seconds.to_string(),
        time: Timestamp::from_second(seconds).expect("a time"),
        whose: Whose::default(),
        change: vec![change.to_owned()],
        granted: vec![],
        policy: json!({"etag": "A"}),
    };
    let list = vec![
        snapshot(1_799_999_000, "- roles/viewer user:old@example.com"),
        snapshot(1_799_900_000, "+ roles/viewer user:old@example.com"),
    ];
    screen.reply(req, Ok(Reply::from(list)));
    pictures("policy_history", &mut screen);
}
