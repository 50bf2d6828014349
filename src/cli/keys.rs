//! `impersona keys`: the table of keys, as the configuration rebinds it.

use super::output;
use crate::keymap::docs;
use crate::local::env::Env;
use crate::session::Failure;
use crate::session::args::Global;
use crate::session::setup;

pub(super) fn run(global: &Global, env: &Env) -> Result<(), Failure> {
    let config = setup::config(global, env)?;
    output::line(&if global.json { docs::json(&config.keymap) } else { docs::text(&config.keymap) })
}
