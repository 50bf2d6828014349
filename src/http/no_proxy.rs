//! The forms of `NO_PROXY` that Go and curl know and the HTTP library doesn't: `*.example.com`, `example.com:443`,
//! `[::1]:443`, and blanks between entries. It only adds hosts to those that the library exempts by itself (domains,
//! addresses, CIDR blocks, `*`).

use std::net::IpAddr;

use crate::local::env::Env;

/// The exempt hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Host,
    /// None for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    All,
    Address(IpAddr),
    /// A domain and what is below it, or only what is below it.
    Domain {
        name: String,
        itself: bool,
    },
}

impl NoProxy {
    pub(crate) fn of(env: &Env) -> NoProxy {
        let text = env.get("NO_PROXY").or_else(|| env.get("no_proxy")).unwrap_or_default();
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        NoProxy(entries.map(Entry::parse).collect())
    }

    /// Whether a host is reached without a proxy. An IPv6 address can be in brackets.
    pub(crate) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|entry| entry.port.is_none_or(|only| only == port) && entry.host.covers(&host))
    }
}

impl Entry {
    fn parse(text: &str) -> Entry {
        let text = text.to_ascii_lowercase();
        if let Some(address) = address(&text) {
            return Entry { host: Host::Address(address), port: None };
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (text.as_str(), None),
            },
            None => (text.as_str(), None),
        };
        let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
        let host = match (address(host), below) {
            (Some(address), _) => Host::Address(address),
            _ if host == "*" => Host::All,
            (None, Some(name)) => Host::Domain { name: name.to_owned(), itself: false },
            (None, None) => Host::Domain { name: host.to_owned(), itself: true },
        };
        Entry { host, port }
    }
}

impl Host {
    fn covers(&self, host: &str) -> bool {
        match self {
            Host::All => true,
            Host::Address(own) => address(host) == Some(*own),
            Host::Domain { name, itself } => match host.strip_suffix(name.as_str()) {
                Some("") => *itself,
                Some(before) => before.ends_with('.'),
                None => false,
            },
        }
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_exempt_in_every_form_that_go_and_curl_take() {
        let iam = ("iam.googleapis.com", 443);
        for (list, (host, port), covered) in [
            ("*.googleapis.com", iam, true),
            ("*.googleapis.com", ("googleapis.com", 443), false),
            ("*.googleapis.com", ("iam.evilgoogleapis.com", 443), false),
            ("iam.googleapis.com:443", iam, true),
            ("iam.googleapis.com:8443", iam, false),
            ("*.googleapis.com:443", iam, true),
            (".googleapis.com:443", iam, true),
            ("googleapis.com", iam, true),
            ("oogleapis.com", iam, false),
            ("*", iam, true),
            ("*:443", iam, true),
            ("*:80", iam, false),
            ("localhost, .internal ,\t*.googleapis.com", iam, true),
            ("localhost .internal googleapis.com", iam, true),
            ("IAM.GoogleAPIs.com:443", iam, true),
            ("10.1.2.3:8080", ("10.1.2.3", 8080), true),
            ("10.1.2.3:8080", ("10.1.2.3", 443), false),
            ("[fd00::7]:8443", ("[fd00::7]", 8443), true),
            ("[fd00::7]", ("[fd00::7]", 443), true),
            ("fd00::7", ("[fd00:0::7]", 443), true),
            ("fd00::7", ("[fd00::8]", 443), false),
            ("", iam, false),
            (" , ,", iam, false),
            (":443", iam, false),
            ("iam.googleapis.com:https", iam, false),
            ("googleapis.com", ("iam.googleapis.com.", 443), true),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                let exempt = NoProxy::of(&Env::from_vars([(name, list)]));
                assert_eq!(exempt.covers(host, port), covered, "{list:?} {host}:{port}");
            }
        }
        // An empty one is unset, as in Go.
        let both = NoProxy::of(&Env::from_vars([("NO_PROXY", ""), ("no_proxy", "*.googleapis.com")]));
        assert!(both.covers("iam.googleapis.com", 443));
        assert!(!NoProxy::of(&Env::default()).covers("iam.googleapis.com", 443));
    }
}
