//! Promises for any octets and any pieces.

use crate::script::*;
use proptest::prelude::*;
use zilla_sdk::testing::*;

/// What openers get of these pieces, which come behind the origin's settings, and what the origin gets.
fn outcome(pieces: &[&[u8]]) -> (Vec<Vec<Frame>>, Vec<u8>) {
    let harness = client(
        "limits: {header-bytes: 300, header-count: 4, connections: 1, \
         h2: {concurrent-streams: 3, stream-window-bytes: 30, control-frames: 20, resets: 4}}",
    );
    let mut openers: Vec<Peer> = vec![ask(&harness), harness.open(request("POST")), ask(&harness)];
    let mut origin = harness.expect_open();
    origin.recv_begin();
    origin.send(begun());
    origin.grant_all();
    openers[1].send(data("content"));
    for piece in pieces {
        if origin.can_send() {
            origin.send(data(piece));
        }
    }
    let sent = origin.recv_data_all();
    if origin.can_send() {
        origin.send(abort(CloseCode::Unspecified));
    }
    // What is sent once more is refused.
    while let Some(mut other) = harness.opened() {
        other.refuse(CloseCode::Refused);
    }
    let got = openers.iter_mut().map(|opener| {
        let frames = opener.recv_all();
        assert!(opener.is_over(), "{}", harness.transcript());
        joined(frames)
    });
    let got = got.collect();
    assert_eq!(harness.streams(), 0, "{}", harness.transcript());
    (got, sent)
}

/// Frames with all payload in one.
fn joined(frames: Vec<Frame>) -> Vec<Frame> {
    let content: Vec<u8> = frames.iter().flat_map(|frame| frame.payload.clone()).collect();
    let rest = frames.into_iter().filter(|frame| frame.kind != FrameKind::Data);
    rest.chain([data(content)]).collect()
}

/// Cuts octets at these places.
fn cut<'a>(octets: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(octets.len() + 1)).collect();
    places.extend([0, octets.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect()
}

/// Frames that come close to those of an origin. What has requests sent once more is left out where it matters when
/// they are.
fn nearly_frames(may_repeat: bool) -> impl Strategy<Value = Vec<u8>> {
    let stream = prop::sample::select(vec![0_u32, 1, 1, 1, 3, 3, 5, 5, 7, 2]);
    let head = prop::sample::select(vec![
        block([(":status", "200")]),
        block([(":status", "103")]),
        block([(":status", "204")]),
        block([(":status", "200"), ("content-length", "3")]),
        block([("a", "b")]),
        block([(":path", "/")]),
        vec![0x88],
        vec![0x88, 0x40, 1, b'a', 1, b'b', 0xbe],
        vec![0x88, 0xbe],
        vec![0x3f],
    ]);
    let payload = prop::collection::vec(any::<u8>(), 0..20);
    let flags = prop::sample::select(vec![0_u8, 0, 1, 4, 4, 5, 5, 8, 9, 0x25, 0x2d]);
    let any_frame = (0_u8..11, flags.clone(), stream.clone(), payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, payload));
    let headers =
        (flags, stream.clone(), head).prop_map(|(flags, stream, head)| frame(HEADERS, flags, stream, head));
    let good = (0_u32..9, stream).prop_map(move |(what, stream)| match what {
        0 => nothing(stream),
        1 | 2 => ok(stream),
        3 => frame(DATA, 0, stream, "abc"),
        4 => frame(DATA, END_STREAM, stream, "abc"),
        5 => window_update(stream, 9),
        6 => frame(SETTINGS, 0, 0, []),
        7 => rst_stream(stream, if may_repeat { REFUSED_STREAM } else { CANCEL }),
        _ => goaway(if may_repeat { stream } else { 7 }, NO_ERROR),
    });
    let one = prop_oneof![1 => any_frame, 3 => headers, 8 => good];
    prop::collection::vec(one, 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever an origin sends: every request ends, nothing is left, and no response looks whole that is none.
    #[test]
    fn every_request_ends_whatever_comes(octets in nearly_frames(true)) {
        let octets = [frame(SETTINGS, 0, 0, []), octets].concat();
        for frames in outcome(&[&octets]).0 {
            let has_begun = frames.iter().any(|frame| frame.kind == FrameKind::Begin);
            let is_whole = frames.iter().any(|frame| frame.kind == FrameKind::End);
            let is_aborted = frames.iter().any(|frame| frame.kind == FrameKind::Abort);
            prop_assert!(is_whole != is_aborted, "{frames:?}");
            prop_assert!(!is_whole || has_begun, "{frames:?}");
        }
    }

    /// It does not matter in which pieces it comes.
    #[test]
    fn pieces_do_not_matter(octets in nearly_frames(false), places in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let octets = [frame(SETTINGS, 0, 0, []), octets].concat();
        let (whole, _) = outcome(&[&octets]);
        let (cut, _) = outcome(&cut(&octets, &places));
        prop_assert_eq!(whole, cut);
    }

    /// Octets that are nothing at all.
    #[test]
    fn noise_is_survived(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        outcome(&[&octets]);
    }
}
