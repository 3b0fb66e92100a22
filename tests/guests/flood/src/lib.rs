//! Reflects its payload, until one names a flood: very many of those frames come.

use guest_reflection::{frame, payload, reflect};
use std::sync::atomic::{AtomicU64, Ordering};
use zilla_sdk::{Batch, Frame, FrameKind, Instant};

/// Frames of a flood in one call.
const FRAMES: u32 = 100_000;

/// The stream that is bounced to and fro with the exit, once one says `bounce`.
const BOUNCED: u32 = 2;

/// How often it came back. `count?` is answered with it, in 20 digits.
static BOUNCES: AtomicU64 = AtomicU64::new(0);

/// Handles one frame.
pub fn deliver(now: Instant, given: &Frame, octets: &[u8], batch: &mut Batch) {
    if given.stream & 1 == 0 {
        // An answer to one of the flood.
        if (given.stream, given.kind) == (BOUNCED, FrameKind::Data) {
            BOUNCES.fetch_add(1, Ordering::Relaxed);
            batch.frames.extend(reflect(given));
            batch.frames.push(Frame { value: given.payload.into(), ..frame(BOUNCED, FrameKind::Window) });
        }
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
        b"bounce" => {
            let offset = batch.octets.len() as u32;
            batch.octets.push(b'x');
            batch.frames.push(Frame { link: stream, ..frame(BOUNCED, FrameKind::Begin) });
            batch.frames.push(Frame { payload: 1, offset, ..frame(BOUNCED, FrameKind::Data) });
        }
        b"count?" => {
            let count = format!("{:020}", BOUNCES.load(Ordering::Relaxed));
            let (offset, payload) = (batch.octets.len() as u32, count.len() as u32);
            batch.octets.extend_from_slice(count.as_bytes());
            batch.frames.push(Frame { payload, offset, ..frame(stream, FrameKind::Data) });
        }
        b"rubbish" => (0..FRAMES).for_each(|index| batch.frames.push(frame(index * 2, FrameKind::End))),
        _ => {}
    }
}

guest_reflection::export!("flood", Opened, deliver);
