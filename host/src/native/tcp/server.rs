//! A `tcp` server on one worker: its listeners and connections as a binding of the engine.

use super::super::connection::Terms;
use super::super::connections::{Connections, Handed};
use super::super::permits::{Permit, Permits};
use super::super::transport::Plain;
use super::super::{NativeBinding, Others, Seat};
use super::Listening;
use super::listen::refuse_silently;
use super::options::{Excess, ServerOptions};
use super::socket::SocketOptions;
use crate::worker::reactor::{reset_on_close, watch};
use crate::worker::wake::{self, Socket};
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::unix::AsyncFd;
use zilla_engine::{Batch, Engine, FrameKind, StreamId};

/// Connections accepted from one listener before the others have their turn.
const ACCEPTS_PER_TURN_MAX: usize = 64;

/// How long accepting pauses when the process or the system has no more file descriptors, or there are as many
/// connections as `connections` says and none of them ends on this worker.
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

    /// The same socket, as another configuration has it: with the name that its address was given by, and with
    /// other options, which connections inherit that are asked for from now on.
    pub(super) fn configured(self, authority: Option<String>, options: &SocketOptions, backlog: u32) -> Self {
        let socket = SockRef::from(self.socket.get_ref());
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        // Where it fails, the socket stays as it was, and is better than none.
        if let Err(error) = options.apply(&socket).and_then(|()| socket.listen(backlog)) {
            tracing::warn!(address = %self.address, %error, "options of a listener were not set");
        }
        Self { authority, ..self }
    }
}

/// Whether a connection may be let in.
enum Admitted {
    /// With what lets it be, if that is counted.
    With(Option<Permit>),
    /// A limit is met: which, and how long nothing is accepted if connections over it wait.
    Not { limit: &'static str, pause: Pause, until_ms: u64 },
}

/// A `tcp` server on one worker.
pub(super) struct TcpServer {
    connections: Connections<Plain>,
    listeners: Vec<Listener>,
    options: Arc<ServerOptions>,
    pause: Pause,
    /// The first connection over a limit: only one that was accepted is known to be there. The others wait in the
    /// kernel.
    held: Option<Accepted>,
}

/// A connection that a listener gave.
struct Accepted {
    authority: Option<String>,
    socket: TcpStream,
    peer: SocketAddr,
}

/// Why nothing is accepted for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// It is.
    None,
    /// Until a time that a timer was set to.
    Timed,
    /// The same, or until a connection has ended.
    Full,
}

impl TcpServer {
    /// Takes over listening sockets.
    pub(super) fn new(seat: Seat, options: Arc<ServerOptions>, mut listeners: Vec<Listener>) -> Self {
        for (index, listener) in listeners.iter_mut().enumerate() {
            let token = seat.token(Socket::Listener(index as u32));
            listener.waker = wake::waker(token);
            // Looked at once from the start: a connection may be waiting already.
            wake::push(token);
        }
        Self { connections: Connections::new(seat), listeners, options, pause: Pause::None, held: None }
    }

    fn name(&self) -> &str {
        &self.connections.seat.name
    }

    fn accept(&mut self, index: usize, engine: &mut Engine) {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let Some(listener) = self.listeners.get(index) else { return };
            if self.pause != Pause::None {
                return;
            }
            let mut cx = Context::from_waker(&listener.waker);
            let Poll::Ready(Ok(mut ready)) = listener.socket.poll_read_ready(&mut cx) else { return };
            match listener.socket.get_ref().accept() {
                Ok((socket, peer)) => {
                    let authority = listener.authority.clone();
                    self.let_in(Accepted { authority, socket, peer }, engine);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if is_out_of_descriptors(&error) => {
                    let connections = self.connections.len();
                    tracing::warn!(binding = self.name(), %error, connections, "accepting pauses");
                    return self.pause(Pause::Timed, self.connections.now_ms() + ACCEPT_PAUSE_MS);
                }
                // The connection went away before it was accepted, or a signal came.
                Err(error) => tracing::debug!(binding = self.name(), %error, "a connection was not accepted"),
            }
        }
        wake::push(self.connections.seat.token(Socket::Listener(index as u32)));
    }

    /// Whether one more connection may be let in now.
    fn admit(&self, now_ms: u64) -> Admitted {
        let next_ms = self.options.accept_rate.as_ref().map_or(now_ms, |rate| rate.next_ms(now_ms));
        if next_ms > now_ms {
            return Admitted::Not { limit: "accept-rate", pause: Pause::Timed, until_ms: next_ms };
        }
        match self.options.connections.as_ref().map(Permits::take) {
            None => Admitted::With(None),
            Some(Some(permit)) => Admitted::With(Some(permit)),
            Some(None) => {
                let until_ms = now_ms + ACCEPT_PAUSE_MS;
                Admitted::Not { limit: "connections", pause: Pause::Full, until_ms }
            }
        }
    }

    /// Goes on with a connection that was accepted, or resets it, or holds it back and accepts no more.
    fn let_in(&mut self, accepted: Accepted, engine: &mut Engine) {
        match self.admit(self.connections.now_ms()) {
            Admitted::With(permit) => {
                if let Some(rate) = &self.options.accept_rate {
                    rate.spend(self.connections.now_ms());
                }
                self.open(accepted, permit, engine);
            }
            Admitted::Not { limit, pause, until_ms } => {
                engine.note_limit(self.connections.seat.binding, limit);
                match self.options.excess {
                    Excess::Reset => reset_on_close(&accepted.socket),
                    Excess::Wait => {
                        self.held = Some(accepted);
                        self.pause(pause, until_ms);
                    }
                }
            }
        }
    }

    fn pause(&mut self, pause: Pause, until_ms: u64) {
        self.pause = pause;
        self.connections.set_timer(TOKEN_ACCEPT, until_ms);
    }

    fn open(&mut self, accepted: Accepted, permit: Option<Permit>, engine: &mut Engine) {
        let Accepted { authority, socket, peer } = accepted;
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
            ("authority", authority.as_deref().unwrap_or("")),
        ];
        let known = if authority.is_some() { 3 } else { 2 };
        let index = self.connections.open(Plain::new(socket), &attributes[..known]);
        let idle_timeout_ms = self.options.idle_timeout_ms;
        self.connections.bind(index, Terms { permit, idle_timeout_ms });
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
            TOKEN_ACCEPT => self.resume(engine),
            token => self.connections.on_timer(token, engine),
        }
    }

    /// Accepts again if it stopped because there were too many connections, and one has gone.
    fn resume_if_any_left(&mut self, engine: &mut Engine) {
        if self.pause == Pause::Full && self.options.connections.as_ref().is_none_or(Permits::is_any_left) {
            self.resume(engine);
        }
    }

    fn resume(&mut self, engine: &mut Engine) {
        let was_paused = std::mem::replace(&mut self.pause, Pause::None) != Pause::None;
        if let Some(accepted) = self.held.take() {
            self.let_in(accepted, engine);
        }
        if was_paused && self.pause == Pause::None {
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
        self.resume_if_any_left(engine);
        self.connections.send(engine);
    }

    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, _others: &mut dyn Others) {
        self.connections.advance(now_ms);
        self.connections.expect(batch);
        for frame in &batch.frames {
            match frame.kind {
                FrameKind::Signal if frame.stream == 0 => self.on_signal(frame.link, engine),
                _ if frame.stream == 0 => {}
                _ => self.connections.on_frame(frame, batch, engine),
            }
        }
        self.resume_if_any_left(engine);
        self.connections.send(engine);
    }

    fn connections(&self) -> usize {
        self.connections.len() + usize::from(self.held.is_some())
    }

    fn take_listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
    }

    fn accept_last(&mut self, listener: &Listener, now_ms: u64, engine: &mut Engine) {
        self.connections.advance(now_ms);
        // Those over the limit of connections are reset with the listener; the rate has had its say.
        loop {
            let permit = match &self.options.connections {
                None => None,
                Some(permits) => match permits.take() {
                    Some(permit) => Some(permit),
                    None => return engine.note_limit(self.connections.seat.binding, "connections"),
                },
            };
            let Ok((socket, peer)) = listener.socket.get_ref().accept() else { return };
            let authority = listener.authority.clone();
            self.open(Accepted { authority, socket, peer }, permit, engine);
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
        let (transport, terms) = self.connections.remove(index)?.into_parts()?;
        Some(Handed { socket: transport.into_socket(), terms })
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS and ENOMEM: all of them pass when something else is closed.
    const CODES: [i32; 4] = [24, 23, 105, 12];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
