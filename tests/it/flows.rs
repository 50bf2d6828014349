//! The API layer against the emulator over real HTTP, in good and in bad weather: two readings of the protocol agree,
//! and whatever goes wrong ends in one sentence.

use std::time::Duration;

use impersona::{
    api::{Client, oauth::KeySource},
    http::{ApiError, ErrorKind},
    model::{
        caller::Charge,
        credential::{MintRequest, What},
        jwt,
    },
};
use impersona_emulator::{Delivery, Emulator, Fault, Handle, Options, Outcome, World};

use crate::support::{DEPLOYER, access, assert_sentence, client, client_with, emulator, emulator_with};

const MINT: &str = "iamcredentials.generateAccessToken";
const GET: &str = "iam.serviceAccounts.get";

/// A fault of the two methods that these tests call.
fn fault(method: &str) -> Fault {
    Fault::on(method)
}

/// How often a method was called.
async fn calls(handle: &Handle, method: &str) -> usize {
    handle.request_log().await.iter().filter(|served| served.method == method).count()
}

/// What becomes of a mint when this goes wrong, and how often it was sent.
async fn mint_under(fault: Fault) -> (Result<String, ApiError>, usize) {
    mint_within(Duration::from_secs(60), fault).await
}

async fn mint_within(timeout: Duration, fault: Fault) -> (Result<String, ApiError>, usize) {
    let (emulator, handle) = emulator_with(fault).await;
    let client = client_with(&emulator, |settings| settings.timeout = timeout);
    let outcome = client.mint(&access(DEPLOYER, &[])).await;
    let sent = calls(&handle, MINT).await;
    (outcome.map(|credential| credential.secret.expose().to_owned()), sent)
}

async fn denied(client: &Client, request: &MintRequest) -> ApiError {
    client.mint(request).await.expect_err("a refusal")
}

// Good weather.

#[tokio::test]
async fn a_minted_access_token_is_what_was_asked_for() {
    let emulator = emulator().await;
    let credential = client(&emulator).mint(&access(DEPLOYER, &[])).await.unwrap();
    assert!(credential.secret.expose().starts_with("ya29.c."));
    let lives = credential.expires.unwrap().as_second() - credential.minted.as_second();
    assert!((3_590..=3_610).contains(&lives), "{lives} s");
}

#[tokio::test]
async fn a_minted_id_token_is_signed_by_a_published_key() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let what = What::IdToken {
        audience: "https://svc.run.app".into(),
        include_email: true,
        organization_number: false,
    };
    let credential = client.mint(&MintRequest { what, ..access(DEPLOYER, &[]) }).await.unwrap();
    let keys = client.signing_keys(KeySource::Google).await.unwrap();
    let reading = jwt::read(credential.secret.expose());
    assert_eq!(jwt::verify(&reading, &keys, "the emulator").state, jwt::State::Verified);
    assert_eq!(reading.claims.text("email").as_deref(), Some(DEPLOYER));
}

#[tokio::test]
async fn every_page_is_listed_and_every_account_once() {
    let world = World::demo().with_generated_accounts(250, "acme-prod");
    let emulator = Emulator::start(Options { port: 0, world }).await.unwrap();
    let (mut pages, mut emails) = (0, Vec::new());
    let mut page = |accounts: Vec<impersona::model::account::Account>| {
        pages += 1;
        emails.extend(accounts.into_iter().map(|account| account.email));
    };
    client(&emulator).list_accounts("acme-prod", &mut page).await.unwrap();
    let listed = emails.len();
    emails.sort();
    emails.dedup();
    assert!(pages >= 3 && listed >= 250 && emails.len() == listed, "{listed} accounts on {pages} pages");
}

#[tokio::test]
async fn a_chain_of_delegates_mints_what_the_caller_may_not() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let (vault, relays) = (
        "vault@acme-prod.iam.gserviceaccount.com",
        ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"],
    );
    assert_eq!(denied(&client, &access(vault, &[])).await.kind, ErrorKind::Denied);
    assert_eq!(denied(&client, &access(vault, &relays[1..])).await.kind, ErrorKind::Denied);
    let through = client.mint(&access(vault, &relays)).await.unwrap();
    assert_eq!(through.request.delegates, relays);
    let first = client.mint(&access(relays[0], &[])).await.unwrap();
    let second = client.mint(&access(relays[1], &relays[..1])).await.unwrap();
    assert_ne!(first.secret.expose(), second.secret.expose());
}

#[tokio::test]
async fn an_account_that_cannot_be_listed_is_minted_by_its_name() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let listing = client.list_accounts("acme-locked", &mut |_| {}).await.unwrap_err();
    assert_eq!(listing.kind, ErrorKind::Denied);
    assert_sentence(&listing);
    client.mint(&access("hidden@acme-locked.iam.gserviceaccount.com", &[])).await.unwrap();
}

// Refusals.

#[tokio::test]
async fn a_denial_names_the_permission_the_account_and_the_role() {
    let emulator = emulator().await;
    let api = "api@acme-prod.iam.gserviceaccount.com";
    let error = denied(&client(&emulator), &access(api, &[])).await;
    assert_eq!(
        (error.kind, error.status, error.reason()),
        (ErrorKind::Denied, Some(403), Some("IAM_PERMISSION_DENIED"))
    );
    assert_sentence(&error);
    assert!(
        error.sentence().contains("iam.serviceAccounts.getAccessToken") && error.sentence().contains(api)
    );
    assert!(error.next().unwrap().contains("roles/iam.serviceAccountTokenCreator"));
}

#[tokio::test]
async fn an_api_that_is_off_is_named_with_its_project_and_the_command_that_turns_it_on() {
    let emulator = emulator().await;
    let client = client_with(&emulator, |settings| settings.charge = Charge::Project("acme-dark".into()));
    let error = denied(&client, &access(DEPLOYER, &[])).await;
    assert_eq!((error.kind, error.reason()), (ErrorKind::Denied, Some("SERVICE_DISABLED")));
    assert_sentence(&error);
    assert!(error.sentence().contains("iamcredentials.googleapis.com is not enabled"), "{error}");
    assert!(error.next().unwrap().contains("gcloud services enable iamcredentials.googleapis.com"));
}

#[tokio::test]
async fn a_quota_project_that_may_not_be_used_is_named() {
    let emulator = emulator().await;
    let client = client_with(&emulator, |settings| settings.charge = Charge::Project("acme-locked".into()));
    let error = denied(&client, &access(DEPLOYER, &[])).await;
    assert_eq!((error.kind, error.reason()), (ErrorKind::Denied, Some("USER_PROJECT_DENIED")));
    assert_sentence(&error);
    assert!(
        error.sentence().contains("acme-locked") && error.next().unwrap().contains("--quota-project"),
        "{error}"
    );
}

#[tokio::test]
async fn a_disabled_account_is_said_to_be_disabled() {
    let emulator = emulator().await;
    let error =
        denied(&client(&emulator), &access("deploy-canary@acme-prod.iam.gserviceaccount.com", &[])).await;
    assert_sentence(&error);
    assert!(error.sentence().contains("is disabled"), "{error}");
}

#[tokio::test]
async fn an_account_that_is_not_there_is_not_found() {
    let emulator = emulator().await;
    let error = denied(&client(&emulator), &access("nobody@acme-prod.iam.gserviceaccount.com", &[])).await;
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_sentence(&error);
}

// Bad weather.

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    let (outcome, sent) = mint_under(fault(MINT).delay_ms(300)).await;
    assert!(outcome.is_ok() && sent == 1, "{outcome:?}, sent {sent} times");
}

#[tokio::test]
async fn too_many_calls_are_sent_again_after_the_wait_that_was_asked_for() {
    let error = fault(MINT).error("RATE_LIMIT_EXCEEDED").times(1).retry_after(1);
    let (outcome, sent) = mint_under(error).await;
    assert!(outcome.is_ok() && sent == 2, "{outcome:?}, sent {sent} times");
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_not_waited_for() {
    let error = fault(MINT).error("RATE_LIMIT_EXCEEDED").retry_after(3_600);
    let (outcome, sent) = mint_under(error).await;
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.kind, sent, error.retry_after),
        (ErrorKind::Quota, 1, Some(Duration::from_secs(3_600)))
    );
    assert_sentence(&error);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_and_then_said_to_be_in_trouble() {
    let (outcome, sent) = mint_under(fault(MINT).error("UNAVAILABLE").times(2)).await;
    assert!(outcome.is_ok() && sent == 3, "{outcome:?}, sent {sent} times");
    let (outcome, sent) = mint_under(fault(MINT).error("UNAVAILABLE")).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.status, sent), (ErrorKind::Server, Some(503), 4));
    assert_sentence(&error);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_after_the_timeout() {
    let hang = fault(MINT).delivery(Delivery::Hang);
    let error = mint_within(Duration::from_secs(1), hang).await.0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_sentence(&error);
    assert!(error.next().unwrap().contains("--timeout"));
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    for cut in [
        fault(MINT).delivery(Delivery::Truncate).times(1),
        fault(MINT).delivery(Delivery::ResetBefore).times(1),
        fault(MINT).delivery(Delivery::ResetAfter).times(1),
    ] {
        let (outcome, sent) = mint_under(cut.clone()).await;
        assert!(outcome.is_ok() && sent == 2, "{cut:?}: {outcome:?}, sent {sent} times");
    }
}

#[tokio::test]
async fn a_connection_that_is_always_lost_is_said_to_be_lost() {
    let (outcome, sent) = mint_under(fault(MINT).delivery(Delivery::Truncate)).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, sent), (ErrorKind::Network, 4));
    assert_sentence(&error);
}

#[tokio::test]
async fn a_web_page_is_no_answer_and_is_not_shown() {
    for status in [502, 200] {
        let (outcome, _) = mint_under(fault(MINT).delivery(Delivery::Html { status })).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server, "{error}");
        assert_sentence(&error);
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_without_a_word() {
    let (outcome, sent) = mint_under(fault(MINT).outcome(Outcome::TokenExpired).times(1)).await;
    assert!(outcome.is_ok() && sent == 2, "{outcome:?}, sent {sent} times");
    let (outcome, sent) = mint_under(fault(MINT).outcome(Outcome::TokenExpired)).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, sent), (ErrorKind::Credentials, 2));
    assert_sentence(&error);
}

#[tokio::test]
async fn a_token_that_ends_in_the_meantime_is_renewed() {
    let emulator = emulator().await;
    let client = client(&emulator);
    client.mint(&access(DEPLOYER, &[])).await.unwrap();
    emulator.handle().advance_clock(7_200);
    client.mint(&access(DEPLOYER, &[])).await.unwrap();
    assert_eq!(calls(&emulator.handle(), "oauth2.token").await, 2);
}

#[tokio::test]
async fn reads_are_repeated_like_mints() {
    let (emulator, handle) = emulator_with(fault(GET).error("UNAVAILABLE").times(1)).await;
    let account = client(&emulator).get_account(DEPLOYER).await.unwrap();
    assert_eq!((account.unique_id.as_deref(), calls(&handle, GET).await), (Some("109300000000000004411"), 2));
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let emulator = emulator().await;
    let client = client(&emulator);
    client.caller().await.unwrap();
    drop(emulator);
    let error = denied(&client, &access(DEPLOYER, &[])).await;
    assert_eq!(error.kind, ErrorKind::Network);
    assert_sentence(&error);
}
