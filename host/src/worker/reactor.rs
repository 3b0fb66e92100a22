//! Sockets in the reactor of a worker's runtime.

use socket2::SockRef;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;
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

/// Makes closing a socket send RST.
pub(crate) fn reset_on_close(socket: &TcpStream) {
    // Without it the peer sees FIN, which is less than it should but not a reason to stop.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
