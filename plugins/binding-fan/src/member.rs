//! One member of a group.

use crate::backlog::Place;
use crate::floor::Gathered;

/// One member of a group.
pub(crate) struct Member {
    /// How far it has come.
    pub(crate) place: Place,
    /// The message that it is in the middle of.
    pub(crate) gathered: Option<Gathered>,
    /// Its pieces that wait for the exit.
    pub(crate) waiting: usize,
    /// The number of the piece before which its direction is ended, once that is known.
    pub(crate) last: Option<u64>,
    /// Whether it fell too far behind and has not caught up since.
    pub(crate) is_slow: bool,
}

impl Member {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, gathered: None, waiting: 0, last: None, is_slow: false }
    }
}
