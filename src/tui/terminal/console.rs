//! The terminal's device where there is no job control: a console, which takes what it is given.

use std::{
    fs::File,
    io::{self, Write},
    os::windows::io::{AsHandle, BorrowedHandle},
};

/// A stream as what can be written to.
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

    /// Writes what the terminal takes now.
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

/// Whether the terminal listens to us.
pub(crate) fn in_foreground() -> bool {
    true
}

/// Nobody can be stopped.
pub(crate) fn stop(_: bool) -> io::Result<()> {
    Ok(())
}
