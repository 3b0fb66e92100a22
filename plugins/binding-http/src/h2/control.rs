//! Frames that carry no message (RFC 9113, 6.3 to 6.9), as far as they are the same for both ends.

use super::frame::{self, Code, Head, Kind, Wrong, flag};

/// Shortest `GOAWAY`: a stream and a code. A text may follow.
const GOAWAY_OCTETS_MIN: usize = 8;

/// What a frame says that is neither of a field block nor `DATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control<'a> {
    /// What the peer says of itself, as [`Settings`](super::settings::Settings) read it.
    Settings(&'a [u8]),
    /// The peer has read what this end says.
    SettingsAck,
    /// To be answered with the same octets.
    Ping(&'a [u8; 8]),
    /// The answer.
    PingAck(&'a [u8; 8]),
    /// The peer handles no stream after this one.
    GoAway(u32),
    /// The code of a stream that ends.
    RstStream(u32),
    /// So much more may be sent, on the stream or the connection; never 0 for the connection.
    WindowUpdate(u32),
    /// The stream that this one is said to depend on; none if the frame has not its length.
    Priority(Option<u32>),
    PushPromise,
    Unknown,
}

impl<'a> Control<'a> {
    /// Reads a whole frame, and checks what can be said of it without its connection.
    pub(crate) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Wrong> {
        let protocol = |because| Err(Wrong::Connection(Code::ProtocolError, because));
        let frame_size = |because| Err(Wrong::Connection(Code::FrameSizeError, because));
        let is_on_stream = head.stream != 0;
        match head.kind {
            Kind::Settings if is_on_stream => protocol("SETTINGS are on a stream"),
            Kind::Settings if !head.has(flag::ACK) => Ok(Self::Settings(payload)),
            Kind::Settings if payload.is_empty() => Ok(Self::SettingsAck),
            Kind::Settings => frame_size("the acknowledgement of SETTINGS has settings"),
            Kind::Ping if is_on_stream => protocol("PING is on a stream"),
            Kind::Ping => match payload.as_array() {
                Some(opaque) if head.has(flag::ACK) => Ok(Self::PingAck(opaque)),
                Some(opaque) => Ok(Self::Ping(opaque)),
                None => frame_size("PING has not 8 octets"),
            },
            Kind::GoAway if is_on_stream => protocol("GOAWAY is on a stream"),
            Kind::GoAway if payload.len() < GOAWAY_OCTETS_MIN => frame_size("GOAWAY has less than 8 octets"),
            Kind::GoAway => Ok(Self::GoAway(frame::u31(payload))),
            Kind::RstStream => match payload.as_array() {
                Some(code) => Ok(Self::RstStream(u32::from_be_bytes(*code))),
                None => frame_size("RST_STREAM has not 4 octets"),
            },
            Kind::WindowUpdate if payload.len() != 4 => frame_size("WINDOW_UPDATE has not 4 octets"),
            Kind::WindowUpdate => match frame::u31(payload) {
                0 if !is_on_stream => protocol("WINDOW_UPDATE is of nothing"),
                increment => Ok(Self::WindowUpdate(increment)),
            },
            Kind::Priority if !is_on_stream => protocol("PRIORITY is on no stream"),
            Kind::Priority => Ok(Self::Priority((payload.len() == 5).then(|| frame::u31(payload)))),
            Kind::PushPromise => Ok(Self::PushPromise),
            // The first three are read as what they are part of.
            Kind::Headers | Kind::Continuation | Kind::Data | Kind::Unknown => Ok(Self::Unknown),
        }
    }

    /// Whether it is one of those that are free for the peer and work for this end. Resets are counted apart.
    pub(crate) fn is_counted(self) -> bool {
        !matches!(self, Self::RstStream(_) | Self::PushPromise)
    }
}
