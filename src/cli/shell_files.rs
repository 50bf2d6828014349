//! `impersona completions` and `impersona man`: what shells and `man` read, made from the arguments themselves.

use clap::CommandFactory as _;

use super::args::Args;
use super::output;
use crate::model::nearest::{did_you_mean, nearest};
use crate::session::Failure;

/// The script that makes this shell complete subcommands, options and their fixed values.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "impersona", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())
}

/// The page of the program, or of the subcommand that these words name.
pub(super) fn man(words: &[String]) -> Result<(), Failure> {
    let mut root = Args::command();
    root.build();
    let mut command = &root;
    for word in words {
        command = command.find_subcommand(word).ok_or_else(|| {
            let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
            let known = command.get_subcommands().map(clap::Command::get_name);
            Failure::usage(format!(
                "{name} has no subcommand “{word}”.{}",
                did_you_mean(nearest(word, known))
            ))
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Failure::io("making the manual page", &error))?;
    output::line(String::from_utf8_lossy(&page).trim_end())
}
