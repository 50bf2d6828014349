//! Looking around a refusal over real HTTP: what is learned turns one denial into the right cause.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use impersona::{
    api::Client,
    flows::{self, Applied, Mode},
    http::ApiError,
    local::history::Snapshots,
    model::{
        credential::{MintRequest, What},
        denial::Cause,
        doctor::{Diagnosis, Known, diagnose},
        member::Member,
        policy::{Triple, edit::Edit},
    },
};
use impersona_emulator::{
    Emulator, Options, World,
    names::{CREATOR, EDITABLE},
};
use jiff::Timestamp;

use crate::support::{access, client};

async fn explained(client: &Client, snapshots: &Snapshots, error: &ApiError) -> Diagnosis {
    let refusal = error.refusal.as_deref().unwrap();
    let caller = client.caller().await.unwrap();
    let examined = flows::examine(client, snapshots, refusal, Some(&caller), false).await;
    #[allow(clippy::disallowed_methods, reason = "the emulator's clock is the machine's")]
    let now = Timestamp::now();
    diagnose(refusal, &Known { caller: Some(&caller), examined: &examined, remedy: None, now })
}

#[tokio::test]
async fn where_a_role_is_there_and_a_deny_policy_is_stronger_the_policy_is_named() {
    let emulator = Emulator::start(Options { port: 0, world: World::demo() }).await.unwrap();
    let client = client(&emulator);
    let what =
        What::IdToken { audience: "https://x".into(), include_email: true, organization_number: false };
    let request = MintRequest {
        account: "hidden@acme-locked.iam.gserviceaccount.com".into(),
        delegates: Vec::new(),
        what,
    };
    let error = client.mint(&request).await.unwrap_err();
    let diagnosis = explained(&client, &Snapshots::in_memory(), &error).await;
    assert_eq!(diagnosis.cause, Cause::DenyPolicy, "{diagnosis:?}");
    assert!(diagnosis.sentence.contains("No ID tokens from here"), "{}", diagnosis.sentence);
}

#[tokio::test]
async fn a_grant_that_was_written_a_moment_ago_is_young_and_not_missing() {
    let world = World { propagation_seconds: 300, ..World::demo() };
    let emulator = Emulator::start(Options { port: 0, world }).await.unwrap();
    let (client, snapshots) = (client(&emulator), Snapshots::in_memory());
    let base = client.get_policy(EDITABLE).await.unwrap();
    let grant =
        Triple { role: CREATOR.into(), member: Member::read("user:dev@example.com"), condition: None };
    let request = flows::Request {
        account: impersona::model::account::AccountRef::read(EDITABLE),
        unique_id: None,
        base,
        edits: vec![Edit::Grant(grant)],
        mode: Mode::Once,
    };
    let applied = flows::apply_policy(&client, &snapshots, request).await.unwrap();
    assert!(matches!(applied, Applied::Applied { .. }), "{applied:?}");
    let error = client.mint(&access(EDITABLE, &[])).await.unwrap_err();
    let diagnosis = explained(&client, &snapshots, &error).await;
    assert_eq!(diagnosis.cause, Cause::Propagating, "{diagnosis:?}");
    // Nobody here wrote it: it may be young, or something stronger denies it.
    let diagnosis = explained(&client, &Snapshots::in_memory(), &error).await;
    assert!(matches!(diagnosis.cause, Cause::DenyPolicy | Cause::Propagating), "{diagnosis:?}");
}

#[tokio::test]
async fn a_mint_for_nobody_that_exists_is_not_found_or_hidden() {
    let emulator = Emulator::start(Options { port: 0, world: World::demo() }).await.unwrap();
    let client = client(&emulator);
    let error = client.mint(&access("no-such@acme-prod.iam.gserviceaccount.com", &[])).await.unwrap_err();
    let diagnosis = explained(&client, &Snapshots::in_memory(), &error).await;
    assert!(matches!(diagnosis.cause, Cause::NotFoundOrHidden | Cause::PermissionMissing), "{diagnosis:?}");
}
