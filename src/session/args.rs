//! The arguments that hold for all that impersona does, and those that open the explorer.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use crate::keymap::PaneId;
use crate::model::{account::AccountRef, lifetime};

/// Flags valid before and after every subcommand.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Project to use
    #[arg(long = "project", global = true, value_name = "PROJECT")]
    pub(crate) projects: Vec<String>,
    /// Use the built-in example organization: nothing leaves this machine
    #[arg(long, global = true)]
    pub(crate) demo: bool,
    /// Number of accounts in the example organization
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) demo_accounts: Option<u32>,
    /// Refuse every call that changes something at Google; minting is still allowed
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// Credentials file to use; - reads an access token from stdin
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// Project to charge for API calls
    #[arg(long, global = true, value_name = "PROJECT")]
    pub(crate) quota_project: Option<String>,
    /// Don't charge a quota project, even if one is configured
    #[arg(long, global = true, conflicts_with = "quota_project")]
    pub(crate) no_quota_project: bool,
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Disable colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Timeout per request, such as 30s
    #[arg(long, global = true, value_name = "TIME", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// Log requests to stderr
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Global {
    /// The project that was named, where only one can be.
    pub(crate) fn project(&self) -> Option<&str> {
        self.projects.first().map(String::as_str)
    }
}

/// How to open the explorer.
#[derive(Clone, Debug, Default)]
pub struct TuiArgs {
    /// Flags that hold everywhere.
    pub(crate) global: Global,
    /// The account to open, checked.
    pub(crate) account: Option<AccountRef>,
    /// The pane to open it in.
    pub(crate) pane: Option<PaneId>,
}

fn timeout(text: &str) -> Result<Duration, String> {
    lifetime::parse(text)
        .map(|seconds| Duration::from_secs(seconds.into()))
        .map_err(|_| "use 1s to 12h, for example 30s or 2m".to_owned())
}
