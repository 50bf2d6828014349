//! A local double of the Google APIs that impersona speaks to: IAM, IAM Credentials, Resource Manager, Service Usage,
//! Cloud Asset, Policy Troubleshooter, Policy Analyzer, the OAuth endpoints, the Security Token Service, the public
//! keys and the metadata server, over real HTTP on loopback. It implements the protocol on its own and imports
//! nothing of the client, so that two implementations have to agree; it keeps everything in memory. Its feature
//! `checked` makes it panic rather than give an answer that Google's documents do not allow.
//!
//! ```no_run
//! # async fn run() -> Result<(), impersona_emulator::StartError> {
//! use impersona_emulator::{Emulator, Options, World};
//! let emulator = Emulator::start(Options { port: 0, world: World::demo() }).await?;
//! println!("{}", impersona_emulator::first_line(&emulator));
//! # Ok(())
//! # }
//! ```

mod accounts;
mod activity;
mod addresses;
mod admission;
mod analysis;
mod asset;
mod behaviour;
mod boundary;
mod callers;
mod check;
mod clock;
mod condition;
#[cfg(feature = "checked")]
mod conforming;
mod connection;
mod deny;
mod error;
mod es256;
mod explain;
mod fault;
mod federated;
mod files;
mod filter;
mod front;
mod hardware;
mod identity;
mod identity_check;
mod jwks;
mod keys;
mod member;
mod metadata;
pub mod names;
mod partial;
mod perimeter;
mod permission;
mod policy;
mod reply;
mod role;
mod routes;
mod search;
mod services;
mod state;
mod subject;
mod testable;
mod tokens;
mod verdict;
mod workspace;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::http::{Request, header};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use addresses::Addresses;
use clock::Clock;
use connection::{ConnectionCutter, CuttableListener};
use front::{Authority, Front, Host, Proxy};
use state::{Resource, Shared, State};
use tokens::{Principal, Token};

pub use behaviour::{
    AssetDenial, Behaviour, DisabledAccount, EmptyBindings, LargePages, Messages, OldReaders, SignedClaims,
    Tolerance, UnchangedPolicy,
};
pub use callers::{Caller, Source};
pub use deny::{DenyPolicy, DenyRule};
pub use fault::{Delivery, Fault, Outcome};
pub use filter::SideBySide;
pub use hardware::{Disk, NetworkInterface};
pub use identity::{
    Aws, AwsRole, IdentityPools, Mapping, Oidc, Provider, ProviderKind, Saml, SamlResponse, Session,
    WorkforcePool, WorkforceUser, WorkloadPool,
};
pub use metadata::{Attached, Instance, Metadata, Platform};
pub use perimeter::Perimeter;
pub use policy::{AuditConfig, AuditLogConfig, Binding, Condition, Policy};
pub use search::{Precedence, Wildcard};
pub use state::Served;
pub use workspace::{Delegation, Workspace};
pub use world::{
    Account, AccountKey, ClientProject, CustomRole, Folder, GENERATED_AUDITOR, GENERATED_OWNER, Group,
    Organization, OrganizationSize, Project, User, World, WorldError,
};

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// What it knows at the start.
    pub world: World,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port could not be had.
    #[error("the emulator cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// The credentials files could not be written.
    #[error("the emulator cannot write its credentials files: {0}")]
    Files(#[from] std::io::Error),
    /// The proxy has no certificate.
    #[error("the emulator cannot make a certificate for its proxy: {0}")]
    Authority(std::io::Error),
}

/// A credentials file of a caller.
#[derive(Debug, Clone)]
pub struct CallerFile {
    /// Who signs in, as in a policy: `user:…`, `serviceAccount:…` or `principal://…`.
    pub principal: String,
    /// The file's type, as `authorized_user` or `external_account`.
    pub kind: String,
    /// The account that the file is to be used as, if that is another one.
    pub impersonates: Option<String>,
    /// Where it is, until the emulator is dropped.
    pub path: PathBuf,
}

/// A running emulator. It stops, and its credentials files go, when it is dropped.
pub struct Emulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
    callers: Vec<CallerFile>,
    projects: Vec<String>,
    /// Whether the world stands on a machine with a metadata server.
    on_cloud: bool,
    /// Whether a credentials file names a program to be run.
    runs_programs: bool,
    /// In whose name its proxy speaks, if it is one, and the file with the certificate by which that is believed.
    authority: Option<(Arc<Authority>, PathBuf)>,
    /// Serves as long as this is kept.
    server: JoinSet<()>,
    connections: ConnectionCutter,
    // Held for its drop, which removes the files.
    _files: TempDir,
}

impl Emulator {
    /// Starts on loopback.
    pub async fn start(options: Options) -> Result<Emulator, StartError> {
        Emulator::launch(options, None).await
    }

    /// Starts on loopback, as a proxy, too: whatever asks it for a tunnel to one of Google's hosts that it serves is
    /// answered here, over TLS that the authority in [`Emulator::certificate`] vouches for. Its credentials files say
    /// Google's own addresses. No other host is reached through it.
    pub async fn start_with_proxy(options: Options) -> Result<Emulator, StartError> {
        // The real time: clients hold certificates against theirs.
        let authority = Authority::make(Clock::default().now()).map_err(StartError::Authority)?;
        Emulator::launch(options, Some(Arc::new(authority))).await
    }

    async fn launch(options: Options, authority: Option<Arc<Authority>>) -> Result<Emulator, StartError> {
        let Options { port, world } = options;
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let base = format!("http://{addr}/");
        let files = files::make_folder()?;
        let projects = world.projects.iter().map(|project| project.id.clone()).collect();
        let (stated, on_cloud) = (world.callers.clone(), world.metadata.is_some());
        let runs_programs = stated.iter().any(|caller| caller.source == Some(Source::Executable));
        let clock = Clock::default();
        // A world that was read fits; in one put together otherwise a clock that cannot be told stays where it is.
        clock.advance(world.clock_offset_seconds);
        let mut state = State::new(world, clock.micros());
        let addresses = match authority {
            Some(_) => Addresses::Google,
            None => Addresses::Here(base.clone()),
        };
        let context =
            files::FileContext { addresses: &addresses, base: &base, folder: files.path(), now: clock.now() };
        let callers = files::write_files(&mut state, &stated, &context).await?;
        let authority = match authority {
            Some(authority) => {
                let path = files.path().join("authority.pem");
                files::write_private(&path, 0o600, &authority.certificate)?;
                Some((authority, path))
            }
            None => None,
        };
        let shared = Arc::new(Shared {
            clock,
            addresses,
            base,
            control: AtomicBool::new(false),
            state: Mutex::new(state),
            machine: watch::Sender::new(()),
        });
        let (server, connections) = serve(listener, &shared, authority.as_ref());
        Ok(Emulator {
            addr,
            shared,
            callers,
            projects,
            on_cloud,
            runs_programs,
            authority,
            server,
            connections,
            _files: files,
        })
    }

    /// Cuts every connection and refuses new ones, until [`Emulator::listen_again`]. What it holds stays.
    pub async fn stop_listening(&mut self) {
        self.connections.cut();
        self.server.shutdown().await;
    }

    /// Listens where it did before.
    pub async fn listen_again(&mut self) -> Result<(), StartError> {
        let port = self.addr.port();
        let listener = TcpListener::bind(self.addr).await;
        let listener = listener.map_err(|source| StartError::Listen { port, source })?;
        (self.server, self.connections) = serve(listener, &self.shared, self.authority.as_ref());
        Ok(())
    }

    /// The file with the certificate of the authority, as PEM, where the emulator is a proxy; it goes with the emulator.
    pub fn certificate(&self) -> Option<&Path> {
        self.authority.as_ref().map(|(_, path)| path.as_path())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT/`, the base of every service.
    pub fn base_url(&self) -> String {
        self.shared.base.clone()
    }

    /// What points impersona and gcloud at this emulator, as the default caller: at its port, or where it is a proxy,
    /// through that, with not one address set.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = match self.certificate() {
            None => self.endpoints(),
            Some(certificate) => self.tunnel(&certificate.display().to_string()),
        };
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        if let Some(caller) = self.callers.first() {
            let path = caller.path.display().to_string();
            // gcloud does not look at application default credentials.
            set("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", path.clone());
            set("GOOGLE_APPLICATION_CREDENTIALS", path);
        }
        if let Some(project) = self.projects.first() {
            set("CLOUDSDK_CORE_PROJECT", project.clone());
            set("GOOGLE_CLOUD_PROJECT", project.clone());
        }
        if self.on_cloud {
            // Each client reads another one of these.
            for name in ["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"] {
                set(name, self.addr.to_string());
            }
        }
        env
    }

    fn endpoints(&self) -> Vec<(String, String)> {
        let base = self.base_url();
        let over = |(_, name): &(_, &str)| (format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}"), base.clone());
        let mut env: Vec<(String, String)> = SERVICES.iter().map(over).collect();
        env.push(("CLOUDSDK_AUTH_TOKEN_HOST".to_owned(), format!("{base}token")));
        env.push(("IMPERSONA_OAUTH2_ENDPOINT".to_owned(), base.clone()));
        env.push(("IMPERSONA_CERTS_ENDPOINT".to_owned(), base));
        env
    }

    /// The proxy, what it is not asked for, and the certificate under the name by which each library looks for one.
    fn tunnel(&self, certificate: &str) -> Vec<(String, String)> {
        let proxy = format!("http://{}", self.addr);
        // Both cases: most read the one that they find first, and prefer the small one.
        let proxies = ["HTTPS_PROXY", "https_proxy"].map(|name| (name, proxy.as_str()));
        let direct = ["NO_PROXY", "no_proxy"].map(|name| (name, "127.0.0.1,localhost,::1"));
        let authority = AUTHORITY.map(|name| (name, certificate));
        // Node's own fetch looks at proxies only when told to.
        let all = proxies.into_iter().chain(direct).chain([("NODE_USE_ENV_PROXY", "1")]).chain(authority);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// What is printed, for a shell in which anything may be started: as [`Emulator::env`], but for the caller that
    /// Google's libraries find. They ask Google itself about a person's login, whatever `token_uri` its file has
    /// (google-auth, `oauth2/credentials.py`), so without a proxy it is for them the first account with a key, whose file
    /// they follow; else a login of a workforce pool; else the default caller.
    pub fn shell_env(&self) -> Vec<(String, String)> {
        let mut env = self.env();
        let of_kind = |kind: &str| self.callers.iter().find(|caller| caller.kind == kind);
        let follows = of_kind("service_account").or_else(|| of_kind("external_account_authorized_user"));
        let follows = follows.filter(|_| self.authority.is_none());
        let named = env.iter_mut().find(|(name, _)| name == "GOOGLE_APPLICATION_CREDENTIALS");
        if let (Some((_, path)), Some(caller)) = (named, follows) {
            *path = caller.path.display().to_string();
        }
        if self.runs_programs {
            env.push(("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES".to_owned(), "1".to_owned()));
        }
        env
    }

    /// The credentials files; the first belongs to the default caller.
    pub fn callers(&self) -> &[CallerFile] {
        &self.callers
    }

    /// Serves `/_emulator/` from now on: `POST faults` arms one, `DELETE faults` disarms all, `POST clock` with
    /// `{"advanceSeconds": N}` moves the clock, `POST machine` changes the machine, `GET requests` returns the log,
    /// `GET methods` and `GET errors` list the names for faults. Any process that reaches the port can use it.
    pub fn open_control(&self) {
        self.shared.control.store(true, Ordering::Relaxed);
    }

    /// A way to arm faults and look inside while it runs.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }
}

/// Serves until the tasks are ended; gives what cuts all their connections, too.
fn serve(
    listener: TcpListener,
    shared: &Arc<Shared>,
    authority: Option<&(Arc<Authority>, PathBuf)>,
) -> (JoinSet<()>, ConnectionCutter) {
    let mut server = JoinSet::new();
    let proxy = authority.map(|(authority, _)| {
        let (proxy, tunnels) = Proxy::new(Arc::clone(authority));
        server.spawn(tunnels);
        proxy
    });
    let app = Front { shared: Arc::clone(shared), proxy }.router();
    let service = app.into_make_service_with_connect_info::<ConnectionCutter>();
    let all = ConnectionCutter::default();
    let listener = CuttableListener { listener, all: all.clone() };
    server.spawn(async move {
        // Ends with its task only: the listener retries by itself.
        let _ = axum::serve(listener, service).await;
    });
    (server, all)
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.connections.cut();
        #[cfg(test)]
        tests::contract::settle(&self.shared.base);
    }
}

/// The names by which libraries look for the certificates to believe: OpenSSL and rustls, Python's requests and httplib2,
/// curl, Node, gRPC, gcloud.
const AUTHORITY: [&str; 7] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "HTTPLIB2_CA_CERTS",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
];

/// The services and the names of their gcloud overrides.
const SERVICES: &[(&str, &str)] = &[
    ("iam", "IAM"),
    ("iamcredentials", "IAMCREDENTIALS"),
    ("cloudresourcemanager", "CLOUDRESOURCEMANAGER"),
    ("serviceusage", "SERVICEUSAGE"),
    ("cloudasset", "CLOUDASSET"),
    ("policytroubleshooter", "POLICYTROUBLESHOOTER"),
    ("policyanalyzer", "POLICYANALYZER"),
];

/// What `impersona emulator` prints first: `{port, endpoints, env, callers, projects}`, and `control` once that is open.
pub fn first_line(emulator: &Emulator) -> Value {
    let base = emulator.base_url();
    let mut endpoints: Map<String, Value> =
        SERVICES.iter().map(|(name, _)| ((*name).to_owned(), base.clone().into())).collect();
    endpoints.insert("oauth2".into(), base.clone().into());
    endpoints.insert("token".into(), format!("{base}token").into());
    endpoints.insert("sts".into(), base.clone().into());
    endpoints.insert("certs".into(), base.into());
    let env: Map<String, Value> =
        emulator.shell_env().into_iter().map(|(name, value)| (name, value.into())).collect();
    let callers: Vec<Value> = emulator
        .callers()
        .iter()
        .map(|caller| {
            let mut told = json!({"principal": caller.principal, "kind": caller.kind, "path": caller.path});
            if let Some(target) = &caller.impersonates {
                told["impersonates"] = target.clone().into();
            }
            told
        })
        .collect();
    let mut line = json!({"port": emulator.addr().port(), "endpoints": endpoints, "env": env, "callers": callers,
        "projects": emulator.projects});
    if emulator.shared.control.load(Ordering::Relaxed) {
        line["control"] = format!("http://{}{}", emulator.addr(), routes::CONTROL).into();
    }
    line
}

/// Looks into a running emulator and makes things go wrong.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Arms a fault.
    pub async fn add_fault(&self, fault: Fault) {
        self.shared.state.lock().await.faults.add(fault);
    }

    /// Disarms every fault.
    pub async fn clear_faults(&self) {
        self.shared.state.lock().await.faults.clear();
    }

    /// Moves the emulator's clock: tokens end, conditions change, the `Date` header says so. False, and nothing is
    /// moved, where that would leave the years 1971 to 9998.
    pub fn advance_clock(&self, seconds: i64) -> bool {
        self.shared.clock.advance(seconds)
    }

    /// Changes the machine: what waits at its metadata server for a change hears of it. False if there is none.
    pub async fn change_machine(&self, change: impl FnOnce(&mut Metadata)) -> bool {
        self.shared.change_machine(change).await
    }

    /// The emulator's time, in seconds since the epoch.
    pub fn now(&self) -> i64 {
        self.shared.clock.now()
    }

    /// What a request is answered, without a connection: its status and body. `path` begins with a slash and may have
    /// a query; `body` is JSON. Faults that break connections break nothing here. Panics if the verb or the path is
    /// malformed.
    pub async fn ask(&self, verb: &str, path: &str, bearer: &str, body: Option<&Value>) -> (u16, Vec<u8>) {
        let request = Request::builder()
            .method(verb)
            .uri(path)
            .header(header::HOST, "127.0.0.1")
            .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(String::new, Value::to_string))
            .expect("the verb and the path are well-formed");
        let (parts, body) = request.into_parts();
        let cutter = ConnectionCutter::default();
        let response =
            routes::serve(&self.shared, &cutter, parts, Ok(Bytes::from(body)), Host::Loopback).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        (status, bytes.map(|bytes| bytes.to_vec()).unwrap_or_default())
    }

    /// The requests so far: method, path, status; never a token, a query or a body.
    pub async fn request_log(&self) -> Vec<Served> {
        self.shared.state.lock().await.log()
    }

    /// Forgets the requests so far, so that the log holds only what comes from now on.
    pub async fn forget_requests(&self) {
        self.shared.state.lock().await.forget_log();
    }

    /// The allow policy of an account as it is stored.
    pub async fn policy_of(&self, email: &str) -> Option<Policy> {
        let state = self.shared.state.lock().await;
        state.account(email).map(|i| state.policy(Resource::Account(i)).clone())
    }

    /// Whether a member such as `user:dev@example.com` has a permission on an account now: what every call is decided by, for
    /// tests that compare something else with it. `None` for a member that is not one principal, and for an account that
    /// is not there.
    pub async fn has_permission(&self, member: &str, permission: &str, email: &str) -> Option<bool> {
        let who = Principal::parse(member)?;
        let state = self.shared.state.lock().await;
        let on = Resource::Account(state.account(email)?);
        Some(state.allows(&who, permission, on, self.shared.clock.now()))
    }

    /// Changes the policy of an account as another user would; false if there is no such account.
    pub async fn set_policy_of(&self, email: &str, change: impl FnOnce(&mut Policy)) -> bool {
        let mut state = self.shared.state.lock().await;
        let Some(i) = state.account(email) else { return false };
        let mut policy = state.policy(Resource::Account(i)).clone();
        change(&mut policy);
        policy.normalise();
        policy.etag = state.next_etag(self.shared.clock.micros());
        state.set_policy(Resource::Account(i), policy, self.shared.clock.now());
        true
    }

    /// An access token for a member such as `user:dev@example.com`, past all checks. `None` for another kind of member.
    pub async fn mint(&self, member: &str, scopes: &[&str], seconds: i64) -> Option<String> {
        let principal = Principal::parse(member)?;
        let now = self.shared.clock.now();
        let mut state = self.shared.state.lock().await;
        let client = match state.account(principal.email()) {
            Some(i) => state.accounts[i].unique_id.clone(),
            None => files::CLIENT_ID.to_owned(),
        };
        let scopes = scopes.iter().map(ToString::to_string).collect();
        Some(state.tokens.issue(
            Token { principal, scopes, expires: now.saturating_add(seconds), client, boundary: None },
            now,
        ))
    }
}

#[cfg(test)]
mod permission_tests;
#[cfg(test)]
mod tests;
