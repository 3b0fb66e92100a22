//! What waits for one binding: batches of frames with their octets, filled at the back and taken at the front.

use crate::frame::{Frame, FrameKind};
use crate::limits::{BATCH_FRAMES_MAX, BATCH_OCTETS_MAX, SPARE_BATCHES_MAX};
use crate::stream::{Side, StreamKey};
use std::collections::VecDeque;

/// A frame on its way to one end of a stream; without a stream it is for the binding itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) frame: Frame,
    pub(crate) to: Option<(StreamKey, Side)>,
}

/// Frames and octets that will be one batch. The first `filled` octets of `buffer` are meant; those behind
/// keep whatever an earlier use left, so that a socket can be read into them without clearing them first.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) queued: Vec<Queued>,
    pub(crate) buffer: Vec<u8>,
    pub(crate) filled: usize,
}

impl Parcel {
    fn is_full(&self) -> bool {
        self.queued.len() >= BATCH_FRAMES_MAX || self.filled >= BATCH_OCTETS_MAX
    }

    /// Writable octets behind those filled.
    fn room(&mut self, octets: usize) -> &mut [u8] {
        let end = self.filled + octets;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    fn append(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.room(octets.len()).copy_from_slice(octets);
            self.filled += octets.len();
        }
    }
}

/// What waits for one binding.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    parcels: VecDeque<Parcel>,
    frames: usize,
}

/// Parcels kept for reuse.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    parcels: Vec<Parcel>,
}

impl Spare {
    pub(crate) fn take(&mut self) -> Parcel {
        self.parcels.pop().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, mut parcel: Parcel) {
        if self.parcels.len() < SPARE_BATCHES_MAX && parcel.buffer.len() <= 2 * BATCH_OCTETS_MAX {
            parcel.queued.clear();
            parcel.filled = 0;
            self.parcels.push(parcel);
        }
    }
}

impl Inbox {
    pub(crate) fn len(&self) -> usize {
        self.frames
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Adds a frame with copies of its attributes and payload. Data that continues the frame before it
    /// becomes part of that frame.
    pub(crate) fn push(&mut self, mut queued: Queued, attributes: &[u8], payload: &[u8], spare: &mut Spare) {
        let parcel = self.back(spare);
        if attributes.is_empty()
            && queued.frame.kind == FrameKind::Data
            && let Some(last) = parcel.queued.last_mut()
            && last.to == queued.to
            && last.frame.kind == FrameKind::Data
            && !(last.frame.flags.init
                || last.frame.flags.fin
                || queued.frame.flags.init
                || queued.frame.flags.fin)
        {
            last.frame.payload += payload.len() as u32;
            parcel.append(payload);
            return;
        }
        queued.frame.offset = parcel.filled as u32;
        queued.frame.attributes = attributes.len() as u32;
        queued.frame.payload = payload.len() as u32;
        queued.frame.flags.borrowed = false;
        parcel.append(attributes);
        parcel.append(payload);
        parcel.queued.push(queued);
        self.frames += 1;
    }

    /// Room for a payload, to be added by [`Inbox::push_read`].
    pub(crate) fn room(&mut self, octets: usize, spare: &mut Spare) -> &mut [u8] {
        self.back(spare).room(octets)
    }

    /// Adds a frame whose payload is the first `octets` of the room last given.
    pub(crate) fn push_read(&mut self, mut queued: Queued, octets: usize) {
        let Some(parcel) = self.parcels.back_mut() else { return };
        queued.frame.offset = parcel.filled as u32;
        queued.frame.payload = octets as u32;
        parcel.filled += octets;
        parcel.queued.push(queued);
        self.frames += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        self.frames -= parcel.queued.len();
        Some(parcel)
    }

    fn back(&mut self, spare: &mut Spare) -> &mut Parcel {
        if self.parcels.back().is_none_or(Parcel::is_full) {
            self.parcels.push_back(spare.take());
        }
        self.parcels.back_mut().expect("a parcel was pushed")
    }
}
