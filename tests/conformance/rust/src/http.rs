//! As much of HTTP as a recorder and a few questions need, written by hand: another library's reading of it would stand
//! between the two that are compared.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The longest silence of the other side.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
pub struct Request {
    /// As `POST`.
    pub method: String,
    /// Path and query, or host and port of a `CONNECT`.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads one request; none if the other side has nothing to say.
    pub fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other("that is no request"));
        };
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        if header("transfer-encoding").is_some() {
            return Err(io::Error::other("a body of unknown length is not understood here"));
        }
        let length = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Request { method, target, headers, body }))
    }

    /// Sends it to somebody else and gives the answer, byte for byte; no second request follows on its connection.
    pub fn forward(&self, to: SocketAddr) -> io::Result<Vec<u8>> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            if !matches!(name.as_str(), "host" | "connection") {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        exchange(to, &head, &self.body)
    }
}

fn exchange(to: SocketAddr, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Posts a form and reads the JSON that is answered.
pub fn post(to: SocketAddr, path: &str, (name, value): (&str, &str)) -> Result<Value, String> {
    let body = format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    let length = body.len();
    let kind = "application/x-www-form-urlencoded";
    // The older version of the protocol has no chunks.
    let head =
        format!("POST {path} HTTP/1.0\r\nhost: {to}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n");
    json(&exchange(to, &head, body.as_bytes()).map_err(crate::said)?)
}

/// Reads something that a token opens: the status and the JSON.
pub fn get_with(to: SocketAddr, path: &str, token: &str) -> Result<(u16, Value), String> {
    let head = format!("GET {path} HTTP/1.0\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n");
    let answer = exchange(to, &head, b"").map_err(crate::said)?;
    let status = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Ok((status, json(&answer)?))
}

fn json(answer: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|error| format!("{error}: {text}"))
}
