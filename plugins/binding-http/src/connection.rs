//! One connection: requests that arrive, one exchange at a time, and their responses.
//!
//! ```text
//!  receiving                               exchange.reply
//!    Head ----- head decoded, exit open ---> Awaited --- exit begins ---> Body
//!     ^  '--------- without a body --.          |                          |
//!     |                              v          |                     exit ends
//!     |        Body --- its end ---> Whole      |                          v
//!     |                              |          |                         Over
//!     '--- kept alive ---------------+----------|--------------------------'
//!                                    |          |
//!    Over <--- refused, last, drained, gone <---'
//! ```
//!
//! Where the exit agrees to another protocol (101), `receiving` is `Raw` and `exchange.reply` a body that ends
//! with the connection: see `switch`. Long bodies are moved by the host: see `runs`.
//!
//! A second request waits in the inbox until the first is answered, and its octets are not given back as
//! credit until they are decoded: so back-pressure reaches the client, and what is held has a bound.

mod closing;
mod deadline;
mod reply;
mod request;
mod runs;
mod switch;

use crate::access::Grant;
use crate::authorization::{Authorization, Standing};
use crate::body::Decoder;
use crate::buffer::Buffer;
use crate::date::DateLine;
use crate::h2::FieldList;
use crate::options::{HttpOptions, Limits};
use crate::request::Expects;
use crate::response::{self, Asked};
use crate::target::Scheme;
use deadline::Clock;
use std::cell::RefCell;
use std::rc::Rc;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, Stream, StreamId};

/// What all connections of a binding share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) options: HttpOptions,
    /// None if nobody asks for credentials.
    pub(crate) authorization: Option<Authorization>,
    /// None if responses get no date.
    pub(crate) date: Option<RefCell<DateLine>>,
    /// Room for the fields of a request of HTTP/2 while it is decoded.
    pub(crate) h2_fields: RefCell<FieldList>,
}

/// One connection: the stream that a client opened, and the stream of the request that it is answered by.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Rc<Shared>,
    scheme: Scheme,
    /// The address that the client connects from, if it is known and exits are told.
    address: Option<Box<str>>,
    receiving: Receiving,
    exchange: Option<Exchange>,
    /// Octets received and not decoded. Holds at most the credit that the client has, and a partial head.
    inbox: Buffer,
    /// Octets at the front of the inbox that were given back as credit: those of a partial head.
    inbox_paid: usize,
    /// Octets at the front of the inbox that were looked at and are no complete head.
    inbox_seen: usize,
    /// Empty lines before the request line.
    empty_lines: u8,
    /// Octets encoded and not sent for want of credit. Nothing new is decoded while there are any, so it
    /// holds at most the framing of one response.
    outbox: Vec<u8>,
    /// Content of the response that is not encoded for want of credit. Holds at most the exit's credit.
    held: Buffer,
    /// Trailers of the response, if its end waits behind what is held.
    held_end: Option<Vec<u8>>,
    /// The client has ended its direction.
    peer_ended: bool,
    /// The host asked to let the client leave in order.
    draining: bool,
    clock: Clock,
}

/// What the octets that come next are.
#[derive(Debug)]
enum Receiving {
    /// The head of a request, or nothing.
    Head,
    /// The body of a request.
    Body(Decoder),
    /// The request is whole. What comes waits until it is answered.
    Whole,
    /// Octets of another protocol, for the exit as they are.
    Raw,
    /// Nothing more is read.
    Over,
}

/// One request and its response.
#[derive(Debug)]
struct Exchange {
    /// The stream that the request went to. Valid as long as a direction of it is open.
    exit: StreamId,
    asked: Asked,
    expects: Expects,
    /// Protocols that the client offers, of which the exit may choose one.
    upgrade: Option<Vec<u8>>,
    /// What web pages may do with the response.
    access: Option<Box<Grant>>,
    standing: Standing,
    request: Request,
    reply: Reply,
    /// The host moves the content of the request, or of the response.
    is_request_moved: bool,
    is_reply_moved: bool,
}

/// The request's direction to the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// The exit takes the body.
    Open,
    /// Ended.
    Over,
    /// The exit does not want the rest of the body: so many octets of it are read over.
    Discarded(u64),
}

/// The response's direction from the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// The exit has not answered.
    Awaited,
    /// The head is sent.
    Body(response::Framing),
    /// The response is complete.
    Over,
}

impl Connection {
    /// A connection that begins; `address` is where it comes from, if exits are told.
    pub(crate) fn new(
        shared: Rc<Shared>,
        scheme: Scheme,
        address: Option<Box<str>>,
        cx: &mut Context<'_>,
    ) -> Self {
        let mut connection = Self {
            shared,
            scheme,
            address,
            receiving: Receiving::Head,
            exchange: None,
            inbox: Buffer::default(),
            inbox_paid: 0,
            inbox_seen: 0,
            empty_lines: 0,
            outbox: Vec::new(),
            held: Buffer::default(),
            held_end: None,
            peer_ended: false,
            draining: false,
            clock: Clock::new(cx.now().monotonic_ms),
        };
        connection.arm(cx);
        connection
    }

    /// The connection begins with these octets, which were given back as credit.
    pub(crate) fn begin_with(&mut self, octets: &[u8]) {
        self.inbox.push(octets);
        self.inbox_paid = octets.len();
    }

    /// What a connection of another version begins with in its place.
    pub(crate) fn parts(&mut self) -> (Rc<Shared>, Scheme, Option<Box<str>>) {
        (Rc::clone(&self.shared), self.scheme, self.address.take())
    }
}

fn from_client(cx: &Context<'_>) -> bool {
    cx.stream() == cx.accepted()
}

impl Stream for Connection {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        self.reply_begins(begin.attributes, cx);
        self.arm(cx);
    }

    /// An exit that gave an interim response gives the final one, or a further one, as an advisory.
    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let is_head = attributes.get(":status").is_some();
        let is_awaited = self.exchange.as_ref().is_some_and(|exchange| exchange.reply == Reply::Awaited);
        if is_head && is_awaited && !from_client(cx) {
            self.reply_begins(attributes, cx);
            self.arm(cx);
        }
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        match from_client(cx) {
            true => self.receive(data.payload, cx),
            false => self.reply_continues(data.payload, cx),
        }
        self.arm(cx);
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match from_client(cx) {
            true => {
                self.peer_ended = true;
                self.take_held(cx);
            }
            false => self.reply_ends(attributes, cx),
        }
        self.arm(cx);
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match from_client(cx) {
            true => self.abort(CloseCode::Cancelled, cx),
            false => self.reply_aborts(code, cx),
        }
        self.arm(cx);
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        match from_client(cx) {
            true => self.flush(cx),
            false => {
                if self.exchange.as_ref().is_some_and(|exchange| exchange.expects == Expects::Ours) {
                    self.send_continue(cx);
                }
                self.request_moves(cx);
                self.take_held(cx);
            }
        }
        self.arm(cx);
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match from_client(cx) {
            true => self.abort(CloseCode::Cancelled, cx),
            false => self.request_refused(code, cx),
        }
        self.arm(cx);
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        match from_client(cx) {
            true => self.request_moved(missing, cx),
            false => self.reply_moved(missing, cx),
        }
        self.arm(cx);
    }

    fn on_signal(&mut self, _token: u32, cx: &mut Context<'_>) {
        self.wake(cx);
        self.arm(cx);
    }

    /// An idle connection is kept for a moment: a client that is just sending a request would lose it. The
    /// request that comes in that time is answered, as the last one.
    fn on_drain(&mut self, cx: &mut Context<'_>) {
        self.draining = true;
        if matches!(self.receiving, Receiving::Head) && self.inbox.is_empty() && self.exchange.is_none() {
            self.clock.idle(cx.now().monotonic_ms);
        }
        self.arm(cx);
    }
}
