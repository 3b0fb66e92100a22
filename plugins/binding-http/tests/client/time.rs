//! Time limits, on a virtual clock.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn an_origin_must_answer_in_time() {
    let harness = client("timeouts: {response-ms: 500}");
    let (mut opener, mut origin) = exchange(&harness);
    harness.advance(300);
    origin.send(data("HTTP/1.1 200 OK\r\n"));
    harness.advance(199);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn the_time_to_answer_begins_with_the_end_of_the_request() {
    let harness = client("timeouts: {response-ms: 500}");
    let mut opener = harness.open(request("POST").with([("content-length", "2")]));
    let mut origin = accept(&harness);
    harness.advance(10_000);
    opener.send(data("a"));
    harness.advance(10_000);
    opener.send_all([data("b"), end()]);
    harness.advance(499);
    origin.send(data(NOTHING));
    opener.recv_begin();
}

#[test]
fn an_opener_that_waits_to_send_its_body_is_told_something_in_time() {
    let begin = || request("PUT").with([("expect", "100-continue"), ("content-length", "1")]);
    let harness = client("timeouts: {response-ms: 500}");
    let mut opener = harness.open(begin());
    let mut origin = accept(&harness);
    harness.advance(500);
    expect_failed(&mut opener, CloseCode::Timeout);
    expect_left(&mut origin);
    // Once it is told, the time is its own.
    for is_told in [true, false] {
        let harness = client("timeouts: {response-ms: 500}");
        let mut opener = harness.open(begin());
        let mut origin = accept(&harness);
        if is_told {
            origin.send(data("HTTP/1.1 100 Continue\r\n\r\n"));
            harness.advance(10_000);
        }
        opener.send(data("x"));
        opener.send(end());
        harness.advance(499);
        origin.send(data(NOTHING));
        assert_eq!(opener.recv_all().last(), Some(&end()));
    }
}

#[test]
fn content_must_go_on_in_time() {
    let harness = client("timeouts: {body-read-ms: 500}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"));
    for _ in 0..3 {
        harness.advance(499);
        origin.send(data("x"));
    }
    opener.recv_begin();
    opener.recv(data("xxx"));
    harness.advance(499);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    expect_left(&mut origin);
}

#[test]
fn an_origin_is_not_blamed_for_an_opener_that_takes_nothing() {
    let harness = client_with("", Limits { initial_credit: 60, ..Limits::default() });
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"));
    origin.send_payload("x".repeat(60));
    origin.send_payload("x".repeat(40));
    harness.advance(1_000_000);
    opener.recv_begin();
    opener.grant_all();
    assert_eq!(opener.recv_text().len(), 100);
    opener.recv(end());
}

#[test]
fn an_origin_must_take_the_request_in_time() {
    let limits = Limits { initial_credit: 100, ..Limits::default() };
    let harness = client_with("timeouts: {write-ms: 500}", limits);
    let mut opener = harness.open(request("POST").with([("content-length", "200")]));
    let mut origin = accept(&harness);
    harness.advance(10_000);
    opener.send(data("x".repeat(100)));
    harness.advance(499);
    origin.send(window(5));
    harness.advance(499);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    expect_left(&mut origin);
}

#[test]
fn an_idle_connection_ends_in_time() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    for _ in 0..3 {
        harness.advance(59_999);
        expect_kept(&harness, &mut origin);
    }
    harness.advance(59_999);
    origin.recv_nothing();
    harness.advance(1);
    origin.recv(end());
    assert!(!origin.can_send());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_request_waits_for_a_connection_for_so_long() {
    let harness = client("limits: {connections: 1}, timeouts: {waiting-ms: 500}");
    let (mut first, mut origin) = exchange(&harness);
    let mut second = ask(&harness);
    harness.advance(300);
    let mut third = ask(&harness);
    harness.advance(199);
    second.recv_nothing();
    harness.advance(1);
    expect_failed(&mut second, CloseCode::Limit);
    origin.send(data(NOTHING));
    expect_nothing(&mut first);
    harness.advance(10_000);
    third.recv_nothing();
    origin.recv(data(GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut third);
}

#[test]
fn nothing_is_limited_where_the_limit_is_0() {
    let options = "limits: {connections: 1}, timeouts: {waiting-ms: 0, response-ms: 0, body-read-ms: 0, write-ms: 0, idle-ms: 0}";
    let harness = client(options);
    let (mut opener, mut origin) = exchange(&harness);
    let mut waiting = ask(&harness);
    harness.advance(1_000_000_000);
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"));
    harness.advance(1_000_000_000);
    origin.send(data("x"));
    assert_eq!(opener.recv_all().len(), 3);
    origin.recv(data(GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut waiting);
    harness.advance(1_000_000_000);
    expect_kept(&harness, &mut origin);
    assert_eq!(harness.transcript().matches("timer").count(), 0);
}

#[test]
fn a_connection_in_use_sets_few_timers() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    for _ in 0..50 {
        harness.advance(10);
        expect_kept(&harness, &mut origin);
    }
    assert_eq!(harness.transcript().matches("timer").count(), 1);
}
