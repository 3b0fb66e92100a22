//! From the origin to the openers: content and its end, as the openers' credit allows.

use super::Http2;
use super::exchanges::{Place, Reading, Sending};
use crate::client::request::Body;
use crate::h2::frame::{self, Code, Head, Wrong, flag};
use crate::source::Source;
use zilla_sdk::{Attributes, CloseCode, Context, Payload};

/// Shortest `DATA` in octets, of a stream that is over, that are not counted as a control frame.
const LATE_OCTETS_MIN: u32 = 256;

impl Http2 {
    /// The head of `DATA`: windows are charged for all of it, padding included.
    pub(super) fn on_data(&mut self, head: Head, cx: &mut Context<'_>) -> Result<(), Wrong> {
        self.check_not_idle(head.stream, "DATA are on a stream that is not open")?;
        if !self.receive_window.receive(head.octets) {
            let because = "DATA are longer than the connection's window";
            return Err(Wrong::Connection(Code::FlowControlError, because));
        }
        let place = self.exchanges.find(head.stream);
        let is_little = match place {
            Some(_) => head.octets == 0 && !head.has(flag::END_STREAM),
            // The stream was given up, and this was under way, for as long as it is what windows have room for.
            None => head.octets < LATE_OCTETS_MIN,
        };
        if is_little {
            self.spend_control(cx)?;
        }
        let Some(exchange) = place.and_then(|place| self.exchanges.get(place)) else { return Ok(()) };
        let wrong = match exchange.reading {
            Reading::Head => Some((Code::ProtocolError, "there is content before the head of the response")),
            Reading::Over => Some((Code::StreamClosed, "there is content behind the response")),
            _ if exchange.receive_window.receive(head.octets) => None,
            _ => Some((Code::FlowControlError, "DATA are longer than the window of their stream")),
        };
        if let (Some((code, because)), Some(place)) = (wrong, place) {
            self.break_off(place, code, because, cx);
        }
        Ok(())
    }

    /// Content of a response, or of none that is left.
    pub(super) fn on_content(
        &mut self,
        id: u32,
        content: Payload<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        let octets = content.len() as u64;
        let found = self.exchanges.find(id);
        let Some(place) = found else {
            self.give_back(0, content.len(), cx);
            return Ok(());
        };
        let Some(exchange) = self.exchanges.get(place) else { return Ok(()) };
        exchange.moved_ms = cx.now().monotonic_ms;
        let wrong = match &mut exchange.reading {
            Reading::Nothing => Some("there is content where the response has none"),
            Reading::Content(Some(left)) => match left.checked_sub(octets) {
                Some(rest) => {
                    *left = rest;
                    None
                }
                None => Some("the response has more content than its content-length"),
            },
            Reading::Content(None) | Reading::Tunnel | Reading::Head | Reading::Over => None,
        };
        if let Some(because) = wrong {
            self.give_back(0, content.len(), cx);
            self.break_off(place, Code::ProtocolError, because, cx);
            return Ok(());
        }
        let mut taken = 0;
        if exchange.inbox.is_empty() {
            taken = Source::Given(content).send(exchange.request.stream, cx);
        }
        exchange.inbox.push(&content[taken..]);
        self.give_back(id, taken, cx);
        Ok(())
    }

    /// Octets of `DATA` need no room any more: the origin gets them back, for the stream as long as it sends.
    pub(super) fn give_back(&mut self, id: u32, octets: usize, cx: &mut Context<'_>) {
        if octets == 0 {
            return;
        }
        if let Some(increment) = self.receive_window.take(octets) {
            self.write(cx, |out, _| frame::write_window_update(out, 0, increment));
        }
        let place = self.exchanges.find(id);
        if let Some(exchange) = place.and_then(|place| self.exchanges.get(place))
            && exchange.reading != Reading::Over
            && let Some(taken) = exchange.receive_window.take(octets)
        {
            let growth = if exchange.inbox.is_empty() { exchange.receive_window.grow() } else { 0 };
            let increment = taken + growth;
            self.write(cx, |out, _| frame::write_window_update(out, id, increment));
        }
    }

    /// `DATA` are over.
    pub(super) fn on_data_end(&mut self, id: u32, ends: bool, cx: &mut Context<'_>) -> Result<(), Wrong> {
        let Some(place) = self.exchanges.find(id).filter(|_| ends) else { return Ok(()) };
        let Some(exchange) = self.exchanges.get(place) else { return Ok(()) };
        match exchange.reading {
            Reading::Content(Some(left)) if left > 0 => {
                let because = "the response has less content than its content-length";
                self.break_off(place, Code::ProtocolError, because, cx);
            }
            _ => self.response_ends(place, Attributes::default(), cx),
        }
        Ok(())
    }

    /// The origin has ended the response.
    pub(super) fn response_ends(&mut self, place: Place, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        exchange.reading = Reading::Over;
        match exchange.inbox.is_empty() {
            true => self.finish_response(place, trailers, cx),
            false => exchange.inbox_end = Some(trailers.block().to_vec()),
        }
    }

    /// All of a response was handed on: so is its end.
    fn finish_response(&mut self, place: Place, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        let opener = exchange.request.stream;
        cx.to(opener).end_with(|attributes| attributes.append(trailers));
        if exchange.request.body == Body::Raw {
            return self.end_tunnel_if_over(place, cx);
        }
        cx.from(opener).reset(CloseCode::Cancelled);
        if exchange.sending != Sending::Over {
            // An origin that answers early needs no more of the request.
            let id = exchange.id;
            self.write(cx, |out, _| frame::write_rst_stream(out, id, Code::Cancel));
        }
        self.remove(place, cx);
    }

    /// A tunnel is over when both its directions are.
    pub(super) fn end_tunnel_if_over(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        if exchange.reading == Reading::Over && exchange.inbox.is_empty() && exchange.sending == Sending::Over
        {
            self.remove(place, cx);
        }
    }

    /// An opener gives credit: what is held for it is handed on.
    pub(in crate::client) fn go_on_reading(&mut self, cx: &mut Context<'_>) {
        let Some(place) = self.current(cx) else { return };
        let Some(exchange) = self.exchanges.get(place) else { return };
        if exchange.inbox.is_empty() {
            return;
        }
        let taken = Source::Held(exchange.inbox.as_slice()).send(exchange.request.stream, cx);
        exchange.inbox.consume(taken);
        exchange.moved_ms = cx.now().monotonic_ms;
        let (id, is_delivered) = (exchange.id, exchange.inbox.is_empty());
        let end = exchange.inbox_end.take_if(|_| is_delivered);
        self.give_back(id, taken, cx);
        if let Some(trailers) = end {
            self.finish_response(place, Attributes::new(&trailers), cx);
        }
    }
}
