//! What is compared of a run, and what must be so at its end.

use binding_http::Http;
use zilla_sdk::testing::*;

/// Longer than all time limits of the binding together, in ms.
const LONG_MS: u64 = 1_000_000;

/// Frames with all payload in one, after the first: where pieces are cut is not promised.
pub(crate) fn joined(frames: Vec<Frame>) -> Vec<Frame> {
    let (content, mut rest): (Vec<_>, Vec<_>) =
        frames.into_iter().partition(|frame| frame.kind == FrameKind::Data);
    if !content.is_empty() {
        let octets: Vec<u8> = content.into_iter().flat_map(|frame| frame.payload).collect();
        rest.insert(rest.len().min(1), data(octets));
    }
    rest
}

/// Nobody says any more: by its own time limits, the binding ends what is left, and forgets it.
#[track_caller]
pub(crate) fn expect_over_in_time<'a>(harness: &Harness<Http>, peers: impl IntoIterator<Item = &'a Peer>) {
    // Twice, as what ends a request may begin the time of the next.
    for _ in 0..2 {
        harness.advance(LONG_MS);
    }
    for peer in peers {
        assert!(peer.is_over(), "found a stream that no time limit ends:\n{}", harness.transcript());
    }
    assert_eq!(harness.streams(), 0, "{}", harness.transcript());
}
