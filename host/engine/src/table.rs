//! All streams of an engine, and the ids by which bindings name them.

use crate::frame::StreamId;
use crate::stream::{Side, Stream, StreamKey};

/// Streams by slot. A slot is reused under a new generation, so that a stale key finds nothing.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    stream: Option<Stream>,
}

impl Streams {
    pub(crate) fn insert(&mut self, stream: Stream) -> StreamKey {
        self.live += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, stream: None });
            self.slots.len() as u32 - 1
        });
        let entry = &mut self.slots[slot as usize];
        entry.stream = Some(stream);
        StreamKey { slot, generation: entry.generation }
    }

    #[inline]
    pub(crate) fn get(&mut self, key: StreamKey) -> Option<&mut Stream> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation == key.generation { slot.stream.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, key: StreamKey) {
        let Some(slot) = self.slots.get_mut(key.slot as usize) else { return };
        if slot.generation == key.generation && slot.stream.take().is_some() {
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(key.slot);
            self.live -= 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }
}

/// The ids of one binding. Both tables are dense, since the ids are: the engine hands out the odd ones, and
/// the streams limit bounds the even ones.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    accepted: Vec<Option<StreamKey>>,
    accepted_free: Vec<u32>,
    /// Released since the binding's last batch, so that an answer to that batch which comes late never meets
    /// another stream.
    accepted_resting: Vec<u32>,
    opened: Vec<Option<StreamKey>>,
    opened_live: usize,
}

impl Ids {
    #[inline]
    pub(crate) fn get(&self, id: StreamId) -> Option<(StreamKey, Side)> {
        let (table, side) =
            if id & 1 == 1 { (&self.accepted, Side::Acceptor) } else { (&self.opened, Side::Opener) };
        table.get((id >> 1) as usize).copied().flatten().map(|key| (key, side))
    }

    /// Whether a binding may open a stream under this id: even, not 0, below the bound, and free.
    pub(crate) fn may_open(&self, id: StreamId, streams_max: u32) -> bool {
        id != 0 && id & 1 == 0 && (id >> 1) < streams_max && self.get(id).is_none()
    }

    pub(crate) fn open(&mut self, id: StreamId, key: StreamKey) {
        let index = (id >> 1) as usize;
        if self.opened.len() <= index {
            self.opened.resize(index + 1, None);
        }
        self.opened[index] = Some(key);
        self.opened_live += 1;
    }

    /// An id for a stream to accept.
    pub(crate) fn accept(&mut self) -> StreamId {
        let index = match self.accepted_free.pop() {
            Some(index) => index,
            None => {
                self.accepted.push(None);
                self.accepted.len() as u32 - 1
            }
        };
        index << 1 | 1
    }

    pub(crate) fn bind(&mut self, id: StreamId, key: StreamKey) {
        self.accepted[(id >> 1) as usize] = Some(key);
    }

    pub(crate) fn release(&mut self, id: StreamId) {
        let index = id >> 1;
        if id & 1 == 1 {
            self.accepted[index as usize] = None;
            self.accepted_resting.push(index);
        } else if let Some(slot) = self.opened.get_mut(index as usize) {
            *slot = None;
            self.opened_live -= 1;
        }
    }

    /// Another batch begins: ids that were released before it are free.
    pub(crate) fn reuse_rested(&mut self) {
        self.accepted_free.append(&mut self.accepted_resting);
    }

    pub(crate) fn accepted_live(&self) -> usize {
        self.accepted.len() - self.accepted_free.len() - self.accepted_resting.len()
    }

    /// The streams of the binding, in the order of their ids.
    pub(crate) fn keys(&self) -> Vec<(StreamKey, Side)> {
        let accepted = self.accepted.iter().flatten().map(|key| (*key, Side::Acceptor));
        let opened = self.opened.iter().flatten().map(|key| (*key, Side::Opener));
        accepted.chain(opened).collect()
    }

    /// How many streams the binding has.
    pub(crate) fn len(&self) -> usize {
        self.accepted_live() + self.opened_live
    }
}
