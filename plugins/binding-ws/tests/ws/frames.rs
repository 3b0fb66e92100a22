//! What each frame must be (RFC 6455, 5.2 to 5.5): a peer that breaks a rule is told so, and left.

use crate::script::*;
use zilla_sdk::testing::*;

/// Expects that these octets end the socket with that code, as soon as all are there.
#[track_caller]
fn expect_fault(octets: &[u8], code: u16) {
    let (harness, mut client, mut app) = open_default();
    let (last, before) = octets.split_last().unwrap();
    client.send(data(before));
    client.recv_nothing();
    client.send(data([*last]));
    let told = app.recv_all();
    assert_eq!(told.last().map(|frame| frame.kind), Some(FrameKind::Abort), "{told:?}");
    app.send(end());
    expect_closed(&mut client, code);
    app.recv_all();
    client.send(data(masked(TEXT, "not heard")));
    app.recv_nothing();
    client.send(end());
    assert!(client.is_over() && app.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn reserved_opcodes_are_refused() {
    for opcode in (3..8).chain(11..16) {
        expect_fault(&[0x80 | opcode, 0x80], 1002);
    }
}

#[test]
fn reserved_bits_are_refused() {
    for bits in [0x10, 0x20, 0x40, 0x70] {
        expect_fault(&[0x80 | bits | TEXT, 0x80], 1002);
    }
}

#[test]
fn what_is_not_masked_is_refused() {
    expect_fault(&[0x80 | TEXT, 0x05], 1002);
    expect_fault(&[0x80 | PING, 0x00], 1002);
}

#[test]
fn control_frames_are_short_and_whole() {
    expect_fault(&[0x80 | PING, 0x80 | 126], 1002);
    expect_fault(&[0x80 | CLOSE, 0x80 | 127], 1002);
    expect_fault(&[PING, 0x80], 1002);
}

#[test]
fn lengths_are_in_their_shortest_form() {
    expect_fault(&[0x82, 0xfe, 0, 125], 1002);
    expect_fault(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 1002);
    expect_fault(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002);
}

#[test]
fn fragments_are_in_order() {
    expect_fault(&masked(CONTINUATION, ""), 1002);
    let within = [masked_with(TEXT, "a"), masked(TEXT, "")].concat();
    expect_fault(&within, 1002);
}

#[test]
fn messages_and_frames_have_limits() {
    let harness = server("limits: {frame-bytes: 200, message-bytes: 300}");
    let (mut client, mut app) = open(&harness);
    client.send(data(masked(BINARY, [0; 200])));
    app.recv(message([0; 200]));
    client.send(data(masked(BINARY, [0; 201])));
    app.recv(abort(CloseCode::Limit));
    app.send(end());
    expect_closed(&mut client, 1009);
    let (mut client, mut app) = open(&harness);
    client.send(data(masked_with(BINARY, [0; 200])));
    app.recv(data([0; 200]).init());
    client.send(data(masked(CONTINUATION, [0; 101])));
    app.recv(abort(CloseCode::Limit));
    app.send(end());
    expect_closed(&mut client, 1009);
}

#[test]
fn text_is_utf_8_and_what_is_not_is_found_at_once() {
    expect_fault(&masked(TEXT, "\u{20ac}".as_bytes().split_at(2).0), 1007);
    let (_harness, mut client, mut app) = open_default();
    client.send(data(masked_with(TEXT, b"\xf4")));
    app.recv(data(b"\xf4").init().with([("type", "text")]));
    client.send(data(masked_with(CONTINUATION, b"\x90")));
    app.recv(abort(CloseCode::Violation));
    app.send(end());
    expect_closed(&mut client, 1007);
    // Not only when a frame is whole that is waited for.
    let (_harness, mut client, mut app) = open_default();
    client.send(data(&masked(TEXT, b"a\xff and more")[..7]));
    app.recv_nothing();
    client.send(data(&masked(TEXT, b"a\xff and more")[7..8]));
    app.recv(abort(CloseCode::Violation));
}

#[test]
fn awaited_text_is_checked_once() {
    let (_harness, mut client, mut app) = open_default();
    let octets = masked(TEXT, "κόσμε €");
    for octet in &octets {
        app.recv_nothing();
        client.send(data([*octet]));
    }
    app.recv(text("κόσμε €"));
}

#[test]
fn what_came_before_a_fault_is_answered_if_the_exit_is_quick() {
    for answers in [true, false] {
        let (harness, mut client, mut app) = open_default();
        client.send(data([&masked(TEXT, "before")[..], &[0x83, 0x80]].concat()));
        app.recv(text("before"));
        app.recv(abort(CloseCode::Violation));
        app.send(text("answer"));
        client.recv(data(plain(TEXT, "answer")));
        if answers {
            app.send(abort(CloseCode::Violation));
        } else {
            harness.advance(99);
            client.recv_nothing();
            harness.advance(1);
        }
        expect_closed(&mut client, 1002);
        client.send(end());
        app.recv_all();
        assert!(app.is_over());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn pings_are_answered_also_between_fragments() {
    let (_harness, mut client, mut app) = open_default();
    client.send(data([masked_with(TEXT, "a"), masked(PING, "x"), masked(CONTINUATION, "b")].concat()));
    client.recv(data(plain(PONG, "x")));
    app.recv(text("ab"));
    client.send(data([masked(PING, ""), masked(PONG, "unasked"), masked(PING, [7; 125])].concat()));
    client.recv(data([plain(PONG, ""), plain(PONG, [7; 125])].concat()));
}

#[test]
fn of_pings_that_come_while_the_client_does_not_read_the_last_is_answered() {
    let harness = server_with("", Limits { initial_credit: 4, ..Limits::default() });
    let (mut client, _app) = open(&harness);
    for payload in ["abc", "def", "ghi"] {
        client.send_payload(masked(PING, payload));
    }
    client.recv(data(&plain(PONG, "abc")[..4]));
    client.send(window(100));
    client.recv(data([&plain(PONG, "abc")[4..], &plain(PONG, "ghi")].concat()));
    client.recv_nothing();
}
