//! An API that costs next to nothing: each request is answered after a delay with the same bytes for the same sort of
//! path, so that what is measured is the client.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Mutex,
};

use crate::Outcome;

/// The server; it stops when dropped.
pub struct Server {
    pub addr: SocketAddr,
    pub counts: Arc<Counts>,
    _runtime: Runtime,
}

/// What came.
#[derive(Default)]
pub struct Counts {
    pub connections: AtomicUsize,
    pub requests: AtomicUsize,
    running: AtomicUsize,
    /// The most at the same time.
    pub most: AtomicUsize,
    /// Refused, for there were too many.
    pub refused: AtomicUsize,
}

/// How many are answered in a second; up to as many may come at once. The others are told that there were too many.
struct Quota {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Quota {
    fn allows(&mut self) -> bool {
        let now = Instant::now();
        self.left = (self.left + (now - self.at).as_secs_f64() * self.per_second).min(self.per_second);
        self.at = now;
        let allows = self.left >= 1.0;
        if allows {
            self.left -= 1.0;
        }
        allows
    }
}

impl Server {
    /// On loopback, with a thread of its own.
    pub fn start(delay: Duration) -> Outcome<Server> {
        Server::with_quota(delay, None)
    }

    /// The same, with so many requests a second at most.
    pub fn with_quota(delay: Duration, per_second: Option<u32>) -> Outcome<Server> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let addr = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        let quota = per_second.map(f64::from).map(|per_second| {
            Arc::new(Mutex::new(Quota { per_second, left: per_second, at: Instant::now() }))
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, delay, quota.clone(), shared.clone()));
            }
        });
        Ok(Server { addr, counts, _runtime: runtime })
    }
}

async fn serve(
    mut stream: TcpStream,
    delay: Duration,
    quota: Option<Arc<Mutex<Quota>>>,
    counts: Arc<Counts>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::with_capacity(8 * 1024);
    loop {
        let Some(length) = whole(&bytes) else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let is_allowed = match &quota {
            Some(quota) => quota.lock().await.allows(),
            None => true,
        };
        let answer = if is_allowed {
            answer(&bytes[..length])
        } else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            written("429 Too Many Requests", TOO_MANY)
        };
        bytes.drain(..length);
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let running = counts.running.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most.fetch_max(running, Ordering::Relaxed);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        counts.running.fetch_sub(1, Ordering::Relaxed);
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The length of the first request, once all of it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
    (bytes.len() >= head + body).then_some(head + body)
}

/// As Google says it: no word on when to come back.
const TOO_MANY: &str = r#"{"error":{"code":429,"message":"Quota exceeded for quota metric 'Read requests'.","status":"RESOURCE_EXHAUSTED"}}"#;

fn written(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answer(request: &[u8]) -> String {
    let line = String::from_utf8_lossy(&request[..request.len().min(512)]);
    let path = line.split_ascii_whitespace().nth(1).unwrap_or_default();
    let body = if path.contains(":getIamPolicy") {
        r#"{"version":3,"etag":"BwYZ","bindings":[{"role":"roles/iam.serviceAccountTokenCreator","members":["user:dev@example.com","group:ops@example.com"]},{"role":"roles/iam.serviceAccountUser","members":["user:carol@example.com"],"condition":{"title":"until","expression":"request.time < timestamp('2030-01-01T00:00:00Z')"}}]}"#
    } else if path.contains(":testIamPermissions") {
        r#"{"permissions":["iam.serviceAccounts.getAccessToken"]}"#
    } else if path.contains(":generateAccessToken") {
        r#"{"accessToken":"ya29.c.minted","expireTime":"2099-01-01T00:00:00Z"}"#
    } else {
        r#"{"access_token":"ya29.a.caller","expires_in":3599,"token_type":"Bearer","scope":"https://www.googleapis.com/auth/cloud-platform"}"#
    };
    written("200 OK", body)
}
