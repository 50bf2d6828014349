//! A proxy that notes what passes. It stands at an address of its own before the emulator, and it is the proxy for
//! `https` as well: what a program would send off the machine is noted and goes nowhere.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::http::Request;

/// One proxy, for one party of one comparison.
pub struct Recorder {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Receiver<Request>,
}

impl Recorder {
    /// Stands before `emulator` until the program ends.
    pub fn start(emulator: SocketAddr) -> Result<Recorder, String> {
        let listen = || -> io::Result<(TcpListener, SocketAddr)> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(crate::said)?;
        let (sender, seen) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || pass(&stream, emulator, &sender));
            }
        });
        Ok(Recorder { address, seen })
    }

    /// What has passed since the last look. A request is noted before it is answered.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.try_iter().collect()
    }
}

/// Passes one request on. Who cannot be served is cut off, and says so itself.
fn pass(mut stream: &TcpStream, emulator: SocketAddr, sender: &Sender<Request>) {
    let Ok(Some(request)) = Request::read(stream) else { return };
    let answer = match request.method.as_str() {
        "CONNECT" => b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
        _ => match request.forward(emulator) {
            Ok(answer) => answer,
            Err(_) => return,
        },
    };
    // Nobody listens any more once a check has given up.
    let _ = sender.send(request);
    let _ = stream.write_all(&answer);
}
