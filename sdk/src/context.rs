//! What a binding can do while it handles an event: send, receive, open, and ask for a signal.

use crate::attributes::AttributesWriter;
use crate::binding::{Begin, Data, Payload};
use crate::bindings::zilla::plugin::types::{CloseCode, Frame, FrameFlags, FrameKind, Instant, StreamId};
use crate::streams::{Phase, Streams};

/// Frames and octets of the batch that answers the current call.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) frames: Vec<Frame>,
    pub(crate) octets: Vec<u8>,
}

impl Output {
    fn push(&mut self, stream: StreamId, kind: FrameKind) -> &mut Frame {
        self.frames.push(Frame {
            stream,
            kind,
            flags: FrameFlags::empty(),
            link: 0,
            attributes: 0,
            payload: 0,
            offset: self.octets.len() as u32,
            value: 0,
        });
        self.frames.last_mut().expect("a frame was pushed")
    }

    fn push_attributes(
        &mut self,
        stream: StreamId,
        kind: FrameKind,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> &mut Frame {
        let start = self.octets.len();
        attributes(&mut AttributesWriter::new(&mut self.octets));
        let length = (self.octets.len() - start) as u32;
        let frame = self.push(stream, kind);
        frame.offset = start as u32;
        frame.attributes = length;
        frame
    }

    /// Counts octets from `start` to the end as payload of `stream`: in its last frame, if they
    /// continue it.
    fn push_payload(&mut self, stream: StreamId, start: usize) {
        let length = (self.octets.len() - start) as u32;
        if length == 0 {
            return;
        }
        if let Some(last) = self.frames.last_mut()
            && last.stream == stream
            && last.kind == FrameKind::Data
            && last.flags.is_empty()
            && (last.offset + last.attributes + last.payload) as usize == start
        {
            last.payload += length;
            return;
        }
        let frame = self.push(stream, FrameKind::Data);
        frame.offset = start as u32;
        frame.payload = length;
    }
}

/// What a binding can do while it handles an event. Everything it does is sent when the call returns,
/// in the order in which it was done.
pub struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) accepted: StreamId,
    pub(crate) current: StreamId,
    pub(crate) owner: usize,
    pub(crate) opened: &'a mut Vec<StreamId>,
    pub(crate) streams: &'a mut Streams,
    pub(crate) output: &'a mut Output,
}

impl Context<'_> {
    /// The time of this call.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The stream that this [`crate::Stream`] accepted.
    pub fn accepted(&self) -> StreamId {
        self.accepted
    }

    /// The stream that the current event came on: [`Context::accepted`], or one opened here.
    pub fn stream(&self) -> StreamId {
        self.current
    }

    /// The streams opened here and not yet over in both directions, in the order of opening.
    pub fn opened(&self) -> &[StreamId] {
        self.opened
    }

    /// Sends on the stream that was accepted.
    pub fn reply(&mut self) -> Sender<'_> {
        self.to(self.accepted)
    }

    /// Sends on a stream, accepted or opened.
    pub fn to(&mut self, stream: StreamId) -> Sender<'_> {
        Sender { stream, streams: self.streams, output: self.output }
    }

    /// Receives on the stream that was accepted.
    pub fn request(&mut self) -> Receiver<'_> {
        self.from(self.accepted)
    }

    /// Receives on a stream, accepted or opened.
    pub fn from(&mut self, stream: StreamId) -> Receiver<'_> {
        Receiver { stream, streams: self.streams, output: self.output }
    }

    /// Opens a stream on behalf of the accepted one. Where it goes, the routes in `zilla.yaml` say; a
    /// refusal comes as `on_reset`. Its events come to this [`crate::Stream`], with its id as
    /// [`Context::stream`]. `None` when this instance has all the streams that it may open.
    pub fn open(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) -> Option<StreamId> {
        let id = self.streams.open(self.owner)?;
        self.opened.push(id);
        let frame = self.output.push_attributes(id, FrameKind::Begin, attributes);
        frame.link = self.accepted;
        Some(id)
    }

    /// Has the next `octets` of payload received on `from` sent on `to` by the host, without entering
    /// this plugin. [`crate::Stream::on_forwarded`] says when that is done. The host moves the credit.
    pub fn forward(&mut self, from: StreamId, to: StreamId, octets: u64) {
        let frame = self.output.push(from, FrameKind::Forward);
        frame.link = to;
        frame.value = octets;
    }

    /// Asks for `on_signal(token)` at a time in ms of `now().monotonic_ms`. The same token again moves it.
    pub fn timer(&mut self, token: u32, deadline_ms: u64) {
        let accepted = self.accepted;
        let frame = self.output.push(accepted, FrameKind::Timer);
        frame.link = token;
        frame.value = deadline_ms.max(1);
    }

    /// Takes a timer back.
    pub fn cancel_timer(&mut self, token: u32) {
        let accepted = self.accepted;
        self.output.push(accepted, FrameKind::Timer).link = token;
    }

    /// Aborts and resets whatever is still open, of the accepted stream and of those opened here.
    pub fn close(&mut self, code: CloseCode) {
        for index in 0..=self.opened.len() {
            let stream = self.opened.get(index).copied().unwrap_or(self.accepted);
            self.to(stream).abort(code);
            self.from(stream).reset(code);
        }
    }
}

/// The direction of a stream that this plugin sends on. Once it is over, everything here does nothing.
pub struct Sender<'a> {
    stream: StreamId,
    streams: &'a mut Streams,
    output: &'a mut Output,
}

impl Sender<'_> {
    /// Octets that may be sent now. 0 before `begin` and after the end.
    pub fn credit(&mut self) -> usize {
        match self.streams.get(self.stream) {
            Some(entry) if entry.sending == Phase::Open => {
                usize::try_from(entry.credit).unwrap_or(usize::MAX)
            }
            _ => 0,
        }
    }

    /// Whether `begin` was sent and the direction is not over.
    pub fn is_open(&mut self) -> bool {
        self.phase() == Some(Phase::Open)
    }

    /// Answers an opening, without attributes.
    pub fn begin(&mut self) {
        self.begin_with(|_| {});
    }

    /// Answers an opening.
    pub fn begin_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.phase() == Some(Phase::Idle) {
            self.output.push_attributes(self.stream, FrameKind::Begin, attributes);
            self.set(Phase::Open);
        }
    }

    /// Answers an opening with the attributes that opened it. Nothing is copied.
    pub fn pass_begin(&mut self, begin: &Begin<'_>) {
        if self.phase() == Some(Phase::Idle) {
            let frame = self.output.push(self.stream, FrameKind::Begin);
            frame.flags = FrameFlags::BORROWED;
            frame.attributes = begin.attributes.block().len() as u32;
            frame.offset = begin.offset;
            self.set(Phase::Open);
        }
    }

    /// Sends what the credit allows and removes it from the front of `octets`.
    pub fn data(&mut self, octets: &mut Vec<u8>) {
        let taken = self.data_slice(octets);
        octets.drain(..taken);
    }

    /// Sends what the credit allows and says how many octets that were.
    pub fn data_slice(&mut self, octets: &[u8]) -> usize {
        let taken = self.credit().min(octets.len());
        let start = self.output.octets.len();
        self.output.octets.extend_from_slice(&octets[..taken]);
        self.output.push_payload(self.stream, start);
        self.spend(taken);
        taken
    }

    /// Sends what `write` appends, without a copy. What the credit does not allow goes to `overflow`, for a
    /// later `data(overflow)`; as long as there is some, all goes there, so that the order is kept.
    pub fn write(&mut self, overflow: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let credit = self.credit();
        if credit == 0 || !overflow.is_empty() {
            return write(overflow);
        }
        let start = self.output.octets.len();
        write(&mut self.output.octets);
        let written = self.output.octets.len() - start;
        if written > credit {
            overflow.extend_from_slice(&self.output.octets[start + credit..]);
            self.output.octets.truncate(start + credit);
        }
        self.output.push_payload(self.stream, start);
        self.spend(written.min(credit));
    }

    /// Passes on what was received, attributes and flags included, as far as the credit allows, and says
    /// how many octets of payload that were. Nothing is copied.
    pub fn pass(&mut self, data: &Data<'_>) -> usize {
        let taken = self.credit().min(data.payload.len());
        if !self.is_open() || taken == 0 && !data.payload.is_empty() {
            return 0;
        }
        let whole = taken == data.payload.len();
        let frame = self.output.push(self.stream, FrameKind::Data);
        frame.flags = FrameFlags::BORROWED;
        frame.flags.set(FrameFlags::INIT, data.init);
        frame.flags.set(FrameFlags::FIN, data.fin && whole);
        frame.attributes = data.attributes.block().len() as u32;
        frame.offset = data.payload.offset - frame.attributes;
        frame.payload = taken as u32;
        self.spend(taken);
        taken
    }

    /// Passes a received payload on as far as the credit allows, and says how many octets that were.
    /// Nothing is copied.
    pub fn pass_payload(&mut self, payload: Payload<'_>) -> usize {
        let taken = self.credit().min(payload.len());
        if taken == 0 {
            return 0;
        }
        let frame = self.output.push(self.stream, FrameKind::Data);
        frame.flags = FrameFlags::BORROWED;
        frame.offset = payload.offset;
        frame.payload = taken as u32;
        self.spend(taken);
        taken
    }

    /// Sends an advisory in order with the data.
    pub fn flush_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.is_open() {
            self.output.push_attributes(self.stream, FrameKind::Flush, attributes);
        }
    }

    /// Ends this direction in order.
    pub fn end(&mut self) {
        self.end_with(|_| {});
    }

    /// Ends this direction in order, with attributes such as trailers.
    pub fn end_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.is_open() {
            self.output.push_attributes(self.stream, FrameKind::End, attributes);
            self.set(Phase::Over);
        }
    }

    /// Ends this direction abnormally; before `begin`, too.
    pub fn abort(&mut self, code: CloseCode) {
        if !matches!(self.phase(), None | Some(Phase::Over)) {
            self.output.push(self.stream, FrameKind::Abort).value = code as u64;
            self.set(Phase::Over);
        }
    }

    fn phase(&mut self) -> Option<Phase> {
        self.streams.get(self.stream).map(|entry| entry.sending)
    }

    fn set(&mut self, phase: Phase) {
        if let Some(entry) = self.streams.get(self.stream) {
            entry.sending = phase;
        }
    }

    fn spend(&mut self, octets: usize) {
        if let Some(entry) = self.streams.get(self.stream) {
            entry.credit -= octets as u64;
        }
    }
}

/// The direction of a stream that this plugin receives on. Once it is over, everything here does nothing.
pub struct Receiver<'a> {
    stream: StreamId,
    streams: &'a mut Streams,
    output: &'a mut Output,
}

impl Receiver<'_> {
    /// Whether more may arrive.
    pub fn is_open(&mut self) -> bool {
        self.streams.get(self.stream).is_some_and(|entry| entry.receiving != Phase::Over)
    }

    /// Gives octets back as credit now.
    pub fn window(&mut self, octets: u64) {
        if octets > 0 && self.is_open() {
            self.output.push(self.stream, FrameKind::Window).value = octets;
        }
    }

    /// Counts octets as consumed, and gives them back as credit once they are half of the initial credit:
    /// one window frame for many pieces, while the peer always has the other half.
    pub fn consume(&mut self, octets: u64) {
        let threshold = u64::from(self.streams.initial_credit) / 2;
        let Some(entry) = self.streams.get(self.stream) else { return };
        entry.consumed += octets;
        if entry.consumed >= threshold {
            let octets = std::mem::take(&mut entry.consumed);
            self.window(octets);
        }
    }

    /// Refuses the rest.
    pub fn reset(&mut self, code: CloseCode) {
        if self.is_open() {
            self.output.push(self.stream, FrameKind::Reset).value = code as u64;
            if let Some(entry) = self.streams.get(self.stream) {
                entry.receiving = Phase::Over;
            }
        }
    }

    /// Asks the peer for new credentials.
    pub fn challenge_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.is_open() {
            self.output.push_attributes(self.stream, FrameKind::Challenge, attributes);
        }
    }
}
