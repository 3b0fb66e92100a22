//! Requests: their heads, their framing, and openers that break the rules.

use crate::script::*;
use zilla_sdk::testing::*;

/// What the origin gets of a request with these attributes behind the usual ones, and these frames.
#[track_caller]
fn sent(method: &str, attributes: &[(&str, &str)], frames: impl IntoIterator<Item = Frame>) -> String {
    let harness = client("upgrade: [websocket]");
    harness.batch(|| {
        let mut opener = harness.open(request(method).with(attributes.iter().copied()));
        opener.send_all(frames);
    });
    accept(&harness).recv_text()
}

#[test]
fn a_request_goes_out_and_its_response_comes_back() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    assert_eq!(origin.link(), Some(opener.id()));
    origin.send(data("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello"));
    opener.recv(begun_with([(":status", "201"), ("content-length", "5"), ("x-a", "b")]));
    opener.recv(data("hello"));
    opener.recv(end());
    assert!(opener.is_over());
    origin.recv_nothing();
    expect_kept(&harness, &mut origin);
}

#[test]
fn a_request_without_a_body_has_no_framing() {
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PURGE"] {
        assert_eq!(sent(method, &[], [end()]), format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n"));
    }
    let empty = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(sent("POST", &[("content-length", "0")], [end()]), empty);
}

#[test]
fn a_body_of_known_length_is_sent_as_it_comes() {
    let expected = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nabcd";
    assert_eq!(sent("POST", &[("content-length", "4")], [data("ab"), data("cd"), end()]), expected);
}

#[test]
fn a_body_of_unknown_length_is_chunked() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let frames = [data("abc"), data("x".repeat(20)), end_with([("x-sum", "1"), ("content-length", "9")])];
    let body = format!("3\r\nabc\r\n14\r\n{}\r\n0\r\nx-sum: 1\r\n\r\n", "x".repeat(20));
    assert_eq!(sent("POST", &[], frames), format!("{head}{body}"));
    // Nothing of the body came with the head, nor its end.
    assert_eq!(sent("POST", &[], []), head);
    assert_eq!(sent("GET", &[], []), head.replace("POST", "GET"));
}

#[test]
fn a_body_that_comes_later_is_chunked_and_not_held() {
    let harness = client("");
    let mut opener = harness.open(request("PUT"));
    let mut origin = accept(&harness);
    origin.recv(data("PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"));
    opener.send(data("late"));
    origin.recv(data("4\r\nlate\r\n"));
    opener.send(end());
    origin.recv(data("0\r\n\r\n"));
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    expect_kept(&harness, &mut origin);
}

#[test]
fn the_default_port_is_not_written() {
    for (scheme, authority, host) in [
        ("http", "a:80", "a"),
        ("https", "a:443", "a"),
        ("http", "a:443", "a:443"),
        ("https", "a:80", "a:80"),
        ("http", "a:8080", "a:8080"),
        ("http", "[::1]:80", "[::1]"),
    ] {
        let harness = client("");
        let pairs = [(":method", "GET"), (":scheme", scheme), (":authority", authority), (":path", "/")];
        ask_with(&harness, begin_with(pairs));
        let mut origin = harness.expect_open();
        assert_eq!(origin.attribute("authority").as_deref(), Some(authority));
        origin.recv_begin();
        assert_eq!(origin.recv_text(), format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    }
}

#[test]
fn fields_of_one_connection_are_not_handed_on() {
    let attributes = [
        ("accept", "*/*"),
        ("connection", "x-gone, close"),
        ("x-gone", "1"),
        ("keep-alive", "x"),
        ("proxy-connection", "x"),
        ("transfer-encoding", "gzip"),
        ("te", "gzip"),
        ("upgrade", "h2c"),
        ("host", "b"),
        ("expect", "x"),
        ("max-forwards", "3"),
        ("x-kept", ""),
        ("x-kept", "2"),
    ];
    let expected =
        "GET / HTTP/1.1\r\nhost: a\r\naccept: */*\r\nmax-forwards: 3\r\nx-kept: \r\nx-kept: 2\r\n\r\n";
    assert_eq!(sent("GET", &attributes, [end()]), expected);
}

#[test]
fn te_trailers_is_a_field_of_the_next_connection_as_well() {
    let expected = "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n";
    assert_eq!(sent("GET", &[("te", "Trailers")], [end()]), expected);
}

#[test]
fn an_expectation_goes_with_a_body_only() {
    let expect = ("expect", "100-continue");
    assert!(!sent("GET", &[expect, ("content-length", "0")], [end()]).contains("expect"));
    assert!(sent("PUT", &[expect, ("content-length", "1")], []).contains("\r\nexpect: 100-continue\r\n"));
}

#[test]
fn a_request_that_cannot_be_written_is_refused() {
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "a:80"), (":path", "/")];
    let bad = [
        (":method", "GET /x"),
        (":method", ""),
        (":method", "CONNECT"),
        (":path", "/ HTTP/1.1\r\nx: y"),
        (":path", "/a b"),
        (":path", "x"),
        (":path", "*"),
        (":path", ""),
        (":path", "/#"),
        (":path", "/\u{e9}"),
        (":authority", "a\r\nx: y"),
        (":authority", "user@a"),
        (":authority", ""),
    ];
    for (name, value) in bad {
        let harness = client("");
        let pairs = good.map(|pair| if pair.0 == name { (name, value) } else { pair });
        let mut opener = ask_with(&harness, begin_with(pairs));
        expect_failed(&mut opener, CloseCode::Violation);
        harness.expect_no_open();
        assert_eq!(harness.streams(), 0, "{name}: {value:?}");
    }
    for missing in 0..4 {
        let mut pairs = good.to_vec();
        pairs.remove(missing);
        let harness = client("");
        let mut opener = ask_with(&harness, begin_with(pairs));
        if missing == 1 {
            opener.recv_nothing();
        } else {
            expect_failed(&mut opener, CloseCode::Violation);
        }
    }
    let fields = [
        [("x y", "1"), ("a", "b")],
        [("x:", "1"), ("a", "b")],
        [("x", "a\r\nb: c"), ("a", "b")],
        [("x", "a\0"), ("a", "b")],
        [("content-length", "+1"), ("a", "b")],
        [("content-length", "1"), ("content-length", "1")],
    ];
    for pairs in fields {
        let harness = client("");
        let mut opener = ask_with(&harness, begin_with(good).with(pairs));
        expect_failed(&mut opener, CloseCode::Violation);
    }
}

#[test]
fn a_body_is_held_to_its_length() {
    for frames in [vec![data("abcde")], vec![data("abc"), end()], vec![data("ab"), data("cde")]] {
        let harness = client("");
        let mut opener = harness.open(request("POST").with([("content-length", "4")]));
        let mut origin = accept(&harness);
        for frame in frames {
            opener.send(frame);
        }
        expect_failed(&mut opener, CloseCode::Violation);
        expect_left(&mut origin);
        assert_eq!(harness.streams(), 0);
    }
    let harness = client("");
    let mut opener = harness.open(request("POST").with([("content-length", "0")]));
    opener.send(data("x"));
    expect_failed(&mut opener, CloseCode::Violation);
}

#[test]
fn a_request_waits_for_credit_of_the_origin() {
    let harness = client_with("", Limits { initial_credit: 61, ..Limits::default() });
    let mut opener = harness.open(request("POST"));
    let mut origin = accept(&harness);
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(head.len(), 56);
    opener.send(data("x".repeat(61)));
    assert_eq!(opener.credit(), 0);
    assert_eq!(origin.recv_text(), format!("{head}1\r\nx\r"));
    origin.grant_all();
    opener.send(end());
    let sent = origin.recv_text();
    assert_eq!(sent.matches('x').count(), 60);
    assert!(sent.starts_with("\n3c\r\n") && sent.ends_with("\r\n0\r\n\r\n"), "{sent}");
}

#[test]
fn a_piece_without_octets_is_no_content() {
    let harness = client("");
    let mut opener = harness.open(request("PUT").with([("content-length", "0")]));
    let mut origin = accept(&harness);
    opener.send_all([data(""), end()]);
    assert_eq!(origin.recv_text(), "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
}
