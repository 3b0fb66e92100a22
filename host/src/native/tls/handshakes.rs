//! Connections of which nobody knows yet what they are: each has little time, and there are not many.

use super::super::Seat;
use crate::worker::wake::{self, Socket};
use slab::Slab;
use std::collections::VecDeque;
use std::task::Waker;

/// Handshakes of one binding and worker at a time. It bounds what peers can make a worker hold that have proved
/// nothing. Past it, the oldest is broken: one that is honest has been over for long.
pub(super) const HANDSHAKES_MAX: usize = 4096;

/// Names of limits, for the log.
pub(super) const HANDSHAKES: &str = "handshakes";
pub(super) const TIMEOUT: &str = "handshake-timeout";

/// Deadlines of handshakes that are over, which are kept before it is worth the time to look for them.
const DEADLINES_SPARE: usize = 64;

/// Handshakes, each with until when it has time.
pub(super) struct Handshakes<T> {
    seat: Seat,
    entries: Slab<Entry<T>>,
    /// In the order of time, as all have the same.
    deadlines: VecDeque<Deadline>,
    /// How many there have been.
    count: u64,
    timeout_ms: u64,
    max: usize,
    /// Whether the timer of the binding is set.
    is_timed: bool,
}

struct Deadline {
    at_ms: u64,
    index: usize,
    number: u64,
}

struct Entry<T> {
    /// Tells it apart from one that had its index before.
    number: u64,
    waker: Waker,
    handshake: T,
}

impl<T> Handshakes<T> {
    pub(super) fn new(seat: Seat, timeout_ms: u64) -> Self {
        Self {
            seat,
            entries: Slab::new(),
            deadlines: VecDeque::new(),
            count: 0,
            timeout_ms,
            max: HANDSHAKES_MAX,
            is_timed: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether another one costs the oldest.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.max
    }

    /// Begins one that has all of its time.
    pub(super) fn insert(&mut self, handshake: T, now_ms: u64) -> usize {
        let entry = self.entries.vacant_entry();
        let index = entry.key();
        let (at_ms, number) = (now_ms + self.timeout_ms, self.count);
        self.count += 1;
        let waker = wake::waker(self.seat.token(Socket::Handshake(index as u32)));
        entry.insert(Entry { number, waker, handshake });
        self.deadlines.push_back(Deadline { at_ms, index, number });
        if self.deadlines.len() > 2 * self.entries.len() + DEADLINES_SPARE {
            self.forget_all_ended();
        }
        index
    }

    /// One that goes on, and who is to be woken for it.
    pub(super) fn get(&mut self, index: usize) -> Option<(&mut T, &Waker)> {
        self.entries.get_mut(index).map(|entry| (&mut entry.handshake, &entry.waker))
    }

    /// Ends one.
    pub(super) fn remove(&mut self, index: usize) -> Option<T> {
        self.entries.try_remove(index).map(|entry| entry.handshake)
    }

    /// Ends the oldest.
    pub(super) fn remove_oldest(&mut self) -> Option<T> {
        while let Some(deadline) = self.deadlines.pop_front() {
            if self.is_on(&deadline) {
                return self.remove(deadline.index);
            }
        }
        None
    }

    /// Ends one that has had its time, if there is one.
    pub(super) fn remove_late(&mut self, now_ms: u64) -> Option<T> {
        self.forget_ended();
        self.deadlines.front().filter(|deadline| deadline.at_ms <= now_ms)?;
        self.remove_oldest()
    }

    /// When the first will have had its time.
    fn next_deadline(&mut self) -> Option<u64> {
        self.forget_ended();
        self.deadlines.front().map(|deadline| deadline.at_ms)
    }

    /// When the timer of the binding is to be set for, if it is to be set. One that is due early finds nothing and is
    /// set again, so that it does not move with each handshake.
    pub(super) fn timer(&mut self) -> Option<u64> {
        if self.is_timed {
            return None;
        }
        let deadline = self.next_deadline()?;
        self.is_timed = true;
        Some(deadline)
    }

    /// The timer of the binding has come.
    pub(super) fn timer_came(&mut self) {
        self.is_timed = false;
    }

    fn forget_ended(&mut self) {
        while self.deadlines.front().is_some_and(|deadline| !self.is_on(deadline)) {
            self.deadlines.pop_front();
        }
    }

    fn forget_all_ended(&mut self) {
        let mut deadlines = std::mem::take(&mut self.deadlines);
        deadlines.retain(|deadline| self.is_on(deadline));
        self.deadlines = deadlines;
    }

    /// Whether what a deadline is for still goes on.
    fn is_on(&self, deadline: &Deadline) -> bool {
        self.entries.get(deadline.index).is_some_and(|entry| entry.number == deadline.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_engine::BindingIndex;

    fn handshakes(max: usize) -> Handshakes<u32> {
        let seat = Seat { pipeline: 0, binding: BindingIndex(0), name: String::new(), is_taken_from: false };
        Handshakes { max, ..Handshakes::new(seat, 100) }
    }

    #[test]
    fn each_has_its_time() {
        let mut handshakes = handshakes(9);
        let first = handshakes.insert(1, 10);
        handshakes.insert(2, 20);
        handshakes.remove(first);
        assert_eq!(handshakes.next_deadline(), Some(120));
        // The third has the place of the first, but not its time.
        handshakes.insert(3, 30);
        assert_eq!(handshakes.remove_late(119), None);
        assert_eq!(handshakes.remove_late(120), Some(2));
        assert_eq!(handshakes.remove_late(129), None);
        assert_eq!((handshakes.remove_late(130), handshakes.next_deadline()), (Some(3), None));
        assert!(handshakes.deadlines.is_empty());
    }

    #[test]
    fn what_is_over_leaves_nothing_behind_one_that_is_slow() {
        let mut handshakes = handshakes(9);
        handshakes.insert(0, 10);
        for _ in 0..1_000 {
            let index = handshakes.insert(1, 20);
            handshakes.remove(index);
        }
        assert!(handshakes.deadlines.len() <= DEADLINES_SPARE + 4, "{}", handshakes.deadlines.len());
        assert_eq!(handshakes.remove_late(110), Some(0));
    }

    #[test]
    fn at_the_limit_the_oldest_goes() {
        let mut handshakes = handshakes(2);
        let first = handshakes.insert(1, 10);
        handshakes.insert(2, 10);
        assert!(handshakes.is_full());
        handshakes.remove(first);
        assert!(!handshakes.is_full());
        handshakes.insert(3, 20);
        assert_eq!((handshakes.is_full(), handshakes.remove_oldest()), (true, Some(2)));
    }
}
