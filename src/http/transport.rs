//! Sending: `Http` turns a request ([`RequestSpec`]) into an answer. It owns the connection pool, timeouts, retries,
//! bounded reading, the refusal of writes in read-only mode and the record of each request. It knows no service and no
//! credentials file; it opens a secret only to put it on the wire.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::{Url, header};
use tokio::{sync::Mutex, time::Instant};
use zeroize::Zeroizing;

use crate::{
    http::{
        ApiError, CallKind, ErrorKind,
        answer::{Answer, max_age, retry_after, skew},
        clock::now,
        endpoints::{Endpoints, Service, is_loopback, takes_credentials},
        error::{is_html, plain},
        rate_limiter::RateLimiter,
        record::{Recorder, Sent, Watch},
        redact::without_secrets,
        request_spec::{Body, Method, RequestSpec, encode_query},
    },
    model::{caller::Charge, denial::RequestContext, secret::Secret},
};

/// The header in requests to the metadata server, so that a web page can't make them, and in its answers, so that
/// nobody else's are mistaken for them.
const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

/// The longest body that is read, in bytes. The largest real one is a page of 100 accounts, below 100 KiB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// The most times one request is sent.
const TRIES: usize = 4;
/// The wait before the second attempt, doubled for each further one; at least a second after too many calls.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two attempts, even if the server asks for more.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After this long without traffic, an HTTP/2 connection is pinged, idle or not: a connection that died while this
/// machine slept is detected before a request waits on it.
const PING_AFTER: Duration = Duration::from_secs(20);
/// A connection that doesn't answer the ping within this time is dead.
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// The settings of an [`Http`].
pub(crate) struct Wire {
    pub(crate) endpoints: Endpoints,
    pub(crate) charge: Charge,
    pub(crate) timeout: Duration,
    pub(crate) read_only: bool,
    pub(crate) use_proxy: bool,
    pub(crate) recorder: Recorder,
    pub(crate) rate_limiter: RateLimiter,
}

/// The transport. Cheap to clone; does nothing until the first request.
#[derive(Clone)]
pub(crate) struct Http(Arc<Inner>);

/// The skew before any answer told Google's time.
const UNTOLD: i64 = i64::MIN;

/// Connections, from the first request on and until they are closed.
type Pool = Mutex<Option<reqwest::Client>>;

struct Inner {
    wire: Wire,
    /// The quota project of credentials that were only identified by the first request.
    charged: OnceLock<String>,
    /// See [`Http::skew`].
    skew: AtomicI64,
    /// For other hosts, through a proxy if there is one.
    proxied: Pool,
    /// For this machine, and for everything if proxies are off.
    direct: Pool,
}

impl Http {
    pub(crate) fn new(wire: Wire) -> Http {
        Http(Arc::new(Inner {
            wire,
            charged: OnceLock::new(),
            skew: AtomicI64::new(UNTOLD),
            proxied: Pool::default(),
            direct: Pool::default(),
        }))
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.0.wire.endpoints
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.wire.timeout
    }

    /// The project that calls are charged to.
    pub(crate) fn quota_project(&self) -> Option<&str> {
        match &self.0.wire.charge {
            Charge::AsCredentials => self.0.charged.get().map(String::as_str),
            Charge::Project(project) => Some(project),
            Charge::Unnamed => None,
        }
    }

    /// The project that this request is charged to.
    fn charged(&self, spec: &RequestSpec) -> Option<String> {
        let project = match &spec.charge {
            // Leaving the quota project out includes every one that a file names.
            _ if self.0.wire.charge == Charge::Unnamed => None,
            Charge::AsCredentials => self.quota_project(),
            Charge::Project(project) => Some(project.as_str()),
            Charge::Unnamed => None,
        };
        project.filter(|_| spec.base.charges()).map(str::to_owned)
    }

    /// Takes the quota project from credentials that were only found now. One that was set before has priority.
    pub(crate) fn charge(&self, project: &str) {
        // Later tokens come from the same credentials.
        let _ = self.0.charged.set(project.to_owned());
    }

    pub(crate) fn lost_records(&self) -> u64 {
        self.0.wire.recorder.lost()
    }

    pub(crate) fn rate_limiter(&self) -> &RateLimiter {
        &self.0.wire.rate_limiter
    }

    /// Sends a request, retries it if that is harmless, and reads the whole answer. Can be dropped at any point.
    ///
    /// # Errors
    /// Denials explained, network errors, and in read-only mode [`ErrorKind::ReadOnly`] for a write, which is then not
    /// sent.
    pub(crate) async fn send(&self, spec: &RequestSpec, bearer: Option<&Secret>) -> Result<Answer, ApiError> {
        if self.0.wire.read_only && spec.kind == CallKind::Write {
            return Err(ApiError::new(
                ErrorKind::ReadOnly,
                "Read-only: this would change something, so it was not sent.",
            )
            .with_next("Start without --read-only to make changes."));
        }
        let url = self.url(spec)?;
        if let Some(priority) = spec.priority {
            // A request that waits for its turn hasn't started yet.
            self.rate_limiter().admit(priority).await?;
        }
        let mut watch = self.watch(spec, &url, bearer.is_some());
        let mut waits = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(TRIES - 1)
            .build();
        let result = loop {
            let result = self.attempt(spec, &url, bearer, &mut watch).await;
            if let Some(priority) = spec.priority {
                self.rate_limiter().observe(priority, result.as_ref().err()).await;
            }
            let Err(error) = &result else { break result };
            if !may_repeat(spec.kind, error) {
                break result;
            }
            let Some(wait) = waits.next() else { break result };
            // The server asks for a longer wait than we accept: retrying early would only annoy it.
            if error.retry_after.is_some_and(|asked| asked > LONGEST_WAIT) {
                break result;
            }
            watch.waits();
            // For requests that can be retried, no other status means too many calls.
            let least = if error.status == Some(429) { Duration::from_secs(1) } else { Duration::ZERO };
            tokio::time::sleep(wait.max(error.retry_after.unwrap_or(least))).await;
            if let Some(priority) = spec.priority
                && let Err(error) = self.rate_limiter().admit(priority).await
            {
                break Err(error);
            }
        };
        watch.end(result.as_ref().err());
        result
    }

    fn watch(&self, spec: &RequestSpec, url: &Url, bearer: bool) -> Watch<'_> {
        let path = match url.query() {
            // Our queries contain no credentials; those of other people's files might.
            Some(_) if spec.address.is_some() => format!("{}?…", url.path()),
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let method = match spec.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        };
        let scheme = if url.scheme() == "http" { "http" } else { "https" };
        let charged = self.charged(spec).filter(|_| bearer);
        let sent = Sent { method, scheme, host: host(url), path, bearer, charged };
        Watch::start(&self.0.wire.recorder, spec, sent)
    }

    fn url(&self, spec: &RequestSpec) -> Result<Url, ApiError> {
        if let Some(address) = &spec.address {
            // Both of them always have a host.
            let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
            return url.ok_or_else(|| {
                ApiError::new(
                    ErrorKind::Credentials,
                    "The credentials file has an invalid address: it must start with https://.",
                )
            });
        }
        let text = format!("{}{}", self.endpoints().url(spec.base), spec.path);
        let mut url = Url::parse(&text)
            .map_err(|_| ApiError::new(ErrorKind::Invalid, "This name can't be put into a URL."))?;
        // An empty name would address something else: the list it belongs to.
        let has_gap = spec.path.contains("//") || spec.path.contains("/:");
        if has_gap || (spec.path.ends_with('/') && spec.base != Service::Metadata) {
            return Err(ApiError::new(ErrorKind::Invalid, "A name is missing."));
        }
        // `.` and `..` survive encoding and would be read as path steps.
        if !url.path().ends_with(&spec.path) {
            return Err(ApiError::new(ErrorKind::Invalid, "A name can't consist of dots only."));
        }
        if !spec.query.is_empty() {
            url.set_query(Some(&encode_query(&spec.query)));
        }
        Ok(url)
    }

    async fn attempt(
        &self,
        spec: &RequestSpec,
        url: &Url,
        bearer: Option<&Secret>,
        watch: &mut Watch<'_>,
    ) -> Result<Answer, ApiError> {
        watch.tried();
        let client = self.client(spec.base, url).await?;
        let method = match spec.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut request = client.request(method, url.clone()).timeout(self.0.wire.timeout);
        // The metadata server answers with JSON, text and HTML, and only to clients that identify themselves.
        request = match spec.base {
            Service::Metadata => request.header(FLAVOR.0, FLAVOR.1),
            _ => request.header(header::ACCEPT, "application/json"),
        };
        if spec.may_bring_a_secret() {
            request = request.header(header::ACCEPT_ENCODING, "identity");
        }
        for (name, value) in &spec.headers {
            let name = header::HeaderName::try_from(name).map_err(|_| {
                ApiError::new(
                    ErrorKind::Credentials,
                    "The credentials file sets a header whose name is not allowed.",
                )
            })?;
            request = request.header(name, sensitive(value)?);
        }
        let charged = bearer.and_then(|_| self.charged(spec));
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, authorization(bearer)?);
        }
        if let Some(project) = &charged {
            let project = header::HeaderValue::try_from(project)
                .map_err(|_| ApiError::new(ErrorKind::Invalid, "Invalid quota project name."))?;
            request = request.header("x-goog-user-project", project);
        }
        request = match &spec.body {
            Body::Empty => request,
            Body::Json(value) => request.json(value),
            Body::Form { plain, secret } => {
                let plain = plain.iter().map(|(name, value)| (*name, value.as_str()));
                let secret = secret.iter().map(|(name, value)| (*name, value.expose()));
                request.form(&plain.chain(secret).collect::<Vec<_>>())
            }
        };
        let request = request.build().map_err(|error| self.broken(&error, url))?;
        let since = Instant::now();
        let response = match client.execute(with_length(request)).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_timeout() && !error.is_connect() {
                    // Anything sent over the same connection could also wait in vain.
                    self.disconnect().await;
                }
                return Err(self.broken(&error, url));
            }
        };
        let status = response.status();
        watch.status(status.as_u16());
        let headers = response.headers().clone();
        let skew = skew(&headers, now(), since.elapsed());
        let body = self.read(response, url).await?;
        if spec.base == Service::Metadata && headers.get(FLAVOR.0).is_none_or(|flavor| flavor != FLAVOR.1) {
            return Err(not_an_answer(url, "it doesn't identify itself as Google's metadata server"));
        }
        // Redacted first, for records and errors alike, and for successes: servers do quote.
        let clean = without_secrets(&body, spec, bearer);
        watch.body(body.len(), clean.as_bytes());
        if spec.tells_the_time() && !is_html(&body) {
            self.clock(skew, watch);
        }
        if status.is_success() {
            if is_html(&body) && spec.base != Service::Metadata {
                return Err(not_an_answer(
                    url,
                    "a web page came back: a proxy or login page might be in between",
                ));
            }
            return Ok(Answer { body, max_age: max_age(&headers) });
        }
        if status.is_redirection() {
            return Err(not_an_answer(url, "it redirects elsewhere, and redirects aren't followed"));
        }
        // An address from a file answered by itself, not as the service that it replaces.
        let instead = self.host_instead(spec);
        let asked = RequestContext { quota_project: charged, instead, ..spec.asked.clone() };
        let mut error = ApiError::from_answer(status.as_u16(), clean.as_bytes(), &asked);
        error.retry_after = retry_after(&headers).or(error.retry_after);
        Err(error)
    }

    /// The host of an address from the credentials, if it isn't Google's.
    fn host_instead(&self, spec: &RequestSpec) -> Option<String> {
        let url = Url::parse(spec.address.as_deref()?).ok()?;
        if takes_credentials(&url, self.endpoints().universe()) {
            return None;
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}{port}", url.host_str()?))
    }

    /// Remembers the clock difference that an answer tells.
    fn clock(&self, skew: Option<i64>, watch: &mut Watch<'_>) {
        watch.skew(skew);
        if let Some(skew) = skew {
            self.0.skew.store(skew, Ordering::Relaxed);
        }
    }

    /// How far this machine's clock is behind Google's, in milliseconds; `None` until an answer told.
    pub(crate) fn skew(&self) -> Option<i64> {
        Some(self.0.skew.load(Ordering::Relaxed)).filter(|skew| *skew != UNTOLD)
    }

    /// Reads a body of reasonable size.
    async fn read(&self, mut response: reqwest::Response, url: &Url) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let expected = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(64 * 1024);
        // Enough capacity from the start: growing would leave copies of a token behind in freed memory.
        let mut body = Zeroizing::new(Vec::with_capacity(expected.min(BODY_LIMIT)));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error, url))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(not_an_answer(url, "more than 8 MiB came back, so the rest wasn't read"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The connection pool for this address, created at first use because loading the trusted roots takes milliseconds.
    async fn client(&self, base: Service, url: &Url) -> Result<reqwest::Client, ApiError> {
        // The metadata server belongs to the machine: a proxy would return its own.
        let host = url.host_str().unwrap_or_default();
        let near = base == Service::Metadata || is_near(host);
        let exempt = || self.endpoints().no_proxy().covers(host, url.port_or_known_default().unwrap_or(443));
        let proxied = self.0.wire.use_proxy && !near && !exempt();
        let mut pool = if proxied { &self.0.proxied } else { &self.0.direct }.lock().await;
        if let Some(client) = &*pool {
            return Ok(client.clone());
        }
        let client = tokio::task::spawn_blocking(move || build(proxied))
            .await
            .map_err(|_| ApiError::new(ErrorKind::Other, "The HTTP client couldn't be started."))??;
        Ok(pool.insert(client).clone())
    }

    /// Sends everything through a client that a test made.
    #[cfg(test)]
    pub(crate) async fn connect_through(&self, client: reqwest::Client) {
        *self.0.direct.lock().await = Some(client);
    }

    /// Closes every idle connection, and each busy one after its answer. As long as a connection is open, the libraries
    /// below keep what was last read and written on it, tokens included.
    pub(crate) async fn disconnect(&self) {
        *self.0.proxied.lock().await = None;
        *self.0.direct.lock().await = None;
    }

    /// What happened to a request without a whole answer. reqwest's own texts are for programmers.
    fn broken(&self, error: &reqwest::Error, url: &Url) -> ApiError {
        let host = host(url);
        if error.is_builder() {
            return ApiError::new(ErrorKind::Invalid, format!("The request to {host} couldn't be built."));
        }
        if error.is_timeout() && error.is_connect() {
            return ApiError::new(
                ErrorKind::Timeout,
                format!("{host} doesn't respond: connecting timed out."),
            )
            .with_next("Check the network, VPN and proxy settings.")
            .before_sending();
        }
        if error.is_timeout() {
            let seconds = self.0.wire.timeout.as_secs_f32();
            return ApiError::new(
                ErrorKind::Timeout,
                format!("{host} didn't send a complete response within {seconds} s."),
            )
            .with_next("Try again, or allow more time with --timeout.");
        }
        let cause = root_cause(error);
        if let Some(scheme) = cause.strip_prefix(": unsupported scheme ") {
            let message = format!(
                "The proxy set by HTTPS_PROXY, HTTP_PROXY or ALL_PROXY can't be used: {scheme}:// isn't supported."
            );
            return ApiError::new(ErrorKind::Config, message)
                .with_next(format!(
                    "Set an HTTP proxy, as http://HOST:PORT, or list {host} in NO_PROXY to reach it directly."
                ))
                .before_sending();
        }
        let broken = |message| {
            ApiError::new(ErrorKind::Network, message).with_next("Check the network, VPN and proxy settings.")
        };
        if error.is_connect() {
            broken(format!("{host} can't be reached{cause}.")).before_sending()
        } else {
            broken(format!("The connection to {host} broke before the response was complete."))
        }
    }
}

fn build(proxied: bool) -> Result<reqwest::Client, ApiError> {
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("impersona/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_PATIENCE)
            .http2_keep_alive_while_idle(true);
        // The tests of this crate use loopback without TLS, so they skip the machine's roots, which take longer to load
        // than most requests.
        #[cfg(test)]
        let builder = builder.tls_certs_only(carried_roots().take(1));
        if proxied { builder } else { builder.no_proxy() }
    };
    // A machine without root certificates would fail even for loopback calls, so Mozilla's roots are bundled.
    builder().build().or_else(|_| builder().tls_certs_only(carried_roots()).build()).map_err(|_| {
        ApiError::new(
            ErrorKind::Config,
            "The HTTP client doesn't start: check the proxy and certificate settings.",
        )
    })
}

/// Google's front end rejects a method that can have a body but states no length (status 411), even if the body is
/// empty. hyper omits a length of zero over HTTP/1.1.
fn with_length(mut request: reqwest::Request) -> reqwest::Request {
    use reqwest::Method;
    let carries = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
    let is_empty = request.body().is_none_or(|body| body.as_bytes().is_some_and(<[u8]>::is_empty));
    if carries && is_empty {
        request.headers_mut().insert(header::CONTENT_LENGTH, header::HeaderValue::from_static("0"));
    }
    request
}

fn carried_roots() -> impl Iterator<Item = reqwest::Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok())
}

fn authorization(bearer: &Secret) -> Result<header::HeaderValue, ApiError> {
    let text = Zeroizing::new(format!("Bearer {}", bearer.expose()));
    let mut value = header::HeaderValue::from_str(&text).map_err(|_| {
        ApiError::new(ErrorKind::Credentials, "Your access token contains invalid characters.")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn sensitive(text: &Secret) -> Result<header::HeaderValue, ApiError> {
    let mut value = header::HeaderValue::from_str(text.expose()).map_err(|_| {
        ApiError::new(ErrorKind::Credentials, "The credentials contain characters not allowed in a header.")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// This machine, or the link-local address of cloud metadata servers: never behind a proxy.
pub(crate) fn is_near(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let link_local = match ip {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_link_local(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.segments()[0] == 0xfd00,
        Err(_) => false,
    };
    link_local || is_loopback(host)
}

/// Only requests without effect are sent twice, and only if a second attempt could succeed.
fn may_repeat(kind: CallKind, error: &ApiError) -> bool {
    let passing = match error.status {
        Some(429 | 500 | 502 | 503 | 504) => true,
        Some(_) => false,
        None => error.kind == ErrorKind::Network,
    };
    passing && matches!(kind, CallKind::Read | CallKind::Mint)
}

fn not_an_answer(url: &Url, why: &str) -> ApiError {
    ApiError::new(ErrorKind::Server, format!("{} sent no usable response: {why}.", host(url)))
        .with_next("Check the endpoint and proxy settings.")
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// The innermost text of a connection error: `: Connection refused`, `: dns error`, a certificate error.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    let mut text = String::new();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    // `Connection refused (os error 111)`: the number is for programmers.
    let words = text.split(" (os error").next().unwrap_or_default();
    if words.is_empty() { String::new() } else { format!(": {}", plain(words)) }
}

#[cfg(test)]
#[path = "transport_tests/mod.rs"]
mod tests;
