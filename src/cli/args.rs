//! The arguments of `impersona` and their help. Values are checked by the domain, not here, and
//! no credential can be passed at all, because other users of the machine can read arguments.

pub(crate) mod running;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::model::permission::{MATRIX, Permission};
use crate::model::policy::guard;
use crate::{keymap::PaneId, session::args::Global};

/// See who can impersonate a Google Cloud service account, mint short-lived credentials, and understand them.
///
/// Without a subcommand, opens the terminal explorer, at ACCOUNT if given.
#[derive(Clone, Debug, Parser)]
#[command(name = "impersona", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Open the explorer at this account: email, name@project or unique ID
    pub(crate) account: Option<String>,
    /// Open the explorer at this pane
    #[arg(long)]
    pub(crate) pane: Option<PaneId>,
    /// Global flags.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to run instead of the explorer.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 1 other error or cancelled, 2 usage or configuration error, 3 missing or invalid credentials, \
    4 permission denied, 5 not found, 6 conflict, 7 network, timeout, quota or server error, 8 invalid input";

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Show who you are and where your credentials come from
    Whoami,
    /// List the service accounts of a project
    Accounts,
    /// Show what you can do with an account, or with every account of a project
    Can(Can),
    /// Mint a credential and print nothing else on stdout
    #[command(subcommand)]
    Token(Token),
    /// Sign a Cloud Storage URL that works without a login until it expires
    SignUrl(SignUrl),
    /// Show who can do what with an account, and change it without losing anything
    #[command(subcommand)]
    Policy(Policy),
    /// Decode and check a token from a file or stdin (never from the command line)
    Decode(Decode),
    /// Explain a denial: an error that you paste, or your last one
    Doctor {
        /// A response body, or what gcloud or a library printed; - for stdin; defaults to your last failure
        file: Option<PathBuf>,
    },
    /// Run a local emulator of Google's services, for tests
    Emulator {
        /// Port on 127.0.0.1; a free one if left out
        #[arg(long, default_value_t = 0, value_name = "N")]
        port: u16,
        /// World to serve, as JSON; the example organization if left out
        #[arg(long, value_name = "FILE")]
        world: Option<PathBuf>,
        /// Also serve /_emulator/, to inject faults and move the clock
        #[arg(long)]
        control: bool,
        /// Also act as an HTTPS proxy for Google's hosts, so that clients need no endpoint settings
        #[arg(long)]
        proxy: bool,
    },
    /// Run a command that finds the account's credentials wherever Google's libraries look
    Exec(running::Exec),
    /// Serve the account's credentials as a metadata server, until ctrl-c
    Serve(running::Serve),
    /// Print an access token as lines for a shell to evaluate
    Env(running::EnvLines),
    /// Answer another program's question for credentials
    #[command(subcommand)]
    Credential(running::Helper),
    /// Print the key bindings
    Keys,
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete in
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or that of a subcommand
    Man {
        /// Subcommand, such as: token access
        #[arg(value_name = "SUBCOMMAND")]
        words: Vec<String>,
    },
    /// Show the version, and where configuration and state are kept
    Info,
}

/// Whose permissions, and which.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Can {
    /// Email, name@project or unique ID
    #[arg(required_unless_present = "all")]
    pub(crate) account: Option<String>,
    /// Exit with 4 unless you have all of these permissions; comma-separated
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',', value_parser = permissions())]
    pub(crate) check: Vec<Permission>,
    /// Test every account of the project, or of each --project: one audited call for each account
    #[arg(long, conflicts_with_all = ["account", "check"])]
    pub(crate) all: bool,
    /// List only the accounts where you have one of these permissions; comma-separated
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',', requires = "all", value_parser = permissions())]
    pub(crate) only: Vec<Permission>,
}

/// The words of the matrix, and the full names of its permissions.
fn permissions() -> impl TypedValueParser<Value = Permission> {
    let words = MATRIX.map(|permission| PossibleValue::new(permission.word).alias(permission.name));
    PossibleValuesParser::new(words).map(|word| {
        let named = |permission: &Permission| permission.word == word || permission.name == word;
        MATRIX.into_iter().find(named).expect("one of the words above")
    })
}

/// What to mint.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Token {
    /// An OAuth 2.0 access token, for Google's APIs
    Access {
        /// Account to mint for: email, name@project or unique ID
        account: String,
        /// OAuth scope, short or full; can be repeated [default: cloud-platform]
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
        /// Lifetime, such as 600s, 10m, 1h
        #[arg(long, default_value = "1h", value_name = "TIME")]
        lifetime: String,
        /// Delegation chain and output file.
        #[command(flatten)]
        how: How,
    },
    /// An OpenID Connect ID token, for one service
    Id {
        /// Account to mint for: email, name@project or unique ID
        account: String,
        /// Audience, usually the URL of the service without a path
        #[arg(long, value_name = "AUDIENCE")]
        audience: String,
        /// Leave out the email and email_verified claims
        #[arg(long)]
        no_email: bool,
        /// Add the google.organization_number claim
        #[arg(long)]
        organization_number: bool,
        /// Delegation chain and output file.
        #[command(flatten)]
        how: How,
    },
    /// A JWT with your own claims, signed with the account's Google-managed key
    Jwt {
        /// Account to sign as: email, name@project or unique ID
        account: String,
        /// File with the claims, a JSON object; - for stdin
        #[arg(long, value_name = "FILE")]
        claims: PathBuf,
        /// Delegation chain and output file.
        #[command(flatten)]
        how: How,
    },
    /// A signature of a file (RSA PKCS#1 v1.5 with SHA-256), in base64
    Blob {
        /// Account to sign as: email, name@project or unique ID
        account: String,
        /// File to sign; - for stdin
        file: PathBuf,
        /// Delegation chain and output file.
        #[command(flatten)]
        how: How,
    },
    /// A token for this machine's own account, from its metadata server
    Metadata {
        /// OAuth scope of an access token, short or full; can be repeated
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', conflicts_with = "audience")]
        scopes: Vec<String>,
        /// Get an ID token for this audience
        #[arg(long, value_name = "AUDIENCE")]
        audience: Option<String>,
        /// Include instance details in an ID token
        #[arg(long, requires = "audience")]
        full: bool,
        /// Attached account to use
        #[arg(long, default_value = "default", value_name = "ACCOUNT")]
        account: String,
        /// Write to a new file that only you can read, instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// What a signed URL allows.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SignUrl {
    /// Account to sign as: email or name@project; it needs access to the object itself
    pub(crate) account: String,
    /// gs://BUCKET/OBJECT
    pub(crate) object: String,
    /// HTTP method the URL allows
    #[arg(long, default_value = "GET", value_name = "METHOD")]
    pub(crate) method: String,
    /// Lifetime, up to 7d, such as 15m
    #[arg(long, default_value = "15m", value_name = "TIME")]
    pub(crate) expires: String,
    /// Header that requests must send, as 'NAME: VALUE'; can be repeated
    #[arg(long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// Query parameter, as NAME=VALUE; can be repeated
    #[arg(long = "query", value_name = "PARAMETER")]
    pub(crate) query: Vec<String>,
    /// Put the bucket into the host name
    #[arg(long)]
    pub(crate) virtual_host: bool,
    /// Delegation chain and output file.
    #[command(flatten)]
    pub(crate) how: How,
}

/// What to do with an allow policy.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Policy {
    /// Print the policy; with --json, every field as read
    Get {
        /// Email, name@project or unique ID
        account: String,
    },
    /// Grant a role to a member
    Grant(Grant),
    /// Revoke a role from a member
    Revoke(Revoke),
    /// Show what a file would change
    Diff {
        /// Email, name@project or unique ID
        account: String,
        /// A policy as JSON, as printed by `policy get --json` or gcloud's `--format=json`; - for stdin
        file: PathBuf,
    },
    /// Replace the policy with the one in a file
    Apply {
        /// Email, name@project or unique ID
        account: String,
        /// A policy as JSON, as printed by `policy get --json` or gcloud's `--format=json`; - for stdin
        file: PathBuf,
        /// Apply it to the current policy, whichever version the file is based on
        #[arg(long)]
        take_current_etag: bool,
        /// Dry run and overrides.
        #[command(flatten)]
        how: Change,
    },
    /// List the policies saved before each write
    History {
        /// Email, name@project or unique ID
        account: String,
    },
    /// Restore a saved policy
    Restore {
        /// Email, name@project or unique ID
        account: String,
        /// Saved policy to restore, as listed by `policy history`
        id: String,
        /// Dry run and overrides.
        #[command(flatten)]
        how: Change,
    },
}

/// What to grant, and for how long.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Grant {
    /// Member, role and condition.
    #[command(flatten)]
    pub(crate) binding: Binding,
    /// Expire the grant after this time, such as 15m, 1h, 72h
    #[arg(long, value_name = "TIME", conflicts_with_all = ["condition_expression", "condition_title"])]
    pub(crate) expires: Option<String>,
    /// Dry run and overrides.
    #[command(flatten)]
    pub(crate) how: Change,
}

/// What to revoke.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Revoke {
    /// Member, role and condition.
    #[command(flatten)]
    pub(crate) binding: Binding,
    /// Only for grants: answered with how to name an expiring one
    #[arg(long, value_name = "TIME", hide = true)]
    pub(crate) expires: Option<String>,
    /// Dry run and overrides.
    #[command(flatten)]
    pub(crate) how: Change,
}

/// One member, one role.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Binding {
    /// Email, name@project or unique ID
    pub(crate) account: String,
    /// Member: user:EMAIL, group:EMAIL, serviceAccount:EMAIL, principal://…
    #[arg(long)]
    pub(crate) member: String,
    /// Role: roles/NAME, projects/P/roles/NAME, organizations/N/roles/NAME
    #[arg(long)]
    pub(crate) role: String,
    /// Condition of the binding, in CEL
    #[arg(long, value_name = "CEL", requires = "condition_title")]
    pub(crate) condition_expression: Option<String>,
    /// Title of the condition
    #[arg(long, value_name = "TITLE", requires = "condition_expression")]
    pub(crate) condition_title: Option<String>,
}

/// What all changes of a policy have in common.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Change {
    /// Show what would change, without writing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Override this safety check; can be repeated
    #[arg(long = "accept", value_name = "CHECK", value_parser = PossibleValuesParser::new(guard::NAMES))]
    pub(crate) accepted: Vec<String>,
}

/// What all kinds of credentials have in common.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct How {
    /// Account to delegate through, first hop first; can be repeated
    #[arg(long = "delegate", value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) delegates: Vec<String>,
    /// Write to a new file that only you can read, instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// How to decode.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Decode {
    /// File with the token; - or nothing for stdin
    #[arg(default_value = "-", hide_default_value = true)]
    pub(crate) file: PathBuf,
    /// Audience that the service expects
    #[arg(long)]
    pub(crate) audience: Option<String>,
    /// URL that will be called
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Verify the signature with the keys in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// Don't fetch keys
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Whether an argument looks like a credential, or has one after its `=`. Such an argument is refused before
/// anything else looks at it: error messages repeat what was typed.
pub(crate) fn is_credential(argument: &str) -> bool {
    let value = if argument.starts_with('-') {
        argument.split_once('=').map_or("", |(_, value)| value)
    } else {
        argument
    };
    let value = value.trim_start();
    let bearer = value.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    bearer
        || ["eyJ", "ya29.", "1//"].iter().any(|start| value.starts_with(start))
        || (value.starts_with("AIza") && value.len() == 39)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("impersona").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn global_flags_hold_before_and_after_the_subcommand() {
        for line in
            ["--json --project p-1234 --timeout 30s whoami", "whoami --json --project p-1234 --timeout 30s"]
        {
            let args = parse(line).unwrap();
            assert!(args.global.json && matches!(args.command, Some(Command::Whoami)), "{line}");
            assert_eq!(args.global.projects, ["p-1234"]);
            assert_eq!(args.global.timeout, Some(std::time::Duration::from_secs(30)));
        }
    }

    #[test]
    fn an_account_alone_opens_the_explorer() {
        let args = parse("deployer@acme-prod --pane mint").unwrap();
        assert_eq!((args.account.as_deref(), args.pane), (Some("deployer@acme-prod"), Some(PaneId::Mint)));
        assert!(args.command.is_none());
    }

    #[test]
    fn lists_keep_their_order() {
        let args =
            parse("token access a@acme-prod --scope email --scope openid --delegate b@x --delegate c@x")
                .unwrap();
        let Some(Command::Token(Token::Access { scopes, how, .. })) = args.command else {
            panic!("an access token")
        };
        assert_eq!((scopes.join(" "), how.delegates.join(" ")), ("email openid".into(), "b@x c@x".into()));
    }

    #[test]
    fn an_audience_is_never_defaulted() {
        assert!(parse("token id a@acme-prod").is_err());
        // What is called and what it expects may differ, so both may be asked about.
        assert!(parse("decode --audience a --url b").is_ok());
    }

    #[test]
    fn what_looks_like_a_credential_is_recognized_wherever_it_stands() {
        let key = format!("AIza{}", "x".repeat(35));
        for argument in ["eyJhbGciOi", "ya29.c.x", "1//0x", "--audience=eyJx", "Bearer x", key.as_str()] {
            assert!(is_credential(argument), "{argument}");
        }
        for argument in ["token.jwt", "-", "--json", "deployer@acme-prod", "./eyJ.txt", "https://a.run.app"] {
            assert!(!is_credential(argument), "{argument}");
        }
    }
}
