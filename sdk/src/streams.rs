//! What the SDK knows of each open stream: both directions' phases and credit.
//!
//! This is the plugin's half of the rules in `wit/README.md`. It makes credit that an author cannot
//! overrun, and it lets a plugin reuse its ids exactly when the contract allows it.

use crate::bindings::zilla::plugin::types::{FrameKind, StreamId};

/// Where one direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No `begin` yet.
    Idle,
    /// Between `begin` and the end.
    Open,
    /// Ended, aborted or reset.
    Over,
}

/// One open stream as this plugin sees it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Index of the [`crate::Stream`] that gets the stream's frames.
    pub(crate) owner: usize,
    /// The direction that this plugin sends on.
    pub(crate) sending: Phase,
    /// Octets that this plugin may still send.
    pub(crate) credit: u64,
    /// The direction that this plugin receives on.
    pub(crate) receiving: Phase,
    /// Octets consumed and not yet given back as credit.
    pub(crate) consumed: u64,
}

impl Entry {
    fn is_over(&self) -> bool {
        self.sending == Phase::Over && self.receiving == Phase::Over
    }

    /// Applies a frame that arrived. False if the frame does not fit and is to be ignored.
    pub(crate) fn receive(&mut self, kind: FrameKind, value: u64) -> bool {
        match kind {
            FrameKind::Begin if self.receiving == Phase::Idle => self.receiving = Phase::Open,
            FrameKind::Data | FrameKind::Flush if self.receiving == Phase::Open => {}
            FrameKind::End | FrameKind::Abort if self.receiving != Phase::Over => {
                self.receiving = Phase::Over
            }
            FrameKind::Window if self.sending != Phase::Over => {
                self.credit = self.credit.saturating_add(value)
            }
            FrameKind::Reset if self.sending != Phase::Over => self.sending = Phase::Over,
            FrameKind::Challenge | FrameKind::Forward | FrameKind::Signal => {}
            _ => return false,
        }
        true
    }
}

/// All open streams of this plugin, by id.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// By `id >> 1`, odd ids.
    accepted: Vec<Option<Entry>>,
    /// By `id >> 1`, even ids; 0 is the binding itself.
    opened: Vec<Option<Entry>>,
    /// Even ids free for reuse, last released first, so that ids stay dense.
    free: Vec<StreamId>,
    /// How many entries `opened` may have.
    opened_max: u32,
    /// Credit that each direction starts with.
    pub(crate) initial_credit: u32,
}

impl Streams {
    pub(crate) fn new(streams_max: u32, initial_credit: u32) -> Self {
        Self { opened: vec![None], opened_max: streams_max, initial_credit, ..Self::default() }
    }

    pub(crate) fn get(&mut self, id: StreamId) -> Option<&mut Entry> {
        let table = if id & 1 == 1 { &mut self.accepted } else { &mut self.opened };
        table.get_mut((id >> 1) as usize)?.as_mut()
    }

    /// Enters a stream that arrived. Its peer has begun, this plugin has not.
    pub(crate) fn accept(&mut self, id: StreamId, owner: usize) {
        let index = (id >> 1) as usize;
        if self.accepted.len() <= index {
            self.accepted.resize_with(index + 1, || None);
        }
        self.accepted[index] = Some(Entry {
            owner,
            sending: Phase::Idle,
            credit: u64::from(self.initial_credit),
            receiving: Phase::Open,
            consumed: 0,
        });
    }

    /// Enters a stream that this plugin opens, or `None` when there is no id left.
    pub(crate) fn open(&mut self, owner: usize) -> Option<StreamId> {
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.opened.len() < self.opened_max as usize => {
                self.opened.push(None);
                (self.opened.len() as u32 - 1) << 1
            }
            None => return None,
        };
        self.opened[(id >> 1) as usize] = Some(Entry {
            owner,
            sending: Phase::Open,
            credit: u64::from(self.initial_credit),
            receiving: Phase::Idle,
            consumed: 0,
        });
        Some(id)
    }

    /// Forgets the stream if both its directions are over, and says so.
    pub(crate) fn release(&mut self, id: StreamId) -> bool {
        if !self.get(id).is_some_and(|entry| entry.is_over()) {
            return false;
        }
        let index = (id >> 1) as usize;
        if id & 1 == 1 {
            self.accepted[index] = None;
        } else {
            self.opened[index] = None;
            self.free.push(id);
        }
        true
    }
}
