//! Whether a credentials file may send its secrets where it says. Google's hosts, the universe's and this machine are
//! trusted; anything else is shown and confirmed by a person, once for each file as it is.

use std::{fs, io, path::Path};

use super::Source;
use crate::api::endpoints::{GOOGLE, is_loopback};

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

/// What has to be confirmed before these credentials are used; none where nothing leaves Google, the universe and this
/// machine.
pub fn doubt(source: &Source) -> Option<Doubt> {
    let universe = source.universe.as_deref().unwrap_or(GOOGLE);
    let foreign = source.credentials.addresses().into_iter().filter(|url| !is_trusted(url, universe));
    let addresses: Vec<String> = foreign.map(str::to_owned).collect();
    let hash = source.hash.clone()?;
    (!addresses.is_empty()).then(|| Doubt { origin: source.origin.clone(), hash, addresses })
}

fn is_trusted(url: &str, universe: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let Some(host) = url.host_str() else { return false };
    let inside = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (is_loopback(host) || url.scheme() == "https" && (inside(GOOGLE) || inside(universe)))
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
