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

/// Octets read at once: 64 KiB, in which many cut what they send, and what frames them. It bounds how long one connection
/// holds up the others of a turn.
const READ_OCTETS_MAX: usize = (64 << 10) + (4 << 10);

/// The longest piece that waits for the next one of its batch, in octets: copying more costs as much as writing twice.
const GATHERED_OCTETS_MAX: usize = 16 << 10;

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
    /// What would have blocked, or waits for the next piece of its batch: at most the credit of the direction, since it
    /// is given back when written.
    unwritten: Vec<u8>,
    /// Pieces to write that are still to come of the batch that is handled.
    coming: u32,
    /// What is unwritten waits for them; nothing has blocked.
    is_gathering: bool,
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
            coming: 0,
            is_gathering: false,
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

    /// The batch that is to be handled has one more piece for [`Connection::write`].
    pub(super) fn expect_piece(&mut self) {
        self.coming += 1;
    }

    /// Writes octets, after what is still unwritten, and keeps what would block. A piece that others of its batch follow
    /// waits for them, so that they are written with one call.
    pub(super) fn write(&mut self, octets: &[u8], now_ms: u64) -> io::Result<()> {
        self.coming = self.coming.saturating_sub(1);
        let may_wait = self.coming > 0 && octets.len() <= GATHERED_OCTETS_MAX;
        if self.is_gathering || (may_wait && self.unwritten.is_empty()) {
            self.unwritten.extend_from_slice(octets);
            self.is_gathering = may_wait && self.unwritten.len() <= READ_OCTETS_MAX;
            return if self.is_gathering { Ok(()) } else { self.write_unwritten(now_ms) };
        }
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
        self.is_gathering = false;
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

    /// Whether everything was written, the end included that may follow.
    pub(super) fn is_written(&self) -> bool {
        self.transport.is_some() && self.unwritten.is_empty() && !self.is_held
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes whatever is written, and notes each call.
    struct Notes(Vec<Vec<u8>>);

    impl Transport for Notes {
        fn poll_read<'r>(
            &mut self,
            _: &mut Context<'_>,
            _: impl FnOnce() -> Option<&'r mut [u8]>,
        ) -> Poll<io::Result<Received>> {
            Poll::Pending
        }

        fn poll_write(&mut self, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(octets.to_vec());
            Poll::Ready(Ok(octets.len()))
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn reset_on_drop(&mut self) {}
    }

    /// What is written of one batch with these pieces, by call.
    fn written(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut connection = Connection::new(Some(Notes(Vec::new())), Waker::noop().clone(), 2);
        pieces.iter().for_each(|_| connection.expect_piece());
        for piece in pieces {
            connection.write(piece, 0).unwrap();
        }
        assert!(connection.is_written());
        connection.transport.unwrap().0
    }

    #[test]
    fn pieces_of_a_batch_are_written_with_one_call() {
        assert_eq!(written(&[b"one"]), [b"one"]);
        assert_eq!(written(&[b"head", b"", b"body"]), [b"headbody"]);
    }

    #[test]
    fn long_pieces_do_not_wait() {
        let (long, short) = (vec![b'x'; GATHERED_OCTETS_MAX + 1], b"short".as_slice());
        assert_eq!(written(&[&long, short]), [long.clone(), short.to_vec()]);
        assert_eq!(written(&[short, &long, short]), [[short, &long].concat(), short.to_vec()]);
        let piece = &long[..GATHERED_OCTETS_MAX];
        let calls: Vec<_> = written(&[piece; 8]).iter().map(Vec::len).collect();
        assert_eq!(calls, [5 * GATHERED_OCTETS_MAX, 3 * GATHERED_OCTETS_MAX], "past what is read at once");
    }

    #[test]
    fn pieces_before_there_is_a_connection_wait_for_it() {
        let mut connection = Connection::new(None, Waker::noop().clone(), 2);
        for piece in [b"head", b"body"] {
            connection.expect_piece();
            connection.write(piece, 0).unwrap();
        }
        connection.connect(Notes(Vec::new()));
        connection.write_unwritten(0).unwrap();
        assert_eq!(connection.transport.unwrap().0, [b"headbody"]);
    }
}
