//! Reflects its payload, until one says to send a mebioctet whatever the credit.

use guest_reflection::{frame, payload, reflect};
use zilla_sdk::{Batch, Frame, FrameKind, Instant};

/// More than the initial credit.
const OCTETS: usize = 1 << 20;

/// Handles one frame.
pub fn deliver(_now: Instant, given: &Frame, octets: &[u8], batch: &mut Batch) {
    if given.kind == FrameKind::Data && payload(given, octets) == b"overrun" {
        batch.frames.push(Frame {
            payload: OCTETS as u32,
            offset: batch.octets.len() as u32,
            ..frame(given.stream, FrameKind::Data)
        });
        batch.octets.resize(batch.octets.len() + OCTETS, b'x');
    } else {
        batch.frames.extend(reflect(given));
    }
}

guest_reflection::export!("overrun", None, deliver);
