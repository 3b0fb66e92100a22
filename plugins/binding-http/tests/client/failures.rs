//! Connections that fail, early answers, and openers that leave.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn what_an_exit_refuses_fails_the_request_with_a_code_that_says_so() {
    use CloseCode::{
        Cancelled, Crashed, Drained, Limit, NoRoute, Refused, Timeout, Unreachable, Unspecified, Violation,
    };
    for (code, told) in [
        (Refused, Unreachable),
        (Unspecified, Unreachable),
        (Cancelled, Unreachable),
        (Violation, Unreachable),
        (Unreachable, Unreachable),
        (Timeout, Timeout),
        (Limit, Limit),
        (Drained, Drained),
        (Crashed, Crashed),
        (NoRoute, NoRoute),
    ] {
        let harness = client("");
        let mut opener = ask(&harness);
        harness.expect_open().refuse(code);
        expect_failed(&mut opener, told);
        harness.expect_no_open();
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn an_instance_without_streams_left_refuses() {
    let harness = client_with("", Limits { streams: 2, ..Limits::default() });
    let _other = ask(&harness);
    let mut opener = ask(&harness);
    expect_failed(&mut opener, CloseCode::Limit);
}

#[test]
fn an_origin_may_answer_before_it_has_the_body() {
    let harness = client("");
    let mut opener = harness.open(request("POST").with([("content-length", "9")]));
    let mut origin = accept(&harness);
    opener.send(data("abc"));
    origin.send(data("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\n"));
    opener.recv(begun_with([(":status", "413"), ("content-length", "2")]));
    opener.send(data("def"));
    assert!(origin.recv_text().ends_with("abcdef"));
    origin.send(data("no"));
    opener.recv(data("no"));
    opener.recv(end());
    opener.recv(reset(CloseCode::Cancelled));
    assert!(opener.is_over());
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_origin_may_refuse_the_body_and_answer_all_the_same() {
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = accept(&harness);
    opener.send(data("abc"));
    origin.send(reset(CloseCode::Unspecified));
    opener.send(data("def"));
    opener.recv_nothing();
    origin.send(data("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n"));
    opener.recv(begun_with([(":status", "413"), ("content-length", "0")]));
    opener.recv(reset(CloseCode::Cancelled));
    opener.recv(end());
    assert!(opener.is_over());
    assert!(!origin.can_send());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_opener_that_leaves_takes_the_connection_along() {
    for frames in
        [vec![abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)], vec![reset(CloseCode::Timeout)]]
    {
        for response in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"] {
            let harness = client("");
            let mut opener = harness.open(request("POST"));
            let mut origin = accept(&harness);
            origin.send(data(response));
            opener.send_all(frames.clone());
            assert!(opener.is_over());
            expect_left(&mut origin);
            assert_eq!(harness.streams(), 0);
        }
    }
}

#[test]
fn an_opener_may_give_up_its_body_and_take_the_response() {
    let harness = client("");
    let mut opener =
        harness.open(request("POST").with([("expect", "100-continue"), ("content-length", "5")]));
    let mut origin = accept(&harness);
    origin.send(data("HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\n"));
    opener.recv_begin();
    opener.send(abort(CloseCode::Cancelled));
    origin.send(data("nope"));
    opener.recv(data("nope"));
    opener.recv(end());
    assert!(opener.is_over());
    expect_left(&mut origin);
}

#[test]
fn an_abort_within_a_response_is_handed_on() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\n\r\nabc"));
    origin.send(abort(CloseCode::Crashed));
    opener.recv_begin();
    opener.recv(data("abc"));
    opener.recv(abort(CloseCode::Crashed));
    assert!(opener.is_over());
    assert_eq!(harness.streams(), 0);
}
