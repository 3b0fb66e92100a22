//! What a binding keeps for a stream, by how far it is.

use crate::client::{Asking, Verdict};
use crate::server::{Accepted, Answer, Handshake};
use crate::socket::Socket;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, Stream};

/// A stream that was accepted, and the one that was opened for it.
#[derive(Debug)]
pub struct WsStream(State);

#[derive(Debug)]
enum State {
    /// Of a server: waits for the exit to agree.
    Handshake(Box<Handshake>),
    /// Of a client: waits for the server to answer.
    Asking(Box<Asking>),
    /// Is no WebSocket, and is told so.
    Answered(Answer),
    Open(Box<Socket>),
    Over,
}

impl From<Accepted> for WsStream {
    fn from(accepted: Accepted) -> Self {
        Self(match accepted {
            Accepted::Handshake(handshake) => State::Handshake(handshake),
            Accepted::Refused(answer) => State::Answered(answer),
        })
    }
}

impl From<Asking> for WsStream {
    fn from(asking: Asking) -> Self {
        Self(State::Asking(Box::new(asking)))
    }
}

impl WsStream {
    /// A server has answered, perhaps not for the last time.
    fn answered(&mut self, response: Attributes<'_>, cx: &mut Context<'_>) {
        self.0 = match std::mem::replace(&mut self.0, State::Over) {
            State::Asking(asking) if asking.is_of_wire(cx) => match asking.answered(response, cx) {
                Verdict::Interim(asking) => State::Asking(Box::new(asking)),
                Verdict::Open(socket) => State::Open(socket),
                Verdict::Refused => State::Over,
            },
            state => state,
        };
    }
}

impl Stream for WsStream {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        if matches!(self.0, State::Asking(_)) {
            return self.answered(begin.attributes, cx);
        }
        self.0 = match std::mem::replace(&mut self.0, State::Over) {
            State::Handshake(handshake) if handshake.is_of_app(cx) => handshake
                .agree(begin.attributes, cx)
                .map_or(State::Over, |socket| State::Open(Box::new(socket))),
            state => state,
        };
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if attributes.get(":status").is_some() {
            self.answered(attributes, cx);
        }
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        match &mut self.0 {
            State::Open(socket) => socket.on_data(data, cx),
            State::Handshake(handshake) => handshake.hold(&data.payload),
            State::Asking(asking) => asking.hold(&data, cx),
            State::Answered(_) | State::Over => {
                let stream = cx.stream();
                cx.from(stream).consume(data.payload.len() as u64);
            }
        }
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match &mut self.0 {
            State::Open(socket) => socket.on_end(attributes, cx),
            // A client that ends before it is answered, or an exit that ends before it answers.
            State::Handshake(handshake) if !handshake.is_of_app(cx) => cx.close(CloseCode::Cancelled),
            State::Handshake(_) => cx.close(CloseCode::Refused),
            State::Asking(asking) => asking.ended(attributes, cx),
            State::Answered(_) | State::Over => {}
        }
    }

    fn on_abort(&mut self, code: CloseCode, _: Attributes<'_>, cx: &mut Context<'_>) {
        match &mut self.0 {
            State::Open(socket) => socket.on_abort(code, cx),
            // A refusal is told by `reset`, and `abort` follows; of one that was left, it is late.
            State::Handshake(handshake) if handshake.is_of_app(cx) => handshake.refused(code, cx),
            State::Handshake(_) if cx.stream() != cx.accepted() => {}
            State::Asking(asking) if asking.is_of_wire(cx) => cx.close(code),
            State::Handshake(_) | State::Asking(_) | State::Answered(_) | State::Over => {
                cx.close(CloseCode::Cancelled);
            }
        }
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        match &mut self.0 {
            State::Open(socket) => socket.on_window(cx),
            State::Answered(answer) => answer.flush(cx),
            State::Handshake(_) | State::Asking(_) | State::Over => {}
        }
    }

    fn on_reset(&mut self, code: CloseCode, _: Attributes<'_>, cx: &mut Context<'_>) {
        match &mut self.0 {
            State::Open(socket) => socket.on_reset(code, cx),
            State::Handshake(handshake) if handshake.is_of_app(cx) => handshake.refused(code, cx),
            State::Handshake(_) if cx.stream() != cx.accepted() => {}
            State::Asking(asking) if asking.is_of_wire(cx) => cx.close(code),
            State::Handshake(_) | State::Asking(_) | State::Answered(_) | State::Over => {
                cx.close(CloseCode::Cancelled);
            }
        }
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        if let State::Open(socket) = &mut self.0 {
            socket.drain(cx);
        }
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        if let State::Open(socket) = &mut self.0 {
            socket.on_signal(token, cx);
        }
    }
}
