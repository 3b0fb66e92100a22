//! Windows and credit, both ways.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn content_is_sent_as_windows_allow() {
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::with(&harness, &setting(INITIAL_WINDOW_SIZE, 10));
    origin.peer.grant_all();
    origin.recv();
    opener.send(data("0123456789abcdef"));
    origin.expect(DATA, 0, 1, "0123456789");
    origin.send(window_update(1, 2));
    origin.expect(DATA, 0, 1, "ab");
    // The window of all streams goes below zero, and up again.
    origin.send(setting(INITIAL_WINDOW_SIZE, 5));
    origin.expect(SETTINGS, ACK, 0, []);
    origin.send(window_update(1, 5));
    origin.expect_nothing();
    origin.send(setting(INITIAL_WINDOW_SIZE, 7));
    origin.expect(SETTINGS, ACK, 0, []);
    origin.expect(DATA, 0, 1, "cd");
    opener.send(end());
    origin.expect_nothing();
    origin.send(window_update(1, 100));
    origin.expect(DATA, END_STREAM, 1, "ef");
}

#[test]
fn content_of_all_requests_is_sent_as_the_connection_allows_and_in_turn() {
    let harness = client("");
    let mut origin;
    let mut openers = [harness.open(request("POST")), harness.open(request("POST"))];
    origin = Origin::with(&harness, &setting(INITIAL_WINDOW_SIZE, 1_000_000));
    origin.peer.grant_all();
    origin.frames.clear();
    for opener in &mut openers {
        opener.send(data("x".repeat(60_000)));
    }
    origin.read();
    let sent: usize = origin.frames.iter().map(|frame| frame.payload.len()).sum();
    assert_eq!(sent, 65_535);
    origin.frames.clear();
    openers[0].send_payload("x".repeat(5_536));
    origin.send(window_update(0, 65_536));
    let pieces: Vec<(u32, usize)> =
        origin.frames.iter().map(|frame| (frame.stream, frame.payload.len())).collect();
    // Frames of both, in turn.
    assert_eq!(pieces[..2], [(3, 16_384), (1, 5_536)]);
    assert_eq!(pieces.iter().map(|piece| piece.1).sum::<usize>(), 60_001);
}

#[test]
fn an_opener_gets_credit_as_the_origin_takes_its_content() {
    let harness = client_with("", Limits { initial_credit: 100, ..Limits::default() });
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::with(&harness, &setting(INITIAL_WINDOW_SIZE, 0));
    origin.peer.grant_all();
    opener.send(data("x".repeat(100)));
    assert_eq!(opener.credit(), 0);
    origin.send(window_update(1, 49));
    assert_eq!(opener.credit(), 0);
    origin.send(window_update(1, 1));
    assert_eq!(opener.credit(), 50);
}

#[test]
fn an_opener_that_takes_nothing_holds_up_its_own_response_alone() {
    let harness = client_with(
        "limits: {h2: {stream-window-bytes: 1000}}",
        Limits { initial_credit: 300, ..Limits::default() },
    );
    let mut slow = ask(&harness);
    let mut quick = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    origin.peer.grant_all();
    origin.send(frame(SETTINGS, 0, 0, []));
    origin.send([ok(1), ok(3)].concat());
    quick.auto_window();
    origin.send(frame(DATA, 0, 1, "x".repeat(1_000)));
    origin.frames.clear();
    // What is taken is given back, and more as all of it is taken at once, up to four times as much.
    let mut given = 0;
    for _ in 0..20 {
        origin.send(frame(DATA, 0, 3, "y".repeat(500)));
        for found in origin.frames.drain(..) {
            assert_eq!((found.kind, found.stream), (WINDOW_UPDATE, 3));
            given += found.number(0);
        }
    }
    assert!((12_000..=13_000).contains(&given), "{given}");
    slow.recv_begin();
    assert_eq!(slow.recv_text().len(), 300);
    slow.send(window_from(slow.granted(), 200));
    assert_eq!(slow.recv_text().len(), 200);
    origin.expect(WINDOW_UPDATE, 0, 1, 500_u32.to_be_bytes());
    origin.send(frame(DATA, END_STREAM, 1, "x".repeat(500)));
    slow.recv_nothing();
    slow.grant_all();
    assert_eq!(slow.recv_text().len(), 1_000);
    slow.recv(end());
    assert!(slow.is_over());
}

fn window_from(granted: u64, more: u64) -> Frame {
    assert_eq!(granted, 0);
    window(more)
}

#[test]
fn an_origin_that_sends_more_than_it_may_is_left() {
    let harness = client("limits: {h2: {stream-window-bytes: 100}}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(ok(1));
    opener.recv_begin();
    origin.send(frame(DATA, 0, 1, "x".repeat(101)));
    expect_failed(&mut opener, CloseCode::Violation);
    origin.expect_reset(1, FLOW_CONTROL_ERROR);
    expect_kept(&harness, &mut origin, 3);
    let limits = Limits { initial_credit: 100, ..Limits::default() };
    let harness = client_with("limits: {h2: {connection-window-bytes: 65535}}", limits);
    let mut opener = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    origin.peer.grant_all();
    origin.send([frame(SETTINGS, 0, 0, []), ok(1)].concat());
    for _ in 0..4 {
        origin.send(frame(DATA, 0, 1, "x".repeat(16_384)));
    }
    let frames = opener.recv_all();
    assert!(frames.contains(&abort(CloseCode::Violation)), "{frames:?}");
    origin.expect_goaway(FLOW_CONTROL_ERROR);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn windows_of_streams_that_are_left_are_given_back_for_the_connection() {
    let options = "limits: {h2: {connection-window-bytes: 65535}}";
    let harness = client_with(options, Limits { initial_credit: 100, ..Limits::default() });
    let mut given_back = 0;
    let mut origin: Option<Origin> = None;
    for index in 0..20 {
        let stream = index * 2 + 1;
        let mut opener = ask(&harness);
        let origin = origin.get_or_insert_with(|| {
            let mut origin = Origin::silent(&harness, None);
            origin.peer.grant_all();
            origin.send(frame(SETTINGS, 0, 0, []));
            origin
        });
        origin.send([ok(stream), frame(DATA, 0, stream, "x".repeat(16_000))].concat());
        opener.send(reset(CloseCode::Cancelled));
        origin.read();
        given_back += origin
            .frames
            .drain(..)
            .filter(|frame| frame.kind == WINDOW_UPDATE && frame.stream == 0)
            .map(|frame| u64::from(frame.number(0)))
            .sum::<u64>();
    }
    assert!(given_back > 19 * 16_000 - 32_768, "{given_back}");
}

#[test]
fn long_content_is_passed_without_a_copy_and_little_is_held() {
    let harness = client("");
    let mut opener = ask(&harness);
    opener.auto_window();
    let mut origin = Origin::accept(&harness);
    origin.send(ok(1));
    for _ in 0..1_000 {
        origin.send(frame(DATA, 0, 1, "x".repeat(16_384)));
        origin.frames.clear();
    }
    assert_eq!(opener.recv_all().iter().map(|frame| frame.payload.len()).sum::<usize>(), 16_384_000);
    origin.send(frame(DATA, END_STREAM, 1, ""));
    opener.recv(end());
}

#[test]
fn frames_are_no_longer_than_the_usual() {
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::with(&harness, &setting(MAX_FRAME_SIZE, 100_000));
    origin.peer.grant_all();
    opener.send(data("x".repeat(40_000)));
    origin.read();
    assert!(origin.frames.iter().all(|frame| frame.payload.len() <= 16_384));
}
