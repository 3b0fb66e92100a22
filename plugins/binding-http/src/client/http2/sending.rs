//! From the openers to the origin: heads of requests, content as windows and credit allow, and its end.

use super::Http2;
use super::exchanges::{Exchange, Place, Reading, Sending};
use crate::client::request::{Body, Request};
use crate::h2::frame::{self, Code, HEAD_OCTETS, Kind, flag};
use crate::h2::response;
use crate::response::Fault;
use crate::source::Source;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, Context, Payload};

/// A frame of `DATA` with so many octets, or more, has earned the control frames that go with it.
const EARNING_OCTETS_MIN: usize = 256;
/// Control frames that go with a request, or with a frame of content: a window for the stream, one for the
/// connection.
const EARNED_CONTROLS: u32 = 2;

impl Http2 {
    /// Takes a request. There is room for it.
    pub(in crate::client) fn begin(&mut self, request: Request, cx: &mut Context<'_>) {
        match request.upgrade.is_some() {
            // RFC 8441, 3: nobody asks for another protocol before it is known that the origin takes that.
            true if !self.has_settings => self.tunnels.push(request),
            true if !self.peer.connect => self.cannot(request, cx),
            _ if self.is_too_long(&request) => self.refuse_fields(&request, cx),
            true | false => self.open(request, cx),
        }
    }

    /// Whether the origin has said that it does not take so many fields (RFC 9113, 10.5.1). Most say nothing.
    fn is_too_long(&self, request: &Request) -> bool {
        self.peer.list_octets < u32::MAX && request.list_octets() > self.peer.list_octets as usize
    }

    /// Sends the head of a request, and what has come behind it.
    pub(super) fn open(&mut self, request: Request, cx: &mut Context<'_>) {
        let (id, now_ms) = (self.next_id, cx.now().monotonic_ms);
        self.next_id += 2;
        let frame_octets_max = self.frame_octets_max();
        let flags = if request.is_whole() { flag::END_STREAM } else { 0 };
        self.write(cx, |out, encoder| {
            frame::write_headers(out, id, flags, frame_octets_max, |out| {
                encoder.begin(out);
                request.write_http2(out, encoder);
            });
        });
        let mut exchange = Exchange::new(id, request, self.peer.window_octets, now_ms);
        exchange.receive_window = self.client.limits.h2.stream_window();
        let place = self.exchanges.insert(exchange);
        self.controls.earn(EARNED_CONTROLS);
        // Each stream may be reset once.
        self.resets.earn(1);
        self.clock.request_began(&self.client.options().timeouts, now_ms);
        self.send_held(place, cx);
    }

    /// The opener sends content.
    pub(super) fn send_content(&mut self, place: Place, content: Payload<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        let request = &exchange.request;
        let is_too_much = match request.body {
            Body::Empty => request.upgrade.is_none(),
            Body::Length(left) => left < (request.held.as_slice().len() + content.len()) as u64,
            Body::Undecided | Body::Chunked | Body::Raw => false,
        };
        match exchange.sending {
            // Nobody takes it: the opener is told so once the response begins.
            Sending::Refused | Sending::Over if !is_too_much => return,
            _ if is_too_much => {
                let because = "the request has more content than its content-length";
                return self.break_off(place, Code::Cancel, because, cx);
            }
            Sending::Open | Sending::Refused | Sending::Over => {}
        }
        let (opener, mut taken) = (request.stream, 0);
        if request.held.is_empty() && exchange.may_send() {
            taken = self.send_frames(place, Source::Given(content), false, cx);
            cx.from(opener).consume(taken as u64);
        }
        let now_ms = cx.now().monotonic_ms;
        let Some(exchange) = self.exchanges.get(place) else { return };
        if taken < content.len() {
            if exchange.request.held.is_empty() {
                exchange.sent_ms = now_ms;
                self.clock.write_began(&self.client.options().timeouts, now_ms);
            }
            exchange.request.held.push(&content[taken..]);
            self.enqueue(place);
        }
    }

    /// The opener ends its request.
    pub(super) fn request_ends(&mut self, place: Place, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        exchange.request.end = Some(trailers.block().to_vec());
        self.send_held(place, cx);
    }

    /// Sends what has come of a request.
    pub(super) fn send_held(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        if exchange.request.held.is_empty() {
            return self.finish_request(place, cx);
        }
        self.enqueue(place);
        self.pump(cx);
    }

    /// All content that has come is sent: so is the end, if it has come.
    fn finish_request(&mut self, place: Place, cx: &mut Context<'_>) {
        let frame_octets_max = self.frame_octets_max();
        let Some(exchange) = self.exchanges.get(place) else { return };
        let is_tunnel = exchange.request.body == Body::Raw;
        if !exchange.may_send() {
            return;
        }
        if let Body::Length(left) = exchange.request.body
            && left > 0
            && exchange.request.end.is_some()
        {
            let because = "the request has less content than its content-length";
            return self.break_off(place, Code::Cancel, because, cx);
        }
        let Some(trailers) = exchange.request.end.take() else { return };
        let (id, trailers) = (exchange.id, Attributes::new(&trailers));
        exchange.sending = Sending::Over;
        exchange.moved_ms = cx.now().monotonic_ms;
        let mut written = Ok(());
        self.write(cx, |out, encoder| {
            if is_tunnel || !response::has_trailers(trailers) {
                return frame::write_head(out, Kind::Data, flag::END_STREAM, id, 0);
            }
            frame::write_headers(out, id, flag::END_STREAM, frame_octets_max, |out| {
                encoder.begin(out);
                written = response::write_trailers(out, encoder, trailers);
            });
        });
        if let Err(Fault(_)) = written {
            host::log(Level::Warn, "a trailer of the request is malformed");
        }
        self.clock.request_began(&self.client.options().timeouts, cx.now().monotonic_ms);
        self.end_tunnel_if_over(place, cx);
    }

    /// Ends the request's direction of a stream that was to be a tunnel and is none.
    pub(super) fn end_unconnected(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        let id = exchange.id;
        exchange.sending = Sending::Over;
        exchange.request.held.clear();
        self.write(cx, |out, _| frame::write_head(out, Kind::Data, flag::END_STREAM, id, 0));
    }

    /// The origin gives credit: what is held is sent, in order.
    pub(in crate::client) fn go_on_sending(&mut self, cx: &mut Context<'_>) {
        self.clock.sent(cx.now().monotonic_ms);
        if !self.outbox.is_empty() {
            cx.to(self.stream).data(&mut self.outbox);
            if self.outbox.is_empty() {
                // An idle connection is small: room for what did not fit is seldom needed again.
                self.outbox = Vec::new();
            }
        }
        if self.is_closing() {
            return self.end_if_sent(cx);
        }
        self.pay(cx);
        self.pump(cx);
    }

    /// Puts a request with something to send into the queue, if its window is open.
    pub(super) fn enqueue(&mut self, place: Place) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        if !exchange.is_queued
            && exchange.may_send()
            && !exchange.request.held.is_empty()
            && exchange.send_window.octets() > 0
        {
            exchange.is_queued = true;
            self.queue.push_back(place);
        }
    }

    /// Sends one frame of each request in the queue in turn, as long as that goes.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        while let Some(place) = self.queue.front().copied() {
            let frame_octets_max = self.frame_octets_max();
            let Some(exchange) = self.exchanges.get(place).filter(|exchange| exchange.is_queued) else {
                self.queue.pop_front();
                continue;
            };
            let request = &mut exchange.request;
            let opener = request.stream;
            let mut held = std::mem::take(&mut request.held);
            let first = held.as_slice().len().min(frame_octets_max);
            let is_last = first == held.as_slice().len()
                && request.end.as_ref().is_some_and(|trailers| trailers.is_empty())
                && !matches!(request.body, Body::Length(left) if left != first as u64);
            let may_send = exchange.send_window.octets() > 0 && !held.is_empty();
            let taken = self.send_frames(place, Source::Held(&held.as_slice()[..first]), is_last, cx);
            held.consume(taken);
            let is_sent = held.is_empty();
            let Some(exchange) = self.exchanges.get(place) else { return };
            exchange.request.held = held;
            cx.from(opener).consume(taken as u64);
            if taken == 0 && may_send {
                // The connection's window or the origin's credit is used up; the request is the next then.
                return;
            }
            self.queue.pop_front();
            exchange.is_queued = false;
            match is_sent {
                true if exchange.sending == Sending::Over => self.end_tunnel_if_over(place, cx),
                true => self.finish_request(place, cx),
                false => self.enqueue(place),
            }
        }
    }

    /// Sends content in frames as far as windows and credit allow, and says how many octets that were. With
    /// `ends`, the frame with the last of them ends the request.
    fn send_frames(&mut self, place: Place, content: Source<'_>, ends: bool, cx: &mut Context<'_>) -> usize {
        let Some(exchange) = self.exchanges.get(place) else { return 0 };
        let (id, mut window) = (exchange.id, exchange.send_window);
        let whole = content.as_slice().len();
        let mut taken = 0;
        while taken < whole && self.outbox.is_empty() {
            let credit = cx.to(self.stream).credit();
            let windows = window.octets().min(self.send_window.octets());
            // At least one octet, whose frame then waits for more credit.
            let fits = credit.saturating_sub(HEAD_OCTETS).max(1);
            let octets = (whole - taken).min(windows).min(self.frame_octets_max()).min(fits);
            if credit == 0 || octets == 0 {
                break;
            }
            let flags = if ends && taken + octets == whole { flag::END_STREAM } else { 0 };
            self.write(cx, |out, _| frame::write_head(out, Kind::Data, flags, id, octets));
            let piece = content.skip(taken).first(octets);
            let sent = if self.outbox.is_empty() { piece.send(self.stream, cx) } else { 0 };
            if sent < octets {
                self.write(cx, |out, _| out.extend_from_slice(&piece.as_slice()[sent..]));
            }
            window.spend(octets);
            self.send_window.spend(octets);
            taken += octets;
            if octets >= EARNING_OCTETS_MIN {
                self.controls.earn(EARNED_CONTROLS);
            }
        }
        let now_ms = cx.now().monotonic_ms;
        if let Some(exchange) = self.exchanges.get(place).filter(|_| taken > 0) {
            exchange.send_window = window;
            exchange.sent_ms = now_ms;
            exchange.has_sent = true;
            exchange.request.expects_continue = false;
            if let Body::Length(left) = &mut exchange.request.body {
                *left -= taken as u64;
            }
            if ends && taken == whole {
                exchange.sending = Sending::Over;
                exchange.moved_ms = now_ms;
                self.clock.request_began(&self.client.options().timeouts, now_ms);
            }
        }
        taken
    }

    /// Whether the request's content waits for the origin.
    pub(super) fn waits_for_origin(exchange: &Exchange) -> bool {
        exchange.may_send() && !exchange.request.held.is_empty() && exchange.reading != Reading::Tunnel
    }
}
