//! `impersona info`: which version this is, and where it looks and what it keeps on this machine. Asks nobody.

use serde_json::json;

use super::output::{self, columns};
use crate::local::env::Env;
use crate::session::args::Global;
use crate::session::setup::Setup;
use crate::session::{Failure, logging};

pub(super) fn run(setup: &Setup, global: &Global, env: &Env) -> Result<(), Failure> {
    let shown = |path: std::path::PathBuf| path.display().to_string();
    let configuration = global.config.clone().or_else(|| env.config_file()).map(shown);
    let state = env.state_dir().filter(|_| !global.demo);
    let log = state.as_deref().map(logging::file).map(shown);
    let state = state.map(shown);
    let theme: &str = setup.config.theme.into();
    let caller = setup.caller.as_ref().ok();
    let version = env!("CARGO_PKG_VERSION");
    if global.json {
        return output::line(&output::to_json(&json!({
            "version": version,
            "configuration": configuration,
            "state": state,
            "log": log,
            "theme": theme,
            "caller": caller.and_then(|caller| caller.principal.as_ref()),
            "source": caller.map(|caller| &caller.source),
        })));
    }
    let nowhere = || "none".to_owned();
    let caller = match &setup.caller {
        Ok(caller) => {
            let principal = caller.principal.as_deref().unwrap_or("not identified yet");
            format!("{principal} ({})", caller.source)
        }
        Err(error) => error.sentence(),
    };
    for (name, value) in [
        ("version", version.to_owned()),
        ("configuration", configuration.unwrap_or_else(nowhere)),
        ("state", state.unwrap_or_else(nowhere)),
        ("log", log.unwrap_or_else(nowhere)),
        ("theme", theme.to_owned()),
        ("caller", caller),
    ] {
        output::line(&columns(&[(name, 13), (&value, 0)]))?;
    }
    Ok(())
}
