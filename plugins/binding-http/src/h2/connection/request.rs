//! From the client to the exits: requests, content and their ends.

use super::schedule::EARNED_CONTROLS;
use super::{Connection, Leaving};
use crate::access::{Grant, Verdict};
use crate::authorization::{self, Opened, Standing};
use crate::h2::flow::SendWindow;
use crate::h2::frame::{self, Code, Head, Wrong, flag};
use crate::h2::request::{FieldList, RequestHead, Unfit};
use crate::h2::streams::{Place, Reply, Request, Stream, Tunnel};
use crate::request::{self, Added, Expects};
use crate::source::Source;
use crate::status::{Refusal, not_opened};
use std::rc::Rc;
use zilla_sdk::{Attributes, CloseCode, Context, Payload, StreamId};

/// How a request begins.
struct Begun {
    /// Where it went, 0 for nowhere.
    exit: StreamId,
    expects: Expects,
    length: Option<u64>,
    tunnel: Tunnel,
    access: Option<Box<Grant>>,
    standing: Standing,
    /// What it is answered with, if it went nowhere.
    answer: Option<Answer>,
}

/// What is said of a request here, instead of by an exit.
enum Answer {
    Refusal(Refusal),
    /// 204: a web page may ask, or new credentials are accepted.
    Empty(Grant),
}

impl Begun {
    fn answered(answer: Answer) -> Self {
        let (expects, standing, tunnel) = (Expects::Nothing, Standing::Unasked, Tunnel::No);
        Self { exit: 0, expects, length: None, tunnel, access: None, standing, answer: Some(answer) }
    }
}

impl Connection {
    /// A request: its exchange is opened, or it is refused.
    pub(super) fn on_request(
        &mut self,
        id: u32,
        ends: bool,
        fields: &FieldList,
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        self.last = id;
        if self.streams.len() >= self.shared.limits.h2.concurrent_streams as usize {
            return Err(Wrong::Stream(id, Code::RefusedStream));
        }
        let shared = Rc::clone(&self.shared);
        let mut begun = match fields.request(self.scheme, ends, &shared.limits, &shared.options.upgrade) {
            Ok(head) => self.begin(&head, ends, cx),
            Err(Unfit::Malformed) => return Err(Wrong::Stream(id, Code::ProtocolError)),
            Err(Unfit::Refused(refusal)) => Begun::answered(Answer::Refusal(refusal)),
        };
        self.controls.earn(EARNED_CONTROLS);
        let (answer, expects) = (begun.answer.take(), begun.expects);
        let stream = self.stream(id, ends, fields.is_head(), begun, cx);
        let place = self.streams.insert(stream);
        self.clock.stream_began(expects, &shared.options.timeouts, cx.now().monotonic_ms);
        match answer {
            None => {}
            Some(Answer::Refusal(refusal)) => self.refuse(place, refusal, cx),
            Some(Answer::Empty(grant)) => self.answer_empty(place, &grant, cx),
        }
        Ok(())
    }

    /// Opens the exchange of a request, unless it is answered here.
    fn begin(&mut self, head: &RequestHead<'_>, ends: bool, cx: &mut Context<'_>) -> Begun {
        let options = &self.shared.options;
        let access = match request::judge(options, head) {
            Ok(Verdict::Pass(grant)) => grant.kept(),
            Ok(Verdict::Preflight(grant)) => return Begun::answered(Answer::Empty(grant)),
            Err(refusal) => return Begun::answered(Answer::Refusal(refusal)),
        };
        let expects = Expects::of(head.expects_continue, options);
        let added = Added { options, address: self.address.as_deref(), expects, upgrade: None };
        let guard = self.shared.authorization.as_ref();
        let opened = authorization::open(guard, |attributes| head.write(&added, attributes), cx);
        match opened.unwrap_or_else(|error| Opened::Refused(not_opened(error))) {
            Opened::To(exit, standing) => {
                let tunnel = if head.protocol.is_some() { Tunnel::Asked } else { Tunnel::No };
                if ends && tunnel == Tunnel::No {
                    cx.to(exit).end();
                }
                Begun { exit, expects, length: head.length, tunnel, access, standing, answer: None }
            }
            Opened::Renewed => Begun::answered(Answer::Empty(Grant::default())),
            Opened::Refused(refusal) => Begun::answered(Answer::Refusal(refusal)),
        }
    }

    fn stream(&self, id: u32, ends: bool, is_head: bool, begun: Begun, cx: &Context<'_>) -> Stream {
        let (now_ms, is_tunnel) = (cx.now().monotonic_ms, begun.tunnel != Tunnel::No);
        Stream {
            id,
            exit: begun.exit,
            is_head,
            expects: begun.expects,
            tunnel: begun.tunnel,
            access: begun.access,
            standing: begun.standing,
            request: if ends { Request::Ended } else { Request::Open },
            is_taken: begun.exit != 0,
            length_left: begun.length,
            body_left: if is_tunnel { u64::MAX } else { self.shared.limits.body_bytes },
            receive_window: self.shared.limits.h2.stream_window(),
            inbox: Default::default(),
            inbox_end: (is_tunnel && ends).then(Vec::new),
            reply: Reply::Awaited,
            send_window: SendWindow::new(self.peer.window_octets),
            held: Default::default(),
            held_end: None,
            is_queued: false,
            moved_ms: now_ms,
            sent_ms: now_ms,
        }
    }

    /// A second field block of a stream: trailers.
    pub(super) fn on_trailers(
        &mut self,
        place: Place,
        ends: bool,
        fields: &FieldList,
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        let Some(stream) = self.streams.get(place) else { return Ok(()) };
        let id = stream.id;
        if stream.request == Request::Ended {
            return Err(Wrong::Stream(id, Code::StreamClosed));
        }
        match fields.trailers() {
            // RFC 9113, 8.5: what goes through a tunnel is DATA.
            Ok(_) if stream.tunnel != Tunnel::No => Err(Wrong::Stream(id, Code::ProtocolError)),
            Ok(trailers) if ends => self.request_ends(place, trailers, cx),
            // RFC 9113, 8.1: what has trailers ends with them.
            Ok(_) | Err(Unfit::Malformed) => Err(Wrong::Stream(id, Code::ProtocolError)),
            Err(Unfit::Refused(refusal)) => {
                if ends {
                    stream.request = Request::Ended;
                }
                self.refuse(place, refusal, cx);
                Ok(())
            }
        }
    }

    /// The head of `DATA`: windows are charged for all of it, padding included.
    pub(super) fn on_data(&mut self, head: Head, cx: &mut Context<'_>) -> Result<(), Wrong> {
        let Head { octets, stream: id, .. } = head;
        let connection = |code, because| Err(Wrong::Connection(code, because));
        if id.is_multiple_of(2) || id > self.last && !matches!(self.leaving, Leaving::Told) {
            return connection(Code::ProtocolError, "DATA are on a stream that is not open");
        }
        if !self.receive_window.receive(octets) {
            return connection(Code::FlowControlError, "DATA are longer than the connection's window");
        }
        if octets == 0 && !head.has(flag::END_STREAM) {
            self.spend_control(cx)?;
        }
        let Some(stream) = self.streams.find_stream(id) else {
            return match id > self.last || self.streams.was_reset(id) {
                true => Ok(()),
                false => Err(Wrong::Stream(id, Code::StreamClosed)),
            };
        };
        if stream.request == Request::Ended {
            return Err(Wrong::Stream(id, Code::StreamClosed));
        }
        match stream.receive_window.receive(octets) {
            true => Ok(()),
            false => Err(Wrong::Stream(id, Code::FlowControlError)),
        }
    }

    /// `DATA` are over.
    pub(super) fn on_data_end(&mut self, id: u32, ends: bool, cx: &mut Context<'_>) -> Result<(), Wrong> {
        match self.streams.find(id).filter(|_| ends) {
            Some(place) => self.request_ends(place, Attributes::default(), cx),
            None => Ok(()),
        }
    }

    /// Content of a request, or of none that is left.
    pub(super) fn on_content(&mut self, id: u32, content: Payload<'_>, cx: &mut Context<'_>) {
        let octets = content.len() as u64;
        let Some(place) = self.streams.find(id) else { return self.give_back(id, content.len(), cx) };
        let Some(stream) = self.streams.get(place) else { return };
        stream.moved_ms = cx.now().monotonic_ms;
        stream.expects = Expects::Nothing;
        if stream.length_left.is_some_and(|left| left < octets) {
            self.give_back(0, content.len(), cx);
            return self.fail(Wrong::Stream(id, Code::ProtocolError), cx);
        }
        stream.length_left = stream.length_left.map(|left| left - octets);
        let Some(body_left) = stream.body_left.checked_sub(octets) else {
            self.give_back(0, content.len(), cx);
            return self.refuse(place, Refusal::new(413, "the body is too long"), cx);
        };
        stream.body_left = body_left;
        if !stream.is_taken {
            // No more is given back for the stream, so a client sends no more than its window.
            return self.give_back(0, content.len(), cx);
        }
        let mut taken = 0;
        if stream.inbox.is_empty() && stream.tunnel != Tunnel::Asked {
            taken = Source::Given(content).send(stream.exit, cx);
        }
        stream.inbox.push(&content[taken..]);
        self.give_back(id, taken, cx);
    }

    /// Octets of `DATA` need no room any more: the client gets them back, for the stream as long as it sends.
    pub(super) fn give_back(&mut self, id: u32, octets: usize, cx: &mut Context<'_>) {
        if octets == 0 {
            return;
        }
        if let Some(increment) = self.receive_window.take(octets) {
            self.write(cx, |out, _| frame::write_window_update(out, 0, increment));
        }
        if id != 0
            && let Some(stream) = self.streams.find_stream(id)
            && stream.request == Request::Open
            && let Some(taken) = stream.receive_window.take(octets)
        {
            let growth = if stream.inbox.is_empty() { stream.receive_window.grow() } else { 0 };
            let increment = taken + growth;
            self.write(cx, |out, _| frame::write_window_update(out, id, increment));
        }
    }

    /// The client ends a request.
    pub(super) fn request_ends(
        &mut self,
        place: Place,
        trailers: Attributes<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong> {
        let Some(stream) = self.streams.get(place) else { return Ok(()) };
        if stream.length_left.is_some_and(|left| left > 0) {
            return Err(Wrong::Stream(stream.id, Code::ProtocolError));
        }
        stream.request = Request::Ended;
        stream.moved_ms = cx.now().monotonic_ms;
        if !stream.inbox.is_empty() || stream.tunnel == Tunnel::Asked {
            stream.inbox_end = Some(trailers.block().to_vec());
        } else if stream.is_taken {
            cx.to(stream.exit).end_with(|attributes| attributes.append(trailers));
        }
        self.clock.stream_moved(&self.shared.options.timeouts, cx.now().monotonic_ms);
        self.settle(place, cx);
        Ok(())
    }

    /// The exit gives credit, or agrees to a tunnel: what is held for it is sent.
    pub(super) fn deliver_inbox(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        let is_empty = stream.inbox.is_empty() && stream.inbox_end.is_none();
        if is_empty || !stream.is_taken || stream.tunnel == Tunnel::Asked {
            return;
        }
        let taken = Source::Held(stream.inbox.as_slice()).send(stream.exit, cx);
        stream.inbox.consume(taken);
        if taken > 0 {
            stream.moved_ms = cx.now().monotonic_ms;
        }
        let id = stream.id;
        if stream.inbox.is_empty()
            && let Some(trailers) = stream.inbox_end.take()
        {
            cx.to(stream.exit).end_with(|attributes| attributes.append(Attributes::new(&trailers)));
        }
        self.give_back(id, taken, cx);
        self.settle(place, cx);
    }

    /// The exit wants no more of the request.
    pub(super) fn request_refused(&mut self, place: Place, code: CloseCode, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        if stream.reply == Reply::Awaited {
            let refusal = stream.standing.of_reset(code);
            return self.refuse(place, refusal, cx);
        }
        if self.break_tunnel(place, cx) {
            return;
        }
        let Some(stream) = self.streams.get(place) else { return };
        stream.is_taken = false;
        self.drop_inbox(place, cx);
        self.settle(place, cx);
    }

    /// Forgets content that nobody takes.
    pub(super) fn drop_inbox(&mut self, place: Place, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place) else { return };
        let octets = stream.inbox.as_slice().len();
        stream.inbox.clear();
        stream.inbox_end = None;
        self.give_back(0, octets, cx);
    }
}
