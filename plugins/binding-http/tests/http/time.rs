//! Time limits, on a virtual clock.

use crate::script::*;
use zilla_sdk::testing::*;

const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n";

#[test]
fn a_head_must_come_in_time() {
    let harness = http("");
    let mut client = connect(&harness);
    client.send(data("GET / HT"));
    harness.advance(30_000);
    client.send(data("TP/1.1\r\nhost: a\r\n"));
    harness.advance(29_999);
    client.recv_nothing();
    harness.advance(1);
    client.recv(data(refusal("408 Request Timeout", "the head did not come in time")));
    expect_closed(&mut client);
    harness.expect_no_open();
}

#[test]
fn a_later_head_has_its_time_from_its_first_octet() {
    let harness = http("timeouts: {header-read-ms: 100, idle-ms: 1000}");
    let (mut client, mut exit) = ask(&harness, GET);
    echo(&mut exit);
    client.recv_kind(FrameKind::Data);
    harness.advance(900);
    client.send(data("G"));
    harness.advance(99);
    client.send(data("E"));
    client.recv_nothing();
    harness.advance(1);
    assert!(client.recv_text().starts_with("HTTP/1.1 408 "));
}

#[test]
fn a_connection_without_a_request_ends_in_silence() {
    let harness = http("");
    let mut client = connect(&harness);
    harness.advance(59_999);
    client.recv_nothing();
    harness.advance(1);
    expect_closed(&mut client);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_idle_connection_ends_in_silence() {
    let harness = http("");
    let mut client = connect(&harness);
    for _ in 0..5 {
        harness.advance(50_000);
        expect_kept(&harness, &mut client);
    }
    harness.advance(74_999);
    client.recv_nothing();
    harness.advance(1);
    expect_closed(&mut client);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_connection_in_use_sets_one_timer() {
    let harness = http("timeouts: {idle-ms: 10000}");
    let mut client = connect(&harness);
    for _ in 0..50 {
        expect_kept(&harness, &mut client);
        harness.advance(10);
    }
    assert_eq!(harness.transcript().matches("timer").count(), 2);
}

#[test]
fn a_body_must_go_on_in_time() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, POST);
    for piece in ["a", "b", "c"] {
        harness.advance(59_999);
        client.send(data(piece));
    }
    client.recv_nothing();
    harness.advance(60_000);
    client.recv(data(refusal("408 Request Timeout", "the body did not come in time")));
    expect_closed(&mut client);
    exit.recv_begin();
    exit.recv(data("abc"));
    exit.recv_kind(FrameKind::Abort);
}

#[test]
fn a_body_that_stops_after_the_response_began_aborts_it() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, POST);
    exit.send(begun());
    harness.advance(60_000);
    expect_aborted(&mut client);
}

#[test]
fn a_client_is_not_blamed_for_an_exit_that_takes_nothing() {
    let harness = http_with("", Limits { initial_credit: 80, ..Limits::default() });
    let (mut client, mut exit) = ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 90\r\n\r\n");
    client.send_payload("x".repeat(90));
    harness.advance(1_000_000);
    client.recv_nothing();
    exit.send(window(100));
    exit.recv_begin();
    exit.recv(data("x".repeat(90)));
    exit.recv(end());
}

#[test]
fn an_exit_that_has_answered_must_take_the_rest_in_time() {
    let harness = http_with("", Limits { initial_credit: 80, ..Limits::default() });
    let (mut client, mut exit) = ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 90\r\n\r\n");
    client.send_payload("x".repeat(90));
    exit.send_all([begun_with([("content-length", "0")]), end()]);
    harness.advance(59_999);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    client.recv_nothing();
    harness.advance(1);
    expect_aborted(&mut client);
}

#[test]
fn a_client_must_take_the_response_in_time() {
    let harness = http_with("", Limits { initial_credit: 40, ..Limits::default() });
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send_all([begun_with([("content-length", "1000")]), data("x".repeat(40))]);
    harness.advance(59_999);
    client.send(window(1));
    harness.advance(59_999);
    assert_eq!(client.recv_text().len(), 41);
    client.recv_nothing();
    harness.advance(1);
    expect_aborted(&mut client);
    exit.recv_begin();
    exit.recv(end());
    exit.recv_kind(FrameKind::Reset);
}

#[test]
fn an_exit_may_have_to_answer_in_time() {
    let harness = http("timeouts: {response-ms: 500}");
    let (mut client, mut exit) = ask(&harness, POST);
    harness.advance(2_000);
    client.send(data("abcd"));
    harness.advance(499);
    client.recv_nothing();
    harness.advance(1);
    client.recv(data(refusal("504 Gateway Timeout", "the exit did not answer in time")));
    expect_closed(&mut client);
    exit.recv_all();
    assert!(exit.is_over());
}

#[test]
fn a_response_that_has_begun_may_take_its_time() {
    let harness = http("timeouts: {response-ms: 500}");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send(begun());
    harness.advance(1_000_000);
    exit.send(end());
    assert!(client.recv_text().ends_with("0\r\n\r\n"));
    expect_kept(&harness, &mut client);
}

#[test]
fn nothing_is_limited_where_the_limit_is_0() {
    let harness =
        http("timeouts: {header-read-ms: 0, body-read-ms: 0, write-ms: 0, idle-ms: 0, response-ms: 0}");
    let mut client = connect(&harness);
    harness.advance(1_000_000_000);
    client.send(data(&POST[..9]));
    harness.advance(1_000_000_000);
    client.send(data(&POST[9..]));
    let mut exit = harness.expect_open();
    harness.advance(1_000_000_000);
    client.send(data("abcd"));
    harness.advance(1_000_000_000);
    echo(&mut exit);
    harness.advance(1_000_000_000);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd"));
    expect_kept(&harness, &mut client);
    assert_eq!(harness.transcript().matches("timer").count(), 0);
}
