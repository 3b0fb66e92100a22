//! Kind `server`: decrypts what clients send, once they have shaken hands.
//!
//! ```text
//!   stream of the neighbour ── its socket, or a pipe ──▶ hello ──▶ handshake ──▶ a stream of its own, by routes
//!                                                          └── failed, no route: alert, then closing
//! ```

use super::super::connection::Connection;
use super::super::connections::Connections;
use super::super::transport::{Received, Transport};
use super::super::{Ask, Checked, NativeBinding, OptionsError, Others, Role, Seat};
use super::handshakes::{HANDSHAKES, Handshakes, TIMEOUT};
use super::hello::{self, Hello, NotHello};
use super::negotiated::{Negotiated, attribute};
use super::pem::pem;
use super::pipe::Pipes;
use super::reports::Reports;
use super::server_config::ServerConfigs;
use super::session::Session;
use super::stream::{Io, TlsStream};
use crate::native::tcp::Listener;
use crate::plugin::Digest;
use crate::worker::wake::Socket;
use rustls::server::UnbufferedServerConnection;
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use zilla_config::Binding;
use zilla_engine::{Batch, CloseCode, Engine, Frame, FrameKind, StreamId};
use zilla_vault::Vault;

/// Timer of the binding.
const TOKEN_HANDSHAKES: u32 = 1;

/// Octets of a hello that are read at once: that of most clients.
const HELLO_READ_OCTETS: usize = 2 << 10;

/// Reads a binding that fits the schemas.
pub(super) fn read(binding: &Binding, vault: Option<&Arc<Vault>>) -> Result<Checked, Vec<OptionsError>> {
    let conditions = super::super::options::conditions(binding, super::options::condition);
    let configs = ServerConfigs::read(binding, vault.map(Arc::as_ref));
    match (configs, conditions) {
        (Ok(configs), Ok(conditions)) => Ok(Checked::new(Arc::new(Server(Arc::new(configs))), conditions)),
        (configs, conditions) => {
            Err([configs.err(), conditions.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// Decrypts.
#[derive(Debug)]
struct Server(Arc<ServerConfigs>);

impl Role for Server {
    fn keys(&self) -> Option<Digest> {
        Some(self.0.keys())
    }

    fn guard(&self) -> Option<&str> {
        self.0.guard()
    }

    fn takes_sockets(&self) -> bool {
        true
    }

    fn start(&self, seat: Seat, _listeners: Vec<Listener>) -> Box<dyn NativeBinding> {
        Box::new(TlsServer::new(seat, Arc::clone(&self.0)))
    }
}

/// A connection before its stream, or after it was refused.
struct Handshake {
    phase: Phase,
    /// Attributes of the stream that it came with.
    below: Vec<u8>,
    /// The name that the client has asked for.
    authority: Option<String>,
}

enum Phase {
    /// Nothing was answered yet.
    Hello {
        io: Io,
        octets: Vec<u8>,
    },
    Session(TlsStream),
    /// The peer is told why, and may leave.
    Closing(TlsStream),
}

/// A `tls` server on one worker.
struct TlsServer {
    configs: Arc<ServerConfigs>,
    connections: Connections<TlsStream>,
    handshakes: Handshakes<Handshake>,
    pipes: Pipes,
    /// Handshakes that are done, of which the guard is yet to say who the clients are.
    unknown: Vec<Handshake>,
    /// Streams that the engine has refused, before it has said so, each with the attributes of the one below.
    refused: Vec<(StreamId, Vec<u8>)>,
    reports: Reports,
}

impl TlsServer {
    fn new(seat: Seat, configs: Arc<ServerConfigs>) -> Self {
        Self {
            handshakes: Handshakes::new(seat.clone(), configs.handshake_timeout_ms()),
            configs,
            connections: Connections::new(seat),
            pipes: Pipes::new(),
            unknown: Vec::new(),
            refused: Vec::new(),
            reports: Reports::default(),
        }
    }

    fn on_begin(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine, others: &mut dyn Others) {
        let (binding, stream) = (self.connections.seat.binding, frame.stream);
        let below = frame.cut(batch.octets()).map_or(&[][..], |(attributes, _)| attributes).to_vec();
        let io = match others.take_socket(engine, binding, stream) {
            Some(handed) => Io::from(handed),
            None => {
                self.pipes.outbox().push(Frame::new(stream, FrameKind::Begin));
                let initial_credit = engine.limits().initial_credit;
                Io::Pipe(self.pipes.open(stream, initial_credit, engine.credit(binding, stream)))
            }
        };
        if self.handshakes.is_full()
            && let Some(oldest) = self.handshakes.remove_oldest()
        {
            engine.note_limit(binding, HANDSHAKES);
            self.give_up(&oldest, &"there are too many handshakes at a time");
        }
        let phase = Phase::Hello { io, octets: Vec::new() };
        let index =
            self.handshakes.insert(Handshake { phase, below, authority: None }, self.connections.now_ms());
        self.go_on(index, engine);
    }

    /// Tells of a handshake that will not be; one that has failed was told of.
    fn give_up(&mut self, handshake: &Handshake, reason: &dyn std::fmt::Display) {
        if !matches!(handshake.phase, Phase::Closing(_)) {
            self.fail(&handshake.below, reason);
        }
    }

    fn fail(&mut self, below: &[u8], reason: &dyn std::fmt::Display) {
        let peer = attribute(below, "source").unwrap_or_default();
        self.reports.failed(&self.connections.seat.name, peer, reason, self.connections.now_ms());
    }

    /// Goes on with a handshake as far as it can.
    fn go_on(&mut self, index: usize, engine: &mut Engine) {
        let configs = &self.configs;
        let Some((handshake, waker)) = self.handshakes.get(index) else { return };
        let mut cx = Context::from_waker(waker);
        match handshake.poll(&mut cx, configs) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.end(index, engine),
            Poll::Ready(Err(error)) => {
                let Some(mut handshake) = self.handshakes.remove(index) else { return };
                if handshake.has_said_nothing() {
                    let peer = attribute(&handshake.below, "source");
                    return tracing::debug!(binding = self.connections.seat.name, peer, "nothing was sent");
                }
                self.give_up(&handshake, &error);
                // What the peer is told of it would be lost if the socket was closed with unread octets.
                if let Phase::Session(stream) = handshake.phase
                    && stream.failure().is_some()
                {
                    handshake.phase = Phase::Closing(stream);
                    let index = self.handshakes.insert(handshake, self.connections.now_ms());
                    self.go_on(index, engine);
                }
            }
        }
    }

    /// A handshake is over: it becomes a connection, or it is gone.
    fn end(&mut self, index: usize, engine: &mut Engine) {
        let Some(handshake) = self.handshakes.remove(index) else { return };
        match self.configs.guard() {
            Some(_) => self.unknown.push(handshake),
            None => self.open(handshake, 0, engine),
        }
    }

    /// A handshake becomes a connection, for somebody whom the guard knows or for nobody.
    fn open(&mut self, handshake: Handshake, authorization: u64, engine: &mut Engine) {
        let Handshake { phase: Phase::Session(mut transport), below, authority } = handshake else { return };
        let session = transport.session();
        let mut negotiated = Negotiated::new(&below, session, authority.as_deref());
        negotiated.add_client(session, self.configs.trusted_by());
        tracing::debug!(
            binding = self.connections.seat.name,
            peer = negotiated.get("source"),
            authority = negotiated.get("authority"),
            alpn = negotiated.get("alpn"),
            version = negotiated.get("version"),
            cipher = negotiated.get("cipher"),
            subject = negotiated.get("subject"),
            kind = ?session.state().handshake_kind(),
            is_fused = transport.is_on_a_socket(),
            "a TLS handshake is done"
        );
        let binding = self.connections.seat.binding;
        let terms = transport.take_terms();
        let index = self.connections.open_authorized(transport, &negotiated.pairs(), authorization);
        self.connections.bind(index, terms);
        self.connections.send(engine);
        let stream = Connections::<TlsStream>::opened(index);
        // A refused opening has nobody at its other end.
        if engine.other_end(binding, stream).is_none_or(|(_, name)| name == 0) {
            self.refused.push((stream, below));
        } else {
            self.connections.read(index, engine);
        }
    }

    fn is_refused(&self, stream: StreamId) -> bool {
        self.refused.iter().any(|(refused, _)| *refused == stream)
    }

    /// What the engine answers to a stream that it has refused. The connection ends in order: nothing was cut off.
    fn on_refused(&mut self, frame: &Frame, engine: &mut Engine) {
        if frame.kind != FrameKind::Abort {
            return;
        }
        let place = self.refused.iter().position(|(stream, _)| *stream == frame.stream);
        let below = place.map(|place| self.refused.swap_remove(place).1).unwrap_or_default();
        match frame.value == CloseCode::NoRoute.value() {
            true => self.fail(&below, &"no route fits"),
            false => self.fail(&below, &format_args!("its stream was refused with code {}", frame.value)),
        }
        let removed =
            self.connections.index_of(frame.stream).and_then(|index| self.connections.remove(index));
        if let Some((mut stream, terms)) = removed.and_then(Connection::into_parts) {
            stream.put_terms(terms);
            let handshake = Handshake { phase: Phase::Closing(stream), below: Vec::new(), authority: None };
            let index = self.handshakes.insert(handshake, self.connections.now_ms());
            self.go_on(index, engine);
        }
    }

    fn on_signal(&mut self, token: u32, engine: &mut Engine) {
        match token {
            TOKEN_HANDSHAKES => {
                self.handshakes.timer_came();
                let now_ms = self.connections.now_ms();
                while let Some(late) = self.handshakes.remove_late(now_ms) {
                    if !matches!(late.phase, Phase::Closing(_)) {
                        engine.note_limit(self.connections.seat.binding, TIMEOUT);
                    }
                    self.give_up(&late, &"it took too long");
                }
            }
            _ => self.connections.on_timer(token, engine),
        }
    }

    /// Ends a call: everything that came of it goes to the engine.
    fn send(&mut self, engine: &mut Engine) {
        if let Some(deadline) = self.handshakes.timer() {
            self.connections.set_timer(TOKEN_HANDSHAKES, deadline);
        }
        self.connections.send(engine);
        self.pipes.outbox().send(self.connections.seat.binding, engine);
    }
}

impl NativeBinding for TlsServer {
    fn renew(&mut self, role: &dyn Role) {
        let role: &dyn Any = role;
        if let Some(Server(configs)) = role.downcast_ref() {
            self.configs = Arc::clone(configs);
        }
    }

    fn ask_guard(&mut self, now_ms: u64, engine: &mut Engine, ask: &mut Ask<'_>) {
        if self.unknown.is_empty() {
            return;
        }
        self.connections.advance(now_ms);
        for mut handshake in std::mem::take(&mut self.unknown) {
            let authorization = match handshake.certificates() {
                Some(certificates) => ask(certificates.as_bytes(), engine),
                None => 0,
            };
            self.open(handshake, authorization, engine);
        }
        self.send(engine);
    }

    fn on_ready(&mut self, socket: Socket, now_ms: u64, engine: &mut Engine) {
        self.connections.advance(now_ms);
        match socket {
            Socket::Listener(_) => {}
            Socket::Connection(index) => self.connections.on_ready(index as usize, engine),
            Socket::Handshake(index) => self.go_on(index as usize, engine),
        }
        self.send(engine);
    }

    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, others: &mut dyn Others) {
        self.connections.advance(now_ms);
        self.connections.expect(batch);
        for frame in &batch.frames {
            match (frame.kind, frame.stream) {
                (FrameKind::Signal, 0) => self.on_signal(frame.link, engine),
                (_, 0) => {}
                // The neighbour's, which it opens.
                (FrameKind::Begin, stream) if stream & 1 == 1 => self.on_begin(frame, batch, engine, others),
                (_, stream) if stream & 1 == 1 => self.pipes.on_frame(frame, batch),
                (_, stream) if self.is_refused(stream) => self.on_refused(frame, engine),
                _ => self.connections.on_frame(frame, batch, engine),
            }
        }
        self.send(engine);
    }

    fn connections(&self) -> usize {
        self.connections.len() + self.handshakes.len() + self.unknown.len()
    }
}

impl Handshake {
    /// The chain that the client has proved to have, its own certificate first, as PEM (RFC 7468).
    fn certificates(&mut self) -> Option<String> {
        let Phase::Session(stream) = &mut self.phase else { return None };
        let certificates = stream.session().state().peer_certificates()?;
        Some(certificates.iter().map(|certificate| pem(certificate)).collect())
    }

    /// Whether not one octet has come: as from whoever only looks whether there is a listener.
    fn has_said_nothing(&self) -> bool {
        matches!(&self.phase, Phase::Hello { octets, .. } if octets.is_empty())
    }

    /// Ready when it is done, or when there is nobody left to tell why it is not.
    fn poll(&mut self, cx: &mut Context<'_>, configs: &ServerConfigs) -> Poll<io::Result<()>> {
        loop {
            match &mut self.phase {
                Phase::Hello { io, octets } => {
                    let hello = ready!(poll_hello(io, octets, cx))?;
                    let session = UnbufferedServerConnection::new(configs.choose(&hello));
                    let session = Session::server(session.map_err(io::Error::other)?);
                    self.authority = hello.server_name;
                    let (io, octets) = (io.take(), std::mem::take(octets));
                    self.phase = Phase::Session(TlsStream::new(io, Box::new(session), octets));
                }
                Phase::Session(stream) => return stream.poll_handshake(cx),
                Phase::Closing(stream) => return stream.poll_close(cx),
            }
        }
    }
}

/// Reads until it is known who is to answer. Where what comes is no hello, rustls says so to the peer.
fn poll_hello(io: &mut Io, octets: &mut Vec<u8>, cx: &mut Context<'_>) -> Poll<io::Result<Hello>> {
    loop {
        match hello::parse(octets) {
            Ok(Some(hello)) => return Poll::Ready(Ok(hello)),
            Ok(None) => {}
            Err(error @ NotHello::TooLong) => {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())));
            }
            Err(NotHello::NotTls | NotHello::Malformed) => return Poll::Ready(Ok(Hello::default())),
        }
        let mut place = [0; HELLO_READ_OCTETS];
        match ready!(io.poll_read(cx, || Some(&mut place)))? {
            Received::Octets { octets: read, .. } => octets.extend_from_slice(&place[..read]),
            Received::NoRoom | Received::End => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}
