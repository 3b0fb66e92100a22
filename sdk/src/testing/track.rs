//! One stream as the harness sees it, between the binding and the peer that a script plays.

use super::frame::Frame;
use crate::bindings::zilla::plugin::types::{FrameKind, StreamId};
use std::collections::VecDeque;

/// Where a direction is. `Over` as soon as either side has sent what ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Open,
    Over,
}

/// One direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    pub(super) phase: Phase,
    /// Octets that its sender may send.
    pub(super) credit: u64,
    /// The call in which the binding sent its end or was given it. In that call, frames of the binding
    /// may still cross the end that it is given.
    pub(super) known_over_in: Option<u64>,
    /// Whether it was the peer that sent the end.
    pub(super) ended_by_peer: bool,
}

impl Direction {
    pub(super) fn new(phase: Phase, credit: u32) -> Self {
        Self { phase, credit: u64::from(credit), known_over_in: None, ended_by_peer: false }
    }

    pub(super) fn end_by_peer(&mut self) {
        self.phase = Phase::Over;
        self.ended_by_peer = true;
    }

    pub(super) fn end_by_binding(&mut self, call: u64) {
        self.phase = Phase::Over;
        self.known_over_in = self.known_over_in.or(Some(call));
    }
}

/// Payload that the binding had forwarded on, not to be given to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The track that it goes to.
    pub(super) to: usize,
    /// Octets that have not been moved.
    pub(super) left: u64,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) id: StreamId,
    /// Not 0 if the binding opened it on behalf of that one.
    pub(super) link: StreamId,
    /// From the peer to the binding.
    pub(super) inward: Direction,
    /// From the binding to the peer.
    pub(super) outward: Direction,
    /// What the binding sent and the script has not received, `window` left out.
    pub(super) queue: VecDeque<Frame>,
    /// The `begin` that the binding sent.
    pub(super) begun: Option<Frame>,
    /// Payload octets that the binding sent so far.
    pub(super) sent_octets: u64,
    /// Whether the peer gives back each octet that it gets.
    pub(super) auto_window: bool,
    /// A run under way of what the peer sends.
    pub(super) run: Option<Run>,
    /// The track whose run goes to this peer.
    pub(super) fed_by: Option<usize>,
    /// What the peer sent and waits behind the run.
    pub(super) held: VecDeque<Frame>,
}

impl Track {
    pub(super) fn new(id: StreamId, inward: Phase, outward: Phase, credit: u32) -> Self {
        Self {
            id,
            link: 0,
            inward: Direction::new(inward, credit),
            outward: Direction::new(outward, credit),
            queue: VecDeque::new(),
            begun: None,
            sent_octets: 0,
            auto_window: false,
            run: None,
            fed_by: None,
            held: VecDeque::new(),
        }
    }

    /// Whether the binding knows that both directions are over, so that its id is free.
    pub(super) fn is_released(&self) -> bool {
        self.inward.known_over_in.is_some() && self.outward.known_over_in.is_some()
    }

    /// Whether the binding itself ended both directions.
    pub(super) fn was_closed_by_binding(&self) -> bool {
        self.is_released() && !self.inward.ended_by_peer && !self.outward.ended_by_peer
    }

    /// Whether a run is under way of which octets are still to come.
    pub(super) fn is_within_run(&self) -> bool {
        let held: u64 = self.held.iter().map(|frame| frame.payload.len() as u64).sum();
        self.run.is_some_and(|run| run.left > held)
    }

    /// Hands a frame of the binding to the peer; payload is one piece however it was cut.
    pub(super) fn hand(&mut self, frame: Frame) {
        self.sent_octets += frame.payload.len() as u64;
        if !self.queue.back_mut().is_some_and(|last| last.merge(&frame)) {
            self.queue.push_back(frame);
        }
    }

    /// Takes the next frame; of payload at most the first `octets`, if that is what is asked for.
    pub(super) fn take(&mut self, kind: FrameKind, octets: usize) -> Option<Frame> {
        match self.queue.front_mut() {
            Some(piece)
                if piece.kind == FrameKind::Data
                    && kind == FrameKind::Data
                    && (1..piece.payload.len()).contains(&octets) =>
            {
                Some(piece.cut(octets))
            }
            _ => self.queue.pop_front(),
        }
    }
}
