//! Sockets in the reactor of a worker's runtime.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use tokio::io::unix::AsyncFd;

/// A socket of the standard library: it owns one descriptor, names no other, and closes it when dropped.
pub(crate) trait OwnedSocket: AsRawFd {}

impl OwnedSocket for TcpListener {}
impl OwnedSocket for TcpStream {}

/// Has the reactor watch a socket. Unlike tokio's own types, the result can be read without first asking the
/// kernel a second time whether there is more. Must be called within a runtime.
pub(crate) fn watch<S: OwnedSocket>(socket: S) -> io::Result<AsyncFd<S>> {
    #[expect(unsafe_code, reason = "the only way to watch a socket without tokio's read path")]
    // SAFETY: an `OwnedSocket` keeps its one descriptor open until it is dropped, and the AsyncFd owns it.
    let watched = unsafe { AsyncFd::register(socket) };
    watched.map_err(io::Error::from)
}
