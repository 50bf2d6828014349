//! `impersona keys`: the table of keys, as the configuration rebinds it.

use super::args::Global;
use super::output::{self, Failure};
use super::setup;
use crate::env::Env;
use crate::keymap::docs;

pub(super) fn run(global: &Global, env: &Env) -> Result<(), Failure> {
    let config = setup::config(global, env)?;
    output::line(&if global.json { docs::json(&config.keymap) } else { docs::text(&config.keymap) })
}
