//! What waits for one binding: batches of frames with their octets, filled at the back and taken at the front.

use crate::frame::{Frame, FrameKind};
use crate::limits::{BATCH_FRAMES_MAX, BATCH_OCTETS_MAX, SPARE_BATCHES_MAX};
use crate::route::BindingIndex;
use crate::shares::Shares;
use crate::stream::{Side, StreamKey};
use std::collections::VecDeque;

/// A frame on its way to one end of a stream; without a stream it is for the binding itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) frame: Frame,
    pub(crate) to: Option<(StreamKey, Side)>,
    /// At whose cost it waits.
    pub(crate) from: BindingIndex,
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

    /// Makes a frame without attributes part of the last one, if it continues it. Its payload is to be, or was
    /// just, put behind the other octets.
    fn merge(&mut self, queued: &Queued, payload: u32) -> bool {
        let Some(last) = self.queued.last_mut().filter(|last| last.to == queued.to) else { return false };
        let plain = |frame: &Frame| frame.attributes == 0 && !frame.flags.init && !frame.flags.fin;
        match (last.frame.kind, queued.frame.kind) {
            (FrameKind::Data, FrameKind::Data) if plain(&last.frame) && plain(&queued.frame) => {
                last.frame.payload += payload;
                true
            }
            (FrameKind::Window, FrameKind::Window) => {
                last.frame.value += queued.frame.value;
                true
            }
            _ => false,
        }
    }

    fn append(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.room(octets.len()).copy_from_slice(octets);
            self.filled += octets.len();
        }
    }
}

/// What waits for one binding.
#[derive(Debug)]
pub(crate) struct Inbox {
    parcels: VecDeque<Parcel>,
    frames: usize,
    /// Frames above which those that nobody wants any more are looked for.
    thin_above: usize,
    /// Of its binding's limit, by who sends to it.
    shares: Shares,
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
    pub(crate) fn new(shares: Shares) -> Self {
        Self { parcels: VecDeque::new(), frames: 0, thin_above: 0, shares }
    }

    /// Whether one more frame may wait at the cost of a sender.
    #[inline]
    pub(crate) fn admits(&self, from: BindingIndex) -> bool {
        self.shares.admits(from)
    }

    pub(crate) fn len(&self) -> usize {
        self.frames
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Adds a frame with copies of its attributes and payload, and says whether it is one of its own: data that
    /// continues the frame before it, and credit on top of credit, become part of that frame.
    #[inline]
    pub(crate) fn push(
        &mut self,
        mut queued: Queued,
        attributes: &[u8],
        payload: &[u8],
        spare: &mut Spare,
    ) -> bool {
        let parcel = self.back(spare);
        if attributes.is_empty() && parcel.merge(&queued, payload.len() as u32) {
            parcel.append(payload);
            return false;
        }
        queued.frame.offset = parcel.filled as u32;
        queued.frame.attributes = attributes.len() as u32;
        queued.frame.payload = payload.len() as u32;
        queued.frame.flags.borrowed = false;
        parcel.append(attributes);
        parcel.append(payload);
        parcel.queued.push(queued);
        self.frames += 1;
        self.shares.add(queued.from);
        true
    }

    /// Room for a payload, to be added by [`Inbox::push_read`].
    pub(crate) fn room(&mut self, octets: usize, spare: &mut Spare) -> &mut [u8] {
        self.back(spare).room(octets)
    }

    /// Adds a frame whose payload is the first `octets` of the room last given. As [`Inbox::push`].
    pub(crate) fn push_read(&mut self, mut queued: Queued, octets: usize) -> bool {
        let Some(parcel) = self.parcels.back_mut() else { return false };
        let offset = parcel.filled;
        parcel.filled += octets;
        if parcel.merge(&queued, octets as u32) {
            return false;
        }
        queued.frame.offset = offset as u32;
        queued.frame.payload = octets as u32;
        parcel.queued.push(queued);
        self.frames += 1;
        self.shares.add(queued.from);
        true
    }

    /// Whether it has grown enough since it was last thinned for another round to be worth its time.
    pub(crate) fn is_to_be_thinned(&self, frames_min: usize) -> bool {
        self.frames > self.thin_above.max(frames_min)
    }

    /// Notes that nothing stale is left.
    pub(crate) fn note_thinned(&mut self) {
        self.thin_above = 2 * self.frames;
    }

    /// Takes everything out.
    pub(crate) fn empty(&mut self) -> VecDeque<Parcel> {
        self.frames = 0;
        self.shares.clear();
        std::mem::take(&mut self.parcels)
    }

    pub(crate) fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        self.frames -= parcel.queued.len();
        parcel.queued.iter().for_each(|queued| self.shares.remove(queued.from));
        debug_assert!(self.frames > 0 || self.shares.is_clear(), "who sent what was taken had it counted");
        Some(parcel)
    }

    fn back(&mut self, spare: &mut Spare) -> &mut Parcel {
        if self.parcels.back().is_none_or(Parcel::is_full) {
            self.parcels.push_back(spare.take());
        }
        self.parcels.back_mut().expect("a parcel was pushed")
    }
}
