//! Other protocols over streams (RFC 8441).

use crate::script::*;
use zilla_sdk::testing::*;

const OPTION: &str = "upgrade: [websocket]";

const ASKED: [(&str, &str); 6] = [
    (":method", "CONNECT"),
    (":protocol", "WebSocket"),
    (":scheme", "http"),
    (":authority", "A"),
    (":path", "/chat?a"),
    ("sec-websocket-version", "13"),
];

/// A client that asks on stream 1, and the exit that it asks.
fn ask(harness: &Harness<binding_http::Http>) -> (Client, Peer) {
    let mut client = Client::connect(harness);
    client.send(frame(HEADERS, END_HEADERS, 1, block(ASKED)));
    (client, harness.expect_open())
}

/// The same, and the exit agrees.
fn agree(harness: &Harness<binding_http::Http>) -> (Client, Peer) {
    let (mut client, mut exit) = ask(harness);
    exit.recv_begin();
    exit.send(begun());
    client.expect_head(1, "200");
    (client, exit)
}

#[test]
fn clients_are_told_that_they_may_ask_where_there_is_something_to_ask_for() {
    for (options, is_told) in [(OPTION, true), ("", false)] {
        let harness = h2(options);
        let mut client = Client::silent(&harness);
        client.send([PREFACE, &frame(SETTINGS, 0, 0, [])].concat());
        let settings = client.recv().payload;
        assert_eq!(settings.as_chunks::<6>().0.contains(&[0, 8, 0, 0, 0, 1]), is_told, "{settings:?}");
    }
}

#[test]
fn octets_go_both_ways_until_both_have_ended() {
    let harness = h2(OPTION);
    let (mut client, mut exit) = ask(&harness);
    let asked = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "a:80"),
        (":path", "/chat?a"),
        ("sec-websocket-version", "13"),
    ];
    exit.recv(begin_with(asked));
    client.send(frame(DATA, 0, 1, "early"));
    exit.recv_nothing();
    exit.send(begun_with([(":status", "200"), ("content-length", "9"), ("sec-websocket-protocol", "x")]));
    let head = client.expect_head(1, "200");
    assert_eq!((head.field("content-length"), head.field("sec-websocket-protocol")), (None, Some("x")));
    exit.recv(data("early"));
    exit.send(data("\0 more than nine octets"));
    client.expect(DATA, 0, 1, "\0 more than nine octets");
    // Who says what when is the protocol's to know.
    harness.advance(70_000);
    client.send(frame(PING, ACK, 0, b"leaving!"));
    client.send(frame(DATA, END_STREAM, 1, "last"));
    exit.recv(data("last"));
    exit.recv(end());
    harness.advance(200_000);
    exit.send(data("still"));
    client.expect(DATA, 0, 1, "still");
    exit.send(end_with([("x", "y")]));
    client.expect(DATA, END_STREAM, 1, "");
    client.expect_well();
    assert!(exit.is_over());
    assert_eq!(harness.streams(), 1);
}

#[test]
fn an_exit_may_end_first() {
    let harness = h2(OPTION);
    let (mut client, mut exit) = agree(&harness);
    exit.send_all([data("bye"), end()]);
    client.expect(DATA, 0, 1, "bye");
    client.expect(DATA, END_STREAM, 1, "");
    harness.advance(1_000_000);
    client.send(frame(DATA, 0, 1, "more"));
    exit.recv(data("more"));
    client.send(frame(DATA, END_STREAM, 1, ""));
    exit.recv(end());
    client.expect_nothing();
    assert!(exit.is_over());
}

#[test]
fn a_client_may_end_before_the_exit_agrees() {
    for flags in [END_HEADERS, WHOLE] {
        let harness = h2(OPTION);
        let mut client = Client::connect(&harness);
        client.send(frame(HEADERS, flags, 1, block(ASKED)));
        if flags == END_HEADERS {
            client.send(frame(DATA, END_STREAM, 1, ""));
        }
        let mut exit = harness.expect_open();
        exit.recv_begin();
        exit.recv_nothing();
        exit.send(begun_with([(":status", "204")]));
        client.expect_head(1, "204");
        exit.recv(end());
        exit.send_all([data("x"), end()]);
        client.expect(DATA, 0, 1, "x");
        client.expect(DATA, END_STREAM, 1, "");
        client.expect_well();
    }
}

#[test]
fn an_exit_may_decline() {
    let harness = h2(OPTION);
    let (mut client, mut exit) = ask(&harness);
    client.send(frame(DATA, 0, 1, "nobody reads this"));
    exit.recv_begin();
    exit.send(begun_with([(":status", "403"), ("content-length", "2")]));
    exit.recv(end());
    exit.send_all([data("no"), end()]);
    assert_eq!(client.expect_head(1, "403").field("content-length"), Some("2"));
    client.expect(DATA, 0, 1, "no");
    client.expect(DATA, END_STREAM, 1, "");
    client.expect_reset(1, NO_ERROR);
    client.expect_well();
    // No route, or no answer in time.
    let (mut client, mut exit) = ask(&harness);
    exit.refuse(CloseCode::NoRoute);
    client.expect_head(1, "404");
    let harness = h2(&format!("{OPTION}, timeouts: {{response-ms: 5000}}"));
    let (mut client, _exit) = ask(&harness);
    harness.advance(5_000);
    client.expect_head(1, "504");
}

#[test]
fn what_fails_is_reset_so_that_it_does_not_look_whole() {
    for failure in [abort(CloseCode::Crashed), abort(CloseCode::Unspecified), reset(CloseCode::Refused)] {
        let harness = h2(OPTION);
        let (mut client, mut exit) = agree(&harness);
        exit.send(failure);
        client.expect_reset(1, CANCEL);
        client.expect_well();
        exit.recv_all();
        assert!(exit.is_over());
    }
    for left in [rst_stream(1, CANCEL), frame(HEADERS, WHOLE, 1, block([("x", "y")]))] {
        let harness = h2(OPTION);
        let (mut client, mut exit) = agree(&harness);
        client.send(left);
        exit.recv(abort(CloseCode::Cancelled));
        exit.recv(reset(CloseCode::Cancelled));
        assert!(
            client.frames.iter().all(|frame| (frame.kind, frame.number(0)) == (RST_STREAM, PROTOCOL_ERROR))
        );
    }
}

#[test]
fn what_is_no_such_request_is_reset() {
    let without =
        |left_out: &str| ASKED.into_iter().filter(|(name, _)| *name != left_out).collect::<Vec<_>>();
    let with = |more| ASKED.into_iter().chain([more]).collect::<Vec<_>>();
    let get: Vec<_> = [(":method", "GET")].into_iter().chain(without(":method")).collect();
    for (fields, options) in [
        (without(":path"), OPTION),
        (without(":scheme"), OPTION),
        (without(":authority"), OPTION),
        (with((":protocol", "websocket")), OPTION),
        (with(("content-length", "0")), OPTION),
        (get, OPTION),
        // Who was not told must not ask.
        (ASKED.to_vec(), ""),
    ] {
        let harness = h2(options);
        let mut client = Client::connect(&harness);
        client.send(frame(HEADERS, END_HEADERS, 1, block(fields.iter().copied())));
        client.expect_reset(1, PROTOCOL_ERROR);
        harness.expect_no_open();
        client.expect_well();
    }
}

#[test]
fn what_is_not_served_is_answered() {
    for (protocol, because) in [
        (Some("connect-udp"), "the protocol is not served"),
        (None, "CONNECT is not served without :protocol"),
    ] {
        let harness = h2(OPTION);
        let mut client = Client::connect(&harness);
        let fields: Vec<_> = match protocol {
            Some(protocol) => {
                ASKED.map(|(name, value)| (name, if name == ":protocol" { protocol } else { value })).into()
            }
            None => vec![(":method", "CONNECT"), (":authority", "a:443")],
        };
        client.send(frame(HEADERS, END_HEADERS, 1, block(fields)));
        client.expect_refusal(1, "501", because);
        client.expect_reset(1, NO_ERROR);
        harness.expect_no_open();
        client.expect_well();
    }
}

#[test]
fn what_comes_before_the_answer_is_held_within_the_window() {
    let harness = h2(&format!("{OPTION}, limits: {{h2: {{stream-window-bytes: 10}}, body-bytes: 5}}"));
    let (mut client, mut exit) = ask(&harness);
    exit.recv_begin();
    client.send(frame(DATA, 0, 1, "0123456789"));
    client.expect_well();
    exit.recv_nothing();
    exit.send(begun());
    exit.recv(data("0123456789"));
    client.expect(WINDOW_UPDATE, 0, 1, (10_u32 + 10).to_be_bytes());
    let (mut client, _exit) = ask(&harness);
    client.send(frame(DATA, 0, 1, "0123456789+"));
    client.expect_reset(1, FLOW_CONTROL_ERROR);
}
