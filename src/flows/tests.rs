//! Flows against the emulator over real HTTP, in good and in bad weather.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    api::{Client, Settings, testing},
    auth::{self, FindOptions},
    http::{ApiError, ErrorKind, clock::Stopped, endpoints::Endpoints},
    local::{env::Env, history::Snapshots},
    model::{
        account::{AccountRef, UniqueId},
        chain::HopState,
        condition::Condition,
        member::Member,
        permission::{GET_ACCESS_TOKEN, SIGN_BLOB, SIGN_JWT},
        policy::{Policy, Triple, edit::Edit},
    },
};
use impersona_emulator::{
    Delivery, Emulator, Fault, Handle, Options, Outcome, World,
    names::{CAROL, CREATOR, DEV, EDITABLE, GET_POLICY, SET_POLICY, USER, member::RELAY_A},
};

/// The example organization, a client of dev's, and a place for snapshots.
pub(super) struct Desk {
    emulator: Emulator,
    pub(super) client: Client,
    snapshots: Snapshots,
}

impl Desk {
    async fn new() -> Desk {
        Desk::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Settings)) -> Desk {
        let emulator = Emulator::start(Options { port: 0, world: World::demo() }).await.unwrap();
        let env = Env::from_vars(emulator.env());
        let source = auth::find(&env, &FindOptions::default());
        let mut settings = Settings::new(Endpoints::new(&env, None).unwrap(), source);
        settings.use_proxy = false;
        change(&mut settings);
        Desk { emulator, client: Client::new(settings), snapshots: Snapshots::in_memory() }
    }

    /// With a fault of the next write.
    async fn under(fault: Fault) -> Desk {
        let desk = Desk::new().await;
        // The token is there before anything goes wrong.
        desk.client.get_policy(EDITABLE).await.unwrap();
        desk.fault(fault.method(SET_POLICY).times(1)).await;
        desk
    }

    pub(super) async fn fault(&self, fault: Fault) {
        self.handle().add_fault(fault).await;
    }

    fn handle(&self) -> Handle {
        self.emulator.handle()
    }

    async fn request(&self, edits: Vec<Edit>, mode: Mode) -> Request {
        let base = self.client.get_policy(EDITABLE).await.unwrap();
        Request { account: AccountRef::read(EDITABLE), unique_id: UniqueId::read("1"), base, edits, mode }
    }

    async fn apply(&self, request: Request) -> Result<Applied, ApiError> {
        apply_policy(&self.client, &self.snapshots, request).await
    }

    /// dev is given the Token Creator's role.
    async fn grant(&self, mode: Mode) -> Result<Applied, ApiError> {
        self.apply(self.request(vec![Edit::Grant(triple(CREATOR, DEV))], mode).await).await
    }

    /// Who has that role without a condition, as it is stored.
    async fn members(&self, role: &str) -> Vec<String> {
        let policy = self.handle().policy_of(EDITABLE).await.unwrap();
        let plain = policy.bindings.into_iter().filter(|b| b.role == role && b.condition.is_none());
        plain.flat_map(|binding| binding.members).collect()
    }

    /// Someone else grants or revokes a role without a condition.
    async fn meanwhile(&self, role: &str, change: impl FnOnce(&mut Vec<String>)) {
        let role = role.to_owned();
        let handle = self.handle();
        let changed = handle.set_policy_of(EDITABLE, |policy| {
            let found = policy.bindings.iter().position(|b| b.role == role && b.condition.is_none());
            let at = found.unwrap_or_else(|| {
                policy.bindings.push(impersona_emulator::Binding { role, members: vec![], condition: None });
                policy.bindings.len() - 1
            });
            change(&mut policy.bindings[at].members);
            policy.bindings.retain(|binding| !binding.members.is_empty());
        });
        assert!(changed.await);
    }

    pub(super) async fn calls(&self, method: &str) -> usize {
        self.handle().request_log().await.iter().filter(|served| served.method == method).count()
    }

    async fn until_called(&self, method: &str, times: usize) {
        while self.calls(method).await < times {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn saved(&self) -> Vec<crate::local::history::Snapshot> {
        self.snapshots
            .list(&whose(&self.client, &AccountRef::read(EDITABLE), UniqueId::read("1").as_ref()))
            .await
            .unwrap()
    }
}

fn triple(role: &str, member: &str) -> Triple {
    Triple { role: role.into(), member: Member::read(member), condition: None }
}

fn retry() -> Mode {
    Mode::Retry { times: 5 }
}

// Good weather.

#[tokio::test]
async fn a_grant_is_written_after_the_policy_as_read_was_saved() {
    let desk = Desk::new().await;
    let stored = desk.client.get_policy(EDITABLE).await.unwrap();
    let Ok(Applied::Applied { before, after, etag, differs, saved: id }) = desk.grant(Mode::Once).await
    else {
        panic!("applied")
    };
    assert_eq!(before, stored);
    assert!(differs.is_empty() && after.etag() == Some(&etag) && Some(&*etag) != before.etag());
    assert!(desk.members(CREATOR).await.contains(&DEV.to_owned()));
    let saved = &desk.saved().await[0];
    assert_eq!(Some(&saved.id), id.as_ref());
    assert_eq!(saved.policy, stored.to_json());
    assert_eq!(saved.change, [format!("+ {CREATOR} {DEV}")]);
    assert_eq!(saved.granted, [(CREATOR.to_owned(), DEV.to_owned())]);
}

#[tokio::test]
async fn granting_and_revoking_leaves_the_policy_as_it_was() {
    let desk = Desk::new().await;
    let before = desk.client.get_policy(EDITABLE).await.unwrap().to_json();
    let condition =
        Some(Condition::new("for an hour", r#"request.time < timestamp("2099-01-01T00:00:00Z")"#));
    let triple = Triple { condition, ..triple(CREATOR, DEV) };
    for edit in [Edit::Grant(triple.clone()), Edit::Revoke(triple)] {
        let applied = desk.apply(desk.request(vec![edit], Mode::Once).await).await.unwrap();
        assert!(matches!(applied, Applied::Applied { .. }), "{applied:?}");
    }
    let mut after = desk.client.get_policy(EDITABLE).await.unwrap().to_json();
    after["etag"] = before["etag"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn what_is_so_already_is_not_written() {
    let desk = Desk::new().await;
    let edits = vec![Edit::Grant(triple("roles/iam.serviceAccountAdmin", "user:DEV@example.com"))];
    let applied = desk.apply(desk.request(edits, Mode::Once).await).await.unwrap();
    assert!(matches!(applied, Applied::Applied { .. }));
    assert_eq!((desk.calls(SET_POLICY).await, desk.saved().await.len()), (0, 0));
}

#[tokio::test]
async fn what_gcloud_wrote_is_read_and_survives_our_write() {
    let desk = Desk::new().await;
    // As gcloud sends it: the etag in the URL's alphabet, version 3, no mask, a condition without a description.
    let token =
        desk.handle().mint(DEV, &["https://www.googleapis.com/auth/cloud-platform"], 600).await.unwrap();
    let mut policy = desk.client.get_policy(EDITABLE).await.unwrap().to_json();
    let expression = r#"request.time < timestamp("2098-01-01T00:00:00Z")"#;
    policy["etag"] = policy["etag"].as_str().unwrap().replace('+', "-").replace('/', "_").into();
    policy["bindings"].as_array_mut().unwrap().push(json!(
        {"condition": {"expression": expression, "title": "tmp"}, "members": [CAROL], "role": USER}
    ));
    let url =
        format!("{}v1/projects/-/serviceAccounts/{EDITABLE}:setIamPolicy?alt=json", desk.emulator.base_url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client.post(url).bearer_auth(token).header("x-goog-user-project", "acme-prod");
    let answer = sent.json(&json!({ "policy": policy })).send().await.unwrap();
    let said = answer.text().await.unwrap();
    assert!(said.contains("\"tmp\""), "{said}");

    let theirs = Triple { condition: Some(Condition::new("tmp", expression)), ..triple(USER, CAROL) };
    assert!(desk.client.get_policy(EDITABLE).await.unwrap().triples().contains(&theirs));
    desk.grant(Mode::Once).await.unwrap();
    assert!(desk.client.get_policy(EDITABLE).await.unwrap().triples().contains(&theirs));
}

// Someone else is faster.

#[tokio::test]
async fn a_conflict_gives_both_sides_back_to_a_person() {
    let desk = Desk::new().await;
    let request = desk.request(vec![Edit::Grant(triple(CREATOR, DEV))], Mode::Once).await;
    desk.meanwhile(USER, |members| members.push(CAROL.into())).await;
    let Ok(Applied::Conflict { theirs, merged }) = desk.apply(request).await else { panic!("a conflict") };
    assert!(theirs.triples().contains(&triple(USER, CAROL)) && merged.overlaps.is_empty());
    assert!(merged.merged.triples().contains(&triple(USER, CAROL)));
    assert!(merged.merged.triples().contains(&triple(CREATOR, DEV)));
    assert_eq!(desk.calls(SET_POLICY).await, 1);
    assert!(!desk.members(CREATOR).await.contains(&DEV.to_owned()));
}

#[tokio::test]
async fn on_the_command_line_changes_that_do_not_touch_go_together() {
    let desk = Desk::new().await;
    let request = desk.request(vec![Edit::Grant(triple(CREATOR, DEV))], retry()).await;
    desk.meanwhile(USER, |members| members.push(CAROL.into())).await;
    let Ok(Applied::Applied { before, differs, .. }) = desk.apply(request).await else { panic!("applied") };
    assert!(before.triples().contains(&triple(USER, CAROL)) && differs.is_empty());
    assert!(desk.members(CREATOR).await.contains(&DEV.to_owned()));
    assert_eq!(desk.members(USER).await, [CAROL]);
    assert_eq!((desk.calls(SET_POLICY).await, desk.saved().await.len()), (2, 1));
}

#[tokio::test]
async fn a_conflict_every_time_ends_after_five_more_tries() {
    let desk = Desk::new().await;
    desk.fault(Fault::on(SET_POLICY).outcome(Outcome::EtagConflict)).await;
    let applied = desk.grant(retry()).await.unwrap();
    assert!(matches!(applied, Applied::Conflict { .. }), "{applied:?}");
    assert_eq!(desk.calls(SET_POLICY).await, 6);
}

#[tokio::test]
async fn changes_of_the_same_access_are_never_decided_here() {
    let desk = Desk::new().await;
    let ann = "user:ann.example@example.com";
    let condition = Some(Condition::new("mine", r#"request.time < timestamp("2098-01-01T00:00:00Z")"#));
    let new = Triple { condition, ..triple(CREATOR, ann) };
    let edits = vec![Edit::Replace { old: triple(CREATOR, ann), new }];
    let request = desk.request(edits, retry()).await;
    desk.meanwhile(CREATOR, |members| members.retain(|member| member != ann)).await;
    let Ok(Applied::Conflict { merged, .. }) = desk.apply(request).await else { panic!("a conflict") };
    assert_eq!(merged.overlaps.len(), 1);
    assert_eq!(desk.calls(SET_POLICY).await, 1);
}

#[tokio::test]
async fn changes_that_are_harmful_together_are_not_written_together() {
    let desk = Desk::new().await;
    let request = desk.request(vec![Edit::Grant(triple(CREATOR, DEV))], retry()).await;
    desk.meanwhile(USER, |members| members.push(CAROL.into())).await;
    let fits = |theirs: &Policy, merged: &Policy| {
        assert!(theirs.triples().contains(&triple(USER, CAROL)));
        assert!(merged.triples().contains(&triple(CREATOR, DEV)));
        false
    };
    let applied = apply_policy_if(&desk.client, &desk.snapshots, request, &fits).await.unwrap();
    assert!(matches!(applied, Applied::Conflict { .. }), "{applied:?}");
    assert_eq!(desk.calls(SET_POLICY).await, 1);
}

// The answer is lost.

#[tokio::test]
async fn a_lost_answer_to_a_write_that_was_carried_out_is_found_out() {
    for fault in [
        Fault::default().delivery(Delivery::ResetAfter),
        Fault::default().delivery(Delivery::Truncate),
        Fault::default().delay_ms(300),
    ] {
        let desk = Desk::under(fault.clone()).await;
        let applied = desk.grant(retry()).await.unwrap();
        assert!(matches!(applied, Applied::Applied { .. }), "{fault:?}: {applied:?}");
        assert_eq!(desk.calls(SET_POLICY).await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_write_that_comes_through_after_its_time_is_found_by_looking_again() {
    let desk = Desk::with(|settings| settings.timeout = testing::PATIENCE).await;
    desk.fault(Fault::on(SET_POLICY).delivery(Delivery::Hang).times(1)).await;
    let late = async {
        desk.until_called(SET_POLICY, 1).await;
        let before = desk.calls(GET_POLICY).await;
        testing::later(testing::PATIENCE).await;
        // After the first look.
        desk.until_called(GET_POLICY, before + 1).await;
        desk.meanwhile(CREATOR, |members| members.push(DEV.into())).await;
    };
    let (applied, ()) = tokio::join!(desk.grant(retry()), late);
    assert!(matches!(applied, Ok(Applied::Applied { .. })), "{applied:?}");
    assert_eq!(desk.saved().await.len(), 1, "it was sent once");
}

/// An answer with the status of a success, to a write that was not applied.
fn says_it_is_done(body: serde_json::Value) -> Fault {
    Fault::default().answer(200, body)
}

#[tokio::test]
async fn a_lost_answer_to_a_write_that_was_not_carried_out_is_said_and_nothing_is_sent_again() {
    for fault in [
        Fault::default().delivery(Delivery::ResetBefore),
        Fault::default().delivery(Delivery::Html { status: 502 }),
        Fault::default().error("UNAVAILABLE"),
        // A success by its status, and by nothing else.
        says_it_is_done(json!({})),
        says_it_is_done(json!({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}})),
        says_it_is_done(json!({"version": 1, "bindings": []})),
        says_it_is_done(json!({"version": 1, "etag": "", "bindings": []})),
        says_it_is_done(json!({"version": 1, "etag": "BwOther=", "bindings": []})),
    ] {
        let desk = Desk::under(fault.clone()).await;
        let applied = desk.grant(retry()).await.unwrap();
        let Applied::NotApplied { lost, now } = &applied else { panic!("{fault:?}: {applied:?}") };
        assert!(matches!(lost.kind, ErrorKind::Network | ErrorKind::Server), "{lost:?}");
        assert!(!now.triples().contains(&triple(CREATOR, DEV)));
        assert!(applied.sentence().ends_with("was not applied."), "{}", applied.sentence());
        assert_eq!(desk.calls(SET_POLICY).await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_and_no_way_to_look_is_unknown_with_the_command_that_tells() {
    let desk = Desk::under(Fault::default().delivery(Delivery::ResetAfter)).await;
    let request = desk.request(vec![Edit::Grant(triple(CREATOR, DEV))], retry()).await;
    desk.fault(Fault::on(GET_POLICY).delivery(Delivery::ResetBefore)).await;
    let applied = desk.apply(request).await.unwrap();
    let Applied::Unknown { check, .. } = &applied else { panic!("{applied:?}") };
    assert_eq!(*check, format!("impersona policy get {EDITABLE}"));
    assert!(applied.sentence().contains("unknown") && applied.sentence().contains(check));
}

#[tokio::test]
async fn a_lost_answer_after_which_others_wrote_is_a_conflict() {
    let desk = Desk::under(Fault::default().delivery(Delivery::ResetBefore)).await;
    let request = desk.request(vec![Edit::Grant(triple(CREATOR, DEV))], retry()).await;
    desk.meanwhile(USER, |members| members.push(CAROL.into())).await;
    let applied = desk.apply(request).await.unwrap();
    assert!(matches!(&applied, Applied::Conflict { .. }), "{applied:?}");
    assert_eq!(desk.calls(SET_POLICY).await, 1);
}

#[tokio::test]
async fn a_write_that_never_left_is_no_lost_one() {
    let mut desk = Desk::new().await;
    let request = desk.request(vec![Edit::Grant(triple(CREATOR, DEV))], retry()).await;
    desk.emulator.stop_listening().await;
    let error = desk.apply(request).await.unwrap_err();
    assert!(error.kind == ErrorKind::Network && error.sentence().contains("can't be reached"), "{error:?}");
    assert!(desk.saved().await.is_empty(), "nothing was written over");
}

#[tokio::test]
async fn whether_an_api_is_being_switched_on_is_never_guessed() {
    const SERVICE: &str = "iamcredentials.googleapis.com";
    for fault in
        [Fault::default().delivery(Delivery::ResetBefore), Fault::default().delivery(Delivery::ResetAfter)]
    {
        let desk = Desk::new().await;
        desk.client.get_policy(EDITABLE).await.unwrap();
        desk.fault(fault.method("serviceusage.services.batchEnable")).await;
        let mut told = |_| ();
        let error = enable_service(&desk.client, "acme-dark", SERVICE, ENABLING_PATIENCE, &mut told)
            .await
            .unwrap_err();
        assert_eq!(error.sentence().split(" (").next().unwrap(), "The response was lost");
        assert!(
            error.sentence().ends_with(
                "it's unknown whether iamcredentials.googleapis.com is being enabled in acme-dark."
            ),
            "{error}"
        );
        assert_eq!(
            error.next().unwrap(),
            "Check again in a few minutes; an enabled API isn't enabled twice."
        );
        assert_eq!(desk.calls("serviceusage.services.batchEnable").await, 1);
    }
}

// Nothing is written.

#[tokio::test]
async fn a_refused_write_is_told_as_it_is_and_not_sent_again() {
    for (error, kind) in [("PERMISSION_DENIED", ErrorKind::Denied), ("RATE_LIMIT_EXCEEDED", ErrorKind::Quota)]
    {
        let desk = Desk::under(Fault::default().error(error)).await;
        assert_eq!(desk.grant(retry()).await.unwrap_err().kind, kind);
        assert_eq!(desk.calls(SET_POLICY).await, 1, "{error}");
    }
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_and_the_write_sent_again() {
    let desk = Desk::under(Fault::default().outcome(Outcome::TokenExpired)).await;
    assert!(matches!(desk.grant(Mode::Once).await, Ok(Applied::Applied { .. })));
    assert_eq!(desk.calls(SET_POLICY).await, 2);
}

#[tokio::test]
async fn without_a_place_to_save_nothing_is_written() {
    let desk = Desk { snapshots: Snapshots::in_state_folder(None), ..Desk::new().await };
    let error = desk.grant(retry()).await.unwrap_err();
    assert!(error.sentence().contains("nothing was written"), "{error}");
    assert_eq!(desk.calls(SET_POLICY).await, 0);
}

#[tokio::test]
async fn read_only_sends_no_write() {
    let desk = Desk::with(|settings| settings.read_only = true).await;
    assert_eq!(desk.grant(retry()).await.unwrap_err().kind, ErrorKind::ReadOnly);
    assert!(desk.handle().request_log().await.iter().all(|served| served.method != SET_POLICY));
}

// Every field.

#[tokio::test]
async fn fields_that_nobody_here_knows_go_back_as_they_came() {
    let read = r#"{"version":1,"futureTop":{"a":[1,null,"x"]},"etag":"BwX1","bindings":[
        {"role":"roles/a","members":["user:A@x.com","user:b@x.com"],"bindingId":"b-1","condition":{
            "title":"t","expression":"true","location":"l","futureCondition":true}},
        {"role":"roles/b","members":["group:g@x.com"],"futureBinding":0}],"auditConfigs":[{"service":"allServices"}]}"#;
    let stored = r#"{"version":3,"etag":"BwX2"}"#;
    let server = testing::Server::start([testing::ok(read), testing::ok(stored)]).await;
    let client = server.client();
    let base = client.get_policy("sa@p-1234.iam.gserviceaccount.com").await.unwrap();
    let edits = vec![
        Edit::Revoke(triple("roles/b", "group:g@x.com")),
        Edit::Grant(triple("roles/c", "user:c@x.com")),
    ];
    let account = "sa@p-1234.iam.gserviceaccount.com".to_owned();
    let request =
        Request { account: AccountRef::read(&account), unique_id: None, base, edits, mode: Mode::Once };
    let applied = apply_policy(&client, &Snapshots::in_memory(), request).await.unwrap();
    let Applied::Applied { differs, .. } = applied else { panic!("applied") };
    assert!(!differs.is_empty(), "the answer holds none of what was sent, and that is told");

    let sent = &server.requests().await[1];
    let sent: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(sent["updateMask"], "bindings,etag");
    let read: Value = serde_json::from_str(read).unwrap();
    let policy = &sent["policy"];
    assert_eq!((&policy["version"], &policy["etag"]), (&json!(3), &json!("BwX1")));
    assert_eq!(policy["bindings"][0], read["bindings"][0]);
    assert_eq!(policy["bindings"].as_array().map(Vec::len), Some(2));
    assert_eq!((&policy["futureTop"], &policy["auditConfigs"]), (&read["futureTop"], &read["auditConfigs"]));
}

// What is inherited.

#[tokio::test]
async fn the_levels_above_come_nearest_first_and_a_closed_one_hides_no_other() {
    let desk = Desk::new().await;
    let levels = inherited(&desk.client, "acme-prod").await;
    let named: Vec<(&str, bool)> =
        levels.iter().map(|level| (level.name.as_str(), level.policy.is_ok())).collect();
    assert_eq!(
        named,
        [
            ("projects/acme-prod", true),
            ("folders/310000000003", true),
            ("folders/310000000002", false),
            ("folders/310000000001", false),
            ("organizations/123456789012", true),
        ]
    );
    assert_eq!(levels[1].display_name, "Production");
    assert_eq!(levels[0].to_model().name, "project acme-prod");
    assert!(levels[2].to_model().policy.is_none());
}

#[tokio::test]
async fn above_what_cannot_be_seen_there_is_one_level_without_a_name() {
    let desk = Desk::new().await;
    let levels = inherited(&desk.client, "no-such-project").await;
    assert_eq!(levels.len(), 2);
    assert!(levels.iter().all(|level| level.policy.is_err()));
    assert_eq!(levels[1].to_model().name, "the levels above");
    assert_eq!(desk.calls("cloudresourcemanager.folders.get").await, 0);
}

// Watching.

/// Asks often and for long, for how long this requires depends on the machine; shorter than a request may take.
const QUICK: Patience = Patience {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(10),
    limit: Duration::from_secs(20),
};

#[tokio::test]
async fn an_echo_of_what_was_sent_is_not_taken_for_success() {
    let read = r#"{"etag":"BwX1","bindings":[{"role":"roles/a","members":["user:a@x.com"]}]}"#;
    let echo = r#"{"etag":"BwX1","bindings":[{"role":"roles/a","members":["user:a@x.com","user:b@x.com"]}]}"#;
    // What the policy is when it is read again decides, even where a server kept the etag of a write.
    for (then, is_stored) in [(read, false), (echo, true)] {
        let server = testing::Server::start([read, echo, then, then].map(testing::ok)).await;
        let client = server.client();
        let account = "sa@p-1234.iam.gserviceaccount.com".to_owned();
        let base = client.get_policy(&account).await.unwrap();
        let edits = vec![Edit::Grant(triple("roles/a", "user:b@x.com"))];
        let request =
            Request { account: AccountRef::read(&account), unique_id: None, base, edits, mode: retry() };
        let applied = apply_policy(&client, &Snapshots::in_memory(), request).await.unwrap();
        match applied {
            Applied::Applied { .. } => assert!(is_stored),
            Applied::NotApplied { lost, .. } => {
                assert!(!is_stored && lost.sentence().contains("old etag"), "{lost}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.requests().await.iter().filter(|sent| sent.contains(":setIamPolicy")).count(), 1);
    }
}

#[tokio::test]
async fn chain_judges_conditions_by_the_clock_when_a_test_moves_it() {
    let desk = Desk::new().await;
    let clock = Stopped::now();
    let end = super::now() + Duration::from_secs(3_600);
    let granted = Triple { condition: Some(Condition::expires(end, "an hour")), ..triple(CREATOR, RELAY_A) };
    desk.apply(desk.request(vec![Edit::Grant(granted)], Mode::Once).await).await.unwrap();
    let delegates = [RELAY_A.trim_start_matches("serviceAccount:").to_owned()];
    for (passed, open) in [(0, true), (7_200, false)] {
        clock.forward(passed);
        let hops = check_chain(&desk.client, EDITABLE, &delegates, GET_ACCESS_TOKEN).await;
        assert_eq!(matches!(hops[1].state, HopState::Yes(_)), open, "{:?}", hops[1].state);
    }
}

#[tokio::test]
async fn a_grant_works_after_three_yeses_in_a_row() {
    let server = testing::Server::start(
        [
            r#"{}"#,
            r#"{"permissions":["iam.serviceAccounts.signJwt"]}"#,
            "{}",
            r#"{"permissions":["iam.serviceAccounts.signJwt"]}"#,
        ]
        .map(testing::ok),
    )
    .await;
    let mut told = Vec::new();
    let mut tell = |w: Watching| told.push((w.attempt, w.yeses));
    let (client, permissions) = (server.client(), [SIGN_JWT]);
    let account = "sa@p-1234.iam.gserviceaccount.com";
    let watched = watch_grant(&client, account, &permissions, QUICK, &mut tell).await.unwrap();
    assert!(matches!(watched, Watched::Works { attempts: 6, .. }), "{watched:?}");
    assert_eq!(told, [(1, 0), (2, 1), (3, 0), (4, 1), (5, 2), (6, 3)]);
}

#[tokio::test]
async fn who_gives_no_answer_has_not_said_no() {
    let mut desk = Desk::new().await;
    desk.client.get_policy(EDITABLE).await.unwrap();
    desk.emulator.stop_listening().await;
    let patience = Patience { limit: Duration::ZERO, ..Patience::default() };
    let error =
        watch_grant(&desk.client, EDITABLE, &[GET_ACCESS_TOKEN], patience, &mut |_| ()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network);
}

#[tokio::test]
async fn a_grant_that_never_works_is_given_up_and_a_refusal_is_told() {
    let desk = Desk::new().await;
    let patience = async {
        desk.until_called("iam.serviceAccounts.testIamPermissions", 2).await;
        testing::later(QUICK.limit).await;
    };
    let mut told = |_| ();
    let watching = watch_grant(&desk.client, EDITABLE, &[SIGN_BLOB], QUICK, &mut told);
    let (watched, ()) = tokio::join!(watching, patience);
    assert!(matches!(watched, Ok(Watched::NotYet { attempts: 2.., .. })), "{watched:?}");
    let body = json!({"error": {"code": 403, "message": "x", "status": "PERMISSION_DENIED"}}).to_string();
    let server = testing::Server::start([testing::answer(403, "", &body)]).await;
    let error = watch_grant(&server.client(), EDITABLE, &[SIGN_BLOB], QUICK, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[tokio::test]
async fn what_cannot_be_tested_is_not_waited_for() {
    let body = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
        "message": "Permission iam.serviceAccounts.signBlob is not valid for this resource."}});
    let refused = testing::answer(400, "", &body.to_string());
    let yes = testing::ok(r#"{"permissions":["iam.serviceAccounts.signJwt"]}"#);
    let server = testing::Server::start([refused, yes]).await;
    let account = "sa@p-1234.iam.gserviceaccount.com";
    let client = server.client();
    let both = [SIGN_BLOB, SIGN_JWT];
    let watched = watch_grant(&client, account, &both, QUICK, &mut |_| ()).await.unwrap();
    assert!(matches!(watched, Watched::Works { attempts: 3, .. }), "{watched:?}");
    let error = watch_grant(&client, account, &[SIGN_BLOB], QUICK, &mut |_| ()).await.unwrap_err();
    assert!(error.sentence().contains("can't be asked"), "{error}");
}
