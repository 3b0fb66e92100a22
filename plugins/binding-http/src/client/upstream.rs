//! One connection to an origin: what is sent on it, and how it ends.

use super::deadline::Clock;
use super::exchange::{Exchange, Reading, Sending};
use super::request::{Body, Request};
use crate::buffer::Buffer;
use crate::response;
use crate::source::{self, FORWARDED_OCTETS_MIN, Source};
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, CloseCode, Context, Payload, StreamId};

/// One connection to an origin.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) stream: StreamId,
    /// The request that it is used for; none while it is idle.
    pub(super) exchange: Option<Exchange>,
    /// It cannot be used any more.
    pub(super) is_over: bool,
    /// A response has come on it.
    pub(super) is_used: bool,
    /// A request that is to be sent once more: the origin had closed the connection before it came.
    pub(super) stale: Option<Request>,
    /// Octets encoded and not sent for want of credit: at most a head, or the framing of a chunk.
    pub(super) outbox: Vec<u8>,
    /// Octets received and not decoded: at most the credit that the origin has, and a partial head.
    pub(super) inbox: Buffer,
    /// Octets at the front of the inbox that were given back as credit: those of a partial head.
    pub(super) inbox_paid: usize,
    /// Octets at the front of the inbox that were looked at and are no complete head.
    pub(super) inbox_seen: usize,
    /// The origin has ended its direction; what is held goes first.
    pub(super) peer_ended: bool,
    pub(super) clock: Clock,
}

impl Upstream {
    pub(super) fn new(stream: StreamId, now_ms: u64) -> Self {
        Self {
            stream,
            exchange: None,
            is_over: false,
            is_used: false,
            stale: None,
            outbox: Vec::new(),
            inbox: Buffer::default(),
            inbox_paid: 0,
            inbox_seen: 0,
            peer_ended: false,
            clock: Clock::new(now_ms),
        }
    }

    /// The request that it is used for came on that stream.
    pub(super) fn serves(&self, accepted: StreamId) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.request.stream == accepted)
    }

    /// Whether nothing is asked of it.
    pub(super) fn is_idle(&self) -> bool {
        self.exchange.is_none() && !self.is_over
    }

    /// Sends a request, as far as it has come. The last one says so, unless it may make the connection a tunnel.
    pub(super) fn begin(&mut self, mut request: Request, is_last: bool, cx: &mut Context<'_>) {
        let is_last = is_last && request.upgrade.is_none();
        let now_ms = cx.now().monotonic_ms;
        (self.clock.moved_ms, self.clock.sent_ms) = (now_ms, now_ms);
        cx.to(self.stream).write(&mut self.outbox, |out| request.write_http1(is_last, out));
        self.exchange = Some(Exchange::new(request, !is_last));
        self.send_held(cx);
    }

    /// The origin gives credit.
    pub(super) fn go_on_sending(&mut self, cx: &mut Context<'_>) {
        self.clock.sent_ms = cx.now().monotonic_ms;
        self.send_held(cx);
    }

    /// The opener sends content.
    pub(super) fn send(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        match (exchange.sending, exchange.request.body) {
            (_, Body::Empty) if exchange.request.upgrade.is_none() => {
                return self.break_off("the request has more content than its content-length", cx);
            }
            // Nobody takes it: the opener is told so once the response begins.
            (Sending::Refused, _) => return,
            _ => {}
        }
        let mut taken = 0;
        if exchange.request.held.is_empty() && self.outbox.is_empty() {
            taken = self.send_content(Source::Given(payload), cx);
        }
        let Some(exchange) = &mut self.exchange else { return };
        exchange.request.held.push(&payload[taken..]);
        cx.from(exchange.request.stream).consume(taken as u64);
        self.send_held(cx);
    }

    /// The opener ends its request.
    pub(super) fn send_end(&mut self, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.request.end = Some(trailers.block().to_vec());
            self.send_held(cx);
        }
    }

    /// Sends what waits for credit, in order.
    pub(super) fn send_held(&mut self, cx: &mut Context<'_>) {
        if !self.outbox.is_empty() {
            cx.to(self.stream).data(&mut self.outbox);
        }
        while self.outbox.is_empty() {
            let Some(exchange) = self.exchange.as_mut().filter(|exchange| !exchange.request.held.is_empty())
            else {
                break;
            };
            let mut held = std::mem::take(&mut exchange.request.held);
            let taken = self.send_content(Source::Held(held.as_slice()), cx);
            let Some(exchange) = &mut self.exchange else { return };
            held.consume(taken);
            exchange.request.held = held;
            cx.from(exchange.request.stream).consume(taken as u64);
            if taken == 0 {
                break;
            }
        }
        self.finish_request(cx);
    }

    /// Sends content as far as the credit allows, and says how many octets that were. The outbox is empty.
    fn send_content(&mut self, content: Source<'_>, cx: &mut Context<'_>) -> usize {
        let Some(exchange) = &mut self.exchange else { return 0 };
        if exchange.sending != Sending::Open {
            return 0;
        }
        exchange.request.expects_continue = false;
        self.clock.sent_ms = cx.now().monotonic_ms;
        match &mut exchange.request.body {
            // A tunnel that the origin has not agreed to yet.
            Body::Undecided | Body::Empty => 0,
            Body::Chunked => source::send_chunk(content, self.stream, &mut self.outbox, cx),
            Body::Raw => content.send(self.stream, cx),
            Body::Length(left) => match left.checked_sub(content.as_slice().len() as u64) {
                Some(_) => {
                    let taken = content.send(self.stream, cx);
                    *left -= taken as u64;
                    taken
                }
                None => {
                    self.break_off("the request has more content than its content-length", cx);
                    0
                }
            },
        }
    }

    /// Ends the request once all of it is sent, or has the host move a large rest of it.
    fn finish_request(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.sending != Sending::Open || !self.outbox.is_empty() || exchange.is_sending_by_host {
            return;
        }
        let request = &mut exchange.request;
        if !request.held.is_empty() {
            return;
        }
        let Some(trailers) = &request.end else { return self.send_by_host(cx) };
        match request.body {
            Body::Length(left) if left > 0 => {
                return self.break_off("the request has less content than its content-length", cx);
            }
            Body::Chunked => {
                let trailers = Attributes::new(trailers);
                cx.to(self.stream).write(&mut self.outbox, |out| {
                    // What cannot be sent is left out; what is sent is whole.
                    let _ = response::write_last_chunk(out, trailers);
                });
            }
            Body::Raw => cx.to(self.stream).end(),
            // The end of a request that asks for a tunnel is that of the tunnel.
            Body::Empty if request.upgrade.is_some() => return,
            Body::Length(_) | Body::Empty | Body::Undecided => {}
        }
        exchange.sending = Sending::Over;
        self.clock.moved_ms = cx.now().monotonic_ms;
        self.end_tunnel_if_over(cx);
    }

    /// Has the host move the rest of the content, if it is so much that the plugin need not see it.
    fn send_by_host(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let octets = match exchange.request.body {
            Body::Length(left) if left >= FORWARDED_OCTETS_MIN => left,
            Body::Raw => u64::MAX,
            Body::Length(_) | Body::Undecided | Body::Empty | Body::Chunked => return,
        };
        exchange.is_sending_by_host = cx.forward(exchange.request.stream, self.stream, octets);
    }

    /// The host has moved what it was asked to, but for `missing` octets.
    pub(super) fn sent_by_host(&mut self, missing: u64, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.is_sending_by_host = false;
        if let Body::Length(left) = &mut exchange.request.body {
            *left = missing;
        }
        self.clock.sent_ms = cx.now().monotonic_ms;
        if missing == 0 {
            self.finish_request(cx);
        }
    }

    /// The opener gives up. After the head of the response it may have given up on its request alone.
    pub(super) fn abandoned(&mut self, cx: &mut Context<'_>) {
        match &mut self.exchange {
            Some(exchange) if matches!(exchange.reading, Reading::Body(_)) => {
                if exchange.sending == Sending::Open {
                    exchange.sending = Sending::Refused;
                }
                exchange.request.held.clear();
                exchange.keep = false;
            }
            _ => self.fail(CloseCode::Cancelled, cx),
        }
    }

    /// The origin takes no more of the request; its response may come all the same.
    pub(super) fn refused(&mut self, cx: &mut Context<'_>) {
        self.outbox = Vec::new();
        let Some(exchange) = &mut self.exchange else { return self.close(cx) };
        if exchange.request.body == Body::Raw {
            return self.fail(CloseCode::Cancelled, cx);
        }
        exchange.sending = Sending::Refused;
        exchange.keep = false;
        exchange.request.held.clear();
        if !matches!(exchange.reading, Reading::Head) {
            cx.from(exchange.request.stream).reset(CloseCode::Cancelled);
        }
    }

    /// What the opener sent or the origin answered breaks the rules.
    pub(super) fn break_off(&mut self, why: &str, cx: &mut Context<'_>) {
        host::log(Level::Warn, why);
        self.fail(CloseCode::Violation, cx);
    }

    /// Ends everything at once: nothing that the opener got may look complete.
    pub(super) fn fail(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if let Some(exchange) = self.exchange.take() {
            cx.close_stream(exchange.request.stream, code);
        }
        cx.close_stream(self.stream, CloseCode::Cancelled);
        self.is_over = true;
    }

    /// Ends the connection in order.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        cx.to(self.stream).end();
        cx.from(self.stream).reset(CloseCode::Cancelled);
        self.is_over = true;
    }
}
