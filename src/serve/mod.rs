//! The local metadata server: it mints as one account, on demand, for programs that look for credentials as Google's
//! libraries do. It is not the caller's: what it hands out is the account's.
//!
//! Rules: it listens on loopback only, answers our own user's programs only, and refuses whatever a browser or a proxy
//! sends. Nothing is minted before it is asked for, and once for all who ask at the same time.

mod adc;
mod door;
mod environment;
mod metadata;
mod minting;
mod reply;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, OnceCell, mpsc},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

use crate::{
    api::Client,
    http::ApiError,
    local::peer::{Connections, Peer},
    model::{account, project::Project, secret::Secret},
};
pub(crate) use adc::file as adc_file;
pub(crate) use environment::{Points, REMOVED, environment};
use minting::Minter;
pub(crate) use minting::Wanted;

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// How long reading the project may hold back an answer: clients decide in a second or two whether this is a metadata
/// server at all.
const PROJECT: Duration = Duration::from_secs(2);

/// Whose credentials are handed out, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Impersonation {
    /// The account's email.
    pub(crate) account: String,
    /// First hop first.
    pub(crate) delegates: Vec<String>,
    /// Full scopes: as on Compute Engine, a client gets these whatever it requests. Empty: a client gets what it
    /// requests.
    pub(crate) scopes: Vec<String>,
    pub(crate) lifetime_seconds: u32,
}

/// What happens while it serves.
#[derive(Debug)]
pub(crate) enum Event {
    /// A client got a token.
    Served {
        /// An access token for these scopes, or an ID token for this audience.
        wanted: Wanted,
        /// Whole seconds until it expires.
        left: i64,
    },
    /// None could be minted. Told once for clients that try again.
    NotMinted { wanted: Wanted, error: Box<ApiError> },
    /// A request was refused at the door, with the reason.
    Refused(&'static str),
}

/// What every answer needs.
struct Shared {
    address: SocketAddr,
    client: Client,
    impersonation: Impersonation,
    minter: Minter,
    /// What a program shows that can't be recognized by its user.
    session: Secret,
    project: OnceCell<Project>,
    peers: Peers,
    events: mpsc::Sender<Event>,
}

impl Shared {
    fn tell(&self, event: Event) {
        // A full channel costs a line on stderr.
        let _ = self.events.try_send(event);
    }

    /// The ID and number of the account's project; the number is empty where it can't be read.
    async fn project(&self) -> Project {
        let account = self.impersonation.account.as_str();
        let named = project_named_by(account).unwrap_or_default();
        let read = self.project.get_or_try_init(|| self.client.get_project(&named));
        match timeout(PROJECT, read).await {
            Ok(Ok(project)) => project.clone(),
            Ok(Err(_)) | Err(_) => Project { id: named, ..Project::default() },
        }
    }

    /// The ID of the account's project.
    async fn project_id(&self) -> String {
        match account::project_of(&self.impersonation.account) {
            Some(project) => project.to_string(),
            None => self.project().await.id,
        }
    }
}

/// The ID or number of a project that an account's email contains, in the form of default accounts, too:
/// `PROJECT@appspot.gserviceaccount.com`, `NUMBER-compute@developer.gserviceaccount.com`.
fn project_named_by(email: &str) -> Option<String> {
    account::project_of(email).map(|project| project.to_string()).or_else(|| match email.split_once('@')? {
        (project, "appspot.gserviceaccount.com") => Some(project.to_owned()),
        (name, "developer.gserviceaccount.com") => name.split('-').next().map(str::to_owned),
        _ => None,
    })
}

/// A running server. It stops when dropped, and what it minted is wiped.
pub(crate) struct Server {
    shared: Arc<Shared>,
    /// Whether programs are recognized by their user.
    knows_users: bool,
    _running: JoinSet<()>,
}

impl Server {
    /// Starts it on a loopback port; 0 takes any that is free.
    ///
    /// # Errors
    /// The port can't be had, or this system has no random numbers.
    pub(crate) async fn start(
        client: Client,
        impersonation: Impersonation,
        port: u16,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let mut running = JoinSet::new();
        let minter = Minter::start(client.clone(), impersonation.clone(), events.clone(), &mut running);
        let session = random()?;
        let knows_users = recognizes_itself(&listener, address).await;
        let (project, peers) = (OnceCell::new(), Peers::default());
        let shared =
            Arc::new(Shared { address, client, impersonation, minter, session, project, peers, events });
        running.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Server { shared, knows_users, _running: running })
    }

    pub(crate) fn port(&self) -> u16 {
        self.shared.address.port()
    }

    /// What a metadata variable is set to. Where the system doesn't tell whose a connection is, a secret in front of
    /// every path takes the place of that; Google's library for Node can't use such an address.
    pub(crate) fn metadata_host(&self) -> String {
        let address = self.shared.address;
        match self.knows_users {
            true => address.to_string(),
            false => format!("{address}/{}", self.shared.session.expose()),
        }
    }

    /// The ID of the account's project; empty if it isn't known.
    pub(crate) async fn project_id(&self) -> String {
        self.shared.project_id().await
    }

    pub(crate) fn impersonation(&self) -> &Impersonation {
        &self.shared.impersonation
    }
}

/// A secret of 256 bits, as hexadecimal digits.
fn random() -> io::Result<Secret> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// Whether a connection of our own is recognized as ours. It is made before anyone else can know the port.
async fn recognizes_itself(listener: &TcpListener, address: SocketAddr) -> bool {
    let (made, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (Ok(made), Ok((_, theirs))) = (made, accepted) else { return false };
    let whose = Peers::default().find(theirs, address, 0).await;
    made.local_addr().is_ok_and(|local| local == theirs) && whose == Peer::OurUser
}

/// Who connects. The system's lists are read once for all connections that were there before the reading began.
#[derive(Default)]
struct Peers {
    /// How many readings have begun.
    begun: AtomicU64,
    /// The last one, and its number.
    last: Mutex<(u64, Connections)>,
}

impl Peers {
    /// Whose program connected from `theirs`, when `before` readings had begun.
    async fn find(&self, theirs: SocketAddr, ours: SocketAddr, before: u64) -> Peer {
        let mut last = self.last.lock().await;
        if last.0 <= before {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *last = (number, spawn_blocking(Connections::read).await.unwrap_or_default());
        }
        last.1.peer(theirs, ours)
    }
}

/// A connection and whose it is, looked up once.
#[derive(Clone)]
struct Connection {
    from: SocketAddr,
    /// How many readings of the system's lists had begun when it was there.
    before: u64,
    whose: Arc<OnceCell<Peer>>,
}

impl Connection {
    fn new(from: SocketAddr, peers: &Peers) -> Connection {
        Connection { from, before: peers.begun.load(Ordering::SeqCst), whose: Arc::default() }
    }

    async fn whose(&self, shared: &Shared) -> Peer {
        let find = || shared.peers.find(self.from, shared.address, self.before);
        *self.whose.get_or_init(find).await
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let connection = Connection::new(from, &shared.peers);
                    connections.spawn(serve(stream, connection, Arc::clone(&shared)));
                }
                // Out of file descriptors, or a client that is gone again: both pass.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, connection: Connection, shared: Arc<Shared>) {
    // An answer is one small write.
    let _ = stream.set_nodelay(true);
    let router = Router::new().fallback(door::answer).with_state(shared).layer(Extension(connection));
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    // A client that goes away has ended its connection.
    let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

#[cfg(test)]
mod tests;
