//! One origin: its connections, and the requests that share them.

use super::deadline::TIMER;
use super::request::{Body, Request};
use super::upstream::Upstream;
use super::{Client, unwritable};
use std::collections::VecDeque;
use std::rc::Rc;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, OpenError, Reset, Stream, StreamId};

/// The ALPN name of HTTP/1.1 (RFC 7301).
const ALPN: &str = "http/1.1";

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
    /// At most `limits.connections`.
    upstreams: Vec<Upstream>,
    draining: bool,
}

impl Origin {
    pub(super) fn new(client: Rc<Client>, attributes: Attributes<'_>) -> Self {
        Self {
            client,
            authority: attributes.get(":authority").unwrap_or_default().into(),
            undecided: Vec::new(),
            waiting: VecDeque::new(),
            upstreams: Vec::new(),
            draining: false,
        }
    }

    /// Takes a request. One that does not say whether it has a body is looked at when the call ends: by then
    /// its end has come, or it has one.
    pub(super) fn arrive(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<(), Reset> {
        let request = Request::new(begin.stream, begin.attributes, &self.client).map_err(unwritable)?;
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
        // The one used last is the least likely to be stale.
        if let Some(at) = self.upstreams.iter().rposition(Upstream::is_idle) {
            let mut upstream = self.upstreams.remove(at);
            upstream.begin(request, cx);
            self.upstreams.push(upstream);
            self.settle(self.upstreams.len() - 1, cx);
        } else if self.upstreams.len() < limits.connections as usize {
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

    /// Opens a connection for a request.
    fn connect(&mut self, request: Request, cx: &mut Context<'_>) {
        let authority = &self.authority;
        let opened = cx.open_for(request.stream, |attributes| {
            attributes.push("authority", authority);
            attributes.push("alpn", ALPN);
        });
        match opened {
            Ok(stream) => {
                let mut upstream = Upstream::new(stream, cx.now().monotonic_ms);
                upstream.begin(request, cx);
                self.upstreams.push(upstream);
                self.settle(self.upstreams.len() - 1, cx);
            }
            Err(OpenError::TooManyStreams | OpenError::AttributesTooLong) => {
                cx.close_stream(request.stream, CloseCode::Limit);
            }
            Err(OpenError::AcceptedIsOver) => {}
        }
    }

    /// Goes on after an event of a connection: it may be over, or free for the next request.
    fn settle(&mut self, at: usize, cx: &mut Context<'_>) {
        let limits = &self.client.options().limits;
        let idle = self.upstreams.iter().filter(|upstream| upstream.is_idle()).count();
        let upstream = &mut self.upstreams[at];
        if upstream.is_idle() {
            if let Some(request) = self.waiting.pop_front() {
                upstream.begin(request, cx);
            } else if self.draining || idle > limits.idle_connections as usize {
                upstream.close(cx);
            }
        }
        if !upstream.is_over {
            return upstream.arm(&self.client, cx);
        }
        let stale = self.upstreams.remove(at).stale;
        if let Some(request) = stale {
            return self.connect(request, cx);
        }
        if let Some(request) = self.waiting.pop_front() {
            self.connect(request, cx);
        }
    }

    /// Runs an event on the connection that is that stream, or serves it.
    fn on(
        &mut self,
        stream: StreamId,
        cx: &mut Context<'_>,
        event: impl FnOnce(&mut Upstream, &Client, &mut Context<'_>),
    ) {
        let is_meant =
            |upstream: &Upstream| upstream.stream == stream || (stream & 1 == 1 && upstream.serves(stream));
        if let Some(at) = self.upstreams.iter().position(is_meant) {
            event(&mut self.upstreams[at], &self.client, cx);
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

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |upstream, client, cx| upstream.receive(data.payload, client, cx));
        }
        self.decide(stream, true, cx);
        match self.waiting(stream) {
            Some(request) => request.held.push(&data.payload),
            None => self.on(stream, cx, |upstream, _, cx| upstream.send(data.payload, cx)),
        }
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |upstream, _, cx| upstream.ended(cx));
        }
        self.decide(stream, false, cx);
        match self.waiting(stream) {
            Some(request) => request.end = Some(attributes.block().to_vec()),
            None => self.on(stream, cx, |upstream, _, cx| upstream.send_end(attributes, cx)),
        }
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |upstream, _, cx| upstream.aborted(code, cx));
        }
        if !self.forget(stream, CloseCode::Cancelled, cx) {
            self.on(stream, cx, |upstream, _, cx| upstream.abandoned(cx));
        }
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        let stream = cx.stream();
        match from_opener(cx) {
            true => self.on(stream, cx, |upstream, client, cx| upstream.go_on_reading(client, cx)),
            false => self.on(stream, cx, |upstream, _, cx| upstream.go_on_sending(cx)),
        }
    }

    fn on_reset(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |upstream, _, cx| upstream.refused(cx));
        }
        if !self.forget(stream, CloseCode::Cancelled, cx) {
            self.on(stream, cx, |upstream, _, cx| upstream.fail(CloseCode::Cancelled, cx));
        }
    }

    fn on_signal(&mut self, _token: u32, cx: &mut Context<'_>) {
        let stream = cx.stream();
        if !from_opener(cx) {
            return self.on(stream, cx, |upstream, client, cx| upstream.wake(client, cx));
        }
        if self.waiting(stream).is_some() {
            self.forget(stream, CloseCode::Limit, cx);
        }
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        let stream = cx.stream();
        match from_opener(cx) {
            true => self.on(stream, cx, |upstream, _, cx| upstream.sent_by_host(missing, cx)),
            false => self.on(stream, cx, |upstream, client, cx| upstream.read_by_host(missing, client, cx)),
        }
    }

    fn on_later(&mut self, cx: &mut Context<'_>) {
        while let Some(request) = self.undecided.first() {
            self.decide(request.stream, true, cx);
        }
    }

    /// Connections without a request are closed; the others when they have answered theirs.
    fn on_drain(&mut self, cx: &mut Context<'_>) {
        self.draining = true;
        for at in (0..self.upstreams.len()).rev() {
            if self.upstreams[at].is_idle() {
                self.settle(at, cx);
            }
        }
    }
}
