//! Who will get a token, by the URL that will be called. Each destination has rules of its own for the audience: token
//! endpoint and Security Token Service, Google's APIs, and the services that check ID tokens.

use super::findings::Severity;
use super::{audience, quoted};

/// Google's token endpoint in the spellings that it accepts as an audience; the first is today's.
pub(super) const TOKEN_ENDPOINTS: [&str; 4] = [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://accounts.google.com/o/oauth2/token",
];

/// What stands between a traffic tag and the service in a host of Cloud Run.
const TAG: &str = "---";

/// Who will get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Exchanges a JWT that a service account signed for an access or ID token.
    TokenEndpoint,
    /// The Security Token Service: exchanges other issuers' tokens.
    Sts,
    /// A Google API.
    Api,
    /// An address that Cloud Run gave a service; its origin, without a traffic tag.
    CloudRun(String),
    /// Cloud Functions' own host; its origin and the function's name, if the URL has one.
    Function(String, Option<String>),
    /// App Engine, where only Identity-Aware Proxy checks tokens.
    AppEngine,
    /// API Gateway or Cloud Endpoints.
    Gateway,
    /// A host of the user's own: Cloud Run behind a domain, Identity-Aware Proxy, or anything else; its origin.
    Domain(String),
    /// A service on this machine or network; its origin.
    Local(String),
    /// Only its audience is known.
    Unknown,
}

/// Who is at a URL; `is_api` if its host is a Google API's.
pub(super) fn of_url(url: &str, is_api: bool) -> Destination {
    let Some(origin) = audience::of_url(url) else { return Destination::Unknown };
    let (scheme, authority) = origin.split_once("://").unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default().trim_end_matches('.');
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let under = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let address = format!("https://{}/{path}", host.replace(".mtls.", "."));
    match host {
        _ if TOKEN_ENDPOINTS.contains(&address.as_str()) => Destination::TokenEndpoint,
        "sts.googleapis.com" | "sts.mtls.googleapis.com" => Destination::Sts,
        _ if is_api => Destination::Api,
        _ if under("run.app") => {
            let service = host.split_once(TAG).map_or(host, |(_, service)| service);
            Destination::CloudRun(format!("{scheme}://{service}"))
        }
        _ if under("cloudfunctions.net") => {
            let name = path.split('/').next().filter(|name| !name.is_empty());
            Destination::Function(origin.clone(), name.map(str::to_owned))
        }
        _ if under("appspot.com") => Destination::AppEngine,
        _ if under("gateway.dev") || under("cloud.goog") => Destination::Gateway,
        _ if scheme == "http" || !host.contains(|c: char| c.is_ascii_alphabetic()) || !host.contains('.') => {
            Destination::Local(origin.clone())
        }
        _ if under("localhost") || under("local") || under("internal") => Destination::Local(origin.clone()),
        _ => Destination::Domain(origin.clone()),
    }
}

/// The audience that the Cloud Run service or the function at a URL expects; `None` anywhere else.
pub(crate) fn wanted_at(url: &str) -> Option<String> {
    let found = of_url(url, false);
    matches!(found, Destination::CloudRun(_) | Destination::Function(..)).then(|| found.wanted()).flatten()
}

impl Destination {
    /// The audience that it expects by default; `None` if it has no such rule.
    pub(super) fn wanted(&self) -> Option<String> {
        match self {
            Destination::TokenEndpoint => Some(TOKEN_ENDPOINTS[0].to_owned()),
            Destination::CloudRun(origin) | Destination::Domain(origin) | Destination::Local(origin) => {
                Some(origin.clone())
            }
            Destination::Function(origin, Some(name)) => Some(format!("{origin}/{name}")),
            _ => None,
        }
    }
}

/// Whether two addresses of Cloud Run can be of one service: it gives each one with the project's number and the region,
/// and one with a hash.
pub(super) fn can_be_same_service(one: &str, other: &str) -> bool {
    let service = |address: &str| {
        let host = address.strip_prefix("https://")?.strip_suffix(".run.app")?;
        let (label, zone) = host.split_once('.')?;
        let (name, last) = label.rsplit_once('-')?;
        let is_numbered = zone != "a" && last.bytes().all(|byte| byte.is_ascii_digit());
        // svc-HASH-REGION
        let name = if is_numbered { name } else { name.rsplit_once('-')?.0 };
        Some((name.to_owned(), is_numbered))
    };
    match (service(one), service(other)) {
        (Some((one, numbered)), Some((other, also))) => one == other && numbered != also,
        _ => false,
    }
}

/// Whether this is an address of Cloud Run without a path.
pub(super) fn is_cloud_run(audience: &str) -> bool {
    audience::of_url(audience).as_deref() == Some(audience) && audience.ends_with(".run.app")
}

/// The full name of a workload or workforce identity provider, without `https:` in front; `None` for anything else.
pub(super) fn provider(audience: &str) -> Option<&str> {
    let name = audience.strip_prefix("https:").unwrap_or(audience);
    let path = name.strip_prefix("//iam.googleapis.com/")?;
    let parts: Vec<&str> = path.split('/').collect();
    let fits = match parts.as_slice() {
        ["projects", number, "locations", _, "workloadIdentityPools", _, "providers", _] => {
            number.bytes().all(|byte| byte.is_ascii_digit())
        }
        ["locations", _, "workforcePools", _, "providers", _] => true,
        _ => false,
    };
    fits.then_some(name)
}

/// What can't be told about the audiences of a token without knowing the service; `None` where the rule is plain.
pub(super) fn unsure(
    found: &[String],
    destination: &Destination,
    url: Option<&str>,
) -> Option<(Severity, String)> {
    let first = found.first()?;
    let is_client = |aud: &&String| aud.ends_with(".apps.googleusercontent.com");
    let client = found.iter().find(is_client);
    let info = |message: String| Some((Severity::Info, message));
    match destination {
        Destination::CloudRun(origin) => {
            let other = found.iter().find(|aud| can_be_same_service(aud, origin))?;
            (!found.contains(origin)).then_some(())?;
            Some((
                Severity::Warning,
                format!(
                    "aud is {}, which can be the other address of this service: impersona can't tell; Cloud Run \
                     accepts both of its addresses",
                    quoted(other)
                ),
            ))
        }
        Destination::Function(origin, None) => Some((
            Severity::Error,
            format!("a function expects its whole URL as aud, {origin}/NAME: enter the URL with its name"),
        )),
        Destination::AppEngine => match client {
            Some(client) => {
                info(format!("aud is {}: fits if it is Identity-Aware Proxy's OAuth client", quoted(client)))
            }
            // What an account signs itself is for the URL.
            None if found.iter().any(|aud| is_for_url(aud, url)) => {
                info("aud is this URL: Identity-Aware Proxy accepts that only of self-signed JWTs".to_owned())
            }
            None => Some((
                Severity::Error,
                format!("aud is {}: Identity-Aware Proxy expects the ID of its OAuth client", quoted(first)),
            )),
        },
        Destination::Gateway => info(format!(
            "aud is {}: fits if the API's definition lists it (x-google-audiences), or if it is https:// and the \
             name of the managed service",
            quoted(first)
        )),
        Destination::Domain(origin) if found.contains(origin) => info(format!(
            "aud is this host: Cloud Run accepts it only as a custom audience of the service; otherwise it expects \
             the run.app URL{}",
            if client.is_some() { ", and Identity-Aware Proxy its OAuth client" } else { "" }
        )),
        Destination::Domain(origin) => match found.iter().find(|aud| is_cloud_run(aud)) {
            Some(service) => info(format!(
                "aud is {}: fits if that is the Cloud Run service behind {}",
                quoted(service),
                quoted(origin)
            )),
            None if found.iter().any(|aud| is_for_url(aud, url)) => info(
                "aud is for this URL: Identity-Aware Proxy accepts that of self-signed JWTs; Cloud Run doesn't"
                    .to_owned(),
            ),
            None => client.and_then(|client| {
                info(format!(
                    "aud is {}: fits if Identity-Aware Proxy protects {} with this OAuth client",
                    quoted(client),
                    quoted(origin)
                ))
            }),
        },
        _ => None,
    }
}

/// Whether an audience is this URL, or a pattern for it as Identity-Aware Proxy takes them.
fn is_for_url(aud: &str, url: Option<&str>) -> bool {
    let url = url.and_then(|url| url.split(['?', '#']).next()).unwrap_or_default();
    aud == url
        || aud.strip_suffix("/*").is_some_and(|start| {
            url.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_says_who_will_get_the_token() {
        use Destination::{Api, AppEngine, CloudRun, Domain, Function, Gateway, Local, Sts, TokenEndpoint};
        let run = |origin: &str| CloudRun(origin.to_owned());
        for (url, is_api, expected) in [
            ("https://oauth2.googleapis.com/token", true, TokenEndpoint),
            ("https://OAUTH2.googleapis.com:443/token?x", true, TokenEndpoint),
            ("https://oauth2.mtls.googleapis.com/token", true, TokenEndpoint),
            ("https://www.googleapis.com/oauth2/v4/token", true, TokenEndpoint),
            ("https://accounts.google.com/o/oauth2/token", false, TokenEndpoint),
            ("https://oauth2.googleapis.com/tokeninfo", true, Api),
            ("https://sts.googleapis.com/v1/token", true, Sts),
            ("https://sts.mtls.googleapis.com/v1/token", true, Sts),
            ("https://storage.googleapis.com/b", true, Api),
            ("https://svc-abc-uc.a.run.app/x?y", false, run("https://svc-abc-uc.a.run.app")),
            ("https://v2---svc-abc-uc.a.run.app/", false, run("https://svc-abc-uc.a.run.app")),
            ("https://svc-12.europe-west1.run.app", false, run("https://svc-12.europe-west1.run.app")),
            (
                "https://r-p.cloudfunctions.net/f/x?y",
                false,
                Function("https://r-p.cloudfunctions.net".into(), Some("f".into())),
            ),
            (
                "https://r-p.cloudfunctions.net/?y",
                false,
                Function("https://r-p.cloudfunctions.net".into(), None),
            ),
            ("https://p.ew.r.appspot.com/x", false, AppEngine),
            ("https://api-1a2b.ew.gateway.dev/v1", false, Gateway),
            ("https://echo.endpoints.acme-prod.cloud.goog", false, Gateway),
            ("https://orders.example.com/mcp", false, Domain("https://orders.example.com".into())),
            ("https://run.app.example.com", false, Domain("https://run.app.example.com".into())),
            ("http://orders.example.com", false, Local("http://orders.example.com".into())),
            ("https://127.0.0.1:8443/x", false, Local("https://127.0.0.1:8443".into())),
            ("https://orders.local", false, Local("https://orders.local".into())),
            ("https://localhost", false, Local("https://localhost".into())),
        ] {
            assert_eq!(of_url(url, is_api), expected, "{url}");
        }
    }

    #[test]
    fn two_addresses_can_be_of_one_service_if_its_name_is_the_same() {
        let hashed = "https://orders-4fj2k3l5ma-uc.a.run.app";
        let numbered = "https://orders-739419398126.us-central1.run.app";
        assert!(can_be_same_service(hashed, numbered) && can_be_same_service(numbered, hashed));
        for other in [
            hashed,
            "https://bills-4fj2k3l5ma-uc.a.run.app",
            "https://orders-api-4fj2k3l5ma-uc.a.run.app",
            "https://orders.example.com",
            "x",
        ] {
            assert!(!can_be_same_service(hashed, other), "{other}");
        }
    }

    #[test]
    fn provider_is_known_by_its_whole_name() {
        let name = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x";
        assert_eq!(provider(name), Some(name));
        assert_eq!(provider(&format!("https:{name}")), Some(name));
        assert!(provider("//iam.googleapis.com/locations/global/workforcePools/p/providers/x").is_some());
        for other in [
            "//iam.googleapis.com/projects/acme/locations/global/workloadIdentityPools/p/providers/x",
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
            "https://sts.googleapis.com",
            "",
        ] {
            assert_eq!(provider(other), None, "{other}");
        }
    }
}
