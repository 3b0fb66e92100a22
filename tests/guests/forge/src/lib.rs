//! Reflects its payload, and where one names a forgery, that frame follows.

use guest_reflection::{frame, payload, reflect};
use zilla_sdk::{Batch, Frame, FrameFlags, FrameKind, Instant};

/// An id that nobody gave it.
const FOREIGN: u32 = 4_001;

/// Far outside of everything.
const FAR: u32 = u32::MAX - 8;

/// Octets that belong to no frame.
const HUGE_OCTETS: usize = 16 << 20;

/// Handles one frame.
pub fn deliver(now: Instant, given: &Frame, octets: &[u8], batch: &mut Batch) {
    batch.frames.extend(reflect(given));
    if given.kind == FrameKind::Data {
        let forged = forge(now, payload(given, octets), given.stream, batch);
        batch.frames.extend(forged);
    }
}

fn forge(now: Instant, word: &[u8], stream: u32, batch: &mut Batch) -> Option<Frame> {
    let block = |batch: &mut Batch, octets: &[u8]| {
        let offset = batch.octets.len() as u32;
        batch.octets.extend_from_slice(octets);
        Frame { attributes: octets.len() as u32, offset, ..frame(stream, FrameKind::Flush) }
    };
    Some(match word {
        b"data on a foreign id" => frame(FOREIGN, FrameKind::Data),
        b"end of a foreign id" => frame(FOREIGN, FrameKind::End),
        b"window on a foreign id" => Frame { value: u64::MAX, ..frame(FOREIGN, FrameKind::Window) },
        b"begin on an odd id" => frame(FOREIGN, FrameKind::Begin),
        b"begin on a huge id" => frame(u32::MAX - 1, FrameKind::Begin),
        b"begin on 0" => frame(0, FrameKind::Begin),
        b"begin twice" => frame(stream, FrameKind::Begin),
        b"data on 0" => frame(0, FrameKind::Data),
        b"data after the end" => {
            batch.frames.push(frame(stream, FrameKind::End));
            frame(stream, FrameKind::Data)
        }
        b"end twice" => {
            batch.frames.push(frame(stream, FrameKind::End));
            frame(stream, FrameKind::End)
        }
        b"octets of no frame" => {
            batch.octets.resize(batch.octets.len() + HUGE_OCTETS, b'x');
            frame(stream, FrameKind::Flush)
        }
        b"a signal" => frame(stream, FrameKind::Signal),
        b"a drain" => frame(0, FrameKind::Drain),
        b"a forward to nowhere" => Frame { link: FOREIGN, value: 1, ..frame(stream, FrameKind::Forward) },
        b"a payload out of bounds" => Frame { payload: 9, offset: FAR, ..frame(stream, FrameKind::Data) },
        b"a length out of bounds" => Frame { payload: u32::MAX, ..frame(stream, FrameKind::Data) },
        b"attributes out of bounds" => Frame { attributes: FAR, ..frame(stream, FrameKind::Flush) },
        b"borrowed out of bounds" => {
            let flags = FrameFlags::BORROWED;
            Frame { flags, payload: 9, offset: FAR, ..frame(stream, FrameKind::Data) }
        }
        b"malformed attributes" => block(batch, b"\x01\0\xff\xff\xff\xffa"),
        b"attributes with a tail" => block(batch, b"\x01\0\x01\0\0\0abc"),
        b"long attributes" => {
            let mut octets = b"\x01\0\0\0\x02\0a".to_vec();
            octets.resize(octets.len() + 0x2_0000, b'x');
            block(batch, &octets)
        }
        b"nine timers" => {
            let timer = |token| Frame {
                link: token,
                value: now.monotonic_ms + 3_600_000,
                ..frame(stream, FrameKind::Timer)
            };
            batch.frames.extend((0..8).map(timer));
            timer(8)
        }
        _ => return None,
    })
}

guest_reflection::export!("forge", Opened, deliver);
