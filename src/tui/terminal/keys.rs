//! Reads what the terminal sends in a thread of its own, which ends with the process. On Unix it reads bytes, and the loop takes
//! them apart ([`super::decoder`]): crossterm's reader decides by what has come so far, so that a slow line turns a sequence into
//! other keys, and waits for the end of one that was cut without a bound. The consoles of Windows send events.

use std::thread;

use tokio::sync::mpsc;

/// Most pieces queued between the thread and the loop; a terminal that sends more waits.
const QUEUE: usize = 256;

/// Bytes that came together.
#[cfg(unix)]
pub(crate) struct Sent {
    pub(crate) at: tokio::time::Instant,
    /// Whether there was nothing to read before: if not, nobody knows how long they waited for us.
    pub(crate) after_silence: bool,
    pub(crate) bytes: Vec<u8>,
}

#[cfg(not(unix))]
pub(crate) type Sent = crossterm::event::Event;

/// Starts reading; the channel closes when the terminal is gone.
pub(crate) fn listen() -> mpsc::Receiver<Sent> {
    let (tell, heard) = mpsc::channel(QUEUE);
    // Without the thread the channel closes as well.
    let _ = thread::Builder::new().name("keys".into()).spawn(move || read(&tell));
    heard
}

#[cfg(unix)]
fn read(tell: &mpsc::Sender<Sent>) {
    use zeroize::Zeroize;

    // As much as a terminal gives at once.
    let mut buffer = [0; 4_096];
    let stdin = std::io::stdin();
    loop {
        let after_silence = !super::has_input();
        if after_silence {
            super::tty::wait_for_input();
        }
        // Not by way of std, which reads into a buffer that nobody can wipe.
        let count = match rustix::io::read(&stdin, &mut buffer) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) | Ok(0) => return,
            Ok(count) => count,
        };
        let at = tokio::time::Instant::now();
        let bytes = buffer[..count].to_vec();
        buffer[..count].zeroize();
        if tell.blocking_send(Sent { at, after_silence, bytes }).is_err() {
            return;
        }
    }
}

#[cfg(not(unix))]
fn read(tell: &mpsc::Sender<Sent>) {
    while let Ok(event) = crossterm::event::read() {
        if tell.blocking_send(event).is_err() {
            return;
        }
    }
}
