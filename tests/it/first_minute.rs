//! The first minute of a person at Google, call by call, for each kind of caller that people have: what is asked, and
//! that whatever is refused names a way on. README, “The first minute”, says the same in words.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use impersona::{
    api::{ApiError, Client, ErrorKind, endpoints::Endpoints},
    auth::{self, FindOptions},
    emulator::Emulator,
    env::Env,
    model::{caller::Charge, secret::Secret},
};

use crate::support::{DEPLOYER, access, assert_sentence, client_with, emulator};

const PROJECT: &str = "acme-prod";

/// Each call of the first minute, in the explorer's order, and how it ended.
async fn first_minute(client: &Client) -> Vec<(&'static str, Result<(), ApiError>)> {
    vec![
        ("caller", client.caller().await.map(drop)),
        ("accounts", client.list_accounts(PROJECT, &mut |_| ()).await),
        ("account", client.get_account(DEPLOYER).await.map(drop)),
        ("permissions", client.test_permissions(DEPLOYER).await.map(drop)),
        ("keys", client.list_keys(DEPLOYER).await.map(drop)),
        ("policy", client.get_policy(DEPLOYER).await.map(drop)),
        ("project", client.get_project(PROJECT).await.map(drop)),
        ("mint", client.mint(&access(DEPLOYER, &[])).await.map(drop)),
    ]
}

/// A client of the person's login, charged so.
fn person(emulator: &Emulator, charge: Charge) -> Client {
    client_with(emulator, |settings| settings.charge = charge)
}

/// What was refused; each with a sentence and a step that can be taken: a command, a switch, or whom to ask for what.
async fn refused(client: &Client) -> Vec<(&'static str, ApiError)> {
    let all = first_minute(client).await;
    let refused: Vec<_> =
        all.into_iter().filter_map(|(call, outcome)| Some((call, outcome.err()?))).collect();
    for (call, error) in &refused {
        assert_sentence(error);
        let next = error.next().unwrap_or_default();
        let way = ["`", "--", "Ask ", "Have "].iter().any(|way| next.contains(way));
        assert!(way, "{call}: {error} / {next}");
    }
    refused
}

#[tokio::test]
async fn a_login_whose_quota_project_has_the_apis_meets_no_refusal() {
    let emulator = emulator().await;
    let refused = refused(&person(&emulator, Charge::Project(PROJECT.into()))).await;
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn a_quota_project_without_the_apis_can_be_left_out() {
    let emulator = emulator().await;
    let off = refused(&person(&emulator, Charge::Project("acme-dark".into()))).await;
    assert!(!off.is_empty() && off.iter().all(|(call, _)| *call != "caller"), "{off:?}");
    for (call, error) in &off {
        let next = error.next().unwrap_or_default();
        assert_eq!(error.reason(), Some("SERVICE_DISABLED"), "{call}: {error}");
        assert!(next.contains("gcloud services enable") && next.contains("--no-quota-project"), "{next}");
    }
    // The way on leads on: what is refused now is another matter, and says which.
    let without = refused(&person(&emulator, Charge::Unnamed)).await;
    for (call, error) in &without {
        let next = error.next().unwrap_or_default();
        assert!(!next.contains("--no-quota-project"), "{call}: {next}");
    }
}

#[tokio::test]
async fn a_login_without_a_quota_project_is_told_to_name_one() {
    let emulator = emulator().await;
    for (call, error) in refused(&person(&emulator, Charge::Unnamed)).await {
        let next = error.next().unwrap_or_default();
        assert_eq!((error.kind, error.reason()), (ErrorKind::Denied, Some("SERVICE_DISABLED")), "{call}");
        assert!(next.contains("Set a quota project") && next.contains("--quota-project"), "{next}");
    }
}

#[tokio::test]
async fn a_gcloud_login_calls_without_a_quota_project() {
    let emulator = emulator().await;
    // What `gcloud auth print-access-token` prints.
    let printed = person(&emulator, Charge::AsCredentials).mint(&access(DEPLOYER, &[])).await.unwrap();
    let env = Env::from_vars(emulator.env());
    let stdin_token = Some(Secret::new(printed.secret.expose()));
    let source = auth::find(&env, &FindOptions { stdin_token, ..FindOptions::default() });
    let client = client_with(&emulator, |settings| {
        settings.endpoints = Endpoints::new(&env, None).unwrap();
        settings.source = source;
    });
    assert_eq!(client.known_caller().quota_project, None);
    assert!(first_minute(&client).await[0].1.is_ok());
    refused(&client).await;
}
