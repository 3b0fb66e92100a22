//! A WebSocket once its handshake is over: frames on one stream, messages on the other.
//!
//! ```text
//!                      peer's close                   application's end
//!        ┌───────────▶ application is told ──────────────┐
//!  open ─┤             (close-ms to end as well)         ├──▶ both closed ──▶ over
//!        └───────────▶ close frame is sent ──────────────┘    (close-ms for the peer to end)
//!                      application's end              peer's close
//! ```
//!
//! Whatever is wrong leads to `both closed` at once.

mod alive;
mod closing;
mod receiving;
mod sending;

use crate::close::{Close, Fault};
use crate::deflate::offer::Agreed;
use crate::deflate::{Coders, Deflater, Inflater};
use crate::frame::Rules;
use crate::incoming::Incoming;
use crate::options::{WsLimits, WsPing, WsTimeouts};
use alive::Alive;
pub(crate) use sending::Piece;
use sending::{Keys, Outgoing};
use std::cell::RefCell;
use std::rc::Rc;
use zilla_sdk::{Attributes, CloseCode, Context, Data, StreamId};

/// What all sockets of a binding share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: WsLimits,
    pub(crate) timeouts: WsTimeouts,
    pub(crate) ping: WsPing,
    /// None: messages are not compressed.
    pub(crate) coders: Option<Rc<Coders>>,
    /// Credit in octets that each direction of a stream starts with.
    pub(crate) initial_credit: u32,
    pub(crate) keys: RefCell<Keys>,
}

/// What a handshake has made of two streams.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) side: Side,
    /// The stream of frames.
    pub(crate) wire: StreamId,
    /// The stream of messages.
    pub(crate) app: StreamId,
    /// How messages are compressed.
    pub(crate) deflate: Option<Agreed>,
}

/// Which side of the handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// Timers of a socket, all on the stream of its frames.
const CLOSE_TIMER: u32 = 1;
const PING_TIMER: u32 = 2;
const DRAIN_TIMER: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Socket {
    shared: Rc<Shared>,
    side: Side,
    /// The stream of frames, to and from the peer.
    wire: StreamId,
    /// The stream of messages, to and from the application.
    app: StreamId,
    /// Octets of the peer that are not handled yet.
    inbox: Vec<u8>,
    incoming: Incoming,
    outgoing: Outgoing,
    inflater: Option<Inflater>,
    deflater: Option<Deflater>,
    /// What the peer's close frame said.
    closed: Option<Close>,
    /// Whether ours was sent.
    has_closed: bool,
    /// Whether both were, or the peer is not listened to any more.
    is_over: bool,
    /// Whether the peer has ended its side of the connection.
    has_peer_ended: bool,
    /// What the peer did wrong: it is told so when the application has answered what came before.
    fault: Option<Fault>,
    alive: Alive,
}

impl Socket {
    /// Takes over two streams that are open both ways.
    pub(crate) fn new(shared: &Rc<Shared>, ends: Ends, cx: &mut Context<'_>) -> Self {
        let Ends { side, wire, app, deflate } = ends;
        let coders = shared.coders.as_ref().zip(deflate.as_ref());
        // An awaited frame and what was not given back of the credit must leave the peer some to go on.
        let whole_octets_max = WHOLE_OCTETS_MAX.min(u64::from(shared.initial_credit) / 4);
        let rules = Rules { is_masked: side == Side::Server, is_compressed: coders.is_some() };
        let mut socket = Self {
            shared: Rc::clone(shared),
            side,
            wire,
            app,
            inbox: Vec::new(),
            incoming: Incoming::new(rules, shared.limits, whole_octets_max),
            outgoing: Outgoing::default(),
            inflater: coders.map(|(coders, agreed)| Inflater::new(coders, agreed)),
            deflater: coders.map(|(coders, agreed)| Deflater::new(coders, agreed)),
            closed: None,
            has_closed: false,
            is_over: false,
            has_peer_ended: false,
            fault: None,
            alive: Alive::default(),
        };
        // A header and the payload of a control frame are waited for, whatever a direction starts with.
        let missing = WIRE_CREDIT_MIN.saturating_sub(shared.initial_credit);
        cx.from(wire).window(u64::from(missing));
        socket.watch(cx);
        socket.drain(cx);
        socket
    }

    pub(crate) fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        if cx.stream() == self.wire {
            self.receive(data.payload.as_slice(), cx);
        } else {
            self.send(&Piece::from(&data), cx);
        }
    }

    pub(crate) fn on_window(&mut self, cx: &mut Context<'_>) {
        if cx.stream() == self.wire { self.flush(cx) } else { self.receive(&[], cx) }
    }

    pub(crate) fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if cx.stream() == self.wire { self.peer_ends(cx) } else { self.app_ends(attributes, cx) }
    }

    pub(crate) fn on_abort(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if cx.stream() == self.wire { self.lose(CloseCode::Cancelled, cx) } else { self.app_fails(code, cx) }
    }

    pub(crate) fn on_reset(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if cx.stream() == self.wire { self.lose(CloseCode::Cancelled, cx) } else { self.app_fails(code, cx) }
    }

    pub(crate) fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        match token {
            CLOSE_TIMER => self.close_is_late(cx),
            PING_TIMER => self.watch(cx),
            DRAIN_TIMER => self.leave(cx),
            _ => {}
        }
    }
}

/// Longest frame in octets that is handed on whole: below that, a message is not cut because the network cut it,
/// and the copy that this costs is small.
const WHOLE_OCTETS_MAX: u64 = 16_384;

/// Least credit in octets that the peer has to begin with: several times the longest frame that is always waited for.
const WIRE_CREDIT_MIN: u32 = 512;
