//! `kind: client`: a handshake that is asked of a server (RFC 6455, 4.1).

mod options;

use crate::deflate::offer;
use crate::handshake::{self, VERSION};
use crate::routes;
use crate::socket::{Ends, Piece, Shared, Side, Socket};
use std::rc::Rc;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, OpenError, Reset, StreamId};

pub use options::{WsClientOptions, WsDefaults};

/// A handshake that the server has not answered.
#[derive(Debug)]
pub(crate) struct Asking {
    shared: Rc<Shared>,
    wire: StreamId,
    app: StreamId,
    /// The answer to the key.
    accept: String,
    /// The subprotocol that is offered.
    protocol: Option<Box<[u8]>>,
    /// What the application sent early.
    held: Vec<Held>,
    /// How the application ended, if it has.
    ended: Option<Vec<u8>>,
    /// What the server sent right behind its answer.
    inbox: Vec<u8>,
}

/// A piece of a message, with its own octets.
#[derive(Debug)]
struct Held {
    init: bool,
    fin: bool,
    is_text: bool,
    octets: Vec<u8>,
}

/// Pieces that may come before the handshake is over. Past it, the application is refused: pieces without octets
/// need no credit.
const HELD_PIECES_MAX: usize = 4_096;

/// Octets of a key (RFC 6455, 4.1).
const KEY_OCTETS: u32 = 16;

/// What all streams of a client share.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) defaults: WsDefaults,
    /// Patterns of names of fields that the server gets.
    pub(crate) headers: Vec<String>,
}

impl Client {
    /// Whether an attribute of a stream is a field of the request.
    fn sends(&self, name: &[u8]) -> bool {
        let fits = |pattern: &String| routes::is_match(pattern.as_bytes(), name);
        handshake::is_field(name) && self.headers.iter().any(fits)
    }
}

/// Asks a server.
pub(crate) fn accept(
    client: &Client,
    shared: &Rc<Shared>,
    begin: &Begin<'_>,
    cx: &mut Context<'_>,
) -> Result<Asking, Reset> {
    let defaults = &client.defaults;
    let value = |name: &str, default: &Option<String>| -> Option<Box<[u8]>> {
        let given = begin.attributes.get(name).or_else(|| default.as_ref().map(String::as_bytes));
        given.map(Box::from)
    };
    let protocol = value("protocol", &defaults.protocol).filter(|protocol| !protocol.is_empty());
    let scheme = value("scheme", &defaults.scheme).unwrap_or_else(|| b"http"[..].into());
    let path = value("path", &defaults.path).unwrap_or_else(|| b"/"[..].into());
    let Some(authority) = value("authority", &defaults.authority) else {
        host::log(Level::Warn, "expected an authority in the stream or in options.defaults, found none");
        return Err(Reset(CloseCode::Refused));
    };
    if protocol.as_ref().is_some_and(|protocol| !handshake::is_token(protocol)) {
        host::log(Level::Warn, "expected a token as subprotocol");
        return Err(Reset(CloseCode::Refused));
    }
    let key = handshake::key(&host::random(KEY_OCTETS));
    let opened = cx.open(|request| {
        request.push(":method", "GET");
        request.push(":scheme", &scheme);
        request.push(":authority", &authority);
        request.push(":path", &path);
        request.push("upgrade", "websocket");
        request.push("sec-websocket-key", &key);
        request.push("sec-websocket-version", VERSION);
        if let Some(protocol) = &protocol {
            request.push("sec-websocket-protocol", protocol);
        }
        if let Some(coders) = &shared.coders {
            request.push("sec-websocket-extensions", offer::offer(coders.options()));
        }
        for (name, value) in begin.attributes.iter().filter(|(name, _)| client.sends(name)) {
            request.push(name, value);
        }
    });
    let wire = opened.map_err(|error| match error {
        OpenError::TooManyStreams | OpenError::AttributesTooLong => Reset(CloseCode::Limit),
        OpenError::AcceptedIsOver => Reset(CloseCode::Cancelled),
    })?;
    Ok(Asking {
        shared: Rc::clone(shared),
        wire,
        app: begin.stream,
        accept: handshake::accept(key.as_bytes()),
        protocol,
        held: Vec::new(),
        ended: None,
        inbox: Vec::new(),
    })
}

/// What an answer of a server means.
pub(crate) enum Verdict {
    /// Another answer follows.
    Interim(Asking),
    Open(Box<Socket>),
    Refused,
}

impl Asking {
    /// Whether an event is about the server.
    pub(crate) fn is_of_wire(&self, cx: &Context<'_>) -> bool {
        cx.stream() == self.wire
    }

    /// The server has answered.
    pub(crate) fn answered(self, response: Attributes<'_>, cx: &mut Context<'_>) -> Verdict {
        let status = response.get_str(":status").and_then(|status| status.parse().ok()).unwrap_or(200_u16);
        let refused = match status {
            101 => match self.check(response) {
                Ok(agreed) => return Verdict::Open(Box::new(self.open(agreed, cx))),
                Err(why) => {
                    host::log(Level::Warn, &format!("a server's handshake is wrong: {why}"));
                    CloseCode::Violation
                }
            },
            100..=199 => return Verdict::Interim(self),
            401 => CloseCode::Unauthorized,
            403 => CloseCode::Forbidden,
            408 | 504 => CloseCode::Timeout,
            429 | 503 => CloseCode::Limit,
            500..=599 => CloseCode::Unreachable,
            _ => CloseCode::Refused,
        };
        cx.close_stream(self.wire, CloseCode::Cancelled);
        cx.close_stream(self.app, refused);
        Verdict::Refused
    }

    /// Checks what a server says when it agrees (RFC 6455, 4.1, and RFC 7692, 7.1).
    fn check(&self, response: Attributes<'_>) -> Result<Agreed, &'static str> {
        let values = |name: &str| -> Vec<&[u8]> {
            response.iter().filter(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value).collect()
        };
        match values("upgrade")[..] {
            [upgrade] if upgrade.eq_ignore_ascii_case(b"websocket") => {}
            _ => return Err("expected upgrade: websocket"),
        }
        match values("sec-websocket-accept")[..] {
            [accept] if accept == self.accept.as_bytes() => {}
            _ => return Err("sec-websocket-accept does not answer the key"),
        }
        let protocol = match values("sec-websocket-protocol")[..] {
            [] => None,
            [protocol] if self.protocol.as_deref() == Some(protocol) => Some(protocol.into()),
            _ => return Err("the subprotocol was not offered"),
        };
        let extensions = values("sec-websocket-extensions");
        let deflate = match (&extensions[..], &self.shared.coders) {
            ([], _) => None,
            (answers, Some(coders)) => {
                let agreed = offer::agree(coders.options(), answers);
                Some(agreed.ok_or("sec-websocket-extensions is nothing that was offered")?)
            }
            (_, None) => return Err("no extension was offered"),
        };
        Ok(Agreed { protocol, deflate })
    }

    fn open(self, agreed: Agreed, cx: &mut Context<'_>) -> Socket {
        cx.to(self.app).begin_with(|answer| answer.push("protocol", agreed.protocol.unwrap_or_default()));
        let ends = Ends { side: Side::Client, wire: self.wire, app: self.app, deflate: agreed.deflate };
        let mut socket = Socket::new(&self.shared, ends, cx);
        for Held { init, fin, is_text, octets } in &self.held {
            let piece = Piece { init: *init, fin: *fin, is_text: *is_text, octets, payload: None };
            socket.send(&piece, cx);
        }
        if let Some(block) = &self.ended {
            socket.app_ends(Attributes::new(block), cx);
        }
        socket.receive(&self.inbox, cx);
        socket
    }

    /// Holds what comes early, from either side.
    pub(crate) fn hold(&mut self, data: &Data<'_>, cx: &mut Context<'_>) {
        if cx.stream() == self.wire {
            return self.inbox.extend_from_slice(&data.payload);
        }
        let Piece { init, fin, is_text, octets, .. } = Piece::from(data);
        self.held.push(Held { init, fin, is_text, octets: octets.to_vec() });
        if self.held.len() > HELD_PIECES_MAX {
            cx.close(CloseCode::Limit);
        }
    }

    /// One of the two sides ends before the handshake is over: the application closes as soon as it is, and a server
    /// refuses.
    pub(crate) fn ended(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if self.is_of_wire(cx) {
            cx.close(CloseCode::Violation);
        } else {
            self.ended = Some(attributes.block().to_vec());
        }
    }
}

/// What both sides have agreed to.
struct Agreed {
    protocol: Option<Box<[u8]>>,
    deflate: Option<offer::Agreed>,
}
