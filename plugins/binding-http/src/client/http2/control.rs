//! Frames that carry no message: settings, windows, resets, pings, and the announcement of the end.

use super::Http2;
use super::exchanges::{Exchange, Place, Reading, Sending};
use crate::client::request::Body;
use crate::h2::control::Control;
use crate::h2::frame::{self, Code, Head, Wrong, flag};
use zilla_sdk::host::{self, Level};
use zilla_sdk::{CloseCode, Context};

impl Http2 {
    /// A frame that is neither of a field block nor `DATA`.
    pub(super) fn on_frame(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let protocol = |because| Err(Wrong::Connection(Code::ProtocolError, because));
        let control = Control::read(head, payload)?;
        if control.is_counted() {
            self.spend_control(cx)?;
        }
        match control {
            Control::Settings(payload) => return self.on_settings(payload, cx),
            Control::SettingsAck => {
                self.clock.settled();
                self.decoder.limit_table(self.client.limits.h2.table_bytes as usize);
            }
            Control::WindowUpdate(increment) => return self.on_window_update(head.stream, increment, cx),
            Control::RstStream(code) => return self.on_rst_stream(head.stream, code, cx),
            Control::Ping(opaque) => self.write(cx, |out, _| frame::write_ping(out, flag::ACK, opaque)),
            Control::GoAway(last) => self.on_goaway(last, cx),
            Control::Priority(None) => {
                return Err(Wrong::Connection(Code::FrameSizeError, "PRIORITY has not 5 octets"));
            }
            Control::PushPromise => return protocol("the origin pushes, which it was told not to"),
            // Priorities are read over (RFC 9113, 5.3.2).
            Control::PingAck(_) | Control::Priority(Some(_)) | Control::Unknown => {}
        }
        Ok(())
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
            false => Err(Wrong::Connection(Code::ProtocolError, because)),
        }
    }

    fn on_settings(&mut self, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let protocol = |because| Err(Wrong::Connection(Code::ProtocolError, because));
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

    fn on_window_update(&mut self, id: u32, increment: u32, cx: &mut Context<'_>) -> Result<(), Wrong> {
        let increment = i64::from(increment);
        if id == 0 {
            if self.send_window.add(increment).is_err() {
                let because = "WINDOW_UPDATE makes the window larger than 2^31-1";
                return Err(Wrong::Connection(Code::FlowControlError, because));
            }
            self.pump(cx);
            return Ok(());
        }
        self.check_not_idle(id, "WINDOW_UPDATE is on a stream that is not open")?;
        let Some(place) = self.exchanges.find(id) else { return Ok(()) };
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

    fn on_rst_stream(&mut self, id: u32, code: u32, cx: &mut Context<'_>) -> Result<(), Wrong> {
        self.check_not_idle(id, "RST_STREAM is on a stream that is not open")?;
        if !self.resets.spend(cx.now().monotonic_ms) {
            return Err(Wrong::Connection(Code::EnhanceYourCalm, "too many streams are reset"));
        }
        if let Some(place) = self.exchanges.find(id) {
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
    fn on_goaway(&mut self, last: u32, cx: &mut Context<'_>) {
        for place in self.exchanges.all() {
            if self.exchanges.get(place).is_some_and(|exchange| exchange.id > last) {
                self.was_not_looked_at(place, cx);
            }
        }
        self.leave(cx);
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
