//! HTTP/2: frames of a client, and field blocks in them.

use crate::corpus::fuzz;
use crate::outcome::{expect_over_in_time, joined};
use crate::visitor::{
    ACK, CONTINUATION, Client, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, Received, SETTINGS,
    WINDOW_UPDATE, frame, get, h2,
};
use zilla_sdk::testing::*;

/// What exits were asked, and what the client got, when these pieces follow the preface, and exits then echo
/// whole requests.
fn outcome(pieces: &[&[u8]]) -> (Vec<Vec<Frame>>, Vec<Received>) {
    let harness = h2("versions: [h2], limits: {header-bytes: 300, header-count: 6, body-bytes: 60, \
                      h2: {concurrent-streams: 3, stream-window-bytes: 30, control-frames: 20, resets: 4}}");
    let mut client = Client::silent(&harness).peer;
    client.grant_all();
    // With the acknowledgement, or waiting for it would end whatever is left.
    client.send(data([PREFACE, &frame(SETTINGS, 0, 0, []), &frame(SETTINGS, ACK, 0, [])].concat()));
    for piece in pieces {
        if client.can_send() {
            client.send(data(piece));
        }
    }
    let mut exits: Vec<Peer> = std::iter::from_fn(|| harness.opened()).collect();
    let mut asked = Vec::new();
    for exit in &mut exits {
        let frames = joined(exit.recv_all());
        if exit.can_send() && frames.last().is_some_and(|last| last.kind == FrameKind::End) {
            exit.send_all(frames.clone());
        }
        asked.push(frames);
    }
    let answered = received(&client.recv_data_all());
    expect_over_in_time(&harness, exits.iter().chain([&client]));
    (asked, answered)
}

/// Frames of the binding, one after the other. How much is granted at a time depends on the pieces.
fn received(mut octets: &[u8]) -> Vec<Received> {
    let mut frames = Vec::new();
    while let Some((&[l0, l1, l2, kind, flags, s0, s1, s2, s3], rest)) = octets.split_first_chunk() {
        let (payload, rest) = rest.split_at(u32::from_be_bytes([0, l0, l1, l2]) as usize);
        octets = rest;
        if kind != WINDOW_UPDATE {
            let stream = u32::from_be_bytes([s0, s1, s2, s3]);
            frames.push(Received { kind, flags, stream, payload: payload.to_vec(), fields: Vec::new() });
        }
    }
    assert!(octets.is_empty(), "found part of a frame: {}", octets.escape_ascii());
    frames
}

/// The frames of a request whose field block comes in these fragments.
fn request(stream: u32, fragments: &[&[u8]]) -> Vec<u8> {
    let (first, rest) = fragments.split_first().map_or((&[][..], &[][..]), |(first, rest)| (*first, rest));
    let flags = |is_last: bool| if is_last { END_HEADERS } else { 0 };
    let mut octets = frame(HEADERS, END_STREAM | flags(rest.is_empty()), stream, first);
    for (index, fragment) in rest.iter().enumerate() {
        octets.extend(frame(CONTINUATION, flags(index + 1 == rest.len()), stream, fragment));
    }
    octets
}

#[test]
fn frames() {
    fuzz("frames", outcome);
}

/// Most fragments of a block here; a block in more is sent in one, and octet by octet instead.
const FRAGMENTS_MAX: usize = 8;

/// A block is sent twice, so that the second time finds what the first left in the dynamic table; then comes a
/// plain request, which is served unless the connection is over. Cuts are those into frames.
#[test]
fn field_blocks() {
    fuzz("hpack", |fragments| {
        let (asked, answered) = if fragments.len() > FRAGMENTS_MAX {
            let block = fragments.concat();
            let octets = [request(1, &[&block]), request(3, &[&block]), get(5)].concat();
            outcome(&octets.chunks(1).collect::<Vec<_>>())
        } else {
            outcome(&[&[request(1, fragments), request(3, fragments), get(5)].concat()])
        };
        let is_served = answered.iter().any(|frame| frame.kind == HEADERS && frame.stream == 5);
        let is_over = answered.last().is_some_and(|frame| frame.kind == GOAWAY);
        assert!(is_served != is_over, "expected an answer or GOAWAY, found {answered:?}");
        (asked, answered)
    });
}
