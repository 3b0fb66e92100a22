//! How frames cross from one worker to another: in batches, through bounded channels, with a bell.
//!
//! ```text
//!   worker 0                                    worker 1
//!   LinkEnd ── send ──▶ BATCHES_MAX batches ──▶ receive ── LinkEnd
//!           ◀── receive ◀── BATCHES_MAX batches ◀── send ──
//!   Ear ◀──────────────── Bell: something came, or there is room again
//! ```
//!
//! A link has two ends, each on one worker, and each direction one sender and one receiver. Whoever puts a batch
//! into an empty or filling channel rings the other worker's bell, once a batch however many frames are in it.
//! Nobody waits: what does not fit stays where it is, and the receiver rings back when it has made room.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::task::Context;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use zilla_engine::{Batch, Session};

/// Batches under way in one direction between two workers, each of as many frames and octets as a batch for a
/// binding has at most. Enough to keep both workers busy; what is more waits at its sender.
pub(crate) const BATCHES_MAX: usize = 16;

/// Empty batches that an end keeps for what it sends next.
const SPARE_BATCHES_MAX: usize = 4;

/// Wakes a worker from another one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    fn ring(&self) {
        self.0.notify_one();
    }

    /// Where the worker hears it.
    pub(crate) fn ear(self) -> Ear {
        let next = Box::pin(Arc::clone(&self.0).notified_owned());
        Ear { bell: self, next }
    }
}

/// Where a worker hears its bell. However often it was rung since the worker last listened, that is heard twice at most.
pub(crate) struct Ear {
    bell: Bell,
    next: Pin<Box<OwnedNotified>>,
}

impl Ear {
    /// Whether the bell was rung; else the task is woken when it is.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let is_rung = self.next.as_mut().poll(cx).is_ready();
        if is_rung {
            self.next.set(Arc::clone(&self.bell.0).notified_owned());
        }
        is_rung
    }
}

/// Frames that cross together, and whom their streams are open for: authorizations are of one worker, so the `value` of
/// a `begin` is a position here, from 1.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) batch: Batch,
    sessions: Vec<Vec<Arc<Session>>>,
    /// Sessions that were renewed, by the numbers of those before. They come into force behind the frames.
    pub(crate) renewed: BTreeMap<u64, Arc<Session>>,
}

impl Load {
    /// Takes sessions in, and says what stands for them.
    pub(crate) fn bring(&mut self, sessions: &[Arc<Session>]) -> u64 {
        if sessions.is_empty() {
            return 0;
        }
        self.sessions.push(sessions.to_vec());
        self.sessions.len() as u64
    }

    /// What a number stands for.
    pub(crate) fn brought(&self, number: u64) -> &[Arc<Session>] {
        let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        position.and_then(|position| self.sessions.get(position)).map_or(&[], Vec::as_slice)
    }

    fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.renewed.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.sessions.clear();
        self.renewed.clear();
    }
}

/// One end of a link.
pub(crate) struct LinkEnd {
    /// None only while it is dropped.
    sender: Option<SyncSender<Load>>,
    receiver: Receiver<Load>,
    /// Whether the other end is to be told when there is room for what it sends.
    other_waits: Arc<AtomicBool>,
    /// The same of this end.
    waits: Arc<AtomicBool>,
    /// Of the other worker.
    bell: Bell,
    spare: Vec<Load>,
}

/// The other worker has dropped its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// A link between two workers, by their bells.
pub(crate) fn link(one: &Bell, other: &Bell) -> (LinkEnd, LinkEnd) {
    let (to_other, from_one) = sync_channel(BATCHES_MAX);
    let (to_one, from_other) = sync_channel(BATCHES_MAX);
    let (one_waits, other_waits) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let end =
        |sender, receiver, waits: &Arc<AtomicBool>, other_waits: &Arc<AtomicBool>, bell: &Bell| LinkEnd {
            sender: Some(sender),
            receiver,
            waits: Arc::clone(waits),
            other_waits: Arc::clone(other_waits),
            bell: bell.clone(),
            spare: Vec::new(),
        };
    (
        end(to_other, from_other, &one_waits, &other_waits, other),
        end(to_one, from_one, &other_waits, &one_waits, one),
    )
}

impl LinkEnd {
    /// Sends a load, unless it is empty, and leaves an empty one in its place. False if there is no room: then the
    /// own bell is rung when there is. What is sent to an end that was dropped is lost.
    pub(crate) fn send(&mut self, load: &mut Load) -> bool {
        if load.is_empty() {
            return true;
        }
        let Some(sender) = &self.sender else { return true };
        let full = std::mem::replace(load, self.spare.pop().unwrap_or_default());
        let sent = match sender.try_send(full) {
            // Said first and tried again then: the other end may have made room before it could know.
            Err(TrySendError::Full(full)) => {
                self.waits.store(true, Ordering::SeqCst);
                sender.try_send(full)
            }
            sent => sent,
        };
        match sent {
            Ok(()) => self.bell.ring(),
            Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(full)) => {
                *load = full;
                return false;
            }
        }
        true
    }

    /// The next load that the other end has sent, if there is one.
    pub(crate) fn receive(&mut self) -> Result<Option<Load>, Lost> {
        match self.receiver.try_recv() {
            Ok(load) => {
                if self.other_waits.swap(false, Ordering::SeqCst) {
                    self.bell.ring();
                }
                Ok(Some(load))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Lost),
        }
    }

    /// Keeps the buffers of a load that was received for one that is to be sent.
    pub(crate) fn reuse(&mut self, mut load: Load) {
        if self.spare.len() < SPARE_BATCHES_MAX {
            load.clear();
            self.spare.push(load);
        }
    }
}

impl Drop for LinkEnd {
    fn drop(&mut self) {
        // First of all: who is woken is to see it.
        self.sender = None;
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use zilla_engine::{Frame, FrameKind};

    /// Whether a bell was rung since it was last listened to.
    fn is_rung(ear: &mut Ear) -> bool {
        let mut poll = || ear.poll(&mut Context::from_waker(Waker::noop()));
        let heard = (0..3).take_while(|_| poll()).count();
        assert!(heard < 3, "any number of rings are heard twice at most");
        heard > 0
    }

    fn load() -> Load {
        let mut load = Load::default();
        load.batch.push(Frame::new(1, FrameKind::Flush), &[], &[]);
        load
    }

    #[test]
    fn bells_tell_of_what_comes_of_room_and_of_the_end() {
        let bells = [Bell::default(), Bell::default()];
        let (mut one, mut other) = link(&bells[0], &bells[1]);
        let [mut here, mut there] = bells.map(Bell::ear);
        assert!(!is_rung(&mut here) && !is_rung(&mut there));
        for _ in 0..BATCHES_MAX {
            assert!(one.send(&mut load()));
        }
        assert!(is_rung(&mut there) && !is_rung(&mut there));
        let mut waiting = load();
        assert!(!one.send(&mut waiting));
        assert!(!is_rung(&mut here), "there is no room yet");
        assert!(other.receive().is_ok_and(|load| load.is_some()));
        assert!(is_rung(&mut here), "now there is");
        assert!(other.receive().is_ok_and(|load| load.is_some()));
        assert!(!is_rung(&mut here), "nobody waits any longer");
        assert!(one.send(&mut waiting) && waiting.batch.is_empty());
        drop(one);
        assert!(is_rung(&mut there));
        let came = std::iter::from_fn(|| other.receive().ok().flatten()).count();
        assert_eq!(came, BATCHES_MAX - 1, "what was sent before comes");
        assert!(other.receive().is_err());
    }
}
