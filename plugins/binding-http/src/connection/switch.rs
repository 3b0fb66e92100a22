//! What happens to a request besides being handed on: web pages are judged, interim responses pass, and another
//! protocol may be agreed on, after which octets go both ways as they are (RFC 9110, 7.8).

use super::{Connection, Receiving, Reply, Request};
use crate::access::{Grant, Verdict};
use crate::head::{Framing, RequestHead, Version};
use crate::request::{self, Expects};
use crate::response::{self, Fault, Ours};
use crate::source::Source;
use zilla_sdk::{Attributes, Context};

/// What `access-control` makes of a request.
pub(super) enum Judged {
    /// It is handed on.
    Passes(Option<Box<Grant>>),
    /// It is answered here: the octets of its head, if the next one may be read.
    Answered(Option<usize>),
}

impl Connection {
    /// Decides whether a web page may ask.
    pub(super) fn judge(&mut self, head: &RequestHead<'_, '_>, cx: &mut Context<'_>) -> Judged {
        match request::judge(&self.shared.options, head) {
            Ok(Verdict::Pass(grant)) => Judged::Passes(grant.kept()),
            Ok(Verdict::Preflight(grant)) => Judged::Answered(self.answer_empty(head, &grant, cx)),
            Err(refusal) => {
                self.refuse(refusal, cx);
                Judged::Answered(None)
            }
        }
    }

    /// Answers a request here with 204: one that asks whether it may ask, or that brings new credentials. One with a
    /// body ends the connection.
    pub(super) fn answer_empty(
        &mut self,
        head: &RequestHead<'_, '_>,
        grant: &Grant,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        let keep_alive = head.keep_alive
            && head.version == Version::Http11
            && head.framing == Framing::Empty
            && !self.draining;
        let date = self.shared.date.as_ref().map(|date| *date.borrow_mut().at(cx.now().unix_ms));
        let ours = Ours { date: date.as_ref().map(|line| line.as_slice()), via: None, access: Some(grant) };
        cx.reply().write(&mut self.outbox, |out| response::write_preflight(out, keep_alive, ours));
        if !keep_alive {
            self.close(cx);
            return None;
        }
        self.clock.idle(cx.now().monotonic_ms);
        Some(head.octets)
    }

    /// An interim response passes, to a client that knows them. One that does not go out at once is left out, for
    /// it is of no use later.
    pub(super) fn reply_interim(&mut self, status: u16, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let is_awaited = status == 100 && exchange.expects != Expects::Nothing;
        if exchange.asked.version == Version::Http10 || (!self.outbox.is_empty() && !is_awaited) {
            return;
        }
        if status == 100 {
            exchange.expects = Expects::Nothing;
            self.clock.moved(cx.now().monotonic_ms);
        }
        let mut written = Ok(());
        cx.reply().write(&mut self.outbox, |out| {
            written = response::write_interim(out, status, attributes);
        });
        if let Err(fault) = written {
            self.reply_faults(fault, cx);
        }
    }

    /// The exit agrees to another protocol.
    pub(super) fn switch(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        const UNASKED: Fault = Fault("the exit switches protocols without being asked");
        let Some(exchange) = &mut self.exchange else { return };
        let Some(offered) = exchange.upgrade.take() else { return self.reply_faults(UNASKED, cx) };
        let ours =
            Ours { date: None, via: self.shared.options.via.as_deref(), access: exchange.access.as_deref() };
        let mut written = Ok(());
        cx.reply().write(&mut self.outbox, |out| {
            written = response::write_switch(out, attributes, &offered, ours);
        });
        if let Err(fault) = written {
            // The exit's direction is still open: it is told with the rest.
            return self.reply_faults(fault, cx);
        }
        exchange.asked.keep_alive = false;
        exchange.reply = Reply::Body(response::Framing::Close);
        self.receiving = Receiving::Raw;
        self.take_held(cx);
        self.move_request(cx);
        self.move_reply(cx);
    }

    /// The exit answers as if no protocol was offered: the request is over.
    pub(super) fn decline_switch(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.upgrade.take().is_some() {
            cx.to(exchange.exit).end();
            exchange.request = Request::Over;
        }
    }

    /// Octets of another protocol, and their end.
    pub(super) fn step_raw(&mut self, source: Source<'_>, cx: &mut Context<'_>) -> Option<usize> {
        let exchange = self.exchange.as_mut()?;
        let octets = source.as_slice().len();
        if octets > 0 {
            return Some(source.send(exchange.exit, cx)).filter(|taken| *taken > 0);
        }
        if self.peer_ended && exchange.request == Request::Open {
            exchange.request = Request::Over;
            cx.to(exchange.exit).end();
        }
        None
    }

    /// Ends the client's direction of another protocol, once all of it is sent. The other direction goes on.
    pub(super) fn end_raw_reply(&mut self, cx: &mut Context<'_>) {
        let is_over = self.exchange.as_ref().is_some_and(|exchange| exchange.reply == Reply::Over);
        if is_over && self.outbox.is_empty() && matches!(self.receiving, Receiving::Raw) {
            cx.reply().end();
        }
    }
}
