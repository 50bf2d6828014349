//! A server for tests that says what the test tells it to say, byte for byte, and remembers what it was asked. It
//! knows nothing of Google: what the API layer understands is judged by bytes, not by our own serializer.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinSet,
};

use crate::{
    api::{Client, Settings},
    auth::{self, FindOptions, Source},
    http::{ApiError, endpoints::Endpoints},
    local::env::Env,
    model::secret::Secret,
};

/// One turn of the server.
#[derive(Clone)]
pub(crate) enum Turn {
    /// These bytes, then the connection is closed.
    Say(String),
    /// These bytes; then the end of the connection is waited for, and remembered as [`CLOSED`].
    Stay(String),
    Hang,
    /// The connection is closed without a word.
    Close,
    /// A good start, then bytes without end.
    Flood,
    /// Waits so long, then says it: [`later`] makes that a moment.
    Late(Duration, String),
}

/// How long a client waits for a server that says nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Stands among the requests where a connection was closed by the other side.
pub(crate) const CLOSED: &str = "closed";

/// A whole answer with this status, extra header lines (each ending in CRLF) and body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Turn {
    Turn::Say(format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json; charset=UTF-8\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// A 200 with this body.
pub(crate) fn ok(body: &str) -> Turn {
    answer(200, "", body)
}

/// The server; it stops when dropped. Turns are taken in order; the last one is repeated.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(turns: impl IntoIterator<Item = Turn>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut turns: VecDeque<Turn> = turns.into_iter().collect();
        let mut task = JoinSet::new();
        let log = requests.clone();
        task.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let turn = if turns.len() > 1 { turns.pop_front() } else { turns.front().cloned() };
                talks.spawn(talk(stream, turn.unwrap_or(Turn::Close), log.clone()));
            }
        });
        Server { url, requests, _task: task }
    }

    /// Everything that was asked so far: head and body of each request.
    pub(crate) async fn requests(&self) -> Vec<String> {
        self.requests.lock().await.clone()
    }

    /// Waits until it has been asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        while self.requests.lock().await.len() < times {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The endpoints of a world that is only this server.
    pub(crate) fn endpoints(&self) -> Endpoints {
        let services = ["IAM", "IAMCREDENTIALS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE"];
        let mut vars: Vec<(String, String)> = services
            .map(|service| (format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}"), format!("{}/", self.url)))
            .to_vec();
        vars.push(("CLOUDSDK_AUTH_TOKEN_HOST".into(), format!("{}/token", self.url)));
        vars.push(("IMPERSONA_OAUTH2_ENDPOINT".into(), self.url.clone()));
        vars.push(("IMPERSONA_CERTS_ENDPOINT".into(), self.url.clone()));
        Endpoints::new(&Env::from_vars(vars), None).unwrap()
    }

    /// Usual settings against this server, with this caller. Its patience is not what a busy machine ends first.
    pub(crate) fn settings(&self, source: Result<Source, ApiError>) -> Settings {
        Settings { timeout: PATIENCE, ..Settings::new(self.endpoints(), source) }
    }

    /// A client with a bare token, which needs no token endpoint.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.settings(bare_token()))
    }
}

/// The caller with the token `ya29.bare`.
pub(crate) fn bare_token() -> Result<Source, ApiError> {
    let options = FindOptions { stdin_token: Some(Secret::new("ya29.bare")), ..FindOptions::default() };
    auth::find(&Env::default(), &options)
}

/// The caller of a login file.
pub(crate) fn user() -> Result<Source, ApiError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("adc.json");
    let file = r#"{"type":"authorized_user","client_id":"id","client_secret":"GOCSPX-hush","refresh_token":"1//refresh-hush","quota_project_id":"quota-1"}"#;
    std::fs::write(&path, file).unwrap();
    auth::find(&Env::default(), &FindOptions { credentials_file: Some(path), ..FindOptions::default() })
}

async fn talk(mut stream: TcpStream, turn: Turn, log: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read(&mut stream).await else { return };
    log.lock().await.push(request);
    match turn {
        Turn::Say(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Turn::Stay(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = read(&mut stream).await;
            log.lock().await.push(CLOSED.to_owned());
        }
        Turn::Late(wait, text) => {
            tokio::time::sleep(wait).await;
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Turn::Close => {}
        Turn::Hang => std::future::pending().await,
        Turn::Flood => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"x\":\"";
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'x'; 65_536]).await;
            }
        }
    }
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0usize) {
                return Some(text.into_owned());
            }
        }
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

/// Winds the timers of this test on by so much, at once. Before and after they go by the real time: what is on its way
/// through the kernel is waited for, and never taken for silence.
pub(crate) async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
