//! Whether a credentials file may send its secrets where it says. Google's hosts, the universe's and this machine are
//! trusted; anything else is shown and confirmed by a person, once per file version.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Credentials, Source, credentials::Facts, external::Subject};
use crate::{
    http::{
        endpoints::{GOOGLE, is_loopback, takes_credentials},
        transport::is_near,
    },
    local::{env::Env, files},
    model::shell::{UNQUOTABLE, quote},
};

/// What has to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustPrompt {
    /// Where the file is.
    pub(crate) origin: String,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) reasons: Vec<Reason>,
    /// Why earlier confirmations do not count, as a sentence; nearly always none.
    pub(crate) remark: Option<String>,
}

/// What a file wants that has to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// To send secrets to these addresses, as the file has them.
    Addresses(Vec<String>),
    /// To be of this universe, so that every call and its token go there.
    Universe(String),
    /// To send secrets to Google or others and to any program that listens on this machine: what one of them gave, the
    /// other gets.
    Mixed {
        /// An address of this machine.
        here: String,
        there: String,
    },
    /// To prove to any program that listens on this machine who its user is.
    Local {
        /// What would be sent.
        what: String,
        /// The address of this machine.
        to: String,
    },
}

impl Reason {
    fn clause(&self) -> String {
        match self {
            Reason::Addresses(addresses) => {
                format!("sends secrets to hosts that are not Google's: {}", addresses.join(", "))
            }
            Reason::Universe(universe) => format!(
                "sends every call, with its access token, to the universe {universe}, which is not Google's"
            ),
            Reason::Mixed { here, there } => {
                format!("sends secrets to a program on this machine, {here}, as well as to {there}")
            }
            Reason::Local { what, to } => format!("sends {what} to a program on this machine: {to}"),
        }
    }
}

impl TrustPrompt {
    /// The question to a person.
    pub(crate) fn question(&self) -> String {
        let remark = self.remark.as_ref().map(|remark| format!(" {remark}")).unwrap_or_default();
        let origin = &self.origin;
        format!("The credentials file {origin} {}.{remark} Trust this file as it is now?", self.clauses())
    }

    /// The refusal where nobody can be asked.
    pub(crate) fn refusal(&self) -> String {
        let remark = self.remark.as_ref().map(|remark| format!(" {remark}")).unwrap_or_default();
        let origin = &self.origin;
        format!("The credentials file {origin} needs confirmation: it {}.{remark}", self.clauses())
    }

    /// What it does, as clauses of one sentence.
    fn clauses(&self) -> String {
        self.reasons.iter().map(Reason::clause).collect::<Vec<_>>().join("; it ")
    }
}

/// What has to be confirmed before these credentials are used; `None` if nothing leaves Google, the universe that the
/// environment names, and this machine. The file's universe doesn't make it trustworthy: its author wrote that as well
/// as the addresses, and all later calls go there.
pub(crate) fn doubt(source: &Source, env: &Env) -> Option<TrustPrompt> {
    let named = env.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN");
    let universe = named.unwrap_or(GOOGLE);
    let hash = source.hash.clone()?;
    let Facts { to, from, .. } = source.credentials.of_type().facts();
    let here = to.iter().find(|url| is_here(url));
    let there = to.iter().find(|url| !is_here(url));
    let mixed_up = here.zip(there).map(|(here, there)| ((*here).to_owned(), (*there).to_owned()));
    let foreign = to.into_iter().filter(|url| !is_trusted(url, universe));
    // What the machine's own metadata say, it says to every program here.
    let foreign =
        foreign.chain(from.into_iter().filter(|url| !is_trusted(url, universe) && !is_of_machine(url)));
    let addresses: Vec<String> = foreign.map(str::to_owned).collect();
    let mut reasons = Vec::new();
    if !addresses.is_empty() {
        reasons.push(Reason::Addresses(addresses));
    }
    // An emulator stands for all of them, Google for all of them: a file of both sends tokens from one to the other.
    if let Some((here, there)) = mixed_up {
        reasons.push(Reason::Mixed { here, there });
    }
    // If the environment names another universe than the file, confirming doesn't help: the endpoints reject it.
    if let Some(own) = source.universe.as_deref().filter(|own| named.is_none() && *own != GOOGLE) {
        reasons.push(Reason::Universe(own.to_owned()));
    }
    // Any user of this machine may listen there, and is to learn nothing that only its own user has.
    if let Some((proof, to)) = source.credentials.proof().filter(|(_, to)| is_here(to)) {
        let what = match proof {
            Proof::File(path) => (source.stray || is_among_others(source, env))
                .then(|| format!("what is in {}", path.display())),
            Proof::KeysOfEnvironment => Some("a request signed with the environment's AWS keys".to_owned()),
        };
        reasons.extend(what.map(|what| Reason::Local { what, to: to.to_owned() }));
    }
    (!reasons.is_empty()).then(|| TrustPrompt { origin: source.origin.clone(), hash, reasons, remark: None })
}

/// What only the user of this machine has, and a credentials file wants to send.
pub(super) enum Proof<'a> {
    /// What is in a file.
    File(&'a Path),
    /// A request signed with the AWS keys that the environment names.
    KeysOfEnvironment,
}

impl Credentials {
    /// What they take from this machine as a proof of who calls, and the address that it is sent to.
    pub(super) fn proof(&self) -> Option<(Proof<'_>, &str)> {
        let (subject, to) = self.of_type().facts().subject?;
        match subject {
            Subject::File { path, .. } => Some((Proof::File(path), to)),
            Subject::Aws(aws) if aws.has_keys() => Some((Proof::KeysOfEnvironment, to)),
            Subject::Aws(_) | Subject::Url { .. } | Subject::Executable(_) => None,
        }
    }
}

/// Whether a file lies in the folder of the credentials file that names it: its own, as far as anybody can tell. Links are
/// followed, for an archive can bring some along.
pub(super) fn is_beside(named: &Path, credentials: &Path) -> bool {
    let folder = |path: &Path| path.canonicalize().ok().and_then(|file| file.parent().map(Path::to_owned));
    folder(named).is_some_and(|named| folder(credentials) == Some(named))
}

/// Whether the credentials file lies among other things that its user has, so that what is beside it is not its own: in
/// the home or above it, right below it (downloads, keys of other programs), in or below a hidden folder there, and with
/// gcloud's own files. Links and relative paths are followed; what cannot be found lies anywhere.
fn is_among_others(source: &Source, env: &Env) -> bool {
    let Ok(file) = Path::new(&source.origin).canonicalize() else { return true };
    let Some(folder) = file.parent() else { return true };
    let real = |path: PathBuf| path.canonicalize().ok();
    let is_gclouds = env.gcloud_dir().and_then(real).is_some_and(|gcloud| folder.starts_with(gcloud));
    let is_homes = env.home().and_then(real).is_some_and(|home| match folder.strip_prefix(&home) {
        Ok(below) => {
            let hidden = below.to_string_lossy().starts_with('.');
            hidden || below.components().count() <= 1
        }
        Err(_) => home.starts_with(folder),
    });
    is_gclouds || is_homes
}

fn is_trusted(url: &str, universe: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.host_str().is_some_and(is_loopback) || takes_credentials(&url, universe))
}

/// Whether an address is of this machine.
fn is_here(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_loopback))
}

fn is_of_machine(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_near))
}

/// Whether this file was confirmed before.
///
/// # Errors
/// One sentence: why what was confirmed before does not count. Others may have written it.
pub(crate) fn is_confirmed(folder: Option<&Path>, doubt: &TrustPrompt) -> Result<bool, String> {
    let Some(path) = folder.map(|folder| folder.join(FILE)).filter(|path| path.is_file()) else {
        return Ok(false);
    };
    match files::written_by_others(&path) {
        Err(error) => return Err(format!("{} is ignored: {error}.", path.display())),
        Ok(Some(why)) => return Err(format!("{} is ignored because {why}.", path.display())),
        Ok(None) => {}
    }
    // A file name can be anything; only hashes count.
    let bytes = fs::read(&path).unwrap_or_default();
    let known = String::from_utf8_lossy(&bytes);
    // sha256sum begins a line with a backslash when it escaped the name.
    let hash =
        |line: &str| line.split_whitespace().next().map(|word| word.trim_start_matches('\\').to_owned());
    Ok(known.lines().any(|line| hash(line).as_ref() == Some(&doubt.hash)))
}

/// The command that confirms a file beforehand, where nobody can be asked: as [`confirm`] does, readable and writable by
/// its user alone, for anything else is ignored. None for names that no shell can be given.
pub(crate) fn command(folder: &Path, doubt: &TrustPrompt) -> Option<String> {
    let [file, folder, list] =
        [Path::new(&doubt.origin), folder, &folder.join(FILE)].map(|path| path.to_str().map(quote));
    let (file, folder, list) = (file?, folder?, list?);
    let command = format!("(umask 077; mkdir -p {folder}; sha256sum {file} >> {list})");
    (!command.contains(UNQUOTABLE)).then_some(command)
}

/// Remembers the confirmation: the hash, and the file's name for readers. Entries that others could have written are
/// not kept.
///
/// # Errors
/// What the file system says.
pub(crate) fn confirm(folder: &Path, doubt: &TrustPrompt) -> io::Result<()> {
    use io::Write as _;
    let path = folder.join(FILE);
    let ours = !path.exists() || files::written_by_others(&path)?.is_none();
    if !ours {
        fs::remove_file(&path)?;
    }
    let mut file = files::open_private(&path, false)?;
    let origin: String = doubt.origin.chars().filter(|c| !c.is_control()).collect();
    // On a line of its own, even if the last one was cut off.
    let ended = fs::read(&path)?.last().is_none_or(|last| *last == b'\n');
    writeln!(file, "{}{} {origin}", if ended { "" } else { "\n" }, doubt.hash)
}

const FILE: &str = "trusted-files";

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
