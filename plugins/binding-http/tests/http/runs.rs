//! Bodies that the host moves.

use crate::script::*;
use binding_http::Http;
use zilla_sdk::testing::*;

const OCTETS: usize = 1_000_000;

/// Frames with payload that entered the binding, and those that left it.
fn data_frames(harness: &Harness<Http>) -> usize {
    harness.transcript().lines().filter(|line| !line.contains('⇒') && line.contains(" data ")).count()
}

fn put(octets: usize) -> String {
    format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {octets}\r\n\r\n")
}

#[test]
fn a_long_request_is_moved_by_the_host() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, put(OCTETS));
    exit.auto_window();
    client.send_payload("x".repeat(OCTETS));
    assert_eq!(data_frames(&harness), 1);
    client.send(data(GET));
    exit.recv_begin();
    assert_eq!(exit.recv_data_all().len(), OCTETS);
    exit.recv(end());
    exit.send_all([begun_with([("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    echo(&mut harness.expect_open());
    client.recv_kind(FrameKind::Data);
    expect_kept(&harness, &mut client);
}

#[test]
fn a_long_response_is_moved_by_the_host() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    client.auto_window();
    let length = OCTETS.to_string();
    exit.send(begun_with([("content-length", &*length)]));
    let before = data_frames(&harness);
    exit.send_payload("x".repeat(OCTETS));
    exit.send(end());
    assert_eq!(data_frames(&harness), before);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {OCTETS}\r\n\r\n");
    client.recv(data(&head));
    assert_eq!(client.recv_data_all().len(), OCTETS);
    expect_kept(&harness, &mut client);
}

#[test]
fn a_short_body_is_not() {
    for (octets, moved) in [(65_535, false), (65_536, true)] {
        let harness = http("");
        let (_client, _exit) = ask(&harness, put(octets));
        assert_eq!(harness.transcript().contains("forward"), moved);
        let harness = http("");
        let (_client, mut exit) = ask(&harness, GET);
        let length = octets.to_string();
        exit.send(begun_with([("content-length", &*length)]));
        assert_eq!(harness.transcript().contains("forward"), moved);
    }
}

#[test]
fn a_request_that_breaks_off_is_refused_and_does_not_look_whole() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, put(OCTETS));
    client.send_all([data("abc"), end()]);
    client.recv(data(refusal("400 Bad Request", "the body ends early")));
    exit.recv_begin();
    exit.recv(data("abc"));
    exit.recv_kind(FrameKind::Abort);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_response_that_breaks_off_aborts_the_connection() {
    for last in [end(), abort(CloseCode::Unspecified)] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, GET);
        let length = OCTETS.to_string();
        exit.send(begun_with([("content-length", &*length)]));
        exit.send_all([data("abc"), last]);
        assert!(client.recv_text().ends_with("\r\n\r\nabc"));
        expect_aborted(&mut client);
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_response_longer_than_it_says_aborts_the_connection() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    client.grant_all();
    let length = OCTETS.to_string();
    exit.send(begun_with([("content-length", &*length)]));
    exit.send_payload("x".repeat(OCTETS));
    exit.send(data("x"));
    assert!(client.recv_text().ends_with('x'));
    expect_aborted(&mut client);
}

#[test]
fn what_stands_still_is_noticed() {
    let harness = http("timeouts: {body-read-ms: 500}");
    let (mut client, mut exit) = ask(&harness, put(OCTETS));
    harness.advance(499);
    client.send(data("x"));
    exit.send(window(1));
    harness.advance(499);
    client.recv_nothing();
    harness.advance(1);
    client.recv(data(refusal("408 Request Timeout", "the body did not come in time")));
    let harness = http("timeouts: {write-ms: 500}");
    let (mut client, mut exit) = ask(&harness, GET);
    let length = OCTETS.to_string();
    exit.send(begun_with([("content-length", &*length)]));
    harness.advance(499);
    exit.send(data("x"));
    client.send(window(1));
    harness.advance(499);
    assert!(client.recv_text().ends_with('x'));
    client.recv_nothing();
    harness.advance(1);
    expect_aborted(&mut client);
}

#[test]
fn an_exit_that_wants_no_more_of_a_request_that_is_moved_may_still_answer() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, put(100_000));
    client.send(data("abc"));
    exit.send(begun_with([(":status", "413"), ("content-length", "0")]));
    exit.send_all([reset(CloseCode::Cancelled), end()]);
    client.recv(data("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n"));
    client.send(data("x".repeat(60_000)));
    client.send_payload("x".repeat(39_997));
    // More than what is read over: the connection ends.
    expect_closed(&mut client);
}

#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_not_moved() {
    let harness = http("expect: pass");
    let request = put(OCTETS).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    let (mut client, mut exit) = ask(&harness, request);
    assert!(!harness.transcript().contains("forward"));
    exit.send(begun_with([(":status", "100")]));
    client.recv(data("HTTP/1.1 100 Continue\r\n\r\n"));
    client.send(data("x"));
    assert!(harness.transcript().contains("forward"));
}
