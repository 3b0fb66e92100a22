//! How connections end: by the client, by the host, in order and not.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn a_client_that_ends_between_requests_gets_an_end() {
    let harness = http("");
    let mut client = connect(&harness);
    expect_kept(&harness, &mut client);
    client.send(end());
    client.recv(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_ends_after_its_requests_gets_all_answers() {
    let harness = http("");
    let mut client = connect(&harness);
    client.send_all([data(GET), data(GET), end()]);
    for _ in 0..2 {
        client.recv_nothing();
        echo(&mut harness.expect_open());
        client.recv_kind(FrameKind::Data);
    }
    client.recv(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_ends_gets_what_does_not_fit_its_credit_yet() {
    let harness = http_with("", Limits { initial_credit: 30, ..Limits::default() });
    let (mut client, mut exit) = ask(&harness, GET);
    client.send(end());
    echo(&mut exit);
    assert_eq!(client.recv_text().len(), 30);
    client.recv_nothing();
    client.send(window(100));
    assert!(client.recv_text().ends_with("\r\n0\r\n\r\n"));
    client.recv(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_ends_within_a_head_is_refused() {
    for head in ["G", "GET / HTTP/1.1\r\nhost: a\r\n", "\r", "\r\n\r"] {
        let harness = http("");
        let mut client = connect(&harness);
        client.send_all([data(head), end()]);
        client.recv(data(refusal("400 Bad Request", "the head ends early")));
        client.recv(end());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_client_that_ends_within_a_body_is_refused() {
    for body in ["content-length: 3\r\n\r\nab", "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n"] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, format!("POST / HTTP/1.1\r\nhost: a\r\n{body}"));
        client.send(end());
        client.recv(data(refusal("400 Bad Request", "the body ends early")));
        client.recv(end());
        exit.recv_begin();
        exit.recv(data("ab"));
        exit.recv_kind(FrameKind::Abort);
        exit.recv_kind(FrameKind::Reset);
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_client_that_ends_may_have_its_body_taken_later() {
    let harness = http_with("", Limits { initial_credit: 70, ..Limits::default() });
    let mut client = connect(&harness);
    client
        .send_payload(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 90\r\n\r\n{}", "x".repeat(90)));
    client.send(end());
    client.recv_nothing();
    let mut exit = harness.expect_open();
    exit.send(window(100));
    exit.recv_begin();
    exit.recv(data("x".repeat(90)));
    exit.recv(end());
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    for leave in [abort(CloseCode::Unspecified), reset(CloseCode::Unspecified)] {
        for request in [GET, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab"] {
            for begin in [None, Some(begun())] {
                let harness = http("");
                let (mut client, mut exit) = ask(&harness, request);
                exit.send_all(begin);
                client.send(leave.clone());
                exit.recv_begin();
                exit.recv_data_all();
                let codes: Vec<_> = exit.recv_all().into_iter().map(|frame| frame.value).collect();
                assert!(codes.ends_with(&[CloseCode::Cancelled as u64]), "{}", harness.transcript());
                assert_eq!(harness.streams(), 0);
            }
        }
    }
}

#[test]
fn an_idle_connection_is_drained_after_a_moment() {
    let harness = http("timeouts: {drain-idle-ms: 500}");
    let mut fresh = connect(&harness);
    let mut used = connect(&harness);
    expect_kept(&harness, &mut used);
    harness.drain();
    harness.advance(499);
    fresh.recv_nothing();
    used.recv_nothing();
    harness.advance(1);
    expect_closed(&mut fresh);
    expect_closed(&mut used);
}

#[test]
fn a_request_that_was_on_its_way_when_the_drain_began_is_answered() {
    let harness = http("");
    let mut client = connect(&harness);
    expect_kept(&harness, &mut client);
    harness.drain();
    client.send(data(GET));
    harness.expect_open().send_all([begun_with([("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    expect_closed(&mut client);
}

#[test]
fn a_busy_connection_is_drained_after_its_response() {
    let harness = http("");
    let (mut waiting, mut exit) = ask(&harness, GET);
    let (mut begun_client, mut begun_exit) = ask(&harness, GET);
    begun_exit.send(begun());
    let mut partial = connect(&harness);
    partial.send(data("GET /"));
    harness.drain();
    exit.send_all([begun_with([("content-length", "0")]), end()]);
    waiting.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    expect_closed(&mut waiting);
    begun_exit.send(end());
    assert!(begun_client.recv_text().ends_with("\r\n0\r\n\r\n"));
    expect_closed(&mut begun_client);
    partial.send(data(" HTTP/1.1\r\nhost: a\r\n\r\n"));
    harness.expect_open().send_all([begun(), end()]);
    assert!(partial.recv_text().contains("\r\nconnection: close\r\n"));
    expect_closed(&mut partial);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn nothing_after_the_last_request_is_answered() {
    let harness = http("");
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (mut client, mut exit) = ask(&harness, format!("{request}{GET}"));
    exit.send_all([begun_with([("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    expect_closed(&mut client);
    harness.expect_no_open();
    assert_eq!(harness.streams(), 0);
}
