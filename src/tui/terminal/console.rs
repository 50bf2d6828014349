//! The terminal's device without job control: a console that takes all output.

use std::{
    fs::File,
    io::{self, Write},
    os::windows::io::{AsHandle, BorrowedHandle},
};

/// A stream to write to.
pub(super) fn of<T: AsHandle>(stream: &T) -> BorrowedHandle<'_> {
    stream.as_handle()
}

/// The device behind stdout.
pub(super) struct Tty(File);

impl Tty {
    /// The device behind stdout.
    pub(super) fn stdout() -> io::Result<Tty> {
        Ok(Tty(io::stdout().as_handle().try_clone_to_owned()?.into()))
    }

    /// Writes as much as the terminal takes now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    pub(super) fn watched(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// Writes a few last words.
pub(super) fn tell(handle: BorrowedHandle, bytes: &[u8]) -> io::Result<()> {
    File::from(handle.try_clone_to_owned()?).write_all(bytes)
}

/// Whether we are in the foreground.
pub(crate) fn in_foreground() -> bool {
    true
}

/// Nothing can be suspended.
pub(crate) fn stop(_: bool) -> io::Result<()> {
    Ok(())
}
