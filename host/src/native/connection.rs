//! One connection: reads no more than the credit, writes at once, keeps only what would block.
//!
//! ```text
//!   reading:  Open ── end of stream ──▶ Ended          writing:  Open ── end ──▶ Finishing ──▶ Done
//!               └──── reset ──▶ Discarding ──▶ Ended                └── abort, error: closed at once
//! ```
//!
//! A reset does not close the socket: closing one with unread octets makes the kernel send RST, which can destroy
//! an answer that the peer has not read yet. So what still arrives is discarded, and once the writing side is
//! done the peer has [`LINGER_MS`](super::connections::LINGER_MS) to leave.

use super::permits::Permit;
use super::transport::{Received, Transport};
use std::io;
use std::task::{Context, Poll, Waker};
use zilla_engine::{BindingIndex, Engine, StreamId};

/// Octets read at once. It bounds how long one connection holds up the others of a turn.
const READ_OCTETS_MAX: usize = 64 << 10;

/// Octets discarded at once after a reset.
const DISCARD_OCTETS: usize = 16 << 10;

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

/// What goes with a socket from one binding to another.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// Lets it be; given back with the last of it.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) permit: Option<Permit>,
    /// How long nothing may come or go before it is reset, in ms.
    pub(crate) idle_timeout_ms: Option<u64>,
}

pub(super) struct Connection<T> {
    /// None until there is one: what is to be written waits.
    transport: Option<T>,
    waker: Waker,
    pub(super) stream: StreamId,
    pub(super) reading: Reading,
    pub(super) writing: Writing,
    /// Until when a peer that still sends is waited for, in ms; set once everything else is over.
    pub(super) lingers_until: Option<u64>,
    /// What would have blocked: at most the credit of the direction, since it is given back when written.
    unwritten: Vec<u8>,
    /// Whether the transport holds octets that it has taken.
    is_held: bool,
    /// Octets written and not yet given back as credit.
    written: u64,
    pub(super) terms: Terms,
    /// When an octet last came or went, in ms.
    pub(super) active_ms: u64,
}

impl<T: Transport> Connection<T> {
    pub(super) fn new(transport: Option<T>, waker: Waker, stream: StreamId) -> Self {
        Self {
            transport,
            waker,
            stream,
            reading: Reading::Open,
            writing: Writing::Open,
            lingers_until: None,
            unwritten: Vec::new(),
            is_held: false,
            written: 0,
            terms: Terms::default(),
            active_ms: 0,
        }
    }

    /// It is connected from now on.
    pub(super) fn connect(&mut self, transport: T) {
        self.transport = Some(transport);
    }

    /// The transport alone, if there is one, with what goes with it.
    pub(super) fn into_parts(self) -> Option<(T, Terms)> {
        Some((self.transport?, self.terms))
    }

    /// Whether there is a transport.
    pub(super) fn is_connected(&self) -> bool {
        self.transport.is_some()
    }

    /// The transport, if there is one.
    pub(super) fn transport(&mut self) -> Option<&mut T> {
        self.transport.as_mut()
    }

    /// Reads once, straight into what waits for the stream's other end.
    pub(super) fn read(&mut self, binding: BindingIndex, now_ms: u64, engine: &mut Engine) -> Read {
        let Some(transport) = &mut self.transport else { return Read::Blocked };
        let mut cx = Context::from_waker(&self.waker);
        let stream = self.stream;
        match transport.poll_read(&mut cx, || engine.room(binding, stream, READ_OCTETS_MAX)) {
            Poll::Ready(Ok(Received::Octets { octets, may_have_more })) => {
                engine.read(binding, stream, octets);
                self.active_ms = now_ms;
                if may_have_more { Read::More } else { Read::Blocked }
            }
            Poll::Ready(Ok(Received::NoRoom)) => Read::NoCredit,
            Poll::Ready(Ok(Received::End)) => Read::Ended,
            Poll::Ready(Err(_)) => Read::Broken,
            Poll::Pending => Read::Blocked,
        }
    }

    /// Throws away what still arrives. `Ended` when the peer has left.
    pub(super) fn discard(&mut self) -> Read {
        let Some(transport) = &mut self.transport else { return Read::Blocked };
        let mut cx = Context::from_waker(&self.waker);
        let mut place = [0; DISCARD_OCTETS];
        match transport.poll_read(&mut cx, || Some(&mut place)) {
            Poll::Ready(Ok(Received::Octets { may_have_more: true, .. } | Received::NoRoom)) => Read::More,
            Poll::Ready(Ok(Received::Octets { may_have_more: false, .. })) | Poll::Pending => Read::Blocked,
            Poll::Ready(Ok(Received::End)) => Read::Ended,
            Poll::Ready(Err(_)) => Read::Broken,
        }
    }

    /// Writes octets, after what is still unwritten, and keeps what would block.
    pub(super) fn write(&mut self, octets: &[u8], now_ms: u64) -> io::Result<()> {
        let Some(transport) = self.transport.as_mut().filter(|_| self.unwritten.is_empty()) else {
            self.unwritten.extend_from_slice(octets);
            return Ok(());
        };
        let mut cx = Context::from_waker(&self.waker);
        let mut rest = octets;
        while !rest.is_empty() {
            let Poll::Ready(written) = transport.poll_write(&mut cx, rest) else { break };
            let written = written?;
            self.written += written as u64;
            self.active_ms = now_ms;
            rest = &rest[written..];
        }
        self.unwritten.extend_from_slice(rest);
        self.is_held = true;
        self.flush()
    }

    /// Writes what is unwritten as far as it does not block, and asks to be woken for the rest.
    pub(super) fn write_unwritten(&mut self, now_ms: u64) -> io::Result<()> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        let mut cx = Context::from_waker(&self.waker);
        let mut taken = 0;
        while taken < self.unwritten.len() {
            let Poll::Ready(written) = transport.poll_write(&mut cx, &self.unwritten[taken..]) else { break };
            taken += written?;
            self.is_held = true;
            self.active_ms = now_ms;
        }
        self.written += taken as u64;
        self.unwritten.drain(..taken);
        if self.unwritten.is_empty() && self.unwritten.capacity() > READ_OCTETS_MAX {
            self.unwritten = Vec::new();
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(transport) = self.transport.as_mut().filter(|_| self.is_held) {
            match transport.poll_flush(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(Ok(())) => self.is_held = false,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// Whether everything was written.
    pub(super) fn is_written(&self) -> bool {
        self.unwritten.is_empty() && !self.is_held
    }

    /// Octets to give back as credit: once they are half of the initial credit, so that one window frame serves
    /// many writes while the sender always has the other half.
    pub(super) fn take_credit(&mut self, initial_credit: u32) -> Option<u64> {
        (self.written >= u64::from(initial_credit) / 2).then(|| std::mem::take(&mut self.written))
    }

    /// Tells the peer that nothing more comes. Says whether it was told; if not, the waker is when it can be, or
    /// there is no connection yet.
    pub(super) fn shutdown(&mut self) -> io::Result<bool> {
        let Some(transport) = &mut self.transport else { return Ok(false) };
        match transport.poll_shutdown(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(done) => done.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// Makes dropping it break the connection.
    pub(super) fn reset_on_drop(&mut self) {
        if let Some(transport) = &mut self.transport {
            transport.reset_on_drop();
        }
    }
}
