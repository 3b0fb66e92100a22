//! What a binding did against the rules. The frame is dropped; the binding goes on.

use crate::frame::{FrameKind, StreamId};
use crate::limits::VIOLATIONS_MAX;
use crate::route::BindingIndex;
use std::fmt;

/// One broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who.
    pub binding: BindingIndex,
    /// On which stream, as the binding names it.
    pub stream: StreamId,
    /// With which frame.
    pub frame: FrameKind,
    /// Which rule.
    pub rule: Rule,
}

/// The rules that a binding can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A frame on an id that is not open.
    UnknownStream,
    /// `begin` with an id that is odd, taken, 0, or not below twice the streams limit.
    IllegalId,
    /// `begin` on a direction that has begun.
    BegunTwice,
    /// `data`, `flush` or `end` on a direction that has not begun.
    NotBegun,
    /// A frame with the data after the end of its direction, or against it after a reset.
    AfterEnd,
    /// More payload than credit. The stream is aborted and reset.
    CreditExceeded,
    /// Attributes or payload that lie outside the octets. The stream is aborted and reset.
    OutOfBounds,
    /// An attribute block that is malformed or too long. The stream is aborted and reset.
    Attributes,
    /// More timers than a stream may have.
    TooManyTimers,
    /// A kind of frame that only the host sends.
    HostOnly,
    /// `begin` with an authorization that was not granted here. The stream is refused with `unauthorized`.
    Authorization,
    /// `forward` to a stream that cannot be sent on, or while another one is under way.
    Forward,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownStream => "the stream is not open",
            Self::IllegalId => "an opened stream needs a free even id below twice the streams limit",
            Self::BegunTwice => "the direction has begun already",
            Self::NotBegun => "the direction has not begun",
            Self::AfterEnd => "the direction is over",
            Self::CreditExceeded => "the payload exceeds the credit",
            Self::OutOfBounds => "attributes or payload lie outside the octets",
            Self::Attributes => "the attribute block is malformed or too long",
            Self::TooManyTimers => "the stream has as many timers as it may have",
            Self::HostOnly => "only the host sends this kind of frame",
            Self::Authorization => "the authorization was not granted here",
            Self::Forward => "the link cannot be forwarded to",
        })
    }
}

/// Violations since they were last taken.
#[derive(Debug, Default)]
pub struct Violations {
    /// The first [`VIOLATIONS_MAX`] of them.
    pub first: Vec<Violation>,
    /// How many there were.
    pub count: u64,
}

impl Violations {
    pub(crate) fn add(&mut self, violation: Violation) {
        self.count += 1;
        if self.first.len() < VIOLATIONS_MAX {
            self.first.push(violation);
        }
    }
}
