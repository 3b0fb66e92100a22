//! What a connection reads and writes: a socket, or a protocol of encryption on one.

use crate::worker::reactor::reset_on_close;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;

/// Octets to and fro. Nothing blocks: what would is pending, and the waker of the context is told.
pub(crate) trait Transport {
    /// Reads once. `room` is asked for a place, which is not empty, when there may be something to read.
    fn poll_read<'r>(
        &mut self,
        cx: &mut Context<'_>,
        room: impl FnOnce() -> Option<&'r mut [u8]>,
    ) -> Poll<io::Result<Received>>;

    /// Takes some octets to write.
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>>;

    /// Passes on what was taken and is still held.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tells the peer that nothing more comes, after everything that was taken.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Makes dropping it break the connection, so that the peer does not take it for an orderly end.
    fn reset_on_drop(&mut self);
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// At least one octet. Unless there may be more at once, the waker is told of it.
    Octets { octets: usize, may_have_more: bool },
    /// There was no room; the waker is not told.
    NoRoom,
    /// The peer has ended in order.
    End,
}

/// A socket as it is.
pub(crate) struct Plain(AsyncFd<TcpStream>);

impl Plain {
    pub(crate) fn new(socket: AsyncFd<TcpStream>) -> Self {
        Self(socket)
    }

    /// Who is at the other end, for the log; none if that is known no more.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.0.get_ref().peer_addr().ok()
    }

    pub(super) fn into_socket(self) -> AsyncFd<TcpStream> {
        self.0
    }
}

impl Transport for Plain {
    fn poll_read<'r>(
        &mut self,
        cx: &mut Context<'_>,
        room: impl FnOnce() -> Option<&'r mut [u8]>,
    ) -> Poll<io::Result<Received>> {
        let mut room = Some(room);
        let mut place: &mut [u8] = &mut [];
        loop {
            let Poll::Ready(ready) = self.0.poll_read_ready(cx) else { return Poll::Pending };
            let mut ready = ready?;
            if let Some(room) = room.take() {
                let Some(room) = room() else { return Poll::Ready(Ok(Received::NoRoom)) };
                place = room;
            }
            match self.0.get_ref().read(place) {
                Ok(0) => return Poll::Ready(Ok(Received::End)),
                Ok(octets) => {
                    let mut may_have_more = true;
                    if octets < place.len() {
                        // A short read emptied the socket: asking again would only say so.
                        ready.clear_ready();
                        may_have_more = self.0.poll_read_ready(cx).is_ready();
                    }
                    return Poll::Ready(Ok(Received::Octets { octets, may_have_more }));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            // Tried first, since a socket mostly takes what it is given: asking would be a look-up more.
            match self.0.get_ref().write(octets) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let Poll::Ready(ready) = self.0.poll_write_ready(cx) else { return Poll::Pending };
                    ready?.clear_ready();
                    if self.0.poll_write_ready(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It fails only if the peer has already gone, which the next read tells.
        let _ = self.0.get_ref().shutdown(Shutdown::Write);
        Poll::Ready(Ok(()))
    }

    fn reset_on_drop(&mut self) {
        reset_on_close(self.0.get_ref());
    }
}
