//! From the exits to the client: heads, content and their ends.

use super::Connection;
use crate::access::Grant;
use crate::h2::frame::{self, Code, Kind, flag};
use crate::h2::response;
use crate::h2::streams::{Place, Reply, Request, Tunnel};
use crate::request::Expects;
use crate::response::{Fault, Ours, status};
use crate::source::Source;
use crate::status::Refusal;
use std::rc::Rc;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, CloseCode, Context, Payload};

impl Connection {
    /// The exit answers: the head of the response is written.
    pub(super) fn reply_begins(&mut self, place: Place, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let checked = status(attributes).and_then(|status| Ok((status, response::check(attributes)?)));
        let (status, said) = match checked {
            Ok(checked) => checked,
            Err(fault) => return self.reply_faults(place, fault, cx),
        };
        match status {
            // RFC 9113, 8.6: there is no switching of protocols.
            101 => {
                let fault = Fault("the response switches protocols, which HTTP/2 does not");
                return self.reply_faults(place, fault, cx);
            }
            100..=199 => return self.reply_interim(place, status, attributes, cx),
            _ => {}
        }
        self.continue_or_stop(place, status, cx);
        self.answer_tunnel(place, status, cx);
        let date = self.date(cx).filter(|_| !said.has_date);
        let frame_octets_max = self.frame_octets_max();
        let shared = Rc::clone(&self.shared);
        let Some(stream) = self.streams.get(place) else { return };
        let is_tunnel = stream.tunnel == Tunnel::Open;
        stream.reply = match stream.is_head || matches!(status, 204 | 304) {
            _ if is_tunnel => Reply::Body(None),
            true => Reply::Empty,
            false => Reply::Body(said.length),
        };
        let (id, access) = (stream.id, stream.access.take());
        let ours = Ours {
            date: date.as_ref().map(|value| value.as_slice()),
            via: shared.options.via.as_deref(),
            access: access.as_deref(),
        };
        self.write(cx, |out, encoder| {
            frame::write_headers(out, id, 0, frame_octets_max, |out| {
                response::write_head(out, encoder, status, attributes, is_tunnel, ours);
            });
        });
    }

    /// The exit gives an interim response (RFC 9110, 15.2). The final one, or another, comes as an advisory. One that
    /// does not go out at once is left out, for it is of no use later.
    fn reply_interim(&mut self, place: Place, status: u16, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let frame_octets_max = self.frame_octets_max();
        let Some(stream) = self.streams.get(place) else { return };
        let is_awaited = status == 100 && stream.expects != Expects::Nothing;
        if !self.outbox.is_empty() && !is_awaited {
            return;
        }
        if status == 100 {
            stream.expects = Expects::Nothing;
            stream.moved_ms = cx.now().monotonic_ms;
        }
        let id = stream.id;
        self.write(cx, |out, encoder| {
            frame::write_headers(out, id, 0, frame_octets_max, |out| {
                response::write_interim(out, encoder, status, attributes);
            });
        });
    }

    /// The exit takes a request whose client waits for a sign from here.
    pub(super) fn exit_takes(&mut self, place: Place, cx: &mut Context<'_>) {
        if self.streams.get(place).is_some_and(|stream| stream.expects == Expects::Ours) {
            self.send_continue(place, cx);
        }
    }

    /// Tells a client that waits to send its content.
    pub(super) fn send_continue(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        if stream.expects != Expects::Nothing && stream.reply == Reply::Awaited {
            self.reply_interim(place, 100, Attributes::default(), cx);
        }
    }

    /// Answers a request here with 204: one that asks whether a web page may ask, or that brings new credentials. Its
    /// content, if it has any, is not wanted.
    pub(super) fn answer_empty(&mut self, place: Place, grant: &Grant, cx: &mut Context<'_>) {
        let (date, frame_octets_max) = (self.date(cx), self.frame_octets_max());
        let Some(stream) = self.streams.get(place) else { return };
        let id = stream.id;
        let date = date.as_ref().map(|value| value.as_slice());
        let ours = Ours { date, via: None, access: Some(grant) };
        self.write(cx, |out, encoder| {
            frame::write_headers(out, id, 0, frame_octets_max, |out| {
                response::write_head(out, encoder, 204, Attributes::default(), false, ours);
            });
        });
        self.finish(place, Attributes::default(), cx);
    }

    /// The exit sends an advisory: after an interim response, the next one.
    pub(super) fn reply_advises(&mut self, place: Place, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        if stream.reply == Reply::Awaited && attributes.get(b":status").is_some() {
            self.reply_begins(place, attributes, cx);
        }
    }

    /// A client that waits to send its content gets a sign if the exit takes the request; if the exit does
    /// not, the content is not wanted.
    fn continue_or_stop(&mut self, place: Place, status: u16, cx: &mut Context<'_>) {
        if status < 300 {
            return self.send_continue(place, cx);
        }
        let Some(stream) = self.streams.get(place) else { return };
        if std::mem::replace(&mut stream.expects, Expects::Nothing) != Expects::Nothing {
            stream.is_taken = false;
            cx.to(stream.exit).abort(CloseCode::Cancelled);
        }
    }

    /// The value of `date`, if responses get one.
    pub(super) fn date(&self, cx: &Context<'_>) -> Option<[u8; 29]> {
        let date = self.shared.date.as_ref()?;
        Some(*date.borrow_mut().value_at(cx.now().unix_ms))
    }

    /// The exit sends content.
    pub(super) fn reply_continues(&mut self, place: Place, content: Payload<'_>, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        let (exit, octets) = (stream.exit, content.len() as u64);
        match &mut stream.reply {
            Reply::Empty => return cx.from(exit).consume(octets),
            Reply::Body(Some(left)) => match left.checked_sub(octets) {
                Some(rest) => *left = rest,
                None => {
                    let fault = Fault("the response is longer than its content-length");
                    return self.reply_faults(place, fault, cx);
                }
            },
            Reply::Body(None) => {}
            Reply::Awaited | Reply::Over => return,
        }
        let mut taken = 0;
        // Streams in the queue wait for what this one would need as well, so it overtakes none.
        if stream.held.is_empty() {
            taken = self.send_content(place, Source::Given(content), false, cx);
            cx.from(exit).consume(taken as u64);
        }
        if taken < content.len() {
            let now_ms = cx.now().monotonic_ms;
            let Some(stream) = self.streams.get(place) else { return };
            if stream.held.is_empty() {
                stream.sent_ms = now_ms;
                self.clock.write_began(&self.shared.options.timeouts, now_ms);
            }
            stream.held.push(&content[taken..]);
            self.enqueue(place);
        }
    }

    /// The exit ends the response.
    pub(super) fn reply_ends(&mut self, place: Place, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        // RFC 9113, 8.5: what goes through a tunnel is DATA.
        let trailers = if stream.tunnel == Tunnel::Open { Attributes::default() } else { trailers };
        match stream.reply {
            Reply::Awaited => {
                self.reply_faults(place, Fault("the exit ended without a response"), cx);
            }
            Reply::Body(Some(left)) if left > 0 => {
                self.reply_faults(place, Fault("the response is shorter than its content-length"), cx);
            }
            Reply::Body(_) if !stream.held.is_empty() => {
                stream.held_end = Some(trailers.block().to_vec());
            }
            Reply::Body(_) | Reply::Empty => self.finish(place, trailers, cx),
            Reply::Over => {}
        }
    }

    /// The exit aborts: before its response the client is told so, afterwards it must not look complete.
    pub(super) fn reply_aborts(&mut self, place: Place, code: CloseCode, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        if stream.reply == Reply::Awaited {
            let refusal = stream.standing.of_abort(code);
            return self.refuse(place, refusal, cx);
        }
        if self.break_tunnel(place, cx) {
            return;
        }
        let code = match code {
            CloseCode::Cancelled | CloseCode::Drained | CloseCode::Timeout => Code::Cancel,
            _ => Code::InternalError,
        };
        self.reset_stream(place, code, cx);
    }

    /// The response is complete: its trailers are written, or its end.
    pub(super) fn finish(&mut self, place: Place, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        stream.reply = Reply::Over;
        let (id, frame_octets_max) = (stream.id, self.frame_octets_max());
        let mut written = Ok(());
        self.write(cx, |out, encoder| {
            if !response::has_trailers(trailers) {
                return frame::write_head(out, Kind::Data, flag::END_STREAM, id, 0);
            }
            frame::write_headers(out, id, flag::END_STREAM, frame_octets_max, |out| {
                encoder.begin(out);
                written = response::write_trailers(out, encoder, trailers);
            });
        });
        if let Err(Fault(fault)) = written {
            host::log(Level::Warn, fault);
        }
        self.settle(place, cx);
    }

    /// Goes on after a stream came further: it is over when both the request and the response are.
    pub(super) fn settle(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        if stream.reply != Reply::Over {
            return;
        }
        match stream.request {
            Request::Ended if stream.inbox.is_empty() || !stream.is_taken => {
                self.leave_exit(place, cx);
                self.remove(place, cx);
            }
            // The exit has answered, and does not take the rest: the client need not send it.
            Request::Open if !stream.is_taken => self.reset_stream(place, Code::NoError, cx),
            Request::Ended | Request::Open => {}
        }
    }

    /// The exit's response cannot be sent as it is.
    fn reply_faults(&mut self, place: Place, Fault(fault): Fault, cx: &mut Context<'_>) {
        host::log(Level::Warn, fault);
        self.refuse(place, Refusal::new(502, "the exit's response is invalid"), cx);
    }
}
