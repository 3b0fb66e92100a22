//! How a WebSocket ends (RFC 6455, 7).

use super::{CLOSE_TIMER, Side, Socket};
use crate::close::{self, Close, Fault};
use zilla_sdk::{Attributes, CloseCode, Context};

impl Socket {
    /// The peer's close frame came. Messages before it may still be answered, so the application ends first.
    pub(super) fn peer_closes(&mut self, close: Close, cx: &mut Context<'_>) {
        cx.to(self.app).end_with(|attributes| close.attributes(attributes));
        self.closed = Some(close);
        if self.has_closed {
            return self.both_closed(cx);
        }
        self.limit_closing(cx);
    }

    /// The application ends: the peer is sent a close frame.
    pub(crate) fn app_ends(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if let Some(fault) = self.fault {
            return self.tell(fault, cx);
        }
        if self.has_closed {
            return;
        }
        let close = Close::of(attributes).or_else(|| self.closed.clone());
        self.write_close(&close.unwrap_or_else(|| Close::new(close::NORMAL, "")), cx);
        match self.closed {
            Some(_) => self.both_closed(cx),
            None => self.limit_closing(cx),
        }
    }

    /// The application's stream ends otherwise than in order, or it takes no more.
    pub(super) fn app_fails(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if let Some(fault) = self.fault {
            return self.tell(fault, cx);
        }
        cx.close_stream(self.app, CloseCode::Cancelled);
        self.shut(&close::of_stream(code), cx);
    }

    /// The peer broke a rule: it is not heard any more (RFC 6455, 7.1.7). What the application answers to messages
    /// before is still sent.
    pub(super) fn fail(&mut self, fault: Fault, cx: &mut Context<'_>) {
        cx.to(self.app).abort(fault.close_code());
        self.fault = Some(fault);
        if self.has_closed || !cx.from(self.app).is_open() {
            return self.tell(fault, cx);
        }
        let deadline_ms = cx.now().monotonic_ms.saturating_add(ANSWER_MS.min(self.shared.timeouts.close_ms));
        cx.timer_on(self.wire, CLOSE_TIMER, deadline_ms);
    }

    /// Tells the peer what it did wrong.
    fn tell(&mut self, fault: Fault, cx: &mut Context<'_>) {
        cx.close_stream(self.app, fault.close_code());
        self.shut(&Close::new(fault.code, fault.reason), cx);
    }

    /// Sends a close frame, if none was sent, and waits for nothing but the end of the connection.
    pub(super) fn shut(&mut self, close: &Close, cx: &mut Context<'_>) {
        if !self.has_closed {
            self.write_close(close, cx);
        }
        self.both_closed(cx);
    }

    /// Nothing that the peer still sends means anything.
    fn both_closed(&mut self, cx: &mut Context<'_>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.limit_closing(cx);
        let held = std::mem::take(&mut self.inbox);
        cx.from(self.wire).consume(held.len() as u64);
        self.end_wire(cx);
    }

    /// Ends the connection once all is sent. A server does so first, so that it is the client that keeps the port
    /// for a while (RFC 6455, 7.1.1).
    pub(super) fn end_wire(&mut self, cx: &mut Context<'_>) {
        let is_awaited = self.side == Side::Client && self.closed.is_some() && cx.from(self.wire).is_open();
        if self.outgoing.is_empty() && !is_awaited {
            cx.to(self.wire).end();
        }
    }

    /// The connection ends on the peer's side. It may still read: Chromium ends its side of a stream of HTTP/2 right with
    /// its close frame, and expects the answer.
    pub(super) fn peer_ends(&mut self, cx: &mut Context<'_>) {
        if self.is_over {
            return self.end_wire(cx);
        }
        self.has_peer_ended = true;
        if self.inbox.is_empty() && self.closed.is_none() && self.fault.is_none() {
            return self.be_left(cx);
        }
        // What waits for the application may have a close frame at its end.
        self.receive(&[], cx);
    }

    /// The connection has ended on the peer's side without a close frame: the peer is lost.
    pub(super) fn be_left(&mut self, cx: &mut Context<'_>) {
        self.is_over = true;
        self.inbox = Vec::new();
        cx.close_stream(self.app, CloseCode::Cancelled);
        cx.to(self.wire).end();
    }

    /// The connection is gone.
    pub(super) fn lose(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        cx.close_stream(self.app, code);
        cx.close_stream(self.wire, code);
        self.is_over = true;
        self.inbox = Vec::new();
    }

    /// The generation of the configuration ends: the socket goes on until shortly before it is cut off.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) {
        let now_ms = cx.now().monotonic_ms;
        if let Some(deadline_ms) = cx.drain_deadline_ms() {
            let left_ms = deadline_ms.saturating_sub(now_ms);
            let leave_ms = deadline_ms - LEAVE_MS_MAX.min(left_ms / LEAVE_PART);
            cx.timer_on(self.wire, super::DRAIN_TIMER, leave_ms);
        }
    }

    /// The last moment to leave in order.
    pub(super) fn leave(&mut self, cx: &mut Context<'_>) {
        if !self.is_over {
            cx.close_stream(self.app, CloseCode::Drained);
            self.shut(&Close::new(close::AWAY, ""), cx);
        }
    }

    fn limit_closing(&mut self, cx: &mut Context<'_>) {
        cx.cancel_timer_on(self.wire, super::PING_TIMER);
        let deadline_ms = cx.now().monotonic_ms.saturating_add(self.shared.timeouts.close_ms);
        cx.timer_on(self.wire, CLOSE_TIMER, deadline_ms);
    }

    /// Something did not end in time: the application after the peer, the peer after the application, or the
    /// connection after both.
    pub(super) fn close_is_late(&mut self, cx: &mut Context<'_>) {
        if self.is_over {
            return self.lose(CloseCode::Timeout, cx);
        }
        if let Some(fault) = self.fault {
            return self.tell(fault, cx);
        }
        cx.close_stream(self.app, CloseCode::Timeout);
        let close = self.closed.clone().unwrap_or_default();
        self.shut(&close, cx);
    }
}

/// How long the application has, in ms, to answer messages before one that broke a rule.
const ANSWER_MS: u64 = 100;

/// How long before a drain ends a peer is told that this side goes away: one part in so many of the time that there is,
/// and at most this long, in ms. It is enough for a close frame to arrive.
const LEAVE_PART: u64 = 10;
const LEAVE_MS_MAX: u64 = 1_000;
