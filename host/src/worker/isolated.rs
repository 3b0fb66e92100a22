//! `isolation: stream`: an instance of its own for each stream that a binding accepts.
//!
//! A trap costs one accepted stream, and those that were opened on its behalf. Each instance chooses its even ids
//! from 2, so they are translated: the engine sees ids of the binding, an instance its own. What an instance says
//! of other streams, or of the binding itself (stream 0), is dropped.

use crate::guards::Asking;
use crate::plugin::{AttachError, Instance, Instant, Returned, Trap};
use slab::Slab;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Frame, FrameKind, StreamId};

/// The instances of one binding.
#[derive(Default)]
pub(super) struct Isolated {
    owners: Slab<Owner>,
    names: Names,
    /// Frames of the batch at hand by owner, in the order in which owners first appear.
    order: Vec<usize>,
    batch: Batch,
}

/// The binding's ids of streams.
#[derive(Default)]
struct Names {
    /// Which owner has an id, and how the owner names it.
    owned: BTreeMap<StreamId, (usize, StreamId)>,
    /// Even ids free for reuse.
    free: Vec<StreamId>,
    /// How many even ids there have been.
    opened: u32,
}

struct Owner {
    instance: Box<dyn Instance>,
    /// By its own name, the binding's.
    ids: BTreeMap<StreamId, StreamId>,
    /// What it is to get of the batch at hand: positions of frames.
    frames: Vec<usize>,
}

impl Isolated {
    /// Hands each instance what is its own, and the engine what they return. `make` makes an instance. `on_trap` is
    /// told of each trap with the number of streams that it cost, and says whether to go on; if not, the rest of the
    /// batch is lost.
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        batch: &Batch,
        returned: &mut Returned,
        (engine, binding, asking): (&mut Engine, BindingIndex, &mut Asking<'_>),
        mut make: impl FnMut() -> Result<Box<dyn Instance>, AttachError>,
        mut on_trap: impl FnMut(&Trap, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (position, frame) in batch.frames.iter().enumerate() {
            if frame.stream == 0 {
                self.order.extend(
                    self.owners.iter().filter(|(_, owner)| owner.frames.is_empty()).map(|(index, _)| index),
                );
                self.owners.iter_mut().for_each(|(_, owner)| owner.frames.push(position));
            } else if let Err(error) = self.sort(position, frame, &mut make) {
                engine.fail_stream(binding, frame.stream, CloseCode::Crashed);
                on_trap(&Trap::Other(error.to_string()), 1)?;
            }
        }
        for index in std::mem::take(&mut self.order) {
            if let Err(trap) = self.call(index, now, batch, returned, (engine, binding, asking)) {
                let streams = self.fail(index, engine, binding);
                on_trap(&trap, streams)?;
            } else {
                self.forget_over(index, engine, binding);
            }
        }
        ControlFlow::Continue(())
    }

    /// Instances that there are.
    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }

    /// Gives every instance its last call.
    pub(super) fn detach(&mut self) -> Vec<Trap> {
        self.names = Names::default();
        self.owners.drain().filter_map(|mut owner| owner.instance.detach().err()).collect()
    }

    /// Notes whose a frame is. A stream that begins gets an instance.
    fn sort(
        &mut self,
        position: usize,
        frame: &Frame,
        make: &mut impl FnMut() -> Result<Box<dyn Instance>, AttachError>,
    ) -> Result<(), AttachError> {
        let begins = frame.kind == FrameKind::Begin && frame.stream & 1 == 1;
        let index = match self.names.owned.get(&frame.stream) {
            Some((index, _)) if !begins => *index,
            None if !begins => return Ok(()),
            Some(_) | None => {
                let ids = BTreeMap::from([(frame.stream, frame.stream)]);
                let index = self.owners.insert(Owner { instance: make()?, ids, frames: Vec::new() });
                self.names.owned.insert(frame.stream, (index, frame.stream));
                index
            }
        };
        let owner = &mut self.owners[index];
        if owner.frames.is_empty() {
            self.order.push(index);
        }
        owner.frames.push(position);
        Ok(())
    }

    fn call(
        &mut self,
        index: usize,
        now: Instant,
        batch: &Batch,
        returned: &mut Returned,
        (engine, binding, asking): (&mut Engine, BindingIndex, &mut Asking<'_>),
    ) -> Result<(), Trap> {
        let owner = &mut self.owners[index];
        self.batch.clear();
        for position in owner.frames.drain(..) {
            let frame = batch.frames[position];
            let stream = self.names.owned.get(&frame.stream).map_or(frame.stream, |(_, own)| *own);
            let link = match frame.kind {
                FrameKind::Forward => self.names.owned.get(&frame.link).map_or(0, |(_, own)| *own),
                _ => frame.link,
            };
            let (attributes, payload) = frame.cut(batch.octets()).unwrap_or_default();
            self.batch.push(Frame { stream, link, ..frame }, attributes, payload);
        }
        let batch = &self.batch;
        asking.call(&mut owner.instance, engine, now, |instance| instance.deliver(now, batch, returned))?;
        returned.frames.retain_mut(|frame| translate(frame, index, owner, &mut self.names));
        engine.handle(binding, &returned.frames, self.batch.octets(), &returned.octets);
        Ok(())
    }

    /// A trap: closes what the instance had, and says how many streams those were.
    fn fail(&mut self, index: usize, engine: &mut Engine, binding: BindingIndex) -> usize {
        let owner = self.owners.remove(index);
        let mut streams = 0;
        for id in owner.ids.into_values() {
            streams += usize::from(engine.has_stream(binding, id));
            engine.fail_stream(binding, id, CloseCode::Crashed);
            self.names.release(id, index);
        }
        streams
    }

    /// Forgets ids whose streams are over, and the instance with the last of them.
    fn forget_over(&mut self, index: usize, engine: &Engine, binding: BindingIndex) {
        let owner = &mut self.owners[index];
        let over: Vec<StreamId> =
            owner.ids.values().copied().filter(|id| !engine.has_stream(binding, *id)).collect();
        owner.ids.retain(|_, id| !over.contains(id));
        let is_over = owner.ids.is_empty();
        over.into_iter().for_each(|id| self.names.release(id, index));
        if is_over {
            // What it does with its last call is its own affair: it has no stream left.
            let _ = self.owners.remove(index).instance.detach();
        }
    }
}

impl Names {
    /// An id for a stream that an instance opens.
    fn open(&mut self, index: usize, own: StreamId) -> StreamId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.opened += 1;
            self.opened << 1
        });
        self.owned.insert(id, (index, own));
        id
    }

    /// The id may be given to another stream. A later owner of it keeps it.
    fn release(&mut self, id: StreamId, index: usize) {
        if self.owned.get(&id).is_some_and(|(owner, _)| *owner == index) {
            self.owned.remove(&id);
            if id & 1 == 0 {
                self.free.push(id);
            }
        }
    }
}

/// Puts the binding's ids into a returned frame. False if it names a stream that is not the instance's.
fn translate(frame: &mut Frame, index: usize, owner: &mut Owner, names: &mut Names) -> bool {
    let own = frame.stream;
    let opens = frame.kind == FrameKind::Begin && own != 0 && own & 1 == 0;
    if opens && !owner.ids.contains_key(&own) {
        owner.ids.insert(own, names.open(index, own));
    }
    let Some(id) = owner.ids.get(&own) else { return false };
    frame.stream = *id;
    if matches!(frame.kind, FrameKind::Begin | FrameKind::Forward) {
        frame.link = owner.ids.get(&frame.link).copied().unwrap_or(0);
    }
    true
}
