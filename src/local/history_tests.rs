//! Snapshots in memory and on disk: which account they belong to, which are kept, and what can't be read.

use serde_json::json;

use super::*;

const MAIL: &str = impersona_emulator::names::EDITABLE;

fn whose(unique_id: &str) -> Whose {
    Whose { endpoint: "127.0.0.1:8787".into(), account: MAIL.into(), unique_id: unique_id.into() }
}

fn snapshot(whose: Whose, second: i64) -> Snapshot {
    Snapshot {
        id: String::new(),
        time: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        whose,
        change: vec!["+ roles/a user:a@x".into()],
        granted: vec![("roles/a".into(), "user:a@x".into())],
        policy: json!({"etag": "BwX=", "newField": [1, {"deep": true}], "version": 1}),
    }
}

/// Both stores behave the same.
async fn in_both(test: impl AsyncFn(&Snapshots)) {
    test(&Snapshots::in_memory()).await;
    let folder = tempfile::tempdir().unwrap();
    test(&Snapshots::in_state_folder(Some(folder.path().join("state")))).await;
}

#[tokio::test]
async fn what_was_saved_is_listed_newest_first_and_comes_back_with_every_field() {
    in_both(async |snapshots| {
        let first = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let second = snapshots.save(snapshot(whose("1"), 5)).await.unwrap();
        snapshots.save(snapshot(Whose { endpoint: "other".into(), ..whose("1") }, 9)).await.unwrap();
        let ids: Vec<String> = snapshots.list(&whose("1")).await.unwrap().into_iter().map(|s| s.id).collect();
        assert_eq!(ids, [second, first.clone()]);
        let loaded = snapshots.load(&whose("1"), &first).await.unwrap();
        assert_eq!(loaded, Snapshot { id: first, ..snapshot(whose("1"), 0) });
    })
    .await;
}

#[test]
fn snapshot_of_an_earlier_version_is_read_when_it_names_no_grants() {
    let mut saved = serde_json::to_value(snapshot(whose("1"), 0)).unwrap();
    assert_eq!(saved.as_object_mut().unwrap().remove("granted"), Some(json!([["roles/a", "user:a@x"]])));
    let read: Snapshot = serde_json::from_value(saved).unwrap();
    assert_eq!(read, Snapshot { granted: vec![], ..snapshot(whose("1"), 0) });
}

#[tokio::test]
async fn two_in_one_instant_are_two() {
    in_both(async |snapshots| {
        let first = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let second = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        assert!(first < second, "{first} {second}");
        assert_eq!(first, "20270115-080000-000000");
    })
    .await;
}

#[tokio::test]
async fn fifty_are_kept_of_an_account_and_the_oldest_goes() {
    in_both(async |snapshots| {
        let other = snapshots.save(snapshot(whose("2"), 0)).await.unwrap();
        for second in 0..=KEPT {
            snapshots.save(snapshot(whose("1"), second as i64)).await.unwrap();
        }
        let kept = snapshots.list(&whose("1")).await.unwrap();
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept.last().map(|last| last.time), Some(snapshot(whose("1"), 1).time));
        assert!(snapshots.load(&whose("2"), &other).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_of_another_account_of_the_same_name_is_refused() {
    in_both(async |snapshots| {
        let old = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        assert!(snapshots.list(&whose("2")).await.unwrap().is_empty());
        let refusal = snapshots.load(&whose("2"), &old).await.unwrap_err();
        assert!(refusal.contains("another account (unique ID 1);"), "{refusal}");
        let missing = snapshots.load(&whose("1"), "../../etc/passwd").await.unwrap_err();
        assert!(missing.contains("no saved version"), "{missing}");
    })
    .await;
}

#[tokio::test]
async fn without_a_unique_id_the_name_counts_and_the_doubt_is_told() {
    in_both(async |snapshots| {
        let unknown = snapshots.save(snapshot(whose(""), 0)).await.unwrap();
        let loaded = snapshots.load(&whose("2"), &unknown).await.unwrap();
        assert!(loaded.is_doubtful(&whose("2")));
        assert_eq!(snapshots.list(&whose("")).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn list_fails_when_the_folder_of_its_endpoint_cant_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join(name(&whose("1").endpoint)), "not a folder").unwrap();
    assert!(snapshots.list(&whose("1")).await.unwrap_err().starts_with(&*policies.to_string_lossy()));
    let elsewhere = Whose { endpoint: "other".into(), ..whose("1") };
    assert!(snapshots.list(&elsewhere).await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_place_nothing_is_saved_and_the_sentence_says_what_helps() {
    let nowhere = Snapshots::in_state_folder(None);
    let refusal = nowhere.save(snapshot(whose("1"), 0)).await.unwrap_err();
    assert!(refusal.contains("IMPERSONA_STATE_DIR"), "{refusal}");
    assert!(nowhere.list(&whose("1")).await.unwrap().is_empty());
}

#[test]
fn an_account_covers_its_own_and_with_a_number_unknown_its_name() {
    let of = |endpoint: &str, account: &str, unique_id: &str| Whose {
        endpoint: endpoint.into(),
        account: account.into(),
        unique_id: unique_id.into(),
    };
    for (one, other, covers) in [
        // Both numbers are known: only they count.
        (of("e", "a", "1"), of("e", "a", "1"), true),
        (of("e", "a", "1"), of("e", "b", "1"), true),
        (of("e", "", "1"), of("e", "a", "1"), true),
        (of("e", "a", "1"), of("e", "a", "2"), false),
        (of("e", "", "1"), of("e", "", "2"), false),
        // One number is unknown: the name counts.
        (of("e", "a", "1"), of("e", "a", ""), true),
        (of("e", "a", ""), of("e", "a", ""), true),
        (of("e", "a", "1"), of("e", "b", ""), false),
        (of("e", "a", ""), of("e", "b", ""), false),
        // Without a name nothing matches.
        (of("e", "", "1"), of("e", "", ""), false),
        (of("e", "", ""), of("e", "", ""), false),
        (of("e", "", "1"), of("e", "a", ""), false),
    ] {
        assert_eq!(one.covers(&other), covers, "{one:?} {other:?}");
        assert_eq!(other.covers(&one), covers, "{other:?} {one:?}");
        // Another endpoint is a separate world.
        let elsewhere = Whose { endpoint: "f".into(), ..other };
        assert!(!one.covers(&elsewhere) && !elsewhere.covers(&one), "{one:?} {elsewhere:?}");
    }
}

#[tokio::test]
async fn what_is_taken_back_is_gone_and_nothing_else_is() {
    in_both(async |snapshots| {
        let mine = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let older = snapshots.save(snapshot(whose("1"), -5)).await.unwrap();
        let theirs = snapshots.save(snapshot(whose("2"), 0)).await.unwrap();
        let count = async |id: &str| snapshots.list(&whose(id)).await.unwrap().len();
        // It isn't found for another account or endpoint.
        snapshots.take_back(&whose("2"), &mine).await;
        snapshots.take_back(&whose("1"), &theirs).await;
        snapshots.take_back(&Whose { endpoint: "other".into(), ..whose("1") }, &mine).await;
        snapshots.take_back(&whose("1"), "20000101-000000-000000").await;
        assert_eq!((count("1").await, count("2").await), (2, 1));
        snapshots.take_back(&whose("1"), &mine).await;
        let left: Vec<String> =
            snapshots.list(&whose("1")).await.unwrap().into_iter().map(|s| s.id).collect();
        assert_eq!((left, count("2").await), (vec![older], 1));
        assert!(snapshots.load(&whose("1"), &mine).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn one_id_of_two_accounts_or_endpoints_is_each_ones_own() {
    // In memory and in a folder IDs differ within an endpoint; but files might have been put there by hand.
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let elsewhere = Whose { endpoint: "other:1".into(), ..whose("1") };
    let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
    assert_eq!(snapshots.save(snapshot(elsewhere.clone(), 0)).await.unwrap(), id);
    let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
    let foreign = Snapshot { change: vec!["theirs".into()], ..snapshot(whose("2"), 0) };
    fs::write(place.join(file_name(&whose("2"), &id)), serde_json::to_vec(&foreign).unwrap()).unwrap();
    for of in [whose("1"), whose("2"), elsewhere.clone()] {
        let loaded = snapshots.load(&of, &id).await.unwrap();
        assert_eq!(loaded.whose, of);
    }
    snapshots.take_back(&whose("1"), &id).await;
    // What is left belongs to another account and is named as such; the other endpoint's is not even visible.
    let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
    assert!(refusal.contains("unique ID 2"), "{refusal}");
    snapshots.take_back(&whose("2"), &id).await;
    let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
    assert!(refusal.contains("no saved version"), "{refusal}");
    assert!(snapshots.load(&elsewhere, &id).await.is_ok());
}

#[tokio::test]
async fn another_endpoints_snapshot_is_not_found_by_its_id() {
    in_both(async |snapshots| {
        let other = Whose { endpoint: "other".into(), ..whose("1") };
        let id = snapshots.save(snapshot(other.clone(), 0)).await.unwrap();
        let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
        assert!(refusal.contains("no saved version"), "{refusal}");
        let loaded = snapshots.load(&other, &id).await.unwrap();
        // Given one anyway, it says where it was read.
        let refusal = loaded.belongs_to(&whose("1")).unwrap_err();
        assert!(refusal.contains("from other, not from 127.0.0.1:8787"), "{refusal}");
    })
    .await;
}

#[test]
fn an_id_is_digits_and_hyphens_and_a_file_of_any_other_name_is_no_snapshot() {
    for (file, id) in [
        ("1,x,20270115-080000-000000.json", Some("20270115-080000-000000")),
        ("1,x,7.json", Some("7")),
        (",x,7.json", Some("7")),
        ("1,,7.json", Some("7")),
        ("1,x,.json", None),
        ("1,x,notes.json", None),
        ("1,x,7a.json", None),
        ("1,x,7_.json", None),
        ("1,x,7", None),
        ("1,x,7.json.bak", None),
        ("1,x.json", None),
        ("7.json", None),
        ("", None),
    ] {
        let found = parse_name("e", file).map(|(_, id)| id);
        assert_eq!(found.as_deref(), id, "{file}");
    }
}

#[tokio::test]
async fn a_snapshot_in_a_file_of_another_name_is_left_out_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
    let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
    let notes = place.join(format!("1,{},notes.json", name(MAIL)));
    fs::copy(place.join(file_name(&whose("1"), &id)), &notes).unwrap();
    assert_eq!(snapshots.list(&whose("1")).await.unwrap().len(), 1);
    assert!(snapshots.load(&whose("1"), "notes").await.is_err());
    snapshots.take_back(&whose("1"), &id).await;
    assert!(notes.exists());
}

#[tokio::test]
async fn a_file_under_anothers_name_is_listed_for_neither_and_given_to_neither() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
    let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
    fs::rename(place.join(file_name(&whose("1"), &id)), place.join(file_name(&whose("2"), &id))).unwrap();
    for of in ["1", "2"] {
        assert_eq!(snapshots.list(&whose(of)).await.unwrap(), [], "{of}");
    }
    let refusal = snapshots.load(&whose("2"), &id).await.unwrap_err();
    assert!(refusal.contains("another account (unique ID 1);"), "{refusal}");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_its_place_and_is_no_empty_history() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let file = folder.path().join("policies");
    fs::write(&file, "a file where a folder should be").unwrap();
    for refusal in [
        snapshots.list(&whose("1")).await.unwrap_err(),
        snapshots.load(&whose("1"), "1").await.unwrap_err(),
        snapshots.save(snapshot(whose("1"), 0)).await.unwrap_err(),
    ] {
        assert!(refusal.starts_with(&format!("{}: ", file.display())), "{refusal}");
    }
}

#[tokio::test]
async fn a_snapshot_is_a_text_file_that_ends_its_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
    let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
    let text = fs::read_to_string(place.join(file_name(&whose("1"), &id))).unwrap();
    assert!(text.ends_with("}\n") && !text.ends_with("\n\n"), "{text:?}");
}

#[tokio::test]
async fn where_there_is_no_folder_nothing_is_listed_and_nothing_goes_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for snapshots in
        [Snapshots::in_state_folder(None), Snapshots::in_state_folder(Some(folder.path().join("none")))]
    {
        assert!(snapshots.list(&whose("1")).await.unwrap().is_empty());
        assert!(snapshots.load(&whose("1"), "1").await.unwrap_err().contains("no saved version"));
        snapshots.take_back(&whose("1"), "1").await;
    }
}

#[test]
fn who_cannot_tell_two_accounts_of_a_name_apart_says_so() {
    let of = |one: &str, other: &str| snapshot(whose(one), 0).is_doubtful(&whose(other));
    assert_eq!([of("1", "1"), of("1", ""), of("", "1"), of("", "")], [false, true, true, true]);
    let refusal = |one: &str, other: Whose| snapshot(whose(one), 0).belongs_to(&other).unwrap_err();
    let stranger = Whose { account: "other@x".into(), ..whose("") };
    let refused = refusal("", stranger.clone());
    assert!(refused.contains("(unique ID unknown); this account has another name"), "{refused}");
    assert!(refusal("1", stranger).contains("(unique ID 1); this account has another name"));
    assert!(refusal("1", whose("2")).contains("(unique ID 1); this account is 2"));
}

#[cfg(unix)]
#[tokio::test]
async fn files_and_folders_are_for_their_owner_and_their_names_are_safe() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let odd = Whose { endpoint: "[::1]:80/..".into(), account: "../a,b c".into(), unique_id: "1".into() };
    let id = snapshots.save(snapshot(odd.clone(), 0)).await.unwrap();
    let place = folder.path().join("policies");
    let host = place.join("%5B%3A%3A1%5D%3A80%2F..");
    let file = host.join(format!("1,..%2Fa%2Cb%20c,{id}.json"));
    assert_eq!((mode(&place), mode(&host), mode(&file)), (0o700, 0o700, 0o600));
    assert_eq!(snapshots.load(&odd, &id).await.unwrap().whose, odd);
    fs::write(host.join("1,x,20270115-080000-000001.json"), "{").unwrap();
    fs::write(host.join("notes.txt"), "").unwrap();
    let list = snapshots.list(&odd).await.unwrap();
    assert_eq!(list.iter().filter(|snapshot| snapshot.damage().is_none()).count(), 1);
}

#[tokio::test]
async fn a_damaged_snapshot_is_listed_with_its_file_and_never_restored() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::in_state_folder(Some(folder.path().to_owned()));
    let good = snapshots.save(snapshot(whose("1"), 9)).await.unwrap();
    for (bytes, why) in [
        (&b""[..], "damaged at line 1, column 0"),
        (b"{\n  \"time\": \"2027", "damaged at line 2"),
        (&[0; 64], "damaged at line 1"),
        (b"[]", "damaged at line 1"),
        (b"<<<<<<< HEAD\n{}", "damaged at line 1, column 1"),
        (br#"{"time":"2027-01-15T08:00:00Z","change":[],"policy":null}"#, "no policy in it"),
        (br#"{"time":"2027-01-15T08:00:00Z","change":[]}"#, "damaged"),
    ] {
        let id = snapshots.save(snapshot(whose("1"), 0)).await.unwrap();
        let place = folder.path().join("policies").join(name("127.0.0.1:8787"));
        let file = place.join(file_name(&whose("1"), &id));
        fs::write(&file, bytes).unwrap();
        let list = snapshots.list(&whose("1")).await.unwrap();
        assert_eq!(list.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), [good.as_str(), id.as_str()]);
        let damage = list[1].damage().unwrap();
        assert!(damage.contains(why) && damage.contains(file.to_str().unwrap()), "{damage}");
        assert_eq!((list[0].damage(), list[1].time), (None, snapshot(whose("1"), 0).time));
        let refusal = snapshots.load(&whose("1"), &id).await.unwrap_err();
        assert!(refusal.contains(&id) && refusal.contains(damage), "{refusal}");
        fs::remove_file(&file).unwrap();
    }
}
