//! One connection: reads no more than the credit, writes at once, keeps only what would block.
//!
//! ```text
//!   reading:  Open ── end of stream ──▶ Ended          writing:  Open ── end ──▶ Finishing ──▶ Done
//!               └──── reset ──▶ Discarding ──▶ Ended                └── abort, error: closed at once
//! ```
//!
//! A reset does not close the socket: closing one with unread octets makes the kernel send RST, which can destroy
//! an answer that the peer has not read yet. So what still arrives is discarded, and once the writing side is
//! done the peer has [`LINGER_MS`] to leave.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::task::{Context, Poll, Waker};
use tokio::io::unix::AsyncFd;
use zilla_engine::{BindingIndex, Engine, StreamId};

/// Octets read at once. It bounds how long one connection holds up the others of a turn.
const READ_OCTETS_MAX: usize = 64 << 10;

/// Octets discarded at once after a reset.
const DISCARD_OCTETS: usize = 16 << 10;

/// How long a peer may keep sending after its connection was ended both ways.
pub(super) const LINGER_MS: u64 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Open,
    Discarding,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    Open,
    Finishing,
    Done,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Nothing more for now; the waker is registered.
    Blocked,
    /// Octets were sent to the engine, and there may be more.
    More,
    /// There is no credit; the socket is to be read when there is.
    NoCredit,
    /// The peer has ended in order.
    Ended,
    /// The connection is broken.
    Broken,
}

pub(super) struct Connection {
    socket: AsyncFd<TcpStream>,
    waker: Waker,
    pub(super) stream: StreamId,
    pub(super) reading: Reading,
    pub(super) writing: Writing,
    /// Until when a peer that still sends is waited for, in ms; set once everything else is over.
    pub(super) lingers_until: Option<u64>,
    /// What would have blocked: at most the credit of the reply, since it is given back when written.
    unwritten: Vec<u8>,
    /// Octets written and not yet given back as credit.
    written: u64,
}

impl Connection {
    pub(super) fn new(socket: AsyncFd<TcpStream>, waker: Waker, stream: StreamId) -> Self {
        Self {
            socket,
            waker,
            stream,
            reading: Reading::Open,
            writing: Writing::Open,
            lingers_until: None,
            unwritten: Vec::new(),
            written: 0,
        }
    }

    /// Reads once, straight into what waits for the stream's acceptor.
    pub(super) fn read(&mut self, binding: BindingIndex, engine: &mut Engine) -> Read {
        let mut cx = Context::from_waker(&self.waker);
        loop {
            let Poll::Ready(ready) = self.socket.poll_read_ready(&mut cx) else { return Read::Blocked };
            let Ok(mut ready) = ready else { return Read::Broken };
            let Some(room) = engine.room(binding, self.stream, READ_OCTETS_MAX) else {
                return Read::NoCredit;
            };
            match self.socket.get_ref().read(room) {
                Ok(0) => return Read::Ended,
                Ok(octets) => {
                    let drained = octets < room.len();
                    engine.read(binding, self.stream, octets);
                    if !drained {
                        return Read::More;
                    }
                    // A short read emptied the socket: asking again would only say so.
                    ready.clear_ready();
                    return match self.socket.poll_read_ready(&mut cx) {
                        Poll::Pending => Read::Blocked,
                        Poll::Ready(_) => Read::More,
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Read::Broken,
            }
        }
    }

    /// Throws away what still arrives. `Ended` when the peer has left.
    pub(super) fn discard(&mut self) -> Read {
        let mut cx = Context::from_waker(&self.waker);
        let mut octets = [0; DISCARD_OCTETS];
        loop {
            let Poll::Ready(ready) = self.socket.poll_read_ready(&mut cx) else { return Read::Blocked };
            let Ok(mut ready) = ready else { return Read::Broken };
            match self.socket.get_ref().read(&mut octets) {
                Ok(0) => return Read::Ended,
                Ok(DISCARD_OCTETS) => return Read::More,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Read::Broken,
            }
        }
    }

    /// Writes octets, after what is still unwritten, and keeps what would block.
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        if !self.unwritten.is_empty() {
            self.unwritten.extend_from_slice(octets);
            return Ok(());
        }
        let written = write_some(self.socket.get_ref(), octets)?;
        self.written += written as u64;
        if written < octets.len() {
            self.unwritten.extend_from_slice(&octets[written..]);
            return self.write_unwritten();
        }
        Ok(())
    }

    /// Writes what is unwritten as far as it does not block, and asks to be woken for the rest.
    pub(super) fn write_unwritten(&mut self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        while !self.unwritten.is_empty() {
            let Poll::Ready(ready) = self.socket.poll_write_ready(&mut cx) else { return Ok(()) };
            let mut ready = ready?;
            let written = write_some(self.socket.get_ref(), &self.unwritten)?;
            self.written += written as u64;
            if written < self.unwritten.len() {
                ready.clear_ready();
            }
            self.unwritten.drain(..written);
        }
        if self.unwritten.capacity() > READ_OCTETS_MAX {
            self.unwritten = Vec::new();
        }
        Ok(())
    }

    /// Whether everything was written.
    pub(super) fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Octets to give back as credit: once they are half of the initial credit, so that one window frame serves
    /// many writes while the sender always has the other half.
    pub(super) fn take_credit(&mut self, initial_credit: u32) -> Option<u64> {
        (self.written >= u64::from(initial_credit) / 2).then(|| std::mem::take(&mut self.written))
    }

    /// Sends FIN.
    pub(super) fn shutdown(&self) {
        // It fails only if the peer has already gone, which the next read tells.
        let _ = self.socket.get_ref().shutdown(std::net::Shutdown::Write);
    }

    /// Makes closing the socket send RST.
    pub(super) fn reset_on_close(&self) {
        let socket = socket2::SockRef::from(self.socket.get_ref());
        // Without it the peer sees FIN, which is less than it should but not a reason to stop.
        let _ = socket.set_linger(Some(std::time::Duration::ZERO));
    }
}

/// Writes until done or it would block; says how many octets that were.
fn write_some(mut socket: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < octets.len() {
        match socket.write(&octets[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
