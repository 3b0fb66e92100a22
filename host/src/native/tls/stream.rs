//! An encrypted connection: a session on a socket or a pipe, read and written in plaintext.
//!
//! ```text
//!   socket ──▶ scratch of the worker ── decrypted in place ──▶ room in the batch of whoever gets it
//!   frames ──▶ encrypted into scratch ──▶ socket
//! ```
//!
//! A connection keeps only what is incomplete: a record of which the rest has not come, what the socket did not take.
//! One that is idle keeps nothing.

use super::super::connection::Terms;
use super::super::connections::Handed;
use super::super::transport::{Plain, Received, Transport};
use super::pipe::Pipe;
use super::session::{Ciphertext, Plaintext, Session, Task};
use rustls::Error;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

/// Octets of ciphertext read at once. One call brings four records, which is as much as the room for them has.
const READ_OCTETS_MAX: usize = 64 << 10;

/// Octets of a record of TLS 1.2, which may be longer than those of 1.3 (RFC 5246, 6.2.3).
const RECORD_OCTETS_MAX: usize = (16 << 10) + 2048 + 5;

/// Octets of ciphertext that may be of no use before more come: those of a record, or of a handshake message, which
/// has the certificates of a peer. It bounds what peers can make a worker hold. Past it, the connection is broken.
const INCOMPLETE_OCTETS_MAX: usize = 64 << 10;

/// Octets of plaintext encrypted at once. What the socket does not take of it waits, so it bounds that too.
const WRITE_OCTETS_MAX: usize = 64 << 10;

/// Buffers that all connections of a worker use in turn.
struct Scratch {
    received: Box<[u8]>,
    sent: Ciphertext,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        received: vec![0; INCOMPLETE_OCTETS_MAX + READ_OCTETS_MAX].into(),
        sent: Ciphertext::default(),
    });
}

/// What ciphertext comes from and goes to.
pub(super) enum Io {
    /// With what its connection is to keep to, until there is one.
    Socket(Plain, Terms),
    Pipe(Pipe),
    /// It was taken away.
    None,
}

impl Io {
    /// Takes it away from where it is.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::None)
    }
}

impl From<Handed> for Io {
    fn from(handed: Handed) -> Self {
        Self::Socket(Plain::new(handed.socket), handed.terms)
    }
}

impl Transport for Io {
    fn poll_read<'r>(
        &mut self,
        cx: &mut Context<'_>,
        room: impl FnOnce() -> Option<&'r mut [u8]>,
    ) -> Poll<io::Result<Received>> {
        match self {
            Self::Socket(socket, _) => socket.poll_read(cx, room),
            Self::Pipe(pipe) => pipe.poll_read(cx, room),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(socket, _) => socket.poll_write(cx, octets),
            Self::Pipe(pipe) => pipe.poll_write(cx, octets),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(socket, _) => socket.poll_flush(cx),
            Self::Pipe(pipe) => pipe.poll_flush(cx),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(socket, _) => socket.poll_shutdown(cx),
            Self::Pipe(pipe) => pipe.poll_shutdown(cx),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn reset_on_drop(&mut self) {
        match self {
            Self::Socket(socket, _) => socket.reset_on_drop(),
            Self::Pipe(pipe) => pipe.reset_on_drop(),
            Self::None => {}
        }
    }
}

/// Octets of which the first were dealt with.
#[derive(Default)]
struct Rest {
    octets: Vec<u8>,
    done: usize,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    fn get(&self) -> &[u8] {
        &self.octets[self.done..]
    }

    fn advance(&mut self, octets: usize) {
        self.done += octets;
        if self.done == self.octets.len() {
            *self = Self::default();
        }
    }
}

/// An encrypted connection.
pub(super) struct TlsStream {
    io: Io,
    session: Box<Session>,
    /// Ciphertext that is not consumed.
    received: Vec<u8>,
    /// Whether `received` is of no use before more comes.
    is_starved: bool,
    /// Plaintext for which there was no room: of one record, or of what came while only writing was asked for.
    unread: Rest,
    /// Ciphertext that was not taken.
    unsent: Rest,
    is_closing: bool,
    failure: Option<Error>,
}

impl TlsStream {
    /// `received` is what was read already.
    pub(super) fn new(io: Io, session: Box<Session>, received: Vec<u8>) -> Self {
        Self {
            io,
            session,
            received,
            // Looked at once even if it is empty: a client speaks first.
            is_starved: false,
            unread: Rest::default(),
            unsent: Rest::default(),
            is_closing: false,
            failure: None,
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Why the session failed, if it did: other failures are those of the socket.
    pub(super) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether there is no stream between it and its peer.
    pub(super) fn is_on_a_socket(&self) -> bool {
        matches!(self.io, Io::Socket(..))
    }

    /// Where it leads to, if that is known here.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match &self.io {
            Io::Socket(socket, _) => socket.peer(),
            Io::Pipe(_) | Io::None => None,
        }
    }

    /// What its connection is to keep to.
    pub(super) fn take_terms(&mut self) -> Terms {
        match &mut self.io {
            Io::Socket(_, terms) => std::mem::take(terms),
            Io::Pipe(_) | Io::None => Terms::default(),
        }
    }

    /// What it kept to as a connection, which it is no longer.
    pub(super) fn put_terms(&mut self, given: Terms) {
        if let Io::Socket(_, terms) = &mut self.io {
            *terms = given;
        }
    }

    /// Goes on with ending it from this side: ready when the peer has gone.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_shutdown(cx))?;
        let read = SCRATCH.with_borrow_mut(|scratch| {
            self.io.poll_read(cx, || Some(&mut scratch.received[..READ_OCTETS_MAX]))
        });
        match ready!(read)? {
            Received::NoRoom | Received::End => Poll::Ready(Ok(())),
            Received::Octets { may_have_more, .. } => {
                // A peer that sends without end is not to have the worker for itself.
                if may_have_more {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    /// Goes on with the handshake. Ready when it is done and everything that belongs to it was sent.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                if !self.session.state().is_handshaking() {
                    return self.poll_unsent(cx);
                }
                let mut added = 0;
                if self.is_starved {
                    let free = free(scratch, &self.received)?;
                    match ready!(self.io.poll_read(cx, || Some(free)))? {
                        Received::Octets { octets, .. } => added = octets,
                        Received::NoRoom | Received::End => {
                            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                        }
                    }
                }
                self.work(scratch, added, Task::Read, &mut [], cx)?;
                self.check()?;
            }
        })
    }

    /// Gives the session what is kept and what was added behind it in the scratch, sends what that leads to, and
    /// keeps the rest. Says how much plaintext is in `place`.
    fn work(
        &mut self,
        scratch: &mut Scratch,
        added: usize,
        task: Task<'_>,
        place: &mut [u8],
        cx: &mut Context<'_>,
    ) -> io::Result<usize> {
        let Scratch { received, sent } = scratch;
        let received = &mut received[..self.received.len() + added];
        received[..self.received.len()].copy_from_slice(&self.received);
        sent.clear();
        let mut plaintext = Plaintext { place, filled: 0, overflow: &mut self.unread.octets };
        let progress = self.session.drive(received, task, &mut plaintext, sent);
        let filled = plaintext.filled;
        self.received.clear();
        match progress {
            Ok(progress) => {
                self.received.extend_from_slice(&received[progress.consumed..]);
                self.is_starved = progress.is_starved;
            }
            Err(error) => {
                self.tell(&error);
                self.failure = Some(error);
            }
        }
        if self.received.is_empty() {
            self.received = Vec::new();
        }
        self.send(sent.octets(), cx)?;
        Ok(filled)
    }

    /// Tells why a session ends that has gone well; what becomes of a handshake is told by whoever waits for it.
    fn tell(&self, reason: &dyn fmt::Display) {
        if !self.session.state().is_handshaking() {
            let peer = self.peer();
            tracing::debug!(?peer, %reason, "a TLS session failed");
        }
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            Some(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error.clone())),
            None => Ok(()),
        }
    }

    /// Sends ciphertext behind what is still unsent, and keeps what would block.
    fn send(&mut self, octets: &[u8], cx: &mut Context<'_>) -> io::Result<()> {
        let mut rest = octets;
        if self.poll_unsent(cx)?.is_ready() {
            while !rest.is_empty() {
                let Poll::Ready(written) = self.io.poll_write(cx, rest) else { break };
                rest = &rest[written?..];
            }
        }
        self.unsent.octets.extend_from_slice(rest);
        Ok(())
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(self.io.poll_write(cx, self.unsent.get()))?;
            self.unsent.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Transport for TlsStream {
    fn poll_read<'r>(
        &mut self,
        cx: &mut Context<'_>,
        room: impl FnOnce() -> Option<&'r mut [u8]>,
    ) -> Poll<io::Result<Received>> {
        // Whatever blocks wakes this connection, which then writes.
        let _ = self.poll_unsent(cx)?;
        if !self.unread.is_empty() {
            let Some(place) = room() else { return Poll::Ready(Ok(Received::NoRoom)) };
            let unread = self.unread.get();
            let octets = unread.len().min(place.len());
            place[..octets].copy_from_slice(&unread[..octets]);
            self.unread.advance(octets);
            return Poll::Ready(Ok(Received::Octets { octets, may_have_more: true }));
        }
        self.check()?;
        let mut room = Some(room);
        let mut place: &mut [u8] = &mut [];
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                if self.session.has_peer_ended() {
                    return Poll::Ready(Ok(Received::End));
                }
                let (mut added, mut may_have_more) = (0, true);
                if self.is_starved {
                    let free = free(scratch, &self.received)?;
                    let (room, place) = (&mut room, &mut place);
                    let read = self.io.poll_read(cx, move || {
                        let has_room = claim(room, place);
                        // As much as there is room for, and at least one record.
                        let octets = place.len().clamp(RECORD_OCTETS_MAX, READ_OCTETS_MAX);
                        has_room.then(|| &mut free[..octets])
                    });
                    match ready!(read)? {
                        Received::Octets { octets, may_have_more: more } => {
                            (added, may_have_more) = (octets, more);
                        }
                        Received::NoRoom => return Poll::Ready(Ok(Received::NoRoom)),
                        // RFC 8446, 6.1: without a close_notify, what came may have been cut off.
                        Received::End => {
                            self.tell(&"it was cut off");
                            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                        }
                    }
                } else if !claim(&mut room, &mut place) {
                    return Poll::Ready(Ok(Received::NoRoom));
                }
                let octets = self.work(scratch, added, Task::Read, place, cx)?;
                if octets > 0 {
                    // What is left over comes at once, and so does a failure.
                    may_have_more |= !self.is_starved || !self.unread.is_empty();
                    may_have_more |= self.failure.is_some() || self.session.has_peer_ended();
                    return Poll::Ready(Ok(Received::Octets { octets, may_have_more }));
                }
                self.check()?;
                if !may_have_more && self.is_starved && !self.session.has_peer_ended() {
                    return Poll::Pending;
                }
            }
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        ready!(self.poll_unsent(cx))?;
        let octets = &octets[..octets.len().min(WRITE_OCTETS_MAX)];
        SCRATCH.with_borrow_mut(|scratch| self.work(scratch, 0, Task::Encrypt(octets), &mut [], cx))?;
        self.check()?;
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_unsent(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.is_closing, true) && self.failure.is_none() {
            SCRATCH.with_borrow_mut(|scratch| self.work(scratch, 0, Task::Close, &mut [], cx))?;
        }
        ready!(self.poll_unsent(cx))?;
        self.io.poll_shutdown(cx)
    }

    fn reset_on_drop(&mut self) {
        self.io.reset_on_drop();
    }
}

/// Where ciphertext is read, behind what is kept.
fn free<'s>(scratch: &'s mut Scratch, received: &[u8]) -> io::Result<&'s mut [u8]> {
    if received.len() > INCOMPLETE_OCTETS_MAX {
        let error = format!("a message of more than {INCOMPLETE_OCTETS_MAX} octets");
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(&mut scratch.received[received.len()..][..READ_OCTETS_MAX])
}

/// Asks for a place, once. Says whether there is one.
fn claim<'r, R: FnOnce() -> Option<&'r mut [u8]>>(room: &mut Option<R>, place: &mut &'r mut [u8]) -> bool {
    match room.take().map(|room| room()) {
        Some(None) => return false,
        Some(Some(found)) => *place = found,
        None => {}
    }
    true
}
