//! A change of a policy against a server that says what the test tells it to: what became of a grant, of a revocation
//! and of another condition when the answer is lost or someone else is faster, and what is kept of each.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::{
    api::testing::{Server, Turn, answer, ok},
    model::{condition::Condition, member::Member, policy::Triple},
};

const ACCOUNT: &str = "deployer@acme-prod.iam.gserviceaccount.com";
const ROLE: &str = "roles/iam.serviceAccountUser";
const ANN: &str = "user:ann@example.com";
const BOB: &str = "user:bob@example.com";
const NEW: &str = "user:new@example.com";
const THEIRS: &str = "user:theirs@example.com";

fn policy(etag: &str, members: &[&str]) -> Policy {
    policy_with(etag, members, &[])
}

/// These under no condition, those for a while.
fn policy_with(etag: &str, members: &[&str], limited: &[&str]) -> Policy {
    let mut bindings = vec![];
    if !members.is_empty() {
        bindings.push(json!({"role": ROLE, "members": members}));
    }
    if !limited.is_empty() {
        bindings.push(json!({"role": ROLE, "members": limited, "condition": limit().to_json()}));
    }
    Policy::parse(json!({"version": 3, "etag": etag, "bindings": bindings})).unwrap()
}

fn limit() -> Condition {
    Condition::new("tmp", r#"request.time < timestamp("2099-01-01T00:00:00Z")"#)
}

fn triple(member: &str) -> Triple {
    Triple { role: ROLE.into(), member: Member::read(member), condition: None }
}

fn limited(member: &str) -> Triple {
    Triple { condition: Some(limit()), ..triple(member) }
}

fn says(policy: &Policy) -> Turn {
    ok(&policy.to_json().to_string())
}

fn refuses(status: u16, word: &str) -> Turn {
    let body = json!({"error": {"code": status, "message": "no", "status": word}});
    answer(status, "", &body.to_string())
}

fn conflict() -> Turn {
    refuses(409, "ABORTED")
}

fn lost() -> Turn {
    refuses(503, "UNAVAILABLE")
}

fn request(edits: Vec<Edit>, mode: Mode) -> Request {
    let base = policy("A", &[ANN, BOB]);
    Request { account: AccountRef::read(ACCOUNT), unique_id: UniqueId::read("1"), base, edits, mode }
}

/// How many writes and how many readings the server saw.
async fn sent(server: &Server) -> (usize, usize) {
    let requests = server.requests().await;
    let of = |verb: &str| requests.iter().filter(|request| request.contains(verb)).count();
    (of(":setIamPolicy"), of(":getIamPolicy"))
}

/// The members of the policy that was sent last, and the etag it was sent under.
async fn written(server: &Server) -> (Vec<String>, String) {
    let requests = server.requests().await;
    let last = requests.iter().rev().find(|request| request.contains(":setIamPolicy")).unwrap();
    let body: Value = serde_json::from_str(last.split_once("\r\n\r\n").unwrap().1).unwrap();
    let policy = Policy::parse(body["policy"].clone()).unwrap();
    let mut members: Vec<String> =
        policy.triples().iter().map(|triple| triple.member.as_str().to_owned()).collect();
    members.sort();
    (members, policy.etag().unwrap_or_default().to_owned())
}

/// What an ending is called here.
fn word(ended: &Result<Applied, ApiError>) -> &'static str {
    match ended {
        Ok(Applied::Applied { differs, .. }) if differs.is_empty() => "applied",
        Ok(Applied::Applied { .. }) => "applied otherwise",
        Ok(Applied::Conflict { .. }) => "conflict",
        Ok(Applied::NotApplied { .. }) => "not applied",
        Ok(Applied::Unknown { .. }) => "unknown",
        Err(_) => "refused",
    }
}

/// Both sorts of place for snapshots; the folder goes when it is dropped.
fn places() -> [(Snapshots, Option<tempfile::TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    [
        (Snapshots::in_memory(), None),
        (Snapshots::in_state_folder(Some(folder.path().to_owned())), Some(folder)),
    ]
}

/// An edit, the policy with all of it, and policies with only a part of it.
fn edits() -> Vec<(Vec<Edit>, Policy, Vec<Policy>)> {
    let grant = || Edit::Grant(triple(NEW));
    let revoke = || Edit::Revoke(triple(ANN));
    let replace = Edit::Replace { old: triple(ANN), new: limited(ANN) };
    let base = || policy("B", &[ANN, BOB]);
    vec![
        (vec![grant()], policy("B", &[ANN, BOB, NEW]), vec![base()]),
        (vec![revoke()], policy("B", &[BOB]), vec![base()]),
        (
            vec![revoke(), Edit::Revoke(triple(BOB))],
            policy("B", &[]),
            vec![base(), policy("B", &[BOB]), policy("B", &[ANN])],
        ),
        (
            vec![grant(), revoke()],
            policy("B", &[BOB, NEW]),
            vec![base(), policy("B", &[BOB]), policy("B", &[ANN, BOB, NEW])],
        ),
        (
            vec![replace],
            policy_with("B", &[BOB], &[ANN]),
            vec![base(), policy("B", &[BOB]), policy_with("B", &[ANN, BOB], &[ANN])],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_lost_write_is_told_by_every_half_of_every_change() {
    for (edits, done, parts) in edits() {
        let theirs = {
            let mut json = done.to_json();
            json["bindings"].as_array_mut().unwrap().push(json!({"role": "roles/b", "members": [THEIRS]}));
            Policy::parse(json).unwrap()
        };
        let mut rows = vec![
            (done.clone(), "applied"),
            // It is there, whatever the etag says.
            (done.clone().with_etag("A"), "applied"),
            (theirs, "applied otherwise"),
            (policy("A", &[ANN, BOB]), "not applied"),
        ];
        rows.extend(parts.into_iter().map(|part| (part, "conflict")));
        for (now, expected) in rows {
            let server = Server::start([lost(), says(&now)]).await;
            let snapshots = Snapshots::in_memory();
            let request = request(edits.clone(), Mode::Retry { times: 5 });
            let ended = apply_policy(&server.client(), &snapshots, request).await;
            assert_eq!(word(&ended), expected, "{edits:?} {now:?}");
            assert_eq!(sent(&server).await, (1, 1), "{edits:?} {now:?}");
            match ended.unwrap() {
                Applied::Applied { before, after, etag, .. } => {
                    assert_eq!((before.etag(), &after, Some(&*etag)), (Some("A"), &now, now.etag()));
                }
                Applied::NotApplied { now: read, .. } => assert_eq!(read, now),
                Applied::Conflict { theirs, merged } => {
                    assert_eq!((&theirs, merged.mine.len()), (&now, edits.len()));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_to_lose_an_answer_is_looked_up_and_every_refusal_is_told() {
    let half = Turn::Say("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"etag\":\"B\"".into());
    let page = answer(200, "", "<html>welcome</html>");
    let revoke = || request(vec![Edit::Revoke(triple(ANN))], Mode::Retry { times: 5 });
    for (turn, doubt) in [
        (Turn::Close, true),
        (half, true),
        (page, true),
        (answer(200, "", ""), true),
        (answer(200, "", "{}"), true),
        (refuses(500, "INTERNAL"), true),
        (refuses(502, ""), true),
        (refuses(504, "DEADLINE_EXCEEDED"), true),
        (refuses(403, "PERMISSION_DENIED"), false),
        (refuses(400, "INVALID_ARGUMENT"), false),
        (refuses(404, "NOT_FOUND"), false),
        (refuses(429, "RESOURCE_EXHAUSTED"), false),
    ] {
        for (now, expected) in [(policy("B", &[BOB]), "applied"), (policy("A", &[ANN, BOB]), "not applied")] {
            let server = Server::start([turn.clone(), says(&now)]).await;
            let ended = apply_policy(&server.client(), &Snapshots::in_memory(), revoke()).await;
            assert_eq!(word(&ended), if doubt { expected } else { "refused" }, "{ended:?}");
            assert_eq!(sent(&server).await, (1, usize::from(doubt)), "{ended:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_ran_out_of_time_is_looked_for_three_times_over_four_seconds() {
    let (old, done) = (policy("A", &[ANN, BOB]), policy("B", &[BOB]));
    let late = || refuses(408, "DEADLINE_EXCEEDED");
    for (looks, expected, seconds) in [
        (vec![&done], "applied", 0),
        (vec![&old, &done], "applied", 1),
        (vec![&old, &old, &done], "applied", 4),
        (vec![&old, &old, &old], "not applied", 4),
    ] {
        let turns = std::iter::once(late()).chain(looks.iter().map(|policy| says(policy)));
        let server = Server::start(turns).await;
        let began = Instant::now();
        let revoke = request(vec![Edit::Revoke(triple(ANN))], Mode::Once);
        let ended = apply_policy(&server.client(), &Snapshots::in_memory(), revoke).await;
        assert_eq!((word(&ended), sent(&server).await), (expected, (1, looks.len())), "{ended:?}");
        assert_eq!(began.elapsed().as_secs(), seconds, "{looks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_show_the_revocation_is_no_success() {
    let (old, done) = (policy("A", &[ANN, BOB]), policy("B", &[BOB]));
    let undone = policy("B", &[ANN, BOB]);
    for (said, read, expected, readings) in [
        (&done, &done, "applied", 0),
        // Stored, and otherwise than it was sent.
        (&undone, &undone, "applied otherwise", 1),
        // Nothing was stored.
        (&old, &old, "not applied", 1),
        (&undone, &old, "not applied", 1),
        (&done.clone().with_etag("A"), &old, "not applied", 1),
        // Stored under the old etag.
        (&old, &done.clone().with_etag("A"), "applied", 1),
        // Someone came after.
        (&undone, &policy("C", &[ANN, BOB, THEIRS]), "conflict", 1),
        (&undone, &policy("C", &[BOB]), "applied", 1),
    ] {
        let server = Server::start([says(said), says(read)]).await;
        let revoke = request(vec![Edit::Revoke(triple(ANN))], Mode::Retry { times: 5 });
        let ended = apply_policy(&server.client(), &Snapshots::in_memory(), revoke).await;
        assert_eq!(word(&ended), expected, "{said:?} {read:?}: {ended:?}");
        assert_eq!(sent(&server).await, (1, readings), "{said:?} {read:?}");
    }
    for (said, words) in [
        (&undone, "other than the one sent"),
        (&old, "under the old etag"),
        (&done.with_etag("A"), "under the old etag"),
    ] {
        let server = Server::start([says(said), refuses(403, "PERMISSION_DENIED")]).await;
        let revoke = request(vec![Edit::Revoke(triple(ANN))], Mode::Once);
        let ended = apply_policy(&server.client(), &Snapshots::in_memory(), revoke).await;
        assert_eq!(word(&ended), "unknown");
        let sentence = ended.unwrap().sentence();
        assert!(sentence.contains(&format!("a policy {words}")), "{said:?}: {sentence}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_merge_starts_from_what_the_person_saw() {
    let revoke = || Edit::Revoke(triple(ANN));
    // Someone grants a role, then revokes it: the second merge brings back nothing of the first.
    let turns = [
        conflict(),
        says(&policy("B", &[ANN, BOB, THEIRS])),
        conflict(),
        says(&policy("C", &[ANN, BOB])),
        says(&policy("D", &[BOB])),
    ];
    let server = Server::start(turns).await;
    let retry = Mode::Retry { times: 5 };
    let ended = apply_policy(&server.client(), &Snapshots::in_memory(), request(vec![revoke()], retry)).await;
    assert_eq!((word(&ended), sent(&server).await), ("applied", (3, 2)), "{ended:?}");
    assert_eq!(written(&server).await, (vec![BOB.to_owned()], "C".to_owned()));
    let Ok(Applied::Applied { before, .. }) = ended else { panic!() };
    assert_eq!(before, policy("C", &[ANN, BOB]), "what was written over is what was read last");

    // The first took over what the second changes: that is theirs alone, and no overlap.
    let second = policy_with("C", &[ANN, BOB], &[THEIRS]);
    let turns = [conflict(), says(&policy("B", &[ANN, BOB, THEIRS])), conflict(), says(&second), lost()];
    let server = Server::start(turns).await;
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let fits = |theirs: &Policy, merged: &Policy| {
        let nth = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(theirs.triples().contains(&triple(ANN)) && !merged.triples().contains(&triple(ANN)));
        nth == 0
    };
    let ended =
        apply_policy_if(&server.client(), &Snapshots::in_memory(), request(vec![revoke()], retry), &fits)
            .await;
    let Ok(Applied::Conflict { theirs, merged }) = ended else { panic!("{ended:?}") };
    assert_eq!(theirs, second);
    assert!(merged.overlaps.is_empty(), "{merged:?}");
    assert_eq!(merged.mine, diff::diff(&policy("A", &[ANN, BOB]), &policy("A", &[BOB])).changes);
    assert_eq!(merged.theirs, diff::diff(&policy("A", &[ANN, BOB]), &second).changes);
    assert_eq!(merged.merged, policy_with("C", &[BOB], &[THEIRS]));

    // What the first left alone and the second changes as the person does: an overlap.
    let second = policy_with("C", &[BOB], &[ANN]);
    let turns = [conflict(), says(&policy("B", &[ANN, BOB, THEIRS])), conflict(), says(&second)];
    let server = Server::start(turns).await;
    let ended = apply_policy(&server.client(), &Snapshots::in_memory(), request(vec![revoke()], retry)).await;
    let Ok(Applied::Conflict { merged, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!((merged.overlaps.len(), merged.merged), (1, second));
    assert_eq!(sent(&server).await, (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_as_often_as_it_may_and_no_more() {
    // Before the second write 100 ms at least are waited for, before each further one twice as long.
    for (mode, writes, waited) in [
        (Mode::Once, 1, 0),
        (Mode::Retry { times: 0 }, 1, 0),
        (Mode::Retry { times: 1 }, 2, 100),
        (Mode::Retry { times: 3 }, 4, 700),
    ] {
        let theirs = policy("B", &[ANN, BOB, THEIRS]);
        let turns = (0..6).flat_map(|_| [conflict(), says(&theirs)]);
        let server = Server::start(turns).await;
        let revoke = request(vec![Edit::Revoke(triple(ANN))], mode);
        let began = Instant::now();
        let ended = apply_policy(&server.client(), &Snapshots::in_memory(), revoke).await;
        let took = began.elapsed().as_millis();
        assert_eq!((word(&ended), sent(&server).await), ("conflict", (writes, writes)), "{mode:?}");
        assert!(took >= waited, "{mode:?}: {took} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_others_made_too_is_not_sent_again() {
    let theirs = policy("B", &[BOB]);
    let server = Server::start([conflict(), says(&theirs)]).await;
    let revoke = request(vec![Edit::Revoke(triple(ANN))], Mode::Retry { times: 5 });
    let ended = apply_policy(&server.client(), &Snapshots::in_memory(), revoke).await;
    assert_eq!((word(&ended), sent(&server).await), ("applied", (1, 1)));
    let Ok(Applied::Applied { before, after, .. }) = ended else { panic!() };
    assert_eq!((&before, &after), (&theirs, &theirs));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_stays_unless_surely_nothing_was_written_over_it_in_memory_and_on_disk() {
    let (old, done) = (policy("A", &[ANN, BOB]), policy("B", &[BOB]));
    let other = policy("C", &[ANN, BOB, THEIRS]);
    let gone = || refuses(403, "PERMISSION_DENIED");
    for (turns, expected, kept) in [
        (vec![says(&done)], "applied", 1),
        (vec![lost(), says(&done)], "applied", 1),
        (vec![lost(), says(&old)], "not applied", 1),
        (vec![lost(), says(&other)], "conflict", 1),
        (vec![lost(), gone()], "unknown", 1),
        (vec![conflict(), says(&other)], "conflict", 0),
        (vec![conflict(), gone()], "refused", 0),
        (vec![gone()], "refused", 0),
        (vec![refuses(429, "RESOURCE_EXHAUSTED")], "refused", 0),
    ] {
        for (snapshots, folder) in places() {
            let server = Server::start(turns.clone()).await;
            let client = server.client();
            // Another account has one, too; one of the same name that is gone, and one at another endpoint.
            let mut others = Vec::new();
            for whose in [
                Whose {
                    account: "api@acme-prod.iam.gserviceaccount.com".into(),
                    unique_id: "2".into(),
                    ..of(&client, ACCOUNT, "1")
                },
                Whose { unique_id: "3".into(), ..of(&client, ACCOUNT, "1") },
                Whose { endpoint: "127.0.0.1:1".into(), ..of(&client, ACCOUNT, "1") },
            ] {
                save(&snapshots, &whose, &other, &[]).await.unwrap();
                others.push(whose);
            }
            let revoke = request(vec![Edit::Revoke(triple(ANN))], Mode::Once);
            let ended = apply_policy(&client, &snapshots, revoke).await;
            assert_eq!(word(&ended), expected, "{ended:?}");
            let saved = snapshots.list(&of(&client, ACCOUNT, "1")).await.unwrap();
            assert_eq!(saved.len(), kept, "{expected} in {folder:?}");
            for snapshot in saved {
                assert_eq!(snapshot.policy, old.to_json());
                assert_eq!(snapshot.change, [format!("- {ROLE} {ANN}")]);
            }
            for whose in others {
                assert_eq!(snapshots.list(&whose).await.unwrap().len(), 1, "{expected}: {whose:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_accounts_keep_their_snapshots_apart_in_memory_and_on_disk() {
    for (snapshots, _folder) in places() {
        let done = policy("B", &[BOB]);
        let server = Server::start([says(&done), lost(), says(&policy("A", &[ANN, BOB]))]).await;
        let client = server.client();
        let revoke = || request(vec![Edit::Revoke(triple(ANN))], Mode::Once);
        apply_policy(&client, &snapshots, revoke()).await.unwrap();
        let other = "api@acme-prod.iam.gserviceaccount.com";
        let edits = vec![Edit::Replace { old: triple(ANN), new: limited(ANN) }, Edit::Grant(limited(NEW))];
        let request =
            Request { account: AccountRef::read(other), unique_id: UniqueId::read("2"), edits, ..revoke() };
        let ended = apply_policy(&client, &snapshots, request).await;
        assert_eq!(word(&ended), "not applied", "{ended:?}");
        for (account, id, change) in [
            (ACCOUNT, "1", vec![format!("- {ROLE} {ANN}")]),
            (other, "2", vec![format!("~ {ROLE} {ANN} [tmp]"), format!("+ {ROLE} {NEW} [tmp]")]),
        ] {
            let saved = snapshots.list(&of(&client, account, id)).await.unwrap();
            assert_eq!(saved.len(), 1, "{account}");
            assert_eq!((&saved[0].change, &saved[0].policy), (&change, &policy("A", &[ANN, BOB]).to_json()));
            assert_eq!((saved[0].whose.account.as_str(), saved[0].whose.unique_id.as_str()), (account, id));
        }
    }
}

/// [`whose`] of names as text.
fn of(client: &Client, account: &str, id: &str) -> Whose {
    whose(client, &AccountRef::read(account), UniqueId::read(id).as_ref())
}

#[tokio::test]
async fn whose_snapshots_they_are_is_told_by_host_name_and_number() {
    let server = Server::start([Turn::Close]).await;
    let client = server.client();
    let host = server.url.trim_start_matches("http://").to_owned();
    for (account, id, name, number) in [
        (ACCOUNT, "1", ACCOUNT, "1"),
        (ACCOUNT, "", ACCOUNT, ""),
        ("123", "", "", "123"),
        ("123", "456", "", "456"),
        ("0", "", "", "0"),
        ("9", "", "", "9"),
        // A name with figures in it is a name.
        ("123@acme-prod.iam.gserviceaccount.com", "", "123@acme-prod.iam.gserviceaccount.com", ""),
        ("12a", "", "12a", ""),
        ("a12", "1", "a12", "1"),
        ("1/2", "", "1/2", ""),
        ("1:2", "", "1:2", ""),
    ] {
        let expected = Whose { endpoint: host.clone(), account: name.into(), unique_id: number.into() };
        assert_eq!(of(&client, account, id), expected);
    }
}

#[test]
fn each_ending_has_its_sentence() {
    let plain = policy("A", &[ANN]);
    let lost = || ApiError::new(ErrorKind::Network, "The connection broke.");
    let applied = |wanted: &Policy| applied(plain.clone(), plain.clone(), wanted, None);
    let conflict = |mine: &[&str]| Applied::Conflict {
        theirs: plain.clone(),
        merged: merge::merge(&policy("A", &[]), &policy("A", mine), &policy_with("B", &[], &[ANN])),
    };
    let check = commands::show_policy(ACCOUNT);
    for (ended, sentence) in [
        (applied(&plain), "The policy was written.".to_owned()),
        (
            applied(&policy("A", &[])),
            "The policy was written, but what is stored differs from what was sent: check the differences.".into(),
        ),
        (
            conflict(&[BOB]),
            "Someone else changed the policy in the meantime, and your change is not in it.".into(),
        ),
        (
            conflict(&[ANN]),
            "Someone else changed the same access in the meantime, and your change is not in it.".into(),
        ),
        (
            Applied::NotApplied { lost: lost(), now: plain.clone() },
            "The response was lost (The connection broke), but the policy is unchanged: your change was not applied.".into(),
        ),
        (
            Applied::Unknown { lost: lost(), read_again: lost(), check: check.clone() },
            format!("The response was lost (The connection broke), and the policy can't be read, so it's unknown whether it changed. Check with `{check}`."),
        ),
    ] {
        assert_eq!(ended.sentence(), sentence);
    }
}
