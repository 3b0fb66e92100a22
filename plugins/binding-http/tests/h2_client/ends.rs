//! How requests and connections end: by GOAWAY, by RST_STREAM, by a connection that fails, by an opener that leaves.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn requests_that_the_origin_did_not_look_at_are_sent_elsewhere() {
    let harness = client("");
    let mut openers: Vec<Peer> = (0..3).map(|_| ask(&harness)).collect();
    let mut post = ask_with(&harness, request("POST"));
    let mut old = Origin::accept(&harness);
    for stream in [1, 3, 5] {
        old.expect_get(stream);
    }
    old.expect_head(WHOLE, 7, &fields_of("POST"));
    old.send(goaway(3, NO_ERROR));
    // Whatever the method, as nothing was done.
    let mut new = Origin::accept(&harness);
    harness.expect_no_open();
    new.expect_get(1);
    new.expect_head(WHOLE, 3, &fields_of("POST"));
    new.send([nothing(1), nothing(3)].concat());
    expect_nothing(&mut openers[2]);
    expect_nothing(&mut post);
    // Those that it looked at are answered, and then it is left.
    old.send(nothing(1));
    expect_nothing(&mut openers[0]);
    old.expect_nothing();
    old.send(nothing(3));
    expect_nothing(&mut openers[1]);
    old.expect_goaway(NO_ERROR);
    expect_kept(&harness, &mut new, 5);
}

#[test]
fn a_connection_that_is_told_to_go_leaves_room_for_another_and_no_more() {
    let harness = client("limits: {connections: 1}");
    let mut opener = ask(&harness);
    let mut old = Origin::accept(&harness);
    old.send([goaway(1, NO_ERROR), ok(1)].concat());
    // It has one request that goes on for long, and is not waited for.
    let mut second = ask(&harness);
    let mut new = Origin::accept(&harness);
    new.expect_get(1);
    new.send([goaway(1, NO_ERROR), ok(1)].concat());
    let mut third = ask(&harness);
    harness.expect_no_open();
    old.send(frame(DATA, END_STREAM, 1, "x"));
    assert_eq!(opener.recv_all().last(), Some(&end()));
    let mut newest = Origin::accept(&harness);
    newest.expect_get(1);
    newest.send(nothing(1));
    expect_nothing(&mut third);
    new.send(frame(DATA, END_STREAM, 1, "x"));
    assert_eq!(second.recv_all().last(), Some(&end()));
}

#[test]
fn a_body_that_was_sent_is_not_sent_again() {
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::accept(&harness);
    opener.send_all([data("abc"), end()]);
    origin.send(goaway(0, NO_ERROR));
    expect_failed(&mut opener, CloseCode::Unreachable);
    harness.expect_no_open();
    origin.expect_head(END_HEADERS, 1, &fields_of("POST"));
    origin.expect_content(1, "abc");
    origin.expect_goaway(NO_ERROR);
    // One that was not is.
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::with(&harness, &setting(INITIAL_WINDOW_SIZE, 0));
    opener.send_all([data("abc"), end()]);
    origin.send(rst_stream(1, REFUSED_STREAM));
    origin.send(setting(INITIAL_WINDOW_SIZE, 9));
    origin.frames.retain(|frame| frame.stream == 3);
    origin.expect_head(END_HEADERS, 3, &fields_of("POST"));
    origin.expect_content(3, "abc");
}

#[test]
fn a_request_is_sent_once_more_exactly_once() {
    let harness = client("");
    let mut opener = ask_with(&harness, request("POST"));
    let mut origin = Origin::accept(&harness);
    origin.send(rst_stream(1, REFUSED_STREAM));
    origin.frames.clear();
    opener.recv_nothing();
    origin.send(rst_stream(3, REFUSED_STREAM));
    expect_failed(&mut opener, CloseCode::Limit);
    origin.expect_nothing();
    expect_kept(&harness, &mut origin, 5);
}

#[test]
fn a_reset_stream_is_a_failure_with_a_code_that_says_so() {
    for (code, told) in [
        (NO_ERROR, CloseCode::Violation),
        (PROTOCOL_ERROR, CloseCode::Violation),
        (CANCEL, CloseCode::Violation),
        (ENHANCE_YOUR_CALM, CloseCode::Limit),
        (HTTP_1_1_REQUIRED, CloseCode::Violation),
        (0xffff_ffff, CloseCode::Violation),
    ] {
        for has_begun in [false, true] {
            let harness = client("");
            let (mut opener, mut origin) = exchange(&harness);
            if has_begun {
                origin.send(ok(1));
                opener.recv_begin();
            }
            origin.send(rst_stream(1, code));
            expect_failed(&mut opener, told);
            expect_kept(&harness, &mut origin, 3);
        }
    }
}

#[test]
fn what_http2_may_not_carry_goes_over_http1() {
    let harness = client_of_both("");
    let mut opener = ask(&harness);
    let mut origin = Origin::silent(&harness, Some("h2"));
    origin.send(frame(SETTINGS, 0, 0, []));
    origin.send(rst_stream(1, HTTP_1_1_REQUIRED));
    let mut http1 = harness.expect_open();
    http1.recv(begin_with([("authority", "a:80"), ("alpn", "http/1.1")]));
    http1.send(begun_with([("alpn", "http/1.1")]));
    assert_eq!(http1.recv_text(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    http1.send(data("HTTP/1.1 204 No Content\r\n\r\n"));
    opener.recv(begun_with([(":status", "204")]));
}

#[test]
fn a_connection_that_ends_fails_its_requests() {
    for (ends, before, after) in [
        (vec![end()], CloseCode::Violation, CloseCode::Violation),
        (vec![abort(CloseCode::Unspecified)], CloseCode::Unreachable, CloseCode::Unspecified),
        (vec![reset(CloseCode::Timeout)], CloseCode::Timeout, CloseCode::Timeout),
    ] {
        let harness = client("");
        let mut openers = [ask(&harness), ask_with(&harness, request("POST"))];
        let mut origin = Origin::accept(&harness);
        origin.send(ok(1));
        openers[0].recv_begin();
        origin.peer.send_all(ends);
        expect_failed(&mut openers[0], after);
        expect_failed(&mut openers[1], before);
        harness.expect_no_open();
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_request_is_sent_once_more_where_the_connection_was_stale() {
    let harness = client("");
    let (mut first, mut stale) = exchange(&harness);
    stale.send(nothing(1));
    expect_nothing(&mut first);
    let mut openers = [ask(&harness), ask_with(&harness, request("POST"))];
    stale.peer.send(end());
    expect_failed(&mut openers[1], CloseCode::Violation);
    let mut fresh = Origin::accept(&harness);
    fresh.expect_get(1);
    fresh.peer.send(end());
    expect_failed(&mut openers[0], CloseCode::Violation);
    harness.expect_no_open();
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_opener_that_leaves_takes_its_request_along_and_nothing_else() {
    for frames in
        [vec![abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)], vec![reset(CloseCode::Timeout)]]
    {
        for response in [vec![], ok(1), [ok(1), frame(DATA, 0, 1, "abc")].concat()] {
            let harness = client("");
            let mut opener = harness.open(request("POST"));
            let mut origin = Origin::accept(&harness);
            origin.recv();
            origin.send(response);
            opener.send_all(frames.clone());
            assert!(opener.is_over());
            origin.expect_reset(1, CANCEL);
            // What was under way is read over, and its octets are given back for the connection.
            origin.send([ok(1), frame(DATA, END_STREAM, 1, "late")].concat());
            expect_kept(&harness, &mut origin, 3);
        }
    }
}

#[test]
fn an_opener_may_give_up_its_body_and_take_the_response() {
    let harness = client("");
    let mut opener = harness.open(request("POST").with([("content-length", "5")]));
    let mut origin = Origin::accept(&harness);
    origin.recv();
    origin.send(headers(END_HEADERS, 1, [(":status", "401")]));
    opener.recv_begin();
    opener.send(abort(CloseCode::Cancelled));
    origin.send(frame(DATA, END_STREAM, 1, "nope"));
    opener.recv(data("nope"));
    opener.recv(end());
    assert!(opener.is_over());
    origin.expect_reset(1, CANCEL);
    expect_kept(&harness, &mut origin, 3);
}

#[test]
fn a_generation_that_ends_finishes_its_requests_and_says_goodbye() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    harness.drain();
    origin.expect_nothing();
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    origin.expect_goaway(NO_ERROR);
    assert_eq!(harness.streams(), 0);
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    harness.drain();
    origin.expect_goaway(NO_ERROR);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn what_waits_for_credit_goes_before_the_end() {
    let harness = client_with("", Limits { initial_credit: 80, ..Limits::default() });
    let mut opener = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    origin.send(frame(SETTINGS, 0, 0, []));
    origin.send(goaway(0, NO_ERROR));
    // The request is sent elsewhere; the rest of what there is to say comes as there is credit.
    origin.peer.grant_all();
    origin.frames.clear();
    origin.expect_goaway(NO_ERROR);
    let mut other = Origin::silent(&harness, None);
    other.peer.grant_all();
    other.frames.clear();
    other.send([frame(SETTINGS, 0, 0, []), nothing(1)].concat());
    expect_nothing(&mut opener);
}
