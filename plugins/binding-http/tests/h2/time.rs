//! Time limits, on a virtual clock.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn a_preface_must_come_in_time() {
    for (versions, sent) in
        [("h2", &b""[..]), ("h2", &PREFACE[..10]), ("h2", PREFACE), ("http/1.1, h2", PREFACE)]
    {
        let harness = h2(&format!("versions: [{versions}]"));
        let mut client = Client::silent(&harness);
        client.send(sent);
        harness.advance(59_999);
        assert!(client.peer.can_send());
        harness.advance(1);
        client.expect_goaway(0, ENHANCE_YOUR_CALM);
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn half_a_preface_without_h2_alone_ends_in_silence() {
    let harness = h2("");
    let mut client = Client::silent(&harness);
    client.send(&PREFACE[..10]);
    harness.advance(60_000);
    client.expect_closed();
}

#[test]
fn a_frame_must_come_in_time() {
    for part in [&frame(PING, 0, 0, [0; 8])[..12], &get(1)[..3], &frame(HEADERS, END_STREAM, 1, [])] {
        let harness = h2("timeouts: {idle-ms: 0}");
        let mut client = Client::connect(&harness);
        harness.advance(50_000);
        client.send(part);
        harness.advance(59_999);
        client.expect_nothing();
        harness.advance(1);
        client.expect_goaway(0, ENHANCE_YOUR_CALM);
    }
}

#[test]
fn settings_must_be_acknowledged_in_time() {
    let harness = h2("timeouts: {settings-ms: 500}");
    let mut client = Client::silent(&harness);
    client.send([PREFACE, &frame(SETTINGS, 0, 0, []), &get(1)].concat());
    let mut exit = harness.expect_open();
    harness.advance(499);
    assert!(client.peer.can_send());
    harness.advance(1);
    client.expect_goaway(1, SETTINGS_TIMEOUT);
    exit.recv_all();
    assert!(exit.is_over());
}

#[test]
fn an_idle_connection_ends_in_order() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    for round in 0..5 {
        harness.advance(50_000);
        client.send(get(2 * round + 1));
        echo(&mut harness.expect_open());
        client.expect_response(2 * round + 1, "200", "");
    }
    harness.advance(74_999);
    client.expect_nothing();
    harness.advance(1);
    client.expect_goaway(9, NO_ERROR);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_connection_in_use_sets_few_timers() {
    let harness = h2("timeouts: {idle-ms: 10000}");
    let mut client = Client::connect(&harness);
    for round in 0..50 {
        client.send(get(2 * round + 1));
        echo(&mut harness.expect_open());
        client.expect_response(2 * round + 1, "200", "");
        harness.advance(10);
    }
    let timers = harness.transcript().matches("timer").count();
    assert!(timers <= 4, "{timers}");
}

#[test]
fn a_body_must_go_on_in_time() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([post(1), post(3)].concat());
    let (mut slow, mut begun_already) = (harness.expect_open(), harness.expect_open());
    begun_already.send(begun());
    client.expect_head(3, "200");
    for piece in ["a", "b"] {
        harness.advance(59_999);
        client.send([frame(DATA, 0, 1, piece), frame(DATA, 0, 3, piece)].concat());
    }
    harness.advance(59_999);
    client.expect_nothing();
    harness.advance(1);
    client.expect_refusal(1, "408", "the body did not come in time");
    client.expect_reset(1, NO_ERROR);
    client.expect_reset(3, CANCEL);
    client.expect_well();
    slow.recv_all();
    assert!(slow.is_over());
}

#[test]
fn a_client_is_not_blamed_for_an_exit_that_takes_nothing() {
    let harness = h2_with("timeouts: {idle-ms: 0}", Limits { initial_credit: 80, ..Limits::default() });
    let mut client = Client::connect(&harness);
    client.send([post(1), frame(DATA, END_STREAM, 1, [b'x'; 90])].concat());
    harness.advance(1_000_000);
    client.expect_nothing();
    let mut exit = harness.expect_open();
    exit.grant_all();
    exit.recv_begin();
    exit.recv(data([b'x'; 90]));
    exit.recv(end());
}

#[test]
fn an_exit_that_has_answered_must_take_the_rest_in_time() {
    for flags in [0, END_STREAM] {
        let harness = h2_with("timeouts: {idle-ms: 0}", Limits { initial_credit: 80, ..Limits::default() });
        let mut client = Client::connect(&harness);
        client.send([post(1), frame(DATA, flags, 1, [b'x'; 90])].concat());
        let mut exit = harness.expect_open();
        exit.send_all([begun(), end()]);
        client.expect_response(1, "200", "");
        harness.advance(59_999);
        client.expect_nothing();
        harness.advance(1);
        client.expect_reset(1, CANCEL);
        exit.recv_all();
        assert!(exit.is_over());
        client.expect_well();
    }
}

#[test]
fn an_exit_may_have_to_answer_in_time() {
    let harness = h2("timeouts: {response-ms: 500}");
    let mut client = Client::connect(&harness);
    client.send([get(1), post(3)].concat());
    harness.advance(499);
    client.expect_nothing();
    harness.advance(1);
    client.expect_refusal(1, "504", "the exit did not answer in time");
    harness.advance(10_000);
    client.send(frame(DATA, END_STREAM, 3, []));
    harness.advance(499);
    client.expect_nothing();
    harness.advance(1);
    client.expect_refusal(3, "504", "the exit did not answer in time");
    client.expect_well();
}

#[test]
fn a_stream_whose_window_stays_shut_is_reset() {
    let harness = h2("");
    let mut client = Client::with_settings(&harness, &setting(4, 1));
    client.peer.grant_all();
    client.send([get(1), get(3)].concat());
    harness.expect_open().send_all([begun(), data("xyz"), end()]);
    client.expect_head(1, "200");
    client.expect(DATA, 0, 1, "x");
    harness.advance(59_000);
    client.send(window_update(1, 1));
    client.expect(DATA, 0, 1, "y");
    harness.advance(59_999);
    client.expect_nothing();
    harness.advance(1);
    client.expect_reset(1, CANCEL);
    client.expect_well();
}

#[test]
fn a_client_that_takes_nothing_is_aborted() {
    let harness = h2_with("", Limits { initial_credit: 200, ..Limits::default() });
    let mut client = Client::silent(&harness);
    client.send([PREFACE, &frame(SETTINGS, 0, 0, []), &frame(SETTINGS, ACK, 0, []), &get(1)].concat());
    let mut exit = harness.expect_open();
    exit.send_all([begun(), data([b'x'; 200])]);
    harness.advance(59_999);
    client.peer.send(window(1));
    harness.advance(59_999);
    assert!(client.peer.can_send());
    harness.advance(1);
    client.peer.recv_data_all();
    client.peer.recv_kind(FrameKind::Abort);
    exit.recv_all();
    assert!(exit.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_goaway_that_nobody_takes_does_not_keep_the_connection() {
    let harness = h2_with("", Limits { initial_credit: 60, ..Limits::default() });
    let mut client = Client::silent(&harness);
    client.send([PREFACE, &frame(PING, 0, 0, [0; 8])].concat());
    harness.advance(60_000);
    client.peer.recv_data_all();
    client.peer.recv_all();
    assert_eq!(harness.streams(), 0);
}

#[test]
fn nothing_is_limited_where_the_limit_is_0() {
    let harness = h2(
        "timeouts: {header-read-ms: 0, body-read-ms: 0, write-ms: 0, idle-ms: 0, response-ms: 0, settings-ms: 0}",
    );
    let mut client = Client::silent(&harness);
    let octets = [PREFACE, &frame(SETTINGS, 0, 0, []), &post(1)].concat();
    for piece in octets.chunks(7) {
        harness.advance(1_000_000_000);
        client.send(piece);
    }
    harness.advance(1_000_000_000);
    client.send(frame(DATA, END_STREAM, 1, "x"));
    harness.advance(1_000_000_000);
    echo(&mut harness.expect_open());
    client.frames.retain(|frame| frame.stream == 1);
    client.expect_response(1, "200", "x");
    assert_eq!(harness.transcript().matches("timer").count(), 0);
}
