//! What is typed, pasted and resized, read by a thread of its own. crossterm's stream waits for an edge that says there
//! is more, and stops reading before it has read everything: what came in one rush stayed unheard until the next key.

use std::{io, thread};

use crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// Events under way between the thread and the loop; a terminal that sends more waits.
const QUEUE: usize = 256;

/// Reads from now on; after an error there is nothing more. The thread ends with the process.
pub fn listen() -> mpsc::Receiver<io::Result<Event>> {
    let (tell, heard) = mpsc::channel(QUEUE);
    // Without the thread there is nobody to tell, which is heard as a terminal that has gone.
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
