//! The signals that the program handles.

use std::io;
#[cfg(unix)]
use std::{future::poll_fn, task::Poll};

#[cfg(unix)]
use rustix::process::Signal as Number;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

#[cfg(unix)]
use crate::local::signals;

/// What a signal asks for.
pub(super) enum JobSignal {
    /// To exit with this code: 128 plus the signal's number, as in shells.
    End(u8),
    /// To suspend until SIGCONT, with the terminal restored.
    Stop,
    /// To resume: we were suspended, perhaps by SIGSTOP, and others used the terminal meanwhile.
    GoOn,
    /// To draw in another size.
    Resize,
}

/// The signals that the program handles.
pub(super) struct Signals {
    /// Each with its exit code.
    #[cfg(unix)]
    ends: Vec<(Signal, u8)>,
    #[cfg(unix)]
    stops: Signal,
    #[cfg(unix)]
    goes_on: Signal,
    #[cfg(unix)]
    resizes: Signal,
}

#[cfg(unix)]
fn listen(number: i32) -> io::Result<Signal> {
    signal(SignalKind::from_raw(number))
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            ends: signals::listen(),
            stops: listen(Number::TSTP.as_raw())?,
            goes_on: listen(Number::CONT.as_raw())?,
            resizes: listen(Number::WINCH.as_raw())?,
        })
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {})
    }

    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> JobSignal {
        let Signals { ends, stops, goes_on, resizes } = self;
        let ended = poll_fn(|cx| {
            let code =
                ends.iter_mut().find_map(|(signal, code)| signal.poll_recv(cx).is_ready().then_some(*code));
            code.map_or(Poll::Pending, Poll::Ready)
        });
        // In this order: signals received while suspended come before the resume.
        tokio::select! {
            biased;
            code = ended => JobSignal::End(code),
            _ = stops.recv() => JobSignal::Stop,
            _ = goes_on.recv() => JobSignal::GoOn,
            _ = resizes.recv() => JobSignal::Resize,
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> JobSignal {
        let _ = tokio::signal::ctrl_c().await;
        JobSignal::End(130)
    }
}
