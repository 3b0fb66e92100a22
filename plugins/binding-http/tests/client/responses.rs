//! Responses: their framing, and origins that break the rules.

use crate::script::*;
use zilla_sdk::testing::*;

/// What the opener gets for a request with that method, and whether the connection is kept.
#[track_caller]
fn answered(method: &str, response: &str, ends: bool) -> (Vec<Frame>, bool) {
    let harness = client("limits: {header-bytes: 200, header-count: 5}");
    let mut opener = ask_with(&harness, request(method));
    let mut origin = accept(&harness);
    origin.recv_data_all();
    origin.send(data(response));
    if ends && origin.can_send() {
        origin.send(end());
    }
    let frames = opener.recv_all();
    assert!(opener.is_over(), "{response:?} leaves the stream open: {frames:?}");
    (frames, origin.can_send())
}

fn content(frames: &[Frame]) -> String {
    frames.iter().map(Frame::text).collect()
}

#[test]
fn the_end_of_a_response_is_found_as_the_rfc_says() {
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    for (method, response, ends, expected, kept) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde", false, "abcde", true),
        ("GET", CHUNKED, false, "abcde", true),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nabcde", true, "abcde", false),
        ("GET", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", false, "", true),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", false, "", true),
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", false, "", false),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", false, "", true),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false, "", true),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false, "", true),
        ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", false, "", true),
        ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", false, "x", false),
        ("GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx", false, "x", true),
        ("GET", "HTTP/1.0 200 OK\r\n\r\nabc", true, "abc", false),
        ("GET", "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 1\r\n\r\nx", false, "x", false),
    ] {
        let (frames, is_kept) = answered(method, response, ends);
        assert_eq!(frames[0].kind, FrameKind::Begin, "{response:?}");
        assert_eq!(frames.last().unwrap().kind, FrameKind::End, "{response:?}");
        assert_eq!((content(&frames).as_str(), is_kept), (expected, kept), "{response:?}");
    }
}

#[test]
fn what_is_no_response_fails_the_request_and_ends_the_connection() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(200));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(6));
    for response in [
        "garbage",
        "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\0",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n x: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        &long,
        &many,
    ] {
        let (frames, kept) = answered("GET", response, true);
        assert_eq!(frames[0], abort(CloseCode::Violation), "{response:?}");
        assert!(!kept, "{response:?}");
    }
}

#[test]
fn a_response_that_breaks_off_does_not_look_whole() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\nabc\r\n",
    ] {
        let (frames, kept) = answered("GET", response, true);
        assert_eq!(frames[0].kind, FrameKind::Begin, "{response:?}");
        assert!(frames.contains(&abort(CloseCode::Violation)), "{response:?}: {frames:?}");
        assert!(!kept, "{response:?}");
    }
}

#[test]
fn what_comes_behind_a_response_ends_the_connection() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nx",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 1\r\n\r\nx",
    ] {
        let (frames, kept) = answered("GET", response, false);
        assert_eq!(content(&frames), "", "{response:?}");
        assert_eq!(frames.last().unwrap().kind, FrameKind::End, "{response:?}");
        assert!(!kept, "{response:?}");
    }
    // It came later, when nobody had asked.
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    origin.send(data(NOTHING));
    expect_left(&mut origin);
    let _opener = ask(&harness);
    accept(&harness).recv(data(GET));
}

#[test]
fn fields_of_one_connection_are_not_handed_on() {
    let head = "HTTP/1.1 200 OK\r\nConnection: X-Gone\r\nX-Gone: 1\r\nKeep-Alive: x\r\nProxy-Connection: x\r\n\
                Upgrade: x\r\nTE: x\r\nSet-Cookie: a\r\nset-cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(head));
    opener.recv(begun_with([(":status", "200"), ("set-cookie", "a"), ("set-cookie", "b")]));
    opener.recv(end());
}

#[test]
fn trailers_come_with_the_end() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
    origin.send(data("0\r\nGrpc-Status: 0\r\nContent-Length: 7\r\n\r\n"));
    opener.recv(begun_with([(":status", "200")]));
    opener.recv(end_with([("grpc-status", "0")]));
    expect_kept(&harness, &mut origin);
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let harness = client("");
    let mut opener = harness.open(request("PUT").with([("content-length", "2"), ("expect", "100-continue")]));
    let mut origin = accept(&harness);
    origin.send(data("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"));
    opener.recv(begun_with([(":status", "100")]));
    opener.recv(flush([(":status", "103"), ("link", "x")]));
    opener.send_all([data("ab"), end()]);
    assert!(origin.recv_text().ends_with("\r\nexpect: 100-continue\r\n\r\nab"));
    origin.send(data("HTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\nx"));
    opener.recv(flush([(":status", "201"), ("content-length", "1")]));
    opener.recv(data("x"));
    opener.recv(end());
    expect_kept(&harness, &mut origin);
}

#[test]
fn an_origin_may_send_so_many_interim_responses() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    for _ in 0..16 {
        origin.send(data("HTTP/1.1 102 Processing\r\n\r\n"));
    }
    opener.recv(begun_with([(":status", "102")]));
    origin.send(data("HTTP/1.1 102 Processing\r\n\r\n"));
    let frames = opener.recv_all();
    assert_eq!(frames.len(), 15 + 1, "{frames:?}");
    assert!(opener.is_over());
    expect_left(&mut origin);
}

#[test]
fn a_head_may_come_in_pieces_longer_than_the_credit() {
    let harness = client_with("", Limits { initial_credit: 60, ..Limits::default() });
    let (mut opener, mut origin) = exchange(&harness);
    origin.send_payload(format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 3\r\n\r\nabc", "y".repeat(500)));
    assert_eq!(opener.recv_begin().attributes[1].1.len(), 500);
    opener.recv(data("abc"));
    opener.recv(end());
    expect_kept(&harness, &mut origin);
}

#[test]
fn content_waits_for_credit_of_the_opener() {
    let harness = client_with("", Limits { initial_credit: 60, ..Limits::default() });
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"));
    origin.send_payload("x".repeat(60));
    origin.send_payload("x".repeat(40));
    opener.recv_begin();
    assert_eq!(opener.recv_text().len(), 60);
    opener.send(window(30));
    assert_eq!(opener.recv_text().len(), 30);
    opener.recv_nothing();
    opener.send(window(10));
    opener.recv(data("x".repeat(10)));
    opener.recv(end());
    expect_kept(&harness, &mut origin);
}

#[test]
fn the_end_of_a_connection_comes_behind_what_waits_for_credit() {
    let harness = client_with("", Limits { initial_credit: 60, ..Limits::default() });
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\n\r\n"));
    origin.send_payload("x".repeat(60));
    origin.send_payload("x".repeat(20));
    origin.send(end());
    opener.recv_begin();
    assert_eq!(opener.recv_text().len(), 60);
    opener.recv_nothing();
    opener.send(window(60));
    opener.recv(data("x".repeat(20)));
    opener.recv(end());
    assert_eq!(harness.streams(), 0);
}
