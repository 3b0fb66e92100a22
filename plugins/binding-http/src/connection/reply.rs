//! From the exit to the client: heads, content and its end, as the client's credit allows.

use super::{Connection, Receiving, Reply, Request};
use crate::request::Expects;
use crate::response::{self, Fault, Framing, Ours};
use crate::source::{self, Source};
use crate::status::Refusal;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, CloseCode, Context, Payload};

impl Connection {
    /// The exit answers: the head of the response is written.
    pub(super) fn reply_begins(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let status = match response::status(attributes) {
            Ok(status) => status,
            Err(fault) => return self.reply_faults(fault, cx),
        };
        match status {
            101 => return self.switch(attributes, cx),
            100..=199 => return self.reply_interim(status, attributes, cx),
            _ => {}
        }
        self.continue_or_close(status, cx);
        self.decline_switch(cx);
        let draining = self.draining;
        let Some(exchange) = &mut self.exchange else { return };
        exchange.asked.keep_alive &= !draining;
        let asked = exchange.asked;
        let date = self.shared.date.as_ref().map(|date| *date.borrow_mut().at(cx.now().unix_ms));
        let ours = Ours {
            date: date.as_ref().map(|line| line.as_slice()),
            via: self.shared.options.via.as_deref(),
            access: exchange.access.as_deref(),
        };
        let mut written = Ok(Framing::Empty);
        cx.reply().write(&mut self.outbox, |out| {
            written = response::write_head(out, status, attributes, asked, ours);
        });
        match written {
            Ok(framing) => {
                exchange.asked.keep_alive &= framing != Framing::Close;
                exchange.reply = Reply::Body(framing);
                self.move_reply(cx);
            }
            Err(fault) => self.reply_faults(fault, cx),
        }
    }

    /// A client that waits to send its body gets a sign if the exit takes the request; if the exit does
    /// not, nobody can know whether the body comes, so the connection ends after the response.
    fn continue_or_close(&mut self, status: u16, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.expects != Expects::Nothing && status >= 300 {
            exchange.expects = Expects::Nothing;
            exchange.asked.keep_alive = false;
            exchange.request = Request::Over;
            cx.to(exchange.exit).abort(CloseCode::Cancelled);
            self.receiving = Receiving::Over;
        }
        self.send_continue(cx);
    }

    /// The exit sends content.
    pub(super) fn reply_continues(&mut self, content: Payload<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let (exit, octets) = (exchange.exit, content.len() as u64);
        let Reply::Body(framing) = &mut exchange.reply else { return };
        match framing {
            Framing::Empty => return cx.from(exit).consume(octets),
            Framing::Length(left) => match left.checked_sub(octets) {
                Some(rest) => *left = rest,
                None => {
                    return self.reply_faults(Fault("the response is longer than its content-length"), cx);
                }
            },
            Framing::Chunked | Framing::Close => {}
        }
        let framing = *framing;
        let mut taken = 0;
        if self.held.is_empty() && self.outbox.is_empty() {
            taken = self.send_content(framing, Source::Given(content), cx);
            cx.from(exit).consume(taken as u64);
        }
        self.held.push(&content[taken..]);
        self.move_reply(cx);
    }

    /// The exit ends the response.
    pub(super) fn reply_ends(&mut self, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = &self.exchange else { return };
        match exchange.reply {
            Reply::Awaited => self.reply_faults(Fault("the exit ended without a response"), cx),
            Reply::Body(Framing::Length(left)) if left > 0 => {
                self.reply_faults(Fault("the response is shorter than its content-length"), cx);
            }
            Reply::Body(_) if !self.held.is_empty() => self.held_end = Some(trailers.block().to_vec()),
            Reply::Body(framing) => {
                self.finish(framing, trailers, cx);
                self.take_held(cx);
            }
            Reply::Over => {}
        }
    }

    /// The exit aborts: before its response the client is told so, afterwards it must not look complete.
    pub(super) fn reply_aborts(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        match &self.exchange {
            Some(exchange) if exchange.reply == Reply::Awaited => {
                self.refuse(exchange.standing.of_abort(code), cx);
            }
            Some(_) => self.abort(code, cx),
            None => {}
        }
    }

    /// The client gives credit: what is held is sent, in order.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        self.clock.sent(cx.now().monotonic_ms);
        self.drain_outbox(cx);
        self.drain_held(cx);
        if self.is_closing() {
            self.end_if_sent(cx);
        } else if self.outbox.is_empty() {
            self.end_raw_reply(cx);
            self.move_reply(cx);
            self.take_held(cx);
        }
    }

    fn drain_outbox(&mut self, cx: &mut Context<'_>) {
        if !self.outbox.is_empty() {
            cx.reply().data(&mut self.outbox);
        }
        if self.outbox.is_empty() {
            // An idle connection is small: room for what did not fit is seldom needed again.
            self.outbox = Vec::new();
        }
    }

    fn drain_held(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = &self.exchange else { return };
        let (exit, Reply::Body(framing)) = (exchange.exit, exchange.reply) else { return };
        while self.outbox.is_empty() && !self.held.is_empty() {
            let mut held = std::mem::take(&mut self.held);
            let taken = self.send_content(framing, Source::Held(held.as_slice()), cx);
            held.consume(taken);
            self.held = held;
            cx.from(exit).consume(taken as u64);
            if taken == 0 {
                return;
            }
        }
        if self.held.is_empty()
            && let Some(trailers) = self.held_end.take()
        {
            self.finish(framing, Attributes::new(&trailers), cx);
        }
    }

    /// Sends content as far as the client's credit allows, and says how many octets that were. The outbox is
    /// empty before; afterwards it has what a chunk needs besides.
    fn send_content(&mut self, framing: Framing, content: Source<'_>, cx: &mut Context<'_>) -> usize {
        let client = cx.accepted();
        if framing != Framing::Chunked {
            return content.send(client, cx);
        }
        source::send_chunk(content, client, &mut self.outbox, cx)
    }

    /// The response is complete: what goes after its content is written.
    fn finish(&mut self, framing: Framing, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        if framing == Framing::Chunked {
            let mut written = Ok(());
            cx.reply().write(&mut self.outbox, |out| written = response::write_last_chunk(out, trailers));
            if let Err(Fault(fault)) = written {
                host::log(Level::Warn, fault);
            }
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.reply = Reply::Over;
        }
        self.settle(cx);
    }

    /// Goes on after an exchange: when both the request and the response are over.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        let Some(exchange) = &self.exchange else { return };
        if exchange.reply != Reply::Over {
            return;
        }
        match self.receiving {
            Receiving::Whole if exchange.asked.keep_alive && !self.draining => {
                self.exchange = None;
                self.receiving = Receiving::Head;
                self.clock.idle(cx.now().monotonic_ms);
            }
            // The exit has answered, and still takes the rest of the request.
            Receiving::Body(_) if matches!(exchange.request, Request::Open) => {}
            Receiving::Body(_) if exchange.asked.keep_alive => {}
            Receiving::Body(_) | Receiving::Whole | Receiving::Over => self.close(cx),
            Receiving::Raw => self.end_raw_reply(cx),
            Receiving::Head => {}
        }
    }

    /// The exit's response cannot be sent as it is.
    pub(super) fn reply_faults(&mut self, Fault(fault): Fault, cx: &mut Context<'_>) {
        host::log(Level::Warn, fault);
        self.refuse(Refusal::new(502, "the exit's response is invalid"), cx);
    }
}
