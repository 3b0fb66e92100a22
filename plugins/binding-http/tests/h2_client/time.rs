//! Time limits, on a virtual clock.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn an_origin_must_answer_in_time() {
    let harness = client("timeouts: {response-ms: 500}");
    let mut openers = vec![ask(&harness)];
    let mut origin = Origin::accept(&harness);
    harness.advance(300);
    openers.push(ask(&harness));
    origin.expect_get(1);
    origin.expect_get(3);
    harness.advance(199);
    openers[0].recv_nothing();
    // It is slow, and not dead.
    origin.expect_well();
    harness.advance(1);
    expect_failed(&mut openers[0], CloseCode::Timeout);
    openers[1].recv_nothing();
    origin.expect_reset(1, CANCEL);
    origin.send(nothing(3));
    expect_nothing(&mut openers[1]);
    expect_kept(&harness, &mut origin, 5);
}

#[test]
fn an_origin_of_which_nothing_is_heard_gets_no_more_requests() {
    let harness = client("timeouts: {response-ms: 500}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    harness.advance(1);
    let mut opener = ask(&harness);
    origin.expect_get(3);
    harness.advance(500);
    expect_failed(&mut opener, CloseCode::Timeout);
    origin.expect_goaway(NO_ERROR);
    let (_opener, _origin) = exchange(&harness);
}

#[test]
fn a_connection_must_be_set_up_in_time() {
    let harness = client("timeouts: {response-ms: 500}");
    let mut opener = ask(&harness);
    harness.expect_open();
    harness.advance(500);
    expect_failed(&mut opener, CloseCode::Timeout);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn content_must_go_on_in_time() {
    let harness = client("timeouts: {body-read-ms: 500}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(ok(1));
    for _ in 0..3 {
        harness.advance(499);
        origin.send(frame(DATA, 0, 1, "x"));
    }
    opener.recv_begin();
    opener.recv(data("xxx"));
    harness.advance(499);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    origin.expect_reset(1, CANCEL);
}

#[test]
fn an_origin_is_not_blamed_for_an_opener_that_takes_nothing() {
    let harness = client_with("", Limits { initial_credit: 60, ..Limits::default() });
    let mut opener = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    origin.peer.grant_all();
    origin.send([frame(SETTINGS, 0, 0, []), frame(SETTINGS, ACK, 0, []), ok(1)].concat());
    origin.send(frame(DATA, 0, 1, "x".repeat(100)));
    harness.advance(1_000_000);
    opener.recv_begin();
    opener.grant_all();
    assert_eq!(opener.recv_text().len(), 100);
}

#[test]
fn an_origin_must_take_the_request_in_time() {
    let harness = client("timeouts: {write-ms: 500}");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::with(&harness, &setting(INITIAL_WINDOW_SIZE, 1));
    origin.peer.grant_all();
    origin.frames.clear();
    harness.advance(10_000);
    opener.send(data("abc"));
    harness.advance(499);
    origin.send(window_update(1, 1));
    harness.advance(499);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    origin.frames.retain(|frame| frame.kind != DATA);
    origin.expect_reset(1, CANCEL);
    expect_kept(&harness, &mut origin, 3);
    // Neither does it take what the connection has to say.
    let harness =
        client_with("timeouts: {write-ms: 500}", Limits { initial_credit: 40, ..Limits::default() });
    let mut opener = ask(&harness);
    harness.expect_open().send(begun());
    harness.advance(500);
    expect_failed(&mut opener, CloseCode::Timeout);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_idle_connection_ends_in_time() {
    let harness = client("timeouts: {idle-ms: 500}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    harness.advance(499);
    expect_kept(&harness, &mut origin, 3);
    harness.advance(499);
    origin.expect_nothing();
    harness.advance(1);
    origin.expect_goaway(NO_ERROR);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn settings_are_acknowledged_in_time() {
    let harness = client("timeouts: {settings-ms: 500}");
    let mut opener = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    origin.send(frame(SETTINGS, 0, 0, []));
    harness.advance(499);
    opener.recv_nothing();
    harness.advance(1);
    expect_failed(&mut opener, CloseCode::Timeout);
    origin.expect_goaway(SETTINGS_TIMEOUT);
}

#[test]
fn nothing_is_limited_where_the_limit_is_0() {
    let harness = client(
        "timeouts: {waiting-ms: 0, response-ms: 0, body-read-ms: 0, write-ms: 0, idle-ms: 0, settings-ms: 0}",
    );
    let (mut opener, mut origin) = exchange(&harness);
    harness.advance(1_000_000_000);
    origin.send(ok(1));
    harness.advance(1_000_000_000);
    origin.send(frame(DATA, END_STREAM, 1, "x"));
    assert_eq!(opener.recv_all().len(), 3);
    harness.advance(1_000_000_000);
    expect_kept(&harness, &mut origin, 3);
    assert_eq!(harness.transcript().matches("timer").count(), 0);
}

#[test]
fn a_connection_in_use_sets_few_timers() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    for index in 1..50 {
        harness.advance(10);
        expect_kept(&harness, &mut origin, index * 2 + 1);
    }
    assert!(harness.transcript().matches("timer").count() <= 4, "{}", harness.transcript());
}
