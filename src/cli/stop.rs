//! Being told to stop, for what must be put away before the end: the files of an emulator go when it is dropped,
//! and a process that a signal ends drops nothing.

/// Whatever ends a process.
pub(super) struct Stop {
    #[cfg(unix)]
    signals: Vec<(tokio::signal::unix::Signal, u8)>,
}

impl Stop {
    #[cfg(unix)]
    pub(super) fn listen() -> Stop {
        Stop { signals: crate::local::signals::listen() }
    }

    #[cfg(unix)]
    pub(super) async fn told(mut self) {
        std::future::poll_fn(|cx| {
            let told = self.signals.iter_mut().any(|(signal, _)| signal.poll_recv(cx).is_ready());
            if told { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> Stop {
        Stop {}
    }

    #[cfg(not(unix))]
    pub(super) async fn told(self) {
        // What cannot be listened for stops at once rather than never.
        let _ = tokio::signal::ctrl_c().await;
    }
}
