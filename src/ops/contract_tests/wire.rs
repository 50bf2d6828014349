//! What stands above a request on the wire: taken from the bytes of HTTP/1.1 themselves, and of HTTP/2 as the server makes
//! it out. Google's front end refuses by these what its APIs would take.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{http::request::Parts, serve::Listener};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
};

/// The head of a request.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    verb: String,
    version: String,
    /// Where it says that it goes: of HTTP/2, `:authority`.
    hosts: Vec<String>,
    /// Names in lower case, in their order.
    headers: Vec<(String, String)>,
}

impl Head {
    /// As a server made it out.
    pub(crate) fn of(parts: &Parts) -> Head {
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let authority = parts.uri.authority().map(ToString::to_string);
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        Head::new(parts.method.as_str(), &format!("{:?}", parts.version), authority, headers.collect())
    }

    /// From the lines of HTTP/1.1, without the empty one at their end.
    fn read(text: &str) -> Head {
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (verb, _, version) = (words.next(), words.next(), words.next());
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers = lines.map(header).collect();
        Head::new(verb.unwrap_or_default(), version.unwrap_or_default(), None, headers)
    }

    fn new(verb: &str, version: &str, host: Option<String>, headers: Vec<(String, String)>) -> Head {
        let named = headers.iter().filter(|(name, _)| name == "host").map(|(_, value)| value.clone());
        let hosts = host.into_iter().chain(named).collect();
        Head { verb: verb.to_owned(), version: version.to_owned(), hosts, headers }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the answer is asked for as it is: what unpacks one keeps it where nobody wipes it.
    pub(crate) fn wants_it_plain(&self) -> bool {
        self.all("accept-encoding").eq(["identity"])
    }

    /// How much follows it.
    fn length(&self) -> usize {
        self.all("content-length").next().map_or(0, |text| text.parse().unwrap())
    }

    /// What Google's front end, or a proxy before it, would not take.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let lengths: Vec<&str> = self.all("content-length").collect();
        let carries = ["POST", "PUT", "PATCH"].contains(&self.verb.as_str());
        if lengths.len() != usize::from(carries) || !lengths.iter().all(|text| text.parse::<u64>().is_ok()) {
            faults.push(format!("its length is said as {lengths:?}"));
        }
        if self.hosts.len() != 1 || self.hosts[0].is_empty() {
            faults.push(format!("its hosts are {:?}", self.hosts));
        }
        // RFC 9110, section 7.6.1, and RFC 9113, section 8.2.2: what is about a connection does not go past it.
        const HOP_BY_HOP: [&str; 10] = [
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
        ];
        let hops = self.headers.iter().filter(|(name, _)| HOP_BY_HOP.contains(&name.as_str()));
        faults.extend(hops.map(|(name, _)| format!("{name} goes along")));
        faults
    }
}

/// Panics with everything that is wrong with these heads.
pub(crate) fn judge(heads: &[Head], version: &str) {
    let verbs = |wanted: &str| heads.iter().filter(|head| head.verb == wanted).count();
    assert!(verbs("GET") > 10 && verbs("POST") > 20, "too few to say anything: {heads:?}");
    let empty = heads.iter().filter(|head| head.verb == "POST" && head.length() == 0).count();
    assert!(empty > 0, "nothing was sent that carries nothing");
    let others: Vec<&Head> = heads.iter().filter(|head| head.version != version).collect();
    assert!(others.is_empty(), "not over {version}: {others:?}");
    let wrong = faults(heads);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything that is wrong with these heads.
pub(crate) fn faults(heads: &[Head]) -> Vec<String> {
    let faults = |head: &Head| head.faults().into_iter().map(|fault| format!("{fault}: {head:?}")).collect();
    heads.iter().flat_map(|head| -> Vec<String> { faults(head) }).collect()
}

/// What came in over each connection.
#[derive(Clone, Default)]
pub(crate) struct Tapped(Arc<Mutex<Vec<Stream>>>);

/// What came over one connection: what was looked at already, and what was not.
struct Stream {
    bytes: Vec<u8>,
    further: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Tapped {
    /// The heads of all that came.
    pub(crate) async fn heads(&self) -> Vec<Head> {
        let mut found = Vec::new();
        for stream in self.0.lock().await.iter_mut() {
            while let Ok(bytes) = stream.further.try_recv() {
                stream.bytes.extend(bytes);
            }
            found.extend(heads(&stream.bytes));
        }
        found
    }
}

/// The heads within a stream; each is followed by as many bytes as it says.
fn heads(mut stream: &[u8]) -> Vec<Head> {
    let mut found = Vec::new();
    while let Some(end) = stream.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
        let head = Head::read(std::str::from_utf8(&stream[..end]).unwrap());
        stream = stream.get(end + 4 + head.length()..).unwrap_or_default();
        found.push(head);
    }
    found
}

/// A listener whose connections are listened in on.
pub(crate) struct Tap {
    pub(crate) listener: TcpListener,
    pub(crate) tapped: Tapped,
}

impl Listener for Tap {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, peer) = self.listener.accept().await.unwrap();
        let (sender, further) = mpsc::unbounded_channel();
        self.tapped.0.lock().await.push(Stream { bytes: Vec::new(), further });
        (Connection { stream, sender }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, and what was read from it.
pub(crate) struct Connection {
    stream: TcpStream,
    sender: mpsc::UnboundedSender<Vec<u8>>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        // A test that has ended wants to know no more.
        let _ = self.sender.send(buf.filled()[before..].to_vec());
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
