//! The bindings that the host serves itself, because they own sockets.
//!
//! ```text
//!   Role ── start, on each worker ──▶ NativeBinding ── owns ──▶ Connections<T: Transport>
//!   checked once, when the file is                              sockets as ends of streams
//! ```
//!
//! A type is a line in [`NativeType`]; everything else of it is behind [`Role`] and [`NativeBinding`].

mod connection;
mod connections;
mod names;
mod options;
mod permits;
pub(crate) mod provider;
mod rate;
pub(crate) mod tcp;
mod tls;
mod transport;

use crate::plugin::{Description, Digest};
use crate::worker::wake::{Socket, Token};
use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tcp::{ListenError, Listener, Listening};
use zilla_config::{Binding, Kind};
use zilla_engine::{Assignment, Batch, BindingIndex, Condition, Engine, StreamId};
use zilla_vault::Vault;

pub(crate) use connections::Handed;
pub(crate) use options::OptionsError;

/// A type that the host serves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NativeType {
    Tcp,
    Tls,
}

impl NativeType {
    /// All of them, in the order of lists.
    pub(crate) const ALL: [Self; 2] = [Self::Tcp, Self::Tls];

    /// The word in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The type of a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|native| native.name() == name)
    }

    /// What the type says of itself, as a plugin would.
    pub(crate) fn describe(self) -> Description {
        match self {
            Self::Tcp => tcp::describe(),
            Self::Tls => tls::describe(),
        }
    }

    /// Whether bindings of a kind accept streams, so that others can exit to them.
    pub(crate) fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Tcp => kind == Kind::Client,
            Self::Tls => true,
        }
    }

    /// Whether a stream that a binding of a type opens directly to another would only lead back to where it came
    /// from.
    pub(crate) fn leads_back(from: &Binding, to: &Binding) -> bool {
        match (Self::of(&from.type_name), Self::of(&to.type_name)) {
            (Some(Self::Tcp), Some(Self::Tcp)) => tcp::leads_back(from, to),
            _ => false,
        }
    }

    /// Whether bindings have keys and certificates.
    pub(crate) fn takes_vault(self) -> bool {
        match self {
            Self::Tcp => false,
            Self::Tls => true,
        }
    }

    /// Reads a binding whose options and conditions fit their schemas, with the vault that it names.
    pub(crate) fn read(
        self,
        binding: &Binding,
        vault: Option<&Arc<Vault>>,
    ) -> Result<Checked, Vec<OptionsError>> {
        match self {
            Self::Tcp => tcp::read(binding),
            Self::Tls => tls::read(binding, vault),
        }
    }
}

/// A binding of the file, checked.
pub(crate) struct Checked {
    pub(crate) role: Arc<dyn Role>,
    /// Of each route, in order.
    pub(crate) conditions: Vec<Vec<Condition>>,
    /// What each route sets, in order.
    pub(crate) assignments: Vec<Vec<Assignment>>,
}

impl Checked {
    /// One whose routes set nothing.
    fn new(role: Arc<dyn Role>, conditions: Vec<Vec<Condition>>) -> Self {
        Self { role, assignments: vec![Vec::new(); conditions.len()], conditions }
    }
}

/// What a native binding does, as the file has it: the same for all workers. Its `Debug` tells two that do something
/// else apart, without secrets.
pub(crate) trait Role: Any + fmt::Debug + Send + Sync {
    /// What tells its keys and certificates from others; none if it has none. They may change under a binding that
    /// runs.
    fn keys(&self) -> Option<Digest> {
        None
    }

    /// What it listens on.
    fn addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Listens, for one worker, on those of its addresses that are not in use already.
    fn listen(&self, _in_use: &BTreeSet<SocketAddr>) -> Result<Vec<Listening>, ListenError> {
        Ok(Vec::new())
    }

    /// Qualified name of the guard that it asks itself.
    fn guard(&self) -> Option<&str> {
        None
    }

    /// Whether it takes the socket under a stream, so that what comes from it is not copied on the way.
    fn takes_sockets(&self) -> bool {
        false
    }

    /// Begins on a worker, within its runtime. `listeners` are of its addresses.
    fn start(&self, seat: Seat, listeners: Vec<Listener>) -> Box<dyn NativeBinding>;
}

/// Where a binding sits on its worker.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Index of its pipeline on the worker, for wakers.
    pub(crate) pipeline: u32,
    /// Its index in the engine.
    pub(crate) binding: BindingIndex,
    /// `namespace:name`, for the log.
    pub(crate) name: String,
    /// Whether one of its neighbours takes sockets: then nothing is read before it had the opportunity.
    pub(crate) is_taken_from: bool,
}

impl Seat {
    pub(crate) fn token(&self, socket: Socket) -> Token {
        Token { pipeline: self.pipeline, binding: self.binding.0, socket }
    }
}

/// A native binding on one worker.
pub(crate) trait NativeBinding {
    /// The reactor has news of a socket.
    fn on_ready(&mut self, socket: Socket, now_ms: u64, engine: &mut Engine);

    /// Handles what streams bring.
    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, others: &mut dyn Others);

    /// Goes on with what waits for a guard. `ask` has the guard of its role check credentials, and says what authorization
    /// to put into `begin`: 0 if they are not accepted.
    fn ask_guard(&mut self, _now_ms: u64, _engine: &mut Engine, _ask: &mut Ask<'_>) {}

    /// Uses other keys and certificates from now on: those of this role, which is the binding's own in everything
    /// else. Connections go on.
    fn renew(&mut self, _role: &dyn Role) {}

    /// How many sockets are open besides the listeners.
    fn connections(&self) -> usize;

    /// Accepts no more. Connections go on.
    fn take_listeners(&mut self) -> Vec<Listener> {
        Vec::new()
    }

    /// Accepts what waits on a listener that is about to be closed.
    fn accept_last(&mut self, _listener: &Listener, _now_ms: u64, _engine: &mut Engine) {}

    /// Listens no more, but for connections that are being made.
    fn end_listening(&mut self, _now_ms: u64, _engine: &mut Engine) {}

    /// Whether connections may still come.
    fn is_listening(&self) -> bool {
        false
    }

    /// Gives away the socket under one of its streams, if nothing was read from it or written to it yet.
    fn hand_over(&mut self, _stream: StreamId) -> Option<Handed> {
        None
    }
}

/// Asks the guard of a native binding: the credentials, and what stands for the session.
pub(crate) type Ask<'a> = dyn FnMut(&[u8], &mut Engine) -> u64 + 'a;

/// The other bindings of a pipeline, as a native one sees them.
pub(crate) trait Others {
    /// The socket under a stream of a binding, if the other end of the stream is a native binding that gives it.
    /// The stream is gone then, at both ends.
    fn take_socket(&mut self, engine: &mut Engine, binding: BindingIndex, stream: StreamId)
    -> Option<Handed>;
}
