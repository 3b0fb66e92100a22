//! How a WebSocket ends (RFC 6455, 7), and in what time.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn the_exit_is_told_of_a_close_and_ends_before_it_is_answered() {
    let (harness, mut client, mut app) = open_default();
    client.send(data([masked(TEXT, "last"), masked(CLOSE, close(3000, "bye"))].concat()));
    app.recv(text("last"));
    app.recv(end_with([("code", "3000"), ("reason", "bye")]));
    client.recv_nothing();
    app.send(text("answer"));
    client.recv(data(plain(TEXT, "answer")));
    app.send(end());
    client.recv(data(plain(CLOSE, close(3000, "bye"))));
    client.recv(end());
    client.send(end());
    assert!(client.is_over() && app.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_close_without_a_code_is_answered_by_one() {
    let (_harness, mut client, mut app) = open_default();
    client.send(data(masked(CLOSE, "")));
    app.recv(end());
    app.send(end());
    client.recv(data(plain(CLOSE, "")));
    client.recv(end());
}

#[test]
fn the_exit_closes_and_hears_the_client_until_it_has_closed() {
    let (harness, mut client, mut app) = open_default();
    app.send(end_with([("code", "4000"), ("reason", "enough")]));
    client.recv(data(plain(CLOSE, close(4000, "enough"))));
    client.send(data(masked(TEXT, "still")));
    app.recv(text("still"));
    client.send(data(masked(CLOSE, close(4000, ""))));
    app.recv(end_with([("code", "4000")]));
    client.recv(end());
    client.send(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn what_an_exit_says_at_its_end_is_what_may_be_sent() {
    let long = "é".repeat(100);
    let cases = [
        (end(), close(1000, "")),
        (end_with([("code", "1001")]), close(1001, "")),
        (end_with([("code", "1005")]), close(1011, "")),
        (end_with([("code", "x"), ("reason", "y")]), close(1011, "y")),
        (end_with([("code", "1000"), ("reason", &long)]), close(1000, &"é".repeat(61))),
    ];
    for (end, body) in cases {
        let (_harness, mut client, mut app) = open_default();
        app.send(end);
        client.recv(data(plain(CLOSE, body)));
    }
}

#[test]
fn an_exit_that_fails_is_a_code_for_the_client() {
    use CloseCode::*;
    let cases = [
        (Unspecified, 1011),
        (Crashed, 1011),
        (Violation, 1011),
        (Forbidden, 1008),
        (Limit, 1013),
        (Unreachable, 1014),
        (Timeout, 1014),
        (Drained, 1001),
    ];
    for (code, found) in cases {
        for fails in [abort(code), reset(code)] {
            let (harness, mut client, mut app) = open_default();
            app.send(fails);
            expect_closed(&mut client, found);
            client.send(end());
            app.recv_all();
            assert!(app.is_over());
            assert_eq!(harness.streams(), 0);
        }
    }
}

#[test]
fn close_frames_are_checked() {
    for (body, code) in [
        (vec![3], 1002),
        (close(999, ""), 1002),
        (close(1004, ""), 1002),
        (close(1005, ""), 1002),
        (close(1006, ""), 1002),
        (close(1015, ""), 1002),
        (close(2999, ""), 1002),
        (close(5000, ""), 1002),
        ([&close(1000, "")[..], b"\xff"].concat(), 1007),
    ] {
        let (_harness, mut client, mut app) = open_default();
        client.send(data(masked(CLOSE, body)));
        app.recv(abort(CloseCode::Violation));
        app.send(end());
        expect_closed(&mut client, code);
    }
}

#[test]
fn a_client_that_ends_without_a_close_is_lost() {
    let (harness, mut client, mut app) = open_default();
    client.send(end());
    app.recv(abort(CloseCode::Cancelled));
    client.recv(end());
    assert!(client.is_over() && app.is_over());
    let (mut client, mut app) = open(&harness);
    client.send_all([abort(CloseCode::Unspecified), reset(CloseCode::Unspecified)]);
    app.recv(abort(CloseCode::Cancelled));
    assert!(client.is_over() && app.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_ends_right_behind_its_close_is_answered() {
    let (harness, mut client, mut app) = open_default();
    client.send_all([data(masked(CLOSE, close(3000, "bye"))), end()]);
    app.recv(end_with([("code", "3000"), ("reason", "bye")]));
    client.recv_nothing();
    app.send_all([text("answer"), end()]);
    client.recv(data([plain(TEXT, "answer"), plain(CLOSE, close(3000, "bye"))].concat()));
    client.recv(end());
    assert!(client.is_over() && app.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_ends_right_behind_its_fault_is_told_of_it() {
    let (harness, mut client, mut app) = open_default();
    client.send_all([data([0x82, 0]), end()]);
    app.recv(abort(CloseCode::Violation));
    app.send(end());
    expect_closed(&mut client, 1002);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn what_waits_for_the_exit_when_a_client_ends_comes_through() {
    for (last, is_closed) in [(masked(CLOSE, close(3000, "")), true), (vec![0x81], false)] {
        let harness = server_with("", Limits { initial_credit: 512, ..Limits::default() });
        let (mut client, mut app) = open(&harness);
        for octets in [masked(BINARY, [1; 400]), masked(BINARY, [2; 300]), last] {
            client.send_payload(octets);
        }
        client.send(end());
        assert_eq!(app.recv_data_all(), [[1; 400].as_slice(), &[2; 112]].concat());
        app.recv_nothing();
        app.send(window(1_000));
        assert_eq!(app.recv_data_all(), [2; 188]);
        if is_closed {
            app.recv(end_with([("code", "3000")]));
            app.send(end());
            expect_closed(&mut client, 3000);
        } else {
            // That was no close frame, and the rest of it will not come.
            app.recv(abort(CloseCode::Cancelled));
            client.recv(end());
        }
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn an_exit_that_does_not_end_after_the_client_is_left_in_time() {
    let harness = server("timeouts: {close-ms: 100}");
    let (mut client, mut app) = open(&harness);
    client.send(data(masked(CLOSE, close(1000, ""))));
    app.recv(end_with([("code", "1000")]));
    harness.advance(99);
    client.recv_nothing();
    harness.advance(1);
    client.recv(data(plain(CLOSE, close(1000, ""))));
    client.recv(end());
    assert!(app.is_over());
    client.send(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_does_not_answer_a_close_is_left_in_time() {
    let harness = server("timeouts: {close-ms: 100}");
    let (mut client, mut app) = open(&harness);
    app.send(end());
    client.recv(data(plain(CLOSE, close(1000, ""))));
    harness.advance(100);
    app.recv(abort(CloseCode::Timeout));
    client.recv(end());
    assert!(!client.is_over());
    // And one that does not end its connection either is cut off.
    harness.advance(100);
    assert!(client.is_over() && app.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_silent_client_is_asked_and_given_up() {
    let harness = server("ping: {interval-ms: 1000, timeout-ms: 100}");
    let (mut client, mut app) = open(&harness);
    for _ in 0..3 {
        harness.advance(1_000);
        client.recv(data(plain(PING, "")));
        client.send(data(masked(PONG, "")));
        harness.advance(100);
    }
    client.recv_nothing();
    harness.advance(1_000);
    client.recv(data(plain(PING, "")));
    harness.advance(99);
    client.recv_nothing();
    harness.advance(1);
    expect_closed(&mut client, 1008);
    app.recv(abort(CloseCode::Timeout));
}

#[test]
fn a_client_whose_octets_wait_for_the_exit_is_not_silent() {
    let harness =
        server_with("ping: {interval-ms: 1000}", Limits { initial_credit: 100, ..Limits::default() });
    let (mut client, mut app) = open(&harness);
    client.send_payload(masked(BINARY, [0; 120]));
    harness.advance(1_000_000);
    client.recv_nothing();
    app.recv_all();
    assert!(!app.is_over());
}

#[test]
fn a_socket_goes_on_until_shortly_before_its_generation_is_over() {
    let harness = server("");
    let (mut client, mut app) = open(&harness);
    let mut asks = harness.open(request());
    let mut late_app = harness.expect_open();
    harness.drain();
    harness.advance(20_000);
    // A handshake that is over meanwhile knows as well.
    late_app.send(begun());
    asks.recv(agreed());
    harness.advance(8_999);
    client.send(data(masked(TEXT, "still")));
    app.recv(text("still"));
    client.recv_nothing();
    harness.advance(1);
    expect_closed(&mut client, 1001);
    expect_closed(&mut asks, 1001);
    app.recv(abort(CloseCode::Drained));
    client.send_all([data(masked(CLOSE, close(1001, ""))), end()]);
    assert!(client.is_over() && app.is_over());
}
