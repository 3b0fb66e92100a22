//! Responses: their heads, their framing, and exits that break the rules.

use crate::script::*;
use zilla_sdk::testing::*;

/// What the client gets for a request that is answered with these frames.
#[track_caller]
fn response(request: &str, frames: impl IntoIterator<Item = Frame>) -> String {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, request);
    exit.send_all(frames);
    client.recv_text()
}

const HEAD: &str = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
const GET_1_0: &str = "GET / HTTP/1.0\r\n\r\n";
const GET_1_0_KEPT: &str = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";

#[test]
fn a_response_is_framed_as_the_request_and_its_status_allow() {
    let length = || ("content-length", "2");
    for (request, begin, expected) in [
        (GET, begun(), "200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (GET, begun_with([length()]), "200 OK\r\ncontent-length: 2\r\n\r\nok"),
        (GET, begun_with([(":status", "404"), length()]), "404 Not Found\r\ncontent-length: 2\r\n\r\nok"),
        (GET, begun_with([(":status", "204"), length()]), "204 No Content\r\n\r\n"),
        (GET, begun_with([(":status", "304"), length()]), "304 Not Modified\r\ncontent-length: 2\r\n\r\n"),
        (GET, begun_with([(":status", "304")]), "304 Not Modified\r\n\r\n"),
        (GET, begun_with([(":status", "299"), length()]), "299 \r\ncontent-length: 2\r\n\r\nok"),
        (HEAD, begun(), "200 OK\r\n\r\n"),
        (HEAD, begun_with([length()]), "200 OK\r\ncontent-length: 2\r\n\r\n"),
        (GET_1_0, begun(), "200 OK\r\nconnection: close\r\n\r\nok"),
        (GET_1_0, begun_with([length()]), "200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"),
        (GET_1_0_KEPT, begun(), "200 OK\r\nconnection: close\r\n\r\nok"),
        (
            GET_1_0_KEPT,
            begun_with([length()]),
            "200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok",
        ),
    ] {
        let shown = format!("{request:?} {begin:?}");
        assert_eq!(response(request, [begin, data("ok"), end()]), format!("HTTP/1.1 {expected}"), "{shown}");
    }
}

#[test]
fn a_connection_stays_or_ends_as_the_client_asks() {
    for (request, kept) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nhost: a\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", true),
        ("HEAD / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", true),
    ] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, request);
        exit.send_all([begun_with([("content-length", "0")]), end()]);
        assert_eq!(client.recv_text().contains("connection: close"), !kept, "{request:?}");
        if kept {
            expect_kept(&harness, &mut client);
        } else {
            expect_closed(&mut client);
        }
    }
}

#[test]
fn fields_of_the_connection_are_ours() {
    let begin = begun_with([
        (":status", "200"),
        (":method", "GET"),
        ("connection", "close"),
        ("keep-alive", "x"),
        ("transfer-encoding", "gzip"),
        ("Upgrade", "x"),
        ("te", "trailers"),
        ("proxy-connection", "x"),
        ("a", "1"),
        ("A", ""),
    ]);
    let expected = "HTTP/1.1 200 OK\r\na: 1\r\nA: \r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(response(GET, [begin, end()]), expected);
}

#[test]
fn content_is_sent_in_chunks_as_it_comes() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send(begun());
    client.recv(data("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
    exit.send(data("hello"));
    client.recv(data("5\r\nhello\r\n"));
    exit.send(data(""));
    client.recv_nothing();
    exit.send(data("x".repeat(0x1_234)));
    client.recv(data(format!("1234\r\n{}\r\n", "x".repeat(0x1_234))));
    exit.send(end());
    client.recv(data("0\r\n\r\n"));
    expect_kept(&harness, &mut client);
}

#[test]
fn trailers_follow_the_last_chunk() {
    let trailers = end_with([("grpc-status", "0"), ("content-length", "1"), (":x", "y"), ("X-Sum", "z")]);
    let expected =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\ngrpc-status: 0\r\nX-Sum: z\r\n\r\n";
    assert_eq!(response(GET, [begun(), trailers]), expected);
}

#[test]
fn trailers_are_dropped_where_they_have_no_place() {
    let trailers = || end_with([("grpc-status", "0")]);
    assert_eq!(response(GET_1_0, [begun(), trailers()]), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    let length = begun_with([("content-length", "0")]);
    assert_eq!(response(GET, [length, trailers()]), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_trailer_that_would_split_the_response_is_dropped() {
    let trailers = end_with([("a", "b\r\n\r\nHTTP/1.1 200 OK"), ("c", "d")]);
    let expected = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nc: d\r\n\r\n";
    assert_eq!(response(GET, [begun(), trailers]), expected);
}

#[test]
fn a_response_gets_a_date_unless_it_has_one() {
    let harness = Harness::<binding_http::Http>::attach("{kind: server, exit: app}").unwrap();
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send_all([begun_with([("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"));
    harness.advance(61_000);
    client.send(data(GET));
    harness.expect_open().send_all([begun_with([("Date", "now"), ("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 0\r\n\r\n"));
    client.send(data("GET / HTTP/1.1\r\n\r\n"));
    assert!(client.recv_text().contains("\r\ndate: Thu, 01 Jan 2026 00:01:01 GMT\r\n"));
}

#[test]
fn a_response_that_breaks_the_rules_is_a_bad_gateway() {
    for attributes in [
        vec![("a", "b\r\nc: d")],
        vec![("a", "b\nc")],
        vec![("a", "b\rc")],
        vec![("a", "\0")],
        vec![("a", "\u{7f}")],
        vec![("a\r\nb", "c")],
        vec![("a b", "c")],
        vec![("a:", "c")],
        vec![("", "c")],
        vec![(":status", "OK")],
        vec![(":status", "20")],
        vec![(":status", "2000")],
        vec![(":status", "099")],
        vec![(":status", "+20")],
        vec![(":status", "101")],
        vec![(":status", "")],
        vec![("content-length", "x")],
        vec![("content-length", "")],
        vec![("content-length", "-1")],
        vec![("content-length", "1, 1")],
        vec![("content-length", "1"), ("Content-Length", "1")],
        vec![(":status", "204"), ("content-length", "1"), ("content-length", "2")],
    ] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
        exit.send(begun_with(attributes.clone()));
        let expected = refusal("502 Bad Gateway", "the exit's response is invalid");
        assert_eq!(client.recv_text(), expected, "{attributes:?}");
        expect_closed(&mut client);
        exit.recv_begin();
        exit.recv_kind(FrameKind::Abort);
        exit.recv_kind(FrameKind::Reset);
    }
}

#[test]
fn an_end_without_a_response_is_a_bad_gateway() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send(abort(CloseCode::Crashed));
    assert!(client.recv_text().starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    expect_closed(&mut client);
}

#[test]
fn a_response_that_is_longer_than_it_says_is_aborted() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send_all([begun_with([("content-length", "2")]), data("ok"), data("!")]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    expect_aborted(&mut client);
}

#[test]
fn a_response_that_is_shorter_than_it_says_is_aborted() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send_all([begun_with([("content-length", "2")]), data("o"), end()]);
    expect_aborted(&mut client);
}

#[test]
fn a_response_that_the_exit_aborts_is_aborted() {
    for begin in [begun(), begun_with([("content-length", "9")])] {
        for request in [GET, GET_1_0] {
            let harness = http("");
            let (mut client, mut exit) = ask(&harness, request);
            exit.send_all([begin.clone(), data("ok"), abort(CloseCode::Crashed)]);
            expect_aborted(&mut client);
            assert_eq!(harness.streams(), 0);
        }
    }
}

#[test]
fn content_that_has_no_place_is_read_over_without_end() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, HEAD);
    exit.send(begun());
    exit.send_payload(vec![b'x'; 1_000_000]);
    exit.send(end());
    client.recv(data("HTTP/1.1 200 OK\r\n\r\n"));
    expect_kept(&harness, &mut client);
}

#[test]
fn a_response_may_come_before_the_request_is_whole() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
    exit.send_all([begun_with([("content-length", "2")]), data("ok"), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    client.send(data("cd"));
    exit.recv_begin();
    exit.recv(data("abcd"));
    exit.recv(end());
    expect_kept(&harness, &mut client);
}

#[test]
fn the_rest_of_a_request_that_the_exit_does_not_want_is_read_over() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
    exit.send_all([begun_with([("content-length", "2")]), reset(CloseCode::Cancelled), data("ok"), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    let (_other, _its_exit) = ask(&harness, GET);
    client.send(data(format!("cd{GET}")));
    echo(&mut harness.expect_open());
    client.recv_kind(FrameKind::Data);
    expect_kept(&harness, &mut client);
}

#[test]
fn too_much_of_a_request_that_the_exit_does_not_want_ends_the_connection() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
    for end_first in [true, false] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, head);
        exit.send_all([begun_with([("content-length", "2")]), reset(CloseCode::Cancelled), data("ok")]);
        if end_first {
            exit.send(end());
        }
        client.send(data(vec![b'x'; 40_000]));
        assert!(client.can_send());
        client.send(data(vec![b'x'; 40_000]));
        if !end_first {
            exit.send(end());
        }
        client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
        expect_closed(&mut client);
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn an_answer_to_a_client_that_waits_ends_the_connection_unless_it_is_good() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, head);
    client.recv(data("HTTP/1.1 100 Continue\r\n\r\n"));
    exit.send_all([begun_with([(":status", "403"), ("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
    client.send(data("hi"));
    expect_kept(&harness, &mut client);
}
