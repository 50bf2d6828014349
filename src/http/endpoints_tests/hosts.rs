//! Which hosts may receive credentials. Look-alikes are generated from a small vocabulary and judged by a list of whole
//! names, written out from the forms that Google's libraries checked; nothing here parses a name as the product does.

use std::collections::BTreeSet;

use super::*;

const TAKERS: [&str; 3] = ["sts", "iamcredentials", "oauth2"];
const UNIVERSES: [&str; 2] = ["googleapis.com", "cloud.example"];
/// Words that labels are made of. The first two are names of regions.
const WORDS: [&str; 12] = [
    "us-east1",
    "europe-west12",
    "us-east",
    "east1",
    "evil",
    "storage",
    "iam",
    "www",
    "p",
    "mtls",
    "rep",
    "xn--ts-zkc",
];
const REGIONS: [&str; 2] = ["us-east1", "europe-west12"];

/// Labels around the name of a service, and words without a service.
fn labels(services: &[&str]) -> Vec<String> {
    let mut labels: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    for service in services {
        for word in ["evil", "us-east1"] {
            labels.push(format!("{word}-{service}"));
            labels.push(format!("{service}-{word}"));
            labels.push(format!("{word}{service}"));
            labels.push(format!("{service}{word}"));
        }
        labels.extend([
            (*service).to_owned(),
            format!("-{service}"),
            format!("{service}-"),
            format!("{service}-{service}"),
            format!("{service}{service}"),
            service[1..].to_owned(),
            service[..service.len() - 1].to_owned(),
            format!("{service}x"),
        ]);
    }
    labels.push(String::new());
    labels
}

/// Every host of these labels that is allowed to receive credentials, name by name.
fn takers(labels: &[String]) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for (service, universe) in TAKERS.iter().flat_map(|service| UNIVERSES.map(|universe| (service, universe)))
    {
        hosts.insert(format!("{service}.{universe}"));
        hosts.insert(format!("{service}.mtls.{universe}"));
        for region in REGIONS {
            hosts.insert(format!("{service}.{region}.{universe}"));
            hosts.insert(format!("{service}.{region}.rep.{universe}"));
        }
        for any in labels.iter().filter(|label| !label.is_empty()) {
            hosts.insert(format!("{any}-{service}.{universe}"));
            hosts.insert(format!("{any}.{service}.{universe}"));
            hosts.insert(format!("{service}-{any}.p.{universe}"));
        }
    }
    hosts
}

/// Whether an address of this host can receive credentials, and whether the host is valid at all.
fn judged(host: &str, universe: &str) -> Option<bool> {
    let url = reqwest::Url::parse(&format!("https://{host}/v1/token")).ok()?;
    (url.host_str() == Some(host)).then(|| takes_credentials(&url, universe))
}

/// Judges these hosts in a universe; returns how many can receive credentials.
fn assert_judged(hosts: impl IntoIterator<Item = String>, takers: &BTreeSet<String>) -> usize {
    let mut taken = 0;
    for host in hosts {
        let Some(is_taker) = judged(&host, "cloud.example") else { continue };
        assert_eq!(is_taker, takers.contains(&host), "{host}");
        // If the universe is Google's, no other host belongs to it.
        let googles = is_taker && host.ends_with(".googleapis.com");
        assert_eq!(judged(&host, GOOGLE), Some(googles), "{host}");
        taken += usize::from(is_taker);
    }
    taken
}

#[test]
fn of_all_names_of_one_or_two_labels_only_the_known_forms_take_credentials() {
    let labels = labels(&TAKERS);
    let takers = takers(&labels);
    // Anything that looks like a region passes, because only Google creates names there.
    let is_like_a_region = |label: &str| label.contains('-') && label.ends_with(|c: char| c.is_ascii_digit());
    let second = labels.iter().filter(|label| REGIONS.contains(&label.as_str()) || !is_like_a_region(label));
    let two = labels.iter().flat_map(|one| second.clone().map(move |other| format!("{one}.{other}")));
    for universe in UNIVERSES {
        let names = labels.iter().cloned().chain(two.clone());
        let taken = assert_judged(names.map(|name| format!("{name}.{universe}")), &takers);
        assert!(taken > 200, "{taken}");
    }
}

#[test]
fn of_all_names_of_three_or_four_labels_only_the_regional_ones_do() {
    let labels = labels(&["sts"]);
    let takers = takers(&labels);
    let few = ["sts", "us-east1", "evil", "p", "rep", "mtls", ""];
    let two = few.iter().flat_map(|one| few.iter().map(move |other| format!("{one}.{other}")));
    let three = labels.iter().flat_map(|one| two.clone().map(move |rest| format!("{one}.{rest}")));
    let four =
        three.clone().flat_map(|name| ["rep", "p", "mtls", "sts"].map(|last| format!("{name}.{last}")));
    let taken = assert_judged(three.map(|name| format!("{name}.googleapis.com")), &takers);
    assert_eq!(taken, 1, "sts.us-east1.rep is among them");
    assert_eq!(assert_judged(four.map(|name| format!("{name}.googleapis.com")), &takers), 0);
}

#[test]
fn a_domain_that_only_resembles_googles_takes_nothing() {
    let labels = labels(&TAKERS);
    let takers = takers(&labels);
    let domains = [
        ".evilgoogleapis.com",
        "-googleapis.com",
        "googleapis.com",
        "..googleapis.com",
        ".googleapis.com.",
        ".googleapis.co",
        ".googleapis.com.co",
        ".googleapis.org",
        ".googleapi.com",
        ".oogleapis.com",
        ".googieapis.com",
        ".googleapis.com.evil.example",
        ".googleapis.com.googleapis.com",
        ".googleapis.com.cloud.example",
        ".cloud.example.googleapis.com",
        ".google.com",
        ".googleapis",
        ".com",
        ".example",
        "cloud.example",
        "-cloud.example",
        ".cloud.example.",
        ".evilcloud.example",
        ".cloud.example.com",
        "",
    ];
    for domain in domains {
        let names = labels.iter().map(|label| format!("{label}{domain}"));
        assert_eq!(assert_judged(names, &takers), 0, "{domain}");
    }
}

#[test]
fn each_form_is_taken_over_https_alone_whatever_the_port_and_without_a_dot_at_its_end() {
    for service in TAKERS {
        let twin = service.replace('s', "\u{455}").replace('a', "\u{430}");
        for host in [
            format!("{service}.googleapis.com"),
            format!("{service}.mtls.googleapis.com"),
            format!("{service}.us-east1.googleapis.com"),
            format!("{service}.us-east1.rep.googleapis.com"),
            format!("us-east1-{service}.googleapis.com"),
            format!("us-east1.{service}.googleapis.com"),
            format!("{service}-psc.p.googleapis.com"),
            format!("{service}.cloud.example"),
        ] {
            let takes = |address: String| {
                let url = reqwest::Url::parse(&address).unwrap();
                takes_credentials(&url, "cloud.example")
            };
            let shouted = host.to_ascii_uppercase();
            for address in [
                format!("https://{host}"),
                format!("https://{host}/"),
                format!("https://{host}:443/v1/token"),
                format!("https://{host}:8443/v1/token"),
                format!("HTTPS://{shouted}/v1/token"),
                // Other dots are dots, and percent-encoding is decoded, before a name is looked up.
                format!("https://{}/", host.replace('.', "\u{3002}")),
                format!("https://{}/", host.replace('.', "%2e")),
            ] {
                assert!(takes(address.clone()), "{address}");
            }
            for scheme in ["http", "ftp", "ws", "wss", "file", "httpsx", "git+https"] {
                let address = format!("{scheme}://{host}/v1/token");
                assert!(!takes(address.clone()), "{address}");
            }
            for address in [
                format!("https://{host}./"),
                format!("https://{host}%2e/"),
                format!("https://{host}.evil.example/"),
                format!("https://{host}%2eevil.example/"),
                format!("https://{host}@evil.example/"),
                format!("https://{host}:443@evil.example/"),
                format!("https://{host}%40evil.example@evil.example/"),
                format!("https://evil.example\\@{host}/"),
                format!("https://evil.example/{host}"),
                format!("https://evil.example/@{host}/"),
                format!("https://evil.example?@{host}/"),
                format!("https://evil.example#@{host}/"),
                // Letters of other alphabets that look the same.
                format!("https://{}/", host.replacen(service, &twin, 1)),
                format!(
                    "https://{}/",
                    host.replace("googleapis", "g\u{43e}\u{43e}gleapis").replace("cloud", "cl\u{43e}ud")
                ),
            ] {
                assert!(!takes(address.clone()), "{address}");
            }
        }
    }
}

#[test]
fn of_googles_shared_hosts_only_the_paths_of_tokens_take_credentials() {
    let takes = |address: &str| takes_credentials(&reqwest::Url::parse(address).unwrap(), "cloud.example");
    for address in [
        "https://accounts.google.com/o/oauth2/token",
        "https://accounts.google.com/o/oauth2/",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://www.googleapis.com/oauth2/",
        "https://www.cloud.example/oauth2/v4/token",
        "https://www.googleapis.com/x/../oauth2/v4/token",
    ] {
        assert!(takes(address), "{address}");
    }
    for address in [
        "https://accounts.google.com/",
        "https://accounts.google.com/o/oauth2",
        "https://accounts.google.com/o/oauth2x/token",
        "https://accounts.google.com/x/o/oauth2/token",
        "https://accounts.google.com/o/oauth2/../x",
        "https://accounts.google.com/o/oauth2/%2e%2e/x",
        "https://accounts.google.com/O/OAuth2/token",
        "http://accounts.google.com/o/oauth2/token",
        "https://accounts.google.com./o/oauth2/token",
        "https://evil.accounts.google.com/o/oauth2/token",
        "https://evilaccounts.google.com/o/oauth2/token",
        "https://accounts.google.com.evil.example/o/oauth2/token",
        "https://accounts.googleapis.com/o/oauth2/token",
        "https://accounts.google.co/o/oauth2/token",
        "https://script.google.com/o/oauth2/token",
        "https://google.com/o/oauth2/token",
        "https://www.googleapis.com/",
        "https://www.googleapis.com/oauth2",
        "https://www.googleapis.com/oauth2x/token",
        "https://www.googleapis.com/x/oauth2/token",
        "https://www.googleapis.com/upload/storage/v1/b/x/o?name=/oauth2/",
        "https://www.googleapis.com/oauth2/../upload/storage/v1/b/x/o",
        "https://www.googleapis.com/oauth2/%2E%2e/upload",
        "https://www.googleapis.com/#/oauth2/",
        "http://www.googleapis.com/oauth2/v4/token",
        "https://www.google.com/oauth2/v4/token",
        "https://www.mtls.googleapis.com/oauth2/v4/token",
        "https://evil-www.googleapis.com/oauth2/v4/token",
        "https://www.other.example/oauth2/v4/token",
        "https://storage.googleapis.com/oauth2/v4/token",
        "https://googleapis.com/oauth2/v4/token",
        "data:,https://sts.googleapis.com/",
    ] {
        assert!(!takes(address), "{address}");
    }
}

#[test]
fn what_has_no_host_is_trusted_by_nobody() {
    let endpoints = endpoints(&[]).unwrap();
    for url in ["data:,x", "mailto:dev@example.com", "unix:/run/x", "file:///etc/passwd", "localhost", ""] {
        assert!(!endpoints.trusts(url), "{url}");
    }
    for url in ["http://localhost:1/", "https://sts.googleapis.com/v1/token"] {
        assert!(endpoints.trusts(url), "{url}");
    }
}
