//! What is kept between runs is its owner's alone, whatever the umask of the shell.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use impersona_emulator::names::EDITABLE;

use crate::support::{EmulatorProcess, Home};

/// Everything below a folder, itself included, with its mode.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(folder.display().to_string(), mode(folder))];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            found.push((path.display().to_string(), mode(&path)));
        }
    }
    found
}

#[test]
fn the_state_folder_is_private_whatever_the_umask() {
    let home = Home::new();
    let emulator = EmulatorProcess::start(&home, &[]);
    for (mask, member) in [("000", "carol"), ("002", "viewer-only"), ("077", "breakglass")] {
        let state = home.path(mask).join("deep").join("state");
        let run = |arguments: &str| {
            let script = format!("umask {mask}; exec '{}' {arguments}", env!("CARGO_BIN_EXE_impersona"));
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &script]).env_clear().envs(home.env()).envs(emulator.env());
            command.env("IMPERSONA_STATE_DIR", &state).current_dir(home.path("home"));
            command.output().unwrap()
        };
        let grant = format!(
            "policy grant {EDITABLE} --member user:{member}@example.com --role roles/iam.serviceAccountTokenCreator"
        );
        let output = run(&grant);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(run("policy get nobody@acme-prod.iam.gserviceaccount.com").status.code(), Some(5));
        let found = modes(&state);
        assert!(found.iter().any(|(name, _)| name.contains("policies")), "{found:?}");
        for (name, mode) in found {
            let wanted = if Path::new(&name).is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, wanted, "{name} under umask {mask}");
        }
        assert_eq!(modes(&home.path(mask))[0].1, 0o700);
    }
}
