//! `kind: server`: a handshake that a client asks for (RFC 6455, 4.2, and RFC 8441 over HTTP/2).

mod answer;
mod request;

use crate::deflate::offer::{self, Agreed};
use crate::handshake;
use crate::routes::Routes;
use crate::socket::{Ends, Shared, Side, Socket};
use std::cell::RefCell;
use std::rc::Rc;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, OpenError, Reset, StreamId};

pub(crate) use answer::Answer;
use request::Request;

/// What all streams of a server share.
#[derive(Debug, Default)]
pub(crate) struct Server {
    /// Known once all routes are compiled.
    pub(crate) routes: RefCell<Routes>,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Accepted {
    Handshake(Box<Handshake>),
    Refused(Answer),
}

/// A handshake that is correct, and waits for the exit to agree.
#[derive(Debug)]
pub(crate) struct Handshake {
    shared: Rc<Shared>,
    wire: StreamId,
    app: StreamId,
    /// The answer to the key; none over HTTP/2, which has none.
    accept: Option<String>,
    asked: Asked,
    /// Subprotocols that the client offers and a route fits, the best first; with none offered, none.
    protocols: Vec<Box<[u8]>>,
    /// The one that the exit is asked for, as an index.
    tried: usize,
    /// How messages are to be compressed, and how the client is told so.
    deflate: Option<(Agreed, String)>,
    /// What came early.
    inbox: Vec<u8>,
}

/// What the exit is told.
#[derive(Debug)]
struct Asked {
    scheme: Box<[u8]>,
    authority: Box<[u8]>,
    path: Box<[u8]>,
    /// All that the client's request says, of which the exit gets the [fields](handshake::is_field).
    request: Box<[u8]>,
}

/// Takes a request, or answers it.
pub(crate) fn accept(
    server: &Server,
    shared: &Rc<Shared>,
    begin: Begin<'_>,
    cx: &mut Context<'_>,
) -> Result<Accepted, Reset> {
    let request = match Request::read(begin.attributes) {
        Ok(request) => request,
        Err(refusal) => return Ok(Accepted::Refused(Answer::new(&refusal, cx))),
    };
    let protocols = match request.protocols.is_empty() {
        true => Vec::new(),
        false => {
            let ranked = server.routes.borrow().rank(request.asked, &request.protocols);
            if ranked.is_empty() {
                return Err(Reset(CloseCode::NoRoute));
            }
            ranked.into_iter().map(Box::from).collect()
        }
    };
    let asked = Asked {
        scheme: request.asked.scheme.into(),
        authority: request.asked.authority.into(),
        path: request.asked.path.into(),
        request: begin.attributes.block().into(),
    };
    let app = asked.open(protocols.first().map(Box::as_ref), cx)?;
    Ok(Accepted::Handshake(Box::new(Handshake {
        shared: Rc::clone(shared),
        wire: begin.stream,
        app,
        accept: request.key.map(handshake::accept),
        asked,
        protocols,
        tried: 0,
        deflate: shared
            .coders
            .as_ref()
            .and_then(|coders| offer::answer(coders.options(), &request.extensions)),
        inbox: Vec::new(),
    })))
}

impl Asked {
    fn open(&self, protocol: Option<&[u8]>, cx: &mut Context<'_>) -> Result<StreamId, Reset> {
        let opened = cx.open(|attributes| {
            if let Some(protocol) = protocol {
                attributes.push("protocol", protocol);
            }
            attributes.push("scheme", &self.scheme);
            attributes.push("authority", &self.authority);
            attributes.push("path", &self.path);
            let request = Attributes::new(&self.request).iter();
            for (name, value) in request.filter(|(name, _)| handshake::is_field(name)) {
                attributes.push(name, value);
            }
        });
        opened.map_err(|error| match error {
            OpenError::TooManyStreams | OpenError::AttributesTooLong => Reset(CloseCode::Limit),
            OpenError::AcceptedIsOver => Reset(CloseCode::Cancelled),
        })
    }
}

impl Handshake {
    /// Octets that come before the handshake is over.
    pub(crate) fn hold(&mut self, octets: &[u8]) {
        self.inbox.extend_from_slice(octets);
    }

    /// The exit agrees: so does this side, and frames begin. None if the exit wants what was not offered.
    pub(crate) fn agree(self, attributes: Attributes<'_>, cx: &mut Context<'_>) -> Option<Socket> {
        let protocol = match attributes.get("protocol") {
            None => self.protocols.get(self.tried).map(Box::as_ref),
            Some(b"") => None,
            // A client that offers none is told of none.
            Some(_) if self.protocols.is_empty() => None,
            Some(protocol) => match self.protocols.iter().find(|offered| offered.as_ref() == protocol) {
                Some(offered) => Some(offered.as_ref()),
                None => {
                    cx.close(CloseCode::Violation);
                    return None;
                }
            },
        };
        cx.reply().begin_with(|response| {
            if let Some(accept) = &self.accept {
                response.push(":status", "101");
                response.push("upgrade", "websocket");
                response.push("sec-websocket-accept", accept);
            } else {
                response.push(":status", "200");
            }
            if let Some(protocol) = protocol {
                response.push("sec-websocket-protocol", protocol);
            }
            if let Some((_, answer)) = &self.deflate {
                response.push("sec-websocket-extensions", answer);
            }
        });
        let deflate = self.deflate.map(|(agreed, _)| agreed);
        let ends = Ends { side: Side::Server, wire: self.wire, app: self.app, deflate };
        let mut socket = Socket::new(&self.shared, ends, cx);
        socket.receive(&self.inbox, cx);
        Some(socket)
    }

    /// The exit refuses: perhaps it is there for another of the subprotocols.
    pub(crate) fn refused(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if matches!(code, CloseCode::NoRoute | CloseCode::Unauthorized | CloseCode::Forbidden)
            && let Some(protocol) = self.protocols.get(self.tried + 1)
        {
            cx.close_stream(self.app, CloseCode::Cancelled);
            match self.asked.open(Some(protocol), cx) {
                Ok(app) => {
                    self.app = app;
                    self.tried += 1;
                }
                Err(Reset(code)) => cx.close(code),
            }
            return;
        }
        cx.close(code);
    }

    /// Whether an event is about the exit that is asked now.
    pub(crate) fn is_of_app(&self, cx: &Context<'_>) -> bool {
        cx.stream() == self.app
    }
}
