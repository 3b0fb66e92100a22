//! A run of payload that is moved from one stream of a binding to another without entering it.
//!
//! ```text
//!   payload of the run ──▶ held ──▶ the link, as its credit allows
//!   what follows it    ──▶ behind ──▶ the receiver, once the run is over
//! ```

use crate::frame::{Frame, FrameKind, StreamId};
use crate::stream::{Side, StreamKey};

/// See above. It is over when all of it was moved, when its sender has ended, or when its link takes no more.
#[derive(Debug)]
pub(crate) struct Forward {
    /// The stream to send on, and which end of it the receiver is.
    pub(crate) to: (StreamKey, Side),
    /// The receiver's name of that stream.
    pub(crate) link: StreamId,
    /// Octets of the run that have not been moved.
    pub(crate) remaining: u64,
    /// Octets that were moved and are not given back to their sender as credit yet.
    pub(crate) owed: u64,
    /// Nothing more will be moved, whatever remains.
    pub(crate) is_broken: bool,
    held: Held,
    behind: Vec<Behind>,
}

/// A frame behind the run, with octets of its own. The sender's credit bounds the payloads.
#[derive(Debug)]
pub(crate) struct Behind {
    pub(crate) frame: Frame,
    pub(crate) attributes: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// Octets of the run that were received and not moved. The sender's credit bounds them.
#[derive(Debug, Default)]
struct Held {
    octets: Vec<u8>,
    /// Those at the front that were moved already.
    moved: usize,
}

impl Forward {
    pub(crate) fn new(to: (StreamKey, Side), link: StreamId, octets: u64) -> Self {
        Self {
            to,
            link,
            remaining: octets,
            owed: 0,
            is_broken: false,
            held: Held::default(),
            behind: Vec::new(),
        }
    }

    /// Octets of the run that have not been received.
    pub(crate) fn missing(&self) -> u64 {
        if self.is_broken { 0 } else { self.remaining - self.held().len() as u64 }
    }

    /// Whether a frame goes to the receiver although the run is under way: an advisory within it.
    pub(crate) fn lets_pass(&self, kind: FrameKind) -> bool {
        kind == FrameKind::Flush && self.missing() > 0 && self.behind.is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        let has_end = || !self.behind.is_empty();
        self.is_broken || self.held().is_empty() && (self.remaining == 0 || has_end())
    }

    /// Octets of the run that may be moved to the link without waiting, but for its credit.
    pub(crate) fn passable(&self) -> u64 {
        if self.held().is_empty() && self.behind.is_empty() { self.missing() } else { 0 }
    }

    pub(crate) fn held(&self) -> &[u8] {
        &self.held.octets[self.held.moved..]
    }

    pub(crate) fn hold(&mut self, octets: &[u8]) {
        self.held.octets.extend_from_slice(octets);
    }

    /// The first octets that are held, which are then no more.
    pub(crate) fn unhold(&mut self, octets: usize) -> Vec<u8> {
        let held = &mut self.held;
        if octets == held.octets.len() {
            return std::mem::take(&mut held.octets);
        }
        let first = held.octets[held.moved..held.moved + octets].to_vec();
        held.moved += octets;
        if held.moved * 2 >= held.octets.len() {
            held.octets.drain(..held.moved);
            held.moved = 0;
        }
        first
    }

    /// Keeps a frame for when the run is over.
    pub(crate) fn follow(&mut self, frame: Frame, attributes: &[u8], payload: &[u8]) {
        self.behind.push(Behind { frame, attributes: attributes.to_vec(), payload: payload.to_vec() });
    }

    pub(crate) fn frames_behind(&self) -> usize {
        self.behind.len()
    }

    pub(crate) fn into_behind(self) -> Vec<Behind> {
        self.behind
    }
}
