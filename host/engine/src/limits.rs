//! Every bound of the engine: its unit, its reason, and what happens when it is met.

/// Bounds that are chosen for each engine. [`Limits::default`] is what the host documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Credit in octets that each direction starts with. It bounds what one direction of a stream can hold
    /// in memory anywhere between two bindings.
    ///
    /// Receivers give credit back once it is half of this. Of 96 KiB, messages of 64 KiB and their framing pass in one
    /// piece, one after another; with 64 KiB they were cut, each time elsewhere. More costs memory for each peer that
    /// does not read.
    pub initial_credit: u32,
    /// Streams of one binding, opened and accepted counted apart. Past it, an opening is refused with
    /// `limit`. It also bounds the ids that a binding may choose: they are below twice this number.
    ///
    /// Several bindings that open streams to the same one share what it accepts, as [`RESERVED_ONE_IN`] says: one
    /// that takes all it can get leaves the others theirs.
    pub streams: u32,
    /// Timers of one stream and binding, and of a binding itself. Past it, a timer is a violation.
    pub timers: u32,
    /// Length in octets of the attribute block of one frame. Past it, the frame is a violation and its
    /// stream is closed.
    pub attributes_octets: u32,
    /// Frames that wait for one binding. Past it, an opening is refused with `limit`, and so is closed a stream
    /// that is to get data, an advisory, credit, a challenge, a signal or the answer to a forward. Frames that
    /// answer or end a stream always pass: there are at most a few for each stream, and those of streams that
    /// are forgotten are dropped before they are more than the others.
    ///
    /// Those that send to the same binding share it, as [`RESERVED_ONE_IN`] says: the bindings that it exits to,
    /// those that exit to it, and itself, by its timers and forwards. A frame waits at the cost of who sent it, be
    /// it read from a socket, copied or moved along a forward, and one that always passes costs its sender, too. So
    /// who floods a binding has its own streams closed, and its neighbours go on.
    ///
    /// This is the exact bound of all senders together, but for frames that always pass and those that waited
    /// behind a forward, which [`FORWARD_FRAMES_BEHIND_MAX`] bounds.
    pub queued_frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            initial_credit: 96 * 1024,
            streams: 64 * 1024,
            timers: 8,
            attributes_octets: 64 * 1024,
            queued_frames: 256 * 1024,
        }
    }
}

/// What one binding may have at a time; see the fields of the same names in [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Streams, opened and accepted counted apart.
    pub streams: u32,
    /// Timers of one stream, and of the binding itself.
    pub timers: u32,
    /// Frames that wait for it.
    pub queued_frames: u32,
}

impl Limits {
    /// What a binding may have where nothing else is said.
    pub fn quota(&self) -> Quota {
        Quota { streams: self.streams, timers: self.timers, queued_frames: self.queued_frames }
    }
}

/// A limit of a binding that was met, by its name in `zilla.yaml`, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitMet {
    /// Whose limit.
    pub binding: crate::BindingIndex,
    /// `queued-frames`, `streams`, or an option of a binding of the host.
    pub limit: &'static str,
    /// How often: for one of the engine, the streams that were reset.
    pub count: u64,
}

/// Of a limit that several bindings share, one part in so many is kept for them in equal shares: of 262,144
/// `queued-frames` and with three senders, 10,922 for each. Within its share, a binding is refused nothing, whatever
/// the others do. Shares are rounded down: of a limit below eight times the bindings there are none.
pub const RESERVED_ONE_IN: u32 = 8;

/// Of the rest of such a limit, each binding leaves one part in so many of what the others have left, past which it
/// is refused more: a flood leaves something beyond the shares for who comes next. One alone can thus use
/// its share and 7/8 of the rest, which is three quarters of the limit at least, and all of a limit that nobody
/// shares.
pub const LEFT_ONE_IN: u32 = 8;

/// Credit in octets that a direction can gather. More is cut off, so that a sum never overflows.
pub const CREDIT_MAX: u64 = 1 << 40;

/// Frames in one batch. A binding with more waiting gets them in a later call, after the others had a turn.
pub const BATCH_FRAMES_MAX: usize = 4096;

/// Octets in one batch, from which on the next frame begins another.
pub const BATCH_OCTETS_MAX: usize = 1 << 20;

/// Forwards that follow one another, from the first sender to the last receiver: more than a chain of bindings
/// has. They move payload in one step, so that the length bounds its depth, and a circle would have no end. Past
/// it, a forward is over at once and has moved nothing.
pub const FORWARDS_CHAINED_MAX: usize = 16;

/// Frames that wait behind the payload of one forward. Past it, the stream is closed with `limit`.
pub const FORWARD_FRAMES_BEHIND_MAX: usize = 4096;

/// Authorizations of one engine: sets of sessions that bindings may use, carried by a stream or not. Past it, the one
/// that no stream carries and that was of no use for longest is forgotten; where all are carried, credentials are
/// answered with `unavailable`, and a stream that needs one more set is refused with `limit`.
pub const AUTHORIZATIONS_MAX: usize = 64 * 1024;

/// Buffers kept for reuse; more are freed.
pub(crate) const SPARE_BATCHES_MAX: usize = 16;

/// Violations kept with their details between two [`crate::Engine::take_violations`]; more are only counted.
pub const VIOLATIONS_MAX: usize = 32;
