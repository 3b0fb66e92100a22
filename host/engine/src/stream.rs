//! One stream: two ends, two directions.
//!
//! Each direction goes through this machine, and each end learns of its end at its own time:
//!
//! ```text
//!          begin           end, abort (sender) or reset (receiver)
//!   Idle ────────▶ Open ──────────────────────────────────────────▶ Over
//!     └────────────────────────────────────────────────────────────▶
//!                  abort or reset
//!
//!   sender_done:    the sender has sent the end, or has been delivered the reset
//!   receiver_done:  the receiver has sent the reset, or has been delivered the end
//! ```
//!
//! Between the two, frames of the other side still arrive and are dropped without blame. An end of the stream
//! is released when it is done both ways, and the stream is forgotten when both of its ends are.

use crate::forward::Forward;
use crate::frame::{FrameKind, StreamId};
use crate::route::BindingIndex;
use crate::violation::Rule;

/// Names a stream in its engine. A stale key finds nothing, since the generation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// One of the two ends of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Opener,
    Acceptor,
}

impl Side {
    pub(crate) fn peer(self) -> Self {
        match self {
            Self::Opener => Self::Acceptor,
            Self::Acceptor => Self::Opener,
        }
    }
}

/// See the machine above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Open,
    Over,
}

/// One direction, from its sender to its receiver.
#[derive(Debug)]
pub(crate) struct Direction {
    pub(crate) phase: Phase,
    /// Octets that the sender may still send.
    pub(crate) credit: u64,
    pub(crate) sender_done: bool,
    pub(crate) receiver_done: bool,
    /// Data, flush, end and abort that wait in the receiver's inbox.
    pub(crate) queued: u32,
    /// Set while the receiver has its payload moved on without seeing it.
    pub(crate) forward: Option<Box<Forward>>,
    /// The direction whose `forward` sends on this one, by its sender.
    pub(crate) forwarded_from: Option<(StreamKey, Side)>,
}

/// One end of a stream.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) binding: BindingIndex,
    /// Its binding's name of the stream; 0 for an end that nobody has, of a refused opening.
    pub(crate) id: StreamId,
    /// Timers set on it: token, deadline and sequence.
    pub(crate) timers: Vec<(u32, u64, u64)>,
    pub(crate) released: bool,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) opener: End,
    pub(crate) acceptor: End,
    /// From the opener to the acceptor.
    pub(crate) initial: Direction,
    /// From the acceptor to the opener.
    pub(crate) reply: Direction,
    pub(crate) authorization: u64,
    /// The acceptor's route, where it routes what it accepts.
    pub(crate) route: Option<usize>,
}

impl Direction {
    pub(crate) fn new(phase: Phase, credit: u32) -> Self {
        Self {
            phase,
            credit: u64::from(credit),
            sender_done: false,
            receiver_done: false,
            queued: 0,
            forward: None,
            forwarded_from: None,
        }
    }

    /// Whether a sender's frame is to be passed on: not if the receiver has reset the direction and the
    /// sender does not know it yet.
    pub(crate) fn may_send(&self) -> Result<bool, Rule> {
        match self.phase {
            _ if self.sender_done => Err(Rule::AfterEnd),
            Phase::Idle => Err(Rule::NotBegun),
            Phase::Open => Ok(true),
            Phase::Over => Ok(false),
        }
    }

    /// Whether a receiver's frame is to be passed on: not if the sender has ended and the receiver does not
    /// know it yet.
    pub(crate) fn may_answer(&self) -> Result<bool, Rule> {
        if self.receiver_done { Err(Rule::AfterEnd) } else { Ok(self.phase != Phase::Over) }
    }

    /// Whether what arrives now is moved on. What waits in the receiver's inbox comes before it.
    pub(crate) fn is_diverted(&self, kind: FrameKind) -> bool {
        self.queued == 0 && self.forward.as_ref().is_some_and(|forward| !forward.lets_pass(kind))
    }
}

impl Stream {
    pub(crate) fn end(&self, side: Side) -> &End {
        match side {
            Side::Opener => &self.opener,
            Side::Acceptor => &self.acceptor,
        }
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Opener => &mut self.opener,
            Side::Acceptor => &mut self.acceptor,
        }
    }

    /// The direction that a side sends on.
    pub(crate) fn sent_by(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Opener => &mut self.initial,
            Side::Acceptor => &mut self.reply,
        }
    }

    /// The direction that a side receives on.
    pub(crate) fn received_by(&mut self, side: Side) -> &mut Direction {
        self.sent_by(side.peer())
    }

    /// Whether a side has nothing more to send or to see.
    pub(crate) fn is_done(&mut self, side: Side) -> bool {
        self.sent_by(side).sender_done && self.received_by(side).receiver_done
    }
}
