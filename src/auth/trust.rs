//! Whether a credentials file may send its secrets where it says. Google's hosts, the universe's and this machine are
//! trusted; anything else is shown and confirmed by a person, once for each file as it is.

use std::{fs, io, path::Path};

use super::Source;
use crate::{
    api::{
        endpoints::{GOOGLE, is_loopback, takes_credentials},
        http::is_near,
    },
    env::Env,
};

/// What has to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Where the file is.
    pub origin: String,
    /// SHA-256 of the file, in hexadecimal.
    pub hash: String,
    /// The addresses that are not Google's, as the file has them.
    pub addresses: Vec<String>,
}

impl Doubt {
    /// The question to a person.
    pub fn question(&self) -> String {
        format!(
            "The credentials file {} sends secrets to hosts that are not Google's: {}. Trust this file as it is now?",
            self.origin,
            self.addresses.join(", ")
        )
    }
}

/// What has to be confirmed before these credentials are used; none where nothing leaves Google, the universe that the
/// environment names, and this machine. The universe of the file is no reason to trust it: whoever wrote the addresses
/// wrote that as well.
pub fn doubt(source: &Source, env: &Env) -> Option<Doubt> {
    let universe = env.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN").unwrap_or(GOOGLE);
    let (to, from) = source.credentials.addresses();
    let foreign = to.into_iter().filter(|url| !is_trusted(url, universe));
    // What the machine's own metadata say, it says to every program here.
    let foreign =
        foreign.chain(from.into_iter().filter(|url| !is_trusted(url, universe) && !is_of_machine(url)));
    let addresses: Vec<String> = foreign.map(str::to_owned).collect();
    let hash = source.hash.clone()?;
    (!addresses.is_empty()).then(|| Doubt { origin: source.origin.clone(), hash, addresses })
}

fn is_trusted(url: &str, universe: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.host_str().is_some_and(is_loopback) || takes_credentials(&url, universe))
}

fn is_of_machine(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_near))
}

/// Whether this file was confirmed before.
pub fn is_confirmed(folder: Option<&Path>, doubt: &Doubt) -> bool {
    let known = folder.and_then(|folder| fs::read_to_string(folder.join(FILE)).ok()).unwrap_or_default();
    known.lines().any(|line| line.split_whitespace().next() == Some(doubt.hash.as_str()))
}

/// Remembers that it was confirmed: the hash, and the file's name for whoever reads it.
///
/// # Errors
/// What the file system says.
pub fn confirm(folder: &Path, doubt: &Doubt) -> io::Result<()> {
    use io::Write as _;
    fs::create_dir_all(folder)?;
    let mut file = fs::OpenOptions::new().append(true).create(true).open(folder.join(FILE))?;
    let origin: String = doubt.origin.chars().filter(|c| !c.is_control()).collect();
    writeln!(file, "{} {origin}", doubt.hash)
}

const FILE: &str = "trusted-files";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn googles_hosts_the_universes_and_this_machine_are_trusted() {
        for url in [
            "https://sts.googleapis.com/v1/token",
            "https://sts.us-east1.googleapis.com/v1/token",
            "https://us-east1-sts.googleapis.com/v1/token",
            "https://sts-xyz.p.googleapis.com/v1/token",
            "https://iamcredentials.mtls.googleapis.com/v1/x",
            "https://iamcredentials.us-east1.rep.googleapis.com/v1/x",
            "https://oauth2.googleapis.com/token",
            "https://www.googleapis.com/oauth2/v4/token",
            "https://accounts.google.com/o/oauth2/token",
            "https://iamcredentials.cloud.example/v1/x",
            "http://127.0.0.1:8787/v1/token",
            "http://localhost:1/x",
        ] {
            assert!(is_trusted(url, "cloud.example"), "{url}");
        }
        for url in [
            "http://sts.googleapis.com/v1/token",
            "https://sts.googleapis.com.evil.example/",
            "https://evilgoogleapis.com/",
            "https://user@sts.googleapis.com/",
            "http://169.254.169.254/latest/meta-data",
            // Google's hosts as well, and what is posted there is kept for strangers.
            "https://www.googleapis.com/upload/storage/v1/b/evil/o?uploadType=media&name=x",
            "https://storage.googleapis.com/evil/x",
            "https://sts.storage.googleapis.com/x",
            "https://evil-sts.storage.googleapis.com/x",
            "https://script.google.com/macros/s/x/exec",
            "https://accounts.google.com/x",
            "https://idp.example.com/token",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(!is_trusted(url, GOOGLE), "{url}");
        }
    }

    #[test]
    fn a_file_is_confirmed_as_it_is_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let doubt = |hash: &str| Doubt {
            origin: "/x\ny".into(),
            hash: hash.into(),
            addresses: vec!["https://a".into()],
        };
        assert!(!is_confirmed(Some(&path), &doubt("aa")) && !is_confirmed(None, &doubt("aa")));
        confirm(&path, &doubt("aa")).unwrap();
        assert!(is_confirmed(Some(&path), &doubt("aa")) && !is_confirmed(Some(&path), &doubt("ab")));
    }
}
