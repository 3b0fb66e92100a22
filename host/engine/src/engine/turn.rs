//! Queueing frames for bindings, and handing them out: one batch of one binding at a time, in turn.

use super::Engine;
use crate::frame::{Batch, Frame, FrameKind};
use crate::inbox::Queued;
use crate::route::BindingIndex;
use crate::stream::{Side, StreamKey};

/// What becomes of a queued frame when its batch is taken.
enum Fate {
    Delivered,
    /// Its end of the stream is done with that direction.
    Dropped,
    /// Its receiver has the payload of that direction moved on.
    Diverted,
}

/// Whether a frame may wait in an inbox in which its sender has all that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// It ends a stream, and there are few of those.
    None,
    /// It may not.
    Quota,
    /// It may not, and it is the engine's own rather than of the other end: its receiver pays for it.
    Own,
}

impl Engine {
    /// The next binding with something to get, in turn.
    pub fn next_ready(&mut self) -> Option<BindingIndex> {
        let binding = self.ready.pop_front()?;
        self.bindings[binding.0 as usize].is_ready = false;
        Some(binding)
    }

    /// Has a binding in turn again that [`Engine::next_ready`] has named and whose batch was not taken.
    pub fn offer_again(&mut self, binding: BindingIndex) {
        if !self.bindings[binding.0 as usize].inbox.is_empty() {
            self.mark_ready(binding);
        }
    }

    /// Whether any binding has something to get.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Frames that wait for a binding.
    pub fn queued_for(&self, binding: BindingIndex) -> usize {
        self.bindings[binding.0 as usize].inbox.len()
    }

    /// Fills `batch` with the oldest of what waits for a binding, at most
    /// [`crate::limits::BATCH_FRAMES_MAX`] frames. Frames of streams that the binding has meanwhile done with
    /// are left out, so the batch may be empty.
    ///
    /// What the binding returned for the batch before must have been handled: from here on, the ids of
    /// streams that have ended are given to others.
    pub fn take(&mut self, binding: BindingIndex, batch: &mut Batch) {
        batch.frames.clear();
        batch.filled = 0;
        let state = &mut self.bindings[binding.0 as usize];
        state.parted.clear();
        state.ids.reuse_rested();
        let Some(mut parcel) = state.inbox.pop() else { return };
        for queued in &parcel.queued {
            match queued.to {
                None => batch.frames.push(queued.frame),
                Some((key, side)) => match self.fate(key, side, queued.frame.kind, queued.from == binding) {
                    Fate::Delivered => batch.frames.push(queued.frame),
                    Fate::Dropped => {}
                    Fate::Diverted => {
                        let cut = queued.frame.cut(&parcel.buffer[..parcel.filled]);
                        let (attributes, payload) = cut.unwrap_or_default();
                        self.divert(key, side.peer(), queued.frame, attributes, payload);
                    }
                },
            }
        }
        std::mem::swap(&mut batch.buffer, &mut parcel.buffer);
        batch.filled = parcel.filled;
        self.spare.put(parcel);
        self.bindings[binding.0 as usize].parted.sort_unstable();
        self.move_runs();
        if !self.bindings[binding.0 as usize].inbox.is_empty() {
            self.mark_ready(binding);
        }
    }

    /// Says whether a frame is still of interest to the end it was queued for, and takes note of the ends
    /// that it so gets to know.
    #[inline]
    fn fate(&mut self, key: StreamKey, side: Side, kind: FrameKind, is_own: bool) -> Fate {
        let Some(stream) = self.streams.get(key).filter(|stream| !stream.end(side).released) else {
            return Fate::Dropped;
        };
        match kind {
            FrameKind::Data | FrameKind::Flush | FrameKind::End | FrameKind::Abort => {
                let direction = stream.received_by(side);
                direction.queued -= 1;
                if direction.receiver_done {
                    return Fate::Dropped;
                }
                if direction.forward.as_ref().is_some_and(|forward| !forward.lets_pass(kind)) {
                    return Fate::Diverted;
                }
                if matches!(kind, FrameKind::End | FrameKind::Abort) {
                    direction.receiver_done = true;
                    self.part(key, side);
                }
                Fate::Delivered
            }
            FrameKind::Begin if stream.received_by(side).receiver_done => Fate::Dropped,
            // Who has ended its own direction may still ask for new credentials, if it is the engine that needs them.
            FrameKind::Challenge if is_own => Fate::Delivered,
            FrameKind::Window | FrameKind::Challenge | FrameKind::Reset
                if stream.sent_by(side).sender_done =>
            {
                Fate::Dropped
            }
            FrameKind::Reset => {
                stream.sent_by(side).sender_done = true;
                self.part(key, side);
                Fate::Delivered
            }
            FrameKind::Begin
            | FrameKind::Window
            | FrameKind::Challenge
            | FrameKind::Timer
            | FrameKind::Signal
            | FrameKind::Drain
            | FrameKind::Forward => Fate::Delivered,
        }
    }

    /// An end gets to know with this batch that a direction is over. What its binding returns for frames
    /// before that one is dropped without blame.
    fn part(&mut self, key: StreamKey, side: Side) {
        if let Some(stream) = self.streams.get(key) {
            let end = stream.end(side);
            self.bindings[end.binding.0 as usize].parted.push(end.id);
        }
        self.release(key, side);
    }

    /// Queues a frame for one end of a stream, under that end's id.
    pub(super) fn send(&mut self, key: StreamKey, to: Side, frame: Frame, attributes: &[u8], payload: &[u8]) {
        self.enqueue((key, to), frame, attributes, payload, Bound::None);
    }

    /// Passes a frame on, or closes its stream if as much waits of its sender as may.
    #[inline]
    pub(super) fn pass(&mut self, key: StreamKey, to: Side, frame: Frame, attributes: &[u8], payload: &[u8]) {
        if !self.enqueue((key, to), frame, attributes, payload, Bound::Quota) {
            self.close_full(key, to);
        }
    }

    /// Asks one end of a stream for something in the engine's own name.
    pub(super) fn ask(&mut self, key: StreamKey, to: Side, frame: Frame) {
        if !self.enqueue((key, to), frame, &[], &[], Bound::Own) {
            self.close_full(key, to);
        }
    }

    /// Queues a frame unless it is bound and as many of its sender wait as may. An end that is released needs none.
    #[inline]
    pub(super) fn enqueue(
        &mut self,
        (key, side): (StreamKey, Side),
        frame: Frame,
        attributes: &[u8],
        payload: &[u8],
        bound: Bound,
    ) -> bool {
        let nobody = self.nobody();
        let Some(stream) = self.streams.get(key) else { return true };
        let end = stream.end(side);
        if end.released {
            return true;
        }
        let binding = end.binding;
        let is_own = frame.kind.is_from_the_engine() || bound == Bound::Own;
        let peer = stream.end(side.peer()).binding;
        // What nobody sends is the refusal of an opening, at the cost of the opener.
        let from = if is_own || peer == nobody { binding } else { peer };
        let queued = Queued { frame: Frame { stream: end.id, ..frame }, to: Some((key, side)), from };
        let state = &mut self.bindings[binding.0 as usize];
        let (frames_max, inbox) = (state.quota.queued_frames as usize, &mut state.inbox);
        if bound != Bound::None && !inbox.admits(from) {
            return false;
        }
        let is_own = inbox.push(queued, attributes, payload, &mut self.spare);
        if is_own && frame.kind.is_with_the_data() {
            stream.received_by(side).queued += 1;
        }
        if is_own && inbox.is_to_be_thinned(frames_max) {
            self.thin(binding);
        }
        self.mark_ready(binding);
        true
    }

    pub(super) fn send_to_binding(&mut self, binding: BindingIndex, frame: Frame) {
        let queued = Queued { frame, to: None, from: binding };
        self.bindings[binding.0 as usize].inbox.push(queued, &[], &[], &mut self.spare);
        self.mark_ready(binding);
    }

    pub(super) fn mark_ready(&mut self, binding: BindingIndex) {
        let is_somebody = binding != self.nobody();
        let state = &mut self.bindings[binding.0 as usize];
        if is_somebody && !std::mem::replace(&mut state.is_ready, true) {
            self.ready.push_back(binding);
        }
    }

    /// Drops what waits for ends that are released. Without it, a binding that opens and abandons streams
    /// faster than it takes batches could fill inboxes without end.
    #[cold]
    fn thin(&mut self, binding: BindingIndex) {
        let inbox = &mut self.bindings[binding.0 as usize].inbox;
        for parcel in inbox.empty() {
            for queued in &parcel.queued {
                let mut stream = None;
                if let Some((key, side)) = queued.to {
                    stream = self.streams.get(key).filter(|stream| !stream.end(side).released);
                    if stream.is_none() {
                        continue;
                    }
                }
                let cut = queued.frame.cut(&parcel.buffer[..parcel.filled]);
                let (attributes, payload) = cut.unwrap_or_default();
                let is_own = inbox.push(*queued, attributes, payload, &mut self.spare);
                if let (false, Some(stream), Some((_, side))) = (is_own, stream, queued.to)
                    && queued.frame.kind.is_with_the_data()
                {
                    stream.received_by(side).queued -= 1;
                }
            }
            self.spare.put(parcel);
        }
        inbox.note_thinned();
    }
}
