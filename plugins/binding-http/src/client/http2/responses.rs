//! From the origin to the openers: heads of responses, and trailers.

use super::Http2;
use super::exchanges::{Exchange, Place, Reading, Sending};
use super::fields::Answer;
use crate::client::exchange::INTERIM_RESPONSES_MAX;
use crate::client::request::Body;
use crate::h2::frame::{Code, Wrong};
use crate::h2::reader::Block;
use crate::response::Fault;
use zilla_sdk::{Attributes, AttributesWriter, CloseCode, Context};

impl Http2 {
    /// A whole field block: of a response, of trailers, or of a stream that is over. It is decoded in any case,
    /// for later blocks refer to it.
    pub(super) fn on_block(&mut self, block: &Block<'_>, cx: &mut Context<'_>) -> Result<(), Wrong> {
        self.check_not_idle(block.stream, "HEADERS are on a stream that is not open")?;
        let place = self.exchanges.find(block.stream);
        let is_head = |exchange: &mut Exchange| exchange.reading == Reading::Head;
        let is_trailers = place.and_then(|place| self.exchanges.get(place)).is_some_and(|it| !is_head(it));
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear(is_trailers);
        let limits = &self.client.limits;
        let decoded = self.decoder.decode(&block.octets, |name, value| fields.push(name, value, limits));
        let handled = match (decoded, place) {
            (Err(_), _) => Err(Wrong::Connection(Code::CompressionError, "a field block cannot be decoded")),
            // The stream was given up, and this was under way.
            (Ok(()), None) => self.spend_control(cx),
            (Ok(()), Some(place)) => {
                let handled = match is_trailers {
                    true => fields.trailers().and_then(|it| self.on_trailers(place, it, block.ends, cx)),
                    false => fields
                        .answer(&self.client.limits)
                        .and_then(|answer| self.on_answer(place, &answer, block.ends, cx)),
                };
                if let Err(Fault(because)) = handled {
                    self.break_off(place, Code::ProtocolError, because, cx);
                }
                Ok(())
            }
        };
        self.fields = fields;
        handled
    }

    fn on_answer(
        &mut self,
        place: Place,
        answer: &Answer<'_>,
        ends: bool,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        self.is_used = true;
        let now_ms = cx.now().monotonic_ms;
        let Some(exchange) = self.exchanges.get(place) else { return Ok(()) };
        match answer.status {
            // RFC 9113, 8.6: there is no switching of protocols.
            101 => return Err(Fault("the origin switches protocols, which HTTP/2 does not")),
            100..=199 if ends => return Err(Fault("the response ends with an interim one")),
            100..=199 if exchange.interim == INTERIM_RESPONSES_MAX => {
                return Err(Fault("there are too many interim responses"));
            }
            100..=199 => {
                exchange.pass(|attributes| answer.write(attributes), cx);
                exchange.interim += 1;
                exchange.request.expects_continue &= answer.status != 100;
                return Ok(());
            }
            _ => {}
        }
        exchange.moved_ms = now_ms;
        if exchange.request.upgrade.is_some() && (200..300).contains(&answer.status) {
            return self.on_connected(place, answer, ends, cx);
        }
        let has_content = !exchange.request.is_head && !matches!(answer.status, 204 | 304);
        if ends && has_content && answer.length.is_some_and(|length| length > 0) {
            return Err(Fault("the response has less content than its content-length"));
        }
        exchange.pass(|attributes| answer.write(attributes), cx);
        exchange.reading = if has_content { Reading::Content(answer.length) } else { Reading::Nothing };
        if exchange.sending == Sending::Refused {
            cx.from(exchange.request.stream).reset(CloseCode::Cancelled);
        }
        if exchange.request.upgrade.take().is_some() {
            // The origin answers as if it was asked for no other protocol.
            self.end_unconnected(place, cx);
        }
        self.clock.response_began(&self.client.options().timeouts, now_ms);
        if ends {
            self.response_ends(place, Attributes::default(), cx);
        }
        Ok(())
    }

    /// The origin agrees to another protocol (RFC 8441, 5): from here on, octets go as they are.
    fn on_connected(
        &mut self,
        place: Place,
        answer: &Answer<'_>,
        ends: bool,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(exchange) = self.exchanges.get(place) else { return Ok(()) };
        let accept = exchange.request.accept();
        let protocol = exchange.request.protocol().unwrap_or_default().to_vec();
        let is_connect = exchange.request.is_connect;
        let write = |attributes: &mut AttributesWriter<'_>| {
            attributes.push(":status", if is_connect { answer.status.to_string() } else { "101".to_owned() });
            for (name, value) in answer.fields.iter().filter(|(name, _)| *name != b"content-length") {
                attributes.push(name, value);
            }
            if is_connect {
                return;
            }
            attributes.push("upgrade", &protocol);
            if let Some(accept) = &accept {
                attributes.push("sec-websocket-accept", accept);
            }
        };
        exchange.pass(write, cx);
        exchange.request.upgrade = None;
        exchange.request.body = Body::Raw;
        exchange.reading = Reading::Tunnel;
        self.send_held(place, cx);
        if ends {
            self.response_ends(place, Attributes::default(), cx);
        }
        Ok(())
    }

    fn on_trailers(
        &mut self,
        place: Place,
        trailers: Attributes<'_>,
        ends: bool,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(exchange) = self.exchanges.get(place) else { return Ok(()) };
        match exchange.reading {
            Reading::Content(Some(left)) if left > 0 => {
                Err(Fault("the response has less content than its content-length"))
            }
            Reading::Over => Err(Fault("there are fields behind the response")),
            // RFC 9113, 8.1: what has trailers ends with them.
            _ if !ends => Err(Fault("the response goes on behind its trailers")),
            Reading::Tunnel => Err(Fault("another protocol has no trailers")),
            Reading::Head | Reading::Content(_) | Reading::Nothing => {
                self.response_ends(place, trailers, cx);
                Ok(())
            }
        }
    }
}

impl Exchange {
    /// Hands a head to the opener.
    fn pass(&self, write: impl FnOnce(&mut AttributesWriter<'_>), cx: &mut Context<'_>) {
        let mut opener = cx.to(self.request.stream);
        match self.interim {
            0 => opener.begin_with(write),
            _ => opener.flush_with(write),
        }
    }
}
