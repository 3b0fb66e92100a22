//! Frames that carry no message: settings, windows, resets, pings.

use super::{Connection, Leaving};
use crate::h2::frame::{self, Code, Head, Wrong, flag};
use zilla_sdk::Context;

/// What the `PING` has that goes with the announcement of the end.
const LEAVING_PING: &[u8; 8] = b"leaving!";

fn protocol<T>(because: &'static str) -> Result<T, Wrong> {
    Err(Wrong::Connection(Code::ProtocolError, because))
}

fn frame_size<T>(because: &'static str) -> Result<T, Wrong> {
    Err(Wrong::Connection(Code::FrameSizeError, because))
}

impl Connection {
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

    pub(super) fn on_settings(
        &mut self,
        head: Head,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        if head.stream != 0 {
            return protocol("SETTINGS are on a stream");
        }
        self.spend_control(cx)?;
        if head.has(flag::ACK) {
            if !payload.is_empty() {
                return frame_size("the acknowledgement of SETTINGS has settings");
            }
            self.clock.settled();
            self.decoder.limit_table(self.shared.limits.h2.table_bytes as usize);
            return Ok(());
        }
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

    pub(super) fn on_ping(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        if head.stream != 0 {
            return protocol("PING is on a stream");
        }
        if payload.len() != 8 {
            return frame_size("PING has not 8 octets");
        }
        self.spend_control(cx)?;
        if !head.has(flag::ACK) {
            self.write(cx, |out, _| frame::write_ping(out, flag::ACK, payload));
        } else if self.leaving == Leaving::Announced && payload == LEAVING_PING {
            self.leave(cx);
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

    pub(super) fn on_goaway(
        &mut self,
        head: Head,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        if head.stream != 0 {
            return protocol("GOAWAY is on a stream");
        }
        if payload.len() < 8 {
            return frame_size("GOAWAY has less than 8 octets");
        }
        self.spend_control(cx)?;
        // The client opens no more streams.
        if matches!(self.leaving, Leaving::No | Leaving::Announced) {
            self.leave(cx);
        }
        Ok(())
    }

    /// Priorities are read over (RFC 9113, 5.3.2), but for the one mistake that RFC 7540 names.
    pub(super) fn on_priority(
        &mut self,
        head: Head,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        if head.stream == 0 {
            return protocol("PRIORITY is on no stream");
        }
        self.spend_control(cx)?;
        match payload.len() {
            5 if frame::u31(payload) == head.stream => Err(Wrong::Stream(head.stream, Code::ProtocolError)),
            5 => Ok(()),
            _ => Err(Wrong::Stream(head.stream, Code::FrameSizeError)),
        }
    }

    pub(super) fn on_rst_stream(
        &mut self,
        head: Head,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        self.check_not_idle(head, "RST_STREAM is on a stream that is not open")?;
        if payload.len() != 4 {
            return frame_size("RST_STREAM has not 4 octets");
        }
        self.spend_reset(cx)?;
        if let Some(place) = self.streams.find(head.stream) {
            self.leave_exit(place, cx);
            self.remove(place, cx);
        }
        Ok(())
    }

    pub(super) fn on_window_update(
        &mut self,
        head: Head,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
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
        self.check_not_idle(head, "WINDOW_UPDATE is on a stream that is not open")?;
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let Some(stream) = self.streams.get(place) else { return Ok(()) };
        if increment == 0 {
            return Err(Wrong::Stream(head.stream, Code::ProtocolError));
        }
        if stream.send_window.add(increment).is_err() {
            return Err(Wrong::Stream(head.stream, Code::FlowControlError));
        }
        self.enqueue(place);
        self.pump(cx);
        Ok(())
    }

    /// Refuses a frame on the connection itself, or on a stream that the client has not opened.
    fn check_not_idle(&self, head: Head, because: &'static str) -> Result<(), Wrong> {
        let is_late = matches!(self.leaving, Leaving::Told) && head.stream > self.last;
        let is_client_stream = !head.stream.is_multiple_of(2);
        match is_client_stream && (head.stream <= self.last || is_late) {
            true => Ok(()),
            false => protocol(because),
        }
    }
}
