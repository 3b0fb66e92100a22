//! Bodies that the host moves: those that are long, and other protocols.
//!
//! While it does, this connection sees no octets of them. It sees credit that receivers give, which says that
//! they come further.

use super::{Connection, Receiving, Reply, Request};
use crate::body::Decoder;
use crate::request::Expects;
use crate::response::Framing;
use crate::source::{FORWARDED_OCTETS_MIN, Source};
use zilla_sdk::Context;

impl Connection {
    /// Has the host move the rest of the request, if nothing of it is held and it is long.
    pub(super) fn move_request(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| !exchange.is_request_moved) else {
            return;
        };
        if !self.inbox.is_empty() || self.peer_ended || exchange.request != Request::Open {
            return;
        }
        let octets = match &self.receiving {
            Receiving::Body(Decoder::Length(left)) if *left >= FORWARDED_OCTETS_MIN => *left,
            Receiving::Raw => u64::MAX,
            Receiving::Head | Receiving::Body(_) | Receiving::Whole | Receiving::Over => return,
        };
        // Whether the body comes is the client's to say, when it is told to go on.
        if exchange.expects == Expects::Nothing {
            exchange.is_request_moved = cx.forward(cx.accepted(), exchange.exit, octets);
        }
    }

    /// The exit takes octets that the host moves.
    pub(super) fn request_moves(&mut self, cx: &mut Context<'_>) {
        if self.exchange.as_ref().is_some_and(|exchange| exchange.is_request_moved) {
            self.clock.moved(cx.now().monotonic_ms);
        }
    }

    /// The host has moved the request, but for `missing` octets.
    pub(super) fn request_moved(&mut self, missing: u64, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.is_request_moved = false;
        self.clock.moved(cx.now().monotonic_ms);
        if let Receiving::Body(Decoder::Length(left)) = &mut self.receiving {
            *left = missing;
            if missing == 0 {
                self.take(Source::Held(&[]), cx);
            }
        }
    }

    /// Has the host move the rest of the response, if nothing of it is held and it is long.
    pub(super) fn move_reply(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| !exchange.is_reply_moved) else {
            return;
        };
        if !self.held.is_empty() || !self.outbox.is_empty() {
            return;
        }
        let octets = match exchange.reply {
            Reply::Body(Framing::Length(left)) if left >= FORWARDED_OCTETS_MIN => left,
            Reply::Body(Framing::Close) if matches!(self.receiving, Receiving::Raw) => u64::MAX,
            Reply::Awaited | Reply::Body(_) | Reply::Over => return,
        };
        exchange.is_reply_moved = cx.forward(exchange.exit, cx.accepted(), octets);
    }

    /// Whether the client is to take octets that the host moves. Those of another protocol have no time limit.
    pub(super) fn is_reply_moved(&self) -> bool {
        let is_moved = self.exchange.as_ref().is_some_and(|exchange| exchange.is_reply_moved);
        is_moved && !matches!(self.receiving, Receiving::Raw)
    }

    /// The host has moved the response, but for `missing` octets.
    pub(super) fn reply_moved(&mut self, missing: u64, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.is_reply_moved = false;
        self.clock.sent(cx.now().monotonic_ms);
        if let Reply::Body(Framing::Length(left)) = &mut exchange.reply {
            *left = missing;
        }
    }
}
