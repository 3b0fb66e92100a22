//! Bodies that the host moves.

use crate::script::*;
use zilla_sdk::testing::*;

const OCTETS: usize = 1_000_000;

/// Frames with payload that entered the binding, and those that left it.
fn data_frames(harness: &Harness<binding_http::Http>) -> usize {
    harness.transcript().lines().filter(|line| !line.contains('⇒') && line.contains(" data ")).count()
}

#[test]
fn a_long_response_is_moved_by_the_host() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    opener.auto_window();
    origin.send(data(format!("HTTP/1.1 200 OK\r\ncontent-length: {OCTETS}\r\n\r\nabc")));
    let before = data_frames(&harness);
    origin.send_payload("x".repeat(OCTETS - 3));
    assert_eq!(data_frames(&harness), before);
    opener.recv_begin();
    assert_eq!(opener.recv_data_all().len(), OCTETS);
    opener.recv(end());
    assert!(opener.is_over());
    expect_kept(&harness, &mut origin);
}

#[test]
fn a_long_request_is_moved_by_the_host() {
    let harness = client("");
    let length = OCTETS.to_string();
    let mut opener = harness.open(request("PUT").with([("content-length", &*length)]));
    let mut origin = accept(&harness);
    origin.auto_window();
    opener.send_payload("x".repeat(OCTETS));
    opener.send(end());
    assert!(origin.recv_data_all().len() > OCTETS);
    assert!(data_frames(&harness) < 3, "{}", data_frames(&harness));
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    expect_kept(&harness, &mut origin);
}

#[test]
fn a_short_body_is_not() {
    let harness = client("");
    let (_opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 65535\r\n\r\n"));
    assert!(!harness.transcript().contains("forward"));
    let harness = client("");
    let (_opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 65536\r\n\r\n"));
    assert!(harness.transcript().contains("forward"));
}

#[test]
fn a_response_that_breaks_off_while_the_host_moves_it_does_not_look_whole() {
    for last in [end(), abort(CloseCode::Unspecified)] {
        let harness = client("");
        let (mut opener, mut origin) = exchange(&harness);
        origin.send(data(format!("HTTP/1.1 200 OK\r\ncontent-length: {OCTETS}\r\n\r\n")));
        origin.send_all([data("abc"), last]);
        opener.recv_begin();
        opener.recv(data("abc"));
        opener.recv_kind(FrameKind::Abort);
        assert!(opener.is_over());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_request_that_breaks_off_while_the_host_moves_it_is_not_completed() {
    for last in [vec![end()], vec![abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]] {
        let harness = client("");
        let length = OCTETS.to_string();
        let mut opener = harness.open(request("PUT").with([("content-length", &*length)]));
        let mut origin = accept(&harness);
        opener.send(data("abc"));
        opener.send_all(last);
        assert!(origin.recv_text().ends_with("abc"));
        origin.recv_kind(FrameKind::Abort);
        assert!(opener.is_over());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn what_leaves_or_stands_still_while_the_host_moves_it_is_noticed() {
    let harness = client("timeouts: {body-read-ms: 500}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(format!("HTTP/1.1 200 OK\r\ncontent-length: {OCTETS}\r\n\r\n")));
    harness.advance(499);
    origin.send(data("x".repeat(10)));
    opener.send(window(10));
    harness.advance(499);
    opener.recv_begin();
    opener.recv(data("x".repeat(10)));
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(format!("HTTP/1.1 200 OK\r\ncontent-length: {OCTETS}\r\n\r\nabc")));
    opener.send(reset(CloseCode::Cancelled));
    assert!(opener.is_over());
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_early_answer_while_the_host_moves_the_request_ends_it() {
    let harness = client("");
    let length = OCTETS.to_string();
    let mut opener = harness.open(request("PUT").with([("content-length", &*length)]));
    let mut origin = accept(&harness);
    opener.send(data("abc"));
    origin.send(data("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno"));
    opener.recv_begin();
    opener.recv(data("no"));
    opener.recv(end());
    opener.recv(reset(CloseCode::Cancelled));
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}
