//! Frames that carry no message: settings, windows, resets, pings, and the announcement of the end.

use super::Http2;
use super::exchanges::{Exchange, Place, Reading, Sending};
use crate::client::request::Body;
use crate::h2::frame::{self, Code, Head, Kind, Wrong, flag};
use zilla_sdk::host::{self, Level};
use zilla_sdk::{CloseCode, Context};

fn protocol<T>(because: &'static str) -> Result<T, Wrong> {
    Err(Wrong::Connection(Code::ProtocolError, because))
}

fn frame_size<T>(because: &'static str) -> Result<T, Wrong> {
    Err(Wrong::Connection(Code::FrameSizeError, because))
}

impl Http2 {
    /// A frame that is neither of a field block nor `DATA`.
    pub(super) fn on_frame(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        match head.kind {
            Kind::Settings => self.on_settings(head, payload, cx),
            Kind::WindowUpdate => self.on_window_update(head, payload, cx),
            Kind::RstStream => self.on_rst_stream(head, payload, cx),
            Kind::Ping => self.on_ping(head, payload, cx),
            Kind::GoAway => self.on_goaway(head, payload, cx),
            Kind::Priority => self.on_priority(head, payload, cx),
            Kind::PushPromise => protocol("the origin pushes, which it was told not to"),
            Kind::Unknown => self.spend_control(cx),
            // Read as what they are part of.
            Kind::Headers | Kind::Continuation | Kind::Data => Ok(()),
        }
    }

    /// Counts a frame that brings nothing by itself.
    pub(super) fn spend_control(&mut self, cx: &Context<'_>) -> Result<(), Wrong> {
        match self.controls.spend(cx.now().monotonic_ms) {
            true => Ok(()),
            false => Err(Wrong::Connection(Code::EnhanceYourCalm, "there are too many control frames")),
        }
    }

    /// Refuses a frame on the connection itself, or on a stream that was not opened.
    pub(super) fn check_not_idle(&self, id: u32, because: &'static str) -> Result<(), Wrong> {
        match !id.is_multiple_of(2) && id < self.next_id {
            true => Ok(()),
            false => protocol(because),
        }
    }

    fn on_settings(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        if head.stream != 0 {
            return protocol("SETTINGS are on a stream");
        }
        self.spend_control(cx)?;
        if head.has(flag::ACK) {
            if !payload.is_empty() {
                return frame_size("the acknowledgement of SETTINGS has settings");
            }
            self.clock.settled();
            self.decoder.limit_table(self.client.limits.h2.table_bytes as usize);
            return Ok(());
        }
        let before = self.peer;
        // That of clients alone (RFC 9113, 6.5.2): what a server says is 0, or nothing.
        self.peer.push = false;
        self.peer.read(payload)?;
        if self.peer.push {
            return protocol("ENABLE_PUSH of a server is 1");
        }
        if before.connect && !self.peer.connect {
            return protocol("ENABLE_CONNECT_PROTOCOL is taken back");
        }
        let more = i64::from(self.peer.window_octets) - i64::from(before.window_octets);
        let is_over = |exchange: &mut Exchange| exchange.send_window.add(more).is_err();
        if more != 0 && self.exchanges.iter().any(|(_, exchange)| is_over(exchange)) {
            let because = "INITIAL_WINDOW_SIZE makes a window larger than 2^31-1";
            return Err(Wrong::Connection(Code::FlowControlError, because));
        }
        self.encoder.limit_table(self.peer.table_octets as usize);
        self.write(cx, |out, _| frame::write_settings_ack(out));
        self.has_settings = true;
        if more > 0 {
            self.exchanges.all().into_iter().for_each(|place| self.enqueue(place));
            self.pump(cx);
        }
        for request in std::mem::take(&mut self.tunnels) {
            self.begin(request, cx);
        }
        Ok(())
    }

    fn on_ping(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        if head.stream != 0 {
            return protocol("PING is on a stream");
        }
        if payload.len() != 8 {
            return frame_size("PING has not 8 octets");
        }
        self.spend_control(cx)?;
        if !head.has(flag::ACK) {
            self.write(cx, |out, _| frame::write_ping(out, flag::ACK, payload));
        }
        Ok(())
    }

    /// Priorities are read over (RFC 9113, 5.3.2).
    fn on_priority(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        match payload.len() {
            _ if head.stream == 0 => protocol("PRIORITY is on no stream"),
            5 => self.spend_control(cx),
            _ => frame_size("PRIORITY has not 5 octets"),
        }
    }

    fn on_window_update(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let Some(increment) = payload.first_chunk::<4>().filter(|_| payload.len() == 4) else {
            return frame_size("WINDOW_UPDATE has not 4 octets");
        };
        let increment = i64::from(frame::u31(increment));
        self.spend_control(cx)?;
        if head.stream == 0 {
            if increment == 0 {
                return protocol("WINDOW_UPDATE is of nothing");
            }
            if self.send_window.add(increment).is_err() {
                let because = "WINDOW_UPDATE makes the window larger than 2^31-1";
                return Err(Wrong::Connection(Code::FlowControlError, because));
            }
            self.pump(cx);
            return Ok(());
        }
        self.check_not_idle(head.stream, "WINDOW_UPDATE is on a stream that is not open")?;
        let Some(place) = self.exchanges.find(head.stream) else { return Ok(()) };
        let Some(exchange) = self.exchanges.get(place) else { return Ok(()) };
        if increment == 0 {
            self.break_off(place, Code::ProtocolError, "WINDOW_UPDATE is of nothing", cx);
        } else if exchange.send_window.add(increment).is_err() {
            let because = "WINDOW_UPDATE makes the window of a stream larger than 2^31-1";
            self.break_off(place, Code::FlowControlError, because, cx);
        } else {
            self.enqueue(place);
            self.pump(cx);
        }
        Ok(())
    }

    fn on_rst_stream(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        self.check_not_idle(head.stream, "RST_STREAM is on a stream that is not open")?;
        let Some(code) = payload.first_chunk::<4>().filter(|_| payload.len() == 4) else {
            return frame_size("RST_STREAM has not 4 octets");
        };
        let code = u32::from_be_bytes(*code);
        if !self.resets.spend(cx.now().monotonic_ms) {
            return Err(Wrong::Connection(Code::EnhanceYourCalm, "too many streams are reset"));
        }
        if let Some(place) = self.exchanges.find(head.stream) {
            self.was_reset(place, code, cx);
        }
        Ok(())
    }

    /// The origin ends a stream abnormally.
    fn was_reset(&mut self, place: Place, code: u32, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        if exchange.reading == Reading::Over && exchange.request.body != Body::Raw {
            // The response is whole, and waits for its opener: the rest of the request is not needed (8.1).
            exchange.sending = Sending::Over;
            exchange.request.held.clear();
            return;
        }
        let may_repeat = exchange.is_untouched();
        let Some(exchange) = self.remove(place, cx) else { return };
        let request = exchange.request;
        match code {
            REFUSED_STREAM if may_repeat => self.repeat(request),
            HTTP_1_1_REQUIRED if may_repeat && self.client.speaks(crate::options::HttpVersion::Http11) => {
                self.repeat(request.over_http1());
            }
            _ => {
                host::log(Level::Warn, "the origin has reset the stream of a request");
                let is_busy = matches!(code, REFUSED_STREAM | ENHANCE_YOUR_CALM);
                let told = if is_busy { CloseCode::Limit } else { CloseCode::Violation };
                cx.close_stream(request.stream, told);
            }
        }
    }

    /// The origin takes no more requests (RFC 9113, 6.8). Those that it has not looked at are sent elsewhere.
    fn on_goaway(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        if head.stream != 0 {
            return protocol("GOAWAY is on a stream");
        }
        let Some((last, _)) = payload.split_first_chunk::<4>().filter(|_| payload.len() >= 8) else {
            return frame_size("GOAWAY has less than 8 octets");
        };
        self.spend_control(cx)?;
        let last = frame::u31(last);
        for place in self.exchanges.all() {
            if self.exchanges.get(place).is_some_and(|exchange| exchange.id > last) {
                self.was_not_looked_at(place, cx);
            }
        }
        self.leave(cx);
        Ok(())
    }

    fn was_not_looked_at(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.take(place, &mut self.queue) else { return };
        match exchange.is_untouched() {
            true => self.repeat(exchange.request),
            false => cx.close_stream(exchange.request.stream, CloseCode::Unreachable),
        }
    }
}

/// Codes of RFC 9113, 7, that say more than that a request failed.
const REFUSED_STREAM: u32 = 7;
/// See [`REFUSED_STREAM`].
const ENHANCE_YOUR_CALM: u32 = 11;
/// See [`REFUSED_STREAM`].
const HTTP_1_1_REQUIRED: u32 = 13;
