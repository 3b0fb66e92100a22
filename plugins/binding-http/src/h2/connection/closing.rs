//! How streams and the connection end: with a refusal, in order, or abnormally.

use super::{Connection, Leaving};
use crate::h2::frame::{self, Code, Wrong};
use crate::h2::streams::{Place, Reply, Request, Tunnel};
use crate::request::Expects;
use crate::status::Refusal;
use zilla_sdk::{CloseCode, Context};

impl Connection {
    /// Answers a request with an error; if the response has begun, the stream is reset, for it must not look
    /// complete.
    pub(super) fn refuse(&mut self, place: Place, refusal: Refusal, cx: &mut Context<'_>) {
        self.leave_exit(place, cx);
        let (date, frame_octets_max, now_ms) =
            (self.date(cx), self.frame_octets_max(), cx.now().monotonic_ms);
        let Some(stream) = self.streams.get(place) else { return };
        if stream.reply != Reply::Awaited {
            let code = if refusal.status < 500 { Code::Cancel } else { Code::InternalError };
            return self.reset_stream(place, code, cx);
        }
        let (id, is_head) = (stream.id, stream.is_head);
        stream.expects = Expects::Nothing;
        stream.tunnel = Tunnel::No;
        stream.reply = Reply::Body(None);
        if !is_head {
            stream.held.push(refusal.because.as_bytes());
            stream.held.push(b"\n");
            stream.held_end = Some(Vec::new());
            stream.sent_ms = now_ms;
            self.clock.write_began(&self.shared.options.timeouts, now_ms);
        }
        let length = (refusal.because.len() + 1).to_string();
        self.write(cx, |out, encoder| {
            frame::write_headers(out, id, 0, frame_octets_max, |out| {
                encoder.begin(out);
                encoder.status(out, refusal.status);
                encoder.field(out, b"content-type", b"text/plain");
                encoder.field(out, b"content-length", length.as_bytes());
                if let Some(credentials) = refusal.asks {
                    encoder.field(out, b"www-authenticate", credentials.as_bytes());
                }
                if let Some(date) = date {
                    encoder.field(out, b"date", &date);
                }
            });
        });
        if is_head {
            return self.finish(place, Default::default(), cx);
        }
        self.enqueue(place);
        self.pump(cx);
    }

    /// Something is wrong with what the client sent: the stream ends, or the connection.
    pub(super) fn fail(&mut self, wrong: Wrong, cx: &mut Context<'_>) {
        match wrong {
            Wrong::Connection(code, because) => return self.goaway(code, because, cx),
            // RFC 9113, 6.4: a stream that was never opened cannot be reset.
            Wrong::Stream(id, code) if id > self.last => {
                return self.goaway(code, "a frame on a stream that is not open is malformed", cx);
            }
            Wrong::Stream(id, code) => match self.streams.find(id) {
                Some(place) => self.reset_stream(place, code, cx),
                None => {
                    self.write(cx, |out, _| frame::write_rst_stream(out, id, code));
                    self.streams.note_reset(id);
                }
            },
        }
        if let Err(Wrong::Connection(code, because)) = self.spend_reset(cx) {
            self.goaway(code, because, cx);
        }
    }

    /// Ends a stream abnormally, and what is open of its exit.
    pub(super) fn reset_stream(&mut self, place: Place, code: Code, cx: &mut Context<'_>) {
        self.leave_exit(place, cx);
        let Some(stream) = self.streams.get(place) else { return };
        let id = stream.id;
        self.streams.note_reset(id);
        self.write(cx, |out, _| frame::write_rst_stream(out, id, code));
        self.remove(place, cx);
    }

    /// Ends what is open of a stream's exit, and forgets what was held for it.
    pub(super) fn leave_exit(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        let exit = std::mem::take(&mut stream.exit);
        stream.is_taken = false;
        stream.held.clear();
        stream.held_end = None;
        if exit != 0 {
            // What has ended already is left alone.
            cx.to(exit).abort(CloseCode::Cancelled);
            cx.from(exit).reset(CloseCode::Cancelled);
        }
        self.streams.forget_exit(place);
        self.drop_inbox(place, cx);
    }

    /// Forgets a stream that is over. With the last one, the connection is idle, or ends.
    pub(super) fn remove(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.remove(place) else { return };
        if stream.is_queued {
            self.queue.retain(|queued| *queued != place);
        }
        if self.streams.len() > 0 {
            return;
        }
        match self.leaving {
            Leaving::Told => self.close(cx),
            Leaving::No => self.clock.idle(&self.shared.options.timeouts, cx.now().monotonic_ms),
            Leaving::Announced | Leaving::Closing => {}
        }
    }

    /// Says which stream is the last, and ends the connection once all are over.
    pub(super) fn leave(&mut self, cx: &mut Context<'_>) {
        let last = self.last;
        self.leaving = Leaving::Told;
        self.write(cx, |out, _| frame::write_goaway(out, last, Code::NoError, ""));
        if self.streams.len() == 0 {
            self.close(cx);
        }
    }

    /// Ends the connection for what the client did.
    pub(super) fn goaway(&mut self, code: Code, because: &'static str, cx: &mut Context<'_>) {
        if self.is_closing() {
            return;
        }
        let last = self.last;
        self.leave_exits(cx);
        self.write(cx, |out, _| frame::write_goaway(out, last, code, because));
        self.close(cx);
    }

    fn leave_exits(&mut self, cx: &mut Context<'_>) {
        // So that nothing is written for streams while they go.
        self.leaving = Leaving::Closing;
        let open: Vec<Place> = self.streams.iter().map(|(place, _)| place).collect();
        for place in open {
            self.leave_exit(place, cx);
            self.remove(place, cx);
        }
        self.queue.clear();
    }

    /// Nothing more is read. The connection ends once what is encoded is sent.
    fn close(&mut self, cx: &mut Context<'_>) {
        self.leaving = Leaving::Closing;
        self.reader.close();
        self.end_if_sent(cx);
    }

    pub(super) fn end_if_sent(&mut self, cx: &mut Context<'_>) {
        if self.outbox.is_empty() {
            cx.reply().end();
            cx.request().reset(CloseCode::Cancelled);
        }
    }

    /// The client sends nothing more: what it has asked for as a whole is still answered.
    pub(super) fn client_ends(&mut self, cx: &mut Context<'_>) {
        self.reader.close();
        if self.is_closing() {
            return;
        }
        let open: Vec<Place> = self
            .streams
            .iter()
            .filter_map(|(place, stream)| (stream.request == Request::Open).then_some(place))
            .collect();
        for place in open {
            self.leave_exit(place, cx);
            self.remove(place, cx);
        }
        self.leave(cx);
    }

    /// Ends everything at once.
    pub(super) fn abort(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        self.leaving = Leaving::Closing;
        self.reader.close();
        self.queue.clear();
        self.streams = Default::default();
        self.outbox = Vec::new();
        cx.close(code);
    }
}
