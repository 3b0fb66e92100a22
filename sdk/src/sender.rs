//! The direction of a stream that a plugin sends on.

use crate::attributes::AttributesWriter;
use crate::binding::{Begin, Data, Payload};
use crate::bindings::zilla::plugin::types::{CloseCode, FrameFlags, FrameKind, StreamId};
use crate::output::Output;
use crate::streams::{Phase, Streams};

/// The direction of a stream that this plugin sends on. Once it is over, everything here does nothing.
///
/// Attributes longer than `limits.attributes_octets` cannot be sent: `begin` and `end` become an abort with
/// [`CloseCode::Limit`], an advisory is dropped.
pub struct Sender<'a> {
    pub(crate) stream: StreamId,
    pub(crate) streams: &'a mut Streams,
    pub(crate) output: &'a mut Output,
}

/// What was appended for [`Sender::piece_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing that is to be sent.
    Nothing,
    /// A piece that others follow.
    Piece,
    /// The last piece of the message.
    Last,
}

impl Sender<'_> {
    /// Octets that may be sent now. 0 before `begin`, after the end, and while a
    /// [run](crate::Context::forward) goes to this stream.
    pub fn credit(&mut self) -> usize {
        let room = self.output.room();
        match self.streams.get(self.stream) {
            Some(entry) if entry.sending == Phase::Open && entry.fed_by == 0 => {
                usize::try_from(entry.credit).unwrap_or(usize::MAX).min(room)
            }
            _ => 0,
        }
    }

    /// Whether `begin` was sent and the direction is not over.
    pub fn is_open(&mut self) -> bool {
        self.phase() == Phase::Open
    }

    /// Answers an opening, without attributes.
    pub fn begin(&mut self) {
        self.begin_with(|_| {});
    }

    /// Answers an opening.
    pub fn begin_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.phase() != Phase::Idle {
            return;
        }
        match self.output.push_attributes(self.stream, FrameKind::Begin, attributes) {
            Some(_) => self.set(Phase::Open),
            None => self.abort(CloseCode::Limit),
        }
    }

    /// Answers an opening with the attributes that opened it. Nothing is copied.
    pub fn pass_begin(&mut self, begin: &Begin<'_>) {
        if self.phase() == Phase::Idle {
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
        let start = self.output.octets.len();
        if self.phase() == Phase::Over {
            write(&mut self.output.octets);
            return self.output.octets.truncate(start);
        }
        let credit = self.credit();
        if credit == 0 || !overflow.is_empty() {
            return write(overflow);
        }
        write(&mut self.output.octets);
        let written = self.output.octets.len() - start;
        if written > credit {
            overflow.extend_from_slice(&self.output.octets[start + credit..]);
            self.output.octets.truncate(start + credit);
        }
        self.output.push_payload(self.stream, start);
        self.spend(written.min(credit));
    }

    /// Sends a piece of a message, as far as the credit allows, and says how many octets that were: `init`
    /// and attributes go with the first octets, `fin` with the last. A piece without octets needs no credit.
    pub fn piece(
        &mut self,
        octets: &[u8],
        init: bool,
        fin: bool,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> usize {
        let taken = self.credit().min(octets.len());
        if !self.is_sendable() || taken == 0 && !octets.is_empty() {
            return 0;
        }
        let Some(frame) = self.output.push_attributes(self.stream, FrameKind::Data, attributes) else {
            self.abort(CloseCode::Limit);
            return 0;
        };
        frame.flags.set(FrameFlags::INIT, init);
        frame.flags.set(FrameFlags::FIN, fin && taken == octets.len());
        frame.payload = taken as u32;
        self.output.octets.extend_from_slice(&octets[..taken]);
        self.spend(taken);
        taken
    }

    /// Sends a piece of a message that `write` appends to the octets of the batch, without a copy: at most as many
    /// as the [credit](Sender::credit), which it is given; more are cut off. `init` and the attributes go with it.
    /// [`Written::Nothing`] sends nothing. Says how many octets were sent, none if nothing was.
    pub fn piece_with(
        &mut self,
        init: bool,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
        write: impl FnOnce(&mut Vec<u8>, usize) -> Written,
    ) -> Option<usize> {
        let credit = self.credit();
        if !self.is_sendable() {
            return None;
        }
        let (frames, octets) = (self.output.frames.len(), self.output.octets.len());
        if self.output.push_attributes(self.stream, FrameKind::Data, attributes).is_none() {
            self.abort(CloseCode::Limit);
            return None;
        }
        let start = self.output.octets.len();
        let written = write(&mut self.output.octets, credit);
        if written == Written::Nothing {
            self.output.frames.truncate(frames);
            self.output.octets.truncate(octets);
            return None;
        }
        self.output.octets.truncate(start + credit);
        let taken = self.output.octets.len() - start;
        let frame = &mut self.output.frames[frames];
        frame.flags.set(FrameFlags::INIT, init);
        frame.flags.set(FrameFlags::FIN, written == Written::Last);
        frame.payload = taken as u32;
        self.spend(taken);
        Some(taken)
    }

    /// Passes on what was received, attributes and flags included, as far as the credit allows, and says
    /// how many octets of payload that were. Nothing is copied.
    pub fn pass(&mut self, data: &Data<'_>) -> usize {
        let Some(offset) = data.offset() else {
            let copy = |attributes: &mut AttributesWriter<'_>| attributes.append(data.attributes);
            return self.piece(data.payload.as_slice(), data.init, data.fin, copy);
        };
        let taken = self.credit().min(data.payload.len());
        if !self.is_sendable() || taken == 0 && !data.payload.is_empty() {
            return 0;
        }
        let whole = taken == data.payload.len();
        let frame = self.output.push(self.stream, FrameKind::Data);
        frame.flags = FrameFlags::BORROWED;
        frame.flags.set(FrameFlags::INIT, data.init);
        frame.flags.set(FrameFlags::FIN, data.fin && whole);
        frame.attributes = data.attributes.block().len() as u32;
        frame.offset = offset;
        frame.payload = taken as u32;
        self.spend(taken);
        taken
    }

    /// Passes a received payload on as far as the credit allows, and says how many octets that were.
    /// Nothing is copied.
    pub fn pass_payload(&mut self, payload: Payload<'_>) -> usize {
        let Some(offset) = payload.offset else { return self.data_slice(payload.as_slice()) };
        let taken = self.credit().min(payload.len());
        self.output.push_piece(self.stream, FrameFlags::BORROWED, offset, taken as u32);
        self.spend(taken);
        taken
    }

    /// Sends an advisory in order with the data.
    pub fn flush_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.is_sendable() {
            self.output.push_attributes(self.stream, FrameKind::Flush, attributes);
        }
    }

    /// Ends this direction in order.
    pub fn end(&mut self) {
        self.end_with(|_| {});
    }

    /// Ends this direction in order, with attributes such as trailers. While a
    /// [run](crate::Context::forward) goes to this stream, the end waits for it; it is not sent if the run
    /// is cut short.
    pub fn end_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if !self.is_open() {
            return;
        }
        if !self.is_sendable() {
            let mut block = Vec::new();
            attributes(&mut AttributesWriter::new(&mut block));
            if !self.streams.end_after_run(self.stream, block) {
                self.abort(CloseCode::Cancelled);
            }
            return;
        }
        match self.output.push_attributes(self.stream, FrameKind::End, attributes) {
            Some(_) => self.set(Phase::Over),
            None => self.abort(CloseCode::Limit),
        }
    }

    /// Ends this direction abnormally; before `begin`, too.
    pub fn abort(&mut self, code: CloseCode) {
        if self.phase() != Phase::Over {
            self.output.push(self.stream, FrameKind::Abort).value = code as u64;
            self.set(Phase::Over);
            self.streams.review_run_to(self.stream);
        }
    }

    /// Whether the direction is not over.
    pub(crate) fn is_sending(&mut self) -> bool {
        self.phase() != Phase::Over
    }

    /// Where the direction is; a stream that is gone is over.
    fn phase(&mut self) -> Phase {
        self.streams.get(self.stream).map_or(Phase::Over, |entry| entry.sending)
    }

    pub(crate) fn is_sendable(&mut self) -> bool {
        self.streams.get(self.stream).is_some_and(|entry| entry.sending == Phase::Open && entry.fed_by == 0)
    }

    fn set(&mut self, phase: Phase) {
        if let Some(entry) = self.streams.get(self.stream) {
            entry.sending = phase;
        }
        if phase == Phase::Over {
            self.streams.note_end(self.stream);
        }
    }

    pub(crate) fn spend(&mut self, octets: usize) {
        if let Some(entry) = self.streams.get(self.stream) {
            entry.credit -= octets as u64;
        }
    }
}
