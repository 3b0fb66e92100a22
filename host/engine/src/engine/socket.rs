//! The way in for a socket: what it brings is read straight into the inbox of whom it is for, be it behind runs.

use super::Engine;
use crate::frame::{Frame, FrameKind, StreamId};
use crate::inbox::Queued;
use crate::route::BindingIndex;
use crate::stream::{Phase, Side, StreamKey};

impl Engine {
    /// Room to read up to `octets` of payload for a stream into, or less if the credit is less. `None` if
    /// the binding may send nothing on it now. What is read is sent by [`Engine::read`], which must be the next
    /// call.
    pub fn room(&mut self, from: BindingIndex, stream: StreamId, octets: usize) -> Option<&mut [u8]> {
        let (key, side) = self.bindings[from.0 as usize].ids.get(stream)?;
        let entry = self.streams.get(key)?;
        let direction = entry.sent_by(side);
        let credit = usize::try_from(direction.credit).unwrap_or(usize::MAX).min(octets);
        if direction.phase != Phase::Open || direction.sender_done || credit == 0 {
            return None;
        }
        let ((key, side), octets) = self.end_of_runs((key, side), credit);
        let binding = self.streams.get(key)?.end(side.peer()).binding;
        Some(self.bindings[binding.0 as usize].inbox.room(octets, &mut self.spare))
    }

    /// Sends the first `octets` of the room last given as data of that stream. If as much of the binding waits
    /// for the receiver as may, the stream is closed instead.
    pub fn read(&mut self, from: BindingIndex, stream: StreamId, octets: usize) {
        let Some((key, side)) = self.bindings[from.0 as usize].ids.get(stream) else { return };
        if octets > 0 {
            self.receive_read(key, side, octets);
            self.move_runs();
        }
    }

    fn receive_read(&mut self, key: StreamKey, side: Side, octets: usize) {
        let source = (key, side);
        let (end, _) = self.end_of_runs(source, octets);
        if let Some(stream) = self.streams.get(key) {
            let direction = stream.sent_by(side);
            direction.credit = direction.credit.saturating_sub(octets as u64);
        }
        self.put_read(end, octets);
        self.note_passed(source, end, octets as u64);
    }

    /// Has what was read received, as if the side had sent it.
    fn put_read(&mut self, (key, side): (StreamKey, Side), octets: usize) {
        let Some(stream) = self.streams.get(key) else { return };
        let receiver = stream.end(side.peer());
        let (binding, id) = (receiver.binding, receiver.id);
        let from = stream.end(side).binding;
        let direction = stream.sent_by(side);
        let inbox = &mut self.bindings[binding.0 as usize].inbox;
        if direction.is_diverted(FrameKind::Data) {
            let payload = inbox.room(octets, &mut self.spare).to_vec();
            return self.divert(key, side, Frame::new(0, FrameKind::Data), &[], &payload);
        }
        if !inbox.admits(from) {
            return self.close_full(key, side.peer());
        }
        let queued = Queued { frame: Frame::new(id, FrameKind::Data), to: Some((key, side.peer())), from };
        direction.queued += u32::from(inbox.push_read(queued, octets));
        self.mark_ready(binding);
    }

    /// Octets that a binding may send on a stream now.
    pub fn credit(&mut self, from: BindingIndex, stream: StreamId) -> u64 {
        let Some((key, side)) = self.bindings[from.0 as usize].ids.get(stream) else { return 0 };
        self.streams.get(key).map_or(0, |entry| entry.sent_by(side).credit)
    }
}
