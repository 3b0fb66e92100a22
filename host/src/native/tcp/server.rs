//! A `tcp` server on one worker: its listeners and connections as a binding of the engine.

use super::super::connections::{Connections, Handed, TOKEN_LINGER};
use super::super::transport::Plain;
use super::super::{NativeBinding, Others, Seat};
use super::Listening;
use super::listen::{refuse_silently, set_backlog};
use crate::worker::reactor::watch;
use crate::worker::wake::{self, Socket};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll, Waker};
use tokio::io::unix::AsyncFd;
use zilla_engine::{Batch, Engine, FrameKind, StreamId};

/// Connections accepted from one listener before the others have their turn.
const ACCEPTS_PER_TURN_MAX: usize = 64;

/// How long accepting pauses when the process or the system has no more file descriptors.
const ACCEPT_PAUSE_MS: u64 = 100;

/// Timers of the binding.
const TOKEN_ACCEPT: u32 = 1;
const TOKEN_CLOSE: u32 = 2;

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
        let Listening { socket, address } = listening;
        Ok(Self { socket: watch(socket)?, address, waker: Waker::noop().clone(), authority: None })
    }

    /// The address as configured.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same socket, with the name that its address was given by, and this backlog.
    pub(crate) fn changed(self, authority: Option<String>, backlog: u32) -> Self {
        if let Err(error) = set_backlog(self.socket.get_ref(), backlog) {
            tracing::warn!(address = %self.address, backlog, %error, "a listener keeps the backlog that it has");
        }
        Self { authority, ..self }
    }
}

/// A `tcp` server on one worker.
pub(super) struct TcpServer {
    connections: Connections<Plain>,
    listeners: Vec<Listener>,
    /// Whether accepting pauses for want of file descriptors.
    is_paused: bool,
}

impl TcpServer {
    /// Takes over listening sockets.
    pub(super) fn new(seat: Seat, mut listeners: Vec<Listener>) -> Self {
        for (index, listener) in listeners.iter_mut().enumerate() {
            let token = seat.token(Socket::Listener(index as u32));
            listener.waker = wake::waker(token);
            // Looked at once from the start: a connection may be waiting already.
            wake::push(token);
        }
        Self { connections: Connections::new(seat), listeners, is_paused: false }
    }

    fn name(&self) -> &str {
        &self.connections.seat.name
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
                Err(error) => tracing::debug!(binding = self.name(), %error, "a connection was not accepted"),
            }
        }
        wake::push(self.connections.seat.token(Socket::Listener(index as u32)));
    }

    fn pause(&mut self, error: &io::Error) {
        self.is_paused = true;
        let connections = self.connections.len();
        tracing::warn!(binding = self.name(), %error, connections, "accepting pauses");
        self.connections.set_timer(TOKEN_ACCEPT, self.connections.now_ms() + ACCEPT_PAUSE_MS);
    }

    fn open(&mut self, authority: Option<&str>, socket: TcpStream, peer: SocketAddr, engine: &mut Engine) {
        let opened = socket.set_nonblocking(true).and_then(|()| {
            let local = socket.local_addr()?;
            Ok((local, watch(socket)?))
        });
        let (local, socket) = match opened {
            Ok(opened) => opened,
            Err(error) => return tracing::debug!(binding = self.name(), %error, "a connection was lost"),
        };
        let (source, destination) = (peer.to_string(), local.to_string());
        let attributes = [
            ("source", source.as_str()),
            ("destination", &destination),
            ("authority", authority.unwrap_or("")),
        ];
        let known = if authority.is_some() { 3 } else { 2 };
        let index = self.connections.open(Plain::new(socket), &attributes[..known]);
        self.connections.send(engine);
        match self.connections.seat.is_taken_from {
            true => self.connections.look_at(index),
            false => self.connections.read(index, engine),
        }
    }

    fn on_signal(&mut self, token: u32, engine: &mut Engine) {
        match token {
            TOKEN_CLOSE => {
                let now_ms = self.connections.now_ms();
                for listener in &self.take_listeners() {
                    self.accept_last(listener, now_ms, engine);
                }
            }
            TOKEN_ACCEPT => self.resume(),
            TOKEN_LINGER => self.connections.stop_lingering(),
            _ => {}
        }
    }

    fn resume(&mut self) {
        if std::mem::replace(&mut self.is_paused, false) {
            for index in 0..self.listeners.len() {
                wake::push(self.connections.seat.token(Socket::Listener(index as u32)));
            }
        }
    }
}

impl NativeBinding for TcpServer {
    fn on_ready(&mut self, socket: Socket, now_ms: u64, engine: &mut Engine) {
        self.connections.advance(now_ms);
        match socket {
            Socket::Listener(index) => self.accept(index as usize, engine),
            Socket::Connection(index) => self.connections.on_ready(index as usize, engine),
            Socket::Handshake(_) => {}
        }
        self.connections.send(engine);
    }

    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, _others: &mut dyn Others) {
        self.connections.advance(now_ms);
        for frame in &batch.frames {
            match frame.kind {
                FrameKind::Signal if frame.stream == 0 => self.on_signal(frame.link, engine),
                _ if frame.stream == 0 => {}
                _ => self.connections.on_frame(frame, batch, engine),
            }
        }
        self.connections.send(engine);
    }

    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn take_listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
    }

    fn accept_last(&mut self, listener: &Listener, now_ms: u64, engine: &mut Engine) {
        self.connections.advance(now_ms);
        while let Ok((socket, peer)) = listener.socket.get_ref().accept() {
            self.open(listener.authority.as_deref(), socket, peer, engine);
        }
    }

    /// Another host may listen on the same addresses and get the connections that come from now on. Those that
    /// are being made would be reset with their listener, so it stays a moment.
    fn end_listening(&mut self, now_ms: u64, engine: &mut Engine) {
        for listener in &self.listeners {
            // Where it fails, connections that are made in the moment of the end are reset.
            let _ = refuse_silently(listener.socket.get_ref());
        }
        if !self.listeners.is_empty() {
            self.connections.set_timer(TOKEN_CLOSE, now_ms + HANDSHAKE_MS);
            self.connections.send(engine);
        }
    }

    fn is_listening(&self) -> bool {
        !self.listeners.is_empty()
    }

    fn hand_over(&mut self, stream: StreamId) -> Option<Handed> {
        let index = self.connections.index_of(stream)?;
        let socket = self.connections.remove(index)?.into_transport()?.into_socket();
        Some(Handed { socket })
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS and ENOMEM: all of them pass when something else is closed.
    const CODES: [i32; 4] = [24, 23, 105, 12];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
