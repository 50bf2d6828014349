//! Every address that impersona calls: Google's (or a universe's) hosts and the environment's replacements for them. It
//! parses and judges addresses and sends nothing; no other file of the API layer may contain a base URL.

use crate::{
    http::{ApiError, ErrorKind, error::plain, no_proxy::NoProxy},
    local::env::{Env, Hosting},
};

pub(crate) const GOOGLE: &str = "googleapis.com";

/// A service, identified by its base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// IAM: accounts, keys, policies.
    Iam,
    /// IAM Credentials: minting.
    Credentials,
    /// Resource Manager: projects, folders, organizations.
    Projects,
    /// Service Usage: which APIs are enabled.
    Services,
    /// Policy Troubleshooter: why IAM denies access.
    Troubleshooter,
    /// The OAuth token endpoint, as a whole URL.
    Token,
    /// tokeninfo.
    Tokeninfo,
    /// userinfo; shares its variable with tokeninfo.
    Userinfo,
    /// Certificates and JWK sets.
    Certs,
    /// The machine's metadata server: plain HTTP, outside every universe.
    Metadata,
}

impl Service {
    /// Whether the service charges its calls to a project and accepts the project's name (`x-goog-user-project`). The
    /// others don't know that header; userinfo rejects it.
    pub(crate) fn charges(self) -> bool {
        match self {
            Service::Iam
            | Service::Credentials
            | Service::Projects
            | Service::Services
            | Service::Troubleshooter => true,
            Service::Token | Service::Tokeninfo | Service::Userinfo | Service::Certs | Service::Metadata => {
                false
            }
        }
    }
}

/// The metadata server's name on every machine at Google.
const METADATA_HOST: &str = "metadata.google.internal";

/// One row of the table: the service, its display name, its host below the universe, its variable.
struct Row {
    base: Service,
    name: &'static str,
    host: &'static str,
    path: &'static str,
    variable: &'static str,
}

const TABLE: [Row; 10] = [
    row(Service::Iam, "IAM", "iam", "", "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM"),
    row(
        Service::Credentials,
        "IAM Credentials",
        "iamcredentials",
        "",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
    ),
    row(
        Service::Projects,
        "Resource Manager",
        "cloudresourcemanager",
        "",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER",
    ),
    row(
        Service::Services,
        "Service Usage",
        "serviceusage",
        "",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE",
    ),
    row(
        Service::Troubleshooter,
        "Policy Troubleshooter",
        "policytroubleshooter",
        "",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_POLICYTROUBLESHOOTER",
    ),
    row(Service::Token, "OAuth token", "oauth2", "/token", "CLOUDSDK_AUTH_TOKEN_HOST"),
    row(Service::Tokeninfo, "tokeninfo", "oauth2", "", "IMPERSONA_OAUTH2_ENDPOINT"),
    row(Service::Userinfo, "userinfo", "openidconnect", "", "IMPERSONA_OAUTH2_ENDPOINT"),
    row(Service::Certs, "certificates", "www", "", "IMPERSONA_CERTS_ENDPOINT"),
    row(Service::Metadata, "metadata server", METADATA_HOST, "", "GCE_METADATA_HOST"),
];

const fn row(
    base: Service,
    name: &'static str,
    host: &'static str,
    path: &'static str,
    variable: &'static str,
) -> Row {
    Row { base, name, host, path, variable }
}

/// The address of each service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    universe: String,
    /// In the order of [`TABLE`], without a trailing slash; and whether it comes from the environment.
    urls: [(String, bool); TABLE.len()],
    hosting: Hosting,
    no_proxy: NoProxy,
}

impl Endpoints {
    /// From the environment and the universe in the caller's credentials, if any.
    ///
    /// # Errors
    /// One sentence naming the variable: not a URL, `http` to a host other than this machine, a URL with a user, a
    /// query or a fragment; a universe that isn't a domain name, or two different ones.
    pub fn new(env: &Env, credentials_universe: Option<&str>) -> Result<Endpoints, ApiError> {
        let named = env.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN");
        let universe = match (named, credentials_universe) {
            (Some(a), Some(b)) if a != b => {
                // A token must not be sent to another universe.
                let (a, b) = (plain(a), plain(b));
                let why = format!(
                    "is {a}, but the credentials belong to the universe {b}: unset it, or use other credentials"
                );
                return Err(wrong("GOOGLE_CLOUD_UNIVERSE_DOMAIN", &why));
            }
            (named, credentials) => named.or(credentials).unwrap_or(GOOGLE),
        };
        if !is_domain(universe) {
            let origin = if named.is_some() { "GOOGLE_CLOUD_UNIVERSE_DOMAIN" } else { "universe_domain" };
            return Err(wrong(origin, "must be a domain name such as googleapis.com"));
        }
        let mut urls = [const { (String::new(), false) }; TABLE.len()];
        for (url, row) in urls.iter_mut().zip(&TABLE) {
            *url = match env.get(row.variable) {
                Some(text) if row.base == Service::Metadata => {
                    (metadata(text).map_err(|why| wrong(row.variable, why))?, true)
                }
                None if row.base == Service::Metadata => (format!("http://{}", row.host), false),
                Some(text) => (parse(text).map_err(|why| wrong(row.variable, &why))?, true),
                None => (format!("https://{}.{universe}{}", row.host, row.path), false),
            };
        }
        Ok(Endpoints {
            universe: universe.to_owned(),
            urls,
            hosting: env.hosting(),
            no_proxy: NoProxy::of(env),
        })
    }

    /// The same, with the token endpoint from a credentials file: used only if its host is Google's, the universe's or
    /// this machine, and never over the environment's.
    pub(crate) fn with_token_uri(mut self, uri: Option<&str>) -> Endpoints {
        let index = index(Service::Token);
        if !self.urls[index].1
            && let Some(url) = uri.and_then(|uri| parse(uri).ok())
            && self.trusts(&url)
        {
            self.urls[index].0 = url;
        }
        self
    }

    /// The base URL of a service, without a trailing slash. For [`Service::Token`] it is a whole URL.
    pub fn url(&self, base: Service) -> &str {
        &self.urls[index(base)].0
    }

    /// The hosts that are reached without a proxy, in addition to those that the HTTP library exempts.
    pub(crate) fn no_proxy(&self) -> &NoProxy {
        &self.no_proxy
    }

    /// What runs this program: see [`Env::hosting`].
    pub(crate) fn hosting(&self) -> Hosting {
        self.hosting
    }

    /// Whether the environment moved this service.
    pub(crate) fn is_moved(&self, base: Service) -> bool {
        self.urls[index(base)].1
    }

    /// The `host:port` that the environment moved this service to; `None` if it is at Google's address.
    pub(crate) fn moved_to(&self, base: Service) -> Option<String> {
        self.is_moved(base).then(|| host(self.url(base)))
    }

    /// `googleapis.com`, or the domain of a sovereign cloud.
    pub(crate) fn universe(&self) -> &str {
        &self.universe
    }

    /// The `aud` claim of a JWT for the token endpoint: Google's name for it, wherever it is reached.
    pub(crate) fn token_audience(&self) -> String {
        format!("https://oauth2.{}/token", self.universe)
    }

    /// The services that the environment moved, each with its new `host:port`.
    pub(crate) fn overridden(&self) -> Vec<(&'static str, String)> {
        TABLE
            .iter()
            .zip(&self.urls)
            .filter(|(_, (_, moved))| *moved)
            .map(|(row, (url, _))| (row.name, host(url)))
            .collect()
    }

    /// Whether only some services are moved: a caller's token can then reach both worlds.
    pub(crate) fn partly_overridden(&self) -> bool {
        let moved = self.urls.iter().filter(|(_, moved)| *moved).count();
        moved != 0 && moved != TABLE.len()
    }

    /// The variables that point another program at the same services, for copied commands. gcloud needs a slash at the
    /// end of its overrides, which we don't; the token endpoint is a whole URL.
    pub(crate) fn as_env(&self) -> Vec<(&'static str, String)> {
        TABLE
            .iter()
            .zip(&self.urls)
            // Its variable is that of tokeninfo.
            .filter(|(row, (_, moved))| *moved && row.base != Service::Userinfo)
            .map(|(row, (url, _))| {
                let slash = if row.variable.contains("OVERRIDES") { "/" } else { "" };
                match row.base {
                    Service::Metadata => (row.variable, host(url)),
                    _ => (row.variable, format!("{url}{slash}")),
                }
            })
            .collect()
    }

    fn trusts(&self, url: &str) -> bool {
        let Ok(url) = reqwest::Url::parse(url) else { return false };
        url.host_str().is_some_and(is_loopback) || takes_credentials(&url, &self.universe)
    }
}

/// The display name of a service: `IAM Credentials`.
pub(crate) fn name(base: Service) -> &'static str {
    TABLE[index(base)].name
}

/// The API's own host name, which errors use: `iamcredentials.googleapis.com`.
pub(crate) fn service(base: Service) -> String {
    if base == Service::Metadata {
        return "the metadata server".to_owned();
    }
    format!("{}.{GOOGLE}", TABLE[index(base)].host)
}

/// Whether this is an address at Google, or in the universe, that takes credentials and returns tokens: the Security
/// Token Service, IAM Credentials, the token endpoint. Any Google host would be too broad, because Cloud Storage stores
/// what strangers post to it. The host forms are those that Google's libraries once checked.
pub(crate) fn takes_credentials(url: &reqwest::Url, universe: &str) -> bool {
    let Some(host) = url.host_str().filter(|_| url.scheme() == "https") else { return false };
    if host == "accounts.google.com" {
        return url.path().starts_with("/o/oauth2/");
    }
    let name = |domain: &str| host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
    let Some(name) = name(GOOGLE).or_else(|| name(universe)) else { return false };
    let is_region = |label: &str| label.contains('-') && label.ends_with(|c: char| c.is_ascii_digit());
    let of = |service: &str| match name.split('.').collect::<Vec<_>>()[..] {
        [one] => {
            one == service
                || one.strip_suffix(service).is_some_and(|rest| rest.len() > 1 && rest.ends_with('-'))
        }
        [one, "p"] => one.strip_prefix(service).is_some_and(|rest| rest.len() > 1 && rest.starts_with('-')),
        [one, "mtls"] => one == service,
        [one, place] => one == service && is_region(place) || !one.is_empty() && place == service,
        [one, place, "rep"] => one == service && is_region(place),
        _ => false,
    };
    match name {
        "www" => url.path().starts_with("/oauth2/"),
        _ => ["sts", "iamcredentials", "oauth2"].into_iter().any(of),
    }
}

/// Whether a host name (without port) is this machine: `localhost`, `127.0.0.0/8`, `::1`.
pub(crate) fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

fn index(base: Service) -> usize {
    TABLE.iter().position(|row| row.base == base).expect("every base has its row")
}

fn wrong(variable: &str, why: &str) -> ApiError {
    ApiError::new(ErrorKind::Config, format!("{variable} {why}"))
}

/// Checks an address; the error never repeats it, because it can contain a password.
fn parse(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text.trim())
        .map_err(|_| "isn't a URL: use something like https://host/".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        // It always has a host.
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return Err("must use https: plain http is allowed for this machine only".to_owned()),
        _ => return Err("must start with https://".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must be a URL without ? or #".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// `host` or `host:port`, as Google's libraries read `GCE_METADATA_HOST`; returns the base URL.
fn metadata(text: &str) -> Result<String, &'static str> {
    const RULE: &str = "must be host or host:port, such as 127.0.0.1:8787";
    let url = reqwest::Url::parse(&format!("http://{}", text.trim())).map_err(|_| RULE)?;
    let plain =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !plain || url.password().is_some() || text.contains('/') {
        return Err(RULE);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether this is a domain name as universes are written: lower case, no dot at the end, not a numeric address.
pub(crate) fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_name = last.bytes().any(|b| b.is_ascii_lowercase());
    // A hexadecimal number would also end a numeric address.
    let is_number = last.starts_with("0x");
    text.len() <= 240 && text.contains('.') && text.split('.').all(label) && is_name && !is_number
}

/// `host:port` of a URL this module made.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "endpoints_tests/mod.rs"]
mod tests;
