//! The batch that answers the current call, as it grows.

use crate::attributes::AttributesWriter;
use crate::bindings::zilla::plugin::types::{Frame, FrameFlags, FrameKind, StreamId};

/// Frames and octets of the batch that answers the current call.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) frames: Vec<Frame>,
    pub(crate) octets: Vec<u8>,
    /// Length of an attribute block that the host takes.
    pub(crate) attributes_octets_max: u32,
}

impl Output {
    pub(crate) fn push(&mut self, stream: StreamId, kind: FrameKind) -> &mut Frame {
        self.frames.push(Frame { offset: self.octets.len() as u32, ..Frame::bare(stream, kind) });
        self.frames.last_mut().expect("a frame was pushed")
    }

    /// A frame with attributes, or none if they are longer than the host takes.
    pub(crate) fn push_attributes(
        &mut self,
        stream: StreamId,
        kind: FrameKind,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> Option<&mut Frame> {
        let start = self.octets.len();
        attributes(&mut AttributesWriter::new(&mut self.octets));
        let length = self.octets.len() - start;
        if length > self.attributes_octets_max as usize || self.octets.len() > u32::MAX as usize {
            self.octets.truncate(start);
            return None;
        }
        let frame = self.push(stream, kind);
        frame.offset = start as u32;
        frame.attributes = length as u32;
        Some(frame)
    }

    /// Octets that fit until the offsets of frames are exhausted.
    pub(crate) fn room(&self) -> usize {
        (u32::MAX as usize).saturating_sub(self.octets.len())
    }

    /// Counts octets from `start` to the end as payload.
    pub(crate) fn push_payload(&mut self, stream: StreamId, start: usize) {
        let length = self.octets.len() - start;
        self.push_piece(stream, FrameFlags::empty(), start as u32, length as u32);
    }

    /// Adds payload that is no message: to the last frame, if it is payload of the same stream and place
    /// and these octets lie right behind it.
    pub(crate) fn push_piece(&mut self, stream: StreamId, place: FrameFlags, offset: u32, length: u32) {
        if length == 0 {
            return;
        }
        if let Some(last) = self.frames.last_mut()
            && (last.stream, last.kind, last.flags) == (stream, FrameKind::Data, place)
            && last.attributes == 0
            && last.offset + last.payload == offset
        {
            last.payload += length;
            return;
        }
        let frame = self.push(stream, FrameKind::Data);
        frame.flags = place;
        frame.offset = offset;
        frame.payload = length;
    }
}
