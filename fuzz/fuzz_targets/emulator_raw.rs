//! Any bytes may come over a connection to the emulator: it answers or closes, and goes on. The input is what a client
//! writes, one request or several; `{token}` in it stands for a bearer that is good.
#![no_main]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use impersona_emulator::{Emulator, Handle, Options, World};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Ends what the input has left open, and asks for the end of the connection.
const LAST: &[u8] = b"\r\n\r\nGET /tokeninfo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
/// After so many inputs the world is made again: what they write there makes the later ones fail sooner.
const FRESH: u32 = 2_000;
/// How long answers are waited for before this side closes; that changes nothing of what has to hold.
const PATIENCE: Duration = Duration::from_millis(20);
/// Nothing takes so long.
const HANGS: Duration = Duration::from_secs(9);

struct Running {
    // Goes before the runtime in which it lives.
    emulator: Emulator,
    runtime: Runtime,
    token: String,
    inputs: u32,
}

impl Running {
    fn start() -> Running {
        let runtime = Runtime::new().expect("a runtime");
        let options = Options { port: 0, world: World::demo() };
        // A panic in a task of this runtime ends the process, as one here does.
        let emulator = runtime.block_on(Emulator::start_with_proxy(options)).expect("it starts");
        let token = runtime.block_on(token(&emulator));
        Running { runtime, emulator, token, inputs: 0 }
    }

    /// What became of the requests that reached a method or a page.
    fn hold_answers(&self) {
        let handle: Handle = self.emulator.handle();
        let served = self.runtime.block_on(async {
            let served = handle.request_log().await;
            handle.forget_requests().await;
            served
        });
        for request in served {
            assert!(request.status < 500 || request.status == 501, "{request:?}");
        }
    }
}

async fn token(emulator: &Emulator) -> String {
    let path = &emulator.callers().first().expect("a caller").path;
    let login: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    let asked = json!({"grant_type": "refresh_token", "client_id": login["client_id"],
        "client_secret": login["client_secret"], "refresh_token": login["refresh_token"]});
    let (status, body) = emulator.handle().ask("POST", "/token", "", Some(&asked)).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

static RUNNING: LazyLock<Mutex<Running>> = LazyLock::new(|| Mutex::new(Running::start()));

fuzz_target!(|data: &[u8]| {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if running.inputs == FRESH {
        *running = Running::start();
    }
    running.inputs += 1;
    let mut sent = replaced(data, b"{token}", running.token.as_bytes());
    sent.extend_from_slice(LAST);
    let answer = exchange(running.emulator.addr(), &sent);
    // Who begins as HTTP/2 is answered in frames.
    let is_text =
        answer.is_empty() || answer.starts_with(b"HTTP/1.") || sent.starts_with(b"PRI * HTTP/2.0\r\n\r\n");
    assert!(is_text, "{:?}", String::from_utf8_lossy(&answer));
    running.hold_answers();
});

/// Writes everything and reads to the end, which has to come.
fn exchange(to: SocketAddr, sent: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(to).expect("it listens");
    connection.set_read_timeout(Some(PATIENCE)).expect("a socket");
    connection.set_write_timeout(Some(HANGS)).expect("a socket");
    let mut answer = Vec::new();
    // What was refused may be closed while this side still writes.
    let _ = connection.write_all(sent);
    if let Err(error) = connection.read_to_end(&mut answer) {
        if is_timeout(&error) {
            let _ = connection.shutdown(Shutdown::Write);
            connection.set_read_timeout(Some(HANGS)).expect("a socket");
            let end = connection.read_to_end(&mut answer);
            assert!(!end.is_err_and(|error| is_timeout(&error)), "the connection hangs");
        }
    }
    answer
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn replaced(data: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        made.extend_from_slice(&rest[..at]);
        made.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    made.extend_from_slice(rest);
    made
}
