//! What goes to the client when: content as windows and credit allow, streams in turn.

use super::Connection;
use crate::h2::frame::{self, HEAD_OCTETS, Kind, flag};
use crate::h2::streams::Place;
use crate::source::Source;
use zilla_sdk::{Attributes, Context};

/// A frame of `DATA` with so many octets, or more, has earned the control frames that go with it.
const EARNING_OCTETS_MIN: usize = 256;
/// Control frames that go with a frame of content: a window for the stream, one for the connection.
pub(super) const EARNED_CONTROLS: u32 = 2;

impl Connection {
    /// The client gives credit: what is held is sent, in order.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        self.clock.sent(cx.now().monotonic_ms);
        if !self.outbox.is_empty() {
            cx.reply().data(&mut self.outbox);
            if self.outbox.is_empty() {
                // An idle connection is small: room for what did not fit is seldom needed again.
                self.outbox = Vec::new();
            }
        }
        if self.is_closing() {
            return self.end_if_sent(cx);
        }
        self.pay(cx);
        self.pump(cx);
    }

    /// Puts a stream with something to send into the queue, if its window is open.
    pub(super) fn enqueue(&mut self, place: Place) {
        let Some(stream) = self.streams.get(place) else { return };
        if !stream.is_queued && !stream.held.is_empty() && stream.send_window.octets() > 0 {
            stream.is_queued = true;
            self.queue.push_back(place);
        }
    }

    /// Sends one frame of each stream in the queue in turn, as long as that goes.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        while let Some(place) = self.queue.front().copied() {
            let Some(stream) = self.streams.get(place).filter(|stream| stream.is_queued) else {
                self.queue.pop_front();
                continue;
            };
            let (exit, may_send) = (stream.exit, stream.send_window.octets() > 0 && !stream.held.is_empty());
            let mut held = std::mem::take(&mut stream.held);
            let ends = stream.held_end.as_ref().is_some_and(|trailers| trailers.is_empty());
            let first = held.as_slice().len().min(self.frame_octets_max());
            let ends = ends && first == held.as_slice().len();
            let taken = self.send_content(place, Source::Held(&held.as_slice()[..first]), ends, cx);
            held.consume(taken);
            let Some(stream) = self.streams.get(place) else { return };
            stream.held = held;
            if taken == 0 && may_send {
                // The connection's window or the client's credit is used up; the stream is the next then.
                return;
            }
            self.queue.pop_front();
            stream.is_queued = false;
            let is_sent = stream.held.is_empty();
            if exit != 0 {
                cx.from(exit).consume(taken as u64);
            }
            match is_sent {
                true => self.held_is_sent(place, cx),
                false => self.enqueue(place),
            }
        }
    }

    /// All content is sent: so is the end, if it has come.
    fn held_is_sent(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        match stream.held_end.take() {
            // It went with the last frame.
            Some(trailers) if trailers.is_empty() => {
                stream.reply = crate::h2::streams::Reply::Over;
                self.settle(place, cx);
            }
            Some(trailers) => self.finish(place, Attributes::new(&trailers), cx),
            None => {}
        }
    }

    /// Sends content in frames as far as windows and credit allow, and says how many octets that were. With
    /// `ends`, the frame with the last of them ends the stream.
    pub(super) fn send_content(
        &mut self,
        place: Place,
        content: Source<'_>,
        ends: bool,
        cx: &mut Context<'_>,
    ) -> usize {
        let Some(stream) = self.streams.get(place) else { return 0 };
        let (id, mut window) = (stream.id, stream.send_window);
        let whole = content.as_slice().len();
        let mut taken = 0;
        while taken < whole && self.outbox.is_empty() {
            let credit = cx.reply().credit();
            let windows = window.octets().min(self.send_window.octets());
            // At least one octet, whose frame then waits for more credit.
            let fits = credit.saturating_sub(HEAD_OCTETS).max(1);
            let octets = (whole - taken).min(windows).min(self.frame_octets_max()).min(fits);
            if credit == 0 || octets == 0 {
                break;
            }
            let flags = if ends && taken + octets == whole { flag::END_STREAM } else { 0 };
            self.write(cx, |out, _| frame::write_head(out, Kind::Data, flags, id, octets));
            let piece = content.skip(taken).first(octets);
            let sent = if self.outbox.is_empty() { piece.send(cx.accepted(), cx) } else { 0 };
            if sent < octets {
                self.write(cx, |out, _| out.extend_from_slice(&piece.as_slice()[sent..]));
            }
            window.spend(octets);
            self.send_window.spend(octets);
            taken += octets;
            if octets >= EARNING_OCTETS_MIN {
                self.controls.earn(EARNED_CONTROLS);
            }
        }
        if let Some(stream) = self.streams.get(place).filter(|_| taken > 0) {
            stream.send_window = window;
            stream.sent_ms = cx.now().monotonic_ms;
        }
        taken
    }
}
