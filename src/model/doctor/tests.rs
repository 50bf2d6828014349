use serde_json::json;

use super::*;
use crate::model::{
    denial::RequestContext,
    permission::{GET_ACCESS_TOKEN, IMPLICIT_DELEGATION, MATRIX, SET_IAM_POLICY},
};
use impersona_emulator::names::{CREATOR, RELAY_A, RELAY_B, VAULT};

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A denied access token, as Google words it.
fn denied() -> Refusal {
    Refusal {
        status: 403,
        code: "PERMISSION_DENIED".into(),
        reason: Some("IAM_PERMISSION_DENIED".into()),
        domain: Some("iam.googleapis.com".into()),
        message: "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            .into(),
        metadata: [("permission".to_owned(), GET_ACCESS_TOKEN.name.to_owned())].into(),
        asked: RequestContext {
            service: "iamcredentials.googleapis.com".into(),
            method: "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken".into(),
            resource: VAULT.into(),
            permission: Some(GET_ACCESS_TOKEN.name.into()),
            ..RequestContext::default()
        },
        ..Refusal::default()
    }
}

fn dev() -> Caller {
    Caller {
        principal: Some("dev@example.com".into()),
        kind: "user".into(),
        source: "ADC".into(),
        scopes: vec!["https://www.googleapis.com/auth/cloud-platform".into()],
        ..Caller::default()
    }
}

fn policy(bindings: serde_json::Value) -> Policy {
    Policy::parse(json!({ "etag": "A", "bindings": bindings })).unwrap()
}

fn found(refusal: &Refusal, examined: &Examined) -> Diagnosis {
    let caller = dev();
    diagnose(refusal, &Known { caller: Some(&caller), examined, remedy: None, now: at(NOW) })
}

fn texts(diagnosis: &Diagnosis) -> String {
    diagnosis.evidence.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The caller's own grant, written from here at this time.
fn written(seconds: i64) -> Option<(Timestamp, Vec<(String, Member)>)> {
    Some((at(seconds), vec![(CREATOR.to_owned(), Member::read("user:dev@example.com"))]))
}

fn no() -> Option<Granted> {
    Some(Granted::from_names::<&str>(&[]))
}

#[test]
fn a_missing_role_is_named_with_what_the_caller_has_and_who_could_grant_it() {
    let examined = Examined {
        granted: no(),
        policy: Some(policy(json!([]))),
        above: vec![Level {
            name: "project acme-prod".into(),
            policy: Some(policy(json!([
                {"role": "roles/owner", "members": ["user:dev@example.com", "group:admins@example.com"]},
                {"role": "roles/iam.serviceAccountAdmin", "members": ["group:iam@example.com"]},
            ]))),
        }],
        ..Examined::default()
    };
    let diagnosis = found(&denied(), &examined);
    assert_eq!(diagnosis.cause, Cause::PermissionMissing);
    assert_eq!(diagnosis.sentence, "you don't have iam.serviceAccounts.getAccessToken on vault@acme-prod.");
    let texts = texts(&diagnosis);
    for part in [
        "403 PERMISSION_DENIED, reason IAM_PERMISSION_DENIED, domain iam.googleapis.com",
        "you are dev@example.com (user, ADC)",
        "not the scope: your token has cloud-platform",
        "not the API",
        "your roles/owner (project acme-prod) can't mint, but its members can grant themselves access",
        "no policy grants it to you",
    ] {
        assert!(texts.contains(part), "{part} in:\n{texts}");
    }
    let steps: Vec<&str> = diagnosis.steps.iter().map(|step| step.text.as_str()).collect();
    assert!(steps[0].starts_with("prepare a request for an administrator"), "{steps:?}");
    assert!(steps.iter().any(|step| step.contains("see who can grant it: 2 groups and 1 user")), "{steps:?}");
    let Some(StepAction::Copy { text, .. }) =
        diagnosis.steps.iter().map(|step| &step.what).find(|what| matches!(what, StepAction::Copy { .. }))
    else {
        panic!("a request")
    };
    assert!(
        text.contains("--member=user:dev@example.com") && text.contains("Owner and Editor don't include it"),
        "{text}"
    );
}

#[test]
fn who_may_edit_the_policy_is_offered_to_stage_the_grant() {
    let granted = Some(Granted::from_names(&[SET_IAM_POLICY.name]));
    let diagnosis = found(&denied(), &Examined { granted, ..Examined::default() });
    assert!(
        diagnosis.steps[0].text.starts_with("stage and review the grant: Service Account Token Creator"),
        "{diagnosis:?}"
    );
    assert!(
        matches!(&diagnosis.steps[0].what, StepAction::Grant { account, member: Some(member), .. } if account == VAULT && member == "user:dev@example.com")
    );
}

#[test]
fn a_grant_that_has_ended_is_the_cause_and_not_a_missing_role() {
    let condition =
        json!({"title": "expired-2020", "expression": "request.time < timestamp(\"2020-01-01T00:00:00Z\")"});
    let binding = json!([{"role": CREATOR, "members": ["user:dev@example.com"], "condition": condition}]);
    let diagnosis =
        found(&denied(), &Examined { granted: no(), policy: Some(policy(binding)), ..Examined::default() });
    assert_eq!(diagnosis.cause, Cause::ConditionFalse);
    assert!(diagnosis.sentence.contains("“expired-2020” expired 2020-01-01"), "{}", diagnosis.sentence);
}

#[test]
fn grant_is_not_young_when_only_another_role_or_member_was_written() {
    let policy = Some(policy(json!([{"role": CREATOR, "members": ["user:dev@example.com"]}])));
    let longer = (format!("{CREATOR}s"), "user:dev@example.com");
    for (role, member) in [longer, (CREATOR.to_owned(), "user:dev@example.com.au")] {
        let written = Some((at(NOW - 60), vec![(role, Member::read(member))]));
        let examined = Examined { granted: no(), policy: policy.clone(), written, ..Examined::default() };
        assert_eq!(found(&denied(), &examined).cause, Cause::DenyPolicy, "{member}");
    }
}

#[test]
fn a_role_that_is_there_and_does_not_work_is_young_or_denied_by_something_stronger() {
    let held = Some(policy(json!([{"role": CREATOR, "members": ["user:dev@example.com"]}])));
    let base = Examined { granted: no(), policy: held, ..Examined::default() };
    let young = found(&denied(), &Examined { written: written(NOW - 60), ..base.clone() });
    assert_eq!(young.cause, Cause::Propagating);
    assert!(
        matches!(young.steps[0].what, StepAction::Again)
            && matches!(young.steps[1].what, StepAction::Watch { .. })
    );
    let old = found(&denied(), &Examined { written: written(NOW - 3_600), ..base.clone() });
    assert_eq!(old.cause, Cause::DenyPolicy);
    assert!(old.steps.iter().any(|step| step.what == StepAction::Troubleshoot), "{:?}", old.steps);
    assert!(
        !old.steps.iter().any(|step| matches!(step.what, StepAction::Grant { .. })),
        "another grant helps nobody"
    );
    let said = Troubleshot {
        can: Some(false),
        allowed: Some(true),
        denied: Some(true),
        denied_by: vec!["No minting on projects/acme-prod".into()],
    };
    let told =
        found(&denied(), &Examined { troubleshot: Some(said), written: written(NOW - 60), ..base.clone() });
    assert_eq!(told.cause, Cause::DenyPolicy);
    assert!(told.sentence.contains("No minting on projects/acme-prod"), "{}", told.sentence);
    let can =
        Troubleshot { can: Some(true), allowed: Some(true), denied: Some(false), ..Troubleshot::default() };
    assert_eq!(
        found(&denied(), &Examined { troubleshot: Some(can), ..base.clone() }).cause,
        Cause::Propagating
    );
    let yes = Some(Granted::from_names(&MATRIX.map(|permission| permission.name)));
    assert_eq!(found(&denied(), &Examined { granted: yes, ..base }).cause, Cause::Propagating);
}

#[test]
fn a_group_or_a_condition_on_more_than_time_is_said_and_decides_nothing() {
    let binding = json!([
        {"role": CREATOR, "members": ["group:oncall@example.com"]},
        {"role": CREATOR, "members": ["user:dev@example.com"], "condition": {"title": "office", "expression": "request.host == 'x'"}},
    ]);
    let diagnosis =
        found(&denied(), &Examined { granted: no(), policy: Some(policy(binding)), ..Examined::default() });
    assert_eq!(diagnosis.cause, Cause::PermissionMissing);
    let texts = texts(&diagnosis);
    assert!(texts.contains("oncall@example.com, whose members aren't visible"), "{texts}");
    assert!(texts.contains("under the condition “office”"), "{texts}");
}

#[test]
fn an_account_that_mints_for_itself_lacks_the_role_on_itself() {
    let caller =
        Caller { principal: Some(VAULT.into()), kind: "service account".into(), ..Caller::default() };
    let examined = Examined { granted: no(), ..Examined::default() };
    let known = Known { caller: Some(&caller), examined: &examined, remedy: None, now: at(NOW) };
    let diagnosis = diagnose(&denied(), &known);
    assert_eq!(diagnosis.cause, Cause::OnItself);
    assert!(diagnosis.sentence.contains("on itself"), "{}", diagnosis.sentence);
}

fn hop(from: Option<&str>, to: &str, permission: permission::Permission, state: HopState) -> Hop {
    Hop { from: from.map(str::to_owned), to: to.into(), permission, state }
}

fn through_two() -> Refusal {
    let mut refusal = denied();
    refusal.asked.delegates = vec![RELAY_A.into(), RELAY_B.into()];
    refusal.metadata = [("permission".to_owned(), IMPLICIT_DELEGATION.name.to_owned())].into();
    refusal
}

#[test]
fn of_a_chain_the_hop_that_is_closed_is_named_and_its_grant_is_the_step() {
    let yes = || HopState::Yes("per IAM".into());
    let hops = vec![
        hop(None, RELAY_A, IMPLICIT_DELEGATION, yes()),
        hop(Some(RELAY_A), RELAY_B, IMPLICIT_DELEGATION, HopState::NoGrantSeen),
        hop(Some(RELAY_B), VAULT, GET_ACCESS_TOKEN, yes()),
    ];
    let diagnosis = found(&through_two(), &Examined { hops, ..Examined::default() });
    assert_eq!(diagnosis.cause, Cause::ChainHop);
    assert!(diagnosis.sentence.contains("relay-a@acme-ci > relay-b@acme-ci"), "{}", diagnosis.sentence);
    assert_eq!(
        diagnosis.steps[0].what,
        StepAction::Grant {
            account: RELAY_B.into(),
            member: Some(format!("serviceAccount:{RELAY_A}")),
            permission: IMPLICIT_DELEGATION,
            may_edit: false,
        }
    );
}

#[test]
fn a_chain_nobody_could_look_at_is_told_by_the_permission_that_google_names() {
    let diagnosis = found(&through_two(), &Examined::default());
    assert!(
        diagnosis.cause == Cause::ChainHop && diagnosis.sentence.contains("one of the 2 delegates"),
        "{diagnosis:?}"
    );
    let mut last = through_two();
    last.metadata = denied().metadata;
    let diagnosis = found(&last, &Examined::default());
    assert!(diagnosis.sentence.contains("relay-b@acme-ci doesn't have"), "{}", diagnosis.sentence);
}

#[test]
fn an_api_that_is_off_is_enabled_where_the_error_says_and_never_in_googles_own_projects() {
    let mut off = denied();
    off.reason = Some("SERVICE_DISABLED".into());
    off.metadata = [("consumer", "projects/415104041262"), ("service", "iamcredentials.googleapis.com")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let diagnosis = found(&off, &Examined { api_enabled: Some(false), ..Examined::default() });
    assert_eq!(diagnosis.cause, Cause::ApiDisabled);
    assert_eq!(
        diagnosis.steps[0].what,
        StepAction::Enable {
            service: "iamcredentials.googleapis.com".into(),
            project: "415104041262".into()
        }
    );
    assert_eq!(
        found(&off, &Examined { api_enabled: Some(true), ..Examined::default() }).cause,
        Cause::Propagating
    );
    for shared in SHARED {
        off.metadata.insert("consumer".into(), format!("projects/{shared}"));
        let diagnosis = found(&off, &Examined::default());
        assert!(matches!(diagnosis.steps[0].what, StepAction::QuotaProject), "{:?}", diagnosis.steps);
        assert!(!diagnosis.steps.iter().any(|step| matches!(step.what, StepAction::Enable { .. })));
    }
}

const SHARED: [&str; 2] = denial::SHARED_CLIENT_PROJECTS;

#[test]
fn a_missing_scope_is_told_apart_from_a_missing_role() {
    let mut refusal = denied();
    refusal.reason = Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT".into());
    let caller =
        Caller { scopes: vec!["https://www.googleapis.com/auth/devstorage.read_only".into()], ..dev() };
    let examined = Examined::default();
    let remedy = "Log in again: `gcloud auth login --update-adc`.";
    let known = Known { caller: Some(&caller), examined: &examined, remedy: Some(remedy), now: at(NOW) };
    let diagnosis = diagnose(&refusal, &known);
    assert_eq!(diagnosis.cause, Cause::ScopeMissing);
    let texts = texts(&diagnosis);
    assert!(texts.contains("your token has devstorage.read_only") && texts.contains("not a role"), "{texts}");
    let unknown = diagnose(&refusal, &Known { caller: None, ..known });
    let texts = self::texts(&unknown);
    assert!(!texts.contains("your token has") && texts.contains("not a role"), "{texts}");
    assert!(
        matches!(&diagnosis.steps[0].what, StepAction::Copy { text, .. } if text == "gcloud auth login --update-adc")
    );
}

#[test]
fn an_account_made_anew_is_another_account() {
    let mut gone = denied();
    (gone.status, gone.code, gone.reason) = (404, "NOT_FOUND".into(), None);
    let account = Account { unique_id: UniqueId::read("2"), ..Account::named(VAULT) };
    let examined =
        Examined { account: Some(account), unique_id_then: UniqueId::read("1"), ..Examined::default() };
    let diagnosis = found(&gone, &examined);
    assert!(
        diagnosis.cause == Cause::AccountGone && diagnosis.sentence.contains("re-created"),
        "{diagnosis:?}"
    );
}

#[test]
fn a_closed_list_of_policies_is_said_to_be_unread() {
    let above = vec![Level { name: "folder 4711".into(), policy: None }];
    let unread = vec!["you can't read the policy of folder 4711".to_owned()];
    let examined =
        Examined { granted: no(), policy: Some(policy(json!([]))), above, unread, ..Examined::default() };
    let diagnosis = found(&denied(), &examined);
    let texts = texts(&diagnosis);
    assert!(
        texts.contains("you can't read the policy of folder 4711") && !texts.contains("no policy grants it"),
        "{texts}"
    );
    assert!(diagnosis.steps.iter().any(|step| step.what == StepAction::Troubleshoot));
}
