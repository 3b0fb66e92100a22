//! Frames that carry no message: settings, windows, resets, pings.

use super::{Connection, Leaving};
use crate::h2::control::Control;
use crate::h2::frame::{self, Code, Head, Wrong, flag};
use zilla_sdk::Context;

/// What the `PING` has that goes with the announcement of the end.
const LEAVING_PING: &[u8; 8] = b"leaving!";

impl Connection {
    /// A frame that is neither of a field block nor `DATA`.
    pub(super) fn on_frame(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let control = Control::read(head, payload)?;
        if control.is_counted() {
            self.spend_control(cx)?;
        }
        match control {
            Control::WindowUpdate(increment) => return self.on_window_update(head.stream, increment, cx),
            Control::RstStream(_) => return self.on_rst_stream(head.stream, cx),
            Control::Settings(payload) => return self.on_settings(payload, cx),
            Control::SettingsAck => {
                self.clock.settled();
                self.decoder.limit_table(self.shared.limits.h2.table_bytes as usize);
            }
            Control::Ping(opaque) => self.write(cx, |out, _| frame::write_ping(out, flag::ACK, opaque)),
            Control::PingAck(LEAVING_PING) if self.leaving == Leaving::Announced => self.leave(cx),
            // The client opens no more streams.
            Control::GoAway(_) if matches!(self.leaving, Leaving::No | Leaving::Announced) => self.leave(cx),
            // Priorities are read over (RFC 9113, 5.3.2), but for the one mistake that RFC 7540 names.
            Control::Priority(Some(id)) if id == head.stream => {
                return Err(Wrong::Stream(id, Code::ProtocolError));
            }
            Control::Priority(None) => return Err(Wrong::Stream(head.stream, Code::FrameSizeError)),
            Control::PushPromise => {
                return Err(Wrong::Connection(Code::ProtocolError, "a client cannot push"));
            }
            Control::PingAck(_) | Control::GoAway(_) | Control::Priority(Some(_)) | Control::Unknown => {}
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

    /// Counts a stream that the client has reset, or made this end reset.
    pub(super) fn spend_reset(&mut self, cx: &Context<'_>) -> Result<(), Wrong> {
        match self.resets.spend(cx.now().monotonic_ms) {
            true => Ok(()),
            false => Err(Wrong::Connection(Code::EnhanceYourCalm, "too many streams are reset")),
        }
    }

    fn on_settings(&mut self, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let before = i64::from(self.peer.window_octets);
        self.peer.read(payload)?;
        let more = i64::from(self.peer.window_octets) - before;
        let is_over = |stream: &mut crate::h2::streams::Stream| stream.send_window.add(more).is_err();
        if more != 0 && self.streams.iter().any(|(_, stream)| is_over(stream)) {
            let because = "INITIAL_WINDOW_SIZE makes a window larger than 2^31-1";
            return Err(Wrong::Connection(Code::FlowControlError, because));
        }
        self.encoder.limit_table(self.peer.table_octets as usize);
        self.write(cx, |out, _| frame::write_settings_ack(out));
        if more > 0 {
            let open: Vec<_> = self.streams.iter().map(|(place, _)| place).collect();
            open.into_iter().for_each(|place| self.enqueue(place));
            self.pump(cx);
        }
        Ok(())
    }

    /// Announces the end with a `GOAWAY` that allows all streams, for some may be under way, and a `PING`
    /// whose answer says that they have come (RFC 9113, 6.8).
    pub(super) fn announce_leaving(&mut self, cx: &mut Context<'_>) {
        if self.leaving != Leaving::No {
            return;
        }
        self.leaving = Leaving::Announced;
        self.clock.leaving(&self.shared.options.timeouts, cx.now().monotonic_ms);
        self.write(cx, |out, _| {
            frame::write_goaway(out, frame::U31_MAX, Code::NoError, "");
            frame::write_ping(out, 0, LEAVING_PING);
        });
    }

    fn on_rst_stream(&mut self, id: u32, cx: &mut Context<'_>) -> Result<(), Wrong> {
        self.check_not_idle(id, "RST_STREAM is on a stream that is not open")?;
        self.spend_reset(cx)?;
        if let Some(place) = self.streams.find(id) {
            self.leave_exit(place, cx);
            self.remove(place, cx);
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
        let Some(place) = self.streams.find(id) else { return Ok(()) };
        let Some(stream) = self.streams.get(place) else { return Ok(()) };
        if increment == 0 {
            return Err(Wrong::Stream(id, Code::ProtocolError));
        }
        if stream.send_window.add(increment).is_err() {
            return Err(Wrong::Stream(id, Code::FlowControlError));
        }
        self.enqueue(place);
        self.pump(cx);
        Ok(())
    }

    /// Refuses a frame on the connection itself, or on a stream that the client has not opened.
    fn check_not_idle(&self, id: u32, because: &'static str) -> Result<(), Wrong> {
        let is_late = matches!(self.leaving, Leaving::Told) && id > self.last;
        let is_client_stream = !id.is_multiple_of(2);
        match is_client_stream && (id <= self.last || is_late) {
            true => Ok(()),
            false => Err(Wrong::Connection(Code::ProtocolError, because)),
        }
    }
}
