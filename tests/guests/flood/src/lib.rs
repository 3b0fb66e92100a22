//! Reflects its payload, until one names a flood: very many of those frames come.

use guest_reflection::{frame, payload, reflect};
use zilla_sdk::{Batch, Frame, FrameKind, Instant};

/// Frames of a flood in one call.
const FRAMES: u32 = 100_000;

/// Handles one frame.
pub fn deliver(now: Instant, given: &Frame, octets: &[u8], batch: &mut Batch) {
    if given.stream & 1 == 0 {
        // An answer to one of the flood.
        return;
    }
    batch.frames.extend(reflect(given));
    if given.kind == FrameKind::Data {
        flood(now, payload(given, octets), given.stream, batch);
    }
}

fn flood(now: Instant, word: &[u8], stream: u32, batch: &mut Batch) {
    match word {
        // One call after the other fills the inbox of the peer.
        b"flushes" => (0..FRAMES * 4).for_each(|_| batch.frames.push(frame(stream, FrameKind::Flush))),
        b"challenges" => (0..FRAMES * 4).for_each(|_| batch.frames.push(frame(stream, FrameKind::Challenge))),
        b"windows" => {
            let window = Frame { value: u64::MAX, ..frame(stream, FrameKind::Window) };
            (0..FRAMES).for_each(|_| batch.frames.push(window));
        }
        b"opens" => {
            let open = |index: u32| Frame { link: stream, ..frame((index + 1) * 2, FrameKind::Begin) };
            batch.frames.extend((0..FRAMES).map(open));
        }
        b"timers" => {
            // Each replaces the one before it, and is due at once.
            let due = now.monotonic_ms;
            let timer = |index| Frame { link: index & 7, value: due, ..frame(stream, FrameKind::Timer) };
            batch.frames.extend((0..FRAMES).map(timer));
        }
        b"rubbish" => (0..FRAMES).for_each(|index| batch.frames.push(frame(index * 2, FrameKind::End))),
        _ => {}
    }
}

guest_reflection::export!("flood", Opened, deliver);
