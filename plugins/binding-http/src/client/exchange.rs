//! From an origin to the opener of a request: heads, content and its end, as the opener's credit allows.

use super::head::{self, ResponseHead};
use super::request::{Body, Request};
use super::upstream::Upstream;
use super::{Client, failure, websocket};
use crate::body::{Decoder, Found};
use crate::head::HEADERS_MAX;
use crate::response::Fault;
use crate::source::{FORWARDED_OCTETS_MIN, Source};
use std::mem::MaybeUninit;
use zilla_sdk::{CloseCode, Context, Payload};

/// Most interim responses (RFC 9110, 15.2) to one request; one more breaks the exchange off.
pub(super) const INTERIM_RESPONSES_MAX: u8 = 16;

/// One request and its response.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) request: Request,
    pub(super) sending: Sending,
    pub(super) reading: Reading,
    /// Interim responses that came. The first was the `begin`, so the final one is an advisory.
    interim: u8,
    /// Whether the connection may serve another request afterwards.
    pub(super) keep: bool,
    /// The host moves the content of the request, or of the response.
    pub(super) is_sending_by_host: bool,
    pub(super) is_reading_by_host: bool,
}

/// The request's direction to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// More is to come.
    Open,
    /// All is sent.
    Over,
    /// The origin wants no more of it, or the opener has given it up.
    Refused,
}

/// What the octets that come next are.
#[derive(Debug)]
pub(super) enum Reading {
    /// The head of a response.
    Head,
    /// The content of the response.
    Body(Decoder),
    /// Another protocol.
    Raw,
    /// The other protocol has ended in this direction.
    RawOver,
}

impl Exchange {
    pub(super) fn new(request: Request, keep: bool) -> Self {
        Self {
            sending: if request.is_whole() { Sending::Over } else { Sending::Open },
            request,
            reading: Reading::Head,
            interim: 0,
            keep,
            is_sending_by_host: false,
            is_reading_by_host: false,
        }
    }

    /// Hands a head to the opener.
    fn pass_head(&self, head: &ResponseHead<'_, '_>, cx: &mut Context<'_>) {
        let mut opener = cx.to(self.request.stream);
        match self.interim {
            0 => opener.begin_with(|attributes| head.write(attributes)),
            _ => opener.flush_with(|attributes| head.write(attributes)),
        }
    }
}

impl Upstream {
    /// Takes octets of the origin.
    pub(super) fn receive(&mut self, payload: Payload<'_>, client: &Client, cx: &mut Context<'_>) {
        if payload.is_empty() {
            return;
        }
        if self.exchange.is_none() {
            // Nobody asked: what comes could be taken for the answer to the next request.
            return self.close(cx);
        }
        if self.is_reading_content() {
            self.clock.moved_ms = cx.now().monotonic_ms;
        }
        if !self.inbox.is_empty() {
            self.inbox.push(&payload);
            return self.take_held(client, cx);
        }
        let taken = self.take(Source::Given(payload), client, cx);
        cx.from(self.stream).consume(taken as u64);
        self.keep_rest(&payload[taken..], cx);
    }

    /// The opener gives credit.
    pub(super) fn go_on_reading(&mut self, client: &Client, cx: &mut Context<'_>) {
        self.clock.moved_ms = match self.exchange {
            Some(Exchange { reading: Reading::Head, .. }) | None => self.clock.moved_ms,
            Some(_) => cx.now().monotonic_ms,
        };
        self.take_held(client, cx);
        if self.peer_ended && self.inbox.is_empty() && !self.is_over {
            self.ended(cx);
        }
    }

    /// Takes octets that were held back.
    fn take_held(&mut self, client: &Client, cx: &mut Context<'_>) {
        let mut inbox = std::mem::take(&mut self.inbox);
        let taken = self.take(Source::Held(inbox.as_slice()), client, cx);
        let paid = taken.min(self.inbox_paid);
        self.inbox_paid -= paid;
        cx.from(self.stream).consume((taken - paid) as u64);
        inbox.consume(taken);
        self.inbox = inbox;
        self.keep_rest(&[], cx);
    }

    /// Holds what was not taken, and has the host move what is to come if it is much.
    fn keep_rest(&mut self, rest: &[u8], cx: &mut Context<'_>) {
        if self.is_over {
            return;
        }
        self.inbox.push(rest);
        let held = self.inbox.as_slice().len();
        let Some(exchange) = &mut self.exchange else {
            // The response is over, and what came behind it was not asked for.
            if held > 0 {
                self.close(cx);
            }
            return;
        };
        match &exchange.reading {
            // A head may be longer than what credit there is.
            Reading::Head if held > self.inbox_paid => {
                cx.from(self.stream).consume((held - self.inbox_paid) as u64);
                self.inbox_paid = held;
            }
            Reading::Body(Decoder::Length(left)) if held == 0 && *left >= FORWARDED_OCTETS_MIN => {
                let (left, opener) = (*left, exchange.request.stream);
                exchange.is_reading_by_host = cx.forward(self.stream, opener, left);
            }
            Reading::Raw if held == 0 && !exchange.is_reading_by_host => {
                exchange.is_reading_by_host = cx.forward(self.stream, exchange.request.stream, u64::MAX);
            }
            Reading::Head | Reading::Body(_) | Reading::Raw | Reading::RawOver => {}
        }
    }

    fn is_reading_content(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| !matches!(exchange.reading, Reading::Head))
    }

    /// Decodes as far as that goes, and says how many octets were taken.
    fn take(&mut self, source: Source<'_>, client: &Client, cx: &mut Context<'_>) -> usize {
        let mut taken = 0;
        while let Some(octets) = self.step(source.skip(taken), client, cx) {
            taken += octets;
        }
        taken
    }

    /// One step of decoding: the octets it took, or `None` if something else must happen first.
    fn step(&mut self, source: Source<'_>, client: &Client, cx: &mut Context<'_>) -> Option<usize> {
        let exchange = self.exchange.as_mut()?;
        let opener = exchange.request.stream;
        let (framing, found) = match &mut exchange.reading {
            Reading::Head => return self.step_head(source.as_slice(), client, cx),
            Reading::Raw => {
                return Some(source.send(opener, cx)).filter(|taken| *taken > 0);
            }
            Reading::RawOver => return None,
            Reading::Body(decoder) => match decoder.next(source.as_slice(), &client.limits) {
                Ok(next) => next,
                Err(refusal) => {
                    self.break_off(refusal.because, cx);
                    return None;
                }
            },
        };
        match found {
            Found::End => {
                self.response_ends(cx);
                Some(framing)
            }
            Found::More => Some(framing).filter(|taken| *taken > 0),
            Found::Content(octets) => {
                let taken = source.skip(framing).first(octets).send(opener, cx);
                if let Reading::Body(decoder) = &mut exchange.reading {
                    decoder.took(taken);
                }
                Some(framing + taken).filter(|taken| *taken > 0)
            }
        }
    }

    fn step_head(&mut self, octets: &[u8], client: &Client, cx: &mut Context<'_>) -> Option<usize> {
        let exchange = self.exchange.as_mut()?;
        // Without a further line end, a head that was incomplete still is.
        let seen = std::mem::replace(&mut self.inbox_seen, octets.len());
        let has_news = octets.get(seen..).is_none_or(|news| news.contains(&b'\n'));
        if octets.is_empty() || seen > 0 && !has_news && octets.len() < client.limits.header_bytes {
            return None;
        }
        let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let head = match head::decode(octets, &mut slots, exchange.request.is_head, &client.limits) {
            Ok(Some(head)) => head,
            Ok(None) => return None,
            Err(Fault(fault)) => {
                self.break_off(fault, cx);
                return None;
            }
        };
        self.inbox_seen = 0;
        match head.status {
            101 => {
                if let Err(Fault(fault)) = self.switch(&head, cx) {
                    self.break_off(fault, cx);
                }
            }
            100..=199 => {
                if exchange.interim == INTERIM_RESPONSES_MAX {
                    self.break_off("there are too many interim responses", cx);
                    return None;
                }
                exchange.pass_head(&head, cx);
                exchange.interim += 1;
                exchange.request.expects_continue &= head.status != 100;
            }
            _ => {
                // RFC 8441, 5: a 200 would say that the other protocol is spoken, which it is not.
                if exchange.request.is_connect && (200..300).contains(&head.status) {
                    self.break_off("the origin does not switch to the protocol that it is asked for", cx);
                    return None;
                }
                exchange.pass_head(&head, cx);
                exchange.keep &= head.keep_alive;
                if exchange.request.upgrade.take().is_some() {
                    exchange.sending = Sending::Over;
                }
                if exchange.sending == Sending::Refused {
                    cx.from(exchange.request.stream).reset(CloseCode::Cancelled);
                }
                exchange.reading = Reading::Body(head.body);
                self.clock.moved_ms = cx.now().monotonic_ms;
            }
        }
        Some(head.octets)
    }

    /// The origin switches to another protocol: from here on, octets go as they are.
    fn switch(&mut self, head: &ResponseHead<'_, '_>, cx: &mut Context<'_>) -> Result<(), Fault> {
        const UNASKED: Fault = Fault("the origin switches to a protocol that it was not asked for");
        let Some(exchange) = &mut self.exchange else { return Ok(()) };
        let offered = exchange.request.upgrade.take().ok_or(UNASKED)?;
        let chosen = head.upgrade.ok_or(UNASKED)?;
        let mut protocols = offered.split(|octet| *octet == b',').map(crate::fields::trim);
        if !protocols.any(|protocol| protocol.eq_ignore_ascii_case(chosen)) {
            return Err(UNASKED);
        }
        if let Some(key) = &exchange.request.key
            && !head.proves(&websocket::accept(key.as_bytes()))
        {
            return Err(Fault("the origin switches to WebSocket and has not read the key"));
        }
        let mut opener = cx.to(exchange.request.stream);
        let is_connect = exchange.request.is_connect;
        let write = |attributes: &mut zilla_sdk::AttributesWriter<'_>| match is_connect {
            true => head.write_connected(attributes),
            false => {
                head.write(attributes);
                attributes.push("upgrade", chosen);
            }
        };
        match exchange.interim {
            0 => opener.begin_with(write),
            _ => opener.flush_with(write),
        }
        exchange.reading = Reading::Raw;
        exchange.request.body = Body::Raw;
        exchange.keep = false;
        self.send_held(cx);
        Ok(())
    }

    /// The response is complete.
    fn response_ends(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchange.take() else { return };
        let opener = exchange.request.stream;
        match &exchange.reading {
            Reading::Body(decoder) => cx.to(opener).end_with(|attributes| decoder.write_trailers(attributes)),
            Reading::Head | Reading::Raw | Reading::RawOver => cx.to(opener).end(),
        }
        cx.from(opener).reset(CloseCode::Cancelled);
        self.is_used = true;
        self.clock.moved_ms = cx.now().monotonic_ms;
        if exchange.sending != Sending::Over || !self.outbox.is_empty() {
            // An origin that answers early may have left part of the request unread.
            self.fail(CloseCode::Cancelled, cx);
        } else if !exchange.keep {
            self.close(cx);
        }
    }

    /// The host has moved the content of the response, but for `missing` octets.
    pub(super) fn read_by_host(&mut self, missing: u64, client: &Client, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.is_reading_by_host = false;
        self.clock.moved_ms = cx.now().monotonic_ms;
        if let Reading::Body(decoder @ Decoder::Length(_)) = &mut exchange.reading {
            *decoder = Decoder::Length(missing);
            if missing == 0 {
                self.take_held(client, cx);
            }
        }
    }

    /// The origin ends its direction.
    pub(super) fn ended(&mut self, cx: &mut Context<'_>) {
        if self.is_stale() {
            return self.give_back(cx);
        }
        let Some(exchange) = &mut self.exchange else { return self.close(cx) };
        match &exchange.reading {
            Reading::Head => self.break_off("the origin ends the connection before its response", cx),
            Reading::Body(Decoder::UntilClose) if self.inbox.is_empty() => self.response_ends(cx),
            Reading::Raw if self.inbox.is_empty() => {
                exchange.reading = Reading::RawOver;
                cx.to(exchange.request.stream).end();
                self.end_tunnel_if_over(cx);
            }
            // The opener's credit is waited for: the end comes behind what is held.
            Reading::Body(_) | Reading::Raw if !self.inbox.is_empty() => self.peer_ended = true,
            Reading::Body(_) => self.break_off("the origin ends the connection within its response", cx),
            Reading::Raw | Reading::RawOver => {}
        }
    }

    /// The connection failed.
    pub(super) fn aborted(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if self.is_stale() {
            return self.give_back(cx);
        }
        let has_begun = self.is_reading_content();
        self.fail(if has_begun { code } else { failure(code) }, cx);
    }

    /// Whether the origin may have closed the connection before it got the request: nothing of a response has
    /// come, and an earlier one had.
    fn is_stale(&self) -> bool {
        let is_untouched = |exchange: &Exchange| {
            matches!(exchange.reading, Reading::Head)
                && exchange.interim == 0
                && exchange.request.is_repeatable
                && !exchange.request.is_repeated
        };
        self.is_used && self.inbox.is_empty() && self.exchange.as_ref().is_some_and(is_untouched)
    }

    /// Leaves the request to be sent once more, on a new connection: once, for that one has served none.
    fn give_back(&mut self, cx: &mut Context<'_>) {
        self.stale = self.exchange.take().map(|exchange| exchange.request.repeated());
        cx.close_stream(self.stream, CloseCode::Cancelled);
        self.is_over = true;
    }

    /// A tunnel is over when both its directions are.
    pub(super) fn end_tunnel_if_over(&mut self, cx: &mut Context<'_>) {
        let is_over = |exchange: &mut Exchange| {
            matches!(exchange.reading, Reading::RawOver) && exchange.sending == Sending::Over
        };
        if self.exchange.take_if(is_over).is_some() {
            self.close(cx);
        }
    }
}
