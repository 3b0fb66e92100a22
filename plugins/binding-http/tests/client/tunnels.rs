//! Connections that are switched to another protocol (RFC 9110, 7.8).

use crate::script::*;
use binding_http::Http;
use zilla_sdk::testing::*;

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX: y\r\n\r\n";

fn asked(harness: &Harness<Http>) -> (Peer, Peer) {
    let opener =
        harness.open(request("GET").with([("upgrade", "websocket"), ("sec-websocket-version", "13")]));
    let mut origin = accept(harness);
    let fields = "sec-websocket-version: 13\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
    origin.recv(data(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")));
    (opener, origin)
}

#[test]
fn after_a_switch_octets_go_both_ways_until_both_have_ended() {
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness);
    opener.send(data("early"));
    origin.recv_nothing();
    origin.send(data(format!("{SWITCHED}first")));
    opener.recv(begun_with([(":status", "101"), ("x", "y"), ("upgrade", "WebSocket")]));
    opener.recv(data("first"));
    origin.recv(data("early"));
    opener.send(data("HTTP/1.1 200 OK\r\n\r\n"));
    origin.recv(data("HTTP/1.1 200 OK\r\n\r\n"));
    origin.send(data("\0\u{1}"));
    opener.recv(data("\0\u{1}"));
    // The host moves them, and takes its time.
    let asked = |stream: u32| harness.transcript().contains(&format!("← {stream} forward"));
    assert!(asked(opener.id()) && asked(origin.id()));
    harness.advance(1_000_000);
    opener.send(end());
    origin.recv(end());
    origin.send(data("last"));
    opener.recv(data("last"));
    origin.send(end());
    opener.recv(end());
    assert!(opener.is_over() && origin.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_tunnel_that_fails_on_one_side_fails_on_the_other() {
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness);
    origin.send(data(SWITCHED));
    opener.recv_begin();
    origin.send(abort(CloseCode::Unspecified));
    opener.recv_kind(FrameKind::Abort);
    assert!(opener.is_over());
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness);
    origin.send(data(SWITCHED));
    opener.send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_origin_may_answer_without_a_switch() {
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness);
    origin.send(data("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 1\r\n\r\nx"));
    opener.recv(begun_with([(":status", "426"), ("content-length", "1")]));
    opener.recv(data("x"));
    opener.recv(end());
    opener.recv(reset(CloseCode::Cancelled));
    assert!(opener.is_over());
    expect_kept(&harness, &mut origin);
}

#[test]
fn an_origin_may_switch_only_to_what_it_was_asked_for() {
    for (asks, switched) in [
        (vec![], SWITCHED.to_owned()),
        (vec![("upgrade", "h2c")], SWITCHED.to_owned()),
        (vec![("upgrade", "websocket")], SWITCHED.replace("WebSocket", "h2c")),
        (vec![("upgrade", "websocket")], SWITCHED.replace("Upgrade: WebSocket\r\n", "")),
        (vec![("upgrade", "websocket"), ("content-length", "1")], SWITCHED.to_owned()),
    ] {
        let harness = client("upgrade: [websocket]");
        let mut opener = harness.open(request("GET").with(asks.clone()));
        let mut origin = accept(&harness);
        origin.recv_all();
        origin.send(data(&switched));
        expect_failed(&mut opener, CloseCode::Violation);
        expect_left(&mut origin);
    }
}

#[test]
fn an_origin_must_agree_in_time() {
    let harness = client("upgrade: [websocket], timeouts: {response-ms: 500}");
    let (mut opener, _origin) = asked(&harness);
    harness.advance(499);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
}
