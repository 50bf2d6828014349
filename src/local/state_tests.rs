use proptest::prelude::*;
use serde_json::json;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An instance with its own view of what is remembered.
struct Instance {
    store: Store,
    now: Remembered,
}

impl Instance {
    fn open(folder: &Path) -> Instance {
        let (store, remark) = Store::open(Some(folder));
        assert_eq!(remark, None);
        Instance { now: store.remembered().clone(), store }
    }

    fn change(&mut self, change: impl FnOnce(&mut Remembered)) {
        change(&mut self.now);
        assert_eq!(self.store.save(self.now.clone()), None);
    }
}

fn kept(folder: &Path) -> Remembered {
    Instance::open(folder).now
}

#[test]
fn memory_survives_a_run() {
    let folder = folder();
    let inside = folder.path().join("new");
    let mut one = Instance::open(&inside);
    one.change(|now| {
        assert!(toggle(&mut now.favourites, "ci-builder@shop-test.iam.gserviceaccount.com"));
        touch(&mut now.projects, "shop-test");
    });
    let again = kept(&inside);
    assert_eq!(again.favourites, ["ci-builder@shop-test.iam.gserviceaccount.com"]);
    assert_eq!(again.projects, ["shop-test"]);
}

#[test]
fn the_last_name_comes_first_and_once() {
    let mut recent = Vec::new();
    for name in ["a", "b", "a"] {
        touch(&mut recent, name);
    }
    assert_eq!(recent, ["a", "b"]);
}

#[test]
fn two_instances_keep_what_each_of_them_changed() {
    let folder = folder();
    Instance::open(folder.path()).change(|now| {
        now.favourites = ["old", "gone"].map(str::to_owned).to_vec();
        now.projects = ["p2", "p1"].map(str::to_owned).to_vec();
    });
    let (mut a, mut b) = (Instance::open(folder.path()), Instance::open(folder.path()));
    a.change(|now| assert!(toggle(&mut now.favourites, "of-a")));
    b.change(|now| assert!(!toggle(&mut now.favourites, "gone")));
    b.change(|now| assert!(toggle(&mut now.favourites, "of-b")));
    a.change(|now| touch(&mut now.projects, "p1"));
    b.change(|now| touch(&mut now.projects, "p3"));
    // An instance that doesn't know of the removal doesn't undo it.
    a.change(|now| touch(&mut now.accounts, "account"));
    let found = kept(folder.path());
    assert_eq!(found.favourites, ["old", "of-a", "of-b"]);
    assert_eq!(found.projects, ["p3", "p1", "p2"]);
    assert_eq!(found.accounts, ["account"]);
    // What one added, the other can't have; adding it again there changes nothing.
    b.change(|now| assert!(toggle(&mut now.favourites, "of-a")));
    assert_eq!(kept(folder.path()).favourites, ["old", "of-a", "of-b"]);
}

#[test]
fn instances_that_write_at_once_lose_nothing() {
    let folder = folder();
    let names: Vec<String> = (0..4).flat_map(|i| (0..10).map(move |n| format!("{i}-{n}"))).collect();
    std::thread::scope(|scope| {
        for mine in names.chunks(10) {
            let folder = folder.path();
            scope.spawn(move || {
                let mut instance = Instance::open(folder);
                for name in mine {
                    instance.change(|now| assert!(toggle(&mut now.favourites, name)));
                }
            });
        }
    });
    let mut found = kept(folder.path()).favourites;
    found.sort();
    assert_eq!(found, names);
}

#[test]
fn a_name_that_changed_is_not_there_twice() {
    let folder = folder();
    let mut one = Instance::open(folder.path());
    one.change(|now| touch(&mut now.accounts, "104"));
    one.change(|now| touch(&mut now.accounts, "other"));
    one.change(|now| now.accounts = ["other", "a@p"].map(str::to_owned).to_vec());
    let mut found = kept(folder.path()).accounts;
    found.sort();
    assert_eq!(found, ["a@p", "other"]);
}

/// Files that can't be used, and what is said about each.
const DAMAGED: [(&str, &[u8], &str); 12] = [
    ("empty", b"", "is empty"),
    ("blank", b"\n\n", "is empty"),
    ("zero bytes", &[0; 512], "has only zero bytes"),
    ("zero bytes at the end", b"{\"favourites\":[\"a\"]}\0\0\0\0", "isn't valid JSON (line 1, column 21)"),
    ("cut off", b"{\n  \"favourites\": [\n    \"a\",", "is cut off (line 3"),
    (
        "merge conflict",
        b"{\n<<<<<<< HEAD\n  \"favourites\": []\n=======\n  \"favourites\": [\"b\"]\n>>>>>>> laptop\n}",
        "has the marks of a merge conflict (line 2)",
    ),
    ("a list", b"[]", "has a value of the wrong type (line 1"),
    ("a number", b"42", "has a value of the wrong type (line 1"),
    ("another type", b"{\n\"scopes\": {\"a\": 1}}", "has a value of the wrong type (line 2"),
    (
        "another type inside",
        b"{\"favourites\": [{\"name\": \"a\"}]}",
        "has a value of the wrong type (line 1",
    ),
    ("a newer form", b"{\"version\": 7, \"favourites\": {\"a\": {}}}", "was written by a newer impersona"),
    ("not text", b"\x80\x81\xff{}", "isn't text"),
];

#[test]
fn a_file_that_cant_be_used_is_kept_and_said_once() {
    for (name, bytes, why) in DAMAGED {
        let folder = folder();
        let path = file(folder.path());
        let earlier = folder.path().join("remembered.json.broken");
        fs::write(&earlier, "kept earlier").expect("written");
        fs::write(&path, bytes).expect("written");
        let (mut store, remark) = Store::open(Some(folder.path()));
        let remark = remark.unwrap_or_default();
        let kept_as = folder.path().join("remembered.json.broken-2");
        for part in [path.to_str(), Some(why), kept_as.to_str()].into_iter().flatten() {
            assert!(remark.contains(part), "{name}: {remark}");
        }
        assert_eq!(store.remembered(), &Remembered::default(), "{name}");
        let mut now = store.remembered().clone();
        touch(&mut now.projects, "p");
        assert_eq!(store.save(now), None, "{name}");
        assert_eq!(fs::read(&kept_as).ok().as_deref(), Some(bytes), "{name}");
        assert_eq!(fs::read(&earlier).ok().as_deref(), Some(&b"kept earlier"[..]), "{name}");
        assert_eq!(kept(folder.path()).projects, ["p"], "{name}");
    }
}

#[test]
fn a_file_damaged_while_running_is_kept_and_nothing_known_is_lost() {
    for (name, bytes, why) in DAMAGED {
        let folder = folder();
        let mut one = Instance::open(folder.path());
        one.change(|now| assert!(toggle(&mut now.favourites, "first")));
        fs::write(file(folder.path()), bytes).expect("written");
        assert!(toggle(&mut one.now.favourites, "second"));
        let remark = one.store.save(one.now.clone()).unwrap_or_default();
        assert!(remark.contains(why) && remark.contains("remembered.json.broken"), "{name}: {remark}");
        assert_eq!(fs::read(folder.path().join("remembered.json.broken")).ok().as_deref(), Some(bytes));
        assert_eq!(kept(folder.path()).favourites, ["first", "second"], "{name}");
    }
}

#[test]
fn fields_of_a_newer_version_stay_and_its_file_is_copied_first() {
    let folder = folder();
    let path = file(folder.path());
    let text = json!({"version": 3, "tags": {"a": [1, 2]}, "favourites": ["x"], "pinned": null}).to_string();
    fs::write(&path, &text).expect("written");
    let (mut store, remark) = Store::open(Some(folder.path()));
    let remark = remark.unwrap_or_default();
    assert!(
        remark.contains("newer impersona (version 3") && remark.contains("remembered.json.v3"),
        "{remark}"
    );
    let mut now = store.remembered().clone();
    assert!(toggle(&mut now.favourites, "y"));
    assert_eq!(store.save(now), None);
    let found: Value = serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
    assert_eq!(
        (&found["version"], &found["tags"], &found["favourites"]),
        (&json!(3), &json!({"a": [1, 2]}), &json!(["x", "y"]))
    );
    assert!(found.get("pinned").is_some());
    assert_eq!(fs::read_to_string(folder.path().join("remembered.json.v3")).ok(), Some(text));
    assert_eq!(Store::open(Some(folder.path())).1, None, "said once");
}

#[test]
fn unknown_fields_that_arrive_while_running_stay() {
    let folder = folder();
    let mut one = Instance::open(folder.path());
    fs::write(file(folder.path()), "\u{feff}{\"colour\": \"blue\", \"projects\": [\"theirs\"]}\r\n")
        .expect("written");
    one.change(|now| touch(&mut now.projects, "mine"));
    let found: Value = serde_json::from_slice(&fs::read(file(folder.path())).expect("there")).expect("JSON");
    assert_eq!((&found["colour"], &found["projects"]), (&json!("blue"), &json!(["mine", "theirs"])));
}

#[test]
fn where_nothing_can_be_kept_that_is_said_once() {
    let folder = folder();
    let blocked = folder.path().join("a file");
    fs::write(&blocked, "").expect("written");
    for (place, part) in [(None, "There is no state folder"), (Some(blocked.as_path()), "Couldn't write")] {
        let (mut store, remark) = Store::open(place);
        assert_eq!(remark, None);
        let said: Vec<String> = ["a", "b", "c"]
            .iter()
            .filter_map(|name| {
                let mut now = store.remembered().clone();
                touch(&mut now.projects, name);
                store.save(now)
            })
            .collect();
        let [said] = said.as_slice() else { panic!("said once: {said:?}") };
        assert!(said.contains(part) && said.contains("last until you quit"), "{said}");
    }
}

#[test]
fn what_could_not_be_written_is_written_when_it_can_be() {
    let folder = folder();
    let state = folder.path().join("state");
    fs::write(&state, "").expect("in the way");
    let (mut store, _) = Store::open(None);
    store.path = Some(file(&state));
    let mut now = Remembered::default();
    assert!(toggle(&mut now.favourites, "one"));
    assert!(store.save(now.clone()).is_some());
    fs::remove_file(&state).expect("out of the way");
    assert!(toggle(&mut now.favourites, "two"));
    assert_eq!(store.save(now), None);
    assert_eq!(kept(&state).favourites, ["one", "two"]);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let (folder, elsewhere) = (folder(), folder());
    let target = elsewhere.path().join("mine.json");
    fs::write(&target, "{\"favourites\": [\"a\"]}").expect("written");
    let link = folder.path().join("remembered.json");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    let mut one = Instance::open(folder.path());
    one.change(|now| assert!(toggle(&mut now.favourites, "b")));
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert!(fs::read_to_string(&target).expect("there").contains("\"b\""));
}

/// A change that a person makes.
#[derive(Clone, Debug)]
enum Change {
    Toggle(u8),
    Touch(u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![(0..8u8).prop_map(Change::Toggle), (0..30u8).prop_map(Change::Touch)];
    prop::collection::vec(change, 0..40)
}

fn make(now: &mut Remembered, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Toggle(name) => {
                toggle(&mut now.favourites, &name.to_string());
            }
            Change::Touch(name) => touch(&mut now.projects, &name.to_string()),
        }
    }
}

proptest! {
    #[test]
    fn alone_an_instance_writes_what_it_has(first in changes(), then in changes()) {
        let mut before = Remembered::default();
        make(&mut before, &first);
        let (mut after, mut file) = (before.clone(), before.clone());
        make(&mut after, &then);
        file.apply(&before, &after);
        let (mut wanted, mut found) = (after.favourites.clone(), file.favourites.clone());
        wanted.sort();
        found.sort();
        prop_assert_eq!(wanted, found);
        prop_assert_eq!(file.projects, after.projects);
    }

    #[test]
    fn of_two_instances_every_change_counts(first in changes(), mine in changes(), theirs in changes()) {
        let mut before = Remembered::default();
        make(&mut before, &first);
        let (mut a, mut b) = (before.clone(), before.clone());
        make(&mut a, &mine);
        make(&mut b, &theirs);
        let mut file = before.clone();
        file.apply(&before, &a);
        file.apply(&before, &b);
        for name in (0..8).map(|name: u8| name.to_string()) {
            let (was, in_a, in_b) = (before.favourites.contains(&name), a.favourites.contains(&name), b.favourites.contains(&name));
            let wanted = if was { in_a && in_b } else { in_a || in_b };
            prop_assert_eq!(file.favourites.iter().filter(|other| **other == name).count(), usize::from(wanted));
        }
        let used = if b.projects == before.projects { &a } else { &b };
        prop_assert_eq!(file.projects.first(), used.projects.first());
        prop_assert!(file.projects.len() <= RECENT);
    }
}
