//! The client: settings in, one typed method for each operation (in the files of the services), all over one
//! transport and one token. Making one does no IO; clones share everything.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{
    api::{
        oauth::KeyCache,
        pages::{MOST_PAGES, Pages, Read},
        untestable::Untestable,
    },
    auth::{Source, token_cache::TokenCache},
    http::{
        ApiError, ErrorKind,
        answer::Answer,
        endpoints::{Endpoints, service},
        rate_limiter::{RATE, RateLimiter},
        record::{Record, Recorder},
        request_spec::RequestSpec,
        transport::{Http, Wire},
    },
    model::caller::{Caller, Charge},
};

/// What a client is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the services are.
    pub(crate) endpoints: Endpoints,
    /// Whose credentials to use; an error is given back by every call that needs some, so that a client without a
    /// caller can be made and everything else still works.
    pub(crate) source: Result<Source, ApiError>,
    /// Which project calls are charged to.
    pub charge: Charge,
    /// The whole time for one try of one request.
    pub timeout: Duration,
    /// Whether calls that change something are refused.
    pub(crate) read_only: bool,
    /// Gets a record at the start and at the end of each request, and is never waited for.
    pub(crate) records: Option<mpsc::Sender<Record>>,
    /// Whether the system's proxies are used. This machine is always called directly.
    pub use_proxy: bool,
    /// How many questions of those that are asked by the dozen go out in a second: tests of permissions, policies
    /// above an account, scans. Halved when the server says that they are too many. None lifts the limit.
    pub rate: Option<f64>,
}

impl Settings {
    /// The usual ones: 30 seconds, 20 questions a second, proxies as the system has them, nothing recorded.
    pub fn new(endpoints: Endpoints, source: Result<Source, ApiError>) -> Settings {
        Settings {
            endpoints,
            source,
            charge: Charge::AsCredentials,
            timeout: Duration::from_secs(30),
            read_only: false,
            records: None,
            use_proxy: true,
            rate: Some(f64::from(RATE)),
        }
    }
}

/// One caller's access to Google. Clones are cheap and share connections, token and caches.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Http,
    token_cache: TokenCache,
    known: Caller,
    keys: KeyCache,
    untestable: Untestable,
}

impl Client {
    /// Makes a client; nothing is sent, read or started before the first call.
    pub fn new(settings: Settings) -> Client {
        let source = settings.source.as_ref().ok();
        let endpoints = settings.endpoints.with_token_uri(source.and_then(Source::token_uri));
        let charge = match (settings.charge, source.and_then(|source| source.quota_project.clone())) {
            (Charge::AsCredentials, Some(project)) => Charge::Project(project),
            (charge, _) => charge,
        };
        let quota_project = match &charge {
            Charge::Project(project) => Some(project.clone()),
            Charge::AsCredentials | Charge::Unnamed => None,
        };
        let known = Caller {
            quota_project,
            universe: endpoints.universe().to_owned(),
            ..source.map(Source::caller).unwrap_or_default()
        };
        let http = Http::new(Wire {
            endpoints,
            charge,
            timeout: settings.timeout,
            read_only: settings.read_only,
            use_proxy: settings.use_proxy,
            recorder: Recorder::new(settings.records),
            rate_limiter: RateLimiter::new(settings.rate),
        });
        let token_cache = TokenCache::new(settings.source, http.clone());
        Client(Arc::new(Inner {
            http,
            token_cache,
            known,
            keys: KeyCache::default(),
            untestable: Untestable::default(),
        }))
    }

    /// Where the services are.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        self.0.http.endpoints()
    }

    /// What is known of the caller without asking anybody.
    pub fn known_caller(&self) -> Caller {
        self.0.known.clone()
    }

    /// How far this machine's clock is behind Google's, in milliseconds, by the last answer; ahead is negative. None
    /// before one came.
    pub(crate) fn skew(&self) -> Option<i64> {
        self.0.http.skew()
    }

    /// How many records did not fit into the channel.
    pub(crate) fn lost_records(&self) -> u64 {
        self.0.http.lost_records()
    }

    /// Lets probing go on after it stopped at repeated denials: the person asked for a refresh.
    pub(crate) fn reset_probing(&self) {
        self.0.http.rate_limiter().reset();
    }

    /// Sends everything through a client of a test's making.
    #[cfg(test)]
    pub(crate) async fn connect_through(&self, client: reqwest::Client) {
        self.0.http.connect_through(client).await;
    }

    /// Closes the connections; the next request opens a new one. This frees what the libraries keep of the traffic on
    /// them.
    pub(crate) async fn disconnect(&self) {
        self.0.http.disconnect().await;
    }

    pub(super) fn token_cache(&self) -> &TokenCache {
        &self.0.token_cache
    }

    /// The project that calls are charged to, as far as it is known by now.
    pub(super) fn quota_project(&self) -> Option<&str> {
        self.0.http.quota_project()
    }

    pub(super) fn keys(&self) -> &KeyCache {
        &self.0.keys
    }

    /// Sends a request with the caller's token, if it takes one. When the token is not accepted, it is renewed
    /// once and the request is sent again: a 401 says that nothing was carried out.
    pub(crate) async fn send(&self, spec: RequestSpec) -> Result<Answer, ApiError> {
        let (base, elsewhere) = (spec.base, spec.address.is_some());
        // What was refused to the token cache was asked elsewhere, and says so itself.
        let of_this = |error: &ApiError| {
            let asked = error.refusal.as_ref().map(|refusal| &refusal.asked.service);
            !elsewhere && asked == Some(&service(base))
        };
        let sent = self.send_as_caller(spec).await;
        sent.map_err(|error| if of_this(&error) { error.at(self.endpoints(), base) } else { error })
    }

    async fn send_as_caller(&self, spec: RequestSpec) -> Result<Answer, ApiError> {
        if !spec.auth {
            return self.0.http.send(&spec, None).await;
        }
        let token = self.token_cache().token().await?;
        match self.0.http.send(&spec, Some(&token.secret)).await {
            Err(error) if error.status == Some(401) && error.kind == ErrorKind::Credentials => {
                match self.token_cache().another(&token).await? {
                    Some(fresh) => match self.0.http.send(&spec, Some(&fresh.secret)).await {
                        Err(error) if error.status == Some(401) => Err(self.with_remedy(error)),
                        result => result,
                    },
                    None => Err(self.with_remedy(error)),
                }
            }
            result => result,
        }
    }

    /// The credentials are not accepted: what to do depends on where they are from.
    pub(super) fn with_remedy(&self, error: ApiError) -> ApiError {
        match self.token_cache().remedy() {
            Some(next) => error.with_next(next),
            None => error,
        }
    }

    /// Asks which of these permissions the caller has on a resource of a kind; gives the answer and the permissions that
    /// were asked about in the end: those that cannot be tested there are left out. None where nothing can.
    pub(super) async fn ask_permissions(
        &self,
        kind: &'static str,
        permissions: &[&'static str],
        spec: impl Fn(&[&str]) -> RequestSpec,
    ) -> Result<Option<(Answer, Vec<&'static str>)>, ApiError> {
        loop {
            let asked = self.0.untestable.without(kind, permissions).await;
            if asked.is_empty() {
                return Ok(None);
            }
            match self.send(spec(&asked)).await {
                Ok(answer) => return Ok(Some((answer, asked))),
                // Each time there is at least one less.
                Err(error) => {
                    if !self.0.untestable.learn(kind, &asked, &error).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Sends a list request and the ones for all further pages.
    pub(super) async fn follow(
        &self,
        first: RequestSpec,
        page: impl FnMut(&[u8]) -> Result<Read, ApiError>,
    ) -> Result<(), ApiError> {
        self.follow_to(MOST_PAGES, first, page).await
    }

    async fn follow_to(
        &self,
        most: usize,
        first: RequestSpec,
        mut page: impl FnMut(&[u8]) -> Result<Read, ApiError>,
    ) -> Result<(), ApiError> {
        let mut pages = Pages::new(&first.asked.service, most);
        let mut spec = first.clone();
        loop {
            let answer = self.send(spec).await?;
            let read = page(&answer.body)?;
            let Some(token) = pages.after(read, answer.body.len())? else { return Ok(()) };
            spec = first.clone();
            spec.query.push(("pageToken", token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Server, ok},
        http::endpoints::Service,
        model::denial::RequestContext,
    };

    #[tokio::test]
    async fn a_list_of_ever_new_pages_ends_with_a_sentence() {
        let server = Server::start((0..9).map(|n| ok(&n.to_string()))).await;
        let asked = RequestContext { service: "iam.googleapis.com".into(), ..RequestContext::default() };
        let first = RequestSpec::get(Service::Iam, "/v1/x".into(), asked);
        let page = |body: &[u8]| {
            let text = String::from_utf8_lossy(body).into_owned();
            Ok(Read::of(Some(text.clone()), [text.as_str()].into_iter()))
        };
        let error = server.client().follow_to(3, first, page).await.unwrap_err();
        assert_eq!((error.kind, server.requests().await.len()), (ErrorKind::Server, 3));
        assert_eq!(error.sentence(), "The list from iam.googleapis.com doesn't end: 3 pages were read.");
    }
}
