//! What an opener gets.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn interim_responses_pass_and_trailers_too() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(headers(END_HEADERS, 1, [(":status", "103"), ("link", "</a>")]));
    origin.send(headers(END_HEADERS, 1, [(":status", "103"), ("link", "</b>")]));
    origin.send(ok(1));
    origin.send(frame(DATA, 0, 1, "x"));
    origin.send(headers(WHOLE, 1, [("x-sum", "1"), ("content-length", "1"), ("set-cookie", "a")]));
    opener.recv(begun_with([(":status", "103"), ("link", "</a>")]));
    opener.recv(flush([(":status", "103"), ("link", "</b>")]));
    opener.recv(flush([(":status", "200")]));
    opener.recv(data("x"));
    opener.recv(end_with([("x-sum", "1")]));
    assert!(opener.is_over());
    expect_kept(&harness, &mut origin, 3);
}

#[test]
fn some_responses_have_no_content_whatever_their_length_says() {
    for (method, status) in [("HEAD", "200"), ("GET", "304"), ("GET", "204")] {
        let harness = client("");
        let mut opener = ask_with(&harness, request(method));
        let mut origin = Origin::accept(&harness);
        origin.recv();
        origin.send(headers(END_HEADERS, 1, [(":status", status), ("content-length", "9")]));
        opener.recv(begun_with([(":status", status), ("content-length", "9")]));
        opener.recv_nothing();
        origin.send(frame(DATA, END_STREAM, 1, ""));
        opener.recv(end());
        // And what has some all the same is broken off.
        let mut opener = ask_with(&harness, request(method));
        origin.recv();
        origin.send(headers(END_HEADERS, 3, [(":status", status)]));
        opener.recv_begin();
        origin.send(frame(DATA, 0, 3, "x"));
        expect_failed(&mut opener, CloseCode::Violation);
        origin.expect_reset(3, PROTOCOL_ERROR);
        origin.expect_well();
    }
}

#[test]
fn a_response_whose_length_is_wrong_does_not_look_whole() {
    let with_length = |flags: u8| headers(flags, 1, [(":status", "200"), ("content-length", "3")]);
    for (frames, has_begun) in [
        (vec![with_length(WHOLE)], false),
        (vec![with_length(END_HEADERS), frame(DATA, END_STREAM, 1, "ab")], true),
        (vec![with_length(END_HEADERS), frame(DATA, END_STREAM, 1, "abcd")], true),
        (vec![with_length(END_HEADERS), frame(DATA, 0, 1, "ab"), headers(WHOLE, 1, [("x", "y")])], true),
    ] {
        let harness = client("");
        let (mut opener, mut origin) = exchange(&harness);
        origin.send(frames.concat());
        if has_begun {
            opener.recv_begin();
        }
        // What is too much is not handed on.
        assert!(opener.recv_data_all().len() <= 3);
        expect_failed(&mut opener, CloseCode::Violation);
        origin.expect_reset(1, PROTOCOL_ERROR);
        expect_kept(&harness, &mut origin, 3);
    }
}

#[test]
fn a_malformed_head_fails_its_request_alone() {
    let long = "x".repeat(20_000);
    let many: Vec<(&str, &str)> =
        [(":status", "200")].into_iter().chain(std::iter::repeat_n(("x", "y"), 101)).collect();
    for fields in [
        vec![],
        vec![("x", "y")],
        vec![(":status", "20")],
        vec![(":status", "2000")],
        vec![(":status", "099")],
        vec![(":status", "2 0")],
        vec![(":status", "200"), (":status", "200")],
        vec![("x", "y"), (":status", "200")],
        vec![(":status", "200"), (":path", "/")],
        vec![(":status", "200"), (":x", "y")],
        vec![(":status", "200"), ("X", "y")],
        vec![(":status", "200"), ("x y", "z")],
        vec![(":status", "200"), ("x:", "z")],
        vec![(":status", "200"), ("", "z")],
        vec![(":status", "200"), ("x\r\nset-cookie", "z")],
        vec![(":status", "200"), ("x", "y\r\nset-cookie: z")],
        vec![(":status", "200"), ("x", "y\nz")],
        vec![(":status", "200"), ("x", "y\rz")],
        vec![(":status", "200"), ("x", "y\0z")],
        vec![(":status", "200"), ("x", " y")],
        vec![(":status", "200"), ("x", "y\t")],
        vec![(":status", "200"), ("connection", "close")],
        vec![(":status", "200"), ("keep-alive", "1")],
        vec![(":status", "200"), ("proxy-connection", "close")],
        vec![(":status", "200"), ("transfer-encoding", "chunked")],
        vec![(":status", "200"), ("upgrade", "websocket")],
        vec![(":status", "200"), ("te", "trailers")],
        vec![(":status", "200"), ("content-length", "1"), ("content-length", "1")],
        vec![(":status", "200"), ("content-length", "+1")],
        vec![(":status", "200"), ("content-length", "")],
        vec![(":status", "101")],
        vec![(":status", "200"), ("x", &long)],
        many,
    ] {
        let harness = client("");
        let (mut opener, mut origin) = exchange(&harness);
        // Longer ones come in pieces.
        let block = block(fields.iter().copied());
        let mut pieces = block.chunks(16_000);
        let first = pieces.next().unwrap_or_default();
        let is_whole = block.len() <= 16_000;
        origin.send(frame(HEADERS, if is_whole { END_HEADERS } else { 0 }, 1, first));
        let rest: Vec<&[u8]> = pieces.collect();
        for (index, piece) in rest.iter().enumerate() {
            let flags = if index + 1 == rest.len() { END_HEADERS } else { 0 };
            origin.send(frame(CONTINUATION, flags, 1, piece));
        }
        expect_failed(&mut opener, CloseCode::Violation);
        origin.expect_reset(1, PROTOCOL_ERROR);
        // What follows on that stream is read over, and the connection goes on.
        origin.send(frame(DATA, END_STREAM, 1, "late"));
        expect_kept(&harness, &mut origin, 3);
    }
}

#[test]
fn frames_in_the_wrong_order_fail_their_request_alone() {
    for (frames, has_begun) in [
        (vec![frame(DATA, 0, 1, "x")], false),
        (vec![headers(WHOLE, 1, [(":status", "103")])], false),
        (vec![ok(1), headers(END_HEADERS, 1, [("x", "y")])], true),
        (vec![ok(1), headers(WHOLE, 1, [(":status", "200")])], true),
        (vec![headers(END_HEADERS, 1, [(":status", "100")]); 17], true),
    ] {
        let harness = client("");
        let (mut opener, mut origin) = exchange(&harness);
        origin.send(frames.concat());
        let frames = opener.recv_all();
        assert!(frames.contains(&abort(CloseCode::Violation)), "{frames:?}");
        assert_eq!(frames[0].kind == FrameKind::Begin, has_begun);
        assert!(opener.is_over());
        origin.expect_reset(1, PROTOCOL_ERROR);
        expect_kept(&harness, &mut origin, 3);
    }
}

#[test]
fn an_origin_may_answer_before_it_has_the_body() {
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::accept(&harness);
    opener.send(data("abc"));
    origin.send(headers(END_HEADERS, 1, [(":status", "413")]));
    opener.recv(begun_with([(":status", "413")]));
    opener.send(data("def"));
    origin.send(frame(DATA, END_STREAM, 1, "no"));
    opener.recv(data("no"));
    opener.recv(end());
    opener.recv(reset(CloseCode::Cancelled));
    assert!(opener.is_over());
    origin.recv();
    origin.expect(DATA, 0, 1, "abc");
    origin.expect(DATA, 0, 1, "def");
    origin.expect_reset(1, CANCEL);
    // As RFC 9113, 8.1, has it, the origin says that it needs no more.
    origin.send(rst_stream(1, NO_ERROR));
    expect_kept(&harness, &mut origin, 3);
}

#[test]
fn padding_and_priorities_are_left_out() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    let block = block([(":status", "200")]);
    let padded = [&[2, 0, 0, 0, 0, 7][..], &block, &[0, 0]].concat();
    origin.send(frame(HEADERS, END_HEADERS | PADDED | 0x20, 1, padded));
    origin.send(frame(PRIORITY, 0, 1, [0, 0, 0, 0, 7]));
    origin.send(frame(DATA, PADDED | END_STREAM, 1, [3, b'x', 0, 0, 0]));
    opener.recv_begin();
    opener.recv(data("x"));
    opener.recv(end());
    expect_kept(&harness, &mut origin, 3);
}
