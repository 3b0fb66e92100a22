//! Timers in the order of their deadlines.

use crate::route::BindingIndex;
use crate::stream::{Side, StreamKey};
use std::collections::BTreeMap;

/// Whom a timer signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer {
    pub(crate) binding: BindingIndex,
    /// The end of a stream, or the binding itself.
    pub(crate) on: Option<(StreamKey, Side)>,
    pub(crate) token: u32,
}

/// All timers of an engine. Those with one deadline are due in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<(u64, u64), Timer>,
    sequence: u64,
}

impl Timers {
    /// Adds a timer and says under which sequence number.
    pub(crate) fn insert(&mut self, deadline: u64, timer: Timer) -> u64 {
        self.sequence += 1;
        self.due.insert((deadline, self.sequence), timer);
        self.sequence
    }

    pub(crate) fn remove(&mut self, deadline: u64, sequence: u64) {
        self.due.remove(&(deadline, sequence));
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.due.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    pub(crate) fn pop_due(&mut self, now: u64) -> Option<Timer> {
        self.next_deadline().filter(|deadline| *deadline <= now)?;
        self.due.pop_first().map(|(_, timer)| timer)
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
