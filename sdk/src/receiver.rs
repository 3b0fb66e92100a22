//! The direction of a stream that a plugin receives on.

use crate::attributes::AttributesWriter;
use crate::bindings::zilla::plugin::types::{CloseCode, FrameKind, StreamId};
use crate::output::Output;
use crate::streams::{Entry, Phase, Streams};

/// The direction of a stream that this plugin receives on. Once it is over, everything here does nothing.
pub struct Receiver<'a> {
    pub(crate) stream: StreamId,
    pub(crate) streams: &'a mut Streams,
    pub(crate) output: &'a mut Output,
}

impl Receiver<'_> {
    /// Whether more may arrive.
    pub fn is_open(&mut self) -> bool {
        self.streams.get(self.stream).is_some_and(|entry| entry.receiving != Phase::Over)
    }

    /// Gives octets back as credit now.
    pub fn window(&mut self, octets: u64) {
        if octets > 0 && self.reaches_peer() {
            self.output.push(self.stream, FrameKind::Window).value = octets;
        }
    }

    /// Counts octets as consumed, and gives them back as credit once they are half of the initial credit:
    /// one window frame for many pieces, while the peer always has the other half.
    pub fn consume(&mut self, octets: u64) {
        let threshold = u64::from(self.streams.limits.initial_credit) / 2;
        let Some(entry) = self.streams.get(self.stream) else { return };
        entry.consumed = entry.consumed.saturating_add(octets);
        if entry.consumed >= threshold {
            let octets = std::mem::take(&mut entry.consumed);
            self.window(octets);
        }
    }

    /// Refuses the rest, that of a [run](crate::Context::forward) included: where that went to, nothing can be
    /// sent before `on_forwarded`, which does not come if this was the last open direction of the stream.
    pub fn reset(&mut self, code: CloseCode) {
        if !self.is_open() {
            return;
        }
        if self.reaches_peer() {
            self.output.push(self.stream, FrameKind::Reset).value = code as u64;
        }
        self.streams.drop_run(self.stream);
        if let Some(entry) = self.streams.get(self.stream) {
            entry.receiving = Phase::Over;
        }
        self.streams.note_end(self.stream);
    }

    /// Asks the peer for new credentials; not sent if the attributes are longer than
    /// `limits.attributes_octets`.
    pub fn challenge_with(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) {
        if self.reaches_peer() {
            self.output.push_attributes(self.stream, FrameKind::Challenge, attributes);
        }
    }

    /// Whether a frame against the data still means something: the peer has not ended.
    fn reaches_peer(&mut self) -> bool {
        let reaches = |entry: &mut Entry| entry.receiving != Phase::Over && !entry.peer_ended;
        self.streams.get(self.stream).is_some_and(reaches)
    }
}
