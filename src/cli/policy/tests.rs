//! `impersona policy` from arguments to exit code against an emulator: what it does there, and what it leaves in the
//! state folder.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cli::{Invocation, start};
use crate::local::env::Env;
use impersona_emulator::names::{ADMIN, CAROL, CREATOR, EDITABLE, SET_POLICY};
use impersona_emulator::{Binding, Delivery, Emulator, Fault, Options, Outcome, Policy, World};

/// An emulator that runs beside the subcommands, and a state folder.
struct Desk {
    runtime: Runtime,
    emulator: Emulator,
    folder: TempDir,
}

impl Desk {
    fn new() -> Desk {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { port: 0, world: World::demo() };
        let emulator = runtime.block_on(Emulator::start(options)).unwrap();
        Desk { runtime, emulator, folder: tempfile::tempdir().unwrap() }
    }

    /// Runs `impersona policy …`; gives the exit code.
    fn policy(&self, line: &[&str]) -> u8 {
        let mut env = self.emulator.env();
        env.push(("IMPERSONA_STATE_DIR".into(), self.folder.path().to_str().unwrap().into()));
        let words = ["impersona", "policy"].iter().chain(line).map(OsString::from);
        match start(words, &Env::from_vars(env)) {
            Invocation::Done(code) => code,
            Invocation::Tui(_) => panic!("{line:?} opens the explorer"),
        }
    }

    fn grant(&self, member: &str, more: &[&str]) -> u8 {
        let line = ["grant", EDITABLE, "--member", member, "--role", CREATOR];
        self.policy(&[&line, more].concat())
    }

    fn revoke(&self, member: &str, role: &str, more: &[&str]) -> u8 {
        self.policy(&[&["revoke", EDITABLE, "--member", member, "--role", role], more].concat())
    }

    fn stored(&self) -> Policy {
        self.runtime.block_on(self.emulator.handle().policy_of(EDITABLE)).unwrap()
    }

    fn bindings(&self) -> Vec<Binding> {
        self.stored().bindings
    }

    fn writes(&self) -> usize {
        let log = self.runtime.block_on(self.emulator.handle().request_log());
        log.iter().filter(|served| served.method == SET_POLICY).count()
    }

    fn fault(&self, fault: Fault) {
        let fault = fault.method(SET_POLICY);
        self.runtime.block_on(self.emulator.handle().add_fault(fault));
    }

    /// The ids of the saved policies, the oldest first.
    fn saved(&self) -> Vec<String> {
        let mut ids: Vec<String> = files(self.folder.path().join("policies"))
            .iter()
            .filter_map(|path| Some(path.file_stem()?.to_str()?.rsplit(',').next()?.to_owned()))
            .collect();
        ids.sort();
        ids
    }

    /// The stored policy as a file, changed.
    fn file(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut policy = serde_json::to_value(self.stored()).unwrap();
        policy["version"] = json!(3);
        change(&mut policy);
        let path = self.folder.path().join("policy.json");
        fs::write(&path, policy.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { files(entry.path()) } else { vec![entry.path()] })
        .collect()
}

#[test]
fn reading_writes_nothing() {
    let desk = Desk::new();
    let file = desk.file(|_| {});
    for line in [
        &["get", EDITABLE][..],
        &["get", EDITABLE, "--json"],
        &["diff", EDITABLE, &file],
        &["history", EDITABLE],
    ] {
        assert_eq!(desk.policy(line), 0, "{line:?}");
    }
    assert_eq!(desk.policy(&["get", "nobody@acme-prod"]), 5);
    assert_eq!((desk.writes(), desk.saved().len()), (0, 0));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let desk = Desk::new();
    for line in [
        &["grant", "nobody", "--member", CAROL, "--role", CREATOR][..],
        &["grant", EDITABLE, "--member", "carol", "--role", CREATOR],
        &["grant", EDITABLE, "--member", CAROL, "--role", "TokenCreator"],
        &["grant", EDITABLE, "--member", CAROL, "--role", CREATOR, "--expires", "soon"],
        &["revoke", EDITABLE, "--member", CAROL, "--role", CREATOR, "--expires", "1h"],
        &["apply", EDITABLE, "/no/such/file"],
    ] {
        assert_eq!(desk.policy(line), 8, "{line:?}");
    }
    assert_eq!(desk.grant(CAROL, &["--condition-title", "t"]), 2);
    assert_eq!(
        desk.grant(CAROL, &["--expires", "1h", "--condition-title", "t", "--condition-expression", "true"]),
        2
    );
    assert!(desk.runtime.block_on(desk.emulator.handle().request_log()).is_empty());
}

#[test]
fn a_grant_and_its_revocation_leave_no_trace_but_two_snapshots() {
    let desk = Desk::new();
    let before = desk.bindings();
    assert_eq!(desk.grant(CAROL, &[]), 0);
    assert!(desk.bindings().iter().any(|binding| binding.members.contains(&CAROL.to_owned())));
    assert_eq!(desk.revoke("user:Carol@Example.com", CREATOR, &[]), 0);
    assert_eq!(desk.bindings(), before);
    assert_eq!((desk.writes(), desk.saved().len()), (2, 2));
}

#[test]
fn what_is_so_already_is_not_written() {
    let desk = Desk::new();
    assert_eq!(desk.grant("user:ann.example@example.com", &[]), 0);
    assert_eq!(desk.revoke(CAROL, CREATOR, &["--json"]), 0);
    assert_eq!(desk.writes(), 0);
}

#[test]
fn a_grant_may_end_by_itself_or_hold_under_a_condition() {
    let desk = Desk::new();
    assert_eq!(desk.grant(CAROL, &["--expires", "72h", "--json"]), 0);
    let conditions = |desk: &Desk| -> Vec<String> {
        let of_carol = desk.bindings().into_iter().filter(|b| b.members.contains(&CAROL.to_owned()));
        of_carol.filter_map(|binding| Some(binding.condition?.expression)).collect()
    };
    assert!(conditions(&desk)[0].starts_with("request.time < timestamp("), "{:?}", conditions(&desk));
    let typed = r#"request.time < timestamp("2098-01-01T00:00:00Z")"#;
    let condition = ["--condition-title", "mine", "--condition-expression", typed];
    assert_eq!(desk.grant(CAROL, &condition), 0);
    assert_eq!(conditions(&desk).len(), 2);
    assert_eq!(desk.revoke(CAROL, CREATOR, &[]), 8, "it is not said which of the two");
    assert_eq!(desk.revoke(CAROL, CREATOR, &condition), 0);
    assert_eq!(conditions(&desk).len(), 1);
    assert_eq!(desk.grant(CAROL, &["--condition-title", "x", "--condition-expression", "request.time <"]), 8);
}

#[test]
fn a_grant_ends_by_the_clock_that_judges_it() {
    for (offset, hours) in [(-86_400, -23), (86_400, 25)] {
        let desk = Desk::new();
        let elsewhen = Fault::on("*").date_offset_seconds(offset);
        desk.runtime.block_on(desk.emulator.handle().add_fault(elsewhen));
        assert_eq!(desk.grant(CAROL, &["--expires", "1h"]), 0);
        let of_carol = desk.bindings().into_iter().find(|b| b.members.contains(&CAROL.to_owned())).unwrap();
        let expression = of_carol.condition.unwrap().expression;
        let end: jiff::Timestamp = expression.split('"').nth(1).unwrap().parse().unwrap();
        let left = end.as_second() - crate::cli::now().as_second();
        assert!((left - hours * 3_600).abs() < 120, "{offset}: {expression}");
    }
}

#[test]
fn a_dry_run_and_read_only_write_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.grant(CAROL, &["--dry-run"]), 0);
    assert_eq!(desk.grant("allUsers", &["--dry-run", "--json"]), 0, "guards are told and stop nothing");
    assert_eq!(desk.grant(CAROL, &["--read-only"]), 8);
    assert_eq!(desk.writes(), 0);
}

#[test]
fn a_guard_stops_the_write_until_it_is_accepted() {
    let desk = Desk::new();
    assert_eq!(desk.grant("allUsers", &["--json"]), 8);
    assert_eq!(desk.grant("allUsers", &["--accept", "own-access"]), 8);
    assert_eq!((desk.writes(), desk.saved().len()), (0, 0));
    assert_eq!(desk.grant("allUsers", &["--accept", "all-users"]), 0);
    assert_eq!(desk.writes(), 1);

    assert_eq!(desk.revoke("user:dev@example.com", ADMIN, &[]), 8);
    assert_eq!(desk.writes(), 1);
    let accepted = ["own-access", "last-admin", "lock-out"].map(|guard| ["--accept", guard]).concat();
    assert_eq!(desk.revoke("user:dev@example.com", ADMIN, &accepted), 0);
    assert_eq!(desk.policy(&["get", EDITABLE]), 0, "the project's viewers still see it");
    assert_eq!(desk.grant(CAROL, &[]), 4);
}

#[test]
fn endings_have_their_exit_codes() {
    for (fault, code) in [
        (Fault::default().outcome(Outcome::EtagConflict), 6),
        (Fault::default().outcome(Outcome::EtagConflict).times(2), 0),
        (Fault::default().delivery(Delivery::ResetBefore), 7),
        (Fault::default().delivery(Delivery::ResetAfter), 0),
        (Fault::default().error("PERMISSION_DENIED"), 4),
        (Fault::default().error("RATE_LIMIT_EXCEEDED"), 7),
    ] {
        let desk = Desk::new();
        desk.fault(fault.clone());
        assert_eq!(desk.grant(CAROL, &[]), code, "{fault:?}");
    }
}

#[test]
fn a_file_is_applied_under_the_etag_it_was_read_with() {
    let desk = Desk::new();
    let add = |policy: &mut Value| {
        policy["bindings"]
            .as_array_mut()
            .unwrap()
            .push(json!({"role": "roles/iam.serviceAccountUser", "members": [CAROL]}));
    };
    let file = desk.file(|policy| {
        add(policy);
        // As gcloud writes it.
        policy["etag"] = policy["etag"].as_str().unwrap().replace('+', "-").replace('/', "_").into();
    });
    assert_eq!(desk.policy(&["apply", EDITABLE, &file]), 0);
    assert_eq!(desk.policy(&["apply", EDITABLE, &file]), 6, "the policy has moved on");
    assert_eq!(desk.policy(&["apply", EDITABLE, &file, "--take-current-etag"]), 0, "and is so already");
    assert_eq!(desk.writes(), 1);

    let without = desk.file(|policy| {
        policy.as_object_mut().unwrap().remove("etag");
        policy["bindings"].as_array_mut().unwrap().retain(|binding| binding["members"] != json!([CAROL]));
    });
    assert_eq!(desk.policy(&["apply", EDITABLE, &without]), 8);
    assert_eq!(desk.policy(&["apply", EDITABLE, &without, "--take-current-etag", "--json"]), 0);
    assert!(!desk.bindings().iter().any(|binding| binding.members.contains(&CAROL.to_owned())));
}

#[test]
fn changed_audit_configurations_are_refused_and_never_ignored() {
    let desk = Desk::new();
    let file = desk.file(|policy| policy["auditConfigs"] = json!([{"service": "allServices"}]));
    assert_eq!(desk.policy(&["apply", EDITABLE, &file]), 8);
    assert_eq!(desk.policy(&["diff", EDITABLE, &file]), 0);
    assert_eq!(desk.writes(), 0);
}

#[test]
fn a_saved_policy_is_put_back_under_todays_etag() {
    let desk = Desk::new();
    let before = desk.bindings();
    desk.grant(CAROL, &[]);
    desk.grant("user:alice@example.com", &["--expires", "1h"]);
    let first = desk.saved().remove(0);
    assert_eq!(desk.policy(&["restore", EDITABLE, &first, "--dry-run"]), 0);
    assert_ne!(desk.bindings(), before);
    assert_eq!(desk.policy(&["restore", EDITABLE, &first]), 0);
    assert_eq!(desk.bindings(), before);
    assert_eq!(desk.saved().len(), 3, "what was there before restoring is saved as well");
    assert_eq!(desk.policy(&["restore", EDITABLE, "20200101-000000-000000"]), 8);
    assert_eq!(desk.policy(&["restore", "deployer@acme-prod", &first]), 8, "it is another account's");
    assert_eq!(desk.policy(&["history", EDITABLE, "--json"]), 0);
}

#[test]
fn every_guard_on_a_grant_is_accepted_by_its_own_name_only() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "production_projects = [\"acme-prod\"]\n").unwrap();
    let config = config.display().to_string();
    let production = ["--config", config.as_str()];
    let user = "roles/iam.serviceAccountUser";
    for (member, role, guard, more) in [
        ("allAuthenticatedUsers", user, "all-authenticated-users", &[][..]),
        ("domain:example.com", user, "whole-domain", &[]),
        (CAROL, "roles/viewer", "basic-role", &[]),
        (CAROL, user, "production", &production),
    ] {
        let desk = Desk::new();
        let grant = ["grant", EDITABLE, "--member", member, "--role", role];
        assert_eq!(desk.policy(&[&grant[..], more].concat()), 8, "{guard}");
        assert_eq!(desk.policy(&[&grant[..], more, &["--accept", "last-admin"]].concat()), 8, "{guard}");
        assert_eq!(desk.writes(), 0);
        assert_eq!(desk.policy(&[&grant[..], more, &["--accept", guard]].concat()), 0, "{guard}");
    }
}
