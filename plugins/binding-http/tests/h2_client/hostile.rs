//! Origins that break the rules, or flood. Each limit is met here.

use crate::script::*;
use zilla_sdk::testing::*;

/// What an origin sends behind its settings ends the connection with that code, and the request with a violation.
#[track_caller]
fn expect_ended(options: &str, octets: impl AsRef<[u8]>, code: u32) {
    let harness = client(options);
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(octets);
    let frames = opener.recv_all();
    assert!(frames.contains(&abort(CloseCode::Violation)), "{frames:?}");
    origin.expect_goaway(code);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn what_breaks_the_rules_ends_the_connection() {
    for (octets, code) in [
        (
            frame(PUSH_PROMISE, END_HEADERS, 1, [&[0, 0, 0, 2][..], &block(fields_of("GET"))].concat()),
            PROTOCOL_ERROR,
        ),
        (frame(SETTINGS, 0, 1, []), PROTOCOL_ERROR),
        (frame(SETTINGS, 0, 0, [0; 5]), FRAME_SIZE_ERROR),
        (frame(SETTINGS, ACK, 0, [0; 6]), FRAME_SIZE_ERROR),
        (setting(ENABLE_PUSH, 1), PROTOCOL_ERROR),
        (setting(ENABLE_PUSH, 2), PROTOCOL_ERROR),
        (setting(INITIAL_WINDOW_SIZE, 0x8000_0000), FLOW_CONTROL_ERROR),
        (setting(MAX_FRAME_SIZE, 16_383), PROTOCOL_ERROR),
        (setting(ENABLE_CONNECT_PROTOCOL, 2), PROTOCOL_ERROR),
        ([setting(ENABLE_CONNECT_PROTOCOL, 1), setting(ENABLE_CONNECT_PROTOCOL, 0)].concat(), PROTOCOL_ERROR),
        (frame(PING, 0, 1, [0; 8]), PROTOCOL_ERROR),
        (frame(PING, 0, 0, [0; 7]), FRAME_SIZE_ERROR),
        (frame(GOAWAY, 0, 1, [0; 8]), PROTOCOL_ERROR),
        (frame(GOAWAY, 0, 0, [0; 7]), FRAME_SIZE_ERROR),
        (frame(PRIORITY, 0, 0, [0; 5]), PROTOCOL_ERROR),
        (frame(PRIORITY, 0, 1, [0; 4]), FRAME_SIZE_ERROR),
        (window_update(0, 0), PROTOCOL_ERROR),
        (window_update(0, 0x7fff_ffff), FLOW_CONTROL_ERROR),
        (window_update(3, 1), PROTOCOL_ERROR),
        (frame(WINDOW_UPDATE, 0, 1, [0; 3]), FRAME_SIZE_ERROR),
        (rst_stream(3, CANCEL), PROTOCOL_ERROR),
        (rst_stream(2, CANCEL), PROTOCOL_ERROR),
        (rst_stream(0, CANCEL), PROTOCOL_ERROR),
        (frame(RST_STREAM, 0, 1, [0; 3]), FRAME_SIZE_ERROR),
        (frame(DATA, 0, 0, "x"), PROTOCOL_ERROR),
        (frame(DATA, 0, 2, "x"), PROTOCOL_ERROR),
        (frame(DATA, 0, 3, "x"), PROTOCOL_ERROR),
        (frame(DATA, PADDED, 1, [1]), PROTOCOL_ERROR),
        (nothing(0), PROTOCOL_ERROR),
        (nothing(2), PROTOCOL_ERROR),
        (nothing(3), PROTOCOL_ERROR),
        (frame(CONTINUATION, END_HEADERS, 1, []), PROTOCOL_ERROR),
        ([headers(0, 1, []), frame(PING, 0, 0, [0; 8])].concat(), PROTOCOL_ERROR),
        ([headers(0, 1, []), frame(CONTINUATION, END_HEADERS, 3, [])].concat(), PROTOCOL_ERROR),
        (frame(HEADERS, WHOLE, 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), COMPRESSION_ERROR),
        (frame(HEADERS, WHOLE, 1, [0xc0]), COMPRESSION_ERROR),
        (frame(HEADERS, WHOLE, 1, [0x3f, 0xe2, 0x1f]), COMPRESSION_ERROR),
        (frame(10, 0, 0, [0; 16_385]), FRAME_SIZE_ERROR),
    ] {
        expect_ended("", octets, code);
    }
}

#[test]
fn what_does_not_begin_with_settings_is_no_http2() {
    for octets in [
        frame(PING, 0, 0, [0; 8]),
        frame(SETTINGS, ACK, 0, []),
        nothing(1),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ] {
        let harness = client("");
        let mut opener = ask(&harness);
        let mut origin = Origin::silent(&harness, None);
        origin.peer.send(data(&octets));
        expect_failed(&mut opener, CloseCode::Violation);
        assert!(!origin.peer.can_send());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_window_of_a_stream_cannot_grow_past_its_limit() {
    for octets in [window_update(1, 0x7fff_ffff), window_update(1, 0)] {
        let harness = client("");
        let mut opener = harness.open(request("POST"));
        let mut origin = Origin::accept(&harness);
        origin.recv();
        origin.send(octets);
        expect_failed(&mut opener, CloseCode::Violation);
        assert_eq!(origin.recv().kind, RST_STREAM);
        expect_kept(&harness, &mut origin, 3);
    }
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::accept(&harness);
    origin.send(window_update(1, 0x7fff_0000));
    origin.send(setting(INITIAL_WINDOW_SIZE, 0x7fff_ffff));
    expect_failed(&mut opener, CloseCode::Violation);
    origin.expect_goaway(FLOW_CONTROL_ERROR);
}

#[test]
fn floods_end_the_connection() {
    let options = "limits: {h2: {control-frames: 50, resets: 50}}";
    for flood in [
        frame(PING, 0, 0, [0; 8]),
        frame(PING, ACK, 0, [0; 8]),
        frame(SETTINGS, 0, 0, []),
        frame(SETTINGS, ACK, 0, []),
        frame(PRIORITY, 0, 1, [0; 5]),
        frame(200, 0, 1, []),
        window_update(0, 1),
        window_update(1, 1),
        goaway(0x7fff_ffff, NO_ERROR),
    ] {
        let harness = client(options);
        let mut opener = harness.open(request("POST"));
        let mut origin = Origin::accept(&harness);
        origin.send(vec![flood; 60].concat());
        expect_failed(&mut opener, CloseCode::Violation);
        origin.expect_goaway(ENHANCE_YOUR_CALM);
    }
    // Content without octets, and what comes on streams that are over.
    for (first, flood) in [
        (ok(1), frame(DATA, 0, 1, "")),
        (ok(1), frame(DATA, PADDED, 1, [0])),
        (nothing(1), frame(DATA, 0, 1, "x")),
        (nothing(1), nothing(1)),
        (nothing(1), rst_stream(1, CANCEL)),
    ] {
        let harness = client(options);
        let (_opener, mut origin) = exchange(&harness);
        origin.send(first);
        origin.send(vec![flood; 60].concat());
        if origin.frames.iter().all(|frame| frame.kind != GOAWAY) {
            // Padding is content to windows: it is bounded by them, and is no flood.
            assert_eq!(origin.frames.len(), 0);
            continue;
        }
        origin.expect_goaway(ENHANCE_YOUR_CALM);
    }
}

#[test]
fn one_reset_for_each_request_is_no_flood() {
    let harness = client("limits: {h2: {resets: 2, control-frames: 50}}");
    let mut origin: Option<Origin> = None;
    for index in 0..100 {
        let mut opener = ask_with(&harness, request("POST"));
        let origin = origin.get_or_insert_with(|| Origin::accept(&harness));
        origin.send(rst_stream(index * 2 + 1, CANCEL));
        expect_failed(&mut opener, CloseCode::Violation);
    }
    origin.unwrap().send(rst_stream(1, CANCEL));
    expect_ended("limits: {h2: {resets: 2}}", rst_stream(1, CANCEL).repeat(3), ENHANCE_YOUR_CALM);
}

#[test]
fn a_field_block_has_limits() {
    let options = "limits: {h2: {continuations: 3}}";
    let start = headers(0, 1, [(":status", "200")]);
    let more = frame(CONTINUATION, 0, 1, []);
    expect_ended(options, [&start[..], &more.repeat(4)].concat(), ENHANCE_YOUR_CALM);
    let harness = client(options);
    let (mut opener, mut origin) = exchange(&harness);
    origin.send([&start[..], &more.repeat(2), &frame(CONTINUATION, END_HEADERS, 1, [])].concat());
    opener.recv_begin();
    // Octets of a block that is no attempt to be compressed.
    let long = frame(CONTINUATION, 0, 1, vec![0; 16_384]);
    expect_ended("limits: {header-bytes: 1000}", [&start[..], &long.repeat(2)].concat(), ENHANCE_YOUR_CALM);
}

#[test]
fn a_table_is_no_larger_than_was_said() {
    // 31 + 70 octets
    expect_ended("limits: {h2: {table-bytes: 100}}", frame(HEADERS, WHOLE, 1, [0x3f, 70]), COMPRESSION_ERROR);
    // What is small unfolds to no more than the limit of a head.
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    let mut bomb = vec![0x88, 0x40, 1, b'x', 127, 0xa1, 0x1e];
    bomb.extend([b'y'; 4_000]);
    bomb.extend([0xbe; 12_000]);
    origin.send(frame(HEADERS, WHOLE, 1, bomb));
    expect_failed(&mut opener, CloseCode::Violation);
    origin.expect_reset(1, PROTOCOL_ERROR);
    expect_kept(&harness, &mut origin, 3);
}

#[test]
fn an_origin_that_reads_nothing_is_not_listened_to() {
    let harness = client_with("", Limits { initial_credit: 20_000, ..Limits::default() });
    let _opener = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    origin.send(frame(SETTINGS, 0, 0, []));
    let ping = frame(PING, 0, 0, [0; 8]);
    let mut sent = 0_u32;
    while origin.peer.can_send() && origin.peer.credit() >= 17 && sent < 10_000 {
        origin.peer.send(data(&ping));
        sent += 1;
    }
    assert!(sent < 5_000, "{sent}");
}
