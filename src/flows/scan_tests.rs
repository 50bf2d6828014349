//! Scans against the emulator over real HTTP: what is told, what is asked again, and what ends one.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::{tests::Desk, *};
use crate::{
    api::Settings,
    http::{ApiError, ErrorKind, record::Outcome},
    model::permission::SIGN_JWT,
};
use impersona_emulator::{Fault, names::GET_POLICY};

const TEST: &str = "iam.serviceAccounts.testIamPermissions";

/// So many names of accounts that are there.
async fn names(desk: &Desk, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    desk.client.list_accounts("acme-prod", &mut |page| found.extend(page)).await.unwrap();
    let known: Vec<String> = found.into_iter().map(|account| account.email).collect();
    known.iter().cycle().take(count).cloned().collect()
}

fn unlimited(settings: &mut Settings) {
    settings.rate = None;
}

async fn run(
    desk: &Desk,
    accounts: &[String],
    question: Question,
) -> (Result<Tally, ApiError>, Vec<Scanned>) {
    let mut told = Vec::new();
    let ended = scan(&desk.client, accounts.into(), question, 8, &mut |one| told.push(one)).await;
    (ended, told)
}

#[tokio::test]
async fn every_account_is_told_once_with_its_own_answer() {
    let desk = Desk::with(unlimited).await;
    let accounts: Vec<String> =
        names(&desk, 1_000).await.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let (ended, told) = run(&desk, &accounts, Question::Permissions).await;
    let tally = ended.unwrap();
    assert_eq!((tally.answered, tally.failed), (accounts.len(), 0));
    assert_eq!(told.iter().map(|one| &one.account).collect::<BTreeSet<_>>(), accounts.iter().collect());
    for one in &told {
        assert_eq!(accounts[one.at], one.account);
        let alone = desk.client.test_permissions(&one.account).await.unwrap();
        assert!(matches!(&one.found, Ok(Found::Granted(granted)) if *granted == alone), "{one:?}");
    }
    let may_sign =
        |one: &&Scanned| matches!(&one.found, Ok(Found::Granted(granted)) if granted.has(SIGN_JWT));
    let signers = told.iter().filter(may_sign).count();
    assert!(0 < signers && signers < told.len(), "the example organization has both: {signers}");
}

#[tokio::test]
async fn no_more_is_under_way_at_once_than_was_said() {
    let (records, mut recorded) = mpsc::channel(1_024);
    let desk = Desk::with(|settings| {
        settings.rate = None;
        settings.records = Some(records);
    })
    .await;
    let accounts = names(&desk, 100).await;
    desk.fault(Fault::on(TEST).delay_ms(5)).await;
    run(&desk, &accounts, Question::Permissions).await.0.unwrap();
    let (mut under_way, mut most) = (0, 0);
    while let Ok(record) = recorded.try_recv() {
        if record.path.ends_with(":testIamPermissions") {
            under_way += if record.outcome == Outcome::Running { 1 } else { -1 };
            most = most.max(under_way);
        }
    }
    assert_eq!((under_way, most), (0, 8));
}

#[tokio::test]
async fn what_fails_in_passing_is_asked_again_at_the_end() {
    let desk = Desk::with(unlimited).await;
    let accounts = names(&desk, 6).await;
    let path = accounts[2].split('@').next().unwrap().to_owned();
    // As often as the client repeats one request by itself.
    let fault = Fault::on(TEST).error("UNAVAILABLE").times(4).path(&path);
    desk.fault(fault).await;
    let (ended, told) = run(&desk, &accounts, Question::Permissions).await;
    assert_eq!(ended.unwrap().answered, 6);
    assert_eq!(told.last().map(|one| &one.account), Some(&accounts[2]));
}

#[tokio::test]
async fn one_that_is_gone_is_told_as_missing_and_the_others_are_asked() {
    let desk = Desk::with(unlimited).await;
    let mut accounts = names(&desk, 5).await;
    accounts.insert(1, "gone@acme-prod.iam.gserviceaccount.com".into());
    let (ended, told) = run(&desk, &accounts, Question::Policy).await;
    let tally = ended.unwrap();
    assert_eq!(tally.answered + tally.failed, 6);
    let gone = told.iter().find(|one| one.account.starts_with("gone@")).unwrap();
    assert!(gone.found.is_err() && tally.first_failure.is_some());
}

#[tokio::test]
async fn after_twenty_denials_in_a_row_no_more_is_asked() {
    let desk = Desk::with(unlimited).await;
    let accounts = names(&desk, 200).await;
    let denied = Fault::on(GET_POLICY).error("IAM_PERMISSION_DENIED");
    desk.fault(denied).await;
    let (ended, told) = run(&desk, &accounts, Question::Policy).await;
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Denied);
    // Each account without an answer is reported, so that it comes last when the scan resumes.
    assert!(told.len() == 20 && desk.calls(GET_POLICY).await < 20 + 8, "{} told", told.len());
}

#[tokio::test]
async fn credentials_that_do_not_work_end_it_with_the_first_answer() {
    let desk = Desk::with(unlimited).await;
    let accounts = names(&desk, 200).await;
    desk.fault(Fault::on(TEST).outcome(impersona_emulator::Outcome::TokenExpired)).await;
    let (ended, told) = run(&desk, &accounts, Question::Permissions).await;
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Credentials);
    assert!(told.is_empty());
}
