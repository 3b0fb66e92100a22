//! A `tcp` client on one worker: each stream that it accepts becomes a connection.
//!
//! ```text
//!   begin ──▶ Resolving ──▶ Racing ── connected: begin ──▶ an end of the stream, in Connections
//!                └──────────────┴──── not in time, refused, …: reset and abort
//! ```
//!
//! What a stream brings before it is connected waits, bounded by its credit.

use super::super::connection::Terms;
use super::super::connections::{Connections, Handed};
use super::super::names::{self, Answer};
use super::super::permits::{Permit, Permits};
use super::super::transport::Plain;
use super::super::{NativeBinding, Others, Seat};
use super::destination::{ClientOptions, Destination, Host};
use super::race::{Connected, Race, in_turn};
use crate::worker::wake::{self, Socket, Token};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use zilla_engine::{Batch, CloseCode, Engine, Frame, FrameKind, StreamId};

/// Timer of a stream that is not connected yet.
const TOKEN_CONNECT: u32 = 0;

/// A `tcp` client on one worker.
pub(super) struct TcpClient {
    connections: Connections<Plain>,
    options: Arc<ClientOptions>,
    /// Those that are not connected yet, by index.
    pending: BTreeMap<usize, Pending>,
}

/// A connection that is being made.
struct Pending {
    stream: StreamId,
    destination: Destination,
    stage: Stage,
    /// When there is no more time, in ms.
    deadline_ms: u64,
    /// What the timer of the stream is set to; 0 if it is not.
    timer_ms: u64,
    permit: Option<Permit>,
    waker: Waker,
}

enum Stage {
    Resolving,
    Racing(Race),
}

impl TcpClient {
    pub(super) fn new(seat: Seat, options: Arc<ClientOptions>) -> Self {
        Self { connections: Connections::new(seat), options, pending: BTreeMap::new() }
    }

    fn token(&self, index: usize) -> Token {
        self.connections.seat.token(Socket::Connection(index as u32))
    }

    /// A stream is to be connected.
    fn begin(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let index = self.connections.accept(frame.stream);
        let attributes = frame.cut(batch.octets()).map_or(&[][..], |(attributes, _)| attributes);
        let destination = match self.options.destination(attributes) {
            Ok(destination) => destination,
            Err(code) => return self.connections.refuse(index, code),
        };
        let permit = match self.options.connections.as_ref().map(Permits::take) {
            None => None,
            Some(Some(permit)) => Some(permit),
            Some(None) => {
                engine.note_limit(self.connections.seat.binding, "connections");
                return self.connections.refuse(index, CloseCode::Limit);
            }
        };
        let stage = match destination.host {
            Host::Name(_) => Stage::Resolving,
            Host::Address(address) => Stage::Racing(Race::new([SocketAddr::new(address, destination.port)])),
        };
        let pending = Pending {
            stream: frame.stream,
            destination,
            stage,
            deadline_ms: self.connections.now_ms() + self.options.connect_timeout_ms,
            timer_ms: 0,
            permit,
            waker: wake::waker(self.token(index)),
        };
        self.pending.insert(index, pending);
        self.go_on(index, engine);
    }

    /// Takes a connection that is being made as far as it gets without waiting.
    fn go_on(&mut self, index: usize, engine: &mut Engine) {
        let (now_ms, token) = (self.connections.now_ms(), self.token(index));
        let Some(pending) = self.pending.get_mut(&index) else { return };
        match pending.poll(now_ms, token, &self.options) {
            Poll::Ready(Ok(connected)) => self.connect(index, connected, engine),
            Poll::Ready(Err(code)) => self.fail(index, code, engine),
            Poll::Pending if now_ms >= pending.deadline_ms => {
                engine.note_limit(self.connections.seat.binding, "connect-timeout");
                self.fail(index, CloseCode::Timeout, engine);
            }
            Poll::Pending => {
                let timer_ms = pending.next_deadline();
                if std::mem::replace(&mut pending.timer_ms, timer_ms) != timer_ms {
                    let timer = connect_timer(pending.stream, timer_ms);
                    self.connections.push(timer);
                }
            }
        }
    }

    fn connect(&mut self, index: usize, connected: Connected, engine: &mut Engine) {
        let Some(pending) = self.pending.remove(&index) else { return };
        if pending.timer_ms > 0 {
            self.connections.push(connect_timer(pending.stream, 0));
        }
        let (source, destination) = (connected.local.to_string(), connected.peer.to_string());
        let name = match &pending.destination.host {
            Host::Name(name) => name,
            Host::Address(_) => "",
        };
        let attributes = [("source", source.as_str()), ("destination", &destination), ("authority", name)];
        let known = if name.is_empty() { 2 } else { 3 };
        self.connections.connect(index, Plain::new(connected.socket), &attributes[..known], engine);
        let idle_timeout_ms = self.options.idle_timeout_ms;
        self.connections.bind(index, Terms { permit: pending.permit, idle_timeout_ms });
        self.connections.send(engine);
        match self.connections.seat.is_taken_from {
            true => self.connections.look_at(index),
            false => self.connections.read(index, engine),
        }
    }

    fn fail(&mut self, index: usize, code: CloseCode, engine: &mut Engine) {
        let Some(pending) = self.pending.remove(&index) else { return };
        let binding = &self.connections.seat.name;
        tracing::debug!(%binding, destination = ?pending.destination, ?code, "no connection was made");
        if code == CloseCode::Limit {
            let limit = match pending.stage {
                Stage::Resolving => "lookups",
                Stage::Racing(_) => "file descriptors",
            };
            engine.note_limit(self.connections.seat.binding, limit);
        }
        pending.leave(self.token(index));
        self.connections.refuse(index, code);
    }

    /// Handles a frame of a stream, which may end it before it is connected.
    fn on_frame(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let index = self.connections.index_of(frame.stream);
        self.connections.on_frame(frame, batch, engine);
        if let Some(index) = index
            && self.connections.index_of(frame.stream).is_none()
            && let Some(pending) = self.pending.remove(&index)
        {
            pending.leave(self.token(index));
        }
    }
}

impl Pending {
    fn poll(
        &mut self,
        now_ms: u64,
        token: Token,
        options: &ClientOptions,
    ) -> Poll<Result<Connected, CloseCode>> {
        loop {
            self.stage = match (&mut self.stage, &self.destination.host) {
                (Stage::Racing(race), _) => {
                    return race.poll(&mut Context::from_waker(&self.waker), now_ms, &options.socket);
                }
                (Stage::Resolving, Host::Name(name)) => match names::resolve(name, now_ms, token) {
                    Answer::Addresses { addresses, turn } => {
                        let allowed = self.allowed(&addresses, options);
                        if allowed.is_empty() {
                            return Poll::Ready(Err(CloseCode::NoRoute));
                        }
                        Stage::Racing(Race::new(in_turn(&allowed, turn)))
                    }
                    Answer::Pending => return Poll::Pending,
                    Answer::NotFound => return Poll::Ready(Err(CloseCode::Unreachable)),
                    Answer::Full => return Poll::Ready(Err(CloseCode::Limit)),
                },
                (Stage::Resolving, Host::Address(address)) => {
                    Stage::Racing(Race::new([SocketAddr::new(*address, self.destination.port)]))
                }
            };
        }
    }

    /// Those of a name's addresses that may be connected to, with the port.
    fn allowed(&self, addresses: &[SocketAddr], options: &ClientOptions) -> Vec<SocketAddr> {
        let with_port = |address: &SocketAddr| {
            let mut address = *address;
            address.set_port(self.destination.port);
            address
        };
        let is_allowed = |address: &SocketAddr| options.allows(&self.destination, address.ip());
        addresses.iter().map(with_port).filter(is_allowed).collect()
    }

    fn next_deadline(&self) -> u64 {
        match &self.stage {
            Stage::Resolving => self.deadline_ms,
            Stage::Racing(race) => race.next_deadline().unwrap_or(self.deadline_ms).min(self.deadline_ms),
        }
    }

    /// It is no longer wanted.
    fn leave(&self, token: Token) {
        if let (Stage::Resolving, Host::Name(name)) = (&self.stage, &self.destination.host) {
            names::leave(name, token);
        }
    }
}

fn connect_timer(stream: StreamId, deadline_ms: u64) -> Frame {
    Frame { link: TOKEN_CONNECT, value: deadline_ms, ..Frame::new(stream, FrameKind::Timer) }
}

impl NativeBinding for TcpClient {
    fn on_ready(&mut self, socket: Socket, now_ms: u64, engine: &mut Engine) {
        self.connections.advance(now_ms);
        match socket {
            Socket::Connection(index) if self.connections.is_connected(index as usize) => {
                self.connections.on_ready(index as usize, engine);
            }
            Socket::Connection(index) => self.go_on(index as usize, engine),
            Socket::Listener(_) | Socket::Handshake(_) => {}
        }
        self.connections.send(engine);
    }

    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, _others: &mut dyn Others) {
        self.connections.advance(now_ms);
        self.connections.expect(batch);
        for frame in &batch.frames {
            match frame.kind {
                FrameKind::Signal if frame.stream == 0 => self.connections.on_timer(frame.link, engine),
                FrameKind::Signal => {
                    if let Some(index) = self.connections.index_of(frame.stream) {
                        self.go_on(index, engine);
                    }
                }
                _ if frame.stream == 0 => {}
                FrameKind::Begin => self.begin(frame, batch, engine),
                _ => self.on_frame(frame, batch, engine),
            }
        }
        self.connections.send(engine);
    }

    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn hand_over(&mut self, stream: StreamId) -> Option<Handed> {
        let index = self.connections.index_of(stream)?;
        if !self.connections.is_connected(index) {
            return None;
        }
        let (transport, terms) = self.connections.remove(index)?.into_parts()?;
        Some(Handed { socket: transport.into_socket(), terms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use zilla_engine::{Binding, BindingIndex, Limits, Route, Routing, attributes};

    const OPENER: BindingIndex = BindingIndex(0);
    const CLIENT: BindingIndex = BindingIndex(1);

    struct Nobody;

    impl Others for Nobody {
        fn take_socket(&mut self, _: &mut Engine, _: BindingIndex, _: StreamId) -> Option<Handed> {
            None
        }
    }

    /// A client whose streams come from an opener that is played by the test.
    struct Stage {
        engine: Engine,
        client: TcpClient,
    }

    impl Stage {
        /// Must be called within a runtime.
        fn new(yaml: &str) -> Self {
            let exit = Route { exit: Some(CLIENT), ..Route::default() };
            let binding = |routing, routes| Binding { routing, routes, quota: None };
            let bindings = vec![binding(Routing::Opened, vec![exit]), binding(Routing::None, Vec::new())];
            let seat = Seat { pipeline: 0, binding: CLIENT, name: "test:out".into(), is_taken_from: true };
            let client = TcpClient::new(seat, Arc::new(ClientOptions::of_yaml(yaml).unwrap()));
            Self { engine: Engine::new(Limits::default(), bindings), client }
        }

        fn open(&mut self, stream: StreamId, to: SocketAddr) {
            let mut octets = Vec::new();
            attributes::push(&mut octets, b"destination", to.to_string().as_bytes());
            let begin = Frame { attributes: octets.len() as u32, ..Frame::new(stream, FrameKind::Begin) };
            self.engine.handle(OPENER, &[begin], &[], &octets);
            self.deliver(1);
        }

        fn deliver(&mut self, now_ms: u64) {
            let mut batch = Batch::default();
            self.engine.take(CLIENT, &mut batch);
            self.client.deliver(&batch, now_ms, &mut self.engine, &mut Nobody);
        }

        /// Lets the reactor look until a stream is connected.
        async fn connected(&mut self, index: usize) {
            while !self.client.connections.is_connected(index) {
                tokio::task::yield_now().await;
                self.client.on_ready(Socket::Connection(index as u32), 1, &mut self.engine);
            }
        }

        /// The frames that the opener gets.
        fn recv(&mut self) -> Vec<(FrameKind, u64)> {
            let mut batch = Batch::default();
            self.engine.take(OPENER, &mut batch);
            batch.frames.iter().map(|frame| (frame.kind, frame.value)).collect()
        }
    }

    fn within_a_runtime(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn a_socket_is_given_away_once_it_is_connected_and_takes_its_terms_along() {
        within_a_runtime(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let mut stage = Stage::new("options: {connections: 1, idle-timeout: 5s}\n    routes: [{}]");
            stage.open(2, address);
            let (client, its_name) = stage.engine.other_end(OPENER, 2).unwrap();
            assert_eq!(client, CLIENT);
            if !stage.client.connections.is_connected(0) {
                assert!(stage.client.hand_over(its_name).is_none(), "it is not connected yet");
            }
            stage.connected(0).await;
            assert_eq!(stage.recv(), [(FrameKind::Begin, 0)]);
            assert!(stage.engine.is_unused(OPENER, 2), "something was read or written");

            let handed = stage.client.hand_over(its_name).unwrap();
            assert_eq!(handed.socket.get_ref().peer_addr().unwrap(), address);
            assert_eq!(handed.terms.idle_timeout_ms, Some(5_000));
            assert_eq!(stage.client.connections(), 0);
            // It is still the one that may be.
            let limit = CloseCode::Limit.value();
            stage.open(4, address);
            assert_eq!(stage.recv(), [(FrameKind::Abort, limit), (FrameKind::Reset, limit)]);
            drop(handed);
            stage.open(6, address);
            stage.connected(0).await;
            assert_eq!(stage.recv(), [(FrameKind::Begin, 0)]);
        });
    }

    #[test]
    fn a_stream_that_ends_before_it_is_connected_leaves_nothing() {
        within_a_runtime(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut stage = Stage::new("routes: [{}]");
            stage.open(2, listener.local_addr().unwrap());
            let ends = [FrameKind::Abort, FrameKind::Reset].map(|kind| Frame::new(2, kind));
            stage.engine.handle(OPENER, &ends, &[], &[]);
            stage.deliver(2);
            assert!(stage.client.pending.is_empty());
            assert_eq!((stage.client.connections(), stage.engine.streams()), (0, 0));
            assert_eq!(stage.engine.timers(), 0);
        });
    }
}
