//! Who gets the events of a stream: a [`Stream`] with the ids that it has.

use crate::binding::Stream;
use crate::bindings::zilla::plugin::types::StreamId;
use crate::streams::Streams;
use std::collections::BTreeMap;

/// A [`Stream`] with the ids that its events come from.
pub(crate) struct Owner<S> {
    pub(crate) stream: S,
    pub(crate) accepted: Accepted,
    pub(crate) opened: Vec<StreamId>,
}

/// What an owner has accepted.
pub(crate) enum Accepted {
    /// One stream, which may be over.
    One { id: StreamId, is_over: bool },
    /// The streams of a group that are not over.
    Group { name: Box<[u8]>, members: Vec<StreamId> },
}

impl Accepted {
    /// The stream that `reply` and `request` mean during an event; 0 if there is none.
    pub(crate) fn meant(&self, current: StreamId) -> StreamId {
        match self {
            Self::One { id, .. } => *id,
            Self::Group { .. } if current & 1 == 1 => current,
            Self::Group { .. } => 0,
        }
    }

    /// The streams of a group; none of what is alone.
    pub(crate) fn members(&self) -> &[StreamId] {
        match self {
            Self::One { .. } => &[],
            Self::Group { members, .. } => members,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::One { is_over, .. } => *is_over,
            Self::Group { members, .. } => members.is_empty(),
        }
    }
}

impl<S> Owner<S> {
    /// Forgets streams that are over; `index` is its own. True when that was the last.
    pub(crate) fn release(&mut self, index: usize, streams: &mut Streams) -> bool {
        // There may be many: only what ended is looked at.
        while let Some(id) = streams.over.pop() {
            if streams.get_own(id, index).is_none() || !streams.release(id) {
                continue;
            }
            match &mut self.accepted {
                _ if id & 1 == 0 => forget(&mut self.opened, id),
                Accepted::One { is_over, .. } => *is_over = true,
                Accepted::Group { members, .. } => forget(members, id),
            }
        }
        self.accepted.is_over() && self.opened.is_empty()
    }
}

/// Takes an id out of a list, whose order stays.
fn forget(ids: &mut Vec<StreamId>, id: StreamId) {
    if let Some(at) = ids.iter().position(|known| *known == id) {
        ids.remove(at);
    }
}

/// All owners of an instance.
pub(crate) struct Owners<S> {
    slots: Vec<Option<Owner<S>>>,
    free: Vec<usize>,
    /// By name of the group.
    groups: BTreeMap<Box<[u8]>, usize>,
}

impl<S: Stream> Owners<S> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), groups: BTreeMap::new() }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Owner<S>> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// One more than the highest index.
    pub(crate) fn end(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// The owner of a group.
    pub(crate) fn of_group(&self, name: &[u8]) -> Option<usize> {
        self.groups.get(name).copied()
    }

    /// An index for an owner to come. It is given back with [`Self::remove`].
    pub(crate) fn reserve(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        })
    }

    pub(crate) fn insert(&mut self, index: usize, owner: Owner<S>) {
        if let Accepted::Group { name, .. } = &owner.accepted {
            self.groups.insert(name.clone(), index);
        }
        self.slots[index] = Some(owner);
    }

    pub(crate) fn remove(&mut self, index: usize) {
        if let Some(Owner { accepted: Accepted::Group { name, .. }, .. }) = self.slots[index].take() {
            self.groups.remove(&name);
        }
        self.free.push(index);
    }
}
