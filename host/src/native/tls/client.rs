//! Kind `client`: encrypts what goes to servers, once they have proved who they are.
//!
//! ```text
//!   stream of the application ──▶ a stream to the exit ── its socket, or a pipe ──▶ handshake ──▶ answered
//! ```
//!
//! What the application sends meanwhile waits, within its credit.

use super::super::connections::Connections;
use super::super::{Checked, NativeBinding, OptionsError, Others, Role, Seat};
use super::client_config::{ClientConfigs, Refusal, code_of};
use super::handshakes::{HANDSHAKES, Handshakes, TIMEOUT};
use super::negotiated::{Negotiated, attribute};
use super::pipe::Pipes;
use super::reports::Reports;
use super::session::Session;
use super::stream::{Io, TlsStream};
use crate::native::tcp::Listener;
use crate::plugin::Digest;
use crate::worker::wake::Socket;
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use zilla_config::Binding;
use zilla_engine::{Batch, CloseCode, Engine, Frame, FrameKind, StreamId};
use zilla_vault::Vault;

/// Timer of the binding.
const TOKEN_HANDSHAKES: u32 = 1;

/// Reads a binding that fits the schemas.
pub(super) fn read(binding: &Binding, vault: Option<&Arc<Vault>>) -> Result<Checked, Vec<OptionsError>> {
    let conditions = super::super::options::conditions(binding, super::options::condition);
    let configs = ClientConfigs::read(binding, vault.map(Arc::as_ref));
    match (configs, conditions) {
        (Ok(configs), Ok(conditions)) => Ok(Checked {
            role: Arc::new(Client(Arc::new(configs))),
            conditions,
            assignments: super::chosen::assignments(binding),
        }),
        (configs, conditions) => {
            Err([configs.err(), conditions.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// Encrypts.
#[derive(Debug)]
struct Client(Arc<ClientConfigs>);

impl Role for Client {
    fn keys(&self) -> Option<Digest> {
        Some(self.0.keys())
    }

    fn takes_sockets(&self) -> bool {
        true
    }

    fn start(&self, seat: Seat, _listeners: Vec<Listener>) -> Box<dyn NativeBinding> {
        Box::new(TlsClient::new(seat, Arc::clone(&self.0)))
    }
}

/// A connection that is being made.
struct Handshake {
    /// Of the connection that it is to be.
    index: usize,
    phase: Phase,
    /// Attributes of the stream of the application.
    above: Vec<u8>,
    /// The name that the server has to prove.
    authority: String,
}

enum Phase {
    /// The exit has not answered. There is a pipe to it, for as long as it has not given its socket.
    Opening {
        stream: StreamId,
        io: Io,
        session: Option<Box<Session>>,
    },
    Session(TlsStream),
    /// The server is told why, and may leave.
    Closing(TlsStream),
}

/// A `tls` client on one worker.
struct TlsClient {
    configs: Arc<ClientConfigs>,
    connections: Connections<TlsStream>,
    handshakes: Handshakes<Handshake>,
    /// Where the handshake of a connection is, by its index.
    places: Vec<Option<usize>>,
    /// Where the handshake of a stream to the exit is that was not answered, by half of its id.
    opening: Vec<Option<usize>>,
    pipes: Pipes,
    reports: Reports,
}

impl TlsClient {
    fn new(seat: Seat, configs: Arc<ClientConfigs>) -> Self {
        Self {
            handshakes: Handshakes::new(seat.clone(), configs.handshake_timeout_ms()),
            configs,
            connections: Connections::new(seat),
            places: Vec::new(),
            opening: Vec::new(),
            pipes: Pipes::new(),
            reports: Reports::default(),
        }
    }

    /// The application opens a stream: so is one to the exit.
    fn on_begin(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let mut above = frame.cut(batch.octets()).map_or(&[][..], |(attributes, _)| attributes).to_vec();
        let index = self.connections.accept(frame.stream);
        let (session, authority) = match self.configs.session(frame.link as usize, &mut above) {
            Ok(made) => made,
            Err(Refusal { code, reason }) => {
                self.fail(attribute(&above, "destination").unwrap_or_default(), &reason);
                return self.connections.refuse(index, code);
            }
        };
        if self.handshakes.is_full()
            && let Some(oldest) = self.handshakes.remove_oldest()
        {
            engine.note_limit(self.connections.seat.binding, HANDSHAKES);
            self.give_up(oldest, CloseCode::Limit, &"there are too many handshakes at a time");
        }
        let stream = self.pipes.take_id();
        self.pipes
            .outbox()
            .push_with(Frame { link: frame.stream, ..Frame::new(stream, FrameKind::Begin) }, &above);
        let initial_credit = engine.limits().initial_credit;
        let io = Io::Pipe(self.pipes.open(stream, initial_credit, u64::from(initial_credit)));
        let phase = Phase::Opening { stream, io, session: Some(Box::new(session)) };
        let place =
            self.handshakes.insert(Handshake { index, phase, above, authority }, self.connections.now_ms());
        set(&mut self.places, index, Some(place));
        set(&mut self.opening, (stream >> 1) as usize, Some(place));
    }

    /// The exit answers, or refuses: whichever comes first.
    fn on_answer(&mut self, frame: &Frame, engine: &mut Engine, others: &mut dyn Others) {
        let opening = self.opening.get_mut((frame.stream >> 1) as usize).and_then(Option::take);
        let Some(place) = opening else { return };
        if frame.kind != FrameKind::Begin {
            let Some(handshake) = self.handshakes.remove(place) else { return };
            return self.give_up(handshake, code_of(frame.value), &"the exit has refused");
        }
        let binding = self.connections.seat.binding;
        let Some((handshake, _)) = self.handshakes.get(place) else { return };
        let Phase::Opening { stream, .. } = &handshake.phase else { return };
        let handed = others.take_socket(engine, binding, *stream);
        handshake.phase.answer(handed.map(Io::from));
        self.go_on(place, engine);
    }

    fn go_on(&mut self, place: usize, engine: &mut Engine) {
        let Some((handshake, waker)) = self.handshakes.get(place) else { return };
        let mut cx = Context::from_waker(waker);
        let polled = match &mut handshake.phase {
            Phase::Opening { .. } => return,
            Phase::Session(stream) => stream.poll_handshake(&mut cx),
            Phase::Closing(stream) => stream.poll_close(&mut cx),
        };
        let Poll::Ready(done) = polled else { return };
        let Some(handshake) = self.handshakes.remove(place) else { return };
        match (done, handshake) {
            (Ok(()), handshake @ Handshake { phase: Phase::Session(_), .. }) => self.end(handshake, engine),
            (Err(error), handshake @ Handshake { phase: Phase::Session(_), .. }) => {
                self.on_error(handshake, &error, engine);
            }
            (_, Handshake { phase: Phase::Closing(_) | Phase::Opening { .. }, .. }) => {}
        }
    }

    /// A handshake is over: the application is answered.
    fn end(&mut self, handshake: Handshake, engine: &mut Engine) {
        let Handshake { index, phase: Phase::Session(mut transport), above, authority } = handshake else {
            return;
        };
        set(&mut self.places, index, None);
        let session = transport.session();
        let negotiated = Negotiated::new(&above, session, Some(&authority));
        tracing::debug!(
            binding = self.connections.seat.name,
            authority,
            alpn = negotiated.get("alpn"),
            version = negotiated.get("version"),
            cipher = negotiated.get("cipher"),
            kind = ?session.state().handshake_kind(),
            is_fused = transport.is_on_a_socket(),
            "a TLS handshake is done"
        );
        let terms = transport.take_terms();
        self.connections.connect(index, transport, &negotiated.pairs(), engine);
        self.connections.bind(index, terms);
        self.connections.send(engine);
        self.connections.read(index, engine);
    }

    fn on_error(&mut self, mut handshake: Handshake, error: &io::Error, engine: &mut Engine) {
        let Phase::Session(stream) = handshake.phase else { return };
        let failure = stream.failure().cloned();
        let peer = stream.peer().map(|address| address.to_string());
        self.fail(peer.as_deref().unwrap_or(&handshake.authority), error);
        set(&mut self.places, handshake.index, None);
        self.connections.refuse(handshake.index, super::client_config::code_of_failure(failure.as_ref()));
        if failure.is_some() {
            handshake.phase = Phase::Closing(stream);
            let place = self.handshakes.insert(handshake, self.connections.now_ms());
            self.go_on(place, engine);
        }
    }

    /// Ends a handshake that will not be, and the stream of the application with it.
    fn give_up(&mut self, handshake: Handshake, code: CloseCode, reason: &dyn std::fmt::Display) {
        if let Phase::Closing(_) = handshake.phase {
            return;
        }
        self.fail(&handshake.authority, reason);
        self.forget(&handshake);
        self.connections.refuse(handshake.index, code);
    }

    fn forget(&mut self, handshake: &Handshake) {
        set(&mut self.places, handshake.index, None);
        if let Phase::Opening { stream, .. } = &handshake.phase {
            set(&mut self.opening, (*stream >> 1) as usize, None);
        }
    }

    /// Tells of a handshake that will not be: with the address that it led to, or with the name that was to be proved.
    fn fail(&mut self, peer: &str, reason: &dyn std::fmt::Display) {
        self.reports.failed(&self.connections.seat.name, peer, reason, self.connections.now_ms());
    }

    /// A frame of the application. If that ends its connection before there is one, nobody needs it.
    fn on_frame(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let index = self.connections.index_of(frame.stream);
        self.connections.on_frame(frame, batch, engine);
        if let Some(index) = index
            && self.connections.index_of(frame.stream).is_none()
            && let Some(place) = self.places.get_mut(index).and_then(Option::take)
            && let Some(handshake) = self.handshakes.remove(place)
        {
            self.forget(&handshake);
        }
    }

    fn on_signal(&mut self, token: u32, engine: &mut Engine) {
        match token {
            TOKEN_HANDSHAKES => {
                self.handshakes.timer_came();
                while let Some(late) = self.handshakes.remove_late(self.connections.now_ms()) {
                    engine.note_limit(self.connections.seat.binding, TIMEOUT);
                    self.give_up(late, CloseCode::Timeout, &"it took too long");
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

impl NativeBinding for TlsClient {
    fn renew(&mut self, role: &dyn Role) {
        let role: &dyn Any = role;
        if let Some(Client(configs)) = role.downcast_ref() {
            self.configs = Arc::clone(configs);
        }
    }

    fn on_ready(&mut self, socket: Socket, now_ms: u64, engine: &mut Engine) {
        self.connections.advance(now_ms);
        match socket {
            Socket::Listener(_) => {}
            Socket::Connection(index) => self.connections.on_ready(index as usize, engine),
            Socket::Handshake(place) => self.go_on(place as usize, engine),
        }
        self.send(engine);
    }

    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, others: &mut dyn Others) {
        self.connections.advance(now_ms);
        self.connections.expect(batch);
        self.pipes.reuse_ids();
        for frame in &batch.frames {
            match (frame.kind, frame.stream) {
                (FrameKind::Signal, 0) => self.on_signal(frame.link, engine),
                (_, 0) => {}
                // The application's, which it opens; those to the exit are opened here.
                (FrameKind::Begin, stream) if stream & 1 == 1 => self.on_begin(frame, batch, engine),
                (_, stream) if stream & 1 == 1 => self.on_frame(frame, batch, engine),
                (kind, _) => {
                    self.pipes.on_frame(frame, batch);
                    if matches!(kind, FrameKind::Begin | FrameKind::Abort | FrameKind::Reset) {
                        self.on_answer(frame, engine, others);
                    }
                }
            }
        }
        self.send(engine);
    }

    fn connections(&self) -> usize {
        self.connections.len() + self.handshakes.len()
    }
}

impl Phase {
    /// The exit has answered: with its socket, or for the pipe.
    fn answer(&mut self, socket: Option<Io>) {
        let Self::Opening { io, session, .. } = self else { return };
        let (pipe, Some(session)) = (io.take(), session.take()) else { return };
        let io = match (socket, pipe) {
            (Some(socket), Io::Pipe(pipe)) => {
                // The stream is gone: there is nothing left of it to end.
                pipe.forget();
                socket
            }
            (Some(socket), _) => socket,
            (None, pipe) => pipe,
        };
        *self = Self::Session(TlsStream::new(io, session, Vec::new()));
    }
}

fn set(places: &mut Vec<Option<usize>>, index: usize, place: Option<usize>) {
    if places.len() <= index {
        places.resize(index + 1, None);
    }
    places[index] = place;
}
