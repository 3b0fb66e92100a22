//! One origin: its connections, and the requests that share them.

use super::connection::Connection;
use super::deadline::TIMER;
use super::http2::Http2;
use super::opening::Opening;
use super::request::{Body, Request};
use super::upstream::Upstream;
use super::{Client, unwritable};
use crate::options::HttpVersion;
use std::collections::VecDeque;
use std::rc::Rc;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, OpenError, Reset, Stream, StreamId};

/// One origin, as one route and one authorization reach it.
#[derive(Debug)]
pub struct Origin {
    client: Rc<Client>,
    /// `host:port`, as the connections' exit is told.
    authority: Box<[u8]>,
    /// Requests of this call of which it is not known whether they have a body.
    undecided: Vec<Request>,
    /// Requests for which there is no connection, first come first served.
    waiting: VecDeque<Request>,
    /// At most `limits.connections`, and as many that are leaving.
    connections: Vec<Connection>,
    /// What the connection spoke that was set up last.
    spoken: Option<HttpVersion>,
}

impl Origin {
    pub(super) fn new(client: Rc<Client>, attributes: Attributes<'_>) -> Self {
        Self {
            client,
            authority: attributes.get(":authority").unwrap_or_default().into(),
            undecided: Vec::new(),
            waiting: VecDeque::new(),
            connections: Vec::new(),
            spoken: None,
        }
    }

    /// Takes a request. One that does not say whether it has a body is looked at when the call ends: by then
    /// its end has come, or it has one.
    pub(super) fn arrive(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<(), Reset> {
        let mut request = Request::new(begin.stream, begin.attributes, &self.client).map_err(unwritable)?;
        if let Some(authorization) = &self.client.authorization {
            request.show(authorization, begin.authorization).map_err(Reset)?;
        }
        if request.body == Body::Undecided {
            self.undecided.push(request);
            cx.later();
        } else {
            self.admit(request, cx);
        }
        Ok(())
    }

    /// Decides whether a request has a body, if it is one of which that is not known.
    fn decide(&mut self, accepted: StreamId, has_body: bool, cx: &mut Context<'_>) {
        if let Some(at) = self.undecided.iter().position(|request| request.stream == accepted) {
            let mut request = self.undecided.remove(at);
            request.decide(has_body);
            self.admit(request, cx);
        }
    }

    /// Gives a request a connection, or has it wait for one.
    fn admit(&mut self, request: Request, cx: &mut Context<'_>) {
        let limits = &self.client.options().limits;
        if let Some(at) = self.find_room(&request) {
            // The one used last is the least likely to be stale.
            let mut connection = self.connections.remove(at);
            connection.begin(request, self.is_last(cx), cx);
            self.connections.push(connection);
            self.settle(self.connections.len() - 1, cx);
        } else if self.may_connect() {
            self.connect(request, cx);
        } else if self.waiting.len() < limits.waiting_requests as usize {
            let waiting_ms = self.client.options().timeouts.waiting_ms;
            if waiting_ms > 0 {
                cx.timer_on(request.stream, TIMER, cx.now().monotonic_ms.saturating_add(waiting_ms));
            }
            self.waiting.push_back(request);
        } else {
            cx.close_stream(request.stream, CloseCode::Limit);
        }
    }

    /// Whether there may be one more connection. An origin that restarts is not waited for to end what it began.
    fn may_connect(&self) -> bool {
        let most = self.client.options().limits.connections as usize;
        let leaving = self.connections.iter().filter(|connection| connection.is_leaving()).count();
        self.connections.len() - leaving.min(most) < most
    }

    /// A connection that can take a request: one that is set up if there is one.
    fn find_room(&self, request: &Request) -> Option<usize> {
        let is_opening = |connection: &Connection| matches!(connection, Connection::Opening(_));
        let find = |opening: bool| {
            self.connections
                .iter()
                .rposition(|connection| is_opening(connection) == opening && connection.has_room(request))
        };
        find(false).or_else(|| find(true))
    }

    /// Opens a connection for a request.
    fn connect(&mut self, request: Request, cx: &mut Context<'_>) {
        let offer = self.client.offer(request.only_http1);
        let authority = &self.authority;
        let opened = cx.open_for(request.stream, |attributes| {
            attributes.push("authority", authority);
            offer.write(attributes);
        });
        let stream = match opened {
            Ok(stream) => stream,
            Err(OpenError::TooManyStreams | OpenError::AttributesTooLong) => {
                return cx.close_stream(request.stream, CloseCode::Limit);
            }
            Err(OpenError::AcceptedIsOver) => return,
        };
        let mut connection = match offer.h2 {
            false => Connection::Http1(Box::new(Upstream::new(stream, cx.now().monotonic_ms))),
            true => {
                // An origin that spoke HTTP/1.1 is expected to do so again.
                let is_shared = self.spoken != Some(HttpVersion::Http11);
                let room = if is_shared { self.client.options().limits.h2.concurrent_streams } else { 1 };
                Connection::Opening(Opening::new(stream, offer.http1, room as usize, &self.client, cx))
            }
        };
        connection.begin(request, self.is_last(cx), cx);
        self.connections.push(connection);
        self.settle(self.connections.len() - 1, cx);
    }

    /// The exit of a connection answers. Requests that waited for it, and for which there is no room now, go
    /// the way of those that arrive.
    fn answered(&mut self, stream: StreamId, alpn: Option<&[u8]>, cx: &mut Context<'_>) {
        let Some(at) = self.connections.iter().position(|connection| connection.stream() == stream) else {
            return;
        };
        let opening = match &mut self.connections[at] {
            Connection::Opening(opening) => opening,
            Connection::Http1(upstream) if alpn == Some(b"h2") => {
                upstream.break_off(self.client.disagreement(), cx);
                return self.settle(at, cx);
            }
            Connection::Http1(_) | Connection::Http2(_) => return,
        };
        let Some(version) = opening.version(alpn) else {
            host::log(Level::Warn, self.client.disagreement());
            opening.fail(CloseCode::Violation, cx);
            return self.settle(at, cx);
        };
        let requests = opening.take(cx);
        self.spoken = Some(version);
        self.connections[at] = match version {
            HttpVersion::Http11 => Connection::Http1(Box::new(Upstream::new(stream, cx.now().monotonic_ms))),
            HttpVersion::H2 => Connection::Http2(Box::new(Http2::new(Rc::clone(&self.client), stream, cx))),
        };
        let mut others = Vec::new();
        let is_last = requests.len() == 1 && self.is_last(cx);
        for request in requests {
            match self.connections[at].has_room(&request) {
                true => self.connections[at].begin(request, is_last, cx),
                false => others.push(request),
            }
        }
        self.settle(at, cx);
        for request in others {
            self.admit(request, cx);
        }
    }

    /// Goes on after an event of a connection: it may be over, or free for further requests.
    fn settle(&mut self, at: usize, cx: &mut Context<'_>) {
        let is_ending = self.is_ending(cx);
        let connection = &mut self.connections[at];
        while let Some(at) = self.waiting.iter().position(|request| !connection.is_unfit(request))
            && connection.has_room(&self.waiting[at])
            && let Some(request) = self.waiting.remove(at)
        {
            connection.begin(request, is_ending && self.waiting.is_empty(), cx);
        }
        if connection.is_idle() && (is_ending || self.has_many_idle()) {
            self.connections[at].close(cx);
        }
        let connection = &mut self.connections[at];
        let given_back = connection.take_back();
        if connection.is_over() {
            self.connections.remove(at);
        } else {
            connection.arm(&self.client, cx);
        }
        for request in given_back {
            self.admit(request, cx);
        }
        if !self.waiting.is_empty()
            && self.may_connect()
            && let Some(request) = self.waiting.pop_front()
        {
            self.admit(request, cx);
        }
    }

    /// Whether no connection is kept without a request: none ever is, or the generation ends.
    fn is_ending(&self, cx: &Context<'_>) -> bool {
        cx.drain_deadline_ms().is_some() || self.client.options().limits.idle_connections == 0
    }

    /// Whether the request that is sent now is the last of its connection, by what is known now.
    fn is_last(&self, cx: &Context<'_>) -> bool {
        self.waiting.is_empty() && self.is_ending(cx)
    }

    /// Whether more connections are idle than are kept.
    fn has_many_idle(&self) -> bool {
        let kept = self.client.options().limits.idle_connections as usize;
        self.connections.iter().filter(|connection| connection.is_idle()).nth(kept).is_some()
    }

    /// Runs an event on the connection that is that stream, or serves it.
    fn on(
        &mut self,
        stream: StreamId,
        cx: &mut Context<'_>,
        event: impl FnOnce(&mut Connection, &Client, &mut Context<'_>),
    ) {
        let is_meant = |connection: &Connection| match stream & 1 {
            0 => connection.stream() == stream,
            _ => connection.serves(stream),
        };
        // The ones used last are the likeliest, and at the end.
        if let Some(at) = self.connections.iter().rposition(is_meant) {
            event(&mut self.connections[at], &self.client, cx);
            self.settle(at, cx);
        }
    }

    /// A request that has no connection yet.
    fn waiting(&mut self, accepted: StreamId) -> Option<&mut Request> {
        self.waiting.iter_mut().find(|request| request.stream == accepted)
    }

    /// Forgets a request that has no connection, and ends its stream. False if it has one.
    fn forget(&mut self, accepted: StreamId, code: CloseCode, cx: &mut Context<'_>) -> bool {
        let before = self.waiting.len() + self.undecided.len();
        self.waiting.retain(|request| request.stream != accepted);
        self.undecided.retain(|request| request.stream != accepted);
        let is_forgotten = self.waiting.len() + self.undecided.len() < before;
        if is_forgotten {
            cx.close_stream(accepted, code);
        }
        is_forgotten
    }
}

fn from_opener(cx: &Context<'_>) -> bool {
    cx.stream() == cx.accepted()
}

impl Stream for Origin {
    fn on_join(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<(), Reset> {
        self.arrive(begin, cx)
    }

    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        self.answered(begin.stream, begin.attributes.get("alpn"), cx);
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self
                .on(stream, cx, |connection, client, cx| connection.receive(data.payload, client, cx));
        }
        self.decide(stream, true, cx);
        match self.waiting(stream) {
            Some(request) => request.held.push(&data.payload),
            None => self.on(stream, cx, |connection, _, cx| connection.send(data.payload, cx)),
        }
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |connection, _, cx| connection.ended(cx));
        }
        self.decide(stream, false, cx);
        match self.waiting(stream) {
            Some(request) => request.end = Some(attributes.block().to_vec()),
            None => self.on(stream, cx, |connection, _, cx| connection.send_end(attributes, cx)),
        }
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |connection, _, cx| connection.aborted(code, cx));
        }
        if !self.forget(stream, CloseCode::Cancelled, cx) {
            self.on(stream, cx, |connection, _, cx| connection.abandoned(cx));
        }
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        let stream = cx.stream();
        match from_opener(cx) {
            true => self.on(stream, cx, |connection, client, cx| connection.go_on_reading(client, cx)),
            false => self.on(stream, cx, |connection, _, cx| connection.go_on_sending(cx)),
        }
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |connection, _, cx| connection.refused(code, cx));
        }
        if !self.forget(stream, CloseCode::Cancelled, cx) {
            self.on(stream, cx, |connection, _, cx| connection.left(cx));
        }
    }

    fn on_signal(&mut self, _token: u32, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |connection, client, cx| connection.wake(client, cx));
        }
        if self.waiting(stream).is_some() {
            self.forget(stream, CloseCode::Limit, cx);
        }
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        let stream = cx.stream();
        match from_opener(cx) {
            true => self.on(stream, cx, |connection, _, cx| connection.sent_by_host(missing, cx)),
            false => {
                self.on(stream, cx, |connection, client, cx| connection.read_by_host(missing, client, cx));
            }
        }
    }

    fn on_later(&mut self, cx: &mut Context<'_>) {
        while let Some(request) = self.undecided.first() {
            self.decide(request.stream, true, cx);
        }
    }

    /// Connections without a request are closed; the others when they have answered theirs.
    fn on_drain(&mut self, cx: &mut Context<'_>) {
        for at in (0..self.connections.len()).rev() {
            if self.connections[at].is_idle() {
                self.settle(at, cx);
            }
        }
    }
}
