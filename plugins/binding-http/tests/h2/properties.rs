//! Promises for any octets and any pieces.

use crate::script::*;
use proptest::prelude::*;
use zilla_sdk::testing::*;

/// What a client gets that sends these pieces, with exits that echo whole requests.
fn outcome(pieces: &[&[u8]]) -> (Vec<Vec<Frame>>, Vec<u8>) {
    let harness =
        h2("versions: [h2], upgrade: [x], limits: {header-bytes: 300, header-count: 4, body-bytes: 60, \
                      h2: {concurrent-streams: 3, stream-window-bytes: 30, control-frames: 20, resets: 4}}");
    let mut client = Client::silent(&harness);
    client.peer.grant_all();
    for piece in pieces {
        if client.peer.can_send() {
            client.peer.send(data(piece));
        }
    }
    let mut exits: Vec<Peer> = std::iter::from_fn(|| harness.opened()).collect();
    let asked = exits.iter_mut().map(|exit| {
        let mut frames = exit.recv_all();
        // Another protocol is agreed to, and octets of it that have come go back.
        if exit.can_send() && frames[0].attribute(":protocol").is_some() {
            exit.send(begun());
            let content = exit.recv_all();
            for frame in &content {
                if exit.can_send() && frame.kind == FrameKind::Data {
                    exit.send(frame.clone());
                }
            }
            frames.extend(content);
        } else if exit.can_send() && frames.last().is_some_and(|last| last.kind == FrameKind::End) {
            exit.send_all(frames.clone());
        }
        joined(frames)
    });
    let asked = asked.collect();
    let answered = client.peer.recv_data_all();
    if client.peer.can_send() {
        client.peer.send(abort(CloseCode::Unspecified));
    }
    for exit in &mut exits {
        exit.recv_all();
        assert!(exit.is_over());
    }
    assert_eq!(harness.streams(), 0);
    (asked, answered)
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

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

/// A request for another protocol.
const CONNECT: [(&str, &str); 5] =
    [(":method", "CONNECT"), (":protocol", "x"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

/// Frames that come close to those of a client.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop::sample::select(vec![0_u32, 1, 1, 1, 3, 3, 5, 7, 9, 2]);
    let head = prop::sample::select(vec![
        block(GET),
        block(POST),
        block(POST.into_iter().chain([("content-length", "3")])),
        block([(":path", "/")]),
        block(CONNECT),
        block(CONNECT.into_iter().filter(|(name, _)| *name != ":protocol")),
        block([("a", "b")]),
        vec![0x82, 0x87, 0x84, 0x41, 0x01, b'a'],
        vec![0x82, 0x86, 0x84, 0xbe],
        vec![0x3f],
    ]);
    let payload = prop::collection::vec(any::<u8>(), 0..20);
    let flags = prop::sample::select(vec![0_u8, 0, 1, 4, 5, 5, 5, 8, 9, 0x25, 0x2d]);
    let any_frame = (0_u8..11, flags.clone(), stream.clone(), payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, payload));
    let headers =
        (flags, stream.clone(), head).prop_map(|(flags, stream, head)| frame(HEADERS, flags, stream, head));
    let good = (0_u32..8, stream).prop_map(|(what, stream)| match what {
        0 => get(stream),
        1 => frame(DATA, 0, stream, "abc"),
        2 => frame(DATA, END_STREAM, stream, "abc"),
        3 => window_update(stream, 9),
        6 => frame(HEADERS, END_HEADERS, stream, block(CONNECT)),
        4 => frame(SETTINGS, 0, 0, []),
        _ => rst_stream(stream, CANCEL),
    });
    let one = prop_oneof![1 => any_frame, 3 => headers, 6 => good];
    prop::collection::vec(one, 0..12).prop_map(|frames| frames.concat())
}

/// Octets after the preface that once were, or might be, worth a second look; each is cut everywhere.
#[test]
fn what_was_found_once_is_survived_in_any_pieces() {
    let settings = frame(SETTINGS, 0, 0, []);
    for octets in [
        vec![],
        vec![0xff; 40],
        vec![0; 40],
        frame(DATA, PADDED | END_STREAM, 1, [0]),
        [post(1), frame(DATA, PADDED | END_STREAM, 1, [0])].concat(),
        [post(1), frame(DATA, PADDED | END_STREAM, 1, [2, 0, 0])].concat(),
        [post(1), frame(DATA, END_STREAM, 1, [0; 31])].concat(),
        [post(1), frame(DATA, 0, 1, [0; 61]), frame(DATA, END_STREAM, 1, [0; 61])].concat(),
        [post(1), frame(HEADERS, 5, 1, []), frame(DATA, 0, 1, [])].concat(),
        [frame(HEADERS, 1, 1, []), frame(CONTINUATION, 4, 1, block(GET))].concat(),
        [frame(HEADERS, 0x2d, 1, [1, 0, 0, 0, 1, 0, 0]), get(1)].concat(),
        [get(1), frame(PRIORITY, 0, 1, [0, 0, 0, 1, 0]), frame(DATA, 1, 1, "abc")].concat(),
        [get(0x7fff_ffff), get(1), get(0x7fff_ffff)].concat(),
        frame(HEADERS, WHOLE, 1, [0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        frame(HEADERS, WHOLE, 1, [0x40, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        frame(HEADERS, WHOLE, 1, [0x00, 0x84, 0xff, 0xff, 0xff, 0xff]),
    ] {
        let octets = [PREFACE, &settings, &octets].concat();
        let whole = outcome(&[&octets]);
        for at in PREFACE.len()..octets.len() {
            let (first, second) = octets.split_at(at);
            assert_eq!(outcome(&[first, second]), whole, "cut at {at}: {}", octets.escape_ascii());
        }
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        assert_eq!(outcome(&single), whole, "octet by octet: {}", octets.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..300), places in places()) {
        let octets = [PREFACE, &frame(SETTINGS, 0, 0, []), &octets].concat();
        outcome(&cut(&octets, &places));
    }

    #[test]
    fn pieces_make_no_difference(frames in nearly_frames(), places in places()) {
        let octets = [PREFACE, &frame(SETTINGS, 0, 0, []), &frames].concat();
        let whole = outcome(&[&octets]);
        let in_pieces = outcome(&cut(&octets, &places));
        prop_assert_eq!(whole, in_pieces);
    }

    #[test]
    fn exchanges_arrive_as_they_were_sent(
        contents in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..4), 1..6),
        window in 1_u32..70_000,
        windows in prop::collection::vec((0_usize..6, 1_u32..5_000), 0..40),
    ) {
        let harness = h2("limits: {h2: {stream-window-bytes: 20000}}");
        let mut client = Client::with_settings(&harness, &setting(4, window));
        client.peer.grant_all();
        let mut exits = Vec::new();
        for (index, _) in contents.iter().enumerate() {
            client.send(post(2 * index as u32 + 1));
            exits.push(harness.expect_open());
        }
        for round in 0..4 {
            for (index, pieces) in contents.iter().enumerate() {
                if let Some(piece) = pieces.get(round) {
                    client.send(frame(DATA, 0, 2 * index as u32 + 1, piece));
                }
            }
        }
        for (index, exit) in exits.iter_mut().enumerate() {
            client.send(frame(DATA, END_STREAM, 2 * index as u32 + 1, []));
            echo(exit);
        }
        for (index, increment) in windows {
            let stream = if index == 0 { 0 } else { 2 * (index as u32 % contents.len() as u32) + 1 };
            client.send(window_update(stream, increment));
        }
        client.send(window_update(0, 1 << 24));
        for index in 0..contents.len() as u32 {
            client.send(window_update(2 * index + 1, 1 << 24));
        }
        let mut received = vec![(Vec::new(), false); contents.len()];
        for frame in client.frames.drain(..).filter(|frame| frame.kind == DATA) {
            let (content, ended) = &mut received[frame.stream as usize / 2];
            prop_assert!(!*ended);
            *ended = frame.ends();
            content.extend(frame.payload);
        }
        let expected: Vec<_> = contents.iter().map(|pieces| (pieces.concat(), true)).collect();
        prop_assert_eq!(received, expected);
        client.expect_well();
    }
}
