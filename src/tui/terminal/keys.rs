//! Reads keys, pastes and resizes in a thread of its own. crossterm's stream waits for an edge that says there
//! is more, and stops before it has read everything: the rest of a burst would wait for the next key.

use std::{io, thread};

use crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// Most events queued between the thread and the loop; a terminal that sends more waits.
const QUEUE: usize = 256;

/// Starts reading; ends after an error. The thread ends with the process.
pub(crate) fn listen() -> mpsc::Receiver<io::Result<Event>> {
    let (tell, heard) = mpsc::channel(QUEUE);
    // Without the thread the channel closes, which is handled as a terminal that is gone.
    let _ = thread::Builder::new().name("keys".into()).spawn(move || {
        loop {
            let event = event::read();
            let gone = event.is_err();
            if tell.blocking_send(event).is_err() || gone {
                break;
            }
        }
    });
    heard
}
