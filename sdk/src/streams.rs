//! What the SDK knows of each open stream: both directions' phases and credit.
//!
//! This is the plugin's half of the rules in `wit/README.md`. It makes credit that an author cannot
//! overrun, and it lets a plugin reuse its ids exactly when the contract allows it.

use crate::bindings::zilla::plugin::types::{FrameKind, Limits, StreamId};
use crate::run::Run;

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
    /// The end of the direction has arrived, and waits behind a run for the binding to see it.
    pub(crate) peer_ended: bool,
    /// Octets consumed and not yet given back as credit.
    pub(crate) consumed: u64,
    /// The run under way of what is received.
    pub(crate) run: Option<Box<Run>>,
    /// The stream whose run goes to this one, or 0: meanwhile nothing else is sent.
    pub(crate) fed_by: StreamId,
}

impl Entry {
    fn new(owner: usize, sending: Phase, receiving: Phase, credit: u32) -> Self {
        let credit = u64::from(credit);
        Self { owner, sending, credit, receiving, peer_ended: false, consumed: 0, run: None, fed_by: 0 }
    }

    /// Whether both directions are over for the binding.
    pub(crate) fn is_over(&self) -> bool {
        self.sending == Phase::Over && self.receiving == Phase::Over
    }

    /// Whether both directions are over for the host, which has forgotten the stream.
    pub(crate) fn is_gone(&self) -> bool {
        self.sending == Phase::Over && (self.receiving == Phase::Over || self.peer_ended)
    }

    /// Applies a frame that arrived. False if the frame does not fit and is to be ignored.
    pub(crate) fn receive(&mut self, kind: FrameKind, value: u64) -> bool {
        match kind {
            FrameKind::Begin if self.receiving == Phase::Idle => self.receiving = Phase::Open,
            FrameKind::Data | FrameKind::Flush if self.receiving == Phase::Open => {}
            FrameKind::End if self.receiving == Phase::Open => self.receiving = Phase::Over,
            FrameKind::Abort if self.receiving != Phase::Over => self.receiving = Phase::Over,
            FrameKind::Window if self.sending != Phase::Over => {
                self.credit = self.credit.saturating_add(value);
            }
            FrameKind::Reset if self.sending != Phase::Over => self.sending = Phase::Over,
            FrameKind::Challenge | FrameKind::Forward | FrameKind::Signal => {}
            _ => return false,
        }
        true
    }
}

/// All open streams of this plugin, by id.
#[derive(Debug)]
pub(crate) struct Streams {
    /// By `id >> 1`, odd ids.
    accepted: Vec<Option<Entry>>,
    /// By `id >> 1`, even ids; 0 is the binding itself.
    opened: Vec<Option<Entry>>,
    /// Even ids free for reuse, last released first, so that ids stay dense.
    free: Vec<StreamId>,
    /// Even ids released in this call. Frames that still name the old stream may follow in it, so these
    /// are free from the next call on.
    released: Vec<StreamId>,
    /// Streams whose second direction ended since their owner was last looked after. One may be there twice.
    pub(crate) over: Vec<StreamId>,
    /// Owners that asked for `on_later`, in order.
    pub(crate) later: Vec<usize>,
    /// Streams whose run is to be looked at when the call is over.
    pub(crate) runs_due: Vec<StreamId>,
    /// Calls so far, to tell what belongs to this one.
    pub(crate) calls: u64,
    /// The stream whose id the host is reusing, or 0.
    pub(crate) reclaimed: StreamId,
    /// When the host closes what is left; none before it drains.
    pub(crate) drain_deadline_ms: Option<u64>,
    /// Whether none is ever accepted: those that are opened are on nobody's behalf.
    pub(crate) is_outbound: bool,
    pub(crate) limits: Limits,
}

impl Streams {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            accepted: Vec::new(),
            opened: vec![None],
            free: Vec::new(),
            released: Vec::new(),
            over: Vec::new(),
            later: Vec::new(),
            runs_due: Vec::new(),
            calls: 0,
            reclaimed: 0,
            drain_deadline_ms: None,
            is_outbound: false,
            limits,
        }
    }

    /// Those of who opens streams and accepts none.
    pub(crate) fn outbound(limits: Limits) -> Self {
        Self { is_outbound: true, ..Self::new(limits) }
    }

    /// A call begins.
    pub(crate) fn begin_call(&mut self) {
        self.calls += 1;
        self.free.append(&mut self.released);
    }

    pub(crate) fn get(&mut self, id: StreamId) -> Option<&mut Entry> {
        let table = if id & 1 == 1 { &mut self.accepted } else { &mut self.opened };
        table.get_mut((id >> 1) as usize)?.as_mut()
    }

    /// The stream if it is one of that owner.
    pub(crate) fn get_own(&mut self, id: StreamId, owner: usize) -> Option<&mut Entry> {
        self.get(id).filter(|entry| entry.owner == owner)
    }

    /// Notes that a direction of the stream has ended.
    pub(crate) fn note_end(&mut self, id: StreamId) {
        if self.get(id).is_some_and(|entry| entry.is_over()) {
            self.over.push(id);
        }
    }

    /// Enters a stream that arrived. Its peer has begun, this plugin has not.
    pub(crate) fn accept(&mut self, id: StreamId, owner: usize) {
        let index = (id >> 1) as usize;
        if self.accepted.len() <= index {
            self.accepted.resize_with(index + 1, || None);
        }
        self.accepted[index] = Some(Entry::new(owner, Phase::Idle, Phase::Open, self.limits.initial_credit));
    }

    /// Enters a stream that this plugin opens, or `None` when there is no id left.
    pub(crate) fn open(&mut self, owner: usize) -> Option<StreamId> {
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.opened.len() < self.limits.streams as usize => {
                self.opened.push(None);
                (self.opened.len() as u32 - 1) << 1
            }
            None => return None,
        };
        let entry = Entry::new(owner, Phase::Open, Phase::Idle, self.limits.initial_credit);
        self.opened[(id >> 1) as usize] = Some(entry);
        Some(id)
    }

    /// Forgets a stream that was never announced to the host.
    pub(crate) fn unopen(&mut self, id: StreamId) {
        self.opened[(id >> 1) as usize] = None;
        self.free.push(id);
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
            self.released.push(id);
        }
        true
    }
}
