//! Frames, as bindings and the engine exchange them: the engine's own image of `wit/types.wit`.

use std::fmt;

/// A binding's name of a stream: even when the binding opened it, odd when it accepted it, 0 for the
/// binding itself.
pub type StreamId = u32;

/// What a frame does. See `wit/README.md` for the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Opens a stream, or answers an opening.
    Begin,
    /// A piece of the payload.
    Data,
    /// An advisory in order with the data.
    Flush,
    /// Orderly end of the sender's direction.
    End,
    /// Abnormal end of the sender's direction.
    Abort,
    /// Credit for the direction that the sender receives on.
    Window,
    /// Refusal of the rest of the direction that the sender receives on.
    Reset,
    /// A request for new credentials.
    Challenge,
    /// To the engine: asks for a signal.
    Timer,
    /// From the engine: a timer is due.
    Signal,
    /// From the engine: no new streams will come.
    Drain,
    /// To the engine: moves payload without entering the binding. From it: that is over.
    Forward,
}

impl FrameKind {
    /// Whether it keeps its place among the data that its receiver gets.
    pub(crate) fn is_with_the_data(self) -> bool {
        match self {
            Self::Data | Self::Flush | Self::End | Self::Abort => true,
            Self::Begin
            | Self::Window
            | Self::Reset
            | Self::Challenge
            | Self::Timer
            | Self::Signal
            | Self::Drain
            | Self::Forward => false,
        }
    }

    /// Whether it is what its own receiver asked the engine for, and not of the other end of its stream.
    pub(crate) fn is_from_the_engine(self) -> bool {
        match self {
            Self::Timer | Self::Signal | Self::Drain | Self::Forward => true,
            Self::Begin
            | Self::Data
            | Self::Flush
            | Self::End
            | Self::Abort
            | Self::Window
            | Self::Reset
            | Self::Challenge => false,
        }
    }
}

/// Properties of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The first piece of a message.
    pub init: bool,
    /// The last piece of a message.
    pub fin: bool,
    /// On a returned frame: `offset` points into the octets that were given.
    pub borrowed: bool,
}

/// One event of one stream. Offsets and lengths are in octets of the batch that the frame is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The stream, as its binding names it.
    pub stream: StreamId,
    /// What the frame does.
    pub kind: FrameKind,
    /// Properties.
    pub flags: Flags,
    /// `begin`: the stream on whose behalf; `forward`: where to; `timer`, `signal`: the token.
    pub link: u32,
    /// Length of the attribute block.
    pub attributes: u32,
    /// Length of the payload, which follows the attributes.
    pub payload: u32,
    /// Where both start.
    pub offset: u32,
    /// `begin`: authorization; `window`, `forward`: octets; `reset`, `abort`: a code; `timer`: deadline.
    pub value: u64,
}

impl Frame {
    /// A frame of that kind with every other field 0.
    pub fn new(stream: StreamId, kind: FrameKind) -> Self {
        Self {
            stream,
            kind,
            flags: Flags::default(),
            link: 0,
            attributes: 0,
            payload: 0,
            offset: 0,
            value: 0,
        }
    }

    /// Attributes of a frame whose kind has no payload. As [`Frame::cut`].
    pub(crate) fn cut_attributes<'a>(&self, octets: &'a [u8]) -> Option<&'a [u8]> {
        if self.attributes == 0 {
            return Some(&[]);
        }
        octets.get(self.offset as usize..)?.get(..self.attributes as usize)
    }

    /// Attributes and payload of the frame, or `None` if they do not lie within `octets`. Where there is
    /// neither, `offset` means nothing.
    pub fn cut<'a>(&self, octets: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if self.attributes == 0 && self.payload == 0 {
            return Some((&[], &[]));
        }
        let rest = octets.get(self.offset as usize..)?;
        let (attributes, rest) = rest.split_at_checked(self.attributes as usize)?;
        let (payload, _) = rest.split_at_checked(self.payload as usize)?;
        Some((attributes, payload))
    }
}

/// Why a direction ended other than in order. The numbers are those of `close-code` in `wit/types.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// Nothing more is known.
    Unspecified = 0,
    /// No route of the binding fits.
    NoRoute = 1,
    /// A route fits, but it asks for an authorization and there is none.
    Unauthorized = 2,
    /// A route fits, but the authorization does not suffice.
    Forbidden = 3,
    /// The peer broke the rules of frames or credit.
    Violation = 4,
    /// A limit was met.
    Limit = 5,
    /// Something did not happen in time.
    Timeout = 6,
    /// The binding on the other side trapped.
    Crashed = 7,
    /// The generation that the stream belonged to has ended.
    Drained = 8,
    /// The peer does not want the stream.
    Refused = 9,
    /// The peer could not be reached.
    Unreachable = 10,
    /// The peer no longer needs the stream.
    Cancelled = 11,
}

impl CloseCode {
    /// The number on the wire.
    pub fn value(self) -> u64 {
        self as u64
    }
}

/// Frames with the octets they point into, as taken from the engine for one call. Reused between calls:
/// `octets` keeps its capacity, of which [`Batch::octets`] are meant.
#[derive(Default)]
pub struct Batch {
    /// In the order in which they are to be handled.
    pub frames: Vec<Frame>,
    pub(crate) buffer: Vec<u8>,
    pub(crate) filled: usize,
}

impl Batch {
    /// The octets that the frames point into.
    pub fn octets(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Forgets frames and octets, and keeps the buffers.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.filled = 0;
    }

    /// Appends a frame with copies of its attributes and payload.
    pub fn push(&mut self, frame: Frame, attributes: &[u8], payload: &[u8]) {
        let offset = self.filled as u32;
        self.buffer.truncate(self.filled);
        self.buffer.extend_from_slice(attributes);
        self.buffer.extend_from_slice(payload);
        self.filled = self.buffer.len();
        let (attributes, payload) = (attributes.len() as u32, payload.len() as u32);
        self.frames.push(Frame { attributes, payload, offset, ..frame });
    }

    /// Whether there is nothing to handle.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("frames", &self.frames).field("octets", &self.filled).finish()
    }
}
