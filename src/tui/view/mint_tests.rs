//! Snapshots of every form of the mint pane, and of a shelf with every kind.

use jiff::Timestamp;

use super::tests::{opened, picture, pictures};
use crate::{
    api::metadata::{Attached, Machine},
    http::{ApiError, ErrorKind},
    model::{
        chain::{Hop, HopState},
        credential::{Credential, MintRequest, Signed},
        jwt::{State, Verdict},
        permission::{GET_ACCESS_TOKEN, IMPLICIT_DELEGATION},
        secret::Secret,
    },
    ops::{Call, Reply},
    tui::app::{
        msg::{Effect, Msg, TimerId},
        testing::{API, Screen},
    },
};

/// Answers the pending mint with this text.
fn answer(screen: &mut Screen, secret: &str, change: impl FnOnce(&mut Credential)) -> MintRequest {
    let req = screen.asked(|call| matches!(call, Call::Mint { .. }));
    let request = screen.mints().last().map(|request| (*request).clone()).expect("something is minted");
    let now = screen.now.utc;
    let end = Timestamp::from_second(now.as_second() + 3_600).expect("a time");
    let mut credential = Credential::new(request.clone(), Secret::new(secret), Some(end), now);
    change(&mut credential);
    screen.reply(req, Ok(Reply::from(credential)));
    request
}

fn signed(screen: &Screen, state: State, reason: &str) -> Signed {
    let end = Timestamp::from_second(screen.now.utc.as_second() + 16 * 86_400).ok();
    Signed {
        key_id: "3a088d4f00000000000000000000000000000000".into(),
        sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".into(),
        verdict: Verdict { state, reason: reason.into(), key: None },
        key_ends: end,
    }
}

const BY: &str = "key 3a08…0000 of the published keys of deployer@acme-prod";

#[test]
fn what_was_minted_runs_down_by_googles_clock_where_this_machines_is_off() {
    for skew in [-3_600_000, 3_600_000, -90_000, 90_000] {
        let mut screen = opened();
        screen.app.shared.session.skew = Some(skew);
        screen.keys("t a ctrl-s");
        answer(&mut screen, "ya29.c.abc", |credential| {
            let end = credential.minted.as_second() + skew / 1_000 + 3_600;
            credential.expires = Timestamp::from_second(end).ok();
        });
        assert!(screen.notice().ends_with("expires in 1h 00m 00s"), "{}", screen.notice());
        let shown = picture(&mut screen, 120, 40);
        assert!(shown.contains("1h 00m 00s ▰▰▰▰▰▰▰▰▰▰"), "{shown}");
        let ticks = |screen: &Screen| {
            let tick = |effect: &&Effect| matches!(effect, Effect::After(TimerId::Second, _));
            screen.effects.iter().filter(tick).count()
        };
        assert_eq!(ticks(&screen), 1, "it counts down");
        screen.wait(3_601);
        screen.effects.clear();
        screen.send(Msg::Timer(TimerId::Second));
        assert_eq!(ticks(&screen), 0, "it has ended");
        let shown = picture(&mut screen, 120, 40);
        assert!(shown.contains("expired 1s ago"), "{shown}");
    }
}

#[test]
fn the_form_of_a_signed_jwt() {
    pictures("mint_jwt", opened().keys("t j"));
    pictures("mint_jwt_for_delegation", opened().keys("t j space"));
    pictures("mint_jwt_wrong", opened().keys("t j tab").typed("x"));
}

#[test]
fn the_form_of_a_signed_blob() {
    pictures("mint_blob", opened().keys("t b tab").typed("release 1.2.3"));
    pictures("mint_blob_of_a_file", opened().keys("t b space space space tab").typed("dist/app.tar.gz"));
}

#[test]
fn the_form_of_a_signed_url() {
    let mut screen = opened();
    screen.keys("t u").typed("acme-drop/reports/2027 q1.csv").keys("tab space space tab ctrl-u").typed("2d");
    screen.keys("tab").typed("Content-Type: text/csv").keys("tab").typed("versionId=7");
    pictures("mint_url", &mut screen);
}

#[test]
fn the_form_of_the_metadata_server() {
    let mut screen = opened();
    screen.keys("t m");
    pictures("mint_metadata_looking", &mut screen);
    let req = screen.asked(|call| matches!(call, Call::GetMachine {}));
    let account = |email: &str, alias: &[&str], scope: &str| Attached {
        email: email.into(),
        aliases: alias.iter().map(|name| (*name).to_owned()).collect(),
        scopes: vec![format!("https://www.googleapis.com/auth/{scope}")],
    };
    let machine = Machine {
        host: "metadata.google.internal".into(),
        project: "acme-prod".into(),
        universe: "googleapis.com".into(),
        accounts: vec![
            account(API, &["default"], "cloud-platform"),
            account("reports@acme-prod.iam.gserviceaccount.com", &[], "devstorage.read_only"),
        ],
    };
    screen.reply(req, Ok(Reply::from(machine)));
    pictures("mint_metadata_access", &mut screen);
    screen.keys("space tab tab").typed("https://svc-a.run.app").keys("tab space");
    pictures("mint_metadata_id", &mut screen);

    let mut screen = opened();
    screen.keys("t m");
    let req = screen.asked(|call| matches!(call, Call::GetMachine {}));
    let nobody = ApiError::new(ErrorKind::Timeout, "Not on Google Cloud: no metadata server answers here.");
    screen.reply(req, Err(nobody));
    pictures("mint_metadata_nowhere", &mut screen);
}

#[test]
fn the_hops_of_a_chain() {
    let mut screen = opened();
    screen.keys("t a tab tab").typed("relay-a@acme-ci, relay-b@acme-ci, relay-c@acme-ci").keys("tab");
    let req = screen.asked(|call| matches!(call, Call::CheckChain { .. }));
    let name = |short: &str| format!("{short}.iam.gserviceaccount.com");
    let hop = |from: Option<&str>, to: &str, permission, state| Hop {
        from: from.map(name),
        to: name(to),
        permission,
        state,
    };
    let hops = vec![
        hop(None, "relay-a@acme-ci", IMPLICIT_DELEGATION, HopState::Yes("per IAM".into())),
        hop(Some("relay-a@acme-ci"), "relay-b@acme-ci", IMPLICIT_DELEGATION, HopState::NoGrantSeen),
        hop(
            Some("relay-b@acme-ci"),
            "relay-c@acme-ci",
            IMPLICIT_DELEGATION,
            HopState::Unread("its policy may not be read".into()),
        ),
        hop(
            Some("relay-c@acme-ci"),
            "deployer@acme-prod",
            GET_ACCESS_TOKEN,
            HopState::CannotTell(
                "it may be in group:relays@example.com, whose members are not visible".into(),
            ),
        ),
    ];
    screen.reply(req, Ok(Reply::from(hops)));
    pictures("mint_chain", &mut screen);
    screen.keys("ctrl-p").typed("test the delegation chain").keys("enter");
    pictures("mint_chain_probe", &mut screen);
}

#[test]
fn a_shelf_with_every_kind_live_ending_and_ended() {
    let mut screen = opened();
    screen.keys("t a tab tab").typed("relay-a@acme-ci,relay-b@acme-ci").keys("ctrl-s");
    answer(&mut screen, "ya29.c.test", |_| {});
    screen.wait(3_000);
    screen.keys("t i").typed("https://svc-a.run.app").keys("ctrl-s");
    answer(&mut screen, "eyJ.test", |_| {});
    screen.wait(700);
    screen.keys("t j ctrl-s");
    let by = signed(&screen, State::Verified, BY);
    answer(&mut screen, "eyJ.test", |made| made.signed = Some(by));
    screen.keys("t b tab").typed("hello").keys("ctrl-s");
    let by = signed(&screen, State::NotChecked, "the account's keys could not be read: the network is away");
    answer(&mut screen, "AAEC", |made| (made.signed, made.expires) = (Some(by), None));
    pictures("shelf_blob_not_checked", &mut screen);
    screen.keys("t u").typed("acme-drop/a.csv").keys("ctrl-s");
    let by = signed(&screen, State::Failed, "the signature was not made by those keys");
    let remarks = vec!["a signed URL cannot be revoked: until it ends, whoever has it may use it".to_owned()];
    answer(&mut screen, "https://storage.googleapis.com/x", |made| {
        (made.signed, made.remarks) = (Some(by), remarks);
    });
    screen.keys("t m ctrl-s");
    answer(&mut screen, "ya29.c.test", |made| {
        made.request.account = API.into();
        made.remarks = vec!["the token has the scopes that were asked for".into()];
    });
    pictures("shelf_of_every_kind", &mut screen);
    screen.keys("j");
    pictures("shelf_url_failed", &mut screen);
    screen.keys("G");
    pictures("shelf_ended_with_chain", &mut screen);
}
