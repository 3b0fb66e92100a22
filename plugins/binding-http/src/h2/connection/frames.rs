//! From octets to frames, in whatever pieces they come, and from frames to field blocks.

use super::{Connection, Leaving, OUTBOX_OCTETS_MAX};
use crate::h2::frame::{self, Code, HEAD_OCTETS, Head, Kind, PREFACE, Wrong, flag};
use zilla_sdk::{Context, Payload};

/// What the octets that come next are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The client's preface, of which so many octets have come.
    Preface(usize),
    /// The client's first frame, which is `SETTINGS`.
    First,
    /// A frame.
    Frame,
    /// The payload of `DATA`, which is not waited for as a whole.
    Data(DataLeft),
    /// Nothing more is read.
    Over,
}

/// What is left of the payload of `DATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataLeft {
    pub(super) stream: u32,
    /// The first octet says how much padding there is.
    pub(super) is_padding_due: bool,
    pub(super) content: u32,
    pub(super) padding: u32,
    pub(super) ends: bool,
}

/// A field block whose end has not come.
#[derive(Debug)]
pub(super) struct Fragments {
    stream: u32,
    ends: bool,
    depends_on_itself: bool,
    octets: Vec<u8>,
    continuations: u32,
}

impl Connection {
    /// Takes octets of the client.
    pub(super) fn take(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        let mut rest = payload;
        while !rest.is_empty() && self.reading != Reading::Over {
            let taken = match self.reading {
                Reading::Preface(seen) => self.step_preface(seen, &rest, cx),
                Reading::First | Reading::Frame => self.step_frame(&rest, cx),
                Reading::Data(left) => self.step_data(left, rest, cx),
                Reading::Over => return,
            };
            rest = rest.split_at(taken).1;
        }
        self.unpaid += payload.len() as u64;
        self.pay(cx);
    }

    /// Gives back credit, unless too much waits for the client.
    pub(super) fn pay(&mut self, cx: &mut Context<'_>) {
        if self.outbox.len() <= OUTBOX_OCTETS_MAX && self.reading != Reading::Over {
            cx.request().consume(std::mem::take(&mut self.unpaid));
        }
    }

    /// Whether the client has begun something that only it can end: its preface, a frame, a field block.
    pub(super) fn waits_for_rest(&self) -> bool {
        match self.reading {
            Reading::Preface(_) | Reading::First => true,
            Reading::Frame => !self.partial.is_empty() || self.fragments.is_some(),
            Reading::Data(_) | Reading::Over => false,
        }
    }

    fn step_preface(&mut self, seen: usize, octets: &[u8], cx: &mut Context<'_>) -> usize {
        let due = &PREFACE[seen..];
        let taken = due.len().min(octets.len());
        if octets[..taken] != due[..taken] {
            self.fail(Wrong::Connection(Code::ProtocolError, "this is not the preface of HTTP/2"), cx);
        } else if taken == due.len() {
            self.reading = Reading::First;
        } else {
            self.reading = Reading::Preface(seen + taken);
        }
        taken
    }

    /// Takes a frame, or as much of it as there is; of `DATA` the head.
    fn step_frame(&mut self, octets: &[u8], cx: &mut Context<'_>) -> usize {
        if self.partial.is_empty()
            && let Some((head, rest)) = octets.split_first_chunk()
        {
            let head = Head::read(head);
            if let Err(wrong) = self.check_head(head) {
                self.fail(wrong, cx);
                return HEAD_OCTETS;
            }
            if head.kind == Kind::Data {
                self.begin_data(head, cx);
                return HEAD_OCTETS;
            }
            if let Some(payload) = rest.get(..head.octets as usize) {
                self.handle(head, payload, cx);
                return HEAD_OCTETS + payload.len();
            }
        }
        self.gather(octets, cx)
    }

    /// Takes a frame that comes in pieces.
    fn gather(&mut self, octets: &[u8], cx: &mut Context<'_>) -> usize {
        if self.partial.is_empty() && self.fragments.is_none() {
            self.clock.frame_began(&self.shared.options.timeouts, cx.now().monotonic_ms);
        }
        let head = self.partial.first_chunk().map(Head::read);
        let whole = HEAD_OCTETS + head.map_or(0, |head| head.octets as usize);
        let taken = octets.len().min(whole - self.partial.len());
        self.partial.extend_from_slice(&octets[..taken]);
        if self.partial.len() < whole {
            return taken;
        }
        let partial = std::mem::take(&mut self.partial);
        match (head, partial.first_chunk().map(Head::read)) {
            (Some(head), _) => self.handle(head, &partial[HEAD_OCTETS..], cx),
            (None, Some(head)) => match self.check_head(head) {
                Err(wrong) => self.fail(wrong, cx),
                Ok(()) if head.kind == Kind::Data => self.begin_data(head, cx),
                Ok(()) if head.octets == 0 => self.handle(head, &[], cx),
                Ok(()) => self.partial = partial,
            },
            (None, None) => {}
        }
        taken
    }

    /// What can be said before the payload has come.
    fn check_head(&self, head: Head) -> Result<(), Wrong> {
        let protocol = |because| Err(Wrong::Connection(Code::ProtocolError, because));
        if head.octets > self.shared.limits.h2.frame_bytes {
            return Err(Wrong::Connection(Code::FrameSizeError, "the frame is too long"));
        }
        if self.reading == Reading::First && (head.kind, head.flags & flag::ACK) != (Kind::Settings, 0) {
            return protocol("the first frame is not SETTINGS");
        }
        match &self.fragments {
            Some(fragments) if (head.kind, head.stream) != (Kind::Continuation, fragments.stream) => {
                protocol("a field block is followed by something else than its CONTINUATION")
            }
            None if head.kind == Kind::Continuation => protocol("there is no field block to continue"),
            _ => Ok(()),
        }
    }

    /// Handles a whole frame, which is not `DATA`.
    fn handle(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) {
        if self.reading == Reading::First {
            self.reading = Reading::Frame;
        }
        let handled = match head.kind {
            Kind::Headers => self.on_headers(head, payload, cx),
            Kind::Continuation => self.on_continuation(head, payload, cx),
            Kind::RstStream => self.on_rst_stream(head, payload, cx),
            Kind::WindowUpdate => self.on_window_update(head, payload, cx),
            Kind::Settings => self.on_settings(head, payload, cx),
            Kind::Ping => self.on_ping(head, payload, cx),
            Kind::Priority => self.on_priority(head, payload, cx),
            Kind::GoAway => self.on_goaway(head, payload, cx),
            Kind::PushPromise => Err(Wrong::Connection(Code::ProtocolError, "a client cannot push")),
            Kind::Unknown => self.spend_control(cx),
            Kind::Data => Ok(()),
        };
        if let Err(wrong) = handled {
            self.fail(wrong, cx);
        }
    }

    fn on_headers(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        if head.stream.is_multiple_of(2) {
            let because = "HEADERS are on a stream that a client cannot open";
            return Err(Wrong::Connection(Code::ProtocolError, because));
        }
        let (fragment, dependency) = frame::headers_fragment(head, payload)?;
        let mut fragments = Fragments {
            stream: head.stream,
            ends: head.has(flag::END_STREAM),
            depends_on_itself: dependency == Some(head.stream),
            octets: Vec::new(),
            continuations: 0,
        };
        if head.has(flag::END_HEADERS) {
            return self.on_block(&fragments, fragment, cx);
        }
        fragments.octets.extend_from_slice(fragment);
        self.clock.frame_began(&self.shared.options.timeouts, cx.now().monotonic_ms);
        self.fragments = Some(fragments);
        Ok(())
    }

    fn on_continuation(&mut self, head: Head, payload: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let limits = &self.shared.limits;
        let Some(fragments) = &mut self.fragments else { return Ok(()) };
        fragments.continuations += 1;
        // A block that has more octets than the fields in it may have is no attempt to compress them.
        let is_too_long =
            fragments.octets.len() + payload.len() > limits.header_bytes + frame::FRAME_OCTETS_MIN as usize;
        if fragments.continuations > limits.h2.continuations || is_too_long {
            return Err(Wrong::Connection(Code::EnhanceYourCalm, "the field block is too long"));
        }
        fragments.octets.extend_from_slice(payload);
        if !head.has(flag::END_HEADERS) {
            return Ok(());
        }
        match self.fragments.take() {
            Some(fragments) => self.on_block(&fragments, &fragments.octets, cx),
            None => Ok(()),
        }
    }

    /// A whole field block: of a new request, of trailers, or of neither. It is decoded in any case.
    fn on_block(&mut self, fragments: &Fragments, block: &[u8], cx: &mut Context<'_>) -> Result<(), Wrong> {
        let Fragments { stream: id, ends, depends_on_itself, .. } = *fragments;
        let is_new = id > self.last;
        let place = self.streams.find(id);
        let shared = std::rc::Rc::clone(&self.shared);
        let mut fields = shared.h2_fields.borrow_mut();
        fields.clear(!is_new);
        let decoded = self.decoder.decode(block, |name, value| fields.push(name, value, &shared.limits));
        if decoded.is_err() {
            return Err(Wrong::Connection(Code::CompressionError, "a field block cannot be decoded"));
        }
        match place {
            _ if is_new && matches!(self.leaving, Leaving::Told | Leaving::Closing) => Ok(()),
            _ if depends_on_itself => {
                self.last = self.last.max(id);
                Err(Wrong::Stream(id, Code::ProtocolError))
            }
            None if is_new => self.on_request(id, ends, &fields, cx),
            Some(place) => self.on_trailers(place, ends, &fields, cx),
            None if self.streams.was_reset(id) => Ok(()),
            None => Err(Wrong::Connection(Code::StreamClosed, "HEADERS are on a closed stream")),
        }
    }
}
