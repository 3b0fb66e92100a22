//! Other protocols over HTTP/2 (RFC 8441), asked for in either version and carried in either.

use crate::script::*;
use binding_http::Http;
use zilla_sdk::testing::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn upgrade() -> Frame {
    request("GET").with([
        ("sec-websocket-key", KEY),
        ("sec-websocket-version", "13"),
        ("upgrade", "websocket"),
    ])
}

fn connect() -> Frame {
    request("CONNECT").with([(":protocol", "websocket"), ("sec-websocket-version", "13")])
}

/// An origin that takes extended `CONNECT` and was asked with one.
fn asked(harness: &Harness<Http>, begin: Frame) -> (Peer, Origin) {
    let opener = harness.open(begin);
    let mut origin = Origin::with(harness, &setting(ENABLE_CONNECT_PROTOCOL, 1));
    origin.peer.grant_all();
    origin.expect_head(
        END_HEADERS,
        1,
        &[
            (":method", "CONNECT"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            (":protocol", "websocket"),
            ("sec-websocket-version", "13"),
        ],
    );
    (opener, origin)
}

#[test]
fn an_upgrade_is_an_extended_connect() {
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness, upgrade());
    opener.send(data("early"));
    origin.expect_nothing();
    origin.send(headers(END_HEADERS, 1, [(":status", "200"), ("x", "y")]));
    opener.recv(begun_with([
        (":status", "101"),
        ("x", "y"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", ACCEPT),
    ]));
    origin.expect(DATA, 0, 1, "early");
    origin.send(frame(DATA, 0, 1, "\0\u{1}"));
    opener.recv(data("\0\u{1}"));
    harness.advance(1_000_000);
    opener.send(data("more"));
    opener.send(end());
    origin.expect(DATA, 0, 1, "more");
    origin.expect(DATA, END_STREAM, 1, "");
    origin.send(frame(DATA, END_STREAM, 1, "last"));
    opener.recv(data("last"));
    opener.recv(end());
    assert!(opener.is_over());
    origin.expect_well();
}

#[test]
fn an_extended_connect_stays_one() {
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness, connect());
    origin.send(ok(1));
    opener.recv(begun_with([(":status", "200")]));
    origin.send(frame(DATA, END_STREAM, 1, "bye"));
    opener.recv(data("bye"));
    opener.recv(end());
    opener.send(data("bye"));
    opener.send(end());
    origin.expect(DATA, 0, 1, "bye");
    origin.expect(DATA, END_STREAM, 1, "");
    assert!(opener.is_over());
}

#[test]
fn an_origin_may_answer_without_a_tunnel() {
    for begin in [upgrade(), connect()] {
        let harness = client("upgrade: [websocket]");
        let (mut opener, mut origin) = asked(&harness, begin);
        origin.send(headers(END_HEADERS, 1, [(":status", "403")]));
        opener.recv(begun_with([(":status", "403")]));
        origin.expect(DATA, END_STREAM, 1, "");
        origin.send(frame(DATA, END_STREAM, 1, "no"));
        opener.recv(data("no"));
        opener.recv(end());
        opener.recv(reset(CloseCode::Cancelled));
        assert!(opener.is_over());
        origin.expect_well();
    }
}

#[test]
fn a_tunnel_that_fails_on_one_side_fails_on_the_other() {
    let harness = client("upgrade: [websocket]");
    let (mut opener, mut origin) = asked(&harness, connect());
    origin.send(ok(1));
    opener.recv_begin();
    origin.send(rst_stream(1, CANCEL));
    opener.recv_kind(FrameKind::Abort);
    opener.recv_all();
    assert!(opener.is_over());
    let mut opener = harness.open(connect());
    origin.recv();
    origin.send(ok(3));
    opener.send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    origin.expect_reset(3, CANCEL);
    origin.expect_well();
}

#[test]
fn an_origin_without_extended_connect_is_asked_over_http1() {
    let harness = client_of_both("upgrade: [websocket]");
    let mut opener = harness.open(connect());
    let mut origin = Origin::silent(&harness, Some("h2"));
    origin.send(frame(SETTINGS, 0, 0, []));
    let mut http1 = harness.expect_open();
    http1.recv(begin_with([("authority", "a:80"), ("alpn", "http/1.1")]));
    http1.send(begun_with([("alpn", "http/1.1")]));
    let sent = http1.recv_text();
    let key = sent.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap().to_owned();
    assert_eq!(
        sent,
        format!(
            "GET / HTTP/1.1\r\nhost: a\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\
             upgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        )
    );
    assert_eq!(key.len(), 24);
    // What does not prove that it has read the key is not switched to.
    http1.send(data(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {ACCEPT}\r\n\r\n"
    )));
    expect_failed(&mut opener, CloseCode::Violation);
}

#[test]
fn an_origin_without_extended_connect_is_refused_where_there_is_no_http1() {
    for begin in [upgrade(), connect()] {
        let harness = client("upgrade: [websocket]");
        let mut opener = harness.open(begin);
        let mut origin = Origin::accept(&harness);
        expect_failed(&mut opener, CloseCode::Violation);
        origin.expect_well();
        // Nor is a later one.
        let mut opener = harness.open(connect());
        expect_failed(&mut opener, CloseCode::Violation);
        origin.expect_well();
    }
}

#[test]
fn an_http1_origin_is_asked_to_switch() {
    for (status, told) in
        [("101 Switching Protocols", Some("200")), ("403 Forbidden", Some("403")), ("200 OK", None)]
    {
        let harness = client_of_both("versions: [http/1.1], upgrade: [chat]");
        let mut opener = harness.open(request("CONNECT").with([(":protocol", "chat")]));
        let mut origin = harness.expect_open();
        origin.send(begun());
        origin.recv_begin();
        let sent = origin.recv_text();
        assert_eq!(sent, "GET / HTTP/1.1\r\nhost: a\r\nupgrade: chat\r\nconnection: upgrade\r\n\r\n");
        let is_switched = told == Some("200");
        let fields =
            if is_switched { "connection: upgrade\r\nupgrade: chat\r\n" } else { "content-length: 0\r\n" };
        origin.send(data(format!("HTTP/1.1 {status}\r\n{fields}\r\n")));
        let Some(told) = told else {
            expect_failed(&mut opener, CloseCode::Violation);
            continue;
        };
        assert_eq!(opener.recv_begin().attribute(":status").as_deref(), Some(told));
        if is_switched {
            origin.send(data("hello"));
            opener.recv(data("hello"));
            opener.send(data("hi"));
            origin.recv(data("hi"));
        }
    }
}

#[test]
fn an_extended_connect_says_what_it_asks_for_and_nothing_else() {
    for begin in [
        request("CONNECT"),
        request("CONNECT").with([(":protocol", "chat")]),
        request("CONNECT").with([(":protocol", "websocket, chat")]),
        request("CONNECT").with([(":protocol", "web socket")]),
        request("CONNECT").with([(":protocol", "websocket"), ("content-length", "1")]),
        request("CONNECT").with([(":protocol", "websocket"), ("upgrade", "websocket")]),
    ] {
        let harness = client_of_both("upgrade: [websocket]");
        let mut opener = harness.open(begin);
        let frames = opener.recv_all();
        assert!(frames.contains(&reset(CloseCode::Violation)), "{frames:?}");
        harness.expect_no_open();
    }
}
