//! What a command is run as an account with: no token is in any argument, variable or file, of it or of us.

use super::{Traces, assert_in_no_file, assert_in_no_process};
use crate::{
    support::{EmulatorProcess, Home},
    using::Used,
};
use impersona_emulator::names::DEPLOYER;

#[test]
fn tokens_of_a_running_command_are_in_no_argument_variable_or_file() {
    let (home, elsewhere) = (Home::new(), Home::new());
    let emulator = EmulatorProcess::start(&elsewhere, &[]);
    let used = Used::start(&home, &emulator, &[DEPLOYER, "-v"], &[]);
    let account = "/computeMetadata/v1/instance/service-accounts/default";
    let mut traces = Traces::of("access token", &used.token(&format!("{account}/token")));
    let (_, id) = used.get(&format!("{account}/identity?audience=https://svc.run.app"));
    traces.add("ID token", &id);
    assert_in_no_file(&traces, &[&home]);
    assert_in_no_process(&traces, used.child.id());
    // The server behind it and everything else that runs here.
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            assert_in_no_process(&traces, pid);
        }
    }
    let (_, said) = used.finish();
    assert!(said.contains("served an access token"), "{said}");
    super::assert_absent(&traces, said.as_bytes(), "stderr");
    assert_in_no_file(&traces, &[&home]);
}
