//! Frames (RFC 9113, 4 and 6): their head, their kinds, and how those are written that both ends send.

use super::settings::Settings;
use std::ops::Range;

/// What a client sends first (RFC 9113, 3.4); its `SETTINGS` follow.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Octets of a frame's head.
pub(crate) const HEAD_OCTETS: usize = 9;
/// Longest payload that both ends always take, in octets.
pub(crate) const FRAME_OCTETS_MIN: u32 = 16_384;
/// Longest payload that an end may say it takes, in octets.
pub(crate) const FRAME_OCTETS_MAX: u32 = 0xff_ffff;
/// The largest stream identifier, and the largest window in octets.
pub(crate) const U31_MAX: u32 = 0x7fff_ffff;

/// Flags of frames; what they mean depends on the kind.
pub(crate) mod flag {
    /// On `SETTINGS` and `PING`.
    pub(crate) const ACK: u8 = 0x1;
    /// On `DATA` and `HEADERS`.
    pub(crate) const END_STREAM: u8 = 0x1;
    /// On `HEADERS` and `CONTINUATION`.
    pub(crate) const END_HEADERS: u8 = 0x4;
    /// On `DATA` and `HEADERS`.
    pub(crate) const PADDED: u8 = 0x8;
    /// On `HEADERS`.
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// A kind that is not known, and read over.
    Unknown,
}

impl Kind {
    fn of(octet: u8) -> Self {
        match octet {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            _ => Self::Unknown,
        }
    }
}

/// Why a stream or a connection ends (RFC 9113, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    NoError = 0,
    ProtocolError = 1,
    InternalError = 2,
    FlowControlError = 3,
    SettingsTimeout = 4,
    StreamClosed = 5,
    FrameSizeError = 6,
    RefusedStream = 7,
    Cancel = 8,
    CompressionError = 9,
    EnhanceYourCalm = 11,
}

/// What is wrong with what the peer sent, and what ends for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The connection ends; the text goes into the `GOAWAY`.
    Connection(Code, &'static str),
    /// The stream of that identifier ends.
    Stream(u32, Code),
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Octets of the payload, at most 2^24 - 1.
    pub(crate) octets: u32,
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// The stream, or 0 for the connection.
    pub(crate) stream: u32,
}

impl Head {
    /// Reads a head; the reserved bit is ignored.
    pub(crate) fn read(octets: &[u8; HEAD_OCTETS]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *octets;
        Self {
            octets: u32::from_be_bytes([0, l0, l1, l2]),
            kind: Kind::of(kind),
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & U31_MAX,
        }
    }

    /// The head as octets.
    pub(crate) fn octets(&self) -> [u8; HEAD_OCTETS] {
        let [_, l0, l1, l2] = self.octets.to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind as u8, self.flags, s0, s1, s2, s3]
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Where the fragment of a field block is in the payload of `HEADERS`, between priority and padding, and the stream
/// that the priority depends on.
pub(crate) fn headers_fragment(head: Head, payload: &[u8]) -> Result<(Range<usize>, Option<u32>), Wrong> {
    const SHORT: Wrong = Wrong::Connection(Code::FrameSizeError, "HEADERS are too short for their flags");
    const PADDING: Wrong = Wrong::Connection(Code::ProtocolError, "the padding is longer than the frame");
    let (mut rest, mut padding) = (payload, 0);
    if head.has(flag::PADDED) {
        let (first, after) = rest.split_first().ok_or(SHORT)?;
        (rest, padding) = (after, usize::from(*first));
    }
    let mut dependency = None;
    if head.has(flag::PRIORITY) {
        let (priority, after) = rest.split_first_chunk::<5>().ok_or(SHORT)?;
        rest = after;
        dependency = Some(u31(priority));
    }
    let start = payload.len() - rest.len();
    match rest.len().checked_sub(padding) {
        Some(octets) => Ok((start..start + octets, dependency)),
        None => Err(PADDING),
    }
}

/// The number in the first four octets, without the first bit; 0 if there are fewer.
pub(crate) fn u31(octets: &[u8]) -> u32 {
    octets.first_chunk().map_or(0, |first| u32::from_be_bytes(*first) & U31_MAX)
}

/// Writes the head of a frame.
pub(crate) fn write_head(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, octets: usize) {
    let octets = u32::try_from(octets).unwrap_or(FRAME_OCTETS_MAX).min(FRAME_OCTETS_MAX);
    out.extend_from_slice(&Head { octets, kind, flags, stream }.octets());
}

/// Writes `RST_STREAM`.
pub(crate) fn write_rst_stream(out: &mut Vec<u8>, stream: u32, code: Code) {
    write_head(out, Kind::RstStream, 0, stream, 4);
    out.extend_from_slice(&(code as u32).to_be_bytes());
}

/// Writes `WINDOW_UPDATE`; of stream 0 for the connection.
pub(crate) fn write_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    write_head(out, Kind::WindowUpdate, 0, stream, 4);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// Writes `SETTINGS`.
pub(crate) fn write_settings(out: &mut Vec<u8>, settings: &Settings) {
    let start = out.len();
    write_head(out, Kind::Settings, 0, 0, 0);
    settings.write(out);
    let octets = out.len() - start - HEAD_OCTETS;
    set_octets(out, start, octets);
}

/// Writes the acknowledgement of `SETTINGS`.
pub(crate) fn write_settings_ack(out: &mut Vec<u8>) {
    write_head(out, Kind::Settings, flag::ACK, 0, 0);
}

/// Writes `PING`, or its answer.
pub(crate) fn write_ping(out: &mut Vec<u8>, flags: u8, opaque: &[u8]) {
    write_head(out, Kind::Ping, flags, 0, opaque.len());
    out.extend_from_slice(opaque);
}

/// Writes `GOAWAY`: the last stream that is or may be handled, and why.
pub(crate) fn write_goaway(out: &mut Vec<u8>, last: u32, code: Code, because: &str) {
    write_head(out, Kind::GoAway, 0, 0, 8 + because.len());
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&(code as u32).to_be_bytes());
    out.extend_from_slice(because.as_bytes());
}

/// Writes a field block that `block` appends: `HEADERS`, and `CONTINUATION` if it is longer than a frame of the
/// peer may be.
pub(crate) fn write_headers(
    out: &mut Vec<u8>,
    stream: u32,
    flags: u8,
    frame_octets_max: usize,
    block: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    write_head(out, Kind::Headers, flags | flag::END_HEADERS, stream, 0);
    block(out);
    let octets = out.len() - start - HEAD_OCTETS;
    if octets <= frame_octets_max {
        return set_octets(out, start, octets);
    }
    // Seldom: the block is cut after the first frame and written again with heads between the pieces.
    let rest = out.split_off(start + HEAD_OCTETS + frame_octets_max);
    set_octets(out, start, frame_octets_max);
    out[start + 4] &= !flag::END_HEADERS;
    let mut pieces = rest.chunks(frame_octets_max).peekable();
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
        write_head(out, Kind::Continuation, flags, stream, piece.len());
        out.extend_from_slice(piece);
    }
}

/// Sets the length of a frame whose payload was written after its head.
fn set_octets(out: &mut [u8], start: usize, octets: usize) {
    let [_, l0, l1, l2] = (octets as u32).to_be_bytes();
    out[start..start + 3].copy_from_slice(&[l0, l1, l2]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for kind in 0..=9 {
            let head = Head { octets: 0x01_02_03, kind: Kind::of(kind), flags: 0x2d, stream: 0x7a0b_0c0d };
            let octets = head.octets();
            assert_eq!(octets, [1, 2, 3, kind, 0x2d, 0x7a, 0x0b, 0x0c, 0x0d]);
            assert_eq!(Head::read(&octets), head);
        }
        assert_eq!(Head::read(&[0, 0, 0, 10, 0, 0x80, 0, 0, 1]).stream, 1);
        assert_eq!(Kind::of(10), Kind::Unknown);
    }

    #[test]
    fn a_long_block_goes_on_in_continuations() {
        let block: Vec<u8> = (0..100).collect();
        for (frame_octets_max, frames) in [(100, 1), (99, 2), (50, 2), (49, 3), (10, 10)] {
            let mut out = b"before".to_vec();
            write_headers(&mut out, 7, flag::END_STREAM, frame_octets_max, |out| {
                out.extend_from_slice(&block);
            });
            let (mut rest, mut found, mut count) = (&out[6..], Vec::new(), 0);
            while let Some((head, after)) = rest.split_first_chunk() {
                let head = Head::read(head);
                let (payload, after) = after.split_at(head.octets as usize);
                found.extend_from_slice(payload);
                count += 1;
                assert_eq!(head.kind, if count == 1 { Kind::Headers } else { Kind::Continuation });
                assert_eq!(head.has(flag::END_STREAM), count == 1);
                assert_eq!(head.has(flag::END_HEADERS), after.is_empty());
                rest = after;
            }
            assert_eq!((found, count), (block.clone(), frames));
        }
    }

    #[test]
    fn padding_and_priority_are_left_out() {
        let read = |flags, payload| {
            headers_fragment(Head { octets: 0, kind: Kind::Headers, flags, stream: 1 }, payload)
        };
        assert_eq!(read(0, b"ab"), Ok((0..2, None)));
        assert_eq!(read(flag::PADDED, b"\x01ab"), Ok((1..2, None)));
        assert_eq!(read(flag::PADDED, b"\x02ab"), Ok((1..1, None)));
        assert_eq!(read(flag::PRIORITY, b"\x80\0\0\x03\xffab"), Ok((5..7, Some(3))));
        let error = |code| move |wrong| matches!(wrong, Wrong::Connection(found, _) if found == code);
        assert!(read(flag::PADDED, b"\x03ab").is_err_and(error(Code::ProtocolError)));
        assert!(read(flag::PADDED, b"").is_err_and(error(Code::FrameSizeError)));
        assert!(read(flag::PRIORITY, b"\0\0\0\0").is_err_and(error(Code::FrameSizeError)));
    }
}
