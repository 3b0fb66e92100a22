//! What ends a stream or the connection (RFC 9113, 3 to 6), each with its code.

use crate::script::*;

/// What the client sends, section by section, and how the connection ends.
#[test]
fn what_breaks_the_connection_says_why() {
    let priority = [0, 0, 0, 0, 0];
    let block_of_get = block(GET);
    for (what, frames, last, code) in [
        ("4.2: a frame too long", frame(DATA, 0, 1, [0; 16_385]), 0, FRAME_SIZE_ERROR),
        ("4.3: a block that cannot be decoded", frame(HEADERS, WHOLE, 1, [0xbf]), 0, COMPRESSION_ERROR),
        (
            "4.3: a frame within a block",
            [frame(HEADERS, END_STREAM, 1, []), frame(PING, 0, 0, [0; 8])].concat(),
            0,
            PROTOCOL_ERROR,
        ),
        (
            "4.3: another block within",
            [frame(HEADERS, END_STREAM, 1, []), get(3)].concat(),
            0,
            PROTOCOL_ERROR,
        ),
        (
            "4.3: an unknown frame within",
            [frame(HEADERS, END_STREAM, 1, []), frame(99, 0, 1, [])].concat(),
            0,
            PROTOCOL_ERROR,
        ),
        ("5.1: DATA when idle", frame(DATA, END_STREAM, 1, "x"), 0, PROTOCOL_ERROR),
        ("5.1: RST_STREAM when idle", rst_stream(1, CANCEL), 0, PROTOCOL_ERROR),
        ("5.1: WINDOW_UPDATE when idle", window_update(1, 1), 0, PROTOCOL_ERROR),
        (
            "5.1: CONTINUATION when idle",
            frame(CONTINUATION, END_HEADERS, 1, &block_of_get),
            0,
            PROTOCOL_ERROR,
        ),
        ("5.1: HEADERS when closed", [get(1), rst_stream(1, CANCEL), get(1)].concat(), 1, STREAM_CLOSED),
        ("5.1.1: an even stream", get(2), 0, PROTOCOL_ERROR),
        ("5.1.1: a smaller stream", [get(5), get(3)].concat(), 5, STREAM_CLOSED),
        ("6.1: DATA on no stream", frame(DATA, 0, 0, "x"), 0, PROTOCOL_ERROR),
        (
            "6.1: padding as long as the frame",
            [post(1), frame(DATA, PADDED, 1, [4, 0, 0, 0])].concat(),
            1,
            PROTOCOL_ERROR,
        ),
        ("6.1: no room for padding", [post(1), frame(DATA, PADDED, 1, [])].concat(), 1, FRAME_SIZE_ERROR),
        ("6.2: HEADERS on no stream", get(0), 0, PROTOCOL_ERROR),
        (
            "6.2: padding as long as the frame",
            frame(HEADERS, WHOLE | PADDED, 1, [9, 0x82]),
            0,
            PROTOCOL_ERROR,
        ),
        ("6.2: no room for the priority", frame(HEADERS, WHOLE | 0x20, 1, [0; 4]), 0, FRAME_SIZE_ERROR),
        ("6.3: PRIORITY on no stream", frame(PRIORITY, 0, 0, priority), 0, PROTOCOL_ERROR),
        ("6.3: PRIORITY of another length when idle", frame(PRIORITY, 0, 1, [0; 4]), 0, FRAME_SIZE_ERROR),
        ("6.4: RST_STREAM on no stream", rst_stream(0, CANCEL), 0, PROTOCOL_ERROR),
        ("6.4: a short RST_STREAM", [get(1), frame(RST_STREAM, 0, 1, [0; 3])].concat(), 1, FRAME_SIZE_ERROR),
        ("6.5: SETTINGS on a stream", frame(SETTINGS, 0, 1, []), 0, PROTOCOL_ERROR),
        ("6.5: SETTINGS cut", frame(SETTINGS, 0, 0, [0; 5]), 0, FRAME_SIZE_ERROR),
        ("6.5: an acknowledgement with settings", frame(SETTINGS, ACK, 0, [0; 6]), 0, FRAME_SIZE_ERROR),
        ("6.5.2: ENABLE_PUSH", setting(2, 2), 0, PROTOCOL_ERROR),
        ("6.5.2: INITIAL_WINDOW_SIZE", setting(4, 1 << 31), 0, FLOW_CONTROL_ERROR),
        ("6.5.2: MAX_FRAME_SIZE too small", setting(5, 16_383), 0, PROTOCOL_ERROR),
        ("6.5.2: MAX_FRAME_SIZE too large", setting(5, 1 << 24), 0, PROTOCOL_ERROR),
        ("6.6: PUSH_PROMISE", frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2]), 0, PROTOCOL_ERROR),
        ("6.7: PING on a stream", frame(PING, 0, 1, [0; 8]), 0, PROTOCOL_ERROR),
        ("6.7: a short PING", frame(PING, 0, 0, [0; 7]), 0, FRAME_SIZE_ERROR),
        ("6.8: GOAWAY on a stream", frame(GOAWAY, 0, 1, [0; 8]), 0, PROTOCOL_ERROR),
        ("6.8: a short GOAWAY", frame(GOAWAY, 0, 0, [0; 7]), 0, FRAME_SIZE_ERROR),
        ("6.9: WINDOW_UPDATE of 0", window_update(0, 0), 0, PROTOCOL_ERROR),
        ("6.9: a short WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, [0; 3]), 0, FRAME_SIZE_ERROR),
        ("6.9.1: too large a window", window_update(0, 0x7fff_ffff), 0, FLOW_CONTROL_ERROR),
        (
            "6.9.2: settings make a window too large",
            [get(1), window_update(1, 1), setting(4, 0x7fff_ffff)].concat(),
            1,
            FLOW_CONTROL_ERROR,
        ),
        (
            "6.10: CONTINUATION of another stream",
            [frame(HEADERS, 0, 1, []), frame(CONTINUATION, 0, 3, [])].concat(),
            0,
            PROTOCOL_ERROR,
        ),
        (
            "6.10: CONTINUATION after the end",
            [get(1), frame(CONTINUATION, END_HEADERS, 1, [])].concat(),
            1,
            PROTOCOL_ERROR,
        ),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        eprintln!("{what}");
        client.send(frames);
        client.expect_goaway(last, code);
        while let Some(mut exit) = harness.opened() {
            exit.recv_all();
            assert!(exit.is_over(), "{what}");
        }
        assert_eq!(harness.streams(), 0, "{what}");
    }
}

#[test]
fn what_breaks_a_stream_resets_it() {
    for (what, frames, code) in [
        ("5.1: DATA when half-closed", [get(1), frame(DATA, 0, 1, "x")].concat(), STREAM_CLOSED),
        ("5.1: HEADERS when half-closed", [get(1), get(1)].concat(), STREAM_CLOSED),
        (
            "5.1: DATA when closed",
            [post(1), rst_stream(1, CANCEL), frame(DATA, 0, 1, "x")].concat(),
            STREAM_CLOSED,
        ),
        (
            "5.3.1 of RFC 7540: PRIORITY on itself",
            [get(1), frame(PRIORITY, 0, 1, [0, 0, 0, 1, 0])].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "6.2: HEADERS that depend on themselves",
            frame(HEADERS, WHOLE | 0x20, 1, [&[0, 0, 0, 1, 0][..], &block(GET)].concat()),
            PROTOCOL_ERROR,
        ),
        (
            "6.3: PRIORITY of another length",
            [get(1), frame(PRIORITY, 0, 1, [0; 4])].concat(),
            FRAME_SIZE_ERROR,
        ),
        ("6.9: WINDOW_UPDATE of 0", [get(1), window_update(1, 0)].concat(), PROTOCOL_ERROR),
        ("6.9.1: too large a window", [get(1), window_update(1, 0x7fff_ffff)].concat(), FLOW_CONTROL_ERROR),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        eprintln!("{what}");
        client.send(frames);
        client.expect_reset(1, code);
        client.expect_well();
        while let Some(mut exit) = harness.opened() {
            exit.recv_all();
            assert!(exit.is_over(), "{what}");
        }
        client.send(get(3));
        harness.expect_open();
    }
}

#[test]
fn what_is_ignored_does_not_matter() {
    for (what, frames) in [
        ("4.1: an unknown kind", frame(0xbe, 0xff, 0, "x")),
        ("4.1: an unknown kind on a stream", frame(0x10, 0, 7, "u=1")),
        ("4.1: unknown flags", frame(PING, ACK | 0xf0, 0, [0; 8])),
        ("4.1: the reserved bit", frame(PRIORITY, 0, 0x8000_0001, [0; 5])),
        ("5.3: PRIORITY when idle", frame(PRIORITY, 0, 9, [0, 0, 0, 3, 16])),
        ("6.4: RST_STREAM when closed", [get(1), rst_stream(1, CANCEL), rst_stream(1, CANCEL)].concat()),
        ("6.5: an acknowledgement too many", frame(SETTINGS, ACK, 0, [])),
        (
            "6.9: WINDOW_UPDATE when closed",
            [get(1), rst_stream(1, CANCEL), window_update(1, 0x7fff_ffff)].concat(),
        ),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        eprintln!("{what}");
        client.send(frames);
        client.expect_well();
    }
}

#[test]
fn frames_of_a_stream_that_was_reset_are_read_over() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([post(1), window_update(1, 0)].concat());
    client.expect_reset(1, PROTOCOL_ERROR);
    client.send(frame(DATA, 0, 1, "on its way"));
    client.send(frame(HEADERS, WHOLE, 1, block([("as", "well")])));
    client.expect_well();
}

#[test]
fn what_is_no_preface_ends_the_connection() {
    for octets in [&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", b"\0"] {
        let harness = h2("versions: [h2]");
        let mut client = Client::silent(&harness);
        client.send(octets);
        client.expect_goaway(0, PROTOCOL_ERROR);
    }
}

#[test]
fn the_first_frame_is_settings() {
    for first in [frame(PING, 0, 0, [0; 8]), frame(SETTINGS, ACK, 0, []), get(1)] {
        let harness = h2("");
        let mut client = Client::silent(&harness);
        client.send([PREFACE, &first].concat());
        client.expect_goaway(0, PROTOCOL_ERROR);
    }
}
