//! A `tcp` server on one worker: its listeners and connections as a binding of the engine.

use super::Listening;
use super::connection::{Connection, LINGER_MS, Read, Reading, Writing};
use super::listen::{refuse_silently, set_backlog};
use crate::worker::reactor::watch;
use crate::worker::wake::{self, Socket, Token};
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll, Waker};
use tokio::io::unix::AsyncFd;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Frame, FrameKind, StreamId, attributes};

/// Connections accepted from one listener before the others have their turn.
const ACCEPTS_PER_TURN_MAX: usize = 64;

/// How long accepting pauses when the process or the system has no more file descriptors.
const ACCEPT_PAUSE_MS: u64 = 100;

/// Timers of the binding.
const TOKEN_ACCEPT: u32 = 1;
const TOKEN_LINGER: u32 = 2;
const TOKEN_CLOSE: u32 = 3;

/// How long a listener that ends waits for connections that are being made: a round trip to clients nearby. A longer
/// time would have more clients ask twice, a shorter one more connections reset.
const HANDSHAKE_MS: u64 = 50;

/// A listening socket in the reactor of its worker.
pub(crate) struct Listener {
    socket: AsyncFd<TcpListener>,
    address: SocketAddr,
    waker: Waker,
    authority: Option<String>,
}

impl Listener {
    /// Must be called within the worker's runtime.
    pub(crate) fn new(listening: Listening) -> io::Result<Self> {
        let Listening { socket, address, authority } = listening;
        Ok(Self { socket: watch(socket)?, address, waker: Waker::noop().clone(), authority })
    }

    /// The address as configured.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same socket under another name, with another backlog.
    pub(crate) fn changed(self, authority: Option<String>, backlog: u32) -> Self {
        if let Err(error) = set_backlog(self.socket.get_ref(), backlog) {
            tracing::warn!(address = %self.address, backlog, %error, "a listener keeps the backlog that it has");
        }
        Self { authority, ..self }
    }
}

/// A `tcp` server on one worker.
pub(crate) struct TcpServer {
    /// Index of its pipeline on the worker, for wakers.
    pipeline: u32,
    binding: BindingIndex,
    /// For the log.
    name: String,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    /// Connections that are over and wait for their peer to leave, until a time in ms.
    lingering: VecDeque<(u64, usize)>,
    /// Whether accepting pauses for want of file descriptors.
    is_paused: bool,
    frames: Vec<Frame>,
    octets: Vec<u8>,
    now_ms: u64,
}

impl TcpServer {
    /// Takes over listening sockets.
    pub(crate) fn new(pipeline: u32, binding: BindingIndex, name: String, listeners: Vec<Listener>) -> Self {
        let mut server = Self {
            pipeline,
            binding,
            name,
            listeners,
            connections: Slab::new(),
            lingering: VecDeque::new(),
            is_paused: false,
            frames: Vec::new(),
            octets: Vec::new(),
            now_ms: 0,
        };
        for index in 0..server.listeners.len() {
            let token = server.token(Socket::Listener(index as u32));
            server.listeners[index].waker = wake::waker(token);
            // Looked at once from the start: a connection may be waiting already.
            wake::push(token);
        }
        server
    }

    fn token(&self, socket: Socket) -> Token {
        Token { pipeline: self.pipeline, binding: self.binding.0, socket }
    }

    /// The reactor has news of a socket.
    pub(crate) fn on_ready(&mut self, socket: Socket, now_ms: u64, engine: &mut Engine) {
        self.now_ms = now_ms;
        match socket {
            Socket::Listener(index) => self.accept(index as usize, engine),
            Socket::Connection(index) => {
                self.write_unwritten(index as usize, engine);
                self.read(index as usize, engine);
            }
        }
        self.send(engine);
    }

    /// Handles what streams bring.
    pub(crate) fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine) {
        self.now_ms = now_ms;
        for frame in &batch.frames {
            match frame.kind {
                FrameKind::Signal if frame.stream == 0 => self.on_signal(frame.link, engine),
                _ if frame.stream == 0 => {}
                _ => self.on_frame(frame, batch.octets(), engine),
            }
        }
        self.send(engine);
    }

    /// Accepts no more. Connections go on.
    pub(crate) fn take_listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
    }

    /// Accepts what waits on a listener that is about to be closed.
    pub(crate) fn accept_last(&mut self, listener: &Listener, now_ms: u64, engine: &mut Engine) {
        self.now_ms = now_ms;
        while let Ok((socket, peer)) = listener.socket.get_ref().accept() {
            self.open(listener.authority.as_deref(), socket, peer, engine);
        }
    }

    /// Listens no more, but for connections that are being made: they would be reset with their listener. Another
    /// host may listen on the same addresses and get those that come from now on.
    pub(crate) fn end_listening(&mut self, now_ms: u64, engine: &mut Engine) {
        for listener in &self.listeners {
            // Where it fails, connections that are made in the moment of the end are reset.
            let _ = refuse_silently(listener.socket.get_ref());
        }
        if !self.listeners.is_empty() {
            let deadline = now_ms + HANDSHAKE_MS;
            self.frames.push(Frame { link: TOKEN_CLOSE, value: deadline, ..Frame::new(0, FrameKind::Timer) });
            self.send(engine);
        }
    }

    /// Whether connections may still come.
    pub(crate) fn is_listening(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// How many sockets are open besides the listeners.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    fn accept(&mut self, index: usize, engine: &mut Engine) {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let Some(listener) = self.listeners.get(index) else { return };
            if self.is_paused {
                return;
            }
            let mut cx = Context::from_waker(&listener.waker);
            let Poll::Ready(Ok(mut ready)) = listener.socket.poll_read_ready(&mut cx) else { return };
            match listener.socket.get_ref().accept() {
                Ok((socket, peer)) => {
                    let authority = listener.authority.clone();
                    self.open(authority.as_deref(), socket, peer, engine);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if is_out_of_descriptors(&error) => self.pause(&error),
                // The connection went away before it was accepted, or a signal came.
                Err(error) => tracing::debug!(binding = %self.name, %error, "a connection was not accepted"),
            }
        }
        wake::push(self.token(Socket::Listener(index as u32)));
    }

    fn pause(&mut self, error: &io::Error) {
        self.is_paused = true;
        tracing::warn!(binding = %self.name, %error, connections = self.connections.len(), "accepting pauses");
        let deadline = self.now_ms + ACCEPT_PAUSE_MS;
        self.frames.push(Frame { link: TOKEN_ACCEPT, value: deadline, ..Frame::new(0, FrameKind::Timer) });
    }

    fn open(&mut self, authority: Option<&str>, socket: TcpStream, peer: SocketAddr, engine: &mut Engine) {
        let index = self.connections.vacant_key();
        let stream = stream_of(index);
        let token = self.token(Socket::Connection(index as u32));
        let opened = socket.set_nonblocking(true).and_then(|()| {
            let local = socket.local_addr()?;
            Ok((local, watch(socket)?))
        });
        let (local, socket) = match opened {
            Ok(opened) => opened,
            Err(error) => return tracing::debug!(binding = %self.name, %error, "a connection was lost"),
        };
        self.connections.insert(Connection::new(socket, wake::waker(token), stream));
        let start = self.octets.len();
        attributes::push(&mut self.octets, b"source", peer.to_string().as_bytes());
        attributes::push(&mut self.octets, b"destination", local.to_string().as_bytes());
        if let Some(authority) = authority {
            attributes::push(&mut self.octets, b"authority", authority.as_bytes());
        }
        self.frames.push(Frame {
            attributes: (self.octets.len() - start) as u32,
            offset: start as u32,
            ..Frame::new(stream, FrameKind::Begin)
        });
        self.send(engine);
        self.read(index, engine);
    }

    fn read(&mut self, index: usize, engine: &mut Engine) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let read = match connection.reading {
            Reading::Open => connection.read(self.binding, engine),
            Reading::Discarding => connection.discard(),
            Reading::Ended => return,
        };
        match (read, connection.reading) {
            (Read::Blocked | Read::NoCredit, _) => {}
            (Read::More, _) => {
                wake::push(self.token(Socket::Connection(index as u32)));
            }
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
        let Some(connection) = self.connections.get_mut(index) else { return };
        if connection.is_written() {
            return;
        }
        match connection.write_unwritten() {
            Ok(()) => self.after_write(index, engine),
            Err(_) => self.close(index),
        }
    }

    fn after_write(&mut self, index: usize, engine: &Engine) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if connection.writing == Writing::Finishing && connection.is_written() {
            connection.shutdown();
            connection.writing = Writing::Done;
            return self.close_if_done(index);
        }
        if connection.writing == Writing::Open
            && let Some(octets) = connection.take_credit(engine.limits().initial_credit)
        {
            self.frames.push(Frame { value: octets, ..Frame::new(connection.stream, FrameKind::Window) });
        }
    }

    fn on_frame(&mut self, frame: &Frame, octets: &[u8], engine: &mut Engine) {
        let index = index_of(frame.stream);
        let Some(connection) = self.connections.get_mut(index) else { return };
        match frame.kind {
            FrameKind::Data => {
                let payload = frame.cut(octets).map_or(&[][..], |(_, payload)| payload);
                match connection.write(payload) {
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
                connection.reset_on_close();
                self.close(index);
            }
            FrameKind::Window => {
                // The acceptor has read: so may this connection.
                wake::push(self.token(Socket::Connection(index as u32)));
            }
            FrameKind::Reset => {
                if connection.reading == Reading::Open {
                    connection.reading = Reading::Discarding;
                    wake::push(self.token(Socket::Connection(index as u32)));
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

    fn on_signal(&mut self, token: u32, engine: &mut Engine) {
        match token {
            TOKEN_CLOSE => {
                let now_ms = self.now_ms;
                self.take_listeners().iter().for_each(|listener| self.accept_last(listener, now_ms, engine));
            }
            TOKEN_ACCEPT => self.resume(),
            TOKEN_LINGER => self.stop_lingering(),
            _ => {}
        }
    }

    fn resume(&mut self) {
        if std::mem::replace(&mut self.is_paused, false) {
            for index in 0..self.listeners.len() {
                wake::push(self.token(Socket::Listener(index as u32)));
            }
        }
    }

    /// Closes the socket if both directions are done, or begins to wait for a peer that still sends.
    fn close_if_done(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        match (connection.writing, connection.reading) {
            (Writing::Done, Reading::Ended) => drop(self.connections.remove(index)),
            (Writing::Done, Reading::Discarding) if connection.lingers_until.is_none() => {
                let deadline = self.now_ms + LINGER_MS;
                connection.lingers_until = Some(deadline);
                self.lingering.push_back((deadline, index));
                if self.lingering.len() == 1 {
                    self.set_linger_timer(deadline);
                }
            }
            (Writing::Done, Reading::Open | Reading::Discarding)
            | (Writing::Open | Writing::Finishing, _) => {}
        }
    }

    fn stop_lingering(&mut self) {
        while let Some((deadline, index)) = self.lingering.front().copied() {
            if deadline > self.now_ms {
                return self.set_linger_timer(deadline);
            }
            self.lingering.pop_front();
            // The index may have been reused by a connection that does not linger, or lingers since later.
            if self
                .connections
                .get(index)
                .is_some_and(|connection| connection.lingers_until == Some(deadline))
            {
                self.connections.remove(index);
            }
        }
    }

    fn set_linger_timer(&mut self, deadline: u64) {
        self.frames.push(Frame { link: TOKEN_LINGER, value: deadline, ..Frame::new(0, FrameKind::Timer) });
    }

    /// Closes the socket now, and tells the engine what it does not know yet.
    fn close(&mut self, index: usize) {
        let Some(connection) = self.connections.try_remove(index) else { return };
        let code = CloseCode::Cancelled.value();
        if connection.reading == Reading::Open {
            self.frames.push(Frame { value: code, ..Frame::new(connection.stream, FrameKind::Abort) });
        }
        if connection.writing == Writing::Open {
            self.frames.push(Frame { value: code, ..Frame::new(connection.stream, FrameKind::Reset) });
        }
    }

    /// Hands the engine what has gathered.
    fn send(&mut self, engine: &mut Engine) {
        if !self.frames.is_empty() {
            engine.handle(self.binding, &self.frames, &[], &self.octets);
            self.frames.clear();
            self.octets.clear();
        }
    }
}

/// Connections are streams that the binding opens: even ids from 2.
fn stream_of(index: usize) -> StreamId {
    (index as u32 + 1) << 1
}

fn index_of(stream: StreamId) -> usize {
    ((stream >> 1) - 1) as usize
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS and ENOMEM: all of them pass when something else is closed.
    const CODES: [i32; 4] = [24, 23, 105, 12];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
