//! What ends a stream or the connection (RFC 9113, 3 to 6), each with its code.

use crate::script::*;

const PRIORITY_FLAG: u8 = 0x20;

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
        (
            "6.2: no room for the priority",
            frame(HEADERS, WHOLE | PRIORITY_FLAG, 1, [0; 4]),
            0,
            FRAME_SIZE_ERROR,
        ),
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
        (
            "3.4: SETTINGS cut, after the first",
            [setting(3, 1), frame(SETTINGS, 0, 0, [0; 7])].concat(),
            0,
            FRAME_SIZE_ERROR,
        ),
        ("4.2: HEADERS too long", frame(HEADERS, WHOLE, 1, [0; 16_385]), 0, FRAME_SIZE_ERROR),
        ("4.2: SETTINGS too long", frame(SETTINGS, 0, 0, [0; 16_386]), 0, FRAME_SIZE_ERROR),
        ("4.2: an unknown frame too long", frame(99, 0, 0, [0; 16_385]), 0, FRAME_SIZE_ERROR),
        (
            "4.3: DATA within a block",
            [post(1), frame(HEADERS, 0, 3, &block_of_get), frame(DATA, END_STREAM, 1, "")].concat(),
            1,
            PROTOCOL_ERROR,
        ),
        (
            "4.3: RST_STREAM of the stream within its block",
            [frame(HEADERS, 0, 1, &block_of_get), rst_stream(1, CANCEL)].concat(),
            0,
            PROTOCOL_ERROR,
        ),
        (
            "4.3: trailers that cannot be decoded",
            [post(1), frame(HEADERS, WHOLE, 1, [0x80])].concat(),
            1,
            COMPRESSION_ERROR,
        ),
        (
            "4.3: a block of a refused stream that cannot be decoded",
            frame(HEADERS, WHOLE | PRIORITY_FLAG, 1, [&[0, 0, 0, 1, 0][..], &[0xff; 8]].concat()),
            0,
            COMPRESSION_ERROR,
        ),
        ("RFC 7541, 2.3.3: index 0", frame(HEADERS, WHOLE, 1, [0x80]), 0, COMPRESSION_ERROR),
        (
            "RFC 7541, 4.2: a table larger than allowed",
            frame(HEADERS, WHOLE, 1, [0x3f, 0xe2, 0x1f]),
            0,
            COMPRESSION_ERROR,
        ),
        (
            "RFC 7541, 4.2: a table size behind a field",
            frame(HEADERS, WHOLE, 1, [0x82, 0x20]),
            0,
            COMPRESSION_ERROR,
        ),
        (
            "RFC 7541, 5.1: a number without an end",
            frame(HEADERS, WHOLE, 1, [0xff; 16]),
            0,
            COMPRESSION_ERROR,
        ),
        (
            "RFC 7541, 5.2: a string longer than the block",
            frame(HEADERS, WHOLE, 1, [0, 5, b'a']),
            0,
            COMPRESSION_ERROR,
        ),
        (
            "RFC 7541, 5.2: padding of a code that is no 1s",
            frame(HEADERS, WHOLE, 1, [0, 0x81, 0x18, 0]),
            0,
            COMPRESSION_ERROR,
        ),
        (
            "RFC 7541, 5.2: EOS in a code",
            frame(HEADERS, WHOLE, 1, [0, 0x84, 0xff, 0xff, 0xff, 0xff, 0]),
            0,
            COMPRESSION_ERROR,
        ),
        (
            "5.1: CONTINUATION when half-closed",
            [get(1), frame(CONTINUATION, END_HEADERS, 1, [])].concat(),
            1,
            PROTOCOL_ERROR,
        ),
        ("5.1.1: DATA on an even stream", frame(DATA, 0, 2, "x"), 0, PROTOCOL_ERROR),
        ("5.1.1: RST_STREAM on an even stream", rst_stream(2, CANCEL), 0, PROTOCOL_ERROR),
        ("5.1.1: WINDOW_UPDATE on an even stream", window_update(2, 1), 0, PROTOCOL_ERROR),
        ("5.1.1: RST_STREAM on a later stream", [get(3), rst_stream(5, CANCEL)].concat(), 3, PROTOCOL_ERROR),
        (
            "6.1: padding longer than the rest of HEADERS with a priority",
            frame(HEADERS, WHOLE | PADDED | PRIORITY_FLAG, 1, [2, 0, 0, 0, 0, 0, 1]),
            0,
            PROTOCOL_ERROR,
        ),
        ("6.2: no room for padding", frame(HEADERS, WHOLE | PADDED, 1, []), 0, FRAME_SIZE_ERROR),
        ("6.4: a long RST_STREAM", [get(1), frame(RST_STREAM, 0, 1, [0; 5])].concat(), 1, FRAME_SIZE_ERROR),
        ("6.5.2: ENABLE_CONNECT_PROTOCOL", setting(8, 2), 0, PROTOCOL_ERROR),
        (
            "6.5.2: the second setting",
            frame(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 1, 0, 2, 0, 0, 0, 9]),
            0,
            PROTOCOL_ERROR,
        ),
        (
            "6.6: PUSH_PROMISE on no stream",
            frame(PUSH_PROMISE, END_HEADERS, 0, [0, 0, 0, 2]),
            0,
            PROTOCOL_ERROR,
        ),
        (
            "6.6: PUSH_PROMISE on an open stream",
            [post(1), frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2])].concat(),
            1,
            PROTOCOL_ERROR,
        ),
        ("6.7: a long PING", frame(PING, 0, 0, [0; 9]), 0, FRAME_SIZE_ERROR),
        ("6.7: a short answer to PING", frame(PING, ACK, 0, [0; 7]), 0, FRAME_SIZE_ERROR),
        (
            "6.9: a long WINDOW_UPDATE",
            [post(1), frame(WINDOW_UPDATE, 0, 1, [0; 5])].concat(),
            1,
            FRAME_SIZE_ERROR,
        ),
        ("6.10: CONTINUATION on no stream", frame(CONTINUATION, END_HEADERS, 0, []), 0, PROTOCOL_ERROR),
        (
            "6.10: CONTINUATION of no stream within a block",
            [frame(HEADERS, 0, 1, []), frame(CONTINUATION, END_HEADERS, 0, [])].concat(),
            0,
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
            frame(HEADERS, WHOLE | PRIORITY_FLAG, 1, [&[0, 0, 0, 1, 0][..], &block(GET)].concat()),
            PROTOCOL_ERROR,
        ),
        (
            "6.3: PRIORITY of another length",
            [get(1), frame(PRIORITY, 0, 1, [0; 4])].concat(),
            FRAME_SIZE_ERROR,
        ),
        ("6.9: WINDOW_UPDATE of 0", [get(1), window_update(1, 0)].concat(), PROTOCOL_ERROR),
        ("6.9.1: too large a window", [get(1), window_update(1, 0x7fff_ffff)].concat(), FLOW_CONTROL_ERROR),
        (
            "6.1: DATA when the end has come with trailers",
            [post(1), frame(HEADERS, WHOLE, 1, block([("a", "b")])), frame(DATA, 0, 1, "x")].concat(),
            STREAM_CLOSED,
        ),
        ("6.3: a long PRIORITY", [get(1), frame(PRIORITY, 0, 1, [0; 6])].concat(), FRAME_SIZE_ERROR),
        (
            "6.9.1: two updates make too large a window",
            [get(1), window_update(1, 0x7fff_0000), window_update(1, 1)].concat(),
            FLOW_CONTROL_ERROR,
        ),
        (
            "8.1: trailers that do not end the stream",
            [post(1), frame(HEADERS, END_HEADERS, 1, block([("a", "b")]))].concat(),
            PROTOCOL_ERROR,
        ),
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
        ("4.1: unknown flags of DATA", [post(1), frame(DATA, END_STREAM | 0xf0, 1, "x")].concat()),
        (
            "5.1: PRIORITY when closed",
            [get(1), rst_stream(1, CANCEL), frame(PRIORITY, 0, 1, [0; 5])].concat(),
        ),
        (
            "5.1: PRIORITY and WINDOW_UPDATE when half-closed",
            [get(1), frame(PRIORITY, 0, 1, [0; 5]), window_update(1, 1)].concat(),
        ),
        ("6.1: DATA with nothing but padding", [post(1), frame(DATA, PADDED, 1, [3, 0, 0, 0])].concat()),
        ("6.7: an answer to no PING", frame(PING, ACK, 0, [7; 8])),
        ("7: an unknown code", [get(1), rst_stream(1, 0xffff_ffff)].concat()),
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
fn a_stream_that_has_ended_is_closed() {
    for (what, late, code) in [
        ("5.1: HEADERS when both have ended", get(1), None),
        ("5.1: DATA when both have ended", frame(DATA, END_STREAM, 1, "x"), Some(STREAM_CLOSED)),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        eprintln!("{what}");
        client.send(get(1));
        echo(&mut harness.expect_open());
        client.expect_response(1, "200", "");
        client.send(late);
        match code {
            Some(code) => client.expect_reset(1, code),
            None => client.expect_goaway(1, STREAM_CLOSED),
        }
    }
    // 5.1.1: so is one that was passed over.
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([get(5), frame(DATA, 0, 3, "x")].concat());
    client.expect_reset(3, STREAM_CLOSED);
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
