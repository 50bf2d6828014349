//! The arguments of what runs or serves others as an account.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// As whom, and how.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct As {
    /// Account to impersonate: email, name@project or unique ID
    pub(crate) account: String,
    /// OAuth scope of access tokens, short or full; can be repeated [default: what the program requests]
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// Account to delegate through, first hop first; can be repeated
    #[arg(long = "delegate", value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) delegates: Vec<String>,
    /// Lifetime of each access token, such as 600s, 10m, 1h
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub(crate) lifetime: String,
}

/// A command to run.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Exec {
    /// As whom.
    #[command(flatten)]
    pub(crate) who: As,
    /// The command and its arguments, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// A server without a command.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Serve {
    /// As whom.
    #[command(flatten)]
    pub(crate) who: As,
    /// Port on 127.0.0.1; a free one if left out
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) port: u16,
}

/// Variables for a shell.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct EnvLines {
    /// As whom.
    #[command(flatten)]
    pub(crate) who: As,
    /// Shell that reads the lines
    #[arg(long, default_value = "posix", value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// The shells that variables can be printed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// sh, bash, zsh and others
    Posix,
    Fish,
    Powershell,
    /// cmd.exe
    Cmd,
}

/// Other programs' protocols for credentials.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Helper {
    /// Answer kubectl with an access token (an exec plugin in kubeconfig)
    Kubectl {
        /// As whom.
        #[command(flatten)]
        who: As,
    },
    /// Answer docker with an access token for Artifact Registry (a credential helper)
    Docker {
        /// As whom.
        #[command(flatten)]
        who: As,
        /// What docker asks for
        action: DockerAction,
    },
    /// Serve a credentials file that calls this command, for as long as it runs
    ExternalAccount {
        /// As whom.
        #[command(flatten)]
        who: As,
        /// Write to a new file that only you can read, instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// What docker asks a credential helper for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DockerAction {
    /// Print the credentials of the registry on stdin
    Get,
    /// Print the registries that have credentials
    List,
    /// Accept a login, and keep nothing
    Store,
    /// Accept a logout
    Erase,
}

#[cfg(test)]
mod tests {
    use super::super::{Args, Command};
    use super::*;
    use clap::Parser as _;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("impersona").chain(line.split_whitespace()))
    }

    #[test]
    fn command_and_its_flags_stay_as_typed() {
        let line = "exec a@acme-prod --scope email --delegate b@x,c@x -v -- terraform plan --json -v -- x";
        let args = parse(line).unwrap();
        let Some(Command::Exec(Exec { who, command })) = args.command else { panic!("exec") };
        assert_eq!(command, ["terraform", "plan", "--json", "-v", "--", "x"]);
        assert_eq!((who.scopes.join(" "), who.delegates.join(" ")), ("email".into(), "b@x c@x".into()));
        assert!(args.global.verbose && !args.global.json);
    }

    #[test]
    fn command_is_required_and_comes_after_two_hyphens() {
        assert!(parse("exec a@acme-prod").is_err());
        assert!(parse("exec a@acme-prod --").is_err());
        assert!(parse("exec a@acme-prod terraform plan").is_err());
    }

    #[test]
    fn docker_adds_its_action_at_the_end() {
        let args = parse("credential docker a@acme-prod --lifetime 10m get").unwrap();
        let Some(Command::Credential(Helper::Docker { who, action })) = args.command else {
            panic!("docker")
        };
        assert_eq!((who.lifetime.as_str(), action), ("10m", DockerAction::Get));
    }
}
