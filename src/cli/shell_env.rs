//! `impersona env`: an access token as lines that a shell evaluates, for what knows no metadata server and renews
//! nothing.

use super::args::running::{EnvLines, Shell};
use super::output::{self, filled};
use super::running::{access_token, impersonation};
use crate::model::{account, lifetime, shell};
use crate::session::Failure;
use crate::session::args::Global;
use crate::session::setup::Setup;

/// gcloud and its companions, and Terraform's provider.
const TOKENS: [&str; 2] = ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"];
const PROJECTS: [&str; 2] = ["CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT"];

/// Mints one and prints the lines.
///
/// # Errors
/// Those of minting.
pub(super) async fn run(wanted: &EnvLines, setup: &Setup, global: &Global) -> Result<(), Failure> {
    let whose = impersonation(&wanted.who)?;
    let credential = access_token(setup, whose, &[]).await?;
    let account = credential.account();
    let of_account = || account::project_of(account).map(|project| project.to_string());
    let project = global.project().map(str::to_owned).or_else(of_account);
    let projects = project.iter().flat_map(|project| PROJECTS.map(|name| (name, project.as_str())));
    let mut lines: Vec<String> =
        projects.map(|(name, value)| assignment(wanted.shell, name, &quoted(wanted.shell, value))).collect();
    for name in TOKENS {
        lines.push(
            filled(&assignment(wanted.shell, name, &quoted(wanted.shell, "{}")), &credential.secret)
                .to_string(),
        );
    }
    let ends = match credential.remaining(super::now()).zip(credential.expires) {
        Some((left, end)) => format!("expires {}, in {}", output::time(end), lifetime::words(left)),
        None => "expiry unknown".to_owned(),
    };
    // Last, so that the lines also work joined to one.
    lines.push(comment(wanted.shell, &format!("access token of {account}: {ends}, and isn't renewed")));
    lines.iter().try_for_each(|line| output::line(line))
}

/// A value as one word. Projects and tokens have no character that a shell interprets within these quotes: the answers
/// they come from were checked.
fn quoted(shell: Shell, value: &str) -> String {
    match shell {
        Shell::Posix if value != "{}" => shell::quote(value),
        Shell::Posix | Shell::Fish | Shell::Powershell => format!("'{value}'"),
        Shell::Cmd => value.to_owned(),
    }
}

fn assignment(shell: Shell, name: &str, word: &str) -> String {
    match shell {
        Shell::Posix => format!("export {name}={word}"),
        Shell::Fish => format!("set -gx {name} {word}"),
        Shell::Powershell => format!("$env:{name} = {word}"),
        // The quotes are not part of the value.
        Shell::Cmd => format!("set \"{name}={word}\""),
    }
}

fn comment(shell: Shell, text: &str) -> String {
    match shell {
        Shell::Cmd => format!("rem {text}"),
        _ => format!("# {text}"),
    }
}
