//! From the client to the exit: heads, bodies and their ends.

use super::switch::Judged;
use super::{Connection, Exchange, Receiving, Reply, Request};
use crate::access::Grant;
use crate::authorization::{self, Opened};
use crate::body::{Chunked, Decoder, Found};
use crate::fields;
use crate::head::{self, Framing, RequestHead};
use crate::request::{Added, Expects};
use crate::response::{Asked, CONTINUE};
use crate::source::Source;
use crate::status::{Refusal, not_opened};
use std::mem::MaybeUninit;
use zilla_sdk::{CloseCode, Context, Payload};

/// Empty lines that are read over before a request line (RFC 9112, 2.2); more are answered with 400.
const EMPTY_LINES_MAX: u8 = 2;
/// Octets of a body that are read over when the exit does not want them; past it the connection ends
/// after the response. As much as a client may have sent before it could know.
const DISCARDED_OCTETS_MAX: u64 = 65_536;

impl Connection {
    /// Takes octets of the client.
    pub(super) fn receive(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        if matches!(self.receiving, Receiving::Over) {
            return;
        }
        if !self.inbox.is_empty() {
            self.inbox.push(&payload);
            return self.take_held(cx);
        }
        let taken = self.take(Source::Given(payload), cx);
        cx.request().consume(taken as u64);
        if taken == payload.len() {
            return self.move_request(cx);
        }
        if taken < payload.len() && !matches!(self.receiving, Receiving::Over) {
            self.inbox.push(&payload[taken..]);
            self.pay_for_head(cx);
        }
    }

    /// Takes octets that were held back, or the end after them.
    pub(super) fn take_held(&mut self, cx: &mut Context<'_>) {
        if self.inbox.is_empty() && !self.peer_ended {
            return;
        }
        let mut inbox = std::mem::take(&mut self.inbox);
        let taken = self.take(Source::Held(inbox.as_slice()), cx);
        let paid = taken.min(self.inbox_paid);
        self.inbox_paid -= paid;
        cx.request().consume((taken - paid) as u64);
        if !matches!(self.receiving, Receiving::Over) {
            inbox.consume(taken);
            self.inbox = inbox;
            self.pay_for_head(cx);
            self.move_request(cx);
        }
    }

    /// Gives the octets of a partial head back as credit: it may be longer than what credit there is.
    fn pay_for_head(&mut self, cx: &mut Context<'_>) {
        let held = self.inbox.as_slice().len();
        if matches!(self.receiving, Receiving::Head) && self.outbox.is_empty() && held > self.inbox_paid {
            cx.request().consume((held - self.inbox_paid) as u64);
            self.inbox_paid = held;
        }
    }

    /// Decodes as far as that goes, and says how many octets were taken.
    pub(super) fn take(&mut self, source: Source<'_>, cx: &mut Context<'_>) -> usize {
        let mut taken = 0;
        while let Some(octets) = self.step(source.skip(taken), cx) {
            taken += octets;
        }
        taken
    }

    /// One step of decoding: the octets it took, or `None` if something else must happen first.
    fn step(&mut self, source: Source<'_>, cx: &mut Context<'_>) -> Option<usize> {
        match self.receiving {
            Receiving::Head => self.step_head(source.as_slice(), cx),
            Receiving::Body(_) => self.step_body(source, cx),
            Receiving::Raw => self.step_raw(source, cx),
            Receiving::Whole | Receiving::Over => None,
        }
    }

    fn step_head(&mut self, octets: &[u8], cx: &mut Context<'_>) -> Option<usize> {
        if !self.outbox.is_empty() {
            return None;
        }
        match octets {
            [b'\r', b'\n', ..] if self.empty_lines < EMPTY_LINES_MAX => {
                self.empty_lines += 1;
                self.inbox_seen = 0;
                return Some(2);
            }
            [] | [b'\r'] => return self.head_incomplete(octets, cx),
            [b'\r' | b'\n', ..] => {
                self.refuse(Refusal::bad_request("there are empty lines before the request"), cx);
                return None;
            }
            _ if self.has_no_news(octets) => return self.head_incomplete(octets, cx),
            _ => {}
        }
        let mut slots = [const { MaybeUninit::uninit() }; head::HEADERS_MAX];
        match head::decode(octets, &mut slots, self.scheme, &self.shared.limits) {
            Ok(Some(head)) => self.begin(&head, cx),
            Ok(None) => self.head_incomplete(octets, cx),
            Err(refusal) => {
                self.refuse(refusal, cx);
                None
            }
        }
    }

    /// Whether a head that was incomplete still is, for no line ended since and no limit was met. So a head
    /// is decoded no more often than it has lines, in whatever pieces it comes.
    fn has_no_news(&self, octets: &[u8]) -> bool {
        let (seen, limits) = (self.inbox_seen, &self.shared.limits);
        let line_limit = limits.request_line_bytes + 1;
        seen > 0
            && !self.peer_ended
            && octets.len() < limits.header_bytes
            && (octets.len() <= line_limit || seen > line_limit)
            && !octets[seen..].contains(&b'\n')
    }

    fn head_incomplete(&mut self, octets: &[u8], cx: &mut Context<'_>) -> Option<usize> {
        if self.peer_ended && octets.is_empty() {
            self.close(cx);
        } else if self.peer_ended {
            self.refuse(Refusal::bad_request("the head ends early"), cx);
        } else if !octets.is_empty() {
            if self.inbox_seen == 0 {
                self.clock.head_began(cx.now().monotonic_ms);
            }
            self.inbox_seen = octets.len();
        }
        None
    }

    /// Opens the exchange of a request.
    fn begin(&mut self, head: &RequestHead<'_, '_>, cx: &mut Context<'_>) -> Option<usize> {
        (self.inbox_seen, self.empty_lines) = (0, 0);
        self.clock.moved(cx.now().monotonic_ms);
        let asked = Asked {
            version: head.version,
            is_head: head.method == "HEAD",
            keep_alive: head.keep_alive && !self.draining,
        };
        let access = match self.judge(head, cx) {
            Judged::Passes(access) => access,
            Judged::Answered(octets) => return octets,
        };
        let options = &self.shared.options;
        let upgrade = head.upgrade.and_then(|protocols| fields::offered(protocols, &options.upgrade));
        let expects = Expects::of(head.expects_continue, options);
        let address = self.address.as_deref();
        let added = Added { options, address, expects, upgrade: upgrade.as_deref() };
        let guard = self.shared.authorization.as_ref();
        let opened = authorization::open(guard, |attributes| head.write(&added, attributes), cx);
        let (exit, standing) = match opened.unwrap_or_else(|error| Opened::Refused(not_opened(error))) {
            Opened::To(exit, standing) => (exit, standing),
            Opened::Renewed => return self.answer_empty(head, &Grant::default(), cx),
            Opened::Refused(refusal) => {
                self.refuse(refusal, cx);
                return None;
            }
        };
        let is_whole = head.framing == Framing::Empty && upgrade.is_none();
        let request = if is_whole { Request::Over } else { Request::Open };
        self.receiving = match head.framing {
            // The exit may switch to another protocol: its direction stays open until it has answered.
            Framing::Empty if upgrade.is_some() => Receiving::Whole,
            Framing::Empty => {
                cx.to(exit).end();
                Receiving::Whole
            }
            Framing::Length(octets) => Receiving::Body(Decoder::Length(octets)),
            Framing::Chunked => Receiving::Body(Decoder::Chunked(Chunked::default())),
        };
        self.exchange = Some(Exchange {
            exit,
            asked,
            expects,
            upgrade,
            access,
            standing,
            request,
            reply: Reply::Awaited,
            is_request_moved: false,
            is_reply_moved: false,
        });
        Some(head.octets)
    }

    fn step_body(&mut self, source: Source<'_>, cx: &mut Context<'_>) -> Option<usize> {
        let Receiving::Body(decoder) = &mut self.receiving else { return None };
        let (framing, found) = match decoder.next(source.as_slice(), &self.shared.limits) {
            Ok(next) => next,
            Err(refusal) => {
                self.refuse(refusal, cx);
                return None;
            }
        };
        let taken = match found {
            Found::End => {
                self.request_ends(cx);
                return Some(framing);
            }
            Found::More if framing == 0 && self.peer_ended => {
                self.refuse(Refusal::bad_request("the body ends early"), cx);
                return None;
            }
            Found::More => framing,
            Found::Content(octets) => framing + self.deliver(source.skip(framing).first(octets), cx),
        };
        if taken > 0 {
            self.clock.moved(cx.now().monotonic_ms);
        }
        (taken > 0).then_some(taken)
    }

    /// Gives content to the exit, as far as its credit allows, and says how many octets that were.
    fn deliver(&mut self, content: Source<'_>, cx: &mut Context<'_>) -> usize {
        let (Some(exchange), Receiving::Body(decoder)) = (&mut self.exchange, &mut self.receiving) else {
            return 0;
        };
        let taken = match &mut exchange.request {
            Request::Open => {
                exchange.expects = Expects::Nothing;
                content.send(exchange.exit, cx)
            }
            Request::Over => 0,
            Request::Discarded(left) => {
                let octets = content.as_slice().len();
                match left.checked_sub(octets as u64) {
                    Some(rest) => *left = rest,
                    None => {
                        self.read_no_more(cx);
                        return 0;
                    }
                }
                octets
            }
        };
        decoder.took(taken);
        taken
    }

    /// The body is complete.
    fn request_ends(&mut self, cx: &mut Context<'_>) {
        let (Some(exchange), Receiving::Body(decoder)) = (&mut self.exchange, &self.receiving) else {
            return;
        };
        if exchange.request == Request::Open {
            cx.to(exchange.exit).end_with(|attributes| decoder.write_trailers(attributes));
        }
        exchange.request = Request::Over;
        self.receiving = Receiving::Whole;
        self.clock.moved(cx.now().monotonic_ms);
        self.settle(cx);
    }

    /// The exit wants no more of the request.
    pub(super) fn request_refused(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if matches!(self.receiving, Receiving::Raw) {
            return self.abort(CloseCode::Cancelled, cx);
        }
        if exchange.request == Request::Open {
            exchange.request = Request::Discarded(DISCARDED_OCTETS_MAX);
        }
        if exchange.reply == Reply::Awaited {
            let refusal = exchange.standing.of_reset(code);
            return self.refuse(refusal, cx);
        }
        self.take_held(cx);
    }

    /// Tells a client that waits to send its body.
    pub(super) fn send_continue(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if std::mem::replace(&mut exchange.expects, Expects::Nothing) != Expects::Nothing {
            cx.reply().write(&mut self.outbox, |out| out.extend_from_slice(CONTINUE));
            self.clock.moved(cx.now().monotonic_ms);
        }
    }
}
