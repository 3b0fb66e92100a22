//! The connections of one native binding on one worker, each an end of a stream.
//!
//! A stream that the binding opened has an even id, which says where its connection is; one that it accepted has
//! an id that the engine chose, which is looked up.

use super::Seat;
use super::connection::{Connection, Read, Reading, Terms, Writing};
use super::transport::Transport;
use crate::worker::wake::{self, Socket};
use slab::Slab;
use std::collections::VecDeque;
use std::net::TcpStream;
use tokio::io::unix::AsyncFd;
use zilla_engine::{Batch, CloseCode, Engine, Frame, FrameKind, StreamId, attributes};

/// How long a peer may keep sending after its connection was ended both ways.
pub(super) const LINGER_MS: u64 = 2_000;

/// Idle connections are looked for that much of the `idle-timeout` apart, so that they go at most so much later: a
/// timer for each connection would have to be moved with each octet.
const IDLE_SWEEP_SHARE: u64 = 16;

/// The same, at most.
const IDLE_SWEEP_MS_MAX: u64 = 1_000;

/// Timers of the connections, for [`Connections::on_timer`]; those of the binding have tokens in between.
pub(super) const TOKEN_LINGER: u32 = 0;
const TOKEN_IDLE: u32 = u32::MAX;

/// A socket that one binding gives to another, with nothing read from it or written to it yet.
pub(crate) struct Handed {
    pub(crate) socket: AsyncFd<TcpStream>,
    /// To be given to [`Connections::bind`].
    pub(crate) terms: Terms,
}

/// Attributes of a stream that begins.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// See the module.
pub(super) struct Connections<T> {
    pub(super) seat: Seat,
    entries: Slab<Connection<T>>,
    /// Where the connection of an accepted stream is, by half of its id.
    accepted: Vec<Option<u32>>,
    /// Connections that are over and wait for their peer to leave, until a time in ms.
    lingering: VecDeque<(u64, usize)>,
    /// When connections are looked at that may be idle, in ms.
    next_sweep_ms: Option<u64>,
    frames: Vec<Frame>,
    octets: Vec<u8>,
    now_ms: u64,
}

impl<T: Transport> Connections<T> {
    pub(super) fn new(seat: Seat) -> Self {
        Self {
            seat,
            entries: Slab::new(),
            accepted: Vec::new(),
            lingering: VecDeque::new(),
            next_sweep_ms: None,
            frames: Vec::new(),
            octets: Vec::new(),
            now_ms: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// It is this late.
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Opens a stream for a connection, and says where the connection is.
    pub(super) fn open(&mut self, transport: T, attributes: Attributes<'_>) -> usize {
        self.open_authorized(transport, attributes, 0)
    }

    /// The same, for somebody whom a guard knows.
    pub(super) fn open_authorized(
        &mut self,
        transport: T,
        attributes: Attributes<'_>,
        authorization: u64,
    ) -> usize {
        let entry = self.entries.vacant_entry();
        let (index, stream) = (entry.key(), stream_of(entry.key()));
        let waker = wake::waker(self.seat.token(Socket::Connection(index as u32)));
        entry.insert(Connection::new(Some(transport), waker, stream));
        self.begin_authorized(stream, attributes, authorization);
        index
    }

    /// Enters an accepted stream that has no connection yet, and says where its connection will be. What it brings
    /// meanwhile waits.
    pub(super) fn accept(&mut self, stream: StreamId) -> usize {
        let entry = self.entries.vacant_entry();
        let index = entry.key();
        let waker = wake::waker(self.seat.token(Socket::Connection(index as u32)));
        entry.insert(Connection::new(None, waker, stream));
        let place = (stream >> 1) as usize;
        if self.accepted.len() <= place {
            self.accepted.resize(place + 1, None);
        }
        self.accepted[place] = Some(index as u32);
        index
    }

    /// Has a connection keep to the terms of its socket.
    pub(super) fn bind(&mut self, index: usize, terms: Terms) {
        let Some(connection) = self.entries.get_mut(index) else { return };
        connection.active_ms = self.now_ms;
        connection.terms = terms;
        if let Some(timeout_ms) = connection.terms.idle_timeout_ms {
            self.sweep_by(self.now_ms + timeout_ms);
        }
    }

    /// Answers an accepted stream: it is connected.
    pub(super) fn connect(
        &mut self,
        index: usize,
        transport: T,
        attributes: Attributes<'_>,
        engine: &mut Engine,
    ) {
        let Some(connection) = self.entries.get_mut(index) else { return };
        connection.connect(transport);
        let stream = connection.stream;
        self.begin(stream, attributes);
        self.write_unwritten(index, engine);
    }

    fn begin(&mut self, stream: StreamId, attributes: Attributes<'_>) {
        self.begin_authorized(stream, attributes, 0);
    }

    fn begin_authorized(&mut self, stream: StreamId, attributes: Attributes<'_>, authorization: u64) {
        let start = self.octets.len();
        for (name, value) in attributes {
            attributes::push(&mut self.octets, name.as_bytes(), value.as_bytes());
        }
        self.frames.push(Frame {
            attributes: (self.octets.len() - start) as u32,
            offset: start as u32,
            value: authorization,
            ..Frame::new(stream, FrameKind::Begin)
        });
    }

    /// Sets a timer of the binding.
    pub(super) fn set_timer(&mut self, token: u32, deadline_ms: u64) {
        self.frames.push(Frame { link: token, value: deadline_ms, ..Frame::new(0, FrameKind::Timer) });
    }

    /// A timer that [`Connections::set_timer`] has set is due: one of the connections, or the binding's own.
    pub(super) fn on_timer(&mut self, token: u32, engine: &mut Engine) {
        match token {
            TOKEN_LINGER => self.stop_lingering(),
            TOKEN_IDLE => self.sweep(engine),
            _ => {}
        }
    }

    /// A frame of the binding's own making.
    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// Hands the engine what has gathered.
    pub(super) fn send(&mut self, engine: &mut Engine) {
        if !self.frames.is_empty() {
            engine.handle(self.seat.binding, &self.frames, &[], &self.octets);
            self.frames.clear();
            self.octets.clear();
        }
    }

    /// Where the connection of a stream is.
    pub(super) fn index_of(&self, stream: StreamId) -> Option<usize> {
        match stream & 1 {
            0 => (stream as usize >> 1).checked_sub(1),
            _ => self.accepted.get(stream as usize >> 1).copied().flatten().map(|index| index as usize),
        }
    }

    /// The stream of a connection for which one was opened.
    pub(super) fn opened(index: usize) -> StreamId {
        stream_of(index)
    }

    /// Whether there is such a connection, and it was made.
    pub(super) fn is_connected(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(Connection::is_connected)
    }

    /// Looks at a connection in the next turn.
    pub(super) fn look_at(&self, index: usize) {
        wake::push(self.seat.token(Socket::Connection(index as u32)));
    }

    /// The reactor has news of a connection.
    pub(super) fn on_ready(&mut self, index: usize, engine: &mut Engine) {
        self.write_unwritten(index, engine);
        self.read(index, engine);
    }

    pub(super) fn read(&mut self, index: usize, engine: &mut Engine) {
        let binding = self.seat.binding;
        let Some(connection) = self.entries.get_mut(index) else { return };
        let read = match connection.reading {
            Reading::Open => connection.read(binding, self.now_ms, engine),
            Reading::Discarding => connection.discard(),
            Reading::Ended => return,
        };
        match (read, connection.reading) {
            (Read::Blocked | Read::NoCredit, _) => {}
            (Read::More, _) => self.look_at(index),
            (Read::Ended, Reading::Open) => {
                connection.reading = Reading::Ended;
                self.frames.push(Frame::new(connection.stream, FrameKind::End));
                self.close_if_done(index);
            }
            (Read::Ended, Reading::Discarding | Reading::Ended) => {
                connection.reading = Reading::Ended;
                self.close_if_done(index);
            }
            (Read::Broken, _) => self.close(index),
        }
    }

    fn write_unwritten(&mut self, index: usize, engine: &Engine) {
        let Some(connection) = self.entries.get_mut(index) else { return };
        if connection.is_written() && connection.writing != Writing::Finishing {
            return;
        }
        match connection.write_unwritten(self.now_ms) {
            Ok(()) => self.after_write(index, engine),
            Err(_) => self.close(index),
        }
    }

    fn after_write(&mut self, index: usize, engine: &Engine) {
        let Some(connection) = self.entries.get_mut(index) else { return };
        match connection.writing {
            Writing::Finishing if connection.is_written() => match connection.shutdown() {
                Ok(true) => {
                    connection.writing = Writing::Done;
                    self.close_if_done(index);
                }
                Ok(false) => {}
                Err(_) => self.close(index),
            },
            Writing::Open => {
                if let Some(octets) = connection.take_credit(engine.limits().initial_credit) {
                    let window = Frame { value: octets, ..Frame::new(connection.stream, FrameKind::Window) };
                    self.frames.push(window);
                }
            }
            Writing::Finishing | Writing::Done => {}
        }
    }

    /// Counts what a batch has for each connection, before its frames are handled.
    pub(super) fn expect(&mut self, batch: &Batch) {
        for frame in batch.frames.iter().filter(|frame| frame.kind == FrameKind::Data) {
            let connection = self.index_of(frame.stream).and_then(|index| self.entries.get_mut(index));
            // Streams of the other kind are handled elsewhere.
            if let Some(connection) = connection.filter(|connection| connection.stream == frame.stream) {
                connection.expect_piece();
            }
        }
    }

    /// Handles a frame of a stream that has a connection.
    pub(super) fn on_frame(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let Some(index) = self.index_of(frame.stream) else { return };
        let Some(connection) = self.entries.get_mut(index) else { return };
        match frame.kind {
            FrameKind::Data => {
                let payload = frame.cut(batch.octets()).map_or(&[][..], |(_, payload)| payload);
                match connection.write(payload, self.now_ms) {
                    Ok(()) => self.after_write(index, engine),
                    Err(_) => self.close(index),
                }
            }
            FrameKind::End => {
                connection.writing = Writing::Finishing;
                self.after_write(index, engine);
            }
            FrameKind::Abort => {
                connection.writing = Writing::Done;
                connection.reset_on_drop();
                self.close(index);
            }
            // The other end has read: so may this connection.
            FrameKind::Window => self.look_at(index),
            FrameKind::Reset => {
                if connection.reading == Reading::Open {
                    connection.reading = Reading::Discarding;
                    self.look_at(index);
                }
                self.close_if_done(index);
            }
            FrameKind::Begin
            | FrameKind::Flush
            | FrameKind::Challenge
            | FrameKind::Timer
            | FrameKind::Signal
            | FrameKind::Drain
            | FrameKind::Forward => {}
        }
    }

    /// Closes the connection if both directions are done, or begins to wait for a peer that still sends.
    fn close_if_done(&mut self, index: usize) {
        let Some(connection) = self.entries.get_mut(index) else { return };
        match (connection.writing, connection.reading) {
            (Writing::Done, Reading::Ended) => drop(self.remove(index)),
            (Writing::Done, Reading::Discarding) if connection.lingers_until.is_none() => {
                let deadline = self.now_ms + LINGER_MS;
                connection.lingers_until = Some(deadline);
                self.lingering.push_back((deadline, index));
                if self.lingering.len() == 1 {
                    self.set_timer(TOKEN_LINGER, deadline);
                }
            }
            (Writing::Done, Reading::Open | Reading::Discarding)
            | (Writing::Open | Writing::Finishing, _) => {}
        }
    }

    /// Waits no longer for peers that had their time.
    pub(super) fn stop_lingering(&mut self) {
        while let Some((deadline, index)) = self.lingering.front().copied() {
            if deadline > self.now_ms {
                return self.set_timer(TOKEN_LINGER, deadline);
            }
            self.lingering.pop_front();
            // The index may have been reused by a connection that does not linger, or lingers since later.
            if self.entries.get(index).is_some_and(|connection| connection.lingers_until == Some(deadline)) {
                self.remove(index);
            }
        }
    }

    /// Has connections that may be idle looked at by then.
    fn sweep_by(&mut self, deadline_ms: u64) {
        if self.next_sweep_ms.is_none_or(|next_ms| deadline_ms < next_ms) {
            self.next_sweep_ms = Some(deadline_ms);
            self.set_timer(TOKEN_IDLE, deadline_ms);
        }
    }

    /// Resets connections on which nothing came or went for too long.
    fn sweep(&mut self, engine: &mut Engine) {
        let now_ms = self.now_ms;
        let (mut idle, mut next_ms) = (Vec::new(), u64::MAX);
        for (index, connection) in &self.entries {
            let Some(timeout_ms) = connection.terms.idle_timeout_ms else { continue };
            let deadline_ms = connection.active_ms + timeout_ms;
            if deadline_ms <= now_ms {
                idle.push(index);
            } else {
                let step_ms = (timeout_ms / IDLE_SWEEP_SHARE).clamp(1, IDLE_SWEEP_MS_MAX);
                next_ms = next_ms.min(deadline_ms.max(now_ms + step_ms));
            }
        }
        for index in idle {
            engine.note_limit(self.seat.binding, "idle-timeout");
            // The peer is not to take it for an orderly end.
            if let Some(connection) = self.entries.get_mut(index) {
                connection.reset_on_drop();
            }
            self.refuse(index, CloseCode::Timeout);
        }
        self.next_sweep_ms = None;
        if next_ms < u64::MAX {
            self.sweep_by(next_ms);
        }
    }

    /// Closes the connection now, and tells the engine what it does not know yet.
    pub(super) fn close(&mut self, index: usize) {
        self.refuse(index, CloseCode::Cancelled);
    }

    /// Refuses an accepted stream, or ends one that cannot go on.
    pub(super) fn refuse(&mut self, index: usize, code: CloseCode) {
        let Some(connection) = self.remove(index) else { return };
        let value = code.value();
        if connection.reading == Reading::Open {
            self.frames.push(Frame { value, ..Frame::new(connection.stream, FrameKind::Abort) });
        }
        if connection.writing == Writing::Open {
            self.frames.push(Frame { value, ..Frame::new(connection.stream, FrameKind::Reset) });
        }
    }

    /// Forgets a connection. Its stream is its binding's to end.
    pub(super) fn remove(&mut self, index: usize) -> Option<Connection<T>> {
        let connection = self.entries.try_remove(index)?;
        if connection.stream & 1 == 1
            && let Some(place) = self.accepted.get_mut(connection.stream as usize >> 1)
        {
            *place = None;
        }
        Some(connection)
    }
}

/// Streams that a binding opens have even ids from 2.
fn stream_of(index: usize) -> StreamId {
    (index as u32 + 1) << 1
}
